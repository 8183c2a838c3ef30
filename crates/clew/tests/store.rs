//! A project from nothing to answers, with the real binary: init, check, import, run, sql.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{assert_balanced, clew, rows, shop, sum, value};

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
