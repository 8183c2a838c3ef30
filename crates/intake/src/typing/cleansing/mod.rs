//! Cleansing as a part of typing: columns of a chunk through `clew_cleanse`, with what was done to each value noted beside it.
//!
//! ```text
//! column → distinct value? → reader of its kind → value, flags, derived entries
//!              └ known: remembered
//! ```
//! A column in which nothing had to be changed is handed on as it is. A [`Cleanser`] holds what was learned about values; a
//! typer serves every thread, so it lends one to each chunk and takes it back ([`Lender`]). There are as many as chunks are at
//! work at once, each bounded.
//!
//! | module | holds |
//! |---|---|
//! | [`conventions`] | how the source writes its values |
//! | [`field`] | one value of one kind |
//! | [`memo`] | what was made of a value before |
//! | [`notes`] | raw text, flags and derived entries beside the values |
//! | [`typed`] | dates of birth and amounts |
//! | [`visit`] | what an event tells: device, campaign, hour |

pub mod conventions;
pub mod field;
pub mod memo;
pub mod notes;
pub mod typed;
pub mod visit;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, ListArray, NullBufferBuilder, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};

use self::conventions::Conventions;
use self::field::{KINDS, Kind, Place, Reading, Value};
use self::memo::Memo;
use self::notes::FieldNotes;
use self::visit::{Offsets, Visits};
use super::counts::FieldCounts;
use crate::reader::TextColumn;

/// What was learned about values so far.
#[derive(Default)]
pub struct Cleanser {
    memos: [Memo<Reading>; KINDS],
    passing: Reading,
    key: String,
    /// Devices, campaigns, referrers.
    pub visits: Visits,
    /// Offsets of the source's zone.
    pub offsets: Offsets,
}

/// How many wait to be lent: as many as an import has threads. What a burst of rehearsals made beyond is dropped.
const MOST_HELD: usize = 16;

/// Lends what one chunk at a time may use.
#[derive(Default)]
pub struct Lender<T>(Mutex<Vec<T>>);

impl<T: Default> Lender<T> {
    /// One that nobody uses.
    pub fn lend(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes one back, unless enough wait to be lent.
    pub fn take_back(&self, one: T) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() < MOST_HELD {
            held.push(one);
        }
    }
}

/// The places of the rows of a chunk.
pub struct Places {
    /// Where rows belong that state no country.
    pub usual: Place,
    /// By row, where a column states it.
    pub rows: Option<Vec<Place>>,
}

impl Places {
    /// The place of `row`.
    pub fn of(&self, row: usize) -> Place {
        self.rows.as_ref().map_or(self.usual, |rows| rows[row])
    }
}

/// A column to cleanse.
pub struct Task<'a> {
    /// Its name.
    pub field: &'a str,
    /// What it holds.
    pub kind: Kind,
    /// How the source writes.
    pub conventions: &'a Conventions,
    /// Where its rows belong.
    pub places: &'a Places,
    /// Words of the column `kind`: what is personal is plain text in a row of an organisation.
    pub kinds: Option<&'a StringArray>,
    /// Whether its values tell something beside themselves.
    pub derives: bool,
}

impl Task<'_> {
    fn kind_of(&self, row: usize) -> Kind {
        let is_organisation = || self.kinds.is_some_and(|kinds| kinds.is_valid(row) && kinds.value(row) == "organisation");
        if self.kind.is_personal() && is_organisation() { Kind::Word } else { self.kind }
    }
}

/// A column that was cleansed.
pub struct Cleansed {
    /// The column; none where nothing of it changed.
    pub column: Option<ArrayRef>,
    /// What was noted.
    pub notes: FieldNotes,
    /// What it looked like.
    pub counts: FieldCounts,
}

/// Values that differ from those given: (position, the text in `bytes`, or none).
#[derive(Default)]
struct Changes {
    at: Vec<(u32, Option<(u32, u32)>)>,
    bytes: String,
}

impl Changes {
    fn put(&mut self, at: usize, value: &Value) {
        let text = match value {
            Value::Same => return,
            Value::Nothing => None,
            Value::Other(text) => {
                let from = self.bytes.len() as u32;
                self.bytes.push_str(text);
                Some((from, self.bytes.len() as u32))
            }
        };
        self.at.push((at as u32, text));
    }

    /// `given` with the changes, value by value in order; `put` takes position and value.
    fn apply<'a>(&'a self, given: &'a StringArray, mut put: impl FnMut(usize, Option<&'a str>)) {
        let mut next = self.at.iter().peekable();
        for at in 0..given.len() {
            let value = match next.next_if(|(changed, _)| *changed as usize == at) {
                Some((_, text)) => text.map(|(from, to)| &self.bytes[from as usize..to as usize]),
                None => given.is_valid(at).then(|| given.value(at)),
            };
            put(at, value);
        }
    }
}

