"""Events in the form of OpenLineage's own client, and what they tell."""

from __future__ import annotations

import json
import uuid
from typing import Any

import attr
import pytest
from openlineage.client import event_v2, facet_v2
from openlineage.client.facet_v2 import output_statistics_output_dataset
from openlineage.client.serde import Serde

from gateway.lineage.events import Read, RunEnd, RunFacts, event, job_name, run_id, token, written
from gateway.lineage.model import Input, Lineage, Output, Subtype
from gateway.request_ids import request_id

LINES = "mesh://sales/orders/lines@1.0.0"
PEOPLE = "mesh://hr/staff/people@2.1.0"
LINEAGE = Lineage(
    (
        Output("id", (Input(LINES, "id", Subtype.IDENTITY),)),
        Output(
            "who",
            (
                Input(LINES, "email", Subtype.TRANSFORMATION, masking=True),
                Input(LINES, "email", Subtype.CONDITIONAL),
                Input(PEOPLE, "name", Subtype.AGGREGATION),
            ),
        ),
        Output("who", (Input(PEOPLE, "city", Subtype.IDENTITY),)),
        Output("one"),
    ),
    (Input(LINES, "id", Subtype.JOIN), Input(LINES, "region", Subtype.FILTER, policy=True)),
    (PEOPLE, LINES),
)
RUN = RunFacts(
    request_id(),
    "2026-01-31T12:00:00.000123Z",
    "user:ana",
    "sales",
    "billing",
    "sql:mysql",
    "0123456789abcdef",
    "allowed",
    "SELECT id, who FROM lines WHERE id > ?",
    "f" * 32,
    (
        Read(LINES, ("id", "email"), ("eu_only",), (("email", "hash"),), ("p.csv:1",), "7"),
        Read(PEOPLE, ("name", "city"), (), (), ("p.csv:1", "p.csv:2")),
    ),
    LINEAGE,
)
END = RunEnd("2026-01-31T12:00:01.000000Z", "completed", 3, 24)

FACETS = {
    "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "sql": facet_v2.sql_job.SQLJobFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "columnLineage": facet_v2.column_lineage_dataset.ColumnLineageDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
}
OWN = {"mesh_policy", "mesh_obligations"}


def checked_facets(facets: dict[str, Any]) -> dict[str, Any]:
    """Each as the client's class for it, which must take it and be of the same edition."""
    made = {}
    for name, content in facets.items():
        assert content["_producer"] and content["_schemaURL"]
        if name in OWN:
            continue
        kind = FACETS[name]
        assert content["_schemaURL"] == kind._get_schema()
        given = {key: value for key, value in content.items() if not key.startswith("_")}
        known = {field.name for field in attr.fields(kind)}
        assert set(given) <= known, f"{name}: {set(given) - known}"
        made[name] = kind(**given)
    return made


def checked(told: dict[str, Any]) -> None:
    """The event made anew with the client says the same."""
    output = told["outputs"][0]
    made = event_v2.RunEvent(
        eventTime=told["eventTime"],
        producer=told["producer"],
        eventType=event_v2.RunState[told["eventType"]],
        run=event_v2.Run(told["run"]["runId"], checked_facets(told["run"]["facets"])),
        job=event_v2.Job(
            told["job"]["namespace"], told["job"]["name"], checked_facets(told["job"]["facets"])
        ),
        inputs=[
            event_v2.InputDataset(i["namespace"], i["name"], facets=checked_facets(i["facets"]))
            for i in told["inputs"]
        ],
        outputs=[
            event_v2.OutputDataset(
                output["namespace"],
                output["name"],
                facets=checked_facets(output["facets"]),
                outputFacets=checked_facets(output.get("outputFacets", {})),
            )
        ],
    )
    theirs = json.loads(Serde.to_json(made))
    assert theirs["schemaURL"] == told["schemaURL"]
    assert set(theirs) == set(told)
    for part in ("eventTime", "eventType", "producer"):
        assert theirs[part] == told[part]
    mine = told["outputs"][0]["facets"].get("columnLineage")
    if mine:
        (their,) = [o["facets"]["columnLineage"] for o in theirs["outputs"]]
        assert their["fields"] == mine["fields"]
        assert their["dataset"] == mine["dataset"]


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("START", None),
        ("COMPLETE", END),
        ("FAIL", RunEnd(END.time, "failed: TIMEOUT", 1, 8)),
        ("ABORT", RunEnd(END.time, "abandoned")),
    ],
)
def test_the_client_makes_the_same(kind: str, end: RunEnd | None) -> None:
    told = event(kind, RUN, end, "0.1.0")
    checked(told)
    assert told["eventTime"] == (end or RUN).time
    error = told["run"]["facets"].get("errorMessage")
    assert (error or {}).get("message") == (
        end.outcome if end is not None and end.outcome != "completed" else None
    )


