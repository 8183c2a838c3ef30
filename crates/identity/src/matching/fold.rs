//! Values in the one spelling in which they are compared: lower case, no accents, one script where a transliteration is known, one blank
//! between words. The value itself stays what the source said; this is only how two of them meet.
//!
//! Deliberately missing: cleansing. A placeholder date or a business name in a person's field is found before, by the intake; here such a value
//! is seen by how often it occurs.

use unicode_normalization::UnicodeNormalization;

/// Lower case, without accents, in Latin letters where the script is Greek or Cyrillic; letters, digits and single blanks only.
pub fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    if raw.is_ascii() {
        for letter in raw.bytes() {
            push(&mut out, char::from(letter.to_ascii_lowercase()));
        }
    } else {
        for letter in raw.nfkd().flat_map(char::to_lowercase) {
            match latin(letter) {
                Some(latin) => out.push_str(latin),
                None => push(&mut out, letter),
            }
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

fn push(out: &mut String, letter: char) {
    if letter.is_alphanumeric() {
        out.push(letter);
    } else if is_mark(letter) || matches!(letter, '\'' | '’' | '`' | '.') {
        // O'Brien and J. R. are one word each; a combining mark belongs to its letter.
    } else if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}')
}

/// Letters that do not decompose, and the scripts that have one usual transliteration (ISO 9 and ISO 843, simplified to what people write).
#[expect(clippy::match_same_arms, reason = "a table that reads by script")]
fn latin(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'ı' => "i",
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' => "d",
        'е' | 'э' | 'є' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ы' => "y",
        'ю' => "yu",
        'я' => "ya",
        'ь' | 'ъ' => "",
        'α' => "a",
        'β' => "v",
        'γ' => "g",
        'δ' => "d",
        'ε' => "e",
        'ζ' => "z",
        'η' | 'ι' => "i",
        'θ' => "th",
        'κ' => "k",
        'λ' => "l",
        'μ' => "m",
        'ν' => "n",
        'ξ' => "x",
        'ο' | 'ω' => "o",
        'π' => "p",
        'ρ' => "r",
        'σ' | 'ς' => "s",
        'τ' => "t",
        'υ' => "y",
        'φ' => "f",
        'χ' => "ch",
        'ψ' => "ps",
        _ => return None,
    })
}

/// One of few values: a sex has one letter, and what says that it is not known says nothing.
pub fn category(raw: &str) -> String {
    let folded = text(raw);
    match folded.as_str() {
        "male" | "man" | "mannlich" => "m".to_owned(),
        "female" | "woman" | "weiblich" => "f".to_owned(),
        "unknown" | "unk" | "not known" | "unspecified" | "undisclosed" | "unbekannt" => String::new(),
        _ => folded,
    }
}

/// Letters and digits only, in lower case.
pub fn code(raw: &str) -> String {
    raw.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The last ten digits: the number without its country in most plans, and without what stands before it there.
pub fn phone(raw: &str) -> String {
    let digits: String = raw.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    digits[digits.len().saturating_sub(10)..].to_owned()
}

/// Lower case without blanks; nothing where there is no `@` with something on both sides. Of `Ann Lee <ann@example.org>` the address.
pub fn email(raw: &str) -> String {
    let raw = raw.trim_end().strip_suffix('>').and_then(|named| named.rsplit_once('<')).map_or(raw, |(_, address)| address);
    let text: String = raw.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect();
    match text.rsplit_once('@') {
        Some((user, domain)) if !user.is_empty() && !domain.is_empty() => text,
        _ => String::new(),
    }
}

/// A street with its house number: usual abbreviations written one way, a flat at its end left out.
pub fn street(raw: &str) -> String {
    let folded = text(raw);
    let mut words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).map(short_form).collect();
    let flat = words.iter().skip(1).position(|word| matches!(*word, "apt" | "apartment" | "unit" | "flat" | "suite" | "ste"));
    if let Some(at) = flat {
        words.truncate(at + 1);
    }
    words.join(" ")
}

fn short_form(word: &str) -> &str {
    match word {
        "street" | "str" | "strasse" | "strase" => "st",
        "avenue" | "av" => "ave",
        "road" => "rd",
        "drive" => "dr",
        "lane" => "ln",
        "court" | "crt" => "ct",
        "boulevard" | "blv" => "blvd",
        "place" => "pl",
        "square" => "sq",
        "highway" => "hwy",
        "parkway" => "pkwy",
        "terrace" | "tce" => "ter",
        "crescent" | "cres" => "cr",
        "circuit" => "cct",
        "north" => "n",
        "south" => "s",
        "east" => "e",
        "west" => "w",
        other => other,
    }
}

