//! Visits, orders and deliveries: how a person comes to the company and buys.
//!
//! A session is written event by event as the web or app tracker would; an order that comes out of it appears in the shop's
//! own export with another clock and other ids, and again at the carrier.

use super::calendar::{DAY, HOUR, Moment, Rhythm, utc};
use super::dice::Dice;
use super::files::quoted;
use super::parquet::Consignment;
use super::people::{Group, Person};
use super::plant::{self, Truth};
use super::world::World;

/// A shop order with what became of it.
pub struct Order {
    /// Order number.
    pub no: String,
    /// Shop number of the customer; `None` for guests.
    pub customer: Option<String>,
    /// E-mail given with the order.
    pub email: String,
    /// When it was placed.
    pub placed: Moment,
    /// Last second of the promised day.
    pub promised: Moment,
    /// When it arrived, even if after the end of the period.
    pub delivered: Moment,
    /// Arrived damaged.
    pub damaged: bool,
    /// Failed attempts at checkout.
    pub failed: u32,
    /// When the case about it was opened again.
    pub reopened: Option<Moment>,
}

impl Order {
    /// Whether the customer knew at `at` that the promise was broken.
    pub fn is_promise_missed(&self, at: Moment) -> bool {
        self.promised < at && self.delivered > self.promised
    }

    /// Whether it had arrived damaged by `at`.
    pub fn is_damaged(&self, at: Moment) -> bool {
        self.damaged && self.delivered < at
    }
}

/// Which tracker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Touch {
    Web,
    App,
}

/// One session under way.
struct Session {
    touch: Touch,
    at: Moment,
    device: String,
    user: Option<String>,
    campaign: Option<&'static str>,
    version: &'static str,
}

const PAGES: [&str; 6] = ["/", "/living", "/bedroom", "/kitchen", "/garden", "/sale"];

/// Number of a stock item.
fn sku(dice: &mut Dice) -> String {
    format!("LK-{:04}", 1000 + (dice.unit().powi(2) * 320.0) as u32)
}

fn price(sku: &str) -> f64 {
    let number: f64 = sku[3..].parse().expect("a stock number ends in digits");
    let cents = ((number * 7919.0) % 24_000.0) + 990.0;
    (cents / 10.0).round() / 10.0
}

impl Session {
    fn emit(
        &mut self,
        world: &mut World<'_>,
        dice: &mut Dice,
        event: &str,
        page: &str,
        order: Option<&str>,
    ) -> anyhow::Result<()> {
        self.at += 3 + dice.exponential(40.0) as i64;
        if self.at >= world.calendar.end {
            return Ok(());
        }
        world.tally.count(if self.touch == Touch::Web { "web_events" } else { "app_events" });
        let order = order.map_or(",\"order\":null".to_owned(), |order| format!(",\"order\":\"{order}\""));
        let user = self.user.as_ref().map_or(",\"userId\":null".to_owned(), |user| format!(",\"userId\":\"{user}\""));
        if self.touch == Touch::App {
            let id = world.hex("app-event", 14);
            let line = format!(
                "{{\"id\":\"{id}\",\"time\":{},\"device\":\"{}\"{user},\"event\":\"{event}\",\"screen\":\"{page}\"{order},\"app\":{{\"version\":\"{}\",\"build\":{}}}}}",
                self.at * 1000 + dice.whole(0, 999),
                self.device,
                self.version,
                self.version.replace('.', "")
            );
            return world.systems.app.line(&line);
        }
        let id = world.hex("web-event", 14);
        let campaign = self.campaign.map_or(",\"campaign\":null".to_owned(), |name| format!(",\"campaign\":\"{name}\""));
        let line = format!(
            "{{\"id\":\"{id}\",\"ts\":\"{}\",\"anonymousId\":\"{}\"{user},\"event\":\"{event}\",\"page\":\"{page}\"{order}{campaign},\"properties\":{{\"load_ms\":{},\"viewport\":\"{}\"}},\"ua\":\"Mozilla/5.0\"}}",
            utc(self.at),
            self.device,
            dice.lognormal(620.0, 0.5) as u32,
            if dice.chance(0.6) { "390x844" } else { "1440x900" }
        );
        let calendar = &world.calendar;
        let log = world.systems.web(calendar, self.at);
        log.line(&line)?;
        if dice.chance(0.0005) {
            log.line(&line)?;
            world.tally.flaw("web", "repeated");
        }
        Ok(())
    }
}

