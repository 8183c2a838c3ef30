//! `clew journey`: what a plain event log tells, without a project. Here are process map, variants, funnel, retention and paths;
//! the questions that read columns in case order have modules of their own.
//!
//! Reading is `intake`'s ([`read_event_log`]), answering is `pipeline`'s ([`plain_log`](clew_pipeline::plain_log)); here
//! is what can be typed and what is printed. A report names the columns that were read and the rows that were left out.

mod attribution;
mod clusters;
mod compare;
mod conformance;
mod convert;
mod friction;
mod survival;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration as Clock;

use anyhow::{Context, Result};
use clew_intake::event_log::{LogRead, Named, Part, Wanted, read_event_log};
use clew_pipeline::plain_log::table::{LogTable, TableParts};
use clew_pipeline::plain_log::{
    AllAsked, AllReport, Collector, DfgReport, FunnelAsked, FunnelReport, FunnelRows, Order, PathsAsked, PathsReport, Period,
    PlainLog, RetentionReport, Share, Ties, Unanswerable, VariantsReport, Within, funnel,
};
use serde::Serialize;
use serde_json::json;

use crate::cli::journey::{Journey, LogFile, OrderWord, PeriodWord, Question, WithinWord};
use crate::failure::refused;
use crate::output::print;

/// An answer with what it is about.
#[derive(Serialize)]
struct Answer<'a, T> {
    #[serde(flatten)]
    answer: &'a T,
    log: serde_json::Value,
}

/// Answers.
pub fn perform(options: &Journey) -> Result<()> {
    let started = std::time::Instant::now();
    match &options.question {
        Question::Dfg { log } => {
            let (plain, read) = log.load(&Wanted::default())?;
            log.write(&plain.dfg(log.threads())?, &read, dfg_text, started.elapsed())
        }
        Question::Variants { log, top } => {
            let (plain, read) = log.load(&Wanted::default())?;
            log.write(&plain.variants(*top, log.threads())?, &read, variants_text, started.elapsed())
        }
        Question::Paths { log, gap, depth, collapse, top } => {
            let (plain, read) = log.load(&Wanted::default())?;
            let asked = PathsAsked { gap: *gap, depth: *depth, collapse: *collapse, top: *top };
            log.write(&plain.paths(asked, log.threads())?, &read, paths_text, started.elapsed())
        }
        Question::Retention { log, period, timezone } => {
            let (plain, read) = log.load(&Wanted { without_activity: true, ..Wanted::default() })?;
            let report = plain.retention(period_of(*period), timezone, read.span_us, log.threads());
            let report = log.answered(report, "take a longer --period, or leave out events with wrong times")?;
            log.write(&report, &read, retention_text, started.elapsed())
        }
        Question::Funnel { log, steps, window, within, order, increasing, exclude, by } => {
            let asked = FunnelAsked {
                steps: steps.clone(),
                exclude: exclude.clone(),
                window: *window,
                order: match order {
                    OrderWord::Ordered => Order::Ordered,
                    OrderWord::Strict => Order::Strict,
                    OrderWord::Any => Order::Any,
                },
                within: if *within == WithinWord::Whole { Within::Whole } else { Within::Step },
                ties: if *increasing { Ties::Apart } else { Ties::Together },
            };
            ask_funnel(log, &asked, by.as_deref(), started)
        }
        Question::Compare { log, options } => compare::perform(log, options, started),
        Question::Conformance { log, options } => conformance::perform(log, options, started),
        Question::Attribution { log, options } => attribution::perform(log, options, started),
        Question::Clusters { log, options } => clusters::group(log, options, started),
        Question::Next { log, options } => clusters::next(log, options, started),
        Question::Survival { log, options } => survival::curves(log, options, started),
        Question::Lifetime { log, options } => survival::lifetime(log, options, started),
        Question::Discover { log, options } => conformance::discover(log, options, started),
        Question::Convert { log, options } => convert::perform(log, options),
        Question::Friction { log, options } => friction::perform(log, options, started),
        Question::All { log, steps, window, period, gap } => {
            let (plain, read) = log.load(&Wanted::default())?;
            let funnel = (!steps.is_empty()).then(|| FunnelAsked {
                steps: steps.clone(),
                exclude: Vec::new(),
                window: *window,
                order: Order::Ordered,
                within: Within::Whole,
                ties: Ties::Together,
            });
            let paths = PathsAsked { gap: Some(*gap), depth: 5, collapse: false, top: 50 };
            let asked = AllAsked { paths, period: period_of(*period), funnel, variants: true };
            let report = plain.all(&asked, read.span_us, log.threads());
            let report = log.answered(report, "see the names with `clew journey dfg`, or take a longer --period")?;
            let text = |report: &AllReport| {
                let mut text = dfg_text(&report.dfg) + &retention_text(&report.retention) + &paths_text(&report.paths);
                text += &report.funnel.as_ref().map_or_else(String::new, funnel_text);
                text
            };
            log.write(&report, &read, text, started.elapsed())
        }
    }
}

