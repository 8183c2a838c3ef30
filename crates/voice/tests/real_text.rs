//! The voice on real labelled text. Figures are printed; the floors hold what was measured, with a margin.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clew_voice::language::{self, Language};
use clew_voice::polarity::{LearnedPolarity, ScoreScale};
use clew_voice::quotes::quote;
use clew_voice::sentiment::SentimentScorer;
use clew_voice::themes::{self, Comment, Placement, ThemeOptions};

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
    let ari = (index - expected) / (0.5 * (sa + sb) - expected);
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

struct Figures {
    nmi: f64,
    ari: f64,
    purity: f64,
    outliers: f64,
}

/// Themes against labels; comments without theme count as one more theme.
fn themes_against(texts: &[&str], labels: &[&str], options: &ThemeOptions, what: &str) -> Figures {
    let comments: Vec<Comment<'_>> =
        texts.iter().map(|text| Comment { text, language: Some(Language::EN), sentiment: None }).collect();
    let start = Instant::now();
    let found = themes::find(&comments, options);
    let seconds = start.elapsed().as_secs_f64();
    let outliers = found.assignments.iter().filter(|a| a.theme().is_none()).count() as f64 / texts.len() as f64;
    let all: Vec<usize> = found.assignments.iter().map(|a| a.theme().unwrap_or(usize::MAX)).collect();
    let truth = codes(labels);
    let (nmi, ari, purity) = agreement(&all, &truth);
    let classes = truth.iter().max().map_or(0, |m| m + 1);
    println!(
        "{what}: {} texts, {classes} classes, {} themes: NMI {nmi:.3} ARI {ari:.3} purity {purity:.3}, without theme {outliers:.3}, {seconds:.2} s",
        texts.len(),
        found.themes.len()
    );
    for theme in found.themes.iter().take(8) {
        println!("    {:5} {}  | {}", theme.size, theme.name, quote(texts[theme.quotes[0]], 90));
    }
    Figures { nmi, ari, purity, outliers }
}

#[test]
fn themes_of_bank_questions_resemble_their_intents() {
    // Peers with MiniLM embeddings on the test part: kNN + Louvain NMI .823, BERTopic .798; words alone do less.
    let Some(rows) = columns("banking77/train.csv", &["text", "category"]) else { return };
    let texts: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let labels: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    let plain = themes_against(&texts, &labels, &ThemeOptions::default(), "banking77, defaults");
    assert!(plain.nmi > 0.64 && plain.ari > 0.29 && plain.purity > 0.40 && plain.outliers < 0.05);
    let fine = ThemeOptions { resolution: 2.0, most_themes: 200, ..ThemeOptions::default() };
    let fine = themes_against(&texts, &labels, &fine, "banking77, resolution 2");
    assert!(fine.nmi > 0.67 && fine.ari > 0.34 && fine.purity > 0.51 && fine.outliers < 0.05);
}

#[test]
fn themes_of_airline_complaints_say_something_of_their_reasons() {
    // The reasons are noisy labels; peers reach NMI .205 (MiniLM + Louvain) to .255 (k-means).
    let Some(rows) = columns("airline_tweets/tweets_half_a.csv", &["text", "negativereason"]) else { return };
    let rows: Vec<_> = rows.into_iter().filter(|row| !row[1].is_empty()).collect();
    let texts: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let labels: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    let found = themes_against(&texts, &labels, &ThemeOptions::default(), "airline reasons");
    assert!(found.nmi > 0.15);
}

