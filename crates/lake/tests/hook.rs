//! The write-path hook: decisions in the order of the log, stored with the facts, kept over restarts, replaced by a run's answer.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::sync::Arc;

use clew_lake::{Lake, Mode, Options};
use support::{Census, Event, append, event, indexed, options, rebase};

async fn open(store: &Path, rules: u64) -> Lake {
    Lake::open(store, Options { hook: Some(Arc::new(Census { rules, ..Census::default() })), ..options() }).await.unwrap()
}

/// Events whose subjects are these.
fn events(subjects: impl IntoIterator<Item = u64>) -> Vec<Event> {
    subjects.into_iter().map(|subject| event(format!("e{subject}"), subject)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_subjects_are_decided_about_once_and_found_again_after_a_restart() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path(), 1).await;
    append(&lake, 0, Mode::Append, &events([3, 5, 5])).await;
    append(&lake, 1, Mode::Append, &events([5, 4])).await;
    assert_eq!(indexed(&lake), [3, 4, 5]);
    assert_eq!(lake.hook_load().decided, 3, "5 is known to the second chunk");
    assert_eq!((lake.hook_load().recent, lake.index_base().unwrap()), (3, None));
    drop(lake);
    let lake = open(store.path(), 1).await;
    assert_eq!((indexed(&lake), lake.hook_load().recent), (vec![3, 4, 5], 3));
    lake.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_appends_at_once_are_decided_about_one_after_the_other() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path(), 1).await;
    let chunks = (0..40_i64).map(|number| {
        let lake = lake.clone();
        // Neighbours share half of their subjects.
        let subjects = number as u64 * 5..number as u64 * 5 + 10;
        let events: Vec<Event> = subjects.map(|subject| event(format!("{number}-{subject}"), subject)).collect();
        tokio::spawn(async move { append(&lake, number, Mode::Append, &events).await })
    });
    for chunk in chunks.collect::<Vec<_>>() {
        chunk.await.unwrap();
    }
    assert_eq!(indexed(&lake), (0..205).collect::<Vec<i64>>());
    let hook = lake.hook().unwrap().as_ref() as &dyn std::any::Any;
    let mut places: Vec<u64> = hook.downcast_ref::<Census>().unwrap().shown.lock().unwrap().values().copied().collect();
    places.sort_unstable();
    assert_eq!(places, (0..205).collect::<Vec<u64>>(), "each decision saw all before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_chunk_is_left_to_the_next_run() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path(), 1).await;
    append(&lake, 0, Mode::Append, &events(0..8_193)).await;
    assert_eq!((indexed(&lake), lake.hook_load().deferred_rows), (vec![], 8_193));
    append(&lake, 1, Mode::Append, &[event("again", 7)]).await;
    assert_eq!(indexed(&lake), [7], "one of them seen again is decided about");
    rebase(&lake, 1).await;
    assert_eq!(indexed(&lake).len(), 8_193);
    lake.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_left_to_the_run_that_follows() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path(), 1).await;
    let chunk = support::chunk(0, Mode::Append, &events([1, 2]));
    lake.appender().append(chunk).await.unwrap().receipt().await.unwrap();
    assert_eq!((indexed(&lake), lake.hook_load().deferred_rows), (vec![], 2));
    lake.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_stored_before_it_is_shown_and_counted_when_it_is() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path(), 1).await;
    append(&lake, 0, Mode::Append, &events([1, 2])).await;
    let (before, made) = (lake.hook_loads(), lake.clone());
    let hook = lake.hook().unwrap().as_ref() as &dyn std::any::Any;
    let showing = hook.downcast_ref::<Census>().unwrap().shown.lock().unwrap();
    let rebased = tokio::spawn(async move { rebase(&made, 7).await });
    while lake.index_base().unwrap() != Some(7) {
        std::thread::yield_now();
    }
    assert_eq!(lake.hook_loads(), before, "readers still see what was shown before");
    drop(showing);
    rebased.await.unwrap();
    assert_eq!((lake.hook_loads(), indexed(&lake)), (before + 1, vec![1, 2]));
    lake.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_over_and_what_came_since_stays() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path(), 1).await;
    append(&lake, 0, Mode::Append, &events([1, 2])).await;
    let cutoff = lake.offset();
    append(&lake, 1, Mode::Append, &events([3])).await;
    // A run that saw the first chunk only, and knows of a subject that the index does not.
    let pairs = [1, 2, 9].map(|subject| (Census::key(subject), 0_u64.to_be_bytes().to_vec()));
    lake.rebase(pairs.into_iter(), clew_lake::Base { cutoff, tag: 7 }).await.unwrap();
    assert_eq!((indexed(&lake), lake.hook_load().recent), (vec![1, 2, 3, 9], 1));
    assert_eq!(lake.index_base().unwrap(), Some(7));
    append(&lake, 2, Mode::Append, &events([4])).await;
    drop(lake);
    let lake = open(store.path(), 1).await;
    assert_eq!((indexed(&lake), lake.index_base().unwrap()), (vec![1, 2, 3, 4, 9], Some(7)));
    drop(lake);
    // Under other rules nothing of it holds but what came since the run, which is decided about again.
    let lake = open(store.path(), 2).await;
    assert_eq!((indexed(&lake), lake.index_base().unwrap()), (vec![3, 4], None));
    rebase(&lake, 8).await;
    assert_eq!((indexed(&lake), lake.hook_load().recent), (vec![1, 2, 3, 4], 0));
    lake.close().await.unwrap();
}
