"""The paths that entries lock: normalised, relative, inside the repository. `a` covers all under `a/`."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

from orchestration.git.names import reserved_names

MAX_BYTES = 1024
LIKE_SLASH = frozenset("\u2044\u2215\u29f8\u29f9")
LIKE_LATIN = frozenset("аеорсухіѕјһԁԛԝѵАВЕКМНОРСТУХІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανρυ")


class BadPath(ValueError):
    """The path cannot be locked; the message says why."""


def normalise(path: str) -> str:
    """`./src//api/` becomes `src/api/`. Raises BadPath for a path that is absolute, leaves the repository or lies in .git."""
    text = unicodedata.normalize("NFC", path)
    if not text or text.isspace():
        raise BadPath("a path may not be empty")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise BadPath(f"a path may have at most {MAX_BYTES} bytes")
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in text) or "\\" in text:
        raise BadPath("a path may not contain control characters or backslashes")
    if text.startswith(("/", "~", "-")):
        raise BadPath("a path must be relative to the repository, and may not begin with '-' or '~'")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadPath("a path may not contain '..'")
    if not parts:
        raise BadPath("a path must name something inside the repository")
    if any(reserved_names.is_reserved(part) for part in parts):
        raise BadPath("a path may not lie in .git")
    return "/".join(parts) + ("/" if text.endswith("/") else "")


def deceives(path: str) -> str:
    """The reason why a person may take a new path for another one; empty: none. A file that is there already may have any name."""
    if any(unicodedata.category(c) == "Cf" for c in path):
        return "it contains characters that are not seen, or that turn the direction of text"
    parts = path.strip("/").split("/")
    if any(part != part.strip() or (part.endswith(".") and part.strip(".")) for part in parts):
        return "a name in it begins or ends with a blank, or ends with a dot"
    if any(c.isspace() and c != " " for c in path) or unicodedata.normalize("NFKC", path) != path or set(path) & LIKE_SLASH:
        return "it contains characters that look like others"
    for word in re.split(r"[\W\d_]+", path):
        scripts = {unicodedata.name(c, "").split(" ")[0] for c in word} & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}
        if len(scripts) > 1 or (word and set(word) <= LIKE_LATIN):
            return "it contains letters of another script that look like Latin ones"
    return ""


def normalise_all(paths: Iterable[str]) -> list[str]:
    """Sorted, without duplicates and without paths that a directory in the list covers."""
    normalised = sorted({normalise(path) for path in paths}, key=lambda path: (path.rstrip("/"), path))
    kept: list[str] = []
    names: set[str] = set()
    for path in normalised:
        name = path.rstrip("/")
        if name not in names and not any(above in names for above in ancestors(name)):
            kept.append(path)
            names.add(name)
    return kept


def ancestors(path: str) -> Iterator[str]:
    """`a/b/c` gives `a`, `a/b`."""
    parts = path.rstrip("/").split("/")
    for depth in range(1, len(parts)):
        yield "/".join(parts[:depth])


def covers(lock: str, path: str) -> bool:
    """True if a lock on `lock` allows changes to `path`."""
    name = lock.rstrip("/")
    return path.rstrip("/") == name or path.startswith(name + "/")


def outside(locks: Collection[str], names: Iterable[str]) -> list[str]:
    """The paths that none of these locks covers."""
    return [name for name in names if not any(covers(lock, name) for lock in locks)]


class LockTable:
    """Locks in memory. A lookup takes time by the path's depth, not by the number of locks."""

    def __init__(self, locks: Iterable[tuple[str, str]] = ()) -> None:
        self._holders: dict[str, str] = {}
        self._below: dict[str, set[str]] = {}
        for path, owner in locks:
            self.take(path, owner)

    def take(self, path: str, owner: str) -> None:
        name = path.rstrip("/")
        self._holders[name] = owner
        for above in ancestors(name):
            self._below.setdefault(above, set()).add(owner)

    def owns(self, path: str, owner: str) -> bool:
        return self._holders.get(path.rstrip("/")) == owner

    def allows(self, path: str, owner: str) -> bool:
        """True if a lock of `owner` covers the path."""
        name = path.rstrip("/")
        return any(self._holders.get(locked) == owner for locked in (name, *ancestors(name)))

    def blocker(self, path: str, owner: str, passing_on: Collection[str] = ()) -> tuple[str, str] | None:
        """The (path, holder) that keeps `owner` from taking `path`, if any. `passing_on`: holders whose locks it may take over."""
        name = path.rstrip("/")
        for locked in (name, *ancestors(name)):
            holder = self._holders.get(locked)
            if holder is not None and holder != owner and holder not in passing_on:
                return locked, holder
        others = self._below.get(name, set()) - {owner, *passing_on}
        return (name, min(others)) if others else None