impl Cleanser {
    /// Reads `raw` as a value of `kind`.
    pub fn read(&mut self, kind: Kind, raw: &str, place: Place, conventions: &Conventions) -> &Reading {
        let memo = &mut self.memos[kind as usize];
        match kind {
            // Text is read faster than found.
            Kind::Word | Kind::Text => {
                self.passing = field::read(kind, raw, place, conventions);
                &self.passing
            }
            _ if kind.has_country() => {
                self.key.clear();
                self.key.push_str(place.country.as_ref().map_or("--", |country| country.as_str()));
                self.key.push(if place.is_stated { '!' } else { '?' });
                self.key.push_str(raw);
                memo.get(&self.key, || field::read(kind, raw, place, conventions))
            }
            _ => memo.get(raw, || field::read(kind, raw, place, conventions)),
        }
    }

    /// Cleanses a column of text.
    pub fn column(&mut self, task: &Task, given: &StringArray) -> Cleansed {
        let mut notes = FieldNotes::of(task.field);
        let mut counts = FieldCounts::of(task.field.to_owned(), given.len());
        let mut changes = Changes::default();
        counts.nulls = given.null_count() as u64;
        let all_null = given.null_count() == given.len();
        for row in (0..given.len()).filter(|row| !all_null && given.is_valid(*row)) {
            let raw = given.value(row);
            let reading = self.read(task.kind_of(row), raw, task.places.of(row), task.conventions);
            match &reading.value {
                Value::Same => {}
                // Blank.
                Value::Nothing if reading.flags.is_empty() => counts.nulls += 1,
                value => {
                    counts.invalid += u64::from(*value == Value::Nothing);
                    counts.changed += u64::from(*value != Value::Nothing);
                    notes.keep_raw(row, raw);
                }
            }
            changes.put(row, &reading.value);
            notes.flag(row, reading.flags);
            if task.derives {
                notes.derive(row, &reading.derived);
            }
        }
        let column = (!changes.at.is_empty()).then(|| {
            let mut column = TextColumn::with_capacity(given.len());
            changes.apply(given, |_, value| match value {
                Some(value) => column.push(value.as_bytes()),
                None => column.push_null(),
            });
            column.finish()
        });
        Cleansed { column, notes, counts }
    }

    /// Cleanses a column of lists; what is no value leaves its list. Only the first value of a list tells something beside itself.
    pub fn list(&mut self, task: &Task, given: &ListArray) -> Cleansed {
        let mut notes = FieldNotes::of(task.field);
        let mut counts = FieldCounts::of(task.field.to_owned(), given.len());
        let values: &StringArray = given.values().as_string();
        let mut changes = Changes::default();
        for row in 0..given.len() {
            let elements = given.value_offsets()[row] as usize..given.value_offsets()[row + 1] as usize;
            if given.is_null(row) || elements.is_empty() {
                counts.nulls += 1;
                continue;
            }
            let (mut is_changed, mut is_invalid, mut tells) = (false, false, task.derives);
            for at in elements.clone().filter(|at| values.is_valid(*at)) {
                let reading = self.read(task.kind, values.value(at), task.places.of(row), task.conventions);
                changes.put(at, &reading.value);
                notes.flag(row, reading.flags);
                is_changed |= matches!(reading.value, Value::Other(_));
                is_invalid |= reading.value == Value::Nothing && !reading.flags.is_empty();
                if tells && !reading.derived.is_empty() {
                    notes.derive(row, &reading.derived);
                    tells = false;
                }
            }
            counts.invalid += u64::from(is_invalid);
            counts.changed += u64::from(is_changed && !is_invalid);
            if is_changed || is_invalid {
                notes.keep_raw_list(row, elements.filter(|at| values.is_valid(*at)).map(|at| values.value(at)));
            }
        }
        let column = (!changes.at.is_empty()).then(|| changed_list(given, values, &changes));
        Cleansed { column, notes, counts }
    }
}

/// The list with the changes; nulls leave it, and one without values is null.
fn changed_list(given: &ListArray, values: &StringArray, changes: &Changes) -> ArrayRef {
    let mut kept: Vec<Option<&str>> = Vec::with_capacity(values.len());
    changes.apply(values, |_, value| kept.push(value));
    let (mut column, mut nulls) = (TextColumn::with_capacity(values.len()), NullBufferBuilder::new(given.len()));
    let mut lengths = Vec::with_capacity(given.len());
    for row in 0..given.len() {
        let elements = given.value_offsets()[row] as usize..given.value_offsets()[row + 1] as usize;
        let mut length = 0;
        for value in kept[elements].iter().flatten().filter(|_| given.is_valid(row)) {
            column.push(value.as_bytes());
            length += 1;
        }
        lengths.push(length);
        nulls.append(length > 0);
    }
    let element = Arc::new(Field::new("element", DataType::Utf8, true));
    Arc::new(ListArray::new(element, OffsetBuffer::from_lengths(lengths), column.finish(), nulls.finish()))
}
