//! What identity in the write path costs: `cargo run --release -p clew-pipeline --example online_speed -- [chunks] [rows a chunk]`.
//!
//! Appends chunks as the door makes them, two at once: events of subjects that are all known, then of subjects that are all new and carry two
//! identifiers each, one of them shared with a subject of an earlier chunk, without and with the hook. Prints µs a row, what the hook itself
//! took, and how long a run's answer took to be left as its base.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, StructBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use clew_identity::canonical::{SubjectBuffer, subject_of};
use clew_identity::{CompiledRules, Rules};
use clew_lake::{Chunk, FactBatch, Lake, Mode, Options, RowCounts};
use clew_model::BatchId;
use clew_pipeline::online::OnlineIdentity;
use clew_pipeline::{Definitions, RunOptions, Step, registry, run};
use futures::StreamExt;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Events `from..to`; `user` says whose each is.
fn events(from: u64, to: u64, user: &dyn Fn(u64) -> u64) -> RecordBatch {
    let n = (to - from) as usize;
    let (rules, mut buffer) = (CompiledRules::built_in(), SubjectBuffer::default());
    let fields = Fields::from(vec![Field::new("type", DataType::Utf8, true), Field::new("value", DataType::Utf8, true)]);
    let element = Field::new("element", DataType::Struct(fields.clone()), true);
    let mut lists = ListBuilder::new(StructBuilder::from_fields(fields, 0)).with_field(element);
    let mut subjects = Vec::with_capacity(n);
    for i in from..to {
        let user = user(i);
        let (visitor, address) = (format!("v{user}"), format!("u{}@example.org", user / 2));
        let pairs = [("anonymous_id", visitor.as_str()), ("email", address.as_str())];
        subjects.push(subject_of(&rules, ("customer", "shop"), &pairs, 0, &mut buffer));
        for (kind, value) in pairs {
            lists.values().field_builder::<StringBuilder>(0).expect("a text field").append_value(kind);
            lists.values().field_builder::<StringBuilder>(1).expect("a text field").append_value(value);
            lists.values().append(true);
        }
        lists.append(true);
    }
    let text =
        |make: &dyn Fn(u64) -> String| -> ArrayRef { Arc::new((from..to).map(|i| Some(make(i))).collect::<StringArray>()) };
    let times = |make: &dyn Fn(u64) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values((from..to).map(make)).with_timezone("UTC"))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("event_id", text(&|i| format!("{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))),
        ("source", Arc::new(StringArray::from(vec!["shop"; n]))),
        ("population", Arc::new(StringArray::from(vec!["customer"; n]))),
        ("subject", Arc::new(Int64Array::from(subjects))),
        ("name", text(&|i| format!("step_{}", i % 12))),
        ("channel", Arc::new(StringArray::from(vec!["web"; n]))),
        ("occurred_at", times(&|i| 1_600_000_000_000_000 + i as i64 * 1_000_000)),
        ("received_at", times(&|_| 1_700_000_000_000_000)),
        ("identifiers", Arc::new(lists.finish())),
        ("properties", text(&|i| format!("{{\"page\":\"/p/{}\"}}", i % 5000))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .expect("columns of one length")
}

/// Appends `chunks` chunks; gives the seconds that the lake took.
async fn fill(lake: &Lake, first: u64, (chunks, size): (u64, u64), user: &dyn Fn(u64) -> u64) -> Result<f64, Failure> {
    let mut making = Duration::ZERO;
    let begun = Instant::now();
    let appends = (first..first + chunks).map(|number| {
        let made = Instant::now();
        let rows = events(number * size, (number + 1) * size, user);
        making += made.elapsed();
        let mut chunk = Chunk::new("shop", BatchId::new("shop", 1), number as i64, Mode::Append);
        chunk.rows = RowCounts { read: size, mapped: size, skipped: 0, unreadable: 0 };
        let content = (0..size).collect();
        chunk.facts = vec![FactBatch { table: "events", rows, content, produced: size, quarantined: 0, rejected: 0 }];
        let lake = lake.clone();
        async move { tokio::spawn(async move { lake.append(chunk).await }).await }
    });
    let mut receipts = futures::stream::iter(appends).buffered(2);
    while let Some(receipt) = receipts.next().await {
        receipt??;
    }
    drop(receipts);
    Ok(begun.elapsed().saturating_sub(making).as_secs_f64())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let argument = |n: usize, default: u64| std::env::args().nth(n).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (chunks, size) = (argument(1, 200), argument(2, 1_000));
    let rows = (chunks * size) as f64;
    for hooked in [false, true] {
        let store = tempfile::tempdir()?;
        let mut options = Options { extensions: registry(), seal_interval: Duration::from_hours(1), ..Options::default() };
        if hooked {
            OnlineIdentity::new(&Rules::default())?.register(&mut options);
        }
        let lake = Lake::open(store.path(), options).await?;
        let name = if hooked { "with" } else { "without" };
        // All subjects are new, then all of them are known.
        for (pass, first) in [("new", 0), ("known", chunks)] {
            let before = lake.hook_load();
            let all = chunks * size;
            let seconds = fill(&lake, first, (chunks, size), &|i| i % all).await?;
            let load = lake.hook_load();
            let hook = (load.seconds - before.seconds) * 1e6 / rows;
            println!("{name} the hook, {pass} subjects: {:.2} µs a row, {hook:.2} of them in the hook", seconds * 1e6 / rows);
        }
        let definitions = Definitions {
            timezone: "UTC".to_owned(),
            currency: None,
            language: None,
            value_events: Vec::new(),
            rules: Rules::default(),
            journey: clew_journey::Definition::default(),
            metrics: Vec::new(),
            seed: 1,
        };
        let begun = Instant::now();
        run(&lake, &definitions, RunOptions { only: Some(Step::Identity), full: true }, &()).await?;
        println!("{name} the hook, step identity over {} subjects: {:.2} s", chunks * size, begun.elapsed().as_secs_f64());
        lake.close().await?;
    }
    Ok(())
}
