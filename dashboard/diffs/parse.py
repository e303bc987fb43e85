"""git's diff output, parsed. Pure. Text is decoded with `surrogateescape`, so that any file name survives the way back to git."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

LINK, SUBMODULE = "120000", "160000"
_TO_QUOTE = re.compile(r'[\x00-\x1f\x7f"\\]')
_ESCAPES = dict(zip('\a\b\t\n\v\f\r"\\', (r"\a", r"\b", r"\t", r"\n", r"\v", r"\f", r"\r", r"\"", r"\\"), strict=True))
_AT = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)", re.S)


@dataclass(frozen=True, slots=True)
class Change:
    """One file of the list. `status`: git's letter (A, C, D, M, R, T). Counts are None where git calls it binary."""

    status: str
    path: str
    old_path: str = ""
    old_mode: str = ""
    new_mode: str = ""
    added: int | None = None
    removed: int | None = None

    @property
    def lines(self) -> int:
        return (self.added or 0) + (self.removed or 0)

    @property
    def is_binary(self) -> bool:
        return self.added is None


@dataclass(frozen=True, slots=True)
class Hunk:
    """`lines`: (sign, text) pairs; the sign is one of ` +-\\`."""

    old_start: int
    new_start: int
    heading: str
    lines: list[tuple[str, str]] = field(default_factory=list)


def decoded(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def changes(output: str) -> list[Change]:
    """The list of `git diff --raw --numstat -z`: first the status of each file, then the counts. An invalid record ends the list."""
    parts = iter(output.split("\0"))
    listed: dict[tuple[str, str], Change] = {}
    for part in parts:
        if part.startswith(":"):
            change = _listed(part, parts)
            if change is None:
                break
            listed[change.old_path, change.path] = change
        elif part.count("\t") >= 2:
            _count(part, parts, listed)
    return list(listed.values())


def _listed(record: str, parts: Iterator[str]) -> Change | None:
    words = record[1:].split(" ")
    first = next(parts, "")
    if len(words) != 5 or not words[4] or not first:
        return None
    letter, moved = words[4][0], words[4][0] in "RC"
    path = next(parts, "") if moved else first
    return Change(letter, path, first if moved else "", words[0], words[1])


def _count(record: str, parts: Iterator[str], listed: dict[tuple[str, str], Change]) -> None:
    added, removed, path = record.split("\t", 2)
    old = ""
    if not path:
        old, path = next(parts, ""), next(parts, "")
    if (change := listed.get((old, path))) and added.isdigit() and removed.isdigit():
        listed[old, path] = replace(change, added=int(added[:9]), removed=int(removed[:9]))


def sections(patch: str) -> list[list[str]]:
    """A patch split into its files. Content lines always begin with a sign, so none can imitate a file header."""
    result: list[list[str]] = []
    for line in patch.removesuffix("\n").split("\n"):
        if line.startswith("diff --git "):
            result.append([])
        if result:
            result[-1].append(line)
    return result


def by_change(listed: Sequence[Change], patch: str) -> list[list[list[str]]]:
    """The sections of each change, matched by git's header: one, two where a file became a link (deleted and added under the same name),
    or none."""
    named: dict[str, list[list[str]]] = {}
    for section in sections(patch):
        named.setdefault(section[0], []).append(section)
    return [named.get(_title(change), []) for change in listed]


def _title(change: Change) -> str:
    return f"diff --git {_quoted('a/' + (change.old_path or change.path))} {_quoted('b/' + change.path)}"


def _quoted(name: str) -> str:
    """A name quoted as git does (`core.quotePath=false`)."""
    if not _TO_QUOTE.search(name):
        return name
    return '"' + _TO_QUOTE.sub(lambda match: _ESCAPES.get(match.group()) or f"\\{ord(match.group()):03o}", name) + '"'


def hunks(section: Sequence[str]) -> list[Hunk]:
    """The hunks of one file's section; other lines are ignored."""
    result: list[Hunk] = []
    for line in section:
        if at := _AT.match(line):
            result.append(Hunk(int(at[1]), int(at[3]), at[5]))
        elif result and line[:1] in (" ", "+", "-", "\\"):
            result[-1].lines.append((line[0], line[1:]))
        elif result and not line:
            result[-1].lines.append((" ", ""))  # an empty line whose sign was stripped
    return result
