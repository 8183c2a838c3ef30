//! Alignments against every word of small models, and both measures against PM4Py's figures.

use std::collections::BTreeSet;

use clew_journey::conformance::{Move, PetriNet};
use clew_journey::{CaseOrder, Conformance, ConformanceQuestion, ProcessTree, conformance};
use proptest::prelude::*;

const QUESTION: ConformanceQuestion = ConformanceQuestion { most_states: 1_000_000, variants: 1_000 };
/// Longest words that are made of a model.
const LONGEST: usize = 9;

fn hold(log: &[Vec<u32>], model: &ProcessTree, question: &ConformanceQuestion) -> Conformance {
    let case: Vec<u32> = log.iter().enumerate().flat_map(|(case, trace)| trace.iter().map(move |_| case as u32)).collect();
    let time_us: Vec<i64> = (0..case.len() as i64).collect();
    let order = CaseOrder::of(&case, &time_us);
    conformance(&order.traces(&time_us, &log.concat()), model, question)
}

type Words = BTreeSet<Vec<u32>>;

fn joined(first: &Words, then: &Words) -> Words {
    let pairs = first.iter().flat_map(|a| then.iter().map(move |b| [a.as_slice(), b].concat()));
    pairs.filter(|word| word.len() <= LONGEST).collect()
}

fn shuffled(a: &[u32], b: &[u32]) -> Words {
    let mut words = Words::new();
    if a.is_empty() || b.is_empty() {
        words.insert([a, b].concat());
        return words;
    }
    for (first, (left, right)) in [(a[0], (&a[1..], b)), (b[0], (a, &b[1..]))] {
        words.extend(shuffled(left, right).into_iter().map(|rest| [&[first], rest.as_slice()].concat()));
    }
    words
}

/// All words of a model up to a length, by the meaning of its blocks.
fn words(tree: &ProcessTree) -> Words {
    let nothing = || Words::from([Vec::new()]);
    match tree {
        ProcessTree::Activity(code) => Words::from([vec![*code]]),
        ProcessTree::Sequence(parts) => parts.iter().fold(nothing(), |all, part| joined(&all, &words(part))),
        ProcessTree::Choice(parts) => parts.iter().flat_map(words).collect(),
        ProcessTree::Parallel(parts) => parts.iter().fold(nothing(), |all, part| {
            let own = words(part);
            let pairs = all.iter().flat_map(|a| own.iter().flat_map(move |b| shuffled(a, b)));
            pairs.filter(|word| word.len() <= LONGEST).collect()
        }),
        ProcessTree::Loop(body, back) => {
            let (body, again) = (words(body), joined(&words(back), &words(body)));
            let mut all = body;
            loop {
                let more: Words = joined(&all, &again).union(&all).cloned().collect();
                if more.len() == all.len() {
                    return all;
                }
                all = more;
            }
        }
    }
}

/// Insertions and deletions that turn one into the other.
fn distance(a: &[u32], b: &[u32]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            next.push(if x == y { row[j] } else { 1 + row[j + 1].min(next[j]) });
        }
        row = next;
    }
    row[b.len()]
}

