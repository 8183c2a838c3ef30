//! `clew keys`: write keys of sources that take facts over HTTP.
//!
//! The `clew serve` that owns the store does it where there is one, so that a key is valid, or void, from the next request on.

use anyhow::{Context, Result};
use clew_server::wire::{NewWriteKey, WriteKey, WriteKeyList};
use clew_server::{LONGEST_LABEL, WriteKeys};
use serde::Serialize;
use serde_json::json;

use crate::cli::{At, Keys, KeysCommand};
use crate::failure::refused;
use crate::output;
use crate::project::Project;
use crate::remote::Remote;
use crate::store::{self, Store};

/// Does it and reports.
pub async fn perform(options: &Keys) -> Result<()> {
    let project = super::project(&At { project: options.project.clone() })?;
    match store::open(&project).await? {
        Store::Owned(lake) => {
            let done = here(options, &project, lake.now().micros());
            store::close(lake, &project.store()).await?;
            done
        }
        Store::Served(remote) => there(options, &remote).await,
    }
}

/// By this process, which owns the store.
fn here(options: &Keys, project: &Project, now: i64) -> Result<()> {
    let keys = WriteKeys::open(&project.store()).context("reading the write keys")?;
    match &options.what {
        KeysCommand::Create { source, label } => {
            takes_facts(project, source)?;
            if label.as_ref().is_some_and(|label| label.len() > LONGEST_LABEL) {
                return Err(refused(format!("a label has at most {LONGEST_LABEL} bytes")));
            }
            let (key, write_key) = keys.create(source, label.as_deref(), now)?;
            tell(options.json, &NewWriteKey { key, write_key }, made)
        }
        KeysCommand::List => tell(options.json, &WriteKeyList { keys: keys.list() }, table),
        KeysCommand::Revoke { id } => {
            let revoked = keys.revoke(id, now)?.ok_or_else(|| refused(format!("there is no write key {id}")))?;
            tell(options.json, &revoked, gone)
        }
    }
}

/// By the server that owns the store.
async fn there(options: &Keys, remote: &Remote) -> Result<()> {
    match &options.what {
        KeysCommand::Create { source, label } => {
            let order = json!({"source": source, "label": label});
            tell(options.json, &remote.post::<NewWriteKey>("keys", &order).await?, made)
        }
        KeysCommand::List => tell(options.json, &remote.get::<WriteKeyList>("keys").await?, table),
        KeysCommand::Revoke { id } => tell(options.json, &remote.delete::<WriteKey>(&format!("keys/{id}")).await?, gone),
    }
}

fn takes_facts(project: &Project, source: &str) -> Result<()> {
    let live: Vec<&str> =
        project.sources.sources.iter().filter(|source| source.spec.api.is_some()).map(|source| source.name.as_str()).collect();
    if live.contains(&source) {
        return Ok(());
    }
    let known = if live.is_empty() { "there are none".to_owned() } else { format!("there are: {}", live.join(", ")) };
    Err(refused(format!("no source '{source}' takes facts over HTTP (`api:`); {known}")))
}

fn tell<T: Serialize>(json: bool, report: &T, text: fn(&T) -> String) -> Result<()> {
    if json { output::print_json(report) } else { output::print(&text(report)) }
}

fn made(made: &NewWriteKey) -> String {
    let NewWriteKey { key, write_key } = made;
    format!("{write_key}\n\nThis key writes to {}. It is shown this once; its id is {}.\n", key.source, key.key_id)
}

fn gone(key: &WriteKey) -> String {
    format!("{} of {} is void\n", key.key_id, key.source)
}

fn table(list: &WriteKeyList) -> String {
    if list.keys.is_empty() {
        return "no write keys: `clew keys create SOURCE` makes one\n".to_owned();
    }
    let line = |key: &WriteKey| {
        let state = key.revoked_at.as_ref().map_or_else(|| "valid".to_owned(), |at| format!("void since {at}"));
        let label = key.label.as_deref().unwrap_or_default();
        format!("{}  {:<20} made {}  {state}  {label}", key.key_id, key.source, key.created_at).trim_end().to_owned() + "\n"
    };
    list.keys.iter().map(line).collect()
}
