//! The stage of an event, and the conditions at the ends of journeys, for whole columns of dictionary codes.
//!
//! Names repeat, events do not: each (name, channel) pair is matched once, and a column of events becomes a column of
//! stages by table look-up.
//!
//! Who wins when several stages match: a condition on names before one on channels alone, because a name says more
//! about an event; then a stage with conditions of its own before one with the built-in ones; then the order of the
//! file. Only among the built-in ones the later stage is asked first, because its names are the more particular
//! (`product_reviewed` is advocacy and only looks like consideration).

use crate::definition::{Definition, Touch, folded};

/// The stage of events that belong to none.
pub const NO_STAGE: u8 = u8::MAX;

/// A [`Touch`] with folded names.
#[derive(Clone, Debug)]
struct Condition {
    events: Vec<String>,
    channels: Vec<String>,
    stages: Vec<u8>,
}

impl Condition {
    fn new(touch: &Touch, stage_names: &[String]) -> Self {
        let fold = |names: &[String]| names.iter().map(|name| folded(name)).collect::<Vec<_>>();
        let position = |name: &String| stage_names.iter().position(|stage| *stage == folded(name)).map(|stage| stage as u8);
        Self {
            events: fold(&touch.events),
            channels: fold(&touch.channels),
            stages: touch.stages.iter().filter_map(position).collect(),
        }
    }

    fn matches(&self, name: &str, channel: &str, stage: u8) -> bool {
        let nothing = self.events.is_empty() && self.channels.is_empty() && self.stages.is_empty();
        !nothing
            && (self.events.is_empty() || self.events.iter().any(|pattern| matches_pattern(pattern, name)))
            && (self.channels.is_empty() || self.channels.iter().any(|known| known == channel))
            && (self.stages.is_empty() || self.stages.contains(&stage))
    }
}

/// Whether `pattern`, in which `*` stands for any text, covers all of `text`. Linear in practice: greedy with one
/// return point.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// The stage number of one event; none if it belongs to no stage.
pub fn stage_of(definition: &Definition, name: &str, channel: &str) -> Option<u8> {
    Some(Matcher::new(definition).stage(name, channel)).filter(|&stage| stage != NO_STAGE)
}

struct Matcher {
    /// (stage, its conditions) in the order in which they are asked.
    stages: Vec<(u8, Vec<Condition>)>,
}

impl Matcher {
    fn new(definition: &Definition) -> Self {
        let stage = |number: usize| {
            let conditions = definition.when(number).iter().map(|touch| Condition::new(touch, &[])).collect();
            (number as u8, conditions)
        };
        // Own conditions in the order of the file, then the built-in ones from the last stage to the first.
        let own = |number: &usize| !definition.stages[*number].when.is_empty();
        let numbers = 0..definition.stages.len();
        let order = numbers.clone().filter(own).chain(numbers.rev().filter(|number| !own(number)));
        Self { stages: order.map(stage).collect() }
    }

    fn stage(&self, name: &str, channel: &str) -> u8 {
        let (name, channel) = (folded(name), folded(channel));
        // A name says more about an event than its channel: all names are asked before any channel.
        let by = |named: bool| {
            let fits = |conditions: &[Condition]| {
                conditions.iter().filter(|c| c.events.is_empty() != named).any(|c| c.matches(&name, &channel, NO_STAGE))
            };
            self.stages.iter().find(|(_, conditions)| fits(conditions)).map(|(stage, _)| *stage)
        };
        by(true).or_else(|| by(false)).unwrap_or(NO_STAGE)
    }
}

/// Stages and journey ends of every (name, channel) pair of two dictionaries.
#[derive(Clone, Debug)]
pub struct StageTable {
    channels: usize,
    stages: Vec<u8>,
    /// By journey: whether a pair may begin it, whether it ends it well.
    ends: Vec<Ends>,
}

#[derive(Clone, Debug)]
struct Ends {
    /// None: any event begins it.
    from: Option<Vec<bool>>,
    /// None: it has no goal.
    to: Option<Vec<bool>>,
}

