//! Questions and decisions about who is who: what `clew identity` and the cockpit ask, answered from stored evidence.
//!
//! | module | holds |
//! |---|---|
//! | here | what is named in a question, its errors, and the stored evidence of people |
//! | [`explain`] | why two are one person, why they are not, how a person came to be |
//! | [`decide`] | link, keep apart, detach, and take such a decision back |
//! | [`rehearse`] | what other rules would do, before they do it |
//! | [`review`] | pairs of whom nobody can say whether they are one |
//!
//! Every answer reads the few rows that are about the people asked for: the index of the write path leads from a subject or an identifier to its
//! person, and `links` stands in the order of people's buckets. Subject numbers are text here: a number of JSON does not hold them.

pub mod decide;
pub mod explain;
mod find;
pub mod rehearse;
pub mod review;

use clew_identity::PersonId;
use clew_lake::literal::{Integers, Text};
use clew_lake::{AppendError, Lake, StorageError};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::steps::identity::bucket;
use arrow::array::Array;
use arrow::error::ArrowError;

/// Why a question about who is who is not answered, or a decision not stored.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Nobody goes by that name.
    #[error("{0}")]
    Unknown(String),
    /// It cannot be asked, or decided, like that.
    #[error("{0}")]
    Refused(String),
    /// The lake could not read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A query failed.
    #[error("a query about identity failed: {0}")]
    Query(#[from] DataFusionError),
    /// Columns did not fit.
    #[error("the columns of a query about identity do not fit: {0}")]
    Columns(#[from] ArrowError),
    /// The decision could not be stored.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A person id in a table that is none.
    #[error(transparent)]
    PersonId(#[from] clew_identity::persons::NotAPersonId),
}

impl IdentityError {
    /// Whether the one who asked can do something about it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Refused(_))
    }
}

/// Somebody who was named in a question, as the answer shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The words of the question.
    pub asked: String,
    /// The person.
    pub person_id: String,
    /// Its population.
    pub population: String,
    /// The subject that was named, or that stands for what was.
    pub subject: Option<String>,
}

/// A subject in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its number.
    pub subject: String,
    /// The record that it is, as `source:record_id`.
    pub record: Option<String>,
    /// Identifiers that it shares with others, as `type:value`.
    pub identifiers: Vec<String>,
}

/// A piece of evidence in an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Identifier type, `model` or `decision`.
    pub rule: String,
    /// The identifier that both carry.
    pub value: Option<String>,
    /// merged, demoted, doubtful or blocked.
    pub effect: String,
    /// log2 of the Bayes factor; null for rules.
    pub match_weight: Option<f64>,
    /// Match probability; null for rules.
    pub probability: Option<f64>,
    /// rules, model or the decision; of what was dropped why.
    pub decided_by: String,
    /// The source that showed it.
    pub source: Option<String>,
    /// When.
    pub at: String,
    /// Of a decision: why, in the decider's words.
    pub reason: Option<String>,
    /// Of a model: what it compared.
    pub levels: Vec<Level>,
}

/// What a model compared of two records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// What.
    pub comparison: String,
    /// How alike they are in it.
    pub level: Option<String>,
    /// log2 of the Bayes factor.
    pub match_weight: Option<f64>,
}

/// A session whose scans decode a column only where the filters before it hold: a question is about few rows of many.
fn session(lake: &Lake) -> SessionContext {
    let session = lake.session();
    session.state_ref().write().table_options_mut().parquet.global.pushdown_filters = true;
    session
}

/// A person of a question, with its subjects in canonical order.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub id: PersonId,
    pub population: String,
    /// At most [`clew_identity::online::MOST_SUBJECTS`].
    pub subjects: Vec<i64>,
}

impl Person {
    /// Whether it has more subjects than are listed.
    fn is_cut(&self) -> bool {
        self.subjects.len() >= clew_identity::online::MOST_SUBJECTS
    }
}

/// A row of `links`.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub a: i64,
    pub b: i64,
    pub at_us: i64,
    pub evidence: Evidence,
}

