//! A project in a temporary folder, a lake, and questions to it.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(dead_code, reason = "every test binary uses a part of it")]

pub mod databases;
pub mod services;

use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use clew_intake::{Defaults, ImportError, ImportReport, Mapping, Source, SourceSpec, Sources, import};
use clew_lake::{Lake, Options};
use clew_model::tables::Table;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// A project folder and its store.
pub struct Project {
    pub dir: TempDir,
    pub sources: Sources,
}

impl Project {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let defaults = Defaults {
            timezone: Some("Europe/Berlin".into()),
            language: None,
            currency: Some("EUR".into()),
            ..Defaults::default()
        };
        let sources = Sources { dir: dir.path().into(), defaults, rules: clew_identity::Rules::default(), sources: Vec::new() };
        Self { dir, sources }
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Adds a source; `sql` are pairs of target and SELECT.
    pub fn source(&mut self, name: &str, yaml: &str, sql: &[(&str, &str)]) {
        let mapping = |(target, sql): &(&str, &str)| Mapping {
            target: Table::find(target).unwrap(),
            sql: (*sql).to_owned(),
            path: self.dir.path().join(format!("sources/{name}.{target}.sql")),
        };
        let mappings = sql.iter().map(mapping).collect();
        self.sources.sources.retain(|source| source.name != name);
        self.sources.sources.push(Source {
            name: name.into(),
            spec: spec(yaml),
            yaml_path: self.dir.path().join(format!("sources/{name}.yaml")),
            mappings,
        });
        self.sources.sources.sort_by(|a, b| a.name.cmp(&b.name));
    }

    pub async fn lake(&self) -> Lake {
        Lake::open(&self.dir.path().join(".clew"), Options::default()).await.unwrap()
    }

    pub async fn import(&self, lake: &Lake) -> Result<ImportReport, ImportError> {
        import(lake, &self.sources, &[], &()).await
    }
}

fn spec(yaml: &str) -> SourceSpec {
    serde_json::from_value(value(&Yaml::load_from_str(yaml).unwrap()[0])).unwrap()
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(text)) => Value::String(text.to_string()),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            Value::Object(entries.iter().map(|(k, v)| (k.as_str().unwrap().to_owned(), value(v))).collect::<Map<_, _>>())
        }
        other => panic!("{other:?}"),
    }
}

/// The project folder `dir` with `OLIST_DATA` at `data`.
pub fn load_olist(dir: &Path, data: &Path) -> Sources {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(dir.join("sources")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap().replace("${OLIST_DATA:-./data}", data.to_str().unwrap());
        let mappings = ["events", "records", "responses"].iter().filter_map(|target| {
            let path = path.with_file_name(format!("{name}.{target}.sql"));
            let sql = std::fs::read_to_string(&path).ok()?;
            Some(Mapping { target: Table::find(target).unwrap(), sql, path })
        });
        let mappings = mappings.collect();
        sources.push(Source { name, spec: spec(&text), yaml_path: path, mappings });
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    let identity = std::fs::read_to_string(dir.join("identity.yaml")).unwrap();
    let rules = serde_json::from_value(value(&Yaml::load_from_str(&identity).unwrap()[0])).unwrap();
    let defaults = Defaults {
        timezone: Some("America/Sao_Paulo".into()),
        language: Some("pt".into()),
        currency: Some("BRL".into()),
        ..Defaults::default()
    };
    Sources { dir: dir.into(), defaults, rules, sources }
}

/// The first column of the first row of `sql`.
pub async fn number(lake: &Lake, sql: &str) -> i64 {
    let batches = lake.session().sql(sql).await.unwrap().collect().await.unwrap();
    let column = arrow::compute::cast(batches[0].column(0), &arrow::datatypes::DataType::Int64).unwrap();
    column.as_primitive::<Int64Type>().value(0)
}

/// The first column of `sql` as text.
pub async fn texts(lake: &Lake, sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    for batch in lake.session().sql(sql).await.unwrap().collect().await.unwrap() {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
        let column = column.as_string::<i32>();
        found.extend((0..column.len()).map(|row| if column.is_null(row) { "-".into() } else { column.value(row).to_owned() }));
    }
    found
}
