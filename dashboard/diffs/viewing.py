"""The parts of a diff that a page shows: which files, how much of each, and where the remaining lines are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dashboard.diffs import paint, parse, reading
from dashboard.diffs.paint import Allowance, Painted
from dashboard.diffs.parse import LINK, SUBMODULE, Change, Hunk
from dashboard.diffs.visible import name

MAX_LINES = 3000  # on one page
LARGE, TOO_LARGE = 400, 1000  # lines: beyond the first a file is collapsed, beyond the second only listed
MAX_NAMED = 300  # files in the list
_GENERATED = {
    *(
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "npm-shrinkwrap.json",
        "Cargo.lock",
        "poetry.lock",
        "uv.lock",
        "Pipfile.lock",
    ),
    *("composer.lock", "Gemfile.lock", "go.sum", "flake.lock", "bun.lockb"),
}
_GENERATED_ENDS = (".min.js", ".min.css", ".map", ".snap", ".svg", "_pb2.py", ".pb.go", ".generated.ts")
WORDS = {"A": "new", "D": "deleted", "M": "changed", "R": "renamed", "C": "copied", "T": "type changed"}


@dataclass(frozen=True)
class Shown:
    """One file on the page. `painted` None: `notes` give the reason."""

    number: int
    change: Change
    notes: list[str]
    painted: Painted | None = None
    is_open: bool = True
    by_itself: bool = False

    @property
    def path(self) -> str:
        return name(self.change.path)

    @property
    def old_path(self) -> str:
        return name(self.change.old_path)

    @property
    def word(self) -> str:
        return WORDS.get(self.change.status, "changed")


@dataclass(frozen=True)
class View:
    """`unnamed`: number of files beyond the list. `problem`: why there is no diff."""

    files: list[Shown]
    added: int = 0
    removed: int = 0
    count: int = 0
    unnamed: int = 0
    only: str = ""
    problem: str = ""
    note: str = ""


def view(repo: str, base: str, commit: str, *, only: str = "", mask: Callable[[str], str] = str) -> View:
    """`only`: the path of one file, as the page shows it. Never raises: problems are part of the result."""
    try:
        listed = reading.listed(repo, base, commit)
        changes = listed.changes
        selected = [change for change in changes if name(change.path) == only] if only else changes[:MAX_NAMED]
        if only and not selected:
            return View([], only=only, problem="This file is not in the diff.")
        chosen = selected if only else _choose(selected)
        sections = dict(zip((id(change) for change in chosen), reading.patches(repo, base, commit, chosen), strict=False))
    except reading.NotReadable as problem:
        return View([], problem=str(problem))
    allowance = Allowance(MAX_LINES)
    files = [
        _shown(n, change, sections.get(id(change)), allowance, mask, alone=bool(only))
        for n, change in enumerate(selected, start=1)
    ]
    return View(
        files,
        added=sum(change.added or 0 for change in changes),
        removed=sum(change.removed or 0 for change in changes),
        count=len(changes),
        unnamed=0 if only else max(len(changes) - len(selected), 0),
        only=only,
        note="" if listed.whole else "Not all files are listed.",
    )


def is_generated(path: str) -> bool:
    file = PurePosixPath(path).name
    return file in _GENERATED or file.endswith(_GENERATED_ENDS)


def _choose(changes: Sequence[Change]) -> list[Change]:
    """The changes that fit on the page, in order; a large file has its own page."""
    chosen, lines = [], 0
    for change in changes:
        limit = LARGE if is_generated(change.path) else TOO_LARGE
        if not change.is_binary and change.lines <= limit and lines + change.lines <= MAX_LINES:
            chosen.append(change)
            lines += change.lines
    return chosen


def _shown(
    number: int,
    change: Change,
    sections: list[list[str]] | None,
    allowance: Allowance,
    mask: Callable[[str], str],
    *,
    alone: bool,
) -> Shown:
    notes = _notes(change)
    if change.is_binary:
        return Shown(number, change, [*notes, "Binary: no text to show."])
    if not change.lines:
        moved = ["Renamed without changes."] if change.status == "R" else ["Empty file."]
        return Shown(number, change, notes or moved)
    hunks: list[Hunk] = [hunk for section in sections or [] for hunk in parse.hunks(section)]
    if not hunks or not allowance.lines:
        return Shown(number, change, notes, is_open=False, by_itself=not alone)
    painted = paint.render(change.path, hunks, allowance, mask)
    if painted.cut:
        notes.append(f"{painted.cut:,} more lines are in the patch.")
    quiet = is_generated(change.path) or change.lines > LARGE
    return Shown(number, change, notes, painted, is_open=alone or not quiet, by_itself=bool(painted.cut) and not alone)


def _notes(change: Change) -> list[str]:
    """Notes on the file itself: kind and mode."""
    notes = []
    if SUBMODULE in (change.old_mode, change.new_mode):
        notes.append("A submodule: the line is the commit it points to.")
    if LINK in (change.old_mode, change.new_mode):
        notes.append("A symbolic link: the line is its target.")
    if change.status in "MRT" and change.old_mode != change.new_mode:
        notes.append(f"Mode {change.old_mode} → {change.new_mode}.")
    return notes
