//! Telephone numbers: E.164 with country and type of line, extensions apart.
//!
//! A number is read as libphonenumber reads it, whose facts it uses: an international prefix or a plus leads to the country
//! code, without one the default country's own prefix is dropped, and the length decides whether it is a number at
//! all. Its own code does this some hundred times slower than an intake of 200,000 records a second allows; here a country's patterns are
//! one automaton (`phone::pattern`). `reference/` holds the two against each other number by number, `tests/phone_reference.rs` a sample.
//!
//! A number whose length fits but which lies in no block of the plan is kept and noted: plans grow faster than tables. It
//! is refused only where it is no number at all. Whether somebody answers is not knowable here.
//!
//! Deliberately missing: display formats, short codes, the place behind an area code, carriers.

mod pattern;
mod plan;

use std::fmt;

use crate::code::Country;
use crate::flag::{Cleaned, Flag, Flags};
use crate::{placeholder, text};
use plan::{Length, PLANS, Plan};

/// What a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineType {
    /// A geographic line.
    FixedLine,
    /// A mobile phone.
    Mobile,
    /// The plan does not tell the two apart (as in North America).
    FixedLineOrMobile,
    /// Free for the caller.
    TollFree,
    /// Dearer than a usual call.
    PremiumRate,
    /// Paid by both sides.
    SharedCost,
    /// Follows a person (UK 070).
    Personal,
    /// Over the internet, without a place.
    Voip,
    /// A pager.
    Pager,
    /// One number for all offices of a company (UAN).
    Company,
    /// A mailbox.
    Voicemail,
    /// In no block of the numbering plan.
    Unknown,
}

impl LineType {
    /// The word for it in tables and JSON.
    pub const fn code(self) -> &'static str {
        match self {
            Self::FixedLine => "fixed_line",
            Self::Mobile => "mobile",
            Self::FixedLineOrMobile => "fixed_line_or_mobile",
            Self::TollFree => "toll_free",
            Self::PremiumRate => "premium_rate",
            Self::SharedCost => "shared_cost",
            Self::Personal => "personal",
            Self::Voip => "voip",
            Self::Pager => "pager",
            Self::Company => "company",
            Self::Voicemail => "voicemail",
            Self::Unknown => "unknown",
        }
    }
}

/// The longest national number that any plan has (Italy, Germany: 15 with the country code by E.164, 17 by the table).
const MAX_NATIONAL: usize = 17;
/// More digits than this are no telephone number, however they are read.
const MAX_DIGITS: usize = 32;
/// The longest extension, in digits.
const MAX_EXTENSION: usize = 9;

/// A number. It is small and holds its digits itself, so that it is copied, never allocated.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Phone {
    text: [u8; 24],
    length: u8,
    code_length: u8,
    extension: [u8; MAX_EXTENSION],
    extension_length: u8,
    /// The country, where the code or the number tells one: `+1 800` and `+883` do not.
    pub country: Option<Country>,
    /// The type of line.
    pub line_type: LineType,
}

impl Phone {
    /// The number in E.164: plus, country code, national number.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }

    /// The country code, 1 to 999.
    pub fn country_code(&self) -> u16 {
        self.text[1..=usize::from(self.code_length)].iter().fold(0, |code, b| code * 10 + u16::from(b - b'0'))
    }

    /// The number without its country code.
    pub fn national(&self) -> &str {
        &self.as_str()[1 + usize::from(self.code_length)..]
    }

    /// The extension, in digits.
    pub fn extension(&self) -> Option<&str> {
        let digits = &self.extension[..usize::from(self.extension_length)];
        std::str::from_utf8(digits).ok().filter(|digits| !digits.is_empty())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.as_str(), self.country.as_ref().map_or("--", Country::as_str), self.line_type.code())?;
        self.extension().map_or(Ok(()), |extension| write!(f, " x{extension}"))
    }
}

/// Digits on the stack.
#[derive(Clone, Copy)]
struct Digits {
    bytes: [u8; MAX_DIGITS],
    length: usize,
}

impl Digits {
    const EMPTY: Self = Self { bytes: [0; MAX_DIGITS], length: 0 };

    fn of(digits: &[u8]) -> Option<Self> {
        let mut out = Self::EMPTY;
        digits.iter().all(|b| out.push(*b)).then_some(out)
    }

