"""The changes between two configs, by key, without possible secrets."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

MAX_CHARS = 120
_HIDDEN = ("env", "settings", "prompts")  # may contain a provider's key, or long text
_UNSET = object()


def version(stored: dict[str, Any]) -> str:
    """A hash: equal configs have equal versions."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:16]


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, str]]:
    """The changed keys, each with `key`, `before` and `after`. Hidden keys have empty values."""
    change, other = dict(_flat(before)), dict(_flat(after))
    changed = [key for key in sorted(change.keys() | other.keys()) if change.get(key, _UNSET) != other.get(key, _UNSET)]
    return [{"key": key, "before": _shown(key, change), "after": _shown(key, other)} for key in changed]


def sentence(changes: list[dict[str, str]], limit: int = 6) -> str:
    """`max_workers 4 → 6, agent.model → sonnet, agent.env.TOKEN`."""
    parts = [_part(change) for change in changes[:limit]]
    return ", ".join([*parts, *([f"{len(changes) - limit} more"] if len(changes) > limit else [])])


def _part(change: dict[str, str]) -> str:
    return f"{change['key']}: {change['before']} → {change['after']}" if change["before"] or change["after"] else change["key"]


def _flat(config: dict[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value and key != "settings":
            yield from _flat(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", value


def _shown(key: str, values: dict[str, Any]) -> str:
    if any(part in _HIDDEN for part in key.split(".")):
        return ""
    if key not in values:
        return "default"
    value = values[key]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 1]}…"
