//! Where a source's rows come from: exactly one of the kinds.
//!
//! In the file each kind is a key of its own (`files:`, `api:`, `s3:` …), which reads better than a tag and a body, and lets an editor
//! complete them; in the code they are one choice, so that nobody asks for two `Option`s. A new kind is a key of [`SourceSpec`], a struct in a file
//! beside this one, and a line in [`SourceSpec::kinds`].

use super::{Api, Database, Kafka, Nats, OneOrMany, Problem, S3, Source, SourceSpec};

/// What a source reads, or takes in.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// Files of this machine.
    Files(&'a OneOrMany),
    /// What is sent over HTTP.
    Api(Api),
    /// Objects of a bucket.
    S3(&'a S3),
    /// Rows of a query to PostgreSQL.
    Postgres(&'a Database),
    /// Rows of a query to MySQL or MariaDB.
    Mysql(&'a Database),
    /// A stream of NATS JetStream.
    Nats(&'a Nats),
    /// A topic of Kafka.
    Kafka(&'a Kafka),
}

impl Kind<'_> {
    /// Whether `clew import` reads it, and not only a server.
    pub fn is_imported(self) -> bool {
        !matches!(self, Self::Api(_)) && !self.is_followed()
    }

    /// Whether it is a stream, which a server follows.
    pub fn is_followed(self) -> bool {
        matches!(self, Self::Nats(_) | Self::Kafka(_))
    }

    /// Whether the number of a row says which row it is: in a file or a stream it does; what is sent, or comes out of a query, is counted
    /// as it arrives.
    pub fn numbers_rows(self) -> bool {
        !matches!(self, Self::Api(_) | Self::Postgres(_) | Self::Mysql(_))
    }

    /// Whether it is read from another system, which may be away.
    pub fn is_pulled(self) -> bool {
        matches!(self, Self::S3(_) | Self::Postgres(_) | Self::Mysql(_))
    }
}

impl SourceSpec {
    /// Every kind with its key; those that the file names are there.
    pub(crate) fn kinds(&self) -> [(&'static str, Option<Kind<'_>>); 7] {
        [
            ("files", self.files.as_ref().map(Kind::Files)),
            ("api", self.api.map(Kind::Api)),
            ("s3", self.s3.as_ref().map(Kind::S3)),
            ("postgres", self.postgres.as_ref().map(Kind::Postgres)),
            ("mysql", self.mysql.as_ref().map(Kind::Mysql)),
            ("nats", self.nats.as_ref().map(Kind::Nats)),
            ("kafka", self.kafka.as_ref().map(Kind::Kafka)),
        ]
    }

    /// The kind; `None` unless the file names exactly one.
    pub fn kind(&self) -> Option<Kind<'_>> {
        let mut named = self.kinds().into_iter().filter_map(|(_, kind)| kind);
        named.next().filter(|_| named.next().is_none())
    }
}

/// What is wrong where `source` does not name exactly one kind.
pub(crate) fn problem(source: &Source) -> Option<Problem> {
    let kinds = source.spec.kinds();
    let keys = |named: bool| {
        let keys: Vec<String> =
            kinds.iter().filter(|(_, kind)| kind.is_some() == named).map(|(key, _)| format!("`{key}:`")).collect();
        keys.join(", ")
    };
    match kinds.iter().filter(|(_, kind)| kind.is_some()).count() {
        0 => Some(Problem::in_source(
            source,
            "",
            "it does not say where its rows come from",
            format!("name one of {}: see docs/sources.md", keys(false)),
        )),
        1 => None,
        _ => Some(Problem::in_source(
            source,
            &format!("/{}", kinds.iter().rfind(|(_, kind)| kind.is_some()).map_or("", |(key, _)| key)),
            format!("it says {}: one source reads one of them", keys(true)),
            "leave one, and make sources of their own of the others",
        )),
    }
}
