//! How alike two texts are: Jaro–Winkler, bounded edit distance, shared tokens, and a phonetic key.
//!
//! All work on bytes: values come folded to lower-case ASCII wherever their script has a transliteration
//! ([`super::fold`]), and bytes of other scripts compare as well as letters do. None allocates for texts of up to 64 bytes, which nearly all
//! names are.

use std::collections::BTreeMap;

/// Jaro similarity with Winkler's bonus for a shared prefix of up to four letters at a weight of 0.1, 0..=1.
///
/// Source: W. E. Winkler, "String Comparator Metrics and Enhanced Decision Rules in the Fellegi–Sunter Model of Record Linkage", 1990;
/// the bonus is given at any Jaro similarity, as Splink's engines do.
pub fn jaro_winkler(a: &[u8], b: &[u8]) -> f64 {
    let jaro = jaro(a, b);
    let prefix = a.iter().zip(b).take(4).take_while(|(a, b)| a == b).count();
    jaro + prefix as f64 * 0.1 * (1.0 - jaro)
}

fn jaro(a: &[u8], b: &[u8]) -> f64 {
    if a == b {
        return 1.0;
    }
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let (matches, transpositions) = if a.len() <= 64 && b.len() <= 64 { short_matches(a, b) } else { long_matches(a, b) };
    if matches == 0 {
        return 0.0;
    }
    let m = f64::from(matches);
    (m / a.len() as f64 + m / b.len() as f64 + (m - f64::from(transpositions)) / m) / 3.0
}

/// Matching letters, and half of those that are out of order.
fn short_matches(a: &[u8], b: &[u8]) -> (u32, u32) {
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let (mut in_a, mut in_b) = (0_u64, 0_u64);
    for (i, letter) in a.iter().enumerate() {
        let (from, to) = (i.saturating_sub(window), (i + window + 1).min(b.len()));
        if let Some(j) = (from..to).find(|j| b[*j] == *letter && in_b & (1 << j) == 0) {
            in_a |= 1 << i;
            in_b |= 1 << j;
        }
    }
    let matches = in_a.count_ones();
    let mut out_of_order = 0;
    let mut rest = in_b;
    while in_a != 0 {
        let (i, j) = (in_a.trailing_zeros() as usize, rest.trailing_zeros() as usize);
        out_of_order += u32::from(a[i] != b[j]);
        in_a &= in_a - 1;
        rest &= rest - 1;
    }
    (matches, out_of_order / 2)
}

fn long_matches(a: &[u8], b: &[u8]) -> (u32, u32) {
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut in_b = vec![false; b.len()];
    let mut letters = Vec::new();
    for (i, letter) in a.iter().enumerate() {
        let (from, to) = (i.saturating_sub(window), (i + window + 1).min(b.len()));
        if let Some(j) = (from..to).find(|j| b[*j] == *letter && !in_b[*j]) {
            in_b[j] = true;
            letters.push(*letter);
        }
    }
    let others = in_b.iter().zip(b).filter(|(matched, _)| **matched).map(|(_, letter)| *letter);
    let out_of_order = letters.iter().zip(others).filter(|(a, b)| **a != *b).count() as u32;
    (letters.len() as u32, out_of_order / 2)
}

/// Whether the optimal string alignment distance (insert, delete, replace, swap of neighbours) is at most `most`, which is 1 or 2.
pub fn within_edits(a: &[u8], b: &[u8], most: usize) -> bool {
    if a.len().abs_diff(b.len()) > most {
        return false;
    }
    // What they share at both ends costs nothing.
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[front..], &b[front..]);
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);
    edits(a, b, most)
}

/// Tries each edit at the first difference; `a` and `b` differ there.
fn edits(a: &[u8], b: &[u8], left: usize) -> bool {
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[front..], &b[front..]);
    if a.is_empty() || b.is_empty() {
        return a.len() + b.len() <= left;
    }
    if left == 0 {
        return false;
    }
    let swapped = a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0];
    edits(&a[1..], &b[1..], left - 1)
        || edits(&a[1..], b, left - 1)
        || edits(a, &b[1..], left - 1)
        || (swapped && edits(&a[2..], &b[2..], left - 1))
}

/// Words of many texts, each with its weight: what a rare word is worth in telling texts apart.
#[derive(Clone, Debug)]
pub struct Words {
    /// By text: its words, ascending.
    of_text: Vec<Vec<u32>>,
    /// By word.
    words: Vec<Box<str>>,
    /// By word: the logarithm of how many texts there are for each that holds it (K. Spärck Jones, 1972), at least a small one.
    weights: Vec<f64>,
}

/// Words of a text that are looked at.
const MOST_WORDS: usize = 64;

