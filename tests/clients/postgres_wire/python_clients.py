"""Checks of Python's other clients of PostgreSQL, run by an environment's own Python.

    python -m tests.clients.postgres_wire.python_clients PORT TLS_PORT AUTHORITY STRANGER TOKEN

prints a line of JSON for each client and check: what failed it, "" for nothing. `CHECKS` can be
read without any of the clients.
"""

from __future__ import annotations

import json
import sys
import traceback

from tests.clients.postgres_wire import python_drivers, python_engines
from tests.clients.postgres_wire.python_places import Check, Place

CHECKS: dict[str, dict[str, Check]] = {**python_drivers.CHECKS, **python_engines.CHECKS}
"""By client and what is checked."""


def main() -> None:
    port, tls_port, *trust = sys.argv[1:]
    place = Place(int(port), int(tls_port), *trust)
    for client, checks in CHECKS.items():
        for feature, check in checks.items():
            failure = ""
            try:
                check(client.rpartition("+")[2], place)
            except Exception:
                failure = traceback.format_exc()
            print(json.dumps({"client": client, "feature": feature, "failure": failure}))


if __name__ == "__main__":
    main()
