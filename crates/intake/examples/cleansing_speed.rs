//! Speed of cleansing through the typer on one core: `cargo run --release -p clew-intake --example cleansing_speed [SECONDS]`.
//!
//! Records of a customer file with name, birth date, e-mail address, phone number and address, a third of them dirty in one place or
//! another; names and towns repeat, addresses and numbers do not. Chunks of 8,192 rows, typed with subjects and content hashes: with
//! cleansing, and with every field switched off, which tells what cleansing costs. The last lines are events that have nothing to
//! clean, with and without enrichment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use clew_identity::Rules;
use clew_intake::Defaults;
use clew_intake::spec::{CleanseSpec, DateOrder};
use clew_intake::typing::cleansing::conventions::Conventions;
use clew_intake::typing::{Arrival, Candidates, Origin, Typer};
use clew_model::tables::Table;

const ROWS: usize = 8_192;
const CHUNKS: usize = 16;

type Failure = Box<dyn std::error::Error>;

fn origin(cleanse: &CleanseSpec) -> Result<Arc<Origin>, Failure> {
    let conventions = Conventions::of(cleanse, &Defaults::default()).map_err(|mistakes| format!("{mistakes:?}"))?;
    Ok(Arc::new(Origin {
        source: "bench".into(),
        population: "customer".into(),
        rules: Arc::new(Rules::default().compile().map_err(|problems| format!("{problems:?}"))?),
        zone: Some(jiff::tz::TimeZone::get("Europe/Berlin")?),
        language: None,
        currency: Some("EUR".into()),
        promoted: Vec::new(),
        versions: false,
        conventions: Arc::new(conventions),
    }))
}

fn batch(columns: &[(&str, &dyn Fn(usize) -> String)], chunk: usize) -> Result<RecordBatch, Failure> {
    let first = chunk * ROWS;
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| row as i64 + 1)));
    let texts = columns.iter().map(|(name, value)| {
        let column: StringArray = (first..first + ROWS).map(|row| Some(value(row)).filter(|text| !text.is_empty())).collect();
        (*name, Arc::new(column) as ArrayRef, true)
    });
    Ok(RecordBatch::try_from_iter_with_nullable(std::iter::once((clew_intake::reader::ROW, numbers, false)).chain(texts))?)
}

fn of<'a>(list: &[&'a str], row: usize) -> &'a str {
    list[row.wrapping_mul(0x9E37_79B9) % list.len()]
}

fn records(chunk: usize) -> Result<RecordBatch, Failure> {
    const GIVEN: &[&str] = &["Anna", "Ben", "CLARA", "  David", "Dr. Emma", "Felix", "greta", "Hans-Peter", "Ida", "Jonas"];
    const FAMILY: &[&str] = &["Schmidt", "MÜLLER", "Weber ", "von der Heide", "Krüger", "n/a", "Wagner", "Becker", "Hoffmann"];
    const TOWNS: &[&str] = &["Berlin", "HAMBURG", "München", "Köln", "Frankfurt am Main", "Stuttgart", "Leipzig "];
    batch(
        &[
            ("id", &|row| format!("c{row}")),
            ("given_name", &|row| of(GIVEN, row).to_owned()),
            ("family_name", &|row| of(FAMILY, row / 3).to_owned()),
            ("birth_date", &|row| {
                if row % 3 == 0 {
                    format!("{:02}.{:02}.19{:02}", row % 28 + 1, row % 12 + 1, row % 60 + 40)
                } else {
                    format!("19{:02}-{:02}-{:02}", row % 60 + 40, row % 12 + 1, row % 28 + 1)
                }
            }),
            ("emails", &|row| {
                if row % 7 == 0 { format!("User{row}@Web.de ") } else { format!("user{row}@acme{}.com", row % 500) }
            }),
            ("phones", &|row| {
                if row % 2 == 0 { format!("030 / 90{:05}", row % 100_000) } else { format!("+4917{:08}", row % 100_000_000) }
            }),
            ("street", &|row| {
                if row % 4 == 0 { format!("Lindenstr. {}", row % 200 + 1) } else { format!("Ringweg {}", row % 300 + 1) }
            }),
            ("postcode", &|row| format!("{:05}", 10_000 + row % 80_000)),
            ("city", &|row| of(TOWNS, row / 5).to_owned()),
            ("country", &|row| of(&["DE", "DE", "Deutschland", "AT"], row).to_owned()),
            ("identifier_email", &|row| format!("user{row}@acme{}.com", row % 500)),
        ],
        chunk,
    )
}

fn events(chunk: usize) -> Result<RecordBatch, Failure> {
    batch(
        &[
            ("id", &|row| format!("e{row}")),
            ("name", &|row| of(&["page_viewed", "product_added", "order_placed"], row).to_owned()),
            ("channel", &|_| "web".to_owned()),
            ("occurred_at", &|row| format!("2026-01-{:02}T12:{:02}:00Z", row % 28 + 1, row % 60)),
            ("identifier_user_id", &|row| format!("u{}", row % 200_000)),
        ],
        chunk,
    )
}

fn measure(what: &str, length: Duration, typer: &Typer, chunks: &[RecordBatch]) {
    let arrival = Arrival { received_at: 1_769_860_802_000_000, file: "bench.csv", first_row: 1, keys: &[] };
    let (begin, mut rows) = (Instant::now(), 0);
    while begin.elapsed() < length {
        for chunk in chunks {
            rows += typer.apply(chunk, &arrival, &mut Candidates::default()).produced;
        }
    }
    println!("{what}: {:.0} a second on one core", rows as f64 / begin.elapsed().as_secs_f64());
}

fn main() -> Result<(), Failure> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let length = Duration::from_secs(seconds);
    let stated = CleanseSpec { country: Some("DE".into()), date_order: Some(DateOrder::Dmy), ..CleanseSpec::default() };
    let off = ["given_name", "family_name", "emails", "phones", "street", "postcode", "city", "identifier_email", "derived"];
    let plain = CleanseSpec { off: off.map(str::to_owned).to_vec(), ..stated.clone() };
    let no_enrichment = CleanseSpec { off: vec!["derived".into()], ..CleanseSpec::default() };
    for (what, table, cleanse, make) in [
        ("records, cleansed", "records", &stated, records as fn(usize) -> Result<RecordBatch, Failure>),
        ("records, as they come", "records", &plain, records),
        ("events, cleansed and enriched", "events", &CleanseSpec::default(), events),
        ("events without enrichment", "events", &no_enrichment, events),
    ] {
        let chunks = (0..CHUNKS).map(make).collect::<Result<Vec<_>, _>>()?;
        let typer = Typer::new(origin(cleanse)?, Table::find(table).ok_or("no such table")?, &chunks[0].schema());
        measure(what, length, &typer, &chunks);
    }
    Ok(())
}
