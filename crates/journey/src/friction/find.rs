//! Every occurrence of friction, case by case.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::{EdgeWait, FirstContact, FrictionEvents, Kind, Occurrence, Thresholds, dead_ends, edge_waits};
use crate::events::NO_KEY;

/// Takes an occurrence, and how often it could have been at its place.
pub type Take<'a> = &'a mut dyn FnMut(Occurrence, u64);

/// Hands every occurrence to `take`, those of a kind case by case, with the opportunities of its place. Answers first-contact
/// resolution, where contacts are named. O(events · log).
///
/// # Panics
/// If a known column has not one entry an event.
pub fn occurrences(events: &FrictionEvents<'_>, thresholds: &Thresholds, take: Take<'_>) -> Option<FirstContact> {
    let n = events.traces.code.len();
    for length in [events.channel.len(), events.resource.len(), events.cost.len()] {
        assert!(length == 0 || length == n, "a column has {length} of {n} events");
    }
    let waits = edge_waits(&events.traces, thresholds.long_wait_quantile, thresholds.min_waits);
    let ends = dead_ends(events, thresholds);
    let (mut visits, mut pairs) = (FxHashMap::<u32, u64>::default(), Pairs::default());
    for rows in events.traces.cases() {
        events.traces.code[rows.clone()].iter().for_each(|activity| *visits.entry(*activity).or_default() += 1);
        pairs.count(events, thresholds, rows);
    }
    let mut case = Case { events, thresholds, waits: &waits, ends: &ends, visits: &visits, pairs: &pairs, number: 0, take };
    for (number, rows) in events.traces.numbered() {
        case.number = number;
        case.repetitions(rows.clone());
        case.waits(rows.clone());
        case.rage(rows.clone());
        case.reopened(rows.clone());
        case.changes(rows.clone());
        case.alone(rows);
    }
    (!thresholds.contacts.is_empty()).then(|| contacts(events, thresholds, case.take))
}

/// The rows that would not have been without the occurrence.
pub(super) fn superfluous(found: &Occurrence) -> Range<usize> {
    let (first, last) = found.rows;
    match found.kind {
        Kind::Loop | Kind::BackAndForth | Kind::Rage | Kind::Reopened => first + 1..last + 1,
        Kind::RepeatContact | Kind::ChannelSwitch | Kind::Transfer | Kind::Failure => last..last + 1,
        Kind::LongWait | Kind::DeadEnd => 0..0,
    }
}

/// Neighbours inside an episode by the channel, and by the agent or team, of the earlier.
#[derive(Default)]
struct Pairs {
    channel: FxHashMap<u32, u64>,
    resource: FxHashMap<u32, u64>,
}

impl Pairs {
    fn count(&mut self, events: &FrictionEvents<'_>, thresholds: &Thresholds, rows: Range<usize>) {
        for (codes, counts) in [(events.channel, &mut self.channel), (events.resource, &mut self.resource)] {
            neighbours(events, codes, thresholds.episode_gap_us, rows.clone(), &mut |(from, _), _| {
                *counts.entry(from).or_default() += 1;
            });
        }
    }
}

/// Known values that follow each other inside an episode: (from, to), (row, row).
fn neighbours(
    events: &FrictionEvents<'_>,
    codes: &[u32],
    gap_us: i64,
    rows: Range<usize>,
    take: &mut dyn FnMut((u32, u32), (usize, usize)),
) {
    if codes.is_empty() {
        return;
    }
    let time_us = events.traces.time_us;
    let mut last: Option<usize> = None;
    for at in rows.clone() {
        if at > rows.start && time_us[at] - time_us[at - 1] > gap_us {
            last = None;
        }
        if codes[at] == NO_KEY {
            continue;
        }
        if let Some(before) = last {
            take((codes[before], codes[at]), (before, at));
        }
        last = Some(at);
    }
}

struct Case<'a, 't> {
    events: &'a FrictionEvents<'a>,
    thresholds: &'a Thresholds,
    waits: &'a FxHashMap<(u32, u32), EdgeWait>,
    ends: &'a FxHashMap<u32, (u64, u64)>,
    visits: &'a FxHashMap<u32, u64>,
    pairs: &'a Pairs,
    number: u32,
    take: Take<'t>,
}

impl Case<'_, '_> {
    fn found(&mut self, kind: Kind, (from, to): (u32, u32), rows: (usize, usize), lost_us: i64) {
        let visits = |activity: u32| self.visits.get(&activity).copied().unwrap_or(0);
        let opportunities = match kind {
            Kind::LongWait => self.waits.get(&(from, to)).map_or(0, |edge| edge.n),
            Kind::DeadEnd => self.ends.get(&from).map_or(0, |count| count.0),
            Kind::ChannelSwitch => self.pairs.channel.get(&from).copied().unwrap_or(0),
            Kind::Transfer => self.pairs.resource.get(&from).copied().unwrap_or(0),
            Kind::Loop | Kind::BackAndForth | Kind::RepeatContact | Kind::Rage | Kind::Reopened | Kind::Failure => visits(from),
        };
        (self.take)(Occurrence { kind, from, to, case: self.number, rows, lost_us }, opportunities);
    }

    fn between(&self, rows: (usize, usize)) -> i64 {
        self.events.traces.time_us[rows.1] - self.events.traces.time_us[rows.0]
    }

