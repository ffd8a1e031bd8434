"""Events of OpenLineage about runs, as plain dictionaries in the form of its specification.

Source: https://openlineage.io/spec/2-0-2/OpenLineage.json, and the facets named below.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.lineage.model import Input, Lineage
from gateway.model import SCHEME

PRODUCER = "urn:meshgate:gateway"
"""Names us as whoever made an event or a facet: a URI, as the specification asks for."""

SPEC = "https://openlineage.io/spec"
EVENT_SCHEMA = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
OWN_FACET = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunFacet"

NO_TEAM = "meshgate"
"""The namespace of jobs of those who belong to no team."""

Facets = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Read:
    """A dataset of a run: its address, and what was read of it under which obligations.

    `masks` are pairs of a column and a mask's id. `version` is what its source calls the state that
    was read, or "".
    """

    address: str
    columns: tuple[str, ...] = ()
    row_filters: tuple[str, ...] = ()
    masks: tuple[tuple[str, str], ...] = ()
    rules: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What an event tells of a run. Times are ISO 8601; `statement` is "" or has no literals."""

    id: str
    time: str
    principal: str
    team: str
    purpose: str
    door: str
    policy_version: str
    verdict: str
    statement: str
    fingerprint: str
    reads: tuple[Read, ...] = ()
    lineage: Lineage | None = None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: `outcome` is the journal's word for it."""

    time: str
    outcome: str
    rows: int = 0
    bytes: int = 0


def event(kind: str, run: RunFacts, end: RunEnd | None, engine: str) -> dict[str, Any]:
    """The event of a `kind` (START, COMPLETE, FAIL, ABORT); without an `end` the run has begun.

    `engine` is the version of the gateway.
    """
    job = _job(run)
    return {
        "eventType": kind,
        "eventTime": run.time if end is None else end.time,
        "run": {"runId": run_id(run.id), "facets": _run_facets(run, end, engine)},
        "job": job,
        "inputs": [_input(read) for read in run.reads],
        "outputs": _outputs(run, end, job),
        "producer": PRODUCER,
        "schemaURL": EVENT_SCHEMA,
    }


def run_id(id_: str) -> str:
    """A run's id as a UUID is written."""
    try:
        return str(uuid.UUID(hex=id_))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, id_))


def token(run: str, kind: str) -> str:
    """The same for an event each time it is sent, and another one for every other event."""
    return str(uuid.uuid5(uuid.UUID(run_id(run)), kind))


def dataset_name(address: str) -> tuple[str, str]:
    """Namespace and name: ``mesh://sales``, ``orders/lines@1.0.0``."""
    domain, _, name = address.removeprefix(SCHEME).partition("/")
    return f"{SCHEME}{domain}", name


def job_name(statement: str, fingerprint: str) -> str:
    """Equal for statements that differ in literals only."""
    if not statement:
        return f"query/{fingerprint[:16] or 'unknown'}"
    return f"query/{hashlib.sha256(statement.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _facet(schema: str, /, **content: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": schema, **content}


def _standard(facet: str, edition: str, /, **content: Any) -> dict[str, Any]:
    return _facet(f"{SPEC}/facets/{edition}/{facet}.json#/$defs/{facet}", **content)


def _job(run: RunFacts) -> dict[str, Any]:
    facets: Facets = {
        "jobType": _standard(
            "JobTypeJobFacet",
            "2-0-4",
            processingType="BATCH",
            integration="MESHGATE",
            jobType="QUERY",
        )
    }
    if run.statement:
        dialect = run.door.partition(":")[2] or "postgres"
        facets["sql"] = _standard("SQLJobFacet", "1-1-0", query=run.statement, dialect=dialect)
    name = job_name(run.statement, run.fingerprint)
    return {"namespace": f"{SCHEME}{run.team or NO_TEAM}", "name": name, "facets": facets}


