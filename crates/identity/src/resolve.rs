//! From subjects and rules to persons: one canonical order, union–find under constraints.
//!
//! Subjects are taken in the order (first_seen, source name, id). Each joins the persons that hold its identifiers,
//! unless the union would break a limit, a unique veto or a decision; then the subject's weakest identifier is dropped
//! and it tries again (Segment's rule). What was dropped and why is kept as a [`Conflict`]. Because the order comes
//! from content, the partition does not depend on the order of arrival.
//!
//! Before that pass, three things are settled. **Decisions** of people, newest first: where two contradict each other
//! the newer one wins, and the loser is reported; subjects that a person linked are joined before anything else and
//! may exceed limits together, because decisions win over rules. A detached subject is no evidence any more: its
//! identifiers connect nobody, until somebody links it by hand. **Blocked** values and types **shared by nature** never
//! connect persons. **Values shared by too many** are demoted: going from the strongest type to the weakest, a value
//! whose trusted carriers fall into more than `shared_after` persons, as told apart by stronger identifiers alone, is
//! shared. That count has no order either.
//!
//! Untrusted subjects never join two persons (Unomi): they follow their strongest identifier and no other.
//!
//! Cost: O(n α(n)) for n carried identifiers, apart from sorting and from limits in windows, where a union looks at
//! the values of the persons concerned.
//!
//! Behind all that come **likenesses** of records ([`crate::matching`]), the most probable first: one joins two persons where their limits,
//! unique identifiers and decisions allow it. What may not join, or is not sure enough, is kept as [`Open`].

use rustc_hash::FxHashMap;

use crate::rules::Shared;
use crate::subjects::{SubjectKind, SubjectRow, Subjects};

pub(crate) mod union;

use union::{Claim, Refusal, Union};

/// What a person decided about subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its id: breaks ties of time.
    pub id: String,
    /// What was decided.
    pub kind: DecisionKind,
    /// When, microseconds UTC. The newest wins.
    pub decided_at_us: i64,
}

/// The kinds of decision about subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionKind {
    /// The two are one person.
    Link(i64, i64),
    /// The two are different persons.
    Apart(i64, i64),
    /// The subject stands alone, and its identifiers are no evidence.
    Detach(i64),
}

/// Who decided a mapping or a piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecidedBy {
    /// The rules.
    Rule,
    /// The decision at this position of the input.
    Decision(u32),
    /// The matching model.
    Model,
}

/// Two records that are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// One subject.
    pub a: i64,
    /// The other.
    pub b: i64,
    /// Match probability.
    pub probability: f64,
    /// Match weight, log2.
    pub match_weight: f64,
    /// Whether it is sure enough to join them.
    pub joins: bool,
}

/// A likeness of records that stayed two persons.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// Who is alike.
    pub likeness: Likeness,
    /// Why it did not join them; none: it is not sure enough.
    pub reason: Option<Reason>,
}

/// A subject and the person that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The subject.
    pub subject: i64,
    /// The person, named by its founding subject: the first in canonical order.
    pub founder: i64,
    /// Identifier set or record.
    pub kind: SubjectKind,
    /// Facts of the subject.
    pub facts: u64,
    /// Whether a decision determined it.
    pub decided_by: DecidedBy,
}

/// A piece of evidence: `a` and `b` are one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The later subject.
    pub a: i64,
    /// The earlier subject: for a rule, the first that carried the identifier.
    pub b: i64,
    /// The identifier that both carry; none for a decision or a likeness. Its type is the rule's name.
    pub identifier: Option<u32>,
    /// Match weight (log2); null for rules and decisions, which are not probabilistic.
    pub match_weight: Option<f64>,
    /// Match probability; null like the weight.
    pub probability: Option<f64>,
    /// Who decided.
    pub decided_by: DecidedBy,
    /// When the evidence appeared, microseconds UTC.
    pub at_us: i64,
}

