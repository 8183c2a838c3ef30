//! SQL functions for mappings. They are also registered in the lake's session, so that a mapping can be tried there.
//!
//! | function | gives |
//! |---|---|
//! | `parse_time(text, format)` | ISO 8601 text of a time in strftime's letters; text that does not fit passes unchanged and is quarantined as `invalid_time` |
//! | `epoch_seconds(number)`, `epoch_millis(number)` | the instant of a Unix time |
//! | `parse_decimal(text, point)` | a number written with `point` before the fraction, other separators removed |
//! | `html_text(html)` | what HTML shows as text: tags, styles and scripts left out, entities resolved; null when nothing is left |
//!
//! The functions of [`super::cleaners`] are registered with them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringBuilder, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use jiff::fmt::strtime::BrokenDownTime;

/// What a function does with its arguments.
pub(super) type Body = fn(&[ArrayRef]) -> Result<ArrayRef>;

/// A function of columns.
pub(super) fn make(name: &str, input: Vec<DataType>, output: DataType, body: Body) -> Arc<ScalarUDF> {
    let call = move |values: &[ColumnarValue]| -> Result<ColumnarValue> {
        let all_scalar = values.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(values)?;
        let result = body(&arrays)?;
        Ok(if all_scalar {
            ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    };
    Arc::new(create_udf(name, input, output, Volatility::Immutable, Arc::new(call)))
}

/// The functions.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    let text = DataType::Utf8;
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![
        make("parse_time", vec![text.clone(), text.clone()], text.clone(), parse_time),
        make("epoch_seconds", vec![DataType::Float64], instant.clone(), |arrays| epoch(arrays, 1e6)),
        make("epoch_millis", vec![DataType::Float64], instant, |arrays| epoch(arrays, 1e3)),
        make("parse_decimal", vec![text.clone(), text.clone()], text.clone(), parse_decimal),
        make("html_text", vec![text.clone()], text, html_text),
    ]
    .into_iter()
    .chain(super::cleaners::functions())
    .collect()
}

pub(super) fn each(arrays: &[ArrayRef], write: impl Fn(&str, Option<&str>, &mut String) -> bool) -> Result<ArrayRef> {
    let texts: Vec<ArrayRef> = arrays.iter().map(|array| cast(array, &DataType::Utf8)).collect::<Result<_, _>>()?;
    let first = texts.first().ok_or_else(|| DataFusionError::Plan("the text is missing".into()))?.as_string::<i32>();
    let second = texts.get(1).map(AsArray::as_string::<i32>);
    let mut out = StringBuilder::with_capacity(first.len(), first.value_data().len());
    let mut scratch = String::new();
    for row in 0..first.len() {
        scratch.clear();
        let option = second.filter(|second| second.is_valid(row)).map(|second| second.value(row));
        if first.is_valid(row) && write(first.value(row), option, &mut scratch) {
            out.append_value(&scratch);
        } else {
            out.append_null();
        }
    }
    Ok(Arc::new(out.finish()))
}

fn parse_time(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    use std::fmt::Write;
    each(arrays, |text, format, out| {
        let text = text.trim();
        let Some(format) = format else { return false };
        let read = BrokenDownTime::parse(format, text).ok().and_then(|parsed| {
            if parsed.offset().is_some() {
                return Some(parsed.to_timestamp().ok()?.to_string());
            }
            let day = parsed.to_date().ok()?;
            Some(parsed.to_datetime().unwrap_or_else(|_| day.at(0, 0, 0, 0)).to_string())
        });
        // What does not fit passes unchanged: typing quarantines it with its reason, a null would hide it.
        write!(out, "{}", read.as_deref().unwrap_or(text)).is_ok()
    })
}

fn epoch(arrays: &[ArrayRef], micros_per_unit: f64) -> Result<ArrayRef> {
    let numbers = cast(&arrays[0], &DataType::Float64)?;
    let numbers: &Float64Array = numbers.as_primitive::<Float64Type>();
    let instants: TimestampMicrosecondArray = numbers.unary(|value| (value * micros_per_unit).round() as i64);
    Ok(Arc::new(instants.with_timezone("UTC")))
}

fn parse_decimal(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    each(arrays, |text, point, out| {
        let point = point.and_then(|point| point.chars().next()).unwrap_or('.');
        for c in text.trim().chars() {
            match c {
                c if c == point => out.push('.'),
                '.' | ',' | '\'' | ' ' | '\u{a0}' | '\u{202f}' => {}
                c => out.push(c),
            }
        }
        !out.is_empty()
    })
}

fn html_text(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    each(arrays, |html, _, out| {
        out.push_str(mail_parser::decoders::html::html_to_text(html).trim());
        !out.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;

    fn text(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn shown(array: &ArrayRef) -> Vec<Option<String>> {
        array.as_string::<i32>().iter().map(|value| value.map(str::to_owned)).collect()
    }

    #[test]
    fn times_in_other_orders_are_said_by_their_format() {
        let times = text(&["31/01/2026 14:05", "31/01/2026 25:00", "01/02/2026 00:00"]);
        let read = parse_time(&[times, text(&["%d/%m/%Y %H:%M"; 3])]).unwrap();
        assert_eq!(
            shown(&read),
            [Some("2026-01-31T14:05:00".into()), Some("31/01/2026 25:00".into()), Some("2026-02-01T00:00:00".into())]
        );
        let day = parse_time(&[text(&["31.1.2026"]), text(&["%d.%m.%Y"])]).unwrap();
        assert_eq!(shown(&day), [Some("2026-01-31T00:00:00".into())]);
        let zoned = parse_time(&[text(&["31/01/2026 14:05 +0200"]), text(&["%d/%m/%Y %H:%M %z"])]).unwrap();
        assert_eq!(shown(&zoned), [Some("2026-01-31T12:05:00Z".into())]);
    }

    #[test]
    fn html_is_text_and_decimals_lose_their_separators() {
        let html = text(&["<p>Where is my <b>kettle</b>?</p><p>Ada &amp; Bo</p>", "<br>"]);
        assert_eq!(shown(&html_text(&[html]).unwrap()), [Some("Where is my kettle?\nAda & Bo".into()), None]);
        let read = parse_decimal(&[text(&["1.234,50", "R$ 7"]), text(&[",", ","])]).unwrap();
        assert_eq!(shown(&read), [Some("1234.50".into()), Some("R$7".into())]);
        let read = epoch(&[text(&["1.5"])], 1e6).unwrap();
        assert_eq!(read.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0), 1_500_000);
    }
}
