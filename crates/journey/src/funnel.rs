//! Funnels: how far people get through steps within a window.
//!
//! The fast way for ordered steps needs no list of attempts: per step, keep the latest start among the chains that have
//! reached it. A later start can do whatever an earlier one can within the window, so one number a step is enough, and
//! an event updates one of them. With the window per step, the number is the latest time at which the step was reached.
//!
//! Events of equal time have no order. They are taken in the order of the steps, as ClickHouse's `windowFunnel` does, so
//! that a cart and its checkout of the same second count; [`Ties::Apart`] wants times to increase instead
//! (`strict_increase`). One event serves one step: for steps `a, a` somebody has to do `a` twice. (`windowFunnel` counts
//! such an event for both.)
//!
//! Deliberately missing: `windowFunnel`'s `strict_order`, which gives up a person for good at the first event that does
//! not belong; [`Order::Strict`] asks whether the steps ever followed each other directly.

use std::ops::Range;

use crate::log::Traces;
use crate::waits::median_and_p90;

/// Most steps of a funnel.
pub const MAX_STEPS: usize = 32;
/// Before all times; far enough from the smallest number that a difference does not overflow.
const NEVER: i64 = i64::MIN / 2;

/// How steps may follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In the order given, with anything in between.
    Ordered,
    /// In the order given, with nothing in between.
    Strict,
    /// In whatever order: how many different steps fall into one window.
    Any,
}

/// What the window bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// From the first step to the last.
    Whole,
    /// From each step to the next.
    Step,
}

/// Whether events of equal time can follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// They can, in the order of the steps.
    Together,
    /// A step has to be later than the one before it.
    Apart,
}

/// A funnel. Codes of the log are those of [`Funnel::code`]: each group is counted for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funnel {
    /// The steps that each activity can serve, one bit a step.
    pub steps_of: Vec<u32>,
    /// Activities that end every attempt.
    pub excluded: Vec<bool>,
    /// How many steps there are.
    pub steps: usize,
    /// Groups.
    pub groups: u32,
    /// Bits of a code that are the activity; those above are the group.
    pub group_shift: u32,
    /// How steps may follow each other.
    pub order: Order,
    /// Window in microseconds; an event exactly at its end belongs to it.
    pub window_us: i64,
    /// What the window bounds. [`Order::Any`] has one window.
    pub within: Within,
    /// Events of equal time.
    pub ties: Ties,
}

/// A funnel that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFunnel {
    /// None, or too many.
    #[error("a funnel has 1 to {MAX_STEPS} steps, not {0}")]
    Steps(usize),
    /// A window before its beginning.
    #[error("the window of a funnel cannot be negative")]
    Window,
}

impl Funnel {
    /// A funnel of `steps` (activities) over a log with so many activities, ordered, with a window over the whole.
    pub fn new(steps: &[u32], activities: u32, window_us: i64) -> Result<Self, BadFunnel> {
        if steps.is_empty() || steps.len() > MAX_STEPS {
            return Err(BadFunnel::Steps(steps.len()));
        }
        if window_us < 0 {
            return Err(BadFunnel::Window);
        }
        let mut steps_of = vec![0; activities as usize];
        for (step, &activity) in steps.iter().enumerate() {
            steps_of[activity as usize] |= 1 << step;
        }
        Ok(Self {
            excluded: vec![false; steps_of.len()],
            steps_of,
            steps: steps.len(),
            groups: 1,
            group_shift: 31,
            order: Order::Ordered,
            window_us: window_us.min(i64::MAX / 4),
            within: Within::Whole,
            ties: Ties::Together,
        })
    }

    /// The code of an activity of a person who belongs to `group` at that moment.
    pub fn code(&self, activity: u32, group: u32) -> u32 {
        group << self.group_shift | activity
    }

    /// Whether an event of this activity can matter. In a strict funnel every event does.
    pub fn concerns(&self, activity: u32) -> bool {
        self.order == Order::Strict || self.steps_of[activity as usize] != 0 || self.excluded[activity as usize]
    }
}

/// People of one group. A person belongs to the group of their first event that serves a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunnelGroup {
    /// How many got exactly so far: none of the steps in order (but an event of some step), one step, two ….
    pub reached_exactly: Vec<u64>,
    /// How long those who got to the end took from the first step to the last, in microseconds, ascending; the shortest way
    /// of each counts.
    pub durations_us: Vec<i64>,
}

impl FunnelGroup {
    /// Median and 90th percentile of the durations, if there are any.
    pub fn conversion_us(&self) -> Option<(f64, f64)> {
        (!self.durations_us.is_empty()).then(|| median_and_p90(&mut self.durations_us.clone()))
    }
}

/// The groups as one.
pub fn total(groups: &[FunnelGroup]) -> FunnelGroup {
    let mut total = FunnelGroup::default();
    for group in groups {
        total.reached_exactly.resize(group.reached_exactly.len(), 0);
        total.reached_exactly.iter_mut().zip(&group.reached_exactly).for_each(|(sum, n)| *sum += n);
        total.durations_us.extend(&group.durations_us);
    }
    total
}

