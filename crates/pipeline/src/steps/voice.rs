//! Step `voice`: texts of events and answers → comments with language and sentiment, and the themes they form.
//!
//! A long text is cut into units; each unit is a comment. English sentiment is VADER's; another language gets a lexicon
//! learnt from the company's own scored comments, where there are enough, else null. Themes are found among customers'
//! comments only: employees speak about other things. Themes are a property of all comments together, so the step runs whole.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, Float64Array, Int64Array, RecordBatch, StringArray};
use clew_insight::metric::Period;
use clew_stats::comparison::welch;
use clew_stats::interval::{Moments, mean};
use clew_voice::language::{Language, detect, prevailing};
use clew_voice::polarity::{LearnedPolarity, ScoreScale};
use clew_voice::sentiment::{Sentiment, SentimentScorer};
use clew_voice::surge::{Surge, SurgeOptions, surges};
use clew_voice::themes::{Comment, ThemeOptions, Themes, find};
use clew_voice::tokens::units;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use xxhash_rust::xxh3::xxh3_64;

use crate::columns::{Columns, TableRows, text_lists, times};
use crate::periods::Calendar;
use crate::run::{Outcome, RunError, StepContext};

const LEVEL: f64 = 0.95;
/// The population whose comments form themes.
const CUSTOMERS: &str = "customer";

/// Runs the step.
pub async fn run(context: &StepContext<'_>) -> Result<Outcome, RunError> {
    let session = context.lake.session();
    let texts = Texts::read(&session).await?;
    let definitions = context.definitions.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let default = definitions.language.as_deref().and_then(|language| language.parse().ok());
        let said = Said::of(&texts, default, definitions.seed);
        let surges = said.surges(&texts, &mut Calendar::new(&definitions.timezone)?)?;
        Ok::<_, RunError>((texts, said, surges))
    });
    let (texts, said, surges) = reading.await.expect("reading texts does not panic")?;
    let mut outcome = Outcome {
        detail: format!("{} comments, {} themes", said.comments.len(), said.themes.themes.len()),
        ..Outcome::default()
    };
    outcome.wrote("comments", context.lake.overwrite("comments", vec![said.comment_rows(&texts)?]).await?);
    outcome.wrote("themes", context.lake.overwrite("themes", vec![said.theme_rows(&texts, &surges)?]).await?);
    Ok(outcome)
}

/// A fact with words.
struct Text {
    table: &'static str,
    source: String,
    id: String,
    person: Option<String>,
    population: String,
    channel: Option<String>,
    at_us: i64,
    text: String,
    language: Option<Language>,
    score: Option<f64>,
    /// The score on −1..1.
    polarity: Option<f64>,
}

struct Texts(Vec<Text>);

const QUERIES: &[(&str, &str)] = &[
    (
        "events",
        "SELECT e.source, e.event_id AS id, s.person_id, e.population, e.channel, e.occurred_at AS at, e.text, e.language, \
         CAST(NULL AS DOUBLE) AS score, CAST(NULL AS DOUBLE) AS scale_min, CAST(NULL AS DOUBLE) AS scale_max, 'event' AS kind \
         FROM events_current e LEFT JOIN subjects s ON e.subject = s.subject WHERE e.text IS NOT NULL",
    ),
    (
        "responses",
        "SELECT r.source, r.response_id AS id, s.person_id, r.population, r.channel, r.answered_at AS at, r.text, r.language, \
         r.score, r.scale_min, r.scale_max, r.kind FROM responses_current r LEFT JOIN subjects s ON r.subject = s.subject \
         WHERE r.text IS NOT NULL AND r.kind <> 'choice'",
    ),
];

impl Texts {
    async fn read(session: &SessionContext) -> Result<Self, RunError> {
        let mut texts = Vec::new();
        for (table, sql) in QUERIES {
            let mut stream = session.sql(sql).await?.execute_stream().await?;
            while let Some(batch) = stream.try_next().await? {
                add(&mut texts, table, &batch)?;
            }
        }
        texts.sort_by(|a, b| (a.table, &a.source, &a.id).cmp(&(b.table, &b.source, &b.id)));
        Ok(Self(texts))
    }
}

