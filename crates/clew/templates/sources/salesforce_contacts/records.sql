-- One row is one contact. A deleted one is a version of its own, so that its last state stays known.
SELECT
  "Id" AS id,
  'person' AS kind,
  "FirstName" AS given_name,
  -- What Salesforce writes where nobody gave a name: the field must not be empty.
  NULLIF("LastName", '[not provided]') AS family_name,
  "Email" AS emails,
  make_array("Phone", "MobilePhone") AS phones,
  "Birthdate" AS birth_date,
  "MailingStreet" AS street,
  "MailingPostalCode" AS postcode,
  "MailingCity" AS city,
  "MailingState" AS region,
  "MailingCountryCode" AS country,
  "Account"->>'Name' AS organisation,
  CASE WHEN "HasOptedOutOfEmail" = 'true' OR "DoNotCall" = 'true' THEN '{"contact": false}' WHEN "HasOptedOutOfEmail" = 'false' THEN '{"contact": true}' END AS consents,
  "LastModifiedDate" AS valid_from,
  "LeadSource" AS property_lead_source,
  "Title" AS property_title,
  "OwnerId" AS property_owner,
  CASE WHEN "IsDeleted" = 'true' THEN true END AS property_deleted_in_salesforce,
  'salesforce:' || "Id" AS identifier_account,
  "Email" AS identifier_email,
  make_array("Phone", "MobilePhone") AS identifier_phone
FROM raw
