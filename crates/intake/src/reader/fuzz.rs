//! Every decoder of files under hostile bytes: whole examples with bytes changed, cut out, repeated, and cut off. A decoder gives rows,
//! unreadable rows or an error, never a panic; what it holds is bounded by its limits (`Bounded`, `ROW_LIMIT`, the limits of
//! archives), which tests beside it show. Bodies of the tracking API are fuzzed in `tracking::tests`.
//!
//! `PROPTEST_CASES=100000 cargo test -p clew-intake fuzz` runs longer.

use std::panic::catch_unwind;

use proptest::prelude::*;

use super::format_tests::workbook;
use super::tests::{file, gzip, read};
use super::*;

/// A decoder as a plain function over bytes.
struct Target {
    name: &'static str,
    example: fn() -> Vec<u8>,
    decode: fn(&[u8]),
}

fn decode_as(format: Format, bytes: &[u8]) {
    let (_dir, path) = file("fuzzed", if bytes.is_empty() { b" " } else { bytes });
    for rows in [crate::spec::OcelRows::Events, crate::spec::OcelRows::Objects] {
        let options = ReadOptions {
            format: Some(format),
            ocel: OcelOptions { rows },
            xlsx: XlsxOptions { merged: crate::spec::Merged::Fill, ..XlsxOptions::default() },
            ..ReadOptions::default()
        };
        // An error is an answer; words about it must be there.
        if let Err(error) = read(&path, &options) {
            assert!(!error.to_string().is_empty());
        }
        if format != Format::Ocel {
            break;
        }
    }
}