/// An identifier of a subject that was not used as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The subject.
    pub subject: i64,
    /// Its identifier that was dropped.
    pub identifier: u32,
    /// Why.
    pub reason: Reason,
    /// The subject whose person held the identifier; none if nobody did.
    pub against: Option<i64>,
}

/// An identifier that a subject shares with others and that identifies nobody: blocked, or shared by nature or by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unused {
    /// The subject.
    pub subject: i64,
    /// The first subject, in canonical order, that carries the identifier.
    pub first: i64,
    /// The identifier.
    pub identifier: u32,
    /// What it is instead.
    pub role: Role,
}

/// Why an identifier was dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The person would have too many values of this type.
    Limit(String),
    /// The persons have different values of this unique type.
    Unique(String),
    /// Somebody decided to keep the persons apart: the decision at this position of the input. None: a base of the write path tells no more
    /// than that.
    Apart(Option<u32>),
    /// The source's word does not suffice to connect persons.
    Untrusted,
    /// The type belongs to another population.
    Population,
}

/// What an identifier value is to persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It identifies a person.
    Person,
    /// It connects the persons of a household.
    Household,
    /// Several persons use it.
    Shared,
    /// It identifies nobody.
    Blocked,
}

/// An identifier value in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentifierUse {
    /// Its number in [`Subjects::identifier`].
    pub identifier: u32,
    /// What it is.
    pub role: Role,
    /// First fact that carries it, microseconds UTC.
    pub first_seen_us: i64,
    /// Last fact that carries it, microseconds UTC.
    pub last_seen_us: i64,
    /// Subjects that carry it.
    pub subjects: u32,
    /// Persons whose subjects carry it.
    pub persons: u32,
    /// The subject that first used it as evidence: its person holds the value. None: nobody does.
    pub holder: Option<i64>,
}

/// Persons and how they came about. Every list is ordered by content, so that equal input gives equal output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// One row a subject, in canonical order; a person's founder is its first row.
    pub assignments: Vec<Assignment>,
    /// Evidence, by (a's canonical position, strength of the identifier).
    pub links: Vec<Link>,
    /// Dropped identifiers, in canonical order of subjects; within one in order of dropping.
    pub conflicts: Vec<Conflict>,
    /// Likenesses between persons, the most probable first.
    pub open: Vec<Open>,
    /// Identifiers that could never have been evidence, in canonical order of their subjects.
    pub unused: Vec<Unused>,
    /// Identifier values, by (type, value, population, source).
    pub identifiers: Vec<IdentifierUse>,
    /// (founder, household identifier): the strongest, then earliest one of each person that has one.
    pub households: Vec<(i64, u32)>,
    /// Positions of decisions without effect: subject unknown, other population, or contradicted by a newer one.
    pub ineffective: Vec<u32>,
}

/// Partitions `subjects` into persons under their rules and `decisions` (already without revoked ones).
pub fn resolve(subjects: &Subjects<'_>, decisions: &[Decision]) -> Resolution {
    resolve_alike(subjects, decisions, &[])
}

/// As [`resolve`], with likenesses of records behind the rules. Their order does not matter.
pub fn resolve_alike(subjects: &Subjects<'_>, decisions: &[Decision], alike: &[Likeness]) -> Resolution {
    let mut resolver = Resolver::new(subjects);
    resolver.decide(decisions);
    resolver.demote_shared();
    resolver.join_linked();
    for at in 0..resolver.order.len() {
        let subject = resolver.order[at];
        if resolver.linked[subject as usize].is_none() {
            resolver.join(&[subject]);
        }
    }
    resolver.join_alike(alike);
    resolver.finish(decisions)
}

const NONE: u32 = u32::MAX;

struct Resolver<'s, 'r> {
    subjects: &'s Subjects<'r>,
    /// Subjects in canonical order, and the place of each in it.
    order: Vec<u32>,
    place: Vec<u32>,
    roles: Vec<Role>,
    union: Union<'s>,
    /// Newest decision that links the subject.
    linked: Vec<Option<u32>>,
    /// Newest decision that detaches the subject: its identifiers are no evidence.
    silent: Vec<Option<u32>>,
    links: Vec<Link>,
    conflicts: Vec<(u32, Conflict)>,
    open: Vec<Open>,
    ineffective: Vec<u32>,
}

