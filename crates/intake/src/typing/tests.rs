//! Mapped columns into facts: what is filled in, what is flagged, what is quarantined.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Decimal128Type, Float64Type, Int32Type, Schema, TimestampMicrosecondType};
use clew_identity::Rules;
use clew_model::tables::Table;

use super::*;
use crate::spec::CleanseSpec;

fn origin() -> Origin {
    Origin {
        source: "shop".into(),
        population: "customer".into(),
        rules: Arc::new(Rules::default().compile().unwrap()),
        zone: Some(TimeZone::get("Europe/Berlin").unwrap()),
        language: Some("de".into()),
        currency: Some("EUR".into()),
        promoted: Vec::new(),
        versions: false,
        conventions: Arc::default(),
    }
}

/// Types text columns as facts of `table`.
fn typed_by(origin: Origin, table: &str, columns: &[(&str, &[Option<&str>])]) -> (Typed, Candidates) {
    let table = Table::find(table).unwrap();
    let n = columns[0].1.len();
    let mut arrays: Vec<(&str, ArrayRef, bool)> = vec![(ROW, Arc::new(Int64Array::from_iter_values(1..=n as i64)), false)];
    for (name, values) in columns {
        arrays.push((name, Arc::new(StringArray::from(values.to_vec())), true));
    }
    let output = RecordBatch::try_from_iter_with_nullable(arrays).unwrap();
    let schema: &Schema = &output.schema();
    assert_eq!(slots::problems(table, schema, &origin.rules, origin.versions), []);
    let keys: Vec<(u64, u32)> = (0..n as u64).map(|hash| (hash, 1)).collect();
    let arrival = Arrival { received_at: 7, file: "f.csv", first_row: 1, keys: &keys };
    let mut candidates = Candidates::default();
    let typed = Typer::new(Arc::new(origin), table, schema).apply(&output, &arrival, &mut candidates);
    (typed, candidates)
}

fn typed(table: &str, columns: &[(&str, &[Option<&str>])]) -> Typed {
    typed_by(origin(), table, columns).0
}

fn text(typed: &Typed, column: &str) -> Vec<Option<String>> {
    convert::text(typed.rows.column_by_name(column).unwrap()).iter().map(|value| value.map(str::to_owned)).collect()
}

fn flags(typed: &Typed, row: usize) -> Vec<String> {
    let quality = typed.rows.column_by_name("quality").unwrap().as_list::<i32>().clone();
    if quality.is_null(row) {
        return Vec::new();
    }
    quality.value(row).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
}

fn reasons(typed: &Typed) -> Vec<(i64, &'static str)> {
    typed.failures.iter().map(|failure| (failure.row_no, failure.reason)).collect()
}

