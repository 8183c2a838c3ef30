//! Output columns into the types of their table: numbers, money, truth values, text.
//!
//! Text is the common case (CSV and JSON are all text), so it has parsers of its own that allocate nothing; every other
//! type goes through Arrow's casts, where a value that does not fit turns null and is told apart from one that was null
//! before. In columns that are not text the usual words for nothing (`NULL`, `NaN`, `n/a`, `\N` …) are null.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, ListBuilder, StringArray,
    StringBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};

use super::faults::{Faults, Flag, Reason};

/// Digits behind the point of money.
pub const SCALE: u32 = 4;
/// The largest unscaled amount: 18 digits.
const MAX_AMOUNT: i128 = 999_999_999_999_999_999;

/// A column as text; a type without text form (a struct) is null.
pub fn text(column: &ArrayRef) -> StringArray {
    if let Some(text) = column.as_string_opt::<i32>() {
        return text.clone();
    }
    match cast(column, &DataType::Utf8) {
        Ok(text) => text.as_string::<i32>().clone(),
        Err(_) => StringArray::new_null(column.len()),
    }
}

/// The trimmed value at `row` unless it is one of the words for nothing.
pub fn present(text: &StringArray, row: usize) -> Option<&str> {
    if text.is_null(row) {
        return None;
    }
    let value = text.value(row).trim_ascii();
    let nothing = match value.len() {
        0 => true,
        2 => value == "\\N" || value.eq_ignore_ascii_case("na"),
        3 => value.eq_ignore_ascii_case("nan") || value.eq_ignore_ascii_case("n/a"),
        4 => value.eq_ignore_ascii_case("null") || value.eq_ignore_ascii_case("none"),
        _ => false,
    };
    (!nothing).then_some(value)
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) | DataType::Null)
}

/// Casts, and fails the rows whose value does not fit.
pub(super) fn cast_or_fail(column: &ArrayRef, kind: &DataType, field: &str, faults: &mut Faults) -> ArrayRef {
    let Ok(typed) = cast(column, kind) else {
        (0..column.len()).filter(|row| column.is_valid(*row)).for_each(|row| faults.fail(row, Reason::InvalidNumber, field));
        return arrow::array::new_null_array(kind, column.len());
    };
    if typed.null_count() > column.null_count() {
        (0..column.len())
            .filter(|row| column.is_valid(*row) && typed.is_null(*row))
            .for_each(|row| faults.fail(row, Reason::NumberTooLarge, field));
    }
    typed
}

fn each<T: Copy>(
    column: &ArrayRef,
    field: &str,
    faults: &mut Faults,
    parse: impl Fn(&str) -> Result<T, Reason>,
) -> Vec<Option<T>> {
    let text = text(column);
    (0..text.len())
        .map(|row| match parse(present(&text, row)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                faults.fail(row, reason, field);
                None
            }
        })
        .collect()
}

/// An integer; `57.0` is one, `57.5` is not.
pub fn parse_integer(text: &str) -> Result<i64, Reason> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    let whole = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let fraction = &digits[whole..];
    let fraction_is_zero = matches!(fraction, [] | [b'.', ..]) && fraction.iter().skip(1).all(|b| *b == b'0');
    if whole == 0 || !fraction_is_zero {
        return Err(Reason::InvalidNumber);
    }
    digits[..whole]
        .iter()
        .try_fold(0_i64, |n, b| {
            let digit = i64::from(b - b'0');
            n.checked_mul(10).and_then(|n| if negative { n.checked_sub(digit) } else { n.checked_add(digit) })
        })
        .ok_or(Reason::NumberTooLarge)
}

/// A finite float.
pub fn parse_float(text: &str) -> Result<f64, Reason> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) if text.bytes().any(|b| b.is_ascii_digit()) => Err(Reason::NumberTooLarge),
        _ => Err(Reason::InvalidNumber),
    }
}

/// An amount times 10^4, and whether digits were rounded away (half away from zero).
pub fn parse_amount(text: &str) -> Result<(i128, bool), Reason> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let (mut value, mut behind) = (0_i128, None);
    let (mut dropped, mut rounded, mut round_up) = (false, false, false);
    for b in digits {
        match (b, behind) {
            (b'.', None) => behind = Some(0),
            (b'0'..=b'9', Some(SCALE)) => {
                // The first digit that is dropped decides.
                if !dropped {
                    round_up = *b >= b'5';
                }
                dropped = true;
                rounded |= *b != b'0';
            }
            (b'0'..=b'9', _) => {
                value = value * 10 + i128::from(b - b'0');
                behind = behind.map(|n| n + 1);
                if value > MAX_AMOUNT * 10 {
                    return Err(Reason::NumberTooLarge);
                }
            }
            _ => return Err(Reason::InvalidNumber),
        }
    }
    if digits.is_empty() || digits == b"." {
        return Err(Reason::InvalidNumber);
    }
    value = value * 10_i128.pow(SCALE - behind.unwrap_or(0)) + i128::from(round_up);
    if value > MAX_AMOUNT {
        return Err(Reason::NumberTooLarge);
    }
    Ok((if negative { -value } else { value }, rounded))
}

