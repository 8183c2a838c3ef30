//! Union–find over subjects that knows what each person holds and whom it is kept apart from.
//!
//! [`Forest`] is the plain structure. [`Union`] adds, for each root, the identifier values that the person holds and
//! the sides of apart decisions that its subjects stand on, and answers before a union whether it would break a
//! limit or a decision. The smaller part moves into the larger one.
//!
//! A part that exceeds a limit already (people linked it) may join others as long as the excess does not grow.

use smallvec::{Array, SmallVec};

use super::NONE;
use crate::subjects::Subjects;

/// Union–find by size with path halving.
#[derive(Clone, Debug)]
pub(crate) struct Forest {
    parent: Vec<u32>,
    size: Vec<u32>,
}

impl Forest {
    pub fn new(count: usize) -> Self {
        Self { parent: (0..count as u32).collect(), size: vec![1; count] }
    }

    pub fn find(&mut self, node: u32) -> u32 {
        let mut node = node;
        while self.parent[node as usize] != node {
            let grandparent = self.parent[self.parent[node as usize] as usize];
            self.parent[node as usize] = grandparent;
            node = grandparent;
        }
        node
    }

    /// Joins two trees; returns (root, former root that hangs below it), or none if they were one.
    pub fn join(&mut self, a: u32, b: u32) -> Option<(u32, u32)> {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return None;
        }
        let (root, child) = if self.size[a as usize] >= self.size[b as usize] { (a, b) } else { (b, a) };
        self.parent[child as usize] = root;
        self.size[root as usize] += self.size[child as usize];
        Some((root, child))
    }
}

/// An identifier that a subject brings forward as evidence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub value: u32,
    pub subject: u32,
    pub at_us: i64,
}

/// Why a union is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Kept apart by the decision at this position.
    Apart(u32),
    /// Too many values of this type (its number in [`Subjects`]).
    Limit(u32),
}

/// A value that a person holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    kind: u32,
    at_us: i64,
}

/// A held value in a union under test; `part` tells whose it is.
#[derive(Clone, Copy, Debug)]
struct Tested {
    kind: u32,
    at_us: i64,
    part: u32,
}

pub(super) struct Union<'s> {
    subjects: &'s Subjects<'s>,
    forest: Forest,
    /// By root. Most persons hold one value.
    held: Vec<SmallVec<[Held; 1]>>,
    /// (place in `apart`, side) of each root.
    sides: Vec<SmallVec<[(u32, bool); 1]>>,
    /// Positions of the decisions to keep apart, as they were noted.
    apart: Vec<u32>,
    /// The first subject that used a value as evidence.
    holder: Vec<u32>,
    parts: Vec<u32>,
    tested: Vec<Tested>,
}

impl<'s> Union<'s> {
    pub fn new(subjects: &'s Subjects<'_>) -> Self {
        Self {
            subjects,
            forest: Forest::new(subjects.rows.len()),
            held: vec![SmallVec::new(); subjects.rows.len()],
            sides: Vec::new(),
            apart: Vec::new(),
            holder: vec![NONE; subjects.values.len()],
            parts: Vec::new(),
            tested: Vec::new(),
        }
    }

    pub fn root(&mut self, subject: u32) -> u32 {
        self.forest.find(subject)
    }

    /// The first subject that used `value` as evidence, or [`NONE`].
    pub fn holder(&self, value: u32) -> u32 {
        self.holder[value as usize]
    }

