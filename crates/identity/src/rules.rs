//! What `identity.yaml` declares about identifier types, the built-in defaults, and their validation.
//!
//! [`Rules`] is the plain data as a project writes it: whatever is left out keeps its built-in value, so that
//! `user_id: { limit: 2 }` does not lose that a `user_id` is unique. [`CompiledRules`] is the same with every gap
//! filled, types numbered and patterns compiled; everything else in this crate takes that. [`Rules::problems`] returns
//! every problem at once, each with the path of the offending key, so that `clew check` can point at line and column.
//!
//! The limits follow Segment Unify (user_id 1, others 5, ever, weekly or monthly; on a conflict the identifier of the
//! lowest priority is dropped), the unique veto Snowplow Identities, the blocked values PostHog's and Segment's lists.
//! Missing on purpose: a rule language. A rule that these fields cannot say belongs into the mapping SQL.

use std::collections::BTreeMap;

use regex::RegexSet;
use rustc_hash::{FxHashMap, FxHashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Values that identify nobody, compared after trimming and without regard to case. Besides these, a value that is
/// empty or consists of `0` and `-` only (`^[0-]*$`) is always blocked.
pub const BLOCKED_BY_DEFAULT: &[&str] = &[
    "-1",
    "[object object]",
    "anonymous",
    "distinct_id",
    "email",
    "false",
    "guest",
    "id",
    "invalid",
    "nan",
    "none",
    "not_authenticated",
    "null",
    "true",
    "undefined",
];

/// More persons than this, told apart by stronger identifiers, make a value shared unless the rules say otherwise.
pub const SHARED_AFTER: u32 = 5;
/// Limit of a type without one of its own: Segment's default.
pub const LIMIT: u32 = 5;
/// Priority of a type that is declared without one, and of an undeclared type: behind every built-in type.
pub const PRIORITY: u32 = 100;
/// Match probability at which records are joined: of the pairs just above it one in twenty may be wrong, of all of them far fewer.
pub const THRESHOLD: f64 = 0.95;
/// Match probability from which on people are asked.
pub const REVIEW: f64 = 0.5;
/// The population of subjects that name none.
pub const POPULATION: &str = "customer";

/// The content of `identity.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Rules by identifier type. Built-in types that are not named keep their defaults.
    pub identifiers: BTreeMap<String, IdentifierRule>,
    /// Values that identify nobody, for every type, on top of the built-in list.
    pub blocked: Vec<String>,
    /// Regular expressions over the canonical value, for every type.
    pub blocked_patterns: Vec<String>,
    /// A value that more persons than this carry (told apart by stronger identifiers) links nobody any more. Default 5.
    pub shared_after: Option<u32>,
    /// Matching of records by likeness of name, birth date, phone, address and organisation, behind the rules. Left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching: Option<Matching>,
}

/// How sure a likeness has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Matching {
    /// Two records at or above this match probability are one person, unless a limit, a unique identifier or a decision forbids it. Default 0.95.
    pub threshold: f64,
    /// Pairs at or above this probability and below the threshold are kept for people to decide. Default 0.5.
    pub review: f64,
}

impl Default for Matching {
    fn default() -> Self {
        Self { threshold: THRESHOLD, review: REVIEW }
    }
}

/// The rule of one identifier type; a field that is left out keeps its built-in value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentifierRule {
    /// How many different values one person may have. Default 5 (1 for `user_id` and `customer_id`).
    pub limit: Option<u32>,
    /// The time over which the limit counts.
    pub window: Option<Window>,
    /// Rank among the types, 1 is the strongest. On a conflict the weakest identifier of a subject is dropped first.
    pub priority: Option<u32>,
    /// Two persons with different values are never merged.
    pub unique: Option<bool>,
    /// Shared by several persons by nature: it connects them to a household or a device and never merges them.
    pub shared: Option<Shared>,
    /// Values of this type that identify nobody.
    pub blocked: Vec<String>,
    /// Sources whose word suffices to connect persons by this type. Empty: every source.
    pub trusted_sources: Vec<String>,
    /// The population that the type belongs to. Left out: that of the fact.
    pub population: Option<String>,
    /// Whether equal values of two sources mean the same.
    pub scope: Option<Scope>,
    /// How a value is brought into canonical form.
    pub normalise: Option<Normalise>,
    /// Overrides the project's `shared_after` for this type.
    pub shared_after: Option<u32>,
}

