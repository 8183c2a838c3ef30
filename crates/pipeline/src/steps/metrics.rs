//! Step `metrics`: every metric of the project by slice and period → `scores`.
//!
//! Answers are streamed once a metric and tallied in integers; a slice is a column of `responses`, a property
//! (`property.<name>`) or an attribute of the person as it was when the answer was given (`attribute.<name>`). Rows exist
//! for slices and periods that have answers: an empty slice is absent, never 0. The whole population is recomputed.

use std::collections::BTreeMap;

use arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
use clew_insight::metric::{Kind, Metric, Period, Tally};
use clew_lake::literal::Text;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use xxhash_rust::xxh3::xxh3_64;

use crate::columns::{Columns, Dictionary, NONE, TableRows, text_lists, times};
use crate::periods::Calendar;
use crate::run::{Outcome, RunError, StepContext};

/// Below this many answers a score is shown as "too few".
const FEW: u64 = 5;
/// Slices kept for one dimension, the most frequent ones: a dimension with more values is no dimension to read.
const MAX_SLICES: usize = 200;
/// The columns of `responses` that may be slices.
const SLICE_COLUMNS: &[&str] = &["channel", "survey", "question", "collector", "language", "population", "source", "respondent"];

/// Runs the step.
pub async fn run(context: &StepContext<'_>) -> Result<Outcome, RunError> {
    let session = context.lake.session();
    let mut calendar = Calendar::new(&context.definitions.timezone)?;
    let mut rows = Vec::new();
    for metric in &context.definitions.metrics {
        let mut table = Scores::new(metric);
        table.read(&session, &mut calendar).await?;
        rows.extend(table.rows());
    }
    let batch = score_rows(&rows)?;
    let mut outcome = Outcome { detail: format!("{} metrics", context.definitions.metrics.len()), ..Outcome::default() };
    outcome.wrote("scores", context.lake.overwrite("scores", vec![batch]).await?);
    Ok(outcome)
}

/// `WHERE` conditions that select a metric's answers.
pub fn answers_filter(metric: &Metric) -> String {
    let mut conditions = vec!["r.score IS NOT NULL".to_owned(), format!("r.respondent = {}", Text(&metric.respondent))];
    for (column, value) in [("survey", &metric.survey), ("question", &metric.question), ("channel", &metric.channel)] {
        conditions.extend(value.as_ref().map(|value| format!("r.{column} = {}", Text(value))));
    }
    let kind = match metric.kind {
        Kind::Nps => Some("nps"),
        Kind::Csat => Some("csat"),
        Kind::Ces => Some("ces"),
        Kind::Mean | Kind::Share => None,
    };
    conditions.extend(kind.map(|kind| format!("r.kind = '{kind}'")));
    conditions.join(" AND ")
}

/// The hash of a definition: a score says which one it was computed by.
pub fn version(metric: &Metric) -> String {
    let text = serde_json::to_string(metric).expect("a metric is plain data");
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// One slice in one period; period start `None` is all time.
type Key = (usize, u32, Option<i64>);

struct Scores<'a> {
    metric: &'a Metric,
    dimensions: Vec<String>,
    words: Dictionary,
    tallies: BTreeMap<Key, Tally>,
}

struct Score<'a> {
    metric: &'a Metric,
    slice_by: String,
    slice: String,
    period_start: Option<i64>,
    tally: Tally,
}

impl<'a> Scores<'a> {
    fn new(metric: &'a Metric) -> Self {
        let dimensions = std::iter::once("all".to_owned()).chain(metric.slices.iter().cloned()).collect();
        Self { metric, dimensions, words: Dictionary::default(), tallies: BTreeMap::new() }
    }

