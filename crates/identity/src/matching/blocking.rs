//! Which pairs of records are compared at all.
//!
//! A rule is one key or two that must agree. Rules are chosen from the data: each possible one has a number of pairs, counted on a sample,
//! and a share of true pairs that it would reach, estimated over invented pairs whose columns agree, nearly agree or fail as often as columns of their kind
//! do; the rule that reaches most for its cost is taken until the budget of pairs is used up or nothing is gained. So two errors anywhere rarely hide a
//! pair.
//!
//! A block that holds too many records (a placeholder, a big town) is split by further keys. What is still too large is set aside and told, with the
//! number of pairs; nothing is left out in silence.

use clew_stats::dice::{Dice, mix};
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::column::Kind;
use super::comparison::{Comparison, Value};
use super::key::{KeyMaker, makers};
use super::parallel::parallel;

/// Records in a block, at most; larger ones are split.
const MOST_IN_BLOCK: usize = 150;
/// Keys by which a large block is split.
const SPLITS: usize = 4;
/// A larger block makes no more pairs than one of so many records: split by each key, or set aside.
pub const MOST_PAIRED_IN_BLOCK: u64 = (MOST_IN_BLOCK * SPLITS) as u64;
/// Rules of a plan, at most.
const MOST_RULES: usize = 12;
/// Records on which pairs of a rule with two keys are counted.
const SAMPLE: usize = 60_000;
/// Invented true pairs on which reach is estimated.
const INVENTED: usize = 8_192;
/// A rule that reaches a smaller share of true pairs than this beyond the others is not worth its pairs.
const LEAST_GAIN: f64 = 0.0008;
/// Pairs a record that rules may make, and the least budget: small sets are compared nearly in full.
const PAIRS_A_RECORD: u64 = 4;
const LEAST_BUDGET: u64 = 1_500_000;

/// So few pairs are compared without any rule.
const FEW_PAIRS: u64 = 600_000;

/// Values of a comparison that fall together.
#[derive(Clone, Debug)]
pub struct Key {
    /// Position of the comparison.
    pub comparison: usize,
    /// For people.
    pub label: String,
    /// By code of the comparison: a hash; 0 is no key.
    pub by_code: Vec<u64>,
    /// How it is made of a value.
    maker: KeyMaker,
    /// Pairs of records that it puts together.
    pairs: u64,
    /// Whether it is agreement itself.
    exact: Reach,
}

impl Key {
    /// Whether each value is a key of its own.
    pub fn is_agreement(&self) -> bool {
        self.exact == Reach::Exact
    }

    /// The key of a value that the dictionary of its comparison does not have; 0 is none.
    pub fn of(&self, value: &Value) -> u64 {
        self.maker.of(value)
    }
}

/// How a key relates to its comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Exact,
    Loose,
    AddressPart,
}

/// One key or two that must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Positions of keys, of different comparisons.
    pub keys: Vec<usize>,
}

/// How much is compared without splitting it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// So few pairs are compared without any rule.
    pub all: u64,
    /// Records in a block; larger ones are split.
    pub block: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: FEW_PAIRS, block: MOST_IN_BLOCK }
    }
}

/// What is compared, and what that is expected to reach.
#[derive(Clone, Debug)]
pub struct Plan {
    /// All keys.
    pub keys: Vec<Key>,
    /// The rules, in the order of their worth.
    pub rules: Vec<Rule>,
    /// By rule: the estimated share of true pairs that it and those before it reach.
    pub reach: Vec<f64>,
    /// What is compared in full.
    pub limits: Limits,
}

/// A rule as it came out, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleReport {
    /// Its keys.
    pub rule: String,
    /// Estimated share of true pairs that it and the rules before it reach.
    pub expected_recall: f64,
    /// Pairs that it was the first to make.
    pub pairs: u64,
    /// Blocks that were larger than allowed and were split.
    pub split_blocks: u64,
    /// Pairs of blocks that stayed too large and were set aside; other rules may have made some of them.
    pub set_aside: u64,
}

