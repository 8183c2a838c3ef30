//! Themes: what customers talk about, found in the comments themselves, on a CPU, with no model file.
//!
//! Per language: distinct texts as TF-IDF vectors → each text's nearest texts by cosine → a graph of shared nearness →
//! Leiden communities → small ones dissolved → names by c-TF-IDF (Grootendorst 2022) → quotes nearest the centre.
//! The number of themes is not asked for; it follows from the texts and `resolution`.
//!
//! Words, not meanings, make texts near: "refund" and "money back" are two themes unless other words join them.
//! Sentence embeddings do better (NMI .82 on a test part against .67 here, 77 bank intents) and can replace the vectors later
//! behind the same types. Deliberately missing: themes across languages, a hierarchy of themes, several themes for one
//! text (split long comments with [`crate::tokens::units`] and give each unit).
//!
//! What holds: the result does not depend on the order of rows (except for row numbers in it); the same input, options
//! and seed give the same result; a text repeated a thousand times counts a thousand times in `size`, once in shape
//! and name; time and memory are linear in the number of distinct texts, apart from the sorting.

mod communities;
mod corpus;
mod model;
mod naming;
mod neighbours;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::language::Language;
use communities::{Graph, leiden};
use corpus::{Corpus, Vector, dot, normalise};
pub use model::{Placement, ThemeModel};

/// Terms kept of a theme's centre.
const CENTRE_TERMS: usize = 200;

/// From this cosine on two texts are near duplicates and share one vote on names and centres.
const NEAR_DUPLICATE: f32 = 0.9;

/// One comment or text unit.
#[derive(Debug, Clone, Copy)]
pub struct Comment<'a> {
    /// What was said.
    pub text: &'a str,
    /// In which language; without one the comment gets no theme.
    pub language: Option<Language>,
    /// Its sentiment in −1..1, if known.
    pub sentiment: Option<f64>,
}

/// How themes are found. `ThemeOptions::default()` suits customer comments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThemeOptions {
    /// Nearest texts that each text is tied to.
    pub neighbours: usize,
    /// Higher gives more and smaller themes.
    pub resolution: f64,
    /// A theme has at least this many distinct texts.
    pub least_texts: usize,
    /// No more themes than this per language: the smallest join the nearest.
    pub most_themes: usize,
    /// Texts less similar than this (cosine) are never tied.
    pub least_similarity: f32,
    /// Quotes per theme.
    pub quotes: usize,
    /// Orders the visits of the community search.
    pub seed: u64,
}

impl Default for ThemeOptions {
    fn default() -> Self {
        Self { neighbours: 12, resolution: 1.0, least_texts: 5, most_themes: 60, least_similarity: 0.1, quotes: 5, seed: 1 }
    }
}

/// A word or pair of words that marks a theme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThemeTerm {
    /// The stem (pairs joined by a space): stable, for joins.
    pub term: String,
    /// Its most frequent written form, for display.
    pub label: String,
    /// c-TF-IDF weight; comparable within one theme.
    pub weight: f64,
}

/// The sentiment of a theme's comments that have one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanSentiment {
    /// Comments with a sentiment; at least 1.
    pub n: u64,
    /// Their mean, −1..1.
    pub mean: f64,
    /// Their standard deviation (n − 1); none for a single comment.
    pub standard_deviation: Option<f64>,
}

/// One theme of one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Theme {
    /// From the language and the strongest terms; 16 hexadecimal digits.
    pub theme_id: String,
    /// The language of its comments.
    pub language: Language,
    /// The labels of its strongest terms, for example "late delivery, parcel, weeks".
    pub name: String,
    /// Its strongest terms, strongest first, at most 10.
    pub terms: Vec<ThemeTerm>,
    /// Comments in the theme, repeated texts counted as often as they occur.
    pub size: u64,
    /// Distinct texts in the theme.
    pub distinct_texts: u64,
    /// `size` as a share of all comments of the language that were given.
    pub share: f64,
    /// Comments of the language that were given: the n of `share`.
    pub comments: u64,
    /// The sentiment of its comments; none when no comment has one.
    pub sentiment: Option<MeanSentiment>,
    /// Rows of representative comments, most typical first, no two alike.
    pub quotes: Vec<usize>,
}

/// Why a comment has no theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoTheme {
    /// Its language is not known, or no themes exist for it.
    NoLanguage,
    /// It has no word that carries meaning.
    NoWords,
    /// It is not like enough to any theme.
    Outlier,
}

/// The theme of one comment, or why it has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Assignment {
    /// Index into [`Themes::themes`], and the cosine to the theme's centre.
    Theme {
        /// Index into [`Themes::themes`].
        theme: usize,
        /// Cosine to the theme's centre, 0..1.
        similarity: f64,
    },
    /// No theme.
    None(NoTheme),
}

impl Assignment {
    /// The index of the theme, if there is one.
    pub fn theme(self) -> Option<usize> {
        match self {
            Self::Theme { theme, .. } => Some(theme),
            Self::None(_) => None,
        }
    }
}