/// True or false, in the spellings that exports use.
pub fn parse_boolean(text: &str) -> Result<bool, Reason> {
    const TRUE: [&str; 5] = ["true", "1", "t", "yes", "y"];
    const FALSE: [&str; 5] = ["false", "0", "f", "no", "n"];
    if TRUE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Ok(true)
    } else if FALSE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Ok(false)
    } else {
        Err(Reason::InvalidBoolean)
    }
}

/// 64-bit integers.
pub fn int64(column: &ArrayRef, field: &str, faults: &mut Faults) -> ArrayRef {
    match column.data_type() {
        kind if is_text(kind) => Arc::new(Int64Array::from(each(column, field, faults, parse_integer))),
        _ => cast_or_fail(column, &DataType::Int64, field, faults),
    }
}

/// 32-bit integers.
pub fn int32(column: &ArrayRef, field: &str, faults: &mut Faults) -> ArrayRef {
    let small = |text: &str| parse_integer(text).and_then(|n| i32::try_from(n).map_err(|_| Reason::NumberTooLarge));
    match column.data_type() {
        kind if is_text(kind) => Arc::new(Int32Array::from(each(column, field, faults, small))),
        _ => cast_or_fail(column, &DataType::Int32, field, faults),
    }
}

/// Finite floats.
pub fn float64(column: &ArrayRef, field: &str, faults: &mut Faults) -> ArrayRef {
    if is_text(column.data_type()) {
        return Arc::new(Float64Array::from(each(column, field, faults, parse_float)));
    }
    let typed = cast_or_fail(column, &DataType::Float64, field, faults);
    let typed = typed.as_primitive::<arrow::datatypes::Float64Type>();
    // NaN is nothing, infinity a number that its column cannot hold.
    let values = typed.iter().enumerate().map(|(row, value)| match value {
        Some(value) if value.is_infinite() => {
            faults.fail(row, Reason::NumberTooLarge, field);
            None
        }
        value => value.filter(|value| !value.is_nan()),
    });
    Arc::new(values.collect::<Float64Array>())
}

/// Money.
pub fn decimal(column: &ArrayRef, field: &str, faults: &mut Faults) -> ArrayRef {
    let kind = DataType::Decimal128(18, SCALE as i8);
    if !is_text(column.data_type()) {
        return cast_or_fail(column, &kind, field, faults);
    }
    let values = each(column, field, faults, parse_amount);
    let mut plain = Vec::with_capacity(values.len());
    for (row, value) in values.into_iter().enumerate() {
        if let Some((_, true)) = value {
            faults.flag(row, Flag::RoundedAmount);
        }
        plain.push(value.map(|(value, _)| value));
    }
    Arc::new(Decimal128Array::from(plain).with_data_type(kind))
}

/// True or false.
pub fn boolean(column: &ArrayRef, field: &str, faults: &mut Faults) -> ArrayRef {
    match column.data_type() {
        DataType::Boolean => column.clone(),
        kind if kind.is_numeric() => cast_or_fail(column, &DataType::Boolean, field, faults),
        _ => Arc::new(BooleanArray::from(each(column, field, faults, parse_boolean))),
    }
}

/// A list of text; plain text is a list of one. Null elements are left out, a list without elements is null.
pub fn text_list(column: &ArrayRef) -> ArrayRef {
    let element = Arc::new(Field::new("element", DataType::Utf8, true));
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(&element));
    let given = match column.data_type() {
        DataType::List(_) | DataType::LargeList(_) | DataType::ListView(_) => cast(column, &DataType::List(element)).ok(),
        _ => {
            text(column).iter().for_each(|value| push_list(&mut lists, value));
            return Arc::new(lists.finish());
        }
    };
    match given.as_ref().and_then(|given| given.as_list_opt::<i32>()) {
        Some(given) => given.iter().for_each(|list| match list {
            Some(list) => push_list(&mut lists, list.as_string::<i32>().iter().flatten()),
            None => lists.append(false),
        }),
        None => (0..column.len()).for_each(|_| lists.append(false)),
    }
    Arc::new(lists.finish())
}

