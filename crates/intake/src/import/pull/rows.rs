//! Rows of a database into the lake, up to its mark; see [`crate::connect`] for how they are asked for.
//!
//! Each block of rows is stored together with the mark behind it. A pull that is killed or cut off therefore leaves whole blocks and the
//! mark of the last one: the next begins there, inclusively, and what it reads again counts as duplicate by its id. That is why a
//! mapping needs an id of its own here: a row has no other name that outlives the pull.
//!
//! A query whose columns changed since the last pull is reported: a new one as a warning, and one that vanished too, unless a mapping
//! reads it: then nothing is read, because facts would silently lose what they had. Unlike rows of a file, which go to quarantine then, these
//! are still in the database when the query or the mapping is corrected.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::ImportError;
use super::super::job::{Planner, declared};
use super::super::run::{MARK_POSITION, RunFile};
use super::super::workers::Start;
use super::{FIRST_PAUSE, LONGEST_PAUSE, PullError, Puller, SourceReport, TRIES};
use crate::backoff::Backoff;
use crate::connect::{Column, ConnectError, Connection, Question, StoredMark, begin, database_of};
use crate::reader::ReadError;
use crate::reader::rows::{RowBlocks, open, text_schema};
use crate::spec::{Database, Kind, Problem, Source, Sources};
use crate::typing::Typer;

/// Blocks that wait for the mapping: with one in the making, 16 MB at most.
const BLOCKS: usize = 2;

impl<'a> Puller<'a> {
    /// Pulls what is new in the database of `source`; `report` is what became of it, failed or not.
    pub(super) async fn rows(&self, source: &'a Source, report: &mut Option<SourceReport>) -> Result<(), PullError> {
        let (mut tries, mut backoff) = (1, Backoff::new(FIRST_PAUSE, LONGEST_PAUSE));
        loop {
            let before = self.stored_mark(source)?.and_then(|stored| stored.mark);
            match self.ask_once(source, report).await {
                Err(error) if error.is_away() => {
                    if self.stored_mark(source)?.and_then(|stored| stored.mark) != before {
                        tries = 1;
                        backoff.reset();
                    } else if tries >= TRIES {
                        return Err(error);
                    } else {
                        tries += 1;
                    }
                    let pause = backoff.next();
                    tracing::info!(source = source.name, %error, wait_ms = pause.as_millis() as u64, "a database is away: trying again");
                    tokio::time::sleep(pause).await;
                }
                pulled => return pulled,
            }
        }
    }

    fn stored_mark(&self, source: &Source) -> Result<Option<StoredMark>, PullError> {
        let stored = self.importer.lake.batches().position(&source.name, MARK_POSITION).map_err(ImportError::from)?;
        // One that an older version wrote otherwise is none: everything is read again, and is there already.
        Ok(stored.and_then(|stored| serde_json::from_slice(&stored).ok()))
    }

    async fn ask_once(&self, source: &'a Source, report: &mut Option<SourceReport>) -> Result<(), PullError> {
        let Some((kind, database)) = source.spec.kind().and_then(|kind| Some((kind, database_of(kind)?))) else {
            return Err(ConnectError::refused("this source is no database", "report this").into());
        };
        let mut connection = Connection::open(kind, &self.sources.dir).await?;
        let columns = connection.describe(&database.query).await?;
        let stored = self.stored_mark(source)?;
        let warnings = stored.as_ref().map_or_else(Vec::new, |stored| changes(&stored.columns, &columns));
        let schema = text_schema(columns.iter().map(|column| column.name.as_str()));
        let planner = Planner::new(self.sources, (self.engine, self.loaded), self.rules, source).await;
        let mut planner = planner.map_err(PullError::Problems)?;
        let work = planner.plan(&schema, false).await.map_err(|problems| PullError::Problems(because(problems, &warnings)))?;
        refuse_without_id(source, &work.typers)?;
        let question =
            question(database, columns, stored.and_then(|stored| stored.mark).as_deref(), self.importer.lake.now().micros())?;

        let name = connection.name().to_owned();
        let (to, mut rest) = tokio::sync::mpsc::channel(BLOCKS);
        let place = PathBuf::from(&name);
        let asking = tokio::spawn(async move {
            let answered = connection.ask(question, to.clone()).await;
            if let Err(error) = &answered {
                // Without this the rows would seem to be over. Nobody listening means that the import has ended itself.
                let error = ReadError::Io { path: place, error: std::io::Error::other(error.to_string()) };
                let _ = to.send(Err(error)).await;
            }
            answered
        });
        let first = rest.recv().await;
        let Some(Ok(first)) = first else {
            finish(asking).await?;
            *report = Some(report.take().unwrap_or_else(|| SourceReport::nothing_new(&source.name)).with(warnings));
            return Ok(());
        };

        let fingerprint = format!("{:016x}", declared(source));
        let mut run = self.importer.begin(source, planner.expectations(), &fingerprint)?;
        let file = run.add(RunFile::new(&name, Vec::new(), None));
        self.importer.recall(&mut run).await?;
        let first_row = run.next_row(file);
        let blocks = RowBlocks { first: Some(first), rest };
        let path = PathBuf::from(&name);
        let start =
            Start { file, name, open: Box::new(move || Ok(open(&path, schema, first_row, blocks))), work, from_row: first_row };
        let stored = self.importer.store(&mut run, vec![start]).await;
        let asked = finish(asking).await;
        match (stored, asked) {
            // Why the rows broke off is the database's to say; the reader has only noticed.
            (_, Err(error)) => {
                *report = Some(run.into_report().with(warnings));
                Err(error.into())
            }
            (Err(error), Ok(_)) => {
                *report = Some(run.into_report().with(warnings));
                Err(error.into())
            }
            (Ok(()), Ok(pulled)) => {
                let mut ended = self.importer.end(run).await?.with(warnings);
                if pulled.without_mark > 0 {
                    ended.warnings.push(format!(
                        "{} rows have no value in the mark: the query gives them every time, and they are read every time",
                        pulled.without_mark
                    ));
                }
                *report = Some(ended);
                Ok(())
            }
        }
    }
}

