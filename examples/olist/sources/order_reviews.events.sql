SELECT
  review_id || ':' || raw.order_id || ':' || step['name'] AS id,
  step['name'] AS name,
  step['channel'] AS channel,
  step['direction'] AS direction,
  step['name'] = 'review_invited' AS automated,
  step['at'] AS occurred_at,
  orders.customer_id AS identifier_customer_id,
  raw.order_id AS reference
FROM (
  SELECT
    *,
    unnest(make_array(
      named_struct('name', 'review_invited', 'channel', 'email', 'direction', 'outbound', 'at', review_creation_date),
      named_struct('name', 'review_answered', 'channel', 'survey', 'direction', 'inbound', 'at', review_answer_timestamp)
    )) AS step
  FROM raw
) AS raw
LEFT JOIN orders ON orders.order_id = raw.order_id
WHERE step['at'] IS NOT NULL
