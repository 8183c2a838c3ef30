//! Which files a source means, and how to know them again.
//!
//! `files:` names paths, globs and folders. A folder means every file in it and below. Names that begin with `.` or `_` are left out,
//! in folders and by globs, as Hive and Spark do: they are hidden files, markers of other engines and what is still being written. Who means
//! such a file writes its name, or begins the pattern's part with the same character. The list is sorted, so that an import is the same on every machine.
//! A pattern that matches nothing is refused: a source that silently reads no file looks like a company without
//! customers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xxhash_rust::xxh3::Xxh3;

use super::ReadError;
use crate::spec::{Format, OneOrMany};

/// At most so many files in one source.
pub const MAX_FILES: usize = 100_000;
/// Bytes at each end of a file that enter its fingerprint.
const SAMPLE: u64 = 64 * 1024;

/// The files of a source, sorted, without repetition; none where it names none.
pub fn list(dir: &Path, patterns: Option<&OneOrMany>) -> Result<Vec<PathBuf>, ReadError> {
    let mut files = Vec::new();
    let Some(patterns) = patterns else { return Ok(files) };
    for pattern in patterns.iter() {
        let before = files.len();
        let path = dir.join(pattern);
        if path.is_dir() {
            walk(&path, &mut files)?;
        } else if path.exists() || !pattern.contains(['*', '?', '[']) {
            // A path without wildcards is opened as it stands, so that the error is that of the system.
            File::open(&path).map_err(|error| ReadError::of(&path, error, 0))?;
            files.push(path);
        } else {
            expand(&path, &mut files)?;
        }
        if files.len() == before {
            return Err(ReadError::Missing { path: dir.join(pattern) });
        }
    }
    files.sort();
    files.dedup();
    if files.len() > MAX_FILES {
        return Err(ReadError::Format {
            path: dir.into(),
            message: format!("{} files match, more than {MAX_FILES}", files.len()),
            remedy: "narrow the pattern, or join small files".into(),
        });
    }
    Ok(files)
}

/// What the file system says of a file: whoever writes it changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Bytes.
    pub size: u64,
    /// Last written.
    pub modified_at: SystemTime,
}

/// The files of a source with their stamps; one that goes away in between is left out.
pub fn stamps(dir: &Path, patterns: Option<&OneOrMany>) -> Result<Vec<(PathBuf, FileStamp)>, ReadError> {
    let stamp = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, FileStamp { size: metadata.len(), modified_at: metadata.modified().ok()? }))
    };
    Ok(list(dir, patterns)?.into_iter().filter_map(stamp).collect())
}

