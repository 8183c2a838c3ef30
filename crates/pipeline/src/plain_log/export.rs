//! `clew journey convert`: a plain log as XES or OCEL 2.0, for tools of process mining.
//!
//! XES (IEEE 1849-2016) has one trace a case; OCEL 2.0 (ocel-standard.org, JSON) one object a case, of a type that is named
//! after the column of cases. Further columns become attributes of events, as texts. Events come by case and time.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::table::LogTable;

/// Format of a log for other tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// XML.
    Xes,
    /// JSON with objects.
    Ocel,
}

/// A text inside XML. Characters that XML 1.0 cannot hold become U+FFFD.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\t' | '\n' | '\r' => escaped += &format!("&#{};", character as u32),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn time(time_us: i64) -> String {
    jiff::Timestamp::from_microsecond(time_us).map_or_else(|_| String::new(), |at| at.to_string())
}

impl LogTable {
    /// Writes the log. `more` are the names of the further columns, `case_column` that of the cases.
    pub fn export(
        &self,
        format: LogFormat,
        (case_column, more): (&str, &[String]),
        case_name: &dyn Fn(u32) -> String,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match format {
            LogFormat::Xes => self.xes(more, case_name, out),
            LogFormat::Ocel => self.ocel(case_column, more, case_name, out),
        }
    }

    /// Name and text of each further column that an event has.
    fn attributes<'a>(&'a self, more: &'a [String], row: usize) -> impl Iterator<Item = (&'a String, &'a str)> {
        let text = move |(name, column): (&'a String, &'a super::table::Column)| Some((name, column.text(column.codes[row])?));
        more.iter().zip(&self.more).filter_map(text)
    }

    fn xes(&self, more: &[String], case_name: &dyn Fn(u32) -> String, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(out, "<log xes.version=\"1849-2016\" xes.features=\"\" xmlns=\"http://www.xes-standard.org/\">")?;
        for (name, prefix) in [("Concept", "concept"), ("Time", "time")] {
            writeln!(
                out,
                "  <extension name=\"{name}\" prefix=\"{prefix}\" uri=\"http://www.xes-standard.org/{prefix}.xesext\"/>"
            )?;
        }
        let traces = self.traces();
        for (case, rows) in traces.numbered() {
            writeln!(out, "  <trace>\n    <string key=\"concept:name\" value=\"{}\"/>", xml(&case_name(case)))?;
            for row in rows {
                let activity = xml(self.activity.text(traces.code[row]).unwrap_or_default());
                writeln!(out, "    <event>\n      <string key=\"concept:name\" value=\"{activity}\"/>")?;
                writeln!(out, "      <date key=\"time:timestamp\" value=\"{}\"/>", time(traces.time_us[row]))?;
                for (name, text) in self.attributes(more, row) {
                    writeln!(out, "      <string key=\"{}\" value=\"{}\"/>", xml(name), xml(text))?;
                }
                writeln!(out, "    </event>")?;
            }
            writeln!(out, "  </trace>")?;
        }
        writeln!(out, "</log>")
    }

    fn ocel(&self, case_column: &str, more: &[String], case_name: &dyn Fn(u32) -> String, out: &mut dyn Write) -> io::Result<()> {
        let attributes: Vec<Value> = more.iter().map(|name| json!({"name": name, "type": "string"})).collect();
        let kinds: Vec<Value> = self.activity.texts.iter().map(|name| json!({"name": name, "attributes": attributes})).collect();
        writeln!(out, "{{\"objectTypes\": [{}],", json!({"name": case_column, "attributes": []}))?;
        writeln!(out, "\"eventTypes\": {},\n\"objects\": [", Value::from(kinds))?;
        let traces = self.traces();
        for (at, (case, _)) in traces.numbered().enumerate() {
            let object = json!({"id": case_name(case), "type": case_column, "attributes": [], "relationships": []});
            writeln!(out, "{}{object}", if at == 0 { "" } else { "," })?;
        }
        writeln!(out, "],\n\"events\": [")?;
        for (case, rows) in traces.numbered() {
            for row in rows {
                let mut event = Map::new();
                event.insert("id".into(), json!(format!("e{row}")));
                event.insert("type".into(), json!(self.activity.text(traces.code[row]).unwrap_or_default()));
                event.insert("time".into(), json!(time(traces.time_us[row])));
                let own = self.attributes(more, row).map(|(name, text)| json!({"name": name, "value": text}));
                event.insert("attributes".into(), own.collect());
                event.insert("relationships".into(), json!([{"objectId": case_name(case), "qualifier": "case"}]));
                writeln!(out, "{}{}", if row == 0 { "" } else { "," }, Value::from(event))?;
            }
        }
        writeln!(out, "]}}")
    }
}
