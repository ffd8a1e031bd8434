"""What a client sets for its session: ``SET``, ``SHOW``, and the options it connects with.

Those of Meshgate begin with ``meshgate.``. Of PostgreSQL's own, some have an effect, some can only
be what they are, and the rest is taken and forgotten, as it says nothing about answers.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.errors import UserError, did_you_mean
from gateway.postgres_wire.errors import FIXED_SETTING, INVALID_VALUE, UNKNOWN_SETTING, SqlError
from gateway.postgres_wire.names import check_name
from gateway.serving import options

OURS = "meshgate."
MAX_VALUE = 10_000
"""How many characters the value of a setting may have."""
MAX_OTHERS = 100
"""How many settings with a name of the client's own (``app.user``) one session may have."""
SERVER_VERSION = "15.0"
"""What clients decide by which catalogue queries they send."""

DIALECTS = ("postgres", "duckdb")
"""What may be written here beside the gateway's own SQL."""

_UTF8 = {"utf8", "utf-8", "unicode"}
_DURATION = re.compile(r"(\d{1,12})\s*(us|ms|s|min|h|d)?\Z")
_MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}

DEFAULTS: Mapping[str, str] = {
    "application_name": "",
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "default_transaction_read_only": "on",
    "in_hot_standby": "off",
    "integer_datetimes": "on",
    "intervalstyle": "postgres",
    "is_superuser": "off",
    "scram_iterations": "4096",
    "server_encoding": "UTF8",
    "server_version": SERVER_VERSION,
    "server_version_num": "150000",
    "session_authorization": "",
    "standard_conforming_strings": "on",
    "timezone": "UTC",
    "bytea_output": "hex",
    "search_path": "",
    "statement_timeout": "0",
    "transaction_isolation": "read committed",
    "transaction_read_only": "on",
    "default_table_access_method": "heap",
    "default_transaction_isolation": "read committed",
    "extra_float_digits": "1",
    "max_identifier_length": "63",
    "max_index_keys": "32",
    "block_size": "8192",
    "lc_collate": "C",
    "lc_ctype": "C",
    "lc_messages": "C",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "role": "none",
    "ssl": "on",
    "password_encryption": "scram-sha-256",
    "wal_level": "replica",
}
REPORTED = {
    "application_name": "application_name",
    "client_encoding": "client_encoding",
    "datestyle": "DateStyle",
    "default_transaction_read_only": "default_transaction_read_only",
    "in_hot_standby": "in_hot_standby",
    "integer_datetimes": "integer_datetimes",
    "intervalstyle": "IntervalStyle",
    "is_superuser": "is_superuser",
    "scram_iterations": "scram_iterations",
    "server_encoding": "server_encoding",
    "server_version": "server_version",
    "session_authorization": "session_authorization",
    "standard_conforming_strings": "standard_conforming_strings",
    "timezone": "TimeZone",
}
"""Told to the client at the start and whenever they change, as PostgreSQL spells them."""

_HARMLESS = """array_nulls backslash_quote check_function_bodies client_connection_check_interval
    client_min_messages constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost
    cursor_tuple_fraction deadlock_timeout debug_print_plan default_tablespace
    default_text_search_config default_transaction_deferrable
    default_with_oids effective_cache_size enable_bitmapscan enable_hashagg enable_hashjoin
    enable_indexonlyscan enable_indexscan enable_material enable_mergejoin enable_nestloop
    enable_seqscan enable_sort escape_string_warning from_collapse_limit geqo gin_fuzzy_search_limit
    idle_in_transaction_session_timeout idle_session_timeout jit join_collapse_limit ksqo
    lock_timeout log_min_duration_statement log_min_messages log_statement maintenance_work_mem
    max_parallel_workers_per_gather plan_cache_mode quote_all_identifiers random_page_cost
    row_security seq_page_cost session_replication_role standard_conforming_strings_warning
    synchronize_seqscans synchronous_commit tcp_keepalives_count tcp_keepalives_idle
    tcp_keepalives_interval tcp_user_timeout temp_buffers temp_tablespaces
    transaction_deferrable transaction_timeout transform_null_equals vacuum_cost_delay work_mem
    xmlbinary xmloption"""
