-- case_opened and case_reopened belong to the order (reference) and to the case (conversation_id).
SELECT
  case_no || ':' || step['name'] AS id,
  step['name'] AS name,
  channel,
  'internal' AS direction,
  step['at'] AS occurred_at,
  customer AS identifier_user_id,
  lower(email) AS identifier_email,
  case_no AS conversation_id,
  CASE WHEN step['name'] <> 'case_closed' THEN order_no END AS reference,
  matter AS property_matter
FROM (
  SELECT *, unnest(make_array(
    named_struct('name', 'case_opened', 'at', opened_at),
    named_struct('name', 'case_reopened', 'at', reopened_at),
    named_struct('name', 'case_closed', 'at', closed_at)
  )) AS step
  FROM raw
)
WHERE step['at'] IS NOT NULL
