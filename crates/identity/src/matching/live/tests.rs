//! The sequence does not matter: after any changes the partition is that of one batch under the same model.

use std::collections::BTreeMap;

use clew_stats::dice::Dice;
use proptest::prelude::*;

use super::super::blocking::{self, Limits};
use super::super::column::Column;
use super::super::dictionary::Dictionary;
use super::super::{Options, cluster, match_within, pattern, recognise};
use super::*;

const NAMES: [&str; 8] = ["given_name", "surname", "date_of_birth", "email", "street", "city", "postcode", "company"];
const GIVEN: [&str; 9] = ["Robert", "Bob", "Ann", "Anna", "Maria", "Mary", "Peter", "Pete", "Smith"];
const FAMILY: [&str; 8] = ["Smith", "Smyth", "Jones", "Lee", "Li", "Robert", "Smith-Jones", "Anna"];
const STREET: [&str; 4] = ["Main Street", "Main St", "Oak Ave", "Elm Road"];
const CITY: [&str; 3] = ["Boston", "Bostn", "Reno"];

type Values = Vec<Option<String>>;

/// What a record of a person says; there are few people and few values, so that all is near to all.
fn record(dice: &mut Dice, people: u64) -> Values {
    let mut person = Dice::new(dice.below(people));
    let mut pick = |from: &[&str]| from[person.below(from.len() as u64) as usize].to_owned();
    let (given, family, street, city) = (pick(&GIVEN), pick(&FAMILY), pick(&STREET), pick(&CITY));
    let born = format!("19{:02}-0{}-1{}", 40 + person.below(9), 1 + person.below(4), person.below(9));
    let email = format!("{}.{}{}@x.org", given.to_lowercase(), family.to_lowercase(), person.below(5));
    let (house, postcode) = (1 + person.below(3), 100 + person.below(4));
    let company = format!("{} Trading Ltd", FAMILY[person.below(4) as usize]);
    let said = [given, family, born, email, format!("{house} {street}"), city, postcode.to_string(), company];
    let dirty = |value: String| match dice.below(10) {
        0 => None,
        1 => Some(value.chars().skip(1).collect()),
        // A value that none had when the model was fitted.
        2 => Some(format!("{value}{}", dice.below(4))),
        _ => Some(value),
    };
    said.into_iter().map(dirty).collect()
}

/// Some records, matched, with a limit of blocks that is passed often.
fn matched(records: &BTreeMap<u64, Values>, limits: Limits, threshold: f64, unique: bool) -> Option<Matching> {
    let columns = NAMES.iter().enumerate().filter_map(|(at, name)| {
        let values = Dictionary::of(records.values().map(|values| values[at].as_deref()));
        recognise(name, &values).map(|kind| Column::of(name, kind, &values))
    });
    let unique = if unique { vec!["email".to_owned()] } else { Vec::new() };
    let options = Options { threshold, unique, ..Options::default() };
    match_within(limits, columns.collect(), &options, &mut |_| ()).ok()
}

/// One batch over `records` under the model of `matching`: the very functions that match files.
fn batch(matching: Matching, records: &BTreeMap<u64, Values>) -> BTreeMap<u64, u64> {
    let scorer = matching.model.as_ref().unwrap().scorer(matching.all_per_candidate());
    let Matching { mut comparisons, mut plan, threshold, unique, .. } = matching;
    for (place, comparison) in comparisons.iter_mut().enumerate() {
        let columns: Vec<usize> =
            comparison.fields.iter().map(|field| NAMES.iter().position(|name| *name == field.name).unwrap()).collect();
        comparison.codes = Vec::new();
        for values in records.values() {
            let raw: Vec<Option<&str>> = columns.iter().map(|at| values[*at].as_deref()).collect();
            let code = match comparison.meet(&raw) {
                Met::Known(code) => code,
                Met::New(value) => {
                    for key in plan.keys.iter_mut().filter(|key| key.comparison == place) {
                        key.by_code.push(key.of(&value));
                    }
                    comparison.admit(value)
                }
            };
            comparison.codes.push(code);
        }
    }
    let (codes, patterns) = (by_record(&comparisons), Patterns::new(&comparisons));
    let rows = Rows { comparisons: &comparisons, codes: &codes, patterns: &patterns };
    let candidates = blocking::pairs(&plan, &comparisons, records.len(), None, 1);
    let counted = pattern::count(&rows, &candidates, 1);
    let pairs = super::super::paired(candidates, &counted);
    let probabilities: Vec<f64> = counted.patterns.iter().map(|pattern| scorer.probability(*pattern, &mut Vec::new())).collect();
    let weighing = Weighing { rows, scorer: &scorer, threshold, never: Never { parts: None, unique: &unique } };
    let clusters = cluster::clusters(records.len(), &pairs, &probabilities, weighing, 1);
    let ids: Vec<u64> = records.keys().copied().collect();
    ids.iter().zip(clusters).map(|(id, lowest)| (*id, ids[lowest as usize])).collect()
}

