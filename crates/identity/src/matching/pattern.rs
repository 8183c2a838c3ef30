//! Pairs as patterns of levels, each kept once with its number of pairs.
//!
//! Millions of pairs have some ten thousand different patterns, so that a model is fitted on those and its cost does not grow with the pairs.

use rustc_hash::FxHashMap;

use super::blocking::Candidates;
use super::column::Kind;
use super::comparison::{Comparison, DIFFERENT, MAILBOX_ALIKE, MAILBOX_AS_NAMES, Memo, NULL, SAME_MAILBOX, SWAPPED};
use super::parallel::workers;

/// Bits of a pattern that one comparison takes.
const BITS: u32 = 5;
/// Pairs whose patterns are made by one thread at a time.
const PART: usize = 1 << 14;

/// The level of the comparison at `place` in `pattern`.
pub fn level(pattern: u64, place: usize) -> u8 {
    (pattern >> (place as u32 * BITS)) as u8 & ((1 << BITS) - 1)
}

/// Makes patterns of pairs.
#[derive(Debug)]
pub struct Patterns<'a> {
    comparisons: &'a [Comparison],
    /// By record and comparison: the code, so that a record is in one place of memory.
    codes: Vec<u32>,
    swap: Option<Swap>,
    mailboxes: Option<Mailboxes>,
}

/// Given and family names that may stand in each other's place.
#[derive(Debug)]
struct Swap {
    given: usize,
    family: usize,
    /// By code of the given name: the code of the same word as a family name; 0 where there is none.
    as_family: Vec<u32>,
}

impl<'a> Patterns<'a> {
    /// For these comparisons.
    pub fn new(comparisons: &'a [Comparison]) -> Self {
        let place = |kind| comparisons.iter().position(|comparison| comparison.kind == kind);
        let swap = place(Kind::GivenName).zip(place(Kind::FamilyName)).map(|(given, family)| {
            let families = &comparisons[family].values;
            let as_family = comparisons[given].values.iter().map(|name| families.find(name).unwrap_or(0) as u32).collect();
            Swap { given, family, as_family }
        });
        let records = comparisons.first().map_or(0, |comparison| comparison.codes.len());
        let mut codes = Vec::with_capacity(records * comparisons.len());
        for record in 0..records {
            codes.extend(comparisons.iter().map(|comparison| comparison.codes[record]));
        }
        Self { comparisons, codes, swap, mailboxes: Mailboxes::of(comparisons) }
    }

    /// One memo a comparison.
    pub fn memos(&self) -> Vec<Memo> {
        self.comparisons.iter().map(Memo::new).collect()
    }

    /// The pattern of two records.
    pub fn of(&self, a: u32, b: u32, memos: &mut [Memo]) -> u64 {
        let mut pattern = 0;
        let (of_a, of_b) = (self.codes_of(a), self.codes_of(b));
        for (place, (comparison, memo)) in self.comparisons.iter().zip(memos).enumerate() {
            let level = memo.level(comparison, of_a[place], of_b[place]);
            pattern |= u64::from(level) << (place as u32 * BITS);
        }
        let pattern = self.mailboxes.as_ref().map_or(pattern, |mailboxes| self.with_mailboxes(mailboxes, pattern, of_a, of_b));
        self.swap.as_ref().map_or(pattern, |swap| Self::with_swap(swap, pattern, of_a, of_b))
    }

    fn codes_of(&self, record: u32) -> &[u32] {
        let width = self.comparisons.len();
        &self.codes[record as usize * width..][..width]
    }

    fn with_swap(swap: &Swap, pattern: u64, a: &[u32], b: &[u32]) -> u64 {
        let plain = |place: usize| (NULL + 1..DIFFERENT + 2).contains(&level(pattern, place));
        if !plain(swap.given) || !plain(swap.family) {
            return pattern;
        }
        let crossed = |one: &[u32], other: &[u32]| {
            let word = swap.as_family[one[swap.given] as usize];
            word != 0 && word == other[swap.family]
        };
        if !(crossed(a, b) && crossed(b, a)) {
            return pattern;
        }
        // The swap says it all: the family name adds nothing to it.
        pattern & !field(swap.given) & !field(swap.family) | u64::from(SWAPPED) << (swap.given as u32 * BITS)
    }
}