/// The time over which a limit counts new values of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// All values that the person ever had.
    #[default]
    Ever,
    /// Values first seen within any 30 days.
    Monthly,
    /// Values first seen within any 7 days.
    Weekly,
}

impl Window {
    /// Length in microseconds; none for [`Window::Ever`].
    pub fn micros(self) -> Option<i64> {
        const DAY: i64 = 86_400_000_000;
        match self {
            Self::Ever => None,
            Self::Monthly => Some(30 * DAY),
            Self::Weekly => Some(7 * DAY),
        }
    }
}

/// What a shared identifier connects a person to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// It belongs to one person.
    #[default]
    No,
    /// A household: the persons who carry it live together.
    Household,
    /// A device or place that several persons use.
    Device,
}

/// Whether equal values from two sources mean the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Yes: an e-mail address is the same everywhere.
    #[default]
    Global,
    /// No: a weak value, such as customer number 17 of each shop.
    Source,
}

/// How a value is brought into canonical form. All kinds trim white space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalise {
    /// Kept as it is.
    #[default]
    Exact,
    /// Lower case.
    Lowercase,
    /// Lower case, `mailto:` and angle brackets removed.
    Email,
    /// Digits, with a leading `+` kept (`00` counts as `+`), extension removed.
    Phone,
}

/// Something wrong with a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: keys joined by dots, list positions in brackets, e.g. `identifiers.email.limit`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    fn new(path: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), remedy: remedy.into() }
    }
}

/// Number of an identifier type within one [`CompiledRules`].
pub type TypeNo = u16;

/// A rule with every gap filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRule {
    /// Name of the type.
    pub name: Box<str>,
    /// Different values per person and window.
    pub limit: u32,
    /// Window of the limit.
    pub window: Window,
    /// Rank, 1 is the strongest.
    pub priority: u32,
    /// Different values veto a merge.
    pub unique: bool,
    /// Whether it is shared by nature.
    pub shared: Shared,
    /// Lower-cased values that identify nobody.
    pub blocked: FxHashSet<Box<str>>,
    /// Sources trusted to connect persons by it; empty: all.
    pub trusted_sources: Vec<Box<str>>,
    /// Population that it belongs to, if any.
    pub population: Option<Box<str>>,
    /// Whether sources share its values.
    pub scope: Scope,
    /// Canonical form.
    pub normalise: Normalise,
    /// Number of persons above which a value becomes shared.
    pub shared_after: u32,
}

/// [`Rules`] with defaults filled in, types numbered in the order of (priority, name) and patterns compiled.
#[derive(Clone, Debug)]
pub struct CompiledRules {
    types: Vec<TypeRule>,
    by_name: FxHashMap<Box<str>, TypeNo>,
    undeclared: TypeRule,
    pub(crate) blocked: FxHashSet<Box<str>>,
    pub(crate) longest_blocked: usize,
    pub(crate) patterns: RegexSet,
}

impl CompiledRules {
    /// All declared and built-in types, strongest first.
    pub fn types(&self) -> &[TypeRule] {
        &self.types
    }

    /// Number of a type; none if it is neither declared nor built in.
    pub fn type_no(&self, name: &str) -> Option<TypeNo> {
        self.by_name.get(name).copied()
    }

    /// Rule of a type. An undeclared type is global, exact, weakest in priority and limited to 5 values a person.
    pub fn rule(&self, name: &str) -> &TypeRule {
        self.type_no(name).map_or(&self.undeclared, |no| &self.types[usize::from(no)])
    }

