//! The customer file, with duplicates and dirt.
//!
//! A person may stand in it more than once. What two of their records share is planted on purpose: the e-mail (differing in
//! case or blanks only), the mobile number (written differently), or nothing but a name, a birth date and an
//! address with slips. Every value that is made dirty is noted with its clean form.

use super::dice::Dice;
use super::names::{self, Country};
use super::people::Person;
use super::plant::Truth;
use super::world::{Dirt, Duplicate, World};

/// What clerks type when there is no address: shared by many, so it must not identify anybody.
pub const NO_EMAIL: &str = "noemail@larkmoor.example";
/// The same for numbers.
pub const NO_MOBILE: &str = "0000000000";

const COLUMNS: usize = 18;

/// Rows of the customer file, gathered so that the file can be written in the order of its numbers.
#[derive(Default)]
pub struct Contacts(Vec<[String; COLUMNS]>);

/// How a record differs from the person's first one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copy {
    First,
    SharesEmail,
    SharesMobile,
    SharesNothing,
}

impl Contacts {
    /// Adds the records of one person.
    pub fn add(&mut self, world: &mut World<'_>, person: &Person) {
        let mut dice = world.dice("records", u64::from(person.number));
        if dice.chance(0.08) {
            return;
        }
        let first = self.record(world, &mut dice, person, Copy::First);
        let again = dice.chance(0.11);
        let copy = [Copy::SharesEmail, Copy::SharesMobile, Copy::SharesNothing][dice.weighted(&[0.5, 0.2, 0.3])];
        if !world.has(Truth::Duplicates) {
            return;
        }
        if person.accounts.len() > 1 {
            // A second login brings a second record with the second e-mail.
            let copy = if dice.chance(0.6) { Copy::SharesMobile } else { Copy::SharesNothing };
            self.duplicate(world, &mut dice, person, copy, &first);
        } else if again {
            self.duplicate(world, &mut dice, person, copy, &first);
        }
    }

    fn duplicate(&mut self, world: &mut World<'_>, dice: &mut Dice, person: &Person, copy: Copy, first: &str) {
        let second = self.record(world, dice, person, copy);
        let shares = match copy {
            Copy::SharesEmail => "email",
            // Two logins on one number: a rule that keeps logins apart is right to leave this to the matching model.
            Copy::SharesMobile if person.accounts.len() > 1 => "mobile_but_two_logins",
            Copy::SharesMobile => "mobile",
            _ => "nothing",
        };
        world.tally.duplicates.push(Duplicate { person: person.number, shares, records: (first.to_owned(), second) });
    }

    /// Writes them all.
    pub fn write(mut self, world: &mut World<'_>) -> anyhow::Result<()> {
        self.0.sort();
        for row in &self.0 {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            world.systems.crm.row(&cells)?;
        }
        Ok(())
    }

    fn record(&mut self, world: &mut World<'_>, dice: &mut Dice, person: &Person, copy: Copy) -> String {
        let no = world.id("C");
        world.tally.records.entry(person.number).or_default().push(no.clone());
        let keeps_email = matches!(copy, Copy::First | Copy::SharesEmail);
        let keeps_mobile = matches!(copy, Copy::First | Copy::SharesMobile);
        let slips = copy != Copy::First;
        let account = match copy {
            Copy::First => person.accounts.first(),
            Copy::SharesMobile | Copy::SharesNothing => person.accounts.get(1),
            Copy::SharesEmail => None,
        };
        let mut pen = Pen { world, dice, record: &no };
        let given = pen.given_name(person, slips);
        let family = pen.family_name(person, slips);
        let email = pen.email(
            if keeps_email { &person.email } else { &person.other_email },
            copy == Copy::First && person.accounts.is_empty(),
        );
        let email = if !keeps_email && account.is_none() && pen.dice.chance(0.5) { NO_EMAIL.to_owned() } else { email };
        let mobile = if keeps_mobile { pen.mobile(person) } else { pen.dice.pick(&["", "", NO_MOBILE, "n/a"]).to_owned() };
        let birth = pen.birth_date(person, slips);
        let street = pen.street(person, slips);
        let postcode = pen.postcode(person);
        let country = pen.country(person.country);
        let (company, company_no) = company_cells(world, dice, person);
        let later = if copy == Copy::First { 0 } else { dice.whole(1, 90) };
        let changed =
            world.calendar.dotted(world.calendar.midnight((person.joined_day + later).min(i64::from(world.options.days) - 1)));
        let salutation = dice.pick(&["Ms", "Mr", "", "", "Dr", "Frau", "Herr"]);
        let landline = person.landline.as_ref().map(|number| written(dice, person.country, number)).unwrap_or_default();
        self.0.push([
            no.clone(),
            account.map_or(String::new(), |account| account.user_id.clone()),
            salutation.to_owned(),
            given,
            family,
            birth,
            email,
            mobile,
            landline,
            street,
            postcode,
            person.address.town.name.to_owned(),
            country,
            company,
            company_no,
            if copy == Copy::First { person.card.clone().unwrap_or_default() } else { String::new() },
            dice.pick(if person.newsletter { &["yes", "Y", "1"] } else { &["no", "N", ""] }).to_owned(),
            changed,
        ]);
        no
    }
}

