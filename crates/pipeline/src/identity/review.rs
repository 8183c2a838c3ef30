//! The review queue: pairs of people of whom nobody can say whether they are one, those first from whose answer most is learnt.
//!
//! Two kinds of evidence leave a pair open: a likeness that is not sure enough or that a limit or a unique identifier forbids, and an
//! identifier that a limit kept from joining two persons. The value of an answer is how unsure it is, `4 p (1 − p)` of the match
//! probability and 1 where rules contradict evidence, times the logarithm of the events that hang on it: a giant must not stand before
//! everybody. A pair that somebody has decided about is not asked for again, whether a run has followed that yet or not.

use std::collections::BTreeMap;

use arrow::array::{Array, StringArray};
use clew_lake::Lake;
use clew_lake::literal::Integers;
use datafusion::prelude::SessionContext;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::{Evidence, IdentityError, Level, decisions, instant, session};
use crate::columns::Columns;

/// Pairs that are looked at: those with the most value of these are told.
const MOST_PAIRS: usize = 200_000;

/// Pairs to decide about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The most valuable first.
    pub pairs: Vec<Doubt>,
    /// How many there are.
    pub total: u64,
}

/// A pair to decide about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    /// One of the two.
    pub a: Side,
    /// The other.
    pub b: Side,
    /// What says that they are one person.
    pub evidence: Evidence,
    /// What is learnt from an answer, in no unit: only the order counts.
    pub value: f64,
}

/// One of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The subject that the evidence is about.
    pub subject: String,
    /// Its person.
    pub person_id: String,
    /// Best known name.
    pub display_name: Option<String>,
    /// Events of the person.
    pub events: u64,
    /// The record that the subject is, as `source:record_id`.
    pub record: Option<String>,
    /// What the record says, by field; those without a value are left out.
    pub fields: BTreeMap<String, String>,
}

/// The `limit` most valuable pairs to decide about.
pub async fn review(lake: &Lake, limit: usize) -> Result<Review, IdentityError> {
    let session = session(lake);
    let mut pairs = open(&session).await?;
    let decided = decided(&session).await?;
    pairs.retain(|pair| !decided.contains(&key(&pair.a, &pair.b)));
    let total = pairs.len() as u64;
    pairs.truncate(limit);
    tell_records(&session, &mut pairs).await?;
    Ok(Review { pairs, total })
}

/// Two people, whichever comes first.
fn key(a: &Side, b: &Side) -> (String, String) {
    let (a, b) = (a.person_id.clone(), b.person_id.clone());
    if a <= b { (a, b) } else { (b, a) }
}

/// One pair for each two people between whom evidence is open, the most valuable first.
async fn open(session: &SessionContext) -> Result<Vec<Doubt>, IdentityError> {
    let sql = format!(
        "SELECT l.a, l.b, l.rule, l.value, l.effect, l.match_weight, l.probability, l.decided_by, l.source, l.at, l.levels, \
         x.person_id AS person_a, y.person_id AS person_b, p.display_name AS name_a, q.display_name AS name_b, \
         coalesce(p.events, 0) AS events_a, coalesce(q.events, 0) AS events_b FROM links l JOIN subjects x ON l.a = x.subject \
         JOIN subjects y ON l.b = y.subject LEFT JOIN profiles p ON p.person_id = x.person_id LEFT JOIN profiles q ON q.person_id = y.person_id \
         WHERE x.person_id <> y.person_id AND (l.effect = 'doubtful' OR (l.effect = 'demoted' AND (starts_with(l.decided_by, 'limit of ') \
         OR (l.rule = 'model' AND starts_with(l.decided_by, 'unique '))))) LIMIT {MOST_PAIRS}"
    );
    let mut best: FxHashMap<(String, String), Doubt> = FxHashMap::default();
    for batch in session.sql(&sql).await?.collect().await? {
        let columns = Columns(&batch);
        let text = |name: &str| columns.text(name);
        let (a, b, at) = (columns.int("a")?, columns.int("b")?, columns.time("at")?);
        let (rule, value, effect, decided_by) = (text("rule")?, text("value")?, text("effect")?, text("decided_by")?);
        let (source, levels) = (text("source")?, text("levels")?);
        let (weight, probability) = (columns.float("match_weight")?, columns.float("probability")?);
        let people = [
            (text("person_a")?, text("name_a")?, columns.int("events_a")?),
            (text("person_b")?, text("name_b")?, columns.int("events_b")?),
        ];
        for row in 0..batch.num_rows() {
            let given = |column: &StringArray| column.is_valid(row).then(|| column.value(row).to_owned());
            let side = |subject: i64, (person, name, events): &(StringArray, StringArray, arrow::array::Int64Array)| Side {
                subject: subject.to_string(),
                person_id: person.value(row).to_owned(),
                display_name: given(name),
                events: events.value(row).max(0) as u64,
                ..Side::default()
            };
            let probability = probability.is_valid(row).then(|| probability.value(row));
            let evidence = Evidence {
                rule: rule.value(row).to_owned(),
                value: given(&value),
                effect: effect.value(row).to_owned(),
                match_weight: weight.is_valid(row).then(|| weight.value(row)),
                probability,
                decided_by: decided_by.value(row).to_owned(),
                source: given(&source),
                at: instant(at.value(row)),
                reason: None,
                levels: given(&levels).and_then(|levels| serde_json::from_str::<Vec<Level>>(&levels).ok()).unwrap_or_default(),
            };
            let (a, b) = (side(a.value(row), &people[0]), side(b.value(row), &people[1]));
            let unsure = match probability {
                Some(p) if evidence.effect == "doubtful" => 4.0 * p * (1.0 - p),
                _ => 1.0,
            };
            let value = unsure * ((2 + a.events + b.events) as f64).log2();
            let doubt = Doubt { a, b, evidence, value };
            let known = best.entry(key(&doubt.a, &doubt.b)).or_insert_with(|| doubt.clone());
            if order(&doubt, known).is_lt() {
                *known = doubt;
            }
        }
    }
    let mut pairs: Vec<Doubt> = best.into_values().collect();
    pairs.sort_by(order);
    Ok(pairs)
}