async fn finish(
    asking: tokio::task::JoinHandle<Result<crate::connect::Pulled, ConnectError>>,
) -> Result<crate::connect::Pulled, ConnectError> {
    asking
        .await
        .unwrap_or_else(|_| Err(ConnectError::refused("the client of the database stopped", "please report it with the log")))
}

fn question(database: &Database, columns: Vec<Column>, mark: Option<&str>, now: i64) -> Result<Question, ConnectError> {
    let Some(name) = &database.mark else {
        return Ok(Question { query: database.query.clone(), columns, mark: None, from: None, now });
    };
    let Some(at) = columns.iter().position(|column| column.name == *name) else {
        let near = crate::nearest::nearest(name, columns.iter().map(|column| column.name.as_str()));
        let hint = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
        return Err(ConnectError::refused(
            format!("the query has no column {name}{hint}"),
            "select the mark, and name it in `mark:`",
        ));
    };
    let Some(kind) = columns[at].mark else {
        let message = format!("the column {name} is of type {}, which has no order that grows", columns[at].kind);
        return Err(ConnectError::refused(message, "take a time, a number or a text as the mark"));
    };
    // One that is no place was stored by an older version: everything is read again, and is there already.
    let mark = mark.filter(|mark| kind.is_place(mark));
    // The overlap is checked before the first pull too.
    let from = mark.map(|mark| begin(mark, kind, database.overlap.as_ref())).transpose()?;
    if from.is_none() {
        begin("", kind, database.overlap.as_ref())?;
    }
    Ok(Question { query: database.query.clone(), columns, mark: Some(at), from, now })
}

/// What is different in the columns, in words.
fn changes(before: &BTreeMap<String, String>, now: &[Column]) -> Vec<String> {
    let mut words = Vec::new();
    for column in now {
        match before.get(&column.name) {
            None => words.push(format!("the query has a new column {}", column.name)),
            Some(kind) if *kind != column.kind => {
                words.push(format!("the column {} is now of type {}, it was {kind}", column.name, column.kind));
            }
            Some(_) => {}
        }
    }
    let vanished = before.keys().filter(|name| now.iter().all(|column| column.name != **name));
    words.extend(vanished.map(|name| format!("the query no longer has the column {name}, which it had at the last pull")));
    words
}

/// `problems` of the mapping, after what the changes of the columns say about them.
fn because(problems: Vec<Problem>, changes: &[String]) -> Vec<Problem> {
    let mut problems = problems;
    if let (Some(first), false) = (problems.first_mut(), changes.is_empty()) {
        first.message = format!("{} ({})", first.message, changes.join("; "));
    }
    problems
}

fn refuse_without_id(source: &Source, typers: &[Typer]) -> Result<(), PullError> {
    let Some(at) = typers.iter().position(Typer::needs_keys) else { return Ok(()) };
    let problem = Problem::in_file(
        &source.mappings[at].path,
        "the mapping gives no id, and a row of a query has no other name by which it is known again",
        "select the primary key AS id (record_id, response_id)",
    );
    Err(PullError::Problems(vec![problem]))
}

impl SourceReport {
    fn with(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }
}

/// What is wrong with the database of `source`, its query and the columns, found by connecting; no row is read.
pub(crate) async fn probe(
    sources: &Sources,
    source: &Source,
    kind: Kind<'_>,
    planner: Option<Planner<'_>>,
) -> Result<(), Vec<Problem>> {
    let refuse = |error: ConnectError| {
        let (message, remedy) = match error {
            ConnectError::Refused { message, remedy } => (message, remedy),
            ConnectError::Away { message } => (message, "check that the server runs, and the host and port in `url:`".to_owned()),
        };
        vec![Problem::in_source(source, if matches!(kind, Kind::Mysql(_)) { "/mysql" } else { "/postgres" }, message, remedy)]
    };
    let Some(database) = database_of(kind) else { return Ok(()) };
    let mut connection = Connection::open(kind, &sources.dir).await.map_err(refuse)?;
    let columns = connection.describe(&database.query).await.map_err(refuse)?;
    let schema = text_schema(columns.iter().map(|column| column.name.as_str()));
    question(database, columns, None, 0).map_err(refuse)?;
    let Some(mut planner) = planner else { return Ok(()) };
    let work = planner.plan(&schema, false).await?;
    match refuse_without_id(source, &work.typers) {
        Err(PullError::Problems(problems)) => Err(problems),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_vanished_and_retyped_columns_are_told() {
        let column = |name: &str, kind: &str| Column { name: name.into(), kind: kind.into(), mark: None };
        let before = [("a", "int4"), ("b", "text"), ("c", "text")].map(|(name, kind)| (name.to_owned(), kind.to_owned())).into();
        let words = changes(&before, &[column("a", "int8"), column("c", "text"), column("d", "text")]);
        assert_eq!(
            words,
            [
                "the column a is now of type int8, it was int4",
                "the query has a new column d",
                "the query no longer has the column b, which it had at the last pull",
            ]
        );
    }
}
