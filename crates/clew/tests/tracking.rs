//! The tracking API of the real binary: what senders are told, what hostile ones get, and that nothing acknowledged is ever lost or doubled,
//! whenever the process dies or the disk fills up.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clew_lake::crash::VARIABLE;
use flate2::Compression;
use flate2::write::GzEncoder;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use support::live::{self, Served, key, project};
use support::{clew, rows, value};

fn track(id: &str, price: u32) -> Value {
    json!({"type": "track", "event": "Order Completed", "userId": "u1", "messageId": id, "timestamp": "2026-01-31T12:00:00Z",
           "properties": {"revenue": price, "currency": "EUR", "order_id": "o1"}})
}

fn batch(messages: &[Value]) -> Vec<u8> {
    json!({"batch": messages, "sentAt": "2026-01-31T12:00:01Z"}).to_string().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[track_caller]
fn assert_adds_up(dir: &Path) -> Value {
    let report = clew(dir, &["audit", "--json"]).json();
    assert_eq!(report["holds"], true, "{report}");
    report
}

#[test]
fn what_is_acknowledged_is_there_at_once_and_a_retry_is_a_duplicate() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir);
    let key = key(dir);
    let served = Served::start(dir);
    let two = batch(&[track("m1", 5), track("m2", 6)]);
    assert_eq!(served.post("/v1/batch", &key, &two).counts(), (2, 0, 0, 0));
    let seen = rows(dir, "SELECT event_id, name, channel, amount, currency, reference FROM events ORDER BY event_id");
    assert_eq!(
        seen[0],
        json!({"event_id": "m1", "name": "order_completed", "channel": "system", "amount": "5.0000", "currency": "EUR", "reference": "o1"})
    );
    let again = served.post("/v1/batch", &key, &two);
    assert_eq!(again.counts(), (0, 2, 0, 0));
    assert_eq!(
        again.body["results"][1],
        json!({"index": 1, "messageId": "m2", "status": "duplicate", "code": null, "message": null})
    );
    let packed = gzip(&batch(&[track("m3", 7)]));
    let headers = format!("authorization: Bearer {key}\r\ncontent-encoding: gzip\r\n");
    assert_eq!(served.send("/v1/batch", &headers, &packed).unwrap().counts(), (1, 0, 0, 0));

    // The same id with another content: the first stays, the second is kept aside with what the first said.
    let other = served.post("/v1/batch", &key, &batch(&[track("m1", 99), track("m4", 8)]));
    assert_eq!(other.counts(), (1, 0, 1, 0));
    assert_eq!(
        (&other.body["results"][0]["status"], &other.body["results"][0]["code"]),
        (&json!("quarantined"), &json!("conflict"))
    );
    let kept = &rows(dir, "SELECT reason, detail, raw FROM quarantine")[0];
    assert_eq!(kept["reason"], "conflict");
    let detail = kept["detail"].as_str().unwrap();
    assert!(detail.contains("log entry") && detail.contains("brought content"), "{detail}");
    assert!(kept["raw"].as_str().unwrap().contains("99"));
    assert_eq!(value(dir, "SELECT amount FROM events WHERE event_id = 'm1'"), json!("5.0000"));

    // The same after a restart, when the log is sealed.
    served.stop();
    let served = Served::start(dir);
    assert_eq!(served.post("/v1/batch", &key, &two).counts(), (0, 2, 0, 0));
    assert_eq!(value(dir, "SELECT count(*) FROM events"), json!(4));
    let report = assert_adds_up(dir);
    let source = &report["sources"][0];
    assert_eq!((&source["read"], &source["mapped"], &source["batches"]), (&json!(9), &json!(9), &json!(2)));
    served.stop();
    assert_adds_up(dir);
}

