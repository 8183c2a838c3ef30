//! Ids that come from content, never from randomness: the same input gives the same id on every machine and in every
//! rerun, which is what makes imports repeatable and tables comparable.
//!
//! Hashes are XXH3 (fast, not cryptographic). Where a collision would join two things (subjects), a register holds the
//! full value and detects it; a fact key has 128 bits, where a chance collision among 10^10 facts has probability
//! about 10^-19. A sender who forges a colliding id of its own source only harms its own events.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The identity of a fact at the door: 128 bits of (source, id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FactKey(pub u128);

impl FactKey {
    /// The key of the fact `id` of `source`. Length-prefixed, so that ("a", "bc") and ("ab", "c") differ.
    pub fn new(source: &str, id: &str) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(&(source.len() as u64).to_le_bytes());
        hasher.update(source.as_bytes());
        hasher.update(id.as_bytes());
        Self(hasher.digest128())
    }

    /// Big-endian bytes: their order is the key's order.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// A hash of a fact's content: everything but when and where it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentHash(pub u64);

impl ContentHash {
    /// The hash of canonical content bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxh3_64(bytes))
    }

    /// Sixteen hexadecimal digits.
    pub fn to_hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// One import of one source: `<source>-<ordinal>`, counted per store, so that a resumed import keeps its batch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(String);

impl BatchId {
    /// The `ordinal`-th batch of `source`, from 1.
    pub fn new(source: &str, ordinal: u64) -> Self {
        Self(format!("{source}-{ordinal}"))
    }

    /// Text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BatchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Crockford's digits, lower case. <https://www.crockford.com/base32.html>
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A 64-bit number in thirteen of Crockford's base-32 digits: sorts like the number, reads well aloud, needs no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base32([u8; 13]);

impl Base32 {
    /// The digits of `number`.
    pub fn of(number: u64) -> Self {
        let mut digits = [0; 13];
        for (place, digit) in digits.iter_mut().rev().enumerate() {
            *digit = BASE32[(number >> (place * 5)) as usize & 31];
        }
        Self(digits)
    }

    /// The number that `text` writes, in either case; `None` unless it is thirteen digits that fit 64 bits.
    pub fn parse(text: &str) -> Option<u64> {
        if text.len() != 13 {
            return None;
        }
        let number = text.bytes().try_fold(0_u128, |number, byte| {
            let digit = BASE32.iter().position(|&digit| digit == byte.to_ascii_lowercase())?;
            Some(number << 5 | digit as u128)
        });
        number.and_then(|number| u64::try_from(number).ok())
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the digits are ASCII")
    }
}

impl std::fmt::Display for Base32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_separates_source_from_id() {
        assert_ne!(FactKey::new("a", "bc"), FactKey::new("ab", "c"));
        assert_eq!(FactKey::new("a", "bc"), FactKey::new("a", "bc"));
    }

    #[test]
    fn base32_keeps_the_order_of_numbers() {
        let base32 = |number| Base32::of(number).to_string();
        assert_eq!(base32(0), "0000000000000");
        assert_eq!(base32(u64::MAX), "fzzzzzzzzzzzz");
        assert!(base32(31) < base32(32));
    }

    #[test]
    fn base32_is_read_back_and_nothing_else_is() {
        for number in [0, 42, u64::MAX] {
            assert_eq!(Base32::parse(Base32::of(number).as_str()), Some(number));
        }
        assert_eq!(Base32::parse("000000000001A"), Some(42));
        for wrong in ["", "42", "00000000000042", "000000000004u", "zzzzzzzzzzzzz", "00000000000é"] {
            assert_eq!(Base32::parse(wrong), None, "{wrong}");
        }
    }
}
