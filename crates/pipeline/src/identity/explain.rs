//! Why two are one person, why they are not, and how a person came to be: read from `links`, `decisions` and `person_changes`.
//!
//! Nothing is computed anew: the answers name the evidence on which the last run decided. What the write path has decided since is told as
//! that, because its evidence is written by the next run.

use std::collections::BTreeSet;

use arrow::array::Array;
use clew_identity::{joins, why as chain_of};
use clew_lake::Lake;
use clew_lake::literal::Text;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

use super::find::{By, Named, find, holder};
use super::{Asked, Evidence, IdentityError, Kept, Node, Stored, decisions, evidence, instant, nodes, session};
use crate::columns::Columns;
use crate::steps::identity::links::APART;

/// Joins of a person that are told, the first ones.
const MOST_JOINS: usize = 200;
/// Changes of a person that are told, the newest.
const MOST_CHANGES: usize = 100;
/// Reasons that are told of one kind.
const MOST_REASONS: usize = 20;

/// Why two are one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The first.
    pub a: Asked,
    /// The second.
    pub b: Asked,
    /// From the first to the second, each step a piece of evidence; empty where they are the same subject.
    pub chain: Vec<Link>,
    /// What is to be said where there is no chain.
    pub note: Option<String>,
}

/// A piece of evidence between two subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The subject nearer to the start.
    pub from: Node,
    /// The subject nearer to the end.
    pub to: Node,
    /// What joins them.
    pub evidence: Evidence,
}

/// Why two are not one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyNot {
    /// The first.
    pub a: Asked,
    /// The second.
    pub b: Asked,
    /// The strongest first.
    pub reasons: Vec<Reason>,
}

/// What keeps two apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// population, decision, limit, unique, untrusted, doubtful (alike, but not sure enough), identifier (what both carry identifies nobody),
    /// nothing.
    pub kind: String,
    /// In words.
    pub words: String,
    /// The evidence that was not used.
    pub evidence: Option<Evidence>,
    /// The subject that brought it.
    pub from: Option<Node>,
    /// The subject that it would have joined.
    pub to: Option<Node>,
}

/// How a person came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct How {
    /// The person.
    pub person: Asked,
    /// Its subjects.
    pub subjects: u64,
    /// Evidence that brought two parts together, in the order of its time; at most 200.
    pub joins: Vec<Link>,
    /// How many there are.
    pub all_joins: u64,
    /// What happened to the id, in order; at most the newest 100.
    pub changes: Vec<Change>,
}

/// A row of `person_changes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub changed_at: String,
    /// created, merged, split, moved or erased.
    pub change: String,
    /// The person before.
    pub from_person_id: Option<String>,
    /// The person after.
    pub to_person_id: String,
    /// rules, online, correction or the decision.
    pub cause: String,
}

/// Two that were named, with the evidence about them.
struct Pair {
    a: Named,
    b: Named,
    /// Subjects that are meant.
    from: Vec<i64>,
    to: Vec<i64>,
    stored: Vec<Stored>,
}

impl Pair {
    async fn find(lake: &Lake, session: &SessionContext, a: &str, b: &str) -> Result<Self, IdentityError> {
        let (a, b) = (find(lake, session, a).await?, find(lake, session, b).await?);
        let people = if a.person.id == b.person.id { vec![&a.person] } else { vec![&a.person, &b.person] };
        let stored = evidence(session, &people).await?;
        let mut sides = Vec::new();
        for named in [&a, &b] {
            let mut subjects = named.subjects(&stored, None);
            if subjects.is_empty() {
                subjects = named.subjects(&stored, holder(session, named).await?);
            }
            sides.push(subjects);
        }
        let (to, from) = (sides.pop().unwrap_or_default(), sides.pop().unwrap_or_default());
        Ok(Self { a, b, from, to, stored })
    }

    fn shown(&self) -> (Asked, Asked) {
        (self.a.shown(self.from.first().copied()), self.b.shown(self.to.first().copied()))
    }
}

