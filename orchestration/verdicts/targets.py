"""The tests that an entry names in its spec: they must pass, whatever else the base's checks say. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath

SOURCE_SUFFIXES = (".py", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".go", ".rs", ".rb", ".java", ".kt", ".php")
MAX_GOALS = 100
COMMON_WORDS = frozenset(
    [
        "test",
        "tests",
        "testing",
        "implement",
        "implements",
        "make",
        "makes",
        "pass",
        "passes",
        "passing",
        "failing",
        "fails",
        "function",
        "functions",
        "method",
        "class",
        "module",
        "file",
        "files",
        "should",
        "must",
        "with",
        "that",
        "this",
        "from",
        "into",
        "when",
        "then",
        "each",
        "every",
        "case",
        "cases",
        "error",
        "errors",
        "value",
        "values",
        "return",
        "returns",
        "none",
        "true",
        "false",
        "assert",
        "assertionerror",
        "attributeerror",
        "typeerror",
        "valueerror",
        "importerror",
        "nameerror",
        "notimplementederror",
        "expected",
        "object",
        "have",
        "init",
        "main",
        "utils",
        "add",
        "fix",
        "write",
        "support",
        "again",
        "missing",
        "python",
        "package",
    ]
)


def matching(pattern: str, names: Iterable[str]) -> set[str]:
    """The cases that a pattern names: a full name, the last parts of one, a file, or a pattern with `*`. `tests/test_a.py::test_b` is
    `tests.test_a.test_b`; a name without parameters names all of its parameters' cases."""
    dotted_pattern = _dotted(pattern.strip())
    return {name for name in names if _is_match(dotted_pattern, name)}


def files(patterns: Iterable[str]) -> set[str]:
    """The source files that patterns or paths name, as a JUnit report of pytest names one that it cannot import: as a case."""
    heads = {pattern.strip().partition("::")[0] for pattern in patterns}
    return {_dotted(head) for head in heads if head.endswith(SOURCE_SUFFIXES)}


def names_case(text: str, name: str) -> bool:
    """True if a text names a case: by its last part, as a word of its own."""
    word = _plain(name).rsplit(".", 1)[-1]
    return len(word) > 3 and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def by_word(failed: Mapping[str, str]) -> dict[str, set[str]]:
    """Failing cases by the words of their names and messages: made once for all entries of a plan."""
    cases: dict[str, set[str]] = {}
    for name, message in failed.items():
        for word in (_words(_plain(name)) | _words(message)) - COMMON_WORDS:
            cases.setdefault(word, set()).add(name)
    return cases


def proposed(cases: Mapping[str, set[str]], number: int, *, title: str, files: Iterable[str]) -> list[str]:
    """The cases, of `number` failing ones (`by_word`), that an entry is likely about: their name or message names one of its files or a
    word of its title. Words that most of the cases have in common say nothing, unless there are no others."""
    words = _words(title).union(*(_words(PurePosixPath(path).stem) for path in files)) - COMMON_WORDS
    matches = {word: cases[word] for word in words if word in cases}
    distinctive = {word: names for word, names in matches.items() if len(names) <= max(number // 2, 1)}
    chosen = distinctive or (matches if len(matches) == len(words) else {})
    return sorted(set().union(*chosen.values()))


def goals(failed: Collection[str]) -> list[str]:
    """Failing cases as the targets of one entry: their names, or where they are many their files."""
    if len(failed) <= MAX_GOALS:
        return sorted(failed)
    return sorted({_plain(name).rpartition(".")[0] or name for name in failed})[:MAX_GOALS]


def _words(text: str) -> set[str]:
    """Words of four letters or more, also the parts of names such as `test_filesize` and `naturalSize`."""
    whole = set(re.findall(r"[A-Za-z][A-Za-z0-9_]{3,}", text))
    parts = {part for word in whole for part in re.findall(r"[A-Z]?[a-z0-9]{3,}|[A-Z]{4,}", word) if len(part) > 3}
    return {word.lower() for word in whole | parts}


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
    return f".{dotted_pattern}." in f".{_dotted(plain)}."


@lru_cache(maxsize=4096)
def _dotted(name: str) -> str:
    """A test's address in its tool's spelling (`tests/test_a.py::TestB::test_c`) as JUnit reports spell it."""
    head, bracket, parameters = name.partition("[")
    for suffix in SOURCE_SUFFIXES:
        head = re.sub(rf"{re.escape(suffix)}(?=::|/|$)", "", head)
    return head.removeprefix("./").replace("::", ".").replace("/", ".").rstrip(".") + bracket + parameters


def _plain(name: str) -> str:
    """The name of a test case without its parameters."""
    return name.partition("[")[0]
