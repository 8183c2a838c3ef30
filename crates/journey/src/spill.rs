//! Where a scan puts what memory has no room for.
//!
//! Cases of a log that is larger than memory are spread over partitions as they come, so that whole cases can be read back
//! one partition after the other; waits are written in blocks by edge, so that those of one edge can be read back by
//! themselves. Everything is written once and read by its place: a file without a name does, and so do bytes in memory.

use std::fmt::Debug;
use std::io;

/// Bytes that are written once and read by place, from any thread.
pub trait Spill: Debug + Send + Sync {
    /// Writes `bytes` and tells their place.
    ///
    /// # Errors
    /// Of the disk; it may be full.
    fn write(&self, bytes: &[u8]) -> io::Result<u64>;

    /// Fills `bytes` with those that were written at `place`.
    ///
    /// # Errors
    /// Of the disk.
    fn read(&self, place: u64, bytes: &mut [u8]) -> io::Result<()>;
}

/// How much a scan may keep, and where the rest goes.
#[derive(Clone, Copy, Debug)]
pub struct Room<'a> {
    /// Takes what is too much.
    pub spill: &'a dyn Spill,
    /// How many waits, and how many beginnings of sessions, a thread keeps and puts in order at once: 12 and 8 bytes each.
    pub entries: usize,
}

/// Bytes that are read and turned into numbers together.
const PART: usize = 1 << 20;

/// Reads `n` numbers of 8 bytes, part by part.
pub(crate) fn read_numbers(spill: &dyn Spill, place: u64, n: usize, take: &mut dyn FnMut(&[i64])) -> io::Result<()> {
    let (mut bytes, mut numbers) = (vec![0; PART.min(n * 8)], Vec::new());
    let mut at = 0;
    while at < n * 8 {
        let part = &mut bytes[..PART.min(n * 8 - at)];
        spill.read(place + at as u64, part)?;
        numbers.clear();
        numbers.extend(part.as_chunks().0.iter().map(|number| i64::from_le_bytes(*number)));
        take(&numbers);
        at += part.len();
    }
    Ok(())
}

/// Writes numbers of 8 bytes.
pub(crate) fn write_numbers(spill: &dyn Spill, numbers: &[i64]) -> io::Result<u64> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    spill.write(&bytes)
}
