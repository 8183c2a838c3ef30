//! The demo company's project: the same kind of folder that a user writes for their own company.
//!
//! The files stand in `project/` as they will be written, so that they can be read, compared and copied from. They say
//! in comments what a newcomer needs to know at that place.

use std::path::Path;

use anyhow::Context;

macro_rules! files {
    ($($name:literal),+ $(,)?) => { &[$(($name, include_str!(concat!("project/", $name)))),+] };
}

/// Path in the project and content.
const FILES: &[(&str, &str)] = files![
    "clew.yaml",
    "identity.yaml",
    "journey.yaml",
    "metrics.yaml",
    "sources/app.yaml",
    "sources/app.events.sql",
    "sources/bots.yaml",
    "sources/bots.events.sql",
    "sources/calls.yaml",
    "sources/calls.events.sql",
    "sources/carrier_nordway.yaml",
    "sources/carrier_nordway.events.sql",
    "sources/carrier_parcelo.yaml",
    "sources/carrier_parcelo.events.sql",
    "sources/cases.yaml",
    "sources/cases.events.sql",
    "sources/chats.yaml",
    "sources/chats.events.sql",
    "sources/chats.responses.sql",
    "sources/contracts.yaml",
    "sources/contracts.events.sql",
    "sources/crm.yaml",
    "sources/crm.records.sql",
    "sources/employee_survey.yaml",
    "sources/employee_survey.responses.sql",
    "sources/exposures.yaml",
    "sources/exposures.events.sql",
    "sources/inbox.yaml",
    "sources/inbox.events.sql",
    "sources/mail.yaml",
    "sources/mail.events.sql",
    "sources/manager_ratings.yaml",
    "sources/manager_ratings.responses.sql",
    "sources/operations.yaml",
    "sources/operations.events.sql",
    "sources/order_lines.yaml",
    "sources/order_lines.events.sql",
    "sources/orders.yaml",
    "sources/orders.events.sql",
    "sources/products.yaml",
    "sources/social.yaml",
    "sources/social.events.sql",
    "sources/surveys.yaml",
    "sources/surveys.responses.sql",
    "sources/tills.yaml",
    "sources/tills.events.sql",
    "sources/web.yaml",
    "sources/web.events.sql",
];

/// Writes the project's files into `dir`, over whatever stands there under these names.
pub fn write(dir: &Path) -> anyhow::Result<()> {
    let sources = dir.join("sources");
    std::fs::create_dir_all(&sources).with_context(|| format!("cannot make the folder {}", sources.display()))?;
    for (name, content) in FILES {
        let path = dir.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
