//! Transcripts of calls and meetings: WebVTT, and the JSON of recognisers; one row a cue or utterance.
//!
//! WebVTT (W3C) says who speaks with voice tags (`<v Ada>`); meeting programs write `Ada: …` instead. Which of the two a file does is told by
//! the option, or recognised: names before a colon count where no cue has a voice tag and most cues have such a name. A cue with
//! several voices gives a row for each, with the times of the cue.
//!
//! JSON is read in the shapes of Whisper (`segments`), AssemblyAI (`utterances`), Deepgram (`results.utterances`), Amazon
//! Transcribe Call Analytics and Contact Lens (`Transcript`), and Genesys Cloud (`transcripts[].phrases`); any other document is refused.
//!
//! Every row repeats what belongs to the file: its name without extension, which is where telephone systems put the id of the call, and
//! `metadata`, the document's own single values (of WebVTT: header and `name: value` lines of its notes). A file is read whole, within
//! [`FILE_LIMIT`].

use std::path::Path;

use serde_json::{Map, Value};

use super::made::{Columns, Object, RowSource, Step, begin, read_whole, stem};
use super::{PREFIX, ReadError, Reader, SplitFault, Stream};
use crate::spec::Speakers;

/// Largest transcript in bytes.
pub const FILE_LIMIT: usize = 32 << 20;
/// Longest name before a colon, in characters.
const MAX_NAME: usize = 40;
/// Longest value in `metadata`, in bytes.
const VALUE_LIMIT: usize = 2048;
/// Values kept in `metadata`.
const MAX_VALUES: usize = 100;

const COLUMNS: &[&str] =
    &["file", "utterance_no", "cue_id", "start_ms", "end_ms", "speaker", "text", "confidence", "sentiment", "metadata"];

const BAD_CUE: SplitFault = SplitFault::Refused("invalid_cue", "its times are no times, or it ends before it begins");

/// One row.
#[derive(Debug, Default, PartialEq)]
struct Utterance {
    cue_id: Option<String>,
    start_ms: Option<i64>,
    end_ms: Option<i64>,
    speaker: Option<String>,
    text: String,
    confidence: Option<f64>,
    sentiment: Option<String>,
}

/// What a file holds.
#[derive(Default)]
struct Transcript {
    metadata: Map<String, Value>,
    /// In order; a cue that cannot be read is its text.
    utterances: Vec<Result<Utterance, String>>,
}

/// Reads a WebVTT file.
pub fn open_webvtt(path: &Path, (stream, _): Stream, speakers: Option<Speakers>) -> Result<Reader, ReadError> {
    let bytes = read_whole(path, stream, FILE_LIMIT, "a transcript")?;
    let transcript = parse_webvtt(&text_of(path, bytes)?, speakers).ok_or_else(|| ReadError::Format {
        path: path.into(),
        message: "its first line is not WEBVTT".into(),
        remedy: "is it a WebVTT file? SubRip (.srt) is not read".into(),
    })?;
    finish(path, transcript)
}

/// Reads a transcript in JSON.
pub fn open_json(path: &Path, (stream, _): Stream) -> Result<Reader, ReadError> {
    let bytes = read_whole(path, stream, FILE_LIMIT, "a transcript")?;
    let refuse = |message: String, remedy: &str| ReadError::Format { path: path.into(), message, remedy: remedy.into() };
    let document: Value = serde_json::from_slice(&bytes).map_err(|error| {
        refuse(
            format!("not JSON at line {}, column {}", error.line(), error.column()),
            "fetch it again; nothing of it was stored",
        )
    })?;
    let transcript = parse_json(&document).ok_or_else(|| {
        refuse(
            "no transcript of a known shape (segments, utterances, results.utterances, Transcript, transcripts)".into(),
            "read it as `format: json` and map its own fields",
        )
    })?;
    finish(path, transcript)
}

fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, ReadError> {
    String::from_utf8(bytes).map_err(|error| ReadError::Format {
        path: path.into(),
        message: format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1),
        remedy: "save it as UTF-8".into(),
    })
}

fn finish(path: &Path, transcript: Transcript) -> Result<Reader, ReadError> {
    let rows = Rows {
        file: stem(path),
        metadata: Value::Object(transcript.metadata),
        utterances: transcript.utterances.into_iter(),
        number: 0,
    };
    begin(path, Box::new(rows), Columns::Fixed(COLUMNS), false)
}