fn borrowed(values: &[Option<String>]) -> Vec<Option<&str>> {
    values.iter().map(Option::as_deref).collect()
}

/// Values of a record in the order in which `live` wants them.
fn in_order(live: &Live, values: &Values) -> Values {
    live.fields().map(|field| values[NAMES.iter().position(|name| *name == field).unwrap()].clone()).collect()
}

/// Sequences of changes of one fitted matching.
const SEQUENCES: usize = 40;

/// Fits a model and makes sequences of changes at random under it.
fn check(seed: u64, block: usize, threshold: f64, unique: bool) {
    let mut dice = Dice::new(seed);
    let people = 4 + dice.below(20);
    let begin = 20 + dice.below(40);
    let records: BTreeMap<u64, Values> = (0..begin).map(|n| (n * 3, record(&mut dice, people))).collect();
    let limits = Limits { all: if block == usize::MAX { u64::MAX } else { 0 }, block };
    let matching = matched(&records, limits, threshold, unique).filter(|matching| matching.model.is_some());
    for _ in 0..SEQUENCES {
        if let Some(matching) = &matching {
            sequence(&mut dice, people, matching, records.clone());
        }
    }
}

/// Changes at random, held against a batch and against what the changes said of themselves.
fn sequence(dice: &mut Dice, people: u64, matching: &Matching, mut records: BTreeMap<u64, Values>) {
    let mut live = Live::new(matching.clone(), records.keys().copied().collect()).unwrap();
    let mut known: BTreeMap<u64, u64> = live.partition().collect();
    assert_eq!(known, batch(matching.clone(), &records), "the matching itself");
    for _ in 0..=dice.below(4) {
        let mut changes: Vec<(u64, Option<Values>)> = Vec::new();
        for _ in 0..=dice.below(8) {
            let id = dice.below(150);
            let values = (dice.below(3) > 0).then(|| record(dice, people));
            match &values {
                Some(values) => records.insert(id, values.clone()),
                None => records.remove(&id),
            };
            changes.push((id, values.map(|values| in_order(&live, &values))));
        }
        let values: Vec<Option<Vec<Option<&str>>>> = changes.iter().map(|(_, values)| values.as_deref().map(borrowed)).collect();
        let told = changes.iter().zip(&values).map(|((id, _), values)| match values {
            Some(values) => Change::Put { id: *id, values },
            None => Change::Delete { id: *id },
        });
        for moved in live.apply(&told.collect::<Vec<Change>>()) {
            let before = match moved.to {
                Some(to) => known.insert(moved.id, to),
                None => known.remove(&moved.id),
            };
            assert_eq!(before, moved.from, "where record {} was", moved.id);
        }
        let now: BTreeMap<u64, u64> = live.partition().collect();
        assert_eq!(known, now, "what the changes said");
    }
    assert_eq!(known, batch(matching.clone(), &records), "one batch");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_changes_ends_as_one_batch_does(
        seed in any::<u64>(), block in 2_usize..9, high in any::<bool>(), unique in any::<bool>(),
    ) {
        check(seed, block, if high { 0.5 } else { 0.2 }, unique);
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn so_it_does_where_all_pairs_are_compared(seed in any::<u64>()) {
        check(seed, usize::MAX, 0.5, seed % 2 == 0);
    }
}

#[test]
fn two_different_unique_identifiers_are_never_in_one_cluster() {
    let mut dice = Dice::new(8);
    // One person whose records differ in the address alone, and so many of them that they are not weighed against each other.
    let person = record(&mut dice, 1);
    let records: BTreeMap<u64, Values> = (0..300)
        .map(|n| {
            let mut values = person.clone();
            values[3] = (n % 3 != 0).then(|| format!("p{}@x.org", n % 3));
            values[6] = Some((n % 2).to_string());
            (n, values)
        })
        .chain((300..420).map(|n| (n, record(&mut dice, 90))))
        .collect();
    for unique in [false, true] {
        let matching = matched(&records, Limits::default(), 0.5, unique).unwrap();
        let mut mails: BTreeMap<u32, std::collections::BTreeSet<&str>> = BTreeMap::new();
        for (values, cluster) in records.values().zip(&matching.clusters) {
            mails.entry(*cluster).or_default().extend(values[3].as_deref().filter(|mail| mail.starts_with('p')));
        }
        assert_eq!(mails.values().any(|mails| mails.len() > 1), !unique, "unique {unique}");
    }
}

fn live_of(records: &BTreeMap<u64, Values>, limits: Limits) -> Live {
    Live::new(matched(records, limits, 0.5, false).unwrap(), records.keys().copied().collect()).unwrap()
}

#[test]
fn a_look_up_finds_what_the_record_would_be_paired_with() {
    let mut dice = Dice::new(5);
    let records: BTreeMap<u64, Values> = (0..200).map(|n| (n, record(&mut dice, 40))).collect();
    let mut live = live_of(&records, Limits { all: 0, block: 20 });
    for n in 0..200 {
        let values = in_order(&live, &record(&mut dice, 60));
        let found = live.look_up(&borrowed(&values), 0.0);
        assert!(found.is_sorted_by(|a, b| a.probability >= b.probability));
        live.apply(&[Change::Put { id: 1_000, values: &borrowed(&values) }]);
        let place = live.places[&1_000];
        let mut near: Vec<(u64, f64)> = live.near().of(place).iter().map(|(place, p)| (live.ids[*place as usize], *p)).collect();
        near.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let found: Vec<(u64, f64)> = found.into_iter().map(|found| (found.id, found.probability)).collect();
        // A block that the record itself makes too large has other candidates afterwards.
        if live.postings.shaken(&live.plan, Turn::Goes, |at| live.key(&live.rows().row(place), at)).is_empty() {
            assert_eq!(found, near, "record {n}");
        }
        live.apply(&[Change::Delete { id: 1_000 }]);
    }
    assert_eq!(live.len(), 200);
}

#[test]
fn nothing_is_found_for_nothing_and_nothing_changes_by_saying_the_same() {
    let mut dice = Dice::new(5);
    let records: BTreeMap<u64, Values> = (0..60).map(|n| (n, record(&mut dice, 20))).collect();
    let mut live = live_of(&records, Limits::default());
    assert_eq!(live.look_up(&[], 0.5), []);
    let values = in_order(&live, &records[&7]);
    assert_eq!(live.apply(&[Change::Put { id: 7, values: &borrowed(&values) }, Change::Delete { id: 99 }]), []);
    assert!(live.look_up(&borrowed(&values), 0.5).iter().any(|found| found.id == 7));
    let all: Vec<Change> = (0..60).map(|id| Change::Delete { id }).collect();
    assert_eq!(live.apply(&all).len(), 60);
    assert!(live.is_empty() && live.look_up(&borrowed(&values), 0.0).is_empty());
}

#[test]
fn ids_that_do_not_rise_are_refused() {
    let mut dice = Dice::new(5);
    let records: BTreeMap<u64, Values> = (0..60).map(|n| (n, record(&mut dice, 20))).collect();
    let live = Live::new(matched(&records, Limits::default(), 0.5, false).unwrap(), (0..60).rev().collect());
    assert_eq!(live.unwrap_err(), LiveError::Ids { ids: 60, records: 60 });
}
