-- One row is one person.
SELECT
  customer_id AS id,
  'person' AS kind,
  name AS full_name,
  city,
  country,
  customer_id AS identifier_customer_id,
  email AS identifier_email,
  phone AS identifier_phone,
  since AS valid_from
FROM raw
