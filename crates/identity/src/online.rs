//! Whose a new subject is, decided as it comes in: the rules of [`crate::resolve`] over an index, for one subject at a time.
//!
//! The batch run sees all subjects at once and in canonical order; the write path sees one, now. It asks the [`Index`] which persons hold
//! the subject's identifiers, and lets it join them, under the same limits, windows, unique vetoes, decisions to keep apart, trusted
//! sources, blocked and shared values, and with the same remedy (drop the weakest identifier and try again). Nobody holds any: it founds a
//! person, named as a run would name it. Several persons hold some: they become one, provisionally, under the id that a run would keep.
//!
//! The answer is provisional in three ways, and the next run corrects each of them: subjects may come in another order than they happened; a
//! value is only found to be shared when one person too many was refused it, so that what it joined before stays joined; and of a
//! person with very many values or subjects only [`MOST_HELD`] and [`MOST_SUBJECTS`] are looked at. Where no limit, veto or shared value
//! is met, order cannot matter, and the answers after the last subject are those of the run. [`corrections`] compares the two.
//!
//! Cost: one look-up an identifier and one a person, microseconds. Deliberately missing: links and detachments that people decided, which are
//! in the base that a run leaves ([`Base`]), and matching without equal identifiers.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::canonical::{canonical, canonical_into, is_blocked};
use crate::persons::{PersonId, names_after};
use crate::resolve::Reason;
use crate::resolve::union::most_within;
use crate::rules::{CompiledRules, Scope, Shared, TypeRule};
use crate::subjects::SubjectKind;

mod base;

pub use base::{Base, Run};

/// Subjects of a person that the index lists; those beyond are still its, but a merge does not show them until the next run.
pub const MOST_SUBJECTS: usize = 2_000;
/// Identifier values of a person that count towards its limits, the newest ones.
pub const MOST_HELD: usize = 1_024;
/// Merges that are followed from a person to the one that it became.
const MOST_HOPS: usize = 64;
/// Persons that are remembered as refused a value, whatever `shared_after` says.
const MOST_REFUSED: usize = 64;

/// A subject as a chunk shows it.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// Its number.
    pub subject: i64,
    /// Whom it is about.
    pub population: &'a str,
    /// The source that shows it.
    pub source: &'a str,
    /// Time of its first fact, microseconds UTC.
    pub at_us: i64,
    /// Identifier set or record.
    pub kind: SubjectKind,
    /// Type and value of each identifier.
    pub identifiers: &'a [(&'a str, &'a str)],
}

/// What the index knows of an identifier value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// The person that holds it, by the id that it had then.
    pub holder: Option<PersonId>,
    /// Several persons use it: it is no evidence any more.
    pub shared: bool,
    /// Persons that carried it and were refused it because somebody else holds it.
    pub refused: Vec<PersonId>,
}

/// A value that a person holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// [`kind_key`] of its type.
    pub kind: u64,
    /// First seen with the person, microseconds UTC.
    pub at_us: i64,
}

/// What the index knows of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Whose identities never mix with another's.
    pub population: String,
    /// The subject that the person is named after.
    pub founder: i64,
    /// First fact of the founding subject, microseconds UTC: the older of two persons is the one whose founder is older.
    pub founded_us: i64,
    /// The source that showed the founding subject: breaks ties of time, as in the canonical order.
    pub founded_in: String,
    /// Named by the write path since the last run.
    pub provisional: bool,
    /// The person that it became part of.
    pub merged_into: Option<PersonId>,
    /// What counts towards its limits.
    pub held: Vec<Held>,
    /// Its subjects, at most [`MOST_SUBJECTS`]; of a merged one those that it had.
    pub subjects: Vec<i64>,
    /// Persons that somebody decided to keep apart from it.
    pub apart: Vec<PersonId>,
}

/// Where the write path keeps what it knows.
pub trait Index {
    /// Why it cannot be read.
    type Error;
    /// The value under a [`value_key`].
    fn value(&mut self, key: u128) -> Result<Option<Value>, Self::Error>;
    /// A person.
    fn person(&mut self, id: PersonId) -> Result<Option<Person>, Self::Error>;
    /// The person that a subject was given to, by the id that it had then.
    fn subject(&mut self, subject: i64) -> Result<Option<PersonId>, Self::Error>;
    /// Keeps a value.
    fn put_value(&mut self, key: u128, value: Value);
    /// Keeps a person.
    fn put_person(&mut self, id: PersonId, person: Person);
    /// Keeps whose a subject is.
    fn put_subject(&mut self, subject: i64, person: PersonId);
}

