"""Superset as its users see it: dashboard, SQL Lab, and nobody else's rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.demo.questions import QUESTIONS
from tests.clients.superset.browser import Screen
from tests.clients.superset.served import LONG, Mesh

pytestmark = pytest.mark.timeout(600)  # the first waits until Superset runs

CLIENT = "Superset 6.1.0"
DATABASE = 1

BY_AIRPORT = """
SELECT f.origin, count(*) AS flights, avg(f.dep_delay) AS delay
FROM aviation.operations.flights AS f
JOIN aviation.carriers.airlines AS a ON f.carrier = a.carrier
JOIN aviation.registry.planes AS p ON f.tailnum = p.tailnum
JOIN climate.observations.weather AS w ON f.origin = w.origin AND f.time_hour = w.time_hour
{where}
GROUP BY f.origin ORDER BY flights DESC
"""


@pytest.mark.feature(CLIENT, "token")
@pytest.mark.parametrize(("user", "where"), [("ana", ""), ("jo", "WHERE f.origin = 'JFK'")])
def test_a_dashboard_shows_each_user_his_rows(
    log_in: Callable[[str], Screen], mesh: Mesh, user: str, where: str
) -> None:
    rows = mesh.truth(BY_AIRPORT.format(where=where)).to_pylist()
    expected = [[r["origin"], f"{r['flights']:,}", f"{r['delay']:.3f}"] for r in rows]
    screen = log_in(user)
    screen.dashboard("wind")
    assert screen.table() == expected
    total = screen.page.locator(".header-line")
    total.wait_for()
    assert total.inner_text() == f"{sum(r['flights'] for r in rows):,}"
    screen.page.locator("canvas").first.wait_for()
    screen.page.wait_for_timeout(1000)  # the bars grow
    screen.picture("dashboard")


def test_sql_lab_runs_a_join_of_four_sources(log_in: Callable[[str], Screen], mesh: Mesh) -> None:
    sql = QUESTIONS[0].sql.replace("LIMIT 10", "")  # Superset puts its own limit in its place
    expected = mesh.truth(sql).to_pylist()
    screen = log_in("ana")
    screen.sql_lab(DATABASE)
    screen.run(sql)
    found = screen.results()
    screen.picture("SQL Lab")
    assert len(found) == len(expected) == 21
    for cells, row in zip(found, expected, strict=True):
        assert cells[:3] == [row["airline"], row["manufacturer"], str(row["flights"])]
        assert float(cells[3]) == pytest.approx(row["mean_delay"])
        assert float(cells[4]) == pytest.approx(row["strongest_wind"])


@pytest.mark.feature(CLIENT, "cancel")
def test_stop_ends_the_query_in_the_gateway(log_in: Callable[[str], Screen], mesh: Mesh) -> None:
    screen = log_in("ana")
    screen.sql_lab(DATABASE)
    screen.run(LONG)
    stop = screen.page.locator("button:has-text('Stop')").first
    stop.wait_for()
    mesh.wait_running()
    screen.picture("before the stop")
    stop.click()
    assert mesh.service.admission.wait_idle(10)
    assert mesh.service.reports.get("user:ana@superset").outcome == "cancelled"
    screen.page.locator("text=/was stopped/i").first.wait_for()
    screen.picture("after the stop")


@pytest.mark.feature(CLIENT, "error with position")
def test_an_error_says_where_and_what_to_do(log_in: Callable[[str], Screen]) -> None:
    screen = log_in("jo")
    screen.sql_lab(DATABASE)
    screen.run("SELECT orgin FROM aviation.operations.flights")
    said = screen.page.locator("text=/UNKNOWN_COLUMN/").first
    said.wait_for()
    text = said.inner_text()
    screen.picture("error")
    assert "there is no column orgin here (line 2, column 3)" in text
    assert "did you mean aviation.operations.flights.origin?" in text
