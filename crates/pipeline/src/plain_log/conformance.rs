//! `clew journey conformance`: actual against allowed path.

use clew_journey::conformance::{Deviation, Move, VariantFit};
use clew_journey::process_tree::AllowedPath;
use clew_journey::{ConformanceQuestion, conformance};
use serde::Serialize;

use super::Share;
use super::table::LogTable;

/// `clew journey conformance`.
#[derive(Clone, Debug, Serialize)]
pub struct ConformanceReport {
    /// The model as a process tree, in PM4Py's notation.
    pub model: String,
    /// Activities of the model that never occur.
    pub absent: Vec<String>,
    /// Cases.
    pub cases: u64,
    /// Cases without a deviation, of those that could be aligned.
    pub fitting: Share,
    /// Cases that took too much work to align: in no figure of alignments.
    pub unaligned: u64,
    /// Fitness of the log by alignments.
    pub fitness: Option<f64>,
    /// Mean fitness of cases by alignments.
    pub mean_fitness: Option<f64>,
    /// Fitness of the log by token replay.
    pub replay_fitness: Option<f64>,
    /// Mean fitness of cases by token replay.
    pub mean_replay_fitness: Option<f64>,
    /// Deviations, those of most cases first.
    pub deviations: Vec<DeviationRow>,
    /// Deviating variants, those of most cases first.
    pub variants: Vec<VariantFitRow>,
}

/// A deviation.
#[derive(Clone, Debug, Serialize)]
pub struct DeviationRow {
    /// `skipped`: wanted, and did not happen. `inserted`: happened, and not allowed here.
    pub kind: &'static str,
    /// The activity.
    pub activity: String,
    /// The last activity before it that fits; null at the beginning.
    pub after: Option<String>,
    /// How often.
    pub occurrences: u64,
    /// In how many cases.
    pub cases: u64,
    /// Their share of the cases that could be aligned.
    pub share: Share,
}

/// A variant beside the model.
#[derive(Clone, Debug, Serialize)]
pub struct VariantFitRow {
    /// Its cases.
    pub cases: u64,
    /// Deviations.
    pub cost: u64,
    /// 1 minus cost over that of the worst alignment.
    pub fitness: f64,
    /// The alignment, in order.
    pub alignment: Vec<MoveRow>,
}

/// A step of an alignment.
#[derive(Clone, Debug, Serialize)]
pub struct MoveRow {
    /// `both`, `inserted` or `skipped`.
    #[serde(rename = "move")]
    pub kind: &'static str,
    /// The activity.
    pub activity: String,
}

impl LogTable {
    /// Holds the cases against an allowed path. At most `top` deviations and as many variants are told.
    pub fn conformance(&self, allowed: &AllowedPath, most_states: usize, top: usize) -> ConformanceReport {
        let mut names = self.activity.texts.clone();
        let known = names.len();
        let model = allowed.tree(&mut |name| {
            let code = names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            code as u32
        });
        let name = |code: u32| names[code as usize].clone();
        let found = conformance(&self.traces(), &model, &ConformanceQuestion { most_states, variants: top });
        let aligned = found.cases - found.unaligned;
        let deviation = |deviation: &Deviation| DeviationRow {
            kind: if deviation.place.skipped { "skipped" } else { "inserted" },
            activity: name(deviation.place.activity),
            after: deviation.place.after.map(name),
            occurrences: deviation.occurrences,
            cases: deviation.cases,
            share: Share::of(deviation.cases, aligned),
        };
        let step = |step: &Move| match *step {
            Move::Both(code) => MoveRow { kind: "both", activity: name(code) },
            Move::Inserted(code) => MoveRow { kind: "inserted", activity: name(code) },
            Move::Skipped(code) => MoveRow { kind: "skipped", activity: name(code) },
        };
        let variant = |variant: &VariantFit| VariantFitRow {
            cases: variant.cases,
            cost: variant.cost,
            fitness: variant.fitness,
            alignment: variant.moves.iter().map(step).collect(),
        };
        ConformanceReport {
            model: model.to_text(&name),
            absent: names[known..].to_vec(),
            cases: found.cases,
            fitting: Share::of(found.fitting, aligned),
            unaligned: found.unaligned,
            fitness: found.fitness,
            mean_fitness: found.mean_fitness,
            replay_fitness: found.replay_fitness,
            mean_replay_fitness: found.mean_replay_fitness,
            deviations: found.deviations.iter().take(top).map(deviation).collect(),
            variants: found.variants.iter().map(variant).collect(),
        }
    }
}
