"""What Superset has to know of Meshgate. A domain is a catalogue, a data product is a schema."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from re import Pattern
from typing import Any, ClassVar

from flask import g
from sqlalchemy import types
from sqlglot.dialects.dialect import Dialects
from superset import db
from superset.common.db_query_status import QueryStatus
from superset.constants import TimeGrain
from superset.db_engine_specs.base import BaseEngineSpec, DatabaseCategory
from superset.errors import SupersetErrorType
from superset.sql.parse import SQLGLOT_DIALECTS
from superset.utils.core import GenericDataType

from meshgate_sqlalchemy import named_queries
from meshgate_sqlalchemy.names import Scope, read_schema
from meshgate_sqlalchemy.superset.impersonation import groups_of, token_for

ENGINE = "meshgate"

SQLGLOT_DIALECTS.setdefault(ENGINE, Dialects.POSTGRES)

_BINS = {
    TimeGrain.FIVE_SECONDS: "5 seconds",
    TimeGrain.THIRTY_SECONDS: "30 seconds",
    TimeGrain.FIVE_MINUTES: "5 minutes",
    TimeGrain.TEN_MINUTES: "10 minutes",
    TimeGrain.FIFTEEN_MINUTES: "15 minutes",
    TimeGrain.THIRTY_MINUTES: "30 minutes",
    TimeGrain.HALF_HOUR: "30 minutes",
    TimeGrain.SIX_HOURS: "6 hours",
}
_UNITS = {
    TimeGrain.SECOND: "second",
    TimeGrain.MINUTE: "minute",
    TimeGrain.HOUR: "hour",
    TimeGrain.DAY: "day",
    TimeGrain.WEEK: "week",
    TimeGrain.MONTH: "month",
    TimeGrain.QUARTER: "quarter",
    TimeGrain.QUARTER_YEAR: "quarter",
    TimeGrain.YEAR: "year",
}
_FROM_SUNDAY = "DATE_TRUNC('week', {col} + INTERVAL '1 day')"
TIME_GRAINS: dict[str | None, str] = {
    None: "{col}",
    **{grain: f"DATE_TRUNC('{unit}', {{col}})" for grain, unit in _UNITS.items()},
    **{
        grain: f"DATE_BIN(INTERVAL '{width}', {{col}}, TIMESTAMP '1970-01-01 00:00:00')"
        for grain, width in _BINS.items()
    },
    TimeGrain.WEEK_STARTING_SUNDAY: f"{_FROM_SUNDAY} - INTERVAL '1 day'",
    TimeGrain.WEEK_STARTING_MONDAY: "DATE_TRUNC('week', {col})",
    TimeGrain.WEEK_ENDING_SATURDAY: f"{_FROM_SUNDAY} + INTERVAL '5 days'",
    TimeGrain.WEEK_ENDING_SUNDAY: "DATE_TRUNC('week', {col}) + INTERVAL '6 days'",
}
"""By Superset's name of a grain, the SQL that rounds a time down to it."""

Error = tuple[str, SupersetErrorType, dict[str, Any]]

_KINDS = {
    "UNKNOWN_DATASET": SupersetErrorType.TABLE_DOES_NOT_EXIST_ERROR,
    "UNKNOWN_COLUMN": SupersetErrorType.COLUMN_DOES_NOT_EXIST_ERROR,
    "PARSE_ERROR": SupersetErrorType.SYNTAX_ERROR,
    "UNAUTHENTICATED": SupersetErrorType.CONNECTION_ACCESS_DENIED_ERROR,
    "ACCESS_DENIED": SupersetErrorType.TABLE_SECURITY_ACCESS_ERROR,
    "PURPOSE_REQUIRED": SupersetErrorType.TABLE_SECURITY_ACCESS_ERROR,
    "PURPOSE_NOT_GRANTED": SupersetErrorType.TABLE_SECURITY_ACCESS_ERROR,
    "RESIDENCY_VIOLATION": SupersetErrorType.TABLE_SECURITY_ACCESS_ERROR,
}


_NO_SCALAR = re.compile(r"^(array|struct|map|interval|other|null)", re.IGNORECASE)


