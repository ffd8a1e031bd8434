SELECT id, quantity / 2, quantity DIV 2, amount / 3, weight / 2, quantity % 3, MOD(quantity, 4) FROM sales ORDER BY id
SELECT quantity FROM sales ORDER BY quantity
SELECT quantity FROM sales ORDER BY quantity DESC
SELECT id, NAME, `name` AS n FROM Customers WHERE `NAME` = "Ada"
SELECT id FROM sales WHERE note LIKE '50\\% off' OR note ILIKE 'FINE' ORDER BY id
SELECT id FROM sales WHERE note LIKE '%|_%' ESCAPE '|'
SELECT id, note || '-' || id, CONCAT(note, '-', id), CONCAT_WS('/', note, day, id) FROM sales ORDER BY id
SELECT id, GREATEST(quantity, id), LEAST(quantity, id, customer) FROM sales ORDER BY id
SELECT id, SUBSTRING(note, 2, 3), SUBSTR(note, 3), SUBSTRING(note, 0, 2), LEFT(note, 2), RIGHT(note, 2), LPAD(note, 6, '*'), RPAD(note, 3), LENGTH(note), CHAR_LENGTH(note) FROM sales ORDER BY id
SELECT id, INSTR(note, 'e'), LOCATE('e', note), POSITION('e' IN note), REPLACE(note, 'e', 'E'), REPEAT(note, 2), STARTSWITH(note, 'f'), CONTAINS(note, 'in'), ENDSWITH(note, 'e') FROM sales ORDER BY id
SELECT TRIM('  a '), TRIM(BOTH 'x' FROM 'xxaxx'), LTRIM('  a'), RTRIM('a  '), REVERSE('abc'), UPPER('aé'), LOWER('AÉ')
SELECT id, ROUND(amount, 1), ROUND(amount), ROUND(weight), CEIL(amount), FLOOR(weight), ABS(amount), SIGN(amount), ROUND(quantity, -1) FROM sales ORDER BY id
SELECT id, CAST(amount AS INT), CAST(weight AS INT), CAST(weight AS BIGINT), CAST(id AS STRING), CAST(amount AS DECIMAL(5,1)), CAST(weight AS DECIMAL(5,1)), CAST(note AS VARCHAR(2)), TRY_CAST(note AS INT) FROM sales ORDER BY id
SELECT 0.1 + 0.2 = 0.3, 1.10 * 2.20, 3 - 4.25, 5.5 % 2, 1e0 / 3, 10.0 / 4, 1 / 3
SELECT AVG(quantity), AVG(amount), AVG(weight), SUM(quantity), SUM(amount), COUNT(*), COUNT(DISTINCT customer), MEDIAN(quantity), MEDIAN(weight) FROM sales
SELECT customer, COUNT(*) AS k, SUM(amount) FROM sales GROUP BY ALL ORDER BY k, customer
SELECT customer AS c, COUNT(*) AS k FROM sales GROUP BY c HAVING k > 1 ORDER BY c
SELECT id + 1 AS next, next * 2 AS twice FROM sales WHERE id > 3 ORDER BY id
SELECT customer, city, SUM(quantity) FROM sales JOIN customers ON customers.id = customer GROUP BY customer, city WITH ROLLUP
SELECT customer, SUM(quantity) FROM sales GROUP BY ROLLUP (customer) ORDER BY customer, 2
SELECT COUNT(*) FILTER (WHERE quantity > 0), COUNT_IF(quantity > 0), BOOL_AND(id > 0), EVERY(id > 1) FROM sales
SELECT id, day + INTERVAL 1 MONTH, day - INTERVAL '1' DAY, moment + INTERVAL 90 MINUTE, DATE_ADD(day, 3), DATE_SUB(day, 1), ADD_MONTHS(day, 1), DATE_ADD(day, CAST(quantity AS INT)) FROM sales ORDER BY id
SELECT id, DATE_TRUNC('month', moment), DATE_TRUNC('week', moment) FROM sales ORDER BY id
SELECT id, DATEDIFF(day, DATE '2024-03-01'), DATEDIFF('2024-01-01', day) FROM sales ORDER BY id
SELECT id, YEAR(day), MONTH(moment), DAY(day), HOUR(moment), MINUTE(moment), SECOND(moment), DAYOFWEEK(day), WEEKDAY(day), DAYOFYEAR(day), WEEKOFYEAR(day), QUARTER(day), LAST_DAY(day), EXTRACT(DOW FROM day), EXTRACT(WEEK FROM day) FROM sales ORDER BY id
SELECT id, DATE_FORMAT(moment, 'yyyy-MM-dd HH:mm:ss'), DATE_FORMAT(day, 'dd/MM/yy MMM EEE d M') FROM sales ORDER BY id
SELECT id FROM sales WHERE day >= '2024-01-01' AND moment < '2024-03-01' ORDER BY id
SELECT id FROM sales WHERE note RLIKE '^[fF]' OR REGEXP_LIKE(note, '\\d+%') ORDER BY id
SELECT id, REGEXP_REPLACE(note, '[aeiou]', '*') FROM sales ORDER BY id
SELECT id, IFNULL(note, 'none'), IF(quantity > 4, 'more', 'less'), COALESCE(note, 'x'), NVL(customer, 0), NVL2(customer, 'y', 'n'), NULLIF(note, 'fine'), ISNULL(note) FROM sales ORDER BY id
SELECT id, DECODE(customer, 1, 'one', NULL, 'none', 'more'), EQUAL_NULL(customer, NULL), customer <=> 1 FROM sales ORDER BY id
SELECT id, city FROM sales FULL JOIN customers USING (id) ORDER BY id
SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM sales WHERE customer IS NOT NULL)
SELECT id, (SELECT COUNT(*) FROM sales s WHERE s.customer = c.id) AS k FROM customers c ORDER BY k DESC, id
SELECT id, FIRST_VALUE(id) OVER (ORDER BY amount, id), LAST_VALUE(id) OVER (ORDER BY amount, id), SUM(quantity) OVER (PARTITION BY customer ORDER BY id), LAG(id, 1, 0) OVER (ORDER BY id), AVG(amount) OVER (PARTITION BY customer) FROM sales ORDER BY id
SELECT STDDEV(weight), VARIANCE(weight), STDDEV_POP(quantity), VAR_POP(quantity), STD(weight) FROM sales
SELECT id, SQRT(weight), EXP(weight), POWER(weight, 2), LN(weight), LOG10(quantity), LOG2(id) FROM sales ORDER BY id
SELECT DISTINCT customer FROM sales ORDER BY customer DESC
SELECT customer FROM sales UNION SELECT id FROM customers ORDER BY 1
SELECT customer, LISTAGG(note, ', ') WITHIN GROUP (ORDER BY id DESC) FROM sales GROUP BY customer ORDER BY customer
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY weight) FROM sales
SELECT 'it\'s', "it's", 'a\\b', 'tab\t.', r'raw\n'
SELECT id FROM sales ORDER BY id LIMIT 2 OFFSET 1
SELECT v.a, v.b FROM VALUES (1, 'x'), (2, NULL) AS v (a, b) ORDER BY 1
SELECT id, amount * quantity, amount + id, quantity - amount, weight * amount, amount / quantity, amount * amount FROM sales WHERE quantity <> 0 ORDER BY id
SELECT k, TRY_CAST(t AS INT), TRY_CAST(t AS DATE), TRY_CAST('yes' AS BOOLEAN), TRY_CAST(' true ' AS BOOLEAN), TRY_CAST('on' AS BOOLEAN) FROM edges WHERE k < 8 ORDER BY k
SELECT k, d / i, (d + 1) / (n + 0.5), (d / 3) / 3, d / d / 3, 2.5 / CEIL(i), 2.5 / COALESCE(d, n), 2.5 / GREATEST(d, n), d * d / 7 FROM edges WHERE i <> 0 AND d <> 0 AND k NOT IN (6, 9) ORDER BY k
SELECT k, d / LENGTH(t), d / YEAR(dt), d / SIGN(n), d / (i % 4 + 5), ROUND(d, 1) / 3, n * 1.5 / 3 FROM edges WHERE n <> 0 AND t <> '' AND k NOT IN (6, 9) ORDER BY k
SELECT AVG(d) / 3, SUM(d) / COUNT(*), SUM(i) / 4, AVG(i), 2.5 / AVG(d) FROM edges WHERE k NOT IN (6, 9)
SELECT k, ROUND(f, 2), ROUND(f, 1), ROUND(-f, 2), ROUND(1.005e0, 2), ROUND(2.675e0, 2), ROUND(0.285e0, 2) FROM edges ORDER BY k
SELECT k, NULLIF(dt, ts), NULLIF(n, 7.0), GREATEST(d, f), LEAST(i, n, d, f), FLOOR(d), CEIL(f), SIGN(d) FROM edges ORDER BY k
SELECT k, t RLIKE '.*', REGEXP_LIKE(t, '.*'), REGEXP_REPLACE(t, '[a-c]+', 'Z'), SUBSTR(t, 2, i), SUBSTR(t, 2, k - 4) FROM edges ORDER BY k
SELECT k, DATEADD(year, 1, dt), DATEADD(month, -1, dt), DATEADD(day, k, dt), DATEADD(hour, 1, ts), TIMESTAMP '2024-01-01 10:00' FROM edges ORDER BY k
SELECT k, i * 2, i * 3 + n, n - i, i % 5, -i, ABS(i) FROM edges WHERE k NOT IN (6, 9) ORDER BY k
