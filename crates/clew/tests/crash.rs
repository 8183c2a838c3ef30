//! Kill the process in the middle of import and run; do it again; nothing is lost and nothing doubled.
//!
//! A moment is a named point of the lake's write path (`clew_lake::crash::POINTS`) and how often it is passed before the
//! process dies there by SIGKILL, drawn from a seed. After the kill the same commands run to their end, and every table must have
//! the rows of a store that was never killed: as sorted sets, without the times of the machine (`received_at` and the
//! like) and without `runs`, `accounting` and the tables of quality, which tell what happened: a death after the import's end makes the next
//! one a batch of its own, all duplicates. What accounting says was stored is compared. `CLEW_CRASH_MOMENTS` says how many moments.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clew_lake::crash::{POINTS, VARIABLE};
use clew_lake::{Lake, Options};
use clew_model::tables::Table;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use support::{Said, clew, command, copy};

const SEED: u64 = 20_260_105;
/// Columns that hold the machine's clock, or are named after it.
const CLOCK: &[&str] = &["received_at", "changed_at", "at"];

/// Rows of every table, sorted.
type Content = BTreeMap<&'static str, Vec<String>>;

fn content(project: &Path) -> Content {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = Options { extensions: clew_pipeline::registry(), ..Options::default() };
        let lake = Lake::open(&project.join(".clew"), options).await.unwrap();
        let mut content = Content::new();
        let stored = "SELECT source, target, sum(stored), sum(produced) = sum(stored + duplicate + quarantined + rejected), \
                      sum(rows_read) = sum(rows_mapped + rows_skipped + rows_unreadable) FROM accounting GROUP BY source, target";
        content.insert("accounting", rows(&lake.session().sql(stored).await.unwrap().collect().await.unwrap()));
        let of_batches = ["runs", "accounting", "field_quality", "checks", "alarms"];
        for table in Table::all().filter(|table| !of_batches.contains(&table.name)) {
            // A time of a fact is content; the time at which this machine did something is not.
            let clock = |name: &str| CLOCK.contains(&name) && !(name == "at" && ["links", "comments"].contains(&table.name));
            let columns: Vec<String> =
                table.columns.iter().filter(|column| !clock(column.name)).map(|column| format!("\"{}\"", column.name)).collect();
            let batches = lake.session().sql(&format!("SELECT {} FROM {}", columns.join(", "), table.name)).await.unwrap();
            content.insert(table.name, rows(&batches.collect().await.unwrap()));
        }
        lake.close().await.unwrap();
        content
    })
}

/// Cells joined by `|`, rows sorted.
fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("∅");
    let mut rows = Vec::new();
    for batch in batches {
        let cells: Vec<_> = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        rows.extend(
            (0..batch.num_rows()).map(|row| cells.iter().map(|cell| cell.value(row).to_string()).collect::<Vec<_>>().join("|")),
        );
    }
    rows.sort_unstable();
    rows
}

/// Runs `arguments` to die at `moment`, and again to the end if it did.
fn killed(project: &Path, arguments: &[&str], moment: &str) -> bool {
    let output = command().args(arguments).current_dir(project).env(VARIABLE, moment).output().unwrap();
    if output.status.success() {
        return false;
    }
    let said = Said::of(&output);
    assert_eq!(said.code, -1, "dead by a signal, not by an error: {}{}", said.out, said.err);
    clew(project, arguments).done();
    true
}

#[test]
fn whenever_it_dies_the_next_try_ends_where_an_untroubled_one_does() {
    let moments: usize = std::env::var("CLEW_CRASH_MOMENTS").map_or(10, |n| n.parse().expect("a number of moments"));
    let folder = tempfile::tempdir().unwrap();
    let company = folder.path().join("company");
    clew(folder.path(), &["demo", "company", "--people", "400", "--days", "120", "--no-serve"]).done();
    let whole = folder.path().join("whole");
    copy(&company, &whole);
    clew(&whole, &["import"]).done();
    clew(&whole, &["run"]).done();
    let expected = content(&whole);
    assert!(expected["events"].len() > 1_000 && !expected["persons"].is_empty() && !expected["scores"].is_empty());

    let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(SEED);
    // Small files are merged when there are many: the lake's own test kills there. Imports do not decide who is who: that of the server does.
    let elsewhere = |point: &&str| point.starts_with("compact") || point.starts_with("online");
    let mut points: Vec<&str> = POINTS.iter().copied().filter(|point| !elsewhere(point)).collect();
    points.shuffle(&mut dice);
    let mut died = 0;
    for (i, point) in points.iter().cycle().take(moments).enumerate() {
        let moment = format!("{point}:{}", dice.random_range(1..=6));
        let project = folder.path().join(format!("moment-{i}"));
        copy(&company, &project);
        let at_import = killed(&project, &["import"], &moment);
        let at_run = killed(&project, &["run"], &moment);
        died += usize::from(at_import) + usize::from(at_run);
        let found = content(&project);
        for (table, rows) in &expected {
            assert_eq!(found[table].len(), rows.len(), "{table} after {moment} (import {at_import}, run {at_run})");
            assert!(found[table] == *rows, "rows of {table} after {moment} (import {at_import}, run {at_run})");
        }
        std::fs::remove_dir_all(&project).unwrap();
    }
    println!("{died} kills at {moments} moments");
    assert!(died >= moments / 2, "only {died} of {moments} moments were reached: the test shows too little");
}
