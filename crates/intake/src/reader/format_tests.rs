//! Workbooks, mail, event logs and transcripts: by hand where a value has an outside source, and whole logs against PM4Py's results.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use super::tests::{Table, file, gzip, read, read_bytes};
use super::*;
use crate::spec::{Merged, OcelRows, Speakers};

/// Rows as `column=value` lines, nulls left out.
fn shown((names, rows, _): &Table) -> Vec<String> {
    let cell = |(name, value): (&String, &Option<String>)| value.as_ref().map(|value| format!("{name}={value}"));
    rows.iter().map(|row| names.iter().zip(row).filter_map(cell).collect::<Vec<_>>().join(" | ")).collect()
}

/// The values of one column.
fn column(table: &Table, name: &str) -> Vec<Option<String>> {
    let at = table.0.iter().position(|known| known == name).unwrap_or_else(|| panic!("no column {name} in {:?}", table.0));
    table.1.iter().map(|row| row[at].clone()).collect()
}

fn texts(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| (!value.is_empty()).then(|| (*value).to_owned())).collect()
}

// ---- workbooks

/// A workbook of one sheet, as ECMA-376 describes it: style 1 is a day, 2 a day and time, 3 a duration.
pub(super) fn workbook(sheet: &str, properties: &str) -> Vec<u8> {
    let part = "http://schemas.openxmlformats.org";
    let parts = [
        (
            "[Content_Types].xml",
            format!(
                r#"<Types xmlns="{part}/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#
            ),
        ),
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="{part}/package/2006/relationships"><Relationship Id="r1" Type="{part}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{part}/package/2006/relationships"><Relationship Id="r1" Type="{part}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{part}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet2.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{part}/spreadsheetml/2006/main" xmlns:r="{part}/officeDocument/2006/relationships">{properties}<sheets><sheet name="Data" sheetId="1" r:id="r1"/><sheet name="Other" sheetId="2" r:id="r2"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                r#"<styleSheet xmlns="{part}/spreadsheetml/2006/main"><numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm"/></numFmts><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="164"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/sharedStrings.xml",
            format!(
                r#"<sst xmlns="{part}/spreadsheetml/2006/main" count="4" uniqueCount="4"><si><t>id</t></si><si><t>when</t></si><si><t>amount</t></si><si><r><t xml:space="preserve">rich </t></r><r><t>text</t></r></si></sst>"#
            ),
        ),
        ("xl/worksheets/sheet1.xml", format!(r#"<worksheet xmlns="{part}/spreadsheetml/2006/main">{sheet}</worksheet>"#)),
        (
            "xl/worksheets/sheet2.xml",
            format!(
                r#"<worksheet xmlns="{part}/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>only</t></is></c></row><row r="2"><c r="A2"><v>1</v></c></row></sheetData></worksheet>"#
            ),
        ),
    ];
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const SHEET: &str = r#"<sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>Report of March</t></is></c></row>
<row r="3"><c r="A3" t="s"><v>0</v></c><c r="B3" t="s"><v>1</v></c><c r="C3" t="s"><v>2</v></c><c r="D3" t="inlineStr"><is><t>note</t></is></c></row>
<row r="4"><c r="A4"><v>12345678901234567</v></c><c r="B4" s="1"><v>45943</v></c><c r="C4"><v>0.30000000000000004</v></c><c r="D4" t="s"><v>3</v></c></row>
<row r="5"><c r="A5"><v>1E10</v></c><c r="B5" s="2"><v>45943.541</v></c><c r="C5"><f>1/0</f><v></v></c><c r="D5" t="e"><v>#N/A</v></c></row>
<row r="7"><c r="A7"><v>4503599627370497</v></c><c r="B7" s="3"><v>1.5104166666666667</v></c><c r="C7"><f>1+1</f><v>2</v></c><c r="D7" t="b"><v>1</v></c></row>
<row r="8"><c r="A8"><v>1.5</v></c><c r="B8" s="2"><v>0.25</v></c><c r="C8" t="str"><f>"a"&amp;"b"</f><v>a &amp; b</v></c><c r="E8"><v>9</v></c></row>
</sheetData>"#;

#[test]
fn a_sheet_gives_what_excel_stores() {
    let table = read_bytes("a.xlsx", &workbook(SHEET, "")).unwrap();
    assert_eq!(table.0, ["id", "when", "amount", "note", "cell_errors"]);
    let expected = [
        "id=12345678901234600 | when=2025-10-13 | amount=0.3 | note=rich text",
        r##"id=10000000000 | when=2025-10-13T12:59:02.400 | cell_errors={"note":"#N/A"}"##,
        "id=4503599627370497 | when=PT36H15M | amount=2 | note=true",
    ];
    assert_eq!(shown(&table), expected);
    // A value beyond the header sets its row apart.
    assert_eq!(table.2, [(4, "wrong_field_count")]);
}

#[test]
fn days_are_counted_from_1904_where_the_workbook_says_so() {
    let sheet = r#"<sheetData><row r="1"><c r="A1" t="s"><v>1</v></c></row><row r="2"><c r="A2" s="1"><v>44481</v></c></row><row r="3"><c r="A3" s="1"><v>-1</v></c></row></sheetData>"#;
    let table = read_bytes("a.xlsx", &workbook(sheet, r#"<workbookPr date1904="1"/>"#)).unwrap();
    assert_eq!(shown(&table), ["when=2025-10-13", r##"cell_errors={"when":"#DATE!"}"##]);
    // The same number in the other system is four years and a day earlier.
    let table = read_bytes("a.xlsx", &workbook(sheet, "")).unwrap();
    assert_eq!(column(&table, "when")[0].as_deref(), Some("2021-10-12"));
}

#[test]
fn sheets_headers_and_merged_cells_are_named() {
    let read_with = |xlsx: XlsxOptions, sheet: &str| {
        let (_dir, path) = file("a.xlsx", &workbook(sheet, ""));
        read(&path, &ReadOptions { xlsx, ..ReadOptions::default() })
    };
    let other = XlsxOptions { sheet: Some("Other".into()), ..XlsxOptions::default() };
    assert_eq!(shown(&read_with(other, SHEET).unwrap()), ["only=1"]);
    let missing = XlsxOptions { sheet: Some("Dat".into()), ..XlsxOptions::default() };
    let error = read_with(missing, SHEET).unwrap_err().to_string();
    assert!(error.contains("no sheet 'Dat'") && error.contains("Data, Other"), "{error}");
    let bare = XlsxOptions { header: Some(false), ..XlsxOptions::default() };
    assert_eq!(read_with(bare, SHEET).unwrap().0, ["column_1", "column_2", "column_3", "column_4", "column_5", "cell_errors"]);
    let given = XlsxOptions { header_row: Some(3), ..XlsxOptions::default() };
    assert_eq!(read_with(given, SHEET).unwrap().1.len(), 3);
    let wrong = XlsxOptions { header_row: Some(2), ..XlsxOptions::default() };
    assert!(read_with(wrong, SHEET).unwrap_err().to_string().contains("row 2 is empty"));
    let merged = r#"<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>2</v></c></row><row r="2"><c r="A2"><v>7</v></c><c r="B2"><v>1</v></c></row><row r="3"><c r="B3"><v>2</v></c></row><row r="4"><c r="B4"><v>3</v></c></row></sheetData><mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>"#;
    assert_eq!(shown(&read_with(XlsxOptions::default(), merged).unwrap()), ["id=7 | amount=1", "amount=2", "amount=3"]);
    let fill = XlsxOptions { merged: Merged::Fill, ..XlsxOptions::default() };
    assert_eq!(shown(&read_with(fill, merged).unwrap()), ["id=7 | amount=1", "id=7 | amount=2", "amount=3"]);
    let empty = read_with(XlsxOptions::default(), "<sheetData></sheetData>").unwrap_err().to_string();
    assert!(empty.contains("its sheet is empty"), "{empty}");
}

#[test]
fn a_bomb_and_a_damaged_workbook_are_refused() {
    let strings = |text: String| {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("xl/sharedStrings.xml", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
        zip.finish().unwrap().into_inner()
    };
    // A few kilobytes that unpack to more than a part may have.
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/styles.xml", zip::write::SimpleFileOptions::default()).unwrap();
    for _ in 0..=(xlsx::PART_LIMIT >> 20) {
        zip.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20);
    let error = read_bytes("a.xlsx", &bomb).unwrap_err().to_string();
    assert!(error.contains("unpacks to more than 256 MB"), "{error}");
    let error = read_bytes("a.xlsx", &strings(r#"<sst uniqueCount = "900000000000">"#.into())).unwrap_err().to_string();
    assert!(error.contains("claims more texts"), "{error}");
    let whole = workbook(SHEET, "");
    assert!(read_bytes("a.xlsx", &whole[..whole.len() / 2]).unwrap_err().to_string().contains("no whole workbook"));
    let error = read_bytes("a.xlsx", &workbook("<sheetData><row r=\"1\"><c r=\"A1\"><v>1", "")).unwrap_err().to_string();
    assert!(error.contains("the XML is damaged"), "{error}");
    let old = [&[0xD0, 0xCF, 0x11, 0xE0][..], &[0; 600]].concat();
    assert!(read_bytes("a.xlsx", &old).unwrap_err().to_string().contains("an old .xls file"));
}

// ---- mail

const MAILBOX: &str = "From ada@example.com Thu Jan  8 10:00:00 2026
Return-Path: <ada@example.com>
Received: from mx by host; Thu, 8 Jan 2026 09:00:05 +0000
Message-ID: <m1@example.com>
From: =?UTF-8?Q?Ada_L=C3=B6w?= <Ada@Example.com>
To: Service <service@shop.example>, \"Bo, Jr.\" <bo@shop.example>
Cc: c@example.com
Subject: =?UTF-8?B?V28gYmxlaWJ0IG1laW4gUGFrZXQ/?=
Date: Thu, 8 Jan 2026 10:00:00 +0100
X-Order: 17

Where is my parcel?
>From the shop I heard nothing.

From what I know it is lost.
-- 
Ada
Tel. 123

From MAILER-DAEMON Thu Jan  8 11:30:00 2026
Message-ID: <m2@shop.example>
In-Reply-To: <m1@example.com>
References: <m1@example.com>
From: service@shop.example
To: Ada@example.com
Subject: Re: Wo bleibt mein Paket?
Date: Thu, 8 Jan 2026 10:30:00 GMT
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<html><head><style>p{}</style></head><body><p>It is &amp; was <b>late</b>.</p><p>Sorry</p></body></html>
--b
Content-Type: application/pdf; name=label.pdf
Content-Disposition: attachment; filename=label.pdf
Content-Transfer-Encoding: base64

AAEC
--b--

From noreply@shop.example Fri Jan  9 00:00:00 2026
Message-ID: <m3@shop.example>
References: <m1@example.com> <m2@shop.example>
From: noreply@shop.example
Auto-Submitted: auto-replied
List-Id: Shop news <news.shop.example>
Subject: Out of office

Back on Monday.
";

#[test]
fn a_mailbox_is_cut_into_messages() {
    let table = read_bytes("a.mbox", MAILBOX.as_bytes()).unwrap();
    assert_eq!(table.1.len(), 3);
    assert_eq!(column(&table, "message_id"), texts(&["m1@example.com", "m2@shop.example", "m3@shop.example"]));
    assert_eq!(column(&table, "thread_id"), texts(&["m1@example.com"; 3]));
    assert_eq!(column(&table, "in_reply_to"), texts(&["", "m1@example.com", ""]));
    assert_eq!(column(&table, "date"), texts(&["2026-01-08T10:00:00+01:00", "2026-01-08T10:30:00Z", ""]));
    assert_eq!(column(&table, "received")[0].as_deref(), Some("2026-01-08T09:00:05Z"));
    assert_eq!(column(&table, "from_name"), texts(&["Ada Löw", "", ""]));
    assert_eq!(column(&table, "from_address"), texts(&["Ada@Example.com", "service@shop.example", "noreply@shop.example"]));
    let to = r#"[{"name":"Service","address":"service@shop.example"},{"name":"Bo, Jr.","address":"bo@shop.example"}]"#;
    assert_eq!(column(&table, "to")[0].as_deref(), Some(to));
    assert_eq!(column(&table, "subject")[0].as_deref(), Some("Wo bleibt mein Paket?"));
    let text = "Where is my parcel?\nFrom the shop I heard nothing.\n\nFrom what I know it is lost.";
    assert_eq!(column(&table, "text")[0].as_deref(), Some(text));
    assert_eq!(column(&table, "signature")[0].as_deref(), Some("-- \nAda\nTel. 123"));
    assert_eq!(column(&table, "text")[1].as_deref(), Some("It is & was late.\nSorry"));
    assert_eq!(
        column(&table, "attachments")[1].as_deref(),
        Some(r#"[{"name":"label.pdf","type":"application/pdf","size_bytes":3}]"#)
    );
    assert_eq!(column(&table, "automated"), texts(&["false", "false", "true"]));
    assert_eq!(column(&table, "list_id"), texts(&["", "", "news.shop.example"]));
    assert!(column(&table, "headers")[0].as_ref().unwrap().contains(r#""X-Order":"17""#));
}

#[test]
fn quotations_and_signatures_are_cut_off_as_mail_programs_write_them() {
    let cases = [
        ("Thanks!\n\nOn Mon, 5 Jan 2026 at 10:00, Ada <a@x.org> wrote:\n> Hello\n> there", "Thanks!", ""),
        ("Thanks!\n\nOn Mon, 5 Jan 2026 at 10:00, Ada\n<a@x.org> wrote:\n\nHello without marks", "Thanks!", ""),
        ("Danke\n\nAm 05.01.26 um 10:00 schrieb Ada:\n> Hallo\n\nNoch etwas", "Danke\n\n\nNoch etwas", ""),
        ("Yes.\n\n-----Original Message-----\nFrom: Ada\nHello", "Yes.", ""),
        ("Yes.\n\nFrom: Ada <a@x.org>\nSent: Monday\nTo: Bo\nSubject: Re\n\nHello", "Yes.", ""),
        ("Von: Ada\nGesendet: Montag\n\nHallo", "", ""),
        ("Fine.\n\nSent from my iPhone", "Fine.", "Sent from my iPhone"),
        ("Gut.\n\nVon meinem iPhone gesendet\n\nAm Montag schrieb Ada:\n> Hallo", "Gut.", "Von meinem iPhone gesendet"),
        ("Gut.\n\nGesendet von Outlook für iOS\n", "Gut.", "Gesendet von Outlook für iOS"),
        ("Bene.\n\nInviato da iPhone\n\nIl giorno 5 gen 2026 Ada ha scritto:\n> Ciao", "Bene.", "Inviato da iPhone"),
        (
            "Von meinem Konto wurde zweimal abgebucht.\nBitte erstatten.",
            "Von meinem Konto wurde zweimal abgebucht.\nBitte erstatten.",
            "",
        ),
        (
            "Wo bleibt das Paket?\n\nGesendet von Ihnen am Montag.\n\nBis heute nichts.",
            "Wo bleibt das Paket?\n\nGesendet von Ihnen am Montag.\n\nBis heute nichts.",
            "",
        ),
        ("Il pacco\nInviato da voi non arriva.", "Il pacco\nInviato da voi non arriva.", ""),
        ("Fine.\n-- \nBo\n\nOn Monday Ada wrote:\n> x", "Fine.", "-- \nBo"),
        ("On balance I am happy:\nall is well", "On balance I am happy:\nall is well", ""),
        ("From: here I see nothing", "From: here I see nothing", ""),
        ("", "", ""),
    ];
    for (body, text, signature) in cases {
        let parts = mail::cut(body);
        assert_eq!((parts.text.as_ref(), parts.signature.as_str()), (text, signature), "{body}");
    }
}

#[test]
fn one_message_a_file_and_what_is_none() {
    let table = read_bytes("a.eml", b"Subject: x\r\nFrom: a@x.org\r\n\r\nHello").unwrap();
    assert_eq!((column(&table, "subject"), column(&table, "text")), (texts(&["x"]), texts(&["Hello"])));
    let error = read_bytes("a.mbox", b"Subject: x\n\nHello").unwrap_err().to_string();
    assert!(error.contains("no mailbox") && error.contains("format: eml"), "{error}");
    let mut large = b"From a@x.org Thu Jan  8 10:00:00 2026\nSubject: big\n\n".to_vec();
    large.extend(std::iter::repeat_n(b'x', mail::MESSAGE_LIMIT + 1000));
    large.extend(b"\n\nFrom a@x.org Thu Jan  8 10:00:00 2026\nSubject: small\n\nhi\n");
    let table = read_bytes("a.mbox", &large).unwrap();
    assert_eq!((table.2.as_slice(), column(&table, "subject")), (&[(1, "message_too_large")][..], texts(&["small"])));
}

// ---- event logs

#[test]
fn xes_attributes_become_columns_by_their_types() {
    let log = br#"<?xml version="1.0" encoding="ISO-8859-1"?><!-- x --><log xes.version="2.0">
<global scope="event"><string key="concept:name" value="UNKNOWN"/></global><classifier name="a" keys="concept:name"/>
<string key="meta" value="1"><string key="inner" value="2"/></string>
<trace><string key="concept:name" value="caf&#233; &amp; b&#xe9;b"/><int key="n" value="7"/>
<event><string key="concept:name" value="caf"#;
    let log = [
        &log[..],
        b"\xE9\"/><date key=\"time:timestamp\" value=\"2026-01-08T10:00:00.5+01:00\"/><float key=\"cost\" value=\"1.50\"/><float key=\"bad\" value=\"NaN\"/><boolean key=\"ok\" value=\"true\"/><list key=\"l\"><values><string key=\"a\" value=\"1\"/><int key=\"a\" value=\"2\"/></values></list><container key=\"c\"><string key=\"x\" value=\"y\"/></container><string key=\"o\" value=\"p\"><int key=\"q\" value=\"3\"/></string></event><event/></trace><trace></trace></log>",
    ]
    .concat();
    let table = read_bytes("a.xes", &log).unwrap();
    let expected = [
        "trace_no=1 | event_no=1 | case:concept:name=café & béb | concept:name=café | time:timestamp=2026-01-08T10:00:00.5+01:00 | case:n=7 | cost=1.50 | bad=NaN | ok=true | l=[{\"a\":\"1\"},{\"a\":2}] | c={\"x\":\"y\"} | o=p | o:nested={\"q\":3}",
        "trace_no=1 | event_no=2 | case:concept:name=café & béb | case:n=7",
    ];
    assert_eq!(shown(&table), expected);
}

#[test]
fn a_log_that_ends_early_or_is_none_is_refused() {
    let open = |text: &str| {
        let (_dir, path) = file("a.xes", text.as_bytes());
        Reader::open(&path, &ReadOptions::default()).and_then(Reader::verify).unwrap_err()
    };
    let error = open("<log><trace><event><string key=\"a\" value=\"b\"/></event><event>");
    assert!(matches!(error, ReadError::Truncated { rows: 1, .. }), "{error}");
    assert!(open("<html></html>").to_string().contains("not `log`"));
    assert!(open("no XML").to_string().contains("holds no XML element"));
    assert!(matches!(open("<log><trace></log>"), ReadError::Truncated { .. }));
    assert!(open("<?xml version='1.0' encoding='EBCDIC'?><log/>").to_string().contains("encoding ebcdic is not known"));
    let deep = format!("<log><trace>{}", "<container key=\"a\">".repeat(100));
    assert!(open(&deep).to_string().contains("nested more than 32 deep"));
    let secret = open("<log><trace><string key=\"a\" value=\"&secret;\"/></trace></log>").to_string();
    assert!(!secret.contains("secret"), "no value in a message: {secret}");
}

#[test]
fn one_event_too_large_costs_one_row() {
    let large = "x".repeat(ROW_LIMIT);
    let log = format!(
        "<log><trace><event><string key=\"a\" value=\"{large}\"/></event><event><string key=\"a\" value=\"b\"/></event></trace></log>"
    );
    let table = read_bytes("a.xes", log.as_bytes()).unwrap();
    assert_eq!((shown(&table), table.2), (vec!["trace_no=1 | event_no=2 | a=b".to_owned()], vec![(1, "row_too_large")]));
    let tag = format!("<log><trace><event><string key=\"a\" value=\"{}\"/>", "x".repeat(5 << 20));
    assert!(read_bytes("a.xes", tag.as_bytes()).unwrap_err().to_string().contains("larger than its limit"));
}

/// The folder with the real data, or none after saying that the test is skipped.
fn shared(test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let data = std::env::var_os("CLEW_SHARED").map_or(root, PathBuf::from).join("data");
    if data.is_dir() {
        return Some(data);
    }
    println!("skipped: {test}: no {}", data.display());
    None
}

type Counts = BTreeMap<String, u64>;

/// Activities, first and last activities, and pairs that follow, over events in order of time.
fn process(table: &Table) -> (usize, usize, Counts, Counts, BTreeMap<(String, String), u64>) {
    let (cases, names, times) = (column(table, "trace_no"), column(table, "concept:name"), column(table, "time:timestamp"));
    let mut traces: BTreeMap<u64, Vec<(i64, usize)>> = BTreeMap::new();
    for row in 0..table.1.len() {
        let time = crate::typing::time::parse(times[row].as_ref().unwrap()).unwrap();
        let instant = time.days * 86_400_000_000 + time.micros - i64::from(time.offset.unwrap_or(0)) * 1_000_000;
        traces.entry(cases[row].as_ref().unwrap().parse().unwrap()).or_default().push((instant, row));
    }
    let (mut activities, mut starts, mut ends) = (std::collections::BTreeSet::new(), Counts::new(), Counts::new());
    let mut pairs = BTreeMap::new();
    for trace in traces.values_mut() {
        trace.sort_unstable();
        let trace: Vec<&String> = trace.iter().map(|(_, row)| names[*row].as_ref().unwrap()).collect();
        activities.extend(trace.iter().copied());
        *starts.entry(trace[0].clone()).or_default() += 1;
        *ends.entry(trace[trace.len() - 1].clone()).or_default() += 1;
        for pair in trace.windows(2) {
            *pairs.entry((pair[0].clone(), pair[1].clone())).or_default() += 1;
        }
    }
    (traces.len(), activities.len(), starts, ends, pairs)
}

#[test]
fn real_logs_read_as_pm4py_reads_them() {
    let Some(data) = shared("real_logs_read_as_pm4py_reads_them") else { return };
    for name in ["running-example.xes", "roadtraffic100traces.xes", "08_receipt.xes.gz", "helpdesk.xes.gz"] {
        let stem = name.split('.').next().unwrap();
        let reference = std::fs::read(data.join(format!("pm4py_logs/reference_{stem}.json"))).unwrap();
        let reference: serde_json::Value = serde_json::from_slice(&reference).unwrap();
        let table = read(&data.join("pm4py_logs").join(name), &ReadOptions::default()).unwrap();
        let (cases, activities, starts, ends, pairs) = process(&table);
        assert_eq!(table.1.len() as u64, reference["events"].as_u64().unwrap(), "{name}: events");
        assert_eq!(cases as u64, reference["cases"].as_u64().unwrap(), "{name}: cases");
        assert_eq!(activities as u64, reference["activities"].as_u64().unwrap(), "{name}: activities");
        let counts = |key: &str| serde_json::from_value::<Counts>(reference[key].clone()).unwrap();
        assert_eq!((starts, ends), (counts("start"), counts("end")), "{name}: start and end");
        let expected: Vec<(String, String, u64)> = serde_json::from_value(reference["dfg"].clone()).unwrap();
        let expected: BTreeMap<(String, String), u64> = expected.into_iter().map(|(from, to, n)| ((from, to), n)).collect();
        assert_eq!(pairs, expected, "{name}: pairs");
    }
}

#[test]
fn the_helpdesk_log_is_the_same_in_xes_and_csv() {
    let Some(data) = shared("the_helpdesk_log_is_the_same_in_xes_and_csv") else { return };
    let xes = read(&data.join("pm4py_logs/helpdesk.xes.gz"), &ReadOptions::default()).unwrap();
    let csv = read(&data.join("helpdesk_italian/finale.csv"), &ReadOptions::default()).unwrap();
    let sorted = |mut names: Vec<Option<String>>| {
        names.sort_unstable();
        names
    };
    assert_eq!(sorted(column(&xes, "concept:name")), sorted(column(&csv, "Activity")));
    assert_eq!(sorted(column(&xes, "case:concept:name")), sorted(column(&csv, "Case ID")));
    assert_eq!(sorted(column(&xes, "org:resource")), sorted(column(&csv, "Resource")));
}

const OCEL: &str = r#"{"objectTypes": [], "eventTypes": [],
"events": [
 {"id": "e1", "type": "Place order", "time": "2026-01-08T10:00:00Z", "attributes": [{"name": "by", "value": "Ada"}, {"name": "type", "value": "x"}],
  "relationships": [{"objectId": "o1", "qualifier": "order"}, {"objectId": "i1", "qualifier": "item"}, {"objectId": "i2"}]},
 {"id": "e2", "type": "Pay", "time": "2026-01-09T10:00:00Z", "relationships": [{"objectId": "gone"}]},
 {"type": "no id"}, 7],
"objects": [{"id": "o1", "type": "Order", "attributes": [{"name": "price", "time": "1970-01-01T00:00:00Z", "value": 10}, {"name": "price", "time": "2026-01-09T00:00:00Z", "value": 12}],
  "relationships": [{"objectId": "i1", "qualifier": "has"}]}, {"id": "i1", "type": "Item"}, {"id": "i2", "type": "Item"}]}"#;

#[test]
fn ocel_events_carry_their_objects_with_types() {
    let table = read_bytes("a.jsonocel", OCEL.as_bytes()).unwrap();
    let expected = [
        r#"id=e1 | type=Place order | time=2026-01-08T10:00:00Z | objects=[{"id":"o1","type":"Order","qualifier":"order"},{"id":"i1","type":"Item","qualifier":"item"},{"id":"i2","type":"Item","qualifier":null}] | attributes={"by":"Ada","type":"x"} | object:Order=o1 | by=Ada"#,
        r#"id=e2 | type=Pay | time=2026-01-09T10:00:00Z | objects=[{"id":"gone","type":null,"qualifier":null}] | attributes={}"#,
    ];
    assert_eq!(shown(&table), expected);
    assert_eq!(table.2, [(3, "invalid_json"), (4, "invalid_json")]);
    let options = ReadOptions { ocel: OcelOptions { rows: OcelRows::Objects }, ..ReadOptions::default() };
    let (_dir, path) = file("a.jsonocel", OCEL.as_bytes());
    let objects = read(&path, &options).unwrap();
    assert_eq!(column(&objects, "id"), texts(&["o1", "i1", "i2"]));
    assert_eq!(
        (column(&objects, "price"), column(&objects, "time")),
        (texts(&["12", "", ""]), texts(&["2026-01-09T00:00:00Z", "", ""]))
    );
    let error = read_bytes("a.jsonocel", br#"{"ocel:events": {}}"#).unwrap_err().to_string();
    assert!(error.contains("no OCEL 2.0 log"), "{error}");
}

/// The form of section 7 of the OCEL 2.0 specification.
const OCEL_XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log>
  <object-types><object-type name="Order"><attributes><attribute name="price" type="float"/></attributes></object-type></object-types>
  <event-types><event-type name="Pay"><attributes><attribute name="by" type="string"/></attributes></event-type></event-types>
  <objects>
    <object id="o1" type="Order"><attributes>
      <attribute name="price" time="1970-01-01T00:00:00Z">10</attribute><attribute name="price" time="2026-01-09T00:00:00Z">12</attribute>
    </attributes><objects><relationship object-id="i1" qualifier="has"/></objects></object>
    <object id="i1" type="Item"/>
  </objects>
  <events>
    <event id="e1" type="Place order" time="2026-01-08T10:00:00Z"><attributes><attribute name="by">Ada &amp; &#66;o <![CDATA[<x>]]></attribute></attributes>
      <objects><relationship object-id="o1" qualifier="order"/><relationship object-id="gone"/></objects></event>
    <event id="e2" type="Pay" time="2026-01-09T10:00:00Z"/>
  </events>
</log>"#;

#[test]
fn ocel_in_xml_is_read_as_in_json() {
    let table = read_bytes("a.xmlocel", OCEL_XML.as_bytes()).unwrap();
    let expected = [
        r#"id=e1 | type=Place order | time=2026-01-08T10:00:00Z | objects=[{"id":"o1","type":"Order","qualifier":"order"},{"id":"gone","type":null,"qualifier":null}] | attributes={"by":"Ada & Bo <x>"} | object:Order=o1 | by=Ada & Bo <x>"#,
        "id=e2 | type=Pay | time=2026-01-09T10:00:00Z | objects=[] | attributes={}",
    ];
    assert_eq!(shown(&table), expected);
    let options = ReadOptions { ocel: OcelOptions { rows: OcelRows::Objects }, ..ReadOptions::default() };
    let (_dir, path) = file("a.xmlocel", OCEL_XML.as_bytes());
    let objects = read(&path, &options).unwrap();
    assert_eq!((column(&objects, "id"), column(&objects, "price")), (texts(&["o1", "i1"]), texts(&["12", ""])));
    assert_eq!(column(&objects, "time"), texts(&["2026-01-09T00:00:00Z", ""]));
    // Cut off, of another kind, or with an entity that nobody declared.
    for (from, to) in [("</events>\n</log>", ""), ("<log>", "<ocel>"), ("&amp;", "&who;"), ("</log>", "</lag>")] {
        assert!(read_bytes("a.xmlocel", OCEL_XML.replace(from, to).as_bytes()).is_err(), "{from}");
    }
    let large = OCEL_XML.replace("Ada", &"x".repeat(super::ROW_LIMIT));
    assert_eq!(read_bytes("a.xmlocel", large.as_bytes()).unwrap().2.len(), 1, "too large for a row, and no more than that");
}

#[test]
fn the_example_of_the_ocel_standard_is_read_whole() {
    let Some(data) = shared("the_example_of_the_ocel_standard_is_read_whole") else { return };
    let path = data.join("pm4py_logs/ocel20_example.jsonocel");
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let ids = |key: &str| -> Vec<Option<String>> {
        document[key].as_array().unwrap().iter().map(|one| one["id"].as_str().map(str::to_owned)).collect()
    };
    let events = read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(column(&events, "id"), ids("events"));
    assert!(column(&events, "objects").iter().flatten().all(|objects| !objects.contains("\"type\":null")));
    let options = ReadOptions { ocel: OcelOptions { rows: OcelRows::Objects }, ..ReadOptions::default() };
    assert_eq!(column(&read(&path, &options).unwrap(), "id"), ids("objects"));
}

// ---- transcripts

#[test]
fn cues_become_utterances() {
    let vtt = "WEBVTT - Call 17
Kind: captions

NOTE Agent: 42
queue: billing

STYLE
::cue { color: red }

1
00:00.000 --> 00:02.500 align:start
<v Ada Low>Hello &amp; <i>good</i> day</v>

00:02.500 --> 01:00:04.000
<v.loud Bo>Hi</v>
<v Ada Low>One moment

bad
00:09.000 --> 00:01.000
backwards
";
    let table = read_bytes("call-17.vtt", vtt.replace('\n', "\r\n").as_bytes()).unwrap();
    let metadata = r#"{"title":"- Call 17","Kind":"captions","Agent":"42","queue":"billing"}"#;
    let expected = [
        format!(
            "file=call-17 | utterance_no=1 | cue_id=1 | start_ms=0 | end_ms=2500 | speaker=Ada Low | text=Hello & good day | metadata={metadata}"
        ),
        format!("file=call-17 | utterance_no=2 | start_ms=2500 | end_ms=3604000 | speaker=Bo | text=Hi | metadata={metadata}"),
        format!(
            "file=call-17 | utterance_no=3 | start_ms=2500 | end_ms=3604000 | speaker=Ada Low | text=One moment | metadata={metadata}"
        ),
    ];
    assert_eq!(shown(&table), expected);
    assert_eq!(table.2, [(4, "invalid_cue")]);
    // A cue may follow the header at once, and an arrow in the title is none.
    let close = read_bytes("a.vtt", b"WEBVTT a --> b\nK: v\n00:00.000 --> 00:01.000\nhi").unwrap();
    assert_eq!((column(&close, "text"), column(&close, "start_ms")), (texts(&["hi"]), texts(&["0"])));
    assert!(read_bytes("a.vtt", b"1\n00:00:01,000 --> 00:00:02,000\nsrt").unwrap_err().to_string().contains("not WEBVTT"));
}

#[test]
fn names_before_a_colon_are_speakers_where_most_cues_have_them() {
    let vtt = "WEBVTT\n\n00:00.000 --> 00:01.000\nAda Low: Hello: you\n\n00:01.000 --> 00:02.000\nBo: Hi\n\n00:02.000 --> 00:03.000\nand more\n";
    let table = read_bytes("a.vtt", vtt.as_bytes()).unwrap();
    assert_eq!(
        (column(&table, "speaker"), column(&table, "text")),
        (texts(&["Ada Low", "Bo", ""]), texts(&["Hello: you", "Hi", "and more"]))
    );
    let options = ReadOptions { webvtt: WebvttOptions { speakers: Some(Speakers::Voice) }, ..ReadOptions::default() };
    let (_dir, path) = file("a.vtt", vtt.as_bytes());
    assert_eq!(column(&read(&path, &options).unwrap(), "speaker"), texts(&["", "", ""]));
}

#[test]
fn transcripts_in_json_of_five_recognisers() {
    let options = ReadOptions { format: Some(Format::Transcript), ..ReadOptions::default() };
    let cases = [
        (
            r#"{"text": "all", "language": "en", "segments": [{"id": 0, "start": 0.5, "end": 1.25, "text": " Hello", "speaker": "SPEAKER_00"}]}"#,
            "cue_id=0 | start_ms=500 | end_ms=1250 | speaker=SPEAKER_00 | text=Hello | metadata={\"language\":\"en\"}",
        ),
        (
            r#"{"id": "t1", "utterances": [{"speaker": "A", "start": 250, "end": 900, "text": "Hi", "confidence": 0.97}]}"#,
            "start_ms=250 | end_ms=900 | speaker=A | text=Hi | confidence=0.97 | metadata={\"id\":\"t1\"}",
        ),
        (
            r#"{"metadata": {"request_id": "r"}, "results": {"utterances": [{"start": 0.0, "end": 1.5, "transcript": "Hey", "speaker": 1}]}}"#,
            "start_ms=0 | end_ms=1500 | speaker=1 | text=Hey | metadata={\"metadata.request_id\":\"r\"}",
        ),
        (
            r#"{"LanguageCode": "en-US", "CustomerMetadata": {"ContactId": "c"}, "Transcript": [{"Id": "x", "ParticipantId": "CUSTOMER", "BeginOffsetMillis": 10, "EndOffsetMillis": 20, "Content": "No", "Sentiment": "NEGATIVE"}]}"#,
            "cue_id=x | start_ms=10 | end_ms=20 | speaker=CUSTOMER | text=No | sentiment=NEGATIVE | metadata={\"LanguageCode\":\"en-US\",\"CustomerMetadata.ContactId\":\"c\"}",
        ),
        (
            r#"{"conversationId": "g", "transcripts": [{"phrases": [{"text": "Yes", "startTimeMs": 5, "duration": {"milliseconds": 7}, "participantPurpose": "external"}]}]}"#,
            "start_ms=5 | end_ms=12 | speaker=external | text=Yes | metadata={\"conversationId\":\"g\"}",
        ),
    ];
    for (document, expected) in cases {
        let (_dir, path) = file("c.json", document.as_bytes());
        assert_eq!(shown(&read(&path, &options).unwrap()), [format!("file=c | utterance_no=1 | {expected}")]);
    }
    let (_dir, path) = file("c.json", br#"{"segments": [{"text": "no time"}]}"#);
    assert_eq!(read(&path, &options).unwrap().2, [(1, "invalid_cue")]);
    let (_dir, path) = file("c.json", br#"{"lines": []}"#);
    assert!(read(&path, &options).unwrap_err().to_string().contains("no transcript of a known shape"));
}

#[test]
fn formats_are_seen_through_compression_and_resumed_by_row() {
    let (_dir, path) = file("a.mbox.gz", &gzip(MAILBOX.as_bytes()));
    let mut reader = Reader::open(&path, &ReadOptions { keys: true, ..ReadOptions::default() }).unwrap();
    let mut block = reader.next_block().unwrap().unwrap();
    assert_eq!((block.len(), block.keys.len()), (3, 3));
    block.skip_before(3);
    let decoder = reader.decoder();
    let decoded = decoder.decode(&block, &[0]);
    assert_eq!((decoded.batch.num_rows(), block.first_row), (1, 3));
    assert!(decoder.raw_row(&block, 3).contains("Out of office"));
    assert!(!reader.is_open_ended(), "a misspelt column is told");
    let (_dir, path) = file("a.mbox.gz", &gzip(MAILBOX.as_bytes())[..400]);
    assert!(Reader::open(&path, &ReadOptions::default()).and_then(Reader::verify).is_err());
}
