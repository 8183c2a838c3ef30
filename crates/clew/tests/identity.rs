//! Who is who, asked and decided with the real binary: why, why-not and how name the stored evidence; link, apart and detach win over rules
//! and survive reruns; and what is taken back leaves every derived table as if it had never been.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::live::Served;
use support::{clew, rows, value};

/// People who order and answer by e-mail or phone. The row `both` has Ann's address and Bob's number, if it `says` so.
fn company(dir: &Path, says: bool) {
    std::fs::create_dir_all(dir.join("sources")).unwrap();
    let write = |path: &str, text: &str| std::fs::write(dir.join(path), text).unwrap();
    write("clew.yaml", "company: Larkmoor\ntimezone: Europe/Berlin\ncurrency: EUR\nschedule: never\n");
    write("identity.yaml", "identifiers:\n  customer_id: {unique: true, priority: 1}\n  email: {limit: 2}\n");
    write("journey.yaml", "stages:\n  - {name: purchase, when: [{events: [order_placed]}]}\n");
    write("metrics.yaml", "- {name: recommend, kind: nps, survey: nps, question: recommend, period: month, slices: [channel]}\n");
    write("sources/people.yaml", "files: people.csv\n");
    write(
        "sources/people.records.sql",
        "SELECT id, 'person' AS kind, name AS full_name, [email] AS emails, email_key AS identifier_email, phone_key AS identifier_phone, \
         customer AS identifier_customer_id, household AS identifier_household_id, name AS property_nickname, since AS valid_from FROM raw\n",
    );
    let keys = if says { "ann@example.org,+49 30 5550102" } else { "," };
    write(
        "people.csv",
        &format!(
            "id,name,email,email_key,phone_key,customer,household,since\n\
             ann,Ann Lee,ann@example.org,ann@example.org,+49 30 5550101,C1,,2025-01-10\n\
             bob,Bob Ray,bob@example.org,bob@example.org,+49 30 5550102,,,2025-01-11\n\
             cyd,Cyd Fox,cyd@example.org,cyd@example.org,,C3,,2025-01-12\n\
             dup,Cyd Fox,cyd@example.org,cyd@example.org,,C4,,2025-01-13\n\
             eve,Eve Orr,eve@example.org,eve@example.org,,,H1,2025-01-14\n\
             fay,Fay Poe,fay@example.org,fay@example.org,,,H1,2025-01-15\n\
             both,Ann Ray,ann@example.org,{keys},,,2025-02-01\n"
        ),
    );
    write("sources/orders.yaml", "files: orders.csv\n");
    write(
        "sources/orders.events.sql",
        "SELECT id, 'order_placed' AS name, 'web' AS channel, at AS occurred_at, email AS identifier_email, phone AS identifier_phone, \
         id AS reference, total AS amount FROM raw\n",
    );
    write(
        "orders.csv",
        "id,at,email,phone,total\n\
         o1,2025-03-01 10:00:00,ann@example.org,,10\n\
         o2,2025-03-02 10:00:00,bob@example.org,,20\n\
         o3,2025-03-03 10:00:00,,+49 30 5550102,30\n\
         o4,2025-03-04 10:00:00,cyd@example.org,,40\n\
         o5,2025-03-05 10:00:00,,+49 30 5550101,50\n",
    );
    write("sources/answers.yaml", "files: answers.csv\n");
    write(
        "sources/answers.responses.sql",
        "SELECT id, 'nps' AS survey, 'recommend' AS question, 'nps' AS kind, score, 0 AS scale_min, 10 AS scale_max, words AS text, \
         'customer' AS respondent, 'email' AS channel, email AS identifier_email, at AS answered_at FROM raw\n",
    );
    write(
        "answers.csv",
        "id,email,at,score,words\n\
         a1,ann@example.org,2025-03-06 10:00:00,9,Fast and friendly.\n\
         a2,bob@example.org,2025-03-07 10:00:00,3,The parcel came late.\n\
         a3,cyd@example.org,2025-03-08 10:00:00,10,\n",
    );
    clew(dir, &["import"]).done();
    clew(dir, &["run"]).done();
}

