//! One spelling per identifier value, blocked values, and the number of a subject.
//!
//! A subject is the property of a row: its canonical identifier set, written as bytes and hashed. Two rows with the
//! same set are the same subject, wherever and whenever they come in; nothing that is decided later enters. The bytes
//! are sorted and length-prefixed, so that no two sets share an encoding; the register that detects collisions of the
//! 63-bit number compares exactly these bytes and asks again with the next salt.
//!
//! This runs once per row of every import: it writes into a buffer that the caller keeps, hashes with XXH3 and
//! allocates nothing for ASCII values. A value is normalised here only as far as equality needs it (trim, case,
//! digits); repairing values (country codes, typing errors in domains) is the mapping's work, where the row keeps a
//! quality flag about it.
//!
//! Layout: `version u8 (1) · population · n × (type · value · source)`, where every text is `length u32 LE · bytes`
//! and source is empty unless the type's scope is one source. Records: `version u8 (2) · population · source · id`.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::rules::{CompiledRules, Normalise, Scope, TypeRule};

/// Version of the layout for identifier sets; a change of layout takes a new one.
const SET: u8 = 1;
/// Version of the layout for records.
const RECORD: u8 = 2;

/// Reused space of [`subject_of`]: one for each thread.
#[derive(Clone, Debug, Default)]
pub struct SubjectBuffer {
    /// Canonical values, one behind the other.
    text: String,
    /// (position of the type in the input, start, end) of a kept value.
    kept: Vec<(u32, u32, u32)>,
    bytes: Vec<u8>,
}

impl SubjectBuffer {
    /// The canonical bytes of the last subject; empty if there was none.
    pub fn canonical_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Appends the canonical form of `value` to `out`. Applying it twice changes nothing.
pub fn canonical_into(normalise: Normalise, value: &str, out: &mut String) {
    let value = value.trim();
    match normalise {
        Normalise::Exact => out.push_str(value),
        Normalise::Lowercase => lowercase_into(value, out),
        Normalise::Email => lowercase_into(bare_email(value), out),
        Normalise::Phone => phone_into(value, out),
    }
}

/// The canonical form of `value`, allocated.
pub fn canonical(normalise: Normalise, value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    canonical_into(normalise, value, &mut out);
    out
}

fn lowercase_into(value: &str, out: &mut String) {
    if value.is_ascii() {
        let start = out.len();
        out.push_str(value);
        out[start..].make_ascii_lowercase();
    } else {
        out.extend(value.chars().flat_map(char::to_lowercase));
    }
}

fn bare_email(value: &str) -> &str {
    let mut value = value;
    loop {
        let before = value;
        value = value.trim().trim_start_matches('<').trim_end_matches('>');
        if value.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("mailto:")) {
            value = &value[7..];
        }
        if value.len() == before.len() {
            return value;
        }
    }
}

fn phone_into(value: &str, out: &mut String) {
    let start = out.len();
    // An extension belongs to a desk, not to the person's number.
    let value = value.split(['x', 'X', ';', '#']).next().unwrap_or_default();
    let international = value.starts_with('+');
    let mut rest = value;
    // "+44 (0)20": the zero in brackets is only dialled inside the country.
    if international && let Some(at) = value.find("(0)") {
        out.extend(value[..at].chars().filter(char::is_ascii_digit));
        rest = &value[at + 3..];
    }
    out.extend(rest.chars().filter(char::is_ascii_digit));
    if international && out.len() > start {
        out.insert(start, '+');
    } else if out[start..].starts_with("00") && out[start..].bytes().any(|b| b != b'0') {
        let digits = out[start..].trim_start_matches('0').to_owned();
        out.truncate(start);
        out.push('+');
        out.push_str(&digits);
    }
}

/// Whether a canonical value identifies nobody: empty, zeros and hyphens only, on the built-in list or on one of the
/// project's.
pub fn is_blocked(rules: &CompiledRules, rule: &TypeRule, canonical: &str) -> bool {
    let bytes = canonical.as_bytes();
    if bytes.iter().all(|b| matches!(b, b'0' | b'-')) || bytes == b"+" {
        return true;
    }
    let listed =
        |value: &str| (value.len() <= rules.longest_blocked && rules.blocked.contains(value)) || rule.blocked.contains(value);
    let needs_folding = bytes.iter().any(|b| b.is_ascii_uppercase() || *b >= 0x80);
    let could_be_listed = canonical.len() <= rules.longest_blocked || !rule.blocked.is_empty();
    if could_be_listed && (listed(canonical) || (needs_folding && listed(&canonical.to_lowercase()))) {
        return true;
    }
    !rules.patterns.is_empty() && rules.patterns.is_match(canonical)
}

