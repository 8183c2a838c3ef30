-- The quick rating at the end of a chat is an answer too.
SELECT
  id || ':rating' AS id,
  'chat_rating' AS survey,
  'satisfaction' AS question,
  'csat' AS kind,
  rating AS score,
  1 AS scale_min,
  5 AS scale_max,
  'customer' AS respondent,
  'chat' AS channel,
  json_get_str(customer, 'email') AS identifier_email,
  json_get_str(customer, 'userId') AS identifier_user_id,
  id AS about_conversation,
  team AS collector,
  ended AS invited_at,
  ended AS answered_at
FROM raw
WHERE rating IS NOT NULL
