//! Retention: of the people who came first in a period, how many came again in each later one.
//!
//! Periods are given as their beginnings, so that a week is a calendar week of whatever zone the caller means and a
//! month has its own length. A person's events are in order, so each is compared with the end of the period that the
//! one before it lay in, and only a new period costs more. A period is censored until observation reaches its end: what
//! has not come yet is not what did not come back.

use crate::log::Traces;

/// Most periods: the table of cohorts has half their square of cells.
pub const MAX_PERIODS: usize = 5_000;

/// Beginnings of periods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periods {
    /// Ascending; the last is the end of the last period.
    bounds_us: Vec<i64>,
}

/// Periods that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPeriods {
    /// No period.
    #[error("there is no period")]
    None,
    /// Not ascending.
    #[error("periods must follow each other")]
    Order,
    /// Too many.
    #[error("{0} periods are more than {MAX_PERIODS}")]
    TooMany(usize),
}

impl Periods {
    /// Periods between neighbours of `bounds_us`.
    pub fn new(bounds_us: Vec<i64>) -> Result<Self, BadPeriods> {
        match bounds_us.len() {
            0 | 1 => Err(BadPeriods::None),
            bounds if bounds - 1 > MAX_PERIODS => Err(BadPeriods::TooMany(bounds - 1)),
            _ if !bounds_us.is_sorted_by(|a, b| a < b) => Err(BadPeriods::Order),
            _ => Ok(Self { bounds_us }),
        }
    }

    /// Beginning and end of a period.
    pub fn bounds_us(&self, period: usize) -> (i64, i64) {
        (self.bounds_us[period], self.bounds_us[period + 1])
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.bounds_us.len() - 1
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The period of a time; times outside belong to the first or last.
    pub fn of(&self, time_us: i64) -> usize {
        self.bounds_us.partition_point(|bound| *bound <= time_us).clamp(1, self.len()) - 1
    }
}

/// People whose first event lies in one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// The period.
    pub period: usize,
    /// People who came `n` periods later; the first is the size of the cohort.
    pub active: Vec<u64>,
    /// People who came `n` periods later or after that.
    pub active_since: Vec<u64>,
}

/// What one thread has seen.
#[derive(Clone, Debug)]
pub(crate) struct Partial<'a> {
    periods: &'a Periods,
    /// Per cohort, allocated when its first person comes: people active `n` periods later, and people last seen then.
    cohorts: Vec<Vec<(u64, u64)>>,
}

impl<'a> Partial<'a> {
    pub fn new(periods: &'a Periods) -> Self {
        Self { periods, cohorts: vec![Vec::new(); periods.len()] }
    }

    pub fn scan(&mut self, traces: &Traces<'_>) {
        for rows in traces.cases() {
            let times = &traces.time_us[rows];
            let first = self.periods.of(times[0]);
            let cohort = &mut self.cohorts[first];
            if cohort.is_empty() {
                cohort.resize(self.periods.len() - first, (0, 0));
            }
            cohort[0].0 += 1;
            let (mut period, last) = (first, self.periods.len() - 1);
            for &time_us in &times[1..] {
                if time_us >= self.periods.bounds_us[period + 1] && period < last {
                    while period < last && time_us >= self.periods.bounds_us[period + 1] {
                        period += 1;
                    }
                    cohort[period - first].0 += 1;
                }
            }
            cohort[period - first].1 += 1;
        }
    }

    pub fn finish(parts: Vec<Self>) -> Vec<Cohort> {
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else { return Vec::new() };
        for part in parts {
            for (all, cohort) in all.cohorts.iter_mut().zip(part.cohorts) {
                if all.is_empty() {
                    *all = cohort;
                } else {
                    for (sum, cell) in all.iter_mut().zip(cohort) {
                        *sum = (sum.0 + cell.0, sum.1 + cell.1);
                    }
                }
            }
        }
        let cohort = |(period, cells): (usize, Vec<(u64, u64)>)| {
            let mut active_since: Vec<u64> = cells.iter().map(|cell| cell.1).collect();
            for at in (1..active_since.len()).rev() {
                active_since[at - 1] += active_since[at];
            }
            Cohort { period, active: cells.into_iter().map(|cell| cell.0).collect(), active_since }
        };
        all.cohorts.into_iter().enumerate().filter(|(_, cells)| !cells.is_empty()).map(cohort).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_checked() {
        assert_eq!(Periods::new(vec![1]), Err(BadPeriods::None));
        assert_eq!(Periods::new(vec![1, 1]), Err(BadPeriods::Order));
        assert_eq!(Periods::new((0..=5_001).collect()), Err(BadPeriods::TooMany(5_001)));
        let periods = Periods::new(vec![0, 10, 15]).unwrap();
        assert_eq!([-5, 0, 9, 10, 14, 15, 99].map(|time| periods.of(time)), [0, 0, 0, 1, 1, 1, 1]);
    }
}
