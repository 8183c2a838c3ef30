//! Cases and contacts: bot sessions, calls, chats and mails about an order or another matter.
//!
//! A case is asked about once, after its first contact with a human and before it can be opened again, so that
//! what the answer is about is never in doubt. Wait, transfers, outcome and bot dead ends are drawn independently of each other:
//! their order of importance is then a property of the company, not of their overlap.

use super::answers;
use super::calendar::{DAY, HOUR, Moment, Rhythm, utc};
use super::dice::Dice;
use super::files::quoted;
use super::people::{Group, Person};
use super::plant::{self, Truth};
use super::shopping::{Order, active_years, moment};
use super::text;
use super::world::World;

/// Teams and what they are for.
pub const TEAMS: [&str; 6] = ["delivery_desk", "returns_desk", "billing_desk", "technical_desk", "contracts_desk", "orders_desk"];

fn team_of(matter: &str) -> &'static str {
    match matter {
        "delivery" => "delivery_desk",
        "damage" | "returns" => "returns_desk",
        "billing" => "billing_desk",
        "warranty" => "technical_desk",
        "contract" => "contracts_desk",
        _ => "orders_desk",
    }
}

/// Agents of each team; every agent is an employee.
pub const AGENTS_PER_TEAM: usize = 9;

/// The employee number of an agent.
pub fn agent(team: &str, index: usize) -> String {
    let team = TEAMS.iter().position(|known| *known == team).unwrap_or(0);
    format!("E{:04}", 2000 + team * 20 + index)
}

/// A case as the ticket system keeps it.
pub struct Case {
    /// Case number.
    pub no: String,
    /// Order it is about.
    pub order: Option<String>,
    /// What it is about.
    pub matter: &'static str,
    /// By which channel it came.
    pub channel: &'static str,
    /// A bot session before it ended in a dead end.
    pub dead_end: bool,
}

/// A contact with a human, as far as the answer depends on it.
pub struct Contact {
    /// Team that ended it.
    pub team: &'static str,
    /// Agent.
    pub agent: String,
    /// Wait in minutes.
    pub wait_min: f64,
    /// Transfers.
    pub transfers: u32,
    /// Not solved.
    pub unresolved: bool,
    /// End.
    pub ended: Moment,
    /// The call or chat.
    pub id: String,
}

/// Cases about this order.
pub fn about_order(world: &mut World<'_>, person: &Person, order: &mut Order) -> anyhow::Result<()> {
    let mut dice = world.dice("order case", order.no.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte)));
    let late = order.delivered > order.promised;
    let (early, reply) = (dice.between(0.1, 2.6), dice.between(0.05, 0.8));
    let draw = dice.unit();
    let base = 0.26;
    let (matter, at) = if draw < base {
        (["delivery", "billing", "product", "product"][dice.below(4)], order.placed + (early * DAY as f64) as Moment)
    } else if order.damaged && draw < base + 0.20 {
        ("damage", order.delivered + (reply * DAY as f64) as Moment)
    } else if late && draw < base + 0.10 {
        ("delivery", order.promised + (reply * DAY as f64) as Moment)
    } else if draw > 0.96 {
        ("returns", order.delivered + (3.0 * DAY as f64) as Moment)
    } else {
        return Ok(());
    };
    let at = world.calendar.later(&mut dice, at, 0.0, Rhythm::Office);
    order.reopened = handle(world, &mut dice, person, Some(order), matter, at)?;
    Ok(())
}

