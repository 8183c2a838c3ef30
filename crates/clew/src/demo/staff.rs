//! The inside of the company: employees' own survey, managers' rating of their service, operations, products.
//!
//! These files are small and do not depend on any one customer; managers' ratings need the customers' answers
//! first, because most managers know their service well and two do not.

use std::path::Path;

use super::calendar::{DAY, Moment, utc};
use super::files::{Dialect, Lines, PLAIN, Table, quoted};
use super::plant::{self, Truth};
use super::service::{AGENTS_PER_TEAM, TEAMS, agent};
use super::world::World;

/// The manager of a team.
pub fn manager(team: &str) -> String {
    format!("E{:04}", 1000 + TEAMS.iter().position(|known| *known == team).unwrap_or(0))
}

/// Writes all files of this module; returns rows by source.
pub fn write(world: &mut World<'_>, data: &Path) -> anyhow::Result<Vec<(&'static str, u64)>> {
    Ok(vec![
        ("employee_survey", employee_survey(world, data)?),
        ("manager_ratings", manager_ratings(world, data)?),
        ("operations", operations(world, data)?),
        ("products", products(data)?),
    ])
}

fn employee_survey(world: &World<'_>, data: &Path) -> anyhow::Result<u64> {
    let dialect = Dialect { delimiter: ';', latin1: false };
    let header = "answer_id employee_no team asked_on answered_at engagement tools recommend comment";
    let mut table = Table::create(&data.join("employee_survey.csv"), dialect, header)?;
    let mut staff: Vec<(String, &str)> = Vec::new();
    for team in TEAMS {
        staff.push((manager(team), team));
        staff.extend((0..AGENTS_PER_TEAM).map(|index| (agent(team, index), team)));
    }
    staff.extend((0..150).map(|index| (format!("E{:04}", 4000 + index), if index % 3 == 0 { "warehouse" } else { "stores" })));
    let mut wave = 45;
    while wave < i64::from(world.options.days) {
        for (index, (employee, team)) in staff.iter().enumerate() {
            let mut dice = world.dice("employee", wave as u64 * 1000 + index as u64);
            if dice.chance(0.28) {
                continue;
            }
            let base = 3.7 + 0.6 * dice.normal();
            let score = |value: f64| (value.round().clamp(1.0, 5.0) as i64).to_string();
            let asked = world.calendar.midnight(wave);
            let answered = asked + 9 * 3600 + (dice.exponential(1.5) * DAY as f64) as i64;
            let comment = if dice.chance(0.25) {
                dice.pick(&[
                    "too many systems",
                    "good team",
                    "the ticket tool is slow",
                    "pay should be better",
                    "I like the customers",
                ])
            } else {
                ""
            };
            if answered >= world.calendar.end {
                continue;
            }
            table.row(&[
                &format!("W{wave:03}-{employee}"),
                employee,
                team,
                &world.calendar.dotted(asked),
                &world.calendar.local(answered),
                &score(base + 0.4 * dice.normal()),
                &score(base - 0.5 + 0.7 * dice.normal()),
                &((2.0 * base + 1.0 * dice.normal()).round().clamp(0.0, 10.0) as i64).to_string(),
                comment,
            ])?;
        }
        wave += 91;
    }
    let rows = table.rows;
    table.finish()?;
    Ok(rows)
}

fn manager_ratings(world: &mut World<'_>, data: &Path) -> anyhow::Result<u64> {
    let header = "rating_id manager_no team month rated_at own_csat comment";
    let mut table = Table::create(&data.join("manager_ratings.csv"), PLAIN, header)?;
    let months = std::mem::take(&mut world.tally.team_months);
    let mut dice = world.dice("managers", 0);
    for ((team, month), truth) in &months {
        let Some(mean) = truth.value() else { continue };
        let gap = if world.has(Truth::ManagerGap) && plant::OVERRATED.0.contains(team) { plant::OVERRATED.1 } else { 0.0 };
        // A month's mean of a few dozen answers is noisy; managers judge the service, not the sample.
        let rating = ((mean + gap + 0.15 * dice.normal()) * 10.0).round() / 10.0;
        table.row(&[
            &format!("M-{team}-{month}"),
            &manager(team),
            team,
            month,
            &format!("{month}-28 17:30:00"),
            &format!("{:.1}", rating.clamp(1.0, 5.0)),
            "",
        ])?;
    }
    world.tally.team_months = months;
    let rows = table.rows;
    table.finish()?;
    Ok(rows)
}

