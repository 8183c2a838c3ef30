//! Step `drivers`: what moves each metric that asks for it (`drivers:` in metrics.yaml) → `drivers`.
//!
//! This module only loads columns. What counts as having happened before an answer is decided in
//! [`clew_insight::candidates`], the ranking in [`clew_insight::drivers`]. Themes and sentiment enter through what was said
//! in earlier contacts, never through the answer's own words.

use std::collections::BTreeSet;

use arrow::array::{Array, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use clew_insight::candidates::{Answers, Candidate, Coded, History, Lookback, candidates};
use clew_insight::drivers::{Contrast, Driver, DriverKind, Drivers, Input, Options, ScreenReason, rank};
use clew_insight::metric::{DriverSearch, Metric};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use rustc_hash::{FxHashMap, FxHashSet};

use super::metrics::answers_filter;
use crate::columns::{Columns, Dictionary, NONE, TableRows};
use crate::run::{Outcome, RunError, StepContext};

/// Channels on which an inbound event is a contact that somebody or a bot had to answer.
const CONTACT_CHANNELS: &[&str] = &["phone", "ivr", "email", "chat", "bot", "sms", "messaging", "social"];
const DAY_US: i64 = 86_400_000_000;

/// Runs the step.
pub async fn run(context: &StepContext<'_>) -> Result<Outcome, RunError> {
    let session = context.lake.session();
    let mut rows = Vec::new();
    for metric in &context.definitions.metrics {
        let Some(search) = &metric.drivers else { continue };
        let scored = Scored::read(&session, metric).await?;
        let history = Loader::new(&scored).read(&session).await?;
        rows.extend(rank_metric(metric, search, scored, history, context.definitions.seed).await?);
    }
    let mut outcome = Outcome { detail: format!("{} drivers and candidates", rows.len()), ..Outcome::default() };
    outcome.wrote("drivers", context.lake.overwrite("drivers", vec![driver_rows(&rows)?]).await?);
    Ok(outcome)
}

async fn rank_metric(
    metric: &Metric,
    search: &DriverSearch,
    scored: Scored,
    history: History,
    seed: u64,
) -> Result<Vec<Row>, RunError> {
    let (metric, search) = (metric.clone(), search.clone());
    let ranking = tokio::task::spawn_blocking(move || {
        let lookback =
            search.lookback_days.map_or_else(Lookback::default, |days| Lookback { window_us: i64::from(days) * DAY_US });
        let found: Vec<Candidate> = candidates(&history, &scored.answers, lookback)
            .into_iter()
            .filter(|candidate| !search.excludes(&candidate.name))
            .map(|candidate| match search.family_of(&candidate.name) {
                Some(family) => Candidate { family: family.to_owned(), ..candidate },
                None => candidate,
            })
            .collect();
        let input = Input { outcome: &scored.scores, people: &scored.people, candidates: &found };
        rank(&input, &Options { seed, level: metric.level, ..Options::default() }).map(|drivers| rows(&metric, &drivers))
    });
    ranking
        .await
        .expect("ranking drivers does not panic")
        .map_err(|error| RunError::Definition { file: "metrics.yaml", problem: format!("drivers: {error}") })
}

/// The scored answers of a metric.
struct Scored {
    answers: Answers,
    scores: Vec<f64>,
    /// Who answered, for resampling; an answer of nobody known is its own person.
    people: Vec<u64>,
    references: Dictionary,
    conversations: Dictionary,
}

/// References and conversations share one code space: even codes and odd codes.
const fn reference_code(code: u32) -> u32 {
    if code == NONE { NONE } else { code * 2 }
}

const fn conversation_code(code: u32) -> u32 {
    if code == NONE { NONE } else { code * 2 + 1 }
}

impl Scored {
    async fn read(session: &SessionContext, metric: &Metric) -> Result<Self, RunError> {
        let sql = format!(
            "SELECT r.score, r.answered_at, s.person_no, coalesce(r.about_reference, e.reference) AS about_reference, \
             coalesce(r.about_conversation, e.conversation_id) AS about_conversation FROM responses_current r \
             LEFT JOIN subjects s ON r.subject = s.subject LEFT JOIN events_current e ON r.about_event = e.event_id WHERE {} \
             ORDER BY r.source, r.response_id",
            answers_filter(metric)
        );
        let (mut references, mut conversations) = (Dictionary::default(), Dictionary::default());
        let (mut answers, mut scores, mut people) = (Answers::default(), Vec::new(), Vec::new());
        let scale = metric.scale();
        for batch in session.sql(&sql).await?.collect().await? {
            let columns = Columns(&batch);
            let (score, at, person) = (columns.float("score")?, columns.time("answered_at")?, columns.int("person_no")?);
            let reference = references.codes(&columns.text("about_reference")?);
            let conversation = conversations.codes(&columns.text("about_conversation")?);
            for row in 0..batch.num_rows() {
                let number = (!person.is_null(row)).then(|| person.value(row));
                people.push(number.map_or_else(|| u64::MAX - people.len() as u64, |number| number as u64));
                answers.person.push(number.map_or(NONE, |number| number as u32));
                let about =
                    if reference[row] == NONE { conversation_code(conversation[row]) } else { reference_code(reference[row]) };
                answers.about.push(about);
                answers.answered_at.push(at.value(row));
                scores.push(if scale.contains(score.value(row)) { score.value(row) } else { f64::NAN });
            }
        }
        answers.attributes = attributes(session, &answers).await?;
        Ok(Self { answers, scores, people, references, conversations })
    }
}

/// From, until, value code.
type Version = (i64, i64, u32);

/// Attributes of the answering people as they were at the answer; of several sources, the first by name.
async fn attributes(session: &SessionContext, answers: &Answers) -> Result<Vec<(String, Coded)>, RunError> {
    let wanted: FxHashSet<i64> =
        answers.person.iter().filter(|&&person| person != NONE).map(|&person| i64::from(person)).collect();
    let sql = "SELECT p.person_no, a.name, a.value, a.valid_from, a.valid_to FROM attributes a JOIN persons p ON a.person_id = p.person_id \
               ORDER BY a.name, a.source DESC, a.valid_from";
    let (mut names, mut values) = (Dictionary::default(), Dictionary::default());
    let mut versions: FxHashMap<(u32, i64), Vec<Version>> = FxHashMap::default();
    let mut stream = session.sql(sql).await?.execute_stream().await?;
    while let Some(batch) = stream.try_next().await? {
        let columns = Columns(&batch);
        let person = columns.int("person_no")?;
        let (name, value) = (names.codes(&columns.text("name")?), values.codes(&columns.text("value")?));
        let (from, to) = (columns.time("valid_from")?, columns.time("valid_to")?);
        for row in (0..batch.num_rows()).filter(|&row| wanted.contains(&person.value(row))) {
            let until = if to.is_null(row) { i64::MAX } else { to.value(row) };
            versions.entry((name[row], person.value(row))).or_default().push((from.value(row), until, value[row]));
        }
    }
    let at = |name: u32, answer: usize| {
        let (person, time) = (answers.person[answer], answers.answered_at[answer]);
        let of_person = versions.get(&(name, i64::from(person))).filter(|_| person != NONE)?;
        of_person.iter().rev().find(|&&(from, until, _)| from <= time && time < until).map(|&(_, _, value)| value)
    };
    let columns = names.values().iter().zip(0..).map(|(attribute, name)| {
        let codes = (0..answers.answered_at.len()).map(|answer| at(name, answer).unwrap_or(NONE)).collect();
        (attribute.clone(), Coded { values: values.values().to_vec(), codes })
    });
    Ok(columns.collect())
}

/// Collects the events that may lie behind the answers.
struct Loader {
    people: FxHashSet<i64>,
    references: FxHashSet<String>,
    conversations: FxHashSet<String>,
    reference_codes: Dictionary,
    conversation_codes: Dictionary,
    words: [Dictionary; 5],
    labels: Vec<(String, Dictionary)>,
    themes: Dictionary,
    history: History,
}

/// Text columns of events that are coded one by one: name, channel, team, agent, outcome.
const CODED: [&str; 5] = ["name", "channel", "team", "agent_id", "outcome"];

impl Loader {
    fn new(scored: &Scored) -> Self {
        let people = scored.answers.person.iter().filter(|&&person| person != NONE).map(|&person| i64::from(person)).collect();
        let (mut reference_codes, mut conversation_codes) = (Dictionary::default(), Dictionary::default());
        scored.references.values().iter().for_each(|value| {
            reference_codes.code(value);
        });
        scored.conversations.values().iter().for_each(|value| {
            conversation_codes.code(value);
        });
        Self {
            people,
            references: scored.references.values().iter().cloned().collect(),
            conversations: scored.conversations.values().iter().cloned().collect(),
            reference_codes,
            conversation_codes,
            words: Default::default(),
            labels: Vec::new(),
            themes: Dictionary::default(),
            history: History::default(),
        }
    }

    async fn read(mut self, session: &SessionContext) -> Result<History, RunError> {
        let promoted = Promoted::of(session).await?;
        self.labels = ["location", "product"]
            .into_iter()
            .map(str::to_owned)
            .chain(promoted.texts.iter().cloned())
            .map(|name| (name, Dictionary::default()))
            .collect();
        self.history.labels = self.labels.iter().map(|(name, _)| (label_name(name), Coded::default())).collect();
        self.history.measures = promoted.numbers.iter().map(|name| (label_name(name), Vec::new())).collect();
        let columns: String = promoted.numbers.iter().chain(&promoted.texts).map(|name| format!(", e.\"{name}\"")).collect();
        let sql = format!(
            "SELECT s.person_no, e.reference, e.conversation_id, e.occurred_at, e.name, e.channel, e.direction, e.team, e.agent_id, \
             e.outcome, e.location, e.product, e.duration_ms, e.amount, c.sentiment, t.name AS theme{columns} \
             FROM events_current e LEFT JOIN subjects s ON e.subject = s.subject \
             LEFT JOIN (SELECT source, fact_id, avg(sentiment) AS sentiment, min(themes[1]) AS theme FROM comments \
             WHERE about_table = 'events' GROUP BY source, fact_id) c ON c.source = e.source AND c.fact_id = e.event_id \
             LEFT JOIN themes t ON t.theme_id = c.theme"
        );
        let mut stream = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            self.add(&batch)?;
        }
        Ok(self.finish())
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), RunError> {
        let columns = Columns(batch);
        let person = columns.int("person_no")?;
        let (reference, conversation) = (columns.text("reference")?, columns.text("conversation_id")?);
        let names =
            |set: &FxHashSet<String>, column: &StringArray, row: usize| !column.is_null(row) && set.contains(column.value(row));
        let rows: Vec<usize> = (0..batch.num_rows())
            .filter(|&row| {
                (!person.is_null(row) && self.people.contains(&person.value(row)))
                    || names(&self.references, &reference, row)
                    || names(&self.conversations, &conversation, row)
            })
            .collect();
        let codes = |dictionary: &mut Dictionary, column: &StringArray| -> Vec<u32> {
            rows.iter().map(|&row| if column.is_null(row) { NONE } else { dictionary.code(column.value(row)) }).collect()
        };
        let references = codes(&mut self.reference_codes, &reference);
        let conversations = codes(&mut self.conversation_codes, &conversation);
        let history = &mut self.history;
        history.person.extend(rows.iter().map(|&row| if person.is_null(row) { NONE } else { person.value(row) as u32 }));
        history.reference.extend(references.into_iter().map(reference_code));
        history.conversation.extend(conversations.into_iter().map(conversation_code));
        let targets = [&mut history.name, &mut history.channel, &mut history.team, &mut history.agent, &mut history.outcome];
        for ((target, column), dictionary) in targets.into_iter().zip(CODED).zip(&mut self.words) {
            target.codes.extend(codes(dictionary, &columns.text(column)?));
        }
        for ((column, dictionary), (_, target)) in self.labels.iter_mut().zip(&mut history.labels) {
            target.codes.extend(codes(dictionary, &columns.text(column)?));
        }
        history.theme.extend(codes(&mut self.themes, &columns.text("theme")?));
        let at = columns.time("occurred_at")?;
        history.occurred_at.extend(rows.iter().map(|&row| at.value(row)));
        let (direction, channel) = (columns.text("direction")?, columns.text("channel")?);
        history
            .contact
            .extend(rows.iter().map(|&row| direction.value(row) == "inbound" && CONTACT_CHANNELS.contains(&channel.value(row))));
        let numbers = |name: &str| -> Result<Vec<f64>, RunError> {
            let column = columns.float(name)?;
            Ok(rows.iter().map(|&row| if column.is_null(row) { f64::NAN } else { column.value(row) }).collect())
        };
        history.minutes.extend(numbers("duration_ms")?.into_iter().map(|ms| ms / 60_000.0));
        history.amount.extend(numbers("amount")?);
        history.sentiment.extend(numbers("sentiment")?);
        for (name, values) in &mut history.measures {
            values.extend(numbers(&format!("p_{name}"))?);
        }
        Ok(())
    }

    fn finish(self) -> History {
        let mut history = self.history;
        let targets = [&mut history.name, &mut history.channel, &mut history.team, &mut history.agent, &mut history.outcome];
        for (target, dictionary) in targets.into_iter().zip(self.words) {
            target.values = dictionary.into_values();
        }
        for ((_, target), (_, dictionary)) in history.labels.iter_mut().zip(self.labels) {
            target.values = dictionary.into_values();
        }
        history.themes = self.themes.into_values();
        history
    }
}

