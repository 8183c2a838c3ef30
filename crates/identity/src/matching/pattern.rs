//! Pairs as patterns of levels, each kept once with its number of pairs.
//!
//! Millions of pairs have some ten thousand different patterns, so that a model is fitted on those and its cost does not grow with the pairs.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::blocking::Candidates;
use super::column::Kind;
use super::comparison::{Comparison, DIFFERENT, MAILBOX_ALIKE, MAILBOX_AS_NAMES, Memo, NULL, SAME_MAILBOX, SWAPPED, Side, Value};
use super::parallel::workers;

/// Bits of a pattern that one comparison takes.
const BITS: u32 = 5;
/// Comparisons in each half of a pattern, so that a level is read from one word.
const IN_HALF: usize = 12;
/// Pairs whose patterns are made by one thread at a time.
const PART: usize = 1 << 14;

/// The level of the comparison at `place` in `pattern`.
pub fn level(pattern: u128, place: usize) -> u8 {
    let (half, place) = if place < IN_HALF { (pattern as u64, place) } else { ((pattern >> 64) as u64, place - IN_HALF) };
    (half >> (place as u32 * BITS)) as u8 & ((1 << BITS) - 1)
}

/// A pattern that has this level at `place` and none elsewhere.
fn only(level: u8, place: usize) -> u128 {
    let (half, place) = (place / IN_HALF, place % IN_HALF);
    u128::from(u64::from(level) << (place as u32 * BITS)) << (half * 64)
}

/// One record as its comparisons see it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// By comparison: the code of its value; 0 is none.
    pub codes: &'a [u32],
    /// By comparison: a value without a code, in place of one. Nothing where all have codes.
    pub values: &'a [Option<Value>],
}

impl<'a> Row<'a> {
    fn side(&self, place: usize, comparison: &'a Comparison) -> Side<'a> {
        comparison.side(self.codes[place], self.values.get(place).and_then(Option::as_ref))
    }

    fn text(&self, place: usize, comparison: &'a Comparison) -> &'a str {
        comparison.text(self.side(place, comparison))
    }
}

/// Records in one place of memory each, with what their pairs are compared by.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The comparisons.
    pub comparisons: &'a [Comparison],
    /// By record and comparison: the code.
    pub codes: &'a [u32],
    /// What comparisons see together.
    pub patterns: &'a Patterns,
}

impl<'a> Rows<'a> {
    /// A record.
    pub fn row(&self, record: u32) -> Row<'a> {
        let width = self.comparisons.len();
        Row { codes: &self.codes[record as usize * width..][..width], values: &[] }
    }

    /// The pattern of two records.
    pub fn pattern(&self, a: u32, b: u32, memos: &mut [Memo]) -> u128 {
        self.patterns.of(self.comparisons, self.row(a), self.row(b), memos)
    }

    /// The order of two records by what they say.
    pub fn order(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (self.row(a), self.row(b));
        let orders = self.comparisons.iter().enumerate();
        let mut orders = orders.map(|(place, comparison)| comparison.order(a.side(place, comparison), b.side(place, comparison)));
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// One memo a comparison.
    pub fn memos(&self) -> Vec<Memo> {
        self.comparisons.iter().map(Memo::new).collect()
    }
}

/// Codes by record and comparison, from those by comparison and record.
pub fn by_record(comparisons: &[Comparison]) -> Vec<u32> {
    let records = comparisons.first().map_or(0, |comparison| comparison.codes.len());
    let mut codes = Vec::with_capacity(records * comparisons.len());
    for record in 0..records {
        codes.extend(comparisons.iter().map(|comparison| comparison.codes[record]));
    }
    codes
}

/// What only several comparisons see together: names in each other's place, and mailboxes that are made of names.
#[derive(Clone, Debug)]
pub struct Patterns {
    swap: Option<Swap>,
    mailboxes: Option<Mailboxes>,
}

/// Given and family names that may stand in each other's place.
#[derive(Clone, Debug)]
struct Swap {
    given: usize,
    family: usize,
    /// By code of the given name: the code of the same word as a family name; 0 where there is none.
    as_family: Vec<u32>,
    /// Family names of the dictionary.
    families: usize,
}

impl Patterns {
    /// For these comparisons.
    pub fn new(comparisons: &[Comparison]) -> Self {
        let place = |kind| comparisons.iter().position(|comparison| comparison.kind == kind);
        let swap = place(Kind::GivenName).zip(place(Kind::FamilyName)).map(|(given, family)| {
            let families = &comparisons[family].values;
            let as_family = comparisons[given].values.iter().map(|name| families.find(name).unwrap_or(0) as u32).collect();
            Swap { given, family, as_family, families: families.len() }
        });
        Self { swap, mailboxes: Mailboxes::of(comparisons) }
    }