    async fn read(&mut self, session: &SessionContext, calendar: &mut Calendar) -> Result<(), RunError> {
        let mut select = "SELECT r.score, r.answered_at".to_owned();
        let mut joins = String::new();
        for (place, dimension) in self.dimensions.iter().enumerate().skip(1) {
            let column = self.slice_column(place, dimension, &mut joins)?;
            select += &format!(", {column} AS slice_{place}");
        }
        if self.dimensions.iter().any(|dimension| dimension.starts_with("attribute.")) {
            joins = format!(" LEFT JOIN subjects s ON r.subject = s.subject{joins}");
        }
        let sql = format!("{select} FROM responses_current r{joins} WHERE {}", answers_filter(self.metric));
        let mut stream = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            self.add(&batch, calendar)?;
        }
        Ok(())
    }

    /// The SQL of a slice. Attributes are joined as of `answered_at`; of several sources the first by name speaks.
    fn slice_column(&self, place: usize, dimension: &str, joins: &mut String) -> Result<String, RunError> {
        if SLICE_COLUMNS.contains(&dimension) {
            return Ok(format!("r.{dimension}"));
        }
        if let Some(name) = dimension.strip_prefix("property.") {
            return Ok(format!("json_as_text(r.properties, {})", Text(name)));
        }
        if let Some(name) = dimension.strip_prefix("attribute.") {
            *joins += &format!(
                " LEFT JOIN (SELECT person_id, min(value) AS value, valid_from, valid_to FROM attributes WHERE name = {} AND source = \
                 (SELECT min(source) FROM attributes WHERE name = {}) GROUP BY person_id, valid_from, valid_to) a{place} \
                 ON a{place}.person_id = s.person_id AND r.answered_at >= a{place}.valid_from \
                 AND (a{place}.valid_to IS NULL OR r.answered_at < a{place}.valid_to)",
                Text(name),
                Text(name)
            );
            return Ok(format!("a{place}.value"));
        }
        Err(RunError::Definition {
            file: "metrics.yaml",
            problem: format!(
                "metric {}: slice `{dimension}` is none of {}, property.<name>, attribute.<name>",
                self.metric.name,
                SLICE_COLUMNS.join(", ")
            ),
        })
    }

    fn add(&mut self, batch: &RecordBatch, calendar: &mut Calendar) -> Result<(), RunError> {
        let columns = Columns(batch);
        let (score, at) = (columns.float("score")?, columns.time("answered_at")?);
        let all = self.words.code("all");
        let mut slices = vec![vec![all; batch.num_rows()]];
        for place in 1..self.dimensions.len() {
            slices.push(self.words.codes(&columns.text(&format!("slice_{place}"))?));
        }
        for row in 0..batch.num_rows() {
            let start = calendar.start_of(at.value(row), self.metric.period)?;
            for (dimension, codes) in slices.iter().enumerate().filter(|(_, codes)| codes[row] != NONE) {
                for period in [None, Some(start)] {
                    let tally = self.tallies.entry((dimension, codes[row], period)).or_insert_with(|| self.metric.tally());
                    self.metric.push(tally, score.value(row));
                }
            }
        }
        Ok(())
    }

    /// The scores, without the rare slices of a dimension that has too many.
    fn rows(self) -> Vec<Score<'a>> {
        let mut sizes: BTreeMap<usize, Vec<(u64, u32)>> = BTreeMap::new();
        for (&(dimension, slice, period), tally) in &self.tallies {
            if period.is_none() {
                sizes.entry(dimension).or_default().push((tally.n(), slice));
            }
        }
        let words = self.words.values();
        for slices in sizes.values_mut() {
            slices.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| words[a.1 as usize].cmp(&words[b.1 as usize])));
            slices.truncate(MAX_SLICES);
        }
        let kept = |dimension: usize, slice: u32| sizes[&dimension].iter().any(|&(_, kept)| kept == slice);
        let mut rows: Vec<Score<'a>> = self
            .tallies
            .iter()
            .filter(|((dimension, slice, _), _)| kept(*dimension, *slice))
            .map(|(&(dimension, slice, period_start), &tally)| Score {
                metric: self.metric,
                slice_by: self.dimensions[dimension].clone(),
                slice: words[slice as usize].clone(),
                period_start,
                tally,
            })
            .collect();
        rows.sort_by(|a, b| (&a.slice_by, &a.slice, a.period_start).cmp(&(&b.slice_by, &b.slice, b.period_start)));
        rows
    }
}

const fn period_name(period: Period) -> &'static str {
    match period {
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
        Period::Quarter => "quarter",
        Period::Year => "year",
    }
}

const fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Nps => "adjusted_wald",
        Kind::Csat | Kind::Share => "wilson",
        Kind::Ces | Kind::Mean => "student_t",
    }
}

fn score_rows(rows: &[Score<'_>]) -> Result<RecordBatch, RunError> {
    let estimates: Vec<_> = rows.iter().map(|row| row.tally.estimate(row.metric.level)).collect();
    let text = |of: &dyn Fn(&Score<'_>) -> String| StringArray::from_iter_values(rows.iter().map(of));
    let flags = rows.iter().zip(&estimates).map(|(row, estimate)| {
        let reason = estimate.reason.map(|reason| reason.code().to_owned());
        let few = (row.tally.n() < FEW).then(|| "too_few".to_owned());
        let flags: Vec<String> = few.into_iter().chain(reason).collect();
        (!flags.is_empty()).then_some(flags)
    });
    Ok(TableRows::of("scores", rows.len())
        .with("metric", text(&|row| row.metric.name.clone()))
        .with("version", text(&|row| version(row.metric)))
        .with("slice_by", text(&|row| row.slice_by.clone()))
        .with("slice", text(&|row| row.slice.clone()))
        .with("period", text(&|row| row.period_start.map_or("all", |_| period_name(row.metric.period)).to_owned()))
        .with("period_start", times(rows.iter().map(|row| row.period_start)))
        .with("n", Int64Array::from_iter_values(rows.iter().map(|row| row.tally.n() as i64)))
        .with("estimate", Float64Array::from_iter(estimates.iter().map(|estimate| estimate.estimate)))
        .with("lower", Float64Array::from_iter(estimates.iter().map(|estimate| estimate.lower)))
        .with("upper", Float64Array::from_iter(estimates.iter().map(|estimate| estimate.upper)))
        .with("level", Float64Array::from_iter_values(rows.iter().map(|row| row.metric.level)))
        .with("method", text(&|row| method(row.metric.kind).to_owned()))
        .with("out_of_scale", Int64Array::from_iter_values(rows.iter().map(|row| row.tally.out_of_scale() as i64)))
        .with("flags", text_lists(flags))
        .finish()?)
}
