//! Values of a closed list, and yes or no.
//!
//! A status that three systems write `On Hold`, `on-hold` and `ONHOLD` is one status. The list of allowed values is the
//! source's; a value is found as it is, then by its key (letters and digits, lower case), then among the stated synonyms.
//! Two allowed values with one key would make every answer a guess, so such a list is refused when it is made.
//!
//! Deliberately missing: nearest matches. A value that is not in the list is a mapping that somebody has to decide.

use rustc_hash::FxHashMap;

use crate::flag::{Cleaned, Flag, Flags};
use crate::{placeholder, text};

/// Why a list of allowed values cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// Two words mean different values and are the same but for case, blanks and punctuation.
    #[error("`{first}` and `{second}` differ only in case, blanks or punctuation, and stand for different values")]
    Same {
        /// The word that came first.
        first: String,
        /// The one that cannot be told apart from it.
        second: String,
    },
    /// A synonym stands for a value that is not allowed.
    #[error("the synonym `{synonym}` stands for `{value}`, which is not among the allowed values")]
    NotAllowed {
        /// The synonym.
        synonym: String,
        /// What it should stand for.
        value: String,
    },
}

/// A list of allowed values with their synonyms.
#[derive(Clone, Debug)]
pub struct Choices {
    allowed: Vec<String>,
    /// Key to (value, the word as it was stated, whether it is a synonym).
    by_key: FxHashMap<String, (usize, String, bool)>,
}

impl Choices {
    /// The list of `allowed` values; `synonyms` are (word, allowed value).
    pub fn new(allowed: &[&str], synonyms: &[(&str, &str)]) -> Result<Self, ChoiceError> {
        let mut choices = Self { allowed: allowed.iter().map(|word| (*word).to_owned()).collect(), by_key: FxHashMap::default() };
        for (at, word) in allowed.iter().enumerate() {
            choices.add(word, at, false)?;
        }
        for (word, value) in synonyms {
            let at = allowed
                .iter()
                .position(|allowed| allowed == value)
                .ok_or_else(|| ChoiceError::NotAllowed { synonym: (*word).to_owned(), value: (*value).to_owned() })?;
            choices.add(word, at, true)?;
        }
        Ok(choices)
    }

    fn add(&mut self, word: &str, at: usize, synonym: bool) -> Result<(), ChoiceError> {
        match self.by_key.get(&key_of(word)) {
            Some((known, first, _)) if *known != at => {
                return Err(ChoiceError::Same { first: first.clone(), second: word.to_owned() });
            }
            Some(_) => {}
            None => {
                self.by_key.insert(key_of(word), (at, word.to_owned(), synonym));
            }
        }
        Ok(())
    }

    /// The allowed value that the text means.
    pub fn clean(&self, raw: &str) -> Cleaned<&str> {
        let (text, flags) = match text::present(raw) {
            Ok(present) => present,
            Err(nothing) => return nothing,
        };
        let Some((at, word, synonym)) = self.by_key.get(&key_of(&text)) else {
            let nothing = placeholder::is_nothing(&text);
            return Cleaned::refused(if nothing { Flag::Placeholder } else { Flag::UnknownWord });
        };
        let value = self.allowed[*at].as_str();
        let flag = match () {
            () if value == text => return Cleaned::some(value, flags),
            () if *synonym && text::key(value) != text::key(word) => Flag::AliasResolved,
            () if value.to_lowercase() == text.to_lowercase() => Flag::CaseChanged,
            () => Flag::Reformatted,
        };
        Cleaned::some(value, flags.with(flag))
    }
}

/// The key of a word; of signs alone (+, ++) the signs themselves.
fn key_of(word: &str) -> String {
    let key = text::key(word);
    if key.is_empty() { word.to_owned() } else { key.into_owned() }
}

