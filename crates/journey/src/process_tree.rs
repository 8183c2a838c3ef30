//! Block-structured models: which sequences of activities are allowed.
//!
//! A tree of blocks is what people can write down ([`AllowedPath`]) and what discovery finds, and it is sound by construction: every
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

    /// The same model without blocks in blocks of their kind, and without blocks of one part.
    #[must_use]
    pub fn flattened(self) -> Self {
        let all = |parts: Vec<Self>| parts.into_iter().map(Self::flattened);
        let one =
            |mut parts: Vec<Self>, many: fn(Vec<Self>) -> Self| if parts.len() == 1 { parts.remove(0) } else { many(parts) };
        match self {
            Self::Sequence(parts) => {
                let inner = |part| if let Self::Sequence(inner) = part { inner } else { vec![part] };
                one(all(parts).flat_map(inner).collect(), Self::Sequence)
            }
            Self::Choice(parts) => {
                let inner = |part| if let Self::Choice(inner) = part { inner } else { vec![part] };
                let mut parts: Vec<Self> = all(parts).flat_map(inner).collect();
                let may_be_nothing = parts.contains(&Self::silent());
                parts.retain(|part| *part != Self::silent());
                if may_be_nothing {
                    parts.insert(0, Self::silent());
                }
                one(parts, Self::Choice)
            }
            Self::Parallel(parts) => {
                let inner = |part| if let Self::Parallel(inner) = part { inner } else { vec![part] };
                one(all(parts).flat_map(inner).collect(), Self::Parallel)
            }
            Self::Loop(body, back) => Self::Loop(Box::new(body.flattened()), Box::new(back.flattened())),
            Self::Activity(_) => self,
        }
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
pub enum AllowedPath {
    /// An activity.
    Activity(String),
    /// One after the other.
    Sequence(Vec<AllowedPath>),
    /// A rule.
    Rule(Rule),
}

/// How the parts of an allowed path relate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// May be left out.
    Optional(Box<AllowedPath>),
    /// Exactly one.
    OneOf(Vec<AllowedPath>),
    /// All, in any order.
    AnyOrder(Vec<AllowedPath>),
    /// Once or more often.
    Repeat(Box<AllowedPath>),
    /// Once, or more often with something in between.
    RepeatAfter {
        /// What is repeated.
        path: Box<AllowedPath>,
        /// What leads back to it.
        back: Box<AllowedPath>,
    },
}

impl AllowedPath {
    /// What people would write for a tree.
    pub fn of(tree: &ProcessTree, name: &dyn Fn(u32) -> String) -> Self {
        let all = |parts: &[ProcessTree]| parts.iter().map(|part| Self::of(part, name)).collect::<Vec<_>>();
        let boxed = |tree: &ProcessTree| Box::new(Self::of(tree, name));
        let silent = ProcessTree::silent();
        match tree {
            ProcessTree::Activity(code) => Self::Activity(name(*code)),
            ProcessTree::Sequence(parts) => Self::Sequence(all(parts)),
            ProcessTree::Choice(parts) => match parts.as_slice() {
                [nothing, other] if *nothing == silent => Self::Rule(Rule::Optional(boxed(other))),
                [nothing, others @ ..] if *nothing == silent && !others.is_empty() => {
                    Self::Rule(Rule::Optional(Box::new(Self::Rule(Rule::OneOf(all(others))))))
                }
                parts => Self::Rule(Rule::OneOf(all(parts))),
            },
            ProcessTree::Parallel(parts) => Self::Rule(Rule::AnyOrder(all(parts))),
            ProcessTree::Loop(body, back) if **back == silent => Self::Rule(Rule::Repeat(boxed(body))),
            ProcessTree::Loop(body, back) => Self::Rule(Rule::RepeatAfter { path: boxed(body), back: boxed(back) }),
        }
    }

    /// As YAML, to be read by people and by [`AllowedPath`] again.
    pub fn to_yaml(&self) -> String {
        let mut text = "path:\n".to_owned();
        match self {
            Self::Sequence(parts) => parts.iter().for_each(|part| part.item(1, &mut text)),
            other => other.item(1, &mut text),
        }
        text
    }

