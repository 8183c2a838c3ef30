//! Masking of what identifies people in text before it is shown: e-mail addresses, phone numbers, card and account
//! numbers, national ids with check digits, and @handles.
//!
//! A quote needs its order number to be of use, so numbers are judged, not wiped: by shape (grouping, length, prefix),
//! by check digits (Luhn for cards, mod 97 or the country's length for IBANs, the two check digits of a CPF), and by the
//! words before ("order 4711…" stays, "call 4711…" goes). Where a bare number could be either, a phone's shape is masked
//! unless a word names it an order, ticket, flight or the like. Dates, times, amounts and IP addresses stay.
//!
//! One pass over the text, no regular expressions, linear. Deliberately missing: names and street addresses (that needs a
//! model, and a wrong guess eats meaning), and numbers written as words.

use std::borrow::Cow;

use crate::tokens::fold;

/// Words before a number that make it a reference.
const REFERENCE_WORDS: [&str; 44] = [
    "order",
    "orders",
    "pedido",
    "pedidos",
    "orden",
    "bestellung",
    "bestellnummer",
    "commande",
    "auftrag",
    "ticket",
    "case",
    "caso",
    "chamado",
    "protocolo",
    "invoice",
    "fatura",
    "factura",
    "rechnung",
    "facture",
    "nota",
    "nf",
    "ref",
    "reference",
    "referencia",
    "booking",
    "reserva",
    "buchung",
    "flight",
    "voo",
    "vuelo",
    "flug",
    "vol",
    "tracking",
    "rastreio",
    "rastreamento",
    "codigo",
    "code",
    "sku",
    "artikel",
    "article",
    "item",
    "produto",
    "serial",
    "imei",
];

/// Words before a number that make it a phone number.
const PHONE_WORDS: [&str; 30] = [
    "tel",
    "telephone",
    "telefone",
    "telefon",
    "telefono",
    "telephoner",
    "phone",
    "mobile",
    "cell",
    "cel",
    "celular",
    "movil",
    "handy",
    "portable",
    "call",
    "calling",
    "text",
    "sms",
    "whatsapp",
    "whats",
    "zap",
    "fone",
    "ligar",
    "ligue",
    "llamar",
    "anrufen",
    "appeler",
    "fax",
    "contato",
    "rufnummer",
];

/// Countries of IBANs with their lengths (SWIFT IBAN registry).
const IBAN_LENGTHS: [(&str, usize); 36] = [
    ("AE", 23),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("BR", 29),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("TR", 26),
];

/// Digits per group of phone numbers that are written in groups.
const PHONE_SHAPES: [&[usize]; 5] = [&[3, 3, 4], &[2, 5, 4], &[2, 4, 4], &[2, 1, 4, 4], &[1, 3, 3, 4]];

/// A number is read over at most this many bytes.
const MAX_NUMBER_BYTES: usize = 48;

struct Span {
    start: usize,
    end: usize,
    mask: &'static str,
}

/// The text with `[email]`, `[handle]`, `[phone]`, `[card]`, `[iban]` and `[id]` in place of what identifies a person.
/// Borrowed when there is nothing to mask.
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut spans: Vec<Span> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let found = match text.as_bytes()[at] {
            b'@' => address(text, at, spans.last().map_or(0, |span| span.end)),
            b'+' | b'(' | b'0'..=b'9' if starts_word(text, at) => number(text, at),
            b'A'..=b'Z' | b'a'..=b'z' if starts_word(text, at) => iban(text, at),
            _ => None,
        };
        match found {
            Some(Found::Mask(span)) => {
                at = span.end;
                spans.push(span);
            }
            Some(Found::Keep(end)) => at = end,
            None => at += 1,
        }
    }
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans {
        out.push_str(&text[from..span.start]);
        out.push_str(span.mask);
        from = span.end;
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

enum Found {
    Mask(Span),
    /// Read to here; nothing to mask.
    Keep(usize),
}

/// No letter, digit or joiner stands before.
fn starts_word(text: &str, at: usize) -> bool {
    text.is_char_boundary(at) && text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '@'))
}