impl StageTable {
    /// Matches every pair once. O(names × channels × conditions).
    pub fn new(definition: &Definition, names: &[&str], channels: &[&str]) -> Self {
        let matcher = Matcher::new(definition);
        let pairs = || names.iter().flat_map(|&name| channels.iter().map(move |&channel| (name, channel)));
        let stages: Vec<u8> = pairs().map(|(name, channel)| matcher.stage(name, channel)).collect();
        let stage_names: Vec<String> = definition.stages.iter().map(|stage| folded(&stage.name)).collect();
        let column = |touch: &Option<Touch>| {
            let condition = Condition::new(touch.as_ref()?, &stage_names);
            let matches =
                |((name, channel), &stage): ((&str, &str), &u8)| condition.matches(&folded(name), &folded(channel), stage);
            Some(pairs().zip(&stages).map(matches).collect())
        };
        let ends =
            definition.journeys.iter().map(|journey| Ends { from: column(&journey.from), to: column(&journey.to) }).collect();
        Self { channels: channels.len(), stages, ends }
    }

    fn pair(&self, name: u32, channel: u32) -> usize {
        name as usize * self.channels + channel as usize
    }

    /// Stage of a pair of codes; [`NO_STAGE`] for none.
    pub fn stage(&self, name: u32, channel: u32) -> u8 {
        self.stages[self.pair(name, channel)]
    }

    /// Stages of two columns of codes.
    pub fn stages(&self, names: &[u32], channels: &[u32]) -> Vec<u8> {
        names.iter().zip(channels).map(|(&name, &channel)| self.stage(name, channel)).collect()
    }

    pub(crate) fn begins(&self, journey: usize, name: u32, channel: u32) -> bool {
        self.ends[journey].from.as_ref().is_none_or(|from| from[self.pair(name, channel)])
    }

    pub(crate) fn reaches(&self, journey: usize, name: u32, channel: u32) -> bool {
        self.ends[journey].to.as_ref().is_some_and(|to| to[self.pair(name, channel)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_stages_know_the_usual_names() {
        let definition = Definition::default();
        let names = definition.stage_names();
        let of = |name, channel| stage_of(&definition, name, channel).map(|stage| names[usize::from(stage)]);
        for (name, channel, stage) in [
            ("Ad Clicked", "social", "awareness"),
            ("page", "web", "awareness"),
            ("Product Viewed", "web", "consideration"),
            ("Order Completed", "app", "purchase"),
            ("order.delivered", "system", "retention"),
            ("ticket-opened", "email", "retention"),
            ("anything", "phone", "retention"),
            ("Product Reviewed", "web", "advocacy"),
            ("anything", "survey", "advocacy"),
            ("order_placed", "phone", "purchase"),
        ] {
            assert_eq!(of(name, channel), Some(stage), "{name} on {channel}");
        }
        assert_eq!(of("xyz", "web"), None);
    }

    #[test]
    fn own_stages_are_asked_in_the_order_of_the_file() {
        let definition: Definition = serde_json::from_str(
            r#"{"stages": [{"name": "buy", "when": [{"events": ["order_*"], "channels": ["web"]}]}, {"name": "use", "when": [{"events": ["*"]}]}],
                "journeys": [{"name": "a", "from": {"stages": ["use"]}, "to": {"events": ["*_b_*"], "channels": ["app"]}}]}"#,
        )
        .unwrap();
        let table = StageTable::new(&definition, &["order_x", "a_b_c"], &["web", "app"]);
        assert_eq!(table.stages(&[0, 0, 1, 1], &[0, 1, 0, 1]), [0, 1, 1, 1]);
        assert_eq!([(0, 0), (0, 1), (1, 1)].map(|(name, channel)| table.begins(0, name, channel)), [false, true, true]);
        assert_eq!([(0, 1), (1, 0), (1, 1)].map(|(name, channel)| table.reaches(0, name, channel)), [false, false, true]);
    }

    #[test]
    fn patterns_return_to_the_last_star() {
        for (pattern, text, expected) in [
            ("a*b*c", "a_b_b_c", true),
            ("*", "", true),
            ("a*", "b", false),
            ("*ab", "aab", true),
            ("ab", "abc", false),
            ("", "", true),
            ("*a*", "bcb", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
