-- One row is one contact record. A transfer has a record of its own; InitialContactId joins all of them.
WITH contacts AS (
  SELECT
    "ContactId" AS contact, coalesce("InitialContactId", "ContactId") AS talk, "InitiationMethod" AS method, "InitiationTimestamp" AS started_at, "DisconnectTimestamp" AS ended_at,
    "DisconnectReason" AS reason, "Agent" AS served, "Queue" AS waited, "Attributes" AS noted,
    CASE "Channel" WHEN 'VOICE' THEN 'phone' WHEN 'CHAT' THEN 'chat' WHEN 'EMAIL' THEN 'email' ELSE 'system' END AS medium,
    CASE WHEN "InitiationMethod" IN ('OUTBOUND', 'CALLBACK', 'EXTERNAL_OUTBOUND') THEN 'outbound' ELSE 'inbound' END AS direction,
    CASE WHEN ("CustomerEndpoint"->>'Type') = 'TELEPHONE_NUMBER' AND ("CustomerEndpoint"->>'Address') LIKE '+%' THEN "CustomerEndpoint"->>'Address' END AS tel,
    coalesce(CASE WHEN ("CustomerEndpoint"->>'Type') = 'EMAIL_ADDRESS' THEN "CustomerEndpoint"->>'Address' END, "Attributes"->>'email') AS mail,
    "Attributes"->>'customerId' AS their_id
  FROM raw
)
SELECT
  contact || ':started' AS id,
  CASE WHEN method IN ('TRANSFER', 'QUEUE_TRANSFER') THEN 'contact_transferred' ELSE 'contact_started' END AS name,
  medium AS channel, direction, started_at AS occurred_at, talk AS conversation_id, noted->>'orderId' AS reference,
  CAST(NULL AS VARCHAR) AS outcome, CAST(NULL AS BIGINT) AS duration_ms, CAST(NULL AS VARCHAR) AS agent_id, waited->>'Name' AS team,
  mail AS identifier_email, tel AS identifier_phone, their_id AS identifier_customer_id, CAST(NULL AS BIGINT) AS property_hold_seconds
FROM contacts
UNION ALL
-- Who left the queue without an agent.
SELECT
  contact || ':abandoned', 'contact_abandoned', medium, direction, waited->>'DequeueTimestamp', talk, noted->>'orderId',
  'abandoned', json_get_int(waited, 'Duration') * 1000, NULL, waited->>'Name', mail, tel, their_id, NULL
FROM contacts
WHERE (waited->>'EnqueueTimestamp') IS NOT NULL AND (served->>'ConnectedToAgentTimestamp') IS NULL AND reason IN ('CUSTOMER_DISCONNECT', 'EXPIRED')
UNION ALL
SELECT
  contact || ':handled', 'contact_handled', medium, direction, served->>'ConnectedToAgentTimestamp', talk, noted->>'orderId',
  NULL, json_get_int(served, 'AgentInteractionDuration') * 1000, served->>'Username', waited->>'Name', mail, tel, their_id, json_get_int(served, 'CustomerHoldDuration')
FROM contacts
WHERE (served->>'ConnectedToAgentTimestamp') IS NOT NULL
UNION ALL
SELECT
  contact || ':ended', 'contact_ended', medium, direction, ended_at, talk, noted->>'orderId',
  lower(reason), to_unixtime(ended_at) * 1000 - to_unixtime(started_at) * 1000, NULL, NULL, mail, tel, their_id, NULL
FROM contacts
WHERE ended_at IS NOT NULL
