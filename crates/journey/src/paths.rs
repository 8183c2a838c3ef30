//! Paths: how sessions begin. Every prefix of the first `depth` activities is counted.
//!
//! A session ends where somebody is silent for longer than the gap. Its first activities are packed into one number, the
//! first activity in the highest bits and 0 for "ended here", so that sorting the numbers brings every prefix together
//! and one pass over them counts all depths. No tree is built. Where a path does not fit into 64 bits, those that differ are
//! counted and sorted; the pass is the same.
//!
//! With a [`Room`], equal ones are put together when it is full: memory grows with the paths that differ, not with sessions.

use crate::log::Traces;
use crate::spill::Room;
use crate::variants::Variants;

/// Deepest path.
pub const MAX_DEPTH: usize = 64;

/// How paths are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathQuestion {
    /// A longer silence ends a session; none: a case is one session.
    pub gap_us: Option<i64>,
    /// How many activities of a session count, at most [`MAX_DEPTH`].
    pub depth: usize,
    /// Whether an activity that follows itself is taken as one.
    pub collapse: bool,
    /// How many paths are wanted. All that are as frequent as the last of them come, too, so that the caller can break ties.
    pub top: usize,
}

/// Beginnings of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Sessions.
    pub sessions: u64,
    /// Different prefixes.
    pub distinct: u64,
    /// The most frequent ones first, then by their activities.
    pub top: Vec<Path>,
}

/// Activities with which sessions begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// In order.
    pub activities: Vec<u32>,
    /// Sessions that begin so.
    pub sessions: u64,
}

/// What one thread has seen.
#[derive(Clone, Debug)]
pub(crate) struct Partial {
    question: PathQuestion,
    bits: u32,
    packed: Vec<u64>,
    /// How many of them are kept before equal ones are put together.
    most: usize,
    /// Packed paths that were put together, ascending, and how often each was met.
    counted: Vec<(u64, u64)>,
    /// Paths that do not fit.
    wide: Variants,
    /// The activities of one of them.
    path: Vec<u32>,
}

impl Partial {
    pub fn new(question: PathQuestion, activities: u32, room: Option<Room<'_>>) -> Self {
        let question = PathQuestion { depth: question.depth.clamp(1, MAX_DEPTH), ..question };
        // Activities and the end.
        let bits = u32::BITS - activities.leading_zeros();
        let (packed, counted, path) = (Vec::new(), Vec::new(), Vec::new());
        let most = room.map_or(usize::MAX, |room| room.entries);
        Self { question, bits: bits.max(1), packed, most, counted, wide: Variants::new(activities), path }
    }

    fn fits(&self) -> bool {
        self.bits as usize * self.question.depth <= 64
    }

    pub fn scan(&mut self, traces: &Traces<'_>) {
        if self.fits() {
            self.pack(traces);
            if self.packed.len() >= self.most {
                self.put_together();
            }
        } else {
            self.keep(traces);
        }
    }

    fn pack(&mut self, traces: &Traces<'_>) {
        let (question, bits) = (self.question, self.bits);
        let gap_us = question.gap_us.unwrap_or(i64::MAX);
        let first_shift = (question.depth as u32 - 1) * bits;
        for rows in traces.cases() {
            let (code, time_us) = (&traces.code[rows.clone()], &traces.time_us[rows]);
            let mut key = u64::from(code[0] + 1) << first_shift;
            // How far the next activity is shifted, plus `bits`: 0 when the path is full.
            let mut room = first_shift;
            for at in 1..code.len() {
                if time_us[at] - time_us[at - 1] > gap_us {
                    self.packed.push(key);
                    key = u64::from(code[at] + 1) << first_shift;
                    room = first_shift;
                } else if room > 0 && !(question.collapse && code[at] == code[at - 1]) {
                    room -= bits;
                    key |= u64::from(code[at] + 1) << room;
                }
            }
            self.packed.push(key);
        }
    }

    fn keep(&mut self, traces: &Traces<'_>) {
        let question = self.question;
        let gap_us = question.gap_us.unwrap_or(i64::MAX);
        for rows in traces.cases() {
            self.path.clear();
            for at in rows.clone() {
                if at > rows.start && traces.time_us[at] - traces.time_us[at - 1] > gap_us {
                    self.wide.add(&self.path);
                    self.path.clear();
                }
                let repeated = !self.path.is_empty() && question.collapse && traces.code[at] == traces.code[at - 1];
                if self.path.len() < question.depth && !repeated {
                    self.path.push(traces.code[at]);
                }
            }
            self.wide.add(&self.path);
        }
    }

