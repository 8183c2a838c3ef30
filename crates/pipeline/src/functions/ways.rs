//! SQL over events: `funnel(time, activity, window, step, …)`, `dfg(case, time, activity)`, `retention(case, time, unit[, timezone])`
//! and `sessionize(time, gap) OVER (…)`.
//!
//! | function | kind | gives |
//! |---|---|---|
//! | `funnel`, `funnel_strict`, `funnel_any` | aggregate, one person a group | how many steps the person got to, `bigint` |
//! | `dfg` | aggregate | `list<struct<from_step, to_step, n, median_wait_ms, p90_wait_ms>>`, by names |
//! | `retention` | aggregate | `list<struct<cohort, later, people, active, complete, rate, lower, upper>>`, by cohort |
//! | `sessionize` | window, ordered by the time | the number of the session within the partition, from 1, `bigint` |
//!
//! The answers are those of [`clew_journey`]. A case may be of any type. A row without case, time or activity is none. SQL has no order of rows, so
//! of equal times the activity's name decides; in a funnel the order of the steps, and what is no step comes last. Lists open with `unnest`.
//!
//! The state of an aggregate is its events, 16 bytes each: they merge in any order, on one machine or on many.

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit, TimestampMicrosecondType};
use clew_journey::funnel::Reader;
use clew_journey::{Duration, Funnel};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, PartitionEvaluatorArgs, StateFieldsArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, PartitionEvaluator, Signature, Volatility, WindowUDF,
    WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;

use crate::columns::Dictionary;
use crate::plain_log::{Collector, Order, Period, PlainLog};

/// The aggregates.
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let signature = || Signature::user_defined(Volatility::Immutable);
    let funnel =
        |name: &'static str, order| AggregateUDF::from(FunnelFunction { name, order: Ordering(order), signature: signature() });
    let log = |question| AggregateUDF::from(LogFunction { question, signature: signature() });
    [
        funnel("funnel", Order::Ordered),
        funnel("funnel_strict", Order::Strict),
        funnel("funnel_any", Order::Any),
        log(Question::Dfg),
        log(Question::Retention),
    ]
    .map(Arc::new)
    .to_vec()
}

/// The window function.
pub fn windows() -> Vec<Arc<WindowUDF>> {
    vec![Arc::new(WindowUDF::from(Sessionize { signature: Signature::user_defined(Volatility::Immutable) }))]
}

fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A constant text among the arguments.
fn constant(expression: &Arc<dyn PhysicalExpr>, function: &str, what: &str) -> Result<String> {
    let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)))) =
        expression.evaluate(&empty)
    else {
        return exec_err!("{function}: {what} must be a constant text");
    };
    Ok(text)
}

fn duration(text: &str, function: &str) -> Result<Duration> {
    text.parse().map_err(|error| exec_datafusion_err!("{function}: {error}"))
}

/// [`Order`] as a part of a function's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ordering(Order);

impl Hash for Ordering {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(&self.0).hash(state);
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FunnelFunction {
    name: &'static str,
    order: Ordering,
    signature: Signature,
}

impl AggregateUDFImpl for FunnelFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if arguments.len() < 4 {
            return plan_err!(
                "{0} takes a time, an activity, a window and steps: {0}(occurred_at, name, '7d', 'a', 'b')",
                self.name
            );
        }
        Ok(std::iter::once(time_type()).chain(arguments[1..].iter().map(|_| DataType::Utf8)).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[events]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let text = |place: usize, what: &str| constant(&args.exprs[place], self.name, what);
        let window = duration(&text(2, "the window")?, self.name)?;
        let steps = (3..args.exprs.len()).map(|place| text(place, "a step")).collect::<Result<Vec<_>>>()?;
        let mut names = Dictionary::default();
        let codes: Vec<u32> = steps.iter().map(|step| names.code(step)).collect();
        // Whatever is no step has one code more.
        let activities = names.values().len() as u32 + 1;
        let funnel = Funnel::new(&codes, activities, window.micros());
        let mut funnel = funnel.map_err(|error| exec_datafusion_err!("{}: {error}", self.name))?;
        funnel.order = self.order.0;
        Ok(Box::new(FunnelAccumulator { funnel, names, events: Vec::new() }))
    }
}

