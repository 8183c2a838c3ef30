//! Whom a question names: `p_…` a person, digits a subject, `type:value` an identifier, `source:record_id` a record.
//!
//! The index of the write path knows the way from each to its person in microseconds. Where it holds nothing (a table that was restored, a
//! store opened by other rules), the tables are asked.

use arrow::array::Array;
use clew_identity::canonical::{SubjectBuffer, canonical};
use clew_identity::{CompiledRules, PersonId, record_subject};
use clew_lake::Lake;
use clew_lake::literal::{Integer, Text};
use datafusion::prelude::SessionContext;

use super::{Asked, IdentityError, Person, Stored};
use crate::columns::Columns;
use crate::online::OnlineIdentity;
use crate::steps::identity::bucket;

/// Somebody who was named.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub asked: String,
    pub person: Person,
    pub by: By,
}

/// By what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum By {
    Person,
    Subject(i64),
    Identifier { kind: String, value: String },
}

impl Named {
    /// The subjects that are meant: of a person its first, of an identifier those that are known to carry it.
    pub fn subjects(&self, stored: &[Stored], holder: Option<i64>) -> Vec<i64> {
        match &self.by {
            By::Person => self.person.subjects.first().copied().into_iter().collect(),
            By::Subject(subject) => vec![*subject],
            By::Identifier { kind, value } => {
                let carries = |row: &&Stored| row.evidence.rule == *kind && row.evidence.value.as_deref() == Some(value);
                let mut found: Vec<i64> = stored.iter().filter(carries).flat_map(|row| [row.b, row.a]).chain(holder).collect();
                found.retain(|subject| self.person.is_cut() || self.person.subjects.contains(subject));
                found.sort_unstable();
                found.dedup();
                found
            }
        }
    }

    /// As an answer shows it.
    pub fn shown(&self, subject: Option<i64>) -> Asked {
        let subject = match &self.by {
            By::Subject(subject) => Some(*subject),
            By::Person | By::Identifier { .. } => subject,
        };
        Asked {
            asked: self.asked.clone(),
            person_id: self.person.id.to_string(),
            population: self.person.population.clone(),
            subject: subject.map(|subject| subject.to_string()),
        }
    }
}

/// Whom `asked` names.
pub(super) async fn find(lake: &Lake, session: &SessionContext, asked: &str) -> Result<Named, IdentityError> {
    let named = |person: Person, by: By| Ok(Named { asked: asked.to_owned(), person, by });
    let unknown = |what: String| {
        IdentityError::Unknown(format!("{what}; name a person (p_…), a subject number, type:value or source:record_id"))
    };
    if let Ok(id) = asked.parse::<PersonId>() {
        let found = person(lake, session, id).await?;
        return named(found.ok_or_else(|| unknown(format!("there is no person {asked}")))?, By::Person);
    }
    if let Ok(subject) = asked.parse::<i64>() {
        let found = of_subject(lake, session, subject).await?;
        return named(
            found.ok_or_else(|| unknown(format!("no run or write path knows a subject {subject}")))?,
            By::Subject(subject),
        );
    }
    let Some((kind, value)) = asked.split_once(':') else { return Err(unknown(format!("`{asked}` names nobody"))) };
    if let Some((subject, person)) = record(lake, session, kind, value).await? {
        return named(person, By::Subject(subject));
    }
    let (by, person) = identifier(lake, session, kind, value).await?;
    named(
        person.ok_or_else(|| {
            unknown(format!(
                "there is no record {value} of a source {kind}, and nobody holds it as an identifier of the type {kind}"
            ))
        })?,
        by,
    )
}

async fn person(lake: &Lake, session: &SessionContext, id: PersonId) -> Result<Option<Person>, IdentityError> {
    if let Some(found) = OnlineIdentity::of(lake).map(|online| online.person(lake, id)).transpose()?.flatten() {
        return Ok(Some(Person { id: found.id, population: found.population, subjects: found.subjects }));
    }
    let sql = format!(
        "SELECT subject, population FROM subjects WHERE person_id = {} AND bucket = {} ORDER BY subject LIMIT {}",
        Text(&id.to_string()),
        bucket(id),
        clew_identity::online::MOST_SUBJECTS
    );
    let (mut subjects, mut population) = (Vec::new(), String::new());
    for batch in session.sql(&sql).await?.collect().await? {
        subjects.extend(Columns(&batch).int("subject")?.values());
        if let Some(of) = Columns(&batch).text("population")?.iter().flatten().next() {
            of.clone_into(&mut population);
        }
    }
    Ok((!subjects.is_empty()).then_some(Person { id, population, subjects }))
}

