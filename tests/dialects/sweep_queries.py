"""Whole queries of the sweep: names, aliases, groups, set operations, sub-queries, orders of NULLs."""

# ruff: noqa: E501  (a query a line)

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_COMMON = """
SELECT k, t FROM edges ORDER BY t
SELECT k, t FROM edges ORDER BY t DESC
SELECT k, n FROM edges ORDER BY n
SELECT k, n FROM edges ORDER BY n DESC
SELECT k, d FROM edges ORDER BY d NULLS FIRST
SELECT k, d FROM edges ORDER BY d DESC NULLS LAST
SELECT k, dt FROM edges ORDER BY dt, k
SELECT k, f FROM edges ORDER BY f DESC
SELECT k, i FROM edges ORDER BY 2 DESC, 1
SELECT k, i FROM edges ORDER BY i + 1
SELECT k AS i, i AS k FROM edges ORDER BY k
SELECT k, -k AS m FROM edges ORDER BY m
SELECT k, -k AS m FROM edges ORDER BY m + 1
SELECT k, -k AS k FROM edges ORDER BY k
SELECT id AS customer FROM sales ORDER BY customer
SELECT -id AS customer FROM sales ORDER BY ABS(customer), id
SELECT customer AS id, COUNT(*) FROM sales GROUP BY id ORDER BY 1, 2
SELECT customer AS c, COUNT(*) FROM sales GROUP BY c ORDER BY c
SELECT customer AS c, COUNT(*) FROM sales GROUP BY 1 ORDER BY 1
SELECT customer + 1 AS c, COUNT(*) AS m FROM sales GROUP BY c HAVING m > 1 ORDER BY c
SELECT customer, COUNT(*) AS m FROM sales GROUP BY customer HAVING COUNT(*) > 1 ORDER BY m, customer
SELECT id + 1 AS m FROM sales WHERE m > 3 ORDER BY m
SELECT id AS m, m + 1 AS o FROM sales ORDER BY m
SELECT customer, MAX(quantity) FROM sales GROUP BY customer ORDER BY MAX(quantity)
SELECT customer, MAX(quantity) FROM sales GROUP BY customer ORDER BY COUNT(*) DESC, customer
SELECT DISTINCT customer FROM sales ORDER BY customer
SELECT DISTINCT customer, quantity > 0 AS p FROM sales ORDER BY customer, p
SELECT COUNT(*), COUNT(customer), COUNT(DISTINCT customer) FROM sales
SELECT COUNT(*) FROM sales WHERE id > 99
SELECT SUM(quantity), MAX(note) FROM sales WHERE id > 99
SELECT customer, SUM(quantity) FROM sales WHERE id > 99 GROUP BY customer
SELECT customer, id % 2 AS p, SUM(quantity) FROM sales GROUP BY ROLLUP (customer, id % 2) ORDER BY 1, 2, 3
SELECT customer, SUM(quantity) FROM sales GROUP BY CUBE (customer) ORDER BY 1, 2
SELECT customer, SUM(quantity) FROM sales GROUP BY GROUPING SETS ((customer), ()) ORDER BY 1, 2
SELECT customer, GROUPING(customer) AS g FROM sales GROUP BY ROLLUP (customer) ORDER BY 2, 1
SELECT customer, SUM(quantity) FROM sales GROUP BY ALL ORDER BY 1
SELECT customer FROM sales UNION SELECT id FROM customers ORDER BY 1
SELECT customer FROM sales UNION ALL SELECT id FROM customers ORDER BY 1
SELECT customer FROM sales INTERSECT SELECT id FROM customers ORDER BY 1
SELECT customer FROM sales EXCEPT SELECT id FROM customers ORDER BY 1
SELECT customer FROM sales EXCEPT ALL SELECT id FROM customers ORDER BY 1
SELECT customer FROM sales INTERSECT ALL SELECT id FROM customers ORDER BY 1
SELECT customer FROM sales MINUS SELECT id FROM customers ORDER BY 1
SELECT 1 AS c UNION SELECT 2.5 ORDER BY c
SELECT 1 AS c UNION ALL SELECT 1.0 ORDER BY c
SELECT i AS c FROM edges UNION SELECT d FROM edges ORDER BY c
SELECT d AS c FROM edges UNION ALL SELECT f FROM edges ORDER BY c
SELECT dt AS c FROM edges UNION SELECT ts FROM edges ORDER BY c
SELECT 1 AS c UNION SELECT 'a' ORDER BY c
SELECT NULL AS c UNION SELECT 1 ORDER BY c
SELECT 1 AS c UNION SELECT 2 EXCEPT SELECT 2 INTERSECT SELECT 2 ORDER BY 1
SELECT 1 AS c UNION ALL SELECT 1 UNION SELECT 1
SELECT id FROM sales ORDER BY id LIMIT 2
SELECT id FROM sales ORDER BY id LIMIT 2 OFFSET 1
SELECT id FROM sales ORDER BY id LIMIT 0
SELECT id FROM sales ORDER BY id OFFSET 4 ROWS FETCH NEXT 1 ROWS ONLY
SELECT id FROM sales ORDER BY id OFFSET 4 LIMIT 1
SELECT id FROM sales ORDER BY id LIMIT 1, 2
SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, NULL)) AS v (a, b) ORDER BY 1
SELECT * FROM (VALUES (1, 2.5), (2, 3)) AS v (a, b) ORDER BY 1
SELECT a / 2, b / 2 FROM (VALUES (1, 2.5), (3, 3)) AS v (a, b) ORDER BY 1
VALUES (1, 'x')
WITH c AS (SELECT id FROM sales WHERE id < 3) SELECT a.id, b.id FROM c AS a CROSS JOIN c AS b ORDER BY 1, 2
WITH c (x) AS (SELECT id FROM sales) SELECT MAX(x) FROM c
WITH sales AS (SELECT 1 AS id) SELECT * FROM sales
WITH c AS (SELECT 7 AS x) SELECT x / 2, x / 2.0, d / x FROM c, edges WHERE k = 4
WITH c AS (SELECT COUNT(*) AS x FROM sales) SELECT x / 4, 1.5 / x FROM c
SELECT ID, "ID", "id" FROM sales WHERE id = 1
SELECT Id FROM SALES WHERE iD = 1
SELECT "Name" FROM customers ORDER BY id
SELECT name FROM customers ORDER BY id
SELECT Customers.NAME FROM customers ORDER BY id
SELECT `Name` FROM customers ORDER BY id
SELECT s.id FROM sales s JOIN customers c ON s.customer = c.id ORDER BY s.id
SELECT s.id, c.id FROM sales s LEFT JOIN customers c ON s.customer = c.id ORDER BY s.id
SELECT s.id, c.id FROM sales s RIGHT JOIN customers c ON s.customer = c.id ORDER BY 1, 2
SELECT s.id, c.id FROM sales s FULL JOIN customers c ON s.customer = c.id AND c.id > 1 ORDER BY 1, 2
SELECT id FROM sales JOIN customers USING (id) ORDER BY id
SELECT * FROM customers JOIN (SELECT id, quantity FROM sales) AS s USING (id) ORDER BY id
SELECT id, s.quantity FROM customers NATURAL JOIN (SELECT id, quantity FROM sales) AS s ORDER BY id
SELECT id FROM sales FULL JOIN customers USING (id) ORDER BY id
SELECT id FROM sales WHERE customer IN (SELECT id FROM customers WHERE city = 'Ghent') ORDER BY id
SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM sales) ORDER BY id
SELECT id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM sales s WHERE s.customer = c.id) ORDER BY id
SELECT id, (SELECT MAX(quantity) FROM sales s WHERE s.customer = c.id) AS m FROM customers c ORDER BY id
SELECT id FROM sales WHERE quantity > ALL (SELECT id FROM customers) ORDER BY id
SELECT id FROM sales WHERE quantity = ANY (SELECT id FROM customers) ORDER BY id
SELECT id FROM sales WHERE (customer, id) IN (SELECT id, id FROM customers) ORDER BY id
SELECT id FROM sales WHERE quantity > (SELECT AVG(quantity) FROM sales) ORDER BY id
SELECT id FROM sales SEMI JOIN customers USING (id) ORDER BY id
SELECT id FROM sales LEFT ANTI JOIN customers USING (id) ORDER BY id
SELECT id FROM sales QUALIFY ROW_NUMBER() OVER (PARTITION BY customer ORDER BY id) = 1 ORDER BY id
SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS r FROM sales QUALIFY r < 3 ORDER BY id
SELECT customer, SUM(SUM(quantity)) OVER (ORDER BY customer) FROM sales GROUP BY customer ORDER BY 1
SELECT id, SUM(quantity) OVER w FROM sales WINDOW w AS (ORDER BY id) ORDER BY id
SELECT id, LAST_VALUE(quantity) OVER (ORDER BY id) FROM sales ORDER BY id
SELECT id, FIRST_VALUE(quantity) OVER (ORDER BY quantity) FROM sales ORDER BY id
SELECT id, FIRST_VALUE(quantity) OVER (ORDER BY quantity DESC) FROM sales ORDER BY id
SELECT id, RANK() OVER (ORDER BY customer) FROM sales ORDER BY id
SELECT id, RANK() OVER (ORDER BY customer DESC) FROM sales ORDER BY id
SELECT id, COUNT(*) OVER (ORDER BY customer RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM sales ORDER BY id
SELECT id, SUM(id) OVER (ORDER BY day RANGE BETWEEN INTERVAL '40' DAY PRECEDING AND CURRENT ROW) FROM sales ORDER BY id
SELECT id, COUNT(*) OVER (ORDER BY id GROUPS 1 PRECEDING) FROM sales ORDER BY id
SELECT id, COUNT(*) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) FROM sales ORDER BY id
SELECT id, x FROM sales LATERAL VIEW EXPLODE(ARRAY(1, 2)) e AS x ORDER BY id, x
SELECT x FROM UNNEST(ARRAY[1, 2]) AS u (x) ORDER BY x
SELECT id, x FROM sales CROSS JOIN UNNEST(ARRAY[1, 2]) AS u (x) ORDER BY id, x
SELECT EXPLODE(ARRAY(1, 2))
SELECT ARRAY[1, 2][1]
SELECT ARRAY(1, 2)[1]
SELECT CARDINALITY(ARRAY[1, 2])
SELECT SIZE(ARRAY(1, 2))
SELECT NAMED_STRUCT('a', 1).a
SELECT MAP('a', 1)['a']
SELECT * EXCEPT (note, moment) FROM sales ORDER BY id
SELECT COUNT(*) FROM sales TABLESAMPLE (50 PERCENT)
SELECT * FROM sales PIVOT (SUM(quantity) FOR customer IN (1, 2))
SELECT 1 = 1 AS b, NOT 1 = 1 AS c, NULL = NULL AS e
SELECT 1 AS "a b"
SELECT 1 AS `a b`
SELECT 'a' 'b'
SELECT "a"
SELECT 1 -- said
SELECT 1 /* said */
SELECT 1e3, 1.5e0, .5, 5., 1E-2
SELECT -5 % 3, 5 % -3, -5.5 % 3, MOD(-5, 3)
SELECT 2 + 3 * 4 - 6 / 4, -2 - -3, NOT 1 = 2 AND 1 = 1
SELECT 1 < 2 AND 2 < 3 OR NULL
SELECT 5 BETWEEN 1 AND 10 AND 1 = 1
SELECT TRUE AND NULL, FALSE AND NULL, TRUE OR NULL, NOT NULL
SELECT 'a' || 'b' = 'ab'
SELECT CURRENT_DATE > DATE '2020-01-01'
SELECT COUNT(*) FILTER (WHERE quantity > 0), SUM(quantity) FILTER (WHERE quantity > 99) FROM sales
SELECT CASE WHEN SUM(quantity) > 10 THEN 'many' END FROM sales GROUP BY customer > 1 ORDER BY 1
SELECT id FROM sales WHERE note = 'fine' OR note LIKE 'F%' ORDER BY id
SELECT id FROM sales WHERE note > 'F' ORDER BY id
SELECT id FROM sales WHERE day = '2024-01-31'
SELECT id FROM sales WHERE moment > '2024-01-31' ORDER BY id
SELECT id FROM sales WHERE moment BETWEEN '2024-01-01' AND '2024-01-31' ORDER BY id
SELECT id FROM sales WHERE day = moment
SELECT id FROM sales WHERE id = '3'
SELECT id FROM sales WHERE amount IN (1.25, 2.5, NULL) ORDER BY id
SELECT id FROM sales WHERE NOT (customer = 1) ORDER BY id
SELECT id FROM sales WHERE customer <> 1 OR customer IS NULL ORDER BY id
SELECT id FROM sales WHERE weight = 2.5
SELECT id FROM sales WHERE amount = 7.15e0
""".strip().splitlines()

_CALLS = ("SUM", "AVG", "MIN", "COUNT")


def whole_queries() -> Iterator[str]:
    """Queries that any dialect may be asked; what one does not have, it refuses."""
    yield from _COMMON
    for call, keys in product(
        _CALLS, ("customer", "customer, id % 2", "day > DATE '2024-01-01'", "note LIKE 'f%'")
    ):
        for column in ("quantity", "amount", "weight"):
            yield f"SELECT {keys}, {call}({column}) AS m FROM sales GROUP BY {keys} ORDER BY 1, 2"
            yield f"SELECT {call}({column}) AS m FROM sales GROUP BY {keys} HAVING {call}({column}) > 1 ORDER BY m"
