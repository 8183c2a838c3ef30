//! Who is who: explanations and decisions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody who was named in a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// The words of the question.
    pub asked: String,
    /// The person.
    pub person_id: String,
    /// Its population.
    pub population: String,
    /// The subject that was named, or that stands for what was.
    pub subject: Option<String>,
}

/// A subject in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityNode {
    /// Its number.
    pub subject: String,
    /// The record that it is, as source:record_id.
    pub record: Option<String>,
    /// Identifiers that it shares with others, as type:value.
    pub identifiers: Vec<String>,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkEvidence {
    /// Identifier type, model or decision.
    pub rule: String,
    /// The identifier that both carry.
    pub value: Option<String>,
    /// merged, demoted, doubtful or blocked.
    pub effect: String,
    /// log2 of the Bayes factor; null for rules.
    pub match_weight: Option<f64>,
    /// Match probability; null for rules.
    pub probability: Option<f64>,
    /// rules, model or the decision; of what was dropped why.
    pub decided_by: String,
    /// The source that showed it.
    pub source: Option<String>,
    /// When.
    pub at: String,
    /// Of a decision: why, in the decider's words.
    pub reason: Option<String>,
    /// Of a model: what it compared.
    pub levels: Vec<ComparedLevel>,
}

/// What a model compared of two records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ComparedLevel {
    /// What.
    pub comparison: String,
    /// How alike they are in it.
    pub level: Option<String>,
    /// log2 of the Bayes factor; null: not known.
    pub match_weight: Option<f64>,
}

/// A piece of evidence between two subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IdentityLink {
    /// The subject nearer to the start.
    pub from: IdentityNode,
    /// The subject nearer to the end.
    pub to: IdentityNode,
    /// What joins them.
    pub evidence: LinkEvidence,
}

/// Why two are one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// The first.
    pub a: Asked,
    /// The second.
    pub b: Asked,
    /// From the first to the second, each step a piece of evidence; empty where they are the same subject.
    pub chain: Vec<IdentityLink>,
    /// What is to be said where there is no chain.
    pub note: Option<String>,
}

/// Why two are not one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhyNot {
    /// The first.
    pub a: Asked,
    /// The second.
    pub b: Asked,
    /// The strongest first.
    pub reasons: Vec<WhyNotReason>,
}

/// What keeps two apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhyNotReason {
    /// population, decision, limit, unique, untrusted, doubtful (alike, but not sure enough), identifier (what both carry identifies nobody),
    /// dropped, nothing.
    pub kind: String,
    /// In words.
    pub words: String,
    /// The evidence that was not used.
    pub evidence: Option<LinkEvidence>,
    /// The subject that brought it.
    pub from: Option<IdentityNode>,
    /// The subject that it would have joined.
    pub to: Option<IdentityNode>,
}

/// How a person came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct How {
    /// The person.
    pub person: Asked,
    /// Its subjects.
    pub subjects: u64,
    /// Evidence that brought two parts together, in the order of its time; at most 200.
    pub joins: Vec<IdentityLink>,
    /// How many there are.
    pub all_joins: u64,
    /// What happened to the id, in order; at most the newest 100.
    pub changes: Vec<super::PersonChange>,
}

/// Body of `POST /identity/decisions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// link, apart or detach.
    pub kind: String,
    /// A person (p_…), a subject number, an identifier as type:value, or a record as source:record_id.
    pub a: String,
    /// The other one; left out for detach.
    #[serde(default)]
    pub b: Option<String>,
    /// Why, in the decider's words.
    pub reason: String,
    /// Who decides; the cockpit when left out.
    #[serde(default)]
    pub decided_by: Option<String>,
}

/// Body of `POST /identity/decisions/{decision_id}/revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Why, in the decider's words.
    pub reason: String,
    /// Who decides; the cockpit when left out.
    #[serde(default)]
    pub decided_by: Option<String>,
}

/// Decisions about who is who.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionsAboutPeople {
    /// Newest first, at most 1,000.
    pub decisions: Vec<Decided>,
}

