//! From text to words: segmentation, lower case, accents, stop words, stems, negation, and text units.
//!
//! Words are Unicode words (UAX #29). Links, e-mail addresses, mentions (`@name`) and HTML entities are taken out
//! before, since they are never what a comment is about and may be personal. Accents are folded after stemming
//! (Snowball needs them), so that "ótimo" and "otimo" meet. A letter repeated three times or more is cut to two.
//!
//! Negation is marked, not resolved: a word within [`NEGATION_SCOPE`] words after a negator and in the same clause
//! is `negated`, and whoever counts words decides what that means (polarity counts "not good" as another word than
//! "good").
//!
//! Deliberately missing: compound splitting (German), lemmas, word segmentation of Chinese, Japanese and Thai beyond
//! what UAX #29 gives.

use std::borrow::Cow;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

use crate::language::Language;
use crate::stopwords::{self, WordList};

/// No analysis reads more of one text than this. Longer texts are cut at a character boundary.
pub const MAX_TEXT_BYTES: usize = 32 * 1024;

/// How many words a negator reaches forward within its clause.
pub const NEGATION_SCOPE: usize = 3;

/// A longer text is split into units of sentences.
pub const LONG_TEXT_CHARS: usize = 280;

/// A sentence shorter than this joins the one before.
const SHORT_SENTENCE_CHARS: usize = 20;

/// A unit never gets longer than this; a sentence without an end is cut at white space.
pub const MAX_UNIT_CHARS: usize = 1_000;

/// A word longer than this (pasted keys, base64) is dropped.
const MAX_WORD_BYTES: usize = 64;

/// What kind of word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Carries meaning.
    Content,
    /// A function word.
    Stop,
    /// Denies what follows.
    Negator,
    /// Digits only.
    Number,
    /// One pictograph.
    Emoji,
}

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The stem, lower-case, accents folded: what is counted.
    pub stem: String,
    /// The word in lower case: what is shown.
    pub surface: String,
    /// What kind of word it is.
    pub kind: TokenKind,
    /// It stands in the reach of a negator.
    pub negated: bool,
    /// The clause of the text in which it stands, from 0.
    pub clause: u32,
}

/// Splits texts of one language into [`Token`]s.
pub struct Tokenizer {
    stemmer: Option<Stemmer>,
    words: Option<&'static WordList>,
}

impl Tokenizer {
    /// A tokenizer for a language. A language without stemmer or word list is split and folded only.
    pub fn new(language: Option<Language>) -> Self {
        Self { stemmer: language.and_then(algorithm).map(Stemmer::create), words: language.and_then(stopwords::of) }
    }

    /// The words of a text in their order.
    pub fn tokens(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let (mut clause, mut reach) = (0, 0);
        for piece in pieces(shorten(text)) {
            let word = match piece {
                Piece::Break => {
                    clause += 1;
                    reach = 0;
                    continue;
                }
                Piece::Emoji(emoji) => {
                    tokens.push(Token {
                        stem: emoji.to_owned(),
                        surface: emoji.to_owned(),
                        kind: TokenKind::Emoji,
                        negated: false,
                        clause,
                    });
                    continue;
                }
                Piece::Word(word) => word,
            };
            let surface = squeeze(&word.replace('\u{2019}', "'").to_lowercase());
            let folded = fold(&surface);
            if self.words.is_some_and(|words| words.breaks_clause(&folded)) {
                clause += 1;
                reach = 0;
            }
            let kind = self.kind(&folded);
            let stem = match (&self.stemmer, kind) {
                (Some(stemmer), TokenKind::Content) => fold(&stemmer.stem(surface.trim_end_matches("'s"))).into_owned(),
                _ => folded.into_owned(),
            };
            tokens.push(Token { stem, surface, kind, negated: reach > 0 && kind != TokenKind::Negator, clause });
            reach = match kind {
                TokenKind::Negator => NEGATION_SCOPE,
                _ => usize::saturating_sub(reach, 1),
            };
        }
        tokens
    }

    fn kind(&self, folded: &str) -> TokenKind {
        if folded.chars().all(|c| c.is_numeric() || matches!(c, '.' | ',')) {
            return TokenKind::Number;
        }
        let Some(words) = self.words else { return TokenKind::Content };
        let contracted = words.language == Language::EN && folded.ends_with("n't");
        if contracted || words.is_negator(folded) {
            TokenKind::Negator
        } else if words.contains(folded) {
            TokenKind::Stop
        } else {
            TokenKind::Content
        }
    }
}

