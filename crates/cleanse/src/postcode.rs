//! Postcodes in the format of their country.
//!
//! A code is compared with the country's formats letter by letter, blanks and hyphens aside, and written as the country writes it. Three
//! repairs are beyond doubt and flagged: the leading zero that a spreadsheet dropped, O for 0 or I for 1 where the format
//! allows only one of them, and the town in the same field. Without a country only case and blanks are settled.
//!
//! Source of the formats: `data/postcodes.tsv` after the Universal Postal Union. Countries outside the table have no postcodes or
//! are not known; their codes are kept as they are.
//!
//! Deliberately missing: whether a code of the right format is in use.

use std::borrow::Cow;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::code::Country;
use crate::flag::{Cleaned, Flag, Flags};
use crate::{placeholder, region, table, text};

/// The longest text that can hold a postcode and a town, in bytes.
const MAX_BYTES: usize = 96;
/// The longest postcode of any country, in letters.
const MAX_CODE: usize = 10;

/// A postcode, and the town that stood in the same field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postcode<'a> {
    /// The code as its country writes it.
    pub code: Cow<'a, str>,
    /// The town beside it.
    pub city: Option<Cow<'a, str>>,
}

impl Postcode<'_> {
    /// The postcode with its own text.
    pub fn into_owned(self) -> Postcode<'static> {
        Postcode { code: Cow::Owned(self.code.into_owned()), city: self.city.map(|city| Cow::Owned(city.into_owned())) }
    }
}

struct Formats {
    formats: Vec<&'static str>,
    zeros: usize,
    prefix: &'static str,
}

static FORMATS: LazyLock<FxHashMap<Country, Formats>> = LazyLock::new(|| {
    let mut all = FxHashMap::default();
    for row in table::rows(include_str!("../data/postcodes.tsv")) {
        let [country, formats, zeros, prefix] = row.cells();
        let country = Country::from_code(country).expect("a country of the table of countries");
        all.insert(country, Formats { formats: table::words(formats).collect(), zeros: zeros.parse().unwrap_or(0), prefix });
    }
    all
});

/// Whether a code is written exactly in a format: N a digit, A a capital.
fn is_written(code: &str, format: &str) -> bool {
    code.len() == format.len()
        && code.bytes().zip(format.bytes()).all(|(b, f)| match f {
            b'N' => b.is_ascii_digit(),
            b'A' => b.is_ascii_uppercase(),
            sign => b == sign,
        })
}

/// Reads a postcode of a country.
pub fn clean(raw: &str, country: Option<Country>) -> Cleaned<Postcode<'_>> {
    if raw.len() > MAX_BYTES {
        return Cleaned::refused(Flag::InvalidPostcode);
    }
    let known = country.and_then(|country| FORMATS.get(&country).map(|formats| (country, formats)));
    if let Some((_, formats)) = known
        && formats.formats.iter().any(|format| is_written(raw, format))
    {
        return if is_stand_in(raw) { Cleaned::refused(Flag::Placeholder) } else { Cleaned::some(bare(raw.into()), Flags::NONE) };
    }
    let (text, mut flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    if is_stand_in(&text) {
        return Cleaned::refused(Flag::Placeholder);
    }
    let found = match known {
        None => Some(bare(without_country(&text, &mut flags)))
            .filter(|postcode| postcode.code.len() <= 2 * MAX_CODE && postcode.code.bytes().any(|b| b.is_ascii_alphanumeric())),
        Some((country, formats)) => read(&text, country, formats, &mut flags),
    };
    match found {
        Some(postcode) => Cleaned::some(postcode.into_owned(), flags),
        None => Cleaned::refused(Flag::InvalidPostcode),
    }
}

fn bare(code: Cow<'_, str>) -> Postcode<'_> {
    Postcode { code, city: None }
}

/// Zeros or nines only, and words for nothing; other repeated digits are codes somewhere.
fn is_stand_in(text: &str) -> bool {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let only = digits.len() >= 3 && digits.len() == text.trim().len() && digits.iter().all(|b| *b == b'0' || *b == b'9');
    (only && digits.iter().all(|b| *b == digits[0])) || text.eq_ignore_ascii_case("na") || placeholder::is_nothing(text)
}

fn without_country<'t>(text: &'t str, flags: &mut Flags) -> Cow<'t, str> {
    let upper = text.to_uppercase();
    if upper == text {
        return Cow::Borrowed(text);
    }
    flags.raise(Flag::CaseChanged);
    Cow::Owned(text::settled(upper))
}

