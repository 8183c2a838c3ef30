//! Every page over a small company: its shape, its numbers, paging, hostile input, limits.
//!
//! One server for all checks of a test: the company is imported and run once.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

use clew_server::wire;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use support::{ANSWERS, PEOPLE, Server, answer, score};

/// What a reader might type to get more than they ask for.
const HOSTILE: [&str; 8] = [
    "' OR '1'='1",
    "x'; DROP TABLE events; --",
    "\\' OR 1=1 --",
    "%",
    "_",
    "' UNION ALL SELECT raw FROM quarantine --",
    "\u{0}",
    "$1) OR true --",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_small_company() {
    let server = Server::full().await;
    shapes(&server).await;
    numbers(&server).await;
    filters(&server).await;
    people(&server).await;
    paging(&server).await;
    ways(&server).await;
    hostile_words(&server).await;
    limits(&server).await;
    queries(&server).await;
    server.stop().await.0.unwrap();
}

/// The body is exactly what the type says: nothing is missing, nothing is too much.
async fn shape<T: Serialize + DeserializeOwned>(server: &Server, path: &str) -> T {
    let (status, body) = server.get(path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    let read: T = serde_json::from_value(body.clone()).unwrap_or_else(|error| panic!("{path}: {error}\n{body:#}"));
    assert_eq!(serde_json::to_value(&read).unwrap(), body, "{path}");
    read
}

async fn first_person(server: &Server) -> String {
    shape::<wire::People>(server, "/api/v1/people").await.people[0].person_id.clone()
}

async fn shapes(server: &Server) {
    let meta: wire::Meta = shape(server, "/api/v1/meta").await;
    assert_eq!((meta.company.as_str(), meta.currency.as_deref()), ("Larkmoor", Some("EUR")));
    assert_eq!(meta.capabilities, ["overview", "scores", "people", "journey", "voice", "drivers", "data"]);
    assert_eq!(meta.periods[0].value, "all");
    assert_eq!(meta.periods[1].value, "2026-06");
    assert_eq!(meta.slices[0].slice_by, "channel");
    assert_eq!(meta.last_run.unwrap().status, "done");
    assert!(meta.data_from.unwrap() < meta.data_until.unwrap());
    shape::<wire::Overview>(server, "/api/v1/overview").await;
    shape::<wire::Scores>(server, "/api/v1/scores").await;
    let id = first_person(server).await;
    shape::<wire::Person>(server, &format!("/api/v1/people/{id}")).await;
    shape::<wire::Timeline>(server, &format!("/api/v1/people/{id}/timeline")).await;
    shape::<wire::Journeys>(server, "/api/v1/journeys").await;
    shape::<wire::Journey>(server, "/api/v1/journeys/order").await;
    let voice: wire::Voice = shape(server, "/api/v1/voice").await;
    if let Some(theme) = voice.themes.first() {
        shape::<wire::ThemeDetail>(server, &format!("/api/v1/voice/themes/{}", theme.theme_id)).await;
    }
    shape::<wire::Drivers>(server, "/api/v1/drivers").await;
    shape::<wire::DataPage>(server, "/api/v1/data").await;
    shape::<wire::Quarantine>(server, "/api/v1/data/quarantine").await;
    shape::<wire::Runs>(server, "/api/v1/runs").await;
    shape::<wire::SearchResult>(server, "/api/v1/search?q=ada").await;
    for unknown in [
        "people/p_0000000000000",
        "people/x",
        "journeys/none",
        "voice/themes/none",
        "jobs/none",
        "scores?metric=none",
        "drivers?metric=none",
    ] {
        let (status, body) = server.get(&format!("/api/v1/{unknown}")).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{unknown}: {body}");
    }
}

/// Numbers that the test can count itself from what it wrote into the files.
async fn numbers(server: &Server) {
    let all: Vec<usize> = (0..PEOPLE).flat_map(|person| (0..ANSWERS).map(move |answer| score(person, answer))).collect();
    let top = all.iter().filter(|score| **score >= 4).count();
    let overview: wire::Overview = shape(server, "/api/v1/overview").await;
    let csat = &overview.scores[0];
    assert_eq!(csat.score.n, all.len() as u64);
    assert!((csat.score.estimate.unwrap() - top as f64 / all.len() as f64).abs() < 1e-12);
    assert!(csat.score.lower.unwrap() < csat.score.estimate.unwrap());
    assert_eq!(csat.trend.iter().map(|point| point.score.n).sum::<u64>(), all.len() as u64);
    let nobody = &overview.scores[1];
    assert_eq!((nobody.score.estimate, nobody.score.n), (None, 0));
    assert_eq!(overview.counts.people, PEOPLE as u64);
    assert_eq!(overview.counts.responses, all.len() as u64);
    assert!(overview.data.balanced && overview.data.quarantined == 9, "{:?}", overview.data);

    let scores: wire::Scores = shape(server, "/api/v1/scores").await;
    let distribution = scores.distribution.unwrap();
    assert_eq!(distribution.iter().map(|step| step.score).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0]);
    for step in &distribution {
        assert_eq!(step.n, all.iter().filter(|score| (**score as f64 - step.score).abs() < 1e-9).count() as u64);
    }
    assert_eq!(scores.slices[0].slices.iter().map(|slice| slice.score.n).sum::<u64>(), all.len() as u64);
    assert_eq!(scores.health.response_rate.reason.as_deref(), Some("not_computed"));

    let journeys: wire::Journeys = shape(server, "/api/v1/journeys").await;
    let order = journeys.journeys.iter().find(|row| row.journey == "order").unwrap();
    let delivered =
        (0..PEOPLE).flat_map(|person| (0..ANSWERS).map(move |answer| person + answer)).filter(|sum| sum % 4 != 0).count();
    assert_eq!(order.completed, delivered as u64);
    assert_eq!(order.completed + order.dropped + order.open, (PEOPLE * ANSWERS) as u64);

    let data: wire::DataPage = shape(server, "/api/v1/data").await;
    let events = data.sources.iter().find(|source| source.source == "events").unwrap();
    assert!(events.rows.balanced && events.targets[0].balanced && events.rows.read > 0, "{events:?}");
    assert_eq!(events.quarantine.iter().map(|reason| reason.n).sum::<u64>(), 9);
}

async fn filters(server: &Server) {
    let ask = async |path: &str, parameters: &[(&str, &str)]| {
        let (status, body) = server.ask(path, parameters).await;
        assert_eq!(status, StatusCode::OK, "{path} {parameters:?}: {body}");
        body
    };
    let june = ask("/api/v1/overview", &[("period", "2026-06")]).await;
    assert_eq!(june["applied"], json!({"period": true, "slice": true, "channel": true}));
    assert_eq!(june["scores"][0]["score"]["n"], PEOPLE);
    // The metric is monthly: a quarter has no row, and the answer says so instead of a zero.
    let quarter = ask("/api/v1/overview", &[("period", "2026-Q2")]).await;
    assert_eq!(quarter["scores"][0]["score"]["reason"], "not_computed");
    let web = ask("/api/v1/scores", &[("channel", "web")]).await;
    assert_eq!(web["score"]["n"], PEOPLE * ANSWERS / 2);
    assert_eq!(
        web["distribution"].as_array().unwrap().iter().map(|step| step["n"].as_u64().unwrap()).sum::<u64>(),
        (PEOPLE * ANSWERS / 2) as u64
    );
    let sliced = ask("/api/v1/scores", &[("slice_by", "channel"), ("slice", "email"), ("period", "2026-05")]).await;
    assert_eq!((sliced["score"]["n"].clone(), sliced["health"]["answers"].clone()), (json!(PEOPLE), json!(PEOPLE)));

    // A filter that leaves everything gives what no filter gives: the tables and the way past them agree.
    let plain = ask("/api/v1/journeys/order", &[]).await;
    let year = ask("/api/v1/journeys/order", &[("period", "2026")]).await;
    assert_eq!(plain["stages"], year["stages"]);
    let pairs = |journey: &Value| -> BTreeSet<String> {
        let of = |t: &Value| format!("{} {} {} {} {}", t["from_step"], t["to_step"], t["n"], t["people"], t["median_wait_ms"]);
        journey["transitions"].as_array().unwrap().iter().map(of).collect()
    };
    assert_eq!(pairs(&plain), pairs(&year));
    let app = ask("/api/v1/journeys/order", &[("channel", "app")]).await;
    assert_eq!(app["people"], PEOPLE / 2);
    let voice = ask("/api/v1/voice", &[("period", "2026-01"), ("channel", "web")]).await;
    assert_eq!(voice["comments"], 0, "answers in January came by e-mail");
}

/// Process map, variants, funnel, retention and paths, and who is behind them.
async fn ways(server: &Server) {
    let ask = async |path: &str| {
        let (status, body) = server.get(&format!("/api/v1/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    };
    let visits = (PEOPLE * ANSWERS) as u64;
    let delivered =
        (0..PEOPLE).flat_map(|person| (0..ANSWERS).map(move |answer| person + answer)).filter(|sum| sum % 4 != 0).count() as u64;
    let map: wire::ProcessMap = shape(server, "/api/v1/process").await;
    assert_eq!((map.cases, map.people, map.events), (PEOPLE as u64, PEOPLE as u64, 3 * visits + delivered));
    let edge = map.edges.iter().find(|edge| edge.from == "product_viewed").unwrap();
    assert_eq!((edge.to.as_str(), edge.n, edge.median_wait_ms), ("checkout_started", visits, 3_600_000.0));
    assert_eq!(map.moves, map.events - map.cases);
    let variants: wire::Variants = shape(server, "/api/v1/variants?journey=order").await;
    assert_eq!((variants.cases, variants.people, variants.variants), (visits, PEOPLE as u64, 2));
    assert_eq!(variants.top.iter().map(|variant| variant.cases).collect::<Vec<_>>(), [delivered, visits - delivered]);
    let paths: wire::PathList = shape(server, "/api/v1/paths?gap=1d&depth=2").await;
    assert_eq!((paths.sessions, paths.distinct, paths.depth), (visits, 2, 2));

    // In January the orders of every fourth person, all on the web, were not delivered.
    let steps = "period=2026-01&steps=product_viewed,order_placed,order_delivered&window=1d";
    let funnel: wire::Funnel = shape(server, &format!("/api/v1/funnel?{steps}&by=channel")).await;
    let (people, lost) = (PEOPLE as u64, PEOPLE as u64 / 4);
    assert_eq!(funnel.steps.iter().map(|step| step.people).collect::<Vec<_>>(), [people, people, people - lost]);
    assert_eq!(funnel.steps[1].stopped, lost);
    assert_eq!(funnel.steps[1].next, [wire::NextActivity { activity: None, people: lost }]);
    assert_eq!(funnel.median_conversion_ms, Some(3.0 * 3_600_000.0));
    let web = funnel.groups.iter().find(|group| group.group.as_deref() == Some("web")).unwrap();
    assert_eq!((web.conversion.estimate, web.conversion.n), (Some(0.5), people / 2));
    assert!(web.stands_out && web.difference.upper.unwrap() < 0.0, "{web:?}");
    assert_eq!(ask("funnel").await["steps"].as_array().unwrap().len(), 3, "one event for each of three stages");

    let retention: wire::Retention = shape(server, "/api/v1/retention?unit=month").await;
    assert_eq!((retention.cohorts.len(), retention.people), (1, people));
    let cells: Vec<_> = retention.cohorts[0].periods.iter().map(|cell| (cell.active, cell.complete)).collect();
    assert_eq!(cells, [(people, true), (people, true), (people, true), (people, true), (people, true), (people, false)]);
    assert_eq!(retention.cohorts[0].periods[5].rate.reason.as_deref(), Some("not_computed"));
    assert_eq!(retention.curve.len(), 5);

    for (path, total) in [
        (format!("funnel/people?{steps}&step=2&stopped=true"), lost),
        (format!("funnel/people?{steps}&step=3&by=channel&group=app"), people / 2),
        ("process/people?activity=order_delivered".to_owned(), people),
        ("process/people?from=(start)&to=product_viewed".to_owned(), people),
        ("variants/people?journey=order&way=product_viewed,checkout_started,order_placed".to_owned(), people),
        ("retention/people?unit=month&cohort=2026-01-01&later=3".to_owned(), people),
        ("retention/people?unit=month&cohort=2026-02-01".to_owned(), 0),
        ("paths/people?gap=1d&way=product_viewed,checkout_started".to_owned(), people),
    ] {
        let behind: wire::PeopleBehind = shape(server, &format!("/api/v1/{path}")).await;
        assert_eq!((behind.total, behind.people.len() as u64), (total, total), "{path}");
    }
    let parts = "failures=order_placed&contacts=checkout_started&repeat_within=60d";
    let friction: wire::FrictionList = shape(server, &format!("/api/v1/friction?{parts}")).await;
    let failure = &friction.findings[0];
    assert_eq!(
        (failure.kind.as_str(), failure.from.as_str(), failure.n, failure.people),
        ("failure", "order_placed", visits, people)
    );
    assert!((failure.value.unwrap() - 119.4 * people as f64).abs() < 1e-6, "{failure:?}");
    let repeat = friction.findings.iter().find(|finding| finding.kind == "repeat_contact").unwrap();
    assert_eq!((repeat.people, repeat.n), (people, visits - people), "every further checkout within sixty days");
    assert_eq!(friction.first_contact_resolution.unwrap().estimate, Some(0.0));
    let behind: wire::PeopleBehind =
        shape(server, &format!("/api/v1/friction/people?{parts}&kind=failure&from=order_placed")).await;
    assert_eq!(behind.total, people);

    let same: wire::Comparison = shape(server, "/api/v1/compare?split=channel:app&within=1d").await;
    // The first orders of people, in January, do differ.
    let alike = same.differences.iter().filter(|difference| difference.kind != "variant");
    assert!(alike.clone().count() > 5 && alike.clone().all(|difference| !difference.stands_out), "over the year: {same:?}");
    let apart: wire::Comparison = shape(server, "/api/v1/compare?split=channel:app&within=1d&period=2026-01").await;
    let top = &apart.differences[0];
    assert_eq!((top.kind.as_str(), top.a.estimate, apart.b.as_str()), ("variant", Some(0.5), "app"), "{top:?}");
    assert!(top.stands_out && top.b.estimate.is_some_and(|share| !(0.01..0.99).contains(&share)), "{top:?}");
    shape::<wire::Comparison>(server, "/api/v1/compare?split=date:2026-04-01&journey=order").await;
    shape::<wire::Comparison>(server, "/api/v1/compare?split=attribute.city:Dublin").await;
    assert_eq!(ask("compare?split=nps").await["cases_a"], 0, "nobody was asked");

    let first = ask("process/people?activity=order_placed&limit=30").await;
    let next = first["next_cursor"].as_str().unwrap();
    let rest = ask(&format!("process/people?activity=order_placed&limit=30&cursor={next}")).await;
    let ids: BTreeSet<&str> = [&first, &rest]
        .iter()
        .flat_map(|page| page["people"].as_array().unwrap())
        .map(|row| row["person_id"].as_str().unwrap())
        .collect();
    assert_eq!((ids.len(), &rest["next_cursor"]), (PEOPLE, &Value::Null));
    let app_only = ask("process?channel=app&period=2026-01").await;
    assert_eq!((&app_only["people"], &app_only["applied"]["slice"]), (&json!(PEOPLE / 2), &json!(true)));
    assert_eq!(ask("process?slice_by=language&slice=en").await["applied"]["slice"], false, "about answers, not people");
}

async fn people(server: &Server) {
    let find = async |q: &str| -> wire::People {
        let (status, body) = server.ask("/api/v1/people", &[("q", q)]).await;
        assert_eq!(status, StatusCode::OK, "{q}: {body}");
        serde_json::from_value(body).unwrap()
    };
    let exact = find("P3@Example.com").await;
    assert_eq!(exact.people.len(), 1, "{exact:?}");
    let matched = exact.people[0].matched.clone().unwrap();
    assert_eq!((matched.kind.as_str(), matched.value.as_str()), ("email", "p3@example.com"));
    assert_eq!(exact.total, PEOPLE as u64);
    assert_eq!(find("o'brien").await.people.len(), PEOPLE / 4);
    assert_eq!(find("o3-2").await.people[0].person_id, exact.people[0].person_id);
    assert_eq!(find("c3").await.people[0].person_id, exact.people[0].person_id);
    assert_eq!(find(&exact.people[0].person_id).await.people[0].person_id, exact.people[0].person_id);
    assert_eq!(find("p3").await.people.len(), 0, "two characters are no prefix");
    assert!(find("p3@").await.people.len() == 1);

    let id = &exact.people[0].person_id;
    let person: wire::Person = shape(server, &format!("/api/v1/people/{id}")).await;
    assert_eq!(person.profile.responses, ANSWERS as u64);
    assert_eq!(person.profile.value.as_deref(), Some("119.4000"));
    let kinds: Vec<&str> = person.identity.identifiers.iter().map(|identifier| identifier.kind.as_str()).collect();
    assert_eq!(kinds, ["email", "phone"]);
    assert_eq!(person.identity.identifiers[0].sources, ["answers", "crm", "events"]);
    assert_eq!(person.identity.records[0].full_name.as_deref(), Some("Dan Evans"));
    let record = &person.identity.records[0];
    assert_eq!(record.emails, ["p3@example.com"]);
    // Raw beside clean, with the reason.
    assert_eq!((&record.phones[..], &record.raw["phones"]), (&["+353860000003".to_owned()][..], &json!(["+353 86 0000003"])));
    assert!(record.quality.iter().any(|flag| flag == "phones:reformatted") && !record.raw.contains_key("emails"), "{record:?}");
    assert_eq!(find("+353 86 0000003").await.people[0].person_id, *id, "found as people write it");
    assert_eq!(person.responses.len(), ANSWERS);
    assert!(person.journeys.iter().any(|journey| journey.journey == "order" && journey.outcome == "completed"));

    let timeline: wire::Timeline = shape(server, &format!("/api/v1/people/{id}/timeline?limit=200")).await;
    let times: Vec<&str> = timeline.items.iter().map(|item| item.at.as_str()).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
    assert_eq!(timeline.items.iter().filter(|item| item.kind == "response").count(), ANSWERS);
    assert!(
        timeline.items.iter().any(|item| item.stage.as_deref() == Some("purchase") && item.amount.as_deref() == Some("19.9000"))
    );
    assert!(timeline.items.iter().any(|item| item.sentiment.is_some()));

    let voice: wire::Voice = shape(server, "/api/v1/voice").await;
    let quotes: Vec<&wire::Quote> = voice.themes.iter().flat_map(|theme| &theme.quotes).collect();
    assert!(
        quotes.iter().all(|quote| !quote.text.contains("123 4567") && quote.about.as_deref() == Some("satisfaction")),
        "{quotes:?}"
    );
    let comments = server.post("/api/v1/sql", &json!({"query": "SELECT count(*) FROM comments WHERE masked LIKE '%123 4567%' OR (text LIKE '%123 4567%' AND text = masked)"})).await.1;
    assert_eq!(comments["rows"], json!([[0]]));
}

/// Walks a list to its end in small pages.
async fn walk(server: &Server, path: &str, list: &str, key: impl Fn(&Value) -> String) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, body) = server.ask(path, &[("limit", "7"), ("cursor", &cursor)]).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        seen.extend(body[list].as_array().unwrap().iter().map(&key));
        match body["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return seen,
        }
    }
}

async fn paging(server: &Server) {
    let whole = |seen: &[String], n: usize| {
        assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (n, n));
    };
    whole(&walk(server, "/api/v1/people", "people", |row| row["person_id"].to_string()).await, PEOPLE);
    whole(&walk(server, "/api/v1/people?q=o%27brien", "people", |row| row["person_id"].to_string()).await, PEOPLE / 4);
    whole(&walk(server, "/api/v1/data/quarantine", "items", |row| row["quarantine_id"].to_string()).await, 9);
    let id = first_person(server).await;
    let path = format!("/api/v1/people/{id}/timeline");
    let key = |item: &Value| format!("{} {} {}", item["kind"], item["source"], item["id"]);
    let paged = walk(server, &path, "items", key).await;
    let at_once = server.get(&format!("{path}?limit=200")).await.1;
    assert_eq!(paged, at_once["items"].as_array().unwrap().iter().map(key).collect::<Vec<_>>());
    let voice: wire::Voice = shape(server, "/api/v1/voice").await;
    if let Some(theme) = voice.themes.first() {
        let path = format!("/api/v1/voice/themes/{}", theme.theme_id);
        whole(&walk(server, &path, "quotes", |quote| quote["comment_id"].to_string()).await, theme.n as usize);
    }
}

