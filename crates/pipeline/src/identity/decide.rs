//! What people decide about who is who: link, keep apart, detach, and take such a decision back.
//!
//! A decision is a fact: a row of `decisions`, appended through the log with its own line of accounting, never changed. It names subjects,
//! which stay what they are, and not people, which a run may split. The next run follows it before any rule. To take one back is a
//! decision as well, which names the one that it revokes; what a run derives is then what it would be without either.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, RecordBatch, StringArray, StringBuilder};
use clew_lake::{Chunk, FactBatch, Lake, Mode, RowCounts};
use clew_model::id::Base32;
use clew_model::tables::DECISIONS;
use datafusion::prelude::SessionContext;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::find::{By, Named, find, holder};
use super::{IdentityError, Kept, Node, Person, Stored, decisions, evidence, instant, nodes, session};
use crate::columns::{Columns, times};
use crate::online::OnlineIdentity;
use crate::steps::identity::links::APART;

/// Bytes of a reason and of a name.
pub const MOST_WORDS: usize = 2_000;
/// Decisions that a list tells.
const MOST_DECISIONS: usize = 1_000;

/// What can be decided about two subjects, or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The two are one person.
    Link,
    /// The two are different people.
    Apart,
    /// The subject stands alone, and its identifiers are no evidence.
    Detach,
}

impl Kind {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Apart => "apart",
            Self::Detach => "detach",
        }
    }
}

/// What is to be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub kind: Kind,
    /// About whom.
    pub a: String,
    /// And whom else; none for [`Kind::Detach`].
    pub b: Option<String>,
    /// Why, in the decider's words.
    pub reason: String,
    /// Who.
    pub decided_by: String,
}

/// A decision, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Its id.
    pub decision_id: String,
    /// link, apart or detach.
    pub kind: String,
    /// The subjects that it is about.
    pub subjects: Vec<Node>,
    /// The people that they belong to now, in the same order; null: not known.
    pub people: Vec<Option<String>>,
    /// Why, in the decider's words.
    pub reason: Option<String>,
    /// Who.
    pub decided_by: String,
    /// When.
    pub decided_at: String,
    /// The decision that took it back.
    pub revoked_by: Option<String>,
    /// pending (the next run follows it), in_effect, without_effect (a newer one contradicts it, or a subject is gone), revoked.
    pub state: String,
    /// Pieces of evidence that join what it keeps apart.
    pub bridged: u64,
}

/// Stores a decision.
///
/// # Errors
/// Where it names nobody, or cannot be decided like that; nothing is stored then.
pub async fn decide(lake: &Lake, order: &Order) -> Result<Decided, IdentityError> {
    let session = session(lake);
    words("reason", &order.reason)?;
    words("decided_by", &order.decided_by)?;
    let subjects = match (order.kind, &order.b) {
        (Kind::Detach, None) => vec![alone(&session, &find(lake, &session, &order.a).await?).await?],
        (Kind::Detach, Some(_)) => return Err(refused("one subject is detached: name one")),
        (Kind::Link | Kind::Apart, Some(b)) => {
            two(&session, order.kind, [find(lake, &session, &order.a).await?, find(lake, &session, b).await?]).await?
        }
        (Kind::Link | Kind::Apart, None) => return Err(refused("two are linked or kept apart: name both")),
    };
    let id = append(lake, order.kind.as_str(), &subjects, (&order.reason, &order.decided_by), None).await?;
    one(lake, &session, &id).await
}

/// Takes the decision `id` back.
///
/// # Errors
/// Where there is none, or it was taken back before.
pub async fn revoke(lake: &Lake, id: &str, reason: &str, decided_by: &str) -> Result<Decided, IdentityError> {
    let session = session(lake);
    words("reason", reason)?;
    words("decided_by", decided_by)?;
    let found = decisions(&session, Some(id)).await?.into_iter().next();
    let kept = found.ok_or_else(|| IdentityError::Unknown(format!("there is no decision {id} about who is who")))?;
    if let Some(by) = kept.revoked_by {
        return Err(refused(format!("{id} was taken back before, by {by}; decide anew where it should hold again")));
    }
    append(lake, "revoke", &kept.subjects, (reason, decided_by), Some(id)).await?;
    one(lake, &session, id).await
}