fn read<'t>(text: &'t str, country: Country, formats: &Formats, flags: &mut Flags) -> Option<Postcode<'t>> {
    let text = without_prefix(text, country, formats, flags);
    if let Some(code) = fitted(text, country, formats, flags) {
        return Some(bare(Cow::Owned(code)));
    }
    // "10115 Berlin", "Berlin 10115", "1012 AB Amsterdam": cut at each blank; the longest code wins.
    let cuts: Vec<usize> = text.match_indices([' ', ',']).map(|(at, _)| at).collect();
    let ahead = cuts.iter().rev().map(|at| (&text[..*at], &text[at + 1..]));
    let behind = cuts.iter().map(|at| (&text[at + 1..], &text[..*at]));
    for (code, city) in ahead.chain(behind) {
        let city = city.trim_matches([' ', ',']);
        let named = city.chars().filter(|c| c.is_alphabetic()).count() >= 2 && !city.chars().any(|c| c.is_ascii_digit());
        let mut own = Flags::NONE;
        // A dropped zero beside a town is one guess too many; what is left of the flags is case and blanks.
        if named
            && let Some(code) = fitted(code.trim_matches([' ', ',']), country, formats, &mut own)
            && !own.has(Flag::LeadingZeroRestored)
            && !own.has(Flag::LetterDigitConfusion)
        {
            flags.raise(Flag::CitySplit);
            *flags = flags.union(own);
            return Some(Postcode { code: Cow::Owned(code), city: Some(Cow::Borrowed(city)) });
        }
    }
    None
}

/// `D-10115`, `CH 8001`, `DE10115`: the letters of the country before the code; `10115.0` is what a spreadsheet makes of a number.
fn without_prefix<'t>(text: &'t str, country: Country, formats: &Formats, flags: &mut Flags) -> &'t str {
    let starts = |prefix: &str| {
        let rest = text
            .get(..prefix.len())
            .filter(|head| !prefix.is_empty() && head.eq_ignore_ascii_case(prefix))
            .map(|_| &text[prefix.len()..])?;
        let rest = rest.trim_start_matches(['-', ' ', '–']);
        rest.starts_with(|c: char| c.is_ascii_digit()).then_some(rest)
    };
    let letters = formats.formats.iter().any(|format| format.starts_with('A'));
    let found = if letters { None } else { starts(formats.prefix).or_else(|| starts(country.as_str())) };
    let rest = found.unwrap_or(text);
    let rest = rest.strip_suffix(".0").filter(|rest| rest.bytes().all(|b| b.is_ascii_digit())).unwrap_or(rest);
    flags.raise_if(rest.len() < text.len(), Flag::Reformatted);
    rest
}

/// The text as a code in one of the country's formats.
fn fitted(text: &str, country: Country, formats: &Formats, flags: &mut Flags) -> Option<String> {
    if !text.is_ascii() || text.len() > 2 * MAX_CODE {
        return None;
    }
    let letters: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
    let other = text.bytes().any(|b| !b.is_ascii_alphanumeric() && !matches!(b, b' ' | b'-' | b'.' | b','));
    if letters.is_empty() || letters.len() > MAX_CODE || other {
        return None;
    }
    let fit = |letters: &[u8], repair: bool| formats.formats.iter().find_map(|format| write(letters, format, repair));
    if let Some(code) = fit(&letters, false) {
        let case = text.bytes().any(|b| b.is_ascii_lowercase());
        flags.raise_if(case, Flag::CaseChanged);
        flags.raise_if(!code.eq_ignore_ascii_case(text), Flag::Reformatted);
        return Some(code);
    }
    for zeros in 1..=formats.zeros {
        if !letters.iter().all(u8::is_ascii_digit) {
            break;
        }
        let mut padded = vec![b'0'; zeros];
        padded.extend_from_slice(&letters);
        // Where the regions of a country are known, a code that none of them has was no code without its zero.
        if let Some(code) = fit(&padded, false)
            && (!region::is_known(country) || region::of_postcode(country, &code).is_some())
        {
            flags.raise(Flag::LeadingZeroRestored);
            return Some(code);
        }
    }
    let code = fit(&letters, true)?;
    flags.raise(Flag::LetterDigitConfusion);
    Some(code)
}

