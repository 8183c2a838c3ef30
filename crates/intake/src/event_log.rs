//! Event logs: any file that tells who did what when, as columns of numbers.
//!
//! A log has a case (a person, an order, a ticket), a time and an activity per row, and perhaps more: a group, a channel, a team.
//! Which columns those are is said by the caller or recognised by their names. Rows come out in batches of numbers: codes of
//! cases, activities and what else is wanted, and microseconds UTC. What a code means is told at the end. No project is needed, nothing is
//! stored, and nothing here knows what the numbers are good for.
//!
//! Parquet is read by row groups on all threads, only the columns that are needed (`parquet`). Other formats go
//! through [`reader`](crate::reader): one thread at a time splits, all decode.
//!
//! A row without case, time or activity is left out and counted ([`LeftOut`]). A time without offset is UTC.

mod columns;
mod parquet;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};

use self::columns::{Batch, Cases, Texts, bounds, times};
pub use self::columns::{CaseNames, LeftOut, NONE};
use self::parquet::Table;
use crate::nearest::nearest;
use crate::reader::{Decoder, ReadError, ReadOptions, Reader, format_of};
use crate::spec::Format;
use crate::typing::time;

/// Names by which a column is recognised, the likeliest first; compared without case, blanks and signs.
const CASE: &[&str] = &[
    "case:concept:name",
    "case_id",
    "case",
    "person_id",
    "user_id",
    "customer_id",
    "client_id",
    "visitor_id",
    "anonymous_id",
    "session_id",
    "order_id",
    "ticket_id",
    "person",
    "user",
    "customer",
    "subject",
];
const TIME: &[&str] = &[
    "time:timestamp",
    "timestamp",
    "ts",
    "time",
    "occurred_at",
    "event_time",
    "complete_timestamp",
    "datetime",
    "date_time",
    "created_at",
    "date",
];
const ACTIVITY: &[&str] =
    &["concept:name", "activity", "touchpoint", "event_name", "event", "activity_name", "action", "name", "type", "page"];
/// Objects of an OCEL log stand in columns with this before the object's type.
const OBJECT: &str = "object:";

/// A column by name.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// How the caller is told to name another one, such as `--by`.
    pub option: &'a str,
    /// Its name.
    pub column: &'a str,
}

/// Which columns are meant, where the caller says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Column of the case.
    pub case: Option<&'a str>,
    /// Column of the time.
    pub time: Option<&'a str>,
    /// Column of the activity.
    pub activity: Option<&'a str>,
    /// More columns of texts.
    pub more: &'a [Named<'a>],
    /// Whether activities are not needed: the column is not read then.
    pub without_activity: bool,
    /// Only rows with these activities.
    pub only: Option<&'a [String]>,
}

/// The columns that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Column of the case.
    pub case: String,
    /// Column of the time.
    pub time: String,
    /// Column of the activity.
    pub activity: Option<String>,
    /// More columns, as wanted.
    pub more: Vec<String>,
}

/// A part of a log, in columns of one length.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Where it stands among the parts, by order of the file.
    pub place: (usize, usize),
    /// Numbers of cases, dense or nearly so.
    pub case: &'a [u32],
    /// Microseconds UTC.
    pub time_us: &'a [i64],
    /// Codes of activities; empty if not needed.
    pub activity: &'a [u32],
    /// Codes of texts of each further column, [`NONE`] where a row has none.
    pub more: &'a [Vec<u32>],
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRead {
    /// The columns.
    pub fields: Fields,
    /// Activities by code.
    pub activities: Vec<String>,
    /// Activities that were wanted and never met.
    pub missed: Vec<String>,
    /// Texts by code of each further column.
    pub more: Vec<Vec<String>>,
    /// What cases are called.
    pub cases: CaseNames,
    /// Rows of the file.
    pub rows: u64,
    /// Rows without case, time or activity.
    pub left_out: LeftOut,
    /// First and last time of what was not left out and wanted.
    pub span_us: Option<(i64, i64)>,
}

