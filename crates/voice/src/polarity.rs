//! A polarity lexicon learnt from scored text, for languages without one of their own.
//!
//! Where customers give a score with their comment, the comments say which words go with low and which with high scores. Each
//! word and pair of words gets its log-odds of high against low with an informative Dirichlet prior (Monroe, Colaresi
//! and Quinn 2008, Political Analysis 16(4), eq. 15 and 16): the prior is the word's frequency in all texts, so rare words shrink to 0
//! instead of ruling. A text's evidence is the sum over its distinct terms divided by the square root of their number; a
//! logistic curve fitted to held-out texts turns it into the probability that the text is positive, both sides weighing
//! the same, and sentiment is 2 p − 1.
//!
//! Never scored by its own score: the terms of a text decide in which of [`FOLDS`] parts it falls, and it is always
//! scored by the lexicon of the other parts. So texts of the fit, repeats of them and new texts are treated alike.
//!
//! Why not a published lexicon: those for Portuguese, Spanish or German that are free to ship are small, and words of one
//! trade ("prazo", "entrega") carry polarity only there. Deliberately missing: irony, aspects, and comparison of
//! sentiment across languages (each lexicon has its own curve).

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::language::Language;
use crate::tokens::{TokenKind, Tokenizer};

/// Parts of the cross-fit.
pub const FOLDS: usize = 5;

/// A side (low or high scores) needs at least this many distinct texts.
pub const LEAST_TEXTS_PER_SIDE: usize = 50;

/// Terms in fewer distinct texts than this are not learnt.
const LEAST_TEXTS_PER_TERM: u32 = 3;

/// The prior weighs as much as this many terms, spread by frequency over the vocabulary.
const PRIOR_TERMS: f64 = 2_000.0;

/// How scores read as polarity: straight lines from `low` (−1) over `neutral` (0) to `high` (1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreScale {
    /// The lowest score.
    pub low: f64,
    /// The score that praises as little as it blames.
    pub neutral: f64,
    /// The highest score.
    pub high: f64,
}

impl ScoreScale {
    /// Ratings 1–5.
    pub const STARS: Self = Self { low: 1.0, neutral: 3.0, high: 5.0 };

    /// 0–10 likelihood to recommend: passives (7, 8) lie around the middle.
    pub const NPS: Self = Self { low: 0.0, neutral: 7.5, high: 10.0 };

    /// The polarity of a score in −1..1; none for a score outside the scale.
    pub fn polarity(&self, score: f64) -> Option<f64> {
        if !(self.low <= score && score <= self.high) {
            return None;
        }
        let side = if score < self.neutral { self.neutral - self.low } else { self.high - self.neutral };
        if side > 0.0 { Some((score - self.neutral) / side) } else { Some(0.0) }
    }
}

/// Why no lexicon could be learnt.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolarityError {
    /// One side has too few texts.
    #[error(
        "{low} distinct texts with low and {high} with high scores; a polarity lexicon for `{language}` needs {LEAST_TEXTS_PER_SIDE} of each"
    )]
    TooFewTexts {
        /// The language.
        language: Language,
        /// Distinct texts on the low side.
        low: usize,
        /// Distinct texts on the high side.
        high: usize,
    },
    /// Held-out texts with low scores do not read lower than those with high scores.
    #[error("the words of {texts} texts in `{language}` do not tell low scores from high ones (held-out AUC {auc:.3})")]
    NoSignal {
        /// The language.
        language: Language,
        /// Distinct scored texts.
        texts: usize,
        /// The area under the ROC curve on held-out texts.
        auc: f64,
    },
    /// The inputs do not belong together.
    #[error("{texts} texts but {scores} scores")]
    Lengths {
        /// How many texts.
        texts: usize,
        /// How many scores.
        scores: usize,
    },
}

/// A learnt lexicon of one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearnedPolarity {
    language: Language,
    folds: Vec<BTreeMap<String, f32>>,
    intercept: f64,
    slope: f64,
    texts: u64,
    held_out_auc: f64,
}

/// What the lexicon says of one text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Polarity {
    /// −1..1.
    pub sentiment: f64,
    /// The probability that its sign is right, .5..1, calibrated on held-out texts.
    pub confidence: f64,
    /// Distinct terms of the text that the lexicon knows; at least 1.
    pub known_terms: usize,
}

struct Scored {
    terms: Vec<u32>,
    fold: usize,
    polarity: f64,
}

