//! Postal addresses: street, house number, unit, post-office box, town.
//!
//! A street line is split at commas and line ends, each part says what it is (a unit, a box, a street with a number), and what
//! says nothing stays as an addition (a building, a house name). Where the number stands is the country's habit: in
//! front in English and French, behind in German, Dutch, Italian, Spanish and Portuguese; without a country the line itself decides.
//! Abbreviations are written out only where they stand as street words: the last word in English (`St James St`
//! is one saint and one street), the first in Romance languages, the end of a word in German.
//!
//! Source of the words: `data/street_words.tsv`.
//!
//! Deliberately missing: whether a street exists, and the spelling of towns: both take a register of each country.

mod block;
mod city;

use std::borrow::Cow;
use std::sync::LazyLock;

pub use block::{Address, clean_block};
use city::place_case;
pub use city::{City, clean_city};
use rustc_hash::FxHashMap;

use crate::code::Country;
use crate::flag::{Cleaned, Flag, Flags};
use crate::text::{self, Lines};
use crate::{placeholder, table};

/// The longest street line or town that is looked at, in bytes.
const MAX_BYTES: usize = 512;

/// The parts of a street line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Street<'a> {
    /// The street without its number, street word written out: `Main Street`, `Hauptstraße`.
    pub street: Option<Cow<'a, str>>,
    /// The house number with its letter: `12a`, `12-14`, `12 bis`.
    pub house_number: Option<Cow<'a, str>>,
    /// Apartment, suite, floor, as written: `Apt 4`, `Suite 900`.
    pub unit: Option<Cow<'a, str>>,
    /// The number of the post-office box.
    pub po_box: Option<Cow<'a, str>>,
    /// What is none of these: the name of a house or building, care of.
    pub addition: Option<Cow<'a, str>>,
}

impl Street<'_> {
    /// The street line with its own text.
    pub fn into_owned(self) -> Street<'static> {
        let own = |part: Option<Cow<'_, str>>| part.map(|part| Cow::Owned(part.into_owned()));
        Street {
            street: own(self.street),
            house_number: own(self.house_number),
            unit: own(self.unit),
            po_box: own(self.po_box),
            addition: own(self.addition),
        }
    }

    /// Number and street in the order of the country's habit, as one line.
    pub fn line(&self, country: Option<Country>) -> String {
        let (number, street) = (self.house_number.as_deref().unwrap_or_default(), self.street.as_deref().unwrap_or_default());
        let line =
            if Habit::of(country).behind == Some(true) { format!("{street} {number}") } else { format!("{number} {street}") };
        line.trim().to_owned()
    }
}

/// How a country writes street lines.
#[derive(Clone, Copy)]
struct Habit {
    /// Whether the number stands behind the street; `None` when the line has to tell.
    behind: Option<bool>,
    /// Language of the street words.
    language: &'static str,
}

impl Habit {
    fn of(country: Option<Country>) -> Self {
        let (behind, language) = match country.as_ref().map(Country::as_str) {
            Some("US" | "CA" | "GB" | "IE" | "AU" | "NZ" | "ZA" | "IN" | "SG" | "PH" | "MY" | "HK" | "IM" | "JE" | "GG") => {
                (Some(false), "en")
            }
            Some("FR" | "LU" | "MC") => (Some(false), "fr"),
            Some("DE" | "AT" | "CH" | "LI") => (Some(true), "de"),
            Some("NL") => (Some(true), "nl"),
            // Belgium has streets in three languages.
            Some("BE") => (None, "nl"),
            Some("IT" | "SM" | "VA") => (Some(true), "it"),
            Some("ES" | "MX" | "AR" | "CL" | "CO" | "PE" | "UY" | "EC") => (Some(true), "es"),
            Some("PT" | "BR") => (Some(true), "pt"),
            Some(
                "DK" | "SE" | "NO" | "FI" | "IS" | "PL" | "CZ" | "SK" | "HU" | "HR" | "SI" | "RO" | "BG" | "RS" | "GR" | "TR"
                | "RU" | "UA" | "EE" | "LV" | "LT",
            ) => (Some(true), ""),
            _ => (None, ""),
        };
        Self { behind, language }
    }
}