    /// Notes that two subjects are different persons by the decision at this position; false if they are one already.
    pub fn keep_apart(&mut self, a: u32, b: u32, decision: u32) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return false;
        }
        if self.sides.is_empty() {
            self.sides = vec![SmallVec::new(); self.held.len()];
        }
        let place = self.apart.len() as u32;
        self.sides[a as usize].push((place, false));
        self.sides[b as usize].push((place, true));
        self.apart.push(decision);
        true
    }

    /// The decision that keeps any two of the `subjects`' persons apart; of several the one that was noted first.
    pub fn kept_apart(&mut self, subjects: &[u32]) -> Option<u32> {
        if self.sides.is_empty() {
            return None;
        }
        let mut roots: Vec<u32> = subjects.iter().map(|&subject| self.forest.find(subject)).collect();
        roots.sort_unstable();
        roots.dedup();
        let mut sides: Vec<(u32, bool)> = roots.iter().flat_map(|&root| self.sides[root as usize].iter().copied()).collect();
        sides.sort_unstable();
        sides.dedup();
        sides.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| self.apart[pair[0].0 as usize])
    }

    pub fn join(&mut self, a: u32, b: u32) {
        if let Some((root, child)) = self.forest.join(a, b) {
            let moved = std::mem::take(&mut self.held[child as usize]);
            append(&mut self.held[root as usize], moved);
            if !self.sides.is_empty() {
                let moved = std::mem::take(&mut self.sides[child as usize]);
                append(&mut self.sides[root as usize], moved);
            }
        }
    }

    /// Whether the person of `subject` may hold all `claims` together with whoever holds them now. `together`: the
    /// claims come from subjects that a person linked, so that they count as one part whatever their number.
    pub fn check(&mut self, subject: u32, claims: &[Claim], together: bool) -> Result<(), Refusal> {
        self.parts.clear();
        self.parts.push(self.forest.find(subject));
        for claim in claims {
            let holder = self.holder[claim.value as usize];
            if holder != NONE {
                self.parts.push(self.forest.find(holder));
            }
        }
        self.parts.sort_unstable();
        self.parts.dedup();
        let fresh = claims.iter().filter(|claim| self.holder[claim.value as usize] == NONE);
        let holding = self.parts.iter().filter(|&&part| !self.held[part as usize].is_empty()).count();
        let nothing_new = fresh.clone().next().is_none();
        if holding <= 1 && nothing_new && self.sides.is_empty() {
            return Ok(());
        }
        self.tested.clear();
        for (number, claim) in fresh.enumerate() {
            let part = if together { NONE } else { NONE - 1 - number as u32 };
            self.tested.push(Tested { kind: self.subjects.values[claim.value as usize].kind, at_us: claim.at_us, part });
        }
        let new = self.tested.len();
        for &part in &self.parts {
            for held in &self.held[part as usize] {
                // With one part, only the types of new values can go over a limit.
                if holding > 1 || self.tested[..new].iter().any(|tested| tested.kind == held.kind) {
                    self.tested.push(Tested { kind: held.kind, at_us: held.at_us, part });
                }
            }
        }
        if !self.sides.is_empty() {
            let parts = std::mem::take(&mut self.parts);
            let kept_apart = self.kept_apart(&parts);
            self.parts = parts;
            if let Some(decision) = kept_apart {
                return Err(Refusal::Apart(decision));
            }
        }
        self.check_limits()
    }

    /// Whether the persons of two subjects may be one, as they are.
    pub fn check_join(&mut self, a: u32, b: u32) -> Result<(), Refusal> {
        if let Some(decision) = self.kept_apart(&[a, b]) {
            return Err(Refusal::Apart(decision));
        }
        self.tested.clear();
        for part in [self.root(a), self.root(b)] {
            let held = self.held[part as usize].iter().map(|held| Tested { kind: held.kind, at_us: held.at_us, part });
            self.tested.extend(held);
        }
        self.check_limits()
    }

    fn check_limits(&mut self) -> Result<(), Refusal> {
        let subjects = self.subjects;
        let over = |kind: u32, window: Option<i64>, values: &[Tested]| {
            let limit = subjects.rule(kind).limit as usize;
            let all = most_within(window, values.iter().map(|tested| tested.at_us));
            if all <= limit {
                return false;
            }
            let mut parts: Vec<u32> = values.iter().map(|tested| tested.part).collect();
            parts.sort_unstable();
            parts.dedup();
            let of = |part: u32| {
                most_within(window, values.iter().filter(move |tested| tested.part == part).map(|tested| tested.at_us))
            };
            parts.into_iter().map(of).max().is_some_and(|largest| all > largest)
        };
        self.tested.sort_unstable_by(|a, b| {
            // The strongest type that is broken names the conflict.
            let strength = |tested: &Tested| (subjects.rule(tested.kind).priority, tested.kind);
            (strength(a), a.at_us).cmp(&(strength(b), b.at_us))
        });
        let mut broken: Option<u32> = None;
        for values in self.tested.chunk_by(|a, b| a.kind == b.kind) {
            let kind = values[0].kind;
            if over(kind, subjects.rule(kind).window.micros(), values) {
                let stronger = |&known: &u32| {
                    let key = |kind: u32| (subjects.rule(kind).priority, subjects.kind_name(kind));
                    key(known) <= key(kind)
                };
                broken = broken.filter(stronger).or(Some(kind));
            }
        }
        broken.map_or(Ok(()), |kind| Err(Refusal::Limit(kind)))
    }

    /// Joins everything that [`Union::check`] allowed.
    pub fn accept(&mut self, subject: u32, claims: &[Claim]) {
        for claim in claims {
            let holder = self.holder[claim.value as usize];
            if holder == NONE {
                self.holder[claim.value as usize] = claim.subject;
                let root = self.forest.find(subject);
                let kind = self.subjects.values[claim.value as usize].kind;
                self.held[root as usize].push(Held { kind, at_us: claim.at_us });
            } else {
                self.join(subject, holder);
            }
        }
    }
}

/// Moves the shorter list behind the longer one; order within a person does not matter.
fn append<A: Array>(into: &mut SmallVec<A>, mut moved: SmallVec<A>) {
    if moved.len() > into.len() {
        std::mem::swap(into, &mut moved);
    }
    into.append(&mut moved);
}

/// The largest number of `times` (ascending) within any `window`; all of them without one.
pub(crate) fn most_within(window: Option<i64>, times: impl Iterator<Item = i64> + Clone) -> usize {
    let Some(window) = window else { return times.count() };
    let (mut first, mut inside, mut most) = (times.clone().peekable(), 0, 0);
    for time in times {
        inside += 1;
        while first.next_if(|&start| time - start >= window).is_some() {
            inside -= 1;
        }
        most = most.max(inside);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_its_fullest_place() {
        assert_eq!(most_within(None, [1, 2, 300].into_iter()), 3);
        assert_eq!(most_within(Some(10), [0, 9, 10, 19, 40].into_iter()), 2);
        assert_eq!(most_within(Some(10), [0, 0, 0].into_iter()), 3);
        assert_eq!(most_within(Some(10), [].into_iter()), 0);
    }
}
