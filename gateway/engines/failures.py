"""What the engine raises, as the gateway's errors.

DataFusion reports everything as text. A text about a value may hold that value, and a value may be
one the caller must not see: messages about data are therefore rewritten without it.
"""

from __future__ import annotations

import logging
import re
import uuid

from connectors.interface import SourceError
from gateway.engines.mask_sql import conceal
from gateway.errors import (
    ArithmeticFailure,
    GatewayError,
    InternalError,
    InvalidQuery,
    LimitExceeded,
    ParseError,
    Position,
    UnknownColumn,
    UnknownDataset,
    Unsupported,
    did_you_mean,
    from_source,
)

log = logging.getLogger("meshgate.engine")

_PARSER = re.compile(
    r"ParserError\(\"(?P<what>.*?)(?: at Line: (?P<line>\d+), Column: (?P<column>\d+))?\"\)"
)
_TOKENIZER = re.compile(
    r"TokenizerError\(\"(?P<what>.*?)(?: at Line: (?P<line>\d+), Column: (?P<column>\d+))?\"\)"
)
_NO_FIELD = re.compile(
    r"No field named (?P<name>[^\n]+?)\.(?: Did you mean '(?P<close>[^']+)'\?)?(?:\n|$)"
)
_TABLE = re.compile(r"table '(?:datafusion\.public\.)?(?P<name>[^']+)' not found")
_AMBIGUOUS = re.compile(r"Ambiguous reference to unqualified field (?P<name>\S+)")
_FUNCTION = re.compile(
    r"Invalid function '(?P<name>[^']+)'\.(?:\s+Did you mean '(?P<close>[^']+)')?"
)
_TWICE = re.compile(
    r"(?:unique expression names but the expression|contains duplicate (?:un)?qualified field name"
    r"|contains qualified field name) \"?(?P<name>[^\"\n]+?)(?:\"| and unqualified field name|$)"
)
_PREFIXES = re.compile(
    r"^(?:(?:DataFusion error|Error during planning|Internal error|Schema error|External error"
    r"|Execution error|Arrow error|SQL error|Optimizer rule '[^']*' failed|type_coercion"
    r"|caused by|Error):? ?\s*)+"
)
_REFUSED = re.compile(r"(?:DDL|DML|Statement) not supported: (?P<what>\w+)")
_ARITHMETIC = (
    (re.compile(r"[Dd]ivide by zero|[Dd]ivision by zero"), "division by zero"),
    (re.compile(r"[Oo]verflow"), "a computed value is too large for its type"),
    (
        re.compile(
            r"Cast error|Cannot cast (?:string|value)|Parser error|Error parsing|Cannot parse"
        ),
        "a value can not be converted to the type asked for",
    ),
    (
        re.compile(r"Compute error|Invalid argument error"),
        "a function was given a value it has no result for",
    ),
)
_UNIMPLEMENTED = re.compile(
    r"(?:This feature is not implemented|NotImplemented\(\"?): ?(?P<what>[^\n\"]+)"
)


def translate(error: BaseException, text: str) -> GatewayError:
    """The gateway's error for anything raised while planning or running `text`."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, SourceError):
        return from_source(error)
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        raise error
    message = conceal(str(error))
    return _parse(message) or _names(message, text) or _limits(message) or _other(error, message)


def exhausted(error: BaseException) -> bool:
    """True when the engine ran out of the memory a query may use."""
    return "Resources exhausted" in str(error)


def is_panic(error: BaseException) -> bool:
    """True for a panic of the engine's Rust: it is no Exception, and its class has no address."""
    return type(error).__name__ == "PanicException"


def _parse(message: str) -> GatewayError | None:
    match = _PARSER.search(message) or _TOKENIZER.search(message)
    if match is None:
        return None
    position = None
    if match["line"] and match["line"] != "0":
        position = Position(int(match["line"]), int(match["column"]))
    what = match["what"].replace('\\"', '"')
    return ParseError(f"the query can not be read: {_first_lower(what)}", position=position)


