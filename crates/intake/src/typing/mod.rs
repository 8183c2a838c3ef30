//! What a mapping gives into the typed columns of its table: parsed, checked, canonical, or quarantined with a reason.
//!
//! One [`Typer`] serves one mapping of one source on every thread. It works column by column over a whole chunk; a
//! value that does not fit marks its row, and rows with a mark leave the batch at the end with the reason of their
//! first one. Nothing is dropped silently: a word outside a vocabulary that has a fallback keeps its spelling in
//! `properties` and flags the fact, one without a fallback quarantines it.
//!
//! Every fact of every source passes through [`cleansing`] here: repaired or emptied values are stored beside their raw text, each
//! with a flag, and what follows from them beside that. Identity is of what was said: content hashes see the values as they
//! came.
//!
//! Filled in where the mapping says nothing: the id (hash of the raw row, its how-manieth occurrence, and the fact's
//! ordinal in its row), `utc_offset_min` from the time's own offset, the scale of nps, csat and ces, the currency and
//! language of the project, `respondent` and `kind` from the population.

pub mod cleansing;
mod content;
pub mod convert;
mod counts;
mod faults;
mod identifiers;
mod json;
mod promoted;
pub mod properties;
mod refine;
pub mod slots;
#[cfg(test)]
mod tests;
pub mod time;
mod words;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{filter, filter_record_batch, nullif};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimestampMicrosecondType};
use clew_cleanse::code::Currency;
use clew_cleanse::flag::Effect;
use clew_identity::CompiledRules;
use clew_lake::{arrow_schema, data_type};
use clew_model::tables::{Column, ColumnType, Table};
use clew_model::{ContentHash, id::Base32};
use jiff::tz::TimeZone;

use self::cleansing::conventions::Conventions;
use self::cleansing::field::Kind;
use self::cleansing::notes::{FieldNotes, Notes};
use self::cleansing::typed::{self, Margin};
use self::cleansing::visit::Clock;
use self::cleansing::{Cleanser, Lender};
use self::content::Said;
pub use self::counts::FieldCounts;
use self::faults::Faults;
pub use self::faults::{Flag, Reason};
pub use self::identifiers::Candidates;
use self::identifiers::IdentifierColumn;
use self::promoted::ToText;
use self::slots::Slot;
use self::words::Words;
use crate::reader::ROW;
use crate::spec::PromotedType;

/// Hidden column: the time that the sender gave. It stands for the corrected time in the fact's content, so that a retry, which is
/// corrected differently, is a duplicate.
pub(crate) const SAID: &str = "_said_at";
/// Hidden column: flags that the caller found already.
pub(crate) const FLAGS: &str = "_flags";
/// Hidden column: entries of `derived` that the caller found already, as an object without its closing brace.
pub(crate) const DERIVED: &str = "_derived";

/// Every code that `quality` may hold: of a fact, without effect, and of one of its fields, with what it did to the value; and the meaning.
pub fn flags() -> impl Iterator<Item = (&'static str, Option<&'static str>, &'static str)> {
    let effect = |flag: clew_cleanse::flag::Flag| match flag.effect() {
        // A number without any country is no worse than it was: it is stored as it stands.
        _ if flag == clew_cleanse::flag::Flag::MissingCountry => "kept",
        Effect::Changed => "changed",
        Effect::Noted => "kept",
        Effect::Refused => "emptied",
    };
    let of_fields = clew_cleanse::flag::Flag::ALL.iter().map(move |flag| (flag.code(), Some(effect(*flag)), flag.meaning()));
    faults::FLAGS.iter().map(|(code, meaning)| (*code, None, meaning.trim())).chain(of_fields)
}

/// Where facts come from, as far as their content depends on it.
#[derive(Clone)]
pub struct Origin {
    /// Name of the source.
    pub source: String,
    /// Population of its identifiers.
    pub population: String,
    /// The project's identifier rules.
    pub rules: Arc<CompiledRules>,
    /// Zone of naive times.
    pub zone: Option<TimeZone>,
    /// Language of text that names none.
    pub language: Option<String>,
    /// Currency of amounts that name none.
    pub currency: Option<String>,
    /// Promoted properties: name and type.
    pub promoted: Vec<(String, PromotedType)>,
    /// Whether facts are versions (upsert and snapshot mode).
    pub versions: bool,
    /// How the source writes its values.
    pub conventions: Arc<Conventions>,
}

impl Origin {
    /// How its times are written.
    fn times(&self) -> time::Writing<'_> {
        time::Writing { zone: self.zone.as_ref(), order: self.conventions.order }
    }
}

