//! The known name that an unknown one was probably meant to be.

/// The closest of `known` to `given`, or `None` when none is close (Jaro–Winkler below 0.8).
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let scored = known.map(|name| (strsim::jaro_winkler(&given, &name.to_lowercase()), name));
    scored.filter(|(score, _)| *score >= 0.8).max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1))).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_word_and_strangers_do_not() {
        assert_eq!(nearest("ocurred_at", ["occurred_at", "sent_at", "amount"].into_iter()), Some("occurred_at"));
        assert_eq!(nearest("Amount", ["occurred_at", "amount"].into_iter()), Some("amount"));
        assert_eq!(nearest("zzz", ["occurred_at", "amount"].into_iter()), None);
    }
}