#[test]
fn every_call_of_the_specification_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir);
    let key = key(dir);
    let served = Served::start(dir);
    for (path, body) in [
        ("/v1/identify", json!({"userId": "u1", "anonymousId": "a1", "traits": {"email": "ann@x.org", "plan": "gold"}})),
        ("/v1/track", json!({"userId": "u1", "event": "Signed Up"})),
        ("/v1/page", json!({"anonymousId": "a1", "name": "Home", "context": {"page": {"url": "https://x.org/"}}})),
        ("/v1/screen", json!({"userId": "u1", "name": "Cart"})),
        ("/v1/group", json!({"userId": "u1", "groupId": "g1", "traits": {"name": "Larkmoor"}})),
        ("/v1/alias", json!({"userId": "u1", "previousId": "a0"})),
        (
            "/v1/import",
            json!({"batch": [{"type": "track", "userId": "u1", "event": "Old", "timestamp": "2020-01-01T00:00:00Z"}]}),
        ),
        ("/v1/t", json!({"userId": "u2", "event": "Short"})),
    ] {
        let answer = served.post(path, &key, body.to_string().as_bytes());
        assert_eq!(answer.counts(), (1, 0, 0, 0), "{path}: {answer:?}");
    }
    let names = rows(dir, "SELECT name, channel FROM events ORDER BY name");
    let names: Vec<(&str, &str)> =
        names.iter().map(|row| (row["name"].as_str().unwrap(), row["channel"].as_str().unwrap())).collect();
    assert_eq!(
        names,
        [("old", "system"), ("page_viewed", "web"), ("screen_viewed", "app"), ("short", "system"), ("signed_up", "system")]
    );
    assert_eq!(value(dir, "SELECT count(*) FROM records"), json!(4), "identify, alias, and the two of group");
    assert_eq!(
        value(dir, "SELECT year FROM (SELECT date_part('year', occurred_at) AS year FROM events WHERE name = 'old')").as_f64(),
        Some(2020.0)
    );
    assert_adds_up(dir);
    // Who is who: the run joins what the calls say.
    served.stop();
    clew(dir, &["run", "--only", "identity"]).done();
    assert_eq!(
        value(
            dir,
            "SELECT count(DISTINCT person_id) FROM subjects s JOIN events e ON e.subject = s.subject WHERE e.name IN ('signed_up', 'page_viewed', 'old')"
        ),
        json!(1)
    );
}

