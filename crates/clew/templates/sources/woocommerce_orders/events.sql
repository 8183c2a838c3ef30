-- One row is one order. Times ending in _gmt have no zone in their text and are UTC. A guest has the customer number 0.
WITH orders AS (
  SELECT
    id AS order_id, number AS order_number, currency, total, status, NULLIF(payment_method_title, '') AS payment, refunds, date_created_gmt, date_paid_gmt, date_completed_gmt, date_modified_gmt,
    CASE created_via WHEN 'checkout' THEN 'web' WHEN 'store-api' THEN 'web' WHEN 'pos' THEN 'store' ELSE 'system' END AS sold_in,
    NULLIF(customer_note, '') AS words,
    NULLIF(billing->>'email', '') AS mail, NULLIF(billing->>'phone', '') AS tel,
    'woocommerce:' || NULLIF(customer_id, '0') AS account
  FROM raw
  WHERE status NOT IN ('checkout-draft', 'auto-draft', 'trash')
)
SELECT
  order_id || ':placed' AS id, 'order_placed' AS name, sold_in AS channel, 'inbound' AS direction, date_created_gmt || 'Z' AS occurred_at,
  order_number AS reference, CAST(NULL AS VARCHAR) AS outcome, total AS amount, currency, words AS text,
  mail AS identifier_email, tel AS identifier_phone, account AS identifier_account, payment AS property_payment
FROM orders
UNION ALL
SELECT order_id || ':paid', 'order_paid', sold_in, 'inbound', date_paid_gmt || 'Z', order_number, NULL, total, currency, NULL, mail, tel, account, payment
FROM orders
WHERE date_paid_gmt IS NOT NULL
UNION ALL
SELECT order_id || ':fulfilled', 'order_fulfilled', 'system', 'outbound', date_completed_gmt || 'Z', order_number, NULL, NULL, NULL, NULL, mail, tel, account, NULL
FROM orders
WHERE date_completed_gmt IS NOT NULL
UNION ALL
SELECT order_id || ':' || status, 'order_' || status, 'system', 'internal', date_modified_gmt || 'Z', order_number, status, NULL, NULL, NULL, mail, tel, account, payment
FROM orders
WHERE status IN ('cancelled', 'failed')
UNION ALL
-- Refunds have no time in an order: that of its last change is the latest that they can be.
SELECT
  order_id || ':refunded:' || (refund->>'id'), 'order_refunded', 'system', 'outbound', date_modified_gmt || 'Z', order_number, NULL,
  trim(LEADING '-' FROM refund->>'total'), currency, NULLIF(refund->>'reason', ''), mail, tel, account, NULL
FROM (SELECT *, unnest(json_get_array(refunds)) AS refund FROM orders)