fn open_session(world: &World<'_>, dice: &mut Dice, person: &Person, touch: Touch, at: Moment) -> Session {
    let device = match touch {
        Touch::Web => person.browsers[dice.below(person.browsers.len())].clone(),
        Touch::App => person.device.clone().unwrap_or_default(),
    };
    let known = if touch == Touch::App { 0.95 } else { 0.35 };
    let account = usize::from(person.accounts.len() > 1 && dice.chance(0.4));
    let user = person.accounts.get(account).map(|account| account.user_id.clone()).filter(|_| dice.chance(known));
    let version = if touch == Touch::App { world.app_version(person, at) } else { "" };
    let campaign = dice.chance(0.12).then_some("search");
    Session { touch, at, device, user, campaign, version }
}

/// A moment at which the person was already a customer.
pub fn moment(world: &World<'_>, dice: &mut Dice, person: &Person, rhythm: Rhythm) -> Moment {
    let joined = world.calendar.midnight(person.joined_day.max(0));
    loop {
        let at = world.calendar.any(dice, rhythm);
        if at >= joined {
            return at;
        }
    }
}

/// Years of the period in which the person was a customer.
pub fn active_years(world: &World<'_>, person: &Person) -> f64 {
    (f64::from(world.options.days) - person.joined_day.max(0) as f64) / 365.0
}

/// Everything a person looks at and buys; returns their orders.
pub fn shop(world: &mut World<'_>, person: &Person) -> anyhow::Result<Vec<Order>> {
    let mut dice = world.dice("shopping", u64::from(person.number));
    let years = active_years(world, person);
    if person.joined_day >= 0 {
        sign_up(world, &mut dice, person)?;
    }
    let (web, app, buys) = match person.group {
        Group::Researcher => (6.0, 1.0, 1.2),
        Group::AppNative => (1.2, 6.0, 1.6),
        Group::StoreGoer => (3.5, 1.0, 0.5),
        Group::Caller => (1.0, 0.5, 0.8),
        Group::Regular => (3.0, 3.5, 3.0),
    };
    for _ in 0..dice.poisson(web * years) {
        look_around(world, &mut dice, person, Touch::Web)?;
    }
    if person.device.is_some() {
        for _ in 0..dice.poisson(app * years) {
            look_around(world, &mut dice, person, Touch::App)?;
        }
    }
    let mut wishes: Vec<Moment> =
        (0..dice.poisson(buys * years)).map(|_| moment(world, &mut dice, person, Rhythm::Leisure)).collect();
    wishes.extend(take_part(world, person)?);
    wishes.sort_unstable();
    let mut orders = Vec::new();
    for at in wishes {
        orders.extend(purchase(world, &mut dice, person, at)?);
    }
    Ok(orders)
}

fn sign_up(world: &mut World<'_>, dice: &mut Dice, person: &Person) -> anyhow::Result<()> {
    let at = world.calendar.on(dice, person.joined_day, Rhythm::Leisure);
    let mut session = open_session(world, dice, person, Touch::Web, at);
    session.user = None;
    session.emit(world, dice, "page_viewed", "/", None)?;
    let page = PAGES[1 + dice.below(5)];
    session.emit(world, dice, "page_viewed", page, None)?;
    if let Some(account) = person.accounts.first() {
        session.user = Some(account.user_id.clone());
        session.emit(world, dice, "account_created", "/account", None)?;
    }
    Ok(())
}

