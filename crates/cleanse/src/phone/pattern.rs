//! Patterns over digits, and the automaton that matches all of a country's at once.
//!
//! Numbering plans are published as regular expressions over the ten digits: classes, groups, alternatives and counted
//! repeats, nothing else. A country has about ten of them, one for each type of line, some thousands of characters long; a
//! regex engine tries them one after the other, with its start-up cost each time. Here they become one deterministic
//! automaton with ten edges a state, whose end state says which of the patterns matched: a number costs one
//! table look-up a digit. Subset construction after Rabin & Scott (1959, IBM Journal 3:114).
//!
//! Prefix rules ("0, then perhaps a carrier code") also capture; they are short and matched by backtracking over the same tree.
//!
//! Deliberately missing: everything of regular expressions that numbering plans do not use.

/// The tree of a pattern.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// One digit of the set (bit d for digit d).
    Digit(u16),
    /// One after the other.
    Sequence(Vec<Node>),
    /// One of them, the first that fits.
    Either(Vec<Node>),
    /// From so many to so many times, as often as possible.
    Repeat(Box<Node>, u8, u8),
    /// What it matched is remembered.
    Capture(usize, Box<Node>),
    /// The end of the digits.
    End,
}

/// The most captures that a prefix rule has.
pub(crate) const CAPTURES: usize = 2;

/// Reads a pattern; `None` if it uses something that this dialect lacks.
pub(crate) fn parse(pattern: &str) -> Option<Node> {
    let mut reader = Reader { bytes: pattern.as_bytes(), at: 0, captures: 0 };
    let node = reader.either()?;
    (reader.at == reader.bytes.len() && reader.captures <= CAPTURES).then_some(node)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    captures: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, expected: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    fn either(&mut self) -> Option<Node> {
        let mut choices = vec![self.sequence()?];
        while self.take(b"|") {
            choices.push(self.sequence()?);
        }
        Some(if choices.len() == 1 { choices.remove(0) } else { Node::Either(choices) })
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut parts = Vec::new();
        while !matches!(self.peek(), None | Some(b'|' | b')')) {
            let part = self.atom()?;
            parts.push(self.repeated(part)?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Node::Sequence(parts) })
    }

    fn atom(&mut self) -> Option<Node> {
        if self.take(b"(?:") {
            let inner = self.either()?;
            return self.take(b")").then_some(inner);
        }
        if self.take(b"(") {
            let number = self.captures;
            self.captures += 1;
            let inner = self.either()?;
            return self.take(b")").then(|| Node::Capture(number, Box::new(inner)));
        }
        if self.take(b"\\d") {
            return Some(Node::Digit(0x3ff));
        }
        if self.take(b"[") {
            return self.class();
        }
        if self.take(b"$") {
            return Some(Node::End);
        }
        let digit = self.digit()?;
        Some(Node::Digit(1 << digit))
    }

    fn digit(&mut self) -> Option<u8> {
        let digit = self.peek()?.checked_sub(b'0').filter(|digit| *digit < 10)?;
        self.at += 1;
        Some(digit)
    }

    fn class(&mut self) -> Option<Node> {
        let mut set = 0_u16;
        while !self.take(b"]") {
            if self.take(b"\\d") {
                set |= 0x3ff;
                continue;
            }
            let first = self.digit()?;
            let last = if self.take(b"-") { self.digit()? } else { first };
            set |= (first..=last).fold(0, |set, digit| set | 1 << digit);
        }
        Some(Node::Digit(set))
    }

    fn count(&mut self) -> Option<u8> {
        let mut count = self.digit()?;
        while let Some(digit) = self.digit() {
            count = count.checked_mul(10)?.checked_add(digit)?;
        }
        Some(count)
    }

    fn repeated(&mut self, node: Node) -> Option<Node> {
        if self.take(b"?") {
            return Some(Node::Repeat(Box::new(node), 0, 1));
        }
        if !self.take(b"{") {
            return Some(node);
        }
        let least = self.count()?;
        let most = if self.take(b",") { self.count()? } else { least };
        (self.take(b"}") && least <= most).then(|| Node::Repeat(Box::new(node), least, most))
    }
}

/// What the captures of a match hold: start and end.
pub(crate) type Captures = [Option<(usize, usize)>; CAPTURES];

impl Node {
    /// Matches at the start of `digits` (ASCII), as a regex engine does: first alternative, longest repeat. The end of the match.
    pub(crate) fn prefix_of(&self, digits: &[u8]) -> Option<(usize, Captures)> {
        let mut captures = Captures::default();
        let end = step(&[Task::Match(self)], digits, 0, &mut captures)?;
        Some((end, captures))
    }
}

