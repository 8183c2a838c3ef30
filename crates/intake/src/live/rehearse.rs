//! Rehearsal: a message goes the way of all others as far as typing, and is shown instead of stored.
//!
//! The same decoder and typer as the door's, so that what is shown is what would come. What only the store knows is missing: whether the
//! fact is there already, and whether its subject's number is taken by another.

use std::sync::Arc;

use arrow::array::RecordBatch;
use tokio::runtime::Handle;

use super::{Door, LiveSource, Payload, Refusal, Reservation};
use crate::outcome::{Outcome, Taken};
use crate::tracking::{Body, Draft};

/// What would come of a request.
#[derive(Debug)]
pub struct Rehearsal {
    /// By message, in the order of the body; `Stored` where a fact came of it.
    pub outcomes: Vec<Outcome>,
    /// The id that the sender gave each message.
    pub ids: Vec<Option<Box<str>>>,
    /// The facts by table, typed.
    pub facts: Vec<(&'static str, RecordBatch)>,
    /// When it was received, UTC microseconds.
    pub received_at: i64,
}

impl Door {
    /// Decodes and types a request of `source`, and stores nothing. `reservation` covers `body`.
    pub async fn rehearse(
        &self,
        source: &Arc<LiveSource>,
        payload: Payload,
        body: Vec<u8>,
        reservation: Reservation,
    ) -> Result<Rehearsal, Refusal> {
        let received_at = self.inner.lake.now().micros();
        let (source, handle) = (Arc::clone(source), Handle::current());
        let work = tokio::task::spawn_blocking(move || {
            let _covers = reservation;
            type_all(&source, payload, body, received_at, &handle)
        });
        let Taken { outcomes, ids, facts, places, .. } = work.await.unwrap_or(Err(Refusal::Fault))?;
        let mut outcomes = outcomes;
        for place in places.into_iter().flatten() {
            // A fact that came through is stored, unless the store knows better.
            if outcomes[place as usize] == Outcome::Skipped {
                outcomes[place as usize] = Outcome::Stored;
            }
        }
        let facts = facts.into_iter().filter(|facts| facts.rows.num_rows() > 0).map(|facts| (facts.table, facts.rows)).collect();
        Ok(Rehearsal { outcomes, ids, facts, received_at })
    }
}

fn type_all(source: &LiveSource, payload: Payload, body: Vec<u8>, received_at: i64, handle: &Handle) -> Result<Taken, Refusal> {
    match (payload, source.tracker()) {
        (Payload::Tracking(call), Some(tracker)) => {
            let read = Body::read(&body, call, tracker.purpose())?;
            let mut draft = Draft::new(tracker).unsampled();
            draft.add(&read, call, received_at);
            Ok(draft.finish(received_at, 1))
        }
        (Payload::Rows(format), None) => source.rehearse_rows(body, format, received_at, handle),
        _ => Err(Refusal::Source),
    }
}