/// The most valuable first, then by people and subjects.
fn order(x: &Doubt, y: &Doubt) -> std::cmp::Ordering {
    let names =
        |doubt: &Doubt| (key(&doubt.a, &doubt.b), doubt.a.subject.clone(), doubt.b.subject.clone(), doubt.evidence.rule.clone());
    y.value.total_cmp(&x.value).then_with(|| names(x).cmp(&names(y)))
}

/// People about whom somebody has decided together, by what the last run says of their subjects.
async fn decided(session: &SessionContext) -> Result<FxHashSet<(String, String)>, IdentityError> {
    let kept = decisions(session, None).await?;
    let standing: Vec<_> = kept.into_iter().filter(|one| one.revoked_by.is_none() && one.subjects.len() == 2).collect();
    let subjects: Vec<i64> = standing.iter().flat_map(|one| one.subjects.iter().copied()).collect();
    let mut person_of: FxHashMap<i64, String> = FxHashMap::default();
    if !subjects.is_empty() {
        let sql = format!("SELECT subject, person_id FROM subjects WHERE subject IN {}", Integers(&subjects));
        for batch in session.sql(&sql).await?.collect().await? {
            let (subject, person) = (Columns(&batch).int("subject")?, Columns(&batch).text("person_id")?);
            person_of.extend(subject.values().iter().copied().zip(person.iter().flatten().map(str::to_owned)));
        }
    }
    let pair = |subjects: &[i64]| {
        let (a, b) = (person_of.get(&subjects[0])?.clone(), person_of.get(&subjects[1])?.clone());
        Some(if a <= b { (a, b) } else { (b, a) })
    };
    Ok(standing.iter().filter_map(|one| pair(&one.subjects)).collect())
}

/// Adds what the records say that are compared.
async fn tell_records(session: &SessionContext, pairs: &mut [Doubt]) -> Result<(), IdentityError> {
    const FIELDS: [&str; 9] = ["name", "birth_date", "emails", "phones", "street", "postcode", "city", "country", "organisation"];
    let subjects: Vec<i64> =
        pairs.iter().flat_map(|pair| [&pair.a, &pair.b]).filter_map(|side| side.subject.parse().ok()).collect();
    if subjects.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT CAST(subject AS VARCHAR) AS subject, source, record_id, \
         coalesce(nullif(concat_ws(' ', given_name, family_name), ''), full_name) AS name, CAST(birth_date AS VARCHAR) AS birth_date, \
         array_to_string(emails, ', ') AS emails, array_to_string(phones, ', ') AS phones, street, postcode, city, country, organisation \
         FROM records_current WHERE subject IN {} ORDER BY source, record_id",
        Integers(&subjects)
    );
    for batch in session.sql(&sql).await?.collect().await? {
        let columns = Columns(&batch);
        let (subject, source, record) = (columns.text("subject")?, columns.text("source")?, columns.text("record_id")?);
        let texts: Vec<StringArray> = FIELDS.iter().map(|field| columns.text(field)).collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            let is_it = |side: &&mut Side| side.subject == subject.value(row);
            for side in pairs.iter_mut().flat_map(|pair| [&mut pair.a, &mut pair.b]).filter(is_it) {
                side.record = Some(format!("{}:{}", source.value(row), record.value(row)));
                let said = FIELDS.iter().zip(&texts).filter(|(_, text)| text.is_valid(row) && !text.value(row).is_empty());
                side.fields = said.map(|(field, text)| ((*field).to_owned(), text.value(row).to_owned())).collect();
            }
        }
    }
    Ok(())
}