/// Cases that have nothing to do with an order, and bot sessions that need no human.
pub fn other_matters(world: &mut World<'_>, person: &Person) -> anyhow::Result<()> {
    let mut dice = world.dice("other case", u64::from(person.number));
    let years = active_years(world, person);
    let rate = if person.group == Group::Caller { 1.1 } else { 0.5 };
    for _ in 0..dice.poisson(rate * years) {
        let at = moment(world, &mut dice, person, Rhythm::Office);
        let matter = ["billing", "contract", "warranty", "product"][dice.weighted(&[0.3, 0.25, 0.3, 0.15])];
        handle(world, &mut dice, person, None, matter, at)?;
    }
    for _ in 0..dice.poisson(0.2 * years) {
        let at = moment(world, &mut dice, person, Rhythm::Leisure);
        bot(world, &mut dice, person, "", at, "contained", "product")?;
    }
    Ok(())
}

/// One case from the bot to its end; returns when it was opened again.
fn handle(
    world: &mut World<'_>,
    dice: &mut Dice,
    person: &Person,
    order: Option<&Order>,
    matter: &'static str,
    at: Moment,
) -> anyhow::Result<Option<Moment>> {
    if at >= world.calendar.end - HOUR {
        return Ok(None);
    }
    let weights = match person.group {
        Group::Caller => [0.85, 0.08, 0.07],
        Group::AppNative => [0.35, 0.58, 0.07],
        _ => [0.58, 0.32, 0.10],
    };
    let channel = ["phone", "chat", "email"][dice.weighted(&weights)];
    let no = world.id("K");
    let bot_first = dice.chance(0.42);
    let dead_end = dice.chance(0.5) && bot_first;
    if bot_first {
        let before = at - dice.whole(300, 1500);
        bot(world, dice, person, &no, before, if dead_end { "dead_end" } else { "escalated" }, matter)?;
    }
    let case = Case { no, order: order.map(|order| order.no.clone()), matter, channel, dead_end };
    let contact = reach_human(world, dice, person, &case, at)?;
    let again = dice.chance(0.7);
    let pause = dice.between(0.35, 1.6);
    let reopened = (contact.unresolved && again)
        .then(|| world.calendar.later(dice, contact.ended, pause, Rhythm::Office))
        .filter(|at| *at < world.calendar.end - HOUR);
    if channel != "email" {
        answers::about_contact(world, dice, person, &case, &contact, reopened)?;
    }
    // Nobody closes a case by hand: the system does, when nothing has come for three days.
    let mut last = contact.ended;
    if let Some(again) = reopened {
        last = reach_human(world, dice, person, &case, again)?.ended;
    }
    let customer = person.accounts.first().map_or("", |account| &account.user_id);
    let show =
        |at: Option<Moment>| at.filter(|at| *at < world.calendar.end).map(|at| world.calendar.local(at)).unwrap_or_default();
    let (opened, again, closed) = (show(Some(at)), show(reopened), show(Some(last + 3 * DAY)));
    let order = case.order.as_deref().unwrap_or_default();
    world.systems.cases.row(&[&case.no, order, matter, channel, &opened, &again, &closed, customer, &person.email])?;
    world.tally.count("cases");
    Ok(reopened)
}

fn bot(
    world: &mut World<'_>,
    dice: &mut Dice,
    person: &Person,
    case: &str,
    at: Moment,
    outcome: &str,
    matter: &str,
) -> anyhow::Result<()> {
    let id = world.id("bot");
    let user = person.accounts.first().map_or("null".to_owned(), |account| quoted(&account.user_id));
    let email = if user == "null" || dice.chance(0.3) { quoted(&person.email) } else { "null".to_owned() };
    let mut turns = Vec::new();
    let mut clock = at;
    turns.push(format!("{{\"who\":\"user\",\"say\":{}}}", quoted(&text::question(dice, person.country, matter))));
    for _ in 0..=dice.below(3) {
        clock += dice.whole(8, 60);
        turns.push(format!(
            "{{\"who\":\"bot\",\"say\":{}}}",
            quoted(dice.pick(&["Did you mean your order?", "Please choose a topic", "I found this article"]))
        ));
    }
    let last = if outcome == "dead_end" { "Sorry, I did not understand that." } else { "Glad to help." };
    turns.push(format!("{{\"who\":\"bot\",\"say\":{}}}", quoted(last)));
    world.tally.count("bot_sessions");
    world.systems.bots.item(&format!(
        "{{\"session\":\"{id}\",\"begin\":\"{}\",\"end\":\"{}\",\"user\":{{\"id\":{user},\"email\":{email}}},\"case\":{},\"result\":\"{outcome}\",\"turns\":[{}]}}",
        utc(at),
        utc(clock + 5),
        if case.is_empty() { "null".to_owned() } else { quoted(case) },
        turns.join(",")
    ))
}

