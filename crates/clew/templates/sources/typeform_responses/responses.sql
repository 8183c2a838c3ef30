-- One row is one submission; each answer names the field, its type, and holds the value under the name of its own type. An address
-- that was asked for identifies the person and is no answer; where it stands among the first five is looked at.
WITH submitted AS (
  SELECT
    response_id, answers, hidden, submitted_at, landed_at,
    coalesce(
      hidden->>'email', json_as_text(answers, 0, 'email'), json_as_text(answers, 1, 'email'), json_as_text(answers, 2, 'email'),
      json_as_text(answers, 3, 'email'), json_as_text(answers, 4, 'email')
    ) AS mail
  FROM raw
  WHERE submitted_at IS NOT NULL AND submitted_at NOT LIKE '0001-%'
)
SELECT
  response_id || ':' || coalesce(json_as_text(answer, 'field', 'ref'), json_as_text(answer, 'field', 'id')) AS id,
  '{source}' AS survey,
  coalesce(json_as_text(answer, 'field', 'ref'), json_as_text(answer, 'field', 'id')) AS question,
  CASE
    WHEN json_as_text(answer, 'field', 'type') = 'nps' THEN 'nps'
    WHEN json_as_text(answer, 'field', 'type') IN ('opinion_scale', 'rating') THEN 'rating'
    WHEN (answer->>'type') = 'boolean' THEN 'boolean'
    WHEN (answer->>'type') IN ('choice', 'choices') THEN 'choice'
    ELSE 'text'
  END AS kind,
  CASE answer->>'type' WHEN 'number' THEN answer->>'number' WHEN 'boolean' THEN CASE answer->>'boolean' WHEN 'true' THEN '1' ELSE '0' END END AS score,
  CASE json_as_text(answer, 'field', 'type') WHEN 'opinion_scale' THEN 0 WHEN 'rating' THEN 1 END AS scale_min,
  CASE json_as_text(answer, 'field', 'type') WHEN 'opinion_scale' THEN 10 WHEN 'rating' THEN 5 END AS scale_max,
  CASE answer->>'type'
    WHEN 'text' THEN answer->>'text'
    WHEN 'choice' THEN coalesce(json_as_text(answer, 'choice', 'label'), json_as_text(answer, 'choice', 'other'))
    WHEN 'choices' THEN array_to_string(json_get_array(answer, 'choices', 'labels'), ', ')
  END AS text,
  'survey' AS channel,
  hidden->>'order' AS about_reference,
  landed_at AS invited_at,
  submitted_at AS answered_at,
  mail AS identifier_email,
  hidden->>'user_id' AS identifier_user_id
FROM (SELECT *, unnest(json_get_array(answers)) AS answer FROM submitted)
WHERE (answer->>'type') IN ('number', 'boolean', 'text', 'choice', 'choices')
