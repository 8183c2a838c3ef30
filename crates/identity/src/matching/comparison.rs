//! How alike two records are in one respect, as one of a few levels.
//!
//! Level 0 says that one of them tells nothing, level 1 that they differ; further ones are degrees of likeness, and the last are agreement, in
//! bands from the most frequent values to the rarest, since to share a rare name says more. A model learns what each level is
//! worth; nothing here weighs them.
//!
//! What belongs together is one comparison: street, town and postcode agree or fail together when somebody moves, so they are one
//! address. A level depends on the two values only and is computed once while they are remembered ([`Memo`]).

use super::column::{Column, Combined, Kind};
use super::dictionary::Texts;
use super::nicknames::{Nicknames, meet};
use super::similarity::{Words, jaro_winkler, phonetic, within_edits};

/// One of the two says nothing.
pub const NULL: u8 = 0;
/// They differ.
pub const DIFFERENT: u8 = 1;
/// The most comparisons of a model: a pattern has five bits for each.
pub const MOST_COMPARISONS: usize = 12;
/// Bands of agreement by frequency, at most.
const MOST_BANDS: usize = 3;

/// What is compared.
#[derive(Clone, Debug)]
enum By {
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
    Equal,
    Address { parts: Vec<[u32; 4]>, values: [Texts; 4] },
}

/// Positions of an address's parts.
const STREET: usize = 0;
const HOUSE: usize = 1;
const CITY: usize = 2;
const POSTCODE: usize = 3;

/// One respect in which records are compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The column, or what its columns are together.
    pub name: String,
    /// The kind of the column; that of the street for an address.
    pub kind: Kind,
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
    by: By,
}

impl Comparison {
    /// Compares the values of one column.
    pub fn of_column(column: Column) -> Self {
        let by = match column.kind {
            Kind::GivenName => {
                let nicknames = Nicknames::new();
                By::Given { groups: column.values.iter().map(|name| nicknames.groups(first_word(name)).to_vec()).collect() }
            }
            Kind::FamilyName => By::Family,
            Kind::FullName => By::Full { words: words(&column) },
            Kind::Organisation => By::Organisation { words: words(&column) },
            Kind::Date => By::Day,
            Kind::Email => By::Mail,
            Kind::Phone => By::Phone,
            Kind::Code => By::Code,
            Kind::Postcode => By::Postcode,
            Kind::Number => By::Number,
            Kind::Text | Kind::Street => By::Text { words: words(&column) },
            Kind::City => By::Town,
            Kind::Category | Kind::HouseNumber => By::Equal,
        };
        let Column { name, kind, codes, values, counts } = column;
        Self::new(name, kind, by, codes, counts, values)
    }

    /// Compares street, house number, town and postcode as one address.
    pub fn of_address(parts: [Option<Column>; 4]) -> Self {
        let combined = Combined::new(parts.each_ref().map(Option::as_ref));
        let none = || {
            let mut only = Texts::default();
            only.push("");
            only
        };
        let values = parts.map(|part| part.map_or_else(none, |part| part.values));
        let by = By::Address { parts: combined.parts, values };
        Self::new("address".to_owned(), Kind::Street, by, combined.codes, combined.counts, Texts::default())
    }

    fn new(name: String, kind: Kind, by: By, codes: Vec<u32>, counts: Vec<u32>, values: Texts) -> Self {
        let degrees = by.degrees();
        let cuts = if matches!(by, By::Address { .. }) { Vec::new() } else { cuts(&counts) };
        let mut labels = vec!["no value".to_owned(), "different".to_owned()];
        labels.extend(degrees.iter().map(|degree| (*degree).to_owned()));
        let exact = labels.len() as u8;
        if !matches!(by, By::Address { .. }) {
            labels.extend(cuts.iter().map(|cut| format!("equal, a value of {cut} or more records")));
            labels.push("equal".to_owned());
        }
        Self { name, kind, codes, counts, values, labels, exact, cuts, by }
    }

    /// Number of levels, that of no value included.
    pub fn levels(&self) -> usize {
        self.labels.len()
    }

    /// The first level of agreement; for an address there is none that is not a degree.
    pub fn first_exact(&self) -> u8 {
        self.exact
    }

    /// Level of agreement on the value with this code.
    fn band(&self, code: u32) -> u8 {
        let count = self.counts[code as usize];
        let band = self.cuts.iter().position(|cut| count >= *cut).unwrap_or(self.cuts.len());
        self.exact + band as u8
    }

    /// The level of two values by their codes.
    pub fn level(&self, a: u32, b: u32) -> u8 {
        if a == 0 || b == 0 {
            return NULL;
        }
        if let By::Address { parts, values } = &self.by {
            return address(&parts[a as usize], &parts[b as usize], values);
        }
        if a == b {
            return self.band(a);
        }
        // One direction only, so that a level is symmetric to the bit.
        let (a, b) = (a.min(b) as usize, a.max(b) as usize);
        let degree = match &self.by {
            By::Given { groups } => given(&self.values[a], &self.values[b], meet(&groups[a], &groups[b])),
            By::Full { words } => full(&self.values[a], &self.values[b], words.overlap(a, b)),
            By::Organisation { words } => organisation(&self.values[a], &self.values[b], words.overlap(a, b)),
            By::Text { words } => text(&self.values[a], &self.values[b], words.overlap(a, b)),
            by => by.degree(&self.values[a], &self.values[b]),
        };
        DIFFERENT + degree
    }

