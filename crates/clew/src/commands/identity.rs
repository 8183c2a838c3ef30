//! `clew identity`: why two are one person or are not, how a person came to be, and what people decide about it.
//!
//! The `clew serve` that owns the store answers and stores where there is one.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use clew_lake::Lake;
use clew_pipeline::definitions::Rules;
use clew_pipeline::identity::decide::{Decided, Kind, Order};
use clew_pipeline::identity::explain::{Change, How, Link, Why, WhyNot};
use clew_pipeline::identity::rehearse::{Example, Interval, Rehearsal};
use clew_pipeline::identity::{Asked, Evidence, IdentityError, Level, Node, decide, explain, rehearse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cli::At;
use crate::cli::identity::{Because, Identity, IdentityCommand};
use crate::failure::refused;
use crate::output;
use crate::project::{Project, load};
use crate::remote::Remote;
use crate::store::{self, Store};

/// Asks or decides, and reports.
pub async fn perform(options: &Identity) -> Result<()> {
    let project = super::project(&At { project: options.project.clone() })?;
    let other = match &options.what {
        IdentityCommand::DryRun { with } => Some(rules(&project, with)?),
        _ => None,
    };
    match store::open(&project).await? {
        Store::Owned(lake) => {
            let done = match &other {
                Some(rules) => {
                    let told = rehearse::rehearse(&lake, &project.definitions, rules).await;
                    told.map_err(anyhow::Error::from).and_then(|told| tell(options.json, &told, rehearsed))
                }
                None => here(options, &lake).await,
            };
            store::close(lake, &project.store()).await?;
            done
        }
        Store::Served(remote) => match &other {
            Some(rules) => tell(options.json, &rehearse_there(&remote, rules).await?, rehearsed),
            None => there(options, &remote).await,
        },
    }
}

fn rules(project: &Project, file: &Path) -> Result<Rules> {
    let names: Vec<&str> = project.sources.sources.iter().map(|source| source.name.as_str()).collect();
    load::rules(file, &names, &super::environment)
}

async fn rehearse_there(remote: &Remote, rules: &Rules) -> Result<Rehearsal> {
    let path = "identity/dry-run";
    let said: Value = remote.post(path, &json!({"rules": rules})).await?;
    // What takes long is answered with its job.
    if said.get("job_id").is_some() {
        return read(remote.follow(path, read(said)?).await?.report.unwrap_or_default());
    }
    read(said)
}

/// By this process, which owns the store.
async fn here(options: &Identity, lake: &Lake) -> Result<()> {
    let json = options.json;
    match &options.what {
        IdentityCommand::Why { a, b } => tell(json, &of(explain::why(lake, a, b).await)?, why),
        IdentityCommand::WhyNot { a, b } => tell(json, &of(explain::why_not(lake, a, b).await)?, why_not),
        IdentityCommand::How { person } => tell(json, &of(explain::how(lake, person).await)?, how),
        IdentityCommand::Revoke { decision, because } => {
            let revoked = decide::revoke(lake, decision, &because.reason, &by(because)).await;
            tell(json, &of(revoked)?, decided)
        }
        IdentityCommand::Decisions => tell(json, &of(decide::list(lake).await)?, decisions),
        what => tell(json, &of(decide::decide(lake, &order(what).context("it decides")?).await)?, decided),
    }
}

/// By the server that owns the store.
async fn there(options: &Identity, remote: &Remote) -> Result<()> {
    let json = options.json;
    match &options.what {
        IdentityCommand::Why { a, b } => tell(json, &remote.ask::<Why>("identity/why", &[("a", a), ("b", b)]).await?, why),
        IdentityCommand::WhyNot { a, b } => {
            tell(json, &remote.ask::<WhyNot>("identity/why-not", &[("a", a), ("b", b)]).await?, why_not)
        }
        IdentityCommand::How { person } => tell(json, &remote.ask::<How>("identity/how", &[("person", person)]).await?, how),
        IdentityCommand::Revoke { decision, because } => {
            let body = json!({"reason": because.reason, "decided_by": by(because)});
            // An id has letters, digits and an underscore; what has more is none.
            if !decision.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(refused(format!("there is no decision {decision} about who is who")));
            }
            tell(json, &remote.post(&format!("identity/decisions/{decision}/revoke"), &body).await?, decided)
        }
        IdentityCommand::Decisions => tell(json, &list(remote).await?, decisions),
        what => {
            let Order { kind, a, b, reason, decided_by } = order(what).context("it decides")?;
            let body = json!({"kind": kind, "a": a, "b": b, "reason": reason, "decided_by": decided_by});
            tell(json, &remote.post("identity/decisions", &body).await?, decided)
        }
    }
}

