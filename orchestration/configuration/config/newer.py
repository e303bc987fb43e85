"""Forward compatibility: a config of a newer release is read without its unknown keys and values."""

from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from orchestration.configuration.config.workspace import Config

Path = tuple[int | str, ...]


def split(stored: dict[str, Any]) -> tuple[Config, list[str]]:
    """The known config, and the paths of unknown keys. Raises ValidationError if one cannot be dropped."""
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
    """Remove the value at the path, or at its longest existing prefix. Returns the path of the removed value, or an empty one."""
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
