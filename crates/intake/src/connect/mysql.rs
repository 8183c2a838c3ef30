//! MySQL and MariaDB: rows of the binary protocol, read one by one off the connection.
//!
//! Values come typed and become text here: times in ISO 8601 (TIMESTAMP in UTC with a Z, DATETIME naive), decimals as the server writes
//! them, binary strings as hexadecimal digits, BIT as a number. Text and binary strings are cut in the server behind what a row may have.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder, Params, SslOpts, Value};

use super::query::bind;
use super::tls::{Mode, Tls};
use super::{Column, ConnectError, MarkKind, PATIENCE, Rows};
use crate::reader::ROW_LIMIT;
use crate::spec::Database;

/// The character set of what is no text.
const BINARY: u16 = 63;
/// Silence after which the connection is looked at.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Times in UTC, names quoted as MySQL does; the server waits for a lake that is slow.
const SESSION: &str =
    "SET time_zone = '+00:00', sql_mode = 'NO_ENGINE_SUBSTITUTION', net_write_timeout = 3600, net_read_timeout = 3600";

/// A connection.
pub struct Mysql {
    connection: Conn,
    name: String,
}

impl Mysql {
    /// Connects.
    pub async fn connect(database: &Database, dir: &Path) -> Result<Self, ConnectError> {
        let (url, tls) = Tls::of_url(database.url.reveal(), dir)?;
        let url = url.strip_prefix("mariadb://").map_or(url.clone(), |rest| format!("mysql://{rest}"));
        // The client's words about a bad address may quote it, password and all.
        let opts = Opts::from_url(&url).map_err(|_| {
            ConnectError::refused(
                "the url is none of MySQL",
                "write mysql://user:password@host:3306/database; escape : / @ in the password (%3A %2F %40)",
            )
        })?;
        let name = format!("mysql:{}", opts.db_name().unwrap_or_default());
        let opts = OptsBuilder::from_opts(opts).prefer_socket(false).tcp_keepalive(Some(KEEPALIVE));
        let connected = match ssl(&tls)? {
            None => Conn::new(opts).await,
            Some(ssl) => match Conn::new(opts.clone().ssl_opts(ssl)).await {
                Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) if tls.mode == Mode::Prefer => Conn::new(opts).await,
                connected => connected,
            },
        };
        let mut connection = connected.map_err(|error| explain(&error))?;
        connection.query_drop(SESSION).await.map_err(|error| explain(&error))?;
        Ok(Self { connection, name })
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns of `query`.
    pub async fn describe(&mut self, query: &str) -> Result<Vec<Column>, ConnectError> {
        let (bound, _) = bind(query, "?");
        let statement = self.connection.prep(bound).await.map_err(|error| explain(&error))?;
        let column = |column: &mysql_async::Column| Column {
            name: column.name_str().into_owned(),
            kind: kind_of(column),
            mark: lowest(column).map(|(kind, _)| kind),
        };
        Ok(statement.columns().iter().map(column).collect())
    }

    /// Asks.
    pub async fn ask(mut self, rows: &mut Rows) -> Result<(), ConnectError> {
        let refuse = |error: Error| explain(&error);
        self.connection.query_drop("START TRANSACTION READ ONLY").await.map_err(refuse)?;
        let (bound, marks) = bind(&rows.question.query, "?");
        let described = self.connection.prep(bound.as_str()).await.map_err(refuse)?;
        if described.columns().len() != rows.question.columns.len() {
            return Err(ConnectError::away("the columns of the query have just changed"));
        }
        let values: Vec<String> = described.columns().iter().map(expression).collect();
        let mut asked = format!("SELECT {} FROM (\n{bound}\n) AS q", values.join(", "));
        let mut mark = Value::NULL;
        if let Some(at) = rows.question.mark {
            let column = &described.columns()[at];
            asked += &format!(" ORDER BY q.{}", quoted(&column.name_str()));
            let (kind, lowest) = lowest(column).ok_or_else(|| ConnectError::away("the type of the mark has just changed"))?;
            mark = value_of(rows.question.from.as_deref().unwrap_or(lowest), kind);
        }
        let statement = self.connection.prep(asked).await.map_err(refuse)?;
        let parameters = if marks == 0 { Params::Empty } else { Params::Positional(vec![mark; marks]) };
        let first = tokio::time::timeout(PATIENCE, self.connection.exec_iter(&statement, parameters)).await;
        let mut result = first.map_err(|_| ConnectError::late("the first row", PATIENCE))?.map_err(refuse)?;
        let columns = result.columns().unwrap_or_default();
        let mut text = String::new();
        loop {
            let row = tokio::time::timeout(PATIENCE, result.next()).await;
            let Some(row) = row.map_err(|_| ConnectError::late("a row", PATIENCE))?.map_err(refuse)? else { return Ok(()) };
            for (value, column) in row.unwrap_raw().into_iter().zip(columns.iter()) {
                text.clear();
                let is_null = !write_value(value.unwrap_or(Value::NULL), column, &mut text);
                rows.push((!is_null).then_some(text.as_str()));
            }
            if !rows.end_row().await {
                return Ok(());
            }
        }
    }
}

