//! Identifiers and subjects: the columns `identifier_<type>` become one canonical, sorted list per fact, and the list
//! becomes the number of its subject.
//!
//! Canonical forms, blocked values and the number itself are `clew-identity`'s; here is only the loop over columns,
//! which keeps all its space between rows. Addresses and numbers are cleansed first: a mailbox behind its aliases, a number in E.164
//! with the country that the row or the source states. What is none, or stands for nobody, is dropped and flagged; a number
//! without any country identifies as it stands. The bytes behind each number go to the lake's register, which finds
//! collisions; a chunk offers each subject once, and the import leaves out those it has offered before.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, NullBufferBuilder, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use clew_identity::canonical::{SubjectBuffer, canonical_into, is_blocked};
use clew_identity::rules::TypeRule;
use clew_identity::{CompiledRules, record_subject, subject_of};
use rustc_hash::FxHashMap;

use super::cleansing::field::{Kind, Value};
use super::cleansing::notes::FieldNotes;
use super::cleansing::{Cleanser, Places};
use super::counts::FieldCounts;
use super::faults::{Faults, Flag};
use super::{Origin, convert};
use crate::reader::TextColumn;

/// At most so many identifiers per fact; what goes beyond is dropped and flagged.
const MAX_IDENTIFIERS: usize = 64;

/// Subjects of one chunk with the bytes that they come from.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    bytes: Vec<u8>,
    known: FxHashMap<i64, (u32, u32)>,
    order: Vec<i64>,
}

impl Candidates {
    /// Subject and canonical bytes, in order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &[u8])> {
        self.order.iter().map(|subject| {
            let (start, end) = self.known[subject];
            (*subject, &self.bytes[start as usize..end as usize])
        })
    }

    /// Takes in those of another request. Of two sets of bytes under one number, which 2^63 numbers make all but unheard of, the first
    /// stays: the other is refused by the register when it comes alone.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (subject, bytes) in other.iter() {
            self.offer(subject, bytes);
        }
    }

    /// Moves the bytes under `taken` to `number`.
    pub fn rename(&mut self, taken: i64, number: i64) {
        if let Some(place) = self.known.remove(&taken) {
            self.known.insert(number, place);
            self.order.iter_mut().filter(|subject| **subject == taken).for_each(|subject| *subject = number);
        }
    }

    /// Takes in the subject; false when other bytes stand under its number.
    pub(crate) fn offer(&mut self, subject: i64, bytes: &[u8]) -> bool {
        if let Some(&(start, end)) = self.known.get(&subject) {
            return &self.bytes[start as usize..end as usize] == bytes;
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        self.known.insert(subject, (start, self.bytes.len() as u32));
        self.order.push(subject);
        true
    }
}

/// One `identifier_<type>` column.
pub struct IdentifierColumn {
    /// The type.
    pub kind: String,
    /// Position in the mapping's output.
    pub at: usize,
}

/// The values of one identifier column.
pub struct Identifiers<'a> {
    kind: &'a str,
    values: Values,
    rule: &'a TypeRule,
}

impl<'a> Identifiers<'a> {
    /// The values of `column` as identifiers of the type `kind`.
    pub fn new(kind: &'a str, column: &ArrayRef, rule: &'a TypeRule) -> Self {
        Self { kind, values: Values::of(column), rule }
    }
}

/// How the values of an identifier column are cleansed.
pub struct Reader {
    /// Its name.
    pub field: String,
    /// What it holds; none where it identifies as it stands.
    pub kind: Option<Kind>,
    /// Whether its values tell something beside themselves.
    pub derives: bool,
}

/// The columns `identifiers` and `subject`.
pub struct Identified {
    /// `list<struct<type, value>>`; null where there is none.
    pub identifiers: ArrayRef,
    /// The identifiers without cleansing, where those are others.
    pub said: Option<ArrayRef>,
    /// Null where nothing identifies anybody.
    pub subjects: ArrayRef,
    /// What was noted, and what the columns looked like.
    pub fields: Vec<(FieldNotes, FieldCounts)>,
}

/// The identifiers of one row: canonical values one behind the other, and (column, start, end) of each.
struct Gathered<'a> {
    rules: &'a CompiledRules,
    text: String,
    kept: Vec<(usize, usize, usize)>,
}

impl<'a> Gathered<'a> {
    fn new(rules: &'a CompiledRules) -> Self {
        Self { rules, text: String::new(), kept: Vec::new() }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.kept.clear();
    }

