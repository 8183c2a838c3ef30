//! The different values of a column, each once.
//!
//! A file has a value of most columns many times over. What is costly (to fold, to hash, to compare) is done once for each different one.

use std::ops::Index;

use rustc_hash::FxHashMap;

/// Values as a source says them, without blanks around them, in the order in which they are first met.
#[derive(Clone, Debug, Default)]
pub struct Dictionary<'a> {
    /// By record: position in `values`, from 1; 0 is no value.
    pub codes: Vec<u32>,
    /// The values; the first is the empty one of code 0.
    pub values: Vec<&'a str>,
    /// Records by code; 0 for code 0.
    pub counts: Vec<u32>,
}

impl<'a> Dictionary<'a> {
    /// Of one value a record; blank ones are none.
    pub fn of(values: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut made = Self { codes: Vec::with_capacity(values.size_hint().0), values: vec![""], counts: vec![0] };
        let mut known: FxHashMap<&str, u32> = FxHashMap::default();
        for value in values {
            let code = match value.map(str::trim) {
                None | Some("") => 0,
                Some(value) => *known.entry(value).or_insert_with(|| {
                    made.values.push(value);
                    made.counts.push(0);
                    made.values.len() as u32 - 1
                }),
            };
            made.counts[code as usize] += u32::from(code != 0);
            made.codes.push(code);
        }
        made
    }

    /// Values with the number of their records.
    pub fn counted(&self) -> impl Iterator<Item = (&'a str, u32)> + '_ {
        self.values.iter().copied().zip(self.counts.iter().copied()).skip(1)
    }
}

/// Texts one after the other in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Adds one at the end.
    pub fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| &self[at])
    }

    /// Where `text` is among texts in ascending order.
    pub fn find(&self, text: &str) -> Option<usize> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            match self[middle].cmp(text) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }
}

impl Index<usize> for Texts {
    type Output = str;

    fn index(&self, at: usize) -> &str {
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.all[from..self.ends[at]]
    }
}

/// The different ones of `texts` in ascending order behind the empty one, and by text its place among them; 0 for empty ones.
pub fn sorted(texts: &Texts) -> (Texts, Vec<u32>) {
    // By the first eight bytes, which tell most values apart without a look at the texts.
    let beginning = |text: &str| {
        let mut bytes = [0; 8];
        let length = text.len().min(8);
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        u64::from_be_bytes(bytes)
    };
    let mut order: Vec<(u64, u32)> = texts.iter().zip(0..).map(|(text, at)| (beginning(text), at)).collect();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| texts[a.1 as usize].cmp(&texts[b.1 as usize])));
    let (mut different, mut places) = (Texts::default(), vec![0; texts.len()]);
    different.push("");
    for (_, at) in order {
        let text = &texts[at as usize];
        if text != &different[different.len() - 1] {
            different.push(text);
        }
        places[at as usize] = different.len() as u32 - 1;
    }
    (different, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_sorted_once_each_and_found() {
        let mut texts = Texts::default();
        for text in ["pear", "", "apple pie with cream", "apple pie with butter", "pear", "é"] {
            texts.push(text);
        }
        let (different, places) = sorted(&texts);
        assert_eq!(different.iter().collect::<Vec<_>>(), ["", "apple pie with butter", "apple pie with cream", "pear", "é"]);
        assert_eq!(places, [3, 0, 2, 1, 3, 4]);
        assert_eq!(different.find("pear"), Some(3));
        assert_eq!(different.find("plum"), None);
    }

    #[test]
    fn blank_values_are_none() {
        let made = Dictionary::of([Some("a"), None, Some(" a "), Some("  "), Some("b")].into_iter());
        assert_eq!((made.codes, made.values, made.counts), (vec![1, 0, 1, 0, 2], vec!["", "a", "b"], vec![0, 2, 1]));
    }
}
