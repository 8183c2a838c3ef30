//! The lake: opening, recovering, closing, and the wiring of its parts.
//!
//! Layout of a store: `log/` (fjall), `keys/` (key runs), `tables/<name>/` (Delta tables), `tmp/` (spill), `LOCK` (who
//! has it), `clew.json` (format).
//!
//! Opening takes fjall's lock, reads every table's newest version and the log's entries behind it, and removes what no
//! commit names: files staged by an append that died, files of a derived table's commit that never came, spilled data.
//! After that the store is as if the crash had come between two appends.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use clew_model::tables::Table;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

use crate::append;
use crate::background::{Gives, give};
use crate::batches::BatchRegister;
use crate::chunk::{Chunk, Receipt};
use crate::clock::{Clock, SystemClock};
use crate::delta::Delta;
use crate::entry::{Entry, decode};
use crate::error::{AppendError, Holder, OpenError, SealError, StorageError};
use crate::hook::{Hooked, WriteHook};
use crate::log::{Commit, Log, LogWriter};
use crate::register::Register;
use crate::seal::Sealed;
use crate::session::{Engine, Extensions, Limits};
use crate::state::{SharedState, State};
use crate::vacuum;

/// The format of a store's folder, in `clew.json`.
const FORMAT: u32 = 1;

/// How a lake works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log is sealed into tables after this time …
    pub seal_interval: Duration,
    /// … or when so many bytes wait in it.
    pub seal_bytes: usize,
    /// Memory that queries may take before they spill to `<store>/tmp`.
    pub memory_limit: usize,
    /// Partitions of a query plan.
    pub threads: usize,
    /// Files of one size class that are merged into one; at least 2.
    pub compact_at: usize,
    /// What becomes of files that no version needs.
    pub retention: Retention,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Functions and views of the layers above.
    pub extensions: Extensions,
    /// What decides about new subjects in the write path.
    pub hook: Option<Arc<dyn WriteHook>>,
}

/// When replaced files are deleted: those of rewritten derived rows, and small ones that were merged.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Versions of derived tables before the newest whose files stay, for time travel and for readers that are still on them.
    pub versions: usize,
    /// Files younger than this stay in any case: a query may be reading them.
    pub age: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { versions: 2, age: Duration::from_mins(10) }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seal_interval: Duration::from_mins(1),
            seal_bytes: 64 << 20,
            memory_limit: 1 << 30,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            compact_at: 16,
            retention: Retention::default(),
            clock: Arc::new(SystemClock),
            extensions: Extensions::default(),
            hook: None,
        }
    }
}

/// What a table takes, for `clew audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSize {
    /// Its name.
    pub table: &'static str,
    /// Its Delta version; `None` before the first rows are sealed.
    pub version: Option<i64>,
    /// Parquet files of that version.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows that are in the log only.
    pub unsealed_rows: u64,
}

/// The single owner of a store. Clones share it.
#[derive(Clone)]
pub struct Lake {
    pub(crate) inner: Arc<Inner>,
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lake").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub(crate) store: PathBuf,
    pub(crate) options: Options,
    pub(crate) log: Log,
    pub(crate) hooked: Option<Arc<Hooked>>,
    writer: RwLock<Option<LogWriter>>,
    pub(crate) register: Arc<Register>,
    pub(crate) state: SharedState,
    pub(crate) tables: HashMap<&'static str, Mutex<Delta>>,
    pub(crate) sealing: Mutex<()>,
    pub(crate) compacting: Mutex<()>,
    wake: Arc<Notify>,
    keys: KeyMerger,
    engine: Engine,
    epoch: u64,
    files: Arc<AtomicU64>,
}

/// Read-only look at a store's sealed tables: needs no lock, sees no unsealed rows.
pub struct SealedLake {
    engine: Engine,
    state: SharedState,
}

impl std::fmt::Debug for SealedLake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedLake")
    }
}

impl SealedLake {
    /// A SQL session over the tables as they were sealed when the lake was opened.
    pub fn session(&self) -> SessionContext {
        self.engine.session()
    }

    /// The Delta version of `table` that sessions read.
    pub fn version(&self, table: &str) -> Option<i64> {
        self.state.read().expect("no writer of the state panics").committed(table).and_then(|committed| committed.version)
    }
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
}