fn add(texts: &mut Vec<Text>, table: &'static str, batch: &RecordBatch) -> Result<(), RunError> {
    let columns = Columns(batch);
    let (source, id, person) = (columns.text("source")?, columns.text("id")?, columns.text("person_id")?);
    let (population, channel, kind) = (columns.text("population")?, columns.text("channel")?, columns.text("kind")?);
    let (text, language, at) = (columns.text("text")?, columns.text("language")?, columns.time("at")?);
    let (score, low, high) = (columns.float("score")?, columns.float("scale_min")?, columns.float("scale_max")?);
    let some = |column: &StringArray, row: usize| (!column.is_null(row)).then(|| column.value(row).to_owned());
    for row in 0..batch.num_rows() {
        let number = |column: &Float64Array| (!column.is_null(row)).then(|| column.value(row));
        texts.push(Text {
            table,
            source: source.value(row).to_owned(),
            id: id.value(row).to_owned(),
            person: some(&person, row),
            population: population.value(row).to_owned(),
            channel: some(&channel, row),
            at_us: at.value(row),
            text: text.value(row).to_owned(),
            language: some(&language, row).and_then(|language| language.parse().ok()),
            score: number(&score),
            polarity: number(&score).and_then(|score| polarity(kind.value(row), score, number(&low), number(&high))),
        });
    }
    Ok(())
}

/// Where a score lies between blame and praise.
fn polarity(kind: &str, score: f64, low: Option<f64>, high: Option<f64>) -> Option<f64> {
    let scale = match (kind, low, high) {
        ("nps", ..) => ScoreScale::NPS,
        (_, Some(low), Some(high)) if low < high => ScoreScale { low, neutral: low.midpoint(high), high },
        ("csat", ..) => ScoreScale::STARS,
        _ => return None,
    };
    scale.polarity(score)
}

/// One unit of a text.
struct Unit {
    text: usize,
    start: usize,
    end: usize,
    id: String,
    language: Option<Language>,
    sentiment: Sentiment,
}

/// What was said: units with language and sentiment, and the themes of the customers' units.
struct Said {
    comments: Vec<Unit>,
    themes: Themes,
    /// Theme of each comment.
    theme_of: Vec<Option<usize>>,
}

impl Said {
    fn of(texts: &Texts, default: Option<Language>, seed: u64) -> Self {
        let hints = source_languages(texts);
        let mut comments = Vec::new();
        for (place, text) in texts.0.iter().enumerate() {
            let hint = hints.get(text.source.as_str()).copied().or(default);
            let language = text.language.or_else(|| detect(&text.text, hint).language());
            for unit in units(&text.text) {
                let content = format!("{}\0{}\0{}\0{}", text.table, text.source, text.id, unit.start);
                let id = clew_model::id::Base32::of(xxh3_64(content.as_bytes())).to_string();
                let (start, end) = (unit.start, unit.start + unit.text.len());
                let sentiment =
                    Sentiment { value: None, confidence: None, method: clew_voice::sentiment::Method::None, reason: None };
                comments.push(Unit { text: place, start, end, id: format!("c_{id}"), language, sentiment });
            }
        }
        let scorer = SentimentScorer::new(learned(texts, &comments));
        for comment in &mut comments {
            comment.sentiment = scorer.score(&texts.0[comment.text].text[comment.start..comment.end], comment.language);
        }
        let customers: Vec<usize> =
            (0..comments.len()).filter(|&place| texts.0[comments[place].text].population == CUSTOMERS).collect();
        let input: Vec<Comment<'_>> = customers
            .iter()
            .map(|&place| {
                let unit = &comments[place];
                let text = &texts.0[unit.text].text[unit.start..unit.end];
                Comment { text, language: unit.language, sentiment: unit.sentiment.value }
            })
            .collect();
        let mut themes = find(&input, &ThemeOptions { seed, ..ThemeOptions::default() });
        let mut theme_of = vec![None; comments.len()];
        for (assignment, &place) in themes.assignments.iter().zip(&customers) {
            theme_of[place] = assignment.theme();
        }
        for theme in &mut themes.themes {
            theme.quotes.iter_mut().for_each(|quote| *quote = customers[*quote]);
        }
        Self { comments, themes, theme_of }
    }

