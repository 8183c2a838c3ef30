-- One row is one review. The territory has three letters (ISO 3166-1 alpha-3) and stays a property.
SELECT
  id,
  '{source}' AS survey,
  'stars' AS question,
  'rating' AS kind,
  attributes->>'rating' AS score,
  1 AS scale_min,
  5 AS scale_max,
  coalesce(NULLIF(attributes->>'title', '') || ': ' || NULLIF(attributes->>'body', ''), NULLIF(attributes->>'title', ''), NULLIF(attributes->>'body', '')) AS text,
  'store' AS collector,
  'app' AS channel,
  attributes->>'createdDate' AS answered_at,
  attributes->>'territory' AS property_territory,
  json_as_text(relationships, 'response', 'data', 'id') IS NOT NULL AS property_answered
FROM raw
WHERE type = 'customerReviews'
