-- One row is one utterance. A call has no clock of its own in the file: it begins at `started` of the notes, and an utterance comes start_ms later.
WITH said AS (
  SELECT
    *,
    coalesce(metadata->>'call', file) AS call,
    speaker = (metadata->>'agent') AS by_agent
  FROM raw
)
SELECT
  call || ':' || utterance_no AS id,
  CASE WHEN by_agent THEN 'agent_spoke' ELSE 'customer_spoke' END AS name,
  'phone' AS channel,
  CASE WHEN by_agent THEN 'outbound' ELSE 'inbound' END AS direction,
  epoch_millis(to_unixtime(metadata->>'started') * 1000 + CAST(start_ms AS BIGINT)) AS occurred_at,
  call AS conversation_id,
  CAST(end_ms AS BIGINT) - CAST(start_ms AS BIGINT) AS duration_ms,
  CASE WHEN by_agent THEN speaker END AS agent_id,
  text,
  start_ms AS property_start_ms,
  metadata->>'phone' AS identifier_phone,
  metadata->>'email' AS identifier_email
FROM said
