-- One row is one recipient of one campaign; each activity is one event. Who did nothing gives none.
SELECT
  campaign_id || ':' || email_id || ':' || (act->>'action') || ':' || (act->>'timestamp') || coalesce(':' || (act->>'url'), '') AS id,
  CASE act->>'action' WHEN 'open' THEN 'email_opened' WHEN 'click' THEN 'email_clicked' WHEN 'bounce' THEN 'email_bounced' ELSE 'email_' || (act->>'action') END AS name,
  'email' AS channel,
  CASE act->>'action' WHEN 'click' THEN 'inbound' WHEN 'open' THEN 'inbound' ELSE 'outbound' END AS direction,
  (act->>'action') <> 'click' AS automated,
  act->>'timestamp' AS occurred_at,
  campaign_id AS reference,
  CASE WHEN (act->>'action') = 'bounce' THEN act->>'type' END AS outcome,
  act->>'url' AS property_url,
  list_id AS property_list,
  email_address AS identifier_email,
  'mailchimp:' || email_id AS identifier_account
FROM (SELECT *, unnest(json_get_array(activity)) AS act FROM raw)
