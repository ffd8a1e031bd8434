"""Attacks that are queries, numbered as in the research page where they are from there.

Tables in braces are read from one source at a time: ``{employees}`` is ``hr.postgres.employees``
for rita and ``twin.postgres.employees`` for una, who has to get the very same answer: rows, or the
code of the error. ``code`` is what rita must get where her twin could not tell: `una` has no vault
that she could be kept from.
"""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "UNKNOWN_DATASET"


@dataclass(frozen=True, slots=True)
class Attack:
    """One query. `code`: the error it must get; "" compares with the twin."""

    name: str
    sql: str
    code: str = ""


def _attacks(text: str) -> list[Attack]:
    """Blocks of ``name [CODE]:`` and the query on the lines below."""
    found = []
    for block in text.strip().split("\n\n"):
        head, _, query = block.partition("\n")
        name, _, code = head.strip().removesuffix(":").partition(" ")
        found.append(Attack(name, query.strip(), code))
    return found


SHAPES = _attacks("""
a01_star_hides_denied_columns:
SELECT * FROM {employees}

a01_denied_column_by_name UNKNOWN_COLUMN:
SELECT notes FROM {employees}

a01_denied_column_qualified UNKNOWN_COLUMN:
SELECT e.notes FROM {employees} e

a01_denied_column_in_where UNKNOWN_COLUMN:
SELECT id FROM {employees} WHERE notes LIKE 'CANARY%'

a01_denied_column_in_order_by UNKNOWN_COLUMN:
SELECT id FROM {employees} ORDER BY notes

a01_denied_column_in_a_correlated_sub_query UNKNOWN_COLUMN:
SELECT id FROM {regions} r JOIN {employees} e ON true WHERE EXISTS
(SELECT 1 FROM {payroll} p WHERE p.note = e.notes)

a02_alias_of_a_masked_column:
SELECT s AS other FROM (SELECT ssn AS s FROM {employees}) x

a02_self_join_on_a_masked_column:
SELECT a.id, b.id AS other, a.ssn FROM {employees} a JOIN {employees} b ON a.ssn = b.ssn AND a.id < b.id

a02_self_join_on_a_hashed_number:
SELECT a.id, b.id AS other FROM {employees} a JOIN {employees} b ON a.tax = b.tax

a03_union_all:
SELECT id, ssn FROM {employees} UNION ALL SELECT employee, account FROM {payroll}

a03_except:
SELECT name FROM {employees} EXCEPT SELECT 'name 1'

a03_intersect:
SELECT ssn FROM {employees} INTERSECT SELECT account FROM {payroll}

a03_union_with_the_raw_value_guessed:
SELECT ssn FROM {employees} INTERSECT SELECT 'CANARY-SSN-' || value FROM generate_series(1, 30)

a04_cte_that_shadows:
WITH employees AS (SELECT * FROM {employees}) SELECT * FROM employees

a04_cte_twice:
WITH e AS (SELECT * FROM {employees}), f AS (SELECT id, ssn FROM e) SELECT * FROM f JOIN e USING (id)

a05_recursive_cte:
WITH RECURSIVE up(id, manager, depth) AS (SELECT id, manager, 0 FROM {employees} WHERE id = 40
UNION ALL SELECT e.id, e.manager, depth + 1 FROM {employees} e JOIN up ON e.id = up.manager WHERE depth < 9)
SELECT * FROM up

a05_recursive_cte_over_everybody:
WITH RECURSIVE up(id, name, depth) AS (SELECT id, name, 0 FROM {employees}
UNION ALL SELECT e.id, e.name, depth + 1 FROM {employees} e JOIN up ON e.manager = up.id WHERE depth < 2)
SELECT id, name, max(depth) FROM up GROUP BY id, name

a06_scalar_sub_query_of_a_hidden_row:
SELECT (SELECT name FROM {employees} WHERE id = 2) AS hidden

a06_scalar_sub_query_max:
SELECT (SELECT max(salary) FROM {employees}) AS most, (SELECT min(name) FROM {employees}) AS first

a06_scalar_sub_query_of_several_hidden_rows:
SELECT (SELECT id FROM {employees} WHERE salary = 7770001) AS hidden

a06_scalar_sub_query_of_several_rows_correlated:
SELECT r.region, (SELECT e.id FROM {employees} e WHERE e.region = r.region AND e.salary > 7000000) AS x
FROM {regions} r

a07_exists_on_a_hidden_row:
SELECT 1 AS there WHERE EXISTS (SELECT 1 FROM {employees} WHERE salary = 7770001)

a07_exists_on_a_masked_value:
SELECT 1 AS there WHERE EXISTS (SELECT 1 FROM {employees} WHERE ssn = 'CANARY-SSN-1')

a07_not_exists:
SELECT id FROM {regions} r, {payroll} p WHERE NOT EXISTS (SELECT 1 FROM {employees} e WHERE e.id = p.employee)

a08_lateral_neighbour:
SELECT r.region, x.name FROM {regions} r, LATERAL (SELECT e.name FROM {employees} e WHERE e.region = r.region) x

a09_window_first_value:
SELECT id, first_value(salary) OVER (ORDER BY salary DESC, id) AS top FROM {employees}

a09_window_lag_lead:
SELECT id, lag(name) OVER (ORDER BY id) AS before, lead(name) OVER (ORDER BY id) AS after FROM {employees}

a09_window_row_number_tells_of_gaps:
SELECT id, row_number() OVER (ORDER BY id) AS n, count(*) OVER () AS all_rows FROM {employees}

a09_window_over_masked:
SELECT id, rank() OVER (ORDER BY ssn) AS r, count(*) OVER (PARTITION BY ssn) AS c FROM {employees}

a09_window_ntile_and_percent_rank:
SELECT id, ntile(3) OVER (ORDER BY id) AS t, percent_rank() OVER (ORDER BY id) AS p FROM {employees}

a10_quoted_name_in_capitals:
SELECT * FROM DOMAIN.SOURCE."EMPLOYEES"

a10_unquoted_name_in_mixed_case:
SELECT Id, SSN FROM DOMAIN.SOURCE.Employees

a10_quoted_name:
SELECT "id", "ssn" FROM {employees}

a10_column_in_capitals UNKNOWN_COLUMN:
SELECT "NOTES" FROM {employees}

a12_full_width_identifier UNKNOWN_DATASET:
SELECT * FROM DOMAIN.SOURCE.ｖault

a13_comment_hides_the_rest:
SELECT id FROM {employees} -- WHERE region = 'EU'

a13_comment_block:
SELECT /* ' */ id /* */ FROM {employees} /* ; DROP TABLE x; */

a13_two_statements UNSUPPORTED:
SELECT 1; SELECT * FROM {employees}

a13_semicolon_in_a_text:
SELECT ';' AS x, id FROM {employees}

a14_row_as_a_value:
SELECT e FROM {employees} e

a14_struct_of_a_row:
SELECT named_struct('a', ssn, 'b', salary) AS s FROM {employees}

a14_struct_field:
SELECT named_struct('a', ssn)['a'] AS s FROM {employees}

a14_array_of_columns:
SELECT make_array(ssn, email, phone) AS s FROM {employees}

a15_star_exclude:
SELECT * EXCLUDE (id) FROM {employees}

a15_star_replace:
SELECT * REPLACE (upper(ssn) AS ssn) FROM {employees}

a16_natural_join:
SELECT * FROM {employees} NATURAL JOIN {regions}

a16_join_using_masked:
SELECT * FROM (SELECT id, ssn FROM {employees}) a JOIN (SELECT id AS other, ssn FROM {employees}) b USING (ssn)

a16_natural_join_on_masked_columns:
SELECT * FROM (SELECT ssn, tax FROM {employees}) a NATURAL JOIN (SELECT ssn, tax, id FROM {employees}) b
""")

