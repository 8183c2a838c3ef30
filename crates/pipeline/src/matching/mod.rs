//! Records that are columns already, matched without labels: what `clew match` does between reading files and writing its answer.
//!
//! | module | holds |
//! |---|---|
//! | here | the request, what is refused of it, and the call of `clew_identity::matching` |
//! | [`answer`] | clusters and pairs as record batches |
//! | [`look_up`] | records of another file looked up among those that were matched |
//! | [`report`] | what is said of a matching: levels and weights, rules, expected precision and recall, truth |
//!
//! All records are in memory, as text of the columns that are compared: [`MOST_RECORDS`] is the limit.

pub mod answer;
pub mod look_up;
pub mod report;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use clew_identity::matching::dictionary::Dictionary;
use clew_identity::matching::{
    Encoded, MOST_COMPARISONS, MatchError as Unmatched, Matching, Options, Silence, encode, match_records,
};

pub use clew_identity::matching::{Kind, Phase};

/// Records of one matching.
pub const MOST_RECORDS: usize = 50_000_000;

/// The records of one file.
#[derive(Clone, Debug)]
pub struct File {
    /// What messages call it.
    pub name: String,
    /// Rows, with their number in the file in the first column.
    pub batches: Vec<RecordBatch>,
    /// Names of the columns behind the first.
    pub columns: Vec<String>,
}

impl File {
    fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The chunks of column `name` as text.
    fn text(&self, name: &str) -> Option<Vec<StringArray>> {
        let place = self.columns.iter().position(|column| column == name)?;
        let text = |batch: &RecordBatch| {
            // What has no text (lists, structs) says nothing that could be compared.
            let cast = cast(batch.column(place + 1), &DataType::Utf8);
            cast.map_or_else(|_| StringArray::new_null(batch.num_rows()), |text| text.as_string::<i32>().clone())
        };
        Some(self.batches.iter().map(text).collect())
    }

    /// The number in the file of the row at `place`.
    fn row(&self, place: usize) -> i64 {
        let mut before = 0;
        for batch in &self.batches {
            if place < before + batch.num_rows() {
                return batch.column(0).as_primitive::<Int64Type>().value(place - before);
            }
            before += batch.num_rows();
        }
        0
    }
}

/// What is asked of a matching.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The column that names records; found, or rows are numbered, where none is given.
    pub id: Option<String>,
    /// Columns that are not compared.
    pub exclude: Vec<String>,
    /// What columns say, where their names and values do not tell.
    pub kinds: BTreeMap<String, Kind>,
    /// The column that is equal for records of one person, where that is known. It is not compared.
    pub truth: Option<String>,
    /// Columns of identifiers of which a person has one: records in which they differ are never one person.
    pub unique: Vec<String>,
    /// Pairs at or above this probability join clusters.
    pub threshold: f64,
    /// Threads.
    pub threads: usize,
    /// Whether the two files are linked: records of one file are never one person.
    pub link: bool,
}