/// What became of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It had a person, and nothing new was found.
    Known,
    /// It belongs to a person that was there.
    Joined,
    /// It founded a person.
    Founded,
    /// It brought persons together: these became part of the answer's.
    Merged(Vec<PersonId>),
}

/// Whose a subject is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The person.
    pub person: PersonId,
    /// How it came to it.
    pub outcome: Outcome,
    /// Identifiers that were no evidence here, by [`value_key`].
    pub dropped: Vec<(u128, Reason)>,
}

/// The key of an identifier value in the index. `value` is canonical, `source` empty unless the type's values mean something within one
/// source only.
pub fn value_key(population: &str, kind: &str, value: &str, source: &str) -> u128 {
    let mut bytes = Vec::with_capacity(population.len() + kind.len() + value.len() + source.len() + 16);
    for text in [population, kind, value, source] {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    xxh3_128(&bytes)
}

/// The key of an identifier type in what a person holds.
pub fn kind_key(kind: &str) -> u64 {
    xxh3_64(kind.as_bytes())
}

/// The rules as the write path needs them.
#[derive(Clone, Debug)]
pub struct Online {
    rules: CompiledRules,
    /// Place among the types of the rules, by [`kind_key`].
    kinds: FxHashMap<u64, usize>,
}

/// An identifier that a subject brings forward as evidence.
struct Claim {
    key: u128,
    kind: u64,
    name: String,
    /// Ordering: the strongest first.
    strength: (u32, String, String),
    value: Value,
}

/// A held value in a union under test; `part` tells whose it is.
#[derive(Clone, Copy)]
struct Tested {
    kind: u64,
    at_us: i64,
    part: usize,
}

/// Persons that a subject would bring together.
type Parts = BTreeMap<PersonId, Person>;

impl Online {
    /// The write path under `rules`.
    pub fn new(rules: CompiledRules) -> Self {
        let kinds = rules.types().iter().enumerate().map(|(at, rule)| (kind_key(&rule.name), at)).collect();
        Self { rules, kinds }
    }

    /// The rules.
    pub fn rules(&self) -> &CompiledRules {
        &self.rules
    }

    fn rule_of(&self, kind: u64) -> &TypeRule {
        // An undeclared type has the rule of every undeclared type; the empty name is declared nowhere.
        self.kinds.get(&kind).map_or_else(|| self.rules.rule(""), |&at| &self.rules.types()[at])
    }

    /// Decides whose the subject is and keeps the answer in `index`.
    ///
    /// # Errors
    /// Those of the index; nothing is kept of the subject then, if the index forgets what was put since.
    pub fn decide<I: Index>(&self, index: &mut I, sighting: &Sighting<'_>) -> Result<Answer, I::Error> {
        let known = match index.subject(sighting.subject)? {
            Some(person) => Some(find(index, person)?),
            None => None,
        };
        if let Some((person, _)) = &known
            && sighting.kind == SubjectKind::Event
        {
            // The number of an identifier set stands for that set: there is nothing new in it.
            return Ok(Answer { person: *person, outcome: Outcome::Known, dropped: Vec::new() });
        }
        let mut dropped = Vec::new();
        let mut claims = self.claims(index, sighting, &mut dropped)?;
        let mut holders: Parts = BTreeMap::new();
        for claim in &mut claims {
            if let Some(holder) = claim.value.holder {
                let (id, person) = find(index, holder)?;
                claim.value.holder = Some(id);
                holders.insert(id, person);
            }
        }
        let mut refused: Vec<Claim> = Vec::new();
        let parts = loop {
            let mut parts: Parts = known.iter().map(|(id, person)| (*id, person.clone())).collect();
            for id in claims.iter().filter_map(|claim| claim.value.holder) {
                parts.insert(id, holders[&id].clone());
            }
            match self.check(index, &parts, &claims, sighting.at_us)? {
                Ok(()) => break parts,
                Err(reason) => match claims.pop() {
                    Some(weakest) => {
                        dropped.push((weakest.key, reason));
                        refused.push(weakest);
                    }
                    None => break parts,
                },
            }
        };
        let had_person = known.is_some();
        let (person, outcome) = accept(index, sighting, parts, &claims, had_person)?;
        self.note_refused(index, person, &claims, refused)?;
        Ok(Answer { person, outcome, dropped })
    }

    /// The person that holds the identifier `value`, for every declared type under whose canonical form somebody does.
    pub fn holders<I: Index>(
        &self,
        index: &mut I,
        population: &str,
        value: &str,
    ) -> Result<Vec<(String, String, PersonId)>, I::Error> {
        let mut found = Vec::new();
        for rule in self.rules.types().iter().filter(|rule| rule.scope == Scope::Global) {
            let value = canonical(rule.normalise, value);
            let entry = index.value(value_key(population, &rule.name, &value, ""))?;
            if let Some(holder) = entry.and_then(|entry| entry.holder) {
                found.push((rule.name.to_string(), value, find(index, holder)?.0));
            }
        }
        Ok(found)
    }

    /// What the subject brings as evidence, strongest first; of untrusted ones only the strongest, and only if there is nothing better.
    fn claims<I: Index>(
        &self,
        index: &mut I,
        sighting: &Sighting<'_>,
        dropped: &mut Vec<(u128, Reason)>,
    ) -> Result<Vec<Claim>, I::Error> {
        let population = sighting.population.trim();
        let (mut trusted, mut untrusted): (Vec<Claim>, Vec<Claim>) = (Vec::new(), Vec::new());
        let mut text = String::new();
        for &(kind, value) in sighting.identifiers {
            let rule = self.rules.rule(kind);
            text.clear();
            canonical_into(rule.normalise, value, &mut text);
            if rule.shared != Shared::No || is_blocked(&self.rules, rule, &text) {
                continue;
            }
            let source = if rule.scope == Scope::Source { sighting.source } else { "" };
            let key = value_key(population, kind, &text, source);
            if rule.population.as_deref().is_some_and(|of| of != population) {
                dropped.push((key, Reason::Population));
                continue;
            }
            if trusted.iter().chain(&untrusted).any(|known| known.key == key) {
                continue;
            }
            let value = index.value(key)?.unwrap_or_default();
            if value.shared {
                continue;
            }
            let strength = (rule.priority, kind.to_owned(), text.clone());
            let claim = Claim { key, kind: kind_key(kind), name: kind.to_owned(), strength, value };
            let trusts = rule.trusted_sources.is_empty() || rule.trusted_sources.iter().any(|of| **of == *sighting.source);
            if trusts { trusted.push(claim) } else { untrusted.push(claim) }
        }
        for list in [&mut trusted, &mut untrusted] {
            list.sort_by(|a, b| a.strength.cmp(&b.strength));
        }
        if trusted.is_empty() && !untrusted.is_empty() {
            trusted.push(untrusted.remove(0));
        }
        dropped.extend(untrusted.iter().map(|claim| (claim.key, Reason::Untrusted)));
        self.drop_own_surplus(&mut trusted, dropped);
        Ok(trusted)
    }

    /// A subject that alone has more values of a type than a person may have keeps the first ones.
    fn drop_own_surplus(&self, claims: &mut Vec<Claim>, dropped: &mut Vec<(u128, Reason)>) {
        let mut kept: FxHashMap<u64, u32> = FxHashMap::default();
        claims.retain(|claim| {
            let rule = self.rule_of(claim.kind);
            let n = kept.entry(claim.kind).or_default();
            *n += 1;
            if *n > rule.limit {
                dropped.push((claim.key, self.over(claim.kind, &claim.name)));
            }
            *n <= rule.limit
        });
    }

    fn over(&self, kind: u64, name: &str) -> Reason {
        if self.rule_of(kind).unique { Reason::Unique(name.to_owned()) } else { Reason::Limit(name.to_owned()) }
    }

    /// Whether the `parts` may be one person that holds all `claims`.
    fn check<I: Index>(
        &self,
        index: &mut I,
        parts: &Parts,
        claims: &[Claim],
        at_us: i64,
    ) -> Result<Result<(), Reason>, I::Error> {
        let fresh: Vec<&Claim> = claims.iter().filter(|claim| claim.value.holder.is_none()).collect();
        let holding = parts.values().filter(|person| !person.held.is_empty()).count();
        for (id, person) in parts {
            for apart in &person.apart {
                let (other, _) = find(index, *apart)?;
                if other != *id && parts.contains_key(&other) {
                    return Ok(Err(Reason::Apart(None)));
                }
            }
        }
        if holding <= 1 && fresh.is_empty() {
            return Ok(Ok(()));
        }
        let mut tested: Vec<Tested> =
            (parts.len()..).zip(&fresh).map(|(part, claim)| Tested { kind: claim.kind, at_us, part }).collect();
        for (part, person) in parts.values().enumerate() {
            // With one part, only the types of new values can go over a limit.
            let counts = |held: &&Held| holding > 1 || fresh.iter().any(|claim| claim.kind == held.kind);
            tested.extend(person.held.iter().filter(counts).map(|held| Tested { kind: held.kind, at_us: held.at_us, part }));
        }
        Ok(self.broken(&mut tested).map_or(Ok(()), |kind| {
            let rule = self.rule_of(kind);
            let name = claims.iter().find(|claim| claim.kind == kind).map_or(&*rule.name, |claim| claim.name.as_str());
            Err(self.over(kind, name))
        }))
    }

    /// The strongest type whose limit the union would exceed by more than one of its parts does already.
    fn broken(&self, tested: &mut [Tested]) -> Option<u64> {
        tested.sort_unstable_by_key(|tested| (self.rule_of(tested.kind).priority, tested.kind, tested.at_us));
        let exceeds = |values: &[Tested]| {
            let rule = self.rule_of(values[0].kind);
            let window = rule.window.micros();
            let all = most_within(window, values.iter().map(|tested| tested.at_us));
            if all <= rule.limit as usize {
                return false;
            }
            let mut parts: Vec<usize> = values.iter().map(|tested| tested.part).collect();
            parts.sort_unstable();
            parts.dedup();
            let of = |part: usize| most_within(window, values.iter().filter(move |t| t.part == part).map(|t| t.at_us));
            parts.into_iter().map(of).max().is_some_and(|largest| all > largest)
        };
        tested.chunk_by(|a, b| a.kind == b.kind).find(|values| exceeds(values)).map(|values| values[0].kind)
    }

    /// Remembers who was refused a value; one person too many makes it shared.
    fn note_refused<I: Index>(
        &self,
        index: &mut I,
        person: PersonId,
        kept: &[Claim],
        refused: Vec<Claim>,
    ) -> Result<(), I::Error> {
        for claim in refused {
            // Persons count that something stronger tells apart.
            let told_apart = kept.iter().any(|other| other.strength.0 < claim.strength.0);
            let Some(holder) = claim.value.holder.filter(|holder| told_apart && *holder != person) else { continue };
            let mut value = claim.value;
            let mut distinct = vec![holder];
            for other in value.refused.iter().chain([&person]) {
                let (other, _) = find(index, *other)?;
                if !distinct.contains(&other) {
                    distinct.push(other);
                }
            }
            let after = self.rule_of(claim.kind).shared_after as usize;
            value.shared = distinct.len() > after;
            value.refused = distinct.split_off(1);
            value.refused.truncate(after.min(MOST_REFUSED));
            if value.shared {
                value.refused.clear();
            }
            index.put_value(claim.key, value);
        }
        Ok(())
    }
}

/// The person that `id` is now, through the merges since.
pub fn find<I: Index>(index: &mut I, id: PersonId) -> Result<(PersonId, Person), I::Error> {
    let mut at = id;
    for _ in 0..MOST_HOPS {
        match index.person(at)? {
            Some(Person { merged_into: Some(into), .. }) => at = into,
            Some(person) => return Ok((at, person)),
            None => break,
        }
    }
    // An index that lost a person still tells its id; the next run writes it anew.
    let population = String::new();
    let lost = Person {
        population,
        founder: at.0 as i64,
        founded_us: i64::MAX,
        founded_in: String::new(),
        provisional: true,
        merged_into: None,
        held: Vec::new(),
        subjects: Vec::new(),
        apart: Vec::new(),
    };
    Ok((at, lost))
}

/// Makes one person of the parts and gives it the subject and the values that nobody held.
fn accept<I: Index>(
    index: &mut I,
    sighting: &Sighting<'_>,
    mut parts: Parts,
    claims: &[Claim],
    had_person: bool,
) -> Result<(PersonId, Outcome), I::Error> {
    let rank = |person: &Person| (person.provisional, person.founded_us, person.founded_in.clone(), person.founder);
    let oldest = parts.iter().min_by_key(|(_, person)| rank(person)).map(|(id, _)| *id);
    let (id, mut person, outcome) = match oldest {
        Some(id) => {
            let mut person = parts.remove(&id).expect("one of the parts");
            let merged: Vec<PersonId> = parts.keys().copied().collect();
            for (other, mut part) in parts {
                extend(&mut person.subjects, &part.subjects, MOST_SUBJECTS);
                person.held.append(&mut part.held);
                extend(&mut person.apart, &std::mem::take(&mut part.apart), MOST_REFUSED);
                part.merged_into = Some(id);
                index.put_person(other, part);
            }
            (id, person, if merged.is_empty() { Outcome::Joined } else { Outcome::Merged(merged) })
        }
        None => (free_name(index, sighting.subject)?, founded(sighting), Outcome::Founded),
    };
    let mut news = outcome != Outcome::Joined;
    for claim in claims.iter().filter(|claim| claim.value.holder.is_none()) {
        person.held.push(Held { kind: claim.kind, at_us: sighting.at_us });
        index.put_value(claim.key, Value { holder: Some(id), ..claim.value.clone() });
        news = true;
    }
    if person.held.len() > MOST_HELD {
        person.held.sort_unstable_by_key(|held| std::cmp::Reverse(held.at_us));
        person.held.truncate(MOST_HELD);
    }
    if had_person && !news {
        return Ok((id, Outcome::Known));
    }
    extend(&mut person.subjects, &[sighting.subject], MOST_SUBJECTS);
    index.put_person(id, person);
    if !had_person {
        index.put_subject(sighting.subject, id);
    }
    Ok((id, outcome))
}

fn founded(sighting: &Sighting<'_>) -> Person {
    Person {
        population: sighting.population.trim().to_owned(),
        founder: sighting.subject,
        founded_us: sighting.at_us,
        founded_in: sighting.source.to_owned(),
        provisional: true,
        merged_into: None,
        held: Vec::new(),
        subjects: Vec::new(),
        apart: Vec::new(),
    }
}

fn free_name<I: Index>(index: &mut I, founder: i64) -> Result<PersonId, I::Error> {
    for name in names_after(founder) {
        if index.person(name)?.is_none() {
            return Ok(name);
        }
    }
    unreachable!("the names do not end")
}

fn extend<T: Copy + PartialEq>(into: &mut Vec<T>, more: &[T], most: usize) {
    for item in more {
        if into.len() < most && !into.contains(item) {
            into.push(*item);
        }
    }
}

/// A person that was shown and is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Correction {
    /// The person that the write path showed.
    pub shown: PersonId,
    /// What the run says.
    pub became: PersonId,
    /// The first of the subjects concerned.
    pub subject: i64,
    /// How many they are.
    pub subjects: u64,
}

/// Where the run's answer, ascending by subject, differs from the one that was shown, by (shown, became). Subjects that the run does not know are left out: they
/// came after it had read.
pub fn corrections(shown: impl IntoIterator<Item = (i64, PersonId)>, run: &[(i64, PersonId)]) -> Vec<Correction> {
    let mut found: BTreeMap<(PersonId, PersonId), (i64, u64)> = BTreeMap::new();
    for (subject, shown) in shown {
        let place = run.binary_search_by_key(&subject, |(subject, _)| *subject);
        let Some(became) = place.ok().map(|place| run[place].1).filter(|became| *became != shown) else { continue };
        let (first, n) = found.entry((shown, became)).or_insert((subject, 0));
        *first = (*first).min(subject);
        *n += 1;
    }
    let correction = |((shown, became), (subject, subjects))| Correction { shown, became, subject, subjects };
    found.into_iter().map(correction).collect()
}
