-- The file has no time of its own: what an order is paid with is decided when it is placed.
SELECT
  raw.order_id || ':' || payment_sequential AS id,
  'payment_made' AS name,
  'web' AS channel,
  'inbound' AS direction,
  TRUE AS automated,
  orders.order_purchase_timestamp AS occurred_at,
  orders.customer_id AS identifier_customer_id,
  raw.order_id AS reference,
  payment_value AS amount,
  'BRL' AS currency,
  payment_type AS property_payment_type,
  CAST(payment_installments AS INT) AS property_installments
FROM raw
LEFT JOIN orders ON orders.order_id = raw.order_id
