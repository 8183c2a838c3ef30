SELECT
  session AS id,
  CASE result WHEN 'dead_end' THEN 'bot_dead_end' WHEN 'escalated' THEN 'bot_escalated' ELSE 'bot_answered' END AS name,
  'bot' AS channel,
  TRUE AS automated,
  "end" AS occurred_at,
  json_get_str("user", 'id') AS identifier_user_id,
  json_get_str("user", 'email') AS identifier_email,
  session AS conversation_id,
  "case" AS reference,
  json_get_str(turns, 0, 'say') AS text
FROM raw
