//! How fast records are cleansed on one core: `cargo run --release -p clew-cleanse --example speed [RECORDS]`.
//!
//! A record is what a customer file has: name, two e-mail addresses, telephone, birth date, street, postcode, town, country. Four in
//! five are clean but for formats, the fifth has something to repair or refuse. No dictionary stands in front: every value is read anew.

use std::hint::black_box;
use std::time::Instant;

use clew_cleanse::code::Country;
use clew_cleanse::date::{self, Order};
use clew_cleanse::person_name::{self, Layout};
use clew_cleanse::{address, code, email, phone, postcode};

const GIVEN: [&str; 8] = ["Ann", "Robert", "Maria", "Jürgen", "Olivia", "Pierre", "Chiara", "Sean"];
const FAMILY: [&str; 8] = ["Lee", "Smith", "Müller", "van der Berg", "O'Brien", "Garcia", "Rossi", "Kowalski"];
const STREETS: [&str; 6] = ["Main St", "Oak Avenue", "Hill Rd", "King Street", "Park Lane", "Station Rd Apt 4"];
const CITIES: [&str; 5] = ["Springfield", "Boston", "Las Vegas", "Austin", "Portland"];
const COUNTRIES: [&str; 4] = ["US", "USA", "United States", "us"];

/// One record: name, e-mails, telephone, birth date, street, postcode, town, country.
type Record = [String; 9];

fn record(n: u64) -> Record {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let pick = |list: &[&str], at: u64| list[(mixed / at % list.len() as u64) as usize].to_owned();
    let (given, family) = (pick(&GIVEN, 1), pick(&FAMILY, 11));
    let dirty = n.is_multiple_of(5);
    let name = match mixed % 7 {
        0 if dirty => format!("{family}, {given}"),
        1 if dirty => format!("Dr. {given} {family}").to_uppercase(),
        2 if dirty => format!(" {given}  {family} "),
        _ => format!("{given} {family}"),
    };
    let domains: &[&str] =
        if dirty { &["gmial.com", "acme.con", "Gmail.com", "mailinator.com"] } else { &["gmail.com", "acme.com", "outlook.com"] };
    let mail = |tag: &str| format!("user{}{tag}@{}", mixed % 100_000, pick(domains, 5));
    let phone = format!("({}) {}-{:04}", 202 + mixed % 700, 200 + mixed / 7 % 700, mixed / 31 % 10_000);
    let (month, day, year) = (1 + mixed % 12, 1 + mixed / 13 % 28, 1940 + mixed / 17 % 65);
    let birth = if dirty { format!("{day}/{month}/{year}") } else { format!("{year}-{month:02}-{day:02}") };
    let zip = format!("{:05}", 1000 + mixed % 98_000);
    [
        name,
        mail(""),
        mail(".b"),
        phone,
        birth,
        format!("{} {}", 1 + mixed % 900, pick(&STREETS, 3)),
        zip,
        pick(&CITIES, 9),
        pick(&COUNTRIES, 23),
    ]
}

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(500_000);
    let records: Vec<Record> = (0..count).map(record).collect();
    let us = Country::from_code("US");
    let birth = date::Options::birth(Order::Dmy, jiff::civil::date(2026, 1, 1));
    // Tables and the plan of the country are read before the clock starts.
    cleanse(&records[0], us, &birth);

    let (start, before) = (Instant::now(), on_cpu_ns());
    let flags: u64 = records.iter().map(|record| cleanse(record, us, &birth)).sum();
    let whole = start.elapsed();
    println!(
        "{count} records in {:.3} s: {:.0} records/s, {flags} flags",
        whole.as_secs_f64(),
        count as f64 / whole.as_secs_f64()
    );
    if let (Some(before), Some(after)) = (before, on_cpu_ns()) {
        println!(
            "{:.0} records/s of one core's time, without what others took of it",
            count as f64 * 1e9 / (after - before) as f64
        );
    }

    let time = |name: &str, one: &dyn Fn(&Record)| {
        let start = Instant::now();
        records.iter().for_each(one);
        println!("{name:>10}: {:>6.0} ns a value", start.elapsed().as_secs_f64() * 1e9 / count as f64);
    };
    time("name", &|record| drop(black_box(person_name::clean(&record[0], Layout::Full))));
    time("e-mail", &|record| drop(black_box(email::clean(&record[1]))));
    time("phone", &|record| _ = black_box(phone::clean(&record[3], us)));
    time("birth date", &|record| _ = black_box(date::clean(&record[4], &birth)));
    time("street", &|record| drop(black_box(address::clean_street(&record[5], us))));
    time("postcode", &|record| drop(black_box(postcode::clean(&record[6], us))));
    time("town", &|record| drop(black_box(address::clean_city(&record[7], us))));
    time("country", &|record| _ = black_box(code::country(&record[8])));
}

/// Nanoseconds that this process was on a core, where Linux tells it.
fn on_cpu_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// Cleanses a record; how many flags were raised.
fn cleanse(record: &Record, country: Option<Country>, birth: &date::Options) -> u64 {
    let flags = [
        black_box(person_name::clean(&record[0], Layout::Full)).flags,
        black_box(email::clean(&record[1])).flags,
        black_box(email::clean(&record[2])).flags,
        black_box(phone::clean(&record[3], country)).flags,
        black_box(date::clean(&record[4], birth)).flags,
        black_box(address::clean_street(&record[5], country)).flags,
        black_box(postcode::clean(&record[6], country)).flags,
        black_box(address::clean_city(&record[7], country)).flags,
        black_box(code::country(&record[8])).flags,
    ];
    flags.iter().map(|flags| u64::from(flags.len())).sum()
}
