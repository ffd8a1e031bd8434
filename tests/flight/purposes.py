"""A mesh whose datasets need a purpose or a region, with users, an issuer and a service."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from connectors import memory
from gateway.cli import main
from gateway.identity.users import add_user
from tests.identity.issuing import SETTINGS, Signer, write_keys

KEY = Signer("key", "ES256")
STORE = "flight-purposes"

# Reports can be read by everybody, visits for care, and plans in the EU.
POLICIES = """\
p,all/reader,*,mesh://clinic/ward/reports,discover|read,*,*,*,allow
p,all/reader,*,mesh://clinic/ward/visits,discover|read,care|billing,*,*,allow
p,all/reader,*,mesh://clinic/ward/plans,discover|read,*,EU,*,allow
"""

SERVICE = """\
[services."loader.example"]
roles = ["all/reader"]
region = "EU"
"""

ANN, BEN, EVE = ("ann", "ann's"), ("ben", "ben's"), ("eve", "eve's")


def build(folder: Path) -> Path:
    """Ann may declare what the policies name, Ben only billing and is in the EU, Eve nothing."""
    table = pa.table({"id": [1, 2, 3]})
    uri = memory.register(STORE, {"reports": table, "visits": table, "plans": table})
    names = ["--domain", "clinic", "--product", "ward"]
    source = ["--connector", "memory", "--uri", uri]
    assert main(["publish", "--mesh", str(folder), *names, *source]) == 0
    (folder / "policies").mkdir()
    (folder / "policies" / "access.csv").write_text(POLICIES)
    (folder / "identity.toml").write_text(SETTINGS + SERVICE)
    write_keys(folder, KEY)
    add_user(folder, ANN[0], ["all/reader"], ANN[1])
    add_user(folder, BEN[0], ["all/reader"], BEN[1], region="EU", purposes=["billing"])
    add_user(folder, EVE[0], [], EVE[1])
    return folder
