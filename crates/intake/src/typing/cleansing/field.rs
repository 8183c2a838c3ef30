//! One value of one field: what is stored, what was done to it, and what it tells beside itself.
//!
//! `clew_cleanse` reads values; here is only which of its readers a column has, and how the parts that it finds are laid out in a
//! table: the value that stays in the column, and the entries of `derived` (JSON, `"key":"value"`, joined by commas) for what was
//! split off or follows from it. Everything here is a function of the value, its country and the source's conventions, so it can be
//! remembered per distinct value.
//!
//! Two rules that the cleaner leaves to its caller. A number without country code and without a stated country is kept as it stands:
//! nothing is wrong with it. A postcode that does not fit a country which nobody stated is kept too: the country may be wrong.

use std::borrow::Cow;

use clew_cleanse::code::Country;
use clew_cleanse::email::{self, organisation_domain};
use clew_cleanse::flag::{Effect, Flag, Flags};
use clew_cleanse::person_name::{self, Layout, PersonName};
use clew_cleanse::text::{self, Lines};
use clew_cleanse::{address, phone, postcode, region};

use super::conventions::Conventions;
use crate::spec::NameOrder;
use crate::typing::json;

/// What a column holds, as far as cleansing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Word,
    /// Text in lines, in a language.
    Text,
    /// An e-mail address.
    Email,
    /// An e-mail address that stands for a person: the mailbox behind it.
    Mailbox,
    /// A telephone number.
    Phone,
    /// A whole name.
    FullName,
    /// Given names.
    GivenName,
    /// A family name.
    FamilyName,
    /// A street line.
    Street,
    /// A postcode.
    Postcode,
    /// A town.
    City,
}

/// How many kinds there are.
pub const KINDS: usize = Kind::City as usize + 1;

impl Kind {
    /// What a column of text holds; none where it is stored as it comes (ids, JSON) or has a reader of its own.
    pub fn of(table: &str, column: &str) -> Option<Self> {
        Some(match (table, column) {
            ("events", "conversation_id" | "reference" | "outcome" | "agent_id" | "team" | "location" | "product")
            | ("records", "region" | "organisation")
            | ("responses", "survey" | "question" | "about_conversation" | "about_reference" | "collector") => Self::Word,
            ("events" | "responses", "text") => Self::Text,
            ("records", "full_name") => Self::FullName,
            ("records", "given_name") => Self::GivenName,
            ("records", "family_name") => Self::FamilyName,
            ("records", "emails") => Self::Email,
            ("records", "phones") => Self::Phone,
            ("records", "street") => Self::Street,
            ("records", "postcode") => Self::Postcode,
            ("records", "city") => Self::City,
            _ => return None,
        })
    }

    /// Whether the same text may mean another value in another country.
    pub const fn has_country(self) -> bool {
        matches!(self, Self::Phone | Self::Street | Self::Postcode | Self::City)
    }

    /// Whether it belongs to people only: of an organisation the same column is plain text.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::FullName | Self::GivenName | Self::FamilyName)
    }
}

/// Where a value belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The country, stated by the row, else by the source.
    pub country: Option<Country>,
    /// Whether the row states it.
    pub is_stated: bool,
}

/// What becomes of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// It is stored as it was given.
    #[default]
    Same,
    /// This is stored in its place.
    Other(Box<str>),
    /// There is none.
    Nothing,
}

/// A value that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What is stored.
    pub value: Value,
    /// What was done, noticed or refused.
    pub flags: Flags,
    /// Entries of `derived`; mostly empty.
    pub derived: Box<str>,
}

impl Reading {
    /// `value` is stored for `raw`. A change always has a flag.
    fn of(raw: &str, value: &str, mut flags: Flags, derived: Entries) -> Self {
        let derived = derived.0.into_boxed_str();
        if value == raw {
            return Self { value: Value::Same, flags, derived };
        }
        flags.raise_if(flags.with_effect(Effect::Changed).is_empty(), Flag::Reformatted);
        Self { value: Value::Other(value.into()), flags, derived }
    }

    fn nothing(flags: Flags) -> Self {
        Self { value: Value::Nothing, flags, derived: Box::default() }
    }
}

/// Entries of a JSON object under construction.
#[derive(Default)]
struct Entries(String);

impl Entries {
    fn put(&mut self, key: &str, value: &str) {
        json::entry(&mut self.0, key, value);
    }

