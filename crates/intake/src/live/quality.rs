//! What the door tells of a source's data: alarms as they come up, profiles now and then, and the day before when a new one begins.
//!
//! Counts go with every chunk. Profiles gather in memory and go with a chunk every [`PROFILE_EVERY_MIN`] minutes and when the door closes.
//! A rule that fails is told with the first chunk in which it does, once a batch; how often it failed in all is in the table `checks`. The first
//! chunk of a batch makes the finished day before be compared with the days before that: a batch of the same process or of an earlier
//! one, so that a restart loses no comparison. An alarm has the same id whoever finds it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use arrow::array::RecordBatch;
use clew_lake::{Chunk, Lake, Mode, Position, StorageError};
use rustc_hash::FxHashSet;

use super::source::LiveSource;
use crate::alarm::{self, Alarm, AlarmError};
use crate::drift::{self, Limits, Over};
use crate::expect::{DriftSpec, Uniques, seen};
use crate::import::{FailedCheck, batch_tests, column_missing, expectation};
use crate::observe::{NotePlace, Observed};

/// Minutes between profiles.
const PROFILE_EVERY_MIN: i64 = 30;
const MINUTE: i64 = 60_000_000;

/// What was told already in a batch: rule, table and field.
pub type Told = (String, Option<String>, Option<String>);

/// What describes a chunk.
#[derive(Debug, Default)]
pub struct Notes {
    /// Rows of tables.
    pub rows: Vec<(&'static str, RecordBatch)>,
    /// What they tell as alarms.
    pub told: Vec<Told>,
    /// What is to be remembered with it.
    pub remembered: Vec<Position>,
}

/// The UTC day in which `unique` compares.
fn window(at: i64) -> String {
    drift::day_of(at).to_string()
}

/// See the module.
pub struct LiveQuality {
    source: String,
    drift: DriftSpec,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    batch: String,
    uniques: Uniques,
    profiles: Observed,
    /// When profiles were last written, microseconds.
    profiled_at: i64,
    /// When a chunk was last seen, microseconds.
    seen_at: i64,
    told: FxHashSet<Told>,
}

impl LiveQuality {
    /// Nothing seen yet.
    pub fn new(source: &str, drift: &DriftSpec) -> Self {
        Self { source: source.to_owned(), drift: drift.clone(), state: Mutex::default() }
    }

    /// What describes a chunk in which this was `observed` and that has `widened` columns. An error when what was seen before cannot be read.
    pub fn notes(
        &self,
        place: &NotePlace,
        mut observed: Observed,
        widened: Vec<Alarm>,
        lake: &Lake,
    ) -> Result<Notes, StorageError> {
        let mut notes = Vec::new();
        let mut state = self.state.lock().expect("no holder panics");
        if state.batch != place.batch {
            // What another process has seen on this day counts, too.
            let uniques = seen::recall(lake, &self.source, &window(place.at), place.expectations)?;
            let before = std::mem::replace(&mut *state, State { profiled_at: place.at, uniques, ..State::default() });
            place.batch.clone_into(&mut state.batch);
            // What was seen on the day before belongs to that day.
            let old = NotePlace { batch: &before.batch, chunk: 0, at: before.seen_at, ..*place };
            notes.extend(Observed::default().notes(&old, &before.profiles.profiles));
        }
        state.seen_at = place.at;
        let new = state.uniques.count(&mut observed.judged);
        let remembered = seen::positions(
            place.expectations,
            &window(place.at),
            &format!("{}-{:020}", place.batch.replace('/', "-"), place.chunk),
            &new,
        );
        state.profiles.add_profiles(std::mem::take(&mut observed.profiles));
        let mut profiles = BTreeMap::new();
        if place.at - state.profiled_at >= PROFILE_EVERY_MIN * MINUTE {
            state.profiled_at = place.at;
            profiles = std::mem::take(&mut state.profiles.profiles);
        }
        let alarms: Vec<Alarm> =
            failures(place, &observed).into_iter().chain(widened).filter(|alarm| !state.told.contains(&told(alarm))).collect();
        state.told.extend(alarms.iter().map(told));
        drop(state);
        notes.extend(observed.notes(place, &profiles));
        if !alarms.is_empty() {
            notes.push(("alarms", alarm::rows(place, &alarms)));
        }
        Ok(Notes { rows: notes, told: alarms.iter().map(told).collect(), remembered })
    }

