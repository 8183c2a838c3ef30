//! Any text: white space, Unicode NFKC, invisible characters, and UTF-8 that was read as Latin-1.
//!
//! Every other module starts from this one, so that none of them has to think about a zero-width blank inside a phone
//! number. Most text of most tables is clean ASCII: one pass over its bytes finds that out and nothing is allocated.
//! What is not goes through the passes below until nothing changes any more, because one repair can make room for
//! the next (a soft hyphen between two halves of a mis-decoded letter).
//!
//! NFKC (UAX #15) also turns ª into a, ½ into 1⁄2 and ﬁ into fi: right for names, addresses and codes, and
//! flagged everywhere. Joiners (U+200C, U+200D) stay between letters of scripts that need them, and in emoji.
//!
//! Deliberately missing: spelling, HTML entities and markup, language.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, char::is_combining_mark, is_nfkc_quick};

use crate::flag::{Cleaned, Flag, Flags};
use crate::mojibake;

/// The longest text that is looked at, in bytes: the limit of a property in Clew.
pub const MAX_BYTES: usize = 32 * 1024;

/// How often the passes run before a text counts as settled; two are enough for everything seen so far.
const PASSES: usize = 8;

/// Whether line ends are part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// One line: a line end is white space.
    Join,
    /// Several lines: comments, address blocks. Lines are trimmed, empty ones left out.
    Keep,
}

/// One line of text, cleaned. Empty text is nothing, without a flag. The result is at most eleven times as long as the
/// raw text (U+FDFA becomes eighteen letters); cleaning it again changes nothing.
pub fn clean(raw: &str) -> Cleaned<Cow<'_, str>> {
    clean_lines(raw, Lines::Join)
}

/// Text cleaned as [`clean`] does, in one or several lines.
pub fn clean_lines(raw: &str, lines: Lines) -> Cleaned<Cow<'_, str>> {
    if raw.len() > MAX_BYTES {
        return Cleaned::refused(Flag::TooLong);
    }
    if raw.is_empty() {
        return Cleaned::default();
    }
    if is_plain(raw.as_bytes()) {
        return Cleaned::some(Cow::Borrowed(raw), Flags::NONE);
    }
    let mut flags = Flags::NONE;
    let mut text = Cow::Borrowed(raw);
    if !raw.is_ascii() || raw.bytes().any(|b| b.is_ascii_control()) {
        for _ in 0..PASSES {
            let Some(next) = pass(&text, &mut flags) else { break };
            text = Cow::Owned(next);
        }
        flags.raise_if(text.contains(char::REPLACEMENT_CHARACTER), Flag::ReplacementCharacter);
        flags.raise_if(!text.is_ascii() && mojibake::looks_misread(&text), Flag::MojibakeSuspected);
    }
    let text = match text {
        Cow::Borrowed(text) => spaces(text, lines, &mut flags),
        Cow::Owned(text) => Cow::Owned(spaces(&text, lines, &mut flags).into_owned()),
    };
    if text.is_empty() { Cleaned::default() } else { Cleaned::some(text, flags) }
}

/// The text that every other module starts from, or why there is none.
pub(crate) fn present<T>(raw: &str) -> Result<(Cow<'_, str>, Flags), Cleaned<T>> {
    let Cleaned { value, flags } = clean(raw);
    value.map(|text| (text, flags)).ok_or(Cleaned { value: None, flags })
}

/// Printable ASCII without blanks at the ends or two in a row.
fn is_plain(bytes: &[u8]) -> bool {
    let mut before = b' ';
    for &b in bytes {
        if !(b' '..=b'~').contains(&b) || (b == b' ' && before == b' ') {
            return false;
        }
        before = b;
    }
    before != b' '
}

/// One round of everything that looks at characters; `None` when it changes nothing.
fn pass(text: &str, flags: &mut Flags) -> Option<String> {
    if let Some(repaired) = mojibake::repair(text) {
        flags.raise(Flag::MojibakeRepaired);
        return Some(repaired);
    }
    if text.chars().any(is_invisible) {
        let shown = without_invisible(text);
        if shown.len() < text.len() {
            flags.raise(Flag::ControlCharacters);
            return Some(shown);
        }
    }
    // NFKC makes a blank and a combining accent of this one; everybody who types it means an apostrophe.
    if text.contains('\u{b4}') {
        flags.raise(Flag::UnicodeNormalised);
        return Some(text.replace('\u{b4}', "'"));
    }
    if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        return None;
    }
    let normalised: String = text.nfkc().collect();
    (normalised != text).then(|| {
        // A no-break blank is white space, and is told as such.
        let only_blanks = text.chars().all(|c| c.is_whitespace() || is_nfkc_quick(std::iter::once(c)) == IsNormalized::Yes)
            && normalised.chars().eq(text.chars().map(|c| if c.is_whitespace() && !c.is_ascii() { ' ' } else { c }));
        flags.raise(if only_blanks { Flag::InnerSpace } else { Flag::UnicodeNormalised });
        normalised
    })
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Characters that show nothing: controls except white space, format characters, direction marks, byte-order marks.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || is_joiner(c)
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{2064}').contains(&c)
        || ('\u{2066}'..='\u{206f}').contains(&c)
        || ('\u{fff9}'..='\u{fffb}').contains(&c)
}

fn without_invisible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let joins =
            is_joiner(c) && !before.is_ascii() && chars.peek().is_some_and(|next| !next.is_ascii() && !is_invisible(*next));
        if !is_invisible(c) || joins {
            out.push(c);
            before = c;
        }
    }
    out
}

