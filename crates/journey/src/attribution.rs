//! Attribution: how the credit for conversions is shared among the touches before them.
//!
//! A conversion ends a path; the touches since the one before it (and not longer ago than a lookback) share its credit. The
//! touches after the last conversion are a path that led to none. Six models, of which none is the truth: first, last,
//! linear and by position are conventions; Shapley values share a conversion equally among the *different* touches that
//! took part (the exact Shapley value of the game in which a set of touches is worth the conversions of paths made of it
//! alone); the Markov chain asks what would be lost without a touch, solved exactly ([`clew_stats::markov`]).
//!
//! Credits of every model add up to the conversions that have touches, so that models can be laid side by side. None is
//! causal: a touch that people meet on their way to a purchase they would have made anyway earns credit too.

use clew_stats::markov::AbsorbingChain;
use rustc_hash::FxHashMap;

use crate::events::NO_KEY;
use crate::log::Traces;

/// How credit is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// All to the first touch.
    First,
    /// All to the last.
    Last,
    /// Equally to all.
    Linear,
    /// 40 % each to the first and last, 20 % to those between; halves for two.
    Position,
    /// Equally to the different ones: the Shapley value.
    Shapley,
    /// By what is lost without it, in a Markov chain of order 1.
    Markov,
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::First, Self::Last, Self::Linear, Self::Position, Self::Shapley, Self::Markov];

    /// The word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::Linear => "linear",
            Self::Position => "position",
            Self::Shapley => "shapley",
            Self::Markov => "markov",
        }
    }
}

/// Paths of the same touches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TouchPath {
    /// Touches in order.
    pub touches: Vec<u32>,
    /// Paths that converted.
    pub conversions: u64,
    /// What those are worth.
    pub value: f64,
    /// Paths that did not convert.
    pub nulls: u64,
}

/// What conversions are, and what touches them.
#[derive(Clone, Copy, Debug)]
pub struct AttributionQuestion<'a> {
    /// The activity that is a conversion.
    pub conversion: u32,
    /// Touch of each event; [`NO_KEY`] for none.
    pub touch: &'a [u32],
    /// Value of each event; empty if conversions are only counted.
    pub value: &'a [f64],
    /// Touches longer before the conversion have no share; none: all have.
    pub lookback_us: Option<i64>,
}

/// Paths of a log, in the order of their touches. A conversion without a touch is a path without touches.
///
/// # Panics
/// If a column has not one entry an event.
pub fn touch_paths(traces: &Traces<'_>, question: &AttributionQuestion<'_>) -> Vec<TouchPath> {
    assert_eq!(question.touch.len(), traces.code.len(), "each event has a touch or none");
    assert!(question.value.is_empty() || question.value.len() == traces.code.len(), "each event has a value");
    let mut paths: FxHashMap<Vec<u32>, TouchPath> = FxHashMap::default();
    let mut add = |touches: &[u32], conversion: Option<usize>| {
        if touches.is_empty() && conversion.is_none() {
            return;
        }
        if !paths.contains_key(touches) {
            paths.insert(touches.to_vec(), TouchPath { touches: touches.to_vec(), ..TouchPath::default() });
        }
        let Some(path) = paths.get_mut(touches) else { return };
        match conversion {
            Some(row) => {
                path.conversions += 1;
                path.value += question.value.get(row).copied().unwrap_or(0.0);
            }
            None => path.nulls += 1,
        }
    };
    let (mut touches, mut times) = (Vec::new(), Vec::new());
    for rows in traces.cases() {
        touches.clear();
        times.clear();
        for at in rows {
            let time_us = traces.time_us[at];
            if traces.code[at] == question.conversion {
                let from = question.lookback_us.map_or(0, |us| times.partition_point(|time: &i64| time_us - time > us));
                add(&touches[from..], Some(at));
                touches.clear();
                times.clear();
            } else if question.touch[at] != NO_KEY {
                touches.push(question.touch[at]);
                times.push(time_us);
            }
        }
        add(&touches, None);
    }
    let mut paths: Vec<TouchPath> = paths.into_values().collect();
    paths.sort_unstable_by(|a, b| a.touches.cmp(&b.touches));
    paths
}

/// Conversions and value that a touch is given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Credit {
    /// Conversions.
    pub conversions: f64,
    /// Value.
    pub value: f64,
}

impl Credit {
    fn add(&mut self, path: &TouchPath, share: f64) {
        self.conversions += share * path.conversions as f64;
        self.value += share * path.value;
    }
}

/// Credits of all touches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attribution {
    /// Conversions with a touch, and their value.
    pub attributed: Credit,
    /// Conversions without one.
    pub direct: Credit,
    /// Paths with touches that did not convert.
    pub nulls: u64,
    /// By touch, then by model in the order of [`Model::ALL`]. Markov is missing (all zero) where there are more touches than
    /// the chain takes; see `removal_effects`.
    pub credits: Vec<[Credit; 6]>,
    /// Share of conversions lost without the touch, by touch; empty where the chain cannot be solved.
    pub removal_effects: Vec<f64>,
}

/// Shares the credit of paths with touches below `touches`.
///
/// # Panics
/// If a touch is not below `touches`.
pub fn attribute(paths: &[TouchPath], touches: u32) -> Attribution {
    let mut found = Attribution { credits: vec![[Credit::default(); 6]; touches as usize], ..Attribution::default() };
    let mut chain = AbsorbingChain::new(touches as usize);
    let mut different = Vec::new();
    for path in paths {
        let Some((first, last)) = path.touches.first().zip(path.touches.last()) else {
            found.direct.add(path, 1.0);
            continue;
        };
        found.attributed.add(path, 1.0);
        found.nulls += path.nulls;
        if let Some(chain) = &mut chain {
            let states: Vec<usize> = path.touches.iter().map(|touch| *touch as usize).collect();
            chain.walk(&states, path.conversions as f64, path.nulls as f64);
        }
        let mut credit = |touch: u32, model: Model, share: f64| {
            found.credits[touch as usize][model as usize].add(path, share);
        };
        credit(*first, Model::First, 1.0);
        credit(*last, Model::Last, 1.0);
        for (at, touch) in path.touches.iter().enumerate() {
            credit(*touch, Model::Linear, 1.0 / path.touches.len() as f64);
            credit(*touch, Model::Position, by_position(at, path.touches.len()));
        }
        different.clone_from(&path.touches);
        different.sort_unstable();
        different.dedup();
        different.iter().for_each(|touch| credit(*touch, Model::Shapley, 1.0 / different.len() as f64));
    }
    if let Some(absorption) = chain.and_then(|chain| chain.absorption()) {
        let all: f64 = absorption.removal_effects.iter().sum();
        for (credits, effect) in found.credits.iter_mut().zip(&absorption.removal_effects) {
            let share = effect / all;
            let Credit { conversions, value } = found.attributed;
            credits[Model::Markov as usize] = Credit { conversions: conversions * share, value: value * share };
        }
        found.removal_effects = absorption.removal_effects;
    }
    found
}

/// Share of a touch by its place.
fn by_position(at: usize, touches: usize) -> f64 {
    match touches {
        1 => 1.0,
        2 => 0.5,
        _ if at == 0 || at + 1 == touches => 0.4,
        _ => 0.2 / (touches - 2) as f64,
    }
}
