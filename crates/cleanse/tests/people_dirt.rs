//! The dirt of `gen_people.py`, a generator that shares nothing with this crate: precision and recall per kind.
//!
//! The script is run with one line changed, so that it writes every record beside the clean entity that it made it from; what was
//! done to a value is read off the pair. Only kinds that a single value shows are asserted (≥ 0.98 each); a typing error inside a
//! name, a house moved or a month that changed places with a day below 13 look like any other value. Needs Python with NumPy
//! (`CLEW_PYTHON` names it).
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use clew_cleanse::code::Country;
use clew_cleanse::date::{self, Order};
use clew_cleanse::flag::{Flag, Flags};
use clew_cleanse::person_name::{self, Layout};
use clew_cleanse::{address, email, phone};

/// Runs the generator in a way that keeps the truth beside each record.
const WITH_TRUTH: &str = r#"
import sys
source = open(sys.argv[1]).read()
put = "rows.append((*t, e, int(hid[e])))"
head, found, _ = source.partition("    perm = rng.permutation(len(rows))")
assert put in head and found, "the generator changed"
head = head.replace(put, "rows.append((*t, *ent[e]))")
tail = "    import csv\n    out = csv.writer(open(a.out, 'w', newline=''))\n    out.writerow(NAMES)\n    out.writerows([['' if v is None else v for v in r] for r in rows])\nmain()\n"
fields = "first_name surname dob email phone street city postcode".split()
sys.argv = [sys.argv[1]] + sys.argv[2:]
exec(compile(head + tail, "gen_people", "exec"), {"__name__": "__main__", "__file__": sys.argv[0], "NAMES": fields + ["true_" + f for f in fields]})
"#;