impl<'s, 'r> Resolver<'s, 'r> {
    fn new(subjects: &'s Subjects<'r>) -> Self {
        let count = subjects.rows.len();
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.sort_unstable_by(|&a, &b| {
            let (a, b) = (&subjects.rows[a as usize], &subjects.rows[b as usize]);
            let by_source = || subjects.name(a.source).cmp(subjects.name(b.source));
            a.first_seen_us.cmp(&b.first_seen_us).then_with(by_source).then(a.id.cmp(&b.id))
        });
        let mut place = vec![0; count];
        for (at, &subject) in order.iter().enumerate() {
            place[subject as usize] = at as u32;
        }
        let role = |(number, value): (usize, &crate::subjects::ValueRow)| match subjects.is_shared_by_nature(number as u32) {
            _ if value.blocked => Role::Blocked,
            Shared::No => Role::Person,
            Shared::Household => Role::Household,
            Shared::Device => Role::Shared,
        };
        let roles = subjects.values.iter().enumerate().map(role).collect();
        Self {
            subjects,
            order,
            place,
            roles,
            union: Union::new(subjects),
            linked: vec![None; count],
            silent: vec![None; count],
            links: Vec::new(),
            conflicts: Vec::new(),
            open: Vec::new(),
            ineffective: Vec::new(),
        }
    }

    /// Applies decisions from the newest to the oldest: what a newer one settled, an older one cannot change.
    fn decide(&mut self, decisions: &[Decision]) {
        let mut newest_first: Vec<u32> = (0..decisions.len() as u32).collect();
        newest_first.sort_by(|&a, &b| {
            let key = |at: u32| (decisions[at as usize].decided_at_us, &decisions[at as usize].id);
            key(b).cmp(&key(a))
        });
        for at in newest_first {
            let decision = &decisions[at as usize];
            let done = match decision.kind {
                DecisionKind::Detach(subject) => self.detach(subject, at),
                DecisionKind::Link(a, b) => self.pair(a, b).is_some_and(|pair| self.link(pair, at, decision.decided_at_us)),
                DecisionKind::Apart(a, b) => self.pair(a, b).is_some_and(|(a, b)| self.union.keep_apart(a, b, at)),
            };
            if !done {
                self.ineffective.push(at);
            }
        }
        self.ineffective.sort_unstable();
    }

    fn pair(&self, a: i64, b: i64) -> Option<(u32, u32)> {
        let pair = (self.subjects.position(a)?, self.subjects.position(b)?);
        let population = |at: u32| self.subjects.rows[at as usize].population;
        (pair.0 != pair.1 && population(pair.0) == population(pair.1)).then_some(pair)
    }

    fn detach(&mut self, subject: i64, decision: u32) -> bool {
        let Some(at) = self.subjects.position(subject) else { return false };
        self.silent[at as usize].get_or_insert(decision);
        true
    }

    fn link(&mut self, (a, b): (u32, u32), decision: u32, at_us: i64) -> bool {
        // Detached by a newer decision: older links do not hold any more.
        let detached = |at: u32| self.silent[at as usize].is_some();
        if (detached(a) || detached(b)) || self.union.kept_apart(&[a, b]).is_some() {
            return false;
        }
        self.union.join(a, b);
        for at in [a, b] {
            self.linked[at as usize].get_or_insert(decision);
        }
        let (later, earlier) = if self.place[a as usize] > self.place[b as usize] { (a, b) } else { (b, a) };
        self.links.push(Link {
            a: self.subjects.rows[later as usize].id,
            b: self.subjects.rows[earlier as usize].id,
            identifier: None,
            match_weight: None,
            probability: None,
            decided_by: DecidedBy::Decision(decision),
            at_us,
        });
        true
    }

