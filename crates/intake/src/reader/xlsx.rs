//! Excel workbooks (.xlsx, .xlsm): the rows of one sheet.
//!
//! A sheet is streamed, cell by cell, on a thread of its own, because its parser borrows from the open workbook; a few hundred rows wait in
//! a channel. The text of cells that repeat (shared strings) is held in memory by the format's nature, within [`PART_LIMIT`].
//!
//! The header is the first row that is nearly as wide as the widest of the first [`SNIFF_ROWS`] and holds text only: titles above
//! a table are passed over. `header_row:` says it outright. Empty rows are no rows. A value beyond the last column of the header sets its row
//! apart, as a field too many does in CSV.
//!
//! Values: what Excel stores, not what a format rounds it to. Numbers have the 15 digits that Excel keeps, whole ones all of theirs (ids), and
//! never an exponent. Days and times are ISO 8601 in both date systems, durations too (`PT36H15M`). A formula is its last computed
//! value. An error (`#N/A`) is null, and `cell_errors` holds it as a JSON object by column. Of merged cells the first has the value, unless
//! `merged: fill` repeats it.
//!
//! A workbook is a zip archive of XML, and a small one may unpack to anything: before it is opened, every part is unpacked once and
//! counted, and refused above [`SHEET_LIMIT`] or [`PART_LIMIT`].

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx};
use memchr::memmem;
use rustc_hash::FxHashMap;
use zip::ZipArchive;

use super::csv::unique_names;
use super::made::{Columns, Object, RowSource, Step, begin};
use super::{MAX_COLUMNS, ReadError, Reader, SplitFault};
use crate::spec::{Merged, XlsxOptions};

/// Largest sheet, unpacked, in bytes.
pub const SHEET_LIMIT: u64 = 1 << 30;
/// Largest other part, unpacked, in bytes.
pub const PART_LIMIT: u64 = 256 << 20;
/// At most so many parts.
const MAX_PARTS: usize = 10_000;
/// At most so many merged areas.
const MAX_MERGED: usize = 100_000;
/// Rows among which the header is looked for.
const SNIFF_ROWS: usize = 20;
/// Rows that the thread sends at once, and bytes.
const SEND_ROWS: usize = 512;
const SEND_BYTES: usize = 1 << 20;
/// The column that holds errors of cells.
const ERRORS: &str = "cell_errors";

const TOO_WIDE: SplitFault = SplitFault::Refused("wrong_field_count", "a value stands beyond the last column of the header");

/// Opens a workbook and reads up to the header of its sheet.
pub fn open(path: &Path, options: &XlsxOptions) -> Result<Reader, ReadError> {
    let mut file = File::open(path).map_err(|error| ReadError::of(path, error, 0))?;
    check_parts(path, BufReader::new(&mut file))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| ReadError::of(path, error, 0))?;
    let (send, receive) = sync_channel(4);
    let work = Work { path: path.into(), options: options.clone(), send };
    std::thread::Builder::new()
        .name("xlsx".into())
        .spawn(move || work.run(BufReader::new(file)))
        .map_err(|error| ReadError::of(path, error, 0))?;
    let (names, warnings) = match receive.recv() {
        Ok(Message::Header(names, warnings)) => (names, warnings),
        Ok(Message::Failed(error)) => return Err(error),
        _ => return Err(broken(path)),
    };
    let columns: Vec<&str> = names.iter().map(String::as_str).chain([ERRORS]).collect();
    let sheet = Sheet { path: path.into(), receive, rows: Vec::new().into_iter() };
    let mut reader = begin(path, Box::new(sheet), Columns::Fixed(&columns), true)?;
    reader.warnings = warnings;
    Ok(reader)
}

fn refuse(path: &Path, message: String, remedy: &str) -> ReadError {
    ReadError::Format { path: path.into(), message, remedy: remedy.into() }
}

fn broken(path: &Path) -> ReadError {
    refuse(path, "its sheet cannot be read: the file is damaged".into(), "open it in Excel and save it again")
}