impl LearnedPolarity {
    /// Learns from texts of one language and their scores (none = not scored, or outside the scale).
    ///
    /// A text that occurs several times counts once, with its mean score.
    pub fn fit(language: Language, texts: &[&str], scores: &[Option<f64>], scale: ScoreScale) -> Result<Self, PolarityError> {
        if texts.len() != scores.len() {
            return Err(PolarityError::Lengths { texts: texts.len(), scores: scores.len() });
        }
        let (vocabulary, scored) = read(language, texts, scores, scale);
        let low = scored.iter().filter(|text| text.polarity < 0.0).count();
        let high = scored.iter().filter(|text| text.polarity > 0.0).count();
        if low < LEAST_TEXTS_PER_SIDE || high < LEAST_TEXTS_PER_SIDE {
            return Err(PolarityError::TooFewTexts { language, low, high });
        }
        let folds: Vec<Vec<f32>> = (0..FOLDS).map(|fold| log_odds(&scored, vocabulary.len(), fold)).collect();
        let held_out: Vec<(f64, f64)> = scored
            .iter()
            .filter(|text| text.polarity != 0.0)
            .filter_map(|text| {
                let weights = text.terms.iter().map(|&term| folds[text.fold][term as usize]).filter(|w| *w != 0.0);
                evidence(weights).map(|(sum, _)| (sum, text.polarity))
            })
            .collect();
        let auc = area_under_curve(&held_out);
        let (intercept, slope) = logistic(&held_out);
        if !(auc > 0.55 && slope > 0.0) {
            return Err(PolarityError::NoSignal { language, texts: scored.len(), auc });
        }
        let folds = folds
            .into_iter()
            .map(|weights| {
                vocabulary.iter().cloned().zip(weights).filter(|(_, weight)| *weight != 0.0).collect::<BTreeMap<_, _>>()
            })
            .collect();
        Ok(Self { language, folds, intercept, slope, texts: scored.len() as u64, held_out_auc: auc })
    }

    /// The language it was learnt in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Distinct scored texts that it was learnt from.
    pub fn texts(&self) -> u64 {
        self.texts
    }

    /// How well held-out texts with high scores are told from those with low scores: the area under the ROC curve.
    pub fn held_out_auc(&self) -> f64 {
        self.held_out_auc
    }

    /// The sentiment of a text by the lexicon of the parts in which it is not; none when no word of it is known.
    pub fn score(&self, tokenizer: &Tokenizer, text: &str) -> Option<Polarity> {
        let terms = distinct_terms(tokenizer, text);
        let lexicon = &self.folds[fold_of(&terms)];
        let (sum, known_terms) = evidence(terms.iter().filter_map(|term| lexicon.get(term).copied()))?;
        let positive = 1.0 / (1.0 + (-(self.intercept + self.slope * sum)).exp());
        Some(Polarity { sentiment: 2.0 * positive - 1.0, confidence: positive.max(1.0 - positive), known_terms })
    }

    /// The strongest words: (term, mean log-odds over the parts), `count` lowest and `count` highest, ascending. A term
    /// that was denied in its text starts with `¬`.
    pub fn strongest(&self, count: usize) -> Vec<(String, f64)> {
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for (term, weight) in self.folds.iter().flatten() {
            *sums.entry(term).or_default() += f64::from(*weight) / FOLDS as f64;
        }
        let mut sorted: Vec<(String, f64)> = sums.into_iter().map(|(term, sum)| (term.to_owned(), sum)).collect();
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
        if sorted.len() > 2 * count {
            sorted.drain(count..sorted.len() - count);
        }
        sorted
    }
}