fn generated() -> Option<Vec<BTreeMap<String, String>>> {
    let shared = std::env::var_os("CLEW_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let script = shared.join("peers/gen_people.py");
    if !script.exists() {
        println!("skipped: {} is not there", script.display());
        return None;
    }
    let out = std::env::temp_dir().join(format!("clew-people-{}.csv", std::process::id()));
    let python = std::env::var("CLEW_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = Command::new(&python)
        .arg("-c")
        .arg(WITH_TRUTH)
        .args([&script, &out])
        .args(["--records", "60000", "--dup", "0.4"])
        .output();
    let run = match run {
        Ok(run) if run.status.success() => run,
        Ok(run) if String::from_utf8_lossy(&run.stderr).contains("ModuleNotFoundError") => {
            println!("skipped: {python} has no NumPy");
            return None;
        }
        Ok(run) => panic!("{}", String::from_utf8_lossy(&run.stderr)),
        Err(error) => {
            println!("skipped: {python}: {error}");
            return None;
        }
    };
    assert!(run.status.success());
    let rows = csv::Reader::from_path(&out).unwrap().deserialize().map(Result::unwrap).collect();
    std::fs::remove_file(&out).unwrap();
    Some(rows)
}

/// Counts of one kind of dirt.
#[derive(Default)]
struct Kind {
    there: u64,
    found: u64,
    hits: u64,
}

#[derive(Default)]
struct Kinds(BTreeMap<&'static str, Kind>);

impl Kinds {
    fn count(&mut self, kind: &'static str, there: bool, found: bool) {
        let counts = self.0.entry(kind).or_default();
        counts.there += u64::from(there);
        counts.found += u64::from(found);
        counts.hits += u64::from(there && found);
    }
}

/// Days since a fixed day by counting, or none for a day that no calendar has: the test's own calendar.
fn exists(date: &str) -> bool {
    let parts: Vec<i32> = date.split('-').filter_map(|part| part.parse().ok()).collect();
    let [year, month, day] = parts[..] else { return false };
    let leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    (1..=12).contains(&month) && (1..=lengths[month as usize - 1]).contains(&day)
}

#[test]
fn dirt_of_the_generator_is_caught() {
    let Some(rows) = generated() else { return };
    let us = Country::from_code("US");
    let birth = date::Options::birth(Order::Iso, jiff::civil::date(2026, 1, 1));
    let mut kinds = Kinds::default();
    for row in &rows {
        let of = |name: &str| (row[name].as_str(), row[&format!("true_{name}")].as_str());
        let (mail, true_mail) = of("email");
        if !mail.is_empty() {
            let shared = ["none@none.com", "noemail@example.com", "test@test.com", "na@na.com", "customer@store.example"];
            let read = email::clean(mail);
            kinds.count("e-mail of nobody", shared.contains(&mail) && mail != true_mail, read.value.is_none());
        }
        let (number, true_number) = of("phone");
        if !number.is_empty() {
            let read = phone::clean(number, us);
            let digits: String = number.trim_start_matches("+1").chars().filter(char::is_ascii_digit).collect();
            let nobody = ["0000000000", "9999999999"].contains(&digits.as_str());
            kinds.count("phone of nobody", nobody, read.flags.has(Flag::Placeholder));
            // No area code of North America begins with 0 or 1.
            let impossible = !nobody && digits.starts_with(['0', '1']);
            kinds.count("impossible phone", impossible, read.flags.has(Flag::ImpossibleNumber));
            if digits == true_number && number != true_number {
                let same = read.value.is_some_and(|phone| phone.as_str() == format!("+1{true_number}"));
                kinds.count("phone spelling", true, same);
            }
        }
        let (born, true_born) = of("dob");
        if !born.is_empty() {
            let flags = date::clean(born, &birth).flags;
            let stand_in = ["1900-01-01", "1970-01-01"].contains(&born);
            // Nobody can tell who was really born on 1970-01-01; they are counted apart, as what the rule costs.
            if stand_in && born == true_born {
                kinds.count("(born on such a day)", true, flags.has(Flag::PlaceholderDate));
            } else {
                kinds.count("placeholder date", stand_in, flags.has(Flag::PlaceholderDate));
            }
            kinds.count("impossible date", !exists(born), flags.has(Flag::ImpossibleDate) || flags.has(Flag::InvalidDate));
            let year: i32 = born[..4].parse().unwrap();
            let far = exists(born) && !(1906..=2025).contains(&year) && !stand_in && year != 9999;
            let found =
                flags.has(Flag::FutureDate) || flags.has(Flag::Over120Years) || (flags.has(Flag::PlaceholderDate) && !stand_in);
            // The year in which somebody turns 120 depends on the day.
            if year != 1905 && year != 1906 {
                kinds.count("impossible birth", far, found);
            }
        }
        for (name, layout) in [("first_name", Layout::Given), ("surname", Layout::Family)] {
            let (value, truth) = of(name);
            if !value.is_empty() {
                let read = person_name::clean(value, layout);
                let digit = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
                kinds.count(
                    "digit in a name",
                    digit(value) && !digit(truth),
                    read.flags.has(Flag::DigitsInName) || read.flags.has(Flag::NoLetters),
                );
                let name = read.value.and_then(|name| name.given.or(name.family)).unwrap_or_default();
                let lost = value.chars().any(char::is_lowercase);
                kinds.count(
                    "case of a name",
                    lost,
                    name.starts_with(char::is_uppercase)
                        || name.starts_with(|c: char| !c.is_lowercase()) && !name.is_empty()
                        || name.contains(' '),
                );
            }
        }
        let (given, true_given) = of("first_name");
        let (family, true_family) = of("surname");
        if !given.is_empty() && !family.is_empty() && given != family {
            let swapped = (given, family) == (true_family, true_given);
            kinds.count("(swapped columns)", swapped, person_name::columns_swapped(given, family) != Flags::NONE);
        }
        let (line, true_line) = of("street");
        if !line.is_empty() {
            let read = address::clean_street(line, us);
            let street = read.value.unwrap_or_default();
            let (bare, apartment) = line.split_once(" apt ").map_or((line, None), |(bare, number)| (bare, Some(number)));
            let unit = street.unit.as_deref().unwrap_or_default();
            kinds.count(
                "apartment",
                apartment.is_some(),
                apartment.is_some_and(|number| unit == format!("apt {number}")) || (apartment.is_none() && !unit.is_empty()),
            );
            let long = ["street", "avenue", "road", "drive", "lane", "court", "boulevard", "place"];
            let short = ["st", "ave", "rd", "dr", "ln", "ct", "blvd", "pl"];
            let last = bare.rsplit(' ').next().unwrap_or_default();
            if let Some(at) = short.iter().position(|word| *word == last) {
                let expected = format!("{} {}", bare.rsplit_once(' ').unwrap().0, long[at]);
                kinds.count("street word", true, street.line(us).to_lowercase() == expected);
            } else if bare == true_line {
                kinds.count("street word", false, read.flags.has(Flag::AbbreviationExpanded));
            }
        }
    }
    println!("{} records of gen_people.py", rows.len());
    println!("{:<20} {:>8} {:>10} {:>8}", "kind", "n", "precision", "recall");
    let mut low = Vec::new();
    for (kind, counts) in &kinds.0 {
        let precision = counts.hits as f64 / counts.found.max(1) as f64;
        let recall = counts.hits as f64 / counts.there.max(1) as f64;
        println!("{kind:<20} {:>8} {precision:>10.4} {recall:>8.4}", counts.there);
        assert!(counts.there > 0, "{kind}: none was made");
        if !kind.starts_with('(') && (precision < 0.98 || recall < 0.98) {
            low.push(*kind);
        }
    }
    assert!(low.is_empty(), "{low:?}");
}
