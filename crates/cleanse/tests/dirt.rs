//! Every kind of dirt that this crate claims to see, made on purpose: precision and recall per kind, 0.98 each.
//!
//! Clean values are the originals of FEBRL, spelled properly, and lists of this test; nothing is read from the crate's tables. The dirt of a
//! kind is made at random places. Recall is the share of dirty values that come back as the clean one (or are refused) with the
//! flag of the kind; precision is the share of values with that flag that were dirty, over as many clean values of the same field.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use clew_cleanse::amount::{self, DecimalMark};
use clew_cleanse::code::{self, Country};
use clew_cleanse::date::{self, Order};
use clew_cleanse::flag::{Flag, Flags};
use clew_cleanse::person_name::{self, Layout};
use clew_cleanse::{address, email, phone, postcode, text};

/// The same draws on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// A clean value and what a cleaner makes of it: the value again, and flags.
type Clean<'a> = &'a dyn Fn(&str) -> (Option<String>, Flags);

struct Kinds {
    lines: Vec<String>,
    low: Vec<String>,
}

impl Kinds {
    /// Counts one kind. `make` gives (clean, dirty); without an expected value the dirty one must be refused.
    fn count(&mut self, kind: &str, flags: &[Flag], clean: Clean, pairs: &[(String, String)], refused: bool) {
        let raised = |found: Flags| flags.iter().any(|flag| found.has(*flag));
        let (mut hits, mut false_alarms) = (0, 0);
        let mut missed = Vec::new();
        for (value, dirty) in pairs {
            let (found, found_flags) = clean(dirty);
            let right = if refused { found.is_none() } else { found.as_ref() == Some(value) };
            if right && raised(found_flags) {
                hits += 1;
            } else {
                missed.push(format!("{dirty:?} of {value:?}: {found:?} {found_flags:?}"));
            }
            false_alarms += usize::from(raised(clean(value).1));
        }
        let recall = hits as f64 / pairs.len() as f64;
        let precision = hits as f64 / (hits + false_alarms).max(1) as f64;
        self.lines.push(format!("{kind:<28} {:>6} {precision:>10.4} {recall:>8.4}", pairs.len()));
        if recall < 0.98 || precision < 0.98 {
            missed.truncate(8);
            self.low.push(format!("{kind}: precision {precision:.4}, recall {recall:.4}\n    {}", missed.join("\n    ")));
        }
    }
}

