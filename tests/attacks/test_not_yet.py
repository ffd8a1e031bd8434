"""Doors that are not there yet: whoever opens one meets its test here first.

75: graph, key-value, document and vector requests; 55: results kept for others; 50: plans.
"""

from __future__ import annotations

import pytest

import gateway.flight.actions
import gateway.flight.commands
from gateway.errors import Unsupported
from gateway.languages.request_languages import LANGUAGES
from gateway.model import Principal, Request
from tests.attacks.doors import House


def test_a75_the_languages_are_those_that_were_attacked() -> None:
    assert set(LANGUAGES) == {"sql", "substrait"}  # tests/substrait attacks it


@pytest.mark.parametrize("language", ["cypher", "graphql", "document", "kv", "redis"])
def test_a75_other_languages_are_refused(language: str, house: House) -> None:
    request = Request(Principal("user:rita", ("hr/analyst",)), "MATCH (n) RETURN n", language)
    with pytest.raises(Unsupported):
        house.gateway.prepare(request)


def test_a51_the_actions_are_those_that_were_attacked() -> None:
    assert set(gateway.flight.actions.ACTIONS) == {
        "CreatePreparedStatement",
        "ClosePreparedStatement",
        "CancelFlightInfo",
        "CancelQuery",
        "RenewFlightEndpoint",
        "SetSessionOptions",
        "GetSessionOptions",
        "CloseSession",
        "meshgate.report",
        "BeginTransaction",
        "EndTransaction",
        "BeginSavepoint",
        "EndSavepoint",
        "CreatePreparedSubstraitPlan",
        "meshgate.cancel",
        "meshgate.refresh",  # tests/views/test_refresh.py attacks it
    }


def test_a50_the_commands_are_those_that_were_attacked() -> None:
    assert set(gateway.flight.commands.MESSAGES) == {
        "CommandGetSqlInfo",
        "CommandGetXdbcTypeInfo",
        "CommandGetCatalogs",
        "CommandGetDbSchemas",
        "CommandGetTables",
        "CommandGetTableTypes",
        "CommandGetPrimaryKeys",
        "CommandGetExportedKeys",
        "CommandGetImportedKeys",
        "CommandGetCrossReference",
        "CommandStatementQuery",
        "CommandPreparedStatementQuery",
        "CommandStatementUpdate",
        "CommandPreparedStatementUpdate",
        "CommandStatementIngest",
        "CommandStatementSubstraitPlan",
        "TicketStatementQuery",
        "ActionCreatePreparedStatementRequest",
        "ActionClosePreparedStatementRequest",
        "ActionCancelQueryRequest",
        "ActionBeginTransactionRequest",
        "ActionEndTransactionRequest",
        "ActionBeginSavepointRequest",
        "ActionEndSavepointRequest",
        "ActionCreatePreparedSubstraitPlanRequest",
    }