    /// The pattern of two records.
    pub fn of(&self, comparisons: &[Comparison], a: Row, b: Row, memos: &mut [Memo]) -> u128 {
        let coded = a.values.is_empty() && b.values.is_empty();
        let mut pattern = 0;
        for (place, (comparison, memo)) in comparisons.iter().zip(memos).enumerate() {
            let level = if coded {
                memo.level(comparison, a.codes[place], b.codes[place])
            } else {
                comparison.level_of(a.side(place, comparison), b.side(place, comparison))
            };
            pattern |= only(level, place);
        }
        let pattern = self.mailboxes.as_ref().map_or(pattern, |mailboxes| mailboxes.seen(comparisons, pattern, [a, b]));
        self.swap.as_ref().map_or(pattern, |swap| swap.seen(comparisons, pattern, [a, b]))
    }
}

impl Swap {
    fn seen(&self, comparisons: &[Comparison], pattern: u128, [a, b]: [Row; 2]) -> u128 {
        let plain = |place: usize| (NULL + 1..DIFFERENT + 2).contains(&level(pattern, place));
        if !plain(self.given) || !plain(self.family) {
            return pattern;
        }
        if !(self.crossed(comparisons, a, b) && self.crossed(comparisons, b, a)) {
            return pattern;
        }
        // The swap says it all: the family name adds nothing to it.
        pattern & !field(self.given) & !field(self.family) | only(SWAPPED, self.given)
    }

    /// Whether the given name of one is the family name of the other.
    fn crossed(&self, comparisons: &[Comparison], one: Row, other: Row) -> bool {
        let (given, family) = (one.codes[self.given] as usize, other.codes[self.family] as usize);
        match self.as_family.get(given) {
            Some(as_family) if family < self.families => *as_family != 0 && *as_family as usize == family,
            _ => one.text(self.given, &comparisons[self.given]) == other.text(self.family, &comparisons[self.family]),
        }
    }
}

/// The bits of the comparison at `place`.
fn field(place: usize) -> u128 {
    only((1 << BITS) - 1, place)
}

/// E-mail addresses that are made of their owners' names. Two John Smiths have mailboxes alike without being one, which says much less than other
/// mailboxes that are alike, and is a level of its own.
#[derive(Clone, Debug)]
struct Mailboxes {
    /// Position of the comparison of addresses.
    mail: usize,
    /// Positions of those of names.
    names: Vec<usize>,
}

impl Mailboxes {
    fn of(comparisons: &[Comparison]) -> Option<Self> {
        let mail = comparisons.iter().position(|comparison| comparison.kind == Kind::Email)?;
        let is_name = |kind| matches!(kind, Kind::GivenName | Kind::FamilyName | Kind::FullName);
        let names: Vec<usize> = (0..comparisons.len()).filter(|place| is_name(comparisons[*place].kind)).collect();
        (!names.is_empty()).then_some(Self { mail, names })
    }

    fn seen(&self, comparisons: &[Comparison], pattern: u128, rows: [Row; 2]) -> u128 {
        let by_name = match level(pattern, self.mail) {
            MAILBOX_ALIKE => rows.iter().all(|row| self.holds_name(comparisons, row)),
            // Digits are what two of one name rarely share.
            SAME_MAILBOX => rows.iter().all(|row| {
                self.holds_name(comparisons, row) && !self.mailbox(comparisons, row).bytes().any(|letter| letter.is_ascii_digit())
            }),
            _ => false,
        };
        if !by_name {
            return pattern;
        }
        pattern & !field(self.mail) | only(MAILBOX_AS_NAMES, self.mail)
    }

    fn mailbox<'a>(&self, comparisons: &'a [Comparison], row: &Row<'a>) -> &'a str {
        let address = row.text(self.mail, &comparisons[self.mail]);
        address.rsplit_once('@').map_or("", |(user, _)| user)
    }

