//! A customer's words made fit to be shown: masked, on one line, cut at a word.
//!
//! Masking comes before cutting, so that half a phone number never slips through at the end.

use crate::pii::mask;
use crate::tokens::shorten;

/// The default length of a quote.
pub const MAX_QUOTE_CHARS: usize = 280;

/// The quote of a text: personal numbers and addresses masked ([`mask`]), white space and control characters made single
/// spaces, at most `most_chars` characters; a cut falls between words and ends in `…`.
pub fn quote(text: &str, most_chars: usize) -> String {
    let clean: String = shorten(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let joined = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let masked = mask(&joined);
    let Some((limit, _)) = masked.char_indices().nth(most_chars) else { return masked.into_owned() };
    let room = masked.char_indices().nth(most_chars.saturating_sub(1)).map_or(0, |(at, _)| at);
    let head = &masked[..room];
    let cut = if masked[room..limit].starts_with(' ') { room } else { head.rfind(' ').unwrap_or(room) };
    format!("{}…", masked[..cut].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_masked_line_cut_at_a_word() {
        assert_eq!(quote("  Call me:\n+44 20 7946 0958\u{0} ", 280), "Call me: [phone]");
        assert_eq!(quote("the parcel never came", 15), "the parcel…");
        assert_eq!(quote("the parcel never came", 11), "the parcel…");
        assert_eq!(quote("abcdefghij", 5), "abcd…");
        assert_eq!(quote("", 5), "");
    }
}