    fn push(&mut self, digit: u8) -> bool {
        let fits = self.length < MAX_DIGITS;
        if fits {
            self.bytes[self.length] = digit;
            self.length += 1;
        }
        fits
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Reads a telephone number; without country code it is one of `default_country`. The result as text, read again, is the same.
pub fn clean(raw: &str, default_country: Option<Country>) -> Cleaned<Phone> {
    let (text, mut flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    let number = match written(&text, &mut flags) {
        Ok(number) => number,
        Err(flag) => return Cleaned::refused(flag),
    };
    if is_stand_in(number.digits.as_bytes()) {
        return Cleaned::refused(Flag::Placeholder);
    }
    let default = default_country.and_then(|country| PLANS.of_country(country));
    let (code, code_length, national) = match split_code(&number, default, &mut flags) {
        Ok(parts) => parts,
        Err(flag) => return Cleaned::refused(flag),
    };
    let national = national.as_bytes();
    if is_stand_in(national) {
        return Cleaned::refused(Flag::Placeholder);
    }
    let Some(main) = PLANS.of_code(code).next() else { return Cleaned::refused(Flag::ImpossibleNumber) };
    let (country, line_type) = region_of(code, national);
    // The lengths of the main region hold for its whole code, but for numbers that another region has (Canada's 310-xxxx).
    match main.length(national.len()) {
        _ if line_type != LineType::Unknown => {}
        Length::Possible => {}
        Length::Local => return Cleaned::refused(Flag::LocalNumber),
        Length::TooShort => return Cleaned::refused(Flag::TooShort),
        Length::TooLong => return Cleaned::refused(Flag::TooManyDigits),
        Length::Between => return Cleaned::refused(Flag::ImpossibleNumber),
    }
    // In North America the form NXX-NXX-XXXX is fixed (ATIS-0300051); elsewhere forms change with the plan.
    let has_form = code != 1 || line_type != LineType::Unknown || main.is_general(national);
    if national.len() > MAX_NATIONAL || !has_form {
        return Cleaned::refused(Flag::ImpossibleNumber);
    }
    flags.raise_if(line_type == LineType::Unknown, Flag::UnassignedNumber);
    let mut phone = Phone {
        text: [0; 24],
        length: 0,
        code_length,
        extension: number.extension,
        extension_length: number.extension_length,
        country: country.or(main.country.filter(|_| line_type == LineType::Unknown)),
        line_type,
    };
    write_e164(&mut phone, code, national);
    flags.raise_if(number.extension_length > 0, Flag::ExtensionSplit);
    flags.raise_if(number.punctuated, Flag::Reformatted);
    Cleaned::some(phone, flags)
}

fn write_e164(phone: &mut Phone, code: u16, national: &[u8]) {
    phone.text[0] = b'+';
    let mut rest = code;
    for at in (1..=usize::from(phone.code_length)).rev() {
        phone.text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let start = 1 + usize::from(phone.code_length);
    phone.text[start..start + national.len()].copy_from_slice(national);
    phone.length = (start + national.len()) as u8;
}

/// What was written, before anything of it is understood.
struct Written {
    digits: Digits,
    international: bool,
    extension: [u8; MAX_EXTENSION],
    extension_length: u8,
    punctuated: bool,
}

/// Reads the characters: a plus, digits, an extension behind them.
fn written(text: &str, flags: &mut Flags) -> Result<Written, Flag> {
    let mut number = Written {
        digits: Digits::EMPTY,
        international: false,
        extension: [0; MAX_EXTENSION],
        extension_length: 0,
        punctuated: false,
    };
    if text.len() > 128 {
        return Err(Flag::TooManyDigits);
    }
    if let Some(flag) = words_only(text) {
        return Err(flag);
    }
    let text = first_of_several(text, flags);
    let (text, extension) = split_extension(text);
    for b in extension.bytes().filter(u8::is_ascii_digit) {
        number.extension[usize::from(number.extension_length)] = b;
        number.extension_length += 1;
    }
    // "Tel.: 030 …", "tel:+49…": what stands before the first digit or plus is a label.
    let start = text.find(|c: char| c == '+' || c == '(' || digit_of(c).is_some()).ok_or(Flag::ImpossibleNumber)?;
    number.punctuated = start > 0;
    let text = &text[start..];
    let mut rest = text.chars();
    let mut letters = 0;
    while let Some(c) = rest.next() {
        match c {
            _ if c == '+' && number.digits.length == 0 && !number.international => number.international = true,
            '(' if (number.international || number.digits.as_bytes().starts_with(b"00"))
                && number.digits.length > 0
                && rest.as_str().starts_with("0)") =>
            {
                // "+44 (0)20": the zero in brackets is only dialled inside the country.
                rest = rest.as_str()[2..].chars();
                number.punctuated = true;
            }
            _ => {
                let digit = digit_of(c).or_else(|| {
                    letters += usize::from(c.is_ascii_alphabetic());
                    key_of(c)
                });
                if let Some(digit) = digit {
                    if !number.digits.push(digit) {
                        return Err(Flag::TooManyDigits);
                    }
                    number.punctuated |= !c.is_ascii_digit();
                } else if c.is_alphabetic() {
                    return Err(Flag::ImpossibleNumber);
                } else {
                    number.punctuated = true;
                }
            }
        }
    }
    if letters > 0 {
        // One stray letter is dirt, three are a word on the keypad.
        if letters < 3 || letters > number.digits.length - 3 {
            return Err(Flag::ImpossibleNumber);
        }
        flags.raise(Flag::LettersAsDigits);
    }
    if number.digits.length == 0 { Err(Flag::ImpossibleNumber) } else { Ok(number) }
}

fn words_only(text: &str) -> Option<Flag> {
    if text.bytes().any(|b| b.is_ascii_digit()) || text.chars().any(|c| digit_of(c).is_some()) {
        return None;
    }
    Some(placeholder::verdict(text).unwrap_or(Flag::ImpossibleNumber))
}

/// ASCII digits, and those of Arabic, Persian and Devanagari; NFKC has brought full-width ones here already.
fn digit_of(c: char) -> Option<u8> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{966}'..='\u{96f}' => '\u{966}',
        _ => return None,
    };
    Some(b'0' + (u32::from(c) - u32::from(zero)) as u8)
}

/// The key that a letter lies on (ITU-T E.161).
fn key_of(c: char) -> Option<u8> {
    const KEYS: &[u8; 26] = b"22233344455566677778889999";
    let at = c.to_ascii_uppercase() as usize;
    c.is_ascii_alphabetic().then(|| KEYS[at - usize::from(b'A')])
}

fn digits_in(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// The first of several numbers in one field, when each part has enough digits to be one.
fn first_of_several<'a>(text: &'a str, flags: &mut Flags) -> &'a str {
    // Most numbers are too short to be two.
    if text.len() < 15 {
        return text;
    }
    let separators = [";", ",", " or ", " oder ", " ou ", " / ", "|"];
    let Some((first, rest)) = separators.iter().find_map(|separator| text.split_once(separator)) else { return text };
    if digits_in(first) < 7 || digits_in(rest) < 7 {
        return text;
    }
    flags.raise(Flag::SeveralValues);
    first
}

/// Splits off an extension: ";ext=12", "x12", "ext. 12", "#12", "Durchwahl 12", "ramal 12".
fn split_extension(text: &str) -> (&str, &str) {
    const WORDS: [&str; 16] = [
        ";ext=",
        "extension",
        "extn",
        "ext",
        "durchwahl",
        "ramal",
        "anexo",
        "interno",
        "poste",
        "dw",
        "int",
        "app",
        "xt",
        "x",
        "#",
        "e",
    ];
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > MAX_EXTENSION || digits == text.len() {
        return (text, "");
    }
    let (before, extension) = text.split_at(text.len() - digits);
    let before = before.trim_end_matches([' ', '.', ':', '-', '=']);
    if !before.ends_with(|c: char| c.is_ascii_alphabetic() || c == '#') {
        return (text, "");
    }
    let cut = |word: &&str| {
        let at = before.len().checked_sub(word.len())?;
        let tail = before.get(at..)?;
        // The word stands behind the number, not inside another word.
        let alone = before[..at].chars().next_back().is_some_and(|c| !c.is_alphabetic());
        (tail.eq_ignore_ascii_case(word) && alone && digits_in(&before[..at]) >= 5).then(|| &before[..at])
    };
    match WORDS.iter().find_map(cut) {
        Some(number) => (number.trim_end_matches([' ', ',', ';', '-', '(']), extension),
        None => (text, ""),
    }
}

/// Digits that nobody has: one repeated, all in a row, seven zeros at the end.
fn is_stand_in(digits: &[u8]) -> bool {
    let rest = digits.iter().position(|b| *b != b'0').map_or(&digits[..0], |at| &digits[at..]);
    if digits.len() < 5 {
        return rest.is_empty();
    }
    let up = |pair: &[u8]| (pair[1] + 10 - pair[0]) % 10 == 1;
    let down = |pair: &[u8]| (pair[0] + 10 - pair[1]) % 10 == 1;
    let all_same = |digits: &[u8]| digits.len() >= 5 && digits.iter().all(|b| *b == digits[0]);
    let in_a_row = digits.len() >= 6 && (digits.windows(2).all(up) || digits.windows(2).all(down));
    rest.is_empty() || all_same(digits) || all_same(rest) || in_a_row || digits.ends_with(b"0000000")
}

/// 00 as most of the world dials abroad, in a country that dials something else: only before a number that exists.
fn foreign_prefix(digits: &[u8], default: Option<&Plan>) -> Option<usize> {
    let rest = digits.strip_prefix(b"00")?;
    let (code, length) = PLANS.code_at(rest)?;
    let exists = || region_of(code, &rest[length..]).1 != LineType::Unknown;
    (default.is_none() || exists()).then_some(2)
}

/// Country code, its length, and the national number.
fn split_code(number: &Written, default: Option<&Plan>, flags: &mut Flags) -> Result<(u16, u8, Digits), Flag> {
    let digits = number.digits.as_bytes();
    let own = default.and_then(|plan| plan.international.as_ref()).and_then(|prefix| prefix.of(digits)).map(|(end, _)| end);
    let dialled = own.filter(|end| digits.get(*end).is_some_and(|b| *b != b'0')).or_else(|| foreign_prefix(digits, default));
    if number.international || (dialled.is_some() && PLANS.code_at(&digits[dialled.unwrap_or(0)..]).is_some()) {
        let start = if number.international {
            // "+0049…": somebody wrote both.
            digits.iter().position(|b| *b != b'0').unwrap_or(0)
        } else {
            dialled.unwrap_or(0)
        };
        flags.raise_if(start > 0 || !number.international, Flag::Reformatted);
        let (code, length) = PLANS.code_at(&digits[start..]).ok_or(Flag::ImpossibleNumber)?;
        let given = &digits[start + length..];
        let national = PLANS
            .of_code(code)
            .next()
            .map_or(Digits::of(given), |plan| without_prefixes(plan, given))
            .ok_or(Flag::TooManyDigits)?;
        flags.raise_if(national.length != given.len(), Flag::Reformatted);
        return Ok((code, length as u8, national));
    }
    let Some(plan) = default else { return Err(Flag::MissingCountry) };
    let code_length = 1 + u8::from(plan.code > 9) + u8::from(plan.code > 99);
    // "49 30 901820" in Germany: the country code without its plus.
    if let Some((code, length)) = PLANS.code_at(digits).filter(|(code, _)| *code == plan.code) {
        let rest = without_prefixes(plan, &digits[length..]).ok_or(Flag::TooManyDigits)?;
        let full = digits.len();
        if (!plan.is_general(digits) && plan.is_general(rest.as_bytes())) || plan.length(full) == Length::TooLong {
            flags.raise(Flag::Reformatted);
            return Ok((code, code_length, rest));
        }
    }
    flags.raise(Flag::CountryAssumed);
    let national = without_prefixes(plan, digits).ok_or(Flag::TooManyDigits)?;
    flags.raise_if(national.length != digits.len(), Flag::Reformatted);
    Ok((plan.code, code_length, national))
}

/// The national number without the prefix that is dialled inside the country, however often it was written.
fn without_prefixes(plan: &Plan, digits: &[u8]) -> Option<Digits> {
    let mut rest = without_prefix(plan, digits)?;
    loop {
        // A rule may also put an area code in front; only what gets shorter goes on.
        let next = without_prefix(plan, rest.as_bytes())?;
        if next.length >= rest.length {
            return Some(rest);
        }
        rest = next;
    }
}

/// The same without one prefix, unless the prefix is needed to make it a number.
fn without_prefix(plan: &Plan, digits: &[u8]) -> Option<Digits> {
    let whole = Digits::of(digits);
    let Some((end, captures)) = plan.prefix.as_ref().and_then(|prefix| prefix.of(digits)).filter(|(end, _)| *end > 0) else {
        return whole;
    };
    let last = captures.iter().rev().flatten().next();
    let uses_second = plan.transform.contains("$2");
    let captured = if uses_second { captures[1] } else { captures[0] };
    let stripped = match captured {
        Some((from, to)) if !plan.transform.is_empty() && last.is_some() => {
            let head = plan.transform.split('$').next().unwrap_or_default();
            let mut out = Digits::of(head.as_bytes())?;
            for b in digits[from..to].iter().chain(&digits[end..]) {
                if !out.push(*b) {
                    return None;
                }
            }
            out
        }
        _ => Digits::of(&digits[end..])?,
    };
    let was_viable = plan.is_general(digits);
    let fits = matches!(plan.length(stripped.length), Length::Possible | Length::TooLong);
    if (was_viable && !plan.is_general(stripped.as_bytes())) || !fits { whole } else { Some(stripped) }
}

/// Country and type of a national number of this code: the first region whose leading digits or blocks have it.
fn region_of(code: u16, national: &[u8]) -> (Option<Country>, LineType) {
    let mut plans = PLANS.of_code(code).peekable();
    let mut only = None;
    while let Some(plan) = plans.next() {
        let alone = only.is_none() && plans.peek().is_none();
        only = Some(());
        if !alone && plan.leading.as_ref().is_some_and(|leading| leading.of(national).is_none()) {
            continue;
        }
        let kind = plan.line_type(national);
        if alone || plan.leading.is_some() || kind != LineType::Unknown {
            return (plan.country, kind);
        }
    }
    (None, LineType::Unknown)
}

/// The country of a telephone number in E.164, if its code belongs to one; for enrichment.
pub fn country_of(e164: &str) -> Option<Country> {
    clean(e164, None).value.and_then(|phone| phone.country)
}

#[cfg(test)]
mod tests;
