//! Who the customers are: persons, households, businesses, twins, and the identifiers they leave behind.
//!
//! The population is made first and kept in memory, because households and businesses tie people together; what people do
//! is then generated one person at a time and streamed. Namesakes, apartment houses, and strangers with one birth date
//! are the decoys: they look like duplicates, households and twins, and are not.

use std::collections::BTreeSet;

use super::Options;
use super::dice::{Dice, hex, scattered};
use super::names::{self, Country, Town};
use super::plant::Truth;

/// How a person likes to deal with the company: five planted groups of journeys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Reads and compares on the web, buys there.
    Researcher,
    /// Lives in the app.
    AppNative,
    /// Looks on the web, buys in the store.
    StoreGoer,
    /// Calls, for everything.
    Caller,
    /// Buys often and repeats.
    Regular,
}

impl Group {
    /// All groups, in the order of their weights in the generator.
    pub const ALL: [Self; 5] = [Self::Researcher, Self::AppNative, Self::StoreGoer, Self::Caller, Self::Regular];

    /// The name in `truth.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Researcher => "researcher",
            Self::AppNative => "app_native",
            Self::StoreGoer => "store_goer",
            Self::Caller => "caller",
            Self::Regular => "regular",
        }
    }
}

/// A postal address.
#[derive(Clone)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// Postcode.
    pub postcode: String,
    /// Town with its delivery region.
    pub town: &'static Town,
}

/// A login of the web shop.
#[derive(Clone)]
pub struct Account {
    /// The shop's number of the customer.
    pub user_id: String,
    /// E-mail of the login.
    pub email: String,
}

/// A business customer.
pub struct Business {
    /// Name without legal form.
    pub name: String,
    /// The firm's number with the company.
    pub account: String,
    /// Mail domain.
    pub domain: String,
    /// Switchboard number.
    pub phone: String,
    /// Address of the firm.
    pub address: Address,
    /// Its country.
    pub country: Country,
    /// The business that owns it.
    pub parent: Option<usize>,
    /// Its people.
    pub members: Vec<u32>,
}

/// A customer.
pub struct Person {
    /// Number in the truth, 0-based.
    pub number: u32,
    /// Given name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Birth date: year, month, day.
    pub birth: (i32, u32, u32),
    /// Country of residence; sets the language too.
    pub country: Country,
    /// Household number.
    pub household: u32,
    /// Business, where they buy for one.
    pub business: Option<usize>,
    /// Home.
    pub address: Address,
    /// Main e-mail.
    pub email: String,
    /// Second e-mail, used by duplicates.
    pub other_email: String,
    /// National number without leading zero.
    pub mobile: String,
    /// Landline of the household.
    pub landline: Option<String>,
    /// Logins.
    pub accounts: Vec<Account>,
    /// Loyalty card.
    pub card: Option<String>,
    /// Browsers (anonymous ids); the last may be the household's tablet.
    pub browsers: Vec<String>,
    /// Phone with the app.
    pub device: Option<String>,
    /// Handle on the social network.
    pub handle: Option<String>,
    /// Respondent id in the survey tool.
    pub respondent: String,
    /// Way of dealing with the company.
    pub group: Group,
    /// Day of the period on which they came (negative: before it).
    pub joined_day: i64,
    /// Lasting contentedness, standard normal.
    pub temper: f64,
    /// Gets the newsletter.
    pub newsletter: bool,
}

impl Person {
    /// Age in years at the end of the period.
    pub fn age(&self) -> f64 {
        f64::from(2026 - self.birth.0)
    }

    /// Age in standard units: the confounder behind the decoys of the drivers.
    pub fn seniority(&self) -> f64 {
        ((self.age() - 47.0) / 15.0).clamp(-2.0, 2.5)
    }
}

/// Everybody.
pub struct Population {
    /// All people; the index is their number.
    pub people: Vec<Person>,
    /// Members of each household.
    pub households: Vec<Vec<u32>>,
    /// Businesses.
    pub businesses: Vec<Business>,
    /// Planted pairs of twins.
    pub twins: Vec<(u32, u32)>,
    /// Strangers that share name and town.
    pub namesakes: Vec<(u32, u32)>,
    /// Strangers that share family name and birth date.
    pub birthday_strangers: Vec<(u32, u32)>,
    /// Families and strangers under one house number: groups of people.
    pub apartment_houses: Vec<Vec<u32>>,
    /// Tablets used by several people of a household.
    pub shared_devices: Vec<(String, Vec<u32>)>,
    /// The store's kiosk: used by people who have nothing in common.
    pub kiosk: String,
    /// E-mail addresses given away.
    taken: BTreeSet<String>,
}