MASKS = _attacks("""
a19_equality_on_masked:
SELECT id FROM {employees} WHERE ssn = 'CANARY-SSN-3'

a19_like_on_masked:
SELECT id FROM {employees} WHERE ssn LIKE 'CANARY%'

a19_like_on_partial:
SELECT id, email FROM {employees} WHERE email LIKE 'eC%'

a19_range_on_masked_number:
SELECT id FROM {employees} WHERE tax BETWEEN 5550000000 AND 5559999999

a19_range_on_banded:
SELECT id, bonus FROM {employees} WHERE bonus > 8881000 AND bonus < 8882000

a19_equality_on_band_raw_value:
SELECT id FROM {employees} WHERE bonus = 8881123.45

a19_date_raw_value:
SELECT id FROM {employees} WHERE born = DATE '1951-03-07'

a19_date_part_of_generalised:
SELECT id, date_part('month', born) AS m FROM {employees} WHERE date_part('month', born) = 3

a19_masked_in_list:
SELECT id FROM {employees} WHERE phone IN ('CANARYTEL-0001', '****0001')

a19_null_mask_is_null:
SELECT count(*) FROM {employees} WHERE badge IS NOT NULL

a19_masked_in_between_text:
SELECT id FROM {employees} WHERE iban BETWEEN 'CANARY' AND 'CANARZ'

a20_order_by_masked:
SELECT id FROM {employees} ORDER BY ssn, id LIMIT 5

a20_group_by_masked:
SELECT ssn, count(*) AS n FROM {employees} GROUP BY ssn

a20_min_max_masked:
SELECT min(ssn), max(ssn), min(tax), max(tax), min(born), max(bonus), min(badge) FROM {employees}

a20_string_agg_masked:
SELECT string_agg(email, ',' ORDER BY id) AS all_of FROM {employees}

a20_array_agg_masked:
SELECT array_agg(ssn ORDER BY id) AS all_of FROM {employees}

a20_sum_of_masked_numbers:
SELECT sum(bonus), avg(bonus), sum(badge), sum(tax % 1000) FROM {employees}

a20_order_by_band_limit:
SELECT id, bonus FROM {employees} WHERE bonus IS NOT NULL ORDER BY bonus DESC, id LIMIT 3

a20_group_by_expression_of_masked:
SELECT substr(email, 1, 3) AS s, count(*) FROM {employees} GROUP BY substr(email, 1, 3)

a21_count_distinct_masked:
SELECT count(ssn), count(DISTINCT ssn), count(DISTINCT tax), count(DISTINCT iban), count(badge) FROM {employees}

a21_approx_distinct:
SELECT approx_distinct(iban) FROM {employees}

a21_count_if_masked:
SELECT count(*) FILTER (WHERE ssn LIKE 'CANARY%') FROM {employees}

a22_coalesce_masked:
SELECT coalesce(ssn, 'none') AS s, coalesce(badge, -1) AS b FROM {employees}

a22_regexp_replace_masked:
SELECT regexp_replace(ssn, '[0-9]', 'x') AS s FROM {employees}

a22_functions_of_masked:
SELECT upper(ssn), reverse(email), substr(phone, 1, 6), character_length(iban), octet_length(email) FROM {employees}

a22_casts_of_masked:
SELECT CAST(tax AS VARCHAR) AS t, CAST(born AS VARCHAR) AS b, CAST(bonus AS VARCHAR) AS c FROM {employees}

a22_arithmetic_undoes_nothing:
SELECT id, bonus - 8880000 AS rest, tax - 5550000000 AS t FROM {employees}

a22_md5_and_sha:
SELECT md5(ssn) AS m, encode(sha256(CAST(email AS BYTEA)), 'hex') AS s FROM {employees}

a22_case_on_masked:
SELECT id, CASE WHEN ssn = 'CANARY-SSN-1' THEN 'hit' ELSE 'miss' END AS x FROM {employees}

a23_join_with_a_dictionary_of_guesses:
SELECT e.id, g.guess FROM {employees} e JOIN (VALUES ('CANARY-SSN-1'), ('CANARY-SSN-2')) AS g(guess) ON e.ssn = g.guess

a23_join_with_hashed_guesses:
SELECT e.id FROM {employees} e JOIN (VALUES ('CANARY-SSN-1'), ('CANARY-SSN-2')) AS g(guess)
ON e.ssn = encode(sha256(CAST(g.guess AS BYTEA)), 'hex') OR e.ssn = md5(g.guess)

a23_join_over_hashes_of_one_product:
SELECT e.id, p.id AS pay FROM {employees} e JOIN {payroll} p ON e.ssn = p.account

a24_mask_of_a_sibling_in_one_expression:
SELECT concat(email, '|', phone, '|', iban, '|', ssn) AS everything FROM {employees}

a25_length_of_masked:
SELECT id, length(phone), length(email), length(iban) FROM {employees}

a26_nullness_of_masked:
SELECT id, ssn IS NULL AS s, badge IS NULL AS b, bonus IS NULL AS c, iban IS NULL AS i FROM {employees}

a26_outer_join_on_null_mask:
SELECT a.id, b.id AS other FROM {employees} a LEFT JOIN {employees} b ON a.badge = b.badge

a26_is_distinct_from_masked:
SELECT id FROM {employees} WHERE badge IS DISTINCT FROM 6660001

b01_having_on_masked:
SELECT department, max(ssn) AS m FROM {employees} GROUP BY department HAVING max(ssn) LIKE 'CANARY%'

b02_masked_in_sub_query_of_in:
SELECT id FROM {payroll} WHERE account IN (SELECT ssn FROM {employees})

b03_raw_in_sub_query_of_in:
SELECT id FROM {employees} WHERE 'CANARY-SSN-1' IN (SELECT ssn FROM {employees})

b04_masked_arithmetic_oracle:
SELECT id FROM {employees} WHERE 1 / (bonus - 8881123.45) > 0

b05_masked_integer_division_oracle:
SELECT id FROM {employees} WHERE 1 / (badge - 6660001) = 1

b06_masked_cast_oracle:
SELECT id FROM {employees} WHERE CAST(iban AS INTEGER) = 1

b07_masked_distinct_on:
SELECT DISTINCT ON (ssn) ssn, id FROM {employees} ORDER BY ssn, id

b08_masked_distinct:
SELECT DISTINCT email, phone FROM {employees}

b09_masked_window_argument:
SELECT id, max(ssn) OVER (ORDER BY id) AS m, lag(bonus) OVER (ORDER BY id) AS l FROM {employees}

b10_masked_greatest_least:
SELECT id, greatest(ssn, 'A') AS g, least(tax, 0) AS l FROM {employees}

b11_masked_like_with_masked:
SELECT id FROM {employees} WHERE ssn LIKE phone

b12_masked_position:
SELECT id, strpos(email, 'CANARY') AS p, starts_with(ssn, 'CANARY') AS s FROM {employees}

b13_masked_split_and_overlay:
SELECT id, split_part(email, '@', 2) AS d, overlay(ssn placing 'x' from 1 for 2) AS o FROM {employees}

b14_masked_in_rollup:
SELECT ssn, department, count(*) AS n FROM {employees} GROUP BY ROLLUP (ssn, department)

b15_masked_in_grouping_sets:
SELECT born, bonus, count(*) AS n FROM {employees} GROUP BY GROUPING SETS ((born), (bonus), ())

b16_masked_to_char:
SELECT id, to_char(born, '%Y-%m-%d') AS d FROM {employees}

b17_masked_unnested:
SELECT id, unnest(make_array(ssn, email)) AS u FROM {employees}

b18_masked_arrow_typeof:
SELECT DISTINCT arrow_typeof(ssn) AS a, arrow_typeof(bonus) AS b, arrow_typeof(badge) AS c FROM {employees}

b19_masked_bit_operations:
SELECT id, tax & 255 AS a, tax | 1 AS b FROM {employees}

b20_masked_stddev_and_corr:
SELECT stddev(bonus) AS s, corr(bonus, salary) AS c, approx_percentile_cont(bonus, 0.5) AS p FROM {employees}
""")

