//! What a new project, and a new source of a known vendor, start from.
//!
//! The texts are files of this crate's `templates/` folder, so that they read like any project, and stand in the binary. A **source template** is the
//! mapping of one vendor's export: `source.yaml`, a `.sql` for each table that it fills, and a sample in the shape that the vendor documents, with
//! invented people and that vendor's awkward cases. The first comment of its `source.yaml` says what it is; lines that begin with `Shape:` and `Set:` say which
//! document it follows and what is left to set. `{source}` stands for the name that the source gets.
//!
//! `tests/templates.rs` imports every sample and holds what comes out against `expected.txt` beside it.

use std::path::PathBuf;

/// Files of a project: path and text.
pub type Files = Vec<(PathBuf, String)>;

/// The mapping of one vendor's export.
pub struct SourceTemplate {
    /// Its name, which is the name of the source unless another is asked for.
    pub name: &'static str,
    yaml: &'static str,
    /// Table and SQL.
    mappings: &'static [(&'static str, &'static str)],
    /// Extension and text of the sample.
    sample: (&'static str, &'static str),
}

macro_rules! source_template {
    ($name:literal, $sample:literal, [$($table:literal),+]) => {
        SourceTemplate {
            name: $name,
            yaml: include_str!(concat!("../templates/sources/", $name, "/source.yaml")),
            mappings: &[$(($table, include_str!(concat!("../templates/sources/", $name, "/", $table, ".sql")))),+],
            sample: ($sample, include_str!(concat!("../templates/sources/", $name, "/sample.", $sample))),
        }
    };
}

/// Every source template, in order of name.
pub const SOURCES: &[SourceTemplate] = &[
    source_template!("amazon_connect_contacts", "json", ["events"]),
    source_template!("app_store_reviews", "json", ["responses"]),
    source_template!("call_transcripts", "vtt", ["events"]),
    source_template!("delighted_responses", "json", ["responses"]),
    source_template!("freshdesk_tickets", "json", ["events", "records"]),
    source_template!("ga4_events", "json", ["events"]),
    source_template!("genesys_conversations", "json", ["events"]),
    source_template!("google_play_reviews", "json", ["events", "responses"]),
    source_template!("hubspot_contacts", "json", ["records"]),
    source_template!("intercom_conversations", "json", ["events", "responses"]),
    source_template!("mailchimp_activity", "json", ["events"]),
    source_template!("qualtrics_responses", "json", ["responses"]),
    source_template!("salesforce_contacts", "json", ["records"]),
    source_template!("shopify_orders", "json", ["events", "records"]),
    source_template!("stripe_events", "json", ["events"]),
    source_template!("support_mailbox", "mbox", ["events"]),
    source_template!("surveymonkey_responses", "json", ["responses"]),
    source_template!("twilio_calls", "json", ["events"]),
    source_template!("twilio_messages", "json", ["events"]),
    source_template!("typeform_responses", "json", ["responses"]),
    source_template!("woocommerce_orders", "json", ["events", "records"]),
    source_template!("zendesk_tickets", "json", ["events", "records", "responses"]),
];

