"""Patterns of paths, as people write them in a config. Pure."""

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def regex(pattern: str) -> re.Pattern[str]:
    out = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern.rstrip("/") + ("/**" if pattern.endswith("/") else "")):
        out += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return re.compile(out)


def matches(pattern: str, name: str) -> bool:
    """`*` matches within a name, `**` across folders; a pattern for a folder ends with `/`."""
    return regex(pattern).fullmatch(name) is not None
