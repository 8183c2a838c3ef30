//! An event log in memory, laid out so that one scan reads every case as a slice.
//!
//! Events come in whatever order the file has, in chunks of columns. Each chunk is spread over [`PARTITIONS`] by the low
//! bits of the case number as it arrives, on any thread; the log keeps the chunks in the order of the file. A partition
//! is later brought into case order by a counting sort that fits the processor's cache, and within a case by time. Both
//! are stable, so that events of equal time keep the order of the file, as process mining tools have it. A case whose
//! times run backwards is sorted; one that is in order, which is nearly every case of nearly every log, costs a comparison.
//!
//! Whole cases lie in one partition, and what is computed from partitions adds up in any order. That is why a result does
//! not depend on the number of threads.
//!
//! Memory: 16 bytes an event, and one partition in case order per thread.

use std::ops::Range;

/// Parts of a log. A constant, so that results and their cost are those of the log and not of the machine: ten million
/// events make partitions of 600 KB, which a core's cache holds.
pub const PARTITIONS: usize = 256;
const BITS: u32 = PARTITIONS.trailing_zeros();

/// One event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row {
    time_us: i64,
    case: u32,
    code: u32,
}

/// Events that follow each other in a file, spread over partitions.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    rows: Vec<Row>,
    /// Where each partition begins in `rows`; one more than there are partitions.
    starts: Vec<u32>,
}

impl Chunk {
    /// Takes columns of one length: case numbers (dense, or nearly so), times in microseconds, and codes of activities.
    /// O(events). At most 2^32 - 1 events.
    ///
    /// # Panics
    /// If the columns differ in length.
    pub fn new(case: &[u32], time_us: &[i64], code: &[u32]) -> Self {
        assert!(case.len() == time_us.len() && case.len() == code.len(), "columns of a log have one length");
        let partition = |case: u32| case as usize % PARTITIONS;
        let mut starts = vec![0_u32; PARTITIONS + 1];
        for &case in case {
            starts[partition(case) + 1] += 1;
        }
        for at in 0..PARTITIONS {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut rows = vec![Row::default(); case.len()];
        for ((&case, &time_us), &code) in case.iter().zip(time_us).zip(code) {
            let next = &mut next[partition(case)];
            rows[*next as usize] = Row { time_us, case: case >> BITS, code };
            *next += 1;
        }
        Self { rows, starts }
    }

    fn partition(&self, partition: usize) -> &[Row] {
        &self.rows[self.starts[partition] as usize..self.starts[partition + 1] as usize]
    }
}

/// A log: chunks in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Log {
    chunks: Vec<Chunk>,
    renamed: Option<Vec<u32>>,
}

impl Log {
    /// The log of one set of columns; see [`Chunk::new`].
    pub fn of(case: &[u32], time_us: &[i64], code: &[u32]) -> Self {
        Self { chunks: vec![Chunk::new(case, time_us, code)], renamed: None }
    }

    /// Adds the events that come next in the file.
    pub fn push(&mut self, chunk: Chunk) {
        self.chunks.push(chunk);
    }

    /// Gives activities other codes when the log is read: code `c` becomes `codes[c]`. Readers number activities as they meet
    /// them, on several threads; renamed to the order of their names, they order every answer.
    pub fn rename(&mut self, codes: Vec<u32>) {
        self.renamed = Some(codes);
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.rows.len()).sum()
    }

    /// The first and the last time.
    pub fn span_us(&self) -> Option<(i64, i64)> {
        let times = || self.chunks.iter().flat_map(|chunk| chunk.rows.iter().map(|row| row.time_us));
        Some((times().min()?, times().max()?))
    }
}

/// Cases in columns: the events of case `n` are those at `starts[n]..starts[n + 1]`, by time. A case may be empty.
#[derive(Clone, Copy, Debug)]
pub struct Traces<'a> {
    starts: &'a [u32],
    /// Times in microseconds, ascending within a case.
    pub time_us: &'a [i64],
    /// Codes of activities.
    pub code: &'a [u32],
}

