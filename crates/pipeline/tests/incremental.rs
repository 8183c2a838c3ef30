//! Incremental = full, equal to the row: facts that come in several parts, with a run after each, give the same derived tables
//! as the same facts in one part with one run. Also: nothing new, nothing done; a rerun keeps person ids.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, StructBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clew_identity::{Rules, canonical::SubjectBuffer, subject_of};
use clew_insight::metric::Metric;
use clew_lake::{Chunk, FactBatch, FixedClock, Lake, Mode as LakeMode, Options, RowCounts};
use clew_model::{BatchId, Timestamp};
use clew_pipeline::online::{OnlineIdentity, dump};
use clew_pipeline::{Definitions, Mode, RunOptions, Step, registry, run};

/// An interaction: person's e-mail and device, minute, name, order, amount; or an answer with a score.
#[derive(Clone, Debug)]
struct Fact {
    id: u64,
    email: Option<u64>,
    device: Option<u64>,
    minute: i64,
    order: u64,
    score: Option<f64>,
    name: &'static str,
}

const NAMES: [&str; 5] = ["page_viewed", "product_viewed", "order_placed", "order_delivered", "delivery_failed"];

/// A repeatable company: a multiplicative congruential generator draws everything.
fn company(seed: u64, n: u64) -> Vec<Fact> {
    let mut state = seed;
    let mut draw = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..n)
        .map(|id| {
            let person = draw(60);
            let shown = draw(4);
            Fact {
                id,
                email: (shown != 0).then_some(person),
                // A device used by two people now and then, and anonymous visits that only it ties to a person.
                device: (shown < 2).then_some(person / 2 * 2 + draw(20) / 19),
                minute: draw(400_000) as i64,
                order: person * 10 + draw(3),
                score: (draw(5) == 0).then(|| draw(12) as f64),
                name: NAMES[draw(5) as usize],
            }
        })
        .collect()
}

fn options() -> Options {
    Options {
        seal_interval: Duration::from_hours(1),
        clock: Arc::new(FixedClock(Timestamp::from_micros(1_700_000_000_000_000))),
        threads: 2,
        extensions: registry(),
        ..Options::default()
    }
}

fn definitions() -> Definitions {
    let metric: Metric = serde_json::from_value(serde_json::json!({
        "name": "nps", "kind": "nps", "period": "month", "slices": ["channel"], "drivers": {}
    }))
    .unwrap();
    Definitions {
        timezone: "America/Sao_Paulo".to_owned(),
        currency: Some("BRL".to_owned()),
        language: Some("en".to_owned()),
        value_events: vec!["order_placed".to_owned()],
        rules: Rules::default(),
        journey: clew_journey::Definition::default(),
        metrics: vec![metric],
        seed: 7,
    }
}

fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn times(minutes: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(minutes.into_iter().map(micros)).with_timezone("UTC"))
}

fn micros(minute: i64) -> i64 {
    1_600_000_000_000_000 + minute * 60_000_000
}

fn pairs(fact: &Fact) -> Vec<(&'static str, String)> {
    let email = fact.email.map(|email| ("email", format!("p{email}@example.com")));
    let device = fact.device.map(|device| ("device_id", format!("d{device}")));
    // Sorted by type: the order of the table.
    device.into_iter().chain(email).collect()
}

