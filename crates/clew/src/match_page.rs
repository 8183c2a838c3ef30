//! The report of `clew match` as one page that asks for nothing: text, tables and drawings, without scripts.
//!
//! Names of columns and files come from whoever made the file: each goes through [`escaped`] on its way to the page.

use std::fmt::Write as _;

use clew_pipeline::matching::report::{Compared, MatchReport};

use crate::commands::matching::{MatchSaid, kind, share};

/// Width of drawings in their own unit.
const WIDE: f64 = 640.0;
/// Match weights are drawn up to this.
const MOST_WEIGHT: f64 = 20.0;
/// Sizes of clusters that have a row of their own.
const MOST_SIZES: usize = 20;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --rule: #d5dae1; --for: #1f6feb; --against: #b3261e; --soft: #6b7684 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --paper: #14181f; --rule: #39414d; --for: #6ba6ff; --against: #ff8a80; --soft: #98a3b2 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .2rem .7rem; border-bottom: 1px solid var(--rule) }
th:first-child, td:first-child { text-align: left }
thead th { color: var(--soft); font-weight: 500 }
svg { width: 100%; height: auto; display: block } svg text { fill: var(--ink); font-size: 12px } svg .soft { fill: var(--soft) }
.scroll { overflow-x: auto } .note { color: var(--soft) }
";

/// The page.
pub fn page(said: &MatchSaid) -> String {
    let report = &said.matching;
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">",
    );
    let names: Vec<String> = said.files.iter().map(|file| escaped(&file.file.display().to_string())).collect();
    let _ = write!(page, "<title>clew match: {0}</title><style>{STYLE}</style></head><body><h1>{0}</h1>", names.join(", "));
    summary(&mut page, said);
    if let Some(truth) = &report.truth {
        page.push_str("<h2>Against the truth</h2>");
        let row = |what: &str, of: clew_pipeline::matching::report::Accuracy| {
            vec![what.to_owned(), share(of.precision), share(of.recall), share(of.f1)]
        };
        let rows = vec![
            row("pairs", truth.at_threshold),
            row("pairs in one cluster", truth.clusters),
            row("B³ of clusters", truth.b_cubed),
        ];
        table(&mut page, &["", "precision", "recall", "F1"], rows);
        let _ = write!(
            page,
            "<p>{} matching pairs; {} of them were compared. Brier score {}.</p>",
            truth.pairs,
            share(truth.compared),
            share(truth.brier)
        );
    }
    thresholds(&mut page, report);
    ranges(&mut page, report);
    weights(&mut page, report);
    rules(&mut page, report);
    page.push_str("<h2>Kinds of pairs</h2><p class=\"note\">What the compared pairs are in the fitted model.</p>");
    table(
        &mut page,
        &["kind", "share"],
        report.classes.iter().map(|class| vec![escaped(&class.class), format!("{:.4}", class.share)]).collect(),
    );
    sizes(&mut page, report);
    page.push_str("</body></html>\n");
    page
}

fn summary(page: &mut String, said: &MatchSaid) {
    let report = &said.matching;
    let _ = write!(
        page,
        "<p>{} records, {} pairs compared, {} clusters of two or more records ({} records) at a threshold of {}.</p>",
        report.records, report.pairs, report.clusters, report.clustered_records, report.threshold
    );
    for file in said.files.iter().filter(|file| file.unreadable > 0) {
        let examples: Vec<String> = file.examples.iter().map(|example| escaped(example)).collect();
        let name = escaped(&file.file.display().to_string());
        let _ = write!(
            page,
            "<p>{name}: {} rows could not be read and are not matched: {}.</p>",
            file.unreadable,
            examples.join("; ")
        );
    }
    if !report.not_compared.is_empty() {
        let columns: Vec<String> =
            report.not_compared.iter().map(|column| format!("{} {}", escaped(&column.column), column.why)).collect();
        let _ = write!(page, "<p class=\"note\">Not compared: {}.</p>", columns.join("; "));
    }
}

