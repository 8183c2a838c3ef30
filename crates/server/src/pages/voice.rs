//! `GET /voice` and `GET /voice/themes/{theme_id}`: what do they say, and what is new?
//!
//! Counts, shares and moods are of the comments that the filter leaves; what a theme does to the score, and whether it surges,
//! is a statement of the last run over all of them. Words are shown as the pipeline masked them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use clew_pipeline::reading;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::calendar::{Period, day_of};
use crate::cursor;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::{Scope, limit, short};
use crate::pages::meta::span;
use crate::scoring::{LEVEL, share, shown};
use crate::wire::{Balance, ChannelCount, Estimate, Filter, LanguageShare, Quote, Surge, Theme, ThemeDetail, ThemePoint, Voice};
use clew_lake::literal::{Instant, Integer, Text, Texts};

/// Comments that themes are found in.
const CUSTOMERS: &str = "population = 'customer'";
/// Quotes of a theme in a list, and on its page.
const FEW_QUOTES: usize = 2;
const MORE_QUOTES: usize = 6;
/// Months of a trend.
const MOST_MONTHS: usize = 24;

/// What do they say?
#[utoipa::path(get, path = "/api/v1/voice", params(Filter), responses((status = 200, body = Voice), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn voice(State(app): State<Arc<App>>, Params(filter): Params<Filter>) -> Answer<Voice> {
    let scope = Scope::of(filter, &app.zone)?;
    let condition = condition(&scope);
    let (languages, mood, themes) =
        tokio::try_join!(languages(&app, &condition), mood(&app, &condition), themes(&app, &condition, None))?;
    let themes = with_quotes(&app, &condition, themes, FEW_QUOTES).await?;
    Ok(Json(Voice {
        applied: scope.applied(true, true),
        comments: mood.n,
        languages,
        sentiment: mood.sentiment(),
        balance: mood.balance(),
        themes,
    }))
}

fn condition(scope: &Scope) -> String {
    format!("{CUSTOMERS}{}", scope.conditions("at", Some("channel")))
}

async fn languages(app: &App, condition: &str) -> Result<Vec<LanguageShare>, ApiError> {
    let sql = format!(
        "SELECT language, count(*) AS n, sentiment_method FROM comments WHERE {condition} GROUP BY language, sentiment_method \
         ORDER BY n DESC, language, sentiment_method"
    );
    let mut languages: Vec<LanguageShare> = Vec::new();
    for row in app.rows::<LanguageShare>(&sql).await? {
        // The method of most comments of a language speaks for it.
        match languages.iter_mut().find(|known| known.language == row.language) {
            Some(known) => known.n += row.n,
            None => languages.push(row),
        }
    }
    languages.sort_by_key(|language| std::cmp::Reverse(language.n));
    Ok(languages)
}

#[derive(Debug, Default, Deserialize)]
struct Mood {
    n: u64,
    rated: u64,
    sum: Option<f64>,
    squares: Option<f64>,
    negative: u64,
    neutral: u64,
    positive: u64,
}

impl Mood {
    fn sentiment(&self) -> Estimate {
        mean(self.rated, self.sum, self.squares)
    }

    fn balance(&self) -> Balance {
        Balance { negative: self.negative, neutral: self.neutral, positive: self.positive, unknown: self.n - self.rated }
    }
}

fn mean(n: u64, sum: Option<f64>, squares: Option<f64>) -> Estimate {
    shown(&reading::mean(n, sum.unwrap_or(0.0), squares.unwrap_or(0.0), LEVEL), "student_t")
}

async fn mood(app: &App, condition: &str) -> Result<Mood, ApiError> {
    app.only(&format!(
        "SELECT count(*) AS n, count(sentiment) AS rated, sum(sentiment) AS sum, sum(sentiment * sentiment) AS squares, \
         count(*) FILTER (WHERE sentiment < -0.05) AS negative, count(*) FILTER (WHERE sentiment BETWEEN -0.05 AND 0.05) AS neutral, \
         count(*) FILTER (WHERE sentiment > 0.05) AS positive FROM comments WHERE {condition}"
    ))
    .await
}

