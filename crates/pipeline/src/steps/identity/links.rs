//! Rows of `links`: what joined subjects, what was dropped and why, and what several carry that identifies nobody.
//!
//! Rows stand in the order of the bucket of the person that they are about, so that a question about one person reads a small part of the
//! table; within a bucket they keep the canonical order of the resolution. A row names its identifier: the answer to "why" needs no fact.

use arrow::array::{Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use clew_identity::resolve::Unused;
use clew_identity::{Conflict, DecidedBy, Link, PersonId, Reason, Resolution, Role, Subjects};
use clew_lake::{Lake, Written};

use super::{PART, bucket};
use crate::columns::{TableRows, times};
use crate::run::RunError;
use crate::writer::TableWriter;

/// See the module.
pub struct Links<'a> {
    pub subjects: &'a Subjects<'a>,
    pub resolution: &'a Resolution,
    pub cause: &'a (dyn Fn(DecidedBy) -> String + Sync),
}

/// What a row is made of.
#[derive(Clone, Copy)]
enum Evidence<'a> {
    Used(&'a Link),
    Dropped(&'a Conflict, i64),
    Unused(&'a Unused),
}

impl Evidence<'_> {
    /// The later subject, or the one that lost evidence; and the other one.
    fn pair(self) -> (i64, i64) {
        match self {
            Self::Used(link) => (link.a, link.b),
            Self::Dropped(conflict, against) => (conflict.subject, against),
            Self::Unused(unused) => (unused.subject, unused.first),
        }
    }

    fn identifier(self) -> Option<u32> {
        match self {
            Self::Used(link) => link.identifier,
            Self::Dropped(conflict, _) => Some(conflict.identifier),
            Self::Unused(unused) => Some(unused.identifier),
        }
    }

    fn effect(self) -> &'static str {
        match self {
            Self::Used(_) => "merged",
            Self::Dropped(..) => "demoted",
            Self::Unused(_) => "blocked",
        }
    }
}

impl Links<'_> {
    /// Replaces the table; `persons` are those of the subjects.
    pub async fn write(&self, lake: &Lake, persons: &[(i64, PersonId)]) -> Result<Written, RunError> {
        let mut buckets: Vec<(i64, i32)> = persons.iter().map(|&(subject, person)| (subject, bucket(person))).collect();
        buckets.sort_unstable();
        let bucket_of = |evidence: Evidence<'_>| {
            let place = buckets.binary_search_by_key(&evidence.pair().0, |row| row.0);
            place.map_or(-1, |place| buckets[place].1)
        };
        let Resolution { links, conflicts, unused, .. } = self.resolution;
        let dropped = conflicts.iter().filter_map(|conflict| Some(Evidence::Dropped(conflict, conflict.against?)));
        let all = links.iter().map(Evidence::Used).chain(dropped).chain(unused.iter().map(Evidence::Unused));
        let mut rows: Vec<(i32, Evidence<'_>)> = all.map(|evidence| (bucket_of(evidence), evidence)).collect();
        rows.sort_by_key(|row| row.0);
        let mut writer = TableWriter::replace(lake, "links", None);
        for part in rows.chunks(PART) {
            writer.write(self.rows(part)?).await?;
        }
        writer.commit().await
    }

    fn rows(&self, part: &[(i32, Evidence<'_>)]) -> Result<RecordBatch, RunError> {
        let all = || part.iter().map(|(_, evidence)| *evidence);
        let identifier = |evidence: Evidence<'_>| evidence.identifier().map(|number| self.subjects.identifier(number));
        let rule = |evidence| identifier(evidence).map_or("decision", |identifier| identifier.kind);
        let weight = |evidence| if let Evidence::Used(link) = evidence { link.match_weight } else { None };
        let source =
            |evidence: Evidence<'_>| evidence.identifier().and_then(|_| Some(self.subjects.seen(evidence.pair().0)?.source));
        Ok(TableRows::of("links", part.len())
            .with("a", Int64Array::from_iter_values(all().map(|evidence| evidence.pair().0.min(evidence.pair().1))))
            .with("b", Int64Array::from_iter_values(all().map(|evidence| evidence.pair().0.max(evidence.pair().1))))
            .with("rule", StringArray::from_iter_values(all().map(rule)))
            .with("match_weight", Float64Array::from_iter(all().map(weight)))
            .with("effect", StringArray::from_iter_values(all().map(Evidence::effect)))
            .with("decided_by", StringArray::from_iter_values(all().map(|evidence| self.decided_by(evidence))))
            .with("at", times(all().map(|evidence| self.at_us(evidence))))
            .with("value", StringArray::from_iter(all().map(|evidence| identifier(evidence).map(|identifier| identifier.value))))
            .with("source", StringArray::from_iter(all().map(source)))
            .with("bucket", Int32Array::from_iter_values(part.iter().map(|(bucket, _)| *bucket)))
            .finish()?)
    }

    fn at_us(&self, evidence: Evidence<'_>) -> Option<i64> {
        match evidence {
            Evidence::Used(link) => Some(link.at_us),
            other => self.subjects.seen(other.pair().0).map(|seen| seen.first_seen_us),
        }
    }

    fn decided_by(&self, evidence: Evidence<'_>) -> String {
        match evidence {
            Evidence::Used(link) => (self.cause)(link.decided_by),
            Evidence::Dropped(conflict, _) => self.reason(&conflict.reason),
            Evidence::Unused(unused) => match unused.role {
                Role::Blocked => "blocked value".to_owned(),
                Role::Household => "value of a household".to_owned(),
                Role::Shared | Role::Person => "value that several people use".to_owned(),
            },
        }
    }

    fn reason(&self, reason: &Reason) -> String {
        match reason {
            Reason::Limit(kind) => format!("limit of {kind}"),
            Reason::Unique(kind) => format!("unique {kind} differs"),
            Reason::Apart(Some(decision)) => format!("{APART}{}", (self.cause)(DecidedBy::Decision(*decision))),
            Reason::Apart(None) => APART.trim_end().to_owned(),
            Reason::Untrusted => "untrusted source".to_owned(),
            Reason::Population => "other population".to_owned(),
        }
    }
}

/// Before the id of the decision that keeps two people apart, in `links.decided_by`.
pub const APART: &str = "kept apart by ";
