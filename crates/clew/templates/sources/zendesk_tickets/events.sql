-- One row is one ticket: opened, each public comment behind the first, solved. A merged ticket ends with the outcome `merged`.
WITH tickets AS (
  SELECT
    id AS ticket, created_at, subject, description, status, priority, tags, comments, metric_set,
    CASE via->>'channel'
      WHEN 'web' THEN 'web' WHEN 'web_widget' THEN 'web' WHEN 'help_center' THEN 'web' WHEN 'email' THEN 'email' WHEN 'chat' THEN 'chat'
      WHEN 'native_messaging' THEN 'messaging' WHEN 'whatsapp' THEN 'messaging' WHEN 'sms' THEN 'sms' WHEN 'voice' THEN 'phone'
      WHEN 'phone' THEN 'phone' WHEN 'mobile_sdk' THEN 'app' WHEN 'mobile' THEN 'app' WHEN 'twitter' THEN 'social' WHEN 'facebook' THEN 'social'
      ELSE 'system'
    END AS came_by,
    requester->>'id' AS requester_id,
    requester->>'email' AS mail,
    requester->>'phone' AS tel,
    assignee->>'id' AS agent,
    "group"->>'name' AS team_name
  FROM raw
)
SELECT
  ticket || ':opened' AS id, 'ticket_opened' AS name, came_by AS channel, 'inbound' AS direction, created_at AS occurred_at,
  ticket AS reference, ticket AS conversation_id, CAST(NULL AS VARCHAR) AS outcome, CAST(NULL AS VARCHAR) AS agent_id, team_name AS team,
  coalesce(subject || ': ' || description, subject, description) AS text,
  mail AS identifier_email, tel AS identifier_phone, 'zendesk:' || requester_id AS identifier_account,
  priority AS property_priority, tags AS property_tags
FROM tickets
UNION ALL
SELECT
  ticket || ':comment:' || (comment->>'id'),
  CASE WHEN (comment->>'author_id') = requester_id THEN 'ticket_commented' ELSE 'ticket_replied' END,
  CASE json_as_text(comment, 'via', 'channel') WHEN 'email' THEN 'email' WHEN 'web' THEN 'web' WHEN 'chat' THEN 'chat' ELSE came_by END,
  CASE WHEN (comment->>'author_id') = requester_id THEN 'inbound' ELSE 'outbound' END,
  comment->>'created_at', ticket AS reference, ticket AS conversation_id, NULL,
  CASE WHEN (comment->>'author_id') <> requester_id THEN comment->>'author_id' END,
  team_name, comment->>'body', mail, tel, 'zendesk:' || requester_id, NULL, NULL
FROM (SELECT *, unnest(json_get_array(comments)) AS comment FROM tickets)
-- The first comment is the description; a note to colleagues is no touchpoint.
WHERE (comment->>'public') = 'true' AND (comment->>'id') <> json_as_text(comments, 0, 'id')
UNION ALL
SELECT
  ticket || ':solved', 'ticket_solved', came_by, 'outbound', metric_set->>'solved_at', ticket AS reference, ticket AS conversation_id,
  CASE WHEN tags LIKE '%closed_by_merge%' THEN 'merged' ELSE 'resolved' END,
  agent, team_name, NULL, mail, tel, 'zendesk:' || requester_id, NULL, NULL
FROM tickets
WHERE (metric_set->>'solved_at') IS NOT NULL