#[test]
fn a_hostile_client_is_refused_and_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir);
    let key = key(dir);
    let served = Served::start(dir);
    let post = |body: &[u8]| served.post("/v1/batch", &key, body);
    let auth = format!("authorization: Bearer {key}\r\n");

    // No JSON, no text, no message.
    for body in [&b"{\"batch\":"[..], b"\xff\xfe", b"{\"batch\":[{\"a\":NaN}]}", b"", b"[]", b"{}", b"{\"batch\":[]}"] {
        let answer = post(body);
        assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &json!("invalid")), "{answer:?}");
    }
    // Too much: announced, sent, packed, counted.
    let announced = format!("POST /v1/batch HTTP/1.1\r\nhost: x\r\n{auth}content-length: 1073741824\r\n\r\n{{");
    assert_eq!(served.raw(&[announced.as_bytes()]).unwrap().status, 413);
    assert_eq!(post(&batch(&[track(&"x".repeat(600 << 10), 1)])).status, 413);
    let chunked = format!("POST /v1/batch HTTP/1.1\r\nhost: x\r\n{auth}transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let mut endless: Vec<&[u8]> = vec![chunked.as_bytes()];
    endless.extend(std::iter::repeat_n(chunk.as_slice(), 64));
    assert!(served.raw(&endless).is_none_or(|answer| answer.status == 413), "an endless body");
    let bomb = gzip(&vec![b' '; 256 << 20]);
    assert!(bomb.len() < 512 << 10, "a bomb fits the limit packed: {}", bomb.len());
    assert_eq!(served.send("/v1/batch", &format!("{auth}content-encoding: gzip\r\n"), &bomb).unwrap().status, 413);
    assert_eq!(served.send("/v1/batch", &format!("{auth}content-encoding: gzip\r\n"), b"no gzip").unwrap().status, 400);
    assert_eq!(served.send("/v1/batch", &format!("{auth}content-encoding: br\r\n"), b"x").unwrap().status, 400);
    let many = format!("{{\"batch\":[{}]}}", vec!["{}"; 2501].join(","));
    assert_eq!(post(many.as_bytes()).status, 413);
    // Deep, wide, far in the future: set aside alone, the neighbour is stored.
    let deep = format!(
        r#"{{"type":"track","event":"e","userId":"u","properties":{{"a":{}1{}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let wide: String = (0..100_000).map(|_| "\"a\":1,").collect::<String>();
    let wide = format!(r#"{{"type":"track","event":"e","userId":"u","properties":{{{}"z":0}}}}"#, &wide[..300_000]);
    let late = r#"{"type":"track","event":"e","userId":"u","timestamp":"9999-12-31T00:00:00Z"}"#;
    for (id, (message, code)) in
        [(deep.as_str(), "nested_too_deeply"), (wide.as_str(), "event_too_large"), (late, "time_out_of_range")].iter().enumerate()
    {
        let body = format!(r#"{{"batch":[{message},{}]}}"#, track(&format!("beside-{id}"), 1));
        let answer = post(body.as_bytes());
        assert_eq!(answer.counts(), (1, 0, 1, 0), "{code}");
        assert_eq!(answer.body["results"][0]["code"], *code);
        // Sent again it is the same: no second row in quarantine.
        assert_eq!(post(body.as_bytes()).counts(), (0, 1, 1, 0), "{code}");
    }
    assert_eq!(value(dir, "SELECT count(*) FROM quarantine"), json!(3));
    // A length that lies: more than comes, and less.
    let more = format!("POST /v1/batch HTTP/1.1\r\nhost: x\r\n{auth}content-length: 500\r\nconnection: close\r\n\r\n{{");
    let mut stream = std::net::TcpStream::connect(&served.address).unwrap();
    stream.write_all(more.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    drop(stream);
    let less =
        format!("POST /v1/batch HTTP/1.1\r\nhost: x\r\n{auth}content-length: 5\r\nconnection: close\r\n\r\n{{\"batch\":[]}}");
    assert_eq!(served.raw(&[less.as_bytes()]).unwrap().status, 400);
    // Two lengths at once are a way to smuggle requests.
    let two = format!("POST /v1/batch HTTP/1.1\r\nhost: x\r\n{auth}content-length: 5\r\ncontent-length: 6\r\n\r\n{{}}");
    assert!(served.raw(&[two.as_bytes()]).is_none_or(|answer| answer.status == 400));
    // Keys: none, wrong, revoked.
    assert_eq!(served.send("/v1/batch", "", &batch(&[track("k", 1)])).unwrap().status, 401);
    assert_eq!(served.post("/v1/batch", "ck_wrong", &batch(&[track("k", 1)])).status, 401);
    let listed = clew(dir, &["keys", "list", "--json"]).json();
    clew(dir, &["keys", "revoke", listed["keys"][0]["key_id"].as_str().unwrap()]).done();
    assert_eq!(post(&batch(&[track("k", 1)])).status, 401);
    let new = live::key(dir);
    assert_eq!(served.post("/v1/batch", &new, &batch(&[track("k", 1)])).counts(), (1, 0, 0, 0));
    assert_adds_up(dir);
    served.stop();
}

#[test]
fn personal_values_and_keys_reach_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir);
    let key = key(dir);
    let log = dir.join("log");
    let mut command = support::command();
    command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(dir).env("CLEW_LOG", "debug");
    command.stdout(std::process::Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let served = Served { child, address, dir: dir.to_owned() };
    let secret = json!({"type": "track", "event": "e", "userId": "ann-secret", "timestamp": "secret", "context": {"traits": {"email": "secret@x.org"}}});
    served.post("/v1/batch", &key, &batch(&[secret]));
    served.post("/v1/batch", &key, b"{\"secret\"");
    served.stop();
    let said = std::fs::read_to_string(log).unwrap();
    assert!(said.contains("/v1/batch"), "there is a log: {said}");
    assert!(!said.contains("secret") && !said.contains(&key[3..]), "{said}");
}

/// Sends batches until the server dies; the ids that were acknowledged and all that were sent.
fn send_until_dead(served: &Served, key: &str, round: usize, senders: usize) -> (BTreeSet<String>, BTreeSet<String>) {
    let (acknowledged, sent) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    let dead = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for sender in 0..senders {
            let (acknowledged, sent, dead) = (&acknowledged, &sent, &dead);
            scope.spawn(move || {
                for n in 0_usize.. {
                    if dead.load(Ordering::Relaxed) || n > 3_000 {
                        return;
                    }
                    let ids: Vec<String> = (0..20).map(|i| format!("{round}-{sender}-{n}-{i}")).collect();
                    let messages: Vec<Value> = ids.iter().map(|id| track(id, 1)).collect();
                    sent.lock().unwrap().extend(ids.iter().cloned());
                    match served.send("/v1/batch", &format!("authorization: Bearer {key}\r\n"), &batch(&messages)) {
                        Some(answer) if answer.status == 200 => {
                            assert_eq!(answer.counts(), (20, 0, 0, 0));
                            acknowledged.lock().unwrap().extend(ids);
                        }
                        Some(answer) => assert!(answer.status >= 500, "{answer:?}"),
                        None => dead.store(true, Ordering::Relaxed),
                    }
                }
            });
        }
    });
    (acknowledged.into_inner().unwrap(), sent.into_inner().unwrap())
}

#[track_caller]
fn assert_each_once(dir: &Path, acknowledged: &BTreeSet<String>, sent: &BTreeSet<String>, when: &str) {
    // A server gives 10,000 rows of a query at most.
    const PAGE: usize = 10_000;
    let (mut stored, mut last) = (BTreeSet::new(), String::new());
    loop {
        let page = rows(
            dir,
            &format!(
                "SELECT event_id, count(*) AS n FROM events WHERE event_id > '{last}' GROUP BY event_id ORDER BY event_id LIMIT {PAGE}"
            ),
        );
        assert!(page.iter().all(|row| row["n"] == 1), "an event is there twice {when}");
        stored.extend(page.iter().map(|row| row["event_id"].as_str().unwrap().to_owned()));
        if page.len() < PAGE {
            break;
        }
        last = stored.last().cloned().unwrap();
    }
    let lost: Vec<&String> = acknowledged.difference(&stored).take(5).collect();
    assert!(lost.is_empty(), "acknowledged and lost {when}: {lost:?}");
    assert!(stored.is_subset(sent), "stored and never sent {when}");
}

/// Named points of the write path first, then any time at all.
#[test]
fn whenever_the_server_is_killed_what_it_acknowledged_is_there_once() {
    let moments: usize = std::env::var("CLEW_CRASH_MOMENTS").map_or(10, |n| n.parse().expect("a number of moments"));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir);
    let key = key(dir);
    let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(20_260_131);
    let points = ["append.judged", "append.staged", "append.committing", "append.committed", "any time"];
    let (mut acknowledged, mut sent) = (BTreeSet::new(), BTreeSet::new());
    let mut died = 0;
    for round in 0..moments {
        let point = points[round % points.len()];
        let moment = format!("{point}:{}", dice.random_range(2..=40));
        let (said, tried) = if point == "any time" {
            let mut served = Served::start(dir);
            // Killed from outside after a number of acknowledgements that the dice say.
            let enough = dice.random_range(5..60_usize);
            let pid = served.child.id().to_string();
            let both = std::thread::scope(|scope| {
                let (served, key) = (&served, &key);
                let sender = scope.spawn(move || send_until_dead(served, key, round, 3));
                while value_of(served, key, round) < enough {}
                Command::new("kill").args(["-9", &pid]).status().unwrap();
                sender.join().unwrap()
            });
            served.kill();
            both
        } else {
            let Some(served) = Served::start_with(dir, &[(VARIABLE, &moment)]) else { continue };
            send_until_dead(&served, &key, round, 3)
        };
        died += 1;
        acknowledged.extend(said);
        sent.extend(tried);
        let served = Served::start(dir);
        assert_each_once(dir, &acknowledged, &sent, &format!("after {moment}"));
        assert_adds_up(dir);
        served.stop();
    }
    println!("{died} kills, {} events acknowledged of {} sent", acknowledged.len(), sent.len());
    assert!(died >= moments / 2 && acknowledged.len() > 100, "the test shows too little");
}

