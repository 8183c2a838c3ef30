//! A file without a name for what a scan has no room for: it is gone with the process, however that ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use clew_journey::Spill;

/// See the module.
#[derive(Debug)]
pub struct SpillFile {
    file: File,
    end: AtomicU64,
}

impl SpillFile {
    /// An empty file in the folder for temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// Where none can be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, end: AtomicU64::new(0) })
    }
}

impl Spill for SpillFile {
    fn write(&self, bytes: &[u8]) -> io::Result<u64> {
        let place = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(bytes, place)?;
        Ok(place)
    }

    fn read(&self, place: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_write_is_read_by_its_place() {
        let spill = SpillFile::new().unwrap();
        let places: Vec<(u64, u8)> = std::thread::scope(|scope| {
            let write = |n: u8| spill.write(&vec![n; usize::from(n) * 1_000]).map(|place| (place, n));
            let threads: Vec<_> = (1..9).map(|n| scope.spawn(move || write(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        for (place, n) in places {
            let mut bytes = vec![0; usize::from(n) * 1_000];
            spill.read(place, &mut bytes).unwrap();
            assert!(bytes.iter().all(|byte| *byte == n));
        }
        assert!(spill.read(36_000, &mut [0]).is_err());
    }
}
