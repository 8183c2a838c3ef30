//! How fast records are looked up and come into a matching that goes on.
//!
//! ```text
//! cargo run --release -p clew-identity --example live_speed FILE [--exclude A,B] [--new N] [--threads N]
//! ```
//!
//! All records of the CSV file but the last 2 N (10,000 each when left out) are matched; then the first N of those are looked up one by one, and
//! the others come in, all at once, are deleted again, and come in one by one. Times are those of one thread.
#![allow(clippy::unwrap_used, reason = "a tool for developers ends at the first fault")]

use std::time::Instant;

use clew_identity::matching::live::{Change, Live};
use clew_identity::matching::{Encoded, Kind, Options, encode, match_records};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().position(|a| a == name).map(|at| arguments[at + 1].clone());
    let exclude: Vec<String> = option("--exclude").map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let threads = option("--threads").map_or(2, |n| n.parse().unwrap());
    let new: usize = option("--new").map_or(10_000, |n| n.parse().unwrap());
    let mut reader = csv::Reader::from_path(&arguments[0]).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let mut rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let later = rows.split_off(rows.len() - 2 * new);
    let records = rows.len();

    let begin = Instant::now();
    let wanted: Vec<usize> = (0..names.len()).filter(|at| !exclude.contains(&names[*at])).collect();
    let named: Vec<(String, Option<Kind>)> = wanted.iter().map(|at| (names[*at].clone(), None)).collect();
    let values = |at: usize| rows.iter().map(move |row| row.get(at).filter(|value| !value.is_empty()));
    let columns = encode(&named, threads, |at| values(wanted[at])).into_iter().filter_map(|encoded| match encoded {
        Encoded::Column(column) => Some(column),
        Encoded::Nothing(_) => None,
    });
    let matching = match_records(columns.collect(), &Options { threads, ..Options::default() }, &mut |_| ()).unwrap();
    println!("{records} records encoded and matched in {:.2} s", begin.elapsed().as_secs_f64());
    drop(rows);
    let begin = Instant::now();
    let mut live = Live::new(matching, (0..records as u64).collect()).unwrap();
    println!("made live in {:.2} s; resident {}", begin.elapsed().as_secs_f64(), resident());

    let places: Vec<usize> = live.fields().map(|field| names.iter().position(|name| name == field).unwrap()).collect();
    let said: Vec<Vec<Option<&str>>> =
        later.iter().map(|row| places.iter().map(|at| row.get(*at).filter(|value| !value.is_empty())).collect()).collect();
    let mut micros: Vec<f64> = Vec::with_capacity(new);
    let (mut hits, mut found) = (0, 0);
    for values in &said[..new] {
        let begin = Instant::now();
        let near = live.look_up(values, 0.05);
        micros.push(begin.elapsed().as_secs_f64() * 1e6);
        hits += usize::from(near.first().is_some_and(|best| best.probability >= 0.5));
        found += near.len();
    }
    percentiles("look-up", micros);
    println!("  {hits} of {new} have a match, {found} found at .05 or more");

    let id = |n: usize| (records + n) as u64;
    let put: Vec<Change> = said[new..].iter().zip(0..).map(|(values, n)| Change::Put { id: id(n), values }).collect();
    let begin = Instant::now();
    let moved = live.apply(&put).len();
    println!("{new} records come in at once: {:.3} s, {moved} records in other clusters", begin.elapsed().as_secs_f64());
    let gone: Vec<Change> = (0..new).map(|n| Change::Delete { id: id(n) }).collect();
    let begin = Instant::now();
    let moved = live.apply(&gone).len();
    println!("{new} records go at once: {:.3} s, {moved} records in other clusters", begin.elapsed().as_secs_f64());
    let mut micros = Vec::with_capacity(new);
    for change in &put {
        let begin = Instant::now();
        live.apply(std::slice::from_ref(change));
        micros.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    percentiles("one record comes in", micros);
    println!("resident {}", resident());
}

fn percentiles(what: &str, mut micros: Vec<f64>) {
    micros.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| micros[((micros.len() as f64 * share) as usize).min(micros.len() - 1)];
    println!("{what}: median {:.0} µs, p99 {:.0} µs, greatest {:.0} µs ({} times)", at(0.5), at(0.99), at(1.0), micros.len());
}

/// As the kernel counts it; unknown elsewhere than on Linux.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).map_or("unknown".to_owned(), |size| size.trim().to_owned())
}