struct Rows {
    file: String,
    metadata: Value,
    utterances: std::vec::IntoIter<Result<Utterance, String>>,
    number: u64,
}

impl RowSource for Rows {
    fn next(&mut self, out: &mut Vec<u8>, _: i64) -> Result<Step, ReadError> {
        self.number += 1;
        let utterance = match self.utterances.next() {
            None => return Ok(Step::End),
            Some(Err(text)) => {
                out.extend_from_slice(&text.as_bytes()[..text.len().min(PREFIX)]);
                return Ok(Step::Bad(BAD_CUE));
            }
            Some(Ok(utterance)) => utterance,
        };
        let mut row = Object::open(out);
        row.put("file", &self.file);
        row.put("utterance_no", &self.number);
        row.put_text("cue_id", utterance.cue_id.as_deref());
        row.put("start_ms", &utterance.start_ms);
        row.put("end_ms", &utterance.end_ms);
        row.put_text("speaker", utterance.speaker.as_deref());
        row.put_text("text", Some(&utterance.text));
        row.put("confidence", &utterance.confidence);
        row.put_text("sentiment", utterance.sentiment.as_deref());
        row.put("metadata", &self.metadata);
        row.close();
        Ok(Step::Row)
    }
}

fn keep(metadata: &mut Map<String, Value>, name: &str, value: Value) {
    let fits = value.as_str().is_none_or(|text| text.len() <= VALUE_LIMIT);
    if fits && metadata.len() < MAX_VALUES && !name.is_empty() {
        metadata.entry(name.to_owned()).or_insert(value);
    }
}

// ---- WebVTT

/// `None` when it is no WebVTT.
fn parse_webvtt(text: &str, speakers: Option<Speakers>) -> Option<Transcript> {
    let mut transcript = Transcript::default();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut blocks = text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.trim().is_empty());
    let head = blocks.next()?;
    let title = head.lines().next()?.strip_prefix("WEBVTT")?;
    if !(title.is_empty() || title.starts_with([' ', '\t'])) {
        return None;
    }
    if !title.trim().is_empty() {
        keep(&mut transcript.metadata, "title", title.trim().into());
    }
    // Cues may follow the header without an empty line between them.
    let behind_title: Vec<&str> = head.lines().skip(1).collect();
    let cue_begins = behind_title.iter().position(|line| line.contains("-->")).unwrap_or(behind_title.len());
    note(behind_title[..cue_begins].iter().copied(), &mut transcript.metadata);
    let in_head = behind_title[cue_begins..].join("\n");
    let blocks: Vec<&str> = std::iter::once(in_head.as_str()).filter(|block| !block.is_empty()).chain(blocks).collect();
    let naming = speakers.unwrap_or_else(|| recognise_speakers(&blocks));
    for block in blocks {
        match block.split([' ', '\t', '\n']).next() {
            Some("NOTE") => note(block["NOTE".len()..].lines(), &mut transcript.metadata),
            Some("STYLE" | "REGION") if !block.contains("-->") => {}
            _ => cue(block, naming, &mut transcript.utterances),
        }
    }
    Some(transcript)
}

/// `name: value` lines into the metadata.
fn note<'a>(lines: impl Iterator<Item = &'a str>, metadata: &mut Map<String, Value>) {
    for line in lines {
        if let Some((name, value)) = line.split_once(':').filter(|(name, _)| name.trim().len() <= MAX_NAME) {
            keep(metadata, name.trim(), value.trim().into());
        }
    }
}

fn recognise_speakers(blocks: &[&str]) -> Speakers {
    let cues: Vec<&str> =
        blocks.iter().filter_map(|block| block.split_once("-->")?.1.split_once('\n')).map(|(_, text)| text).collect();
    let with_voice = cues.iter().any(|text| text.contains("<v ") || text.contains("<v."));
    let with_name = cues.iter().filter(|text| name_before(text).is_some()).count();
    if !with_voice && with_name * 2 > cues.len() { Speakers::Prefix } else { Speakers::Voice }
}