fn push_list<'a>(lists: &mut ListBuilder<StringBuilder>, elements: impl IntoIterator<Item = &'a str>) {
    let mut any = false;
    for element in elements {
        lists.values().append_value(element);
        any = true;
    }
    lists.append(any);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_has_no_null_elements_and_an_empty_one_is_null() {
        let mut given = ListBuilder::new(StringBuilder::new());
        given.append_value([Some("a"), None]);
        given.append_value([None::<&str>]);
        given.append(false);
        let given: ArrayRef = Arc::new(given.finish());
        let lists = text_list(&given);
        let lists = lists.as_list::<i32>();
        assert_eq!(lists.value(0).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a")]);
        assert!(lists.is_null(1) && lists.is_null(2));
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None]));
        let lists = text_list(&plain);
        assert!(lists.as_list::<i32>().is_valid(0) && lists.as_list::<i32>().is_null(1));
    }

    #[test]
    fn integers_floats_and_booleans_in_their_spellings() {
        assert_eq!(parse_integer("57.0"), Ok(57));
        assert_eq!(parse_integer("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(parse_integer("9223372036854775808"), Err(Reason::NumberTooLarge));
        for text in ["57.5", "", "1e3", "0x1", "1,000", ".", "-"] {
            assert_eq!(parse_integer(text), Err(Reason::InvalidNumber), "{text}");
        }
        assert_eq!(parse_float("1e3"), Ok(1000.0));
        assert_eq!(parse_float("1e999"), Err(Reason::NumberTooLarge));
        assert_eq!(parse_float("inf"), Err(Reason::InvalidNumber));
        assert_eq!(parse_boolean("Yes"), Ok(true));
        assert_eq!(parse_boolean("2"), Err(Reason::InvalidBoolean));
    }

    #[test]
    fn amounts_keep_four_digits_and_tell_when_they_round() {
        let cases = [
            ("199.0", Ok((1_990_000, false))),
            ("-0.00005", Ok((-1, true))),
            ("0.00004", Ok((0, true))),
            ("0.00010", Ok((1, false))),
            ("0.000049", Ok((0, true))),
            ("99999999999999.9999", Ok((MAX_AMOUNT, false))),
            ("100000000000000", Err(Reason::NumberTooLarge)),
            ("99999999999999.99995", Err(Reason::NumberTooLarge)),
            ("1e30", Err(Reason::InvalidNumber)),
            (".5", Ok((5_000, false))),
            (".", Err(Reason::InvalidNumber)),
            ("1.2.3", Err(Reason::InvalidNumber)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_amount(text), expected, "{text}");
        }
        assert_eq!(parse_amount(&"9".repeat(60)), Err(Reason::NumberTooLarge));
    }

    #[test]
    fn words_for_nothing_are_null_in_columns_that_are_not_text() {
        let column: ArrayRef =
            Arc::new(StringArray::from(vec![Some("1"), Some("NULL"), Some("nan"), Some(" "), None, Some("x")]));
        let mut faults = Faults::new(6);
        let typed = int64(&column, "duration_ms", &mut faults);
        assert_eq!(typed.null_count(), 5);
        assert_eq!(faults.failures().map(|(row, code, _)| (row, code)).collect::<Vec<_>>(), [(5, "invalid_number")]);
    }

    proptest! {
        #[test]
        fn an_amount_reads_like_exact_arithmetic(units in -99_999_999_999_999_i64..=99_999_999_999_999, fraction in "[0-9]{0,7}") {
            let text = if fraction.is_empty() { units.to_string() } else { format!("{units}.{fraction}") };
            prop_assume!(units != 0);
            let digits = format!("{fraction:0<8}").parse::<i128>().unwrap();
            let magnitude = i128::from(units.unsigned_abs()) * 10_000 + (digits + 5_000) / 10_000;
            let expected = if units < 0 { -magnitude } else { magnitude };
            match parse_amount(&text) {
                Ok((value, _)) => prop_assert_eq!(value, expected),
                Err(reason) => prop_assert!(reason == Reason::NumberTooLarge && magnitude > MAX_AMOUNT),
            }
        }

        #[test]
        fn integers_agree_with_the_standard_library(text in "[+-]?[0-9]{1,21}") {
            prop_assert_eq!(parse_integer(&text).ok(), text.parse::<i64>().ok());
        }
    }
}