/// Writes letters and digits in a format; with `repair`, O and I become digits where the format has one, 0 and 1 letters.
fn write(letters: &[u8], format: &str, repair: bool) -> Option<String> {
    let places = format.bytes().filter(|f| matches!(f, b'N' | b'A')).count();
    if places != letters.len() {
        return None;
    }
    let mut letters = letters.iter();
    let mut code = String::with_capacity(format.len());
    for f in format.bytes() {
        let c = match f {
            b'N' => match letters.next()? {
                b if b.is_ascii_digit() => *b,
                b'O' if repair => b'0',
                b'I' | b'L' if repair => b'1',
                _ => return None,
            },
            b'A' => match letters.next()? {
                b if b.is_ascii_uppercase() => *b,
                b'0' if repair => b'O',
                b'1' if repair => b'I',
                _ => return None,
            },
            sign => {
                code.push(char::from(sign));
                continue;
            }
        };
        code.push(char::from(c));
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str, country: &str) -> String {
        let cleaned = clean(raw, Country::from_code(country));
        let codes: Vec<&str> = cleaned.flags.codes().collect();
        let code = cleaned.value.map_or_else(
            || "-".to_owned(),
            |postcode| postcode.code.into_owned() + &postcode.city.map_or_else(String::new, |city| format!(" / {city}")),
        );
        format!("{code} | {}", codes.join(" "))
    }

    #[test]
    fn codes_in_the_format_of_their_country() {
        for (raw, country, expected) in [
            ("10115", "DE", "10115 | "),
            ("D-10115", "DE", "10115 | reformatted"),
            ("DE 10115", "DE", "10115 | reformatted"),
            ("10 115", "DE", "10115 | reformatted"),
            ("1067", "DE", "01067 | leading_zero_restored"),
            ("10115.0", "DE", "10115 | reformatted"),
            ("10115 Berlin", "DE", "10115 / Berlin | city_split"),
            ("Berlin 10115", "DE", "10115 / Berlin | city_split"),
            ("1O115", "DE", "10115 | letter_digit_confusion"),
            ("02139", "US", "02139 | "),
            ("2139", "US", "02139 | leading_zero_restored"),
            ("501", "US", "00501 | leading_zero_restored"),
            ("927230000", "US", "92723-0000 | reformatted"),
            ("02139-4307", "US", "02139-4307 | "),
            ("sw1a1aa", "GB", "SW1A 1AA | case_changed reformatted"),
            ("SW1A 1AA", "GB", "SW1A 1AA | "),
            ("M1-1AE", "GB", "M1 1AE | reformatted"),
            ("SW1A OAA", "GB", "SW1A 0AA | letter_digit_confusion"),
            ("75008", "FR", "75008 | "),
            ("1000", "FR", "01000 | leading_zero_restored"),
            ("184", "IT", "00184 | leading_zero_restored"),
            ("8001", "ES", "08001 | leading_zero_restored"),
            ("1012AB", "NL", "1012 AB | reformatted"),
            ("1012 AB Amsterdam", "NL", "1012 AB / Amsterdam | city_split"),
            ("B-1000", "BE", "1000 | reformatted"),
            ("A-1010", "AT", "1010 | reformatted"),
            ("CH-8001", "CH", "8001 | reformatted"),
            ("01310100", "BR", "01310-100 | reformatted"),
            ("1310-100", "BR", "01310-100 | leading_zero_restored"),
            ("800", "AU", "0800 | leading_zero_restored"),
            ("m1s1t4", "CA", "M1S 1T4 | case_changed reformatted"),
            ("00950", "PL", "00-950 | reformatted"),
            ("11122", "SE", "111 22 | reformatted"),
            ("D02 X285", "IE", "D02 X285 | "),
            ("abc 12", "", "ABC 12 | case_changed"),
            ("HM 11", "BM", "HM 11 | "),
        ] {
            assert_eq!(shown(raw, country), expected, "{raw:?} in {country:?}");
        }
    }

    #[test]
    fn what_is_no_postcode_is_refused() {
        for (raw, country, flag) in [
            ("8000", "DE", Flag::InvalidPostcode),
            ("101155", "DE", Flag::InvalidPostcode),
            ("Berlin", "DE", Flag::InvalidPostcode),
            ("SW1A", "GB", Flag::InvalidPostcode),
            ("00000", "DE", Flag::Placeholder),
            ("99999", "US", Flag::Placeholder),
            ("0", "US", Flag::InvalidPostcode),
            ("n/a", "US", Flag::Placeholder),
            ("-", "", Flag::Placeholder),
        ] {
            assert_eq!(clean(raw, Country::from_code(country)), Cleaned::refused(flag), "{raw:?} in {country:?}");
        }
        assert_eq!(clean("", None), Cleaned::default());
    }

    #[test]
    fn clean_codes_are_borrowed() {
        assert!(matches!(clean("10115", Country::from_code("DE")).value.unwrap().code, Cow::Borrowed(_)));
    }

    #[test]
    fn every_format_is_one() {
        for (country, formats) in &*FORMATS {
            for format in &formats.formats {
                assert!(format.bytes().all(|b| matches!(b, b'N' | b'A' | b' ' | b'-')), "{country}");
                assert!(format.bytes().filter(u8::is_ascii_uppercase).count() <= MAX_CODE, "{country}");
            }
        }
    }
}
