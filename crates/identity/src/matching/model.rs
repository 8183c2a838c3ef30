//! What a pattern of levels says about two records: one person, one household, or neither.
//!
//! A mixture of classes, each with its own chance of every level; levels are independent within a class (I. P. Fellegi, A. B. Sunter, "A Theory for Record
//! Linkage", JASA 64, 1969), which is far less wrong with several classes than with two:
//!
//! * **match**: two records of one person, learnt;
//! * **one noise class a blocking rule**: two people who agree by chance on what the rule asks for. How they agree there is learnt, all else is
//!   as among random pairs. Without it everything that a rule pins looks like evidence;
//! * **household**: two people with a name, an address or a telephone in common, the rest by chance;
//! * **twin**: two people of one household who share their birthday; **junior**: two who share their given name. What else they have in
//!   common is what a household has, so that neither can grow into a second class of matches;
//! * **namesake**: two people who share their names and nothing else.
//!
//! The last four are admitted only where they earn it: by the Bayesian information criterion and with pairs enough to be learnt from.
//! Chances among random pairs come from the counts of values, less what the matches themselves add to them, which in a small set is most.
//! Fitted by expectation and maximisation over counted patterns (A. P. Dempster, N. M. Laird, D. B. Rubin, JRSS B 39, 1977). Sums run in a fixed order over parts
//! of fixed size, so that the result is the same to the bit whatever the number of threads.

use clew_stats::dice::Dice;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::blocking::{Key, MOST_PAIRED_IN_BLOCK, Plan};
use super::chance::Urn;
use super::column::Kind;
use super::comparison::{Comparison, DIFFERENT, MAILBOX_ALIKE, MAILBOX_AS_NAMES, NULL, SAME_MAILBOX};
use super::parallel::parallel;
use super::pattern::level;

/// Random pairs of values on which chances of levels are counted.
const DRAWS: usize = 100_000;
/// The same within blocks of a rule.
const BLOCK_DRAWS: usize = 20_000;
/// Rounds of fitting, at most.
const MOST_ROUNDS: usize = 200;
/// Fitting ends when a round gains less log likelihood than this in all, or than this for each pair that is held for a match.
const LEAST_GAIN: f64 = 0.01;
const LEAST_GAIN_A_MATCH: f64 = 2e-5;
/// Patterns summed in one go.
const PART: usize = 1_024;
/// Pairs that every level of a learnt class is given beforehand, and pairs that the match class is given as it begins: few matches among many
/// pairs must not make it learn what most pairs have in common. Of 20, 60, 100, 150, 250 and 400 this told most on restaurants and on Senzing's 159
/// records; the larger sets did not care.
const PRIOR: f64 = 0.5;
const PRIOR_MATCHES: f64 = 150.0;
/// The chance of what cannot be.
const NEVER: f64 = 1e-9;
/// Pairs that a pinned level of a noise class is given beforehand, in all.
const PRIOR_PINNED: f64 = 20.0;
/// At least so much of what random pairs agree on exactly is chance, not matches among them.
const LEAST_CHANCE: f64 = 0.02;
/// The same where they agree by degrees only, of which chance has more.
const LEAST_CHANCE_OF_DEGREES: f64 = 0.25;
/// While classes are still being chosen, fitting ends so many times sooner.
const ROUGHLY: f64 = 10.0;
/// Pairs that a household, twin or junior class must explain to be believed.
const LEAST_PAIRS: f64 = 50.0;

/// A kind of pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "class", content = "rule")]
pub enum Class {
    /// One person.
    Match,
    /// Agreement by chance under the rule of this position.
    Noise(usize),
    /// Two people of one household.
    Household,
    /// Two people of one household who share a birthday.
    Twin,
    /// Two people of one household who share a given name.
    Junior,
    /// Two people who share their names.
    Namesake,
}

/// Where a class has the chances of a comparison from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// They are those of random pairs.
    Random,
    /// They are those of matches, learnt together with them.
    Match,
    /// They are those of households, learnt together with them.
    Household,
    /// It learns them.
    Own,
}

