-- The rating that the customer gave in the messenger, 1 to 5.
SELECT
  id || ':rating' AS id,
  'intercom_rating' AS survey,
  'rating' AS question,
  'csat' AS kind,
  conversation_rating->>'rating' AS score,
  NULLIF(conversation_rating->>'remark', '') AS text,
  'chat' AS channel,
  id AS about_conversation,
  json_as_text(conversation_rating, 'teammate', 'id') AS collector,
  epoch_seconds(CAST(conversation_rating->>'created_at' AS BIGINT)) AS answered_at,
  json_as_text(source, 'author', 'email') AS identifier_email,
  json_as_text(contacts, 'contacts', 0, 'external_id') AS identifier_user_id,
  'intercom:' || json_as_text(contacts, 'contacts', 0, 'id') AS identifier_account
FROM raw
WHERE (conversation_rating->>'rating') IS NOT NULL