#[derive(Debug)]
struct FunnelAccumulator {
    funnel: Funnel,
    names: Dictionary,
    /// Time and code of a step.
    events: Vec<(i64, u32)>,
}

impl Accumulator for FunnelAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (times, names) = (values[0].as_primitive::<TimestampMicrosecondType>(), values[1].as_string::<i32>());
        let other = self.names.values().len() as u32;
        for (time, name) in times.iter().zip(names) {
            let (Some(time), Some(name)) = (time, name) else { continue };
            let code = self.names.find(name).unwrap_or(other);
            if self.funnel.concerns(code) {
                self.events.push((time, code));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.events.sort_unstable();
        let (times, codes): (Vec<i64>, Vec<u32>) = self.events.iter().copied().unzip();
        let reached = Reader::new(&self.funnel).reached(&codes, &times);
        Ok(ScalarValue::Int64(Some(reached.map_or(0, |reached| reached.steps as i64))))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let bytes = self.events.iter().flat_map(|(time, code)| time.to_le_bytes().into_iter().chain(code.to_le_bytes()));
        Ok(vec![ScalarValue::Binary(Some(bytes.collect()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for bytes in states[0].as_binary::<i32>().iter().flatten() {
            let (events, _) = bytes.as_chunks::<12>();
            self.events.extend(events.iter().map(|event| (number(&event[..8]), number(&event[8..]) as u32)));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.events.capacity() * size_of::<(i64, u32)>() + self.funnel.steps_of.len() * 8
    }
}

/// A little-endian number of at most 8 bytes.
fn number(bytes: &[u8]) -> i64 {
    let mut whole = [0; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(whole)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    Dfg,
    Retention,
}

impl Question {
    const fn name(self) -> &'static str {
        match self {
            Self::Dfg => "dfg",
            Self::Retention => "retention",
        }
    }

    fn fields(self) -> Fields {
        let field = |name: &str, kind: DataType| Field::new(name, kind, true);
        match self {
            Self::Dfg => vec![
                field("from_step", DataType::Utf8),
                field("to_step", DataType::Utf8),
                field("n", DataType::Int64),
                field("median_wait_ms", DataType::Float64),
                field("p90_wait_ms", DataType::Float64),
            ],
            Self::Retention => vec![
                field("cohort", DataType::Date32),
                field("later", DataType::Int64),
                field("people", DataType::Int64),
                field("active", DataType::Int64),
                field("complete", DataType::Boolean),
                field("rate", DataType::Float64),
                field("lower", DataType::Float64),
                field("upper", DataType::Float64),
            ],
        }
        .into()
    }

    fn item(self) -> FieldRef {
        Arc::new(Field::new_list_field(DataType::Struct(self.fields()), true))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LogFunction {
    question: Question,
    signature: Signature,
}

impl AggregateUDFImpl for LogFunction {
    fn name(&self) -> &str {
        self.question.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match (self.question, arguments.len()) {
            (Question::Dfg, 3) | (Question::Retention, 3 | 4) => {
                Ok([DataType::Utf8, time_type(), DataType::Utf8, DataType::Utf8][..arguments.len()].to_vec())
            }
            (Question::Dfg, _) => plan_err!("dfg takes a case, a time and an activity: dfg(person_no, occurred_at, name)"),
            (Question::Retention, _) => {
                plan_err!(
                    "retention takes a person, a time, a unit and perhaps a zone: retention(person_no, occurred_at, 'week')"
                )
            }
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(self.question.item()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let names = |part: &str| {
            let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
            Arc::new(Field::new(format!("{}[{part}]", args.name), DataType::List(item), true))
        };
        let events = Arc::new(Field::new(format!("{}[events]", args.name), DataType::Binary, true));
        Ok(vec![names("cases"), names("activities"), events])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let asked = match self.question {
            Question::Dfg => Asked::Dfg,
            Question::Retention => {
                let unit = constant(&args.exprs[2], "retention", "the unit")?;
                let unit = serde_json::from_value(unit.clone().into()).map_err(|_| {
                    exec_datafusion_err!("retention: the unit is none of day, week, month, quarter, year: {unit}")
                })?;
                let zone = args.exprs.get(3).map(|zone| constant(zone, "retention", "the zone")).transpose()?;
                Asked::Retention(unit, zone.unwrap_or_else(|| "UTC".to_owned()))
            }
        };
        Ok(Box::new(LogAccumulator {
            asked,
            cases: Dictionary::default(),
            activities: Dictionary::default(),
            events: Vec::new(),
            bytes: 0,
        }))
    }
}

#[derive(Debug)]
enum Asked {
    Dfg,
    Retention(Period, String),
}

#[derive(Debug)]
struct LogAccumulator {
    asked: Asked,
    cases: Dictionary,
    activities: Dictionary,
    /// Case, time and activity.
    events: Vec<(u32, i64, u32)>,
    /// Text in the dictionaries, about.
    bytes: usize,
}

impl LogAccumulator {
    fn code(dictionary: &mut Dictionary, bytes: &mut usize, text: &str) -> u32 {
        let before = dictionary.values().len();
        let code = dictionary.code(text);
        if dictionary.values().len() > before {
            *bytes += text.len() + size_of::<String>() + size_of::<u32>();
        }
        code
    }

    /// The log, the events of equal time by the names of their activities.
    fn log(&mut self) -> Result<(PlainLog, Option<(i64, i64)>)> {
        let names = self.activities.values();
        let mut order: Vec<u32> = (0..names.len() as u32).collect();
        order.sort_unstable_by(|a, b| names[*a as usize].cmp(&names[*b as usize]));
        let mut rank = vec![0_u32; names.len()];
        order.iter().zip(0..).for_each(|(code, place)| rank[*code as usize] = place);
        self.events.sort_unstable_by_key(|&(case, time, activity)| (time, case, rank[activity as usize]));
        let case: Vec<u32> = self.events.iter().map(|event| event.0).collect();
        let time_us: Vec<i64> = self.events.iter().map(|event| event.1).collect();
        let activity: Vec<u32> = self.events.iter().map(|event| event.2).collect();
        let collector = Collector::default();
        collector.add((0, 0), &case, &time_us, &activity);
        let span = time_us.first().copied().zip(time_us.last().copied());
        let log = PlainLog::new(collector, names.to_vec()).map_err(|error| exec_datafusion_err!("{error}"))?;
        Ok((log, span))
    }

    fn columns(&mut self) -> Result<Vec<ArrayRef>> {
        let (log, span_us) = self.log()?;
        match &self.asked {
            Asked::Dfg => {
                let edges = log.dfg(1).map_err(|error| exec_datafusion_err!("dfg: {error}"))?.edges;
                let names =
                    |of: fn(&crate::plain_log::EdgeRow) -> &str| Arc::new(StringArray::from_iter_values(edges.iter().map(of)));
                let floats =
                    |of: fn(&crate::plain_log::EdgeRow) -> f64| Arc::new(Float64Array::from_iter_values(edges.iter().map(of)));
                Ok(vec![
                    names(|edge| &edge.from),
                    names(|edge| &edge.to),
                    Arc::new(Int64Array::from_iter_values(edges.iter().map(|edge| edge.n as i64))),
                    floats(|edge| edge.median_wait_ms),
                    floats(|edge| edge.p90_wait_ms),
                ])
            }
            Asked::Retention(unit, zone) => {
                let report =
                    log.retention(*unit, zone, span_us, 1).map_err(|error| exec_datafusion_err!("retention: {error}"))?;
                let cells: Vec<_> =
                    report.cohorts.iter().flat_map(|cohort| cohort.periods.iter().map(move |cell| (cohort, cell))).collect();
                let day = |day: &str| {
                    day.parse::<jiff::civil::Date>()
                        .ok()
                        .map(|day| day.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() as i32 / 24)
                };
                let ints = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
                let rates = |of: fn(&crate::plain_log::Share) -> Option<f64>| {
                    Arc::new(Float64Array::from_iter(cells.iter().map(|(_, cell)| cell.rate.as_ref().and_then(of)))) as ArrayRef
                };
                Ok(vec![
                    Arc::new(Date32Array::from_iter(cells.iter().map(|(cohort, _)| day(&cohort.cohort)))),
                    ints(cells.iter().map(|(_, cell)| cell.n as i64).collect()),
                    ints(cells.iter().map(|(cohort, _)| cohort.people as i64).collect()),
                    ints(cells.iter().map(|(_, cell)| cell.active as i64).collect()),
                    Arc::new(BooleanArray::from_iter(cells.iter().map(|(_, cell)| Some(cell.complete)))),
                    rates(|rate| rate.estimate),
                    rates(|rate| rate.lower),
                    rates(|rate| rate.upper),
                ])
            }
        }
    }

    fn question(&self) -> Question {
        if matches!(self.asked, Asked::Dfg) { Question::Dfg } else { Question::Retention }
    }
}

impl Accumulator for LogAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (cases, times) = (values[0].as_string::<i32>(), values[1].as_primitive::<TimestampMicrosecondType>());
        let activities = matches!(self.asked, Asked::Dfg).then(|| values[2].as_string::<i32>());
        for row in 0..times.len() {
            let missing = activities.is_some_and(|activities| activities.is_null(row));
            if cases.is_null(row) || times.is_null(row) || missing {
                continue;
            }
            let activity = activities.map_or("", |activities| activities.value(row));
            let case = Self::code(&mut self.cases, &mut self.bytes, cases.value(row));
            let activity = Self::code(&mut self.activities, &mut self.bytes, activity);
            self.events.push((case, times.value(row), activity));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let question = self.question();
        let rows: ArrayRef = Arc::new(StructArray::try_new(question.fields(), self.columns()?, None)?);
        let offsets = OffsetBuffer::from_lengths([rows.len()]);
        Ok(ScalarValue::List(Arc::new(ListArray::try_new(question.item(), offsets, rows, None)?)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let names = |dictionary: &Dictionary| {
            let values: ArrayRef = Arc::new(StringArray::from_iter_values(dictionary.values()));
            ScalarValue::List(Arc::new(SingleRowListArrayBuilder::new(values).build_list_array()))
        };
        let mut bytes = Vec::with_capacity(self.events.len() * 16);
        for (case, time, activity) in &self.events {
            bytes.extend(case.to_le_bytes());
            bytes.extend(time.to_le_bytes());
            bytes.extend(activity.to_le_bytes());
        }
        Ok(vec![names(&self.cases), names(&self.activities), ScalarValue::Binary(Some(bytes))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (cases, activities, events) = (states[0].as_list::<i32>(), states[1].as_list::<i32>(), states[2].as_binary::<i32>());
        for row in (0..events.len()).filter(|row| events.is_valid(*row)) {
            let codes = |names: ArrayRef, dictionary: &mut Dictionary, bytes: &mut usize| -> Vec<u32> {
                names.as_string::<i32>().iter().map(|name| Self::code(dictionary, bytes, name.unwrap_or_default())).collect()
            };
            let case = codes(cases.value(row), &mut self.cases, &mut self.bytes);
            let activity = codes(activities.value(row), &mut self.activities, &mut self.bytes);
            let (rows, _) = events.value(row).as_chunks::<16>();
            self.events.extend(rows.iter().map(|event| {
                let place = |bytes: &[u8]| number(bytes) as usize;
                (case[place(&event[..4])], number(&event[4..12]), activity[place(&event[12..])])
            }));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.events.capacity() * size_of::<(u32, i64, u32)>() + self.bytes
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sessionize {
    signature: Signature,
}

impl WindowUDFImpl for Sessionize {
    fn name(&self) -> &'static str {
        "sessionize"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if arguments.len() == 2 {
            return Ok(vec![time_type(), DataType::Utf8]);
        }
        plan_err!(
            "sessionize takes a time and a gap: sessionize(occurred_at, '30m') OVER (PARTITION BY person_no ORDER BY occurred_at)"
        )
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Int64, true)))
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        let gap = constant(&args.input_exprs()[1], "sessionize", "the gap")?;
        Ok(Box::new(Sessions { gap_us: duration(&gap, "sessionize")?.micros() }))
    }
}

/// Numbers the sessions of a partition.
#[derive(Debug)]
struct Sessions {
    gap_us: i64,
}

impl PartitionEvaluator for Sessions {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let times = values[0].as_primitive::<TimestampMicrosecondType>();
        let (mut session, mut last): (i64, Option<i64>) = (0, None);
        let mut numbers = Vec::with_capacity(rows);
        for time in times {
            let Some(time) = time else {
                numbers.push(None);
                continue;
            };
            match last {
                Some(last) if time < last => {
                    return exec_err!("sessionize: the window is not ordered by the time: add ORDER BY and the time to OVER (…)");
                }
                Some(last) if time - last <= self.gap_us => {}
                _ => session += 1,
            }
            last = Some(time);
            numbers.push(Some(session));
        }
        Ok(Arc::new(Int64Array::from(numbers)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;
    use crate::plain_log::Share;

    /// Events as SQL: 3,000 of 40 people on six activities, some at equal times.
    const EVENTS: &str = "(SELECT (value * 7919) % 40 AS who, 'a' || CAST((value * value + value / 7) % 6 AS VARCHAR) AS what, \
        to_timestamp_micros(1700000000000000 + ((value * 104729) % 53) * 21600000000) AS at FROM generate_series(1, 3000))";

    fn context() -> SessionContext {
        // Several partitions, so that states are merged.
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(4).with_batch_size(100));
        aggregates().into_iter().for_each(|function| context.register_udaf(function.as_ref().clone()));
        windows().into_iter().for_each(|function| context.register_udwf(function.as_ref().clone()));
        context
    }

    async fn rows(sql: &str) -> Result<Vec<Vec<String>>> {
        let batches = context().sql(sql).await?.collect().await?;
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let cell = |column: &ArrayRef| arrow::util::display::array_value_to_string(column, row).unwrap();
                rows.push(batch.columns().iter().map(cell).collect());
            }
        }
        Ok(rows)
    }

    /// The same events as the pure crate takes them.
    async fn plain() -> (PlainLog, (i64, i64)) {
        let events = rows(&format!("SELECT who, what, CAST(at AS BIGINT) FROM {EVENTS} ORDER BY at, what")).await.unwrap();
        let mut names = Dictionary::default();
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for row in &events {
            columns.0.push(row[0].parse::<u32>().unwrap());
            columns.1.push(row[2].parse::<i64>().unwrap());
            columns.2.push(names.code(&row[1]));
        }
        let collector = Collector::default();
        collector.add((0, 0), &columns.0, &columns.1, &columns.2);
        (PlainLog::new(collector, names.into_values()).unwrap(), (columns.1[0], *columns.1.last().unwrap()))
    }

    #[tokio::test]
    async fn dfg_and_retention_are_those_of_the_plain_log() {
        let found = rows(&format!("SELECT unnest(e) FROM (SELECT unnest(dfg(who, at, what)) AS e FROM {EVENTS})")).await.unwrap();
        let expected: Vec<Vec<String>> = plain()
            .await
            .0
            .dfg(1)
            .unwrap()
            .edges
            .iter()
            .map(|edge| {
                vec![
                    edge.from.clone(),
                    edge.to.clone(),
                    edge.n.to_string(),
                    format!("{:?}", edge.median_wait_ms),
                    format!("{:?}", edge.p90_wait_ms),
                ]
            })
            .collect();
        assert!(expected.len() >= 30);
        assert_eq!(found, expected);

        let sql =
            format!("SELECT unnest(r) FROM (SELECT unnest(retention(who, at, 'week', 'Europe/Dublin')) AS r FROM {EVENTS})");
        let (log, span) = plain().await;
        let report = log.retention(Period::Week, "Europe/Dublin", Some(span), 1).unwrap();
        let rate =
            |rate: &Option<Share>| rate.as_ref().and_then(|rate| rate.estimate).map_or(String::new(), |rate| format!("{rate:?}"));
        let expected: Vec<Vec<String>> = report
            .cohorts
            .iter()
            .flat_map(|cohort| {
                cohort.periods.iter().map(|cell| {
                    vec![
                        cohort.cohort.clone(),
                        cell.n.to_string(),
                        cohort.people.to_string(),
                        cell.active.to_string(),
                        cell.complete.to_string(),
                        rate(&cell.rate),
                    ]
                })
            })
            .collect();
        let found: Vec<Vec<String>> = rows(&sql).await.unwrap().into_iter().map(|row| row[..6].to_vec()).collect();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_funnel_by_person_adds_up_to_the_plain_one() {
        for (function, order) in [("funnel", Order::Ordered), ("funnel_strict", Order::Strict), ("funnel_any", Order::Any)] {
            let sql = format!(
                "SELECT steps, count(*) FROM (SELECT {function}(at, what, '2d', 'a1', 'a2', 'a3', 'a4') AS steps FROM {EVENTS} GROUP BY who) GROUP BY steps ORDER BY steps"
            );
            let mut found = vec![0_u64; 5];
            for row in rows(&sql).await.unwrap() {
                found[row[0].parse::<usize>().unwrap()] = row[1].parse().unwrap();
            }
            let events =
                rows(&format!("SELECT who, what, CAST(at AS BIGINT) FROM {EVENTS} ORDER BY at, what IN ('a0', 'a5'), what"))
                    .await
                    .unwrap();
            let columns = |place: usize| events.iter().map(move |row| row[place].clone());
            let codes: Vec<u32> = columns(1).map(|name| name[1..].parse().unwrap()).collect();
            let who: Vec<u32> = columns(0).map(|who| who.parse().unwrap()).collect();
            let at: Vec<i64> = columns(2).map(|at| at.parse().unwrap()).collect();
            let mut funnel = Funnel::new(&[1, 2, 3, 4], 6, 172_800_000_000).unwrap();
            funnel.order = order;
            let questions = clew_journey::Questions { activities: 6, funnel: Some(funnel), ..Default::default() };
            let answers = clew_journey::scan(clew_journey::Log::of(&who, &at, &codes), &questions, 1);
            assert_eq!(found, answers.funnel.unwrap()[0].reached_exactly, "{function}");
        }
    }

    #[tokio::test]
    async fn a_session_ends_where_the_silence_is_longer_than_the_gap() {
        let sql = "SELECT sessionize(at, '30m') OVER (PARTITION BY who ORDER BY at) FROM (VALUES \
            (1, TIMESTAMP '2026-01-01 10:00:00'), (1, TIMESTAMP '2026-01-01 10:30:00'), (1, TIMESTAMP '2026-01-01 11:00:01'), \
            (2, TIMESTAMP '2026-01-01 10:00:00'), (1, NULL)) t(who, at) ORDER BY who, at";
        let found: Vec<String> = rows(sql).await.unwrap().into_iter().map(|row| row[0].clone()).collect();
        assert_eq!(found, ["1", "1", "2", "", "1"]);
        let unordered = "SELECT sessionize(at, '30m') OVER (ORDER BY at DESC) FROM (VALUES (TIMESTAMP '2026-01-01 10:00:00'), (TIMESTAMP '2026-01-02 10:00:00')) t(at)";
        assert!(rows(unordered).await.unwrap_err().to_string().contains("not ordered"));
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_refused_and_nothing_is_nothing() {
        for (sql, says) in [
            (format!("SELECT funnel(at, what, '7d') FROM {EVENTS}"), "takes a time"),
            (format!("SELECT funnel(at, what, '7', 'a') FROM {EVENTS}"), "length of time"),
            (format!("SELECT funnel(at, what, what, 'a') FROM {EVENTS}"), "constant"),
            (format!("SELECT retention(who, at, 'hour') FROM {EVENTS}"), "none of day"),
            (format!("SELECT retention(who, at, 'week', 'Nowhere') FROM {EVENTS}"), "retention:"),
            (format!("SELECT dfg(who, at) FROM {EVENTS}"), "dfg takes"),
            (format!("SELECT sessionize(at) OVER (ORDER BY at) FROM {EVENTS}"), "sessionize takes"),
        ] {
            let error = rows(&sql).await.unwrap_err().to_string();
            assert!(error.contains(says), "{sql}: {error}");
        }
        assert_eq!(
            rows(&format!("SELECT cardinality(dfg(who, at, what)), funnel(at, what, '7d', 'a') FROM {EVENTS} WHERE who > 99"))
                .await
                .unwrap(),
            [["0", "0"]]
        );
    }
}
