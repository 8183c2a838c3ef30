//! Candidate drivers of an answer: what had happened, as of the moment it was given.
//!
//! *Unit of analysis*: one scored answer. Its **scope** is the order, case or conversation that the answer names in
//! `about`; where it names none, or nothing is known about it, the person's own history within a look-back window. From
//! the scope's events before `answered_at` (strictly before) come the candidates:
//!
//! | candidate | kind | of what |
//! |---|---|---|
//! | `<event>.happened` | boolean | an event of this name is in the scope |
//! | `<event>.count` | numeric | how many, where more than one is usual |
//! | `<event>.hours_in` | numeric | hours from the scope's first event to the last of this name |
//! | `<event>.minutes` | numeric | summed duration |
//! | `<event>.amount` | numeric | summed amount |
//! | `<event>.<outcome>` | boolean | one ended with this outcome |
//! | `<event>.<measure>` | numeric | last value of a measure (a promoted numeric property) |
//! | `channels`, `teams`, `agents`, `contacts` | numeric | distinct channels, teams and agents, inbound contacts in the scope |
//! | `earlier_sentiment`, `theme:<name>` | numeric | words said before the answer, in the scope |
//! | `tenure_days`, `events_before`, `answers_before` | numeric | the person's history |
//! | `<label>` (location, product, promoted text), `attribute:<name>` | category | last value before the answer |
//!
//! *Why strictly before*: an order that arrives after the customer answered cannot have caused the answer. The words given
//! with the answer itself are left out for the same reason: they express the score, they do not precede it
//! (`docs/decisions/0009-drivers-look-only-back.md`).
//!
//! Deliberately missing: any choice among the candidates. [`crate::drivers`] screens and ranks.

use std::collections::{BTreeMap, HashMap};

/// "No value" in dictionary-coded columns.
pub const NONE: u32 = u32::MAX;

/// Event names considered, the most frequent ones: a bound on memory (answers × names).
const MAX_NAMES: usize = 64;
/// Outcomes considered per event name.
const MAX_OUTCOMES: usize = 8;
/// A category with more levels is no candidate: it would fit noise.
const MAX_LEVELS: usize = 30;
const HOUR_US: f64 = 3_600e6;
const DAY_US: f64 = 86_400e6;

/// A dictionary-coded column: `codes[i]` indexes `values`, [`NONE`] is null.
#[derive(Clone, Debug, Default)]
pub struct Coded {
    /// Distinct values.
    pub values: Vec<String>,
    /// One code a row.
    pub codes: Vec<u32>,
}

/// The events that may lie behind the answers; one entry a row in every column, any order.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Dense person number, [`NONE`] for nobody.
    pub person: Vec<u32>,
    /// Codes of orders, cases and conversations, shared with [`Answers::about`].
    pub reference: Vec<u32>,
    /// As `reference`, for the conversation.
    pub conversation: Vec<u32>,
    /// Microseconds.
    pub occurred_at: Vec<i64>,
    /// Event name.
    pub name: Coded,
    /// Channel.
    pub channel: Coded,
    /// Whether the customer came to the company and met it there (an inbound contact).
    pub contact: Vec<bool>,
    /// Team.
    pub team: Coded,
    /// Agent.
    pub agent: Coded,
    /// How it ended.
    pub outcome: Coded,
    /// Words that label an event (location, product, promoted text properties): name and values.
    pub labels: Vec<(String, Coded)>,
    /// Minutes; NaN for none.
    pub minutes: Vec<f64>,
    /// Amount; NaN for none.
    pub amount: Vec<f64>,
    /// Sentiment of the words said, −1..1; NaN for none.
    pub sentiment: Vec<f64>,
    /// Theme index (into [`History::themes`]) of the words said, [`NONE`] for none.
    pub theme: Vec<u32>,
    /// Theme names.
    pub themes: Vec<String>,
    /// Promoted numeric properties: name and values, NaN for none.
    pub measures: Vec<(String, Vec<f64>)>,
}