/// Themes of a set of comments.
#[derive(Debug, Clone, PartialEq)]
pub struct Themes {
    /// By language, then largest first, then by id.
    pub themes: Vec<Theme>,
    /// One per comment, in the order given.
    pub assignments: Vec<Assignment>,
    /// Places later comments without touching these.
    pub model: ThemeModel,
}

/// Finds the themes of all comments, per language.
#[expect(clippy::missing_panics_doc, reason = "the order of drafts is a permutation")]
pub fn find(comments: &[Comment<'_>], options: &ThemeOptions) -> Themes {
    let mut assignments = vec![Assignment::None(NoTheme::NoLanguage); comments.len()];
    let mut by_language: BTreeMap<Language, Vec<u32>> = BTreeMap::new();
    for (row, comment) in comments.iter().enumerate() {
        if let Some(language) = comment.language {
            by_language.entry(language).or_default().push(row as u32);
        }
    }
    let mut themes = Vec::new();
    let mut model = ThemeModel::default();
    for (language, rows) in by_language {
        let corpus = Corpus::read(language, rows.iter().map(|&row| (row, comments[row as usize].text)));
        let found = Found::search(&corpus, options);
        let first = themes.len();
        let drafted = found.describe(language, &corpus, comments, options, rows.len());
        let mut order: Vec<usize> = (0..drafted.len()).collect();
        order.sort_by(|&a, &b| drafted[b].size.cmp(&drafted[a].size).then_with(|| drafted[a].theme_id.cmp(&drafted[b].theme_id)));
        let mut rank = vec![0; order.len()];
        for (place, &draft) in order.iter().enumerate() {
            rank[draft] = place;
        }
        for row in &corpus.wordless {
            assignments[*row as usize] = Assignment::None(NoTheme::NoWords);
        }
        for (text, place) in corpus.texts.iter().zip(&found.places) {
            let assignment = match place {
                Some((cluster, similarity)) => {
                    Assignment::Theme { theme: first + rank[*cluster], similarity: f64::from(*similarity) }
                }
                None => Assignment::None(NoTheme::Outlier),
            };
            for row in &text.rows {
                assignments[*row as usize] = assignment;
            }
        }
        let mut drafted: Vec<Option<Theme>> = drafted.into_iter().map(Some).collect();
        let sorted = order.iter().map(|&draft| drafted[draft].take().expect("a permutation names each draft once"));
        themes.extend(sorted);
        let ids = themes[first..].iter().map(|theme| theme.theme_id.clone()).collect();
        let centres = order.iter().map(|&draft| &found.centres[draft]);
        model.add(language, &corpus, ids, centres, order.iter().map(|&draft| found.thresholds[draft]).collect());
    }
    Themes { themes, assignments, model }
}

/// The clusters of one corpus.
struct Found {
    /// Per text: its cluster and the cosine to the centre.
    places: Vec<Option<(usize, f32)>>,
    centres: Vec<Vector>,
    /// Per cluster: the cosine that a new text must reach.
    thresholds: Vec<f32>,
    /// Per text: its vote on names and centres, less than 1 where near duplicates share one.
    votes: Vec<f32>,
}

impl Found {
    fn search(corpus: &Corpus, options: &ThemeOptions) -> Self {
        let texts = &corpus.texts;
        let near = neighbours::nearest(texts, corpus.terms.len(), options.neighbours, options.least_similarity);
        let votes: Vec<f32> = near
            .iter()
            .map(|list| 1.0 / (1 + list.iter().take_while(|(_, cosine)| *cosine >= NEAR_DUPLICATE).count()) as f32)
            .collect();
        let community = leiden(tie(&near), options.resolution, options.seed);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); community.iter().max().map_or(0, |&m| m as usize + 1)];
        for (text, &c) in community.iter().enumerate() {
            members[c as usize].push(text);
        }
        members.retain(|texts| texts.len() >= options.least_texts.max(1));
        members.retain(|list| list.iter().any(|&text| !texts[text].vector.is_empty()));
        let mut found = Self { places: vec![None; texts.len()], centres: Vec::new(), thresholds: Vec::new(), votes };
        join_smallest(&mut members, options.most_themes.max(1), |list| found.centre(corpus, list));
        for list in &members {
            let centre = found.centre(corpus, list);
            let mut similar: Vec<f32> = list.iter().map(|&text| dot(&texts[text].vector, &centre)).collect();
            for (&text, &cosine) in list.iter().zip(&similar) {
                found.places[text] = Some((found.centres.len(), cosine));
            }
            // A newcomer must be as near as all but the outer tenth of the members.
            similar.sort_unstable_by(f32::total_cmp);
            found.thresholds.push(similar[similar.len() / 10].max(options.least_similarity));
            found.centres.push(centre);
        }
        found.adopt(corpus);
        found
    }

    /// Gives texts of dissolved communities to the nearest centre that they reach.
    fn adopt(&mut self, corpus: &Corpus) {
        let index = model::CentreIndex::new(self.centres.iter());
        for (text, place) in corpus.texts.iter().zip(&mut self.places) {
            if place.is_none() {
                *place = index.nearest(&text.vector).filter(|(c, cosine)| *cosine >= self.thresholds[*c]);
            }
        }
    }

    fn centre(&self, corpus: &Corpus, members: &[usize]) -> Vector {
        let mut sums: BTreeMap<u32, f32> = BTreeMap::new();
        for &text in members {
            for &(term, weight) in &corpus.texts[text].vector {
                *sums.entry(term).or_default() += self.votes[text] * weight;
            }
        }
        let mut centre: Vector = sums.into_iter().collect();
        centre.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        centre.truncate(CENTRE_TERMS);
        centre.sort_unstable_by_key(|(term, _)| *term);
        normalise(&mut centre);
        centre
    }

    /// The themes in cluster order.
    fn describe(
        &self,
        language: Language,
        corpus: &Corpus,
        comments: &[Comment<'_>],
        options: &ThemeOptions,
        given: usize,
    ) -> Vec<Theme> {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.centres.len()];
        for (text, place) in self.places.iter().enumerate() {
            if let Some((cluster, _)) = place {
                members[*cluster].push(text);
            }
        }
        let terms = naming::strongest_terms(corpus, &members, &self.votes);
        let ids = naming::theme_ids(language, &terms);
        let parts = members.iter().zip(terms).zip(ids);
        parts
            .map(|((texts, terms), theme_id)| {
                let rows = || texts.iter().flat_map(|&text| &corpus.texts[text].rows);
                let size = rows().count() as u64;
                Theme {
                    theme_id,
                    language,
                    name: naming::name(&terms),
                    terms,
                    size,
                    distinct_texts: texts.len() as u64,
                    share: size as f64 / given as f64,
                    comments: given as u64,
                    sentiment: mean_sentiment(rows().filter_map(|&row| comments[row as usize].sentiment)),
                    quotes: self.quotes(corpus, texts, options.quotes),
                }
            })
            .collect()
    }

    /// The texts nearest the centre, each unlike those before it.
    fn quotes(&self, corpus: &Corpus, members: &[usize], wanted: usize) -> Vec<usize> {
        let mut sorted: Vec<(usize, f32)> =
            members.iter().map(|&text| (text, self.places[text].map_or(0.0, |place| place.1))).collect();
        sorted.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut chosen: Vec<usize> = Vec::new();
        for (text, _) in sorted {
            if chosen.len() == wanted {
                break;
            }
            let vector = &corpus.texts[text].vector;
            if chosen.iter().all(|&other| dot(vector, &corpus.texts[other].vector) < 0.8) {
                chosen.push(text);
            }
        }
        chosen.into_iter().map(|text| corpus.texts[text].rows[0] as usize).collect()
    }
}