/// Why records are not matched.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// A column that is asked for is not there.
    #[error("{file}: no column `{column}` ({option}); it has {}", columns.join(", "))]
    NoColumn {
        /// The file.
        file: String,
        /// The option that names it.
        option: &'static str,
        /// The column.
        column: String,
        /// Those that are there.
        columns: Vec<String>,
    },
    /// Two records have one id.
    #[error(
        "{file}: `{column}` is not an id: {repeated} records have one that came before, the first in rows {first} and {again}; \
         name another column with --id, or leave it out and rows are numbered"
    )]
    RepeatedId {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// Records whose id came before.
        repeated: usize,
        /// Row of the first one that is repeated.
        first: i64,
        /// The row that repeats it.
        again: i64,
    },
    /// A record has no id.
    #[error("{file}: row {row} has no `{column}`; name another column with --id, or leave it out and rows are numbered")]
    NoId {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// Its row.
        row: i64,
    },
    /// The truth says nothing.
    #[error("`{column}` cannot be the truth: {why}; --truth takes the column that is equal for the records of one person")]
    NoTruth {
        /// The column.
        column: String,
        /// Why.
        why: &'static str,
    },
    /// The files have no column of one name.
    #[error("{} and {} have no column of the same name to compare: {} | {}; rename the columns of one of them", files[0], files[1], columns[0].join(", "), columns[1].join(", "))]
    NothingInCommon {
        /// The files.
        files: [String; 2],
        /// Their columns.
        columns: [Vec<String>; 2],
    },
    /// Nothing tells records apart.
    #[error("no column tells records apart: {}; say with `columns:` of --config what a column holds", columns.join(", "))]
    NothingToCompare {
        /// Each column, and why not it.
        columns: Vec<String>,
    },
    /// One column alone does.
    #[error(
        "only `{column}` tells records apart: nothing says whether equal values are one record or chance; keep a second column, such as an address, \
         a telephone number or a date, or group by `{column}` itself"
    )]
    OneColumn {
        /// The column.
        column: String,
    },
    /// A column that is said to be unique is not compared.
    #[error(
        "`{column}` is named by `unique:` but has no comparison of its own: {why}; say with `columns:` what it holds, or leave it out of `unique:`"
    )]
    UniqueNotCompared {
        /// The column.
        column: String,
        /// Why.
        why: String,
    },
    /// Fewer than two records.
    #[error("{file}: {records} record: there is nothing to match")]
    TooFew {
        /// The file.
        file: String,
        /// Its records.
        records: usize,
    },
    /// More records than [`MOST_RECORDS`].
    #[error("{records} records; {MOST_RECORDS} can be matched at once: match a part, such as a region, at a time")]
    TooMany {
        /// The records.
        records: usize,
    },
}

/// A finished matching with what is needed to write and report it.
#[derive(Debug)]
pub struct Matched {
    /// What the core made of it.
    pub matching: Matching,
    /// What was asked.
    pub request: Request,
    /// The column of ids; `None` where rows were numbered.
    pub id: Option<String>,
    /// By record: its id.
    ids: ArrayRef,
    /// By record: 0 or 1, which file it is of; `None` where there is one file.
    parts: Option<Vec<u8>>,
    /// Columns that were not compared, and why.
    pub silent: Vec<(String, &'static str)>,
    /// By record: number of its truth.
    truth: Option<Vec<u32>>,
}

/// Matches the records of one file or two. `begins` is told what is begun.
pub fn matched(files: &[File], request: Request, begins: &mut dyn FnMut(Phase)) -> Result<Matched, MatchError> {
    let records: usize = files.iter().map(File::rows).sum();
    check(files, &request, records)?;
    let (id, ids) = ids(files, &request)?;
    let truth = request.truth.as_ref().map(|column| truth(files, column)).transpose()?;
    let left_out =
        |name: &String| Some(name) == id.as_ref() || Some(name) == request.truth.as_ref() || request.exclude.contains(name);
    let columns: Vec<String> = compared_columns(files, request.link)?.into_iter().filter(|name| !left_out(name)).collect();
    let (compared, mut silent) = {
        let texts: Vec<Vec<StringArray>> = columns.iter().map(|name| texts(files, name)).collect();
        let named: Vec<(String, Option<Kind>)> =
            columns.iter().map(|name| (name.clone(), request.kinds.get(name).copied())).collect();
        let encoded = encode(&named, request.threads, |place| texts[place].iter().flat_map(StringArray::iter));
        let (mut compared, mut silent) = (Vec::new(), Vec::new());
        for (name, encoded) in columns.into_iter().zip(encoded) {
            match encoded {
                Encoded::Column(column) => compared.push(column),
                Encoded::Nothing(why) => silent.push((name, words(why))),
            }
        }
        (compared, silent)
    };
    let parts: Option<Vec<u8>> = (files.len() > 1)
        .then(|| files.iter().zip(0..).flat_map(|(file, part)| std::iter::repeat_n(part, file.rows())).collect());
    let options = Options {
        threads: request.threads,
        threshold: request.threshold,
        parts: parts.clone().filter(|_| request.link),
        unique: request.unique.clone(),
    };
    let matching = match_records(compared, &options, begins).map_err(|error| match error {
        Unmatched::OneComparison { comparison } => MatchError::OneColumn { column: comparison },
        _ => MatchError::NothingToCompare { columns: silent.iter().map(|(name, why)| format!("`{name}` {why}")).collect() },
    })?;
    silent.extend(matching.left_out.iter().map(|name| (name.clone(), LEFT_OUT)));
    if let Some(column) = request.unique.iter().find(|name| !matching.comparisons.iter().any(|c| c.name == **name)) {
        let why = silent
            .iter()
            .find(|(name, _)| name == column)
            .map_or("it is the id, excluded, or part of an address", |(_, why)| *why);
        return Err(MatchError::UniqueNotCompared { column: column.clone(), why: why.to_owned() });
    }
    Ok(Matched { matching, request, id, ids, parts, silent, truth })
}

/// Why a column is not compared that could have been.
const LEFT_OUT: &str = const {
    assert!(MOST_COMPARISONS == 24, "the words below say how many");
    "tells less than the 24 comparisons that there can be"
};

fn words(silence: Silence) -> &'static str {
    match silence {
        Silence::Empty => "is empty",
        Silence::Constant => "is always the same",
        Silence::Sparse => "is empty in nearly all records",
        Silence::Unknown => "says nothing that is known to tell who it is",
    }
}

