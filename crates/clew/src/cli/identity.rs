//! The command line of `clew identity`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `clew identity`.
#[derive(Debug, Args)]
#[command(
    after_help = "Somebody is named by a person id (p_…), a subject number, an identifier as type:value (email:anna@example.org), or a record as\nsource:record_id (crm:1017)."
)]
pub struct Identity {
    /// The project folder.
    #[arg(long, value_name = "DIR", default_value = ".", env = "CLEW_PROJECT", global = true)]
    pub project: PathBuf,
    /// Print the report as JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub what: IdentityCommand,
}

/// What to ask or decide about who is who.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Why two are one person: the chain of evidence between them.
    Why {
        /// One of them.
        a: String,
        /// The other.
        b: String,
    },
    /// Why two are not one person: the decision, rule or limit that keeps them apart, or the lack of evidence.
    WhyNot {
        /// One of them.
        a: String,
        /// The other.
        b: String,
    },
    /// How a person came to be: what joined its parts, in order.
    How {
        /// The person, or anything that belongs to it.
        person: String,
    },
    /// Decide that two are one person.
    Link {
        /// One of them.
        a: String,
        /// The other.
        b: String,
        /// Why and by whom.
        #[command(flatten)]
        because: Because,
    },
    /// Decide that two are different people.
    Apart {
        /// One of them.
        a: String,
        /// The other.
        b: String,
        /// Why and by whom.
        #[command(flatten)]
        because: Because,
    },
    /// Take a record or subject out of its person; its identifiers are no evidence any more.
    Detach {
        /// The record or subject.
        subject: String,
        /// Why and by whom.
        #[command(flatten)]
        because: Because,
    },
    /// Take a decision back: everything is derived as if it had never been made.
    Revoke {
        /// Its id, from the list.
        decision: String,
        /// Why and by whom.
        #[command(flatten)]
        because: Because,
    },
    /// Tell what other rules would do, and write nothing: people that would merge or split, with examples and what it does to the metrics.
    DryRun {
        /// The rules to try, in place of identity.yaml.
        #[arg(long, value_name = "FILE.yaml")]
        with: PathBuf,
    },
    /// List the decisions with what became of them.
    Decisions,
}

/// Why and by whom something is decided.
#[derive(Debug, Args)]
pub struct Because {
    /// Why, in your words.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who decides; the user of this machine when left out.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}
