"""Writes TOML. Nested values are inline, so a value looks almost like JSON."""

import json
from collections.abc import Mapping
from typing import Any


def to_toml(settings: Mapping[str, Any]) -> str:
    """Settings as a document. Raises ValueError for null, which TOML does not have."""
    return "".join(f"{_string(key)} = {_value(value, key)}\n" for key, value in settings.items())


def _value(value: Any, key_path: str) -> str:
    match value:
        case bool() | int() | float():
            return json.dumps(value)
        case str():
            return _string(value)
        case list() | tuple():
            return "[" + ", ".join(_value(each, key_path) for each in value) + "]"
        case Mapping():
            return "{" + ", ".join(f"{_string(key)} = {_value(each, f'{key_path}.{key}')}" for key, each in value.items()) + "}"
    raise ValueError(f"agent.settings: {key_path} has a value that TOML cannot express")


def _string(text: str) -> str:
    """JSON's escapes are valid in TOML; only DEL needs an additional one."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