    /// The rules of a project without an `identity.yaml`.
    ///
    /// # Panics
    /// Never: a test compiles them.
    pub fn built_in() -> Self {
        Rules::default().compile().expect("the built-in rules are valid: a test holds that")
    }
}

fn built_in_types() -> BTreeMap<String, IdentifierRule> {
    let rule = |priority, limit| IdentifierRule { priority: Some(priority), limit: Some(limit), ..IdentifierRule::default() };
    let strong = |priority| IdentifierRule { unique: Some(true), ..rule(priority, 1) };
    let normalised = |priority, kind| IdentifierRule { normalise: Some(kind), ..rule(priority, LIMIT) };
    let shared = |priority, shared| IdentifierRule { shared: Some(shared), ..rule(priority, LIMIT) };
    [
        ("user_id", strong(10)),
        ("customer_id", strong(20)),
        ("account", rule(30, LIMIT)),
        ("email", normalised(40, Normalise::Email)),
        ("phone", normalised(50, Normalise::Phone)),
        // Browsers forget cookies: a person easily has dozens, so that the limit counts per week.
        ("anonymous_id", IdentifierRule { window: Some(Window::Weekly), ..rule(60, 10) }),
        ("device_id", IdentifierRule { window: Some(Window::Monthly), ..rule(70, LIMIT) }),
        ("household_id", shared(80, Shared::Household)),
    ]
    .into_iter()
    .map(|(name, rule)| (name.to_owned(), rule))
    .collect()
}

impl Rules {
    /// Every problem of the declaration. `sources` are the names that `trusted_sources` may use; pass an empty slice
    /// where they are not known.
    pub fn problems(&self, sources: &[&str]) -> Vec<Problem> {
        let mut found = Vec::new();
        for (name, rule) in &self.identifiers {
            rule.find_problems(name, sources, &mut found);
        }
        for (i, pattern) in self.blocked_patterns.iter().enumerate() {
            let path = format!("blocked_patterns[{i}]");
            match regex::Regex::new(pattern) {
                Err(error) => found.push(Problem::new(
                    path,
                    format!("`{pattern}` is not a regular expression: {error}"),
                    "correct the pattern, or move a plain value to `blocked`",
                )),
                Ok(regex) if regex.is_match("") => found.push(Problem::new(
                    path,
                    format!("`{pattern}` matches every value"),
                    "anchor it with ^ and $, or require at least one character",
                )),
                Ok(_) => {}
            }
        }
        let seen = &mut FxHashSet::default();
        for (i, value) in self.blocked.iter().enumerate() {
            if !seen.insert(value.trim().to_lowercase()) {
                found.push(Problem::new(
                    format!("blocked[{i}]"),
                    format!("`{value}` stands in the list twice"),
                    "remove one of them",
                ));
            }
        }
        check_threshold("shared_after", self.shared_after, &mut found);
        if let Some(matching) = &self.matching {
            matching.find_problems(&mut found);
        }
        found
    }

    /// Fills the gaps and compiles the patterns.
    ///
    /// # Errors
    /// Every problem of [`Rules::problems`]; nothing is compiled then.
    pub fn compile(&self) -> Result<CompiledRules, Vec<Problem>> {
        let problems = self.problems(&[]);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut declared = built_in_types();
        for (name, rule) in &self.identifiers {
            let base = declared.remove(name).unwrap_or_default();
            declared.insert(name.clone(), rule.over(base));
        }
        let threshold = self.shared_after.unwrap_or(SHARED_AFTER);
        let mut types: Vec<TypeRule> = declared.iter().map(|(name, rule)| rule.filled(name, threshold)).collect();
        types.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        let by_name = types.iter().enumerate().map(|(no, rule)| (rule.name.clone(), no as TypeNo)).collect();
        let blocked: FxHashSet<Box<str>> = BLOCKED_BY_DEFAULT
            .iter()
            .copied()
            .map(str::to_owned)
            .chain(self.blocked.iter().map(|v| v.trim().to_lowercase()))
            .map(Into::into)
            .collect();
        let longest_blocked = blocked.iter().map(|value| value.len()).max().unwrap_or(0);
        let patterns = RegexSet::new(&self.blocked_patterns).map_err(|error| {
            vec![Problem::new(
                "blocked_patterns",
                format!("the patterns together are too large: {error}"),
                "use fewer or simpler patterns",
            )]
        })?;
        Ok(CompiledRules {
            types,
            by_name,
            undeclared: IdentifierRule::default().filled("", threshold),
            blocked,
            longest_blocked,
            patterns,
        })
    }
}

