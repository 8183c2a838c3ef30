//! The columns of records, each value kept once.
//!
//! A column is a dictionary of folded values in ascending order and one code a record; code 0 is no value. Because the dictionary is sorted,
//! nothing that follows depends on the order of the records: the same records give the same codes, counts, samples and sums.

use std::collections::{BTreeMap, BinaryHeap};

use clew_stats::dice::mix;
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::dictionary::{Dictionary, Texts, sorted};
use super::fold::{self, DayOrder};

/// What a column says about a person, an organisation or a thing: how its values are folded, compared and blocked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Given name.
    GivenName,
    /// Family name.
    FamilyName,
    /// A whole name.
    FullName,
    /// Name of an organisation.
    Organisation,
    /// A day, such as that of birth.
    Date,
    /// E-mail address.
    Email,
    /// Telephone number.
    Phone,
    /// Street, with or without house number.
    Street,
    /// House number alone.
    HouseNumber,
    /// Town or suburb.
    City,
    /// Postal code.
    Postcode,
    /// Identity number: insurance, passport, licence, customer number.
    Code,
    /// One of few values: sex, state, type.
    Category,
    /// An amount.
    Number,
    /// Words.
    Text,
}

/// One column of the records.
#[derive(Clone, Debug)]
pub struct Column {
    /// As the source calls it.
    pub name: String,
    /// What it says.
    pub kind: Kind,
    /// By record: position in `values`, from 1; 0 is no value.
    pub codes: Vec<u32>,
    /// Folded values, ascending; the first is the empty one of code 0.
    pub values: Texts,
    /// Records by code; 0 for code 0.
    pub counts: Vec<u32>,
    /// How its days are read.
    order: DayOrder,
}

/// How the values of a column are folded, for records that come afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// As the source calls it.
    pub name: String,
    /// What it says.
    pub kind: Kind,
    /// Which part of an address it is; 0 for what is none.
    pub part: usize,
    order: DayOrder,
}

impl Field {
    /// A value in the spelling in which it is compared; empty for none.
    pub fn folded(&self, raw: &str) -> String {
        fold_as(beginning(raw.trim()), self.kind, self.order)
    }
}

/// Bytes of a value that are compared; what follows tells nobody apart. Bounds the memory that a damaged file can ask for.
const MOST_BYTES: usize = 256;

impl Column {
    /// Folds and encodes one value a record.
    pub fn new<'a>(name: &str, kind: Kind, raw: impl Iterator<Item = Option<&'a str>>) -> Self {
        Self::of(name, kind, &Dictionary::of(raw))
    }

    /// Folds the values of a dictionary, once each.
    pub fn of(name: &str, kind: Kind, raw: &Dictionary) -> Self {
        let order = if kind == Kind::Date { DayOrder::of(raw.counted()) } else { DayOrder::MonthDay };
        let mut folded = Texts::default();
        for value in &raw.values {
            folded.push(&fold_as(beginning(value), kind, order));
        }
        let (values, places) = sorted(&folded);
        let codes: Vec<u32> = raw.codes.iter().map(|code| places[*code as usize]).collect();
        let counts = counts(&codes, values.len());
        Self { name: name.to_owned(), kind, codes, values, counts, order }
    }

    /// How its values are folded; `part` is which one of an address it is.
    pub fn field(&self, part: usize) -> Field {
        Field { name: self.name.clone(), kind: self.kind, part, order: self.order }
    }

    /// Share of records without a value.
    pub fn null_share(&self) -> f64 {
        let given: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        1.0 - given as f64 / (self.codes.len().max(1)) as f64
    }

    /// Different values.
    pub fn distinct(&self) -> usize {
        self.values.len() - 1
    }
}

/// How often each code occurs; 0 for the first, which is no value.
pub fn counts(codes: &[u32], distinct: usize) -> Vec<u32> {
    let mut counts = vec![0; distinct];
    for code in codes {
        counts[*code as usize] += 1;
    }
    counts[0] = 0;
    counts
}

/// What is compared of a value.
fn beginning(value: &str) -> &str {
    &value[..value.floor_char_boundary(MOST_BYTES)]
}

