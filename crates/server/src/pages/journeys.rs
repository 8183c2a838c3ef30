//! `GET /journeys` and `GET /journeys/{journey}`: where do people get lost, wait, give up?
//!
//! Without a filter the tables `stages` and `transitions` answer. With one, both are made again from the journeys that it
//! leaves, by the same rules: a stage counts people, a transition counts steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use clew_pipeline::columns::Columns;
use serde::Deserialize;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::Scope;
use crate::scoring::{FEW, missing, share};
use crate::wire::{Filter, Friction, Journey, JourneyRow, Journeys, Stage, Transition};
use clew_lake::literal::Text;

/// Transitions shown.
const MOST_TRANSITIONS: usize = 500;
/// Places of friction shown, and of each kind.
const MOST_FRICTION: usize = 12;
const MOST_OF_A_KIND: usize = 5;

/// All journeys.
#[utoipa::path(get, path = "/api/v1/journeys", params(Filter), responses((status = 200, body = Journeys), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn journeys(State(app): State<Arc<App>>, Params(filter): Params<Filter>) -> Answer<Journeys> {
    let scope = Scope::of(filter, &app.zone)?;
    let counts = counts(&app, &scope).await?;
    let rows = app.definitions.journey.journeys.iter().map(|rule| {
        let count = counts.iter().find(|count| count.journey == rule.name).cloned().unwrap_or_default();
        let completion = if rule.to.is_some() {
            share(count.completed, count.completed + count.dropped)
        } else {
            missing(count.completed, "not_computed")
        };
        JourneyRow {
            journey: rule.name.clone(),
            scope: rule.scope.as_str().to_owned(),
            people: count.people,
            completed: count.completed,
            dropped: count.dropped,
            open: count.open,
            completion,
        }
    });
    Ok(Json(Journeys { applied: scope.applied(true, true), journeys: rows.collect() }))
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Count {
    journey: String,
    people: u64,
    completed: u64,
    dropped: u64,
    open: u64,
}

async fn counts(app: &App, scope: &Scope) -> Result<Vec<Count>, ApiError> {
    app.rows(&format!(
        "SELECT j.journey, count(DISTINCT j.person_id) AS people, count(*) FILTER (WHERE j.outcome IN ('reached', 'ended')) AS completed, \
         count(*) FILTER (WHERE j.outcome = 'dropped') AS dropped, count(*) FILTER (WHERE j.outcome = 'open') AS open \
         FROM journeys j WHERE true{} GROUP BY j.journey",
        chosen(scope, None)
    ))
    .await
}

/// The condition on `journeys j`: begun in the period, with a step on the channel. `only` spares the steps of other journeys.
fn chosen(scope: &Scope, only: Option<&str>) -> String {
    let mut condition = scope.in_period("j.started_at");
    let journey = only.map_or_else(String::new, |journey| format!(" AND journey = {}", Text(journey)));
    if let Some(channel) = &scope.channel {
        condition
            .extend([format!(" AND j.journey_id IN (SELECT journey_id FROM steps WHERE channel = {}{journey})", Text(channel))]);
    }
    condition
}

/// Where do people get lost, wait, give up?
#[utoipa::path(get, path = "/api/v1/journeys/{journey}", params(("journey" = String, Path, description = "Name in journey.yaml"), Filter), responses((status = 200, body = Journey), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn journey(State(app): State<Arc<App>>, Path(name): Path<String>, Params(filter): Params<Filter>) -> Answer<Journey> {
    let scope = Scope::of(filter, &app.zone)?;
    let rule =
        app.definitions.journey.journeys.iter().find(|rule| rule.name == name).ok_or_else(|| ApiError::not_found("journey"))?;
    let counts = counts(&app, &scope).await?;
    let count = counts.into_iter().find(|count| count.journey == name).unwrap_or_default();
    let (stages, transitions) = if scope.is_all() {
        tokio::try_join!(stage_table(&app, &name), transition_table(&app, &name))?
    } else {
        tokio::try_join!(stages_of(&app, &name, &scope), transitions_of(&app, &name, &scope))?
    };
    let dropped = dropped(&app, &name, &scope).await?;
    let friction = friction(&transitions, dropped);
    let mut transitions = transitions;
    transitions.truncate(MOST_TRANSITIONS);
    Ok(Json(Journey {
        applied: scope.applied(true, true),
        journey: name,
        scope: rule.scope.as_str().to_owned(),
        people: count.people,
        completed: count.completed,
        dropped: count.dropped,
        open: count.open,
        stages,
        transitions,
        friction,
    }))
}

#[derive(Clone, Debug, Deserialize)]
struct StageCount {
    position: u64,
    stage: String,
    people: u64,
    continued: u64,
    median_ms: Option<i64>,
}