/// The scored answers to explain.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Dense person number, [`NONE`] for nobody.
    pub person: Vec<u32>,
    /// Codes (order, case, conversation) that the answer names, as in [`History::reference`].
    pub about: Vec<u32>,
    /// Microseconds.
    pub answered_at: Vec<i64>,
    /// Attributes of the person as of the answer.
    pub attributes: Vec<(String, Coded)>,
}

/// What a candidate's values mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A number per answer; NaN is null.
    Numeric(Vec<f64>),
    /// 0 or 1 per answer.
    Boolean(Vec<bool>),
    /// A level per answer.
    Category {
        /// Distinct levels.
        levels: Vec<String>,
        /// Code per answer, [`NONE`] is null.
        codes: Vec<u32>,
    },
}

/// A candidate driver: one value an answer, in the answers' order.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Unique name.
    pub name: String,
    /// What it is a reading of: the event name, or its own name.
    pub family: String,
    /// The values.
    pub values: Values,
}

/// How far back the person's history counts where an answer names nothing.
#[derive(Clone, Copy, Debug)]
pub struct Lookback {
    /// Microseconds.
    pub window_us: i64,
}

impl Default for Lookback {
    /// Ninety days: the quarter in which most relationship surveys ask people to look back.
    fn default() -> Self {
        Self { window_us: 90 * 86_400_000_000 }
    }
}

