//! Which output columns a mapping may have: the names of its table, `id`, `identifier_<type>` and `property_<name>`.

use arrow::datatypes::{DataType, Schema};
use clew_identity::CompiledRules;
use clew_model::tables::{Column, ColumnType, Table};

use crate::nearest::nearest;
use crate::reader::ROW;

/// Columns that intake fills itself.
const OURS: &[&str] =
    &["source", "population", "subject", "content", "identifiers", "received_at", "quality", "file", "row_no", "raw", "derived"];
/// Required columns that have a default.
const DEFAULTED: &[&str] = &["kind", "respondent"];

/// What an output column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot<'a> {
    /// The column of the table at this position.
    Column(usize),
    /// An identifier of this type.
    Identifier(&'a str),
    /// A property of this name.
    Property(&'a str),
}

impl<'a> Slot<'a> {
    /// The slot of the output column `name`, or `None`.
    pub fn of(table: &Table, name: &'a str) -> Option<Self> {
        if name == "id" {
            return Some(Self::Column(0));
        }
        if let Some(kind) = name.strip_prefix("identifier_").filter(|kind| !kind.is_empty()) {
            return Some(Self::Identifier(kind));
        }
        if let Some(name) = name.strip_prefix("property_").filter(|name| !name.is_empty()) {
            return Some(Self::Property(name));
        }
        if OURS.contains(&name) {
            return None;
        }
        table.columns.iter().position(|column| column.name == name).map(Self::Column)
    }
}

/// Something wrong with the columns of a mapping: what, and what to do. The name tells where in the SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProblem {
    /// The output column; empty when one is missing.
    pub name: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// Every problem with `output` as facts of `table`. `declared` are the identifier types of the project.
pub fn problems(table: &'static Table, output: &Schema, rules: &CompiledRules, versions: bool) -> Vec<SlotProblem> {
    let mut problems = Vec::new();
    let mut add = |name: &str, message: String, remedy: String| problems.push(SlotProblem { name: name.into(), message, remedy });
    for field in output.fields().iter().filter(|field| field.name() != ROW) {
        let name = field.name().as_str();
        match Slot::of(table, name) {
            Some(Slot::Column(at)) => {
                if let Some(message) = misfit(&table.columns[at], field.data_type()) {
                    add(name, message.0, message.1);
                }
            }
            Some(Slot::Identifier(kind)) if rules.type_no(kind).is_none() => {
                let known = nearest(kind, rules.types().iter().map(|rule| &*rule.name));
                let hint = known.map_or(String::new(), |known| format!("; did you mean identifier_{known}?"));
                add(
                    name,
                    format!("no identifier type is called {kind}"),
                    format!("declare it under `identifiers:` in identity.yaml{hint}"),
                );
            }
            Some(_) => {}
            None if OURS.contains(&name) => add(
                name,
                format!("{name} is filled in by the import"),
                if name == "identifiers" { "use identifier_<type>, e.g. identifier_email".into() } else { "leave it out".into() },
            ),
            None => {
                let known = nearest(name, table.columns.iter().map(|column| column.name).filter(|name| !OURS.contains(name)));
                let hint = known.map_or(String::new(), |known| format!("did you mean {known}? "));
                add(name, format!("{} has no column {name}", table.name), format!("{hint}Further values go to property_{name}"));
            }
        }
    }
    let has = |column: &Column, at: usize| {
        output.fields().iter().any(|field| Slot::of(table, field.name()) == Some(Slot::Column(at)) && field.name() != ROW)
            || OURS.contains(&column.name)
            || DEFAULTED.contains(&column.name)
    };
    for (at, column) in table.columns.iter().enumerate() {
        if at > 0 && !column.nullable && !has(column, at) {
            add("", format!("the column {} is missing", column.name), format!("add it: {}", column.doc));
        }
    }
    if table.name == "responses" && !output.fields().iter().any(|field| field.name() == "kind") {
        add("", "the column kind is missing".into(), "add it: nps, csat, ces, rating, boolean, choice or text".into());
    }
    if versions && !output.fields().iter().any(|field| Slot::of(table, field.name()) == Some(Slot::Column(0))) {
        add(
            "",
            "upsert and snapshot mode need an id".into(),
            "add a column `id` that stays the same when the row changes".into(),
        );
    }
    problems
}

/// Why a column of type `given` cannot fill `column`.
fn misfit(column: &Column, given: &DataType) -> Option<(String, String)> {
    let nested = matches!(given, DataType::Struct(_) | DataType::Map(..));
    let list = matches!(given, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..));
    let is_object = matches!(column.name, "properties" | "attributes" | "consents");
    let number = given.is_integer() || given.is_floating();
    match column.kind {
        ColumnType::Timestamp if number => Some((
            format!("{} is a number, which is no time", column.name),
            "say its unit: epoch_seconds(…) or epoch_millis(…)".into(),
        )),
        ColumnType::TextList => nested.then(|| (format!("{} takes a list of text", column.name), "use make_array(…)".into())),
        _ if (nested && !is_object) || list => Some((
            format!("{} cannot hold the type {given}", column.name),
            "take one value out of it, e.g. column['field'], or use unnest".into(),
        )),
        _ => None,
    }
}
