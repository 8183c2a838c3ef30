//! `GET /data`, `GET /runs`: is what comes in complete and clean?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_intake::stream::{State as Following, StreamHealth};
use clew_intake::{Api, Kind, Mode};
use clew_model::tables::{Table, TableKind};
use serde::Deserialize;
use utoipa::IntoParams;

use super::volume::{Window, Windows, volumes};
use super::{alarms, health};
use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::limit;
use crate::json::instant;
use crate::wire::{
    DataPage, FactsEquation, ReasonCount, RowsEquation, Run, RunStep, RunSummary, Runs, Source, SourceHealth, StreamState,
    TableSize,
};

/// Targets of sources, in the order of pages.
pub const TARGETS: [&str; 3] = ["events", "records", "responses"];

/// Both equations over rows of `accounting`.
pub const SUMS: &str = "CAST(sum(rows_read) AS BIGINT) AS read, CAST(sum(rows_mapped) AS BIGINT) AS mapped, \
    CAST(sum(rows_skipped) AS BIGINT) AS skipped, CAST(sum(rows_unreadable) AS BIGINT) AS unreadable, \
    CAST(sum(produced) AS BIGINT) AS produced, CAST(sum(stored) AS BIGINT) AS stored, CAST(sum(duplicate) AS BIGINT) AS duplicate, \
    CAST(sum(quarantined) AS BIGINT) AS quarantined, CAST(sum(rejected) AS BIGINT) AS rejected, \
    count(*) FILTER (WHERE CASE WHEN target IS NULL THEN rows_read <> rows_mapped + rows_skipped + rows_unreadable \
    ELSE produced <> stored + duplicate + quarantined + rejected END) AS unbalanced";
/// Facts older than this are history: lateness is judged by the newest of them, not by the clock.
const HISTORY_US: i64 = 30 * 86_400_000_000;

/// Is what comes in complete and clean?
#[utoipa::path(get, path = "/api/v1/data", responses((status = 200, body = DataPage), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn data(State(app): State<Arc<App>>) -> Answer<DataPage> {
    let newest = newest(&app).await?;
    let (sources, tables, last_run) = tokio::try_join!(page_sources(&app, None, &newest), tables(&app), newest_run(&app))?;
    let as_of = as_of(&app, &newest).and_then(instant);
    Ok(Json(DataPage { sources, last_run, next_run_at: app.next_run_at(), tables, as_of }))
}

/// Every source, or the one that is named, in order of name; `newest` are the newest facts of all.
pub async fn page_sources(app: &App, only: Option<&str>, newest: &[Newest]) -> Result<Vec<Source>, ApiError> {
    let (accounts, reasons, batches, alarms) =
        tokio::try_join!(accounts(app), reasons(app), newest_batches(app), alarms::alarms(app, None))?;
    let now = app.lake.now().micros();
    let window = |end| Window::days(end, health::DAYS, &app.zone);
    let windows = Windows { history: as_of(app, newest).map(window).transpose()?, present: window(now)? };
    let volumes = volumes(app, windows, only).await?;
    let asked = app.sources.sources.iter().filter(|source| only.is_none_or(|name| name == source.name));
    let known = Known { accounts: &accounts, newest, reasons: &reasons };
    let streams = app.streams.health();
    let complete = asked.map(|source| {
        let volume = volumes.of(&source.name);
        let (live, follower) = (app.door.source(&source.name), app.door.follower(&source.name));
        let stream = streams.iter().find(|stream| stream.source == source.name);
        let open = || alarms.iter().filter(|alarm| alarm.source == source.name);
        let failure = stream.map_or_else(|| app.failures.of(&source.name), broken);
        let mut page = page_source(source, &known);
        let newest = batches.iter().find(|batch| batch.source == source.name);
        page.health = health::judge(&health::Signs {
            origin: match live.or(follower) {
                Some(sent) if !sent.is_sound() => health::Origin::Unsound,
                Some(sent) if sent.follows() => health::Origin::Followed,
                Some(_) => health::Origin::Sent,
                None if page.lookup => health::Origin::Lookup,
                None => health::Origin::Read,
            },
            has_come: page.last_import_at.is_some(),
            is_balanced: page.rows.balanced && page.targets.iter().all(|target| target.balanced),
            failure: failure.as_deref(),
            aside: newest.map_or((0, 0), |batch| (batch.aside, batch.all_rows)),
            quarantining_alarms: open().filter(|alarm| alarm.severity == "quarantine").count() as u64,
            days: volume.map_or(&[], |(_, days)| days),
        });
        page.volume = volume.map_or_else(Vec::new, |(window, days)| window.points(days));
        page.expected_at = app.next_pull_at(&source.name);
        page.live = live.map(|live| live.counts().into());
        page.stream = stream.map(StreamState::from);
        page.open_alarms = open().count() as u64;
        page
    });
    Ok(complete.collect())
}