fn names() -> Option<Vec<(String, String)>> {
    let root = std::env::var_os("CLEW_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join("data/febrl/dataset4a.csv");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).unwrap();
    let rows = reader.records().map(Result::unwrap);
    let plain = |word: &str| word.len() > 3 && word.bytes().all(|b| b.is_ascii_lowercase()) && !word.starts_with("mc");
    Some(rows.filter(|row| plain(&row[1]) && plain(&row[2])).map(|row| (capital(&row[1]), capital(&row[2]))).collect())
}

fn full(raw: &str) -> (Option<String>, Flags) {
    let read = person_name::clean(raw, Layout::Full);
    let name = read.value.map(|name| [name.given, name.middle, name.family].into_iter().flatten().collect::<Vec<_>>().join(" "));
    (name.filter(|name| !name.is_empty()), read.flags)
}

fn mail(raw: &str) -> (Option<String>, Flags) {
    let read = email::clean(raw);
    (read.value.map(|email| email.as_str().to_owned()), read.flags)
}

#[test]
fn dirt_of_every_kind_is_caught() {
    let Some(people) = names() else { return };
    let mut kinds = Kinds { lines: Vec::new(), low: Vec::new() };
    let mut draw = Draw(20);
    text_and_names(&mut kinds, &mut draw, &people);
    addresses_of_mail(&mut kinds, &mut draw, &people);
    numbers(&mut kinds, &mut draw);
    places(&mut kinds, &mut draw, &people);
    println!("{:<28} {:>6} {:>10} {:>8}", "kind", "n", "precision", "recall");
    kinds.lines.iter().for_each(|line| println!("{line}"));
    assert!(kinds.low.is_empty(), "{}", kinds.low.join("\n"));
}

fn text_and_names(kinds: &mut Kinds, draw: &mut Draw, people: &[(String, String)]) {
    let plain = |raw: &str| {
        let read = text::clean(raw);
        (read.value.map(std::borrow::Cow::into_owned), read.flags)
    };
    let accents = [
        "Müller",
        "José",
        "Łukasz",
        "Chloé",
        "Jürgen Weiß",
        "Núñez",
        "Zoë",
        "Françoise",
        "Søren",
        "Dvořák",
        "Ångström",
        "São Paulo",
    ];
    let whole: Vec<String> = people.iter().take(1500).map(|(given, family)| format!("{given} {family}")).collect();
    let mut pairs = |make: &mut dyn FnMut(&str, &mut Draw) -> String| -> Vec<(String, String)> {
        whole.iter().map(|name| (name.clone(), make(name, draw))).collect()
    };
    let blanks = [" ", "\t", "\u{a0}", "  ", "\r\n"];
    kinds.count(
        "blanks around",
        &[Flag::Trimmed, Flag::InnerSpace],
        &plain,
        &pairs(&mut |n, d| format!("{}{n}{}", d.of(&blanks), d.of(&blanks))),
        false,
    );
    let inner = ["  ", "\t", "\u{a0}", " \u{2003}", "\n"];
    kinds.count("blanks inside", &[Flag::InnerSpace], &plain, &pairs(&mut |n, d| n.replace(' ', d.of(&inner))), false);
    let hidden = ["\u{200b}", "\u{feff}", "\u{ad}", "\u{200e}", "\u{0}", "\u{7f}", "\u{2060}"];
    let hide = &mut |n: &str, d: &mut Draw| {
        let at = 1 + d.below(n.len() - 1);
        format!("{}{}{}", &n[..at], d.of(&hidden), &n[at..])
    };
    kinds.count("invisible characters", &[Flag::ControlCharacters], &plain, &pairs(hide), false);
    let wide = &mut |n: &str, _: &mut Draw| {
        n.chars().map(|c| if c.is_ascii_alphabetic() { char::from_u32(c as u32 + 0xfee0).unwrap() } else { c }).collect()
    };
    kinds.count("full width", &[Flag::UnicodeNormalised], &plain, &pairs(wide), false);
    kinds.count("all capitals", &[Flag::CaseChanged], &full, &pairs(&mut |n, _| n.to_uppercase()), false);
    kinds.count("all small", &[Flag::CaseChanged], &full, &pairs(&mut |n, _| n.to_lowercase()), false);
    let titles = ["Mr ", "Mrs. ", "Dr. ", "Prof. Dr. ", "Ms ", "Herr ", "Frau ", "Sra. ", "MR ", "Mme "];
    kinds.count("title in front", &[Flag::HonorificSplit], &full, &pairs(&mut |n, d| format!("{}{n}", d.of(&titles))), false);
    let suffixes = [" Jr", " Jr.", ", Jr.", " III", ", PhD", " Sr.", ", MD"];
    kinds.count("suffix behind", &[Flag::SuffixSplit], &full, &pairs(&mut |n, d| format!("{n}{}", d.of(&suffixes))), false);
    let reorder = &mut |n: &str, _: &mut Draw| n.split_once(' ').map(|(given, family)| format!("{family}, {given}")).unwrap();
    kinds.count("family, given", &[Flag::NameReordered], &full, &pairs(reorder), false);
    let nick = &mut |n: &str, d: &mut Draw| n.replace(' ', d.of(&[" \"Bo\" ", " (Bo) ", " “Bo” "]));
    kinds.count("nickname", &[Flag::NicknameSplit], &full, &pairs(nick), false);
    let nothing = [
        "n/a",
        "N/A",
        "unknown",
        "UNKNOWN",
        "-",
        "--",
        "null",
        "NULL",
        "none",
        "None",
        "xx",
        ".",
        "?",
        "not provided",
        "unbekannt",
        "#N/A",
        "nan",
        "NaN",
        "tbd",
    ];
    kinds.count(
        "placeholder name",
        &[Flag::Placeholder, Flag::KeyboardWalk],
        &full,
        &pairs(&mut |_, d| d.of(&nothing).to_owned()),
        true,
    );
    let tests =
        ["test", "Test Test", "TEST", "test user", "Test1", "testing", "dummy", "Max Mustermann", "demo user", "test account"];
    kinds.count("test name", &[Flag::TestValue], &full, &pairs(&mut |_, d| d.of(&tests).to_owned()), true);
    let rows = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
    let walk = &mut |_: &str, d: &mut Draw| {
        let row = d.of(&rows);
        let (length, from) = (4 + d.below(3), d.below(row.len() - 6));
        let part = &row[from..from + length.min(row.len() - from)];
        // Four keys that are a surname are left out: Wert.
        if part == "wert" { "asdf".to_owned() } else { part.to_owned() }
    };
    kinds.count("keyboard walk", &[Flag::KeyboardWalk], &full, &pairs(walk), true);
    kinds.count(
        "e-mail in name",
        &[Flag::EmailInName],
        &full,
        &pairs(&mut |n, _| n.to_lowercase().replace(' ', ".") + "@acme.com"),
        true,
    );
    let forms = [" GmbH", " Ltd", " Inc.", " LLC", " AG", " S.A.", " & Sons", " Holdings Ltd", " B.V.", " Pty Ltd"];
    let company = |raw: &str| {
        let read = person_name::clean(raw, Layout::Full);
        (read.value.and_then(|name| name.organisation).map(|_| String::new()), read.flags)
    };
    let firms: Vec<(String, String)> =
        whole.iter().map(|name| (String::new(), format!("{}{}", name.split_once(' ').unwrap().1, draw.of(&forms)))).collect();
    kinds.count("company as person", &[Flag::OrganisationInName], &company, &firms, false);
    let misread: Vec<(String, String)> = (0..600)
        .map(|_| {
            let value = draw.of(&accents);
            (value.to_owned(), value.bytes().map(char::from).collect())
        })
        .collect();
    kinds.count("UTF-8 as Latin-1", &[Flag::MojibakeRepaired], &plain, &misread, false);
}

fn addresses_of_mail(kinds: &mut Kinds, draw: &mut Draw, people: &[(String, String)]) {
    let domains = ["gmail.com", "acme.com", "outlook.com", "web.de", "hotmail.com", "orange.fr", "initech.io"];
    let mails: Vec<String> = people
        .iter()
        .take(1500)
        .map(|(given, family)| format!("{}.{}@{}", given.to_lowercase(), family.to_lowercase(), draw.of(&domains)))
        .collect();
    let mut pairs = |make: &mut dyn FnMut(&str, &mut Draw) -> String| -> Vec<(String, String)> {
        mails.iter().map(|mail| (mail.clone(), make(mail, draw))).collect()
    };
    kinds.count("mail: case", &[Flag::CaseChanged], &mail, &pairs(&mut |m, _| m[..1].to_uppercase() + &m[1..]), false);
    let wraps =
        [("mailto:", ""), ("<", ">"), ("\"Somebody\" <", ">"), ("Some Body <", ">"), ("'", "'"), ("MAILTO:", "?subject=x")];
    let wrap = &mut |m: &str, d: &mut Draw| {
        let (before, after) = wraps[d.below(wraps.len())];
        format!("{before}{m}{after}")
    };
    kinds.count("mail: wrapped", &[Flag::Unwrapped], &mail, &pairs(wrap), false);
    let stray = &mut |m: &str, d: &mut Draw| match d.below(6) {
        0 => format!("{m}."),
        1 => format!("{m};"),
        2 => m.replace('@', " @"),
        3 => m.replace('@', "@ "),
        4 => m.replace('@', "@@"),
        _ => format!("{m},"),
    };
    kinds.count("mail: stray signs", &[Flag::StrayPunctuation], &mail, &pairs(stray), false);
    let comma = &mut |m: &str, _: &mut Draw| {
        let at = m.rfind('.').unwrap();
        format!("{},{}", &m[..at], &m[at + 1..])
    };
    kinds.count("mail: comma for dot", &[Flag::CommaForDot], &mail, &pairs(comma), false);
    let spelled = &mut |m: &str, d: &mut Draw| m.replace('@', d.of(&[" (at) ", "[at]", " at "]));
    kinds.count("mail: (at)", &[Flag::SpelledOut], &mail, &pairs(spelled), false);
    kinds.count(
        "mail: broken",
        &[Flag::InvalidEmail],
        &mail,
        &pairs(&mut |m, d| match d.below(3) {
            0 => m.replace('@', ""),
            1 => m.replace('@', "@lee@"),
            _ => m.split('@').next().unwrap().to_owned() + "@acme",
        }),
        true,
    );
    let nobody = [
        "none@none.com",
        "test@test.com",
        "noemail@acme.com",
        "noreply@acme.com",
        "na@na.com",
        "a@a.com",
        "asdf@asdf.com",
        "no@no.com",
        "unknown@gmail.com",
        "test@gmail.com",
        "xxx@xxx.com",
    ];
    kinds.count(
        "mail: nobody",
        &[Flag::Placeholder, Flag::TestValue, Flag::KeyboardWalk],
        &mail,
        &pairs(&mut |_, d| d.of(&nobody).to_owned()),
        true,
    );
    // One slip of the fingers in the label of a provider, behind its first letter.
    let slips: Vec<(String, String)> = (0..1500)
        .map(|at| {
            let local = mails[at % mails.len()].split('@').next().unwrap();
            let (label, end) =
                [("gmail", "com"), ("hotmail", "com"), ("yahoo", "com"), ("outlook", "com"), ("icloud", "com")][draw.below(5)];
            let mut letters: Vec<char> = label.chars().collect();
            let place = 1 + draw.below(letters.len() - 2);
            match draw.below(3) {
                0 => letters.swap(place, place + 1),
                1 => drop(letters.remove(place)),
                _ => letters.insert(place, letters[place]),
            }
            let typed: String = letters.iter().collect();
            // gail.com is a domain of its own, and nobody can tell.
            let typed = if typed == label || typed == "gail" { format!("{label}l") } else { typed };
            (format!("{local}@{label}.{end}"), format!("{local}@{typed}.{end}"))
        })
        .collect();
    kinds.count("mail: provider misspelled", &[Flag::DomainTypo], &mail, &slips, false);
}

fn numbers(kinds: &mut Kinds, draw: &mut Draw) {
    let germany = Country::from_code("DE");
    let call = |raw: &str| {
        let read = phone::clean(raw, germany);
        (read.value.map(|phone| phone.as_str().to_owned()), read.flags)
    };
    // Berlin, Hamburg, Munich and Cologne; mobiles.
    let areas = ["30", "40", "89", "221", "151", "170", "176"];
    let lines: Vec<(String, String)> = (0..1500)
        .map(|_| (draw.of(&areas).to_owned(), format!("2{}3{:04}", draw.below(8) + 1, draw.below(9000) + 512)))
        .collect();
    let e164 = |(area, line): &(String, String)| format!("+49{area}{line}");
    let mut pairs = |make: &mut dyn FnMut(&str, &str, &mut Draw) -> String| -> Vec<(String, String)> {
        lines.iter().map(|pair| (e164(pair), make(&pair.0, &pair.1, draw))).collect()
    };
    let forms = &mut |a: &str, l: &str, d: &mut Draw| match d.below(7) {
        0 => format!("0{a} {l}"),
        1 => format!("(0{a}) {l}"),
        2 => format!("0{a}/{l}"),
        3 => format!("+49 (0){a} {l}"),
        4 => format!("0049{a}{l}"),
        5 => format!("+49-{a}-{l}"),
        _ => format!("Tel. 0{a} {} {}", &l[..3], &l[3..]),
    };
    kinds.count("phone: spelling", &[Flag::Reformatted], &call, &pairs(forms), false);
    let extended = &mut |a: &str, l: &str, d: &mut Draw| {
        format!("0{a} {l}{}{}", d.of(&[" ext. ", " x", " Durchwahl ", " #", ";ext="]), 1 + d.below(99))
    };
    kinds.count("phone: extension", &[Flag::ExtensionSplit], &call, &pairs(extended), false);
    let nobody =
        ["0000000000", "1111111", "123456789", "+49 000 0000000", "0123456789", "9999999999", "987654321", "n/a", "unknown"];
    kinds.count("phone: nobody", &[Flag::Placeholder], &call, &pairs(&mut |_, _, d| d.of(&nobody).to_owned()), true);
    let length =
        &mut |a: &str, l: &str, d: &mut Draw| if d.below(2) == 0 { format!("+49{}", &l[..3]) } else { format!("0{a}{l}{l}{l}") };
    let wrong = [Flag::TooShort, Flag::TooManyDigits, Flag::LocalNumber, Flag::ImpossibleNumber];
    kinds.count("phone: wrong length", &wrong, &call, &pairs(length), true);

    let birth = date::Options::birth(Order::Dmy, jiff::civil::date(2026, 1, 1));
    let day = |raw: &str| {
        let read = date::clean(raw, &birth);
        (read.value.map(|date| date.to_string()), read.flags)
    };
    let days: Vec<(usize, usize, usize)> =
        (0..1500).map(|_| (1931 + draw.below(75), 1 + draw.below(12), 2 + draw.below(27))).collect();
    let iso = |(y, m, d): (usize, usize, usize)| format!("{y}-{m:02}-{d:02}");
    let mut pairs = |make: &mut dyn FnMut(usize, usize, usize, &mut Draw) -> String| -> Vec<(String, String)> {
        days.iter().map(|(y, m, d)| (iso((*y, *m, *d)), make(*y, *m, *d, draw))).collect()
    };
    let forms = &mut |y: usize, m: usize, d: usize, draw: &mut Draw| match draw.below(4) {
        0 => format!("{d:02}.{m:02}.{y}"),
        1 => format!("{d}/{m}/{y}"),
        2 => format!("{d:02}{m:02}{y}"),
        _ => format!(
            "{d}. {} {y}",
            [
                "January",
                "Februar",
                "mars",
                "abril",
                "May",
                "Juni",
                "juillet",
                "agosto",
                "September",
                "Oktober",
                "novembre",
                "Dec"
            ][m - 1]
        ),
    };
    kinds.count("date: spelling", &[Flag::Reformatted], &day, &pairs(forms), false);
    kinds.count(
        "date: two digits",
        &[Flag::TwoDigitYear],
        &day,
        &pairs(&mut |y, m, d, _| format!("{d:02}.{m:02}.{:02}", y % 100)),
        false,
    );
    let swapped: Vec<(String, String)> =
        days.iter().filter(|day| day.2 > 12).map(|(y, m, d)| (iso((*y, *m, *d)), format!("{m:02}/{d:02}/{y}"))).collect();
    kinds.count("date: month first", &[Flag::DayMonthSwapped], &day, &swapped, false);
    let never = &mut |y: usize, _: usize, _: usize, d: &mut Draw| {
        format!("{}.{y}", d.of(&["31.02", "30.02", "31.04", "31.06", "31.11", "32.01", "45.45"]))
    };
    kinds.count("date: impossible", &[Flag::ImpossibleDate], &day, &pairs(never), true);
    let none = ["01.01.1900", "01.01.1970", "31.12.9999", "00.00.0000", "0000-00-00", "01/01/01", "01.01.0001", "1900-01-01"];
    kinds.count("date: placeholder", &[Flag::PlaceholderDate], &day, &pairs(&mut |_, _, _, d| d.of(&none).to_owned()), true);
    kinds.count(
        "date: future, too old",
        &[Flag::FutureDate, Flag::Over120Years],
        &day,
        &pairs(&mut |y, m, d, w| format!("{d}.{m}.{}", if w.below(2) == 0 { y + 100 } else { y - 130 })),
        true,
    );

    let sum = |raw: &str| {
        let read = amount::clean(raw, DecimalMark::Point);
        (read.value.map(amount::Amount::to_plain_string), read.flags)
    };
    let sums: Vec<(usize, usize)> = (0..1000).map(|_| (1000 + draw.below(900_000), 11 + draw.below(88))).collect();
    let mut pairs = |make: &mut dyn FnMut(String, usize, &mut Draw) -> String| -> Vec<(String, String)> {
        sums.iter()
            .map(|(whole, cents)| {
                let grouped = format!("{},{:03}", whole / 1000, whole % 1000);
                (format!("{whole}.{cents:02}").trim_end_matches('0').to_owned(), make(grouped, *cents, draw))
            })
            .collect()
    };
    kinds.count("amount: separators", &[Flag::Reformatted], &sum, &pairs(&mut |g, c, _| format!("{g}.{c:02}")), false);
    kinds.count(
        "amount: currency",
        &[Flag::CurrencySplit],
        &sum,
        &pairs(&mut |g, c, d| format!("{}{g}.{c:02}", d.of(&["€ ", "EUR ", "€", "$", "CHF "]))),
        false,
    );
    kinds.count(
        "amount: other notation",
        &[Flag::OtherNotation],
        &sum,
        &pairs(&mut |g, c, _| format!("{},{c:02}", g.replace(',', "."))),
        false,
    );
}

fn places(kinds: &mut Kinds, draw: &mut Draw, people: &[(String, String)]) {
    let germany = Country::from_code("DE");
    let code = |raw: &str| {
        let read = postcode::clean(raw, germany);
        (read.value.map(|found| found.code.into_owned()), read.flags)
    };
    let codes: Vec<String> = (0..1000).map(|_| format!("{}", 20_095 + draw.below(900) * 7)).collect();
    let low: Vec<(String, String)> =
        (0..500).map(|_| 1067 + draw.below(260)).map(|code| (format!("0{code}"), code.to_string())).collect();
    kinds.count("postcode: lost zero", &[Flag::LeadingZeroRestored], &code, &low, false);
    let prefixed: Vec<(String, String)> =
        codes.iter().map(|code| (code.clone(), format!("{}{code}", draw.of(&["D-", "DE-", "D ", "DE "])))).collect();
    kinds.count("postcode: prefix", &[Flag::Reformatted], &code, &prefixed, false);
    let town = ["Hamburg", "Buxtehude", "Bad Oldesloe", "Kiel"];
    let split: Vec<(String, String)> = codes.iter().map(|code| (code.clone(), format!("{code} {}", draw.of(&town)))).collect();
    kinds.count("postcode: with town", &[Flag::CitySplit], &code, &split, false);
    let letter: Vec<(String, String)> = codes
        .iter()
        .filter(|code| code.contains(['0', '1']))
        .map(|code| (code.clone(), code.replacen('0', "O", 1).replacen('1', "I", usize::from(!code.contains('0')))))
        .collect();
    kinds.count("postcode: O for 0", &[Flag::LetterDigitConfusion], &code, &letter, false);
    let broken: Vec<(String, String)> =
        codes.iter().map(|code| (code.clone(), format!("{code}{}", draw.of(&["1", "99", "xyz7"])))).collect();
    kinds.count("postcode: wrong length", &[Flag::InvalidPostcode], &code, &broken, true);

    let street = |raw: &str| {
        let read = address::clean_street(raw, germany);
        (read.value.map(|street| street.line(germany)), read.flags)
    };
    let lines: Vec<(String, usize)> = people.iter().take(1000).map(|(_, family)| (family.clone(), 1 + draw.below(300))).collect();
    let short: Vec<(String, String)> = lines
        .iter()
        .map(|(name, number)| (format!("{name}straße {number}"), format!("{name}{} {number}", draw.of(&["str.", "str"]))))
        .collect();
    kinds.count("street: short form", &[Flag::AbbreviationExpanded], &street, &short, false);
    let loud: Vec<(String, String)> = lines
        .iter()
        .map(|(name, number)| (format!("{name}weg {number}"), format!("{name}weg {number}").to_uppercase()))
        .collect();
    kinds.count("street: capitals", &[Flag::CaseChanged], &street, &loud, false);
    let units: Vec<(String, String)> = lines
        .iter()
        .map(|(name, number)| {
            (
                format!("{name}weg {number}"),
                format!("{name}weg {number}, {} {}", draw.of(&["Whg.", "Wohnung", "Apt."]), 1 + draw.below(30)),
            )
        })
        .collect();
    kinds.count("street: apartment", &[Flag::UnitSplit], &street, &units, false);

    let country = |raw: &str| {
        let read = code::country(raw);
        (read.value.map(|country| country.to_string()), read.flags)
    };
    let names = [
        ("DE", "Germany"),
        ("DE", "deutschland"),
        ("FR", "FRA"),
        ("US", "U.S.A."),
        ("GB", "United Kingdom"),
        ("NL", "Holland"),
        ("AT", "Oesterreich"),
        ("ES", "España"),
        ("IT", "ITALIA"),
        ("BR", "Brasil"),
        ("CH", "Suisse"),
        ("JP", "japan"),
    ];
    let pairs: Vec<(String, String)> = names.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned())).collect();
    kinds.count("country: name", &[Flag::AliasResolved], &country, &pairs, false);
}
