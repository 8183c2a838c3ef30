//! `clew journey survival`: how long until something happens, with those counted for whom it has not happened yet.

use std::collections::BTreeMap;

use clew_journey::Duration;
use clew_journey::survival::{SpellEnd, spells};
use clew_stats::survival::{Band, Point, Spell, kaplan_meier, log_rank};
use serde::Serialize;

use super::LEVEL;
use super::compare::Figure;
use super::table::{LogTable, NONE};

/// What ends a spell.
#[derive(Clone, Debug)]
pub enum Until {
    /// An activity.
    Activity(String),
    /// A silence.
    Silence(Duration),
}

/// What is asked. Groups are the first further column of the log, if it has one.
#[derive(Clone, Debug)]
pub struct SurvivalAsked {
    /// The activity that a spell begins with; none: the first event of a case.
    pub from: Option<String>,
    /// What ends it.
    pub until: Until,
    /// Most points of a curve that are told.
    pub points: usize,
}

/// What has no curve.
#[derive(Debug, thiserror::Error)]
pub enum NoSurvival {
    /// An activity that nobody did.
    #[error("no event is called `{0}`")]
    NoSuchActivity(String),
}

/// `clew journey survival`.
#[derive(Clone, Debug, Serialize)]
pub struct SurvivalReport {
    /// Curves by group; one of all cases where no column of groups is named.
    pub curves: Vec<CurveReport>,
    /// Whether the groups differ; null with fewer than two.
    pub log_rank: Option<LogRankRow>,
}

/// The curve of a group.
#[derive(Clone, Debug, Serialize)]
pub struct CurveReport {
    /// The group; null without one.
    pub group: Option<String>,
    /// Cases whose spell begins.
    pub cases: u64,
    /// Those whose spell ended; the others are censored.
    pub ended: u64,
    /// Time by which half had ended; null where the curve does not come down so far.
    pub median_ms: Option<f64>,
    /// Ends of its interval.
    pub median_lower_ms: Option<f64>,
    /// Ends of its interval.
    pub median_upper_ms: Option<f64>,
    /// Mean time until the end, or until the longest time observed.
    pub restricted_mean_ms: Figure,
    /// The curve.
    pub points: Vec<PointRow>,
}

/// A step of a curve.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PointRow {
    /// Time since the beginning.
    pub time_ms: f64,
    /// Cases under observation just before.
    pub at_risk: u64,
    /// Share for which it has not ended by then.
    pub survival: f64,
    /// Lower end of its band.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
}

/// The log-rank test.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LogRankRow {
    /// Chi-squared.
    pub statistic: f64,
    /// Degrees of freedom.
    pub df: usize,
    /// p-value.
    pub p_value: f64,
}

impl LogTable {
    /// The curves.
    pub fn survival(&self, asked: &SurvivalAsked) -> Result<SurvivalReport, NoSurvival> {
        let code = |name: &String| self.activity.code(name).ok_or_else(|| NoSurvival::NoSuchActivity(name.clone()));
        let from = asked.from.as_ref().map(code).transpose()?;
        let end = match &asked.until {
            Until::Activity(name) => SpellEnd::Activity(code(name)?),
            Until::Silence(silence) => SpellEnd::Silence(silence.micros()),
        };
        let mut groups: BTreeMap<Option<String>, Vec<Spell>> = BTreeMap::new();
        for found in spells(&self.traces(), from, end, self.observed_until_us) {
            let group = self.more.first().and_then(|column| {
                let code = column.codes[found.row];
                (code != NONE).then(|| column.texts[code as usize].clone())
            });
            groups.entry(group).or_default().push(found.spell);
        }
        let test = log_rank(&groups.values().cloned().collect::<Vec<_>>());
        Ok(SurvivalReport {
            curves: groups.into_iter().map(|(group, spells)| CurveReport::of(group, &spells, asked.points)).collect(),
            log_rank: test.map(|test| LogRankRow { statistic: test.statistic, df: test.df, p_value: test.p_value }),
        })
    }
}

impl CurveReport {
    fn of(group: Option<String>, spells: &[Spell], most: usize) -> Self {
        let curve = kaplan_meier(spells, LEVEL, Band::LogLog);
        let [median_ms, median_lower_ms, median_upper_ms] = curve.quantile(0.5).map(|time| time.map(|us| us / 1e3));
        let row = |point: &Point| PointRow {
            time_ms: point.time / 1e3,
            at_risk: point.at_risk,
            survival: point.survival,
            lower: point.lower,
            upper: point.upper,
        };
        // A curve is true wherever it is told: some steps are left out evenly, never the last.
        let steps: Vec<&Point> = curve.points.iter().filter(|point| point.events > 0).collect();
        let every = steps.len().div_ceil(most.max(1)).max(1);
        let points = steps.iter().rev().step_by(every).rev().map(|point| row(point)).collect();
        Self {
            group,
            cases: curve.n,
            ended: spells.iter().filter(|spell| spell.observed).count() as u64,
            median_ms,
            median_lower_ms,
            median_upper_ms,
            restricted_mean_ms: Figure::of(&curve.restricted_mean(), 1e3),
            points,
        }
    }
}