fn check(files: &[File], request: &Request, records: usize) -> Result<(), MatchError> {
    if records > MOST_RECORDS {
        return Err(MatchError::TooMany { records });
    }
    let least = if request.link { 1 } else { 2 };
    if let Some(file) = files.iter().find(|file| file.rows() < least).filter(|_| request.link || records < least) {
        return Err(MatchError::TooFew { file: file.name.clone(), records: file.rows() });
    }
    let missing = |file: &File, option, column: &String| MatchError::NoColumn {
        file: file.name.clone(),
        option,
        column: column.clone(),
        columns: file.columns.clone(),
    };
    for (option, column) in [("--id", &request.id), ("--truth", &request.truth)] {
        let Some(column) = column else { continue };
        if let Some(file) = files.iter().find(|file| !file.columns.contains(column)) {
            return Err(missing(file, option, column));
        }
    }
    let named = request
        .exclude
        .iter()
        .map(|column| ("--exclude", column))
        .chain(request.kinds.keys().map(|column| ("`columns:`", column)))
        .chain(request.unique.iter().map(|column| ("`unique:`", column)));
    for (option, column) in named {
        if !files.iter().any(|file| file.columns.contains(column)) {
            return Err(missing(&files[0], option, column));
        }
    }
    Ok(())
}

/// Linked files are compared in what both have; else a column that one file lacks has no value there.
fn compared_columns(files: &[File], link: bool) -> Result<Vec<String>, MatchError> {
    let [one, other] = files else { return Ok(files[0].columns.clone()) };
    let common: Vec<String> = one.columns.iter().filter(|name| other.columns.contains(name)).cloned().collect();
    if common.is_empty() {
        return Err(MatchError::NothingInCommon {
            files: [one.name.clone(), other.name.clone()],
            columns: [one.columns.clone(), other.columns.clone()],
        });
    }
    if link {
        return Ok(common);
    }
    let further = other.columns.iter().filter(|name| !one.columns.contains(name)).cloned();
    Ok(one.columns.iter().cloned().chain(further).collect())
}

/// The values of a column in all files; none where a file has no such column.
fn texts(files: &[File], name: &str) -> Vec<StringArray> {
    let of = |file: &File| file.text(name).unwrap_or_else(|| vec![StringArray::new_null(file.rows())]);
    files.iter().flat_map(of).collect()
}

/// Columns that name rows and say nothing of whom they are about. Not those of customers, insurances or accounts, which two records of one person share.
const NAMES_OF_IDS: [&str; 7] = ["id", "record_id", "rec_id", "unique_id", "row_id", "recordid", "rowid"];