/// `Ada` and `Hello` of `Ada: Hello`.
fn name_before(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let is_name = name.chars().next().is_some_and(char::is_alphabetic)
        && name.chars().count() <= MAX_NAME
        && !name.contains(['<', '>', '\n', '?', '!'])
        && rest.starts_with([' ', '\n']);
    is_name.then(|| (name.trim(), rest.trim()))
}

fn cue(block: &str, naming: Speakers, utterances: &mut Vec<Result<Utterance, String>>) {
    let mut lines = block.lines();
    let first = lines.next().unwrap_or_default();
    let (cue_id, timing) = if first.contains("-->") {
        (None, first)
    } else {
        match lines.next() {
            Some(second) if second.contains("-->") => (Some(first.trim().to_owned()), second),
            // A block without times is no cue: comments of other programs stand like that.
            _ => return,
        }
    };
    let times = timing
        .split_once("-->")
        .and_then(|(start, rest)| Some((clock_ms(start.trim())?, clock_ms(rest.split_whitespace().next()?)?)));
    let Some((start_ms, end_ms)) = times.filter(|(start, end)| start <= end) else {
        let kept = (0..=block.len().min(PREFIX)).rev().find(|at| block.is_char_boundary(*at)).unwrap_or(0);
        return utterances.push(Err(block[..kept].to_owned()));
    };
    let text = lines.collect::<Vec<_>>().join("\n");
    for (speaker, text) in spoken(&text, naming) {
        if !text.is_empty() {
            let (start_ms, end_ms) = (Some(start_ms), Some(end_ms));
            utterances.push(Ok(Utterance { cue_id: cue_id.clone(), start_ms, end_ms, speaker, text, ..Utterance::default() }));
        }
    }
}

/// Milliseconds of `mm:ss.ttt` or `hh:mm:ss.ttt`.
fn clock_ms(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once(['.', ','])?;
    let number = |part: &str, longest: usize| {
        (!part.is_empty() && part.len() <= longest && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i64>().ok())
            .flatten()
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match parts[..] {
        [minutes, seconds] => ("0", minutes, seconds),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let (minutes, seconds) = (number(minutes, 2)?, number(seconds, 2)?);
    if minutes > 59 || seconds > 59 || fraction.len() != 3 {
        return None;
    }
    Some(((number(hours, 6)? * 60 + minutes) * 60 + seconds) * 1000 + number(fraction, 3)?)
}

/// Who says what in the text of one cue.
fn spoken(text: &str, naming: Speakers) -> Vec<(Option<String>, String)> {
    if naming == Speakers::Prefix {
        return match name_before(text) {
            Some((name, rest)) => vec![(Some(plain(name)), plain(rest))],
            None => vec![(None, plain(text))],
        };
    }
    let mut parts = Vec::new();
    let mut rest = text;
    let mut speaker = None;
    while let Some((before, (name, behind))) = next_voice(rest) {
        parts.push((speaker.take(), plain(before)));
        speaker = Some(plain(name)).filter(|name| !name.is_empty());
        rest = behind;
    }
    parts.push((speaker, plain(rest)));
    parts.retain(|(_, text)| !text.is_empty());
    parts
}

/// The text before a voice tag, its name, and the text behind it.
fn next_voice(text: &str) -> Option<(&str, (&str, &str))> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find("<v")?;
        let tag = &text[at + 2..];
        if tag.starts_with([' ', '\t', '.', '\n']) {
            let end = tag.find('>')?;
            let name = tag[..end].split_once([' ', '\t', '\n']).map_or("", |(_, name)| name);
            return Some((&text[..at], (name, &tag[end + 1..])));
        }
        from = at + 2;
    }
}

/// Text without tags, entities resolved, white space collapsed.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        out.push_str(before);
        let Some((_, after)) = behind.split_once('>') else {
            // A lone `<` is text.
            out.push('<');
            rest = behind;
            break;
        };
        rest = after;
    }
    out.push_str(rest);
    let out = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", " "),
        ("&lrm;", ""),
        ("&rlm;", ""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(out, |text, (entity, plain)| if text.contains(entity) { text.replace(entity, plain) } else { text });
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

// ---- JSON

/// The keys of one shape.
struct Shape {
    start: &'static str,
    end: &'static str,
    /// Milliseconds of one unit of time.
    unit_ms: f64,
    text: &'static str,
    speaker: &'static [&'static str],
}

