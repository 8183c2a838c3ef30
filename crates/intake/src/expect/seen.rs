//! What `unique` has seen, on disk: a batch that goes on after a crash, and a live source that is started again on the same day, go on comparing
//! with the values before.
//!
//! The hashes that are new with a chunk are stored in the same atomic step as the chunk, as positions of its source called
//! `unique/<window>/<chunk>/<rule>`: a value is there exactly if its row is. The window is the batch of an import and the UTC day of a live
//! source; what belongs to an earlier one is forgotten when a window begins, and that of an import when its batch ends. It costs 8 bytes a value in
//! the store, for sources with such a rule only.

use clew_lake::{Lake, Position, StorageError};

use super::{Expectations, MOST_UNIQUE, Test, Uniques};

const PREFIX: &str = "unique/";

/// The positions of the values that are `new` with `chunk` of `window`.
pub fn positions(expectations: &Expectations, window: &str, chunk: &str, new: &[(usize, Vec<u64>)]) -> Vec<Position> {
    let of = |(rule, hashes): &(usize, Vec<u64>)| {
        let rule = &expectations.rules().get(*rule)?.name;
        let value = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        Some(Position { name: format!("{PREFIX}{window}/{chunk}/{rule}"), value })
    };
    new.iter().filter(|(_, hashes)| !hashes.is_empty()).filter_map(of).collect()
}

/// What was seen of `source` in `window`; what was seen in others is forgotten.
pub fn recall(lake: &Lake, source: &str, window: &str, expectations: &Expectations) -> Result<Uniques, StorageError> {
    let mut uniques = Uniques::default();
    if !expectations.rules().iter().any(|rule| matches!(rule.test, Test::Unique)) {
        return Ok(uniques);
    }
    let batches = lake.batches();
    let own = format!("{PREFIX}{window}/");
    // At midnight chunks of both days are on their way: what is later stays.
    batches.forget_positions_of(source, PREFIX, |name| name >= own.as_str())?;
    for Position { name, value } in batches.positions(source, &own)? {
        let rule = name[own.len()..].split_once('/').map(|(_, rule)| rule);
        // A rule that the file has no more is passed over.
        let Some(rule) = expectations.rules().iter().position(|known| Some(known.name.as_str()) == rule) else { continue };
        let seen = uniques.of(rule);
        let hashes = value.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
        let room = MOST_UNIQUE.saturating_sub(seen.len());
        seen.extend(hashes.take(room));
    }
    Ok(uniques)
}

/// Forgets what was seen of `source`.
pub fn forget(lake: &Lake, source: &str) -> Result<(), StorageError> {
    lake.batches().forget_positions_of(source, PREFIX, |_| false).map(drop)
}
