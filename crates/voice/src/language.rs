//! The language of a customer's text, as an ISO 639-1 code, or no answer with the reason.
//!
//! Customers write little: "Ok", "nota 10", "great!!". A trigram detector answers such texts with whatever language
//! comes nearest, often one that the company has never met. So the evidence is weighed in this order:
//!
//! 1. a text with fewer than [`MIN_LETTERS`] letters, or without letters, is not detected;
//! 2. function words of the languages for which Clew has lists (they are the most frequent words of a language and
//!    few are shared): a clear lead decides, since three words like "the", "is", "my" tell more than forty trigrams;
//! 3. `whatlang`'s trigrams and scripts for everything else, believed when its confidence clears a bar that is
//!    higher for a text that disagrees with the hint;
//! 4. the hint: the language that the source declares for its texts.
//!
//! `whatlang` was chosen over `lingua` (better on single words, but its models add about 90 MB to the binary and
//! hundreds to memory) and over `whichlang` (16 languages, no confidence, so it can never decline).
//!
//! Close relatives without a word list (Russian and Bulgarian, Norwegian and Danish) stay unclear more often than not.
//! Deliberately missing: mixed-language texts (the larger part wins) and regional variants (pt-BR is pt).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use whatlang::{Detector, Lang};

use crate::stopwords;
use crate::tokens::{fold, scrubbed_words, shorten};

/// Fewer letters than this are not enough for any method: the hint answers, or nobody.
pub const MIN_LETTERS: usize = 4;

/// A lead of this many function words (a word shared by k languages counts 1/k for each) decides on its own.
const CLEAR_LEAD: f64 = 2.0;

/// This lead decides unless the trigrams say another language with [`BAR`]: languages without a list share words with
/// those that have one ("il" is French here, and Italian).
const LEAD: f64 = 1.0;

/// `whatlang` confidence from which its answer stands when no hint contradicts it.
const BAR: f64 = 0.5;

/// The same when the source declares another language, or the text is short.
const HIGH_BAR: f64 = 0.9;

/// Texts with fewer letters than this need [`HIGH_BAR`].
const SHORT_LETTERS: usize = 20;

/// Texts that must tell their language before [`prevailing`] answers for the rest.
pub const LEAST_TELLING_TEXTS: usize = 20;

/// An ISO 639-1 language code: two lower-case ASCII letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language([u8; 2]);

impl Language {
    /// English.
    pub const EN: Self = Self(*b"en");
    /// Portuguese.
    pub const PT: Self = Self(*b"pt");
    /// Spanish.
    pub const ES: Self = Self(*b"es");
    /// German.
    pub const DE: Self = Self(*b"de");
    /// French.
    pub const FR: Self = Self(*b"fr");

    /// The code, for example `"pt"`.
    #[expect(clippy::missing_panics_doc, reason = "two ASCII letters are always UTF-8")]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two ASCII letters by construction")
    }
}

/// A text that is no ISO 639-1 code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 639-1 language code (two letters, such as `en` or `pt`)")]
pub struct InvalidLanguage(pub String);

impl FromStr for Language {
    type Err = InvalidLanguage;

    /// Accepts `pt`, and the language part of tags such as `pt-BR` or `PT_br`.
    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let main = code.split(['-', '_']).next().unwrap_or_default();
        match main.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_lowercase(), b.to_ascii_lowercase()]))
            }
            _ => Err(InvalidLanguage(code.chars().take(40).collect())),
        }
    }
}

impl TryFrom<String> for Language {
    type Error = InvalidLanguage;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        code.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.as_str().to_owned()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the language of a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageOrigin {
    /// The text itself told.
    Detected,
    /// The text did not tell enough; this is the language that the source declares.
    Hint,
}

/// Why a text has no language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoLanguage {
    /// No letters at all (empty, numbers, punctuation, emojis).
    NoLetters,
    /// Too few letters to tell.
    TooShort,
    /// Enough letters, but several languages fit about equally well.
    Unclear,
}

/// The language of one text: a language with its origin, or a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detected {
    /// The language, and who says so.
    Language(Language, LanguageOrigin),
    /// No language, and why.
    None(NoLanguage),
}