#[track_caller]
fn person(dir: &Path, record: &str) -> String {
    let how = clew(dir, &["identity", "how", record, "--json"]).json();
    how["person"]["person_id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn reasons(dir: &Path, a: &str, b: &str) -> Vec<(String, String)> {
    let said = clew(dir, &["identity", "why-not", a, b, "--json"]).json();
    let word = |reason: &Value, name: &str| reason[name].as_str().unwrap().to_owned();
    said["reasons"].as_array().unwrap().iter().map(|reason| (word(reason, "kind"), word(reason, "words"))).collect()
}

/// Every derived table but the memory of what happened, its rows in order.
fn derived(dir: &Path) -> Vec<(&'static str, Vec<String>)> {
    const TABLES: [&str; 13] = [
        "subjects",
        "persons",
        "identifiers",
        "links",
        "households",
        "attributes",
        "profiles",
        "journeys",
        "steps",
        "transitions",
        "scores",
        "comments",
        "drivers",
    ];
    let rows = |table: &str| {
        let mut rows: Vec<String> = rows(dir, &format!("SELECT * FROM {table}")).iter().map(Value::to_string).collect();
        rows.sort_unstable();
        rows
    };
    TABLES.map(|table| (table, rows(table))).into()
}

#[track_caller]
fn assert_same(found: &[(&str, Vec<String>)], expected: &[(&str, Vec<String>)]) {
    for ((table, found), (_, expected)) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{table}");
    }
}

