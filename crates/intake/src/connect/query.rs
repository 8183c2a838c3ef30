//! The project's query as text: where `$mark` stands in it, and how it stands inside ours.
//!
//! Only as much SQL is read as is needed not to take `$mark` in a string or a comment for the mark. The comparison right before it may be
//! written `>`; it is asked as `>=`, see [`super`].

use crate::spec::MARK;

/// The query with each `$mark` replaced by `placeholder`, and how many there were.
pub fn bind(query: &str, placeholder: &str) -> (String, usize) {
    let (mut bound, mut n) = (String::with_capacity(query.len()), 0);
    let mut rest = query.trim().trim_end_matches(';').trim_end();
    while let Some(c) = rest.chars().next() {
        let skipped = skip(rest);
        if skipped > 0 {
            bound.push_str(&rest[..skipped]);
            rest = &rest[skipped..];
        } else if let Some(behind) = rest.strip_prefix(MARK).filter(|behind| !behind.starts_with(is_word)) {
            include_ties(&mut bound);
            bound.push_str(placeholder);
            n += 1;
            rest = behind;
            // `$mark < column`, the other way round.
            if let Some(after) = rest.trim_start().strip_prefix('<')
                && !after.starts_with(['=', '>', '<', '@', '-', '#'])
            {
                bound.push_str(" <=");
                rest = after;
            }
        } else {
            bound.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    (bound, n)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of the string, quoted name or comment that `text` begins with; 0 when it begins with none.
fn skip(text: &str) -> usize {
    let until = |close: &str, from: usize| text[from..].find(close).map_or(text.len(), |at| from + at + close.len());
    match text.as_bytes() {
        // A doubled quote ends one string and begins the next: the same for what is looked for here.
        [b'\'', ..] => until("'", 1),
        [b'"', ..] => until("\"", 1),
        [b'`', ..] => until("`", 1),
        [b'-', b'-', ..] => until("\n", 2),
        [b'/', b'*', ..] => until("*/", 2),
        _ => 0,
    }
}

/// `… >` becomes `… >=`.
fn include_ties(bound: &mut String) {
    let kept = bound.trim_end();
    if let Some(before) = kept.strip_suffix('>')
        && !before.ends_with(['-', '<', '>', '#', '@', '|', '&', '~', '=', '?'])
    {
        let end = kept.len();
        bound.insert(end, '=');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_found_outside_of_strings_and_comments_and_ties_are_included() {
        let cases = [
            ("SELECT * FROM t WHERE u > $mark;", "SELECT * FROM t WHERE u >= ?", 1),
            ("SELECT * FROM t WHERE u>$mark", "SELECT * FROM t WHERE u>=?", 1),
            ("SELECT * FROM t WHERE u >= $mark AND $mark IS NOT NULL", "SELECT * FROM t WHERE u >= ? AND ? IS NOT NULL", 2),
            (
                "SELECT '> $mark', \"$mark\" -- $mark\nFROM t /* $mark */ WHERE u > $mark",
                "SELECT '> $mark', \"$mark\" -- $mark\nFROM t /* $mark */ WHERE u >= ?",
                1,
            ),
            ("SELECT j -> $mark, $market FROM t", "SELECT j -> ?, $market FROM t", 1),
            ("SELECT 'it''s > $mark' FROM t", "SELECT 'it''s > $mark' FROM t", 0),
            ("SELECT 'open", "SELECT 'open", 0),
            ("SELECT * FROM t WHERE $mark < u OR $mark <> u", "SELECT * FROM t WHERE ? <= u OR ? <> u", 2),
        ];
        for (query, expected, n) in cases {
            assert_eq!(bind(query, "?"), (expected.to_owned(), n), "{query}");
        }
    }
}
