//! `data/phone_plans.tsv` is what libphonenumber publishes: compared here, and written anew with `UPDATE=1`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use phonenumber::metadata::{DATABASE, Descriptor, Metadata};

/// The patterns of the library are behind a cache; their text is all that is wanted.
macro_rules! pattern_text {
    ($pattern:expr) => {
        $pattern.map(|pattern| pattern.as_str().to_owned()).unwrap_or_default()
    };
}

const HEADER: &str = "\
# Numbering plans: Google libphonenumber, resources/PhoneNumberMetadata.xml (Apache-2.0), by way of the crate `phonenumber`.
# Written by reference/tests/phone_plans.rs, never by hand. One row is a region (001: not geographic); patterns are over the national number.
# region, country code, main region of its code, leading digits, national prefix rule, its transform, international prefix,
# possible lengths, local lengths, general pattern, then `lengths:pattern` of fixed line, mobile, toll free, premium rate,
# shared cost, personal, VoIP, pager, company (UAN), voicemail
";

fn lengths(lengths: &[u16]) -> String {
    lengths.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
}

fn pattern(descriptor: &Descriptor) -> String {
    descriptor.national_number().as_str().split_whitespace().collect()
}

fn row(region: &Metadata) -> String {
    let text = |pattern: &str| pattern.split_whitespace().collect::<String>();
    let prefix = pattern_text!(region.national_prefix_for_parsing());
    let of = region.descriptors();
    let mut row = [
        region.id().to_owned(),
        region.country_code().to_string(),
        if region.is_main_country_for_code() { "main" } else { "" }.to_owned(),
        text(&pattern_text!(region.leading_digits())),
        text(if prefix.is_empty() { region.national_prefix().unwrap_or_default() } else { &prefix }),
        text(region.national_prefix_transform_rule().unwrap_or_default()),
        text(&pattern_text!(region.international_prefix())),
    ]
    .join("\t");
    let kinds = [
        of.fixed_line(),
        of.mobile(),
        of.toll_free(),
        of.premium_rate(),
        of.shared_cost(),
        of.personal_number(),
        of.voip(),
        of.pager(),
        of.uan(),
        of.voicemail(),
    ];
    // The library leaves the lengths of a region to be put together from those of its kinds.
    let all = |lengths: fn(&Descriptor) -> &[u16]| {
        kinds.iter().flatten().flat_map(|kind| lengths(kind)).copied().collect::<BTreeSet<_>>()
    };
    let possible = all(Descriptor::possible_length);
    let local: Vec<u16> = all(Descriptor::possible_local_length).difference(&possible).copied().collect();
    let possible: Vec<u16> = possible.into_iter().collect();
    write!(row, "\t{}\t{}\t{}", lengths(&possible), lengths(&local), pattern(of.general())).unwrap();
    for kind in kinds {
        row.push('\t');
        if let Some(kind) = kind.filter(|kind| !pattern(kind).is_empty() && pattern(kind) != "NA") {
            write!(row, "{}:{}", lengths(kind.possible_length()), pattern(kind)).unwrap();
        }
    }
    row.trim_end().to_owned()
}

#[test]
fn the_table_is_what_the_library_publishes() {
    let mut rows: Vec<String> = (1..1000_u16).filter_map(|code| DATABASE.by_code(&code)).flatten().map(row).collect();
    rows.sort();
    let written = format!("{HEADER}{}\n", rows.join("\n"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/phone_plans.tsv");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == written, "data/phone_plans.tsv differs from the library: write it anew with UPDATE=1 and look at the diff");
}