impl Words {
    /// Splits texts at blanks.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let split: Vec<Vec<&str>> =
            texts.map(|text| text.split(' ').filter(|word| !word.is_empty()).take(MOST_WORDS).collect()).collect();
        split.iter().flatten().for_each(|word| *numbers.entry(word).or_default() += 1);
        numbers.values_mut().zip(0..).for_each(|(number, next)| *number = next);
        let mut holding = vec![0_u32; numbers.len()];
        let of_text: Vec<Vec<u32>> = split
            .iter()
            .map(|words| {
                let mut words: Vec<u32> = words.iter().map(|word| numbers[word]).collect();
                words.sort_unstable();
                let mut once = words.clone();
                once.dedup();
                once.iter().for_each(|word| holding[*word as usize] += 1);
                words
            })
            .collect();
        let texts = of_text.len() as f64;
        let weights = holding.iter().map(|n| (texts / f64::from(*n)).ln().max(0.1)).collect();
        Self { of_text, words: numbers.into_keys().map(Box::from).collect(), weights }
    }

    /// Weight of the words that two texts share over the weight of all their words, 0..=1 (a weighted Jaccard index). Two words of four or more
    /// bytes that are within one edit count as shared, with the smaller weight.
    pub fn overlap(&self, a: usize, b: usize) -> f64 {
        let text = |word: u32| -> &str { &self.words[word as usize] };
        shared(&self.of_text[a], &self.of_text[b], text, |word| self.weights[word as usize])
    }

    /// The words of a text that is none of these, ascending, each with its weight; one that no text holds is as rare as can be.
    pub fn weigh(&self, text: &str) -> Vec<(Box<str>, f64)> {
        let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).take(MOST_WORDS).collect();
        words.sort_unstable();
        let rarest = (self.of_text.len() as f64).ln().max(0.1);
        let weight = |word: &str| self.words.binary_search_by(|known| (**known).cmp(word)).map_or(rarest, |at| self.weights[at]);
        words.into_iter().map(|word| (Box::from(word), weight(word))).collect()
    }

    /// The words of one of these texts as [`Self::weigh`] gives those of another one.
    pub fn weighed(&self, text: usize) -> Vec<(Box<str>, f64)> {
        self.of_text[text].iter().map(|word| (self.words[*word as usize].clone(), self.weights[*word as usize])).collect()
    }

    /// [`Self::overlap`] of words with their weights.
    pub fn overlap_of(a: &[(Box<str>, f64)], b: &[(Box<str>, f64)]) -> f64 {
        let mut words: Vec<(&str, f64)> = a.iter().chain(b).map(|(word, weight)| (&**word, *weight)).collect();
        words.sort_unstable_by_key(|(word, _)| *word);
        words.dedup_by_key(|(word, _)| *word);
        let number = |(word, _): &(Box<str>, f64)| words.partition_point(|(known, _)| *known < &**word) as u32;
        let (a, b): (Vec<u32>, Vec<u32>) = (a.iter().map(number).collect(), b.iter().map(number).collect());
        shared(&a, &b, |word| words[word as usize].0, |word| words[word as usize].1)
    }
}

/// See [`Words::overlap`]; words are numbers in ascending order of their texts.
fn shared<'a>(a: &[u32], b: &[u32], text: impl Fn(u32) -> &'a str, weight: impl Fn(u32) -> f64) -> f64 {
    let (mut rest, mut others) = (Vec::new(), b.to_vec());
    let (mut shared, mut all) = (0.0, 0.0);
    for word in a {
        match others.binary_search(word) {
            Ok(at) => {
                others.remove(at);
                shared += weight(*word);
                all += weight(*word);
            }
            Err(_) => rest.push(*word),
        }
    }
    for word in rest {
        let bytes = text(word).as_bytes();
        let near = |other: &u32| {
            let other = text(*other).as_bytes();
            bytes.len() > 3 && other.len() > 3 && within_edits(bytes, other, 1)
        };
        all += weight(word);
        if let Some(at) = others.iter().position(near) {
            let other = others.remove(at);
            shared += weight(word).min(weight(other));
        }
    }
    all += others.iter().map(|word| weight(*word)).sum::<f64>();
    if all > 0.0 { shared / all } else { 0.0 }
}

/// A key under which words that sound alike in European languages fall together: the first letter, then the classes of the consonants
/// that follow, without repetitions, up to `most` bytes in all.
///
/// The classes are those of Soundex (R. C. Russell, US patent 1,261,167, 1918), after respelling of what stands for one sound.
pub fn phonetic(word: &str, most: usize) -> String {
    let mut key = String::with_capacity(most);
    let mut last = 0;
    let letters = respelled(word);
    for letter in letters.bytes() {
        let class = match letter {
            b'b' | b'f' | b'p' | b'v' | b'w' => b'1',
            b'c' | b'g' | b'j' | b'k' | b'q' | b's' | b'x' | b'z' => b'2',
            b'd' | b't' => b'3',
            b'l' => b'4',
            b'm' | b'n' => b'5',
            b'r' => b'6',
            _ => 0,
        };
        if key.is_empty() {
            key.push(char::from(letter));
        } else if class != 0 && class != last {
            key.push(char::from(class));
        }
        if key.len() >= most {
            break;
        }
        // An h between two consonants of one class does not part them.
        if letter != b'h' {
            last = class;
        }
    }
    key
}

