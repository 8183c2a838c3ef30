//! What a failure means for the caller: the exit code, and the words on standard error.
//!
//! The binary passes errors up with `anyhow` and context. One question decides the exit code: could the caller do
//! something about it (their input or project, a store in use, a full disk), or is Clew at fault? The first is *refused*
//! (1), and nothing was changed; everything that nobody foresaw is a *fault* (3). Wrong usage (2) is answered by clap.

use std::process::ExitCode;

use clew_intake::ImportError;
use clew_lake::{AppendError, OpenError, StorageError};
use clew_pipeline::RunError;
use clew_server::ServeError;

/// Refused: bad input or project, nothing changed.
pub const REFUSED: u8 = 1;
/// A fault.
pub const FAULT: u8 = 3;

/// A refusal, with what the caller can do about it in its words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// The command has printed its report; only the exit code is left to say.
#[derive(Debug, thiserror::Error)]
#[error("reported")]
pub struct Reported;

/// A refusal as an error.
pub fn refused(message: impl Into<String>) -> anyhow::Error {
    Refused(message.into()).into()
}

/// Prints `error`, unless it was reported, and says how the process ends.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<Reported>().is_none() {
        let mut said = String::new();
        for cause in error.chain() {
            // Transparent errors repeat their cause's words.
            let words = cause.to_string();
            if !said.contains(&words) {
                said = if said.is_empty() { words } else { format!("{said}: {words}") };
            }
        }
        eprintln!("clew: {said}");
    }
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.chain().any(is_refusal) { REFUSED } else { FAULT }
}

fn is_refusal(cause: &(dyn std::error::Error + 'static)) -> bool {
    if cause.is::<Refused>() || cause.is::<Reported>() {
        return true;
    }
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return !matches!(error, OpenError::Extension { .. } | OpenError::Storage(_));
    }
    if cause.downcast_ref::<ImportError>().is_some_and(ImportError::is_refusal) {
        return true;
    }
    if matches!(cause.downcast_ref::<ServeError>(), Some(ServeError::Bind { .. } | ServeError::Timezone(_))) {
        return true;
    }
    if matches!(cause.downcast_ref::<RunError>(), Some(RunError::Definition { .. } | RunError::Decision { .. })) {
        return true;
    }
    if matches!(cause.downcast_ref(), Some(StorageError::DiskFull { .. }))
        || matches!(cause.downcast_ref(), Some(AppendError::DiskFull { .. }))
    {
        return true;
    }
    cause.downcast_ref::<std::io::Error>().is_some_and(|error| {
        use std::io::ErrorKind::{AddrInUse, AlreadyExists, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
        matches!(error.kind(), AlreadyExists | AddrInUse | NotFound | PermissionDenied | ReadOnlyFilesystem | StorageFull)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn what_the_caller_can_mend_is_refused() {
        let missing = std::fs::read("/nowhere/at/all").context("reading the map").unwrap_err();
        assert_eq!(exit_code(&missing), REFUSED);
        assert_eq!(exit_code(&refused("no such source").context("importing")), REFUSED);
        assert_eq!(exit_code(&anyhow::anyhow!("index out of range")), FAULT);
    }
}
