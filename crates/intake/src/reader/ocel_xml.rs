//! The elements of an OCEL 2.0 log in XML, one by one, as those of the JSON form.
//!
//! The form is that of the standard (Berti et al. 2024, "OCEL (Object-Centric Event Log) 2.0 Specification", section 7): `<objects>` and `<events>` of
//! the log hold `<object id type>` and `<event id type time>`, each with `<attributes><attribute name time>value</attribute>` and
//! `<objects><relationship object-id qualifier/>`. Values are text: the declared types of attributes are passed over. What else stands in the
//! log (the declarations of types) is, too.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use quick_xml::Reader as Xml;
use quick_xml::encoding::Decoder;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::Value;

use super::made::Bounded;
use super::ocel::{Attribute, Element, Found, Relationship};
use super::xes::{TAG_LIMIT, in_utf8};
use super::{PREFIX, ROW_LIMIT, ReadError};

/// What an attribute or a relationship counts beside its text, so that empty ones are not without a limit.
const OVERHEAD: usize = 16;

/// See the module.
pub struct Elements {
    xml: Xml<Bounded<BufReader<Box<dyn Read + Send>>>>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// What holds the elements that are wanted, and what one is called.
    wanted: (&'static [u8], &'static [u8]),
    /// Elements that are open.
    depth: usize,
    is_inside: bool,
    has_begun: bool,
}

/// The element that is being read.
#[derive(Default)]
struct Open {
    element: Element,
    /// The attribute that is open.
    attribute: Option<(Attribute, String)>,
    bytes: usize,
}

impl Elements {
    /// Those of the section `section` called `name`, of the log that `stream` is.
    pub fn open(
        path: &Path,
        stream: Box<dyn Read + Send>,
        (section, name): (&'static str, &'static str),
    ) -> Result<Self, ReadError> {
        let mut xml = Xml::from_reader(Bounded::new(in_utf8(path, stream)?, TAG_LIMIT));
        xml.config_mut().expand_empty_elements = true;
        let wanted = (section.as_bytes(), name.as_bytes());
        Ok(Self { xml, path: path.into(), buffer: Vec::new(), wanted, depth: 0, is_inside: false, has_begun: false })
    }

    /// The next element; `None` behind the last.
    pub fn next(&mut self, rows: i64) -> Result<Option<Found>, ReadError> {
        let mut open: Option<Open> = None;
        loop {
            self.buffer.clear();
            self.xml.get_mut().renew();
            let position = self.xml.buffer_position();
            let damaged = |detail: String| ReadError::Truncated { path: self.path.clone(), rows, detail };
            let broken = || damaged(format!("no well-formed XML at byte {position}"));
            match self.xml.read_event_into(&mut self.buffer) {
                Ok(Event::Start(start)) => {
                    self.depth += 1;
                    let name = start.local_name();
                    match (self.depth, name.as_ref()) {
                        (1, b"log") => self.has_begun = true,
                        (1, _) => return Err(no_log(&self.path)),
                        (2, name) => self.is_inside = name == self.wanted.0,
                        (3, name) if self.is_inside && name == self.wanted.1 => {
                            open = Some(Open {
                                element: element(&start, self.xml.decoder()).ok_or_else(broken)?,
                                ..Open::default()
                            });
                        }
                        (_, name) => {
                            if let Some(open) = &mut open {
                                open.begin(name, &start, self.xml.decoder()).ok_or_else(broken)?;
                            }
                        }
                    }
                }
                Ok(Event::End(_)) => {
                    if let Some(open) = &mut open {
                        open.end_attribute();
                    }
                    let is_whole = self.depth == 3;
                    self.depth = self.depth.saturating_sub(1);
                    if let Some(open) = open.take_if(|_| is_whole) {
                        return Ok(Some(open.found()));
                    }
                }
                Ok(Event::Text(text)) => add(&mut open, &text.xml_content().map_err(|_| broken())?),
                Ok(Event::CData(text)) => add(&mut open, &text.decode().map_err(|_| broken())?),
                Ok(Event::GeneralRef(reference)) => add(&mut open, &resolved(&reference).ok_or_else(broken)?),
                Ok(Event::Eof) if !self.has_begun => return Err(no_log(&self.path)),
                Ok(Event::Eof) if self.depth > 0 => return Err(damaged("the log ends before its last tag".into())),
                Ok(Event::Eof) => return Ok(None),
                Ok(_) => {}
                Err(quick_xml::Error::Io(error)) => {
                    return Err(ReadError::of(&self.path, std::io::Error::new(error.kind(), error.to_string()), rows));
                }
                Err(_) => return Err(broken()),
            }
        }
    }
}