impl SourceTemplate {
    /// The template called `name`, or `None`.
    pub fn find(name: &str) -> Option<&'static Self> {
        SOURCES.iter().find(|template| template.name == name)
    }

    /// What it is, in one sentence.
    pub fn title(&self) -> &'static str {
        self.comments().next().unwrap_or(self.name)
    }

    /// The document whose shape it follows.
    pub fn shape(&self) -> String {
        self.said("Shape:")
    }

    /// What is left to set.
    pub fn to_set(&self) -> String {
        self.said("Set:")
    }

    /// The tables that it fills.
    pub fn tables(&self) -> impl Iterator<Item = &'static str> {
        self.mappings.iter().map(|(table, _)| *table)
    }

    /// Comments at the top of the YAML, without that for editors.
    fn comments(&self) -> impl Iterator<Item = &'static str> {
        let comments = self.yaml.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
        comments.filter(|line| !line.starts_with("yaml-language-server"))
    }

    /// The comment that begins with `label`, up to the next label.
    fn said(&self, label: &str) -> String {
        let mut lines = self.comments().skip_while(|line| !line.starts_with(label));
        let first = lines.next().map(|line| line[label.len()..].trim()).unwrap_or_default();
        let more = lines.take_while(|line| !["Shape:", "Set:"].iter().any(|label| line.starts_with(label)));
        std::iter::once(first).chain(more).collect::<Vec<_>>().join(" ")
    }

    /// The files of a source called `source`, relative to the project.
    pub fn files(&self, source: &str) -> Files {
        let text = |text: &str| text.replace("{source}", source);
        let folder = PathBuf::from("sources");
        let sql = self.mappings.iter().map(|(table, sql)| (folder.join(format!("{source}.{table}.sql")), text(sql)));
        std::iter::once((folder.join(format!("{source}.yaml")), text(self.yaml))).chain(sql).collect()
    }

    /// The sample, where the source reads it.
    pub fn sample(&self, source: &str) -> Files {
        let (extension, text) = self.sample;
        vec![(PathBuf::from(format!("data/{source}/sample.{extension}")), text.to_owned())]
    }
}

macro_rules! project_template {
    ($folder:literal: $($file:literal as $name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../templates/", $folder, "/", $file)))),+]
    };
}

const SHOP: &[(&str, &str)] = project_template!("shop":
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

const EMPTY: &[(&str, &str)] =
    &[("clew.yaml", include_str!("../templates/empty/clew.yaml")), (".gitignore", include_str!("../templates/shop/gitignore"))];

const VENDOR: &[(&str, &str)] =
    &[("clew.yaml", include_str!("../templates/vendor/clew.yaml")), (".gitignore", include_str!("../templates/shop/gitignore"))];

/// A project to start from, and what to do next.
pub struct ProjectTemplate {
    /// Its files.
    pub files: Files,
    /// What to do next.
    pub next: String,
}

impl ProjectTemplate {
    /// The template called `name`: a whole project, or one with a single source of a vendor and its sample.
    pub fn find(name: &str) -> Option<Self> {
        let owned = |files: &[(&str, &str)]| files.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned())).collect();
        match name {
            "shop" => Some(Self {
                files: owned(SHOP),
                next: "the sample can be imported as it is; then point `files:` at your own".into(),
            }),
            "empty" => Some(Self { files: owned(EMPTY), next: "add sources/<name>.yaml and its .sql files first".into() }),
            vendor => {
                let template = SourceTemplate::find(vendor)?;
                let mut files: Files = owned(VENDOR);
                files.extend(template.files(vendor));
                files.extend(template.sample(vendor));
                let next = format!("the sample can be imported as it is; then set {}", template.to_set());
                Some(Self { files, next })
            }
        }
    }

    /// Every name that [`Self::find`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ["shop", "empty"].into_iter().chain(SOURCES.iter().map(|template| template.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_says_what_it_is_which_document_it_follows_and_what_to_set() {
        let names: Vec<&str> = SOURCES.iter().map(|template| template.name).collect();
        assert!(names.is_sorted(), "in order of name");
        for template in SOURCES {
            assert!(template.title().ends_with('.') && !template.title().starts_with("Shape"), "{}", template.name);
            assert!(template.shape().len() > 20 && !template.shape().contains("Set:"), "{}: {}", template.name, template.shape());
            assert!(template.to_set().len() > 20 && !template.to_set().contains("Shape:"), "{}", template.name);
            let files = template.files("other_name");
            assert!(
                files.iter().all(|(path, text)| path.starts_with("sources") && !text.contains("{source}")),
                "{}",
                template.name
            );
            let yaml = &files[0].1;
            assert!(yaml.contains("data/other_name/"), "{}: reads where its sample is put", template.name);
        }
    }
}
