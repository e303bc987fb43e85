"""Judging files. If an agent changes one outside its entry's files, the original judges the work."""

import re
import shlex
import sys
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

from orchestration.backlog.files import paths
from orchestration.configuration import Check
from orchestration.git import changes
from orchestration.git.names import path_patterns

_ONE_AT_A_TIME = Lock()
_MODULE = re.compile(r"(?P<name>\w+)(?:/__init__)?(?:\.[\w-]+)?\.(?:py|pyc|pyd|so)")
"""A top-level module of a repository: source, bytecode or an extension such as `name.cpython-311-x86_64-linux-gnu.so`."""
_LIBRARY = sys.stdlib_module_names | {"pytest", "_pytest", "pluggy", "coverage", "sitecustomize", "usercustomize"}
_CACHED = re.compile(r"(?:.*/)?__pycache__(?:/[^/]+\.pyc)?")  # the folder itself: a link to another


def named_by(checks: Sequence[Check], tracked: Container[str]) -> set[str]:
    """The repository's files in verify commands: scripts, test files."""
    named = set()
    for check in checks:
        for word in _split_words(check.run):
            for part in (word, word.split("::")[0], word.rpartition("=")[2]):
                name = part.removeprefix("./").rstrip("/")
                if name in tracked:
                    named.add(name)
    return named


def judges(repo: Path, base: str, checks: Sequence[Check], patterns: Sequence[str], *, named: Sequence[str] = ()) -> list[str]:
    """The protected files of a commit, sorted, without the entry's own."""
    with _ONE_AT_A_TIME:  # parallel sessions compute the same: the others read the cache
        matching = _matching(repo, base, tuple(patterns))
    return paths.outside(named, sorted(matching | named_by(checks, changes.listing(repo, base))))


@lru_cache(maxsize=32)
def _matching(repo: Path, base: str, patterns: tuple[str, ...]) -> frozenset[str]:
    if not patterns:
        return frozenset()
    any_of = re.compile("|".join(f"(?:{path_patterns.regex(pattern).pattern})" for pattern in patterns))
    return frozenset(filter(any_of.fullmatch, changes.listing(repo, base)))


def tampered(changed: Iterable[str], *, at_base: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The unnamed changes to judging files, and new files that configure or shadow tests."""
    judging = set(at_base)
    return sorted(
        name
        for name in changed
        if name in judging
        or _shadows(name)
        or any(path_patterns.matches(pattern, name) for pattern in patterns if _configures(pattern))
    )


def _shadows(name: str) -> bool:
    """True for a shadow module: Python, started at the repository's top, would import it in place of the standard library or the test runner."""
    module = _MODULE.fullmatch(name)
    return module is not None and module["name"] in _LIBRARY


def cached_bytecode(changed: Iterable[str]) -> list[str]:
    """The changed bytecode, which Python may load in place of the source beside it."""
    return [name for name in changed if _CACHED.fullmatch(name)]


def _configures(pattern: str) -> bool:
    """True for a pattern of test configuration. A new one could make any test pass; new tests are welcome."""
    return "*" not in pattern.rpartition("/")[2]


def _split_words(command: str | list[str]) -> list[str]:
    if not isinstance(command, str):
        return (
            [word for part in command for word in _split_words(part)] if any(" " in part for part in command) else list(command)
        )
    try:
        return shlex.split(command, comments=False)
    except ValueError:
        return command.split()
