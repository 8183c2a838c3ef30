-- A call becomes: contact_started, contact_transferred for each transfer, contact_handed_over, and contact_ended or contact_abandoned.
-- Calls and chats share these names; the channel tells them apart. All carry the case as reference.
SELECT
  call_id || ':start' AS id, 'contact_started' AS name, 'phone' AS channel, 'inbound' AS direction,
  parse_time(started_at, '%d/%m/%Y %H:%M:%S') AS occurred_at,
  phone AS identifier_phone, landline AS identifier_landline, customer_no AS identifier_user_id,
  call_id AS conversation_id, case_no AS reference, first_team AS team, NULL AS agent_id,
  NULL AS outcome, NULL AS duration_ms, NULL AS property_wait_ms, menu AS property_menu, NULL AS property_notes
FROM (
  SELECT *,
    CASE WHEN regexp_like(digits, '^\+(3538|491[567]|346)') THEN digits END AS phone,
    CASE WHEN digits LIKE '+%' AND NOT regexp_like(digits, '^\+(3538|491[567]|346)') THEN digits END AS landline
  FROM (SELECT *, CASE WHEN caller LIKE '00%' THEN '+' || substr(caller, 3) ELSE caller END AS digits FROM raw)
)
WHERE menu <> 'outbound'
UNION ALL
SELECT
  call_id || ':end', CASE WHEN outcome = 'abandoned' THEN 'contact_abandoned' ELSE 'contact_ended' END, 'phone', NULL,
  parse_time(ended_at, '%d/%m/%Y %H:%M:%S'),
  NULL, NULL, customer_no,
  call_id, case_no, team, agent,
  outcome, CAST(talk_s AS BIGINT) * 1000, CASE WHEN outcome <> 'abandoned' THEN CAST(wait_s AS BIGINT) * 1000 END, menu, notes
FROM raw
WHERE menu <> 'outbound'
UNION ALL
-- Times of the transfers stand in one cell, joined by ' > '. The team is left to the other events.
SELECT
  call_id || ':transfer:' || moved_at, 'contact_transferred', 'phone', NULL,
  parse_time(moved_at, '%d/%m/%Y %H:%M:%S'),
  NULL, NULL, customer_no,
  call_id, case_no, NULL, NULL,
  NULL, NULL, NULL, menu, NULL
FROM (SELECT *, unnest(string_to_array(transfer_at, ' > ')) AS moved_at FROM raw WHERE transfer_at <> '')
UNION ALL
SELECT
  call_id || ':handover', 'contact_handed_over', 'phone', NULL,
  parse_time(handed_over_at, '%d/%m/%Y %H:%M:%S'),
  NULL, NULL, customer_no,
  call_id, case_no, NULL, NULL,
  NULL, NULL, NULL, menu, NULL
FROM raw
WHERE handed_over_at <> ''
UNION ALL
-- The company calls back after a bad score; here the case number is the order's.
SELECT
  call_id || ':back', 'recovery_call_made', 'phone', 'outbound',
  parse_time(started_at, '%d/%m/%Y %H:%M:%S'),
  caller, NULL, NULL,
  call_id, case_no, team, agent,
  NULL, CAST(talk_s AS BIGINT) * 1000, NULL, menu, NULL
FROM raw
WHERE menu = 'outbound'
