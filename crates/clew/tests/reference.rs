//! The generated part of the documentation is up to date. `UPDATE=1 cargo nextest run -p clew --test reference` writes it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{clew, repository};

#[test]
fn schemas_and_tables_are_those_of_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let docs = repository().join("docs");
    let target = if std::env::var_os("UPDATE").is_some() { docs.clone() } else { folder.path().to_owned() };
    clew(folder.path(), &["schema", target.to_str().unwrap()]).done();
    let mut files = vec![target.join("tables.md"), target.join("openapi.json")];
    files.extend(std::fs::read_dir(target.join("schemas")).unwrap().map(|entry| entry.unwrap().path()));
    assert_eq!(files.len(), 7, "five schemas, the tables, the contract of the API");
    for file in files {
        let name = file.strip_prefix(&target).unwrap();
        let kept = std::fs::read_to_string(docs.join(name)).unwrap_or_default();
        assert_eq!(kept, std::fs::read_to_string(&file).unwrap(), "docs/{}: run `clew schema docs`", name.display());
    }
}
