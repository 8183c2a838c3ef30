//! Rows of `links`: what joined subjects, what was dropped and why, which records are alike and stayed two, and what several carry that
//! identifies nobody.
//!
//! Rows stand in the order of the bucket of the person that they are about, so that a question about one person reads a small part of the
//! table; within a bucket they keep the canonical order of the resolution. A row names its identifier: the answer to "why" needs no fact.

use arrow::array::{Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use clew_identity::resolve::Unused;
use clew_identity::{Conflict, DecidedBy, Link, Open, PersonId, Reason, Resolution, Role, Subjects};
use clew_lake::{Lake, Written};

use super::alike::Alike;
use super::{BUCKETS, PART, bucket};
use crate::columns::{TableRows, times};
use crate::run::RunError;
use crate::writer::TableWriter;

/// See the module.
pub struct Links<'a> {
    pub subjects: &'a Subjects<'a>,
    pub resolution: &'a Resolution,
    pub alike: &'a Alike,
    pub cause: &'a (dyn Fn(DecidedBy) -> String + Sync),
}

/// What a row is made of.
#[derive(Clone, Copy)]
enum Evidence<'a> {
    Used(&'a Link),
    Dropped(&'a Conflict, i64),
    Open(&'a Open),
    Unused(&'a Unused),
}

impl Evidence<'_> {
    /// The later subject, or the one that lost evidence; and the other one.
    fn pair(self) -> (i64, i64) {
        match self {
            Self::Used(link) => (link.a, link.b),
            Self::Dropped(conflict, against) => (conflict.subject, against),
            Self::Open(open) => (open.likeness.a, open.likeness.b),
            Self::Unused(unused) => (unused.subject, unused.first),
        }
    }

    fn identifier(self) -> Option<u32> {
        match self {
            Self::Used(link) => link.identifier,
            Self::Dropped(conflict, _) => Some(conflict.identifier),
            Self::Open(_) => None,
            Self::Unused(unused) => Some(unused.identifier),
        }
    }

    /// Match weight and probability.
    fn likeness(self) -> Option<(f64, f64)> {
        match self {
            Self::Used(link) => link.match_weight.zip(link.probability),
            Self::Open(open) => Some((open.likeness.match_weight, open.likeness.probability)),
            Self::Dropped(..) | Self::Unused(_) => None,
        }
    }

    fn effect(self) -> &'static str {
        match self {
            Self::Used(_) => "merged",
            Self::Dropped(..) => "demoted",
            Self::Open(open) if open.reason.is_some() => "demoted",
            Self::Open(_) => "doubtful",
            Self::Unused(_) => "blocked",
        }
    }
}

impl Links<'_> {
    /// Replaces the table; `persons` are those of the subjects. A byte a row and one a subject: of a large company a list of the rows in
    /// their order does not fit beside what a run holds.
    pub async fn write(&self, lake: &Lake, persons: &[(i64, PersonId)]) -> Result<Written, RunError> {
        let mut of_subject = vec![0_u8; self.subjects.len()];
        for &(subject, person) in persons {
            if let Some(place) = self.subjects.place(subject) {
                of_subject[place] = bucket(person) as u8;
            }
        }
        let bucket_of = |evidence: Evidence<'_>| self.subjects.place(evidence.pair().0).map_or(0, |place| of_subject[place]);
        let buckets: Vec<u8> = self.evidence().map(bucket_of).collect();
        drop(of_subject);
        let mut writer = TableWriter::replace(lake, "links", None);
        let mut part = Vec::with_capacity(PART);
        for wanted in 0..BUCKETS as u8 {
            for (evidence, _) in self.evidence().zip(&buckets).filter(|(_, bucket)| **bucket == wanted) {
                part.push((i32::from(wanted), evidence));
                if part.len() == PART {
                    writer.write(self.rows(&part)?).await?;
                    part.clear();
                }
            }
        }
        writer.write(self.rows(&part)?).await?;
        writer.commit().await
    }

    /// Everything that has a row.
    fn evidence(&self) -> impl Iterator<Item = Evidence<'_>> {
        let Resolution { links, conflicts, open, unused, .. } = self.resolution;
        let dropped = conflicts.iter().filter_map(|conflict| Some(Evidence::Dropped(conflict, conflict.against?)));
        let open = open.iter().map(Evidence::Open);
        links.iter().map(Evidence::Used).chain(dropped).chain(open).chain(unused.iter().map(Evidence::Unused))
    }

    fn rows(&self, part: &[(i32, Evidence<'_>)]) -> Result<RecordBatch, RunError> {
        let all = || part.iter().map(|(_, evidence)| *evidence);
        let identifier = |evidence: Evidence<'_>| evidence.identifier().map(|number| self.subjects.identifier(number));
        let rule = |evidence: Evidence<'_>| match identifier(evidence) {
            Some(identifier) => identifier.kind,
            None if evidence.likeness().is_some() => "model",
            None => "decision",
        };
        let levels = |evidence: Evidence<'_>| {
            let (a, b) = evidence.pair();
            evidence.likeness().and_then(|_| self.alike.levels.get(&(a.min(b), a.max(b))))
        };
        let source =
            |evidence: Evidence<'_>| evidence.identifier().and_then(|_| Some(self.subjects.seen(evidence.pair().0)?.source));
        Ok(TableRows::of("links", part.len())
            .with("a", Int64Array::from_iter_values(all().map(|evidence| evidence.pair().0.min(evidence.pair().1))))
            .with("b", Int64Array::from_iter_values(all().map(|evidence| evidence.pair().0.max(evidence.pair().1))))
            .with("rule", StringArray::from_iter_values(all().map(rule)))
            .with("match_weight", Float64Array::from_iter(all().map(|evidence| evidence.likeness().map(|likeness| likeness.0))))
            .with("probability", Float64Array::from_iter(all().map(|evidence| evidence.likeness().map(|likeness| likeness.1))))
            .with("levels", StringArray::from_iter(all().map(levels)))
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
            Evidence::Open(open) => open.reason.as_ref().map_or_else(|| "model".to_owned(), |reason| self.reason(reason)),
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