/// The human part of a case: routing, wait, transfers, outcome.
fn reach_human(world: &mut World<'_>, dice: &mut Dice, person: &Person, case: &Case, at: Moment) -> anyhow::Result<Contact> {
    let team = team_of(case.matter);
    let wait_min = wait(world, dice, team, at);
    let (wrong, handover) = (dice.unit(), dice.chance(0.4));
    let misrouted = if case.matter == plant::MISROUTED.0 && world.has(Truth::Misrouting) {
        plant::MISROUTED.2
    } else {
        plant::MISROUTED_BASE
    };
    let elsewhere = TEAMS[dice.below(TEAMS.len())];
    let transferred = wrong < misrouted;
    let first_team = match (transferred, case.matter == plant::MISROUTED.0) {
        (false, _) => team,
        (true, true) if world.has(Truth::Misrouting) => plant::MISROUTED.1,
        (true, _) if elsewhere == team => "orders_desk",
        (true, _) => elsewhere,
    };
    let second = transferred && dice.chance(0.22);
    let unresolved = dice.chance(0.30);
    let agent_no = agent(team, dice.below(AGENTS_PER_TEAM));
    let talk = dice.lognormal(4.5, 0.6).min(60.0);
    let started = at;
    let connected = started + (wait_min * 60.0) as i64;
    let ended = connected + (talk * 60.0) as i64;
    let id = world.id(if case.channel == "phone" { "call" } else { "chat" });
    let transfers = u32::from(transferred) + u32::from(second);
    if case.channel == "phone" {
        world
            .tally
            .rate(if case.matter == "warranty" { "misrouted, warranty calls" } else { "misrouted, other calls" }, transferred);
    }
    let contact = Contact { team, agent: agent_no, wait_min, transfers, unresolved, ended, id };
    let moments = Moments {
        started,
        talk_s: (talk * 60.0) as i64,
        transfers: (0..i64::from(transfers)).map(|step| connected + 40 + step * 70).collect(),
        // The decoy of misrouting: a refund is handed to billing, with the customer's file, and nobody minds.
        handed_over: (case.matter == "returns" && handover && world.has(Truth::Misrouting)).then_some(ended - 20),
        first_team,
    };
    match case.channel {
        "phone" => write_call(world, dice, person, case, &contact, &moments)?,
        "chat" => write_chat(world, dice, person, case, &contact, &moments)?,
        _ => write_mail(world, dice, person, case, &contact, &moments)?,
    }
    Ok(contact)
}

struct Moments {
    started: Moment,
    talk_s: i64,
    transfers: Vec<Moment>,
    handed_over: Option<Moment>,
    first_team: &'static str,
}

/// Minutes in the queue; the two plans change them.
fn wait(world: &mut World<'_>, dice: &mut Dice, team: &'static str, at: Moment) -> f64 {
    let mut minutes = dice.lognormal(3.6, 0.8);
    if world.has(Truth::Plans) {
        if team == plant::GOOD_PLAN.0 && at >= world.story.good_plan {
            minutes *= plant::GOOD_PLAN.1;
        }
        let month_before = world.story.flat_plan - 30 * DAY..world.story.flat_plan;
        if team == plant::FLAT_PLAN.0 && month_before.contains(&at) {
            minutes *= plant::FLAT_PLAN.1;
        }
    }
    let minutes = minutes.min(20.0);
    let name = match (team, at >= world.story.good_plan, at >= world.story.flat_plan) {
        ("delivery_desk", false, _) => "wait_min, delivery_desk, before the plan",
        ("delivery_desk", true, _) => "wait_min, delivery_desk, after the plan",
        ("billing_desk", _, false) if at >= world.story.flat_plan - 30 * DAY => {
            "wait_min, billing_desk, the month before the plan"
        }
        ("billing_desk", _, false) => "wait_min, billing_desk, before that",
        ("billing_desk", _, true) => "wait_min, billing_desk, after the plan",
        _ => "wait_min, other teams",
    };
    world.tally.rates.entry(name).or_default().add(minutes);
    minutes
}

