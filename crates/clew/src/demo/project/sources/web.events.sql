-- Robots are left out: their rows count as skipped.
SELECT
  id,
  event AS name,
  'web' AS channel,
  ts AS occurred_at,
  "anonymousId" AS identifier_anonymous_id,
  "userId" AS identifier_user_id,
  "order" AS reference,
  page AS property_page,
  campaign AS property_campaign,
  json_get_int(properties, 'load_ms') AS property_load_ms
FROM raw
WHERE ua NOT LIKE '%Bot/%'