/// Where and when a chunk arrived.
pub struct Arrival<'a> {
    /// Microseconds, UTC.
    pub received_at: i64,
    /// File as facts name it.
    pub file: &'a str,
    /// Row number of `keys[0]`.
    pub first_row: i64,
    /// Hash and occurrence of every row, where the mapping gives no id.
    pub keys: &'a [(u64, u32)],
}

/// A fact that goes to quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its row in the file.
    pub row_no: i64,
    /// Stable code.
    pub reason: &'static str,
    /// In words, without a value.
    pub detail: String,
}

/// The facts of one chunk for one table.
#[derive(Debug)]
pub struct Typed {
    /// Rows of the table's schema with promoted columns.
    pub rows: RecordBatch,
    /// Content hash of each.
    pub content: Vec<u64>,
    /// Facts that the mapping made.
    pub produced: u64,
    /// Those that are not in `rows`.
    pub failures: Vec<Failure>,
    /// What the mapped fields of all of them looked like.
    pub fields: Vec<FieldCounts>,
}

/// Types what one mapping gives.
pub struct Typer {
    origin: Arc<Origin>,
    table: &'static Table,
    /// Output position by column of the table.
    mapped: Vec<Option<usize>>,
    identifiers: Vec<IdentifierColumn>,
    singles: Vec<(String, usize)>,
    /// The columns of its facts that the source fills.
    fields: Vec<String>,
    has_checked_objects: bool,
    to_text: ToText,
    /// How each column of text is cleansed.
    kinds: Vec<Option<Kind>>,
    cleansers: Lender<Box<Cleanser>>,
    clock: Clock,
}

impl Typer {
    /// A typer for a mapping with these output columns, which [`slots::problems`] found nothing wrong with.
    pub fn new(origin: Arc<Origin>, table: &'static Table, output: &Schema) -> Self {
        let kind_of = |column: &Column| Kind::of(table.name, column.name).filter(|_| !origin.conventions.is_off(column.name));
        let mut typer = Self {
            kinds: table.columns.iter().map(kind_of).collect(),
            cleansers: Lender::default(),
            clock: Clock::default(),
            origin,
            table,
            mapped: vec![None; table.columns.len()],
            identifiers: Vec::new(),
            singles: Vec::new(),
            fields: Vec::new(),
            has_checked_objects: false,
            to_text: ToText::WhereMost,
        };
        for (at, field) in output.fields().iter().enumerate() {
            match Slot::of(table, field.name()) {
                Some(Slot::Column(column)) => typer.mapped[column] = Some(at),
                Some(Slot::Identifier(kind)) => typer.identifiers.push(IdentifierColumn { kind: kind.to_owned(), at }),
                Some(Slot::Property(name)) => typer.singles.push((name.to_owned(), at)),
                None => {}
            }
        }
        typer.identifiers.sort_by(|a, b| a.kind.cmp(&b.kind));
        let mapped = table.columns.iter().zip(&typer.mapped).filter(|(_, from)| from.is_some());
        let promoted = typer.origin.promoted.iter().map(|(name, _)| format!("p_{name}"));
        typer.fields = mapped.map(|(column, _)| column.name.to_owned()).chain(promoted).collect();
        typer
    }

    /// Takes the caller's word that `properties` and `attributes` are JSON objects with values within their limit.
    #[must_use]
    pub(crate) fn with_checked_objects(self) -> Self {
        Self { has_checked_objects: true, ..self }
    }

    /// Anybody may send its values: what a promoted property is does not change with them.
    #[must_use]
    pub(crate) fn open_to_anybody(self) -> Self {
        Self { to_text: ToText::Never, ..self }
    }

    /// The table that it fills.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// The columns of its facts that the source fills.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Whether the mapping leaves the id to the hash of the raw row.
    pub fn needs_keys(&self) -> bool {
        self.mapped[0].is_none()
    }

    /// Whether facts are versions from when they came, because the mapping does not say since when they hold.
    pub(crate) fn dates_versions(&self) -> bool {
        let place = self.table.columns.iter().position(|column| column.name == "valid_from");
        let is_mapped = place.is_some_and(|at| self.mapped[at].is_some());
        !is_mapped && (self.origin.versions || self.table.name == "records")
    }

