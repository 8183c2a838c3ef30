//! What customers say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::common::{Applied, Estimate};

/// What do they say, and what is new?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Voice {
    /// What the filter did.
    pub applied: Applied,
    /// Comments of customers.
    pub comments: u64,
    /// By n descending.
    pub languages: Vec<LanguageShare>,
    /// Mean over comments with a sentiment.
    pub sentiment: Estimate,
    /// How many are negative, neutral, positive.
    pub balance: Balance,
    /// By impact; those without score_effect after them by n.
    pub themes: Vec<Theme>,
}

/// Comments in a language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LanguageShare {
    /// ISO 639-1; null: cannot be told.
    pub language: Option<String>,
    /// Comments.
    pub n: u64,
    /// vader, learned or none.
    pub sentiment_method: String,
}

/// Comments by sentiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// Below −0.05.
    pub negative: u64,
    /// Between.
    pub neutral: u64,
    /// Above 0.05.
    pub positive: u64,
    /// Without a method.
    pub unknown: u64,
}

/// A theme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Theme {
    /// Theme.
    pub theme_id: String,
    /// Top terms.
    pub name: String,
    /// Terms by weight.
    pub terms: Vec<String>,
    /// Language it was found in.
    pub language: String,
    /// Comments in the filter.
    pub n: u64,
    /// Of the comments of its language, Wilson.
    pub share: Estimate,
    /// Mean, −1..1.
    pub sentiment: Estimate,
    /// Mean score with the theme minus without, as a fraction of the scale.
    pub score_effect: Estimate,
    /// share × score_effect; null: no effect known.
    pub impact: Option<f64>,
    /// null: no history.
    pub surge: Option<Surge>,
    /// Most representative first.
    pub quotes: Vec<Quote>,
}

/// Whether a theme is talked about more than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Surge {
    /// Last period's rate over its history.
    pub ratio: f64,
    /// Adjusted.
    pub p: Option<f64>,
    /// ratio > 1 and p < 0.05.
    pub emerging: bool,
}

/// A customer's words, with e-mail addresses, phone, card and account numbers masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// Comment.
    pub comment_id: String,
    /// The words, masked.
    pub text: String,
    /// ISO 639-1.
    pub language: Option<String>,
    /// When it was said.
    pub at: String,
    /// Channel.
    pub channel: Option<String>,
    /// Event name or survey question it was said with.
    #[serde(default)]
    pub about: Option<String>,
    /// Stage of the event.
    #[serde(default)]
    pub stage: Option<String>,
    /// Person; null: unknown.
    pub person_id: Option<String>,
    /// Score given with it.
    pub score: Option<f64>,
    /// Highest score of its scale.
    #[serde(default)]
    pub scale_max: Option<f64>,
    /// −1..1.
    pub sentiment: Option<f64>,
}

/// A theme with all its comments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThemeDetail {
    /// What the filter did.
    pub applied: Applied,
    /// The theme, with up to six quotes.
    pub theme: Theme,
    /// By month, oldest first, at most 24.
    pub trend: Vec<ThemePoint>,
    /// By number.
    pub by_channel: Vec<ChannelCount>,
    /// All its comments, newest first.
    pub quotes: Vec<Quote>,
    /// null: the end.
    pub next_cursor: Option<String>,
}

/// A theme's share in a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThemePoint {
    /// First local day.
    pub period_start: String,
    /// Of the comments of its language.
    pub share: Estimate,
    /// True: the data ends inside this period.
    pub partial: bool,
}

/// Comments on a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChannelCount {
    /// Channel; null: unknown.
    pub channel: Option<String>,
    /// Comments.
    pub n: u64,
}
