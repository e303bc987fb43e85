"""Refusals of work: it conflicts with the tip, or is red in combination with earlier landings. It goes back with the finding."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F
from django.db.models.functions import Now

from orchestration.approval import waiting
from orchestration.backlog import entry_state, newest_work
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.facts import events
from orchestration.facts.reasons import OUT_OF_LINE, Reason
from orchestration.git import conflicts
from orchestration.landing import queue
from orchestration.models import Entry, IntegrationCommit, Landing
from orchestration.worker.lander.lease import Lease
from workspaces import activity
from workspaces.access import MUSTER

MAX_PARTNERS = 10


@dataclass(frozen=True)
class Refusal:
    """A refusal of a landing."""

    landing: Landing
    findings: Sequence[str] = ()  # of checks green on the work alone
    together_with: Sequence[Landing] = ()  # the earlier landings of its batch
    merge: conflicts.MergedTree | None = None  # with its conflicts


def end(lease: Lease, refusal: Refusal) -> None:
    text = _of_conflict(lease.bench.branch, refusal.merge) if refusal.merge is not None else _of_combination(refusal)
    refuse(lease, refusal.landing, f"{Reason.MERGE_CONFLICT}: {text}")


def _of_conflict(branch: str, merge: conflicts.MergedTree) -> str:
    notes = "".join(f"\n{note}" for note in merge.notes)
    return f"merging into {branch} conflicts in {', '.join(merge.files[:20])}{notes}"


def _of_combination(refusal: Refusal) -> str:
    """The finding for work green alone and red in combination, with the other landings."""
    others = _partners(refusal.landing, refusal.together_with)
    named = ", ".join(others)
    meanwhile = named if len(others) == 1 else f"what landed meanwhile ({named})"
    together = f"red together with {meanwhile}" if others else "red on the current tip"
    listed = "\n".join(refusal.findings[:20]) or "the checks fail"
    return f"green alone, {together}:\n{listed}"


def refuse(lease: Lease, landing: Landing, text: str) -> None:
    """End the landing. Its entry goes back to the line with the finding and one more round, or waits for a person after too many."""
    with lease.deciding():
        opened = Landing.objects.filter(pk=landing.pk, state__in=Landing.NOT_ENDED, intent__isnull=True)
        if not opened.update(state=Landing.State.REFUSED, message=text[:1000], ended_at=Now()):
            return
        if landing.entry is None:
            _problem_of_branch(lease, landing, text)
        else:
            _send_back(lease, landing.entry, text)


def _send_back(lease: Lease, entry: Entry, text: str) -> None:
    fresh = Entry.objects.select_related("account").get(pk=entry.pk)
    lands = fresh.status == Entry.Status.IN_PROGRESS or fresh.reason_code in OUT_OF_LINE
    if not lands or fresh.deleted_at is not None:
        return
    waiting.void(fresh)
    newest_work.add_finding(fresh.pk, text)
    first_line = text.split("\n")[0]
    if queue.refusals(fresh.pk) > lease.bench.config.landing.refusals:
        following = Next("blocked", Reason.MERGE_CONFLICT, first_line[:500])
    else:
        following = PENDING
        Entry.objects.filter(pk=fresh.pk).update(budget_rounds=F("budget_rounds") + 1, next_work=Entry.Work.IMPLEMENT)
        fresh.refresh_from_db(fields=["budget_rounds", "next_work"])
    entry_state.move(fresh, following)
    event = events.EntryRefused(entry=fresh.pk)
    activity.record(fresh.workspace_id, event, by=MUSTER, object_id=fresh.pk, reason=first_line[:500])


def _problem_of_branch(lease: Lease, landing: Landing, text: str) -> None:
    """Handle an unmergeable base branch or revert: work continues without it, and a person is asked."""
    name = f"the revert of {landing.commit[:12]}"
    if landing.kind == Landing.Kind.BASE:
        is_base = landing.commit == lease.row.base_tip
        name = lease.bench.base_branch if is_base else f"commit {landing.commit[:12]} on {lease.bench.branch}"
    message = f"{name} cannot be merged into {lease.bench.branch}: {text.removeprefix(f'{Reason.MERGE_CONFLICT}: ')}"
    lease.write(events.BaseRefused(commit=landing.commit), message[:500], base_problem=message[:1000])


def _partners(landing: Landing, together_with: Sequence[Landing]) -> list[str]:
    """The entries of the same batch, and those landed since the work's base, newest first."""
    named = [f"#{other.entry.seq}" for other in together_with if other.entry is not None]
    since = Landing.objects.filter(workspace_id=landing.workspace_id, state=Landing.State.LANDED, entry__isnull=False)
    if landing.round is not None:
        base = IntegrationCommit.objects.filter(workspace_id=landing.workspace_id, new=landing.round.base_commit).first()
        since = since.filter(intent__pk__gt=base.pk) if base is not None else since.filter(ended_at__gt=landing.round.started_at)
    seqs = (
        since.exclude(entry_id=landing.entry_id).order_by("-ended_at", "-pk").values_list("entry__seq", flat=True)[:MAX_PARTNERS]
    )
    return list(dict.fromkeys([*named, *(f"#{seq}" for seq in seqs)]))