impl Matching {
    fn find_problems(&self, found: &mut Vec<Problem>) {
        let Self { threshold, review } = *self;
        if !(0.5..1.0).contains(&threshold) {
            found.push(Problem::new(
                "matching.threshold",
                format!("{threshold} is no match probability to join records at"),
                "give one from 0.5 to below 1, such as 0.95",
            ));
        }
        if !(review > 0.0 && review <= threshold) {
            found.push(Problem::new(
                "matching.review",
                format!("{review} does not lie between 0 and the threshold"),
                "give the probability from which on people are asked, such as 0.5",
            ));
        }
    }
}

fn check_threshold(path: &str, value: Option<u32>, found: &mut Vec<Problem>) {
    if value == Some(0) {
        found.push(Problem::new(
            path,
            "0 would make every value shared",
            "give the largest number of persons that may carry one value, 1 or more",
        ));
    }
}

impl IdentifierRule {
    fn find_problems(&self, name: &str, sources: &[&str], found: &mut Vec<Problem>) {
        let path = |key: &str| format!("identifiers.{name}.{key}");
        let well_formed = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !well_formed {
            found.push(Problem::new(
                format!("identifiers.{name}"),
                format!("`{name}` is no name of an identifier type"),
                "use lower-case letters, digits and _",
            ));
        }
        if self.limit == Some(0) {
            found.push(Problem::new(
                path("limit"),
                "a limit of 0 forbids every value",
                "use 1 or more; a value that identifies nobody belongs into `blocked`",
            ));
        }
        if self.priority == Some(0) {
            found.push(Problem::new(path("priority"), "priorities start at 1", "1 is the strongest"));
        }
        check_threshold(&path("shared_after"), self.shared_after, found);
        let filled = self.clone().over(built_in_types().remove(name).unwrap_or_default());
        if filled.unique == Some(true) && self.limit.is_some_and(|limit| limit > 1) {
            found.push(Problem::new(
                path("limit"),
                format!("a unique type has one value per person, not {}", self.limit.unwrap_or_default()),
                "remove the limit or set `unique: false`",
            ));
        }
        if filled.unique == Some(true) && filled.window.is_some_and(|window| window != Window::Ever) {
            found.push(Problem::new(path("window"), "a unique type holds forever", "use `window: ever` or set `unique: false`"));
        }
        if filled.unique == Some(true) && filled.shared.is_some_and(|shared| shared != Shared::No) {
            found.push(Problem::new(
                path("shared"),
                "a shared identifier cannot be unique to a person",
                "set `unique: false`, or remove `shared`",
            ));
        }
        if self.population.as_ref().is_some_and(|population| population.trim().is_empty()) {
            found.push(Problem::new(
                path("population"),
                "the population has no name",
                "name it (customer, employee, …) or remove the key",
            ));
        }
        if !sources.is_empty() {
            for (i, source) in self.trusted_sources.iter().enumerate().filter(|(_, source)| !sources.contains(&source.as_str())) {
                found.push(Problem::new(
                    format!("identifiers.{name}.trusted_sources[{i}]"),
                    format!("there is no source `{source}`"),
                    format!("the sources are: {}", sources.join(", ")),
                ));
            }
        }
    }

