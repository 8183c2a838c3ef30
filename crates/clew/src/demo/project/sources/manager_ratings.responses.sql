SELECT
  rating_id AS id,
  'manager_rating' AS survey,
  'own_csat' AS question,
  'rating' AS kind,
  CAST(own_csat AS DOUBLE) AS score,
  1 AS scale_min,
  5 AS scale_max,
  'employee' AS respondent,
  'survey' AS channel,
  manager_no AS identifier_employee_no,
  rated_at AS answered_at,
  team AS property_team,
  month AS property_month
FROM raw
