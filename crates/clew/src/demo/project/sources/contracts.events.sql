SELECT
  contract_no || ':' || step['name'] AS id,
  step['name'] AS name,
  'web' AS channel,
  step['at'] AS occurred_at,
  customer AS identifier_user_id,
  lower(email) AS identifier_email,
  contract_no AS reference,
  kind AS product,
  CASE WHEN step['name'] = 'contract_cancelled' THEN cancel_reason END AS property_reason,
  CAST(monthly_fee AS DOUBLE) AS property_monthly_fee
FROM (
  SELECT *, unnest(make_array(
    named_struct('name', 'contract_started', 'at', started),
    named_struct('name', 'contract_renewed', 'at', renewed),
    named_struct('name', 'contract_cancelled', 'at', cancelled)
  )) AS step
  FROM raw
)
WHERE step['at'] IS NOT NULL