impl Detected {
    /// The language, if there is one.
    pub fn language(self) -> Option<Language> {
        match self {
            Self::Language(language, _) => Some(language),
            Self::None(_) => None,
        }
    }

    /// The reason, if there is no language.
    pub fn reason(self) -> Option<NoLanguage> {
        match self {
            Self::Language(..) => None,
            Self::None(reason) => Some(reason),
        }
    }
}

/// Detects the language of one text. `hint` is the language that its source declares, if any.
///
/// Linear in the text; at most [`crate::tokens::MAX_TEXT_BYTES`] are read.
pub fn detect(text: &str, hint: Option<Language>) -> Detected {
    let text = shorten(text);
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if letters < MIN_LETTERS {
        let reason = if letters == 0 { NoLanguage::NoLetters } else { NoLanguage::TooShort };
        return hinted(hint, reason);
    }
    let led = by_function_words(text);
    if let Some((language, lead)) = led
        && lead >= CLEAR_LEAD
    {
        return Detected::Language(language, LanguageOrigin::Detected);
    }
    let found = Detector::new().detect(text).and_then(|info| Some((iso_639_1(info.lang())?, info.confidence())));
    if let Some((language, _)) = led
        && found.is_none_or(|(other, confidence)| other == language || confidence < BAR)
    {
        return Detected::Language(language, LanguageOrigin::Detected);
    }
    match found {
        Some((language, confidence)) => {
            let agrees = hint.is_none_or(|hint| hint == language);
            let bar = if agrees && letters >= SHORT_LETTERS { BAR } else { HIGH_BAR };
            if confidence >= bar {
                Detected::Language(language, LanguageOrigin::Detected)
            } else if letters < SHORT_LETTERS {
                hinted(hint, NoLanguage::TooShort)
            } else {
                hinted(hint, NoLanguage::Unclear)
            }
        }
        None => hinted(hint, NoLanguage::Unclear),
    }
}

/// The language that a source without a declared one evidently uses: that of at least nine in ten of its texts that tell
/// theirs, if at least [`LEAST_TELLING_TEXTS`] do. Pass it as the hint for the source's other texts.
pub fn prevailing<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Language> {
    let mut counts: BTreeMap<Language, usize> = BTreeMap::new();
    for language in texts.into_iter().filter_map(|text| detect(text, None).language()) {
        *counts.entry(language).or_default() += 1;
    }
    let telling: usize = counts.values().sum();
    let (language, most) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (telling >= LEAST_TELLING_TEXTS && most * 10 >= telling * 9).then_some(language)
}

fn hinted(hint: Option<Language>, reason: NoLanguage) -> Detected {
    hint.map_or(Detected::None(reason), |language| Detected::Language(language, LanguageOrigin::Hint))
}

/// The language whose function words lead, and by how many, if it is by [`LEAD`].
fn by_function_words(text: &str) -> Option<(Language, f64)> {
    let mut evidence = [0.0_f64; stopwords::LISTS.len()];
    for word in scrubbed_words(text) {
        let lower = word.to_lowercase();
        let folded = fold(&lower);
        let hits = stopwords::LISTS.iter().map(|list| list.contains(&folded));
        let shared = hits.clone().filter(|hit| *hit).count();
        for (sum, hit) in evidence.iter_mut().zip(hits) {
            if hit {
                *sum += 1.0 / shared as f64;
            }
        }
    }
    let best = (0..evidence.len()).max_by(|&a, &b| evidence[a].total_cmp(&evidence[b]))?;
    let second = (0..evidence.len()).filter(|&i| i != best).map(|i| evidence[i]).fold(0.0, f64::max);
    let lead = evidence[best] - second;
    (lead >= LEAD && evidence[best] >= 2.0 * second).then(|| (stopwords::LISTS[best].language, lead))
}

