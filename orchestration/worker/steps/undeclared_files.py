"""Changed files that an entry has not locked: locked for it now, as files or as folders, or findings. Pure but for `check`.

The work is done before the write transaction, by look-ups of each path and its folders: the time grows with the number of files, whatever
others have locked, and what is written has at most `MAX_LOCKS` rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestration.backlog import locks, paths, unproven
from orchestration.backlog.paths import LockTable
from orchestration.models import Entry, FileLock
from orchestration.reasons import Reason

MAX_LOCKS = 500
MAX_FILES = 10_000
MAX_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Undeclared:
    """What to lock for the entry, or the findings that keep all of it from being locked."""

    to_lock: list[str]
    findings: list[str]


def check(entry: Entry, changed: Sequence[str]) -> list[str]:
    """Lock changed files that the entry has not locked. Returns findings for files of other entries, and for more files than can be meant."""
    undeclared = decide(_table(entry), entry.pk, changed)
    if undeclared.findings or not undeclared.to_lock:
        return undeclared.findings
    return _of_others(locks.extend(entry, undeclared.to_lock))  # someone may have locked one of them meanwhile


def _table(entry: Entry) -> LockTable:
    """All locks; those of unproven work that the entry's own contains count as its own: it lands together with that."""
    contained = {landing.entry_id for landing in unproven.below(entry.pk) or ()}
    held = FileLock.objects.filter(workspace_id=entry.workspace_id).values_list("path", "entry_id")
    return LockTable((path, entry.pk if holder in contained else holder) for path, holder in held)


def decide(table: LockTable, entry_id: str, changed: Sequence[str]) -> Undeclared:
    unlocked = []
    for path in changed:
        try:
            name = paths.normalise(path)
        except paths.BadPath as bad:
            return Undeclared([], [f"{Reason.FILES_LOCKED}: {path!r} may not be changed: {bad}"])
        if not table.allows(name, entry_id):
            unlocked.append(name)
    if refused := [blocker for name in unlocked if (blocker := table.blocker(name, entry_id))]:
        return Undeclared([], _of_others(refused))
    chosen = unlocked if len(unlocked) <= MAX_LOCKS else folders(unlocked, table, entry_id)
    if len(unlocked) > MAX_FILES or chosen is None:
        return Undeclared([], [f"{Reason.FILES_LOCKED}: {len(unlocked):,} files changed: is something missing in .gitignore?"])
    return Undeclared(chosen, [])


def folders(names: Iterable[str], table: LockTable, entry_id: str, *, most: int = MAX_LOCKS) -> list[str] | None:
    """The smallest folders that cover these files with at most `most` locks, none with a lock of another entry in it. None: there are none.

    A folder at a depth contains those below it, so the number of locks only falls as the depth does: the depth is searched by halves.
    """
    split = [name.split("/") for name in names]
    shallowest, deepest = 1, max((len(parts) for parts in split), default=1)
    best = None
    while shallowest <= deepest:
        depth = (shallowest + deepest) // 2
        chosen = {_cut(parts, depth, table, entry_id) for parts in split}
        if len(chosen) <= most:
            best, shallowest = sorted(chosen), depth + 1
        else:
            deepest = depth - 1
    return best


def _cut(parts: Sequence[str], depth: int, table: LockTable, entry_id: str) -> str:
    """The file's folder of this depth, or the first below it that contains no lock of another entry."""
    for length in range(depth, len(parts)):
        folder = "/".join(parts[:length])
        if table.blocker(folder, entry_id) is None:
            return folder + "/"
    return "/".join(parts)


def _of_others(refused: Sequence[tuple[str, str]]) -> list[str]:
    shown = [
        f"{Reason.FILES_LOCKED}: {path} belongs to {holder}: undo your changes to it" for path, holder in refused[:MAX_FINDINGS]
    ]
    more = len(refused) - len(shown)
    return [*shown, *([f"{Reason.FILES_LOCKED}: and {more:,} more files that belong to others"] if more else [])]
