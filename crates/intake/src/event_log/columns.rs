//! Columns of a file as numbers: texts become codes, times become microseconds, and rows that lack one are left out.
//!
//! Codes are given in the order in which threads come by; [`Texts::into_names`] says what they mean. Dictionaries are
//! translated once per batch, so that a row costs a look-up in a small table and never an allocation.

use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, DictionaryArray, GenericStringArray, OffsetSizeTrait, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type,
};
use rustc_hash::FxHashMap;

/// The code of a missing value.
pub const NONE: u32 = u32::MAX;
/// Years 1 to 9999, in microseconds since 1970: what lies outside is no time.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Texts and their codes, shared by threads.
#[derive(Debug, Default)]
pub struct Texts(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    codes: FxHashMap<Box<str>, u32>,
    /// Texts that were asked for and not met yet.
    awaited: Vec<u32>,
}

impl Known {
    fn code(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.codes.get(text) {
            if !self.awaited.is_empty() {
                self.awaited.retain(|awaited| *awaited != code);
            }
            return code;
        }
        let code = self.codes.len() as u32;
        self.codes.insert(text.into(), code);
        code
    }
}

/// A lock whose holder cannot leave anything half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Texts {
    /// Codes of a column of texts, or of whatever can be written as text; an empty text is a missing one.
    pub fn codes(&self, column: &ArrayRef, out: &mut Vec<u32>) -> Result<(), String> {
        out.clear();
        match column.data_type() {
            DataType::Utf8 => self.plain(column.as_string::<i32>(), out),
            DataType::LargeUtf8 => self.plain(column.as_string::<i64>(), out),
            DataType::Utf8View => self.views(column.as_string_view(), out),
            DataType::Dictionary(key, _) => match **key {
                DataType::Int8 => self.dictionary::<Int8Type>(column, out)?,
                DataType::Int16 => self.dictionary::<Int16Type>(column, out)?,
                DataType::Int32 => self.dictionary::<Int32Type>(column, out)?,
                DataType::UInt8 => self.dictionary::<UInt8Type>(column, out)?,
                DataType::UInt16 => self.dictionary::<UInt16Type>(column, out)?,
                DataType::UInt32 => self.dictionary::<UInt32Type>(column, out)?,
                _ => self.codes(&as_text(column)?, out)?,
            },
            _ => self.codes(&as_text(column)?, out)?,
        }
        Ok(())
    }

    fn plain<O: OffsetSizeTrait>(&self, column: &GenericStringArray<O>, out: &mut Vec<u32>) {
        let mut known = lock(&self.0);
        let code = |text: Option<&str>| text.filter(|text| !text.is_empty()).map_or(NONE, |text| known.code(text));
        out.extend(column.iter().map(code));
    }

    fn views(&self, column: &StringViewArray, out: &mut Vec<u32>) {
        let mut known = lock(&self.0);
        let code = |text: Option<&str>| text.filter(|text| !text.is_empty()).map_or(NONE, |text| known.code(text));
        out.extend(column.iter().map(code));
    }

    fn dictionary<K: ArrowDictionaryKeyType>(&self, column: &ArrayRef, out: &mut Vec<u32>) -> Result<(), String> {
        let column: &DictionaryArray<K> = column.as_dictionary();
        let mut of_key = Vec::new();
        self.codes(column.values(), &mut of_key)?;
        let keys = column.keys();
        let code = |key: K::Native| of_key.get(key.as_usize()).copied().unwrap_or(NONE);
        if keys.null_count() == 0 {
            out.extend(keys.values().iter().map(|key| code(*key)));
        } else {
            out.extend(keys.iter().map(|key| key.map_or(NONE, code)));
        }
        Ok(())
    }

    /// The code that a text will have, before any column is read.
    pub fn expect(&self, text: &str) -> u32 {
        let mut known = lock(&self.0);
        let code = known.code(text);
        known.awaited.push(code);
        code
    }

    /// The texts by their codes, and those that were expected and never met.
    pub fn into_names(self) -> (Vec<String>, Vec<String>) {
        let known = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut names = vec![String::new(); known.codes.len()];
        for (text, code) in known.codes {
            names[code as usize] = text.into();
        }
        let missed = known.awaited.iter().map(|code| names[*code as usize].clone()).collect();
        (names, missed)
    }
}

fn as_text(column: &ArrayRef) -> Result<ArrayRef, String> {
    cast(column, &DataType::Utf8).map_err(|_| format!("it holds {}, which is no text and no number", column.data_type()))
}

