//! How alike two records are in one respect, as one of a few levels.
//!
//! Level 0 says that one of them tells nothing, level 1 that they differ; further ones are degrees of likeness, and the last are agreement, in
//! bands from the most frequent values to the rarest, since to share a rare name says more. A model learns what each level is
//! worth; nothing here weighs them.
//!
//! What belongs together is one comparison: street, town and postcode agree or fail together when somebody moves, so they are one
//! address. A level depends on the two values only and is computed once while they are remembered ([`Memo`]).
//!
//! A comparison has the dictionary of the records that it was made of, whose codes are in ascending order of the values. Records that come afterwards may
//! say what it does not have: such a value is compared as it is ([`Value`]), or admitted behind the dictionary, where it counts as one of the rarest. What a
//! level means never changes with it.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::address::{Address, UNKNOWN};
use super::column::{Column, Combined, Field, Kind};
use super::degree::{self, first_word};
use super::dictionary::Texts;
use super::nicknames::{Nicknames, meet};
use super::similarity::{Words, jaro_winkler, within_edits};

/// One of the two says nothing.
pub const NULL: u8 = 0;
/// They differ.
pub const DIFFERENT: u8 = 1;
/// The most comparisons of a model: a pattern has five bits for each.
pub const MOST_COMPARISONS: usize = 24;
/// Bands of agreement by frequency, at most.
const MOST_BANDS: usize = 3;

/// What is compared, with what is derived from each value of the dictionary.
#[derive(Clone, Debug)]
pub(super) enum By {
    Given { groups: Vec<Vec<u16>> },
    Family,
    Full { words: Words },
    Organisation { words: Words },
    Day,
    Mail,
    Phone,
    Code,
    Postcode,
    Number,
    Text { words: Words },
    Town,
    Category,
    Equal,
    Address { parts: Vec<[u32; 4]>, values: [Texts; 4] },
}

/// One respect in which records are compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The column, or what its columns are together.
    pub name: String,
    /// The kind of the column; that of the street for an address.
    pub kind: Kind,
    /// Its columns: one, or the parts of an address that there are.
    pub fields: Vec<Field>,
    /// By record: code of its value; 0 is none.
    pub codes: Vec<u32>,
    /// Records by code.
    pub counts: Vec<u32>,
    /// Folded values by code; empty for an address.
    pub values: Texts,
    /// What the levels mean, from level 0.
    pub labels: Vec<String>,
    /// The first level of agreement.
    exact: u8,
    /// A value that occurs at least so often is in the band of the same place.
    cuts: Vec<u32>,
    pub(super) by: By,
    /// Values that were admitted afterwards; their codes follow those of the dictionary.
    later: Vec<Value>,
    /// By text: the code of a value that was admitted afterwards.
    later_codes: FxHashMap<Box<str>, u32>,
}

/// A value that the dictionary of its comparison does not have.
#[derive(Clone, Debug)]
pub struct Value {
    text: Box<str>,
    /// What is derived from it, where its kind asks for that.
    groups: Vec<u16>,
    words: Vec<(Box<str>, f64)>,
    parts: Option<Box<Parts>>,
}

/// Of an address: codes in the dictionaries of its parts, and the parts.
#[derive(Clone, Debug)]
struct Parts {
    codes: [u32; 4],
    texts: [Box<str>; 4],
}

impl Value {
    /// Folded; the parts of an address one after the other.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A part of an address; empty for what is none.
    pub fn part(&self, part: usize) -> &str {
        self.parts.as_deref().map_or("", |parts| &parts.texts[part])
    }
}

/// What a record says, as its comparison knows it.
#[derive(Clone, Debug)]
pub enum Met {
    /// A value with a code; 0 is none.
    Known(u32),
    /// Another one.
    New(Value),
}

/// One of the two values that are compared: a code, or a value without one.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    code: u32,
    value: Option<&'a Value>,
}

