"""Each user of Superset is himself at the gateway, and nobody is shown what is another's."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients.superset.running import Api, Refused, Superset
from tests.clients.superset.served import LONG, Mesh

pytestmark = pytest.mark.timeout(600)  # the first waits until Superset runs

CLIENT = "Superset 6.1.0"
DATABASE, DATASET = 1, 1

COUNT = [{"expressionType": "SQL", "sqlExpression": "COUNT(*)", "label": "n"}]


def test_nobody_is_given_what_was_cached_for_another(ana: Api, jo: Api) -> None:
    query = {"columns": ["origin"], "metrics": COUNT, "orderby": [["origin", True]]}
    first = ana.chart(DATASET, **query)
    assert [row["origin"] for row in first["data"]] == ["EWR", "JFK", "LGA"]
    others = jo.chart(DATASET, **query)
    assert [row["origin"] for row in others["data"]] == ["JFK"]
    assert not others["is_cached"]
    again, his = ana.chart(DATASET, **query), jo.chart(DATASET, **query)
    assert again["is_cached"]
    assert his["is_cached"]
    assert (again["data"], his["data"]) == (first["data"], others["data"])


def test_new_roles_end_what_was_cached_with_the_old_ones(admin: Api, ana: Api, jo: Api) -> None:
    query = {"columns": ["airline"], "metrics": COUNT, "orderby": [["airline", True]]}
    assert not jo.chart(DATASET, **query)["is_cached"]
    users = {u["username"]: u for u in admin.get("security/users/")["result"]}
    roles = [role["id"] for role in users["jo"]["roles"]]
    others = [role["id"] for role in users["ana"]["roles"]]
    admin.put(f"security/users/{users['jo']['id']}", roles=others)
    try:
        promoted = jo.chart(DATASET, **query)
        assert not promoted["is_cached"]
        assert promoted["data"] == ana.chart(DATASET, **query)["data"]
    finally:
        admin.put(f"security/users/{users['jo']['id']}", roles=roles)


def test_nobody_stops_the_query_of_another(
    superset: Superset, ana: Api, jo: Api, mesh: Mesh
) -> None:
    name = secrets.token_hex(5)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(superset.api("ana").query, DATABASE, LONG, client_id=name)
        mesh.wait_running()
        with pytest.raises(Refused, match=r"^422: .*Could not cancel query"):
            jo.post("query/stop", client_id=name)
        assert mesh.service.admission.running == 1
        ana.post("query/stop", client_id=name)
        assert mesh.service.admission.wait_idle(10)
        assert running.result(30)["status"] == "stopped"
    assert mesh.service.reports.get("user:ana@superset").outcome == "cancelled"


@pytest.mark.feature(CLIENT, "user and password")
@pytest.mark.feature(CLIENT, "TLS")
@pytest.mark.feature(CLIENT, "purpose")
def test_without_impersonation_the_uri_says_who_asks_and_what_for(admin: Api, mesh: Mesh) -> None:
    password = mesh.passwords["eva"]
    uri = f"meshgate://eva:{password}@localhost:{mesh.tls_port}/?tls=true&tls_ca={mesh.authority}"
    planes = "SELECT count(*) AS n FROM aviation.registry.planes"
    made = admin.add_database("eva", uri)
    with pytest.raises(Refused, match="PURPOSE_REQUIRED"):
        admin.query(made, planes)
    safety = admin.add_database("eva for safety", f"{uri}&purpose=safety")
    assert admin.query(safety, planes)["data"] == [{"n": 3322}]
    assert password not in json.dumps(admin.get(f"database/{made}/connection"))


REFUSALS = {
    "another gateway": ("meshgate://127.0.0.1:1/", {}, "no signer for the gateway"),
    "no TLS": ("meshgate://gateway.example:8815/", {}, "without TLS"),
    "unverified": ("meshgate://h.example:8815/?tls_skip_verify=true", {}, "an unverified gateway"),
    "connect_args": (
        "{}",
        {"engine_params": {"connect_args": {"uri": "grpc://127.0.0.1:1"}}},
        "could lead a user's token elsewhere",
    ),
    "names for all": (
        "{}",
        {"metadata_cache_timeout": {"schema_cache_timeout": 60}},
        "names of tables would be cached",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_could_leak_a_token_or_an_answer_is_refused(admin: Api, mesh: Mesh, case: str) -> None:
    uri, extra, said = REFUSALS[case]
    with pytest.raises(Refused) as caught:
        admin.add_database(case, uri.format(f"meshgate://{mesh.address}/"), True, extra)
    assert said in caught.value.text


def test_charts_that_superset_caches_for_all_users_are_refused(superset: Superset) -> None:
    assert superset.script(SHARED_CACHES).splitlines()[-1] == "all refused"


SHARED_CACHES = """
import json

from superset.app import create_app

app = create_app()
with app.app_context():
    from meshgate_sqlalchemy.superset.impersonation import ImpersonationRefused
    from superset import db, feature_flag_manager, security_manager
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.security.guest_token import GuestUser
    from superset.viz import TimeTableViz
    from superset.utils.core import override_user

    database = db.session.get(Database, 1)
    ana = security_manager.find_user("ana")
    table = db.session.get(SqlaTable, 1)

    def ask():
        return database.get_df("SELECT 1 AS one")

    def refused(said, act):
        try:
            answer = act()
        except Exception as error:
            assert said in str(error), (said, str(error))
        else:
            raise AssertionError((said, answer))

    refused("nobody is logged in", ask)
    with override_user(security_manager.get_anonymous_user()):
        refused("nobody is logged in", ask)
    guest = GuestUser({"user": {"username": "ana"}, "resources": [], "rls_rules": []}, [])
    with override_user(guest):
        refused("name themselves", ask)
    with override_user(ana):
        assert ask().to_dict("records") == [{"one": 1}]
        form = {"datasource": "1__table", "viz_type": "time_table", "metrics": ["count"],
                "granularity_sqla": "time_hour", "groupby": [], "since": "", "until": ""}
        with app.test_request_context("/superset/explore_json/", method="POST"):
            with override_user(ana):
                chart = TimeTableViz(table, form)
                errors = json.dumps(chart.get_df_payload()["errors"])
                assert "caches this kind of chart" in errors, errors
        flags = feature_flag_manager._feature_flags
        flags["CACHE_IMPERSONATION"] = False
        refused("CACHE_IMPERSONATION", ask)
        flags["CACHE_IMPERSONATION"] = True
        database.encrypted_extra = json.dumps({"connect_args": {"uri": "grpc://127.0.0.1:1"}})
        refused("secure extra", ask)
        db.session.rollback()

    from meshgate_sqlalchemy.superset.tokens import signer_for

    ((address, declared),) = app.config["MESHGATE_SIGNERS"].items()
    for change, said in (
        ({"seconds": 86400}, "seconds are a number up to 3600"),
        ({"secret": "x"}, "there is no 'secret'"),
        ({"issuer": ""}, "issuer is missing"),
        ({"key_file": __file__}, "is not a private key"),
    ):
        refused(said, lambda: signer_for(address, {address: {**declared, **change}}))
print("all refused")
"""
