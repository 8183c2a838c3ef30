//! The nine Olist files through `examples/olist`.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::PathBuf;

use clew_intake::{Severity, check, import};
use clew_lake::{Lake, Options};
use support::{load_olist, number};

#[tokio::test(flavor = "multi_thread")]
async fn the_olist_example_imports_exactly() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("CLEW_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let data = shared.join("data/olist");
    if !data.is_dir() {
        println!("skipped: {} is not there", data.display());
        return;
    }
    let sources = load_olist(&root.join("examples/olist"), &data);
    for source in &sources.sources {
        let errors: Vec<_> = check(&sources, source, true).into_iter().filter(|p| p.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", source.name);
    }
    let store = tempfile::tempdir().unwrap();
    let lake = Lake::open(store.path(), Options::default()).await.unwrap();
    let first = import(&lake, &sources, &[], &()).await.unwrap();
    println!("{}", serde_json::to_string_pretty(&first).unwrap());
    assert_eq!(first.sources.len(), 9);
    assert!(first.is_balanced());
    let read: u64 = first.sources.iter().flat_map(|source| &source.files).map(|file| file.rows.read).sum();
    // PROVENANCE.md: orders, customers, items, payments, reviews, products, sellers, geolocation, translation.
    assert_eq!(read, 15_000 + 15_000 + 17_071 + 15_733 + 14_944 + 9_255 + 1_904 + 50_000 + 71);
    assert!(first.sources.iter().flat_map(|source| &source.files).all(|file| file.rows.unreadable == 0));
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine").await, 0);
    assert_eq!(number(&lake, "SELECT count(*) FROM responses WHERE score IS NOT NULL").await, 14_944);
    assert_eq!(number(&lake, "SELECT count(*) FROM responses WHERE score >= 4").await, 8_597 + 2_887);
    // 6,176 with a message, and 281 with a title only.
    assert_eq!(number(&lake, "SELECT count(*) FROM responses WHERE text IS NOT NULL").await, 6_457);
    assert_eq!(number(&lake, "SELECT count(*) FROM responses WHERE subject IS NULL OR identifiers IS NULL").await, 0);
    assert_eq!(number(&lake, "SELECT count(*) FROM events WHERE name = 'order_placed'").await, 15_000);
    // 1,156 delivered after the promised time and 448 never.
    assert_eq!(number(&lake, "SELECT count(*) FROM events WHERE name = 'delivery_promise_broken'").await, 1_604);
    let people = "SELECT count(DISTINCT i['value']) FROM (SELECT unnest(identifiers) AS i FROM records WHERE source = 'customers') WHERE i['type'] = 'customer_unique_id'";
    assert_eq!(number(&lake, people).await, 14_904);
    let second = import(&lake, &sources, &[], &()).await.unwrap();
    assert_eq!(second.stored(), 0);
    assert!(second.is_balanced());
    lake.close().await.unwrap();
}
