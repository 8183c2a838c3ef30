//! Who is who until the next run: the rules of `identity.yaml` in the write path, and what readers see of their answers.
//!
//! [`OnlineIdentity`] is the lake's hook. It decides about every new subject as it is stored (`clew_identity::online`), with an index in the
//! lake's own log ([`keys`]); what it answered since the last run is in memory as well ([`shown`]), where SQL finds it: the table
//! `online_subjects`, which the view `subjects_current` puts in front of the run's `subjects`.
//!
//! The step `identity` is told what was shown ([`OnlineIdentity::answers`]), keeps its ids where it agrees, reports where it does not, and
//! leaves its own answer as the index' new base ([`leave`]). Until the lake has switched to it, readers see the former answer; they never see
//! none, and never two.

mod keys;
mod shown;

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use clew_identity::canonical::{canonical, is_blocked};
use clew_identity::online::{Index as _, Online, Person, Sighting, find};
use clew_identity::{PersonId, Rules, Shared, SubjectKind};
use clew_lake::{Base, Change, Extensions, Index, IndexWriter, Lake, Options, StorageError, WriteHook};
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use crate::run::RunError;
use keys::{Key, Keys};
pub use shown::OnlineSubjects;
use shown::Shown;

/// Changes when what the index holds is laid out or decided in another way.
const LAYOUT: u32 = 1;
/// Subjects that are remembered to be in the index: some 20 MB.
const MOST_KNOWN: usize = 1_000_000;

/// See the module.
pub struct OnlineIdentity {
    online: Online,
    version: u64,
    shown: Arc<RwLock<Shown>>,
    known: Mutex<FxHashSet<i64>>,
    corrections: AtomicU64,
}

impl std::fmt::Debug for OnlineIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnlineIdentity").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A person in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The id by which it goes now; another one than was asked for where that became part of it.
    pub id: PersonId,
    /// Its population.
    pub population: String,
    /// Its subjects, at most [`clew_identity::online::MOST_SUBJECTS`].
    pub subjects: Vec<i64>,
    /// No run has seen it yet.
    pub provisional: bool,
}

/// What was answered since the last run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Whose each subject is said to be, where the last run said nothing or otherwise; ascending.
    pub subjects: Vec<(i64, PersonId)>,
    /// Persons that were founded and are still themselves, each with its founding subject, ascending.
    pub founded: Vec<(i64, PersonId)>,
    /// Persons that were founded and became part of others, ascending.
    pub merged: Vec<MergedAway>,
}

/// A person that was founded and became part of another one before a run saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MergedAway {
    /// Its id.
    pub person: PersonId,
    /// The subject that founded it.
    pub founder: i64,
    /// What it became part of.
    pub into: PersonId,
}

impl OnlineIdentity {
    /// The write path under `rules`.
    ///
    /// # Errors
    /// Where the rules do not compile; `clew check` says more.
    pub fn new(rules: &Rules) -> Result<Self, RunError> {
        let compiled = crate::steps::identity::compile(rules)?;
        let text = serde_json::to_string(rules).unwrap_or_default();
        Ok(Self {
            online: Online::new(compiled),
            version: xxh3_64(text.as_bytes()) ^ u64::from(LAYOUT),
            shown: Arc::default(),
            known: Mutex::default(),
            corrections: AtomicU64::new(0),
        })
    }

    /// Registers it into the options of a lake: the hook, and what SQL sees of it.
    pub fn register(self, options: &mut Options) {
        let table = OnlineSubjects::new(Arc::clone(&self.shown));
        place_table(&mut options.extensions, table);
        options.hook = Some(Arc::new(self));
    }

    /// The one that is registered into `lake`.
    pub fn of(lake: &Lake) -> Option<&Self> {
        (lake.hook()?.as_ref() as &dyn Any).downcast_ref::<Self>()
    }

    /// The rules by which it decides.
    pub fn rules(&self) -> &clew_identity::CompiledRules {
        self.online.rules()
    }

    /// The person called `id`, or the one that it became part of since the last run.
    pub fn person(&self, lake: &Lake, id: PersonId) -> Result<Option<Found>, StorageError> {
        let Some(index) = lake.index() else { return Ok(None) };
        let mut scratch = index.scratch();
        let mut keys = Keys(&mut scratch);
        if keys.person(id)?.is_none() {
            return Ok(None);
        }
        let (id, Person { population, subjects, provisional, .. }) = find(&mut keys, id)?;
        Ok(Some(Found { id, population, subjects, provisional }))
    }

    /// The person that `subject` belongs to now.
    pub fn person_of(&self, lake: &Lake, subject: i64) -> Result<Option<PersonId>, StorageError> {
        let Some(index) = lake.index() else { return Ok(None) };
        let mut scratch = index.scratch();
        let mut keys = Keys(&mut scratch);
        let Some(id) = keys.subject(subject)? else { return Ok(None) };
        Ok(Some(find(&mut keys, id)?.0))
    }

    /// Type, canonical value and holder of every identifier that `value` may be.
    pub fn holders(&self, lake: &Lake, population: &str, value: &str) -> Result<Vec<(String, String, PersonId)>, StorageError> {
        let Some(index) = lake.index() else { return Ok(Vec::new()) };
        let mut scratch = index.scratch();
        self.online.holders(&mut Keys(&mut scratch), population, value)
    }