/// The distinct terms of a text, sorted: stems, emojis, short numbers ("nota 10"), and pairs of neighbours.
fn distinct_terms(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    let tokens = tokenizer.tokens(text);
    let words: Vec<(String, u32)> = tokens
        .into_iter()
        .filter(|token| match token.kind {
            TokenKind::Content | TokenKind::Emoji => true,
            TokenKind::Number => token.stem.len() <= 2,
            TokenKind::Stop | TokenKind::Negator => false,
        })
        .map(|token| (if token.negated { format!("¬{}", token.stem) } else { token.stem }, token.clause))
        .collect();
    let pairs = words.windows(2).filter(|pair| pair[0].1 == pair[1].1).map(|pair| format!("{} {}", pair[0].0, pair[1].0));
    let mut terms: Vec<String> = pairs.collect();
    terms.extend(words.into_iter().map(|(word, _)| word));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The part of a text: a function of its terms alone, so that repeats fall into the same part.
fn fold_of(terms: &[String]) -> usize {
    (xxh3_64(terms.join("\n").as_bytes()) % FOLDS as u64) as usize
}

fn read(language: Language, texts: &[&str], scores: &[Option<f64>], scale: ScoreScale) -> (Vec<String>, Vec<Scored>) {
    let tokenizer = Tokenizer::new(Some(language));
    let mut distinct: BTreeMap<Vec<String>, Vec<f64>> = BTreeMap::new();
    for (text, score) in texts.iter().zip(scores) {
        if let Some(polarity) = score.and_then(|score| scale.polarity(score)) {
            let terms = distinct_terms(&tokenizer, text);
            if !terms.is_empty() {
                distinct.entry(terms).or_default().push(polarity);
            }
        }
    }
    let mut seen: FxHashMap<&str, u32> = FxHashMap::default();
    for term in distinct.keys().flatten() {
        *seen.entry(term).or_default() += 1;
    }
    let mut vocabulary: Vec<&str> =
        seen.into_iter().filter(|(_, texts)| *texts >= LEAST_TEXTS_PER_TERM).map(|(term, _)| term).collect();
    vocabulary.sort_unstable();
    let numbers: FxHashMap<&str, u32> = vocabulary.iter().zip(0..).map(|(term, number)| (*term, number)).collect();
    let scored = distinct
        .iter()
        .map(|(terms, polarities)| {
            let mut polarities = polarities.clone();
            polarities.sort_unstable_by(f64::total_cmp);
            Scored {
                fold: fold_of(terms),
                polarity: polarities.iter().sum::<f64>() / polarities.len() as f64,
                terms: terms.iter().filter_map(|term| numbers.get(term.as_str()).copied()).collect(),
            }
        })
        .collect();
    (vocabulary.into_iter().map(str::to_owned).collect(), scored)
}

/// Log-odds of each term from the texts outside one part; 0 for a term that does not occur there.
fn log_odds(scored: &[Scored], terms: usize, held_out: usize) -> Vec<f32> {
    let (mut low, mut high, mut all) = (vec![0.0_f64; terms], vec![0.0_f64; terms], vec![0.0_f64; terms]);
    for text in scored.iter().filter(|text| text.fold != held_out) {
        for &term in &text.terms {
            all[term as usize] += 1.0;
            low[term as usize] += (-text.polarity).max(0.0);
            high[term as usize] += text.polarity.max(0.0);
        }
    }
    let (low_sum, high_sum) = (low.iter().sum::<f64>(), high.iter().sum::<f64>());
    let all_sum = all.iter().sum::<f64>().max(1.0);
    (0..terms)
        .map(|term| {
            if all[term] == 0.0 {
                return 0.0;
            }
            let prior = PRIOR_TERMS * all[term] / all_sum;
            let odds = |count: f64, sum: f64| ((count + prior) / (sum + PRIOR_TERMS - count - prior)).ln();
            (odds(high[term], high_sum) - odds(low[term], low_sum)) as f32
        })
        .collect()
}

/// The sum of weights over the square root of their number, and that number; none without any.
fn evidence(weights: impl Iterator<Item = f32>) -> Option<(f64, usize)> {
    let (sum, count) = weights.fold((0.0, 0), |(sum, count), weight| (sum + f64::from(weight), count + 1));
    (count > 0).then(|| (sum / (count as f64).sqrt(), count))
}

/// Logistic regression of the sign of polarity on evidence by Newton's method, each text weighted by |polarity| and both sides
/// weighing the same; a weak ridge keeps separable texts finite.
fn logistic(points: &[(f64, f64)]) -> (f64, f64) {
    const RIDGE: f64 = 1e-3;
    let side = |sign: f64| points.iter().map(|point| (sign * point.1).max(0.0)).sum::<f64>();
    let (high, low) = (side(1.0).max(1e-9), side(-1.0).max(1e-9));
    let (mut intercept, mut slope) = (0.0, 0.0);
    for _ in 0..50 {
        let (mut g0, mut g1) = (-RIDGE * intercept, -RIDGE * slope);
        let (mut h00, mut h01, mut h11) = (RIDGE, 0.0, RIDGE);
        for &(x, polarity) in points {
            let y = if polarity > 0.0 { 1.0 } else { 0.0 };
            let weight = polarity.abs() / if polarity > 0.0 { high } else { low };
            let p = 1.0 / (1.0 + (-(intercept + slope * x)).exp());
            g0 += weight * (y - p);
            g1 += weight * (y - p) * x;
            let curvature = weight * p * (1.0 - p);
            h00 += curvature;
            h01 += curvature * x;
            h11 += curvature * x * x;
        }
        let determinant = h00 * h11 - h01 * h01;
        let (d0, d1) = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
        intercept += d0;
        slope += d1;
        if d0.abs() + d1.abs() < 1e-9 {
            break;
        }
    }
    (intercept, slope)
}

/// The probability that a text of the high side has more evidence than one of the low side; ties count half.
fn area_under_curve(points: &[(f64, f64)]) -> f64 {
    let mut sorted: Vec<(f64, bool)> = points.iter().map(|(x, polarity)| (*x, *polarity > 0.0)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank, mut rank_sum, mut high) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let middle = rank + 0.5 + tied.len() as f64 * 0.5;
        let here = tied.iter().filter(|point| point.1).count() as f64;
        rank_sum += middle * here;
        high += here;
        rank += tied.len() as f64;
    }
    (rank_sum - high * (high + 1.0) / 2.0) / (high * (rank - high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_become_polarity_and_scores_outside_the_scale_do_not() {
        assert_eq!(ScoreScale::STARS.polarity(1.0), Some(-1.0));
        assert_eq!(ScoreScale::STARS.polarity(3.0), Some(0.0));
        assert_eq!(ScoreScale::NPS.polarity(10.0), Some(1.0));
        assert_eq!(ScoreScale::STARS.polarity(0.0), None);
        assert_eq!(ScoreScale::STARS.polarity(f64::NAN), None);
    }

    #[test]
    fn the_area_under_the_curve_counts_ties_half() {
        assert!((area_under_curve(&[(1.0, 1.0), (0.0, -1.0), (1.0, -1.0), (2.0, 1.0)]) - 0.875).abs() < 1e-12);
    }

    #[test]
    fn the_log_odds_are_those_of_the_paper() {
        // By hand, Monroe et al. eq. 15: y_high = 3 of 4, y_low = 1 of 4, alpha_w = 2000·4/8 = 1000, alpha_0 = 2000.
        let text = |term: u32, polarity: f64| Scored { terms: vec![term], fold: 0, polarity };
        let mut scored = vec![text(0, 1.0), text(0, 1.0), text(0, 1.0), text(1, 1.0)];
        scored.extend([text(0, -1.0), text(1, -1.0), text(1, -1.0), text(1, -1.0)]);
        let odds = |y: f64, n: f64| ((y + 1000.0) / (n + 2000.0 - y - 1000.0)).ln();
        let expected = odds(3.0, 4.0) - odds(1.0, 4.0);
        let weights = log_odds(&scored, 2, 1);
        assert!((f64::from(weights[0]) - expected).abs() < 1e-7, "{} {expected}", weights[0]);
        assert!((weights[0] + weights[1]).abs() < 1e-6);
    }

    #[test]
    fn too_few_texts_are_refused_with_their_numbers() {
        let refused = LearnedPolarity::fit(Language::PT, &["ruim", "bom"], &[Some(1.0), Some(5.0)], ScoreScale::STARS);
        assert_eq!(refused, Err(PolarityError::TooFewTexts { language: Language::PT, low: 1, high: 1 }));
        assert!(LearnedPolarity::fit(Language::PT, &["a"], &[], ScoreScale::STARS).is_err());
    }

    /// Texts of four words each, one of them "gut" or "schlecht" by score.
    fn planted(own: Option<(&str, f64)>) -> LearnedPolarity {
        let mut texts: Vec<String> = Vec::new();
        let mut scores = Vec::new();
        for i in 0..400_u32 {
            let (word, score) = if i % 2 == 0 { ("wunderbar", 5.0) } else { ("schrecklich", 1.0) };
            texts.push(format!("{word} ware{} farbe{} paket{}", i % 7, i % 11, i % 13));
            scores.push(Some(score));
        }
        if let Some((text, score)) = own {
            texts.push(text.to_owned());
            scores.push(Some(score));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        LearnedPolarity::fit(Language::DE, &texts, &scores, ScoreScale::STARS).unwrap()
    }

    #[test]
    fn a_planted_lexicon_is_found() {
        let learned = planted(None);
        let tokenizer = Tokenizer::new(Some(Language::DE));
        let good = learned.score(&tokenizer, "wunderbar").unwrap();
        let bad = learned.score(&tokenizer, "Alles schrecklich!").unwrap();
        assert!(good.sentiment > 0.5 && bad.sentiment < -0.5, "{good:?} {bad:?}");
        assert!(good.confidence > 0.75);
        assert_eq!(learned.score(&tokenizer, "unbekannt"), None);
    }

    #[test]
    fn a_text_is_not_scored_by_its_own_score() {
        let text = "wunderbar ware3 farbe3 paket99";
        let tokenizer = Tokenizer::new(Some(Language::DE));
        let [low, high] = [1.0, 5.0].map(|own| planted(Some((text, own))));
        let lexicon = |learned: &LearnedPolarity| learned.folds[fold_of(&distinct_terms(&tokenizer, text))].clone();
        assert_eq!(lexicon(&low), lexicon(&high));
    }

    #[test]
    fn scores_drawn_without_regard_to_the_words_teach_nothing() {
        let texts: Vec<String> = (0..600_u64).map(|i| format!("wort{} ding{}", (i * 7) % 23, (i * 5) % 19)).collect();
        let scores: Vec<Option<f64>> =
            (0..600_u64).map(|i| Some(if xxh3_64(&i.to_le_bytes()).is_multiple_of(2) { 1.0 } else { 5.0 })).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let learned = LearnedPolarity::fit(Language::DE, &texts, &scores, ScoreScale::STARS);
        assert!(matches!(learned, Err(PolarityError::NoSignal { .. })), "{learned:?}");
    }
}