/// The chances of one class.
#[derive(Clone, Debug, Serialize)]
pub struct Component {
    /// What it is.
    #[serde(flatten)]
    pub class: Class,
    /// Its share of the candidate pairs.
    pub weight: f64,
    /// By comparison and level: the chance, given that both records have a value; level 0 is not used.
    pub chances: Vec<Vec<f64>>,
    /// By comparison: where the chances are from.
    #[serde(skip)]
    sources: Vec<Source>,
    /// By comparison and level: pairs that it is given beforehand, where it learns.
    #[serde(skip)]
    prior: Vec<Vec<f64>>,
}

impl Component {
    /// A class that is random in all respects.
    fn of_random(class: Class, weight: f64, random: &[Vec<f64>]) -> Self {
        let prior = vec![Vec::new(); random.len()];
        Self { class, weight, sources: vec![Source::Random; random.len()], chances: random.to_vec(), prior }
    }

    /// Lets it learn the comparison at `place`, beginning with `chances`, which count as much as `pairs` that were seen.
    fn learn_from(&mut self, place: usize, chances: &[f64], pairs: f64) {
        self.sources[place] = Source::Own;
        self.chances[place] = chances.to_vec();
        self.prior[place] = chances.iter().map(|chance| chance * pairs).collect();
    }

    /// Lets it learn how mailboxes of two people are alike who share names. Their addresses are not the same.
    fn learn_mailboxes(&mut self, place: usize) {
        let mut chances = vec![NEVER; self.chances[place].len()];
        for (level, chance) in [(DIFFERENT, 0.9), (MAILBOX_ALIKE, 0.04), (SAME_MAILBOX, 0.02), (MAILBOX_AS_NAMES, 0.04)] {
            chances[usize::from(level)] = chance;
        }
        self.learn_from(place, &chances, PRIOR_PINNED);
    }
}

/// A fitted model.
#[derive(Clone, Debug, Serialize)]
pub struct Model {
    /// Its classes; the first is that of matches.
    pub components: Vec<Component>,
    /// Log likelihood of all candidate pairs.
    pub log_likelihood: f64,
    /// Rounds of fitting.
    pub rounds: usize,
    /// By comparison and level: the chance among random pairs of two people.
    pub random: Vec<Vec<f64>>,
    /// The same as the counts of values give it, matches and all.
    #[serde(skip)]
    counted: Vec<Vec<f64>>,
    /// By comparison: pairs of records that have a value.
    #[serde(skip)]
    given: Vec<f64>,
    /// By comparison: the first level of agreement.
    #[serde(skip)]
    first_exact: Vec<u8>,
}

/// What a round of fitting changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learning {
    /// The weights of classes.
    Weights,
    /// Weights, and the chances of classes that learn.
    All,
}

/// Different patterns, ascending, and how many pairs have each.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The patterns.
    pub patterns: &'a [u128],
    /// Pairs by pattern.
    pub pairs: &'a [u64],
}

/// What is learnt from.
struct Data<'a> {
    seen: Seen<'a>,
    threads: usize,
    total: f64,
}

impl Model {
    /// Fits a model to the candidates of `plan`; `records` is how many records there are.
    pub fn fit(comparisons: &[Comparison], plan: &Plan, seen: Seen, records: usize, threads: usize) -> Self {
        let random: Vec<Vec<f64>> = parallel(comparisons.len(), threads, |place| random_chances(&comparisons[place]));
        let pinned = parallel(plan.keys.len(), threads, |key| {
            let used = plan.rules.iter().any(|rule| rule.keys.contains(&key));
            if used { block_chances(&comparisons[plan.keys[key].comparison], &plan.keys[key]) } else { Vec::new() }
        });
        let total = seen.pairs.iter().sum::<u64>() as f64;
        let data = Data { seen, threads, total };
        let share = (records as f64 * 0.2 / total.max(1.0)).clamp(0.02, 0.5);
        let mut components = vec![first_match(comparisons, share)];
        for (at, rule) in plan.rules.iter().enumerate() {
            let weight = (1.0 - share) / plan.rules.len() as f64;
            let mut noise = Component::of_random(Class::Noise(at), weight, &random);
            for key in &rule.keys {
                noise.learn_from(plan.keys[*key].comparison, &pinned[*key], PRIOR_PINNED);
            }
            components.push(noise);
        }
        let given = comparisons.iter().map(|comparison| {
            let given = comparison.counts.iter().map(|n| f64::from(*n)).sum::<f64>();
            given * (given - 1.0).max(0.0) / 2.0
        });
        let mut model = Self {
            components,
            log_likelihood: f64::NEG_INFINITY,
            rounds: 0,
            given: given.collect(),
            first_exact: comparisons.iter().map(Comparison::first_exact).collect(),
            counted: random.clone(),
            random,
        };
        // Weights first: a match class that learns before it has its place may learn something else.
        model.learn(&data, Learning::Weights, ROUGHLY);
        model.learn(&data, Learning::All, ROUGHLY);
        for class in [Class::Namesake, Class::Household, Class::Twin, Class::Junior] {
            model = model.with_class_if_it_earns_it(class, comparisons, &data);
        }
        model.learn(&data, Learning::All, 1.0);
        model
    }

