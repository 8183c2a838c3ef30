-- One row is one conversation: started, each written part, closed. Notes and assignments are no touchpoints.
WITH conversations AS (
  SELECT
    id AS conversation, created_at, source, conversation_parts, team_assignee_id, admin_assignee_id, statistics, state,
    CASE source->>'type' WHEN 'email' THEN 'email' WHEN 'sms' THEN 'sms' WHEN 'whatsapp' THEN 'messaging' WHEN 'facebook' THEN 'social' WHEN 'instagram' THEN 'social' WHEN 'twitter' THEN 'social' WHEN 'phone_call' THEN 'phone' ELSE 'chat' END AS came_by,
    NULLIF(json_as_text(source, 'author', 'email'), '') AS mail,
    coalesce(json_as_text(contacts, 'contacts', 0, 'id'), json_as_text(source, 'author', 'id')) AS contact,
    json_as_text(contacts, 'contacts', 0, 'external_id') AS their_id
  FROM raw
)
SELECT
  conversation || ':started' AS id, 'conversation_started' AS name, came_by AS channel,
  CASE WHEN json_as_text(source, 'author', 'type') IN ('admin', 'bot') THEN 'outbound' ELSE 'inbound' END AS direction,
  json_as_text(source, 'author', 'type') = 'bot' AS automated,
  epoch_seconds(CAST(created_at AS BIGINT)) AS occurred_at,
  conversation AS conversation_id, conversation AS reference, CAST(NULL AS VARCHAR) AS outcome, CAST(NULL AS VARCHAR) AS agent_id, team_assignee_id AS team,
  html_text(coalesce(source->>'body', source->>'subject')) AS text,
  mail AS identifier_email, their_id AS identifier_user_id, 'intercom:' || contact AS identifier_account
FROM conversations
UNION ALL
SELECT
  conversation || ':part:' || (part->>'id'),
  CASE json_as_text(part, 'author', 'type') WHEN 'admin' THEN 'conversation_replied' WHEN 'bot' THEN 'conversation_replied' ELSE 'conversation_message' END,
  came_by,
  CASE WHEN json_as_text(part, 'author', 'type') IN ('admin', 'bot') THEN 'outbound' ELSE 'inbound' END,
  json_as_text(part, 'author', 'type') = 'bot',
  epoch_seconds(CAST(part->>'created_at' AS BIGINT)),
  conversation AS conversation_id, conversation AS reference, NULL,
  CASE WHEN json_as_text(part, 'author', 'type') IN ('admin', 'bot') THEN json_as_text(part, 'author', 'id') END,
  team_assignee_id,
  html_text(part->>'body'),
  mail, their_id, 'intercom:' || contact
FROM (SELECT *, unnest(json_get_array(conversation_parts, 'conversation_parts')) AS part FROM conversations)
WHERE (part->>'body') IS NOT NULL AND (part->>'part_type') IN ('comment', 'open', 'close')
UNION ALL
SELECT
  conversation || ':closed', 'conversation_closed', came_by, 'outbound', NULL,
  epoch_seconds(CAST(statistics->>'last_close_at' AS BIGINT)), conversation AS conversation_id, conversation AS reference, 'resolved', admin_assignee_id, team_assignee_id, NULL,
  mail, their_id, 'intercom:' || contact
FROM conversations
WHERE state = 'closed' AND (statistics->>'last_close_at') IS NOT NULL
