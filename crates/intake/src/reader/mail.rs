//! Mail: mailboxes (mbox) and single messages (.eml), one row a message.
//!
//! A mailbox is cut at its `From ` lines (RFC 4155): one that follows an empty line and ends like a date. Senders who do not escape such
//! lines in a body rarely write a date behind them. `>From ` loses one `>` (mboxrd). The message itself is RFC 5322 and MIME, read by
//! `mail-parser`; of attachments only name, type and size are kept.
//!
//! What a person wrote this time stands in `text`; what the program quoted below it, and the signature, stand in columns of their own, because
//! a sentiment of somebody else's words is worse than none. The cut follows the habits of mail programs ([`cut`]); where none is
//! recognised, everything is `text`.
//!
//! `automated` is true for what RFC 3834 and its forerunners mark: auto-replies, bulk mail, reports of delivery.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use mail_parser::{Address, HeaderName, HeaderValue, Message, MessageParser, MimeHeaders};
use serde_json::{Map, Value, json};

use super::made::{Columns, Object, RowSource, Step, begin};
use super::{Compression, PREFIX, ReadError, Reader, SplitFault, Stream};

/// Largest message in bytes, attachments included; a larger one is unreadable.
pub const MESSAGE_LIMIT: usize = 32 << 20;
/// Bytes of one read; a longer line comes in pieces.
const PIECE: u64 = 64 * 1024;
/// Longest value of a header in the column `headers`, in bytes.
const HEADER_LIMIT: usize = 2048;
/// Headers kept in the column `headers`.
const MAX_HEADERS: usize = 100;
/// Addresses and attachments kept of one message.
const MAX_LISTED: usize = 100;

const COLUMNS: &[&str] = &[
    "message_id",
    "in_reply_to",
    "references",
    "thread_id",
    "date",
    "received",
    "from_address",
    "from_name",
    "reply_to_address",
    "to_address",
    "to_name",
    "to",
    "cc",
    "bcc",
    "subject",
    "text",
    "quoted",
    "signature",
    "automated",
    "auto_submitted",
    "list_id",
    "attachments",
    "size_bytes",
    "headers",
];

const TOO_LARGE: SplitFault = SplitFault::Refused("message_too_large", "the message is larger than 32 MB");
const NO_MESSAGE: SplitFault = SplitFault::Refused("invalid_message", "no header of a mail message was found");

/// Reads a mailbox.
pub fn open_mailbox(path: &Path, (stream, compression): Stream) -> Result<Reader, ReadError> {
    let mailbox = Mailbox {
        stream: BufReader::with_capacity(256 * 1024, stream),
        path: path.into(),
        piece: Vec::new(),
        starts_line: true,
        after_blank: true,
        begun: false,
    };
    begin(path, Box::new(mailbox), Columns::Fixed(COLUMNS), compression != Compression::Plain)
}

/// Reads one message.
pub fn open_message(path: &Path, (stream, compression): Stream) -> Result<Reader, ReadError> {
    let message = Single { stream: Some(stream), path: path.into() };
    begin(path, Box::new(message), Columns::Fixed(COLUMNS), compression != Compression::Plain)
}

/// A file that is one message.
struct Single {
    stream: Option<Box<dyn Read + Send>>,
    path: PathBuf,
}

impl RowSource for Single {
    fn next(&mut self, out: &mut Vec<u8>, rows_before: i64) -> Result<Step, ReadError> {
        let Some(stream) = self.stream.take() else { return Ok(Step::End) };
        let mut bytes = Vec::new();
        let read = stream.take(MESSAGE_LIMIT as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| ReadError::of(&self.path, error, rows_before))?;
        Ok(write_message(&bytes, out))
    }
}

/// A file of many messages.
struct Mailbox<R> {
    stream: R,
    path: PathBuf,
    /// A line, or a piece of a long one.
    piece: Vec<u8>,
    starts_line: bool,
    after_blank: bool,
    /// Whether the `From ` line of the next message was read.
    begun: bool,
}

impl<R: BufRead> Mailbox<R> {
    /// The next piece; false at the end.
    fn advance(&mut self, rows: i64) -> Result<bool, ReadError> {
        self.after_blank = self.starts_line && self.piece.trim_ascii().is_empty();
        self.starts_line = self.piece.last().is_none_or(|last| *last == b'\n');
        self.piece.clear();
        let read = (&mut self.stream).take(PIECE).read_until(b'\n', &mut self.piece);
        Ok(read.map_err(|error| ReadError::of(&self.path, error, rows))? > 0)
    }

    fn refuse(&self) -> ReadError {
        ReadError::Format {
            path: self.path.clone(),
            message: "no mailbox: its first line does not begin a message (From … with a date)".into(),
            remedy: "say `format: eml` where a file is one message".into(),
        }
    }
}

