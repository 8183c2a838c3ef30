//! The only way by which a reader's words enter SQL: as literals.
//!
//! Queries are written as text, and values are formatted into them through these types, whose `Display` quotes. A raw
//! string never stands between `format!` braces of a query unless it is a constant of the crate that asks or the product of one of these
//! types. The engine's dialect knows no escape but the doubled quote; a test reads every literal back through the engine.

use std::fmt;

/// A text literal.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

/// A list of text literals for `IN`; an empty one matches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a, S: AsRef<str>>(pub &'a [S]);

impl<S: AsRef<str>> fmt::Display for Texts<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(NULL)");
        }
        for (place, text) in self.0.iter().enumerate() {
            write!(f, "{}{}", if place == 0 { "(" } else { ", " }, Text(text.as_ref()))?;
        }
        f.write_str(")")
    }
}

/// A list of integer literals for `IN`; an empty one matches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Integers<'a>(pub &'a [i64]);

impl fmt::Display for Integers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(NULL)");
        }
        for (place, number) in self.0.iter().enumerate() {
            write!(f, "{}{}", if place == 0 { "(" } else { ", " }, Integer(*number))?;
        }
        f.write_str(")")
    }
}

/// An integer literal. The smallest integer has no literal of its own: its digits without the sign do not fit.
#[derive(Clone, Copy, Debug)]
pub struct Integer(pub i64);

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == i64::MIN { write!(f, "({} - 1)", i64::MIN + 1) } else { write!(f, "{}", self.0) }
    }
}

/// An instant, UTC microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub i64);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')", Integer(self.0))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;
    use proptest::prelude::*;

    use super::*;

    async fn value(sql: String) -> String {
        let batches = SessionContext::new().sql(&sql).await.unwrap().collect().await.unwrap();
        arrow::util::display::array_value_to_string(batches[0].column(0), 0).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_text_comes_back_as_it_was(text in r"[a'\\;\-\-/*\n\u{0}\u{2019}%_$?{}\u{e9}]{0,12}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert_eq!(runtime.block_on(value(format!("SELECT {}", Text(&text)))), text);
        }
    }

    #[tokio::test]
    async fn integers_and_instants_at_the_edges_come_back_as_they_were() {
        for number in [0, -1, i64::MAX, i64::MIN] {
            assert_eq!(value(format!("SELECT {}", Integer(number))).await, number.to_string());
        }
        assert_eq!(value(format!("SELECT CAST({} AS BIGINT)", Instant(-5))).await, "-5");
        assert_eq!(value(format!("SELECT 1 IN {}", Integers(&[]))).await, "");
        assert_eq!(value(format!("SELECT 'b' IN {}", Texts(&["a", "b"]))).await, "true");
    }
}
