//! What must hold for any text: no panic, bounded output, and a clean value stays as it is without a flag of change.
#![allow(clippy::unwrap_used, reason = "a test")]

use clew_cleanse::amount::{self, DecimalMark};
use clew_cleanse::code::{self, Country};
use clew_cleanse::date::{self, Order};
use clew_cleanse::flag::{Cleaned, Effect, Flags};
use clew_cleanse::person_name::{self, Layout};
use clew_cleanse::text::{self, Lines};
use clew_cleanse::{address, choice, device, email, phone, postcode, profile, visit};
use proptest::prelude::*;

const COUNTRIES: [&str; 9] = ["", "DE", "US", "GB", "FR", "AU", "BR", "IT", "NL"];

fn country(at: usize) -> Option<Country> {
    Country::from_code(COUNTRIES[at % COUNTRIES.len()])
}

/// Any text, and text made of the pieces that the rules look at.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("Ann".to_owned()),
        Just("O'Brien".to_owned()),
        Just("van der".to_owned()),
        Just("DE LA".to_owned()),
        Just("Dr.".to_owned()),
        Just("Jr".to_owned()),
        Just("PhD".to_owned()),
        Just("test".to_owned()),
        Just("n/a".to_owned()),
        Just("GmbH".to_owned()),
        Just("@gmial.com".to_owned()),
        Just("mailto:".to_owned()),
        Just("Müller".to_owned()),
        Just("MÃ¼ller".to_owned()),
        Just("ÃÂ".to_owned()),
        Just("Straße".to_owned()),
        Just("Hauptstr.".to_owned()),
        Just("Main St".to_owned()),
        Just("Apt 4".to_owned()),
        Just("P.O. Box".to_owned()),
        Just("10115 Berlin".to_owned()),
        Just("+49 (0)30".to_owned()),
        Just("ext.".to_owned()),
        Just("31.02.2020".to_owned()),
        Just("1.234,50".to_owned()),
        Just("€".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("\u{200d}".to_owned()),
        Just("\u{ad}".to_owned()),
        Just("\u{a0}".to_owned()),
        Just("\u{308}".to_owned()),
        Just("ﷺ".to_owned()),
        Just("İ".to_owned()),
        Just("ŉ".to_owned()),
        "[0-9]{1,12}",
        "[a-zA-Z]{1,8}",
        "[ ,.;:@<>\"'#/+-]{1,3}",
        "\\PC{1,4}",
    ];
    prop_oneof![
        3 => prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()),
        2 => prop::collection::vec("[a-zA-ZäöüÄÖÜßéñ0-9.,'@-]{1,10}", 0..6).prop_map(|words| words.join(" ")),
        1 => any::<String>(),
        1 => prop::collection::vec(any::<char>(), 0..40).prop_map(|chars| chars.into_iter().collect()),
    ]
}

