//! Reference data: read whole, keys checked, kept in memory for the joins of one import.
//!
//! A lookup with `on_duplicate: first` keeps the first row of each key; the others count as skipped. Without it a
//! repeated key refuses the import and names the row, because a join would silently double facts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use clew_lake::RowCounts;
use datafusion::datasource::MemTable;
use rustc_hash::{FxHashMap, FxHashSet};

use super::ImportError;
use super::job::of_file;
use crate::mapping::{LookupTable, Lookups};
use crate::nearest::nearest;
use crate::reader::{ROW, ReadOptions, Reader, Unreadable, list};
use crate::spec::{Lookup, OnDuplicate, Problem, Source, Sources};
use crate::typing::convert;

/// Largest lookup in bytes of Arrow memory: it is held in memory as a whole.
pub const MAX_BYTES: usize = 1 << 30;

/// One lookup in memory.
pub struct LoadedLookup {
    key: Vec<String>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// Rows equation and unreadable rows by file name.
    pub files: Vec<(String, RowCounts, Vec<Unreadable>)>,
}

/// The lookups that an import needs.
#[derive(Default)]
pub struct Loaded(BTreeMap<String, LoadedLookup>);

impl Loaded {
    /// Reads the lookups among `selected` and those that their mappings name.
    pub fn read(sources: &Sources, selected: &[&Source]) -> Result<Self, ImportError> {
        let needed = |source: &&Source| {
            let named = |sql: &str| {
                sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word.eq_ignore_ascii_case(&source.name))
            };
            let is_selected = selected.iter().any(|selected| selected.name == source.name);
            let expectations = || selected.iter().flat_map(|source| &source.spec.expect);
            (is_selected && source.mappings.is_empty())
                || expectations().any(|expectation| expectation.reference.as_ref() == Some(&source.name))
                || selected.iter().flat_map(|source| &source.mappings).any(|mapping| named(&mapping.sql))
        };
        let (mut loaded, mut problems) = (Self::default(), Vec::new());
        for source in sources.sources.iter().filter(needed) {
            let Some(lookup) = &source.spec.lookup else { continue };
            match LoadedLookup::read(sources, source, lookup) {
                Ok(one) => {
                    loaded.0.insert(source.name.clone(), one);
                }
                Err(problem) => problems.push(*problem),
            }
        }
        if problems.is_empty() { Ok(loaded) } else { Err(ImportError::Refused(problems)) }
    }

    /// Every lookup of the project with its columns and no rows, for checking. A file that cannot be read gives a lookup
    /// without columns; its own source tells why.
    pub fn columns_only(sources: &Sources) -> Lookups {
        let lookup = |source: &Source| {
            let lookup = source.spec.lookup.as_ref()?;
            let first = list(&sources.dir, source.spec.files.as_ref()).ok().and_then(|files| files.into_iter().next());
            let reader = first.and_then(|path| Reader::open(&path, &ReadOptions::of(&source.spec)).ok());
            let schema = reader.map_or_else(|| Arc::new(Schema::empty()), |reader| reader.schema());
            let table = MemTable::try_new(schema, vec![vec![]]).expect("no batch disagrees with the schema");
            Some((
                source.name.clone(),
                LookupTable { key: lookup.key.iter().map(str::to_owned).collect(), table: Arc::new(table) },
            ))
        };
        sources.sources.iter().filter_map(lookup).collect()
    }

    /// For the engine.
    pub fn tables(&self) -> Lookups {
        let table = |lookup: &LoadedLookup| {
            let table = MemTable::try_new(lookup.schema.clone(), vec![lookup.batches.clone()])
                .expect("every batch was read with this schema");
            LookupTable { key: lookup.key.clone(), table: Arc::new(table) }
        };
        self.0.iter().map(|(name, lookup)| (name.clone(), table(lookup))).collect()
    }

    /// The lookup called `name`, or `None`.
    pub fn find(&self, name: &str) -> Option<&LoadedLookup> {
        self.0.get(name)
    }
}

impl LoadedLookup {
    /// The values of a key of one column.
    pub fn keys(&self) -> FxHashSet<String> {
        let columns = self.batches.iter().filter_map(|batch| batch.column_by_name(self.key.first()?));
        let texts: Vec<StringArray> = columns.map(convert::text).collect();
        texts.iter().flat_map(|texts| texts.iter().flatten()).map(|text| text.trim().to_owned()).collect()
    }