/// The bits of the comparison at `place`.
fn field(place: usize) -> u64 {
    ((1 << BITS) - 1) << (place as u32 * BITS)
}

/// E-mail addresses that are made of their owners' names. Two John Smiths have mailboxes alike without being one, which says much less than other
/// mailboxes that are alike, and is a level of its own.
#[derive(Debug)]
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
}

impl Patterns<'_> {
    fn with_mailboxes(&self, mailboxes: &Mailboxes, pattern: u64, a: &[u32], b: &[u32]) -> u64 {
        let by_name = match level(pattern, mailboxes.mail) {
            MAILBOX_ALIKE => [a, b].iter().all(|codes| self.holds_name(mailboxes, codes)),
            // Digits are what two of one name rarely share.
            SAME_MAILBOX => [a, b].iter().all(|codes| {
                self.holds_name(mailboxes, codes) && !self.mailbox(mailboxes, codes).bytes().any(|letter| letter.is_ascii_digit())
            }),
            _ => false,
        };
        if !by_name {
            return pattern;
        }
        pattern & !field(mailboxes.mail) | u64::from(MAILBOX_AS_NAMES) << (mailboxes.mail as u32 * BITS)
    }

    fn mailbox(&self, mailboxes: &Mailboxes, codes: &[u32]) -> &str {
        let address = &self.comparisons[mailboxes.mail].values[codes[mailboxes.mail] as usize];
        address.rsplit_once('@').map_or("", |(user, _)| user)
    }

    /// Whether a record's mailbox has the beginning of one of its names, so that a slip in a name does not hide it.
    fn holds_name(&self, mailboxes: &Mailboxes, codes: &[u32]) -> bool {
        let mailbox = self.mailbox(mailboxes, codes);
        let words = mailboxes.names.iter().flat_map(|place| self.comparisons[*place].values[codes[*place] as usize].split(' '));
        let beginning = |word: &str| word.char_indices().nth(4).map_or(word.len(), |(end, _)| end);
        words.filter(|word| word.len() > 2).any(|word| mailbox.contains(&word[..beginning(word)]))
    }
}

/// Different patterns and how many pairs have each.
#[derive(Debug, Default)]
pub struct Counted {
    /// Ascending.
    pub patterns: Vec<u64>,
    /// Pairs by pattern.
    pub pairs: Vec<u64>,
    /// By rule and pair: position of the pattern.
    pub of_pair: Vec<Vec<u32>>,
}

/// What a thread numbers patterns with.
struct Numbers {
    memos: Vec<Memo>,
    of: FxHashMap<u64, u32>,
    /// By number.
    patterns: Vec<u64>,
}

impl Numbers {
    /// Numbers of the patterns of `pairs`, and pairs by number.
    fn count(&mut self, maker: &Patterns, pairs: &[(u32, u32)]) -> (Vec<u32>, Vec<u64>) {
        let mut counts = Vec::new();
        let of_pair = pairs.iter().map(|(a, b)| {
            let pattern = maker.of(*a, *b, &mut self.memos);
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
pub fn count(maker: &Patterns, candidates: &Candidates, threads: usize) -> Counted {
    let parts: Vec<(usize, &[(u32, u32)])> = candidates
        .by_rule
        .iter()
        .enumerate()
        .flat_map(|(rule, pairs)| pairs.chunks(PART).map(move |part| (rule, part)))
        .collect();
    // Each thread numbers the patterns that it meets; the numbers are made common afterwards.
    let own = || Numbers { memos: maker.memos(), of: FxHashMap::default(), patterns: Vec::new() };
    let made = workers(parts.len(), threads, own, |numbers, at| numbers.count(maker, parts[at].1));
    let mut patterns: Vec<u64> = made.iter().flat_map(|(numbers, _)| numbers.patterns.iter().copied()).collect();
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