fn model() -> impl Strategy<Value = ProcessTree> {
    let leaf = prop_oneof![4 => (0..3_u32).prop_map(ProcessTree::Activity), 1 => Just(ProcessTree::silent())];
    leaf.prop_recursive(2, 5, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            some().prop_map(ProcessTree::Sequence),
            some().prop_map(ProcessTree::Choice),
            some().prop_map(ProcessTree::Parallel),
            (inner.clone(), inner.clone()).prop_map(|(body, back)| ProcessTree::Loop(Box::new(body), Box::new(back))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_alignment_is_the_nearest_word_of_the_model(model in model(), trace in prop::collection::vec(0..4_u32, 1..4)) {
        let words = words(&model);
        let shortest = words.iter().map(Vec::len).min().unwrap();
        let nearest = words.iter().map(|word| distance(&trace, word)).min().unwrap();
        let found = hold(std::slice::from_ref(&trace), &model, &QUESTION);
        let worst = trace.len() + shortest;
        prop_assert_eq!(found.fitness, Some(1.0 - nearest as f64 / worst as f64));
        prop_assert_eq!(found.fitting, u64::from(nearest == 0));
        if let Some(variant) = found.variants.first() {
            prop_assert_eq!(variant.cost, nearest as u64);
            let run = |keep: fn(&Move) -> Option<u32>| variant.moves.iter().filter_map(keep).collect::<Vec<u32>>();
            let observed = run(|step| match step { Move::Both(a) | Move::Inserted(a) => Some(*a), Move::Skipped(_) => None });
            let modelled = run(|step| match step { Move::Both(a) | Move::Skipped(a) => Some(*a), Move::Inserted(_) => None });
            prop_assert_eq!(&observed, &trace);
            prop_assert!(words.contains(&modelled));
        }
    }

    #[test]
    fn a_word_of_the_model_replays_without_missing_or_remaining_tokens(model in model(), pick in any::<prop::sample::Index>()) {
        let words: Vec<Vec<u32>> = words(&model).into_iter().collect();
        let replay = PetriNet::of(&model).replay(&words[pick.index(words.len())]);
        // An activity that stands twice may be replayed at the wrong place: the first that is enabled is taken.
        let mut activities = Vec::new();
        model.to_text(&|code| { code.to_string() }).split('\'').skip(1).step_by(2).for_each(|code| activities.push(code.to_owned()));
        let distinct = activities.iter().collect::<BTreeSet<_>>().len() == activities.len();
        prop_assert!(!distinct || (replay.missing, replay.remaining) == (0, 0), "{replay:?}");
    }
}

fn trace(word: &str) -> Vec<u32> {
    word.bytes().map(|letter| u32::from(letter - b'a')).collect()
}

fn activity(letter: u8) -> ProcessTree {
    ProcessTree::Activity(u32::from(letter - b'a'))
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|found| (found - expected).abs() < 1e-12), "{found:?} is not {expected}");
}

#[test]
fn figures_are_those_of_pm4py_without_silent_transitions() {
    // pm4py 2.7.23.11, replay_fitness of tree "->( 'a', X( 'b', 'c' ), 'd', 'e' )", ALIGNMENT_BASED and TOKEN_BASED.
    let model = ProcessTree::Sequence(vec![
        activity(b'a'),
        ProcessTree::Choice(vec![activity(b'b'), activity(b'c')]),
        activity(b'd'),
        activity(b'e'),
    ]);
    // (trace, missing, consumed, remaining, produced, cost of the alignment).
    let expected = [
        ("abde", 0, 5, 0, 5, 0),
        ("acde", 0, 5, 0, 5, 0),
        ("ade", 1, 4, 1, 4, 1),
        ("abcde", 1, 6, 1, 6, 1),
        ("abed", 1, 5, 1, 5, 2),
        ("e", 1, 2, 1, 2, 3),
        ("aabde", 1, 6, 1, 6, 1),
        ("abdee", 1, 6, 1, 6, 1),
        ("bde", 1, 4, 1, 4, 1),
        ("abd", 1, 4, 1, 4, 1),
        ("deba", 2, 5, 2, 5, 4),
    ];
    let net = PetriNet::of(&model);
    for (word, missing, consumed, remaining, produced, cost) in expected {
        let replay = net.replay(&trace(word));
        let tokens = (replay.missing, replay.consumed, replay.remaining, replay.produced);
        assert_eq!(tokens, (missing, consumed, remaining, produced), "{word}");
        let found = hold(&[trace(word)], &model, &QUESTION);
        near(found.fitness, 1.0 - f64::from(cost) / (word.len() + 4) as f64);
    }
    let log: Vec<Vec<u32>> = expected.iter().map(|row| trace(row.0)).collect();
    let found = hold(&log, &model, &QUESTION);
    // PM4Py's log has an empty trace too, with fitness 0, cost 4 of 4, and 1 token of each kind: taken out by hand.
    near(found.mean_fitness, 0.740_674_603_174_603_3 * 12.0 / 11.0);
    near(found.fitness, 1.0 - 15.0 / 85.0);
    near(found.mean_replay_fitness, 0.720_833_333_333_333_3 * 12.0 / 11.0);
    assert_eq!((found.cases, found.fitting, found.unaligned), (11, 2, 0));
}

