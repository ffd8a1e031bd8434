"""What a client's plan may hold: looked at before anything of it is understood.

A list of what is taken, not of what is refused: named tables, the plain relational operators and
expressions. Whatever reads something else (files, tables the plan brings along, extensions) or
changes something is refused, and so is what nobody has heard of.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from substrait.proto import (
    AggregateFunction,
    AggregateRel,
    AggregationPhase,
    Expression,
    JoinRel,
    Plan,
    ReadRel,
    Rel,
    SetRel,
    Type,
)

from gateway.errors import LimitExceeded, Unsupported, UserError
from gateway.substrait.written_size import check_written_size

MAX_MESSAGES = 50_000
"""How many parts a plan may have: each takes time in every pass over it."""

MAX_DEPTH = 90
"""How deep parts may be in each other: the engine gives up at a hundred."""

RELATIONS = frozenset(
    {"read", "filter", "fetch", "aggregate", "sort", "join", "project", "set", "cross"}
)
EXPRESSIONS = frozenset(
    {
        *("literal", "selection", "scalar_function", "window_function", "if_then"),
        *("switch_expression", "singular_or_list", "cast", "subquery"),
    }
)
VOLATILE = frozenset(
    {
        *("now", "today", "current_timestamp", "current_date", "current_time"),
        *("random", "rand", "uuid", "version", "input_file_name", "file_row_index"),
    }
)
"""Functions that are not of their arguments alone."""

FORMER = {
    "substrait.Plan": {(1, 2)},
    "substrait.extensions.SimpleExtensionDeclaration.ExtensionFunction": {(1, 0)},
    "substrait.extensions.SimpleExtensionDeclaration.ExtensionType": {(1, 0)},
    "substrait.extensions.SimpleExtensionDeclaration.ExtensionTypeVariation": {(1, 0)},
    "substrait.FetchRel": {(3, 0), (4, 0)},
    "substrait.Expression.Literal": {(14, 0), (27, 0)},
    "substrait.Expression.Literal.IntervalDayToSecond": {(3, 0)},
}
"""Fields of earlier versions of Substrait that the engine still reads, by number and wire type:
where functions come from, the bounds of a fetch, and moments. None of them holds other parts."""

MICROSECONDS = {14: "precision_timestamp", 17: "precision_time", 29: "precision_timestamp_tz"}
"""Types of earlier versions of Substrait, by their numbers, and what they are called now."""

_SQL = "send it as SQL"
_WHOLE = {
    AggregationPhase.Value("AGGREGATION_PHASE_UNSPECIFIED"),
    AggregationPhase.Value("AGGREGATION_PHASE_INITIAL_TO_RESULT"),
}
_UNIONS = {SetRel.SET_OP_UNION_ALL, SetRel.SET_OP_UNION_DISTINCT}
_OTHER_SETS = {SetRel.SET_OP_MINUS_PRIMARY, SetRel.SET_OP_INTERSECTION_PRIMARY}
_SOURCES = "a plan reads datasets by name: a named table of domain, product and dataset"


def read_plan(data: bytes) -> Plan:
    """The plan, if there is nothing in it that may not be. Raises GatewayError."""
    plan = Plan()
    try:
        plan.ParseFromString(data)
    except DecodeError as error:
        raise UserError(
            "this is not a Substrait plan, or it is nested too deeply",
            hint="send the bytes of a substrait.Plan",
        ) from error
    _check_parts(plan)
    _check_functions(plan)
    roots = [relation.WhichOneof("rel_type") for relation in plan.relations]
    if roots != ["root"]:
        raise UserError("a plan has one relation, a root with the names of its columns")
    check_written_size(plan.relations[0].root.input)
    return plan


def _check_functions(plan: Plan) -> None:
    """A plan is understood once and kept: what gives another value each time has no place in it."""
    for declared in plan.extensions:
        name = declared.extension_function.name.partition(":")[0]
        if name.lower() in VOLATILE:
            raise Unsupported(f"{name} in a Substrait plan is not taken", hint=_SQL)


def _check_parts(plan: Plan) -> None:
    """Look at every message of the plan; nothing here is recursive."""
    waiting: list[tuple[Message, int]] = [(plan, 1)]
    count = 0
    while waiting:
        message, depth = waiting.pop()
        count += 1
        if count > MAX_MESSAGES:
            raise LimitExceeded(f"the plan has more than {MAX_MESSAGES} parts")
        if depth > MAX_DEPTH:
            raise LimitExceeded(f"the plan nests deeper than {MAX_DEPTH} messages")
        if isinstance(message, Type):
            _take_type(message)
        _check_known(message)
        _check(message)
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting += [(part, depth + 1) for part in _parts(field, value)]


def _parts(field: FieldDescriptor, value: Any) -> list[Message]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return [part for part in value.values() if isinstance(part, Message)]
    return list(value) if field.is_repeated else [value]


def _check(message: Message) -> None:
    match message:
        case Rel():
            _among(message, "rel_type", RELATIONS, "relation")
        case Expression():
            _among(message, "rex_type", EXPRESSIONS, "expression")
        case ReadRel():
            kind = message.WhichOneof("read_type")
            if kind != "named_table" and not _is_single_row(message):
                raise Unsupported(f"a plan may not read {_shown(kind)}", hint=_SOURCES)
            if message.HasField("best_effort_filter"):
                raise Unsupported("a read with a best-effort filter", hint="use a filter")
        case JoinRel() if message.HasField("post_join_filter"):
            raise Unsupported("a join with a filter after it", hint="use a filter")
        case SetRel():
            _check_set(message)
        case AggregateRel():
            _take_keys(message)
        case AggregateFunction() if message.phase not in _WHOLE:
            raise Unsupported("a part of an aggregate of a plan is not taken", hint=_SQL)
        case _ if message.DESCRIPTOR.name.endswith("Function") and getattr(message, "options", ()):
            raise Unsupported("a function with options of a plan is not taken", hint=_SQL)
        case _ if message.DESCRIPTOR.full_name == "google.protobuf.Any":
            raise Unsupported("a plan with an extension of its own", hint=_SOURCES)


def _check_known(message: Message) -> None:
    """Refuse what is not looked at here: the engine may know it, and read something else.

    Nor may anything be left out that every reader of the plan takes to be there.
    """
    for described in message.DESCRIPTOR.fields:
        one = not described.is_repeated and described.containing_oneof is None
        if (
            one
            and described.message_type is Rel.DESCRIPTOR
            and not message.HasField(described.name)
        ):
            raise UserError("the plan has an empty relation")
    for described, value in message.ListFields():
        if described.enum_type is not None:
            values = value if described.is_repeated else [value]
            if not all(v in described.enum_type.values_by_number for v in values):
                raise Unsupported(f"a {described.name} of the plan is not known", hint=_SQL)
    for field in UnknownFieldSet(message):
        kind = message.DESCRIPTOR.full_name
        if (field.field_number, field.wire_type) not in FORMER.get(kind, ()):
            raise Unsupported(f"field {field.field_number} of {kind} is not known here", hint=_SQL)


def _take_type(message: Type) -> None:
    """Put a type of moments or times of an earlier Substrait, in microseconds, in its place."""
    fields = [(f.field_number, f.wire_type, f.data) for f in UnknownFieldSet(message)]
    if message.WhichOneof("kind") is not None or len(fields) != 1:
        return
    ((number, wire_type, data),) = fields
    name = MICROSECONDS.get(number)
    if name is None or wire_type != 2:
        return
    try:
        nullability = Type.Date.FromString(data).nullability  # the old types have its two fields
    except DecodeError as error:
        raise UserError("a type of the plan is none") from error
    message.DiscardUnknownFields()
    taken = getattr(message, name)
    taken.precision, taken.nullability = 6, nullability


def _take_keys(message: AggregateRel) -> None:
    """Put keys written as before Substrait 0.66 where they are looked at, in place.

    The engine still reads them, and writes them twice; here they are an unknown field.
    """
    known = bool(message.grouping_expressions)
    for grouping in message.groupings:
        for field in UnknownFieldSet(grouping):
            if field.field_number != 1 or field.wire_type != 2:
                return
            if not known:
                grouping.expression_references.append(len(message.grouping_expressions))
                try:
                    message.grouping_expressions.add().ParseFromString(field.data)
                except DecodeError as error:
                    raise UserError("a key of the plan is no expression") from error
        grouping.DiscardUnknownFields()


def _check_set(message: SetRel) -> None:
    """The engine takes EXCEPT ALL for EXCEPT, and more inputs than two for something of its own."""
    if message.op in _UNIONS or (message.op in _OTHER_SETS and len(message.inputs) == 2):
        return
    raise Unsupported(f"{SetRel.SetOp.Name(message.op)} of a plan is not taken", hint=_SQL)


def _among(message: Message, oneof: str, known: frozenset[str], what: str) -> None:
    kind = message.WhichOneof(oneof)
    if kind is None and not len(UnknownFieldSet(message)):
        raise UserError(f"the plan has an empty {what}")
    if kind not in known:
        raise Unsupported(f"{what} {_shown(kind)} of a plan is not taken", hint=_SQL)


def _is_single_row(read: ReadRel) -> bool:
    """The one row without columns that stands below a SELECT without FROM."""
    return (
        read.WhichOneof("read_type") == "virtual_table"
        and not read.base_schema.names
        and len(read.virtual_table.expressions) <= 1
    )


def _shown(kind: str | None) -> str:
    return (kind or "of a kind nobody knows").replace("_", " ")
