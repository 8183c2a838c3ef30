//! Sentiment of a text in −1..1, with the method that gave it, or none with the reason.
//!
//! English: VADER (Hutto and Gilbert 2014) by `vader-parity`, equal to the published Python package to its printed
//! precision; the value is `compound`. It has no calibrated confidence, so there is none. Other languages: the lexicon
//! learnt from the company's own scored comments ([`LearnedPolarity`]), where one could be learnt. Anything else has no sentiment:
//! an English lexicon over Portuguese words gives zeros that look like neutrality.
//!
//! Values of different methods are not on one scale: compare within `method`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vader_parity::SentimentIntensityAnalyzer;

use crate::language::Language;
use crate::polarity::LearnedPolarity;
use crate::tokens::{Tokenizer, shorten};

/// How a sentiment was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// VADER's English lexicon and rules.
    Vader,
    /// A lexicon learnt from scored comments of the same language.
    Learned,
    /// No method applies.
    None,
}

impl Method {
    /// The word that stands in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vader => "vader",
            Self::Learned => "learned",
            Self::None => "none",
        }
    }
}

/// Why a text has no sentiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoSentiment {
    /// No visible character.
    Empty,
    /// The language is not known.
    NoLanguage,
    /// There is no lexicon for the language: too few scored comments to learn one.
    NoLexicon,
    /// There is a lexicon, but it holds no word of the text.
    NoKnownWords,
}

/// The sentiment of one text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sentiment {
    /// −1 (negative) to 1 (positive).
    pub value: Option<f64>,
    /// The probability that the sign is right, where the method knows it.
    pub confidence: Option<f64>,
    /// How it was found.
    pub method: Method,
    /// Why there is no value.
    pub reason: Option<NoSentiment>,
}

impl Sentiment {
    fn none(reason: NoSentiment) -> Self {
        Self { value: None, confidence: None, method: Method::None, reason: Some(reason) }
    }
}

/// Scores texts of any language for which there is a method. Made once (it reads VADER's lexicon), used for many.
pub struct SentimentScorer {
    vader: SentimentIntensityAnalyzer,
    learned: BTreeMap<Language, (LearnedPolarity, Tokenizer)>,
}

impl SentimentScorer {
    /// A scorer with VADER for English and these learnt lexicons for other languages (the last one given for a language stands;
    /// one for English is not used, so that English stays comparable between companies).
    pub fn new(learned: impl IntoIterator<Item = LearnedPolarity>) -> Self {
        let learned = learned.into_iter().map(|lexicon| {
            let language = lexicon.language();
            (language, (lexicon, Tokenizer::new(Some(language))))
        });
        Self { vader: SentimentIntensityAnalyzer::new(), learned: learned.collect() }
    }

    /// The sentiment of a text in a language. Reads at most [`crate::tokens::MAX_TEXT_BYTES`].
    pub fn score(&self, text: &str, language: Option<Language>) -> Sentiment {
        let text = shorten(text);
        if text.chars().all(|c| c.is_whitespace() || c.is_control()) {
            return Sentiment::none(NoSentiment::Empty);
        }
        let Some(language) = language else { return Sentiment::none(NoSentiment::NoLanguage) };
        if language == Language::EN {
            let compound = self.vader.polarity_scores(text).compound;
            return Sentiment { value: Some(compound), confidence: None, method: Method::Vader, reason: None };
        }
        let Some((lexicon, tokenizer)) = self.learned.get(&language) else {
            return Sentiment::none(NoSentiment::NoLexicon);
        };
        match lexicon.score(tokenizer, text) {
            Some(found) => Sentiment {
                value: Some(found.sentiment),
                confidence: Some(found.confidence),
                method: Method::Learned,
                reason: None,
            },
            None => Sentiment { method: Method::Learned, ..Sentiment::none(NoSentiment::NoKnownWords) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_equals_the_published_package() {
        // Examples of vaderSentiment 3.3.2's README.
        let scorer = SentimentScorer::new([]);
        for (text, compound) in [
            ("VADER is smart, handsome, and funny.", 0.8316),
            ("VADER is VERY SMART, handsome, and FUNNY!!!", 0.9342),
            ("VADER is not smart, handsome, nor funny.", -0.7424),
            ("Today only kinda sux! But I'll get by, lol", 0.5249),
        ] {
            let found = scorer.score(text, Some(Language::EN));
            assert_eq!((found.value, found.method), (Some(compound), Method::Vader), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_scored_is_none_with_its_reason() {
        let scorer = SentimentScorer::new([]);
        assert_eq!(scorer.score("péssimo", Some(Language::PT)).reason, Some(NoSentiment::NoLexicon));
        assert_eq!(scorer.score("great", None).reason, Some(NoSentiment::NoLanguage));
        assert_eq!(scorer.score(" \u{0} \n", Some(Language::EN)).reason, Some(NoSentiment::Empty));
        assert_eq!(scorer.score("péssimo", Some(Language::PT)).value, None);
    }
}
