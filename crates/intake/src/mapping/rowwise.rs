//! The row-wise rule: what a mapping's SQL may say, and the hidden row number that every SELECT carries.
//!
//! A mapping looks at one row at a time, because a file comes in chunks, in parallel and perhaps in two halves with a
//! crash between them: whatever needs to see several rows would give another answer each time. Allowed are projection,
//! WHERE, unnest, scalar functions, UNION ALL, sub-selects and CTEs of the same kind, and LEFT JOINs of a lookup on its
//! whole key, which give at most one partner per row. Functions whose answer changes from run to run are refused too:
//! the second import of a file must find nothing new.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use arrow::datatypes::Schema;
use datafusion::common::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Volatility;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExceptSelectItem, ExcludeSelectItem, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator,
    ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, Spanned,
    Statement, TableFactor, TableWithJoins, WildcardAdditionalOptions, visit_expressions, visit_expressions_mut,
    visit_relations_mut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::{LookupTable, RAW, hint};
use crate::reader::ROW;

/// Functions whose answer depends on when they are asked.
const CLOCKS: &[&str] = &["now", "current_timestamp", "current_date", "current_time", "today", "localtimestamp"];

/// Something wrong with a mapping's SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlProblem {
    /// Line in the SQL, from 1.
    pub line: Option<usize>,
    /// Column in the line, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl SqlProblem {
    fn at(place: Location, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let known = |n: u64| (n > 0).then_some(n as usize);
        Self { line: known(place.line), column: known(place.column), message: message.into(), remedy: remedy.into() }
    }
}

/// A mapping that is row-wise.
#[derive(Clone, Debug)]
pub struct Parsed {
    statement: Statement,
    tokens: Vec<TokenWithSpan>,
}

/// Parses `sql` and refuses what is not row-wise, all at once.
pub fn parse(sql: &str, state: &SessionState, lookups: &BTreeMap<String, LookupTable>) -> Result<Parsed, Vec<SqlProblem>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().map_err(|error| {
        vec![SqlProblem::at(error.location, format!("not SQL: {}", error.message), "close every quote and comment")]
    })?;
    let statements = Parser::parse_sql(&GenericDialect {}, sql).map_err(|error| vec![syntax_problem(&error, &tokens)])?;
    let mut check = Check { tokens: &tokens, state, lookups, relations: BTreeSet::from([RAW.to_owned()]), problems: Vec::new() };
    let Ok([statement]) = <[Statement; 1]>::try_from(statements) else { return Err(not_one_select()) };
    let Statement::Query(query) = &statement else { return Err(not_one_select()) };
    check.query(query);
    let mut problems = check.problems;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    if problems.is_empty() { Ok(Parsed { statement, tokens }) } else { Err(problems) }
}

fn not_one_select() -> Vec<SqlProblem> {
    vec![SqlProblem::at(Location::new(1, 1), "a mapping is one SELECT", "keep one SELECT per file, without other statements")]
}

/// The parser writes its place into the message, "… at Line: 1, Column: 8", except at the end of the text.
fn syntax_problem(error: &ParserError, tokens: &[TokenWithSpan]) -> SqlProblem {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => "nested too deeply".into(),
    };
    let number = |behind: &str| {
        let rest = &text[text.find(behind)? + behind.len()..];
        rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let message = text.split(" at Line:").next().unwrap_or(&text);
    let end = tokens.last().map_or(Location::empty(), |token| token.span.end);
    let place = match (number("Line:"), number("Column:")) {
        (Some(line), Some(column)) => Location::new(line, column),
        _ => end,
    };
    SqlProblem::at(place, format!("not SQL: {message}"), "correct the SQL here")
}

struct Check<'a> {
    tokens: &'a [TokenWithSpan],
    state: &'a SessionState,
    lookups: &'a BTreeMap<String, LookupTable>,
    /// Relations that stand for rows of this source: raw and CTEs.
    relations: BTreeSet<String>,
    problems: Vec<SqlProblem>,
}

