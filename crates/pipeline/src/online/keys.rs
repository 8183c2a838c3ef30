//! The index of the write path as keys and values of the lake.
//!
//! | key | value |
//! |---|---|
//! | `f` person | founding subject, of a person that was founded since the run |
//! | `i` hash of an identifier value | who holds it, whether it is shared, who was refused it |
//! | `m` person | the person that it became part of, since the run |
//! | `p` person | [`Person`] |
//! | `s` subject | its person, and whether a run knew it |
//!
//! Numbers in keys are big-endian, so that a base is written in the order of its keys; those in values are little-endian.

use clew_identity::PersonId;
use clew_identity::online::{Held, Index, Person, Value};
use clew_lake::{IndexWriter, StorageError};

/// A key of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A person that was founded since the run.
    Founded(PersonId),
    /// An identifier value.
    Value(u128),
    /// A person that became part of another one since the run.
    Merged(PersonId),
    /// A person.
    Person(PersonId),
    /// A subject.
    Subject(i64),
}

/// Since when a subject is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The last run knew it.
    BeforeTheRun,
    /// It came after the last run had read.
    TheRun,
}

impl Key {
    /// Its bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let tagged = |tag: u8, number: &[u8]| [&[tag], number].concat();
        match self {
            Self::Founded(id) => tagged(b'f', &id.0.to_be_bytes()),
            Self::Value(key) => tagged(b'i', &key.to_be_bytes()),
            Self::Merged(id) => tagged(b'm', &id.0.to_be_bytes()),
            Self::Person(id) => tagged(b'p', &id.0.to_be_bytes()),
            Self::Subject(subject) => tagged(b's', &subject.to_be_bytes()),
        }
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, number) = bytes.split_first()?;
        let eight = || Some(u64::from_be_bytes(number.try_into().ok()?));
        match tag {
            b'f' => Some(Self::Founded(PersonId(eight()?))),
            b'i' => Some(Self::Value(u128::from_be_bytes(number.try_into().ok()?))),
            b'm' => Some(Self::Merged(PersonId(eight()?))),
            b'p' => Some(Self::Person(PersonId(eight()?))),
            b's' => Some(Self::Subject(eight()?.cast_signed())),
            _ => None,
        }
    }
}

/// Bytes that do not decode.
pub fn damaged() -> StorageError {
    StorageError::Damaged { what: "the index of the write path".to_owned(), detail: "an entry does not decode".to_owned() }
}

/// Reads numbers from the front of bytes.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(8)?;
        self.0 = rest;
        Some(u64::from_le_bytes(number.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        let (number, rest) = self.0.split_at_checked(4)?;
        self.0 = rest;
        // What is left bounds what may be announced.
        Some(u32::from_le_bytes(number.try_into().ok()?) as usize).filter(|length| *length <= rest.len())
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?;
        (0..length).map(|_| read(self)).collect()
    }

    fn person(&mut self) -> Option<PersonId> {
        self.u64().map(PersonId)
    }
}

fn push_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend((length as u32).to_le_bytes());
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    push_length(bytes, text.len());
    bytes.extend(text.as_bytes());
}

/// The value of an identifier.
pub fn value_bytes(value: &Value) -> Vec<u8> {
    let mut bytes = vec![u8::from(value.holder.is_some()) | u8::from(value.shared) << 1];
    bytes.extend(value.holder.iter().flat_map(|person| person.0.to_le_bytes()));
    push_length(&mut bytes, value.refused.len());
    bytes.extend(value.refused.iter().flat_map(|person| person.0.to_le_bytes()));
    bytes
}

fn value_of(bytes: &[u8]) -> Option<Value> {
    let mut bytes = Bytes(bytes);
    let flags = bytes.u8()?;
    let holder = if flags & 1 == 1 { Some(bytes.person()?) } else { None };
    Some(Value { holder, shared: flags & 2 == 2, refused: bytes.list(Bytes::person)? })
}

/// The value of a person.
pub fn person_bytes(person: &Person) -> Vec<u8> {
    let mut bytes = vec![u8::from(person.merged_into.is_some()) | u8::from(person.provisional) << 1];
    bytes.extend(person.merged_into.iter().flat_map(|person| person.0.to_le_bytes()));
    bytes.extend(person.founder.to_le_bytes());
    bytes.extend(person.founded_us.to_le_bytes());
    push_text(&mut bytes, &person.founded_in);
    push_text(&mut bytes, &person.population);
    push_length(&mut bytes, person.held.len());
    for held in &person.held {
        bytes.extend(held.kind.to_le_bytes());
        bytes.extend(held.at_us.to_le_bytes());
    }
    push_length(&mut bytes, person.subjects.len());
    bytes.extend(person.subjects.iter().flat_map(|subject| subject.to_le_bytes()));
    push_length(&mut bytes, person.apart.len());
    bytes.extend(person.apart.iter().flat_map(|person| person.0.to_le_bytes()));
    bytes
}