/// A theme with the ids of its quotes.
struct Told {
    theme: Theme,
    quotes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct ThemeRow {
    theme_id: String,
    name: String,
    terms: Vec<String>,
    language: String,
    n: u64,
    score_effect: Option<f64>,
    score_effect_lower: Option<f64>,
    score_effect_upper: Option<f64>,
    quotes: Vec<String>,
    surge_ratio: Option<f64>,
    surge_p: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
struct Counted {
    theme: String,
    n: u64,
    rated: u64,
    sum: Option<f64>,
    squares: Option<f64>,
}

/// All themes, or one, counted in the comments that the filter leaves.
async fn themes(app: &App, condition: &str, only: Option<&str>) -> Result<Vec<Told>, ApiError> {
    #[derive(Deserialize)]
    struct Language {
        language: String,
        n: u64,
    }
    let which = only.map_or_else(String::new, |theme| format!(" WHERE theme_id = {}", Text(theme)));
    let table = format!(
        "SELECT theme_id, name, terms, language, n, score_effect, score_effect_lower, score_effect_upper, quotes, surge_ratio, surge_p \
         FROM themes{which} ORDER BY theme_id"
    );
    let counted = format!(
        "SELECT theme, count(*) AS n, count(sentiment) AS rated, sum(sentiment) AS sum, sum(sentiment * sentiment) AS squares \
         FROM (SELECT unnest(themes) AS theme, sentiment FROM comments WHERE {condition}) GROUP BY theme"
    );
    let totals =
        format!("SELECT language, count(*) AS n FROM comments WHERE {condition} AND language IS NOT NULL GROUP BY language");
    let (rows, counted, totals) =
        tokio::try_join!(app.rows::<ThemeRow>(&table), app.rows::<Counted>(&counted), app.rows::<Language>(&totals))?;
    let mut told: Vec<Told> = rows
        .into_iter()
        .map(|row| {
            let count = counted.iter().find(|count| count.theme == row.theme_id);
            let whole = totals.iter().find(|total| total.language == row.language).map_or(0, |total| total.n);
            tell(row, count.unwrap_or(&Counted::default()), whole)
        })
        .filter(|told| only.is_some() || told.theme.n > 0)
        .collect();
    told.sort_by(|a, b| {
        let impact = |told: &Told| told.theme.impact.map(f64::abs);
        impact(b).partial_cmp(&impact(a)).unwrap_or(std::cmp::Ordering::Equal).then(b.theme.n.cmp(&a.theme.n))
    });
    Ok(told)
}

fn tell(row: ThemeRow, count: &Counted, whole: u64) -> Told {
    let share = share(count.n, whole.max(count.n));
    let score_effect = Estimate {
        estimate: row.score_effect,
        lower: row.score_effect_lower,
        upper: row.score_effect_upper,
        n: row.n,
        level: LEVEL,
        method: "welch".to_owned(),
        reason: (row.score_effect.is_none() || row.score_effect_lower.is_none()).then(|| "too_few".to_owned()),
    };
    let impact = score_effect.estimate.zip(share.estimate).map(|(effect, share)| effect * share);
    let surge = row.surge_ratio.map(|ratio| Surge {
        ratio,
        p: row.surge_p,
        emerging: ratio > 1.0 && row.surge_p.is_some_and(|p| p < 0.05),
    });
    let theme = Theme {
        theme_id: row.theme_id,
        name: row.name,
        terms: row.terms,
        language: row.language,
        n: count.n,
        share,
        sentiment: mean(count.rated, count.sum, count.squares),
        score_effect,
        impact,
        surge,
        quotes: Vec::new(),
    };
    Told { theme, quotes: row.quotes }
}

#[derive(Debug, Deserialize)]
struct QuoteRow {
    about_table: String,
    source: String,
    fact_id: String,
    at_us: i64,
    #[serde(flatten)]
    quote: Quote,
}

const QUOTE: &str = "comment_id, masked AS text, language, at, channel, person_id, score, sentiment, about_table, source, fact_id, CAST(at AS BIGINT) AS at_us";

async fn with_quotes(app: &App, condition: &str, told: Vec<Told>, most: usize) -> Result<Vec<Theme>, ApiError> {
    let wanted: Vec<&str> = told.iter().flat_map(|told| told.quotes.iter().map(String::as_str)).collect();
    let sql = format!("SELECT {QUOTE} FROM comments WHERE {condition} AND comment_id IN {}", Texts(&wanted));
    let rows: Vec<QuoteRow> = app.rows(&sql).await?;
    let shown: Vec<&str> = told
        .iter()
        .flat_map(|told| told.quotes.iter().filter(|id| rows.iter().any(|row| row.quote.comment_id == **id)).take(most))
        .map(String::as_str)
        .collect();
    let rows: Vec<QuoteRow> = rows.into_iter().filter(|row| shown.contains(&row.quote.comment_id.as_str())).collect();
    let quotes = placed(app, rows).await?;
    let themes = told.into_iter().map(|Told { mut theme, quotes: ids }| {
        theme.quotes = ids.iter().filter_map(|id| quotes.iter().find(|quote| quote.comment_id == *id)).cloned().collect();
        theme
    });
    Ok(themes.collect())
}

/// Quotes with what they are about: the event or question, its stage, the scale of the score.
async fn placed(app: &App, rows: Vec<QuoteRow>) -> Result<Vec<Quote>, ApiError> {
    #[derive(Deserialize)]
    struct Fact {
        source: String,
        id: String,
        name: String,
        scale_max: Option<f64>,
    }
    let ids =
        |table: &str| rows.iter().filter(|row| row.about_table == table).map(|row| row.fact_id.as_str()).collect::<Vec<_>>();
    let events = format!(
        "SELECT source, event_id AS id, name, CAST(NULL AS DOUBLE) AS scale_max FROM events WHERE event_id IN {}",
        Texts(&ids("events"))
    );
    let responses = format!(
        "SELECT source, response_id AS id, question AS name, scale_max FROM responses WHERE response_id IN {}",
        Texts(&ids("responses"))
    );
    let (events, responses) = tokio::try_join!(app.rows::<Fact>(&events), app.rows::<Fact>(&responses))?;
    let placed = rows.into_iter().map(|row| {
        let is_event = row.about_table == "events";
        let facts = if is_event { &events } else { &responses };
        let fact = facts.iter().find(|fact| fact.source == row.source && fact.id == row.fact_id);
        let mut quote = row.quote;
        quote.about = fact.map(|fact| fact.name.clone());
        quote.scale_max = fact.and_then(|fact| fact.scale_max);
        let channel = quote.channel.as_deref().unwrap_or_default();
        quote.stage = fact.filter(|_| is_event).and_then(|fact| app.definitions.stage_of(&fact.name, channel)).map(str::to_owned);
        quote
    });
    Ok(placed.collect())
}

/// Which part of the comments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// 1 to 200; default 50.
    #[serde(default)]
    limit: Option<u64>,
    /// Where the list goes on.
    #[serde(default)]
    cursor: Option<String>,
}

/// One theme.
#[utoipa::path(get, path = "/api/v1/voice/themes/{theme_id}", params(("theme_id" = String, Path, description = "Theme"), Filter, Asked), responses((status = 200, body = ThemeDetail), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn theme(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
) -> Answer<ThemeDetail> {
    let scope = Scope::of(filter, &app.zone)?;
    let limit = limit(asked.limit)?;
    let after: Option<(i64, String)> = cursor::read(asked.cursor.as_deref())?;
    let id = short("theme_id", id)?;
    let condition = condition(&scope);
    let told = themes(&app, &condition, Some(&id)).await?;
    let theme = with_quotes(&app, &condition, told, MORE_QUOTES).await?.pop().ok_or_else(|| ApiError::not_found("theme"))?;
    let within = format!("{condition} AND array_has(themes, {})", Text(&id));
    let by_channel =
        format!("SELECT channel, count(*) AS n FROM comments WHERE {within} GROUP BY channel ORDER BY n DESC, channel");
    let after = after.map_or_else(String::new, |(at, id)| {
        let (at, id) = (Instant(at), Text(&id).to_string());
        format!(" AND (at < {at} OR (at = {at} AND comment_id > {id}))")
    });
    let said = format!(
        "SELECT {QUOTE} FROM comments WHERE {within}{after} ORDER BY at DESC, comment_id LIMIT {}",
        Integer(limit as i64 + 1)
    );
    let (trend, by_channel, mut rows) =
        tokio::try_join!(trend(&app, &theme, &condition), app.rows::<ChannelCount>(&by_channel), app.rows::<QuoteRow>(&said))?;
    let next_cursor = cursor::page(&mut rows, limit, |row| (row.at_us, row.quote.comment_id.clone()));
    let quotes = placed(&app, rows).await?;
    Ok(Json(ThemeDetail { applied: scope.applied(true, true), theme, trend, by_channel, quotes, next_cursor }))
}