/// Why a stream is not followed now.
fn broken(stream: &StreamHealth) -> Option<String> {
    stream.last_error.clone().filter(|_| matches!(stream.state, Following::Retrying | Following::Refused))
}

/// The time by which lateness of sources that are read is judged: now, or the newest of their facts where all are long ago; none without facts.
pub fn as_of(app: &App, newest: &[Newest]) -> Option<i64> {
    let read = newest.iter().filter(|row| !app.is_sent(&row.source));
    let times = read.filter_map(|row| row.at.parse::<jiff::Timestamp>().ok());
    let (newest, now) = (times.map(jiff::Timestamp::as_microsecond).max()?, app.lake.now().micros());
    Some(if now - newest > HISTORY_US { newest } else { now })
}

#[derive(Debug, Deserialize)]
struct NewestBatch {
    source: String,
    aside: u64,
    all_rows: u64,
}

/// Of every source's newest batch: what could not be stored, of all that there was to store.
async fn newest_batches(app: &App) -> Result<Vec<NewestBatch>, ApiError> {
    app.rows(&format!(
        "SELECT a.source, CAST(sum(a.rows_unreadable) + sum(a.quarantined) AS BIGINT) AS aside, \
         CAST(sum(a.rows_unreadable) + sum(a.produced) AS BIGINT) AS all_rows FROM accounting a \
         JOIN ({}) b ON a.source = b.source AND a.batch = b.batch GROUP BY a.source",
        alarms::NEWEST_BATCH
    ))
    .await
}

#[derive(Debug, Deserialize)]
struct Account {
    source: String,
    target: Option<String>,
    read: u64,
    mapped: u64,
    skipped: u64,
    unreadable: u64,
    produced: u64,
    stored: u64,
    duplicate: u64,
    quarantined: u64,
    rejected: u64,
    last_at: String,
    unbalanced: u64,
}

async fn accounts(app: &App) -> Result<Vec<Account>, ApiError> {
    app.rows(&format!("SELECT source, target, {SUMS}, max(at) AS last_at FROM accounting GROUP BY source, target")).await
}

/// The newest fact of a source.
#[derive(Debug, Deserialize)]
pub struct Newest {
    source: String,
    at: String,
}

/// The newest fact of every source that has one.
pub async fn newest(app: &App) -> Result<Vec<Newest>, ApiError> {
    app.rows(
        "SELECT source, max(at) AS at FROM (SELECT source, max(occurred_at) AS at FROM events GROUP BY source \
         UNION ALL SELECT source, max(answered_at) AS at FROM responses GROUP BY source \
         UNION ALL SELECT source, max(valid_from) AS at FROM records WHERE valid_from IS NOT NULL GROUP BY source) GROUP BY source",
    )
    .await
}

#[derive(Debug, Deserialize)]
struct Reason {
    source: String,
    code: String,
    n: u64,
}

async fn reasons(app: &App) -> Result<Vec<Reason>, ApiError> {
    app.rows("SELECT source, reason AS code, count(*) AS n FROM quarantine_open GROUP BY source, reason ORDER BY n DESC, code")
        .await
}

/// What was asked of the store about all sources.
struct Known<'a> {
    accounts: &'a [Account],
    newest: &'a [Newest],
    reasons: &'a [Reason],
}

/// A source without what is judged of it.
fn page_source(source: &clew_intake::Source, Known { accounts, newest, reasons }: &Known) -> Source {
    let of_source: Vec<&Account> = accounts.iter().filter(|account| account.source == source.name).collect();
    let lookup = source.spec.lookup.is_some() && source.mappings.is_empty();
    let rows = of_source.iter().find(|account| account.target.is_none());
    let targets = TARGETS.iter().filter_map(|target| of_source.iter().find(|account| account.target.as_deref() == Some(target)));
    Source {
        source: source.name.clone(),
        mode: (!lookup).then(|| mode(source.spec.mode).to_owned()),
        lookup,
        kind: kind(source.spec.kind()).to_owned(),
        health: SourceHealth::default(),
        volume: Vec::new(),
        expected_at: None,
        live: None,
        stream: None,
        open_alarms: 0,
        watch: source.spec.watch,
        population: source.spec.population.clone(),
        files: source.spec.files.iter().flat_map(clew_intake::spec::OneOrMany::iter).map(str::to_owned).collect(),
        last_import_at: of_source.iter().map(|account| &account.last_at).max().cloned(),
        newest_fact_at: newest.iter().find(|row| row.source == source.name).map(|row| row.at.clone()),
        rows: rows.map_or(RowsEquation { balanced: true, ..RowsEquation::default() }, |account| RowsEquation {
            read: account.read,
            mapped: account.mapped,
            skipped: account.skipped,
            unreadable: account.unreadable,
            balanced: account.unbalanced == 0,
        }),
        targets: targets.map(|account| facts(account)).collect(),
        quarantine: reasons
            .iter()
            .filter(|row| row.source == source.name)
            .map(|row| ReasonCount { reason: row.code.clone(), n: row.n })
            .collect(),
    }
}