#[test]
fn costs_are_those_of_pm4py_with_choices_loops_and_parallel_parts() {
    // pm4py 2.7.23.11, alignments of tree "->( 'a', X( 'b', 'c' ), +( 'd', 'e' ), *( 'f', 'g' ), X( tau, 'h' ) )"; costs in
    // units of 10,000, without the 1 that PM4Py takes for a silent move.
    let both = |a, b| vec![activity(a), activity(b)];
    let model = ProcessTree::Sequence(vec![
        activity(b'a'),
        ProcessTree::Choice(both(b'b', b'c')),
        ProcessTree::Parallel(both(b'd', b'e')),
        ProcessTree::Loop(Box::new(activity(b'f')), Box::new(activity(b'g'))),
        activity(b'h').optional(),
    ]);
    let expected = [
        ("abdef", 0),
        ("acedf", 0),
        ("abdefgfh", 0),
        ("abdf", 1),
        ("bdef", 1),
        ("abcdef", 1),
        ("abdegf", 1),
        ("xadbef", 3),
        ("abdefff", 2),
        ("ffgh", 6),
        ("abdefh", 0),
        ("edcba", 6),
    ];
    for (word, cost) in expected {
        let found = hold(&[trace(word)], &model, &QUESTION);
        near(found.fitness, 1.0 - f64::from(cost) / (word.len() + 5) as f64);
    }
    // PM4Py's net has one silent transition less, so that its tokens are fewer; what is missing and remains is not.
    let net = PetriNet::of(&model);
    for (word, cost) in expected.into_iter().filter(|(_, cost)| *cost == 0) {
        let replay = net.replay(&trace(word));
        assert_eq!((replay.missing, replay.remaining, cost), (0, 0, 0), "{word}");
    }
}

#[test]
fn deviations_are_named_with_their_place() {
    let model = ProcessTree::Sequence(vec![activity(b'a'), activity(b'b'), activity(b'c')]);
    let log: Vec<Vec<u32>> = ["abc", "ac", "ac", "abxc", "abxxc"].iter().map(|word| trace(word)).collect();
    let found = hold(&log, &model, &QUESTION);
    let shown: Vec<_> =
        found.deviations.iter().map(|d| (d.place.skipped, d.place.activity, d.place.after, d.occurrences, d.cases)).collect();
    assert_eq!(shown, [(false, 23, Some(1), 3, 2), (true, 1, Some(0), 2, 2)]);
    assert_eq!(found.variants[0].moves, [Move::Both(0), Move::Skipped(1), Move::Both(2)]);
    assert_eq!((found.fitting, found.variants.len()), (1, 3));
}

#[test]
fn work_is_bounded_and_what_was_not_aligned_is_counted() {
    // Fifteen activities in any order: 2^15 markings, of which a trace with all of them sees few.
    let model = ProcessTree::Parallel((0..15).map(ProcessTree::Activity).collect());
    let log = [(0..15).rev().collect::<Vec<u32>>(), vec![3]];
    let found = hold(&log, &model, &ConformanceQuestion { most_states: 1_000, variants: 10 });
    assert_eq!((found.cases, found.unaligned, found.fitting, found.fitness), (2, 1, 1, Some(1.0)));
    assert!(found.replay_fitness.is_some_and(|fitness| fitness < 1.0));
    assert_eq!(hold(&[], &model, &QUESTION), Conformance::default());
}
