//! Promoted properties: a column of the type that the source declares, or of a wider one where the values of a chunk need it.
//!
//! ```text
//! int ──► decimal ──► text      everything else ──► text
//! ```
//! A number that is no integer makes the chunk's column a decimal. Where more than half of the values are none of their kind at all,
//! the property has become another thing and the column is text; fewer are strays, and their facts wait in quarantine. What comes over the
//! tracking API makes no column text: its write keys are public, and a stranger's call must not change what others query.
//! The lake joins the types of all chunks; whoever imports tells of it ([`crate::widening`]).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Float64Type};
use clew_lake::WIDE_DECIMAL;

use super::convert::{self, SCALE, parse_amount, parse_integer, present};
use super::faults::{Faults, Flag, Reason};
use super::time::{self, Writing};
use crate::spec::PromotedType;

/// Whether a column may become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToText {
    /// Where most of its values are none of its kind.
    WhereMost,
    /// Only when it is declared so.
    Never,
}

/// The values `given` of the property `name`.
pub fn column(
    kind: PromotedType,
    given: &ArrayRef,
    (name, writing): (&str, Writing),
    to_text: ToText,
    faults: &mut Faults,
) -> ArrayRef {
    let mut trial = Faults::new(faults.len());
    let typed = match kind {
        PromotedType::Text => return Arc::new(convert::text(given)),
        PromotedType::Int => number(given, name, Whole::Yes, &mut trial),
        PromotedType::Decimal => number(given, name, Whole::No, &mut trial),
        PromotedType::Float => convert::float64(given, name, &mut trial),
        PromotedType::Boolean => convert::boolean(given, name, &mut trial),
        PromotedType::Timestamp => time::instants(given, writing, name, &mut trial).instants,
    };
    let others = trial.count(&[Reason::InvalidNumber, Reason::InvalidBoolean, Reason::InvalidTime]);
    if others > 0 && to_text == ToText::WhereMost {
        let text = convert::text(given);
        let values = (0..text.len()).filter(|row| present(&text, *row).is_some()).count();
        if 2 * others > values {
            return Arc::new(text);
        }
    }
    faults.absorb(&trial);
    typed
}

/// Whether integers stay integers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

/// Integers where all values are and `whole` says so, else decimals, wide where an integer is too large for money.
fn number(given: &ArrayRef, name: &str, whole: Whole, faults: &mut Faults) -> ArrayRef {
    if given.data_type().is_floating() {
        return of_floats(given, name, whole, faults);
    }
    // By way of text: Arrow's casts cut digits behind the point off.
    let text: StringArray = convert::text(given);
    if whole == Whole::Yes {
        let integers: Vec<Option<Result<i64, Reason>>> =
            (0..text.len()).map(|row| present(&text, row).map(parse_integer)).collect();
        let has_decimals = (0..text.len()).any(|row| {
            matches!(integers[row], Some(Err(_))) && present(&text, row).is_some_and(|value| parse_amount(value).is_ok())
        });
        if !has_decimals {
            return Arc::new(
                integers.into_iter().enumerate().map(|(row, value)| kept(value?, row, name, faults)).collect::<Int64Array>(),
            );
        }
    }
    let mut is_wide = whole == Whole::Yes;
    let mut decimals = Vec::with_capacity(text.len());
    for row in 0..text.len() {
        decimals.push(present(&text, row).and_then(|value| match (parse_amount(value), parse_integer(value)) {
            (Ok((amount, is_rounded)), _) => {
                if is_rounded {
                    faults.flag(row, Flag::RoundedAmount);
                }
                Some(amount)
            }
            (Err(_), Ok(integer)) => {
                is_wide = true;
                Some(i128::from(integer) * 10_i128.pow(SCALE))
            }
            (Err(reason), Err(_)) => kept(Err(reason), row, name, faults),
        }));
    }
    let kind = if is_wide { WIDE_DECIMAL } else { DataType::Decimal128(18, SCALE as i8) };
    Arc::new(Decimal128Array::from(decimals).with_data_type(kind))
}

