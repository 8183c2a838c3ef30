//! Placing later comments into themes that exist, so that new comments do not reshuffle what people have seen.
//!
//! A new text goes to the theme with the nearest centre, if it is at least as near as nine in ten of the theme's own
//! texts; otherwise it has no theme. Words that the model does not know lengthen the text's vector as the rarest known
//! word would, so that one known word in a long foreign sentence does not decide.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::NoTheme;
use super::corpus::{Corpus, Vector, terms_of, tf_idf};
use crate::language::Language;
use crate::tokens::Tokenizer;

/// Themes as a thing to keep: serialise it, and place new comments with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ThemeModel {
    languages: BTreeMap<Language, LanguageModel>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LanguageModel {
    theme_ids: Vec<String>,
    thresholds: Vec<f32>,
    /// Term → its idf and its number in the centres.
    terms: BTreeMap<String, (f32, u32)>,
    centres: Vec<Vector>,
    rarest: f32,
}

/// Where a new comment belongs.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement {
    /// In this theme.
    Theme {
        /// The id of the theme.
        theme_id: String,
        /// Cosine to the theme's centre, 0..1.
        similarity: f64,
    },
    /// In none.
    None(NoTheme),
}

/// Places the texts of one language; made once, used for many.
pub struct Placer<'a> {
    model: &'a LanguageModel,
    index: CentreIndex,
    tokenizer: Tokenizer,
}

impl ThemeModel {
    /// The languages that have a model.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.languages.keys().copied()
    }

    /// The ids of the themes of a language, largest theme first.
    pub fn theme_ids(&self, language: Language) -> &[String] {
        self.languages.get(&language).map_or(&[], |model| &model.theme_ids)
    }

    /// Places many texts, each with its language; one answer per text, in order. Never changes the model.
    pub fn place(&self, texts: &[(&str, Option<Language>)]) -> Vec<Placement> {
        let placers: BTreeMap<Language, Placer<'_>> = self
            .languages
            .iter()
            .map(|(&language, model)| {
                let index = CentreIndex::new(model.centres.iter());
                (language, Placer { model, index, tokenizer: Tokenizer::new(Some(language)) })
            })
            .collect();
        texts
            .iter()
            .map(|(text, language)| {
                let placer = language.and_then(|language| placers.get(&language));
                placer.map_or(Placement::None(NoTheme::NoLanguage), |placer| placer.place(text))
            })
            .collect()
    }

    pub(super) fn add<'a>(
        &mut self,
        language: Language,
        corpus: &Corpus,
        theme_ids: Vec<String>,
        centres: impl Iterator<Item = &'a Vector>,
        thresholds: Vec<f32>,
    ) {
        let known = corpus.terms.iter().zip(&corpus.idf).enumerate().filter(|(_, (_, idf))| **idf > 0.0);
        let terms: BTreeMap<String, (f32, u32)> = known.map(|(id, (term, &idf))| (term.clone(), (idf, id as u32))).collect();
        let rarest = corpus.idf.iter().copied().fold(0.0, f32::max);
        let centres = centres.cloned().collect();
        self.languages.insert(language, LanguageModel { theme_ids, thresholds, terms, centres, rarest });
    }
}

impl Placer<'_> {
    fn place(&self, text: &str) -> Placement {
        let mut unknown: FxHashMap<String, u32> = FxHashMap::default();
        let mut known = Vec::new();
        let mut idf: FxHashMap<u32, f32> = FxHashMap::default();
        for (stem, _) in terms_of(&self.tokenizer, text) {
            match self.model.terms.get(&stem) {
                Some(&(weight, id)) => {
                    idf.insert(id, weight);
                    known.push(id);
                }
                // A pair that was never seen says nothing beyond its words.
                None if stem.contains(' ') => {}
                None => *unknown.entry(stem).or_default() += 1,
            }
        }
        if known.is_empty() && unknown.is_empty() {
            return Placement::None(NoTheme::NoWords);
        }
        let mut vector = tf_idf(&known, |term| idf[&term]);
        let strange = unknown.len() as f32 * self.model.rarest * self.model.rarest;
        let length = (vector.iter().map(|(_, w)| w * w).sum::<f32>() + strange).sqrt();
        for (_, weight) in &mut vector {
            *weight /= length;
        }
        match self.index.nearest(&vector) {
            Some((theme, cosine)) if cosine >= self.model.thresholds[theme] => {
                Placement::Theme { theme_id: self.model.theme_ids[theme].clone(), similarity: f64::from(cosine) }
            }
            _ => Placement::None(NoTheme::Outlier),
        }
    }
}

/// Centres by term.
pub(super) struct CentreIndex {
    by_term: FxHashMap<u32, Vec<(u32, f32)>>,
    centres: usize,
}

impl CentreIndex {
    pub(super) fn new<'a>(centres: impl Iterator<Item = &'a Vector>) -> Self {
        let mut index = Self { by_term: FxHashMap::default(), centres: 0 };
        for centre in centres {
            for &(term, weight) in centre {
                index.by_term.entry(term).or_default().push((index.centres as u32, weight));
            }
            index.centres += 1;
        }
        index
    }

    /// The nearest centre with its cosine; the first among equals; none when no term is shared.
    pub(super) fn nearest(&self, vector: &[(u32, f32)]) -> Option<(usize, f32)> {
        let mut cosine = vec![0.0_f32; self.centres];
        for (term, weight) in vector {
            for &(centre, other) in self.by_term.get(term).into_iter().flatten() {
                cosine[centre as usize] += weight * other;
            }
        }
        let best = (0..self.centres).max_by(|&a, &b| cosine[a].total_cmp(&cosine[b]).then(b.cmp(&a)))?;
        (cosine[best] > 0.0).then_some((best, cosine[best]))
    }
}