fn table(page: &mut String, heads: &[&str], rows: Vec<Vec<String>>) {
    page.push_str("<div class=\"scroll\"><table><thead><tr>");
    heads.iter().for_each(|head| {
        let _ = write!(page, "<th scope=\"col\">{head}</th>");
    });
    page.push_str("</tr></thead><tbody>");
    for row in rows {
        page.push_str("<tr>");
        row.iter().for_each(|cell| {
            let _ = write!(page, "<td>{cell}</td>");
        });
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table></div>");
}

fn thresholds(page: &mut String, report: &MatchReport) {
    page.push_str("<h2>Expected precision and recall by threshold</h2><p class=\"note\">Precision is the mean probability of the pairs at or above the threshold, recall their sum over that of all pairs, times what the blocking rules are expected to reach.</p>");
    let mut heads = vec!["threshold", "pairs", "expected precision", "expected recall"];
    if report.truth.is_some() {
        heads.extend(["precision", "recall"]);
    }
    let rows = report.thresholds.iter().map(|at| {
        let mut row =
            vec![at.threshold.to_string(), at.pairs.to_string(), share(at.expected_precision), share(at.expected_recall)];
        row.extend(at.truth.iter().flat_map(|truth| [share(truth.precision), share(truth.recall)]));
        row
    });
    table(page, &heads, rows.collect());
}

fn ranges(page: &mut String, report: &MatchReport) {
    page.push_str(
        "<h2>Reliability</h2><p class=\"note\">Of calibrated probabilities, those near .9 are right nine times in ten.</p>",
    );
    let mut heads = vec!["probability from", "pairs", "mean probability"];
    if report.truth.is_some() {
        heads.push("share of matches");
    }
    let rows = report.ranges.iter().map(|range| {
        let mut row = vec![format!("{:.1}", range.from), range.pairs.to_string(), share(range.mean_probability)];
        row.extend(report.truth.is_some().then(|| share(range.matches)));
        row
    });
    table(page, &heads, rows.collect());
    if report.truth.is_some() {
        reliability(page, report);
    }
}

/// Mean probability against share of matches, with the diagonal on which a calibrated model lies.
fn reliability(page: &mut String, report: &MatchReport) {
    let side = 240.0;
    let _ = write!(
        page,
        "<svg viewBox=\"0 0 {WIDE} {}\" role=\"img\" aria-label=\"Share of matches by mean probability\">",
        side + 40.0
    );
    let _ = write!(page, "<path d=\"M40 10V{0}H{1}\" fill=\"none\" stroke=\"var(--rule)\"/>", side + 10.0, side + 40.0);
    let _ = write!(page, "<path d=\"M40 {}L{} 10\" stroke=\"var(--rule)\" stroke-dasharray=\"4\"/>", side + 10.0, side + 40.0);
    for range in &report.ranges {
        let (Some(mean), Some(matches)) = (range.mean_probability, range.matches) else { continue };
        let radius = (range.pairs as f64).log10().mul_add(1.2, 2.0);
        let _ = write!(
            page,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"var(--for)\"/>",
            40.0 + mean * side,
            10.0 + (1.0 - matches) * side
        );
    }
    let _ = write!(
        page,
        "<text x=\"40\" y=\"{0}\">0</text><text x=\"{1}\" y=\"{0}\">mean probability 1</text><text x=\"4\" y=\"20\">1</text></svg>",
        side + 28.0,
        side - 60.0
    );
}

/// A bar a level: what it says for a match (right) or against one (left).
fn weights(page: &mut String, report: &MatchReport) {
    page.push_str("<h2>Match weights</h2><p class=\"note\">log2 of how much likelier a level is among matches than among random pairs: +10 is a thousand to one for a match.</p>");
    for compared in report.compared.iter().filter(|compared| !compared.levels.is_empty()) {
        let _ = write!(page, "<h3>{} <small class=\"note\">{}</small></h3>", escaped(&compared.comparison), kind(compared.kind));
        bars(page, compared);
    }
}

fn bars(page: &mut String, compared: &Compared) {
    let (left, unit) = (330.0, 300.0 / (2.0 * MOST_WEIGHT));
    let zero = left + MOST_WEIGHT * unit;
    let high = compared.levels.len() as f64 * 22.0 + 6.0;
    let _ = write!(
        page,
        "<svg viewBox=\"0 0 {WIDE} {high}\" role=\"img\" aria-label=\"Match weights of {}\">",
        escaped(&compared.comparison)
    );
    let _ = write!(page, "<path d=\"M{zero} 0V{high}\" stroke=\"var(--rule)\"/>");
    for (at, level) in compared.levels.iter().enumerate() {
        let y = at as f64 * 22.0 + 4.0;
        let length = level.match_weight.abs().min(MOST_WEIGHT) * unit;
        let (from, colour) = if level.match_weight < 0.0 { (zero - length, "against") } else { (zero, "for") };
        let _ = write!(page, "<text x=\"0\" y=\"{:.1}\">{}</text>", y + 12.0, escaped(&level.level));
        let _ = write!(page, "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"14\" fill=\"var(--{colour})\">");
        let _ = write!(page, "<title>m {:.6}, u {:.6}, {} pairs</title></rect>", level.m, level.u, level.pairs);
        let _ =
            write!(page, "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{:+.1}</text>", left - 42.0, y + 12.0, level.match_weight);
    }
    page.push_str("</svg>");
}

fn rules(page: &mut String, report: &MatchReport) {
    page.push_str("<h2>Blocking rules</h2><p class=\"note\">Pairs that agree under one of them are compared. Expected recall is the share of all matches that a rule and those above it reach.</p>");
    let rows = report.rules.iter().map(|rule| {
        vec![
            escaped(&rule.rule),
            rule.pairs.to_string(),
            format!("{:.4}", rule.expected_recall),
            rule.split_blocks.to_string(),
            rule.set_aside.to_string(),
        ]
    });
    table(page, &["rule", "pairs first made", "expected recall", "blocks split", "pairs set aside"], rows.collect());
}

fn sizes(page: &mut String, report: &MatchReport) {
    page.push_str("<h2>Clusters by size</h2>");
    let row = |size: &clew_pipeline::matching::report::OfSize| vec![size.records.to_string(), size.clusters.to_string()];
    let mut rows: Vec<Vec<String>> = report.sizes.iter().take(MOST_SIZES).map(row).collect();
    if let Some(largest) = report.sizes.last().filter(|_| report.sizes.len() > MOST_SIZES) {
        let rest: u64 = report.sizes.iter().skip(MOST_SIZES).map(|size| size.clusters).sum();
        rows.push(vec![format!("more, up to {}", largest.records), rest.to_string()]);
    }
    table(page, &["records", "clusters"], rows);
}

/// Text as it may stand in HTML and its attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Signs that turn the direction of what follows could make a name read as another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_of_columns_cannot_become_markup() {
        assert_eq!(escaped("<script>alert('x')</script>&\""), "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;");
    }
}