/// The graph of texts: an edge weighs the cosine times the share of nearest texts in common (Dice), and twice when both are among
/// the other's nearest. Two texts joined by one odd word have few neighbours in common.
fn tie(near: &[Vector]) -> Graph {
    let circles: Vec<Vec<u32>> = near
        .iter()
        .enumerate()
        .map(|(text, list)| {
            let mut circle: Vec<u32> = list.iter().map(|(other, _)| *other).chain([text as u32]).collect();
            circle.sort_unstable();
            circle
        })
        .collect();
    let in_common = |a: usize, b: usize| {
        let shared = circles[a].iter().filter(|text| circles[b].binary_search(text).is_ok()).count();
        2.0 * shared as f64 / (circles[a].len() + circles[b].len()) as f64
    };
    let edges = near.iter().enumerate().flat_map(|(from, list)| {
        let in_common = &in_common;
        let weigh = move |&(to, cosine): &(u32, f32)| (from as u32, to, f64::from(cosine) * in_common(from, to as usize));
        list.iter().map(weigh)
    });
    Graph::new(near.len(), edges.filter(|edge| edge.2 > 0.0).collect())
}

/// Joins the smallest cluster to the one with the nearest centre until no more than `most` are left.
fn join_smallest(members: &mut Vec<Vec<usize>>, most: usize, centre: impl Fn(&[usize]) -> Vector) {
    let mut centres: Vec<Vector> = members.iter().map(|list| centre(list)).collect();
    while members.len() > most {
        let smallest = (0..members.len()).min_by_key(|&i| members[i].len()).expect("more than `most` are left");
        let texts = members.remove(smallest);
        let lost = centres.remove(smallest);
        let nearest = (0..members.len()).max_by(|&a, &b| dot(&centres[a], &lost).total_cmp(&dot(&centres[b], &lost)));
        // A cluster that is like no other is dissolved instead.
        if let Some(to) = nearest.filter(|&to| dot(&centres[to], &lost) > 0.0) {
            members[to].extend(texts);
            members[to].sort_unstable();
            centres[to] = centre(&members[to]);
        }
    }
}

fn mean_sentiment(values: impl Iterator<Item = f64>) -> Option<MeanSentiment> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    // Sums of floats depend on their order; rows must not.
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let standard_deviation = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
    Some(MeanSentiment { n: n as u64, mean, standard_deviation })
}
