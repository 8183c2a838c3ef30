//! People: the list, one person, the timeline.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::common::Applied;

/// People that a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct People {
    /// What the filter did.
    pub applied: Applied,
    /// Exact hits first, then last seen most recently.
    pub people: Vec<PersonRow>,
    /// null: the end.
    pub next_cursor: Option<String>,
    /// People in the store, not hits.
    pub total: u64,
}

/// A person in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PersonRow {
    /// Person.
    pub person_id: String,
    /// Population.
    pub population: String,
    /// Best known name; null: none.
    pub display_name: Option<String>,
    /// What the search hit, when it was not the name.
    #[serde(default)]
    pub matched: Option<Matched>,
    /// First fact.
    pub first_seen_at: String,
    /// Last fact.
    pub last_seen_at: String,
    /// Events.
    pub events: u64,
    /// Scored answers.
    pub responses: u64,
    /// By number of events, descending.
    pub channels: Vec<String>,
    /// Sum of amounts.
    pub value: Option<String>,
    /// Currency of `value`.
    pub currency: Option<String>,
    /// Last NPS answer.
    pub last_nps: Option<f64>,
    /// Last CSAT answer.
    pub last_csat: Option<f64>,
    /// Last CES answer.
    pub last_ces: Option<f64>,
    /// Furthest stage reached.
    pub stage: Option<String>,
    /// True where no run has seen the person yet: the sums are those of the facts so far.
    pub provisional: bool,
}

/// What a search hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Matched {
    /// Identifier type, `person_id`, `reference` or `record_id`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value.
    pub value: String,
}

/// Who is this, and what happened to them?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// Sums as of the last run.
    pub profile: Profile,
    /// What the next run will add; null: the last one has seen the person.
    pub pending: Option<String>,
    /// Who this is and why.
    pub identity: Identity,
    /// Current ones first, then by name, newest first.
    pub attributes: Vec<Attribute>,
    /// null: none known.
    pub household: Option<Household>,
    /// Organisations that the person belongs to.
    pub organisations: Vec<Organisation>,
    /// Newest first, at most 100.
    pub responses: Vec<PersonResponse>,
    /// Newest first, at most 50.
    pub journeys: Vec<PersonJourney>,
}

/// A person's profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// Person.
    pub person_id: String,
    /// Population.
    pub population: String,
    /// Best known name; null: none.
    pub display_name: Option<String>,
    /// First fact.
    pub first_seen_at: String,
    /// Last fact.
    pub last_seen_at: String,
    /// Events.
    pub events: u64,
    /// Scored answers.
    pub responses: u64,
    /// By number of events, descending.
    pub channels: Vec<String>,
    /// Sum of amounts.
    pub value: Option<String>,
    /// Currency of `value`.
    pub currency: Option<String>,
    /// Last NPS answer.
    pub last_nps: Option<f64>,
    /// Last CSAT answer.
    pub last_csat: Option<f64>,
    /// Last CES answer.
    pub last_ces: Option<f64>,
    /// Furthest stage reached.
    pub stage: Option<String>,
    /// Distinct conversations.
    pub conversations: u64,
    /// Distinct orders, tickets, cases.
    pub references: u64,
    /// Channel → events.
    pub events_by_channel: BTreeMap<String, u64>,
    /// When.
    pub last_nps_at: Option<String>,
    /// When.
    pub last_csat_at: Option<String>,
    /// When.
    pub last_ces_at: Option<String>,
    /// True where no run has seen the person yet: the sums are those of the facts so far.
    pub provisional: bool,
}

/// Who a person is and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Subjects joined in this person.
    pub subjects: u64,
    /// By role, then type, then value.
    pub identifiers: Vec<PersonIdentifier>,
    /// Why the subjects are one person: merged first, then by count descending.
    pub evidence: Vec<Evidence>,
    /// What the sources say, newest version each, by source.
    pub records: Vec<PersonRecord>,
    /// How the person came to be, newest first, at most 20.
    pub changes: Vec<PersonChange>,
}

/// An identifier of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PersonIdentifier {
    /// Identifier type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Canonical value.
    pub value: String,
    /// person, household, shared or blocked.
    pub role: String,
    /// First seen.
    pub first_seen_at: String,
    /// Last seen.
    pub last_seen_at: String,
    /// Sources that carry it for this person, by name.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Subjects that carry it, over all people.
    pub subjects: u64,
}

/// Evidence of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Identifier type, model or decision.
    pub rule: String,
    /// merged, demoted, doubtful or blocked.
    pub effect: String,
    /// Pieces of evidence.
    pub links: u64,
    /// Strongest match weight; null for rules.
    pub match_weight: Option<f64>,
    /// Its probability; null for rules.
    pub probability: Option<f64>,
    /// rules, model or a decision.
    pub decided_by: String,
    /// First.
    pub first_at: String,
    /// Last.
    pub last_at: String,
}

