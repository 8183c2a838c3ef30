//! What counts, profiles and expectations cost a row, beside reading nothing at all.
//!
//! `cargo run --release -p clew-intake --example quality_cost [BLOCKS]` holds blocks of 65,536 rows of 20 raw text columns against nothing,
//! against counts alone (a live source whose sample is used up), against counts with the sample of a later block of a file, and against five
//! expectations, and prints nanoseconds a row of each.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use clew_intake::expect::{Expectations, Judged};
use clew_intake::mapping::{Engine, Lookups};
use clew_intake::observe::{LATER_ROWS, Observed, Sampling};
use clew_intake::{Defaults, Source, SourceSpec, Sources};

const ROWS: usize = 65_536;
const COLUMNS: usize = 20;
const EXPECTATIONS: &str = r#"{"files": "a.csv", "expect": [
    {"column": "c0", "not_null": true}, {"column": "c1", "range": {"min": 0, "max": 100}}, {"column": "c2", "allowed": ["v0", "v1", "v2"]},
    {"column": "c3", "pattern": "v[0-9]+"}, {"column": "c4", "unique": true}]}"#;

/// Columns of ids, words and numbers by turns; every tenth value is missing.
fn block() -> RecordBatch {
    let mut fields = vec![Field::new("_row", DataType::Int64, false)];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(1..=ROWS as i64))];
    for column in 0..COLUMNS {
        let value = |row: usize| match column % 3 {
            0 => format!("id-{}", row.wrapping_mul(2_654_435_761) % 1_000_003),
            1 => format!("{}.{:02}", row % 97, row % 100),
            _ => format!("v{}", row % 12),
        };
        let values = (0..ROWS).map(|row| (row % 10 != 9).then(|| value(row)));
        fields.push(Field::new(format!("c{column}"), DataType::Utf8, true));
        arrays.push(Arc::new(values.collect::<StringArray>()));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("every column has a value per row")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let blocks: usize = std::env::args().nth(1).map_or(Ok(40), |text| text.parse())?;
    let rows = block();
    let spec: SourceSpec = serde_json::from_str(EXPECTATIONS)?;
    let source = Source { name: "bench".into(), spec, yaml_path: "bench.yaml".into(), mappings: Vec::new() };
    let sources = Sources {
        dir: ".".into(),
        defaults: Defaults::default(),
        rules: clew_identity::Rules::default(),
        sources: vec![source.clone()],
    };
    let engine = Engine::new(Lookups::new())?;
    let expectations = futures::executor::block_on(Expectations::of(&sources, &source, &engine, &clew_intake::Loaded::default()));
    let expectations = expectations.map_err(|problems| format!("{problems:?}"))?;
    let conditions =
        futures::executor::block_on(expectations.plan_raw(&engine, &rows.schema())).map_err(|found| format!("{found:?}"))?;
    let report = |what: &str, run: &dyn Fn()| {
        let since = Instant::now();
        (0..blocks).for_each(|_| run());
        let nanos = since.elapsed().as_nanos() as f64 / (blocks * ROWS) as f64;
        println!("{what:28} {nanos:8.2} ns a row");
    };
    let sampled = Sampling::File.of(ROWS as i64 + 1, ROWS, 0);
    println!("{COLUMNS} columns, {ROWS} rows a block, {LATER_ROWS} of them profiled, {blocks} blocks");
    report("counts", &|| Observed::default().see_raw(&rows, &rows.schema(), &[]));
    report("counts and profiles", &|| Observed::default().see_raw(&rows, &rows.schema(), &sampled));
    report("five expectations", &|| {
        let _ = expectations.judge_raw(&rows, &conditions, &mut Judged::default());
    });
    Ok(())
}
