//! What differs between two groups, or between before and after: for every transition how often and how fast people go on,
//! for every step how much of what happens it is, for every variant how many begin so.
//!
//! Groups are sides of events ([`Side`]), because an app version, a channel or a period belongs to an event and not to a
//! person. So one side may be longer or later than the other, and whatever grows with the time somebody is observed
//! would differ without anything having changed. Every figure here is chosen not to:
//!
//! * A **visit** is an event of a side; it counts if it was observed for `within_us` afterwards. Its outcome is the activity
//!   that comes next within that time, or nothing. The rate of a transition is its share of the visits.
//! * A **wait** is that of the first visit of a case that took the transition: one per case and side.
//! * The rate of a **step** is its share of the events of a side.
//! * A **variant** is what a case does within `within_us` of its first event, whose side it is on.
//!
//! Visits of one case resemble each other, so shares are of clusters ([`clew_stats::clustered`]), variants are compared by
//! the plain two-proportion test, waits by Mann–Whitney. A case on both sides makes the tests cautious, not bold. All
//! p-values of one comparison are corrected together (Benjamini–Hochberg); what is found is ranked by effect: the cases of
//! the second side for which it went otherwise than it would have on the first.

use clew_stats::clustered::{ClusteredShare, two_clustered_shares};
use clew_stats::comparison::{Comparison, ProportionDifference, difference_of, two_proportions};
use clew_stats::multiple::benjamini_hochberg;
use clew_stats::{Estimate, interval, rank};
use rustc_hash::FxHashMap;

use crate::log::Traces;

/// Expected successes and failures on the smaller side below which the normal approximation does not hold (Cochran 1954).
const MIN_EXPECTED: f64 = 5.0;

/// The group of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first group, or the time before.
    A,
    /// The second group, or the time after.
    B,
    /// Not compared, but what comes next may be such an event.
    Neither,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompareQuestion {
    /// What comes within this time of an event counts as its outcome.
    pub within_us: i64,
    /// How long the log was observed: visits later than `within_us` before it are censored.
    pub observed_until_us: i64,
    /// Cases that each side needs for something to be tested.
    pub min_cases: u64,
    /// Most variants that are tested, the most frequent first.
    pub variants: usize,
    /// Confidence level of intervals.
    pub level: f64,
    /// False discovery rate up to which a difference is found.
    pub false_discovery_rate: f64,
    /// Differences of shares below this are not found, however sure.
    pub min_difference: f64,
}

/// What was compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compared {
    /// Share of visits to `from` that go on to `to` next; `None`: to nothing.
    Transition {
        /// The earlier activity.
        from: u32,
        /// The later one.
        to: Option<u32>,
    },
    /// Wait of that transition in microseconds: medians, and Mann–Whitney's test.
    Wait {
        /// The earlier activity.
        from: u32,
        /// The later one.
        to: u32,
    },
    /// Share of events that are of this activity.
    Step(u32),
    /// Share of cases that do exactly this within the time.
    Variant(Vec<u32>),
}

/// A difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Of what.
    pub of: Compared,
    /// The figure of the first side.
    pub a: Estimate,
    /// That of the second.
    pub b: Estimate,
    /// Cases that the figures rest on: at the step, with the wait, with events, or begun.
    pub cases: (u64, u64),
    /// `b - a`.
    pub difference: Estimate,
    /// Of the test of no difference.
    pub p_value: Option<f64>,
    /// Corrected for all tests of the comparison.
    pub adjusted_p_value: Option<f64>,
    /// Cases of the second side for which it went otherwise: `difference` times its cases; of a wait the excess of cases
    /// that waited longer than on the first side over those that waited less.
    pub effect: f64,
    /// Whether it is a finding at the asked rate.
    pub found: bool,
}

/// A comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// Cases with events on each side.
    pub cases: (u64, u64),
    /// Events on each side.
    pub events: (u64, u64),
    /// Events that were not observed for the whole time.
    pub censored: u64,
    /// Tests that were made.
    pub tests: usize,
    /// Findings first, the largest effect on top; then the rest by p-value.
    pub differences: Vec<Difference>,
}

/// Compares the two sides. `side` tells that of each event of `traces`. O(events · log(events of a case)).
///
/// # Panics
/// If `side` has not one entry an event.
pub fn compare(traces: &Traces<'_>, side: &[Side], question: &CompareQuestion) -> Differences {
    assert_eq!(side.len(), traces.code.len(), "each event has a side");
    let mut sums = Sums::default();
    for rows in traces.cases() {
        sums.case(&traces.time_us[rows.clone()], &traces.code[rows.clone()], &side[rows], question);
    }
    let mut found = sums.differences(question);
    let corrected = benjamini_hochberg(&found.iter().map(|difference| difference.p_value).collect::<Vec<_>>());
    for (difference, adjusted) in found.iter_mut().zip(corrected) {
        let large = matches!(difference.of, Compared::Wait { .. })
            || difference.difference.estimate.is_some_and(|gap| gap.abs() >= question.min_difference);
        difference.adjusted_p_value = adjusted;
        difference.found = large && adjusted.is_some_and(|p| p <= question.false_discovery_rate);
    }
    found.sort_by(|x, y| {
        let by_effect = y.effect.abs().total_cmp(&x.effect.abs());
        let by_p = x.p_value.unwrap_or(2.0).total_cmp(&y.p_value.unwrap_or(2.0));
        let within = if x.found { by_effect } else { by_p };
        y.found.cmp(&x.found).then(within).then_with(|| x.of.cmp(&y.of))
    });
    Differences {
        cases: (sums.cases[0], sums.cases[1]),
        events: (sums.events[0].trials, sums.events[1].trials),
        censored: sums.censored,
        tests: found.iter().filter(|difference| difference.p_value.is_some()).count(),
        differences: found,
    }
}

