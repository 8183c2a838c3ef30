//! Every kind on good and bad values, and columns against a slow look at one row after another.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use clew_identity::Rules;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::import::Loaded;
use crate::mapping::{Engine, Lookups};
use crate::reader::ROW;
use crate::spec::{Defaults, Mapping, Source, SourceSpec, Sources};

/// A project with one source that fills events, and a lookup.
fn project(expect: &Json) -> (Sources, Source) {
    let spec = |value: Json| -> SourceSpec { serde_json::from_value(value).unwrap() };
    let mapping = Mapping { target: Table::find("events").unwrap(), sql: String::new(), path: "s.events.sql".into() };
    let source = Source {
        name: "s".into(),
        spec: spec(json!({"files": "a.csv", "columns": {"delay": "int"}, "expect": expect})),
        yaml_path: "s.yaml".into(),
        mappings: vec![mapping],
    };
    let lookup = |name: &str, key: Json| Source {
        name: name.into(),
        spec: spec(json!({"files": "b.csv", "lookup": {"key": key}})),
        yaml_path: "products.yaml".into(),
        mappings: Vec::new(),
    };
    let sources = vec![source.clone(), lookup("products", json!("sku")), lookup("stock", json!(["sku", "shop"]))];
    (Sources { dir: ".".into(), defaults: Defaults::default(), rules: Rules::default(), sources }, source)
}

fn compiled(expect: &Json) -> Result<Expectations, Vec<ExpectationProblem>> {
    let (sources, source) = project(expect);
    let engine = Engine::new(Lookups::new()).unwrap();
    futures::executor::block_on(Expectations::of(&sources, &source, &engine, &Loaded::default()))
}

#[test]
fn calls_are_looked_at_as_facts_however_they_come() {
    let (mut sources, mut source) = project(&json!([{"target": "events", "field": "name", "not_null": true}]));
    source.mappings.clear();
    for way in [json!({"api": "tracking"}), json!({"nats": {"url": "nats://host", "stream": "S"}, "messages": "tracking"})] {
        let mut spec: SourceSpec = serde_json::from_value(way).unwrap();
        spec.expect = source.spec.expect.clone();
        source.spec = spec;
        sources.sources[0] = source.clone();
        let engine = Engine::new(Lookups::new()).unwrap();
        let of = |source: &Source| futures::executor::block_on(Expectations::of(&sources, source, &engine, &Loaded::default()));
        assert_eq!(of(&source).unwrap().rules().len(), 1);
        let column = json!([{"column": "name", "not_null": true}]);
        let raw = Source {
            spec: SourceSpec { expect: serde_json::from_value(column).unwrap(), ..source.spec.clone() },
            ..source.clone()
        };
        assert!(of(&raw).unwrap_err()[0].message.contains("no raw columns"));
    }
}