/// Parts of an address in one text; no folded value has this letter.
const BETWEEN_PARTS: &str = "\u{1f}";

impl Comparison {
    /// Compares the values of one column.
    pub fn of_column(column: Column) -> Self {
        let words = || Words::of(column.values.iter());
        let by = match column.kind {
            Kind::GivenName => {
                let nicknames = Nicknames::table();
                By::Given { groups: column.values.iter().map(|name| nicknames.groups(first_word(name)).to_vec()).collect() }
            }
            Kind::FamilyName => By::Family,
            Kind::FullName => By::Full { words: words() },
            Kind::Organisation => By::Organisation { words: words() },
            Kind::Date => By::Day,
            Kind::Email => By::Mail,
            Kind::Phone => By::Phone,
            Kind::Code => By::Code,
            Kind::Postcode => By::Postcode,
            Kind::Number => By::Number,
            Kind::Text | Kind::Street => By::Text { words: words() },
            Kind::City => By::Town,
            Kind::Category => By::Category,
            Kind::HouseNumber => By::Equal,
        };
        let fields = vec![column.field(0)];
        let Column { name, kind, codes, values, counts, .. } = column;
        Self::new((name, kind, fields), by, codes, counts, values)
    }

    /// Compares street, house number, town and postcode as one address.
    pub fn of_address(parts: [Option<Column>; 4]) -> Self {
        let combined = Combined::new(parts.each_ref().map(Option::as_ref));
        let fields = parts.iter().enumerate().filter_map(|(part, column)| column.as_ref().map(|column| column.field(part)));
        let fields = fields.collect();
        let none = || {
            let mut only = Texts::default();
            only.push("");
            only
        };
        let values = parts.map(|part| part.map_or_else(none, |part| part.values));
        let by = By::Address { parts: combined.parts, values };
        Self::new(("address".to_owned(), Kind::Street, fields), by, combined.codes, combined.counts, Texts::default())
    }

    fn new((name, kind, fields): (String, Kind, Vec<Field>), by: By, codes: Vec<u32>, counts: Vec<u32>, values: Texts) -> Self {
        let degrees = by.degrees();
        let cuts = if matches!(by, By::Address { .. }) { Vec::new() } else { cuts(&counts) };
        let mut labels = vec!["no value".to_owned(), "different".to_owned()];
        labels.extend(degrees.iter().map(|degree| (*degree).to_owned()));
        let exact = labels.len() as u8;
        if !matches!(by, By::Address { .. }) {
            labels.extend(cuts.iter().map(|cut| format!("equal, a value of {cut} or more records")));
            labels.push("equal".to_owned());
        }
        let (later, later_codes) = (Vec::new(), FxHashMap::default());
        Self { name, kind, fields, codes, counts, values, labels, exact, cuts, by, later, later_codes }
    }

    /// Bits by which agreement of two records tells them from two random ones, where both have a value, times the share of such pairs.
    pub fn bits(&self) -> f64 {
        let given: f64 = self.counts.iter().map(|n| f64::from(*n)).sum();
        let agree: f64 = self.counts.iter().map(|n| (f64::from(*n) / given.max(1.0)).powi(2)).sum();
        (given / self.codes.len().max(1) as f64).powi(2) * -agree.max(f64::MIN_POSITIVE).log2()
    }

    /// Number of levels, that of no value included.
    pub fn levels(&self) -> usize {
        self.labels.len()
    }

    /// The first level of agreement; for an address there is none that is not a degree.
    pub fn first_exact(&self) -> u8 {
        self.exact
    }

    /// Values of the dictionary, that of code 0 included; codes from here on are of values that were admitted afterwards.
    fn dictionary(&self) -> usize {
        self.counts.len()
    }

    /// Level of agreement on the value with this code.
    fn band(&self, code: u32) -> u8 {
        let band = self.counts.get(code as usize).and_then(|count| self.cuts.iter().position(|cut| count >= cut));
        self.exact + band.unwrap_or(self.cuts.len()) as u8
    }

