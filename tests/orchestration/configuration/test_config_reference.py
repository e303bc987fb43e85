"""docs/reference/config.md lists every key of a workspace's config with its unit and default."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin

from django.conf import settings
from pydantic.fields import FieldInfo

from orchestration.configuration import JUDGES, Agent, Config
from orchestration.configuration.config.fields import Part

UNITS = {"_s": "seconds", "_usd": "USD", "_bytes": "bytes"}
TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "an object"}
PAGE = Path(settings.BASE_DIR, "docs/reference/config.md")


def rows(part: type[Part], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Key, unit and default. The agents of verifier and interceptor have the keys of `agent`."""
    for name, field in part.model_fields.items():
        inner = part_of(field.annotation)
        if inner is Agent and prefix:
            yield f"{prefix}{name}", "an agent", default(field)
        elif inner is None:
            yield f"{prefix}{name}", unit(name, field), default(field)
        else:
            several = get_origin(field.annotation) is list
            if several or field.default is None:
                yield f"{prefix}{name}", "a list" if several else "an object", default(field)
            yield from rows(inner, f"{prefix}{name}{'[]' if several else ''}.")


def part_of(annotation: Any) -> type[Part] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, Part) else None
    return next((inner for inner in map(part_of, get_args(annotation)) if inner), None)


def unit(name: str, field: FieldInfo) -> str:
    by_suffix = [word for suffix, word in UNITS.items() if name.endswith(suffix)]
    if by_suffix:
        return by_suffix[0]
    kinds = {kind for part in plain(field.annotation) for kind in TYPES if part is kind}
    return " or ".join(word for kind, word in TYPES.items() if kind in kinds)


def plain(annotation: Any) -> Iterator[Any]:
    """The types in it: of a list only that it is one, of a literal that of its values."""
    origin = get_origin(annotation)
    if origin in (list, dict):
        yield origin
    elif origin is None:
        yield annotation if isinstance(annotation, type) else type(annotation)
    else:
        for inner in get_args(annotation):
            yield from plain(inner)


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "(required)"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "(unset)"
    if value == list(JUDGES):
        return "(below)"
    return f"`{json.dumps(value, default=lambda amount: float(amount) if isinstance(amount, Decimal) else str(amount))}`"


def test_the_page_lists_every_key_with_its_unit_and_default() -> None:
    listed = re.findall(r"^\| `([\w.\[\]]+)` \| ([^|]+) \| (`[^`]+`|\(\w+\)) \| [^|]+ \|$", PAGE.read_text(), re.M)
    assert listed == list(rows(Config))


def test_the_page_lists_the_files_that_judge() -> None:
    block = re.search(r"```\n(.*?)```", PAGE.read_text(), re.S)
    assert block and block[1].split() == list(JUDGES)
