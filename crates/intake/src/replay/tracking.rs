//! Quarantined messages of the tracking API once more, as the call that brought them and at the time they came.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Request;
use super::chunk::Applied;
use super::select::Group;
use crate::import::Mapped;
use crate::tracking::{Body, Call, Draft, Tracker};

/// What quarantine keeps beside a message.
#[derive(Deserialize)]
struct Context<'a> {
    call: &'a str,
    /// When its batch was sent, as written.
    #[serde(borrow, default)]
    sent_at: Option<&'a RawValue>,
}

/// What `tracker` makes of the messages of `group`; `now` in microseconds.
pub(super) fn apply(tracker: &Tracker, group: &Group, request: &Request, now: i64) -> Applied {
    let mut applied = Applied::default();
    let mut messages = Vec::with_capacity(group.rows.len());
    for (at, row) in group.rows.iter().enumerate() {
        let edit = request.edits.get(&row.id);
        let Some(raw) = edit.or(row.raw.as_ref()).filter(|_| edit.is_some() || row.reason != "conflict") else {
            applied.stays(at, row);
            continue;
        };
        let context: Option<Context> = row.context.as_deref().and_then(|context| serde_json::from_str(context).ok());
        let call = context.as_ref().and_then(|context| Call::parse(context.call)).unwrap_or(Call::Batch);
        let sent_at = context.and_then(|context| context.sent_at).map(RawValue::get);
        match Body::read_again(raw, sent_at, tracker.purpose()) {
            Ok(body) => messages.push((at, body, call, row.key.clone().filter(|_| edit.is_none()))),
            Err(error) if edit.is_some() => applied.refuse(at, row, "unreadable", error.to_string()),
            Err(_) => applied.stays(at, row),
        }
    }
    let members: Vec<usize> = messages.iter().map(|(at, ..)| *at).collect();
    // Profiles were taken when the calls came first.
    let mut draft = Draft::new(tracker).unsampled();
    for (at, body, call, key) in &messages {
        draft.add_again(body, *call, group.rows[*at].at, key.clone());
    }
    let taken = draft.finish(now, 1);
    let mapped = Mapped {
        rows: taken.rows,
        facts: taken.facts,
        refused: taken.refused,
        candidates: taken.candidates,
        ..Mapped::empty(0, 0)
    };
    for refused in mapped.refused.iter().filter(|refused| refused.replay.key.is_some()) {
        let at = members[(refused.row_no - 1) as usize];
        if request.edits.contains_key(&group.rows[at].id) {
            applied.keys.extend(refused.replay.key.clone().map(|key| (at, key)));
        }
    }
    // Messages say since when their versions hold.
    applied.add(group, mapped, &members, &[]);
    applied.finish()
}
