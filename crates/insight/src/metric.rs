//! Metric definitions, and the tallies of answers that they are computed from.
//!
//! A [`Metric`] is plain data (one entry of `metrics.yaml`). A [`Tally`] is what a partition knows about the answers of one
//! slice and period: counts (for a mean, also sums), so tallies merge in any order and on any node to the same digits, and
//! only [`Tally::estimate`] turns them into a number with its interval.
//!
//! Rules that hold for all kinds:
//!
//! * A score outside the scale is no answer on that scale: it is counted in `out_of_scale` and enters nothing else. It is
//!   never clipped, because an 11 is a mistake in the data and not a promoter.
//! * No answers give no estimate, with [`Reason::NoRows`](clew_stats::Reason::NoRows), never 0.
//! * Shares and NPS are fractions; percent and -100..100 exist only where people look.
//!
//! Missing scores are the caller's to skip: a question that was not answered has no score to push.

use std::collections::BTreeMap;

use clew_stats::Estimate;
use clew_stats::interval::{self, Moments, Nps, NpsCounts, Proportion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Net promoter score: share of 9 and 10 less share of 0 to 6, on 0..=10.
    Nps,
    /// Satisfied customers: share of the top boxes, by default 4 and 5 on 1..=5.
    Csat,
    /// Customer effort: mean, by default on 1..=7.
    Ces,
    /// Mean of a score; the scale must be given.
    Mean,
    /// Share of answers in the top boxes, by default of yes (1) on 0..=1.
    Share,
}

/// The calendar period of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day,
    /// A week from Monday (ISO 8601).
    Week,
    /// A month.
    #[default]
    Month,
    /// A quarter of the calendar year.
    Quarter,
    /// A calendar year.
    Year,
}

/// The definition of a metric. Which answers count is a filter on the fields of a response; an absent field filters nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name in tables and addresses.
    pub name: String,
    /// Its name for people.
    #[serde(default)]
    pub label: Option<String>,
    /// What is measured.
    pub kind: Kind,
    /// Only answers to this survey.
    #[serde(default)]
    pub survey: Option<String>,
    /// Only answers to this question.
    #[serde(default)]
    pub question: Option<String>,
    /// Only answers on this channel.
    #[serde(default)]
    pub channel: Option<String>,
    /// Only answers of this kind of respondent.
    #[serde(default = "customer")]
    pub respondent: String,
    /// Lowest score of the scale; the kind's default if absent.
    #[serde(default)]
    pub scale_min: Option<f64>,
    /// Highest score of the scale; the kind's default if absent.
    #[serde(default)]
    pub scale_max: Option<f64>,
    /// How many of the highest scores count as top box (`csat`: 2, `share`: 1).
    #[serde(default)]
    pub top_box: Option<u32>,
    /// The value to reach, in the metric's own unit (NPS -1..=1, shares 0..=1).
    #[serde(default)]
    pub target: Option<f64>,
    /// Attributes by which it is also computed.
    #[serde(default)]
    pub slices: Vec<String>,
    /// The calendar period of one value.
    #[serde(default)]
    pub period: Period,
    /// Confidence level of the intervals.
    #[serde(default = "usual_level")]
    pub level: f64,
    /// How its drivers are looked for; absent: they are not.
    #[serde(default)]
    pub drivers: Option<DriverSearch>,
}

/// How the drivers of a metric are looked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DriverSearch {
    /// Family name → candidates that read one matter: names, or prefixes that end in `*`.
    pub families: BTreeMap<String, Vec<String>>,
    /// Candidates that are left out (names or prefixes), such as the survey's own invitation.
    pub exclude: Vec<String>,
    /// Days of a person's history that count where an answer names no order, case or conversation. Default 90.
    pub lookback_days: Option<u32>,
}

impl DriverSearch {
    /// The family that a candidate is declared to belong to.
    #[must_use]
    pub fn family_of(&self, candidate: &str) -> Option<&str> {
        let member = |(_, names): &(&String, &Vec<String>)| names.iter().any(|pattern| matches(pattern, candidate));
        self.families.iter().find(member).map(|(family, _)| family.as_str())
    }

    /// Whether a candidate is left out.
    #[must_use]
    pub fn excludes(&self, candidate: &str) -> bool {
        self.exclude.iter().any(|pattern| matches(pattern, candidate))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

fn customer() -> String {
    "customer".to_owned()
}

const fn usual_level() -> f64 {
    0.95
}

/// The scores that a question offers, ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Lowest score.
    pub min: f64,
    /// Highest score.
    pub max: f64,
}

impl Scale {
    /// The scale of an NPS question.
    pub const NPS: Self = Self { min: 0.0, max: 10.0 };
    /// The usual scale of a CSAT question.
    pub const CSAT: Self = Self { min: 1.0, max: 5.0 };
    /// The usual scale of a CES question.
    pub const CES: Self = Self { min: 1.0, max: 7.0 };
    /// No and yes.
    pub const BOOLEAN: Self = Self { min: 0.0, max: 1.0 };

