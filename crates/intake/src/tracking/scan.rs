//! JSON in one pass: where values begin and end, checked as they are passed over.
//!
//! A tracking body is needed in three ways at once: known keys as values, everything else as the bytes that were sent, and the certainty
//! that those bytes are JSON, since they are stored as such. A deserialiser gives one of them a pass; this scanner visits
//! objects by key, hands out every value as a slice of the text and leaves it to the visitor to look inside or to skip it, so that no byte is
//! parsed twice. Nesting costs one byte a level on the heap and no call frame: ten thousand brackets are no danger.
//!
//! It accepts what RFC 8259 does, no more and no less; a property test holds it against `serde_json`. Escaped surrogates without their
//! partner are grammatical and real (a browser that cuts an emoji in two sends them), but no text: [`unescape`] and [`mend`] turn them into
//! U+FFFD, the scanner notes that there are some.

use std::borrow::Cow;

/// The text is no JSON; where, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub usize);

/// A walk over one JSON text.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The brackets that close what is open.
    open: Vec<u8>,
    deepest: usize,
    lone_surrogates: bool,
}

impl<'a> Scanner<'a> {
    /// At the beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new(), deepest: 0, lone_surrogates: false }
    }

    /// Where it stands.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The text from `start` to where it stands.
    pub fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// Forgets depth and surrogates seen so far; gives the level it stands on.
    pub fn begin(&mut self) -> usize {
        self.deepest = self.open.len();
        self.lone_surrogates = false;
        self.open.len()
    }

    /// The deepest level since [`Self::begin`].
    pub fn deepest(&self) -> usize {
        self.deepest
    }

    /// Whether an escaped surrogate without partner was met since [`Self::begin`].
    pub fn has_lone_surrogates(&self) -> bool {
        self.lone_surrogates
    }

    /// The next byte that is not white space, without consuming it.
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Result<(), Broken> {
        if self.peek().is_none() { Ok(()) } else { Err(Broken(self.at)) }
    }

    /// Visits the entries of the object that begins here. `entry` gets the key and where the entry begins, and consumes the value.
    pub fn object(&mut self, mut entry: impl FnMut(&mut Self, Cow<'a, str>, usize) -> Result<(), Broken>) -> Result<(), Broken> {
        self.expect(b'{')?;
        self.enter(b'}');
        if self.peek() == Some(b'}') {
            return self.leave();
        }
        loop {
            self.peek();
            let start = self.at;
            let key = self.key()?;
            self.peek();
            entry(self, key, start)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.leave(),
                _ => return Err(Broken(self.at)),
            }
        }
    }

    /// Visits the elements of the array that begins here; `element` consumes each.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), Broken>) -> Result<(), Broken> {
        self.expect(b'[')?;
        self.enter(b']');
        if self.peek() == Some(b']') {
            return self.leave();
        }
        loop {
            self.peek();
            element(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.leave(),
                _ => return Err(Broken(self.at)),
            }
        }
    }

    /// Passes over the value that begins here and gives it as it is written.
    pub fn value(&mut self) -> Result<&'a str, Broken> {
        self.peek();
        let (start, floor) = (self.at, self.open.len());
        loop {
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    self.enter(b'}');
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.enter(b']');
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            // Behind a value, or before the end of an empty container.
            loop {
                let Some(&close) = self.open.get(floor..).and_then(<[u8]>::last) else { return Ok(self.since(start)) };
                match self.peek() {
                    Some(byte) if byte == close => self.leave()?,
                    Some(b',') if !self.is_empty_container(close) => {
                        self.at += 1;
                        if close == b'}' {
                            self.key()?;
                        }
                        break;
                    }
                    _ => return Err(Broken(self.at)),
                }
            }
        }
    }

    /// Whether only white space lies between here and the bracket that opened: `[,` is no list.
    fn is_empty_container(&self, close: u8) -> bool {
        let before = self.text.as_bytes()[..self.at].trim_ascii_end().last();
        before == Some(&if close == b'}' { b'{' } else { b'[' })
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(Broken(self.at))
    }

    fn enter(&mut self, close: u8) {
        self.open.push(close);
        self.deepest = self.deepest.max(self.open.len());
    }

    fn leave(&mut self) -> Result<(), Broken> {
        self.at += 1;
        self.open.pop().map(drop).ok_or(Broken(self.at))
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<Cow<'a, str>, Broken> {
        self.peek();
        let key = self.string()?;
        self.expect(b':')?;
        Ok(unescape(&key[1..key.len() - 1]))
    }

    fn scalar(&mut self) -> Result<(), Broken> {
        let rest = &self.text.as_bytes()[self.at..];
        let word = match rest.first() {
            Some(b'"') => return self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => return self.number(),
            Some(b't') => "true",
            Some(b'f') => "false",
            Some(b'n') => "null",
            _ => return Err(Broken(self.at)),
        };
        if !rest.starts_with(word.as_bytes()) {
            return Err(Broken(self.at));
        }
        self.at += word.len();
        Ok(())
    }

    /// A string with its quotes.
    fn string(&mut self) -> Result<&'a str, Broken> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if bytes.get(start) != Some(&b'"') {
            return Err(Broken(start));
        }
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(self.since(start));
                }
                Some(b'\\') => at = self.escape(at)?,
                Some(0..0x20) | None => return Err(Broken(at)),
                Some(_) => at += 1,
            }
        }
    }

    /// The place behind the escape at `at`.
    fn escape(&mut self, at: usize) -> Result<usize, Broken> {
        let bytes = self.text.as_bytes();
        match bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => {
                let unit = hex(bytes, at + 2).ok_or(Broken(at))?;
                match unit {
                    0xD800..0xDC00 if low_surrogate(bytes, at + 6).is_some() => Ok(at + 12),
                    0xD800..0xE000 => {
                        self.lone_surrogates = true;
                        Ok(at + 6)
                    }
                    _ => Ok(at + 6),
                }
            }
            _ => Err(Broken(at)),
        }
    }

    fn number(&mut self) -> Result<(), Broken> {
        let bytes = self.text.as_bytes();
        let digits = |at: usize| bytes[at.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut at = self.at + usize::from(bytes[self.at] == b'-');
        let whole = digits(at);
        if whole == 0 || (whole > 1 && bytes[at] == b'0') {
            return Err(Broken(at));
        }
        at += whole;
        if bytes.get(at) == Some(&b'.') {
            let n = digits(at + 1);
            if n == 0 {
                return Err(Broken(at));
            }
            at += 1 + n;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let n = digits(at + 1 + sign);
            if n == 0 {
                return Err(Broken(at));
            }
            at += 1 + sign + n;
        }
        self.at = at;
        Ok(())
    }
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

/// The low half of a surrogate pair whose escape begins at `at`.
fn low_surrogate(bytes: &[u8], at: usize) -> Option<u32> {
    if bytes.get(at..at + 2) != Some(b"\\u") {
        return None;
    }
    hex(bytes, at + 2).filter(|unit| (0xDC00..0xE000).contains(unit))
}

/// What the inside of a checked string says.
pub fn unescape(inside: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', inside.as_bytes()) else { return Cow::Borrowed(inside) };
    let bytes = inside.as_bytes();
    let mut out = String::with_capacity(inside.len());
    out.push_str(&inside[..first]);
    let mut at = first;
    while let Some(byte) = bytes.get(at) {
        if *byte != b'\\' {
            let next = memchr::memchr(b'\\', &bytes[at..]).map_or(bytes.len(), |n| at + n);
            out.push_str(&inside[at..next]);
            at = next;
            continue;
        }
        at += 2;
        out.push(match bytes.get(at - 1) {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = hex(bytes, at).unwrap_or(0xFFFD);
                at += 4;
                match low_surrogate(bytes, at).filter(|_| (0xD800..0xDC00).contains(&unit)) {
                    Some(low) => {
                        at += 6;
                        char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)).unwrap_or('\u{fffd}')
                    }
                    None => char::from_u32(unit).unwrap_or('\u{fffd}'),
                }
            }
            Some(other) => char::from(*other),
            None => '\\',
        });
    }
    Cow::Owned(out)
}