def _run_facets(run: RunFacts, end: RunEnd | None, engine: str) -> Facets:
    reads = run.reads
    facets: Facets = {
        "processing_engine": _standard(
            "ProcessingEngineRunFacet", "1-1-1", name="Meshgate", version=engine
        ),
        "mesh_policy": _facet(
            OWN_FACET,
            principal=run.principal,
            team=run.team,
            purpose=run.purpose,
            policyVersion=run.policy_version,
            verdict=run.verdict,
            rules=_distinct(rule for read in reads for rule in read.rules),
            rowFilters=_distinct(name for read in reads for name in read.row_filters),
            masks=_distinct(mask for read in reads for _, mask in read.masks),
        ),
    }
    if end is not None and end.outcome != "completed":
        facets["errorMessage"] = _standard(
            "ErrorMessageRunFacet", "1-0-1", message=end.outcome, programmingLanguage="SQL"
        )
    return facets


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _input(read: Read) -> dict[str, Any]:
    namespace, name = dataset_name(read.address)
    masks = dict(read.masks)
    facets: Facets = {
        "schema": _standard(
            "SchemaDatasetFacet", "1-2-0", fields=[{"name": column} for column in read.columns]
        ),
    }
    if read.version:
        facets["version"] = _standard(
            "DatasetVersionDatasetFacet", "1-0-1", datasetVersion=read.version
        )
    facets["mesh_obligations"] = _facet(
        f"{SPEC}/2-0-2/OpenLineage.json#/$defs/DatasetFacet",
        rowFilters=list(read.row_filters),
        masks=[{"column": column, "mask": mask} for column, mask in masks.items()],
        rules=list(read.rules),
    )
    return {"namespace": namespace, "name": name, "facets": facets}


def _outputs(run: RunFacts, end: RunEnd | None, job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answer, as a dataset of its own: that is where column lineage has its place."""
    facets: Facets = {}
    if run.lineage is not None:
        names = [output.name for output in run.lineage.outputs]
        facets["schema"] = _standard(
            "SchemaDatasetFacet", "1-2-0", fields=[{"name": name} for name in names]
        )
        facets["columnLineage"] = _column_lineage(run.lineage)
    answer: dict[str, Any] = {
        "namespace": job["namespace"],
        "name": f"{job['name']}/answer",
        "facets": facets,
    }
    if end is not None:
        answer["outputFacets"] = {
            "outputStatistics": _standard(
                "OutputStatisticsOutputDatasetFacet", "1-0-2", rowCount=end.rows, size=end.bytes
            )
        }
    return [answer]


def _column_lineage(lineage: Lineage) -> dict[str, Any]:
    """A name that occurs more than once has the inputs of all columns that are called so."""
    fields: dict[str, list[Input]] = {}
    for output in lineage.outputs:
        fields.setdefault(output.name, []).extend(output.inputs)
    return _standard(
        "ColumnLineageDatasetFacet",
        "1-2-0",
        fields={name: {"inputFields": _fields(inputs)} for name, inputs in fields.items()},
        dataset=_fields(lineage.whole),
    )


def _fields(inputs: Iterable[Input]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[Input, None]] = {}
    for i in inputs:
        found.setdefault((i.dataset, i.column), {})[i] = None
    return [_field(*column, how) for column, how in found.items()]


def _field(dataset: str, column: str, how: Iterable[Input]) -> dict[str, Any]:
    namespace, name = dataset_name(dataset)
    transformations = [
        {
            "type": "DIRECT" if i.subtype.direct else "INDIRECT",
            "subtype": str(i.subtype),
            "description": "row filter of the policies" if i.policy else "",
            "masking": i.masking,
        }
        for i in how
    ]
    return {
        "namespace": namespace,
        "name": name,
        "field": column,
        "transformations": transformations,
    }


def written(event_: Mapping[str, Any]) -> str:
    """An event's text: the same for the same event."""
    return json.dumps(event_, ensure_ascii=False, separators=(",", ":"))
