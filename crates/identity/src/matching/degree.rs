//! Degrees of likeness of two different values of one kind, from 0, not at all; [`super::comparison`] has the words for them.
//!
//! Functions of the two folded texts alone. `overlap` is the share of their words that two texts have in common.

use super::similarity::{jaro_winkler, within_edits};

/// Of two given names; `one_group` says that they are forms of one name. The swap with a family name is seen by who knows both.
pub fn given(a: &str, b: &str, one_group: bool) -> u8 {
    let likeness = jaro_winkler(a.as_bytes(), b.as_bytes());
    if likeness >= 0.92 {
        return 4;
    }
    if first_word(a) == first_word(b) {
        return 2;
    }
    if one_group {
        return 3;
    }
    if a.starts_with(b) || b.starts_with(a) {
        return 2;
    }
    u8::from(likeness >= 0.8)
}

/// Of two family names.
pub fn family(a: &str, b: &str) -> u8 {
    let likeness = jaro_winkler(a.as_bytes(), b.as_bytes());
    if likeness >= 0.92 {
        return 3;
    }
    let part = |whole: &str, part: &str| part.len() > 2 && whole.split(' ').any(|word| word == part);
    if part(a, b) || part(b, a) {
        return 2;
    }
    u8::from(likeness >= 0.8)
}

/// Of two whole names.
pub fn full(a: &str, b: &str, overlap: f64) -> u8 {
    if overlap > 0.99 {
        return 5;
    }
    let likeness = jaro_winkler(a.as_bytes(), b.as_bytes());
    if likeness >= 0.92 {
        return 4;
    }
    if overlap >= 0.6 {
        return 3;
    }
    if overlap >= 0.3 {
        return 2;
    }
    u8::from(likeness >= 0.8)
}

/// Of two names of organisations.
pub fn organisation(a: &str, b: &str, overlap: f64) -> u8 {
    if jaro_winkler(a.as_bytes(), b.as_bytes()) >= 0.94 {
        return 4;
    }
    if overlap >= 0.6 {
        return 3;
    }
    if initials(a, b) || initials(b, a) {
        return 2;
    }
    u8::from(overlap >= 0.25)
}

/// Whether `short` is made of the first letters of the words of `long`, at least three.
fn initials(long: &str, short: &str) -> bool {
    let letters = || long.split(' ').filter_map(|word| word.bytes().next());
    short.len() > 2 && !short.contains(' ') && letters().count() == short.len() && letters().eq(short.bytes())
}

/// Of two days, `yyyymmdd`.
pub fn day(a: &[u8], b: &[u8]) -> u8 {
    if a.len() != 8 || b.len() != 8 {
        return 0;
    }
    if within_edits(a, b, 1) {
        return 4;
    }
    let (year, month, date) = (a[..4] == b[..4], a[4..6] == b[4..6], a[6..] == b[6..]);
    if year && a[4..6] == b[6..] && a[6..] == b[4..6] {
        return 3;
    }
    if (month && date) || (year && (month || date)) {
        return 2;
    }
    u8::from(within_edits(a, b, 2))
}

/// Of two e-mail addresses.
pub fn mail(a: &str, b: &str) -> u8 {
    let mailbox = |address: &str| address.rsplit_once('@').map_or(address.len(), |(user, _)| user.len());
    let (x, y) = (&a[..mailbox(a)], &b[..mailbox(b)]);
    if x == y {
        return 2;
    }
    if within_edits(a.as_bytes(), b.as_bytes(), 1) {
        return 3;
    }
    u8::from(jaro_winkler(x.as_bytes(), y.as_bytes()) >= 0.92)
}

/// Of two telephone numbers, digits. Without its area code one is the end of the other.
pub fn phone(a: &[u8], b: &[u8]) -> u8 {
    if a.len().min(b.len()) < 6 {
        return 0;
    }
    if a.len().min(b.len()) > 6 && within_edits(a, b, 1) {
        return 2;
    }
    u8::from(a.ends_with(b) || b.ends_with(a))
}

/// Of two of few values, such as CA and Canada.
pub fn category(a: &str, b: &str) -> u8 {
    u8::from(a.len().min(b.len()) > 1 && (a.starts_with(b) || b.starts_with(a)))
}

/// Of two amounts.
pub fn number(a: &str, b: &str) -> u8 {
    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else { return 0 };
    let off = (a - b).abs() / a.abs().max(b.abs()).max(f64::MIN_POSITIVE);
    if off <= 0.01 { 2 } else { u8::from(off <= 0.05) }
}

/// Of two texts.
pub fn text(a: &str, b: &str, overlap: f64) -> u8 {
    if overlap >= 0.8 || jaro_winkler(a.as_bytes(), b.as_bytes()) >= 0.95 {
        return 3;
    }
    if overlap >= 0.5 { 2 } else { u8::from(overlap >= 0.25) }
}

/// What stands before the first blank.
pub fn first_word(name: &str) -> &str {
    name.split(' ').next().unwrap_or_default()
}
