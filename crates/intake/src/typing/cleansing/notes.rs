//! What cleansing notes about the facts of a chunk, beside their values: the raw text, flags per field, and what follows from a value.
//!
//! Most facts have nothing to note, so notes are sparse: a lane per field, with an entry for each row that has one, in the order of
//! rows. At the end the lanes are merged row by row into the columns `raw`, `derived` and `quality`. A chunk without notes costs
//! three columns of nulls.

use arrow::array::ArrayRef;
use clew_cleanse::flag::Flags;

use crate::reader::TextColumn;
use crate::typing::json;

/// Bytes for some rows, in their order.
#[derive(Default)]
struct Lane {
    /// Row and end of its bytes.
    ends: Vec<(u32, u32)>,
    bytes: Vec<u8>,
}

impl Lane {
    fn end(&mut self, row: usize) {
        self.ends.push((row as u32, self.bytes.len() as u32));
    }
}

/// Reads a lane from its first row on.
struct Cursor<'a> {
    lane: &'a Lane,
    at: usize,
    from: usize,
}

impl<'a> Cursor<'a> {
    fn of(lane: &'a Lane) -> Self {
        Self { lane, at: 0, from: 0 }
    }

    /// The bytes of `row`, which is behind the last one asked for.
    fn take(&mut self, row: usize) -> Option<&'a [u8]> {
        let &(next, end) = self.lane.ends.get(self.at)?;
        if next as usize != row {
            return None;
        }
        let bytes = &self.lane.bytes[self.from..end as usize];
        (self.at, self.from) = (self.at + 1, end as usize);
        Some(bytes)
    }
}

/// What was noted about one field of a chunk.
#[derive(Default)]
pub struct FieldNotes {
    field: String,
    raw: Lane,
    flags: Vec<(u32, Flags)>,
    derived: Lane,
}

impl FieldNotes {
    /// Nothing yet about the column `field`.
    pub fn of(field: impl Into<String>) -> Self {
        Self { field: field.into(), ..Self::default() }
    }

    /// Keeps `text`, which stood there; rows come in their order.
    pub fn keep_raw(&mut self, row: usize, text: &str) {
        json::text(text, &mut self.raw.bytes);
        self.raw.end(row);
    }

    /// Keeps the list that stood there.
    pub fn keep_raw_list<'a>(&mut self, row: usize, texts: impl Iterator<Item = &'a str>) {
        self.raw.bytes.push(b'[');
        for (at, text) in texts.enumerate() {
            if at > 0 {
                self.raw.bytes.push(b',');
            }
            json::text(text, &mut self.raw.bytes);
        }
        self.raw.bytes.push(b']');
        self.raw.end(row);
    }

    /// Raises flags of the field; rows come in their order, one of them possibly several times.
    pub fn flag(&mut self, row: usize, flags: Flags) {
        if flags.is_empty() {
            return;
        }
        match self.flags.last_mut().filter(|(last, _)| *last as usize == row) {
            Some((_, last)) => *last = last.union(flags),
            None => self.flags.push((row as u32, flags)),
        }
    }

    /// Adds entries of `derived`; rows come in their order, each once.
    pub fn derive(&mut self, row: usize, entries: &str) {
        if !entries.is_empty() {
            self.derived.bytes.extend_from_slice(entries.as_bytes());
            self.derived.end(row);
        }
    }

    fn is_empty(&self) -> bool {
        self.raw.ends.is_empty() && self.flags.is_empty() && self.derived.ends.is_empty()
    }
}

/// Appends what it knows of a row to an object that lacks its closing brace.
pub type More<'a> = &'a mut dyn FnMut(usize, &mut Vec<u8>);

/// Notes about all fields of a chunk.
#[derive(Default)]
pub struct Notes(Vec<FieldNotes>);

impl Notes {
    /// Takes in the notes about one more field.
    pub fn add(&mut self, notes: FieldNotes) {
        if !notes.is_empty() {
            self.0.push(notes);
        }
    }

