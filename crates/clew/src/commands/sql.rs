//! `clew sql`: a query over all tables, wherever they can be read from.
//!
//! In this order: `--sealed` reads the sealed tables; else the store is asked for; when `clew serve` has it, the query goes
//! there; when another command has it, the sealed tables are read, and standard error says so.

use std::io::Read;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap::error::ErrorKind;
use clew_lake::OpenError;
use futures::StreamExt;

use crate::cli::{Cli, Format, Sql};
use crate::failure::refused;
use crate::output::Output;
use crate::remote::Remote;
use crate::store::{self, Store};

/// What a query may begin with: everything that only reads.
const READING: [&str; 7] = ["select", "with", "show", "describe", "desc", "explain", "values"];

/// Answers a query.
pub async fn perform(options: &Sql) -> Result<()> {
    if options.format == Format::Parquet && options.out.is_none() {
        Cli::command().error(ErrorKind::MissingRequiredArgument, "--format parquet needs --out FILE").exit();
    }
    let query = query(&options.query)?;
    let project = super::project(&options.at)?;
    let mut owned = None;
    // The session's type belongs to the engine, which this crate does not name: hence one function.
    let session = if options.sealed {
        store::open_sealed(&project).await?.session()
    } else {
        match store::open(&project).await {
            Ok(Store::Owned(lake)) => owned.insert(lake).session(),
            Ok(Store::Served(remote)) => return served(&remote, &query, options).await,
            Err(error) => match error.downcast_ref::<OpenError>() {
                Some(OpenError::Locked { holder, .. }) => {
                    eprintln!("clew: {holder} has the store: reading the sealed tables, without what came in last");
                    store::open_sealed(&project).await?.session()
                }
                _ => return Err(error),
            },
        }
    };
    let printed = async {
        let frame = session.sql(&query).await.map_err(|error| refused(error.to_string()))?;
        let mut output = Output::new(options.format, options.out.as_deref(), frame.schema().inner())?;
        let mut batches = frame.execute_stream().await.map_err(|error| refused(error.to_string()))?;
        while let Some(batch) = batches.next().await {
            if !output.write(&batch.map_err(|error| refused(error.to_string()))?)? {
                break;
            }
        }
        output.finish()
    }
    .await;
    if let Some(lake) = owned {
        store::close(lake, &project.store()).await?;
    }
    printed
}

async fn served(remote: &Remote, query: &str, options: &Sql) -> Result<()> {
    let result = remote.sql(query).await?;
    if result.truncated {
        eprintln!("clew: `clew serve` has the store and answers with {} rows at most; --sealed has no limit", result.rows.len());
    }
    if options.format == Format::Parquet {
        return Err(refused("`clew serve` has the store and answers in JSON: write Parquet with --sealed"));
    }
    result.print(options.format, options.out.as_deref())
}

/// The text of the query, if it only reads.
fn query(given: &str) -> Result<String> {
    let mut text = given.to_owned();
    if given == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text).context("reading the query from standard input")?;
    }
    let code: String = text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let first: String =
        code.trim_start_matches(|c: char| c.is_whitespace() || c == '(').chars().take_while(char::is_ascii_alphabetic).collect();
    if READING.contains(&first.to_lowercase().as_str()) {
        Ok(text)
    } else {
        Err(refused(format!("`{first}` is not a query: tables change by `clew import` and `clew run` only")))
    }
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn only_reading_is_a_query() {
        assert!(query("-- what is there\n (SELECT 1)").is_ok());
        assert!(query("with a as (select 1) select * from a").is_ok());
        assert!(query("DROP TABLE events").is_err() && query("COPY events TO 'x'").is_err() && query("").is_err());
    }
}
