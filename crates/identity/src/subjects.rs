//! The input of a resolution: subjects in columns, and every identifier value stored once.
//!
//! [`Subjects::push`] brings identifiers into canonical form and numbers them by content (population, source for weak
//! types, type, value), so that the resolution itself only handles small integers. Numbers depend on the order of
//! arrival and never reach the output: whatever has to be ordered is ordered by content.
//!
//! A subject may be pushed several times (once per fact or per batch of facts in which it occurs): the earliest sight counts,
//! the facts add up, and further identifiers of a record are further evidence. Blocked values are kept, because the identifiers
//! table shows them with their role.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::canonical::{canonical_into, is_blocked};
use crate::rules::{CompiledRules, Scope, Shared, TypeRule};

/// Where a subject comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubjectKind {
    /// The identifier set of events or responses.
    #[default]
    Event,
    /// A record: what a source says about a person.
    Record,
}

/// One subject as the facts show it.
#[derive(Clone, Copy, Debug)]
pub struct NewSubject<'a> {
    /// Its number.
    pub id: i64,
    /// Whom it is about; evidence never crosses populations.
    pub population: &'a str,
    /// The source that showed it first.
    pub source: &'a str,
    /// `occurred_at` of its first fact, microseconds UTC.
    pub first_seen_us: i64,
    /// `occurred_at` of its last fact, microseconds UTC.
    pub last_seen_us: i64,
    /// How many facts it has: the evidence that decides which part keeps the id when a person splits.
    pub facts: u64,
    /// Identifier set or record.
    pub kind: SubjectKind,
    /// Whether its source's word may connect persons (false for unauthenticated input).
    pub trusted: bool,
}

/// What was seen of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Whom it is about.
    pub population: &'a str,
    /// The source that showed it first.
    pub source: &'a str,
    /// `occurred_at` of its first fact, microseconds UTC.
    pub first_seen_us: i64,
    /// `occurred_at` of its last fact, microseconds UTC.
    pub last_seen_us: i64,
    /// Identifier set or record.
    pub kind: SubjectKind,
}

/// An identifier value: what [`Subjects`] numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identifier<'a> {
    /// Type name.
    pub kind: &'a str,
    /// Canonical value.
    pub value: &'a str,
    /// Population of the subjects that carry it.
    pub population: &'a str,
    /// Source, for types whose values mean something within one source only; else empty.
    pub source: &'a str,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectRow {
    pub id: i64,
    pub population: u32,
    pub source: u32,
    pub first_seen_us: i64,
    pub last_seen_us: i64,
    pub facts: u64,
    pub kind: SubjectKind,
    pub trusted: bool,
    /// Range in `Subjects::carried`.
    pub start: u32,
    pub end: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueRow {
    pub kind: u32,
    pub population: u32,
    /// Number of the source for weak types, `u32::MAX` otherwise.
    pub source: u32,
    start: usize,
    end: usize,
    pub blocked: bool,
}

/// Subjects and the identifier values that they carry.
#[derive(Clone, Debug)]
pub struct Subjects<'r> {
    rules: &'r CompiledRules,
    pub(crate) rows: Vec<SubjectRow>,
    pub(crate) values: Vec<ValueRow>,
    /// Numbers of values, by subject.
    pub(crate) carried: Vec<u32>,
    by_id: FxHashMap<i64, u32>,
    text: String,
    index: HashTable<u32>,
    names: Names,
    kinds: Names,
    scratch: String,
}

#[derive(Clone, Debug, Default)]
struct Names {
    numbers: FxHashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }
}

impl<'r> Subjects<'r> {
    /// No subjects yet.
    pub fn new(rules: &'r CompiledRules) -> Self {
        Self {
            rules,
            rows: Vec::new(),
            values: Vec::new(),
            carried: Vec::new(),
            by_id: FxHashMap::default(),
            text: String::new(),
            index: HashTable::new(),
            names: Names::default(),
            kinds: Names::default(),
            scratch: String::new(),
        }
    }