/// Unpacks every part once and refuses what is too large, or claims to be.
fn check_parts(path: &Path, mut file: impl Read + Seek) -> Result<(), ReadError> {
    let mut head = [0; 4];
    let n = file.read(&mut head).map_err(|error| ReadError::of(path, error, 0))?;
    if head[..n] == [0xD0, 0xCF, 0x11, 0xE0] {
        let remedy = "save it as .xlsx without a password";
        return Err(refuse(path, "an old .xls file, or a workbook with a password".into(), remedy));
    }
    let damaged = || refuse(path, "no whole workbook (.xlsx)".into(), "fetch it again; nothing of it was stored");
    let mut archive = ZipArchive::new(file).map_err(|_| damaged())?;
    if archive.len() > MAX_PARTS {
        return Err(refuse(path, format!("{} parts, more than {MAX_PARTS}", archive.len()), "is it a workbook?"));
    }
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).map_err(|_| damaged())?;
        let name = part.name().map_err(|_| damaged())?.to_ascii_lowercase();
        let limit = if name.contains("worksheets/") { SHEET_LIMIT } else { PART_LIMIT };
        let mut strings = Vec::new();
        let mut taken = (&mut part).take(limit + 1);
        let size = if name.ends_with("sharedstrings.xml") {
            taken.read_to_end(&mut strings).map(|n| n as u64)
        } else {
            io::copy(&mut taken, &mut io::sink())
        };
        let size = size.map_err(|_| damaged())?;
        if size > limit {
            let message = format!("a part of it unpacks to more than {} MB", limit >> 20);
            return Err(refuse(path, message, "export it as CSV, or in smaller files"));
        }
        if claims_too_many(&strings) {
            return Err(refuse(path, "it claims more texts than it holds".into(), "open it in Excel and save it again"));
        }
    }
    Ok(())
}

/// Whether a part says a number of texts that its size cannot hold: the parser would reserve memory for them.
fn claims_too_many(strings: &[u8]) -> bool {
    /// The shortest text: `<si/>`.
    const SHORTEST: usize = 5;
    let is_wide =
        strings.starts_with(&[0xFF, 0xFE]) || strings.starts_with(&[0xFE, 0xFF]) || strings.iter().take(64).any(|b| *b == 0);
    let word = b"uniqueCount";
    is_wide
        || memmem::find_iter(strings, word).any(|at| {
            let rest = strings[at + word.len()..].iter().skip_while(|b| !b.is_ascii_digit() && **b != b'>');
            let digits: String = rest.take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
            !digits.is_empty() && digits.parse::<usize>().ok().is_none_or(|n| n > strings.len() / SHORTEST)
        })
}

/// A row as JSON, and what is wrong with it.
type Made = (Vec<u8>, Option<SplitFault>);

enum Message {
    /// Columns and warnings.
    Header(Vec<String>, Vec<String>),
    Rows(Vec<Made>),
    Failed(ReadError),
    End,
}

/// The receiving end.
struct Sheet {
    path: PathBuf,
    receive: Receiver<Message>,
    rows: std::vec::IntoIter<Made>,
}

impl Sheet {
    /// The next row, or `None` at the end.
    fn fetch(&mut self) -> Result<Option<Made>, ReadError> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            match self.receive.recv() {
                Ok(Message::Rows(rows)) => self.rows = rows.into_iter(),
                Ok(Message::Failed(error)) => return Err(error),
                Ok(Message::End) => return Ok(None),
                // The thread died: the parser met what it did not expect.
                Ok(Message::Header(..)) | Err(_) => return Err(broken(&self.path)),
            }
        }
    }
}

impl RowSource for Sheet {
    fn next(&mut self, out: &mut Vec<u8>, _: i64) -> Result<Step, ReadError> {
        Ok(match self.fetch()? {
            Some((row, fault)) => {
                out.extend_from_slice(&row);
                fault.map_or(Step::Row, Step::Bad)
            }
            None => Step::End,
        })
    }
}

/// One cell that is not empty: position and value.
#[derive(Clone, Debug)]
struct Cell {
    column: usize,
    value: Value,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    /// A number, day or truth value: no word of a header.
    Other(String),
    Error(String),
}

/// The sending end: reads the sheet.
struct Work {
    path: PathBuf,
    options: XlsxOptions,
    send: SyncSender<Message>,
}

