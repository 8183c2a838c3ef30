//! Bodies into facts: what each call becomes, what is set aside and why, and that no bytes make it panic.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use clew_identity::Rules;
use clew_model::Channel;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::outcome::{Outcome, Taken};
use crate::typing::{Origin, convert};

/// 2026-01-31T12:00:00Z.
const NOW: i64 = 1_769_860_800_000_000;

fn tracker() -> Tracker {
    let origin = Origin {
        source: "website".into(),
        population: "customer".into(),
        rules: Arc::new(Rules::default().compile().unwrap()),
        zone: None,
        language: None,
        currency: Some("EUR".into()),
        promoted: Vec::new(),
        versions: false,
        conventions: Arc::default(),
    };
    Tracker::new(&Arc::new(origin), None, "measure")
}

fn taken_at(call: Call, body: &[u8], received: i64) -> Result<Taken, BodyError> {
    let tracker = tracker();
    let body = Body::read(body, call, tracker.purpose())?;
    let mut draft = Draft::new(&tracker);
    draft.add(&body, call, received);
    let taken = draft.finish(received, 1);
    check(&taken);
    Ok(taken)
}

fn taken(call: Call, body: &Value) -> Taken {
    taken_at(call, body.to_string().as_bytes(), NOW).unwrap()
}

fn one(kind: Kind, message: &Value) -> Taken {
    taken(Call::One(kind), message)
}

/// Both equations and the places hold, whatever came in.
fn check(taken: &Taken) {
    let rows = taken.rows;
    assert_eq!(rows.read, rows.mapped + rows.skipped + rows.unreadable);
    assert_eq!(rows.read as usize, taken.outcomes.len());
    assert_eq!(taken.ids.len(), taken.outcomes.len());
    assert_eq!(taken.facts.len(), taken.places.len());
    for (facts, places) in taken.facts.iter().zip(&taken.places) {
        let n = facts.rows.num_rows();
        assert_eq!(facts.produced, n as u64 + facts.quarantined + facts.rejected);
        assert_eq!((facts.content.len(), places.len()), (n, n));
        assert!(places.iter().all(|place| (*place as usize) < taken.outcomes.len()));
    }
    let quarantined: u64 = taken.facts.iter().map(|facts| facts.quarantined).sum();
    assert_eq!(quarantined + rows.unreadable, taken.refused.len() as u64);
}

fn rows<'a>(taken: &'a Taken, table: &str) -> &'a RecordBatch {
    &taken.facts.iter().find(|facts| facts.table == table && facts.rows.num_rows() > 0).expect("facts of the table").rows
}

/// A column as text, of the first fact of the table.
fn cell(taken: &Taken, table: &str, column: &str) -> Option<String> {
    let column = rows(taken, table).column_by_name(column).unwrap();
    if let Some(list) = column.as_list_opt::<i32>() {
        return list.is_valid(0).then(|| convert::text(&list.value(0)).iter().flatten().collect::<Vec<_>>().join(","));
    }
    let text = convert::text(column);
    text.is_valid(0).then(|| text.value(0).to_owned())
}

fn event(message: &Value, column: &str) -> Option<String> {
    cell(&one(Kind::Track, message), "events", column)
}

fn instant(taken: &Taken, table: &str, column: &str) -> i64 {
    rows(taken, table).column_by_name(column).unwrap().as_primitive::<TimestampMicrosecondType>().value(0)
}

/// Type and value of the identifiers of the first fact.
fn identifiers(rows: &RecordBatch) -> Vec<(String, String)> {
    let list = rows.column_by_name("identifiers").unwrap().as_list::<i32>().clone();
    if list.is_null(0) {
        return Vec::new();
    }
    let items = list.value(0);
    let items = items.as_struct();
    let text = |at: usize| items.column(at).as_string::<i32>().iter().map(|value| value.unwrap().to_owned()).collect::<Vec<_>>();
    text(0).into_iter().zip(text(1)).collect()
}

fn pair(kind: &str, value: &str) -> (String, String) {
    (kind.to_owned(), value.to_owned())
}