    /// The level of two values by their codes.
    pub fn level(&self, a: u32, b: u32) -> u8 {
        self.level_of(self.side(a, None), self.side(b, None))
    }

    /// The level of `level(code, code)` for every code, by code: what exact agreement is worth.
    pub fn agreement(&self, code: u32) -> u8 {
        self.level(code, code)
    }

    /// What the dictionary knows of what a record says in the columns of `fields`, one value each, as the source has it.
    pub fn meet(&self, raw: &[Option<&str>]) -> Met {
        let folded = self.fields.iter().zip(raw).map(|(field, raw)| field.folded(raw.unwrap_or_default()).into_boxed_str());
        let By::Address { parts, values } = &self.by else {
            let text = folded.into_iter().next().unwrap_or_default();
            if let Some(code) = self.values.find(&text) {
                return Met::Known(code as u32);
            }
            return self.met_later(text, |text| Value {
                groups: match &self.by {
                    By::Given { .. } => Nicknames::table().groups(first_word(&text)).to_vec(),
                    _ => Vec::new(),
                },
                words: self.words().map_or_else(Vec::new, |words| words.weigh(&text)),
                text,
                parts: None,
            });
        };
        let mut texts: [Box<str>; 4] = Default::default();
        self.fields.iter().zip(folded).for_each(|(field, text)| texts[field.part] = text);
        let mut codes = [0; 4];
        for ((code, text), values) in codes.iter_mut().zip(&texts).zip(values) {
            *code = values.find(text).map_or(UNKNOWN, |code| code as u32);
        }
        if let Ok(code) = parts.binary_search(&codes) {
            return Met::Known(code as u32);
        }
        let whole = texts.join(BETWEEN_PARTS).into_boxed_str();
        let parts = Some(Box::new(Parts { codes, texts }));
        self.met_later(whole, |text| Value { text, groups: Vec::new(), words: Vec::new(), parts })
    }

    fn met_later(&self, text: Box<str>, new: impl FnOnce(Box<str>) -> Value) -> Met {
        match self.later_codes.get(&text) {
            Some(code) => Met::Known(*code),
            None => Met::New(new(text)),
        }
    }

    /// Gives a value that the dictionary does not have a code behind it.
    pub fn admit(&mut self, value: Value) -> u32 {
        let code = (self.dictionary() + self.later.len()) as u32;
        self.later_codes.insert(value.text.clone(), code);
        self.later.push(value);
        code
    }

    /// A side by its code, or by `value` where it has none.
    pub fn side<'a>(&'a self, code: u32, value: Option<&'a Value>) -> Side<'a> {
        if value.is_some() {
            return Side { code: UNKNOWN, value };
        }
        Side { code, value: (code as usize).checked_sub(self.dictionary()).map(|at| &self.later[at]) }
    }

    /// The level of two sides.
    pub fn level_of(&self, a: Side, b: Side) -> u8 {
        if a.code == 0 || b.code == 0 {
            return NULL;
        }
        let equal = a.code == b.code && a.code != UNKNOWN;
        if equal && !matches!(self.by, By::Address { .. }) {
            return self.band(a.code);
        }
        // One direction only, so that a level is symmetric to the bit.
        let (a, b) = if self.order(a, b).is_le() { (a, b) } else { (b, a) };
        if let By::Address { parts, values } = &self.by {
            return address(a, parts, values).level(address(b, parts, values));
        }
        DIFFERENT + self.degree(a, b)
    }

