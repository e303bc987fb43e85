"""Changed files that an entry has not locked: locked for it now, as files or as folders, or others have them, or findings. Pure but for `check`.

The work is done before the write transaction, by look-ups of each path and its folders: the time grows with the number of files, whatever
others have locked, and what is written has at most `MAX_LOCKS` rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orchestration.backlog import unproven
from orchestration.backlog.files import locks, paths
from orchestration.backlog.files.paths import LockTable
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, FileLock

MAX_LOCKS = 500
MAX_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Undeclared:
    """The paths to lock for the entry; or the findings that keep all of it from being locked, or the files that others have: by file, the
    lock in its way and the entry that has it."""

    to_lock: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    of_others: dict[str, tuple[str, str]] = field(default_factory=dict)


def check(entry: Entry, changed: Sequence[str]) -> Undeclared:
    """Lock changed files that the entry has not locked, all or none. Returns the files of other entries, and findings for more files than can
    be meant."""
    undeclared = decide(_table(entry), entry.pk, changed)
    if undeclared.to_lock and locks.extend(entry, undeclared.to_lock):  # someone has locked one of them meanwhile
        return decide(_table(entry), entry.pk, changed)
    return undeclared


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
            return Undeclared(findings=[f"{Reason.FILES_LOCKED}: {path!r} may not be changed: {bad}"])
        if not table.allows(name, entry_id):
            unlocked.append(name)
    if of_others := {name: blocker for name in unlocked if (blocker := table.blocker(name, entry_id))}:
        return Undeclared(of_others=of_others)
    chosen = unlocked if len(unlocked) <= MAX_LOCKS else folders(unlocked, table, entry_id)
    if len(unlocked) > MAX_FILES or chosen is None:
        return Undeclared(
            findings=[f"{Reason.FILES_LOCKED}: {len(unlocked):,} files changed: is something missing in .gitignore?"]
        )
    return Undeclared(chosen)


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