impl Plan {
    /// Chooses rules for `records` records.
    pub fn choose(comparisons: &[Comparison], records: usize, limits: Limits, threads: usize) -> Self {
        let keys = all_keys(comparisons, threads);
        if (records as u64) * (records as u64).saturating_sub(1) / 2 <= limits.all {
            return Self { keys, rules: vec![Rule { keys: Vec::new() }], reach: vec![1.0], limits };
        }
        let budget = (records as u64 * PAIRS_A_RECORD).max(LEAST_BUDGET);
        let invented = Invented::new(comparisons, &keys, records);
        let candidates = candidates(comparisons, &keys, records, budget, threads);
        let (rules, reach) = greedy(&candidates, &invented, records, budget);
        Self { keys, rules, reach, limits }
    }

    /// Estimated share of true pairs that are compared.
    pub fn recall(&self) -> f64 {
        self.reach.last().copied().unwrap_or(0.0)
    }

    /// The rule for people.
    pub fn label(&self, rule: &Rule) -> String {
        if rule.keys.is_empty() {
            return "all pairs".to_owned();
        }
        rule.keys.iter().map(|key| self.keys[*key].label.as_str()).collect::<Vec<_>>().join(" and ")
    }

    /// Keys by which large blocks of a rule are split, those that part records best first, one of each comparison.
    pub fn splits(&self, rule: &Rule) -> Vec<usize> {
        let used: Vec<usize> = rule.keys.iter().map(|key| self.keys[*key].comparison).collect();
        let mut further: Vec<usize> = (0..self.keys.len()).filter(|key| !used.contains(&self.keys[*key].comparison)).collect();
        further.sort_unstable_by_key(|key| (self.keys[*key].pairs, *key));
        let mut seen = Vec::new();
        further.retain(|key| {
            let comparison = self.keys[*key].comparison;
            !seen.contains(&comparison) && {
                seen.push(comparison);
                true
            }
        });
        further.truncate(SPLITS);
        further
    }
}

impl Rule {
    /// The block of a record whose key at a position is `key`; `None` where it lacks one.
    pub fn block(&self, key: impl Fn(usize) -> u64) -> Option<u64> {
        let mut hash = 0_u64;
        for at in &self.keys {
            let part = key(*at);
            if part == 0 {
                return None;
            }
            hash = mix(hash.rotate_left(5) ^ part);
        }
        Some(hash.max(1))
    }
}

fn all_keys(comparisons: &[Comparison], threads: usize) -> Vec<Key> {
    let mut all = Vec::new();
    let made = parallel(comparisons.len(), threads, |place| {
        let comparison = &comparisons[place];
        makers(comparison).into_iter().map(|maker| (maker, maker.by_code(comparison))).collect::<Vec<_>>()
    });
    for ((place, comparison), keys) in comparisons.iter().enumerate().zip(made) {
        for (n, (maker, by_code)) in keys.into_iter().enumerate() {
            let address = comparison.first_exact() as usize == comparison.levels();
            let exact = match (address, n) {
                (true, _) => Reach::AddressPart,
                (false, 0) => Reach::Exact,
                _ => Reach::Loose,
            };
            all.push(Key {
                comparison: place,
                label: format!("{}{}", maker.label, comparison.name),
                by_code,
                maker,
                pairs: 0,
                exact,
            });
        }
    }
    let pairs = parallel(all.len(), threads, |at| pairs_of_key(&comparisons[all[at].comparison], &all[at]));
    all.iter_mut().zip(pairs).for_each(|(key, pairs)| key.pairs = pairs);
    all
}

/// How often a value of this kind is the same in two records of one person, both given. Orders of magnitude from labelled sets; they only
/// rank rules, the model learns its own.
fn agreement(kind: Kind) -> f64 {
    match kind {
        Kind::GivenName => 0.80,
        Kind::FamilyName | Kind::Code => 0.85,
        Kind::Date => 0.88,
        Kind::Email | Kind::FullName | Kind::Organisation => 0.68,
        Kind::Phone | Kind::Street => 0.72,
        Kind::Postcode | Kind::City | Kind::HouseNumber | Kind::Number => 0.82,
        Kind::Category => 0.92,
        Kind::Text => 0.5,
    }
}

/// Chance that a loose key holds where the values are not equal.
const LOOSE: f64 = 0.45;
/// Chance that somebody has another address altogether, and that a part of an unchanged one agrees.
const MOVED: f64 = 0.12;
const SAME_PART: f64 = 0.88;

/// Invented true pairs: by key, the pairs on which it agrees, as bits.
struct Invented {
    by_key: Vec<Vec<u64>>,
}

