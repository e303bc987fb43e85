"""The config as JSON: loading, storing, merging a change, and hiding values."""

from decimal import Decimal
from types import UnionType
from typing import Any, get_args

from pydantic import ValidationError

from budget import amounts
from orchestration.configuration.config import newer
from orchestration.configuration.config.agents import Agent
from orchestration.configuration.config.fields import Part, micro
from orchestration.configuration.config.workspace import Config


def load(stored: dict[str, Any]) -> Config:
    """The config of an executor row, which was validated when it was stored. Of one that a newer release stored, what this release knows."""
    try:
        return Config.model_validate(_decimals(stored))
    except ValidationError:
        return newer.split(_decimals(stored))[0]


def of_session(stored: dict[str, Any], agent_name: str, effort: str = "") -> Config:
    """The config as a session with this agent and effort sees it; the empty name is the usual agent's."""
    return load(stored).with_agent(agent_name, effort)


def unknown(stored: dict[str, Any]) -> list[str]:
    """The keys of an executor row's config that only a newer release knows. This one cannot keep what they promise."""
    return sorted(newer.split(_decimals(stored))[1])


def as_json(config: Config) -> dict[str, Any]:
    """The config as JSON: amounts as numbers, unset keys left out."""
    numbers: dict[str, Any] = _numbers(config.model_dump(exclude_none=True))
    return numbers


def without_values(value: Any) -> Any:
    """An agent's env may contain keys: viewers and agents see its names without the values."""
    if isinstance(value, list):
        return [without_values(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _names_only(item) if key == "env" else without_values(item) for key, item in value.items()}


def _names_only(env: Any) -> Any:
    return dict.fromkeys(env, "…") if isinstance(env, dict) else "…"


def stored(config: Config) -> dict[str, Any]:
    """The keys that were set, so that a new default reaches every workspace that did not set the key."""
    numbers: dict[str, Any] = _numbers(config.model_dump(exclude_none=True, exclude_unset=True))
    return numbers


def merged(stored: dict[str, Any], change: dict[str, Any]) -> Config:
    """Merge a partial change: objects by key, lists as a whole; null resets a key to its default. Raises pydantic's ValidationError."""
    return Config.model_validate(_decimals(_merge(stored, change, Config)))


def _part_of(annotation: Any) -> type[Part] | None:
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Part)), None)


_PARTS = {name: part for name, field in Config.model_fields.items() if (part := _part_of(field.annotation))}


def _merge(old: dict[str, Any], new: dict[str, Any], part: type[Part] | None, each: type[Part] | None = None) -> dict[str, Any]:
    """`part`: the model of these keys; `each`: that of each value. Null for an unknown key stays in, so that validation refuses it."""
    out = dict(old)
    for key, value in new.items():
        if value is None and (part is None or key in part.model_fields):
            out.pop(key, None)
        elif isinstance(value, dict):
            before = out.get(key)
            out[key] = _merge(
                before if isinstance(before, dict) else {}, value, each or _PARTS.get(key), Agent if key == "agents" else None
            )
        else:
            out[key] = value
    return out


def _numbers(value: Any) -> Any:
    """Amounts as JSON numbers, at every depth."""
    if isinstance(value, dict):
        return {key: item if key == "settings" else _numbers(item) for key, item in value.items()}
    return amounts.number(micro(value)) if isinstance(value, Decimal) else value


def _decimals(value: Any) -> Any:
    """Stored amounts as exact decimals: a JSON float would carry its binary tail into the amounts."""
    if not isinstance(value, dict):
        return value
    return {
        key: Decimal(str(item))
        if key.endswith("_usd") and isinstance(item, float)
        else item
        if key == "settings"
        else _decimals(item)
        for key, item in value.items()
    }