fn fold_as(raw: &str, kind: Kind, order: DayOrder) -> String {
    match kind {
        Kind::Email => fold::email(raw),
        Kind::Phone => fold::phone(raw),
        Kind::Code | Kind::Postcode | Kind::HouseNumber => fold::code(raw),
        Kind::Street => fold::street(raw),
        Kind::Organisation => fold::organisation(raw),
        Kind::Date => fold::date(raw, order),
        Kind::Number => raw.trim().to_owned(),
        Kind::Category => fold::category(raw),
        Kind::GivenName | Kind::FamilyName | Kind::FullName | Kind::City | Kind::Text => fold::text(raw),
    }
}

/// Several columns as one: each different combination of their values has a code, in ascending order of the parts' codes.
#[derive(Clone, Debug)]
pub struct Combined {
    /// By record; 0 where no part has a value.
    pub codes: Vec<u32>,
    /// By code: the parts' codes.
    pub parts: Vec<[u32; 4]>,
    /// Records by code.
    pub counts: Vec<u32>,
}

impl Combined {
    /// Combines up to four columns; a part that is absent has code 0 everywhere.
    pub fn new(columns: [Option<&Column>; 4]) -> Self {
        let records = columns.iter().flatten().map(|column| column.codes.len()).next().unwrap_or(0);
        let at = |record: usize| columns.map(|column| column.map_or(0, |column| column.codes[record]));
        let mut seen: FxHashMap<[u32; 4], u32> = FxHashMap::default();
        let mut codes = Vec::with_capacity(records);
        for record in 0..records {
            let parts = at(record);
            let next = seen.len() as u32 + 1;
            codes.push(if parts == [0; 4] { 0 } else { *seen.entry(parts).or_insert(next) });
        }
        let mut parts: Vec<([u32; 4], u32)> = seen.into_iter().collect();
        parts.sort_unstable();
        let mut rank = vec![0; parts.len() + 1];
        for ((_, code), place) in parts.iter().zip(1..) {
            rank[*code as usize] = place;
        }
        for code in &mut codes {
            *code = rank[*code as usize];
        }
        let counts = counts(&codes, parts.len() + 1);
        let parts = std::iter::once([0; 4]).chain(parts.into_iter().map(|(parts, _)| parts)).collect();
        Self { codes, parts, counts }
    }
}

/// Values by which a column is recognised.
const SAMPLE: usize = 2_000;

/// [`SAMPLE`] of the values, as often as they come: those whose hashes, of the value and of how many there were of it before, are lowest. So it
/// is the same sample in whatever order the values come, and a frequent value is in it as often as in one drawn from all.
fn sample<'a>(values: &Dictionary<'a>) -> Vec<&'a str> {
    let mut lowest: BinaryHeap<(u64, &str)> = BinaryHeap::with_capacity(SAMPLE + 1);
    for (value, count) in values.counted() {
        let value = beginning(value);
        let hash = xxh3_64(value.as_bytes());
        for n in 0..u64::from(count) {
            let drawn = (mix(hash.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))), value);
            if lowest.len() < SAMPLE {
                lowest.push(drawn);
            } else if lowest.peek().is_some_and(|highest| drawn < *highest) {
                lowest.pop();
                lowest.push(drawn);
            }
        }
    }
    lowest.into_iter().map(|(_, value)| value).collect()
}

/// The most values that a column may have and still be called a category.
const MOST_CATEGORIES: usize = 60;