    /// This rule where it says something, `base` elsewhere. Lists add up.
    fn over(&self, base: Self) -> Self {
        let join = |mut a: Vec<String>, b: &[String]| {
            a.extend_from_slice(b);
            a
        };
        // A type that is made not unique keeps no limit of 1 that only came from being unique.
        let inherited_limit = if self.unique == Some(false) { None } else { base.limit };
        Self {
            limit: self.limit.or(inherited_limit),
            window: self.window.or(base.window),
            priority: self.priority.or(base.priority),
            unique: self.unique.or(base.unique),
            shared: self.shared.or(base.shared),
            blocked: join(base.blocked, &self.blocked),
            trusted_sources: join(base.trusted_sources, &self.trusted_sources),
            population: self.population.clone().or(base.population),
            scope: self.scope.or(base.scope),
            normalise: self.normalise.or(base.normalise),
            shared_after: self.shared_after.or(base.shared_after),
        }
    }

    fn filled(&self, name: &str, shared_after: u32) -> TypeRule {
        let unique = self.unique.unwrap_or(false);
        TypeRule {
            name: name.into(),
            limit: if unique { 1 } else { self.limit.unwrap_or(LIMIT) },
            window: self.window.unwrap_or_default(),
            priority: self.priority.unwrap_or(PRIORITY),
            unique,
            shared: self.shared.unwrap_or_default(),
            blocked: self.blocked.iter().map(|value| value.trim().to_lowercase().into()).collect(),
            trusted_sources: self.trusted_sources.iter().map(|source| source.as_str().into()).collect(),
            population: self.population.as_deref().map(|population| population.trim().into()),
            scope: self.scope.unwrap_or_default(),
            normalise: self.normalise.unwrap_or_default(),
            shared_after: self.shared_after.unwrap_or(shared_after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Rules {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn built_in_rules_are_valid_and_ordered_by_strength() {
        let rules = CompiledRules::built_in();
        let names: Vec<&str> = rules.types().iter().map(|rule| &*rule.name).collect();
        assert_eq!(names, ["user_id", "customer_id", "account", "email", "phone", "anonymous_id", "device_id", "household_id"]);
        assert!(rules.rule("user_id").unique && rules.rule("user_id").limit == 1);
        assert_eq!(rules.rule("household_id").shared, Shared::Household);
        assert_eq!((rules.rule("loyalty_card").limit, rules.rule("loyalty_card").priority), (LIMIT, PRIORITY));
    }

    #[test]
    fn a_partial_declaration_keeps_the_rest_of_the_built_in_rule() {
        let compiled = rules(r#"{"identifiers": {"email": {"limit": 2}, "user_id": {"unique": false}}}"#).compile().unwrap();
        let email = compiled.rule("email");
        assert_eq!((email.limit, email.normalise, email.priority), (2, Normalise::Email, 40));
        assert_eq!((compiled.rule("user_id").unique, compiled.rule("user_id").limit), (false, LIMIT));
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_path() {
        let rules = rules(
            r#"{"identifiers": {"E-Mail": {}, "user_id": {"limit": 3, "window": "weekly"}, "phone": {"limit": 0, "priority": 0, "trusted_sources": ["crm", "cmr"]},
                "card": {"unique": true, "shared": "household", "population": " "}}, "blocked": ["x", " X "], "blocked_patterns": ["(", "a*"], "shared_after": 0}"#,
        );
        let paths: Vec<String> = rules.problems(&["crm"]).into_iter().map(|problem| problem.path).collect();
        assert_eq!(
            paths,
            [
                "identifiers.E-Mail",
                "identifiers.card.shared",
                "identifiers.card.population",
                "identifiers.phone.limit",
                "identifiers.phone.priority",
                "identifiers.phone.trusted_sources[1]",
                "identifiers.user_id.limit",
                "identifiers.user_id.window",
                "blocked_patterns[0]",
                "blocked_patterns[1]",
                "blocked[1]",
                "shared_after"
            ]
        );
        assert!(rules.compile().is_err());
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<Rules>(r#"{"identifiers": {"email": {"limits": 2}}}"#).is_err());
    }
}
