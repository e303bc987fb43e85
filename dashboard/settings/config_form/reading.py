"""From a form that was sent to a change of the config: only what differs from what is stored, so that what is unset stays unset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from dashboard.settings.config_form import writing
from dashboard.settings.config_form.fields import CHECK, FIELDS, SECTIONS, Field
from orchestration import configuration
from workspaces.schemas import property_path

MOST_CHECKS = 50


@dataclass
class Read:
    """`change`: as `setup.configure` takes it. `problems`: by field, `verify.0.run` for one of a check."""

    change: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def at(config: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path, None for nothing."""
    here: Any = config
    for name in path.split("."):
        here = here.get(name) if isinstance(here, Mapping) else None
    return here


def read(said: Mapping[str, str], stored: dict[str, Any]) -> Read:
    """What a form says beside what is stored. Fields that it does not have are left alone. What is refused stands in `problems`."""
    found = Read()
    for section in SECTIONS:
        if section.optional and f"has.{section.optional}" not in said:
            continue
        if section.optional and said[f"has.{section.optional}"] != "on":
            if section.optional in stored:
                found.change[section.optional] = None
            continue
        if section.optional and section.optional not in stored:
            found.change[section.optional] = {} if section.optional == "push" else {"agent": {}}
        for one in section.fields:
            _take(one, said, stored, found)
    if "verify.count" in said:
        _take_checks(said, stored, found)
    if not found.problems:
        found.problems = problems(stored, found.change)
    return found


def problems(stored: dict[str, Any], change: dict[str, Any]) -> dict[str, str]:
    """What the config's own rules say of a change, by its key."""
    try:
        configuration.merged(stored, change)
    except ValidationError as error:
        told: dict[str, str] = {}
        # Of a value that may be a text or a list, what is said of the text comes first: nearly everybody writes one.
        for one in sorted(error.errors(), key=lambda one: one["type"] in ("list_type", "string_type")):
            name = property_path(one["loc"], unknown=one["type"] == "extra_forbidden") or "config"
            told.setdefault(_field_of(name), words(one))
        return told
    return {}


def words(problem: Any) -> str:
    """What the config's rules say, for people."""
    plain = _PLAIN.get(problem["type"])
    said = plain.format(**problem.get("ctx", {})) if plain else str(problem["msg"]).removeprefix("Value error, ")
    return f"{said[:1].upper()}{said[1:]}"


_PLAIN = {
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "less_than": "must be less than {lt}",
    "string_pattern_mismatch": "holds characters, or begins with one, that may not be here",
    "string_too_long": "may have at most {max_length} characters",
    "string_too_short": "may not be empty",
    "too_long": "may have at most {max_length} items",
    "literal_error": "must be one of {expected}",
    "extra_forbidden": "there is no such key",
    "missing": "is missing: write one",
}


def _field_of(name: str) -> str:
    """The field that a place belongs to: `protected` of `protected.3`, `verify.0.run` of itself."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        if (at := ".".join(parts[:n])) in FIELDS:
            return at
    return ".".join(parts[:3]) if parts[0] == "verify" else name


def whole(text: str, stored: dict[str, Any]) -> Read:
    """The same of the whole config as JSON: what is not in it goes back to its default. Values of an env may be left as they are shown."""
    found = Read()
    try:
        said = writing.parsed(text) if text.strip() else {}
        if not isinstance(said, dict):
            raise writing.Unreadable("This is not a JSON object")
        found.change = {
            key: one for key, one in replacing(stored, _restored(said, stored)).items() if not _same(one, stored.get(key))
        }
    except writing.Unreadable as why:
        found.problems["whole"] = str(why)
        return found
    found.problems = problems(stored, found.change)
    return found


def replacing(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The change that makes `new` of `old`, where a change alone would be merged into it."""
    both = {
        key: replacing(old[key], one) if isinstance(one, dict) and isinstance(old.get(key), dict) else one
        for key, one in new.items()
    }
    return dict.fromkeys(old.keys() - new.keys()) | both


def _restored(said: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """With the values of each env that were not shown. Raises Unreadable for one that has none."""
    out = {}
    for key, one in said.items():
        before = stored.get(key)
        if isinstance(one, dict) and key != "settings":
            one = _restored(one, before if isinstance(before, Mapping) else {})
        elif one == writing.KEPT:
            if not isinstance(before, str):
                raise writing.Unreadable(f"{key[:40]} has no value yet: write one")
            one = before
        out[key] = one
    return out


def _take(one: Field, said: Mapping[str, str], stored: dict[str, Any], found: Read) -> None:
    if one.path not in said:
        return
    before = at(stored, one.path)
    try:
        if one.kind == "env":
            if change := writing.env(said[one.path], before or {}):
                _put(found.change, one.path, change)
            return
        value = writing.read(one, said[one.path])
    except writing.Unreadable as why:
        found.problems[one.path] = str(why)
        return
    if said[one.path].replace("\r\n", "\n") == writing.shown(one, before) or _same(value, before):
        return
    if one.kind == "json" and isinstance(value, dict):
        value = replacing(before or {}, value)
    _put(found.change, one.path, value)


def _take_checks(said: Mapping[str, str], stored: dict[str, Any], found: Read) -> None:
    """All checks: the list is replaced as a whole. A row with nothing in it, or marked as removed, is none."""
    count = said["verify.count"]
    checks = []
    for n in range(min(int(count), MOST_CHECKS + 1) if count.isascii() and count.isdigit() and len(count) < 4 else 0):
        row = {}
        for one in CHECK:
            try:
                row[one.path] = writing.read(one, said.get(f"verify.{n}.{one.path}", ""))
            except writing.Unreadable as why:
                found.problems[f"verify.{n}.{one.path}"] = str(why)
        given = {name: value for name, value in row.items() if value is not None}
        if given and f"verify.{n}.remove" not in said:
            checks.append(given)
    if not _same(checks, stored.get("verify", [])):
        found.change["verify"] = checks or None


def _put(change: dict[str, Any], path: str, value: Any) -> None:
    *parts, last = path.split(".")
    for name in parts:
        change = change.setdefault(name, {})
    change[last] = value


def _same(one: Any, other: Any) -> bool:
    """Equal as values: 0.50 is 0.5, whatever kind of number each is."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = (int, float, Decimal)
    if isinstance(one, numbers) and isinstance(other, numbers) and not isinstance(one, bool) and not isinstance(other, bool):
        return Decimal(str(one)) == Decimal(str(other))
    return type(one) is type(other) and bool(one == other)
