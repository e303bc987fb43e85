"""YAML as plain data with line numbers: no tags, aliases or duplicate keys, bounded depth, exact numbers.

Built from the parser's events, not by a loader: an alias that stands for a billion others is refused before it is expanded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

from orchestration.plans.readers.shared.items import MAX_DEPTH, NO_LIST, Item, Unreadable
from orchestration.plans.readers.shared.reader import Reader, of_items

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False, "yes": True, "no": False}


@dataclass(frozen=True)
class Node:
    line: int
    value: Any  # dict[str, Node], list[Node], or a scalar
    key_lines: dict[str, int]


def items(text: str) -> tuple[Item, ...]:
    """The entries of a list, or of `entries:`. Raises Unreadable."""
    try:
        node = _document(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.YAMLError as error:
        raise _unreadable(error) from None
    top = node.value
    if isinstance(top, dict):
        if unknown := [key for key in top if key != "entries"]:
            raise Unreadable(node.key_lines[unknown[0]], f"A plan is a list, or has `entries:` alone, not {unknown[0][:60]!r}")
        top = top["entries"].value if "entries" in top else []
    if not isinstance(top, list):
        raise Unreadable(node.line, NO_LIST)
    return tuple(Item(item.line, plain(item), item.key_lines) for item in top)


def mapping(text: str, before: int) -> tuple[dict[str, Any], dict[str, int]]:
    """Front matter: its values, and the line of each key, of a text with `before` lines above. Raises Unreadable."""
    try:
        node = _document(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.YAMLError as error:
        raise _unreadable(error, before) from None
    except Unreadable as error:
        raise Unreadable(error.problem.line + before, error.problem.message) from None
    if not isinstance(node.value, dict):
        raise Unreadable(before + 1, "The front matter has no keys")
    return plain(node), {key: line + before for key, line in node.key_lines.items()}


def _unreadable(error: yaml.YAMLError, before: int = 0) -> Unreadable:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    return Unreadable(mark.line + 1 + before if mark else before, f"This is not YAML: {str(problem)[:200]}")


def plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(value) for value in node.value] if isinstance(node.value, list) else node.value


def _document(events: Iterator[yaml.Event]) -> Node:
    node = Node(1, [], {})
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise Unreadable(_line(event), "A plan is one document: `---` begins another")
        elif not isinstance(event, (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentEndEvent)):
            node = _node(event, events, 0)
    return node


def _node(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
    if isinstance(event, yaml.AliasEvent):
        raise Unreadable(_line(event), f"Aliases (`*{str(event.anchor)[:40]}`) are not taken: write it out")
    tag = getattr(event, "tag", None)
    if tag not in (None, "!", "tag:yaml.org,2002:str"):
        raise Unreadable(_line(event), f"Tags ({str(tag)[:60]}) are not taken")
    if depth > MAX_DEPTH:
        raise Unreadable(_line(event), f"This is nested more than {MAX_DEPTH} deep")
    if isinstance(event, yaml.SequenceStartEvent):
        nodes = []
        while not isinstance(inner := next(events), yaml.SequenceEndEvent):
            nodes.append(_node(inner, events, depth + 1))
        return Node(_line(event), nodes, {})
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(event, events, depth)
    return Node(_line(event), _scalar(event), {})


def _mapping(start: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
    nodes: dict[str, Node] = {}
    lines: dict[str, int] = {}
    while not isinstance(inner := next(events), yaml.MappingEndEvent):
        if not isinstance(inner, yaml.ScalarEvent):
            raise Unreadable(_line(inner), "A key must be a word")
        key = inner.value
        if key in nodes:
            raise Unreadable(_line(inner), f"The key {key[:60]!r} is there twice")
        lines[key] = _line(inner)
        nodes[key] = _node(next(events), events, depth + 1)
    return Node(_line(start), nodes, lines)


def _scalar(event: Any) -> Any:
    """YAML's plain scalars without its surprises: `12:30`, `1_000` and `2026-11-25` stay text."""
    text = event.value
    if event.style or event.tag == "tag:yaml.org,2002:str":
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    return Decimal(text) if _FLOAT.fullmatch(text) else text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


READER = Reader("YAML", of_items("yaml", items), lambda text: 1)
