//! What other rules would do, before they do it: the people that would merge or split, with examples and what it does to the metrics.
//!
//! Both rules are followed over the same facts and decisions, as a run would now; nothing is written. What differs is then due to the rules
//! alone, and not to facts that came since the last run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use clew_identity::{
    Assignment, DecidedBy, Decision, Likeness, Regrouping, Resolution, Rules, Subjects, regroupings, resolve_alike,
};
use clew_insight::metric::Metric;
use clew_lake::Lake;
use clew_lake::literal::{Integers, Texts};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::definitions::Definitions;
use crate::run::RunError;
use crate::steps::identity::{compile, gather, likenesses, read_decisions};
use crate::steps::metrics::answers_filter;

/// Examples that are told.
const MOST_EXAMPLES: usize = 20;
/// People of an example, on each side, and pieces of evidence that are told of it.
const MOST_TOLD: usize = 10;

/// What would become of people under other rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// Subjects that were looked at.
    pub subjects: u64,
    /// Number of people.
    pub people: Sides<u64>,
    /// Number of households.
    pub households: Sides<u64>,
    /// Groups of people that would be one.
    pub merges: u64,
    /// People that would be several.
    pub splits: u64,
    /// Groups of people whose subjects would be spread otherwise.
    pub regroupings: u64,
    /// Some of these, those with the most facts first.
    pub examples: Vec<Example>,
    /// Metrics by the people who answered.
    pub metrics: Vec<Effect>,
    /// Wall time.
    pub seconds: f64,
}

/// What is so now, and what would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sides<T> {
    /// Under the project's rules.
    pub now: T,
    /// Under the others.
    pub then: T,
}

/// People that would be others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// merge, split or regrouping.
    pub kind: String,
    /// The people that there are now, at most ten.
    pub people: Vec<Somebody>,
    /// How many there are now, and how many there would be.
    pub count: Sides<u64>,
    /// Their facts.
    pub facts: u64,
    /// Evidence that would join them, or would no longer, as `type:value`; at most ten.
    pub evidence: Vec<String>,
}

/// A person of an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Somebody {
    /// Its id; null where no run has named it.
    pub person_id: Option<String>,
    /// Best known name.
    pub display_name: Option<String>,
}

/// A metric by the people who answered: the newest answer of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The metric.
    pub metric: String,
    /// Answers.
    pub answers: u64,
    /// People who answered.
    pub respondents: Sides<u64>,
    /// The metric over the newest answer of each.
    pub by_respondent: Sides<Interval>,
}

/// An estimate with its interval; null: it cannot be computed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Estimate.
    pub estimate: Option<f64>,
    /// Lower end.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Observations.
    pub n: u64,
}

/// What one set of rules gives.
struct Answer<'r> {
    subjects: Subjects<'r>,
    resolution: Resolution,
    founder: FxHashMap<i64, i64>,
}

impl<'r> Answer<'r> {
    fn of(subjects: Subjects<'r>, decisions: &[Decision], alike: &[Likeness]) -> Self {
        let resolution = resolve_alike(&subjects, decisions, alike);
        let founder = resolution.assignments.iter().map(|row| (row.subject, row.founder)).collect();
        Self { subjects, resolution, founder }
    }

    fn assignments(&self) -> &[Assignment] {
        &self.resolution.assignments
    }

    fn people(&self) -> u64 {
        self.assignments().iter().filter(|row| row.subject == row.founder).count() as u64
    }

    fn households(&self) -> u64 {
        self.resolution.households.iter().map(|(_, identifier)| *identifier).collect::<BTreeSet<u32>>().len() as u64
    }

    /// By group: the evidence of this answer between subjects that are one person here and two in the `other` answer.
    fn only_here(&self, other: &Self, group_of: &FxHashMap<i64, usize>) -> BTreeMap<usize, BTreeSet<String>> {
        let mut found: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for link in &self.resolution.links {
            let Some(group) = group_of.get(&self.founder[&link.a]) else { continue };
            if other.founder.get(&link.a) == other.founder.get(&link.b) {
                continue;
            }
            let told = found.entry(*group).or_default();
            if told.len() < MOST_TOLD {
                told.insert(match (link.identifier, link.decided_by) {
                    (Some(number), _) => {
                        let identifier = self.subjects.identifier(number);
                        format!("{}:{}", identifier.kind, identifier.value)
                    }
                    (None, DecidedBy::Model) => "likeness".to_owned(),
                    (None, _) => "decision".to_owned(),
                });
            }
        }
        found
    }
}