impl<R: BufRead + Send> RowSource for Mailbox<R> {
    fn next(&mut self, out: &mut Vec<u8>, rows_before: i64) -> Result<Step, ReadError> {
        while !self.begun {
            if !self.advance(rows_before)? {
                return if rows_before == 0 { Err(self.refuse()) } else { Ok(Step::End) };
            }
            if is_separator(&self.piece) {
                self.begun = true;
            } else if !self.piece.trim_ascii().is_empty() {
                return Err(self.refuse());
            }
        }
        let mut message = Vec::new();
        self.begun = false;
        while self.advance(rows_before)? {
            if self.starts_line && self.after_blank && is_separator(&self.piece) {
                self.begun = true;
                break;
            }
            let piece = if self.starts_line { unescaped(&self.piece) } else { &self.piece };
            if message.len() <= MESSAGE_LIMIT {
                message.extend_from_slice(piece);
            }
        }
        Ok(write_message(&message, out))
    }
}

/// Whether `line` begins a message: `From `, an address, and a date with a time and a year.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let Ok(rest) = std::str::from_utf8(rest) else { return false };
    let words: Vec<&str> = rest.split_ascii_whitespace().take(16).collect();
    let is_time = |word: &&str| {
        let parts: Vec<&str> = word.split(':').collect();
        (2..=3).contains(&parts.len()) && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_year =
        |word: &&str| word.len() == 4 && (word.starts_with("19") || word.starts_with("20")) && word.parse::<u16>().is_ok();
    words.len() >= 4 && words.iter().any(is_time) && words.iter().any(is_year)
}

/// Takes one `>` off `>From `, `>>From ` ….
fn unescaped(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|b| **b == b'>').count();
    if marks > 0 && line[marks..].starts_with(b"From ") { &line[1..] } else { line }
}

fn write_message(bytes: &[u8], out: &mut Vec<u8>) -> Step {
    let bad = |fault, out: &mut Vec<u8>| {
        out.extend_from_slice(&bytes[..bytes.len().min(PREFIX)]);
        Step::Bad(fault)
    };
    if bytes.len() > MESSAGE_LIMIT {
        return bad(TOO_LARGE, out);
    }
    let Some(message) = MessageParser::default().parse(bytes).filter(|message| !message.headers().is_empty()) else {
        return bad(NO_MESSAGE, out);
    };
    write_row(&message, bytes.len(), out);
    Step::Row
}

fn write_row(message: &Message, size_bytes: usize, out: &mut Vec<u8>) {
    let references = ids(message.references());
    let in_reply_to = ids(message.in_reply_to()).into_iter().next();
    let thread = references.first().or(in_reply_to.as_ref()).map(String::as_str).or_else(|| message.message_id());
    let (from, to) = (addresses(message.from()), addresses(message.to()));
    let mut row = Object::open(out);
    row.put_text("message_id", message.message_id());
    row.put_text("in_reply_to", in_reply_to.as_deref());
    if !references.is_empty() {
        row.put("references", &references);
    }
    row.put_text("thread_id", thread);
    row.put_text("date", message.date().filter(|date| date.is_valid()).map(mail_parser::DateTime::to_rfc3339).as_deref());
    let received = message.received().and_then(mail_parser::Received::date).filter(mail_parser::DateTime::is_valid);
    row.put_text("received", received.map(|date| date.to_rfc3339()).as_deref());
    row.put_text("from_address", from.first().and_then(|one| one["address"].as_str()));
    row.put_text("from_name", from.first().and_then(|one| one["name"].as_str()));
    row.put_text("reply_to_address", addresses(message.reply_to()).first().and_then(|one| one["address"].as_str()));
    row.put_text("to_address", to.first().and_then(|one| one["address"].as_str()));
    row.put_text("to_name", to.first().and_then(|one| one["name"].as_str()));
    for (name, list) in [("to", to), ("cc", addresses(message.cc())), ("bcc", addresses(message.bcc()))] {
        if !list.is_empty() {
            row.put(name, &list);
        }
    }
    row.put_text("subject", message.subject());
    let body = body(message);
    let parts = cut(&body);
    row.put_text("text", Some(&parts.text));
    row.put_text("quoted", Some(&parts.quoted));
    row.put_text("signature", Some(&parts.signature));
    row.put("automated", &is_automated(message));
    row.put_text("auto_submitted", header(message, "Auto-Submitted").as_deref());
    row.put_text("list_id", list_id(message).as_deref());
    let attachments = attachments(message);
    if !attachments.is_empty() {
        row.put("attachments", &attachments);
    }
    row.put("size_bytes", &size_bytes);
    row.put("headers", &headers(message));
    row.close();
}