fn company_cells(world: &World<'_>, dice: &mut Dice, person: &Person) -> (String, String) {
    let Some(index) = person.business else { return (String::new(), String::new()) };
    let business = &world.population.businesses[index];
    let (short, long) = names::legal_form(business.country);
    let name = match dice.below(4) {
        0 => business.name.clone(),
        1 => format!("{} {long}", business.name),
        2 => format!("{} {short}", business.name.to_uppercase()),
        _ => format!("{} {short}", business.name),
    };
    let number = if dice.chance(0.6) { business.account.clone() } else { String::new() };
    (name, number)
}

/// A phone number in one of the ways in which people write it.
fn written(dice: &mut Dice, country: Country, number: &str) -> String {
    let code = country.calling_code();
    let trunk = if country == Country::Spain { "" } else { "0" };
    let (head, tail) = number.split_at(2);
    match dice.below(5) {
        0 => format!("+{code} {head} {tail}"),
        1 => format!("00{code}{number}"),
        2 => format!("{trunk}{head} {tail}"),
        3 => format!("({trunk}{head}) {}-{}", &tail[..3], &tail[3..]),
        _ => format!("+{code}{number}"),
    }
}

/// Writes the values of one record, some of them badly.
struct Pen<'a, 'w> {
    world: &'a mut World<'w>,
    dice: &'a mut Dice,
    record: &'a str,
}

impl Pen<'_, '_> {
    /// With probability `p`, replaces the clean value and notes it.
    fn soil(&mut self, p: f64, (column, kind): (&'static str, &'static str), clean: &str, raw: String) -> Option<String> {
        if !self.dice.chance(p) || raw == clean {
            return None;
        }
        let clean = if kind.starts_with("placeholder") || kind == "impossible_date" { "" } else { clean };
        let dirt = Dirt { record: self.record.to_owned(), column, kind, raw: raw.clone(), clean: clean.to_owned() };
        self.world.tally.dirt.push(dirt);
        Some(raw)
    }

    fn given_name(&mut self, person: &Person, slips: bool) -> String {
        let clean = &person.given;
        let typed = slip(self.dice, clean);
        if slips && self.dice.chance(0.25) {
            return typed;
        }
        if slips && self.dice.chance(0.1) {
            return format!("{}.", clean.chars().next().unwrap_or('X'));
        }
        self.soil(0.03, ("first_name", "upper_case"), clean, clean.to_uppercase())
            .or_else(|| self.soil(0.02, ("first_name", "lower_case"), clean, clean.to_lowercase()))
            .or_else(|| self.soil(0.02, ("first_name", "white_space"), clean, format!("  {clean} ")))
            .or_else(|| self.soil(0.004, ("first_name", "placeholder_name"), clean, "test".to_owned()))
            .or_else(|| self.soil(0.003, ("first_name", "placeholder_name"), clean, "asdfgh".to_owned()))
            .unwrap_or_else(|| clean.clone())
    }

