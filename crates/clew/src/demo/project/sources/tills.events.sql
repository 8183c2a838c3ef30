-- S99 is the training till.
SELECT
  receipt AS id,
  'store_purchase' AS name,
  'store' AS channel,
  parse_time("at", '%d/%m/%Y %H:%M') AS occurred_at,
  replace(card, ' ', '') AS identifier_loyalty_card,
  store AS location,
  CAST(total AS DECIMAL(18, 4)) AS amount,
  'EUR' AS currency
FROM raw
WHERE store <> 'S99'
