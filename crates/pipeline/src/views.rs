//! The views in which facts meet people: one join on an integer and a time range, never on strings.

/// Name and SQL of each view.
pub const VIEWS: &[(&str, &str)] = &[
    (
        "people_events",
        "SELECT s.person_id, s.person_no, s.bucket, e.* FROM events_current e JOIN subjects s ON e.subject = s.subject \
         WHERE e.occurred_at >= s.valid_from AND (s.valid_to IS NULL OR e.occurred_at < s.valid_to)",
    ),
    (
        "people_responses",
        "SELECT s.person_id, s.person_no, s.bucket, r.* FROM responses_current r JOIN subjects s ON r.subject = s.subject \
         WHERE r.answered_at >= s.valid_from AND (s.valid_to IS NULL OR r.answered_at < s.valid_to)",
    ),
];