/// How far one person got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The group at the first event that serves a step.
    pub group: u32,
    /// Steps reached.
    pub steps: usize,
    /// Shortest time from the first step to the last, of those who got there.
    pub shortest_us: Option<i64>,
}

/// Reads people one at a time.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    funnel: &'a Funnel,
    /// Per step, the steps that the same activity serves, itself among them.
    alike: [u32; MAX_STEPS],
}

impl<'a> Reader<'a> {
    /// A reader for `funnel`.
    pub fn new(funnel: &'a Funnel) -> Self {
        let mut alike = [0; MAX_STEPS];
        for &steps in &funnel.steps_of {
            (0..MAX_STEPS).filter(|step| steps & (1 << step) != 0).for_each(|step| alike[step] |= steps);
        }
        Self { funnel, alike }
    }

    /// How far the person got whose events these are, by time; `None` without an event of any step.
    pub fn reached(&self, code: &[u32], time_us: &[i64]) -> Option<Reached> {
        let funnel = self.funnel;
        let mask = (1 << funnel.group_shift) - 1;
        let first = code.iter().find(|code| funnel.steps_of[(**code & mask) as usize] != 0)?;
        let mut state = State { latest: [NEVER; MAX_STEPS], level: 0, shortest_us: i64::MAX };
        let case = Case { funnel, code, time_us, mask, alike: &self.alike };
        match funnel.order {
            Order::Ordered => case.ordered(&mut state),
            Order::Strict => case.strict(&mut state),
            Order::Any => case.any(&mut state),
        }
        let shortest_us = (state.level == funnel.steps).then_some(state.shortest_us);
        Some(Reached { group: first >> funnel.group_shift, steps: state.level, shortest_us })
    }
}

/// What one thread has seen.
#[derive(Clone, Debug)]
pub(crate) struct Partial<'a> {
    reader: Reader<'a>,
    /// `group * (steps + 1) + level`.
    people: Vec<u64>,
    durations_us: Vec<Vec<i64>>,
}

/// One person at a time.
#[derive(Clone, Debug)]
struct State {
    /// Latest start (or, with a window per step, latest time) of each step.
    latest: [i64; MAX_STEPS],
    level: usize,
    /// Shortest time to the last step.
    shortest_us: i64,
}

impl<'a> Partial<'a> {
    pub fn new(funnel: &'a Funnel) -> Self {
        let groups = funnel.groups.max(1) as usize;
        Self { reader: Reader::new(funnel), people: vec![0; groups * (funnel.steps + 1)], durations_us: vec![Vec::new(); groups] }
    }

    pub fn scan(&mut self, traces: &Traces<'_>) {
        let steps = self.reader.funnel.steps;
        for rows in traces.cases() {
            let Some(reached) = self.reader.reached(&traces.code[rows.clone()], &traces.time_us[rows]) else { continue };
            let group = reached.group as usize;
            self.people[group * (steps + 1) + reached.steps] += 1;
            self.durations_us[group].extend(reached.shortest_us);
        }
    }

    pub fn finish(parts: Vec<Self>) -> Vec<FunnelGroup> {
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else { return Vec::new() };
        for part in parts {
            for (sum, n) in all.people.iter_mut().zip(part.people) {
                *sum += n;
            }
            for (all, durations) in all.durations_us.iter_mut().zip(part.durations_us) {
                all.extend(durations);
            }
        }
        let levels = all.people.chunks(all.reader.funnel.steps + 1);
        let group = |(levels, mut durations_us): (&[u64], Vec<i64>)| {
            durations_us.sort_unstable();
            FunnelGroup { reached_exactly: levels.to_vec(), durations_us }
        };
        levels.zip(all.durations_us).map(group).collect()
    }
}

/// The events of one person.
#[derive(Clone, Copy)]
struct Case<'a> {
    funnel: &'a Funnel,
    code: &'a [u32],
    time_us: &'a [i64],
    mask: u32,
    alike: &'a [u32; MAX_STEPS],
}

