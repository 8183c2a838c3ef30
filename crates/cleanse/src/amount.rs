//! Amounts of money and other decimals: thousands, decimals, signs, currencies, percent.
//!
//! The form of a number usually tells which of comma and point is the decimal separator: the last of two kinds, one that
//! stands once before other than three digits. `1.234` does not tell; it is read by the separator that the source states, and
//! flagged every time, because a wrong statement is off by a factor of a thousand. A number that contradicts the
//! statement in a form that can be read one way only is read that way and flagged too.
//!
//! An amount is exact: a whole number of ten-thousandths, as in the tables (`decimal(18,4)`).
//!
//! Deliberately missing: exponents, fractions, numbers in words, conversion between currencies.

use crate::code::Currency;
use crate::flag::{Cleaned, Flag, Flags};
use crate::{placeholder, text};

/// Digits behind the point of an amount.
pub const SCALE: usize = 4;
/// One, in units.
const ONE: i64 = 10_000;
/// The largest amount: 18 digits.
const MAX_UNITS: i64 = 999_999_999_999_999_999;
/// The longest text that can be an amount, in bytes.
const MAX_BYTES: usize = 64;

/// The decimal separator that a source states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecimalMark {
    /// 1,234.50
    #[default]
    Point,
    /// 1.234,50
    Comma,
}

/// An exact decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Ten-thousandths.
    pub units: i64,
    /// The currency that stood beside the number. `None` where there was none, or a sign that several currencies use.
    pub currency: Option<Currency>,
}

impl Amount {
    /// The number as text: point as decimal separator, no zeros behind it.
    pub fn to_plain_string(self) -> String {
        let magnitude = self.units.unsigned_abs();
        let (whole, fraction) = (magnitude / ONE as u64, magnitude % ONE as u64);
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = format!("{fraction:04}");
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{digits}") }
    }
}

/// Reads an amount; `mark` decides what the number itself does not. Percent become hundredths: `12.5 %` is 0.125.
pub fn clean(raw: &str, mark: DecimalMark) -> Cleaned<Amount> {
    if raw.len() > MAX_BYTES {
        return Cleaned::refused(Flag::InvalidAmount);
    }
    let (text, mut flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    match read(&text, mark, &mut flags) {
        Ok(amount) => Cleaned::some(amount, flags),
        Err(Flag::InvalidAmount) if placeholder::is_nothing(&text) => Cleaned::refused(Flag::Placeholder),
        Err(flag) => Cleaned::refused(flag),
    }
}

fn read(text: &str, mark: DecimalMark, flags: &mut Flags) -> Result<Amount, Flag> {
    let mut negative = false;
    let mut currency = None;
    let mut percent = false;
    let mut rest = text;
    // Signs may stand on either side, inside or outside of each other: -€5, €-5, (5 €), 5-, EUR 5.
    loop {
        let before = rest;
        if let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            flags.raise(Flag::NegativeNotation);
            rest = turn(&mut negative, inner)?;
        } else if let Some(inner) = rest.strip_prefix(['-', '−']) {
            flags.raise_if(rest.starts_with('−'), Flag::NegativeNotation);
            rest = turn(&mut negative, inner)?;
        } else if let Some(inner) = rest.strip_suffix(['-', '−']) {
            flags.raise(Flag::NegativeNotation);
            rest = turn(&mut negative, inner)?;
        } else if let Some(inner) = rest.strip_prefix('+') {
            flags.raise(Flag::Reformatted);
            rest = inner;
        } else if let Some(inner) = rest.strip_suffix('%').filter(|_| !percent) {
            flags.raise(Flag::Percent);
            percent = true;
            rest = inner;
        } else if let Some((inner, found)) = split_currency(rest) {
            if currency.is_some() || flags.has(Flag::CurrencySplit) {
                return Err(Flag::InvalidAmount);
            }
            flags.raise(Flag::CurrencySplit);
            currency = found;
            rest = inner;
        }
        rest = rest.trim();
        if rest.len() == before.len() {
            break;
        }
    }
    let units = number(rest, mark, flags)?;
    let units = if percent { hundredths(units, flags) } else { units };
    Ok(Amount { units: if negative { -units } else { units }, currency })
}

fn turn<'t>(negative: &mut bool, rest: &'t str) -> Result<&'t str, Flag> {
    // Two minus signs are a typing error in either reading.
    if std::mem::replace(negative, true) { Err(Flag::InvalidAmount) } else { Ok(rest) }
}

fn hundredths(units: i64, flags: &mut Flags) -> i64 {
    flags.raise_if(units % 100 != 0, Flag::Rounded);
    (units + 50) / 100
}

