//! What a project declares about its sources: `sources/<name>.yaml`, the SQL beside it, and the defaults of
//! `clew.yaml` that they fall back on.
//!
//! These are plain data with serde and JSON Schema; who reads the YAML and expands `${NAME:-default}` is the binary's
//! business, so that this crate also serves callers that have no project folder. A value that parses may still be
//! wrong together with the others (a lookup that is also a snapshot, a zone that does not exist): that is told by
//! [`crate::check`], all at once, not by the parser, one at a time.

mod database;
mod kind;
mod s3;
mod stream;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clew_identity::Rules;
use clew_model::tables::{ColumnType, Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::database::{Database, MARK, Overlap};
pub use self::kind::Kind;
pub(crate) use self::kind::problem as kind_problem;
pub use self::s3::S3;
pub use self::stream::{All, Followed, Kafka, Mechanism, Nats, Partitions, Sasl, Start, Tls};
use crate::expect::{DriftSpec, Expectation, OnMissingColumn};

/// One value or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All values, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
        .iter()
        .map(String::as_str)
    }
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Separated values with or without header.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// One JSON document that holds an array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// An Excel workbook.
    Xlsx,
    /// A mailbox: many messages in one file.
    Mbox,
    /// One mail message.
    Eml,
    /// An event log in XES (IEEE 1849).
    Xes,
    /// An object-centric event log, OCEL 2.0 in JSON or XML.
    Ocel,
    /// A transcript in WebVTT.
    Webvtt,
    /// A transcript in the JSON of a speech recogniser.
    Transcript,
}

/// The encoding of a text file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8, with or without byte order mark; UTF-16 is recognised by its mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252, which contains ISO 8859-1.
    #[serde(rename = "latin-1", alias = "windows-1252", alias = "iso-8859-1")]
    Latin1,
}

/// Options of CSV files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvOptions {
    /// One character; recognised from the first rows when left out.
    pub delimiter: Option<char>,
    /// One character, `"` when left out.
    pub quote: Option<char>,
    /// Encoding of the file.
    pub encoding: Encoding,
    /// Whether the first row names the columns; true when left out. Without it they are `column_1`, `column_2` ….
    pub header: Option<bool>,
}

/// Options of JSON documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JsonOptions {
    /// JSON pointer (RFC 6901) to the array inside the document, e.g. `/data/items`. The document itself when left out.
    pub records: Option<String>,
}

/// Options of Excel workbooks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct XlsxOptions {
    /// Name of the sheet; the first when left out.
    pub sheet: Option<String>,
    /// Whether a row names the columns; true when left out. Without it they are `column_1`, `column_2` ….
    pub header: Option<bool>,
    /// The row that names the columns, as Excel numbers it; recognised when left out.
    pub header_row: Option<u32>,
    /// Where merged cells have their value.
    pub merged: Merged,
}

/// Where merged cells have their value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Merged {
    /// In the first of them, as Excel stores it.
    #[default]
    First,
    /// In all of them.
    Fill,
}

/// Options of object-centric event logs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OcelOptions {
    /// What a row is.
    pub rows: OcelRows,
}

/// What a row of an object-centric event log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OcelRows {
    /// An event.
    #[default]
    Events,
    /// An object.
    Objects,
}

/// Options of WebVTT transcripts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebvttOptions {
    /// Where a cue says who speaks; recognised when left out.
    pub speakers: Option<Speakers>,
}

/// Where a cue says who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Speakers {
    /// In a voice tag: `<v Ada>`.
    Voice,
    /// In front of the text: `Ada: …`.
    Prefix,
}

/// What a second import of an id with other content means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A conflict: the later one is quarantined.
    #[default]
    Append,
    /// A new version.
    Upsert,
    /// A new version; an id that a complete export no longer holds was deleted.
    Snapshot,
}

impl From<Mode> for clew_lake::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Append => Self::Append,
            Mode::Upsert => Self::Upsert,
            Mode::Snapshot => Self::Snapshot,
        }
    }
}

/// Which of several rows with the same key a lookup keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDuplicate {
    /// None: the import is refused and names the key.
    #[default]
    Refuse,
    /// The first; the others count as skipped.
    First,
}

/// Makes a source reference data that others may `LEFT JOIN` on its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The column or columns that name a row.
    pub key: OneOrMany,
    /// What to do with further rows of the same key.
    #[serde(default)]
    pub on_duplicate: OnDuplicate,
}