/// The subject of an identifier set, and its canonical bytes in `buffer`. `None` when no identifier is left after the
/// blocked ones: such a row is nobody's. `salt` is 0, and counts up while the register holds other bytes under the
/// number. The result does not depend on the order or repetition of `identifiers`, which are (type, value).
pub fn subject_of(
    rules: &CompiledRules,
    origin: (&str, &str),
    identifiers: &[(&str, &str)],
    salt: u64,
    buffer: &mut SubjectBuffer,
) -> Option<i64> {
    let (population, source) = origin;
    let SubjectBuffer { text, kept, bytes } = buffer;
    text.clear();
    kept.clear();
    bytes.clear();
    for (i, (name, value)) in identifiers.iter().enumerate() {
        let rule = rules.rule(name);
        let start = text.len();
        canonical_into(rule.normalise, value, text);
        if is_blocked(rules, rule, &text[start..]) {
            text.truncate(start);
        } else {
            kept.push((i as u32, start as u32, text.len() as u32));
        }
    }
    if kept.is_empty() {
        return None;
    }
    let name_of = |i: u32| identifiers[i as usize].0;
    let value_of = |&(_, start, end): &(u32, u32, u32)| &text[start as usize..end as usize];
    if kept.len() > 1 {
        kept.sort_unstable_by(|a, b| name_of(a.0).cmp(name_of(b.0)).then_with(|| value_of(a).cmp(value_of(b))));
        kept.dedup_by(|a, b| name_of(a.0) == name_of(b.0) && value_of(a) == value_of(b));
    }
    bytes.push(SET);
    push_text(bytes, population.trim());
    for entry in kept.iter() {
        let name = name_of(entry.0);
        push_text(bytes, name);
        push_text(bytes, value_of(entry));
        push_text(bytes, if rules.rule(name).scope == Scope::Source { source } else { "" });
    }
    Some(hash(bytes, salt))
}