/// Reads the log in `path` on `threads` threads and hands its parts to `take`, on any of them and in no order.
///
/// Memory: one batch per thread, and the texts of cases, activities and further columns. Cases that are whole numbers of a narrow
/// range need none.
///
/// # Errors
/// If the file cannot be read, if a column is not there or not recognised, or if it holds what it cannot.
pub fn read_event_log(
    path: &Path,
    wanted: &Wanted<'_>,
    threads: usize,
    take: &(dyn Fn(Part<'_>) + Sync),
) -> Result<LogRead, ReadError> {
    let is_parquet = format_of(path) == Some(Format::Parquet);
    let log =
        if is_parquet { of_parquet(path, wanted, threads.max(1), take)? } else { of_rows(path, wanted, threads.max(1), take)? };
    let read = log.rows - log.left_out.rows();
    if log.rows > 0 && read == 0 {
        let row = log.left_out.first_row.unwrap_or(1);
        let (lacks, option) = match &log.left_out {
            out if out.time > 0 => (format!("a time that can be read in `{}`", log.fields.time), "--time"),
            out if out.case > 0 => (format!("a value in `{}`", log.fields.case), "--case"),
            out if out.activity > 0 => {
                (format!("a value in `{}`", log.fields.activity.as_deref().unwrap_or_default()), "--activity")
            }
            _ => ("a form that can be read".into(), "another file"),
        };
        let remedy = if log.left_out.time > 0 {
            "write times as 2026-01-31T12:00:00Z, or say another column with --time".into()
        } else {
            format!("say another column with {option}")
        };
        return Err(ReadError::Format {
            path: path.into(),
            message: format!("none of its {} rows has {lacks}, the first without is row {row}", log.rows),
            remedy,
        });
    }
    Ok(log)
}

/// Everything that threads share while they read.
struct Shared<'a> {
    take: &'a (dyn Fn(Part<'_>) + Sync),
    cases: Cases,
    activities: Texts,
    more: Vec<Texts>,
    only: Option<Vec<u32>>,
    sums: Mutex<Sums>,
}

#[derive(Default)]
struct Sums {
    rows: u64,
    left_out: LeftOut,
    span_us: Option<(i64, i64)>,
}

/// A column that does not hold what it should: its name, and why.
type Unfit = (String, String);

impl<'a> Shared<'a> {
    fn new(wanted: &Wanted<'_>, cases: Cases, take: &'a (dyn Fn(Part<'_>) + Sync)) -> Self {
        let activities = Texts::default();
        // They get the first codes, so that wanted ones are known before the first row.
        let only = wanted.only.map(|names| names.iter().map(|name| activities.expect(name)).collect());
        let more = wanted.more.iter().map(|_| Texts::default()).collect();
        Self { take, cases, activities, more, only, sums: Mutex::default() }
    }

    /// Takes the columns of a batch in.
    fn batch(&self, place: (usize, usize), first_row: u64, fields: &Fields, columns: &Columns<'_>) -> Result<(), Unfit> {
        let mut batch = Batch::default();
        let unfit = |name: &str| {
            let name = name.to_owned();
            move |message: String| (name, message)
        };
        self.cases.numbers(columns.case, &mut batch.case).map_err(unfit(&fields.case))?;
        times(columns.time, &read_time, &mut batch.time_us).map_err(unfit(&fields.time))?;
        if let (Some(column), Some(name)) = (columns.activity, &fields.activity) {
            self.activities.codes(column, &mut batch.activity).map_err(unfit(name))?;
        }
        for ((column, name), texts) in columns.more.iter().zip(&fields.more).zip(&self.more) {
            let mut codes = Vec::new();
            texts.codes(column, &mut codes).map_err(unfit(name))?;
            batch.more.push(codes);
        }
        let rows = batch.case.len() as u64;
        let only = self.only.as_deref().map(|only| move |code: u32| only.contains(&code));
        let left_out = batch.compact(only.as_ref().map(|only| only as &dyn Fn(u32) -> bool), first_row);
        (self.take)(Part { place, case: &batch.case, time_us: &batch.time_us, activity: &batch.activity, more: &batch.more });
        self.count(rows, &left_out, bounds(&batch.time_us));
        Ok(())
    }

    fn count(&self, rows: u64, left_out: &LeftOut, span_us: Option<(i64, i64)>) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.rows += rows;
        sums.left_out.add(left_out);
        let wider = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
        sums.span_us = [sums.span_us, span_us].into_iter().flatten().reduce(wider);
    }

    fn finish(self, fields: Fields) -> LogRead {
        let sums = self.sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (activities, missed) = self.activities.into_names();
        LogRead {
            fields,
            activities,
            missed,
            more: self.more.into_iter().map(|texts| texts.into_names().0).collect(),
            cases: self.cases.into_names(),
            rows: sums.rows,
            left_out: sums.left_out,
            span_us: sums.span_us,
        }
    }
}

/// The columns of one batch.
struct Columns<'a> {
    case: &'a ArrayRef,
    time: &'a ArrayRef,
    activity: Option<&'a ArrayRef>,
    more: Vec<&'a ArrayRef>,
}

