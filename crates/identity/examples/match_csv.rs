//! Matches a CSV file and, with a truth column, says how right that is.
//!
//! ```text
//! cargo run --release -p clew-identity --example match_csv FILE [--truth COLUMN] [--exclude A,B] [--threads N] [--link FILE2] [--brief]
//! ```
//!
//! With a truth, the model's chances stand beside those that the truth gives, and its figures beside those of an oracle that knows what share of
//! the pairs of each pattern are matches: nothing that weighs these levels can be better.
#![allow(clippy::unwrap_used, reason = "a tool for developers ends at the first fault")]

use std::collections::HashMap;
use std::time::Instant;

use clew_identity::matching::{Encoded, Kind, Matching, Options, Phase, encode, evaluate, level, match_records};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().position(|a| a == name).map(|at| arguments[at + 1].clone());
    let exclude: Vec<String> = option("--exclude").map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let truth = option("--truth");
    let threads = option("--threads").map_or(2, |n| n.parse().unwrap());
    let (mut names, mut rows, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (part, file) in (0..).zip([Some(arguments[0].clone()), option("--link")].into_iter().flatten()) {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_path(file).unwrap();
        names = reader.headers().unwrap().iter().map(str::to_owned).collect::<Vec<String>>();
        for row in reader.records() {
            rows.push(row.unwrap());
            parts.push(part);
        }
    }
    let values = |at: usize| rows.iter().map(move |row| row.get(at).filter(|value| !value.is_empty()));
    let begin = Instant::now();
    let skipped = |name: &String| Some(name) == truth.as_ref() || exclude.contains(name);
    let wanted: Vec<usize> = (0..names.len()).filter(|at| !skipped(&names[*at])).collect();
    let named: Vec<(String, Option<Kind>)> = wanted.iter().map(|at| (names[*at].clone(), None)).collect();
    let mut columns = Vec::new();
    for ((name, _), encoded) in named.iter().zip(encode(&named, threads, |at| values(wanted[at]))) {
        match encoded {
            Encoded::Column(column) => {
                println!("{name}: {:?}", column.kind);
                columns.push(column);
            }
            Encoded::Nothing(why) => println!("{name}: not compared ({why:?})"),
        }
    }
    println!("encoded in {:.2} s, {:.2} CPU s since the start", begin.elapsed().as_secs_f64(), cpu_seconds());
    let begin = Instant::now();
    let parts = option("--link").map(|_| parts);
    let (mut phases, mut since) = (Vec::new(), cpu_seconds());
    let mut phase = |phase: Phase| {
        phases.push((format!("{phase:?}"), cpu_seconds() - since));
        since = cpu_seconds();
    };
    let matching = match_records(columns, &Options { threads, parts: parts.clone(), ..Options::default() }, &mut phase).unwrap();
    phases.push(("end".to_owned(), cpu_seconds() - since));
    let spans: Vec<String> = phases.windows(2).map(|two| format!("{} {:.2}", two[0].0, two[1].1)).collect();
    println!("CPU seconds: {}; {} patterns; peak {}", spans.join(", "), matching.patterns.len(), peak_memory());
    println!(
        "matched in {:.2} s: {} records, {} pairs, expected recall {:.4}",
        begin.elapsed().as_secs_f64(),
        rows.len(),
        matching.pairs.len(),
        matching.expected_recall
    );
    let brief = arguments.iter().any(|argument| argument == "--brief");
    for rule in matching.rules.iter().filter(|_| !brief) {
        println!("  {}: {} pairs, {} blocks split, {} set aside", rule.rule, rule.pairs, rule.split_blocks, rule.set_aside);
    }
    if let Some(model) = matching.model.as_ref().filter(|_| !brief) {
        println!("{} rounds, log likelihood {:.1}", model.rounds, model.log_likelihood);
        for component in &model.components {
            println!("  {:?}: {:.4}", component.class, component.weight);
        }
        let weights = model.weights();
        for (place, (comparison, weights)) in matching.comparisons.iter().zip(weights).enumerate() {
            let shares = |component: usize| &model.components[component].chances[place];
            let each = comparison.labels.iter().zip(&weights).enumerate().skip(1);
            let text: Vec<String> =
                each.map(|(level, (label, weight))| format!("{label} m {:.4} w {weight:.1}", shares(0)[level])).collect();
            println!("  {}: {}", comparison.name, text.join("; "));
        }
    }
    let Some(truth) = truth else { return };
    let at = names.iter().position(|name| *name == truth).unwrap();
    let mut labels: HashMap<String, u32> = HashMap::new();
    let label = |value: &str| {
        let value = if truth == "rec_id" && value.starts_with("rec-") {
            value.split('-').take(2).collect::<Vec<_>>().join("-")
        } else if truth == "rec_id" {
            value[..value.len() - 1].to_owned()
        } else {
            value.to_owned()
        };
        let next = labels.len() as u32;
        *labels.entry(value).or_insert(next)
    };
    let labels: Vec<u32> = rows.iter().map(|row| row.get(at).unwrap()).map(label).collect();
    let pairs = || matching.scored();
    let oracle = oracle(&matching, &labels, !brief);
    let reached = evaluate::of_pairs(pairs(), 0.0, &labels, parts.as_deref());
    println!("blocking recall {:.4}", reached.recall.unwrap());
    for threshold in [0.5, 0.95] {
        println!("pairs at {threshold}: {}", show(evaluate::of_pairs(pairs(), threshold, &labels, parts.as_deref())));
    }
    let best = (1..200)
        .map(|n| f64::from(n) / 200.0)
        .map(|t| (evaluate::of_pairs(pairs(), t, &labels, parts.as_deref()).f1.unwrap_or(0.0), t));
    println!("best F1 {:?}", best.fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a }));
    println!("Brier {:.5}", evaluate::brier(pairs(), &labels).unwrap());
    let known = || matching.pairs.iter().map(|pair| (pair.a, pair.b, oracle[pair.pattern as usize]));
    println!("oracle at 0.5: {}", show(evaluate::of_pairs(known(), 0.5, &labels, parts.as_deref())));
    println!("oracle Brier {:.5}", evaluate::brier(known(), &labels).unwrap());
    println!("clusters: {}", show(evaluate::of_clusters(&matching.clusters, &labels)));
    println!("B3: {}", show(evaluate::b_cubed(&matching.clusters, &labels)));
}