/// The word that people read: a promoted column without its prefix.
fn label_name(column: &str) -> String {
    column.strip_prefix("p_").unwrap_or(column).to_owned()
}

/// The promoted columns of events, by what they hold.
struct Promoted {
    numbers: Vec<String>,
    texts: Vec<String>,
}

impl Promoted {
    async fn of(session: &SessionContext) -> Result<Self, RunError> {
        let events = session.table("events").await?;
        let (mut numbers, mut texts) = (BTreeSet::new(), BTreeSet::new());
        for field in events.schema().fields().iter().filter(|field| field.name().starts_with("p_")) {
            match field.data_type() {
                DataType::Utf8 | DataType::Utf8View => texts.insert(field.name().clone()),
                kind if kind.is_numeric() || *kind == DataType::Boolean => numbers.insert(field.name().clone()),
                _ => false,
            };
        }
        Ok(Self { numbers: numbers.into_iter().collect(), texts: texts.into_iter().collect() })
    }
}

/// A row of the table.
#[derive(Default)]
struct Row {
    metric: String,
    driver: String,
    family: String,
    kind: &'static str,
    status: &'static str,
    rank: Option<i32>,
    importance: Option<f64>,
    bounds: Option<(f64, f64)>,
    cumulative: Option<f64>,
    vital_few: bool,
    effect: Option<f64>,
    association: Option<f64>,
    performance: Option<f64>,
    n: i64,
    r_squared: Option<f64>,
    statistic: Option<f64>,
    p_value: Option<f64>,
    reason: Option<String>,
}