/// What the messages of a live source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// The tracking calls of Segment's HTTP specification, over HTTP `POST /v1/track` and its like. They map themselves.
    Tracking,
    /// Rows as JSON, JSON lines or CSV, over HTTP `POST /v1/sources/<name>`, mapped by the source's SQL.
    Rows,
}

/// How a sender proves that a request is its own, without a write key: a keyed hash (HMAC) in a header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// What is signed and how: `body` when left out, or a vendor's own way, which needs no header, algorithm, encoding or prefix.
    #[serde(default)]
    pub scheme: SignatureScheme,
    /// Of `body`: the header that carries it, such as X-Hub-Signature-256.
    #[serde(default)]
    pub header: String,
    /// The hash under the key.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How the header writes it.
    #[serde(default)]
    pub encoding: SignatureEncoding,
    /// What stands before it in the header, such as `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// The key that was agreed with the sender; `${NAME}` keeps it out of the file.
    pub secret: Secret,
    /// Of `stripe` and `zendesk`, which sign the time, too: how far it may be from now, such as 10m; 5m when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<String>,
    /// Of `twilio`: the address that Twilio calls, as it is written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Signature {
    /// Seconds that a signed time may be from now where nothing else is said, as Stripe's libraries have it.
    const TOLERANCE_S: i64 = 300;

    /// The header that carries it.
    pub fn header(&self) -> &str {
        match self.scheme {
            SignatureScheme::Body => &self.header,
            SignatureScheme::Stripe => "Stripe-Signature",
            SignatureScheme::Zendesk => "X-Zendesk-Webhook-Signature",
            SignatureScheme::Intercom => "X-Hub-Signature",
            SignatureScheme::Twilio => "X-Twilio-Signature",
        }
    }

    /// Seconds that a signed time may be from now; `None` where it is no duration.
    pub fn tolerance_s(&self) -> Option<i64> {
        self.tolerance.as_deref().map_or(Some(Self::TOLERANCE_S), crate::expect::seconds_of)
    }
}

/// What a signature is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureScheme {
    /// The body.
    #[default]
    Body,
    /// The time and the body, in Stripe-Signature.
    Stripe,
    /// The time and the body, in X-Zendesk-Webhook-Signature.
    Zendesk,
    /// The body with SHA-1, in X-Hub-Signature.
    Intercom,
    /// The address and the form, or the address and the hash of the body in it, with SHA-1, in X-Twilio-Signature.
    Twilio,
}

/// A hash function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-1, for senders that have nothing better.
    Sha1,
}

/// How bytes are written in a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    /// Hexadecimal, in either case.
    #[default]
    Hex,
    /// Base 64 of RFC 4648, padded.
    Base64,
}

/// A text that neither logs nor reports show.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

/// The type of a promoted property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PromotedType {
    /// 64-bit integer.
    Int,
    /// `decimal(18,4)`.
    Decimal,
    /// 64-bit float.
    Float,
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// An instant.
    Timestamp,
}

impl PromotedType {
    /// The type of its column.
    pub const fn column_type(self) -> ColumnType {
        match self {
            Self::Int => ColumnType::Int64,
            Self::Decimal => ColumnType::Decimal,
            Self::Float => ColumnType::Float64,
            Self::Text => ColumnType::Text,
            Self::Boolean => ColumnType::Boolean,
            Self::Timestamp => ColumnType::Timestamp,
        }
    }

    /// Whether it counts or measures without rounding.
    pub const fn is_exact_number(self) -> bool {
        matches!(self, Self::Int | Self::Decimal)
    }

    /// Its word in a source's file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Decimal => "decimal",
            Self::Float => "float",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] = [Self::Int, Self::Decimal, Self::Float, Self::Text, Self::Boolean, Self::Timestamp];
}

/// The order of day, month and year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// 31.01.2026
    Dmy,
    /// 01/31/2026
    Mdy,
    /// 2026/01/31, also 20260131
    Ymd,
}

/// What stands between the whole number and its decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecimalMark {
    /// 1,234.50
    Point,
    /// 1.234,50
    Comma,
}

/// The order of a whole name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NameOrder {
    /// Ann Lee
    #[default]
    GivenFamily,
    /// Lee Ann
    FamilyGiven,
}

