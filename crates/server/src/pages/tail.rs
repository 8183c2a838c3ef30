//! `GET /data/tail`: what the door does right now, as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `open` | `{}`: the tail listens |
//! | `line` | a [`TailLine`] |
//! | `passed` | `{"source", "n"}`: messages of the wanted verdict that came at once with others and are not told |
//! | `missed` | `{"n"}`: lines that this reader was too slow for |
//!
//! The filter works here, so that a reader is slow only by what it asked for. Values that name people are masked unless `values=shown` is asked for.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use clew_intake::live::{Counts, Heard, Line, Listener, MOST_LISTENERS};
use clew_intake::outcome::Outcome;
use futures::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{ApiError, Kind};
use crate::extract::Params;
use crate::filter::short;
use crate::json::instant;
use crate::wire::{TailIdentifier, TailLine};

/// A comment goes out this often, so that a reader who is gone is noticed.
const ALIVE: Duration = Duration::from_secs(15);
/// Seconds after which a reader may try again where all places are taken.
const RETRY_SECONDS: u32 = 10;
/// What may become of a message.
const VERDICTS: [&str; 5] = ["stored", "duplicate", "quarantined", "rejected", "skipped"];

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only of this source.
    #[serde(default)]
    source: Option<String>,
    /// Only with this verdict: stored, duplicate, quarantined, rejected or skipped.
    #[serde(default)]
    verdict: Option<String>,
    /// masked (default) or shown: whether values that name people are masked.
    #[serde(default)]
    values: Option<String>,
}

/// A checked [`Asked`].
#[derive(Debug)]
struct Wanted {
    source: Option<String>,
    verdict: Option<String>,
    values: Values,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Values {
    Masked,
    Shown,
}

impl Wanted {
    fn of(app: &App, asked: Asked) -> Result<Self, ApiError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let source = given(asked.source).map(|source| short("source", source)).transpose()?;
        if source.as_ref().is_some_and(|source| !app.is_sent(source)) {
            return Err(ApiError::not_found("source that is sent, or follows a stream"));
        }
        let verdict = given(asked.verdict);
        if verdict.as_deref().is_some_and(|verdict| !VERDICTS.contains(&verdict)) {
            return Err(ApiError::invalid(format!("`verdict` is none of {}.", VERDICTS.join(", "))));
        }
        let values = match given(asked.values).as_deref() {
            None | Some("masked") => Values::Masked,
            Some("shown") => Values::Shown,
            Some(_) => return Err(ApiError::invalid("`values` is masked or shown.")),
        };
        Ok(Self { source, verdict, values })
    }

    fn is_of(&self, source: &str) -> bool {
        self.source.as_deref().is_none_or(|wanted| wanted == source)
    }

    /// The event of what was told; none where it was not asked for.
    fn event(&self, heard: Heard) -> Option<Event> {
        Some(match heard {
            Heard::Line(line) => {
                let line = self.line(line)?;
                // Plain data is always JSON.
                Event::default().event("line").json_data(line).unwrap_or_default()
            }
            Heard::Passed { source, counts } => {
                let n = self.is_of(&source).then(|| self.count(counts)).filter(|n| *n > 0)?;
                Event::default().event("passed").data(json!({"source": &*source, "n": n}).to_string())
            }
            Heard::Missed(n) => Event::default().event("missed").data(json!({"n": n}).to_string()),
        })
    }

    /// Those of the messages whose verdict was asked for.
    fn count(&self, counts: Counts) -> u64 {
        let Counts { accepted, duplicate, quarantined, rejected, skipped } = counts;
        match self.verdict.as_deref() {
            None => accepted + duplicate + quarantined + rejected + skipped,
            Some("stored") => accepted,
            Some("duplicate") => duplicate,
            Some("quarantined") => quarantined,
            Some("rejected") => rejected,
            Some(_) => skipped,
        }
    }

