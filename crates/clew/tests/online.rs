//! Who is who before the next run: the real server knows whose an event is when it acknowledges it, the run keeps the ids that were shown
//! and reports where it answers otherwise, and a death in between loses none of it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use clew_lake::crash::VARIABLE;
use serde_json::{Value, json};
use support::live::{self, Served};
use support::{clew, command, rows, value};

/// A website and a shop that posts its orders; the keys of both.
fn project(dir: &Path) -> (String, String) {
    live::project(dir);
    std::fs::write(dir.join("sources/shop.yaml"), "api: rows\n").unwrap();
    let sql = "SELECT id, at AS occurred_at, 'order_placed' AS name, 'store' AS channel, email AS identifier_email, order_no AS reference FROM raw\n";
    std::fs::write(dir.join("sources/shop.events.sql"), sql).unwrap();
    let key = |source: &str| {
        let made = clew(dir, &["keys", "create", source, "--json"]).json();
        made["write_key"].as_str().unwrap().to_owned()
    };
    (key("website"), key("shop"))
}

#[track_caller]
fn send(served: &Served, key: &str, messages: &[Value]) {
    let body = json!({"batch": messages}).to_string();
    assert_eq!(served.post("/v1/batch", key, body.as_bytes()).counts(), (messages.len() as u64, 0, 0, 0));
}

#[track_caller]
fn order(served: &Served, key: &str, id: &str, email: &str) {
    let row = format!("{{\"id\":\"{id}\",\"at\":\"2026-02-01T10:00:00Z\",\"email\":\"{email}\",\"order_no\":\"o-{id}\"}}\n");
    let head = format!("authorization: Bearer {key}\r\ncontent-type: application/x-ndjson\r\n");
    assert_eq!(served.send("/v1/sources/shop", &head, row.as_bytes()).expect("an answer").counts().0, 1);
}

fn page(id: &str, anonymous: &str) -> Value {
    json!({"type": "page", "name": "Home", "anonymousId": anonymous, "messageId": id, "timestamp": "2026-02-01T09:00:00Z"})
}

fn track(id: &str, user: &str, anonymous: &str) -> Value {
    json!({"type": "track", "event": "Signed In", "userId": user, "anonymousId": anonymous, "messageId": id, "timestamp": "2026-02-01T09:30:00Z"})
}

/// The only person whom an identifier leads to.
#[track_caller]
fn person(served: &Served, identifier: &str) -> String {
    let found = served.get(&format!("/api/v1/people?q={identifier}"));
    let people = found.body["people"].as_array().unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(people.len(), 1, "{identifier}: {found:?}");
    people[0]["person_id"].as_str().unwrap().to_owned()
}

