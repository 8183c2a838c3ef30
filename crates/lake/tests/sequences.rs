//! Any sequence of appends, seals and reopenings equals a plain map.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use clew_lake::Mode;
use proptest::prelude::*;
use support::{Event, event, open, padded_chunk, rows};

#[derive(Clone, Debug)]
enum Step {
    Append { mode: Mode, events: Vec<(u8, u8)>, padding: usize, many: bool },
    Seal,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let events = prop::collection::vec((0_u8..12, 0_u8..3), 0..10);
    let append = (
        prop_oneof![Just(Mode::Append), Just(Mode::Upsert)],
        events,
        prop_oneof![Just(0), Just(200_000)],
        prop::bool::weighted(0.1),
    );
    prop_oneof![
        6 => append.prop_map(|(mode, events, padding, many)| Step::Append { mode, events, padding, many }),
        2 => Just(Step::Seal),
        1 => Just(Step::Reopen),
    ]
}

/// The obvious lake: versions of each id in the order in which they were stored, and what was counted.
#[derive(Default)]
struct Model {
    newest: BTreeMap<String, u64>,
    stored: Vec<String>,
    counts: (u64, u64, u64),
}

impl Model {
    fn append(&mut self, mode: Mode, events: &[Event]) {
        for event in events {
            match self.newest.get(&event.id) {
                Some(content) if *content == event.content => self.counts.1 += 1,
                Some(_) if mode == Mode::Append => self.counts.2 += 1,
                _ => {
                    self.counts.0 += 1;
                    self.newest.insert(event.id.clone(), event.content);
                    self.stored.push(format!("{}|{}", event.id, event.content));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_equals_a_plain_map(steps in prop::collection::vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = tempfile::tempdir().unwrap();
            let mut lake = open(store.path()).await;
            let mut model = Model::default();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Append { mode, events, padding, many } => {
                        let mut events: Vec<Event> = events.into_iter().map(|(id, content)| event(id, content.into())).collect();
                        if many {
                            events.extend((0..5_000).map(|n| event(format!("many-{n}"), 0)));
                        }
                        let before = model.counts;
                        model.append(mode, &events);
                        let padding = if many { 0 } else { padding };
                        let receipt = lake.append(padded_chunk(number as i64, mode, &events, padding)).await.unwrap();
                        let counts = receipt.facts["events"];
                        let added = (model.counts.0 - before.0, model.counts.1 - before.1, model.counts.2 - before.2);
                        assert_eq!((counts.stored, counts.duplicate, counts.conflict), added);
                    }
                    Step::Seal => { lake.seal().await.unwrap(); }
                    Step::Reopen => {
                        drop(lake);
                        lake = open(store.path()).await;
                    }
                }
                let mut expected = model.stored.clone();
                expected.sort();
                assert_eq!(rows(&lake.session(), "SELECT event_id, subject FROM events").await, expected);
            }
        });
    }
}