impl Work {
    fn run<R: Read + Seek>(self, file: R) {
        let last = match self.read(file) {
            Ok(()) => Message::End,
            Err(error) => Message::Failed(error),
        };
        // Nobody listening means that the reader was dropped.
        let _ = self.send.send(last);
    }

    fn read<R: Read + Seek>(&self, file: R) -> Result<(), ReadError> {
        let path = &self.path;
        let damaged = |error: calamine::XlsxError| {
            refuse(path, format!("no workbook that can be read ({})", kind_of(&error)), "open it in Excel and save it again")
        };
        let mut workbook = Xlsx::new(file).map_err(damaged)?;
        let names = workbook.sheet_names();
        let name = match &self.options.sheet {
            Some(wanted) => names.iter().find(|name| *name == wanted).cloned().ok_or_else(|| {
                let known: Vec<&str> = names.iter().take(30).map(String::as_str).collect();
                refuse(path, format!("there is no sheet '{wanted}'"), &format!("its sheets are {}", known.join(", ")))
            })?,
            None => names.first().cloned().ok_or_else(|| refuse(path, "it has no sheet".into(), "is it a workbook?"))?,
        };
        let merged = match self.options.merged {
            Merged::First => MergedCells::default(),
            Merged::Fill => MergedCells::of(path, &mut workbook, &name)?,
        };
        let cells = workbook.worksheet_cells_reader(&name).map_err(damaged)?;
        let mut rows = RowsOfCells { cells, merged, ahead: None, last: None, ended: false, path: path.clone() };
        self.send_rows(&mut rows)
    }

    /// Finds the header among the first rows, and sends everything behind it.
    fn send_rows<R: Read + Seek>(&self, rows: &mut RowsOfCells<'_, R>) -> Result<(), ReadError> {
        let mut first = Vec::new();
        while first.len() < SNIFF_ROWS
            && let Some(row) = rows.next()?
        {
            first.push(row);
        }
        let header = self.find_header(&first)?;
        let width = match header {
            Some(at) => first[at].1.iter().map(|cell| cell.column + 1).max().unwrap_or(0),
            None => first.iter().flat_map(|(_, cells)| cells.iter().map(|cell| cell.column + 1)).max().unwrap_or(0),
        };
        if width > MAX_COLUMNS {
            return Err(refuse(&self.path, format!("{width} columns, more than {MAX_COLUMNS}"), "is it one table?"));
        }
        let mut warnings = Vec::new();
        let names = match header {
            Some(at) => {
                let mut given = vec![String::new(); width];
                for cell in &first[at].1 {
                    if let Value::Text(text) | Value::Other(text) = &cell.value {
                        given[cell.column] = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    }
                }
                unique_names(&given, &mut warnings)
            }
            None => (1..=width).map(|at| format!("column_{at}")).collect(),
        };
        if self.send.send(Message::Header(names.clone(), warnings)).is_err() {
            return Ok(());
        }
        let mut queue = first.into_iter().skip(header.map_or(0, |at| at + 1));
        let (mut batch, mut size) = (Vec::new(), 0);
        while let Some((_, cells)) = queue.next().map_or_else(|| rows.next(), |row| Ok(Some(row)))? {
            let made = made(&names, &cells);
            size += made.0.len();
            batch.push(made);
            if batch.len() >= SEND_ROWS || size >= SEND_BYTES {
                size = 0;
                if self.send.send(Message::Rows(std::mem::take(&mut batch))).is_err() {
                    return Ok(());
                }
            }
        }
        // Nobody listening is told by the last message too.
        let _ = self.send.send(Message::Rows(batch));
        Ok(())
    }

    /// The position of the header among the first rows; `None` where there is none.
    fn find_header(&self, first: &[(u32, Vec<Cell>)]) -> Result<Option<usize>, ReadError> {
        if self.options.header == Some(false) {
            return Ok(None);
        }
        if let Some(number) = self.options.header_row {
            let found = first.iter().position(|(row, _)| number.checked_sub(1) == Some(*row));
            return found.map(Some).ok_or_else(|| {
                let message = format!("row {number} is empty, or behind the first {SNIFF_ROWS} rows with values");
                refuse(&self.path, message, "correct `xlsx: {header_row: …}` (rows as Excel numbers them)")
            });
        }
        let widest = first.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        if widest == 0 {
            return Err(refuse(&self.path, "its sheet is empty".into(), "name another one with `xlsx: {sheet: …}`"));
        }
        // Four fifths: a column or two without a name is common.
        let is_wide = |cells: &[Cell]| cells.len() * 5 >= widest * 4;
        let is_text = |cells: &[Cell]| cells.iter().all(|cell| matches!(cell.value, Value::Text(_)));
        let found = first.iter().position(|(_, cells)| is_wide(cells) && is_text(cells));
        found.or_else(|| first.iter().position(|(_, cells)| is_wide(cells))).map(Some).ok_or_else(|| broken(&self.path))
    }
}

