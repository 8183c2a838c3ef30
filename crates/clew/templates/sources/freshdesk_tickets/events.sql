-- One row is one ticket. Source and status are numbers, as the API documents them.
WITH tickets AS (
  SELECT
    *,
    CASE source WHEN '1' THEN 'email' WHEN '2' THEN 'web' WHEN '3' THEN 'phone' WHEN '7' THEN 'chat' WHEN '9' THEN 'web' WHEN '10' THEN 'email' WHEN '13' THEN 'messaging' ELSE 'system' END AS came_by,
    coalesce(requester->>'email', email) AS mail,
    coalesce(requester->>'mobile', requester->>'phone', phone) AS tel
  FROM raw
  WHERE coalesce(spam, 'false') <> 'true' AND coalesce(deleted, 'false') <> 'true'
)
SELECT
  id || ':opened' AS id, 'ticket_opened' AS name, came_by AS channel, CASE source WHEN '10' THEN 'outbound' ELSE 'inbound' END AS direction, created_at AS occurred_at,
  id AS reference, id AS conversation_id, CAST(NULL AS VARCHAR) AS outcome, CAST(NULL AS VARCHAR) AS agent_id, group_id AS team,
  coalesce(subject || ': ' || description_text, subject, description_text) AS text,
  mail AS identifier_email, tel AS identifier_phone, 'freshdesk:' || requester_id AS identifier_account,
  CASE priority WHEN '1' THEN 'low' WHEN '2' THEN 'medium' WHEN '3' THEN 'high' WHEN '4' THEN 'urgent' END AS property_priority, type AS property_type
FROM tickets
UNION ALL
SELECT
  id || ':replied', 'ticket_replied', came_by, 'outbound', stats->>'first_responded_at', id AS reference, id AS conversation_id, NULL, responder_id, group_id, NULL,
  mail, tel, 'freshdesk:' || requester_id, NULL, NULL
FROM tickets
WHERE (stats->>'first_responded_at') IS NOT NULL
UNION ALL
SELECT
  id || ':reopened', 'ticket_reopened', came_by, 'inbound', stats->>'reopened_at', id AS reference, id AS conversation_id, NULL, NULL, group_id, NULL, mail, tel, 'freshdesk:' || requester_id, NULL, NULL
FROM tickets
WHERE (stats->>'reopened_at') IS NOT NULL
UNION ALL
SELECT
  id || ':solved', 'ticket_solved', came_by, 'outbound', stats->>'resolved_at', id AS reference, id AS conversation_id, 'resolved', responder_id, group_id, NULL, mail, tel, 'freshdesk:' || requester_id, NULL, NULL
FROM tickets
WHERE (stats->>'resolved_at') IS NOT NULL
