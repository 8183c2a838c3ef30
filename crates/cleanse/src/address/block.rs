//! A whole address in one field: lines, or one line with commas.
//!
//! It is read from its end, where addresses are most regular: a country, then town and postcode, then what is left is the
//! street line. In North America a state stands between town and postcode, in Great Britain the postcode has its own line. A field
//! without a postcode that fits its country is split into street and last line only if the country's own line says so.
//!
//! Deliberately missing: names of persons above the street; they are kept as addition.

use std::borrow::Cow;

use super::{City, MAX_BYTES, Street, clean_city, clean_street};
use crate::code::{self, Country};
use crate::flag::{Cleaned, Effect, Flag, Flags};
use crate::text::{self, Lines};
use crate::{placeholder, postcode, region};

/// The parts of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Street, number, unit, box, addition.
    pub street: Street<'static>,
    /// The postcode as its country writes it.
    pub postcode: Option<String>,
    /// The town.
    pub city: Option<String>,
    /// The region: as written between town and postcode, else by the postcode.
    pub region: Option<String>,
    /// The country: as written, else the stated one.
    pub country: Option<Country>,
}

/// Reads an address of one or several lines; `country` holds where the text names none.
pub fn clean_block(raw: &str, country: Option<Country>) -> Cleaned<Address> {
    if raw.len() > 2 * MAX_BYTES {
        return Cleaned::refused(Flag::TooLong);
    }
    let Cleaned { value, mut flags } = text::clean_lines(raw, Lines::Keep);
    let Some(text) = value else { return Cleaned { value: None, flags } };
    if let Some(flag) = placeholder::verdict(&text) {
        return Cleaned::refused(flag);
    }
    let mut lines: Vec<&str> = text.split(['\n', ',', ';']).map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut address = Address { country, ..Address::default() };
    if let [_, .., last] = lines[..]
        && !last.bytes().any(|b| b.is_ascii_digit())
        && let Cleaned { value: Some(found), .. } = code::country(last)
        // "CA" behind a town is California before it is Canada.
        && last.len() > 2
    {
        address.country = Some(found);
        lines.pop();
    }
    let known = address.country;
    // The last line with a postcode, and the town beside or above it.
    if let Some(at) =
        lines.iter().rposition(|line| known.is_some() && line.bytes().any(|b| b.is_ascii_digit()) && place(line, known).is_some())
        && (at > 0 || lines.len() == 1)
        && let Some(found) = place(lines[at], known)
    {
        flags = flags.union(found.flags.with_effect(Effect::Changed).without(Flag::CitySplit));
        address.postcode = Some(found.postcode);
        address.region = found.region;
        let above = found.city.is_none();
        address.city = found.city;
        lines.truncate(at);
        // The state may have taken the line: "Camden, NJ 08030", "London, SW1A 1AA".
        if above && lines.len() > 1 {
            address.city = lines.pop().map(str::to_owned);
        }
    }
    if let Some(city) = address.city.take() {
        let city = clean_city(&city, None);
        flags = flags.union(city.flags.with_effect(Effect::Changed));
        address.city = city.value.map(|City { name, .. }| Cow::into_owned(name));
    }
    if address.region.is_none()
        && let (Some(country), Some(postcode)) = (address.country, &address.postcode)
    {
        address.region = region::of_postcode(country, postcode).map(str::to_owned);
    }
    let lines = lines.join("\n");
    let street = clean_street(&lines, address.country);
    flags = flags.union(street.flags);
    let refused = street.flags;
    address.street = street.value.map(Street::into_owned).unwrap_or_default();
    let nothing = address.postcode.is_none() && address.city.is_none() && address.street == Street::default();
    if nothing { Cleaned { value: None, flags: refused } } else { Cleaned::some(address, flags) }
}

struct Place {
    postcode: String,
    city: Option<String>,
    region: Option<String>,
    flags: Flags,
}

/// Postcode, town and state of a line, if it has a postcode of the country.
fn place(line: &str, country: Option<Country>) -> Option<Place> {
    let read = postcode::clean(line, country);
    if let Some(found) = read.value {
        // A bare house number is no postcode with a lost zero.
        let whole = found.city.is_some() || !read.flags.has(Flag::LeadingZeroRestored);
        if whole && !starts_with_number_and_street(line, found.city.as_deref()) {
            let (city, region) = split_state(found.city.as_deref(), country);
            return Some(Place { postcode: found.code.into_owned(), city, region, flags: read.flags });
        }
    }
    None
}

/// "1515 Adela Lane": four digits and a street, where a country has four digits and a town.
fn starts_with_number_and_street(line: &str, city: Option<&str>) -> bool {
    city.is_some_and(|city| {
        line.starts_with(|c: char| c.is_ascii_digit()) && city.rsplit(' ').next().is_some_and(super::is_street_word)
    })
}

/// "Las Vegas NV": a state of two capitals behind the town, or alone.
fn split_state(city: Option<&str>, country: Option<Country>) -> (Option<String>, Option<String>) {
    let Some(city) = city else { return (None, None) };
    if !matches!(country.as_ref().map(Country::as_str), Some("US" | "CA" | "AU" | "BR" | "MX" | "IN")) {
        return (Some(city.to_owned()), None);
    }
    let (town, state) = city.rsplit_once(' ').unwrap_or(("", city));
    let is_state = (2..=3).contains(&state.len()) && state.bytes().all(|b| b.is_ascii_uppercase());
    if !is_state {
        return (Some(city.to_owned()), None);
    }
    let town = town.trim_end_matches([',', ' ', '-']);
    ((!town.is_empty()).then(|| town.to_owned()), Some(state.to_owned()))
}
