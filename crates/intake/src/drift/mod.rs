//! Has a source changed? Each window (a batch of files, a UTC day of a live source) is held against the windows before it.
//!
//! | rule | compares | told when |
//! |---|---|---|
//! | `new_column`, `vanished_column` | raw columns | there in one and in none of the others |
//! | `retyped` | kind of a raw column's values | integer, decimal, boolean, time, text: at least [`MIN_VALUES`] on each side |
//! | `null_rate` | share of missing values, exact | moved by [`NULL_RATE`], beyond chance, outside every earlier window |
//! | `distinct` | different values a sampled value | [`DISTINCT`] times as many or few, outside every earlier window |
//! | `distribution` | population stability index | above [`clew_cleanse::drift::PSI_SHIFT`], beyond chance, above that of every earlier window |
//! | `volume` | facts stored on a day | [`clew_cleanse::drift::VOLUME_ODD`] robust deviations from the same weekday |
//! | `freshness` | age of the newest fact | as many robust deviations above the median, and twice it |
//!
//! **False alarms** are held down in three ways. A window makes many comparisons, so each is tested at [`FALSE_ALARMS`] divided by
//! their number (Bonferroni): where nothing but chance is at work, about one window in a hundred tells something. What is beyond chance is told only
//! if it is large (the thresholds above). And it must exceed what the earlier windows differ among each other, because real weeks differ
//! more than coins: with K windows before, an exchangeable one is the extreme one in 1 of K + 1 cases at most. A test runs 200 clean windows.
//!
//! A window that stored nothing new is neither compared nor remembered: importing the same files again says nothing about the source.
//! Raw columns are compared in their structure only, the fields made of them in their values: one cause, one alarm.
//!
//! Keys of the tracking API's properties and traits are watched as well ([`keys`]): they are its columns.
//!
//! Deliberately missing: trend and season beyond the week; keys inside `properties` of other sources, which their mappings write; hours.

mod history;
mod keys;

use std::collections::{BTreeMap, BTreeSet};

use clew_cleanse::drift as measure;
use clew_cleanse::profile::{Kind, Profile};
use jiff::civil::Date;

pub use self::history::{Brought, Windows, batches, brought_on, day_of, days, known_columns, newest_fact};
use crate::alarm::{Alarm, AlarmKind};
use crate::expect::{DriftSpec, OnFailure};
use crate::nearest::nearest;
use crate::observe::{FieldKey, is_time};

/// Windows that a window is held against.
pub const HISTORY: usize = 28;
/// Windows before that values are compared at all: fewer do not show how much they differ among each other.
pub const MIN_WINDOWS: usize = 3;
/// Values on each side for a comparison of values; the minimum of [`clew_cleanse::drift`] for the same.
pub const MIN_VALUES: u64 = 50;
/// Chance of a false alarm that a window of one comparison would have.
pub const FALSE_ALARMS: f64 = 0.01;
/// Change of the share of missing values that is worth an alarm: one value in twenty, our choice.
pub const NULL_RATE: f64 = 0.05;
/// How many times as many different values, or as few: our choice.
pub const DISTINCT: f64 = 2.0;
/// Columns that are new or vanished and told by name. Where there are more, keys of the JSON are values, such as ids, and may be personal.
pub const MOST_NAMED: usize = 20;
/// Seconds below which the age of the newest fact is never odd.
const FRESH_S: f64 = 3_600.0;
/// A fill rate above this makes a JSON key one that is always there.
const ALWAYS: f64 = 0.001;
/// Chance below which the absence of a JSON key is none.
const ABSENCE: f64 = 1e-6;

/// A column of a window.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Values, missing ones included; 0 for a raw column that is there and not read.
    pub n: u64,
    /// Missing ones.
    pub nulls: u64,
    /// Profile of a sample.
    pub profile: Option<Profile>,
}

impl Seen {
    fn null_rate(&self) -> Option<f64> {
        (self.n >= MIN_VALUES).then(|| self.nulls as f64 / self.n as f64)
    }

    /// Different values a sampled value, where enough were sampled.
    fn distinct_rate(&self) -> Option<f64> {
        self.profile.as_ref().filter(|profile| profile.present() >= MIN_VALUES)?.uniqueness()
    }
}

