"""From a submitted form to a change of the config: only differences from the stored config, so that unset keys stay unset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from dashboard.settings.config_form import writing
from dashboard.settings.config_form.fields import CHECK, FIELDS, SECTIONS, Field, agent
from orchestration import configuration
from orchestration.configuration import workspace_setup
from workspaces.schemas import property_path

MAX_CHECKS = 50
MAX_AGENTS = 20


@dataclass
class Read:
    """`change`: as `setup.configure` takes it. `problems`: by field, `verify.0.run` for one of a check."""

    change: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def value_at(config: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None if there is none."""
    here: Any = config
    for name in path.split("."):
        here = here.get(name) if isinstance(here, Mapping) else None
    return here


def read(form_data: Mapping[str, str], stored: dict[str, Any]) -> Read:
    """The change that a form makes to the stored config. Missing fields stay unchanged. Errors are in `problems`."""
    result = Read()
    for section in SECTIONS:
        if section.optional and f"has.{section.optional}" not in form_data:
            continue
        if section.optional and form_data[f"has.{section.optional}"] != "on":
            if section.optional in stored:
                result.change[section.optional] = None
            continue
        if section.optional and section.optional not in stored:
            has_agent = any(item.path.startswith(f"{section.optional}.agent.") for item in section.fields)
            result.change[section.optional] = {"agent": {}} if has_agent else {}
        for form_field in section.fields:
            _take(form_field, form_data, stored, result)
    if "verify.count" in form_data:
        _take_checks(form_data, stored, result)
    names = _take_agents(form_data, stored, result)
    if not result.problems:
        wrong = problems(stored, result.change)
        result.problems = {_of_named_agent(field, names): message for field, message in wrong.items()}
    return result


def rows(form_data: Mapping[str, str], of: str, most: int) -> int:
    """The number of rows of a list in a form."""
    count = form_data.get(f"{of}.count", "")
    return min(int(count), most) if count.isascii() and count.isdigit() and len(count) < 4 else 0


def problems(stored: dict[str, Any], change: dict[str, Any]) -> dict[str, str]:
    """Validation errors of a change, by key."""
    try:
        config = configuration.merged(stored, change)
    except ValidationError as error:
        messages: dict[str, str] = {}
        # For a value that may be a text or a list, the error of the text comes first: it is the common case.
        for detail in sorted(error.errors(), key=lambda detail: detail["type"] in ("list_type", "string_type")):
            name = property_path(detail["loc"], unknown=detail["type"] == "extra_forbidden") or "config"
            messages.setdefault(_field_of(name), message(detail))
        return messages
    return {_field_of(name): text for name, text in workspace_setup.server_problems(config).items()}


def message(problem: Any) -> str:
    plain = _PLAIN.get(problem["type"])
    text = plain.format(**problem.get("ctx", {})) if plain else str(problem["msg"]).removeprefix("Value error, ")
    return f"{text[:1].upper()}{text[1:]}"


_PLAIN = {
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "less_than": "must be less than {lt}",
    "string_pattern_mismatch": "contains characters that are not allowed",
    "string_too_long": "may have at most {max_length} characters",
    "string_too_short": "may not be empty",
    "too_long": "may have at most {max_length} items",
    "literal_error": "must be one of {expected}",
    "extra_forbidden": "unknown key",
    "missing": "is missing: write one",
}


def _field_of(name: str) -> str:
    """The field of an error's location: `protected` for `protected.3`; `verify.0.run` stays."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        if (at := ".".join(parts[:n])) in FIELDS:
            return at
    return ".".join(parts[:3]) if parts[0] == "verify" else name


def read_json(text: str, stored: dict[str, Any]) -> Read:
    """The same for the whole config as JSON: missing keys return to their defaults. Masked values of an env are kept."""
    result = Read()
    try:
        config = writing.parsed(text) if text.strip() else {}
        if not isinstance(config, dict):
            raise writing.Unreadable("This is not a JSON object")
        result.change = {
            key: value for key, value in replacing(stored, _restored(config, stored)).items() if not _same(value, stored.get(key))
        }
    except writing.Unreadable as why:
        result.problems["whole"] = str(why)
        return result
    result.problems = problems(stored, result.change)
    return result


def replacing(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The change that turns `old` into `new`, given that changes are merged."""
    both = {
        key: replacing(old[key], value) if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
    }
    return dict.fromkeys(old.keys() - new.keys()) | both