/// A row as a JSON object of its columns.
fn made(names: &[String], cells: &[Cell]) -> Made {
    let mut out = Vec::new();
    let mut row = Object::open(&mut out);
    let mut errors = serde_json::Map::new();
    let mut fault = None;
    for cell in cells {
        let Some(name) = names.get(cell.column) else {
            fault = Some(TOO_WIDE);
            continue;
        };
        match &cell.value {
            Value::Text(text) | Value::Other(text) => row.put(name, text),
            Value::Error(error) => {
                errors.insert(name.clone(), error.as_str().into());
            }
        }
    }
    if !errors.is_empty() {
        row.put(ERRORS, &errors);
    }
    row.close();
    (out, fault)
}

/// Cells into rows, empty ones left out.
struct RowsOfCells<'a, R: Read + Seek> {
    cells: calamine::XlsxCellReader<'a, R>,
    merged: MergedCells,
    ahead: Option<(u32, Cell)>,
    last: Option<u32>,
    ended: bool,
    path: PathBuf,
}

impl<R: Read + Seek> RowsOfCells<'_, R> {
    fn next_cell(&mut self) -> Result<Option<(u32, Cell)>, ReadError> {
        if let Some(cell) = self.ahead.take() {
            return Ok(Some(cell));
        }
        // Behind its last cell, the parser would read on into what is no cell.
        while !self.ended {
            let next = self.cells.next_cell().map_err(|error| {
                let rows = i64::from(self.last.unwrap_or(0));
                ReadError::Truncated { path: self.path.clone(), rows, detail: kind_of(&error).to_owned() }
            })?;
            let Some(cell) = next else {
                self.ended = true;
                return Ok(None);
            };
            let (row, column) = cell.get_position();
            if column as usize >= 16_384 {
                return Err(broken(&self.path));
            }
            if let Some(value) = value_of(cell.get_value()) {
                return Ok(Some((row, Cell { column: column as usize, value })));
            }
        }
        Ok(None)
    }

    fn next(&mut self) -> Result<Option<(u32, Vec<Cell>)>, ReadError> {
        let Some((row, first)) = self.next_cell()? else { return Ok(None) };
        if self.last.is_some_and(|last| row <= last) {
            return Err(refuse(&self.path, "its rows are not in order".into(), "open it in Excel and save it again"));
        }
        self.last = Some(row);
        let mut cells = vec![first];
        while let Some((of, cell)) = self.next_cell()? {
            if of != row {
                self.ahead = Some((of, cell));
                break;
            }
            cells.push(cell);
        }
        self.merged.fill(row, &mut cells);
        Ok(Some((row, cells)))
    }
}

/// Areas of merged cells, and the values of those that were begun.
#[derive(Default)]
struct MergedCells {
    /// By the first cell: last row and last column.
    areas: FxHashMap<(u32, usize), (u32, usize)>,
    /// First and last column, last row, value.
    open: Vec<(usize, usize, u32, Value)>,
}

impl MergedCells {
    fn of<R: Read + Seek>(path: &Path, workbook: &mut Xlsx<R>, sheet: &str) -> Result<Self, ReadError> {
        let areas = workbook.merge_cells_by_sheet_name(sheet).map_err(|_| broken(path))?;
        if areas.len() > MAX_MERGED {
            let message = format!("{} merged areas, more than {MAX_MERGED}", areas.len());
            return Err(refuse(path, message, "leave out `merged: fill`"));
        }
        let areas = areas.iter().map(|area| ((area.start.0, area.start.1 as usize), (area.end.0, area.end.1 as usize))).collect();
        Ok(Self { areas, open: Vec::new() })
    }