    /// The activity, if it is no more than that.
    fn plain(&self) -> Option<String> {
        match self {
            Self::Activity(name) => {
                let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && name.chars().all(|c| c.is_alphanumeric() || c == '_')
                    && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&name.to_lowercase().as_str());
                Some(if is_plain { name.clone() } else { format!("{name:?}") })
            }
            _ => None,
        }
    }

    /// An item of a list.
    fn item(&self, depth: usize, text: &mut String) {
        let indent = "  ".repeat(depth);
        match (self.plain(), self) {
            (Some(name), _) => *text += &format!("{indent}- {name}\n"),
            (None, Self::Sequence(parts)) if parts.is_empty() => *text += &format!("{indent}- []\n"),
            (None, Self::Sequence(parts)) => {
                *text += &format!("{indent}-\n");
                parts.iter().for_each(|part| part.item(depth + 1, text));
            }
            (None, Self::Rule(rule)) => {
                let (word, parts): (&str, Vec<(&str, &Self)>) = match rule {
                    Rule::Optional(path) => ("optional", vec![("", path.as_ref())]),
                    Rule::Repeat(path) => ("repeat", vec![("", path.as_ref())]),
                    Rule::OneOf(parts) => ("one_of", parts.iter().map(|part| ("-", part)).collect()),
                    Rule::AnyOrder(parts) => ("any_order", parts.iter().map(|part| ("-", part)).collect()),
                    Rule::RepeatAfter { path, back } => ("repeat_after", vec![("path", path.as_ref()), ("back", back.as_ref())]),
                };
                *text += &format!("{indent}- {word}:");
                match (parts.as_slice(), parts[0].1.plain()) {
                    ([("", _)], Some(name)) => *text += &format!(" {name}\n"),
                    ([("", Self::Sequence(inner))], _) => {
                        text.push('\n');
                        inner.iter().for_each(|part| part.item(depth + 2, text));
                    }
                    (parts, _) => {
                        text.push('\n');
                        parts.iter().for_each(|(key, part)| part.entry(key, depth + 2, text));
                    }
                }
            }
            (None, Self::Activity(_)) => {}
        }
    }

    /// An entry of a rule: an item, or a key with its path as a list.
    fn entry(&self, key: &str, depth: usize, text: &mut String) {
        if key == "path" || key == "back" {
            *text += &format!("{}{key}:\n", "  ".repeat(depth));
            match self {
                Self::Sequence(parts) => parts.iter().for_each(|part| part.item(depth + 1, text)),
                other => other.item(depth + 1, text),
            }
        } else {
            self.item(depth, text);
        }
    }

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
            Self::Sequence(parts) if parts.len() == 1 => parts[0].tree(code),
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
        let path: AllowedPath = serde_json::from_str(text).unwrap();
        let mut names: Vec<String> = Vec::new();
        let tree = path.tree(&mut |name| {
            names.push(name.to_owned());
            names.len() as u32 - 1
        });
        assert_eq!(
            tree.to_text(&|code| names[code as usize].clone()),
            "->( 'contact', X( tau, 'escalate' ), X( 'a', ->( 'b', 'c' ) ), +( 'd', 'e' ), *( 'work', 'reopen' ), *( 'call', tau ) )"
        );
        assert!(serde_json::from_str::<AllowedPath>(r#"{"maybe": "a"}"#).is_err());
        let written = AllowedPath::of(&tree, &|code| names[code as usize].clone());
        assert_eq!(written, path);
        let yaml = "path:\n  - contact\n  - optional: escalate\n  - one_of:\n      - a\n      -\n        - b\n        - c\n  - any_order:\n      - d\n      - e\n";
        assert!(written.to_yaml().starts_with(yaml), "{}", written.to_yaml());
        let nested = ProcessTree::Sequence(vec![
            ProcessTree::Sequence(vec![ProcessTree::Activity(0), ProcessTree::Sequence(vec![ProcessTree::Activity(1)])]),
            ProcessTree::Choice(vec![ProcessTree::Activity(2), ProcessTree::Activity(3).optional()]).optional(),
        ]);
        assert_eq!(nested.flattened().to_text(&|code| code.to_string()), "->( '0', '1', X( tau, '2', '3' ) )");
        let empty: AllowedPath = serde_json::from_str(r#"["a", {"optional": {"one_of": []}}]"#).unwrap();
        assert!(empty.is_blocked() && !path.is_blocked());
    }
}
