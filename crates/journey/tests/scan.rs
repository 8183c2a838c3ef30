//! The one scan against slow, obvious references on generated logs, full of edges on purpose: few activities, equal times,
//! waits that hit gaps and windows exactly, cases that are not in order, and case numbers in many partitions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use clew_journey::funnel::{Order, Ties, Within};
use clew_journey::{
    Answers, Chunk, Funnel, FunnelGroup, Log, PathQuestion, Periods, ProcessQuestion, Questions, Room, Spill, scan, scan_in,
};
use proptest::prelude::*;

const ACTIVITIES: u32 = 5;

/// (case, time, activity).
type Row = (u32, i64, u32);
/// The events of a case by time: (time, activity).
type Trace = Vec<(i64, u32)>;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let case = prop_oneof![4 => 0..3_u32, 1 => prop::sample::select(vec![3, 256, 259, 70_000])];
    prop::collection::vec((case, 0..25_i64, 0..ACTIVITIES), 0..50)
}

/// Few cases with many events, often at the same time.
fn dense_rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((0..2_u32, 0..8_i64, 0..ACTIVITIES), 0..20)
}

fn chunk(rows: &[Row]) -> Chunk {
    let column = |of: fn(&Row) -> u32| rows.iter().map(of).collect::<Vec<_>>();
    let time_us: Vec<i64> = rows.iter().map(|row| row.1).collect();
    Chunk::new(&column(|row| row.0), &time_us, &column(|row| row.2))
}

fn log(rows: &[Row], size: usize) -> Log {
    let mut log = Log::default();
    rows.chunks(size).for_each(|rows| log.push(chunk(rows)));
    log
}

/// A disk in memory.
#[derive(Debug, Default)]
struct Bytes(Mutex<Vec<u8>>);

impl Spill for Bytes {
    fn write(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut all = self.0.lock().unwrap();
        all.extend(bytes);
        Ok((all.len() - bytes.len()) as u64)
    }

    fn read(&self, place: u64, bytes: &mut [u8]) -> io::Result<()> {
        bytes.copy_from_slice(&self.0.lock().unwrap()[place as usize..][..bytes.len()]);
        Ok(())
    }
}

fn traces(rows: &[Row]) -> Vec<Trace> {
    let mut traces: BTreeMap<u32, Trace> = BTreeMap::new();
    for &(case, time, activity) in rows {
        traces.entry(case).or_default().push((time, activity));
    }
    let by_time = |mut trace: Trace| {
        trace.sort_by_key(|event| event.0);
        trace
    };
    traces.into_values().map(by_time).collect()
}

fn ask(rows: &[Row], questions: &Questions) -> Answers {
    scan(log(rows, 7), questions, 1)
}

/// Type 7 by sorting.
fn quantile(waits: &[i64], tenths: usize) -> f64 {
    let mut sorted = waits.to_vec();
    sorted.sort_unstable();
    let (rank, rest) = ((sorted.len() - 1) * tenths / 10, (sorted.len() - 1) * tenths % 10);
    let next = sorted[(rank + 1).min(sorted.len() - 1)];
    sorted[rank] as f64 + rest as f64 / 10.0 * (next - sorted[rank]) as f64
}

/// The longest way through the steps, and the shortest time of a whole one, by trying everything.
fn slow_funnel(trace: &Trace, steps: &[u32], excluded: Option<u32>, funnel: &Funnel) -> (usize, Option<i64>) {
    struct Search<'a> {
        trace: &'a Trace,
        steps: &'a [u32],
        excluded: Option<u32>,
        funnel: &'a Funnel,
        best: usize,
        shortest: Option<i64>,
    }
    impl Search<'_> {
        fn go(&mut self, used: &mut Vec<usize>) {
            let time = |at: usize| self.trace[at].0;
            self.best = self.best.max(used.len());
            if used.len() == self.steps.len() {
                let took = time(used[used.len() - 1]) - time(used[0]);
                self.shortest = Some(self.shortest.map_or(took, |shortest| shortest.min(took)));
                return;
            }
            for at in 0..self.trace.len() {
                if self.trace[at].1 != self.steps[used.len()] || used.contains(&at) {
                    continue;
                }
                if let Some(&last) = used.last() {
                    let from = if self.funnel.within == Within::Whole { used[0] } else { last };
                    let enough_later =
                        if self.funnel.ties == Ties::Apart { time(at) > time(last) } else { time(at) >= time(last) };
                    let broken = self.trace.iter().any(|&(t, a)| Some(a) == self.excluded && t > time(used[0]) && t <= time(at));
                    if !enough_later || time(at) - time(from) > self.funnel.window_us || broken {
                        continue;
                    }
                }
                used.push(at);
                self.go(used);
                used.pop();
            }
        }
    }
    let mut search = Search { trace, steps, excluded, funnel, best: 0, shortest: None };
    search.go(&mut Vec::new());
    (search.best, search.shortest)
}

