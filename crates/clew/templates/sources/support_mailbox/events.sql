-- One row is one message. The customer is whoever is not of our own domain: the sender of what came in, the first recipient of what went out.
WITH mails AS (
  SELECT *, lower(from_address) LIKE '%@shop.example' AS is_ours FROM raw
)
SELECT
  coalesce(message_id, thread_id || ':' || date) AS id,
  CASE WHEN is_ours THEN 'email_sent' ELSE 'email_received' END AS name,
  'email' AS channel,
  CASE WHEN is_ours THEN 'outbound' ELSE 'inbound' END AS direction,
  automated,
  coalesce(date, received) AS occurred_at,
  thread_id AS conversation_id,
  headers->>'X-Order' AS reference,
  CASE WHEN is_ours THEN from_address END AS agent_id,
  coalesce(subject || ': ' || text, subject, text) AS text,
  attachments AS property_attachments,
  list_id AS property_list,
  CASE WHEN is_ours THEN to_address ELSE coalesce(reply_to_address, from_address) END AS identifier_email
FROM mails
