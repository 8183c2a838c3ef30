//! Why sources could not be read: of each the last words about it, for as long as they hold.
//!
//! A source stands here from a reading that failed to one that did not, whether a feed or a job read it. The words are those of intake, which
//! hold no secret and no value of a row. They are kept in memory only: after a start the feeds find out anew within seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use clew_intake::reader::ReadError;
use clew_intake::{ImportError, ImportReport, Problem, Severity, Source, Sources};

/// Bytes of the words about a source.
const LONGEST: usize = 600;

/// See the module. It holds no more than the project has sources.
#[derive(Debug, Default)]
pub struct Failures(Mutex<BTreeMap<String, String>>);

impl Failures {
    fn book(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().expect("no holder panics")
    }

    /// Why `source` could not be read; `None` where it could.
    pub fn of(&self, source: &str) -> Option<String> {
        self.book().get(source).cloned()
    }

    /// `source` could not be read.
    pub fn set(&self, source: &str, words: &str) {
        let mut words = words.replace('\n', " ");
        words.truncate(words.floor_char_boundary(LONGEST));
        self.book().insert(source.to_owned(), words);
    }

    /// `source` could be read.
    pub fn clear(&self, source: &str) {
        self.book().remove(source);
    }

    /// Notes what came of reading the sources `names` of `project`.
    pub fn settle(&self, project: &Sources, names: &BTreeSet<String>, imported: &Result<ImportReport, ImportError>) {
        match imported {
            Ok(report) => {
                for name in names {
                    self.clear(name);
                }
                for (name, words) in failed(report) {
                    self.set(&name, &words);
                }
            }
            // It ended early: of the others nothing is known.
            Err(error) => {
                for (name, words) in blamed(project, names, error) {
                    self.set(&name, &words);
                }
            }
        }
    }
}

/// The sources of a report that failed, and why; of several files of one the first.
fn failed(report: &ImportReport) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for failure in &report.failed {
        words.entry(failure.source.clone()).or_insert_with(|| failure.message.clone());
    }
    words
}

/// The sources that are to blame for an import that ended early, and why. Where that cannot be told, and several were read, none is.
fn blamed(project: &Sources, names: &BTreeSet<String>, error: &ImportError) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    match error {
        ImportError::Refused(problems) => {
            for problem in problems.iter().filter(|problem| problem.severity == Severity::Error) {
                if let Some(source) = project.sources.iter().find(|source| is_of(source, problem)) {
                    words.entry(source.name.clone()).or_insert_with(|| format!("{}; {}", problem.message, problem.remedy));
                }
            }
        }
        ImportError::TooManyDeleted { source_name, .. } => {
            words.insert(source_name.clone(), error.to_string());
        }
        ImportError::Read(read) => {
            let path = path_of(read);
            let has_it = |source: &&Source| {
                clew_intake::stamps(project, source).is_ok_and(|files| files.iter().any(|(file, _)| file == path))
            };
            if let Some(source) = project.sources.iter().filter(|source| names.contains(&source.name)).find(has_it) {
                words.insert(source.name.clone(), error.to_string());
            }
        }
        _ => {}
    }
    if let (true, Some(only), 1) = (words.is_empty(), names.first(), names.len()) {
        words.insert(only.clone(), error.to_string());
    }
    words
}

/// Whether the problem stands in one of the source's files.
fn is_of(source: &Source, problem: &Problem) -> bool {
    problem.path == source.yaml_path || source.mappings.iter().any(|mapping| mapping.path == problem.path)
}

fn path_of(error: &ReadError) -> &Path {
    match error {
        ReadError::Missing { path }
        | ReadError::Denied { path }
        | ReadError::Truncated { path, .. }
        | ReadError::Format { path, .. }
        | ReadError::Io { path, .. } => path,
    }
}

#[cfg(test)]
mod tests {
    use clew_intake::{Defaults, Failure};

    use super::*;

    fn project() -> Sources {
        let source = |name: &str| Source {
            name: name.to_owned(),
            spec: serde_json::from_value(serde_json::json!({"files": format!("{name}.csv")})).unwrap(),
            yaml_path: format!("sources/{name}.yaml").into(),
            mappings: Vec::new(),
        };
        Sources {
            dir: std::path::PathBuf::new(),
            defaults: Defaults::default(),
            rules: clew_pipeline::definitions::Rules::default(),
            sources: vec![source("crm"), source("orders")],
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn report(failed: &[&str]) -> ImportReport {
        let failure =
            |source: &&str| Failure { source: (*source).to_owned(), message: "the bucket is away".into(), is_away: true };
        ImportReport { sources: Vec::new(), failed: failed.iter().map(failure).collect() }
    }

    #[test]
    fn a_source_fails_until_it_is_read_again() {
        let (failures, project) = (Failures::default(), project());
        failures.settle(&project, &names(&["crm", "orders"]), &Ok(report(&["orders"])));
        assert_eq!((failures.of("crm"), failures.of("orders").as_deref()), (None, Some("the bucket is away")));
        failures.settle(&project, &names(&["crm"]), &Ok(report(&[])));
        assert!(failures.of("orders").is_some(), "it was not read");
        failures.settle(&project, &names(&["crm", "orders"]), &Ok(report(&[])));
        assert_eq!(failures.of("orders"), None);
    }

    #[test]
    fn who_stops_an_import_is_blamed_and_nobody_beside() {
        let (failures, project) = (Failures::default(), project());
        let problem = Problem::in_file("sources/crm.yaml", "crm.csv: no such file", "check `files:`");
        failures.settle(&project, &names(&["crm", "orders"]), &Err(ImportError::Refused(vec![problem])));
        assert_eq!((failures.of("crm").as_deref(), failures.of("orders")), (Some("crm.csv: no such file; check `files:`"), None));
        failures.clear("crm");
        failures.settle(&project, &names(&["crm", "orders"]), &Err(ImportError::Worker));
        assert_eq!((failures.of("crm"), failures.of("orders")), (None, None), "whose fault it was is not known");
        failures.settle(&project, &names(&["orders"]), &Err(ImportError::Worker));
        assert!(failures.of("orders").is_some(), "nobody else was read");
    }

    #[test]
    fn words_have_one_line_and_an_end() {
        let failures = Failures::default();
        failures.set("crm", &format!("the import was refused:\n{}", "é".repeat(LONGEST)));
        let words = failures.of("crm").unwrap();
        assert!(words.len() <= LONGEST && !words.contains('\n'), "{words}");
    }
}