/// By pattern, the share of its pairs that are matches; prints what the truth says of each level beside what was learnt.
fn oracle(matching: &Matching, truth: &[u32], print: bool) -> Vec<f64> {
    let mut matches = vec![0_u64; matching.patterns.len()];
    for pair in &matching.pairs {
        matches[pair.pattern as usize] += u64::from(truth[pair.a as usize] == truth[pair.b as usize]);
    }
    for (place, comparison) in matching.comparisons.iter().enumerate().filter(|_| print) {
        let (mut is, mut not) = (vec![0_u64; comparison.levels()], vec![0_u64; comparison.levels()]);
        for ((pattern, pairs), matches) in matching.patterns.iter().zip(&matching.counts).zip(&matches) {
            is[level(*pattern, place) as usize] += matches;
            not[level(*pattern, place) as usize] += pairs - matches;
        }
        let (all, others) = (is[1..].iter().sum::<u64>().max(1) as f64, not[1..].iter().sum::<u64>().max(1) as f64);
        println!("truth of {}", comparison.name);
        for at in 1..comparison.levels() {
            print!("  {:.4} | {:.4} |", is[at] as f64 / all, not[at] as f64 / others);
            for component in matching.model.iter().flat_map(|model| &model.components) {
                print!(" {:.4}", component.chances[place][at]);
            }
            println!("  {}", comparison.labels[at]);
        }
    }
    let oracle: Vec<f64> = matches.iter().zip(&matching.counts).map(|(matches, pairs)| *matches as f64 / *pairs as f64).collect();
    if print {
        worst(matching, &oracle);
    }
    oracle
}

/// Prints the patterns that add most to the Brier score beyond what the oracle has.
fn worst(matching: &Matching, oracle: &[f64]) {
    let beyond = |at: &usize| matching.counts[*at] as f64 * (matching.probabilities[*at] - oracle[*at]).powi(2);
    let mut order: Vec<usize> = (0..oracle.len()).collect();
    order.sort_unstable_by(|a, b| beyond(b).total_cmp(&beyond(a)));
    for at in order.into_iter().take(40) {
        let levels = matching.comparisons.iter().enumerate();
        let text: Vec<&str> = levels.map(|(place, c)| c.labels[level(matching.patterns[at], place) as usize].as_str()).collect();
        let (n, p, truth) = (matching.counts[at], matching.probabilities[at], oracle[at]);
        println!("{n:>8} pairs: p {p:.3}, true {truth:.3}: {}", text.join(" | "));
    }
}

/// Seconds that all threads together computed; on Linux, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// As the kernel counts it; unknown elsewhere than on Linux.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown".to_owned(), |peak| peak.trim().to_owned())
}

fn show(seen: evaluate::Accuracy) -> String {
    let text = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    format!("precision {} recall {} F1 {}", text(seen.precision), text(seen.recall), text(seen.f1))
}
