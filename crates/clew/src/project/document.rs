//! A YAML file as a JSON value that remembers where everything stands.
//!
//! serde knows no positions, and YAML libraries that bind to serde lose them on the way to an error message. So a file
//! is read once into a [`Document`]: the plain value, and the place of every key and value under its JSON pointer.
//! Everything that checks the value afterwards (JSON Schema, serde, the crates' own checks) speaks in pointers, which
//! [`Document::key`] and [`Document::value_at`] turn back into line and column.
//!
//! `${NAME}` and `${NAME:-default}` are replaced inside strings after YAML has been parsed, so a value can never change
//! the structure of the file. A plain scalar is read again after the replacement: `threads: ${THREADS:-2}` is a number,
//! `'${THREADS:-2}'` is a string. `$${` writes a literal `${`.
//!
//! Deliberately missing: several documents in one file, and tags with a meaning of their own.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, ScalarStyle, YamlData};
use serde_json::Value;

use super::problem::Position;

/// Where a variable's value comes from; the process environment outside tests.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A problem within one file: where, what, what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub position: Position,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// Where a value and, if it belongs to a mapping, its key stand.
#[derive(Clone, Copy, Debug)]
struct Place {
    key: Option<Position>,
    value: Position,
}

/// A file's value and the places of its parts.
#[derive(Debug)]
pub struct Document {
    /// The value, `null` for an empty file.
    pub value: Value,
    places: BTreeMap<String, Place>,
}

impl Document {
    /// Reads `text`; an empty or comment-only file is `null`.
    ///
    /// # Errors
    /// Every problem that keeps the value from being known: YAML that does not parse, a variable that is not set.
    pub fn read(text: &str, environment: Environment<'_>) -> Result<Self, Vec<Finding>> {
        let roots = MarkedYaml::load_from_str(text).map_err(|error| vec![unparsable(&error)])?;
        if let Some(second) = roots.get(1) {
            return Err(vec![Finding {
                position: position(&second.span.start),
                message: "a second YAML document".into(),
                remedy: "a file holds one document: remove the line ---".into(),
            }]);
        }
        let mut reader =
            Reader { characters: text.chars().collect(), environment, places: BTreeMap::new(), findings: Vec::new() };
        let value = match roots.first() {
            Some(root) => {
                reader.places.insert(String::new(), Place { key: None, value: position(&root.span.start) });
                reader.value(root, "")
            }
            None => Value::Null,
        };
        if reader.findings.is_empty() { Ok(Self { value, places: reader.places }) } else { Err(reader.findings) }
    }

    /// Where the value under `pointer` stands, or the nearest enclosing value that exists.
    pub fn value_at(&self, pointer: &str) -> Position {
        self.place(pointer).map_or(Position::START, |place| place.value)
    }

    /// Where the key of the value under `pointer` stands; the value itself inside a list.
    pub fn key(&self, pointer: &str) -> Position {
        self.place(pointer).map_or(Position::START, |place| place.key.unwrap_or(place.value))
    }

    fn place(&self, pointer: &str) -> Option<Place> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return Some(*place);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

/// The JSON pointer of a path written with dots and brackets: `identifiers.email.blocked[2]`.
pub fn pointer_of_dotted(path: &str) -> String {
    path.split(['.', '['])
        .map(|part| part.trim_end_matches(']'))
        .filter(|part| !part.is_empty())
        .fold(String::new(), |pointer, part| child(&pointer, part))
}

/// The pointer of `key` under `pointer` (RFC 6901).
pub fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

fn unparsable(error: &saphyr::ScanError) -> Finding {
    let remedy = if error.info().contains("duplicated key") {
        "keep one of the two"
    } else {
        "check indentation, quotes and colons; a value that starts with one of @ ` % * & ! | > [ { needs quotes"
    };
    let message = if error.info().contains("duplicated key") {
        "this key stands here twice".to_owned()
    } else {
        format!("not YAML: {}", error.info())
    };
    Finding { position: position(error.marker()), message, remedy: remedy.into() }
}

struct Reader<'a> {
    characters: Vec<char>,
    environment: Environment<'a>,
    places: BTreeMap<String, Place>,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn value(&mut self, node: &MarkedYaml<'_>, pointer: &str) -> Value {
        match &node.data {
            YamlData::Value(scalar) => self.scalar(scalar, node),
            YamlData::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| {
                    let pointer = child(pointer, &i.to_string());
                    self.places.insert(pointer.clone(), Place { key: None, value: position(&item.span.start) });
                    self.value(item, &pointer)
                })
                .collect(),
            YamlData::Mapping(entries) => entries
                .iter()
                .map(|(key, item)| {
                    let name = key_text(key);
                    let pointer = child(pointer, &name);
                    let place = Place { key: Some(position(&key.span.start)), value: position(&item.span.start) };
                    self.places.insert(pointer.clone(), place);
                    (name, self.value(item, &pointer))
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
            YamlData::Tagged(_, inner) => self.value(inner, pointer),
            YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
                self.findings.push(Finding {
                    position: position(&node.span.start),
                    message: "this value does not fit its tag".into(),
                    remedy: "remove the tag (the word that starts with !)".into(),
                });
                Value::Null
            }
        }
    }

