SELECT
  customer_id AS id,
  'person' AS kind,
  customer_id AS identifier_customer_id,
  customer_unique_id AS identifier_customer_unique_id,
  lpad(customer_zip_code_prefix, 5, '0') AS postcode,
  customer_city AS city,
  customer_state AS region,
  'BR' AS country,
  CAST(geolocation.geolocation_lat AS DOUBLE) AS property_latitude,
  CAST(geolocation.geolocation_lng AS DOUBLE) AS property_longitude
FROM raw
LEFT JOIN geolocation ON geolocation.geolocation_zip_code_prefix = customer_zip_code_prefix