/// A currency before or behind the number.
fn split_currency(text: &str) -> Option<(&str, Option<Currency>)> {
    let is_number = |c: char| c.is_ascii_digit() || "+-−(".contains(c);
    let first = text.find(is_number)?;
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == ')' || c == '-' || c == '%')? + 1;
    let (word, rest) = if first > 0 { (&text[..first], &text[first..]) } else { (text.get(last..)?, &text[..last]) };
    // ".5" and "5." are numbers, not words.
    let word = word.trim();
    if word.is_empty() || matches!(word, "." | ",") {
        return None;
    }
    let word = word.trim_end_matches([',', ':']).trim_end_matches(",--").trim();
    // Signs that several currencies use are taken off without an answer.
    let shared = matches!(word, "$" | "kr" | "kr." | "¥" | "Kr" | "Kr.");
    let currency = Currency::of_word(word);
    (shared || currency.is_some()).then_some((rest, currency.filter(|_| !shared)))
}

/// Digits and separators.
fn number(text: &str, mark: DecimalMark, flags: &mut Flags) -> Result<i64, Flag> {
    // "5,-" and "5.--": no cents.
    let text = text.trim_end_matches('-').trim_end();
    let mut last = [None; 2];
    let mut counts = [0_usize; 2];
    let mut grouped = false;
    for (at, c) in text.char_indices() {
        match c {
            '0'..='9' => {}
            '.' | ',' => {
                let kind = usize::from(c == ',');
                last[kind] = Some(at);
                counts[kind] += 1;
            }
            '\'' | '’' | ' ' | '_' => grouped = true,
            _ => return Err(Flag::InvalidAmount),
        }
    }
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return Err(Flag::InvalidAmount);
    }
    let stated = usize::from(mark == DecimalMark::Comma);
    let decimal = match (last[0], last[1]) {
        (None, None) => None,
        // The last of two kinds separates the decimals.
        (Some(point), Some(comma)) => Some(usize::from(comma > point)),
        (point, _) => {
            let kind = usize::from(point.is_none());
            let at = last[kind].unwrap_or(0);
            if counts[kind] > 1 {
                None
            } else if could_group(text, at) && !grouped {
                flags.raise(Flag::AmbiguousSeparator);
                (stated == kind).then_some(kind)
            } else {
                Some(kind)
            }
        }
    };
    if let Some(kind) = decimal {
        if counts[kind] > 1 {
            return Err(Flag::InvalidAmount);
        }
        flags.raise_if(kind != stated, Flag::OtherNotation);
    } else {
        let groups = if counts[0] > 0 { Some(0) } else { (counts[1] > 0).then_some(1) };
        flags.raise_if(groups == Some(stated) && !flags.has(Flag::AmbiguousSeparator), Flag::OtherNotation);
    }
    let at = decimal.and_then(|kind| last[kind]);
    let (whole, fraction) = at.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
    let plain = at.is_none_or(|at| text.as_bytes()[at] == b'.') && whole.bytes().all(|b| b.is_ascii_digit()) && !whole.is_empty();
    flags.raise_if(!plain || (at.is_some() && fraction.is_empty()), Flag::Reformatted);
    compose(&groups_of(whole)?, fraction, flags)
}

/// Whether one separator may be one of thousands: one to three digits before it, the first no zero, three behind.
fn could_group(text: &str, at: usize) -> bool {
    let before = &text[..at];
    (1..=3).contains(&before.len()) && !before.starts_with('0') && text.len() - at == 4
}

/// The digits before the decimals, if their groups are right: thousands, or hundreds behind the first thousand (lakh, crore).
fn groups_of(whole: &str) -> Result<String, Flag> {
    let groups: Vec<&str> = whole.split(|c: char| !c.is_ascii_digit()).collect();
    let separators: Vec<char> = whole.chars().filter(|c| !c.is_ascii_digit()).collect();
    if groups.len() > 1 {
        let uniform = separators.windows(2).all(|pair| pair[0] == pair[1]);
        let (first, rest) = (groups[0], &groups[1..]);
        let (last, middle) = rest.split_last().unwrap_or((&"", &[]));
        let western = middle.iter().all(|group| group.len() == 3) && (1..=3).contains(&first.len());
        let indian = !middle.is_empty() && middle.iter().all(|group| group.len() == 2) && (1..=2).contains(&first.len());
        if !uniform || last.len() != 3 || !(western || indian) {
            return Err(Flag::InvalidAmount);
        }
    }
    Ok(groups.concat())
}