fn rows(metric: &Metric, drivers: &Drivers) -> Vec<Row> {
    let base = || Row { metric: metric.name.clone(), r_squared: drivers.r2.estimate, ..Row::default() };
    let ranked = drivers.ranked.iter().zip(1..).map(|(driver, rank)| Row { rank: Some(rank), ..ranked_row(driver, base()) });
    let families = drivers.families.iter().zip(1..).map(|(family, rank)| Row {
        driver: family.family.clone(),
        family: family.family.clone(),
        kind: "family",
        status: "driver",
        rank: Some(rank),
        importance: family.share.estimate,
        bounds: family.share.interval(),
        cumulative: Some(family.cumulative),
        vital_few: family.vital_few,
        n: drivers.n as i64,
        ..base()
    });
    let screened = drivers.screened.iter().map(|screened| Row {
        driver: screened.name.clone(),
        family: screened.family.clone(),
        kind: "candidate",
        status: "screened_out",
        n: screened.n as i64,
        statistic: screened.adjusted_r2,
        p_value: screened.p_adjusted,
        reason: Some(reason(&screened.reason)),
        ..base()
    });
    ranked.chain(families).chain(screened).collect()
}

fn ranked_row(driver: &Driver, base: Row) -> Row {
    Row {
        driver: driver.name.clone(),
        family: driver.family.clone(),
        kind: match driver.kind {
            DriverKind::Numeric => "numeric",
            DriverKind::Boolean => "boolean",
            DriverKind::Category => "category",
        },
        status: "driver",
        importance: driver.share.estimate,
        bounds: driver.share.interval(),
        cumulative: Some(driver.cumulative),
        vital_few: driver.vital_few,
        effect: driver.effect.as_ref().and_then(|effect| effect.points.estimate),
        association: driver.coefficient,
        performance: driver.performance.and_then(|performance| performance.estimate),
        n: driver.n as i64,
        statistic: driver.correlation.map(|correlation| correlation * correlation),
        p_value: driver.p_adjusted,
        reason: driver.effect.as_ref().map(|effect| match &effect.contrast {
            Contrast::AbsentPresent => "effect: with against without".to_owned(),
            Contrast::Values { from, to } => format!("effect: {to:.3} against {from:.3}"),
            Contrast::Levels { from, to } => format!("effect: {to} against {from}"),
        }),
        ..base
    }
}

