SELECT
  post_id AS id,
  'social_posted' AS name,
  'social' AS channel,
  created AS occurred_at,
  json_get_str(author, 'handle') AS identifier_handle,
  text,
  lang AS language,
  network AS property_network,
  CAST(likes AS INT) AS property_likes
FROM raw
