"""Where `meshgate serve` listens for PostgreSQL's clients, when it is asked to."""

from __future__ import annotations

import importlib.util
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from gateway.errors import UserError

DEFAULT_HOST = "127.0.0.1"
NEEDED = ("duckdb", "numpy")
"""Packages that are not needed otherwise."""


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether nobody from another machine can connect."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{host}:{self.port}"


def address(text: str) -> Address:
    """Read ``PORT`` or ``HOST:PORT``. Raises UserError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else DEFAULT_HOST
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or not host:
        raise UserError(f"can not listen on {text!r}", hint="write PORT or HOST:PORT")
    return Address(host, int(port))


def check(where: Address, *, secure: bool, cleartext: bool) -> None:
    """Raise UserError for an address that would take passwords in the clear from elsewhere."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--postgres needs {' and '.join(missing)}",
            hint="install meshgate[postgres-wire]",
        )
    if not secure and not cleartext and not where.local:
        raise UserError(
            f"{where} would take passwords in the clear",
            hint="give --tls-cert and --tls-key, or allow it with --postgres-cleartext",
        )


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, password=lambda: "")
    return context
