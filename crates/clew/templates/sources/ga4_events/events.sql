-- One row is one event. Parameters are a list of key and value, which a row-wise look-up takes out of its text; BigQuery writes the key first.
WITH named AS (
  SELECT
    *,
    (regexp_match(event_params, '"key":\s*"page_location",\s*"value":\s*\{[^}]*"string_value":\s*"([^"]*)"'))[1] AS page,
    (regexp_match(event_params, '"key":\s*"ga_session_id",\s*"value":\s*\{[^}]*"int_value":\s*"?([0-9]+)'))[1] AS session,
    (regexp_match(event_params, '"key":\s*"engagement_time_msec",\s*"value":\s*\{[^}]*"int_value":\s*"?([0-9]+)'))[1] AS engaged,
    (regexp_match(event_params, '"key":\s*"search_term",\s*"value":\s*\{[^}]*"string_value":\s*"([^"]*)"'))[1] AS searched
  FROM raw
  WHERE coalesce(privacy_info->>'analytics_storage', 'Yes') <> 'No'
)
SELECT
  -- The export has no id of its own: these name an event as GA4 itself tells them apart.
  user_pseudo_id || ':' || event_timestamp || ':' || event_name || coalesce(':' || event_bundle_sequence_id, '') AS id,
  CASE event_name WHEN 'purchase' THEN 'order_placed' WHEN 'page_view' THEN 'page_viewed' WHEN 'screen_view' THEN 'screen_viewed' ELSE event_name END AS name,
  CASE platform WHEN 'WEB' THEN 'web' ELSE 'app' END AS channel,
  'inbound' AS direction,
  epoch_millis(CAST(event_timestamp AS DOUBLE) / 1000) AS occurred_at,
  CASE WHEN session IS NOT NULL THEN user_pseudo_id || '.' || session END AS conversation_id,
  ecommerce->>'transaction_id' AS reference,
  ecommerce->>'purchase_revenue' AS amount,
  CASE WHEN (ecommerce->>'purchase_revenue') IS NOT NULL THEN (regexp_match(event_params, '"key":\s*"currency",\s*"value":\s*\{[^}]*"string_value":\s*"([^"]*)"'))[1] END AS currency,
  json_as_text(items, 0, 'item_name') AS product,
  CAST(engaged AS BIGINT) AS duration_ms,
  NULLIF(user_id, '') AS identifier_user_id,
  user_pseudo_id AS identifier_anonymous_id,
  page AS property_page,
  searched AS property_search_term,
  device->>'category' AS property_device,
  geo->>'country' AS property_country,
  traffic_source->>'source' AS property_first_source,
  collected_traffic_source->>'manual_campaign_name' AS property_campaign
FROM named
