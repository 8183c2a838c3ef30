//! What each command does. One file a command; what several need is here: the project, loaded and checked.

mod audit;
mod check;
mod demo;
mod identity;
mod import;
mod init;
mod journey;
mod keys;
pub(crate) mod matching;
mod replay;
mod run;
mod schema;
mod serve;
mod source;
mod sql;

use anyhow::Result;

use crate::cli::{At, Command};
use crate::failure::Reported;
use crate::project::{self, Project};

/// Does `command`.
pub async fn perform(command: Command) -> Result<()> {
    match command {
        Command::Demo(options) => demo::perform(&options).await,
        Command::Init(options) => init::perform(&options),
        Command::Source(options) => source::perform(&options),
        Command::Check(options) => {
            // `intake::check` plans SQL in a runtime of its own, which this one's threads must not wait for.
            tokio::task::spawn_blocking(move || check::perform(&options)).await?
        }
        Command::Import(options) => import::perform(&options).await,
        Command::Run(options) => run::perform(&options).await,
        Command::Serve(options) => serve::perform(&options).await,
        Command::Sql(options) => sql::perform(&options).await,
        // It computes for seconds on threads of its own and waits for nothing.
        Command::Match(options) => tokio::task::spawn_blocking(move || matching::perform(&options)).await?,
        Command::Audit(options) => audit::perform(&options).await,
        Command::Replay(options) => replay::perform(&options).await,
        Command::Identity(options) => identity::perform(&options).await,
        Command::Keys(options) => keys::perform(&options).await,
        // Reading decodes on threads of its own.
        Command::Journey(options) => tokio::task::spawn_blocking(move || journey::perform(&options)).await?,
        Command::Schema(options) => schema::perform(&options),
    }
}

/// The variables of `${NAME}` in project files.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The project at `at`, or a refusal after its problems were printed.
fn project(at: &At) -> Result<Project> {
    let loaded = project::load(&at.project, &environment);
    match loaded.project {
        Some(project) if !loaded.problems.has_errors() => Ok(project),
        _ => {
            for problem in loaded.problems.into_sorted() {
                eprintln!("{problem}");
            }
            Err(Reported.into())
        }
    }
}