#[derive(Default)]
struct StreetWords {
    last: FxHashMap<&'static str, &'static str>,
    first: FxHashMap<&'static str, &'static str>,
    end: Vec<(&'static str, &'static str)>,
}

static STREET_WORDS: LazyLock<FxHashMap<&'static str, StreetWords>> = LazyLock::new(|| {
    let mut all: FxHashMap<&str, StreetWords> = FxHashMap::default();
    for row in table::rows(include_str!("../data/street_words.tsv")) {
        let [language, place, short, long] = row.cells();
        let words = all.entry(language).or_default();
        for short in table::words(short) {
            match place {
                "last" => drop(words.last.insert(short, long)),
                "first" => drop(words.first.insert(short, long)),
                _ => words.end.push((short, long)),
            }
        }
    }
    all
});

/// Words before the number of an apartment, by key, sorted.
const UNIT_WORDS: &[&str] = &[
    "ap",
    "apart",
    "apartamento",
    "apartment",
    "apmnt",
    "apnt",
    "app",
    "appartement",
    "appt",
    "apt",
    "apto",
    "bus",
    "casa",
    "depto",
    "etage",
    "fl",
    "flat",
    "floor",
    "interno",
    "level",
    "lot",
    "lvl",
    "ofc",
    "office",
    "piso",
    "rm",
    "room",
    "scala",
    "shop",
    "ste",
    "stiege",
    "suite",
    "top",
    "townhouse",
    "unit",
    "villa",
    "whg",
    "wohnung",
];

/// Reads a street line, or several lines of one field.
pub fn clean_street(raw: &str, country: Option<Country>) -> Cleaned<Street<'_>> {
    if raw.len() > MAX_BYTES {
        return Cleaned::refused(Flag::TooLong);
    }
    let Cleaned { value, mut flags } = text::clean_lines(raw, Lines::Keep);
    let Some(text) = value else { return Cleaned { value: None, flags } };
    if let Some(flag) = placeholder::verdict(&text) {
        return Cleaned::refused(flag);
    }
    let habit = Habit::of(country);
    let street = match text {
        Cow::Borrowed(text) => read(text, habit, country, &mut flags),
        Cow::Owned(text) => read(&text, habit, country, &mut flags).into_owned(),
    };
    let lacks_number = street.street.is_some() && street.house_number.is_none() && street.po_box.is_none();
    flags.raise_if(lacks_number, Flag::NoHouseNumber);
    flags.raise_if(street.po_box.is_some(), Flag::PoBox);
    flags.raise_if(street.unit.is_some(), Flag::UnitSplit);
    Cleaned::some(street, flags)
}

fn read<'t>(text: &'t str, habit: Habit, country: Option<Country>, flags: &mut Flags) -> Street<'t> {
    let mut out = Street::default();
    let mut pending: Option<&'t str> = None;
    for part in text.split(['\n', ',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
        if let Some(number) = po_box(part) {
            out.po_box = Some(Cow::Borrowed(number));
        } else if is_unit(part) && out.unit.is_none() {
            out.unit = Some(Cow::Borrowed(part));
        } else if is_number(part) && out.house_number.is_none() {
            // "Rua das Flores, 123": the number of the street before or behind it.
            out.house_number = Some(Cow::Borrowed(part));
        } else if out.street.is_none() {
            let found = split_line(part, habit, country, flags);
            if found.house_number.is_none() && out.house_number.is_none() && pending.is_none() {
                // A building or a street without a number: the next part tells.
                pending = Some(part);
                continue;
            }
            out.unit = out.unit.or(found.unit);
            out.house_number = out.house_number.or(found.house_number);
            out.street = found.street;
        } else {
            add(&mut out.addition, part);
        }
    }
    if let Some(first) = pending {
        match out.street {
            None => {
                let found = split_line(first, habit, country, flags);
                out.unit = out.unit.or(found.unit);
                out.street = found.street;
            }
            Some(_) => add(&mut out.addition, first),
        }
    }
    if let Some(street) = out.street.take() {
        out.street = Some(match street {
            Cow::Borrowed(street) => written_out(street, habit, country, flags),
            Cow::Owned(street) => Cow::Owned(written_out(&street, habit, country, flags).into_owned()),
        });
    }
    out
}

