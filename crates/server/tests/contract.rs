//! `docs/openapi.json` is what the server answers at `/openapi.json`. `CLEW_WRITE=1` writes it anew.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

#[test]
fn the_committed_contract_is_the_served_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let served = clew_server::openapi();
    if std::env::var_os("CLEW_WRITE").is_some() {
        std::fs::write(&path, &served).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == served, "docs/openapi.json differs: run this test with CLEW_WRITE=1 and look at the change");
}

#[test]
fn every_endpoint_of_the_cockpit_is_in_the_contract() {
    let types = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/src/api/types.ts")).unwrap();
    let contract: serde_json::Value = serde_json::from_str(&clew_server::openapi()).unwrap();
    let endpoints: Vec<(&str, &str)> = types
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\": {")?.0.split_once(' '))
        .filter(|(method, _)| ["GET", "POST"].contains(method))
        .collect();
    assert!(endpoints.len() >= 19, "{endpoints:?}");
    for (method, path) in endpoints {
        let operation = &contract["paths"][format!("/api/v1{path}")][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not in the contract");
    }
    assert!(contract["openapi"].as_str().unwrap().starts_with("3.1"));
}