impl Open {
    /// An element inside; `None` where its attributes are no XML.
    fn begin(&mut self, name: &[u8], start: &BytesStart, decoder: Decoder) -> Option<()> {
        match name {
            b"attribute" => {
                let [name, time] = values(start, decoder, ["name", "time"])?;
                let attribute = Attribute { name: name.unwrap_or_default(), time, value: Value::Null };
                self.bytes += OVERHEAD + attribute.name.len();
                self.attribute = Some((attribute, String::new()));
            }
            b"relationship" | b"relobj" => {
                let [id, qualifier] = values(start, decoder, ["object-id", "qualifier"])?;
                let one = Relationship { object_id: id.unwrap_or_default(), qualifier };
                self.bytes += OVERHEAD + one.object_id.len() + one.qualifier.as_ref().map_or(0, String::len);
                // What is too large for any row is counted, not kept.
                if self.bytes <= ROW_LIMIT {
                    self.element.relationships.push(one);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn end_attribute(&mut self) {
        if let Some((attribute, text)) = self.attribute.take()
            && self.bytes <= ROW_LIMIT
        {
            self.element.attributes.push(Attribute { value: Value::String(text), ..attribute });
        }
    }

    fn found(self) -> Found {
        if self.bytes <= ROW_LIMIT {
            return Found::Element(self.element);
        }
        let id: String = self.element.id.chars().take(PREFIX / 4).collect();
        Found::TooLarge(id.into_bytes(), self.bytes as u64)
    }
}

/// Adds text to the attribute that is open.
fn add(open: &mut Option<Open>, text: &str) {
    let Some(open) = open else { return };
    let Some((_, value)) = &mut open.attribute else { return };
    open.bytes += text.len();
    if open.bytes <= ROW_LIMIT {
        value.push_str(text);
    }
}

fn element(start: &BytesStart, decoder: Decoder) -> Option<Element> {
    let [id, kind, time] = values(start, decoder, ["id", "type", "time"])?;
    Some(Element { id: id.unwrap_or_default(), kind: kind.unwrap_or_default(), time, ..Element::default() })
}

/// The attributes called `names`; `None` where they are no XML.
fn values<const N: usize>(start: &BytesStart, decoder: Decoder, names: [&str; N]) -> Option<[Option<String>; N]> {
    let mut found = [const { None }; N];
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        if let Some(at) = names.iter().position(|name| name.as_bytes() == attribute.key.as_ref()) {
            found[at] = Some(attribute.decode_and_unescape_value(decoder).ok()?.into_owned());
        }
    }
    Some(found)
}

fn resolved(reference: &BytesRef) -> Option<String> {
    match reference.resolve_char_ref() {
        Ok(Some(letter)) => Some(letter.to_string()),
        Ok(None) => resolve_predefined_entity(&reference.decode().ok()?).map(str::to_owned),
        Err(_) => None,
    }
}

fn no_log(path: &Path) -> ReadError {
    ReadError::Format {
        path: path.into(),
        message: "no OCEL 2.0 log in XML: its outermost element is not `log`".into(),
        remedy: "export it as OCEL 2.0, in XML or JSON".into(),
    }
}