/// The stages of a journey from the table `stages`.
pub async fn stage_table(app: &App, journey: &str) -> Result<Vec<Stage>, ApiError> {
    let sql = format!(
        "SELECT position, stage, people, continued, median_ms FROM stages WHERE journey = {} ORDER BY position",
        Text(journey)
    );
    Ok(reached(app.rows(&sql).await?))
}

/// Without the stages before the first and behind the last that anybody reached: what a journey does not contain is not
/// where people are lost.
fn reached(counts: Vec<StageCount>) -> Vec<Stage> {
    let last = counts.iter().rposition(|count| count.people > 0);
    let Some(last) = last else { return Vec::new() };
    let kept = counts.into_iter().take(last + 1).enumerate().skip_while(|(_, count)| count.people == 0);
    kept.map(|(place, count)| Stage {
        conversion: if place == last { missing(count.people, "last_stage") } else { share(count.continued, count.people) },
        position: count.position,
        stage: count.stage,
        people: count.people,
        continued: count.continued,
        median_ms: count.median_ms,
    })
    .collect()
}

/// The stages of the journeys that the filter leaves. A person counts once a stage, however many journeys went through it.
async fn stages_of(app: &App, journey: &str, scope: &Scope) -> Result<Vec<Stage>, ApiError> {
    let sql = format!(
        "SELECT j.person_id, j.reached_ms, j.continued FROM journeys j WHERE j.journey = {}{} ORDER BY j.person_id",
        Text(journey),
        chosen(scope, Some(journey))
    );
    let names = &app.definitions.journey.stages;
    let mut people: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut onward_ms: Vec<Vec<i64>> = vec![Vec::new(); names.len()];
    for batch in app.batches(&sql).await?.iter() {
        let columns = Columns(batch);
        let (person, reached, continued) =
            (columns.text("person_id")?, columns.int_lists("reached_ms")?, columns.int("continued")?);
        for row in 0..batch.num_rows() {
            let first = reached.get(row);
            let seen = people.entry(person.value(row).to_owned()).or_default();
            seen.1 |= continued.value(row) as u64;
            for (stage, at) in first.iter().enumerate().take(names.len()).filter_map(|(stage, at)| Some((stage, (*at)?))) {
                seen.0 |= 1 << stage;
                onward_ms[stage]
                    .extend(first[stage + 1..].iter().flatten().filter(|later| **later >= at).min().map(|later| later - at));
            }
        }
    }
    let counts = names.iter().zip(&mut onward_ms).enumerate().map(|(stage, (rule, waits))| {
        waits.sort_unstable();
        StageCount {
            position: stage as u64 + 1,
            stage: rule.name.clone(),
            people: people.values().filter(|seen| seen.0 >> stage & 1 == 1).count() as u64,
            continued: people.values().filter(|seen| seen.0 >> stage & seen.1 >> stage & 1 == 1).count() as u64,
            median_ms: median(waits),
        }
    });
    Ok(reached(counts.collect()))
}

/// The median of sorted values; of an even number the mean of the two in the middle, rounded down.
fn median(sorted: &[i64]) -> Option<i64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len() % 2 == 1 { upper } else { i64::midpoint(sorted[sorted.len() / 2 - 1], upper) })
}

async fn transition_table(app: &App, journey: &str) -> Result<Vec<Transition>, ApiError> {
    app.rows(&format!(
        "SELECT from_step, to_step, n, people, median_wait_ms, p90_wait_ms FROM transitions WHERE journey = {} ORDER BY n DESC, from_step, to_step",
        Text(journey)
    ))
    .await
}

async fn transitions_of(app: &App, journey: &str, scope: &Scope) -> Result<Vec<Transition>, ApiError> {
    app.rows(&format!(
        "WITH s AS (SELECT s.from_step, s.name, s.person_id, s.wait_ms, s.seq = j.steps AS last FROM steps s \
         JOIN journeys j ON s.journey_id = j.journey_id AND s.bucket = j.bucket WHERE s.journey = {0} AND j.journey = {0}{1}) \
         SELECT coalesce(from_step, '(start)') AS from_step, name AS to_step, count(*) AS n, count(DISTINCT person_id) AS people, \
         CAST(median(wait_ms) AS BIGINT) AS median_wait_ms, CAST(approx_percentile_cont(wait_ms, 0.9) AS BIGINT) AS p90_wait_ms \
         FROM s GROUP BY from_step, name \
         UNION ALL SELECT name AS from_step, '(end)' AS to_step, count(*) AS n, count(DISTINCT person_id) AS people, \
         CAST(NULL AS BIGINT) AS median_wait_ms, CAST(NULL AS BIGINT) AS p90_wait_ms FROM s WHERE last GROUP BY name \
         ORDER BY n DESC, from_step, to_step",
        Text(journey),
        chosen(scope, Some(journey))
    ))
    .await
}

#[derive(Clone, Debug, Deserialize)]
struct Dropped {
    name: String,
    n: u64,
    people: u64,
}