    /// The column `raw`; none where nothing has one.
    pub fn raw(&self, rows: usize) -> Option<ArrayRef> {
        let mut lanes: Vec<(Vec<u8>, Cursor)> = Vec::new();
        for notes in self.0.iter().filter(|notes| !notes.raw.ends.is_empty()) {
            let mut key = Vec::new();
            json::text(&notes.field, &mut key);
            key.push(b':');
            lanes.push((key, Cursor::of(&notes.raw)));
        }
        if lanes.is_empty() {
            return None;
        }
        let mut column = TextColumn::with_capacity(rows);
        let mut object = Vec::new();
        for row in 0..rows {
            for (key, cursor) in &mut lanes {
                if let Some(value) = cursor.take(row) {
                    json::join(&mut object, key);
                    object.extend_from_slice(value);
                }
            }
            push_object(&mut column, &mut object);
        }
        Some(column.finish())
    }

    /// The column `derived`; `more` appends what it knows of a row. None where there is nothing and nobody to ask.
    pub fn derived(&self, rows: usize, more: Option<More>) -> Option<ArrayRef> {
        let mut lanes: Vec<Cursor> =
            self.0.iter().filter(|notes| !notes.derived.ends.is_empty()).map(|notes| Cursor::of(&notes.derived)).collect();
        if lanes.is_empty() && more.is_none() {
            return None;
        }
        let mut nothing = |_: usize, _: &mut Vec<u8>| {};
        let more = more.unwrap_or(&mut nothing);
        let mut column = TextColumn::with_capacity(rows);
        let mut object = Vec::new();
        for row in 0..rows {
            for cursor in &mut lanes {
                json::join(&mut object, cursor.take(row).unwrap_or_default());
            }
            more(row, &mut object);
            push_object(&mut column, &mut object);
        }
        Some(column.finish())
    }

    /// Field and flags of every row, in the order of rows.
    pub fn flags(&self) -> Vec<(u32, &str, Flags)> {
        let mut all: Vec<_> =
            self.0.iter().flat_map(|notes| notes.flags.iter().map(|(row, flags)| (*row, notes.field.as_str(), *flags))).collect();
        // Stable: fields of a row stay in their order.
        all.sort_by_key(|(row, ..)| *row);
        all
    }
}

/// Appends an object that lacks its closing brace, and empties it; null where there is none.
fn push_object(column: &mut TextColumn, object: &mut Vec<u8>) {
    if object.is_empty() {
        return column.push_null();
    }
    object.push(b'}');
    column.push(object);
    object.clear();
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use clew_cleanse::flag::Flag;

    use super::*;

    fn texts(column: Option<ArrayRef>) -> Vec<Option<String>> {
        column.unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn lanes_merge_row_by_row() {
        let (mut notes, mut city, mut phones) = (Notes::default(), FieldNotes::of("city"), FieldNotes::of("phones"));
        city.keep_raw(1, "a\"b");
        city.flag(1, Flags::of(&[Flag::Trimmed]));
        city.derive(3, r#""postcode":"1""#);
        phones.keep_raw_list(1, ["1", "2"].into_iter());
        phones.flag(0, Flags::of(&[Flag::Placeholder]));
        phones.flag(1, Flags::of(&[Flag::Reformatted]));
        phones.flag(1, Flags::of(&[Flag::CountryAssumed]));
        phones.derive(3, r#""line_type":"mobile""#);
        notes.add(city);
        notes.add(FieldNotes::of("street"));
        notes.add(phones);
        assert_eq!(texts(notes.raw(4)), [None, Some(r#"{"city":"a\"b","phones":["1","2"]}"#.into()), None, None]);
        let mut hour = |row: usize, object: &mut Vec<u8>| {
            if row > 1 {
                json::join(object, b"\"hour\":7");
            }
        };
        assert_eq!(
            texts(notes.derived(4, Some(&mut hour))),
            [None, None, Some(r#"{"hour":7}"#.into()), Some(r#"{"postcode":"1","line_type":"mobile","hour":7}"#.into())]
        );
        let flags: Vec<(u32, &str, u32)> =
            notes.flags().into_iter().map(|(row, field, flags)| (row, field, flags.len())).collect();
        assert_eq!(flags, [(0, "phones", 1), (1, "city", 1), (1, "phones", 2)]);
        assert!(Notes::default().raw(3).is_none() && Notes::default().derived(3, None).is_none());
    }
}
