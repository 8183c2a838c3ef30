//! Keys under which equal or like values of a comparison fall together: what blocking rules are made of.

use super::address::{CITY, POSTCODE, STREET};
use super::comparison::{By, Comparison, Value};
use super::degree::first_word;
use super::similarity::phonetic;

/// One way to make a key of a value.
#[derive(Clone, Copy, Debug)]
pub struct KeyMaker {
    /// For people: what stands before the name of the comparison.
    pub label: &'static str,
    /// The part of an address that it is made of.
    part: Option<usize>,
    make: fn(&str) -> String,
}

impl KeyMaker {
    const fn new(label: &'static str, make: fn(&str) -> String) -> Self {
        Self { label, part: None, make }
    }

    const fn of_part(label: &'static str, part: usize, make: fn(&str) -> String) -> Self {
        Self { label, part: Some(part), make }
    }

    /// The keys of the values of a comparison's dictionary, by code; 0 is no key.
    pub fn by_code(&self, comparison: &Comparison) -> Vec<u64> {
        let hashed = |text: &str| hash(&(self.make)(text));
        match (&comparison.by, self.part) {
            (By::Address { parts, values }, Some(part)) => {
                let hashes: Vec<u64> = values[part].iter().map(hashed).collect();
                parts.iter().map(|codes| hashes[codes[part] as usize]).collect()
            }
            _ => comparison.values.iter().map(hashed).collect(),
        }
    }

    /// The key of a value that the dictionary does not have.
    pub fn of(&self, value: &Value) -> u64 {
        hash(&(self.make)(self.part.map_or(value.text(), |part| value.part(part))))
    }
}

/// The keys that a comparison offers. The first is agreement itself, but for an address, all of whose keys are parts.
pub fn makers(comparison: &Comparison) -> Vec<KeyMaker> {
    let whole = KeyMaker::new("", str::to_owned);
    match &comparison.by {
        By::Given { .. } => vec![
            whole,
            KeyMaker::new("sound of ", |name| phonetic(first_word(name), 4)),
            KeyMaker::new("beginning of ", |name| name.chars().take(3).collect()),
        ],
        By::Family => vec![
            whole,
            KeyMaker::new("sound of ", |name| phonetic(name, 5)),
            KeyMaker::new("beginning of ", |name| name.chars().take(4).collect()),
        ],
        By::Full { .. } | By::Organisation { .. } | By::Text { .. } => vec![
            whole,
            KeyMaker::new("words of ", sorted_words),
            KeyMaker::new("longest word of ", |name| longest_word(name).to_owned()),
            KeyMaker::new("sound of the longest word of ", |name| phonetic(longest_word(name), 6)),
            KeyMaker::new("beginning of ", |name| name.chars().filter(|letter| *letter != ' ').take(5).collect()),
        ],
        By::Day => vec![
            whole,
            KeyMaker::new("year and month of ", |day| day.get(..6).unwrap_or_default().to_owned()),
            KeyMaker::new("month and day of ", |day| day.get(4..).unwrap_or_default().to_owned()),
        ],
        By::Mail => {
            vec![whole, KeyMaker::new("mailbox of ", |mail| mail.rsplit_once('@').map_or("", |(user, _)| user).to_owned())]
        }
        By::Phone | By::Code => vec![
            whole,
            KeyMaker::new("end of ", |digits| digits.get(digits.len().saturating_sub(5)..).unwrap_or_default().to_owned()),
            KeyMaker::new("beginning of ", |digits| digits.get(..5.min(digits.len())).unwrap_or_default().to_owned()),
        ],
        By::Postcode | By::Number | By::Town | By::Category | By::Equal => vec![whole],
        By::Address { values, .. } => {
            let of_part = [
                KeyMaker::of_part("postcode of ", POSTCODE, str::to_owned),
                KeyMaker::of_part("town of ", CITY, str::to_owned),
                KeyMaker::of_part("street of ", STREET, str::to_owned),
                KeyMaker::of_part("sound of the street of ", STREET, |street| phonetic(longest_word(street), 6)),
            ];
            of_part.into_iter().filter(|maker| maker.part.is_some_and(|part| values[part].len() > 1)).collect()
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
