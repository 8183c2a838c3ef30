//! Holds a file's value against the JSON Schema of its kind and says in plain words what does not fit.
//!
//! The schema comes from the serde type that will read the value, so both always agree; the schema is asked first
//! because it finds every problem at once where serde stops at the first. What a schema says about alternatives
//! ("not valid under any of the given schemas") is unwound to the alternative that was probably meant.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use super::document::{Document, Finding, child};
use super::problem::nearest;

/// What does not fit, and what is left without it.
#[derive(Debug)]
pub struct Conformance {
    /// Every way in which the document does not fit.
    pub findings: Vec<Finding>,
    /// The value without unknown keys, if they are all that is wrong: what the file means can then still be checked.
    pub value: Option<Value>,
}

/// Holds `document` against `schema`.
pub fn of(document: &Document, schema: &Value) -> Conformance {
    let validator = Validator::new(schema).expect("a schema that schemars wrote is a schema: a test compiles each");
    let mut findings = Vec::new();
    let mut value = Some(document.value.clone());
    for error in validator.iter_errors(&document.value) {
        explain(&error, document, schema, &mut findings);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let object = value.as_mut().and_then(|value| value.pointer_mut(error.instance_path().as_str())?.as_object_mut());
                if let Some(object) = object {
                    object.retain(|key, _| !unexpected.contains(key));
                }
            }
            _ => value = None,
        }
    }
    // A misspelled key is one problem, not an unknown one and a missing one.
    let misspelled: Vec<String> =
        findings.iter().filter(|finding| finding.message.starts_with(UNKNOWN)).map(|finding| finding.remedy.clone()).collect();
    findings
        .retain(|finding| !misspelled.iter().any(|remedy| finding.message == format!("the key {} is missing", quoted(remedy))));
    Conformance { findings, value }
}

/// How the message about an unknown key starts.
const UNKNOWN: &str = "unknown key";

/// The quoted word of `did you mean '…'?`.
fn quoted(remedy: &str) -> &str {
    remedy.find('\'').map_or("", |start| remedy[start..].trim_end_matches('?'))
}

fn explain(error: &ValidationError<'_>, document: &Document, schema: &Value, found: &mut Vec<Finding>) {
    let pointer = error.instance_path().as_str();
    let at = document.value_at(pointer);
    let mut push = |position, message: String, remedy: String| found.push(Finding { position, message, remedy });
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = properties_beside(error, schema);
            for key in unexpected {
                push(document.key(&child(pointer, key)), format!("{UNKNOWN} '{key}'"), remedy_for_unknown(key, &known));
            }
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            push(at, format!("the key '{key}' is missing"), describe(error, schema, key));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            explain_alternatives(error, context, document, schema, found);
        }
        ValidationErrorKind::Type { kind } => {
            let (expected, given) = (expected_types(kind), name_of(error.instance()));
            push(at, format!("expected {expected}, found {given}"), type_remedy(&expected, error.instance()));
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let (message, remedy) = not_one_of(error.instance(), &options);
            push(at, message, remedy);
        }
        ValidationErrorKind::Constant { expected_value } => {
            let options: Vec<&str> = expected_value.as_str().into_iter().collect();
            let (message, remedy) = not_one_of(error.instance(), &options);
            push(at, message, remedy);
        }
        ValidationErrorKind::Minimum { limit } => {
            push(at, format!("{} is too small", error.instance()), format!("use {limit} or more"));
        }
        ValidationErrorKind::Maximum { limit } => {
            push(at, format!("{} is too large", error.instance()), format!("use {limit} or less"));
        }
        ValidationErrorKind::MinItems { limit } => push(at, "the list is too short".into(), format!("give at least {limit}")),
        ValidationErrorKind::Pattern { pattern } => {
            push(at, format!("{} has the wrong form", error.instance()), form(error, schema, pattern));
        }
        _ => push(at, error.to_string(), "see docs/schemas for what may stand here".into()),
    }
}

