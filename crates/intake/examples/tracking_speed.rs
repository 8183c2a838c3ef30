//! Speed of decoding and typing tracking calls on one core: `cargo run --release -p clew-intake --example tracking_speed [SECONDS]`.
//!
//! Batches of 100 `track` calls of about 600 bytes, merged by 12 as the door does under load: body to typed columns with subjects and content hashes,
//! everything but the append. One figure a way of merging, and what reading alone takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clew_identity::Rules;
use clew_intake::tracking::{Body, Call, Draft, Tracker};
use clew_intake::typing::Origin;

const BATCH: usize = 100;

fn body(batch: usize) -> Vec<u8> {
    let message = |n: usize| {
        let id = batch * BATCH + n;
        format!(
            r#"{{"type":"track","messageId":"{id:08x}-0000-4000-8000-000000000000","userId":"user-{:06}","anonymousId":"anonymous-{n:012}","event":"Product Viewed","timestamp":"2026-01-31T12:00:00.000Z","properties":{{"product_id":"sku-{n:06}","name":"A thing that people look at","category":"things","price":{}.95,"currency":"EUR","position":{n},"list":"search"}},"context":{{"library":{{"name":"load","version":"1.0.0"}},"page":{{"url":"https://shop.example/things/sku-{n:06}","title":"A thing","referrer":"https://search.example/"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","locale":"en-GB"}}}}"#,
            id % 200_000,
            10 + n % 90
        )
    };
    let messages: Vec<String> = (0..BATCH).map(message).collect();
    format!(r#"{{"batch":[{}],"sentAt":"2026-01-31T12:00:01.000Z"}}"#, messages.join(",")).into_bytes()
}

fn measure(what: &str, length: Duration, events: usize, mut round: impl FnMut()) {
    let begin = Instant::now();
    let mut rounds = 0;
    while begin.elapsed() < length {
        round();
        rounds += 1;
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{what}: {:.0} events/s", f64::from(rounds) * events as f64 / seconds);
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let length = Duration::from_secs(seconds);
    let origin = Origin {
        source: "website".into(),
        population: "customer".into(),
        rules: Arc::new(Rules::default().compile().expect("the defaults compile")),
        zone: None,
        language: None,
        currency: Some("EUR".into()),
        promoted: Vec::new(),
        versions: false,
        conventions: Arc::default(),
    };
    let tracker = Tracker::new(&Arc::new(origin), None, "measure");
    let bodies: Vec<Vec<u8>> = (0..240).map(body).collect();
    println!("{} bytes an event", bodies[0].len() / BATCH);
    let now = 1_769_860_802_000_000;
    measure("reading alone", length, bodies.len() * BATCH, || {
        for body in &bodies {
            std::hint::black_box(Body::read(body, Call::Batch, "measure").expect("a sound body"));
        }
    });
    for merged in [1, 12] {
        measure(&format!("read and typed, {merged} bodies a chunk"), length, bodies.len() * BATCH, || {
            for group in bodies.chunks(merged) {
                let mut draft = Draft::new(&tracker);
                for body in group {
                    draft.add(&Body::read(body, Call::Batch, "measure").expect("a sound body"), Call::Batch, now);
                }
                std::hint::black_box(draft.finish(now, 1));
            }
        });
    }
}
