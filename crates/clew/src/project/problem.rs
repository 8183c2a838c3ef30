//! What is wrong with a project: where, what, and what to do.
//!
//! Every check of every crate ends up as a [`Problem`], so that one list, in the order of files and lines, answers
//! "what must I change?". The line for people is the form that editors and terminals make clickable:
//! `sources/orders.yaml:7:3: unknown key 'delimeter' — did you mean 'delimiter'?`

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Whether a problem stops the project from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The project cannot be used.
    Error,
    /// It can, but probably does not do what was meant.
    Warning,
}

/// A place in a file; line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// The first character of a file: the place of what concerns the file as a whole.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// Something wrong with a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, relative to the project.
    pub file: PathBuf,
    /// Where in it.
    #[serde(flatten)]
    pub position: Position,
    /// Whether it stops the project.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// An error in `file` at `position`.
    pub fn error(file: &Path, position: Position, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (message, remedy) = (one_line(&message.into()), one_line(&remedy.into()));
        Self { file: file.to_owned(), position, severity: Severity::Error, message, remedy }
    }
}

/// Messages of parsers may have several lines; a problem has one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        let warning = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, "{}:{line}:{column}: {warning}{} — {}", self.file.display(), self.message, self.remedy)
    }
}

/// All problems of a project, in the order of files and lines; each once.
#[derive(Clone, Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Whether any of them stops the project.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Sorted by file, line and column, without repetitions.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by(|a, b| (&a.file, a.position, &a.message).cmp(&(&b.file, b.position, &b.message)));
        self.0.dedup();
        self.0
    }
}

impl Extend<Problem> for Problems {
    fn extend<T: IntoIterator<Item = Problem>>(&mut self, problems: T) {
        self.0.extend(problems);
    }
}

/// The candidate that is spelled most like `word`, if any is near enough to be a slip of the finger.
///
/// Near enough is a Damerau–Levenshtein distance of at most a third of the longer word, and at least 1.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (word.chars().count().max(candidate.chars().count()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_people_can_be_clicked() {
        let position = Position { line: 7, column: 3 };
        let problem =
            Problem::error(Path::new("sources/orders.yaml"), position, "unknown key 'delimeter'", "did you mean 'delimiter'?");
        assert_eq!(problem.to_string(), "sources/orders.yaml:7:3: unknown key 'delimeter' — did you mean 'delimiter'?");
    }

    #[test]
    fn only_a_slip_of_the_finger_has_a_nearest_word() {
        assert_eq!(nearest("delimeter", ["quote", "delimiter", "header"]), Some("delimiter"));
        assert_eq!(nearest("zone", ["quote", "delimiter"]), None);
        assert_eq!(nearest("", ["quote"]), None);
    }
}
