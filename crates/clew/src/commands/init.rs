//! `clew init DIR`: a commented project that checks clean and imports its own small sample.
//!
//! The templates are files of this crate's `templates/` folder, so that they read like any project. The schemas are put
//! beside them in `.schemas/`: editors complete from there without a network. A file that exists is never overwritten;
//! then nothing at all is written.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cli::{Init, Template};
use crate::failure::refused;
use crate::output;
use crate::project::Kind;

macro_rules! template {
    ($folder:literal: $($file:literal as $name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $folder, "/", $file)))),+]
    };
}

const SHOP: &[(&str, &str)] = template!("shop":
    "clew.yaml" as "clew.yaml",
    "identity.yaml" as "identity.yaml",
    "journey.yaml" as "journey.yaml",
    "metrics.yaml" as "metrics.yaml",
    "gitignore" as ".gitignore",
    "sources/customers.yaml" as "sources/customers.yaml",
    "sources/customers.records.sql" as "sources/customers.records.sql",
    "sources/orders.yaml" as "sources/orders.yaml",
    "sources/orders.events.sql" as "sources/orders.events.sql",
    "sources/survey.yaml" as "sources/survey.yaml",
    "sources/survey.responses.sql" as "sources/survey.responses.sql",
    "sources/website.yaml" as "sources/website.yaml",
    "data/customers.csv" as "data/customers.csv",
    "data/orders.csv" as "data/orders.csv",
    "data/survey.jsonl" as "data/survey.jsonl",
);

const EMPTY: &[(&str, &str)] = &[
    ("clew.yaml", include_str!("../../templates/empty/clew.yaml")),
    (".gitignore", include_str!("../../templates/shop/gitignore")),
];

/// Writes a new project.
pub fn perform(options: &Init) -> Result<()> {
    let template = match options.template {
        Template::Shop => SHOP,
        Template::Empty => EMPTY,
    };
    let schemas = Kind::ALL.iter().map(|kind| {
        let text = serde_json::to_string_pretty(&kind.schema()).expect("a JSON value prints");
        (PathBuf::from(".schemas").join(kind.schema_file()), text + "\n")
    });
    let files: Vec<(PathBuf, String)> =
        template.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned())).chain(schemas).collect();
    let taken: Vec<String> = files
        .iter()
        .map(|(name, _)| options.dir.join(name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !taken.is_empty() {
        return Err(refused(format!("nothing was written, because these exist: {}; name a new folder", taken.join(", "))));
    }
    for (name, text) in &files {
        write(&options.dir.join(name), text)?;
    }
    let dir = options.dir.display();
    let next = match options.template {
        Template::Shop => "the sample can be imported as it is; then point `files:` at your own",
        Template::Empty => "add sources/<name>.yaml and its .sql files first",
    };
    output::print(&format!(
        "{dir}: a project with {} files\n\nNext ({next}):\n  cd {dir}\n  clew check\n  clew import\n  clew run\n  clew serve\n",
        files.len()
    ))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
