//! From what a source's file says to rules that can be held against columns; every problem of it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use clew_lake::{WIDE_DECIMAL, arrow_schema, data_type};
use clew_model::tables::{ColumnType, Table};
use regex::Regex;
use rustc_hash::FxHashSet;

use super::{
    AllowedValue, BatchTest, Bounds, Expectation, Expectations, OfBatch, OnFailure, RawConditions, Rule, TIMELY, Test, seconds_of,
};
use crate::import::{COLUMN_MISSING, Loaded};
use crate::mapping::{Condition, Engine, SqlProblem};
use crate::nearest::nearest;
use crate::reader::ROW;
use crate::spec::{Api, PromotedType, Source, Sources};

/// Something wrong with the expectation at `place` of the list: what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectationProblem {
    /// Place in `expect:`, from 0.
    pub place: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// What is wrong, and what to do.
type Wrong = (String, String);

fn wrong(message: impl Into<String>, remedy: impl Into<String>) -> Wrong {
    (message.into(), remedy.into())
}

struct Compiler<'a> {
    sources: &'a Sources,
    source: &'a Source,
    engine: &'a Engine,
    loaded: &'a Loaded,
}

impl Expectations {
    /// The expectations of `source`; lookups that are not in `loaded` have no keys.
    pub async fn of(
        sources: &Sources,
        source: &Source,
        engine: &Engine,
        loaded: &Loaded,
    ) -> Result<Self, Vec<ExpectationProblem>> {
        let compiler = Compiler { sources, source, engine, loaded };
        let (mut compiled, mut problems) = (Self::default(), Vec::new());
        for (place, expectation) in source.spec.expect.iter().enumerate() {
            let name = expectation.rule();
            let is_taken = source.spec.expect[..place].iter().any(|before| before.rule() == name);
            let made = if name == COLUMN_MISSING || name == TIMELY {
                Err(wrong(format!("`{name}` is a name that Clew uses itself"), "give it another `name:`"))
            } else if is_taken {
                Err(wrong(format!("two expectations are called `{name}`"), "give one of them a `name:`"))
            } else {
                compiler.compile(expectation, &mut compiled).await
            };
            if let Err((message, remedy)) = made {
                problems.push(ExpectationProblem { place, message, remedy });
            }
        }
        if problems.is_empty() { Ok(compiled) } else { Err(problems) }
    }

    /// The raw columns that the rules look at, of rows with the columns of `raw`; what `raw` lacks is named, too.
    pub async fn raw_columns(&self, engine: &Engine, raw: &Schema) -> Vec<String> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for rule in self.rules.iter().filter(|rule| rule.target.is_none()) {
            names.extend(rule.field.clone());
            if let Test::Raw(parsed) = &rule.test {
                names.extend(parsed.columns(raw).unwrap_or_default());
                names.extend(engine.unknown_columns(parsed, raw).await);
            }
        }
        names.into_iter().collect()
    }

    /// Plans the conditions over raw rows for rows of `schema`, which begins with the hidden row number.
    pub async fn plan_raw(&self, engine: &Engine, schema: &SchemaRef) -> Result<RawConditions, Vec<SqlProblem>> {
        let (mut conditions, mut problems) = (Vec::new(), Vec::new());
        for rule in &self.rules {
            conditions.push(match &rule.test {
                Test::Raw(parsed) => match engine.condition(parsed, schema).await {
                    Ok(condition) => Some(condition),
                    Err(problem) => {
                        let message = format!("expectation `{}`: {}", rule.name, problem.message);
                        problems.push(SqlProblem { message, ..problem });
                        None
                    }
                },
                _ => None,
            });
        }
        if problems.is_empty() { Ok(RawConditions(conditions)) } else { Err(problems) }
    }
}

