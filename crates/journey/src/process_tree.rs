//! Block-structured models: which sequences of activities are allowed.
//!
//! A tree of blocks is what people can write down ([`Path`]) and what discovery finds, and it is sound by construction: every
//! beginning can be brought to an end. It becomes a Petri net for replay and alignments (`conformance`).

use serde::{Deserialize, Serialize};

/// A block of a model. The words are those of process mining (W. van der Aalst, Process Mining, 2016, 3.2.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessTree {
    /// One activity.
    Activity(u32),
    /// One after the other; nothing, if it is empty.
    Sequence(Vec<ProcessTree>),
    /// Exactly one of them.
    Choice(Vec<ProcessTree>),
    /// All of them, in any order and interleaved.
    Parallel(Vec<ProcessTree>),
    /// The first; then any number of times the second and the first again.
    Loop(Box<ProcessTree>, Box<ProcessTree>),
}

impl ProcessTree {
    /// The empty sequence.
    pub const fn silent() -> Self {
        Self::Sequence(Vec::new())
    }

    /// The block, or nothing.
    #[must_use]
    pub fn optional(self) -> Self {
        Self::Choice(vec![Self::silent(), self])
    }

    /// Activities of the shortest run.
    pub fn shortest(&self) -> u64 {
        match self {
            Self::Activity(_) => 1,
            Self::Sequence(parts) | Self::Parallel(parts) => parts.iter().map(Self::shortest).sum(),
            Self::Choice(parts) => parts.iter().map(Self::shortest).min().unwrap_or(0),
            Self::Loop(body, _) => body.shortest(),
        }
    }

    /// In PM4Py's notation: `->( 'a', X( tau, 'b' ) )`.
    pub fn to_text(&self, name: &dyn Fn(u32) -> String) -> String {
        let all = |sign: &str, parts: &[Self]| {
            let parts: Vec<String> = parts.iter().map(|part| part.to_text(name)).collect();
            format!("{sign}( {} )", parts.join(", "))
        };
        match self {
            Self::Activity(code) => format!("'{}'", name(*code)),
            Self::Sequence(parts) if parts.is_empty() => "tau".into(),
            Self::Sequence(parts) => all("->", parts),
            Self::Choice(parts) => all("X", parts),
            Self::Parallel(parts) => all("+", parts),
            Self::Loop(body, back) => format!("*( {}, {} )", body.to_text(name), back.to_text(name)),
        }
    }
}

/// An allowed path as people write it, in YAML or JSON: an activity, a list of what comes one after the other, or a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Path {
    /// An activity.
    Activity(String),
    /// One after the other.
    Sequence(Vec<Path>),
    /// A rule.
    Rule(Rule),
}

/// How the parts of an allowed path relate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// May be left out.
    Optional(Box<Path>),
    /// Exactly one.
    OneOf(Vec<Path>),
    /// All, in any order.
    AnyOrder(Vec<Path>),
    /// Once or more often.
    Repeat(Box<Path>),
    /// Once, or more often with something in between.
    RepeatAfter {
        /// What is repeated.
        path: Box<Path>,
        /// What leads back to it.
        back: Box<Path>,
    },
}

impl Path {
    /// Whether there is a choice or an order of nothing in it, which nobody can go.
    pub fn is_blocked(&self) -> bool {
        match self {
            Self::Activity(_) => false,
            Self::Sequence(parts) => parts.iter().any(Self::is_blocked),
            Self::Rule(Rule::OneOf(parts) | Rule::AnyOrder(parts)) => parts.is_empty() || parts.iter().any(Self::is_blocked),
            Self::Rule(Rule::Optional(path) | Rule::Repeat(path)) => path.is_blocked(),
            Self::Rule(Rule::RepeatAfter { path, back }) => path.is_blocked() || back.is_blocked(),
        }
    }

    /// The block that is meant; `code` gives activities their numbers.
    pub fn tree(&self, code: &mut dyn FnMut(&str) -> u32) -> ProcessTree {
        let mut all = |parts: &[Self]| parts.iter().map(|part| part.tree(code)).collect::<Vec<_>>();
        match self {
            Self::Sequence(parts) => ProcessTree::Sequence(all(parts)),
            Self::Rule(Rule::OneOf(parts)) => ProcessTree::Choice(all(parts)),
            Self::Rule(Rule::AnyOrder(parts)) => ProcessTree::Parallel(all(parts)),
            Self::Activity(name) => ProcessTree::Activity(code(name)),
            Self::Rule(Rule::Optional(path)) => path.tree(code).optional(),
            Self::Rule(Rule::Repeat(path)) => ProcessTree::Loop(Box::new(path.tree(code)), Box::new(ProcessTree::silent())),
            Self::Rule(Rule::RepeatAfter { path, back }) => {
                ProcessTree::Loop(Box::new(path.tree(code)), Box::new(back.tree(code)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_path_is_a_tree() {
        let text = r#"["contact", {"optional": "escalate"}, {"one_of": ["a", ["b", "c"]]}, {"any_order": ["d", "e"]},
            {"repeat_after": {"path": "work", "back": "reopen"}}, {"repeat": "call"}]"#;
        let path: Path = serde_json::from_str(text).unwrap();
        let mut names: Vec<String> = Vec::new();
        let tree = path.tree(&mut |name| {
            names.push(name.to_owned());
            names.len() as u32 - 1
        });
        assert_eq!(
            tree.to_text(&|code| names[code as usize].clone()),
            "->( 'contact', X( tau, 'escalate' ), X( 'a', ->( 'b', 'c' ) ), +( 'd', 'e' ), *( 'work', 'reopen' ), *( 'call', tau ) )"
        );
        assert!(serde_json::from_str::<Path>(r#"{"maybe": "a"}"#).is_err());
        let empty: Path = serde_json::from_str(r#"["a", {"optional": {"one_of": []}}]"#).unwrap();
        assert!(empty.is_blocked() && !path.is_blocked());
    }
}