/// Makes everybody.
pub fn populate(options: &Options) -> Population {
    let seed = options.seed;
    let mut all = Population {
        people: Vec::with_capacity(options.people as usize),
        households: Vec::new(),
        businesses: Vec::new(),
        twins: Vec::new(),
        namesakes: Vec::new(),
        birthday_strangers: Vec::new(),
        apartment_houses: Vec::new(),
        shared_devices: Vec::new(),
        kiosk: format!("kiosk-{}", hex(seed, "kiosk", 0, 8)),
        taken: BTreeSet::new(),
    };
    while all.people.len() < options.people as usize {
        settle(&mut all, options);
    }
    if options.plant.has(Truth::Businesses) {
        found_businesses(&mut all, options);
    }
    plant_decoys(&mut all, options);
    for number in 0..all.people.len() {
        equip(&mut all, options, number);
    }
    all
}

/// One household with its people.
fn settle(all: &mut Population, options: &Options) {
    let household = all.households.len();
    let mut dice = Dice::new(options.seed, "household", household as u64);
    let country = [Country::Ireland, Country::Germany, Country::Spain][dice.weighted(&[0.78, 0.13, 0.09])];
    let address = address(&mut dice, country);
    let family = names::family(&mut dice, country);
    let landline = dice.chance(0.35).then(|| landline(&mut dice, country, household as u64));
    let wanted = 1 + dice.weighted(&[0.62, 0.25, 0.08, 0.05]);
    let twins = dice.chance(0.006);
    let mut size = if options.plant.has(Truth::Households) { wanted } else { 1 };
    if twins && options.plant.has(Truth::Twins) {
        size = 2;
    }
    let first = all.people.len() as u32;
    let mut members = Vec::new();
    for place in 0..size {
        let number = all.people.len() as u32;
        if number >= options.people {
            break;
        }
        let mut dice = Dice::new(options.seed, "person", u64::from(number));
        let family = if place == 0 || dice.chance(0.75) { family.clone() } else { names::family(&mut dice, country) };
        let birth = birth_date(&mut dice, place >= 2);
        let mut person = person(&mut dice, number, household as u32, country);
        person.family = family;
        person.birth = birth;
        person.address = address.clone();
        person.landline.clone_from(&landline);
        if place == 1 && twins && options.plant.has(Truth::Twins) {
            let elder = &all.people[first as usize];
            person.birth = elder.birth;
            person.family.clone_from(&elder.family);
            let initial = elder.given.chars().next();
            for _ in 0..40 {
                names::given(&mut dice, country).clone_into(&mut person.given);
                if person.given.chars().next() == initial && person.given != elder.given {
                    break;
                }
            }
            all.twins.push((first, number));
        }
        members.push(number);
        all.people.push(person);
    }
    all.households.push(members);
}

fn person(dice: &mut Dice, number: u32, household: u32, country: Country) -> Person {
    let address = Address { street: String::new(), postcode: String::new(), town: names::dwelling(dice, country) };
    let group = Group::ALL[dice.weighted(&[0.30, 0.22, 0.18, 0.12, 0.18])];
    Person {
        number,
        given: names::given(dice, country).to_owned(),
        family: String::new(),
        birth: (1980, 1, 1),
        country,
        household,
        business: None,
        address,
        email: String::new(),
        other_email: String::new(),
        mobile: mobile(dice, country, u64::from(number)),
        landline: None,
        accounts: Vec::new(),
        card: None,
        browsers: Vec::new(),
        device: None,
        handle: None,
        respondent: String::new(),
        group,
        joined_day: 0,
        temper: dice.normal(),
        newsletter: false,
    }
}

fn address(dice: &mut Dice, country: Country) -> Address {
    let town = names::dwelling(dice, country);
    Address { street: names::street(dice, country), postcode: names::postcode(dice, country, town), town }
}

fn birth_date(dice: &mut Dice, child: bool) -> (i32, u32, u32) {
    let age = if child { dice.between(18.0, 27.0) } else { (47.0 + 15.0 * dice.normal()).clamp(18.0, 92.0) };
    (2026 - age as i32, dice.whole(1, 12) as u32, dice.whole(1, 28) as u32)
}