    /// Takes in the canonical form of a value; false when it identifies nobody.
    fn keep(&mut self, place: usize, value: &str, rule: &TypeRule) -> bool {
        let start = self.text.len();
        canonical_into(rule.normalise, value, &mut self.text);
        if self.kept.len() == MAX_IDENTIFIERS || is_blocked(self.rules, rule, &self.text[start..]) {
            self.text.truncate(start);
            return false;
        }
        self.kept.push((place, start, self.text.len()));
        true
    }

    /// Whether the project blocks this spelling.
    fn blocks(&mut self, value: &str, rule: &TypeRule) -> bool {
        let start = self.text.len();
        canonical_into(rule.normalise, value, &mut self.text);
        let blocks = is_blocked(self.rules, rule, &self.text[start..]);
        self.text.truncate(start);
        blocks
    }

    /// Brings them into their order, each once.
    fn sort(&mut self) {
        let (kept, text) = (&mut self.kept, &self.text);
        if kept.len() > 1 {
            kept.sort_unstable_by(|a, b| (a.0, &text[a.1..a.2]).cmp(&(b.0, &text[b.1..b.2])));
            kept.dedup_by(|a, b| a.0 == b.0 && text[a.1..a.2] == text[b.1..b.2]);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.kept.iter().map(|&(place, start, end)| (place, &self.text[start..end]))
    }
}

/// Values of one identifier column: one per row, or a list.
enum Values {
    One(StringArray),
    Many(ListArray, StringArray),
}

impl Values {
    fn of(column: &ArrayRef) -> Self {
        match convert_list(column) {
            Some(list) => {
                let values = convert::text(list.values());
                Self::Many(list, values)
            }
            None => Self::One(convert::text(column)),
        }
    }

