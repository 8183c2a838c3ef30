//! Towns: case, stray signs, and the postcode that stood in the same field.
//!
//! Case is settled as for names, with the small words of place names (am, de, la, of) left small. What the town is called stays
//! as it was written: Munich is not made München.
//!
//! Deliberately missing: a list of towns, districts and their spellings.

use std::borrow::Cow;

use super::MAX_BYTES;
use crate::case::{Case, case_of, lower, push_proper};
use crate::code::Country;
use crate::flag::{Cleaned, Flag};
use crate::{placeholder, postcode, text};

/// Words that stay small inside the name of a street or town.
const SMALL: &[&str] = &[
    "a", "aan", "am", "an", "and", "auf", "aux", "bei", "da", "das", "de", "del", "della", "delle", "dem", "den", "der", "des",
    "di", "do", "dos", "du", "e", "en", "et", "im", "in", "la", "las", "le", "les", "los", "of", "op", "sous", "sur", "the",
    "und", "van", "vom", "von", "y", "zum", "zur",
];

/// The usual case of a street or town that lost it; `None` when it has one.
pub(super) fn place_case(text: &str) -> Option<String> {
    if matches!(case_of(text), Case::Mixed | Case::None) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let lower = lower(word);
        let bare = lower.trim_end_matches('.');
        if matches!(bare, "n" | "s" | "w" | "ne" | "nw" | "sw") {
            out.push_str(&word.to_uppercase());
        } else if (at > 0 && SMALL.contains(&lower.as_str())) || word.starts_with(|c: char| c.is_ascii_digit()) {
            out.push_str(&lower);
        } else {
            push_proper(&mut out, word);
        }
    }
    let settled = text::settled(out.clone());
    if settled == text {
        return None;
    }
    // A capital made room for an accent or another letter: once more, on a shorter text.
    if settled == out { Some(out) } else { Some(place_case(&settled).unwrap_or(settled)) }
}

/// A town, and the postcode that stood in the same field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct City<'a> {
    /// The name of the town.
    pub name: Cow<'a, str>,
    /// The postcode beside it.
    pub postcode: Option<Cow<'a, str>>,
}

/// Reads a town.
pub fn clean_city(raw: &str, country: Option<Country>) -> Cleaned<City<'_>> {
    if raw.len() > MAX_BYTES {
        return Cleaned::refused(Flag::TooLong);
    }
    let (text, mut flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    if let Some(flag) = placeholder::verdict(&text) {
        return Cleaned::refused(flag);
    }
    if !text.chars().any(char::is_alphabetic) {
        return Cleaned::refused(Flag::NoLetters);
    }
    let mut city = City { name: text, postcode: None };
    if country.is_some() && city.name.bytes().any(|b| b.is_ascii_digit()) {
        let read = postcode::clean(&city.name, country);
        if let Some(postcode::Postcode { code, city: Some(name) }) = read.value.map(postcode::Postcode::into_owned) {
            flags = flags.union(read.flags);
            city = City { name, postcode: Some(code) };
        }
    }
    let trimmed = city.name.trim_matches([',', ';', '.', ' ', '-']);
    if trimmed.len() < city.name.len() && !city.name.ends_with('.') {
        flags.raise(Flag::StrayPunctuation);
        city.name = Cow::Owned(trimmed.to_owned());
    }
    if let Some(cased) = place_case(&city.name) {
        flags.raise(Flag::CaseChanged);
        city.name = Cow::Owned(cased);
    }
    Cleaned::some(city, flags)
}