/// The column of ids and the id of each record.
fn ids(files: &[File], request: &Request) -> Result<(Option<String>, ArrayRef), MatchError> {
    if let Some(column) = &request.id {
        for file in files {
            check_ids(file, column)?;
        }
        return Ok((Some(column.clone()), joined(files, column)));
    }
    let is_named_so = |name: &String| NAMES_OF_IDS.contains(&name.to_ascii_lowercase().as_str());
    let every = |name: &&String| files.iter().all(|file| file.columns.contains(name) && check_ids(file, name).is_ok());
    let not_meant = |name: &&String| {
        !request.exclude.contains(name) && !request.kinds.contains_key(*name) && request.truth.as_ref() != Some(name)
    };
    let found = files[0].columns.iter().filter(|name| is_named_so(name)).filter(not_meant).find(every);
    if let Some(column) = found {
        return Ok((Some(column.clone()), joined(files, column)));
    }
    let rows =
        files.iter().flat_map(|file| file.batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values()));
    Ok((None, Arc::new(Int64Array::from_iter_values(rows.copied()))))
}

fn check_ids(file: &File, column: &str) -> Result<(), MatchError> {
    let chunks = file.text(column).unwrap_or_default();
    let ids = Dictionary::of(chunks.iter().flat_map(StringArray::iter));
    let named = |place: usize| (file.name.clone(), column.to_owned(), file.row(place));
    if let Some(place) = ids.codes.iter().position(|code| *code == 0) {
        let (file, column, row) = named(place);
        return Err(MatchError::NoId { file, column, row });
    }
    let repeated = ids.codes.len() + 1 - ids.values.len();
    if repeated == 0 {
        return Ok(());
    }
    // Codes count up as values are first met: the first that does not is a repetition.
    let again = ids.codes.iter().zip(1..).position(|(code, place)| *code != place).unwrap_or(0);
    let first = ids.codes[again] as usize - 1;
    Err(MatchError::RepeatedId {
        file: file.name.clone(),
        column: column.to_owned(),
        repeated,
        first: file.row(first),
        again: file.row(again),
    })
}

/// A column of all files in one piece: of its own type where all agree, else text.
fn joined(files: &[File], name: &str) -> ArrayRef {
    let own = files.iter().flat_map(|file| {
        let place = file.columns.iter().position(|column| column == name);
        file.batches.iter().filter_map(move |batch| place.map(|place| batch.column(place + 1).clone()))
    });
    let own: Vec<ArrayRef> = own.collect();
    let refs: Vec<&dyn Array> = own.iter().map(AsRef::as_ref).collect();
    let text = || {
        let texts = texts(files, name);
        let refs: Vec<&dyn Array> = texts.iter().map(|text| text as &dyn Array).collect();
        arrow::compute::concat(&refs).unwrap_or_else(|_| Arc::new(StringArray::new_null(0)))
    };
    let one_type = own.windows(2).all(|two| two[0].data_type() == two[1].data_type());
    if one_type { arrow::compute::concat(&refs).unwrap_or_else(|_| text()) } else { text() }
}

/// The truth of each record as a number; a record without one is like no other.
fn truth(files: &[File], column: &str) -> Result<Vec<u32>, MatchError> {
    let texts = texts(files, column);
    let labels = Dictionary::of(texts.iter().flat_map(StringArray::iter));
    let wrong = |why| Err(MatchError::NoTruth { column: column.to_owned(), why });
    match labels.values.len() - 1 {
        0 => return wrong("it is empty"),
        1 => return wrong("it is the same in all records"),
        different if different == labels.codes.iter().filter(|code| **code != 0).count() => {
            return wrong("each record has another value");
        }
        _ => {}
    }
    let mut next = labels.values.len() as u32;
    let own = |code: &u32| {
        if *code != 0 {
            return *code;
        }
        next += 1;
        next
    };
    Ok(labels.codes.iter().map(own).collect())
}