fn reason(reason: &ScreenReason) -> String {
    match reason {
        ScreenReason::TooFew { found, needed } => format!("too few: {found} of {needed} needed"),
        ScreenReason::Constant => "constant".to_owned(),
        ScreenReason::SameAs { name } => format!("says the same as {name}"),
        ScreenReason::Weak { place } => format!("weak: place {place} of the tested candidates"),
    }
}

fn driver_rows(rows: &[Row]) -> Result<RecordBatch, RunError> {
    let text = |of: fn(&Row) -> &str| StringArray::from_iter_values(rows.iter().map(of));
    let float = |of: fn(&Row) -> Option<f64>| Float64Array::from_iter(rows.iter().map(of));
    Ok(TableRows::of("drivers", rows.len())
        .with("metric", text(|row| &row.metric))
        .with("segment", text(|_| "all"))
        .with("driver", text(|row| &row.driver))
        .with("family", text(|row| &row.family))
        .with("kind", text(|row| row.kind))
        .with("status", text(|row| row.status))
        .with("rank", Int32Array::from_iter(rows.iter().map(|row| row.rank)))
        .with("importance", float(|row| row.importance))
        .with("lower", float(|row| row.bounds.map(|bounds| bounds.0)))
        .with("upper", float(|row| row.bounds.map(|bounds| bounds.1)))
        .with("cumulative", float(|row| row.cumulative))
        .with("vital_few", BooleanArray::from_iter(rows.iter().map(|row| Some(row.vital_few))))
        .with("effect", float(|row| row.effect))
        .with("association", float(|row| row.association))
        .with("performance", float(|row| row.performance))
        .with("n", Int64Array::from_iter_values(rows.iter().map(|row| row.n)))
        .with("r_squared", float(|row| row.r_squared))
        .with("statistic", float(|row| row.statistic))
        .with("p_value", float(|row| row.p_value))
        .with("reason", StringArray::from_iter(rows.iter().map(|row| row.reason.as_deref())))
        .finish()?)
}
