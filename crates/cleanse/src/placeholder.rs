//! Words that stand for no value: null in many spellings, test entries, and keys hit at random to get past a form.
//!
//! They do more harm than empty fields: thousands of records share them, and a matcher joins those into one person. So
//! they are refused, never repaired. What may also be a real name is not in these lists: Na, Sample, Tester, Foo and Wert
//! are surnames. The lists are our own compilation of what systems export and people type; rows of keys follow the
//! layouts QWERTY, QWERTZ and AZERTY (ISO/IEC 9995-2).
//!
//! Deliberately missing: values that are suspicious only because many records have them; that takes the column, not the
//! value (see the top values of a profile).

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::flag::Flag;
use crate::text;

/// Keys (letters and digits) of words for nothing, sorted. `na` is decided by its spelling, below.
const NOTHING: &[&str] = &[
    "anonyme",
    "anonymous",
    "desconhecido",
    "desconocido",
    "empty",
    "inconnu",
    "inconnue",
    "indefinido",
    "invalid",
    "keineangabe",
    "keineangaben",
    "leer",
    "missing",
    "nan",
    "naoinformado",
    "nessuno",
    "nil",
    "noaplica",
    "nodata",
    "nodisponible",
    "noentry",
    "noinformation",
    "noname",
    "none",
    "nonrenseigne",
    "notapplicable",
    "notavailable",
    "notdefined",
    "notgiven",
    "notknown",
    "notprovided",
    "notset",
    "notspecified",
    "novalue",
    "null",
    "objectobject",
    "onbekend",
    "sconosciuto",
    "semnome",
    "sinnombre",
    "tba",
    "tbc",
    "tbd",
    "unbekannt",
    "undefined",
    "unknown",
    "unnamed",
    "unspecified",
    "xx",
];

/// Keys that nobody types but to test, sorted; one is enough.
const TEST: &[&str] = &[
    "customertest",
    "demotest",
    "donotuse",
    "dontuse",
    "dummy",
    "dummyrecord",
    "dummytest",
    "dummyuser",
    "erikamustermann",
    "fakename",
    "fakeuser",
    "foobar",
    "foobarbaz",
    "maxmustermann",
    "musterfrau",
    "mustermann",
    "prueba",
    "test",
    "testaccount",
    "testcustomer",
    "testdata",
    "teste",
    "testentry",
    "testing",
    "testkunde",
    "testname",
    "testperson",
    "testrecord",
    "testtest",
    "testtester",
    "testuser",
];

/// Keys that make a test entry only together with one another or with one of [`TEST`], sorted.
const FILLER: &[&str] = &[
    "account",
    "bar",
    "customer",
    "delete",
    "demo",
    "example",
    "fake",
    "firstname",
    "foo",
    "ignore",
    "kunde",
    "lastname",
    "me",
    "name",
    "person",
    "please",
    "record",
    "sample",
    "surname",
    "tester",
    "user",
];

/// Stand-ins that a few real people are called.
const PERHAPS: &[&str] = &["janedoe", "joebloggs", "johndoe"];

/// Rows of keys, each from left to right, and the alphabet.
const ROWS: &[&str] = &[
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1234567890",
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qazwsxedcrfvtgbyhnujm",
];

/// Walks that are names (US Census 2010, and Reza).
const WALKS_THAT_ARE_NAMES: &[&str] = &["reza", "trew", "wert", "wertz"];

/// What a key is, as bits.
const IS_NOTHING: u8 = 1;
const IS_TEST: u8 = 2;
const IS_FILLER: u8 = 4;
const IS_PERHAPS: u8 = 8;

/// All lists in one table: most values are names, and one look-up says that they are in none.
static KEYS: LazyLock<FxHashMap<&'static str, u8>> = LazyLock::new(|| {
    let mut keys = FxHashMap::default();
    for (list, bit) in [(NOTHING, IS_NOTHING), (TEST, IS_TEST), (FILLER, IS_FILLER), (PERHAPS, IS_PERHAPS)] {
        list.iter().for_each(|key| *keys.entry(*key).or_insert(0) |= bit);
    }
    keys
});

/// The longest key of the lists.
const LONGEST: usize = 16;

fn kinds_of(key: &str) -> u8 {
    if key.len() > LONGEST { 0 } else { KEYS.get(key).copied().unwrap_or(0) }
}

/// Whether the text says that there is no value.
pub(crate) fn is_nothing(text: &str) -> bool {
    // No word for nothing is longer, in any spelling.
    if text.len() > 40 {
        return false;
    }
    text::with_key(text, |key| {
        key.is_empty()
            || (key == "na" && text != "Na")
            || (key == "ka" && text.contains('.'))
            || text == "(blank)"
            || kinds_of(key) & IS_NOTHING != 0
    })
}

/// Whether somebody typed the text to test something.
pub(crate) fn is_test(text: &str) -> bool {
    if text.len() > 64 {
        return false;
    }
    let kinds =
        |word: &str| text::with_key(word, |key| (kinds_of(key.trim_end_matches(|c: char| c.is_ascii_digit())), key.is_empty()));
    if kinds(text).0 & IS_TEST != 0 {
        return true;
    }
    // Foo Bar, Test User, Demo Account; but Sample or Foo alone, or Test beside a real name, may be somebody.
    let mut words = 0;
    let all = text.split([' ', ',', '-', '_', '.', '/']).filter(|word| !word.is_empty()).all(|word| {
        let (kinds, empty) = kinds(word);
        words += 1;
        kinds & (IS_TEST | IS_FILLER) != 0 || (words > 1 && empty)
    });
    all && words > 1
}

/// Whether the text is a stand-in that may also be real.
pub(crate) fn may_be_test(text: &str) -> bool {
    text.len() <= 12 && text::with_key(text, |key| kinds_of(key) & IS_PERHAPS != 0)
}

