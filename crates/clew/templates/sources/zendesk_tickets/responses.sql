-- The rating of the ticket: good or bad. What was only offered is no answer.
SELECT
  id || ':rating' AS id,
  'zendesk_satisfaction' AS survey,
  'satisfaction' AS question,
  'boolean' AS kind,
  CASE satisfaction_rating->>'score' WHEN 'good' THEN 1 WHEN 'bad' THEN 0 END AS score,
  NULLIF(satisfaction_rating->>'comment', '') AS text,
  'email' AS channel,
  id AS about_reference,
  id AS about_conversation,
  assignee->>'id' AS collector,
  coalesce(satisfaction_rating->>'updated_at', satisfaction_rating->>'created_at') AS answered_at,
  satisfaction_rating->>'reason' AS property_reason,
  requester->>'email' AS identifier_email,
  'zendesk:' || (requester->>'id') AS identifier_account
FROM raw
WHERE (satisfaction_rating->>'score') IN ('good', 'bad')