    /// Learns with `class` too, and takes it where it makes the data so much likelier that its parameters are paid for.
    fn with_class_if_it_earns_it(self, class: Class, comparisons: &[Comparison], data: &Data) -> Self {
        let Some(component) = self.begin(class, comparisons) else { return self };
        let mut larger = self.clone();
        larger.components.iter_mut().for_each(|other| other.weight *= 1.0 - component.weight);
        larger.components.push(component);
        larger.learn(data, Learning::Weights, ROUGHLY);
        larger.learn(data, Learning::All, ROUGHLY);
        let added = larger.components.last().expect("it was pushed");
        let learnt = added.sources.iter().zip(&added.chances).filter(|(source, _)| **source == Source::Own);
        let parameters = learnt.map(|(_, chances)| chances.len().saturating_sub(2)).sum::<usize>() + 1;
        let price = 0.5 * parameters as f64 * data.total.max(2.0).ln();
        let earns = larger.log_likelihood - self.log_likelihood > price && added.weight * data.total >= LEAST_PAIRS;
        if earns { larger } else { self }
    }

    /// The class before it has learnt; `None` where the records have no columns by which it could be told.
    fn begin(&self, class: Class, comparisons: &[Comparison]) -> Option<Component> {
        let has = |is: &dyn Fn(Kind) -> bool| comparisons.iter().any(|comparison| is(comparison.kind));
        let name = |kind| matches!(kind, Kind::GivenName | Kind::FullName);
        let date = |kind| kind == Kind::Date;
        let shared = |kind| {
            matches!(
                kind,
                Kind::FamilyName | Kind::Street | Kind::Phone | Kind::Postcode | Kind::City | Kind::Category | Kind::Text
            )
        };
        let household = self.components.iter().find(|component| component.class == Class::Household);
        let told = match class {
            Class::Household => has(&shared) && (has(&name) || has(&date) || has(&|kind| kind == Kind::Organisation)),
            Class::Namesake => has(&name),
            _ => household.is_some() && has(&name) && has(&date),
        };
        if !told {
            return None;
        }
        let of_match = &self.components[0].chances;
        let mut component = Component::of_random(class, 0.05, &self.random);
        for (place, comparison) in comparisons.iter().enumerate() {
            let kind = comparison.kind;
            let like_one = match class {
                Class::Twin => date(kind),
                Class::Junior => name(kind),
                Class::Namesake => name(kind) || kind == Kind::FamilyName,
                _ => false,
            };
            if kind == Kind::Email {
                component.learn_mailboxes(place);
            } else if like_one {
                component.chances[place].clone_from(&of_match[place]);
                component.sources[place] = Source::Match;
            } else if class == Class::Namesake {
                // The rest is chance.
            } else if let Some(household) = household.filter(|household| household.sources[place] == Source::Own) {
                component.chances[place].clone_from(&household.chances[place]);
                component.sources[place] = Source::Household;
            } else if household.is_none() && shared(kind) {
                let even = vec![PRIOR; comparison.levels()];
                component.learn_from(place, &of_match[place], 0.0);
                component.prior[place] = even;
            }
        }
        Some(component)
    }

