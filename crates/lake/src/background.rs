//! Work that may take its time, on threads of its own that give way to those who answer somebody.
//!
//! A server that takes facts seals them and merges its files all the while. On few cores, a sealing that has a core to itself makes those who wait
//! for an answer wait for it; a lower priority costs it little, because there is time between the answers.

use std::fs::File;
use std::io::{self, Write};

use crate::error::StorageError;

/// Bytes that may wait for the disk at once.
const STEP: usize = 8 << 20;

/// How much a thread gives way, as `nice` counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gives {
    /// Somewhat: appends wait in the end for what it does.
    Way,
    /// As much as can be: nobody waits for it.
    AllWay,
}

/// What `work` gives, done on a thread of its own; an error where the system gives none, and the work is to be done later. The priority of a thread cannot be raised again, so none is shared.
pub(crate) async fn background<T: Send + 'static>(
    name: &str,
    gives: Gives,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StorageError> {
    let (done, result) = tokio::sync::oneshot::channel();
    let run = move || {
        give(gives);
        // Nobody waits any more when the lake was dropped.
        let _ = done.send(work());
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(StorageError::Thread)?;
    result.await.map_err(|_| StorageError::Closed)
}

/// Lowers the priority of the calling thread. It is a courtesy: where the system refuses it, the work is done all the same.
pub(crate) fn give(gives: Gives) {
    let by = match gives {
        Gives::Way => 5,
        Gives::AllWay => 19,
    };
    let _ = rustix::process::nice(by);
}

/// A file whose bytes go to the disk as they are written. Hundreds of megabytes that are synced at their end hold up the log's own small syncs for
/// as long as that takes.
#[derive(Debug)]
pub(crate) struct SteadyFile {
    file: File,
    waiting: usize,
}

impl SteadyFile {
    /// Writes to `file` from where it stands.
    pub(crate) fn new(file: File) -> Self {
        Self { file, waiting: 0 }
    }

    /// The file, all of it on the disk.
    pub(crate) fn finish(self) -> io::Result<File> {
        self.file.sync_data()?;
        Ok(self.file)
    }
}

impl Write for SteadyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.waiting += written;
        if self.waiting >= STEP {
            self.file.sync_data()?;
            self.waiting = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