/// The candidates of all answers, ordered by name.
///
/// Complexity: O(events log events + answers × events in scope). Memory: answers × 64 counters.
pub fn candidates(history: &History, answers: &Answers, lookback: Lookback) -> Vec<Candidate> {
    let scopes = Scopes::new(history);
    let mut table = Table::new(history, answers.answered_at.len());
    let mut events = Vec::new();
    for answer in 0..answers.answered_at.len() {
        scopes.before(history, answers, answer, lookback, &mut events);
        table.fill(history, answer, &events);
        table.person(history, &scopes, answers, answer);
    }
    table.answers_before(answers);
    let mut found = table.finish(history);
    for (name, coded) in &answers.attributes {
        found.extend(category(&format!("attribute:{name}"), &coded.values, coded.codes.clone()));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Events by person and by matter, each list in time order.
struct Scopes {
    by_person: HashMap<u32, Vec<u32>>,
    by_matter: HashMap<u32, Vec<u32>>,
}

impl Scopes {
    fn new(history: &History) -> Self {
        let mut order: Vec<u32> = (0..history.occurred_at.len() as u32).collect();
        order.sort_by_key(|&event| (history.occurred_at[event as usize], event));
        let (mut by_person, mut by_matter) = (HashMap::<u32, Vec<u32>>::new(), HashMap::<u32, Vec<u32>>::new());
        for event in order {
            let at = event as usize;
            if history.person[at] != NONE {
                by_person.entry(history.person[at]).or_default().push(event);
            }
            if history.reference[at] != NONE {
                by_matter.entry(history.reference[at]).or_default().push(event);
            }
            if history.conversation[at] != NONE && history.conversation[at] != history.reference[at] {
                by_matter.entry(history.conversation[at]).or_default().push(event);
            }
        }
        Self { by_person, by_matter }
    }

    /// The events of the answer's scope strictly before the answer, in time order.
    fn before(&self, history: &History, answers: &Answers, answer: usize, lookback: Lookback, events: &mut Vec<u32>) {
        events.clear();
        let cut = answers.answered_at[answer];
        let earlier = |list: &[u32]| list.partition_point(|&event| history.occurred_at[event as usize] < cut);
        if let Some(list) = self.by_matter.get(&answers.about[answer]).filter(|_| answers.about[answer] != NONE) {
            events.extend_from_slice(&list[..earlier(list)]);
            if !events.is_empty() {
                return;
            }
        }
        if let Some(list) = self.by_person.get(&answers.person[answer]).filter(|_| answers.person[answer] != NONE) {
            let from = list.partition_point(|&event| history.occurred_at[event as usize] < cut - lookback.window_us);
            events.extend_from_slice(&list[from..earlier(list)]);
        }
    }
}

/// Counters per answer and event name, row-major by answer.
struct Table {
    answers: usize,
    /// Event-name code → column, or [`NONE`].
    column: Vec<u32>,
    names: Vec<u32>,
    outcomes: Vec<Vec<u32>>,
    count: Vec<u32>,
    hours_in: Vec<f64>,
    minutes: Vec<f64>,
    amount: Vec<f64>,
    /// Bit per outcome of `outcomes`.
    ended: Vec<u8>,
    measures: Vec<Vec<f64>>,
    distinct: [Vec<f64>; 4],
    sentiment: Vec<f64>,
    themes: Vec<Vec<f64>>,
    labels: Vec<Vec<u32>>,
    tenure_days: Vec<f64>,
    events_before: Vec<f64>,
    answers_before: Vec<f64>,
}

impl Table {
    fn new(history: &History, answers: usize) -> Self {
        let names = most_frequent(&history.name, MAX_NAMES);
        let mut column = vec![NONE; history.name.values.len()];
        for (place, &name) in names.iter().enumerate() {
            column[name as usize] = place as u32;
        }
        let cells = answers * names.len();
        Self {
            answers,
            outcomes: outcomes_by_name(history, &column, names.len()),
            column,
            count: vec![0; cells],
            hours_in: vec![f64::NAN; cells],
            minutes: vec![f64::NAN; cells],
            amount: vec![f64::NAN; cells],
            ended: vec![0; cells],
            measures: history.measures.iter().map(|_| vec![f64::NAN; answers]).collect(),
            distinct: std::array::from_fn(|_| vec![0.0; answers]),
            sentiment: vec![f64::NAN; answers],
            themes: history.themes.iter().map(|_| vec![0.0; answers]).collect(),
            labels: history.labels.iter().map(|_| vec![NONE; answers]).collect(),
            tenure_days: vec![f64::NAN; answers],
            events_before: vec![0.0; answers],
            answers_before: vec![0.0; answers],
            names,
        }
    }

    fn fill(&mut self, history: &History, answer: usize, events: &[u32]) {
        let Some(&first) = events.first() else { return };
        let start = history.occurred_at[first as usize];
        let (mut said, mut mood) = (0_u32, 0.0);
        for &event in events {
            let at = event as usize;
            for (last, (_, label)) in self.labels.iter_mut().zip(&history.labels) {
                if label.codes[at] != NONE {
                    last[answer] = label.codes[at];
                }
            }
            if history.contact[at] {
                self.distinct[3][answer] += 1.0;
            }
            if !history.sentiment[at].is_nan() {
                said += 1;
                mood += history.sentiment[at];
            }
            if history.theme[at] != NONE {
                self.themes[history.theme[at] as usize][answer] += 1.0;
            }
            for (measure, (_, values)) in self.measures.iter_mut().zip(&history.measures) {
                if !values[at].is_nan() {
                    measure[answer] = values[at];
                }
            }
            self.count_event(history, answer, at, start);
        }
        if said > 0 {
            self.sentiment[answer] = mood / f64::from(said);
            self.themes.iter_mut().for_each(|theme| theme[answer] /= f64::from(said));
        }
        for (column, coded) in [&history.channel, &history.team, &history.agent].into_iter().enumerate() {
            self.distinct[column][answer] = distinct(events, &coded.codes);
        }
    }

    fn count_event(&mut self, history: &History, answer: usize, at: usize, start: i64) {
        let column = self.column[history.name.codes[at] as usize];
        if column == NONE {
            return;
        }
        let cell = answer * self.names.len() + column as usize;
        self.count[cell] += 1;
        self.hours_in[cell] = (history.occurred_at[at] - start) as f64 / HOUR_US;
        add(&mut self.minutes[cell], history.minutes[at]);
        add(&mut self.amount[cell], history.amount[at]);
        if let Some(place) = self.outcomes[column as usize].iter().position(|&outcome| outcome == history.outcome.codes[at]) {
            self.ended[cell] |= 1 << place;
        }
    }

    fn person(&mut self, history: &History, scopes: &Scopes, answers: &Answers, answer: usize) {
        let Some(list) = scopes.by_person.get(&answers.person[answer]).filter(|_| answers.person[answer] != NONE) else { return };
        let cut = answers.answered_at[answer];
        let before = list.partition_point(|&event| history.occurred_at[event as usize] < cut);
        self.events_before[answer] = before as f64;
        if before > 0 {
            self.tenure_days[answer] = (cut - history.occurred_at[list[0] as usize]) as f64 / DAY_US;
        }
    }

    fn answers_before(&mut self, answers: &Answers) {
        let mut order: Vec<usize> = (0..self.answers).filter(|&answer| answers.person[answer] != NONE).collect();
        order.sort_by_key(|&answer| (answers.person[answer], answers.answered_at[answer]));
        for group in order.chunk_by(|&a, &b| answers.person[a] == answers.person[b]) {
            for &answer in group {
                let cut = answers.answered_at[answer];
                self.answers_before[answer] = group.partition_point(|&other| answers.answered_at[other] < cut) as f64;
            }
        }
    }

    fn finish(self, history: &History) -> Vec<Candidate> {
        let mut found = Vec::new();
        for (column, &name) in self.names.iter().enumerate() {
            self.event_candidates(history, column, &history.name.values[name as usize], &mut found);
        }
        for (values, (name, _)) in self.measures.into_iter().zip(&history.measures) {
            found.push(numeric(name, values));
        }
        for (name, values) in ["channels", "teams", "agents", "contacts"].into_iter().zip(self.distinct) {
            found.push(numeric(name, values));
        }
        found.push(numeric("earlier_sentiment", self.sentiment));
        for (values, theme) in self.themes.into_iter().zip(&history.themes) {
            found.push(Candidate { family: "themes".into(), ..numeric(&format!("theme:{theme}"), values) });
        }
        found.push(numeric("tenure_days", self.tenure_days));
        found.push(numeric("events_before", self.events_before));
        found.push(numeric("answers_before", self.answers_before));
        for (codes, (name, label)) in self.labels.into_iter().zip(&history.labels) {
            found.extend(category(name, &label.values, codes));
        }
        found
    }

    fn event_candidates(&self, history: &History, column: usize, event: &str, found: &mut Vec<Candidate>) {
        let width = self.names.len();
        let cells = || (0..self.answers).map(move |answer| answer * width + column);
        let mut push = |suffix: &str, values: Values| {
            found.push(Candidate { name: format!("{event}.{suffix}"), family: event.to_owned(), values });
        };
        push("happened", Values::Boolean(cells().map(|cell| self.count[cell] > 0).collect()));
        if cells().any(|cell| self.count[cell] > 1) {
            push("count", Values::Numeric(cells().map(|cell| f64::from(self.count[cell])).collect()));
        }
        for (suffix, values) in [("hours_in", &self.hours_in), ("minutes", &self.minutes), ("amount", &self.amount)] {
            if cells().any(|cell| !values[cell].is_nan()) {
                push(suffix, Values::Numeric(cells().map(|cell| values[cell]).collect()));
            }
        }
        for (place, &outcome) in self.outcomes[column].iter().enumerate() {
            let ended = cells().map(|cell| self.ended[cell] >> place & 1 == 1).collect();
            push(&history.outcome.values[outcome as usize], Values::Boolean(ended));
        }
    }
}

fn most_frequent(coded: &Coded, limit: usize) -> Vec<u32> {
    let mut counts = vec![0_u64; coded.values.len()];
    coded.codes.iter().filter(|&&code| code != NONE).for_each(|&code| counts[code as usize] += 1);
    let mut names: Vec<u32> = (0..counts.len() as u32).collect();
    names.sort_by(|&a, &b| {
        counts[b as usize].cmp(&counts[a as usize]).then_with(|| coded.values[a as usize].cmp(&coded.values[b as usize]))
    });
    names.truncate(limit);
    names
}

/// The most frequent outcomes of each considered name.
fn outcomes_by_name(history: &History, column: &[u32], names: usize) -> Vec<Vec<u32>> {
    let mut counts = vec![BTreeMap::<u32, u64>::new(); names];
    for (&name, &outcome) in history.name.codes.iter().zip(&history.outcome.codes) {
        if outcome != NONE && column[name as usize] != NONE {
            *counts[column[name as usize] as usize].entry(outcome).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .map(|counts| {
            let mut outcomes: Vec<(u32, u64)> = counts.into_iter().collect();
            outcomes.sort_by(|a, b| {
                let value = |code: u32| &history.outcome.values[code as usize];
                b.1.cmp(&a.1).then_with(|| value(a.0).cmp(value(b.0)))
            });
            outcomes.into_iter().take(MAX_OUTCOMES).map(|(outcome, _)| outcome).collect()
        })
        .collect()
}

/// Number of distinct codes among few events; quadratic scan of a short list, a set for a long one.
fn distinct(events: &[u32], codes: &[u32]) -> f64 {
    let mut seen: Vec<u32> = events.iter().map(|&event| codes[event as usize]).filter(|&code| code != NONE).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() as f64
}

fn add(sum: &mut f64, value: f64) {
    if !value.is_nan() {
        *sum = if sum.is_nan() { value } else { *sum + value };
    }
}

fn numeric(name: &str, values: Vec<f64>) -> Candidate {
    Candidate { name: name.to_owned(), family: name.to_owned(), values: Values::Numeric(values) }
}

/// A category candidate with levels ordered by name, or `None` with too many of them.
fn category(name: &str, values: &[String], codes: Vec<u32>) -> Option<Candidate> {
    let mut used: Vec<u32> = codes.iter().copied().filter(|&code| code != NONE).collect();
    used.sort_unstable();
    used.dedup();
    if used.len() < 2 || used.len() > MAX_LEVELS {
        return None;
    }
    used.sort_by(|&a, &b| values[a as usize].cmp(&values[b as usize]));
    let place: HashMap<u32, u32> = used.iter().enumerate().map(|(place, &code)| (code, place as u32)).collect();
    let codes = codes.into_iter().map(|code| place.get(&code).copied().unwrap_or(NONE)).collect();
    let levels = used.into_iter().map(|code| values[code as usize].clone()).collect();
    Some(Candidate { name: name.to_owned(), family: name.to_owned(), values: Values::Category { levels, codes } })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coded(values: &[&str], codes: &[u32]) -> Coded {
        Coded { values: values.iter().map(|&value| value.to_owned()).collect(), codes: codes.to_vec() }
    }

    /// Events given as (person, matter, hour, name code).
    fn history(events: &[(u32, u32, i64, u32)]) -> History {
        let n = events.len();
        History {
            person: events.iter().map(|event| event.0).collect(),
            reference: events.iter().map(|event| event.1).collect(),
            conversation: vec![NONE; n],
            occurred_at: events.iter().map(|event| event.2 * 3_600_000_000).collect(),
            name: coded(&["placed", "late", "delivered"], &events.iter().map(|event| event.3).collect::<Vec<_>>()),
            channel: coded(&["web"], &vec![0; n]),
            contact: vec![false; n],
            team: coded(&[], &vec![NONE; n]),
            agent: coded(&[], &vec![NONE; n]),
            outcome: coded(&["ok", "failed"], &events.iter().map(|event| event.3 % 2).collect::<Vec<_>>()),
            labels: vec![],
            minutes: vec![f64::NAN; n],
            amount: vec![1.0; n],
            sentiment: vec![f64::NAN; n],
            theme: vec![NONE; n],
            themes: vec![],
            measures: vec![],
        }
    }

    fn answers(rows: &[(u32, u32, i64)]) -> Answers {
        Answers {
            person: rows.iter().map(|row| row.0).collect(),
            about: rows.iter().map(|row| row.1).collect(),
            answered_at: rows.iter().map(|row| row.2 * 3_600_000_000).collect(),
            attributes: vec![],
        }
    }

    fn value(found: &[Candidate], name: &str, answer: usize) -> f64 {
        match &found.iter().find(|candidate| candidate.name == name).expect(name).values {
            Values::Numeric(values) => values[answer],
            Values::Boolean(values) => f64::from(u8::from(values[answer])),
            Values::Category { codes, .. } => f64::from(codes[answer]),
        }
    }

    #[test]
    fn an_answer_about_an_order_sees_that_order_only() {
        let history = history(&[(1, 10, 0, 0), (1, 10, 5, 1), (1, 11, 0, 0), (1, 11, 3, 2)]);
        let found = candidates(&history, &answers(&[(1, 10, 9), (1, 11, 9), (1, NONE, 9)]), Lookback::default());
        assert_eq!([0, 1, 2].map(|answer| value(&found, "late.happened", answer) > 0.5), [true, false, true]);
        assert_eq!([0, 1, 2].map(|answer| value(&found, "delivered.happened", answer) > 0.5), [false, true, true]);
        assert!((value(&found, "late.hours_in", 0) - 5.0).abs() < 1e-12);
        assert!(value(&found, "late.hours_in", 1).is_nan());
        assert!((value(&found, "events_before", 0) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn an_event_at_the_very_moment_of_the_answer_does_not_count() {
        let found = candidates(&history(&[(1, 10, 0, 0), (1, 10, 9, 1)]), &answers(&[(1, 10, 9)]), Lookback::default());
        assert!(value(&found, "late.happened", 0).abs() < 1e-12);
    }

    #[test]
    fn nothing_known_gives_no_candidates_with_values() {
        let found = candidates(&history(&[]), &answers(&[(NONE, NONE, 1)]), Lookback::default());
        assert!(value(&found, "tenure_days", 0).is_nan());
        assert!(candidates(&history(&[]), &answers(&[]), Lookback::default()).iter().all(|candidate| match &candidate.values {
            Values::Numeric(values) => values.is_empty(),
            Values::Boolean(values) => values.is_empty(),
            Values::Category { codes, .. } => codes.is_empty(),
        }));
    }

    fn same(a: &[Candidate], b: &[Candidate]) -> bool {
        format!("{a:?}") == format!("{b:?}")
    }

    proptest! {
        /// The look-ahead test: whatever happens after an answer may move further away, no candidate value changes.
        #[test]
        fn shifting_what_comes_after_the_answer_changes_nothing(
            events in prop::collection::vec((0_u32..3, 0_u32..4, 0_i64..50, 0_u32..3), 0..60),
            person in 0_u32..3, about in prop_oneof![Just(NONE), 0_u32..4], at in 0_i64..50, shift in 1_i64..1000,
        ) {
            let answers = answers(&[(person, about, at)]);
            // Every name occurs once long before, so that the set of considered names does not hang on the shift.
            let base: Vec<_> = (0..3).map(|name| (9, 9, -1, name)).chain(events).collect();
            let shifted: Vec<_> =
                base.iter().map(|&(p, m, hour, name)| (p, m, if hour >= at { hour + shift } else { hour }, name)).collect();
            let before = candidates(&history(&base), &answers, Lookback::default());
            let after = candidates(&history(&shifted), &answers, Lookback::default());
            prop_assert!(same(&before, &after));
        }

        #[test]
        fn the_order_of_rows_does_not_matter(
            events in prop::collection::btree_map(0_i64..500, (0_u32..3, 0_u32..4, 0_u32..3), 0..40), at in 0_i64..500,
        ) {
            let rows: Vec<_> = events.iter().map(|(&hour, &(p, m, name))| (p, m, hour, name)).collect();
            let reversed: Vec<_> = rows.iter().rev().copied().collect();
            let answers = answers(&[(0, NONE, at), (1, 2, at)]);
            let a = candidates(&history(&rows), &answers, Lookback::default());
            prop_assert!(same(&a, &candidates(&history(&reversed), &answers, Lookback::default())));
        }
    }
}
