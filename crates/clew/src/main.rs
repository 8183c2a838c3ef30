//! `clew`: the command line.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | what can be typed |
//! | [`commands`] | what each command does |
//! | [`project`] | project files: loading, checking, schemas |
//! | [`store`], [`remote`] | who does the work: this process, or the `clew serve` that owns the store |
//! | [`match_page`] | the report of `clew match` for a browser |
//! | [`output`], [`progress`] | what people and programs read |
//! | [`failure`] | exit codes |
//! | [`templates`] | what new projects and sources of known vendors start from |
//! | [`reference`] | the generated part of the documentation |
//! | [`demo`] | the invented company |
//!
//! *Invariant*: no rule of the business is here, and nothing imports this crate.

mod cli;
mod commands;
mod demo;
mod failure;
mod match_page;
mod output;
mod progress;
mod project;
mod reference;
mod remote;
mod store;
mod templates;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// The system's allocator contends between the engine's threads. Of those that do not, this one keeps least of what was freed: batches are made
/// on one thread and dropped on another (decision 0017).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let filter = EnvFilter::try_from_env("CLEW_LOG").unwrap_or_else(|_| EnvFilter::new("error,clew=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&anyhow::Error::from(error).context("starting threads")),
    };
    match runtime.block_on(commands::perform(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
