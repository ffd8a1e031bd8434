"""Stopping a query from another connection, by the name that was given to it.

A cursor that waits for rows has its connection occupied, and may wait in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adbc_driver_flightsql import DatabaseOptions

from meshgate_sqlalchemy.url import Target, read_url

NAME = DatabaseOptions.RPC_CALL_HEADER_PREFIX.value + "x-meshgate-query"
"""The driver's option that names what a cursor executes; nothing else may have that name."""

ACTION = "meshgate.cancel"
SECONDS = 10.0


def stop(url: Any, name: str, token: str | None = None) -> bool:
    """Stop what its user runs by a name, at the gateway of an engine's URL. Whether it ran.

    What comes by the name later does not run either. Raises pyarrow's errors.
    """
    import pyarrow.flight as flight

    target = read_url(url)
    with flight.FlightClient(target.uri, **_tls(target)) as client:
        headers = [_authorization(client, target.db_kwargs, token)]
        options = flight.FlightCallOptions(headers=headers, timeout=SECONDS)
        action = flight.Action(ACTION, name.encode())
        answers = [answer.body.to_pybytes() for answer in client.do_action(action, options)]
    return answers == [b"stopped"]


def _authorization(
    client: Any, settings: Mapping[str, str], token: str | None
) -> tuple[bytes, bytes]:
    header = (
        f"Bearer {token}" if token else settings.get(DatabaseOptions.AUTHORIZATION_HEADER.value)
    )
    if header:
        return b"authorization", header.encode()
    pair: tuple[bytes, bytes] = client.authenticate_basic_token(
        settings.get("username", ""), settings.get("password", "")
    )
    return pair


def _tls(target: Target) -> dict[str, Any]:
    settings = target.db_kwargs
    names = {
        "tls_root_certs": DatabaseOptions.TLS_ROOT_CERTS,
        "cert_chain": DatabaseOptions.MTLS_CERT_CHAIN,
        "private_key": DatabaseOptions.MTLS_PRIVATE_KEY,
        "override_hostname": DatabaseOptions.TLS_OVERRIDE_HOSTNAME,
    }
    known = {name: settings[o.value] for name, o in names.items() if o.value in settings}
    return {
        **known,
        "disable_server_verification": DatabaseOptions.TLS_SKIP_VERIFY.value in settings,
    }