impl Invented {
    fn new(comparisons: &[Comparison], keys: &[Key], records: usize) -> Self {
        let mut by_key = vec![vec![0; INVENTED / 64]; keys.len()];
        let given: Vec<f64> = keys.iter().map(|key| share_with_key(&comparisons[key.comparison], key, records)).collect();
        let mut dice = Dice::new(0x00b1_0c4b);
        for pair in 0..INVENTED {
            let mut at = 0;
            for (place, comparison) in comparisons.iter().enumerate() {
                let equal = dice.share() < agreement(comparison.kind);
                let moved = dice.share() < MOVED;
                // One draw for both records of the pair: a column that a source lacks is lacking in all its records.
                let missing = dice.share();
                while let Some(key) = keys.get(at).filter(|key| key.comparison == place) {
                    let chance = match key.exact {
                        Reach::Exact => f64::from(u8::from(equal)),
                        Reach::Loose if equal => 1.0,
                        Reach::Loose => LOOSE,
                        Reach::AddressPart if moved => 0.0,
                        Reach::AddressPart => SAME_PART,
                    };
                    if dice.share() < chance && missing < given[at] * given[at] {
                        by_key[at][pair / 64] |= 1 << (pair % 64);
                    }
                    at += 1;
                }
            }
        }
        Self { by_key }
    }

    fn reached(&self, rule: &Rule) -> Vec<u64> {
        let mut bits = self.by_key[rule.keys[0]].clone();
        for key in &rule.keys[1..] {
            bits.iter_mut().zip(&self.by_key[*key]).for_each(|(bits, others)| *bits &= others);
        }
        bits
    }
}

fn share_with_key(comparison: &Comparison, key: &Key, records: usize) -> f64 {
    let with: u64 = key.by_code.iter().zip(&comparison.counts).filter(|(hash, _)| **hash != 0).map(|(_, n)| u64::from(*n)).sum();
    with as f64 / records.max(1) as f64
}

/// A rule with its expected number of pairs.
struct Candidate {
    rule: Rule,
    pairs: u64,
}

fn candidates(comparisons: &[Comparison], keys: &[Key], records: usize, budget: u64, threads: usize) -> Vec<Candidate> {
    let few = |key: usize| keys[key].pairs <= budget / 2;
    let mut found: Vec<Candidate> = (0..keys.len())
        .filter(|key| few(*key))
        .map(|key| Candidate { rule: Rule { keys: vec![key] }, pairs: keys[key].pairs })
        .collect();
    let mut twos = Vec::new();
    for one in 0..keys.len() {
        for other in one + 1..keys.len() {
            let both_loose = keys[one].exact == Reach::Loose && keys[other].exact == Reach::Loose;
            if keys[one].comparison != keys[other].comparison && !few(one) && !few(other) && !both_loose {
                twos.push(Rule { keys: vec![one, other] });
            }
        }
    }
    let sample = sample(comparisons, records);
    let scale = (records as f64 / sample.len().max(1) as f64).powi(2);
    let counted = parallel(twos.len(), threads, |at| pairs_of_rule(comparisons, keys, &twos[at], &sample));
    for (rule, pairs) in twos.into_iter().zip(counted) {
        let pairs = (pairs as f64 * scale) as u64;
        if pairs <= budget / 2 {
            found.push(Candidate { rule, pairs });
        }
    }
    found
}

/// Pairs of a block of `size` records, as far as a block is compared in full.
fn pairs_in(size: u64) -> u64 {
    let size = size.min(MOST_PAIRED_IN_BLOCK);
    size * size.saturating_sub(1) / 2
}

fn pairs_of_key(comparison: &Comparison, key: &Key) -> u64 {
    let counted = || key.by_code.iter().zip(&comparison.counts).filter(|(hash, _)| **hash != 0);
    if key.is_agreement() {
        return counted().map(|(_, count)| pairs_in(u64::from(*count))).sum();
    }
    let mut blocks: FxHashMap<u64, u64> = FxHashMap::default();
    for (hash, count) in counted() {
        *blocks.entry(*hash).or_default() += u64::from(*count);
    }
    blocks.values().map(|size| pairs_in(*size)).sum()
}