    fn learn(&mut self, data: &Data, learning: Learning, roughly: f64) {
        // A round tells how likely the data were before it: the first of a kind gains nothing yet.
        self.log_likelihood = f64::NEG_INFINITY;
        for _ in 0..MOST_ROUNDS {
            let before = self.log_likelihood;
            let sums = self.expect(data);
            self.maximise(&sums, data.total, learning);
            self.log_likelihood = sums.log_likelihood;
            self.rounds += 1;
            let matches = self.components[0].weight * data.total;
            if (self.log_likelihood - before).abs() < roughly * LEAST_GAIN.max(LEAST_GAIN_A_MATCH * matches) {
                break;
            }
        }
    }

    /// One pass over all patterns.
    fn expect(&self, data: &Data) -> Sums {
        let logs = Logs::of(self);
        let parts = data.seen.patterns.len().div_ceil(PART);
        let sums = parallel(parts, data.threads, |part| {
            let range = part * PART..((part + 1) * PART).min(data.seen.patterns.len());
            let mut sums = Sums::of(self);
            let mut shares = vec![0.0; self.components.len()];
            for at in range {
                let (pattern, pairs) = (data.seen.patterns[at], data.seen.pairs[at] as f64);
                sums.log_likelihood += pairs * logs.posterior(pattern, &mut shares);
                shares.iter_mut().for_each(|share| *share *= pairs);
                sums.push(pattern, &shares);
            }
            sums
        });
        let mut all = Sums::of(self);
        sums.iter().for_each(|part| all.add(part));
        all
    }

    fn maximise(&mut self, sums: &Sums, total: f64, learning: Learning) {
        for (class, component) in self.components.iter_mut().enumerate() {
            component.weight = (sums.weights[class] / total.max(1.0)).max(1e-12);
        }
        if learning == Learning::Weights {
            return;
        }
        let household = self.components.iter().position(|component| component.class == Class::Household);
        for place in 0..self.random.len() {
            // What a class has of another's is learnt from the pairs of both.
            let seen = |of: usize, source: Source| {
                let mut seen = sums.of_class(of, place);
                let sharing = (0..self.components.len()).filter(|class| self.components[*class].sources[place] == source);
                sharing.for_each(|class| add(&mut seen, &sums.of_class(class, place)));
                seen
            };
            let of_match = seen(0, Source::Match);
            let of_household = household.map(|household| seen(household, Source::Household));
            self.random[place] =
                less_matches(&self.counted[place], self.given[place], &sums.of_class(0, place), self.first_exact[place]);
            for (class, component) in self.components.iter_mut().enumerate() {
                if component.sources[place] == Source::Own {
                    let seen = match &of_household {
                        _ if class == 0 => of_match.clone(),
                        Some(seen) if Some(class) == household => seen.clone(),
                        _ => sums.of_class(class, place),
                    };
                    learn(&mut component.chances[place], &seen, &component.prior[place]);
                }
            }
            let learnt = |class: Option<usize>| class.map(|class| self.components[class].chances[place].clone());
            let (of_match, of_household) = (learnt(Some(0)), learnt(household));
            for component in &mut self.components {
                let from = match component.sources[place] {
                    Source::Random => Some(&self.random[place]),
                    Source::Match => of_match.as_ref(),
                    Source::Household => of_household.as_ref(),
                    Source::Own => None,
                };
                if let Some(from) = from {
                    component.chances[place].clone_from(from);
                }
            }
        }
    }

    /// By position of the pattern: the probability that a candidate pair is a match.
    pub fn probabilities(&self, patterns: &[u128]) -> Vec<f64> {
        let logs = Logs::of(self);
        let mut shares = vec![0.0; self.components.len()];
        patterns
            .iter()
            .map(|pattern| {
                logs.posterior(*pattern, &mut shares);
                shares[0]
            })
            .collect()
    }

    /// What weighs single pairs. `pairs` is how many pairs there are in all for each candidate pair.
    pub fn scorer(&self, pairs: f64) -> Scorer {
        let log = |(level, chance): (usize, &f64)| if level == usize::from(NULL) { 0.0 } else { chance.max(NEVER).ln() };
        let random = self.random.iter().map(|chances| chances.iter().enumerate().map(log).collect()).collect();
        let two_people = |component: &Component| !matches!(component.class, Class::Match | Class::Noise(_));
        let two_people = self.components.iter().map(two_people).collect();
        Scorer { logs: Logs::of(self), random, two_people, pairs: pairs.max(1.0).ln() }
    }