    fn scalar(&mut self, scalar: &Scalar<'_>, node: &MarkedYaml<'_>) -> Value {
        let Scalar::String(text) = scalar else { return plain(scalar) };
        if !text.contains("${") {
            return Value::String(text.to_string());
        }
        match expand(text, self.environment) {
            Ok(expanded) => {
                let first = self.characters.get(node.span.start.index());
                let quoted = first.is_some_and(|c| matches!(c, '"' | '\'' | '|' | '>'));
                let style = if quoted { ScalarStyle::DoubleQuoted } else { ScalarStyle::Plain };
                let read = Scalar::parse_from_cow_and_metadata(expanded.as_str().into(), style, None);
                read.as_ref().map_or_else(|| Value::String(expanded.clone()), plain)
            }
            Err((message, remedy)) => {
                self.findings.push(Finding { position: position(&node.span.start), message, remedy });
                Value::Null
            }
        }
    }
}

fn plain(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => (*value).into(),
        Scalar::Integer(value) => (*value).into(),
        Scalar::FloatingPoint(value) => value.into_inner().into(),
        Scalar::String(value) => Value::String(value.to_string()),
    }
}

fn key_text(key: &MarkedYaml<'_>) -> String {
    match &key.data {
        YamlData::Value(scalar) => match plain(scalar) {
            Value::String(text) => text,
            other => other.to_string(),
        },
        _ => "?".to_owned(),
    }
}

/// Replaces variables in `text`; the error is message and remedy.
fn expand(text: &str, environment: Environment<'_>) -> Result<String, (String, String)> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        expanded.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let Some(end) = inner.find('}') else {
            return Err((
                format!("`{}` has no closing brace", &rest[at..]),
                "close it with }, or write $${ for a literal ${".into(),
            ));
        };
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        let well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !well_formed {
            return Err((
                format!("`{name}` is no name of an environment variable"),
                "write ${NAME} or ${NAME:-default}, or $${ for a literal ${".into(),
            ));
        }
        match (environment(name).filter(|value| !value.is_empty()), default) {
            (Some(value), _) => expanded.push_str(&value),
            (None, Some(default)) => expanded.push_str(default),
            (None, None) => {
                return Err((
                    format!("the environment variable {name} is not set"),
                    format!("set it, or give a default: ${{{name}:-…}}"),
                ));
            }
        }
        rest = &inner[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Document, Vec<Finding>> {
        Document::read(text, &|name| (name == "DATA").then(|| "/data".to_owned()))
    }

    #[test]
    fn a_pointer_leads_back_to_line_and_column() {
        let document = read("# orders\nfiles: a.csv\ncsv:\n  delimiter: ';'\nlist:\n- x\n- y: 1\n").unwrap();
        assert_eq!(document.value, json!({"files": "a.csv", "csv": {"delimiter": ";"}, "list": ["x", {"y": 1}]}));
        assert_eq!(document.key("/csv/delimiter"), Position { line: 4, column: 3 });
        assert_eq!(document.value_at("/csv/delimiter"), Position { line: 4, column: 14 });
        assert_eq!(document.key("/list/1/y"), Position { line: 7, column: 3 });
        assert_eq!(document.value_at("/csv/absent/deep"), Position { line: 4, column: 3 }, "the mapping that would hold it");
    }

    #[test]
    fn variables_are_replaced_inside_strings_only() {
        let document =
            read("a: ${DATA}/x\nb: ${NONE:-./data}/y\nc: $${DATA}\nd: ${NONE:-2}\ne: '${NONE:-2}'\nf: \"${NONE:-}\"\n").unwrap();
        assert_eq!(document.value, json!({"a": "/data/x", "b": "./data/y", "c": "${DATA}", "d": 2, "e": "2", "f": ""}));
    }

    #[test]
    fn every_unset_variable_is_reported_at_its_place() {
        let findings = read("a: ${NONE}\nb:\n  - ${1X}\n  - ${OPEN\n").unwrap_err();
        let lines: Vec<(usize, &str)> =
            findings.iter().map(|finding| (finding.position.line, finding.message.as_str())).collect();
        assert_eq!(
            lines,
            [
                (1, "the environment variable NONE is not set"),
                (3, "`1X` is no name of an environment variable"),
                (4, "`${OPEN` has no closing brace")
            ]
        );
    }

    #[test]
    fn broken_yaml_says_where() {
        assert_eq!(read("a: 1\na: 2\n").unwrap_err()[0].position.line, 2);
        assert_eq!(read("a: [1\nb: 2\n").unwrap_err().len(), 1);
        assert_eq!(read("# nothing\n").unwrap().value, Value::Null);
        assert_eq!(read("a: 1\n---\nb: 2\n").unwrap_err()[0].message, "a second YAML document");
    }

    #[test]
    fn a_dotted_path_becomes_a_pointer() {
        assert_eq!(pointer_of_dotted("identifiers.email.blocked[2]"), "/identifiers/email/blocked/2");
        assert_eq!(pointer_of_dotted(""), "");
    }
}
