//! A project folder: text files in, checked definitions or every problem out.
//!
//! ```text
//! clew.yaml                       company, time zone, currency, store …   (settings)
//! sources/<name>.yaml             one source: reader and options          (intake)
//! sources/<name>.<target>.sql     one SELECT per target table             (intake)
//! identity.yaml                   identifier types and their limits       (identity)
//! journey.yaml                    stages and journeys                     (journey)
//! metrics.yaml                    scores                                  (insight)
//! ```
//!
//! Only `clew.yaml` is required. Each file goes the same way: YAML with positions ([`document`]), JSON Schema of the
//! type that will hold it ([`conformance`]), serde, and then the checks of the crate that owns the meaning ([`load`]).
//! A broken file never hides the problems of another.

pub mod conformance;
pub mod document;
pub mod load;
pub mod problem;
pub mod settings;

use clew_intake::SourceSpec;
use clew_pipeline::definitions::{JourneyDefinition, Metric, Rules};
use schemars::{Schema, schema_for};
use serde_json::Value;

pub use load::{Project, load};
pub use problem::Problem;
pub use settings::Settings;

/// The kinds of project files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `clew.yaml`.
    Settings,
    /// `sources/<name>.yaml`.
    Source,
    /// `identity.yaml`.
    Identity,
    /// `journey.yaml`.
    Journey,
    /// `metrics.yaml`.
    Metrics,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Settings, Self::Source, Self::Identity, Self::Journey, Self::Metrics];

    /// Its schema's file in `docs/schemas`.
    pub const fn schema_file(self) -> &'static str {
        match self {
            Self::Settings => "clew.schema.json",
            Self::Source => "source.schema.json",
            Self::Identity => "identity.schema.json",
            Self::Journey => "journey.schema.json",
            Self::Metrics => "metrics.schema.json",
        }
    }

    /// What the schema is called, for editors.
    const fn title(self) -> &'static str {
        match self {
            Self::Settings => "clew.yaml: what holds for the whole project",
            Self::Source => "sources/<name>.yaml: a source",
            Self::Identity => "identity.yaml: identifier types and their rules",
            Self::Journey => "journey.yaml: stages and journeys",
            Self::Metrics => "metrics.yaml: scores",
        }
    }

    /// The JSON Schema, from the type that reads the file.
    pub fn schema(self) -> Value {
        let mut schema: Schema = match self {
            Self::Settings => schema_for!(Settings),
            Self::Source => schema_for!(SourceSpec),
            Self::Identity => schema_for!(Rules),
            Self::Journey => schema_for!(JourneyDefinition),
            Self::Metrics => schema_for!(Vec<Metric>),
        };
        schema.insert("title".into(), self.title().into());
        schema.to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_compiles_and_refuses_unknown_keys() {
        for kind in Kind::ALL {
            let schema = kind.schema();
            jsonschema::Validator::new(&schema).unwrap();
            let object = if kind == Kind::Metrics { schema["$defs"]["Metric"].clone() } else { schema };
            assert_eq!(object["additionalProperties"], Value::Bool(false), "{kind:?}");
        }
    }
}