    /// By comparison and level: the match weight, which is log2 of how much likelier the level is in matches than in random pairs.
    pub fn weights(&self) -> Vec<Vec<f64>> {
        let of_match = &self.components[0].chances;
        let weight = |(m, u): (&f64, &f64)| (m.max(NEVER) / u.max(NEVER)).log2();
        of_match
            .iter()
            .zip(&self.random)
            .map(|(m, u)| std::iter::once(0.0).chain(m.iter().zip(u).skip(1).map(weight)).collect())
            .collect()
    }
}

/// What one pass adds up.
struct Sums {
    log_likelihood: f64,
    weights: Vec<f64>,
    /// By comparison: levels × classes.
    levels: Vec<Vec<f64>>,
}

impl Sums {
    fn of(model: &Model) -> Self {
        let classes = model.components.len();
        let levels = model.random.iter().map(|chances| vec![0.0; chances.len() * classes]).collect();
        Self { log_likelihood: 0.0, weights: vec![0.0; classes], levels }
    }

    /// Adds pairs of one pattern, by class.
    fn push(&mut self, pattern: u128, pairs: &[f64]) {
        add(&mut self.weights, pairs);
        for (place, levels) in self.levels.iter_mut().enumerate() {
            let from = level(pattern, place) as usize * pairs.len();
            add(&mut levels[from..from + pairs.len()], pairs);
        }
    }

    fn add(&mut self, other: &Self) {
        self.log_likelihood += other.log_likelihood;
        add(&mut self.weights, &other.weights);
        self.levels.iter_mut().zip(&other.levels).for_each(|(sums, others)| add(sums, others));
    }

    /// Pairs by level that a class has at a comparison.
    fn of_class(&self, class: usize, place: usize) -> Vec<f64> {
        self.levels[place].iter().skip(class).step_by(self.weights.len()).copied().collect()
    }
}

fn add(sums: &mut [f64], others: &[f64]) {
    sums.iter_mut().zip(others).for_each(|(sum, n)| *sum += n);
}

/// Logarithms of a model, by comparison, level and class: what a pattern adds up is contiguous.
#[derive(Clone, Debug)]
struct Logs {
    weights: Vec<f64>,
    /// By comparison: levels × classes.
    tables: Vec<Vec<f64>>,
}

impl Logs {
    fn of(model: &Model) -> Self {
        let classes = &model.components;
        let tables = (0..model.random.len()).map(|place| {
            let levels = model.random[place].len();
            let log = |level: usize, component: &Component| {
                if level == usize::from(NULL) { 0.0 } else { component.chances[place][level].max(NEVER).ln() }
            };
            (0..levels).flat_map(|level| classes.iter().map(move |component| log(level, component))).collect()
        });
        Self { weights: classes.iter().map(|component| component.weight.ln()).collect(), tables: tables.collect() }
    }

    /// Log of weight and chance by class.
    fn scores(&self, pattern: u128, scores: &mut [f64]) {
        scores.copy_from_slice(&self.weights);
        let classes = scores.len();
        for (place, table) in self.tables.iter().enumerate() {
            let from = level(pattern, place) as usize * classes;
            scores.iter_mut().zip(&table[from..from + classes]).for_each(|(score, log)| *score += log);
        }
    }

    /// Shares of the classes; the log likelihood of one pair.
    fn posterior(&self, pattern: u128, shares: &mut [f64]) -> f64 {
        self.scores(pattern, shares);
        let most = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for share in shares.iter_mut() {
            // Below e^-25 of the greatest a class adds less than a pair in ten thousand million.
            *share = if *share < most - 25.0 { 0.0 } else { (*share - most).exp() };
            sum += *share;
        }
        shares.iter_mut().for_each(|share| *share /= sum);
        most + sum.ln()
    }
}

/// Weighs single pairs: made once for all of them.
#[derive(Clone, Debug)]
pub struct Scorer {
    logs: Logs,
    /// By comparison and level: log of the chance among random pairs; 0 where a record says nothing.
    random: Vec<Vec<f64>>,
    /// By class: whether it is of two people who are related, and not of chance.
    two_people: Vec<bool>,
    /// Log of the pairs in all for each candidate pair.
    pairs: f64,
}

