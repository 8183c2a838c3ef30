//! How fast the lake takes facts in: `cargo run -p clew-lake --example append_speed -- [events] [rows a chunk]`.
//!
//! Stores synthetic events in chunks, two appends in flight as an import has them, then the same events again (all
//! duplicates), seals and counts. Prints µs a row for each, and the peak of resident memory. The rows are made before the
//! clock starts for a chunk's append; the time shown is that of the lake alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use clew_lake::{Chunk, FactBatch, Lake, Mode, Options, RowCounts};
use clew_model::BatchId;
use futures::StreamExt;

fn events(from: u64, to: u64) -> RecordBatch {
    let n = (to - from) as usize;
    let text =
        |make: &dyn Fn(u64) -> String| -> ArrayRef { Arc::new((from..to).map(|i| Some(make(i))).collect::<StringArray>()) };
    let times = |make: &dyn Fn(u64) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values((from..to).map(make)).with_timezone("UTC"))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("event_id", text(&|i| format!("{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))),
        ("source", Arc::new(StringArray::from(vec!["shop"; n]))),
        ("population", Arc::new(StringArray::from(vec!["customer"; n]))),
        ("subject", Arc::new((from..to).map(|i| Some((i % 500_000) as i64)).collect::<Int64Array>())),
        ("name", text(&|i| format!("step_{}", i % 12))),
        ("channel", Arc::new(StringArray::from(vec!["web"; n]))),
        ("occurred_at", times(&|i| 1_600_000_000_000_000 + i as i64 * 1_000_000)),
        ("received_at", times(&|_| 1_700_000_000_000_000)),
        ("reference", text(&|i| format!("order-{}", i / 4))),
        ("properties", text(&|i| format!("{{\"page\":\"/p/{}\"}}", i % 5000))),
        ("row_no", Arc::new((from..to).map(|i| Some(i as i64 + 1)).collect::<Int64Array>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .expect("columns of one length")
}

fn chunk(number: u64, rows: RecordBatch, from: u64) -> Chunk {
    let n = rows.num_rows() as u64;
    let mut chunk = Chunk::new("shop", BatchId::new("shop", 1), number as i64, Mode::Append);
    chunk.rows = RowCounts { read: n, mapped: n, skipped: 0, unreadable: 0 };
    let content = (from..from + n).collect();
    chunk.facts = vec![FactBatch { table: "events", rows, content, produced: n, quarantined: 0, rejected: 0 }];
    chunk
}

fn peak_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |n: usize, default: u64| std::env::args().nth(n).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (total, size) = (argument(1, 1_000_000), argument(2, 65_536));
    let store = tempfile::tempdir()?;
    let lake = Lake::open(store.path(), Options { seal_interval: Duration::from_hours(1), ..Options::default() }).await?;
    for pass in ["new", "duplicate"] {
        let (mut making, start) = (Duration::ZERO, Instant::now());
        let chunks = (0..total.div_ceil(size)).map(|number| {
            let from = number * size;
            let made = Instant::now();
            let chunk = chunk(number, events(from, (from + size).min(total)), from);
            making += made.elapsed();
            let lake = lake.clone();
            async move { tokio::spawn(async move { lake.append(chunk).await }).await }
        });
        let mut receipts = futures::stream::iter(chunks).buffered(2);
        let (mut stored, mut duplicate) = (0, 0);
        while let Some(receipt) = receipts.next().await {
            let counts = receipt??.facts["events"];
            stored += counts.stored;
            duplicate += counts.duplicate;
        }
        drop(receipts);
        let elapsed = start.elapsed();
        let row = elapsed.as_secs_f64() * 1e6 / total as f64;
        println!("{pass}: {stored} stored, {duplicate} duplicates, {row:.2} µs/row ({:.1} s making rows)", making.as_secs_f64());
    }
    let start = Instant::now();
    lake.seal().await?;
    println!("seal: {:.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let counted = lake.session().sql("SELECT name, count(*) FROM events GROUP BY name").await?.collect().await?;
    println!(
        "count by name: {} rows in {:.2} s",
        counted.iter().map(RecordBatch::num_rows).sum::<usize>(),
        start.elapsed().as_secs_f64()
    );
    println!("peak memory: {} MB", peak_memory_mb());
    lake.close().await?;
    Ok(())
}