/// An e-mail address or a handle around the `@` at `at`. Nothing before `least` is touched.
fn address(text: &str, at: usize, least: usize) -> Option<Found> {
    let local = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-');
    let before = text[least..at].char_indices().rev().take(64).take_while(|(_, c)| local(*c)).last();
    let start = before.map_or(at, |(offset, _)| least + offset);
    let after = &text[at + 1..];
    let word = |keep: fn(char) -> bool, most: usize| -> usize {
        after.char_indices().take(most).take_while(|(_, c)| keep(*c)).last().map_or(0, |(i, c)| i + c.len_utf8())
    };
    if start < at {
        let domain = after[..word(|c| c.is_alphanumeric() || matches!(c, '.' | '-'), 255)].trim_end_matches(['.', '-']);
        let (_, top) = domain.rsplit_once('.')?;
        let valid = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
        return valid.then(|| Found::Mask(Span { start, end: at + 1 + domain.len(), mask: "[email]" }));
    }
    let handle = word(|c| c.is_alphanumeric() || c == '_', 30);
    (handle >= 2).then(|| Found::Mask(Span { start: at, end: at + 1 + handle, mask: "[handle]" }))
}

/// Digits with their separators.
struct Digits<'a> {
    raw: &'a str,
    values: Vec<u8>,
    groups: Vec<usize>,
}

/// A phone, card or national number that starts at `at`.
fn number(text: &str, at: usize) -> Option<Found> {
    let read = read_digits(&text[at..])?;
    let end = at + read.raw.len();
    if text[end..].chars().next().is_some_and(|c| c.is_alphabetic() || c == '_') {
        return Some(Found::Keep(end));
    }
    match judge(&read, &context(&text[..at])) {
        Some(mask) => Some(Found::Mask(Span { start: at, end, mask })),
        None => Some(Found::Keep(end)),
    }
}

fn read_digits(text: &str) -> Option<Digits<'_>> {
    let (mut digits, mut groups, mut end, mut gap) = (Vec::new(), Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        if at > MAX_NUMBER_BYTES {
            break;
        }
        match c {
            '0'..='9' => {
                if gap > 0 || groups.is_empty() {
                    groups.push(0);
                }
                *groups.last_mut().expect("a group was pushed above") += 1;
                digits.push(c as u8 - b'0');
                (end, gap) = (at + 1, 0);
            }
            '+' if at == 0 || (at == 1 && text.starts_with('(')) => {}
            ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}' if gap < 2 => gap += usize::from(at > 0),
            _ => break,
        }
    }
    (end > 0).then(|| Digits { raw: &text[..end], values: digits, groups })
}

/// What the words before a number say of it.
#[derive(PartialEq)]
enum Context {
    Reference,
    Phone,
    Nothing,
}

fn context(before: &str) -> Context {
    let trimmed = before.trim_end();
    if trimmed.ends_with(['#', 'º', '°']) {
        return Context::Reference;
    }
    let near = &trimmed[trimmed.floor_char_boundary(trimmed.len().saturating_sub(60))..];
    let words = near.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).rev().take(3);
    for word in words {
        let lower = word.to_lowercase();
        let folded = fold(&lower);
        if PHONE_WORDS.contains(&&*folded) {
            return Context::Phone;
        }
        if REFERENCE_WORDS.contains(&&*folded) {
            return Context::Reference;
        }
    }
    Context::Nothing
}