/// The decisions about who is who, newest first, at most a thousand.
pub async fn list(lake: &Lake) -> Result<Vec<Decided>, IdentityError> {
    let session = session(lake);
    let mut kept = decisions(&session, None).await?;
    kept.truncate(MOST_DECISIONS);
    shown(lake, &session, kept).await
}

async fn one(lake: &Lake, session: &SessionContext, id: &str) -> Result<Decided, IdentityError> {
    let kept = decisions(session, Some(id)).await?;
    let found = shown(lake, session, kept).await?.into_iter().next();
    found.ok_or_else(|| IdentityError::Unknown(format!("there is no decision {id} about who is who")))
}

fn refused(words: impl Into<String>) -> IdentityError {
    IdentityError::Refused(words.into())
}

fn words(name: &str, text: &str) -> Result<(), IdentityError> {
    match text.trim().len() {
        0 => Err(refused(format!("{name} is empty: a decision says why and by whom"))),
        1..=MOST_WORDS => Ok(()),
        n => Err(refused(format!("{name} has {n} bytes, more than {MOST_WORDS}"))),
    }
}

/// The one subject that is meant.
async fn alone(session: &SessionContext, named: &Named) -> Result<i64, IdentityError> {
    match &named.by {
        By::Subject(subject) => Ok(*subject),
        By::Person if named.person.subjects.len() == 1 => Ok(named.person.subjects[0]),
        By::Person => Err(refused(format!(
            "{} has {} subjects: name the record or the subject that does not belong to it (`clew identity how` lists them)",
            named.asked,
            named.person.subjects.len()
        ))),
        By::Identifier { .. } => {
            let stored = evidence(session, &[&named.person]).await?;
            match named.subjects(&stored, holder(session, named).await?).as_slice() {
                [subject] => Ok(*subject),
                many => Err(refused(format!(
                    "{} subjects carry it: name one of them, such as {}",
                    many.len(),
                    many.first().map_or_else(String::new, ToString::to_string)
                ))),
            }
        }
    }
}

/// One subject of each of the two, of which neither is also the other's.
async fn two(session: &SessionContext, kind: Kind, named: [Named; 2]) -> Result<Vec<i64>, IdentityError> {
    let [a, b] = &named;
    if a.person.population != b.person.population {
        return Err(refused(format!(
            "one is of the population {}, the other of {}: these never mix",
            a.person.population, b.person.population
        )));
    }
    let people: Vec<&Person> = if a.person.id == b.person.id { vec![&a.person] } else { vec![&a.person, &b.person] };
    let same_person = people.len() == 1;
    if same_person && kind == Kind::Apart && named.iter().any(|one| one.by == By::Person) {
        return Err(refused(format!(
            "both are the person {}: name the records, subjects or identifiers in it that are to be two people",
            a.person.id
        )));
    }
    let stored: Vec<Stored> = evidence(session, &people).await?;
    let mut sides = Vec::new();
    for one in &named {
        let known = one.subjects(&stored, None);
        sides.push(if known.is_empty() { one.subjects(&stored, holder(session, one).await?) } else { known });
    }
    let choose = |mine: &[i64], other: &[i64]| mine.iter().find(|subject| !other.contains(subject)).or(mine.first()).copied();
    let (Some(x), Some(y)) = (choose(&sides[0], &sides[1]), choose(&sides[1], &sides[0])) else {
        return Err(refused("no subject is known that carries it since the last run: try again after the next one"));
    };
    if x == y {
        return Err(refused(format!("both name the subject {x}: to take it out of its person, detach it")));
    }
    Ok(vec![x, y])
}