impl Lake {
    /// Takes the store in the folder `store`, creating and recovering it where needed.
    pub async fn open(store: &Path, options: Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(store).map_err(|e| StorageError::io(store, e))?;
        let store = std::fs::canonicalize(store).map_err(|e| StorageError::io(store, e))?;
        let log = match Log::open(&store.join("log")) {
            Err(OpenError::Storage(StorageError::Log(fjall::Error::Locked))) => {
                return Err(OpenError::Locked { holder: read_holder(&store), path: store });
            }
            log => log?,
        };
        check_format(&store)?;
        write_holder(&store, None)?;
        let epoch = log.number("epoch")?.unwrap_or(0) + 1;
        log.commit(64, |batch| batch.insert(&log.meta, "epoch", epoch.to_be_bytes()))?;
        let _ = std::fs::remove_dir_all(store.join("tmp"));

        let state: SharedState = Arc::new(RwLock::new(State::default()));
        let tables = load_tables(&store, &state).await?;
        let register = Arc::new(Register::open(&store.join("keys"), &log)?);
        let next = recover(&log, &register, &state)?;
        vacuum::remove_orphans(&store, &tables, &state, options.retention, options.clock.now()).await?;
        let limits = Limits { memory: options.memory_limit, threads: options.threads };
        let engine = Engine::new(&store, Arc::clone(&state), limits, &options.extensions)?;
        let files = Arc::new(AtomicU64::new(0));
        let hooked = options.hook.clone().map(|hook| Hooked::open(&log, hook)).transpose()?.map(Arc::new);
        let inner = Arc::new(Inner {
            writer: RwLock::new(Some(LogWriter::start(log.clone(), hooked.clone(), next)?)),
            keys: KeyMerger::start(Arc::clone(&register), log.clone(), epoch, Arc::clone(&files))?,
            tables: tables.into_iter().map(|(name, delta)| (name, Mutex::new(delta))).collect(),
            sealing: Mutex::new(()),
            compacting: Mutex::new(()),
            wake: Arc::new(Notify::new()),
            store,
            options,
            log,
            hooked,
            register,
            state,
            engine,
            epoch,
            files,
        });
        spawn_sealer(&inner);
        Ok(Self { inner })
    }

    /// A read-only look at the sealed tables, without the lock.
    pub async fn open_sealed(store: &Path, options: Options) -> Result<SealedLake, OpenError> {
        let store = std::fs::canonicalize(store).map_err(|e| StorageError::io(store, e))?;
        check_format(&store)?;
        let state: SharedState = Arc::new(RwLock::new(State::default()));
        load_tables(&store, &state).await?;
        let limits = Limits { memory: options.memory_limit, threads: options.threads };
        let engine = Engine::new(&store, Arc::clone(&state), limits, &options.extensions)?;
        Ok(SealedLake { engine, state })
    }

    /// Who holds the store, from its `LOCK` file; nothing known is not nobody.
    pub fn holder(store: &Path) -> Holder {
        read_holder(store)
    }

    /// Notes where this process serves, so that other commands find it.
    pub fn announce(&self, address: &str) -> Result<(), StorageError> {
        write_holder(&self.inner.store, Some(address.to_owned()))
    }

    /// Stores `chunk` atomically: when this returns it is on disk and visible, or nothing of it is.
    pub async fn append(&self, chunk: Chunk) -> Result<Receipt, AppendError> {
        self.make_room().await?;
        let inner = Arc::clone(&self.inner);
        let receipt = tokio::task::spawn_blocking(move || append::append(&inner, chunk)).await;
        let receipt = receipt.map_err(|_| StorageError::Closed)??;
        self.wake_sealer();
        Ok(receipt)
    }

    /// What [`Self::append`] would answer now, with nothing stored.
    pub async fn weigh(&self, chunk: Chunk) -> Result<Receipt, AppendError> {
        let inner = Arc::clone(&self.inner);
        let judged = tokio::task::spawn_blocking(move || append::judge(&inner, chunk).map(|judged| judged.receipt())).await;
        judged.map_err(|_| StorageError::Closed)?
    }

    /// Bounds memory by making an append wait for the seal that is due.
    pub(crate) async fn make_room(&self) -> Result<(), AppendError> {
        if self.inner.tail_bytes() > self.inner.options.seal_bytes * 2 {
            self.seal().await.map_err(|SealError(error)| AppendError::from(error))?;
        }
        Ok(())
    }

    /// Lets the sealer look when the tail is due for it.
    pub(crate) fn wake_sealer(&self) {
        if self.inner.tail_bytes() > self.inner.options.seal_bytes {
            self.inner.wake.notify_one();
        }
    }

    /// Moves the log into the tables, one commit a table.
    pub async fn seal(&self) -> Result<Sealed, SealError> {
        crate::seal::seal(&self.inner).await
    }

    /// How long the oldest append that is not sealed has been waiting for it; zero when everything is.
    pub fn seal_lag(&self) -> Duration {
        let state = self.inner.state.read().expect("no writer of the state panics");
        state.tail.front().map_or(Duration::ZERO, |entry| entry.since.elapsed())
    }