    /// Types `output`, whose column [`ROW`] is sorted. Subjects are offered to `candidates`.
    ///
    /// # Panics
    /// When `output` is not what the mapping of this typer gives.
    pub fn apply(&self, output: &RecordBatch, arrival: &Arrival, candidates: &mut Candidates) -> Typed {
        let rows = output.num_rows();
        let row_numbers =
            output.column_by_name(ROW).expect("every mapping carries the hidden column").as_primitive::<Int64Type>();
        let mut work = Work {
            typer: self,
            output,
            arrival,
            row_numbers,
            faults: Faults::new(rows),
            words: Words::default(),
            columns: vec![None; self.table.columns.len()],
            said: Said::default(),
            notes: Notes::default(),
            fields: Vec::new(),
            cleanser: self.cleansers.lend(),
            currencies: Vec::new(),
            default_version: false,
        };
        work.given_flags();
        work.plain_columns();
        work.scores();
        let places = work.places();
        work.cleanse(&places);
        work.identify(&places, candidates);
        work.properties();
        work.derive();
        let (rows, default_version) = work.assemble();
        let failures: Vec<Failure> = work
            .faults
            .failures()
            .map(|(at, reason, detail)| Failure { row_no: row_numbers.value(at), reason, detail })
            .collect();
        let produced = rows.num_rows() as u64;
        let has_said_time = work.say_time();
        let Work { faults, mut said, fields, cleanser, .. } = work;
        self.cleansers.take_back(cleanser);
        let rows = if failures.is_empty() {
            rows
        } else {
            let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(!faults.has_failed(row))).collect();
            for column in said.values_mut().flatten() {
                *column = filter(column, &keep).expect("the mask has a value per row");
            }
            filter_record_batch(&rows, &keep).expect("the mask has a value per row")
        };
        let outside: &[&str] = match (has_said_time, default_version) {
            (true, _) => &["sent_at"],
            (false, true) => &["valid_from"],
            (false, false) => &[],
        };
        let content = content::hashes(&rows, &said, outside);
        let rows = Self::with_content(rows, &content);
        Typed { rows: self.required(&rows), content, produced, failures, fields }
    }

    /// Fills the column `content` of records.
    fn with_content(rows: RecordBatch, content: &[u64]) -> RecordBatch {
        let Some((at, _)) = rows.schema().column_with_name("content") else { return rows };
        let mut columns = rows.columns().to_vec();
        columns[at] = Arc::new(content.iter().map(|hash| Some(ContentHash(*hash).to_hex())).collect::<StringArray>());
        RecordBatch::try_new(rows.schema(), columns).expect("the column has a value per row")
    }

    /// The batch under the table's own schema, in which required columns are not nullable.
    fn required(&self, rows: &RecordBatch) -> RecordBatch {
        let base = arrow_schema(self.table);
        let given = rows.schema();
        let fields = given
            .fields()
            .iter()
            .map(|field| base.field_with_name(field.name()).map_or_else(|_| field.clone(), |field| Arc::new(field.clone())));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, rows.columns().to_vec()).expect("a fact without a required value has failed")
    }
}

/// One chunk on its way.
struct Work<'a> {
    typer: &'a Typer,
    output: &'a RecordBatch,
    arrival: &'a Arrival<'a>,
    row_numbers: &'a arrow::array::PrimitiveArray<Int64Type>,
    faults: Faults,
    words: Words,
    columns: Vec<Option<ArrayRef>>,
    /// What was said in the place of a column that is stored otherwise.
    said: Said,
    notes: Notes,
    fields: Vec<FieldCounts>,
    cleanser: Box<Cleanser>,
    /// Currencies that stood beside amounts, by row.
    currencies: Vec<(usize, Currency)>,
    default_version: bool,
}