    /// The chunk that was to tell this was not stored.
    pub fn untell(&self, untold: &[Told]) {
        let mut state = self.state.lock().expect("no holder panics");
        for one in untold {
            state.told.remove(one);
        }
    }

    /// Writes the profiles that are still in memory.
    pub async fn finish(&self, lake: &Lake, source: &LiveSource) {
        let profiles = std::mem::take(&mut self.state.lock().expect("no holder panics").profiles.profiles);
        if profiles.is_empty() || !source.has_batch() {
            return;
        }
        let written = async {
            let mut chunk = carrier(lake, source)?;
            let (batch, expectations) = (chunk.batch.clone(), source.expectations());
            let (at, number) = (lake.now().micros(), chunk.chunk);
            let place = NotePlace { source: &self.source, batch: batch.as_str(), chunk: number, at, expectations: &expectations };
            chunk.notes = Observed::default().notes(&place, &profiles);
            lake.append(chunk).await?;
            Ok::<_, AlarmError>(())
        };
        if let Err(error) = written.await {
            tracing::error!(source = self.source, %error, "the last profiles were not stored");
        }
    }

    /// Compares the newest finished day with those before, and tells what is not as expected.
    pub async fn look_back(&self, lake: &Lake, source: &LiveSource) {
        if let Err(error) = self.compare(lake, source).await {
            tracing::error!(source = self.source, %error, "the day before was not compared");
        }
    }

    async fn compare(&self, lake: &Lake, source: &LiveSource) -> Result<(), AlarmError> {
        let today = drift::day_of(lake.now().micros());
        let windows = drift::days(lake, &self.source, today).await?;
        let (Some(now), Some(batch)) = (&windows.now, &windows.batch) else { return Ok(()) };
        let mut alarms = Vec::new();
        if self.drift.is_enabled() {
            let limits = Limits::of(&self.drift);
            alarms.extend(drift::compare(&windows.before, now, &limits, &BTreeSet::new()));
            alarms.extend(drift::volume(&windows.volumes, now.day, Over::Yes, &limits));
        }
        let expectations = source.expectations();
        if !expectations.of_batch.is_empty() {
            let brought = drift::brought_on(lake, &self.source, now.day).await?;
            // Up to what came next, not up to now: who looks back twice, after a restart, says the same.
            let age = brought.last_at.zip(brought.next_at).map(|(last, next)| (next - last) / 1_000_000);
            alarms.extend(batch_tests(&expectations, brought.rows, age));
        }
        if alarms.is_empty() {
            return Ok(());
        }
        alarm::write(lake, carrier(lake, source)?, batch, &alarms).await?;
        Ok(())
    }
}

/// A chunk of the source's present batch that has nothing yet.
fn carrier(lake: &Lake, source: &LiveSource) -> Result<Chunk, AlarmError> {
    let next = source.next_chunk(lake, lake.now().micros()).map_err(clew_lake::AppendError::from)?;
    Ok(Chunk::new(source.name(), next.batch, next.number, Mode::Append))
}

fn told(alarm: &Alarm) -> Told {
    (alarm.rule.clone(), alarm.target.clone(), alarm.field.clone())
}

/// What failed in a chunk.
fn failures(place: &NotePlace, observed: &Observed) -> Vec<Alarm> {
    let rules = place.expectations.rules().iter().zip(&observed.judged.tallies).filter(|(_, tally)| tally.failed > 0);
    let mut alarms: Vec<Alarm> = rules
        .map(|(rule, tally)| {
            let target = rule.target.map(|table| table.name.to_owned());
            let (field, severity, tally) = (rule.field.clone(), rule.severity, *tally);
            let failed = FailedCheck { rule: rule.name.clone(), target, field, severity, tally };
            let alarm = expectation(place.expectations, &failed);
            Alarm { detail: format!("{}; when it was first seen today", alarm.detail), ..alarm }
        })
        .collect();
    alarms.extend(observed.missing.iter().map(|(column, rows)| column_missing(column, *rows, None)));
    alarms
}
