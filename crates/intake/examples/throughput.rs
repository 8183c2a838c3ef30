//! How fast a CSV file is read, mapped, typed and checked, without the lake.
//!
//! `cargo run --release -p clew-intake --example throughput [ROWS] [THREADS]` writes a file of events (default 5 million)
//! into the temporary folder and prints rows per second, with the share of each phase in the work of all threads.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clew_identity::Rules;
use clew_intake::mapping::{Engine, Lookups, Program};
use clew_intake::reader::{Block, ReadOptions, Reader};
use clew_intake::typing::{Arrival, Candidates, Origin, Typer, in_row_order};
use clew_model::tables::Table;

const SQL: &str = "SELECT event_id AS id, event AS name, channel, ts AS occurred_at, user_id AS identifier_user_id, \
    email AS identifier_email, order_id AS reference, amount, currency, page AS property_page FROM raw";

fn write_events(path: &Path, rows: u64) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "event_id,event,channel,ts,user_id,email,order_id,amount,currency,page")?;
    for i in 0..rows {
        let user = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
        let (day, second) = (i / 86_400 % 28 + 1, i % 60);
        writeln!(
            out,
            "e{i},{},{},2026-01-{day:02} 12:{:02}:{second:02},u{user},user{user}@example.org,o{},{}.{:02},EUR,/shop/item/{}",
            ["page_viewed", "product_added", "order_placed", "contact_started"][(i % 4) as usize],
            ["web", "app", "email", "phone"][(i % 4) as usize],
            i % 60,
            i / 3,
            i % 500,
            i % 100,
            i % 1000
        )?;
    }
    out.flush()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows: u64 = arguments.next().map_or(Ok(5_000_000), |text| text.parse())?;
    let threads: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let path = std::env::temp_dir().join(format!("clew-throughput-{rows}.csv"));
    if !path.exists() {
        write_events(&path, rows)?;
    }
    let engine = Engine::new(Lookups::new())?;
    let parsed = engine.parse(SQL).map_err(|problems| format!("{problems:?}"))?;
    let mut reader = Reader::open(&path, &ReadOptions::default())?;
    let schema = reader.schema();
    let prepared = futures::executor::block_on(Program::prepare(&engine, &[parsed], &schema, false));
    let program = prepared.program.ok_or("the mapping does not plan")?;
    let output = prepared.outputs[0].clone().ok_or("the mapping has no output")?;
    let origin = Origin {
        source: "bench".into(),
        population: "customer".into(),
        rules: Arc::new(Rules::default().compile().map_err(|problems| format!("{problems:?}"))?),
        zone: Some(jiff::tz::TimeZone::get("Europe/Berlin")?),
        language: None,
        currency: None,
        promoted: Vec::new(),
        versions: false,
        conventions: Arc::default(),
    };
    let typer = Typer::new(Arc::new(origin), Table::find("events").ok_or("events")?, &output);
    let wanted: Vec<usize> = program.columns.iter().map(|name| schema.index_of(name)).collect::<Result<_, _>>()?;
    let decoder = reader.decoder();
    let (sender, receiver) = sync_channel::<Block>(threads);
    let receiver = Mutex::new(receiver);
    let spent: [AtomicU64; 4] = Default::default();
    let facts = AtomicU64::new(0);
    let since = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
                loop {
                    let next = receiver.lock().expect("no thread panics with it").recv();
                    let Ok(block) = next else { return };
                    let mut at = Instant::now();
                    let mut lap = |phase: usize| {
                        spent[phase].fetch_add(at.elapsed().as_nanos() as u64, Ordering::Relaxed);
                        at = Instant::now();
                    };
                    let decoded = decoder.decode(&block, &wanted);
                    lap(0);
                    let output = in_row_order(runtime.block_on(program.run(0, &decoded.batch)).expect("the mapping runs"));
                    lap(1);
                    let arrival = Arrival { received_at: 0, file: "bench.csv", first_row: block.first_row, keys: &[] };
                    let typed = typer.apply(&output, &arrival, &mut Candidates::default());
                    lap(2);
                    facts.fetch_add(typed.rows.num_rows() as u64, Ordering::Relaxed);
                }
            });
        }
        let mut at = Instant::now();
        while let Ok(Some(block)) = reader.next_block() {
            spent[3].fetch_add(at.elapsed().as_nanos() as u64, Ordering::Relaxed);
            if sender.send(block).is_err() {
                break;
            }
            at = Instant::now();
        }
        drop(sender);
    });
    let seconds = since.elapsed().as_secs_f64();
    let facts = facts.into_inner();
    println!("{facts} facts in {seconds:.2} s on {threads} threads: {:.2} million rows/s", facts as f64 / seconds / 1e6);
    for (name, spent) in ["decode", "map", "type", "split"].iter().zip(spent) {
        println!("  {name:6} {:.2} s", spent.into_inner() as f64 / 1e9);
    }
    Ok(())
}