async fn hostile_words(server: &Server) {
    let before = server.get("/api/v1/data").await.1["tables"].clone();
    let id = first_person(server).await;
    let timeline = format!("/api/v1/people/{id}/timeline");
    let addresses: [(&str, &[&str]); 20] = [
        ("/api/v1/overview", &["period", "channel", "slice"]),
        ("/api/v1/scores", &["metric", "period", "channel", "slice"]),
        ("/api/v1/people", &["q", "population", "cursor", "limit", "period"]),
        (&timeline, &["channel", "cursor"]),
        ("/api/v1/journeys", &["period", "channel", "slice"]),
        ("/api/v1/journeys/order", &["period", "channel"]),
        ("/api/v1/voice", &["period", "channel"]),
        ("/api/v1/drivers", &["metric", "segment"]),
        ("/api/v1/data/quarantine", &["source", "reason", "cursor"]),
        ("/api/v1/runs", &["limit"]),
        ("/api/v1/search", &["q"]),
        ("/api/v1/process", &["journey", "population", "slice"]),
        ("/api/v1/process/people", &["activity", "cursor", "limit"]),
        ("/api/v1/variants/people", &["way"]),
        ("/api/v1/funnel", &["steps", "exclude", "window", "order", "within", "by"]),
        ("/api/v1/retention", &["unit", "of"]),
        ("/api/v1/friction", &["contacts", "failures", "silence"]),
        ("/api/v1/friction/people", &["kind", "from"]),
        ("/api/v1/compare", &["split", "within"]),
        ("/api/v1/paths", &["gap", "depth", "collapse", "top"]),
    ];
    for words in HOSTILE {
        for (path, parameters) in addresses {
            for parameter in parameters {
                let mut given = vec![(*parameter, words)];
                if *parameter == "slice" {
                    given.push(("slice_by", words));
                }
                let (status, body) = server.ask(path, &given).await;
                assert!(!status.is_server_error(), "{path} {given:?}: {body}");
                if *parameter == "q" && status.is_success() {
                    let list = body.get("people").or(body.get("hits")).unwrap();
                    assert_eq!(list, &json!([]), "{path} {given:?}");
                }
                if (*parameter == "population" && path.ends_with("people")) || *parameter == "source" {
                    assert_eq!(body["total"], 0, "{path} {given:?}");
                }
            }
        }
        let inside = reqwest::Url::parse(&server.root).unwrap();
        for before in ["people", "journeys", "voice/themes", "jobs"] {
            let mut url = inside.clone();
            url.path_segments_mut().unwrap().extend(["api", "v1"]).extend(before.split('/')).push(words);
            let (status, body) = server.get(&url.as_str()[server.root.len()..]).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{url}: {body}");
        }
    }
    assert_eq!(server.get("/api/v1/data").await.1["tables"], before);
    // A cursor of ours with other words inside.
    let forged: String =
        serde_json::to_vec(&json!([0, 0, "' OR '1'='1"])).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let (status, body) = server.ask("/api/v1/people", &[("cursor", &forged)]).await;
    assert_eq!((status, &body["people"].as_array().unwrap().len()), (StatusCode::OK, &PEOPLE), "rank 0 comes before all");
}

