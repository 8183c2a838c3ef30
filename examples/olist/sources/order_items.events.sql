-- The file has no time of its own: an item is ordered when its order is placed.
SELECT
  raw.order_id || ':' || order_item_id AS id,
  'item_ordered' AS name,
  'web' AS channel,
  'inbound' AS direction,
  TRUE AS automated,
  orders.order_purchase_timestamp AS occurred_at,
  orders.customer_id AS identifier_customer_id,
  raw.order_id AS reference,
  coalesce(translation.product_category_name_english, products.product_category_name) AS product,
  price AS amount,
  'BRL' AS currency,
  raw.product_id AS property_product_id,
  raw.seller_id AS property_seller_id,
  CAST(freight_value AS DOUBLE) AS property_freight_value,
  CAST(products.product_weight_g AS DOUBLE) AS property_weight_g,
  shipping_limit_date AS property_shipping_limit_at
FROM raw
LEFT JOIN orders ON orders.order_id = raw.order_id
LEFT JOIN products ON products.product_id = raw.product_id
LEFT JOIN translation ON translation.product_category_name = products.product_category_name
