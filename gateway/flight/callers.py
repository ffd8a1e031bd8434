"""Who makes a call, for what purpose, and what its client has set for all its calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import UserError
from gateway.flight.options import query_options
from gateway.flight.plain_types import Types, types_of
from gateway.model import DEFAULT_OPTIONS, PURPOSE, Principal, QueryOptions, Request

PURPOSE_HEADERS = ("x-meshgate-purpose", "purpose")
"""The first that is there counts. JDBC sends the second for ``purpose=`` in its URL."""

PURPOSE_OPTION = "purpose"

Headers = Mapping[str, Sequence[str]]
"""The headers of one call: names in lower case, every value there is."""


class Session:
    """What one client has set for its later calls.

    `options` are replaced, never changed. Without a `handle` the session is only this call's so
    far; `ended` says that its client has closed it.
    """

    __slots__ = ("ended", "handle", "options")

    def __init__(self) -> None:
        self.handle = b""
        self.options: Mapping[str, str] = {}
        self.ended = False


@dataclass(frozen=True, slots=True)
class Caller:
    """One call's principal, declared purpose ("" none) and options, and the session it is in.

    `types` are those that its client can take.
    """

    principal: Principal
    purpose: str = ""
    session: Session = field(default_factory=Session, compare=False)
    options: QueryOptions = DEFAULT_OPTIONS
    types: Types = Types.PLAIN

    @property
    def name(self) -> str:
        return self.principal.name

    def request(self, text: str) -> Request:
        """A request of this caller."""
        return Request(self.principal, text, purpose=self.purpose, options=self.options)


def make_caller(principal: Principal, headers: Headers, session: Session | None) -> Caller:
    """The caller with the purpose and options of its headers, or else its session.

    UserError for a purpose that is not the name of one. Whether it is granted is for the policies.
    """
    session = session or Session()
    purpose = _header(headers) or session.options.get(PURPOSE_OPTION, "")
    options = query_options(headers, session.options)
    return Caller(principal, purpose, session, options, types_of(headers))


def check_purpose(purpose: str) -> str:
    """The purpose, or a UserError when that is not how purposes are named."""
    if purpose and not PURPOSE.match(purpose):
        raise UserError(
            "the purpose is not the name of one",
            hint="up to 200 letters, digits and . _ -, as in service-improvement",
        )
    return purpose


def _header(headers: Headers) -> str:
    for name in PURPOSE_HEADERS:
        declared = {value for value in headers.get(name, ()) if value}
        if len(declared) > 1:
            raise UserError(f"{name} declares more than one purpose", hint="declare one")
        if declared:
            return check_purpose(declared.pop())
    return ""
