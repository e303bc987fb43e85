"""The path of a file in a clone, as a person names it."""

import re
import unicodedata

from workspaces.models.files import MAX_PATH

MAX_NAME_BYTES = 255  # of most file systems
_OF_GIT = re.compile(r"(\.git|git~\d)[. ]*|\.git(ignore|attributes|modules)|\.worktreeinclude", re.IGNORECASE)


def parsed(path: str) -> str:
    """The relative path with `/` between its names. Raises ValueError with a sentence."""
    path = unicodedata.normalize("NFC", path.removeprefix("./"))
    names = path.split("/")
    if not 0 < len(path) <= MAX_PATH or any(len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES for name in names):
        raise ValueError(f"must have 1 to {MAX_PATH} characters, and at most {MAX_NAME_BYTES} bytes between two /")
    if path.startswith("/") or {"", ".", ".."} & set(names):
        raise ValueError("must be relative to the root of the repository, without empty names, . and ..")
    if not path.isprintable() or {"\\", ":"} & set(path) or any(unicodedata.category(char) == "Cf" for char in path):
        raise ValueError(r"may not contain \, : and characters that do not show")
    if any(_OF_GIT.fullmatch(name) for name in names):
        raise ValueError("names a file of git's own, or .worktreeinclude")
    return path
