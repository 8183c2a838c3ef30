//! The fast path for telephone numbers, held against the library whose facts it uses.
//!
//! Numbers are drawn from every region's plan: the library's example numbers, the same with digits changed, and random
//! digits, written as E.164, with the national prefix, and bare. The library matches patterns at the start only
//! (`is_match` has no anchor at the end), so "valid" is decided here with the library's patterns, anchored.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use clew_cleanse::code::Country;
use clew_cleanse::flag::{Flag, Flags};
use clew_cleanse::phone;
use phonenumber::metadata::{DATABASE, Descriptor, Metadata};
use phonenumber::{Mode, Type};

fn kinds(region: &Metadata) -> Vec<(&'static str, &Descriptor)> {
    let of = region.descriptors();
    let kinds = [
        ("premium_rate", of.premium_rate()),
        ("toll_free", of.toll_free()),
        ("shared_cost", of.shared_cost()),
        ("voip", of.voip()),
        ("personal", of.personal_number()),
        ("pager", of.pager()),
        ("company", of.uan()),
        ("voicemail", of.voicemail()),
        ("fixed_line", of.fixed_line()),
        ("mobile", of.mobile()),
    ];
    kinds.into_iter().filter_map(|(name, kind)| Some((name, kind?))).collect()
}

/// A small generator of the test's own: the same numbers on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Regions by name: the library's own order is that of a hash map.
fn regions() -> Vec<&'static Metadata> {
    let mut regions: Vec<&Metadata> = DATABASE.iter().filter(|region| region.id() != "001").collect();
    regions.sort_by_key(|region| region.id());
    regions
}

fn numbers(region: &Metadata, draw: &mut Draw) -> Vec<String> {
    let mut numbers = Vec::new();
    for (_, kind) in kinds(region) {
        let Some(example) = kind.example() else { continue };
        numbers.push(example.to_owned());
        for _ in 0..12 {
            let mut digits = example.as_bytes().to_vec();
            for _ in 0..=draw.below(3) {
                let at = draw.below(digits.len() as u64) as usize;
                digits[at] = b'0' + draw.below(10) as u8;
            }
            numbers.push(String::from_utf8(digits).unwrap());
        }
        numbers.push(example[..example.len() - 1].to_owned());
        numbers.push(format!("{example}7"));
    }
    numbers
}

/// The kind by the library's patterns and order, each pattern matched as a whole.
fn anchored_kind(region: &Metadata, national: &str, patterns: &mut BTreeMap<String, regex::Regex>) -> &'static str {
    let mut is = |kind: &Descriptor| {
        let pattern = format!("^(?:{})$", kind.national_number().as_str().split_whitespace().collect::<String>());
        let pattern = patterns.entry(pattern).or_insert_with_key(|pattern| regex::Regex::new(pattern).unwrap());
        kind.possible_length().contains(&(national.len() as u16)) && pattern.is_match(national)
    };
    let found: Vec<&str> = kinds(region).into_iter().filter(|(_, kind)| is(kind)).map(|(name, _)| name).collect();
    match found.first() {
        Some(&"fixed_line") if found.contains(&"mobile") => "fixed_line_or_mobile",
        Some(first) => first,
        None => "unknown",
    }
}

fn code_of(kind: Type) -> &'static str {
    match kind {
        Type::FixedLine => "fixed_line",
        Type::Mobile => "mobile",
        Type::FixedLineOrMobile => "fixed_line_or_mobile",
        Type::TollFree => "toll_free",
        Type::PremiumRate => "premium_rate",
        Type::SharedCost => "shared_cost",
        Type::PersonalNumber => "personal",
        Type::Voip => "voip",
        Type::Pager => "pager",
        Type::Uan => "company",
        Type::Voicemail => "voicemail",
        _ => "unknown",
    }
}

#[test]
fn numbers_in_e164_have_the_library_s_country_and_line_type() {
    let mut patterns: BTreeMap<String, regex::Regex> = BTreeMap::new();
    let mut draw = Draw(7);
    let (mut compared, mut valid) = (0, 0);
    for region in regions() {
        for national in numbers(region, &mut draw) {
            let text = format!("+{}{national}", region.country_code());
            let Ok(theirs) = phonenumber::parse(None, &text) else { continue };
            // The library drops a national prefix after the country code too; what it then holds is compared.
            let e164 = theirs.format().mode(Mode::E164).to_string();
            let ours = phone::clean(&text, None);
            if ours.flags.has(Flag::Placeholder) || e164 != text {
                continue;
            }
            let expected = theirs.country().id().map(|id| id.as_ref().to_owned());
            let kind = code_of(theirs.number_type(&DATABASE));
            // Where the library took a number for its first digits only, ours may say unknown.
            let region_of = expected.as_deref().and_then(|id| DATABASE.by_id(id));
            let whole = region_of.is_some_and(|region| anchored_kind(region, &national, &mut patterns) == kind);
            compared += 1;
            match ours.value {
                Some(found) if theirs.is_valid() && whole => {
                    valid += 1;
                    assert_eq!(found.as_str(), e164);
                    assert_eq!(found.line_type.code(), kind, "{text}");
                    assert_eq!(found.country.map(|country| country.to_string()), expected, "{text}");
                }
                Some(found) if !theirs.is_valid() => assert_eq!(found.line_type.code(), "unknown", "{text} {found:?}"),
                Some(_) => {}
                None => assert!(!theirs.is_valid() || !whole, "{text} refused: {:?}", ours.flags),
            }
        }
    }
    println!("compared {compared} numbers with the library, {valid} of them valid");
    assert!(valid > 8_000, "{valid} of {compared}");
}