/// Appends one decision; gives its id, which follows from what it says and when.
async fn append(
    lake: &Lake,
    kind: &str,
    subjects: &[i64],
    (reason, decided_by): (&str, &str),
    revokes: Option<&str>,
) -> Result<String, IdentityError> {
    let now = lake.now().micros();
    let content = format!("{kind}\0{subjects:?}\0{reason}\0{decided_by}\0{revokes:?}");
    let id = format!("d_{}", Base32::of(xxh3_64(format!("{content}\0{now}").as_bytes())));
    let text = |value: Option<&str>| -> ArrayRef { Arc::new([value].into_iter().collect::<StringArray>()) };
    let mut about = ListBuilder::new(StringBuilder::new());
    subjects.iter().for_each(|subject| about.values().append_value(subject.to_string()));
    about.append(true);
    let value = serde_json::json!({ "subjects": subjects }).to_string();
    let rows = RecordBatch::try_from_iter_with_nullable(vec![
        ("decision_id", text(Some(&id)), false),
        ("kind", text(Some(kind)), false),
        ("about", Arc::new(about.finish()) as ArrayRef, true),
        ("value", text(Some(&value)), true),
        ("reason", text(Some(reason.trim())), true),
        ("decided_by", text(Some(decided_by.trim())), false),
        ("decided_at", Arc::new(times([Some(now)])) as ArrayRef, false),
        ("revokes", text(revokes), true),
    ])?;
    let batch = lake.batches().open_batch(DECISIONS, &id, 0)?;
    let mut chunk = Chunk::new(DECISIONS, batch.id.clone(), batch.next_chunk, Mode::Append);
    chunk.rows = RowCounts { read: 1, mapped: 1, skipped: 0, unreadable: 0 };
    chunk.facts = vec![FactBatch {
        table: "decisions",
        rows,
        content: vec![xxh3_64(content.as_bytes())],
        produced: 1,
        quarantined: 0,
        rejected: 0,
    }];
    lake.append(chunk).await?;
    lake.batches().close_batch(DECISIONS, &batch.id)?;
    Ok(id)
}

async fn shown(lake: &Lake, session: &SessionContext, kept: Vec<Kept>) -> Result<Vec<Decided>, IdentityError> {
    let bridged = bridged(session).await?;
    let followed = last_run(session).await?;
    let online = OnlineIdentity::of(lake);
    let mut known: Vec<i64> = kept.iter().flat_map(|decision| decision.subjects.iter().copied()).collect();
    known.sort_unstable();
    known.dedup();
    let named = nodes(session, &known, &[]).await?;
    let node = |subject: &i64| known.binary_search(subject).map_or_else(|_| Node::default(), |at| named[at].clone());
    let mut all = Vec::with_capacity(kept.len());
    for decision in kept {
        let mut people = Vec::new();
        for subject in &decision.subjects {
            let person = online.map(|online| online.person_of(lake, *subject)).transpose()?.flatten();
            people.push(person.map(|person| person.to_string()));
        }
        let effective = match (decision.kind.as_str(), people.as_slice()) {
            ("link", [Some(a), Some(b)]) => a == b,
            ("apart", [Some(a), Some(b)]) => a != b,
            ("detach", [Some(_)]) => true,
            _ => false,
        };
        let state = if decision.revoked_by.is_some() {
            "revoked"
        } else if followed.is_none_or(|at_us| at_us < decision.decided_at_us) {
            "pending"
        } else if effective {
            "in_effect"
        } else {
            "without_effect"
        };
        all.push(Decided {
            bridged: bridged.get(&decision.id).copied().unwrap_or_default(),
            subjects: decision.subjects.iter().map(node).collect(),
            people,
            decided_at: instant(decision.decided_at_us),
            decision_id: decision.id,
            kind: decision.kind,
            reason: decision.reason,
            decided_by: decision.decided_by,
            revoked_by: decision.revoked_by,
            state: state.to_owned(),
        });
    }
    Ok(all)
}

/// By decision to keep apart: the evidence that it outweighs.
async fn bridged(session: &SessionContext) -> Result<FxHashMap<String, u64>, IdentityError> {
    let sql = format!(
        "SELECT decided_by, count(*) AS n FROM links WHERE effect = 'demoted' AND starts_with(decided_by, '{APART}') GROUP BY decided_by"
    );
    let mut bridged = FxHashMap::default();
    for batch in session.sql(&sql).await?.collect().await? {
        let (by, n) = (Columns(&batch).text("decided_by")?, Columns(&batch).int("n")?);
        for (by, n) in by.iter().flatten().zip(n.values()) {
            bridged.insert(by.trim_start_matches(APART).to_owned(), *n as u64);
        }
    }
    Ok(bridged)
}

/// When the last run that decided who is who began, microseconds.
async fn last_run(session: &SessionContext) -> Result<Option<i64>, IdentityError> {
    let sql = "SELECT max(started_at) AS at FROM runs WHERE step = 'identity' AND status = 'done' AND mode <> 'unchanged'";
    for batch in session.sql(sql).await?.collect().await? {
        if let Some(at) = Columns(&batch).time("at")?.iter().next() {
            return Ok(at);
        }
    }
    Ok(None)
}
