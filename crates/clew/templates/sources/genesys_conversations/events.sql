-- One row is one conversation. Its first participants are the customer and whoever met them; a session is a participant on one medium, a segment a
-- state of it. The customer's number is `ani` when they call, `dnis` when they are called.
WITH talks AS (
  SELECT
    "conversationId" AS talk, "conversationStart" AS started_at, "conversationEnd" AS ended_at, "originatingDirection" AS direction, participants,
    CASE
      WHEN json_as_text(participants, 0, 'purpose') IN ('customer', 'external') THEN json_get_json(participants, 0)
      WHEN json_as_text(participants, 1, 'purpose') IN ('customer', 'external') THEN json_get_json(participants, 1)
      WHEN json_as_text(participants, 2, 'purpose') IN ('customer', 'external') THEN json_get_json(participants, 2)
    END AS customer
  FROM raw
), known AS (
  SELECT
    *,
    CASE json_as_text(customer, 'sessions', 0, 'mediaType')
      WHEN 'voice' THEN 'phone' WHEN 'callback' THEN 'phone' WHEN 'chat' THEN 'chat' WHEN 'webchat' THEN 'chat' WHEN 'message' THEN 'messaging' WHEN 'email' THEN 'email'
      ELSE 'system'
    END AS medium,
    CASE WHEN direction = 'outbound' THEN json_as_text(customer, 'sessions', 0, 'dnis') ELSE json_as_text(customer, 'sessions', 0, 'ani') END AS address,
    'genesys:' || (customer->>'externalContactId') AS account
  FROM talks
), addressed AS (
  SELECT
    *,
    CASE WHEN address LIKE 'tel:+%' THEN substr(address, 5) END AS tel,
    coalesce(CASE WHEN medium = 'email' THEN address END, json_as_text(customer, 'attributes', 'email')) AS mail
  FROM known
)
SELECT
  talk || ':started' AS id, 'contact_started' AS name, medium AS channel, direction, started_at AS occurred_at,
  talk AS conversation_id, CAST(NULL AS VARCHAR) AS outcome, CAST(NULL AS BIGINT) AS duration_ms, CAST(NULL AS VARCHAR) AS agent_id, CAST(NULL AS VARCHAR) AS team,
  false AS automated, mail AS identifier_email, tel AS identifier_phone, account AS identifier_account
FROM addressed
UNION ALL
-- Who waited in a queue and gave up: the metric tAbandon, in milliseconds, on the session of the queue.
SELECT
  talk || ':abandoned:' || (session->>'sessionId'), 'contact_abandoned', medium, direction, metric->>'emitDate',
  talk, 'abandoned', json_get_int(metric, 'value'), NULL, json_as_text(session, 'segments', 0, 'queueId'),
  true, mail, tel, account
FROM (
  SELECT *, unnest(json_get_array(session, 'metrics')) AS metric
  FROM (
    SELECT *, unnest(json_get_array(participant, 'sessions')) AS session
    FROM (SELECT *, unnest(json_get_array(participants)) AS participant FROM addressed)
    WHERE (participant->>'purpose') = 'acd'
  )
)
WHERE (metric->>'name') = 'tAbandon'
UNION ALL
-- Each agent who spoke: from the segment in which they did.
SELECT
  talk || ':handled:' || (session->>'sessionId') || ':' || (segment->>'segmentStart'), 'contact_handled', medium, direction, segment->>'segmentStart',
  talk, coalesce(segment->>'wrapUpCode', segment->>'disconnectType'),
  to_unixtime(segment->>'segmentEnd') * 1000 - to_unixtime(segment->>'segmentStart') * 1000,
  participant->>'userId', segment->>'queueId',
  false, mail, tel, account
FROM (
  SELECT *, unnest(json_get_array(session, 'segments')) AS segment
  FROM (
    SELECT *, unnest(json_get_array(participant, 'sessions')) AS session
    FROM (SELECT *, unnest(json_get_array(participants)) AS participant FROM addressed)
    WHERE (participant->>'purpose') = 'agent'
  )
)
WHERE (segment->>'segmentType') = 'interact' AND (participant->>'userId') IS NOT NULL
UNION ALL
SELECT
  talk || ':ended', 'contact_ended', medium, direction, ended_at, talk, NULL,
  to_unixtime(ended_at) * 1000 - to_unixtime(started_at) * 1000, NULL, NULL, false, mail, tel, account
FROM addressed
WHERE ended_at IS NOT NULL