/// A transition of both sides.
#[derive(Debug, Default)]
struct EdgeSums {
    /// Successes, and their sums; what concerns trials is that of the step.
    taken: [Successes; 2],
    waits_us: [Vec<f64>; 2],
}

/// The part of a clustered share that the clusters with a success make.
#[derive(Clone, Copy, Debug, Default)]
struct Successes {
    successes: u64,
    crossed: u64,
    squared: u64,
}

impl Successes {
    fn push(&mut self, trials: u64, successes: u64) {
        self.successes += successes;
        self.crossed += trials * successes;
        self.squared += successes * successes;
    }

    /// With the trials of all clusters.
    fn among(self, trials: &ClusteredShare) -> ClusteredShare {
        let Self { successes, crossed, squared } = self;
        ClusteredShare { successes, crossed, successes_squared: squared, ..*trials }
    }
}

/// A visit: from, to (+ 1; 0 for nothing), side, wait.
type Visit = (u32, u32, usize, i64);

#[derive(Debug, Default)]
struct Sums {
    cases: [u64; 2],
    /// Events by case.
    events: [ClusteredShare; 2],
    steps: FxHashMap<u32, [Successes; 2]>,
    /// Visits by case, of each activity.
    visits: FxHashMap<u32, [ClusteredShare; 2]>,
    edges: FxHashMap<(u32, u32), EdgeSums>,
    /// Cases that begin on a side and were observed long enough.
    begun: [u64; 2],
    variants: FxHashMap<Box<[u32]>, [u64; 2]>,
    censored: u64,
    of_case: Vec<Visit>,
}

impl Sums {
    fn case(&mut self, time_us: &[i64], code: &[u32], side: &[Side], question: &CompareQuestion) {
        let last_us = question.observed_until_us.saturating_sub(question.within_us);
        self.of_case.clear();
        let mut steps: Vec<(u32, usize)> = Vec::new();
        for at in 0..code.len() {
            let own = match side[at] {
                Side::A => 0,
                Side::B => 1,
                Side::Neither => continue,
            };
            steps.push((code[at], own));
            if time_us[at] > last_us {
                self.censored += 1;
                continue;
            }
            let next = (at + 1 < code.len()).then(|| time_us[at + 1] - time_us[at]);
            match next.filter(|wait_us| *wait_us <= question.within_us) {
                Some(wait_us) => self.of_case.push((code[at], code[at + 1] + 1, own, wait_us)),
                None => self.of_case.push((code[at], 0, own, 0)),
            }
        }
        self.steps(&mut steps);
        self.visits();
        let begins = match side.first() {
            Some(Side::A) => 0,
            Some(Side::B) => 1,
            _ => return,
        };
        if time_us[0] <= last_us {
            let end = time_us.partition_point(|time| *time - time_us[0] <= question.within_us);
            self.begun[begins] += 1;
            if !self.variants.contains_key(&code[..end]) {
                self.variants.insert(code[..end].into(), [0; 2]);
            }
            if let Some(cases) = self.variants.get_mut(&code[..end]) {
                cases[begins] += 1;
            }
        }
    }

    fn steps(&mut self, steps: &mut [(u32, usize)]) {
        let mut events = [0_u64; 2];
        steps.iter().for_each(|(_, own)| events[*own] += 1);
        for ((cases, all), events) in self.cases.iter_mut().zip(&mut self.events).zip(events) {
            *cases += u64::from(events > 0);
            all.push(events, 0);
        }
        steps.sort_unstable();
        for same in steps.chunk_by(|a, b| a == b) {
            let (step, own) = same[0];
            self.steps.entry(step).or_default()[own].push(events[own], same.len() as u64);
        }
    }

