//! `clew schema DIR`: writes the generated part of the documentation, where it changed.

use anyhow::{Context, Result};

use crate::cli::Schema;
use crate::reference;

/// Writes every generated file below the docs folder.
pub fn perform(options: &Schema) -> Result<()> {
    for (file, text) in reference::files() {
        let path = options.dir.join(file);
        if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}