/// Numbers of cases.
#[derive(Debug)]
pub enum Cases {
    /// Whole numbers of a range that is hardly larger than the number of rows: the number is its distance from the least.
    Near {
        /// The least.
        least: i64,
        /// How many numbers the range has.
        range: u64,
    },
    /// Whole numbers from anywhere.
    Far(Mutex<FxHashMap<i64, u32>>),
    /// Texts.
    Texts(Texts),
}

impl Cases {
    /// For whole numbers between two bounds, in a file of so many rows.
    pub fn of_numbers(bounds: Option<(i64, i64)>, rows: u64) -> Self {
        let range = bounds.and_then(|(least, most)| most.checked_sub(least)).map(|range| range as u64 + 1);
        match (bounds, range) {
            (Some((least, _)), Some(range)) if range <= rows.saturating_mul(4).max(1 << 16) && range < u64::from(NONE) => {
                Self::Near { least, range }
            }
            _ => Self::Far(Mutex::default()),
        }
    }

    /// Numbers of a column of cases.
    pub fn numbers(&self, column: &ArrayRef, out: &mut Vec<u32>) -> Result<(), String> {
        out.clear();
        if let Self::Texts(texts) = self {
            return texts.codes(column, out);
        }
        let whole = match column.data_type() {
            DataType::Int64 => column.clone(),
            _ => cast(column, &DataType::Int64).map_err(|error| error.to_string())?,
        };
        let whole = whole.as_primitive::<Int64Type>();
        let values = whole.values();
        match self {
            Self::Near { least, range } => {
                let mut most = 0;
                out.extend(values.iter().map(|value| {
                    let number = value.wrapping_sub(*least) as u64;
                    most = most.max(number);
                    number as u32
                }));
                let outside = |value: i64| value.wrapping_sub(*least) as u64 >= *range;
                let beyond = if whole.null_count() == 0 { most >= *range } else { whole.iter().flatten().any(outside) };
                if beyond {
                    return Err("it holds numbers outside the bounds that the file states".into());
                }
                set_none(whole, out);
            }
            Self::Far(numbers) => {
                let mut numbers = lock(numbers);
                out.extend(values.iter().map(|value| {
                    let next = numbers.len() as u32;
                    *numbers.entry(*value).or_insert(next)
                }));
                set_none(whole, out);
            }
            Self::Texts(_) => {}
        }
        Ok(())
    }

    /// What they are called.
    pub fn into_names(self) -> CaseNames {
        match self {
            Self::Near { least, .. } => CaseNames::Near(least),
            Self::Far(numbers) => {
                let numbers = numbers.into_inner().unwrap_or_else(PoisonError::into_inner);
                let mut names = vec![0; numbers.len()];
                numbers.into_iter().for_each(|(number, case)| names[case as usize] = number);
                CaseNames::Far(names)
            }
            Self::Texts(texts) => CaseNames::Texts(texts.into_names().0),
        }
    }
}

/// What cases are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseNames {
    /// Their number and this.
    Near(i64),
    /// Whole numbers by case.
    Far(Vec<i64>),
    /// Texts by case.
    Texts(Vec<String>),
}

impl CaseNames {
    /// What a case is called.
    pub fn name(&self, case: u32) -> String {
        match self {
            Self::Near(least) => (least + i64::from(case)).to_string(),
            Self::Far(numbers) => numbers[case as usize].to_string(),
            Self::Texts(texts) => texts[case as usize].clone(),
        }
    }
}

fn set_none(column: &dyn Array, out: &mut [u32]) {
    if column.null_count() > 0 {
        (0..out.len()).filter(|row| column.is_null(*row)).for_each(|row| out[row] = NONE);
    }
}

/// Reads texts as times; `None` for what is none.
pub type ReadTime<'a> = &'a (dyn Fn(&str) -> Option<i64> + Sync);

