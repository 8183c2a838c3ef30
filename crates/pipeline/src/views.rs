//! The views in which facts meet people: one join on an integer and a time range, never on strings.
//!
//! `subjects_current` is the mapping as of now: the run's, behind what the write path answered since. That is small beside it, so that a scan
//! pays for a look-up in a small hash table; and whenever a run's answer takes over, a subject has one row, never none and never two.

/// Name and SQL of each view.
pub const VIEWS: &[(&str, &str)] = &[
    (
        "subjects_current",
        "SELECT s.subject, s.person_id, s.person_no, s.population, s.valid_from, s.valid_to, s.decided_by, s.bucket, false AS provisional \
         FROM subjects s LEFT ANTI JOIN online_subjects o ON s.subject = o.subject \
         UNION ALL SELECT subject, person_id, person_no, population, valid_from, valid_to, decided_by, bucket, true FROM online_subjects",
    ),
    (
        "people_events",
        "SELECT s.person_id, s.person_no, s.bucket, e.*, s.provisional FROM events_current e JOIN subjects_current s ON e.subject = s.subject \
         WHERE e.occurred_at >= s.valid_from AND (s.valid_to IS NULL OR e.occurred_at < s.valid_to)",
    ),
    (
        "people_responses",
        "SELECT s.person_id, s.person_no, s.bucket, r.*, s.provisional FROM responses_current r JOIN subjects_current s ON r.subject = s.subject \
         WHERE r.answered_at >= s.valid_from AND (s.valid_to IS NULL OR r.answered_at < s.valid_to)",
    ),
];