    fn row(&self, subject: u32) -> &'s SubjectRow {
        &self.subjects.rows[subject as usize]
    }

    /// Whether `subject` may use identifier `value` to find its person.
    fn is_evidence(&self, subject: u32, value: u32) -> bool {
        self.silent[subject as usize].is_none()
            && self.roles[value as usize] == Role::Person
            && self.is_of_population(subject, value)
    }

    fn is_of_population(&self, subject: u32, value: u32) -> bool {
        let rule = self.subjects.rule(self.subjects.values[value as usize].kind);
        rule.population.as_deref().is_none_or(|population| population == self.subjects.name(self.row(subject).population))
    }

    fn is_trusted(&self, subject: u32, value: u32) -> bool {
        let row = self.row(subject);
        let rule = self.subjects.rule(self.subjects.values[value as usize].kind);
        let source = self.subjects.name(row.source);
        row.trusted && (rule.trusted_sources.is_empty() || rule.trusted_sources.iter().any(|trusted| **trusted == *source))
    }

    /// Demotes values that too many persons carry, from the strongest type to the weakest.
    fn demote_shared(&mut self) {
        let subjects = self.subjects;
        let carriers = Carriers::of(self);
        let mut levels: Vec<(u32, Vec<u32>)> = Vec::new();
        let mut by_priority: FxHashMap<u32, usize> = FxHashMap::default();
        for value in 0..subjects.values.len() as u32 {
            let priority = subjects.rule(subjects.values[value as usize].kind).priority;
            let level = *by_priority.entry(priority).or_insert_with(|| {
                levels.push((priority, Vec::new()));
                levels.len() - 1
            });
            levels[level].1.push(value);
        }
        levels.sort_unstable_by_key(|(priority, _)| *priority);
        let mut persons = union::Forest::new(subjects.rows.len());
        let mut anchored = vec![false; subjects.rows.len()];
        let mut roots = Vec::new();
        for (_, values) in &levels {
            for &value in values {
                let threshold = subjects.rule(subjects.values[value as usize].kind).shared_after as usize;
                let held_by = carriers.of_value(value);
                if held_by.len() > threshold {
                    roots.clear();
                    roots.extend(held_by.iter().filter(|&&s| anchored[s as usize]).map(|&s| persons.find(s)));
                    roots.sort_unstable();
                    roots.dedup();
                    if roots.len() > threshold {
                        self.roles[value as usize] = Role::Shared;
                    }
                }
            }
            for &value in values.iter().filter(|&&value| self.roles[value as usize] == Role::Person) {
                let held_by = carriers.of_value(value);
                for &subject in held_by {
                    anchored[subject as usize] = true;
                    persons.join(held_by[0], subject);
                }
            }
        }
    }

    /// Joins what people linked, group by group in canonical order, before the rules see anything.
    fn join_linked(&mut self) {
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut group_of: FxHashMap<u32, usize> = FxHashMap::default();
        for &subject in &self.order {
            if self.linked[subject as usize].is_some() {
                let group = *group_of.entry(self.union.root(subject)).or_insert_with(|| {
                    groups.push(Vec::new());
                    groups.len() - 1
                });
                groups[group].push(subject);
            }
        }
        for group in groups {
            self.join(&group);
        }
    }

    /// Lets `members`, already one person, join the persons that hold their identifiers.
    fn join(&mut self, members: &[u32]) {
        let mut claims = self.claims(members);
        if let [member] = members {
            self.drop_own_surplus(*member, &mut claims);
        }
        let together = members.len() > 1;
        while let Err(refusal) = self.union.check(members[0], &claims, together) {
            let Some(weakest) = claims.pop() else { break };
            let reason = self.reason(refusal);
            self.drop_claim(&weakest, reason);
        }
        self.union.accept(members[0], &claims);
        for &member in members {
            for claim in &claims {
                let holder = self.union.holder(claim.value);
                let carries = members.len() == 1 || self.subjects.carried_by(self.row(member)).contains(&claim.value);
                if holder != member && carries && self.is_evidence(member, claim.value) {
                    self.links.push(Link {
                        a: self.row(member).id,
                        b: self.row(holder).id,
                        identifier: Some(claim.value),
                        match_weight: None,
                        probability: None,
                        decided_by: DecidedBy::Rule,
                        at_us: self.row(member).first_seen_us,
                    });
                }
            }
        }
    }

    /// Joins persons whose records are alike, the most probable likeness first; equal ones in canonical order.
    fn join_alike(&mut self, alike: &[Likeness]) {
        let place = |id: i64| Some(self.place[self.subjects.position(id)? as usize]);
        // (place of the earlier record, place of the later one)
        let mut pairs: Vec<(u32, u32, &Likeness)> = alike
            .iter()
            .filter_map(|likeness| {
                let (a, b) = (place(likeness.a)?, place(likeness.b)?);
                Some((a.min(b), a.max(b), likeness))
            })
            .collect();
        pairs.sort_by(|x, y| y.2.probability.total_cmp(&x.2.probability).then((x.0, x.1).cmp(&(y.0, y.1))));
        for (earlier, later, &likeness) in pairs {
            let (earlier, later) = (self.order[earlier as usize], self.order[later as usize]);
            if self.silent[earlier as usize].or(self.silent[later as usize]).is_some()
                || self.union.root(earlier) == self.union.root(later)
            {
                continue;
            }
            let refusal = if likeness.joins { self.union.check_join(earlier, later).err() } else { None };
            if likeness.joins && refusal.is_none() {
                self.union.join(earlier, later);
                self.links.push(Link {
                    a: self.row(later).id,
                    b: self.row(earlier).id,
                    identifier: None,
                    match_weight: Some(likeness.match_weight),
                    probability: Some(likeness.probability),
                    decided_by: DecidedBy::Model,
                    at_us: self.row(later).first_seen_us,
                });
            } else {
                let reason = refusal.map(|refusal| self.reason(refusal));
                self.open.push(Open { likeness, reason });
            }
        }
        // What was open may have become one person by a later pair.
        let mut open = std::mem::take(&mut self.open);
        open.retain(|open| {
            let mut root = |id| self.subjects.position(id).map(|position| self.union.root(position));
            root(open.likeness.a) != root(open.likeness.b)
        });
        self.open = open;
    }

    fn reason(&self, refusal: Refusal) -> Reason {
        let kind = |kind: u32| self.subjects.kind_name(kind).to_owned();
        match refusal {
            Refusal::Apart(decision) => Reason::Apart(Some(decision)),
            Refusal::Limit(at) if self.subjects.rule(at).unique => Reason::Unique(kind(at)),
            Refusal::Limit(at) => Reason::Limit(kind(at)),
        }
    }

    /// What the members bring as evidence, strongest first, each value once by its earliest carrier; the untrusted
    /// ones only if there is nothing better, and then only the strongest.
    fn claims(&mut self, members: &[u32]) -> Vec<Claim> {
        let subjects = self.subjects;
        let (mut trusted, mut untrusted): (Vec<Claim>, Vec<Claim>) = (Vec::new(), Vec::new());
        for &member in members {
            for &value in subjects.carried_by(self.row(member)) {
                let claim = Claim { value, subject: member, at_us: self.row(member).first_seen_us };
                if self.is_evidence(member, value) {
                    let list = if self.is_trusted(member, value) { &mut trusted } else { &mut untrusted };
                    if !list.iter().any(|known| known.value == value) {
                        list.push(claim);
                    }
                } else if self.roles[value as usize] == Role::Person && self.silent[member as usize].is_none() {
                    self.drop_claim(&claim, Reason::Population);
                }
            }
        }
        untrusted.retain(|claim| !trusted.iter().any(|known| known.value == claim.value));
        for list in [&mut trusted, &mut untrusted] {
            if list.len() > 1 {
                list.sort_by(|a, b| subjects.strength(a.value).cmp(&subjects.strength(b.value)));
            }
        }
        if trusted.is_empty() && !untrusted.is_empty() {
            trusted.push(untrusted.remove(0));
        }
        for claim in &untrusted {
            self.drop_claim(claim, Reason::Untrusted);
        }
        trusted
    }

    /// A subject that alone has more values of a type than a person may have keeps the first ones.
    fn drop_own_surplus(&mut self, member: u32, claims: &mut Vec<Claim>) {
        let kind_of = |claim: &Claim| self.subjects.values[claim.value as usize].kind;
        let mut surplus = Vec::new();
        for (at, claim) in claims.iter().enumerate() {
            let rule = self.subjects.rule(kind_of(claim));
            let earlier = claims[..at].iter().filter(|other| kind_of(other) == kind_of(claim)).count();
            if earlier >= rule.limit as usize {
                surplus.push(claim.value);
            }
        }
        for value in surplus {
            let kind = self.subjects.values[value as usize].kind;
            let name = self.subjects.kind_name(kind).to_owned();
            let reason = if self.subjects.rule(kind).unique { Reason::Unique(name) } else { Reason::Limit(name) };
            self.drop_claim(&Claim { value, subject: member, at_us: 0 }, reason);
            claims.retain(|claim| claim.value != value);
        }
    }

    fn drop_claim(&mut self, claim: &Claim, reason: Reason) {
        let holder = self.union.holder(claim.value);
        let against = (holder != NONE).then(|| self.row(holder).id);
        let conflict = Conflict { subject: self.row(claim.subject).id, identifier: claim.value, reason, against };
        self.conflicts.push((self.place[claim.subject as usize], conflict));
    }

    fn finish(mut self, decisions: &[Decision]) -> Resolution {
        let mut founders = vec![NONE; self.subjects.rows.len()];
        let mut assignments = Vec::with_capacity(self.order.len());
        for &subject in &self.order {
            let founder = &mut founders[self.union.root(subject) as usize];
            if *founder == NONE {
                *founder = subject;
            }
            let row = &self.subjects.rows[subject as usize];
            let newest = self.linked[subject as usize].into_iter().chain(self.silent[subject as usize]);
            let decision = newest.max_by_key(|&at| (decisions[at as usize].decided_at_us, &decisions[at as usize].id));
            assignments.push(Assignment {
                subject: row.id,
                founder: self.subjects.rows[*founder as usize].id,
                kind: row.kind,
                facts: row.facts,
                decided_by: decision.map_or(DecidedBy::Rule, DecidedBy::Decision),
            });
        }
        let carriers = Carriers::all(&self);
        let (identifiers, households) = self.uses(&carriers, &founders);
        let unused = self.unused(&carriers);
        let subjects = self.subjects;
        let place = &self.place;
        let at = |id: i64| subjects.position(id).map_or(NONE, |position| place[position as usize]);
        let strength = |link: &Link| link.identifier.map(|number| subjects.strength(number));
        self.links.sort_by(|x, y| {
            at(x.a)
                .cmp(&at(y.a))
                .then_with(|| strength(x).cmp(&strength(y)))
                .then_with(|| (at(x.b), x.at_us).cmp(&(at(y.b), y.at_us)))
        });
        self.conflicts.sort_by_key(|(place, _)| *place);
        Resolution {
            assignments,
            links: self.links,
            conflicts: self.conflicts.into_iter().map(|(_, conflict)| conflict).collect(),
            open: self.open,
            unused,
            identifiers,
            households,
            ineffective: self.ineffective,
        }
    }

    /// Who carries what identifies nobody, as far as several do.
    fn unused(&self, carriers: &Carriers) -> Vec<Unused> {
        let subjects = self.subjects;
        let mut unused = Vec::new();
        for (value, &role) in (0..).zip(&self.roles).filter(|(_, role)| **role != Role::Person) {
            let Some((&first, others)) = carriers.of_value(value).split_first() else { continue };
            unused.extend(others.iter().map(|&subject| (self.place[subject as usize], value, first, subject, role)));
        }
        unused.sort_unstable_by(|x, y| x.0.cmp(&y.0).then_with(|| subjects.strength(x.1).cmp(&subjects.strength(y.1))));
        let id = |subject: u32| subjects.rows[subject as usize].id;
        unused
            .into_iter()
            .map(|(_, identifier, first, subject, role)| Unused { subject: id(subject), first: id(first), identifier, role })
            .collect()
    }

    /// How each identifier value is used, and each person's household.
    fn uses(&mut self, carriers: &Carriers, founders: &[u32]) -> (Vec<IdentifierUse>, Vec<(i64, u32)>) {
        let subjects = self.subjects;
        let mut uses = Vec::with_capacity(subjects.values.len());
        let mut household: FxHashMap<u32, u32> = FxHashMap::default();
        let mut persons = Vec::new();
        for value in 0..subjects.values.len() as u32 {
            let carried_by = carriers.of_value(value);
            persons.clear();
            persons.extend(carried_by.iter().map(|&subject| self.union.root(subject)));
            persons.sort_unstable();
            persons.dedup();
            let rows = || carried_by.iter().map(|&subject| &subjects.rows[subject as usize]);
            let role = self.roles[value as usize];
            uses.push(IdentifierUse {
                identifier: value,
                role,
                first_seen_us: rows().map(|row| row.first_seen_us).min().unwrap_or_default(),
                last_seen_us: rows().map(|row| row.last_seen_us).max().unwrap_or_default(),
                subjects: carried_by.len() as u32,
                persons: persons.len() as u32,
                holder: Some(self.union.holder(value))
                    .filter(|&holder| holder != NONE)
                    .map(|holder| subjects.rows[holder as usize].id),
            });
            if role == Role::Household {
                for &subject in carried_by.iter().filter(|&&subject| self.silent[subject as usize].is_none()) {
                    let best = household.entry(self.union.root(subject)).or_insert(value);
                    let key = |number: u32| {
                        let place = carriers.of_value(number).first().map_or(NONE, |&first| self.place[first as usize]);
                        (subjects.strength(number).0, place, subjects.identifier(number))
                    };
                    if key(value) < key(*best) {
                        *best = value;
                    }
                }
            }
        }
        uses.sort_by(|a, b| subjects.identifier(a.identifier).cmp(&subjects.identifier(b.identifier)));
        let mut households: Vec<(u32, u32)> =
            household.into_iter().map(|(root, value)| (founders[root as usize], value)).collect();
        households.sort_unstable_by_key(|(founder, _)| self.place[*founder as usize]);
        (uses, households.into_iter().map(|(founder, value)| (subjects.rows[founder as usize].id, value)).collect())
    }
}

