SELECT
  answer_id || ':' || q['question'] AS id,
  'employee_survey' AS survey,
  q['question'] AS question,
  q['kind'] AS kind,
  CAST(q['score'] AS DOUBLE) AS score,
  CASE WHEN q['kind'] = 'nps' THEN 0 ELSE 1 END AS scale_min,
  CASE WHEN q['kind'] = 'nps' THEN 10 ELSE 5 END AS scale_max,
  CASE WHEN q['kind'] = 'nps' THEN comment END AS text,
  'employee' AS respondent,
  'survey' AS channel,
  employee_no AS identifier_employee_no,
  parse_time(asked_on, '%d.%m.%Y') AS invited_at,
  answered_at,
  team AS property_team
FROM (
  SELECT *, unnest(make_array(
    named_struct('question', 'engagement', 'kind', 'rating', 'score', engagement),
    named_struct('question', 'tools', 'kind', 'rating', 'score', tools),
    named_struct('question', 'recommend', 'kind', 'nps', 'score', recommend)
  )) AS q
  FROM raw
)
