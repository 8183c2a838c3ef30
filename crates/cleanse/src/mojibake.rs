//! UTF-8 that somebody read as Latin-1 or Windows-1252: `MÃ¼ller` for `Müller`.
//!
//! A text is repaired only as a whole: every character must have a byte in Windows-1252 (or be one of the C1 controls
//! that Latin-1 has there), and the bytes must be valid UTF-8. A correct text nearly never passes that test, because a
//! letter such as Ã is followed by an ASCII letter in every real word; a half-broken one fails it and is only flagged.
//! Text that went wrong twice is repaired twice, by the caller's next pass. Source of the byte table: the WHATWG
//! Encoding Standard, index windows-1252.
//!
//! Deliberately missing: other code pages, and guesses where a byte was lost.

/// The characters of bytes 0x80 to 0x9F in Windows-1252; five are unassigned and stay C1 controls.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”',
    '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The byte that was shown as this character.
fn byte_of(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ 0..=0xff => Some(code as u8),
        _ => WINDOWS_1252.iter().position(|shown| *shown == c).map(|at| 0x80 + at as u8),
    }
}

/// The text as it was meant, if it decodes back without loss and holds at least one character beyond ASCII.
pub(crate) fn repair(text: &str) -> Option<String> {
    let first = text.chars().find(|c| !c.is_ascii())?;
    // A sequence of UTF-8 starts with a byte from C2 to F4.
    if !matches!(byte_of(first), Some(0xc2..=0xf4)) {
        return None;
    }
    let bytes: Vec<u8> = text.chars().map(byte_of).collect::<Option<_>>()?;
    String::from_utf8(bytes).ok()
}

/// Whether pairs stand in the text that only mis-decoding makes: Ã or Â before a symbol, â€ before anything.
pub(crate) fn looks_misread(text: &str) -> bool {
    let mut before = ' ';
    text.chars().any(|c| {
        let pair = match before {
            'Ã' => matches!(c, '\u{80}'..='\u{bf}') || WINDOWS_1252.contains(&c),
            'Â' => matches!(c, '\u{a0}'..='\u{bf}'),
            'â' => matches!(c, '€' | '\u{80}' | '„'),
            _ => false,
        };
        before = c;
        pair
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How UTF-8 looks when its bytes are shown one by one in Windows-1252.
    fn misread(text: &str) -> String {
        text.bytes()
            .map(|b| if (0x80..0xa0).contains(&b) { WINDOWS_1252[usize::from(b) - 0x80] } else { char::from(b) })
            .collect()
    }

    #[test]
    fn what_was_misread_comes_back() {
        for text in ["Müller", "José Núñez", "Łódź", "naïve café", "Straße", "日本", "O’Brien", "100 €", "à"] {
            assert_eq!(repair(&misread(text)).as_deref(), Some(text));
            let latin1: String = text.bytes().map(char::from).collect();
            assert_eq!(repair(&latin1).as_deref(), Some(text));
        }
    }

    #[test]
    fn correct_text_is_left_alone() {
        for text in ["Müller", "JOÃO", "São Tomé", "Ångström", "Château", "ÂGE", "Ñandú", "12 °C", "€ 5", "Ann", "ÉÈÊ", "Ø", "ÃO"]
        {
            assert_eq!(repair(text), None, "{text}");
            assert!(!looks_misread(text), "{text}");
        }
    }

    #[test]
    fn half_broken_text_is_only_recognised() {
        for text in ["MÃ¼ller and Müller", "cafÃ© ☃", "itâ€™s ☃"] {
            assert_eq!(repair(text), None, "{text}");
            assert!(looks_misread(text), "{text}");
        }
    }
}