    /// The order of two values: that of their texts, which is that of the codes of a dictionary.
    pub fn order(&self, a: Side, b: Side) -> Ordering {
        if a.value.is_none() && b.value.is_none() {
            return a.code.cmp(&b.code);
        }
        let By::Address { parts, values } = &self.by else { return self.text(a).cmp(self.text(b)) };
        let (a, b) = (address(a, parts, values), address(b, parts, values));
        (0..4).map(|part| a.text(part).cmp(b.text(part))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// The folded text of a side; nothing for an address.
    pub fn text<'a>(&'a self, side: Side<'a>) -> &'a str {
        match side.value {
            Some(value) => &value.text,
            None => &self.values[side.code as usize],
        }
    }

    /// The degree of likeness of two different values; 0 is none.
    fn degree(&self, a: Side, b: Side) -> u8 {
        let (x, y) = (self.text(a), self.text(b));
        match &self.by {
            By::Given { groups } => {
                let one_group = meet(groups_of(a, groups), groups_of(b, groups));
                degree::given(x, y, one_group)
            }
            By::Full { words } => degree::full(x, y, overlap(words, a, b)),
            By::Organisation { words } => degree::organisation(x, y, overlap(words, a, b)),
            By::Text { words } => degree::text(x, y, overlap(words, a, b)),
            by => by.degree(x, y),
        }
    }

    fn words(&self) -> Option<&Words> {
        match &self.by {
            By::Full { words } | By::Organisation { words } | By::Text { words } => Some(words),
            _ => None,
        }
    }
}

fn address<'a>(side: Side<'a>, parts: &'a [[u32; 4]], values: &'a [Texts; 4]) -> Address<'a> {
    match side.value.and_then(|value| value.parts.as_deref()) {
        Some(Parts { codes, texts }) => Address { codes, values, texts: Some(texts) },
        None => Address { codes: &parts[side.code as usize], values, texts: None },
    }
}

fn groups_of<'a>(side: Side<'a>, groups: &'a [Vec<u16>]) -> &'a [u16] {
    side.value.map_or_else(|| &*groups[side.code as usize], |value| &value.groups)
}

fn overlap(words: &Words, a: Side, b: Side) -> f64 {
    if a.value.is_none() && b.value.is_none() {
        return words.overlap(a.code as usize, b.code as usize);
    }
    let of = |side: Side| match side.value {
        Some(value) => value.words.clone(),
        None => words.weighed(side.code as usize),
    };
    Words::overlap_of(&of(a), &of(b))
}

/// Counts that part values into bands: none where all are rare, else at the thirds of the logarithm of the greatest count.
fn cuts(counts: &[u32]) -> Vec<u32> {
    let most = counts.iter().copied().max().unwrap_or(0);
    if most < 8 {
        return Vec::new();
    }
    let ratio = f64::from(most) / 2.0;
    let cut = |share: f64| (2.0 * ratio.powf(share)).ceil() as u32;
    let mut cuts: Vec<u32> = (1..MOST_BANDS).rev().map(|third| cut(third as f64 / MOST_BANDS as f64)).collect();
    cuts.dedup();
    cuts.retain(|cut| *cut > 1);
    cuts
}

impl By {
    /// Degrees of likeness between difference and agreement, the order in which `degree` counts them from 1.
    fn degrees(&self) -> &'static [&'static str] {
        match self {
            Self::Given { .. } => &["alike", "initial or beginning", "short form", "close", "given and family name swapped"],
            Self::Family => &["alike", "one part equal", "close"],
            Self::Full { .. } => &["alike", "shares a word", "shares most words", "close", "same words in another order"],
            Self::Organisation { .. } => &["shares words", "initials", "shares most words", "close"],
            Self::Day => &["two digits off", "two of three parts", "day and month swapped", "one digit off"],
            Self::Mail => {
                &["mailbox alike", "same mailbox at another provider", "one letter off", "mailbox alike as the names are"]
            }
            Self::Phone => &["one is the end of the other", "one digit off"],
            Self::Code => &["two characters off", "one character off"],
            Self::Postcode => &["one character off"],
            Self::Number => &["within 5 %", "within 1 %"],
            Self::Text { .. } => &["shares words", "shares most words", "close"],
            Self::Town => &["alike"],
            Self::Category => &["one is the beginning of the other"],
            Self::Equal => &[],
            Self::Address { .. } => &[
                "town alike or postcode one off",
                "same town",
                "same postcode",
                "same street in another place",
                "same street, other number",
                "same address, nearly",
                "same address",
            ],
        }
    }

    /// The degree of likeness of two different values that nothing is derived from; 0 is none.
    fn degree(&self, a: &str, b: &str) -> u8 {
        let (x, y) = (a.as_bytes(), b.as_bytes());
        match self {
            Self::Family => degree::family(a, b),
            Self::Day => degree::day(x, y),
            Self::Mail => degree::mail(a, b),
            Self::Phone => degree::phone(x, y),
            Self::Category => degree::category(a, b),
            Self::Code if x.len().min(y.len()) < 4 => 0,
            Self::Code if within_edits(x, y, 1) => 2,
            Self::Code => u8::from(within_edits(x, y, 2)),
            Self::Postcode => u8::from(x.len().min(y.len()) > 3 && within_edits(x, y, 1)),
            Self::Number => degree::number(a, b),
            Self::Town => u8::from(jaro_winkler(x, y) >= 0.85),
            Self::Equal
            | Self::Given { .. }
            | Self::Full { .. }
            | Self::Organisation { .. }
            | Self::Text { .. }
            | Self::Address { .. } => 0,
        }
    }
}

