-- One row is one order; each time in it is one event. All raw columns are text, an empty cell is null.
-- Columns are found by name: see docs/tables.md; `identifier_<type>` and `property_<name>` are free.
SELECT
  order_id || ':' || step['name'] AS id,
  step['name'] AS name,
  step['at'] AS occurred_at,
  CASE step['name'] WHEN 'order_delivered' THEN 'field' ELSE channel END AS channel,
  customer_id AS identifier_customer_id,
  order_id AS reference,
  CASE step['name'] WHEN 'order_placed' THEN total END AS amount,
  promised_on AS property_promised_on
FROM (
  SELECT
    *,
    unnest([
      named_struct('name', 'order_placed', 'at', ordered_at),
      named_struct('name', 'order_delivered', 'at', delivered_at)
    ]) AS step
  FROM raw
)
WHERE step['at'] IS NOT NULL
