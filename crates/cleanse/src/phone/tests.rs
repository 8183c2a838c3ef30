//! Numbers by hand: spellings, refusals, countries with odd rules. Numbers are from published examples or drama ranges.

use super::*;

fn shown(raw: &str, default: &str) -> String {
    let cleaned = clean(raw, Country::from_code(default));
    let codes: Vec<&str> = cleaned.flags.codes().collect();
    format!("{} | {}", cleaned.value.map_or_else(|| "-".to_owned(), |phone| format!("{phone:?}")), codes.join(" "))
}

#[test]
fn one_number_in_many_spellings() {
    for (raw, default, expected) in [
        ("+4930901820", "", "+4930901820 DE fixed_line | "),
        ("+49 30 901820", "DE", "+4930901820 DE fixed_line | reformatted"),
        ("+49 (0)30 / 90 18 20", "", "+4930901820 DE fixed_line | reformatted"),
        ("0049 30 901820", "", "+4930901820 DE fixed_line | reformatted"),
        ("0049 (0) 30 901820", "DE", "+4930901820 DE fixed_line | reformatted"),
        ("030 901820", "DE", "+4930901820 DE fixed_line | reformatted country_assumed"),
        ("(030) 90-18-20", "DE", "+4930901820 DE fixed_line | reformatted country_assumed"),
        ("49 30 901820", "DE", "+4930901820 DE fixed_line | reformatted"),
        ("Tel.: 030 901820", "DE", "+4930901820 DE fixed_line | reformatted country_assumed"),
        ("tel:+49-30-901820", "", "+4930901820 DE fixed_line | reformatted"),
        ("011 49 30 901820", "US", "+4930901820 DE fixed_line | reformatted"),
        ("０３０ ９０１８２０", "DE", "+4930901820 DE fixed_line | unicode_normalised reformatted country_assumed"),
        ("(702) 919-1300", "US", "+17029191300 US fixed_line_or_mobile | reformatted country_assumed"),
        ("7029191300", "US", "+17029191300 US fixed_line_or_mobile | country_assumed"),
        ("1-702-919-1300", "US", "+17029191300 US fixed_line_or_mobile | reformatted"),
        ("702.919.1300 ext. 12", "US", "+17029191300 US fixed_line_or_mobile x12 | reformatted extension_split country_assumed"),
        ("7029191300x12", "US", "+17029191300 US fixed_line_or_mobile x12 | extension_split country_assumed"),
        ("+1-702-919-1300;ext=4", "", "+17029191300 US fixed_line_or_mobile x4 | reformatted extension_split"),
        ("1-800-FLOWERS", "US", "+18003569377 US toll_free | reformatted letters_as_digits"),
        ("07400 123456", "GB", "+447400123456 GB mobile | reformatted country_assumed"),
        ("020 7946 0018", "GB", "+442079460018 GB fixed_line | reformatted country_assumed"),
        ("06 12 34 56 78", "FR", "+33612345678 FR mobile | reformatted country_assumed"),
        ("02 9374 4000", "AU", "+61293744000 AU fixed_line | reformatted country_assumed"),
        ("+7 (4812) 85-62-34", "", "+74812856234 RU fixed_line | reformatted"),
        ("02 3661 8300", "IT", "+390236618300 IT fixed_line | reformatted country_assumed"),
        ("(11) 96123-4567", "BR", "+5511961234567 BR mobile | reformatted country_assumed"),
        ("0 15 11 96123-4567", "BR", "+5511961234567 BR mobile | reformatted country_assumed"),
        ("+800 2255 2288", "", "+80022552288 -- toll_free | reformatted"),
        ("030 901820; 030 901821", "DE", "+4930901820 DE fixed_line | reformatted several_values country_assumed"),
    ] {
        assert_eq!(shown(raw, default), expected, "{raw:?} in {default:?}");
    }
}

#[test]
fn what_is_no_number_is_refused_with_its_reason() {
    for (raw, default, flag) in [
        ("000-000-0000", "US", Flag::Placeholder),
        ("9999999999", "US", Flag::Placeholder),
        ("123456789", "DE", Flag::Placeholder),
        ("+49 123456789", "", Flag::Placeholder),
        ("0123456789", "DE", Flag::Placeholder),
        ("+1 000 000 0000", "", Flag::Placeholder),
        ("987654321", "US", Flag::Placeholder),
        ("n/a", "US", Flag::Placeholder),
        ("-", "US", Flag::Placeholder),
        ("xxx", "US", Flag::KeyboardWalk),
        ("none", "US", Flag::Placeholder),
        ("call me", "US", Flag::ImpossibleNumber),
        ("see notes 2", "US", Flag::TooShort),
        ("702919130", "US", Flag::TooShort),
        ("321-3212", "US", Flag::LocalNumber),
        ("702 919 1300 77", "US", Flag::TooManyDigits),
        ("012 919 1300", "US", Flag::ImpossibleNumber),
        ("+999 123 4567", "", Flag::ImpossibleNumber),
        ("702 919 1300", "", Flag::MissingCountry),
        ("7029191300702919130070291913007029191300", "US", Flag::TooManyDigits),
    ] {
        assert_eq!(clean(raw, Country::from_code(default)), Cleaned::refused(flag), "{raw:?} in {default:?}");
    }
    assert_eq!(clean("  ", None).value, None);
}

#[test]
fn a_number_outside_the_plan_is_kept_and_noted() {
    assert_eq!(shown("+1 481 285 6234", ""), "+14812856234 US unknown | reformatted unassigned_number");
    assert_eq!(shown("04 04016106", "AU"), "+61404016106 AU mobile | reformatted country_assumed");
}

#[test]
fn parts_of_a_number() {
    let phone = clean("+44 20 7946 0018", None).value.unwrap();
    assert_eq!((phone.country_code(), phone.national(), phone.extension()), (44, "2079460018", None));
    assert_eq!(country_of("+447400123456"), Country::from_code("GB"));
    // Guernsey shares the code of Great Britain.
    assert_eq!(country_of("+441481256789"), Country::from_code("GG"));
    assert_eq!(country_of("+77012110000"), Country::from_code("KZ"));
}