#[test]
fn numbers_as_dialled_inside_a_country_are_read_as_the_library_reads_them() {
    let mut draw = Draw(11);
    let (mut compared, mut differ) = (0, Vec::new());
    for region in regions() {
        let country = Country::from_code(region.id()).unwrap_or_else(|| panic!("{} is a country", region.id()));
        for national in numbers(region, &mut draw) {
            let prefix = region.national_prefix().unwrap_or_default();
            for text in
                [national.clone(), format!("{prefix}{national}"), format!("({prefix}{}) {}", &national[..2], &national[2..])]
            {
                let Ok(theirs) = phonenumber::parse(region.id().parse().ok(), &text) else { continue };
                if !theirs.is_valid() {
                    continue;
                }
                let ours = phone::clean(&text, Some(country));
                let e164 = theirs.format().mode(Mode::E164).to_string();
                let placeholder = ours.flags == Flags::of(&[Flag::Placeholder]);
                compared += 1;
                if !placeholder && ours.value.as_ref().map(phone::Phone::as_str) != Some(e164.as_str()) {
                    differ.push(format!("{} {text}: library {e164}, ours {:?} {:?}", region.id(), ours.value, ours.flags));
                }
            }
        }
    }
    println!("compared {compared} dialled numbers with the library, {} differ", differ.len());
    for line in differ.iter().take(40) {
        println!("{line}");
    }
    assert!(differ.len() * 1000 <= compared * 2, "{} of {compared} differ", differ.len());
}

/// One of so many numbers goes into the sample that the crate itself is tested with.
const EVERY: usize = 7;

const HEADER: &str = "\
# Numbers as libphonenumber reads them, by way of the crate `phonenumber`; written by reference/tests/phone_reference.rs, never by hand.
# written, default country, E.164, country, type of line; E.164 is - where the library finds no valid number
";

#[test]
fn the_sample_in_the_crate_is_what_the_library_says() {
    let mut patterns: BTreeMap<String, regex::Regex> = BTreeMap::new();
    let mut draw = Draw(13);
    let mut rows = Vec::new();
    let mut at = 0;
    for region in regions() {
        for national in numbers(region, &mut draw) {
            let prefix = region.national_prefix().unwrap_or_default();
            let texts = [
                (format!("+{}{national}", region.country_code()), ""),
                (format!("{prefix}{national}"), region.id()),
                (format!("({prefix}{}) {}", &national[..2], &national[2..]), region.id()),
            ];
            for (text, default) in texts {
                at += 1;
                let Ok(theirs) = phonenumber::parse(default.parse().ok(), &text) else { continue };
                if at % EVERY != 0 {
                    continue;
                }
                let e164 = theirs.format().mode(Mode::E164).to_string();
                // The library drops a national prefix even behind a country code (+7 800 …); such numbers are left out.
                if default.is_empty() && e164 != text {
                    continue;
                }
                if !theirs.is_valid() {
                    // A number as dialled may be valid in a reading that the library does not try.
                    if default.is_empty() {
                        rows.push(format!("{text}\t\t-"));
                    }
                    continue;
                }
                let country = theirs.country().id().map(|id| id.as_ref().to_owned()).unwrap_or_default();
                let kind = code_of(theirs.number_type(&DATABASE));
                let significant = &e164[1 + theirs.country().code().to_string().len()..];
                let whole =
                    DATABASE.by_id(&country).is_some_and(|region| anchored_kind(region, significant, &mut patterns) == kind);
                if whole {
                    rows.push(format!("{text}\t{default}\t{e164}\t{country}\t{kind}"));
                }
            }
        }
    }
    let written = format!("{HEADER}{}\n", rows.join("\n"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/phones.tsv");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    println!("{} numbers in the sample", rows.len());
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == written,
        "tests/golden/phones.tsv differs: write it anew with UPDATE=1"
    );
}
