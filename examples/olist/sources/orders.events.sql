-- One order, up to five events. delivery_promise_broken happens at the promised time when the order was not delivered by then
-- (later, or never): whoever answers a review before the late parcel comes knows of the broken promise, not of the delivery.
SELECT
  order_id || ':' || step['name'] AS id,
  step['name'] AS name,
  step['channel'] AS channel,
  step['direction'] AS direction,
  step['channel'] = 'web' OR step['channel'] = 'system' AS automated,
  step['at'] AS occurred_at,
  customer_id AS identifier_customer_id,
  order_id AS reference
FROM (
  SELECT
    *,
    unnest(make_array(
      named_struct('name', 'order_placed', 'channel', 'web', 'direction', 'inbound', 'at', order_purchase_timestamp),
      named_struct('name', 'order_approved', 'channel', 'system', 'direction', 'internal', 'at', order_approved_at),
      named_struct('name', 'order_handed_to_carrier', 'channel', 'partner', 'direction', 'internal', 'at', order_delivered_carrier_date),
      named_struct('name', 'order_delivered', 'channel', 'field', 'direction', 'outbound', 'at', order_delivered_customer_date),
      named_struct('name', 'delivery_promise_broken', 'channel', 'system', 'direction', 'internal', 'at', CASE
        WHEN order_delivered_customer_date IS NULL OR order_delivered_customer_date > order_estimated_delivery_date
        THEN order_estimated_delivery_date END)
    )) AS step
  FROM raw
)
WHERE step['at'] IS NOT NULL