fn spaces<'a>(text: &'a str, lines: Lines, flags: &mut Flags) -> Cow<'a, str> {
    let trimmed = text.trim();
    flags.raise_if(trimmed.len() < text.len(), Flag::Trimmed);
    let is_line_end = |c| lines == Lines::Keep && c == '\n';
    let mut before = 'x';
    let settled = trimmed.chars().all(|c| {
        let ok = !c.is_whitespace() || (c == ' ' && !before.is_whitespace()) || (is_line_end(c) && !before.is_whitespace());
        let ok = ok && !(before == '\n' && c.is_whitespace());
        before = c;
        ok
    });
    if settled {
        return Cow::Borrowed(trimmed);
    }
    flags.raise(Flag::InnerSpace);
    let mut out = String::with_capacity(trimmed.len());
    for line in trimmed.split(is_line_end) {
        let mut words = line.split_whitespace().peekable();
        if !out.is_empty() && words.peek().is_some() {
            out.push('\n');
        }
        let start = out.len();
        for word in words {
            if out.len() > start {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    Cow::Owned(out)
}

/// A text whose letters were changed, cleaned again: i for İ makes room for an accent behind it.
pub(crate) fn settled(text: String) -> String {
    if text.is_ascii() { text } else { clean(&text).value.map(Cow::into_owned).unwrap_or(text) }
}

/// A key to look words up by: letters and digits only, lower case, without accents (ß as ss, ø as o). Borrowed when the
/// word is such a key already.
pub fn key(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Cow::Borrowed(word);
    }
    let mut out = String::with_capacity(word.len());
    if word.is_ascii() {
        out.extend(word.bytes().filter(u8::is_ascii_alphanumeric).map(|b| char::from(b.to_ascii_lowercase())));
        return Cow::Owned(out);
    }
    for c in word.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'þ' => out.push_str("th"),
            'ı' => out.push('i'),
            c if c.is_alphanumeric() => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// Calls `then` with the [`key`] of a word; short ASCII words need no allocation.
pub(crate) fn with_key<T>(word: &str, then: impl FnOnce(&str) -> T) -> T {
    let mut buffer = [0_u8; 48];
    if word.len() > buffer.len() || !word.is_ascii() {
        return then(&key(word));
    }
    let mut end = 0;
    for b in word.bytes().filter(u8::is_ascii_alphanumeric) {
        buffer[end] = b.to_ascii_lowercase();
        end += 1;
    }
    then(std::str::from_utf8(&buffer[..end]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_unicode_and_invisible_characters() {
        let cases: [(&str, Option<&str>, &[Flag]); 18] = [
            ("Ann Lee", Some("Ann Lee"), &[]),
            ("", None, &[]),
            ("   ", None, &[]),
            (" Ann", Some("Ann"), &[Flag::Trimmed]),
            ("Ann\u{a0}Lee", Some("Ann Lee"), &[Flag::InnerSpace]),
            ("Ann  Lee\t", Some("Ann Lee"), &[Flag::Trimmed, Flag::InnerSpace]),
            ("Ann\r\nLee", Some("Ann Lee"), &[Flag::InnerSpace]),
            ("Ａｎｎ", Some("Ann"), &[Flag::UnicodeNormalised]),
            ("ﬁne", Some("fine"), &[Flag::UnicodeNormalised]),
            ("Zoe\u{308}", Some("Zoë"), &[Flag::UnicodeNormalised]),
            ("O\u{b4}Brien", Some("O'Brien"), &[Flag::UnicodeNormalised]),
            ("An\u{200b}n\u{feff}", Some("Ann"), &[Flag::ControlCharacters]),
            ("A\u{0}nn", Some("Ann"), &[Flag::ControlCharacters]),
            ("Mü\u{ad}ller", Some("Müller"), &[Flag::ControlCharacters]),
            // Persian needs the non-joiner, a family emoji the joiner.
            ("می\u{200c}خواهم", Some("می\u{200c}خواهم"), &[]),
            ("👩\u{200d}👧", Some("👩\u{200d}👧"), &[]),
            ("M\u{fffd}ller", Some("M\u{fffd}ller"), &[Flag::ReplacementCharacter]),
            ("Müller", Some("Müller"), &[]),
        ];
        for (raw, expected, flags) in cases {
            let cleaned = clean(raw);
            assert_eq!((cleaned.value.as_deref(), cleaned.flags), (expected, Flags::of(flags)), "{raw:?}");
        }
    }

    #[test]
    fn clean_text_is_borrowed() {
        for raw in ["Ann Lee", "Müller", "a\nb"] {
            assert!(matches!(clean_lines(raw, Lines::Keep).value, Some(Cow::Borrowed(_))), "{raw:?}");
        }
    }

    #[test]
    fn several_lines_stay_lines() {
        let cleaned = clean_lines(" Flat 2 \r\n\r\n14  King St\n", Lines::Keep);
        assert_eq!(cleaned.value.as_deref(), Some("Flat 2\n14 King St"));
        assert_eq!(cleaned.flags, Flags::of(&[Flag::Trimmed, Flag::InnerSpace]));
    }

    #[test]
    fn a_text_beyond_the_limit_is_refused() {
        assert_eq!(clean(&"x".repeat(MAX_BYTES + 1)), Cleaned::refused(Flag::TooLong));
        assert!(clean(&"x".repeat(MAX_BYTES)).value.is_some());
    }

    #[test]
    fn keys_fold_case_accents_and_punctuation() {
        for (word, expected) in [
            ("germany", "germany"),
            ("Côte d’Ivoire", "cotedivoire"),
            ("ÖSTERREICH", "osterreich"),
            ("Straße", "strasse"),
            ("U.S.A.", "usa"),
            ("Łódź", "lodz"),
            ("日本", "日本"),
            ("--", ""),
        ] {
            assert_eq!(key(word), expected, "{word}");
        }
    }
}
