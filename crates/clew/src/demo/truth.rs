//! `truth.json`: everything that was planted, with its strength, for tests that compare what Clew finds with what is so.
//!
//! The small truths come first as one readable object each (`null` where not planted); the long lists (`dirt`, `comments`,
//! `duplicates`, `people`) have one entry a line, so that a shell can grep them. `strength` is always what was set; `observed`
//! is what this seed made of it. Nothing in the pipeline reads this file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use super::calendar::{Moment, ZONE, utc};
use super::people::Person;
use super::plant::{self, Driver, Truth};
use super::shares::{self, Shares};
use super::world::{Comment, Design, World};

/// Writes the truth of a finished world.
pub fn write(path: &Path, world: &World<'_>, rows: &[(&'static str, u64)]) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let mut head = head(world, rows);
    let object = head.as_object_mut().expect("the head is an object");
    object.insert("drivers".to_owned(), drivers(world));
    for (truth, value) in [
        (Truth::BrokenStep, broken_step(world)),
        (Truth::LateRegion, late_region(world)),
        (Truth::BeggingTeam, begging_team(world)),
        (Truth::SurgingTheme, surging_theme(world)),
        (Truth::Plans, plans(world)),
        (Truth::Experiments, experiments(world)),
        (Truth::ManagerGap, manager_gap(world)),
        (Truth::Misrouting, misrouting(world)),
    ] {
        object.insert(truth.name().to_owned(), if world.has(truth) { value } else { Value::Null });
    }
    for (key, value) in relations(world) {
        object.insert(key.to_owned(), value);
    }
    writeln!(out, "{{")?;
    for (key, value) in object.iter() {
        writeln!(out, "{}: {value},", Value::from(key.as_str()))?;
    }
    let tally = &world.tally;
    list(
        &mut out,
        "duplicates",
        &tally.duplicates,
        |duplicate| json!({"person": duplicate.person, "shares": duplicate.shares, "records": [duplicate.records.0, duplicate.records.1]}),
    )?;
    list(
        &mut out,
        "dirt",
        &tally.dirt,
        |dirt| json!({"source": "crm", "record": dirt.record, "column": dirt.column, "kind": dirt.kind, "raw": dirt.raw, "clean": dirt.clean}),
    )?;
    list(
        &mut out,
        "comments",
        &tally.comments,
        |comment| json!({"response": comment.response, "themes": comment.themes, "sentiment": comment.sentiment, "language": comment.language}),
    )?;
    list(&mut out, "everybody", &world.population.people, |person| everybody(world, person))?;
    writeln!(out, "\"end\": true\n}}")?;
    out.flush()?;
    Ok(())
}

fn list<T>(out: &mut impl Write, key: &str, items: &[T], show: impl Fn(&T) -> Value) -> anyhow::Result<()> {
    write!(out, "\"{key}\": [")?;
    for (index, item) in items.iter().enumerate() {
        write!(out, "{}{}", if index == 0 { "\n" } else { ",\n" }, show(item))?;
    }
    writeln!(out, "\n],")?;
    Ok(())
}

fn head(world: &World<'_>, rows: &[(&'static str, u64)]) -> Value {
    let flaws: Vec<Value> =
        world.tally.flaws.iter().map(|((source, kind), count)| json!({"source": source, "kind": kind, "rows": count})).collect();
    json!({
        "version": 1,
        "company": super::COMPANY,
        "seed": world.options.seed,
        "people": world.options.people,
        "days": world.options.days,
        "period": {"from": utc(world.calendar.start), "to": utc(world.calendar.end), "timezone": ZONE},
        "planted": world.options.plant.names(),
        "power": "each named effect is found with power of at least .9 at 20,000 people and 365 days, two-sided level .05",
        "rows": rows.iter().map(|(source, count)| ((*source).to_owned(), Value::from(*count))).collect::<serde_json::Map<_, _>>(),
        "flaws": flaws,
        "counts": world.tally.counts,
    })
}

