-- A line of an order, with the product's name from the lookup.
SELECT
  order_no || ':' || line AS id,
  'item_ordered' AS name,
  'system' AS channel,
  placed_at AS occurred_at,
  customer AS identifier_user_id,
  lower(email) AS identifier_email,
  order_no AS reference,
  products.category AS product,
  raw.sku AS property_sku,
  products.product AS property_product_name,
  CAST(quantity AS INT) AS property_quantity,
  CAST(unit_price AS DOUBLE) AS property_unit_price
FROM raw
LEFT JOIN products ON products.sku = raw.sku
