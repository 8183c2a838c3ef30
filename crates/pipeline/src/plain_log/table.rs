//! A plain log with further columns (groups, channels, teams), in case order: for questions that need more of an event than
//! the one scan packs.

use std::sync::{Mutex, PoisonError};

use clew_journey::{CaseOrder, Traces};

/// The code of a missing text.
pub const NONE: u32 = u32::MAX;

/// A text where a number is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no number")]
pub struct NotANumber(String);

/// Columns of a part of a log.
#[derive(Debug, Default)]
struct Part {
    place: (usize, usize),
    case: Vec<u32>,
    time_us: Vec<i64>,
    activity: Vec<u32>,
    more: Vec<Vec<u32>>,
}

impl Part {
    fn keep(&mut self, wanted: impl Fn(u32) -> bool) {
        let kept: Vec<bool> = self.activity.iter().map(|activity| wanted(*activity)).collect();
        let mut next = kept.iter();
        self.time_us.retain(|_| next.next() == Some(&true));
        for column in [&mut self.case, &mut self.activity].into_iter().chain(&mut self.more) {
            let mut next = kept.iter();
            column.retain(|_| next.next() == Some(&true));
        }
    }
}

/// Collects the parts of a log, from any thread and in any order.
#[derive(Debug, Default)]
pub struct TableParts(Mutex<Vec<Part>>);

impl TableParts {
    /// Adds the part that stands at `place` in the file.
    pub fn add(&self, place: (usize, usize), case: &[u32], time_us: &[i64], activity: &[u32], more: &[Vec<u32>]) {
        let part = Part { place, case: case.into(), time_us: time_us.into(), activity: activity.into(), more: more.to_vec() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(part);
    }
}

/// Texts of a column, by code.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Codes of events, [`NONE`] for none.
    pub codes: Vec<u32>,
    /// Sorted, so that codes are in the order of texts.
    pub texts: Vec<String>,
}

impl Column {
    /// Gives texts codes in their order.
    fn new(mut codes: Vec<u32>, texts: Vec<String>) -> Self {
        let mut order: Vec<u32> = (0..texts.len() as u32).collect();
        order.sort_by(|a, b| texts[*a as usize].cmp(&texts[*b as usize]));
        let mut ranks = vec![0; texts.len()];
        order.iter().enumerate().for_each(|(rank, code)| ranks[*code as usize] = rank as u32);
        codes.iter_mut().filter(|code| **code != NONE).for_each(|code| *code = ranks[*code as usize]);
        let mut texts = texts;
        texts.sort_unstable();
        Self { codes, texts }
    }

    /// The text of a code.
    pub fn text(&self, code: u32) -> Option<&str> {
        self.texts.get(code as usize).map(String::as_str)
    }

    /// The texts as numbers; none is 0.
    pub fn numbers(&self) -> Result<Vec<f64>, NotANumber> {
        let number = |text: &String| text.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| NotANumber(text.clone()));
        let numbers = self.texts.iter().map(number).collect::<Result<Vec<f64>, _>>()?;
        Ok(self.codes.iter().map(|code| numbers.get(*code as usize).copied().unwrap_or(0.0)).collect())
    }

    /// The code of a text.
    pub fn code(&self, text: &str) -> Option<u32> {
        self.texts.binary_search_by(|known| known.as_str().cmp(text)).ok().map(|code| code as u32)
    }
}

/// A log in case order.
#[derive(Debug, Default)]
pub struct LogTable {
    order: CaseOrder,
    /// Microseconds UTC.
    pub time_us: Vec<i64>,
    /// Activities.
    pub activity: Column,
    /// Further columns, as they were asked for.
    pub more: Vec<Column>,
    /// The last time, of what was left out, too.
    pub observed_until_us: i64,
}

impl LogTable {
    /// The log of all parts, apart from the activities `without`; `activities` and `more` are the texts of codes.
    pub fn new(parts: TableParts, activities: Vec<String>, more: Vec<Vec<String>>, without: &[String]) -> Self {
        let mut parts = parts.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        parts.sort_by_key(|part| part.place);
        // What is left out was observed all the same.
        let observed_until_us = parts.iter().flat_map(|part| &part.time_us).copied().max().unwrap_or(0);
        let left_out: Vec<bool> = activities.iter().map(|activity| without.contains(activity)).collect();
        if left_out.contains(&true) {
            parts.iter_mut().for_each(|part| part.keep(|activity| !left_out[activity as usize]));
        }
        let column = |of: &dyn Fn(&Part) -> &[u32]| parts.iter().flat_map(of).copied().collect::<Vec<u32>>();
        let (case, activity) = (column(&|part| &part.case), column(&|part| &part.activity));
        let columns: Vec<Vec<u32>> = (0..more.len()).map(|at| column(&|part| &part.more[at])).collect();
        let time_us: Vec<i64> = parts.iter().flat_map(|part| &part.time_us).copied().collect();
        drop(parts);
        let order = CaseOrder::of(&case, &time_us);
        let arranged = |codes: Vec<u32>, texts| Column::new(order.arrange(&codes), texts);
        let activity = arranged(activity, activities);
        let more = columns.into_iter().zip(more).map(|(codes, texts)| arranged(codes, texts)).collect();
        Self { time_us: order.arrange(&time_us), order, activity, more, observed_until_us }
    }

    /// The events by case.
    pub fn traces(&self) -> Traces<'_> {
        self.order.traces(&self.time_us, &self.activity.codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_the_order_of_the_file_and_codes_in_that_of_texts() {
        let parts = TableParts::default();
        parts.add((1, 0), &[0, 0], &[4, 4], &[0, 1], &[vec![NONE, 0]]);
        parts.add((0, 0), &[0], &[4], &[2], &[vec![1]]);
        let texts = |texts: [&str; 3]| texts.map(str::to_owned).to_vec();
        let table = LogTable::new(parts, texts(["z", "a", "m"]), vec![texts(["web", "app", "tv"])], &[]);
        assert_eq!(table.activity.codes, [1, 2, 0]);
        assert_eq!(table.more[0].codes, [0, NONE, 2]);
        assert_eq!((table.more[0].code("tv"), table.more[0].code("fax"), table.more[0].text(NONE)), (Some(1), None, None));
        assert_eq!(table.traces().cases().count(), 1);
    }

    #[test]
    fn activities_can_be_left_out() {
        let parts = TableParts::default();
        parts.add((0, 0), &[0, 0, 1], &[1, 2, 3], &[0, 1, 1], &[vec![0, NONE, 0]]);
        let table = LogTable::new(parts, vec!["a".into(), "b".into()], vec![vec!["x".into()]], &["a".into()]);
        assert_eq!(table.observed_until_us, 3);
        assert_eq!((table.time_us.as_slice(), table.more[0].codes.as_slice()), (&[2, 3][..], &[NONE, 0][..]));
        assert_eq!(table.traces().cases().count(), 2);
    }
}