fn identifiers(facts: &[Fact]) -> ArrayRef {
    let fields = Fields::from(vec![Field::new("type", DataType::Utf8, true), Field::new("value", DataType::Utf8, true)]);
    let mut lists = ListBuilder::new(StructBuilder::from_fields(fields.clone(), 0)).with_field(Field::new(
        "element",
        DataType::Struct(fields),
        true,
    ));
    for fact in facts {
        for (kind, value) in pairs(fact) {
            lists.values().field_builder::<StringBuilder>(0).unwrap().append_value(kind);
            lists.values().field_builder::<StringBuilder>(1).unwrap().append_value(value);
            lists.values().append(true);
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn subjects(facts: &[Fact]) -> ArrayRef {
    let rules = Rules::default().compile().unwrap();
    let mut buffer = SubjectBuffer::default();
    let of = |fact: &Fact| {
        let pairs = pairs(fact);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
        (!pairs.is_empty()).then(|| subject_of(&rules, ("customer", "shop"), &pairs, 0, &mut buffer)).flatten()
    };
    Arc::new(facts.iter().map(of).collect::<Int64Array>())
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn events(facts: &[Fact]) -> RecordBatch {
    let n = facts.len();
    let amounts = Decimal128Array::from_iter(facts.iter().map(|fact| (fact.id % 3 == 0).then_some(i128::from(fact.id) * 10_000)));
    batch(vec![
        ("event_id", texts(facts.iter().map(|fact| format!("e{}", fact.id)))),
        ("source", texts(vec!["shop"; n])),
        ("population", texts(vec!["customer"; n])),
        ("subject", subjects(facts)),
        ("name", texts(facts.iter().map(|fact| fact.name))),
        ("channel", texts(facts.iter().map(|fact| if fact.id % 2 == 0 { "web" } else { "app" }))),
        ("occurred_at", times(facts.iter().map(|fact| fact.minute))),
        ("received_at", times(facts.iter().map(|_| 500_000))),
        ("identifiers", identifiers(facts)),
        ("reference", texts(facts.iter().map(|fact| format!("o{}", fact.order)))),
        ("amount", Arc::new(amounts.with_precision_and_scale(18, 4).unwrap())),
        ("currency", texts(vec!["BRL"; n])),
    ])
}

fn responses(facts: &[Fact]) -> RecordBatch {
    let n = facts.len();
    let word = |fact: &Fact| {
        if fact.score.unwrap_or(0.0) > 6.0 { "Great service, thank you" } else { "It came late and nobody answered" }
    };
    batch(vec![
        ("response_id", texts(facts.iter().map(|fact| format!("r{}", fact.id)))),
        ("source", texts(vec!["survey"; n])),
        ("population", texts(vec!["customer"; n])),
        ("subject", subjects(facts)),
        ("survey", texts(vec!["after"; n])),
        ("question", texts(vec!["recommend"; n])),
        ("kind", texts(vec!["nps"; n])),
        ("score", Arc::new(facts.iter().map(|fact| fact.score).collect::<Float64Array>())),
        ("text", texts(facts.iter().map(word))),
        ("respondent", texts(vec!["customer"; n])),
        ("identifiers", identifiers(facts)),
        ("channel", texts(vec!["email"; n])),
        ("about_reference", texts(facts.iter().map(|fact| format!("o{}", fact.order)))),
        ("answered_at", times(facts.iter().map(|fact| fact.minute + 1_000))),
        ("received_at", times(facts.iter().map(|_| 500_000))),
    ])
}

async fn append(lake: &Lake, part: i64, facts: &[Fact]) {
    let answered: Vec<Fact> = facts.iter().filter(|fact| fact.score.is_some()).cloned().collect();
    for (source, table, rows) in [("shop", "events", events(facts)), ("survey", "responses", responses(&answered))] {
        let n = rows.num_rows() as u64;
        let mut chunk = Chunk::new(source, BatchId::new(source, part as u64 + 1), 0, LakeMode::Append);
        chunk.rows = RowCounts { read: n, mapped: n, skipped: 0, unreadable: 0 };
        chunk.facts = vec![FactBatch { table, produced: n, content: (0..n).collect(), rows, quarantined: 0, rejected: 0 }];
        lake.append(chunk).await.unwrap();
    }
}

const DERIVED: [&str; 14] = [
    "subjects",
    "persons",
    "identifiers",
    "links",
    "households",
    "attributes",
    "profiles",
    "steps",
    "journeys",
    "transitions",
    "stages",
    "scores",
    "comments",
    "drivers",
];

/// Every derived table as sorted lines. Person ids are part of it: they must not depend on how the facts came.
async fn tables(lake: &Lake) -> BTreeMap<&'static str, Vec<String>> {
    let session = lake.session();
    let mut all = BTreeMap::new();
    for table in DERIVED {
        let batches = session.sql(&format!("SELECT * FROM {table}")).await.unwrap().collect().await.unwrap();
        let mut lines = Vec::new();
        for batch in &batches {
            let options = FormatOptions::new().with_null("-");
            let columns: Vec<_> =
                batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
            lines.extend(
                (0..batch.num_rows())
                    .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|")),
            );
        }
        lines.sort();
        all.insert(table, lines);
    }
    all
}

async fn lake_of(folder: &Path, parts: &[&[Fact]], full: bool) -> Lake {
    let lake = Lake::open(folder, options()).await.unwrap();
    for (number, part) in parts.iter().enumerate() {
        append(&lake, number as i64, part).await;
        run(&lake, &definitions(), RunOptions { only: None, full }, &()).await.unwrap();
    }
    lake
}

#[tokio::test]
async fn parts_with_a_run_after_each_equal_one_run_over_everything() {
    let folder = tempfile::tempdir().unwrap();
    // Old facts first, then new ones and one late one: a few people only, so that few buckets are touched.
    let mut facts = company(11, 900);
    facts.sort_by_key(|fact| fact.minute);
    let late = facts.remove(10);
    let (first, rest) = facts.split_at(890);
    let last: Vec<Fact> = rest.iter().cloned().chain([late]).collect();
    let stepwise = lake_of(&folder.path().join("stepwise"), &[first, &last], false).await;
    let whole = lake_of(&folder.path().join("whole"), &[&[first, &last].concat()], false).await;
    let (stepwise_tables, whole_tables) = (tables(&stepwise).await, tables(&whole).await);
    for table in DERIVED {
        assert_eq!(stepwise_tables[table], whole_tables[table], "{table}");
        assert!(!whole_tables[table].is_empty() || ["households", "attributes"].contains(&table), "{table} is empty");
    }
    let modes = stepwise.session().sql("SELECT mode FROM runs WHERE step = 'journeys'").await.unwrap().collect().await.unwrap();
    let modes = arrow::util::pretty::pretty_format_batches(&modes).unwrap().to_string();
    assert!(modes.contains("incremental"), "the second run did everything again:\n{modes}");
}

#[tokio::test]
async fn a_full_rerun_gives_the_same_rows_and_an_idle_one_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let facts = company(5, 400);
    let lake = lake_of(folder.path(), &[&facts], false).await;
    let before = tables(&lake).await;
    let idle = run(&lake, &definitions(), RunOptions::default(), &()).await.unwrap();
    assert!(idle.steps.iter().all(|step| step.mode == Mode::Unchanged), "{idle:?}");
    run(&lake, &definitions(), RunOptions { only: None, full: true }, &()).await.unwrap();
    assert_eq!(before, tables(&lake).await);
}

#[tokio::test]
async fn an_empty_lake_runs_and_gives_empty_tables() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_of(folder.path(), &[&[]], false).await;
    for (table, lines) in tables(&lake).await {
        assert!(lines.is_empty() || table == "stages", "{table}: {lines:?}");
    }
}

/// Scores off the scale are counted, not clipped; the score's slices and the whole agree.
#[tokio::test]
async fn scores_count_what_is_off_the_scale() {
    let folder = tempfile::tempdir().unwrap();
    let facts = company(3, 600);
    let off = facts.iter().filter(|fact| fact.score.is_some_and(|score| score > 10.0)).count();
    assert!(off > 0);
    let lake = lake_of(folder.path(), &[&facts], false).await;
    let sql = "SELECT s.out_of_scale, s.n, s.estimate = (SELECT nps(score) FROM responses) AS same FROM scores s \
               WHERE slice_by = 'all' AND period = 'all'";
    let batches = lake.session().sql(sql).await.unwrap().collect().await.unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    let answered = facts.iter().filter(|fact| fact.score.is_some()).count();
    assert!(
        text.contains(&format!("| {off} ")) && text.contains(&format!("{} ", answered - off)) && text.contains("true"),
        "{text}"
    );
}

/// A lake whose write path decides who is who, under these rules.
async fn online_lake(folder: &Path, rules: &Rules) -> Lake {
    let mut options = options();
    OnlineIdentity::new(rules).unwrap().register(&mut options);
    Lake::open(folder, options).await.unwrap()
}

/// Who is whom in `table`, whatever the persons are called.
async fn partition(lake: &Lake, table: &str) -> Vec<Vec<i64>> {
    let sql = format!("SELECT array_agg(subject ORDER BY subject) AS subjects FROM {table} GROUP BY person_id");
    let mut groups = Vec::new();
    for batch in lake.session().sql(&sql).await.unwrap().collect().await.unwrap() {
        let lists = clew_pipeline::columns::Columns(&batch).int_lists("subjects").unwrap();
        groups.extend((0..batch.num_rows()).map(|row| lists.get(row).into_iter().flatten().collect::<Vec<i64>>()));
    }
    groups.sort();
    groups
}

#[tokio::test]
async fn the_index_of_the_write_path_is_the_same_however_it_came_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut facts = company(11, 600);
    facts.sort_by_key(|fact| fact.minute);
    let parts: Vec<&[Fact]> = facts.chunks(100).collect();
    let (rules, other) = (Rules::default(), Rules { shared_after: Some(9), ..Rules::default() });
    let store = folder.path().join("online");
    let lake = online_lake(&store, &rules).await;
    let online = |lake: &Lake| OnlineIdentity::of(lake).unwrap().answers();
    let kept = |lake: &Lake| dump(&lake.index().unwrap()).unwrap();
    for (number, part) in (0..).zip(&parts) {
        append(&lake, number, part).await;
        if number == 2 {
            run(&lake, &definitions(), RunOptions::default(), &()).await.unwrap();
            assert!(online(&lake).subjects.is_empty(), "the run has answered for all of them");
            assert_eq!(partition(&lake, "subjects_current").await, partition(&lake, "subjects").await);
        }
    }
    let (before, shown) = (kept(&lake), online(&lake));
    assert!(!shown.founded.is_empty() && !shown.subjects.is_empty());
    drop(lake);
    let lake = online_lake(&store, &rules).await;
    assert_eq!((kept(&lake), online(&lake)), (before, shown), "read back as it was kept");
    // What the run makes of it is what a store without a write path of its own has.
    run(&lake, &definitions(), RunOptions::default(), &()).await.unwrap();
    let plain = lake_of(&folder.path().join("plain"), &[&facts], false).await;
    assert_eq!(partition(&lake, "subjects_current").await, partition(&plain, "subjects").await);
    let base = kept(&lake);
    drop(lake);
    // Other rules begin with nothing; under the old ones a run makes all of it anew, although no fact is new.
    let lake = online_lake(&store, &other).await;
    assert!(kept(&lake).is_empty() && lake.index_base().unwrap().is_none());
    drop(lake);
    let lake = online_lake(&store, &rules).await;
    let report = run(&lake, &definitions(), RunOptions::default(), &()).await.unwrap();
    assert_eq!(report.steps[0].mode, Mode::Full);
    assert_eq!(kept(&lake), base);
    assert!(report.steps[1..].iter().all(|step| step.mode == Mode::Unchanged), "{report:?}");
}

