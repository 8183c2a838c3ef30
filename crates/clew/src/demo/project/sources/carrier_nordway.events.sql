SELECT
  consignment || ':' || step['name'] AS id,
  step['name'] AS name,
  'post' AS channel,
  step['at'] AS occurred_at,
  lower(recipient_email) AS identifier_email,
  order_no AS reference,
  region AS location,
  'nordway' AS property_carrier
FROM (
  SELECT
    *,
    unnest(make_array(
      named_struct('name', 'order_shipped', 'at', collected_at),
      named_struct('name', 'order_delivered', 'at', delivered_at),
      named_struct('name', 'delivery_damaged', 'at', CASE WHEN damaged THEN delivered_at END),
      named_struct('name', 'delivery_promise_missed', 'at', CASE
        WHEN promised_at < exported_at AND (delivered_at IS NULL OR delivered_at > promised_at) THEN promised_at END)
    )) AS step
  FROM raw
)
WHERE step['at'] IS NOT NULL