/// The subject of a record: its own, by source and record id, whatever identifiers it carries.
pub fn record_subject(origin: (&str, &str), record_id: &str, salt: u64, buffer: &mut SubjectBuffer) -> i64 {
    let (population, source) = origin;
    buffer.bytes.clear();
    buffer.bytes.push(RECORD);
    push_text(&mut buffer.bytes, population.trim());
    push_text(&mut buffer.bytes, source);
    push_text(&mut buffer.bytes, record_id);
    hash(&buffer.bytes, salt)
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// The number of the subject with these canonical bytes under `salt`.
pub fn subject_number(canonical_bytes: &[u8], salt: u64) -> i64 {
    hash(canonical_bytes, salt)
}

/// 63 bits: the number is never negative, in SQL or in JSON.
fn hash(bytes: &[u8], salt: u64) -> i64 {
    (xxh3_64_with_seed(bytes, salt) >> 1) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::Rules;

    fn subject(identifiers: &[(&str, &str)]) -> Option<i64> {
        subject_of(&CompiledRules::built_in(), ("customer", "shop"), identifiers, 0, &mut SubjectBuffer::default())
    }

    #[test]
    fn values_get_one_spelling() {
        let cases = [
            (Normalise::Exact, "  A b ", "A b"),
            (Normalise::Lowercase, "ÄBC", "äbc"),
            (Normalise::Email, " <MailTo:Ann@Example.COM> ", "ann@example.com"),
            (Normalise::Phone, "+44 (0)20 7946-0018 x12", "+442079460018"),
            (Normalise::Phone, "0049 30 901820", "+4930901820"),
            (Normalise::Phone, "(030) 90 18 20", "030901820"),
            (Normalise::Phone, "call me", ""),
            (Normalise::Phone, "0000", "0000"),
            (Normalise::Phone, "+", ""),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(canonical(kind, value), expected, "{value}");
        }
    }

    #[test]
    fn values_that_identify_nobody_are_blocked() {
        let rules =
            Rules { blocked: vec!["Test@Example.com".into()], blocked_patterns: vec!["^dummy".into()], ..Rules::default() }
                .compile()
                .unwrap();
        // The list of the rivals' defaults, in several spellings.
        for value in [
            "",
            " \t",
            "0",
            "000-0000",
            "-",
            "-1",
            "null",
            "NULL",
            "None",
            "NaN",
            "undefined",
            "anonymous",
            "Guest",
            "distinct_id",
            "id",
            "email",
            "true",
            "false",
            "not_authenticated",
            "[object Object]",
            "invalid",
            "TEST@example.com",
            "dummy7",
        ] {
            assert!(
                is_blocked(&rules, rules.rule("account"), &canonical(Normalise::Exact, value)),
                "{value:?} should be blocked"
            );
        }
        for value in ["1", "10", "0-1", "nullify", "guest7", "a dummy"] {
            assert!(!is_blocked(&rules, rules.rule("account"), value), "{value:?} should not be blocked");
        }
    }

    #[test]
    fn a_subject_is_its_set_of_identifiers() {
        let both = subject(&[("email", "Ann@x.org"), ("user_id", "7")]);
        assert_eq!(both, subject(&[("user_id", " 7"), ("email", "ann@x.org"), ("user_id", "7"), ("phone", "null")]));
        assert_ne!(both, subject(&[("user_id", "7")]));
        assert_ne!(subject(&[("user_id", "ab")]), subject(&[("user_id", "a"), ("user_id", "b")]));
        assert_eq!(subject(&[("user_id", "undefined")]), None);
        assert_eq!(subject(&[]), None);
        assert!(both.is_some_and(|number| number >= 0));
    }

    #[test]
    fn a_weak_type_is_scoped_by_its_source_and_populations_are_apart() {
        let rules =
            serde_json::from_str::<Rules>(r#"{"identifiers": {"shop_no": {"scope": "source"}}}"#).unwrap().compile().unwrap();
        let of = |population, source, name| {
            subject_of(&rules, (population, source), &[(name, "17")], 0, &mut SubjectBuffer::default())
        };
        assert_ne!(of("customer", "a", "shop_no"), of("customer", "b", "shop_no"));
        assert_eq!(of("customer", "a", "user_id"), of("customer", "b", "user_id"));
        assert_ne!(of("customer", "a", "user_id"), of("employee", "a", "user_id"));
    }

    #[test]
    fn a_salt_gives_another_number_for_the_same_bytes() {
        let (rules, mut buffer) = (CompiledRules::built_in(), SubjectBuffer::default());
        let first = subject_of(&rules, ("customer", "s"), &[("user_id", "7")], 0, &mut buffer);
        let bytes = buffer.canonical_bytes().to_vec();
        let second = subject_of(&rules, ("customer", "s"), &[("user_id", "7")], 1, &mut buffer);
        assert_ne!(first, second);
        assert_eq!(bytes, buffer.canonical_bytes());
    }

    #[test]
    fn the_layout_is_fixed_because_stored_numbers_depend_on_it() {
        let mut buffer = SubjectBuffer::default();
        let number = subject_of(&CompiledRules::built_in(), ("customer", "s"), &[("user_id", "7")], 0, &mut buffer).unwrap();
        assert_eq!(buffer.canonical_bytes(), b"\x01\x08\0\0\0customer\x07\0\0\0user_id\x01\0\0\x007\0\0\0\0");
        assert_eq!(number, (xxh3_64_with_seed(buffer.canonical_bytes(), 0) >> 1) as i64);
    }

    proptest! {
        #[test]
        fn canonical_is_idempotent(value in r"[ +<>()0-9a-zA-ZÄİß:@.x#;-]{0,24}|mailto:.{0,8}|\+?00.{0,8}|\PC{0,12}") {
            for kind in [Normalise::Exact, Normalise::Lowercase, Normalise::Email, Normalise::Phone] {
                let once = canonical(kind, &value);
                prop_assert_eq!(canonical(kind, &once), once.clone(), "{:?} of {:?}", kind, value);
            }
        }
    }
}