impl Check<'_> {
    fn refuse(&mut self, place: Location, message: &str, remedy: &str) {
        self.problems.push(SqlProblem::at(place, message, remedy));
    }

    /// Refuses at the first `keyword` in the text.
    fn refuse_word(&mut self, keyword: Keyword, message: &str, remedy: &str) {
        let found = self.tokens.iter().find(|token| matches!(&token.token, Token::Word(word) if word.keyword == keyword));
        let place = found.map_or(Location::empty(), |token| token.span.start);
        self.refuse(place, message, remedy);
    }

    fn query(&mut self, query: &Query) {
        if let Some(with) = &query.with {
            if with.recursive {
                self.refuse_word(Keyword::RECURSIVE, "RECURSIVE looks at several rows", "use unnest(range(…)) within one row");
            }
            for cte in &with.cte_tables {
                self.query(&cte.query);
                self.relations.insert(cte.alias.name.value.clone());
            }
        }
        if query.order_by.is_some() {
            self.refuse_word(Keyword::ORDER, "ORDER BY is not row-wise", "leave it out: facts are ordered by their times");
        }
        if query.limit_clause.is_some() || query.fetch.is_some() {
            let word = if query.fetch.is_some() { Keyword::FETCH } else { Keyword::LIMIT };
            self.refuse_word(word, "LIMIT is not row-wise", "say with WHERE which rows are meant");
        }
        if !query.locks.is_empty() || query.for_clause.is_some() || !query.pipe_operators.is_empty() || query.settings.is_some() {
            self.refuse(query.span().start, "this clause has no meaning here", "keep SELECT, FROM raw and WHERE");
        }
        self.set(&query.body);
    }

    fn set(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                if *op != SetOperator::Union || *set_quantifier != SetQuantifier::All {
                    let word = match op {
                        SetOperator::Union => Keyword::UNION,
                        SetOperator::Intersect => Keyword::INTERSECT,
                        SetOperator::Except | SetOperator::Minus => Keyword::EXCEPT,
                    };
                    self.refuse_word(
                        word,
                        "only UNION ALL is row-wise",
                        "write UNION ALL, or say with WHERE which rows are meant",
                    );
                }
                self.set(left);
                self.set(right);
            }
            other => self.refuse(other.span().start, "a mapping is made of SELECTs", "write SELECT … FROM raw"),
        }
    }

    fn select(&mut self, select: &Select) {
        if select.distinct.is_some() {
            let remedy = "leave it out: equal facts of one id are stored once";
            self.refuse_word(Keyword::DISTINCT, "DISTINCT is not row-wise", remedy);
        }
        if !matches!(&select.group_by, GroupByExpr::Expressions(by, with) if by.is_empty() && with.is_empty()) {
            self.refuse_word(
                Keyword::GROUP,
                "GROUP BY is not row-wise",
                "map the single rows; metrics and profiles aggregate them",
            );
        }
        if select.having.is_some() {
            self.refuse_word(Keyword::HAVING, "HAVING is not row-wise", "use WHERE");
        }
        if select.qualify.is_some() || !select.named_window.is_empty() {
            self.refuse_word(Keyword::WINDOW, "windows are not row-wise", "map the single rows; journeys order them");
        }
        let odd = select.top.is_some()
            || select.into.is_some()
            || !select.lateral_views.is_empty()
            || !select.sort_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.connect_by.is_empty()
            || select.prewhere.is_some();
        if odd {
            self.refuse(select.span().start, "this clause is not row-wise", "keep SELECT, FROM raw and WHERE");
        }
        self.from(select);
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr)
                | SelectItem::ExprWithAlias { expr, .. }
                | SelectItem::ExprWithAliases { expr, .. } => {
                    self.expression(expr);
                }
                _ => {}
            }
        }
        if let Some(selection) = &select.selection {
            self.expression(selection);
        }
    }

    fn from(&mut self, select: &Select) {
        let [TableWithJoins { relation, joins }] = &select.from[..] else {
            let (message, remedy) = if select.from.is_empty() {
                ("a SELECT without FROM makes facts out of nothing", "write FROM raw")
            } else {
                ("a comma in FROM is a cross join", "write LEFT JOIN … ON its key; put unnest(…) into the SELECT list")
            };
            return self.refuse(select.span().start, message, remedy);
        };
        match relation {
            TableFactor::Table { name, args: None, .. } => {
                let known = self.relations.iter().any(|known| name_is(name, known));
                if !known {
                    let message = format!("FROM {name}: the rows of this source are called {RAW}");
                    let lookup = self.lookups.keys().any(|known| name_is(name, known));
                    let remedy = if lookup { "write FROM raw and LEFT JOIN the lookup on its key" } else { "write FROM raw" };
                    self.refuse(name.span().start, &message, remedy);
                }
            }
            TableFactor::Derived { subquery, lateral: false, .. } => self.query(subquery),
            other => self.refuse(other.span().start, "FROM takes raw or a sub-select", "put unnest(…) into the SELECT list"),
        }
        for join in joins {
            self.join(join);
        }
    }

    fn join(&mut self, join: &Join) {
        let place = join.relation.span().start;
        let (JoinOperator::Left(on) | JoinOperator::LeftOuter(on)) = &join.join_operator else {
            let remedy = "write LEFT JOIN of a lookup; WHERE … IS NOT NULL keeps only rows with a partner";
            return self.refuse(place, "only LEFT JOIN keeps every row of the source exactly once", remedy);
        };
        let TableFactor::Table { name, alias, args: None, .. } = &join.relation else {
            return self.refuse(place, "a join takes the name of a lookup", "declare the other source with `lookup: {key: …}`");
        };
        let Some((lookup_name, lookup)) = self.lookups.iter().find(|(known, _)| name_is(name, known)) else {
            let known: Vec<&str> = self.lookups.keys().map(String::as_str).collect();
            let message = format!("{name} is not a lookup{}", hint(&name.to_string(), &known));
            return self.refuse(place, &message, "declare that source with `lookup: {key: …}`");
        };
        let alias = alias.as_ref().map_or(lookup_name.as_str(), |alias| alias.name.value.as_str());
        let covered = match on {
            JoinConstraint::On(condition) => key_columns(condition, alias),
            JoinConstraint::Using(columns) => Some(columns.iter().filter_map(last_part).map(str::to_owned).collect()),
            _ => None,
        };
        let key: BTreeSet<String> = lookup.key.iter().map(|column| column.to_lowercase()).collect();
        if covered.map(|covered| covered.iter().map(|column| column.to_lowercase()).collect()) != Some(key) {
            let terms: Vec<String> = lookup.key.iter().map(|column| format!("{alias}.{column} = …")).collect();
            let message = format!("{lookup_name} may only be joined on its whole key ({})", lookup.key.join(", "));
            self.refuse(place, &message, &format!("write LEFT JOIN {lookup_name} ON {}", terms.join(" AND ")));
        }
    }

    fn expression(&mut self, expr: &Expr) {
        let mut found: Vec<(Location, String, &str)> = Vec::new();
        let state = self.state;
        let _ = visit_expressions(expr, |expr| {
            match expr {
                Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                    found.push((
                        expr.span().start,
                        "a sub-query in an expression is not row-wise".into(),
                        "LEFT JOIN a lookup on its key",
                    ));
                }
                Expr::Function(function) => {
                    let name = function.name.to_string().to_lowercase();
                    let place = function.name.span().start;
                    if function.over.is_some() || state.window_functions().contains_key(&name) {
                        found.push((
                            place,
                            format!("{name} over a window is not row-wise"),
                            "map the single rows; journeys order them",
                        ));
                    } else if state.aggregate_functions().contains_key(&name) && !state.scalar_functions().contains_key(&name) {
                        found.push((
                            place,
                            format!("{name} aggregates several rows"),
                            "map the single rows; metrics and profiles aggregate them",
                        ));
                    } else if CLOCKS.contains(&name.as_str())
                        || state.scalar_functions().get(&name).is_some_and(|f| f.signature().volatility == Volatility::Volatile)
                    {
                        let remedy = "take a time or value out of the row: a second import must give the same facts";
                        found.push((place, format!("{name} gives another answer each time"), remedy));
                    }
                }
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
        for (place, message, remedy) in found {
            self.refuse(place, &message, remedy);
        }
    }
}

fn last_part(name: &ObjectName) -> Option<&str> {
    name.0.last()?.as_ident().map(|ident| ident.value.as_str())
}

/// Whether `name` means the relation `known`: quoted names are exact.
fn name_is(name: &ObjectName, known: &str) -> bool {
    let [part] = &name.0[..] else { return false };
    part.as_ident().is_some_and(|ident| {
        if ident.quote_style.is_some() { ident.value == known } else { ident.value.eq_ignore_ascii_case(known) }
    })
}

/// The columns of `alias` that a conjunction of equalities fixes; `None` when it says anything else.
fn key_columns(condition: &Expr, alias: &str) -> Option<BTreeSet<String>> {
    match condition {
        Expr::Nested(inner) => key_columns(inner, alias),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut columns = key_columns(left, alias)?;
            columns.extend(key_columns(right, alias)?);
            Some(columns)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let column = |expr: &Expr| match expr {
                Expr::CompoundIdentifier(parts) => match &parts[..] {
                    [table, column] if table.value.eq_ignore_ascii_case(alias) => Some(column.value.clone()),
                    _ => None,
                },
                _ => None,
            };
            match (column(left), column(right)) {
                (Some(name), None) | (None, Some(name)) => Some(BTreeSet::from([name])),
                _ => None,
            }
        }
        _ => None,
    }
}

