//! The fast path for telephone numbers against a sample of libphonenumber's answers.
//!
//! `golden/phones.tsv` is written by `crates/cleanse/reference`, a workspace of its own, which also compares some fifty thousand more numbers. The
//! library's patterns have no anchor at their end; numbers that it takes for their first digits only are not in the sample.
#![allow(clippy::unwrap_used, reason = "a test")]

use clew_cleanse::code::Country;
use clew_cleanse::flag::{Flag, Flags};
use clew_cleanse::phone::{self, LineType};

#[test]
fn numbers_are_read_as_the_library_reads_them() {
    let (mut compared, mut differ) = (0, Vec::new());
    for line in include_str!("golden/phones.tsv").lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let ours = phone::clean(cells[0], Country::from_code(cells[1]));
        // Digits in a row and the like are refused here, and valid there.
        if ours.flags == Flags::of(&[Flag::Placeholder]) {
            continue;
        }
        compared += 1;
        let same = match (cells[2], ours.value) {
            ("-", found) => found.is_none_or(|phone| phone.line_type == LineType::Unknown),
            (e164, Some(found)) => {
                let country = found.country.map(|country| country.to_string()).unwrap_or_default();
                (found.as_str(), country.as_str(), found.line_type.code()) == (e164, cells[3], cells[4])
            }
            (_, None) => false,
        };
        if !same {
            differ.push(format!("{line}: {:?} {:?}", ours.value, ours.flags));
        }
    }
    println!("compared {compared} numbers with the library, {} differ", differ.len());
    differ.iter().take(20).for_each(|line| println!("{line}"));
    assert!(compared > 5_000 && differ.len() * 1000 <= compared, "{} of {compared} differ", differ.len());
}