    /// Whether `score` is on the scale; `NaN` is not.
    #[must_use]
    pub fn contains(&self, score: f64) -> bool {
        self.min <= score && score <= self.max
    }
}

/// The top boxes of a scale, for example 4 and 5 of 1..=5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopBox {
    /// The scale.
    pub scale: Scale,
    /// How many of its highest scores.
    pub boxes: u32,
}

impl TopBox {
    /// The usual CSAT question up to `scale_max` (from 1), top two boxes.
    #[must_use]
    pub const fn csat(scale_max: f64) -> Self {
        Self { scale: Scale { min: Scale::CSAT.min, max: scale_max }, boxes: 2 }
    }

    /// The lowest score that is in. Half scores between the boxes (4.5 of 5) are in, those below (3.5) are not.
    #[must_use]
    pub fn from_score(&self) -> f64 {
        self.scale.max - f64::from(self.boxes) + 1.0
    }
}

impl Metric {
    /// The scale: as given, else the kind's default (a mean without a scale takes every finite score).
    #[must_use]
    pub fn scale(&self) -> Scale {
        let usual = match self.kind {
            Kind::Nps => return Scale::NPS,
            Kind::Csat => Scale::CSAT,
            Kind::Ces => Scale::CES,
            Kind::Mean => Scale { min: f64::MIN, max: f64::MAX },
            Kind::Share => Scale::BOOLEAN,
        };
        Scale { min: self.scale_min.unwrap_or(usual.min), max: self.scale_max.unwrap_or(usual.max) }
    }

    /// The top boxes of a share.
    #[must_use]
    pub fn top_box(&self) -> TopBox {
        let usual = if self.kind == Kind::Csat { 2 } else { 1 };
        TopBox { scale: self.scale(), boxes: self.top_box.unwrap_or(usual) }
    }

    /// An empty tally for this metric.
    #[must_use]
    pub fn tally(&self) -> Tally {
        match self.kind {
            Kind::Nps => Tally::Nps(NpsTally::default()),
            Kind::Csat | Kind::Share => Tally::Share(ShareTally::default()),
            Kind::Ces | Kind::Mean => Tally::Mean(MeanTally::default()),
        }
    }

    /// Counts one score. Tally and metric must belong together; a tally of another kind is left as it is.
    pub fn push(&self, tally: &mut Tally, score: f64) {
        match (self.kind, tally) {
            (Kind::Nps, Tally::Nps(tally)) => tally.push(score),
            (Kind::Csat | Kind::Share, Tally::Share(tally)) => tally.push(score, self.top_box()),
            (Kind::Ces | Kind::Mean, Tally::Mean(tally)) => tally.push(score, self.scale()),
            _ => {}
        }
    }

    /// Everything that is wrong with the definition, each with the field and the remedy; empty if it is sound.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.name.trim().is_empty() {
            problems.push(("name", "is empty: give the metric a name".to_owned()));
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            problems.push(("level", format!("is {}: give a fraction between 0 and 1, such as 0.95", self.level)));
        }
        if self.kind == Kind::Nps {
            for (field, given, fixed) in [("scale_min", self.scale_min, 0.0), ("scale_max", self.scale_max, 10.0)] {
                if let Some(given) = given.filter(|given| given.to_bits() != f64::to_bits(fixed)) {
                    problems.push((
                        field,
                        format!("is {given}: an NPS question is asked from 0 to 10; leave it out or use kind mean"),
                    ));
                }
            }
        }
        if self.kind == Kind::Mean && (self.scale_min.is_none() || self.scale_max.is_none()) {
            problems.push(("scale_max", "a mean needs scale_min and scale_max to know which scores are answers".to_owned()));
        }
        let scale = self.scale();
        if !(scale.min < scale.max && scale.min.is_finite() && scale.max.is_finite()) {
            problems.push(("scale_max", format!("the scale {} to {} holds no two scores", scale.min, scale.max)));
        }
        let is_share = matches!(self.kind, Kind::Csat | Kind::Share);
        if is_share && (self.top_box().boxes == 0 || self.top_box().from_score() <= scale.min) {
            let text = format!("is {}: on {} to {} that is nobody or everybody", self.top_box().boxes, scale.min, scale.max);
            problems.push(("top_box", text));
        }
        if !is_share && self.top_box.is_some() {
            problems.push(("top_box", "only csat and share have top boxes: leave it out".to_owned()));
        }
        if let Some(target) = self.target {
            let range = match self.kind {
                Kind::Nps => Scale { min: -1.0, max: 1.0 },
                Kind::Csat | Kind::Share => Scale::BOOLEAN,
                Kind::Ces | Kind::Mean => scale,
            };
            if !range.contains(target) {
                let text =
                    format!("is {target}: this metric lies between {} and {} (fractions, not percent)", range.min, range.max);
                problems.push(("target", text));
            }
        }
        problems
    }
}

