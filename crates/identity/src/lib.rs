//! Who is who: the rules of `identity.yaml`, subjects, and the partition of subjects into persons.
//!
//! * [`rules`]: what a project declares about its identifier types, its built-in defaults and its validation.
//! * [`canonical`]: one spelling per identifier value, blocked values, and the 63-bit number of a subject.
//! * [`subjects`]: the input of a resolution in columns, with every identifier value stored once.
//! * [`resolve`]: subjects, decisions and rules in; persons, evidence, conflicts and identifier roles out.
//! * [`persons`]: person ids that stay put between runs, and the changes that explain where they did not.
//! * [`regroup`]: what becomes of people where the same subjects are resolved in two ways.
//! * [`online`]: whose one new subject is, decided in the write path until the next run.
//! * [`why`]: the chain of evidence between two subjects, and the order in which evidence joined a person.
//! * [`matching`]: which records are one person by likeness, without labels.
//!
//! The crate knows no storage, no clock and no randomness: the same rows give the same answer in whatever order they
//! come.

pub mod canonical;
pub mod matching;
pub mod online;
pub mod persons;
pub mod regroup;
pub mod resolve;
pub mod rules;
pub mod subjects;
pub mod why;

pub use canonical::{record_subject, subject_of};
pub use persons::{Change, ChangeKind, PersonId, assign_person_ids, replay};
pub use regroup::{Regrouping, regroupings};
pub use resolve::{
    Assignment, Conflict, DecidedBy, Decision, DecisionKind, IdentifierUse, Likeness, Link, Open, Reason, Resolution, Role,
    Unused, resolve, resolve_alike,
};
pub use rules::{CompiledRules, IdentifierRule, Matching, Normalise, Problem, Rules, Scope, Shared, Window};
pub use subjects::{NewSubject, Seen, SubjectKind, Subjects};
pub use why::{Step, joins, why};