#[test]
fn why_and_why_not_and_how_name_the_stored_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    company(dir, true);
    // `both` has joined Ann and Bob.
    assert_eq!(person(dir, "people:ann"), person(dir, "people:bob"));
    let why = clew(dir, &["identity", "why", "people:ann", "people:bob", "--json"]).json();
    let steps: Vec<(&str, &str, &str)> = why["chain"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let evidence = &step["evidence"];
            assert_eq!((&evidence["source"], &evidence["decided_by"]), (&json!("people"), &json!("rules")));
            (step["to"]["record"].as_str().unwrap(), evidence["rule"].as_str().unwrap(), evidence["value"].as_str().unwrap())
        })
        .collect();
    assert_eq!(steps, [("people:both", "email", "ann@example.org"), ("people:bob", "phone", "+49305550102")], "{why:#}");
    let text = clew(dir, &["identity", "why", "email:Ann@Example.org", "people:bob"]).done().out.clone();
    assert!(text.contains("are one person") && text.contains("phone +49305550102") && text.contains("people:both"), "{text}");
    let how = clew(dir, &["identity", "how", "people:ann", "--json"]).json();
    assert_eq!(how["all_joins"], json!(how["subjects"].as_u64().unwrap() - 1), "{how:#}");
    let times: Vec<&str> = how["joins"].as_array().unwrap().iter().map(|join| join["evidence"]["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted() && times.len() >= 5, "{times:?}");
    assert_eq!(how["changes"][0]["change"], json!("created"));

    // Each rule that keeps people apart says so.
    let [(kind, words)] = &reasons(dir, "people:cyd", "people:dup")[..] else { panic!("one reason") };
    assert!(kind == "unique" && words.contains("their customer_id differs, which is unique"), "{words}");
    let [(kind, words)] = &reasons(dir, "people:eve", "people:fay")[..] else { panic!("one reason") };
    assert!(kind == "identifier" && words.contains("household_id:H1") && words.contains("value of a household"), "{words}");
    assert_eq!(reasons(dir, "people:ann", "people:eve")[0].0, "nothing");

    // What cannot be asked is refused with what to do.
    for (arguments, words) in [
        (["why", "people:ann", "people:cyd"], "ask why-not"),
        (["why-not", "people:ann", "people:bob"], "ask why"),
        (["why", "people:ann", "people:nobody"], "there is no record nobody of a source people"),
        (["why", "nonsense", "people:ann"], "names nobody"),
        (["why", "p_0000000000001", "people:ann"], "there is no person p_0000000000001"),
        (["why", "17", "people:ann"], "knows a subject 17"),
        (["why", "household_id:H1", "people:ann"], "household: it identifies nobody"),
    ] {
        let said = clew(dir, &[&["identity"], &arguments[..]].concat());
        assert_eq!(said.code, 1, "{arguments:?}: {}", said.out);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn decisions_win_survive_reruns_and_tell_when_evidence_bridges_them() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    company(dir, true);
    let people = || value(dir, "SELECT count(*) FROM persons");
    let before = people();
    let decide = |arguments: &[&str]| clew(dir, &[&["identity"], arguments, &["--by", "kim", "--json"]].concat()).json();

    let linked = decide(&["link", "people:eve", "people:fay", "--reason", "sisters use one address: no, one woman"]);
    assert_eq!((&linked["state"], &linked["kind"]), (&json!("pending"), &json!("link")));
    assert_eq!(people(), before, "nothing changes before the run");
    clew(dir, &["run"]).done();
    clew(dir, &["run", "--full"]).done();
    assert_eq!(people(), json!(before.as_u64().unwrap() - 1));
    let why = clew(dir, &["identity", "why", "people:eve", "people:fay"]).done().out.clone();
    assert!(
        why.contains("decision") && why.contains("one woman") && why.contains(linked["decision_id"].as_str().unwrap()),
        "{why}"
    );

    // Two that evidence joins are kept apart, and it is told that evidence joins them.
    let apart = decide(&["apart", "people:ann", "people:bob", "--reason", "two people"]);
    let ran = clew(dir, &["run", "--json"]).json();
    let id = apart["decision_id"].as_str().unwrap();
    assert!(ran["steps"][0]["detail"].as_str().unwrap().contains(&format!("evidence joins what is kept apart by {id}")), "{ran}");
    assert_ne!(person(dir, "people:ann"), person(dir, "people:bob"));
    let found = reasons(dir, "people:ann", "people:bob");
    assert!(found.iter().any(|(kind, words)| kind == "decision" && words.contains("kept apart, by kim")), "{found:?}");
    let listed = clew(dir, &["identity", "decisions", "--json"]).json();
    let [newest, oldest] = &listed.as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&newest["decision_id"], &newest["state"]), (&apart["decision_id"], &json!("in_effect")), "{listed:#}");
    assert!(newest["bridged"].as_u64().unwrap() > 0, "{newest}");
    assert_eq!(oldest["state"], json!("in_effect"));

    // A newer decision to the contrary wins, and the older one is told to be without effect.
    decide(&["link", "people:ann", "people:bob", "--reason", "one after all"]);
    clew(dir, &["run"]).done();
    assert_eq!(person(dir, "people:ann"), person(dir, "people:bob"));
    let listed = clew(dir, &["identity", "decisions", "--json"]).json();
    let state =
        listed.as_array().unwrap().iter().find(|one| one["decision_id"] == apart["decision_id"]).unwrap()["state"].clone();
    assert_eq!(state, json!("without_effect"));

    // What cannot be decided stores nothing.
    for (arguments, words) in [
        (&["link", "people:ann", "people:ann", "--reason", "x"][..], "both name the subject"),
        (&["link", "people:ann", "people:cyd", "--reason", " "], "reason is empty"),
        (&["detach", "email:ann@example.org", "--reason", "x"], "subjects carry it"),
        (&["apart", &person(dir, "people:ann"), "people:bob", "--reason", "x"], "both are the person"),
        (&["revoke", "d_0000000000000", "--reason", "x"], "there is no decision d_0000000000000"),
    ] {
        let said = clew(dir, &[&["identity"], arguments].concat());
        assert_eq!(said.code, 1, "{arguments:?}: {}", said.out);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    }
    assert_eq!(value(dir, "SELECT count(*) FROM decisions"), json!(3));
    // Decisions are accounted for like all facts.
    let audit = clew(dir, &["audit", "--json"]).json();
    assert_eq!(audit["holds"], json!(true), "{audit:#}");
}

