//! Survey answers: the structural model of satisfaction, and the words that go with it.
//!
//! A score is a latent value, rounded and clipped to its scale. The latent value is a sum: planted drivers, each counted only if
//! it happened before the answer, the person's temper, a little age (the confounder behind the decoys), and noise. What is
//! planted and how strongly stands in `plant.rs`; each answer's design row is kept so that the truth can state what the
//! drivers really explain.

use super::calendar::{DAY, Moment, utc};
use super::dice::Dice;
use super::habits::Habits;
use super::people::Person;
use super::plant::{self, Truth};
use super::service::{self, Case, Contact};
use super::shopping::Order;
use super::text::{self, Brief};
use super::world::{Comment, Design, World};

/// One row of the survey tool's export.
#[derive(Default)]
struct Row {
    survey: &'static str,
    invited: Moment,
    answered: Moment,
    order: String,
    case: String,
    nps: Option<f64>,
    csat: Option<f64>,
    ces: Option<f64>,
    collector: String,
    /// What the comment speaks of first; empty: anything.
    themes: Vec<&'static str>,
    /// Mood of the comment.
    sentiment: i8,
}

fn clip(value: f64, low: f64, high: f64) -> f64 {
    value.round().clamp(low, high)
}

fn mood(dice: &mut Dice, nps_like: f64) -> i8 {
    if dice.chance(0.07) {
        return dice.whole(-1, 1) as i8;
    }
    match nps_like {
        value if value < 5.5 => -1,
        value if value < 7.5 => 0,
        _ => 1,
    }
}

/// NPS and CSAT after an order. Asked four days after the order, whether it has arrived or not.
pub fn about_order(world: &mut World<'_>, person: &Person, order: &Order, habits: &Habits) -> anyhow::Result<()> {
    let mut dice = world.dice("order answer", order.no.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte)));
    let answers = dice.chance(0.36);
    let invited = order.placed + 4 * DAY;
    let answered = invited + 1200 + (dice.exponential(1.5) * DAY as f64) as i64;
    let (noise, spread) = (dice.normal(), dice.normal());
    if !answers || answered >= world.calendar.end {
        return Ok(());
    }
    let drivers = [
        order.is_promise_missed(answered),
        order.is_damaged(answered),
        order.reopened.is_some_and(|at| at < answered),
        order.failed > 0,
    ]
    .map(|happened| f64::from(u8::from(happened)));
    let planted = f64::from(u8::from(world.has(Truth::Drivers)));
    let effect: f64 = drivers.iter().zip(&plant::ORDER_DRIVERS).map(|(value, driver)| value * driver.effect).sum();
    let latent = 8.35 + planted * (effect + plant::AGE_EFFECT * person.seniority()) + 0.8 * person.temper + 1.75 * noise;
    let score = clip(latent, 0.0, 10.0);
    let asides = [habits.visits_before(answered) as f64, habits.opens_before(answered) as f64, person.seniority()];
    world.tally.order_design.push(Design { drivers, asides, score });
    if order.delivered > order.promised && order.promised >= answered {
        world.tally.count("late_only_after_the_answer");
    }
    let themes = theme_of(world, &mut dice, &drivers, ["delivery_time", "damage", "service", "checkout"], answered);
    let row = Row {
        survey: "order_feedback",
        invited,
        answered,
        order: order.no.clone(),
        nps: Some(score),
        csat: Some(clip(1.0 + 0.4 * latent + 0.5 * spread, 1.0, 5.0)),
        sentiment: mood(&mut dice, latent),
        collector: "link".to_owned(),
        themes,
        ..Row::default()
    };
    write(world, &mut dice, person, row)?;
    if score <= 4.0 && dice.chance(0.5) {
        service::recovery_call(world, &mut dice, person, &order.no, answered)?;
    }
    Ok(())
}

