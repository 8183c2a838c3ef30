//! From rows of `scores` to what pages show: estimates, trends, changes.
//!
//! A value of fewer than five answers is withheld (`too_few`): it says more about single people than about the experience. A
//! period counts as full when the data reaches its last day. Changes compare the last full period with the one before it by
//! [`clew_pipeline::reading::difference`].

use clew_pipeline::definitions::Metric;
use clew_pipeline::reading::{self, Kind, Movement, Reason};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::calendar::{Period, grain_name, starting_at};
use crate::wire::{Estimate, MetricDefinition, ScoreChange, TrendPoint};
use clew_lake::literal::Text;

/// Fewer answers than this are not shown as a value.
pub const FEW: u64 = 5;
/// Points of a trend.
const MOST_POINTS: usize = 24;
/// Confidence level of what is counted on the fly.
pub const LEVEL: f64 = 0.95;

/// A row of `scores`.
#[derive(Clone, Debug, Deserialize)]
pub struct ScoreRow {
    /// The metric.
    pub metric: String,
    /// The dimension, or `all`.
    pub slice_by: String,
    /// Its value, or `all`.
    pub slice: String,
    /// The grain, or `all`.
    pub period: String,
    /// Start, UTC microseconds.
    pub start_us: Option<i64>,
    /// Answers counted.
    pub n: u64,
    /// The value.
    pub estimate: Option<f64>,
    /// Lower bound.
    pub lower: Option<f64>,
    /// Upper bound.
    pub upper: Option<f64>,
    /// Confidence level.
    pub level: f64,
    /// Interval method.
    pub method: String,
    /// Answers outside the scale.
    pub out_of_scale: u64,
    /// Why something is missing.
    pub flags: Option<Vec<String>>,
}

/// The query for rows of `scores` that meet `condition`, a constant or made of literals.
pub fn score_rows(condition: &str) -> String {
    format!(
        "SELECT metric, slice_by, slice, period, CAST(period_start AS BIGINT) AS start_us, n, estimate, lower, upper, level, method, \
         out_of_scale, flags FROM scores WHERE {condition} ORDER BY metric, slice_by, n DESC, slice, start_us"
    )
}

/// `metric = '…'`
pub fn of_metric(metric: &Metric) -> String {
    format!("metric = {}", Text(&metric.name))
}

impl ScoreRow {
    /// What is shown.
    pub fn estimate(&self) -> Estimate {
        let reason = self.flags.iter().flatten().find(|flag| *flag != "too_few");
        let all = Estimate {
            estimate: self.estimate,
            lower: self.lower,
            upper: self.upper,
            n: self.n,
            level: self.level,
            method: self.method.clone(),
            reason: reason.map(|reason| reason_word(reason).to_owned()),
        };
        withhold(all)
    }

    /// What is computed with.
    fn value(&self) -> reading::Estimate {
        reading::Estimate {
            estimate: self.estimate,
            lower: self.lower,
            upper: self.upper,
            n: self.n,
            level: self.level,
            reason: (self.estimate.is_none() || self.lower.is_none()).then_some(Reason::TooFewRows),
        }
    }
}

fn reason_word(code: &str) -> &str {
    match code {
        "no_rows" => "empty",
        "too_few_rows" => "too_few",
        "no_spread" => "no_variance",
        "bad_level" | "bad_input" => "not_computed",
        other => other,
    }
}

/// The wire's estimate of one that was computed on the fly; withheld where n is small.
pub fn shown(estimate: &reading::Estimate, method: &str) -> Estimate {
    withhold(Estimate {
        estimate: estimate.estimate,
        lower: estimate.lower,
        upper: estimate.upper,
        n: estimate.n,
        level: estimate.level,
        method: method.to_owned(),
        reason: estimate.reason.map(|reason| reason_word(reason.code()).to_owned()),
    })
}

fn withhold(estimate: Estimate) -> Estimate {
    let reason = match estimate.n {
        0 => "empty",
        n if n < FEW => "too_few",
        _ => return estimate,
    };
    Estimate { estimate: None, lower: None, upper: None, reason: Some(reason.to_owned()), ..estimate }
}

/// Part of a whole, with Wilson's interval.
pub fn share(part: u64, n: u64) -> Estimate {
    shown(&reading::share(part, n, LEVEL), "wilson")
}