impl Work<'_> {
    fn rows(&self) -> usize {
        self.faults.len()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.typer.table.columns.iter().position(|column| column.name == name)
    }

    fn typed(&self, name: &str) -> Option<&ArrayRef> {
        self.columns[self.place(name)?].as_ref()
    }

    fn is_mapped(&self, name: &str) -> bool {
        self.place(name).is_some_and(|at| self.typer.mapped[at].is_some())
    }

    fn set(&mut self, name: &str, column: ArrayRef) {
        if let Some(at) = self.place(name) {
            self.columns[at] = Some(column);
        }
    }

    /// What was said in the place of a column, if that is another thing.
    fn said(&self, name: &str) -> Option<&ArrayRef> {
        self.said.get(&self.place(name)?)?.first()
    }

    fn say(&mut self, name: &str, columns: Vec<ArrayRef>) {
        if let Some(at) = self.place(name) {
            self.said.insert(at, columns);
        }
    }

    /// The time that the sender gave is said in the place of the corrected one; whether there is one.
    fn say_time(&mut self) -> bool {
        let Some(said) = self.output.column_by_name(SAID).cloned() else { return false };
        let time = ["occurred_at", "valid_from"].into_iter().find(|name| self.place(name).is_some());
        time.inspect(|name| self.say(name, vec![said])).is_some()
    }

    /// What the caller found before.
    fn given_flags(&mut self) {
        let output = self.output;
        let Some(flags) = output.column_by_name(FLAGS) else { return };
        for (row, flags) in flags.as_primitive::<Int64Type>().values().iter().enumerate().filter(|(_, flags)| **flags != 0) {
            self.faults.mark(row, *flags as u32);
        }
    }

    /// Every column that stands in the mapping, and the constants.
    fn plain_columns(&mut self) {
        let typer = self.typer;
        // A birth date is judged as of the day on which its record was made: that is read before.
        let is_late = |at: &usize| typer.table.columns[*at].name == "birth_date";
        let order =
            (0..typer.table.columns.len()).filter(|at| !is_late(at)).chain((0..typer.table.columns.len()).filter(is_late));
        for at in order {
            let column = &typer.table.columns[at];
            if let Some(from) = typer.mapped[at] {
                let given = self.output.column(from).clone();
                let typed = self.convert(column, &given);
                self.columns[at] = Some(typed);
            }
        }
        let rows = self.rows();
        let origin = &typer.origin;
        if typer.mapped[0].is_none() {
            self.columns[0] = Some(self.default_ids());
        }
        self.set("source", constant(&origin.source, rows));
        self.set("population", constant(&origin.population, rows));
        self.set("file", constant(self.arrival.file, rows));
        self.set("row_no", Arc::new(self.row_numbers.clone()));
        let received = Arc::new(TimestampMicrosecondArray::from_value(self.arrival.received_at, rows).with_timezone("UTC"));
        self.set("received_at", received.clone());
        if !self.is_mapped("valid_from") && (origin.versions || typer.table.name == "records") {
            self.default_version = true;
            self.set("valid_from", received);
        }
        words::fill_defaults(self);
        self.set_currencies();
    }

    fn convert(&mut self, column: &Column, given: &ArrayRef) -> ArrayRef {
        let (name, rows) = (column.name, given.len());
        let mut counts = FieldCounts::of(name, rows);
        // Text that is cleansed is counted then; text that is not has no value that does not fit.
        let is_text = matches!(column.kind, ColumnType::Text | ColumnType::TextList);
        let vocabulary = words::Vocabulary::of(self.typer.table.name, name);
        counts.nulls = if is_text && vocabulary.is_none() { given.null_count() as u64 } else { counts::nulls(given) };
        let is_cleansed = vocabulary.is_some()
            || (typed::reads(column.kind, name, given.data_type()) && !self.typer.origin.conventions.is_off(name));
        let typed = if is_cleansed {
            self.convert_cleansed(name, vocabulary, given, &mut counts)
        } else {
            self.convert_plain(column, given)
        };
        if !is_text || vocabulary.is_some() {
            counts.invalid += (typed.null_count() as u64).saturating_sub(counts.nulls);
        }
        if self.typer.kinds[self.place(name).unwrap_or_default()].is_none() {
            self.fields.push(counts);
        }
        typed
    }

    /// A column whose text is read under the source's conventions.
    fn convert_cleansed(
        &mut self,
        name: &'static str,
        vocabulary: Option<words::Vocabulary>,
        given: &ArrayRef,
        counts: &mut FieldCounts,
    ) -> ArrayRef {
        let mut notes = FieldNotes::of(name);
        let made = self.place("valid_from").unwrap_or_default();
        let conventions = &self.typer.origin.conventions;
        let mut margin = Margin { faults: &mut self.faults, notes: &mut notes, counts };
        let read = match vocabulary {
            Some(vocabulary) => vocabulary.read(given, name, &mut margin, &mut self.words),
            None if name == "birth_date" => {
                let made = self.columns[made].as_ref().map(AsArray::as_primitive::<TimestampMicrosecondType>);
                let made =
                    |row: usize| made.filter(|made| made.is_valid(row)).map_or(self.arrival.received_at, |made| made.value(row));
                typed::birth_dates(given, made, conventions, &mut margin)
            }
            None => {
                let (amounts, currencies) = typed::amounts(given, conventions, &mut margin);
                self.currencies = currencies;
                amounts
            }
        };
        self.notes.add(notes);
        if let Some(said) = read.said {
            self.say(name, said);
        }
        read.column
    }

    fn convert_plain(&mut self, column: &Column, given: &ArrayRef) -> ArrayRef {
        let (name, faults) = (column.name, &mut self.faults);
        match column.kind {
            ColumnType::Text => Arc::new(convert::text(given)),
            ColumnType::Int64 => convert::int64(given, name, faults),
            ColumnType::Int32 => convert::int32(given, name, faults),
            ColumnType::Float64 => convert::float64(given, name, faults),
            ColumnType::Boolean => convert::boolean(given, name, faults),
            ColumnType::Date => time::dates(given, name, faults),
            ColumnType::Decimal => convert::decimal(given, name, faults),
            ColumnType::TextList => convert::text_list(given),
            // No mapping fills these: identifiers come from their own columns, integer lists stand in derived tables only.
            kind @ (ColumnType::Identifiers | ColumnType::IntList) => new_null_array(&data_type(kind), given.len()),
            ColumnType::Timestamp => {
                let read = time::instants(given, self.typer.origin.times(), name, faults);
                if name == "occurred_at" && !self.is_mapped("utc_offset_min") {
                    self.set("utc_offset_min", read.offsets);
                }
                read.instants
            }
        }
    }

    /// Hash of the raw row, its occurrence in the file, and the fact's ordinal in the row when it is not the first.
    fn default_ids(&self) -> ArrayRef {
        let mut last = (i64::MIN, 0);
        let ids = self.row_numbers.values().iter().map(|row_no| {
            last = (*row_no, if last.0 == *row_no { last.1 + 1 } else { 0 });
            let (hash, occurrence) = self.arrival.keys.get((row_no - self.arrival.first_row) as usize)?;
            let id = format!("{}.{occurrence}", Base32::of(*hash));
            Some(if last.1 == 0 { id } else { format!("{id}.{}", last.1) })
        });
        Arc::new(ids.collect::<StringArray>())
    }

    /// Scales of the named kinds, and scores outside their scale.
    fn scores(&mut self) {
        if self.typer.table.name == "responses" {
            let scale = |name| self.typed(name).cloned();
            let kinds = scale("kind");
            let (low, high) = words::fill_scale(kinds.as_ref(), scale("scale_min"), scale("scale_max"), self.rows());
            if let Some(scores) = scale("score") {
                words::flag_scores(&scores, (&low, &high), &mut self.faults);
            }
            self.set("scale_min", low);
            self.set("scale_max", high);
        }
    }

    fn properties(&mut self) {
        let name = if self.typer.table.name == "records" { "attributes" } else { "properties" };
        let Some(at) = self.place(name) else { return };
        let output = self.output;
        let whole = self.typer.mapped[at].map(|from| (name, output.column(from)));
        let singles: Vec<_> = self.typer.singles.iter().map(|(name, from)| (name.as_str(), output.column(*from))).collect();
        if whole.is_none() && singles.is_empty() && self.words.said.is_empty() {
            return;
        }
        let plain = self.typer.has_checked_objects && singles.is_empty() && self.words.said.is_empty();
        if let Some((_, column)) = whole.filter(|_| plain) {
            self.columns[at] = Some(column.clone());
            return;
        }
        let words = properties::Words { kept: &self.words.kept, said: self.words.differ.then_some(&self.words.said) };
        let built = properties::build(whole, &singles, words, &mut self.faults);
        if let Some(said) = built.said {
            self.said.insert(at, vec![said]);
        }
        self.columns[at] = Some(built.kept);
    }

    /// A promoted property from its own column, else out of the whole object.
    fn promote(&mut self, name: &str, kind: PromotedType) -> ArrayRef {
        let single =
            self.typer.singles.iter().find(|(single, _)| single == name).map(|(_, from)| self.output.column(*from).clone());
        let given = single.or_else(|| {
            let object = self.typed("properties").or_else(|| self.typed("attributes"))?;
            Some(properties::extract(object, name))
        });
        let mut given = given.unwrap_or_else(|| new_null_array(&DataType::Utf8, self.rows()));
        if self.faults.any_failed() {
            // Facts that wait in quarantine make no column wider.
            let waits: BooleanArray = (0..self.rows()).map(|row| Some(self.faults.has_failed(row))).collect();
            given = nullif(&given, &waits).expect("both have a value for each row");
        }
        promoted::column(kind, &given, (name, self.typer.origin.times()), self.typer.to_text, &mut self.faults)
    }

    /// All columns in order, still with the facts that failed; whether `valid_from` is only when they came.
    fn assemble(&mut self) -> (RecordBatch, bool) {
        let typer = self.typer;
        let promoted: Vec<(Field, ArrayRef)> = typer
            .origin
            .promoted
            .iter()
            .map(|(name, kind)| {
                let column = self.promote(name, *kind);
                (Field::new(format!("p_{name}"), column.data_type().clone(), true), column)
            })
            .collect();
        for (at, column) in typer.table.columns.iter().enumerate() {
            let missing = |array: &ArrayRef, row| array.is_null(row) || (row_is_blank(array, row));
            if column.nullable || matches!(column.name, "content") {
                continue;
            }
            match &self.columns[at] {
                Some(array) if array.null_count() == 0 && column.kind != ColumnType::Text => {}
                Some(array) => {
                    let name = if at == 0 { "id" } else { column.name };
                    (0..self.faults.len())
                        .filter(|row| missing(array, *row))
                        .for_each(|row| self.faults.fail(row, Reason::MissingValue, name));
                }
                None => (0..self.faults.len()).for_each(|row| self.faults.fail(row, Reason::MissingValue, column.name)),
            }
        }
        let rows = self.rows();
        let quality = self.faults.quality(&self.notes);
        self.set("quality", quality);
        if let Some(raw) = self.notes.raw(rows) {
            self.set("raw", raw);
        }
        let base = arrow_schema(typer.table);
        let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        for (field, column) in base.fields().iter().zip(&self.columns) {
            fields.push(field.as_ref().clone().with_nullable(true));
            arrays.push(column.clone().unwrap_or_else(|| new_null_array(field.data_type(), rows)));
        }
        for (field, column) in promoted {
            fields.push(field);
            arrays.push(column);
        }
        let batch =
            RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("every column has its type and a value per row");
        (batch, self.default_version)
    }
}

