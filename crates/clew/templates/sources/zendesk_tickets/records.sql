-- The requester. Somebody without an address came by phone or chat. Each state that tickets show is a record of its own, so that importing old
-- tickets again changes nothing.
SELECT
  (requester->>'id') || '@' || coalesce(requester->>'updated_at', created_at) AS id,
  'person' AS kind,
  requester->>'name' AS full_name,
  requester->>'email' AS emails,
  requester->>'phone' AS phones,
  organization->>'name' AS organisation,
  coalesce(requester->>'updated_at', created_at) AS valid_from,
  requester->>'locale' AS property_locale,
  requester->>'time_zone' AS property_time_zone,
  requester->>'email' AS identifier_email,
  requester->>'phone' AS identifier_phone,
  'zendesk:' || (requester->>'id') AS identifier_account
FROM raw
WHERE (requester->>'id') IS NOT NULL
