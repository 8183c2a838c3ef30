//! Who does the work: this process, which then owns the store, or the `clew serve` that has it already.
//!
//! A store has one owner. A command asks for it; when `clew serve` is the owner, its address and token are in the
//! store, and the command is handed over to it ([`Store::Served`]). When another command is the owner, nothing is
//! waited for: the caller decides (a query may read the sealed tables, anything that writes is refused).

use std::path::Path;

use anyhow::{Context, Result};
use clew_lake::{Lake, OpenError, Options, SealedLake};

use clew_pipeline::online::OnlineIdentity;

use crate::project::Project;
use crate::remote::Remote;

/// An answer to "may I have the store?".
#[derive(Debug)]
pub enum Store {
    /// Yes.
    Owned(Lake),
    /// `clew serve` has it and takes work over HTTP.
    Served(Remote),
}

/// Asks for the store of `project`.
pub async fn open(project: &Project) -> Result<Store> {
    match Lake::open(&project.store(), options(project)).await {
        Ok(lake) => Ok(Store::Owned(lake)),
        Err(OpenError::Locked { path, holder }) => match Remote::find(&path, &holder).await {
            Some(remote) => Ok(Store::Served(remote)),
            None => Err(OpenError::Locked { path, holder }.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// The sealed tables of `project`, without asking for the store.
pub async fn open_sealed(project: &Project) -> Result<SealedLake> {
    let store = project.store();
    if !store.exists() {
        return Err(crate::failure::refused(format!("there is no store at {}: run `clew import` first", store.display())));
    }
    Lake::open_sealed(&store, options(project)).await.with_context(|| format!("reading the sealed tables of {}", store.display()))
}

/// The lake's limits as the project sets them, with the pipeline's functions and views and those of mappings.
pub fn options(project: &Project) -> Options {
    let mut options = Options { extensions: clew_pipeline::registry(), ..Options::default() };
    options.extensions.udfs.extend(clew_intake::functions());
    match OnlineIdentity::new(&project.definitions.rules) {
        Ok(online) => online.register(&mut options),
        // A project that was read has rules that compile.
        Err(error) => tracing::error!(%error, "new subjects wait for the next run"),
    }
    if let Some(megabytes) = project.settings.engine.memory_mb {
        options.memory_limit = megabytes as usize * (1 << 20);
    }
    if let Some(threads) = project.settings.engine.threads {
        options.threads = threads as usize;
    }
    options
}

/// Lets go of the store: what is still in the log is sealed first.
pub async fn close(lake: Lake, store: &Path) -> Result<()> {
    lake.close().await.with_context(|| format!("closing {}", store.display()))
}