FILTERS = _attacks("""
a27_count:
SELECT count(*) FROM {employees}

a27_count_by_region:
SELECT region, count(*) AS n FROM {employees} GROUP BY region

a27_count_of_a_join:
SELECT count(*) FROM {employees} e, {payroll} p

a28_or_true:
SELECT id FROM {employees} WHERE region = 'US' OR true

a28_not_the_filter:
SELECT id FROM {employees} WHERE NOT (region = 'EU') OR region IS NULL

a28_is_distinct_from:
SELECT id FROM {employees} WHERE region IS DISTINCT FROM 'EU'

a28_contradiction_of_the_filter:
SELECT count(*) FROM {employees} WHERE region = 'XX'

a28_restrictive_filter_too:
SELECT count(*), max(level) FROM {employees} WHERE level >= 9 OR level IS NULL

a34_tablesample UNSUPPORTED:
SELECT * FROM {employees} TABLESAMPLE (100)

a35_limit:
SELECT id FROM {employees} ORDER BY id LIMIT 3

a35_top_by_a_hidden_maximum:
SELECT id, salary FROM {employees} WHERE salary IS NOT NULL ORDER BY salary DESC LIMIT 1

a35_top_by_masked:
SELECT id, tax FROM {employees} ORDER BY tax, id LIMIT 4

a35_offset:
SELECT id FROM {employees} ORDER BY id OFFSET 5 LIMIT 50

a35_min_max_from_statistics:
SELECT min(id), max(id), min(salary), max(salary), min(big), max(big) FROM {employees}

a35_count_from_statistics:
SELECT count(id), count(region), count(1) FROM {employees}

a36_null_in_the_filter_column:
SELECT id FROM {employees} WHERE region IS NULL

a36_null_level:
SELECT id FROM {employees} WHERE level IS NULL OR level IS NOT DISTINCT FROM 9

a36_null_department:
SELECT id FROM {employees} WHERE department IS NULL

a37_not_in_as_membership_test:
SELECT value AS id FROM generate_series(1, 42) WHERE value NOT IN (SELECT id FROM {employees})

a37_anti_join:
SELECT p.id FROM {payroll} p LEFT JOIN {employees} e ON e.id = p.employee WHERE e.id IS NULL

a37_not_in_with_nulls:
SELECT id FROM {payroll} WHERE employee NOT IN (SELECT manager FROM {employees})

a37_full_join:
SELECT e.id, p.id AS pay FROM {employees} e FULL JOIN {payroll} p ON e.id = p.employee

a37_right_join_from_an_open_table:
SELECT r.region, e.id FROM {employees} e RIGHT JOIN {regions} r ON e.region = r.region

a38_permissive_filters_are_ored:
SELECT region, department, count(*) AS n FROM {employees} GROUP BY region, department

b21_filter_columns_in_case:
SELECT CASE WHEN region = 'US' THEN name END AS n FROM {employees}

b22_group_by_having_count:
SELECT level FROM {employees} GROUP BY level HAVING count(*) > 1

b23_group_by_all_hidden_groups:
SELECT department, level, min(salary) AS low, max(salary) AS high FROM {employees} GROUP BY department, level

b24_join_by_a_hidden_key:
SELECT p.id, e.name FROM {payroll} p JOIN {employees} e ON e.id = p.employee AND e.salary = 7770001

b25_cross_join_values:
SELECT v.x, e.id FROM {employees} e CROSS JOIN (VALUES (1), (2)) AS v(x)

b26_values_join_of_hidden_ids:
SELECT v.x, e.name FROM (VALUES (2), (3), (5), (9)) AS v(x) LEFT JOIN {employees} e ON e.id = v.x

b27_in_list_of_everything:
SELECT id FROM {employees} WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)

b28_point_look_up_of_a_hidden_row:
SELECT * FROM {employees} WHERE id = 3

b29_two_governed_tables:
SELECT e.id, p.gross FROM {employees} e JOIN {payroll} p ON p.employee = e.id WHERE p.gross > 7000000

b30_semi_join_reduction:
SELECT r.country FROM {regions} r WHERE r.region IN (SELECT region FROM {employees} WHERE salary > 7000000)

b31_any_all:
SELECT id FROM {employees} WHERE salary >= ALL (SELECT gross FROM {payroll} WHERE gross IS NOT NULL)

b32_difference_of_counts:
SELECT (SELECT count(*) FROM {employees}) - (SELECT count(*) FROM {employees} WHERE id <> 3) AS d

b33_intersect_all_versions:
SELECT id FROM {employees} EXCEPT ALL SELECT employee FROM {payroll}

b34_having_without_group:
SELECT count(*) AS n FROM {employees} HAVING max(salary) > 7000000

b35_order_by_aggregate:
SELECT department, sum(salary) AS s FROM {employees} GROUP BY department ORDER BY sum(salary) DESC, department

b36_distinct_region:
SELECT DISTINCT region FROM {employees}

b37_count_distinct_hidden:
SELECT count(DISTINCT name), count(DISTINCT level), sum(DISTINCT level) FROM {employees}

b38_bool_and_every:
SELECT bool_and(region = 'EU') AS a, bool_or(salary > 7000000) AS b FROM {employees}

b39_nested_sub_queries:
SELECT id FROM {employees} WHERE id IN (SELECT manager FROM {employees} WHERE id IN
(SELECT employee FROM {payroll} WHERE gross > 1000))

b40_correlated_count:
SELECT r.region, (SELECT count(*) FROM {employees} e WHERE e.region = r.region) AS n FROM {regions} r

b41_lateral_count:
SELECT p.id, x.n FROM {payroll} p, LATERAL (SELECT count(*) AS n FROM {employees} e WHERE e.id = p.employee) x

b42_unnest_and_filter:
SELECT e.id, u FROM {employees} e, unnest(make_array(1, 2)) AS t(u) WHERE e.salary > 7000000

b43_array_agg_of_hidden:
SELECT array_agg(name ORDER BY id) AS names FROM {employees} WHERE salary > 7000000

b44_median_and_percentile:
SELECT median(salary) AS m, approx_percentile_cont(salary, 0.99) AS p FROM {employees}

b45_first_last_value:
SELECT first_value(name ORDER BY salary DESC) AS f, last_value(name ORDER BY id) AS l FROM {employees}

b46_cte_reads_twice:
WITH a AS (SELECT * FROM {employees} WHERE region <> 'EU'), b AS (SELECT * FROM a) SELECT count(*) FROM a, b

b47_qualify:
SELECT id FROM {employees} QUALIFY row_number() OVER (ORDER BY salary DESC, id) = 1

b48_limit_zero_types:
SELECT * FROM {employees} LIMIT 0

b49_string_agg_hidden_names:
SELECT string_agg(name, ',' ORDER BY id) AS n FROM {employees}

b50_union_of_both_filters:
SELECT name FROM {employees} WHERE region = 'EU' UNION SELECT name FROM {employees} WHERE region <> 'EU'
""")