class MeshgateEngineSpec(BaseEngineSpec):  # type: ignore[misc]
    """Meshgate over Arrow Flight SQL."""

    engine = ENGINE
    engine_name = "Meshgate"
    drivers: ClassVar[dict[str, str]] = {"flightsql": "Arrow Flight SQL"}
    default_driver = "flightsql"
    sqlalchemy_uri_placeholder = "meshgate://host:8815/?tls=true"
    metadata: ClassVar[dict[str, Any]] = {
        "description": "A federated query gateway for a data mesh.",
        "categories": [DatabaseCategory.QUERY_ENGINES, DatabaseCategory.OPEN_SOURCE],
        "pypi_packages": ["meshgate-sqlalchemy"],
        "connection_string": "meshgate://{host}:{port}/?tls=true",
        "default_port": 8815,
    }

    supports_file_upload = False
    supports_catalog = True
    supports_dynamic_catalog = True
    supports_cross_catalog_queries = True
    supports_dynamic_schema = True
    try_remove_schema_from_table_name = False

    _time_grain_expressions = TIME_GRAINS
    column_type_mappings = (
        (re.compile(r"^varbinary", re.IGNORECASE), types.LargeBinary(), GenericDataType.STRING),
        (_NO_SCALAR, types.String(), GenericDataType.STRING),
    )
    custom_errors: ClassVar[dict[Pattern[str], Error]] = {
        re.compile(rf"\[{code}\] "): ("", kind, {}) for code, kind in _KINDS.items()
    }
    """An error keeps the gateway's own text, which has position and hint in it."""

    # times

    @classmethod
    def epoch_to_dttm(cls) -> str:
        return "TO_TIMESTAMP({col})"

    @classmethod
    def epoch_ms_to_dttm(cls) -> str:
        return "TO_TIMESTAMP_MILLIS({col})"

    @classmethod
    def convert_dttm(
        cls, target_type: str, dttm: datetime, db_extra: dict[str, Any] | None = None
    ) -> str | None:
        kind = cls.get_sqla_column_type(target_type)
        if isinstance(kind, types.Date):
            return f"DATE '{dttm.date().isoformat()}'"
        if isinstance(kind, types.DateTime):
            return f"TIMESTAMP '{dttm.isoformat(sep=' ', timespec='microseconds')}'"
        return None

    # catalogues and schemas

    @classmethod
    def get_default_catalog(cls, database: Any) -> str | None:
        return cls._default_catalog(database.url_object)

    @classmethod
    def _default_catalog(cls, url: Any) -> str | None:
        return (url.database or "").split("/")[0] or None

    @classmethod
    def get_default_schema(cls, database: Any, catalog: str | None) -> str | None:
        """The URL's, or none. Superset would connect to find that out, for every chart."""
        domain, _, product = (database.url_object.database or "").partition("/")
        return product or None if catalog in (None, domain) else None

    @classmethod
    def get_catalog_names(cls, database: Any, inspector: Any) -> set[str]:
        with inspector.engine.connect() as connection:
            return set(inspector.dialect.get_catalog_names(connection))

    @classmethod
    def adjust_engine_params(
        cls,
        uri: Any,
        connect_args: dict[str, Any],
        catalog: str | None = None,
        schema: str | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        domain = catalog or cls._default_catalog(uri)
        scope = read_schema(schema, domain) if schema else Scope(domain)
        if scope.domain:
            uri = uri.set(database="/".join(scope.parts))
        return uri, connect_args

    @classmethod
    def quote_table(cls, table: Any, dialect: Any) -> str:
        scope = read_schema(table.schema, table.catalog) if table.schema else Scope(table.catalog)
        quote = dialect.identifier_preparer.quote
        return ".".join(quote(part) for part in (*scope.parts, table.table))

    # who asks

    @classmethod
    def impersonate_user(
        cls,
        database: Any,
        username: str | None,
        user_token: str | None,
        url: Any,
        engine_kwargs: dict[str, Any],
    ) -> tuple[Any, dict[str, Any]]:
        """A token of Superset's user goes where name and password of the URL would have gone."""
        connect_args = engine_kwargs.setdefault("connect_args", {})
        connect_args["token"] = token_for(database, url, connect_args)
        return _nobodys(url), engine_kwargs

    @classmethod
    def get_impersonation_key(cls, user: Any) -> Any:
        """What a cached answer is kept under: who got it, with which roles."""
        return [user.username, groups_of(user)] if user else None

    # stopping

    @classmethod
    def get_cancel_query_id(cls, cursor: Any, query: Any) -> str:
        name = uuid.uuid4().hex
        cursor.set_options({named_queries.NAME: name})
        return name

    @classmethod
    def cancel_query(cls, cursor: Any, query: Any, cancel_query_id: str) -> bool:
        """Stop it as who has pressed the button: only his own, where users are impersonated."""
        database = query.database
        url, token = database.url_object, None
        if database.impersonate_user:
            if query.user_id != g.user.id:
                return False
            token, url = token_for(database, url, {}), _nobodys(url)
        _mark(query, QueryStatus.STOPPED)  # before who waits for it asks why it has ended
        try:
            named_queries.stop(url, cancel_query_id, token)
        except BaseException:
            _mark(query, QueryStatus.RUNNING)
            raise
        return True  # what had not begun to run will not

    # what it would cost

    @classmethod
    def get_allow_cost_estimate(cls, extra: dict[str, Any]) -> bool:
        return True

    @classmethod
    def estimate_statement_cost(cls, database: Any, statement: str, cursor: Any) -> dict[str, Any]:
        """The plan: which source gets which query, and what the gateway does itself."""
        cursor.execute(f"EXPLAIN {statement}")
        return {
            " ".join(filter(None, (item, source))): text for item, source, text in cursor.fetchall()
        }

    @classmethod
    def query_cost_formatter(cls, raw_cost: list[dict[str, Any]]) -> list[dict[str, str]]:
        return [{item: str(text) for item, text in plan.items()} for plan in raw_cost]


def _mark(query: Any, status: str) -> None:
    query.status = status
    db.session.commit()


def _nobodys(url: Any) -> Any:
    """The URL without the credentials that may be in it."""
    return url._replace(username=None, password=None).difference_update_query(["token"])