impl<'a> Columns<'a> {
    fn of(fields: &Fields, column: impl Fn(&str) -> Option<&'a ArrayRef>) -> Option<Self> {
        let optional = |name: &Option<String>| name.as_deref().and_then(&column);
        Some(Self {
            case: column(&fields.case)?,
            time: column(&fields.time)?,
            activity: optional(&fields.activity),
            more: fields.more.iter().map(|name| column(name)).collect::<Option<_>>()?,
        })
    }
}

fn of_parquet(path: &Path, wanted: &Wanted<'_>, threads: usize, take: &(dyn Fn(Part<'_>) + Sync)) -> Result<LogRead, ReadError> {
    std::fs::File::open(path).map_err(|error| ReadError::of(path, error, 0))?;
    let damaged = |detail: String| ReadError::Format {
        path: path.into(),
        message: format!("not a whole Parquet file ({detail})"),
        remedy: "fetch it again".into(),
    };
    let table = Table::open(path).map_err(damaged)?;
    let schema = table.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let fields = recognise(path, wanted, &names)?;
    let whole = |field: &Field| field.data_type().is_integer() && *field.data_type() != DataType::UInt64;
    let is_number = schema.field_with_name(&fields.case).is_ok_and(whole);
    let signed = schema.field_with_name(&fields.case).is_ok_and(|field| field.data_type().is_signed_integer());
    let cases = if is_number {
        // Unsigned numbers have their bounds written as signed ones.
        Cases::of_numbers(signed.then(|| table.bounds(&fields.case)).flatten(), table.rows())
    } else {
        Cases::Texts(Texts::default())
    };
    let shared = Shared::new(wanted, cases, take);
    let texts: Vec<&str> = fields.activity.iter().chain(&fields.more).map(String::as_str).collect();
    let mut all = vec![fields.case.as_str(), fields.time.as_str()];
    all.extend(&texts);
    // A column that does not fit is another failure than a damaged file.
    let unfit_column = Mutex::new(None);
    let read = table.read(&all, &texts, threads, &|place, first_row, batch| {
        let columns = Columns::of(&fields, |name| batch.column_by_name(name)).ok_or("a column is missing in a row group")?;
        shared.batch(place, first_row, &fields, &columns).map_err(|unfit| {
            let message = unfit.1.clone();
            *unfit_column.lock().unwrap_or_else(PoisonError::into_inner) = Some(unfit);
            message
        })
    });
    match (read, unfit_column.into_inner().unwrap_or_else(PoisonError::into_inner)) {
        (Err(_), Some(unfit)) => Err(unfit_error(path, unfit)),
        (Err(detail), None) => Err(damaged(detail)),
        (Ok(()), _) => Ok(shared.finish(fields)),
    }
}

