"""The tests that an entry names in its spec: they must pass, whatever else the base's checks say. Pure."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

SOURCE_SUFFIXES = (".py", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".go", ".rs", ".rb", ".java", ".kt", ".php")


def matching(pattern: str, names: Iterable[str]) -> set[str]:
    """The cases that a pattern names: a full name, the last parts of one, a file, or a pattern with `*`. `tests/test_a.py::test_b` is
    `tests.test_a.test_b`; a name without parameters names all of its parameters' cases."""
    dotted_pattern = _dotted(pattern.strip())
    return {name for name in names if _is_match(dotted_pattern, name)}


def names_case(text: str, name: str) -> bool:
    """Whether a text names a case: by its last part, as a word of its own."""
    word = _plain(name).rsplit(".", 1)[-1]
    return len(word) > 3 and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _is_match(dotted_pattern: str, name: str) -> bool:
    plain = _plain(name)
    dotted = _dotted(name)
    if dotted_pattern in (name, plain, dotted):
        return True
    if "*" in dotted_pattern or "?" in dotted_pattern:
        return (
            fnmatchcase(dotted, dotted_pattern)
            or fnmatchcase(dotted, f"*.{dotted_pattern}")
            or fnmatchcase(_dotted(plain), dotted_pattern)
        )
    plain = _dotted(plain)
    return (
        plain == dotted_pattern
        or plain.endswith(f".{dotted_pattern}")
        or plain.startswith(f"{dotted_pattern}.")
        or f".{dotted_pattern}." in f".{plain}"
    )


@lru_cache(maxsize=4096)
def _dotted(name: str) -> str:
    """A test's address in its tool's spelling (`tests/test_a.py::TestB::test_c`) as JUnit reports spell it."""
    head, bracket, parameters = name.partition("[")
    for suffix in SOURCE_SUFFIXES:
        head = re.sub(rf"{re.escape(suffix)}(?=::|/|$)", "", head)
    return head.removeprefix("./").replace("::", ".").replace("/", ".").rstrip(".") + bracket + parameters


def _plain(name: str) -> str:
    """Without the parameters."""
    return name.partition("[")[0]
