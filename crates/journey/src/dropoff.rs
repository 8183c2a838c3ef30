//! Who reached a stage, and of those, who went on to a later one.
//!
//! "Went on" means a step of a later stage after a step of this one: whoever buys before looking around did not go on
//! from looking around. Persons and journeys are counted apart: of a person with two orders, one of which stuck, the
//! person went on and one journey did not. Rates come as counts, so that whoever shows them can give the interval.

use crate::journeys::{Journey, Journeys};

/// The passage through one stage within one journey rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageFlow {
    /// Position in `Definition::journeys`.
    pub rule: u32,
    /// Stage number.
    pub stage: u8,
    /// People with a step of the stage.
    pub people: u64,
    /// Of them, people who went on to any later stage.
    pub people_continued: u64,
    /// Of them, people for whom it is the furthest stage.
    pub people_furthest: u64,
    /// Journeys with a step of the stage.
    pub journeys: u64,
    /// Of them, journeys that went on to any later stage.
    pub journeys_continued: u64,
    /// Of them, open journeys that did not go on yet: they are not lost.
    pub journeys_waiting: u64,
}

/// One row for each rule and stage, also where nobody came. The last stage has no later one: nobody continues from it.
pub fn stage_flow(journeys: &Journeys, rules: usize, stages: usize) -> Vec<StageFlow> {
    let row = |(rule, stage): (usize, usize)| StageFlow {
        rule: rule as u32,
        stage: stage as u8,
        people: 0,
        people_continued: 0,
        people_furthest: 0,
        journeys: 0,
        journeys_continued: 0,
        journeys_waiting: 0,
    };
    let mut flows: Vec<StageFlow> = (0..rules).flat_map(|rule| (0..stages).map(move |stage| (rule, stage))).map(row).collect();
    let same_person = |a: &Journey, b: &Journey| (a.person, a.rule) == (b.person, b.rule);
    for of_person in journeys.journeys.chunk_by(same_person) {
        let flows = &mut flows[of_person[0].rule as usize * stages..][..stages];
        let (mut reached, mut continued) = (0, 0);
        for journey in of_person {
            reached |= journey.reached;
            continued |= journey.continued;
            for flow in flows.iter_mut() {
                let on = |mask: u64| u64::from(mask >> flow.stage & 1 == 1);
                flow.journeys += on(journey.reached);
                flow.journeys_continued += on(journey.continued);
                if journey.outcome == crate::journeys::Outcome::Open {
                    flow.journeys_waiting += on(journey.reached & !journey.continued);
                }
            }
        }
        for flow in flows.iter_mut() {
            let on = |mask: u64| u64::from(mask >> flow.stage & 1 == 1);
            flow.people += on(reached);
            flow.people_continued += on(continued);
            flow.people_furthest += u64::from(reached.checked_ilog2() == Some(u32::from(flow.stage)));
        }
    }
    flows
}
