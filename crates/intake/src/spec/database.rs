//! `postgres:` and `mysql:` — the rows of a query.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problem, Secret, Source, interval};

/// What stands for the high-water mark in a query.
pub const MARK: &str = "$mark";

/// A query that is asked again and again, for what is new since the last time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Where: `postgres://user:password@host:5432/database` or `mysql://…`; `${NAME}` keeps it out of the file. `?sslmode=` says disable,
    /// prefer (default), require, verify-ca or verify-full; `&sslrootcert=` names the issuer's certificates.
    pub url: Secret,
    /// One SELECT. `$mark` in it is the greatest value of `mark` read so far: `WHERE updated_at >= $mark`.
    pub query: String,
    /// The column of the query that only grows: a time of change, a serial number. Without it the whole query is read every time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// How far behind the mark each pull begins, for transactions that are committed later than others with a greater mark: a duration
    /// such as 10m where the mark is a time (5m when left out), else a number (0). Rows that are read again are recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
}

/// A duration, or a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Overlap {
    /// For marks that are numbers.
    Number(u64),
    /// For marks that are times, such as 10m.
    Duration(String),
}

impl Overlap {
    /// The duration, where it is a valid one.
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Duration(text) if text == "0" => Some(Duration::ZERO),
            Self::Duration(text) => interval(text).ok().flatten(),
            Self::Number(0) => Some(Duration::ZERO),
            Self::Number(_) => None,
        }
    }
}

impl Database {
    /// What is wrong with the declaration.
    pub(crate) fn problems(&self, source: &Source, scheme: &[&str]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let key = if source.spec.mysql.is_some() { "mysql" } else { "postgres" };
        let mut add = |of: &str, message: &str, remedy: &str| {
            problems.push(Problem::in_source(source, &format!("/{key}/{of}"), message, remedy));
        };
        if !scheme.iter().any(|scheme| self.url.reveal().starts_with(&format!("{scheme}://"))) {
            let remedy =
                format!("write {}://user:password@host/database, or keep it in the environment: url: ${{NAME}}", scheme[0]);
            add("url", "`url:` is none of this kind of database", &remedy);
        }
        if self.query.trim().trim_end_matches(';').contains(';') {
            add("query", "`query:` is more than one statement", "leave one SELECT, without `;`");
        }
        if self.query.trim().is_empty() {
            add("query", "`query:` is empty", "write the SELECT whose rows come in");
        }
        match (&self.mark, self.query.contains(MARK)) {
            (Some(_), false) => add(
                "query",
                "the query does not ask for what is new",
                "write $mark where the greatest mark read so far belongs: WHERE updated_at >= $mark",
            ),
            (None, true) => {
                add(
                    "query",
                    "the query names $mark, but no column is the mark",
                    "say `mark: updated_at`, the column that only grows",
                );
            }
            (None, false) if self.overlap.is_some() => {
                add("overlap", "an overlap needs a mark", "say `mark:`, or leave `overlap:` out");
            }
            _ => {}
        }
        if let Some(Overlap::Duration(text)) = &self.overlap
            && text != "0"
            && interval(text).is_err()
        {
            add("overlap", "`overlap:` is no duration", "write one such as 30s, 10m or 2h, or a number where the mark is one");
        }
        problems
    }
}
