//! SQL functions: those over profiles and over the ways of people (in the modules below), and the aggregates of the metrics: `nps(score)`, `csat(score[, scale_max])`, `ces(score[, scale_max])`.
//!
//! Each metric comes in six forms, so that tools without struct support can use it too:
//!
//! | form | returns |
//! |---|---|
//! | `nps(score)` | the estimate, `double`, null without answers |
//! | `nps_interval(score[, level])` | `struct<estimate, lower, upper, n>`, adjusted Wald (CSAT: Wilson, CES: Student's t) |
//! | `nps_lower`, `nps_upper` | the bounds, `double` |
//! | `nps_n`, `nps_out_of_scale` | answers counted, answers outside the scale: `bigint` |
//!
//! `csat_interval(score[, scale_max[, level]])` and `ces_interval` take the scale first. A null score is no answer; a score
//! outside the scale is counted apart, never clipped. NPS is −1..1, CSAT 0..1. The state is a tally
//! ([`clew_insight::metric`]): it merges in any order, on one machine or on many.

mod profiles;
mod ways;

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type};
use clew_insight::metric::{MeanTally, NpsTally, Scale, ShareTally, TopBox};
use clew_stats::Estimate;
use clew_stats::interval::Moments;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, TypeSignature, Volatility};

/// Confidence level where none is given.
const LEVEL: f64 = 0.95;

/// The scalar functions.
pub use profiles::scalars;
/// The window functions.
pub use ways::windows;

/// All aggregate functions: those of metrics, `profile_merge` ([`profiles`]), and those of [`ways`].
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let mut functions = profiles::aggregates();
    functions.extend(ways::aggregates());
    for kind in [Kind::Nps, Kind::Csat, Kind::Ces] {
        for form in [Form::Estimate, Form::Interval, Form::Lower, Form::Upper, Form::N, Form::OutOfScale] {
            functions.push(Arc::new(AggregateUDF::from(MetricFunction::new(kind, form))));
        }
    }
    functions
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Nps,
    Csat,
    Ces,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Estimate,
    Interval,
    Lower,
    Upper,
    N,
    OutOfScale,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MetricFunction {
    kind: Kind,
    form: Form,
    name: String,
    signature: Signature,
}

impl MetricFunction {
    fn new(kind: Kind, form: Form) -> Self {
        let metric = match kind {
            Kind::Nps => "nps",
            Kind::Csat => "csat",
            Kind::Ces => "ces",
        };
        let suffix = match form {
            Form::Estimate => "",
            Form::Interval => "_interval",
            Form::Lower => "_lower",
            Form::Upper => "_upper",
            Form::N => "_n",
            Form::OutOfScale => "_out_of_scale",
        };
        // score, then scale_max (not for NPS, whose scale is fixed), then level.
        let most = if kind == Kind::Nps { 2 } else { 3 };
        let signatures = (1..=most).map(|n| TypeSignature::Exact(vec![DataType::Float64; n])).collect();
        let signature = Signature::one_of(signatures, Volatility::Immutable);
        Self { kind, form, name: format!("{metric}{suffix}"), signature }
    }
}

fn interval_fields() -> Fields {
    let bound = |name: &str| Field::new(name, DataType::Float64, true);
    vec![bound("estimate"), bound("lower"), bound("upper"), Field::new("n", DataType::Int64, false)].into()
}

impl AggregateUDFImpl for MetricFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.form {
            Form::Estimate | Form::Lower | Form::Upper => DataType::Float64,
            Form::N | Form::OutOfScale => DataType::Int64,
            Form::Interval => DataType::Struct(interval_fields()),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |part: &str| Arc::new(Field::new(format!("{}[{part}]", args.name), DataType::Float64, true));
        Ok(["a", "b", "c", "out_of_scale", "level"].map(field).to_vec())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("{}(DISTINCT …) has no meaning: every answer counts", self.name);
        }
        let tally = match self.kind {
            Kind::Nps => Tally::Nps(NpsTally::default()),
            Kind::Csat => Tally::Csat(ShareTally::default()),
            Kind::Ces => Tally::Ces(MeanTally::default()),
        };
        Ok(Box::new(MetricAccumulator { tally, form: self.form, level: LEVEL }))
    }
}

#[derive(Debug)]
enum Tally {
    Nps(NpsTally),
    Csat(ShareTally),
    Ces(MeanTally),
}

#[derive(Debug)]
struct MetricAccumulator {
    tally: Tally,
    form: Form,
    level: f64,
}

impl MetricAccumulator {
    fn estimate(&self) -> Estimate {
        match &self.tally {
            Tally::Nps(tally) => tally.estimate(self.level),
            Tally::Csat(tally) => tally.estimate(self.level),
            Tally::Ces(tally) => tally.estimate(self.level),
        }
    }

    fn counts(&self) -> (u64, u64) {
        match &self.tally {
            Tally::Nps(tally) => (tally.n(), tally.out_of_scale),
            Tally::Csat(tally) => (tally.n, tally.out_of_scale),
            Tally::Ces(tally) => (tally.moments.n, tally.out_of_scale),
        }
    }
}

fn floats(array: &ArrayRef) -> impl Iterator<Item = Option<f64>> + '_ {
    array.as_primitive::<Float64Type>().iter()
}

