//! Event names in one spelling.
//!
//! SDKs send `Order Completed`, `orderCompleted` and `order-completed` for one thing; in tables it is `order_completed`. Words begin at separators
//! and at capitals (`HTTPError` is `http_error`). What is neither letter nor digit separates words; where the name loses more than
//! separators by that, the event keeps the text it was sent with.

/// Longest name in bytes.
pub const LONGEST_NAME: usize = 256;

/// The name in snake case into `out`, cleared before; whether only case and separators changed.
pub fn snake_case(text: &str, out: &mut String) -> bool {
    out.clear();
    let mut faithful = true;
    let mut characters = text.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(c) = characters.next() {
        if !is_part_of_word(c) {
            faithful &= c.is_whitespace() || matches!(c, '_' | '-' | '.' | '/' | ':');
            before = None;
            continue;
        }
        let begins = match before {
            None => true,
            Some(last) if c.is_uppercase() => !last.is_uppercase() || characters.peek().is_some_and(|next| next.is_lowercase()),
            Some(_) => false,
        };
        if begins && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
        before = Some(c);
    }
    faithful
}

/// Letters, digits, and the accents that follow a letter in decomposed text.
fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_get_one_spelling() {
        let cases = [
            ("Order Completed", "order_completed", true),
            ("orderCompleted", "order_completed", true),
            ("order_completed", "order_completed", true),
            (" Order  -  Completed ", "order_completed", true),
            ("HTTPError", "http_error", true),
            ("CTA Clicked", "cta_clicked", true),
            ("Step 2 Viewed", "step_2_viewed", true),
            ("step2Viewed", "step2_viewed", true),
            ("Größe gewählt", "größe_gewählt", true),
            ("50% off!", "50_off", false),
            ("🎉", "", false),
            ("", "", true),
        ];
        let mut name = String::new();
        for (text, expected, faithful) in cases {
            assert_eq!((snake_case(text, &mut name), name.as_str()), (faithful, expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_stays_what_it_is(text in ".{0,24}") {
            let (mut once, mut twice) = (String::new(), String::new());
            snake_case(&text, &mut once);
            snake_case(&once, &mut twice);
            // Letters without a lower case (such as mathematical capitals) begin a word every time.
            if !once.chars().any(char::is_uppercase) {
                prop_assert_eq!(&once, &twice);
            }
            prop_assert!(!once.starts_with('_') && !once.ends_with('_') && !once.contains("__"));
        }
    }
}
