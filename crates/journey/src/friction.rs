//! Friction: where people repeat themselves, wait, are sent around, or give up. A catalogue that a log can show, with every
//! threshold a parameter.
//!
//! [`occurrences`] names every single one with the rows it rests on, so that each number can be opened; [`friction`] sums them
//! up into findings, with cases, people, time lost, cost and examples, those of most people first.
//!
//! Findings overlap: one event may be a repetition, a transfer and a long wait. Their times and costs do not add up to a
//! total, and none is made. Nothing is called friction because it was not observed: the last touch of a case counts as a
//! dead end only if the silence after it was seen for long enough, and only for activities after which people fall silent
//! more often than after others.

mod find;

use clew_stats::comparison::{ProportionDifference, two_proportions};
use clew_stats::multiple::benjamini_hochberg;
use clew_stats::quantile::{QuantileType, quantile_of_sorted};
use rustc_hash::FxHashMap;

pub use self::find::occurrences;
use crate::log::Traces;

/// What kind of friction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The same activity again within a few steps. Time lost: from the one to the other.
    Loop,
    /// To another activity and straight back. Time lost: from the first to the return.
    BackAndForth,
    /// A wait beyond a high quantile of its edge. Time lost: beyond the edge's median.
    LongWait,
    /// A contact of a person soon after another one.
    RepeatContact,
    /// Another channel inside an episode.
    ChannelSwitch,
    /// A last touch, then silence, where silence is more frequent than elsewhere.
    DeadEnd,
    /// Many of the same at once. Time lost: from the first to the last.
    Rage,
    /// The case goes on after its end. Time lost: from the end to the next end, or to the last event.
    Reopened,
    /// Another agent or team. Time lost: until the other one has it.
    Transfer,
    /// An activity that is a failure by itself, such as an error, an abandoned form or queue.
    Failure,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Loop,
        Self::BackAndForth,
        Self::LongWait,
        Self::RepeatContact,
        Self::ChannelSwitch,
        Self::DeadEnd,
        Self::Rage,
        Self::Reopened,
        Self::Transfer,
        Self::Failure,
    ];

    /// Whether a log shows time that was lost by it.
    pub const fn loses_time(self) -> bool {
        !matches!(self, Self::RepeatContact | Self::ChannelSwitch | Self::DeadEnd | Self::Failure)
    }

    /// The word for reports and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::BackAndForth => "back_and_forth",
            Self::LongWait => "long_wait",
            Self::RepeatContact => "repeat_contact",
            Self::ChannelSwitch => "channel_switch",
            Self::DeadEnd => "dead_end",
            Self::Rage => "rage",
            Self::Reopened => "reopened",
            Self::Transfer => "transfer",
            Self::Failure => "failure",
        }
    }
}

/// Events with what is known of them. A column that is not known is empty, a value that is not known [`NO_KEY`](crate::events::NO_KEY).
#[derive(Clone, Copy, Debug)]
pub struct FrictionEvents<'a> {
    /// Time and activity by case.
    pub traces: Traces<'a>,
    /// Person of each case number; empty where a case is a person.
    pub person: &'a [u32],
    /// Codes of channels.
    pub channel: &'a [u32],
    /// Codes of agents or teams.
    pub resource: &'a [u32],
    /// What an event costs, in one currency.
    pub cost: &'a [f64],
}

impl FrictionEvents<'_> {
    /// The person of a case.
    pub fn person(&self, case: u32) -> u32 {
        self.person.get(case as usize).copied().unwrap_or(case)
    }
}

/// Where friction begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// [`Kind::Loop`]: the same activity at most so many events later. 0 looks for none.
    pub loop_within: usize,
    /// [`Kind::LongWait`]: longer than this quantile of the edge.
    pub long_wait_quantile: f64,
    /// Waits that an edge needs for its quantile to mean something.
    pub min_waits: usize,
    /// [`Kind::RepeatContact`]: so soon after the one before.
    pub repeat_within_us: i64,
    /// Activities that are contacts.
    pub contacts: Vec<u32>,
    /// A longer silence ends an episode: [`Kind::ChannelSwitch`] and [`Kind::Transfer`] are looked for inside one.
    pub episode_gap_us: i64,
    /// [`Kind::DeadEnd`]: silence of at least this.
    pub silence_us: i64,
    /// False discovery rate of activities with dead ends.
    pub false_discovery_rate: f64,
    /// [`Kind::Rage`]: so many of the same …
    pub rage_count: usize,
    /// … within this.
    pub rage_within_us: i64,
    /// Activities that end a case: no dead ends, and [`Kind::Reopened`] if it goes on …
    pub ends: Vec<u32>,
    /// … within this.
    pub reopened_within_us: i64,
    /// Activities that are a [`Kind::Failure`].
    pub failures: Vec<u32>,
    /// How long the log was observed.
    pub observed_until_us: i64,
    /// Most examples of a finding.
    pub examples: usize,
}

