//! `clew serve`: the API, the cockpit and the schedule, until it is told to stop.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use clew_intake::Sources;
use clew_lake::Lake;
use clew_server::{Config, Limits, Ready, Reload};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Serve;
use crate::output;
use crate::project::{self, Project};
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
    let dir = project.dir.clone();
    let config = Config {
        listen,
        store: project.store(),
        company: project.settings.company.clone(),
        schedule: project.settings.schedule().filter(|_| scheduled),
        hosts: project.settings.hosts.clone(),
        limits: Limits::default(),
        reload: Some(Reload(Box::new(move || sources_now(&dir)))),
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

/// The sources of the project in `dir` as they are now, or the first thing that is wrong with it.
fn sources_now(dir: &Path) -> Result<Sources, String> {
    let loaded = project::load(dir, &super::environment);
    match loaded.project {
        Some(project) if !loaded.problems.has_errors() => Ok(project.sources),
        _ => {
            let first = loaded.problems.into_sorted().into_iter().next().map_or_else(String::new, |problem| problem.to_string());
            Err(format!("the project has mistakes, `clew check` tells all of them; the first: {first}"))
        }
    }
}