/// Times of a column in microseconds, `i64::MIN` for a missing one or what is none. Numbers are not times: they do not say their unit.
pub fn times(column: &ArrayRef, read: ReadTime<'_>, out: &mut Vec<i64>) -> Result<(), String> {
    out.clear();
    match column.data_type() {
        DataType::Timestamp(unit, _) => {
            let (up, down) = match unit {
                TimeUnit::Second => (1_000_000, 1),
                TimeUnit::Millisecond => (1_000, 1),
                TimeUnit::Microsecond => (1, 1),
                TimeUnit::Nanosecond => (1, 1_000),
            };
            let whole = column.to_data();
            let values = whole.buffers()[0].typed_data::<<TimestampMicrosecondType as ArrowPrimitiveType>::Native>();
            let values = &values[whole.offset()..whole.offset() + whole.len()];
            if (up, down) == (1, 1) {
                out.extend_from_slice(values);
            } else {
                out.extend(values.iter().map(|value| value.saturating_mul(up).div_euclid(down)));
            }
        }
        DataType::Date32 | DataType::Date64 => {
            let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(|error| error.to_string())?;
            out.extend_from_slice(micros.as_primitive::<TimestampMicrosecondType>().values());
        }
        DataType::Utf8 => out.extend(column.as_string::<i32>().iter().map(|text| text.and_then(read).unwrap_or(i64::MIN))),
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => return times(&as_text(column)?, read, out),
        other => {
            return Err(format!(
                "it holds {other}, which does not say what unit a time has: write times as timestamps or ISO 8601"
            ));
        }
    }
    if column.null_count() > 0 {
        (0..out.len()).filter(|row| column.is_null(*row)).for_each(|row| out[row] = i64::MIN);
    }
    let (least, most) = bounds(out).unwrap_or((0, 0));
    if !(TIMES.contains(&least) && TIMES.contains(&most)) {
        out.iter_mut().filter(|time| !TIMES.contains(time)).for_each(|time| *time = i64::MIN);
    }
    Ok(())
}

/// Least and most of some numbers.
pub fn bounds(values: &[i64]) -> Option<(i64, i64)> {
    let first = *values.first()?;
    Some(values.iter().fold((first, first), |(least, most), value| (least.min(*value), most.max(*value))))
}

/// Rows that were left out, by what they lack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// No case.
    pub case: u64,
    /// No time, or none that can be read.
    pub time: u64,
    /// No activity.
    pub activity: u64,
    /// Rows that could not be read at all.
    pub unreadable: u64,
    /// Row of the file (from 1, without the header) of the first of them.
    pub first_row: Option<u64>,
}

impl LeftOut {
    /// All of them.
    pub fn rows(&self) -> u64 {
        self.case + self.time + self.activity + self.unreadable
    }

    /// Adds those of another part.
    pub fn add(&mut self, other: &Self) {
        self.case += other.case;
        self.time += other.time;
        self.activity += other.activity;
        self.unreadable += other.unreadable;
        self.first_row = [self.first_row, other.first_row].into_iter().flatten().min();
    }
}

/// The columns of one batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// Numbers of cases.
    pub case: Vec<u32>,
    /// Microseconds UTC.
    pub time_us: Vec<i64>,
    /// Codes of activities; empty when they are not asked for.
    pub activity: Vec<u32>,
    /// Codes of each further column, [`NONE`] where there is none.
    pub more: Vec<Vec<u32>>,
    /// Which codes of activities are wanted.
    wanted: Vec<bool>,
}

impl Batch {
    /// Leaves out the rows that lack something, and those whose activity nobody wants. `first_row` is the place of the
    /// first row in the file.
    pub fn compact(&mut self, wanted: Option<&(dyn Fn(u32) -> bool + '_)>, first_row: u64) -> LeftOut {
        let (mut out, mut kept) = (LeftOut::default(), 0);
        let whole = |codes: &[u32]| codes.iter().fold(0, |most, code| most.max(*code)) != NONE;
        let timed = bounds(&self.time_us).is_none_or(|(least, _)| least != i64::MIN);
        if wanted.is_none() && timed && whole(&self.case) && whole(&self.activity) {
            return out;
        }
        self.wanted.clear();
        let most = self.activity.iter().filter(|code| **code != NONE).max().map_or(0, |code| *code as usize + 1);
        self.wanted.extend((0..most).map(|code| wanted.is_none_or(|wanted| wanted(code as u32))));
        let has_activity = !self.activity.is_empty();
        for row in 0..self.case.len() {
            let activity = if has_activity { self.activity[row] } else { 0 };
            let lacks = if self.case[row] == NONE {
                &mut out.case
            } else if self.time_us[row] == i64::MIN {
                &mut out.time
            } else if activity == NONE {
                &mut out.activity
            } else {
                self.case[kept] = self.case[row];
                self.time_us[kept] = self.time_us[row];
                if has_activity {
                    self.activity[kept] = activity;
                }
                self.more.iter_mut().for_each(|codes| codes[kept] = codes[row]);
                // Without a branch: whether a row is wanted is hard to predict.
                kept += usize::from(!has_activity || self.wanted[activity as usize]);
                continue;
            };
            *lacks += 1;
            out.first_row.get_or_insert(first_row + row as u64);
        }
        self.case.truncate(kept);
        self.time_us.truncate(kept);
        self.activity.truncate(kept);
        self.more.iter_mut().for_each(|codes| codes.truncate(kept));
        out
    }
}