/// Whether the text is nothing but neighbouring keys or one key repeated.
pub(crate) fn is_keyboard_walk(text: &str) -> bool {
    if text.len() > 64 || !text.is_ascii() {
        return false;
    }
    // Every word must be one; a name beside "asdf" stays.
    let mut letters = 0;
    let all = text.split([' ', ',', '-', '_', '.']).filter(|word| !word.is_empty()).all(|word| {
        text::with_key(word, |key| {
            letters += key.len();
            may_be_walk(key.as_bytes()) && (is_walk(key) || (key.len() <= 3 && letters > key.len() && is_run(key)))
        })
    });
    all && letters >= 3
}

/// The keys on either side of each key on some row, and the key itself, as bits of a to z and 0 to 9.
static BESIDE: LazyLock<[u64; 128]> = LazyLock::new(|| {
    let mut beside = [0; 128];
    for row in ROWS {
        for pair in row.as_bytes().windows(2) {
            beside[usize::from(pair[0])] |= bit_of(pair[1]) | bit_of(pair[0]);
            beside[usize::from(pair[1])] |= bit_of(pair[0]) | bit_of(pair[1]);
        }
    }
    beside
});

fn bit_of(key: u8) -> u64 {
    match key {
        b'a'..=b'z' => 1 << (key - b'a'),
        b'0'..=b'9' => 1 << (26 + key - b'0'),
        _ => 0,
    }
}

/// Spares the search for nearly every word: the first two steps lead to a neighbour or stay, or all is on the middle row.
fn may_be_walk(key: &[u8]) -> bool {
    let [a, b, c, ..] = *key else { return false };
    let near = |a: u8, b: u8| BESIDE[usize::from(a & 127)] & bit_of(b) != 0;
    let middle = |b: u8| b"sdfghjkl".contains(&b);
    (near(a, b) && near(b, c)) || (middle(a) && middle(b) && middle(c))
}

/// Whether a key is one walk, one repeated, or mashed on the middle row.
fn is_walk(key: &str) -> bool {
    let bytes = key.as_bytes();
    if bytes.len() < 3 {
        return false;
    }
    if bytes.iter().all(|b| *b == bytes[0]) {
        return true;
    }
    if bytes.len() >= 4 && is_run(key) {
        return !WALKS_THAT_ARE_NAMES.contains(&key);
    }
    // asdasd, qweqwe, asdfasdfas
    let repeats = |n: usize| bytes.len() >= 2 * n && bytes.iter().skip(n).zip(bytes).all(|(a, b)| a == b);
    if (3..=6).any(|n| repeats(n) && is_run(&key[..n])) {
        return true;
    }
    let mashed = |b: &u8| b"sdfghjkl".contains(b);
    bytes.len() >= 5 && bytes.iter().all(mashed)
}

/// Whether a key lies on one row, in one direction.
fn is_run(key: &str) -> bool {
    let backwards: String = key.chars().rev().collect();
    key.len() >= 3 && ROWS.iter().any(|row| row.contains(key) || row.contains(&backwards))
}

/// Why the text is no value, if it is none.
pub(crate) fn verdict(text: &str) -> Option<Flag> {
    if is_nothing(text) {
        Some(Flag::Placeholder)
    } else if is_test(text) {
        Some(Flag::TestValue)
    } else if is_keyboard_walk(text) {
        Some(Flag::KeyboardWalk)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_keys() {
        for list in [NOTHING, TEST, FILLER, PERHAPS, WALKS_THAT_ARE_NAMES] {
            assert!(list.is_sorted(), "{list:?}");
        }
        for word in NOTHING.iter().chain(TEST).chain(FILLER).chain(PERHAPS) {
            assert_eq!(text::key(word), *word);
            assert!(word.len() <= LONGEST, "{word}");
        }
    }

    #[test]
    fn words_for_nothing_in_their_spellings() {
        for text in [
            "-",
            "--",
            "?",
            ".",
            "N/A",
            "n/a",
            "#N/A",
            "NA",
            "na",
            "n.a.",
            "null",
            "NULL",
            "(null)",
            "None",
            "unknown",
            "Unknown ",
            "k.A.",
            "keine Angabe",
            "XX",
            "not provided",
            "[object Object]",
            "undefined",
            "não informado",
        ] {
            assert_eq!(verdict(text), Some(Flag::Placeholder), "{text}");
        }
    }

    #[test]
    fn tests_and_walks() {
        for text in ["test", "Test Test", "TEST", "test1", "Test User", "demo account", "Max Mustermann", "Foo Bar", "test-test"]
        {
            assert_eq!(verdict(text), Some(Flag::TestValue), "{text}");
        }
        for text in [
            "asdf", "ASDF", "qwerty", "qwertz", "azerty", "asdfasdf", "asdasd", "aaaa", "xxx", "asdf jkl", "lkjh", "sdfgsdfg",
            "zzz",
        ] {
            assert_eq!(verdict(text), Some(Flag::KeyboardWalk), "{text}");
        }
    }

    #[test]
    fn names_that_look_like_placeholders_are_names() {
        for text in [
            "Na",
            "Oo",
            "Aa",
            "Sample",
            "Tester",
            "Foo",
            "Demo",
            "Wert",
            "Trew",
            "Po",
            "Dede",
            "Lulu",
            "Asa",
            "Sas",
            "Ann Test",
            "Fred",
            "Noname Street",
            "Emma",
            "Ed",
            "Ng",
            "Ada Lovelace",
            "Poe",
            "Klein",
            "Rewe",
        ] {
            assert_eq!(verdict(text), None, "{text}");
        }
        assert!(may_be_test("John Doe") && !may_be_test("John Donne"));
    }
}