/// What came in at a time.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// The UTC day.
    pub day: Date,
    /// Its columns.
    pub columns: BTreeMap<FieldKey, Seen>,
}

/// Facts stored by UTC day, and in how many batches.
pub type Volumes = BTreeMap<Date, (u64, u64)>;

/// When a change is told.
#[derive(Clone, Debug)]
pub struct Limits {
    null_rate: f64,
    distinct: f64,
    psi: f64,
    volume: f64,
    freshness: f64,
    ignore: BTreeSet<String>,
}

impl Limits {
    /// Those of a source, defaults where it has none.
    pub fn of(spec: &DriftSpec) -> Self {
        Self {
            null_rate: spec.null_rate.unwrap_or(NULL_RATE),
            distinct: spec.distinct.unwrap_or(DISTINCT).max(1.0),
            psi: spec.psi.unwrap_or(measure::PSI_SHIFT),
            volume: spec.volume.unwrap_or(measure::VOLUME_ODD),
            freshness: spec.freshness.unwrap_or(measure::VOLUME_ODD),
            ignore: spec.ignore.iter().cloned().collect(),
        }
    }
}

/// Everything in which `now` differs from `before` (any order). `gone` are columns that another alarm tells already.
pub fn compare(before: &[Window], now: &Window, limits: &Limits, gone: &BTreeSet<String>) -> Vec<Alarm> {
    let mut alarms = structure(before, now, limits, gone);
    alarms.extend(keys::compare(before, now, limits));
    if before.len() >= MIN_WINDOWS {
        alarms.extend(values(before, now, limits));
    }
    alarms.retain(|alarm| alarm.field.as_ref().is_none_or(|field| !limits.ignore.contains(field)));
    alarms
}

fn drift(rule: &str, (target, field): (Option<&str>, Option<&str>), n: u64) -> Alarm {
    Alarm {
        kind: AlarmKind::Drift,
        rule: rule.to_owned(),
        target: target.map(str::to_owned),
        field: field.map(str::to_owned),
        severity: OnFailure::Warn,
        n,
        share: None,
        before: None,
        after: None,
        detail: String::new(),
        remedy: String::new(),
    }
}

/// The raw columns of a window, without those that are not compared.
fn raw<'w>(window: &'w Window, limits: &Limits) -> BTreeSet<&'w str> {
    let is_raw = |(target, field): &&FieldKey| target.is_none() && !limits.ignore.contains(field) && !keys::is_key(window, field);
    let raw = window.columns.keys().filter(is_raw);
    raw.map(|(_, field)| field.as_str()).collect()
}

/// New, vanished and retyped raw columns.
fn structure(before: &[Window], now: &Window, limits: &Limits, gone: &BTreeSet<String>) -> Vec<Alarm> {
    let here = raw(now, limits);
    let mut earlier = before.iter().map(|window| raw(window, limits)).filter(|columns| !columns.is_empty());
    let Some(mut always) = earlier.next().filter(|_| !here.is_empty()) else { return Vec::new() };
    let (mut known, mut windows) = (always.clone(), 1);
    for columns in earlier {
        always.retain(|field| columns.contains(field));
        known.extend(columns);
        windows += 1;
    }
    let rows = now.columns.values().map(|seen| seen.n).max().unwrap_or(0);
    let new: Vec<&str> = here.difference(&known).copied().collect();
    let vanished: Vec<&str> = always.difference(&here).copied().filter(|field| !gone.contains(*field)).collect();
    let mut alarms = Vec::new();
    for field in new.iter().filter(|_| new.len() <= MOST_NAMED) {
        let mut alarm = drift("new_column", (None, Some(field)), rows);
        alarm.detail = format!("the column {field} is new: none of the {windows} batches before had it");
        alarm.remedy = "map it if it says something that is needed".into();
        alarms.push(alarm);
    }
    for field in vanished.iter().filter(|_| vanished.len() <= MOST_NAMED) {
        let mut alarm = drift("vanished_column", (None, Some(field)), rows);
        alarm.detail = format!("the column {field} has vanished: all {windows} batches before had it");
        let near = nearest(field, new.iter().copied().take(MOST_NAMED));
        alarm.remedy = match near {
            Some(near) => format!("ask the source's owner; was it renamed to {near}?"),
            None => "ask the source's owner; no mapping that is in use reads it".to_owned(),
        };
        alarms.push(alarm);
    }
    for (rule, fields, what) in [("new_column", &new, "are new"), ("vanished_column", &vanished, "have vanished")] {
        if fields.len() > MOST_NAMED {
            let mut alarm = drift(rule, (None, None), rows);
            alarm.detail = format!("{} columns {what}, compared with {windows} batches before", fields.len());
            alarm.remedy =
                "where keys of the JSON are ids, ask for a list of objects, or ignore them with `drift: {ignore: …}`".into();
            alarms.push(alarm);
        }
    }
    let is_raw = |(target, field): &FieldKey| target.is_none() && !limits.ignore.contains(field) && !keys::is_key(now, field);
    for (key, seen) in now.columns.iter().filter(|(key, _)| is_raw(key)) {
        alarms.extend(retyped(before, key, seen));
    }
    alarms
}

