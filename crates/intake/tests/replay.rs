//! Quarantined rows, repaired: whatever way a row takes, the facts are those of an import that was right from the start, stored once, and the
//! audit holds after every step.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clew_intake::live::{BUDGET, Door, Payload};
use clew_intake::spec::Format;
use clew_intake::tracking::{Call, Kind};
use clew_intake::{Action, Outcomes, ReplayError, ReplayReport, Request, Selection, audit, import, replay};
use clew_lake::{Chunk, FixedClock, Lake, Mode, Options, Repair, RepairOutcome, Repairs};
use clew_model::{BatchId, Timestamp};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use support::{Project, number, texts};

/// 2026-01-31T12:00:00Z.
const NOW: i64 = 1_769_860_800_000_000;
const DAY: i64 = 86_400_000_000;

/// Cells joined by `|`, rows sorted.
async fn rows(lake: &Lake, sql: &str) -> Vec<String> {
    let options = FormatOptions::default().with_null("∅");
    let mut rows = Vec::new();
    for batch in lake.session().sql(sql).await.unwrap().collect().await.unwrap() {
        let cells: Vec<_> = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        rows.extend(
            (0..batch.num_rows()).map(|row| cells.iter().map(|cell| cell.value(row).to_string()).collect::<Vec<_>>().join("|")),
        );
    }
    rows.sort_unstable();
    rows
}

/// All facts without the times at which they came.
async fn facts(lake: &Lake) -> Vec<String> {
    let mut all = rows(lake, "SELECT * EXCEPT (received_at) FROM events").await;
    all.extend(rows(lake, "SELECT * EXCEPT (received_at, valid_from) FROM records").await);
    all.extend(rows(lake, "SELECT * EXCEPT (received_at) FROM responses").await);
    all
}

#[track_caller]
fn assert_holds(report: &clew_intake::AuditReport) {
    assert!(report.holds, "{:#?}", report.breaks);
}

fn all() -> Request {
    Request { decided_by: "ann".into(), examples: 5, ..Request::default() }
}

fn outcomes(report: &ReplayReport) -> [u64; 5] {
    let Outcomes { stored, duplicate, quarantined, replaced, discarded } = report.outcomes();
    [stored, duplicate, quarantined, replaced, discarded]
}

async fn open(lake: &Lake) -> i64 {
    number(lake, "SELECT count(*) FROM quarantine_open").await
}

/// Replays, and proves that everything adds up.
async fn replayed(lake: &Lake, project: &Project, request: &Request) -> ReplayReport {
    let before = open(lake).await;
    let report = replay(lake, &project.sources, request).await.unwrap();
    for source in &report.sources {
        let clew_intake::RowReport { read, mapped, skipped, unreadable } = source.rows;
        assert_eq!(read, mapped + skipped + unreadable);
        assert_eq!(read, source.outcomes.rows());
        for facts in source.targets.values() {
            assert_eq!(facts.produced, facts.stored + facts.duplicate + facts.quarantined + facts.rejected);
        }
    }
    if request.dry_run {
        assert_eq!(open(lake).await, before);
    }
    assert_holds(&audit(lake, &project.sources).await.unwrap());
    report
}

const WRONG: &str = "SELECT name, 'web' AS channel, at AS occurred_at, amount, email AS identifier_email FROM raw";
const RIGHT: &str =
    "SELECT name, 'web' AS channel, parse_time(at, '%d.%m.%Y') AS occurred_at, amount, email AS identifier_email FROM raw";

/// Rows as a table of text: equal ones, one with a comma and quotes, one with an empty cell.
fn table() -> Vec<[&'static str; 4]> {
    vec![
        ["bought", "2026-01-02", "1.5", "a@x.org"],
        ["bought", "03.01.2026", "2", "b@x.org"],
        ["bought", "03.01.2026", "2", "b@x.org"],
        ["said \"no, thanks\"", "04.01.2026", "", "c@x.org"],
        ["bought", "2026-01-02", "1.5", "a@x.org"],
    ]
}

fn csv(rows: &[[&str; 4]]) -> String {
    let cell =
        |text: &str| if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() };
    let line = |row: &[&str; 4]| row.map(cell).join(",");
    rows.iter().map(line).fold("name,at,amount,email".to_owned(), |text, line| text + "\n" + &line) + "\n"
}

fn objects(rows: &[[&str; 4]]) -> Vec<String> {
    let object = |[name, at, amount, email]: &[&str; 4]| {
        let mut object = serde_json::json!({"name": name, "at": at, "email": email});
        if !amount.is_empty() {
            object["amount"] = serde_json::from_str(amount).unwrap();
        }
        object.to_string()
    };
    rows.iter().map(object).collect()
}