    /// Whether a record's mailbox has the beginning of one of its names, so that a slip in a name does not hide it.
    fn holds_name(&self, comparisons: &[Comparison], row: &Row) -> bool {
        let mailbox = self.mailbox(comparisons, row);
        let words = self.names.iter().flat_map(|place| row.text(*place, &comparisons[*place]).split(' '));
        let beginning = |word: &str| word.char_indices().nth(4).map_or(word.len(), |(end, _)| end);
        words.filter(|word| word.len() > 2).any(|word| mailbox.contains(&word[..beginning(word)]))
    }
}

/// Different patterns and how many pairs have each.
#[derive(Debug, Default)]
pub struct Counted {
    /// Ascending.
    pub patterns: Vec<u128>,
    /// Pairs by pattern.
    pub pairs: Vec<u64>,
    /// By rule and pair: position of the pattern.
    pub of_pair: Vec<Vec<u32>>,
}

/// What a thread numbers patterns with.
struct Numbers {
    memos: Vec<Memo>,
    of: FxHashMap<u128, u32>,
    /// By number.
    patterns: Vec<u128>,
}

impl Numbers {
    /// Numbers of the patterns of `pairs`, and pairs by number.
    fn count(&mut self, rows: &Rows, pairs: &[(u32, u32)]) -> (Vec<u32>, Vec<u64>) {
        let mut counts = Vec::new();
        let of_pair = pairs.iter().map(|(a, b)| {
            let pattern = rows.pattern(*a, *b, &mut self.memos);
            let number = *self.of.entry(pattern).or_insert_with(|| {
                self.patterns.push(pattern);
                self.patterns.len() as u32 - 1
            });
            if counts.len() <= number as usize {
                counts.resize(number as usize + 1, 0_u64);
            }
            counts[number as usize] += 1;
            number
        });
        (of_pair.collect(), counts)
    }
}

/// The patterns of all candidates.
pub fn count(rows: &Rows, candidates: &Candidates, threads: usize) -> Counted {
    let parts: Vec<(usize, &[(u32, u32)])> = candidates
        .by_rule
        .iter()
        .enumerate()
        .flat_map(|(rule, pairs)| pairs.chunks(PART).map(move |part| (rule, part)))
        .collect();
    // Each thread numbers the patterns that it meets; the numbers are made common afterwards.
    let own = || Numbers { memos: rows.memos(), of: FxHashMap::default(), patterns: Vec::new() };
    let made = workers(parts.len(), threads, own, |numbers, at| numbers.count(rows, parts[at].1));
    let mut patterns: Vec<u128> = made.iter().flat_map(|(numbers, _)| numbers.patterns.iter().copied()).collect();
    patterns.sort_unstable();
    patterns.dedup();
    let mut pairs = vec![0; patterns.len()];
    let mut numbered: Vec<(usize, Vec<u32>)> = Vec::with_capacity(parts.len());
    for (numbers, mine) in made {
        let common: Vec<u32> =
            numbers.patterns.iter().map(|pattern| patterns.binary_search(pattern).unwrap_or(0) as u32).collect();
        for (at, (mut of_pair, counts)) in mine {
            counts.iter().zip(&common).for_each(|(n, place)| pairs[*place as usize] += n);
            of_pair.iter_mut().for_each(|number| *number = common[*number as usize]);
            numbered.push((at, of_pair));
        }
    }
    numbered.sort_unstable_by_key(|(at, _)| *at);
    let mut of_pair: Vec<Vec<u32>> = candidates.by_rule.iter().map(|pairs| Vec::with_capacity(pairs.len())).collect();
    for (at, numbers) in numbered {
        of_pair[parts[at].0].extend(numbers);
    }
    Counted { patterns, pairs, of_pair }
}

#[cfg(test)]
mod tests {
    use super::super::comparison::MOST_COMPARISONS;
    use super::*;

    #[test]
    fn each_comparison_has_its_own_bits() {
        let levels: Vec<u8> = (0..MOST_COMPARISONS).map(|place| (place * 7 % 31) as u8 + 1).collect();
        let pattern = levels.iter().enumerate().fold(0, |pattern, (place, level)| pattern | only(*level, place));
        for (place, expected) in levels.iter().enumerate() {
            assert_eq!(level(pattern, place), *expected, "{place}");
            assert_eq!(level(pattern & !field(place), place), 0);
            assert_eq!((pattern & !field(place)).count_ones() + u32::from(*expected).count_ones(), pattern.count_ones());
        }
    }
}