/// A national number that nobody else has.
fn mobile(dice: &mut Dice, country: Country, owner: u64) -> String {
    let number = scattered(owner, 271_828);
    match country {
        Country::Ireland => format!("8{}{number:07}", dice.pick(&["3", "5", "6", "7", "9"])),
        Country::Germany => format!("1{}{number:07}", dice.pick(&["51", "60", "70", "72", "76"])),
        Country::Spain => format!("6{}{number:07}", dice.below(10)),
    }
}

/// The number of a household or firm, nobody else's.
fn landline(dice: &mut Dice, country: Country, owner: u64) -> String {
    let number = scattered(owner, 314_159);
    match country {
        Country::Ireland => format!("{}{number:07}", dice.pick(&["1", "21", "91", "61"])),
        Country::Germany => format!("{}{number:07}", dice.pick(&["221", "40", "89", "30"])),
        Country::Spain => format!("9{}{number:07}", dice.whole(1, 6)),
    }
}

fn found_businesses(all: &mut Population, options: &Options) {
    let wanted = options.people as usize / 60;
    let mut number = 0;
    while all.businesses.len() < wanted {
        let mut dice = Dice::new(options.seed, "business", number);
        number += 1;
        let index = all.businesses.len();
        let owner = dice.below(all.people.len());
        let country = all.people[owner].country;
        let form = names::legal_form(country);
        let name = names::business(&mut dice, country, &all.people[owner].family);
        let size = 1 + dice.weighted(&[0.4, 0.3, 0.2, 0.1]);
        let mut members = Vec::new();
        for place in 0..size * 4 {
            let candidate = if place == 0 { owner } else { dice.below(all.people.len()) };
            let person = &all.people[candidate];
            if person.business.is_none() && person.country == country && members.len() < size {
                members.push(candidate as u32);
                all.people[candidate].business = Some(index);
            }
        }
        if members.is_empty() {
            continue;
        }
        let parent = (index > 10 && dice.chance(0.08)).then(|| dice.below(index));
        let domain = format!("{}{}.example", names::plain(&name), names::plain(form.0));
        all.businesses.push(Business {
            name,
            account: format!("B{:07}", scattered(index as u64, 4711)),
            domain,
            phone: landline(&mut dice, country, 5_000_000 + index as u64),
            address: address(&mut dice, country),
            country,
            parent,
            members,
        });
    }
}

/// Changes a few strangers so that they look related.
fn plant_decoys(all: &mut Population, options: &Options) {
    let pairs = (options.people as usize / 300).max(2);
    let mut dice = Dice::new(options.seed, "decoys", 0);
    let mut taken = vec![false; all.people.len()];
    let mut stranger = |all: &Population, dice: &mut Dice| {
        for _ in 0..1000 {
            let index = dice.below(all.people.len());
            if !taken[index] && all.households[all.people[index].household as usize].len() == 1 {
                taken[index] = true;
                return Some(index);
            }
        }
        None
    };
    for round in 0..pairs {
        if options.plant.has(Truth::Duplicates)
            && let (Some(a), Some(b)) = (stranger(all, &mut dice), stranger(all, &mut dice))
        {
            let (given, family) = (all.people[a].given.clone(), all.people[a].family.clone());
            (all.people[b].given, all.people[b].family) = (given, family);
            all.people[b].address.town = all.people[a].address.town;
            all.people[b].country = all.people[a].country;
            all.namesakes.push((a as u32, b as u32));
        }
        if round % 3 == 0
            && options.plant.has(Truth::Twins)
            && let (Some(a), Some(b)) = (stranger(all, &mut dice), stranger(all, &mut dice))
        {
            let family = all.people[a].family.clone();
            all.people[b].family = family;
            all.people[b].birth = all.people[a].birth;
            all.birthday_strangers.push((a as u32, b as u32));
        }
        if round % 2 == 0 && options.plant.has(Truth::Households) {
            let people: Vec<usize> = (0..4).filter_map(|_| stranger(all, &mut dice)).collect();
            let Some(&first) = people.first() else { continue };
            for &other in &people[1..] {
                all.people[other].address = all.people[first].address.clone();
                all.people[other].country = all.people[first].country;
            }
            all.apartment_houses.push(people.iter().map(|&index| index as u32).collect());
        }
    }
}

