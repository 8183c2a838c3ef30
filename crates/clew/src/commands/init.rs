//! `clew init DIR`: a commented project that checks clean and imports its own small sample.
//!
//! The schemas are put beside the project's files in `.schemas/`: editors complete from there without a network. A file that exists is never
//! overwritten; then nothing at all is written.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cli::Init;
use crate::failure::refused;
use crate::output;
use crate::project::Kind;
use crate::project::problem::nearest;
use crate::templates::{Files, ProjectTemplate};

/// Writes a new project.
pub fn perform(options: &Init) -> Result<()> {
    let Some(template) = ProjectTemplate::find(&options.template) else {
        let hint = nearest(&options.template, ProjectTemplate::names())
            .map_or_else(|| "`clew source list` names them".to_owned(), |near| format!("did you mean {near}?"));
        return Err(refused(format!("there is no template {}: {hint}", options.template)));
    };
    let schemas = Kind::ALL.iter().map(|kind| {
        let text = serde_json::to_string_pretty(&kind.schema()).expect("a JSON value prints");
        (PathBuf::from(".schemas").join(kind.schema_file()), text + "\n")
    });
    let files: Files = template.files.into_iter().chain(schemas).collect();
    write_all(&options.dir, &files, "name a new folder")?;
    let dir = options.dir.display();
    output::print(&format!(
        "{dir}: a project with {} files\n\nNext ({}):\n  cd {dir}\n  clew check\n  clew import\n  clew run\n  clew serve\n",
        files.len(),
        template.next
    ))
}

/// Writes all of `files` into `dir`, or none where one of them exists.
pub fn write_all(dir: &Path, files: &Files, remedy: &str) -> Result<()> {
    let taken: Vec<String> = files
        .iter()
        .map(|(name, _)| dir.join(name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !taken.is_empty() {
        return Err(refused(format!("nothing was written, because these exist: {}; {remedy}", taken.join(", "))));
    }
    for (name, text) in files {
        let path = dir.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