async fn list(remote: &Remote) -> Result<Vec<Decided>> {
    let said: Value = remote.get("identity/decisions").await?;
    read(said["decisions"].clone())
}

fn read<T: DeserializeOwned>(said: Value) -> Result<T> {
    serde_json::from_value(said).context("reading the answer of `clew serve`")
}

fn of<T>(answer: Result<T, IdentityError>) -> Result<T> {
    answer.map_err(|error| if error.is_refusal() { refused(error.to_string()) } else { error.into() })
}

fn tell<T: Serialize>(json: bool, report: &T, text: impl Fn(&T) -> String) -> Result<()> {
    if json { output::print_json(report) } else { output::print(&text(report)) }
}

/// What a command decides; none where it only asks.
fn order(what: &IdentityCommand) -> Option<Order> {
    let (kind, a, b, because) = match what {
        IdentityCommand::Link { a, b, because } => (Kind::Link, a, Some(b), because),
        IdentityCommand::Apart { a, b, because } => (Kind::Apart, a, Some(b), because),
        IdentityCommand::Detach { subject, because } => (Kind::Detach, subject, None, because),
        _ => return None,
    };
    Some(Order { kind, a: a.clone(), b: b.cloned(), reason: because.reason.clone(), decided_by: by(because) })
}

fn by(because: &Because) -> String {
    let user = || std::env::var("USER").ok().filter(|user| !user.is_empty());
    because.by.clone().or_else(user).unwrap_or_else(|| "clew identity".to_owned())
}

fn name(asked: &Asked) -> String {
    if asked.asked == asked.person_id { asked.asked.clone() } else { format!("{} ({})", asked.asked, asked.person_id) }
}

fn node(node: &Node) -> String {
    let what = node.record.as_ref().map_or_else(|| format!("subject {}", node.subject), |record| format!("record {record}"));
    if node.identifiers.is_empty() { what } else { format!("{what} [{}]", node.identifiers.join(", ")) }
}

fn evidence(evidence: &Evidence) -> String {
    let Evidence { rule, value, effect, match_weight, probability, decided_by, source, at, reason, levels } = evidence;
    let what = value.as_ref().map_or_else(|| rule.clone(), |value| format!("{rule} {value}"));
    let weight = match_weight.map_or_else(String::new, |weight| format!(", weight {weight:.2}"));
    let probability = probability.map_or_else(String::new, |probability| format!(", probability {probability:.4}"));
    let source = source.as_ref().map_or_else(String::new, |source| format!(", from {source}"));
    let reason = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let compared = levels.iter().map(|Level { comparison, level, match_weight }| {
        let weight = match_weight.map_or_else(String::new, |weight| format!(" {weight:+.2}"));
        format!("\n      {comparison}: {}{weight}", level.as_deref().unwrap_or("unknown"))
    });
    let compared: String = compared.collect();
    let because = if effect == "merged" { format!("by {decided_by}{reason}") } else { format!("not used: {decided_by}") };
    format!("{what}{weight}{probability}{source}, {at}, {because}{compared}")
}

fn link(link: &Link, text: &mut String) {
    let _ = writeln!(text, "  {}\n    {}\n  {}", node(&link.from), evidence(&link.evidence), node(&link.to));
}

fn why(report: &Why) -> String {
    let Why { a, b, chain, note } = report;
    let mut text = format!("{} and {} are one person\n", name(a), name(b));
    for (place, step) in chain.iter().enumerate() {
        if place == 0 {
            let _ = writeln!(text, "  {}", node(&step.from));
        }
        let _ = writeln!(text, "    {}\n  {}", evidence(&step.evidence), node(&step.to));
    }
    if let Some(note) = note {
        let _ = writeln!(text, "  {note}");
    }
    text
}