    fn line(&self, line: Line) -> Option<TailLine> {
        let (verdict, code, detail) = match line.outcome {
            Outcome::Stored => ("stored", None, None),
            Outcome::Duplicate => ("duplicate", None, None),
            Outcome::Skipped => ("skipped", None, None),
            Outcome::Quarantined { code, detail } => ("quarantined", Some(code), Some(detail.into_owned())),
            Outcome::Rejected { code } => ("rejected", Some(code), None),
        };
        if !self.is_of(&line.source) || self.verdict.as_deref().is_some_and(|wanted| wanted != verdict) {
            return None;
        }
        let identifiers = line.identifiers.into_iter().map(|(kind, value)| TailIdentifier {
            kind,
            value: if self.values == Values::Shown { value } else { masked(&value) },
        });
        Some(TailLine {
            source: line.source.to_string(),
            kind: line.kind.map(str::to_owned),
            name: line.name,
            verdict: verdict.to_owned(),
            code: code.map(str::to_owned),
            detail,
            message_id: line.message_id,
            identifiers: identifiers.collect(),
            size_bytes: line.size_bytes,
            index: line.index.into(),
            offset: line.offset,
            received_at: instant(line.received_at).unwrap_or_default(),
        })
    }
}

/// The first character of a value, and of what follows an @; short values say nothing.
fn masked(value: &str) -> String {
    let first = |part: &str| match part.chars().next() {
        Some(letter) if part.chars().count() > 3 => format!("{letter}•••"),
        _ => "•••".to_owned(),
    };
    match value.split_once('@') {
        Some((name, place)) => format!("{}@{}", first(name), first(place)),
        None => first(value),
    }
}

/// What the door does right now.
#[utoipa::path(get, path = "/api/v1/data/tail", params(Asked), responses((status = 200, content_type = "text/event-stream", description = "Events `open`, `line`, `passed` and `missed`; the data of a line is a TailLine.", body = TailLine), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn tail(
    State(app): State<Arc<App>>,
    Params(asked): Params<Asked>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let wanted = Wanted::of(&app, asked)?;
    let listener = app.door.tail().listen().ok_or_else(|| {
        ApiError::new(Kind::Overloaded, format!("{MOST_LISTENERS} readers watch already: close one of them."))
            .after(RETRY_SECONDS)
    })?;
    let open = stream::iter([Ok(Event::default().event("open").data("{}"))]);
    let lines = stream::unfold((listener, wanted), |(mut listener, wanted)| async move {
        let event = next(&mut listener, &wanted).await?;
        Some((Ok(event), (listener, wanted)))
    });
    Ok(Sse::new(stream::StreamExt::chain(open, lines)).keep_alive(KeepAlive::new().interval(ALIVE)))
}

async fn next(listener: &mut Listener, wanted: &Wanted) -> Option<Event> {
    loop {
        if let Some(event) = wanted.event(listener.next().await?) {
            return Some(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_person_is_masked() {
        assert_eq!(masked("ann.byrne@example.org"), "a•••@e•••");
        assert_eq!(masked("+353861234567"), "+•••");
        assert_eq!(masked("u1"), "•••");
        assert_eq!(masked(""), "•••");
        assert_eq!(masked("jo@x.ie"), "•••@x•••");
    }

    #[test]
    fn a_reader_gets_what_it_asked_for() {
        let line = |verdict: Outcome| Line {
            source: "website".into(),
            kind: Some("track"),
            name: Some("Order Completed".into()),
            outcome: verdict,
            message_id: Some("m1".into()),
            identifiers: vec![("user_id".into(), "customer-7".into())],
            size_bytes: Some(91),
            index: 0,
            offset: 7,
            received_at: 0,
        };
        let wanted = |source: Option<&str>, verdict: Option<&str>, values| Wanted {
            source: source.map(Into::into),
            verdict: verdict.map(Into::into),
            values,
        };
        let quarantined = || line(Outcome::Quarantined { code: "missing_value", detail: "event is missing".into() });
        let all = wanted(None, None, Values::Masked).line(quarantined()).unwrap();
        assert_eq!((all.verdict.as_str(), all.code.as_deref()), ("quarantined", Some("missing_value")));
        assert_eq!(all.identifiers[0].value, "c•••");
        assert_eq!(wanted(None, None, Values::Shown).line(line(Outcome::Stored)).unwrap().identifiers[0].value, "customer-7");
        assert!(wanted(Some("shop"), None, Values::Masked).line(line(Outcome::Stored)).is_none());
        assert!(wanted(None, Some("stored"), Values::Masked).line(quarantined()).is_none());
        assert!(wanted(Some("website"), Some("stored"), Values::Masked).line(line(Outcome::Stored)).is_some());
    }
}