const WHISPER: Shape = Shape { start: "start", end: "end", unit_ms: 1000.0, text: "text", speaker: &["speaker"] };
const ASSEMBLY: Shape = Shape { start: "start", end: "end", unit_ms: 1.0, text: "text", speaker: &["speaker"] };
const DEEPGRAM: Shape =
    Shape { start: "start", end: "end", unit_ms: 1000.0, text: "transcript", speaker: &["speaker", "channel"] };
const AMAZON: Shape = Shape {
    start: "BeginOffsetMillis",
    end: "EndOffsetMillis",
    unit_ms: 1.0,
    text: "Content",
    speaker: &["ParticipantRole", "ParticipantId"],
};

/// `None` when the document has none of the shapes.
fn parse_json(document: &Value) -> Option<Transcript> {
    let mut transcript = Transcript::default();
    let list = |pointer: &str| document.pointer(pointer).and_then(Value::as_array);
    let known: [(&str, &Shape); 4] =
        [("/segments", &WHISPER), ("/utterances", &ASSEMBLY), ("/results/utterances", &DEEPGRAM), ("/Transcript", &AMAZON)];
    let found = known.iter().find_map(|(pointer, shape)| Some((list(pointer)?, *shape)));
    if let Some((list, shape)) = found {
        transcript.utterances = list.iter().map(|one| utterance(one, shape)).collect();
    } else {
        for part in list("/transcripts")? {
            for phrase in part.get("phrases").and_then(Value::as_array)? {
                transcript.utterances.push(genesys(phrase));
            }
        }
    }
    scalars(document, "", &mut transcript.metadata);
    Some(transcript)
}

/// Single values of an object and of the objects in it, lists left out: `CustomerMetadata.ContactId`.
fn scalars(value: &Value, path: &str, metadata: &mut Map<String, Value>) {
    let Some(object) = value.as_object().filter(|_| path.len() <= MAX_NAME * 4) else { return };
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(_) => scalars(value, &path, metadata),
            Value::Array(_) | Value::Null => {}
            // The whole text again.
            Value::String(_) if name == "text" || name == "transcript" => {}
            value => keep(metadata, &path, value.clone()),
        }
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn ms(value: Option<&Value>, unit_ms: f64) -> Option<i64> {
    let value = value?.as_f64()? * unit_ms;
    (0.0..9.0e15).contains(&value).then(|| value.round() as i64)
}

fn utterance(given: &Value, shape: &Shape) -> Result<Utterance, String> {
    let (start_ms, end_ms) = (ms(given.get(shape.start), shape.unit_ms), ms(given.get(shape.end), shape.unit_ms));
    let one = Utterance {
        cue_id: given.get("id").or_else(|| given.get("Id")).and_then(word),
        start_ms,
        end_ms,
        speaker: shape.speaker.iter().find_map(|name| given.get(name).and_then(word)),
        text: given.get(shape.text).and_then(Value::as_str).map(|text| text.trim().to_owned()).unwrap_or_default(),
        confidence: given.get("confidence").and_then(Value::as_f64),
        sentiment: given.get("Sentiment").or_else(|| given.get("sentiment")).and_then(word),
    };
    checked(one, given)
}

fn genesys(phrase: &Value) -> Result<Utterance, String> {
    let start_ms = ms(phrase.get("startTimeMs"), 1.0);
    let length_ms = ms(phrase.pointer("/duration/milliseconds"), 1.0);
    let one = Utterance {
        cue_id: None,
        start_ms,
        end_ms: start_ms.zip(length_ms).map(|(start, length)| start + length),
        speaker: phrase.get("participantPurpose").and_then(word),
        text: phrase.get("text").and_then(Value::as_str).unwrap_or_default().trim().to_owned(),
        confidence: phrase.get("confidence").and_then(Value::as_f64),
        sentiment: phrase.get("sentiment").and_then(word),
    };
    checked(one, phrase)
}

fn checked(one: Utterance, given: &Value) -> Result<Utterance, String> {
    let ordered = one.start_ms.zip(one.end_ms).is_some_and(|(start, end)| start <= end);
    if ordered {
        return Ok(one);
    }
    let text = given.to_string();
    let end = (0..=text.len().min(PREFIX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    Err(text[..end].to_owned())
}