/// The stored evidence that touches these people, in the order of the table.
pub(crate) async fn evidence(session: &SessionContext, people: &[&Person]) -> Result<Vec<Stored>, IdentityError> {
    let buckets = people.iter().map(|person| bucket(person.id).to_string()).collect::<Vec<_>>().join(", ");
    let mut condition = format!("(bucket IN ({buckets}) OR bucket IS NULL)");
    if people.iter().all(|person| !person.is_cut()) {
        let subjects: Vec<i64> = people.iter().flat_map(|person| person.subjects.iter().copied()).collect();
        let subjects = Integers(&subjects);
        condition += &format!(" AND (a IN {subjects} OR b IN {subjects})");
    }
    let sql = format!(
        "SELECT a, b, rule, value, effect, match_weight, probability, decided_by, source, at, levels FROM links WHERE {condition}"
    );
    let mut stored = Vec::new();
    for batch in session.sql(&sql).await?.collect().await? {
        let columns = Columns(&batch);
        let (a, b, at) = (columns.int("a")?, columns.int("b")?, columns.time("at")?);
        let [rule, value, effect, decided_by, source] =
            ["rule", "value", "effect", "decided_by", "source"].map(|name| columns.text(name));
        let (rule, value, effect, decided_by, source) = (rule?, value?, effect?, decided_by?, source?);
        let levels = columns.text("levels")?;
        let (weight, probability) = (columns.float("match_weight")?, columns.float("probability")?);
        for row in 0..batch.num_rows() {
            let text = |column: &arrow::array::StringArray| column.is_valid(row).then(|| column.value(row).to_owned());
            stored.push(Stored {
                a: a.value(row),
                b: b.value(row),
                at_us: at.value(row),
                evidence: Evidence {
                    rule: rule.value(row).to_owned(),
                    value: text(&value),
                    effect: effect.value(row).to_owned(),
                    match_weight: weight.is_valid(row).then(|| weight.value(row)),
                    probability: probability.is_valid(row).then(|| probability.value(row)),
                    decided_by: decided_by.value(row).to_owned(),
                    source: text(&source),
                    at: instant(at.value(row)),
                    reason: None,
                    levels: text(&levels).and_then(|levels| serde_json::from_str(&levels).ok()).unwrap_or_default(),
                },
            });
        }
    }
    Ok(stored)
}

/// `subjects` as an answer shows them, in their order: records by their ids, and what each is known to share by the `stored` evidence.
pub(crate) async fn nodes(session: &SessionContext, subjects: &[i64], stored: &[Stored]) -> Result<Vec<Node>, IdentityError> {
    let mut nodes: Vec<Node> = subjects.iter().map(|subject| Node { subject: subject.to_string(), ..Node::default() }).collect();
    for row in stored {
        let Some(value) = &row.evidence.value else { continue };
        for (node, _) in nodes.iter_mut().zip(subjects).filter(|(_, subject)| **subject == row.a || **subject == row.b) {
            let identifier = format!("{}:{value}", row.evidence.rule);
            if !node.identifiers.contains(&identifier) {
                node.identifiers.push(identifier);
            }
        }
    }
    if subjects.is_empty() {
        return Ok(nodes);
    }
    let sql = format!("SELECT subject, source, record_id FROM records WHERE subject IN {}", Integers(subjects));
    for batch in session.sql(&sql).await?.collect().await? {
        let columns = Columns(&batch);
        let (subject, source, record) = (columns.int("subject")?, columns.text("source")?, columns.text("record_id")?);
        for row in 0..batch.num_rows() {
            for (node, _) in nodes.iter_mut().zip(subjects).filter(|(_, known)| **known == subject.value(row)) {
                node.record = Some(format!("{}:{}", source.value(row), record.value(row)));
            }
        }
    }
    nodes.iter_mut().for_each(|node| node.identifiers.sort_unstable());
    Ok(nodes)
}

/// A decision as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub id: String,
    pub kind: String,
    pub subjects: Vec<i64>,
    pub reason: Option<String>,
    pub decided_by: String,
    pub decided_at_us: i64,
    pub revoked_by: Option<String>,
}

/// Decisions about who is who, newest first, those that were taken back included; only the one called `id` where one is named.
pub(crate) async fn decisions(session: &SessionContext, id: Option<&str>) -> Result<Vec<Kept>, IdentityError> {
    let one = id.map_or_else(String::new, |id| format!(" AND d.decision_id = {}", Text(id)));
    let sql = format!(
        "SELECT d.decision_id, d.kind, d.about, d.reason, d.decided_by, d.decided_at, r.decision_id AS revoked_by FROM decisions d \
         LEFT JOIN (SELECT revokes, min(decision_id) AS decision_id FROM decisions WHERE revokes IS NOT NULL GROUP BY revokes) r \
         ON r.revokes = d.decision_id WHERE d.kind IN ('link', 'apart', 'detach'){one} ORDER BY d.decided_at DESC, d.decision_id"
    );
    let mut kept = Vec::new();
    for batch in session.sql(&sql).await?.collect().await? {
        let columns = Columns(&batch);
        let (id, kind, about) = (columns.text("decision_id")?, columns.text("kind")?, columns.text_lists("about")?);
        let (reason, decided_by) = (columns.text("reason")?, columns.text("decided_by")?);
        let (at, revoked_by) = (columns.time("decided_at")?, columns.text("revoked_by")?);
        for row in 0..batch.num_rows() {
            let text = |column: &arrow::array::StringArray| column.is_valid(row).then(|| column.value(row).to_owned());
            kept.push(Kept {
                id: id.value(row).to_owned(),
                kind: kind.value(row).to_owned(),
                subjects: about.get(row).iter().filter_map(|subject| subject.parse().ok()).collect(),
                reason: text(&reason),
                decided_by: decided_by.value(row).to_owned(),
                decided_at_us: at.value(row),
                revoked_by: text(&revoked_by),
            });
        }
    }
    Ok(kept)
}

/// A time as text, RFC 3339.
pub(crate) fn instant(us: i64) -> String {
    jiff::Timestamp::from_microsecond(us).map_or_else(|_| String::new(), |time| time.to_string())
}