/// A part of a text that is analysed on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit<'a> {
    /// Byte offset of the unit in its text.
    pub start: usize,
    /// The words, trimmed.
    pub text: &'a str,
}

/// Splits a text into units: a short text is one unit, a longer one its sentences (short ones joined to the one
/// before). A text without visible characters has none. Units come in text order and do not overlap.
pub fn units(text: &str) -> Vec<Unit<'_>> {
    let text = shorten(text);
    let mut units = Vec::new();
    if text.chars().nth(LONG_TEXT_CHARS).is_none() {
        push_unit(&mut units, text, 0, text.len());
        return units;
    }
    let mut open: Option<(usize, usize)> = None;
    for (start, sentence) in text.split_sentence_bound_indices() {
        let end = start + sentence.len();
        open = Some(match open {
            Some((from, to)) if text[from..to].trim().chars().count() < SHORT_SENTENCE_CHARS => (from, end),
            Some((from, _)) if sentence.trim().chars().count() < SHORT_SENTENCE_CHARS => (from, end),
            Some((from, to)) => {
                push_unit(&mut units, text, from, to);
                (start, end)
            }
            None => (start, end),
        });
    }
    if let Some((from, to)) = open {
        push_unit(&mut units, text, from, to);
    }
    units
}

/// Pushes `text[from..to]`, trimmed, in as many units as its length needs.
fn push_unit<'a>(units: &mut Vec<Unit<'a>>, text: &'a str, mut from: usize, to: usize) {
    while from < to {
        let rest = &text[from..to];
        let cut = match rest.char_indices().nth(MAX_UNIT_CHARS) {
            None => rest.len(),
            Some((limit, _)) => rest[..limit].rfind(char::is_whitespace).filter(|&at| at > 0).unwrap_or(limit),
        };
        let lead = rest[..cut].len() - rest[..cut].trim_start().len();
        let trimmed = rest[..cut].trim();
        if trimmed.chars().any(|c| !c.is_whitespace() && !c.is_control()) {
            units.push(Unit { start: from + lead, text: trimmed });
        }
        from += cut;
    }
}

/// The first [`MAX_TEXT_BYTES`] of a text, cut at a character boundary.
pub(crate) fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// The Unicode words of a text without links, addresses and mentions.
pub(crate) fn scrubbed_words(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Word(word) => Some(word),
        Piece::Emoji(_) | Piece::Break => None,
    })
}

enum Piece<'a> {
    Word(&'a str),
    Emoji(&'a str),
    Break,
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.split(char::is_whitespace).filter(|chunk| !is_noise(chunk)).flat_map(|chunk| {
        chunk.split_word_bounds().flat_map(split_at_dots).filter_map(|part| {
            let first = part.chars().next()?;
            if part.chars().any(char::is_alphanumeric) {
                (part.len() <= MAX_WORD_BYTES && !ENTITIES.contains(&part)).then_some(Piece::Word(part))
            } else if is_emoji(first) {
                Some(Piece::Emoji(part))
            } else {
                matches!(first, '.' | ',' | ';' | ':' | '!' | '?' | '…' | '(' | ')').then_some(Piece::Break)
            }
        })
    })
}

/// UAX #29 keeps "late.broken" together; customers forget the space. Numbers keep their dots.
fn split_at_dots(part: &str) -> impl Iterator<Item = &str> {
    let joined = part.len() > 1 && part.contains('.') && part.chars().any(char::is_alphabetic);
    let cut = move |c: char| joined && c == '.';
    part.split_inclusive(cut).flat_map(move |piece| match piece.strip_suffix('.').filter(|_| joined) {
        Some(word) => [word, "."],
        None => [piece, ""],
    })
}

/// What is left of HTML entities after splitting.
const ENTITIES: [&str; 5] = ["amp", "nbsp", "quot", "lt", "gt"];

/// Links, e-mail addresses and mentions.
fn is_noise(chunk: &str) -> bool {
    let bare = chunk.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '@');
    bare.starts_with("http://")
        || bare.starts_with("https://")
        || bare.starts_with("www.")
        || bare.starts_with('@')
        || bare.char_indices().any(|(at, c)| c == '@' && at > 0 && bare[at + 1..].contains('.'))
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27BF}' | '\u{1F300}'..='\u{1FAFF}' | '\u{2B50}' | '\u{2B55}')
}

