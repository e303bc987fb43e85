"""The entries that were imported from a plan before, as values."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Exists, OuterRef

from orchestration.backlog import content
from orchestration.models import Dependency, Entry, FileLock
from orchestration.plans.difference import Known

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
        values=content.values(row, needs),
        busy=busy,
        frozen=row.spec_frozen,
        deleted=row.deleted_at is not None,
    )
