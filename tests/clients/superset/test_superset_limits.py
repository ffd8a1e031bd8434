"""What SQL Lab may not do, and what the URI of its database says of each query."""

from __future__ import annotations

import pytest

from tests.clients.superset.running import Api, Refused
from tests.clients.superset.served import LONG, Mesh

pytestmark = pytest.mark.timeout(600)  # the first waits until Superset runs

CLIENT = "Superset 6.1.0"
DATABASE = 1
SQL_MAX_ROW = 100_000
"""The most rows of any query, by Superset's own settings."""

CHANGE = "DELETE FROM aviation.operations.flights"


def uri(mesh: Mesh, options: str) -> str:
    return f"meshgate://eva:{mesh.passwords['eva']}@{mesh.address}/?{options}"


@pytest.mark.feature(CLIENT, "writing", shows="refused: by Superset, and by the gateway")
def test_writing_is_refused_by_superset_and_by_the_gateway(
    ana: Api, admin: Api, mesh: Mesh
) -> None:
    with pytest.raises(Refused, match="DML"):
        ana.query(DATABASE, CHANGE)
    made = admin.add_database("for changes", uri(mesh, "verify=false"), allow_dml=True)
    with pytest.raises(Refused, match=r"UNSUPPORTED.*a request may only read"):
        admin.query(made, CHANGE)


@pytest.mark.feature(CLIENT, "one million rows", shows="limited by Superset: SQL_MAX_ROW, 100,000")
def test_sql_lab_has_a_limit_of_its_own(ana: Api, mesh: Mesh) -> None:
    sql = "SELECT distance FROM aviation.operations.flights"
    assert mesh.truth(sql).num_rows > SQL_MAX_ROW
    answer = ana.query(DATABASE, sql, queryLimit=1_000_000)
    assert answer["query"]["rows"] == SQL_MAX_ROW


@pytest.mark.feature(CLIENT, "timeout")
@pytest.mark.feature(CLIENT, "session options")
def test_the_uri_has_a_timeout(admin: Api, mesh: Mesh) -> None:
    made = admin.add_database("soon", uri(mesh, "timeout=1"))
    with pytest.raises(Refused, match="TIMEOUT"):
        admin.query(made, LONG)
    assert mesh.service.admission.wait_idle(10)


@pytest.mark.feature(CLIENT, "session options")
def test_an_option_that_means_nothing_is_refused_with_its_reason(admin: Api, mesh: Mesh) -> None:
    with pytest.raises(Refused, match=r"INVALID_REQUEST.*no placement 'sideways'.*Hint"):
        admin.add_database("sideways", uri(mesh, "placement=sideways"))