def test_a_run_that_reads_nothing() -> None:
    nothing = RunFacts("q1", RUN.time, "svc:x", "", "", "substrait", "v", "allowed", "", "a" * 32)
    told = event("START", nothing, None, "0.1.0")
    checked(told)
    assert told["inputs"] == []
    assert told["job"]["namespace"] == "mesh://meshgate"
    assert told["job"]["name"] == f"query/{'a' * 16}"
    assert "sql" not in told["job"]["facets"]


def test_what_an_event_tells() -> None:
    told = event("COMPLETE", RUN, END, "0.1.0")
    lines, people = told["inputs"]
    assert (lines["namespace"], lines["name"]) == ("mesh://sales", "orders/lines@1.0.0")
    assert (people["namespace"], people["name"]) == ("mesh://hr", "staff/people@2.1.0")
    assert lines["facets"]["version"]["datasetVersion"] == "7"
    assert "version" not in people["facets"]
    assert lines["facets"]["mesh_obligations"]["masks"] == [{"column": "email", "mask": "hash"}]
    policy = told["run"]["facets"]["mesh_policy"]
    assert (policy["principal"], policy["purpose"], policy["verdict"]) == (
        "user:ana",
        "billing",
        "allowed",
    )
    assert policy["policyVersion"] == RUN.policy_version
    assert policy["rules"] == ["p.csv:1", "p.csv:2"]
    assert (policy["rowFilters"], policy["masks"]) == (["eu_only"], ["hash"])
    assert told["job"]["facets"]["sql"]["query"] == RUN.statement
    assert told["job"]["facets"]["sql"]["dialect"] == "mysql"
    answer = told["outputs"][0]
    assert answer["outputFacets"]["outputStatistics"]["rowCount"] == 3
    fields = answer["facets"]["columnLineage"]["fields"]
    assert list(fields) == ["id", "who", "one"]
    conditional = str(Subtype.CONDITIONAL)
    email, name, city = fields["who"]["inputFields"]
    assert email["transformations"] == [
        {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "", "masking": True},
        {"type": "INDIRECT", "subtype": conditional, "description": "", "masking": False},
    ]
    assert (name["field"], city["field"]) == ("name", "city")
    assert fields["one"]["inputFields"] == []
    join, region = answer["facets"]["columnLineage"]["dataset"]
    assert join["transformations"][0]["subtype"] == "JOIN"
    assert region["transformations"][0]["description"] == "row filter of the policies"


def test_ids_are_uuids_that_sort_by_time() -> None:
    ids = [request_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    made = [uuid.UUID(hex=i) for i in ids]
    assert {(i.version, i.variant) for i in made} == {(7, uuid.RFC_4122)}
    assert [i.hex[:12] for i in made] == sorted(i.hex[:12] for i in made)
    assert run_id(ids[0]) == str(made[0])
    assert uuid.UUID(run_id("not hexadecimal")) == uuid.UUID(run_id("not hexadecimal"))


def test_a_token_is_of_one_event() -> None:
    one, other = request_id(), request_id()
    tokens = {token(run, kind) for run in (one, other) for kind in ("START", "COMPLETE")}
    assert len(tokens) == 4
    assert token(one, "START") in tokens


def test_equal_events_have_equal_texts_and_jobs_have_no_literals() -> None:
    assert written(event("COMPLETE", RUN, END, "1")) == written(event("COMPLETE", RUN, END, "1"))
    assert job_name("SELECT ?", "a" * 32) == job_name("SELECT ?", "b" * 32)
    assert job_name("SELECT ?", "") != job_name("SELECT ?, ?", "")