impl Compiler<'_> {
    async fn compile(&self, expectation: &Expectation, into: &mut Expectations) -> Result<(), Wrong> {
        let kind = match &expectation.kinds()[..] {
            [kind] => *kind,
            [] => {
                return Err(wrong(
                    "the expectation expects nothing",
                    "add not_null, unique, range, pattern, allowed, reference, row_count, freshness or sql",
                ));
            }
            several => {
                return Err(wrong(
                    format!("one expectation has several kinds: {}", several.join(", ")),
                    "make one of each; both may name the same field",
                ));
            }
        };
        if expectation.severity == OnFailure::Quarantine && matches!(kind, "unique" | "row_count" | "freshness") {
            return Err(wrong(
                format!("{kind} is known when the batch has ended: it cannot quarantine"),
                "say `severity: warn`, or leave it out",
            ));
        }
        if let Some(test) = batch_test(kind, expectation)? {
            into.of_batch.push(OfBatch { name: expectation.rule(), test });
            return Ok(());
        }
        let (target, field) = self.scope(kind, expectation)?;
        let (test, failure) = self.test(kind, expectation, target).await?;
        let name = expectation.rule();
        into.rules.push(Rule { name, target, field, severity: expectation.severity, failure, test });
        Ok(())
    }

    /// What is looked at: the table (none: raw rows) and the field (none: the row).
    fn scope(&self, kind: &str, expectation: &Expectation) -> Result<(Option<&'static Table>, Option<String>), Wrong> {
        let is_raw = expectation.target.as_deref() == Some("raw");
        let takes_rows = self.source.spec.live() != Some(Api::Tracking);
        match (&expectation.field, &expectation.column, kind) {
            (Some(_), Some(_), _) => {
                Err(wrong("it says both `field:` and `column:`", "keep one: field is behind the mapping, column before it"))
            }
            (Some(_), None, "sql") | (None, Some(_), "sql") => {
                Err(wrong("a condition names its columns itself", "leave `field:` and `column:` out"))
            }
            (None, Some(_), _) if !takes_rows => {
                Err(wrong("tracking calls have no raw columns", "use `field:` with a column of events or records"))
            }
            (None, None, "sql") if is_raw && !takes_rows => {
                Err(wrong("tracking calls have no raw columns", "say `target: events` or `target: records`"))
            }
            (None, Some(column), _) => Ok((None, Some(column.clone()))),
            (None, None, "sql") if is_raw => Ok((None, None)),
            (None, None, "sql") => Ok((Some(self.target(expectation)?), None)),
            (None, None, _) => Err(wrong(format!("{kind} of what?"), "name a `field:` of the target, or a raw `column:`")),
            (Some(field), None, _) => {
                let table = self.target(expectation)?;
                let field = if field == "id" { table.columns[0].name } else { field };
                self.check_field(table, field, kind)?;
                Ok((Some(table), Some(field.to_owned())))
            }
        }
    }

    fn target(&self, expectation: &Expectation) -> Result<&'static Table, Wrong> {
        let filled: Vec<&'static Table> = if self.source.spec.live() == Some(Api::Tracking) {
            ["events", "records"].into_iter().filter_map(Table::find).collect()
        } else {
            self.source.mappings.iter().map(|mapping| mapping.target).collect()
        };
        let names: Vec<&str> = filled.iter().map(|table| table.name).collect();
        let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        match &expectation.target {
            Some(name) => filled.into_iter().find(|table| table.name == *name).ok_or_else(|| {
                wrong(
                    format!("the source does not fill {name}"),
                    format!("it fills: {list}; `raw` is for conditions over raw columns"),
                )
            }),
            None => match filled[..] {
                [table] => Ok(table),
                _ => Err(wrong("it is not clear which table is meant", format!("say `target:`; the source fills: {list}"))),
            },
        }
    }

    fn check_field(&self, table: &'static Table, field: &str, kind: &str) -> Result<(), Wrong> {
        if field.strip_prefix("property_").is_some_and(|name| !name.is_empty()) {
            return Ok(());
        }
        if let Some(kind) = field.strip_prefix("identifier_") {
            let is_declared = self.sources.rules.compile().is_ok_and(|rules| rules.type_no(kind).is_some());
            let remedy = "declare it under `identifiers:` in identity.yaml, or correct the name";
            return if is_declared { Ok(()) } else { Err(wrong(format!("no identifier type is called {kind}"), remedy)) };
        }
        let promoted = field.strip_prefix("p_").and_then(|name| self.source.spec.columns.get(name));
        let is_time = match (table.column(field), promoted) {
            (Some(column), _) => matches!(column.kind, ColumnType::Timestamp | ColumnType::Date),
            (None, Some(promoted)) => *promoted == PromotedType::Timestamp,
            (None, None) => {
                let promoted: Vec<String> = self.source.spec.columns.keys().map(|name| format!("p_{name}")).collect();
                let known = table.columns.iter().map(|column| column.name).chain(promoted.iter().map(String::as_str));
                let remedy = nearest(field, known).map_or_else(
                    || "use a column of docs/tables.md, property_<name> or identifier_<type>".to_owned(),
                    |near| format!("did you mean {near}?"),
                );
                return Err(wrong(format!("{} has no column {field}", table.name), remedy));
            }
        };
        if is_time && kind == "range" {
            return Err(wrong(
                "a range is one of numbers, and this is a time",
                "write it as `sql: \"occurred_at >= '2020-01-01'\"`",
            ));
        }
        Ok(())
    }

    /// The test, and in words what it means not to pass.
    async fn test(&self, kind: &str, expectation: &Expectation, target: Option<&'static Table>) -> Result<(Test, String), Wrong> {
        let wants = |given: Option<bool>| match given {
            Some(true) => Ok(()),
            _ => Err(wrong(format!("`{kind}: false` expects nothing"), format!("say `{kind}: true`, or remove the expectation"))),
        };
        Ok(match kind {
            "not_null" => {
                wants(expectation.not_null)?;
                (Test::NotNull, "is missing".to_owned())
            }
            "unique" => {
                wants(expectation.unique)?;
                (Test::Unique, "comes more than once".to_owned())
            }
            "range" => {
                let bounds = bounds(expectation.range)?;
                (Test::Range(bounds), format!("is not a number {}", in_words(bounds)))
            }
            "pattern" => {
                let pattern = expectation.pattern.as_deref().unwrap_or_default();
                let compiled = Regex::new(&format!("^(?:{pattern})$")).map_err(|_| {
                    wrong(
                        format!("`{pattern}` is not a regular expression"),
                        "correct the pattern; it is held against the whole value",
                    )
                })?;
                (Test::Pattern(compiled), "does not have the expected form".to_owned())
            }
            "allowed" => {
                let values = expectation.allowed.as_deref().unwrap_or_default();
                if values.is_empty() {
                    return Err(wrong("no value is allowed", "list the values, e.g. `allowed: [web, app]`"));
                }
                let texts = values.iter().map(AllowedValue::to_text).collect();
                let numbers = values.iter().filter_map(|value| match value {
                    AllowedValue::Number(number) => Some(*number),
                    _ => None,
                });
                (Test::Allowed(texts, numbers.collect()), format!("is none of the {} allowed values", values.len()))
            }
            "reference" => {
                let name = expectation.reference.as_deref().unwrap_or_default();
                (Test::Reference(self.keys(name)?), format!("is no key of the lookup {name}"))
            }
            _ => {
                let sql = expectation.sql.as_deref().unwrap_or_default();
                (self.condition(sql, target).await?, "the condition does not hold".to_owned())
            }
        })
    }

    fn keys(&self, name: &str) -> Result<Arc<FxHashSet<String>>, Wrong> {
        let lookups = self.sources.sources.iter().filter(|source| source.spec.lookup.is_some());
        let Some(lookup) = self.sources.find(name).and_then(|source| source.spec.lookup.as_ref()) else {
            let known: Vec<&str> = lookups.map(|source| source.name.as_str()).collect();
            let remedy = nearest(name, known.iter().copied())
                .map_or_else(|| "declare that source with `lookup: {key: …}`".to_owned(), |near| format!("did you mean {near}?"));
            return Err(wrong(format!("{name} is no lookup"), remedy));
        };
        if lookup.key.iter().count() != 1 {
            return Err(wrong(
                format!("the key of {name} has several columns"),
                "join the lookup in the mapping, and expect one of its columns to be not_null",
            ));
        }
        Ok(self.loaded.find(name).map_or_else(Arc::default, |lookup| Arc::new(lookup.keys())))
    }

    async fn condition(&self, sql: &str, target: Option<&'static Table>) -> Result<Test, Wrong> {
        let first = |problems: Vec<SqlProblem>| {
            problems
                .into_iter()
                .next()
                .map_or_else(|| wrong("this is no condition", "correct it"), |one| wrong(one.message, one.remedy))
        };
        let parsed = self.engine.parse_condition(sql).map_err(first)?;
        let Some(table) = target else { return Ok(Test::Raw(Box::new(parsed))) };
        let columns = &self.source.spec.columns;
        let planned = async |schema: SchemaRef| {
            let condition = self.engine.condition(&parsed, &schema).await.map_err(|problem| first(vec![problem]))?;
            Ok::<_, Wrong>(Planned { schema, condition })
        };
        let declared = planned(facts_schema(table, columns, |kind| data_type(kind.column_type()))).await?;
        // Numbers may come wider than they are declared.
        let wide = if columns.values().any(|kind| kind.is_exact_number()) {
            planned(facts_schema(table, columns, wide_type)).await.ok()
        } else {
            None
        };
        Ok(Test::Facts(Box::new(OfFacts { declared, wide })))
    }
}

