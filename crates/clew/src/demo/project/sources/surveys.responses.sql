-- Long form: one response per question. The comment goes with the main question of its survey.
-- `about_reference` names the order or the case, so that what drives the score is looked for there.
SELECT
  response_id || ':recommend' AS id, survey, 'recommend' AS question, 'nps' AS kind, CAST(q_nps AS DOUBLE) AS score, 0 AS scale_min, 10 AS scale_max,
  comment AS text, language, 'customer' AS respondent, 'survey' AS channel,
  lower(email) AS identifier_email, respondent_id AS identifier_respondent_id,
  order_no AS about_reference, collector, invited AS invited_at, answered AS answered_at
FROM raw
WHERE survey IN ('order_feedback', 'relationship')
UNION ALL
SELECT
  response_id || ':satisfaction', survey, 'satisfaction', 'csat', CAST(q_csat AS DOUBLE), 1, 5,
  CASE WHEN survey = 'contact_feedback' THEN comment END, language, 'customer', 'survey',
  lower(email), respondent_id,
  coalesce(order_no, case_no), collector, invited, answered
FROM raw
WHERE survey IN ('order_feedback', 'contact_feedback')
UNION ALL
SELECT
  response_id || ':ease', survey, 'ease', 'ces', CAST(q_ces AS DOUBLE), 1, 7,
  NULL, NULL, 'customer', 'survey',
  lower(email), respondent_id,
  case_no, collector, invited, answered
FROM raw
WHERE survey = 'contact_feedback'
