//! Load for `make bench-intake`: tracking calls over HTTP, and the same batches into PostgreSQL and Redis.
//!
//! ```text
//! load http HOST:PORT KEY SECONDS CONNECTIONS [EVENTS_PER_SECOND]
//! load postgres SOCKET SECONDS CONNECTIONS
//! load redis SOCKET SECONDS CONNECTIONS
//! ```
//! Batches of 100 events of about 600 bytes, prepared once for each connection; only ids, users and times are written anew, so that the sender takes
//! little of the machine that it shares with the server. Without a rate every connection sends as soon as it is answered; with one it sends by
//! the clock, and latency counts from the time at which a batch was due, so that a stalled server cannot hide behind a sender that waits for it.
//! An answer that does not accept every event ends the run. The report is one line of JSON.
//!
//! PostgreSQL is spoken to by its own protocol (simple query, PostgreSQL 15 documentation, chapter 55) over a local socket with `trust`: one
//! multi-row `INSERT … ON CONFLICT DO NOTHING` a batch, each its own transaction. Redis too (RESP2): one `XADD` an event, a batch of them in one
//! pipeline; it keeps every repetition.
#![allow(clippy::unwrap_used, reason = "a benchmark ends at the first fault")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

/// Events in a batch.
const BATCH: usize = 100;
/// People who send them.
const USERS: u64 = 200_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["http", address, key, seconds, connections, ref rate @ ..] => {
            let rate = rate.first().map(|rate| rate.parse::<f64>().unwrap());
            let connections: usize = connections.parse().unwrap();
            let pause = rate.map(|rate| Duration::from_secs_f64((BATCH * connections) as f64 / rate));
            run(seconds, connections, pause, |n| Http::open(address, key, n));
        }
        ["postgres", socket, seconds, connections] => {
            run(seconds, connections.parse().unwrap(), None, |n| Postgres::open(socket, n));
        }
        ["redis", socket, seconds, connections] => {
            run(seconds, connections.parse().unwrap(), None, |n| Redis::open(socket, n));
        }
        _ => {
            eprintln!(
                "load http HOST:PORT KEY SECONDS CONNECTIONS [EVENTS_PER_SECOND]\nload postgres|redis SOCKET SECONDS CONNECTIONS"
            );
            std::process::exit(2);
        }
    }
}

/// Something that takes a batch and says when it is durable.
trait Sink {
    fn send(&mut self);
}

fn run<S: Sink>(seconds: &str, connections: usize, pause: Option<Duration>, open: impl Fn(usize) -> S + Sync) {
    let length = Duration::from_secs_f64(seconds.parse().unwrap());
    let begin = Instant::now();
    let mut micros: Vec<u32> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..connections)
            .map(|n| {
                let open = &open;
                scope.spawn(move || {
                    let mut sink = open(n);
                    let mut latencies = Vec::new();
                    // Connections take turns within the pause.
                    let mut due = begin + pause.map_or(Duration::ZERO, |pause| pause * n as u32 / connections as u32);
                    while begin.elapsed() < length {
                        let since = match pause {
                            None => Instant::now(),
                            Some(pause) => {
                                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                                let since = due;
                                due += pause;
                                since
                            }
                        };
                        sink.send();
                        latencies.push(since.elapsed().as_micros() as u32);
                    }
                    latencies
                })
            })
            .collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    let seconds = begin.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |share: f64| f64::from(micros[((micros.len() - 1) as f64 * share) as usize]) / 1000.0;
    let events = micros.len() * BATCH;
    println!(
        "{}",
        json!({
            "events": events, "seconds": seconds, "events_per_second": events as f64 / seconds,
            "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": at(1.0),
        })
    );
}

/// A batch whose ids are written anew for every sending.
struct Batch {
    bytes: Vec<u8>,
    ids: Vec<usize>,
    users: Vec<usize>,
    times: Vec<usize>,
    /// Ids of different connections and runs differ in their high half.
    high: u64,
    next: u64,
}

const ID: &str = "00000000-0000-0000-0000-000000000000";
const USER: &str = "user-000000";
const TIME: &str = "0000-00-00T00:00:00.000Z";

fn message(n: usize) -> String {
    let price = 10 + n % 90;
    format!(
        r#"{{"type":"track","messageId":"{ID}","userId":"{USER}","anonymousId":"anonymous-{n:012}","event":"Product Viewed","timestamp":"{TIME}","properties":{{"product_id":"sku-{n:06}","name":"A thing that people look at","category":"things","price":{price}.95,"currency":"EUR","position":{n},"list":"search"}},"context":{{"library":{{"name":"load","version":"1.0.0"}},"page":{{"url":"https://shop.example/things/sku-{n:06}","title":"A thing","referrer":"https://search.example/"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","locale":"en-GB"}}}}"#
    )
}

fn places(bytes: &[u8], what: &str) -> Vec<usize> {
    let found = bytes.windows(what.len()).enumerate().filter(|(_, window)| *window == what.as_bytes());
    found.map(|(at, _)| at).collect()
}

