//! Keys of the tracking API's properties and traits: new, vanished, or with values of another kind.
//!
//! They are seen in a sample of the messages, and most are left out of most messages. So a key is new or vanished only where chance cannot explain
//! its absence: with the share of messages that had it on the one side, so many without it on the other must be less likely than
//! [`ABSENCE`](super::ABSENCE). A key that had vanished must have been there in every window before, and the lowest of its shares counts.
//!
//! Profiles hold both numbers: `<name>.<key>` the messages with the key, `<name>.` all that were looked at.

use std::collections::BTreeMap;

use super::{ABSENCE, Limits, MIN_VALUES, MOST_NAMED, Seen, Window, drift, retyped};
use crate::alarm::Alarm;
use crate::nearest::nearest;
use crate::observe::FieldKey;

/// What has keys, and what a key of it is called.
const WATCHED: [(&str, &str); 2] = [("properties.", "property"), ("traits.", "trait")];

/// Whether `field` of `window` is such a key, or counts them.
pub fn is_key(window: &Window, field: &str) -> bool {
    WATCHED.iter().any(|(prefix, _)| field.starts_with(prefix) && looked(window, prefix) > 0)
}

/// Messages that were looked at.
fn looked(window: &Window, prefix: &str) -> u64 {
    // A raw column of that name is counted; this is a profile alone.
    window.columns.get(&(None, prefix.to_owned())).filter(|seen| seen.n == 0).map_or(0, present)
}

fn present(seen: &Seen) -> u64 {
    seen.profile.as_ref().map_or(0, clew_cleanse::profile::Profile::present)
}

/// The keys of a window with how many messages had them.
fn keys<'w>(window: &'w Window, prefix: &str, limits: &Limits) -> BTreeMap<&'w str, u64> {
    let own = window.columns.iter().filter(|((target, field), _)| target.is_none() && !limits.ignore.contains(field));
    own.filter_map(|((_, field), seen)| Some((field.strip_prefix(prefix).filter(|key| !key.is_empty())?, present(seen))))
        .collect()
}

/// Whether a key that `of` of `n` messages had is missing in `others` messages only by leaving out.
fn may_be_chance(of: u64, n: u64, others: u64) -> bool {
    // Rule of succession, as if one more message had come without it: few messages prove little.
    let share = of as f64 / (n + 1) as f64;
    (1.0 - share).ln() * others as f64 > ABSENCE.ln()
}

/// What the keys of `now` tell beside those `before`.
pub fn compare(before: &[Window], now: &Window, limits: &Limits) -> Vec<Alarm> {
    WATCHED.into_iter().flat_map(|watched| compare_one(before, now, limits, watched)).collect()
}

fn compare_one(before: &[Window], now: &Window, limits: &Limits, (prefix, word): (&str, &str)) -> Vec<Alarm> {
    let (n, here) = (looked(now, prefix), keys(now, prefix, limits));
    let earlier: Vec<(u64, BTreeMap<&str, u64>)> =
        before.iter().map(|window| (looked(window, prefix), keys(window, prefix, limits))).filter(|(n, _)| *n > 0).collect();
    let n_before: u64 = earlier.iter().map(|(n, _)| n).sum();
    if n < MIN_VALUES || n_before < MIN_VALUES {
        return Vec::new();
    }
    let is_known = |key: &str| earlier.iter().any(|(_, keys)| keys.contains_key(key));
    let new: Vec<&str> =
        here.iter().filter(|(key, of)| !is_known(key) && !may_be_chance(**of, n, n_before)).map(|(key, _)| *key).collect();
    let lowest = |key: &str| {
        let shares = earlier.iter().map(|(n, keys)| (keys.get(key).copied().unwrap_or(0), *n));
        shares.min_by(|a, b| (a.0 as f64 / a.1 as f64).total_cmp(&(b.0 as f64 / b.1 as f64)))
    };
    let mut vanished: Vec<&str> =
        earlier.iter().flat_map(|(_, keys)| keys.keys().copied()).filter(|key| !here.contains_key(key)).collect();
    vanished.sort_unstable();
    vanished.dedup();
    vanished.retain(|key| lowest(key).is_some_and(|(of, n_then)| !may_be_chance(of, n_then, n)));

    let (windows, mut alarms) = (earlier.len(), Vec::new());
    let mut tell = |rule: String, keys: &[&str], what: &str, detail: &dyn Fn(&str) -> String, remedy: &dyn Fn(&str) -> String| {
        // More of them are values that somebody uses as keys, and may be personal.
        if keys.len() > MOST_NAMED {
            let mut alarm = drift(&rule, (None, Some(prefix.trim_end_matches('.'))), n);
            alarm.detail =
                format!("{} keys of {} {what}, compared with {windows} days before", keys.len(), prefix.trim_end_matches('.'));
            alarm.remedy =
                "where ids are used as keys, ask for a list of objects, or ignore them with `drift: {ignore: …}`".into();
            alarms.push(alarm);
            return;
        }
        for key in keys {
            let mut alarm = drift(&rule, (None, Some(&format!("{prefix}{key}"))), here.get(key).copied().unwrap_or(n));
            (alarm.detail, alarm.remedy) = (detail(key), remedy(key));
            alarms.push(alarm);
        }
    };
    tell(
        format!("new_{word}"),
        &new,
        "are new",
        &|key| format!("the {word} {key} is new: none of the {windows} days before had it"),
        &|_| "promote it under `columns:` if it says something that is needed".into(),
    );
    tell(
        format!("vanished_{word}"),
        &vanished,
        "have vanished",
        &|key| format!("the {word} {key} has vanished: all {windows} days before had it, now none of {n} messages"),
        &|key| match nearest(key, new.iter().copied().take(MOST_NAMED)) {
            Some(near) => format!("ask who sends it; was it renamed to {near}?"),
            None => "ask who sends it, and see what uses it".into(),
        },
    );
    for key in here.keys() {
        let field: FieldKey = (None, format!("{prefix}{key}"));
        let retyped = now.columns.get(&field).and_then(|seen| retyped(before, &field, seen));
        alarms.extend(retyped.map(|alarm| Alarm { n: here[key], ..alarm }));
    }
    alarms
}