fn drivers(world: &World<'_>) -> Value {
    let order =
        metric(world, ("order_nps", "order_feedback", "recommend", [0, 10]), &plant::ORDER_DRIVERS, &world.tally.order_design);
    let contact = metric(
        world,
        ("contact_csat", "contact_feedback", "satisfaction", [1, 5]),
        &plant::CONTACT_DRIVERS,
        &world.tally.contact_design,
    );
    json!([order, contact])
}

fn metric(
    world: &World<'_>,
    (name, survey, question, scale): (&str, &str, &str, [i32; 2]),
    drivers: &[Driver],
    rows: &[Design],
) -> Value {
    let planted = world.has(Truth::Drivers);
    let found = shares::shares(rows);
    let list: Vec<Value> =
        drivers.iter().enumerate().map(|(index, driver)| one_driver(driver, index, planted, found.as_ref())).collect();
    let mean = rows.iter().map(|row| row.score).sum::<f64>() / rows.len().max(1) as f64;
    let mut value = json!({
        "metric": name,
        "survey": survey,
        "question": question,
        "scale": scale,
        "n": rows.len(),
        "mean_score": rounded(mean),
        "r_squared": found.as_ref().map(|found| rounded(found.r_squared)),
        "order": if planted { drivers.iter().map(|driver| driver.name).collect() } else { Vec::new() },
        "drivers": list,
    });
    if name == "order_nps" {
        value["decoys"] = json!([
            decoy("store visits before the answer", 0, found.as_ref()),
            decoy("newsletters opened before the answer", 1, found.as_ref())
        ]);
        value["confounder"] = json!({"name": "age", "effect": if planted { plant::AGE_EFFECT } else { 0.0 }, "unit": "score points per 15 years",
            "correlation": found.as_ref().and_then(|found| found.asides[2]).map(rounded)});
        value["traps"] = json!([
            {"name": "late only after the answer", "fact": "event delivery_promise_missed after answered_at", "effect": 0.0,
             "answers": world.tally.counts.get("late_only_after_the_answer")},
            {"name": "recovery_call_made", "fact": "event recovery_call_made on the order, always after the answer", "effect": 0.0,
             "events": world.tally.counts.get("recovery_calls")},
        ]);
    }
    value
}

fn one_driver(driver: &Driver, index: usize, planted: bool, found: Option<&Shares>) -> Value {
    json!({
        "name": driver.name,
        "family": driver.family,
        "fact": driver.fact,
        "unit": driver.unit,
        "rank": index + 1,
        "effect": if planted { driver.effect } else { 0.0 },
        "slope": found.map(|found| rounded(found.slopes[index])),
        "mean": found.map(|found| rounded(found.means[index])),
        "share": found.map(|found| rounded(found.lmg[index])),
        "share_of_r_squared": found.filter(|found| found.r_squared > 0.0).map(|found| rounded(found.lmg[index] / found.r_squared)),
    })
}

fn decoy(name: &str, index: usize, found: Option<&Shares>) -> Value {
    json!({"name": name, "effect": 0.0, "correlation": found.and_then(|found| found.asides[index]).map(rounded),
           "why": "older customers do it more and are a little more content"})
}

fn rate(world: &World<'_>, name: &str) -> Value {
    let Some(mean) = world.tally.rates.get(name) else { return Value::Null };
    json!({"what": name, "n": mean.n, "value": mean.value().map(rounded)})
}

fn rates(world: &World<'_>, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| rate(world, name)).collect()
}

fn broken_step(world: &World<'_>) -> Value {
    let (from, to) = world.story.campaign;
    json!({
        "event": "checkout_failed", "channel": "app", "property": "app_version", "from_version": plant::BROKEN_VERSION,
        "broken_versions": ["4.3.0", "4.4.0"], "released_at": utc(world.story.releases[3].1),
        "strength": {"before": plant::CHECKOUT_FAILS.0, "after": plant::CHECKOUT_FAILS.1},
        "observed": rates(world, &["app checkout failed, other versions", "app checkout failed, broken versions"]),
        "decoy": {"what": "a web release on the first day of a campaign with cold traffic: conversion of all sessions falls, within other traffic nothing changes",
                  "campaign": "spring_ads", "from": utc(from), "to": utc(to)},
    })
}

