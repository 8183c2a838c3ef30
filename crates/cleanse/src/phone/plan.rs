//! Numbering plans: which numbers a country has, and how one dials them there.
//!
//! The facts are libphonenumber's (`data/phone_plans.tsv`, written by `reference/tests/phone_plans.rs` from the crate `phonenumber`,
//! so that taking a newer plan is one command and a diff to read). The table is read once; the automaton of a country is
//! made when its first number comes, in a few milliseconds.
//!
//! Deliberately missing: formats for display, carriers, places behind area codes, emergency and short numbers.

use std::sync::{LazyLock, OnceLock};

use super::LineType;
use super::pattern::{Automaton, Captures, Node, parse};
use crate::code::Country;
use crate::table;

/// The columns of the table that hold patterns, in order.
const KINDS: [LineType; 10] = [
    LineType::FixedLine,
    LineType::Mobile,
    LineType::TollFree,
    LineType::PremiumRate,
    LineType::SharedCost,
    LineType::Personal,
    LineType::Voip,
    LineType::Pager,
    LineType::Company,
    LineType::Voicemail,
];
/// Bit of the general pattern in the automaton's answer.
const GENERAL: u8 = 10;
/// The order in which libphonenumber asks the kinds; the first that fits is the answer. Fixed line and mobile come last.
const ORDER: [usize; 8] = [3, 2, 4, 6, 5, 7, 8, 9];

