-- One row is one call (or a leg of one). One that is still queued has no start. Withheld numbers are no identifiers.
WITH calls AS (
  SELECT *, CASE WHEN direction = 'inbound' THEN "from" ELSE "to" END AS customer FROM raw
)
SELECT
  sid AS id,
  CASE WHEN status IN ('no-answer', 'busy', 'failed', 'canceled') THEN 'call_missed' ELSE 'call' END AS name,
  'phone' AS channel,
  CASE direction WHEN 'inbound' THEN 'inbound' ELSE 'outbound' END AS direction,
  answered_by LIKE 'machine%' AS automated,
  parse_time(coalesce(start_time, date_created), '%a, %d %b %Y %H:%M:%S %z') AS occurred_at,
  coalesce(parent_call_sid, sid) AS conversation_id,
  status AS outcome,
  CAST(duration AS BIGINT) * 1000 AS duration_ms,
  answered_by AS property_answered_by,
  CAST(queue_time AS BIGINT) AS property_queue_ms,
  caller_name AS property_caller_name,
  CASE WHEN customer LIKE '+%' AND customer NOT IN ('+266696687', '+7378742833', '+8656696') THEN customer END AS identifier_phone
FROM calls
WHERE status <> 'queued'
