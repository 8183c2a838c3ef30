//! `clew serve`: the API, the cockpit and the schedule, until it is told to stop.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use clew_lake::Lake;
use clew_server::{Config, Limits, Ready};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Serve;
use crate::output;
use crate::project::Project;
use crate::store::{self, Store};

/// Serves the project.
pub async fn perform(options: &Serve) -> Result<()> {
    let project = super::project(&options.at)?;
    let listen = match options.listen {
        Some(listen) => listen,
        None => project.settings.listen.parse().context("`clew check` has looked at the address")?,
    };
    match store::open(&project).await? {
        Store::Owned(lake) => serve(lake, project, listen, !options.no_schedule).await,
        Store::Served(remote) => Err(crate::failure::refused(format!("it is served already, at {}", remote.root()))),
    }
}

/// Serves `project` from `lake` until Ctrl-C or a signal to end; prints the link as soon as it answers.
pub async fn serve(lake: Lake, project: Project, listen: SocketAddr, scheduled: bool) -> Result<()> {
    let config = Config {
        listen,
        store: project.store(),
        company: project.settings.company.clone(),
        schedule: project.settings.schedule().filter(|_| scheduled),
        hosts: Vec::new(),
        limits: Limits::default(),
        ready: Box::new(|Ready { login, .. }| {
            // Standard output may be closed; the server serves all the same.
            let _ = output::print(&format!("The cockpit: {login}\nStop with Ctrl-C.\n"));
        }),
    };
    let mut end = signal(SignalKind::terminate()).context("listening for signals")?;
    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = end.recv() => {}
        }
    };
    Ok(clew_server::serve(lake, project.sources, project.definitions, config, stop).await?)
}
