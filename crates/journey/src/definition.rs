//! What `journey.yaml` declares: stages in their order, and named journeys.
//!
//! A stage or the ends of a journey are described by [`Touch`] conditions over event names and channels. Names are
//! compared without regard to case, and blanks, hyphens and dots count as `_`, so that Segment's "Order Completed" and
//! `order_completed` are one; `*` stands for any text. [`Definition::problems`] returns every problem at once with its
//! path, for `clew check`.
//!
//! The five default stages are those of the usual CX model; their names are those of Segment's e-commerce and B2B
//! events and the service events of help desks. Missing on purpose: conditions over properties and amounts. A mapping
//! names the event, and a name is what a reader of a journey sees.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stages fit into the bits of one word.
pub const MOST_STAGES: usize = 64;

/// The channels of the model.
pub const CHANNELS: &[&str] = &[
    "web",
    "app",
    "email",
    "phone",
    "ivr",
    "chat",
    "bot",
    "sms",
    "messaging",
    "social",
    "store",
    "field",
    "post",
    "survey",
    "partner",
    "system",
];

/// The content of `journey.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Definition {
    /// Stages in the order in which customers are meant to pass them. An event belongs to the first whose conditions
    /// it meets; conditions on names are asked before those on channels alone.
    pub stages: Vec<StageRule>,
    /// Named journeys. Default: one, `customer`, of everything that a person does.
    pub journeys: Vec<JourneyRule>,
}

/// A stage of the customer's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRule {
    /// Its name.
    pub name: String,
    /// Conditions, of which one must hold. The built-in ones for a default stage when left out.
    #[serde(default)]
    pub when: Vec<Touch>,
}

/// A condition on an event. Of each list that is given, one entry must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Touch {
    /// Event names; `*` stands for any text.
    pub events: Vec<String>,
    /// Channels.
    pub channels: Vec<String>,
    /// Stages, for the ends of journeys only.
    pub stages: Vec<String>,
}

/// A named journey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JourneyRule {
    /// Its name.
    pub name: String,
    /// What begins it. Left out: any event.
    #[serde(default)]
    pub from: Option<Touch>,
    /// What ends it well. Left out: it has no goal and ends by `gap` or `within`, or stays open.
    #[serde(default)]
    pub to: Option<Touch>,
    /// The longest time from its first step to its last.
    #[serde(default)]
    pub within: Option<Duration>,
    /// The longest time without an event. Left out, it has no limit; in scope session 30m.
    #[serde(default)]
    pub gap: Option<Duration>,
    /// Whose events are put in a row.
    #[serde(default)]
    pub scope: Scope,
}

/// Whose events a journey puts in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All events of a person.
    #[default]
    Person,
    /// The events of a person that name the same reference (order, case, ticket).
    #[serde(alias = "order", alias = "case")]
    Reference,
    /// The events of a person in the same conversation.
    Conversation,
    /// The events of a person until a silence longer than `gap`: one episode or visit after the other.
    Session,
}

/// The silence that ends a session where a journey says none: that of web analytics.
const USUAL_SESSION_GAP: Duration = Duration { micros: 30 * 60_000_000 };

impl JourneyRule {
    /// The longest time without an event.
    pub fn longest_gap(&self) -> Option<Duration> {
        self.gap.or((self.scope == Scope::Session).then_some(USUAL_SESSION_GAP))
    }
}

impl Scope {
    /// The word of `journey.yaml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Reference => "reference",
            Self::Conversation => "conversation",
            Self::Session => "session",
        }
    }
}

/// A length of time such as `30m`, `12h`, `7d` or `2w`; a number needs its unit (s, m, h, d, w). Days have 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9]+[smhdw]$"))]
pub struct Duration {
    micros: i64,
}

const UNITS: [(char, i64); 5] =
    [('w', 604_800_000_000), ('d', 86_400_000_000), ('h', 3_600_000_000), ('m', 60_000_000), ('s', 1_000_000)];

impl Duration {
    /// Microseconds.
    pub const fn micros(self) -> i64 {
        self.micros
    }
}

/// A text that is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no length of time: a whole number above 0 and one of s, m, h, d, w are expected, such as 30d")]
pub struct NotADuration(String);

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let wrong = || NotADuration(text.to_owned());
        let unit = text.trim().chars().last().ok_or_else(wrong)?;
        let micros = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, micros)| *micros).ok_or_else(wrong)?;
        let digits =
            text.trim().strip_suffix(unit).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit())).ok_or_else(wrong)?;
        let number = digits.parse::<u32>().map_err(|_| wrong())?;
        let micros = i64::from(number).checked_mul(micros).filter(|&micros| micros > 0).ok_or_else(wrong)?;
        Ok(Self { micros })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = UNITS.into_iter().find(|(_, unit)| self.micros % unit == 0).unwrap_or(('s', 1_000_000));
        write!(f, "{}{name}", self.micros / unit)
    }
}

impl TryFrom<String> for Duration {
    type Error = NotADuration;