/// CSAT and CES after a contact, given before the case could be opened again.
pub fn about_contact(
    world: &mut World<'_>,
    dice: &mut Dice,
    person: &Person,
    case: &Case,
    contact: &Contact,
    reopened: Option<Moment>,
) -> anyhow::Result<()> {
    let answers = dice.chance(0.48);
    let invited = contact.ended + 600;
    let answered = invited + 300 + (dice.exponential(0.22) * DAY as f64) as i64;
    let (noise, spread, begged) = (dice.normal(), dice.normal(), dice.chance(plant::BEGGING_TEAM.1));
    let closed = reopened.unwrap_or(world.calendar.end).min(world.calendar.end);
    if !answers || answered >= closed {
        return Ok(());
    }
    let drivers = [
        f64::from(u8::from(contact.unresolved)),
        contact.wait_min,
        f64::from(contact.transfers),
        f64::from(u8::from(case.dead_end)),
    ];
    let planted = f64::from(u8::from(world.has(Truth::Drivers)));
    let effect: f64 = drivers.iter().zip(&plant::CONTACT_DRIVERS).map(|(value, driver)| value * driver.effect).sum();
    let good = if contact.team == plant::GOOD_TEAM.0 && world.has(Truth::BeggingTeam) { plant::GOOD_TEAM.1 } else { 0.0 };
    let latent = 4.75 + planted * effect + good + 0.2 * person.temper + 0.72 * noise;
    let honest = clip(latent, 1.0, 5.0);
    let begs = contact.team == plant::BEGGING_TEAM.0 && begged && world.has(Truth::BeggingTeam);
    let score = if begs { 5.0 } else { honest };
    world.tally.contact_design.push(Design { drivers, asides: [0.0, 0.0, person.seniority()], score });
    let month = world.calendar.month(answered);
    world.tally.team_months.entry((contact.team, month)).or_default().add(honest);
    if contact.team == plant::BEGGING_TEAM.0 {
        world.tally.rate("begging team, answers lifted", begs && honest < 5.0);
    }
    let ces = clip(6.1 + planted * effect * 1.25 + 0.25 * person.temper + 0.9 * spread, 1.0, 7.0);
    let long = f64::from(u8::from(contact.wait_min > 7.0 || contact.transfers > 0));
    let themes =
        theme_of(world, dice, &[drivers[0], long, 0.0, 0.0], ["service", "waiting_on_hold", "service", "service"], answered);
    let row = Row {
        survey: "contact_feedback",
        invited,
        answered,
        case: case.no.clone(),
        csat: Some(score),
        ces: Some(if begs { 7.0 } else { ces }),
        sentiment: mood(dice, latent * 2.0),
        collector: contact.team.to_owned(),
        themes: if themes.is_empty() { vec!["service"] } else { themes },
        ..Row::default()
    };
    write(world, dice, person, row)
}

/// The quick rating inside a chat, 1 to 5.
pub fn quick_rating(dice: &mut Dice, person: &Person, contact: &Contact) -> i64 {
    let unresolved = f64::from(u8::from(contact.unresolved));
    clip(4.6 - 0.9 * unresolved + 0.2 * person.temper + 0.9 * dice.normal(), 1.0, 5.0) as i64
}

