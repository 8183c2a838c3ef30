//! `clew audit`: both conservation equations recounted, from accounting and from the tables themselves.
//!
//! Three proofs for each source. **Within accounting**: every line holds its equation (rows read = mapped + skipped + unreadable; facts
//! produced = stored + duplicate + quarantined + rejected); a line that does not names its batch. **Against the tables**: a fact table
//! has as many rows of the source as accounting says were stored. **No fact twice**: no key of a source in append mode occurs more than once
//! (in upsert and snapshot mode versions share a key by design).
//!
//! **Quarantine**: every row of it is open, repaired (stored, or there already), discarded or replaced by a row of another reason, and no more
//! than one of these; a replay has decided about as many rows as it read; nothing is decided about a row that is not there.
//!
//! Quarantine has at most as many rows as were counted into it, and some if any was: the same row met again is counted again and
//! kept once. Fact tables carry no batch, so where they disagree with accounting the source, the table and the files that differ are named,
//! with the batches that brought those files.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use clew_lake::Lake;
use clew_lake::literal::{Text, Texts};
use clew_model::tables::DECISIONS;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

use crate::spec::{Mode, Sources};
use crate::typing::convert::text;

/// Targets of sources with what makes a row unique among those of its source in append mode.
const TARGETS: [(&str, &str); 3] = [("events", "event_id"), ("records", "record_id, content"), ("responses", "response_id")];
/// Breaks told of one kind for one source; a damaged store has more than anybody reads.
const MOST_BREAKS: usize = 20;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Whether everything holds.
    pub holds: bool,
    /// By source, in order of name.
    pub sources: Vec<SourceAudit>,
    /// Everything that does not hold.
    pub breaks: Vec<Break>,
}

/// One source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceAudit {
    /// Its name.
    pub source: String,
    /// Batches that accounting knows.
    pub batches: u64,
    /// Rows read.
    pub read: u64,
    /// Rows that gave at least one fact.
    pub mapped: u64,
    /// Rows that said nothing.
    pub skipped: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// By table.
    pub targets: Vec<TargetAudit>,
    /// Rows of `quarantine` = open + repaired + discarded + replaced.
    pub in_quarantine: u64,
    /// Of these, rows that nothing has been decided about.
    pub open: u64,
    /// Rows that a replay stored, or found to be there already.
    pub repaired: u64,
    /// Rows that nobody wants.
    pub discarded: u64,
    /// Rows that a replay refused for another reason, under an id of their own.
    pub replaced: u64,
}

/// One table of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetAudit {
    /// The table.
    pub table: String,
    /// Facts that were made.
    pub produced: u64,
    /// Facts that accounting says were stored.
    pub stored: u64,
    /// Facts that were there already.
    pub duplicate: u64,
    /// Facts in quarantine.
    pub quarantined: u64,
    /// Facts refused for good.
    pub rejected: u64,
    /// Facts that the table has.
    pub in_table: u64,
    /// Keys that occur more than once.
    pub repeated: u64,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// The source.
    pub source: String,
    /// The table; none for the rows equation.
    pub table: Option<String>,
    /// The batches that it is in, as far as they can be told.
    pub batches: Vec<String>,
    /// What, with the numbers.
    pub detail: String,
}

/// Recounts everything that is stored, unsealed rows included.
pub async fn audit(lake: &Lake, project: &Sources) -> Result<AuditReport, DataFusionError> {
    let session = lake.session();
    let mut sources: BTreeMap<String, SourceAudit> = BTreeMap::new();
    let mut breaks = Vec::new();
    lines(&session, &mut sources, &mut breaks).await?;
    recount(&session, "decisions", &mut sources).await?;
    for (table, key) in TARGETS {
        recount(&session, table, &mut sources).await?;
        repeated(&session, (table, key), project, &mut sources).await?;
    }
    quarantine(&session, &mut sources).await?;
    for source in sources.values() {
        for target in &source.targets {
            if target.in_table != target.stored {
                breaks.push(differing(&session, source, target).await?);
            }
            if target.repeated > 0 {
                breaks.push(Break {
                    source: source.source.clone(),
                    table: Some(target.table.clone()),
                    batches: Vec::new(),
                    detail: format!("{} keys occur more than once", target.repeated),
                });
            }
        }
        breaks.extend(quarantine_break(source));
        if source.in_quarantine != source.open + source.repaired + source.discarded + source.replaced {
            breaks.push(unsettled(&session, source).await?);
        }
    }
    repairs(&session, &mut breaks).await?;
    Ok(AuditReport { holds: breaks.is_empty(), sources: sources.into_values().collect(), breaks })
}

