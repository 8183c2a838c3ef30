-- The inner SELECTs give `id` another name, as the result has a column of that name too.
SELECT
  chat || ':start' AS id, 'contact_started' AS name, 'chat' AS channel, 'inbound' AS direction, started AS occurred_at,
  json_get_str(customer, 'email') AS identifier_email, json_get_str(customer, 'userId') AS identifier_user_id,
  chat AS conversation_id, "caseNo" AS reference, team, NULL AS agent_id,
  NULL AS outcome, NULL AS property_wait_ms, NULL AS text
FROM (SELECT id AS chat, started, customer, "caseNo", team FROM raw)
UNION ALL
SELECT
  chat || ':end', 'contact_ended', 'chat', NULL, ended,
  json_get_str(customer, 'email'), json_get_str(customer, 'userId'),
  chat, "caseNo", team, agent,
  result, CAST("waitSeconds" AS BIGINT) * 1000, NULL
FROM (SELECT id AS chat, ended, customer, "caseNo", team, agent, result, "waitSeconds" FROM raw)
UNION ALL
SELECT
  chat || ':transfer:' || json_get_str(transfer, 'at'), 'contact_transferred', 'chat', NULL, json_get_str(transfer, 'at'),
  json_get_str(customer, 'email'), json_get_str(customer, 'userId'),
  chat, "caseNo", NULL, NULL,
  NULL, NULL, NULL
FROM (SELECT id AS chat, customer, "caseNo", unnest(json_get_array(transfers)) AS transfer FROM raw)
UNION ALL
-- What the customer wrote; the agent's lines say nothing about the customer.
SELECT
  chat || ':message:' || json_get_str(message, 'at'), 'chat_message', 'chat', NULL, json_get_str(message, 'at'),
  json_get_str(customer, 'email'), json_get_str(customer, 'userId'),
  chat, NULL, NULL, NULL,
  NULL, NULL, json_get_str(message, 'text')
FROM (SELECT id AS chat, customer, unnest(json_get_array(messages)) AS message FROM raw)
WHERE json_get_str(message, 'from') = 'customer'
