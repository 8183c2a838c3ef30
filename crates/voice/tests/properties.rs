//! What must hold for any text: nothing panics, rows may come in any order, edges have their answer.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clew_voice::language::{self, Language};
use clew_voice::pii::mask;
use clew_voice::quotes::quote;
use clew_voice::sentiment::SentimentScorer;
use clew_voice::themes::{self, Assignment, Comment, NoTheme, Placement, ThemeModel, ThemeOptions};
use clew_voice::tokens::{Tokenizer, units};
use proptest::prelude::*;

/// Texts with the edges drawn on purpose: control characters, emojis, marks, digits, addresses, very long words.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-zçãéüß]{1,9}",
        Just("\u{0}\u{1b}[31m".to_owned()),
        Just("👩‍👩‍👧‍👦😡👍🏽".to_owned()),
        Just("e\u{301}\u{200d}\u{feff}".to_owned()),
        Just("a@b.co @me +44 20 7946 0958".to_owned()),
        Just("DE89 3704 0044 0532 0130 00 4111 1111 1111 1111".to_owned()),
        Just("x".repeat(300)),
        Just("配送が遅い".to_owned()),
        "[0-9+() .@/-]{1,20}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.join(" "))
}

/// Comments about a few things, with repeats.
fn comments() -> impl Strategy<Value = Vec<String>> {
    let subject = prop::sample::select(vec!["parcel", "refund", "app", "agent", "invoice"]);
    let verb = prop::sample::select(vec!["late", "lost", "broken", "rude", "wrong", "friendly"]);
    let rest = prop::sample::select(vec!["again", "today", "in London", "", "for two weeks", "😡"]);
    let comment = (subject, verb, rest).prop_map(|(a, b, c)| format!("{a} {b} {c}"));
    prop::collection::vec(comment, 0..120)
}

fn of_english(texts: &[String]) -> Vec<Comment<'_>> {
    let sentiment = |text: &str| Some((text.len() % 7) as f64 / 7.0);
    texts.iter().map(|t| Comment { text: t, language: Some(Language::EN), sentiment: sentiment(t) }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn no_text_breaks_anything(texts in prop::collection::vec(text(), 0..20)) {
        let scorer = SentimentScorer::new([]);
        for text in &texts {
            let language = language::detect(text, None);
            prop_assert_eq!(language.language().is_none(), language.reason().is_some());
            let sentiment = scorer.score(text, Some(Language::EN));
            prop_assert_eq!(sentiment.value.is_none(), sentiment.reason.is_some());
            prop_assert!(sentiment.value.is_none_or(|v| (-1.0..=1.0).contains(&v)));
            prop_assert!(quote(text, 40).chars().count() <= 40);
            let mut end = 0;
            for unit in units(text) {
                prop_assert!(unit.start >= end && text[unit.start..].starts_with(unit.text) && !unit.text.is_empty());
                end = unit.start + unit.text.len();
            }
            for language in [None, Some(Language::PT), Some(Language::DE)] {
                for token in Tokenizer::new(language).tokens(text) {
                    prop_assert!(!token.stem.is_empty() && !token.surface.is_empty());
                }
            }
        }
        let found = themes::find(&of_english(&texts), &ThemeOptions { least_texts: 1, ..ThemeOptions::default() });
        prop_assert_eq!(found.assignments.len(), texts.len());
        let sizes: u64 = found.themes.iter().map(|theme| theme.size).sum();
        prop_assert_eq!(sizes as usize, found.assignments.iter().filter(|a| a.theme().is_some()).count());
    }

    #[test]
    fn text_without_digits_and_at_signs_is_never_masked(text in "[^0-9@]{0,200}") {
        prop_assert_eq!(&*mask(&text), &text);
    }

    #[test]
    fn themes_do_not_depend_on_the_order_of_rows(texts in comments(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, (seed.rotate_left(i as u32) % (i as u64 + 1)) as usize);
        }
        let shuffled: Vec<String> = order.iter().map(|&i| texts[i].clone()).collect();
        let options = ThemeOptions { least_texts: 2, ..ThemeOptions::default() };
        let (one, two) = (themes::find(&of_english(&texts), &options), themes::find(&of_english(&shuffled), &options));
        for (place, &row) in order.iter().enumerate() {
            prop_assert_eq!(one.assignments[row], two.assignments[place]);
        }
        prop_assert_eq!(&one.model, &two.model);
        for (a, b) in one.themes.iter().zip(&two.themes) {
            let words = |quotes: &[usize], texts: &[String]| quotes.iter().map(|&q| texts[q].clone()).collect::<Vec<_>>();
            prop_assert_eq!(words(&a.quotes, &texts), words(&b.quotes, &shuffled));
            let without_rows = |theme: &themes::Theme| themes::Theme { quotes: vec![], ..theme.clone() };
            prop_assert_eq!(without_rows(a), without_rows(b));
        }
    }

    #[test]
    fn repeating_every_comment_changes_only_the_counts(texts in comments()) {
        let twice: Vec<String> = texts.iter().chain(&texts).cloned().collect();
        let options = ThemeOptions { least_texts: 2, ..ThemeOptions::default() };
        let (one, two) = (themes::find(&of_english(&texts), &options), themes::find(&of_english(&twice), &options));
        prop_assert_eq!(one.themes.len(), two.themes.len());
        for (a, b) in one.themes.iter().zip(&two.themes) {
            prop_assert_eq!((&a.theme_id, &a.name, 2 * a.size), (&b.theme_id, &b.name, b.size));
        }
    }
}

