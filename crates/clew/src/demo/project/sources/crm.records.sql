-- One record per row. Phone numbers come in five spellings: digits first, then the country's code in front.
-- Dates are day.month.year; what is no date (31.02.1980) becomes null instead of losing the whole record.
SELECT
  contact_no AS id,
  'person' AS kind,
  trim(first_name) AS given_name,
  trim(last_name) AS family_name,
  TRY_CAST(substr(birth_date, 7, 4) || '-' || substr(birth_date, 4, 2) || '-' || substr(birth_date, 1, 2) AS DATE) AS birth_date,
  make_array(email) AS emails,
  make_array(mobile, landline) AS phones,
  street,
  upper(postcode) AS postcode,
  city,
  country_code AS country,
  company AS organisation,
  parse_time(changed_on, '%d.%m.%Y') AS valid_from,
  customer_no AS identifier_user_id,
  lower(trim(email)) AS identifier_email,
  loyalty_card AS identifier_loyalty_card,
  CASE
    WHEN mobile_digits LIKE '+%' THEN mobile_digits
    WHEN mobile_digits = '0000000000' THEN NULL
    WHEN mobile_digits LIKE '00%' THEN '+' || substr(mobile_digits, 3)
    WHEN mobile_digits LIKE '0%' THEN '+' || calling_code || substr(mobile_digits, 2)
    WHEN mobile_digits <> '' THEN '+' || calling_code || mobile_digits
  END AS identifier_phone,
  CASE
    WHEN landline_digits LIKE '+%' THEN landline_digits
    WHEN landline_digits LIKE '00%' THEN '+' || substr(landline_digits, 3)
    WHEN landline_digits LIKE '0%' THEN '+' || calling_code || substr(landline_digits, 2)
    WHEN landline_digits <> '' THEN '+' || calling_code || landline_digits
  END AS identifier_landline,
  named_struct('salutation', salutation, 'newsletter', lower(newsletter) IN ('yes', 'y', '1'), 'company_no', company_no, 'country', country_code) AS attributes
FROM (
  SELECT
    *,
    regexp_replace(mobile, '[^0-9+]', '', 'g') AS mobile_digits,
    regexp_replace(landline, '[^0-9+]', '', 'g') AS landline_digits,
    CASE
      WHEN lower(country) IN ('de', 'd', 'deu', 'germany', 'deutschland') THEN 'DE'
      WHEN lower(country) IN ('es', 'e', 'esp', 'spain', 'españa') THEN 'ES'
      ELSE 'IE'
    END AS country_code,
    CASE
      WHEN lower(country) IN ('de', 'd', 'deu', 'germany', 'deutschland') THEN '49'
      WHEN lower(country) IN ('es', 'e', 'esp', 'spain', 'españa') THEN '34'
      ELSE '353'
    END AS calling_code
  FROM raw
)