/// An estimate that is not there.
pub fn missing(n: u64, reason: &str) -> Estimate {
    Estimate {
        estimate: None,
        lower: None,
        upper: None,
        n,
        level: LEVEL,
        method: "none".to_owned(),
        reason: Some(reason.to_owned()),
    }
}

/// The points of one slice of one metric, oldest first.
pub fn trend(rows: &[&ScoreRow], metric: &Metric, until: Option<i64>, zone: &TimeZone) -> Vec<TrendPoint> {
    let points: Vec<TrendPoint> = in_time(rows, metric, zone)
        .into_iter()
        .map(|(period, row)| TrendPoint {
            period_start: period.first.to_string(),
            score: row.estimate(),
            partial: !period.is_full(until, zone),
        })
        .collect();
    points[points.len().saturating_sub(MOST_POINTS)..].to_vec()
}

/// The rows of the metric's own grain with their periods, oldest first.
fn in_time<'a>(rows: &[&'a ScoreRow], metric: &Metric, zone: &TimeZone) -> Vec<(Period, &'a ScoreRow)> {
    let grain = grain_name(metric.period);
    let mut points: Vec<(Period, &ScoreRow)> = rows
        .iter()
        .filter(|row| row.metric == metric.name && row.period == grain)
        .filter_map(|row| Some((starting_at(row.start_us?, metric.period, zone)?, *row)))
        .collect();
    points.sort_by_key(|(period, _)| period.first);
    points
}

/// The last full period and the one before it, in the rows of one slice.
pub fn last_two<'a>(rows: &[&'a ScoreRow], metric: &Metric, until: Option<i64>, zone: &TimeZone) -> Option<Pair<'a>> {
    let points = in_time(rows, metric, zone);
    let &(period, now) = points.iter().rev().find(|(period, _)| period.is_full(until, zone))?;
    let previous = period.before()?;
    let &(_, before) = points.iter().find(|(period, _)| *period == previous)?;
    Some(Pair { period, previous, now, before })
}

/// Two rows of one slice.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The later period.
    pub period: Period,
    /// The earlier period.
    pub previous: Period,
    /// The later row.
    pub now: &'a ScoreRow,
    /// The earlier row.
    pub before: &'a ScoreRow,
}

impl Pair<'_> {
    /// The difference as it is computed with; `None` where one side has too few answers.
    pub fn difference(&self, kind: Kind) -> Option<reading::Estimate> {
        if self.now.n < FEW || self.before.n < FEW {
            return None;
        }
        Some(reading::difference(kind, &self.now.value(), &self.before.value()).0)
    }

    /// The difference as it is shown.
    pub fn change(&self, kind: Kind) -> ScoreChange {
        let n = self.now.n + self.before.n;
        let method = match kind {
            Kind::Nps => "mover",
            Kind::Csat | Kind::Share => "newcombe",
            Kind::Ces | Kind::Mean => "welch",
        };
        let (difference, verdict) = match self.difference(kind) {
            None => (missing(n, if n == 0 { "empty" } else { "too_few" }), "unclear"),
            Some(difference) => {
                let (_, movement) = reading::difference(kind, &self.now.value(), &self.before.value());
                (shown(&difference, method), verdict(movement))
            }
        };
        ScoreChange {
            difference,
            period: grain_name(self.period.grain).to_owned(),
            period_start: self.period.first.to_string(),
            previous_start: self.previous.first.to_string(),
            verdict: verdict.to_owned(),
        }
    }
}

const fn verdict(movement: Movement) -> &'static str {
    match movement {
        Movement::Up => "up",
        Movement::Down => "down",
        Movement::Unclear | Movement::NotComparable => "unclear",
    }
}

/// The word of a kind.
pub const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Nps => "nps",
        Kind::Csat => "csat",
        Kind::Ces => "ces",
        Kind::Mean => "mean",
        Kind::Share => "share",
    }
}

/// The definition as pages show it.
pub fn definition(metric: &Metric) -> MetricDefinition {
    let scale = metric.scale();
    let bound = |bound: f64| (bound.is_finite() && bound.abs() < f64::MAX).then_some(bound);
    MetricDefinition {
        metric: metric.name.clone(),
        kind: kind_name(metric.kind).to_owned(),
        version: reading::version(metric),
        survey: metric.survey.clone(),
        question: metric.question.clone(),
        scale_min: bound(scale.min),
        scale_max: bound(scale.max),
        population: metric.respondent.clone(),
        period: grain_name(metric.period).to_owned(),
        target: metric.target,
        slices: metric.slices.clone(),
        drivers: metric.drivers.is_some(),
        definition: sentence(metric),
    }
}

