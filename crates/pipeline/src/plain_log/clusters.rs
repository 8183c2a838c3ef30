//! `clew journey clusters` and `clew journey next`: cases that do the same things, and what comes after some steps.

use clew_journey::Duration;
use clew_journey::clusters::{ClusterQuestion, JourneyCluster, StepApart, cluster};
use clew_journey::next_step::next_steps;
use clew_stats::agreement::adjusted_rand;
use serde::Serialize;

use super::Share;
use super::compare::Figure;
use super::table::LogTable;

/// `clew journey clusters`.
#[derive(Clone, Debug, Serialize)]
pub struct ClustersReport {
    /// Mean silhouette: near 1 where clusters lie apart, near 0 where they do not.
    pub silhouette: Option<f64>,
    /// Agreement with the groups of the column of truth (adjusted Rand index); null without one.
    pub adjusted_rand: Option<f64>,
    /// Clusters, the largest first.
    pub clusters: Vec<ClusterRow>,
}

/// A cluster.
#[derive(Clone, Debug, Serialize)]
pub struct ClusterRow {
    /// Its cases.
    pub cases: u64,
    /// Share of all cases.
    pub share: Share,
    /// Steps that set it apart, the most telling first.
    pub apart: Vec<StepRow>,
    /// The most frequent of its variants.
    pub variant: Vec<String>,
}

/// A step that sets a cluster apart.
#[derive(Clone, Debug, Serialize)]
pub struct StepRow {
    /// The activity.
    pub activity: String,
    /// Cases of the cluster that have it.
    pub cases: u64,
    /// Cases of all others that have it.
    pub others: u64,
    /// Share of the cluster minus share of the others.
    pub difference: Figure,
}

/// `clew journey next`.
#[derive(Clone, Debug, Serialize)]
pub struct NextReport {
    /// The steps.
    pub after: Vec<String>,
    /// What comes later is not next.
    pub within_ms: i64,
    /// How often they were done and observed for so long.
    pub visits: u64,
    /// How often they were done too late to tell.
    pub censored: u64,
    /// What came next, the most frequent first.
    pub next: Vec<NextRow>,
}

/// What came next.
#[derive(Clone, Debug, Serialize)]
pub struct NextRow {
    /// The activity; null for nothing.
    pub activity: Option<String>,
    /// How often.
    pub n: u64,
    /// Of the visits.
    pub share: Share,
}

/// An activity that nobody did.
#[derive(Debug, thiserror::Error)]
#[error("no event is called `{0}`")]
pub struct NoSuchActivity(String);

impl LogTable {
    /// Groups the cases. Truth is the first further column of the log, if it has one: that of the first event of a case.
    pub fn clusters(&self, question: &ClusterQuestion) -> ClustersReport {
        let traces = self.traces();
        let found = cluster(&traces, question);
        let cases = found.of_case.len() as u64;
        let truth = self.more.first().map(|column| {
            let pairs = traces.cases().zip(&found.of_case).map(|(rows, (_, cluster))| (column.codes[rows.start], *cluster));
            pairs.collect::<Vec<_>>()
        });
        let name = |code: u32| self.activity.texts[code as usize].clone();
        let step = |step: &StepApart| StepRow {
            activity: name(step.activity),
            cases: step.cases.0,
            others: step.cases.1,
            difference: Figure::of(&step.difference.difference, 1.0),
        };
        let row = |cluster: &JourneyCluster| ClusterRow {
            cases: cluster.cases,
            share: Share::of(cluster.cases, cases),
            apart: cluster.apart.iter().map(step).collect(),
            variant: cluster.variant.iter().copied().map(name).collect(),
        };
        ClustersReport {
            silhouette: found.silhouette,
            adjusted_rand: truth.and_then(|pairs| adjusted_rand(&pairs)),
            clusters: found.clusters.iter().map(row).collect(),
        }
    }

    /// What comes after some steps.
    pub fn next(&self, after: &[String], within: Duration) -> Result<NextReport, NoSuchActivity> {
        let code = |name: &String| self.activity.code(name).ok_or_else(|| NoSuchActivity(name.clone()));
        let codes = after.iter().map(code).collect::<Result<Vec<u32>, _>>()?;
        let found = next_steps(&self.traces(), &codes, within.micros(), self.observed_until_us);
        let row = |&(activity, n): &(Option<u32>, u64)| NextRow {
            activity: activity.map(|code| self.activity.texts[code as usize].clone()),
            n,
            share: Share::of(n, found.visits),
        };
        Ok(NextReport {
            after: after.to_vec(),
            within_ms: within.micros() / 1_000,
            visits: found.visits,
            censored: found.censored,
            next: found.next.iter().map(row).collect(),
        })
    }
}