    fn family_name(&mut self, person: &Person, slips: bool) -> String {
        let clean = &person.family;
        let typed = slip(self.dice, clean);
        if slips && self.dice.chance(0.2) {
            return typed;
        }
        self.soil(0.03, ("last_name", "upper_case"), clean, clean.to_uppercase())
            .or_else(|| self.soil(0.02, ("last_name", "lower_case"), clean, clean.to_lowercase()))
            .or_else(|| self.soil(0.02, ("last_name", "white_space"), clean, format!("{clean}  ")))
            .unwrap_or_else(|| clean.clone())
    }

    fn email(&mut self, clean: &str, may_misspell: bool) -> String {
        let broken = clean.replace('@', "@@");
        let misspelt = clean.replace("gmail", "gmial");
        self.soil(0.06, ("email", "upper_case"), clean, clean.to_uppercase())
            .or_else(|| self.soil(0.02, ("email", "white_space"), clean, format!(" {clean}")))
            .or_else(|| self.soil(if may_misspell { 0.04 } else { 0.0 }, ("email", "misspelt_domain"), clean, misspelt))
            .or_else(|| self.soil(if may_misspell { 0.02 } else { 0.0 }, ("email", "invalid_email"), clean, broken))
            .unwrap_or_else(|| clean.to_owned())
    }

    fn mobile(&mut self, person: &Person) -> String {
        let clean = format!("+{}{}", person.country.calling_code(), person.mobile);
        let raw = written(self.dice, person.country, &person.mobile);
        self.soil(0.6, ("mobile", "phone_format"), &clean, raw).unwrap_or(clean)
    }

    fn birth_date(&mut self, person: &Person, slips: bool) -> String {
        let (year, month, day) = person.birth;
        let clean = format!("{day:02}.{month:02}.{year:04}");
        if slips && self.dice.chance(0.08) {
            return format!("{day:02}.{month:02}.{:04}", year + 1);
        }
        if slips && self.dice.chance(0.15) {
            return String::new();
        }
        self.soil(0.02, ("birth_date", "placeholder_date"), &clean, "01.01.1900".to_owned())
            .or_else(|| self.soil(0.004, ("birth_date", "impossible_date"), &clean, format!("31.02.{year:04}")))
            .unwrap_or(clean)
    }

    fn street(&mut self, person: &Person, slips: bool) -> String {
        let clean = &person.address.street;
        if slips && self.dice.chance(0.25) {
            let short = clean.replace("Street", "St").replace("Road", "Rd").replace("Avenue", "Ave").replace("straße", "str.");
            return short.replace("Calle", "C/");
        }
        self.soil(0.03, ("street", "white_space"), clean, clean.replace(' ', "  ")).unwrap_or_else(|| clean.clone())
    }

    fn postcode(&mut self, person: &Person) -> String {
        let clean = &person.address.postcode;
        let raw = clean.replace(' ', "").to_lowercase();
        self.soil(0.15, ("postcode", "postcode_format"), clean, raw).unwrap_or_else(|| clean.clone())
    }

    fn country(&mut self, country: Country) -> String {
        let clean = country.code();
        let raw = match country {
            Country::Ireland => self.dice.pick(&["Ireland", "Eire", "IRL", "ie"]),
            Country::Germany => self.dice.pick(&["Germany", "Deutschland", "D", "DEU"]),
            Country::Spain => self.dice.pick(&["Spain", "España", "E", "ESP"]),
        };
        self.soil(0.35, ("country", "country_name"), clean, raw.to_owned()).unwrap_or_else(|| clean.to_owned())
    }
}

/// One slip of the keyboard: a letter doubled, dropped, swapped or replaced.
fn slip(dice: &mut Dice, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 3 {
        return text.to_owned();
    }
    let place = 1 + dice.below(letters.len() - 2);
    match dice.below(4) {
        0 => letters.insert(place, letters[place]),
        1 => {
            letters.remove(place);
        }
        2 => letters.swap(place, place + 1),
        _ => letters[place] = ['a', 'e', 'i', 'o', 'n', 'r'][dice.below(6)],
    }
    letters.into_iter().collect()
}
