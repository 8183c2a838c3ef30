//! The tables of `data/`: tab-separated text compiled into the binary and read once.
//!
//! A table is text so that a person can read, check and extend it and a diff shows what changed; its first lines, behind
//! `#`, name the source of the facts. Tables are part of the program: a malformed one is a bug that the first test
//! finds, so reading does not return errors. Deliberately missing: reading tables from disk, so that the same version
//! always cleans the same way.

/// The rows of a table: cells between tabs; comments and empty lines are left out.
pub(crate) fn rows(text: &'static str) -> impl Iterator<Item = Row> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Row)
}

/// One line of a table.
#[derive(Clone, Copy)]
pub(crate) struct Row(&'static str);

impl Row {
    /// The cells of the line; missing ones at its end are empty.
    pub(crate) fn cells<const N: usize>(self) -> [&'static str; N] {
        let mut cells = self.0.split('\t');
        std::array::from_fn(|_| cells.next().unwrap_or_default().trim())
    }
}

/// The words of a cell, between `|`.
pub(crate) fn words(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('|').map(str::trim).filter(|word| !word.is_empty())
}
