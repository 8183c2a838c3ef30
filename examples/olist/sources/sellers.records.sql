SELECT
  seller_id AS id,
  'organisation' AS kind,
  seller_id AS identifier_seller_id,
  lpad(seller_zip_code_prefix, 5, '0') AS postcode,
  seller_city AS city,
  seller_state AS region,
  'BR' AS country,
  CAST(geolocation.geolocation_lat AS DOUBLE) AS property_latitude,
  CAST(geolocation.geolocation_lng AS DOUBLE) AS property_longitude
FROM raw
LEFT JOIN geolocation ON geolocation.geolocation_zip_code_prefix = seller_zip_code_prefix
