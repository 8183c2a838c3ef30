-- One row is one response: its score with the comment, and each further question. The scale belongs to the kind of survey.
WITH given AS (
  SELECT
    id AS response, score, comment, additional_answers, person_properties,
    CASE survey_type WHEN 'nps' THEN 'nps' WHEN 'csat' THEN 'csat' WHEN 'csat3' THEN 'csat' WHEN 'ces' THEN 'ces' WHEN 'ces7' THEN 'ces' WHEN 'thumbs' THEN 'boolean' ELSE 'rating' END AS kind,
    CASE survey_type WHEN 'nps' THEN 0 WHEN 'thumbs' THEN 0 ELSE 1 END AS low,
    CASE survey_type WHEN 'nps' THEN 10 WHEN 'thumbs' THEN 1 WHEN 'csat3' THEN 3 WHEN 'ces7' THEN 7 ELSE 5 END AS high,
    survey_type,
    -- Times are Unix seconds, of the first answer and of the last change.
    epoch_seconds(CAST(created_at AS BIGINT)) AS answered,
    CASE json_as_text(person_properties, 'Delighted Source') WHEN 'Email' THEN 'email' WHEN 'SMS' THEN 'sms' WHEN 'Web' THEN 'web' WHEN 'Kiosk' THEN 'store' ELSE 'survey' END AS asked_by,
    person->>'email' AS mail,
    person->>'phone_number' AS tel,
    'delighted:' || coalesce(person->>'id', person) AS account
  FROM raw
)
SELECT
  response AS id, '{source}' AS survey, survey_type AS question, kind, score, low AS scale_min, high AS scale_max, NULLIF(comment, '') AS text, asked_by AS channel,
  person_properties->>'order' AS about_reference, answered AS answered_at, mail AS identifier_email, tel AS identifier_phone, account AS identifier_account
FROM given
UNION ALL
SELECT
  response || ':' || json_as_text(answer, 'question', 'id'), '{source}', json_as_text(answer, 'question', 'text'),
  CASE json_as_text(answer, 'question', 'type') WHEN 'scale' THEN 'rating' WHEN 'free_response' THEN 'text' ELSE 'choice' END,
  json_as_text(answer, 'value', 'number'), CASE json_as_text(answer, 'question', 'type') WHEN 'scale' THEN 1 END, CASE json_as_text(answer, 'question', 'type') WHEN 'scale' THEN 5 END,
  coalesce(json_as_text(answer, 'value', 'free_response'), json_as_text(answer, 'value', 'text')), asked_by,
  person_properties->>'order', answered, mail, tel, account
FROM (SELECT *, unnest(json_get_array(additional_answers)) AS answer FROM given)