/// The mask for a number, or none when it may stay.
fn judge(number: &Digits<'_>, context: &Context) -> Option<&'static str> {
    let Digits { raw, values: digits, groups } = number;
    let reference = *context == Context::Reference;
    let plus = raw.starts_with('+') || raw.starts_with("(+");
    let count = digits.len();
    if (13..=19).contains(&count) && !plus && raw.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-')) {
        let grouped = *groups == [4, 4, 4, 4] || *groups == [4, 6, 5];
        let plausible = (2..=6).contains(&digits[0]) && luhn(digits);
        if grouped && (plausible || !reference) || plausible && groups.len() == 1 && !reference {
            return Some("[card]");
        }
    }
    if is_date(number) || is_amount(number) {
        return None;
    }
    if count == 11 && cpf(digits) && (raw.contains('.') || !reference) || *groups == [3, 2, 4] && raw.contains('-') {
        return Some("[id]");
    }
    is_phone(number, context, plus).then_some("[phone]")
}

fn is_phone(number: &Digits<'_>, context: &Context, plus: bool) -> bool {
    let Digits { raw, values: digits, groups } = number;
    let count = digits.len();
    if plus {
        return (8..=15).contains(&count);
    }
    match context {
        Context::Phone => return (7..=15).contains(&count),
        Context::Reference => return false,
        Context::Nothing => {}
    }
    let international = digits.starts_with(&[0, 0]) && (10..=16).contains(&count);
    let national = digits[0] == 0 && (9..=12).contains(&count);
    let bracketed = raw.contains('(') && (8..=13).contains(&count);
    // Brazil: two digits of area, then 9 and eight digits for a mobile phone. North America: NXX NXX XXXX.
    let brazil = count == 11 && groups.len() == 1 && digits[0] != 0 && digits[1] != 0 && digits[2] == 9;
    let north_america = count == 10 && groups.len() == 1 && digits[0] >= 2 && digits[3] >= 2;
    let shaped = PHONE_SHAPES.contains(&&groups[..])
        || (groups[..] == [5, 4] && digits[0] == 9)
        || (groups[..] == [3, 3, 3] && matches!(digits[0], 6 | 7 | 9) && !raw.contains('.'));
    international || national || bracketed || brazil || north_america || shaped
}

/// Starts like a date: year-month-day or day-month-year, with one separator.
fn is_date(number: &Digits<'_>) -> bool {
    let [a, b, c, ..] = number.groups[..] else { return false };
    let value = |from: usize, to: usize| number.values[from..to].iter().fold(0_u32, |v, d| v * 10 + u32::from(*d));
    let separators: Vec<char> = number.raw.chars().filter(|c| !c.is_ascii_digit()).take(2).collect();
    let (one, two, three) = (value(0, a.min(5)), value(a, a + b.min(3)), value(a + b, a + b + c.min(5)));
    let year = |length: usize, value: u32| (length == 4 && (1900..2100).contains(&value)) || length == 2;
    let small = |length: usize, value: u32| length <= 2 && (1..=31).contains(&value);
    matches!(separators[..], ['-', '-'] | ['/', '/'] | ['.', '.'])
        && (a == 4 && year(a, one) && small(b, two) && small(c, three)
            || small(a, one) && small(b, two) && c != 3 && year(c, three) && number.groups.len() <= 4)
}

/// Thousands by dots ("1.234.567") or an IP address.
fn is_amount(number: &Digits<'_>) -> bool {
    let dots_only = number.raw.chars().all(|c| c.is_ascii_digit() || c == '.') && number.groups.len() > 1;
    let thousands = number.groups[0] <= 3 && number.groups[1..].iter().all(|group| *group == 3);
    let address = number.groups.len() == 4 && number.groups.iter().all(|group| *group <= 3);
    dots_only && (thousands || address)
}

/// Luhn's check (ISO/IEC 7812-1).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let doubled = u32::from(digit) << (place % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The check digits of a Brazilian CPF (11 digits).
fn cpf(digits: &[u8]) -> bool {
    let check = |count: usize| {
        let sum: u32 = digits[..count].iter().zip((2..=count as u32 + 1).rev()).map(|(d, w)| u32::from(*d) * w).sum();
        (sum * 10 % 11 % 10) as u8
    };
    digits.iter().any(|d| *d != digits[0]) && check(9) == digits[9] && check(10) == digits[10]
}