fn batch_test(kind: &str, expectation: &Expectation) -> Result<Option<BatchTest>, Wrong> {
    let test = match kind {
        "row_count" => BatchTest::RowCount(bounds(expectation.row_count)?),
        "freshness" => {
            let text = expectation.freshness.as_deref().unwrap_or_default();
            let seconds = seconds_of(text)
                .ok_or_else(|| wrong(format!("'{text}' is no length of time"), "write it such as 30m, 12h or 2d"))?;
            BatchTest::Freshness(seconds)
        }
        _ => return Ok(None),
    };
    if expectation.field.is_some() || expectation.column.is_some() {
        return Err(wrong(format!("{kind} is about a batch, not about a field"), "leave `field:` and `column:` out"));
    }
    Ok(Some(test))
}

fn bounds(given: Option<Bounds>) -> Result<Bounds, Wrong> {
    let bounds = given.unwrap_or_default();
    match (bounds.min, bounds.max) {
        (None, None) => Err(wrong("the range has no bound", "give min, max or both")),
        (Some(min), Some(max)) if min > max => {
            Err(wrong(format!("the range is empty: min {min} is above max {max}"), "exchange them"))
        }
        _ => Ok(bounds),
    }
}

/// "from 0 to 10".
pub fn in_words(bounds: Bounds) -> String {
    match (bounds.min, bounds.max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("of at least {min}"),
        (None, Some(max)) => format!("of at most {max}"),
        (None, None) => String::new(),
    }
}

