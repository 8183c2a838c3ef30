-- The registered buyer as the order's billing address shows them; guests give no record. What each order says is a record of its own.
SELECT
  customer_id || '@' || id AS id,
  'person' AS kind,
  billing->>'first_name' AS given_name,
  billing->>'last_name' AS family_name,
  NULLIF(billing->>'email', '') AS emails,
  NULLIF(billing->>'phone', '') AS phones,
  NULLIF(billing->>'address_1', '') AS street,
  NULLIF(billing->>'postcode', '') AS postcode,
  NULLIF(billing->>'city', '') AS city,
  NULLIF(billing->>'state', '') AS region,
  NULLIF(billing->>'country', '') AS country,
  NULLIF(billing->>'company', '') AS organisation,
  date_created_gmt || 'Z' AS valid_from,
  NULLIF(billing->>'email', '') AS identifier_email,
  NULLIF(billing->>'phone', '') AS identifier_phone,
  'woocommerce:' || customer_id AS identifier_account
FROM raw
WHERE customer_id <> '0' AND status NOT IN ('checkout-draft', 'auto-draft', 'trash')
