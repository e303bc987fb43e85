"""Finished work that changes files which other entries have locked. It waits for them, and nothing is paid again; only where the others wait
for it too, one of them undoes its changes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from orchestration.backlog import newest_work
from orchestration.backlog.files import locks, paths
from orchestration.backlog.files.paths import LockTable
from orchestration.facts.reasons import Reason
from orchestration.models import Dependency, Entry, Executor, FileLock

MAX_FILES = 100
"""Work that changes more files of others than that is a mistake: its agent undoes it."""
MAX_FINDINGS = 20
MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """Either why the work waits, as a sentence, or what its agent has to undo."""

    waits: str = ""
    findings: list[str] = field(default_factory=list)


def wait_or_undo(entry: Entry, held: Mapping[str, tuple[str, str]]) -> Answer:
    """Add these files to what the entry locks, so that it waits for their holders; or say what to undo. `held`: by file, the lock in its way and
    the entry that has it."""
    if len(held) > MAX_FILES:
        return Answer(findings=findings_for(held.values()))
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=entry.workspace_id)
        holders = {holder for _, holder in held.values()}
        rivals = {holder for holder in holders if _leads_to(entry.pk, holder)}
        if rivals and not (len(holders) == 1 and _gives_way(Entry.objects.get(pk__in=rivals), entry)):
            return Answer(findings=findings_for(place for place in held.values() if place[1] in rivals))
        row = Entry.objects.get(pk=entry.pk)
        taken = paths.normalise_all([*row.taken_paths, *held])
        Entry.objects.filter(pk=entry.pk).update(taken_paths=taken, has_rounds=True)
        entry.taken_paths = taken
        number = Entry.objects.filter(pk__in=holders).order_by("seq").values_list("seq", flat=True).first()
    path = next(iter(held))
    others = f" and {len(held) - 1} more" if len(held) > 1 else ""
    return Answer(
        waits=f"{Reason.FILES_LOCKED}: #{number} has locked {path}{others}: this work waits for it, and is verified then"
    )


def findings_for(places: Iterable[tuple[str, str]]) -> list[str]:
    """The findings that ask an agent to undo its changes. `places`: paths, and the entries that have locked them."""
    refused = list(places)
    shown = [
        f"{Reason.FILES_LOCKED}: {path} belongs to {holder}: undo your changes to it" for path, holder in refused[:MAX_FINDINGS]
    ]
    more = len(refused) - len(shown)
    return [*shown, *([f"{Reason.FILES_LOCKED}: and {more:,} more files that belong to others"] if more else [])]


def _leads_to(entry_id: str, holder: str) -> bool:
    """True if the holder waits for the entry, directly or behind others."""
    seen, frontier = {holder}, {holder}
    for _ in range(MAX_DEPTH):
        if entry_id in frontier:
            return True
        frontier = _waited_for(frontier) - seen
        seen |= frontier
        if not frontier:
            return False
    return True  # too long to tell: then nobody waits for ever


def _waited_for(ids: Collection[str]) -> set[str]:
    """The entries for which these wait: others that have locked their files, what they depend on, and what they were split into."""
    alive = Entry.objects.filter(deleted_at__isnull=True).exclude(status=Entry.Status.DONE)
    edges = Dependency.objects.filter(entry_id__in=ids, depends_on__in=alive)
    waited_for = set(edges.values_list("depends_on_id", flat=True)) | set(
        alive.filter(parent_id__in=ids, parent__is_container=True).values_list("pk", flat=True)
    )
    for entry in alive.filter(pk__in=ids).only("workspace_id", "paths", "taken_paths"):
        requested = entry.paths_to_lock
        table = LockTable(locks.overlapping(entry.workspace_id, requested))
        waited_for |= {blocker[1] for path in requested if (blocker := table.blocker(path, entry.pk))}
    return waited_for


def _gives_way(rival: Entry, entry: Entry) -> bool:
    """Have the rival undo its changes to the entry's files at once, if it is behind the entry in line and waits for nothing else of it.
    False: it does not give way."""
    own = list(FileLock.objects.filter(entry=entry).values_list("path", flat=True))
    contested = [path for path in rival.taken_paths if _overlaps(path, own)]
    waits_only_so = not any(_overlaps(path, own) for path in rival.paths) and not _depends(rival, entry)
    is_behind = (rival.priority, rival.seq) > (entry.priority, entry.seq)
    if not (contested and waits_only_so and is_behind and rival.status == Entry.Status.PENDING):
        return False
    kept = [path for path in rival.taken_paths if path not in contested]
    Entry.objects.filter(pk=rival.pk).update(taken_paths=kept, parked_behind=None, next_work=Entry.Work.IMPLEMENT)
    for finding in findings_for((path, entry.pk) for path in contested):
        newest_work.add_finding(rival.pk, finding)
    return True


def _overlaps(path: str, locked: Sequence[str]) -> bool:
    return any(paths.covers(other, path) or paths.covers(path, other) for other in locked)


def _depends(rival: Entry, entry: Entry) -> bool:
    return Dependency.objects.filter(entry=rival, depends_on=entry).exists()
