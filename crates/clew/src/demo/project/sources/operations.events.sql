SELECT
  entry AS id,
  kind AS name,
  'system' AS channel,
  "at" AS occurred_at,
  title AS property_title,
  scope AS property_scope
FROM raw