/// All stretches of neighbouring events.
fn slow_strict(trace: &Trace, steps: &[u32], funnel: &Funnel) -> (usize, Option<i64>) {
    let (mut best, mut shortest): (usize, Option<i64>) = (0, None);
    for start in 0..trace.len() {
        for length in 1..=steps.len().min(trace.len() - start) {
            let part = &trace[start..start + length];
            let fits = part.iter().zip(steps).all(|(event, step)| event.1 == *step)
                && part.windows(2).all(|pair| funnel.ties == Ties::Together || pair[1].0 > pair[0].0)
                && part.windows(2).all(|pair| {
                    let from = if funnel.within == Within::Whole { part[0].0 } else { pair[0].0 };
                    pair[1].0 - from <= funnel.window_us
                });
            if fits {
                best = best.max(length);
                if length == steps.len() {
                    let took = part[length - 1].0 - part[0].0;
                    shortest = Some(shortest.map_or(took, |shortest| shortest.min(took)));
                }
            }
        }
    }
    (best, shortest)
}

fn slow_any(trace: &Trace, steps: &[u32], excluded: Option<u32>, funnel: &Funnel) -> (usize, Option<i64>) {
    let (mut best, mut shortest): (usize, Option<i64>) = (0, None);
    for start in 0..trace.len() {
        for end in start..trace.len() {
            let part = &trace[start..=end];
            let took = part[part.len() - 1].0 - part[0].0;
            if took > funnel.window_us || part.iter().any(|event| Some(event.1) == excluded) {
                continue;
            }
            let found = steps.iter().filter(|step| part.iter().any(|event| event.1 == **step)).count();
            best = best.max(found);
            if found == steps.len() {
                shortest = Some(shortest.map_or(took, |shortest| shortest.min(took)));
            }
        }
    }
    (best, shortest)
}

fn groups_of(steps: usize, people: &[(usize, Option<i64>)]) -> FunnelGroup {
    let mut reached_exactly = vec![0; steps + 1];
    people.iter().for_each(|(level, _)| reached_exactly[*level] += 1);
    let mut durations_us: Vec<i64> = people.iter().filter_map(|(_, took)| *took).collect();
    durations_us.sort_unstable();
    FunnelGroup { reached_exactly, durations_us }
}