fn period_of(word: PeriodWord) -> Period {
    match word {
        PeriodWord::Day => Period::Day,
        PeriodWord::Week => Period::Week,
        PeriodWord::Month => Period::Month,
        PeriodWord::Quarter => Period::Quarter,
        PeriodWord::Year => Period::Year,
    }
}

fn ask_funnel(log: &LogFile, asked: &FunnelAsked, by: Option<&str>, started: std::time::Instant) -> Result<()> {
    if let Some(name) = asked.exclude.iter().find(|name| asked.steps.contains(name)) {
        return Err(refused(format!("`{name}` is a step and excluded: leave it out of one of --steps and --exclude")));
    }
    if asked.order == Order::Strict && !asked.exclude.is_empty() {
        return Err(refused("nothing may come between steps with --order strict: leave out --exclude"));
    }
    let repeated = |(at, name): (usize, &String)| asked.steps[..at].contains(name);
    if asked.order == Order::Any && asked.steps.iter().enumerate().any(repeated) {
        return Err(refused("a step stands twice in --steps, which means nothing with --order any: leave one out"));
    }
    let only = asked.only();
    let groups: Vec<Named<'_>> = by.map(|column| Named { option: "--by", column }).into_iter().collect();
    let wanted = Wanted { more: &groups, only: only.as_deref(), ..Wanted::default() };
    let parts = Collector::default();
    let read = log.read(&wanted, &|part: Part<'_>| match part.more.first() {
        Some(group) => parts.add_with_groups(part.place, part.case, part.time_us, part.activity, group),
        None => parts.add(part.place, part.case, part.time_us, part.activity),
    })?;
    if let Some(name) = read.missed.first() {
        return Err(log.refused(&format!("no event is called `{name}`"), "see the names with `clew journey dfg`"));
    }
    let groups = read.more.first().map(Vec::as_slice);
    let report = funnel(parts, asked, &read.activities, groups, log.threads());
    let report = log.answered(report, "see the names with `clew journey dfg`")?;
    log.write(&report, &read, funnel_text, started.elapsed())
}

