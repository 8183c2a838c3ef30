//! A matching is a function of what the records say: not of their order, not of the number of threads.
#![allow(clippy::unwrap_used, reason = "a test")]

use clew_identity::matching::column::Column;
use clew_identity::matching::dictionary::Dictionary;
use clew_identity::matching::{Kind, MOST_COMPARISONS, Options, match_records, recognise};
use clew_stats::dice::Dice;
use proptest::prelude::*;

const NAMES: [&str; 6] = ["given_name", "surname", "date_of_birth", "email", "city", "company"];
const GIVEN: [&str; 12] = ["Robert", "Bob", "Ann", "Anna", "Maria", "Mary", "José", "Wei", "Olga", "Peter", "Pete", "Zoë"];
const FAMILY: [&str; 10] = ["Smith", "Smyth", "Jones", "Lee", "Li", "Müller", "Brown", "Garcia", "Novak", "Smith-Jones"];
const CITY: [&str; 5] = ["Boston", "Reno", "Bremen", "Porto", "Lima"];

/// Values of one record by column, and its file.
type Record = (Vec<Option<String>>, u8);

/// People with up to three records each, with errors, gaps and exact repeats among them.
fn records(seed: u64, people: u64) -> Vec<Record> {
    let mut dice = Dice::new(seed);
    let mut all: Vec<Record> = Vec::new();
    for _ in 0..people {
        let pick = |dice: &mut Dice, from: &[&str]| from[dice.below(from.len() as u64) as usize].to_owned();
        let (given, family) = (pick(&mut dice, &GIVEN), pick(&mut dice, &FAMILY));
        let born = format!("19{:02}-{:02}-{:02}", 40 + dice.below(50), 1 + dice.below(12), 1 + dice.below(28));
        let email = format!("{}.{}{}@x{}.org", given.to_lowercase(), family.to_lowercase(), dice.below(90), dice.below(3));
        let person = [given, family, born, email, pick(&mut dice, &CITY), format!("{} Ltd", pick(&mut dice, &FAMILY))];
        for _ in 0..=dice.below(3) {
            let said = person.iter().map(|value| match dice.below(12) {
                0 => None,
                1 => Some(value.chars().skip(1).collect()),
                _ => Some(value.clone()),
            });
            let said: Vec<Option<String>> = said.collect();
            all.push((said, dice.below(2) as u8));
        }
    }
    all
}

fn shuffled(records: &[Record], seed: u64) -> Vec<Record> {
    let mut dice = Dice::new(seed);
    let mut records = records.to_vec();
    for last in (1..records.len()).rev() {
        records.swap(last, dice.below(last as u64 + 1) as usize);
    }
    records
}

/// A matching in terms of contents, which is all that can be told of records that say the same. Numbers to the bit.
#[derive(Debug, PartialEq)]
struct Said {
    compared: Vec<String>,
    rules: Vec<String>,
    log_likelihood: Option<u64>,
    pairs: Vec<(Record, Record, u64)>,
    clusters: Vec<Vec<Record>>,
}

fn said(records: &[Record], linked: bool, threads: usize) -> Said {
    let values = |at: usize| records.iter().map(move |(values, _)| values[at].as_deref());
    let columns = NAMES
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some(Column::new(name, recognise(name, &Dictionary::of(values(at)))?, values(at))))
        .collect();
    let parts = linked.then(|| records.iter().map(|(_, part)| *part).collect());
    let matching = match_records(columns, &Options { threads, parts, ..Options::default() }, &mut |_| ()).unwrap();
    let of = |record: u32| records[record as usize].clone();
    let mut pairs: Vec<(Record, Record, u64)> = matching
        .scored()
        .map(|(a, b, probability)| {
            let (a, b) = (of(a), of(b));
            (a.clone().min(b.clone()), a.max(b), probability.to_bits())
        })
        .collect();
    pairs.sort();
    let mut clusters: Vec<Vec<Record>> = vec![Vec::new(); records.len()];
    (0..).zip(&matching.clusters).for_each(|(record, cluster)| clusters[*cluster as usize].push(of(record)));
    clusters.retain(|cluster| !cluster.is_empty());
    clusters.iter_mut().for_each(|cluster| cluster.sort());
    clusters.sort();
    Said {
        compared: matching.comparisons.iter().map(|c| format!("{} {:?} {:?}", c.name, c.kind, c.labels)).collect(),
        rules: matching.rules.iter().map(|rule| format!("{rule:?}")).collect(),
        log_likelihood: matching.model.map(|model| model.log_likelihood.to_bits()),
        pairs,
        clusters,
    }
}

#[track_caller]
fn check(records: &[Record], linked: bool, seed: u64) {
    let one = said(records, linked, 1);
    for threads in [2, 4] {
        assert!(said(records, linked, threads) == one, "{threads} threads");
    }
    let turned = said(&shuffled(records, seed), linked, 2);
    assert_eq!((&turned.compared, &turned.rules), (&one.compared, &one.rules));
    assert_eq!(turned.log_likelihood, one.log_likelihood);
    assert!(turned.pairs == one.pairs, "pairs of permuted rows");
    assert!(turned.clusters == one.clusters, "clusters of permuted rows");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_rows_and_the_number_of_threads_change_nothing(
        seed in any::<u64>(), people in 2_u64..90, linked in any::<bool>(),
    ) {
        check(&records(seed, people), linked, seed ^ 1);
    }
}

/// Enough records that pairs are made by rules, and blocks large enough to be split.
#[test]
fn rules_and_split_blocks_do_not_depend_on_the_order_of_rows() {
    let records = records(5, 800);
    assert!(records.len() > 1_200, "{}", records.len());
    let matching = said(&records, false, 2);
    assert!(matching.rules.len() > 1 && matching.clusters.len() < records.len());
    check(&records, false, 6);
    check(&records, true, 7);
}

/// Thirty columns, of which the first six have two values each, and an address.
#[test]
fn of_more_columns_than_can_be_compared_those_that_tell_least_are_named() {
    let mut dice = Dice::new(3);
    let values: Vec<Vec<String>> =
        (0..90).map(|_| (0..30).map(|at| dice.below(if at < 6 { 2 } else { 60 }).to_string() + "abc").collect()).collect();
    let code = |name: String, at: usize| {
        Column::of(&name, Kind::Code, &Dictionary::of(values.iter().map(|values| Some(values[at].as_str()))))
    };
    let mut columns: Vec<Column> = (0..30).map(|at| code(format!("code_{at:02}"), at)).collect();
    for (name, kind) in [("town", Kind::City), ("zip", Kind::Postcode)] {
        columns.push(Column::of(name, kind, &Dictionary::of(values.iter().map(|values| Some(values[7].as_str())))));
    }
    let matching = match_records(columns, &Options::default(), &mut |_| ()).unwrap();
    assert_eq!(matching.comparisons.len(), MOST_COMPARISONS);
    assert!(matching.comparisons.iter().any(|comparison| comparison.name == "address"));
    assert_eq!(matching.left_out.len(), 31 - MOST_COMPARISONS);
    for at in 0..6 {
        assert!(matching.left_out.contains(&format!("code_{at:02}")), "{:?}", matching.left_out);
    }
}
