SELECT
  mail_id || ':' || event AS id,
  'newsletter_' || event AS name,
  'email' AS channel,
  CASE WHEN event = 'sent' THEN 'outbound' END AS direction,
  TRUE AS automated,
  "at" AS occurred_at,
  lower(address) AS identifier_email,
  campaign AS property_campaign
FROM raw
