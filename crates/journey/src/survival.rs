//! How long until something happens to a case, where for some it has not happened yet: spells for survival curves.
//!
//! A spell begins with an activity (or the first event of a case) and ends with another activity, or with a silence. What has
//! not happened when observation ends is censored, not missing: a case that began yesterday has not failed to return.
//!
//! The curves are those of [`clew_stats::survival`].

use clew_stats::survival::Spell;

use crate::log::Traces;

/// What a spell ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpellEnd {
    /// The first event of this activity after the beginning.
    Activity(u32),
    /// The first silence of at least this many microseconds; the spell ends where the silence begins. A case whose last
    /// event is younger is censored there: whether it goes on is not known.
    Silence(i64),
}

/// A spell of a case, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaseSpell {
    /// The case.
    pub case: u32,
    /// The row it begins with.
    pub row: usize,
    /// Its length.
    pub spell: Spell,
}

/// The spell of each case that begins; of an activity (none: any), the first event counts. O(events).
pub fn spells(traces: &Traces<'_>, from: Option<u32>, end: SpellEnd, observed_until_us: i64) -> Vec<CaseSpell> {
    let mut found = Vec::new();
    for (case, rows) in traces.numbered() {
        let Some(row) = rows.clone().find(|at| from.is_none_or(|from| traces.code[*at] == from)) else { continue };
        let since = |time_us: i64| (time_us - traces.time_us[row]).max(0) as f64;
        let spell = match end {
            SpellEnd::Activity(activity) => match (row + 1..rows.end).find(|at| traces.code[*at] == activity) {
                Some(at) => Spell { time: since(traces.time_us[at]), observed: true },
                None => Spell { time: since(observed_until_us), observed: false },
            },
            SpellEnd::Silence(silence_us) => {
                let is_silent = |at: usize| {
                    let next = if at + 1 < rows.end { traces.time_us[at + 1] } else { observed_until_us };
                    next - traces.time_us[at] >= silence_us
                };
                let last = (row..rows.end).find(|at| is_silent(*at));
                let at = last.unwrap_or(rows.end - 1);
                Spell { time: since(traces.time_us[at]), observed: last.is_some() }
            }
        };
        found.push(CaseSpell { case, row, spell });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::CaseOrder;

    fn ask(rows: &[(u32, i64, u32)], from: Option<u32>, end: SpellEnd) -> Vec<(u32, f64, bool)> {
        let case: Vec<u32> = rows.iter().map(|row| row.0).collect();
        let time: Vec<i64> = rows.iter().map(|row| row.1).collect();
        let order = CaseOrder::of(&case, &time);
        let time_us = order.arrange(&time);
        let code = order.arrange(&rows.iter().map(|row| row.2).collect::<Vec<_>>());
        let found = spells(&order.traces(&time_us, &code), from, end, 100);
        found.iter().map(|found| (found.case, found.spell.time, found.spell.observed)).collect()
    }

    #[test]
    fn a_spell_ends_with_its_activity_or_is_censored() {
        let rows = [(0, 10, 0), (0, 15, 1), (0, 30, 2), (1, 20, 0), (1, 25, 0), (2, 5, 2), (3, 40, 2), (3, 41, 0), (3, 41, 2)];
        let found = ask(&rows, Some(0), SpellEnd::Activity(2));
        assert_eq!(found, [(0, 20.0, true), (1, 80.0, false), (3, 0.0, true)]);
        // Without a beginning it is the first event, and the end comes after it.
        assert_eq!(ask(&rows, None, SpellEnd::Activity(2))[2..], [(2, 95.0, false), (3, 1.0, true)]);
    }

    #[test]
    fn a_silence_ends_a_spell_where_it_begins_and_a_young_one_is_censored() {
        let rows = [(0, 10, 0), (0, 20, 0), (0, 60, 0), (1, 10, 0), (1, 35, 0), (1, 80, 0), (2, 90, 0), (2, 95, 0)];
        let found = ask(&rows, None, SpellEnd::Silence(30));
        assert_eq!(found, [(0, 10.0, true), (1, 25.0, true), (2, 5.0, false)]);
        assert_eq!(ask(&rows, None, SpellEnd::Silence(50))[0..2], [(0, 50.0, false), (1, 70.0, false)]);
    }
}
