"""The digest of a channel: what landed and failed in its period, what waits for a person, and the money. Sent by the tick."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from budget import amounts
from budget.forecast import record
from budget.models import LedgerEntry, Project, Review
from orchestration.backlog.rules import status_groups
from orchestration.dialogue import reads as dialogue
from orchestration.dialogue.reads import Unanswered
from orchestration.facts import events, reasons
from orchestration.landing import branch
from orchestration.models import Entry, Integration, Landing, Proposal
from workspaces import times
from workspaces.models import Digest, Workspace
from workspaces.notices import digests
from workspaces.notices.digests import Period

SHOWN = 5


def send_due() -> int:
    """Returns how many were claimed. Two workers may read the same one: the database lets one of them send it."""
    if not digests.any_kept.any():
        return 0
    return sum(digests.send(digest, period, event(digest, period)) for digest, period in digests.due(timezone.now()))


def event(digest: Digest, period: Period) -> events.DigestSent | None:
    """The event that sends this digest. None: nothing happened in its period, and nothing waits for a person."""
    workspace, project = digest.channel.workspace, Project.objects.get(pk=digest.channel.workspace_id)
    landed, failed = _landed(workspace, period), _failed(workspace, period)
    waits = [*_waits(workspace, project), *map(_question, dialogue.unanswered([workspace.pk]))]
    stuck = _stuck(workspace)
    rows = LedgerEntry.objects.filter(project=project, at__gte=period.since, at__lt=period.until)
    spent = rows.aggregate(n=Sum("amount"))["n"] or 0
    waits_count = len(waits) + stuck.count()
    landed_count, failed_count = landed.count(), failed.count()
    if not (landed_count or failed_count or waits_count or spent):
        return None
    waits += [_entry(entry) for entry in stuck[:SHOWN]]
    return events.DigestSent(
        channel=digest.channel.name,
        frequency=digest.frequency,
        since=times.iso(period.since),
        until=times.iso(period.until),
        landed_count=landed_count,
        landed=[str(landing.entry) for landing in landed[:SHOWN]],
        failed_count=failed_count,
        failed=[str(entry) for entry in failed[:SHOWN]],
        waits_count=waits_count,
        waits=waits[:SHOWN],
        spent_usd=_usd(spent),
        total_usd=_usd(project.total_spent),
        cap_usd=_usd(project.max_project_spend),
        done_by=_done_by(project, digest),
    )


def _landed(workspace: Workspace, period: Period) -> QuerySet[Landing]:
    landings = Landing.objects.filter(workspace=workspace, kind=Landing.Kind.ENTRY, state=Landing.State.LANDED)
    return landings.filter(ended_at__gte=period.since, ended_at__lt=period.until).select_related("entry").order_by("-id")


def _failed(workspace: Workspace, period: Period) -> QuerySet[Entry]:
    failed = Entry.objects.filter(workspace=workspace, deleted_at__isnull=True, status=Entry.Status.FAILED)
    return failed.filter(reason_at__gte=period.since, reason_at__lt=period.until).order_by("-reason_at", "id")


def _stuck(workspace: Workspace) -> QuerySet[Entry]:
    """Entries that nothing but a person moves, those that wait longest first."""
    alive = Entry.objects.filter(workspace=workspace, deleted_at__isnull=True)
    return alive.filter(status_groups.STUCK).order_by(F("reason_at").asc(nulls_last=True), "id")


def _question(asked: Unanswered) -> dict[str, str]:
    words = f"#{asked.seq} {asked.title} asks: {asked.text}"
    return {"words": words[:200], "page": "entry", "object_id": asked.entry_id}


def _entry(entry: Entry) -> dict[str, str]:
    why = entry.reason_message or (reasons.label(entry.reason_code) if entry.reason_code else "")
    return {"words": f"{entry}: {why}"[:200], "page": "entry", "object_id": entry.pk}


def _waits(workspace: Workspace, project: Project) -> Iterator[dict[str, str]]:
    """Facts about no single entry that let nothing start, or wait for a decision."""
    integration = Integration.objects.filter(pk=workspace.pk, state__in=branch.STOPS_DISPATCH).first()
    if integration is not None:
        yield {"words": f"Nothing can start: {integration.message}"[:200], "page": "landing"}
    if project.is_used_up:
        yield {"words": "The cap is reached: no session starts", "page": "budget"}
    if Proposal.objects.filter(
        run__session__workspace_id=workspace.pk, state=Proposal.State.OPEN, run__session__ended_at__isnull=False
    ).exists():
        yield {"words": "Proposals of an agent wait for a decision", "page": "goal"}
    if Review.objects.filter(project=project, state=Review.State.OPEN).exists():
        yield {"words": "A budget review waits for a decision", "page": "reviews"}


def _done_by(project: Project, digest: Digest) -> str | None:
    at: datetime = timezone.now()
    done = record.current(project.pk, at=at).end_at
    return times.stamp(done, digests.zone_of(digest)) if done else None


def _usd(micro: int) -> Any:
    return amounts.number(micro)
