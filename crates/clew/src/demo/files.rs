//! Writers for the raw files: delimited text, JSON lines, JSON documents, plain or gzip.
//!
//! They stream and know only as much of each format as an old export program does: quoting where needed, one encoding a
//! file. The reader under test is not used to write what it reads.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;

/// An open file: plain, or gzip when its name ends in `.gz`.
#[expect(clippy::large_enum_variant, reason = "one value lives at a time")]
enum Out {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
}

impl Out {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let out = BufWriter::with_capacity(1 << 16, file);
        if path.extension().is_some_and(|extension| extension == "gz") {
            return Ok(Self::Gzip(GzEncoder::new(out, Compression::fast())));
        }
        Ok(Self::Plain(out))
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes)?,
            Self::Gzip(out) => out.write_all(bytes)?,
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush()?,
            Self::Gzip(out) => out.finish()?.flush()?,
        }
        Ok(())
    }
}

/// How a delimited file is written.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: char,
    /// Windows-1252 instead of UTF-8.
    pub latin1: bool,
}

/// Comma and UTF-8.
pub const PLAIN: Dialect = Dialect { delimiter: ',', latin1: false };

/// A delimited file with a header.
pub struct Table {
    out: Out,
    dialect: Dialect,
    line: String,
    columns: usize,
    /// Rows written, without the header.
    pub rows: u64,
}

impl Table {
    /// Opens the file and writes the header.
    pub fn create(path: &Path, dialect: Dialect, header: &str) -> anyhow::Result<Self> {
        let cells: Vec<&str> = header.split_whitespace().collect();
        let mut table = Self { out: Out::create(path)?, dialect, line: String::new(), columns: cells.len(), rows: 0 };
        table.row(&cells)?;
        table.rows = 0;
        Ok(table)
    }

    /// Writes one row, quoting what needs it.
    pub fn row(&mut self, cells: &[&str]) -> anyhow::Result<()> {
        debug_assert_eq!(cells.len(), self.columns, "a row has as many cells as the header");
        self.line.clear();
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                self.line.push(self.dialect.delimiter);
            }
            if cell.contains(['"', '\n', '\r', self.dialect.delimiter]) {
                self.line.push('"');
                self.line.push_str(&cell.replace('"', "\"\""));
                self.line.push('"');
            } else {
                self.line.push_str(cell);
            }
        }
        self.line.push('\n');
        self.put()
    }

    /// Writes a line as it stands: a broken one.
    pub fn broken(&mut self, line: &str) -> anyhow::Result<()> {
        self.line.clear();
        self.line.push_str(line);
        self.line.push('\n');
        self.put()
    }

    fn put(&mut self) -> anyhow::Result<()> {
        self.rows += 1;
        if !self.dialect.latin1 {
            return self.out.write(self.line.as_bytes());
        }
        let bytes: Vec<u8> = self.line.chars().map(|letter| u8::try_from(letter as u32).unwrap_or(b'?')).collect();
        self.out.write(&bytes)
    }

    /// Flushes and closes.
    pub fn finish(self) -> anyhow::Result<()> {
        self.out.finish()
    }
}

/// A file of JSON lines.
pub struct Lines {
    out: Out,
    /// Lines written.
    pub rows: u64,
}

impl Lines {
    /// Opens the file.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { out: Out::create(path)?, rows: 0 })
    }

    /// Writes one line.
    pub fn line(&mut self, line: &str) -> anyhow::Result<()> {
        self.rows += 1;
        self.out.write(line.as_bytes())?;
        self.out.write(b"\n")
    }

    /// Flushes and closes.
    pub fn finish(self) -> anyhow::Result<()> {
        self.out.finish()
    }
}

/// A JSON document with one array inside.
pub struct Document {
    out: Out,
    tail: &'static str,
    /// Items written.
    pub rows: u64,
}

impl Document {
    /// Opens the file with what stands before the array's items; `tail` is what follows them.
    pub fn create(path: &Path, head: &str, tail: &'static str) -> anyhow::Result<Self> {
        let mut out = Out::create(path)?;
        out.write(head.as_bytes())?;
        Ok(Self { out, tail, rows: 0 })
    }

    /// Writes one item.
    pub fn item(&mut self, item: &str) -> anyhow::Result<()> {
        self.out.write(if self.rows == 0 { b"\n" } else { b",\n" })?;
        self.rows += 1;
        self.out.write(item.as_bytes())
    }

    /// Writes the tail, flushes and closes.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.out.write(self.tail.as_bytes())?;
        self.out.finish()
    }
}

/// `text` as a JSON string with quotes.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