/// Checked JSON with every escaped surrogate that has no partner replaced by `\ufffd`.
pub fn mend(json: &str) -> String {
    let bytes = json.as_bytes();
    let mut out = String::with_capacity(json.len());
    let mut at = 0;
    while let Some(n) = memchr::memchr(b'\\', &bytes[at..]) {
        out.push_str(&json[at..at + n]);
        at += n;
        let length = match (bytes.get(at + 1), hex(bytes, at + 2)) {
            (Some(b'u'), Some(0xD800..0xDC00)) if low_surrogate(bytes, at + 6).is_some() => 12,
            (Some(b'u'), Some(0xD800..0xE000)) => {
                out.push_str("\\ufffd");
                at += 6;
                continue;
            }
            (Some(b'u'), _) => 6,
            _ => 2,
        };
        out.push_str(&json[at..at + length]);
        at += length;
    }
    out.push_str(&json[at..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::Value;

    use super::*;

    fn scan(text: &str) -> Result<&str, Broken> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        scanner.end().map(|()| value)
    }

    #[test]
    fn a_value_is_given_as_it_is_written() {
        for text in [r#"{"a":[1,{"b":null}],"c":"x\"}"}"#, "[]", "{}", "[[],{}]", "-0.5e+3", "true", r#""\ud83d\ude00""#] {
            assert_eq!(scan(&format!(" {text}\n")), Ok(text));
        }
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_breaks() {
        for text in [
            "",
            " ",
            "[",
            "{",
            "[1,]",
            "[,1]",
            "[,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            "NaN",
            "Infinity",
            "nul",
            "'a'",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\u12\"",
            "[1 2]",
            "[1]]",
            "{\"a\":1 \"b\":2}",
            "[}",
            "{]",
            "tru",
            "\"",
        ] {
            assert!(scan(text).is_err(), "{text}");
            assert!(serde_json::from_str::<IgnoredAny>(text).is_err(), "{text}");
        }
        assert_eq!(scan("[1,x]"), Err(Broken(3)));
    }

    #[test]
    fn ten_thousand_brackets_are_counted_and_cost_no_stack() {
        let text = "[".repeat(10_000) + &"]".repeat(10_000);
        let mut scanner = Scanner::new(&text);
        assert!(scanner.value().is_ok());
        assert_eq!(scanner.deepest(), 10_000);
        assert!(scan(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn half_an_emoji_becomes_the_replacement_character() {
        let mut scanner = Scanner::new(r#""a\ud83d b\ude00 \ud83d\ude00""#);
        let value = scanner.value().unwrap();
        assert!(scanner.has_lone_surrogates());
        assert_eq!(unescape(&value[1..value.len() - 1]), "a\u{fffd} b\u{fffd} 😀");
        assert_eq!(mend(value), r#""a\ufffd b\ufffd \ud83d\ude00""#);
        assert_eq!(mend(r#""\\ud83d \n""#), r#""\\ud83d \n""#, "an escaped backslash is no escape");
    }

    #[test]
    fn objects_are_visited_by_key_and_keys_may_be_escaped() {
        let mut seen = Vec::new();
        let mut scanner = Scanner::new(r#" { "\u0061" : 1 , "b":[2, 3] } "#);
        scanner
            .object(|scanner, key, _| {
                seen.push((key.into_owned(), scanner.value()?));
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [("a".to_owned(), "1"), ("b".to_owned(), "[2, 3]")]);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300_f64).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_accepts_what_serde_json_accepts(value in json(), cut in any::<prop::sample::Index>(), with in "[\\[\\]{},:\"\\\\0-9a-e.+\\- ]{0,2}") {
            let whole = value.to_string();
            prop_assert_eq!(scan(&whole), Ok(whole.as_str()));
            // The same with a few characters put in the place of one: mostly broken, sometimes not.
            let mut places: Vec<usize> = whole.char_indices().map(|(at, _)| at).collect();
            places.push(whole.len());
            let at = places[cut.index(places.len())];
            let rest: String = whole[at..].chars().skip(1).collect();
            let mutated = format!("{}{with}{rest}", &whole[..at]);
            prop_assert_eq!(scan(&mutated).is_ok(), serde_json::from_str::<IgnoredAny>(&mutated).is_ok(), "{}", mutated);
        }

        #[test]
        fn strings_say_what_serde_json_reads(text in ".{0,30}") {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescape(&written[1..written.len() - 1]), text);
            prop_assert_eq!(mend(&written), written);
        }
    }
}