/// The yearly NPS of the relationship as a whole, asked of a quarter of the customers.
pub fn about_us(world: &mut World<'_>, person: &Person, orders: &[Order]) -> anyhow::Result<()> {
    let mut dice = world.dice("relationship", u64::from(person.number));
    let asked = dice.chance(0.30);
    let at = super::shopping::moment(world, &mut dice, person, super::calendar::Rhythm::Leisure);
    let noise = dice.normal();
    if !asked {
        return Ok(());
    }
    let recent = orders.iter().filter(|order| order.placed < at && order.placed > at - 120 * DAY);
    let planted = f64::from(u8::from(world.has(Truth::Drivers)));
    let hurt: f64 = recent
        .map(|order| 1.1 * f64::from(u8::from(order.is_promise_missed(at))) + 1.1 * f64::from(u8::from(order.is_damaged(at))))
        .sum();
    let latent = 7.9 + planted * (plant::AGE_EFFECT * person.seniority() - hurt) + 0.9 * person.temper + 1.8 * noise;
    let themes = theme_of(world, &mut dice, &[0.0; 4], [""; 4], at);
    let row = Row {
        survey: "relationship",
        invited: at - DAY,
        answered: at,
        nps: Some(clip(latent, 0.0, 10.0)),
        sentiment: mood(&mut dice, latent),
        collector: "email".to_owned(),
        themes,
        ..Row::default()
    };
    write(world, &mut dice, person, row)
}

/// What a comment is about: mostly what went wrong, else anything; the surging and the spiking theme take their share first.
fn theme_of(world: &World<'_>, dice: &mut Dice, drivers: &[f64; 4], names: [&'static str; 4], at: Moment) -> Vec<&'static str> {
    let surged = world.has(Truth::SurgingTheme) && at >= world.story.surge;
    let (from, to) = world.story.spike;
    let spiked = world.has(Truth::SurgingTheme) && (from..to).contains(&at);
    let (surge, spike) = (dice.unit(), dice.unit());
    if surge < if surged { plant::SURGE.2 } else { plant::SURGE.1 } {
        return vec![plant::SURGE.0];
    }
    if spike < if spiked { plant::SPIKE.1 } else { 0.01 } {
        return vec![plant::SPIKE.0];
    }
    let mut themes = Vec::new();
    for (value, name) in drivers.iter().zip(names) {
        if *value > 0.0 && dice.chance(0.75) && !themes.contains(&name) {
            themes.push(name);
        }
    }
    themes
}

fn write(world: &mut World<'_>, dice: &mut Dice, person: &Person, row: Row) -> anyhow::Result<()> {
    let id = format!("A-{}", world.hex("answer", 10));
    let mut comment = String::new();
    let mut language = "";
    if dice.chance(0.42) {
        let sentiment = if row.themes.first().is_some_and(|name| *name == plant::SURGE.0 || *name == plant::SPIKE.0) {
            row.sentiment.min(0)
        } else {
            row.sentiment
        };
        let words = text::comment(dice, &Brief { country: person.country, sentiment, themes: row.themes });
        comment = words.text;
        language = words.language;
        world.tally.comments.push(Comment { response: id.clone(), themes: words.themes, sentiment, language, at: row.answered });
    }
    let email = if dice.chance(0.94) { person.email.as_str() } else { "" };
    let (slip, skip) = (dice.unit(), dice.unit());
    let show = |score: Option<f64>| match score {
        Some(_) if slip < 0.002 => "99".to_owned(),
        Some(score) if skip >= 0.004 => (score as i64).to_string(),
        _ => String::new(),
    };
    let (nps, csat, ces) = (show(row.nps), show(row.csat), show(row.ces));
    if slip < 0.002 {
        world.tally.flaw("surveys", "score outside the scale");
    }
    let (invited, answered) = (utc(row.invited), utc(row.answered));
    let naive = |text: &str| text.trim_end_matches('Z').replace('T', " ");
    let (invited, answered) = (naive(&invited), naive(&answered));
    let language_cell = if language == "en" && dice.chance(0.5) { "" } else { language };
    let cells = [
        id.as_str(),
        &person.respondent,
        email,
        row.survey,
        &invited,
        &answered,
        &row.order,
        &row.case,
        &nps,
        &csat,
        &ces,
        &comment,
        language_cell,
        &row.collector,
    ];
    world.systems.surveys.row(&cells)?;
    if dice.chance(0.002) {
        world.systems.surveys.row(&cells)?;
        world.tally.flaw("surveys", "repeated");
    }
    world.tally.count("survey_rows");
    Ok(())
}