/// What a column says, by its name and, where that tells nothing, by a sample of its values. `None` for what says nothing about who it is: row
/// numbers, time stamps, columns that are empty or always the same.
pub fn recognise(name: &str, values: &Dictionary) -> Option<Kind> {
    let sample = sample(values);
    let mut distinct: BTreeMap<&str, usize> = BTreeMap::new();
    for value in &sample {
        *distinct.entry(value).or_default() += 1;
    }
    if distinct.len() < 2 {
        return None;
    }
    let share = |is: &dyn Fn(&str) -> bool| sample.iter().filter(|value| is(value)).count() as f64 / sample.len() as f64;
    if share(&|value| value.contains('@') && !fold::email(value).is_empty()) > 0.8 {
        return Some(Kind::Email);
    }
    let name = fold::text(&separated(name));
    if says_nothing(&name) {
        return None;
    }
    if let Some(kind) = by_name(&name) {
        return Some(kind);
    }
    let digits = |value: &str| value.bytes().filter(u8::is_ascii_digit).count();
    if share(&|value| is_day(value)) > 0.8 {
        return Some(Kind::Date);
    }
    if share(&|value| (7..=15).contains(&digits(value)) && value.bytes().all(|b| b.is_ascii_digit() || b" +-()./".contains(&b)))
        > 0.8
    {
        return Some(if distinct.len() * 2 > sample.len() { Kind::Phone } else { Kind::Code });
    }
    if distinct.len() <= MOST_CATEGORIES.max(sample.len() / 6) && distinct.len() * 5 < sample.len() {
        return Some(Kind::Category);
    }
    if share(&|value| value.parse::<f64>().is_ok()) > 0.9 {
        return None;
    }
    let words = |value: &str| value.split_whitespace().count();
    if share(&|value| words(value) >= 3 && digits(value) > 0) > 0.5 {
        return Some(Kind::Street);
    }
    Some(if share(&|value| words(value) > 4) > 0.3 { Kind::Text } else { Kind::FullName })
}

/// `dateOfBirth`, `date_of_birth` and `date-of-birth` as words.
fn separated(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut lower = false;
    for letter in name.chars() {
        if lower && letter.is_uppercase() {
            out.push(' ');
        }
        lower = letter.is_lowercase();
        out.push(letter);
    }
    out
}