/// The place of every fact among the rows of its chunk, whose first has the number `first_row`.
///
/// # Panics
/// When `rows` are no facts of a source.
pub(crate) fn places(rows: &RecordBatch, first_row: i64) -> Vec<u32> {
    let numbers = rows.column_by_name("row_no").expect("every fact of a source has its row").as_primitive::<Int64Type>();
    numbers.values().iter().map(|row| (row - first_row) as u32).collect()
}

/// `rows` with the subject `taken` renamed to `number`.
pub(crate) fn renamed(rows: &RecordBatch, taken: i64, number: i64) -> RecordBatch {
    let schema = rows.schema();
    let Some((at, _)) = schema.column_with_name("subject") else { return rows.clone() };
    let subjects = rows.column(at).as_primitive::<Int64Type>().iter();
    let subjects = subjects.map(|subject| subject.map(|subject| if subject == taken { number } else { subject }));
    let mut columns = rows.columns().to_vec();
    columns[at] = Arc::new(subjects.collect::<Int64Array>());
    RecordBatch::try_new(schema, columns).expect("the column has a value per row")
}

fn row_is_blank(array: &ArrayRef, row: usize) -> bool {
    array.as_string_opt::<i32>().is_some_and(|text| text.value(row).trim_ascii().is_empty())
}

/// `value`, `rows` times.
fn constant(value: &str, rows: usize) -> ArrayRef {
    let offsets = OffsetBuffer::from_repeated_length(value.len(), rows);
    let bytes = value.as_bytes().repeat(rows);
    Arc::new(StringArray::try_new(offsets, bytes.into(), None).expect("copies of text are text"))
}

/// Content hashes of stored rows, whose `valid_from` says only when they came.
pub fn content_hashes(rows: &RecordBatch) -> Vec<u64> {
    content::hashes(rows, &Said::default(), &["valid_from"])
}

/// The row numbers of `output`, sorted ascending, and `output` in that order.
///
/// # Panics
/// Never: every position is in the batch.
pub fn in_row_order(output: RecordBatch) -> RecordBatch {
    let Some(rows) = output.column_by_name(ROW).and_then(|column| column.as_primitive_opt::<Int64Type>()) else { return output };
    if rows.values().is_sorted() {
        return output;
    }
    // Stable: facts of one row keep the order in which the mapping made them.
    let mut order: Vec<i64> = (0..rows.len() as i64).collect();
    order.sort_by_key(|at| rows.value(*at as usize));
    arrow::compute::take_record_batch(&output, &Int64Array::from(order)).expect("every position is in the batch")
}