impl Case<'_> {
    fn steps(&self, at: usize) -> u32 {
        self.funnel.steps_of[(self.code[at] & self.mask) as usize]
    }

    fn excluded(&self, at: usize) -> bool {
        self.funnel.excluded[(self.code[at] & self.mask) as usize]
    }

    /// Rows of equal time behind `at`.
    fn tied(&self, at: usize) -> Range<usize> {
        let time_us = self.time_us[at];
        at..at + self.time_us[at..].iter().take_while(|other| **other == time_us).count()
    }

    fn reach(&self, state: &mut State, step: usize, start_us: i64, time_us: i64) {
        let kept = if self.funnel.within == Within::Whole { start_us } else { time_us };
        state.latest[step] = state.latest[step].max(kept);
        state.level = state.level.max(step + 1);
    }

    fn ordered(&self, state: &mut State) {
        // Where each chain began. It never runs backwards: a chain that reaches a step later has not begun earlier.
        let mut begun = [NEVER; MAX_STEPS];
        let mut at = 0;
        while at < self.code.len() {
            let rows = self.tied(at);
            at = rows.end;
            if rows.clone().any(|row| self.excluded(row)) {
                state.latest = [NEVER; MAX_STEPS];
            }
            if rows.len() == 1 || self.funnel.ties == Ties::Apart {
                let steps = rows.clone().fold(0, |steps, row| steps | self.steps(row));
                self.advance_by_one(state, &mut begun, steps, self.time_us[rows.start]);
            } else {
                self.advance_by_all(state, &mut begun, rows);
            }
        }
    }

    /// Every step of `steps` is reached from the one before it, as it was before this time.
    fn advance_by_one(&self, state: &mut State, begun: &mut [i64; MAX_STEPS], mut steps: u32, time_us: i64) {
        while steps != 0 {
            let step = 31 - steps.leading_zeros() as usize;
            steps &= !(1 << step);
            if step == 0 {
                begun[0] = time_us;
                self.reach(state, 0, time_us, time_us);
            } else if time_us - state.latest[step - 1] <= self.funnel.window_us {
                begun[step] = begun[step - 1];
                self.reach(state, step, state.latest[step - 1], time_us);
            } else {
                continue;
            }
            if step + 1 == self.funnel.steps {
                state.shortest_us = state.shortest_us.min(time_us - begun[step]);
            }
        }
    }

    /// Events of one time in the order of the steps, each for one step: from where a chain stood before, it gets over as
    /// many steps as the events suffice for.
    fn advance_by_all(&self, state: &mut State, begun: &mut [i64; MAX_STEPS], rows: Range<usize>) {
        let (before, begun_before) = (state.latest, *begun);
        let time_us = self.time_us[rows.start];
        // How many of the events can serve each step.
        let mut serve = [0_u32; MAX_STEPS];
        for row in rows {
            let mut steps = self.steps(row);
            while steps != 0 {
                serve[steps.trailing_zeros() as usize] += 1;
                steps &= steps - 1;
            }
        }
        for start in 0..self.funnel.steps {
            let (start_us, begun_us) = match start {
                0 => (time_us, time_us),
                later if time_us - before[later - 1] <= self.funnel.window_us => (before[later - 1], begun_before[later - 1]),
                _ => continue,
            };
            let mut taken = 0_u32;
            for step in start..self.funnel.steps {
                taken |= 1 << step;
                // Steps that the same activity serves need an event each.
                if serve[step] < (taken & self.alike[step]).count_ones().max(1) {
                    break;
                }
                begun[step] = begun[step].max(begun_us);
                self.reach(state, step, start_us, time_us);
                if step + 1 == self.funnel.steps {
                    state.shortest_us = state.shortest_us.min(time_us - begun_us);
                }
            }
        }
    }

    /// From every first step, as long as the next event is the next step.
    fn strict(&self, state: &mut State) {
        for start in 0..self.code.len() {
            let mut step = 0;
            while step < self.funnel.steps && start + step < self.code.len() {
                let row = start + step;
                let from_us = match (step, self.funnel.within) {
                    (0, _) | (_, Within::Whole) => self.time_us[start],
                    (_, Within::Step) => self.time_us[row - 1],
                };
                let late = self.time_us[row] - from_us > self.funnel.window_us;
                let tied = step > 0 && self.funnel.ties == Ties::Apart && self.time_us[row] == self.time_us[row - 1];
                if late || tied || self.steps(row) & (1 << step) == 0 {
                    break;
                }
                step += 1;
            }
            state.level = state.level.max(step);
            if step == self.funnel.steps {
                state.shortest_us = state.shortest_us.min(self.time_us[start + step - 1] - self.time_us[start]);
            }
        }
    }

    /// Different steps in a window that slides over the events; an excluded event begins a new one behind it.
    fn any(&self, state: &mut State) {
        let mut in_window = [0_u32; MAX_STEPS];
        let (mut first, mut distinct) = (0, 0);
        for row in 0..self.code.len() {
            if self.excluded(row) {
                (in_window, first, distinct) = ([0; MAX_STEPS], row + 1, 0);
                continue;
            }
            let mut each = |row: usize, change: i32| {
                let mut steps = self.steps(row);
                while steps != 0 {
                    let step = steps.trailing_zeros() as usize;
                    steps &= steps - 1;
                    let before = in_window[step];
                    in_window[step] = before.wrapping_add_signed(change);
                    distinct += usize::from(before == 0) * usize::from(change > 0);
                    distinct -= usize::from(in_window[step] == 0) * usize::from(change < 0);
                }
                distinct
            };
            let mut found = each(row, 1);
            while self.time_us[row] - self.time_us[first] > self.funnel.window_us {
                found = each(first, -1);
                first += 1;
            }
            state.level = state.level.max(found);
            if found == self.funnel.steps {
                // The window may begin with events that are not needed: leave out as many as can be.
                while found == self.funnel.steps {
                    state.shortest_us = state.shortest_us.min(self.time_us[row] - self.time_us[first]);
                    found = each(first, -1);
                    first += 1;
                }
            }
        }
    }
}