/// Gives a person e-mail, logins, devices and cards.
fn equip(all: &mut Population, options: &Options, number: usize) {
    let seed = options.seed;
    let mut dice = Dice::new(seed, "equipment", number as u64);
    let domain = all.people[number].business.map(|index| all.businesses[index].domain.clone());
    let household = all.people[number].household;
    let size = all.households[household as usize].len();
    let elder = all.households[household as usize][0] as usize;
    let tablet = format!("a-{}", hex(seed, "tablet", u64::from(household), 12));
    let person = &mut all.people[number];
    let given = names::plain(&person.given);
    let family = names::plain(&person.family);
    let year = person.birth.0 % 100;
    let stem = match dice.below(5) {
        0 => format!("{given}.{family}"),
        1 => format!("{given}{family}{year:02}"),
        2 => format!("{}{family}", &given[..1]),
        3 => format!("{family}.{given}"),
        _ => format!("{given}_{family}{year:02}"),
    };
    let free = ["gmail.example", "outlook.example", "yahoo.example", "eircom.example", "icloud.example", "web.example"];
    let provider = dice.pick(&free);
    let mut ending = scattered(number as u64, 17) % 1000;
    let mut email = match domain {
        Some(domain) if dice.chance(0.6) => format!("{given}.{family}@{domain}"),
        _ => format!("{stem}{ending}@{provider}"),
    };
    // Namesakes take the next free number, as they do in life.
    while !all.taken.insert(email.clone()) {
        ending += 1;
        email = format!("{stem}{ending}@{provider}");
    }
    person.email = email;
    person.other_email = format!("{given}{}@{}", scattered(number as u64, 99), dice.pick(&free));
    let seniority = person.seniority();
    let app = match person.group {
        Group::AppNative => 1.0,
        Group::Regular => 0.5,
        _ => 0.12,
    };
    person.joined_day = if dice.chance(0.65) { -dice.whole(1, 1500) } else { dice.whole(0, i64::from(options.days) * 4 / 5) };
    person.newsletter = dice.chance((0.37 + 0.22 * seniority).clamp(0.04, 0.9));
    person.card = dice
        .chance(if person.group == Group::StoreGoer { 0.9 } else { (0.42 + 0.2 * seniority).clamp(0.08, 0.9) })
        .then(|| format!("70{:09}", scattered(number as u64, 555)));
    let account = dice.chance(if person.group == Group::Caller { 0.6 } else { 0.93 });
    if account {
        person
            .accounts
            .push(Account { user_id: format!("u{:08}", scattered(number as u64, 31_337)), email: person.email.clone() });
    }
    let second = dice.chance(0.03);
    if account && second && options.plant.has(Truth::Duplicates) {
        let user_id = format!("u{:08}", scattered(number as u64 + u64::from(options.people), 31_337));
        person.accounts.push(Account { user_id, email: person.other_email.clone() });
    }
    for index in 0..=dice.weighted(&[0.6, 0.3, 0.1]) {
        person.browsers.push(format!("a-{}", hex(seed, "browser", number as u64 * 8 + index as u64, 12)));
    }
    person.device = dice.chance(app).then(|| format!("ios-{}", hex(seed, "device", number as u64, 12)));
    person.handle = dice.chance(0.08).then(|| format!("@{given}{}", scattered(number as u64, 77)));
    person.respondent = format!("R-{}", hex(seed, "respondent", number as u64, 10));
    let tablet_user = dice.chance(0.35);
    let kiosk_user = dice.chance(0.02);
    if tablet_user && size > 1 && options.plant.has(Truth::SharedDevices) {
        share_tablet(all, number, elder, tablet);
    } else if kiosk_user && account && options.plant.has(Truth::SharedDevices) {
        let kiosk = all.kiosk.clone();
        all.people[number].browsers.push(kiosk);
    }
}

fn share_tablet(all: &mut Population, number: usize, elder: usize, tablet: String) {
    all.people[number].browsers.push(tablet.clone());
    match all.shared_devices.last_mut() {
        Some((device, users)) if *device == tablet => users.push(number as u32),
        _ => {
            let mut users = vec![number as u32];
            if elder != number {
                all.people[elder].browsers.push(tablet.clone());
                users.insert(0, elder as u32);
            }
            all.shared_devices.push((tablet, users));
        }
    }
}
