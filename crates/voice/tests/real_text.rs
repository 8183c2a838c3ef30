//! The voice on real labelled text. Figures are printed; the floors hold what was measured, with a margin.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clew_voice::language::{self, Language};
use clew_voice::themes::{self, Comment, ThemeOptions};

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CLEW_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let file = root.join("data").join(path);
    if !file.exists() {
        println!("skipped: {} is absent", file.display());
        return None;
    }
    Some(file)
}

fn columns(path: &str, wanted: &[&str]) -> Option<Vec<Vec<String>>> {
    let mut reader = csv::ReaderBuilder::new().from_path(shared(path)?).unwrap();
    let header = reader.headers().unwrap().clone();
    let at: Vec<usize> = wanted.iter().map(|w| header.iter().position(|h| h == *w).unwrap()).collect();
    Some(
        reader
            .byte_records()
            .map(|record| {
                let record = record.unwrap();
                at.iter().map(|&i| String::from_utf8_lossy(&record[i]).into_owned()).collect()
            })
            .collect(),
    )
}

/// NMI (arithmetic mean), ARI and purity of two labellings.
fn agreement(found: &[usize], truth: &[usize]) -> (f64, f64, f64) {
    let n = found.len() as f64;
    let (mut cells, mut a, mut b) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (&f, &t) in found.iter().zip(truth) {
        *cells.entry((f, t)).or_insert(0.0) += 1.0;
        *a.entry(f).or_insert(0.0) += 1.0;
        *b.entry(t).or_insert(0.0) += 1.0;
    }
    let entropy = |m: &BTreeMap<usize, f64>| -m.values().map(|c| c / n * (c / n).ln()).sum::<f64>();
    let mutual: f64 = cells.iter().map(|((f, t), c): (&(usize, usize), &f64)| c / n * (n * c / (a[f] * b[t])).ln()).sum();
    let nmi = 2.0 * mutual / (entropy(&a) + entropy(&b));
    let pairs = |c: &f64| c * (c - 1.0) / 2.0;
    let index: f64 = cells.values().map(pairs).sum();
    let (sa, sb): (f64, f64) = (a.values().map(pairs).sum(), b.values().map(pairs).sum());
    let expected = sa * sb / pairs(&n);
    let ari = (index - expected) / ((sa + sb) / 2.0 - expected);
    let mut best: BTreeMap<usize, f64> = BTreeMap::new();
    for ((f, _), c) in &cells {
        let top = best.entry(*f).or_default();
        *top = top.max(*c);
    }
    (nmi, ari, best.values().sum::<f64>() / n)
}

fn codes(labels: &[&str]) -> Vec<usize> {
    let mut seen = BTreeMap::new();
    labels
        .iter()
        .map(|l| {
            let next = seen.len();
            *seen.entry(*l).or_insert(next)
        })
        .collect()
}

fn themes_against(texts: &[&str], labels: &[&str], options: &ThemeOptions, what: &str) -> (f64, f64, f64, f64) {
    let comments: Vec<Comment<'_>> =
        texts.iter().map(|text| Comment { text, language: Some(Language::EN), sentiment: None }).collect();
    let start = Instant::now();
    let found = themes::find(&comments, options);
    let seconds = start.elapsed().as_secs_f64();
    let truth = codes(labels);
    let outliers = found.assignments.iter().filter(|a| a.theme().is_none()).count();
    let all: Vec<usize> = found.assignments.iter().map(|a| a.theme().unwrap_or(usize::MAX)).collect();
    let (nmi, ari, purity) = agreement(&all, &truth);
    let (mut f, mut t) = (vec![], vec![]);
    for (a, l) in found.assignments.iter().zip(&truth) {
        if let Some(theme) = a.theme() {
            f.push(theme);
            t.push(*l);
        }
    }
    let (n2, a2, p2) = agreement(&f, &t);
    let share = outliers as f64 / texts.len() as f64;
    println!(
        "{what}: {} texts, {} themes, NMI {nmi:.3} ARI {ari:.3} purity {purity:.3}; without theme {share:.3} (themed only: NMI {n2:.3} ARI {a2:.3} purity {p2:.3}); {seconds:.2} s",
        texts.len(),
        found.themes.len()
    );
    for theme in found.themes.iter().take(8) {
        println!("    {:5} {}  | {}", theme.size, theme.name, texts[theme.quotes[0]]);
    }
    (nmi, ari, purity, share)
}

#[test]
fn themes_of_bank_questions_resemble_their_intents() {
    let Some(rows) = columns("banking77/train.csv", &["text", "category"]) else { return };
    let texts: Vec<&str> = rows.iter().map(|r| r[0].as_str()).collect();
    let labels: Vec<&str> = rows.iter().map(|r| r[1].as_str()).collect();
    println!("classes {}", codes(&labels).iter().max().unwrap() + 1);
    for k in [8, 12, 20, 30] {
        for resolution in [1.0, 2.0, 4.0] {
            let options = ThemeOptions { most_themes: 200, neighbours: k, resolution, ..ThemeOptions::default() };
            themes_against(&texts, &labels, &options, &format!("banking77 k {k} r {resolution}"));
        }
    }
}

#[test]
fn themes_of_airline_complaints() {
    let Some(rows) = columns("airline_tweets/tweets_half_a.csv", &["text", "negativereason"]) else { return };
    let rows: Vec<_> = rows.into_iter().filter(|r| !r[1].is_empty()).collect();
    let texts: Vec<&str> = rows.iter().map(|r| r[0].as_str()).collect();
    let labels: Vec<&str> = rows.iter().map(|r| r[1].as_str()).collect();
    themes_against(&texts, &labels, &ThemeOptions::default(), "airline reasons");
}

fn right(texts: &[String], language: Language, hint: Option<Language>, what: &str) -> (f64, f64) {
    let start = Instant::now();
    let (mut right, mut wrong, mut none) = (0.0, 0.0, 0.0);
    let mut shown = 0;
    for text in texts {
        match language::detect(text, hint).language() {
            Some(found) if found == language => right += 1.0,
            Some(found) => {
                wrong += 1.0;
                if shown < 12 {
                    shown += 1;
                    println!("      {found}: {text}");
                }
            }
            None => none += 1.0,
        }
    }
    let n = texts.len() as f64;
    println!(
        "{what}: n {n}, right {:.4}, wrong {:.4}, none {:.4}; {:.0} texts/s",
        right / n,
        wrong / n,
        none / n,
        n / start.elapsed().as_secs_f64()
    );
    (right / n, wrong / n)
}

#[test]
fn languages_of_real_customers() {
    let Some(rows) = columns("olist/olist_order_reviews_dataset.csv", &["review_comment_message"]) else { return };
    let texts: Vec<String> = rows.into_iter().map(|r| r[0].clone()).filter(|t| !t.trim().is_empty()).collect();
    right(&texts, Language::PT, None, "olist");
    right(&texts, Language::PT, Some(Language::PT), "olist hinted");
    right(&texts, Language::PT, Some(Language::EN), "olist wrongly hinted");
    for (p, c) in [
        ("airline_tweets/tweets_half_a.csv", "text"),
        ("nps_verbatims/nps_verbatims.csv", "text"),
        ("banking77/train.csv", "text"),
    ] {
        let texts: Vec<String> =
            columns(p, &[c]).unwrap().into_iter().map(|r| r[0].clone()).filter(|t| !t.trim().is_empty()).collect();
        right(&texts, Language::EN, None, p);
        right(&texts, Language::EN, Some(Language::EN), p);
    }
}
