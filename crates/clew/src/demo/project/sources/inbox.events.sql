SELECT
  thread || ':' || kind || ':' || "date" AS id,
  'email_' || kind AS name,
  'email' AS channel,
  CASE WHEN kind = 'received' THEN 'inbound' ELSE 'outbound' END AS direction,
  "date" AS occurred_at,
  lower(split_part(split_part("from", '<', 2), '>', 1)) AS identifier_email,
  thread AS conversation_id,
  "case" AS reference,
  CASE WHEN kind = 'received' THEN body END AS text,
  subject AS property_subject
FROM raw