/// Cuts runs of three or more of the same letter to two.
fn squeeze(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let (mut last, mut run) = ('\0', 0);
    for c in word.chars() {
        run = if c == last && c.is_alphabetic() { run + 1 } else { 1 };
        last = c;
        if run <= 2 {
            out.push(c);
        }
    }
    out
}

/// Latin letters without their accents; everything else as it is. Expects lower case.
pub(crate) fn fold(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => out.push('a'),
            'ç' | 'ć' | 'č' => out.push('c'),
            'ď' | 'đ' => out.push('d'),
            'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => out.push('e'),
            'ğ' => out.push('g'),
            'ì'..='ï' | 'ī' | 'į' | 'ı' => out.push('i'),
            'ł' | 'ľ' => out.push('l'),
            'ñ' | 'ń' | 'ň' => out.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ő' => out.push('o'),
            'ř' => out.push('r'),
            'ś' | 'š' | 'ş' => out.push('s'),
            'ť' | 'ţ' => out.push('t'),
            'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'ź' | 'ż' | 'ž' => out.push('z'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            '\u{300}'..='\u{36F}' => {}
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn algorithm(language: Language) -> Option<Algorithm> {
    Some(match language.as_str() {
        "ar" => Algorithm::Arabic,
        "da" => Algorithm::Danish,
        "nl" => Algorithm::Dutch,
        "en" => Algorithm::English,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "de" => Algorithm::German,
        "el" => Algorithm::Greek,
        "hu" => Algorithm::Hungarian,
        "it" => Algorithm::Italian,
        "nb" | "no" => Algorithm::Norwegian,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "ru" => Algorithm::Russian,
        "es" => Algorithm::Spanish,
        "sv" => Algorithm::Swedish,
        "ta" => Algorithm::Tamil,
        "tr" => Algorithm::Turkish,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(language: Language, text: &str) -> Vec<String> {
        Tokenizer::new(Some(language))
            .tokens(text)
            .into_iter()
            .filter(|token| token.kind == TokenKind::Content)
            .map(|token| if token.negated { format!("not {}", token.stem) } else { token.stem })
            .collect()
    }

    #[test]
    fn words_are_lower_case_stems_without_function_words() {
        assert_eq!(stems(Language::EN, "My DELIVERIES were arriving late"), ["deliveri", "arriv", "late"]);
        assert_eq!(stems(Language::PT, "O produto é ótimo, OTIMO mesmo"), ["produt", "otim", "otim"]);
    }

    #[test]
    fn a_negator_reaches_three_words_within_its_clause() {
        assert_eq!(stems(Language::EN, "not good, quality fine"), ["not good", "qualiti", "fine"]);
        assert_eq!(stems(Language::PT, "não recomendo mas gostei"), ["not recom", "gost"]);
        assert_eq!(stems(Language::EN, "It didn\u{2019}t work"), ["not work"]);
    }

    #[test]
    fn a_forgotten_space_after_a_dot_does_not_join_words() {
        assert_eq!(stems(Language::EN, "Late.Broken box v2.5"), ["late", "broken", "box", "v2"]);
    }

    #[test]
    fn links_addresses_mentions_and_entities_are_no_words() {
        let text = "@airline see https://t.co/x?y=1 (www.shop.example) me@mail.example &amp; refund";
        assert_eq!(stems(Language::EN, text), ["see", "refund"]);
    }

    #[test]
    fn emojis_and_numbers_have_their_kind() {
        let kinds: Vec<TokenKind> = Tokenizer::new(None).tokens("nota 10 😡").into_iter().map(|t| t.kind).collect();
        assert_eq!(kinds, [TokenKind::Content, TokenKind::Number, TokenKind::Emoji]);
    }

    #[test]
    fn a_short_text_is_one_unit_and_a_long_one_its_sentences() {
        assert_eq!(units("Late. Broken.").len(), 1);
        assert!(units(" \n\t ").is_empty());
        let long = "The parcel came two weeks late. ".repeat(12);
        let units = units(&long);
        assert_eq!(units.len(), 12);
        assert!(units.iter().all(|unit| long[unit.start..].starts_with(unit.text)));
    }

    #[test]
    fn a_sentence_without_end_is_cut() {
        let text = "x".repeat(5_000);
        let lengths: Vec<usize> = units(&text).iter().map(|unit| unit.text.len()).collect();
        assert_eq!(lengths, [1_000; 5]);
    }
}