    fn put_together(&mut self) {
        self.packed.sort_unstable();
        let new = self.packed.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64));
        self.counted = sums(std::mem::take(&mut self.counted).into_iter().chain(new).collect());
        self.packed.clear();
    }

    pub fn finish(mut parts: Vec<Self>) -> Paths {
        let Some(first) = parts.first() else { return Paths::default() };
        let (question, bits) = (first.question, first.bits);
        if !first.fits() {
            let mut all = Variants::default();
            for part in parts {
                if all.is_empty() { all = part.wide } else { all.merge(&part.wide) }
            }
            let paths = all.in_order().map(|(activity, sessions)| {
                let activity = move |place: usize| activity(place).map_or(0, |activity| activity + 1);
                (activity, sessions)
            });
            return count(&question, paths);
        }
        let shift = |place: usize| (question.depth - 1 - place) as u32 * bits;
        let mask = (1_u64 << bits) - 1;
        // 0 is the end, here as there.
        let path = |(key, sessions): (u64, u64)| (move |place: usize| (key >> shift(place) & mask) as u32, sessions);
        if parts.iter().all(|part| part.counted.is_empty()) {
            let mut keys = Vec::with_capacity(parts.iter().map(|part| part.packed.len()).sum());
            parts.into_iter().for_each(|part| keys.extend(part.packed));
            keys.sort_unstable();
            return count(&question, keys.chunk_by(|a, b| a == b).map(|same| path((same[0], same.len() as u64))));
        }
        parts.iter_mut().for_each(Self::put_together);
        let all = sums(parts.into_iter().flat_map(|part| part.counted).collect());
        count(&question, all.into_iter().map(path))
    }
}

/// One entry a key, ascending, with the sum of what it has.
fn sums(mut counted: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    counted.sort_unstable();
    counted.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0 };
        same
    });
    counted
}

/// A prefix that is being counted, or was.
#[derive(Clone, Copy)]
struct Prefix {
    sessions: u64,
    length: usize,
    /// Number of the path that it is the beginning of.
    path: usize,
}

/// Counts prefixes of paths that come in order. A path tells the activity + 1 at a place, 0 behind its end.
fn count<A: Fn(usize) -> u32>(question: &PathQuestion, paths: impl Iterator<Item = (A, u64)>) -> Paths {
    let depth = question.depth;
    let mut found = Paths::default();
    let mut prefixes: Vec<Prefix> = Vec::new();
    let (mut kept, mut numbers): (Vec<A>, usize) = (Vec::new(), 0);
    let mut open = vec![Prefix { sessions: 0, length: 0, path: 0 }; depth];
    let mut activities = vec![0_u32; depth];
    for (path, sessions) in paths {
        found.sessions += sessions;
        let mut same = true;
        for place in 0..depth {
            let activity = path(place);
            if !same || activities[place] != activity {
                if activities[place] != 0 {
                    prefixes.push(open[place]);
                }
                same = false;
                activities[place] = activity;
                open[place] = Prefix { sessions: 0, length: place + 1, path: numbers };
            }
            if activity != 0 {
                open[place].sessions += sessions;
            }
        }
        kept.push(path);
        numbers += 1;
    }
    prefixes.extend((0..depth).filter(|&place| activities[place] != 0).map(|place| open[place]));
    found.distinct = prefixes.len() as u64;
    if question.top < prefixes.len() {
        if question.top == 0 {
            return found;
        }
        let (_, least, _) = prefixes.select_nth_unstable_by_key(question.top - 1, |prefix| std::cmp::Reverse(prefix.sessions));
        let least = least.sessions;
        prefixes.retain(|prefix| prefix.sessions >= least);
    }
    let path = |prefix: Prefix| Path {
        activities: (0..prefix.length).map(|place| kept[prefix.path](place) - 1).collect(),
        sessions: prefix.sessions,
    };
    found.top = prefixes.into_iter().map(path).collect();
    found.top.sort_unstable_by(|a, b| b.sessions.cmp(&a.sessions).then_with(|| a.activities.cmp(&b.activities)));
    found
}