fn respelled(word: &str) -> String {
    const SPELLINGS: [(&str, &str); 8] =
        [("ph", "f"), ("ck", "k"), ("sch", "s"), ("gh", "g"), ("kn", "n"), ("wr", "r"), ("tz", "z"), ("dt", "t")];
    let mut text: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
    for (from, to) in SPELLINGS {
        if text.contains(from) {
            text = text.replace(from, to);
        }
    }
    if let Some(rest) = text.strip_prefix('c') {
        text = format!("k{rest}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Winkler's own table ("Advanced Methods for Record Linkage", 1994, table 1), three digits.
    #[test]
    fn names_are_as_alike_as_in_winklers_table() {
        for (a, b, expected) in [
            ("shackleford", "shackelford", 0.982),
            ("dunningham", "cunnigham", 0.896),
            ("nichleson", "nichulson", 0.956),
            ("jones", "johnson", 0.832),
            ("massey", "massie", 0.933),
            ("abroms", "abrams", 0.922),
            ("hardin", "martinez", 0.722),
            ("itman", "smith", 0.467),
            ("jeraldine", "geraldine", 0.926),
            ("marhta", "martha", 0.961),
            ("michelle", "michael", 0.921),
            ("julies", "julius", 0.933),
            ("tanya", "tonya", 0.880),
            ("dwayne", "duane", 0.840),
            ("sean", "susan", 0.805),
            ("jon", "john", 0.933),
            ("jon", "jan", 0.800),
        ] {
            let seen = jaro_winkler(a.as_bytes(), b.as_bytes());
            assert!((seen - expected).abs() < 0.0006, "{a} {b}: {seen}");
        }
    }

    #[test]
    fn words_that_sound_alike_have_one_key() {
        for (a, b) in
            [("smith", "smyth"), ("catherine", "kathryn"), ("philip", "filip"), ("meyer", "maier"), ("schmidt", "schmitt")]
        {
            assert_eq!(phonetic(a, 5), phonetic(b, 5), "{a} {b}");
        }
        assert_ne!(phonetic("smith", 5), phonetic("jones", 5));
    }

    #[test]
    fn words_match_in_any_order_with_a_slip_and_by_their_rarity() {
        let words = Words::of(
            ["acme trading", "trading acme", "acme tradng", "acme", "", "cafe luna", "cafe sole", "cafe luna bar"].into_iter(),
        );
        assert!((words.overlap(0, 1) - 1.0).abs() < 1e-9);
        assert!(words.overlap(0, 2) > 0.8);
        assert!(words.overlap(0, 3) < 0.6);
        assert!(words.overlap(4, 4).abs() < 1e-9);
        assert!(words.overlap(5, 6) < 0.3, "a word that many share says little");
        assert!(words.overlap(5, 7) > words.overlap(5, 6));
    }

    /// The textbook matrix of the optimal string alignment distance.
    fn distance(a: &[u8], b: &[u8]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for (i, row) in table.iter_mut().enumerate() {
            row[0] = i;
        }
        table[0] = (0..=b.len()).collect();
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                let replace = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replace.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(table[i - 2][j - 2] + 1);
                }
                table[i][j] = least;
            }
        }
        table[a.len()][b.len()]
    }

    proptest! {
        #[test]
        fn bounded_edits_agree_with_the_matrix(a in "[ab]{0,7}", b in "[abc]{0,7}", most in 1..=2_usize) {
            prop_assert_eq!(within_edits(a.as_bytes(), b.as_bytes(), most), distance(a.as_bytes(), b.as_bytes()) <= most);
        }

        #[test]
        fn likeness_is_symmetric_and_a_share(a in "[a-e]{0,70}", b in "[a-e]{0,70}") {
            let (one, other) = (jaro_winkler(a.as_bytes(), b.as_bytes()), jaro_winkler(b.as_bytes(), a.as_bytes()));
            prop_assert!((0.0..=1.0).contains(&one));
            // Which of equal letters match depends on the direction by at most one transposition.
            prop_assert!((one - other).abs() < 0.35);
            prop_assert_eq!(a == b && !a.is_empty(), one >= 1.0);
        }

        #[test]
        fn both_ways_of_counting_matches_agree(a in "[a-d]{1,64}", b in "[a-d]{1,64}") {
            prop_assert_eq!(short_matches(a.as_bytes(), b.as_bytes()), long_matches(a.as_bytes(), b.as_bytes()));
        }
    }
}
