SELECT
  exposure_id AS id,
  'experiment_exposed' AS name,
  'web' AS channel,
  TRUE AS automated,
  "at" AS occurred_at,
  customer AS identifier_user_id,
  experiment AS property_experiment,
  variant AS property_variant
FROM raw