/// Code of the only message, which is in quarantine.
fn code(call: Call, body: &Value) -> &'static str {
    let taken = taken(call, body);
    assert_eq!(taken.refused.len(), 1, "{body}");
    match &taken.outcomes[..] {
        [Outcome::Quarantined { code, .. }] => {
            assert_eq!(taken.refused[0].reason, *code);
            code
        }
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn a_track_call_is_an_event_named_after_it() {
    let message = json!({
        "messageId": "m1", "event": "Order Completed", "userId": 7, "anonymousId": "a1",
        "timestamp": "2026-01-31T13:00:00.250+02:00",
        "properties": {"revenue": "19.90", "currency": "usd", "orderId": "o9", "sku": "s3", "conversation_id": "c1", "nested": {"a": [1]}},
        "context": {"traits": {"email": "ann@x.org", "phone": "+4930901820"}, "ip": "10.0.0.1", "locale": "de", "page": {"url": "https://x.org/"}}
    });
    let taken = one(Kind::Track, &message);
    let cell = |column: &str| cell(&taken, "events", column);
    for (column, expected) in [
        ("event_id", "m1"),
        ("source", "website"),
        ("name", "order_completed"),
        ("channel", "web"),
        ("reference", "o9"),
        ("product", "s3"),
        ("conversation_id", "c1"),
        ("amount", "19.9000"),
        ("currency", "USD"),
        ("utc_offset_min", "120"),
        ("file", "/v1"),
        ("row_no", "1"),
    ] {
        assert_eq!(cell(column).as_deref(), Some(expected), "{column}");
    }
    assert_eq!(instant(&taken, "events", "occurred_at"), NOW - 3_600_000_000 + 250_000);
    let mut expected = message["properties"].clone();
    expected["context"] = json!({"locale": "de", "page": {"url": "https://x.org/"}});
    assert_eq!(serde_json::from_str::<Value>(&cell("properties").unwrap()).unwrap(), expected);
    assert_eq!(
        identifiers(rows(&taken, "events")),
        [pair("anonymous_id", "a1"), pair("email", "ann@x.org"), pair("phone", "+4930901820"), pair("user_id", "7")]
    );
    assert_eq!(taken.candidates.iter().count(), 1);
    assert_eq!(cell("quality"), None);
}

#[test]
fn pages_and_screens_keep_their_name_as_a_property() {
    let page = one(
        Kind::Page,
        &json!({"userId": "u", "messageId": "m", "name": "Pricing", "category": "Docs", "properties": {"name": "own"}}),
    );
    assert_eq!(cell(&page, "events", "name").as_deref(), Some("page_viewed"));
    assert_eq!(cell(&page, "events", "properties").as_deref(), Some(r#"{"name":"own","category":"Docs"}"#));
    let screen = one(Kind::Screen, &json!({"userId": "u", "messageId": "m", "name": "Cart"}));
    assert_eq!(cell(&screen, "events", "name").as_deref(), Some("screen_viewed"));
    assert_eq!(cell(&screen, "events", "channel").as_deref(), Some("app"));
    assert_eq!(cell(&screen, "events", "properties").as_deref(), Some(r#"{"name":"Cart"}"#));
}

#[test]
fn a_name_that_loses_something_is_kept_beside() {
    let of = |event: &str| super::tests::event(&json!({"userId": "u", "event": event}), "properties");
    assert_eq!(of("Order-Completed"), None);
    assert_eq!(of("50% off!").as_deref(), Some(r#"{"event_text":"50% off!"}"#));
}

#[test]
fn the_channel_is_said_or_shown_or_the_sources() {
    let of = |more: Value| {
        let mut message = json!({"userId": "u", "event": "e"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event(&message, "channel").unwrap()
    };
    assert_eq!(of(json!({})), "system");
    assert_eq!(of(json!({"channel": "mobile", "context": {"page": {"url": "x"}}})), "app");
    assert_eq!(of(json!({"context": {"channel": "server"}})), "system");
    assert_eq!(of(json!({"channel": "browser", "context": {"page": {"url": "x"}}})), "web", "no word of ours");
    assert_eq!(of(json!({"context": {"app": {"name": "x"}, "page": {"url": "x"}}})), "app");
    assert_eq!(of(json!({"context": {"device": {"type": "iOS"}}})), "app");
    assert_eq!(of(json!({"context": {"os": {"name": "Android"}}})), "app");
    assert_eq!(of(json!({"context": {"userAgent": "Mozilla/5.0 (X11)"}})), "web");
    assert_eq!(of(json!({"context": {"userAgent": "curl/8"}})), "system");
    let tracker = Tracker::new(&tracker_origin(), Some(Channel::Store), "measure");
    let body = json!({"userId": "u", "event": "e"}).to_string();
    let body = Body::read(body.as_bytes(), Call::One(Kind::Track), "measure").unwrap();
    let mut draft = Draft::new(&tracker);
    draft.add(&body, Call::One(Kind::Track), NOW);
    assert_eq!(cell(&draft.finish(NOW, 1), "events", "channel").as_deref(), Some("store"));
}

fn tracker_origin() -> Arc<Origin> {
    Arc::new(Origin {
        source: "till".into(),
        population: "customer".into(),
        rules: Arc::new(Rules::default().compile().unwrap()),
        zone: None,
        language: None,
        currency: None,
        promoted: Vec::new(),
        versions: false,
        conventions: Arc::default(),
    })
}

#[test]
fn money_is_the_first_amount_and_other_values_stay_properties() {
    let amount = |properties: Value| {
        let taken = one(Kind::Track, &json!({"userId": "u", "event": "e", "properties": properties}));
        let column = rows(&taken, "events").column_by_name("amount").unwrap().as_primitive::<Decimal128Type>().clone();
        (column.is_valid(0).then(|| column.value(0)), cell(&taken, "events", "currency"), cell(&taken, "events", "quality"))
    };
    let eur = Some("EUR".to_owned());
    assert_eq!(amount(json!({"revenue": 12.5, "total": 20})), (Some(125_000), eur.clone(), None));
    assert_eq!(amount(json!({"revenue": null, "total": 20})), (Some(200_000), eur.clone(), None));
    assert_eq!(amount(json!({"value": 1e3})), (Some(10_000_000), eur.clone(), None));
    assert_eq!(amount(json!({"value": "yes", "currency": "points"})), (None, None, None));
    assert_eq!(amount(json!({"revenue": "12,50 €"})), (None, None, Some("unread_amount".into())));
    assert_eq!(amount(json!({"revenue": 0.123_456})), (Some(1_235), eur, Some("rounded_amount".into())));
    let wrong = json!({"userId": "u", "event": "e", "properties": {"revenue": 1, "currency": "moneys"}});
    assert_eq!(code(Call::One(Kind::Track), &wrong), "invalid_currency");
}

#[test]
fn an_event_tells_its_device_campaign_and_referrer() {
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    let derived = |context: Value| {
        let message = json!({"userId": "u", "event": "e", "timestamp": "2026-01-31T13:00:00.000+02:00", "context": context});
        let derived = cell(&one(Kind::Track, &message), "events", "derived").unwrap();
        serde_json::from_str::<Value>(&derived).unwrap()
    };
    let hour = json!({"weekday": 6, "hour": 13, "business_hours": false});
    assert_eq!(derived(json!({})), hour);
    let mut expected = hour.clone();
    let device = [("device_class", "desktop"), ("os", "Windows"), ("browser", "Chrome"), ("browser_version", "126")];
    let visit = [("campaign_source", "news"), ("campaign", "May"), ("referrer_class", "internal")];
    device.iter().chain(&visit).for_each(|(key, value)| expected[*key] = json!(value));
    let page = json!({"url": "https://x.org/a?utm_source=news&utm_campaign=May", "referrer": "https://x.org/"});
    assert_eq!(derived(json!({"userAgent": agent, "page": page})), expected);
    // What the sender states counts before the address.
    let stated = derived(json!({"campaign": {"name": "June", "source": "ads"}, "page": page}));
    assert_eq!((&stated["campaign"], &stated["campaign_source"]), (&json!("June"), &json!("ads")));
}

#[test]
fn identify_is_a_record_with_known_traits_in_columns() {
    let message = json!({
        "userId": "u1", "anonymousId": "a1", "timestamp": "2026-01-30T12:00:00Z",
        "traits": {
            "email": "Ann@x.org", "phone": "030 901820", "firstName": "Ann", "lastName": "Lee", "birthday": "1990-02-03T00:00:00.000Z",
            "address": {"street": "Main 1", "city": "Bonn", "state": "NRW", "postalCode": "53111", "country": "de"},
            "company": {"name": "Larkmoor"}, "plan": "gold", "logins": 5
        }
    });
    let taken = one(Kind::Identify, &message);
    for (column, expected) in [
        ("record_id", "u1"),
        ("kind", "person"),
        ("given_name", "Ann"),
        ("family_name", "Lee"),
        ("birth_date", "1990-02-03"),
        ("emails", "ann@x.org"),
        ("phones", "+4930901820"),
        ("street", "Main 1"),
        ("city", "Bonn"),
        ("region", "NRW"),
        ("postcode", "53111"),
        ("country", "DE"),
        ("organisation", "Larkmoor"),
        ("attributes", r#"{"plan":"gold","logins":5}"#),
    ] {
        assert_eq!(cell(&taken, "records", column).as_deref(), Some(expected), "{column}");
    }
    assert_eq!(instant(&taken, "records", "valid_from"), NOW - 24 * 3_600_000_000);
    assert_eq!(
        identifiers(rows(&taken, "records")),
        [pair("anonymous_id", "a1"), pair("email", "ann@x.org"), pair("phone", "+4930901820"), pair("user_id", "u1")]
    );
}

#[test]
fn what_has_no_column_stays_an_attribute() {
    let of = |traits: Value| cell(&one(Kind::Identify, &json!({"userId": "u", "traits": traits})), "records", "attributes");
    assert_eq!(of(json!({"a": 1, "email": "x@y.org", "b": 2, "c": [1, 2]})).as_deref(), Some(r#"{"a":1,"b":2,"c":[1,2]}"#));
    assert_eq!(of(json!({"company": {"name": "L", "plan": "x"}})).as_deref(), Some(r#"{"company":{"name":"L","plan":"x"}}"#));
    assert_eq!(of(json!({"address": {"city": "Bonn", "lat": 1}})).as_deref(), Some(r#"{"address":{"city":"Bonn","lat":1}}"#));
    assert_eq!(of(json!({"email": ["x"], "address": "Bonn"})).as_deref(), Some(r#"{"email":["x"],"address":"Bonn"}"#));
    // RudderStack's libraries put traits into the context.
    let in_context = json!({"userId": "u", "context": {"traits": {"email": "x@y.org", "a": 1}}});
    let taken = one(Kind::Identify, &in_context);
    assert_eq!(cell(&taken, "records", "emails").as_deref(), Some("x@y.org"));
    assert_eq!(cell(&taken, "records", "attributes").as_deref(), Some(r#"{"a":1}"#));
}

#[test]
fn identify_without_anything_is_skipped_and_two_ids_are_something() {
    let nothing = one(Kind::Identify, &json!({"userId": "u", "traits": {}}));
    assert_eq!((nothing.rows.skipped, &nothing.outcomes[..]), (1, &[Outcome::Skipped][..]));
    assert!(nothing.facts.is_empty());
    let both = one(Kind::Identify, &json!({"userId": "u", "anonymousId": "a"}));
    assert_eq!(both.rows.mapped, 1);
}

#[test]
fn a_group_is_an_organisation_and_a_tie_to_it() {
    let taken = one(Kind::Group, &json!({"userId": "u", "groupId": "g1", "traits": {"name": "Larkmoor", "size": 9}}));
    let batches: Vec<&RecordBatch> = taken.facts.iter().map(|facts| &facts.rows).collect();
    let text = |rows: &RecordBatch, column: &str| {
        let column = convert::text(rows.column_by_name(column).unwrap());
        column.is_valid(0).then(|| column.value(0).to_owned())
    };
    let [person, organisation] = batches[..] else { panic!("two batches") };
    assert_eq!(text(person, "record_id").as_deref(), Some("u"));
    assert_eq!(text(person, "organisation").as_deref(), Some("Larkmoor"));
    assert_eq!(text(person, "attributes").as_deref(), Some(r#"{"group_id":"g1"}"#));
    assert_eq!(identifiers(person), [pair("user_id", "u")]);
    assert_eq!(text(organisation, "record_id").as_deref(), Some("group:g1"));
    assert_eq!(text(organisation, "kind").as_deref(), Some("organisation"));
    assert_eq!(text(organisation, "population").as_deref(), Some("organisation"));
    assert_eq!(text(organisation, "attributes").as_deref(), Some(r#"{"size":9,"group_id":"g1"}"#));
    assert_eq!((taken.rows.read, taken.rows.mapped), (1, 1));
    assert_eq!(code(Call::One(Kind::Group), &json!({"userId": "u"})), "missing_value");
}

#[test]
fn an_alias_carries_both_ids() {
    let taken = one(Kind::Alias, &json!({"userId": "u", "previousId": "a"}));
    assert_eq!(identifiers(rows(&taken, "records")), [pair("anonymous_id", "a"), pair("user_id", "u")]);
    assert_eq!(code(Call::One(Kind::Alias), &json!({"userId": "u"})), "missing_value");
}

#[test]
fn the_clients_clock_is_corrected_but_not_for_imports() {
    // Ten minutes late, and the event three seconds old when it was sent.
    let body = json!({"sentAt": "2026-01-31T11:50:00Z", "batch": [{"type": "track", "event": "e", "userId": "u", "timestamp": "2026-01-31T11:49:57Z"}]});
    let live = taken(Call::Batch, &body);
    assert_eq!(instant(&live, "events", "occurred_at"), NOW - 3_000_000);
    assert_eq!(instant(&live, "events", "sent_at"), NOW - 600_000_000);
    assert_eq!(cell(&live, "events", "quality").as_deref(), Some("clock_skew"));
    let past = taken(Call::Import, &body);
    assert_eq!(instant(&past, "events", "occurred_at"), NOW - 603_000_000);
    assert_eq!(cell(&past, "events", "quality"), None);
    // RudderStack's name for the client's time; none at all is now.
    assert_eq!(
        instant(
            &one(Kind::Track, &json!({"userId": "u", "event": "e", "originalTimestamp": "2026-01-01T00:00:00Z"})),
            "events",
            "occurred_at"
        ),
        1_767_225_600_000_000
    );
    assert_eq!(instant(&one(Kind::Track, &json!({"userId": "u", "event": "e"})), "events", "occurred_at"), NOW);
}

#[test]
fn a_retry_is_the_same_fact_whenever_it_arrives_and_another_content_is_not() {
    let body = |sent: &str, price: u32| {
        json!({"sentAt": sent, "batch": [
            {"type": "track", "event": "e", "userId": "u", "messageId": "m", "timestamp": "2026-01-31T11:59:00Z", "properties": {"price": price}},
            {"type": "identify", "userId": "u", "traits": {"plan": "gold"}, "timestamp": "2026-01-31T11:59:00Z"},
        ]})
        .to_string()
    };
    let content = |body: String, received: i64| {
        let taken = taken_at(Call::Batch, body.as_bytes(), received).unwrap();
        let ids: Vec<_> = taken.facts.iter().map(|facts| convert::text(facts.rows.column(0)).value(0).to_owned()).collect();
        let content: Vec<u64> = taken.facts.iter().map(|facts| facts.content[0]).collect();
        (ids, content, instant(&taken, "events", "occurred_at"))
    };
    let first = content(body("2026-01-31T12:00:00Z", 1), NOW);
    let again = content(body("2026-01-31T12:00:05Z", 1), NOW + 7_000_000);
    assert_eq!((&first.0, &first.1), (&again.0, &again.1));
    assert_ne!(first.2, again.2, "the corrected time did change");
    assert_ne!(first.1[0], content(body("2026-01-31T12:00:00Z", 2), NOW).1[0]);
}

#[test]
fn without_a_message_id_the_message_is_its_own() {
    let ids = |body: &str| {
        let taken = taken_at(Call::Batch, body.as_bytes(), NOW).unwrap();
        convert::text(rows(&taken, "events").column(0)).iter().map(|id| id.unwrap().to_owned()).collect::<Vec<_>>()
    };
    let same = r#"{"batch":[{"type":"track","event":"e","userId":"u","sentAt":"A"},{"type":"track","event":"e","userId":"u","sentAt":"A"}]}"#;
    let first = ids(same);
    assert_ne!(first[0], first[1], "two equal messages of one body are two");
    assert_eq!(first, ids(&same.replace("\"A\"", "\"2026-01-31T12:00:00Z\"")), "sentAt is not what was said");
    assert_ne!(first[0], ids(&same.replace("\"e\"", "\"f\""))[0]);
    // A key in the message is neither in its id nor in quarantine.
    let keyed =
        |key: &str| taken_at(Call::One(Kind::Track), format!(r#"{{"writeKey":"{key}","userId":"u"}}"#).as_bytes(), NOW).unwrap();
    assert_eq!(keyed("ck_secret").refused[0].raw, r#"{"writeKey":"","userId":"u"}"#);
}

#[test]
fn each_message_that_breaks_a_rule_is_set_aside_alone() {
    let long = "x".repeat(300);
    let deep = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    let large = "x".repeat(33 << 10);
    let cases = [
        (json!({"type": "track", "event": "e"}), "missing_identifier"),
        (json!({"type": "track", "userId": " ", "anonymousId": null, "event": "e"}), "missing_identifier"),
        (json!({"type": "track", "userId": "u"}), "missing_value"),
        (json!({"type": "track", "userId": "u", "event": "🎉"}), "missing_value"),
        (json!({"type": "track", "userId": "u", "event": {"a": 1}}), "missing_value"),
        (json!({"type": "track", "userId": long, "event": "e"}), "value_too_long"),
        (json!({"type": "track", "userId": "u", "event": long}), "value_too_long"),
        (json!({"type": "track", "userId": "u", "event": "e", "messageId": long}), "value_too_long"),
        (json!({"type": "track", "userId": "u", "event": "e", "properties": {"a": large}}), "event_too_large"),
        (
            json!({"type": "track", "userId": "u", "event": "e", "properties": serde_json::from_str::<Value>(&deep).unwrap()}),
            "nested_too_deeply",
        ),
        (json!({"type": "track", "userId": "u", "event": "e", "timestamp": "yesterday"}), "invalid_time"),
        (json!({"type": "track", "userId": "u", "event": "e", "timestamp": 1_769_860_800}), "invalid_time"),
        (json!({"type": "track", "userId": "u", "event": "e", "timestamp": "9999-12-31T00:00:00Z"}), "time_out_of_range"),
        (json!({"type": "track", "userId": "u", "event": "e", "timestamp": "1969-12-31T00:00:00Z"}), "time_out_of_range"),
        (json!({"type": "identify", "userId": "u", "traits": {"birthday": "soon"}}), "invalid_date"),
        (json!({"type": "teleport", "userId": "u"}), "unknown_call"),
        (json!({"userId": "u", "event": "e"}), "unknown_call"),
        (json!(7), "unreadable"),
    ];
    for (message, expected) in &cases {
        assert_eq!(code(Call::Batch, &json!({"batch": [message]})), *expected, "{message:.80}");
    }
    let good = json!({"type": "track", "userId": "u", "event": "e"});
    let mut all: Vec<Value> = cases.iter().map(|(message, _)| message.clone()).collect();
    all.insert(3, good);
    let taken = taken(Call::Batch, &json!({"batch": all}));
    assert_eq!((taken.outcomes.len(), taken.refused.len()), (cases.len() + 1, cases.len()));
    assert_eq!(taken.outcomes[3], Outcome::Skipped, "the lake has not judged it yet");
    assert_eq!(taken.places.iter().flatten().copied().collect::<Vec<_>>(), [3]);
}

#[test]
fn who_does_not_want_to_be_measured_leaves_a_count_only() {
    let taken = one(Kind::Track, &json!({"userId": "u", "event": "e", "context": {"consent": {"measure": false}}}));
    assert_eq!(taken.outcomes, [Outcome::Rejected { code: "no_consent" }]);
    assert_eq!((taken.facts[0].produced, taken.facts[0].rejected, taken.facts[0].rows.num_rows()), (1, 1, 0));
    assert!(taken.refused.is_empty(), "not even its raw text is kept");
    let agreed =
        one(Kind::Track, &json!({"userId": "u", "event": "e", "context": {"consent": {"measure": true, "train": false}}}));
    assert_eq!(agreed.facts[0].rows.num_rows(), 1);
}

#[test]
fn a_body_is_refused_as_a_whole_only_where_nothing_can_be_told_apart() {
    let of = |bytes: &[u8]| taken_at(Call::Batch, bytes, NOW).map(drop).unwrap_err();
    assert_eq!(of(b"\xff"), BodyError::Encoding(0));
    assert_eq!(of(b"{\"batch\":[{\"a\":NaN}]}"), BodyError::Json(15));
    assert_eq!(of(b"{\"batch\":[]} x"), BodyError::Json(13));
    assert_eq!(of(b""), BodyError::Json(0));
    assert_eq!(of(b"[]"), BodyError::Shape);
    assert_eq!(of(b"{}"), BodyError::Empty);
    assert_eq!(of(b"{\"batch\":[]}"), BodyError::Empty);
    assert_eq!(of(b"{\"batch\":{}}"), BodyError::Empty);
    let many = format!("{{\"batch\":[{}]}}", vec!["1"; MOST_MESSAGES + 1].join(","));
    assert_eq!(of(many.as_bytes()), BodyError::TooMany);
    assert_eq!(of(format!("{{\"batch\":[{}", "[".repeat(200_000)).as_bytes()), BodyError::Json(200_010));
}

#[test]
fn half_an_emoji_is_stored_as_sound_json() {
    let taken =
        taken_at(Call::One(Kind::Track), br#"{"userId":"u\ud83d","event":"e","properties":{"t":"a\ud83d"}}"#, NOW).unwrap();
    assert_eq!(cell(&taken, "events", "properties").as_deref(), Some(r#"{"t":"a\ufffd"}"#));
    assert_eq!(identifiers(rows(&taken, "events")), [pair("user_id", "u\u{fffd}")]);
}

#[test]
fn a_write_key_is_found_at_the_top_of_a_body() {
    assert_eq!(write_key(br#"{"batch":[{"writeKey":"no"}],"writeKey":"ck_a"}"#).as_deref(), Some("ck_a"));
    assert_eq!(write_key(br#"{"writeKey":"ck_a""#), None);
    assert_eq!(write_key(b"[]"), None);
}

/// Bodies of every kind of call, for mutation.
fn bodies() -> impl Strategy<Value = String> {
    let word = "[a-zA-Z0-9 _.:@+-]{0,12}";
    let value = prop_oneof![
        word.prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!({"a": [1, {"b": "c"}]})),
        Just(json!("2026-01-31T12:00:00Z")),
    ];
    let key = prop_oneof![
        Just("type"),
        Just("event"),
        Just("userId"),
        Just("anonymousId"),
        Just("messageId"),
        Just("timestamp"),
        Just("sentAt"),
        Just("properties"),
        Just("traits"),
        Just("context"),
        Just("previousId"),
        Just("groupId"),
        Just("name"),
        Just("writeKey"),
        Just("x"),
    ];
    let inner = prop::collection::vec(
        (
            prop_oneof![
                Just("email"),
                Just("revenue"),
                Just("currency"),
                Just("address"),
                Just("company"),
                Just("traits"),
                Just("consent"),
                Just("page"),
                Just("ip"),
                Just("y")
            ],
            value.clone(),
        ),
        0..6,
    )
    .prop_map(|entries| Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()));
    let kind =
        prop_oneof![Just("track"), Just("identify"), Just("page"), Just("screen"), Just("group"), Just("alias"), Just("none")];
    let message = (prop::collection::vec((key, prop_oneof![3 => value, 2 => inner]), 0..8), kind).prop_map(|(entries, kind)| {
        let mut object: serde_json::Map<String, Value> =
            entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        object.entry("type").or_insert(kind.into());
        object.entry("userId").or_insert("u".into());
        object.entry("event").or_insert("e".into());
        Value::Object(object)
    });
    prop::collection::vec(message, 0..5).prop_map(|batch| json!({"batch": batch, "sentAt": "2026-01-31T12:00:00Z"}).to_string())
}

const CALLS: [Call; 8] = [
    Call::Batch,
    Call::Import,
    Call::One(Kind::Track),
    Call::One(Kind::Identify),
    Call::One(Kind::Page),
    Call::One(Kind::Screen),
    Call::One(Kind::Group),
    Call::One(Kind::Alias),
];

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), call in prop::sample::select(&CALLS[..])) {
        let _ = taken_at(call, &bytes, NOW);
        let _ = write_key(&bytes);
    }

    #[test]
    fn no_mutated_body_makes_it_panic_or_lose_count(
        body in bodies(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..4),
        call in prop::sample::select(&CALLS[..]),
    ) {
        let mut bytes = body.into_bytes();
        for (at, byte, insert) in changes {
            let at = at.index(bytes.len() + 1).min(bytes.len());
            if insert || at == bytes.len() { bytes.insert(at, byte) } else { bytes[at] = byte }
        }
        // `taken_at` checks both equations of whatever is read.
        if let Ok(taken) = taken_at(call, &bytes, NOW) {
            for facts in &taken.facts {
                for name in ["properties", "attributes"] {
                    let Some(objects) = facts.rows.column_by_name(name) else { continue };
                    for object in convert::text(objects).iter().flatten() {
                        prop_assert!(serde_json::from_str::<Value>(object).is_ok_and(|value| value.is_object()), "{}", object);
                    }
                }
            }
        }
    }

    #[test]
    fn sound_bodies_are_taken_and_every_message_is_counted(body in bodies()) {
        let n = serde_json::from_str::<Value>(&body).unwrap()["batch"].as_array().unwrap().len();
        match taken_at(Call::Batch, body.as_bytes(), NOW) {
            Ok(taken) => prop_assert_eq!(taken.rows.read as usize, n),
            Err(error) => prop_assert!(n == 0 && error == BodyError::Empty, "{}", error),
        }
    }
}

/// Bodies of random bytes and mutated calls for as long as `CLEW_FUZZ_SECONDS` says (5 when left out): what a fuzzer would do, on stable Rust.
#[test]
fn it_survives_a_bounded_time_of_fuzzing() {
    let seconds = std::env::var("CLEW_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    let seeds: Vec<Vec<u8>> = [
        json!({"batch": [{"type": "track", "event": "Order Completed", "userId": "u", "messageId": "m", "timestamp": "2026-01-31T12:00:00Z",
            "properties": {"revenue": 1.5, "currency": "EUR", "order_id": "o"}, "context": {"ip": "1", "traits": {"email": "a@b.c"}, "page": {"url": "x"}}}]}),
        json!({"batch": [{"type": "identify", "userId": "u", "traits": {"email": "a@b.c", "address": {"city": "x"}, "company": {"name": "y"}, "z": "\u{1f600}"}}]}),
        json!({"userId": "u", "groupId": "g", "traits": {"name": "n"}, "writeKey": "k", "sentAt": "x"}),
    ]
    .iter()
    .map(|seed| seed.to_string().into_bytes())
    .collect();
    // A small generator of our own keeps the run the same everywhere: xorshift64 (Marsaglia, 2003).
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n.max(1) as u64) as usize
    };
    let mut tries = 0_u64;
    while std::time::Instant::now() < end {
        let mut bytes = seeds[next(seeds.len())].clone();
        for _ in 0..=next(6) {
            if bytes.is_empty() {
                break;
            }
            let at = next(bytes.len());
            match next(5) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes.insert(at, b"{}[]\",:\\0eu"[next(11)]),
                2 => drop(bytes.drain(at..(at + next(20)).min(bytes.len()))),
                3 => {
                    let part = bytes[at..(at + next(40)).min(bytes.len())].to_vec();
                    let to = next(bytes.len() + 1);
                    bytes.splice(to..to, part);
                }
                _ => bytes.truncate(at.max(1)),
            }
        }
        let _ = taken_at(CALLS[next(CALLS.len())], &bytes, NOW);
        let _ = write_key(&bytes);
        tries += 1;
    }
    assert!(tries > 100, "{tries} bodies in {seconds} s");
}