impl Parsed {
    /// The raw columns that the SQL names, or `None` when it passes all of them on.
    pub fn columns(&self, raw: &Schema) -> Option<BTreeSet<String>> {
        let Statement::Query(query) = &self.statement else { return None };
        if passes_everything(&query.body) {
            return None;
        }
        let mut names: BTreeSet<String> = BTreeSet::new();
        // Every word of the text that is a column's name: aliases and literals that happen to be equal cost a column.
        for token in &self.tokens {
            if let Token::Word(word) = &token.token {
                names.extend(
                    raw.fields()
                        .iter()
                        .filter(|field| field.name().eq_ignore_ascii_case(&word.value))
                        .map(|field| field.name().clone()),
                );
            }
        }
        Some(names)
    }

    /// The statement with exact names and the hidden row number, to be planned over `raw`.
    pub fn over(&self, raw: &Schema, lookups: &BTreeMap<String, LookupTable>) -> Statement {
        let mut statement = self.statement.clone();
        let mut known: Vec<String> = raw.fields().iter().map(|field| field.name().clone()).collect();
        for lookup in lookups.values() {
            let schema = datafusion::catalog::TableProvider::schema(lookup.table.as_ref());
            known.extend(schema.fields().iter().map(|field| field.name().clone()));
        }
        let _ = visit_expressions_mut(&mut statement, |expr| {
            match expr {
                Expr::Identifier(ident) => make_exact(ident, &known),
                Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(|part| make_exact(part, &known)),
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
        let relations: Vec<&str> = std::iter::once(RAW).chain(lookups.keys().map(String::as_str)).collect();
        let _ = visit_relations_mut(&mut statement, |name| {
            if let Some(relation) = relations.iter().find(|relation| name_is(name, relation)) {
                *name = ObjectName::from(vec![Ident::with_quote('"', *relation)]);
            }
            ControlFlow::<()>::Continue(())
        });
        if let Statement::Query(query) = &mut statement {
            add_row_number(query, lookups);
        }
        statement
    }

    fn place_of(&self, name: &str) -> Location {
        let word = |token: &&TokenWithSpan| matches!(&token.token, Token::Word(word) if word.value == name);
        self.tokens.iter().find(word).map_or(Location::empty(), |token| token.span.start)
    }

    /// A problem at the last mention of the output column `name`.
    pub fn output_problem(&self, name: &str, message: &str, remedy: &str) -> SqlProblem {
        let word = |token: &&TokenWithSpan| matches!(&token.token, Token::Word(word) if word.value == name);
        let place = self.tokens.iter().rev().find(word).map_or(Location::empty(), |token| token.span.start);
        SqlProblem::at(place, message, remedy)
    }

    /// A column that neither the file nor the lookup has.
    pub fn unknown_column(&self, name: &str, lookup: Option<&str>, known: &[&str]) -> SqlProblem {
        let owner = lookup.map_or_else(|| "the file".to_owned(), |name| format!("the lookup {name}"));
        let message = format!("{owner} has no column {name}{}", hint(name, known));
        let listed = if known.is_empty() { "none".into() } else { known.iter().take(30).copied().collect::<Vec<_>>().join(", ") };
        SqlProblem::at(self.place_of(name), message, format!("known are {listed}"))
    }

    /// A column that the rows of a condition lack.
    pub fn unknown_field(&self, name: &str, known: &[&str]) -> SqlProblem {
        let message = format!("there is no column {name}{}", hint(name, known));
        let listed = known.iter().take(30).copied().collect::<Vec<_>>().join(", ");
        SqlProblem::at(Location::empty(), message, format!("known are {listed}"))
    }

    /// What the engine refused.
    pub fn planning_problem(&self, error: &DataFusionError) -> SqlProblem {
        let place = error
            .diagnostic()
            .and_then(|diagnostic| diagnostic.span)
            .map_or(Location::empty(), |span| span.start.into_location());
        let text = error.find_root().strip_backtrace();
        let text = ["Error during planning: ", "Schema error: ", "This feature is not implemented: "]
            .iter()
            .fold(text, |text, prefix| text.strip_prefix(prefix).map_or(text.clone(), str::to_owned));
        SqlProblem::at(place, format!("does not plan: {text}"), "correct the SQL")
    }
}

trait IntoLocation {
    fn into_location(self) -> Location;
}

impl IntoLocation for datafusion::common::Location {
    fn into_location(self) -> Location {
        Location::new(self.line, self.column)
    }
}

fn make_exact(ident: &mut Ident, known: &[String]) {
    if ident.quote_style.is_some() || known.contains(&ident.value) {
        return;
    }
    let mut fitting = known.iter().filter(|name| name.eq_ignore_ascii_case(&ident.value));
    if let (Some(name), None) = (fitting.next(), fitting.next()) {
        ident.value.clone_from(name);
        ident.quote_style = Some('"');
    }
}

fn passes_everything(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)))
        }
        SetExpr::Query(query) => passes_everything(&query.body),
        SetExpr::SetOperation { left, right, .. } => passes_everything(left) || passes_everything(right),
        _ => true,
    }
}

