//! What live sources make of requests: facts on their way into one chunk, and what became of every message.
//!
//! A *message* is one element of a request: a tracking call, or a row of a file that was posted. One message may give several facts; its
//! outcome is the one that its sender must know of: a conflict before a fact that was stored, a stored one before a duplicate.

use std::borrow::Cow;
use std::sync::Mutex;

use arrow::compute::concat_batches;
use clew_identity::canonical::subject_number;
use clew_lake::{AppendError, Chunk, FactBatch, Lake, Receipt, RowCounts, Verdict};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::import::Refused;
use crate::observe::Observed;
use crate::typing::{Candidates, renamed};

/// Salts tried for a subject whose number is taken.
pub const MAX_SALT: u64 = 16;
/// Seed of the check that tells two identifier sets under one number apart: any other than the salts of the number.
const CHECK_SEED: u64 = 0x636c_6577;

/// What became of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It says nothing that could be stored.
    #[default]
    Skipped,
    /// It is stored.
    Stored,
    /// It was there already.
    Duplicate,
    /// It is in quarantine.
    Quarantined {
        /// Stable code.
        code: &'static str,
        /// In words, without a value.
        detail: Cow<'static, str>,
    },
    /// It was refused for good and nothing of it is kept.
    Rejected {
        /// Stable code.
        code: &'static str,
    },
}

impl Outcome {
    /// Takes in what became of one more fact of the message.
    pub fn add(&mut self, verdict: Verdict) {
        let outcome = match verdict {
            Verdict::Stored => Self::Stored,
            Verdict::Duplicate => Self::Duplicate,
            Verdict::Conflict => Self::Quarantined {
                code: "conflict",
                detail: Cow::Borrowed("its id is stored with other content; the first one is kept, this one is in quarantine"),
            },
        };
        if outcome.rank() > self.rank() {
            *self = outcome;
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Skipped => 0,
            Self::Duplicate => 1,
            Self::Stored => 2,
            Self::Rejected { .. } => 3,
            Self::Quarantined { .. } => 4,
        }
    }
}

/// Messages on their way into one chunk.
#[derive(Debug, Default)]
pub struct Taken {
    /// The rows equation: a message is a row.
    pub rows: RowCounts,
    /// Facts by target.
    pub facts: Vec<FactBatch>,
    /// The message of every fact of every batch of `facts`.
    pub places: Vec<Vec<u32>>,
    /// What goes to quarantine.
    pub refused: Vec<Refused>,
    /// Subjects of the facts.
    pub candidates: Candidates,
    /// What became of every message so far.
    pub outcomes: Vec<Outcome>,
    /// The id that the sender gave each message, where there is one.
    pub ids: Vec<Option<Box<str>>>,
    /// What fields looked like, and what expectations found.
    pub observed: Observed,
}

impl Taken {
    /// Adds the messages of another request behind its own.
    pub fn extend(&mut self, mut other: Self) {
        let before = self.outcomes.len() as u32;
        self.rows.read += other.rows.read;
        self.rows.mapped += other.rows.mapped;
        self.rows.skipped += other.rows.skipped;
        self.rows.unreadable += other.rows.unreadable;
        other.places.iter_mut().flatten().for_each(|place| *place += before);
        for (facts, places) in other.facts.into_iter().zip(other.places) {
            self.add_facts(facts, places);
        }
        self.refused.extend(other.refused);
        self.candidates.extend(&other.candidates);
        self.outcomes.extend(other.outcomes);
        self.ids.extend(other.ids);
        self.observed.extend(other.observed);
    }

    /// Adds facts to those of their table, so that a chunk has one batch a table.
    fn add_facts(&mut self, facts: FactBatch, places: Vec<u32>) {
        let known = self.facts.iter().position(|known| known.table == facts.table && known.rows.schema() == facts.rows.schema());
        let Some(at) = known else {
            self.facts.push(facts);
            self.places.push(places);
            return;
        };
        let into = &mut self.facts[at];
        let schema = into.rows.schema();
        into.rows = concat_batches(&schema, [&into.rows, &facts.rows]).expect("both have this schema");
        into.content.extend(facts.content);
        into.produced += facts.produced;
        into.quarantined += facts.quarantined;
        into.rejected += facts.rejected;
        self.places[at].extend(places);
    }
}

/// Subjects that the lake's register has seen from here: they need not be offered again.
#[derive(Debug, Default)]
pub struct Offered {
    seen: FxHashMap<i64, u64>,
    most: usize,
}