impl Accumulator for MetricAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let has_scale = !matches!(self.tally, Tally::Nps(_));
        let (scale, level) = if has_scale { (values.get(1), values.get(2)) } else { (None, values.get(1)) };
        if let Some(level) = level.and_then(|level| floats(level).flatten().next()) {
            if !(level > 0.0 && level < 1.0) {
                return exec_err!("the confidence level is {level}: give a fraction between 0 and 1, such as 0.95");
            }
            self.level = level;
        }
        let mut scales = scale.map(floats);
        for score in floats(&values[0]) {
            let scale_max = scales.as_mut().and_then(|scales| scales.next().flatten());
            let Some(score) = score else { continue };
            match &mut self.tally {
                Tally::Nps(tally) => tally.push(score),
                Tally::Csat(tally) => tally.push(score, TopBox::csat(scale_max.unwrap_or(Scale::CSAT.max))),
                Tally::Ces(tally) => tally.push(score, Scale { max: scale_max.unwrap_or(Scale::CES.max), ..Scale::CES }),
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let estimate = self.estimate();
        let (n, out_of_scale) = self.counts();
        Ok(match self.form {
            Form::Estimate => ScalarValue::Float64(estimate.estimate),
            Form::Lower => ScalarValue::Float64(estimate.lower),
            Form::Upper => ScalarValue::Float64(estimate.upper),
            Form::N => ScalarValue::Int64(Some(n as i64)),
            Form::OutOfScale => ScalarValue::Int64(Some(out_of_scale as i64)),
            Form::Interval => {
                let columns = [estimate.estimate, estimate.lower, estimate.upper].map(ScalarValue::Float64);
                let columns = columns.into_iter().chain([ScalarValue::Int64(Some(n as i64))]);
                let columns = columns.map(|value| value.to_array()).collect::<Result<Vec<_>>>()?;
                ScalarValue::Struct(Arc::new(StructArray::try_new(interval_fields(), columns, None)?))
            }
        })
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let [a, b, c] = match &self.tally {
            Tally::Nps(tally) => [tally.promoters as f64, tally.passives as f64, tally.detractors as f64],
            Tally::Csat(tally) => [tally.top as f64, tally.n as f64, 0.0],
            Tally::Ces(tally) => [tally.moments.n as f64, tally.moments.sum, tally.moments.sum_of_squares],
        };
        let out_of_scale = self.counts().1 as f64;
        Ok([a, b, c, out_of_scale, self.level].map(|value| ScalarValue::Float64(Some(value))).to_vec())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states.iter().map(arrow::array::AsArray::as_primitive::<Float64Type>).collect();
        for row in 0..columns[0].len() {
            let [a, b, c, out, level] = [0, 1, 2, 3, 4].map(|column: usize| columns[column].value(row));
            self.level = level;
            let out_of_scale = out as u64;
            match &mut self.tally {
                Tally::Nps(tally) => {
                    tally.merge(&NpsTally { promoters: a as u64, passives: b as u64, detractors: c as u64, out_of_scale });
                }
                Tally::Csat(tally) => tally.merge(&ShareTally { top: a as u64, n: b as u64, out_of_scale }),
                Tally::Ces(tally) => {
                    tally.merge(&MeanTally { moments: Moments { n: a as u64, sum: b, sum_of_squares: c }, out_of_scale });
                }
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn one(sql: &str) -> String {
        let context = SessionContext::new();
        aggregates().into_iter().for_each(|function| context.register_udaf(function.as_ref().clone()));
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
        text.lines().nth(3).unwrap().trim_matches(['|', ' ']).to_owned()
    }

    const SCORES: &str = "(VALUES (10), (9), (8), (0), (11), (NULL)) t(score)";

    #[tokio::test]
    async fn a_score_outside_the_scale_counts_apart_and_a_null_not_at_all() {
        assert_eq!(one(&format!("SELECT nps(score) FROM {SCORES}")).await, "0.25");
        assert_eq!(one(&format!("SELECT nps_n(score) FROM {SCORES}")).await, "4");
        assert_eq!(one(&format!("SELECT nps_out_of_scale(score) FROM {SCORES}")).await, "1");
        assert_eq!(one("SELECT csat(score) FROM (VALUES (5), (4), (3), (1)) t(score)").await, "0.5");
        assert_eq!(one("SELECT csat(score, 10) FROM (VALUES (9), (4), (3), (1)) t(score)").await, "0.25");
        assert_eq!(one("SELECT ces(score) FROM (VALUES (7), (4)) t(score)").await, "5.5");
    }

    #[tokio::test]
    async fn no_rows_are_null_and_never_zero() {
        assert_eq!(one(&format!("SELECT nps(score) IS NULL FROM {SCORES} WHERE score > 99")).await, "true");
        assert_eq!(one("SELECT csat_lower(CAST(NULL AS DOUBLE)) IS NULL").await, "true");
    }

    /// Grouped over many partitions, states are merged: the flat forms must agree with the struct.
    #[tokio::test]
    async fn the_struct_and_the_flat_forms_agree() {
        let flat = "SELECT nps_interval(s)['lower'] = nps_lower(s) AND nps_interval(s)['upper'] = nps_upper(s) AND \
                    nps_interval(s)['n'] = nps_n(s) FROM (SELECT value % 11 AS s FROM generate_series(1, 5000))";
        assert_eq!(one(flat).await, "true");
    }
}
