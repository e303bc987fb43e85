"""A stored config with keys or values that only a newer release knows: it is read without them, and says which they are."""

from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from orchestration.configuration.config.workspace import Config

Path = tuple[int | str, ...]


def split(stored: dict[str, Any]) -> tuple[Config, list[str]]:
    """The config that this release knows of it, and the names of the rest. Raises ValidationError where the rest cannot be left out."""
    kept = deepcopy(stored)
    unknown: list[str] = []
    while True:
        try:
            return Config.model_validate(kept), unknown
        except ValidationError as error:
            removed = [path for problem in error.errors() if (path := _remove(kept, problem["loc"]))]
            if not removed:
                raise
            unknown += [".".join(map(str, path)) for path in removed]


def _remove(value: Any, path: Path) -> Path:
    """Remove what is at the path, or at the longest part of it that there is. Returns where that was; empty: nowhere."""
    at: Path = ()
    for key in path:
        is_there = (
            key in value if isinstance(value, dict) else isinstance(value, list) and isinstance(key, int) and key < len(value)
        )
        if not is_there:
            break
        at, holder, last, value = (*at, key), value, key, value[key]
    if at:
        del holder[last]
    return at
