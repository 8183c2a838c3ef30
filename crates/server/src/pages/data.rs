//! `GET /data`, `GET /runs`: is what comes in complete and clean?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_intake::Mode;
use clew_model::tables::{Table, TableKind};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::limit;
use crate::wire::{DataPage, FactsEquation, ReasonCount, RowsEquation, Run, RunStep, RunSummary, Runs, Source, TableSize};

/// Targets of sources, in the order of pages.
const TARGETS: [&str; 3] = ["events", "records", "responses"];

/// Is what comes in complete and clean?
#[utoipa::path(get, path = "/api/v1/data", responses((status = 200, body = DataPage), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn data(State(app): State<Arc<App>>) -> Answer<DataPage> {
    let (accounts, newest, reasons, tables, last_run) =
        tokio::try_join!(accounts(&app), newest(&app), reasons(&app), tables(&app), newest_run(&app))?;
    let sources = app.sources.sources.iter().map(|source| page_source(source, &accounts, &newest, &reasons)).collect();
    Ok(Json(DataPage { sources, last_run, next_run_at: app.next_run_at(), tables }))
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
    let sum = |column: &str, name: &str| format!("CAST(sum({column}) AS BIGINT) AS {name}");
    let sums: Vec<String> = [
        ("rows_read", "read"),
        ("rows_mapped", "mapped"),
        ("rows_skipped", "skipped"),
        ("rows_unreadable", "unreadable"),
        ("produced", "produced"),
        ("stored", "stored"),
        ("duplicate", "duplicate"),
        ("quarantined", "quarantined"),
        ("rejected", "rejected"),
    ]
    .map(|(column, name)| sum(column, name))
    .to_vec();
    app.rows(&format!(
        "SELECT source, target, {}, max(at) AS last_at, count(*) FILTER (WHERE CASE WHEN target IS NULL \
         THEN rows_read <> rows_mapped + rows_skipped + rows_unreadable \
         ELSE produced <> stored + duplicate + quarantined + rejected END) AS unbalanced FROM accounting GROUP BY source, target",
        sums.join(", ")
    ))
    .await
}

#[derive(Debug, Deserialize)]
struct Newest {
    source: String,
    at: String,
}

async fn newest(app: &App) -> Result<Vec<Newest>, ApiError> {
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

fn page_source(source: &clew_intake::Source, accounts: &[Account], newest: &[Newest], reasons: &[Reason]) -> Source {
    let of_source: Vec<&Account> = accounts.iter().filter(|account| account.source == source.name).collect();
    let lookup = source.spec.lookup.is_some() && source.mappings.is_empty();
    let rows = of_source.iter().find(|account| account.target.is_none());
    let targets = TARGETS.iter().filter_map(|target| of_source.iter().find(|account| account.target.as_deref() == Some(target)));
    Source {
        source: source.name.clone(),
        mode: (!lookup).then(|| mode(source.spec.mode).to_owned()),
        lookup,
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