/// An organisation's name without its legal forms where those stand, at the end, and without an article before it. Elsewhere they are
/// part of the name: SAS Institute, AS Roma.
pub fn organisation(raw: &str) -> String {
    let folded = text(&raw.replace('&', " and "));
    let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    let named = words.strip_prefix(&["the"]).unwrap_or(&words);
    let mut bare = named;
    while let Some((last, rest)) = bare.split_last() {
        // "GmbH & Co. KG" is one form, and so is what is left of "& Co.".
        let joins = *last == "and" && bare.len() < named.len();
        if !joins && !LEGAL_FORMS.contains(last) {
            break;
        }
        bare = rest;
    }
    if bare.is_empty() { words.join(" ") } else { bare.join(" ") }
}

/// Legal forms as they stand at the end of names, folded.
const LEGAL_FORMS: [&str; 37] = [
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "co",
    "company",
    "llc",
    "llp",
    "lp",
    "ltd",
    "limited",
    "plc",
    "gmbh",
    "ag",
    "kg",
    "ohg",
    "ug",
    "ev",
    "mbh",
    "sa",
    "sas",
    "sarl",
    "srl",
    "spa",
    "sl",
    "bv",
    "nv",
    "ab",
    "as",
    "aps",
    "oy",
    "oyj",
    "pty",
    "pvt",
    "kk",
    "sro",
    "doo",
];

/// A day as `yyyymmdd`; the folded text where it is none. `day_first` says how to read two numbers that could both be months. Months may have names.
pub fn date(raw: &str, day_first: DayOrder) -> String {
    named_day(raw).or_else(|| numbered_day(raw, day_first)).unwrap_or_else(|| text(raw))
}

fn numbered_day(raw: &str, day_first: DayOrder) -> Option<String> {
    let parts: Vec<&str> = raw.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [whole] if whole.len() == 8 => {
            valid(&whole[..4], &whole[4..6], &whole[6..8]).or_else(|| valid(&whole[4..8], &whole[2..4], &whole[..2]))
        }
        [year, month, day, ..] if year.len() == 4 => valid(year, month, day),
        [one, other, year, ..] if is_year(one, other, year) => match day_first {
            DayOrder::DayMonth => valid(year, other, one).or_else(|| valid(year, one, other)),
            DayOrder::MonthDay => valid(year, one, other).or_else(|| valid(year, other, one)),
        },
        _ => None,
    }
}

/// Whether the last of three numbers is a year, with all of its digits or the last two.
fn is_year(one: &str, other: &str, year: &str) -> bool {
    year.len() == 4 || (year.len() == 2 && one.len() <= 2 && other.len() <= 2)
}

/// `24-May-11`, `May 24, 2011`, `24. Mai 2011`.
fn named_day(raw: &str) -> Option<String> {
    if !raw.chars().any(char::is_alphabetic) {
        return None;
    }
    let folded = text(raw);
    let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    let [one, other, year] = words[..] else { return None };
    let (month, day) = month_of(other).map(|month| (month, one)).or_else(|| month_of(one).map(|month| (month, other)))?;
    if !is_year(day, month, year) {
        return None;
    }
    valid(year, month, day.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()))
}

/// The number of a month that is named in English, German, Spanish or French, whole or by at least three letters of its beginning.
fn month_of(name: &str) -> Option<&'static str> {
    const MONTHS: [(&str, &[&str]); 12] = [
        ("1", &["january", "januar", "enero", "janvier"]),
        ("2", &["february", "februar", "febrero", "fevrier"]),
        ("3", &["march", "marz", "maerz", "marzo", "mars"]),
        ("4", &["april", "abril", "avril"]),
        ("5", &["may", "mai", "mayo"]),
        ("6", &["june", "juni", "junio", "juin"]),
        ("7", &["july", "juli", "julio", "juillet"]),
        ("8", &["august", "agosto", "aout"]),
        ("9", &["september", "septiembre", "septembre"]),
        ("10", &["october", "oktober", "octubre", "octobre"]),
        ("11", &["november", "noviembre", "novembre"]),
        ("12", &["december", "dezember", "diciembre", "decembre"]),
    ];
    let named = |whole: &&str| name.len() > 2 && whole.starts_with(name);
    MONTHS.iter().find(|(_, names)| names.iter().any(named)).map(|(number, _)| *number)
}

/// Which number of `03/04/1980` is the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayOrder {
    /// The first.
    DayMonth,
    /// The second.
    MonthDay,
}