/// The columns that a condition over facts of `table` sees, behind the hidden row number.
fn facts_schema(
    table: &'static Table,
    promoted: &BTreeMap<String, PromotedType>,
    type_of: impl Fn(PromotedType) -> DataType,
) -> SchemaRef {
    let row = Arc::new(Field::new(ROW, DataType::Int64, false));
    let own = arrow_schema(table);
    let own = own.fields().iter().cloned();
    let promoted = promoted.iter().map(|(name, kind)| Arc::new(Field::new(format!("p_{name}"), type_of(*kind), true)));
    Arc::new(Schema::new(std::iter::once(row).chain(own).chain(promoted).collect::<Vec<_>>()))
}

fn wide_type(kind: PromotedType) -> DataType {
    if kind.is_exact_number() { WIDE_DECIMAL } else { data_type(kind.column_type()) }
}

/// A condition over facts, planned for promoted columns as they are declared, and for wider numbers.
#[derive(Debug)]
pub struct OfFacts {
    declared: Planned,
    wide: Option<Planned>,
}

#[derive(Debug)]
struct Planned {
    schema: SchemaRef,
    condition: Condition,
}

impl OfFacts {
    /// What it says of every row of `rows`, which [`numbered`] gave. A promoted value that has become text is none to a condition over numbers.
    pub fn holds(&self, rows: &RecordBatch) -> BooleanArray {
        let has_types = |planned: &&Planned| planned.is_planned_for(rows.schema_ref());
        match (Some(&self.declared).filter(has_types), &self.wide) {
            (Some(declared), _) => declared.condition.holds(rows),
            (None, Some(wide)) => wide.condition.holds(&wide.cast(rows)),
            (None, None) => self.declared.condition.holds(&self.declared.cast(rows)),
        }
    }
}

impl Planned {
    fn is_planned_for(&self, schema: &Schema) -> bool {
        let kind = |name: &str| schema.field_with_name(name).ok().map(|field| field.data_type().clone());
        let promoted = self.schema.fields().iter().filter(|field| field.name().starts_with("p_"));
        promoted.into_iter().all(|field| kind(field.name()).is_none_or(|kind| kind == *field.data_type()))
    }

    /// `rows` with promoted columns in the planned types; what does not fit is null.
    fn cast(&self, rows: &RecordBatch) -> RecordBatch {
        let schema = rows.schema();
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (field, column) in schema.fields().iter().zip(rows.columns()) {
            let planned = self.schema.field_with_name(field.name()).ok().filter(|_| field.name().starts_with("p_"));
            let cast = planned.and_then(|planned| arrow::compute::cast(column, planned.data_type()).ok());
            let column = cast.unwrap_or_else(|| column.clone());
            fields.push(Field::new(field.name(), column.data_type().clone(), field.is_nullable()));
            columns.push(column);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("every column has a value per row")
    }
}

/// Facts in the columns of [`facts_schema`].
pub fn numbered(rows: &RecordBatch) -> RecordBatch {
    let schema = rows.schema();
    let numbers = rows.column_by_name("row_no").expect("every fact of a source has its row").clone();
    let row = Arc::new(Field::new(ROW, numbers.data_type().clone(), true));
    let fields: Vec<_> = std::iter::once(row).chain(schema.fields().iter().cloned()).collect();
    let columns: Vec<ArrayRef> = std::iter::once(numbers).chain(rows.columns().iter().cloned()).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("every column has a value per row")
}