/// The person in these bytes.
pub fn person_of(bytes: &[u8]) -> Option<Person> {
    let mut bytes = Bytes(bytes);
    let flags = bytes.u8()?;
    Some(Person {
        merged_into: if flags & 1 == 1 { Some(bytes.person()?) } else { None },
        provisional: flags & 2 == 2,
        founder: bytes.u64()?.cast_signed(),
        founded_us: bytes.u64()?.cast_signed(),
        founded_in: bytes.text()?,
        population: bytes.text()?,
        held: bytes.list(|bytes| Some(Held { kind: bytes.u64()?, at_us: bytes.u64()?.cast_signed() }))?,
        subjects: bytes.list(|bytes| bytes.u64().map(u64::cast_signed))?,
        apart: bytes.list(Bytes::person)?,
    })
}

/// The value of a subject.
pub fn subject_bytes(person: PersonId, since: Since) -> Vec<u8> {
    let mut bytes = person.0.to_le_bytes().to_vec();
    bytes.push(u8::from(since == Since::TheRun));
    bytes
}

/// Person and time in these bytes.
pub fn subject_of(bytes: &[u8]) -> Option<(PersonId, Since)> {
    let mut bytes = Bytes(bytes);
    let person = bytes.person()?;
    Some((person, if bytes.u8()? == 1 { Since::TheRun } else { Since::BeforeTheRun }))
}

/// A key and its value as text.
pub fn describe(key: &[u8], value: &[u8]) -> Result<String, StorageError> {
    let key = Key::from_bytes(key).ok_or_else(damaged)?;
    Ok(match key {
        Key::Value(_) => format!("{key:?} {:?}", value_of(value).ok_or_else(damaged)?),
        Key::Person(_) => format!("{key:?} {:?}", person_of(value).ok_or_else(damaged)?),
        Key::Subject(_) => format!("{key:?} {:?}", subject_of(value).ok_or_else(damaged)?),
        Key::Founded(_) | Key::Merged(_) => format!("{key:?} {value:?}"),
    })
}

/// The index that the pure rules ask, over that of the lake.
pub struct Keys<'k, 'i>(pub &'k mut IndexWriter<'i>);

impl Keys<'_, '_> {
    fn read<T>(&self, key: Key, of: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>, StorageError> {
        self.0.get(&key.to_bytes())?.map(|bytes| of(&bytes).ok_or_else(damaged)).transpose()
    }
}

impl Index for Keys<'_, '_> {
    type Error = StorageError;

    fn value(&mut self, key: u128) -> Result<Option<Value>, StorageError> {
        self.read(Key::Value(key), value_of)
    }

    fn person(&mut self, id: PersonId) -> Result<Option<Person>, StorageError> {
        self.read(Key::Person(id), person_of)
    }

    fn subject(&mut self, subject: i64) -> Result<Option<PersonId>, StorageError> {
        Ok(self.read(Key::Subject(subject), subject_of)?.map(|(person, _)| person))
    }

    fn put_value(&mut self, key: u128, value: Value) {
        self.0.put(Key::Value(key).to_bytes(), value_bytes(&value));
    }

    fn put_person(&mut self, id: PersonId, person: Person) {
        if person.provisional {
            self.0.put(Key::Founded(id).to_bytes(), person.founder.to_le_bytes().to_vec());
        }
        if let Some(into) = person.merged_into {
            self.0.put(Key::Merged(id).to_bytes(), into.0.to_le_bytes().to_vec());
        }
        self.0.put(Key::Person(id).to_bytes(), person_bytes(&person));
    }

    fn put_subject(&mut self, subject: i64, person: PersonId) {
        self.0.put(Key::Subject(subject).to_bytes(), subject_bytes(person, Since::TheRun));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_read_back_and_damage_is_told() {
        let person = Person {
            population: "customer".into(),
            founder: i64::MAX,
            founded_us: -1,
            founded_in: "web".into(),
            provisional: true,
            merged_into: Some(PersonId(7)),
            held: vec![Held { kind: u64::MAX, at_us: 5 }],
            subjects: vec![1, 2],
            apart: vec![PersonId(9)],
        };
        let bytes = person_bytes(&person);
        assert_eq!(person_of(&bytes), Some(person));
        let value = Value { holder: Some(PersonId(1)), shared: true, refused: vec![PersonId(2), PersonId(3)] };
        assert_eq!(value_of(&value_bytes(&value)), Some(value));
        assert_eq!(value_of(&value_bytes(&Value::default())), Some(Value::default()));
        for length in 0..bytes.len() {
            assert_eq!(person_of(&bytes[..length]), None, "{length}");
        }
        for key in [
            Key::Value(u128::MAX),
            Key::Person(PersonId(5)),
            Key::Subject(3),
            Key::Founded(PersonId(1)),
            Key::Merged(PersonId(2)),
        ] {
            assert_eq!(Key::from_bytes(&key.to_bytes()), Some(key));
        }
        assert_eq!(Key::from_bytes(b"x12345678"), None);
        assert_eq!(Key::from_bytes(b"p123"), None);
    }
}
