//! Cursors: where a list goes on, opaque to the client.
//!
//! A cursor holds the ordering key of the last item that was given (keyset paging), so that rows which arrive between two
//! pages neither repeat nor hide an item. It is JSON in hexadecimal: nothing in it is secret, and what comes back is parsed and
//! quoted like any other input.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The longest cursor that is looked at, in bytes.
const LONGEST: usize = 4096;

/// The cursor after an item with this key.
pub fn write(key: &impl Serialize) -> String {
    let text = serde_json::to_vec(key).expect("ordering keys are plain data");
    hex(&text)
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The key in a cursor; `None` where none was given.
pub fn read<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else { return Ok(None) };
    let wrong = || ApiError::invalid("The cursor is none of ours: leave it out to begin at the first page.");
    if cursor.len() > LONGEST || !cursor.is_ascii() {
        return Err(wrong());
    }
    let byte = |place: usize| cursor.get(place..place + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let bytes: Option<Vec<u8>> = (0..cursor.len()).step_by(2).map(byte).collect();
    serde_json::from_slice(&bytes.ok_or_else(wrong)?).map(Some).map_err(|_| wrong())
}

/// Splits off what is beyond `limit` and gives the cursor after the last item that stays.
pub fn page<T, K: Serialize>(items: &mut Vec<T>, limit: usize, key: impl Fn(&T) -> K) -> Option<String> {
    let more = items.len() > limit;
    items.truncate(limit);
    items.last().filter(|_| more).map(|last| write(&key(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_and_rubbish_is_refused() {
        let key = (7_i64, "o'brien \u{e9}".to_owned());
        assert_eq!(read::<(i64, String)>(Some(&write(&key))).unwrap(), Some(key));
        assert_eq!(read::<(i64, String)>(None).unwrap(), None);
        for rubbish in ["x", "zz", "7b7d", "5b", "\u{e9}\u{e9}", &"00".repeat(LONGEST)] {
            assert!(read::<(i64, String)>(Some(rubbish)).is_err(), "{rubbish}");
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let mut items = vec![1, 2, 3];
        assert!(page(&mut items, 3, |item| *item).is_none());
        assert_eq!(page(&mut items, 2, |item| *item), Some(write(&2)));
        assert_eq!(items, [1, 2]);
    }
}