impl Thresholds {
    /// The usual ones, of a log that was observed until then, without contacts, ends and failures.
    pub fn usual(observed_until_us: i64) -> Self {
        const SECOND: i64 = 1_000_000;
        const DAY: i64 = 86_400 * SECOND;
        Self {
            loop_within: 5,
            long_wait_quantile: 0.9,
            min_waits: 20,
            repeat_within_us: 7 * DAY,
            contacts: Vec::new(),
            episode_gap_us: DAY,
            silence_us: 30 * DAY,
            false_discovery_rate: 0.05,
            rage_count: 3,
            rage_within_us: 2 * SECOND,
            ends: Vec::new(),
            reopened_within_us: 30 * DAY,
            failures: Vec::new(),
            observed_until_us,
            examples: 5,
        }
    }
}

/// One case of friction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occurrence {
    /// Kind.
    pub kind: Kind,
    /// What it is about: an activity, a channel ([`Kind::ChannelSwitch`]) or an agent or team ([`Kind::Transfer`]).
    pub from: u32,
    /// The other one; [`NO_KEY`](crate::events::NO_KEY) where there is none.
    pub to: u32,
    /// Case.
    pub case: u32,
    /// First and last row.
    pub rows: (usize, usize),
    /// Time lost.
    pub lost_us: i64,
}

/// Friction of one kind at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Kind.
    pub kind: Kind,
    /// As in [`Occurrence::from`].
    pub from: u32,
    /// As in [`Occurrence::to`].
    pub to: u32,
    /// How often.
    pub occurrences: u64,
    /// How often it could have been: events of the activity, transitions of the edge, contacts, events that follow within the
    /// episode. Too young ones are not among them.
    pub opportunities: u64,
    /// Cases.
    pub cases: u64,
    /// People.
    pub people: u64,
    /// Time lost.
    pub lost_us: i64,
    /// Cost of the events that would not have been: repetitions, repeats, what came after the end.
    pub cost: f64,
    /// Those with most time lost.
    pub examples: Vec<Occurrence>,
}

/// First-contact resolution: contacts that the same person did not have to repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstContact {
    /// Contacts that were observed long enough.
    pub contacts: u64,
    /// Those not followed by another one of the same person in time.
    pub resolved: u64,
    /// First contacts among them: none of the person in the same time before.
    pub first_contacts: u64,
    /// First contacts that were resolved.
    pub first_resolved: u64,
    /// Contacts that were not observed long enough, and are in none of the above.
    pub too_young: u64,
}

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Friction {
    /// Findings, those of most people first, then of most time.
    pub findings: Vec<Finding>,
    /// First-contact resolution; none without contacts.
    pub first_contact: Option<FirstContact>,
}

/// Median and threshold of an edge's waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeWait {
    /// How often.
    pub n: u64,
    /// Median.
    pub median_us: f64,
    /// The quantile beyond which a wait is long.
    pub long_us: f64,
}

/// Waits of the edges with enough of them. O(events · log).
pub fn edge_waits(traces: &Traces<'_>, quantile: f64, min_waits: usize) -> FxHashMap<(u32, u32), EdgeWait> {
    let mut waits: FxHashMap<(u32, u32), Vec<f64>> = FxHashMap::default();
    for rows in traces.cases() {
        for at in rows.start + 1..rows.end {
            let wait_us = (traces.time_us[at] - traces.time_us[at - 1]) as f64;
            waits.entry((traces.code[at - 1], traces.code[at])).or_default().push(wait_us);
        }
    }
    let wait = |(edge, mut waits): (_, Vec<f64>)| {
        if waits.len() < min_waits.max(1) {
            return None;
        }
        waits.sort_unstable_by(f64::total_cmp);
        let at = |p| quantile_of_sorted(&waits, p, QuantileType::T7);
        Some((edge, EdgeWait { n: waits.len() as u64, median_us: at(0.5)?, long_us: at(quantile)? }))
    };
    waits.into_iter().filter_map(wait).collect()
}

