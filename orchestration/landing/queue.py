"""Verified work waits for its landing. The row is the job; until it has ended the entry is in progress, without a session."""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Case, F, Max, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Now

from orchestration.facts import waits
from orchestration.landing import branch
from orchestration.models import Entry, Executor, Landing, Round
from workspaces.errors import Conflict

MAY_BEGIN = Q(not_before__isnull=True) | Q(not_before__lte=Now())
LANDING_NOW = "is landing now: wait a moment"


def enqueue(
    entry: Entry, commit: str, *, round_: Round | None, by: str = "", state: Landing.State = Landing.State.QUEUED
) -> Landing:
    """Queue an entry's commit, or let it wait beside the queue. The caller's transaction holds the executor's row."""
    replaced = Landing.objects.filter(entry=entry, state__in=Landing.NOT_ENDED, intent__isnull=True)
    replaced.update(state=Landing.State.WITHDRAWN, message="replaced by newer work", ended_at=Now())
    landing = Landing.objects.create(
        workspace_id=entry.workspace_id, entry=entry, commit=commit, round=round_, by=by, state=state
    )
    branch.wake(entry.workspace_id)
    return landing


def enqueue_branch(workspace_id: str, kind: Landing.Kind, commit: str, *, by: str = "") -> Landing:
    """Queue a merge of the base branch, or a revert of a commit, unless it is queued already."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)  # two requests at once queue it once
        opened = Landing.objects.filter(workspace_id=workspace_id, kind=kind, state__in=Landing.OPEN)
        same = opened.filter(commit=commit).first()
        if same is not None:
            return same
        landing = Landing.objects.create(workspace_id=workspace_id, kind=kind, commit=commit, by=by)
        branch.wake(workspace_id)
    return landing


def replace_branch(workspace_id: str, commit: str) -> None:
    """Take a merge of an earlier base branch out of the queue: the branch has moved on since, and is judged as it is now."""
    mine = Landing.objects.filter(workspace_id=workspace_id, kind=Landing.Kind.BASE, commit=commit, state__in=Landing.OPEN)
    mine.filter(intent__isnull=True).update(state=Landing.State.WITHDRAWN, message="the base branch has moved on", ended_at=Now())


def in_order(workspace_id: str) -> QuerySet[Landing]:
    """The open landings: merges and reverts first, then entries by priority and number."""
    first = Case(When(kind=Landing.Kind.ENTRY, then=Value(1)), default=Value(0))
    opened = Landing.objects.filter(workspace_id=workspace_id, state__in=Landing.OPEN).select_related(
        "entry__workspace", "entry__account", "round__session"
    )
    return opened.order_by(first, Coalesce(F("entry__priority"), 0), Coalesce(F("entry__seq"), 0), "pk")


def to_land(workspace_id: str) -> QuerySet[Landing]:
    """The open landings in their order, without those that wait for a host."""
    return in_order(workspace_id).filter(MAY_BEGIN)


def is_waiting(workspace_id: str) -> bool:
    """True if anything could land now."""
    return Landing.objects.filter(MAY_BEGIN, workspace_id=workspace_id, state__in=Landing.OPEN).exists()


def wait_for_host(landing: Landing, message: str) -> None:
    """Its commit is not here: it stays where it is, and is looked for again in a moment. The others go on."""
    mine = Landing.objects.filter(pk=landing.pk, state__in=Landing.NOT_ENDED, intent__isnull=True)
    mine.update(not_before=Now() + timedelta(seconds=waits.LANDING_LOOK_S), message=message[:1000])


def has_come(landings: Iterable[Landing]) -> None:
    """Their commits are there: they wait for no host."""
    if ids := [landing.pk for landing in landings if landing.not_before is not None]:
        Landing.objects.filter(pk__in=ids, state__in=Landing.NOT_ENDED).update(not_before=None, message="")


def away(workspace: str | OuterRef) -> QuerySet[Landing]:
    """Landings of a workspace that wait for a host, the oldest first."""
    return Landing.objects.filter(workspace=workspace, state__in=Landing.NOT_ENDED, not_before__isnull=False).order_by("pk")


def waiting_for_host(entry_ids: Collection[str]) -> dict[str, str]:
    """The reasons why the landings of these entries wait for a host, by entry. One query."""
    away = Landing.objects.filter(entry_id__in=entry_ids, state__in=Landing.NOT_ENDED, not_before__isnull=False)
    return {str(entry_id): message for entry_id, message in away.values_list("entry_id", "message")}


def to_try(workspace_id: str, tip: str) -> QuerySet[Landing]:
    """Work that waits for approval or as a pull request, and whose merge was not tried on this tip."""
    undecided = (
        Landing.objects.filter(workspace_id=workspace_id, state__in=Landing.UNDECIDED).filter(MAY_BEGIN).exclude(tried_tip=tip)
    )
    return undecided.select_related("entry__workspace", "entry__account", "round__session").order_by("pk")


def stop_waiting(entry_ids: Sequence[str]) -> None:
    """Nobody is asked any more to approve or to merge the work of these entries. It can be queued again without an agent."""
    undecided = Landing.objects.filter(entry_id__in=entry_ids, state__in=Landing.UNDECIDED)
    undecided.update(state=Landing.State.WITHDRAWN, message="its entry waits for a person no longer", ended_at=Now())


def waiting(entry_ids: Collection[str]) -> set[str]:
    """The ids of those entries that have an open landing."""
    return set(Landing.objects.filter(entry_id__in=entry_ids, state__in=Landing.OPEN).values_list("entry_id", flat=True))


def withdraw(entries: Sequence[Entry], message: str) -> set[str]:
    """Take these entries' open landings out of the queue. Returns the ids of those that had one.

    Raises Conflict when one can no longer be withdrawn: its commit is being written. The caller's transaction moves the entries.
    """
    ids = [entry.pk for entry in entries]
    opened = Landing.objects.filter(entry_id__in=ids, state__in=Landing.OPEN)
    withdrawn = set(opened.filter(intent__isnull=True).values_list("entry_id", flat=True))
    opened.filter(intent__isnull=True).update(state=Landing.State.WITHDRAWN, message=message[:1000], ended_at=Now())
    for entry in entries:
        if opened.filter(entry=entry).exists():
            raise Conflict(f"#{entry.seq} {LANDING_NOW}")
    return withdrawn


def was_withdrawn(entry_id: str) -> bool:
    """True if the newest landing of an entry was withdrawn: its verified work can be queued again without an agent."""
    newest = Landing.objects.filter(entry_id=entry_id).order_by("-pk").values_list("state", flat=True).first()
    return newest == Landing.State.WITHDRAWN


def batch_limit(workspace_id: str, most: int) -> int:
    """The largest batch to judge together: after a refusal one, then as many as have landed since."""
    ended = Landing.objects.filter(workspace_id=workspace_id, kind=Landing.Kind.ENTRY)
    refused_at = ended.filter(state=Landing.State.REFUSED).aggregate(at=Max("ended_at"))["at"]
    if refused_at is None:
        return most
    return min(most, max(1, ended.filter(state=Landing.State.LANDED, ended_at__gt=refused_at)[:most].count()))


def refusals(entry_id: str) -> int:
    """Count how often the entry's work was refused in combination with others since it last landed."""
    landed = (
        Landing.objects.filter(entry_id=entry_id, state=Landing.State.LANDED).order_by("-pk").values_list("pk", flat=True).first()
    )
    return Landing.objects.filter(entry_id=entry_id, state=Landing.State.REFUSED, pk__gt=landed or 0).count()
