-- One row is one contact; everything about them is text under `properties`.
SELECT
  id,
  'person' AS kind,
  NULLIF(properties->>'firstname', '') AS given_name,
  NULLIF(properties->>'lastname', '') AS family_name,
  array_concat(make_array(properties->>'email'), string_to_array(properties->>'hs_additional_emails', ';')) AS emails,
  make_array(properties->>'phone', properties->>'mobilephone') AS phones,
  properties->>'address' AS street,
  properties->>'zip' AS postcode,
  properties->>'city' AS city,
  properties->>'state' AS region,
  properties->>'hs_country_region_code' AS country,
  NULLIF(properties->>'company', '') AS organisation,
  CASE properties->>'hs_email_optout' WHEN 'true' THEN '{"contact": false}' WHEN 'false' THEN '{"contact": true}' END AS consents,
  coalesce(properties->>'lastmodifieddate', "updatedAt") AS valid_from,
  properties->>'lifecyclestage' AS property_lifecycle_stage,
  properties->>'hs_analytics_source' AS property_source,
  'hubspot:' || id AS identifier_account,
  array_concat(make_array(properties->>'email'), string_to_array(properties->>'hs_additional_emails', ';')) AS identifier_email,
  make_array(properties->>'phone', properties->>'mobilephone') AS identifier_phone
FROM raw
WHERE coalesce(archived, 'false') <> 'true'
