"""The values in a file of lines KEY=VALUE: whatever a reader of such files may take for one is masked. Pure."""

import re
from collections.abc import Iterator

MIN_CHARS = 8  # shorter values would black out half of any log
_NAMED = re.compile(r"(.*/)?(\.env(rc|[._-].*)?|[^/]*\.env)", re.IGNORECASE)
_KEY = r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*[=:][ \t]*"
_LINE = re.compile(rf"{_KEY}(\S.*)")
_LONG = re.compile(rf"""^{_KEY}(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|`([^`]*)`)""", re.MULTILINE | re.DOTALL)


def values(path: str, content: bytes) -> list[tuple[str, str]]:
    """Each value of 8 characters or more with its key; none where the file is something else, by its name and by its lines."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not _NAMED.fullmatch(path) and not all(_LINE.fullmatch(line) or line.rstrip().endswith("=") for line in lines):
        return []
    pairs = [(match[1], value) for line in lines if (match := _LINE.fullmatch(line)) for value in _readings(match[2].rstrip())]
    pairs += [(match[1], match[2] or match[3] or match[4] or "") for match in _LONG.finditer(text)]
    return list(dict.fromkeys((key, value) for key, value in pairs if len(value) >= MIN_CHARS))


def _readings(raw: str) -> Iterator[str]:
    """The value as it stands, without a comment after it, and without quotes."""
    if raw[0] in "\"'`":
        inner = raw[1:].partition(raw[0])[0]
        yield inner.replace("\\n", "\n")
        yield inner
        return
    yield raw
    yield re.split(r"[ \t]+#", raw, maxsplit=1)[0]