fn late_region(world: &World<'_>) -> Value {
    let (from, to) = world.story.storm;
    json!({
        "region": plant::LATE_REGION, "carrier": "nordway", "from": utc(world.story.carrier_change),
        "strength": {"before": plant::LATE.0, "after": plant::LATE.1},
        "observed": rates(world, &["late, West, before", "late, West, after the change", "late, other regions"]),
        "decoy": {"what": "a storm: late for nine days, then as before", "region": plant::STORM_REGION, "share": plant::STORM_LATE,
                  "from": utc(from), "to": utc(to)},
    })
}

fn begging_team(world: &World<'_>) -> Value {
    json!({
        "team": plant::BEGGING_TEAM.0, "survey": "contact_feedback", "share_of_answers_lifted_to_the_top": plant::BEGGING_TEAM.1,
        "sign": "scores are high, the comments are not",
        "observed": rates(world, &["begging team, answers lifted"]),
        "decoy": {"what": "a team that is good: scores and comments are both better", "team": plant::GOOD_TEAM.0, "points": plant::GOOD_TEAM.1},
    })
}

fn share_of(comments: &[Comment], theme: &str, within: impl Fn(Moment) -> bool) -> Value {
    let chosen: Vec<&Comment> = comments.iter().filter(|comment| within(comment.at)).collect();
    let hits = chosen.iter().filter(|comment| comment.themes.contains(&theme)).count();
    json!({"n": chosen.len(), "share": (!chosen.is_empty()).then(|| rounded(hits as f64 / chosen.len() as f64))})
}

fn surging_theme(world: &World<'_>) -> Value {
    let comments = &world.tally.comments;
    let (surge, (from, to)) = (world.story.surge, world.story.spike);
    json!({
        "theme": plant::SURGE.0, "from": utc(surge), "strength": {"before": plant::SURGE.1, "after": plant::SURGE.2},
        "observed": {"before": share_of(comments, plant::SURGE.0, |at| at < surge), "after": share_of(comments, plant::SURGE.0, |at| at >= surge)},
        "decoy": {"what": "a theme that spikes for a week and goes", "theme": plant::SPIKE.0, "share": plant::SPIKE.1, "from": utc(from), "to": utc(to),
                  "observed": share_of(comments, plant::SPIKE.0, |at| (from..to).contains(&at))},
    })
}

fn plans(world: &World<'_>) -> Value {
    let (good, flat) = (world.story.good_plan, world.story.flat_plan);
    json!([
        {"plan": "call-back and one owner per case", "team": plant::GOOD_PLAN.0, "target": "wait_ms", "metric": "contact_csat", "started_at": utc(good),
         "works": true, "strength": {"wait_factor": plant::GOOD_PLAN.1},
         "observed": rates(world, &["wait_min, delivery_desk, before the plan", "wait_min, delivery_desk, after the plan"])},
        {"plan": "new greeting and hold music", "team": plant::FLAT_PLAN.0, "target": "wait_ms", "metric": "contact_csat", "started_at": utc(flat),
         "works": false, "strength": {"wait_factor": 1.0},
         "decoy": {"what": "it followed a bad month: waits come down by themselves", "factor_in_the_month_before": plant::FLAT_PLAN.1},
         "observed": rates(world, &["wait_min, billing_desk, before that", "wait_min, billing_desk, the month before the plan", "wait_min, billing_desk, after the plan"])},
    ])
}

fn experiments(world: &World<'_>) -> Value {
    let (from, to) = world.story.experiments;
    let (control, treatment) = plant::EXPERIMENT;
    json!([
        {"experiment": "one_page_checkout", "unit": "customer", "outcome": "an order within 10 days of the exposure", "from": utc(from), "to": utc(to),
         "works": true, "strength": {"control": control, "treatment": treatment, "lift": rounded(treatment - control)},
         "observed": rates(world, &["one_page_checkout control", "one_page_checkout treatment"])},
        {"experiment": "free_returns_banner", "unit": "customer", "outcome": "an order within 10 days of the exposure", "from": utc(from), "to": utc(to),
         "works": false, "strength": {"control": control, "treatment": control, "lift": 0.0},
         "observed": rates(world, &["free_returns_banner control", "free_returns_banner treatment"])},
    ])
}