    fn try_from(text: String) -> Result<Self, NotADuration> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

/// Something wrong with a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, e.g. `journeys[0].to.stages[1]`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// The spelling under which names are compared.
pub(crate) fn folded(name: &str) -> String {
    let fold = |c: char| if matches!(c, ' ' | '-' | '.') { '_' } else { c };
    name.trim().chars().flat_map(char::to_lowercase).map(fold).collect()
}

/// Default stages with the event names and channels that count for each.
const DEFAULT_STAGES: [(&str, &[&str], &[&str]); 5] = [
    (
        "advocacy",
        &["review_*", "*_review", "*_reviewed", "referral_*", "*_referred", "recommend*", "*_shared", "invite_*", "nps_*"],
        &["survey"],
    ),
    (
        "retention",
        &[
            "delivered",
            "*_delivered",
            "return_*",
            "*_returned",
            "refund_*",
            "*_refunded",
            "support_*",
            "ticket_*",
            "case_*",
            "complaint*",
            "call_*",
            "chat_*",
            "renew*",
            "*_renewed",
            "subscription_*",
            "login",
            "signed_in",
            "feature_*",
            "invoice_*",
            "cancel*",
            "*_cancelled",
            "reorder*",
        ],
        &["phone", "ivr", "chat", "bot", "field"],
    ),
    (
        "purchase",
        &[
            "order_*",
            "*_ordered",
            "purchase*",
            "*_purchased",
            "checkout*",
            "payment*",
            "*_paid",
            "contract_signed",
            "signed_up",
            "sign_up",
            "account_created",
            "shipped",
            "*_shipped",
            "handed_to_carrier",
            "approved",
        ],
        &[],
    ),
    (
        "consideration",
        &[
            "product_*",
            "cart_*",
            "*_to_cart",
            "wishlist_*",
            "search*",
            "*_searched",
            "quote_*",
            "demo_*",
            "trial_*",
            "pricing_*",
            "compare*",
            "store_visit*",
            "coupon_*",
            "appointment_*",
        ],
        &["store"],
    ),
    (
        "awareness",
        &[
            "ad_*",
            "impression*",
            "campaign_*",
            "newsletter_*",
            "email_*",
            "page*",
            "*_viewed",
            "screen*",
            "app_opened",
            "app_installed",
            "link_clicked",
            "social_*",
        ],
        &["social"],
    ),
];

fn default_when(name: &str) -> Option<Vec<Touch>> {
    let (_, events, channels) = DEFAULT_STAGES.iter().find(|(stage, ..)| *stage == name)?;
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let by_name = Touch { events: list(events), ..Touch::default() };
    let by_channel = Touch { channels: list(channels), ..Touch::default() };
    Some(if channels.is_empty() { vec![by_name] } else { vec![by_name, by_channel] })
}

impl Default for Definition {
    fn default() -> Self {
        let stages =
            DEFAULT_STAGES.iter().rev().map(|(name, ..)| StageRule { name: (*name).to_owned(), when: Vec::new() }).collect();
        let customer =
            JourneyRule { name: "customer".to_owned(), from: None, to: None, within: None, gap: None, scope: Scope::Person };
        Self { stages, journeys: vec![customer] }
    }
}

impl Definition {
    /// Stage names in order.
    pub fn stage_names(&self) -> Vec<&str> {
        self.stages.iter().map(|stage| stage.name.as_str()).collect()
    }

    /// Conditions of a stage: its own, or the built-in ones.
    pub(crate) fn when(&self, stage: usize) -> Vec<Touch> {
        let stage = &self.stages[stage];
        if stage.when.is_empty() { default_when(&stage.name).unwrap_or_default() } else { stage.when.clone() }
    }

    /// Every problem of the declaration, in the order of the file.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut note =
            |path: String, message: String, remedy: &str| found.push(Problem { path, message, remedy: remedy.to_owned() });
        let mut names = BTreeSet::new();
        if self.stages.is_empty() {
            note("stages".into(), "there is no stage".into(), "remove the key to get the five default stages, or name your own");
        }
        if self.stages.len() > MOST_STAGES {
            note(
                "stages".into(),
                format!("{} stages are more than the {MOST_STAGES} that are supported", self.stages.len()),
                "join some of them",
            );
        }
        for (i, stage) in self.stages.iter().enumerate() {
            let path = format!("stages[{i}]");
            if stage.name.trim().is_empty() {
                note(format!("{path}.name"), "the stage has no name".into(), "name it");
            } else if !names.insert(folded(&stage.name)) {
                note(format!("{path}.name"), format!("stage `{}` is there twice", stage.name), "rename or remove one of them");
            }
            if stage.when.is_empty() && default_when(&stage.name).is_none() {
                note(
                    format!("{path}.when"),
                    format!("nothing belongs to stage `{}`", stage.name),
                    "say which events or channels belong to it",
                );
            }
            for (k, touch) in stage.when.iter().enumerate() {
                touch.find_problems(&format!("{path}.when[{k}]"), None, &mut note);
            }
        }
        let mut journeys = BTreeSet::new();
        for (i, journey) in self.journeys.iter().enumerate() {
            let path = format!("journeys[{i}]");
            if journey.name.trim().is_empty() {
                note(format!("{path}.name"), "the journey has no name".into(), "name it");
            } else if !journeys.insert(folded(&journey.name)) {
                note(
                    format!("{path}.name"),
                    format!("journey `{}` is there twice", journey.name),
                    "rename or remove one of them",
                );
            }
            for (key, touch) in [("from", &journey.from), ("to", &journey.to)] {
                if let Some(touch) = touch {
                    touch.find_problems(&format!("{path}.{key}"), Some(&names), &mut note);
                }
            }
            if let (Some(gap), Some(within)) = (journey.longest_gap(), journey.within)
                && gap > within
            {
                note(
                    format!("{path}.gap"),
                    format!("a gap of {gap} cannot occur within {within}"),
                    "make gap shorter than within, or remove one of them",
                );
            }
        }
        found
    }
}