/// A query's rows: its text columns first, its numbers behind.
async fn rows(
    session: &SessionContext,
    sql: &str,
    texts: usize,
) -> Result<Vec<(Vec<Option<String>>, Vec<u64>)>, DataFusionError> {
    let mut rows = Vec::new();
    for batch in session.sql(sql).await?.collect().await? {
        let words: Vec<_> = (0..texts).map(|at| text(batch.column(at))).collect();
        let numbers: Vec<_> = (texts..batch.num_columns()).map(|at| number(&batch, at)).collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push((
                words.iter().map(|words| words.is_valid(row).then(|| words.value(row).to_owned())).collect(),
                numbers.iter().map(|numbers| numbers[row]).collect(),
            ));
        }
    }
    Ok(rows)
}

fn number(batch: &RecordBatch, at: usize) -> Result<Vec<u64>, DataFusionError> {
    let column = arrow::compute::cast(batch.column(at), &arrow::datatypes::DataType::Int64)?;
    let column = column.as_primitive::<Int64Type>();
    Ok((0..column.len()).map(|row| if column.is_valid(row) { column.value(row).max(0) as u64 } else { 0 }).collect())
}

/// The lines of accounting, each held against its own equation.
async fn lines(
    session: &SessionContext,
    sources: &mut BTreeMap<String, SourceAudit>,
    breaks: &mut Vec<Break>,
) -> Result<(), DataFusionError> {
    let sql = "SELECT source, target, batch, sum(rows_read), sum(rows_mapped), sum(rows_skipped), sum(rows_unreadable), sum(produced), \
               sum(stored), sum(duplicate), sum(quarantined), sum(rejected), \
               count(*) FILTER (WHERE rows_read <> rows_mapped + rows_skipped + rows_unreadable \
               OR produced <> stored + duplicate + quarantined + rejected) \
               FROM accounting GROUP BY source, target, batch ORDER BY source, target, batch";
    let mut batches: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (words, n) in rows(session, sql, 3).await? {
        let [Some(name), table, Some(batch)] = &words[..] else { continue };
        let source =
            sources.entry(name.clone()).or_insert_with(|| SourceAudit { source: name.clone(), ..SourceAudit::default() });
        batches.entry(name.clone()).or_default().insert(batch.clone());
        let detail = match table {
            None => {
                source.read += n[0];
                source.mapped += n[1];
                source.skipped += n[2];
                source.unreadable += n[3];
                format!("{} rows read, {} mapped + {} skipped + {} unreadable", n[0], n[1], n[2], n[3])
            }
            Some(table) => {
                let target = target_of(source, table);
                target.produced += n[4];
                target.stored += n[5];
                target.duplicate += n[6];
                target.quarantined += n[7];
                target.rejected += n[8];
                format!(
                    "{} facts produced, {} stored + {} duplicate + {} quarantined + {} rejected",
                    n[4], n[5], n[6], n[7], n[8]
                )
            }
        };
        if n[9] > 0 {
            breaks.push(Break { source: name.clone(), table: table.clone(), batches: vec![batch.clone()], detail });
        }
    }
    for (name, batches) in batches {
        if let Some(source) = sources.get_mut(&name) {
            source.batches = batches.len() as u64;
        }
    }
    Ok(())
}

fn target_of<'a>(source: &'a mut SourceAudit, table: &str) -> &'a mut TargetAudit {
    let at = source.targets.iter().position(|target| target.table == table).unwrap_or_else(|| {
        source.targets.push(TargetAudit { table: table.to_owned(), ..TargetAudit::default() });
        source.targets.len() - 1
    });
    &mut source.targets[at]
}

/// The facts of `table` with their source and file; decisions came from people.
fn facts(table: &str) -> String {
    if table == "decisions" {
        return format!("(SELECT {} AS source, CAST(NULL AS VARCHAR) AS file FROM decisions)", Text(DECISIONS));
    }
    table.to_owned()
}