    fn visits(&mut self) {
        // Stable: the first of a transition stays the first.
        self.of_case.sort_by_key(|visit| (visit.0, visit.1));
        for visits in self.of_case.chunk_by(|a, b| a.0 == b.0) {
            let from = visits[0].0;
            let mut trials = [0_u64; 2];
            visits.iter().for_each(|visit| trials[visit.2] += 1);
            let sums = self.visits.entry(from).or_default();
            sums.iter_mut().zip(trials).for_each(|(sums, trials)| sums.push(trials, 0));
            for taken in visits.chunk_by(|a, b| a.1 == b.1) {
                let edge = self.edges.entry((from, taken[0].1)).or_default();
                for (own, &trials) in trials.iter().enumerate() {
                    let mut of_side = taken.iter().filter(|visit| visit.2 == own);
                    let Some(first) = of_side.next() else { continue };
                    edge.taken[own].push(trials, 1 + of_side.count() as u64);
                    if taken[0].1 > 0 {
                        edge.waits_us[own].push(first.3 as f64);
                    }
                }
            }
        }
    }

    fn differences(&mut self, question: &CompareQuestion) -> Vec<Difference> {
        let mut found = Vec::new();
        for (&(from, to), edge) in &mut self.edges {
            let trials = &self.visits[&from];
            let shares = [edge.taken[0].among(&trials[0]), edge.taken[1].among(&trials[1])];
            found.extend(of_shares(Compared::Transition { from, to: to.checked_sub(1) }, &shares, question));
            if let Some(to) = to.checked_sub(1) {
                found.extend(of_waits(Compared::Wait { from, to }, &mut edge.waits_us, question));
            }
        }
        for (&step, taken) in &self.steps {
            let shares = [taken[0].among(&self.events[0]), taken[1].among(&self.events[1])];
            found.extend(of_shares(Compared::Step(step), &shares, question));
        }
        let mut variants: Vec<(&Box<[u32]>, &[u64; 2])> = self.variants.iter().collect();
        variants.sort_unstable_by(|a, b| (b.1[0] + b.1[1]).cmp(&(a.1[0] + a.1[1])).then_with(|| a.0.cmp(b.0)));
        for (variant, cases) in variants.into_iter().take(question.variants) {
            found.extend(of_variant(variant, *cases, self.begun, question));
        }
        found
    }
}

/// Whether both sides expect enough successes and failures, of effective sizes.
fn is_testable(successes: f64, sizes: [f64; 2]) -> bool {
    let share = successes / (sizes[0] + sizes[1]);
    share.min(1.0 - share) * sizes[0].min(sizes[1]) >= MIN_EXPECTED
}

fn of_shares(of: Compared, shares: &[ClusteredShare; 2], question: &CompareQuestion) -> Option<Difference> {
    let [a, b] = shares;
    let own = [a.design_effect(), b.design_effect()];
    let effect = |at: usize| own[at].or(own[1 - at]).unwrap_or(1.0);
    let sizes = [a.trials as f64 / effect(0), b.trials as f64 / effect(1)];
    let successes = a.successes as f64 / effect(0) + b.successes as f64 / effect(1);
    if a.clusters.min(b.clusters) < question.min_cases || !is_testable(successes, sizes) {
        return None;
    }
    // `two_clustered_shares` is first minus second.
    let compared = two_clustered_shares(b, a, question.level);
    Some(difference(of, (a.share(question.level), b.share(question.level)), (a.clusters, b.clusters), &compared))
}

fn of_variant(variant: &[u32], cases: [u64; 2], begun: [u64; 2], question: &CompareQuestion) -> Option<Difference> {
    if begun[0].min(begun[1]) < question.min_cases || !is_testable((cases[0] + cases[1]) as f64, begun.map(|n| n as f64)) {
        return None;
    }
    let share = |own: usize| interval::proportion(cases[own], begun[own], question.level, interval::Proportion::Wilson);
    let method = ProportionDifference::Newcombe;
    let compared = two_proportions((cases[1], begun[1]), (cases[0], begun[0]), question.level, method);
    Some(difference(Compared::Variant(variant.to_vec()), (share(0), share(1)), (begun[0], begun[1]), &compared))
}

fn difference(of: Compared, (a, b): (Estimate, Estimate), cases: (u64, u64), compared: &Comparison) -> Difference {
    let effect = compared.difference.estimate.unwrap_or(0.0) * cases.1 as f64;
    let (difference, p_value) = (compared.difference, compared.p_value);
    Difference { of, a, b, cases, difference, p_value, adjusted_p_value: None, effect, found: false }
}

fn of_waits(of: Compared, waits_us: &mut [Vec<f64>; 2], question: &CompareQuestion) -> Option<Difference> {
    let [a, b] = waits_us;
    if (a.len().min(b.len()) as u64) < question.min_cases.max(2) {
        return None;
    }
    a.sort_unstable_by(f64::total_cmp);
    b.sort_unstable_by(f64::total_cmp);
    let test = rank::mann_whitney(b, a)?;
    let (median_a, median_b) = (rank::median(a, question.level), rank::median(b, question.level));
    Some(Difference {
        of,
        a: median_a,
        b: median_b,
        cases: (a.len() as u64, b.len() as u64),
        difference: difference_of(&median_b, &median_a),
        p_value: test.p_value,
        adjusted_p_value: None,
        effect: (2.0 * test.superiority - 1.0) * b.len() as f64,
        found: false,
    })
}
