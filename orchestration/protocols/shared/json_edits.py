"""JSON bodies: read once, and edited in place. An edit splices one value: every other byte stays, since a new dump would lose the provider's cache."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, NoReturn

from orchestration.protocols.shared.interface import Refused

Pairs = list[tuple[str, Any]]

_SPACE = re.compile(r"[ \t\n\r]*")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Body:
    """A parsed body."""

    values: dict[str, Any]
    cache_marks: tuple[Any, ...]  # every `cache_control` in it, at any depth


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    start: int
    end: int
    value: Any


def read(body: bytes) -> Body:
    """The object in a body. Raises Refused for anything that two readers could understand differently, such as a repeated key."""
    marks: list[Any] = []

    def as_object(pairs: Pairs) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            raise _repeated([key for key, _ in pairs])
        if "cache_control" in values:
            marks.append(values["cache_control"])
        return values

    text = _text(body)
    decoder = json.JSONDecoder(object_pairs_hook=as_object, parse_constant=_refuse_constant)
    try:
        start = _start(text)
        values, end = decoder.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from error
    if _space_end(text, end) != len(text):
        raise Refused(400, "invalid_json", "The request's body has more than one JSON value.")
    return Body(values, tuple(marks))


def with_value(body: bytes, path: Sequence[str], value: int | bool) -> bytes:
    """The body with this value at a path of one or two keys: spliced over the last one of that name, or inserted first in its object."""
    text = _text(body)
    try:
        edited = _spliced(text, _start(text), path, json.dumps(value))
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from error
    return edited.encode()


def _spliced(text: str, start: int, path: Sequence[str], value: str) -> str:
    key, *inner = path
    members = list(_members(text, start))
    member = next((each for each in reversed(members) if each.key == key), None)
    if member is not None and inner and isinstance(member.value, dict):
        return _spliced(text, member.start, inner, value)
    for name in reversed(inner):
        value = f"{{{json.dumps(name)}:{value}}}"
    if member is not None:
        return text[: member.start] + value + text[member.end :]
    comma = "," if members else ""
    return f"{text[: start + 1]}{json.dumps(key)}:{value}{comma}{text[start + 1 :]}"


def _members(text: str, start: int) -> Iterator[_Member]:
    """The members of the object that begins at `start`, in their order. Values go through json's C scanner."""
    decoder = json.JSONDecoder()
    at = _space_end(text, start + 1)
    if text[at : at + 1] == "}":
        return
    while True:
        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting a key", text, at)
        key, at = decoder.raw_decode(text, at)
        at = _space_end(text, at)
        if text[at : at + 1] != ":":
            raise JSONDecodeError("Expecting ':'", text, at)
        value_start = _space_end(text, at + 1)
        value, value_end = decoder.raw_decode(text, value_start)
        yield _Member(key, value_start, value_end, value)
        at = _space_end(text, value_end)
        if text[at : at + 1] == "}":
            return
        if text[at : at + 1] != ",":
            raise JSONDecodeError("Expecting ','", text, at)
        at = _space_end(text, at + 1)


def _text(body: bytes) -> str:
    """Strict UTF-8, so that encoding it again gives the same bytes."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refused(400, "not_utf8", "The request's body is not UTF-8.") from error


def _start(text: str) -> int:
    start = _space_end(text, 1 if text.startswith(_BOM) else 0)
    if text[start : start + 1] != "{":
        raise Refused(400, "not_an_object", "The request's body is not a JSON object.")
    return start


def _space_end(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unreadable(error: Exception) -> Refused:
    if isinstance(error, RecursionError):
        return Refused(400, "too_deep", "The request's body is nested too deeply.")
    return Refused(400, "invalid_json", f"The request's body is not JSON: {error}"[:300])


def _repeated(keys: list[str]) -> Refused:
    key = Counter(keys).most_common(1)[0][0]
    return Refused(
        400,
        "repeated_key",
        f"The request's body has the key {json.dumps(key[:60])} twice in one object: which one counts is not defined.",
    )