#[test]
fn a_link_that_is_taken_back_leaves_every_table_as_if_it_had_never_been() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [linked, never] = [folders[0].path(), folders[1].path()];
    company(linked, false);
    company(never, false);
    let expected = derived(never);
    let link = clew(linked, &["identity", "link", "people:ann", "people:bob", "--reason", "a mistake", "--json"]).json();
    clew(linked, &["run"]).done();
    let merged = derived(linked);
    for table in ["subjects", "persons", "profiles", "journeys", "links", "attributes"] {
        let of = |all: &[(&str, Vec<String>)]| all.iter().find(|(name, _)| *name == table).unwrap().1.clone();
        assert_ne!(of(&merged), of(&expected), "{table} shows the merge");
    }
    let id = link["decision_id"].as_str().unwrap();
    clew(linked, &["identity", "revoke", id, "--reason", "it was one"]).done();
    let again = clew(linked, &["identity", "revoke", id, "--reason", "it was one"]);
    assert!(again.code == 1 && again.err.contains("was taken back before"), "{}", again.err);
    clew(linked, &["run"]).done();
    assert_same(&derived(linked), &expected);
    clew(linked, &["run", "--full"]).done();
    assert_same(&derived(linked), &expected);
}

#[test]
fn a_record_that_merged_two_people_wrongly_is_detached_and_its_merge_has_never_been() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [merged, never] = [folders[0].path(), folders[1].path()];
    company(merged, true);
    // The same row, which says nothing about who it is.
    company(never, false);
    assert_eq!(person(merged, "people:ann"), person(merged, "people:bob"));
    clew(merged, &["identity", "detach", "people:both", "--reason", "a clerk mixed two forms"]).done();
    clew(merged, &["run"]).done();
    // The identifiers of the row itself stay listed, and so does who decided that it stands alone.
    let told = ["identifiers"];
    let without = |mut all: Vec<(&'static str, Vec<String>)>| {
        all.retain(|(table, _)| !told.contains(table));
        all
    };
    let decided = |rows: &mut Vec<String>| {
        for row in rows {
            let mut value: Value = serde_json::from_str(row).unwrap();
            if value["decided_by"].as_str().is_some_and(|by| by.starts_with("d_")) {
                value["decided_by"] = json!("rules");
            }
            *row = value.to_string();
        }
    };
    let (mut found, expected) = (without(derived(merged)), without(derived(never)));
    found.iter_mut().for_each(|(_, rows)| decided(rows));
    assert_same(&found, &expected);
}

#[test]
fn the_server_explains_and_decides_and_answers_in_milliseconds() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    company(dir, true);
    let served = Served::start(dir);
    // The command line works through the server that owns the store.
    let why = clew(dir, &["identity", "why", "people:ann", "people:bob", "--json"]).json();
    let direct = served.get("/api/v1/identity/why?a=people:ann&b=people:bob");
    assert_eq!((direct.status, &direct.body), (200, &why));
    let refused = served.get("/api/v1/identity/why?a=people:ann&b=people:cyd");
    assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!("invalid")), "{refused:?}");
    let unknown = served.get("/api/v1/identity/how?person=people:nobody");
    assert_eq!(unknown.status, 404, "{unknown:?}");
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(served.get("/api/v1/identity/why?a=people:ann&b=people:bob").status, 200);
        fastest = fastest.min(begun.elapsed());
    }
    println!("why in {fastest:?}");
    let apart = clew(dir, &["identity", "apart", "people:ann", "people:bob", "--reason", "two people", "--json"]).json();
    let listed = served.get("/api/v1/identity/decisions");
    assert_eq!(listed.body["decisions"][0]["decision_id"], apart["decision_id"], "{listed:?}");
    clew(dir, &["run"]).done();
    assert_ne!(person(dir, "people:ann"), person(dir, "people:bob"));
    let id = apart["decision_id"].as_str().unwrap();
    let back = clew(dir, &["identity", "revoke", id, "--reason", "one after all", "--json"]).json();
    assert_eq!(back["state"], json!("revoked"));
    clew(dir, &["run"]).done();
    assert_eq!(person(dir, "people:ann"), person(dir, "people:bob"));
    served.stop();
}

