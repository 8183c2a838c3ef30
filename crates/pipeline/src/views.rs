//! The views of Clew: those in which facts meet people (one join on an integer and a time range, never on strings), and the scores of what came in.
//!
//! `subjects_current` is the mapping as of now: the run's, behind what the write path answered since. That is small beside it, so that a scan
//! pays for a look-up in a small hash table; and whenever a run's answer takes over, a subject has one row, never none and never two.

/// Name and SQL of each view; `docs/tables.md` describes them.
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
    ("source_quality", SOURCE_QUALITY),
];

/// One row per source, target, field and UTC day: the scorecard. Every score is a fraction, null where nothing was there to be judged.
///
/// Uniqueness is that of the sampled values. Consistency is that of the expectations over the field, and over whole rows of its target
/// where the field has none. Timeliness is the share of the target's facts that came within the source's `freshness`; `median_delay_s` is there without one, too.
const SOURCE_QUALITY: &str = "\
    WITH seen AS (SELECT source, target, field, CAST(at AS DATE) AS day, sum(n) AS n, sum(nulls) AS nulls, sum(invalid) AS invalid, \
        sum(changed) AS changed, profile_merge(profile) AS profile FROM field_quality GROUP BY source, target, field, CAST(at AS DATE)), \
    checked AS (SELECT source, target, field, CAST(at AS DATE) AS day, sum(checked) AS checked, sum(failed) AS failed \
        FROM checks WHERE rule <> 'timely' GROUP BY source, target, field, CAST(at AS DATE)), \
    timely AS (SELECT source, target, CAST(at AS DATE) AS day, sum(checked) AS checked, sum(failed) AS failed \
        FROM checks WHERE rule = 'timely' GROUP BY source, target, CAST(at AS DATE)), \
    delay AS (SELECT source, target, day, profile_quantile(profile, CAST(0.5 AS DOUBLE)) AS median_delay_s FROM seen \
        WHERE field = CASE target WHEN 'events' THEN 'occurred_at' WHEN 'responses' THEN 'answered_at' WHEN 'records' THEN 'valid_from' END), \
    told AS (SELECT source, target, field, CAST(at AS DATE) AS day, count(*) AS alarms FROM alarms GROUP BY source, target, field, CAST(at AS DATE)) \
    SELECT seen.source, seen.target, seen.field, seen.day, seen.n, seen.nulls, seen.invalid, seen.changed, \
        CASE WHEN seen.n > 0 THEN 1.0 - CAST(seen.nulls AS DOUBLE) / seen.n END AS completeness, \
        CASE WHEN seen.n > seen.nulls THEN 1.0 - CAST(seen.invalid AS DOUBLE) / (seen.n - seen.nulls) END AS validity, \
        CASE WHEN profile_sampled(seen.profile) > 0 THEN profile_distinct(seen.profile) / profile_sampled(seen.profile) END AS uniqueness, \
        profile_sampled(seen.profile) AS sampled, \
        CASE WHEN checked.checked > 0 THEN 1.0 - CAST(checked.failed AS DOUBLE) / checked.checked END AS consistency, \
        coalesce(checked.checked, 0) AS checked, \
        CASE WHEN timely.checked > 0 THEN 1.0 - CAST(timely.failed AS DOUBLE) / timely.checked END AS timeliness, \
        delay.median_delay_s, \
        coalesce(told.alarms, 0) AS alarms \
    FROM seen \
    LEFT JOIN checked ON seen.source = checked.source AND (seen.target IS NOT DISTINCT FROM checked.target) AND seen.field = checked.field AND seen.day = checked.day \
    LEFT JOIN timely ON seen.source = timely.source AND seen.target = timely.target AND seen.day = timely.day \
    LEFT JOIN delay ON seen.source = delay.source AND seen.target = delay.target AND seen.day = delay.day \
    LEFT JOIN told ON seen.source = told.source AND (seen.target IS NOT DISTINCT FROM told.target) AND seen.field = told.field AND seen.day = told.day";