/// Why `a` and `b` are one person.
///
/// # Errors
/// Where one of them is nobody, or they are two people.
pub async fn why(lake: &Lake, a: &str, b: &str) -> Result<Why, IdentityError> {
    let session = session(lake);
    let pair = Pair::find(lake, &session, a, b).await?;
    if pair.a.person.id != pair.b.person.id {
        return Err(IdentityError::Refused(format!(
            "they are two people, {} and {}: ask why-not",
            pair.a.person.id, pair.b.person.id
        )));
    }
    let merged: Vec<&Stored> = pair.stored.iter().filter(|row| row.evidence.effect == "merged").collect();
    let links: Vec<(i64, i64)> = merged.iter().map(|row| (row.a, row.b)).collect();
    let steps = chain_of(&links, &pair.from, &pair.to);
    let (mut shown_a, mut shown_b) = pair.shown();
    let note = match &steps {
        None => Some("the write path joined them since the last run: their evidence is written by the next one".to_owned()),
        Some(steps) if steps.is_empty() => Some(same_subject(&session, &pair).await?),
        Some(_) => None,
    };
    let steps = steps.unwrap_or_default();
    if let (Some(first), Some(last)) = (steps.first(), steps.last()) {
        (shown_a.subject, shown_b.subject) = (Some(first.from.to_string()), Some(last.to.to_string()));
    }
    let told: Vec<(i64, i64, &Stored)> = steps.iter().map(|step| (step.from, step.to, merged[step.link])).collect();
    let chain = chain(&session, &told, &pair.stored).await?;
    Ok(Why { a: shown_a, b: shown_b, chain, note })
}

/// What is said where both name one subject.
async fn same_subject(session: &SessionContext, pair: &Pair) -> Result<String, IdentityError> {
    let both: Vec<i64> = pair.from.iter().copied().filter(|subject| pair.to.contains(subject)).take(1).collect();
    let named = nodes(session, &both, &pair.stored).await?.into_iter().next().unwrap_or_default();
    Ok(format!("both name one subject: {}", named.record.map_or(named.subject, |record| format!("the record {record}"))))
}

/// Rows of evidence, each walked from one subject to another, as an answer shows them.
async fn chain(session: &SessionContext, steps: &[(i64, i64, &Stored)], stored: &[Stored]) -> Result<Vec<Link>, IdentityError> {
    let subjects: BTreeSet<i64> = steps.iter().flat_map(|&(from, to, _)| [from, to]).collect();
    let subjects: Vec<i64> = subjects.into_iter().collect();
    let shown = nodes(session, &subjects, stored).await?;
    let decided =
        if steps.iter().any(|(.., row)| row.evidence.rule == "decision") { decisions(session, None).await? } else { Vec::new() };
    let node = |subject: i64| subjects.binary_search(&subject).map_or_else(|_| Node::default(), |at| shown[at].clone());
    let link = |&(from, to, row): &(i64, i64, &Stored)| {
        let decision = decided.iter().find(|decision| decision.id == row.evidence.decided_by);
        let reason = decision.and_then(|decision| decision.reason.clone());
        Link { from: node(from), to: node(to), evidence: Evidence { reason, ..row.evidence.clone() } }
    };
    Ok(steps.iter().map(link).collect())
}

/// Why `a` and `b` are not one person.
///
/// # Errors
/// Where one of them is nobody, or they are one person.
pub async fn why_not(lake: &Lake, a: &str, b: &str) -> Result<WhyNot, IdentityError> {
    let session = session(lake);
    let pair = Pair::find(lake, &session, a, b).await?;
    if pair.a.person.id == pair.b.person.id {
        return Err(IdentityError::Refused(format!("they are one person, {}: ask why", pair.a.person.id)));
    }
    let (shown_a, shown_b) = pair.shown();
    let mut reasons = Vec::new();
    if pair.a.person.population != pair.b.person.population {
        let words = format!(
            "one is of the population {}, the other of {}: evidence never crosses populations",
            pair.a.person.population, pair.b.person.population
        );
        reasons.push(Reason { kind: "population".to_owned(), words, evidence: None, from: None, to: None });
    }
    reasons.extend(decided(&pair, &decisions(&session, None).await?));
    reasons.extend(dropped(&session, &pair).await?);
    reasons.extend(unused(&pair));
    if reasons.is_empty() {
        let words = "nothing that was stored says that they are one person: they share no identifier".to_owned();
        reasons.push(Reason { kind: "nothing".to_owned(), words, evidence: None, from: None, to: None });
    }
    Ok(WhyNot { a: shown_a, b: shown_b, reasons })
}