/// An IBAN that starts at `at`: a known country, its length, single spaces between groups.
fn iban(text: &str, at: usize) -> Option<Found> {
    let country = text.get(at..at + 2)?.to_ascii_uppercase();
    let (_, length) = IBAN_LENGTHS.iter().find(|(code, _)| *code == country)?;
    let (mut letters, mut last_space) = (Vec::with_capacity(*length), false);
    let mut end = at;
    for (offset, c) in text[at..].char_indices() {
        if c.is_ascii_alphanumeric() {
            letters.push(c.to_ascii_uppercase());
            (end, last_space) = (at + offset + 1, false);
            if letters.len() == *length {
                break;
            }
        } else if c == ' ' && !last_space {
            last_space = true;
        } else {
            break;
        }
    }
    let digits = letters.iter().filter(|c| c.is_ascii_digit()).count();
    let complete = letters.len() == *length && text[end..].chars().next().is_none_or(|c| !c.is_alphanumeric());
    let shaped = complete && letters[2..4].iter().all(char::is_ascii_digit);
    let valid = shaped && (mod_97(&letters) == 1 || digits * 10 >= length * 7);
    valid.then_some(Found::Mask(Span { start: at, end, mask: "[iban]" }))
}

/// ISO 7064 mod 97-10 over the rearranged IBAN.
fn mod_97(letters: &[char]) -> u32 {
    letters[4..].iter().chain(&letters[..4]).fold(0, |rest, c| {
        let value = c.to_digit(36).expect("ASCII letters and digits only");
        if value >= 10 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cases: &[(&str, &str)]) {
        for (text, masked) in cases {
            assert_eq!(mask(text), *masked);
        }
    }

    #[test]
    fn addresses_and_handles_are_masked() {
        check(&[
            ("write to ana.souza+shop@mail.example.com.", "write to [email]."),
            ("ANA@X.CO, BOB@Y.ORG", "[email], [email]"),
            ("joão@correio.com.br respondeu", "[email] respondeu"),
            ("@jane_doe thanks", "[handle] thanks"),
            ("5 @ 3 each, a@b", "5 @ 3 each, a@b"),
        ]);
    }

    #[test]
    fn phone_numbers_are_masked() {
        check(&[
            ("call +44 20 7946 0958 now", "call [phone] now"),
            ("(11) 98765-4321", "[phone]"),
            ("meu numero 11987654321", "meu numero [phone]"),
            ("555-123-4567 or 555.123.4567", "[phone] or [phone]"),
            ("ruf 030 12345678 an", "ruf [phone] an"),
            ("01 23 45 67 89", "[phone]"),
            ("tel: 4711223", "tel: [phone]"),
            ("612 345 678", "[phone]"),
        ]);
    }

    #[test]
    fn card_and_account_numbers_are_masked() {
        check(&[
            ("4111 1111 1111 1111", "[card]"),
            ("paid with 4111111111111111!", "paid with [card]!"),
            ("amex 3782 822463 10005", "amex [card]"),
            ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban] please"),
            ("GB29NWBK60161331926819", "[iban]"),
            ("CPF 529.982.247-25", "CPF [id]"),
            ("ssn 078-05-1120", "ssn [id]"),
        ]);
    }

    #[test]
    fn order_numbers_dates_amounts_and_codes_stay() {
        for text in [
            "order 5551234567 is late",
            "pedido nº 11987654321 não chegou",
            "#4111111111111111",
            "Bestellung 030 12345678",
            "ticket 123-456-7890",
            "on 2018-05-22 00:00:00 or 22/05/2018 at 10:30",
            "24.12.2024",
            "R$ 1.234.567,89",
            "192.168.100.200",
            "b9bf720beb4ab3728760088589c62129",
            "flight 1601 cost 250",
            "BR123456789BR",
            "Nota 10, 2 produtos, 15 dias",
            "100000001",
        ] {
            assert!(matches!(mask(text), Cow::Borrowed(same) if same == text), "{text} → {}", mask(text));
        }
    }
}
