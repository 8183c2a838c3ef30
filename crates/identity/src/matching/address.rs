//! Street, house number, town and postcode as one address: when somebody moves they change together, so they are compared together.

use super::comparison::{DIFFERENT, NULL};
use super::dictionary::Texts;
use super::similarity::{jaro_winkler, within_edits};

/// Positions of an address's parts.
pub const STREET: usize = 0;
/// See [`STREET`].
pub const HOUSE: usize = 1;
/// See [`STREET`].
pub const CITY: usize = 2;
/// See [`STREET`].
pub const POSTCODE: usize = 3;

/// The code of a part that its dictionary does not have.
pub const UNKNOWN: u32 = u32::MAX;

/// An address: by part the code in that part's dictionary, 0 for none, and the texts where a dictionary does not have one of them.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// By part.
    pub codes: &'a [u32; 4],
    /// The dictionaries.
    pub values: &'a [Texts; 4],
    /// By part, where the address was met after the dictionaries were made.
    pub texts: Option<&'a [Box<str>; 4]>,
}

impl<'a> Address<'a> {
    /// A part; empty where it is not given.
    pub fn text(self, part: usize) -> &'a str {
        self.texts.map_or_else(|| &self.values[part][self.codes[part] as usize], |texts| &texts[part])
    }

    /// The level of two addresses. Parts that one of them lacks say nothing; where they have no part in common the whole says nothing.
    pub fn level(self, other: Self) -> u8 {
        let both = |part: usize| self.codes[part] != 0 && other.codes[part] != 0;
        let same = |part: usize| both(part) && self.same(other, part);
        if !(both(STREET) || both(CITY) || both(POSTCODE)) {
            return NULL;
        }
        let close =
            |part: usize, most: usize| both(part) && within_edits(self.text(part).as_bytes(), other.text(part).as_bytes(), most);
        let alike = |part: usize| jaro_winkler(self.text(part).as_bytes(), other.text(part).as_bytes()) >= 0.9;
        let town = || same(CITY) || (both(CITY) && alike(CITY));
        if both(STREET) {
            let (left, right) = (self.street(), other.street());
            let equal = left.name == right.name;
            if equal || left.begins(&right) || jaro_winkler(left.name.as_bytes(), right.name.as_bytes()) >= 0.9 {
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

    fn same(self, other: Self, part: usize) -> bool {
        match (self.codes[part], other.codes[part]) {
            (UNKNOWN, UNKNOWN) => self.text(part) == other.text(part),
            (a, b) => a == b,
        }
    }

    fn street(self) -> Street<'a> {
        Street::of(self.text(STREET), self.text(HOUSE))
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

    /// Whether one of two names has all of the other and more: a town, where the whole address stands in one line.
    fn begins(&self, other: &Self) -> bool {
        let (short, long) = if self.name.len() < other.name.len() { (self.name, other.name) } else { (other.name, self.name) };
        short.contains(' ') && long.strip_prefix(short).is_some_and(|rest| rest.starts_with(' '))
    }
}