fn raw(columns: &[(&str, &[Option<&str>])]) -> RecordBatch {
    let n = columns[0].1.len() as i64;
    let mut fields = vec![Field::new(ROW, DataType::Int64, false)];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(1..=n))];
    for (name, values) in columns {
        fields.push(Field::new(*name, DataType::Utf8, true));
        arrays.push(Arc::new(values.iter().copied().collect::<StringArray>()));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// The rows that fail an expectation over raw rows, each a rule of its own.
fn failing(expectation: &Json, rows: &RecordBatch) -> Vec<usize> {
    let mut expectation = expectation.clone();
    expectation["severity"] = json!("quarantine");
    let expectations = compiled(&json!([expectation])).unwrap_or_else(|found| panic!("{found:?}"));
    let engine = Engine::new(Lookups::new()).unwrap();
    let conditions = futures::executor::block_on(expectations.plan_raw(&engine, &rows.schema())).unwrap();
    let mut judged = Judged::default();
    let apart = expectations.judge_raw(rows, &conditions, &mut judged);
    let tally = judged.tallies[0];
    assert_eq!((tally.checked, tally.failed), (rows.num_rows() as u64, apart.len() as u64));
    apart.into_iter().map(|(row, _)| row).collect()
}

#[test]
fn every_kind_tells_good_values_from_bad_ones() {
    let rows = raw(&[("x", &[Some("5"), Some("-1"), Some("five"), None, Some("  "), Some("5.0")]), ("y", &[Some("a"); 6])]);
    for (expectation, expected) in [
        (json!({"column": "x", "not_null": true}), vec![3, 4]),
        (json!({"column": "x", "range": {"min": 0, "max": 10}}), vec![1, 2]),
        (json!({"column": "x", "range": {"max": 4}}), vec![0, 2, 5]),
        (json!({"column": "x", "pattern": "[0-9]+"}), vec![1, 2, 5]),
        (json!({"column": "x", "allowed": ["five", 5]}), vec![1]),
        (json!({"column": "x", "allowed": ["5"]}), vec![1, 2, 5]),
        (json!({"column": "x", "reference": "products"}), vec![0, 1, 2, 5]),
        (json!({"target": "raw", "sql": "y = 'a' AND x IS NOT NULL"}), vec![3]),
        (json!({"target": "raw", "sql": "x = y"}), vec![0, 1, 2, 4, 5]),
        (json!({"target": "raw", "sql": "CAST(x AS DOUBLE) >= 0 -- a cast that fails is a failure"}), vec![1, 2, 4]),
    ] {
        assert_eq!(failing(&expectation, &rows), expected, "{expectation}");
    }
}

#[test]
fn a_value_that_comes_again_in_another_chunk_is_counted() {
    let expectations = compiled(&json!([{"column": "x", "unique": true}])).unwrap();
    let mut uniques = Uniques::default();
    let mut failed = Vec::new();
    for values in [[Some("a"), Some("b"), None], [Some("b"), None, Some("c")], [Some("c"), Some("c"), Some("a ")]] {
        let mut judged = Judged::default();
        assert_eq!(expectations.judge_raw(&raw(&[("x", &values)]), &RawConditions::default(), &mut judged), []);
        uniques.count(&mut judged);
        failed.push((judged.tallies[0].checked, judged.tallies[0].failed));
    }
    assert_eq!(failed, [(2, 0), (2, 1), (3, 3)]);
}

#[test]
fn every_mistake_is_told_with_a_remedy() {
    let cases = [
        (json!({"field": "amount"}), "expects nothing"),
        (json!({"field": "amount", "not_null": true, "unique": true}), "several kinds: not_null, unique"),
        (json!({"field": "amount", "not_null": false}), "expects nothing"),
        (json!({"field": "amuont", "not_null": true}), "no column amuont"),
        (json!({"field": "amount", "column": "x", "not_null": true}), "both"),
        (json!({"not_null": true}), "not_null of what?"),
        (json!({"field": "amount", "target": "records", "not_null": true}), "does not fill records"),
        (json!({"field": "identifier_emial", "not_null": true}), "no identifier type"),
        (json!({"field": "amount", "range": {}}), "no bound"),
        (json!({"field": "amount", "range": {"min": 2, "max": 1}}), "empty"),
        (json!({"field": "occurred_at", "range": {"min": 2}}), "this is a time"),
        (json!({"field": "reference", "pattern": "("}), "not a regular expression"),
        (json!({"field": "channel", "allowed": []}), "no value is allowed"),
        (json!({"field": "product", "reference": "prodcts"}), "no lookup"),
        (json!({"field": "product", "reference": "stock"}), "several columns"),
        (json!({"field": "id", "unique": true, "severity": "quarantine"}), "cannot quarantine"),
        (json!({"row_count": {"min": 1}, "severity": "quarantine"}), "cannot quarantine"),
        (json!({"freshness": "soon"}), "no length of time"),
        (json!({"freshness": "2d", "field": "amount"}), "about a batch"),
        (json!({"sql": "sum(amount) > 0"}), "aggregates"),
        (json!({"sql": "amuont > 0"}), "no column amuont"),
        (json!({"sql": "amount + 1"}), "not true or false"),
        (json!({"sql": "amount >"}), "not SQL"),
        (json!({"name": "column_missing", "field": "amount", "not_null": true}), "uses itself"),
    ];
    for (expectation, words) in cases {
        let found = compiled(&json!([expectation])).err().unwrap_or_else(|| panic!("{expectation} passes"));
        assert!(found[0].message.contains(words) && !found[0].remedy.is_empty(), "{expectation}: {found:?}");
    }
    let twice = compiled(&json!([{"field": "amount", "not_null": true}, {"field": "amount", "not_null": true}])).unwrap_err();
    assert_eq!((twice.len(), twice[0].place), (1, 1));
    for fine in [
        json!([{"field": "p_delay", "range": {"min": 0}}, {"field": "property_x", "not_null": true}, {"field": "identifier_email", "pattern": ".+@.+"}]),
        json!([{"row_count": {"min": 1, "max": 10}}, {"freshness": "2d"}, {"sql": "amount >= 0 OR name = 'refund'", "severity": "quarantine"}]),
        json!([{"field": "id", "unique": true, "name": "ids"}, {"field": "product", "reference": "products"}]),
    ] {
        assert!(compiled(&fine).is_ok(), "{fine}: {:?}", compiled(&fine).err());
    }
}

/// What an expectation says of one value, written down a second time and differently.
fn slowly(expectation: &Json, value: Option<&str>) -> bool {
    let value = value.map(str::trim).filter(|value| !value.is_empty());
    if expectation.get("not_null").is_some() {
        return value.is_some();
    }
    let Some(value) = value else { return true };
    if let Some(bounds) = expectation.get("range") {
        let Some(number) = value.parse::<f64>().ok().filter(|number| number.is_finite()) else { return false };
        let above = bounds.get("min").and_then(Json::as_f64).is_some_and(|min| number < min);
        let below = bounds.get("max").and_then(Json::as_f64).is_some_and(|max| number > max);
        return !above && !below;
    }
    if let Some(allowed) = expectation.get("allowed").and_then(Json::as_array) {
        return allowed.iter().any(|one| match one {
            Json::String(text) => text == value,
            number => value.parse::<f64>().ok() == number.as_f64(),
        });
    }
    // The one pattern of the test below: one to three small letters.
    (1..=3).contains(&value.chars().count()) && value.chars().all(|c| c.is_ascii_lowercase())
}

proptest! {
    #[test]
    fn columns_are_judged_as_row_by_row(
        values in prop::collection::vec(prop::option::of("[a-c]{1,4}|-?[0-9]{1,2}(\\.5)?| {0,2}|nan|1e3|A"), 0..40),
        kind in 0_usize..5,
        bound in -20_i64..20,
    ) {
        let expectation = [
            json!({"column": "x", "not_null": true}),
            json!({"column": "x", "range": {"min": bound, "max": bound + 15}}),
            json!({"column": "x", "range": {"min": bound}}),
            json!({"column": "x", "allowed": ["a", "bb", bound]}),
            json!({"column": "x", "pattern": "[a-z]{1,3}"}),
        ][kind].clone();
        let refs: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
        let expected: Vec<usize> = (0..refs.len()).filter(|row| !slowly(&expectation, refs[*row])).collect();
        if refs.is_empty() {
            return Ok(());
        }
        prop_assert_eq!(failing(&expectation, &raw(&[("x", &refs)])), expected);
    }
}

#[test]
fn values_beyond_the_bound_are_neither_remembered_nor_given_to_be_stored() {
    let mut uniques = Uniques::default();
    let mut count = |hashes: Vec<u64>| {
        let mut judged = Judged { hashes: vec![(0, hashes)], ..Judged::default() };
        let new = uniques.count(&mut judged);
        (new[0].1.len(), judged.tallies[0].failed)
    };
    assert_eq!(count((0..MOST_UNIQUE as u64).collect()), (MOST_UNIQUE, 0));
    assert_eq!(count(vec![7, u64::MAX, u64::MAX]), (0, 1));
}
