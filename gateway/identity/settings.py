"""``identity.toml`` of a mesh: whose tokens and whose certificates are believed.

    [[issuers]]
    name = "corp"                              # subjects become user:SUBJECT@corp
    issuer = "https://login.corp.example"      # exactly as in the token's iss
    audience = "meshgate"
    algorithms = ["RS256"]
    [issuers.groups]                           # the only roles a token can give
    "data-analysts" = "sales/analyst"

    [services."loader.example"]                # the identity in a certificate
    roles = ["sales/loader"]

No file means no tokens and no certificates. docs/identity.md describes every key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway.errors import did_you_mean
from gateway.identity.users import ROLE_NAME
from gateway.model import PURPOSE, QUALITY_PRINCIPAL, REGION, Principal
from gateway.toml_tables import Table, read_tables

FILE_NAME = "identity.toml"

ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
"""Only asymmetric ones: whoever could verify an HMAC could also sign."""

KINDS = ("user", "svc")
MAX_LIFETIME_SECONDS = 24 * 3600.0
MOST_LIFETIME_SECONDS = 31 * 24 * 3600.0
LEEWAY_SECONDS = 10.0
MOST_LEEWAY_SECONDS = 120.0

SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=:/~-]{0,127}\Z")
"""A subject or service that can be part of a principal's name: nothing a policy reads as more."""

_ISSUER_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}\Z")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ISSUER_KEYS = (
    *("name", "issuer", "audience", "jwks_uri", "jwks_file", "algorithms", "kind"),
    *("subject_claim", "groups_claim", "region_claim", "purposes_claim", "groups"),
    *("max_lifetime_seconds", "leeway_seconds"),
)
_SERVICE_KEYS = ("roles", "region", "purposes")


@dataclass(frozen=True, slots=True)
class Issuer:
    """One ``[[issuers]]``: who signs, with what, and what its claims mean here.

    `jwks_uri` and `jwks_file` are both empty when the keys are found by OIDC discovery.
    `groups` are pairs of a group's name and the role it gives.
    """

    name: str
    issuer: str
    audiences: tuple[str, ...]
    algorithms: frozenset[str]
    jwks_uri: str = ""
    jwks_file: Path | None = None
    kind: str = "user"
    subject_claim: str = "sub"
    groups_claim: str = "groups"
    region_claim: str = ""
    purposes_claim: str = ""
    groups: tuple[tuple[str, str], ...] = ()
    max_lifetime_seconds: float = MAX_LIFETIME_SECONDS
    leeway_seconds: float = LEEWAY_SECONDS


@dataclass(frozen=True, slots=True)
class Settings:
    """All of the file: issuers in its order, services by the identity in their certificate."""

    issuers: tuple[Issuer, ...]
    services: Mapping[str, Principal]

    def is_scoped(self, name: str) -> bool:
        """Whether a name ends as the subjects of some issuer do: it can be nobody else's then."""
        scope = name.rpartition("@")[2]
        return any(issuer.name == scope for issuer in self.issuers)


def load_settings(mesh: Path) -> Settings:
    """Read the file of a mesh folder. CatalogueError for the first thing that is wrong in it."""
    path = mesh / FILE_NAME
    table = Table(path, "", read_tables(path), ("issuers", "services"))
    entries = table.raw("issuers", [])
    if not isinstance(entries, list):
        raise table.wrong("issuers have to be tables", hint="write [[issuers]]")
    issuers: list[Issuer] = []
    for number, entry in enumerate(entries, start=1):
        place = Table(path, f"issuer {number}", entry, _ISSUER_KEYS)
        issuer = _issuer(place, mesh)
        if any(issuer.name == other.name for other in issuers):
            raise place.wrong(f"there are two issuers named {issuer.name!r}")
        if any(
            issuer.issuer == other.issuer and set(issuer.audiences) & set(other.audiences)
            for other in issuers
        ):
            raise place.wrong("the same issuer and audience are there twice")
        issuers.append(issuer)
    services = table.raw("services", {})
    if not isinstance(services, dict):
        raise table.wrong("services has to be a table", hint='write [services."NAME"]')
    settings = Settings(
        tuple(issuers),
        {
            name: _service(Table(path, f"service {name!r}", entry, _SERVICE_KEYS), name)
            for name, entry in services.items()
        },
    )
    for name in services:
        if settings.is_scoped(name):
            raise table.wrong(f"service {name!r} could be a subject of an issuer of that name")
    return settings


