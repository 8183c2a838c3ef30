//! Actual against intended path: how well each case fits a model of what is allowed, and where it departs from it.
//!
//! **Alignments** (A. Adriansyah, Aligning Observed and Modeled Behavior, 2014) set each trace beside the run of the model that
//! is nearest to it: an activity that the model does not allow there is *inserted*, one that it wants and that did not happen is
//! *skipped*. Each costs 1, both together and silent moves nothing, and the cost is the least possible. Fitness is 1 minus the
//! cost over that of the worst alignment: everything inserted, and the shortest run of the model skipped.
//!
//! **Token replay** (A. Rozinat & W. van der Aalst 2008, Information Systems 33:64) plays each trace on the Petri net and counts
//! tokens that are produced, consumed, missing and remaining. It is cheaper, and mild with what is far from the model.
//!
//! Every variant is computed once. Work per variant is bounded ([`ConformanceQuestion::most_states`]): beyond it a variant has
//! no alignment, and its cases are counted, not guessed.

mod align;
mod net;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

pub use self::align::Move;
use self::align::{Aligner, Alignment};
pub use self::net::{PetriNet, Replay};
use crate::log::Traces;
use crate::process_tree::ProcessTree;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConformanceQuestion {
    /// States of the search that a variant may take: (marking, place in the trace).
    pub most_states: usize,
    /// Variants that are told, those of most deviating cases first.
    pub variants: usize,
}

/// Where cases depart from the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whether the activity is wanted and did not happen; else it happened and is not allowed here.
    pub skipped: bool,
    /// The activity.
    pub activity: u32,
    /// The last activity before it that fits; none at the beginning.
    pub after: Option<u32>,
}

/// A deviation, summed over cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// What and where.
    pub place: Place,
    /// How often.
    pub occurrences: u64,
    /// In how many cases.
    pub cases: u64,
}

/// A variant beside the model.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantFit {
    /// Its activities.
    pub activities: Vec<u32>,
    /// Its cases.
    pub cases: u64,
    /// Deviations.
    pub cost: u64,
    /// 1 for none.
    pub fitness: f64,
    /// The alignment.
    pub moves: Vec<Move>,
}

/// How a log fits a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conformance {
    /// Cases.
    pub cases: u64,
    /// Cases that fit without deviation.
    pub fitting: u64,
    /// Cases of variants that took too many states: in no other figure of alignments.
    pub unaligned: u64,
    /// Mean fitness of cases by alignments; none without an aligned case.
    pub mean_fitness: Option<f64>,
    /// Fitness of the log by alignments: 1 minus all costs over those of the worst alignments.
    pub fitness: Option<f64>,
    /// Fitness of the log by token replay.
    pub replay_fitness: Option<f64>,
    /// Mean fitness of cases by token replay.
    pub mean_replay_fitness: Option<f64>,
    /// Deviations, those of most cases first.
    pub deviations: Vec<Deviation>,
    /// Deviating variants, those of most cases first.
    pub variants: Vec<VariantFit>,
}

/// Holds the cases against the model.
pub fn conformance(traces: &Traces<'_>, model: &ProcessTree, question: &ConformanceQuestion) -> Conformance {
    let mut variants: FxHashMap<&[u32], u64> = FxHashMap::default();
    for rows in traces.cases() {
        *variants.entry(&traces.code[rows]).or_default() += 1;
    }
    let mut variants: Vec<(&[u32], u64)> = variants.into_iter().collect();
    variants.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let net = PetriNet::of(model);
    let mut aligner = Aligner::new(&net, question.most_states);
    let mut sums = Sums { shortest: model.shortest(), ..Sums::default() };
    let mut found = Conformance::default();
    for (trace, cases) in variants {
        found.cases += cases;
        sums.replay(net.replay(trace), cases);
        let Some(alignment) = aligner.align(trace) else {
            found.unaligned += cases;
            continue;
        };
        let cost = alignment.cost;
        let fitness = sums.alignment(trace, &alignment, cases);
        if cost == 0 {
            found.fitting += cases;
        } else if found.variants.len() < question.variants {
            found.variants.push(VariantFit { activities: trace.to_vec(), cases, cost, fitness, moves: alignment.moves });
        }
    }
    sums.finish(found)
}

#[derive(Debug, Default)]
struct Sums {
    /// Activities of the shortest run of the model.
    shortest: u64,
    costs: u64,
    worst: u64,
    fitness: f64,
    replay: Replay,
    replay_fitness: f64,
    deviations: BTreeMap<Place, (u64, u64)>,
}

impl Sums {
    fn replay(&mut self, replay: Replay, cases: u64) {
        self.replay_fitness += replay.fitness() * cases as f64;
        self.replay.add(&replay, cases);
    }

    fn alignment(&mut self, trace: &[u32], alignment: &Alignment, cases: u64) -> f64 {
        let worst = trace.len() as u64 + self.shortest;
        self.costs += alignment.cost * cases;
        self.worst += worst * cases;
        let fitness = if worst == 0 { 1.0 } else { 1.0 - alignment.cost as f64 / worst as f64 };
        self.fitness += fitness * cases as f64;
        let mut of_case: BTreeMap<Place, u64> = BTreeMap::new();
        let mut after = None;
        for step in &alignment.moves {
            match *step {
                Move::Both(activity) => after = Some(activity),
                Move::Inserted(activity) => *of_case.entry(Place { skipped: false, activity, after }).or_default() += 1,
                Move::Skipped(activity) => *of_case.entry(Place { skipped: true, activity, after }).or_default() += 1,
            }
        }
        for (place, times) in of_case {
            let sum = self.deviations.entry(place).or_default();
            *sum = (sum.0 + times * cases, sum.1 + cases);
        }
        fitness
    }

    fn finish(self, mut found: Conformance) -> Conformance {
        let aligned = found.cases - found.unaligned;
        if aligned > 0 {
            found.mean_fitness = Some(self.fitness / aligned as f64);
            found.fitness = Some(if self.worst == 0 { 1.0 } else { 1.0 - self.costs as f64 / self.worst as f64 });
        }
        if found.cases > 0 {
            found.replay_fitness = Some(self.replay.fitness());
            found.mean_replay_fitness = Some(self.replay_fitness / found.cases as f64);
        }
        let deviation = |(place, (occurrences, cases))| Deviation { place, occurrences, cases };
        found.deviations = self.deviations.into_iter().map(deviation).collect();
        found.deviations.sort_by_key(|deviation| std::cmp::Reverse((deviation.cases, deviation.occurrences)));
        found
    }
}