/// Yes in the spellings that exports and forms use, by key, sorted.
const YES: &[&str] = &[
    "1",
    "10",
    "checked",
    "ja",
    "j",
    "oui",
    "on",
    "s",
    "si",
    "sim",
    "t",
    "true",
    "vero",
    "verdadeiro",
    "verdadero",
    "vrai",
    "wahr",
    "y",
    "yes",
];
/// No, in the same spellings.
const NO: &[&str] =
    &["0", "00", "f", "false", "falsch", "falso", "faux", "n", "nao", "nee", "nein", "no", "non", "off", "unchecked"];

/// True or false: `Yes`, `N`, `1`, `0.0`, `Ja`, `não`.
pub fn boolean(raw: &str) -> Cleaned<bool> {
    let (text, flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    let value = text::with_key(&text, |key| {
        // "10" and "00" are the keys of 1.0 and 0.0.
        let is_number = key.bytes().all(|b| b.is_ascii_digit());
        let plain = !is_number || key.len() == 1 && text.len() == 1 || key.len() == 2 && text.contains(['.', ',']);
        if plain && YES.contains(&key) {
            Some(true)
        } else if plain && NO.contains(&key) {
            Some(false)
        } else {
            None
        }
    });
    match value {
        Some(value) => {
            let plain = text == if value { "true" } else { "false" };
            Cleaned::some(value, if plain { flags } else { flags.union(Flags::of(&[Flag::AliasResolved])) })
        }
        None if placeholder::is_nothing(&text) => Cleaned::refused(Flag::Placeholder),
        None => Cleaned::refused(Flag::UnknownWord),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets() -> Choices {
        Choices::new(&["open", "on_hold", "closed"], &[("solved", "closed"), ("done", "closed"), ("Wartet", "on_hold")]).unwrap()
    }

    #[test]
    fn a_value_is_found_by_spelling_and_synonym() {
        let choices = tickets();
        for (raw, value, flags) in [
            ("open", Some("open"), &[][..]),
            ("Open", Some("open"), &[Flag::CaseChanged]),
            ("On Hold", Some("on_hold"), &[Flag::Reformatted]),
            ("on-hold ", Some("on_hold"), &[Flag::Trimmed, Flag::Reformatted]),
            ("Solved", Some("closed"), &[Flag::AliasResolved]),
            ("wartet", Some("on_hold"), &[Flag::AliasResolved]),
            ("opne", None, &[Flag::UnknownWord]),
            ("n/a", None, &[Flag::Placeholder]),
            ("", None, &[]),
        ] {
            let cleaned = choices.clean(raw);
            assert_eq!((cleaned.value, cleaned.flags), (value, Flags::of(flags)), "{raw:?}");
        }
    }

    #[test]
    fn a_list_that_would_need_guessing_is_refused() {
        let same = Choices::new(&["a-b", "a b"], &[]).unwrap_err();
        assert_eq!(same, ChoiceError::Same { first: "a-b".into(), second: "a b".into() });
        let unknown = Choices::new(&["a"], &[("x", "b")]).unwrap_err();
        assert_eq!(unknown.to_string(), "the synonym `x` stands for `b`, which is not among the allowed values");
        assert!(Choices::new(&["+", "++"], &[("A", "+"), ("a", "+")]).is_ok());
    }

    #[test]
    fn yes_and_no_in_several_languages() {
        for raw in ["true", "TRUE", "Yes", "y", "1", "1.0", "ja", "oui", "sí", "sim", "on"] {
            assert_eq!(boolean(raw).value, Some(true), "{raw}");
        }
        for raw in ["false", "No", "n", "0", "0,0", "nein", "non", "não", "off"] {
            assert_eq!(boolean(raw).value, Some(false), "{raw}");
        }
        for raw in ["2", "10", "00", "maybe", "yesno", "-1"] {
            assert_eq!(boolean(raw), Cleaned::refused(Flag::UnknownWord), "{raw}");
        }
        assert_eq!(boolean("true").flags, Flags::NONE);
        assert_eq!(boolean("N/A"), Cleaned::refused(Flag::Placeholder));
    }
}