    /// Adds a subject with its identifiers as (type, value). A subject that is there already keeps its earliest
    /// sight; its facts add up; it is trusted if one of its sights is. The number of an identifier set stands for that set, so
    /// only of records, whose versions may differ, are the identifiers looked at again.
    pub fn push<'i>(&mut self, subject: &NewSubject<'_>, identifiers: impl IntoIterator<Item = (&'i str, &'i str)>) {
        let source = self.names.number(subject.source);
        let start = self.carried.len();
        if let Some(&at) = self.by_id.get(&subject.id) {
            self.see_again(at, subject, source);
            if subject.kind == SubjectKind::Record {
                let row = self.rows[at as usize];
                self.carried.extend_from_within(row.start as usize..row.end as usize);
                let known = self.carried.len();
                self.carry(identifiers, row.population, source, start);
                if self.carried.len() == known {
                    self.carried.truncate(start);
                } else {
                    let row = &mut self.rows[at as usize];
                    (row.start, row.end) = (start as u32, self.carried.len() as u32);
                }
            }
            return;
        }
        let population = self.names.number(subject.population.trim());
        self.carry(identifiers, population, source, start);
        self.by_id.insert(subject.id, self.rows.len() as u32);
        self.rows.push(SubjectRow {
            id: subject.id,
            population,
            source,
            first_seen_us: subject.first_seen_us,
            last_seen_us: subject.last_seen_us,
            facts: subject.facts,
            kind: subject.kind,
            trusted: subject.trusted,
            start: start as u32,
            end: self.carried.len() as u32,
        });
    }

    /// Appends the numbers of `identifiers` that are not in `carried[start..]`.
    fn carry<'i>(
        &mut self,
        identifiers: impl IntoIterator<Item = (&'i str, &'i str)>,
        population: u32,
        source: u32,
        start: usize,
    ) {
        for (kind, value) in identifiers {
            let number = self.number_of(kind, value, population, source);
            if !self.carried[start..].contains(&number) {
                self.carried.push(number);
            }
        }
    }

    fn see_again(&mut self, at: u32, subject: &NewSubject<'_>, source: u32) {
        let Self { rows, names, .. } = self;
        let row = &mut rows[at as usize];
        let known = (row.first_seen_us, &*names.names[row.source as usize]);
        if (subject.first_seen_us, subject.source) < known {
            row.first_seen_us = subject.first_seen_us;
            row.source = source;
        }
        row.last_seen_us = row.last_seen_us.max(subject.last_seen_us);
        row.facts += subject.facts;
        row.trusted |= subject.trusted;
    }

    fn number_of(&mut self, kind: &str, value: &str, population: u32, source: u32) -> u32 {
        let rule = self.rules.rule(kind);
        self.scratch.clear();
        canonical_into(rule.normalise, value, &mut self.scratch);
        let kind = self.kinds.number(kind);
        let source = if rule.scope == Scope::Source { source } else { u32::MAX };
        let Self { values, index, text, scratch, .. } = self;
        let hash = FxBuildHasher.hash_one((kind, population, source, scratch.as_bytes()));
        let same = |&number: &u32| {
            let row: &ValueRow = &values[number as usize];
            (row.kind, row.population, row.source) == (kind, population, source) && text[row.start..row.end] == **scratch
        };
        if let Some(&number) = index.find(hash, same) {
            return number;
        }
        let number = values.len() as u32;
        let (start, end) = (text.len(), text.len() + scratch.len());
        text.push_str(scratch);
        values.push(ValueRow { kind, population, source, start, end, blocked: is_blocked(self.rules, rule, scratch) });
        index.insert_unique(hash, number, |&other| {
            let row = &values[other as usize];
            FxBuildHasher.hash_one((row.kind, row.population, row.source, &text.as_bytes()[row.start..row.end]))
        });
        number
    }

    /// What was seen of the subject `id`.
    pub fn seen(&self, id: i64) -> Option<Seen<'_>> {
        let row = &self.rows[self.position(id)? as usize];
        let SubjectRow { first_seen_us, last_seen_us, kind, .. } = *row;
        Some(Seen { population: self.name(row.population), source: self.name(row.source), first_seen_us, last_seen_us, kind })
    }

    /// The place of the subject `id`, below [`Subjects::len`]: for columns beside this one. It depends on the order of arrival.
    pub fn place(&self, id: i64) -> Option<usize> {
        self.position(id).map(|place| place as usize)
    }

    /// How many subjects there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many identifier values there are.
    pub fn identifiers(&self) -> usize {
        self.values.len()
    }

    /// An identifier value by its number in a [`crate::Resolution`].
    ///
    /// # Panics
    /// If the number is not below [`Subjects::identifiers`].
    pub fn identifier(&self, number: u32) -> Identifier<'_> {
        let row = &self.values[number as usize];
        Identifier {
            kind: &self.kinds.names[row.kind as usize],
            value: &self.text[row.start..row.end],
            population: self.name(row.population),
            source: if row.source == u32::MAX { "" } else { self.name(row.source) },
        }
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        &self.names.names[number as usize]
    }

    pub(crate) fn kind_name(&self, kind: u32) -> &str {
        &self.kinds.names[kind as usize]
    }

    pub(crate) fn rule(&self, kind: u32) -> &'r TypeRule {
        self.rules.rule(self.kind_name(kind))
    }

    pub(crate) fn position(&self, id: i64) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn carried_by(&self, row: &SubjectRow) -> &[u32] {
        &self.carried[row.start as usize..row.end as usize]
    }

    /// Key by which identifiers are ordered: strongest type first, then by content.
    pub(crate) fn strength(&self, number: u32) -> (u32, Identifier<'_>) {
        (self.rule(self.values[number as usize].kind).priority, self.identifier(number))
    }

    pub(crate) fn is_shared_by_nature(&self, number: u32) -> Shared {
        self.rule(self.values[number as usize].kind).shared
    }
}

impl PartialOrd for Identifier<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identifier<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.kind, self.value, self.population, self.source).cmp(&(other.kind, other.value, other.population, other.source))
    }
}