#[test]
fn a_dry_run_tells_what_other_rules_would_do_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    company(dir, true);
    let before = derived(dir);
    // Customer numbers do not tell people apart any more; phones connect nobody.
    let rules = "identifiers:\n  customer_id: {unique: false, limit: 5}\n  phone: {shared: device}\n  email: {limit: 2}\n";
    std::fs::write(dir.join("other.yaml"), rules).unwrap();
    let told = clew(dir, &["identity", "dry-run", "--with", "other.yaml", "--json"]).json();
    // Cyd and the double of Cyd become one; Ann and Bob, whom a phone number joined, become two; so does each order by phone alone.
    assert_eq!((&told["merges"], &told["splits"], &told["regroupings"]), (&json!(1), &json!(1), &json!(0)), "{told:#}");
    assert_eq!(told["people"], json!({"now": 5, "then": 7}), "{told:#}");
    let example = |kind: &str| told["examples"].as_array().unwrap().iter().find(|one| one["kind"] == kind).unwrap().clone();
    assert_eq!(example("merge")["count"], json!({"now": 2, "then": 1}));
    assert_eq!(example("merge")["evidence"], json!(["email:cyd@example.org"]));
    assert_eq!(example("merge")["people"][0]["display_name"], json!("Cyd Fox"));
    assert_eq!(example("split")["count"], json!({"now": 1, "then": 4}));
    assert_eq!(example("split")["evidence"], json!(["phone:+49305550101", "phone:+49305550102"]));
    // Ann and Bob answered as one: the newest answer was Bob's 3. As two, Ann's 9 counts as well.
    let effect = &told["metrics"][0];
    assert_eq!((&effect["answers"], &effect["respondents"]), (&json!(3), &json!({"now": 2, "then": 3})), "{effect}");
    assert_eq!(effect["by_respondent"]["now"]["estimate"], json!(0.0));
    assert!((effect["by_respondent"]["then"]["estimate"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert_same(&derived(dir), &before);

    // What it tells is what a run does; and the rules that hold change nothing.
    let same = clew(dir, &["identity", "dry-run", "--with", "identity.yaml", "--json"]).json();
    assert_eq!((&same["people"]["then"], &same["examples"]), (&json!(5), &json!([])), "{same:#}");
    let served = Served::start(dir);
    let through = clew(dir, &["identity", "dry-run", "--with", "other.yaml", "--json"]).json();
    assert_eq!((&through["people"], &through["examples"]), (&told["people"], &told["examples"]));
    served.stop();
    std::fs::write(dir.join("identity.yaml"), rules).unwrap();
    clew(dir, &["run"]).done();
    assert_eq!(value(dir, "SELECT count(*) FROM persons"), json!(7));

    for (text, words) in [
        ("identifiers:\n  email: {limit: 0}\n", "other.yaml:2"),
        ("identifers: {}\n", "unknown key 'identifers'"),
        ("identifiers: [\n", "other.yaml"),
    ] {
        std::fs::write(dir.join("other.yaml"), text).unwrap();
        let said = clew(dir, &["identity", "dry-run", "--with", "other.yaml"]);
        assert!(said.code == 1 && said.err.contains(words), "{text}: {}", said.err);
    }
    let missing = clew(dir, &["identity", "dry-run", "--with", "nowhere.yaml"]);
    assert!(missing.code == 1 && missing.err.contains("nowhere.yaml"), "{}", missing.err);
}

/// Records of 400 people, 50 of whom have a second one under no shared identifier; the rows of the file, drawn by a congruential generator.
fn crowd() -> Vec<String> {
    const GIVEN: [&str; 25] = [
        "Anna", "Ben", "Carla", "David", "Eva", "Finn", "Greta", "Hugo", "Ida", "Jonas", "Klara", "Lukas", "Mia", "Nils", "Olga",
        "Paul", "Rosa", "Simon", "Tessa", "Ugo", "Vera", "Walter", "Xenia", "Yann", "Zoe",
    ];
    const FAMILY: [&str; 26] = [
        "Adler", "Becker", "Conrad", "Dietz", "Ebert", "Fuchs", "Graf", "Huber", "Iversen", "Jansen", "Keller", "Lorenz",
        "Maurer", "Neumann", "Otto", "Pohl", "Quandt", "Richter", "Seidel", "Thiele", "Ulrich", "Vogt", "Wagner", "Xander",
        "Yilmaz", "Zimmer",
    ];
    const STREET: [&str; 8] =
        ["Birkenweg", "Lindenallee", "Hauptstrasse", "Ringstrasse", "Seeweg", "Berggasse", "Marktplatz", "Schulweg"];
    let mut state: u64 = 2026;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % below as u64) as usize
    };
    let mut rows = Vec::new();
    for person in 0..400 {
        let (given, family) = (GIVEN[draw(25)], FAMILY[draw(26)]);
        let birth = format!("{}-{:02}-{:02}", 1940 + draw(65), 1 + draw(12), 1 + draw(28));
        let street = format!("{} {}", STREET[draw(8)], 1 + draw(90));
        let postcode = 10_000 + draw(400) * 7;
        rows.push(format!("r{person},{given},{family},{birth},{street},{postcode},+4930{}", 5_550_000 + person));
        if person % 8 == 0 {
            // Some are misspelt.
            let family = if person % 16 == 0 { &family[..family.len() - 1] } else { family };
            rows.push(format!("d{person},{given},{family},{birth},{street},{postcode},"));
        }
    }
    rows
}