/// Decisions that keep the two people apart, or that took a subject's evidence away.
fn decided(pair: &Pair, decisions: &[Kept]) -> Vec<Reason> {
    let is_of = |named: &Named, subject: &i64| named.person.subjects.contains(subject);
    let (a, b) = (&pair.a, &pair.b);
    let standing = decisions.iter().filter(|decision| decision.revoked_by.is_none());
    let reason = |decision: &Kept| {
        let words = match (decision.kind.as_str(), decision.subjects.as_slice()) {
            ("apart", [x, y]) if (is_of(a, x) && is_of(b, y)) || (is_of(a, y) && is_of(b, x)) => "kept apart".to_owned(),
            ("detach", [x]) if is_of(a, x) || is_of(b, x) => format!("subject {x} was detached: its identifiers are no evidence"),
            _ => return None,
        };
        let because = decision.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let words =
            format!("{words}, by {} on {} ({}){because}", decision.decided_by, instant(decision.decided_at_us), decision.id);
        Some(Reason { kind: "decision".to_owned(), words, evidence: None, from: None, to: None })
    };
    standing.filter_map(reason).take(MOST_REASONS).collect()
}

/// Evidence between the two people that was dropped.
async fn dropped(session: &SessionContext, pair: &Pair) -> Result<Vec<Reason>, IdentityError> {
    let is_of = |named: &Named, subject: i64| named.person.subjects.contains(&subject);
    let across =
        |row: &&Stored| (is_of(&pair.a, row.a) && is_of(&pair.b, row.b)) || (is_of(&pair.a, row.b) && is_of(&pair.b, row.a));
    let mut rows: Vec<&Stored> = pair
        .stored
        .iter()
        .filter(|row| ["demoted", "doubtful"].contains(&row.evidence.effect.as_str()))
        .filter(across)
        .take(MOST_REASONS)
        .collect();
    rows.dedup_by_key(|row| (row.a, row.b, row.evidence.value.clone()));
    let steps: Vec<(i64, i64, &Stored)> =
        rows.iter().map(|row| if is_of(&pair.a, row.a) { (row.a, row.b, *row) } else { (row.b, row.a, *row) }).collect();
    let links = chain(session, &steps, &pair.stored).await?;
    Ok(links
        .into_iter()
        .map(|link| {
            let (kind, words) = in_words(&link.evidence);
            Reason { kind: kind.to_owned(), words, evidence: Some(link.evidence), from: Some(link.from), to: Some(link.to) }
        })
        .collect())
}

/// Why evidence was dropped: kind and words.
fn in_words(evidence: &Evidence) -> (&'static str, String) {
    let rule = &evidence.rule;
    if evidence.rule == "model" {
        return likeness_in_words(evidence);
    }
    let both = format!("both carry {rule}:{}", evidence.value.as_deref().unwrap_or_default());
    let why = &evidence.decided_by;
    if let Some(kind) = why.strip_prefix("limit of ") {
        return ("limit", format!("{both}, but together they would have more values of {kind} than its limit"));
    }
    if let Some(kind) = why.strip_prefix("unique ").and_then(|rest| rest.strip_suffix(" differs")) {
        return ("unique", format!("{both}, but their {kind} differs, which is unique"));
    }
    if let Some(decision) = why.strip_prefix(APART) {
        return ("decision", format!("{both}, which the decision {decision} outweighs"));
    }
    match why.as_str() {
        "untrusted source" => {
            let source = evidence.source.as_deref().unwrap_or("its source");
            ("untrusted", format!("{both}, but the word of {source} does not suffice to connect people by it"))
        }
        "other population" => ("population", format!("{both}, but the type {rule} belongs to another population")),
        other => ("dropped", format!("{both}, which was not used: {other}")),
    }
}