fn retyped(before: &[Window], key: &FieldKey, seen: &Seen) -> Option<Alarm> {
    let enough = |profile: &&Profile| profile.present() >= MIN_VALUES;
    let of =
        |window: &Window| window.columns.get(key).and_then(|seen| seen.profile.as_ref()).filter(enough).and_then(Profile::kind);
    let kind = seen.profile.as_ref().filter(enough)?.kind()?;
    let kinds: Vec<Kind> = before.iter().filter_map(of).collect();
    let last = *kinds.last()?;
    if kinds.contains(&kind) {
        return None;
    }
    let field = &key.1;
    let mut alarm = drift("retyped", (None, Some(field)), seen.n - seen.nulls);
    alarm.detail = format!("the values of {field} were {} and are {} now", last.as_str(), kind.as_str());
    alarm.remedy = match (last, kind) {
        (Kind::Integer | Kind::Decimal, Kind::Text | Kind::Decimal) => {
            "ask the source's owner; where it is promoted, its column takes the wider type by itself (int, decimal, text)"
                .to_owned()
        }
        _ => "ask the source's owner, and see whether the mapping still reads it rightly".to_owned(),
    };
    Some(alarm)
}

/// Fields whose values differ from those before.
fn values(before: &[Window], now: &Window, limits: &Limits) -> Vec<Alarm> {
    let compared: Vec<(&FieldKey, &Seen)> = now.columns.iter().filter(|((target, _), _)| target.is_some()).collect();
    // Two tests a field: missing values and distribution. The count of different values is not one of chance.
    let z = tail_quantile(FALSE_ALARMS / (2 * compared.len()).max(1) as f64);
    let mut alarms = Vec::new();
    for (key, seen) in compared {
        let earlier: Vec<&Seen> = before.iter().filter_map(|window| window.columns.get(key)).collect();
        if earlier.len() < MIN_WINDOWS {
            continue;
        }
        let null_rate = null_rate(&earlier, key, seen, (limits.null_rate, z));
        let is_other = null_rate.is_none();
        alarms.extend(null_rate);
        if is_time(key.0, &key.1) {
            alarms.extend(freshness(&earlier, key, seen, limits.freshness));
            continue;
        }
        alarms.extend(distinct(&earlier, key, seen, limits.distinct));
        // Missing values are a bin of the index: what they moved is told already.
        if is_other {
            alarms.extend(distribution(&earlier, key, seen, (limits.psi, z)));
        }
    }
    alarms
}