/// The level of a given name that stands where the other record has its family name.
pub const SWAPPED: u8 = DIFFERENT + 5;

/// Levels of e-mail addresses that may be alike only because the names of their owners are.
pub const MAILBOX_ALIKE: u8 = DIFFERENT + 1;
/// See [`MAILBOX_ALIKE`].
pub const SAME_MAILBOX: u8 = DIFFERENT + 2;
/// The level of mailboxes that are alike as the names of their owners are; seen by who knows the names.
pub const MAILBOX_AS_NAMES: u8 = DIFFERENT + 4;

/// Levels of value pairs that were computed lately: a table of fixed size, in which a newer pair takes an older one's place.
#[derive(Debug)]
pub struct Memo {
    places: Vec<(u64, u8)>,
}

/// Places of a memo; 1 MB.
const MEMO_PLACES: usize = 1 << 16;

impl Memo {
    /// Remembers nothing.
    pub fn none() -> Self {
        Self { places: Vec::new() }
    }

    /// Nothing known. Where nearly each record has a value of its own, pairs do not come back and nothing is remembered.
    pub fn new(comparison: &Comparison) -> Self {
        let repeats = comparison.counts.len() < comparison.codes.len() / 4;
        Self { places: vec![(0, 0); if repeats { MEMO_PLACES } else { 0 }] }
    }