/// What `rules` would do instead of those of `definitions`.
pub async fn rehearse(lake: &Lake, definitions: &Definitions, rules: &Rules) -> Result<Rehearsal, RunError> {
    let begun = Instant::now();
    let session = lake.session();
    let (present, other) = (compile(&definitions.rules)?, compile(rules)?);
    let decisions = read_decisions(&session).await?;
    let (likeness_now, likeness_then) = (likenesses(&session, &definitions.rules).await?, likenesses(&session, rules).await?);
    let now = Answer::of(gather(&session, &present).await?, &decisions, &likeness_now.pairs);
    let then = Answer::of(gather(&session, &other).await?, &decisions, &likeness_then.pairs);
    let groups = regroupings(now.assignments(), then.assignments());
    let count = |is: fn(&Regrouping) -> bool| groups.iter().filter(|group| is(group)).count() as u64;
    let mut metrics = Vec::new();
    for metric in &definitions.metrics {
        metrics.push(effect(&session, metric, [&now, &then]).await?);
    }
    Ok(Rehearsal {
        subjects: now.subjects.len() as u64,
        people: Sides { now: now.people(), then: then.people() },
        households: Sides { now: now.households(), then: then.households() },
        merges: count(|group| group.after.len() == 1),
        splits: count(|group| group.before.len() == 1),
        regroupings: count(|group| group.after.len() > 1 && group.before.len() > 1),
        examples: examples(&session, [&now, &then], &groups).await?,
        metrics,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

async fn examples(
    session: &SessionContext,
    [now, then]: [&Answer<'_>; 2],
    groups: &[Regrouping],
) -> Result<Vec<Example>, RunError> {
    let told = &groups[..groups.len().min(MOST_EXAMPLES)];
    let places = |of: fn(&Regrouping) -> &Vec<i64>| -> FxHashMap<i64, usize> {
        told.iter().enumerate().flat_map(|(place, group)| of(group).iter().map(move |founder| (*founder, place))).collect()
    };
    let cut = now.only_here(then, &places(|group| &group.before));
    let mut new = then.only_here(now, &places(|group| &group.after));
    for (group, evidence) in cut {
        new.entry(group).or_default().extend(evidence);
    }
    let founders: Vec<i64> = told.iter().flat_map(|group| group.before.iter().take(MOST_TOLD).copied()).collect();
    let ids = ids(session, &founders).await?;
    let shown: Vec<Vec<Option<String>>> =
        told.iter().map(|group| group.before.iter().take(MOST_TOLD).map(|founder| ids.get(founder).cloned()).collect()).collect();
    let names = names(session, &shown.iter().flatten().flatten().cloned().collect::<Vec<_>>()).await?;
    let example = |(place, group): (usize, &Regrouping)| Example {
        kind: match (group.before.len(), group.after.len()) {
            (_, 1) => "merge",
            (1, _) => "split",
            _ => "regrouping",
        }
        .to_owned(),
        people: shown[place]
            .iter()
            .map(|id| Somebody { person_id: id.clone(), display_name: id.as_ref().and_then(|id| names.get(id).cloned()) })
            .collect(),
        count: Sides { now: group.before.len() as u64, then: group.after.len() as u64 },
        facts: group.facts,
        evidence: new.get(&place).into_iter().flatten().take(MOST_TOLD).cloned().collect(),
    };
    Ok(told.iter().enumerate().map(example).collect())
}

/// The people of these subjects, as the last run named them.
async fn ids(session: &SessionContext, subjects: &[i64]) -> Result<BTreeMap<i64, String>, RunError> {
    let sql = format!("SELECT subject, person_id FROM subjects WHERE subject IN {}", Integers(subjects));
    let mut ids = BTreeMap::new();
    for batch in session.sql(&sql).await?.collect().await? {
        let (subject, id) = (Columns(&batch).int("subject")?, Columns(&batch).text("person_id")?);
        ids.extend(subject.values().iter().copied().zip(id.iter().flatten().map(str::to_owned)));
    }
    Ok(ids)
}

async fn names(session: &SessionContext, people: &[String]) -> Result<BTreeMap<String, String>, RunError> {
    let sql =
        format!("SELECT person_id, display_name FROM profiles WHERE person_id IN {} AND display_name IS NOT NULL", Texts(people));
    let mut names = BTreeMap::new();
    for batch in session.sql(&sql).await?.collect().await? {
        let (id, name) = (Columns(&batch).text("person_id")?, Columns(&batch).text("display_name")?);
        names.extend(id.iter().flatten().zip(name.iter().flatten()).map(|(id, name)| (id.to_owned(), name.to_owned())));
    }
    Ok(names)
}

async fn effect(session: &SessionContext, metric: &Metric, answers: [&Answer<'_>; 2]) -> Result<Effect, RunError> {
    let sql = format!(
        "SELECT r.subject, r.score, r.answered_at FROM responses_current r WHERE r.subject IS NOT NULL AND {} \
         ORDER BY r.answered_at, r.source, r.response_id",
        answers_filter(metric)
    );
    let mut newest: [FxHashMap<i64, f64>; 2] = Default::default();
    let mut n = 0;
    let mut stream = session.sql(&sql).await?.execute_stream().await?;
    while let Some(batch) = stream.try_next().await? {
        let (subject, score) = (Columns(&batch).int("subject")?, Columns(&batch).float("score")?);
        n += batch.num_rows() as u64;
        for (subject, score) in subject.values().iter().zip(score.values()) {
            for (newest, answer) in newest.iter_mut().zip(answers) {
                if let Some(founder) = answer.founder.get(subject) {
                    newest.insert(*founder, *score);
                }
            }
        }
    }
    let [now, then] = newest.map(|newest| {
        let mut tally = metric.tally();
        newest.values().for_each(|score| metric.push(&mut tally, *score));
        let estimate = tally.estimate(metric.level);
        let interval = Interval { estimate: estimate.estimate, lower: estimate.lower, upper: estimate.upper, n: estimate.n };
        (newest.len() as u64, interval)
    });
    Ok(Effect {
        metric: metric.name.clone(),
        answers: n,
        respondents: Sides { now: now.0, then: then.0 },
        by_respondent: Sides { now: now.1, then: then.1 },
    })
}