/// The same of floats, which are rounded to the decimal's digits.
fn of_floats(given: &ArrayRef, name: &str, whole: Whole, faults: &mut Faults) -> ArrayRef {
    let floats = convert::float64(given, name, faults);
    let is_whole = floats.as_primitive::<Float64Type>().iter().flatten().all(|value| value.fract() == 0.0);
    let kind = match whole {
        Whole::Yes if is_whole => DataType::Int64,
        Whole::Yes => WIDE_DECIMAL,
        Whole::No => DataType::Decimal128(18, SCALE as i8),
    };
    if kind != DataType::Int64 {
        for (row, value) in floats.as_primitive::<Float64Type>().iter().enumerate() {
            let scaled = value.unwrap_or_default() * f64::from(10_u32.pow(SCALE));
            // A float is seldom a round decimal to its last bit.
            if (scaled - scaled.round()).abs() > 1e-6 + scaled.abs() * 1e-15 {
                faults.flag(row, Flag::RoundedAmount);
            }
        }
    }
    convert::cast_or_fail(&floats, &kind, name, faults)
}

fn kept<T>(value: Result<T, Reason>, row: usize, name: &str, faults: &mut Faults) -> Option<T> {
    value.map_err(|reason| faults.fail(row, reason, name)).ok()
}

#[cfg(test)]
mod tests {
    use arrow::array::Float64Array;

    use super::*;

    #[track_caller]
    fn check(kind: PromotedType, given: &[&str], to_text: ToText, (kind_of, values, failed): (DataType, &[Option<&str>], usize)) {
        let given: ArrayRef = Arc::new(StringArray::from(given.to_vec()));
        let mut faults = Faults::new(given.len());
        let typed = column(kind, &given, ("n", Writing::default()), to_text, &mut faults);
        let text = convert::text(&typed);
        let found: Vec<Option<&str>> = text.iter().collect();
        assert_eq!((typed.data_type().clone(), &*found, faults.failures().count()), (kind_of, values, failed), "{given:?}");
    }

    #[test]
    fn a_column_is_as_wide_as_its_values_need() {
        use PromotedType::{Boolean, Decimal, Int};
        use ToText::{Never, WhereMost};
        check(Int, &["1", "7.0", ""], WhereMost, (DataType::Int64, &[Some("1"), Some("7"), None], 0));
        check(Int, &["1", "3.5"], WhereMost, (WIDE_DECIMAL, &[Some("1.0000"), Some("3.5000")], 0));
        let large = i64::MAX.to_string();
        check(Int, &[&large, "0.5"], Never, (WIDE_DECIMAL, &[Some("9223372036854775807.0000"), Some("0.5000")], 0));
        check(Decimal, &["1", "3.5"], WhereMost, (DataType::Decimal128(18, 4), &[Some("1.0000"), Some("3.5000")], 0));
        check(Decimal, &[&large], WhereMost, (WIDE_DECIMAL, &[Some("9223372036854775807.0000")], 0));
        // Strays wait in quarantine, a property that has become another thing is text.
        check(Int, &["1", "2", "three"], WhereMost, (DataType::Int64, &[Some("1"), Some("2"), None], 1));
        check(Int, &["1", "two", "three"], WhereMost, (DataType::Utf8, &[Some("1"), Some("two"), Some("three")], 0));
        check(Int, &["1", "two", "three"], Never, (DataType::Int64, &[Some("1"), None, None], 2));
        check(Boolean, &["maybe"], WhereMost, (DataType::Utf8, &[Some("maybe")], 0));
        check(Boolean, &["yes", "no", "maybe"], WhereMost, (DataType::Boolean, &[Some("true"), Some("false"), None], 1));
        check(Int, &["1", "x"], WhereMost, (DataType::Int64, &[Some("1"), None], 1));
        check(Int, &[], WhereMost, (DataType::Int64, &[], 0));
    }

    #[test]
    fn digits_of_a_typed_column_are_not_cut_off() {
        let given: ArrayRef = Arc::new(Float64Array::from(vec![Some(3.0), Some(3.5), None]));
        let mut faults = Faults::new(3);
        let typed = column(PromotedType::Int, &given, ("n", Writing::default()), ToText::WhereMost, &mut faults);
        assert_eq!(typed.as_primitive::<arrow::datatypes::Decimal128Type>().values()[..2], [30_000, 35_000]);
    }
}