    /// The level of two codes under `comparison`, always the same one for a memo.
    pub fn level(&mut self, comparison: &Comparison, a: u32, b: u32) -> u8 {
        if a == b || a == 0 || b == 0 || self.places.is_empty() {
            return comparison.level(a, b);
        }
        let key = u64::from(a.min(b)) << 32 | u64::from(a.max(b));
        // Fibonacci hashing: the high bits of the product are well mixed.
        let place = &mut self.places[(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize];
        if place.0 != key {
            *place = (key, comparison.level(a, b));
        }
        place.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, values: &[&str]) -> Comparison {
        Comparison::of_column(Column::new("x", kind, values.iter().map(|value| Some(*value))))
    }

    #[track_caller]
    fn check(kind: Kind, a: &str, b: &str, label: &str) {
        let comparison = of(kind, &[a, b]);
        let (x, y) = (comparison.codes[0], comparison.codes[1]);
        let level = comparison.level(x, y);
        assert_eq!(comparison.labels[level as usize], label, "{a} | {b}");
        assert_eq!(comparison.level(y, x), level, "the other way round");
    }

    #[test]
    fn values_meet_on_the_level_that_a_person_would_name() {
        check(Kind::GivenName, "Robert", "robert", "equal");
        check(Kind::GivenName, "Robert", "Bob", "short form");
        check(Kind::GivenName, "Robert", "R.", "initial or beginning");
        check(Kind::GivenName, "Maria Luisa", "Maria", "initial or beginning");
        check(Kind::GivenName, "Robert", "Robret", "close");
        check(Kind::GivenName, "Robert", "Anna", "different");
        check(Kind::FamilyName, "Smith-Jones", "Jones", "one part equal");
        check(Kind::FullName, "Ann Lee", "Lee, Ann", "same words in another order");
        check(Kind::Organisation, "International Business Machines Corp.", "IBM", "initials");
        check(Kind::Organisation, "Acme Ltd", "Acme Limited", "equal");
        check(Kind::Date, "1980-04-03", "1980-03-04", "day and month swapped");
        check(Kind::Date, "1980-04-03", "1980-04-08", "one digit off");
        check(Kind::Date, "1980-04-03", "1992-04-03", "two of three parts");
        check(Kind::Date, "1980-04-03", "1992-05-13", "different");
        check(Kind::Email, "ann@x.org", "ann@y.org", "same mailbox at another provider");
        check(Kind::Email, "ann.lee@x.org", "an.lee@x.org", "one letter off");
        check(Kind::Phone, "702 919 1300", "+1 702-919-1300", "equal");
        check(Kind::Phone, "702 919 1300", "702 919 1301", "one digit off");
        check(Kind::Code, "1804974", "1804794", "one character off");
        check(Kind::Phone, "702 919 1300", "", "no value");
    }

    #[test]
    fn an_address_is_one_thing() {
        let column = |kind, values: [&'static str; 2]| Some(Column::new("x", kind, values.into_iter().map(Some)));
        let check = |street, city, postcode, label: &str| {
            let parts = [column(Kind::Street, street), None, column(Kind::City, city), column(Kind::Postcode, postcode)];
            let address = Comparison::of_address(parts);
            assert_eq!(address.labels[address.level(address.codes[0], address.codes[1]) as usize], label);
        };
        check(["12 Main Street", "12 main st apt 4"], ["Boston", "Boston"], ["02101", "02101"], "same address");
        check(["12 Main Street", "12 Mian St"], ["Boston", "Bostn"], ["02101", "2111"], "same address, nearly");
        check(["12 Main Street", "14 Main St"], ["Boston", "Boston"], ["02101", "02101"], "same street, other number");
        check(["12 Main Street", "12 Main St"], ["Boston", "Reno"], ["02101", "89501"], "same street in another place");
        check(["12 Main Street", ""], ["Boston", "Boston"], ["02101", "02101"], "same postcode");
        check(["12 Main Street", "7 Oak Ave"], ["Boston", "Boston"], ["02101", "99501"], "same town");
        check(["12 Main Street", "7 Oak Ave"], ["Boston", "Reno"], ["02101", "99501"], "different");
        check(["12 Main Street", ""], ["", "Reno"], ["02101", ""], "no value");
    }

    #[test]
    fn frequent_values_agree_in_bands_of_their_own() {
        let values: Vec<String> = (0..1_000).map(|n| if n < 700 { "common".into() } else { format!("rare{n}") }).collect();
        let column = Column::new("surname", Kind::FamilyName, values.iter().map(|value| Some(value.as_str())));
        let comparison = Comparison::of_column(column);
        let (common, rare) = (comparison.codes[0], comparison.codes[999]);
        assert!(comparison.agreement(common) < comparison.agreement(rare));
        assert!(comparison.agreement(common) >= comparison.first_exact());
    }

    #[test]
    fn a_memo_says_what_the_comparison_says() {
        let comparison = of(Kind::GivenName, &["ann", "anna", "bob", "robert", "rob", "zoe"]);
        let mut memo = Memo { places: vec![(0, 0); MEMO_PLACES] };
        for _ in 0..2 {
            for a in 0..=6 {
                for b in 0..=6 {
                    assert_eq!(memo.level(&comparison, a, b), comparison.level(a, b));
                }
            }
        }
    }
}