impl Batch {
    fn new(bytes: Vec<u8>, connection: usize) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
        let (ids, users, times) = (places(&bytes, ID), places(&bytes, USER), places(&bytes, TIME));
        assert_eq!(ids.len(), BATCH);
        Self { bytes, ids, users, times, high: now << 8 | connection as u64, next: 0 }
    }

    /// New ids, users and times.
    fn renew(&mut self) {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        for at in &self.times {
            self.bytes[*at..*at + TIME.len()].copy_from_slice(time.as_bytes());
        }
        for at in &self.ids {
            self.next += 1;
            let number = u128::from(self.high) << 64 | u128::from(self.next);
            // The version and variant of a UUID, the rest a counter: ids are new and of the usual length.
            let text = format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                number >> 96,
                number >> 80 & 0xffff,
                number >> 68 & 0xfff,
                number >> 56 & 0xfff,
                number & 0xffff_ffff_ffff
            );
            self.bytes[*at..*at + ID.len()].copy_from_slice(text.as_bytes());
        }
        for (n, at) in self.users.iter().enumerate() {
            // A multiplicative hash spreads them over all people.
            let user = (self.next + n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % USERS;
            let text = format!("user-{user:06}");
            self.bytes[*at..*at + USER.len()].copy_from_slice(text.as_bytes());
        }
    }
}

struct Http {
    stream: BufReader<TcpStream>,
    head: Vec<u8>,
    batch: Batch,
    answer: Vec<u8>,
}

impl Http {
    fn open(address: &str, key: &str, connection: usize) -> Self {
        let messages: Vec<String> = (0..BATCH).map(message).collect();
        let body = format!(r#"{{"batch":[{}],"sentAt":"{TIME}"}}"#, messages.join(",")).into_bytes();
        let head = format!(
            "POST /v1/batch HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), head: head.into_bytes(), batch: Batch::new(body, connection), answer: Vec::new() }
    }
}

impl Sink for Http {
    fn send(&mut self) {
        self.batch.renew();
        let stream = self.stream.get_mut();
        stream.write_all(&self.head).unwrap();
        stream.write_all(&self.batch.bytes).unwrap();
        let (mut status, mut length) = (String::new(), 0);
        self.stream.read_line(&mut status).unwrap();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        self.answer.resize(length, 0);
        self.stream.read_exact(&mut self.answer).unwrap();
        let all = format!("\"accepted\":{BATCH},");
        let text = String::from_utf8_lossy(&self.answer);
        assert!(status.contains(" 200 ") && text.contains(&all), "{status}{text}");
    }
}

struct Postgres {
    stream: UnixStream,
    batch: Batch,
}

impl Postgres {
    fn open(socket: &str, connection: usize) -> Self {
        let mut stream = UnixStream::connect(socket).unwrap();
        let mut start = 196_608_i32.to_be_bytes().to_vec();
        start.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
        stream.write_all(&((start.len() + 4) as i32).to_be_bytes()).unwrap();
        stream.write_all(&start).unwrap();
        let rows: Vec<String> = (0..BATCH).map(|n| format!("('website','{ID}','{}')", message(n).replace(ID, "~"))).collect();
        // The id stands in its column only; what it takes in the message is kept by as many bytes.
        let rows = rows.join(",").replace('~', &"-".repeat(ID.len()));
        let query = format!("INSERT INTO events (source, event_id, message) VALUES {rows} ON CONFLICT DO NOTHING\0");
        let mut postgres = Self { stream, batch: Batch::new(query.into_bytes(), connection) };
        assert_eq!(postgres.until_ready(), None, "trust authentication");
        postgres
    }

    /// Reads messages until the server is ready for the next query; the tag of what it did.
    fn until_ready(&mut self) -> Option<String> {
        let mut tag = None;
        loop {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head).unwrap();
            let length = i32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4;
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).unwrap();
            match head[0] {
                b'E' => panic!("{}", String::from_utf8_lossy(&body)),
                b'C' => tag = Some(String::from_utf8_lossy(&body).trim_end_matches('\0').to_owned()),
                b'Z' => return tag,
                _ => {}
            }
        }
    }
}

impl Sink for Postgres {
    fn send(&mut self) {
        self.batch.renew();
        let length = ((self.batch.bytes.len() + 4) as i32).to_be_bytes();
        self.stream.write_all(&[&b"Q"[..], &length].concat()).unwrap();
        self.stream.write_all(&self.batch.bytes).unwrap();
        assert_eq!(self.until_ready().as_deref(), Some(format!("INSERT 0 {BATCH}").as_str()));
    }
}

struct Redis {
    stream: BufReader<UnixStream>,
    batch: Batch,
}

impl Redis {
    fn open(socket: &str, connection: usize) -> Self {
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        let add = |n| {
            let head: String = ["XADD", "events", "*", "id", ID, "message"].map(bulk).concat();
            // The id stands in its field only; what it takes in the message is kept by as many bytes.
            format!("*7\r\n{head}{}", bulk(&message(n).replace(ID, &"-".repeat(ID.len()))))
        };
        let pipeline: String = (0..BATCH).map(add).collect();
        let stream = BufReader::new(UnixStream::connect(socket).unwrap());
        Self { stream, batch: Batch::new(pipeline.into_bytes(), connection) }
    }
}

impl Sink for Redis {
    fn send(&mut self) {
        self.batch.renew();
        self.stream.get_mut().write_all(&self.batch.bytes).unwrap();
        // Each answer is the entry's id: a length and the text.
        for _ in 0..BATCH {
            for start in ["$", ""] {
                let mut line = String::new();
                self.stream.read_line(&mut line).unwrap();
                assert!(line.starts_with(start) && line.len() > 2, "{line}");
            }
        }
    }
}
