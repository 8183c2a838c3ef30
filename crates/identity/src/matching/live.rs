//! Matching that goes on: look-up of one record among all, and records that come, change and go, each at the cost of its neighbourhood.
//!
//! A [`Live`] begins with a finished matching and keeps its **model** as it is: the comparisons with the levels and frequency bands that were counted
//! then (a value that comes later is one of the rarest), the blocking rules with their limits, the chances and weights of all classes, the pairs
//! that there are for each candidate pair, and the threshold. Under one model the partition is a function of which records there are and what
//! they say: after any sequence of changes it is what one batch over the records would give, to the last cluster. What the model
//! learns from the records changes only when it is fitted again, and that is the time to do it: when many have changed.
//!
//! No pair is stored. The candidates of a record are found and weighed when they are needed, in microseconds, so that there is nothing to keep in step:
//! a change asks for the records that hang together with what it touches, before and after, and those alone are clustered again. A model
//! without rules (it was fitted to few records) compares with every record; see [`Live::outgrown`].

use rustc_hash::{FxHashMap, FxHashSet};

use super::Matching;
use super::blocking::Plan;
use super::cluster::{Component, Never, Own, Weighing};
use super::comparison::{Comparison, Memo, Met, Value};
use super::model::Scorer;
use super::pattern::{Patterns, Row, Rows, by_record};
use super::postings::{Postings, Turn};

/// Why a matching cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// No model: no two records were compared.
    #[error("no two records were compared: there is no model to go on with")]
    NoModel,
    /// Two files were linked.
    #[error("records of two linked files are not kept live: match them as one")]
    Linked,
    /// Ids that do not rise.
    #[error("{ids} ids for {records} records: there must be one each, in ascending order")]
    Ids {
        /// Ids.
        ids: usize,
        /// Records.
        records: usize,
    },
}

/// Something that happens to a record.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It comes, or says something else. Values are in the order of [`Live::fields`]; those that lack are none.
    Put {
        /// Its id.
        id: u64,
        /// What it says, as the source has it.
        values: &'a [Option<&'a str>],
    },
    /// It goes. Nothing happens where there is none of this id.
    Delete {
        /// Its id.
        id: u64,
    },
}

/// A record whose cluster is another one now. A cluster has the lowest id of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// The record.
    pub id: u64,
    /// Its cluster before; `None` where it was not there.
    pub from: Option<u64>,
    /// Its cluster now; `None` where it is gone.
    pub to: Option<u64>,
}

/// A record that a look-up found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: u64,
    /// Its cluster.
    pub cluster: u64,
    /// The probability that both are one.
    pub probability: f64,
    /// The levels of all comparisons; [`super::level`] reads one.
    pub pattern: u128,
}

/// A matching that goes on.
#[derive(Debug)]
pub struct Live {
    comparisons: Vec<Comparison>,
    plan: Plan,
    patterns: Patterns,
    scorer: Scorer,
    threshold: f64,
    /// Comparisons of identifiers of which a person has one.
    unique: Vec<usize>,
    /// By place and comparison: the code.
    codes: Vec<u32>,
    /// By place: the id of the record there.
    ids: Vec<u64>,
    /// By place: the cluster.
    clusters: Vec<u64>,
    /// Places that are empty.
    free: Vec<u32>,
    places: FxHashMap<u64, u32>,
    postings: Postings,
}

/// One record in terms of the comparisons.
struct Said {
    codes: Vec<u32>,
    values: Vec<Option<Value>>,
}

impl Said {
    fn row(&self) -> Row<'_> {
        Row { codes: &self.codes, values: &self.values }
    }
}