IGNORED = frozenset(_HARMLESS.split())
_ERRORS_ONLY = ("error", "fatal", "panic")
_CONSTANT = """in_hot_standby integer_datetimes is_superuser scram_iterations server_encoding
    server_version server_version_num session_authorization max_identifier_length max_index_keys
    block_size lc_collate lc_ctype ssl wal_level"""
_FIXED = frozenset(_CONSTANT.split())


def _zone(value: str) -> str:
    names = {"utc": "UTC", "gmt": "UTC", "z": "UTC", "default": "UTC", "local": "UTC"}
    name = names.get(value.lower(), value)
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SqlError(
            INVALID_VALUE, f"there is no time zone {value[:60]!r}", hint="as in Europe/Berlin"
        ) from None


def _only(accepted: Callable[[str], bool], shown: str, what: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not accepted(value.lower()):
            raise SqlError(INVALID_VALUE, f"{what} can only be {shown}")
        return shown

    return read


def _timeout(value: str) -> str:
    found = _DURATION.match(value.strip().lower())
    if found is None:
        raise SqlError(INVALID_VALUE, f"statement_timeout is not a duration: {value[:40]!r}")
    return str(int(float(found[1]) * _MILLISECONDS[found[2] or "ms"]))


_READERS: Mapping[str, Callable[[str], str]] = {
    "client_encoding": _only(lambda v: v.strip("'\"") in _UTF8, "UTF8", "client_encoding"),
    "datestyle": _only(lambda v: v.split(",")[0].strip() == "iso", "ISO, MDY", "DateStyle"),
    "intervalstyle": _only(lambda v: v == "postgres", "postgres", "IntervalStyle"),
    "standard_conforming_strings": _only(
        lambda v: v in ("on", "true", "1", "yes"), "on", "standard_conforming_strings"
    ),
    "bytea_output": _only(lambda v: v == "hex", "hex", "bytea_output"),
    "timezone": _zone,
    "statement_timeout": _timeout,
}
_ALIASES = {"time zone": "timezone", "names": "client_encoding", "schema": "search_path"}


@dataclass(slots=True)
class Settings:
    """The settings of one session. A transaction that is rolled back takes its changes with it."""

    values: dict[str, str] = field(default_factory=lambda: dict(DEFAULTS))
    defaults: dict[str, str] = field(default_factory=lambda: dict(DEFAULTS))
    local: dict[str, str | None] = field(default_factory=dict)
    """What to return to when the transaction ends, for what was ``SET LOCAL``."""

    def set(self, name: str, value: str, *, local: bool = False) -> None:
        """Raises SqlError for a name or value that means nothing."""
        key = canonical(name)
        read = self._read(key, value)
        if local:
            self.local.setdefault(key, self.values.get(key))
        elif key in self.local:
            del self.local[key]
        self.values[key] = read

    def default(self, name: str, value: str) -> None:
        """What the client connected with is what RESET returns to."""
        self.set(name, value)
        self.defaults[canonical(name)] = self.values[canonical(name)]

    def reset(self, name: str) -> None:
        key = canonical(name)
        if key not in self.values and key not in IGNORED:
            self._read(key, "")
        if key in self.defaults:
            self.values[key] = self.defaults[key]
        else:
            self.values.pop(key, None)

    def reset_all(self) -> None:
        kept = {name: self.values[name] for name in ("session_authorization",)}
        self.values = {**self.defaults, **kept}

    def show(self, name: str) -> str:
        key = canonical(name)
        if key in self.values:
            return self.values[key]
        if key in IGNORED or key.startswith(OURS):
            if key.startswith(OURS):
                self._option(key, "")
            return ""
        raise _unknown(name)

    def end_local(self) -> None:
        """The transaction has ended: SET LOCAL no longer holds."""
        for key, before in self.local.items():
            if before is None:
                self.values.pop(key, None)
            else:
                self.values[key] = before
        self.local.clear()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.values["timezone"])

    @property
    def timeout_seconds(self) -> float:
        """How long a statement may take; 0 is as long as it takes."""
        return int(self.values["statement_timeout"]) / 1000

    @property
    def hears_warnings(self) -> bool:
        """Whether the client wants to be told of more than errors."""
        return self.values.get("client_min_messages", "").lower() not in _ERRORS_ONLY

    @property
    def options(self) -> dict[str, str]:
        """Meshgate's options, as `gateway.serving.options` reads them."""
        return {
            name.removeprefix(OURS): value
            for name, value in self.values.items()
            if name.startswith(OURS) and value
        }

    def _read(self, key: str, value: str) -> str:
        if len(value) > MAX_VALUE:
            raise SqlError(INVALID_VALUE, f"a setting may have {MAX_VALUE} characters")
        if key in _FIXED:
            raise SqlError(FIXED_SETTING, f"{key} can not be changed")
        if key.startswith(OURS):
            return self._option(key, value)
        if key in _READERS:
            return _READERS[key](value)
        if key in DEFAULTS or key in IGNORED:
            return value
        if "." in key:
            check_name(key)
            others = [name for name in self.values if "." in name and not name.startswith(OURS)]
            if key not in self.values and len(others) >= MAX_OTHERS:
                raise SqlError("54000", f"a session may have {MAX_OTHERS} settings of its own")
            return value
        raise _unknown(key)

    def _option(self, key: str, value: str) -> str:
        name = key.removeprefix(OURS)
        if name not in names():
            raise SqlError(
                UNKNOWN_SETTING,
                f"there is no option {name!r}",
                hint=did_you_mean(name, names()) or f"there are {', '.join(sorted(names()))}",
            )
        if value:
            try:
                options.declared({}, {name: value})
            except UserError as error:
                raise SqlError(INVALID_VALUE, error.message, hint=error.hint) from None
            if name == "dialect":
                _check_dialect(options.read_dialect(value))
        return value