/// Releases, price changes, outages, campaigns, plans: what causes are looked for among.
fn operations(world: &World<'_>, data: &Path) -> anyhow::Result<u64> {
    let story = &world.story;
    let at = |share| world.calendar.share(share) + 6 * 3600;
    let mut log: Vec<(Moment, String, String)> = Vec::new();
    let mut note = |at: Moment, kind: &str, title: &str, scope: &str| {
        log.push((at, kind.to_owned(), format!("\"title\":{},\"scope\":{}", quoted(title), quoted(scope))));
    };
    for (version, released) in story.releases.iter().skip(1) {
        note(released + 6 * 3600, "release", &format!("app {version}"), "app");
    }
    for (number, share) in [0.10, 0.28, 0.47, 0.72, 0.90].into_iter().enumerate() {
        note(at(share), "release", &format!("web {}.{}", 2025 + number / 3, number + 3), "web");
    }
    note(at(0.22), "price_change", "garden furniture +4 %", "garden");
    note(at(0.58), "price_change", "delivery charge 4.90 to 5.90", "shop");
    note(at(0.18), "outage", "telephone system down 40 min", "phone");
    note(at(0.51), "outage", "web shop slow 2 h", "web");
    note(at(0.40), "campaign", "autumn newsletter", "email");
    if world.has(Truth::BrokenStep) {
        note(story.campaign.0, "campaign", "spring ads", "web");
    }
    if world.has(Truth::LateRegion) {
        note(story.carrier_change, "carrier_change", "Nordway delivers the West", plant::LATE_REGION);
        note(story.storm.0, "storm", "storm on the south coast", plant::STORM_REGION);
    }
    if world.has(Truth::Plans) {
        note(story.good_plan, "plan_started", "call-back and one owner per case", plant::GOOD_PLAN.0);
        note(story.flat_plan, "plan_started", "new greeting and hold music", plant::FLAT_PLAN.0);
    }
    if world.has(Truth::Experiments) {
        note(story.experiments.0, "experiment_started", "one_page_checkout", "web");
        note(story.experiments.0, "experiment_started", "free_returns_banner", "web");
    }
    log.sort();
    let mut lines = Lines::create(&data.join("operations.jsonl"))?;
    for (number, (at, kind, rest)) in log.iter().enumerate() {
        lines.line(&format!("{{\"entry\":\"OP-{number:03}\",\"at\":\"{}\",\"kind\":\"{kind}\",{rest}}}", utc(*at)))?;
    }
    let rows = lines.rows;
    lines.finish()?;
    Ok(rows)
}

fn products(data: &Path) -> anyhow::Result<u64> {
    let rooms = ["living", "bedroom", "kitchen", "garden"];
    let things = ["lamp", "table", "chair", "rug", "bookshelf", "mirror", "mattress", "sofa", "vase", "desk"];
    let mut table = Table::create(&data.join("products.csv"), PLAIN, "sku product category")?;
    for number in 0..320_usize {
        let sku = format!("LK-{:04}", 1000 + number);
        let name = format!("{} {}", ["Moor", "Lark", "Fern", "Heath", "Brook", "Cove"][number % 6], things[number % 10]);
        table.row(&[&sku, &name, rooms[number / 80]])?;
    }
    let rows = table.rows;
    table.finish()?;
    Ok(rows)
}