impl Live {
    /// Goes on with a matching; `ids` are those of its records, which must have come in ascending order of them.
    pub fn new(matching: Matching, ids: Vec<u64>) -> Result<Self, LiveError> {
        let records = matching.clusters.len();
        if matching.linked {
            return Err(LiveError::Linked);
        }
        if ids.len() != records || !ids.is_sorted_by(|a, b| a < b) {
            return Err(LiveError::Ids { ids: ids.len(), records });
        }
        let (Some(model), threshold) = (&matching.model, matching.threshold) else { return Err(LiveError::NoModel) };
        let scorer = model.scorer(matching.all_per_candidate());
        let Matching { mut comparisons, mut plan, clusters, unique, .. } = matching;
        let (codes, patterns) = (by_record(&comparisons), Patterns::new(&comparisons));
        comparisons.iter_mut().for_each(|comparison| comparison.codes = Vec::new());
        let splits: Vec<usize> = plan.rules.iter().flat_map(|rule| plan.splits(rule)).collect();
        for (at, key) in plan.keys.iter_mut().enumerate() {
            if !splits.contains(&at) && !plan.rules.iter().any(|rule| rule.keys.contains(&at)) {
                key.by_code = Vec::new();
            }
        }
        let clusters = clusters.into_iter().map(|lowest| ids[lowest as usize]).collect();
        let places = ids.iter().copied().zip(0..).collect();
        let postings = Postings::new(&plan, records);
        let free = Vec::new();
        let mut live =
            Self { comparisons, plan, patterns, scorer, threshold, unique, codes, ids, clusters, free, places, postings };
        (0..records as u32).for_each(|place| live.post(place));
        Ok(live)
    }

