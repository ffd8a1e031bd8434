"""Rows bound to their region, asked for from elsewhere; and purposes that were not granted.

Nora may read all of the clinic, but nobody knows where she is, nor where this gateway is. Of
``patients`` only groups of five rows may leave; of ``locked`` nothing may. Wards: A has six
patients, B eight (four of them without a cost), C three, D one.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from tests.attacks.doors import (
    EXPLAIN,
    PREPARED,
    ROWS,
    STATEMENT,
    Came,
    House,
    Visitor,
    descriptor,
    leaks,
)
from tests.attacks.world import EURA, EVE, FRED, NORA, RITA, SOURCES

SQL_SOURCES = ("postgres", "duckdb", "sqlite", "mariadb")

REFUSED = {
    "e01_rows": "SELECT * FROM {patients}",
    "e02_a_row": "SELECT * FROM {patients} WHERE id = 3",
    "e03_limit": "SELECT id FROM {patients} LIMIT 1",
    "e05_min": "SELECT min(cost) FROM {patients}",
    "e06_max_by_group": "SELECT ward, max(age) FROM {patients} GROUP BY ward",
    "e07_array_agg": "SELECT array_agg(cost) FROM {patients}",
    "e08_string_agg": "SELECT string_agg(ward, ',') FROM {patients}",
    "e09_first_value": "SELECT first_value(cost ORDER BY id) FROM {patients}",
    "e10_filter": "SELECT sum(cost) FILTER (WHERE id = 3) FROM {patients}",
    "e11_case_in_sum": "SELECT sum(CASE WHEN id = 3 THEN cost ELSE 0 END) FROM {patients}",
    "e12_case_in_count": "SELECT count(CASE WHEN id = 3 AND cost > 7770000 THEN 1 END) FROM {patients}",
    "e13_product_in_sum": "SELECT sum(cost * (1 - abs(sign(id - 3)))) FROM {patients}",
    "e14_nullif_in_sum": "SELECT sum(nullif(cost, 7770001)) FROM {patients}",
    "e15_cast_of_a_condition": "SELECT sum(CAST(id = 3 AS INTEGER) * cost) FROM {patients}",
    "e16_fan_out_by_a_join": "SELECT p.id, sum(p.cost) FROM {patients} p JOIN {wards} w"
    " ON p.ward = w.ward GROUP BY p.id",
    "e17_fan_out_by_values": "SELECT p.id, count(*) FROM {patients} p"
    " CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6)) AS v(x) GROUP BY p.id",
    "e18_fan_out_by_a_self_join": "SELECT a.id, sum(a.cost) FROM {patients} a, {patients} b GROUP BY a.id",
    "e19_fan_out_by_a_union": "SELECT id, sum(cost) FROM (SELECT id, cost FROM {patients} UNION ALL"
    " SELECT id, cost FROM {patients} UNION ALL SELECT id, cost FROM {patients} UNION ALL"
    " SELECT id, cost FROM {patients} UNION ALL SELECT id, cost FROM {patients}) GROUP BY id",
    "e20_fan_out_by_unnest": "SELECT id, count(*) FROM (SELECT id, unnest(make_array(1,2,3,4,5,6)) AS u"
    " FROM {patients}) GROUP BY id",
    "e21_window": "SELECT id, sum(cost) OVER (ORDER BY id) FROM {patients}",
    "e22_window_over_all": "SELECT avg(cost) OVER () FROM {patients}",
    "e23_sub_query_as_membership": "SELECT ward FROM {wards} WHERE ward IN"
    " (SELECT ward FROM {patients} WHERE cost = 7770018)",
    "e24_exists": "SELECT 1 WHERE EXISTS (SELECT 1 FROM {patients} WHERE id = 3 AND age > 28)",
    "e25_scalar_of_a_row": "SELECT (SELECT cost FROM {patients} WHERE id = 3)",
    "e26_lateral": "SELECT w.ward, x.cost FROM {wards} w, LATERAL"
    " (SELECT cost FROM {patients} p WHERE p.ward = w.ward) x",
    "e27_intersect": "SELECT cost FROM {patients} INTERSECT SELECT 7770003",
    "e28_except": "SELECT 7770003 EXCEPT SELECT cost FROM {patients}",
    "e29_recursive": "WITH RECURSIVE n(i) AS (SELECT id FROM {patients} UNION ALL"
    " SELECT i + 100 FROM n WHERE i < 200) SELECT * FROM n",
    "e30_cte": "WITH p AS (SELECT * FROM {patients}) SELECT * FROM p",
    "e31_aggregate_of_an_inner_row": "SELECT sum(m) FROM (SELECT max(cost) AS m FROM {patients} GROUP BY id)",
    "e32_median": "SELECT median(cost) FROM {patients}",
    "e33_percentile": "SELECT approx_percentile_cont(cost, 0) FROM {patients}",
    "e34_stddev": "SELECT stddev(cost) FROM {patients}",
    "e35_bit_and": "SELECT bit_and(cost) FROM {patients}",
    "e36_bool_or": "SELECT bool_or(cost = 7770003) FROM {patients}",
    "e37_corr": "SELECT corr(cost, id) FROM {patients}",
    "e38_nth_value": "SELECT nth_value(cost, 3) OVER (ORDER BY id) FROM {patients}",
    "e39_sum_distinct": "SELECT sum(DISTINCT cost) FROM {patients}",
    "e40_rollup_rows": "SELECT id, sum(cost) FROM {patients} GROUP BY ROLLUP (id)",
    "e41_join_with_guesses": "SELECT v.x FROM (VALUES (7770003)) AS v(x) JOIN {patients} p ON p.cost = v.x",
    "e42_anti_join_with_guesses": "SELECT v.x FROM (VALUES (7770003)) AS v(x)"
    " LEFT JOIN {patients} p ON p.cost = v.x WHERE p.id IS NULL",
    "e43_error_as_a_channel": "SELECT count(*) FROM {patients} WHERE 1 / (cost - 7770003) > 0"
    " AND id = 3 GROUP BY id",
    "e44_order_by": "SELECT cost FROM {patients} ORDER BY cost",
}
"""What may never be answered with rows of the region."""


def _written(query: str, source: str) -> str:
    for table in ("patients", "wards", "locked", "cases"):
        query = query.replace("{" + table + "}", f"clinic.{source}.{table}")
    return query


def _holds(came: Came, query: str) -> None:
    """Refused, or an answer that has nothing in it that a row could be read from."""
    assert not leaks(came, query), came.text[:500]
    if came.rows is not None:
        found = {value for row in came.rows.to_pylist() for value in row.values()}
        assert found <= {None}, found
    else:
        assert came.code in {
            *("RESIDENCY_VIOLATION", "INVALID_QUERY", "UNSUPPORTED", "PARSE_ERROR"),
            *("UNKNOWN_COLUMN",),
        }, came.message


@pytest.fixture
def nora(house: House) -> Visitor:
    return house.visitor(NORA)


@pytest.mark.parametrize("source", [*SOURCES, "sqlite", "mariadb"])
@pytest.mark.parametrize("attack", REFUSED)
def test_no_row_leaves_its_region(attack: str, source: str, nora: Visitor) -> None:
    query = _written(REFUSED[attack], source)
    for door in ROWS if source == "postgres" else (STATEMENT,):
        _holds(nora.ask(query, door), query)
    assert not leaks(nora.ask(query, EXPLAIN), query)


GROUPS = {
    "f01_by_ward": (
        "SELECT ward, count(*) AS n FROM {patients} GROUP BY ward",
        {("A", 6), ("B", 8)},
    ),
    "f00_distinct": ("SELECT DISTINCT ward, 1 AS one FROM {patients}", {("A", 1), ("B", 1)}),
    "f02_sum_counts_what_it_sums": (
        "SELECT ward, count(cost) AS n FROM {patients} GROUP BY ward",
        {("A", 6)},
    ),
    "f03_having_for_small_groups": (
        "SELECT ward, count(*) AS n FROM {patients} GROUP BY ward HAVING count(*) < 5",
        set(),
    ),
    "f04_where_makes_groups_small": (
        "SELECT ward, count(*) AS n FROM {patients} WHERE id > 3 GROUP BY ward",
        {("B", 8)},
    ),
    "f05_one_row": ("SELECT ward, count(*) AS n FROM {patients} WHERE id = 3 GROUP BY ward", set()),
    "f06_or_true": (
        "SELECT ward, count(*) AS n FROM {patients} GROUP BY ward HAVING count(*) < 5 OR true",
        {("A", 6), ("B", 8)},
    ),
    "f07_by_key": (
        "SELECT CAST(id AS VARCHAR) AS i, count(*) AS n FROM {patients} GROUP BY id",
        set(),
    ),
    "f08_group_over_group": (
        "SELECT ward, n FROM (SELECT ward, count(*) AS n FROM {patients} GROUP BY ward) WHERE n < 7",
        {("A", 6)},
    ),
    "f09_joined_after": (
        "SELECT DISTINCT g.ward, g.n FROM (SELECT ward, count(*) AS n FROM {patients} GROUP BY ward) g"
        " JOIN {wards} w ON w.ward = g.ward",
        {("A", 6), ("B", 8)},
    ),
    "f10_union": (
        "SELECT ward, count(*) AS n FROM {patients} GROUP BY ward UNION ALL"
        " SELECT ward, count(*) FROM {patients} WHERE ward = 'D' GROUP BY ward",
        {("A", 6), ("B", 8)},
    ),
}


@pytest.mark.parametrize("source", SQL_SOURCES)
@pytest.mark.parametrize("attack", GROUPS)
def test_small_groups_never_come_out(attack: str, source: str, nora: Visitor) -> None:
    query, most = GROUPS[attack]
    came = nora.ask(_written(query, source))
    assert not leaks(came, query)
    if came.rows is None:
        assert came.code == "RESIDENCY_VIOLATION", came.message
        return
    rows = {tuple(row.values()) for row in came.rows.to_pylist()}
    assert rows <= most
    assert nora.ask(_written(query, source), PREPARED).rows is not None


@pytest.mark.parametrize("source", SQL_SOURCES)
def test_a74_the_whole_may_leave_and_one_row_less_tells_of_that_row(
    source: str, nora: Visitor
) -> None:
    """Counting with and without one person is what a least group size can not prevent alone."""
    query = _written("SELECT count(*) AS n FROM {patients}", source)
    whole = nora.ask(query)
    assert whole.rows is not None, whole.message
    assert whole.rows.column("n").to_pylist() == [18]
    few = nora.ask(_written("SELECT sum(cost) AS s FROM {patients} WHERE id < 5", source))
    assert few.rows is None or few.rows.column("s").to_pylist() in ([], [None])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("query", ["SELECT count(*) FROM {locked}", "SELECT * FROM {locked}"])
def test_nothing_leaves_without_a_least_number(query: str, source: str, nora: Visitor) -> None:
    for door in ROWS:
        assert nora.ask(_written(query, source), door).code == "RESIDENCY_VIOLATION"
    assert nora.path("clinic", source, "locked").code == "RESIDENCY_VIOLATION"


@pytest.mark.parametrize("source", SOURCES)
def test_being_inside_is_not_enough_while_the_gateway_is_not(source: str, house: House) -> None:
    eura = house.visitor(EURA)
    assert eura.ask(_written("SELECT * FROM {locked}", source)).code == "RESIDENCY_VIOLATION"
    _holds(eura.ask(_written("SELECT * FROM {patients}", source)), "")
    _holds(eura.path("clinic", source, "patients"), "")


@pytest.mark.parametrize(
    "header", [b"region", b"x-meshgate-region", b"x-region", b"x-forwarded-for"]
)
def test_a57_no_header_says_where_somebody_is(header: bytes, nora: Visitor) -> None:
    options = nora.with_headers((header, b"EU"))
    info = fl.FlightDescriptor.for_path("clinic", "postgres", "locked")
    came = nora.came(lambda: [nora.flight.get_flight_info(info, options).schema])
    refused = "INVALID_REQUEST" if header.startswith(b"x-meshgate-") else "RESIDENCY_VIOLATION"
    assert came.code == refused


# --- purposes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("door", ROWS)
def test_a_purpose_has_to_be_declared(source: str, door: str, house: House) -> None:
    query = _written("SELECT detail FROM {cases}", source)
    without = house.visitor(FRED).ask(query, door)
    assert without.code == "PURPOSE_REQUIRED"
    assert "fraud" in without.message
    assert not leaks(without)
    other = house.visitor(FRED, "billing").ask(query, door)
    assert other.rows is None
    assert not leaks(other)
    right = house.visitor(FRED, "fraud").ask(query, door)
    assert right.rows is not None
    assert right.rows.num_rows == 3


@pytest.mark.parametrize("purpose", ["fraud", "billing", "marketing", "frau", "fraud/x", "FRAUD"])
@pytest.mark.parametrize("user", [NORA, EVE, RITA], ids=lambda user: user[0])
def test_a57_a_purpose_that_is_not_granted(
    purpose: str, user: tuple[str, str], house: House
) -> None:
    """Declaring it does not help, and tells nothing that is not known."""
    visitor = house.visitor(user, purpose)
    came = visitor.ask("SELECT * FROM clinic.postgres.cases")
    assert came.code == "PURPOSE_NOT_GRANTED"
    assert came.message == visitor.ask("SELECT * FROM clinic.postgres.casex").message
    assert visitor.command(sql.CommandGetTables()).code == "PURPOSE_NOT_GRANTED"
    assert not leaks(visitor.path("clinic", "postgres", "cases"))


@pytest.mark.parametrize(
    "purpose",
    ["fraud ", "fraud|billing", "*", "fraud\n", "'fraud'", "a" * 300, "fraud,billing", "é"],
)
def test_a59_names_that_are_no_purpose(purpose: str, house: House) -> None:
    fred = house.visitor(FRED)
    options = fred.with_headers((b"x-meshgate-purpose", purpose.encode()))
    command = sql.CommandStatementQuery(query="SELECT * FROM clinic.postgres.cases")
    came = fred.came(lambda: [fred.flight.get_flight_info(descriptor(command), options).schema])
    assert came.refused


def test_a57_two_purposes_at_once(house: House) -> None:
    fred = house.visitor(FRED)
    command = descriptor(sql.CommandStatementQuery(query="SELECT * FROM clinic.postgres.cases"))
    for headers in (
        ((b"x-meshgate-purpose", b"billing"), (b"x-meshgate-purpose", b"fraud")),
        ((b"x-meshgate-purpose", b"billing"), (b"purpose", b"fraud")),
    ):
        options = fred.with_headers(*headers)
        came = fred.came(
            lambda options=options: [fred.flight.get_flight_info(command, options).schema]
        )
        assert came.refused


def test_a57_a_session_option_that_is_not_granted(house: House) -> None:
    nora = house.visitor(NORA)
    request = wire.SetSessionOptionsRequest()
    request.session_options["purpose"].string_value = "fraud"
    request.session_options["region"].string_value = "EU"
    (result,) = nora.flight.do_action(
        fl.Action("SetSessionOptions", request.SerializeToString()), nora.options
    )
    errors = wire.SetSessionOptionsResult.FromString(result.body.to_pybytes()).errors
    assert set(errors) == {"purpose", "region"}
    assert nora.ask("SELECT * FROM clinic.postgres.cases").refused


def test_a57_a_ticket_keeps_its_purpose(house: House) -> None:
    """A ticket made for one purpose is not read for another to no purpose at all."""
    with_purpose, without = house.visitor(FRED, "fraud"), house.visitor(FRED)
    info = with_purpose.flight.get_flight_info(
        descriptor(sql.CommandStatementQuery(query="SELECT * FROM clinic.duckdb.cases")),
        with_purpose.options,
    )
    ticket = info.endpoints[0].ticket
    read = without.came(lambda: [without.flight.do_get(ticket, without.options).read_all()])
    assert isinstance(read.rows, pa.Table)  # it was granted, declared and recorded for the query
    again = without.ask("SELECT * FROM clinic.duckdb.cases")
    assert again.code == "PURPOSE_REQUIRED"


@pytest.mark.parametrize("source", SOURCES)
def test_purposes_decide_what_is_listed(source: str, house: House) -> None:
    """Whoever may read it for no purpose does not find it."""
    eve = house.visitor(EVE)
    assert "cases" not in str(eve.command(sql.CommandGetTables()).rows)
    came = eve.ask(f"SELECT * FROM clinic.{source}.cases")
    assert came.code == "UNKNOWN_DATASET"
    assert "fraud" not in came.text