/// A session without purchase: some end at the basket, a few at checkout.
fn look_around(world: &mut World<'_>, dice: &mut Dice, person: &Person, touch: Touch) -> anyhow::Result<()> {
    let at = moment(world, dice, person, Rhythm::Leisure);
    let mut session = open_session(world, dice, person, touch, at);
    session.emit(world, dice, if touch == Touch::App { "app_opened" } else { "page_viewed" }, "/", None)?;
    for _ in 0..dice.below(3) {
        let page = PAGES[1 + dice.below(5)];
        session.emit(world, dice, "page_viewed", page, None)?;
    }
    for _ in 0..dice.weighted(&[0.25, 0.4, 0.2, 0.15]) {
        let page = format!("/p/{}", sku(dice));
        session.emit(world, dice, "product_viewed", &page, None)?;
    }
    if dice.chance(0.22) {
        session.emit(world, dice, "product_added", "/basket", None)?;
    }
    if dice.chance(0.06) {
        session.emit(world, dice, "search_used", "/search", None)?;
    }
    Ok(())
}

/// Exposures to both experiments; returns when they made the person want to buy.
fn take_part(world: &mut World<'_>, person: &Person) -> anyhow::Result<Vec<Moment>> {
    let mut wishes = Vec::new();
    let Some(account) = person.accounts.first() else { return Ok(wishes) };
    for (number, experiment) in ["one_page_checkout", "free_returns_banner"].into_iter().enumerate() {
        let mut dice = world.dice(experiment, u64::from(person.number));
        let (from, to) = world.story.experiments;
        let at = from + (dice.unit() * (to - from) as f64) as Moment;
        let exposed = dice.chance(0.55);
        let treated = dice.chance(0.5);
        let wish = dice.unit();
        let later = at + (dice.between(0.05, 10.0) * DAY as f64) as Moment;
        if !exposed || at < world.calendar.midnight(person.joined_day) {
            continue;
        }
        let id = world.id("X");
        let variant = if treated { "treatment" } else { "control" };
        world.systems.exposures.row(&[&id, experiment, variant, &account.user_id, &utc(at)])?;
        let effective = treated && number == 0 && world.has(Truth::Experiments);
        let bought = wish < if effective { plant::EXPERIMENT.1 } else { plant::EXPERIMENT.0 };
        let rate = match (number, treated) {
            (0, false) => "one_page_checkout control",
            (0, true) => "one_page_checkout treatment",
            (_, false) => "free_returns_banner control",
            (_, true) => "free_returns_banner treatment",
        };
        world.tally.rate(rate, bought);
        if bought {
            wishes.push(later);
        }
    }
    Ok(wishes)
}

/// A session that is meant to end with an order.
fn purchase(world: &mut World<'_>, dice: &mut Dice, person: &Person, at: Moment) -> anyhow::Result<Option<Order>> {
    let channel = match person.group {
        Group::Caller if dice.chance(0.6) => "phone",
        Group::AppNative if dice.chance(0.85) => "app",
        Group::Regular if person.device.is_some() && dice.chance(0.6) => "app",
        _ => "web",
    };
    let touch = if channel == "app" && person.device.is_some() { Touch::App } else { Touch::Web };
    let channel = if channel == "phone" {
        "phone"
    } else if touch == Touch::App {
        "app"
    } else {
        "web"
    };
    let no = world.id("LM");
    let account = person.accounts.get(usize::from(person.accounts.len() > 1 && dice.chance(0.4)));
    let mut failed = 0;
    let mut placed = at;
    if channel != "phone" {
        let mut session = open_session(world, dice, person, touch, at);
        session.emit(world, dice, if touch == Touch::App { "app_opened" } else { "page_viewed" }, "/", None)?;
        for _ in 0..=dice.below(3) {
            let page = format!("/p/{}", sku(dice));
            session.emit(world, dice, "product_viewed", &page, None)?;
        }
        session.emit(world, dice, "product_added", "/basket", None)?;
        session.user = account.map(|account| account.user_id.clone());
        session.emit(world, dice, "checkout_started", "/checkout", Some(&no))?;
        let broken = touch == Touch::App && world.is_broken(session.version);
        let chance = if broken { plant::CHECKOUT_FAILS.1 } else { plant::CHECKOUT_FAILS.0 };
        if dice.chance(chance) {
            failed = 1;
            session.emit(world, dice, "checkout_failed", "/checkout", Some(&no))?;
        }
        if touch == Touch::App {
            let name = if broken { "app checkout failed, broken versions" } else { "app checkout failed, other versions" };
            world.tally.rate(name, failed > 0);
        }
        // Some leave at checkout anyway; after a failure more do.
        if dice.chance(if failed > 0 { 0.30 } else { 0.12 }) {
            return Ok(None);
        }
        session.emit(world, dice, "checkout_completed", "/thanks", Some(&no))?;
        placed = session.at + 1;
    }
    if placed >= world.calendar.end {
        return Ok(None);
    }
    let customer = account.map(|account| account.user_id.clone());
    let email = account.map_or(&person.email, |account| &account.email).clone();
    let order = deliver(
        world,
        dice,
        person,
        Order { no, customer, email, placed, promised: 0, delivered: 0, damaged: false, failed, reopened: None },
    )?;
    write_order(world, dice, person, &order, channel)?;
    Ok(Some(order))
}