/// ISO 639-1 of `whatlang`'s ISO 639-3.
fn iso_639_1(lang: Lang) -> Option<Language> {
    let code = match lang.code() {
        "afr" => "af",
        "aka" => "ak",
        "amh" => "am",
        "ara" => "ar",
        "aze" => "az",
        "bel" => "be",
        "ben" => "bn",
        "bul" => "bg",
        "cat" => "ca",
        "ces" => "cs",
        "cmn" => "zh",
        "cym" => "cy",
        "dan" => "da",
        "deu" => "de",
        "ell" => "el",
        "eng" => "en",
        "epo" => "eo",
        "est" => "et",
        "fin" => "fi",
        "fra" => "fr",
        "guj" => "gu",
        "heb" => "he",
        "hin" => "hi",
        "hrv" => "hr",
        "hun" => "hu",
        "hye" => "hy",
        "ind" => "id",
        "ita" => "it",
        "jav" => "jv",
        "jpn" => "ja",
        "kan" => "kn",
        "kat" => "ka",
        "khm" => "km",
        "kor" => "ko",
        "lat" => "la",
        "lav" => "lv",
        "lit" => "lt",
        "mal" => "ml",
        "mar" => "mr",
        "mkd" => "mk",
        "mya" => "my",
        "nep" => "ne",
        "nld" => "nl",
        "nob" => "nb",
        "ori" => "or",
        "pan" => "pa",
        "pes" => "fa",
        "pol" => "pl",
        "por" => "pt",
        "ron" => "ro",
        "rus" => "ru",
        "sin" => "si",
        "slk" => "sk",
        "slv" => "sl",
        "sna" => "sn",
        "spa" => "es",
        "srp" => "sr",
        "swe" => "sv",
        "tam" => "ta",
        "tel" => "te",
        "tgl" => "tl",
        "tha" => "th",
        "tuk" => "tk",
        "tur" => "tr",
        "ukr" => "uk",
        "urd" => "ur",
        "uzb" => "uz",
        "vie" => "vi",
        "yid" => "yi",
        "zul" => "zu",
        _ => return None,
    };
    code.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_sentences_in_five_languages_are_told_apart() {
        for (text, code) in [
            ("My card has not arrived and nobody answers the phone", "en"),
            ("O produto chegou antes do prazo e muito bem embalado", "pt"),
            ("El pedido llegó tarde y nadie me contesta al teléfono", "es"),
            ("Die Lieferung kam zu spät und niemand geht ans Telefon", "de"),
            ("La livraison est arrivée en retard et personne ne répond", "fr"),
            ("Η παράδοση άργησε πολύ", "el"),
            ("배송이 너무 늦었어요", "ko"),
            ("Il corriere non ha mai consegnato il pacco ordinato", "it"),
        ] {
            assert_eq!(detect(text, None).language().map(String::from).as_deref(), Some(code), "{text}");
        }
    }

    #[test]
    fn a_text_too_short_to_tell_says_so_or_takes_the_hint() {
        assert_eq!(detect("Ok", None), Detected::None(NoLanguage::TooShort));
        assert_eq!(detect("", None), Detected::None(NoLanguage::NoLetters));
        assert_eq!(detect("👍👍 10/10 !!!", None), Detected::None(NoLanguage::NoLetters));
        assert_eq!(detect("Ok", Some(Language::PT)), Detected::Language(Language::PT, LanguageOrigin::Hint));
    }

    #[test]
    fn a_clear_text_overrules_the_hint() {
        let text = "The delivery was late and I am not happy with the service";
        assert_eq!(detect(text, Some(Language::PT)), Detected::Language(Language::EN, LanguageOrigin::Detected));
    }

    #[test]
    fn a_source_of_one_language_lends_it_to_its_short_texts() {
        let clear = "O produto chegou antes do prazo e muito bem embalado";
        assert_eq!(prevailing(std::iter::repeat_n(clear, 20).chain(["Ok"; 30])), Some(Language::PT));
        assert_eq!(prevailing([clear; 19]), None);
        let english = "My card has not arrived and nobody answers the phone";
        assert_eq!(prevailing([clear, english].repeat(30)), None);
    }

    #[test]
    fn codes_are_checked() {
        assert_eq!("pt-BR".parse::<Language>(), Ok(Language::PT));
        assert!("por".parse::<Language>().is_err());
        assert!("".parse::<Language>().is_err());
        assert!("é1".parse::<Language>().is_err());
    }

    #[test]
    fn every_language_of_the_detector_has_a_two_letter_code() {
        for lang in Lang::all() {
            assert!(iso_639_1(*lang).is_some(), "{lang:?} {}", lang.code());
        }
    }
}