def _restored(config: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces masked env values by the stored ones. Raises Unreadable if there is none."""
    out = {}
    for key, value in config.items():
        before = stored.get(key)
        if isinstance(value, dict) and key != "settings":
            value = _restored(value, before if isinstance(before, Mapping) else {})
        elif value == writing.KEPT:
            if not isinstance(before, str):
                raise writing.Unreadable(f"{key[:40]} has no value yet: write one")
            value = before
        out[key] = value
    return out


def _take(form_field: Field, form_data: Mapping[str, str], stored: dict[str, Any], result: Read) -> None:
    if form_field.path not in form_data:
        return
    before = value_at(stored, form_field.path)
    if form_field.kind == "agent_name":
        _take_agent_name(form_field, form_data, before, result)
        return
    if chosen := _agent_name(form_field.path, form_data):
        if not isinstance(value_at(stored, chosen), dict) and form_data[form_field.path].strip():
            result.problems[chosen] = "Empty this to give it an agent of its own, or empty the fields of that agent"
        return
    try:
        if form_field.kind == "env":
            change = writing.env(form_data[form_field.path], before or {})
            if change:
                _put(result.change, form_field.path, change if form_data[form_field.path].strip() else None)
            return
        value = writing.read(form_field, form_data[form_field.path])
    except writing.Unreadable as why:
        result.problems[form_field.path] = str(why)
        return
    if form_data[form_field.path].replace("\r\n", "\n") == writing.as_text(form_field, before) or _same(value, before):
        return
    if form_field.kind == "json" and isinstance(value, dict):
        value = replacing(before or {}, value)
    _put(result.change, form_field.path, value)


def _agent_name(path: str, form_data: Mapping[str, str]) -> str:
    """The field that names the agent in place of these; empty: none does."""
    role, of_agent, _ = path.partition(".agent.")
    return f"{role}.agent" if of_agent and form_data.get(f"{role}.agent", "").strip() else ""


def _take_agent_name(form_field: Field, form_data: Mapping[str, str], before: Any, result: Read) -> None:
    """Without a name, the role of a named agent gets one of its own."""
    name = form_data[form_field.path].strip()
    if name and name != before:
        _put(result.change, form_field.path, name)
    elif not name and isinstance(before, str):
        _put(result.change, form_field.path, {})


def _take_checks(form_data: Mapping[str, str], stored: dict[str, Any], result: Read) -> None:
    """The list of checks is replaced as a whole. Empty and removed rows are left out."""
    checks = []
    for n in range(rows(form_data, "verify", MAX_CHECKS + 1)):
        row = {}
        for form_field in CHECK:
            try:
                row[form_field.path] = writing.read(form_field, form_data.get(f"verify.{n}.{form_field.path}", ""))
            except writing.Unreadable as why:
                result.problems[f"verify.{n}.{form_field.path}"] = str(why)
        given = {name: value for name, value in row.items() if value is not None}
        if given and f"verify.{n}.remove" not in form_data:
            checks.append(given)
    if not _same(checks, stored.get("verify", [])):
        result.change["verify"] = checks or None


def _take_agents(form_data: Mapping[str, str], stored: dict[str, Any], result: Read) -> dict[str, int]:
    """The named agents, each merged by itself. Returns the row of each name."""
    kept: dict[str, Any] = stored.get("agents", {})
    changes: dict[str, Any] = {}
    row_of: dict[str, int] = {}
    for n in range(rows(form_data, "agents", MAX_AGENTS + 1)):
        at = f"agents.{n}"
        name = form_data.get(f"{at}.name", "").strip()
        if f"{at}.remove" in form_data:
            changes |= {name: None} if name in kept else {}
            continue
        row = Read()
        for form_field in agent(at):
            _take(form_field, form_data, {"agents": {str(n): kept.get(name, {})}}, row)
        if not (name or row.change or row.problems):
            continue  # the empty row for a new one
        if not name or name in row_of or name in changes:
            row.problems[f"{at}.name"] = "Choose another name: this one is taken" if name else "Write its name"
        row_of[name] = n
        result.problems |= row.problems
        if row.change or name not in kept:
            changes[name] = value_at(row.change, at) or {}
    if changes:
        is_any_left = any(changes.get(name, {}) is not None for name in [*kept, *changes])
        result.change["agents"] = changes if is_any_left else None
    return row_of


def _of_named_agent(field: str, row_of: Mapping[str, int]) -> str:
    """`agents.0.kind` for `agents.cheap.kind`; the longest name first, since a name may contain dots."""
    for name in sorted(row_of, key=len, reverse=True):
        if f"{field}.".startswith(f"agents.{name}."):
            return f"agents.{row_of[name]}.{field.removeprefix(f'agents.{name}').removeprefix('.') or 'name'}"
    return field


def _put(change: dict[str, Any], path: str, value: Any) -> None:
    *parts, last = path.split(".")
    for name in parts:
        change = change.setdefault(name, {})
    change[last] = value


def _same(left: Any, right: Any) -> bool:
    """Equality by value: 0.50 equals 0.5, whatever the number types."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    numbers = (int, float, Decimal)
    if isinstance(left, numbers) and isinstance(right, numbers) and not isinstance(left, bool) and not isinstance(right, bool):
        return Decimal(str(left)) == Decimal(str(right))
    return type(left) is type(right) and bool(left == right)