async fn limits(server: &Server) {
    for (path, status) in [
        ("/api/v1/people?limit=0", 400),
        ("/api/v1/people?limit=201", 400),
        ("/api/v1/people?limit=x", 400),
        ("/api/v1/search?q=a", 400),
        ("/api/v1/overview?period=2026-13", 400),
        ("/api/v1/overview?channel=pigeon", 400),
        ("/api/v1/overview?slice=web", 400),
        ("/api/v1/funnel?steps=none", 400),
        ("/api/v1/funnel?window=7", 400),
        ("/api/v1/funnel?journey=order", 400),
        ("/api/v1/funnel/people?step=1&group=web", 400),
        ("/api/v1/process/people", 400),
        ("/api/v1/process/people?from=(end)&to=order_placed", 400),
        ("/api/v1/retention?unit=hour", 400),
        ("/api/v1/friction?long_wait=100", 400),
        ("/api/v1/friction?contacts=none", 400),
        ("/api/v1/friction/people", 400),
        ("/api/v1/compare", 400),
        ("/api/v1/compare?split=date:soon", 400),
        ("/api/v1/paths?depth=0", 400),
        ("/api/v1/variants?top=201", 400),
    ] {
        let (found, body) = server.get(path).await;
        assert_eq!((found.as_u16(), &body["error"]["code"]), (status, &json!("invalid")), "{path}");
    }
    let long = "x".repeat(500);
    assert_eq!(server.ask("/api/v1/people", &[("q", &long)]).await.0, StatusCode::BAD_REQUEST);
    let large = json!({"query": format!("SELECT '{}'", "x".repeat(2 << 20)), "limit": null});
    let (status, body) = server.post("/api/v1/sql", &large).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")));
    let not_json =
        server.bare(Method::POST, "/api/v1/sql").bearer_auth(&server.token).header("content-type", "application/json").body("{");
    assert_eq!(answer(not_json).await.0, StatusCode::BAD_REQUEST);
    let (status, _) = server.post("/api/v1/import", &json!({"sources": ["none"], "run": false})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = server.post("/api/v1/run", &json!({"only": "none", "full": false})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

async fn queries(server: &Server) {
    let run = async |query: &str, limit: Option<u64>| server.post("/api/v1/sql", &json!({"query": query, "limit": limit})).await;
    let (status, body) = run("SELECT person_id, last_seen_at, value, channels FROM profiles ORDER BY person_id", Some(3)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let result: wire::SqlResult = serde_json::from_value(body).unwrap();
    assert!(result.truncated && result.rows.len() == 3);
    assert!(
        result.rows[0][1].as_str().unwrap().ends_with('Z') && result.rows[0][2] == "119.4000" && result.rows[0][3].is_array()
    );
    for query in [
        "SHOW TABLES",
        "DESCRIBE events",
        "EXPLAIN SELECT 1",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
        "SELECT nps(score) FROM responses",
    ] {
        let (status, body) = run(query, None).await;
        assert_eq!(status, StatusCode::OK, "{query}: {body}");
    }
    for query in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE VIEW events AS SELECT 1",
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM events",
        "UPDATE events SET name = 'x'",
        "COPY events TO '/tmp/clew-test.csv'",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN ANALYZE COPY events TO '/tmp/clew-test.csv'",
        "BEGIN",
        "SELECT 1; SELECT 2",
        "SELECT * FROM '/etc/passwd'",
        "SELECT nothing FROM events",
        "",
    ] {
        let (status, body) = run(query, None).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")), "{query}: {body}");
    }
    assert_eq!(run("SELECT 1", Some(10_001)).await.0, StatusCode::BAD_REQUEST);
}