impl Touch {
    /// `stages`: the folded names that may be used; none where stages are being defined.
    fn find_problems(&self, path: &str, stages: Option<&BTreeSet<String>>, note: &mut impl FnMut(String, String, &str)) {
        if self.events.is_empty() && self.channels.is_empty() && self.stages.is_empty() {
            note(path.to_owned(), "the condition is empty".into(), "give events, channels or stages");
        }
        for (i, event) in self.events.iter().enumerate().filter(|(_, event)| event.trim().is_empty()) {
            note(format!("{path}.events[{i}]"), format!("`{event}` is no event name"), "remove it");
        }
        for (i, channel) in self.channels.iter().enumerate().filter(|(_, channel)| !CHANNELS.contains(&channel.as_str())) {
            let known = CHANNELS.join(", ");
            note(
                format!("{path}.channels[{i}]"),
                format!("there is no channel `{channel}`"),
                &format!("the channels are: {known}"),
            );
        }
        for (i, stage) in self.stages.iter().enumerate() {
            match stages {
                None => {
                    note(format!("{path}.stages[{i}]"), "a stage cannot be defined by stages".into(), "use events or channels");
                }
                Some(known) if !known.contains(&folded(stage)) => {
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    note(
                        format!("{path}.stages[{i}]"),
                        format!("stage `{stage}` is named nowhere"),
                        &format!("the stages are: {}", known.join(", ")),
                    );
                }
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_goes_from_awareness_to_advocacy() {
        let definition = serde_json::from_str::<Definition>("{}").unwrap();
        assert_eq!(definition.stage_names(), ["awareness", "consideration", "purchase", "retention", "advocacy"]);
        assert_eq!(definition.problems(), []);
    }

    #[test]
    fn every_problem_is_reported_with_its_path() {
        let definition: Definition = serde_json::from_str(
            r#"{"stages": [{"name": "purchase"}, {"name": "Purchase"}, {"name": "use"}, {"name": "x", "when": [{}, {"channels": ["fax"], "stages": ["use"]}]}],
                "journeys": [{"name": "a", "from": {"stages": ["purchase"]}, "to": {"stages": ["bought"]}, "within": "1d", "gap": "2d"}, {"name": "a"}]}"#,
        )
        .unwrap();
        let paths: Vec<String> = definition.problems().into_iter().map(|problem| problem.path).collect();
        assert_eq!(
            paths,
            [
                "stages[1].name",
                "stages[1].when",
                "stages[2].when",
                "stages[3].when[0]",
                "stages[3].when[1].channels[0]",
                "stages[3].when[1].stages[0]",
                "journeys[0].to.stages[0]",
                "journeys[0].gap",
                "journeys[1].name"
            ]
        );
    }

    #[test]
    fn an_unknown_scope_or_key_is_refused_and_order_means_reference() {
        assert!(serde_json::from_str::<JourneyRule>(r#"{"name": "a", "scope": "basket"}"#).is_err());
        assert!(serde_json::from_str::<JourneyRule>(r#"{"name": "a", "until": {}}"#).is_err());
        assert_eq!(serde_json::from_str::<JourneyRule>(r#"{"name": "a", "scope": "order"}"#).unwrap().scope, Scope::Reference);
        let visit = serde_json::from_str::<JourneyRule>(r#"{"name": "visit", "scope": "session"}"#).unwrap();
        assert_eq!(visit.longest_gap().unwrap().to_string(), "30m");
        assert_eq!(JourneyRule { gap: "2h".parse().ok(), ..visit }.longest_gap().unwrap().to_string(), "2h");
    }

    #[test]
    fn a_duration_reads_back() {
        for (text, seconds) in [("30m", 1800), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600), ("90s", 90)] {
            assert_eq!(text.parse::<Duration>().unwrap().micros(), seconds * 1_000_000);
        }
        assert_eq!("14d".parse::<Duration>().unwrap().to_string(), "2w");
        for text in ["", "d", "0d", "-1d", "+1d", "7", "7 days", "1.5h", "7dd", "99999999999d"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