    fn put_some(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }
}

/// Reads `raw` as a value of `kind`.
pub fn read(kind: Kind, raw: &str, place: Place, conventions: &Conventions) -> Reading {
    match kind {
        Kind::Word => line(raw, Lines::Join),
        Kind::Text => line(raw, Lines::Keep),
        Kind::Email | Kind::Mailbox => mail(kind, raw),
        Kind::Phone => number(raw, place.country),
        Kind::FullName => whole_name(raw, conventions.names),
        Kind::GivenName => part_of_name(raw, Layout::Given),
        Kind::FamilyName => part_of_name(raw, Layout::Family),
        Kind::Street => street(raw, place.country),
        Kind::Postcode => code(raw, place),
        Kind::City => town(raw, place.country),
    }
}

fn line(raw: &str, lines: Lines) -> Reading {
    let read = text::clean_lines(raw, lines);
    match read.value {
        Some(Cow::Borrowed(text)) if text.len() == raw.len() => Reading { flags: read.flags, ..Reading::default() },
        Some(text) => Reading::of(raw, &text, read.flags, Entries::default()),
        None => Reading::nothing(read.flags),
    }
}

fn mail(kind: Kind, raw: &str) -> Reading {
    let read = email::clean(raw);
    let Some(address) = read.value else { return Reading::nothing(read.flags) };
    // A private mailbox is nothing odd: what it means is that no organisation follows from it.
    let mut flags = read.flags.without(Flag::FreeMail);
    let mut derived = Entries::default();
    derived.put_some("organisation_domain", organisation_domain(&address));
    let mailbox = address.mailbox();
    let has_alias = mailbox != address.as_str();
    if kind == Kind::Mailbox {
        flags.raise_if(has_alias, Flag::AliasResolved);
        return Reading::of(raw, &mailbox, flags, derived);
    }
    derived.put_some("mailbox", has_alias.then_some(&*mailbox));
    Reading::of(raw, address.as_str(), flags, derived)
}

fn number(raw: &str, country: Option<Country>) -> Reading {
    let read = phone::clean(raw, country);
    let Some(number) = read.value else {
        if read.flags.has(Flag::MissingCountry) {
            let plain = line(raw, Lines::Join);
            return Reading { flags: plain.flags.with(Flag::MissingCountry), ..plain };
        }
        return Reading::nothing(read.flags);
    };
    let mut derived = Entries::default();
    derived.put_some("country_of_phone", number.country.as_ref().map(Country::as_str));
    derived.put("line_type", number.line_type.code());
    derived.put_some("phone_extension", number.extension());
    Reading::of(raw, number.as_str(), read.flags, derived)
}

/// Titles by the field that they belong to, so that two fields of a row never tell the same entry.
fn titles(name: &PersonName, layout: Layout, derived: &mut Entries) {
    if layout != Layout::Family {
        derived.put_some("honorific", name.honorific.as_deref());
        derived.put_some("nickname", name.nickname.as_deref());
    }
    if layout != Layout::Given {
        derived.put_some("name_suffix", name.suffix.as_deref());
    }
}

fn whole_name(raw: &str, order: NameOrder) -> Reading {
    let reordered = (order == NameOrder::FamilyGiven && !raw.contains(','))
        .then(|| raw.trim().split_once(char::is_whitespace))
        .flatten()
        .map(|(family, given)| format!("{family}, {}", given.trim_start()));
    let read = match &reordered {
        Some(text) if !person_name::is_organisation(raw.trim()) => person_name::clean(text, Layout::Full),
        _ => person_name::clean(raw, Layout::Full),
    };
    let Some(name) = read.value else { return Reading::nothing(read.flags) };
    let mut derived = Entries::default();
    if let Some(organisation) = &name.organisation {
        return Reading::of(raw, organisation, read.flags, derived);
    }
    let parts = [("given_name", &name.given), ("middle_name", &name.middle), ("family_name", &name.family)];
    let mut whole = String::with_capacity(raw.len());
    for (key, part) in parts {
        let Some(part) = part.as_deref() else { continue };
        derived.put(key, part);
        if !whole.is_empty() {
            whole.push(' ');
        }
        whole.push_str(part);
    }
    titles(&name, Layout::Full, &mut derived);
    if whole.is_empty() { Reading::nothing(read.flags) } else { Reading::of(raw, &whole, read.flags, derived) }
}

