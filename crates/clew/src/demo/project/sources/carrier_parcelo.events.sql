-- One row, up to four events. The broken promise is a timer: it happens at the end of the promised day if the parcel was not there by
-- then, so that an answer given later can know of it and an answer given earlier cannot.
SELECT
  shipment || ':' || step['name'] AS id,
  step['name'] AS name,
  'post' AS channel,
  step['at'] AS occurred_at,
  lower(email) AS identifier_email,
  order_no AS reference,
  initcap(trim(region)) AS location,
  'parcelo' AS property_carrier
FROM (
  SELECT
    *,
    unnest(make_array(
      named_struct('name', 'order_shipped', 'at', handed_over_at),
      named_struct('name', 'order_delivered', 'at', delivered_at),
      named_struct('name', 'delivery_damaged', 'at', CASE WHEN status LIKE '%DAMAGED%' THEN delivered_at END),
      named_struct('name', 'delivery_promise_missed', 'at', CASE
        WHEN promised_date || ' 23:59:59' < exported_at AND (delivered_at IS NULL OR delivered_at > promised_date || ' 23:59:59')
        THEN promised_date || ' 23:59:59' END)
    )) AS step
  FROM (
    -- 31/12/2025 10:00:00 as 2025-12-31 10:00:00, so that text can be compared.
    SELECT
      *,
      substr(handed_over, 7, 4) || '-' || substr(handed_over, 4, 2) || '-' || substr(handed_over, 1, 2) || substr(handed_over, 11) AS handed_over_at,
      substr(delivered, 7, 4) || '-' || substr(delivered, 4, 2) || '-' || substr(delivered, 1, 2) || substr(delivered, 11) AS delivered_at
    FROM raw
  )
)
WHERE step['at'] IS NOT NULL