fn parquet_file() -> Vec<u8> {
    let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

const TARGETS: &[Target] = &[
    Target {
        name: "csv",
        example: || b"a;b\n1;\"x \"\"y\"\"\n\"\n2;z\n".to_vec(),
        decode: |bytes| decode_as(Format::Csv, bytes),
    },
    Target { name: "csv.gz", example: || gzip(b"a,b\n1,2\n"), decode: |bytes| decode_as(Format::Csv, bytes) },
    Target {
        name: "jsonl",
        example: || b"{\"a\":1,\"b\":\"\\u00e9\"}\n{\"a\":[1,{}]}\n".to_vec(),
        decode: |bytes| decode_as(Format::Jsonl, bytes),
    },
    Target {
        name: "json",
        example: || b"[{\"a\":{\"b\":[1,2]}},{\"a\":null}]".to_vec(),
        decode: |bytes| decode_as(Format::Json, bytes),
    },
    Target { name: "parquet", example: parquet_file, decode: |bytes| decode_as(Format::Parquet, bytes) },
    Target {
        name: "xlsx",
        example: || {
            workbook(
                r#"<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row><row r="2"><c r="A2"><v>1</v></c><c r="B2" s="2"><v>45943.5</v></c></row></sheetData><mergeCells><mergeCell ref="A2:B3"/></mergeCells>"#,
                "",
            )
        },
        decode: |bytes| decode_as(Format::Xlsx, bytes),
    },
    Target {
        name: "mbox",
        example: || {
            b"From a@x.org Thu Jan  8 10:00:00 2026\nFrom: =?utf-8?q?A?= <a@x.org>\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>x</p>\n--b\nContent-Transfer-Encoding: base64\n\nAAEC\n--b--\n\nFrom b@x.org Thu Jan  8 10:00:00 2026\nReferences: <a@b> <c@d>\n\nOn Monday A wrote:\n> x\n-- \ny\n".to_vec()
        },
        decode: |bytes| decode_as(Format::Mbox, bytes),
    },
    Target {
        name: "eml",
        example: || {
            b"Subject: x\nDate: Thu, 8 Jan 2026 10:00:00 +0100\nTo: A <a@x.org>, b@x.org\nContent-Type: message/rfc822\n\nSubject: y\n\nz".to_vec()
        },
        decode: |bytes| decode_as(Format::Eml, bytes),
    },
    Target {
        name: "xes",
        example: || {
            b"<?xml version='1.0' encoding='utf-8'?><log><trace><string key='a' value='&amp;'/><event><list key='l'><int key='x' value='1'/></list><date key='d' value='2026-01-01'/></event></trace></log>".to_vec()
        },
        decode: |bytes| decode_as(Format::Xes, bytes),
    },
    Target {
        name: "ocel",
        example: || {
            br#"{"objects":[{"id":"o","type":"O","attributes":[{"name":"a","time":"1970-01-01T00:00:00Z","value":1}]}],"events":[{"id":"e","type":"E","time":"2026-01-01T00:00:00Z","relationships":[{"objectId":"o"}]}]}"#.to_vec()
        },
        decode: |bytes| decode_as(Format::Ocel, bytes),
    },
    Target {
        name: "ocel_xml",
        example: || {
            b"<?xml version='1.0'?><log><objects><object id='o' type='O'><attributes><attribute name='a' time='1970-01-01T00:00:00Z'>1&amp;&#66;</attribute></attributes></object></objects><events><event id='e' type='E' time='2026-01-01T00:00:00Z'><objects><relationship object-id='o' qualifier='q'/></objects></event></events></log>".to_vec()
        },
        decode: |bytes| decode_as(Format::Ocel, bytes),
    },
    Target {
        name: "webvtt",
        example: || b"WEBVTT x\nK: v\n\nNOTE a: b\n\n1\n00:00.000 --> 00:01.000 align:left\n<v Ada>x &lt;</v>\n<v>y\n".to_vec(),
        decode: |bytes| decode_as(Format::Webvtt, bytes),
    },
    Target {
        name: "transcript",
        example: || br#"{"Transcript":[{"BeginOffsetMillis":1,"EndOffsetMillis":2,"Content":"x"}],"M":{"n":1}}"#.to_vec(),
        decode: |bytes| decode_as(Format::Transcript, bytes),
    },
];

/// A change of some bytes: place (as a share of the length), and what is done there.
#[derive(Clone, Debug)]
enum Change {
    Set(f64, u8),
    Cut(f64, usize),
    Repeat(f64, usize),
    Insert(f64, Vec<u8>),
    End(f64),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = || 0.0..1.0_f64;
    let word = prop::sample::select(vec![
        &b"\""[..],
        b"<",
        b">",
        b"{",
        b"]",
        b"\n\n",
        b"From ",
        b"\0",
        b"\xFF\xFE",
        b"<v",
        b"-->",
        b"999999999999999999999",
        b"&#x110000;",
        b"\xE9",
    ]);
    let one = prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (place(), 1..40_usize).prop_map(|(at, n)| Change::Cut(at, n)),
        (place(), 1..400_usize).prop_map(|(at, n)| Change::Repeat(at, n)),
        (place(), word).prop_map(|(at, word)| Change::Insert(at, word.to_vec())),
        place().prop_map(Change::End),
    ];
    prop::collection::vec(one, 1..6)
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |share: &f64| (share * bytes.len() as f64) as usize;
        match change {
            Change::Set(at, byte) => {
                let at = place(at);
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = *byte;
                }
            }
            Change::Cut(at, n) => {
                let at = place(at);
                bytes.drain(at..(at + n).min(bytes.len()));
            }
            Change::Repeat(at, n) => {
                let at = place(at);
                let copy = bytes[at..(at + n).min(bytes.len())].to_vec();
                bytes.splice(at..at, copy);
            }
            Change::Insert(at, word) => {
                let at = place(at);
                bytes.splice(at..at, word.iter().copied());
            }
            Change::End(at) => bytes.truncate(place(at)),
        }
    }
    bytes
}

#[test]
fn every_example_is_read_without_an_error() {
    for target in TARGETS {
        let (_dir, path) = file("example", &(target.example)());
        let format = match target.name {
            "csv.gz" => Format::Csv,
            "ocel_xml" => Format::Ocel,
            name => serde_json::from_value(name.into()).unwrap(),
        };
        let (_, rows, unreadable) = read(&path, &ReadOptions { format: Some(format), ..ReadOptions::default() }).unwrap();
        assert!(!rows.is_empty() && unreadable.is_empty(), "{}: {unreadable:?}", target.name);
    }
}

proptest! {
    #[test]
    fn changed_examples_never_panic(changes in changes(), at in 0..TARGETS.len()) {
        let target = &TARGETS[at];
        let bytes = changed((target.example)(), &changes);
        let decode = target.decode;
        prop_assert!(catch_unwind(|| decode(&bytes)).is_ok(), "{} panics on {:?}", target.name, String::from_utf8_lossy(&bytes));
    }
}
