//! Clusters: planted kinds of journeys are found again and named by their steps, whatever the order of cases.

use clew_journey::CaseOrder;
use clew_journey::clusters::{ClusterQuestion, cluster};
use clew_stats::agreement::adjusted_rand;
use clew_stats::dice::Dice;
use proptest::prelude::*;

const ASKED: ClusterQuestion = ClusterQuestion { clusters: None, most: 8, seed: 1 };

/// Four kinds of people over twelve steps: 0 and 1 are everybody's, each kind has three of its own and now and then another's.
fn planted(seed: u64, people: u32, stray: f64) -> (Vec<Vec<u32>>, Vec<u32>) {
    let mut dice = Dice::new(seed);
    let (mut traces, mut kinds) = (Vec::new(), Vec::new());
    for _ in 0..people {
        let kind = dice.below(4) as u32;
        let mut trace = vec![0];
        for _ in 0..3 + dice.below(6) {
            let of = if dice.share() < stray { dice.below(4) as u32 } else { kind };
            trace.push(if dice.share() < 0.3 { 1 } else { 2 + 3 * of + dice.below(3) as u32 });
        }
        traces.push(trace);
        kinds.push(kind);
    }
    (traces, kinds)
}

fn ask(traces: &[Vec<u32>], question: &ClusterQuestion) -> clew_journey::clusters::JourneyClusters {
    let case: Vec<u32> = traces.iter().enumerate().flat_map(|(case, trace)| trace.iter().map(move |_| case as u32)).collect();
    let time_us: Vec<i64> = (0..case.len() as i64).collect();
    let order = CaseOrder::of(&case, &time_us);
    cluster(&order.traces(&time_us, &traces.concat()), question)
}

#[test]
fn planted_kinds_are_found_and_named() {
    for seed in 0..5 {
        let (traces, kinds) = planted(seed, 1_500, 0.1);
        let found = ask(&traces, &ASKED);
        assert_eq!(found.clusters.len(), 4, "seed {seed}");
        let pairs: Vec<(u32, u32)> = found.of_case.iter().map(|(case, cluster)| (kinds[*case as usize], *cluster)).collect();
        let agreement = adjusted_rand(&pairs).unwrap();
        assert!(agreement > 0.9, "seed {seed}: {agreement}");
        for (at, cluster) in found.clusters.iter().enumerate() {
            let mut of: Vec<u32> = pairs.iter().filter(|pair| pair.1 as usize == at).map(|pair| pair.0).collect();
            assert_eq!(of.len() as u64, cluster.cases);
            of.sort_unstable();
            let kind = of[of.len() / 2];
            assert!(cluster.apart.iter().all(|step| step.activity >= 2 && (step.activity - 2) / 3 == kind), "{cluster:?}");
        }
    }
}

#[test]
fn nothing_one_and_equal_cases() {
    assert_eq!(ask(&[], &ASKED).clusters.len(), 0);
    let one = ask(&[vec![3, 3]], &ASKED);
    assert_eq!((one.clusters.len(), one.silhouette, &*one.of_case), (1, None, &[(0, 0)][..]));
    let equal = ask(&vec![vec![1, 2]; 9], &ClusterQuestion { clusters: Some(5), ..ASKED });
    assert_eq!((equal.clusters.len(), equal.clusters[0].cases), (1, 9));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_case_has_one_cluster_and_order_inside_a_case_says_nothing(seed in 0..1_000_u64, k in prop::option::of(1..6_usize)) {
        let (traces, _) = planted(seed, 60, 0.5);
        let question = ClusterQuestion { clusters: k, ..ASKED };
        let found = ask(&traces, &question);
        prop_assert!(found.of_case.iter().map(|pair| pair.0).eq(0..60));
        prop_assert_eq!(found.clusters.iter().map(|cluster| cluster.cases).sum::<u64>(), 60);
        prop_assert!(found.clusters.is_sorted_by(|a, b| a.cases >= b.cases));
        let backwards: Vec<Vec<u32>> = traces.iter().map(|trace| trace.iter().rev().copied().collect()).collect();
        prop_assert_eq!(&found.of_case, &ask(&backwards, &question).of_case);
    }
}
