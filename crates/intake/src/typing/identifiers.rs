//! Identifiers and subjects: the columns `identifier_<type>` become one canonical, sorted list per fact, and the list
//! becomes the number of its subject.
//!
//! Canonical forms, blocked values and the number itself are `clew-identity`'s; here is only the loop over columns,
//! which keeps all its space between rows. The bytes behind each number go to the lake's register, which finds
//! collisions; a chunk offers each subject once, and the import leaves out those it has offered before.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, NullBufferBuilder, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use clew_identity::canonical::{SubjectBuffer, canonical_into, is_blocked};
use clew_identity::rules::TypeRule;
use clew_identity::{record_subject, subject_of};
use rustc_hash::FxHashMap;

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

/// The columns `identifiers` and `subject`.
pub struct Identified {
    /// `list<struct<type, value>>`; null where there is none.
    pub identifiers: ArrayRef,
    /// Null where nothing identifies anybody.
    pub subjects: ArrayRef,
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

/// Reads the identifier columns, which are sorted by type, of all facts. `record_ids` are those of records: a record is
/// a subject of its own.
pub fn identify(
    columns: &[(&IdentifierColumn, &ArrayRef)],
    origin: &Origin,
    record_ids: Option<&StringArray>,
    faults: &mut Faults,
    candidates: &mut Candidates,
) -> Identified {
    let rows = faults.len();
    let values: Vec<(Values, &TypeRule)> =
        columns.iter().map(|(column, array)| (Values::of(array), origin.rules.rule(&column.kind))).collect();
    let mut list = ListBuilder::with_capacity(rows);
    let mut subjects: Vec<Option<i64>> = Vec::with_capacity(rows);
    let mut buffer = SubjectBuffer::default();
    let from = (origin.population.as_str(), origin.source.as_str());
    let (mut text, mut kept) = (String::new(), Vec::new());
    for row in 0..rows {
        text.clear();
        kept.clear();
        for (place, (values, rule)) in values.iter().enumerate() {
            for value in values.at(row).filter(|value| !value.trim().is_empty()) {
                let start = text.len();
                canonical_into(rule.normalise, value, &mut text);
                if kept.len() == MAX_IDENTIFIERS || is_blocked(&origin.rules, rule, &text[start..]) {
                    text.truncate(start);
                    faults.flag(row, Flag::BlockedIdentifier);
                } else {
                    kept.push((place, start, text.len()));
                }
            }
        }
        if kept.len() > 1 {
            kept.sort_unstable_by(|a, b| (a.0, &text[a.1..a.2]).cmp(&(b.0, &text[b.1..b.2])));
            kept.dedup_by(|a, b| a.0 == b.0 && text[a.1..a.2] == text[b.1..b.2]);
        }
        let mut pairs = [("", ""); MAX_IDENTIFIERS];
        for (pair, &(place, start, end)) in pairs.iter_mut().zip(&kept) {
            *pair = (columns[place].0.kind.as_str(), &text[start..end]);
            list.push(pair.0, pair.1);
        }
        list.end_row();
        let record = record_ids.map(|ids| if ids.is_valid(row) { ids.value(row) } else { "" });
        let mut salt = 0;
        subjects.push(loop {
            let subject = match record {
                Some(id) => Some(record_subject(from, id, salt, &mut buffer)),
                None => subject_of(&origin.rules, from, &pairs[..kept.len()], salt, &mut buffer),
            };
            match subject {
                // Another set stands under this number, which 2^63 numbers make all but unheard of.
                Some(number) if !candidates.offer(number, buffer.canonical_bytes()) => salt += 1,
                subject => break subject,
            }
        });
    }
    Identified { identifiers: list.finish(), subjects: Arc::new(Int64Array::from(subjects)) }
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