    /// The newest month of each theme against the months before it.
    fn surges(&self, texts: &Texts, calendar: &mut Calendar) -> Result<Vec<Surge>, RunError> {
        let mut months: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        let mut totals: BTreeMap<i64, u64> = BTreeMap::new();
        let themes = self.themes.themes.len();
        for (comment, theme) in self.comments.iter().zip(&self.theme_of) {
            let month = calendar.start_of(texts.0[comment.text].at_us, Period::Month)?;
            *totals.entry(month).or_default() += 1;
            if let Some(theme) = theme {
                months.entry(month).or_insert_with(|| vec![0; themes])[*theme] += 1;
            }
        }
        let of = |month: &i64, theme: usize| months.get(month).map_or(0, |counts| counts[theme]);
        let counts: Vec<Vec<u64>> = (0..themes).map(|theme| totals.keys().map(|month| of(month, theme)).collect()).collect();
        let totals: Vec<u64> = totals.values().copied().collect();
        Ok(surges(&counts, &totals, &SurgeOptions::default()))
    }

    fn comment_rows(&self, texts: &Texts) -> Result<RecordBatch, RunError> {
        let of = || self.comments.iter().map(|unit| &texts.0[unit.text]);
        let themes = self.theme_of.iter().map(|theme| theme.map(|theme| vec![self.themes.themes[theme].theme_id.as_str()]));
        let said = self.comments.iter().map(|unit| &texts.0[unit.text].text[unit.start..unit.end]);
        let masked = said.clone().map(clew_voice::pii::mask);
        let language = self.comments.iter().map(|unit| unit.language.as_ref().map(Language::as_str));
        Ok(TableRows::of("comments", self.comments.len())
            .with("comment_id", StringArray::from_iter_values(self.comments.iter().map(|unit| &unit.id)))
            .with("person_id", StringArray::from_iter(of().map(|text| text.person.as_deref())))
            .with("population", StringArray::from_iter_values(of().map(|text| &text.population)))
            .with("about_table", StringArray::from_iter_values(of().map(|text| text.table)))
            .with("source", StringArray::from_iter_values(of().map(|text| &text.source)))
            .with("fact_id", StringArray::from_iter_values(of().map(|text| &text.id)))
            .with("channel", StringArray::from_iter(of().map(|text| text.channel.as_deref())))
            .with("at", times(of().map(|text| Some(text.at_us))))
            .with("text", StringArray::from_iter_values(said))
            .with("language", StringArray::from_iter(language))
            .with("sentiment", Float64Array::from_iter(self.comments.iter().map(|unit| unit.sentiment.value)))
            .with(
                "sentiment_method",
                StringArray::from_iter_values(self.comments.iter().map(|unit| unit.sentiment.method.as_str())),
            )
            .with("score", Float64Array::from_iter(of().map(|text| text.score)))
            .with("themes", text_lists(themes))
            .with("masked", StringArray::from_iter_values(masked))
            .finish()?)
    }

