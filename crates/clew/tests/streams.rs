//! Streams of real brokers through the real binary: every message is stored once, whoever dies; none holds up the others; and what happened to a
//! stream while nobody looked is said.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::stream::RetentionPolicy;
use clew_lake::crash::VARIABLE;
use rand::{RngExt, SeedableRng};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::record::Record;
use serde_json::{Value, json};
use support::live::{Served, key};
use support::services::Service;
use support::{clew, rows, value};
use tokio::runtime::Runtime;

/// Messages of the tests in which somebody dies.
const MESSAGES: usize = 20_000;
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_mins(3);

/// Each message is an event that shows its number and its place; no id of its own, so that nothing but its place keeps it from coming twice.
const MAPPING: &str = "SELECT 'order_placed' AS name, 'store' AS channel, at AS occurred_at, customer AS identifier_user_id, n AS property_n, \
                       _published_at AS sent_at FROM raw";

fn order(n: usize) -> Vec<u8> {
    json!({"n": n, "customer": format!("c{}", n % 500), "at": "2026-01-31T12:00:00Z"}).to_string().into_bytes()
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn project(source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "clew.yaml", "company: Larkmoor\nschedule: never\n");
    write(folder.path(), "sources/orders.yaml", source);
    write(folder.path(), "sources/orders.events.sql", MAPPING);
    folder
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn until_stored(dir: &Path, n: usize) {
    let mut found = Value::Null;
    let end = Instant::now() + PATIENCE;
    while found != json!(n) {
        assert!(Instant::now() < end, "{found} events are stored, not {n}");
        found = value(dir, "SELECT count(*) FROM events");
    }
}

#[track_caller]
fn assert_each_once(dir: &Path, n: usize) {
    let numbers = "SELECT count(*) AS n, count(DISTINCT json_get_str(properties, 'n')) AS different FROM events";
    assert_eq!(rows(dir, numbers)[0], json!({"n": n, "different": n}));
    let report = clew(dir, &["audit", "--json"]).json();
    assert_eq!(report["holds"], true, "{report}");
    let duplicate = report["sources"][0]["targets"][0]["duplicate"].clone();
    println!("{n} messages stored, {duplicate} met again");
}

/// The sum of the first offsets that are not stored, over all lines; none when the server does not answer.
fn offsets(served: &Served) -> Option<u64> {
    let text = served.try_get("/metrics")?.text;
    let lines = text.lines().filter(|line| line.starts_with("clew_stream_next_offset{"));
    Some(lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum())
}

/// Starts servers that die at seeded moments while `publish` gives them messages, each time when those before are stored. It says what their
/// offsets then add up to; none when that is enough.
fn with_deaths(dir: &Path, rounds: usize, mut publish: impl FnMut() -> Option<u64>) -> usize {
    let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(20_261_126);
    let points = ["append.judged", "append.committing", "append.committed", "stream.stored", "append.staged"];
    let mut deaths = 0;
    for round in 0..rounds {
        let moment = format!("{}:{}", points[round % points.len()], dice.random_range(1..=8));
        let Some(mut served) = Served::start_with(dir, &[(VARIABLE, &moment)]) else {
            deaths += 1;
            continue;
        };
        loop {
            let Some(sent) = publish() else { return deaths };
            let mut is_dead = false;
            until(&moment, || {
                is_dead = served.child.try_wait().unwrap().is_some();
                is_dead || offsets(&served).is_some_and(|stored| stored >= sent)
            });
            if is_dead {
                break;
            }
        }
        deaths += 1;
    }
    deaths
}

// ---- NATS

struct Nats {
    runtime: Runtime,
    context: jetstream::Context,
    sent: usize,
}

impl Nats {
    fn connect(address: &str) -> Self {
        Self::with(async_nats::ConnectOptions::new(), address)
    }

    fn with(options: async_nats::ConnectOptions, address: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let context = runtime.block_on(async { jetstream::new(options.connect(address).await.unwrap()) });
        Self { context, runtime, sent: 0 }
    }

    fn create(&self, config: jetstream::stream::Config) {
        self.runtime.block_on(self.context.create_stream(config)).unwrap();
    }

    fn publish(&self, subject: &str, body: &[u8]) {
        self.runtime.block_on(async {
            self.context.publish(subject.to_owned(), body.to_vec().into()).await.unwrap().await.unwrap();
        });
    }

    /// Publishes `n` more orders; their numbers go on.
    fn orders(&mut self, n: usize) {
        let (first, context) = (self.sent, &self.context);
        self.sent += n;
        self.runtime.block_on(async {
            // The client lets no more than 5,000 messages wait for their acknowledgement.
            for from in (first..first + n).step_by(1_000) {
                let mut acks = Vec::new();
                for at in from..(from + 1_000).min(first + n) {
                    acks.push(context.publish("orders.new", order(at).into()).await.unwrap());
                }
                for ack in acks {
                    ack.await.unwrap();
                }
            }
        });
    }

    fn consumers(&self, stream: &str) -> Vec<jetstream::consumer::Info> {
        use futures::TryStreamExt;
        self.runtime.block_on(async {
            let stream = self.context.get_stream(stream).await.unwrap();
            stream.consumers().try_collect().await.unwrap()
        })
    }

    fn kept(&self, stream: &str) -> u64 {
        self.runtime.block_on(async { self.context.get_stream(stream).await.unwrap().cached_info().state.messages })
    }
}

fn orders_stream(retention: RetentionPolicy) -> jetstream::stream::Config {
    jetstream::stream::Config {
        name: "ORDERS".into(),
        subjects: vec!["orders.>".into()],
        retention,
        ..jetstream::stream::Config::default()
    }
}

#[test]
fn twenty_thousand_messages_of_nats_are_each_stored_once_whoever_dies() {
    let Some(mut broker) = Service::start("nats", "nats, killed") else { return };
    let mut nats = Nats::connect(&broker.address);
    nats.create(orders_stream(RetentionPolicy::Limits));
    let folder = project(&format!("nats: {{url: {}, stream: ORDERS, subject: orders.new, durable: clew}}\n", broker.address));
    let dir = folder.path();
    let deaths = with_deaths(dir, 15, || {
        nats.orders(100);
        (nats.sent < MESSAGES / 2).then_some(nats.sent as u64 + 1)
    });
    assert!(deaths >= 12, "{deaths} deaths show too little");
    // The broker goes away too, while the server runs. In good order: JetStream acknowledges before its disk does.
    let served = Served::start(dir);
    nats.orders(1_000);
    until_stored(dir, nats.sent);
    broker.stop();
    until("the server sees it", || served.get("/metrics").text.contains(r#"state="retrying"} 1"#));
    broker.again();
    nats = Nats { sent: nats.sent, ..Nats::connect(&broker.address) };
    let since = Instant::now();
    nats.orders(MESSAGES - nats.sent);
    until_stored(dir, MESSAGES);
    println!("{deaths} deaths; the last half was published and stored in {:.1} s", since.elapsed().as_secs_f64());
    assert_each_once(dir, MESSAGES);
    // Everything is acknowledged, and of the consumers one is left.
    let mut consumers = Vec::new();
    until("the broker hears of it", || {
        consumers = nats.consumers("ORDERS");
        consumers.iter().all(|consumer| consumer.num_ack_pending == 0 && consumer.num_pending == 0)
    });
    assert_eq!(consumers.len(), 1);
    assert!(
        served
            .get("/metrics")
            .text
            .contains(&format!(r#"clew_stream_next_offset{{source="orders",line="nats:ORDERS"}} {}"#, MESSAGES + 1))
    );
    served.stop();
}

#[test]
fn a_message_that_cannot_be_read_is_set_aside_with_its_place_and_the_others_are_stored() {
    let Some(broker) = Service::start("nats", "nats, poison") else { return };
    let nats = Nats::connect(&broker.address);
    nats.create(orders_stream(RetentionPolicy::Limits));
    let large = format!(r#"{{"n":4,"customer":"c4","at":"2026-01-31T12:00:00Z","note":"{}"}}"#, "x".repeat(900 << 10));
    let several = [order(5), order(6)].join(&b'\n');
    let bodies: Vec<Vec<u8>> = vec![
        order(1),
        b"{\"n\":".to_vec(),
        vec![0xff, 0xfe, b'{'],
        b"[1,2]".to_vec(),
        large.into_bytes(),
        several,
        // Readable, but no fact: there is no such time.
        br#"{"n":7,"customer":"c7","at":"yesterday"}"#.to_vec(),
        format!("[{},{}]", String::from_utf8(order(2)).unwrap(), String::from_utf8(order(3)).unwrap()).into_bytes(),
        Vec::new(),
    ];
    bodies.iter().for_each(|body| nats.publish("orders.eu.new", body));
    let folder = project(&format!("nats: {{url: {}, stream: ORDERS}}\n", broker.address));
    let dir = folder.path();
    // The mark of a deleted key says nothing here; the subject is a column like any other.
    let mapping = "SELECT 'order_placed' AS name, 'store' AS channel, at AS occurred_at, customer AS identifier_user_id, n AS property_n, \
                   _subject AS property_subject, _published_at AS sent_at FROM raw WHERE _deleted IS NULL";
    write(dir, "sources/orders.events.sql", mapping);
    assert_eq!(clew(dir, &["check"]).done().code, 0);
    let said = clew(dir, &["import", "--until-empty", "--json"]).json();
    let messages = &said["sources"][0]["messages"];
    assert_eq!(
        (&messages["accepted"], &messages["quarantined"], &messages["skipped"]),
        (&json!(6), &json!(4), &json!(1)),
        "{said}"
    );
    assert_eq!(said["sources"][0]["next"], json!({"nats:ORDERS": 10}));
    let stored = rows(
        dir,
        "SELECT json_get_str(properties, 'n') AS n, json_get_str(properties, 'subject') AS subject, file, row_no, \
         sent_at <= received_at AS in_order FROM events ORDER BY row_no, n",
    );
    let expected = [("1", 1), ("4", 5), ("5", 6), ("6", 6), ("2", 8), ("3", 8)].map(
        |(n, row_no)| json!({"n": n, "subject": "orders.eu.new", "file": "nats:ORDERS", "row_no": row_no, "in_order": true}),
    );
    assert_eq!(stored, expected);
    let aside = rows(dir, "SELECT reason, file, row_no, target FROM quarantine ORDER BY row_no");
    let expected = [
        ("unreadable", 2, json!(null)),
        ("unreadable", 3, json!(null)),
        ("unreadable", 4, json!(null)),
        ("invalid_time", 7, json!("events")),
    ]
    .map(|(reason, row_no, target)| json!({"reason": reason, "file": "nats:ORDERS", "row_no": row_no, "target": target}));
    assert_eq!(aside, expected);
    // What can be mended carries its place along.
    let raw = value(dir, "SELECT raw FROM quarantine WHERE reason = 'invalid_time'");
    let raw: Value = serde_json::from_str(raw.as_str().unwrap()).unwrap();
    assert_eq!((&raw["_stream"], &raw["_sequence"], &raw["n"]), (&json!("ORDERS"), &json!(7), &json!(7)));
    // Once more there is nothing new.
    let again = clew(dir, &["import", "orders", "--until-empty", "--json"]).json();
    assert_eq!(again["sources"][0]["messages"]["accepted"], 0);
    assert_eq!(clew(dir, &["audit", "--json"]).json()["holds"], true);
    // Without the flag the source is none to import.
    assert_eq!(clew(dir, &["import", "orders"]).code, 1);
}

#[test]
fn a_stream_that_was_made_anew_is_noticed_and_read_from_its_beginning() {
    let Some(broker) = Service::start("nats", "nats, made anew") else { return };
    let mut nats = Nats::connect(&broker.address);
    nats.create(orders_stream(RetentionPolicy::Limits));
    nats.orders(10);
    let folder = project(&format!("nats: {{url: {}, stream: ORDERS}}\n", broker.address));
    let dir = folder.path();
    clew(dir, &["import", "--until-empty"]).done();
    // Another stream of the name, longer than the one before: its sequences say nothing.
    nats.runtime.block_on(nats.context.delete_stream("ORDERS")).unwrap();
    nats.create(orders_stream(RetentionPolicy::Limits));
    nats.orders(30);
    let said = clew(dir, &["import", "--until-empty", "--json"]).json();
    assert_eq!(said["sources"][0]["messages"]["accepted"], 30, "{said}");
    let notice = said["sources"][0]["notices"][0].as_str().unwrap();
    assert!(notice.starts_with("nats:ORDERS: it is another one than before"), "{notice}");
    assert_each_once(dir, 40);
    // While it is followed: deleted under the server's hands, and made anew.
    let served = Served::start(dir);
    until("it follows", || served.get("/metrics").text.contains(r#"state="following"} 1"#));
    nats.runtime.block_on(nats.context.delete_stream("ORDERS")).unwrap();
    until("it is missed", || served.get("/metrics").text.contains(r#"state="retrying"} 1"#));
    nats.create(orders_stream(RetentionPolicy::Limits));
    nats.orders(5);
    until_stored(dir, 45);
    assert!(served.get("/metrics").text.contains(r#"clew_stream_notices_total{source="orders",broker="nats"} 1"#));
    served.stop();
    // Messages that are removed before anybody reads them are counted.
    nats.orders(20);
    nats.runtime.block_on(async {
        let stream = nats.context.get_stream("ORDERS").await.unwrap();
        stream.purge().sequence(16).await.unwrap();
    });
    let said = clew(dir, &["import", "--until-empty", "--json"]).json();
    assert_eq!(said["sources"][0]["messages"]["accepted"], 10, "{said}");
    assert!(said["sources"][0]["notices"][0].as_str().unwrap().contains("up to 10 messages, 6 to 15, were removed"), "{said}");
    assert_each_once(dir, 55);
}

#[test]
fn what_is_stored_is_acknowledged_so_that_the_broker_can_forget_it() {
    let Some(broker) = Service::start("nats", "nats, retention") else { return };
    for (retention, durable) in [(RetentionPolicy::WorkQueue, ""), (RetentionPolicy::Interest, ", durable: clew")] {
        let mut nats = Nats::connect(&broker.address);
        nats.create(orders_stream(retention));
        let folder = project(&format!("nats: {{url: {}, stream: ORDERS{durable}}}\n", broker.address));
        let dir = folder.path();
        // Dies between storing and acknowledging: the broker gives these again, and they are passed over.
        let mut served = Served::start_with(dir, &[(VARIABLE, "stream.stored:1")]).unwrap();
        until("it follows", || served.get("/metrics").text.contains(r#"state="following"} 1"#));
        nats.orders(100);
        until("it dies", || served.child.try_wait().unwrap().is_some());
        nats.orders(100);
        assert!(nats.kept("ORDERS") >= 100, "{retention:?}");
        let served = Served::start(dir);
        until_stored(dir, 200);
        assert_each_once(dir, 200);
        if retention == RetentionPolicy::WorkQueue {
            until("the queue is empty", || nats.kept("ORDERS") == 0);
        }
        served.stop();
        nats.runtime.block_on(nats.context.delete_stream("ORDERS")).unwrap();
    }
}

#[test]
fn a_broker_that_is_away_or_refuses_holds_up_nobody() {
    let Some(mut broker) = Service::start("nats_tls", "nats over TLS") else { return };
    broker.stop();
    let ca = broker.folder().join("ca.pem");
    let url = broker.address.replace("127.0.0.1", "localhost");
    let folder = project(&format!(
        "nats: {{url: '{url}', stream: ORDERS, user: clew, password: '${{NATS_PASSWORD:-wrong}}', tls: {{ca: '{}'}}}}\n",
        ca.display()
    ));
    let dir = folder.path();
    write(dir, "sources/website.yaml", "api: tracking\n");
    let key = key(dir);
    let served = Served::start(dir);
    until("it is tried", || served.get("/metrics").text.contains(r#"state="retrying"} 1"#));
    let body = json!({"type": "track", "event": "e", "userId": "u", "messageId": "m1"}).to_string();
    assert_eq!(served.post("/v1/track", &key, body.as_bytes()).counts(), (1, 0, 0, 0));
    broker.again();
    // It is there, and does not know the password.
    let errors = |served: &Served| -> u64 {
        let text = served.get("/metrics").text;
        let line = text.lines().find(|line| line.starts_with("clew_stream_errors_total")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let before = errors(&served);
    until("it goes on trying", || errors(&served) > before + 1);
    assert!(!served.get("/metrics").text.contains("wrong"));
    served.stop();
    // The process has two providers, and the client library asks for the one of the process.
    let _ = async_nats::rustls::crypto::ring::default_provider().install_default();
    let options = async_nats::ConnectOptions::with_user_and_password("clew".into(), "clew".into()).add_root_certificates(ca);
    let mut nats = Nats::with(options, &url);
    nats.create(orders_stream(RetentionPolicy::Limits));
    nats.orders(10);
    let served = Served::start_with(dir, &[("NATS_PASSWORD", "clew")]).unwrap();
    until("it follows", || served.get("/metrics").text.contains(r#"state="following"} 1"#));
    until_stored(dir, 11);
    served.stop();
}

// ---- Kafka

struct Kafka {
    runtime: Runtime,
    partitions: Vec<PartitionClient>,
    sent: usize,
}

impl Kafka {
    fn connect(address: &str, topic: &str, partitions: i32) -> Self {
        let runtime = Runtime::new().unwrap();
        let partitions = runtime.block_on(async {
            let brokers = address.split(',').map(str::to_owned).collect();
            let client = rskafka::client::ClientBuilder::new(brokers).build().await.unwrap();
            let mut found = Vec::new();
            for partition in 0..partitions {
                found.push(client.partition_client(topic, partition, UnknownTopicHandling::Retry).await.unwrap());
            }
            found
        });
        Self { runtime, partitions, sent: 0 }
    }

    fn publish(&self, partition: usize, bodies: Vec<Option<Vec<u8>>>) {
        let record = |value| Record {
            key: Some(b"k1".to_vec()),
            value,
            headers: [("origin".to_owned(), b"till 4".to_vec())].into_iter().collect(),
            timestamp: rskafka::chrono::DateTime::from_timestamp_millis(1_769_860_800_123).unwrap(),
        };
        let records = bodies.into_iter().map(record).collect();
        self.runtime.block_on(self.partitions[partition].produce(records, Compression::Lz4)).unwrap();
    }

    /// Publishes `n` more orders over the partitions by turns; their numbers go on.
    fn orders(&mut self, n: usize) {
        let numbers: Vec<usize> = (self.sent..self.sent + n).collect();
        self.sent += n;
        for numbers in numbers.chunks(n.div_ceil(self.partitions.len()).min(500)) {
            let partition = numbers[0] / 7 % self.partitions.len();
            self.publish(partition, numbers.iter().map(|n| Some(order(*n))).collect());
        }
    }
}

fn kafka_source(address: &str, topic: &str, more: &str) -> String {
    format!("kafka: {{brokers: [{address}], topic: {topic}{more}}}\n")
}

#[test]
fn twenty_thousand_messages_of_kafka_are_each_stored_once_whoever_dies() {
    let Some(broker) = Service::start("kafka", "kafka, killed") else { return };
    let mut kafka = Kafka::connect(&broker.address, "orders", 4);
    let folder = project(&kafka_source(&broker.address, "orders", ", partitions: all"));
    let dir = folder.path();
    let deaths = with_deaths(dir, 15, || {
        kafka.orders(100);
        (kafka.sent < MESSAGES / 2).then_some(kafka.sent as u64)
    });
    assert!(deaths >= 12, "{deaths} deaths show too little");
    // The brokers go away too, while the server runs.
    let served = Served::start(dir);
    kafka.orders(1_000);
    until_stored(dir, kafka.sent);
    broker.signal("-USR1");
    let errors =
        |served: &Served| served.get("/metrics").text.contains(r#"clew_stream_errors_total{source="orders",broker="kafka"} 0"#);
    until("the server sees it", || !errors(&served));
    broker.signal("-USR2");
    let since = Instant::now();
    kafka.orders(MESSAGES - kafka.sent);
    until_stored(dir, MESSAGES);
    println!("{deaths} deaths; the last half was published and stored in {:.1} s", since.elapsed().as_secs_f64());
    assert_each_once(dir, MESSAGES);
    assert_eq!(value(dir, "SELECT count(DISTINCT file) FROM events"), json!(4));
    served.stop();
}

#[test]
fn tracking_calls_of_a_topic_are_corrected_by_the_time_of_the_broker() {
    let Some(mut broker) = Service::start("kafka", "kafka, calls") else { return };
    let kafka = Kafka::connect(&broker.address, "calls", 1);
    // Sent an hour after it happened by a clock that is two days late; the broker took it at 2026-01-31T12:00:00.123Z.
    let skewed = json!({"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m1",
                        "timestamp": "2026-01-29T11:00:00Z", "sentAt": "2026-01-29T12:00:00Z"});
    let timeless = json!({"type": "track", "event": "Seen", "userId": "u1", "messageId": "m2"});
    let batch = json!({"batch": [{"type": "identify", "userId": "u1", "traits": {"email": "ann@example.org"}},
                                 {"type": "track", "event": "Paid", "userId": "u1", "messageId": "m3"}]});
    let bodies = [skewed.to_string(), "poison".to_owned(), timeless.to_string(), batch.to_string(), timeless.to_string()];
    let sized = json!({"type": "track", "event": "Sized", "userId": "u1", "messageId": "m4", "properties": {"size": "L"}});
    let sized = Some(sized.to_string().into_bytes());
    kafka.publish(0, bodies.map(|body| Some(body.into_bytes())).into_iter().chain([None, sized]).collect());
    let tracking = format!("{}messages: tracking\nchannel: app\n", kafka_source(&broker.address, "calls", ""));
    let folder = project(&format!("{tracking}columns: {{size: int}}\n"));
    let dir = folder.path();
    std::fs::remove_file(dir.join("sources/orders.events.sql")).unwrap();
    clew(dir, &["check"]).done();
    let said = clew(dir, &["import", "--until-empty", "--json"]).json();
    let messages = &said["sources"][0]["messages"];
    assert_eq!(
        ["accepted", "duplicate", "quarantined"].map(|term| messages[term].as_u64().unwrap()),
        [4, 1, 3],
        "the retry of a producer is a duplicate; the poison, the empty message and the size that is no number are set aside: {said}"
    );
    let events =
        rows(dir, "SELECT event_id, name, CAST(occurred_at AS VARCHAR) AS at, file, row_no FROM events ORDER BY event_id");
    let at = |n: usize| events[n]["at"].as_str().unwrap();
    assert!(at(0).starts_with("2026-01-31T11:00:00.123") && at(1).starts_with("2026-01-31T12:00:00.123"), "{events:?}");
    assert_eq!((&events[2]["file"], &events[2]["row_no"]), (&json!("kafka:calls/0"), &json!(3)));
    assert_eq!(value(dir, "SELECT count(*) FROM records"), json!(1));
    assert_eq!(
        rows(dir, "SELECT reason, file, row_no FROM quarantine ORDER BY row_no"),
        [
            json!({"reason": "unreadable", "file": "kafka:calls/0", "row_no": 1}),
            json!({"reason": "unreadable", "file": "kafka:calls/0", "row_no": 5}),
            json!({"reason": "invalid_number", "file": "kafka:calls/0", "row_no": 6}),
        ]
    );
    // A call that is mended is stored at the place and the time that the broker gave it.
    write(dir, "sources/orders.yaml", &tracking);
    let done = clew(dir, &["replay", "orders", "--json"]).json();
    assert_eq!(done["sources"][0]["outcomes"]["stored"], 1, "{done:#}");
    let mended = rows(dir, "SELECT file, row_no, CAST(received_at AS VARCHAR) AS at FROM events WHERE event_id = 'm4'");
    assert_eq!((&mended[0]["file"], &mended[0]["row_no"]), (&json!("kafka:calls/0"), &json!(6)));
    assert!(mended[0]["at"].as_str().unwrap().starts_with("2026-01-31T12:00:00.123"), "{mended:?}");
    assert_eq!(value(dir, "SELECT count(*) FROM quarantine"), json!(3), "what is refused again is the row that it was");
    assert_eq!(clew(dir, &["audit", "--json"]).json()["holds"], true);
    // Another topic of the name: shorter, or with another message where ours was.
    for bodies in [2, 9] {
        broker.kill();
        broker.again();
        let kafka = Kafka::connect(&broker.address, "calls", 1);
        let call = |n: usize| {
            json!({"type": "track", "event": "Again", "userId": "u2", "messageId": format!("{bodies}-{n}")}).to_string()
        };
        kafka.publish(0, (0..bodies).map(|n| Some(call(n).into_bytes())).collect());
        write(dir, "sources/orders.yaml", &format!("{}messages: tracking\n", kafka_source(&broker.address, "calls", "")));
        let said = clew(dir, &["import", "--until-empty", "--json"]).json();
        assert_eq!(said["sources"][0]["messages"]["accepted"], bodies, "{said}");
        assert!(said["sources"][0]["notices"][0].as_str().unwrap().contains("it is another one than before"), "{said}");
    }
    assert_eq!(clew(dir, &["audit", "--json"]).json()["holds"], true);
}

#[test]
fn rows_of_a_topic_show_their_key_and_begin_where_the_source_says() {
    let Some(broker) = Service::start("kafka", "kafka, rows") else { return };
    let mut kafka = Kafka::connect(&broker.address, "orders", 4);
    kafka.orders(40);
    let folder = project(&kafka_source(&broker.address, "orders", ", start: latest"));
    let dir = folder.path();
    let mapping = "SELECT 'order_placed' AS name, 'store' AS channel, _published_at AS occurred_at, _key AS identifier_user_id, \
                   n AS property_n, _topic || '/' || _partition || '/' || _offset AS property_place, \
                   json_get_str(_headers, 'origin') AS property_origin FROM raw WHERE _deleted IS NULL";
    write(dir, "sources/orders.events.sql", mapping);
    // Where it begins is settled at the first meeting, not when the first message comes.
    clew(dir, &["import", "--until-empty"]).done();
    assert_eq!(value(dir, "SELECT count(*) FROM events"), json!(0));
    let first = kafka.runtime.block_on(kafka.partitions[2].get_offset(rskafka::client::partition::OffsetAt::Latest)).unwrap();
    kafka.publish(2, vec![Some(order(77)), None, Some(b"n;customer\n1;2\n".to_vec())]);
    clew(dir, &["import", "--until-empty"]).done();
    let stored = rows(
        dir,
        "SELECT json_get_str(properties, 'place') AS place, json_get_str(properties, 'origin') AS origin, \
         json_get_str(properties, 'n') AS n, identifiers[1]['value'] AS who, file, row_no FROM events",
    );
    let place = format!("orders/2/{first}");
    assert_eq!(
        stored,
        [json!({"place": place, "origin": "till 4", "n": "77", "who": "k1", "file": "kafka:orders/2", "row_no": first})]
    );
    assert_eq!(rows(dir, "SELECT reason, row_no FROM quarantine"), [json!({"reason": "unreadable", "row_no": first + 2})]);
    assert_eq!(clew(dir, &["audit", "--json"]).json()["holds"], true);
}

#[test]
fn a_partition_that_is_met_later_begins_with_its_first_message() {
    let Some(broker) = Service::start("kafka", "kafka, a new partition") else { return };
    let kafka = Kafka::connect(&broker.address, "orders", 4);
    kafka.publish(0, vec![Some(order(1))]);
    // One partition is not there yet, as far as the source sees it.
    let folder = project(&kafka_source(&broker.address, "orders", ", start: latest, partitions: [0, 1, 2]"));
    let dir = folder.path();
    clew(dir, &["import", "--until-empty"]).done();
    assert_eq!(value(dir, "SELECT count(*) FROM events"), json!(0), "it begins with what comes");
    // It appears and fills while nobody is connected.
    kafka.publish(3, vec![Some(order(2)), Some(order(3))]);
    write(dir, "sources/orders.yaml", &kafka_source(&broker.address, "orders", ", start: latest"));
    clew(dir, &["import", "--until-empty"]).done();
    assert_eq!(
        rows(dir, "SELECT file, row_no FROM events ORDER BY row_no"),
        [0, 1].map(|row| json!({"file": "kafka:orders/3", "row_no": row}))
    );
}

#[test]
fn what_a_stream_declares_is_checked() {
    let folder = project("nats: {url: 'nats://me:secret@host', stream: 'A B', user: x}\n");
    let dir = folder.path();
    write(dir, "sources/topic.events.sql", MAPPING);
    write(
        dir,
        "sources/topic.yaml",
        "kafka: {brokers: host, topic: 't/1', partitions: [], sasl: {mechanism: plain, user: u, password: p}, tls: {ca: none.pem, key: k.pem}}\n",
    );
    write(dir, "sources/files.yaml", "files: x.csv\nmessages: rows\n");
    write(dir, "sources/two.yaml", "kafka: {brokers: 'host:9092', topic: t}\nnats: {url: 'nats://host', stream: S}\n");
    let said = clew(dir, &["check"]);
    assert_eq!(said.code, 1);
    for part in [
        "holds a user or password",
        "no name of a stream",
        "takes `user:` with `password:`",
        "`messages:` is for streams",
        "a broker is no address",
        "no name of a topic",
        "names none",
        "without its certificate",
        "none.pem",
        "`nats:`, `kafka:`: one source reads one of them",
    ] {
        assert!(said.out.contains(part), "{part} in {}", said.out);
    }
    assert!(!said.out.contains("secret"), "{}", said.out);
    // What the mapping makes is looked at without a message.
    write(dir, "sources/orders.yaml", "nats: {url: 'nats://host', stream: S}\n");
    write(dir, "sources/orders.events.sql", "SELECT n AS nmae, 'web' AS channel, at AS occurred_at FROM raw");
    let said = clew(dir, &["check", "--no-files"]);
    assert!(said.out.contains("did you mean name?"), "{}", said.out);
}