/// Message ids of a header, without angle brackets.
fn ids(value: &HeaderValue) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(ids) => ids.iter().take(MAX_LISTED).map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

fn addresses(list: Option<&Address>) -> Vec<Value> {
    let one = |address: &mail_parser::Addr| {
        let address_only = json!({ "address": address.address() });
        let Some(name) = address.name().filter(|name| !name.is_empty()) else { return address_only };
        json!({ "name": name, "address": address.address() })
    };
    list.map(|list| list.iter().take(MAX_LISTED).map(one).collect()).unwrap_or_default()
}

/// The text of the message: its plain parts, else its HTML as text.
fn body(message: &Message) -> String {
    let mut body = String::new();
    for part in 0..message.text_body_count() {
        if let Some(text) = message.body_text(part) {
            if !body.is_empty() {
                body.push('\n');
            }
            body.push_str(&text);
        }
    }
    body
}

fn attachments(message: &Message) -> Vec<Value> {
    let one = |part: &mail_parser::MessagePart| {
        let kind = part.content_type().map(|kind| match kind.subtype() {
            Some(subtype) => format!("{}/{subtype}", kind.ctype()),
            None => kind.ctype().to_owned(),
        });
        json!({ "name": part.attachment_name(), "type": kind, "size_bytes": part.len() })
    };
    message.attachments().take(MAX_LISTED).map(one).collect()
}

fn header(message: &Message, name: &str) -> Option<String> {
    message.header_raw(HeaderName::parse(name)?).map(|value| value.trim().to_owned())
}

/// `List-Id: Name <id>` without name and brackets.
fn list_id(message: &Message) -> Option<String> {
    let given = header(message, "List-Id")?;
    let inner = given.rsplit_once('<').map_or(given.as_str(), |(_, id)| id);
    Some(inner.trim_end_matches('>').trim().to_owned())
}

fn is_automated(message: &Message) -> bool {
    let lower = |name| header(message, name).map(|value| value.to_ascii_lowercase());
    let submitted = lower("Auto-Submitted").is_some_and(|value| !value.starts_with("no"));
    let bulk = lower("Precedence").is_some_and(|value| ["bulk", "junk", "auto_reply"].iter().any(|word| value.starts_with(word)));
    let answers = ["X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress"].iter().any(|name| header(message, name).is_some());
    let report =
        message.content_type().is_some_and(|kind| kind.subtype().is_some_and(|kind| kind.eq_ignore_ascii_case("report")));
    let nobody = header(message, "Return-Path").is_some_and(|path| path == "<>");
    submitted || bulk || answers || report || nobody
}

/// All headers by name, as text; of a repeated one the first.
fn headers(message: &Message) -> Map<String, Value> {
    let mut headers = Map::new();
    for (name, value) in message.headers_raw().take(MAX_HEADERS) {
        let value: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let end = (0..=value.len().min(HEADER_LIMIT)).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
        headers.entry(name.to_owned()).or_insert_with(|| Value::String(value[..end].to_owned()));
    }
    headers
}

/// What a body consists of.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Written for this message.
    pub text: Cow<'a, str>,
    /// Repeated from earlier ones.
    pub quoted: String,
    /// Below the signature's mark.
    pub signature: String,
}

/// Verbs of the line above a quotation, in the languages of mail programs.
const WROTE: &[&str] =
    &["wrote", "schrieb", "a écrit", "escribió", "escreveu", "ha scritto", "schreef", "skrev", "napisał", "написал", "yazdı"];
/// How the line above a quotation begins.
const ATTRIBUTION: &[&str] = &["On ", "Am ", "Le ", "El ", "Em ", "Il giorno ", "Op ", "Den ", "W dniu ", "Dnia ", "Il "];
/// Marks of a repeated message in the middle of dashes.
const ORIGINAL: &[&str] = &[
    "original message",
    "ursprüngliche nachricht",
    "message d'origine",
    "mensaje original",
    "mensagem original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "forwarded message",
    "weitergeleitete nachricht",
    "message transféré",
];
/// First and following labels of the header that Outlook repeats.
const FIRST_LABEL: &[&str] = &["From:", "Von:", "De:", "Da:", "Van:", "Från:", "Od:"];
const NEXT_LABEL: &[&str] =
    &["Sent:", "Date:", "Gesendet:", "Envoyé:", "Envoyé :", "Enviado:", "Enviado el:", "Inviato:", "Verzonden:", "Datum:"];