impl Scorer {
    /// The probability that a pair with this pattern is a match, where a rule put it together. `scores` is room to count in.
    pub fn probability(&self, pattern: u128, scores: &mut Vec<f64>) -> f64 {
        scores.resize(self.two_people.len(), 0.0);
        self.logs.posterior(pattern, scores);
        scores[0]
    }

    /// The log odds (base e) of a match for a pair with this pattern that no rule put together.
    pub fn log_odds(&self, pattern: u128, scores: &mut Vec<f64>) -> f64 {
        scores.resize(self.two_people.len(), 0.0);
        self.logs.scores(pattern, scores);
        let by_chance: f64 = self.random.iter().enumerate().map(|(place, logs)| logs[level(pattern, place) as usize]).sum();
        let mut against = (self.pairs + by_chance).exp();
        for (two_people, score) in self.two_people.iter().zip(scores.iter()) {
            if *two_people {
                against += score.exp();
            }
        }
        scores[0] - against.max(f64::MIN_POSITIVE).ln()
    }
}

/// Chances from the pairs that were seen at each level and those given beforehand.
fn learn(chances: &mut [f64], seen: &[f64], prior: &[f64]) {
    let all: f64 = seen.iter().zip(prior).skip(1).map(|(n, prior)| n + prior).sum();
    if all > 0.0 {
        chances.iter_mut().zip(seen).zip(prior).skip(1).for_each(|((chance, n), prior)| *chance = (n + prior) / all);
    }
}

/// Chances among `given` random pairs without the `matches` among them.
fn less_matches(counted: &[f64], given: f64, matches: &[f64], first_exact: u8) -> Vec<f64> {
    let mut chances = counted.to_vec();
    for (level, (chance, n)) in chances.iter_mut().zip(matches).enumerate().skip(1) {
        let least = if level >= usize::from(first_exact) { LEAST_CHANCE } else { LEAST_CHANCE_OF_DEGREES };
        *chance = (*chance - n / given.max(1.0)).max(*chance * least);
    }
    let sum: f64 = chances[1..].iter().sum();
    chances[1..].iter_mut().for_each(|chance| *chance /= sum.max(f64::MIN_POSITIVE));
    chances
}

/// Where learning matches begins: mostly agreement, on values as frequent as they are among the records.
fn first_match(comparisons: &[Comparison], weight: f64) -> Component {
    let chances = comparisons.iter().map(|comparison| {
        let levels = comparison.levels();
        let mut chances = vec![0.0; levels];
        let first = usize::from(comparison.first_exact()).min(levels - 1);
        let degrees = first.saturating_sub(usize::from(DIFFERENT) + 1);
        chances[usize::from(DIFFERENT)] = 0.08;
        if first == levels - 1 && comparison.first_exact() as usize == levels {
            // No level of agreement of its own: the degrees rise to it.
            let sum: f64 = (1..=levels - 2).map(|degree| (degree * degree) as f64).sum();
            (2..levels).for_each(|level| chances[level] = 0.92 * ((level - 1) * (level - 1)) as f64 / sum);
            return chances;
        }
        let agree = if degrees == 0 { 0.92 } else { 0.75 };
        (2..first).for_each(|level| chances[level] = 0.17 / degrees as f64);
        let all: f64 = comparison.counts.iter().map(|n| f64::from(*n)).sum();
        for code in 1..comparison.counts.len() as u32 {
            chances[comparison.agreement(code) as usize] += agree * f64::from(comparison.counts[code as usize]) / all.max(1.0);
        }
        chances
    });
    let chances: Vec<Vec<f64>> = chances.collect();
    let prior = chances.iter().map(|chances| chances.iter().map(|chance| PRIOR + PRIOR_MATCHES * chance).collect()).collect();
    Component { class: Class::Match, weight, sources: vec![Source::Own; chances.len()], chances, prior }
}

