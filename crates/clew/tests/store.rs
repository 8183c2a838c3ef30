//! A project from nothing to answers, with the real binary: init, check, import, run, sql; and what happens when
//! something stands in the way.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{clew, rows, shop, value};

/// Sums one term over all files and targets of an import's report.
fn sum(report: &Value, term: &str) -> u64 {
    let files = report["sources"].as_array().unwrap().iter().flat_map(|source| source["files"].as_array().unwrap());
    let targets = files.flat_map(|file| file["targets"].as_object().unwrap().values());
    targets.map(|target| target[term].as_u64().unwrap()).sum()
}

fn assert_balanced(report: &Value) {
    for source in report["sources"].as_array().unwrap() {
        for file in source["files"].as_array().unwrap() {
            assert_eq!((&file["rows_balanced"], &file["facts_balanced"]), (&true.into(), &true.into()), "{file}");
            let n = |of: &Value, term: &str| of[term].as_u64().unwrap();
            let rows = &file["rows"];
            assert_eq!(n(rows, "read"), n(rows, "mapped") + n(rows, "skipped") + n(rows, "unreadable"), "{file}");
            for target in file["targets"].as_object().unwrap().values() {
                let ends = ["stored", "duplicate", "quarantined", "rejected"].map(|term| n(target, term));
                assert_eq!(n(target, "produced"), ends.iter().sum::<u64>(), "{file}");
            }
        }
    }
}

#[test]
fn the_sample_of_a_new_project_goes_from_files_to_scores() {
    let folder = shop();
    let shop = &folder.path().join("shop");
    clew(shop, &["check"]).done();

    let first = clew(shop, &["import", "--json"]).json();
    assert_balanced(&first);
    // 12 customers; 30 orders, 28 of them delivered; 28 survey rows, some never answered.
    let answered = std::fs::read_to_string(shop.join("data/survey.jsonl")).unwrap().matches("\"score\": ").count()
        - std::fs::read_to_string(shop.join("data/survey.jsonl")).unwrap().matches("\"score\": null").count();
    assert_eq!(sum(&first, "stored"), (12 + 30 + 28 + answered) as u64, "{first:#}");
    assert_eq!(sum(&first, "quarantined"), 0, "{first:#}");

    let second = clew(shop, &["import", "--json"]).json();
    assert_balanced(&second);
    assert_eq!(sum(&second, "stored"), 0, "{second:#}");

    assert_eq!(value(shop, "SELECT count(*) FROM events WHERE name = 'order_placed'"), 30);
    // Naive times are those of Europe/Berlin: 10:34 in January is 09:34 UTC.
    let placed = rows(shop, "SELECT occurred_at, amount FROM events WHERE reference = 'O1001' AND name = 'order_placed'");
    assert!(placed[0]["occurred_at"].as_str().unwrap().starts_with("2026-01-05T09:34:00"), "{placed:?}");

    let run = clew(shop, &["run", "--json"]).json();
    assert!(run["steps"].as_array().unwrap().len() >= 4, "{run:#}");
    // Orders name a customer number, answers an e-mail address: the customer file brings both together.
    assert_eq!(value(shop, "SELECT count(*) FROM persons"), 12);
    let scores = rows(
        shop,
        "SELECT n, estimate, lower, upper FROM scores WHERE metric = 'satisfaction' AND slice_by = 'all' AND period = 'all'",
    );
    assert_eq!(scores.len(), 1, "{scores:?}");
    assert_eq!(scores[0]["n"], answered);
    let figure = |name: &str| scores[0][name].as_f64().unwrap();
    assert!(figure("lower") < figure("estimate") && figure("estimate") < figure("upper"), "{scores:?}");

    // Nothing new: nothing to do.
    let again = clew(shop, &["run", "--json"]).json();
    for step in again["steps"].as_array().unwrap() {
        assert_eq!(step["mode"], "unchanged", "{again:#}");
    }
}

#[test]
fn rows_come_in_every_format() {
    let folder = shop();
    let shop = &folder.path().join("shop");
    clew(shop, &["import", "orders"]).done();
    let query = "SELECT reference, amount FROM events WHERE name = 'order_placed' ORDER BY reference LIMIT 2";
    let said = |format: &str| clew(shop, &["sql", query, "--format", format]).done().out.clone();
    assert_eq!(said("csv"), "reference,amount\nO1001,45.8400\nO1002,44.7200\n");
    assert_eq!(said("json").lines().count(), 2);
    assert!(said("table").contains("| O1001     | 45.8400 |"), "{}", said("table"));
    clew(shop, &["sql", query, "--format", "parquet", "--out", "rows.parquet"]).done();
    assert!(std::fs::read(shop.join("rows.parquet")).unwrap().starts_with(b"PAR1"));
    assert_eq!(clew(shop, &["sql", "SELECT count(*) AS n FROM events", "--sealed", "--format", "csv"]).done().out, "n\n58\n");
}

