SELECT
  review_id || ':' || raw.order_id AS id,
  'order_review' AS survey,
  'satisfaction' AS question,
  'csat' AS kind,
  review_score AS score,
  1 AS scale_min,
  5 AS scale_max,
  clean_text(concat_ws(' ', review_comment_title, review_comment_message)) AS text,
  'customer' AS respondent,
  'survey' AS channel,
  orders.customer_id AS identifier_customer_id,
  raw.order_id AS about_reference,
  review_creation_date AS invited_at,
  review_answer_timestamp AS answered_at
FROM raw
LEFT JOIN orders ON orders.order_id = raw.order_id