/// Signatures that programs of phones write: how the line begins, and what tells it from a sentence.
const SENT_FROM: &[(&str, Telling)] = &[
    ("Sent from my ", Telling::Beginning),
    ("Von meinem ", Telling::End("gesendet")),
    ("Gesendet von ", Telling::LastParagraph),
    ("Envoyé de mon ", Telling::Beginning),
    ("Enviado desde mi ", Telling::Beginning),
    ("Inviato da ", Telling::LastParagraph),
    ("Get Outlook for ", Telling::Beginning),
];
/// Bytes of a last paragraph that may be the signature of a program.
const MOST_SIGNATURE: usize = 80;

/// What tells a line that begins as a program's signature from one that somebody wrote.
#[derive(Clone, Copy)]
enum Telling {
    /// Nobody begins a sentence so.
    Beginning,
    /// The line ends so.
    End(&'static str),
    /// It is a short paragraph of its own, and the last one.
    LastParagraph,
}

/// Cuts `body` into what was written now, what it quotes, and the signature.
pub fn cut(body: &str) -> Parts<'_> {
    let lines: Vec<&str> = body.lines().collect();
    let mut marks = vec![Mark::Text; lines.len()];
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim_end();
        if repeats_message(&lines, at) {
            marks[at..].fill(Mark::Quoted);
            break;
        }
        if let Some(length) = attribution(&lines, at) {
            let behind = lines[at + length..].iter().find(|line| !line.trim().is_empty());
            if behind.is_some_and(|line| !line.trim_start().starts_with('>')) {
                marks[at..].fill(Mark::Quoted);
                break;
            }
            marks[at..at + length].fill(Mark::Quoted);
            at += length;
            continue;
        }
        if line.trim_start().starts_with('>') {
            marks[at] = Mark::Quoted;
        } else if lines[at] == "-- " || line == "--" || is_sent_from(&lines, at) {
            let end = end_of_written(&lines, at);
            marks[at..end].fill(Mark::Signature);
            at = end;
            continue;
        }
        at += 1;
    }
    if marks.iter().all(|mark| *mark == Mark::Text) {
        return Parts { text: Cow::Borrowed(body.trim()), ..Parts::default() };
    }
    let of = |wanted: Mark| {
        let some: Vec<&str> = lines.iter().zip(&marks).filter(|(_, mark)| **mark == wanted).map(|(line, _)| *line).collect();
        some.join("\n").trim().to_owned()
    };
    Parts { text: Cow::Owned(of(Mark::Text)), quoted: of(Mark::Quoted), signature: of(Mark::Signature) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Text,
    Quoted,
    Signature,
}

/// Where what was written now ends: at what is quoted below `at`, or at the end.
fn end_of_written(lines: &[&str], at: usize) -> usize {
    let is_quoted = |below: &usize| {
        lines[*below].trim_start().starts_with('>') || repeats_message(lines, *below) || attribution(lines, *below).is_some()
    };
    (at..lines.len()).find(is_quoted).unwrap_or(lines.len())
}

/// Whether a program signed here.
fn is_sent_from(lines: &[&str], at: usize) -> bool {
    let line = lines[at].trim_end();
    let Some((_, telling)) = SENT_FROM.iter().find(|(words, _)| line.starts_with(words)) else { return false };
    match telling {
        Telling::Beginning => true,
        Telling::End(word) => line.trim_end_matches('.').ends_with(word),
        Telling::LastParagraph => {
            let is_first = at == 0 || lines[at - 1].trim().is_empty();
            let mut rest = lines[at + 1..end_of_written(lines, at)].iter();
            is_first && line.len() <= MOST_SIGNATURE && rest.all(|line| line.trim().is_empty())
        }
    }
}

/// How many lines (at most two) are the one above a quotation: `On … wrote:`.
fn attribution(lines: &[&str], at: usize) -> Option<usize> {
    let first = lines[at].trim();
    if first.len() > 300 || !ATTRIBUTION.iter().any(|words| first.starts_with(words)) {
        return None;
    }
    let ends = |line: &str| line.ends_with(':') && WROTE.iter().any(|verb| line.contains(verb));
    if ends(first) {
        return Some(1);
    }
    lines.get(at + 1).is_some_and(|second| second.len() <= 300 && ends(second.trim())).then_some(2)
}

/// Whether a message is repeated from here on: `-----Original Message-----`, or the header that Outlook writes.
fn repeats_message(lines: &[&str], at: usize) -> bool {
    let line = lines[at].trim();
    if line.starts_with("--") && line.len() < 120 {
        let lower = line.trim_matches('-').trim().to_lowercase();
        if ORIGINAL.contains(&lower.as_str()) {
            return true;
        }
    }
    let labelled = |line: &str, labels: &[&str]| {
        let line = line.trim().trim_start_matches('*');
        labels.iter().any(|label| line.starts_with(label))
    };
    labelled(line, FIRST_LABEL) && lines[at + 1..].iter().take(3).any(|line| labelled(line, NEXT_LABEL))
}