fn of_rows(path: &Path, wanted: &Wanted<'_>, threads: usize, take: &(dyn Fn(Part<'_>) + Sync)) -> Result<LogRead, ReadError> {
    let mut reader = Reader::open(path, &ReadOptions::default())?;
    let said = [wanted.case, wanted.time, wanted.activity];
    if reader.is_open_ended() {
        reader.add_columns(said.into_iter().flatten().chain(wanted.more.iter().map(|more| more.column)));
    }
    let schema = reader.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let fields = recognise(path, wanted, &names)?;
    let all = [&fields.case, &fields.time].into_iter().chain(&fields.activity).chain(&fields.more);
    let mut places: Vec<usize> = all.filter_map(|name| schema.index_of(name).ok()).collect();
    places.sort_unstable();
    places.dedup();
    let shared = Shared::new(wanted, Cases::Texts(Texts::default()), take);
    let decoder = reader.decoder();
    let blocks = Mutex::new((reader, 0_usize, None::<ReadError>));
    let work = || loop {
        let (block, at) = {
            let mut blocks = blocks.lock().unwrap_or_else(PoisonError::into_inner);
            if blocks.2.is_some() {
                return;
            }
            match blocks.0.next_block() {
                Ok(Some(block)) => {
                    blocks.1 += 1;
                    (block, blocks.1)
                }
                Ok(None) => return,
                Err(error) => {
                    blocks.2 = Some(error);
                    return;
                }
            }
        };
        let first_row = block.first_row.unsigned_abs();
        if let Err(unfit) = decode(&shared, &decoder, &block, &places, &fields, (at, 0), first_row) {
            blocks.lock().unwrap_or_else(PoisonError::into_inner).2.get_or_insert_with(|| unfit_error(path, unfit));
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        work();
        others.into_iter().for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    });
    match blocks.into_inner().unwrap_or_else(PoisonError::into_inner).2 {
        Some(error) => Err(error),
        None => Ok(shared.finish(fields)),
    }
}

fn decode(
    shared: &Shared<'_>,
    decoder: &Decoder,
    block: &crate::reader::Block,
    places: &[usize],
    fields: &Fields,
    place: (usize, usize),
    first_row: u64,
) -> Result<(), Unfit> {
    let decoded = decoder.decode(block, places);
    if let Some(first) = decoded.unreadable.iter().map(|row| row.row_no.unsigned_abs()).min() {
        let unreadable = decoded.unreadable.len() as u64;
        shared.count(unreadable, &LeftOut { unreadable, first_row: Some(first), ..LeftOut::default() }, None);
    }
    match Columns::of(fields, |name| decoded.batch.column_by_name(name)) {
        Some(columns) => shared.batch(place, first_row, fields, &columns),
        None => Ok(()),
    }
}

fn unfit_error(path: &Path, (column, message): Unfit) -> ReadError {
    ReadError::Format {
        path: path.into(),
        message: format!("column `{column}`: {message}"),
        remedy: "say other columns with --case, --time and --activity".into(),
    }
}

/// Microseconds UTC of a text; without offset it is UTC. Also read: the year first with slashes, as some exports have it.
fn read_time(text: &str) -> Option<i64> {
    let micros =
        |parsed: time::Parsed| parsed.days * 86_400_000_000 + parsed.micros - i64::from(parsed.offset.unwrap_or(0)) * 1_000_000;
    if let Some(parsed) = time::parse(text) {
        return Some(micros(parsed));
    }
    let text = text.trim_ascii();
    let slashes = text.as_bytes().get(4) == Some(&b'/') && text.as_bytes().get(7) == Some(&b'/');
    slashes.then(|| time::parse(&text.replacen('/', "-", 2)).map(micros)).flatten()
}