def _names(message: str, text: str) -> GatewayError | None:
    if match := _NO_FIELD.search(message):
        name = match["name"]
        close = match["close"]
        quoted = _wrong_case(name, message)
        hint = f"did you mean {close}?" if close else None
        if quoted:
            hint = f'names in capitals are quoted: "{quoted}"'
        return UnknownColumn(
            f"there is no column {name} here", position=locate(name, text), hint=hint
        )
    if match := _AMBIGUOUS.search(message):
        name = match["name"]
        return InvalidQuery(
            f"column {name} is in several datasets",
            position=locate(name, text),
            hint=f"write which one: dataset.{name}",
        )
    if match := _TWICE.search(message):
        name = re.sub(r".* AS (?=\w+\Z)", "", match["name"])
        simple = re.fullmatch(r"[\w.]+", name)
        return InvalidQuery(
            f"two columns of the query are called the same: {name}",
            position=locate(name, text) if simple else None,
            hint="give one of them another name with AS, or compute one of them in a sub-query",
        )
    if match := _FUNCTION.search(message):
        hint = did_you_mean(match["name"], [match["close"]]) if match["close"] else None
        name = match["name"]
        return InvalidQuery(f"there is no function {name}", position=locate(name, text), hint=hint)
    if match := _TABLE.search(message):
        name = match["name"]
        return UnknownDataset(
            f"there is no dataset {name}, or you may not read it", position=locate(name, text)
        )
    return None


def _limits(message: str) -> GatewayError | None:
    if "Resources exhausted" in message:
        return LimitExceeded(
            "the query needs more memory than one query may use",
            hint="filter or aggregate more, or read fewer columns",
        )
    if match := _REFUSED.search(message):
        return Unsupported(
            f"{match['what']} is refused: a query may only read", hint="send a SELECT"
        )
    if match := _UNIMPLEMENTED.search(message):
        return Unsupported(f"not supported: {_first_lower(match['what'])}")
    if "returned more than one row" in message:
        return InvalidQuery(
            "a sub-query that stands for one value returned several rows",
            hint="aggregate it, add LIMIT 1, or use IN",
        )
    if "RecursionLimitExceeded" in message or "recursion limit" in message.lower():
        return LimitExceeded("the query nests too deeply")
    for pattern, meaning in _ARITHMETIC:
        if "Error during planning" not in message and pattern.search(message):
            log.debug("%s: %s", meaning, message)  # with the value: for the operator alone
            return ArithmeticFailure(meaning)
    return None


def _other(error: BaseException, message: str) -> GatewayError:
    if "Execution error" in message and isinstance(error, Exception):
        log.debug("a function failed: %s", message)  # with the values: for the operator alone
        return ArithmeticFailure("a function can not be computed over what it is given")
    planning = "Error during planning" in message or "Schema error" in message
    if planning and isinstance(error, Exception):
        return InvalidQuery(_said(message))
    return incident(error)


def _said(message: str) -> str:
    """The cause in an engine's text: the first line that says something behind its prefixes."""
    lines = (_PREFIXES.sub("", line.strip()) for line in message.strip().splitlines())
    cause = next((line for line in lines if " " in line.strip()), message.strip())
    return _first_lower(cause[:400])


def incident(error: BaseException) -> InternalError:
    """A bug: logged in full under an id, answered with the id alone."""
    number = uuid.uuid4().hex[:12]
    log.error("incident %s", number, exc_info=error)
    return InternalError(
        f"internal error, incident {number}", hint="the operator finds it in the log by its number"
    )


def locate(name: str, text: str) -> Position | None:
    """Where an identifier first stands in a text; quoted or not, in any case of letters."""
    leaf = name.split(".")[-1].strip('"')
    match = re.search(rf"(?<![\w]){re.escape(leaf)}(?![\w])", text, re.IGNORECASE)
    if match is None:
        return None
    before = text[: match.start()]
    return Position(before.count("\n") + 1, match.start() - before.rfind("\n"))


def _wrong_case(name: str, message: str) -> str | None:
    """The column that only differs in case: unquoted names are read in lower case."""
    leaf = name.split(".")[-1].strip('"')
    fields = message.partition("Valid fields are ")[2]
    for field in re.findall(r'"([^"]+)"', fields):
        if field != leaf and field.lower() == leaf.lower():
            return str(field)
    return None


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