fn null_rate(earlier: &[&Seen], key: &FieldKey, seen: &Seen, (limit, z): (f64, f64)) -> Option<Alarm> {
    let after = seen.null_rate()?;
    let rates: Vec<f64> = earlier.iter().filter_map(|seen| seen.null_rate()).collect();
    let (n, nulls) = earlier.iter().fold((0, 0), |(n, nulls), seen| (n + seen.n, nulls + seen.nulls));
    if rates.len() < MIN_WINDOWS || n < MIN_VALUES {
        return None;
    }
    let before = nulls as f64 / n as f64;
    let pooled = (nulls + seen.nulls) as f64 / (n + seen.n) as f64;
    let error = (pooled * (1.0 - pooled) * (1.0 / n as f64 + 1.0 / seen.n as f64)).sqrt();
    let is_within = rates.iter().any(|rate| *rate >= after) && rates.iter().any(|rate| *rate <= after);
    if (after - before).abs() < limit || (after - before).abs() <= z * error || is_within {
        return None;
    }
    let mut alarm = drift("null_rate", (key.0, Some(&key.1)), seen.n);
    (alarm.before, alarm.after, alarm.share) = (Some(before), Some(after), Some(after));
    let field = &key.1;
    alarm.detail = format!("{field} is missing in {} of values, before in {}", percent(after), percent(before));
    alarm.remedy = "see whether the source still sends it, and whether the mapping still reads it".into();
    Some(alarm)
}

fn distinct(earlier: &[&Seen], key: &FieldKey, seen: &Seen, limit: f64) -> Option<Alarm> {
    let (after, sampled) = (seen.distinct_rate()?, seen.profile.as_ref()?.present() as f64);
    // A sample of another size has another share of different values: only windows of about the same size can be compared.
    let alike = |seen: &&&Seen| {
        seen.profile.as_ref().is_some_and(|profile| {
            let other = profile.present() as f64;
            other * 2.0 >= sampled && other <= sampled * 2.0
        })
    };
    let rates: Vec<f64> = earlier.iter().filter(alike).filter_map(|seen| seen.distinct_rate()).collect();
    let (low, high) = (rates.iter().copied().fold(f64::INFINITY, f64::min), rates.iter().copied().fold(0.0, f64::max));
    // Two values instead of one are twice as many, too: counted as numbers they must differ by more than the sketch's error.
    let is_much = |a: f64, b: f64| a >= limit * b && (a - b) * sampled > 3.0;
    if rates.len() < MIN_WINDOWS || !(is_much(after, high) || is_much(low, after)) {
        return None;
    }
    let middle = median(rates);
    let mut alarm = drift("distinct", (key.0, Some(&key.1)), sampled as u64);
    (alarm.before, alarm.after) = (Some(middle), Some(after));
    let field = &key.1;
    alarm.detail = format!("of 1000 values of {field} about {:.0} differ, before about {:.0}", after * 1000.0, middle * 1000.0);
    alarm.remedy = "see whether ids repeat, or whether a list of values was changed".into();
    Some(alarm)
}

fn distribution(earlier: &[&Seen], key: &FieldKey, seen: &Seen, (limit, z): (f64, f64)) -> Option<Alarm> {
    let profiles: Vec<&Profile> =
        earlier.iter().filter_map(|seen| seen.profile.as_ref()).filter(|profile| profile.n >= MIN_VALUES).collect();
    if profiles.len() < MIN_WINDOWS {
        return None;
    }
    let others = |left_out: Option<usize>| {
        let mut all = Profile::default();
        profiles.iter().enumerate().filter(|(at, _)| Some(*at) != left_out).for_each(|(_, profile)| all.merge(profile));
        all
    };
    let found = measure::psi(&others(None), seen.profile.as_ref()?).ok()?;
    if found.value < limit || found.value <= found.noise_at(z) {
        return None;
    }
    // What earlier windows differ among each other; only looked at when it decides.
    let usual = (0..profiles.len()).filter_map(|at| measure::psi(&others(Some(at)), profiles[at]).ok()).map(|psi| psi.value);
    let usual = usual.fold(0.0, f64::max);
    if found.value <= usual {
        return None;
    }
    let mut alarm = drift("distribution", (key.0, Some(&key.1)), found.n.1);
    (alarm.before, alarm.after) = (Some(usual), Some(found.value));
    let field = &key.1;
    alarm.detail = format!(
        "the values of {field} are distributed differently: population stability index {:.2}, among {} earlier windows at most {usual:.2}",
        found.value,
        profiles.len()
    );
    alarm.remedy = "compare the values with earlier ones; if the change is meant, it is forgotten with the next windows".into();
    Some(alarm)
}

