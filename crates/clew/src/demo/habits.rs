//! What goes on beside orders and cases: store visits, newsletters, service contracts, social posts.
//!
//! Store visits and opened newsletters go with age and so, through age, with satisfaction, but move no score: they are
//! the decoys of the drivers.

use super::calendar::{DAY, HOUR, Moment, Rhythm, utc};
use super::files::quoted;
use super::people::{Group, Person};
use super::shopping::{active_years, moment};
use super::text::{self, Brief};
use super::world::World;

/// When the person was in a store and opened a newsletter.
pub struct Habits {
    visits: Vec<Moment>,
    opens: Vec<Moment>,
}

impl Habits {
    /// Store visits with the card shown before `at`.
    pub fn visits_before(&self, at: Moment) -> usize {
        self.visits.iter().filter(|visit| **visit < at).count()
    }

    /// Newsletters opened before `at`.
    pub fn opens_before(&self, at: Moment) -> usize {
        self.opens.iter().filter(|open| **open < at).count()
    }
}

/// Days between newsletters.
const NEWSLETTER_EVERY: i64 = 28;

/// Writes everything beside orders and cases.
pub fn follow(world: &mut World<'_>, person: &Person) -> anyhow::Result<Habits> {
    let visits = visit_stores(world, person)?;
    let opens = read_newsletters(world, person)?;
    sign_contract(world, person)?;
    post(world, person)?;
    Ok(Habits { visits, opens })
}

fn visit_stores(world: &mut World<'_>, person: &Person) -> anyhow::Result<Vec<Moment>> {
    let mut dice = world.dice("store visits", u64::from(person.number));
    let rate =
        if person.group == Group::StoreGoer { 3.0 + person.seniority() } else { (0.9 + 0.6 * person.seniority()).max(0.1) };
    let mut visits = Vec::new();
    for _ in 0..dice.poisson(rate * active_years(world, person)) {
        let at = moment(world, &mut dice, person, Rhythm::Store);
        let card = person.card.as_deref().filter(|_| dice.chance(0.85));
        // Cashiers type the card in groups, with and without blanks.
        let shown = card.map_or(String::new(), |card| {
            if dice.chance(0.4) { format!("{} {} {}", &card[..3], &card[3..7], &card[7..]) } else { card.to_owned() }
        });
        if card.is_some() {
            visits.push(at);
        }
        let store = format!("S{:02}", 1 + dice.below(14));
        let receipt = world.id("T");
        let time = world.calendar.slashed(at);
        world.systems.tills.row(&[
            &receipt,
            &store,
            &time[..16],
            &shown,
            &(1 + dice.below(6)).to_string(),
            &format!("{:.2}", dice.lognormal(38.0, 0.8)),
        ])?;
        if dice.chance(0.004) {
            let receipt = world.id("T");
            world.systems.tills.row(&[&receipt, "S99", &time[..16], "", "1", "0.01"])?;
            world.tally.flaw("tills", "test receipt");
        }
    }
    Ok(visits)
}

fn read_newsletters(world: &mut World<'_>, person: &Person) -> anyhow::Result<Vec<Moment>> {
    let mut opens = Vec::new();
    if !person.newsletter {
        return Ok(opens);
    }
    let mut dice = world.dice("newsletters", u64::from(person.number));
    let address = if dice.chance(0.1) { person.email.to_uppercase() } else { person.email.clone() };
    let reads = (0.32 + 0.20 * person.seniority()).clamp(0.04, 0.85);
    let mut day = 3;
    let mut number = 0;
    while day < i64::from(world.options.days) {
        number += 1;
        let sent = world.calendar.midnight(day) + 9 * HOUR + i64::from(person.number % 1800);
        day += NEWSLETTER_EVERY;
        let (opened, clicked, after) = (dice.chance(reads), dice.chance(0.15), dice.exponential(0.4));
        if day - NEWSLETTER_EVERY < person.joined_day {
            continue;
        }
        let campaign = format!("NL-{number:02}");
        let mail = format!("{campaign}-{:06}", person.number);
        let show = |at: Moment| utc(at);
        world.systems.mail.row(&[&mail, "sent", &show(sent), &address, &campaign])?;
        let open = sent + 60 + (after * DAY as f64) as i64;
        if opened && open < world.calendar.end - HOUR {
            world.systems.mail.row(&[&mail, "opened", &show(open), &address, &campaign])?;
            opens.push(open);
            if clicked {
                world.systems.mail.row(&[&mail, "clicked", &show(open + 40), &address, &campaign])?;
            }
        }
    }
    Ok(opens)
}

fn sign_contract(world: &mut World<'_>, person: &Person) -> anyhow::Result<()> {
    let mut dice = world.dice("contract", u64::from(person.number));
    let wants = dice.chance(if person.group == Group::Regular { 0.22 } else { 0.07 });
    let at = moment(world, &mut dice, person, Rhythm::Office);
    let leaves = dice.chance(0.16);
    let stay = dice.between(40.0, 300.0);
    if !wants {
        return Ok(());
    }
    let no = world.id("SC");
    let kind = dice.pick(&["care_plus", "assembly_flat", "refill_subscription"]);
    let end = at + (stay * DAY as f64) as i64;
    let cancelled = (leaves && end < world.calendar.end).then_some(end);
    let renewed = at + 182 * DAY;
    let renewed = (renewed < cancelled.unwrap_or(world.calendar.end)).then_some(renewed);
    let show = |at: Option<Moment>| at.map(|at| world.calendar.local(at)).unwrap_or_default();
    let (started, renewed, ended) = (show(Some(at)), show(renewed), show(cancelled));
    let reason = cancelled.map_or("", |_| dice.pick(&["moved", "too expensive", "not used", "unhappy with service"]));
    let customer = person.accounts.first().map_or("", |account| &account.user_id);
    let fee = dice.pick(&["4.90", "7.90", "12.50"]);
    world.systems.contracts.row(&[&no, customer, &person.email, kind, &started, &renewed, &ended, fee, reason])
}

fn post(world: &mut World<'_>, person: &Person) -> anyhow::Result<()> {
    let Some(handle) = &person.handle else { return Ok(()) };
    let mut dice = world.dice("posts", u64::from(person.number));
    for _ in 0..dice.poisson(1.3 * active_years(world, person)) {
        let at = moment(world, &mut dice, person, Rhythm::Leisure);
        let sentiment = [-1, 0, 1][dice.weighted(&[0.45, 0.15, 0.4])];
        let words = text::comment(&mut dice, &Brief { country: person.country, sentiment, themes: Vec::new() });
        let id = world.hex("post", 12);
        let body = format!("@LarkmoorHome {} #larkmoor", words.text);
        world.systems.social.line(&format!(
            "{{\"post_id\":\"{id}\",\"network\":\"{}\",\"author\":{{\"handle\":{},\"followers\":{}}},\"created\":\"{}\",\"text\":{},\"lang\":\"{}\",\"likes\":{}}}",
            dice.pick(&["chirper", "photogram"]),
            quoted(handle),
            dice.lognormal(180.0, 1.2) as u32,
            utc(at),
            quoted(&body),
            words.language,
            dice.exponential(3.0) as u32
        ))?;
    }
    Ok(())
}
