SELECT id, quantity / 2, quantity // 2, amount / 3, weight / 2, quantity % 3, weight / quantity FROM sales ORDER BY id
SELECT quantity FROM sales ORDER BY quantity
SELECT quantity FROM sales ORDER BY quantity DESC
SELECT id, NAME, "name" FROM Customers WHERE "NAME" = 'Ada'
SELECT id FROM sales WHERE note LIKE '%\ %' OR note ILIKE 'FINE' ORDER BY id
SELECT id FROM sales WHERE note LIKE '%|_%' ESCAPE '|'
SELECT id, note || '-' || id, CONCAT(note, '-', id), CONCAT_WS('/', note, day, id) FROM sales ORDER BY id
SELECT id, GREATEST(quantity, id), LEAST(quantity, id, customer) FROM sales ORDER BY id
SELECT id, SUBSTRING(note, 2, 3), SUBSTR(note, 3), LEFT(note, 2), RIGHT(note, 2), LPAD(note, 6, '*'), LENGTH(note) FROM sales ORDER BY id
SELECT id, STRPOS(note, 'e'), INSTR(note, 'e'), REPLACE(note, 'e', 'E'), REPEAT(note, 2), SPLIT_PART(note, 'i', 2), STARTS_WITH(note, 'f'), CONTAINS(note, 'in') FROM sales ORDER BY id
SELECT TRIM('  a '), TRIM('xxaxx', 'x'), LTRIM('  a'), RTRIM('a  '), REVERSE('abc')
SELECT id, ROUND(amount, 1), ROUND(amount), ROUND(weight), TRUNC(weight), CEIL(amount), FLOOR(weight), ABS(amount), SIGN(amount) FROM sales ORDER BY id
SELECT id, CAST(amount AS INT), CAST(weight AS INT), weight::bigint, id::varchar, amount::varchar, amount::decimal(5,1), weight::decimal(5,1), note::varchar(2), TRY_CAST(note AS INT) FROM sales ORDER BY id
SELECT 0.1 + 0.2 = 0.3, 1.10 * 2.20, 3 - 4.25, 5.5 % 2, 1e0 / 3, 10.0 / 4, 1 / 0.0
SELECT AVG(quantity), AVG(amount), AVG(weight), SUM(quantity), SUM(amount), COUNT(*), COUNT(DISTINCT customer), MEDIAN(quantity), MEDIAN(weight) FROM sales
SELECT customer, COUNT(*) AS k, SUM(amount) FROM sales GROUP BY ALL ORDER BY k, customer
SELECT customer AS c, COUNT(*) AS k FROM sales GROUP BY c HAVING k > 1 ORDER BY c
SELECT id + 1 AS next, next * 2 AS twice FROM sales WHERE next > 3 ORDER BY id
SELECT id, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY id DESC) AS rn FROM sales QUALIFY rn = 1 ORDER BY id
SELECT id FROM sales QUALIFY RANK() OVER (ORDER BY quantity DESC) <= 2 ORDER BY quantity DESC, id
SELECT * EXCLUDE (moment, note) FROM sales ORDER BY id
SELECT * REPLACE (quantity + 1 AS quantity) FROM sales ORDER BY id
SELECT * RENAME (note AS remark) FROM sales ORDER BY remark
SELECT s.* FROM sales s ORDER BY id
SELECT customer, STRING_AGG(note, ', ' ORDER BY id DESC) FROM sales GROUP BY customer ORDER BY customer
SELECT customer, GROUP_CONCAT(id ORDER BY id), ARRAY_AGG(id ORDER BY id) FROM sales GROUP BY customer ORDER BY customer
SELECT COUNT(*) FILTER (quantity > 0), COUNT_IF(quantity > 0), COUNTIF(quantity > 3), BOOL_AND(id > 0) FROM sales
SELECT id, day + INTERVAL 1 MONTH, day - INTERVAL '1' DAY, moment + INTERVAL 90 MINUTE, day + 3, day - DATE '2024-01-01' FROM sales ORDER BY id
SELECT id, DATE_TRUNC('month', moment), DATE_TRUNC('week', day) FROM sales ORDER BY id
SELECT id, DATE_DIFF('day', day, DATE '2024-03-01'), DATEDIFF('month', day, DATE '2024-03-01'), DATE_DIFF('hour', moment, TIMESTAMP '2024-01-31 00:00:00'), DATE_DIFF('year', day, DATE '2025-01-01'), DATE_DIFF('quarter', day, DATE '2025-01-01') FROM sales ORDER BY id
SELECT id, YEAR(day), MONTH(moment), DAY(day), HOUR(moment), DAYOFWEEK(day), ISODOW(day), DAYOFYEAR(day), WEEK(day), QUARTER(day), LAST_DAY(day), EXTRACT(DOW FROM day), DATE_PART('week', day) FROM sales ORDER BY id
SELECT id, STRFTIME(moment, '%Y-%m-%d %H:%M:%S %b %a %j %p %y %B %A %I'), STRFTIME(day, '%d/%m/%Y') FROM sales ORDER BY id
SELECT id FROM sales WHERE day >= '2024-01-01' AND moment < '2024-03-01' ORDER BY id
SELECT id FROM sales WHERE REGEXP_MATCHES(note, '^[fF]') ORDER BY id
SELECT id, REGEXP_REPLACE(note, '[aeiou]', '*'), REGEXP_FULL_MATCH(note, '[a-z]+') FROM sales ORDER BY id
SELECT id, IFNULL(note, 'none'), IF(quantity > 4, 'more', 'less'), COALESCE(note, 'x') FROM sales ORDER BY id
SELECT id, city FROM sales FULL JOIN customers USING (id) ORDER BY id
SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM sales WHERE customer IS NOT NULL)
SELECT id, (SELECT COUNT(*) FROM sales s WHERE s.customer = c.id) AS k FROM customers c ORDER BY k DESC, id
WITH big AS (FROM sales WHERE amount > 2) SELECT count(*) FROM big
FROM sales SELECT id ORDER BY id
SELECT id, FIRST_VALUE(id) OVER (ORDER BY amount, id), LAST_VALUE(id) OVER (ORDER BY amount, id), SUM(quantity) OVER (PARTITION BY customer ORDER BY id) FROM sales ORDER BY id
SELECT STDDEV(weight), VARIANCE(weight), STDDEV_POP(quantity), VAR_POP(quantity) FROM sales
SELECT id, SQRT(weight + 3), EXP(weight), POWER(weight, 2), quantity == 3, MOD(quantity, 4) FROM sales ORDER BY id
SELECT DISTINCT customer FROM sales ORDER BY customer DESC
SELECT customer FROM sales UNION SELECT id FROM customers ORDER BY 1
SELECT id FROM sales WHERE amount::decimal(5,1) = 1.3 OR amount::int = 7 OR weight::int = 2 OR moment::date = '2023-12-31' ORDER BY id
SELECT k, t ~ '.*', UNICODE(t), NULLIF(dt, ts), GREATEST(d, f), FLOOR(d), FLOOR(i), TRY_CAST('yes' AS BOOLEAN), TRY_CAST('on' AS BOOLEAN) FROM edges ORDER BY k