    fn theme_rows(&self, texts: &Texts, surges: &[Surge]) -> Result<RecordBatch, RunError> {
        let themes = &self.themes.themes;
        let moods: Vec<_> =
            self.moments(texts, |unit, _| unit.sentiment.value).0.iter().map(|moments| mean(moments, LEVEL)).collect();
        let (with, all) = self.moments(texts, |_, text| text.polarity.map(|polarity| f64::midpoint(polarity, 1.0)));
        let effects: Vec<_> = with
            .iter()
            .map(|with| {
                let without = Moments {
                    n: all.n - with.n,
                    sum: all.sum - with.sum,
                    sum_of_squares: all.sum_of_squares - with.sum_of_squares,
                };
                welch(with, &without, LEVEL).difference
            })
            .collect();
        let floats = |of: &dyn Fn(usize) -> Option<f64>| Float64Array::from_iter((0..themes.len()).map(of));
        let labels = themes.iter().map(|theme| Some(theme.terms.iter().map(|term| term.label.as_str()).collect::<Vec<_>>()));
        let quotes = themes
            .iter()
            .map(|theme| Some(theme.quotes.iter().map(|&quote| self.comments[quote].id.as_str()).collect::<Vec<_>>()));
        Ok(TableRows::of("themes", themes.len())
            .with("theme_id", StringArray::from_iter_values(themes.iter().map(|theme| &theme.theme_id)))
            .with("name", StringArray::from_iter_values(themes.iter().map(|theme| &theme.name)))
            .with("terms", text_lists(labels))
            .with("language", StringArray::from_iter_values(themes.iter().map(|theme| theme.language.as_str())))
            .with("n", Int64Array::from_iter_values(themes.iter().map(|theme| theme.size as i64)))
            .with("share", Float64Array::from_iter_values(themes.iter().map(|theme| theme.share)))
            .with("sentiment", floats(&|theme| moods[theme].estimate))
            .with("sentiment_lower", floats(&|theme| moods[theme].lower))
            .with("sentiment_upper", floats(&|theme| moods[theme].upper))
            .with("score_effect", floats(&|theme| effects[theme].estimate))
            .with("score_effect_lower", floats(&|theme| effects[theme].lower))
            .with("score_effect_upper", floats(&|theme| effects[theme].upper))
            .with("quotes", text_lists(quotes))
            .with("surge_ratio", floats(&|theme| surges[theme].ratio))
            .with("surge_p", floats(&|theme| surges[theme].q_value))
            .finish()?)
    }

    /// Moments of a value by theme and over all customers' comments, of the comments that have the value.
    fn moments(&self, texts: &Texts, value: impl Fn(&Unit, &Text) -> Option<f64>) -> (Vec<Moments>, Moments) {
        let (mut by_theme, mut all) = (vec![Moments::default(); self.themes.themes.len()], Moments::default());
        for (unit, theme) in self.comments.iter().zip(&self.theme_of) {
            let text = &texts.0[unit.text];
            let Some(value) = value(unit, text).filter(|_| text.population == CUSTOMERS) else { continue };
            all.push(value);
            if let Some(theme) = theme {
                by_theme[*theme].push(value);
            }
        }
        (by_theme, all)
    }
}

/// The language that each source evidently uses, for its texts that do not tell.
fn source_languages(texts: &Texts) -> HashMap<&str, Language> {
    let mut by_source: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for text in &texts.0 {
        by_source.entry(&text.source).or_default().push(&text.text);
    }
    by_source.into_iter().filter_map(|(source, texts)| Some((source, prevailing(texts)?))).collect()
}

/// A lexicon for each language but English in which enough scored comments exist.
fn learned(texts: &Texts, comments: &[Unit]) -> Vec<LearnedPolarity> {
    const SCALE: ScoreScale = ScoreScale { low: -1.0, neutral: 0.0, high: 1.0 };
    let mut by_language: BTreeMap<Language, (Vec<&str>, Vec<Option<f64>>)> = BTreeMap::new();
    for unit in comments {
        let text = &texts.0[unit.text];
        if let (Some(language), Some(polarity)) = (unit.language, text.polarity) {
            let of_language = by_language.entry(language).or_default();
            of_language.0.push(&text.text[unit.start..unit.end]);
            of_language.1.push(Some(polarity));
        }
    }
    by_language
        .into_iter()
        .filter(|(language, _)| *language != Language::EN)
        .filter_map(|(language, (texts, scores))| match LearnedPolarity::fit(language, &texts, &scores, SCALE) {
            Ok(lexicon) => Some(lexicon),
            Err(reason) => {
                tracing::info!(%reason, "no sentiment for this language");
                None
            }
        })
        .collect()
}