    /// The level of `level(code, code)` for every code, by code: what exact agreement is worth.
    pub fn agreement(&self, code: u32) -> u8 {
        self.level(code, code)
    }
}

fn words(column: &Column) -> Words {
    Words::of(column.values.iter())
}

fn first_word(name: &str) -> &str {
    name.split(' ').next().unwrap_or_default()
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
            Self::Phone => &["one digit off"],
            Self::Code => &["two characters off", "one character off"],
            Self::Postcode => &["one character off"],
            Self::Number => &["within 5 %", "within 1 %"],
            Self::Text { .. } => &["shares words", "shares most words", "close"],
            Self::Town => &["alike"],
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

    /// The degree of likeness of two different values; 0 is none.
    fn degree(&self, a: &str, b: &str) -> u8 {
        let (x, y) = (a.as_bytes(), b.as_bytes());
        match self {
            Self::Family => family(a, b),
            Self::Day => day(x, y),
            Self::Mail => mail(a, b),
            Self::Phone => u8::from(x.len().min(y.len()) > 6 && within_edits(x, y, 1)),
            Self::Code if x.len().min(y.len()) < 4 => 0,
            Self::Code if within_edits(x, y, 1) => 2,
            Self::Code => u8::from(within_edits(x, y, 2)),
            Self::Postcode => u8::from(x.len().min(y.len()) > 3 && within_edits(x, y, 1)),
            Self::Number => number(a, b),
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

/// See [`By::degrees`]; the swap is seen by who knows both names.
fn given(a: &str, b: &str, one_group: bool) -> u8 {
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

/// The level of a given name that stands where the other record has its family name.
pub const SWAPPED: u8 = DIFFERENT + 5;

/// Levels of e-mail addresses that may be alike only because the names of their owners are.
pub const MAILBOX_ALIKE: u8 = DIFFERENT + 1;
/// See [`MAILBOX_ALIKE`].
pub const SAME_MAILBOX: u8 = DIFFERENT + 2;
/// The level of mailboxes that are alike as the names of their owners are; seen by who knows the names.
pub const MAILBOX_AS_NAMES: u8 = DIFFERENT + 4;

fn family(a: &str, b: &str) -> u8 {
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

fn full(a: &str, b: &str, overlap: f64) -> u8 {
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

fn organisation(a: &str, b: &str, overlap: f64) -> u8 {
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

fn day(a: &[u8], b: &[u8]) -> u8 {
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

fn mail(a: &str, b: &str) -> u8 {
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

fn number(a: &str, b: &str) -> u8 {
    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else { return 0 };
    let off = (a - b).abs() / a.abs().max(b.abs()).max(f64::MIN_POSITIVE);
    if off <= 0.01 { 2 } else { u8::from(off <= 0.05) }
}

fn text(a: &str, b: &str, overlap: f64) -> u8 {
    if overlap >= 0.8 || jaro_winkler(a.as_bytes(), b.as_bytes()) >= 0.95 {
        return 3;
    }
    if overlap >= 0.5 { 2 } else { u8::from(overlap >= 0.25) }
}

/// The level of two addresses. Parts that one of them lacks say nothing; where they have no part in common the whole says nothing.
fn address(a: &[u32; 4], b: &[u32; 4], values: &[Texts; 4]) -> u8 {
    let both = |part: usize| a[part] != 0 && b[part] != 0;
    let same = |part: usize| both(part) && a[part] == b[part];
    let text = |part: usize, of: &[u32; 4]| -> &str { &values[part][of[part] as usize] };
    if !(both(STREET) || both(CITY) || both(POSTCODE)) {
        return NULL;
    }
    let close = |part: usize, most: usize| both(part) && within_edits(text(part, a).as_bytes(), text(part, b).as_bytes(), most);
    let town = || same(CITY) || (both(CITY) && jaro_winkler(text(CITY, a).as_bytes(), text(CITY, b).as_bytes()) >= 0.9);
    if both(STREET) {
        let (left, right) = (Street::of(text(STREET, a), text(HOUSE, a)), Street::of(text(STREET, b), text(HOUSE, b)));
        let equal = left.name == right.name;
        if equal || jaro_winkler(left.name.as_bytes(), right.name.as_bytes()) >= 0.9 {
            let number = left.number.is_empty() || right.number.is_empty() || left.number == right.number;
            let somewhere = same(POSTCODE) || town() || !(both(CITY) || both(POSTCODE));
            match (equal, number, somewhere) {
                (true, true, true) => return DIFFERENT + 7,
                (false, true, true) => return DIFFERENT + 6,
                (_, false, true) => return DIFFERENT + 5,
                (true, true, false) if !left.number.is_empty() => return DIFFERENT + 4,
                _ => {}
            }
        }
    }
    if same(POSTCODE) {
        DIFFERENT + 3
    } else if same(CITY) {
        DIFFERENT + 2
    } else if town() || close(POSTCODE, 1) {
        DIFFERENT + 1
    } else {
        DIFFERENT
    }
}

/// A street's name and the number of the house, wherever it stands.
struct Street<'a> {
    name: &'a str,
    number: &'a str,
}

impl<'a> Street<'a> {
    fn of(street: &'a str, house: &'a str) -> Self {
        if !house.is_empty() {
            return Self { name: street, number: house };
        }
        let is_number = |word: &str| word.as_bytes().first().is_some_and(u8::is_ascii_digit);
        match (street.split_once(' '), street.rsplit_once(' ')) {
            (Some((number, name)), _) if is_number(number) => Self { name, number },
            (_, Some((name, number))) if is_number(number) => Self { name, number },
            _ => Self { name: street, number: "" },
        }
    }
}

/// Levels of value pairs that were computed lately: a table of fixed size, in which a newer pair takes an older one's place.
#[derive(Debug)]
pub struct Memo {
    places: Vec<(u64, u8)>,
}

/// Places of a memo; 1 MB.
const MEMO_PLACES: usize = 1 << 16;

impl Memo {
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

/// Keys under which equal or like values of a comparison fall together, by code; 0 is no key. The first is agreement itself.
pub fn keys(comparison: &Comparison) -> Vec<(&'static str, Vec<u64>)> {
    let by_value =
        |key: &dyn Fn(&str) -> String| -> Vec<u64> { comparison.values.iter().map(|value| hash(&key(value))).collect() };
    match &comparison.by {
        By::Given { .. } => vec![
            ("", by_value(&str::to_owned)),
            ("sound of ", by_value(&|name| phonetic(first_word(name), 4))),
            ("beginning of ", by_value(&|name| name.chars().take(3).collect())),
        ],
        By::Family => vec![
            ("", by_value(&str::to_owned)),
            ("sound of ", by_value(&|name| phonetic(name, 5))),
            ("beginning of ", by_value(&|name| name.chars().take(4).collect())),
        ],
        By::Full { .. } | By::Organisation { .. } | By::Text { .. } => vec![
            ("", by_value(&str::to_owned)),
            ("words of ", by_value(&|name| sorted_words(name))),
            ("longest word of ", by_value(&|name| longest_word(name).to_owned())),
            ("sound of the longest word of ", by_value(&|name| phonetic(longest_word(name), 6))),
            ("beginning of ", by_value(&|name| name.chars().filter(|letter| *letter != ' ').take(5).collect())),
        ],
        By::Day => vec![
            ("", by_value(&str::to_owned)),
            ("year and month of ", by_value(&|day| day.get(..6).unwrap_or_default().to_owned())),
            ("month and day of ", by_value(&|day| day.get(4..).unwrap_or_default().to_owned())),
        ],
        By::Mail => vec![
            ("", by_value(&str::to_owned)),
            ("mailbox of ", by_value(&|mail| mail.rsplit_once('@').map_or("", |(user, _)| user).to_owned())),
        ],
        By::Phone | By::Code => vec![
            ("", by_value(&str::to_owned)),
            ("end of ", by_value(&|digits| digits.get(digits.len().saturating_sub(5)..).unwrap_or_default().to_owned())),
            ("beginning of ", by_value(&|digits| digits.get(..5.min(digits.len())).unwrap_or_default().to_owned())),
        ],
        By::Postcode | By::Number | By::Town | By::Equal => vec![("", by_value(&str::to_owned))],
        By::Address { parts, values } => {
            let by_part = |part: usize, key: &dyn Fn(&str) -> String| -> Vec<u64> {
                let hashes: Vec<u64> = values[part].iter().map(|value| hash(&key(value))).collect();
                parts.iter().map(|parts| hashes[parts[part] as usize]).collect()
            };
            let mut keys = Vec::new();
            if values[POSTCODE].len() > 1 {
                keys.push(("postcode of ", by_part(POSTCODE, &str::to_owned)));
            }
            if values[CITY].len() > 1 {
                keys.push(("town of ", by_part(CITY, &str::to_owned)));
            }
            if values[STREET].len() > 1 {
                keys.push(("street of ", by_part(STREET, &str::to_owned)));
                keys.push(("sound of the street of ", by_part(STREET, &|street| phonetic(longest_word(street), 6))));
            }
            keys
        }
    }
}

fn sorted_words(name: &str) -> String {
    let mut words: Vec<&str> = name.split(' ').collect();
    words.sort_unstable();
    words.join(" ")
}

fn longest_word(name: &str) -> &str {
    name.split(' ').max_by_key(|word| word.len()).unwrap_or_default()
}

/// The hash of a key; 0 for none.
fn hash(key: &str) -> u64 {
    if key.is_empty() { 0 } else { xxhash_rust::xxh3::xxh3_64(key.as_bytes()).max(1) }
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