impl LogFile {
    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn read(&self, wanted: &Wanted<'_>, take: &(dyn Fn(Part<'_>) + Sync)) -> Result<LogRead> {
        let wanted =
            Wanted { case: self.case.as_deref(), time: self.time.as_deref(), activity: self.activity.as_deref(), ..*wanted };
        read_event_log(&self.file, &wanted, self.threads(), take).map_err(|error| refused(error.to_string()))
    }

    fn load(&self, wanted: &Wanted<'_>) -> Result<(PlainLog, LogRead)> {
        let parts = Collector::default();
        let read = self.read(wanted, &|part: Part<'_>| parts.add(part.place, part.case, part.time_us, part.activity))?;
        Ok((PlainLog::new(parts, read.activities.clone())?, read))
    }

    /// The answer, or what to do: asked otherwise it would be one, unless it is the disk that refuses.
    fn answered<T>(&self, answer: Result<T, Unanswerable>, remedy: &str) -> Result<T> {
        answer.map_err(|error| match error {
            Unanswerable::Spill { .. } => error.into(),
            _ => self.refused(&error, remedy),
        })
    }

    /// The log with further columns, without some activities.
    fn table(&self, more: &[Named<'_>], without: &[String]) -> Result<(LogTable, LogRead)> {
        let parts = TableParts::default();
        let read = self.read(&Wanted { more, ..Wanted::default() }, &|part: Part<'_>| {
            parts.add(part.place, part.case, part.time_us, part.activity, part.more);
        })?;
        if let Some(name) = without.iter().find(|name| !read.activities.contains(name)) {
            return Err(self.refused(&format!("no event is called `{name}`"), "see the names with `clew journey dfg`"));
        }
        Ok((LogTable::new(parts, read.activities.clone(), read.more.clone(), without), read))
    }

    fn refused(&self, error: &dyn std::fmt::Display, remedy: &str) -> anyhow::Error {
        refused(format!("{}: {error}; {remedy}", self.file.display()))
    }

    /// On standard error.
    fn say_left_out(&self, read: &LogRead) {
        let out = &read.left_out;
        if out.rows() > 0 {
            eprintln!(
                "clew: {}: left out {} of {} rows ({} without case, {} without a time that can be read, {} without activity, {} unreadable); the first is row {}",
                self.file.display(),
                out.rows(),
                read.rows,
                out.case,
                out.time,
                out.activity,
                out.unreadable,
                out.first_row.unwrap_or_default()
            );
        }
    }

    /// Writes the answer.
    fn write<T: Serialize>(&self, answer: &T, read: &LogRead, text: impl Fn(&T) -> String, took: Clock) -> Result<()> {
        self.write_marked("", answer, read, text, took)
    }

    /// Writes the answer, with a mark before the line that says what it is about; on standard error what was left out.
    fn write_marked<T: Serialize>(
        &self,
        mark: &str,
        answer: &T,
        read: &LogRead,
        text: impl Fn(&T) -> String,
        took: Clock,
    ) -> Result<()> {
        self.say_left_out(read);
        let out = &read.left_out;
        let fields = &read.fields;
        let log = json!({
            "file": self.file, "case": fields.case, "time": fields.time, "activity": fields.activity, "more": fields.more,
            "rows": read.rows,
            "left_out": {"case": out.case, "time": out.time, "activity": out.activity, "unreadable": out.unreadable, "first_row": out.first_row},
            "seconds": took.as_secs_f64(),
        });
        let mut words = if self.json {
            serde_json::to_string_pretty(&Answer { answer, log })?
        } else {
            let named = [Some(&fields.case), Some(&fields.time), fields.activity.as_ref()];
            let named: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
            format!(
                "{mark}{} · {} rows · columns {}\n\n{}",
                self.file.display(),
                read.rows,
                named.join(", "),
                text(answer).trim_end()
            )
        };
        words.push('\n');
        match &self.out {
            Some(path) => write_whole(path, &words),
            None => Ok(print(&words)?),
        }
    }
}

/// A file appears under its name when it is complete.
fn write_whole(path: &Path, words: &str) -> Result<()> {
    write_file(path, &mut |file| file.write_all(words.as_bytes()))
}

fn write_file(path: &Path, content: &mut dyn FnMut(&mut dyn std::io::Write) -> std::io::Result<()>) -> Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let mut write = || -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(&unfinished)?);
        content(&mut file)?;
        file.flush()?;
        std::fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// A time for people: the two largest units.
fn human(ms: f64) -> String {
    const UNITS: [(&str, f64); 4] = [("d", 86_400e3), ("h", 3_600e3), ("min", 60e3), ("s", 1e3)];
    match UNITS.iter().find(|(_, unit)| ms.abs() >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", ms / unit),
        None => format!("{ms:.0} ms"),
    }
}

fn percent(share: &Share) -> String {
    match (share.estimate, share.lower, share.upper) {
        (Some(p), Some(lower), Some(upper)) => format!("{:.1} % ({:.1}–{:.1})", p * 100.0, lower * 100.0, upper * 100.0),
        _ => "–".into(),
    }
}

/// Rows in columns as wide as their widest value.
struct Aligned(Vec<Vec<String>>);