fn add<'t>(addition: &mut Option<Cow<'t, str>>, part: &'t str) {
    *addition = Some(match addition.take() {
        None => Cow::Borrowed(part),
        Some(before) => Cow::Owned(format!("{before}, {part}")),
    });
}

/// One part: an apartment in front or behind, the number on the side of the habit.
fn split_line<'t>(line: &'t str, habit: Habit, country: Option<Country>, flags: &mut Flags) -> Street<'t> {
    let mut out = Street::default();
    let mut rest = line;
    if let Some(at) = unit_at(rest) {
        let (before, unit) = rest.split_at(at);
        if before.trim().is_empty() {
            // "Unit 5 23 George St": two words, then a line that begins with a number.
            if let Some(end) =
                unit.match_indices(' ').nth(1).map(|(at, _)| at).or_else(|| unit.find(' ').filter(|_| unit.starts_with('#')))
                && unit[end..].trim_start().starts_with(|c: char| c.is_ascii_digit())
            {
                out.unit = Some(Cow::Borrowed(&unit[..end]));
                rest = unit[end..].trim_start();
            }
        } else {
            out.unit = Some(Cow::Borrowed(unit));
            rest = before.trim_end();
        }
    }
    let number_first = habit.behind != Some(true);
    let first = rest.split(' ').next().unwrap_or_default();
    // A line that begins with a number and ends without one has it in front, whatever the habit.
    let in_front = number_first || (is_number(first) && !rest.ends_with(|c: char| c.is_ascii_digit()));
    if in_front && let Some((number, street)) = front_number(rest) {
        let mut number = number;
        // "1/23 George St" is apartment 1 at number 23 in Australia and New Zealand.
        if matches!(country.as_ref().map(Country::as_str), Some("AU" | "NZ"))
            && out.unit.is_none()
            && let Some((unit, house)) = number.split_once('/')
            && !house.is_empty()
        {
            out.unit = Some(Cow::Borrowed(unit));
            number = house;
        }
        out.house_number = Some(Cow::Borrowed(number));
        out.street = Some(Cow::Borrowed(street));
        return out;
    }
    if habit.behind != Some(false)
        && let Some((street, number)) = back_number(rest, flags)
    {
        out.house_number = Some(number);
        out.street = Some(Cow::Borrowed(street));
        return out;
    }
    out.street = (!rest.is_empty()).then_some(Cow::Borrowed(rest));
    out
}

/// 12, 12a, 12-14, 12/3, 12½: digits, then perhaps letters and more digits.
fn is_number(word: &str) -> bool {
    let word = word.strip_prefix(['№', 'n', 'N']).map_or(word, |rest| rest.trim_start_matches(['º', 'o', '°', '.', ' ']));
    let word = word.trim_end_matches('.');
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=6).contains(&digits) || word.len() > 12 {
        return false;
    }
    let rest = &word[digits..];
    // Ordinals are names of streets: 32nd St.
    let ordinal = ["st", "nd", "rd", "th", "er", "e", "ème"].iter().any(|end| rest.eq_ignore_ascii_case(end)) && rest.len() > 1;
    let mut letters = 0;
    !ordinal
        && rest.chars().all(|c| {
            letters = if c.is_alphabetic() { letters + 1 } else { 0 };
            (c.is_ascii_alphanumeric() && letters <= 1) || matches!(c, '-' | '/' | '–' | '+' | '⁄')
        })
}

