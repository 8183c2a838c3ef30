-- The developer's answer to a review.
SELECT
  "reviewId" || ':answered' AS id,
  'review_answered' AS name,
  'app' AS channel,
  'outbound' AS direction,
  epoch_seconds(CAST(json_as_text(comments, 1, 'developerComment', 'lastModified', 'seconds') AS BIGINT)) AS occurred_at,
  "reviewId" AS reference,
  json_as_text(comments, 1, 'developerComment', 'text') AS text
FROM raw
WHERE json_as_text(comments, 1, 'developerComment', 'text') IS NOT NULL