/// A project over the rows of a crowd, which come in `parts`, with a run after each.
fn crowded(dir: &Path, rules: &str, parts: &[&[String]]) {
    std::fs::create_dir_all(dir.join("sources")).unwrap();
    std::fs::write(dir.join("clew.yaml"), "company: Larkmoor\ntimezone: Europe/Berlin\nschedule: never\n").unwrap();
    std::fs::write(dir.join("identity.yaml"), rules).unwrap();
    std::fs::write(dir.join("sources/crm.yaml"), "files: crm-*.csv\n").unwrap();
    let sql = "SELECT id, 'person' AS kind, given_name, family_name, birth_date, street, postcode, [phone] AS phones, \
               phone AS identifier_phone, id AS identifier_account FROM raw\n";
    std::fs::write(dir.join("sources/crm.records.sql"), sql).unwrap();
    for (place, rows) in parts.iter().enumerate() {
        let text = format!("id,given_name,family_name,birth_date,street,postcode,phone\n{}\n", rows.join("\n"));
        std::fs::write(dir.join(format!("crm-{place}.csv")), text).unwrap();
        clew(dir, &["import"]).done();
        clew(dir, &["run"]).done();
    }
}

/// The records of each person with several, as one text each, in order.
fn together(dir: &Path) -> Vec<String> {
    let sql = "SELECT string_agg(r.record_id, ' ' ORDER BY r.record_id) AS records FROM records r JOIN subjects s ON r.subject = s.subject \
               GROUP BY s.person_id HAVING count(*) > 1 ORDER BY 1";
    rows(dir, sql).iter().map(|row| row["records"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn records_that_are_alike_are_one_person_where_the_project_asks_for_it_and_what_is_doubtful_is_asked() {
    const SURE: &str = "matching: {threshold: 0.95, review: 0.05}\n";
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [dir, other] = [folders[0].path(), folders[1].path()];
    let all = crowd();
    crowded(dir, "", &[&all]);
    assert_eq!(together(dir), Vec::<String>::new(), "nothing is joined by likeness unless asked for");

    // Rehearsed, then done: the 50 pairs, and nobody else.
    std::fs::write(dir.join("sure.yaml"), SURE).unwrap();
    let told = clew(dir, &["identity", "dry-run", "--with", "sure.yaml", "--json"]).json();
    assert_eq!((&told["people"], &told["merges"]), (&json!({"now": 450, "then": 400}), &json!(50)), "{told:#}");
    assert_eq!(told["examples"][0]["evidence"], json!(["likeness"]));
    std::fs::write(dir.join("identity.yaml"), SURE).unwrap();
    let ran = clew(dir, &["run", "--json"]).json();
    let detail = ran["steps"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("450 records compared, 50 joined by likeness"), "{detail}");
    let mut expected: Vec<String> = (0..400).step_by(8).map(|person| format!("d{person} r{person}")).collect();
    expected.sort_unstable();
    assert_eq!(together(dir), expected);

    // Whatever the order in which they came.
    let mut backwards = all.clone();
    backwards.reverse();
    crowded(other, SURE, &[&backwards[..90], &backwards[90..]]);
    assert_eq!(together(other), expected);

    let why = clew(dir, &["identity", "why", "crm:r0", "crm:d0", "--json"]).json();
    let evidence = &why["chain"][0]["evidence"];
    assert_eq!((&evidence["rule"], &evidence["decided_by"]), (&json!("model"), &json!("model")), "{why:#}");
    assert!(evidence["probability"].as_f64().unwrap() >= 0.95 && evidence["match_weight"].as_f64().unwrap() > 4.0);
    let levels = evidence["levels"].as_array().unwrap();
    let level = |name: &str| levels.iter().find(|level| level["comparison"] == name).unwrap_or_else(|| panic!("{levels:?}"));
    assert!(level("birth_date")["match_weight"].as_f64().unwrap() > 5.0, "{levels:?}");

    // A decision wins over likeness, and the run tells that there is some.
    clew(dir, &["identity", "apart", "crm:r0", "crm:d0", "--reason", "father and son"]).done();
    clew(dir, &["run"]).done();
    assert_eq!(together(dir).len(), 49);
    let words = reasons(dir, "crm:r0", "crm:d0");
    assert!(
        words.iter().any(|(_, words)| words.contains("alike with probability") && words.contains("kept apart by")),
        "{words:?}"
    );

    // What is not sure enough waits for somebody, once, and not for what is decided.
    let served = Served::start(dir);
    let review = served.get("/api/v1/identity/review");
    assert_eq!(review.status, 200, "{review:?}");
    let pairs = review.body["pairs"].as_array().unwrap();
    assert!(!pairs.is_empty() && review.body["total"] == json!(pairs.len()), "{review:?}");
    for pair in pairs {
        let probability = pair["evidence"]["probability"].as_f64().unwrap();
        assert!((0.05..0.95).contains(&probability), "{pair}");
        assert_eq!(pair["evidence"]["effect"], json!("doubtful"));
        for side in ["a", "b"] {
            assert!(pair[side]["record"].as_str().unwrap().starts_with("crm:"), "{pair}");
            assert!(pair[side]["fields"]["birth_date"].is_string(), "{pair}");
        }
    }
    let [a, b] = ["a", "b"].map(|side| pairs[0][side]["subject"].as_str().unwrap());
    clew(dir, &["identity", "apart", a, b, "--reason", "strangers"]).done();
    let left = served.get("/api/v1/identity/review");
    assert_eq!(left.body["total"], json!(pairs.len() - 1), "{left:?}");
    served.stop();
}