def check_uri(uri: str) -> str:
    """What is wrong with an address keys are fetched from; empty when nothing is.

    Only https, or http within this machine.
    """
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if parts.username is not None or parts.fragment or not host:
        return "is not an address without credentials"
    if parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK):
        return ""
    return "has to begin with https://"


def _issuer(table: Table, mesh: Path) -> Issuer:
    name = table.text("name")
    if not _ISSUER_NAME.match(name):
        raise table.wrong(f"name: {name!r} is not lower-case letters, digits, . and -")
    algorithms = frozenset(table.texts("algorithms"))
    unknown = sorted(algorithms - ALGORITHMS)
    if unknown or not algorithms:
        asked = unknown[0] if unknown else ""
        raise table.wrong(
            f"algorithms: {asked!r} is none of {', '.join(sorted(ALGORITHMS))}",
            hint=did_you_mean(asked, ALGORITHMS) or "only asymmetric signatures are accepted",
        )
    kind = table.text("kind", "user")
    if kind not in KINDS:
        raise table.wrong(f"kind: {kind!r} is neither user nor svc")
    issuer, uri, file = (
        table.text("issuer"),
        table.text("jwks_uri", ""),
        table.text("jwks_file", ""),
    )
    if uri and file:
        raise table.wrong("jwks_uri and jwks_file exclude each other")
    fetched = uri or ("" if file else issuer)
    if fetched and (wrong := check_uri(fetched)):
        raise table.wrong(f"{'jwks_uri' if uri else 'issuer'}: {fetched!r} {wrong}")
    audiences = table.texts("audience")
    if not audiences:
        raise table.wrong("audience is empty: a token for anybody would do")
    return Issuer(
        name=name,
        issuer=issuer,
        audiences=audiences,
        algorithms=algorithms,
        jwks_uri=uri,
        jwks_file=mesh / file if file else None,
        kind=kind,
        subject_claim=table.text("subject_claim", "sub"),
        groups_claim=table.text("groups_claim", "groups"),
        region_claim=table.text("region_claim", ""),
        purposes_claim=table.text("purposes_claim", ""),
        groups=_groups(table),
        max_lifetime_seconds=table.number(
            "max_lifetime_seconds", MAX_LIFETIME_SECONDS, MOST_LIFETIME_SECONDS
        ),
        leeway_seconds=table.number("leeway_seconds", LEEWAY_SECONDS, MOST_LEEWAY_SECONDS),
    )


def _groups(table: Table) -> tuple[tuple[str, str], ...]:
    entries = table.raw("groups", {})
    if not isinstance(entries, dict):
        raise table.wrong("groups has to be a table", hint="write [issuers.groups]")
    pairs = []
    for group, value in entries.items():
        roles = value if isinstance(value, list) else [value]
        for role in roles:
            if not isinstance(role, str) or not ROLE_NAME.match(role):
                raise table.wrong(f"groups: {role!r} is not a role", hint="write DOMAIN/ROLE")
            pairs.append((group, role))
    return tuple(pairs)


def _service(table: Table, name: str) -> Principal:
    if not SUBJECT.match(name):
        raise table.wrong("is not the name of a service", hint="the SAN of its certificate")
    if f"svc:{name}" == QUALITY_PRINCIPAL:
        raise table.wrong("is the gateway itself: no service may be called so")
    region = table.text("region", "")
    if region and not REGION.match(region):
        raise table.wrong(f"{region!r} is not a region")
    purposes = table.named("purposes", PURPOSE.match, "purpose")
    return Principal(
        f"svc:{name}",
        table.named("roles", ROLE_NAME.match, "role"),
        region,
        purposes if "purposes" in table else None,
    )
