-- One row is one message. The customer's number is the sender of what came in, and the recipient of what went out; times are RFC 2822.
SELECT
  sid AS id,
  CASE WHEN direction = 'inbound' THEN 'message_received' WHEN status IN ('failed', 'undelivered') THEN 'message_failed' ELSE 'message_sent' END AS name,
  CASE WHEN "from" LIKE 'whatsapp:%' OR "from" LIKE 'messenger:%' THEN 'messaging' ELSE 'sms' END AS channel,
  CASE direction WHEN 'inbound' THEN 'inbound' ELSE 'outbound' END AS direction,
  direction = 'outbound-reply' AS automated,
  parse_time(coalesce(date_sent, date_created), '%a, %d %b %Y %H:%M:%S %z') AS occurred_at,
  messaging_service_sid AS conversation_id,
  status AS outcome,
  NULLIF(body, '') AS text,
  error_code AS property_error_code,
  price AS property_price,
  CASE WHEN num_media <> '0' THEN num_media END AS property_media,
  regexp_replace(CASE direction WHEN 'inbound' THEN "from" ELSE "to" END, '^[a-z]+:', '') AS identifier_phone
FROM raw
