//! Databases that rows are pulled from: asking a query for what is new, and handing its rows on as text.
//!
//! Both databases go the same way. The query of the project is *described* first, without a row: its columns and their types are known
//! before anything is read. Then it is *asked* inside a query of ours, which turns every column into text where it lies, cuts values
//! that are too large to be a row, and orders by the mark:
//!
//! ```text
//! SELECT q.a::text, … FROM (<the project's query, $mark bound>) AS q ORDER BY q.<mark>
//! ```
//!
//! Rows come one by one (a portal in PostgreSQL, an unbuffered result in MySQL) in a transaction that may only read, and go on in
//! blocks through a queue of a few.
//!
//! **The mark.** A pull binds `$mark` to the greatest mark that was stored, less the overlap, and asks for it *inclusively*: `> $mark` is
//! read as `>= $mark`. So rows that share the last mark, of which a crash may have stored some and not the others, come again, and those that
//! are there already count as duplicates by their id. The order by the mark is what makes the last row of a stored block a place to go on.
//! A mark that lies in the future (a wrong clock, 9999-12-31 for "never") does not move the place: else nothing would ever come again.
//!
//! *Invariant*: no error carries a password, nor what a server says about values: its words are passed on only where they are about
//! the query, the account or the server itself.

mod mark;
mod mysql;
mod postgres;
mod query;
mod tls;

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use self::mark::Place;
pub use self::mark::{MarkKind, StoredMark, begin};
use self::mysql::Mysql;
use self::postgres::Postgres;
use crate::reader::ReadError;
use crate::reader::rows::{RowBlock, RowBuilder, text_schema};
use crate::spec::{Database, Kind};

/// Time for a connection, TLS and log-in included.
const CONNECT: Duration = Duration::from_secs(10);
/// Time for a row. The first one may need a sort of everything that is new.
const PATIENCE: Duration = Duration::from_mins(10);

/// Why a database gives no rows.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address, the account or the query is wrong: trying again does not help.
    #[error("{message}; {remedy}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The server is away, or went away: trying again may help.
    #[error("{message}")]
    Away {
        /// What happened.
        message: String,
    },
}

impl ConnectError {
    /// A refusal: what is wrong, and what to do.
    pub fn refused(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), remedy: remedy.into() }
    }

    fn away(message: impl Into<String>) -> Self {
        Self::Away { message: message.into() }
    }

    fn late(what: &str, limit: Duration) -> Self {
        Self::away(format!("{what} took longer than {} s", limit.as_secs()))
    }
}

/// A column of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in the database's words.
    pub kind: String,
    /// What it is as a mark; `None` where it cannot be one.
    pub mark: Option<MarkKind>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// The project's query.
    pub query: String,
    /// Its columns, as described.
    pub columns: Vec<Column>,
    /// Which of them is the mark.
    pub mark: Option<usize>,
    /// What `$mark` is, the overlap taken off; `None` before the first pull.
    pub from: Option<String>,
    /// Now, microseconds UTC.
    pub now: i64,
}

/// What came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pulled {
    /// Rows whose mark is null.
    pub without_mark: u64,
}

/// A connection.
pub enum Connection {
    /// To PostgreSQL.
    Postgres(Postgres),
    /// To MySQL or MariaDB.
    Mysql(Mysql),
}

/// The declaration of a database source, unless it is another kind.
pub fn database_of(kind: Kind<'_>) -> Option<&Database> {
    match kind {
        Kind::Postgres(database) | Kind::Mysql(database) => Some(database),
        _ => None,
    }
}

impl Connection {
    /// Connects; paths of certificates are relative to `dir`.
    pub async fn open(kind: Kind<'_>, dir: &Path) -> Result<Self, ConnectError> {
        let connect = async {
            match kind {
                Kind::Postgres(database) => Postgres::connect(database, dir).await.map(Self::Postgres),
                Kind::Mysql(database) => Mysql::connect(database, dir).await.map(Self::Mysql),
                _ => Err(ConnectError::refused("this source is no database", "report this")),
            }
        };
        tokio::time::timeout(CONNECT, connect).await.map_err(|_| ConnectError::late("connecting", CONNECT))?
    }

    /// The name of the database, as facts name where they come from.
    pub fn name(&self) -> &str {
        match self {
            Self::Postgres(postgres) => postgres.name(),
            Self::Mysql(mysql) => mysql.name(),
        }
    }

    /// The columns of `query`; no row is read.
    pub async fn describe(&mut self, query: &str) -> Result<Vec<Column>, ConnectError> {
        let described = async {
            match self {
                Self::Postgres(postgres) => postgres.describe(query).await,
                Self::Mysql(mysql) => mysql.describe(query).await,
            }
        };
        let columns = tokio::time::timeout(PATIENCE, described).await;
        let columns = columns.map_err(|_| ConnectError::late("describing the query", PATIENCE))??;
        for (at, column) in columns.iter().enumerate() {
            if columns[..at].iter().any(|before| before.name == column.name) {
                let message = format!("the query gives two columns named {}", column.name);
                return Err(ConnectError::refused(message, "name one of them otherwise with AS"));
            }
        }
        Ok(columns)
    }

    /// Sends the rows that `question` asks for to `to`, until they are over or nobody listens.
    pub async fn ask(self, question: Question, to: Sender<Result<RowBlock, ReadError>>) -> Result<Pulled, ConnectError> {
        let mut rows = Rows::new(question, to);
        match self {
            Self::Postgres(postgres) => postgres.ask(&mut rows).await?,
            Self::Mysql(mysql) => mysql.ask(&mut rows).await?,
        }
        rows.flush().await;
        Ok(rows.pulled)
    }
}

/// Rows on their way into blocks.
pub struct Rows {
    question: Question,
    to: Sender<Result<RowBlock, ReadError>>,
    builder: RowBuilder,
    place: Option<Place>,
    pulled: Pulled,
}

impl Rows {
    fn new(question: Question, to: Sender<Result<RowBlock, ReadError>>) -> Self {
        let builder = RowBuilder::new(text_schema(question.columns.iter().map(|column| column.name.as_str())));
        let kind = question.mark.and_then(|at| question.columns[at].mark);
        let place = question.mark.zip(kind).map(|(at, kind)| Place::new(at, kind, &question.columns, question.now));
        Self { question, to, builder, place, pulled: Pulled::default() }
    }

    /// The next value of the row.
    fn push(&mut self, value: Option<&str>) {
        self.builder.push(value);
    }

    /// Ends the row; false when nobody wants more.
    async fn end_row(&mut self) -> bool {
        if self.builder.end_row() { self.flush().await } else { true }
    }

    async fn flush(&mut self) -> bool {
        if self.builder.is_empty() {
            return true;
        }
        let mut block = self.builder.take();
        if let Some(place) = &mut self.place {
            self.pulled.without_mark += place.advance(&block.batch);
            block.position = place.stored();
        }
        self.to.send(Ok(block)).await.is_ok()
    }
}
