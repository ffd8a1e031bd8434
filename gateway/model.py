"""The frozen values that travel between the stages of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from sqlglot.dialects.postgres import Postgres

from connectors.interface import Binding
from gateway.errors import UserError
from gateway.request_ids import request_id

SCHEME = "mesh://"
SYSTEM = "system"
"""The domain of the gateway's own tables; no mesh has one of this name."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
"""What a domain, product, dataset or version may be called."""

PURPOSE = re.compile(
    r"(?=.{1,200}\Z)[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z"
)
"""What a purpose may be called."""

REGION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
"""What a region may be called."""

COLUMN = re.compile(r"[^\x00-\x1f\x7f]+\Z")
"""What a column may be called in an address."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RESERVED = frozenset(
    text.split()[0]
    for text, token in Postgres.Tokenizer.KEYWORDS.items()
    if token not in Postgres.Parser.ID_VAR_TOKENS
)
"""Words, in upper case, that do not parse as a name."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """``mesh://domain/product/dataset@version#column``; version and column are optional."""

    domain: str
    product: str
    dataset: str
    version: str | None = None
    column: str | None = None

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        column = f"#{self.column}" if self.column else ""
        return f"{SCHEME}{self.domain}/{self.product}/{self.dataset}{version}{column}"

    @property
    def sql_name(self) -> str:
        """``domain.product.dataset`` as written in SQL: in quotes what is not a plain name."""
        return ".".join(map(_sql_identifier, (self.domain, self.product, self.dataset)))

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; anything but the exact form is a UserError."""
        if not text.startswith(SCHEME):
            raise UserError(f"{text!r} is not a mesh address", hint=f"it starts with {SCHEME}")
        rest, _, column = text[len(SCHEME) :].partition("#")
        path, _, version = rest.partition("@")
        parts = path.split("/")
        names = [*parts, *([version] if "@" in rest else [])]
        bad_column = "#" in text and not COLUMN.match(column)
        if len(parts) != 3 or not all(NAME.match(n) for n in names) or bad_column:
            raise UserError(
                f"{text!r} is not a mesh address",
                hint="write mesh://domain/product/dataset@version#column",
            )
        domain, product, dataset = parts
        return cls(domain, product, dataset, version or None, column or None)


def _sql_identifier(name: str) -> str:
    # Letter case is left alone: names are looked up without it.
    plain = _PLAIN.match(name) and name.upper() not in _RESERVED
    return name if plain else f'"{name}"'


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as identity has established it: nothing here comes from the caller's own word.

    `name` carries its kind (``user:alice``, ``svc:loader``). `region` is where the caller is
    ("" unknown). `purposes` are those the identity may declare; None leaves that to the policies.
    """

    name: str
    roles: tuple[str, ...] = ()
    region: str = ""
    purposes: tuple[str, ...] | None = None


QUALITY_PRINCIPAL = "svc:quality"
"""The gateway itself, when it checks quality rules: nobody can come in as it."""

PLACEMENTS = ("auto", "push", "pull")
"""Who does the work a source could do: whoever is faster, the source, or the gateway."""


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """How a request is to be answered. Nothing here changes the answer.

    `placement` is one of PLACEMENTS. With `verify` the query runs a second time, over bare scans
    of its sources, and is answered only if both give the same rows. `timeout` is how many seconds
    it may run (None or 0: no limit); `freshness` how many seconds old its rows may be (None: the
    gateway's choice).
    """

    placement: str = "auto"
    verify: bool = False
    timeout: float | None = None
    freshness: float | None = None


DEFAULT_OPTIONS = QueryOptions()


