//! SQL over the profiles of `field_quality`: `profile_merge(profile)`, `profile_distinct(profile)`, `profile_sampled(profile)`,
//! `profile_quantile(profile, p)`.
//!
//! | function | gives |
//! |---|---|
//! | `profile_merge(profile)` | aggregate: the profile of all values together, null without one |
//! | `profile_distinct(profile)` | about how many of the sampled values differ (standard error 1.6 %) |
//! | `profile_sampled(profile)` | values that the profile has seen, missing ones left out |
//! | `profile_quantile(profile, p)` | the p quantile of its numbers, within 2 %; of a time's profile: seconds before it arrived |
//!
//! What is no profile counts as none.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use clew_cleanse::profile::Profile;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarUDF, Signature, Volatility, create_udf,
};

/// The scalar functions.
pub fn scalars() -> Vec<Arc<ScalarUDF>> {
    let make = |name: &str, input: Vec<DataType>, output: DataType, body: fn(&[ArrayRef]) -> Result<ArrayRef>| {
        let call = move |values: &[ColumnarValue]| -> Result<ColumnarValue> {
            let all_scalar = values.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
            let result = body(&ColumnarValue::values_to_arrays(values)?)?;
            Ok(if all_scalar {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
            } else {
                ColumnarValue::Array(result)
            })
        };
        Arc::new(create_udf(name, input, output, Volatility::Immutable, Arc::new(call)))
    };
    vec![
        make("profile_distinct", vec![DataType::Utf8], DataType::Float64, |arrays| {
            Ok(Arc::new(each(&arrays[0], |_, profile| Some(profile.distinct()))?.into_iter().collect::<Float64Array>()))
        }),
        make("profile_sampled", vec![DataType::Utf8], DataType::Int64, |arrays| {
            Ok(Arc::new(each(&arrays[0], |_, profile| Some(profile.present() as i64))?.into_iter().collect::<Int64Array>()))
        }),
        make("profile_quantile", vec![DataType::Utf8, DataType::Float64], DataType::Float64, |arrays| {
            let shares = arrays[1].as_primitive::<Float64Type>();
            let quantile = |row: usize, profile: &Profile| {
                shares.is_valid(row).then(|| profile.histogram().quantile(shares.value(row))).flatten()
            };
            Ok(Arc::new(each(&arrays[0], quantile)?.into_iter().collect::<Float64Array>()))
        }),
    ]
}

fn texts(column: &ArrayRef) -> Result<StringArray> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn each<T>(column: &ArrayRef, of: impl Fn(usize, &Profile) -> Option<T>) -> Result<Vec<Option<T>>> {
    let texts = texts(column)?;
    Ok(texts.iter().enumerate().map(|(row, text)| of(row, &Profile::from_json(text?)?)).collect())
}

/// The aggregate function.
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![Arc::new(AggregateUDF::from(Merge { signature: Signature::exact(vec![DataType::Utf8], Volatility::Immutable) }))]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Merge {
    signature: Signature,
}

impl AggregateUDFImpl for Merge {
    fn name(&self) -> &'static str {
        "profile_merge"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[merged]", args.name), DataType::Utf8, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Merged(None)))
    }
}

#[derive(Debug)]
struct Merged(Option<Box<Profile>>);

impl Accumulator for Merged {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for profile in texts(&values[0])?.iter().flatten().filter_map(Profile::from_json) {
            match &mut self.0 {
                Some(known) => known.merge(&profile),
                none => *none = Some(Box::new(profile)),
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8(self.0.as_ref().map(|profile| profile.to_json())))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        // The registers are most of it.
        size_of_val(self) + self.0.as_ref().map_or(0, |_| size_of::<Profile>() + (16 << 10))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn profiles_merge_and_answer_in_sql() {
        let context = SessionContext::new();
        aggregates().into_iter().for_each(|function| context.register_udaf(function.as_ref().clone()));
        scalars().into_iter().for_each(|function| context.register_udf(function.as_ref().clone()));
        let profile = |values: std::ops::Range<u32>| {
            let mut profile = Profile::default();
            values.for_each(|value| profile.add(Some(&value.to_string()), true));
            // The text may hold an apostrophe, which SQL doubles.
            profile.to_json().replace('\'', "''")
        };
        let sql = format!(
            "SELECT round(profile_distinct(p) / 10), profile_sampled(p), round(profile_quantile(p, 0.5) / 10), profile_distinct('none') \
             FROM (SELECT profile_merge(p) AS p FROM (VALUES ('{}'), (NULL), ('{}'), ('no profile')) t(p))",
            profile(0..60),
            profile(40..100)
        );
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
        let cells: Vec<&str> = text.lines().nth(3).unwrap().split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["10.0", "120", "5.0"], "100 different ones of 120, the middle one about 50\n{text}");
    }
}