/// Records whose content hashes low: the same ones in whatever order they come.
fn sample(comparisons: &[Comparison], records: usize) -> Vec<u32> {
    if records <= SAMPLE {
        return (0..records as u32).collect();
    }
    let most = (u64::MAX as f64 * (SAMPLE as f64 / records as f64)) as u64;
    let content = |record: usize| {
        comparisons.iter().fold(0, |hash, comparison| mix(hash ^ u64::from(comparison.codes[record]).wrapping_add(1)))
    };
    (0..records).filter(|record| content(*record) <= most).map(|record| record as u32).collect()
}

fn pairs_of_rule(comparisons: &[Comparison], keys: &[Key], rule: &Rule, sample: &[u32]) -> u64 {
    let mut hashes: Vec<u64> =
        sample.iter().map(|record| hash_of(comparisons, keys, rule, *record as usize)).filter(|hash| *hash != 0).collect();
    hashes.sort_unstable();
    hashes.chunk_by(|a, b| a == b).map(|block| pairs_in(block.len() as u64)).sum()
}

/// The block of a record under a rule; 0 where a key is missing.
fn hash_of(comparisons: &[Comparison], keys: &[Key], rule: &Rule, record: usize) -> u64 {
    let key = |at: usize| keys[at].by_code[comparisons[keys[at].comparison].codes[record] as usize];
    rule.block(key).unwrap_or(0)
}

fn greedy(candidates: &[Candidate], invented: &Invented, records: usize, budget: u64) -> (Vec<Rule>, Vec<f64>) {
    let reach: Vec<Vec<u64>> = candidates.iter().map(|candidate| invented.reached(&candidate.rule)).collect();
    let (mut rules, mut reached, mut covered, mut spent) = (Vec::new(), Vec::new(), vec![0_u64; INVENTED / 64], 0);
    let count = |bits: &[u64]| bits.iter().map(|bits| bits.count_ones()).sum::<u32>();
    while rules.len() < MOST_RULES {
        // A rule costs its pairs, and a tenth of a record for sorting.
        let gain = |at: usize| -> u32 { reach[at].iter().zip(&covered).map(|(new, old)| (new & !old).count_ones()).sum() };
        let worth = |at: usize| f64::from(gain(at)) / (candidates[at].pairs as f64 + records as f64 * 0.1);
        let affordable = |at: &usize| spent + candidates[*at].pairs <= budget;
        let best = (0..candidates.len())
            .filter(affordable)
            .filter(|at| f64::from(gain(*at)) >= LEAST_GAIN * INVENTED as f64)
            .max_by(|a, b| worth(*a).total_cmp(&worth(*b)).then(b.cmp(a)));
        let Some(best) = best else { break };
        spent += candidates[best].pairs;
        covered.iter_mut().zip(&reach[best]).for_each(|(covered, new)| *covered |= new);
        rules.push(candidates[best].rule.clone());
        reached.push(f64::from(count(&covered)) / INVENTED as f64);
    }
    (rules, reached)
}

/// Candidate pairs, each once, lower record first.
#[derive(Debug, Default)]
pub struct Candidates {
    /// By rule, the pairs that it was the first to make.
    pub by_rule: Vec<Vec<(u32, u32)>>,
    /// What each rule did.
    pub reports: Vec<RuleReport>,
}

impl Candidates {
    /// All of them.
    pub fn len(&self) -> usize {
        self.by_rule.iter().map(Vec::len).sum()
    }
}

/// Records by block: what one rule, or one way of splitting its large blocks, puts together.
struct Pass {
    rule: usize,
    /// Records of blocks with two or more, block after block.
    records: Vec<u32>,
    /// Ends of the blocks in `records`.
    ends: Vec<u32>,
    split_blocks: u64,
    set_aside: u64,
}