fn compose(whole: &str, fraction: &str, flags: &mut Flags) -> Result<i64, Flag> {
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Flag::InvalidAmount);
    }
    let digits = whole.trim_start_matches('0');
    if digits.len() > 18 - SCALE {
        return Err(Flag::AmountTooLarge);
    }
    let mut units = digits.bytes().fold(0_i64, |n, b| n * 10 + i64::from(b - b'0')) * ONE;
    for (at, b) in fraction.bytes().take(SCALE).enumerate() {
        units += i64::from(b - b'0') * 10_i64.pow((SCALE - 1 - at) as u32);
    }
    let dropped = fraction.as_bytes().get(SCALE..).unwrap_or_default();
    flags.raise_if(dropped.iter().any(|b| *b != b'0'), Flag::Rounded);
    units += i64::from(dropped.first().is_some_and(|b| *b >= b'5'));
    if units > MAX_UNITS { Err(Flag::AmountTooLarge) } else { Ok(units) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str, mark: DecimalMark) -> String {
        let cleaned = clean(raw, mark);
        let codes: Vec<&str> = cleaned.flags.codes().collect();
        let amount = cleaned.value.map_or_else(
            || "-".to_owned(),
            |amount| amount.to_plain_string() + &amount.currency.map_or_else(String::new, |currency| format!(" {currency}")),
        );
        format!("{amount} | {}", codes.join(" "))
    }

    #[test]
    fn numbers_that_say_themselves_how_they_are_written() {
        use DecimalMark::{Comma, Point};
        for (raw, mark, expected) in [
            ("1234.5", Point, "1234.5 | "),
            ("0", Point, "0 | "),
            ("-12.50", Point, "-12.5 | "),
            ("1,234.50", Point, "1234.5 | reformatted"),
            ("1.234,50", Comma, "1234.5 | reformatted"),
            ("12,50", Comma, "12.5 | reformatted"),
            ("12,50", Point, "12.5 | reformatted other_notation"),
            ("1.234,50", Point, "1234.5 | reformatted other_notation"),
            ("1,234,567", Point, "1234567 | reformatted"),
            ("1.234.567", Point, "1234567 | reformatted other_notation"),
            ("12,34,567.89", Point, "1234567.89 | reformatted"),
            ("1'234.50", Point, "1234.5 | reformatted"),
            ("1 234,50", Comma, "1234.5 | reformatted"),
            ("1\u{a0}234,50", Comma, "1234.5 | inner_space reformatted"),
            ("0.125", Point, "0.125 | "),
            ("1234.567", Point, "1234.567 | "),
            (".5", Point, "0.5 | reformatted"),
            ("5.", Point, "5 | reformatted"),
            ("+5", Point, "5 | reformatted"),
            ("1.23456", Point, "1.2346 | rounded"),
        ] {
            assert_eq!(shown(raw, mark), expected, "{raw:?} {mark:?}");
        }
    }

    #[test]
    fn one_separator_before_three_digits_is_read_as_stated() {
        assert_eq!(shown("1.234", DecimalMark::Point), "1.234 | ambiguous_separator");
        assert_eq!(shown("1.234", DecimalMark::Comma), "1234 | reformatted ambiguous_separator");
        assert_eq!(shown("1,234", DecimalMark::Point), "1234 | reformatted ambiguous_separator");
        assert_eq!(shown("1,234", DecimalMark::Comma), "1.234 | reformatted ambiguous_separator");
    }

    #[test]
    fn signs_currencies_and_percent() {
        for (raw, expected) in [
            ("€ 5", "5 EUR | currency_split"),
            ("5 €", "5 EUR | currency_split"),
            ("EUR 1,234.50", "1234.5 EUR | reformatted currency_split"),
            ("$5.00", "5 | currency_split"),
            ("US$5.00", "5 USD | currency_split"),
            ("R$ 10.00", "10 BRL | currency_split"),
            ("-£5", "-5 GBP | currency_split"),
            ("£-5", "-5 GBP | currency_split"),
            ("(5.00)", "-5 | negative_notation"),
            ("($5.00)", "-5 | currency_split negative_notation"),
            ("5.00-", "-5 | negative_notation"),
            ("−5", "-5 | negative_notation"),
            ("12.5 %", "0.125 | percent"),
            ("0.555%", "0.0056 | percent rounded"),
            ("100 kr", "100 | currency_split"),
            ("5 Swiss Francs", "- | invalid_amount"),
        ] {
            assert_eq!(shown(raw, DecimalMark::Point), expected, "{raw:?}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for (raw, flag) in [
            ("", None),
            ("n/a", Some(Flag::Placeholder)),
            ("-", Some(Flag::Placeholder)),
            ("abc", Some(Flag::InvalidAmount)),
            ("1.2.2020", Some(Flag::InvalidAmount)),
            ("1,23,4", Some(Flag::InvalidAmount)),
            ("12 34", Some(Flag::InvalidAmount)),
            ("--5", Some(Flag::InvalidAmount)),
            ("1e5", Some(Flag::InvalidAmount)),
            ("1.5,5.5", Some(Flag::InvalidAmount)),
            ("€ 5 USD", Some(Flag::InvalidAmount)),
            ("123456789012345", Some(Flag::AmountTooLarge)),
        ] {
            let expected = flag.map_or_else(Cleaned::default, Cleaned::refused);
            assert_eq!(clean(raw, DecimalMark::Point), expected, "{raw:?}");
        }
        assert_eq!(shown("99999999999999.9999", DecimalMark::Point), "99999999999999.9999 | ");
        assert_eq!(clean("99999999999999.99995", DecimalMark::Point), Cleaned::refused(Flag::AmountTooLarge));
    }
}
