//! Write keys: who may send facts to a live source.
//!
//! A key is `ck_` and 24 random bytes in base 64 (RFC 4648, URL alphabet). It is shown once, when it is made; the store keeps its SHA-256 in
//! `<store>/write_keys.json`, readable by the owner only and replaced as a whole. A key lets its holder write facts to one source and nothing
//! else, so browsers may carry it. Several keys of a source can be valid at once: to rotate, make a second, move the senders, revoke the first.
//!
//! Requests find a key by its hash, so the comparison takes the same time for every wrong one; a revoked key stays in the list, so that
//! "revoked" and "never seen" can be told apart by people, not by senders.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::RwLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::cursor::hex;
use crate::json::instant;
use crate::wire::WriteKey;

/// The file in the store.
const FILE: &str = "write_keys.json";
/// Random bytes of a key.
const BYTES: usize = 24;
/// What every key begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "ck_";
/// The longest text that is looked at as a key.
const LONGEST: usize = 128;
/// Keys of a store, revoked ones included.
const MOST_KEYS: usize = 10_000;
/// The longest label.
pub const LONGEST_LABEL: usize = 200;

/// Why a key was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file of keys can be neither read nor written.
    #[error("the write keys {}: {source}", path.display())]
    File {
        /// It.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Too many.
    #[error("the store has {MOST_KEYS} write keys: delete {FILE} in the store to begin anew")]
    TooMany,
}

/// A key as the store keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    id: String,
    source: String,
    #[serde(default)]
    label: Option<String>,
    sha256: String,
    created_at: i64,
    #[serde(default)]
    revoked_at: Option<i64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Book {
    keys: Vec<Kept>,
}

/// The write keys of a store.
#[derive(Debug)]
pub struct WriteKeys {
    path: PathBuf,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    book: Book,
    /// Source by hash of the key, of those that are valid.
    valid: HashMap<[u8; 32], String>,
}

impl State {
    fn of(book: Book) -> Self {
        let valid = book.keys.iter().filter(|key| key.revoked_at.is_none());
        let valid = valid.filter_map(|key| Some((unhex(&key.sha256)?, key.source.clone()))).collect();
        Self { book, valid }
    }
}

impl WriteKeys {
    /// The keys of `store`; none where it has no file yet.
    pub fn open(store: &Path) -> Result<Self, KeyError> {
        let path = store.join(FILE);
        let file = |source| KeyError::File { path: path.clone(), source };
        let book = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| file(error.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Book::default(),
            Err(error) => return Err(file(error)),
        };
        Ok(Self { path, state: RwLock::new(State::of(book)) })
    }

    /// Makes a key for `source`; what is returned is the only time that it is seen.
    pub fn create(&self, source: &str, label: Option<&str>, now: i64) -> Result<(WriteKey, String), KeyError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| self.file(io::Error::other(error)))?;
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let digest = Sha256::digest(key.as_bytes());
        let kept = Kept {
            // Enough to name it, too little to help a guess.
            id: hex(&digest[..6]),
            source: source.to_owned(),
            label: label.map(str::to_owned),
            sha256: hex(&digest),
            created_at: now,
            revoked_at: None,
        };
        let shown = shown(&kept);
        self.change(|book| {
            if book.keys.len() >= MOST_KEYS {
                return Err(KeyError::TooMany);
            }
            book.keys.push(kept);
            Ok(())
        })?;
        Ok((shown, key))
    }

    /// Every key, oldest first.
    pub fn list(&self) -> Vec<WriteKey> {
        self.state.read().expect("no holder panics").book.keys.iter().map(shown).collect()
    }

    /// Makes the key `id` void; `None` when there is none. A revoked one stays as it was.
    pub fn revoke(&self, id: &str, now: i64) -> Result<Option<WriteKey>, KeyError> {
        let mut found = None;
        self.change(|book| {
            if let Some(key) = book.keys.iter_mut().find(|key| key.id == id) {
                key.revoked_at.get_or_insert(now);
                found = Some(shown(key));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The source that `key` writes to; `None` for whatever is no valid key.
    pub fn source_of(&self, key: &str) -> Option<String> {
        if key.len() > LONGEST {
            return None;
        }
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let state = self.state.read().expect("no holder panics");
        let (known, source) = state.valid.get_key_value(&digest)?;
        bool::from(known.ct_eq(&digest)).then(|| source.clone())
    }

    fn file(&self, source: io::Error) -> KeyError {
        KeyError::File { path: self.path.clone(), source }
    }

    /// Changes the book on disk, then in memory.
    fn change(&self, change: impl FnOnce(&mut Book) -> Result<(), KeyError>) -> Result<(), KeyError> {
        let mut state = self.state.write().expect("no holder panics");
        let mut book = Book { keys: state.book.keys.clone() };
        change(&mut book)?;
        let text = serde_json::to_vec_pretty(&book).map_err(|error| self.file(error.into()))?;
        replace(&self.path, &text).map_err(|error| self.file(error))?;
        *state = State::of(book);
        Ok(())
    }
}

/// Replaces the file as a whole: a reader sees the old one or the new one, a crash leaves one of them.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = path.with_extension("json.new");
    // A file left by a crash may have other rights.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn shown(key: &Kept) -> WriteKey {
    WriteKey {
        key_id: key.id.clone(),
        source: key.source.clone(),
        label: key.label.clone(),
        created_at: instant(key.created_at).unwrap_or_default(),
        revoked_at: key.revoked_at.and_then(instant),
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_opens_its_source_until_it_is_revoked() {
        let store = tempfile::tempdir().unwrap();
        let keys = WriteKeys::open(store.path()).unwrap();
        let (first, one) = keys.create("website", Some("old"), 1).unwrap();
        let (_, two) = keys.create("website", None, 2).unwrap();
        assert!(one.starts_with("ck_") && one.len() == 35 && one != two);
        assert_eq!((keys.source_of(&one).as_deref(), keys.source_of(&two).as_deref()), (Some("website"), Some("website")));
        keys.revoke(&first.key_id, 3).unwrap().unwrap();
        // The same after a restart.
        for keys in [keys, WriteKeys::open(store.path()).unwrap()] {
            assert_eq!((keys.source_of(&one), keys.source_of(&two).as_deref()), (None, Some("website")));
            let listed: Vec<bool> = keys.list().iter().map(|key| key.revoked_at.is_some()).collect();
            assert_eq!(listed, [true, false]);
        }
    }

    #[test]
    fn the_file_holds_no_key_and_is_its_owners() {
        let store = tempfile::tempdir().unwrap();
        let keys = WriteKeys::open(store.path()).unwrap();
        let (_, key) = keys.create("website", None, 1).unwrap();
        let path = store.path().join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&key) && !text.contains(&key[3..]));
    }

    #[test]
    fn what_is_no_key_opens_nothing() {
        let store = tempfile::tempdir().unwrap();
        let keys = WriteKeys::open(store.path()).unwrap();
        let (_, key) = keys.create("website", None, 1).unwrap();
        for wrong in ["", "ck_", &key[..34], &key.to_uppercase(), &"x".repeat(1 << 20)] {
            assert_eq!(keys.source_of(wrong), None, "{wrong:.40}");
        }
        assert!(keys.revoke("nothing", 1).unwrap().is_none());
        std::fs::write(store.path().join(FILE), "{").unwrap();
        assert!(WriteKeys::open(store.path()).is_err(), "a damaged file is told, not taken for no keys");
    }
}