impl DayOrder {
    /// The order that more records allow; month first where both do. `values` come with the number of their records.
    pub fn of<'a>(values: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let (mut day_first, mut month_first) = (0_u64, 0_u64);
        for (value, records) in values {
            let mut parts = value.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty());
            let (Some(one), Some(other), Some(year)) = (parts.next(), parts.next(), parts.next()) else { continue };
            if is_year(one, other, year) && one.len() <= 2 && other.len() <= 2 {
                day_first += u64::from(records) * u64::from(one.parse::<u8>().is_ok_and(|one| one > 12));
                month_first += u64::from(records) * u64::from(other.parse::<u8>().is_ok_and(|other| other > 12));
            }
        }
        if day_first > month_first { Self::DayMonth } else { Self::MonthDay }
    }
}

/// A year of two digits is of 1930 to 2029, as Microsoft Excel and Windows read it.
fn valid(year: &str, month: &str, day: &str) -> Option<String> {
    let (y, m, d): (u16, u8, u8) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let y = match (year.len(), y) {
        (2, 0..30) => 2000 + y,
        (2, _) => 1900 + y,
        _ => y,
    };
    ((1..=9999).contains(&y) && (1..=12).contains(&m) && (1..=31).contains(&d)).then(|| format!("{y:04}{m:02}{d:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_accents_meet() {
        for (raw, folded) in [
            ("  O'Brien-Müller ", "obrien muller"),
            ("Łukasz", "lukasz"),
            ("Straße", "strasse"),
            ("Ольга", "olga"),
            ("Γιώργος", "giorgos"),
            ("J. R.", "j r"),
            ("李小龍", "李小龍"),
            ("—", ""),
        ] {
            assert_eq!(text(raw), folded, "{raw}");
        }
    }

    #[test]
    fn each_kind_has_one_spelling() {
        assert_eq!(phone("+1 (702) 919-1300"), phone("702.919.1300"));
        assert_eq!(phone("0049 170 1234567"), phone("+49 1701234567"));
        assert_eq!(email(" Ann@Example.ORG "), "ann@example.org");
        assert_eq!(email("none"), "");
        assert_eq!(street("12 Main Street, Apt. 4"), street("12 main st"));
        assert_eq!(organisation("The Acme Trading Co., Ltd."), "acme trading");
        assert_eq!(organisation("Limited"), "limited");
        assert_eq!(organisation("The Limited"), "the limited");
        assert_eq!(organisation("SAS Institute Inc."), "sas institute");
        assert_eq!(organisation("AS Roma S.p.A."), "as roma");
        assert_eq!(organisation("Company of Wolves"), "company of wolves");
        assert_eq!(organisation("Off the Wall Ltd"), "off the wall");
        assert_eq!(organisation("Müller GmbH & Co. KG"), "muller");
        assert_eq!(organisation("Marks & Spencer plc"), "marks and spencer");
        assert_eq!(date("1980-04-03", DayOrder::MonthDay), "19800403");
        assert_eq!(date("19800403", DayOrder::MonthDay), "19800403");
        assert_eq!(date("3/4/1980", DayOrder::DayMonth), "19800403");
        assert_eq!(date("4/3/1980", DayOrder::MonthDay), "19800403");
        assert_eq!(date("25/4/1980", DayOrder::MonthDay), "19800425");
        assert_eq!(date("about 1980", DayOrder::MonthDay), "about 1980");
        assert_eq!(date("24-May-11", DayOrder::MonthDay), "20110524");
        assert_eq!(date("Mar 1 1970", DayOrder::MonthDay), "19700301");
        assert_eq!(date("24. März 2011", DayOrder::MonthDay), "20110324");
        assert_eq!(date("3/1/70", DayOrder::MonthDay), "19700301");
        assert_eq!(date("3/1/70", DayOrder::DayMonth), "19700103");
        assert_eq!(date("2011-05-24T10:00:00Z", DayOrder::DayMonth), "20110524");
        for none in ["maybe 1 2", "may 1 2", "mayer 1 1980", "ma 1 1980"] {
            assert_eq!(date(none, DayOrder::DayMonth), none);
        }
        assert_eq!(date("May 1st, 1980", DayOrder::DayMonth), "19800501");
        assert_eq!(email("Ann Lee <Ann@Example.ORG> "), "ann@example.org");
        assert_eq!((category("Female"), category("F"), category("Unknown")), ("f".into(), "f".into(), String::new()));
        assert_eq!(DayOrder::of([("25/4/1980", 1), ("1/2/1980", 9)].into_iter()), DayOrder::DayMonth);
        assert_eq!(DayOrder::of([("1/2/1980", 1)].into_iter()), DayOrder::MonthDay);
    }
}