/// What a source says about two people of each population: their e-mail addresses.
fn records(said: &[(&str, &str, &[&str])], content: u64) -> Chunk {
    let fields = Fields::from(vec![Field::new("type", DataType::Utf8, true), Field::new("value", DataType::Utf8, true)]);
    let element = Field::new("element", DataType::Struct(fields.clone()), true);
    let mut lists = ListBuilder::new(StructBuilder::from_fields(fields, 0)).with_field(element);
    for email in said.iter().map(|(.., emails)| *emails) {
        for email in email {
            lists.values().field_builder::<StringBuilder>(0).unwrap().append_value("email");
            lists.values().field_builder::<StringBuilder>(1).unwrap().append_value(email);
            lists.values().append(true);
        }
        lists.append(true);
    }
    let n = said.len();
    let rows = batch(vec![
        ("record_id", texts(said.iter().map(|(id, ..)| id))),
        ("source", texts(vec!["crm"; n])),
        ("population", texts(said.iter().map(|(_, population, _)| population))),
        ("subject", Arc::new(said.iter().map(|(id, ..)| id[1..].parse::<i64>().ok()).collect::<Int64Array>())),
        ("kind", texts(vec!["person"; n])),
        ("content", texts(vec![format!("{content}"); n])),
        ("identifiers", Arc::new(lists.finish())),
        ("valid_from", times(vec![content as i64; n])),
        ("received_at", times(vec![500_000; n])),
    ]);
    let n = n as u64;
    let mut chunk = Chunk::new("crm", BatchId::new("crm", content), 0, LakeMode::Append);
    chunk.rows = RowCounts { read: n, mapped: n, skipped: 0, unreadable: 0 };
    chunk.facts =
        vec![FactBatch { table: "records", produced: n, content: vec![content; n as usize], rows, quarantined: 0, rejected: 0 }];
    chunk
}