fn front_number(line: &str) -> Option<(&str, &str)> {
    let (first, rest) = line.split_once(' ')?;
    if !is_number(first) || !rest.chars().any(char::is_alphabetic) {
        return None;
    }
    // "12 bis rue de la Paix", "12 A High St", "12 - 14 High St"
    let (second, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    let more = matches!(second.to_ascii_lowercase().as_str(), "bis" | "ter" | "quater" | "1/2" | "1⁄2");
    let letter = second.len() == 1 && second.starts_with(|c: char| c.is_ascii_uppercase() && !"NSEWO".contains(c));
    if (more || letter) && behind.chars().any(char::is_alphabetic) {
        return Some((&line[..first.len() + 1 + second.len()], behind));
    }
    Some((first.trim_end_matches('.'), rest))
}

/// Words that have numbers of their own: Highway 61 is a street.
fn is_numbered_street(word: &str) -> bool {
    text::with_key(word, |key| {
        matches!(
            key,
            "highway"
                | "hwy"
                | "route"
                | "rte"
                | "road"
                | "avenue"
                | "street"
                | "sr"
                | "box"
                | "km"
                | "platz"
                | "quadra"
                | "block"
                | "calle"
        )
    })
}

fn back_number<'t>(line: &'t str, flags: &mut Flags) -> Option<(&'t str, Cow<'t, str>)> {
    let (street, last) = line.rsplit_once(' ')?;
    if last.len() == 1 && last.starts_with(|c: char| c.is_ascii_alphabetic()) {
        // "Hauptstr. 12 a"
        let (street, number) = street.rsplit_once(' ')?;
        if number.bytes().all(|b| b.is_ascii_digit()) && street.chars().any(char::is_alphabetic) {
            flags.raise(Flag::Reformatted);
            return Some((street, Cow::Owned(format!("{number}{last}"))));
        }
        return None;
    }
    let before = street.rsplit(' ').next().unwrap_or_default();
    if !is_number(last) || !street.chars().any(char::is_alphabetic) || is_numbered_street(before) {
        return None;
    }
    // "Hauptstr. 12 - 14"
    if matches!(before, "-" | "–" | "/") {
        let head = street[..street.len() - before.len()].trim_end();
        let (street, first) = head.rsplit_once(' ')?;
        if is_number(first) {
            flags.raise(Flag::Reformatted);
            return Some((street, Cow::Owned(format!("{first}{before}{last}"))));
        }
    }
    Some((street.trim_end_matches([',', ' ']), Cow::Borrowed(last)))
}

/// Where an apartment begins in a line: a unit word followed by a number or a letter.
fn unit_at(line: &str) -> Option<usize> {
    if !line.contains('#') && !has_unit_word(line) {
        return None;
    }
    let mut at = 0;
    let words: Vec<(usize, &str)> = line
        .split(' ')
        .map(|word| {
            let start = at;
            at += word.len() + 1;
            (start, word)
        })
        .collect();
    words.iter().enumerate().find_map(|(n, (start, word))| {
        let next = words.get(n + 1).map_or("", |(_, next)| *next);
        let named = next.starts_with(|c: char| c.is_ascii_digit() || c == '#') || (next.len() == 1 && !next.starts_with('&'));
        let unit = (is_unit_word(word) && named) || (word.starts_with('#') && (word.len() > 1 || named));
        unit.then_some(*start)
    })
}

fn has_unit_word(line: &str) -> bool {
    line.split(' ').any(is_unit_word)
}

fn is_unit_word(word: &str) -> bool {
    // The letters that unit words begin with.
    word.len() <= 12
        && word.starts_with(|c: char| "abcdefilorstuvw".contains(c.to_ascii_lowercase()))
        && text::with_key(word, |key| UNIT_WORDS.binary_search(&key).is_ok())
}

/// A part that is an apartment and nothing else: "Apt 4", "#01-11", "2nd floor", "3º B".
fn is_unit(part: &str) -> bool {
    if !(part.starts_with('#')
        || part.starts_with(|c: char| c.is_ascii_digit())
        || part.split(' ').next().is_some_and(is_unit_word))
    {
        return false;
    }
    let words: Vec<&str> = part.splitn(4, ' ').collect();
    match words[..] {
        [one] => one.starts_with('#') && one.len() > 1,
        [first, second] => {
            let named = second.len() <= 6 && (second.starts_with(|c: char| c.is_ascii_digit() || c == '#') || second.len() == 1);
            (is_unit_word(first) && named)
                || (matches!(second.to_ascii_lowercase().as_str(), "floor" | "etage" | "piso" | "andar") && first.starts_with(|c: char| c.is_ascii_digit()))
                // "3º B": NFKC has made a letter of the sign.
                || (first.len() <= 3 && first.ends_with(['o', 'a', '°']) && first.starts_with(|c: char| c.is_ascii_digit()) && second.len() <= 4)
        }
        [first, _, third] => {
            is_unit_word(first) && third.len() <= 4 && third.starts_with(|c: char| c.is_ascii_digit()) && part.len() <= 16
        }
        _ => false,
    }
}