    /// The nearest earlier event of the same activity: straight after each other, with one in between, with more.
    fn repetitions(&mut self, rows: Range<usize>) {
        let code = self.events.traces.code;
        for at in rows.clone() {
            let from = rows.start.max(at.saturating_sub(self.thresholds.loop_within));
            let Some(before) = (from..at).rev().find(|before| code[*before] == code[at]) else { continue };
            let lost_us = self.between((before, at));
            match at - before {
                // So quick, it is the same click.
                1 if lost_us <= self.thresholds.rage_within_us => {}
                2 => self.found(Kind::BackAndForth, (code[at], code[before + 1]), (before, at), lost_us),
                _ => self.found(Kind::Loop, (code[at], NO_KEY), (before, at), lost_us),
            }
        }
    }

    fn waits(&mut self, rows: Range<usize>) {
        let code = self.events.traces.code;
        for at in rows.start + 1..rows.end {
            let wait_us = self.between((at - 1, at)) as f64;
            let edge = (code[at - 1], code[at]);
            if let Some(usual) = self.waits.get(&edge).filter(|usual| wait_us > usual.long_us) {
                self.found(Kind::LongWait, edge, (at - 1, at), (wait_us - usual.median_us) as i64);
            }
        }
    }

    /// Stretches in which every `rage_count` of the same that follow each other fit into the time.
    fn rage(&mut self, rows: Range<usize>) {
        let (code, count) = (self.events.traces.code, self.thresholds.rage_count.max(2));
        let mut at = rows.start;
        while at + count <= rows.end {
            let fits = |first: usize| {
                let last = first + count - 1;
                last < rows.end
                    && code[first..=last].iter().all(|activity| *activity == code[at])
                    && self.between((first, last)) <= self.thresholds.rage_within_us
            };
            if !fits(at) {
                at += 1;
                continue;
            }
            let mut first = at;
            while fits(first + 1) {
                first += 1;
            }
            let stretch = (at, first + count - 1);
            self.found(Kind::Rage, (code[at], NO_KEY), stretch, self.between(stretch));
            at = stretch.1 + 1;
        }
    }

    fn reopened(&mut self, rows: Range<usize>) {
        let code = self.events.traces.code;
        let ends = |at: usize| self.thresholds.ends.contains(&code[at]);
        for end in rows.start..rows.end - 1 {
            if !ends(end) || ends(end + 1) || self.between((end, end + 1)) > self.thresholds.reopened_within_us {
                continue;
            }
            let last = (end + 1..rows.end).find(|at| ends(*at)).unwrap_or(rows.end - 1);
            self.found(Kind::Reopened, (code[end], code[end + 1]), (end, last), self.between((end, last)));
        }
    }

    fn changes(&mut self, rows: Range<usize>) {
        let events = self.events;
        for (kind, codes) in [(Kind::ChannelSwitch, events.channel), (Kind::Transfer, events.resource)] {
            neighbours(events, codes, self.thresholds.episode_gap_us, rows.clone(), &mut |(from, to), rows| {
                if from != to {
                    let lost_us = if kind == Kind::Transfer { self.between(rows) } else { 0 };
                    self.found(kind, (from, to), rows, lost_us);
                }
            });
        }
    }

    /// What one event shows by itself: failures, and the last one.
    fn alone(&mut self, rows: Range<usize>) {
        let (code, last) = (self.events.traces.code, rows.end - 1);
        for at in rows {
            if self.thresholds.failures.contains(&code[at]) {
                self.found(Kind::Failure, (code[at], NO_KEY), (at, at), 0);
            }
        }
        let silent = self.thresholds.observed_until_us.saturating_sub(self.events.traces.time_us[last]);
        if silent >= self.thresholds.silence_us && self.ends.contains_key(&code[last]) {
            self.found(Kind::DeadEnd, (code[last], NO_KEY), (last, last), 0);
        }
    }
}

/// Contacts of each person by time, whatever case they belong to.
fn contacts(events: &FrictionEvents<'_>, thresholds: &Thresholds, take: Take<'_>) -> FirstContact {
    let (code, time_us) = (events.traces.code, events.traces.time_us);
    // (person, time, row, case).
    let mut contacts: Vec<(u32, i64, usize, u32)> = Vec::new();
    for (case, rows) in events.traces.numbered() {
        let of_case = rows.filter(|at| thresholds.contacts.contains(&code[*at]));
        contacts.extend(of_case.map(|at| (events.person(case), time_us[at], at, case)));
    }
    contacts.sort_unstable();
    let mut visits: FxHashMap<u32, u64> = FxHashMap::default();
    contacts.iter().for_each(|contact| *visits.entry(code[contact.2]).or_default() += 1);
    let mut found = FirstContact::default();
    for of_person in contacts.chunk_by(|a, b| a.0 == b.0) {
        for (at, contact) in of_person.iter().enumerate() {
            let near = |other: &&(u32, i64, usize, u32)| (other.1 - contact.1).abs() <= thresholds.repeat_within_us;
            let repeat = of_person.get(at + 1).filter(near);
            let is_first = at == 0 || !near(&&of_person[at - 1]);
            if let Some(&(_, _, row, case)) = repeat {
                let (kind, from, to) = (Kind::RepeatContact, code[contact.2], code[row]);
                let repeated = Occurrence { kind, from, to, case, rows: (contact.2, row), lost_us: 0 };
                take(repeated, visits.get(&from).copied().unwrap_or(0));
            }
            if contact.1 > thresholds.observed_until_us.saturating_sub(thresholds.repeat_within_us) {
                found.too_young += 1;
                continue;
            }
            found.contacts += 1;
            found.resolved += u64::from(repeat.is_none());
            found.first_contacts += u64::from(is_first);
            found.first_resolved += u64::from(is_first && repeat.is_none());
        }
    }
    found
}