/// Words that all alternatives allow, or the problems of the alternative that got furthest.
fn explain_alternatives(
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
    document: &Document,
    schema: &Value,
    found: &mut Vec<Finding>,
) {
    let here = error.instance_path().as_str();
    let options: Vec<&str> = context.iter().flatten().flat_map(options_of).collect();
    if error.instance().is_string() && !options.is_empty() {
        let (message, remedy) = not_one_of(error.instance(), &options);
        found.push(Finding { position: document.value_at(here), message, remedy });
        return;
    }
    // An alternative of another type fails on the value as a whole; the one that was meant fails deeper, or on a key.
    let meant = context.iter().find(|errors| {
        errors
            .iter()
            .all(|inner| inner.instance_path().as_str() != here || !matches!(inner.kind(), ValidationErrorKind::Type { .. }))
    });
    if let Some(errors) = meant {
        for inner in errors {
            explain(inner, document, schema, found);
        }
        return;
    }
    let mut types: Vec<String> = Vec::new();
    for inner in context.iter().flatten() {
        if let ValidationErrorKind::Type { kind } = inner.kind() {
            let name = expected_types(kind);
            if name != "nothing" && !types.contains(&name) {
                types.push(name);
            }
        }
    }
    let expected = types.join(" or ");
    let message = format!("expected {expected}, found {}", name_of(error.instance()));
    found.push(Finding { position: document.value_at(here), message, remedy: type_remedy(&expected, error.instance()) });
}

fn options_of<'a>(error: &'a ValidationError<'static>) -> Vec<&'a str> {
    match error.kind() {
        ValidationErrorKind::Enum { options } => options.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
        ValidationErrorKind::Constant { expected_value } => expected_value.as_str().into_iter().collect(),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.iter().flatten().flat_map(options_of).collect()
        }
        _ => Vec::new(),
    }
}

fn not_one_of(value: &Value, options: &[&str]) -> (String, String) {
    let given = value.as_str().map_or_else(|| value.to_string(), |text| format!("'{text}'"));
    let list = options.join(", ");
    match value.as_str().and_then(|text| nearest(text, options.iter().copied())) {
        Some(near) => (format!("{given} is not one of: {list}"), format!("did you mean '{near}'?")),
        None => (format!("{given} is not known here"), format!("use one of: {list}")),
    }
}

fn remedy_for_unknown(key: &str, known: &[String]) -> String {
    match nearest(key, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean '{near}'?"),
        None if known.is_empty() => "remove it".into(),
        None => format!("remove it; known here: {}", known.join(", ")),
    }
}

/// The sub-schema that holds the keyword which failed.
fn schema_around<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Option<&'a Value> {
    let path = error.schema_path().as_str();
    let parent = &path[..path.rfind('/')?];
    schema.pointer(parent).or_else(|| {
        // The path of a keyword behind a `$ref` may run through the reference: follow it step by step.
        let mut node = schema;
        for part in parent.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            node = if part == "$ref" {
                schema.pointer(node.get("$ref")?.as_str()?.trim_start_matches('#'))?
            } else {
                node.get(&part).or_else(|| node.get(part.parse::<usize>().ok()?))?
            };
        }
        Some(node)
    })
}

fn properties_beside(error: &ValidationError<'_>, schema: &Value) -> Vec<String> {
    let properties = schema_around(error, schema).and_then(|around| around.get("properties")).and_then(Value::as_object);
    properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
}

fn describe(error: &ValidationError<'_>, schema: &Value, key: &str) -> String {
    let description = schema_around(error, schema)
        .and_then(|around| around.pointer(&format!("/properties/{key}/description")))
        .and_then(Value::as_str);
    match description {
        Some(text) => format!("add it: {}", text.lines().next().unwrap_or_default().trim_end_matches('.')),
        None => format!("add a line '{key}: …'"),
    }
}

/// The description of a value whose pattern does not match, else the pattern.
fn form(error: &ValidationError<'_>, schema: &Value, pattern: &str) -> String {
    let description = schema_around(error, schema).and_then(|around| around.get("description")).and_then(Value::as_str);
    description.map_or_else(
        || format!("it must match {pattern}"),
        |text| format!("write {}", text.split(['.', ';']).next().unwrap_or_default().to_lowercase()),
    )
}

fn expected_types(kind: &TypeKind) -> String {
    let name = |one: JsonType| match one {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "keys with values",
        JsonType::String => "text",
    };
    match kind {
        TypeKind::Single(one) => name(*one).to_owned(),
        TypeKind::Multiple(set) => {
            let names: Vec<&str> = set.iter().filter(|one| *one != JsonType::Null).map(name).collect();
            names.join(" or ")
        }
    }
}

fn name_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(value) => format!("{value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() > 40 => format!("the text '{}…'", text.chars().take(40).collect::<String>()),
        Value::String(text) => format!("the text '{text}'"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "keys with values".into(),
    }
}

fn type_remedy(expected: &str, given: &Value) -> String {
    match given {
        Value::Number(_) | Value::Bool(_) if expected.contains("text") => format!("put it in quotes: '{given}'"),
        Value::String(text) if text.parse::<f64>().is_ok() && expected.contains("number") => format!("remove the quotes: {text}"),
        Value::Null => "give a value, or remove the key".into(),
        _ => format!("write {expected}"),
    }
}