    /// Adds the values that reach into `row`.
    fn fill(&mut self, row: u32, cells: &mut Vec<Cell>) {
        if self.areas.is_empty() {
            return;
        }
        self.open.retain(|(.., last_row, _)| *last_row >= row);
        for cell in cells.iter() {
            if let Some((last_row, last_column)) = self.areas.get(&(row, cell.column)) {
                self.open.push((cell.column, *last_column, *last_row, cell.value.clone()));
            }
        }
        for (first, last, _, value) in &self.open {
            for column in *first..=(*last).min(MAX_COLUMNS) {
                if cells.iter().all(|cell| cell.column != column) {
                    cells.push(Cell { column, value: value.clone() });
                }
            }
        }
        cells.sort_by_key(|cell| cell.column);
    }
}

/// The kind of an error in words without a value.
fn kind_of(error: &calamine::XlsxError) -> &'static str {
    match error {
        calamine::XlsxError::Io(_) | calamine::XlsxError::Zip(_) => "the archive is damaged",
        calamine::XlsxError::Xml(_) | calamine::XlsxError::XmlEof(_) | calamine::XlsxError::XmlAttr(_) => "the XML is damaged",
        calamine::XlsxError::Password => "it has a password",
        calamine::XlsxError::FileNotFound(_) | calamine::XlsxError::RelationshipNotFound => "a part is missing",
        _ => "its content is not that of a workbook",
    }
}

/// `None` for an empty cell.
fn value_of(cell: &DataRef) -> Option<Value> {
    let text = |text: &str| (!text.is_empty()).then(|| Value::Text(text.to_owned()));
    match cell {
        DataRef::Empty => None,
        DataRef::String(given) => text(given),
        DataRef::SharedString(given) => text(given),
        DataRef::Int(number) => Some(Value::Other(number.to_string())),
        DataRef::Float(number) if number.is_finite() => Some(Value::Other(decimal(*number))),
        DataRef::Float(_) => Some(Value::Error("#NUM!".into())),
        DataRef::Bool(value) => Some(Value::Other(value.to_string())),
        DataRef::DateTime(time) => Some(iso_8601(time).map_or_else(|| Value::Error("#DATE!".into()), Value::Other)),
        DataRef::DateTimeIso(time) | DataRef::DurationIso(time) => (!time.is_empty()).then(|| Value::Other(time.clone())),
        DataRef::Error(error) => Some(Value::Error(error.to_string())),
    }
}

/// A number without an exponent: whole ones below 2^53 in full, others in the 15 digits that Excel keeps.
fn decimal(number: f64) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return (number as i64).to_string();
    }
    let rounded = format!("{number:.14e}").parse::<f64>().unwrap_or(number);
    rounded.to_string()
}

/// A day, a time of day, both, or a duration; `None` where Excel itself shows `####`.
fn iso_8601(time: &ExcelDateTime) -> Option<String> {
    let value = time.as_f64();
    if !(0.0..2_958_466.0).contains(&value) {
        return None;
    }
    if time.is_duration() {
        return Some(duration(value));
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let clock = if milli == 0 {
        format!("{hour:02}:{minute:02}:{second:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}.{milli:03}")
    };
    let is_midnight = (hour, minute, second, milli) == (0, 0, 0, 0);
    Some(match (value < 1.0, is_midnight) {
        (true, _) => clock,
        (false, true) => format!("{year:04}-{month:02}-{day:02}"),
        (false, false) => format!("{year:04}-{month:02}-{day:02}T{clock}"),
    })
}

/// `PT36H15M` of one and a half days and a quarter of an hour.
fn duration(days: f64) -> String {
    let milli = (days * 86_400_000.0).round() as u64;
    let (hours, minutes, seconds, milli) = (milli / 3_600_000, milli / 60_000 % 60, milli / 1000 % 60, milli % 1000);
    let mut text = String::from("PT");
    if hours > 0 {
        text += &format!("{hours}H");
    }
    if minutes > 0 {
        text += &format!("{minutes}M");
    }
    if milli > 0 {
        text += &format!("{seconds}.{milli:03}S");
    } else if seconds > 0 || text == "PT" {
        text += &format!("{seconds}S");
    }
    text
}