fn write_order(world: &mut World<'_>, dice: &mut Dice, person: &Person, order: &Order, channel: &str) -> anyhow::Result<()> {
    let business = person.business.filter(|_| dice.chance(0.7)).map(|index| &world.population.businesses[index]);
    let customer = order.customer.clone().unwrap_or_default();
    let placed = world.calendar.local(order.placed);
    let lines = 1 + dice.weighted(&[0.55, 0.25, 0.12, 0.08]);
    let mut total = 0.0;
    for line in 1..=lines {
        let sku = sku(dice);
        let quantity = 1 + dice.weighted(&[0.8, 0.12, 0.08]) * if business.is_some() { 4 } else { 1 };
        total += price(&sku) * quantity as f64;
        world.systems.order_lines.row(&[
            &order.no,
            &line.to_string(),
            &sku,
            &quantity.to_string(),
            &format!("{:.2}", price(&sku)),
            &placed,
            &customer,
            &order.email,
        ])?;
    }
    // Phone orders are keyed in by hand, with a decimal comma.
    let total = format!("{total:.2}");
    let total = if channel == "phone" { total.replace('.', ",") } else { total };
    let email = if dice.chance(0.06) { order.email.to_uppercase() } else { order.email.clone() };
    let company = business.map_or("", |business| &business.account);
    let row = [
        order.no.as_str(),
        &placed,
        &customer,
        &email,
        channel,
        &lines.to_string(),
        &total,
        "EUR",
        person.address.town.region,
        company,
    ];
    world.systems.orders.row(&row)?;
    if dice.chance(0.001) {
        world.systems.orders.row(&row)?;
        world.tally.flaw("orders", "repeated");
    }
    world.tally.count("orders");
    Ok(())
}