fn sentence(metric: &Metric) -> String {
    let scale = metric.scale();
    let what = match metric.kind {
        Kind::Nps => "Share of answers 9 and 10 less share of answers 0 to 6".to_owned(),
        Kind::Csat | Kind::Share => {
            let from = scale.max - f64::from(metric.top_box().boxes) + 1.0;
            if from >= scale.max {
                format!("Share of answers {}", scale.max)
            } else {
                format!("Share of answers {from} to {}", scale.max)
            }
        }
        Kind::Ces | Kind::Mean => format!("Mean of answers on {} to {}", scale.min, scale.max),
    };
    let question = metric.question.as_ref().map_or_else(String::new, |question| format!(" to \u{2018}{question}\u{2019}"));
    let survey = metric.survey.as_ref().map_or_else(String::new, |survey| format!(" in the survey \u{2018}{survey}\u{2019}"));
    let channel = metric.channel.as_ref().map_or_else(String::new, |channel| format!(" on the channel {channel}"));
    format!("{what}{question}{survey}{channel}, from every {}.", metric.respondent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metric() -> Metric {
        serde_json::from_value(json!({"name": "m", "kind": "csat", "survey": "s", "question": "q"})).unwrap()
    }

    fn row(month: i64, n: u64, estimate: f64) -> ScoreRow {
        let estimates = reading::share((estimate * n as f64).round() as u64, n, LEVEL);
        serde_json::from_value(json!({
            "metric": "m", "slice_by": "all", "slice": "all", "period": "month",
            "start_us": jiff::civil::date(2026, month as i8, 1).to_zoned(TimeZone::UTC).unwrap().timestamp().as_microsecond(),
            "n": n, "estimate": estimates.estimate, "lower": estimates.lower, "upper": estimates.upper, "level": 0.95,
            "method": "wilson", "out_of_scale": 0, "flags": null
        }))
        .unwrap()
    }

    #[test]
    fn four_answers_are_withheld_and_none_are_empty() {
        let few = row(1, 4, 0.5).estimate();
        assert_eq!((few.estimate, few.lower, few.n, few.reason.as_deref()), (None, None, 4, Some("too_few")));
        assert_eq!(share(0, 0).reason.as_deref(), Some("empty"));
        assert!(row(1, 5, 0.4).estimate().estimate.is_some());
    }

    #[test]
    fn the_last_full_month_is_compared_and_the_unfinished_one_only_shown() {
        let rows = [row(4, 100, 0.5), row(5, 100, 0.8), row(6, 100, 0.1)];
        let rows: Vec<&ScoreRow> = rows.iter().collect();
        let until = "2026-06-10T00:00:00Z".parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
        let points = trend(&rows, &metric(), until, &TimeZone::UTC);
        assert_eq!(points.iter().map(|point| point.partial).collect::<Vec<_>>(), [false, false, true]);
        let change = last_two(&rows, &metric(), until, &TimeZone::UTC).unwrap().change(Kind::Csat);
        assert_eq!(
            (change.period_start.as_str(), change.previous_start.as_str(), change.verdict.as_str()),
            ("2026-05-01", "2026-04-01", "up")
        );
        // Newcombe 1998, method 10, of 80/100 and 50/100: 0.3 (0.170, 0.416).
        assert!((change.difference.lower.unwrap() - 0.170).abs() < 2e-3, "{change:?}");
    }

    #[test]
    fn a_month_without_a_row_is_not_compared_with_an_older_one() {
        let rows = [row(3, 100, 0.5), row(5, 100, 0.8)];
        let rows: Vec<&ScoreRow> = rows.iter().collect();
        assert!(last_two(&rows, &metric(), Some(i64::MAX / 100_000), &TimeZone::UTC).is_none());
    }

    #[test]
    fn a_definition_is_one_sentence() {
        assert_eq!(
            sentence(&metric()),
            "Share of answers 4 to 5 to \u{2018}q\u{2019} in the survey \u{2018}s\u{2019}, from every customer."
        );
    }
}