fn part_of_name(raw: &str, layout: Layout) -> Reading {
    let read = person_name::clean(raw, layout);
    let Some(name) = read.value else { return Reading::nothing(read.flags) };
    let mut derived = Entries::default();
    titles(&name, layout, &mut derived);
    match name.given.or(name.family).or(name.organisation) {
        Some(part) => Reading::of(raw, &part, read.flags, derived),
        None => Reading::nothing(read.flags),
    }
}

/// The street line without its apartment, in the order in which it was written; the parts stand in `derived`.
fn street(raw: &str, country: Option<Country>) -> Reading {
    let read = address::clean_street(raw, country);
    let Some(parts) = read.value else { return Reading::nothing(read.flags) };
    let mut derived = Entries::default();
    derived.put_some("street_name", parts.street.as_deref());
    derived.put_some("house_number", parts.house_number.as_deref());
    derived.put_some("unit", parts.unit.as_deref());
    derived.put_some("po_box", parts.po_box.as_deref());
    derived.put_some("address_addition", parts.addition.as_deref());
    if parts.street.is_none() && parts.house_number.is_none() {
        // Only a box, an apartment or the name of a house: there is no line to write anew.
        let plain = text::clean(raw).value.unwrap_or_default();
        return Reading::of(raw, &plain, read.flags.without(Flag::UnitSplit), derived);
    }
    let lower = raw.to_lowercase();
    let place_of = |part: Option<&str>| lower.find(&part?.split(' ').next()?.to_lowercase());
    let mut line = match (place_of(parts.house_number.as_deref()), place_of(parts.street.as_deref())) {
        (Some(number), Some(street)) if number != street => {
            let (number_text, street_text) =
                (parts.house_number.as_deref().unwrap_or_default(), parts.street.as_deref().unwrap_or_default());
            if number < street { format!("{number_text} {street_text}") } else { format!("{street_text} {number_text}") }
        }
        _ => parts.line(country),
    };
    if let Some(number) = parts.po_box.as_deref() {
        line = format!("{line}, PO Box {number}");
    }
    if let Some(addition) = parts.addition.as_deref() {
        let is_first = place_of(Some(addition)) == Some(raw.len() - raw.trim_start().len());
        line = if is_first { format!("{addition}, {line}") } else { format!("{line}, {addition}") };
    }
    Reading::of(raw, &line, read.flags, derived)
}

fn code(raw: &str, place: Place) -> Reading {
    let mut read = postcode::clean(raw, place.country);
    let mut country = place.country;
    if read.flags.has(Flag::InvalidPostcode) && !place.is_stated {
        (read, country) = (postcode::clean(raw, None), None);
    }
    let Some(found) = read.value else { return Reading::nothing(read.flags) };
    let mut derived = Entries::default();
    derived.put_some("region", country.and_then(|country| region::of_postcode(country, &found.code)));
    derived.put_some("city", found.city.as_deref());
    Reading::of(raw, &found.code, read.flags, derived)
}

fn town(raw: &str, country: Option<Country>) -> Reading {
    let read = address::clean_city(raw, country);
    let Some(town) = read.value else { return Reading::nothing(read.flags) };
    let mut derived = Entries::default();
    derived.put_some("postcode", town.postcode.as_deref());
    Reading::of(raw, &town.name, read.flags, derived)
}

