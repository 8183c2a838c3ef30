-- One row is one response of a person; each question of interest becomes one answer. Adjust this list: an NPS question `QID1` also gives
-- `QID1_NPS_GROUP`, a text behind it `QID2_TEXT`, a matrix one value a line (`QID3_1`).
WITH given AS (
  SELECT
    "responseId" AS response, "values", labels,
    "values"->>'recordedDate' AS recorded_at,
    "values"->>'startDate' AS begun_at,
    CASE "values"->>'distributionChannel' WHEN 'email' THEN 'email' WHEN 'sms' THEN 'sms' WHEN 'social' THEN 'social' ELSE 'survey' END AS asked_by,
    lower("values"->>'userLanguage') AS language,
    NULLIF("values"->>'recipientEmail', '') AS mail,
    NULLIF("values"->>'externalDataReference', '') AS their_id
  FROM raw
  -- 0 and 16 are answers (from the web, offline); 1 a preview, 2 a test, 4 imported, 8 spam.
  WHERE ("values"->>'status') IN ('0', '4', '16') AND ("values"->>'finished') = '1'
), answers AS (
  SELECT *, unnest([
    named_struct('question', 'recommend', 'kind', 'nps', 'score', "values"->>'QID1', 'text', "values"->>'QID2_TEXT', 'low', 0, 'high', 10),
    named_struct('question', 'delivery', 'kind', 'csat', 'score', "values"->>'QID3_1', 'text', CAST(NULL AS VARCHAR), 'low', 1, 'high', 5),
    named_struct('question', 'service', 'kind', 'csat', 'score', "values"->>'QID3_2', 'text', CAST(NULL AS VARCHAR), 'low', 1, 'high', 5),
    named_struct('question', 'bought_before', 'kind', 'choice', 'score', CAST(NULL AS VARCHAR), 'text', labels->>'QID4', 'low', CAST(NULL AS BIGINT), 'high', CAST(NULL AS BIGINT))
  ]) AS answer
  FROM given
)
SELECT
  response || ':' || answer['question'] AS id,
  '{source}' AS survey,
  answer['question'] AS question,
  answer['kind'] AS kind,
  answer['score'] AS score,
  answer['low'] AS scale_min,
  answer['high'] AS scale_max,
  answer['text'] AS text,
  language,
  asked_by AS channel,
  begun_at AS invited_at,
  recorded_at AS answered_at,
  "values"->>'orderNumber' AS about_reference,
  "values"->>'duration' AS property_duration_seconds,
  mail AS identifier_email,
  their_id AS identifier_customer_id
FROM answers
WHERE answer['score'] IS NOT NULL OR answer['text'] IS NOT NULL