/// The number of a post-office box.
fn po_box(part: &str) -> Option<&str> {
    const WORDS: [&str; 12] = [
        "post office box",
        "p.o. box",
        "p. o. box",
        "p.o.box",
        "po box",
        "p o box",
        "pobox",
        "postfach",
        "boîte postale",
        "apartado de correos",
        "caixa postal",
        "casella postale",
    ];
    if !part.starts_with(['p', 'P', 'b', 'B', 'a', 'A', 'c', 'C']) {
        return None;
    }
    let begins = |word: &&str| part.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    let word = WORDS.into_iter().find(begins)?;
    let rest = part.get(word.len()..)?.trim_start_matches([' ', '#', '.', ':']);
    let is_box = rest.starts_with(|c: char| c.is_ascii_digit())
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'));
    is_box.then_some(rest)
}

/// A street in its usual case, with its abbreviations written out.
fn written_out<'t>(street: &'t str, habit: Habit, country: Option<Country>, flags: &mut Flags) -> Cow<'t, str> {
    let cased = place_case(street);
    flags.raise_if(cased.is_some(), Flag::CaseChanged);
    let street = cased.map_or(Cow::Borrowed(street), Cow::Owned);
    match expanded(&street, habit, country) {
        None => street,
        Some(long) => {
            flags.raise(Flag::AbbreviationExpanded);
            Cow::Owned(long)
        }
    }
}

fn expanded(street: &str, habit: Habit, country: Option<Country>) -> Option<String> {
    // German street ends are unmistakable, also where the country is not known.
    let ends = |end: &str| {
        street.len() >= end.len()
            && street.is_char_boundary(street.len() - end.len())
            && street[street.len() - end.len()..].eq_ignore_ascii_case(end)
    };
    let language = if habit.language.is_empty() && ends("str.") { "de" } else { habit.language };
    let words = STREET_WORDS.get(language)?;
    if !words.first.is_empty()
        && let Some((first, rest)) = street.split_once(' ')
        && let Some(long) = words.first.get(first.to_lowercase().as_str())
    {
        return Some(format!("{long} {rest}"));
    }
    let is_direction = |word: &str| {
        matches!(word, "N" | "S" | "E" | "W" | "NE" | "NW" | "SE" | "SW" | "n" | "s" | "e" | "w" | "ne" | "nw" | "se" | "sw")
    };
    let (head, direction) =
        street.rsplit_once(' ').filter(|(_, last)| is_direction(last)).map_or((street, ""), |(head, last)| (head, last));
    let last = head.rsplit(' ').next().unwrap_or(head);
    let before = &head[..head.len() - last.len()];
    // No abbreviation is longer, but as the end of a word.
    if words.end.is_empty() && last.len() > 6 {
        return None;
    }
    let lower = last.to_lowercase();
    let tail = if direction.is_empty() { String::new() } else { format!(" {direction}") };
    if !before.is_empty()
        && let Some(long) = words.last.get(lower.as_str()).or_else(|| words.last.get(lower.trim_end_matches('.')))
    {
        return Some(format!("{before}{long}{tail}"));
    }
    let (short, long) = words.end.iter().find(|(short, _)| lower.ends_with(short))?;
    let stem = last.get(..last.len() - short.len())?;
    // Switzerland and Liechtenstein write ss.
    let swiss = matches!(country.as_ref().map(Country::as_str), Some("CH" | "LI"));
    let long = if swiss { long.replace('ß', "ss") } else { (*long).to_owned() };
    if stem.is_empty() || stem.ends_with('-') {
        // "Berliner Str.", "Karl-Marx-Str.": a word of its own.
        let mut chars = long.chars();
        let capital: String = chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
        return Some(format!("{before}{stem}{capital}{tail}"));
    }
    stem.chars().all(|c| c.is_alphabetic() || c == '-').then(|| format!("{before}{stem}{long}{tail}"))
}

/// Whether a word is an English street word, short or written out.
fn is_street_word(word: &str) -> bool {
    let lower = word.to_lowercase();
    let short = lower.trim_end_matches('.');
    STREET_WORDS.get("en").is_some_and(|words| {
        words.last.contains_key(short) || words.last.values().any(|long| long.eq_ignore_ascii_case(short)) || short == "way"
    })
}

#[cfg(test)]
mod tests;