    /// What an identifier is to persons by the rules alone, before a run has counted who carries it: `blocked` where its value identifies nobody,
    /// otherwise `person`, `household` or `shared`, by the nature of its type.
    pub fn role(&self, kind: &str, value: &str) -> &'static str {
        let rules = self.online.rules();
        let rule = rules.rule(kind);
        if is_blocked(rules, rule, &canonical(rule.normalise, value)) {
            return "blocked";
        }
        match rule.shared {
            Shared::No => "person",
            Shared::Household => "household",
            Shared::Device => "shared",
        }
    }

    /// What was answered since the last run.
    pub fn answers(&self) -> Answers {
        self.shown.read().expect("nobody who shows answers panics").answers()
    }

    /// People that no run has seen yet.
    pub fn provisional_people(&self) -> usize {
        self.shown.read().expect("nobody who shows answers panics").people()
    }

    /// Subjects of which the last run corrected what was shown.
    pub fn corrections(&self) -> u64 {
        self.corrections.load(Ordering::Relaxed)
    }

    /// Notes how many subjects a run corrected.
    pub fn corrected(&self, subjects: u64) {
        self.corrections.store(subjects, Ordering::Relaxed);
    }
}

/// Puts the table into `extensions`, in the place of an earlier one.
pub(crate) fn place_table(extensions: &mut Extensions, table: OnlineSubjects) {
    extensions.tables.retain(|(name, _)| name != shown::TABLE);
    extensions.tables.push((shown::TABLE.to_owned(), Arc::new(table)));
}

/// Whether the index of `lake` was not made from a run with these inputs.
pub(crate) fn is_stale(lake: &Lake, tag: i64) -> Result<bool, StorageError> {
    Ok(OnlineIdentity::of(lake).is_some() && lake.index_base()? != Some(tag))
}

/// Leaves `answer` as the base of the index: what came behind `base.cutoff` is decided again on top of it.
pub(crate) async fn leave(lake: &Lake, answer: clew_identity::online::Base, base: Base) -> Result<(), StorageError> {
    let (values, persons, subjects) = answer.into_entries();
    let values = values.map(|(key, value)| (Key::Value(key).to_bytes(), keys::value_bytes(&value)));
    let persons = persons.map(|(id, person)| (Key::Person(id).to_bytes(), keys::person_bytes(&person)));
    let subjects = subjects
        .map(|(subject, person)| (Key::Subject(subject).to_bytes(), keys::subject_bytes(person, keys::Since::BeforeTheRun)));
    // In the order of the keys' first bytes.
    lake.rebase(values.chain(persons).chain(subjects), base).await
}

impl WriteHook for OnlineIdentity {
    fn version(&self) -> u64 {
        self.version
    }

    fn unknown(&self, index: &Index, mut subjects: Vec<i64>) -> Result<Vec<i64>, StorageError> {
        {
            let known = self.known.lock().expect("nobody who remembers subjects panics");
            subjects.retain(|subject| !known.contains(subject));
        }
        let (mut unknown, mut found) = (Vec::new(), Vec::new());
        for subject in subjects {
            let list = if index.get(&Key::Subject(subject).to_bytes())?.is_some() { &mut found } else { &mut unknown };
            list.push(subject);
        }
        self.remember(found);
        Ok(unknown)
    }

    fn decide(&self, index: &mut IndexWriter<'_>, sighting: &clew_lake::Sighting) -> Result<(), StorageError> {
        let identifiers: Vec<(&str, &str)> =
            sighting.identifiers.iter().map(|(kind, value)| (kind.as_str(), value.as_str())).collect();
        let seen = Sighting {
            subject: sighting.subject,
            population: &sighting.population,
            source: &sighting.source,
            at_us: sighting.at_us,
            kind: if sighting.record { SubjectKind::Record } else { SubjectKind::Event },
            identifiers: &identifiers,
        };
        self.online.decide(&mut Keys(index), &seen)?;
        Ok(())
    }

    fn stored(&self, changes: &[Change]) {
        let added = self.shown.write().expect("nobody who shows answers panics").take_in(changes);
        self.remember(added);
    }

    fn load(&self, index: &Index) -> Result<(), StorageError> {
        let loaded = Shown::read(index)?;
        self.shown.write().expect("nobody who shows answers panics").replace(loaded);
        self.known.lock().expect("nobody who remembers subjects panics").clear();
        Ok(())
    }
}

impl OnlineIdentity {
    fn remember(&self, subjects: Vec<i64>) {
        let mut known = self.known.lock().expect("nobody who remembers subjects panics");
        if known.len() + subjects.len() > MOST_KNOWN {
            // Forgetting is free of harm: the index is asked once more.
            known.clear();
        }
        known.extend(subjects);
    }
}

/// Every key and value of the index as text, in order: two indexes that say the same give the same.
pub fn dump(index: &Index) -> Result<BTreeSet<String>, StorageError> {
    let mut lines = BTreeSet::new();
    index.scan(&[], |key, value| {
        lines.insert(keys::describe(key, value)?);
        Ok(())
    })?;
    Ok(lines)
}