#[test]
fn a_hundred_thousand_comments_take_time_in_proportion() {
    let Some(rows) = columns("banking77/train.csv", &["text", "category"]) else { return };
    let seconds = |copies: usize| {
        // Copies differ by made-up words, so that none is a repeat.
        let texts: Vec<String> =
            (0..copies).flat_map(|copy| rows.iter().map(move |row| format!("{} {}", row[0], BRANCHES[copy]))).collect();
        let comments: Vec<Comment<'_>> =
            texts.iter().map(|text| Comment { text, language: Some(Language::EN), sentiment: None }).collect();
        let start = Instant::now();
        let found = themes::find(&comments, &ThemeOptions::default());
        let seconds = start.elapsed().as_secs_f64();
        println!("{} comments: {} themes in {seconds:.1} s", comments.len(), found.themes.len());
        seconds
    };
    // Debug builds and busy machines are slow: the bound guards against a quadratic step, which would take 16 times as long.
    let (one, four) = (seconds(1), seconds(4));
    assert!(four < 12.0 * one, "{one:.1} s, four times as many {four:.1} s");
    if std::env::var_os("CLEW_LARGE").is_some() {
        seconds(10);
    }
}

const BRANCHES: [&str; 10] = ["leeds", "york", "derby", "bath", "dover", "truro", "ripon", "wells", "luton", "hull"];

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let (mx, my) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
    let sum = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
    let (xy, xx, yy) = (sum(&|p| (p.0 - mx) * (p.1 - my)), sum(&|p| (p.0 - mx).powi(2)), sum(&|p| (p.1 - my).powi(2)));
    xy / (xx * yy).sqrt()
}

#[test]
fn english_sentiment_agrees_with_human_raters_as_vader_does() {
    // vaderSentiment 3.3.2 measured on these files: tweets .8722, Amazon .5896.
    let scorer = SentimentScorer::new([]);
    for (file, published) in [("tweets_GroundTruth.txt", 0.8722), ("amazonReviewSnippets_GroundTruth.txt", 0.5896)] {
        let Some(path) = shared(&format!("vader_gold/{file}")) else { return };
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let start = Instant::now();
        let pairs: Vec<(f64, f64)> = text
            .lines()
            .filter_map(|line| {
                let mut cells = line.splitn(3, '\t').skip(1);
                let gold = cells.next()?.parse().ok()?;
                Some((gold, scorer.score(cells.next()?, Some(Language::EN)).value?))
            })
            .collect();
        let rate = pairs.len() as f64 / start.elapsed().as_secs_f64();
        let r = correlation(&pairs);
        println!("{file}: n {}, Pearson {r:.4} (Python {published}), {rate:.0} texts/s", pairs.len());
        assert!((r - published).abs() < 5e-4);
    }
}

#[test]
fn portuguese_sentiment_learnt_from_scores_reads_unseen_comments() {
    let Some(rows) = columns("olist/olist_order_reviews_dataset.csv", &["review_score", "review_comment_message"]) else {
        return;
    };
    let rows: Vec<_> = rows.into_iter().filter(|row| !row[1].trim().is_empty()).collect();
    let texts: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    let scores: Vec<Option<f64>> = rows.iter().map(|row| row[0].parse().ok()).collect();
    let start = Instant::now();
    let learned = LearnedPolarity::fit(Language::PT, &texts, &scores, ScoreScale::STARS).unwrap();
    println!(
        "olist: {} distinct texts, held-out AUC {:.4}, {:.2} s",
        learned.texts(),
        learned.held_out_auc(),
        start.elapsed().as_secs_f64()
    );
    for (term, weight) in learned.strongest(8) {
        println!("    {weight:+.2} {term}");
    }
    let auc = learned.held_out_auc();
    let scorer = SentimentScorer::new([learned]);
    let found: Vec<_> = texts.iter().map(|text| scorer.score(text, Some(Language::PT))).collect();
    let pairs: Vec<(f64, f64)> = found.iter().zip(&scores).filter_map(|(s, score)| Some((s.value?, (*score)?))).collect();
    let sure: Vec<(f64, f64)> = pairs.iter().copied().filter(|p| p.1 < 2.5 || p.1 > 3.5).collect();
    let right = sure.iter().filter(|p| (p.0 > 0.0) == (p.1 > 3.0)).count() as f64 / sure.len() as f64;
    let none = 1.0 - pairs.len() as f64 / texts.len() as f64;
    println!(
        "olist, never by its own score: n {}, Pearson with score {:.4}, sign right {right:.4}, none {none:.4}",
        pairs.len(),
        correlation(&pairs)
    );
    assert!(auc > 0.90 && right > 0.84 && correlation(&pairs) > 0.65 && none < 0.05);
}

