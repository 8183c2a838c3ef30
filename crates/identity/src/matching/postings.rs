//! Which records the rules of a plan put together, kept while records come and go.
//!
//! A block of a rule is a list of records for as long as it is no larger than the plan allows, and beyond that its records are split by further keys, as
//! [`super::blocking`] splits them: what is a candidate depends on which records there are, not on the order in which they came. When a block
//! passes that limit, pairs within it come or go; [`Postings::shaken`] says beforehand whose.

use rustc_hash::FxHashMap;

use super::blocking::Plan;

/// Records by block, for all rules.
#[derive(Debug)]
pub struct Postings {
    rules: Vec<OfRule>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A record comes.
    Comes,
    /// It goes.
    Goes,
}

#[derive(Debug)]
struct OfRule {
    /// Records in a block that is not split.
    most: usize,
    /// Keys by which blocks are split.
    splits: Vec<usize>,
    blocks: FxHashMap<u64, Block>,
    /// By record: the next one in its block, one up; 0 for none.
    next: Vec<u32>,
    /// Blocks that are split, all of their records.
    large: FxHashMap<u64, Vec<u32>>,
    /// By split: records of large blocks by block and key.
    parts: Vec<FxHashMap<(u64, u64), Vec<u32>>>,
}

/// A list of records.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The first one.
    first: u32,
    records: u32,
}

impl Postings {
    /// No records yet; there will be about `records`.
    pub fn new(plan: &Plan, records: usize) -> Self {
        let of_rule = |rule| {
            let splits = plan.splits(rule);
            OfRule {
                most: if rule.keys.is_empty() { usize::MAX } else { plan.limits.block },
                parts: splits.iter().map(|_| FxHashMap::default()).collect(),
                splits,
                blocks: FxHashMap::default(),
                next: Vec::with_capacity(records),
                large: FxHashMap::default(),
            }
        };
        Self { rules: plan.rules.iter().map(of_rule).collect() }
    }

    /// Adds a record; `key` gives the key of a record at a position of the plan, 0 for none.
    pub fn insert(&mut self, plan: &Plan, record: u32, key: impl Fn(u32, usize) -> u64) {
        for (of_rule, rule) in self.rules.iter_mut().zip(&plan.rules) {
            if of_rule.next.len() <= record as usize {
                of_rule.next.resize(record as usize + 1, 0);
            }
            let Some(block) = rule.block(|at| key(record, at)) else { continue };
            of_rule.insert(block, record, &key);
        }
    }

    /// Takes a record out whose keys are still what they were.
    pub fn remove(&mut self, plan: &Plan, record: u32, key: impl Fn(u32, usize) -> u64) {
        for (of_rule, rule) in self.rules.iter_mut().zip(&plan.rules) {
            let Some(block) = rule.block(|at| key(record, at)) else { continue };
            of_rule.remove(block, record, &key);
        }
    }

    /// Records that a rule puts together with one whose keys are these, each once and in ascending order.
    pub fn candidates(&self, plan: &Plan, key: impl Fn(usize) -> u64) -> Vec<u32> {
        let mut found = Vec::new();
        for (of_rule, rule) in self.rules.iter().zip(&plan.rules) {
            let Some(block) = rule.block(&key) else { continue };
            found.extend(of_rule.list(block));
            if of_rule.large.contains_key(&block) {
                let parts = of_rule.parts_of(block, &key).filter(|records| records.len() <= of_rule.most);
                found.extend(parts.flatten());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Records of blocks that pass the limit at this turn of one with these keys: candidates among them come or go.
    pub fn shaken(&self, plan: &Plan, turn: Turn, key: impl Fn(usize) -> u64) -> Vec<u32> {
        let mut found = Vec::new();
        for (of_rule, rule) in self.rules.iter().zip(&plan.rules) {
            let Some(block) = rule.block(&key) else { continue };
            let passes = |records: usize| match turn {
                Turn::Comes => records == of_rule.most,
                Turn::Goes => records.checked_sub(1) == Some(of_rule.most),
            };
            match of_rule.large.get(&block) {
                Some(records) if passes(records.len()) => found.extend(records),
                Some(_) => found.extend(of_rule.parts_of(block, &key).filter(|records| passes(records.len())).flatten()),
                None if passes(of_rule.blocks.get(&block).map_or(0, |block| block.records as usize)) => {
                    found.extend(of_rule.list(block));
                }
                None => {}
            }
        }
        found
    }
}

impl OfRule {
    fn insert(&mut self, block: u64, record: u32, key: &impl Fn(u32, usize) -> u64) {
        if self.large.contains_key(&block) {
            self.insert_large(block, record, key);
            return;
        }
        let list = self.blocks.entry(block).or_insert(Block { first: record, records: 0 });
        self.next[record as usize] = if list.records == 0 { 0 } else { list.first + 1 };
        *list = Block { first: record, records: list.records + 1 };
        if list.records as usize > self.most {
            let records: Vec<u32> = self.list(block).collect();
            self.blocks.remove(&block);
            self.large.insert(block, Vec::with_capacity(records.len()));
            records.into_iter().for_each(|record| self.insert_large(block, record, key));
        }
    }

    fn insert_large(&mut self, block: u64, record: u32, key: &impl Fn(u32, usize) -> u64) {
        self.large.entry(block).or_default().push(record);
        for (split, parts) in self.splits.iter().zip(&mut self.parts) {
            let part = key(record, *split);
            if part != 0 {
                parts.entry((block, part)).or_default().push(record);
            }
        }
    }

    fn remove(&mut self, block: u64, record: u32, key: &impl Fn(u32, usize) -> u64) {
        let Some(records) = self.large.get_mut(&block) else {
            self.remove_small(block, record);
            return;
        };
        take(records, record);
        let records = if records.len() <= self.most { self.large.remove(&block) } else { None };
        self.remove_parts(block, record, key);
        for other in records.into_iter().flatten() {
            self.remove_parts(block, other, key);
            self.insert(block, other, key);
        }
    }

    fn remove_parts(&mut self, block: u64, record: u32, key: &impl Fn(u32, usize) -> u64) {
        for (split, parts) in self.splits.iter().zip(&mut self.parts) {
            let place = (block, key(record, *split));
            if let Some(records) = parts.get_mut(&place) {
                take(records, record);
                if records.is_empty() {
                    parts.remove(&place);
                }
            }
        }
    }

    fn remove_small(&mut self, block: u64, record: u32) {
        let Some(list) = self.blocks.get_mut(&block) else { return };
        list.records -= 1;
        if list.records == 0 {
            self.blocks.remove(&block);
        } else if list.first == record {
            list.first = self.next[record as usize] - 1;
        } else {
            let mut before = list.first;
            while self.next[before as usize] != record + 1 {
                before = self.next[before as usize] - 1;
            }
            self.next[before as usize] = self.next[record as usize];
        }
    }

    /// The records of a block that is not split.
    fn list(&self, block: u64) -> impl Iterator<Item = u32> + '_ {
        let first = self.blocks.get(&block).map(|list| list.first);
        std::iter::successors(first, |record| self.next[*record as usize].checked_sub(1))
    }

    /// What a large block is split into, as far as one with these keys belongs to it.
    fn parts_of<'a>(&'a self, block: u64, key: &'a impl Fn(usize) -> u64) -> impl Iterator<Item = &'a Vec<u32>> {
        self.splits.iter().zip(&self.parts).filter_map(move |(split, parts)| parts.get(&(block, key(*split))))
    }
}

fn take(records: &mut Vec<u32>, record: u32) {
    if let Some(at) = records.iter().position(|other| *other == record) {
        records.swap_remove(at);
    }
}
