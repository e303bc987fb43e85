"""The members of a request's body, checked for their type, and its parts that stay the same from request to request."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from itertools import islice
from typing import Any, ParamSpec, TypeVar

from orchestration.protocols.shared.interface import CacheWrite, Context, Item, Refused
from orchestration.protocols.shared.media import Media

Values = Mapping[str, Any]
_P = ParamSpec("_P")
_R = TypeVar("_R")
_Part = TypeVar("_Part")

FRAME_BYTES = 16
"""Tokens around a block of a conversation: a role, its beginning and its end."""
HIDDEN_TOKENS = 2_000
"""A bound of the prompt that a provider adds where there are tools or an output format; the largest published are about 500."""
TYPED_TOOL_TOKENS = 1_000
"""A bound of the definition of a tool that the body only names by its type; the largest published are about 750."""
SEARCH_TOKENS = 25_000
"""Tokens that one web search adds to the input. No provider promises a bound, so a request with searches is not exact."""
MAX_COUNT = 10**12
MAX_PARTS = 200_000
"""Of a conversation. Providers take fewer: Anthropic has a limit of 100,000 messages."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def refuses_deep(read: Callable[_P, _R]) -> Callable[_P, _R]:
    """A reader that refuses bodies that it cannot walk through."""

    @wraps(read)
    def reader(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return read(*args, **kwargs)
        except RecursionError as error:
            raise Refused(400, "too_deep", "The request's body is nested too deeply.") from error

    return reader


def names(*lines: str) -> frozenset[str]:
    """Names that are written as words of a few lines."""
    return frozenset(name for line in lines for name in line.split())


def integer(values: Values, name: str, lowest: int = 0) -> int | None:
    """A whole number; None: absent or null. Numbers such as 1e3, which readers understand differently, are refused."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= MAX_COUNT:
        raise invalid(f"{name} must be a whole number from {lowest}.")
    return value


def boolean(values: Values, name: str) -> bool:
    value = values.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} must be true or false.")
    return bool(value)


def text(values: Values, name: str) -> str:
    """A text; empty: absent or null."""
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"{name} must be a text.")
    return value or ""


def member(values: Values, name: str) -> Values:
    """An object; empty: absent or null."""
    value = values.get(name)
    if value is not None and not isinstance(value, dict):
        raise invalid(f"{name} must be an object.")
    return value or {}


def objects(values: Values, name: str) -> list[dict[str, Any]]:
    """A list of objects; empty: absent or null."""
    value = values.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise invalid(f"{name} must be a list of objects.")
    return value


def parts(value: Any) -> list[Any]:
    """The parts of a content that may be a text, a list or one object."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def model(values: Values) -> str:
    name = text(values, "model")
    if not name or len(name) > 200:
        raise invalid("The request names no model.")
    return name


_SEARCHING = re.compile(r"search-(preview|api)|deep-research|[:-]online$|(^|[/-])sonar", re.IGNORECASE)


def refuse_searching(model: str) -> None:
    """Raises Refused for a model whose provider searches the web with each request, for a fee that no parameter bounds."""
    if _SEARCHING.search(model):
        raise unbounded("unbounded_tool", "its provider would search the web for this model")


def is_set(values: Values, name: str) -> bool:
    """True for a member that asks for something: an empty object asks for the usual."""
    value = values.get(name)
    return bool(value) or isinstance(value, dict)


def invalid(sentence: str) -> Refused:
    return Refused(400, "invalid_request", sentence)


def unbounded(code: str, what: str) -> Refused:
    """The refusal of a request without a bound. 400, since a 403 makes Codex try six times, and Claude Code speak of its login."""
    return Refused(
        400, code, f"This request could cost more than can be known before it is sent: {what}. The gateway does not pass it on."
    )


def parameters(values: Values, known: frozenset[str], priced: frozenset[str]) -> Iterator[str]:
    """Doubts about members that the gateway does not know. Refuses a name of money in other capitals, which some servers read."""
    folded = {name.casefold() for name in priced}
    for name in values:
        if name in known or name in priced:
            continue
        if name.casefold() in folded:
            raise Refused(400, "ambiguous_key", f"The request has {json.dumps(name)}: some servers read it, others do not.")
        yield f"parameter:{name[:60]}"


def cache_write(marks: Iterable[Any], lowest: CacheWrite = "none") -> CacheWrite:
    """The most expensive cache write of these marks. A lifetime that is not known counts as the longest."""
    writes: list[CacheWrite] = [lowest]
    for mark in marks:
        ttl = mark.get("ttl") if isinstance(mark, dict) else None
        writes.append("5m" if ttl in (None, "5m") else "1h")
    return max(writes, key=("none", "5m", "1h").index)


def context(values: Values, *names: str) -> Context:
    """The price context of these members. `auto` states nothing."""
    stated = ((name, values.get(name)) for name in names)
    pairs = [(name, value[:40].lower()) for name, value in stated if isinstance(value, str) and value not in ("", "auto")]
    return (*pairs, ("processing", "batch")) if ("service_tier", "batch") in pairs else tuple(pairs)


def item(part: Any, media: Media | None = None, hidden_tokens: int = 0) -> Item:
    """One part of the conversation. Clients move cache marks, and write a text as itself or as a block: the digest is the same."""
    if isinstance(part, str):
        part = {"type": "text", "text": part}
    elif isinstance(part, dict) and "cache_control" in part:
        part = {key: value for key, value in part.items() if key != "cache_control"}
    dump = _ENCODER.encode(part).encode("utf-8", "surrogatepass")
    data_bytes = media.data_bytes if media else 0
    return Item(
        hashlib.blake2b(dump, digest_size=12).digest(),
        max(len(dump) - data_bytes, 0) + FRAME_BYTES,
        media.tokens if media else 0,
        hidden_tokens,
        media is not None and media.is_remote,
    )


def bounded(pieces: Iterable[_Part]) -> list[_Part]:
    """The parts of a conversation, in its order. Raises Refused for more than a provider takes."""
    listed = list(islice(pieces, MAX_PARTS + 1))
    if len(listed) > MAX_PARTS:
        raise invalid(f"A request may have at most {MAX_PARTS:,} parts.")
    return listed


def settings_item(values: Values, ignored: frozenset[str], hidden_tokens: int) -> Item:
    """The members that are neither the conversation nor without effect on the input, as one part."""
    settings = {name: value for name, value in values.items() if name not in ignored} | {"hidden": hidden_tokens}
    return item(settings, hidden_tokens=hidden_tokens)
