//! Clean values of real files must come out as they went in.
//!
//! FEBRL's originals (not its corrupted duplicates) and the Senzing truth set are cleansed field by field. A value is changed
//! wrongly when it is refused, or when letters or digits of it are gone or others have come: case, blanks, punctuation and order of
//! parts do not count, a street word that was written out does not, nor a title in its standard spelling. At most 1 % of a
//! set's values may be; the figures per field are printed (`--no-capture`).
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use clew_cleanse::code::{self, Country};
use clew_cleanse::date::{self, Order};
use clew_cleanse::flag::{Cleaned, Effect, Flag};
use clew_cleanse::person_name::{self, Layout};
use clew_cleanse::{address, email, phone, postcode, region};

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CLEW_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn rows(path: &PathBuf) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// Words of a text in the test's own spelling: letters and digits, lower case, sorted; street words in their long form.
fn words(text: &str) -> Vec<String> {
    let long = |word: &str| match word {
        "st" | "str" => "street".to_owned(),
        "rd" => "road".to_owned(),
        "ave" | "av" => "avenue".to_owned(),
        "dr" => "drive".to_owned(),
        "ln" => "lane".to_owned(),
        "ct" => "court".to_owned(),
        "pl" => "place".to_owned(),
        "blvd" => "boulevard".to_owned(),
        "gdns" => "gardens".to_owned(),
        "senior" => "sr".to_owned(),
        "junior" => "jr".to_owned(),
        word => word.to_owned(),
    };
    let lower = text.to_lowercase().replace(['\'', '’', '.'], "");
    let mut words: Vec<String> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(long).collect();
    words.sort();
    words
}

/// Values by field: how many, how many wrong, and the wrong ones.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, (u64, Vec<String>)>);

impl Tally {
    fn count(&mut self, field: &'static str, raw: &str, cleaned: Option<&str>, why: impl std::fmt::Debug) {
        if raw.trim().is_empty() {
            return;
        }
        let (n, wrong) = self.0.entry(field).or_default();
        *n += 1;
        if cleaned.is_none_or(|cleaned| words(cleaned) != words(raw)) {
            wrong.push(format!("{raw:?} -> {cleaned:?} {why:?}"));
        }
    }

    /// Prints the figures; wrong values over all values.
    fn print(&self, set: &str) -> (u64, u64) {
        let mut total = (0, 0);
        println!("{set:<22} {:>14} {:>8} {:>6} {:>8}", "field", "values", "wrong", "share");
        for (field, (n, wrong)) in &self.0 {
            println!("{:<22} {field:>14} {n:>8} {:>6} {:>7.3}%", "", wrong.len(), 100.0 * wrong.len() as f64 / *n as f64);
            wrong.iter().take(12).for_each(|line| println!("    {line}"));
            total = (total.0 + wrong.len() as u64, total.1 + n);
        }
        println!("{set:<22} {:>14} {:>8} {:>6} {:>7.3}%", "all", total.1, total.0, 100.0 * total.0 as f64 / total.1 as f64);
        total
    }
}