    fn read(sources: &Sources, source: &Source, lookup: &Lookup) -> Result<Self, Box<Problem>> {
        let refuse = |message: String, remedy: &str| Box::new(Problem::in_source(source, "/lookup", message, remedy));
        let read_problem = |error| Box::new(of_file(source, error));
        let key: Vec<String> = lookup.key.iter().map(str::to_owned).collect();
        let mut loaded = Self { key, schema: Arc::new(Schema::empty()), batches: Vec::new(), files: Vec::new() };
        let mut seen: FxHashMap<Vec<u8>, i64> = FxHashMap::default();
        let mut bytes = 0;
        for path in list(&sources.dir, source.spec.files.as_ref()).map_err(read_problem)? {
            let mut reader = Reader::open(&path, &ReadOptions::of(&source.spec)).map_err(read_problem)?;
            let columns: Vec<String> = loaded.schema.fields().iter().map(|field| field.name().clone()).collect();
            reader.add_columns(columns.iter().map(String::as_str));
            if loaded.files.is_empty() {
                loaded.schema = reader.schema();
            }
            let wanted: Option<Vec<usize>> =
                loaded.schema.fields().iter().map(|field| reader.schema().index_of(field.name()).ok()).collect();
            let wanted = wanted.ok_or_else(|| {
                refuse(
                    format!("{}: its columns differ from those of the first file", path.display()),
                    "give every file the same header",
                )
            })?;
            let decoder = reader.decoder();
            let mut counts = RowCounts::default();
            let mut unreadable = Vec::new();
            while let Some(block) = reader.next_block().map_err(read_problem)? {
                let decoded = decoder.decode(&block, &wanted);
                counts.read += block.len() as u64;
                counts.unreadable += decoded.unreadable.len() as u64;
                unreadable.extend(decoded.unreadable);
                let keep = loaded
                    .unique_rows(&decoded.batch, &mut seen, lookup.on_duplicate)
                    .map_err(|(message, remedy)| refuse(format!("{}: {message}", path.display()), &remedy))?;
                let kept = filter_record_batch(&decoded.batch, &keep).expect("the mask has a value per row");
                counts.mapped += kept.num_rows() as u64;
                counts.skipped += (decoded.batch.num_rows() - kept.num_rows()) as u64;
                let places: Vec<usize> = (1..kept.num_columns()).collect();
                let kept = kept.project(&places).expect("the places are its own");
                bytes += kept.get_array_memory_size();
                if bytes > MAX_BYTES {
                    return Err(refuse(
                        format!("the lookup is larger than {MAX_BYTES} bytes"),
                        "keep only the columns and rows that mappings need",
                    ));
                }
                let kept = kept.with_schema(loaded.schema.clone()).expect("the columns were chosen by this schema");
                loaded.batches.push(kept);
            }
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            loaded.files.push((name, counts, unreadable));
        }
        Ok(loaded)
    }

    /// Which rows come first with their key; or what is wrong with the key, and the remedy.
    fn unique_rows(
        &self,
        batch: &RecordBatch,
        seen: &mut FxHashMap<Vec<u8>, i64>,
        on_duplicate: OnDuplicate,
    ) -> Result<BooleanArray, (String, String)> {
        let mut columns: Vec<StringArray> = Vec::new();
        for name in &self.key {
            let Some(column) = batch.column_by_name(name) else {
                let schema = self.schema.clone();
                let known = nearest(name, schema.fields().iter().map(|field| field.name().as_str()));
                let hint = known.map_or(String::new(), |known| format!(": did you mean {known}?"));
                return Err((format!("there is no key column {name}{hint}"), "correct `lookup: {key: …}`".into()));
            };
            columns.push(convert::text(column));
        }
        let row_numbers = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(
            batch.column_by_name(ROW).expect("every decoded batch has it").as_ref(),
        );
        let mut keep = Vec::with_capacity(batch.num_rows());
        let mut key = Vec::new();
        for row in 0..batch.num_rows() {
            key.clear();
            for column in &columns {
                let value = if column.is_valid(row) { column.value(row) } else { "" };
                key.extend_from_slice(&(value.len() as u32).to_le_bytes());
                key.extend_from_slice(value.as_bytes());
            }
            let first = seen.get(&key).copied();
            if let (Some(first), OnDuplicate::Refuse) = (first, on_duplicate) {
                let message =
                    format!("the key {} of row {first} comes again in row {}", self.key.join(", "), row_numbers.value(row));
                return Err((message, "name a key that is unique, or say `on_duplicate: first`".into()));
            }
            if first.is_none() {
                seen.insert(key.clone(), row_numbers.value(row));
            }
            keep.push(first.is_none());
        }
        Ok(BooleanArray::from(keep))
    }
}