    fn at(&self, row: usize) -> impl Iterator<Item = &str> {
        let (values, range) = match self {
            Self::One(values) => (values, row..row + 1),
            Self::Many(list, values) if list.is_valid(row) => {
                (values, list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize)
            }
            Self::Many(_, values) => (values, 0..0),
        };
        range.filter(|at| values.is_valid(*at)).map(|at| values.value(at))
    }
}

fn convert_list(column: &ArrayRef) -> Option<ListArray> {
    match column.data_type() {
        DataType::List(_) | DataType::LargeList(_) | DataType::ListView(_) => {
            Some(convert::text_list(column).as_list::<i32>().clone())
        }
        _ => None,
    }
}

/// Where facts come from, and where each row belongs.
type From<'a> = (&'a Origin, &'a Places);

/// Reads the identifier columns, which are sorted by type, of all facts. `record_ids` are those of records: a record is
/// a subject of its own.
pub fn identify(
    columns: &[(Identifiers, Reader)],
    from: From,
    record_ids: Option<&StringArray>,
    (faults, cleanser): (&mut Faults, &mut Cleanser),
    candidates: &mut Candidates,
) -> Identified {
    let (rows, origin) = (faults.len(), from.0);
    let mut list = ListBuilder::with_capacity(rows);
    let mut subjects: Vec<Option<i64>> = Vec::with_capacity(rows);
    let mut buffer = SubjectBuffer::default();
    let place = (origin.population.as_str(), origin.source.as_str());
    let mut gathered = Gathered::new(&origin.rules);
    let mut fields: Vec<(FieldNotes, FieldCounts)> = columns
        .iter()
        .map(|(_, reader)| (FieldNotes::of(reader.field.clone()), FieldCounts::of(reader.field.clone(), rows)))
        .collect();
    let mut differs = false;
    for row in 0..rows {
        gathered.clear();
        for (at, (column, field)) in columns.iter().zip(&mut fields).enumerate() {
            differs |= gather(Cell { at, row }, column, from, (faults, cleanser), (&mut gathered, field));
        }
        gathered.sort();
        let mut pairs = [("", ""); MAX_IDENTIFIERS];
        let mut n = 0;
        for (pair, (at, value)) in pairs.iter_mut().zip(gathered.iter()) {
            *pair = (columns[at].0.kind, value);
            list.push(pair.0, pair.1);
            n += 1;
        }
        list.end_row();
        let record = record_ids.map(|ids| if ids.is_valid(row) { ids.value(row) } else { "" });
        let mut salt = 0;
        subjects.push(loop {
            let subject = match record {
                Some(id) => Some(record_subject(place, id, salt, &mut buffer)),
                None => subject_of(&origin.rules, place, &pairs[..n], salt, &mut buffer),
            };
            match subject {
                // Another set stands under this number, which 2^63 numbers make all but unheard of.
                Some(number) if !candidates.offer(number, buffer.canonical_bytes()) => salt += 1,
                subject => break subject,
            }
        });
    }
    let said = differs.then(|| said(columns, origin, rows));
    Identified { identifiers: list.finish(), said, subjects: Arc::new(Int64Array::from(subjects)), fields }
}

/// One column in one row.
#[derive(Clone, Copy)]
struct Cell {
    at: usize,
    row: usize,
}

/// Cleanses and gathers the values of one column in one row; whether they differ from what was said.
fn gather(
    Cell { at, row }: Cell,
    (column, reader): &(Identifiers, Reader),
    (origin, places): From,
    (faults, cleanser): (&mut Faults, &mut Cleanser),
    (gathered, (notes, counts)): (&mut Gathered, &mut (FieldNotes, FieldCounts)),
) -> bool {
    let (mut is_given, mut is_changed, mut is_refused, mut is_dropped) = (false, false, false, false);
    for raw in column.values.at(row).filter(|value| !value.trim().is_empty()) {
        let mut value = Some(raw);
        if let Some(kind) = reader.kind {
            let reading = cleanser.read(kind, raw, places.of(row), &origin.conventions);
            notes.flag(row, reading.flags);
            if reader.derives && !is_given {
                notes.derive(row, &reading.derived);
            }
            match &reading.value {
                Value::Same => {}
                Value::Other(other) => {
                    is_changed = true;
                    value = Some(other).filter(|_| !gathered.blocks(raw, column.rule)).map(|other| &**other);
                }
                Value::Nothing => {
                    is_refused = true;
                    value = None;
                }
            }
        }
        is_given = true;
        if !value.is_some_and(|value| gathered.keep(at, value, column.rule)) {
            faults.flag(row, Flag::BlockedIdentifier);
            is_dropped = true;
        }
    }
    counts.nulls += u64::from(!is_given);
    counts.invalid += u64::from(is_dropped);
    counts.changed += u64::from(is_changed && !is_dropped);
    if is_changed || is_dropped {
        match &column.values {
            Values::One(values) => notes.keep_raw(row, values.value(row)),
            Values::Many(..) => notes.keep_raw_list(row, column.values.at(row)),
        }
    }
    is_changed || is_refused
}

/// The identifiers as they are without cleansing.
fn said(columns: &[(Identifiers, Reader)], origin: &Origin, rows: usize) -> ArrayRef {
    let mut list = ListBuilder::with_capacity(rows);
    let mut gathered = Gathered::new(&origin.rules);
    for row in 0..rows {
        gathered.clear();
        for (at, (column, _)) in columns.iter().enumerate() {
            for value in column.values.at(row).filter(|value| !value.trim().is_empty()) {
                gathered.keep(at, value, column.rule);
            }
        }
        gathered.sort();
        gathered.iter().for_each(|(at, value)| list.push(columns[at].0.kind, value));
        list.end_row();
    }
    list.finish()
}

/// `list<struct<type, value>>` under construction.
struct ListBuilder {
    kinds: TextColumn,
    values: TextColumn,
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
    items: i32,
}

impl ListBuilder {
    fn with_capacity(rows: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        let column = || TextColumn::with_capacity(rows);
        Self { kinds: column(), values: column(), ends, nulls: NullBufferBuilder::new(rows), items: 0 }
    }

    fn push(&mut self, kind: &str, value: &str) {
        self.kinds.push(kind.as_bytes());
        self.values.push(value.as_bytes());
        self.items += 1;
    }

    fn end_row(&mut self) {
        self.nulls.append(self.ends.last() != Some(&self.items));
        self.ends.push(self.items);
    }

    fn finish(mut self) -> ArrayRef {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let fields = Fields::from(vec![text("type"), text("value")]);
        let items = StructArray::new(fields.clone(), vec![self.kinds.finish(), self.values.finish()], None);
        let element = Arc::new(Field::new("element", DataType::Struct(fields), true));
        Arc::new(ListArray::new(element, OffsetBuffer::new(self.ends.into()), Arc::new(items), self.nulls.finish()))
    }
}
