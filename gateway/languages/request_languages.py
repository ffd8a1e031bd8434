"""The languages a request, or a view, may be written in: a new one is one entry of `LANGUAGES`.

Each turns a text into a statement over datasets, or into one that becomes such a statement once
the columns of its datasets are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.errors import Unsupported, did_you_mean
from gateway.languages import dialects, sql
from gateway.model import SUBSTRAIT, View

Parsed = sql.Statement | dialects.Foreign
"""A statement, or one in other words that is `translated` over its datasets' columns."""

Parse = Callable[[str, str], Parsed]
"""From a text and the name of its dialect. Raises GatewayError."""


def _sql(text: str, dialect: str) -> Parsed:
    found = dialects.dialect_named(dialect)
    return sql.parse(text) if found is None else dialects.parse(text, found)


LANGUAGES: Mapping[str, Parse] = {"sql": _sql, SUBSTRAIT: _sql}
"""The request languages: each turns text into a statement over datasets."""

OF_VIEWS = tuple(name for name in LANGUAGES if name != SUBSTRAIT)
"""Those that somebody writes: a plan is none."""


def parsed(text: str, language: str = "sql", dialect: str = "") -> Parsed:
    """A text as a statement. Raises GatewayError, Unsupported for a language there is not."""
    parse = LANGUAGES.get(language)
    if parse is None:
        raise Unsupported(f"there is no request language {language!r}")
    return parse(text, dialect)


def parsed_view(view: View) -> Parsed:
    """A view's query as a statement. Raises GatewayError, with the languages that there are."""
    if view.language not in OF_VIEWS:
        listed = did_you_mean(view.language, OF_VIEWS) or f"there are {', '.join(OF_VIEWS)}"
        raise Unsupported(f"a view can not be written in {view.language!r}", hint=listed)
    return parsed(view.query, view.language, view.dialect)