/// How many probes the server has taken in this round: each is one acknowledgement.
fn value_of(served: &Served, key: &str, round: usize) -> usize {
    thread_local! {
        static PROBES: std::cell::RefCell<(usize, usize)> = const { std::cell::RefCell::new((0, 0)) };
    }
    PROBES.with_borrow_mut(|(of, n)| {
        if *of != round {
            (*of, *n) = (round, 0);
        }
        let probe = json!({"type": "identify", "userId": format!("probe-{round}-{n}"), "anonymousId": "a"});
        served.post("/v1/batch", key, &batch(&[probe])).counts();
        *n += 1;
        *n
    })
}

/// A small file system in memory that goes away with its value.
struct Disk {
    folder: tempfile::TempDir,
    megabytes: u64,
}

impl Disk {
    /// `None` where this machine gives no right to mount.
    fn mount(megabytes: u64) -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap(), megabytes };
        disk.run_mount("").then_some(disk)
    }

    fn run_mount(&self, options: &str) -> bool {
        let options = format!("{options}size={}m", self.megabytes);
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "clew-test"]).arg(self.folder.path()).output();
        output.is_ok_and(|output| output.status.success())
    }

    fn grow(&mut self, megabytes: u64) {
        self.megabytes += megabytes;
        assert!(self.run_mount("remount,"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).output();
    }
}

