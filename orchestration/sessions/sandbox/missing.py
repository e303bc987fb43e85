"""The paths that a process looked for and its sandbox does not show: read from its complaints, for a sentence with the remedy."""

import os
import re
from collections.abc import Callable, Iterable

COMPLAINTS = re.compile(
    r"no such file|not found|cannot (?:access|open|find)|can't open|permission denied|read-only file system|ENOENT|EACCES|EROFS|does not exist",
    re.I,
)
PATHS = re.compile(r"(?<![\w.])~?/[^\s'\":,;()\[\]<>`]+")
MAX_NAMES = 5


class Missing:
    """Reads the lines of one process. `is_hidden`: whether a path of the host may never be shown."""

    def __init__(self, home: str, shown: Iterable[str], is_hidden: Callable[[str], bool]) -> None:
        self._home = home
        self._shown = [path.rstrip("/") + "/" for path in shown]
        self._is_hidden = is_hidden
        self._named: dict[str, None] = {}

    def read(self, line: str) -> None:
        if not COMPLAINTS.search(line):
            return
        for name in PATHS.findall(line[:4000]):
            path = os.path.normpath(self._home + name[1:] if name.startswith("~") else name)
            if len(self._named) < MAX_NAMES and self.is_missing(path):
                self._named[path] = None

    def sentences(self) -> list[str]:
        return [
            f"The sandbox does not show {path}: let it read this? Add it to sandbox.read in the config." for path in self._named
        ]

    def is_missing(self, path: str) -> bool:
        """True if the path exists on the host but no mount shows it."""
        if any(f"{path}/".startswith(shown) for shown in self._shown) or self._is_hidden(path):
            return False
        return path.count("/") > 1 and os.path.exists(path)
