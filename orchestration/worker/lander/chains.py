"""Unproven work and its proof: chains that land together, and the results of tries on a new tip."""

from django.db.models.functions import Now

from orchestration.backlog import entry_state, newest_work, unproven
from orchestration.backlog.rules.transitions import LANDING
from orchestration.models import Entry, Landing, Round, TreeVerdict
from orchestration.worker.lander.lease import Lease


def under(lease: Lease, landing: Landing) -> list[Landing] | None:
    """The work below a landing, to land with it, the lowest first. None: it goes back, with work that waits no longer, or with an outdated commit of it."""
    if landing.entry_id is None or landing.state == Landing.State.PROPOSED:
        return []
    below = unproven.below(landing.entry_id)
    if below is not None and all(newest_work.is_on(lease.bench.repo, landing.commit, other.commit) for other in below):
        return below
    with lease.deciding():
        if Landing.objects.filter(pk=landing.pk, state__in=Landing.NOT_ENDED, intent__isnull=True).exists():
            unproven.go_back(Entry.objects.select_related("account").get(pk=landing.entry_id))
    return None


def note(lease: Lease, landing: Landing, *, tip: str, commit: str, verdict: TreeVerdict | None) -> None:
    """Record work as unproven on this tip, too. It is tried again on the next one."""
    lease.write()
    undecided = Landing.objects.filter(pk=landing.pk, state=Landing.State.UNPROVEN)
    undecided.update(tried_tip=tip, tried_commit=commit, tried_verdict=verdict, tried_at=Now())


def prove(lease: Lease, landing: Landing) -> None:
    """Queue proven work: a failing case passes by it on this tip, or by later work on it."""
    with lease.deciding():
        waiting = Landing.objects.filter(pk=landing.pk, state=Landing.State.UNPROVEN)
        if waiting.update(state=Landing.State.QUEUED):
            Round.objects.filter(landings=landing).update(is_unproven=False)
            entry_state.move(Entry.objects.select_related("account").get(pk=landing.entry_id), LANDING)
