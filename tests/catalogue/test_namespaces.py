"""Default catalogs and schemas: what a request pays to know that they are there."""

from __future__ import annotations

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.errors import UserError
from gateway.model import Principal, Request
from policies.decide import Pinned
from tests.gateways import dataset, gateway, in_memory

BOB = Principal("user:bob")


def test_a_request_asks_of_its_own_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    (mine,) = in_memory({"zz": pa.table({"a": [1]})}, "namespaces", "files")
    hidden = [dataset("files", f"h{n}", Binding("memory", "", "x"), mine.schema) for n in range(50)]
    rule = ("p", "user:bob", "*", "mesh://shop/files/zz", "read", "*", "*", "*", "allow")
    mesh = gateway([*hidden, mine], [rule])
    asked: list[object] = []
    decide = Pinned.decide

    def counted(self: Pinned, *given: object) -> object:
        asked.append(given)
        return decide(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Pinned, "decide", counted)
    for namespace in (("shop",), ("SHOP", "files"), ("", "Files")):
        asked.clear()
        mesh.prepare(Request(BOB, "SELECT a FROM zz", namespace=namespace))
        assert 0 < len(asked) < 10
    for namespace in (("shop", "other"), ("shap",), ("", "other")):
        with pytest.raises(UserError, match="or you may not know of it"):
            mesh.prepare(Request(BOB, "SELECT a FROM zz", namespace=namespace))
    mesh.close()