/// The columns that are meant.
fn recognise(path: &Path, wanted: &Wanted<'_>, names: &[&str]) -> Result<Fields, ReadError> {
    let plain = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let listed = || {
        let shown: Vec<String> = names.iter().take(30).map(|name| format!("`{name}`")).collect();
        format!("{}{}", shown.join(", "), if names.len() > shown.len() { ", …" } else { "" })
    };
    let said = |name: &str, option: &str| {
        if names.contains(&name) {
            return Ok(name.to_owned());
        }
        let hint = nearest(name, names.iter().copied()).map_or(String::new(), |known| format!("; did you mean `{known}`?"));
        let (message, remedy) = (format!("there is no column `{name}`"), format!("say one of {} with {option}{hint}", listed()));
        Err(ReadError::Format { path: path.into(), message, remedy })
    };
    let known = |list: &[&str]| {
        let found = list.iter().find_map(|likely| names.iter().find(|name| plain(name) == plain(likely)));
        found.map(|name| (*name).to_owned())
    };
    let unknown = |what: &str, option: &str| ReadError::Format {
        path: path.into(),
        message: format!("no column looks like the {what}"),
        remedy: format!("say it with {option}; the columns are {}", listed()),
    };
    let objects: Vec<&&str> = names.iter().filter(|name| name.starts_with(OBJECT)).collect();
    let case = match (wanted.case, objects.as_slice()) {
        (Some(name), _) => said(name, "--case")?,
        (None, [only]) => (**only).to_owned(),
        (None, [_, ..]) => return Err(unknown("case: the log is about several kinds of objects", "--case")),
        (None, []) => known(CASE).ok_or_else(|| unknown("case", "--case"))?,
    };
    let time = match wanted.time {
        Some(name) => said(name, "--time")?,
        None => known(TIME).ok_or_else(|| unknown("time", "--time"))?,
    };
    let activity = match (wanted.activity, wanted.without_activity) {
        (_, true) => None,
        (Some(name), false) => Some(said(name, "--activity")?),
        (None, false) => Some(known(ACTIVITY).ok_or_else(|| unknown("activity", "--activity"))?),
    };
    let more = wanted.more.iter().map(|more| said(more.column, more.option)).collect::<Result<_, _>>()?;
    Ok(Fields { case, time, activity, more })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Result<Fields, String> {
        recognise(Path::new("log.csv"), &Wanted::default(), names).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_known_by_their_names() {
        let fields = columns(&["Case ID", "Activity", "Complete Timestamp", "Variant"]).unwrap();
        assert_eq!((&*fields.case, &*fields.time), ("Case ID", "Complete Timestamp"));
        assert_eq!(fields.activity.as_deref(), Some("Activity"));
        let fields = columns(&["id", "type", "time", "objects", "object:Order"]).unwrap();
        assert_eq!((&*fields.case, fields.activity.as_deref()), ("object:Order", Some("type")));
        let refusal = columns(&["who", "ts", "event"]).unwrap_err();
        assert_eq!(refusal, "log.csv: no column looks like the case; say it with --case; the columns are `who`, `ts`, `event`");
        assert!(columns(&["type", "time", "object:Order", "object:Item"]).unwrap_err().contains("several kinds of objects"));
        let wanted = Wanted { case: Some("custmer"), ..Wanted::default() };
        let refusal = recognise(Path::new("log.csv"), &wanted, &["customer", "ts", "event"]).unwrap_err().to_string();
        assert!(refusal.contains("no column `custmer`") && refusal.contains("did you mean `customer`?"), "{refusal}");
    }

    #[test]
    fn times_are_read_in_their_forms() {
        let noon = 1_349_784_000_000_000;
        for text in ["2012-10-09T12:00:00Z", "2012/10/09 12:00:00.000", "2012-10-09T14:00:00.000+02:00", "2012-10-09 12:00:00"] {
            assert_eq!(read_time(text), Some(noon), "{text}");
        }
        assert_eq!(["09.10.2012", "1349784000", "yesterday", ""].map(read_time), [None; 4]);
    }
}