fn ssl(tls: &Tls) -> Result<Option<SslOpts>, ConnectError> {
    // The client takes the process's choice of cryptography, of which two are linked: without one it would panic.
    static CHOSEN: Once = Once::new();
    CHOSEN.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let any = |ssl: SslOpts| ssl.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true);
    let ssl = match tls.mode {
        Mode::Disable => return Ok(None),
        Mode::Prefer | Mode::Require => return Ok(Some(any(SslOpts::default()))),
        Mode::VerifyCa => SslOpts::default().with_danger_skip_domain_validation(true),
        Mode::VerifyFull => SslOpts::default(),
    };
    let roots: Vec<_> = match tls.authority()? {
        Some(pem) => vec![pem.into()],
        None => rustls_native_certs::load_native_certs().certs.iter().map(|certificate| certificate.to_vec().into()).collect(),
    };
    Ok(Some(ssl.with_disable_built_in_roots(true).with_root_certs(roots)))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn is_string(column: &mysql_async::Column) -> bool {
    use ColumnType::{
        MYSQL_TYPE_BLOB, MYSQL_TYPE_JSON, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_STRING, MYSQL_TYPE_TINY_BLOB,
        MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_VARCHAR,
    };
    matches!(
        column.column_type(),
        MYSQL_TYPE_BLOB
            | MYSQL_TYPE_TINY_BLOB
            | MYSQL_TYPE_MEDIUM_BLOB
            | MYSQL_TYPE_LONG_BLOB
            | MYSQL_TYPE_STRING
            | MYSQL_TYPE_VAR_STRING
            | MYSQL_TYPE_VARCHAR
            | MYSQL_TYPE_JSON
    )
}

/// The column of `q`, strings cut behind what a row may have.
fn expression(column: &mysql_async::Column) -> String {
    let name = quoted(&column.name_str());
    if is_string(column) { format!("LEFT(q.{name}, {}) AS {name}", ROW_LIMIT + 1) } else { format!("q.{name}") }
}

fn kind_of(column: &mysql_async::Column) -> String {
    let unsigned = if column.flags().contains(ColumnFlags::UNSIGNED_FLAG) { " unsigned" } else { "" };
    let name = format!("{:?}", column.column_type());
    format!("{}{unsigned}", name.trim_start_matches("MYSQL_TYPE_").to_lowercase())
}

/// What a column of this type is as a mark, and a value that none is below.
fn lowest(column: &mysql_async::Column) -> Option<(MarkKind, &'static str)> {
    use ColumnType::{
        MYSQL_TYPE_DATE, MYSQL_TYPE_DATETIME, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_SHORT,
        MYSQL_TYPE_TIMESTAMP, MYSQL_TYPE_TINY,
    };
    Some(match column.column_type() {
        MYSQL_TYPE_DATETIME | MYSQL_TYPE_DATE => (MarkKind::Time, "0001-01-01 00:00:00"),
        MYSQL_TYPE_TIMESTAMP => (MarkKind::Time, "1970-01-01 00:00:01"),
        MYSQL_TYPE_TINY | MYSQL_TYPE_SHORT | MYSQL_TYPE_INT24 | MYSQL_TYPE_LONG | MYSQL_TYPE_LONGLONG => {
            (MarkKind::Number, "-9223372036854775808")
        }
        _ if is_string(column) && column.character_set() != BINARY => (MarkKind::Text, ""),
        _ => return None,
    })
}

/// A mark on its way to the server.
fn value_of(mark: &str, kind: MarkKind) -> Value {
    match kind {
        MarkKind::Number => mark
            .parse()
            .map(Value::Int)
            .or_else(|_| mark.parse().map(Value::UInt))
            .unwrap_or_else(|_| Value::Bytes(mark.as_bytes().to_vec())),
        MarkKind::Time => Value::Bytes(mark.trim_end_matches('Z').replace('T', " ").into_bytes()),
        MarkKind::Text => Value::Bytes(mark.as_bytes().to_vec()),
    }
}