/// The plan of one region.
#[derive(Debug)]
pub(super) struct Plan {
    /// `None` for codes that belong to no country (freephone, satellites).
    pub country: Option<Country>,
    pub code: u16,
    pub leading: Option<Prefix>,
    pub prefix: Option<Prefix>,
    pub transform: &'static str,
    pub international: Option<Prefix>,
    /// Lengths of a national number, as bits.
    pub lengths: u32,
    /// Lengths of a subscriber number without area code, as bits.
    pub local_lengths: u32,
    kinds: [(u32, &'static str); 10],
    general: &'static str,
    automaton: OnceLock<Automaton>,
}

/// Digits at the start: dialled before a number, or its own first ones. Most are always the same, and need no matching.
#[derive(Debug)]
pub(super) enum Prefix {
    Same(&'static str),
    Rule(Node),
}

impl Prefix {
    fn new(pattern: &'static str) -> Option<Self> {
        match pattern {
            "" => None,
            _ if pattern.bytes().all(|b| b.is_ascii_digit()) => Some(Self::Same(pattern)),
            _ => Some(Self::Rule(read(pattern))),
        }
    }

    /// Where the prefix of the digits ends, and what it captured.
    pub fn of(&self, digits: &[u8]) -> Option<(usize, Captures)> {
        match self {
            Self::Same(prefix) => digits.starts_with(prefix.as_bytes()).then(|| (prefix.len(), Captures::default())),
            Self::Rule(rule) => rule.prefix_of(digits),
        }
    }
}

/// How a length fits a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Possible,
    Local,
    TooShort,
    TooLong,
    Between,
}

impl Plan {
    fn automaton(&self) -> &Automaton {
        self.automaton.get_or_init(|| {
            let kinds = self.kinds.iter().enumerate().map(|(bit, (_, pattern))| (bit as u8, *pattern));
            let patterns: Vec<(u8, Node)> = kinds
                .chain([(GENERAL, self.general)])
                .filter(|(_, pattern)| !pattern.is_empty())
                .map(|(bit, pattern)| (bit, read(pattern)))
                .collect();
            Automaton::new(&patterns)
        })
    }

    /// Whether the digits have the general form of a national number.
    pub fn is_general(&self, national: &[u8]) -> bool {
        self.automaton().matches(national) >> GENERAL & 1 == 1
    }

    /// The type of line, `Unknown` if no block of the plan has the number.
    pub fn line_type(&self, national: &[u8]) -> LineType {
        let found = self.automaton().matches(national);
        if found >> GENERAL & 1 == 0 {
            return LineType::Unknown;
        }
        let length = 1_u32.checked_shl(national.len() as u32).unwrap_or(0);
        let is = |kind: usize| found >> kind & 1 == 1 && self.kinds[kind].0 & length != 0;
        if let Some(kind) = ORDER.into_iter().find(|kind| is(*kind)) {
            return KINDS[kind];
        }
        match (is(0), is(1)) {
            (true, true) => LineType::FixedLineOrMobile,
            (true, false) => LineType::FixedLine,
            (false, true) => LineType::Mobile,
            (false, false) => LineType::Unknown,
        }
    }

    pub fn length(&self, digits: usize) -> Length {
        let bit = 1_u32.checked_shl(digits as u32).unwrap_or(0);
        if self.lengths & bit != 0 {
            Length::Possible
        } else if self.local_lengths & bit != 0 {
            Length::Local
        } else if (digits as u32) < self.lengths.trailing_zeros() {
            Length::TooShort
        } else if bit == 0 || bit > self.lengths {
            Length::TooLong
        } else {
            Length::Between
        }
    }
}

/// All plans, found by region and by country code.
pub(super) struct Plans {
    plans: Vec<Plan>,
    by_country: Vec<u16>,
    /// For each country code its plans, the main region first.
    by_code: Vec<Vec<u16>>,
}

const NO_PLAN: u16 = u16::MAX;

fn slot(country: Country) -> usize {
    let [a, b] = country.letters();
    usize::from(a - b'A') * 26 + usize::from(b - b'A')
}

impl Plans {
    pub fn of_country(&self, country: Country) -> Option<&Plan> {
        self.plans.get(usize::from(self.by_country[slot(country)]))
    }

    /// The plans of a country code, the main one first; empty if no country has the code.
    pub fn of_code(&self, code: u16) -> impl Iterator<Item = &Plan> {
        self.by_code.get(usize::from(code)).into_iter().flatten().map(|at| &self.plans[usize::from(*at)])
    }

    /// The country code at the start of the digits and how long it is. No code is the start of another (ITU-T E.164).
    pub fn code_at(&self, digits: &[u8]) -> Option<(u16, usize)> {
        let mut code = 0;
        for (at, b) in digits.iter().take(3).enumerate() {
            code = code * 10 + u16::from(b - b'0');
            if code == 0 {
                return None;
            }
            if self.by_code.get(usize::from(code)).is_some_and(|plans| !plans.is_empty()) {
                return Some((code, at + 1));
            }
        }
        None
    }
}

/// The plans of the table.
pub(super) static PLANS: LazyLock<Plans> = LazyLock::new(|| {
    let mut all = Plans { plans: Vec::new(), by_country: vec![NO_PLAN; 26 * 26], by_code: vec![Vec::new(); 1000] };
    for row in table::rows(include_str!("../../data/phone_plans.tsv")) {
        let (plan, is_main) = read_plan(row);
        let at = all.plans.len() as u16;
        if let Some(country) = plan.country {
            all.by_country[slot(country)] = at;
        }
        let of_code = &mut all.by_code[usize::from(plan.code)];
        of_code.insert(if is_main { 0 } else { of_code.len() }, at);
        all.plans.push(plan);
    }
    all
});

fn read(pattern: &str) -> Node {
    parse(pattern).expect("a test reads every pattern of the table")
}

fn read_plan(row: table::Row) -> (Plan, bool) {
    let cells: [&'static str; 20] = row.cells();
    let [region, code, main, leading, prefix, transform, international, lengths, local_lengths, general, ..] = cells;
    let kinds = std::array::from_fn(|at| {
        let (lengths, pattern) = cells[10 + at].split_once(':').unwrap_or_default();
        (bits(lengths), pattern)
    });
    let plan = Plan {
        country: Country::from_code(region),
        code: code.parse().expect("a country code is a number"),
        leading: Prefix::new(leading),
        prefix: Prefix::new(prefix),
        transform,
        international: Prefix::new(international),
        lengths: bits(lengths),
        local_lengths: bits(local_lengths),
        kinds,
        general,
        automaton: OnceLock::new(),
    };
    (plan, main == "main")
}

fn bits(lengths: &str) -> u32 {
    lengths.split(',').filter_map(|length| length.parse::<u32>().ok()).fold(0, |bits, length| bits | 1 << length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_table_can_be_read() {
        for plan in &PLANS.plans {
            assert!(plan.lengths != 0 && plan.lengths < 1 << 18, "{plan:?}");
            plan.is_general(b"1");
        }
        assert_eq!(PLANS.plans.len(), 254, "rows of the table");
    }

    #[test]
    fn a_country_code_is_found_at_the_start() {
        let code = |digits: &str| PLANS.code_at(digits.as_bytes());
        assert_eq!(code("4930901820"), Some((49, 2)));
        assert_eq!(code("12125550100"), Some((1, 1)));
        assert_eq!(code("35312345678"), Some((353, 3)));
        assert_eq!((code("999123"), code("0123"), code("")), (None, None, None));
        let us = PLANS.of_code(1).next().and_then(|plan| plan.country);
        assert_eq!(us, Country::from_code("US"));
    }
}
