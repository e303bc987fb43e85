"""The entries that were imported from a plan before, as values."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Count, Exists, OuterRef

from orchestration.backlog import fields
from orchestration.models import Dependency, Entry, FileLock
from orchestration.plans.difference import Difference, Known

BUSY = {Entry.Status.IN_PROGRESS: "in progress", Entry.Status.DONE: "done"}


def entries(workspace_id: str, name: str) -> list[Known]:
    """The entries that were imported from the plan of this name. Two queries."""
    locked = Exists(FileLock.objects.filter(entry=OuterRef("pk")))
    matching = Entry.objects.filter(workspace_id=workspace_id, source_plan=name, source_hashes__isnull=False)
    rows = list(matching.annotate(locked=locked).order_by("seq"))
    needs: dict[str, list[str]] = defaultdict(list)
    for waiting, other in Dependency.objects.filter(entry__in=rows).values_list("entry_id", "depends_on_id"):
        needs[waiting].append(other)
    return [_as_known(row, needs[row.pk]) for row in rows]


def _as_known(row: Entry, needs: Sequence[str]) -> Known:
    busy = BUSY.get(Entry.Status(row.status), "between two rounds" if row.locked else "")  # type: ignore[attr-defined]
    return Known(
        id=row.pk,
        seq=row.seq,
        title=row.title,
        status=row.status,
        source_id=row.source_id,
        source_path=row.source_path,
        hashes=row.source_hashes or {},
        values=fields.values(row, needs),
        busy=busy,
        frozen=row.spec_frozen,
        deleted=row.deleted_at is not None,
    )


def under_another_name(workspace_id: str, name: str, difference: Difference) -> str:
    """The name of another plan that has at least half of these entries, where none of them is known under this name; else empty."""
    paths = {line.row.path for line in difference.lines}
    if any(line.entry for line in difference.lines) or not paths:
        return ""
    alive = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True, source_hashes__isnull=False)
    same = (
        alive.filter(source_path__in=paths)
        .exclude(source_plan=name)
        .values_list("source_plan")
        .annotate(n=Count("pk"))
        .order_by("-n")
    )
    return next((plan or "without a name" for plan, n in same[:1] if 2 * n >= len(paths)), "")