    /// The columns whose values a record has, in order.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.comparisons.iter().flat_map(|comparison| &comparison.fields).map(|field| field.name.as_str())
    }

    /// What records are compared by.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// Records.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether there are so many records now that a model without rules, which compares with each, should be fitted again.
    pub fn outgrown(&self) -> bool {
        let records = self.len() as u64;
        self.plan.rules.iter().all(|rule| rule.keys.is_empty()) && records * records.saturating_sub(1) / 2 > self.plan.limits.all
    }

    /// The cluster of a record: the lowest id in it.
    pub fn cluster(&self, id: u64) -> Option<u64> {
        self.places.get(&id).map(|place| self.clusters[*place as usize])
    }

    /// Records with their clusters, in no order.
    pub fn partition(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.places.iter().map(|(id, place)| (*id, self.clusters[*place as usize]))
    }

    /// The records that could be one with a record that says this, most probable first, from the probability `least` on. Values are in the
    /// order of [`Self::fields`].
    pub fn look_up(&self, values: &[Option<&str>], least: f64) -> Vec<Found> {
        let said = self.said(values);
        let row = said.row();
        let (mut memos, mut scores) = (self.memos(), Vec::new());
        let rows = self.rows();
        let mut found: Vec<Found> = self
            .postings
            .candidates(&self.plan, |at| self.key(&row, at))
            .into_iter()
            .map(|place| {
                let pattern = self.patterns.of(&self.comparisons, row, rows.row(place), &mut memos);
                let probability = self.scorer.probability(pattern, &mut scores);
                Found { id: self.ids[place as usize], cluster: self.clusters[place as usize], probability, pattern }
            })
            .filter(|found| found.probability >= least)
            .collect();
        found.sort_unstable_by(|a, b| b.probability.total_cmp(&a.probability).then(a.id.cmp(&b.id)));
        found
    }

    /// Makes changes, in order, and says whose clusters are others now. Several at once cost less than one by one.
    pub fn apply(&mut self, changes: &[Change]) -> Vec<Moved> {
        let mut touched = FxHashSet::default();
        // Clusters of records before the changes, where a record of this id came or went.
        let mut before: FxHashMap<u64, Option<u64>> = FxHashMap::default();
        for change in changes {
            let (id, said) = match change {
                Change::Put { id, values } => (*id, Some(self.said(values))),
                Change::Delete { id } => (*id, None),
            };
            let place = self.places.get(&id).copied();
            let same = |said: &Said| place.is_some_and(|place| said.row().codes == self.rows().row(place).codes);
            if said.as_ref().is_some_and(same) {
                continue;
            }
            before.entry(id).or_insert_with(|| place.map(|place| self.clusters[place as usize]));
            if let Some(place) = place {
                self.remove(place, &mut touched);
            }
            if let Some(said) = said {
                self.insert(id, said, &mut touched);
            }
        }
        self.settle(touched, &before)
    }

    fn rows(&self) -> Rows<'_> {
        Rows { comparisons: &self.comparisons, codes: &self.codes, patterns: &self.patterns }
    }

    fn never(&self) -> Never<'_> {
        Never { parts: None, unique: &self.unique }
    }

    /// Pairs of a look-up do not come back: nothing is remembered of them.
    fn memos(&self) -> Vec<Memo> {
        self.comparisons.iter().map(|_| Memo::none()).collect()
    }

    fn said(&self, values: &[Option<&str>]) -> Said {
        let (mut codes, mut new, mut from) = (Vec::new(), Vec::new(), 0);
        for comparison in &self.comparisons {
            let to = from + comparison.fields.len();
            match comparison.meet(&values[from.min(values.len())..to.min(values.len())]) {
                Met::Known(code) => {
                    codes.push(code);
                    new.push(None);
                }
                Met::New(value) => {
                    codes.push(super::address::UNKNOWN);
                    new.push(Some(value));
                }
            }
            from = to;
        }
        Said { codes, values: new }
    }

    /// The key of a record at a position of the plan.
    fn key(&self, row: &Row, at: usize) -> u64 {
        let key = &self.plan.keys[at];
        match row.values.get(key.comparison) {
            Some(Some(value)) => key.of(value),
            _ => key.by_code[row.codes[key.comparison] as usize],
        }
    }

    fn post(&mut self, place: u32) {
        let Self { comparisons, codes, patterns, plan, postings, .. } = self;
        let rows = Rows { comparisons, codes, patterns };
        postings.insert(plan, place, key_of_place(rows, plan));
    }

    fn insert(&mut self, id: u64, said: Said, touched: &mut FxHashSet<u32>) {
        let row = said.row();
        let shaken = self.postings.shaken(&self.plan, Turn::Comes, |at| self.key(&row, at));
        self.reach(shaken, touched);
        let Said { mut codes, values } = said;
        for (place, value) in values.into_iter().enumerate() {
            let Some(value) = value else { continue };
            for key in self.plan.keys.iter_mut().filter(|key| key.comparison == place && !key.by_code.is_empty()) {
                key.by_code.push(key.of(&value));
            }
            codes[place] = self.comparisons[place].admit(value);
        }
        let place = self.free.pop().unwrap_or(self.ids.len() as u32);
        let width = self.comparisons.len();
        if place as usize == self.ids.len() {
            self.ids.push(id);
            self.clusters.push(id);
            self.codes.extend(&codes);
        } else {
            self.ids[place as usize] = id;
            self.clusters[place as usize] = id;
            self.codes[place as usize * width..][..width].copy_from_slice(&codes);
        }
        self.places.insert(id, place);
        self.post(place);
        touched.insert(place);
    }

    fn remove(&mut self, place: u32, touched: &mut FxHashSet<u32>) {
        let row = self.rows().row(place);
        let shaken = self.postings.shaken(&self.plan, Turn::Goes, |at| self.key(&row, at));
        self.reach(shaken.into_iter().chain([place]), touched);
        let Self { comparisons, codes, patterns, plan, postings, .. } = self;
        let rows = Rows { comparisons, codes, patterns };
        postings.remove(plan, place, key_of_place(rows, plan));
        self.places.remove(&self.ids[place as usize]);
        self.free.push(place);
        touched.remove(&place);
    }

    /// Adds all that hangs together with these to what is touched. What was touched before brought all of its own with it.
    fn reach(&self, from: impl IntoIterator<Item = u32>, touched: &mut FxHashSet<u32>) {
        let mut next: Vec<u32> = from.into_iter().filter(|place| touched.insert(*place)).collect();
        let mut near = self.near();
        while let Some(place) = next.pop() {
            let close = near.of(place).iter().filter(|(_, probability)| *probability >= self.threshold);
            next.extend(close.map(|(other, _)| *other).filter(|other| touched.insert(*other)));
        }
    }

    fn near(&self) -> Near<'_> {
        Near { live: self, memos: self.memos(), scores: Vec::new(), found: Vec::new() }
    }

    /// Clusters what is touched, and what hangs together with it now.
    fn settle(&mut self, touched: FxHashSet<u32>, before: &FxHashMap<u64, Option<u64>>) -> Vec<Moved> {
        let (mut seen, mut own) = (FxHashSet::default(), Own::new(self.memos()));
        let (mut near, mut clusters) = (self.near(), Vec::new());
        let weighing = Weighing { rows: self.rows(), scorer: &self.scorer, threshold: self.threshold, never: self.never() };
        for place in touched {
            if !seen.contains(&place) {
                clusters.extend(weighing.clusters(self.component(place, &mut seen, &mut near), &mut own));
            }
        }
        let gone = before.iter().filter(|(id, _)| !self.places.contains_key(id));
        let gone = gone.filter_map(|(id, from)| from.map(|from| Moved { id: *id, from: Some(from), to: None }));
        let mut moved: Vec<Moved> = gone.collect();
        for cluster in clusters {
            let lowest = cluster.iter().map(|place| self.ids[*place as usize]).min();
            for place in cluster {
                let (id, place) = (self.ids[place as usize], place as usize);
                let from = before.get(&id).copied().unwrap_or(Some(self.clusters[place]));
                if from != lowest {
                    moved.push(Moved { id, from, to: lowest });
                }
                self.clusters[place] = lowest.unwrap_or(id);
            }
        }
        moved.sort_unstable();
        moved
    }

    /// The records that hang together with one, in ascending order of their ids.
    fn component(&self, from: u32, seen: &mut FxHashSet<u32>, near: &mut Near) -> Component {
        seen.insert(from);
        let (mut members, mut pairs) = (vec![from], Vec::new());
        let mut at = 0;
        while let Some(place) = members.get(at).copied() {
            for (other, probability) in near.of(place) {
                if *probability >= self.threshold && seen.insert(*other) {
                    members.push(*other);
                }
                if place < *other {
                    pairs.push((place, *other, *probability));
                }
            }
            at += 1;
        }
        members.sort_unstable_by_key(|place| self.ids[*place as usize]);
        let ranks: FxHashMap<u32, u32> = members.iter().copied().zip(0..).collect();
        let within = |(a, b, probability): (u32, u32, f64)| {
            let (a, b) = (*ranks.get(&a)?, *ranks.get(&b)?);
            Some((a.min(b), a.max(b), probability))
        };
        Component { pairs: pairs.into_iter().filter_map(within).collect(), members }
    }
}

fn key_of_place<'a>(rows: Rows<'a>, plan: &'a Plan) -> impl Fn(u32, usize) -> u64 + 'a {
    move |place, at| plan.keys[at].by_code[rows.row(place).codes[plan.keys[at].comparison] as usize]
}

/// Weighs records with their candidates.
struct Near<'a> {
    live: &'a Live,
    memos: Vec<Memo>,
    scores: Vec<f64>,
    found: Vec<(u32, f64)>,
}

impl Near<'_> {
    /// The candidates of a record that may be one with it, with their probabilities.
    fn of(&mut self, place: u32) -> &[(u32, f64)] {
        let live = self.live;
        let rows = live.rows();
        let row = rows.row(place);
        let others = live.postings.candidates(&live.plan, |at| live.key(&row, at));
        self.found.clear();
        let never = live.never();
        for other in others.into_iter().filter(|other| *other != place && !never.one(&rows, place, *other)) {
            let pattern = rows.pattern(place.min(other), place.max(other), &mut self.memos);
            self.found.push((other, live.scorer.probability(pattern, &mut self.scores)));
        }
        &self.found
    }
}

#[cfg(test)]
mod tests;