/// A batch that was refused: its ids and its body.
type Refused = (Vec<String>, Vec<u8>);

/// Sends batches that fill the disk until one is refused; the ids that were acknowledged before, and that batch.
fn send_until_full(served: &Served, key: &str, sender: &str, dice: &mut impl RngExt) -> (Vec<String>, Refused) {
    let mut acknowledged = Vec::new();
    for n in 0..5_000 {
        let words = dice.random_range(100..1_200);
        let ids: Vec<String> = (0..20).map(|i| format!("{sender}-{n}-{i}")).collect();
        let messages: Vec<Value> = ids
            .iter()
            .map(|id| {
                // Another for each message: equal ones pack to nothing.
                let filler: String = (0..words).map(|_| format!("{:016x}", dice.random::<u64>())).collect();
                json!({"type": "track", "event": "e", "userId": "u", "messageId": id, "properties": {"filler": filler}})
            })
            .collect();
        let body = batch(&messages);
        let answer = served.post("/v1/batch", key, &body);
        if answer.status != 200 {
            assert_eq!((answer.status, &answer.body["error"]["code"]), (503, &json!("not_ready")), "{answer:?}");
            assert!(answer.head.contains("retry-after: 10"), "{}", answer.head);
            return (acknowledged, (ids, body));
        }
        assert_eq!(answer.counts(), (20, 0, 0, 0));
        acknowledged.extend(ids);
    }
    panic!("the disk does not fill up");
}

#[test]
fn whenever_the_disk_is_full_it_refuses_with_a_time_to_come_again_and_loses_nothing() {
    const SENDERS: usize = 3;
    let moments: usize = std::env::var("CLEW_FULL_DISKS").map_or(2, |n| n.parse().expect("a number of moments"));
    let Some(mut disk) = Disk::mount(80) else {
        println!("skipped: mounting a small tmpfs needs rights that this machine does not give");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir);
    let store = disk.folder.path().join("store");
    let store = store.to_str().unwrap();
    let ask = |arguments: &[&str]| {
        let output = support::command().args(arguments).current_dir(dir).env("STORE", store).output().unwrap();
        support::Said::of(&output)
    };
    let key = ask(&["keys", "create", "website", "--json"]).json()["write_key"].as_str().unwrap().to_owned();
    let served = Served::start_with(dir, &[("STORE", store)]).unwrap();
    let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(20_261_126);
    let mut acknowledged = BTreeSet::new();
    for moment in 0..moments {
        let seeds: [u64; SENDERS] = dice.random();
        let results: Vec<(Vec<String>, Refused)> = std::thread::scope(|scope| {
            let start = |(sender, seed)| {
                let (served, key) = (&served, &key);
                let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
                scope.spawn(move || send_until_full(served, key, &format!("{moment}-{sender}"), &mut dice))
            };
            let senders: Vec<_> = seeds.into_iter().enumerate().map(start).collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        disk.grow(dice.random_range(30..50));
        for (told, (ids, body)) in results {
            // A seal that was waiting for room may take what was added first: the sender is told to come again, and does.
            let mut answer = served.post("/v1/batch", &key, &body);
            for _ in 0..5 {
                if answer.status == 200 {
                    break;
                }
                disk.grow(40);
                answer = served.post("/v1/batch", &key, &body);
            }
            assert_eq!(answer.counts(), (20, 0, 0, 0), "nothing of the refused one was stored");
            acknowledged.extend(told);
            acknowledged.extend(ids);
        }
    }
    // Stopping seals and merges, which needs as much again for a while.
    disk.grow(300);
    served.stop();
    let stored = ask(&["sql", "SELECT event_id FROM events", "--format", "csv"]);
    let mut stored: Vec<&str> = stored.done().out.lines().skip(1).collect();
    stored.sort_unstable();
    assert_eq!(stored, acknowledged.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ask(&["audit", "--json"]).json()["holds"], true);
    println!("{moments} full disks, {} events acknowledged", acknowledged.len());
}
