"""A config value as text in a field, and back."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from dashboard.settings.config_form.fields import Field
from orchestration.configuration import Step
from orchestration.configuration.config import routes

KEPT = "…"


class Unreadable(ValueError):
    """The text is not a value of this field. The message is shown at the field."""


def as_text(field: Field, value: Any) -> str:
    """The text of a value; empty for None."""
    if value is None:
        return ""
    if field.kind == "agent_name":
        return value if isinstance(value, str) else ""
    if field.kind == "flag":
        return "on" if value else "off"
    if field.kind == "lines":
        return "\n".join(_line(item) for item in value)
    if field.kind == "route":
        return _route(value)
    if field.kind == "routes":
        return "\n".join(f"{each['group']}: {_route(each['route'])}" for each in value)
    if field.kind == "env":
        return "\n".join(f"{name}={KEPT}" for name in value)
    if field.kind == "json":
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
    if field.kind == "command" and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return _number(value) if field.kind in ("usd", "float", "int") else str(value)


def read(field: Field, text: str) -> Any:
    """The value of a text, None if empty. Raises Unreadable. The config validates the value."""
    text = text.replace("\r\n", "\n")
    if field.kind != "template":
        text = text.strip()
    if not text.strip():
        return None
    reader = _READERS.get(field.kind)
    return reader(text) if reader else text


def env(text: str, before: dict[str, str]) -> dict[str, str | None]:
    """The changes of an env: new values, and None for removed names. Unchanged names are left out."""
    values: dict[str, str] = {}
    for line in filter(str.strip, text.replace("\r\n", "\n").split("\n")):
        name, equals, value = line.strip().partition("=")
        if not equals:
            raise Unreadable(f"Write NAME=value on each line: {name[:40]} has no =")
        if value == KEPT and name not in before:
            raise Unreadable(f"{name[:40]} has no value yet: write one")
        values[name] = before[name] if value == KEPT else value
    gone = dict.fromkeys(before.keys() - values.keys())
    return gone | {name: value for name, value in values.items() if before.get(name) != value}


def _route(steps: list[Any]) -> str:
    return routes.written([Step.model_validate(step) for step in steps])


def _line(item: Any) -> str:
    plain = isinstance(item, str) and "\n" not in item and item[:1] not in ("[", '"') and item == item.strip() and item
    return item if plain else json.dumps(item, ensure_ascii=False)


def _number(value: Any) -> str:
    text = f"{Decimal(str(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _int(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,15}", text):
        raise Unreadable("Write a whole number")
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        raise Unreadable("Write a number, such as 0.5") from None
    if not value.is_finite() or len(text) > 30 or abs(value.adjusted()) > 20:
        raise Unreadable("Write a number, such as 0.5")
    return value


def _flag(text: str) -> bool:
    if text not in ("on", "off"):
        raise Unreadable("Choose on or off")
    return text == "on"


def parsed(text: str) -> Any:
    """JSON from a person. Raises Unreadable with the place."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Unreadable(f"This is not JSON: {error.msg} in line {error.lineno}") from None
    except (RecursionError, ValueError) as error:
        raise Unreadable(f"This JSON cannot be stored: {str(error)[:80]}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _lines(text: str) -> list[Any]:
    return [parsed(line) if line[0] in '["' else line for line in filter(None, map(str.strip, text.split("\n")))]


def _routes(text: str) -> list[dict[str, str]]:
    """A route for a group on each line. A group may have colons, a route has none."""
    lines = [line.rpartition(":") for line in filter(None, map(str.strip, text.split("\n")))]
    if any(not group.strip() or not route.strip() for group, _, route in lines):
        raise Unreadable("Write GROUP: ROUTE on each line, such as db*: cheap 2 > default")
    return [{"group": group.strip(), "route": route.strip()} for group, _, route in lines]


def _command(text: str) -> Any:
    return parsed(text) if text.startswith("[") else text


_READERS = {
    "int": _int,
    "usd": _decimal,
    "float": _decimal,
    "flag": _flag,
    "lines": _lines,
    "json": parsed,
    "routes": _routes,
    "command": _command,
}