/// The theme's share by month: days are counted by the engine in UTC hours, months are cut here in the project's zone.
async fn trend(app: &App, theme: &Theme, condition: &str) -> Result<Vec<ThemePoint>, ApiError> {
    #[derive(Deserialize)]
    struct Hour {
        start_us: i64,
        n: u64,
        all: u64,
    }
    let sql = format!(
        "SELECT CAST(date_trunc('hour', at) AS BIGINT) AS start_us, count(*) FILTER (WHERE array_has(themes, {})) AS n, count(*) AS \"all\" \
         FROM comments WHERE {condition} AND language = {} GROUP BY 1",
        Text(&theme.theme_id),
        Text(&theme.language)
    );
    let (hours, span) = tokio::try_join!(app.rows::<Hour>(&sql), span(app))?;
    let mut months: BTreeMap<jiff::civil::Date, (u64, u64)> = BTreeMap::new();
    for hour in hours {
        if let Some(day) = day_of(hour.start_us, &app.zone) {
            let month = months.entry(day.first_of_month()).or_default();
            month.0 += hour.n;
            month.1 += hour.all;
        }
    }
    let points: Vec<ThemePoint> = months
        .into_iter()
        .map(|(first, (n, all))| ThemePoint {
            period_start: first.to_string(),
            share: share(n, all),
            partial: !Period { grain: reading::Period::Month, first }.is_full(span.until_us, &app.zone),
        })
        .collect();
    Ok(points[points.len().saturating_sub(MOST_MONTHS)..].to_vec())
}
