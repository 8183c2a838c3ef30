-- One row is one event; its object stands in `data.object`. Amounts are in the smallest unit, which some currencies do not divide.
WITH happened AS (
  SELECT
    id, type, created,
    upper(json_as_text(data, 'object', 'currency')) AS money,
    CASE
      WHEN json_as_text(data, 'object', 'currency') IN ('bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'ugx', 'vnd', 'vuv', 'xaf', 'xof', 'xpf')
      THEN 1 ELSE 100
    END AS units,
    data
  FROM raw
  WHERE livemode = 'true'
)
SELECT
  id,
  CASE type
    WHEN 'charge.succeeded' THEN 'payment_succeeded' WHEN 'charge.failed' THEN 'payment_failed' WHEN 'charge.refunded' THEN 'payment_refunded'
    WHEN 'invoice.paid' THEN 'invoice_paid' WHEN 'invoice.payment_failed' THEN 'invoice_payment_failed'
    WHEN 'charge.dispute.created' THEN 'dispute_opened' WHEN 'charge.dispute.closed' THEN 'dispute_closed'
    WHEN 'customer.subscription.created' THEN 'subscription_started' WHEN 'customer.subscription.deleted' THEN 'subscription_ended'
  END AS name,
  'system' AS channel,
  CASE WHEN type IN ('charge.refunded', 'charge.dispute.closed') THEN 'outbound' ELSE 'inbound' END AS direction,
  true AS automated,
  epoch_seconds(CAST(created AS BIGINT)) AS occurred_at,
  -- A refund event repeats the whole charge: what came back now is the difference to before.
  CAST(CASE type
    WHEN 'charge.refunded' THEN json_get_int(data, 'object', 'amount_refunded') - coalesce(json_get_int(data, 'previous_attributes', 'amount_refunded'), 0)
    WHEN 'invoice.paid' THEN json_get_int(data, 'object', 'amount_paid')
    WHEN 'invoice.payment_failed' THEN json_get_int(data, 'object', 'amount_due')
    ELSE json_get_int(data, 'object', 'amount')
  END AS DECIMAL(18, 4)) / units AS amount,
  money AS currency,
  coalesce(
    json_as_text(data, 'object', 'failure_code'), json_as_text(data, 'object', 'cancellation_details', 'reason'),
    CASE WHEN type LIKE 'charge.dispute.%' THEN json_as_text(data, 'object', 'status') END
  ) AS outcome,
  json_as_text(data, 'object', 'cancellation_details', 'comment') AS text,
  coalesce(json_as_text(data, 'object', 'metadata', 'order_id'), json_as_text(data, 'object', 'invoice'), json_as_text(data, 'object', 'charge'), json_as_text(data, 'object', 'id')) AS reference,
  coalesce(json_as_text(data, 'object', 'billing_details', 'email'), json_as_text(data, 'object', 'receipt_email'), json_as_text(data, 'object', 'customer_email'), json_as_text(data, 'object', 'evidence', 'customer_email_address')) AS identifier_email,
  coalesce(json_as_text(data, 'object', 'billing_details', 'phone'), json_as_text(data, 'object', 'customer_phone')) AS identifier_phone,
  'stripe:' || json_as_text(data, 'object', 'customer') AS identifier_account,
  json_as_text(data, 'object', 'failure_message') AS property_failure,
  json_as_text(data, 'object', 'reason') AS property_reason,
  json_as_text(data, 'object', 'id') AS property_object
FROM happened
WHERE type IN (
  'charge.succeeded', 'charge.failed', 'charge.refunded', 'invoice.paid', 'invoice.payment_failed', 'charge.dispute.created', 'charge.dispute.closed',
  'customer.subscription.created', 'customer.subscription.deleted'
)