/// Activities after which people fall silent more often than after others: visits and silences of each.
pub(crate) fn dead_ends(events: &FrictionEvents<'_>, thresholds: &Thresholds) -> FxHashMap<u32, (u64, u64)> {
    let young = |time_us: i64| time_us > thresholds.observed_until_us.saturating_sub(thresholds.silence_us);
    let mut counts: FxHashMap<u32, (u64, u64)> = FxHashMap::default();
    for rows in events.traces.cases() {
        for at in rows.clone().filter(|at| !young(events.traces.time_us[*at])) {
            let activity = events.traces.code[at];
            if !thresholds.ends.contains(&activity) {
                let count = counts.entry(activity).or_default();
                count.0 += 1;
                count.1 += u64::from(at + 1 == rows.end);
            }
        }
    }
    let all = counts.values().fold((0, 0), |all, count| (all.0 + count.0, all.1 + count.1));
    let mut tested: Vec<(u32, (u64, u64))> = counts.into_iter().collect();
    tested.sort_unstable();
    let compared = |count: &(u64, u64)| {
        let others = (all.1 - count.1, all.0 - count.0);
        two_proportions((count.1, count.0), others, 0.95, ProportionDifference::Newcombe)
    };
    let results: Vec<_> = tested.iter().map(|(_, count)| compared(count)).collect();
    let corrected = benjamini_hochberg(&results.iter().map(|result| result.p_value).collect::<Vec<_>>());
    let is_dead_end = |(result, p): (&clew_stats::comparison::Comparison, Option<f64>)| {
        result.difference.estimate.is_some_and(|gap| gap > 0.0) && p.is_some_and(|p| p <= thresholds.false_discovery_rate)
    };
    let kept = results.iter().zip(corrected).map(is_dead_end);
    tested.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(counted, _)| counted).collect()
}

/// Looks for friction. O(events · log), and 16 bytes an occurrence.
///
/// # Panics
/// If a known column has not one entry an event.
pub fn friction(events: &FrictionEvents<'_>, thresholds: &Thresholds) -> Friction {
    let mut sums = Sums::default();
    let first_contact =
        occurrences(events, thresholds, &mut |found, opportunities| sums.add(events, thresholds, found, opportunities));
    sums.finish(first_contact)
}

#[derive(Default)]
struct Sums {
    numbers: FxHashMap<(Kind, u32, u32), u32>,
    findings: Vec<Finding>,
    /// Finding and case, finding and person of each occurrence.
    cases: Vec<(u32, u32)>,
    people: Vec<(u32, u32)>,
}

impl Sums {
    fn add(&mut self, events: &FrictionEvents<'_>, thresholds: &Thresholds, found: Occurrence, opportunities: u64) {
        let Occurrence { kind, from, to, case, .. } = found;
        let number = *self.numbers.entry((kind, from, to)).or_insert_with(|| {
            let (occurrences, cases, people, lost_us, cost, examples) = (0, 0, 0, 0, 0.0, Vec::new());
            self.findings.push(Finding { kind, from, to, occurrences, opportunities, cases, people, lost_us, cost, examples });
            self.findings.len() as u32 - 1
        });
        let finding = &mut self.findings[number as usize];
        finding.occurrences += 1;
        finding.lost_us += found.lost_us;
        finding.cost += events.cost.get(find::superfluous(&found)).map_or(0.0, |costs| costs.iter().sum());
        let place = finding.examples.partition_point(|example| example.lost_us >= found.lost_us);
        if place < thresholds.examples {
            finding.examples.insert(place, found);
            finding.examples.truncate(thresholds.examples);
        }
        for (pairs, whose) in [(&mut self.cases, case), (&mut self.people, events.person(case))] {
            if pairs.last() != Some(&(number, whose)) {
                pairs.push((number, whose));
            }
        }
    }

    fn finish(mut self, first_contact: Option<FirstContact>) -> Friction {
        for pairs in [&mut self.cases, &mut self.people] {
            pairs.sort_unstable();
            pairs.dedup();
        }
        self.cases.iter().for_each(|(number, _)| self.findings[*number as usize].cases += 1);
        self.people.iter().for_each(|(number, _)| self.findings[*number as usize].people += 1);
        self.findings.sort_unstable_by(|a, b| {
            let key = |finding: &Finding| {
                (std::cmp::Reverse((finding.people, finding.lost_us)), finding.kind, finding.from, finding.to)
            };
            key(a).cmp(&key(b))
        });
        Friction { findings: self.findings, first_contact }
    }
}