fn write_call(
    world: &mut World<'_>,
    dice: &mut Dice,
    person: &Person,
    case: &Case,
    contact: &Contact,
    at: &Moments,
) -> anyhow::Result<()> {
    let calendar = &world.calendar;
    let caller = caller_number(dice, person);
    let customer = person.accounts.first().filter(|_| dice.chance(0.6)).map_or("", |account| &account.user_id);
    let transfer_at = at.transfers.iter().map(|at| calendar.slashed(*at)).collect::<Vec<_>>().join(" > ");
    let handed_over_at = at.handed_over.map(|at| calendar.slashed(at)).unwrap_or_default();
    let notes = if dice.chance(0.5) { text::note(dice, case.matter, !contact.unresolved) } else { String::new() };
    let menu = case.matter;
    let wait_s = ((contact.wait_min * 60.0) as i64).to_string();
    let (started, ended) = (calendar.slashed(at.started), calendar.slashed(contact.ended));
    let country = person.country.code();
    let outcome = if contact.unresolved { "unresolved" } else { "resolved" };
    if contact.wait_min > 6.0 && dice.chance(0.35) {
        // Gave up once before and called again at once: an abandoned call on the same case.
        let (earlier, left) = (calendar.slashed(at.started - 900), calendar.slashed(at.started - 720));
        let id = world.id("call");
        let row = [
            id.as_str(),
            &earlier,
            &left,
            country,
            &caller,
            "",
            menu,
            at.first_team,
            "",
            "",
            "180",
            "0",
            "abandoned",
            "",
            "",
            &case.no,
            "",
        ];
        world.systems.calls.row(&row)?;
    }
    world.tally.count("calls");
    world.systems.calls.row(&[
        &contact.id,
        &started,
        &ended,
        country,
        &caller,
        customer,
        menu,
        at.first_team,
        contact.team,
        &contact.agent,
        &wait_s,
        &at.talk_s.to_string(),
        outcome,
        &transfer_at,
        &handed_over_at,
        &case.no,
        &notes,
    ])
}

/// The number as the telephone system shows it: several formats, sometimes the landline, sometimes withheld.
fn caller_number(dice: &mut Dice, person: &Person) -> String {
    let code = person.country.calling_code();
    let number = match &person.landline {
        Some(landline) if dice.chance(0.25) => landline,
        _ => &person.mobile,
    };
    match dice.below(10) {
        0 => "anonymous".to_owned(),
        1 => format!("00{code}{number}"),
        _ => format!("+{code}{number}"),
    }
}

