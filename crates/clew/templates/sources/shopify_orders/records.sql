-- The customer as the order shows them; a guest gives no record. Several orders may show the same customer at different times: each state is a
-- record of its own, so that importing old orders again changes nothing.
SELECT
  (customer->>'id') || '@' || coalesce(customer->>'updated_at', created_at) AS id,
  'person' AS kind,
  customer->>'first_name' AS given_name,
  customer->>'last_name' AS family_name,
  customer->>'email' AS emails,
  coalesce(customer->>'phone', json_as_text(customer, 'default_address', 'phone')) AS phones,
  json_as_text(customer, 'default_address', 'address1') AS street,
  json_as_text(customer, 'default_address', 'zip') AS postcode,
  json_as_text(customer, 'default_address', 'city') AS city,
  json_as_text(customer, 'default_address', 'province') AS region,
  json_as_text(customer, 'default_address', 'country_code') AS country,
  json_as_text(customer, 'default_address', 'company') AS organisation,
  CASE json_as_text(customer, 'email_marketing_consent', 'state')
    WHEN 'subscribed' THEN '{"contact": true}' WHEN 'unsubscribed' THEN '{"contact": false}' WHEN 'not_subscribed' THEN '{"contact": false}'
  END AS consents,
  coalesce(customer->>'updated_at', created_at) AS valid_from,
  NULLIF(customer->>'tags', '') AS property_tags,
  'shopify:' || (customer->>'id') AS identifier_account,
  customer->>'email' AS identifier_email,
  coalesce(customer->>'phone', json_as_text(customer, 'default_address', 'phone')) AS identifier_phone
FROM raw
WHERE (customer->>'id') IS NOT NULL AND coalesce(test, 'false') <> 'true'
