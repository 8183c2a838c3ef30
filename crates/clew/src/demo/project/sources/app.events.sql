SELECT
  id,
  event AS name,
  'app' AS channel,
  epoch_millis(CAST("time" AS BIGINT)) AS occurred_at,
  device AS identifier_device_id,
  "userId" AS identifier_user_id,
  "order" AS reference,
  screen AS property_screen,
  json_get_str(app, 'version') AS property_app_version
FROM raw