/// The identifiers that somebody may mean who looks for `text`, as they are stored: the text in lower case, the mailbox of an address, the
/// number in E.164.
pub fn identifiers_meant(text: &str) -> Vec<String> {
    let mut meant = vec![text.trim().to_lowercase()];
    meant.extend(email::clean(text).value.map(|address| address.mailbox().into_owned()));
    meant.extend(phone::clean(text, None).value.map(|number| number.as_str().to_owned()));
    meant.dedup();
    meant
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value, flags and derived entries in one line.
    fn shown(kind: Kind, raw: &str, country: Option<&str>, conventions: &Conventions) -> String {
        let country = country.and_then(Country::from_code);
        let read = read(kind, raw, Place { country, is_stated: country.is_some() }, conventions);
        let value = match &read.value {
            Value::Same => "=",
            Value::Other(value) => value,
            Value::Nothing => "-",
        };
        let flags: Vec<&str> = read.flags.codes().collect();
        [value, &flags.join(" "), &read.derived].join(" | ")
    }

    #[test]
    fn values_are_laid_out_in_value_flags_and_derived() {
        for (kind, raw, country, expected) in [
            (Kind::Word, "ord 7", None, "= |  | "),
            (Kind::Word, " ord  7", None, "ord 7 | trimmed inner_space | "),
            (Kind::Word, "  ", None, "- |  | "),
            (Kind::Text, "Great!\r\n\r\n Thanks ", None, "Great!\nThanks | trimmed inner_space | "),
            (Kind::Email, "Ann@Acme.com ", None, r#"ann@acme.com | trimmed case_changed | "organisation_domain":"acme.com""#),
            (Kind::Email, "ann.lee+shop@gmail.com", None, r#"= |  | "mailbox":"annlee@gmail.com""#),
            (Kind::Mailbox, "ann.lee+shop@gmail.com", None, "annlee@gmail.com | alias_resolved | "),
            (Kind::Mailbox, "info@acme.com", None, r#"= | role_address | "organisation_domain":"acme.com""#),
            (Kind::Email, "test@test.com", None, "- | test_value | "),
            (Kind::Email, "ann(at)acme", None, "- | invalid_email | "),
            (
                Kind::Phone,
                "030 901820",
                Some("DE"),
                r#"+4930901820 | reformatted country_assumed | "country_of_phone":"DE","line_type":"fixed_line""#,
            ),
            (Kind::Phone, "030 901820", None, "= | missing_country | "),
            (Kind::Phone, "0000000000", None, "- | placeholder | "),
            (
                Kind::FullName,
                "LEE, Dr. ANN",
                None,
                r#"Ann Lee | case_changed honorific_split name_reordered | "given_name":"Ann","family_name":"Lee","honorific":"Dr""#,
            ),
            (Kind::GivenName, "test", None, "- | test_value | "),
            (Kind::FamilyName, "ann@acme.com", None, "- | email_in_name | "),
            (Kind::FullName, "Acme Holdings Ltd", None, "= | organisation_in_name | "),
            (
                Kind::Street,
                "Hauptstr. 5",
                Some("DE"),
                r#"Hauptstraße 5 | abbreviation_expanded | "street_name":"Hauptstraße","house_number":"5""#,
            ),
            (
                Kind::Street,
                "12 High St Apt 4",
                Some("GB"),
                r#"12 High Street | abbreviation_expanded unit_split | "street_name":"High Street","house_number":"12","unit":"Apt 4""#,
            ),
            (Kind::Street, "Lindenweg 5", None, r#"= |  | "street_name":"Lindenweg","house_number":"5""#),
            (Kind::Postcode, "D-10115 Berlin", Some("DE"), r#"10115 | reformatted city_split | "region":"BE","city":"Berlin""#),
            (Kind::Postcode, "ABC", Some("DE"), "- | invalid_postcode | "),
            (Kind::City, "MÜNCHEN", Some("DE"), "München | case_changed | "),
            (Kind::City, "n/a", None, "- | placeholder | "),
        ] {
            assert_eq!(shown(kind, raw, country, &Conventions::default()), expected, "{kind:?} {raw:?}");
        }
    }

    #[test]
    fn a_whole_name_is_read_in_the_stated_order() {
        let mut family_first = Conventions::default();
        family_first.names = NameOrder::FamilyGiven;
        for (raw, expected) in
            [("Nagy Ferenc", "Ferenc Nagy"), ("Nagy, Ferenc", "Ferenc Nagy"), ("Nagy", "="), ("Acme Holdings Ltd", "=")]
        {
            let shown = shown(Kind::FullName, raw, None, &family_first);
            assert!(shown.starts_with(expected), "{raw}: {shown}");
        }
    }

    #[test]
    fn who_looks_for_an_identifier_finds_it_as_it_is_stored() {
        assert_eq!(identifiers_meant("Ann.Lee@Gmail.com"), ["ann.lee@gmail.com", "annlee@gmail.com"]);
        assert_eq!(identifiers_meant(" +49 30 901820"), ["+49 30 901820", "+4930901820"]);
        assert_eq!(identifiers_meant("C-17"), ["c-17"]);
    }

    #[test]
    fn a_postcode_of_a_country_that_nobody_stated_is_kept() {
        let place = Place { country: Country::from_code("US"), is_stated: false };
        let read = read(Kind::Postcode, "SW1A 1AA", place, &Conventions::default());
        assert_eq!((read.value, &*read.derived), (Value::Same, ""));
    }
}