/// What is left to match, innermost last.
#[derive(Clone, Copy)]
enum Task<'n> {
    Match(&'n Node),
    /// The node again, so many times at least and at most.
    Again(&'n Node, u8, u8),
    Close(usize, usize),
}

/// Backtracking with an explicit rest; patterns are a few levels deep, numbers at most 40 digits long.
fn step<'n>(tasks: &[Task<'n>], digits: &[u8], at: usize, captures: &mut Captures) -> Option<usize> {
    let Some((task, rest)) = tasks.split_last() else { return Some(at) };
    let then = |more: &[Task<'n>], at: usize, captures: &mut Captures| {
        let mut tasks = rest.to_vec();
        tasks.extend_from_slice(more);
        step(&tasks, digits, at, captures)
    };
    match *task {
        Task::Match(Node::Digit(set)) => {
            let digit = digits.get(at)?.checked_sub(b'0').filter(|digit| *digit < 10)?;
            if set >> digit & 1 == 1 { step(rest, digits, at + 1, captures) } else { None }
        }
        Task::Match(Node::Sequence(parts)) => {
            let parts: Vec<Task> = parts.iter().rev().map(Task::Match).collect();
            then(&parts, at, captures)
        }
        Task::Match(Node::Either(choices)) => choices.iter().find_map(|choice| {
            let mut tried = *captures;
            let end = then(&[Task::Match(choice)], at, &mut tried)?;
            *captures = tried;
            Some(end)
        }),
        Task::Match(Node::Repeat(node, least, most)) => then(&[Task::Again(node, *least, *most)], at, captures),
        Task::Match(Node::Capture(number, node)) => then(&[Task::Close(*number, at), Task::Match(node)], at, captures),
        Task::Match(Node::End) => {
            if at == digits.len() {
                step(rest, digits, at, captures)
            } else {
                None
            }
        }
        Task::Again(node, least, most) => {
            if most > 0 {
                let mut tried = *captures;
                let once_more = [Task::Again(node, least.saturating_sub(1), most - 1), Task::Match(node)];
                if let Some(end) = then(&once_more, at, &mut tried) {
                    *captures = tried;
                    return Some(end);
                }
            }
            if least == 0 { step(rest, digits, at, captures) } else { None }
        }
        Task::Close(number, start) => {
            captures[number] = Some((start, at));
            step(rest, digits, at, captures)
        }
    }
}

/// All patterns of a country in one automaton. State 0 is the dead end, state 1 the start.
#[derive(Debug)]
pub(crate) struct Automaton {
    edges: Vec<[u16; 10]>,
    matched: Vec<u16>,
}

/// A state of the automaton with free edges, before it is made deterministic.
#[derive(Default)]
struct Loose {
    /// Without reading anything.
    skips: Vec<usize>,
    /// On a digit of the set.
    reads: Vec<(u16, usize)>,
    /// Bit of the pattern that ends here.
    ends: u16,
}

impl Automaton {
    /// One automaton for up to sixteen patterns; bit n of its answer belongs to pattern n.
    pub(crate) fn new(patterns: &[(u8, Node)]) -> Self {
        let mut states = vec![Loose::default()];
        for (bit, node) in patterns {
            let end = add(&mut states, node, 0);
            let last = fresh(&mut states);
            states[end].skips.push(last);
            states[last].ends |= 1 << bit;
        }
        let mut automaton = Self { edges: vec![[0; 10]; 2], matched: vec![0; 2] };
        let mut known = rustc_hash::FxHashMap::default();
        let start = closure(&states, vec![0]);
        automaton.matched[1] = ends(&states, &start);
        known.insert(Vec::new(), 0_u16);
        known.insert(start.clone(), 1_u16);
        let mut open = vec![(start, 1_usize)];
        while let Some((set, from)) = open.pop() {
            for digit in 0..10 {
                let next: Vec<usize> = set
                    .iter()
                    .flat_map(|at| &states[*at].reads)
                    .filter(|(on, _)| on >> digit & 1 == 1)
                    .map(|(_, to)| *to)
                    .collect();
                let next = closure(&states, next);
                let id = *known.entry(next).or_insert_with_key(|next| {
                    let id = automaton.edges.len();
                    automaton.edges.push([0; 10]);
                    automaton.matched.push(ends(&states, next));
                    open.push((next.clone(), id));
                    u16::try_from(id).expect("a numbering plan has a few thousand states")
                });
                automaton.edges[from][digit] = id;
            }
        }
        automaton
    }