/// Puts the hidden row number in front of every SELECT, and keeps wildcards from repeating it.
fn add_row_number(query: &mut Query, lookups: &BTreeMap<String, LookupTable>) {
    if let Some(with) = &mut query.with {
        for cte in &mut with.cte_tables {
            add_row_number(&mut cte.query, lookups);
        }
    }
    number_set(&mut query.body, lookups);
}

fn number_set(body: &mut SetExpr, lookups: &BTreeMap<String, LookupTable>) {
    match body {
        SetExpr::Select(select) => number_select(select, lookups),
        SetExpr::Query(query) => add_row_number(query, lookups),
        SetExpr::SetOperation { left, right, .. } => {
            number_set(left, lookups);
            number_set(right, lookups);
        }
        _ => {}
    }
}

fn number_select(select: &mut Select, lookups: &BTreeMap<String, LookupTable>) {
    let mut of_lookups: BTreeSet<String> = lookups.keys().cloned().collect();
    for table in &mut select.from {
        if let TableFactor::Derived { subquery, .. } = &mut table.relation {
            add_row_number(subquery, lookups);
        }
        for join in &table.joins {
            if let TableFactor::Table { alias: Some(alias), .. } = &join.relation {
                of_lookups.insert(alias.name.value.clone());
            }
        }
    }
    for item in &mut select.projection {
        match item {
            SelectItem::Wildcard(options) => exclude_row(options),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                if last_part(name).is_none_or(|name| !of_lookups.contains(name)) =>
            {
                exclude_row(options);
            }
            _ => {}
        }
    }
    select.projection.insert(0, SelectItem::UnnamedExpr(Expr::Identifier(Ident::with_quote('"', ROW))));
}

fn exclude_row(options: &mut WildcardAdditionalOptions) {
    let row = Ident::with_quote('"', ROW);
    if let Some(ExceptSelectItem { additional_elements, .. }) = &mut options.opt_except {
        additional_elements.push(row);
        return;
    }
    let mut excluded = match options.opt_exclude.take() {
        Some(ExcludeSelectItem::Single(name)) => vec![name],
        Some(ExcludeSelectItem::Multiple(names)) => names,
        None => Vec::new(),
    };
    excluded.push(ObjectName::from(vec![row]));
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(excluded));
}
