SELECT id, quantity / 2, -7 / 2, quantity % 3, MOD(quantity, 4), amount / 3, weight / 2, 7 / 2, 7e0 / 2 FROM sales ORDER BY id
SELECT 1.10 * 2.20, 10.0 / 4, 2.5 / 1.00, 1 / 3 * 3, 1e0 / 0, 0.1 + 0.2 = 0.3, 0.1e0 + 0.2e0 = 0.3e0
SELECT quantity FROM sales ORDER BY quantity
SELECT quantity FROM sales ORDER BY quantity DESC
SELECT id, "NAME", "name" AS n FROM "Customers" WHERE "NAME" = 'Ada'
SELECT id FROM sales WHERE note LIKE '%\%' OR note LIKE 'f%' ORDER BY id
SELECT id FROM sales WHERE note LIKE '%|_%' ESCAPE '|'
SELECT id, note || '-', CONCAT(note, '-', 'x'), CONCAT('a', NULL), GREATEST(quantity, id), LEAST(2, NULL) FROM sales ORDER BY id
SELECT id, SUBSTRING(note, 2, 3), SUBSTR(note, 3), SUBSTR(note, -3, 2), SUBSTR(note, 0), LPAD(note, 6, '*'), RPAD(note, 3, ' '), LENGTH(note) FROM sales ORDER BY id
SELECT id, STRPOS(note, 'e'), POSITION('e' IN note), REPLACE(note, 'e', 'E'), STARTS_WITH(note, 'f'), REVERSE(note) FROM sales ORDER BY id
SELECT TRIM('  a '), TRIM(BOTH 'x' FROM 'xxaxx'), LTRIM('  a'), RTRIM('a  '), UPPER('aé'), LOWER('AÉ')
SELECT id, ROUND(amount, 1), ROUND(amount), ROUND(weight), CEIL(amount), FLOOR(weight), ABS(amount), SIGN(amount), ROUND(quantity, -1), TRUNCATE(amount) FROM sales ORDER BY id
SELECT id, CAST(amount AS INTEGER), CAST(weight AS INTEGER), CAST(weight AS BIGINT), CAST(id AS VARCHAR), CAST(amount AS DECIMAL(5,1)), CAST(weight AS DECIMAL(5,1)), CAST(note AS VARCHAR(2)) FROM sales ORDER BY id
SELECT CAST(2.5 AS BIGINT), CAST(-2.5E0 AS BIGINT), CAST(1.4 AS INTEGER), TRY_CAST('x' AS INTEGER), TRY_CAST('12' AS INTEGER)
SELECT AVG(quantity), AVG(amount), AVG(weight), SUM(quantity), SUM(amount), COUNT(*), COUNT(DISTINCT customer) FROM sales
SELECT customer, COUNT(*) AS m FROM sales GROUP BY customer HAVING COUNT(*) > 1 ORDER BY m, customer
SELECT customer, SUM(quantity) FROM sales GROUP BY ROLLUP (customer) ORDER BY customer, 2
SELECT COUNT(*) FILTER (WHERE quantity > 0), COUNT_IF(quantity > 0), BOOL_AND(id > 0), EVERY(id > 1), BOOL_OR(id > 5) FROM sales
SELECT id, day + INTERVAL '1' MONTH, day - INTERVAL '1' DAY, moment + INTERVAL '90' MINUTE, DATE_ADD('month', 1, day), DATE_ADD('day', quantity, day) FROM sales ORDER BY id
SELECT id, DATE_TRUNC('month', moment), DATE_TRUNC('week', moment), DATE_TRUNC('month', day) FROM sales ORDER BY id
SELECT id, DATE_DIFF('day', day, DATE '2024-03-01'), DATE_DIFF('week', day, DATE '2024-03-01'), DATE_DIFF('hour', moment, TIMESTAMP '2024-03-01 00:00:00') FROM sales ORDER BY id
SELECT id, YEAR(day), MONTH(moment), DAY(day), HOUR(moment), MINUTE(moment), SECOND(moment), DAY_OF_WEEK(day), DAY_OF_YEAR(day), WEEK(day), QUARTER(day), LAST_DAY_OF_MONTH(day), EXTRACT(DOW FROM day), EXTRACT(WEEK FROM day) FROM sales ORDER BY id
SELECT id, DATE_FORMAT(moment, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(moment, '%d/%m/%y %b %a %e %c %j %p %f') FROM sales ORDER BY id
SELECT id FROM sales WHERE day >= DATE '2024-01-01' AND moment < TIMESTAMP '2024-03-01 00:00:00' ORDER BY id
SELECT id FROM sales WHERE REGEXP_LIKE(note, '^[fF]') OR REGEXP_LIKE(note, '\d+%') ORDER BY id
SELECT id, REGEXP_REPLACE(note, '[aeiou]', '*'), REGEXP_REPLACE(note, '\w+', 'W') FROM sales ORDER BY id
SELECT id, IF(quantity > 4, 'more', 'less'), COALESCE(note, 'x'), NULLIF(note, 'fine'), IF(quantity > 4, 'more') FROM sales ORDER BY id
SELECT id, customer IS DISTINCT FROM NULL, customer IS NOT DISTINCT FROM 1 FROM sales ORDER BY id
SELECT id, city FROM sales FULL JOIN customers USING (id) ORDER BY id
SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM sales WHERE customer IS NOT NULL)
SELECT id, (SELECT COUNT(*) FROM sales s WHERE s.customer = c.id) AS k FROM customers c ORDER BY k DESC, id
SELECT id, FIRST_VALUE(id) OVER (ORDER BY amount, id), LAST_VALUE(id) OVER (ORDER BY amount, id), SUM(quantity) OVER (PARTITION BY customer ORDER BY id), LAG(id, 1, 0) OVER (ORDER BY id), AVG(amount) OVER (PARTITION BY customer) FROM sales ORDER BY id
SELECT STDDEV(weight), VARIANCE(weight), STDDEV_POP(quantity), VAR_POP(quantity) FROM sales
SELECT id, SQRT(weight), EXP(weight), POWER(weight, 2), POW(quantity, 2) FROM sales ORDER BY id
SELECT customer FROM sales UNION SELECT id FROM customers ORDER BY 1
SELECT customer, LISTAGG(note, ', ') WITHIN GROUP (ORDER BY id DESC) FROM sales GROUP BY customer ORDER BY customer
SELECT id FROM sales ORDER BY id OFFSET 1 FETCH FIRST 2 ROWS ONLY
SELECT 'it''s', 'a\b', 'a\n'
SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, NULL)) AS v (a, b) ORDER BY 1
SELECT id, amount * quantity, amount + id, quantity - amount, weight * amount, amount / quantity, amount * amount FROM sales WHERE quantity <> 0 ORDER BY id
SELECT k, CAST(ts AS TIMESTAMP), CAST(ts AS TIMESTAMP(0)), CAST(ts AS TIMESTAMP(6)), CAST(ts AS TIMESTAMP) + INTERVAL '90' MINUTE FROM edges ORDER BY k
SELECT k, DATE_FORMAT(ts, '%Y-%m-%d %T.%f'), DATE_FORMAT(ts, '%k %l %h %p %W %M'), DATE_FORMAT(dt, '%e %c') FROM edges ORDER BY k
SELECT k, DATE_DIFF('day', ts, DATE '2024-02-29'), DATE_DIFF('hour', ts, TIMESTAMP '2024-01-31 12:00:00'), DATE_DIFF('second', DATE '2024-02-29', ts), DATE_DIFF('minute', ts, TIMESTAMP '2024-01-31 12:00:00.123456') FROM edges ORDER BY k
SELECT k, NULLIF(dt, ts), NULLIF(n, 7.0), GREATEST(d, f), LEAST(i, n, d, f), FLOOR(d), SUBSTR(t, 2, i), SUBSTR(t, 2, k - 4) FROM edges ORDER BY k
SELECT k, SIGN(d) / 2, SIGN(n) / 2, SIGN(f) / 2, TRUNCATE(i) / 2, ROUND(d, 1) / 3, CAST(ROUND(d, 1) AS VARCHAR), CAST(d / 4 AS VARCHAR) FROM edges ORDER BY k
SELECT k, REGEXP_LIKE(t, '.*'), NOT REGEXP_LIKE(t, '.*'), TRY_CAST(t AS BIGINT), TRY_CAST(t AS DECIMAL(12, 1)) FROM edges ORDER BY k
SELECT TRY_CAST('yes' AS BOOLEAN), TRY_CAST(' true ' AS BOOLEAN), TRY_CAST('T' AS BOOLEAN), TRY_CAST('abc' AS DATE), CAST('2024-01-05' AS DATE), TIMESTAMP '2024-01-01 10:00:00'