/// Subject and population of what the write path shows.
async fn populations(lake: &Lake) -> Vec<String> {
    let sql = "SELECT subject, population FROM online_subjects ORDER BY subject";
    let batches = lake.session().sql(sql).await.unwrap().collect().await.unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    text.lines()
        .filter(|line| line.contains("customer") || line.contains("employee"))
        .map(|line| line.replace([' ', '|'], ""))
        .collect()
}

#[tokio::test]
async fn people_of_the_run_that_become_one_keep_their_population_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let lake = online_lake(folder.path(), &Rules::default()).await;
    let four: [(&str, &str, &[&str]); 4] = [
        ("r1", "customer", &["ann@x.org"]),
        ("r2", "customer", &["bob@x.org"]),
        ("r3", "employee", &["cat@x.org"]),
        ("r4", "employee", &["dan@x.org"]),
    ];
    lake.append(records(&four, 1)).await.unwrap();
    run(&lake, &definitions(), RunOptions { only: Some(Step::Identity), full: false }, &()).await.unwrap();
    assert!(populations(&lake).await.is_empty(), "the run has answered for all of them");
    // A new version of a known record brings two people together, in each population: the heir has no new subject of its own.
    let news: [(&str, &str, &[&str]); 2] =
        [("r1", "customer", &["ann@x.org", "bob@x.org"]), ("r3", "employee", &["cat@x.org", "dan@x.org"])];
    lake.append(records(&news, 2)).await.unwrap();
    let before = populations(&lake).await;
    assert_eq!(before.len(), 2, "{before:?}");
    assert!(before[0].ends_with("customer") && before[1].ends_with("employee"), "{before:?}");
    drop(lake);
    let lake = online_lake(folder.path(), &Rules::default()).await;
    assert_eq!(populations(&lake).await, before);
}
