//! Countries, languages and currencies: whatever people call them, as ISO codes.
//!
//! A code is a small copyable value that can only be made from the tables (`data/countries.tsv`, `languages.tsv`,
//! `currencies.tsv`). A word is found by its key: letters and digits, lower case, without accents, so that `ÖSTERREICH`,
//! `Osterreich` and `AUT` are one country. Currency signs are found as they are written.
//!
//! Never a guess: `$`, `kr` and `¥` alone name no currency, and `NA` in a country column is nothing rather than
//! Namibia, because statistics packages write it for missing values.
//!
//! Deliberately missing: subdivisions (see [`crate::region`]), scripts and variants of languages, historic codes, spelling
//! repair: a misspelled country is refused and can be named in the source's mapping.

use std::fmt;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::flag::{Cleaned, Flag, Flags};
use crate::{placeholder, table, text};

macro_rules! code {
    ($(#[$doc:meta])+ $name:ident, $letters:literal) => {
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $letters]);

        impl $name {
            /// The code as text.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).unwrap_or_default()
            }

            fn read(code: &str) -> Option<Self> {
                code.as_bytes().try_into().ok().map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

code! {
    /// A country: ISO 3166-1 alpha-2, and XK.
    Country, 2
}
code! {
    /// A language: ISO 639-1.
    Language, 2
}
code! {
    /// A currency: ISO 4217.
    Currency, 3
}

/// Words of a table and what they stand for.
struct Words<T> {
    /// By the word as the table has it.
    exact: FxHashMap<&'static str, T>,
    /// By its key.
    keys: FxHashMap<String, T>,
}

impl<T: Copy + PartialEq> Words<T> {
    fn new() -> Self {
        Self { exact: FxHashMap::default(), keys: FxHashMap::default() }
    }

    fn add(&mut self, word: &'static str, code: T) {
        if word.is_empty() {
            return;
        }
        self.exact.insert(word, code);
        let key = text::key(word);
        // "R$" has the key "r", which would be too much of an answer for an r.
        if key.chars().count() >= 3 || word.chars().all(char::is_alphanumeric) {
            let known = self.keys.insert(key.into_owned(), code);
            debug_assert!(known.is_none_or(|known| known == code), "{word} stands for two codes");
        }
    }

    fn find(&self, word: &str) -> Option<T> {
        let exact = || self.exact.get(word).copied();
        // No name in the tables is longer.
        if word.len() > 80 {
            return None;
        }
        exact().or_else(|| text::with_key(word, |key| self.keys.get(key).copied()))
    }
}

static COUNTRIES: LazyLock<Words<Country>> = LazyLock::new(|| {
    let mut words = Words::new();
    for row in table::rows(include_str!("../data/countries.tsv")) {
        let [two, three, number, name, aliases] = row.cells();
        if let Some(code) = Country::read(two) {
            [two, three, number, name].into_iter().chain(table::words(aliases)).for_each(|word| words.add(word, code));
        }
    }
    words
});

static LANGUAGES: LazyLock<Words<Language>> = LazyLock::new(|| {
    let mut words = Words::new();
    for row in table::rows(include_str!("../data/languages.tsv")) {
        let [two, three, other, name, aliases] = row.cells();
        if let Some(code) = Language::read(two) {
            [two, three, other, name].into_iter().chain(table::words(aliases)).for_each(|word| words.add(word, code));
        }
    }
    words
});

static CURRENCIES: LazyLock<Words<Currency>> = LazyLock::new(|| {
    let mut words = Words::new();
    for row in table::rows(include_str!("../data/currencies.tsv")) {
        let [code, _decimals, name, aliases] = row.cells();
        if let Some(currency) = Currency::read(code) {
            [code, name].into_iter().chain(table::words(aliases)).for_each(|word| words.add(word, currency));
        }
    }
    words
});

impl Country {
    /// The country of an upper-case alpha-2 code, as the table has it.
    pub fn from_code(code: &str) -> Option<Self> {
        if code.len() != 2 {
            return None;
        }
        // Territories that telephone numbers know and ISO 3166-1 only reserves.
        match code {
            "AC" | "TA" => Self::read(code),
            _ => COUNTRIES.exact.get(code).copied(),
        }
    }

    pub(crate) const fn letters(self) -> [u8; 2] {
        self.0
    }
}

impl Currency {
    /// The currency of an upper-case code.
    pub fn from_code(code: &str) -> Option<Self> {
        (code.len() == 3).then(|| CURRENCIES.exact.get(code).copied()).flatten()
    }

    /// The currency that a sign, code or name stands for, if only one does.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        CURRENCIES.find(word)
    }
}

/// A country by code, name or alias: `DE`, `deu`, `276`, `Allemagne`.
pub fn country(raw: &str) -> Cleaned<Country> {
    let cleaned = find(raw, &COUNTRIES, Country::as_str);
    // Codes with a subdivision name their country: US-CA, GB-SCT (ISO 3166-2).
    if cleaned.value.is_none()
        && let Some((country, subdivision)) = raw.trim().split_once('-')
        && (1..=3).contains(&subdivision.len())
        && let Some(code) = Country::from_code(country)
    {
        return Cleaned::some(code, Flags::of(&[Flag::AliasResolved]));
    }
    cleaned
}

/// A language by code, tag or name: `de`, `ger`, `de-AT`, `Deutsch`. Of a BCP 47 tag the language is taken.
pub fn language(raw: &str) -> Cleaned<Language> {
    let primary = raw.trim().split(['-', '_']).next().unwrap_or_default();
    let is_tag = raw.trim().len() > primary.len() && (2..=3).contains(&primary.len());
    let mut cleaned = find(if is_tag { primary } else { raw }, &LANGUAGES, Language::as_str);
    if cleaned.value.is_some() {
        cleaned.flags.raise_if(is_tag, Flag::AliasResolved);
    }
    cleaned
}

/// A currency by code, sign or name: `EUR`, `€`, `Swiss Franc`.
pub fn currency(raw: &str) -> Cleaned<Currency> {
    find(raw, &CURRENCIES, Currency::as_str)
}

fn find<T: Copy + PartialEq>(raw: &str, words: &Words<T>, spelling: fn(&T) -> &str) -> Cleaned<T> {
    // Clean codes are the rule: one look-up.
    if let Some(code) = words.exact.get(raw).filter(|code| spelling(code) == raw && raw != "NA") {
        return Cleaned::some(*code, Flags::NONE);
    }
    let (text, flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    let unavailable = text::with_key(&text, |key| key == "na") && !words.exact.contains_key("na");
    if unavailable || (placeholder::is_nothing(&text) && !words.exact.contains_key(&*text)) {
        return Cleaned::refused(Flag::Placeholder);
    }
    let Some(code) = words.find(&text) else { return Cleaned::refused(Flag::UnknownWord) };
    let flag = match spelling(&code) {
        spelling if spelling == text => return Cleaned::some(code, flags),
        spelling if spelling.eq_ignore_ascii_case(&text) => Flag::CaseChanged,
        spelling if text::key(spelling) == text::key(&text) => Flag::Reformatted,
        _ => Flag::AliasResolved,
    };
    Cleaned::some(code, flags.with(flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<T: fmt::Display>(cleaned: Cleaned<T>) -> String {
        let codes: Vec<&str> = cleaned.flags.codes().collect();
        format!("{} {}", cleaned.value.map_or_else(|| "-".to_owned(), |value| value.to_string()), codes.join(" "))
            .trim_end()
            .to_owned()
    }

    #[test]
    fn countries_by_code_name_and_alias() {
        for (raw, expected) in [
            ("DE", "DE"),
            ("de", "DE case_changed"),
            (" DE ", "DE trimmed"),
            ("DEU", "DE alias_resolved"),
            ("276", "DE alias_resolved"),
            ("Germany", "DE alias_resolved"),
            ("ALLEMAGNE", "DE alias_resolved"),
            ("österreich", "AT alias_resolved"),
            ("Osterreich", "AT alias_resolved"),
            ("U.S.A.", "US alias_resolved"),
            ("U.S.", "US reformatted"),
            ("United States", "US alias_resolved"),
            ("the netherlands", "NL alias_resolved"),
            ("UK", "GB alias_resolved"),
            ("England", "GB alias_resolved"),
            ("Côte d’Ivoire", "CI alias_resolved"),
            ("US-CA", "US alias_resolved"),
            ("日本", "JP alias_resolved"),
            ("Kosovo", "XK alias_resolved"),
            ("NAM", "NA alias_resolved"),
            ("NA", "- placeholder"),
            ("n/a", "- placeholder"),
            ("Atlantis", "- unknown_word"),
            ("ZZ", "- unknown_word"),
            ("", "-"),
        ] {
            assert_eq!(shown(country(raw)), expected, "{raw:?}");
        }
    }

    #[test]
    fn languages_by_code_tag_and_name() {
        for (raw, expected) in [
            ("en", "en"),
            ("EN", "en case_changed"),
            ("en-GB", "en alias_resolved"),
            ("pt_BR", "pt alias_resolved"),
            ("ger", "de alias_resolved"),
            ("deu", "de alias_resolved"),
            ("Français", "fr alias_resolved"),
            ("francais", "fr alias_resolved"),
            ("zh-Hant-TW", "zh alias_resolved"),
            ("na", "na"),
            ("unknown", "- placeholder"),
            ("klingon", "- unknown_word"),
        ] {
            assert_eq!(shown(language(raw)), expected, "{raw:?}");
        }
    }

    #[test]
    fn currencies_by_code_sign_and_name() {
        for (raw, expected) in [
            ("EUR", "EUR"),
            ("eur", "EUR case_changed"),
            ("€", "EUR alias_resolved"),
            ("R$", "BRL alias_resolved"),
            ("£", "GBP alias_resolved"),
            ("US$", "USD alias_resolved"),
            ("U.S. Dollar", "USD alias_resolved"),
            ("Swiss franc", "CHF alias_resolved"),
            ("zł", "PLN alias_resolved"),
            ("$", "- placeholder"),
            ("kr", "- unknown_word"),
            ("XXX", "- unknown_word"),
        ] {
            assert_eq!(shown(currency(raw)), expected, "{raw:?}");
        }
    }

    #[test]
    fn tables_have_every_code_once() {
        // ISO 3166-1 has 249 countries; XK comes on top. ISO 639-1 has 183 languages.
        let count = |text: &'static str| {
            table::rows(text).map(|row| row.cells::<1>()[0]).collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(count(include_str!("../data/countries.tsv")), 250);
        assert_eq!(count(include_str!("../data/languages.tsv")), 183);
        assert_eq!(count(include_str!("../data/currencies.tsv")), table::rows(include_str!("../data/currencies.tsv")).count());
        for row in table::rows(include_str!("../data/countries.tsv")) {
            let [two, three, number, name, aliases] = row.cells();
            for word in [two, three, number, name].into_iter().chain(table::words(aliases)).filter(|word| !word.is_empty()) {
                assert_eq!(COUNTRIES.find(word).as_ref().map(Country::as_str), Some(two), "{word}");
            }
        }
    }
}
