"""Runs for pages, the API and the command line, each list in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db.models import Count, Sum

from budget.models import LedgerEntry
from orchestration.models import Proposal, Run, Session
from orchestration.proposals.context import snapshots
from workspaces import paging

LOOKED_AT = 20  # runs


def page(workspace_id: str, *, limit: int, cursor: str | None) -> tuple[list[Run], str | None]:
    """The newest runs before `cursor`, in the order of their reservations, and the next cursor."""
    runs = Run.objects.filter(session__workspace_id=workspace_id).select_related("session__hold")
    return paging.page(runs, "-session__hold_id", limit=limit, cursor=cursor)


def open_runs(workspace_id: str) -> list[Run]:
    """The longest first."""
    runs = Run.objects.select_related("session__hold", "session__worker")
    return list(runs.filter(session__workspace_id=workspace_id, session__status__in=Session.OPEN).order_by("session__claimed_at"))


def undecided(workspace_id: str) -> dict[str, int]:
    """Run id to the number of its proposals that wait for a person, of the newest runs that have ended. One query."""
    runs = Run.objects.filter(session__workspace_id=workspace_id, session__ended_at__isnull=False).order_by("-session__hold_id")
    newest = Proposal.objects.filter(run_id__in=runs.values("pk")[:LOOKED_AT], state=Proposal.State.OPEN)
    return dict(newest.order_by().values_list("run_id").annotate(n=Count("id")))


def counts(run_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Run id to the number of its proposals by state."""
    numbers: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Proposal.State.values, 0))
    rows = Proposal.objects.filter(run_id__in=list(run_ids)).order_by().values_list("run_id", "state").annotate(n=Count("id"))
    for run_id, state, count in rows:
        numbers[run_id][state] = count
    return numbers


def outrun(workspace_id: str, proposals: Iterable[Proposal]) -> dict[int, str]:
    """The open proposals about entries that cannot be applied now: id to the reason, as a sentence. An addition is compared with the whole
    backlog only when it is applied. Two queries, or none."""
    about = [p for p in proposals if p.state == Proposal.State.OPEN and p.kind != Proposal.Kind.ADD]
    now = snapshots.read(workspace_id, {pk for p in about for pk in (p.subject_id, p.after.get("with")) if pk}) if about else {}
    sentences = {}
    for proposal in about:
        before = proposal.before or {}
        sentence = snapshots.outdated(before, now.get(str(proposal.subject_id)))
        if not sentence and "other" in before:
            sentence = snapshots.outdated(before["other"], now.get(str(proposal.after["with"])))
        if sentence:
            sentences[proposal.pk] = sentence
    return sentences


def costs(run_ids: Collection[str]) -> dict[str, int]:
    """Run id to what is booked for it, in micro-USD."""
    rows = LedgerEntry.objects.filter(session_ref__in=list(run_ids)).order_by().values_list("session_ref")
    return dict(rows.annotate(amount=Sum("amount")))