fn expand(pattern: &Path, files: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    let bad = |message: String| ReadError::Format { path: pattern.into(), message, remedy: "see `files:` of the source".into() };
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let named = pattern.file_name().and_then(|name| name.to_str()).and_then(|name| name.chars().next());
    for entry in glob::glob_with(&pattern.to_string_lossy(), options).map_err(|error| bad(error.to_string()))? {
        let path = entry.map_err(|error| ReadError::of(error.path(), std::io::Error::from(error.error().kind()), 0))?;
        if is_left_out(&path, named) || in_left_out_folder(pattern, &path) {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a name begins with `.` or `_`, and the pattern's does not with the same.
fn is_left_out(path: &Path, named: Option<char>) -> bool {
    let first = path.file_name().and_then(|name| name.to_str()).map(|name| name.chars().next());
    // A name that is no text is none that anybody wrote into `files:`.
    first.is_none_or(|first| matches!(first, Some('.' | '_')) && first != named)
}

/// Whether `**` or `*` led through a folder of such a name, which the pattern does not spell out.
fn in_left_out_folder(pattern: &Path, path: &Path) -> bool {
    let fixed = pattern.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']));
    let spelt: Vec<_> = pattern.components().filter(|part| part.as_os_str().to_string_lossy().starts_with(['.', '_'])).collect();
    let inner: Vec<_> = path.components().skip(fixed.count()).collect();
    let folders = inner.split_last().map_or(&[][..], |(_, folders)| folders);
    folders.iter().any(|part| is_left_out(Path::new(part.as_os_str()), None) && !spelt.contains(part))
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    let entries = std::fs::read_dir(dir).map_err(|error| ReadError::of(dir, error, 0))?;
    for entry in entries {
        let path = entry.map_err(|error| ReadError::of(dir, error, 0))?.path();
        if is_left_out(&path, None) {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The format that the file's name tells, `.gz` and `.zst` seen through.
pub fn format_of(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "csv" | "tsv" | "txt" | "psv" => Some(Format::Csv),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "json" => Some(Format::Json),
        "parquet" | "pq" => Some(Format::Parquet),
        "xlsx" | "xlsm" => Some(Format::Xlsx),
        "mbox" | "mbx" => Some(Format::Mbox),
        "eml" => Some(Format::Eml),
        "xes" => Some(Format::Xes),
        "jsonocel" | "xmlocel" => Some(Format::Ocel),
        "vtt" => Some(Format::Webvtt),
        _ => None,
    }
}

/// A number that changes when the file does: name, size, and the content of both its ends.
pub fn fingerprint(path: &Path) -> Result<u64, ReadError> {
    let refuse = |error| ReadError::of(path, error, 0);
    let mut file = File::open(path).map_err(refuse)?;
    let size = file.metadata().map_err(refuse)?.len();
    let mut hasher = Xxh3::new();
    hasher.update(path.to_string_lossy().as_bytes());
    hasher.update(&size.to_le_bytes());
    let mut bytes = Vec::new();
    (&mut file).take(SAMPLE).read_to_end(&mut bytes).map_err(refuse)?;
    hasher.update(&bytes);
    if size > SAMPLE {
        file.seek(SeekFrom::End(-(SAMPLE.min(size) as i64))).map_err(refuse)?;
        bytes.clear();
        file.take(SAMPLE).read_to_end(&mut bytes).map_err(refuse)?;
        hasher.update(&bytes);
    }
    Ok(hasher.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_formats_and_compression_is_seen_through() {
        let cases = [
            ("a.csv", Some(Format::Csv)),
            ("A.CSV.GZ", Some(Format::Csv)),
            ("b.ndjson.zst", Some(Format::Jsonl)),
            ("c.json", Some(Format::Json)),
            ("d.parquet", Some(Format::Parquet)),
            ("e.xlsx", Some(Format::Xlsx)),
            ("f.mbox.gz", Some(Format::Mbox)),
            ("g.EML", Some(Format::Eml)),
            ("h.xes.gz", Some(Format::Xes)),
            ("i.jsonocel", Some(Format::Ocel)),
            ("i.xmlocel.gz", Some(Format::Ocel)),
            ("j.vtt", Some(Format::Webvtt)),
            ("e.xls", None),
            ("README", None),
        ];
        for (name, format) in cases {
            assert_eq!(format_of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn folders_and_globs_are_sorted_and_markers_left_out() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "_SUCCESS", "_tmp.csv", ".hidden.csv", "sub/c.csv", "_temporary/d.csv", "sub/_old/e.csv"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x\n").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let files = list(dir.path(), Some(&OneOrMany::One(pattern.into()))).unwrap();
            files.iter().map(|f| f.strip_prefix(dir.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names("."), ["a.csv", "b.csv", "sub/c.csv"]);
        assert_eq!(names("*.csv"), ["a.csv", "b.csv"]);
        assert_eq!(names("**/*.csv"), ["a.csv", "b.csv", "sub/c.csv"]);
        assert_eq!(names("*"), ["a.csv", "b.csv", "sub/c.csv"]);
        // Who spells such a name out means it.
        assert_eq!(names("_*.csv"), ["_tmp.csv"]);
        assert_eq!(names("_tmp.csv"), ["_tmp.csv"]);
        assert_eq!(names("_temporary/*.csv"), ["_temporary/d.csv"]);
        assert_eq!(names("*/_old/*.csv"), ["sub/_old/e.csv"]);
        assert!(matches!(list(dir.path(), Some(&OneOrMany::One("*.parquet".into()))), Err(ReadError::Missing { .. })));
        assert!(matches!(list(dir.path(), Some(&OneOrMany::One("none.csv".into()))), Err(ReadError::Missing { .. })));
    }

    #[test]
    fn a_fingerprint_follows_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let first = fingerprint(&path).unwrap();
        assert_eq!(first, fingerprint(&path).unwrap());
        std::fs::write(&path, "two").unwrap();
        assert_ne!(first, fingerprint(&path).unwrap());
    }
}
