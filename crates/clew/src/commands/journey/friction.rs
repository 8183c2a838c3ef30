//! `clew journey friction`: a ranked list.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::Result;
use clew_intake::event_log::Named;
use clew_pipeline::plain_log::friction::{FrictionAsked, FrictionReport, Rank};

use super::{Aligned, human, percent};
use crate::cli::journey::{FrictionOptions, LogFile, RankWord};

/// Answers.
pub fn perform(log: &LogFile, options: &FrictionOptions, started: Instant) -> Result<()> {
    let wanted = [
        ("--person", &options.person),
        ("--channel", &options.channel),
        ("--resource", &options.resource),
        ("--cost", &options.cost),
    ];
    let mut columns: Vec<Named<'_>> = Vec::new();
    let [person, channel, resource, cost] = wanted.map(|(option, column)| {
        columns.push(Named { option, column: column.as_deref()? });
        Some(columns.len() - 1)
    });
    let (table, read) = log.table(&columns, &options.without)?;
    let asked = FrictionAsked {
        person,
        channel,
        resource,
        cost,
        loop_within: options.loop_within,
        long_wait_quantile: options.long_wait,
        contacts: options.contacts.clone(),
        repeat_within: options.repeat_within,
        episode_gap: options.episode,
        silence: options.silence,
        dead_end_lift: options.dead_end_lift,
        rage_count: options.rage,
        rage_within: options.rage_within,
        ends: options.ends.clone(),
        reopened_within: options.reopened_within,
        failures: options.failures.clone(),
        rank: match options.rank {
            RankWord::People => Rank::People,
            RankWord::Time => Rank::Time,
            RankWord::Cost => Rank::Cost,
        },
        top: options.top,
        examples: options.examples,
    };
    let report = table.friction(&asked, &|case| read.cases.name(case));
    let report = report.map_err(|error| log.refused(&error, "see the names with `clew journey dfg`, and --cost"))?;
    log.write(&report, &read, text, started.elapsed())
}

fn text(report: &FrictionReport) -> String {
    let with_cost = report.findings.iter().any(|row| row.cost.is_some());
    let mut names = vec!["kind", "where", "people", "cases", "times", "of those possible (95 %)", "time lost"];
    names.extend(with_cost.then_some("cost"));
    let mut table = Aligned::new(&names);
    for row in &report.findings {
        let place = row.to.as_ref().map_or_else(|| row.from.clone(), |to| format!("{} › {to}", row.from));
        let lost = row.lost_ms.map_or_else(|| "–".into(), human);
        let counts = [row.people, row.cases, row.occurrences].map(|n| n.to_string());
        let mut cells = vec![row.kind.to_owned(), place];
        cells.extend(counts);
        cells.extend([percent(&row.share), lost]);
        cells.extend(row.cost.map(|cost| format!("{cost:.2}")));
        table.row(cells);
    }
    let mut text = format!("{} findings; they overlap, so that their times do not add up\n\n{table}", report.found);
    if let Some(found) = &report.first_contact {
        let _ = write!(
            text,
            "\ncontacts that were not repeated: {} of {}; of first contacts: {} of {}; {} are too young to tell\n",
            percent(&found.contacts),
            found.contacts.n,
            percent(&found.first_contacts),
            found.first_contacts.n,
            found.too_young
        );
    }
    text
}