#[test]
fn a_refused_query_says_why_and_changes_nothing() {
    let folder = shop();
    let shop = &folder.path().join("shop");
    clew(shop, &["import", "orders"]).done();
    for (query, word) in [
        ("SELECT nothing FROM events", "nothing"),
        ("SELEC 1", "SELEC"),
        ("DROP TABLE events", "DROP"),
        ("SELECT * FROM nowhere", "nowhere"),
    ] {
        let said = clew(shop, &["sql", query]);
        assert_eq!(said.code, 1, "{query}: {}", said.err);
        assert!(said.err.contains(word), "{query}: {}", said.err);
    }
    assert_eq!(value(shop, "SELECT count(*) FROM events"), 58);
    let said = clew(shop, &["sql", "SELECT 1/0 FROM events", "--format", "csv", "--out", "rows.csv"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(!shop.join("rows.csv").exists(), "no half written file");
    assert_eq!(clew(shop, &["sql", "SELECT 1", "--sealed", "--project", "nowhere"]).code, 1);
}

#[test]
fn an_unknown_source_or_step_is_refused_with_the_known_ones() {
    let folder = shop();
    let shop = &folder.path().join("shop");
    let said = clew(shop, &["import", "order"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("orders"), "{}", said.err);
    let said = clew(shop, &["run", "--only", "profile"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("profiles"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_reads_sealed_tables_and_writes_nothing() {
    let folder = shop();
    let shop = folder.path().join("shop");
    clew(&shop, &["import", "orders"]).done();
    let lake = clew_lake::Lake::open(&shop.join(".clew"), clew_lake::Options::default()).await.unwrap();

    let (import, run, sql) = tokio::task::spawn_blocking(move || {
        (
            clew(&shop, &["import"]),
            clew(&shop, &["run"]),
            clew(&shop, &["sql", "SELECT count(*) AS n FROM events", "--format", "csv"]),
        )
    })
    .await
    .unwrap();
    let holder = format!("process {}", std::process::id());
    for said in [&import, &run] {
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains(&holder), "{}", said.err);
    }
    assert_eq!((sql.code, sql.out.as_str()), (0, "n\n58\n"), "{}", sql.err);
    assert!(sql.err.contains("sealed") && sql.err.contains(&holder), "{}", sql.err);
    lake.close().await.unwrap();
}

/// What stands in the way, the file that holds it, and a word that the message must have.
fn obstruct(name: &str, data: &Path) -> &'static str {
    let orders = data.join("orders.csv");
    let text = std::fs::read_to_string(&orders).unwrap();
    match name {
        "missing" => {
            std::fs::remove_file(&orders).unwrap();
            "orders.csv"
        }
        "empty" => {
            std::fs::write(&orders, "").unwrap();
            "orders.csv"
        }
        "vanished column" => {
            std::fs::write(&orders, text.replacen("delivered_at", "arrived_at", 1)).unwrap();
            "delivered_at"
        }
        "wrong delimiter" => {
            std::fs::write(data.join("../sources/orders.yaml"), "files: data/orders.csv\ncsv:\n  delimiter: ;\n").unwrap();
            "order_id"
        }
        "truncated gz" => {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            let bytes = encoder.finish().unwrap();
            std::fs::write(data.join("orders.csv.gz"), &bytes[..bytes.len() / 2]).unwrap();
            std::fs::write(data.join("../sources/orders.yaml"), "files: data/orders.csv.gz\n").unwrap();
            "orders.csv.gz"
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_that_cannot_be_imported_is_refused_with_nothing_half_stored() {
    for name in ["missing", "empty", "vanished column", "wrong delimiter", "truncated gz"] {
        let folder = shop();
        let shop = &folder.path().join("shop");
        let word = obstruct(name, &shop.join("data"));
        let said = clew(shop, &["import", "orders"]);
        assert_eq!(said.code, 1, "{name}: {}{}", said.out, said.err);
        assert!(format!("{}{}", said.out, said.err).contains(word), "{name}: {}{}", said.out, said.err);
        if shop.join(".clew").exists() && name != "truncated gz" {
            assert_eq!(value(shop, "SELECT count(*) FROM events"), 0, "{name}");
        }
    }
}

#[test]
fn a_bad_row_is_in_quarantine_with_its_text_and_the_rest_is_stored() {
    let folder = shop();
    let shop = &folder.path().join("shop");
    let orders = shop.join("data/orders.csv");
    let mut bytes = std::fs::read(&orders).unwrap();
    bytes.extend(b"O2001,C001,the day after tomorrow,,2026-01-10,web,10.00\n");
    bytes.extend(b"O2002,C001,2026-05-01 10:00:00,,2026-05-06,web,99999999999999999999999.00\n");
    bytes.extend(b"O2003,C001,2026-05-01 10:00:00,,2026-05-06,w\xffb,10.00\n");
    bytes.extend(b"O2004,C001,too,few\n");
    std::fs::write(&orders, bytes).unwrap();
    let report = clew(shop, &["import", "orders", "--json"]).json();
    assert_balanced(&report);
    assert_eq!(sum(&report, "stored"), 58, "{report:#}");
    let quarantine = rows(shop, "SELECT reason, row_no, raw, detail FROM quarantine ORDER BY row_no");
    assert_eq!(quarantine.len(), 4, "{quarantine:#?}");
    for (row, number) in quarantine.iter().zip(31..) {
        assert_eq!(row["row_no"], number, "{row}");
        assert!(row["raw"].as_str().unwrap().contains(&format!("O20{:02}", number - 30)), "{row}");
        assert!(!row["detail"].as_str().unwrap().is_empty(), "{row}");
    }
}
