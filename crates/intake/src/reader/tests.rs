//! Files as they come: every format, every kind of damage, and the CSV reader against the `csv` crate.

use std::io::Write;
use std::path::PathBuf;

use arrow::array::{Array, AsArray};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::spec::Encoding;

pub(super) fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

/// Column names, rows as text, unreadable rows as (row, reason).
pub(super) type Table = (Vec<String>, Vec<Vec<Option<String>>>, Vec<(i64, &'static str)>);

pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Table, ReadError> {
    let mut reader = Reader::open(path, options)?;
    let decoder = reader.decoder();
    let names: Vec<String> = decoder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let wanted: Vec<usize> = (0..names.len()).collect();
    let (mut rows, mut unreadable, mut next) = (Vec::new(), Vec::new(), 1);
    while let Some(block) = reader.next_block()? {
        assert_eq!(block.first_row, next);
        next += block.len() as i64;
        let decoded = decoder.decode(&block, &wanted);
        assert_eq!(decoded.batch.num_rows() + decoded.unreadable.len(), block.len());
        unreadable.extend(decoded.unreadable.iter().map(|row| (row.row_no, row.reason)));
        for row in 0..decoded.batch.num_rows() {
            let cell = |at: usize| {
                let column = crate::typing::convert::text(decoded.batch.column(at + 1));
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            rows.push((0..names.len()).map(cell).collect());
        }
    }
    Ok((names, rows, unreadable))
}

pub(super) fn read_bytes(name: &str, bytes: &[u8]) -> Result<Table, ReadError> {
    let (_dir, path) = file(name, bytes);
    read(&path, &ReadOptions::default())
}

fn some(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|cell| (!cell.is_empty()).then(|| (*cell).to_owned())).collect()
}

#[test]
fn quotes_newlines_marks_and_line_ends() {
    let text = "\u{feff}id;name\r\n1;\"a \"\"b\"\"\r\nc; d\"\r\n\r\n2;5\" pipe\r\n3;\"\"\n4;x";
    let (names, rows, unreadable) = read_bytes("a.csv", text.as_bytes()).unwrap();
    assert_eq!(names, ["id", "name"]);
    assert_eq!(rows, [some(&["1", "a \"b\"\r\nc; d"]), some(&["2", "5\" pipe"]), some(&["3", ""]), some(&["4", "x"])]);
    assert!(unreadable.is_empty());
}

#[test]
fn bad_rows_are_set_apart_and_the_rest_goes_on() {
    let mut bytes = b"a,b\n1,2\n1,2,3\n4\n".to_vec();
    bytes.extend(b"caf\xE9,5\n\"caf\xE9 \"\"x\"\"\",5\n6,7\n\"open,8\n9,9\n");
    let (_, rows, unreadable) = read_bytes("a.csv", &bytes).unwrap();
    assert_eq!(rows, [some(&["1", "2"]), some(&["6", "7"])]);
    let expected =
        [(2, "wrong_field_count"), (3, "wrong_field_count"), (4, "invalid_utf8"), (5, "invalid_utf8"), (7, "unclosed_quote")];
    assert_eq!(unreadable, expected);
}

#[test]
fn ten_megabytes_in_one_cell_cost_one_row() {
    for quoted in [true, false] {
        let mut bytes = b"a,b\n1,2\n".to_vec();
        let quote: &[u8] = if quoted { b"\"" } else { b"" };
        bytes.extend(b"3,");
        bytes.extend(quote);
        bytes.extend((0..10_000_000).map(|i| if quoted && i % 97 == 0 { b'\n' } else { b'x' }));
        bytes.extend(quote);
        bytes.extend(b"\n4,5\n");
        let (_dir, path) = file("a.csv", &bytes);
        let mut reader = Reader::open(&path, &ReadOptions::default()).unwrap();
        let block = reader.next_block().unwrap().unwrap();
        let decoded = reader.decoder().decode(&block, &[0, 1]);
        assert_eq!(decoded.batch.num_rows(), 2);
        let [large] = &decoded.unreadable[..] else { panic!("{} rows", decoded.unreadable.len()) };
        assert_eq!((large.row_no, large.reason), (2, "row_too_large"));
        assert!(large.raw.len() <= PREFIX && large.raw.starts_with("3,"));
        let Records::Text { bytes, .. } = &block.records else { panic!() };
        assert!(bytes.capacity() < 4 << 20, "{} bytes held", bytes.capacity());
    }
}

#[test]
fn a_wrong_delimiter_is_named() {
    let options = ReadOptions { csv: CsvOptions { delimiter: Some(','), ..CsvOptions::default() }, ..ReadOptions::default() };
    let (_dir, path) = file("a.csv", b"a;b;c\n1;2;3\n");
    let error = read(&path, &options).unwrap_err().to_string();
    assert!(error.contains("1 column named 'a;b;c': is the delimiter ';'?"), "{error}");
    // Left out, it is recognised.
    for (text, width) in
        [("a;b;c\n1,5;2;3\n", 3), ("a\tb\n1,2\t3\n", 2), ("a|b\n\"1|2\"|3\n", 2), ("only\n1\n2\n", 1), ("a,b", 2)]
    {
        assert_eq!(read_bytes("a.csv", text.as_bytes()).unwrap().0.len(), width, "{text}");
    }
}

#[test]
fn missing_and_repeated_names_are_made_up_with_a_warning() {
    let (_dir, path) = file("a.csv", b"a,,a, b \n1,2,3,4\n");
    let reader = Reader::open(&path, &ReadOptions::default()).unwrap();
    let names: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["a", "column_2", "a_2", "b"]);
    assert_eq!(reader.warnings().len(), 2);
}

#[test]
fn a_file_without_header_has_numbered_columns() {
    let options = ReadOptions { csv: CsvOptions { header: Some(false), ..CsvOptions::default() }, ..ReadOptions::default() };
    let (_dir, path) = file("a.csv", b"1,2\n3,4\n");
    let (names, rows, _) = read(&path, &options).unwrap();
    assert_eq!(names, ["column_1", "column_2"]);
    assert_eq!(rows, [some(&["1", "2"]), some(&["3", "4"])]);
}

#[test]
fn encodings_are_converted() {
    let latin = ReadOptions { csv: CsvOptions { encoding: Encoding::Latin1, ..CsvOptions::default() }, ..ReadOptions::default() };
    let (_dir, path) = file("a.csv", b"n,p\ncaf\xE9,\x80 5\n");
    assert_eq!(read(&path, &latin).unwrap().1, [some(&["café", "€ 5"])]);
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain("n,p\ncafé,€\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(read_bytes("a.csv", &utf16).unwrap().1, [some(&["café", "€"])]);
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn compression_is_seen_through_and_truncation_told() {
    let mut text = b"a,b\n".to_vec();
    for i in 0..200_000 {
        text.extend(format!("{i},{}\n", i * 7919 % 10_007).bytes());
    }
    for (name, packed) in [("a.csv.gz", gzip(&text)), ("a.csv.zst", zstd::encode_all(&text[..], 1).unwrap())] {
        assert_eq!(read_bytes(name, &packed).unwrap().1.len(), 200_000);
        let (_dir, path) = file(name, &packed[..packed.len() * 2 / 3]);
        let error = Reader::open(&path, &ReadOptions::default()).and_then(Reader::verify).unwrap_err();
        let ReadError::Truncated { rows, .. } = &error else { panic!("{error}") };
        assert!((1..200_000).contains(rows), "{rows}");
        assert!(error.to_string().contains(&format!("after {rows} whole rows")) && error.to_string().contains(name));
    }
    // Two members, as `cat a.gz b.gz` makes them.
    let two = [gzip(b"a,b\n1,2\n"), gzip(b"3,4\n")].concat();
    assert_eq!(read_bytes("a.csv.gz", &two).unwrap().1.len(), 2);
    // A flipped bit shows as damage.
    let mut broken = gzip(&text);
    let middle = broken.len() / 2;
    broken[middle] ^= 0xFF;
    let (_dir, path) = file("a.csv.gz", &broken);
    assert!(Reader::open(&path, &ReadOptions::default()).and_then(Reader::verify).is_err());
    let error = read_bytes("a.csv.gz", b"<html>not found</html>").unwrap_err().to_string();
    assert!(error.contains("named .gz"), "{error}");
}

#[test]
fn empty_missing_and_strange_files_say_what_to_do() {
    let error = read_bytes("a.csv", b"").unwrap_err().to_string();
    assert!(error.contains("is empty (0 bytes)"), "{error}");
    let error = read_bytes("a.csv", b"\n\n").unwrap_err().to_string();
    assert!(error.contains("not even a header"), "{error}");
    let error = read(Path::new("/nowhere/a.csv"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, ReadError::Missing { .. }));
    let error = read_bytes("a.xls", b"x").unwrap_err().to_string();
    assert!(error.contains("does not tell the format"), "{error}");
    let error = read_bytes("a.parquet", b"PAR1xxxx").unwrap_err().to_string();
    assert!(error.contains("not a whole Parquet file"), "{error}");
    assert_eq!(read_bytes("a.csv", b"a,b\n").unwrap().1.len(), 0);
}

#[test]
fn json_lines_become_text_columns() {
    let text = br#"{"a": 1.50, "b": "x\ny", "c": {"d": [1, 2]}}
{"b": null, "e": true}

[1]
{"a": 1
{"a": "caf\u00e9", "a": "last"}
"#;
    let (names, rows, unreadable) = read_bytes("a.jsonl", text).unwrap();
    assert_eq!(names, ["a", "b", "c", "e"]);
    let expected = [some(&["1.50", "x\ny", r#"{"d": [1, 2]}"#, ""]), some(&["", "", "", "true"]), some(&["last", "", "", ""])];
    assert_eq!(rows, expected);
    assert_eq!(unreadable, [(3, "not_an_object"), (4, "invalid_json")]);
}

#[test]
fn json_documents_are_streamed_from_their_pointer() {
    let document = br#" {"skip": [{"items": []}, "]"], "data": {"items": [ {"a": "1"} , {"a": "[,]"},{"a":} , 7 ] }, "more": 1}"#;
    let pointer = ReadOptions { json: JsonOptions { records: Some("/data/items".into()) }, ..ReadOptions::default() };
    let (_dir, path) = file("a.json", document);
    let (_, rows, unreadable) = read(&path, &pointer).unwrap();
    assert_eq!(rows, [some(&["1"]), some(&["[,]"])]);
    assert_eq!(unreadable, [(3, "invalid_json"), (4, "not_an_object")]);
    let error = read(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("holds an object, not an array"), "{error}");
    let wrong = ReadOptions { json: JsonOptions { records: Some("/data/rows".into()) }, ..ReadOptions::default() };
    assert!(read(&path, &wrong).unwrap_err().to_string().contains("there is no `/data/rows`"));
    assert_eq!(read_bytes("b.json", b"[]").unwrap().1.len(), 0);
    let (_dir, path) = file("c.json", br#"[{"a":1},{"a":2},{"a""#);
    let error = Reader::open(&path, &ReadOptions::default()).and_then(Reader::verify).unwrap_err();
    assert!(matches!(error, ReadError::Truncated { rows: 2, .. }), "{error}");
}

#[test]
fn parquet_keeps_its_types_and_reads_only_what_is_asked() {
    use arrow::array::{Int64Array, StringArray};
    let batch = RecordBatch::try_from_iter([
        ("n", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
        ("t", Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (_dir, path) = file("a.parquet", &bytes);
    let mut reader = Reader::open(&path, &ReadOptions::default()).unwrap();
    reader.project(&|name| name == "n").unwrap();
    assert_eq!(reader.schema().fields().len(), 1);
    let block = reader.next_block().unwrap().unwrap();
    let decoded = reader.decoder().decode(&block, &[0]);
    assert_eq!(decoded.batch.column(1).as_primitive::<arrow::datatypes::Int64Type>().values(), &[1, 2]);
    assert_eq!(decoded.batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().values(), &[1, 2]);
}

#[test]
fn equal_rows_are_told_apart_by_their_occurrence() {
    let (_dir, path) = file("a.csv", b"a\nx\ny\nx\n");
    let mut reader = Reader::open(&path, &ReadOptions { keys: true, ..ReadOptions::default() }).unwrap();
    let block = reader.next_block().unwrap().unwrap();
    assert_eq!(block.keys.iter().map(|key| key.1).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(block.keys[0].0, block.keys[2].0);
}

#[test]
fn the_raw_row_of_any_format_can_be_shown() {
    let (_dir, path) = file("a.csv", b"a,b\n1,\n\"x\ny\",2\n");
    let mut reader = Reader::open(&path, &ReadOptions::default()).unwrap();
    let block = reader.next_block().unwrap().unwrap();
    assert_eq!(reader.decoder().raw_row(&block, 1), r#"{"a":"1","b":null}"#, "an empty cell says that there is its column");
    assert_eq!(reader.decoder().raw_row(&block, 2), r#"{"a":"x\ny","b":"2"}"#);
    assert_eq!(reader.decoder().raw_row(&block, 9), "");
}

/// The records of `text` as the `csv` crate reads them.
fn reference(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    reader.byte_records().map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
}

proptest! {
    /// Dirty input of every kind: the same records in the same order; only the width, UTF-8 and an open quote set apart.
    #[test]
    fn csv_reads_like_the_csv_crate(body in prop::collection::vec(prop_oneof![
        8 => Just(&b"x"[..]), 4 => Just(&b","[..]), 3 => Just(&b"\n"[..]), 1 => Just(&b"\r\n"[..]), 1 => Just(&b"\r"[..]), 3 => Just(&b"\""[..]),
        1 => Just(&b"\"\""[..]), 1 => Just(" é".as_bytes()), 1 => Just(&b"\xE9"[..]), 1 => Just(&b"\xEF\xBB\xBF"[..]), 1 => Just(&b"\",\""[..]),
    ], 0..60)) {
        let text = [b"h1,h2\n".to_vec(), body.concat()].concat();
        let options = ReadOptions { csv: CsvOptions { delimiter: Some(','), ..CsvOptions::default() }, ..ReadOptions::default() };
        let (_dir, path) = file("a.csv", &text);
        let (_, rows, unreadable) = read(&path, &options).unwrap();
        let mut expected = reference(&text).split_off(1);
        let open = unreadable.last().is_some_and(|(_, reason)| *reason == "unclosed_quote");
        prop_assert_eq!(rows.len() + unreadable.len(), expected.len());
        if open {
            expected.pop();
        }
        let wide = |row: &Vec<Vec<u8>>| row.len() == 2 && row.iter().all(|cell| std::str::from_utf8(cell).is_ok());
        let expected: Vec<Vec<Option<String>>> = expected.into_iter().filter(wide).map(|row| {
            row.into_iter().map(|cell| String::from_utf8(cell).unwrap()).map(|cell| (!cell.is_empty()).then_some(cell)).collect()
        }).collect();
        prop_assert_eq!(rows, expected);
    }

    /// Any bytes under any format: rows, unreadable rows or an error, never a panic.
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 1..300), name in prop::sample::select(vec!["a.csv", "a.jsonl", "a.json", "a.parquet", "a.csv.gz"])) {
        let _ = read_bytes(name, &bytes);
        let json = [b"[{\"a\":1},".to_vec(), bytes.clone()].concat();
        let _ = read_bytes("a.json", &json);
        let _ = read_bytes("a.csv.gz", &[&[0x1F, 0x8B, 8, 0][..], &bytes].concat());
        let _ = read_bytes("a.csv.zst", &[&[0x28, 0xB5, 0x2F, 0xFD][..], &bytes].concat());
    }
}