/// How a source writes its values: what cleansing goes by where a value itself does not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CleanseSpec {
    /// Country (ISO 3166-1, two letters) of phone numbers without country code, and of addresses where the mapping fills no
    /// `country`; the project's `country` when left out.
    pub country: Option<String>,
    /// Order of dates that are not written year-month-day. Left out: such dates are not read.
    pub date_order: Option<DateOrder>,
    /// Decimal separator of amounts. Left out: a point, and `1.234` is one and a bit.
    pub decimal_mark: Option<DecimalMark>,
    /// Order of whole names without a comma.
    pub names: NameOrder,
    /// When somebody serves, Monday to Friday at the customer's place: `09:00-17:00` when neither the source nor the project says so.
    pub business_hours: Option<String>,
    /// Fields that are stored as they come: columns of the table, `identifier_<type>`, or `derived` for all enrichment.
    pub off: Vec<String>,
}

/// The content of `sources/<name>.yaml`: where its rows come from (one of `files:`, `api:`, `s3:`, `postgres:`, `mysql:`, `nats:`, `kafka:`) and how they are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// A path, glob or folder, or a list of them, relative to the project. `${NAME:-default}` is expanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<OneOrMany>,
    /// What it takes over HTTP: tracking or rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Objects of an S3-compatible bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
    /// Rows of a query to PostgreSQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Database>,
    /// Rows of a query to MySQL or MariaDB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mysql: Option<Database>,
    /// A stream of NATS JetStream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<Nats>,
    /// A topic of Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Kafka>,
    /// What the messages of a stream are; rows when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Api>,
    /// Channel of tracking calls that show none; system when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Rows over HTTP: a signature that senders prove themselves with, instead of a write key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Recognised from the file name when left out; `.gz` and `.zst` are seen through.
    #[serde(default)]
    pub format: Option<Format>,
    /// Options of CSV files.
    #[serde(default)]
    pub csv: CsvOptions,
    /// Options of JSON documents.
    #[serde(default)]
    pub json: JsonOptions,
    /// Options of Excel workbooks.
    #[serde(default)]
    pub xlsx: XlsxOptions,
    /// Options of object-centric event logs.
    #[serde(default)]
    pub ocel: OcelOptions,
    /// Options of WebVTT transcripts.
    #[serde(default)]
    pub webvtt: WebvttOptions,
    /// Zone of naive times (IANA name); the project's when left out.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Append, upsert or snapshot.
    #[serde(default)]
    pub mode: Mode,
    /// Snapshot mode: the largest share of known ids that one export may delete, 0..=1. Default 0.2.
    #[serde(default)]
    pub max_deleted: Option<f64>,
    /// Whether `clew serve` takes in what is new: files within seconds, streams at once, others on schedule.
    #[serde(default = "yes")]
    pub watch: bool,
    /// How often `clew serve` asks a bucket or a database for what is new: a duration such as 5m; the project's `schedule:` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// Purpose of processing, for consent.
    #[serde(default = "measure")]
    pub purpose: String,
    /// Whose identifiers these are: customer, employee, organisation ….
    #[serde(default = "customer")]
    pub population: String,
    /// Makes it reference data.
    #[serde(default)]
    pub lookup: Option<Lookup>,
    /// Properties that become typed columns `p_<name>`.
    #[serde(default)]
    pub columns: BTreeMap<String, PromotedType>,
    /// Language of its text where no column says it (ISO 639-1); the project's when left out.
    #[serde(default)]
    pub language: Option<String>,
    /// How it writes dates, numbers and names, and what is not cleansed.
    #[serde(default)]
    pub cleanse: CleanseSpec,
    /// What its data must be like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
    /// When a change of its data is told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drift: DriftSpec,
    /// What becomes of rows that lack a column which the mapping reads.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_missing_column: OnMissingColumn,
}