/// The same rows with numbers as numbers.
fn write_parquet(path: &std::path::Path, rows: &[[&str; 4]]) {
    let text = |at: usize| Arc::new(rows.iter().map(|row| Some(row[at])).collect::<StringArray>()) as ArrayRef;
    let amounts: ArrayRef = Arc::new(rows.iter().map(|row| row[2].parse::<f64>().ok()).collect::<Float64Array>());
    let counts: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows.len()).map(|_| i64::MAX - 1)));
    let columns = [("name", text(0)), ("at", text(1)), ("amount", amounts), ("email", text(3)), ("big", counts)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn write(project: &Project, file: &str, rows: &[[&str; 4]]) {
    match file.rsplit_once('.').unwrap().1 {
        "csv" => drop(project.write(file, csv(rows))),
        "jsonl" => drop(project.write(file, objects(rows).join("\n"))),
        "json" => drop(project.write(file, format!("[\n{}\n]", objects(rows).join(",\n")))),
        _ => write_parquet(&project.dir.path().join(file), rows),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_mapping_gives_the_facts_of_one_that_was_right_from_the_start() {
    for file in ["a.csv", "a.jsonl", "a.json", "a.parquet"] {
        let (mut right, mut mended) = (Project::new(), Project::new());
        for project in [&mut right, &mut mended] {
            write(project, file, &table());
        }
        right.source("s", &format!("files: {file}"), &[("events", RIGHT)]);
        mended.source("s", &format!("files: {file}"), &[("events", WRONG)]);
        let (expected, lake) = (right.lake().await, mended.lake().await);
        right.import(&expected).await.unwrap();
        mended.import(&lake).await.unwrap();
        assert_eq!(open(&lake).await, 3, "{file}");
        // Nothing was mended: nothing changes, and nothing is doubled.
        assert_eq!(outcomes(&replayed(&lake, &mended, &all()).await), [0, 0, 3, 0, 0], "{file}");
        assert_eq!(number(&lake, "SELECT count(*) FROM quarantine").await, 3);

        mended.source("s", &format!("files: {file}"), &[("events", RIGHT)]);
        let told = replayed(&lake, &mended, &Request { dry_run: true, ..all() }).await;
        assert_eq!((outcomes(&told), told.sources[0].batch.clone()), ([3, 0, 0, 0, 0], None), "{file}");
        assert!(told.sources[0].examples.iter().all(|example| example.raw.is_none()), "no personal value unless asked");
        let report = replayed(&lake, &mended, &all()).await;
        assert_eq!(report.sources[0].outcomes, told.sources[0].outcomes);
        assert_eq!(report.sources[0].batch.as_deref(), Some("s/replay-2"), "the first replay was a batch, too");
        assert_eq!(facts(&lake).await, facts(&expected).await, "{file}");
        // Twice, and the same file once more.
        assert_eq!(outcomes(&replayed(&lake, &mended, &all()).await), [0; 5]);
        assert_eq!(mended.import(&lake).await.unwrap().stored(), 0, "{file}");
        assert_holds(&audit(&lake, &mended.sources).await.unwrap());
        assert_eq!((facts(&lake).await.len(), open(&lake).await), (5, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_row_is_the_row_of_the_repaired_file() {
    for file in ["a.csv", "a.jsonl", "a.json", "a.parquet"] {
        let mut project = Project::new();
        project.source("s", &format!("files: {file}"), &[("events", WRONG)]);
        // Two of the bad rows become equal to the good ones, which occur twice already.
        let mut rows = table();
        write(&project, file, &rows);
        let lake = project.lake().await;
        assert_eq!(project.import(&lake).await.unwrap().stored(), 2);
        for row in &mut rows[1..4] {
            *row = ["bought", "2026-01-02", "1.5", "a@x.org"];
        }
        rows[3] = ["said \"no, thanks\"", "2026-01-04", "", "c@x.org"];
        let raws = texts(&lake, "SELECT raw FROM quarantine ORDER BY row_no").await;
        let edit = |(row, raw): (&[&str; 4], &String)| {
            let object = objects(std::slice::from_ref(row)).pop().unwrap();
            // A column that the edit leaves out is empty.
            let big = raw.contains("\"big\"").then(|| format!(",\"big\":{}}}", i64::MAX - 1));
            big.map_or(object.clone(), |big| object[..object.len() - 1].to_owned() + &big)
        };
        let ids = texts(&lake, "SELECT quarantine_id FROM quarantine ORDER BY row_no").await;
        let edits = ids.iter().cloned().zip(rows[1..4].iter().zip(&raws).map(edit)).collect();
        let report = replayed(&lake, &project, &Request { edits, ..all() }).await;
        assert_eq!(outcomes(&report), [3, 0, 0, 0, 0], "{file} {report:?}");
        assert_eq!(number(&lake, "SELECT count(*) FROM repairs WHERE edited AND decided_by = 'ann'").await, 3);
        let stored = facts(&lake).await;
        // Neither the broken file nor the repaired one brings anything new.
        assert_eq!(project.import(&lake).await.unwrap().stored(), 0, "{file}");
        write(&project, file, &rows);
        let again = project.import(&lake).await.unwrap();
        let events = again.sources[0].files[0].targets["events"];
        assert_eq!((events.stored, events.duplicate, events.quarantined), (0, 5, 0), "{file}");
        assert_eq!((facts(&lake).await, open(&lake).await), (stored, 0));
        assert_holds(&audit(&lake, &project.sources).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_text_is_edited_as_text_or_as_an_object() {
    let mut project = Project::new();
    let sql = "SELECT id, name, 'web' AS channel, at AS occurred_at FROM raw";
    project.source("s", "files: a.csv", &[("events", sql)]);
    project.write("a.csv", "id,name,at\n1,x,2026-01-01\n2,y\n3\n4,z,2026-01-04,extra\n");
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    let ids = texts(&lake, "SELECT quarantine_id FROM quarantine WHERE reason = 'wrong_field_count' ORDER BY row_no").await;
    assert_eq!(outcomes(&replayed(&lake, &project, &all()).await), [0, 0, 3, 0, 0]);
    let edits = [
        (ids[0].clone(), "2,y,2026-01-02".into()),
        (ids[1].clone(), r#"{"id":3,"name":"q","at":"2026-01-03"}"#.into()),
        (ids[2].clone(), "4,z\n5,z,2026-01-05".into()),
    ];
    let report = replayed(&lake, &project, &Request { edits: edits.into(), ..all() }).await;
    assert_eq!(outcomes(&report), [2, 0, 0, 1, 0], "{report:#?}");
    assert_eq!(texts(&lake, "SELECT event_id FROM events ORDER BY 1").await, ["1", "2", "3"]);
    // What is refused now names what it was, keeps its place and the edit.
    assert_eq!(
        rows(&lake, "SELECT replaces, row_no, file, raw FROM quarantine_open").await,
        [format!("{}|4|a.csv|4,z\n5,z,2026-01-05", ids[2])]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_widens_a_promoted_column_and_a_dry_run_does_not() {
    let sql =
        |time: &str| format!("SELECT id, 'x' AS name, 'web' AS channel, {time} AS occurred_at, delay AS property_delay FROM raw");
    let mut project = Project::new();
    project.source("s", "files: a.csv\ncolumns: {delay: int}", &[("events", &sql("at"))]);
    project.write("a.csv", "id,at,delay\n1,2026-01-01,5\n2,02.01.2026,5.5\n3,02.01.2026,6.25\n");
    let lake = project.lake().await;
    assert_eq!(project.import(&lake).await.unwrap().stored(), 1);
    lake.seal().await.unwrap();
    let time = "coalesce(parse_time(at, '%d.%m.%Y'), parse_time(at, '%Y-%m-%d'))";
    project.source("s", "files: a.csv\ncolumns: {delay: int}", &[("events", &sql(time))]);
    let widened = async || rows(&lake, "SELECT field, n FROM alarms WHERE rule = 'widened_to_decimal'").await;
    let delays = async || texts(&lake, "SELECT p_delay FROM events ORDER BY event_id").await;

    let dry = replayed(&lake, &project, &Request { dry_run: true, ..all() }).await;
    assert_eq!(outcomes(&dry), [2, 0, 0, 0, 0], "{dry:#?}");
    assert_eq!((widened().await, delays().await), (vec![], vec!["5".to_owned()]));

    let report = replayed(&lake, &project, &all()).await;
    assert_eq!(outcomes(&report), [2, 0, 0, 0, 0], "{report:#?}");
    lake.seal().await.unwrap();
    assert_eq!(
        (widened().await, delays().await),
        (vec!["p_delay|2".to_owned()], ["5.0000", "5.5000", "6.2500"].map(str::to_owned).into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_table_that_a_row_failed_for_is_replayed() {
    let mut project = Project::new();
    let events = ("events", "SELECT id, 'joined' AS name, 'web' AS channel, at AS occurred_at FROM raw");
    let wrong = ("records", "SELECT id, born AS birth_date, city FROM raw");
    let right = ("records", "SELECT id, CASE WHEN born = '01.02.1980' THEN NULL ELSE born END AS birth_date, city FROM raw");
    project.source("s", "files: a.csv", &[events, wrong]);
    project
        .write("a.csv", "id,at,born,city\n1,2026-01-01,1980-01-01,Cork\n2,2026-01-01,01.02.1980,Cork\n3,never,01.02.1980,Cork\n");
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    assert_eq!(rows(&lake, "SELECT row_no, target FROM quarantine").await, ["2|records", "3|events", "3|records"]);
    project.source("s", "files: a.csv", &[events, right]);
    let report = replayed(&lake, &project, &all()).await;
    assert_eq!(outcomes(&report), [2, 0, 1, 0, 0]);
    let facts = &report.sources[0].targets;
    assert_eq!((facts["records"].stored, facts["events"].produced, facts["events"].quarantined), (2, 1, 1));
    assert_eq!(texts(&lake, "SELECT record_id FROM records ORDER BY 1").await, ["1", "2", "3"]);
    // By target, by reason, by batch, by id.
    for which in [
        Selection { target: Some("records".into()), ..Selection::default() },
        Selection { reason: Some("invalid_date".into()), ..Selection::default() },
        Selection { batch: Some("s-2".into()), ..Selection::default() },
        Selection { target: Some("rows".into()), ..Selection::default() },
    ] {
        assert_eq!(outcomes(&replayed(&lake, &project, &Request { which, ..all() }).await), [0; 5]);
    }
    let ids = texts(&lake, "SELECT quarantine_id FROM quarantine").await;
    let which = Selection { ids, ..Selection::default() };
    assert_eq!(
        outcomes(&replayed(&lake, &project, &Request { which, ..all() }).await),
        [0, 0, 1, 0, 0],
        "closed ones stay closed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_on_which_the_sql_failed_and_rows_without_their_column_go_through_all_mappings() {
    let mut project = Project::new();
    let sql = |n: &str| format!("SELECT id, 'x' AS name, 'web' AS channel, at AS occurred_at, {n} AS property_n FROM raw");
    project.source("s", "files: a.csv", &[("events", &sql("CAST(n AS INT)"))]);
    project.write("a.csv", "id,at,n\n1,2026-01-01,5\n2,2026-01-01,five\n3,2026-01-01,\n");
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    // A whole file whose column was renamed: rows that never reached a mapping.
    let mut chunk = Chunk::new("s", BatchId::new("s", 9), 0, Mode::Append);
    let raw = |id: usize| format!(r#"{{"id":"{id}","at":"2026-02-0{id}","number":"{id}"}}"#);
    let schema = clew_lake::schema("quarantine").unwrap();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        let text = |of: &dyn Fn(usize) -> String| Arc::new((4..6).map(|id| Some(of(id))).collect::<StringArray>()) as ArrayRef;
        match field.name().as_str() {
            "quarantine_id" => text(&|id| format!("{id:032x}")),
            "source" => text(&|_| "s".into()),
            "batch" => text(&|_| "s-9".into()),
            "file" => text(&|_| "b.csv".into()),
            "reason" => text(&|_| "column_missing".into()),
            "detail" => text(&|_| "the file has no column n".into()),
            "raw" => text(&raw),
            "row_no" => Arc::new(Int64Array::from(vec![1, 2])),
            "at" => Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![NOW; 2]).with_timezone("UTC")),
            _ => arrow::array::new_null_array(field.data_type(), 2),
        }
    });
    chunk.quarantine = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    chunk.rows = clew_lake::RowCounts { read: 2, unreadable: 2, ..Default::default() };
    lake.append(chunk).await.unwrap();
    let report = replayed(&lake, &project, &all()).await;
    assert_eq!(outcomes(&report), [0, 0, 1, 2, 0], "the column is still missing, told by other words: {report:#?}");
    assert!(
        report.sources[0].reasons.iter().any(|reason| reason.reason == "column_missing" && reason.detail.contains("no column n"))
    );
    assert_eq!(outcomes(&replayed(&lake, &project, &all()).await), [0, 0, 3, 0, 0]);
    project.source("s", "files: a.csv", &[("events", &sql("try_cast(n AS INT)"))]);
    assert_eq!(outcomes(&replayed(&lake, &project, &all()).await), [1, 0, 2, 0, 0]);
    project.source("s", "files: a.csv", &[("events", &sql("CAST(number AS INT)"))]);
    assert_eq!(outcomes(&replayed(&lake, &project, &all()).await), [2, 0, 0, 0, 0]);
    let stored = rows(&lake, "SELECT event_id, file, row_no, properties FROM events").await;
    assert_eq!(stored, [r#"1|a.csv|1|{"n":5}"#, "2|a.csv|2|∅", "3|a.csv|3|∅", r#"4|b.csv|1|{"n":4}"#, r#"5|b.csv|2|{"n":5}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_facts_in_conflict_the_first_is_kept_or_the_other_gets_an_id() {
    let mut project = Project::new();
    project.source(
        "s",
        "files: '*.csv'",
        &[("events", "SELECT id, name, 'web' AS channel, '2026-01-01' AS occurred_at FROM raw")],
    );
    project.write("a.csv", "id,name\n1,x\n2,x\n");
    project.write("b.csv", "id,name\n1,y\n2,y\n");
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    assert_eq!(rows(&lake, "SELECT reason, context IS NOT NULL FROM quarantine").await, ["conflict|true"; 2]);
    assert_eq!(outcomes(&replayed(&lake, &project, &all()).await), [0, 0, 2, 0, 0], "it takes a decision");
    let ids = texts(&lake, "SELECT quarantine_id FROM quarantine ORDER BY row_no").await;
    let discard = Action::Discard { reason: "the till was wrong".into() };
    let which = Selection { ids: vec![ids[0].clone()], ..Selection::default() };
    let report = replayed(&lake, &project, &Request { which, action: discard, ..all() }).await;
    assert_eq!((outcomes(&report), report.sources[0].rows.skipped), ([0, 0, 0, 0, 1], 1));
    assert_eq!(texts(&lake, "SELECT reason FROM repairs WHERE outcome = 'discarded'").await, ["the till was wrong"]);
    // An edit that is the same conflict is none; one with an id of its own is stored.
    let edit = |raw: &str| Request { edits: [(ids[1].clone(), raw.to_owned())].into(), ..all() };
    assert_eq!(outcomes(&replayed(&lake, &project, &edit(r#"{"id":"2","name":"y"}"#)).await), [0, 0, 1, 0, 0]);
    assert_eq!(
        outcomes(&replayed(&lake, &project, &edit(r#"{"id":"2","name":"z"}"#)).await),
        [0, 0, 0, 1, 0],
        "another conflict"
    );
    let newest = texts(&lake, "SELECT quarantine_id FROM quarantine_open").await;
    let edits = [(newest[0].clone(), r#"{"id":"2b","name":"y"}"#.to_owned())].into();
    assert_eq!(outcomes(&replayed(&lake, &project, &Request { edits, ..all() }).await), [1, 0, 0, 0, 0]);
    project.import(&lake).await.unwrap();
    assert_eq!((open(&lake).await, facts(&lake).await.len()), (0, 3), "what was decided stays decided");
    assert_holds(&audit(&lake, &project.sources).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_made_row_leaves_out_is_empty_and_not_missing() {
    let sql = |at: &str| {
        format!(
            "SELECT 'said' AS name, 'phone' AS channel, {at} AS occurred_at, coalesce(speaker, 'nobody') AS agent_id, text FROM raw"
        )
    };
    let mut project = Project::new();
    project.write("call.vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\n<v Ada>Hello\n\n00:01.000 --> 00:02.000\nno voice here\n");
    project.source("calls", "files: call.vtt", &[("events", &sql("'never'"))]);
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    assert_eq!(open(&lake).await, 2);
    project.source("calls", "files: call.vtt", &[("events", &sql("'2026-01-02'"))]);
    let report = replayed(&lake, &project, &all()).await;
    assert_eq!(outcomes(&report), [2, 0, 0, 0, 0], "{report:#?}");
    assert_eq!(texts(&lake, "SELECT agent_id FROM events ORDER BY row_no").await, ["Ada", "nobody"]);
    assert_eq!(project.import(&lake).await.unwrap().stored(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_late_is_not_the_newest() {
    let mut project = Project::new();
    let sql = |city: &str| format!("SELECT id, {city} AS city, born AS birth_date FROM raw");
    project.source("crm", "files: a.csv\nmode: upsert", &[("records", &sql("city"))]);
    project.write("a.csv", "id,city,born\n1,Cork,01.02.1980\n");
    let clock = |at: i64| Options { clock: Arc::new(FixedClock(Timestamp::from_micros(at))), ..Options::default() };
    let store = project.dir.path().join(".clew");
    let lake = Lake::open(&store, clock(NOW)).await.unwrap();
    project.import(&lake).await.unwrap();
    lake.close().await.unwrap();
    let lake = Lake::open(&store, clock(NOW + DAY)).await.unwrap();
    project.write("a.csv", "id,city,born\n1,Dublin,1980-01-01\n");
    project.import(&lake).await.unwrap();
    lake.close().await.unwrap();
    let lake = Lake::open(&store, clock(NOW + 2 * DAY)).await.unwrap();
    let right = "SELECT id, city, CASE WHEN born = '01.02.1980' THEN NULL ELSE born END AS birth_date FROM raw";
    project.source("crm", "files: a.csv\nmode: upsert", &[("records", right)]);
    assert_eq!(outcomes(&replayed(&lake, &project, &all()).await), [1, 0, 0, 0, 0]);
    assert_eq!(texts(&lake, "SELECT city FROM records_current").await, ["Dublin"]);
    assert_eq!(texts(&lake, "SELECT city FROM records ORDER BY valid_from").await, ["Cork", "Dublin"]);
    assert_eq!(project.import(&lake).await.unwrap().stored(), 0, "the newest version is what an import is compared with");
}

/// Sends `body` to the source `name` of `project`.
async fn send(lake: &Lake, project: &Project, name: &str, payload: Payload, body: String) {
    let door = Door::open(lake, &project.sources, BUDGET);
    let source = Arc::clone(door.source(name).unwrap());
    door.take(&source, payload, body.into_bytes(), door.reserve()).await.unwrap();
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tracking_calls_are_taken_at_the_time_they_came() {
    let batch = r#"{"sentAt":"2026-01-31T11:50:00Z","batch":[
        {"type":"track","event":"Bought","userId":"u1","messageId":"m1","timestamp":"2026-01-31T11:49:00Z","properties":{"size":"L"}},
        {"type":"track","event":"Seen","userId":"u1","writeKey":"secret","properties":{"size":"L"}},
        {"type":"track","event":"Seen","userId":"u1","writeKey":"secret","properties":{"size":"L"}},
        {"type":"track","event":"Good","userId":"u1","properties":{"size":7}},
        {"type":"identify","userId":"u2","traits":{"email":"a@x.org","birthday":"soon"}}]}"#;
    let single = r#"{"event":"Alone","userId":"u3","sentAt":"2026-01-31T11:00:00Z","originalTimestamp":"2026-01-31T10:59:00Z","properties":{"size":"M"}}"#;
    let import = r#"{"batch":[{"type":"track","event":"Old","userId":"u4","timestamp":"2020-01-01T00:00:00Z","sentAt":"2026-01-31T11:00:00Z","properties":{"size":"S"}}]}"#;
    let (mut right, mut mended) = (Project::new(), Project::new());
    right.source("web", "api: tracking", &[]);
    mended.source("web", "api: tracking\ncolumns: {size: int}", &[]);
    let lakes = async |project: &Project, at: i64| {
        let clock = Arc::new(FixedClock(Timestamp::from_micros(at)));
        Lake::open(&project.dir.path().join(".clew"), Options { clock, ..Options::default() }).await.unwrap()
    };
    let (expected, lake) = (lakes(&right, NOW).await, lakes(&mended, NOW).await);
    for (lake, project) in [(&expected, &right), (&lake, &mended)] {
        for _retry in 0..2 {
            send(lake, project, "web", Payload::Tracking(Call::Batch), batch.into()).await;
            send(lake, project, "web", Payload::Tracking(Call::One(Kind::Track)), single.into()).await;
            send(lake, project, "web", Payload::Tracking(Call::Import), import.into()).await;
        }
    }
    assert_eq!(rows(&lake, "SELECT target, count(*) FROM quarantine GROUP BY target").await, ["events|5", "records|1"]);
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine WHERE raw LIKE '%secret%'").await, 0);
    lake.close().await.unwrap();
    let lake = lakes(&mended, NOW + DAY).await;
    mended.source("web", "api: tracking", &[]);
    assert_eq!(outcomes(&replayed(&lake, &mended, &all()).await), [5, 0, 1, 0, 0]);
    let sql = "SELECT event_id, name, channel, occurred_at, sent_at, received_at, subject, identifiers, properties, quality, file FROM events";
    assert_eq!(rows(&lake, sql).await, rows(&expected, sql).await, "received_at among them");
    let id = texts(&lake, "SELECT quarantine_id FROM quarantine_open").await.pop().unwrap();
    let edit = |raw: &str| Request { edits: [(id.clone(), raw.to_owned())].into(), ..all() };
    assert_eq!(outcomes(&replayed(&lake, &mended, &edit("no object")).await), [0, 0, 0, 1, 0]);
    let id = texts(&lake, "SELECT quarantine_id FROM quarantine_open").await.pop().unwrap();
    let raw = r#"{"type":"identify","userId":"u2","traits":{"email":"a@x.org","birthday":"1980-01-01"}}"#;
    let edits = [(id, raw.to_owned())].into();
    assert_eq!(outcomes(&replayed(&lake, &mended, &Request { edits, ..all() }).await), [1, 0, 0, 0, 0]);
    // The clients send everything once more.
    send(&lake, &mended, "web", Payload::Tracking(Call::Batch), batch.into()).await;
    send(&lake, &mended, "web", Payload::Tracking(Call::One(Kind::Track)), single.into()).await;
    assert_eq!((open(&lake).await, number(&lake, "SELECT count(*) FROM events").await), (0, 6));
    assert_holds(&audit(&lake, &mended.sources).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn posted_rows_are_replayed_with_the_key_they_had() {
    let body = objects(&table()).join("\n");
    let (mut right, mut mended) = (Project::new(), Project::new());
    right.source("hook", "api: rows", &[("events", RIGHT)]);
    mended.source("hook", "api: rows", &[("events", WRONG)]);
    let (expected, lake) = (right.lake().await, mended.lake().await);
    send(&expected, &right, "hook", Payload::Rows(Format::Jsonl), body.clone()).await;
    for _retry in 0..2 {
        send(&lake, &mended, "hook", Payload::Rows(Format::Jsonl), body.clone()).await;
    }
    assert_eq!(open(&lake).await, 3, "equal rows of one body are told apart, those of a retry are the same");
    mended.source("hook", "api: rows", &[("events", RIGHT)]);
    assert_eq!(outcomes(&replayed(&lake, &mended, &all()).await), [3, 0, 0, 0, 0]);
    assert_eq!(facts(&lake).await, facts(&expected).await);
    send(&lake, &mended, "hook", Payload::Rows(Format::Jsonl), body).await;
    assert_eq!((facts(&lake).await.len(), open(&lake).await), (5, 0));
    assert_holds(&audit(&lake, &mended.sources).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_and_what_cannot_be_done_is_left() {
    let mut project = Project::new();
    write(&project, "a.csv", &table());
    project.write("p.csv", "sku,name\n1,x\n2\n");
    project.source("s", "files: a.csv", &[("events", WRONG)]);
    project.source("products", "files: p.csv\nlookup: {key: sku}", &[]);
    project.source("gone", "files: a.csv", &[("events", WRONG)]);
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    project.sources.sources.retain(|source| source.name != "gone");
    let tables = "SELECT (SELECT count(*) FROM accounting) + (SELECT count(*) FROM repairs) + (SELECT count(*) FROM events)";
    let before = number(&lake, tables).await;
    let refuse = async |request: Request, words: &str| {
        let error = replay(&lake, &project.sources, &request).await.unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains(words), "{words}: {error}");
        assert!(clew_intake::is_replay_refusal(&error.to_string()));
        assert_eq!(number(&lake, tables).await, before);
    };
    let of =
        |sources: &[&str]| Selection { sources: sources.iter().map(|name| (*name).to_owned()).collect(), ..Selection::default() };
    refuse(Request { which: of(&["products_"]), ..all() }, "did you mean products?").await;
    refuse(Request { which: Selection { ids: vec!["0".into()], ..Selection::default() }, ..all() }, "has no row 0").await;
    refuse(
        Request { which: Selection { target: Some("people".into()), ..Selection::default() }, ..all() },
        "people is no target",
    )
    .await;
    refuse(Request { action: Action::Discard { reason: "x".into() }, ..all() }, "which rows").await;
    refuse(Request { which: of(&["s"]), action: Action::Discard { reason: " ".into() }, ..all() }, "needs a reason").await;
    let report = replayed(&lake, &project, &all()).await;
    let left: Vec<_> =
        report.sources.iter().map(|source| (source.source.as_str(), source.left, source.outcomes.rows())).collect();
    assert_eq!(left, [("gone", 3, 0), ("products", 1, 0), ("s", 0, 3)]);
    let discard = Action::Discard { reason: "not ours".into() };
    let report = replayed(&lake, &project, &Request { which: of(&["gone", "products"]), action: discard, ..all() }).await;
    assert_eq!((outcomes(&report), open(&lake).await), ([0, 0, 0, 0, 4], 3));
    // A mapping with a mistake refuses everything before the first row.
    project.source("s", "files: a.csv", &[("events", "SELECT name AS colour FROM raw")]);
    let error = replay(&lake, &project.sources, &all()).await.unwrap_err();
    assert!(matches!(&error, ReplayError::Refused(problems) if problems[0].message.contains("no column colour")), "{error}");
    // One that gives no id cannot know which fact a row is that came without a key.
    project.source("ids", "files: a.csv", &[("events", &WRONG.replace("SELECT", "SELECT email AS id,"))]);
    import(&lake, &project.sources, &["ids".into()], &()).await.unwrap();
    project.source("ids", "files: a.csv", &[("events", RIGHT)]);
    let report = replayed(&lake, &project, &Request { which: of(&["ids"]), ..all() }).await;
    assert!(report.sources[0].reasons.iter().all(|reason| reason.reason == "no_row_key"), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_the_replay_that_does_not_add_up() {
    let mut project = Project::new();
    write(&project, "a.csv", &table());
    project.source("s", "files: a.csv", &[("events", WRONG)]);
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    let ids = texts(&lake, "SELECT quarantine_id FROM quarantine").await;
    let decide = async |number: u64, id: &str, read: u64| {
        let mut chunk = Chunk::new("s", BatchId::new("s/replay", number), 0, Mode::Append);
        let row = Repair { quarantine_id: id.into(), edited: false, outcome: Some(RepairOutcome::Discarded), facts: Vec::new() };
        chunk.repairs = Repairs { decided_by: "bob".into(), reason: None, rows: vec![row] };
        chunk.rows = clew_lake::RowCounts { read, skipped: read, ..Default::default() };
        lake.append(chunk).await.unwrap();
    };
    decide(1, &ids[0], 1).await;
    let report = audit(&lake, &project.sources).await.unwrap();
    assert_holds(&report);
    let source = &report.sources[0];
    assert_eq!((source.in_quarantine, source.open, source.repaired, source.discarded), (3, 2, 0, 1));
    decide(2, &ids[0], 1).await;
    decide(3, "00000000000000000000000000000000", 1).await;
    decide(4, &ids[1], 2).await;
    let report = audit(&lake, &project.sources).await.unwrap();
    let broken: Vec<_> = report.breaks.iter().map(|one| (one.batches.join(","), one.detail.as_str())).collect();
    assert!(broken.contains(&("s/replay-1".into(), "1 rows were closed more than once")), "{broken:?}");
    assert!(broken.contains(&("s/replay-2".into(), "1 rows were closed more than once")), "{broken:?}");
    assert!(broken.contains(&("s/replay-3".into(), "1 rows were decided about that quarantine does not have")), "{broken:?}");
    assert!(
        broken.iter().any(|(batch, detail)| batch == "s/replay-4" && detail.contains("read 2 rows and decided about 1")),
        "{broken:?}"
    );
}

/// Something that is done with the store.
#[derive(Clone, Copy, Debug)]
enum Step {
    Import(bool),
    Replay(bool),
    Tell,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![any::<bool>().prop_map(Step::Import), any::<bool>().prop_map(Step::Replay), Just(Step::Tell)];
    prop::collection::vec(step, 0..7)
}

/// Rows of two files, with few values so that rows are equal within a file and between files.
fn contents() -> impl Strategy<Value = [Vec<[&'static str; 4]>; 2]> {
    let row = (prop::sample::select(vec!["x", "y"]), prop::sample::select(vec!["2026-01-02", "03.01.2026", "never"]))
        .prop_map(|(name, at)| [name, at, "1", "a@x.org"]);
    let rows = prop::collection::vec(row, 1..9);
    [rows.clone(), rows]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_order_of_imports_and_replays_the_facts_are_the_same(steps in steps(), files in contents()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut right, mut mixed) = (Project::new(), Project::new());
            for project in [&mut right, &mut mixed] {
                project.write("a.csv", csv(&files[0]));
                project.write("b.csv", csv(&files[1]));
                project.source("s", "files: '*.csv'", &[("events", RIGHT)]);
            }
            let (expected, lake) = (right.lake().await, mixed.lake().await);
            right.import(&expected).await.unwrap();
            for step in steps.iter().chain(&[Step::Import(true), Step::Replay(true)]) {
                let set = |project: &mut Project, is_right: bool| project.source("s", "files: '*.csv'", &[("events", if is_right { RIGHT } else { WRONG })]);
                match *step {
                    Step::Import(is_right) => {
                        set(&mut mixed, is_right);
                        mixed.import(&lake).await.unwrap();
                        assert_holds(&audit(&lake, &mixed.sources).await.unwrap());
                    }
                    Step::Replay(is_right) => {
                        set(&mut mixed, is_right);
                        replayed(&lake, &mixed, &all()).await;
                    }
                    Step::Tell => {
                        let told = replayed(&lake, &mixed, &Request { dry_run: true, ..all() }).await;
                        assert!(told.dry_run);
                    }
                }
            }
            let sql = "SELECT * EXCEPT (received_at, file, row_no) FROM events";
            assert_eq!(rows(&lake, sql).await, rows(&expected, sql).await, "{steps:?}");
            // What is open is what no mapping reads.
            assert_eq!(open(&lake).await, open(&expected).await);
        });
    }
}