fn name_text(raw: &str, layout: Layout) -> (Option<String>, String) {
    let Cleaned { value, flags } = person_name::clean(raw, layout);
    let text = value.map(|name| {
        let parts = [name.honorific, name.given, name.middle, name.family, name.suffix, name.nickname, name.organisation];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    (text, format!("{flags:?}"))
}

fn street_text(raw: &str, country: Option<Country>) -> (Option<String>, String) {
    let Cleaned { value, flags } = address::clean_street(raw, country);
    let text = value.map(|street| {
        let boxed = street.po_box.map(|number| format!("po box {number}").into());
        [street.house_number, street.street, street.unit, boxed, street.addition]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    });
    (text, format!("{flags:?}"))
}

#[test]
fn originals_of_febrl_stay_as_they_are() {
    let Some(febrl) = shared("data/febrl") else { return };
    let Some(dsgen) = shared("data/febrl_dsgen") else { return };
    let australia = Country::from_code("AU");
    // The generator is of 2003; its birth dates begin in 1900.
    let birth = date::Options::birth(Order::Ymd, jiff::civil::date(2005, 1, 1));
    let mut tally = Tally::default();
    let files = ["dataset1.csv", "dataset2.csv", "dataset3.csv", "dataset4a.csv"].map(|name| febrl.join(name));
    let generated = ["dataset_A_10000.csv", "dataset_D_org_10000.csv"].map(|name| dsgen.join(name));
    for path in files.iter().chain(&generated) {
        for row in rows(path) {
            let id = &row["rec_id"];
            if !(id.ends_with("-org") || (!id.contains('-') && id.ends_with('0'))) {
                continue;
            }
            let (given, why) = name_text(&row["given_name"], Layout::Given);
            tally.count("given_name", &row["given_name"], given.as_deref(), why);
            let (family, why) = name_text(&row["surname"], Layout::Family);
            tally.count("surname", &row["surname"], family.as_deref(), why);
            let whole = format!("{} {}", row["given_name"], row["surname"]);
            if !row["given_name"].is_empty() && !row["surname"].is_empty() {
                let (name, why) = name_text(&whole, Layout::Full);
                tally.count("whole name", &whole, name.as_deref(), why);
            }
            let line = format!("{} {}", row["street_number"], row["address_1"]);
            let (street, why) = street_text(&line, australia);
            tally.count("street", &line, street.as_deref(), why);
            let (addition, why) = street_text(&row["address_2"], australia);
            tally.count("address_2", &row["address_2"], addition.as_deref(), why);
            let town = address::clean_city(&row["suburb"], australia);
            tally.count("suburb", &row["suburb"], town.value.as_ref().map(|town| &*town.name), town.flags);
            let code = postcode::clean(&row["postcode"], australia);
            tally.count("postcode", &row["postcode"], code.value.as_ref().map(|code| &*code.code), code.flags);
            let day = date::clean(&row["date_of_birth"], &birth);
            let text = day.value.map(|day| day.strftime("%Y%m%d").to_string());
            tally.count("date_of_birth", &row["date_of_birth"], text.as_deref(), day.flags);
            if let Some(number) = row.get("phone_number") {
                let read = phone::clean(number, australia);
                // As dialled inside the country: the digits must be the same.
                let text = read.value.map(|phone| format!("0{}", phone.national()));
                tally.count("phone", &number.replace(' ', ""), text.as_deref(), read.flags);
            }
        }
    }
    let (wrong, values) = tally.print("febrl originals");
    assert!(values > 100_000, "{values}");
    assert!(wrong * 100 <= values, "{wrong} of {values}");
    for (field, (n, wrong)) in &tally.0 {
        assert!(wrong.len() as u64 * 100 <= *n, "{field}: {} of {n}", wrong.len());
    }
}

#[test]
fn the_senzing_truth_set_stays_as_it_is() {
    let Some(folder) = shared("data/senzing_truthset") else { return };
    let birth = date::Options::birth(Order::Mdy, jiff::civil::date(2023, 1, 1));
    let mut tally = Tally::default();
    for file in ["customers.csv", "reference.csv", "watchlist.csv"] {
        for row in rows(&folder.join(file)) {
            let field = |name: &str| row.get(name).cloned().unwrap_or_default();
            let stated = code::country(&field("ADDR_COUNTRY")).value;
            for (column, layout) in [
                ("PRIMARY_NAME_FIRST", Layout::Given),
                ("PRIMARY_NAME_LAST", Layout::Family),
                ("PRIMARY_NAME_FULL", Layout::Full),
                ("NATIVE_NAME_FULL", Layout::Full),
                ("PRIMARY_NAME_ORG", Layout::Full),
            ] {
                let (name, why) = name_text(&field(column), layout);
                tally.count(if column.ends_with("ORG") { "organisation" } else { "name" }, &field(column), name.as_deref(), why);
            }
            let country = stated.or(Country::from_code("US"));
            let (street, why) = street_text(&field("ADDR_LINE1"), country);
            tally.count("street", &field("ADDR_LINE1"), street.as_deref(), why);
            let raw = field("ADDR_CITY");
            let town = address::clean_city(&raw, country);
            tally.count("town", &raw, town.value.as_ref().map(|town| &*town.name), town.flags);
            // The country of an address without one is not known: only case and blanks are settled.
            let raw = field("ADDR_POSTAL_CODE");
            let code = postcode::clean(&raw, stated);
            tally.count("postcode", &raw, code.value.as_ref().map(|code| &*code.code), code.flags);
            let mail = field("EMAIL_ADDRESS");
            let read = email::clean(&mail);
            // "Maria Sentosa<msentosa@fmail.com>": the address is what stands in the brackets.
            let bare = mail.split('<').next_back().unwrap_or_default().trim_end_matches('>').to_owned();
            tally.count("email", &bare, read.value.as_ref().map(email::Email::as_str), read.flags);
            let number = field("PHONE_NUMBER");
            let read = phone::clean(&number, country);
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            // Two numbers lack their area code and one is an Italian number without country: no number can be made of them.
            let incomplete = ["321-3212", "221-2412", "0352 6553537"].contains(&number.as_str());
            let found = read.value.map(|phone| phone.as_str().to_owned());
            if incomplete {
                assert_eq!(found, None, "{number}");
            } else {
                let kept = found.filter(|found| digits(found).ends_with(&digits(&number))).map(|_| number.clone());
                tally.count("phone", &number, kept.as_deref(), read.flags);
            }
            let born = field("DATE_OF_BIRTH");
            let read = date::clean(&born, &birth);
            tally.count("birth date", &born, read.value.map(|_| born.as_str()), read.flags);
            let refused = read.flags.with_effect(Effect::Refused);
            assert!(refused.is_empty() || read.value.is_none(), "{born}");
            for column in ["ADDR_COUNTRY", "PASSPORT_COUNTRY", "NATIONAL_ID_COUNTRY"] {
                let raw = field(column);
                let read = code::country(&raw);
                tally.count("country", &raw, read.value.map(|_| raw.as_str()), read.flags);
            }
        }
    }
    let (wrong, values) = tally.print("senzing truth set");
    assert!(values > 600, "{values}");
    assert!(wrong * 100 <= values, "{wrong} of {values}");
}

#[test]
fn the_commonest_surnames_of_the_united_states_are_names() {
    let Some(path) = shared("peers/names/census_surnames.csv") else { return };
    let mut refused = Vec::new();
    let rows = rows(&path);
    for row in &rows {
        let read = person_name::clean(&row["name"], Layout::Family);
        if read.value.is_none()
            || read
                .value
                .as_ref()
                .is_some_and(|name| name.family.as_deref().is_none_or(|family| words(family) != words(&row["name"])))
        {
            refused.push(format!("{} {:?}", row["name"], read.flags));
        }
    }
    println!("{} surnames, refused or changed: {refused:?}", rows.len());
    // A few people are called Null; far more records say so of nothing.
    assert!(rows.len() > 9_000);
    assert_eq!(refused, ["NULL {\"placeholder\"}"]);
}

#[test]
fn regions_of_brazil_agree_with_real_orders() {
    let Some(folder) = shared("data/olist") else { return };
    let brazil = Country::from_code("BR").unwrap();
    let (mut known, mut agree, mut n) = (0_u64, 0_u64, 0_u64);
    let file = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains("customers")));
    for row in rows(&file.expect("the customers of the marketplace")) {
        // The file has the first five digits, and a spreadsheet has dropped the zeros before them.
        let prefix = format!("{:0>5}", row["customer_zip_code_prefix"]);
        n += 1;
        if let Some(region) = region::of_postcode(brazil, &prefix) {
            known += 1;
            agree += u64::from(region == row["customer_state"]);
        }
    }
    println!("{n} postcodes, {known} with a region, {agree} as the order says");
    assert!(known * 100 >= n * 99 && agree * 1000 >= known * 995, "{n} {known} {agree}");
}

#[test]
fn a_flag_of_refusal_never_stands_beside_a_value() {
    for raw in ["Ann", "test", "n/a", "ann@acme.com", "1900-01-01", "12 High St", "+4930901820"] {
        let sets = [
            (email::clean(raw).value.is_some(), email::clean(raw).flags),
            (phone::clean(raw, None).value.is_some(), phone::clean(raw, None).flags),
            (person_name::clean(raw, Layout::Full).value.is_some(), person_name::clean(raw, Layout::Full).flags),
        ];
        for (has_value, flags) in sets {
            assert_eq!(has_value, flags.with_effect(Effect::Refused).is_empty(), "{raw} {flags:?}");
            assert!(!flags.has(Flag::TooLong));
        }
    }
}