/// What a source says about a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PersonRecord {
    /// The source.
    pub source: String,
    /// Id within it.
    pub record_id: String,
    /// Whole name.
    pub full_name: Option<String>,
    /// E-mail addresses.
    #[serde(deserialize_with = "without_nulls")]
    pub emails: Vec<String>,
    /// Phone numbers, in E.164 where their country is known.
    #[serde(deserialize_with = "without_nulls")]
    pub phones: Vec<String>,
    /// City.
    pub city: Option<String>,
    /// Organisation.
    pub organisation: Option<String>,
    /// Version time.
    pub valid_from: Option<String>,
    /// Values as they were given where cleansing changed or emptied them, by field of the record.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = Object)]
    pub raw: BTreeMap<String, Value>,
    /// Flags: of the record (unknown_country), or of a field (emails:case_changed).
    #[serde(default, deserialize_with = "without_nulls")]
    pub quality: Vec<String>,
}

/// A JSON object, which a column holds as text; empty where there is none.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let object = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(BTreeMap::new()),
        Value::String(text) => serde_json::from_str(&text),
        object => serde_json::from_value(object),
    };
    object.map_err(serde::de::Error::custom)
}

/// A mapping that makes a list of nullable columns leaves nulls in it: these say nothing.
fn without_nulls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<Option<String>>::deserialize(deserializer)?.into_iter().flatten().collect())
}

/// A change of the mapping from subjects to people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PersonChange {
    /// When.
    pub changed_at: String,
    /// created, merged, split or moved.
    pub change: String,
    /// Person before; null: new.
    pub from_person_id: Option<String>,
    /// Person after.
    pub to_person_id: String,
    /// rules, or the decision.
    pub cause: String,
}

/// An attribute over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attribute {
    /// Attribute.
    pub name: String,
    /// Value as text.
    pub value: String,
    /// Source that says so.
    pub source: String,
    /// From when.
    pub valid_from: String,
    /// Until when; null: still.
    pub valid_to: Option<String>,
}

/// A household.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Household {
    /// Household.
    pub household_id: String,
    /// What joins its members.
    pub rule: String,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of a household.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Person.
    pub person_id: String,
    /// Best known name.
    pub display_name: Option<String>,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Organisation {
    /// Organisation.
    pub organisation_id: String,
    /// Its name.
    pub name: Option<String>,
}

/// An answer of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PersonResponse {
    /// The source.
    pub source: String,
    /// Id within it.
    pub response_id: String,
    /// Survey.
    pub survey: String,
    /// Question.
    pub question: String,
    /// nps, csat, ces, rating, boolean, choice or text.
    pub kind: String,
    /// The answer as a number.
    pub score: Option<f64>,
    /// Lowest possible score.
    pub scale_min: Option<f64>,
    /// Highest possible score.
    pub scale_max: Option<f64>,
    /// The words.
    pub text: Option<String>,
    /// Where it was answered.
    pub channel: Option<String>,
    /// Order, ticket or case it is about.
    pub about_reference: Option<String>,
    /// When it was asked.
    pub invited_at: Option<String>,
    /// When it was answered.
    pub answered_at: String,
}

/// A journey of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PersonJourney {
    /// Journey of a person.
    pub journey_id: String,
    /// Name in journey.yaml.
    pub journey: String,
    /// Order, case or conversation.
    pub scope_key: Option<String>,
    /// First step.
    pub started_at: String,
    /// Last step.
    pub ended_at: String,
    /// Number of steps.
    pub steps: u64,
    /// Furthest stage reached.
    pub furthest_stage: Option<String>,
    /// completed, dropped or open.
    pub outcome: String,
}

/// Events and answers of a person, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// Newest first.
    pub items: Vec<TimelineItem>,
    /// null: the end.
    pub next_cursor: Option<String>,
}

/// An event or an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineItem {
    /// event or response.
    pub kind: String,
    /// The source.
    pub source: String,
    /// event_id or response_id.
    pub id: String,
    /// When.
    pub at: String,
    /// Event name; of a response its question.
    pub name: String,
    /// Channel.
    pub channel: Option<String>,
    /// inbound, outbound or internal.
    pub direction: Option<String>,
    /// True where no human of the company took part.
    pub automated: Option<bool>,
    /// Stage.
    #[serde(default)]
    pub stage: Option<String>,
    /// Order, ticket or case.
    pub reference: Option<String>,
    /// Call, chat or mail thread.
    pub conversation_id: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Team that served.
    pub team: Option<String>,
    /// Store, region or place.
    pub location: Option<String>,
    /// Product concerned.
    pub product: Option<String>,
    /// Money, in `currency`.
    pub amount: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Words said or written.
    pub text: Option<String>,
    /// −1..1; null: no text, or no method for its language.
    #[serde(default)]
    pub sentiment: Option<f64>,
    /// Of a response.
    pub response_kind: Option<String>,
    /// Of a response.
    pub score: Option<f64>,
    /// Of a response.
    pub scale_min: Option<f64>,
    /// Of a response.
    pub scale_max: Option<f64>,
}