/// A decision, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// Its id.
    pub decision_id: String,
    /// link, apart or detach.
    pub kind: String,
    /// The subjects that it is about.
    pub subjects: Vec<IdentityNode>,
    /// The people that they belong to now, in the same order; null: not known.
    pub people: Vec<Option<String>>,
    /// Why, in the decider's words.
    pub reason: Option<String>,
    /// Who.
    pub decided_by: String,
    /// When.
    pub decided_at: String,
    /// The decision that took it back.
    pub revoked_by: Option<String>,
    /// pending (the next run follows it), in_effect, without_effect, revoked.
    pub state: String,
    /// Pieces of evidence that join what it keeps apart.
    pub bridged: u64,
}

/// Body of `POST /identity/dry-run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRunRequest {
    /// What identity.yaml would say, as JSON.
    #[schema(value_type = Object)]
    pub rules: serde_json::Value,
}

/// What would become of people under other rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rehearsal {
    /// Subjects that were looked at.
    pub subjects: u64,
    /// Number of people.
    pub people: NowAndThen,
    /// Number of households.
    pub households: NowAndThen,
    /// Groups of people that would be one.
    pub merges: u64,
    /// People that would be several.
    pub splits: u64,
    /// Groups of people whose subjects would be spread otherwise.
    pub regroupings: u64,
    /// Some of these, those with the most facts first.
    pub examples: Vec<RehearsedPeople>,
    /// Metrics by the people who answered.
    pub metrics: Vec<RehearsedMetric>,
    /// Wall time.
    pub seconds: f64,
}

/// How many there are now, and how many there would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NowAndThen {
    /// Under the project's rules.
    pub now: u64,
    /// Under the others.
    pub then: u64,
}

/// People that would be others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedPeople {
    /// merge, split or regrouping.
    pub kind: String,
    /// The people that there are now, at most ten.
    pub people: Vec<RehearsedPerson>,
    /// How many there are now, and how many there would be.
    pub count: NowAndThen,
    /// Their facts.
    pub facts: u64,
    /// Evidence that would join them, or would no longer, as type:value; at most ten.
    pub evidence: Vec<String>,
}

/// A person of an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedPerson {
    /// Its id; null where no run has named it.
    pub person_id: Option<String>,
    /// Best known name.
    pub display_name: Option<String>,
}

/// A metric by the people who answered: the newest answer of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedMetric {
    /// The metric.
    pub metric: String,
    /// Answers.
    pub answers: u64,
    /// People who answered.
    pub respondents: NowAndThen,
    /// The metric over the newest answer of each.
    pub by_respondent: RehearsedIntervals,
}

/// An estimate under the project's rules and under the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedIntervals {
    /// Under the project's rules.
    pub now: RehearsedInterval,
    /// Under the others.
    pub then: RehearsedInterval,
}

/// An estimate with its interval; null: it cannot be computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedInterval {
    /// Estimate.
    pub estimate: Option<f64>,
    /// Lower end.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Observations.
    pub n: u64,
}

/// Pairs of people of whom nobody can say whether they are one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    /// The one from whose answer most is learnt first.
    pub pairs: Vec<Doubt>,
    /// How many there are.
    pub total: u64,
}

/// A pair to decide about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Doubt {
    /// One of the two.
    pub a: DoubtSide,
    /// The other.
    pub b: DoubtSide,
    /// What says that they are one person.
    pub evidence: LinkEvidence,
    /// What is learnt from an answer; only the order counts.
    pub value: f64,
}

/// One of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoubtSide {
    /// Number of the subject that the evidence is about.
    pub subject: String,
    /// Its person.
    pub person_id: String,
    /// Best known name.
    pub display_name: Option<String>,
    /// Events of the person.
    pub events: u64,
    /// The record that the subject is, as source:record_id.
    pub record: Option<String>,
    /// What the record says, by field; those without a value are left out.
    pub fields: BTreeMap<String, String>,
}
