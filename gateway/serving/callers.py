"""Who makes a call, for what purpose, and what its client has set for all its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from gateway.model import SUBSTRAIT, Principal, Request
from gateway.serving.named_queries import query_name
from gateway.serving.options import NOTHING_DECLARED, Declared, Headers, Value, declared
from gateway.serving.plain_types import Types, types_of


class Session:
    """What one client has set for its later calls.

    `options` are replaced, never changed. Without a `handle` the session is only this call's so
    far; `ended` says that its client has closed it.
    """

    __slots__ = ("ended", "handle", "options")

    def __init__(self) -> None:
        self.handle = b""
        self.options: Mapping[str, Value] = {}
        self.ended = False


@dataclass(frozen=True, slots=True)
class Caller:
    """One call's principal, what was declared for it, and the session it is in.

    `query` is the name its client gives to what it asks for: "" is none. `types` are those that
    the client can take.
    """

    principal: Principal
    declared: Declared = NOTHING_DECLARED
    session: Session = field(default_factory=Session, compare=False)
    query: str = ""
    types: Types = Types.PLAIN

    @property
    def name(self) -> str:
        return self.principal.name

    @property
    def purpose(self) -> str:
        """The purpose declared: "" is none."""
        return self.declared.purpose

    def request(self, text: str) -> Request:
        """A request of this caller."""
        said = self.declared
        return Request(
            self.principal,
            text,
            purpose=said.purpose,
            options=said.options,
            dialect=said.dialect,
            namespace=said.namespace,
        )

    def plan_request(self, text: str, columns: Mapping[tuple[str, ...], pa.Schema]) -> Request:
        """A request by a Substrait plan, of which `text` was made."""
        request = self.request(text)
        return replace(request, language=SUBSTRAIT, dialect="", columns=columns)


def make_caller(principal: Principal, headers: Headers, session: Session | None) -> Caller:
    """The caller with what its headers, or else its session, declare.

    UserError for what is no value of an option. Whether a purpose is granted is for the policies.
    """
    session = session or Session()
    said = declared(headers, session.options)
    return Caller(principal, said, session, query_name(headers), types_of(headers))