#[test]
fn an_event_is_typed_canonical_and_complete() {
    let (typed, candidates) = typed_by(
        origin(),
        "events",
        &[
            ("id", &[Some("1"), Some("2")]),
            ("name", &[Some("order_placed"), Some("called")]),
            ("channel", &[Some(" Web "), Some("Fax")]),
            ("occurred_at", &[Some("2026-07-01 12:00:00"), Some("2026-01-01T00:00:00Z")]),
            ("amount", &[Some("19.99"), None]),
            ("identifier_email", &[Some(" Ann@X.org "), Some("null")]),
            ("identifier_user_id", &[Some("7"), Some("7")]),
            ("property_step", &[Some("3"), None]),
            ("text", &[Some("Danke"), None]),
        ],
    );
    assert!(typed.failures.is_empty(), "{:?}", typed.failures);
    assert_eq!(text(&typed, "channel"), [Some("web".into()), Some("system".into())]);
    assert_eq!(flags(&typed, 0), ["identifier_email:trimmed", "identifier_email:case_changed"]);
    assert_eq!(flags(&typed, 1), ["blocked_identifier", "unknown_channel", "identifier_email:placeholder"]);
    assert_eq!(text(&typed, "properties"), [Some(r#"{"step":"3"}"#.into()), Some(r#"{"channel":"Fax"}"#.into())]);
    assert_eq!(text(&typed, "currency"), [Some("EUR".into()), None]);
    assert_eq!(text(&typed, "language"), [Some("de".into()), None]);
    let at = typed.rows.column_by_name("occurred_at").unwrap().as_primitive::<TimestampMicrosecondType>().clone();
    assert_eq!(at.value(0), "2026-07-01T10:00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let offsets = typed.rows.column_by_name("utc_offset_min").unwrap().as_primitive::<Int32Type>().clone();
    assert_eq!((offsets.value(0), offsets.is_null(1)), (120, true));
    let amounts = typed.rows.column_by_name("amount").unwrap().as_primitive::<Decimal128Type>().clone();
    assert_eq!(amounts.value(0), 199_900);
    let identifiers = typed.rows.column_by_name("identifiers").unwrap().as_list::<i32>().value(0);
    let identifiers = identifiers.as_struct();
    let pairs: Vec<_> =
        identifiers.column(0).as_string::<i32>().iter().zip(identifiers.column(1).as_string::<i32>().iter()).collect();
    assert_eq!(pairs, [(Some("email"), Some("ann@x.org")), (Some("user_id"), Some("7"))]);
    assert_eq!(candidates.iter().count(), 2);
}

#[test]
fn what_does_not_fit_is_quarantined_with_its_reason_and_without_its_value() {
    let ok = Some("x");
    let typed = typed(
        "events",
        &[
            ("id", &[ok, None, ok, ok, ok, ok, ok]),
            ("name", &[ok, ok, Some(" "), ok, ok, ok, ok]),
            ("channel", &[Some("web"), Some("web"), Some("web"), None, Some("web"), Some("web"), Some("web")]),
            (
                "occurred_at",
                &[
                    Some("2026-01-01"),
                    Some("2026-01-01"),
                    Some("2026-01-01"),
                    Some("2026-01-01"),
                    Some("Anna's day"),
                    Some("2026-01-01"),
                    Some("2026-01-01"),
                ],
            ),
            ("amount", &[Some("1"), None, None, None, None, Some("1e99"), Some("99999999999999999")]),
        ],
    );
    let expected = [
        (2, "missing_value"),
        (3, "missing_value"),
        (4, "missing_value"),
        (5, "invalid_time"),
        (6, "invalid_number"),
        (7, "number_too_large"),
    ];
    assert_eq!(reasons(&typed), expected);
    assert_eq!((typed.produced, typed.rows.num_rows(), typed.content.len()), (7, 1, 1));
    assert_eq!(typed.failures[0].detail, "id is missing");
    assert!(typed.failures.iter().all(|failure| !failure.detail.contains("Anna") && !failure.detail.contains("1e99")));
}

#[test]
fn an_answer_gets_the_scale_of_its_kind() {
    let typed = typed(
        "responses",
        &[
            ("survey", &[Some("s"), Some("s"), Some("s")]),
            ("question", &[Some("q"), Some("q"), Some("q")]),
            ("kind", &[Some("nps"), Some("CSAT"), Some("stars")]),
            ("score", &[Some("11"), Some("5"), Some("1")]),
            ("answered_at", &[Some("2026-01-01"), Some("2026-01-01"), Some("2026-01-01")]),
        ],
    );
    assert_eq!(reasons(&typed), [(3, "unknown_word")]);
    let high = typed.rows.column_by_name("scale_max").unwrap().as_primitive::<Float64Type>().clone();
    assert_eq!(high.values(), &[10.0, 5.0]);
    assert_eq!((flags(&typed, 0), flags(&typed, 1)), (vec!["score_out_of_scale".to_owned()], vec![]));
    assert_eq!(text(&typed, "respondent"), [Some("customer".into()), Some("customer".into())]);
    assert_eq!(text(&typed, "response_id")[0], Some("0000000000000.1".into()));
}

#[test]
fn a_record_is_its_own_subject_and_carries_its_content() {
    let (typed, candidates) = typed_by(
        origin(),
        "records",
        &[
            ("id", &[Some("1"), Some("2"), Some("1")]),
            ("identifier_email", &[Some("a@x.org"), Some("a@x.org"), Some("a@x.org")]),
            ("country", &[Some("de"), Some("Deutschland"), Some("DE")]),
            ("emails", &[Some("a@x.org"), None, Some("a@x.org")]),
        ],
    );
    let subjects = typed.rows.column_by_name("subject").unwrap().as_primitive::<Int64Type>().clone();
    assert_ne!(subjects.value(0), subjects.value(1));
    assert_eq!(subjects.value(0), subjects.value(2));
    assert_eq!(candidates.iter().count(), 2);
    let content = text(&typed, "content");
    assert_eq!(content[0], content[2]);
    assert_ne!(content[0], content[1]);
    assert_eq!(text(&typed, "kind")[0], Some("person".into()));
    assert_eq!(text(&typed, "country"), [Some("DE".into()), Some("DE".into()), Some("DE".into())]);
    assert_eq!(text(&typed, "raw"), [None, Some(r#"{"country":"Deutschland"}"#.into()), None]);
    assert_eq!(flags(&typed, 1), ["country:alias_resolved"]);
    assert_eq!(text(&typed, "valid_from")[0].as_deref(), Some("1970-01-01T00:00:00.000007Z"));
}

/// A typer of before knew no names of countries and kept the word in `attributes`; its facts must be met again.
#[test]
fn what_is_said_stays_as_it_was_before_there_was_cleansing() {
    let names: &[Option<&str>] = &[Some("GRETA"), Some("GRETA")];
    let found = typed(
        "records",
        &[("id", &[Some("1"), Some("1")]), ("given_name", names), ("country", &[Some("Deutschland"), Some("Atlantis")])],
    );
    let kept = typed(
        "records",
        &[
            ("id", &[Some("1"), Some("1")]),
            ("given_name", names),
            ("country", &[None, None]),
            ("property_country", &[Some("Deutschland"), Some("Atlantis")]),
        ],
    );
    assert_eq!(found.content, kept.content);
    assert_eq!(text(&found, "country"), [Some("DE".into()), None]);
    assert_eq!(text(&found, "attributes"), [None, Some(r#"{"country":"Atlantis"}"#.into())]);
    // Without what cleansing made of it, and with it.
    let off =
        ["given_name", "emails", "phones", "identifier_email", "identifier_phone", "birth_date", "derived"].map(str::to_owned);
    let spec = CleanseSpec { off: off.to_vec(), ..CleanseSpec::default() };
    let plain = Conventions::of(&spec, &crate::spec::Defaults::default()).unwrap();
    let columns: &[(&str, &[Option<&str>])] = &[
        ("id", &[Some("1"), Some("2")]),
        ("given_name", &[Some("  GRETA "), Some("test")]),
        ("birth_date", &[Some("1980-01-31"), Some("1900-01-01")]),
        ("emails", &[Some("A@acme.com "), Some("none@none.com")]),
        ("phones", &[Some("+49 30 901820"), Some("0000000000")]),
        ("identifier_email", &[Some("A@acme.com "), Some("none@none.com")]),
        ("identifier_phone", &[Some("+49 30 901820"), Some("12")]),
    ];
    let (plain, _) = typed_by(Origin { conventions: Arc::new(plain), ..origin() }, "records", columns);
    let clean = typed("records", columns);
    assert_eq!(plain.content, clean.content);
    assert_eq!(text(&plain, "given_name"), [Some("  GRETA ".into()), Some("test".into())]);
    assert_eq!(text(&clean, "given_name"), [Some("Greta".into()), None]);
    assert_eq!((text(&plain, "raw"), text(&plain, "derived")), (vec![None, None], vec![None, None]));
}

#[test]
fn content_does_not_depend_on_the_other_rows_of_the_chunk() {
    let record = |dates: &[Option<&str>]| {
        let ids: Vec<Option<&str>> = dates.iter().map(|_| Some("1")).collect();
        typed("records", &[("id", &ids), ("birth_date", dates)]).content
    };
    let among_others = record(&[Some("0000-00-00"), Some("1900-01-01"), Some("1980-01-31"), None]);
    for (row, date) in [Some("0000-00-00"), Some("1900-01-01"), Some("1980-01-31"), None].into_iter().enumerate() {
        assert_eq!(record(&[date]), [among_others[row]], "{date:?}");
    }
    let event = |amounts: &[Option<&str>]| {
        let all = |value| amounts.iter().map(|_| Some(value)).collect::<Vec<_>>();
        let (ids, times) = (all("1"), all("2026-01-01"));
        typed("events", &[("id", &ids), ("name", &ids), ("channel", &all("web")), ("occurred_at", &times), ("amount", amounts)])
            .content
    };
    let among_others = event(&[Some("n/a"), Some("1,5"), Some("2"), None]);
    for (row, amount) in [Some("n/a"), Some("1,5"), Some("2"), None].into_iter().enumerate() {
        assert_eq!(event(&[amount]), [among_others[row]], "{amount:?}");
    }
}

#[test]
fn every_field_is_counted() {
    let typed = typed(
        "events",
        &[
            ("id", &[Some("1"), Some("2"), Some("3"), Some("4")]),
            ("name", &[Some("x"), Some("x"), Some("x"), None]),
            ("channel", &[Some("web"), Some("Website"), Some("Fax"), Some("web")]),
            ("occurred_at", &[Some("2026-01-01"), Some("2026-01-01"), Some("whenever"), Some("2026-01-01")]),
            ("amount", &[Some("1.5"), Some("1,5"), Some("-"), None]),
            ("text", &[Some("Danke"), Some(" Danke "), None, Some("  ")]),
            ("identifier_email", &[Some("ann@acme.com"), Some("Ann@acme.com"), Some("nobody"), None]),
        ],
    );
    let counts = |field: &str| {
        let counts = typed.fields.iter().find(|counts| counts.field == field).unwrap();
        [counts.n, counts.nulls, counts.invalid, counts.changed]
    };
    for (field, expected) in [
        ("name", [4, 1, 0, 0]),
        ("channel", [4, 0, 1, 1]),
        ("occurred_at", [4, 0, 1, 0]),
        ("amount", [4, 1, 1, 1]),
        ("text", [4, 2, 0, 1]),
        ("identifier_email", [4, 1, 1, 1]),
    ] {
        assert_eq!(counts(field), expected, "{field}");
    }
    assert_eq!(typed.produced, 4);
}

#[test]
fn a_promoted_property_is_a_typed_column() {
    let mut origin = origin();
    origin.promoted = vec![("delay_days".into(), PromotedType::Int), ("vip".into(), PromotedType::Boolean)];
    let ok = Some("x");
    let (typed, _) = typed_by(
        origin,
        "events",
        &[
            ("id", &[ok, ok, ok]),
            ("name", &[ok, ok, ok]),
            ("channel", &[Some("web"), Some("web"), Some("web")]),
            ("occurred_at", &[Some("2026-01-01"), Some("2026-01-01"), Some("2026-01-01")]),
            ("property_delay_days", &[Some("3"), None, Some("three")]),
            ("properties", &[Some(r#"{"vip": true}"#), None, None]),
        ],
    );
    assert_eq!(reasons(&typed), [(3, "invalid_number")]);
    assert_eq!(text(&typed, "p_delay_days"), [Some("3".into()), None]);
    assert_eq!(text(&typed, "p_vip"), [Some("true".into()), None]);
}

#[test]
fn the_columns_of_a_mapping_are_checked_by_name_and_type() {
    let table = Table::find("events").unwrap();
    let rules = Rules::default().compile().unwrap();
    let field = |name: &str, kind: DataType| Field::new(name, kind, true);
    let output = Schema::new(vec![
        field(ROW, DataType::Int64),
        field("ocurred_at", DataType::Utf8),
        field("occurred_at", DataType::Int64),
        field("identifier_emial", DataType::Utf8),
        field("source", DataType::Utf8),
        field("name", DataType::new_list(DataType::Utf8, true)),
    ]);
    let told: Vec<String> =
        slots::problems(table, &output, &rules, true).into_iter().map(|p| format!("{}; {}", p.message, p.remedy)).collect();
    assert_eq!(told.len(), 7, "{told:#?}");
    assert!(told[0].contains("no column ocurred_at; did you mean occurred_at?"));
    assert!(told[1].contains("epoch_seconds"));
    assert!(told[2].contains("did you mean identifier_email?"));
    assert!(told[3].contains("filled in by the import"));
    assert!(told[4].contains("name cannot hold"));
    assert!(told[5].contains("the column channel is missing"));
    assert!(told[6].contains("need an id"));
}