async fn recount(
    session: &SessionContext,
    table: &str,
    sources: &mut BTreeMap<String, SourceAudit>,
) -> Result<(), DataFusionError> {
    for (words, n) in rows(session, &format!("SELECT source, count(*) FROM {} GROUP BY source", facts(table)), 1).await? {
        let Some(name) = words[0].clone() else { continue };
        let source = sources.entry(name.clone()).or_insert_with(|| SourceAudit { source: name, ..SourceAudit::default() });
        target_of(source, table).in_table = n[0];
    }
    Ok(())
}

/// Keys that occur more than once.
async fn repeated(
    session: &SessionContext,
    (table, key): (&str, &str),
    project: &Sources,
    sources: &mut BTreeMap<String, SourceAudit>,
) -> Result<(), DataFusionError> {
    let written_once: Vec<String> =
        project.sources.iter().filter(|source| source.spec.mode == Mode::Append).map(|source| source.name.clone()).collect();
    if written_once.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT source, count(*) FROM (SELECT source, {key} FROM {table} WHERE source IN {} GROUP BY source, {key} \
         HAVING count(*) > 1) GROUP BY source",
        Texts(&written_once)
    );
    for (words, n) in rows(session, &sql, 1).await? {
        if let Some(source) = words[0].as_ref().and_then(|name| sources.get_mut(name)) {
            target_of(source, table).repeated = n[0];
        }
    }
    Ok(())
}

/// Rows of quarantine by what was decided about them.
async fn quarantine(session: &SessionContext, sources: &mut BTreeMap<String, SourceAudit>) -> Result<(), DataFusionError> {
    let sql = "SELECT q.source, count(*), count(*) FILTER (WHERE r.outcome IN ('stored', 'duplicate')), \
               count(*) FILTER (WHERE r.outcome = 'discarded'), count(*) FILTER (WHERE r.outcome = 'replaced') \
               FROM quarantine q LEFT JOIN (SELECT quarantine_id AS closed, min(outcome) AS outcome FROM repairs \
               WHERE outcome <> 'quarantined' GROUP BY quarantine_id) r ON r.closed = q.quarantine_id GROUP BY q.source";
    for (words, n) in rows(session, sql, 1).await? {
        let Some(name) = words[0].clone() else { continue };
        let source = sources.entry(name.clone()).or_insert_with(|| SourceAudit { source: name, ..SourceAudit::default() });
        [source.in_quarantine, source.repaired, source.discarded, source.replaced] = [n[0], n[1], n[2], n[3]];
    }
    for (words, n) in rows(session, "SELECT source, count(*) FROM quarantine_open GROUP BY source", 1).await? {
        if let Some(source) = words[0].as_ref().and_then(|name| sources.get_mut(name)) {
            source.open = n[0];
        }
    }
    Ok(())
}

/// Rows of quarantine that are neither open nor closed once, with the batches that brought them.
async fn unsettled(session: &SessionContext, source: &SourceAudit) -> Result<Break, DataFusionError> {
    let sql = format!(
        "SELECT DISTINCT batch FROM quarantine WHERE source = {} AND quarantine_id IN \
         (SELECT quarantine_id FROM quarantine GROUP BY quarantine_id HAVING count(*) > 1) ORDER BY batch LIMIT {MOST_BREAKS}",
        Text(&source.source)
    );
    let batches = rows(session, &sql, 1).await?.into_iter().filter_map(|(mut words, _)| words.pop().flatten()).collect();
    let SourceAudit { in_quarantine, open, repaired, discarded, replaced, .. } = source;
    let detail = format!(
        "{in_quarantine} rows in quarantine, {open} open + {repaired} repaired + {discarded} discarded + {replaced} replaced"
    );
    Ok(Break { source: source.source.clone(), table: Some("quarantine".into()), batches, detail })
}

