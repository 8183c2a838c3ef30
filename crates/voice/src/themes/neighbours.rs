//! The nearest texts of each text by cosine, through an inverted index.
//!
//! A posting list is read at most to [`MAX_POSTINGS`] entries, those with the highest weights first: in a corpus
//! of any size a text meets at most (its terms) × [`MAX_POSTINGS`] candidates, so time is linear in the number of texts.
//! Words so common that the bound cuts them say little about who is near (their idf is small); the candidates that remain
//! are rescored with the exact cosine.

use super::corpus::{Text, Vector, dot};

/// Entries read of one posting list.
const MAX_POSTINGS: usize = 1_500;

/// Candidates rescored exactly, as a multiple of the wanted neighbours.
const RESCORED: usize = 4;

/// For each text its nearest texts as (text, cosine), nearest first, ties by text; itself left out.
pub(super) fn nearest(texts: &[Text], terms: usize, wanted: usize, least: f32) -> Vec<Vector> {
    let postings = impact_ordered(texts, terms);
    let mut score = vec![0.0_f32; texts.len()];
    let mut met: Vec<u32> = Vec::new();
    let mut all = Vec::with_capacity(texts.len());
    for (me, text) in texts.iter().enumerate() {
        for &(term, weight) in &text.vector {
            for &(other, other_weight) in postings[term as usize].iter().take(MAX_POSTINGS) {
                if score[other as usize] == 0.0 {
                    met.push(other);
                }
                score[other as usize] += weight * other_weight;
            }
        }
        let mut candidates: Vector = Vec::with_capacity(met.len());
        for other in met.drain(..) {
            if other as usize != me {
                candidates.push((other, score[other as usize]));
            }
            score[other as usize] = 0.0;
        }
        keep_best(&mut candidates, wanted * RESCORED);
        for (other, cosine) in &mut candidates {
            *cosine = dot(&text.vector, &texts[*other as usize].vector);
        }
        candidates.retain(|(_, cosine)| *cosine >= least);
        keep_best(&mut candidates, wanted);
        all.push(candidates);
    }
    all
}

fn impact_ordered(texts: &[Text], terms: usize) -> Vec<Vector> {
    let mut postings: Vec<Vector> = vec![Vec::new(); terms];
    for (text, vector) in texts.iter().enumerate() {
        for &(term, weight) in &vector.vector {
            postings[term as usize].push((text as u32, weight));
        }
    }
    for list in postings.iter_mut().filter(|list| list.len() > MAX_POSTINGS) {
        keep_best(list, MAX_POSTINGS);
    }
    postings
}

/// Keeps the `count` entries of highest weight, sorted by weight, then by index.
fn keep_best(list: &mut Vector, count: usize) {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if list.len() > count {
        list.select_nth_unstable_by(count, order);
        list.truncate(count);
    }
    list.sort_unstable_by(order);
}
