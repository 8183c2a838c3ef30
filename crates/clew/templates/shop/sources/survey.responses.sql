-- One row is one answer. `about_reference` joins it to its order, so that drivers are looked for there.
SELECT
  answer AS id,
  'after_delivery' AS survey,
  'satisfaction' AS question,
  'csat' AS kind,
  score,
  1 AS scale_min,
  5 AS scale_max,
  words AS text,
  'customer' AS respondent,
  channel,
  customer AS identifier_email,
  "order" AS about_reference,
  asked_at AS invited_at,
  answered_at
FROM raw
WHERE answered_at IS NOT NULL
