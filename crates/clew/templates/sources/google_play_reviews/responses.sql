-- One row is one review; its first comment is the user's. Title and text of old reviews are separated by a tab.
SELECT
  "reviewId" AS id,
  '{source}' AS survey,
  'stars' AS question,
  'rating' AS kind,
  json_as_text(comments, 0, 'userComment', 'starRating') AS score,
  1 AS scale_min,
  5 AS scale_max,
  clean_text(json_as_text(comments, 0, 'userComment', 'text')) AS text,
  substr(json_as_text(comments, 0, 'userComment', 'reviewerLanguage'), 1, 2) AS language,
  'store' AS collector,
  'app' AS channel,
  epoch_seconds(CAST(json_as_text(comments, 0, 'userComment', 'lastModified', 'seconds') AS BIGINT)) AS answered_at,
  json_as_text(comments, 0, 'userComment', 'appVersionName') AS property_app_version,
  json_as_text(comments, 0, 'userComment', 'device') AS property_device,
  json_as_text(comments, 0, 'userComment', 'androidOsVersion') AS property_android,
  json_as_text(comments, 0, 'userComment', 'thumbsUpCount') AS property_thumbs_up
FROM raw
WHERE json_as_text(comments, 0, 'userComment', 'starRating') IS NOT NULL