#[test]
fn themes_of_portuguese_comments_are_about_something() {
    let Some(rows) = columns("olist/olist_order_reviews_dataset.csv", &["review_score", "review_comment_message"]) else {
        return;
    };
    let comments: Vec<Comment<'_>> = rows
        .iter()
        .filter(|row| !row[1].trim().is_empty())
        .map(|row| Comment { text: &row[1], language: Some(Language::PT), sentiment: None })
        .collect();
    let start = Instant::now();
    let found = themes::find(&comments, &ThemeOptions::default());
    let placed = found.assignments.iter().filter(|a| a.theme().is_some()).count();
    println!(
        "olist: {} comments, {placed} in {} themes, {:.2} s",
        comments.len(),
        found.themes.len(),
        start.elapsed().as_secs_f64()
    );
    for theme in &found.themes {
        println!("    {:5} {}  | {}", theme.size, theme.name, quote(comments[theme.quotes[0]].text, 90));
    }
    assert!(placed * 10 > comments.len() * 8 && (5..=60).contains(&found.themes.len()));
    // The model gives most comments back to the theme in which they were found.
    let texts: Vec<(&str, Option<Language>)> = comments.iter().map(|c| (c.text, c.language)).collect();
    let again = found.model.place(&texts);
    let same = again.iter().zip(&found.assignments).filter(|(new, old)| match (new, old.theme()) {
        (Placement::Theme { theme_id, .. }, Some(theme)) => *theme_id == found.themes[theme].theme_id,
        _ => false,
    });
    let same = same.count() as f64 / placed as f64;
    println!("olist: placed again in the same theme {same:.3}");
    assert!(same > 0.6);
}

/// Shares of texts whose language is found right, wrong, or not at all.
fn shares(texts: &[String], language: Language, hint: Option<Language>, what: &str) -> (f64, f64) {
    let start = Instant::now();
    let found: Vec<_> = texts.iter().map(|text| language::detect(text, hint).language()).collect();
    let n = texts.len() as f64;
    let right = found.iter().filter(|f| **f == Some(language)).count() as f64 / n;
    let none = found.iter().filter(|f| f.is_none()).count() as f64 / n;
    let rate = n / start.elapsed().as_secs_f64();
    println!(
        "{what}, hint {hint:?}: n {n}, right {right:.4}, wrong {:.4}, none {none:.4}, {rate:.0} texts/s",
        1.0 - right - none
    );
    (right, 1.0 - right - none)
}

#[test]
fn languages_of_real_customers_are_rarely_wrong() {
    for (file, column, language, least) in [
        ("olist/olist_order_reviews_dataset.csv", "review_comment_message", Language::PT, 0.72),
        ("airline_tweets/tweets_half_a.csv", "text", Language::EN, 0.96),
        ("nps_verbatims/nps_verbatims.csv", "text", Language::EN, 0.85),
        ("banking77/train.csv", "text", Language::EN, 0.99),
    ] {
        let Some(rows) = columns(file, &[column]) else { return };
        let texts: Vec<String> = rows.into_iter().flatten().filter(|text| !text.trim().is_empty()).collect();
        let (right, wrong) = shares(&texts, language, None, file);
        assert!(right > least && wrong < 0.005);
        let (right, _) = shares(&texts, language, Some(language), file);
        assert!(right > 0.99);
        assert_eq!(language::prevailing(texts.iter().map(String::as_str)), Some(language));
    }
}