    /// Merges small files of tables into larger ones where there are enough of them; done behind every seal, too.
    pub async fn compact(&self) -> Result<(), StorageError> {
        crate::compact::compact(&self.inner).await
    }

    /// A SQL session over all tables, unsealed rows included. Each query sees what is stored when it is planned.
    pub fn session(&self) -> SessionContext {
        self.inner.engine.session()
    }

    /// The Delta version of `table`; `None` before its first rows are sealed, and for a table that does not exist.
    #[expect(clippy::unused_async, reason = "a version may have to be read from the table when stores are shared")]
    pub async fn version(&self, table: &str) -> Result<Option<i64>, StorageError> {
        let state = self.inner.state.read().expect("no writer of the state panics");
        Ok(state.committed(table).and_then(|committed| committed.version))
    }

    /// The schema of `table` as queries see it now, promoted columns included; `None` for a table that does not exist.
    pub fn schema(&self, table: &str) -> Option<arrow::datatypes::SchemaRef> {
        self.inner.state.read().expect("no writer of the state panics").schema(table)
    }

    /// The time by the lake's clock.
    pub fn now(&self) -> clew_model::Timestamp {
        self.inner.options.clock.now()
    }

    /// The end offset of the log: changes whenever a fact is stored.
    pub fn offset(&self) -> u64 {
        let state = self.inner.state.read().expect("no writer of the state panics");
        let sealed = Table::all().filter_map(|table| state.committed(table.name)).map(|committed| committed.sealed).max();
        state.end().unwrap_or(0).max(sealed.unwrap_or(0))
    }

    /// Every table's version and size, facts first.
    pub fn tables(&self) -> Vec<TableSize> {
        let state = self.inner.state.read().expect("no writer of the state panics");
        let size = |table: &'static Table| {
            let committed = state.committed(table.name)?;
            let unsealed = state.view(table.name)?;
            let waiting: u64 = unsealed.rows.iter().map(|rows| rows.num_rows() as u64).sum();
            Some(TableSize {
                table: table.name,
                version: committed.version,
                files: committed.files.len() as u64,
                rows: committed.files.iter().map(|file| file.rows).sum(),
                bytes: committed.files.iter().map(|file| file.size).sum(),
                unsealed_rows: waiting + unsealed.tail_files.iter().map(|file| file.rows).sum::<u64>(),
            })
        };
        Table::all().filter_map(size).collect()
    }

    /// The imports of this store.
    pub fn batches(&self) -> BatchRegister {
        BatchRegister::new(self.inner.log.clone())
    }

    /// Seals, waits for everything in flight and gives the store free.
    pub async fn close(self) -> Result<(), SealError> {
        self.seal().await?;
        // One that is at work holds on to the lake.
        drop(self.inner.compacting.lock().await);
        // What could not be merged now can be at the next closing.
        if let Err(error) = self.compact().await {
            tracing::warn!(%error, "small files were not merged");
        }
        let writer = self.inner.writer.write().expect("no submitter panics").take();
        // Joins the writer thread: what it has accepted is stored.
        drop(writer);
        // The sealer lets go of the lake, and with it of fjall's lock.
        self.inner.wake.notify_one();
        self.inner.log.sync()?;
        let _ = std::fs::remove_file(self.inner.store.join("LOCK"));
        Ok(())
    }
}

impl Inner {
    /// The folder of `table`.
    pub(crate) fn folder(&self, table: &Table) -> PathBuf {
        self.store.join("tables").join(table.name)
    }

    /// A name that no file of this store had or will have.
    pub(crate) fn file_name(&self, extension: &str) -> String {
        file_name(self.epoch, &self.files, extension)
    }

    /// Hands a commit to the log writer.
    pub(crate) fn submit(&self, commit: Commit) -> Result<(), StorageError> {
        self.writer.read().expect("no submitter panics").as_ref().ok_or(StorageError::Closed)?.submit(commit)
    }

    /// Makes a durable entry visible.
    pub(crate) fn publish(&self, entry: Entry) {
        let offset = entry.offset;
        let pushed = self.state.write().expect("no writer of the state panics").push(entry);
        match pushed {
            // Readers cast as they go until the seal has rewritten the files.
            Ok(is_retyped) if is_retyped => self.wake.notify_one(),
            Ok(_) => {}
            Err(error) => tracing::error!(offset, %error, "an entry is stored but not visible until the store is opened again"),
        }
        self.keys.wake();
    }

    fn closed(&self) -> bool {
        self.writer.read().expect("no submitter panics").is_none()
    }