/// The last steps of journeys that ended before their goal.
async fn dropped(app: &App, journey: &str, scope: &Scope) -> Result<Vec<Dropped>, ApiError> {
    app.rows(&format!(
        "SELECT s.name, count(*) AS n, count(DISTINCT s.person_id) AS people FROM steps s \
         JOIN journeys j ON s.journey_id = j.journey_id AND s.bucket = j.bucket AND s.seq = j.steps \
         WHERE j.outcome = 'dropped' AND s.journey = {0} AND j.journey = {0}{1} GROUP BY s.name ORDER BY people DESC, s.name",
        Text(journey),
        chosen(scope, Some(journey))
    ))
    .await
}

/// The worst of each kind, turn by turn: people lost, waiting time in sum, steps repeated.
fn friction(transitions: &[Transition], dropped: Vec<Dropped>) -> Vec<Friction> {
    let came = |step: &str| transitions.iter().filter(|t| t.to_step == step).map(|t| t.n).sum::<u64>();
    let left = |step: &str| transitions.iter().filter(|t| t.from_step == step).map(|t| t.n).sum::<u64>();
    let lost = dropped.into_iter().filter(|row| row.n >= FEW).map(|row| Friction {
        kind: "drop_off".to_owned(),
        share: share(row.n, came(&row.name).max(row.n)),
        from_step: row.name,
        to_step: None,
        n: row.n,
        people: row.people,
        median_wait_ms: None,
        p90_wait_ms: None,
    });
    let of = |kind: &str, t: &Transition, whole: u64| Friction {
        kind: kind.to_owned(),
        from_step: t.from_step.clone(),
        to_step: Some(t.to_step.clone()),
        n: t.n,
        people: t.people,
        share: share(t.n, whole.max(t.n)),
        median_wait_ms: t.median_wait_ms,
        p90_wait_ms: t.p90_wait_ms,
    };
    let pairs = || transitions.iter().filter(|t| t.n >= FEW && t.median_wait_ms.is_some());
    let mut waits: Vec<&Transition> = pairs().filter(|t| t.from_step != t.to_step).collect();
    waits.sort_by_key(|t| std::cmp::Reverse(t.median_wait_ms.unwrap_or(0).saturating_mul(t.n as i64)));
    let mut repeats: Vec<&Transition> = pairs().filter(|t| t.from_step == t.to_step).collect();
    repeats.sort_by_key(|t| std::cmp::Reverse(t.n));
    let mut kinds = [
        lost.take(MOST_OF_A_KIND).collect::<Vec<_>>(),
        waits.into_iter().take(MOST_OF_A_KIND).map(|t| of("wait", t, left(&t.from_step))).collect(),
        repeats.into_iter().take(MOST_OF_A_KIND).map(|t| of("repeat", t, came(&t.from_step))).collect(),
    ]
    .map(Vec::into_iter);
    let turns = (0..MOST_OF_A_KIND).flat_map(|_| kinds.each_mut().map(Iterator::next)).flatten();
    turns.take(MOST_FRICTION).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(position: u64, people: u64, continued: u64) -> StageCount {
        StageCount { position, stage: format!("s{position}"), people, continued, median_ms: None }
    }

    #[test]
    fn stages_that_nobody_reaches_at_the_ends_are_no_loss() {
        let stages = reached(vec![stage(1, 0, 0), stage(2, 10, 6), stage(3, 0, 0), stage(4, 6, 0), stage(5, 0, 0)]);
        assert_eq!(stages.iter().map(|stage| stage.position).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(stages[2].conversion.reason.as_deref(), Some("last_stage"));
        assert_eq!(stages[1].conversion.reason.as_deref(), Some("empty"));
        assert!(reached(vec![stage(1, 0, 0)]).is_empty());
    }

    #[test]
    fn each_kind_of_friction_gets_its_turn() {
        let t = |from: &str, to: &str, n, wait| Transition {
            from_step: from.into(),
            to_step: to.into(),
            n,
            people: n,
            median_wait_ms: wait,
            p90_wait_ms: wait,
        };
        let transitions =
            [t("(start)", "a", 100, None), t("a", "b", 50, Some(10)), t("b", "c", 20, Some(1000)), t("a", "a", 30, Some(1))];
        let found = friction(&transitions, vec![Dropped { name: "a".into(), n: 40, people: 40 }]);
        let kinds: Vec<&str> = found.iter().map(|place| place.kind.as_str()).collect();
        assert_eq!(kinds, ["drop_off", "wait", "repeat", "wait"]);
        assert_eq!(found[1].from_step, "b");
        assert_eq!(found[0].share.estimate, Some(40.0 / 130.0));
    }

    #[test]
    fn a_median_of_two_lies_between_them() {
        assert_eq!((median(&[]), median(&[3]), median(&[3, 6])), (None, Some(3), Some(4)));
    }
}
