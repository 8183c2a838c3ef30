//! Expectations, drift and vanished columns end to end: what is told, what goes to quarantine, and that both equations hold.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use clew_intake::live::{BUDGET, Door, Payload};
use clew_intake::outcome::Outcome;
use clew_intake::spec::Format;
use clew_intake::{Alarm, ImportReport, OnFailure, Outcomes, Request, audit, replay};
use clew_lake::{Clock, Lake, OpenError, Options};
use clew_model::Timestamp;
use support::{Project, number, texts};

const EVENTS: &str = "SELECT id, name, 'web' AS channel, at AS occurred_at, amount, email AS identifier_email FROM raw";
const DAY: i64 = 86_400_000_000;
/// 2026-03-02, a Monday, at noon.
const MONDAY: i64 = 1_772_452_800_000_000;

/// A clock that a test sets.
#[derive(Debug)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

async fn lake_at(dir: &Path, clock: &Arc<HandClock>) -> Lake {
    loop {
        let clock: Arc<dyn Clock> = Arc::<HandClock>::clone(clock);
        match Lake::open(&dir.join(".clew"), Options { clock, ..Options::default() }).await {
            // Whoever was let go of has work in the background that ends now.
            Err(OpenError::Locked { .. }) => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}

/// Orders with ids of their own; every `empty`-th has no amount.
fn orders(batch: usize, rows: usize, empty: usize) -> String {
    let mut text = String::from("id,name,at,amount,email\n");
    for i in 0..rows {
        let amount = if i % empty == 0 { String::new() } else { format!("{}.5", (i * 7) % 100) };
        writeln!(text, "{batch}-{i:04},bought,2026-03-02 10:00:{:02},{amount},p{}@x.org", i % 60, i % 37).unwrap();
    }
    text
}

fn rules(report: &ImportReport) -> Vec<&str> {
    report.sources.iter().flat_map(|source| &source.alarms).map(|alarm| alarm.rule.as_str()).collect()
}

fn only(report: &ImportReport) -> &Alarm {
    let alarms = &report.sources[0].alarms;
    assert_eq!(alarms.len(), 1, "{alarms:#?}");
    &alarms[0]
}

async fn assert_holds(project: &Project, lake: &Lake) {
    let audit = audit(lake, &project.sources).await.unwrap();
    assert!(audit.holds, "{:#?}", audit.breaks);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_is_told_and_kept_out_where_the_source_says_so() {
    let mut project = Project::new();
    let mut text = orders(1, 20, 10_000);
    text.push_str(
        "1-0000,bought,2026-03-02 10:00:00,.5,p0@x.org\nx,bought,2026-03-02 10:00:00,-5,p1@x.org\ny,Bought,2026-03-02 10:00:00,7,\n",
    );
    text.push_str("z,bought,2026-03-02 10:00:00,9,\n");
    project.write("a.csv", text);
    project.source(
        "shop",
        "files: a.csv\nexpect:\n\
         - {field: amount, range: {min: 0}, severity: quarantine}\n\
         - {column: name, pattern: '[a-z_]+', severity: quarantine}\n\
         - {field: identifier_email, not_null: true}\n\
         - {field: id, unique: true}\n\
         - {sql: \"amount < 1000\", severity: quarantine}\n\
         - {name: whole, row_count: {min: 100}}\n\
         - {freshness: 1d}\n",
        &[("events", EVENTS)],
    );
    let clock = Arc::new(HandClock(AtomicI64::new(MONDAY + 3 * DAY)));
    let lake = lake_at(project.dir.path(), &clock).await;
    let report = project.import(&lake).await.unwrap();
    assert!(report.is_balanced());
    let file = &report.sources[0].files[0];
    assert_eq!((file.rows.read, file.rows.mapped, file.rows.unreadable), (24, 23, 1), "a row with a wrong name is set apart");
    let events = file.targets["events"];
    // The repeated id has other content: a conflict by itself.
    assert_eq!((events.produced, events.stored, events.quarantined, events.duplicate), (23, 21, 2, 0), "{events:?}");
    let mut told: Vec<(&str, u64, OnFailure)> =
        report.sources[0].alarms.iter().map(|alarm| (alarm.rule.as_str(), alarm.n, alarm.severity)).collect();
    told.sort_unstable_by_key(|(rule, ..)| *rule);
    assert_eq!(
        told,
        [
            ("freshness", 0, OnFailure::Warn),
            ("not_null identifier_email", 1, OnFailure::Warn),
            ("pattern name", 1, OnFailure::Quarantine),
            ("range amount", 1, OnFailure::Quarantine),
            ("unique id", 1, OnFailure::Warn),
            ("whole", 24, OnFailure::Warn),
        ]
    );
    let detail = texts(&lake, "SELECT detail FROM quarantine WHERE reason = 'expectation' ORDER BY detail").await;
    assert_eq!(detail.len(), 2);
    assert!(detail[1].contains("range amount") && !detail.iter().any(|detail| detail.contains("-5")), "{detail:?}");
    let raw = texts(&lake, "SELECT raw FROM quarantine WHERE reason = 'expectation' AND target = 'events'").await;
    assert!(raw[0].contains("\"amount\":\"-5\""), "{raw:?}");
    assert_eq!(number(&lake, "SELECT sum(failed) FROM checks WHERE rule = 'range amount'").await, 1);
    assert_eq!(number(&lake, "SELECT sum(failed) FROM checks WHERE rule = 'timely'").await, 23);
    assert_eq!(number(&lake, "SELECT count(DISTINCT alarm_id) FROM alarms").await, 6);
    assert_holds(&project, &lake).await;

    // The counts are those of every value, and no value is in a profile.
    assert_eq!(number(&lake, "SELECT sum(n) FROM field_quality WHERE target = 'events' AND field = 'amount'").await, 23);
    assert_eq!(number(&lake, "SELECT sum(nulls) FROM field_quality WHERE target IS NULL AND field = 'email'").await, 2);
    let profiles = texts(&lake, "SELECT profile FROM field_quality WHERE profile IS NOT NULL").await;
    assert!(profiles.len() > 5 && !profiles.iter().any(|profile| profile.contains("x.org")), "{profiles:?}");
    lake.close().await.unwrap();
    let lake = lake_at(project.dir.path(), &clock).await;
    assert_eq!(
        number(&lake, "SELECT sum(n) FROM field_quality WHERE target = 'events' AND field = 'amount'").await,
        23,
        "sealed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_vanishes_is_one_alarm_and_its_rows_wait_in_quarantine() {
    let mut project = Project::new();
    project.write("a.csv", orders(1, 60, 10_000));
    project.source("shop", "files: a.csv", &[("events", EVENTS)]);
    let lake = project.lake().await;
    let first = project.import(&lake).await.unwrap();
    assert_eq!((first.stored(), rules(&first)), (60, vec![]));

    project.write("a.csv", orders(2, 40, 10_000).replacen("email", "e_mail", 1));
    let report = project.import(&lake).await.unwrap();
    let alarm = only(&report);
    assert_eq!((alarm.rule.as_str(), alarm.field.as_deref(), alarm.n), ("column_missing", Some("email"), 40));
    assert!(alarm.severity == OnFailure::Quarantine && alarm.remedy.contains("e_mail"), "{alarm:?}");
    let file = &report.sources[0].files[0];
    assert!(report.is_balanced() && report.stored() == 0);
    assert_eq!((file.rows.read, file.rows.unreadable), (40, 40));
    assert_eq!(
        number(&lake, "SELECT count(*) FROM quarantine WHERE reason = 'column_missing' AND raw LIKE '%e_mail%'").await,
        40
    );
    assert_eq!(number(&lake, "SELECT count(*) FROM alarms WHERE rule = 'column_missing'").await, 1);
    assert_holds(&project, &lake).await;
    // The same file again: the rows are there once.
    assert_eq!(only(&project.import(&lake).await.unwrap()).rule, "column_missing");
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine").await, 40);
    assert_holds(&project, &lake).await;

    // With the mapping corrected, the file is taken as it is.
    project.source("shop", "files: a.csv", &[("events", &EVENTS.replace("email AS", "e_mail AS"))]);
    let report = project.import(&lake).await.unwrap();
    assert_eq!(report.stored(), 40);
    assert_eq!(rules(&report), ["new_column", "vanished_column"], "the structure did change: {report:#?}");
    assert_holds(&project, &lake).await;
}

/// Stored, duplicate, and refused again by a replay of all that is open.
async fn replayed(project: &Project, lake: &Lake) -> [u64; 3] {
    let request = Request { decided_by: "ann".into(), ..Request::default() };
    let report = replay(lake, &project.sources, &request).await.unwrap();
    assert_holds(project, lake).await;
    let Outcomes { stored, duplicate, quarantined, replaced, .. } = report.outcomes();
    [stored, duplicate, quarantined + replaced]
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_rows_are_held_against_the_expectations_of_today() {
    // Without ids of their own: a replayed row must be known again by the key that it had.
    let events = EVENTS.replacen("id, ", "", 1);
    let spec = |min: i64, name: &str| {
        format!(
            "files: a.csv\nexpect: [{{field: amount, range: {{min: {min}}}, severity: quarantine}}, \
             {{column: name, pattern: '{name}', severity: quarantine}}]"
        )
    };
    let mut project = Project::new();
    project.write(
        "a.csv",
        "name,at,amount,email\nbought,2026-03-02,-5,p@x.org\nBought,2026-03-02,7,q@x.org\nbought,2026-03-02,9,r@x.org\n",
    );
    project.source("shop", &spec(0, "[a-z]+"), &[("events", &events)]);
    let lake = project.lake().await;
    assert_eq!(project.import(&lake).await.unwrap().stored(), 1);
    let counted = number(&lake, "SELECT sum(n) FROM field_quality").await;
    assert_eq!(replayed(&project, &lake).await, [0, 0, 2], "nothing has changed");
    project.source("shop", &spec(-10, "[a-z]+"), &[("events", &events)]);
    assert_eq!(replayed(&project, &lake).await, [1, 0, 1]);
    project.source("shop", &spec(-10, "[A-Za-z]+"), &[("events", &events)]);
    assert_eq!(replayed(&project, &lake).await, [1, 0, 0]);
    assert_eq!(number(&lake, "SELECT sum(n) FROM field_quality").await, counted, "rows are counted when they come first");
    assert_eq!(project.import(&lake).await.unwrap().stored(), 0, "all of the file is there");

    // Rows of a vanished column keep their key, too.
    project.write("a.csv", "name,at,amount,e_mail\nbought,2026-03-03,1,s@x.org\nbought,2026-03-03,-50,t@x.org\n");
    assert_eq!(only(&project.import(&lake).await.unwrap()).rule, "column_missing");
    project.source("shop", &spec(-10, "[A-Za-z]+"), &[("events", &events.replace("email AS", "e_mail AS"))]);
    assert_eq!(replayed(&project, &lake).await, [1, 0, 1], "what does not pass is still kept out");
    assert_eq!(project.import(&lake).await.unwrap().stored(), 0);
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 4);
    assert_holds(&project, &lake).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_typing_could_not_read_or_repaired_is_counted_by_field() {
    let mut project = Project::new();
    project.write(
        "a.csv",
        "id,name,at,amount,email\n1,bought,2026-03-02,5,ANN@x.org\n2,bought,2026-03-02,five,bob@x.org\n3,bought,2026-03-02,,\n",
    );
    project.source("shop", "files: a.csv", &[("events", EVENTS)]);
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    let counts = "SELECT field || ' ' || concat_ws(' ', sum(n), sum(nulls), sum(invalid), sum(changed)) FROM field_quality \
                  WHERE target = 'events' AND field IN ('amount', 'identifier_email') GROUP BY field ORDER BY field";
    assert_eq!(texts(&lake, counts).await, ["amount 3 1 1 0", "identifier_email 3 1 0 1"], "a fact in quarantine is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_may_ask_to_refuse_and_a_mistyped_mapping_is_refused_anyway() {
    let mut project = Project::new();
    project.write("a.csv", orders(1, 60, 10_000));
    project.source("shop", "files: a.csv\non_missing_column: refuse", &[("events", EVENTS)]);
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    project.write("a.csv", orders(2, 40, 10_000).replacen("email", "e_mail", 1));
    let error = project.import(&lake).await.unwrap_err();
    assert!(error.is_refusal() && error.to_string().contains("no column email: did you mean e_mail?"), "{error}");
    // A name that the source never had is a mistake of the mapping.
    project.write("a.csv", orders(2, 40, 10_000));
    project.source("shop", "files: a.csv", &[("events", &EVENTS.replace("email AS", "emial AS"))]);
    let error = project.import(&lake).await.unwrap_err();
    assert!(error.to_string().contains("no column emial"), "{error}");
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_key_that_was_always_there_is_missing_when_no_row_has_it() {
    let rows = |batch: usize, key: &str, n: usize| -> String {
        (0..n).map(|i| format!("{{\"id\":\"{batch}-{i}\",\"name\":\"x\",\"{key}\":\"2026-03-02\"}}\n")).collect()
    };
    let mut project = Project::new();
    let sql = "SELECT id, name, 'web' AS channel, coalesce(at, '2026-01-01') AS occurred_at FROM raw";
    project.source("s", "files: a.jsonl", &[("events", sql)]);
    let lake = project.lake().await;
    project.write("a.jsonl", rows(1, "at", 100));
    assert_eq!(project.import(&lake).await.unwrap().stored(), 100);
    project.write("a.jsonl", rows(2, "at", 3) + &rows(3, "when", 5));
    assert_eq!(project.import(&lake).await.unwrap().stored(), 8, "a key may be left out");
    project.write("a.jsonl", rows(4, "when", 200));
    let report = project.import(&lake).await.unwrap();
    assert_eq!(report.stored(), 200, "since the key was missing before, its absence proves nothing: {report:#?}");

    let mut project = Project::new();
    project.source("s", "files: a.jsonl", &[("events", sql)]);
    let lake = project.lake().await;
    project.write("a.jsonl", rows(1, "at", 100));
    project.import(&lake).await.unwrap();
    project.write("a.jsonl", rows(4, "when", 200));
    let report = project.import(&lake).await.unwrap();
    assert_eq!((only(&report).rule.as_str(), report.stored()), ("column_missing", 0));
    assert!(report.is_balanced());
    assert_holds(&project, &lake).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_held_against_those_before() {
    let mut project = Project::new();
    project.source("shop", "files: a.csv", &[("events", EVENTS)]);
    let clock = Arc::new(HandClock(AtomicI64::new(MONDAY)));
    let lake = lake_at(project.dir.path(), &clock).await;
    for batch in 0..5 {
        clock.0.store(MONDAY + 7 * batch * DAY, Ordering::Relaxed);
        project.write("a.csv", orders(batch as usize, 400 + batch as usize, 20));
        assert_eq!(rules(&project.import(&lake).await.unwrap()), Vec::<&str>::new(), "batch {batch}");
        // The same again stores nothing, and says nothing.
        assert_eq!(rules(&project.import(&lake).await.unwrap()), Vec::<&str>::new(), "batch {batch} again");
    }
    clock.0.store(MONDAY + 35 * DAY, Ordering::Relaxed);
    project.write("a.csv", orders(9, 100, 2));
    let report = project.import(&lake).await.unwrap();
    assert_eq!(rules(&report), ["null_rate", "volume"], "{report:#?}");
    let alarm = &report.sources[0].alarms[0];
    assert_eq!((alarm.target.as_deref(), alarm.field.as_deref(), alarm.n), (Some("events"), Some("amount"), 100));
    assert!(alarm.before.unwrap() < 0.06 && (alarm.after.unwrap() - 0.5).abs() < 1e-9, "{alarm:?}");
    assert_eq!(number(&lake, "SELECT count(*) FROM alarms WHERE kind = 'drift'").await, 2);

    project.source("shop", "files: a.csv\ndrift: {enabled: false}", &[("events", EVENTS)]);
    project.write("a.csv", orders(10, 100, 2));
    assert_eq!(rules(&project.import(&lake).await.unwrap()), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_column_widens_with_its_values_and_says_so() {
    let mut project = Project::new();
    let sql = "SELECT id, 'x' AS name, 'web' AS channel, '2026-01-01' AS occurred_at, delay AS property_delay FROM raw";
    let expect = "expect: [{sql: 'p_delay < 100', target: events}]";
    project.source("s", &format!("files: '*.csv'\ncolumns: {{delay: int}}\n{expect}"), &[("events", sql)]);
    let lake = project.lake().await;
    let delays = async || texts(&lake, "SELECT p_delay FROM events ORDER BY event_id").await;
    project.write("a.csv", "id,delay\n1,5\n2,7\n");
    assert_eq!(rules(&project.import(&lake).await.unwrap()), Vec::<&str>::new());
    lake.seal().await.unwrap();
    assert_eq!(delays().await, ["5", "7"]);
    // Numbers that are no integers: nothing is refused, all of it is read together, and it is told.
    project.write("b.csv", "id,delay\n3,5.5\n4,6\n");
    let report = project.import(&lake).await.unwrap();
    assert_eq!((report.stored(), rules(&report)), (2, vec!["widened_to_decimal"]));
    let alarm = &report.sources[0].alarms[0];
    assert_eq!((alarm.field.as_deref(), alarm.n), (Some("p_delay"), 2));
    assert!(alarm.detail.contains("was int and is decimal") && alarm.remedy.contains("columns: {delay: decimal}"), "{alarm:?}");
    assert_eq!(number(&lake, "SELECT sum(p_delay) > 23.4 AND sum(p_delay) < 23.6 FROM events").await, 1);
    lake.seal().await.unwrap();
    assert_eq!(delays().await, ["5.0000", "7.0000", "5.5000", "6.0000"]);
    // A stray waits in quarantine; the expectation goes on over the wider numbers.
    project.write("c.csv", "id,delay\n5,soon\n6,8\n7,300.25\n");
    let report = project.import(&lake).await.unwrap();
    assert_eq!((report.stored(), report.sources[0].files[2].targets["events"].quarantined), (2, 1));
    assert_eq!(rules(&report), ["sql p_delay < 100"], "{report:#?}");
    // The property has become another thing.
    project.write("d.csv", "id,delay\n8,soon\n9,late\n10,4\n");
    let report = project.import(&lake).await.unwrap();
    assert_eq!((report.stored(), rules(&report)), (3, vec!["sql p_delay < 100", "widened_to_text"]));
    let all = ["4", "5", "7", "5.5", "6", "8", "300.25", "soon", "late"];
    let ordered = "SELECT p_delay FROM events ORDER BY CASE event_id WHEN '10' THEN '0' ELSE event_id END";
    // Until the seal a query casts as it reads.
    lake.seal().await.unwrap();
    assert_eq!(texts(&lake, ordered).await, all);
    assert_eq!(number(&lake, "SELECT count(*) FROM alarms WHERE rule LIKE 'widened%'").await, 2);
    // Another declaration: the same column, no second name.
    project.source("s", "files: '*.csv'\ncolumns: {delay: text}", &[("events", sql)]);
    project.write("e.csv", "id,delay\n91,03\n");
    // What was a stray fits now.
    assert_eq!(project.import(&lake).await.unwrap().stored(), 2);
    assert_eq!(texts(&lake, "SELECT p_delay FROM events WHERE event_id IN ('5', '91') ORDER BY event_id").await, ["soon", "03"]);
    assert_holds(&project, &lake).await;
    lake.close().await.unwrap();
    let lake = project.lake().await;
    assert_eq!(texts(&lake, ordered).await.len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_column_widens_but_strangers_make_none_text() {
    let mut project = Project::new();
    let sql = "SELECT id, 'x' AS name, 'web' AS channel, '2026-01-01T00:00:00Z' AS occurred_at, delay AS property_delay FROM raw";
    project.source("hooks", "api: rows\ncolumns: {delay: int}", &[("events", sql)]);
    project.source("site", "api: tracking\ncolumns: {delay: int}", &[]);
    let lake = project.lake().await;
    let door = Door::open(&lake, &project.sources, BUDGET);
    post(&door, "id,delay\n1,5\n").await;
    assert_eq!(post(&door, "id,delay\n2,5.25\n").await, [Outcome::Stored]);
    assert_eq!(texts(&lake, "SELECT p_delay FROM events ORDER BY event_id").await, ["5.0000", "5.2500"]);
    let site = Arc::clone(door.source("site").unwrap());
    let call = async |id: &str, delay: &str| {
        let body = format!(r#"{{"type":"track","event":"e","userId":"u","messageId":"{id}","properties":{{"delay":{delay}}}}}"#);
        let payload = Payload::Tracking(clew_intake::tracking::Call::One(clew_intake::tracking::Kind::Track));
        door.take(&site, payload, body.into_bytes(), door.reserve()).await.unwrap().outcomes.remove(0)
    };
    assert_eq!(call("m1", "6.5").await, Outcome::Stored);
    assert!(matches!(call("m2", "\"soon\"").await, Outcome::Quarantined { code: "invalid_number", .. }));
    assert_eq!(post(&door, "id,delay\n3,soon\n4,late\n").await, [Outcome::Stored, Outcome::Stored]);
    door.close().await;
    lake.seal().await.unwrap();
    assert_eq!(
        texts(&lake, "SELECT p_delay FROM events WHERE source = 'hooks' ORDER BY event_id").await,
        ["5", "5.25", "soon", "late"]
    );
    let told = texts(&lake, "SELECT source || ' ' || rule FROM alarms ORDER BY at, rule").await;
    assert_eq!(told, ["hooks widened_to_decimal", "hooks widened_to_text"]);
    assert_holds(&project, &lake).await;
}

async fn post(door: &Door, body: &str) -> Vec<Outcome> {
    let source = Arc::clone(door.source("hooks").unwrap());
    let answer = door.take(&source, Payload::Rows(Format::Csv), body.as_bytes().to_vec(), door.reserve()).await;
    answer.unwrap().outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn unique_holds_across_restarts_within_a_day() {
    let mut project = Project::new();
    project.source("hooks", "api: rows\nexpect: [{field: id, unique: true}]", &[("events", EVENTS)]);
    let clock = Arc::new(HandClock(AtomicI64::new(MONDAY)));
    let row = |id: &str| format!("id,name,at,amount,email\n{id},bought,2026-03-02,1,a@x.org\n");
    let failed = async |lake: &Lake| number(lake, "SELECT coalesce(sum(failed), 0) FROM checks WHERE rule = 'unique id'").await;
    let lake = lake_at(project.dir.path(), &clock).await;
    let door = Door::open(&lake, &project.sources, BUDGET);
    post(&door, &row("a")).await;
    post(&door, &row("b")).await;
    assert_eq!(failed(&lake).await, 0);
    // Nothing was closed, as after a crash: the values are where their rows are.
    drop(door);
    drop(lake);
    let lake = lake_at(project.dir.path(), &clock).await;
    let door = Door::open(&lake, &project.sources, BUDGET);
    post(&door, &row("c")).await;
    assert_eq!(failed(&lake).await, 0);
    post(&door, &row("b")).await;
    assert_eq!(failed(&lake).await, 1);
    door.close().await;
    // Another server on the same day.
    let door = Door::open(&lake, &project.sources, BUDGET);
    post(&door, &row("c")).await;
    assert_eq!(failed(&lake).await, 2);
    // The next day begins anew, and forgets.
    clock.0.store(MONDAY + DAY, Ordering::Relaxed);
    post(&door, &row("c")).await;
    assert_eq!(failed(&lake).await, 2);
    assert_eq!(lake.batches().positions("hooks", "unique/").unwrap().len(), 1);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_tracking_properties_are_watched_by_day() {
    let mut project = Project::new();
    project.source("site", "api: tracking", &[]);
    let clock = Arc::new(HandClock(AtomicI64::new(MONDAY)));
    let lake = lake_at(project.dir.path(), &clock).await;
    let door = Door::open(&lake, &project.sources, BUDGET);
    let site = Arc::clone(door.source("site").unwrap());
    let send = async |day: i64, price: &str| {
        let messages: Vec<String> = (0..200)
            .map(|n| {
                format!(
                    r#"{{"type":"track","event":"bought","userId":"u{n}","messageId":"{day}-{n}","properties":{{"sku":"s{}",{price}}}}}"#,
                    n % 7
                )
            })
            .collect();
        let body = format!(r#"{{"batch":[{}]}}"#, messages.join(","));
        let payload = Payload::Tracking(clew_intake::tracking::Call::Batch);
        let answer = door.take(&site, payload, body.into_bytes(), door.reserve()).await.unwrap();
        assert!(answer.outcomes.iter().all(|outcome| *outcome == Outcome::Stored), "{answer:?}");
    };
    for day in 0..4 {
        clock.0.store(MONDAY + day * DAY, Ordering::Relaxed);
        send(day, r#""price":12"#).await;
    }
    let keys = "SELECT rule || ' ' || field FROM alarms WHERE rule LIKE '%property' ORDER BY 1";
    clock.0.store(MONDAY + 4 * DAY, Ordering::Relaxed);
    send(4, r#""amount":"twelve""#).await;
    clock.0.store(MONDAY + 5 * DAY, Ordering::Relaxed);
    send(5, r#""price":12"#).await;
    door.close().await;
    assert_eq!(texts(&lake, keys).await, ["new_property properties.amount", "vanished_property properties.price"]);
    assert_holds(&project, &lake).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_keeps_out_tells_and_looks_back_on_the_day_before() {
    let mut project = Project::new();
    project.source(
        "hooks",
        "api: rows\nexpect: [{field: amount, range: {min: 0}, severity: quarantine}, {field: id, unique: true}, {row_count: {min: 120}}]",
        &[("events", EVENTS)],
    );
    let clock = Arc::new(HandClock(AtomicI64::new(MONDAY)));
    let lake = lake_at(project.dir.path(), &clock).await;
    let door = Door::open(&lake, &project.sources, BUDGET);
    // What the source never sent cannot have vanished: it is the sender's mistake.
    let source = Arc::clone(door.source("hooks").unwrap());
    let body = orders(99, 10, 10_000).replacen("email", "e_mail", 1).into_bytes();
    let refused = door.take(&source, Payload::Rows(Format::Csv), body, door.reserve()).await.unwrap_err();
    assert!(refused.to_string().contains("no column email"), "{refused}");
    for day in 0..6 {
        clock.0.store(MONDAY + day * DAY, Ordering::Relaxed);
        // On the last day half of the amounts are missing.
        let outcomes = post(&door, &orders(day as usize, 200, if day == 5 { 2 } else { 20 })).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Stored));
    }
    let bad = post(&door, "id,name,at,amount,email\nbad,bought,2026-03-02,-1,a@x.org\n").await;
    assert!(matches!(&bad[0], Outcome::Quarantined { code: "expectation", .. }), "{bad:?}");
    post(&door, "id,name,at,amount,email\nbad2,bought,2026-03-02,-1,a@x.org\n").await;
    assert_eq!(number(&lake, "SELECT count(*) FROM alarms WHERE rule = 'range amount'").await, 1, "once a batch");
    assert_eq!(number(&lake, "SELECT sum(failed) FROM checks WHERE rule = 'range amount'").await, 2);
    assert_eq!(number(&lake, "SELECT count(*) FROM alarms WHERE kind = 'drift'").await, 0, "the day is not over");

    // A renamed column over HTTP: the rows are taken, and wait in quarantine.
    let renamed = post(&door, &orders(77, 30, 10_000).replacen("email", "e_mail", 1)).await;
    assert!(renamed.iter().all(|outcome| matches!(outcome, Outcome::Quarantined { code: "column_missing", .. })), "{renamed:?}");
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine WHERE reason = 'column_missing'").await, 30);
    assert_eq!(texts(&lake, "SELECT field FROM alarms WHERE rule = 'column_missing'").await, ["email"]);

    clock.0.store(MONDAY + 6 * DAY, Ordering::Relaxed);
    post(&door, &orders(6, 10, 20)).await;
    door.close().await;
    let told = texts(&lake, "SELECT rule || ' ' || coalesce(field, '-') FROM alarms WHERE kind = 'drift' ORDER BY 1").await;
    assert_eq!(told, ["column_missing email", "null_rate amount"], "{told:?}");
    // A server that is started again finds the same and tells it once; ten rows of that day are too few.
    clock.0.store(MONDAY + 7 * DAY, Ordering::Relaxed);
    let door = Door::open(&lake, &project.sources, BUDGET);
    post(&door, &orders(8, 10, 20)).await;
    door.close().await;
    assert_eq!(number(&lake, "SELECT count(*) FROM alarms WHERE rule = 'null_rate'").await, 1);
    assert_eq!(number(&lake, "SELECT count(*) FROM alarms WHERE rule = 'row_count'").await, 1);
    assert!(number(&lake, "SELECT count(*) FROM field_quality WHERE profile IS NOT NULL").await > 20, "profiles are written");
    assert_holds(&project, &lake).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_fresh_a_day_was_does_not_change_when_a_server_is_started_again() {
    const HOUR: i64 = DAY / 24;
    let mut project = Project::new();
    project.source("hooks", "api: rows\nexpect: [{freshness: 2h}]", &[("events", EVENTS)]);
    let clock = Arc::new(HandClock(AtomicI64::new(MONDAY)));
    let lake = lake_at(project.dir.path(), &clock).await;
    let told = async || number(&lake, "SELECT count(*) FROM alarms WHERE rule = 'freshness'").await;
    let send = async |batch: usize, at: i64| {
        clock.0.store(at, Ordering::Relaxed);
        let door = Door::open(&lake, &project.sources, BUDGET);
        post(&door, &orders(batch, 5, 10_000)).await;
        door.close().await;
    };
    // The last rows of Monday come at 23:30, the next at half past midnight.
    let evening = MONDAY + 11 * HOUR + HOUR / 2;
    send(0, evening).await;
    send(1, evening + HOUR).await;
    assert_eq!(told().await, 0);
    send(2, evening + 18 * HOUR).await;
    assert_eq!(told().await, 0, "a server that is started at six in the evening finds what was found at night");
    // After Tuesday nothing comes for ten hours.
    send(3, evening + 34 * HOUR).await;
    assert_eq!(told().await, 1);
    assert_eq!(number(&lake, "SELECT CAST(after AS BIGINT) FROM alarms WHERE rule = 'freshness'").await, 16 * 3_600);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_share_their_profiles() {
    let mut project = Project::new();
    for file in 0..40 {
        project.write(&format!("{file}.csv"), orders(file, 10, 10_000));
    }
    project.source("shop", "files: '*.csv'", &[("events", EVENTS)]);
    let lake = project.lake().await;
    assert_eq!(project.import(&lake).await.unwrap().stored(), 400);
    assert_eq!(number(&lake, "SELECT count(DISTINCT chunk) FROM field_quality WHERE profile IS NOT NULL").await, 3);
    assert_eq!(number(&lake, "SELECT sum(n) FROM field_quality WHERE target = 'events' AND field = 'amount'").await, 400);
    assert_holds(&project, &lake).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_as_fresh_as_what_they_say_and_not_as_their_arrival() {
    let mut project = Project::new();
    project.write("a.csv", "id,city,since\n1,Cork,2026-01-01\n");
    let records = "SELECT id, city, since AS valid_from FROM raw";
    project.source("crm", "files: a.csv\nexpect: [{freshness: 2d}]", &[("records", records)]);
    let clock = Arc::new(HandClock(AtomicI64::new(MONDAY)));
    let lake = lake_at(project.dir.path(), &clock).await;
    assert_eq!(only(&project.import(&lake).await.unwrap()).rule, "freshness");
}