fn facts(account: &Account) -> FactsEquation {
    FactsEquation {
        target: account.target.clone().unwrap_or_default(),
        produced: account.produced,
        stored: account.stored,
        duplicate: account.duplicate,
        quarantined: account.quarantined,
        rejected: account.rejected,
        balanced: account.unbalanced == 0,
    }
}

/// The word of a kind; `clew check` refuses a source that has none, or several.
const fn kind(kind: Option<Kind<'_>>) -> &'static str {
    match kind {
        Some(Kind::Files(_)) => "files",
        Some(Kind::Api(Api::Tracking)) => "tracking",
        Some(Kind::Api(Api::Rows)) => "rows",
        Some(Kind::S3(_)) => "s3",
        Some(Kind::Postgres(_)) => "postgres",
        Some(Kind::Mysql(_)) => "mysql",
        Some(Kind::Nats(_)) => "nats",
        Some(Kind::Kafka(_)) => "kafka",
        None => "unknown",
    }
}

const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Append => "append",
        Mode::Upsert => "upsert",
        Mode::Snapshot => "snapshot",
    }
}

async fn tables(app: &App) -> Result<Vec<TableSize>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        table: String,
        n: u64,
    }
    // Names of the model: no input.
    let counts: Vec<String> =
        Table::all().map(|table| format!("SELECT '{0}' AS \"table\", count(*) AS n FROM {0}", table.name)).collect();
    let counts: Vec<Row> = app.rows(&counts.join(" UNION ALL ")).await?;
    let mut tables = Vec::new();
    for table in Table::all() {
        tables.push(TableSize {
            table: table.name.to_owned(),
            kind: if table.kind == TableKind::Fact { "fact" } else { "derived" }.to_owned(),
            rows: counts.iter().find(|row| row.table == table.name).map_or(0, |row| row.n),
            version: app.lake.version(table.name).await?,
        });
    }
    Ok(tables)
}

/// How many runs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunsAsked {
    /// 1 to 200; default 20.
    #[serde(default)]
    limit: Option<u64>,
}

/// Runs of the pipeline.
#[utoipa::path(get, path = "/api/v1/runs", params(RunsAsked), responses((status = 200, body = Runs), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn runs(State(app): State<Arc<App>>, Params(asked): Params<RunsAsked>) -> Answer<Runs> {
    let limit = limit(asked.limit.or(Some(20)))?;
    Ok(Json(Runs { runs: newest_runs(&app, limit).await? }))
}

/// The newest run.
pub async fn newest_run(app: &App) -> Result<Option<RunSummary>, ApiError> {
    let run = newest_runs(app, 1).await?.into_iter().next();
    Ok(run.map(|run| RunSummary { run_id: run.run_id, started_at: run.started_at, seconds: run.seconds, status: run.status }))
}

async fn newest_runs(app: &App, limit: usize) -> Result<Vec<Run>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        run_id: String,
        #[serde(flatten)]
        step: RunStep,
    }
    let sql = format!(
        "SELECT run_id, step, mode, rows, seconds, started_at, status, detail FROM runs WHERE run_id IN \
         (SELECT run_id FROM runs GROUP BY run_id ORDER BY max(started_at) DESC, run_id DESC LIMIT {limit})"
    );
    let mut runs: Vec<Run> = Vec::new();
    for Row { run_id, step } in app.rows(&sql).await? {
        match runs.iter_mut().find(|run| run.run_id == run_id) {
            Some(run) => run.steps.push(step),
            None => runs.push(Run {
                run_id,
                started_at: step.started_at.clone(),
                seconds: 0.0,
                status: "done".to_owned(),
                steps: vec![step],
            }),
        }
    }
    let place = |step: &RunStep| clew_pipeline::Step::parse(&step.step);
    for run in &mut runs {
        run.steps.sort_by_key(place);
        run.seconds = run.steps.iter().map(|step| step.seconds).sum();
        if run.steps.iter().any(|step| step.status == "failed") {
            "failed".clone_into(&mut run.status);
        }
    }
    runs.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
    if let (Some(job), Some(run)) = (app.jobs.current(), runs.first_mut())
        && run.started_at >= job.created_at
    {
        "running".clone_into(&mut run.status);
    }
    Ok(runs)
}