/// Chances of the levels of a comparison in two random records that both have a value: of agreement exactly, by the counts of values; of the other
/// levels by draws.
fn random_chances(comparison: &Comparison) -> Vec<f64> {
    let levels = comparison.levels();
    let mut chances = vec![0.0; levels];
    let all: f64 = comparison.counts.iter().map(|n| f64::from(*n)).sum();
    if all < 2.0 {
        chances[usize::from(DIFFERENT)] = 1.0;
        return smooth(chances, comparison, 1.0);
    }
    let mut equal = 0.0;
    for code in 1..comparison.counts.len() as u32 {
        let n = f64::from(comparison.counts[code as usize]);
        let chance = n * (n - 1.0) / (all * (all - 1.0));
        chances[comparison.agreement(code) as usize] += chance;
        equal += chance;
    }
    let urn = Urn::new(comparison.counts.iter().map(|n| u64::from(*n)));
    let mut dice = Dice::new(0x0061_7e57);
    let (mut seen, mut unequal) = (vec![0_u32; levels], 0_u32);
    for _ in 0..DRAWS {
        let (a, b) = (urn.draw(&mut dice) as u32, urn.draw(&mut dice) as u32);
        if a != b {
            seen[comparison.level(a, b) as usize] += 1;
            unequal += 1;
        }
    }
    for (chance, n) in chances.iter_mut().zip(&seen) {
        *chance += (1.0 - equal) * f64::from(*n) / f64::from(unequal.max(1));
    }
    // More draws than there are pairs say no more than the pairs.
    smooth(chances, comparison, (DRAWS as f64).min(all * (all - 1.0) / 2.0))
}

/// Chances of levels within the blocks of a key.
fn block_chances(comparison: &Comparison, key: &Key) -> Vec<f64> {
    let count = |code: u32| u64::from(comparison.counts[code as usize]);
    // Larger blocks are split or set aside: they make no more pairs than one of this size.
    let pairs = |size: u64| {
        let size = size.min(MOST_PAIRED_IN_BLOCK);
        size * size.saturating_sub(1)
    };
    let mut chances = vec![0.0; comparison.levels()];
    if key.is_agreement() {
        for code in (1..comparison.counts.len() as u32).filter(|code| count(*code) > 1) {
            chances[comparison.agreement(code) as usize] += pairs(count(code)) as f64;
        }
    } else {
        let mut keyed: Vec<(u64, u32)> = key.by_code.iter().copied().zip(0..).filter(|(hash, _)| *hash != 0).collect();
        keyed.sort_unstable();
        let size = |block: &[(u64, u32)]| block.iter().map(|(_, code)| count(*code)).sum::<u64>();
        let blocks: Vec<&[(u64, u32)]> = keyed.chunk_by(|a, b| a.0 == b.0).filter(|block| size(block) > 1).collect();
        let urn = Urn::new(blocks.iter().map(|block| pairs(size(block))));
        let mut dice = Dice::new(0x00b1_0c45);
        let mut urns: FxHashMap<usize, Urn> = FxHashMap::default();
        for _ in 0..if urn.is_empty() { 0 } else { BLOCK_DRAWS } {
            let at = urn.draw(&mut dice);
            let inner = urns.entry(at).or_insert_with(|| Urn::new(blocks[at].iter().map(|(_, code)| count(*code))));
            let (a, b) = (blocks[at][inner.draw(&mut dice)].1, blocks[at][inner.draw(&mut dice)].1);
            chances[comparison.level(a, b) as usize] += 1.0;
        }
    }
    let sum: f64 = chances.iter().sum();
    if sum <= 0.0 {
        chances[usize::from(DIFFERENT)] = 1.0;
        return chances;
    }
    chances.iter_mut().for_each(|chance| *chance = (*chance / sum).max(NEVER));
    chances[usize::from(NULL)] = 0.0;
    chances
}

/// Levels that no draw met have a chance all the same. Agreement was counted, not drawn.
fn smooth(mut chances: Vec<f64>, comparison: &Comparison, draws: f64) -> Vec<f64> {
    let drawn = |level: usize| if level < usize::from(comparison.first_exact()) { draws } else { DRAWS as f64 };
    chances.iter_mut().enumerate().skip(1).for_each(|(level, chance)| *chance += 0.3 / drawn(level));
    let sum: f64 = chances[1..].iter().sum();
    chances.iter_mut().skip(1).for_each(|chance| *chance /= sum);
    chances[usize::from(NULL)] = 0.0;
    chances
}