/// What replays decided, held against quarantine and against the accounting of their batches.
async fn repairs(session: &SessionContext, breaks: &mut Vec<Break>) -> Result<(), DataFusionError> {
    let lost = "SELECT r.source, r.batch, count(*) FROM repairs r LEFT ANTI JOIN quarantine q ON q.quarantine_id = r.quarantine_id \
                GROUP BY r.source, r.batch ORDER BY r.source, r.batch";
    let twice = "SELECT source, batch, count(*) FROM repairs WHERE outcome <> 'quarantined' AND quarantine_id IN \
                 (SELECT quarantine_id FROM repairs WHERE outcome <> 'quarantined' GROUP BY quarantine_id HAVING count(*) > 1) \
                 GROUP BY source, batch ORDER BY source, batch";
    for (sql, what) in [(lost, "were decided about that quarantine does not have"), (twice, "were closed more than once")] {
        for (words, n) in rows(session, sql, 2).await?.into_iter().take(MOST_BREAKS) {
            breaks.push(of_replay(&words, format!("{} rows {what}", n[0])));
        }
    }
    let counted = "SELECT coalesce(r.source, a.source), coalesce(r.batch, a.batch), coalesce(r.n, 0), coalesce(a.read, 0), \
                   coalesce(r.stored, 0), coalesce(a.stored, 0) \
                   FROM (SELECT source, batch, count(*) AS n, count(*) FILTER (WHERE outcome = 'stored') AS stored FROM repairs \
                   GROUP BY source, batch) r FULL JOIN (SELECT source, batch, sum(rows_read) AS read, sum(stored) AS stored \
                   FROM accounting WHERE batch LIKE '%/replay-%' GROUP BY source, batch) a ON r.batch = a.batch \
                   WHERE coalesce(r.n, 0) <> coalesce(a.read, 0) OR coalesce(r.stored, 0) > coalesce(a.stored, 0)";
    for (words, n) in rows(session, counted, 2).await?.into_iter().take(MOST_BREAKS) {
        let detail = format!(
            "the replay read {} rows and decided about {}; {} of these were stored, with {} facts",
            n[1], n[0], n[2], n[3]
        );
        breaks.push(of_replay(&words, detail));
    }
    Ok(())
}

fn of_replay(words: &[Option<String>], detail: String) -> Break {
    let [source, batch] = [0, 1].map(|at: usize| words[at].clone().unwrap_or_default());
    Break { source, table: Some("repairs".into()), batches: vec![batch], detail }
}

fn quarantine_break(source: &SourceAudit) -> Option<Break> {
    let counted = source.unreadable + source.targets.iter().map(|target| target.quarantined).sum::<u64>();
    if source.in_quarantine <= counted && (source.in_quarantine > 0) == (counted > 0) {
        return None;
    }
    let detail = format!("{counted} rows and facts were counted into quarantine, which has {}", source.in_quarantine);
    Some(Break { source: source.source.clone(), table: None, batches: Vec::new(), detail })
}

/// Which files' facts are more or fewer than accounting says.
async fn differing(session: &SessionContext, source: &SourceAudit, target: &TargetAudit) -> Result<Break, DataFusionError> {
    let name = Text(&source.source);
    let table = &target.table;
    let counted = format!("SELECT file, sum(stored) FROM accounting WHERE source = {name} AND target = '{table}' GROUP BY file");
    let there = format!("SELECT file, count(*) FROM {} WHERE source = {name} GROUP BY file", facts(table));
    let mut files: BTreeMap<Option<String>, (u64, u64)> = BTreeMap::new();
    for (words, n) in rows(session, &counted, 1).await? {
        files.entry(words[0].clone()).or_default().0 += n[0];
    }
    for (words, n) in rows(session, &there, 1).await? {
        files.entry(words[0].clone()).or_default().1 += n[0];
    }
    files.retain(|_, (counted, there)| counted != there);
    let brought = format!(
        "SELECT file, batch FROM accounting WHERE source = {name} AND target = '{table}' GROUP BY file, batch ORDER BY batch"
    );
    let batches = rows(session, &brought, 2).await?.into_iter().filter(|(words, _)| files.contains_key(&words[0]));
    let batches: BTreeSet<String> = batches.filter_map(|(words, _)| words[1].clone()).take(MOST_BREAKS).collect();
    let in_words = files
        .iter()
        .take(MOST_BREAKS)
        .map(|(file, (counted, there))| format!("{}: {counted} stored, {there} there", file.as_deref().unwrap_or("(no file)")));
    let detail = format!(
        "accounting says {} facts were stored, the table has {} ({})",
        target.stored,
        target.in_table,
        in_words.collect::<Vec<_>>().join("; ")
    );
    Ok(Break { source: source.source.clone(), table: Some(table.clone()), batches: batches.into_iter().collect(), detail })
}