impl SourceSpec {
    /// The stream that it follows, if it does.
    pub fn followed(&self) -> Option<Followed<'_>> {
        match self.kind()? {
            Kind::Nats(nats) => Some(Followed::Nats(nats)),
            Kind::Kafka(kafka) => Some(Followed::Kafka(kafka)),
            _ => None,
        }
    }

    /// What its messages are, where they come one by one: over HTTP or from a stream.
    pub fn live(&self) -> Option<Api> {
        match self.kind()? {
            Kind::Api(api) => Some(api),
            Kind::Nats(_) | Kind::Kafka(_) => Some(self.messages.unwrap_or(Api::Rows)),
            _ => None,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn yes() -> bool {
    true
}

fn measure() -> String {
    "measure".into()
}

fn customer() -> String {
    clew_identity::rules::POPULATION.into()
}

/// One SELECT of a source.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The table that it fills.
    pub target: &'static Table,
    /// The text of the file.
    pub sql: String,
    /// The file.
    pub path: PathBuf,
}

/// A source: its declaration and its mappings.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name, from the file name.
    pub name: String,
    /// Declaration.
    pub spec: SourceSpec,
    /// `sources/<name>.yaml`.
    pub yaml_path: PathBuf,
    /// One per target table; may be empty for a lookup.
    pub mappings: Vec<Mapping>,
}

/// Defaults of `clew.yaml`.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Zone of naive times (IANA name).
    pub timezone: Option<String>,
    /// Language of text (ISO 639-1).
    pub language: Option<String>,
    /// ISO 4217: the currency of amounts that name none.
    pub currency: Option<String>,
    /// ISO 3166-1: the country of phone numbers and addresses that name none.
    pub country: Option<String>,
    /// When somebody serves, such as 09:00-17:00.
    pub business_hours: Option<String>,
}

/// Every source of a project.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The project folder: `files:` are relative to it.
    pub dir: PathBuf,
    /// What sources fall back on.
    pub defaults: Defaults,
    /// The identifier rules.
    pub rules: Rules,
    /// The sources, in order of name.
    pub sources: Vec<Source>,
}

impl Sources {
    /// The source called `name`, or `None`.
    pub fn find(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The sources that `clew import` reads: all but those that only a server takes in.
    pub fn imported(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.spec.kind().is_none_or(Kind::is_imported))
    }

    /// The zone of naive times of `source`, by name.
    pub fn timezone_of<'a>(&'a self, source: &'a Source) -> Option<&'a str> {
        source.spec.timezone.as_deref().or(self.defaults.timezone.as_deref())
    }
}

impl SourceSpec {
    /// Whether its files mean something only together: complete exports, and reference data.
    pub fn is_whole(&self) -> bool {
        self.mode == Mode::Snapshot || self.lookup.is_some()
    }
}

/// A positive duration such as 30s, 15m or 2h, none for `never`; the error is the remedy.
pub fn interval(text: &str) -> Result<Option<Duration>, String> {
    if text == "never" {
        return Ok(None);
    }
    match duration(text) {
        Some(interval) if interval >= Duration::from_secs(1) => Ok(Some(interval)),
        Some(_) => Err("use one second or more, or never".into()),
        None => Err("write a duration such as 30s, 15m or 2h, or never".into()),
    }
}

/// A length of time as project files write it: `30s`, `15m`, `1h 30m`, `2d`, `1w`; a day has 24 hours. `None` for anything else.
pub fn duration(text: &str) -> Option<Duration> {
    const DAY_S: u64 = 86_400;
    let counted = |unit, seconds: u64| {
        text.trim().strip_suffix(unit)?.parse::<u32>().ok().map(|n| Duration::from_secs(u64::from(n) * seconds))
    };
    if let Some(days) = counted('d', DAY_S).or_else(|| counted('w', 7 * DAY_S)) {
        return Some(days);
    }
    Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok()
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The import would be refused.
    Error,
    /// The import would run; the result may not be what is meant.
    Warning,
}

/// Something wrong with a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file that holds the mistake; empty where it is no file's.
    pub path: PathBuf,
    /// What is wrong in a YAML file, as a JSON pointer such as `/s3/endpoint`; empty for all of it. Who can read YAML finds the line.
    #[serde(skip)]
    pub key: String,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// Error or warning.
    pub severity: Severity,
}

impl Problem {
    /// An error in the file `path`.
    pub fn in_file(path: impl Into<PathBuf>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (message, remedy) = (message.into(), remedy.into());
        Self { path: path.into(), key: String::new(), line: None, column: None, message, remedy, severity: Severity::Error }
    }

    /// An error in the declaration of `source`, under `key`.
    pub(crate) fn in_source(source: &Source, key: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { key: key.to_owned(), ..Self::in_file(&source.yaml_path, message, remedy) }
    }
}
