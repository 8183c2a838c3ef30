//! Cuts of a directly-follows graph.

use std::collections::{BTreeMap, BTreeSet};

use super::Variants;

/// A partition of activities that says how they relate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Never in one trace.
    Exclusive(Vec<BTreeSet<u32>>),
    /// One after the other.
    Sequence(Vec<BTreeSet<u32>>),
    /// In any order.
    Parallel(Vec<BTreeSet<u32>>),
    /// A body, and parts that lead from its end back to its beginning.
    Loop(BTreeSet<u32>, Vec<BTreeSet<u32>>),
}

/// What follows what, how often.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub edges: BTreeMap<(u32, u32), u64>,
    pub start: BTreeMap<u32, u64>,
    pub end: BTreeMap<u32, u64>,
}

/// Joins activities into groups.
struct Groups(BTreeMap<u32, u32>);

impl Groups {
    fn of(activities: &BTreeSet<u32>) -> Self {
        Self(activities.iter().map(|activity| (*activity, *activity)).collect())
    }

    fn root(&self, mut activity: u32) -> u32 {
        while self.0[&activity] != activity {
            activity = self.0[&activity];
        }
        activity
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0.insert(a.max(b), a.min(b));
    }

    /// In the order of their least activity.
    fn sets(&self) -> Vec<BTreeSet<u32>> {
        let mut sets: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for activity in self.0.keys() {
            sets.entry(self.root(*activity)).or_default().insert(*activity);
        }
        sets.into_values().collect()
    }
}

impl Graph {
    pub fn of(log: &Variants) -> Self {
        let mut graph = Self::default();
        for (trace, cases) in log {
            if let (Some(first), Some(last)) = (trace.first(), trace.last()) {
                *graph.start.entry(*first).or_default() += cases;
                *graph.end.entry(*last).or_default() += cases;
            }
            for pair in trace.windows(2) {
                *graph.edges.entry((pair[0], pair[1])).or_default() += cases;
            }
        }
        graph
    }

    /// Without edges, beginnings and ends rarer than this share of the most frequent one beside them.
    pub fn without_rare(&self, share: f64) -> Self {
        let mut most: BTreeMap<u32, u64> = self.end.clone();
        for (&(from, _), &n) in &self.edges {
            let most = most.entry(from).or_default();
            *most = n.max(*most);
        }
        let often = |n: u64, most: u64| n as f64 >= share * most as f64;
        let kept = |counts: &BTreeMap<u32, u64>| {
            let most = counts.values().copied().max().unwrap_or(0);
            counts.iter().filter(|(_, n)| often(**n, most)).map(|(activity, n)| (*activity, *n)).collect()
        };
        let edges = self.edges.iter().filter(|((from, _), n)| often(**n, most[from])).map(|(edge, n)| (*edge, *n)).collect();
        Self { edges, start: kept(&self.start), end: kept(&self.end) }
    }

    /// The first cut there is.
    pub fn cut(&self, activities: &BTreeSet<u32>) -> Option<Cut> {
        if activities.len() < 2 {
            return None;
        }
        self.exclusive(activities)
            .or_else(|| self.sequence(activities))
            .or_else(|| self.parallel(activities))
            .or_else(|| self.repeated(activities))
    }

    fn follows(&self, from: u32, to: u32) -> bool {
        self.edges.contains_key(&(from, to))
    }

    fn exclusive(&self, activities: &BTreeSet<u32>) -> Option<Cut> {
        let mut groups = Groups::of(activities);
        self.edges.keys().for_each(|(from, to)| groups.join(*from, *to));
        Some(groups.sets()).filter(|sets| sets.len() > 1).map(Cut::Exclusive)
    }

    /// What can be reached from each activity, in one step or more.
    fn reach(&self, activities: &BTreeSet<u32>) -> BTreeMap<u32, BTreeSet<u32>> {
        let mut next: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        self.edges.keys().for_each(|(from, to)| next.entry(*from).or_default().push(*to));
        let from = |activity: &u32| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![*activity]);
            while let Some(at) = open.pop() {
                for to in next.get(&at).into_iter().flatten() {
                    if seen.insert(*to) {
                        open.push(*to);
                    }
                }
            }
            (*activity, seen)
        };
        activities.iter().map(from).collect()
    }

    fn sequence(&self, activities: &BTreeSet<u32>) -> Option<Cut> {
        let reach = self.reach(activities);
        let mut groups = Groups::of(activities);
        for a in activities {
            for b in activities.range(a + 1..) {
                // Both ways: a circle. Neither: side by side.
                if reach[a].contains(b) == reach[b].contains(a) {
                    groups.join(*a, *b);
                }
            }
        }
        let mut sets = groups.sets();
        // Between any two groups there is one way only, so that what is reached orders them.
        sets.sort_by_key(|set| {
            std::cmp::Reverse(set.iter().flat_map(|a| &reach[a]).filter(|b| !set.contains(b)).collect::<BTreeSet<_>>().len())
        });
        let ordered = |(at, set): (usize, &BTreeSet<u32>)| {
            sets[at + 1..].iter().flatten().all(|later| set.iter().all(|a| reach[a].contains(later) && !reach[later].contains(a)))
        };
        (sets.len() > 1 && sets.iter().enumerate().all(ordered)).then(|| Cut::Sequence(sets.clone()))
    }

    fn parallel(&self, activities: &BTreeSet<u32>) -> Option<Cut> {
        let mut groups = Groups::of(activities);
        for a in activities {
            for b in activities.range(a + 1..) {
                if !(self.follows(*a, *b) && self.follows(*b, *a)) {
                    groups.join(*a, *b);
                }
            }
        }
        let is_whole = |set: &BTreeSet<u32>| {
            set.iter().any(|activity| self.start.contains_key(activity))
                && set.iter().any(|activity| self.end.contains_key(activity))
        };
        let (mut whole, torn): (Vec<_>, Vec<_>) = groups.sets().into_iter().partition(is_whole);
        // What cannot begin and end by itself belongs to a part that can.
        whole.first_mut()?.extend(torn.into_iter().flatten());
        Some(whole).filter(|sets| sets.len() > 1).map(Cut::Parallel)
    }

    fn repeated(&self, activities: &BTreeSet<u32>) -> Option<Cut> {
        let ends: BTreeSet<u32> = self.start.keys().chain(self.end.keys()).copied().collect();
        let rest: BTreeSet<u32> = activities.difference(&ends).copied().collect();
        let mut groups = Groups::of(&rest);
        for (from, to) in self.edges.keys() {
            if rest.contains(from) && rest.contains(to) {
                groups.join(*from, *to);
            }
        }
        let leads_back = |set: &BTreeSet<u32>| {
            self.edges.keys().all(|(from, to)| {
                let (leaves, enters) = (set.contains(from) && !set.contains(to), set.contains(to) && !set.contains(from));
                (!leaves || self.start.contains_key(to)) && (!enters || self.end.contains_key(from))
            }) && set.iter().all(|activity| {
                // Whoever comes from one end can come from all, and whoever goes to one beginning to all.
                let from = self.end.keys().filter(|end| self.follows(**end, *activity)).count();
                let to = self.start.keys().filter(|start| self.follows(*activity, **start)).count();
                (from == 0 || from == self.end.len()) && (to == 0 || to == self.start.len())
            })
        };
        let (back, inside): (Vec<_>, Vec<_>) = groups.sets().into_iter().partition(leads_back);
        let body: BTreeSet<u32> = ends.into_iter().chain(inside.into_iter().flatten()).collect();
        (!back.is_empty()).then_some(Cut::Loop(body, back))
    }
}