/// Ids of what is on a person's timeline.
#[track_caller]
fn timeline(served: &Served, person: &str) -> BTreeSet<String> {
    let found = served.get(&format!("/api/v1/people/{person}/timeline"));
    assert_eq!(found.status, 200, "{found:?}");
    found.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn ids(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// The metric called `name`.
#[track_caller]
fn metric(served: &Served, name: &str) -> f64 {
    let text = served.get("/metrics").text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// Every stored event has exactly one person.
#[track_caller]
fn assert_everybody_is_somebody(dir: &Path) {
    let lonely = "SELECT count(*) FROM events e LEFT ANTI JOIN subjects_current s ON e.subject = s.subject";
    assert_eq!(value(dir, lonely), json!(0));
    let twice = "SELECT count(*) FROM (SELECT subject FROM subjects_current GROUP BY subject HAVING count(*) > 1)";
    assert_eq!(value(dir, twice), json!(0));
    let counts = rows(dir, "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM people_events) AS people");
    assert_eq!(counts[0]["events"], counts[0]["people"]);
}

/// The first look after an acknowledgement shows what it acknowledged: nothing is waited for.
#[test]
fn a_visitor_is_one_person_from_the_first_page_to_the_order_in_the_shop() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (website, shop) = project(dir);
    let served = Served::start(dir);
    send(&served, &website, &[page("p1", "visitor-1"), page("p2", "visitor-1")]);
    let ann = person(&served, "visitor-1");
    assert_eq!(timeline(&served, &ann), ids(&["p1", "p2"]));
    let seen = served.get(&format!("/api/v1/people/{ann}"));
    assert_eq!((seen.status, &seen.body["profile"]["provisional"]), (200, &json!(true)), "{seen:?}");
    assert!(seen.body["pending"].as_str().unwrap().contains("computed by the next one"), "{seen:?}");
    assert_eq!(seen.body["profile"]["events"], json!(2));
    assert_eq!(seen.body["identity"]["identifiers"][0]["value"], json!("visitor-1"));

    let who = json!({"type": "identify", "userId": "u-ann", "anonymousId": "visitor-1", "traits": {"email": "Ann@Example.org", "name": "Ann Lee"}});
    send(&served, &website, &[who]);
    assert_eq!(person(&served, "ann@example.org"), ann);
    order(&served, &shop, "1", "ann@example.org");
    assert_eq!(timeline(&served, &ann), ids(&["p1", "p2", "1"]));
    assert_eq!(served.get(&format!("/api/v1/people/{ann}")).body["profile"]["display_name"], json!("Ann Lee"));
    // By the order's number, too, and in SQL.
    assert_eq!(person(&served, "o-1"), ann);
    let events = format!("SELECT count(*) AS n, min(provisional) AS provisional FROM people_events WHERE person_id = '{ann}'");
    assert_eq!(rows(dir, &events), [json!({"n": 3, "provisional": true})]);
    assert!((metric(&served, "clew_provisional_people") - 1.0).abs() < 0.5);
    assert!(metric(&served, "clew_online_seconds_count") >= 3.0);

    // The run agrees, and keeps the id that was shown.
    let ran = clew(dir, &["run", "--json"]).json();
    assert!((metric(&served, "clew_online_corrections") - 0.0).abs() < 0.5, "{ran}");
    assert!((metric(&served, "clew_provisional_people") - 0.0).abs() < 0.5);
    assert_eq!(person(&served, "ann@example.org"), ann);
    assert_eq!(timeline(&served, &ann), ids(&["p1", "p2", "1"]));
    let seen = served.get(&format!("/api/v1/people/{ann}"));
    assert_eq!((&seen.body["pending"], &seen.body["profile"]["provisional"]), (&Value::Null, &json!(false)), "{seen:?}");
    assert_eq!(rows(dir, &events), [json!({"n": 3, "provisional": false})]);
    let changes = rows(dir, "SELECT change, to_person_id, cause FROM person_changes ORDER BY seq");
    assert_eq!(changes, [json!({"change": "created", "to_person_id": ann, "cause": "online"})]);
    // What comes after it goes on from there, after a restart as well.
    send(&served, &website, &[page("p3", "visitor-1")]);
    assert_eq!(timeline(&served, &ann), ids(&["p1", "p2", "p3", "1"]));
    served.stop();
    let served = Served::start(dir);
    order(&served, &shop, "2", "ann@example.org");
    assert_eq!(timeline(&served, &ann), ids(&["p1", "p2", "p3", "1", "2"]));
    assert_everybody_is_somebody(dir);
    served.stop();
}

#[test]
fn vetoes_shared_devices_and_merges_are_seen_at_once_and_corrected_by_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (website, shop) = project(dir);
    let served = Served::start(dir);
    // Somebody looks at the kiosk; then seven people sign in there, one after the other.
    send(&served, &website, &[page("k0", "kiosk")]);
    let first = person(&served, "kiosk");
    let users: Vec<String> = (1..=7).map(|n| format!("user-{n}")).collect();
    for (n, user) in users.iter().enumerate() {
        send(&served, &website, &[track(&format!("s{n}"), user, "kiosk")]);
    }
    let people: BTreeSet<String> = users.iter().map(|user| person(&served, user)).collect();
    assert_eq!(people.len(), 7, "different user ids are different people");
    assert_eq!(person(&served, "user-1"), first, "until it is known that others use it, the kiosk was the first one's");
    // Two people who turn out to be one.
    order(&served, &shop, "1", "bob@example.org");
    let bob = person(&served, "bob@example.org");
    send(&served, &website, &[track("b1", "user-bob", "visitor-bob")]);
    let other = person(&served, "user-bob");
    assert_ne!(bob, other);
    let both = json!({"type": "identify", "userId": "user-bob", "traits": {"email": "bob@example.org"}, "messageId": "b2"});
    send(&served, &website, &[both]);
    let one = person(&served, "user-bob");
    let gone = if one == bob { &other } else { &bob };
    assert_eq!(timeline(&served, &one), ids(&["1", "b1"]));
    let moved = served.get(&format!("/api/v1/people/{gone}"));
    assert_eq!((moved.status, &moved.body["error"]["details"]["merged_into"]), (404, &json!(one)), "{moved:?}");
    assert_everybody_is_somebody(dir);

    clew(dir, &["run", "--json"]).json();
    // The kiosk was nobody's all along: what was said of the first user is corrected, and the correction can be followed.
    assert!((metric(&served, "clew_online_corrections") - 1.0).abs() < 0.5);
    let corrected = rows(dir, "SELECT change, from_person_id, to_person_id FROM person_changes WHERE cause = 'correction'");
    let user = person(&served, "user-1");
    assert_eq!(corrected, [json!({"change": "moved", "from_person_id": first, "to_person_id": user})]);
    assert_ne!(user, first);
    assert_eq!(timeline(&served, &first), ids(&["k0"]));
    // Where it agrees every id holds, and the one that was merged away still leads to its heir.
    assert_eq!(person(&served, "bob@example.org"), one);
    let moved = served.get(&format!("/api/v1/people/{gone}"));
    assert_eq!((moved.status, &moved.body["error"]["details"]["merged_into"]), (404, &json!(one)), "{moved:?}");
    for user in &users[1..] {
        assert!(people.contains(&person(&served, user)), "{user}");
    }
    // The kiosk is known to be shared now: a glance at it founds nobody's history.
    assert_everybody_is_somebody(dir);
    // A run that finds nothing new changes nothing, whatever was corrected before.
    let before = value(dir, "SELECT count(*) FROM person_changes");
    clew(dir, &["run", "--full", "--json"]).json();
    assert_eq!(value(dir, "SELECT count(*) FROM person_changes"), before);
    served.stop();
}

#[test]
fn a_death_at_any_point_keeps_everybody_who_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (website, _) = project(dir);
    let mut acknowledged: Vec<(String, String)> = Vec::new();
    let mut deaths = 0;
    for (round, moment) in
        ["online.decided:4", "append.committing:5", "append.committed:3", "online.decided:9"].iter().enumerate()
    {
        let served = Served::start_with(dir, &[(VARIABLE, moment)]).unwrap();
        let before = acknowledged.len();
        for n in 0..20 {
            let visitor = format!("v{round}-{n}");
            let (view, sign_in) = (format!("{visitor}-view"), format!("{visitor}-in"));
            let steps = [page(&view, &visitor), track(&sign_in, &format!("user-{visitor}"), &visitor)];
            let head = format!("authorization: Bearer {website}\r\n");
            let taken = steps.iter().take_while(|step| {
                let body = json!({"batch": [step]}).to_string();
                served.send("/v1/batch", &head, body.as_bytes()).is_some_and(|answer| answer.status == 200)
            });
            match taken.count() {
                2 => acknowledged.push((view, sign_in)),
                _ => break,
            }
        }
        deaths += usize::from(acknowledged.len() - before < 20);
        drop(served);
        let served = Served::start(dir);
        assert_everybody_is_somebody(dir);
        let of_two = "SELECT event_id, person_id FROM people_events";
        let found: std::collections::BTreeMap<String, String> = rows(dir, of_two)
            .iter()
            .map(|row| (row["event_id"].as_str().unwrap().to_owned(), row["person_id"].as_str().unwrap().to_owned()))
            .collect();
        for (view, sign_in) in &acknowledged {
            assert!(found.contains_key(view) && found.get(view) == found.get(sign_in), "after {moment}: {view}");
        }
        served.stop();
    }
    assert_eq!(deaths, 4, "every moment is met");
    // The run dies before and after its answer takes over; the next one ends what is left.
    let people = || value(dir, "SELECT count(DISTINCT person_id) FROM people_events");
    let before = people();
    for moment in ["write.committed:2", "online.built:1", "online.switched:1"] {
        let output = command().args(["run", "--full"]).current_dir(dir).env(VARIABLE, moment).output().unwrap();
        assert!(!output.status.success(), "{moment}");
        assert_everybody_is_somebody(dir);
        assert_eq!(people(), before, "{moment}");
    }
    clew(dir, &["run"]).done();
    assert_everybody_is_somebody(dir);
    assert_eq!(people(), before);
    assert_eq!(value(dir, "SELECT count(*) FROM online_subjects"), json!(0), "the run has taken over");
    let report = clew(dir, &["run", "--only", "identity", "--json"]).json();
    assert_eq!(report["steps"][0]["mode"], json!("unchanged"), "and nothing is left to do: {report}");
}
