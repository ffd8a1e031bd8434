"""Error oracles: a condition that fails on a hidden row tells that the row is there.

Each expression is total over the rows rita may see (or fails there as well) and fails on some
hidden row. It is put into every place of a query where an engine may compute it early.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.attacks.queries import Attack

CONDITIONS: Mapping[str, str] = {
    "a29_division": "1 / (e.salary - 7770001) = 5",
    "a29_division_by_a_zero": "100 / e.salary > 0",
    "a29_modulus": "100 % e.salary = 7",
    "a29_decimal_division": "1 / e.amount > 0",
    "a30_cast_to_integer": "CAST(e.code AS INTEGER) > 3",
    "a30_cast_to_bigint": "CAST(e.code AS BIGINT) > 3",
    "a30_cast_in_case": "CASE WHEN e.salary > 7000000 THEN CAST('boom' || e.name AS INTEGER) ELSE 1 END = 1",
    "a30_cast_to_smallint": "CAST(e.salary AS SMALLINT) > 120",
    "a30_cast_to_boolean": "CAST(e.code AS BOOLEAN)",
    "a30_cast_to_date": "CAST(e.code AS DATE) > DATE '2000-01-01'",
    "a30_cast_double_to_integer": "CAST(e.score AS INTEGER) > 3",
    "a32_integer_overflow": "e.big + 9000000000000000000 > 0",
    "a32_integer_overflow_by_product": "e.big * 1000 > 5",
    "a32_negation_overflow": "- e.big < 0",
    "a32_abs_overflow": "abs(e.big) > 0",
    "a32_decimal_overflow": "CAST(e.amount AS DECIMAL(8,2)) > 1",
    "a32_decimal_product_overflow": "e.amount * e.amount * e.amount * e.amount > 1",
    "a32_array_index": "make_array(1, 2, 3)[e.level] = 2",
    "a32_to_timestamp": "to_timestamp(e.code) > TIMESTAMP '2000-01-01 00:00:00'",
    "a32_to_timestamp_seconds": "to_timestamp(e.big) > TIMESTAMP '2000-01-01 00:00:00'",
    "a32_dynamic_regex": "regexp_like(e.name, e.pattern)",
    "a32_regex_operator": "e.name ~ e.pattern",
    "a32_similar_to": "e.name SIMILAR TO e.pattern",
    "a32_dynamic_like": "e.name LIKE e.pattern",
    "a32_like_with_escape": "e.name LIKE e.pattern ESCAPE 'm'",
    "a32_repeat": "length(repeat(e.name, e.salary)) > 3",
    "a32_lpad": "length(lpad(e.name, e.salary)) > 3",
    "c01_sqrt": "sqrt(e.score) > 1",
    "c02_ln": "ln(e.score) > 0",
    "c03_log10": "log10(e.score) > 0",
    "c04_power": "power(e.salary, 40) > 0",
    "c05_exp": "exp(e.score) > 0",
    "c06_substring_negative": "substring(e.name FROM 1 FOR e.salary) = 'n'",
    "c07_date_plus_interval": "e.hired + INTERVAL '400 years' > DATE '2000-01-01'",
    "c08_timestamp_nanoseconds": "arrow_cast(e.moment, 'Timestamp(Nanosecond, None)') > TIMESTAMP '2000-01-01 00:00:00'",
    "c09_date_to_timestamp": "CAST(e.hired AS TIMESTAMP) > TIMESTAMP '2000-01-01 00:00:00'",
    "c10_chr": "chr(e.salary) = 'n'",
    "c11_decode": "decode(e.code, 'hex') IS NOT NULL",
    "c12_factorial": "factorial(e.salary) > 0",
    "c13_text_to_integer_implicit": "e.code = 3",
    "c14_text_to_date_implicit": "e.code < DATE '2000-01-01'",
    "c15_shift": "e.big << 60 > 0",
    "c16_round_digits": "round(e.score, e.level) > 0",
    "c17_make_date": "make_date(2000, e.level, 1) > DATE '1999-01-01'",
    "c18_arrow_cast": "arrow_cast(e.salary, 'Int8') > 0",
    "c19_concat_ws_cast": "CAST(concat('1', e.code) AS BIGINT) > 0",
    "c20_loose_coalesce": "1 / coalesce(e.salary, 0) >= 0",
    "c21_loose_case_is_null": "1 / (CASE WHEN e.salary IS NULL THEN 0 ELSE 1 END) > 0",
    "c22_loose_coalesce_cast": "CAST(coalesce(e.code, 'x') AS INTEGER) > 0",
    "c23_loose_concat": "CAST(concat(e.code, '') AS INTEGER) > 0",
    "c24_loose_is_distinct": "1 / (CASE WHEN e.salary IS DISTINCT FROM 7770001 THEN 1 ELSE 0 END) > 0",
    "c25_loose_nullif": "1 / coalesce(nullif(e.salary, 7770001), 0) >= 0",
    "c26_two_columns": "(e.id * 0 + 1) / (e.salary - 7770001) = 5",
    "c27_two_columns_coalesced": "coalesce(e.level, 0) / (e.salary - 7770001) = 5",
    "c28_and_hides_nothing": "e.salary = 7770001 AND 1 / (e.salary - 7770001) = 5",
    "c29_or": "e.region = 'EU' OR 1 / (e.salary - 7770001) = 5",
    "c30_in_list": "1 / (e.salary - 7770001) IN (1, 5)",
    "c31_between": "5 BETWEEN 1 / (e.salary - 7770001) AND 7",
    "c32_greatest": "greatest(1 / (e.salary - 7770001), 3) = 3",
    "c33_case_branch": "CASE WHEN e.name LIKE 'CANARY%' THEN 1 / (e.salary * 0) ELSE 0 END = 0",
    "c34_case_condition": "CASE WHEN 1 / (e.salary - 7770001) = 5 THEN true ELSE false END",
    "c35_coalesce_short_circuit": "coalesce(e.name, CAST(1 / (e.salary - 7770001) AS VARCHAR)) = 'x'",
    "c36_constant_failure_by_row": "e.salary = 7770001 AND CAST(e.name || 'x' AS DATE) IS NULL",
    "c37_not": "NOT (1 / (e.salary - 7770001) = 5)",
    "c38_is_null": "(1 / (e.salary - 7770001)) IS NULL",
    "c39_is_true": "(1 / (e.salary - 7770001) = 5) IS TRUE",
    "c40_extract": "extract(year FROM CAST(e.code AS DATE)) = 2000",
    "c41_date_trunc": "date_trunc('day', CAST(e.code AS TIMESTAMP)) IS NOT NULL",
    "c42_date_bin": "date_bin(INTERVAL '1 day', e.moment, TIMESTAMP '2000-01-01 00:00:00') IS NOT NULL",
    "c43_array_element": "string_to_array(e.code, 'C')[2] = 'x'",
    "c44_json_like_text": "arrow_cast(e.code, 'Decimal128(5, 2)') > 0",
    "c45_to_hex": "to_hex(CAST(e.code AS BIGINT)) = 'ff'",
    "c46_multiplication_of_integers": "e.salary * 100000 > 0",
    "c47_sum_of_integers": "e.salary + 2147483000 > 0",
    "c48_interval_product": "e.moment + (INTERVAL '1 day' * e.level) > TIMESTAMP '2000-01-01 00:00:00'",
    "c49_gcd": "gcd(e.big, 0) > 0",
    "c50_to_date": "to_date(e.code) > DATE '2000-01-01'",
    "c51_split_part": "split_part(e.name, ' ', e.salary) = 'x'",
    "c52_translate_ascii": "1 / (ascii(e.name) - 67) >= 0",
    "c53_length_division": "1 / (character_length(e.name) - 13) >= -1",
    "c54_strpos_division": "1 / (1 - strpos(e.name, 'CANARY')) > 0",
    "c55_like_division": "1 / (CASE WHEN e.name LIKE 'CANARY%' THEN 0 ELSE 1 END) > 0",
    "c56_bool_cast_division": "1 / CAST(e.salary <> 7770001 AS INTEGER) > 0",
    "c57_stacked": "1 / (1 / (e.salary - 7770001) + 1) > 0",
    "c58_uuid_and_nvl": "1 / nvl(e.salary, 0) >= 0",
    "c59_ifnull_cast": "CAST(ifnull(e.code, 'q') AS INTEGER) > 0",
    "c61_constant_division_in_case": "CASE WHEN e.salary = 7770001 THEN 1 / 0 ELSE 1 END = 1",
    "c62_constant_cast_in_case": "CASE WHEN e.salary = 7770001 THEN CAST('x' AS INTEGER) ELSE 1 END = 1",
    "c63_constant_failure_beside_and": "e.salary = 7770001 AND 1 / 0 = 1",
    "c64_constant_failure_beside_or": "e.salary IS NULL OR e.salary < 7770001 OR 1 / 0 = 1",
    "c65_constant_overflow_in_case": "CASE WHEN e.name LIKE 'CANARY%' THEN 9223372036854775807 + 1 ELSE 1 END = 1",
    "c66_constant_function_in_case": "CASE WHEN e.salary = 7770001 THEN to_timestamp('x') ELSE NULL END IS NULL",
    "c67_constant_failure_in_coalesce": "coalesce(e.name, CAST(1 / 0 AS VARCHAR)) <> 'x'",
    "c68_constant_failure_in_list": "e.salary IN (1, 1 / 0)",
    "c69_constant_failure_if_null": "CASE WHEN e.salary IS NULL THEN 1 ELSE 1 / (CASE WHEN e.salary = 7770001 THEN 0 ELSE 1 END) END = 1",
    "c70_statistics_bound_from_above": "e.salary > 5000 AND CAST(e.name || 'x' AS DATE) IS NULL",
    "c71_statistics_bound_from_below": "e.salary < 0 AND CAST(e.name || 'x' AS DATE) IS NULL",
    "c72_statistics_of_text": "e.name < 'DANARY' AND CAST(e.name || 'x' AS DATE) IS NULL",
    "c73_statistics_of_null_count": "e.id IS NULL OR (e.amount < 0 AND 1 / (e.id * 0) = 1)",
    "c74_statistics_of_dates": "e.hired > DATE '2500-01-01' AND 1 / (e.id - e.id) = 1",
    "c75_random_beside": "e.salary = 7770001 AND 1 / (CASE WHEN random() < 2 THEN 0 ELSE 1 END) = 1",
    "c76_scalar_sub_query_in_case": "CASE WHEN e.salary = 7770001 THEN (SELECT factor FROM {regions}) ELSE 1 END = 1",
    "c77_sub_query_that_fails_in_case": "CASE WHEN e.salary = 7770001 THEN (SELECT max(1 / factor) FROM {regions}) ELSE 1 END = 1",
    "c60_left_negative": "left(e.name, - e.salary) = 'x'",
}

PLACES: Mapping[str, str] = {
    "where": "SELECT e.id FROM {employees} e WHERE CONDITION",
    "where_with_the_filter": "SELECT e.id FROM {employees} e WHERE e.region <> 'EU' AND (CONDITION)",
    "join_on": "SELECT e.id, p.id AS pay FROM {payroll} p JOIN {employees} e"
    " ON p.employee = e.id AND (CONDITION)",
    "left_join_on": "SELECT r.region, e.id FROM {regions} r LEFT JOIN {employees} e"
    " ON r.region = e.region AND (CONDITION)",
    "having": "SELECT e.department, count(*) AS n FROM {employees} e GROUP BY e.department"
    " HAVING bool_or(CONDITION)",
    "group_by": "SELECT (CONDITION) AS c, count(*) AS n FROM {employees} e GROUP BY (CONDITION)",
    "order_by": "SELECT e.id FROM {employees} e ORDER BY (CONDITION), e.id",
    "select": "SELECT e.id, (CONDITION) AS c FROM {employees} e",
    "select_limit": "SELECT e.id, (CONDITION) AS c FROM {employees} e ORDER BY e.id LIMIT 100",
    "filter_of_an_aggregate": "SELECT count(*) FILTER (WHERE CONDITION) AS n FROM {employees} e",
    "exists": "SELECT r.region FROM {regions} r WHERE EXISTS"
    " (SELECT 1 FROM {employees} e WHERE e.region = r.region AND (CONDITION))",
    "in": "SELECT p.id FROM {payroll} p WHERE p.employee IN"
    " (SELECT e.id FROM {employees} e WHERE CONDITION)",
    "not_in": "SELECT p.id FROM {payroll} p WHERE p.employee NOT IN"
    " (SELECT e.id FROM {employees} e WHERE CONDITION)",
    "scalar": "SELECT (SELECT count(*) FROM {employees} e WHERE CONDITION) AS n",
    "union": "SELECT e.id FROM {employees} e WHERE CONDITION UNION ALL SELECT 1",
    "union_outside": "SELECT * FROM (SELECT * FROM {employees} UNION ALL SELECT * FROM {employees}) e"
    " WHERE CONDITION",
    "except": "SELECT e.id FROM {employees} e WHERE CONDITION EXCEPT SELECT 1",
    "cte": "WITH e AS (SELECT * FROM {employees}) SELECT e.id FROM e WHERE CONDITION",
    "recursive": "WITH RECURSIVE n(i) AS (SELECT e.id FROM {employees} e WHERE CONDITION"
    " UNION ALL SELECT i + 100 FROM n WHERE i < 300) SELECT i FROM n",
    "window": "SELECT e.id, count(*) OVER (PARTITION BY (CONDITION)) AS n FROM {employees} e",
    "window_order": "SELECT e.id, row_number() OVER (ORDER BY (CONDITION), e.id) AS n"
    " FROM {employees} e",
    "unnest": "SELECT e.id, u FROM {employees} e, unnest(make_array(1, 2)) AS t(u) WHERE CONDITION",
    "values_join": "SELECT e.id, v.x FROM {employees} e JOIN (VALUES (1), (2)) AS v(x)"
    " ON v.x = e.id % 3 AND (CONDITION)",
    "lateral": "SELECT r.region, x.id FROM {regions} r, LATERAL"
    " (SELECT e.id FROM {employees} e WHERE e.region = r.region AND (CONDITION)) x",
    "self_join": "SELECT e.id, o.id AS other FROM {employees} e JOIN {employees} o"
    " ON e.id = o.manager AND (CONDITION)",
    "full_join": "SELECT e.id, o.id AS other FROM {employees} e FULL JOIN {payroll} o"
    " ON e.id = o.employee WHERE CONDITION",
    "above_an_outer_join": "SELECT r.country, e.id FROM {regions} r LEFT JOIN {employees} e"
    " ON r.region = e.region WHERE CONDITION",
    "derived": "SELECT x.id FROM (SELECT e.id, (CONDITION) AS c FROM {employees} e) x WHERE x.c",
    "above_a_limit": "SELECT e.id FROM (SELECT * FROM {employees} ORDER BY id LIMIT 100) e"
    " WHERE CONDITION",
    "distinct": "SELECT DISTINCT (CONDITION) AS c FROM {employees} e",
    "aggregate_argument": "SELECT min(CAST((CONDITION) AS INTEGER)) AS m FROM {employees} e",
}
"""``CONDITION`` is one of CONDITIONS; the attack is every pair of the two."""


def oracle(condition: str, place: str) -> Attack:
    """One condition at one place."""
    text = PLACES[place].replace("CONDITION", CONDITIONS[condition])
    return Attack(f"{condition}_in_{place}", text)
