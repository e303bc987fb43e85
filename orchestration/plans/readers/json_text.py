"""JSON with line numbers: no duplicate keys, exact numbers."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

from orchestration.plans.readers.shared.items import NO_LIST, Item, Unreadable
from orchestration.plans.readers.shared.reader import Reader, is_json, of_items

T = TypeVar("T")


class _Twice(ValueError):
    pass


def items(text: str) -> tuple[Item, ...]:
    """The entries of a list, or of `{"entries": [...]}`. Raises Unreadable."""
    return _read(lambda: _items(text))


def load(text: str) -> Any:
    """Any JSON. Raises Unreadable."""
    return _read(lambda: _decoder().decode(text))


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except Unreadable:
        raise
    except json.JSONDecodeError as error:
        raise Unreadable(error.lineno, f"This is not JSON: {error.msg[:1].lower()}{error.msg[1:]}") from None
    except RecursionError:
        raise Unreadable(0, "This is nested too deep") from None
    except ValueError as error:  # a number of thousands of digits, NaN, a duplicate key
        raise Unreadable(0, str(error)[:200]) from None


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_refuse)


def _items(text: str) -> tuple[Item, ...]:
    decoder = _decoder()
    whole = decoder.decode(text)
    listed = whole
    if isinstance(whole, dict):
        if unknown := [key for key in whole if key != "entries"]:
            raise Unreadable(1, f'A plan is a list, or has "entries" alone, not {unknown[0][:60]!r}')
        listed = whole.get("entries", [])
    if not isinstance(listed, list):
        raise Unreadable(1, NO_LIST)
    starts = _starts(decoder, text, isinstance(whole, dict))
    return tuple(Item(line, value) for line, value in zip(starts, listed, strict=True))


def _starts(decoder: json.JSONDecoder, text: str, wrapped: bool) -> Iterator[int]:
    """The line of each element. Expects valid JSON."""
    at = _skip(text, 0)
    if wrapped:
        if text[_skip(text, at + 1)] == "}":
            return
        _, at = decoder.raw_decode(text, _skip(text, at + 1))
        at = _skip(text, _skip(text, at) + 1)
    line, counted, at = 1, 0, _skip(text, at + 1)
    while text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        yield line
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\n\r":
        at += 1
    return at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Twice(f"The key {twice[:60]!r} is there twice")
    return result


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number that JSON has")


READER = Reader("JSON", of_items("json", items), lambda text: 5 if is_json(text) else 0)
