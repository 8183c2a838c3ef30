-- One row is one order: placed, paid, each fulfilment, cancelled, each refund. A guest has no `customer`.
WITH orders AS (
  SELECT
    id AS order_id,
    name AS order_name,
    CASE source_name WHEN 'pos' THEN 'store' WHEN 'web' THEN 'web' WHEN 'iphone' THEN 'app' WHEN 'android' THEN 'app' ELSE 'system' END AS sold_in,
    CASE WHEN source_name = 'shopify_draft_order' THEN 'internal' ELSE 'inbound' END AS sold_by,
    created_at, processed_at, cancelled_at, cancel_reason, financial_status, total_price, currency, fulfillments, refunds, location_id,
    coalesce(NULLIF(email, ''), customer->>'email') AS mail,
    coalesce(NULLIF(phone, ''), customer->>'phone', billing_address->>'phone') AS tel,
    'shopify:' || (customer->>'id') AS account,
    NULLIF(note, '') AS words,
    source_name,
    json_get_str(discount_codes, 0, 'code') AS discount_code
  FROM raw
  WHERE coalesce(test, 'false') <> 'true'
)
SELECT
  order_id || ':placed' AS id, 'order_placed' AS name, sold_in AS channel, sold_by AS direction, created_at AS occurred_at,
  order_name AS reference, CAST(NULL AS VARCHAR) AS outcome, total_price AS amount, currency, words AS text, location_id AS location,
  mail AS identifier_email, tel AS identifier_phone, account AS identifier_account,
  discount_code AS property_discount_code, source_name AS property_source_name, CAST(NULL AS VARCHAR) AS property_tracking_number
FROM orders
UNION ALL
SELECT
  order_id || ':paid', 'order_paid', sold_in, 'inbound', processed_at,
  order_name, NULL, total_price, currency, NULL, location_id, mail, tel, account, NULL, NULL, NULL
FROM orders
WHERE financial_status IN ('paid', 'partially_refunded', 'refunded')
UNION ALL
SELECT
  order_id || ':fulfilled:' || (fulfilment->>'id'), 'order_fulfilled', 'system', 'outbound', fulfilment->>'created_at',
  order_name, fulfilment->>'status', NULL, NULL, NULL, fulfilment->>'location_id', mail, tel, account, NULL, NULL, fulfilment->>'tracking_number'
FROM (SELECT *, unnest(json_get_array(fulfillments)) AS fulfilment FROM orders)
UNION ALL
SELECT
  order_id || ':cancelled', 'order_cancelled', 'system', CASE cancel_reason WHEN 'customer' THEN 'inbound' ELSE 'internal' END, cancelled_at,
  order_name, cancel_reason, NULL, NULL, NULL, NULL, mail, tel, account, NULL, NULL, NULL
FROM orders
WHERE cancelled_at IS NOT NULL
UNION ALL
-- A refund may be paid back in several transactions; only what went through is money.
SELECT
  order_id || ':refunded:' || (payment->>'id'), 'order_refunded', 'system', 'outbound', refund->>'created_at',
  order_name, NULL, payment->>'amount', payment->>'currency', NULLIF(refund->>'note', ''), NULL, mail, tel, account, NULL, NULL, NULL
FROM (
  SELECT *, unnest(json_get_array(refund, 'transactions')) AS payment
  FROM (SELECT *, unnest(json_get_array(refunds)) AS refund FROM orders)
)
WHERE (payment->>'kind') = 'refund' AND (payment->>'status') = 'success'