SUBSTRAIT = "substrait"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for, before anything is understood. `purpose` is declared: "" is none.

    `dialect` is that of the SQL text: "" is the gateway's own. In `namespace`, a catalog and
    perhaps a schema, names that say less than all are looked up before the whole mesh is searched.
    `parameters` are the values of the text's placeholders; without them it is only described.
    `declared` are the types the client has declared for them: they count where the text itself does
    not say what a placeholder is.
    `language` is SUBSTRAIT where the text was made of a plan: `columns` are what that takes its
    tables to have, and no place in the text is one in anything the client has written.
    """

    principal: Principal
    text: str
    language: str = "sql"
    purpose: str = ""
    dialect: str = ""
    namespace: tuple[str, ...] = ()
    options: QueryOptions = DEFAULT_OPTIONS
    parameters: tuple[pa.Scalar, ...] = ()
    declared: tuple[pa.DataType | None, ...] = ()
    columns: Mapping[tuple[str, ...], pa.Schema] = field(default_factory=dict, repr=False)
    id: str = field(default_factory=request_id)

    def again(self, **changes: Any) -> Request:
        """The same, but for changes, asked once more: a run of its own, with its own id."""
        return replace(self, id=request_id(), **changes)


@dataclass(frozen=True, slots=True)
class Residency:
    """Where the rows of a dataset may be: in one of `regions`.

    Elsewhere only aggregates over at least `minimum_rows` rows may go; None: nothing may.
    """

    regions: tuple[str, ...]
    minimum_rows: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A query over other datasets, published as one itself.

    Whoever reads it needs its own rights to what is below, unless the view `unmasks`: then what
    `owner` (a role of the view's domain) may publish is read with the owner's rights.
    `language` is a request language, and `dialect` one of SQL; "" is the gateway's own.
    """

    query: str
    owner: str = ""
    unmasks: bool = False
    language: str = "sql"
    dialect: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of a dataset that hold what is in columns of another: of `target`, in this order.

    `name` is the contract's id for it, or "".
    """

    columns: tuple[str, ...]
    target: Address
    target_columns: tuple[str, ...]
    name: str = ""


STATUSES = ("active", "deprecated", "proposed", "draft", "retired")
"""The states of a dataset's life, from the one that keeps least from being read to the one that
keeps most. Deprecated is read with a notice, what is proposed or a draft by its makers only, and
what is retired by nobody."""

UNPUBLISHED = frozenset({"proposed", "draft"})
"""The states before a dataset is there for others than its makers."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Why a dataset goes away, what to read instead, and when it ends: a date in ISO 8601 or ""."""

    reason: str = ""
    successor: str = ""
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a number has to be: `operator` is one of ODCS, ``mustBe`` to ``mustNotBeBetween``.

    Of the two that compare with an interval, both ends are in it; the others have no `most`.
    """

    operator: str
    value: float
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """When a rule or a promise is checked, and what its breach does.

    With `gate` "deny" a breach keeps the dataset from being read, with "warn" readers are told.
    `schedule` is a cron line in UTC; "" is the gateway's interval. With `max_age` (seconds) it is
    checked before an answer as well, if the last result is older; None: it is not.
    """

    gate: str = "warn"
    schedule: str = ""
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class QualityRule:
    """One ``quality`` entry of a contract: of the dataset, or of `column` ("" is the whole).

    `declared` is the entry as the standard has it; `name` is its own or a made one, unique in the
    dataset. `kind` is ``library``, ``sql``, ``text`` or ``custom``: the first two are checked.
    A library rule has a `metric` with `values` or a `pattern` or `columns` as its arguments, and is
    in percent of all rows or in rows; an sql rule a `query`; a custom one its `engine`. Rules are
    equal in `fingerprint` when a result of the one is one of the other.
    """

    name: str
    declared: Mapping[str, Any] = field(hash=False)
    column: str = ""
    kind: str = "library"
    metric: str = ""
    threshold: Threshold | None = None
    percent: bool = False
    values: tuple[str | float | bool | None, ...] = ()
    pattern: str = ""
    columns: tuple[str, ...] = ()
    query: str = ""
    engine: str = ""
    timing: Timing = Timing()
    fingerprint: str = ""

    @property
    def checked(self) -> bool:
        """Whether the gateway can check it."""
        return self.kind in ("library", "sql")


@dataclass(frozen=True, slots=True)
class Promise:
    """One ``slaProperties`` entry of a contract, such as freshness: what its owner promises.

    `name` is unique in the dataset, `kind` what of the standard it is (``latency``, ...; "" is one
    the gateway can not check). `element` is the column it speaks of, or "". `value` and `unit` are
    as declared; `limit` is what that comes to: seconds, percent, or seconds since 1970.
    """

    name: str
    value: str
    unit: str = ""
    element: str = ""
    kind: str = ""
    limit: float = 0.0
    timing: Timing = Timing()
    fingerprint: str = ""

    @property
    def checked(self) -> bool:
        """Whether the gateway can check it."""
        return bool(self.kind)


@dataclass(frozen=True, slots=True)
class BusinessTerm:
    """What a dataset or column is called in the business, and where that is defined (a URL, "")."""

    name: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a team, by the name it logs in with. `left` is an ISO date, "" while it stays."""

    username: str
    name: str = ""
    role: str = ""
    left: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """Where questions are answered: a channel's name, its URL or "", and its tool (``slack``)."""

    channel: str
    url: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """Who answers for a dataset, and how to reach it. Everything may be missing."""

    name: str = ""
    description: str = ""
    members: tuple[Member, ...] = ()
    contacts: tuple[Contact, ...] = ()


ARTEFACT_KINDS = ("view", "graph", "metric", "dashboard", "model", "job", "notebook", "report")
"""What a data product may hold beside datasets."""

WAYS = ("url", "sql", "cypher", "dataset", "command")
"""How an artefact may be opened or executed."""


@dataclass(frozen=True, slots=True)
class Way:
    """How an artefact is opened or executed: `form` is one of WAYS.

    `text` is a URL, a query, the address of a dataset to read, or a command to run. It is for those
    who may read the artefact, and no one else.
    """

    form: str
    text: str


@dataclass(frozen=True, slots=True)
class Artefact:
    """Something else of a data product, in one version: a metric, dashboard, model, job, ...

    Its address is of the same namespace as those of datasets, and policies name it alike. `uses`
    are what it is made from; an address without a version means whichever is read.
    """

    address: Address
    kind: str
    way: Way
    uses: tuple[Address, ...] = ()
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    status: str = "active"
    requires_purpose: bool = False
    source_file: str = ""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Dataset:
    """One version of one dataset, as its contract declares it.

    `schema` is the contract's: the planned types. Field metadata holds ``mesh.physicalType`` and
    ``mesh.comment``. `primary_key` are column names in key order. `row_filters` are the texts of
    the contract's row filters by id, over the whole schema; policies only name the ids. A `view`
    has no place of its own: its `binding` says nothing. It may be read for its `purposes` only, and
    what is below them, if it has any. `revision` differs whenever anything else does, if the
    dataset was read from files; "" says nothing.
    """

    address: Address
    schema: pa.Schema
    binding: Binding
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    status: str = "active"
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    column_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    row_filters: Mapping[str, str] = field(default_factory=dict)
    requires_row_filter: bool = False
    requires_purpose: bool = False
    residency: Residency | None = None
    deprecation: Deprecation | None = None
    quality: tuple[QualityRule, ...] = ()
    promises: tuple[Promise, ...] = ()
    purposes: tuple[str, ...] = ()
    terms: Mapping[str, BusinessTerm] = field(default_factory=dict)
    classifications: Mapping[str, str] = field(default_factory=dict)
    usage: str = ""
    limitations: str = ""
    team: Team | None = None
    view: View | None = None
    source_file: str = ""
    revision: str = field(default="", compare=False)