/// Makes the pairs of `plan`. With `parts`, only records of different parts (0 and 1) are paired: two files that are linked.
pub fn pairs(plan: &Plan, comparisons: &[Comparison], records: usize, parts: Option<&[u8]>, threads: usize) -> Candidates {
    let passes = passes(plan, comparisons, records, threads);
    // By record and pass, the record's block: says in one place of memory which passes have made a pair already.
    let width = passes.len();
    let mut blocks = vec![0_u32; records * width];
    for (place, pass) in passes.iter().enumerate() {
        let mut start = 0;
        for (block, end) in (1..).zip(&pass.ends) {
            for record in &pass.records[start..*end as usize] {
                blocks[*record as usize * width + place] = block;
            }
            start = *end as usize;
        }
    }
    let made = parallel(passes.len(), threads, |at| pairs_of_pass(&passes[at], at, &blocks, width, parts));
    let mut candidates = Candidates { by_rule: vec![Vec::new(); plan.rules.len()], reports: Vec::new() };
    for (rule, reach) in plan.rules.iter().zip(&plan.reach) {
        let (rule, expected_recall) = (plan.label(rule), *reach);
        candidates.reports.push(RuleReport { rule, expected_recall, pairs: 0, split_blocks: 0, set_aside: 0 });
    }
    for (pass, pairs) in passes.iter().zip(made) {
        let report = &mut candidates.reports[pass.rule];
        report.pairs += pairs.len() as u64;
        report.split_blocks += pass.split_blocks;
        report.set_aside += pass.set_aside;
        if candidates.by_rule[pass.rule].is_empty() {
            candidates.by_rule[pass.rule] = pairs;
        } else {
            candidates.by_rule[pass.rule].extend(pairs);
        }
    }
    candidates
}

fn pairs_of_pass(pass: &Pass, at: usize, blocks: &[u32], width: usize, parts: Option<&[u8]>) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    let mut start = 0;
    let before = |record: u32| &blocks[record as usize * width..record as usize * width + at];
    for end in &pass.ends {
        let block = &pass.records[start..*end as usize];
        for (n, one) in block.iter().enumerate() {
            let earlier = before(*one);
            for other in &block[n + 1..] {
                if parts.is_some_and(|parts| parts[*one as usize] == parts[*other as usize]) {
                    continue;
                }
                let known = earlier.iter().zip(before(*other)).any(|(a, b)| *a == *b && *a != 0);
                if !known {
                    pairs.push((*one.min(other), *one.max(other)));
                }
            }
        }
        start = *end as usize;
    }
    pairs
}

fn passes(plan: &Plan, comparisons: &[Comparison], records: usize, threads: usize) -> Vec<Pass> {
    let made = parallel(plan.rules.len(), threads, |at| passes_of_rule(plan, comparisons, records, at));
    made.into_iter().flatten().collect()
}

fn passes_of_rule(plan: &Plan, comparisons: &[Comparison], records: usize, at: usize) -> Vec<Pass> {
    let rule = &plan.rules[at];
    let hashed = (0..records).map(|record| (hash_of(comparisons, &plan.keys, rule, record), record as u32));
    let mut hashed: Vec<(u64, u32)> = hashed.filter(|(hash, _)| *hash != 0).collect();
    hashed.sort_unstable();
    let mut pass = Pass { rule: at, records: Vec::new(), ends: Vec::new(), split_blocks: 0, set_aside: 0 };
    let mut large = Vec::new();
    for block in hashed.chunk_by(|a, b| a.0 == b.0) {
        if block.len() > plan.limits.block && !rule.keys.is_empty() {
            pass.split_blocks += 1;
            large.extend_from_slice(block);
        } else if block.len() > 1 {
            pass.records.extend(block.iter().map(|(_, record)| *record));
            pass.ends.push(pass.records.len() as u32);
        }
    }
    let mut passes = vec![pass];
    if !large.is_empty() {
        split(plan, comparisons, at, &large, &mut passes);
    }
    passes
}

/// Splits large blocks by the keys that part records best, each in a pass of its own.
fn split(plan: &Plan, comparisons: &[Comparison], at: usize, large: &[(u64, u32)], passes: &mut Vec<Pass>) {
    for key in plan.splits(&plan.rules[at]) {
        let key = &plan.keys[key];
        let codes = &comparisons[key.comparison].codes;
        let part = |(hash, record): &(u64, u32)| (key.by_code[codes[*record as usize] as usize], *hash, *record);
        let mut parted: Vec<(u64, u64, u32)> = large.iter().map(part).filter(|(part, ..)| *part != 0).collect();
        parted.sort_unstable();
        let mut pass = Pass { rule: at, records: Vec::new(), ends: Vec::new(), split_blocks: 0, set_aside: 0 };
        for block in parted.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if block.len() > plan.limits.block {
                pass.set_aside += block.len() as u64 * (block.len() as u64 - 1) / 2;
            } else if block.len() > 1 {
                pass.records.extend(block.iter().map(|(.., record)| *record));
                pass.ends.push(pass.records.len() as u32);
            }
        }
        passes.push(pass);
    }
}