/// Why records that are alike are two people: kind and words.
fn likeness_in_words(evidence: &Evidence) -> (&'static str, String) {
    let why = &evidence.decided_by;
    let alike = format!("their records are alike with probability {:.3}", evidence.probability.unwrap_or_default());
    if evidence.effect == "doubtful" {
        return ("doubtful", format!("{alike}, which is not sure enough: decide it"));
    }
    let against = match (why.strip_prefix("unique "), why.strip_prefix("limit of ")) {
        (Some(kind), _) => format!("their {} differs, which is unique", kind.trim_end_matches(" differs")),
        (_, Some(kind)) => format!("together they would have more values of {kind} than its limit"),
        _ => format!("they are {why}"),
    };
    ("unique", format!("{alike}, but {against}"))
}

/// What both people carry and what identifies nobody.
fn unused(pair: &Pair) -> Vec<Reason> {
    let carried = |named: &Named| -> BTreeSet<(&str, &str, &str)> {
        let of = |row: &&Stored| named.person.subjects.contains(&row.a) || named.person.subjects.contains(&row.b);
        let blocked = pair.stored.iter().filter(|row| row.evidence.effect == "blocked").filter(of);
        blocked
            .filter_map(|row| {
                let Evidence { rule, value, decided_by, .. } = &row.evidence;
                Some((rule.as_str(), value.as_deref()?, decided_by.as_str()))
            })
            .collect()
    };
    let (a, b) = (carried(&pair.a), carried(&pair.b));
    let reason = |(rule, value, why): (&str, &str, &str)| Reason {
        kind: "identifier".to_owned(),
        words: format!("both carry {rule}:{value}, which identifies nobody: {why}"),
        evidence: None,
        from: None,
        to: None,
    };
    a.intersection(&b).copied().map(reason).take(MOST_REASONS).collect()
}

/// How the person that `asked` names came to be.
///
/// # Errors
/// Where it is nobody.
pub async fn how(lake: &Lake, asked: &str) -> Result<How, IdentityError> {
    let session = session(lake);
    let named = find(lake, &session, asked).await?;
    let mut merged: Vec<Stored> = evidence(&session, &[&named.person]).await?;
    let all = merged.clone();
    merged.retain(|row| row.evidence.effect == "merged");
    merged.sort_by_key(|row| row.at_us);
    let links: Vec<(i64, i64)> = merged.iter().map(|row| (row.a, row.b)).collect();
    let joined = joins(&links);
    let steps: Vec<(i64, i64, &Stored)> =
        joined.iter().take(MOST_JOINS).map(|&at| (merged[at].a, merged[at].b, &merged[at])).collect();
    let told = chain(&session, &steps, &all).await?;
    Ok(How {
        person: named.shown(if named.by == By::Person { None } else { named.person.subjects.first().copied() }),
        subjects: named.person.subjects.len() as u64,
        joins: told,
        all_joins: joined.len() as u64,
        changes: changes(&session, &named.person.id.to_string()).await?,
    })
}

async fn changes(session: &SessionContext, id: &str) -> Result<Vec<Change>, IdentityError> {
    let id = Text(id);
    let sql = format!(
        "SELECT changed_at, change, from_person_id, to_person_id, cause FROM person_changes WHERE to_person_id = {id} OR from_person_id = {id} \
         ORDER BY seq DESC LIMIT {MOST_CHANGES}"
    );
    let mut changes = Vec::new();
    for batch in session.sql(&sql).await?.collect().await? {
        let columns = Columns(&batch);
        let (at, change, cause) = (columns.time("changed_at")?, columns.text("change")?, columns.text("cause")?);
        let (from, to) = (columns.text("from_person_id")?, columns.text("to_person_id")?);
        changes.extend((0..batch.num_rows()).map(|row| Change {
            changed_at: instant(at.value(row)),
            change: change.value(row).to_owned(),
            from_person_id: from.is_valid(row).then(|| from.value(row).to_owned()),
            to_person_id: to.value(row).to_owned(),
            cause: cause.value(row).to_owned(),
        }));
    }
    changes.reverse();
    Ok(changes)
}
