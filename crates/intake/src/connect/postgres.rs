//! PostgreSQL: columns become text in the server, rows come through a portal.
//!
//! The server writes its own types best: instants in ISO 8601 (in UTC), numbers exactly, arrays and composite values as JSON, bytes as
//! hexadecimal digits. What the client decodes is text alone, so that a type nobody has heard of is no obstacle.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use futures::TryStreamExt;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, Error, IsolationLevel, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::query::bind;
use super::tls::{Mode, Tls};
use super::{CONNECT, Column, ConnectError, MarkKind, PATIENCE, Rows};
use crate::reader::ROW_LIMIT;
use crate::spec::Database;

/// Rows that the server hands out at once.
const FETCH: i32 = 4096;
/// Silence after which the connection is looked at.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Text in one form, whatever the server, the role or the database prefer; a pull may take as long as the lake needs.
const SESSION: &str = "SET client_encoding = 'UTF8'; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; \
                       SET bytea_output = 'hex'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";

/// A connection.
pub struct Postgres {
    client: Client,
    name: String,
}

impl Postgres {
    /// Connects.
    pub async fn connect(database: &Database, dir: &Path) -> Result<Self, ConnectError> {
        let (url, tls) = Tls::of_url(database.url.reveal(), dir)?;
        // The client's words about a bad address may quote it, password and all.
        let mut config: Config = url.parse().map_err(|_| {
            ConnectError::refused(
                "the url is none of PostgreSQL",
                "write postgres://user:password@host:5432/database; escape : / @ in the password (%3A %2F %40)",
            )
        })?;
        config.connect_timeout(CONNECT).keepalives_idle(KEEPALIVE).application_name("clew");
        config.ssl_mode(match tls.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        let client = if tls.mode == Mode::Disable {
            let (client, connection) = config.connect(NoTls).await.map_err(|error| explain(&error))?;
            tokio::spawn(connection);
            client
        } else {
            let (client, connection) =
                config.connect(MakeRustlsConnect::new(tls.client()?)).await.map_err(|error| explain(&error))?;
            tokio::spawn(connection);
            client
        };
        client.batch_execute(SESSION).await.map_err(|error| explain(&error))?;
        let name = format!("postgres:{}", config.get_dbname().or_else(|| config.get_user()).unwrap_or_default());
        Ok(Self { client, name })
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns of `query`.
    pub async fn describe(&self, query: &str) -> Result<Vec<Column>, ConnectError> {
        let (bound, _) = bind(query, "$1");
        let statement = self.client.prepare(&bound).await.map_err(|error| explain(&error))?;
        let column = |column: &tokio_postgres::Column| Column {
            name: column.name().to_owned(),
            kind: expression(column.type_(), column.name()).0.to_owned(),
            mark: lowest(column.type_()).map(|(kind, _)| kind),
        };
        Ok(statement.columns().iter().map(column).collect())
    }

    /// Asks.
    pub async fn ask(mut self, rows: &mut Rows) -> Result<(), ConnectError> {
        let refuse = |error: Error| explain(&error);
        let transaction =
            self.client.build_transaction().read_only(true).isolation_level(IsolationLevel::RepeatableRead).start().await;
        let transaction = transaction.map_err(refuse)?;
        let (bound, marks) = bind(&rows.question.query, "$1");
        let described = transaction.prepare(&bound).await.map_err(refuse)?;
        let (types, mut from) = (described.columns(), rows.question.from.clone());
        if types.len() != rows.question.columns.len() {
            return Err(ConnectError::away("the columns of the query have just changed"));
        }
        let values: Vec<String> = types.iter().map(|column| expression(column.type_(), column.name()).1).collect();
        let mut asked = format!("SELECT {} FROM (\n{bound}\n) AS q", values.join(", "));
        if let Some(at) = rows.question.mark {
            asked += &format!(" ORDER BY q.{}", quoted(types[at].name()));
            from = from.or_else(|| lowest(types[at].type_()).map(|(_, lowest)| lowest.to_owned()));
        }
        let statement = transaction.prepare(&asked).await.map_err(refuse)?;
        let mark = Mark(from.unwrap_or_default());
        let parameters: &[&(dyn ToSql + Sync)] = if marks == 0 { &[] } else { &[&mark] };
        let portal = transaction.bind_raw(&statement, parameters.iter().copied()).await.map_err(refuse)?;
        loop {
            let mut fetched = 0;
            let fetch = transaction.query_portal_raw(&portal, FETCH).await.map_err(refuse)?;
            futures::pin_mut!(fetch);
            loop {
                let row = tokio::time::timeout(PATIENCE, fetch.try_next()).await;
                let Some(row) = row.map_err(|_| ConnectError::late("a row", PATIENCE))?.map_err(refuse)? else { break };
                fetched += 1;
                for at in 0..types.len() {
                    rows.push(row.try_get::<_, Option<&str>>(at).map_err(refuse)?);
                }
                if !rows.end_row().await {
                    return Ok(());
                }
            }
            if fetched < FETCH {
                return Ok(());
            }
        }
    }
}

/// A mark on its way to the server, in the text form of whatever type the query compares it with.
#[derive(Debug)]
struct Mark(String);

impl ToSql for Mark {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name of the type, and the column `name` of `q` as text, cut behind what a row may have.
fn expression<'a>(kind: &'a Type, name: &str) -> (&'a str, String) {
    let (column, most) = (format!("q.{}", quoted(name)), ROW_LIMIT + 1);
    let base = base_of(kind);
    let text = match (base.kind(), base.name()) {
        (_, "bytea") => return (kind.name(), format!("encode(substring({column} FROM 1 FOR {}), 'hex')", most / 2 + 1)),
        // As JSON they are ISO 8601 with a T and an offset of hours and minutes.
        (_, "timestamp" | "timestamptz") => format!("to_json({column}) #>> '{{}}'"),
        (Kind::Array(_) | Kind::Composite(_), _) | (_, "record") => format!("to_json({column})::text"),
        _ => format!("{column}::text"),
    };
    (kind.name(), format!("left({text}, {most})"))
}

fn base_of(kind: &Type) -> &Type {
    match kind.kind() {
        Kind::Domain(base) => base_of(base),
        _ => kind,
    }
}

/// What a column of this type is as a mark, and a value that none is below.
fn lowest(kind: &Type) -> Option<(MarkKind, &'static str)> {
    Some(match base_of(kind).name() {
        "timestamptz" | "timestamp" | "date" => (MarkKind::Time, "-infinity"),
        "int2" => (MarkKind::Number, "-32768"),
        "int4" => (MarkKind::Number, "-2147483648"),
        "int8" => (MarkKind::Number, "-9223372036854775808"),
        "oid" | "xid8" => (MarkKind::Number, "0"),
        "numeric" => (MarkKind::Number, "-1e100000"),
        "text" | "varchar" | "bpchar" => (MarkKind::Text, ""),
        "uuid" => (MarkKind::Text, "00000000-0000-0000-0000-000000000000"),
        _ => return None,
    })
}

/// An error in our words, and the server's where they cannot hold a value of a row.
fn explain(error: &Error) -> ConnectError {
    let Some(server) = error.as_db_error() else { return explain_connection(error) };
    let (code, message) = (server.code().code(), server.message());
    match &code[..2] {
        "28" => ConnectError::refused(
            format!("the server refuses the account: {message}"),
            "check user and password in `url:`, and the server's pg_hba.conf",
        ),
        "3D" => ConnectError::refused(message, "check the name behind the last / of `url:`"),
        "42" | "0A" | "26" => {
            ConnectError::refused(format!("the server refuses the query: {message} ({code})"), "correct `query:`")
        }
        "22" | "23" => ConnectError::refused(
            format!("the query fails on the value of a row ({code})"),
            "mend the row, or let the query pass over it",
        ),
        "08" | "40" | "53" | "55" | "57" | "58" => ConnectError::away(format!("the server broke off: {message} ({code})")),
        _ => {
            ConnectError::refused(format!("the server refuses ({code})"), "look the code up in PostgreSQL's list of error codes")
        }
    }
}

fn explain_connection(error: &Error) -> ConnectError {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(inner) = cause {
        if inner.is::<rustls::Error>() || inner.to_string().contains("certificate") {
            return ConnectError::refused(
                format!("TLS: {inner}"),
                "name the issuer's certificates with `sslrootcert=` in the url, or ask for less with `sslmode=`",
            );
        }
        if !text.contains(&inner.to_string()) {
            text = format!("{text}: {inner}");
        }
        cause = inner.source();
    }
    if text.contains("TLS") {
        return ConnectError::refused(text, "let the server speak TLS, or say `sslmode=disable` in the url");
    }
    ConnectError::away(text)
}