/// Of a time field, the newest value against how old the newest one usually is.
fn freshness(earlier: &[&Seen], key: &FieldKey, seen: &Seen, limit: f64) -> Option<Alarm> {
    if !matches!(key.1.as_str(), "occurred_at" | "answered_at") {
        return None;
    }
    let age = |seen: &Seen| seen.profile.as_ref().and_then(|profile| profile.lowest).map(|age| age.max(0.0));
    let after = age(seen)?;
    let ages: Vec<f64> = earlier.iter().filter_map(|seen| age(seen)).collect();
    if ages.len() < MIN_WINDOWS {
        return None;
    }
    let before = median(ages.clone());
    let deviation = 1.4826 * median(ages.iter().map(|age| (age - before).abs()).collect());
    let spread = deviation.max(before * 0.25).max(FRESH_S);
    let oldest = ages.iter().copied().fold(0.0, f64::max);
    if after <= before + limit * spread || after < 2.0 * before || after <= oldest {
        return None;
    }
    let mut alarm = drift("freshness", (key.0, Some(&key.1)), seen.n);
    (alarm.before, alarm.after) = (Some(before), Some(after));
    alarm.detail = format!("the newest {} is {} old when it comes in, usually {}", key.1, span(after), span(before));
    alarm.remedy = "see whether the source still delivers its newest rows".into();
    Some(alarm)
}

/// The facts of `day` against those of the same weekday. Whether the day is over decides what "too few" means: before, as many batches must have
/// come as usually do.
pub fn volume(volumes: &Volumes, day: Date, is_over: Over, limits: &Limits) -> Option<Alarm> {
    let (stored, batches) = *volumes.get(&day)?;
    let history: Vec<(Date, u64)> = volumes.iter().map(|(day, (stored, _))| (*day, *stored)).collect();
    let found = measure::volume(&history, day, stored).ok()?;
    if found.z.abs() <= limits.volume {
        return None;
    }
    let same = volumes.iter().filter(|(at, _)| **at < day && at.weekday() == day.weekday());
    let usual_batches = median(same.map(|(_, (_, batches))| *batches as f64).collect());
    if found.z < 0.0 && is_over == Over::NotYet && (batches as f64) < usual_batches {
        return None;
    }
    let mut alarm = drift("volume", (None, None), stored);
    (alarm.before, alarm.after) = (Some(found.median), Some(stored as f64));
    let (less, weeks) = (if found.z < 0.0 { "fewer" } else { "more" }, found.weeks);
    alarm.detail = format!(
        "{stored} facts were stored on {day}, {less} than on the same weekday of {weeks} weeks before (median {:.0}, {:.1} deviations)",
        found.median,
        found.z.abs()
    );
    alarm.remedy = "see whether the source delivers all of its rows, and none twice".into();
    Some(alarm)
}

/// Whether a day is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nothing comes any more.
    Yes,
    /// More may come.
    NotYet,
}

/// Whether the absence of a key from `rows` JSON objects can only mean that it is not sent any more.
///
/// Keys may be left out, so one object says nothing. The key must have been there in practically every earlier row, and so many rows without it
/// must be next to impossible under its share of missing values (rule of succession, so that few earlier rows prove little).
pub fn is_surely_absent(seen: &Seen, rows: u64) -> bool {
    let missing = (seen.nulls as f64 + 1.0) / (seen.n as f64 + 2.0);
    let was_always_there = seen.n > 0 && seen.nulls as f64 <= ALWAYS * seen.n as f64;
    was_always_there && missing.ln() * rows as f64 <= ABSENCE.ln()
}

/// The normal quantile that leaves `p` above it, for `p` up to 0.5; absolute error below 4.5e-4 (Abramowitz & Stegun 1964, 26.2.23).
fn tail_quantile(p: f64) -> f64 {
    let t = (-2.0 * p.clamp(1e-300, 0.5).ln()).sqrt();
    let above = 2.515_517 + 0.802_853 * t + 0.010_328 * t * t;
    let below = 1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t;
    t - above / below
}

/// The median; 0 for nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// A share for people.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Seconds for people.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests;