impl Offered {
    /// Remembers at most `most` subjects.
    pub fn new(most: usize) -> Self {
        Self { seen: FxHashMap::default(), most }
    }

    /// The subjects among `candidates` that must be offered; or one whose number other bytes have taken.
    pub fn new_among(&self, candidates: &Candidates) -> Result<Vec<(i64, Vec<u8>)>, i64> {
        let mut new = Vec::new();
        for (subject, bytes) in candidates.iter() {
            match self.seen.get(&subject) {
                None => new.push((subject, bytes.to_vec())),
                Some(known) if *known == check(bytes) => {}
                Some(_) => return Err(subject),
            }
        }
        Ok(new)
    }

    /// Remembers subjects that the register took, given with [`check`] of their bytes.
    pub fn extend(&mut self, subjects: impl IntoIterator<Item = (i64, u64)>) {
        if self.seen.len() > self.most {
            // Forgetting is free of harm: the register is asked once more.
            self.seen = FxHashMap::default();
        }
        self.seen.extend(subjects);
    }
}

/// Tells two identifier sets under one number apart.
pub fn check(bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, CHECK_SEED)
}

/// Gives the subject `taken` of these facts the number of its bytes under another salt. Within a chunk a number stands for one
/// set only, so every row that carries it is meant.
pub fn rename_subject(candidates: &mut Candidates, facts: &mut [FactBatch], taken: i64, salt: u64) {
    let Some(bytes) = candidates.iter().find(|(subject, _)| *subject == taken).map(|(_, bytes)| bytes.to_vec()) else { return };
    let number = subject_number(&bytes, salt);
    candidates.rename(taken, number);
    for facts in facts {
        facts.rows = renamed(&facts.rows, taken, number);
    }
}

/// Stores `chunk` with the facts and subjects of `taken`: those that `offered` has not seen are offered to the register, and one whose number
/// other bytes have is renamed.
pub async fn append(lake: &Lake, offered: &Mutex<Offered>, taken: &mut Taken, chunk: &Chunk) -> Result<Receipt, AppendError> {
    for salt in 1..=MAX_SALT {
        let new = offered.lock().expect("no holder panics").new_among(&taken.candidates);
        let subjects = match new {
            Ok(subjects) => subjects,
            Err(number) => {
                rename_subject(&mut taken.candidates, &mut taken.facts, number, salt);
                continue;
            }
        };
        let checks: Vec<(i64, u64)> = subjects.iter().map(|(subject, bytes)| (*subject, check(bytes))).collect();
        // The columns are shared, not copied.
        let chunk = Chunk { facts: taken.facts.clone(), subjects, ..chunk.clone() };
        match lake.append(chunk).await {
            Ok(receipt) => {
                offered.lock().expect("no holder panics").extend(checks);
                return Ok(receipt);
            }
            Err(AppendError::SubjectCollision { subject }) => {
                rename_subject(&mut taken.candidates, &mut taken.facts, subject, salt);
            }
            Err(error) => return Err(error),
        }
    }
    Err(AppendError::SubjectCollision { subject: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_several_facts_tells_what_its_sender_must_know() {
        let of = |verdicts: &[Verdict]| {
            let mut outcome = Outcome::default();
            verdicts.iter().for_each(|verdict| outcome.add(*verdict));
            outcome
        };
        assert_eq!(of(&[]), Outcome::Skipped);
        assert_eq!(of(&[Verdict::Duplicate, Verdict::Duplicate]), Outcome::Duplicate);
        assert_eq!(of(&[Verdict::Duplicate, Verdict::Stored]), Outcome::Stored);
        assert!(matches!(of(&[Verdict::Conflict, Verdict::Stored]), Outcome::Quarantined { code: "conflict", .. }));
    }

    #[test]
    fn subjects_are_offered_once_and_a_taken_number_is_told() {
        let mut candidates = Candidates::default();
        assert!(candidates.offer(7, b"ann"));
        let mut offered = Offered::new(10);
        assert_eq!(offered.new_among(&candidates), Ok(vec![(7, b"ann".to_vec())]));
        offered.extend([(7, check(b"ann"))]);
        assert_eq!(offered.new_among(&candidates), Ok(vec![]));
        offered.extend([(7, check(b"bob"))]);
        assert_eq!(offered.new_among(&candidates), Err(7));
    }
}
