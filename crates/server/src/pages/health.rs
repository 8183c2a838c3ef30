//! How a source is: one word and its reason, from what the store knows of it.
//!
//! The first rule that applies decides, from "it refuses everything" down to "it is as usual". A source is late by its own rhythm: when it has been
//! silent for longer than it ever was in the window before. Sources that came on few days have no rhythm and are never called late; the
//! newest fact beside the word tells their reader. Deliberately missing: lateness within a day.

use crate::wire::SourceHealth;

/// Days that the rhythm is taken from, and that the volume shows.
pub const DAYS: usize = 30;
/// Days with facts below which there is no rhythm.
const FEWEST_DAYS: usize = 4;
/// Share of the newest batch that could not be stored from which on a source fails.
const FAILING_SHARE: f64 = 0.2;
/// Fewer rows than these are a mishap, not a failure.
const FEWEST_ASIDE: u64 = 5;

/// Where a source's rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is read.
    Read,
    /// It is read as reference data.
    Lookup,
    /// It is sent, and can be taken.
    Sent,
    /// It follows a stream, and its messages can be taken.
    Followed,
    /// It is sent or follows, and its declaration is wrong.
    Unsound,
}

/// What the store knows of a source.
#[derive(Clone, Debug)]
pub struct Signs<'a> {
    /// Where its rows come from.
    pub origin: Origin,
    /// Whether anything ever came.
    pub has_come: bool,
    /// Whether both equations hold.
    pub is_balanced: bool,
    /// Why it could not be read the last time, or its stream is not followed now.
    pub failure: Option<&'a str>,
    /// Of its newest batch: what could not be stored, and all.
    pub aside: (u64, u64),
    /// Alarms of its newest batch that set rows aside.
    pub quarantining_alarms: u64,
    /// Facts by day, oldest first; the last day may still be going on.
    pub days: &'a [u64],
}

/// One word and its reason.
pub fn judge(signs: &Signs) -> SourceHealth {
    let (status, reason) = failing(signs).map_or_else(|| rhythm(signs), |reason| ("failing", reason));
    SourceHealth { status: status.to_owned(), reason }
}

fn failing(signs: &Signs) -> Option<String> {
    if signs.origin == Origin::Unsound {
        return Some("Its declaration or its SQL is wrong, so it refuses everything: `clew check` says what to mend.".to_owned());
    }
    if let Some(failure) = signs.failure {
        let what = if signs.origin == Origin::Followed { "Its stream is not followed now" } else { "Its last import failed" };
        return Some(format!("{what}: {}", full_stop(failure)));
    }
    if !signs.is_balanced {
        return Some("One of its equations does not hold: `clew audit` names the batch.".to_owned());
    }
    let (aside, all) = signs.aside;
    let share = aside as f64 / all.max(1) as f64;
    if aside >= FEWEST_ASIDE && share >= FAILING_SHARE {
        return Some(format!("{:.0} % of its newest batch could not be stored: see the quarantine.", share * 100.0));
    }
    (signs.quarantining_alarms > 0).then(|| "Its newest batch fails an expectation that sets rows aside.".to_owned())
}

fn rhythm(signs: &Signs) -> (&'static str, String) {
    if !signs.has_come {
        let what = match signs.origin {
            Origin::Sent | Origin::Unsound => "Nothing was sent yet.",
            Origin::Followed => "Nothing came from its stream yet.",
            Origin::Read | Origin::Lookup => "Nothing was imported yet.",
        };
        return ("idle", what.to_owned());
    }
    if signs.origin == Origin::Lookup {
        return ("healthy", "Reference data: others look things up in it.".to_owned());
    }
    let active: Vec<usize> = (0..signs.days.len()).filter(|day| signs.days[*day] > 0).collect();
    let Some(last) = active.last() else {
        return ("idle", format!("No facts in the last {DAYS} days."));
    };
    if active.len() < FEWEST_DAYS {
        let days = if active.len() == 1 { "day" } else { "days" };
        return ("healthy", format!("Facts on {} {days} of the last {DAYS}: too few to know its rhythm.", active.len()));
    }
    // The day that is going on may still bring something.
    let silent = (signs.days.len() - 1 - last).saturating_sub(1);
    let usual = active.windows(2).map(|pair| pair[1] - pair[0] - 1).max().unwrap_or(0);
    if silent > usual.max(1) {
        let before = if usual == 0 {
            "before that it came every day".to_owned()
        } else {
            format!("before that never for more than {usual}")
        };
        return ("late", format!("Silent for {silent} days; {before}."));
    }
    ("healthy", format!("Facts on {} of the last {DAYS} days, the newest as usual.", active.len()))
}