fn why_not(report: &WhyNot) -> String {
    let mut text = format!("{} and {} are two people\n", name(&report.a), name(&report.b));
    for reason in &report.reasons {
        let _ = writeln!(text, "  {}", reason.words);
        if let (Some(from), Some(to), Some(dropped)) = (&reason.from, &reason.to, &reason.evidence) {
            let _ = writeln!(text, "    {} and {}\n    {}", node(from), node(to), evidence(dropped));
        }
    }
    text
}

fn how(report: &How) -> String {
    let How { person, subjects, joins, all_joins, changes } = report;
    let mut text = format!("{}: {subjects} subjects, joined {all_joins} times\n", name(person));
    for Change { changed_at, change, from_person_id, to_person_id, cause } in changes {
        let from = from_person_id.as_ref().map_or_else(String::new, |from| format!("{from} → "));
        let _ = writeln!(text, "  {changed_at} {change} {from}{to_person_id} ({cause})");
    }
    joins.iter().for_each(|join| link(join, &mut text));
    if (joins.len() as u64) < *all_joins {
        let _ = writeln!(text, "  … and {} more", all_joins - joins.len() as u64);
    }
    text
}

fn decided(report: &Decided) -> String {
    let next = match report.state.as_str() {
        "pending" => "it holds from the next `clew run` on",
        "revoked" => "everything is derived without it from the next `clew run` on",
        _ => "",
    };
    decisions(std::slice::from_ref(report)) + &if next.is_empty() { String::new() } else { format!("{next}\n") }
}

fn decisions(report: &(impl AsRef<[Decided]> + ?Sized)) -> String {
    let mut text = String::new();
    for Decided { decision_id, kind, subjects, people, reason, decided_by, decided_at, revoked_by, state, bridged } in
        report.as_ref()
    {
        let who = subjects.iter().zip(people).map(|(subject, person)| {
            let subject = node(subject);
            person.as_ref().map_or_else(|| subject.clone(), |person| format!("{subject} of {person}"))
        });
        let who = who.collect::<Vec<_>>().join(" and ");
        let state = state.replace('_', " ");
        let revoked = revoked_by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let _ = writeln!(text, "{decision_id} {kind} {who}: {state}{revoked}");
        let _ = writeln!(text, "  {decided_at} {decided_by}: {}", reason.as_deref().unwrap_or_default());
        if *bridged > 0 {
            let _ = writeln!(text, "  {bridged} pieces of evidence join what it keeps apart");
        }
    }
    if text.is_empty() { "nothing is decided about who is who\n".to_owned() } else { text }
}

fn rehearsed(report: &Rehearsal) -> String {
    let Rehearsal { subjects, people, households, merges, splits, regroupings, examples, metrics, seconds } = report;
    let mut text = format!(
        "{subjects} subjects: {} people now, {} then; {merges} merges, {splits} splits, {regroupings} regroupings; {} households now, {} then\n",
        people.now, people.then, households.now, households.then
    );
    for Example { kind, people, count, facts, evidence } in examples {
        let somebody = people.iter().map(|one| {
            let id = one.person_id.as_deref().unwrap_or("(new)");
            one.display_name.as_ref().map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"))
        });
        let somebody = somebody.collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "  {kind} of {} into {}, {facts} facts: {somebody}", count.now, count.then);
        if !evidence.is_empty() {
            let _ = writeln!(text, "    by {}", evidence.join(", "));
        }
    }
    for effect in metrics {
        let interval = |of: &Interval| match (of.estimate, of.lower, of.upper) {
            (Some(estimate), Some(lower), Some(upper)) => format!("{estimate:.4} ({lower:.4} to {upper:.4}, n {})", of.n),
            (Some(estimate), ..) => format!("{estimate:.4} (n {})", of.n),
            _ => format!("unknown (n {})", of.n),
        };
        let _ = writeln!(
            text,
            "{}: {} answers of {} people now, {} then; by the newest answer of each {} now, {} then",
            effect.metric,
            effect.answers,
            effect.respondents.now,
            effect.respondents.then,
            interval(&effect.by_respondent.now),
            interval(&effect.by_respondent.then)
        );
    }
    text + &format!("nothing was written; {seconds:.2} s\n")
}