    /// The patterns that match all of `digits` (ASCII), as bits.
    pub(crate) fn matches(&self, digits: &[u8]) -> u16 {
        let mut state = 1_usize;
        for b in digits {
            state = usize::from(self.edges[state][usize::from(b.wrapping_sub(b'0')) % 10]);
        }
        self.matched[state]
    }
}

fn fresh(states: &mut Vec<Loose>) -> usize {
    states.push(Loose::default());
    states.len() - 1
}

/// Adds the states of `node` behind `from`; the state behind it.
fn add(states: &mut Vec<Loose>, node: &Node, from: usize) -> usize {
    match node {
        Node::Digit(set) => {
            let to = fresh(states);
            states[from].reads.push((*set, to));
            to
        }
        Node::Sequence(parts) => parts.iter().fold(from, |at, part| add(states, part, at)),
        Node::Either(choices) => {
            let to = fresh(states);
            for choice in choices {
                let first = fresh(states);
                states[from].skips.push(first);
                let end = add(states, choice, first);
                states[end].skips.push(to);
            }
            to
        }
        Node::Repeat(inner, least, most) => {
            let mut at = (0..*least).fold(from, |at, _| add(states, inner, at));
            let to = fresh(states);
            for _ in *least..*most {
                states[at].skips.push(to);
                at = add(states, inner, at);
            }
            states[at].skips.push(to);
            to
        }
        Node::Capture(_, inner) => add(states, inner, from),
        // Numbers are matched whole: the end is where the pattern ends.
        Node::End => from,
    }
}

fn closure(states: &[Loose], mut open: Vec<usize>) -> Vec<usize> {
    let mut set: Vec<usize> = Vec::with_capacity(open.len());
    while let Some(at) = open.pop() {
        if !set.contains(&at) {
            set.push(at);
            open.extend_from_slice(&states[at].skips);
        }
    }
    // States that only skip say nothing about what comes next: without them, equal sets look equal.
    set.retain(|at| !states[*at].reads.is_empty() || states[*at].ends != 0);
    set.sort_unstable();
    set
}

fn ends(states: &[Loose], set: &[usize]) -> u16 {
    set.iter().fold(0, |bits, at| bits | states[*at].ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_outside_the_dialect_are_refused() {
        for pattern in ["a", "1+", "1*", "[1", "(1", "1{3,2}", "1{3", "(1)(2)(3)", "1)"] {
            assert!(parse(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn a_prefix_rule_captures_like_a_regex() {
        // Brazil: carrier selection code, then the number.
        let rule = parse(r"(?:0|90)(?:(1[245]|2[1-35]|31|4[13]|[56]5|99)(\d{10,11}))?").unwrap();
        assert_eq!(rule.prefix_of(b"0211123456789"), Some((13, [Some((1, 3)), Some((3, 13))])));
        assert_eq!(rule.prefix_of(b"01123456789"), Some((1, [None, None])));
        assert_eq!(rule.prefix_of(b"1123456789"), None);
        let island = parse(r"([457]\d{6})$|1").unwrap();
        assert_eq!(island.prefix_of(b"4641234"), Some((7, [Some((0, 7)), None])));
        assert_eq!(island.prefix_of(b"12684641234"), Some((1, [None, None])));
    }

    const PATTERNS: [&str; 5] = [
        r"(?:[2-9]\d{2}|1(?:2|3[45]))\d{1,3}",
        r"1?2?3{2}",
        r"800\d{4,7}|9(?:00|1)\d",
        r"[13579]{2,4}",
        r"(?:1|12|123)(?:3|23)?4",
    ];

    proptest! {
        #[test]
        fn the_automaton_agrees_with_a_regex_engine(digits in "[0-9]{0,10}|[1-3]{1,6}4?|800[0-9]{3,8}") {
            let nodes: Vec<(u8, Node)> = PATTERNS.iter().enumerate().map(|(bit, pattern)| (bit as u8, parse(pattern).unwrap())).collect();
            let found = Automaton::new(&nodes).matches(digits.as_bytes());
            for (bit, pattern) in PATTERNS.iter().enumerate() {
                let whole = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
                prop_assert_eq!(found >> bit & 1 == 1, whole.is_match(&digits), "{} {}", pattern, digits);
                let start = regex::Regex::new(&format!("^(?:{pattern})")).unwrap();
                prop_assert_eq!(nodes[bit].1.prefix_of(digits.as_bytes()).map(|(end, _)| end), start.find(&digits).map(|m| m.end()));
            }
        }
    }
}
