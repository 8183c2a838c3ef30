-- One row is one response; its pages hold questions, which hold answers. A rating has the weight of its choice.
WITH answered AS (
  SELECT *, unnest(json_get_array(question, 'answers')) AS answer
  FROM (
    SELECT *, unnest(json_get_array(page, 'questions')) AS question
    FROM (SELECT *, unnest(json_get_array(pages)) AS page FROM raw WHERE response_status = 'completed')
  )
), scored AS (
  SELECT
    *,
    json_as_text(answer, 'choice_metadata', 'weight') AS weight,
    (question->>'family') = 'matrix' AND lower(question->>'heading') LIKE '%recommend%' AS is_nps
  FROM answered
)
SELECT
  id || ':' || (question->>'id') || coalesce(':' || (answer->>'row_id'), '') || coalesce(':' || (answer->>'choice_id'), '') AS id,
  survey_id AS survey,
  (question->>'id') || coalesce(':' || CASE WHEN NOT is_nps THEN answer->>'row_id' END, '') AS question,
  CASE WHEN is_nps THEN 'nps' WHEN weight IS NOT NULL THEN 'rating' WHEN (question->>'family') = 'open_ended' THEN 'text' ELSE 'choice' END AS kind,
  weight AS score,
  CASE WHEN is_nps THEN 0 WHEN weight IS NOT NULL THEN 1 END AS scale_min,
  CASE WHEN is_nps THEN 10 WHEN weight IS NOT NULL THEN 5 END AS scale_max,
  CASE WHEN weight IS NULL THEN coalesce(answer->>'text', answer->>'simple_text') END AS text,
  CASE collection_mode WHEN 'default' THEN 'survey' ELSE 'system' END AS channel,
  collector_id AS collector,
  date_created AS invited_at,
  date_modified AS answered_at,
  custom_variables->>'order' AS about_reference,
  question->>'heading' AS property_heading,
  CASE WHEN weight IS NOT NULL THEN answer->>'simple_text' END AS property_label,
  json_as_text(metadata, 'contact', 'email', 'value') AS identifier_email,
  custom_variables->>'customer' AS identifier_customer_id
FROM scored