    pub(crate) fn tail_bytes(&self) -> usize {
        self.state.read().expect("no writer of the state panics").tail_bytes
    }
}

fn file_name(epoch: u64, files: &AtomicU64, extension: &str) -> String {
    format!("{epoch:06}-{:06}.{extension}", files.fetch_add(1, Ordering::Relaxed))
}

fn read_holder(store: &Path) -> Holder {
    let text = std::fs::read(store.join("LOCK")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write_holder(store: &Path, address: Option<String>) -> Result<(), StorageError> {
    let path = store.join("LOCK");
    let holder = Holder { pid: std::process::id(), address };
    let text = serde_json::to_vec(&holder).expect("plain data serialises");
    std::fs::write(&path, text).map_err(|e| StorageError::io(&path, e))
}

fn check_format(store: &Path) -> Result<(), OpenError> {
    let path = store.join("clew.json");
    match std::fs::read(&path) {
        Ok(text) => {
            let format: Format = serde_json::from_slice(&text)
                .map_err(|e| StorageError::Damaged { what: path.display().to_string(), detail: e.to_string() })?;
            if format.format > FORMAT {
                return Err(OpenError::TooNew { what: "the store".to_owned(), found: format.format, known: FORMAT });
            }
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = serde_json::to_vec(&Format { format: FORMAT }).expect("plain data serialises");
            Ok(std::fs::write(&path, text).map_err(|e| StorageError::io(&path, e))?)
        }
        Err(error) => Err(StorageError::io(&path, error).into()),
    }
}

async fn load_tables(store: &Path, state: &SharedState) -> Result<HashMap<&'static str, Delta>, OpenError> {
    let mut tables = HashMap::new();
    for table in Table::all() {
        let delta = Delta::open(table, store.join("tables").join(table.name)).await?;
        state.write().expect("no writer of the state panics").set_committed(table, delta.committed()?);
        tables.insert(table.name, delta);
    }
    Ok(tables)
}

/// Reads the log's entries into the state; gives the next offset.
fn recover(log: &Log, register: &Register, state: &SharedState) -> Result<u64, StorageError> {
    let mut state = state.write().expect("no writer of the state panics");
    let mut last = log.number("trimmed")?.unwrap_or(0);
    for item in log.entries.iter() {
        let (key, value) = item.into_inner()?;
        let offset = key.as_ref().try_into().map(u64::from_be_bytes);
        let offset =
            offset.map_err(|_| StorageError::Damaged { what: "the log".to_owned(), detail: "a key is no offset".to_owned() })?;
        let entry = decode(offset, &value)?;
        register.add_tail(&entry.keys);
        state.push(entry)?;
        last = last.max(offset);
    }
    // A log that was deleted by hand must not give offsets anew that tables take for sealed.
    let sealed = Table::all().filter_map(|table| state.committed(table.name)).map(|committed| committed.sealed).max();
    Ok(last.max(sealed.unwrap_or(0)) + 1)
}

/// The thread that merges key runs when appends have added some.
struct KeyMerger {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl KeyMerger {
    fn start(register: Arc<Register>, log: Log, epoch: u64, files: Arc<AtomicU64>) -> Result<Self, StorageError> {
        let (wake, woken) = sync_channel::<()>(1);
        let run = move || {
            give(Gives::Way);
            while woken.recv().is_ok() {
                if let Err(error) = register.compact(&log, || file_name(epoch, &files, "keys")) {
                    tracing::warn!(%error, "key runs were not merged; the next append tries again");
                }
            }
        };
        let thread = std::thread::Builder::new().name("clew-keys".to_owned()).spawn(run).map_err(StorageError::Thread)?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            // Full means that it is about to look anyway.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for KeyMerger {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Seals on time or when the log is large, as long as the lake lives.
fn spawn_sealer(inner: &Arc<Inner>) {
    let weak = Arc::downgrade(inner);
    let (interval, wake) = (inner.options.seal_interval, Arc::clone(&inner.wake));
    tokio::spawn(async move {
        loop {
            let _ = tokio::time::timeout(interval, wake.notified()).await;
            // Held only while sealing: the task must not keep a dropped lake alive.
            let Some(inner) = weak.upgrade() else { return };
            if inner.closed() {
                return;
            }
            if let Err(error) = crate::seal::seal(&inner).await {
                tracing::error!(%error, "the log could not be sealed; it is kept and tried again");
            }
            tokio::spawn(async move {
                if let Err(error) = crate::compact::compact(&inner).await {
                    tracing::warn!(%error, "small files were not merged; the next seal tries again");
                }
            });
        }
    });
}
