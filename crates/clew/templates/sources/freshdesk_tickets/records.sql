-- The requester as the ticket shows them: what each ticket says is a record of its own, because the API tells no time at which a person changed.
SELECT
  requester_id || '@' || id AS id,
  'person' AS kind,
  requester->>'name' AS full_name,
  requester->>'email' AS emails,
  make_array(requester->>'phone', requester->>'mobile') AS phones,
  created_at AS valid_from,
  requester->>'email' AS identifier_email,
  make_array(requester->>'phone', requester->>'mobile') AS identifier_phone,
  'freshdesk:' || requester_id AS identifier_account
FROM raw
WHERE (requester->>'id') IS NOT NULL AND coalesce(spam, 'false') <> 'true' AND coalesce(deleted, 'false') <> 'true'
