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
    """Load a stored config. It was validated at saving. Unknown keys of a newer release are ignored."""
    try:
        return Config.model_validate(_decimals(stored))
    except ValidationError:
        return newer.split(_decimals(stored))[0]


def of_session(stored: dict[str, Any], agent_name: str, effort: str = "") -> Config:
    """The config of a session with this agent and effort. "" is the default agent."""
    return load(stored).with_agent(agent_name, effort)


def unknown(stored: dict[str, Any]) -> list[str]:
    """The unknown keys in a config of a newer release. This one cannot honour them."""
    return sorted(newer.split(_decimals(stored))[1])


def as_json(config: Config) -> dict[str, Any]:
    """The config as JSON, without unset keys. Amounts are numbers."""
    numbers: dict[str, Any] = _numbers(config.model_dump(exclude_none=True))
    return numbers


def without_values(value: Any) -> Any:
    """Mask the values of env for viewers and agents: it may contain keys."""
    if isinstance(value, list):
        return [without_values(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _names_only(item) if key == "env" else without_values(item) for key, item in value.items()}


def _names_only(env: Any) -> Any:
    return dict.fromkeys(env, "…") if isinstance(env, dict) else "…"


def stored(config: Config) -> dict[str, Any]:
    """The set keys alone: a new default reaches every workspace without the key."""
    numbers: dict[str, Any] = _numbers(config.model_dump(exclude_none=True, exclude_unset=True))
    return numbers


def merged(stored: dict[str, Any], change: dict[str, Any]) -> Config:
    """Merge a partial change: objects by key, lists as a whole; null resets a key to its default. Raises pydantic's ValidationError."""
    return Config.model_validate(_decimals(_merge(stored, change, Config)))


def _part_of(annotation: Any) -> type[Part] | None:
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Part)), None)


_PARTS = {name: part for name, field in Config.model_fields.items() if (part := _part_of(field.annotation))}


def _merge(
    old: dict[str, Any], new: dict[str, Any], model: type[Part] | None, value_model: type[Part] | None = None
) -> dict[str, Any]:
    """Merge keys of a model, or values of one model. Null for an unknown key stays: validation refuses it."""
    out = dict(old)
    for key, value in new.items():
        if value is None and (model is None or key in model.model_fields):
            out.pop(key, None)
        elif isinstance(value, dict):
            before = out.get(key)
            out[key] = _merge(
                before if isinstance(before, dict) else {},
                value,
                value_model or _PARTS.get(key),
                Agent if key == "agents" else None,
            )
        else:
            out[key] = value
    return out


def _numbers(value: Any) -> Any:
    """Amounts as JSON numbers, at any depth."""
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