/// Cleaning the result again gives the result, without a flag that says something changed.
fn is_settled<T: PartialEq + std::fmt::Debug>(raw: &str, first: &T, again: &Cleaned<T>) -> Result<(), TestCaseError> {
    prop_assert_eq!(again.value.as_ref(), Some(first), "{:?}", raw);
    prop_assert_eq!(again.flags.with_effect(Effect::Changed), Flags::NONE, "{:?} gave {:?}", raw, first);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn text_settles_and_stays_within_eleven_times_its_length(raw in any_text(), keep in any::<bool>()) {
        let lines = if keep { Lines::Keep } else { Lines::Join };
        if let Some(first) = text::clean_lines(&raw, lines).value {
            prop_assert!(first.len() <= 11 * raw.len(), "{} of {}", first.len(), raw.len());
            is_settled(&raw, &first, &text::clean_lines(&first, lines))?;
        }
        text::key(&raw);
    }

    #[test]
    fn an_email_settles(raw in any_text()) {
        if let Some(first) = email::clean(&raw).value {
            prop_assert!(first.as_str().len() <= 254);
            prop_assert_eq!([first.local(), first.domain()].join("@"), first.as_str());
            is_settled(&raw, &first.clone(), &email::clean(first.as_str()))?;
            let mailbox = first.mailbox().into_owned();
            if let Some(again) = email::clean(&mailbox).value {
                prop_assert_eq!(again.mailbox(), mailbox.as_str());
            }
        }
    }

    #[test]
    fn a_phone_settles(raw in any_text(), at in 0_usize..9) {
        if let Some(first) = phone::clean(&raw, country(at)).value {
            prop_assert!(first.as_str().len() <= 21 && first.as_str().starts_with('+'));
            let again = phone::clean(first.as_str(), None);
            prop_assert_eq!(again.value.map(|phone| phone.as_str().to_owned()), Some(first.as_str().to_owned()), "{:?}", raw);
            prop_assert_eq!(again.flags.with_effect(Effect::Changed), Flags::NONE, "{:?}", raw);
        }
    }

    #[test]
    fn digits_settle_as_phones(raw in "\\+?[0-9 ()/.-]{0,24}(x[0-9]{1,4})?", at in 0_usize..9) {
        if let Some(first) = phone::clean(&raw, country(at)).value {
            let again = phone::clean(first.as_str(), country(at));
            prop_assert_eq!(again.value.map(|phone| phone.as_str().to_owned()), Some(first.as_str().to_owned()), "{:?}", raw);
        }
    }

    #[test]
    fn a_name_field_settles(raw in any_text(), given in any::<bool>()) {
        let layout = if given { Layout::Given } else { Layout::Family };
        if let Some(name) = person_name::clean(&raw, layout).value {
            let part = if given { name.given.as_deref() } else { name.family.as_deref() };
            if let Some(part) = part {
                let again = person_name::clean(part, layout);
                if let Some(found) = again.value {
                    let found = if given { found.given } else { found.family };
                    prop_assert_eq!(found.as_deref(), Some(part), "{:?}", raw);
                    prop_assert_eq!(again.flags.with_effect(Effect::Changed), Flags::NONE, "{:?}", raw);
                }
            }
        }
        person_name::clean(&raw, Layout::Full);
    }

    #[test]
    fn a_date_settles(raw in any_text(), digits in "[0-9]{1,4}[./ -][0-9]{1,2}[./ -][0-9]{1,4}", order in 0_usize..4) {
        let order = [Order::Dmy, Order::Mdy, Order::Ymd, Order::Iso][order];
        for text in [&raw, &digits] {
            let options = date::Options { excel_serials: true, ..date::Options::new(order) };
            if let Some(first) = date::clean(text, &options).value {
                is_settled(text, &first, &date::clean(&first.to_string(), &options))?;
            }
        }
    }

    #[test]
    fn an_amount_settles(raw in any_text(), number in "[(-]{0,2}[0-9.,' ]{1,14}[)%-]?", comma in any::<bool>()) {
        let mark = if comma { DecimalMark::Comma } else { DecimalMark::Point };
        for text in [&raw, &number] {
            if let Some(first) = amount::clean(text, mark).value {
                let plain = first.to_plain_string();
                let again = amount::clean(&plain, DecimalMark::Point);
                prop_assert_eq!(again.value.map(|amount| amount.units), Some(first.units), "{:?}", text);
            }
        }
    }

    #[test]
    fn a_postcode_settles(raw in any_text(), code in "[A-Z0-9O]{1,5}[ -]?[A-Z0-9]{0,4}", at in 0_usize..9) {
        for text in [&raw, &code] {
            if let Some(first) = postcode::clean(text, country(at)).value {
                prop_assert!(first.code.len() <= 11 * text.len() + 10);
                let again = postcode::clean(&first.code, country(at));
                prop_assert_eq!(again.value.map(|found| found.code.into_owned()), Some(first.code.clone().into_owned()), "{:?}", text);
                prop_assert_eq!(again.flags.with_effect(Effect::Changed), Flags::NONE, "{:?}", text);
            }
        }
    }

    #[test]
    fn a_town_and_codes_settle(raw in any_text(), at in 0_usize..9) {
        if let Some(first) = address::clean_city(&raw, country(at)).value
            && let Some(again) = address::clean_city(&first.name, country(at)).value
        {
            prop_assert_eq!(&again.name, &first.name, "{:?}", raw);
        }
        if let Some(first) = code::country(&raw).value {
            let again = code::country(first.as_str());
            if first.as_str() == "NA" {
                // Named Namibia, or by NAM: its code of two letters is how tables say that a value is missing.
                prop_assert_eq!(again.value, None, "{:?}", raw);
            } else {
                is_settled(&raw, &first, &again)?;
            }
        }
        if let Some(first) = code::language(&raw).value {
            is_settled(&raw, &first, &code::language(first.as_str()))?;
        }
        if let Some(first) = code::currency(&raw).value {
            is_settled(&raw, &first, &code::currency(first.as_str()))?;
        }
        choice::boolean(&raw);
    }

    #[test]
    fn street_lines_settle_and_blocks_never_panic(raw in any_text(), at in 0_usize..9) {
        let cleaned = address::clean_street(&raw, country(at));
        if let Some(street) = cleaned.value.and_then(|street| street.street) {
            prop_assert!(street.len() <= 11 * raw.len() + 16);
        }
        address::clean_block(&raw, country(at));
        device::of_user_agent(&raw);
        visit::campaign(&raw);
        visit::referrer(&raw, &["acme.com"]);
        profile::shape_of(&raw);
    }
}