fn is_day(value: &str) -> bool {
    let folded = fold::date(value, DayOrder::MonthDay);
    folded.len() == 8 && folded.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a name is that of what is known of a record, and not of whom it is about: what kind of telephone number is given, when the row was
/// written, whether the account is closed.
fn says_nothing(name: &str) -> bool {
    const OF_RECORDS: [&str; 8] = ["type", "status", "created", "updated", "modified", "changed", "inserted", "timestamp"];
    let mut words = name.split(' ').filter(|word| !["at", "on", "date", "time"].contains(word));
    words.next_back().is_some_and(|last| OF_RECORDS.contains(&last))
}

fn by_name(name: &str) -> Option<Kind> {
    let has = |words: &[&str]| words.iter().any(|word| name == *word || name.split(' ').any(|part| part == *word));
    let contains = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    // What such a name begins with is not what the column holds: the country of a passport is no passport.
    let last = name.rsplit(' ').next().unwrap_or_default();
    if ["category", "class", "kind", "role", "state", "province", "region", "country"].contains(&last) {
        return Some(Kind::Category);
    }
    if contains(&["email", "e mail"]) || has(&["mail"]) {
        return Some(Kind::Email);
    }
    if contains(&["phone", "mobile", "telefon", "handy"]) || has(&["tel", "cell", "fax"]) {
        return Some(Kind::Phone);
    }
    if has(&["dob", "geburtsdatum"]) || (contains(&["birth"]) && !contains(&["place", "city", "country"])) {
        return Some(Kind::Date);
    }
    if contains(&["given name", "first name", "firstname", "forename", "vorname", "givenname", "name first"]) || has(&["fname"]) {
        return Some(Kind::GivenName);
    }
    if contains(&["family name", "last name", "lastname", "surname", "nachname", "familyname", "name last"]) || has(&["lname"]) {
        return Some(Kind::FamilyName);
    }
    if contains(&["company", "organisation", "organization", "employer", "business", "firma", "name org"]) {
        return Some(Kind::Organisation);
    }
    if contains(&["postcode", "postal code", "zip", "plz"]) {
        return Some(Kind::Postcode);
    }
    if contains(&["house number", "street number", "street no", "house no", "hausnummer"]) {
        return Some(Kind::HouseNumber);
    }
    if contains(&["street", "address 1", "address line 1", "addr line1", "strasse"]) || name == "address" {
        return Some(Kind::Street);
    }
    if contains(&["city", "town", "suburb", "locality"]) || has(&["ort"]) {
        return Some(Kind::City);
    }
    if contains(&[
        "ssn",
        "soc sec",
        "social security",
        "passport",
        "licence",
        "license",
        "national id",
        "tax id",
        "insurance number",
    ]) || has(&["vat", "iban"])
    {
        return Some(Kind::Code);
    }
    if has(&["sex", "gender", "bundesland", "state", "country"]) {
        return Some(Kind::Category);
    }
    if contains(&["full name", "name full", "fullname"]) || name == "name" {
        return Some(Kind::FullName);
    }
    if has(&["amount", "price", "total"]) {
        return Some(Kind::Number);
    }
    if has(&["memo", "description", "title", "text"]) {
        return Some(Kind::Text);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_do_not_depend_on_the_order_of_records() {
        let raw = [Some("Zoë"), None, Some("anna"), Some("zoe"), Some(" ")];
        let column = Column::new("first_name", Kind::GivenName, raw.iter().copied());
        assert_eq!(column.codes, [2, 0, 1, 2, 0]);
        assert_eq!(column.counts, [0, 1, 2]);
        let mut turned = raw;
        turned.reverse();
        let turned = Column::new("first_name", Kind::GivenName, turned.iter().copied());
        assert_eq!(turned.values, column.values);
        assert_eq!(turned.codes, [0, 2, 1, 0, 2]);
    }

    fn kind_of(name: &str, values: &[&str]) -> Option<Kind> {
        recognise(name, &Dictionary::of(values.iter().map(|value| Some(*value))))
    }

    #[test]
    fn columns_are_known_by_name_or_content() {
        let names =
            ["given_name", "surname", "address_1", "soc_sec_id", "street_number", "suburb", "dateOfBirth", "PRIMARY_NAME_ORG"];
        let kinds = [
            Kind::GivenName,
            Kind::FamilyName,
            Kind::Street,
            Kind::Code,
            Kind::HouseNumber,
            Kind::City,
            Kind::Date,
            Kind::Organisation,
        ];
        for (name, kind) in names.into_iter().zip(kinds) {
            assert_eq!(kind_of(name, &["a", "b"]), Some(kind), "{name}");
        }
        assert_eq!(kind_of("PASSPORT_COUNTRY", &["a", "b"]), Some(Kind::Category));
        assert_eq!(kind_of("PASSPORT_NUMBER", &["a", "b"]), Some(Kind::Code));
        for name in ["phoneType", "STATUS", "created_at", "date updated"] {
            assert_eq!(kind_of(name, &["a", "b"]), None, "{name}");
        }
        assert_eq!(kind_of("x", &["a@b.de", "c@d.org"]), Some(Kind::Email));
        assert_eq!(kind_of("x", &["1980-01-02", "1990-12-31"]), Some(Kind::Date));
        assert_eq!(kind_of("x", &["1", "2", "3"]), None);
        assert_eq!(kind_of("surname", &["a", "a"]), None);
    }

    #[test]
    fn what_a_column_says_does_not_depend_on_the_order_of_records() {
        // A file that was sorted: the first thousands are no addresses.
        let values: Vec<String> =
            (0..30_000).map(|n| if n < 3_000 { "none".to_owned() } else { format!("p{n}@x.org") }).collect();
        let forward = Dictionary::of(values.iter().map(|value| Some(value.as_str())));
        let backward = Dictionary::of(values.iter().rev().map(|value| Some(value.as_str())));
        assert_eq!(recognise("x", &forward), Some(Kind::Email));
        assert_eq!(recognise("x", &backward), Some(Kind::Email));
        let (mut lowest, mut reversed) = (sample(&forward), sample(&backward));
        lowest.sort_unstable();
        reversed.sort_unstable();
        assert_eq!(lowest, reversed);
        let none = lowest.iter().filter(|value| **value == "none").count();
        assert!((140..260).contains(&none), "a tenth of 2,000, give or take four standard errors: {none}");
    }
}