fn manager_gap(world: &World<'_>) -> Value {
    let mut means: Vec<Value> = Vec::new();
    for team in super::service::TEAMS {
        let (sum, n) = world
            .tally
            .team_months
            .iter()
            .filter(|((name, _), _)| *name == team)
            .fold((0.0, 0), |(sum, n), (_, mean)| (sum + mean.sum, n + mean.n));
        means.push(json!({"team": team, "n": n, "honest_csat": (n > 0).then(|| rounded(sum / n as f64))}));
    }
    json!({
        "teams": plant::OVERRATED.0, "points": plant::OVERRATED.1, "scale": [1, 5], "observed": means,
        "decoy": {"what": "a high rating that is right", "team": plant::GOOD_TEAM.0},
    })
}

fn misrouting(world: &World<'_>) -> Value {
    json!({
        "matter": plant::MISROUTED.0, "sent_to": plant::MISROUTED.1, "belongs_to": "technical_desk", "event": "contact_transferred",
        "strength": {"elsewhere": plant::MISROUTED_BASE, "here": plant::MISROUTED.2},
        "observed": rates(world, &["misrouted, other calls", "misrouted, warranty calls"]),
        "decoy": {"what": "returns_desk hands refunds to billing_desk: event contact_handed_over, no second wait", "matter": "returns"},
    })
}

fn relations(world: &World<'_>) -> Vec<(&'static str, Value)> {
    let all = world.population;
    let households: Vec<&Vec<u32>> = all.households.iter().filter(|members| members.len() > 1).collect();
    let businesses: Vec<Value> = all
        .businesses
        .iter()
        .enumerate()
        .map(|(index, business)| {
            json!({"business": index, "name": business.name, "account": business.account, "domain": business.domain, "phone": business.phone,
                   "street": business.address.street, "city": business.address.town.name, "parent": business.parent, "people": business.members})
        })
        .collect();
    let devices: Vec<Value> =
        all.shared_devices.iter().map(|(device, users)| json!({"anonymous_id": device, "people": users})).collect();
    vec![
        (
            "households",
            if world.has(Truth::Households) {
                json!({"households": households, "decoy": {"what": "apartment houses: one address, no relation", "groups": all.apartment_houses}})
            } else {
                Value::Null
            },
        ),
        (
            "businesses",
            if world.has(Truth::Businesses) {
                json!({"businesses": businesses, "decoy": "firms carry family names of customers who have nothing to do with them"})
            } else {
                Value::Null
            },
        ),
        (
            "twins",
            if world.has(Truth::Twins) {
                json!({"pairs": all.twins, "decoy": {"what": "strangers with one family name and birth date", "pairs": all.birthday_strangers}})
            } else {
                Value::Null
            },
        ),
        (
            "shared_devices",
            if world.has(Truth::SharedDevices) {
                json!({"devices": devices, "decoy": {"what": "the kiosk in the store: shared by people who have nothing in common", "anonymous_id": all.kiosk}})
            } else {
                Value::Null
            },
        ),
        ("namesakes", json!({"what": "decoy of duplicates: strangers with one name and town", "pairs": all.namesakes})),
        ("blocked_values", json!([super::records::NO_EMAIL, super::records::NO_MOBILE])),
    ]
}

/// One person: what they are and every identifier and record that is theirs.
fn everybody(world: &World<'_>, person: &Person) -> Value {
    let mut emails = vec![person.email.clone(), person.other_email.clone()];
    emails.dedup();
    json!({
        "person": person.number,
        "household": person.household,
        "business": person.business,
        "group": person.group.name(),
        "records": world.tally.records.get(&person.number).cloned().unwrap_or_default(),
        "email": emails,
        "mobile": [format!("{}{}", person.country.calling_code(), person.mobile)],
        "landline": person.landline.as_ref().map(|number| format!("{}{number}", person.country.calling_code())),
        "user_id": person.accounts.iter().map(|account| &account.user_id).collect::<Vec<_>>(),
        "loyalty_card": person.card,
        "anonymous_id": person.browsers,
        "device_id": person.device,
        "handle": person.handle,
        "respondent_id": person.respondent,
    })
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