fn deliver(world: &mut World<'_>, dice: &mut Dice, person: &Person, mut order: Order) -> anyhow::Result<Order> {
    let region = person.address.town.region;
    let calendar = &world.calendar;
    let abroad = i64::from(matches!(region, "Germany" | "Spain"));
    let packing = dice.between(0.4, 1.2);
    let shipped = calendar.later(dice, order.placed, packing, Rhythm::Office);
    let promised_day = calendar.day_of(order.placed) + 3 + dice.below(3) as i64 + abroad;
    order.promised = calendar.midnight(promised_day + 1) - 1;
    let late = dice.chance(world.late_share(region, order.placed));
    let on_time = shipped + ((order.promised - shipped).max(6 * HOUR) as f64 * dice.between(0.35, 0.97)) as i64;
    let overdue = order.promised + 8 * HOUR + (dice.lognormal(1.6, 0.8).min(40.0) * DAY as f64) as i64;
    order.delivered = if late { overdue } else { on_time.min(order.promised) };
    order.damaged = dice.chance(0.085);
    let nordway = world.is_nordway(region, order.placed, dice);
    if region == plant::LATE_REGION {
        let after = order.placed >= world.story.carrier_change;
        world.tally.rate(if after { "late, West, after the change" } else { "late, West, before" }, late);
    } else {
        world.tally.rate("late, other regions", late);
    }
    let end = world.calendar.end;
    if shipped >= end {
        return Ok(order);
    }
    let arrived = (order.delivered < end).then_some(order.delivered);
    if nordway {
        let number = world.id("NW");
        world.systems.nordway.push(Consignment {
            number,
            order: order.no.clone(),
            email: order.email.clone(),
            region: region.to_owned(),
            collected_at: shipped,
            promised_at: order.promised,
            delivered_at: arrived,
            damaged: order.damaged && arrived.is_some(),
            exported_at: end,
        });
        return Ok(order);
    }
    let number = world.id("PC");
    let status = match arrived {
        None => "IN TRANSIT",
        Some(_) if order.damaged => "DELIVERED - DAMAGED",
        Some(_) => "DELIVERED",
    };
    let written = if dice.chance(0.15) { format!(" {}", region.to_uppercase()) } else { region.to_owned() };
    let delivered = arrived.map(|at| world.calendar.slashed(at)).unwrap_or_default();
    world.systems.parcelo.row(&[
        &number,
        &order.no,
        &order.email,
        &written,
        &world.calendar.slashed(shipped),
        &world.calendar.date(order.promised),
        &delivered,
        status,
        &world.calendar.local(end),
    ])?;
    Ok(order)
}

/// Cold traffic of the campaign, robots, and broken lines: rows that belong to nobody.
pub fn passers_by(world: &mut World<'_>) -> anyhow::Result<()> {
    let mut dice = world.dice("passers-by", 0);
    let crowd = world.options.people as usize / 12;
    if world.has(Truth::BrokenStep) {
        let (from, to) = world.story.campaign;
        for _ in 0..crowd {
            let device = format!("a-{}", world.hex("stranger", 12));
            let at = from + (dice.unit() * (to - from) as f64) as Moment;
            stranger(world, &mut dice, &device, at, "spring_ads", "Mozilla/5.0")?;
        }
    }
    for _ in 0..crowd {
        let device = format!("a-{}", world.hex("robot", 12));
        let at = world.calendar.any(&mut dice, Rhythm::Leisure);
        stranger(world, &mut dice, &device, at, "", "SeekBot/2.1 (+https://seekbot.example)")?;
        world.tally.flaw("web", "robot");
    }
    for number in 0..6 {
        let at = world.calendar.share(f64::from(number) / 6.0);
        let calendar = &world.calendar;
        world
            .systems
            .web(calendar, at)
            .line(&format!("{{\"id\":\"broken{number}\",\"ts\":\"{}\",\"anonymousId\":\"a-0", utc(at)))?;
        world.tally.flaw("web", "unreadable");
    }
    world.systems.orders.broken("LM-export interrupted, please")?;
    world.tally.flaw("orders", "unreadable");
    world.systems.parcelo.broken("PC0000000,see attachment")?;
    world.tally.flaw("carrier_parcelo", "unreadable");
    Ok(())
}

fn stranger(world: &mut World<'_>, dice: &mut Dice, device: &str, at: Moment, campaign: &str, agent: &str) -> anyhow::Result<()> {
    let id = world.hex("web-event", 14);
    let page = quoted(PAGES[dice.below(6)]);
    let campaign = if campaign.is_empty() { "null".to_owned() } else { quoted(campaign) };
    let line = format!(
        "{{\"id\":\"{id}\",\"ts\":\"{}\",\"anonymousId\":\"{device}\",\"userId\":null,\"event\":\"page_viewed\",\"page\":{page},\"order\":null,\"campaign\":{campaign},\"properties\":{{}},\"ua\":\"{agent}\"}}",
        utc(at)
    );
    let calendar = &world.calendar;
    world.systems.web(calendar, at).line(&line)
}
