//! The walls of the workspace: who may import whom, held against `cargo metadata`.
//!
//! The tables here are those of `docs/ARCHITECTURE.md`. A crate that needs a new import needs a reason first.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crate, and the crates of ours that it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("stats", &[]),
    ("cleanse", &[]),
    ("identity", &["model", "stats"]),
    ("journey", &["model", "stats"]),
    ("voice", &["model", "stats"]),
    ("insight", &["model", "stats", "journey"]),
    ("lake", &["model"]),
    ("intake", &["model", "cleanse", "identity", "voice", "lake"]),
    ("pipeline", &["model", "stats", "cleanse", "identity", "journey", "voice", "insight", "lake"]),
    ("server", &["model", "lake", "intake", "pipeline"]),
    ("clew", &["server", "pipeline", "intake", "lake", "model"]),
];

/// External crate, and the crates of ours that may name it.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("deltalake", &["lake"]),
    ("fjall", &["lake"]),
    ("object_store", &["lake"]),
    ("datafusion", &["lake", "intake", "pipeline", "server"]),
    ("axum", &["server"]),
    ("tower-http", &["server"]),
    ("hyper", &["server"]),
];

/// Crates without I/O: none of these may appear among their imports.
const PURE: &[&str] = &["model", "stats", "identity", "journey", "voice", "insight", "cleanse"];
const IMPURE: &[&str] = &["tokio", "reqwest", "arrow", "parquet", "datafusion", "futures", "rand", "getrandom", "clap"];

/// Imports by crate (normal and build; tests may use what they like), without the prefix of ours.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap();
        dependencies
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect()
    };
    packages.iter().map(|package| (ours(package["name"].as_str().unwrap()).to_owned(), of(package))).collect()
}

/// The folder name of a crate of ours.
fn ours(package: &str) -> &str {
    package.strip_prefix("clew-").unwrap_or(package)
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let imports = imports();
    let known: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    assert_eq!(imports.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "every crate has a line in the table");
    for (name, allowed) in MAY_IMPORT {
        for import in &imports[*name] {
            let internal = import == "clew" || import.starts_with("clew-");
            assert!(!internal || allowed.contains(&ours(import)), "{name} must not import {import}");
        }
    }
}

#[test]
fn only_the_named_crates_know_engine_storage_and_http() {
    for (name, imports) in imports() {
        for (external, allowed) in MAY_NAME {
            assert!(!imports.contains(*external) || allowed.contains(&name.as_str()), "{name} must not name {external}");
        }
    }
}

#[test]
fn pure_crates_do_no_io() {
    let imports = imports();
    for name in PURE {
        for impure in IMPURE {
            assert!(!imports[*name].contains(*impure), "{name} must not import {impure}");
        }
    }
}

#[test]
fn the_engine_is_in_the_lock_file_once() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    for name in ["arrow", "parquet", "datafusion", "object_store"] {
        let versions = lock.matches(&format!("[[package]]\nname = \"{name}\"\n")).count();
        assert_eq!(versions, 1, "{name}");
    }
}