#[cfg(test)]
mod tests {
    use clew_cleanse::profile::Profile;

    use super::*;
    use crate::expect::DriftSpec;

    /// A day of `n` messages; each key with how many of them had it, and a value.
    fn day(n: u64, keys: &[(&str, u64, &str)]) -> Window {
        let profile = |value: &str, times| {
            let mut profile = Profile::default();
            profile.add_times(Some(value), times);
            Seen { profile: Some(profile), ..Seen::default() }
        };
        let mut window = Window::default();
        window.columns.insert((None, "properties.".into()), profile("object", n));
        for (key, of, value) in keys {
            window.columns.insert((None, format!("properties.{key}")), profile(value, *of));
        }
        window
    }

    #[track_caller]
    fn check(before: &[Window], now: &Window, expected: &[&str]) {
        let alarms = super::super::compare(before, now, &Limits::of(&DriftSpec::default()), &std::collections::BTreeSet::new());
        let told: Vec<String> =
            alarms.iter().map(|alarm| format!("{} {}", alarm.rule, alarm.field.as_deref().unwrap_or("-"))).collect();
        assert_eq!(told, expected, "{alarms:#?}");
    }

    #[test]
    fn keys_that_come_go_or_change_are_told_once_chance_is_ruled_out() {
        let usual = || day(1_000, &[("sku", 900, "s1"), ("price", 900, "12"), ("coupon", 3, "X")]);
        let before = [usual(), usual(), usual()];
        check(&before, &usual(), &[]);
        // A key that few messages have may be missing for a day, and one message is no new key.
        check(&before, &day(1_000, &[("sku", 900, "s1"), ("price", 900, "12"), ("debug", 1, "1")]), &[]);
        let renamed = day(1_000, &[("sku", 900, "s1"), ("prices", 900, "12"), ("coupon", 3, "X")]);
        check(&before, &renamed, &["new_property properties.prices", "vanished_property properties.price"]);
        let words = day(1_000, &[("sku", 900, "s1"), ("price", 900, "twelve"), ("coupon", 3, "X")]);
        check(&before, &words, &["retyped properties.price"]);
        // A key of some days only has not vanished.
        let before = [usual(), day(1_000, &[("sku", 900, "s1"), ("coupon", 3, "X")]), usual()];
        check(&before, &day(1_000, &[("sku", 900, "s1")]), &[]);
        check(&[], &usual(), &[]);
        check(&[day(10, &[("sku", 10, "s1")])], &usual(), &[]);
    }

    #[test]
    fn ids_as_keys_are_one_alarm_without_any_of_them() {
        let names: Vec<String> = (0..40).map(|n| format!("customer-{n}")).collect();
        let keys: Vec<(&str, u64, &str)> = names.iter().map(|name| (name.as_str(), 500, "1")).collect();
        check(
            &[day(1_000, &[("sku", 900, "s")])],
            &day(1_000, &keys),
            &["new_property properties", "vanished_property properties.sku"],
        );
    }
}