#[test]
fn no_comments_have_no_themes() {
    let found = themes::find(&[], &ThemeOptions::default());
    assert!(found.themes.is_empty() && found.assignments.is_empty());
}

#[test]
fn one_comment_is_not_a_theme_and_equal_ones_are_one_text() {
    for count in [1, 500] {
        let texts = vec!["The parcel is late".to_owned(); count];
        let found = themes::find(&of_english(&texts), &ThemeOptions::default());
        assert!(found.themes.is_empty());
        assert!(found.assignments.iter().all(|a| *a == Assignment::None(NoTheme::Outlier)));
    }
}

#[test]
fn comments_without_words_or_language_say_so() {
    let comments = [
        Comment { text: "👍 12345", language: Some(Language::EN), sentiment: None },
        Comment { text: "late parcel", language: None, sentiment: None },
    ];
    let found = themes::find(&comments, &ThemeOptions::default());
    assert_eq!(found.assignments, [Assignment::None(NoTheme::NoWords), Assignment::None(NoTheme::NoLanguage)]);
}

fn planted() -> Vec<String> {
    let delivery = ["parcel arrived late", "courier lost parcel", "parcel late again", "courier brought parcel late"];
    let app = ["app crashes on login", "login screen crashes", "app login fails", "login fails and app crashes"];
    let ends = ["monday", "tuesday", "yesterday", "in march", "twice", "near york"];
    let all = delivery.iter().chain(&app).flat_map(|start| ends.iter().map(move |end| format!("{start} {end}")));
    all.collect()
}

#[test]
fn planted_themes_are_found_and_named_by_their_words() {
    let texts = planted();
    let found = themes::find(&of_english(&texts), &ThemeOptions { resolution: 0.5, ..ThemeOptions::default() });
    for (i, text) in texts.iter().enumerate() {
        let theme = &found.themes[found.assignments[i].theme().expect("planted texts have a theme")];
        let about_app = text.contains("login");
        assert!(theme.quotes.iter().all(|&q| texts[q].contains("login") == about_app), "{text}: {}", theme.name);
        assert!(theme.sentiment.is_some_and(|s| s.n == theme.size));
    }
}

#[test]
fn a_form_letter_is_counted_but_does_not_name_the_theme() {
    let mut texts = planted();
    let before = themes::find(&of_english(&texts), &ThemeOptions::default());
    texts.extend(vec![texts[0].clone(); 1_000]);
    let after = themes::find(&of_english(&texts), &ThemeOptions::default());
    let names = |found: &themes::Themes| {
        let mut names: Vec<String> = found.themes.iter().map(|theme| theme.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&before), names(&after));
    assert_eq!(
        after.themes.iter().map(|theme| theme.size).max(),
        Some(before.themes[before.assignments[0].theme().unwrap()].size + 1_000)
    );
}

#[test]
fn a_model_survives_being_stored_and_places_new_comments() {
    let texts = planted();
    let found = themes::find(&of_english(&texts), &ThemeOptions::default());
    let stored = serde_json::to_string(&found.model).unwrap();
    let model: ThemeModel = serde_json::from_str(&stored).unwrap();
    assert_eq!(model, found.model);
    let placed = model.place(&[
        ("My parcel was late again", Some(Language::EN)),
        ("completely different matters concerning pianos", Some(Language::EN)),
        ("parcel late", Some(Language::PT)),
        ("!!!", Some(Language::EN)),
    ]);
    let expected = found.assignments[2 * 6].theme().map(|theme| found.themes[theme].theme_id.clone());
    assert!(matches!(&placed[0], Placement::Theme { theme_id, .. } if Some(theme_id) == expected.as_ref()), "{placed:?}");
    assert_eq!(placed[1], Placement::None(NoTheme::Outlier));
    assert_eq!(placed[2], Placement::None(NoTheme::NoLanguage));
    assert_eq!(placed[3], Placement::None(NoTheme::NoWords));
}

#[test]
fn a_huge_text_is_read_to_its_limit() {
    let text = "late parcel café ".repeat(700_000);
    assert!(quote(&text, 280).chars().count() <= 280);
    assert!(language::detect(&text, Some(Language::EN)).language().is_some());
    assert!(!units(&text).is_empty());
    assert!(SentimentScorer::new([]).score(&text, Some(Language::EN)).value.is_some());
    let found = themes::find(&of_english(&[text]), &ThemeOptions::default());
    assert_eq!(found.assignments.len(), 1);
}