def _check_dialect(name: str) -> None:
    """Raise SqlError for a dialect with other quotes or placeholders than PostgreSQL's.

    Before a statement is translated, this front has taken it from among others, found its cursor
    or COPY, and led its schemas and ``$1`` to what they stand for: all that by PostgreSQL's rules.
    To MySQL, for one, a name in double quotes is a text, and a backslash is no letter.
    """
    if name and name not in DIALECTS:
        raise SqlError(
            INVALID_VALUE,
            f"{name} can not be spoken over PostgreSQL's protocol: its quotes or placeholders are"
            " not PostgreSQL's",
            hint=f"set it to {' or '.join(DIALECTS)}; for {name} connect by Flight SQL",
        )


def names() -> set[str]:
    return set(options.READERS) - {"catalog", "schema"}


def canonical(name: str) -> str:
    lowered = name.lower()
    return _ALIASES.get(lowered, lowered)


def _unknown(name: str) -> SqlError:
    near = did_you_mean(name, [*DEFAULTS, *IGNORED])
    return SqlError(UNKNOWN_SETTING, f"there is no setting {name[:63]!r}", hint=near)


def of_command_line(text: str) -> list[tuple[str, str]]:
    """The settings in the ``options`` a client connects with: ``-c name=value --name=value``."""
    found = []
    try:
        words = iter(shlex.split(text, posix=True))
    except ValueError:
        raise SqlError(INVALID_VALUE, "a quote in the options does not end") from None
    for word in words:
        if word == "-c":
            word = next(words, "")
        elif word.startswith(("-c", "--")):
            word = word[2:]
        else:
            raise SqlError(INVALID_VALUE, f"the option {word[:60]!r} means nothing here")
        name, equals, value = word.partition("=")
        if not equals:
            raise SqlError(INVALID_VALUE, f"the option {word[:60]!r} sets nothing")
        found.append((name.replace("-", "_"), value))
    return found
