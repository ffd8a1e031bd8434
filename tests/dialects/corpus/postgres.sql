SELECT id, quantity / 2, quantity / id, amount / 4, weight / 2, quantity % 3, MOD(quantity, id) FROM sales ORDER BY id
SELECT quantity FROM sales ORDER BY quantity
SELECT quantity FROM sales ORDER BY quantity DESC
SELECT quantity FROM sales ORDER BY quantity DESC NULLS LAST
SELECT id, "Name" FROM customers WHERE "Name" = 'Ada'
SELECT ID, 'it''s', 'back\slash' FROM Sales WHERE id = 1
SELECT id FROM sales WHERE note LIKE '50\% off' OR note ILIKE 'FINE' ORDER BY id
SELECT id FROM sales WHERE note LIKE '%|_%' ESCAPE '|'
SELECT id, note || '-' || id, CONCAT(note, '-', id), CONCAT_WS('/', note, day, id) FROM sales ORDER BY id
SELECT id, GREATEST(quantity, id), LEAST(quantity, id, customer) FROM sales ORDER BY id
SELECT id, SUBSTRING(note, 2, 3), SUBSTRING(note FROM 0 FOR 3), SUBSTR(note, -1, 4), SUBSTRING(note FROM 2) FROM sales ORDER BY id
SELECT id, LEFT(note, 2), RIGHT(note, 2), LPAD(note, 6), RPAD(note, 3, '*'), LENGTH(note), CHAR_LENGTH(note), OCTET_LENGTH(note) FROM sales ORDER BY id
SELECT id, STRPOS(note, 'e'), POSITION('e' IN note), REPLACE(note, 'e', 'E'), REPEAT(note, 2), SPLIT_PART(note, 'i', 2), ASCII(note), STARTS_WITH(note, 'f') FROM sales WHERE note <> '' ORDER BY id
SELECT TRIM('  a '), TRIM(BOTH 'xy' FROM 'xyaxy'), BTRIM('xxaxx', 'x'), LTRIM('  a'), RTRIM('a  ')
SELECT id, ROUND(amount, 1), ROUND(amount), ROUND(weight), TRUNC(amount), TRUNC(weight), TRUNC(amount, 1), CEIL(amount), FLOOR(weight), ABS(amount), SIGN(amount) FROM sales ORDER BY id
SELECT id, CAST(amount AS INT), CAST(weight AS INT) AS w, weight::bigint AS b, id::text AS i, amount::text, '12'::int, amount::numeric(5,1), weight::numeric(5,1), note::varchar(2) FROM sales ORDER BY id
SELECT 0.1 + 0.2 = 0.3, 1.10 * 2.20, 3 - 4.25, 5.5 % 2, 10.0 / 4
SELECT AVG(quantity), AVG(amount), AVG(weight), SUM(quantity), SUM(amount), COUNT(*), COUNT(quantity), COUNT(DISTINCT customer) FROM sales
SELECT customer, AVG(quantity), MIN(note), MAX(amount), MIN(day) FROM sales GROUP BY customer ORDER BY customer
SELECT STDDEV(weight), STDDEV_POP(weight), VARIANCE(weight), VAR_POP(weight), STDDEV_SAMP(quantity) FROM sales
SELECT customer, STRING_AGG(note, ', ' ORDER BY id DESC) FROM sales GROUP BY customer ORDER BY customer
SELECT customer, ARRAY_AGG(id ORDER BY id) FROM sales GROUP BY customer ORDER BY customer
SELECT customer, COUNT(*) FILTER (WHERE quantity > 0), SUM(amount) FILTER (WHERE id > 2) FROM sales GROUP BY customer ORDER BY 1
SELECT customer AS c, COUNT(*) AS k FROM sales GROUP BY c HAVING COUNT(*) > 1 ORDER BY k, c
SELECT customer, COUNT(*) FROM sales GROUP BY 1 ORDER BY 2 DESC, 1
SELECT customer, SUM(amount) AS amount FROM sales GROUP BY customer HAVING SUM(amount) > 1 ORDER BY amount
SELECT customer, GROUPING(customer), SUM(quantity) FROM sales GROUP BY ROLLUP (customer) ORDER BY 1, 2
SELECT customer, day, SUM(quantity) FROM sales GROUP BY GROUPING SETS ((customer), (day), ()) ORDER BY 1, 2, 3
SELECT BOOL_AND(quantity > 0), BOOL_OR(quantity > 0), EVERY(id > 0) FROM sales
SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY weight), PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY quantity DESC) FROM sales
SELECT id, day + INTERVAL '1 month', day - INTERVAL '1' DAY, moment + INTERVAL '90 minutes', day + 3, day - 1, day - DATE '2024-01-01', day + quantity::int FROM sales ORDER BY id
SELECT id, DATE_TRUNC('month', moment), DATE_TRUNC('week', moment), DATE_TRUNC('hour', moment) FROM sales ORDER BY id
SELECT id, EXTRACT(YEAR FROM day), EXTRACT(DOW FROM day), EXTRACT(ISODOW FROM day), EXTRACT(DOY FROM day), EXTRACT(WEEK FROM day), EXTRACT(QUARTER FROM day), EXTRACT(HOUR FROM moment), DATE_PART('minute', moment) FROM sales ORDER BY id
SELECT id, TO_CHAR(moment, 'YYYY-MM-DD HH24:MI:SS'), TO_CHAR(day, 'DD/MM/YY') FROM sales ORDER BY id
SELECT id FROM sales WHERE day >= '2024-01-01' AND moment < '2024-03-01' ORDER BY id
SELECT id FROM sales WHERE id = '3' OR id IN ('1', 2) ORDER BY id
SELECT id, customer IS DISTINCT FROM 1, note IS NOT DISTINCT FROM 'fine' FROM sales ORDER BY id
SELECT id FROM sales WHERE note ~ '^f' OR note ~* 'OFF$' ORDER BY id
SELECT id, REGEXP_REPLACE(note, '[aeiou]', '*') FROM sales ORDER BY id
SELECT id, REGEXP_LIKE(note, 'f.n') FROM sales ORDER BY id
SELECT s.id, c."Name" FROM sales s LEFT JOIN customers c ON c.id = s.customer ORDER BY s.id
SELECT id, city FROM sales FULL JOIN customers USING (id) ORDER BY id
SELECT * FROM customers NATURAL JOIN (SELECT id, quantity FROM sales) q ORDER BY id
SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM sales WHERE customer IS NOT NULL)
SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM sales s WHERE s.customer = c.id) ORDER BY id
SELECT id FROM sales WHERE quantity > ALL (SELECT id FROM customers WHERE id < 3) ORDER BY id
SELECT id, (SELECT COUNT(*) FROM sales s WHERE s.customer = c.id) AS k FROM customers c ORDER BY k DESC, id
WITH big (i, c) AS (SELECT id, customer FROM sales WHERE amount > 2) SELECT big.i, customers.city FROM big LEFT JOIN customers ON customers.id = c ORDER BY 1
SELECT id FROM sales WHERE id < 3 UNION SELECT customer FROM sales UNION ALL SELECT id FROM customers ORDER BY id
(SELECT id FROM sales EXCEPT SELECT 1) INTERSECT SELECT id FROM customers ORDER BY 1
SELECT DISTINCT customer FROM sales ORDER BY customer DESC
SELECT CASE customer WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'more' END, CASE WHEN quantity > 4 THEN 1 END FROM sales
SELECT id, LAG(quantity) OVER (ORDER BY id), LEAD(id, 2, 0::bigint) OVER (ORDER BY id), SUM(quantity) OVER (PARTITION BY customer ORDER BY id), AVG(quantity) OVER (PARTITION BY customer) FROM sales ORDER BY id
SELECT id, FIRST_VALUE(id) OVER (ORDER BY amount, id), LAST_VALUE(id) OVER (ORDER BY amount, id), NTILE(2) OVER (ORDER BY id), RANK() OVER (ORDER BY customer), CUME_DIST() OVER (ORDER BY id) FROM sales ORDER BY id
SELECT id, COUNT(*) FILTER (WHERE quantity > 0) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING) FROM sales ORDER BY id
SELECT id FROM sales ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY
SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, NULL)) AS v (a, b) ORDER BY 1
SELECT MD5(note), SQRT(ABS(weight)), LN(id), LOG10(id), EXP(weight), POWER(weight, 2) FROM sales ORDER BY id
SELECT id, quantity BETWEEN 0 AND 5, quantity > 0 AND amount > 1, NOT quantity > 0, quantity IS NULL, (quantity > 0) IS TRUE FROM sales ORDER BY id
SELECT id, COALESCE(note, 'x'), NULLIF(note, 'fine'), -quantity FROM sales ORDER BY id
SELECT make_date(2024, 2, 29), DATE '2024-01-31', TIMESTAMP '2024-01-31 10:00:00'
SELECT /* a comment */ count(*) FROM sales
SELECT id FROM sales WHERE amount::numeric(5,1) = 1.3 OR amount::int = 7 OR weight::int = 2 OR moment::date = '2023-12-31' ORDER BY id
SELECT SUM(quantity) / COUNT(*), SUM(id) / 4, 1 / SUM(quantity), SUM(quantity) % 4 FROM sales
SELECT q / 2, q FROM (SELECT customer, SUM(quantity) AS q FROM sales GROUP BY customer) s ORDER BY q
SELECT COUNT(*) FROM sales HAVING SUM(quantity) / 5 > 2.5
SELECT id, SUM(id) OVER (ORDER BY id) / 4 FROM sales ORDER BY id
SELECT k, SIGN(i) / 2, SIGN(d) / 2, CEIL(i) / 2, ROUND(i) / 2, TRUNC(i) / 2, EXTRACT(YEAR FROM dt) / 2, LENGTH(t) / 2, (dt - DATE '2024-01-01') / 2, NULLIF(n, 7.0) / 2, NULLIF(dt, ts) FROM edges ORDER BY k
SELECT SUM(COALESCE(i, 0)) / 4, SUM(LENGTH(t)) / 4, SUM(i) / 4, SUM(n) / 4, SUM(i + 1) / 4 FROM edges WHERE k NOT IN (6, 9)
SELECT k, t ~ '.*', NOT t ~ '.*', REGEXP_REPLACE(t, '\w+', 'Z'), GREATEST(d, f), FLOOR(d), i * 2, n * 3 FROM edges WHERE k NOT IN (6, 9) ORDER BY k
