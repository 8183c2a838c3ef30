//! Small query results, kept as long as the store does not change.
//!
//! The key is the query's text under one snapshot: the log's offset and every derived table's version. The first query under
//! a new snapshot empties the cache, so nothing stale is ever answered. Bounded by bytes; the least recently used goes first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;

/// All results together.
const MOST_BYTES: usize = 64 << 20;
/// A larger result is not kept: it would throw out many small ones.
const LARGEST_RESULT: usize = 4 << 20;

/// What a query gave.
pub type Batches = Arc<Vec<RecordBatch>>;

/// The results kept.
#[derive(Debug, Default)]
pub struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    snapshot: u64,
    results: HashMap<String, Entry>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    batches: Batches,
    bytes: usize,
    used: u64,
}

impl Cache {
    /// The result of `query` under `snapshot`, if it is kept.
    pub fn find(&self, snapshot: u64, query: &str) -> Option<Batches> {
        let mut kept = self.0.lock().expect("no user of the cache panics");
        kept.uses += 1;
        let now = kept.uses;
        if kept.snapshot != snapshot {
            return None;
        }
        let entry = kept.results.get_mut(query)?;
        entry.used = now;
        Some(Arc::clone(&entry.batches))
    }

    /// Keeps a result, if it is small.
    pub fn keep(&self, snapshot: u64, query: &str, batches: &Batches) {
        let bytes = query.len() + batches.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
        if bytes > LARGEST_RESULT {
            return;
        }
        let mut kept = self.0.lock().expect("no user of the cache panics");
        if kept.snapshot != snapshot {
            kept.results.clear();
            kept.bytes = 0;
            kept.snapshot = snapshot;
        }
        while kept.bytes + bytes > MOST_BYTES {
            let oldest = kept.results.iter().min_by_key(|(_, entry)| entry.used).map(|(query, _)| query.clone());
            let Some(entry) = oldest.and_then(|query| kept.results.remove(&query)) else { break };
            kept.bytes -= entry.bytes;
        }
        let entry = Entry { batches: Arc::clone(batches), bytes, used: kept.uses };
        if let Some(former) = kept.results.insert(query.to_owned(), entry) {
            kept.bytes -= former.bytes;
        }
        kept.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray};

    use super::*;

    fn result(bytes: usize) -> Batches {
        let text = Arc::new(StringArray::from(vec!["x".repeat(bytes)])) as ArrayRef;
        Arc::new(vec![RecordBatch::try_from_iter([("x", text)]).unwrap()])
    }

    #[test]
    fn a_new_snapshot_forgets_the_old_one() {
        let cache = Cache::default();
        cache.keep(1, "q", &result(10));
        assert!(cache.find(1, "q").is_some() && cache.find(2, "q").is_none());
        cache.keep(2, "p", &result(10));
        assert!(cache.find(2, "q").is_none() && cache.find(1, "q").is_none());
    }

    #[test]
    fn the_least_recently_used_goes_first_and_large_ones_never_come() {
        let cache = Cache::default();
        cache.keep(1, "large", &result(LARGEST_RESULT + 1));
        assert!(cache.find(1, "large").is_none());
        for number in 0..40 {
            cache.keep(1, &number.to_string(), &result(3 << 20));
            cache.find(1, "0");
        }
        assert!(cache.find(1, "0").is_some() && cache.find(1, "1").is_none() && cache.find(1, "39").is_some());
        assert!(cache.0.lock().unwrap().bytes <= MOST_BYTES);
    }
}