impl Aligned {
    fn new(names: &[&str]) -> Self {
        Self(vec![names.iter().map(|name| (*name).to_owned()).collect()])
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Aligned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width =
            |column: usize| self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.0.first().map_or(0, Vec::len)).map(width).collect();
        for row in &self.0 {
            let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// Edges that people are shown.
const SHOWN: usize = 40;

fn dfg_text(report: &DfgReport) -> String {
    let mut text = format!("{} cases, {} events, {} variants\n\n", report.cases, report.events, report.variants);
    let mut edges: Vec<_> = report.edges.iter().collect();
    edges.sort_by_key(|edge| std::cmp::Reverse(edge.n));
    let mut table = Aligned::new(&["from", "to", "n", "median wait", "p90 wait"]);
    for edge in edges.iter().take(SHOWN) {
        table.row([edge.from.clone(), edge.to.clone(), edge.n.to_string(), human(edge.median_wait_ms), human(edge.p90_wait_ms)]);
    }
    text += &table.to_string();
    if edges.len() > SHOWN {
        let _ = writeln!(text, "… and {} more edges: --json has all", edges.len() - SHOWN);
    }
    for (what, counts) in [("begin", &report.start), ("end", &report.end)] {
        let mut counts: Vec<_> = counts.iter().map(|(name, n)| (n.as_u64().unwrap_or_default(), name)).collect();
        counts.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let most: Vec<String> = counts.iter().take(5).map(|(n, name)| format!("{name} {n}")).collect();
        let _ = writeln!(text, "\ncases {what} with: {}", most.join(", "));
    }
    text
}

fn variants_text(report: &VariantsReport) -> String {
    let mut table = Aligned::new(&["cases", "share (95 %)", "covered", "activities"]);
    for row in &report.top {
        let covered = format!("{:.1} %", row.coverage * 100.0);
        table.row([row.cases.to_string(), percent(&row.share), covered, row.activities.join(" › ")]);
    }
    format!("{} cases, {} variants\n\n{table}", report.cases, report.variants)
}

fn paths_text(report: &PathsReport) -> String {
    let mut table = Aligned::new(&["sessions", "share (95 %)", "begin with"]);
    for row in &report.paths {
        table.row([row.sessions.to_string(), percent(&row.share), row.activities.join(" › ")]);
    }
    format!("\n{} sessions, {} different paths to depth {}\n\n{table}", report.sessions, report.distinct, report.depth)
}

fn funnel_text(report: &FunnelReport) -> String {
    let rows = |rows: &FunnelRows| {
        let mut table = Aligned::new(&["step", "people", "of the first (95 %)", "of the one before (95 %)"]);
        for step in &rows.steps {
            table.row([step.step.clone(), step.people.to_string(), percent(&step.of_first), percent(&step.of_previous)]);
        }
        let time = match (rows.median_conversion_ms, rows.p90_conversion_ms) {
            (Some(median), Some(p90)) => format!("from first to last: median {}, p90 {}\n", human(median), human(p90)),
            _ => String::new(),
        };
        format!("{table}{time}")
    };
    let mut text = format!("\n{} people with any step, window {}\n\n", report.all.people, human(report.window_ms as f64));
    text += &rows(&report.all);
    for group in &report.groups {
        let _ = write!(
            text,
            "\n{}: {} people\n\n{}",
            group.group.as_deref().unwrap_or("(none)"),
            group.rows.people,
            rows(&group.rows)
        );
    }
    text
}

fn retention_text(report: &RetentionReport) -> String {
    const PERIODS: usize = 9;
    let cells = report.cohorts.iter().map(|cohort| cohort.periods.len()).max().unwrap_or(0).min(PERIODS);
    let numbers: Vec<String> = (0..cells).map(|n| n.to_string()).collect();
    let mut names = vec!["cohort", "people"];
    names.extend(numbers.iter().map(String::as_str));
    let mut table = Aligned::new(&names);
    for cohort in &report.cohorts {
        let mut row = vec![cohort.cohort.clone(), cohort.people.to_string()];
        row.extend((0..cells).map(|n| match cohort.periods.get(n).map(|period| period.rate) {
            Some(Some(rate)) => rate.estimate.map_or_else(|| "–".into(), |rate| format!("{:.1} %", rate * 100.0)),
            // Not observed to its end.
            Some(None) => "…".into(),
            None => String::new(),
        }));
        table.row(row);
    }
    let observed = report.observed_until.as_deref().unwrap_or("nothing");
    let period = serde_json::to_value(report.period).unwrap_or_default();
    format!(
        "\nby {} ({}), observed until {observed}; … is not over yet\n\n{table}",
        period.as_str().unwrap_or_default(),
        report.timezone
    )
}
