//! Named places at which a test can kill the process, so that "a crash between these two lines loses and doubles
//! nothing" is shown and not hoped.
//!
//! `CLEW_CRASH_AT=<name>:<n>` kills the process (SIGKILL to itself: no destructor, no flush, as a power switch would)
//! at the n-th passing of the point `<name>`; without it a point costs one atomic load. The points live in every
//! profile, so that the tests drive the very binary that people run.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

struct Armed {
    name: String,
    remaining: AtomicI64,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// The environment variable that arms a point.
pub const VARIABLE: &str = "CLEW_CRASH_AT";

/// Every point of the lake in the order in which one append and one seal pass them.
pub const POINTS: &[&str] = &[
    "append.judged",
    "append.staged",
    "append.keys_staged",
    "online.decided",
    "append.committing",
    "append.committed",
    "retype.written",
    "retype.committed",
    "seal.written",
    "seal.table_created",
    "seal.table_committed",
    "seal.committed",
    "seal.keys_moved",
    "seal.trimmed",
    "keys.merged",
    "keys.swapped",
    "compact.written",
    "compact.committed",
    "write.staged",
    "write.committed",
    "vacuum.removing",
    "online.built",
    "online.switched",
];

/// Passes the point `name`: dies here when the environment says so.
pub fn point(name: &str) {
    let armed = ARMED.get_or_init(|| {
        let value = std::env::var(VARIABLE).ok()?;
        let (name, n) = value.rsplit_once(':').unwrap_or((value.as_str(), "1"));
        Some(Armed { name: name.to_owned(), remaining: AtomicI64::new(n.parse().unwrap_or(1)) })
    });
    if let Some(armed) = armed
        && armed.name == name
        && armed.remaining.fetch_sub(1, Ordering::SeqCst) == 1
    {
        // A failure to die would make the test pass for the wrong reason; abort is the second way to the same end.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort();
    }
}
