//! What a source's file says about its data: `expect:`, `drift:` and `on_missing_column:`.
//!
//! Plain data; what it means together with the source's columns is [`super::Expectations`], what is wrong with it is told by
//! [`crate::check`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::duration;

/// What becomes of a row or fact that does not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It is stored, and the batch has an alarm.
    #[default]
    Warn,
    /// It goes to quarantine, and the batch has an alarm.
    Quarantine,
}

impl OnFailure {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Quarantine => "quarantine",
        }
    }
}

/// Bounds, both of them allowed values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// The smallest allowed.
    pub min: Option<f64>,
    /// The largest allowed.
    pub max: Option<f64>,
}

/// A value of a closed list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AllowedValue {
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
}

impl AllowedValue {
    /// As a column of text has it.
    pub fn to_text(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) => text.trim().to_owned(),
        }
    }
}

/// One expectation: exactly one of `not_null`, `unique`, `range`, `pattern`, `allowed`, `reference`, `row_count`, `freshness`, `sql`.
/// A missing value passes all of them but `not_null`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expectation {
    /// What alarms and tables call it; made from the rest when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Column of the target, `p_<name>`, `property_<name>` or `identifier_<type>`: looked at behind mapping and cleansing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Raw column: looked at before the mapping, whole rows are concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// events, records or responses, where the source fills several; `raw` for a condition over raw columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `true`: there is a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_null: Option<bool>,
    /// `true`: no value comes twice in a batch (of a live source: on a UTC day). Can only warn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    /// It is a number from min to max.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Bounds>,
    /// The whole value matches this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// It is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<AllowedValue>>,
    /// It is a key of this lookup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Rows of a batch (of a live source: of a UTC day). Can only warn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_count: Option<Bounds>,
    /// The newest fact is not older than this when a batch ends: `30m`, `12h`, `2d`. Can only warn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("pattern" = "^[0-9]+[smhdw]$"))]
    pub freshness: Option<String>,
    /// A condition in SQL over one row; false is a failure, null is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// warn (the default) or quarantine.
    pub severity: OnFailure,
}

impl Expectation {
    /// The kinds that are given.
    pub fn kinds(&self) -> Vec<&'static str> {
        [
            ("not_null", self.not_null.is_some()),
            ("unique", self.unique.is_some()),
            ("range", self.range.is_some()),
            ("pattern", self.pattern.is_some()),
            ("allowed", self.allowed.is_some()),
            ("reference", self.reference.is_some()),
            ("row_count", self.row_count.is_some()),
            ("freshness", self.freshness.is_some()),
            ("sql", self.sql.is_some()),
        ]
        .into_iter()
        .filter_map(|(kind, is_given)| is_given.then_some(kind))
        .collect()
    }

    /// What alarms and tables call it.
    pub fn rule(&self) -> String {
        if let Some(name) = &self.name {
            return name.trim().to_owned();
        }
        let kind = self.kinds().first().copied().unwrap_or("expectation");
        let of = self.field.as_deref().or(self.column.as_deref()).or(self.sql.as_deref());
        match of {
            Some(of) => {
                format!("{kind} {}", of.split_whitespace().collect::<Vec<_>>().join(" ")).chars().take(MOST_NAME).collect()
            }
            None => kind.to_owned(),
        }
    }
}

/// Characters of a name that is made from the rest.
const MOST_NAME: usize = 80;

/// Whole seconds of a length of time, at least one; `None` for anything else.
pub fn seconds_of(text: &str) -> Option<i64> {
    i64::try_from(duration(text)?.as_secs()).ok().filter(|seconds| *seconds > 0)
}

/// What becomes of a file or body that lacks a column which the mapping reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnMissingColumn {
    /// If earlier imports of the source had the column, its rows go to quarantine, to be replayed when the mapping is corrected;
    /// otherwise it is refused.
    #[default]
    Quarantine,
    /// It is refused, and nothing is stored.
    Refuse,
}

/// When a change of a source's data is told. What is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DriftSpec {
    /// `false`: nothing is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Fields and raw columns that are not compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Change of the share of missing values, 0..1. Default 0.05.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub null_rate: Option<f64>,
    /// How many times as many different values, or as few. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub distinct: Option<f64>,
    /// Population stability index. Default 0.25.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub psi: Option<f64>,
    /// Robust standard deviations of a day's volume from the same weekday. Default 3.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub volume: Option<f64>,
    /// Robust standard deviations of the age of the newest fact. Default 3.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub freshness: Option<f64>,
}

impl DriftSpec {
    /// Whether anything is compared.
    pub fn is_enabled(&self) -> bool {
        self.enabled != Some(false)
    }
}
