SELECT
  order_no AS id,
  'order_placed' AS name,
  sales_channel AS channel,
  placed_at AS occurred_at,
  customer AS identifier_user_id,
  lower(email) AS identifier_email,
  order_no AS reference,
  region AS location,
  CAST(replace(total, ',', '.') AS DECIMAL(18, 4)) AS amount,
  currency,
  company_no AS property_company_no,
  CAST(items AS INT) AS property_items
FROM raw