fn full_stop(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(days: &[u64]) -> Signs<'_> {
        Signs {
            origin: Origin::Read,
            has_come: true,
            is_balanced: true,
            failure: None,
            aside: (0, 100),
            quarantining_alarms: 0,
            days,
        }
    }

    fn status(signs: &Signs) -> String {
        judge(signs).status
    }

    #[test]
    fn a_source_is_late_by_its_own_rhythm() {
        let daily = [5; 30];
        assert_eq!(status(&signs(&daily)), "healthy");
        let mut silent = daily;
        // Today, and a day more: a daily source may skip one.
        silent[28..].fill(0);
        assert_eq!(status(&signs(&silent)), "healthy");
        silent[27..].fill(0);
        assert_eq!(judge(&signs(&silent)).reason, "Silent for 2 days; before that it came every day.");
        // Once a week is no lateness for one that comes once a week.
        let weekly: Vec<u64> = (0..30).map(|day| u64::from(day % 7 == 0)).collect();
        assert_eq!(status(&signs(&weekly)), "healthy");
        let stopped: Vec<u64> = (0..30).map(|day| u64::from(day % 5 == 0 && day <= 15)).collect();
        assert_eq!(judge(&signs(&stopped)).reason, "Silent for 13 days; before that never for more than 4.");
    }

    #[test]
    fn without_a_rhythm_nobody_is_late() {
        let mut days = [0; 30];
        assert_eq!(status(&signs(&days)), "idle");
        days[3] = 7;
        assert_eq!(judge(&signs(&days)).reason, "Facts on 1 day of the last 30: too few to know its rhythm.");
        assert_eq!(status(&signs(&[])), "idle");
    }

    #[test]
    fn what_is_worse_is_said_first() {
        let days = [0; 30];
        let all = Signs { failure: Some("the folder is gone"), is_balanced: false, aside: (50, 100), ..signs(&days) };
        assert_eq!(judge(&all).reason, "Its last import failed: the folder is gone.");
        assert!(judge(&Signs { failure: None, ..all.clone() }).reason.contains("equations"));
        let aside = Signs { failure: None, is_balanced: true, ..all.clone() };
        assert!(judge(&aside).reason.starts_with("50 % of its newest batch"));
        assert_eq!(status(&Signs { aside: (4, 4), ..aside.clone() }), "idle", "four rows are a mishap");
        assert_eq!(status(&Signs { aside: (0, 0), quarantining_alarms: 1, ..aside.clone() }), "failing");
        assert_eq!(status(&Signs { origin: Origin::Unsound, ..signs(&days) }), "failing");
        let fresh = Signs { has_come: false, origin: Origin::Sent, ..signs(&days) };
        assert_eq!(judge(&fresh), SourceHealth { status: "idle".to_owned(), reason: "Nothing was sent yet.".to_owned() });
        assert_eq!(status(&Signs { origin: Origin::Lookup, ..signs(&days) }), "healthy");
        let followed = Signs { origin: Origin::Followed, failure: Some("the broker is away"), ..fresh };
        assert_eq!(judge(&followed).reason, "Its stream is not followed now: the broker is away.");
        assert_eq!(judge(&Signs { failure: None, ..followed }).reason, "Nothing came from its stream yet.");
    }
}