fn write_chat(
    world: &mut World<'_>,
    dice: &mut Dice,
    person: &Person,
    case: &Case,
    contact: &Contact,
    at: &Moments,
) -> anyhow::Result<()> {
    let user = person.accounts.first().filter(|_| dice.chance(0.7)).map_or("null".to_owned(), |account| quoted(&account.user_id));
    let messages = [
        (at.started, "customer", text::question(dice, person.country, case.matter)),
        (at.started + (contact.wait_min * 60.0) as i64, "agent", "Hello, how can I help?".to_owned()),
        (contact.ended - 60, "customer", dice.pick(&["ok", "thanks", "that does not help", "alright"]).to_owned()),
        (contact.ended - 5, "agent", dice.pick(&["Anything else?", "Have a nice day", "I passed it on"]).to_owned()),
    ];
    let messages: Vec<String> = messages
        .iter()
        .map(|(at, from, words)| format!("{{\"at\":\"{}\",\"from\":\"{from}\",\"text\":{}}}", utc(*at), quoted(words)))
        .collect();
    let transfers: Vec<String> =
        at.transfers.iter().map(|at| format!("{{\"at\":\"{}\",\"reason\":\"routing\"}}", utc(*at))).collect();
    let rating = dice.chance(0.3).then(|| answers::quick_rating(dice, person, contact));
    world.tally.count("chats");
    world.systems.chats.item(&format!(
        "{{\"id\":\"{}\",\"started\":\"{}\",\"ended\":\"{}\",\"customer\":{{\"email\":{},\"userId\":{user}}},\"team\":\"{}\",\"agent\":\"{}\",\"waitSeconds\":{},\"result\":\"{}\",\"caseNo\":\"{}\",\"rating\":{},\"transfers\":[{}],\"messages\":[{}]}}",
        contact.id,
        utc(at.started),
        utc(contact.ended),
        quoted(&person.email),
        contact.team,
        contact.agent,
        (contact.wait_min * 60.0) as i64,
        if contact.unresolved { "unresolved" } else { "resolved" },
        case.no,
        rating.map_or("null".to_owned(), |rating| rating.to_string()),
        transfers.join(","),
        messages.join(",")
    ))
}

fn write_mail(
    world: &mut World<'_>,
    dice: &mut Dice,
    person: &Person,
    case: &Case,
    contact: &Contact,
    at: &Moments,
) -> anyhow::Result<()> {
    let question = text::question(dice, person.country, case.matter);
    let from = format!("{} {} <{}>", person.given, person.family, person.email);
    let thread = &contact.id;
    let received = format!(
        "{{\"thread\":\"{thread}\",\"kind\":\"received\",\"date\":\"{}\",\"from\":{},\"subject\":{},\"body\":{},\"case\":\"{}\"}}",
        utc(at.started),
        quoted(&from),
        quoted(case.matter),
        quoted(&question),
        case.no
    );
    world.systems.inbox.line(&received)?;
    let answered = at.started + 2 * HOUR + (dice.exponential(0.7) * DAY as f64) as i64;
    if answered < world.calendar.end {
        world.systems.inbox.line(&format!(
            "{{\"thread\":\"{thread}\",\"kind\":\"answered\",\"date\":\"{}\",\"from\":{},\"subject\":{},\"body\":\"\",\"case\":\"{}\"}}",
            utc(answered),
            quoted(&from),
            quoted(case.matter),
            case.no
        ))?;
    }
    Ok(())
}

/// The service calls back after a bad score: a contact that follows the answer and must never count as its cause.
pub fn recovery_call(world: &mut World<'_>, dice: &mut Dice, person: &Person, order: &str, after: Moment) -> anyhow::Result<()> {
    let days = dice.between(0.5, 3.0);
    let at = world.calendar.later(dice, after, days, Rhythm::Office);
    if at >= world.calendar.end - HOUR {
        return Ok(());
    }
    let id = world.id("call");
    let started = world.calendar.slashed(at);
    let number = format!("+{}{}", person.country.calling_code(), person.mobile);
    let agent = agent("orders_desk", dice.below(AGENTS_PER_TEAM));
    let talk_s = dice.whole(60, 600);
    let ended = world.calendar.slashed(at + talk_s);
    world.tally.count("recovery_calls");
    world.systems.calls.row(&[
        &id,
        &started,
        &ended,
        person.country.code(),
        &number,
        "",
        "outbound",
        "orders_desk",
        "orders_desk",
        &agent,
        "0",
        &talk_s.to_string(),
        "resolved",
        "",
        "",
        order,
        "",
    ])
}