/// Answers to an NPS question, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NpsTally {
    /// Answers 9 and 10.
    pub promoters: u64,
    /// Answers 7 and 8.
    pub passives: u64,
    /// Answers 0 to 6.
    pub detractors: u64,
    /// Scores that are none of these: outside 0..=10, not whole, not a number.
    pub out_of_scale: u64,
}

impl NpsTally {
    /// Counts one score. An 8.5 is no answer to this question (it would be neither passive nor promoter).
    pub fn push(&mut self, score: f64) {
        let counter = if !Scale::NPS.contains(score) || score.fract() != 0.0 {
            &mut self.out_of_scale
        } else if score >= 9.0 {
            &mut self.promoters
        } else if score >= 7.0 {
            &mut self.passives
        } else {
            &mut self.detractors
        };
        *counter += 1;
    }

    /// Adds what `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.promoters += other.promoters;
        self.passives += other.passives;
        self.detractors += other.detractors;
        self.out_of_scale += other.out_of_scale;
    }

    /// Answers on the scale.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.promoters + self.passives + self.detractors
    }

    /// The counts as the statistics take them.
    #[must_use]
    pub const fn counts(&self) -> NpsCounts {
        NpsCounts { promoters: self.promoters, passives: self.passives, detractors: self.detractors }
    }

    /// The score -1..=1 with its adjusted Wald interval.
    #[must_use]
    pub fn estimate(&self, level: f64) -> Estimate {
        interval::nps(self.counts(), level, Nps::AdjustedWald)
    }
}

/// Answers counted by whether they are in the top boxes (CSAT and other shares).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShareTally {
    /// Answers in the top boxes.
    pub top: u64,
    /// Answers on the scale.
    pub n: u64,
    /// Scores outside it.
    pub out_of_scale: u64,
}

impl ShareTally {
    /// Counts one score.
    pub fn push(&mut self, score: f64, top_box: TopBox) {
        if top_box.scale.contains(score) {
            self.n += 1;
            self.top += u64::from(score >= top_box.from_score());
        } else {
            self.out_of_scale += 1;
        }
    }

    /// Adds what `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.top += other.top;
        self.n += other.n;
        self.out_of_scale += other.out_of_scale;
    }

    /// The share 0..=1 with its Wilson interval.
    #[must_use]
    pub fn estimate(&self, level: f64) -> Estimate {
        interval::proportion(self.top, self.n, level, Proportion::Wilson)
    }
}

/// Answers summed for a mean (CES and other means).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanTally {
    /// n, sum and sum of squares of the answers on the scale.
    pub moments: Moments,
    /// Scores outside it.
    pub out_of_scale: u64,
}

impl MeanTally {
    /// Counts one score.
    pub fn push(&mut self, score: f64, scale: Scale) {
        if scale.contains(score) {
            self.moments.push(score);
        } else {
            self.out_of_scale += 1;
        }
    }

    /// Adds what `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.moments.merge(&other.moments);
        self.out_of_scale += other.out_of_scale;
    }

    /// The mean with its t interval.
    #[must_use]
    pub fn estimate(&self, level: f64) -> Estimate {
        interval::mean(&self.moments, level)
    }
}

/// The tally of any metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tally {
    /// Of an NPS.
    Nps(NpsTally),
    /// Of a CSAT or another share.
    Share(ShareTally),
    /// Of a CES or another mean.
    Mean(MeanTally),
}

impl Tally {
    /// Adds what `other` has counted and says whether it was of the same kind; otherwise nothing is added.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nps(a), Self::Nps(b)) => a.merge(b),
            (Self::Share(a), Self::Share(b)) => a.merge(b),
            (Self::Mean(a), Self::Mean(b)) => a.merge(b),
            _ => return false,
        }
        true
    }

    /// The metric's value with its interval.
    #[must_use]
    pub fn estimate(&self, level: f64) -> Estimate {
        match self {
            Self::Nps(tally) => tally.estimate(level),
            Self::Share(tally) => tally.estimate(level),
            Self::Mean(tally) => tally.estimate(level),
        }
    }

    /// Answers on the scale.
    #[must_use]
    pub const fn n(&self) -> u64 {
        match self {
            Self::Nps(tally) => tally.n(),
            Self::Share(tally) => tally.n,
            Self::Mean(tally) => tally.moments.n,
        }
    }

    /// Scores outside the scale.
    #[must_use]
    pub const fn out_of_scale(&self) -> u64 {
        match self {
            Self::Nps(tally) => tally.out_of_scale,
            Self::Share(tally) => tally.out_of_scale,
            Self::Mean(tally) => tally.out_of_scale,
        }
    }
}