/// Writes `value` as text; false for null.
fn write_value(value: Value, column: &mysql_async::Column, text: &mut String) -> bool {
    let written = match value {
        Value::NULL => return false,
        Value::Bytes(bytes) if column.column_type() == ColumnType::MYSQL_TYPE_BIT => {
            write!(text, "{}", bytes.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte)))
        }
        Value::Bytes(bytes) if column.character_set() == BINARY && is_binary(column) => {
            bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"))
        }
        Value::Bytes(bytes) => {
            text.push_str(&String::from_utf8_lossy(&bytes));
            Ok(())
        }
        Value::Int(n) => write!(text, "{n}"),
        Value::UInt(n) => write!(text, "{n}"),
        Value::Float(x) => write!(text, "{x}"),
        Value::Double(x) => write!(text, "{x}"),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let at = if column.column_type() == ColumnType::MYSQL_TYPE_DATE {
                write!(text, "{year:04}-{month:02}-{day:02}")
            } else {
                write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
            };
            let zone = if column.column_type() == ColumnType::MYSQL_TYPE_TIMESTAMP { "Z" } else { "" };
            at.and_then(|()| if micros > 0 { write!(text, ".{micros:06}") } else { Ok(()) }).and_then(|()| text.write_str(zone))
        }
        Value::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let sign = if is_negative { "-" } else { "" };
            let hours = days * 24 + u32::from(hours);
            write!(text, "{sign}{hours:02}:{minutes:02}:{seconds:02}")
                .and_then(|()| if micros > 0 { write!(text, ".{micros:06}") } else { Ok(()) })
        }
    };
    written.expect("a string takes everything");
    true
}

/// Whether its strings are bytes: JSON is text although its character set says otherwise.
fn is_binary(column: &mysql_async::Column) -> bool {
    (is_string(column) && column.column_type() != ColumnType::MYSQL_TYPE_JSON)
        || column.column_type() == ColumnType::MYSQL_TYPE_GEOMETRY
}

/// An error in our words, and the server's where they cannot hold a value of a row.
fn explain(error: &Error) -> ConnectError {
    match error {
        Error::Server(server) => {
            let (code, message) = (server.code, &server.message);
            match (code, server.state.get(..2).unwrap_or_default()) {
                (1044 | 1045 | 1698, _) | (_, "28") => ConnectError::refused(
                    format!("the server refuses the account: {message}"),
                    "check user and password in `url:`, and what the account may read",
                ),
                (1049, _) => ConnectError::refused(message, "check the name behind the last / of `url:`"),
                // Killed, shut down, too many connections, timeouts, deadlocks.
                (1040 | 1053 | 1077 | 1152..=1161 | 1205 | 1213 | 1317 | 1927 | 1969 | 3024, _) | (_, "08" | "70") => {
                    ConnectError::away(format!("the server broke off: {message} ({code})"))
                }
                (_, "42") | (1060, _) => {
                    ConnectError::refused(format!("the server refuses the query: {message} ({code})"), "correct `query:`")
                }
                _ => ConnectError::refused(
                    format!("the server refuses ({code}, {})", server.state),
                    "look the code up in the server's list of errors",
                ),
            }
        }
        Error::Io(mysql_async::IoError::Tls(error)) => ConnectError::refused(
            format!("TLS: {error}"),
            "name the issuer's certificates with `sslrootcert=` in the url, or ask for less with `sslmode=`",
        ),
        Error::Io(error) => {
            let text = error.to_string();
            if text.contains("certificate") {
                let remedy = "name the issuer's certificates with `sslrootcert=` in the url, or ask for less with `sslmode=`";
                return ConnectError::refused(format!("TLS: {text}"), remedy);
            }
            ConnectError::away(text)
        }
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            ConnectError::refused("the server speaks no TLS", "let it, or say `sslmode=disable` in the url")
        }
        Error::Driver(DriverError::ConnectionClosed | DriverError::PoolDisconnected) => {
            ConnectError::away("the server closed the connection")
        }
        Error::Driver(_) | Error::Other(_) => ConnectError::away("the connection failed inside the client"),
        Error::Url(_) => ConnectError::refused("the url is none of MySQL", "write mysql://user:password@host:3306/database"),
    }
}
