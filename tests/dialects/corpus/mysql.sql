SELECT id, quantity / 2, quantity / id, amount / 3, amount / quantity, weight / 2, weight / quantity FROM sales ORDER BY id
SELECT id, quantity DIV 2, quantity % 3, MOD(quantity, id), quantity % 0, quantity DIV 0 FROM sales ORDER BY id
SELECT quantity FROM sales ORDER BY quantity
SELECT quantity FROM sales ORDER BY quantity DESC
SELECT id, ROW_NUMBER() OVER (ORDER BY quantity, id) FROM sales ORDER BY id
SELECT id FROM sales ORDER BY id LIMIT 2, 3
SELECT id FROM sales ORDER BY id LIMIT 3 OFFSET 1
SELECT `ID`, `Sales`.`Note` FROM `sales` AS `Sales` WHERE `note` = "fine"
SELECT id, NAME FROM customers WHERE nAme = 'Ada'
SELECT id, "double 'quoted'", 'it''s', 'it\'s', 'back\\slash', 'tab\t.' FROM sales WHERE id = 1
SELECT id FROM sales WHERE note LIKE '50\% off'
SELECT id FROM sales WHERE note LIKE '%\\\\ %'
SELECT id FROM sales WHERE note LIKE '%|_%' ESCAPE '|'
SELECT id FROM sales WHERE note NOT LIKE 'F%' ORDER BY id
SELECT id, customer = 1 || quantity = 5 FROM sales ORDER BY id
SELECT id, (customer = 1) XOR (quantity > 0), !(quantity > 0) FROM sales ORDER BY id
SELECT id, quantity > 0, quantity > 0 AND amount > 1, quantity IS NULL, NOT quantity > 0 FROM sales ORDER BY id
SELECT SUM(quantity > 0), SUM(amount > 1) FROM sales
SELECT id FROM sales WHERE quantity ORDER BY id
SELECT id FROM sales WHERE NOT quantity
SELECT id, IF(quantity, 'some', 'none'), IF(quantity > 4, amount, 0) FROM sales ORDER BY id
SELECT id, IFNULL(note, 'none'), COALESCE(note, 'x'), NULLIF(note, 'fine') FROM sales ORDER BY id
SELECT id, CONCAT(note, '-', id), CONCAT('a', amount), CONCAT_WS('/', note, day, id) FROM sales ORDER BY id
SELECT id, GREATEST(quantity, id), LEAST(quantity, id, customer) FROM sales ORDER BY id
SELECT id, SUBSTRING(note, 2, 3), SUBSTRING(note, -3, 2), SUBSTRING(note, 0, 2), SUBSTR(note, -9, 5), SUBSTRING(note, 2) FROM sales ORDER BY id
SELECT id, SUBSTRING(note FROM 2 FOR 3), SUBSTRING(note, id), SUBSTRING(note, quantity, 2), MID(note, 2, 2) FROM sales ORDER BY id
SELECT id, LEFT(note, 2), RIGHT(note, 2), LPAD(note, 6, '*'), RPAD(note, 3, '*') FROM sales ORDER BY id
SELECT id, LENGTH(Name), CHAR_LENGTH(Name), UPPER(Name), LOWER(Name), REVERSE(Name) FROM customers ORDER BY id
SELECT id, INSTR(note, 'e'), LOCATE('e', note), POSITION('e' IN note), REPLACE(note, 'e', 'E'), REPEAT(note, 2) FROM sales ORDER BY id
SELECT TRIM('  a '), LTRIM('  a '), RTRIM('  a '), TRIM(BOTH 'x' FROM 'xxaxx'), TRIM(LEADING 'x' FROM 'xxaxx')
SELECT id, ROUND(amount, 1), ROUND(amount), ROUND(weight), ROUND(-2.5), ROUND(2.345, 2), TRUNCATE(amount, 1) FROM sales ORDER BY id
SELECT id, CEIL(amount), FLOOR(amount), CEILING(weight), ABS(amount), SIGN(quantity), SIGN(amount) FROM sales ORDER BY id
SELECT id, POWER(weight, 2), SQRT(weight), LN(weight), LOG(weight), LOG10(quantity), EXP(weight) FROM sales ORDER BY id
SELECT id, CAST(amount AS SIGNED), CAST(weight AS SIGNED), CAST(id AS CHAR), CAST(amount AS CHAR), CAST('12' AS SIGNED) FROM sales ORDER BY id
SELECT id, CAST(weight AS DECIMAL(5,1)), CAST(amount AS DECIMAL(5,1)), CAST(amount AS DOUBLE), CAST(note AS CHAR(2)) FROM sales ORDER BY id
SELECT 0.1 + 0.2 = 0.3, 1.10 * 2.20, 1e0 / 3, 5.5 % 2, 3 - 4.25
SELECT AVG(quantity), AVG(amount), AVG(weight), SUM(quantity), SUM(amount), COUNT(*), COUNT(quantity), COUNT(DISTINCT customer) FROM sales
SELECT customer, AVG(quantity), MIN(note), MAX(amount), MIN(day) FROM sales GROUP BY customer ORDER BY customer
SELECT STD(weight), STDDEV(weight), STDDEV_SAMP(weight), VARIANCE(quantity), VAR_SAMP(quantity), VAR_POP(weight) FROM sales
SELECT customer, GROUP_CONCAT(id ORDER BY id DESC SEPARATOR '; ') FROM sales GROUP BY customer ORDER BY customer
SELECT customer, GROUP_CONCAT(DISTINCT note ORDER BY note) FROM sales GROUP BY customer ORDER BY customer
SELECT customer AS c, COUNT(*) AS k FROM sales GROUP BY c HAVING k > 1 ORDER BY c
SELECT customer, COUNT(*) FROM sales GROUP BY 1 ORDER BY 2 DESC, 1
SELECT customer, SUM(amount) AS amount FROM sales GROUP BY customer HAVING SUM(amount) > 1 ORDER BY amount
SELECT customer, city, SUM(quantity) FROM sales JOIN customers ON customers.id = customer GROUP BY customer, city WITH ROLLUP
SELECT id, DATE_ADD(day, INTERVAL 1 MONTH), DATE_SUB(day, INTERVAL 1 DAY), day + INTERVAL 1 YEAR, DATE_ADD(day, INTERVAL 3 HOUR) FROM sales ORDER BY id
SELECT id, DATE_ADD(day, INTERVAL quantity DAY), DATE_ADD(moment, INTERVAL 90 MINUTE), moment - INTERVAL 1 WEEK, ADDDATE(day, 5) FROM sales ORDER BY id
SELECT id, DATEDIFF(day, '2024-01-01'), DATEDIFF('2024-02-01', moment), TIMESTAMPDIFF(DAY, day, DATE '2024-03-01'), TIMESTAMPDIFF(HOUR, moment, TIMESTAMP '2024-01-31 00:00:00') FROM sales ORDER BY id
SELECT id, YEAR(day), MONTH(moment), DAY(day), QUARTER(day), HOUR(moment), MINUTE(moment), SECOND(moment), DAYOFWEEK(day), WEEKDAY(day), DAYOFYEAR(day), WEEKOFYEAR(day), LAST_DAY(day) FROM sales ORDER BY id
SELECT id, EXTRACT(YEAR FROM day), EXTRACT(MONTH FROM moment), EXTRACT(SECOND FROM moment), DATE(moment) FROM sales ORDER BY id
SELECT id, DATE_FORMAT(moment, '%Y-%m-%d %H:%i:%s %c %e %b %a %j %p %y %M %W %k %l %h %f %T %%'), DATE_FORMAT(day, '%d/%m/%Y') FROM sales ORDER BY id
SELECT id FROM sales WHERE day >= '2024-01-01' AND moment < '2024-03-01 00:00:00' ORDER BY id
SELECT id FROM sales WHERE day BETWEEN '2024-01-01' AND '2024-02-29' ORDER BY id
SELECT id FROM sales WHERE id = '3'
SELECT id FROM sales WHERE id IN (1, '2', 3) ORDER BY id
SELECT id, customer <=> NULL, note <=> 'fine' FROM sales ORDER BY id
SELECT id FROM sales WHERE note REGEXP '^f|F' ORDER BY id
SELECT id FROM sales WHERE note RLIKE '[0-9]+%' ORDER BY id
SELECT id, REGEXP_REPLACE(note, '[aeiou]', '*') FROM sales ORDER BY id
SELECT s.id, c.Name FROM sales s LEFT JOIN customers c ON c.id = s.customer ORDER BY s.id
SELECT s.id, c.city FROM sales s, customers c WHERE c.id = s.customer ORDER BY s.id
SELECT id FROM sales JOIN customers USING (id) ORDER BY id
SELECT * FROM customers NATURAL JOIN (SELECT id, quantity FROM sales) q ORDER BY id
SELECT id FROM customers WHERE id IN (SELECT customer FROM sales) ORDER BY id
SELECT id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM sales s WHERE s.customer = c.id)
SELECT id, (SELECT COUNT(*) FROM sales s WHERE s.customer = c.id) AS k FROM customers c ORDER BY k DESC, id
WITH big AS (SELECT * FROM sales WHERE amount > 2), c AS (SELECT Id, name FROM customers) SELECT big.id, c.NAME FROM big LEFT JOIN c ON c.ID = big.customer ORDER BY 1
SELECT id FROM sales WHERE id < 3 UNION SELECT customer FROM sales UNION ALL SELECT id FROM customers ORDER BY id
(SELECT id FROM sales ORDER BY id LIMIT 1) UNION ALL (SELECT id FROM sales ORDER BY id DESC LIMIT 1)
SELECT DISTINCT customer FROM sales ORDER BY customer DESC
SELECT CASE customer WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'more' END, CASE WHEN quantity > 4 THEN 1 END FROM sales
SELECT id, LAG(quantity) OVER (ORDER BY id), LEAD(id, 2) OVER (ORDER BY id), SUM(quantity) OVER (PARTITION BY customer ORDER BY id), AVG(quantity) OVER (PARTITION BY customer) FROM sales ORDER BY id
SELECT id, FIRST_VALUE(id) OVER (ORDER BY amount, id), LAST_VALUE(id) OVER (ORDER BY amount, id), NTILE(2) OVER (ORDER BY id), RANK() OVER (ORDER BY customer), PERCENT_RANK() OVER (ORDER BY id) FROM sales ORDER BY id
SELECT id, SUM(quantity) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM sales ORDER BY id
SELECT COUNT(*) FROM sales -- a comment
SELECT COUNT(*) FROM sales # another
SELECT /* one */ MAX(id) FROM sales WHERE TRUE AND 1
SELECT id, -quantity, - -quantity, +id FROM sales ORDER BY id
SELECT NULL, 1 = NULL, NULL IS NULL, TRUE, FALSE
SELECT id, amount * quantity, amount + id, quantity - amount, weight * amount FROM sales ORDER BY id
SELECT id, NVL(customer, 0), NVL2(customer, 'yes', 'no'), ISNULL(customer) FROM sales ORDER BY id
SELECT MD5(note) FROM sales
SELECT a.id FROM sales a WHERE a.quantity > (SELECT AVG(quantity) FROM sales b WHERE b.customer = a.customer)
SELECT id FROM sales WHERE CAST(amount AS DECIMAL(5,1)) = 1.3 OR CAST(amount AS SIGNED) = 7 OR amount / 3 = 33.333333
SELECT id FROM sales WHERE CAST(weight AS DECIMAL(5,0)) = 2 OR DATE(moment) = '2024-01-31' ORDER BY id
SELECT 1 FROM DUAL
SELECT id / 3 = 0.3333, id / 3 * 3, GREATEST(id / 3, 0.3), COALESCE(id / 3, 0) * 3, ROUND(id / 3, 6), CAST(id / 3 AS DECIMAL(10,6)), id / 3 + 0.000001, CONCAT(id / 3, ''), ABS(id / 3) * 3, IF(1, id / 3, 0) * 3, (id / 3) / 7, -(id / 3) * 3, ROUND(amount, 0) <> ROUND(amount, 2) FROM sales ORDER BY id
SELECT SUM(quantity / 3) * 3, SUM(quantity) / 3 * 3, AVG(quantity) * 3, AVG(amount) / 7, SUM(amount) / SUM(quantity) * 100 FROM sales
SELECT id FROM sales WHERE id / 7 BETWEEN 0.7142 AND 0.7143 OR ROUND(id / 3, 2) IN (0.33) ORDER BY id
SELECT k, t RLIKE '.*', REGEXP_REPLACE(t, '\\w+', 'Z'), REGEXP_REPLACE(t, '[\\w]', 'Z'), NULLIF(dt, ts), GREATEST(d, f), FLOOR(d), ROUND(CAST(d AS DECIMAL(20, 6)) / 7, 20) FROM edges ORDER BY k
