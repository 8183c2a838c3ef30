//! Names of themes by c-TF-IDF, and ids from names.
//!
//! c-TF-IDF (Grootendorst 2022, arXiv 2203.05794, eq. 2): the weight of term t in theme c is
//! tf(t, c) · ln(1 + A / tf(t)), with tf(t, c) the share of t among the theme's terms, tf(t) its count over all
//! themes and A the mean number of terms per theme. Every distinct text has one vote, near duplicates share one, so
//! that a form letter does not name a theme.

use xxhash_rust::xxh3::xxh3_64;

use super::ThemeTerm;
use super::corpus::Corpus;
use crate::language::Language;

/// Terms kept per theme.
const TERMS: usize = 10;

/// Terms in a name.
const NAME_TERMS: usize = 3;

/// Terms that make the id; the next ones are added only when two themes share them.
const ID_TERMS: usize = 6;

/// The strongest terms of each theme.
pub(super) fn strongest_terms(corpus: &Corpus, members: &[Vec<usize>], votes: &[f32]) -> Vec<Vec<ThemeTerm>> {
    let mut overall = vec![0.0_f64; corpus.terms.len()];
    let mut inside: Vec<Vec<(u32, f64)>> = Vec::with_capacity(members.len());
    for texts in members {
        let mut counted: Vec<(u32, f64)> = texts
            .iter()
            .flat_map(|&text| corpus.texts[text].terms.iter().map(move |&term| (term, f64::from(votes[text]))))
            .collect();
        counted.sort_by_key(|(term, _)| *term);
        let sums: Vec<(u32, f64)> =
            counted.chunk_by(|a, b| a.0 == b.0).map(|same| (same[0].0, same.iter().map(|c| c.1).sum())).collect();
        for &(term, count) in &sums {
            overall[term as usize] += count;
        }
        inside.push(sums);
    }
    let mean_terms = overall.iter().sum::<f64>() / members.len().max(1) as f64;
    inside
        .into_iter()
        .map(|sums| {
            let total: f64 = sums.iter().map(|(_, count)| count).sum();
            let mut weighed: Vec<(u32, f64)> = sums
                .into_iter()
                .map(|(term, count)| (term, count / total * (1.0 + mean_terms / overall[term as usize]).ln()))
                .collect();
            weighed.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            without_echoes(corpus, &weighed)
        })
        .collect()
}

/// The first terms, leaving out a word once a stronger pair holds it, and a pair once one of its words was named by
/// another pair.
fn without_echoes(corpus: &Corpus, weighed: &[(u32, f64)]) -> Vec<ThemeTerm> {
    let mut kept: Vec<ThemeTerm> = Vec::new();
    for &(id, weight) in weighed {
        if kept.len() == TERMS {
            break;
        }
        let term = &corpus.terms[id as usize];
        let echo = kept.iter().any(|before| {
            before.term.contains(' ') && term.split(' ').any(|word| before.term.split(' ').any(|other| other == word))
        });
        if !echo {
            kept.push(ThemeTerm { term: term.clone(), label: corpus.labels[id as usize].clone(), weight });
        }
    }
    kept
}

/// The name of a theme: its strongest terms, where a pair takes the place of its words.
pub(super) fn name(terms: &[ThemeTerm]) -> String {
    let held = |word: &ThemeTerm| {
        !word.term.contains(' ')
            && terms
                .iter()
                .take(NAME_TERMS * 2)
                .any(|pair| pair.term.contains(' ') && pair.term.split(' ').any(|part| part == word.term))
    };
    let chosen: Vec<&str> = terms.iter().filter(|term| !held(term)).take(NAME_TERMS).map(|term| term.label.as_str()).collect();
    chosen.join(", ")
}

/// An id per theme from its language and strongest terms, whatever their order.
pub(super) fn theme_ids(language: Language, themes: &[Vec<ThemeTerm>]) -> Vec<String> {
    let id = |terms: &[ThemeTerm], count: usize| {
        let mut stems: Vec<&str> = terms.iter().take(count).map(|term| term.term.as_str()).collect();
        stems.sort_unstable();
        format!("{:016x}", xxh3_64(format!("{language}\n{}", stems.join("\n")).as_bytes()))
    };
    let short: Vec<String> = themes.iter().map(|terms| id(terms, ID_TERMS)).collect();
    (0..themes.len())
        .map(|at| {
            let shared = short.iter().filter(|other| **other == short[at]).count() > 1;
            if shared { id(&themes[at], TERMS) } else { short[at].clone() }
        })
        .collect()
}
