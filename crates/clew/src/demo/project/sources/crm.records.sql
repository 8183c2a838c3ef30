-- One record per row. Names, numbers, dates and addresses are left to cleansing, which reads them in the record's country; what it
-- cannot know is said here: the letters of car plates stand for countries.
SELECT
  contact_no AS id,
  'person' AS kind,
  first_name AS given_name,
  last_name AS family_name,
  birth_date,
  make_array(email) AS emails,
  make_array(mobile, landline) AS phones,
  street,
  postcode,
  city,
  country_name AS country,
  company AS organisation,
  changed_on AS valid_from,
  customer_no AS identifier_user_id,
  email AS identifier_email,
  loyalty_card AS identifier_loyalty_card,
  mobile AS identifier_phone,
  landline AS identifier_landline,
  named_struct(
    'salutation', salutation,
    'newsletter', coalesce(clean_boolean(newsletter), false),
    'company_no', company_no,
    'country', country_code(country_name)
  ) AS attributes
FROM (
  SELECT *, CASE upper(country) WHEN 'D' THEN 'DE' WHEN 'E' THEN 'ES' ELSE country END AS country_name
  FROM raw
)