fn everything(periods: &Periods, depth: usize, activities: u32) -> Questions {
    Questions {
        activities,
        process: Some(ProcessQuestion { variants: Some(usize::MAX), edges: true }),
        funnel: Some(Funnel::new(&[0, 1, 2], activities, 6).unwrap()),
        retention: Some(periods.clone()),
        paths: Some(PathQuestion { gap_us: Some(3), depth, collapse: false, top: 50 }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_process_map_counts_pairs_and_traces(all in rows(), many in any::<bool>()) {
        // With many activities edges are numbered by a hash map.
        let activities = if many { 100_000 } else { ACTIVITIES };
        let code = |activity: u32| if many { activity * 24_999 } else { activity };
        let all: Vec<Row> = all.into_iter().map(|(case, time, activity)| (case, time, code(activity))).collect();
        let question = ProcessQuestion { variants: Some(usize::MAX), edges: true };
        let map = ask(&all, &Questions { activities, process: Some(question), ..Questions::default() }).process.unwrap();
        let (mut edges, mut variants) = (BTreeMap::<(u32, u32), Vec<i64>>::new(), BTreeMap::<Vec<u32>, u64>::new());
        let (mut start, mut end, mut seen) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for trace in traces(&all) {
            for pair in trace.windows(2) {
                edges.entry((pair[0].1, pair[1].1)).or_default().push(pair[1].0 - pair[0].0);
            }
            *start.entry(trace[0].1).or_insert(0_u64) += 1;
            *end.entry(trace[trace.len() - 1].1).or_insert(0_u64) += 1;
            *variants.entry(trace.iter().map(|event| event.1).collect()).or_default() += 1;
            trace.iter().for_each(|event| *seen.entry(event.1).or_insert(0_u64) += 1);
        }
        prop_assert_eq!((map.cases, map.events), (traces(&all).len() as u64, all.len() as u64));
        prop_assert_eq!(map.activities, seen.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(map.start, start.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(map.end, end.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(map.edges.len(), edges.len());
        for (edge, ((from, to), waits)) in map.edges.iter().zip(&edges) {
            prop_assert_eq!((edge.from, edge.to, edge.n), (*from, *to, waits.len() as u64));
            prop_assert!((edge.median_wait_us - quantile(waits, 5)).abs() < 1e-9);
            prop_assert!((edge.p90_wait_us - quantile(waits, 9)).abs() < 1e-9);
        }
        prop_assert_eq!(map.variants, variants.len() as u64);
        let mut by_cases: Vec<(Vec<u32>, u64)> = variants.into_iter().collect();
        by_cases.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        prop_assert_eq!(map.top_variants.into_iter().map(|v| (v.activities, v.cases)).collect::<Vec<_>>(), by_cases);
    }

    #[test]
    fn a_funnel_finds_what_trying_everything_finds(
        all in dense_rows(),
        steps in prop::collection::vec(0..3_u32, 1..5),
        exclude in any::<bool>(),
        window_us in 0..8_i64,
        within in prop::sample::select(vec![Within::Whole, Within::Step]),
        ties in prop::sample::select(vec![Ties::Together, Ties::Apart]),
        order in prop::sample::select(vec![Order::Ordered, Order::Strict, Order::Any]),
    ) {
        let excluded = (exclude && order != Order::Strict).then_some(4);
        let mut funnel = Funnel::new(&steps, ACTIVITIES, window_us).unwrap();
        funnel.excluded[4] = excluded.is_some();
        (funnel.within, funnel.ties, funnel.order) = (within, ties, order);
        let people: Vec<_> = traces(&all)
            .iter()
            .filter(|trace| trace.iter().any(|event| steps.contains(&event.1)))
            .map(|trace| match order {
                Order::Ordered => slow_funnel(trace, &steps, excluded, &funnel),
                Order::Strict => slow_strict(trace, &steps, &funnel),
                Order::Any => slow_any(trace, &steps, excluded, &funnel),
            })
            .collect();
        let expected = groups_of(steps.len(), &people);
        let questions = Questions { activities: ACTIVITIES, funnel: Some(funnel.clone()), ..Questions::default() };
        prop_assert_eq!(ask(&all, &questions).funnel.unwrap(), vec![expected]);
        // Events that cannot matter can be left out before they are read.
        let concerned: Vec<Row> = all.iter().copied().filter(|row| funnel.concerns(row.2)).collect();
        prop_assert_eq!(ask(&concerned, &questions).funnel, ask(&all, &questions).funnel);
    }

    #[test]
    fn groups_of_a_funnel_are_funnels_of_their_people(all in rows()) {
        let mut funnel = Funnel::new(&[0, 1], ACTIVITIES, 9).unwrap();
        let whole = funnel.clone();
        let alone = |rows: Vec<Row>| {
            let questions = Questions { activities: ACTIVITIES, funnel: Some(whole.clone()), ..Questions::default() };
            ask(&rows, &questions).funnel.unwrap().remove(0)
        };
        let expected: Vec<FunnelGroup> =
            (0..3).map(|group| alone(all.iter().copied().filter(|row| row.0 % 3 == group).collect())).collect();
        (funnel.groups, funnel.group_shift) = (3, 3);
        let coded: Vec<Row> = all.iter().map(|&(case, time, activity)| (case, time, funnel.code(activity, case % 3))).collect();
        let questions = Questions { activities: ACTIVITIES, funnel: Some(funnel.clone()), ..Questions::default() };
        let found = ask(&coded, &questions).funnel.unwrap();
        prop_assert_eq!(clew_journey::funnel::total(&found).reached_exactly, alone(all.clone()).reached_exactly);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn retention_counts_who_came_again(all in rows(), lengths in prop::collection::vec(1..9_i64, 1..8)) {
        let bounds: Vec<i64> = std::iter::once(0).chain(lengths.iter().scan(0, |end, length| { *end += length; Some(*end) })).collect();
        let last = bounds.len() - 2;
        let period = |time: i64| bounds.windows(2).position(|b| b[0] <= time && time < b[1]).unwrap_or(last);
        let mut expected: BTreeMap<usize, (Vec<u64>, Vec<u64>)> = BTreeMap::new();
        for trace in traces(&all) {
            let seen: BTreeSet<usize> = trace.iter().map(|event| period(event.0)).collect();
            let (first, newest) = (*seen.first().unwrap(), *seen.last().unwrap());
            let cells = || vec![0; last - first + 1];
            let cohort = expected.entry(first).or_insert_with(|| (cells(), cells()));
            seen.iter().for_each(|period| cohort.0[period - first] += 1);
            (first..=newest).for_each(|period| cohort.1[period - first] += 1);
        }
        let periods = Periods::new(bounds.clone()).unwrap();
        let found = ask(&all, &Questions { activities: ACTIVITIES, retention: Some(periods), ..Questions::default() });
        let found: BTreeMap<usize, (Vec<u64>, Vec<u64>)> =
            found.retention.unwrap().into_iter().map(|cohort| (cohort.period, (cohort.active, cohort.active_since))).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn paths_count_every_beginning_of_a_session(
        all in rows(),
        gap_us in prop::option::of(0..6_i64),
        depth in 1..5_usize,
        collapse in any::<bool>(),
        wide in any::<bool>(),
        top in 0..6_usize,
    ) {
        // With 2^31 activities not even three of them fit into 64 bits.
        let activities = if wide { 1 << 31 } else { ACTIVITIES };
        let mut expected: BTreeMap<Vec<u32>, u64> = BTreeMap::new();
        let mut sessions = 0;
        for trace in traces(&all) {
            for session in trace.chunk_by(|a, b| gap_us.is_none_or(|gap| b.0 - a.0 <= gap)) {
                sessions += 1;
                let mut path: Vec<u32> = session.iter().map(|event| event.1).collect();
                if collapse {
                    path.dedup();
                }
                for length in 1..=path.len().min(depth) {
                    *expected.entry(path[..length].to_vec()).or_default() += 1;
                }
            }
        }
        let question = PathQuestion { gap_us, depth, collapse, top };
        let found = ask(&all, &Questions { activities, paths: Some(question), ..Questions::default() }).paths.unwrap();
        prop_assert_eq!((found.sessions, found.distinct), (sessions, expected.len() as u64));
        let mut expected: Vec<(Vec<u32>, u64)> = expected.into_iter().collect();
        expected.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let least = if top == 0 { u64::MAX } else { expected.get(top - 1).map_or(0, |path| path.1) };
        expected.retain(|path| path.1 >= least);
        prop_assert_eq!(found.top.into_iter().map(|path| (path.activities, path.sessions)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn threads_and_chunks_change_nothing(all in rows(), depth in 1..5_usize) {
        let periods = Periods::new(vec![0, 5, 11, 20]).unwrap();
        let questions = everything(&periods, depth, ACTIVITIES);
        let one = scan(log(&all, 50), &questions, 1);
        for (chunk, threads) in [(1, 2), (9, 4)] {
            prop_assert_eq!(&scan(log(&all, chunk), &questions, threads), &one);
        }
    }

    #[test]
    fn what_is_spilled_changes_nothing(
        all in prop_oneof![rows(), dense_rows()],
        far in prop::sample::select(vec![1, 1 << 20, i64::MAX / 200]),
        (depth, held, entries) in (1..40_usize, 0..4_usize, 1..9_usize),
    ) {
        let all: Vec<Row> = all.into_iter().map(|(case, time, activity)| (case, time * far, activity)).collect();
        let periods = Periods::new(vec![0, 5, 11, 20]).unwrap();
        let questions = everything(&periods, depth, ACTIVITIES);
        let spill: Arc<dyn Spill> = Arc::new(Bytes::default());
        let mut some = Log::default();
        for (at, rows) in all.chunks(7).enumerate() {
            let chunk = chunk(rows);
            some.push(if at % 4 < held { chunk } else { chunk.spill(&spill).unwrap() });
        }
        let whole = scan(log(&all, 7), &questions, 1);
        prop_assert_eq!(some.span_us(), log(&all, 7).span_us());
        for threads in [1, 3] {
            let room = Room { spill: &*spill, entries };
            prop_assert_eq!(&scan_in(some.clone(), &questions, threads, Some(room)).unwrap(), &whole);
        }
    }
}

#[test]
fn an_empty_log_has_answers() {
    let questions = everything(&Periods::new(vec![0, 1]).unwrap(), 3, ACTIVITIES);
    let answers = scan(Log::default(), &questions, 2);
    assert_eq!(answers.process.unwrap(), clew_journey::ProcessMap::default());
    assert_eq!(answers.funnel.unwrap(), [FunnelGroup { reached_exactly: vec![0; 4], durations_us: vec![] }]);
    assert_eq!(answers.retention.unwrap(), []);
    assert_eq!(answers.paths.unwrap(), clew_journey::Paths::default());
}

/// One person with two million events, half of them at one time, backwards.
#[test]
fn a_huge_case_is_a_case() {
    const EVENTS: i64 = 2_000_000;
    let time_us: Vec<i64> = (0..EVENTS).map(|at| (EVENTS - at).max(EVENTS / 2)).collect();
    let code: Vec<u32> = (0..EVENTS).map(|at| (at % 3) as u32).collect();
    let questions = everything(&Periods::new(vec![0, EVENTS + 1]).unwrap(), 4, 3);
    let answers = scan(Log::of(&vec![9; code.len()], &time_us, &code), &questions, 2);
    let map = answers.process.unwrap();
    assert_eq!((map.cases, map.events, map.variants), (1, EVENTS as u64, 1));
    assert_eq!(map.edges.iter().map(|edge| edge.n).sum::<u64>(), EVENTS as u64 - 1);
    assert_eq!(answers.funnel.unwrap()[0].reached_exactly, [0, 0, 0, 1]);
    assert_eq!(answers.retention.unwrap()[0].active, [1]);
}