impl<'a> Traces<'a> {
    /// Columns that are in case order: case `n` has the events `starts[n]..starts[n + 1]`, by time.
    ///
    /// # Panics
    /// If the columns differ in length, or `starts` does not reach from 0 to it.
    pub fn new(starts: &'a [u32], time_us: &'a [i64], code: &'a [u32]) -> Self {
        assert_eq!(time_us.len(), code.len(), "columns of a log have one length");
        let ends = starts.last().map_or(0, |end| *end as usize);
        assert!(ends == code.len() && starts.is_sorted(), "cases cover all events in order");
        Self { starts, time_us, code }
    }

    /// The rows of each case that has any.
    pub fn cases(&self) -> impl Iterator<Item = Range<usize>> + 'a {
        self.numbered().map(|(_, rows)| rows)
    }

    /// The number and the rows of each case that has any.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, Range<usize>)> + 'a {
        let rows = |(case, pair): (usize, &[u32])| (case as u32, pair[0] as usize..pair[1] as usize);
        self.starts.windows(2).enumerate().map(rows).filter(|(_, rows)| !rows.is_empty())
    }
}

/// One partition in case order, and the room for it.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    starts: Vec<u32>,
    time_us: Vec<i64>,
    code: Vec<u32>,
    pairs: Vec<(i64, u32)>,
}

impl Sorted {
    /// Brings `partition` of `log` into order.
    pub fn load(&mut self, log: &Log, partition: usize) -> Traces<'_> {
        let rows = || log.chunks.iter().flat_map(|chunk| chunk.partition(partition));
        let (mut events, mut cases) = (0, 0);
        for row in rows() {
            events += 1;
            cases = cases.max(row.case as usize + 1);
        }
        // While rows are placed, `starts[case + 1]` is where the next one of the case goes; afterwards, where it ends.
        self.starts.clear();
        self.starts.resize(cases + 2, 0);
        for row in rows() {
            self.starts[row.case as usize + 2] += 1;
        }
        for at in 2..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        self.time_us.resize(events, 0);
        self.code.resize(events, 0);
        let mut in_order = true;
        for row in rows() {
            let next = &mut self.starts[row.case as usize + 1];
            let at = *next as usize;
            *next += 1;
            self.time_us[at] = row.time_us;
            self.code[at] = log.renamed.as_ref().map_or(row.code, |codes| codes[row.code as usize]);
        }
        self.starts.pop();
        for pair in self.starts.windows(2) {
            in_order &= self.time_us[pair[0] as usize..pair[1] as usize].is_sorted();
        }
        if !in_order {
            self.sort_within_cases();
        }
        Traces { starts: &self.starts, time_us: &self.time_us, code: &self.code }
    }

    fn sort_within_cases(&mut self) {
        for at in 1..self.starts.len() {
            let rows = self.starts[at - 1] as usize..self.starts[at] as usize;
            if self.time_us[rows.clone()].is_sorted() {
                continue;
            }
            self.pairs.clear();
            self.pairs.extend(rows.clone().map(|row| (self.time_us[row], self.code[row])));
            self.pairs.sort_by_key(|pair| pair.0);
            for (row, &(time_us, code)) in rows.zip(&self.pairs) {
                self.time_us[row] = time_us;
                self.code[row] = code;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_come_whole_by_time_and_ties_keep_the_order_of_the_file() {
        let mut log = Log::of(&[1, 257, 1], &[5, 9, 4], &[0, 1, 2]);
        log.push(Chunk::new(&[257, 1, 0], &[9, 5, 7], &[3, 4, 5]));
        let mut sorted = Sorted::default();
        let mut found = Vec::new();
        for partition in 0..PARTITIONS {
            let traces = sorted.load(&log, partition);
            found.extend(traces.cases().map(|rows| (traces.time_us[rows.clone()].to_vec(), traces.code[rows].to_vec())));
        }
        assert_eq!(found, [(vec![7], vec![5]), (vec![4, 5, 5], vec![2, 0, 4]), (vec![9, 9], vec![1, 3])]);
        assert_eq!((log.events(), log.span_us()), (6, Some((4, 9))));
        log.rename(vec![0, 0, 0, 0, 0, 7]);
        assert_eq!(sorted.load(&log, 0).code, [7]);
        assert_eq!(Log::default().span_us(), None);
    }
}