async fn of_subject(lake: &Lake, session: &SessionContext, subject: i64) -> Result<Option<Person>, IdentityError> {
    let known = OnlineIdentity::of(lake).map(|online| online.person_of(lake, subject)).transpose()?.flatten();
    let id = match known {
        Some(id) => Some(id),
        None => one(session, &format!("SELECT person_id AS word FROM subjects WHERE subject = {}", Integer(subject)))
            .await?
            .map(|id| id.parse())
            .transpose()?,
    };
    match id {
        Some(id) => person(lake, session, id).await,
        None => Ok(None),
    }
}

/// The subject and person of a record. Its number follows from its ids for the usual population; the table knows the others.
async fn record(lake: &Lake, session: &SessionContext, source: &str, id: &str) -> Result<Option<(i64, Person)>, IdentityError> {
    let subject = record_subject((clew_identity::rules::POPULATION, source), id, 0, &mut SubjectBuffer::default());
    if let Some(online) = OnlineIdentity::of(lake)
        && online.person_of(lake, subject)?.is_some()
    {
        return Ok(of_subject(lake, session, subject).await?.map(|person| (subject, person)));
    }
    let sql = format!(
        "SELECT CAST(min(subject) AS VARCHAR) AS word FROM records WHERE source = {} AND record_id = {} AND subject IS NOT NULL",
        Text(source),
        Text(id)
    );
    let Some(subject) = one(session, &sql).await?.and_then(|number| number.parse::<i64>().ok()) else { return Ok(None) };
    Ok(of_subject(lake, session, subject).await?.map(|person| (subject, person)))
}

async fn identifier(
    lake: &Lake,
    session: &SessionContext,
    kind: &str,
    value: &str,
) -> Result<(By, Option<Person>), IdentityError> {
    let rules = OnlineIdentity::of(lake).map_or_else(CompiledRules::built_in, |online| online.rules().clone());
    let value = canonical(rules.rule(kind).normalise, value);
    let by = By::Identifier { kind: kind.to_owned(), value: value.clone() };
    if let Some(online) = OnlineIdentity::of(lake) {
        let holders = online.holders(lake, clew_identity::rules::POPULATION, &value)?;
        if let Some((.., id)) = holders.into_iter().find(|(of, ..)| of == kind) {
            return Ok((by, person(lake, session, id).await?));
        }
    }
    let sql = format!(
        "SELECT role || ' ' || coalesce(CAST(holder AS VARCHAR), '') AS word FROM identifiers WHERE type = {} AND value = {} ORDER BY holder LIMIT 1",
        Text(kind),
        Text(&value)
    );
    let Some(word) = one(session, &sql).await? else { return Ok((by, None)) };
    match word.split_once(' ') {
        Some(("person", holder)) => match holder.parse() {
            Ok(holder) => Ok((by, of_subject(lake, session, holder).await?)),
            Err(_) => Ok((by, None)),
        },
        Some((role, _)) => Err(IdentityError::Refused(format!(
            "this {kind} is {role}: it identifies nobody; name a person, a record or a subject that carries it"
        ))),
        None => Ok((by, None)),
    }
}

/// The subject that first used an identifier as evidence, for one that nobody else carries.
pub(super) async fn holder(session: &SessionContext, named: &Named) -> Result<Option<i64>, IdentityError> {
    let By::Identifier { kind, value } = &named.by else { return Ok(None) };
    let sql = format!(
        "SELECT CAST(holder AS VARCHAR) AS word FROM identifiers WHERE population = {} AND type = {} AND value = {} AND holder IS NOT NULL",
        Text(&named.person.population),
        Text(kind),
        Text(value)
    );
    Ok(one(session, &sql).await?.and_then(|number| number.parse().ok()))
}

/// The column `word` of a query's first row.
async fn one(session: &SessionContext, sql: &str) -> Result<Option<String>, IdentityError> {
    for batch in session.sql(sql).await?.collect().await? {
        let words = Columns(&batch).text("word")?;
        if !words.is_empty() {
            return Ok(words.is_valid(0).then(|| words.value(0).to_owned()));
        }
    }
    Ok(None)
}
