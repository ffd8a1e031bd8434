"""Mesh folders for benchmarks and tests, published by the `meshgate publish` command itself."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.cli import main as meshgate
from gateway.identity.users import add_user

USER = ("bench", "bench-password")
ROLE = "bench/reader"
EVERYTHING = f"p,{ROLE},*,*,discover|read,*,*,*,allow\n"


@dataclass(frozen=True, slots=True)
class Product:
    """A data product to publish: the tables of one source (those whose name fits `objects`).

    `uri` is what the contract will say; `direct` is for those who go past the gateway.
    """

    name: str
    connector: str
    uri: str
    direct: str = ""
    objects: tuple[str, ...] = ()


class PublishError(RuntimeError):
    """`meshgate publish` refused a source."""


def build(folder: Path, domain: str, products: Iterable[Product]) -> Path:
    """Publish the products into a new mesh folder whose one user may read everything."""
    for product in products:
        publish(folder, domain, product)
    govern(folder, EVERYTHING, {USER: (ROLE,)})
    return folder


def govern(folder: Path, policies: str, users: Mapping[tuple[str, str], Sequence[str]]) -> None:
    """Write a mesh folder's policies, for those there, and users: roles by name and password."""
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    (folder / "policies" / "access.csv").write_text(policies)
    for (name, password), roles in users.items():
        add_user(folder, name, roles, password)


def publish(folder: Path, domain: str, product: Product) -> None:
    """Write one product into a mesh folder. Raises PublishError."""
    for pattern in product.objects or (None,):
        _publish(folder, domain, product, pattern)


def _publish(folder: Path, domain: str, product: Product, pattern: str | None) -> None:
    arguments = [
        *("publish", "--mesh", str(folder), "--domain", domain, "--product", product.name),
        *("--connector", product.connector, "--uri", product.uri),
        *(("--object", pattern, "--force") if pattern else ()),
    ]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = meshgate(arguments)
    if code:
        raise PublishError(f"publishing {product.name} failed: {output.getvalue().strip()}")