/// Subjects by identifier value, each list in canonical order.
struct Carriers {
    starts: Vec<u32>,
    subjects: Vec<u32>,
}

impl Carriers {
    /// Only where the value is trusted evidence.
    fn of(resolver: &Resolver<'_, '_>) -> Self {
        Self::filtered(resolver, |subject, value| resolver.is_evidence(subject, value) && resolver.is_trusted(subject, value))
    }

    fn all(resolver: &Resolver<'_, '_>) -> Self {
        Self::filtered(resolver, |_, _| true)
    }

    fn filtered(resolver: &Resolver<'_, '_>, keep: impl Fn(u32, u32) -> bool) -> Self {
        let mut starts = vec![0; resolver.subjects.values.len() + 1];
        let mut pairs = Vec::with_capacity(resolver.subjects.carried.len());
        for &subject in &resolver.order {
            for &value in resolver.subjects.carried_by(resolver.row(subject)).iter().filter(|&&value| keep(subject, value)) {
                starts[value as usize + 1] += 1;
                pairs.push((value, subject));
            }
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut subjects = vec![0; pairs.len()];
        for (value, subject) in pairs {
            subjects[next[value as usize] as usize] = subject;
            next[value as usize] += 1;
        }
        Self { starts, subjects }
    }

    fn of_value(&self, value: u32) -> &[u32] {
        &self.subjects[self.starts[value as usize] as usize..self.starts[value as usize + 1] as usize]
    }
}
