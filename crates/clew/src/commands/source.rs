//! `clew source`: sources of known vendors, added to a project as files that are then its own.
//!
//! `add` writes the declaration and the mappings, and with `--sample` also the sample that the template is tested with. Nothing is fetched and no
//! existing file is touched: what the source reads is set in its `files:`.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::init::write_all;
use crate::cli::{Source, SourceCommand};
use crate::failure::refused;
use crate::output;
use crate::project::problem::nearest;
use crate::templates::{SOURCES, SourceTemplate};

/// Does it and reports.
pub fn perform(options: &Source) -> Result<()> {
    match &options.what {
        SourceCommand::Add { template, name, sample } => {
            let files = if *sample { WithSample::Yes } else { WithSample::No };
            add(&options.project, template, name.as_deref().unwrap_or(template), files)
        }
        SourceCommand::List { json: false } => {
            let width = SOURCES.iter().map(|template| template.name.len()).max().unwrap_or(0);
            let lines = SOURCES.iter().map(|template| format!("{:width$}  {}\n", template.name, template.title()));
            output::print(&lines.collect::<String>())
        }
        SourceCommand::List { json: true } => {
            let one = |template: &SourceTemplate| {
                let tables: Vec<&str> = template.tables().collect();
                json!({"name": template.name, "title": template.title(), "shape": template.shape(), "set": template.to_set(), "tables": tables})
            };
            output::print_json(&SOURCES.iter().map(one).collect::<Vec<_>>())
        }
    }
}

/// Whether the sample is written too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WithSample {
    Yes,
    No,
}

fn add(project: &Path, template: &str, name: &str, sample: WithSample) -> Result<()> {
    let Some(found) = SourceTemplate::find(template) else {
        let hint = nearest(template, SOURCES.iter().map(|template| template.name))
            .map_or(String::new(), |near| format!("did you mean {near}? "));
        return Err(refused(format!("there is no template {template}: {hint}`clew source list` names them")));
    };
    if !project.join("clew.yaml").exists() {
        let dir = project.display();
        return Err(refused(format!(
            "{dir} is no project: it has no clew.yaml; name one with --project, or make one with `clew init`"
        )));
    }
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_name {
        return Err(refused(format!("'{name}' is no name for a source: use lower-case letters, digits and _, a letter first")));
    }
    let mut files = found.files(name);
    if sample == WithSample::Yes {
        files.extend(found.sample(name));
    }
    write_all(project, &files, "name the source differently with --as")?;
    let list: String = files.iter().map(|(path, _)| format!("  {}\n", path.display())).collect();
    output::print(&format!(
        "{}\nWritten:\n{list}\nSet: {}\nThen: clew check && clew import {name}\n",
        found.title(),
        found.to_set()
    ))
}
