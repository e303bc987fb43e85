"""The landing of a judged commit, as a write-ahead log: an intent, the refs, the rows. After a kill at any point the next lander completes it.

The intent has the old and the new tip. Recovery looks at Muster's own ref. At the new tip, or a descendant, only the rows are missing. At the old tip the refs
are moved again. Elsewhere the intent is void, and its landings are queued again.
"""

from collections.abc import Mapping, Sequence

import structlog
from django.db import transaction
from django.db.models.functions import Now

from orchestration.backlog import entry_state, unproven
from orchestration.backlog.rules.transitions import LANDING
from orchestration.backlog.rules.ways import Done
from orchestration.facts import events
from orchestration.landing import branch
from orchestration.models import Entry, Executor, IntegrationCommit, Landing
from orchestration.sessions import tracing
from orchestration.worker.lander import landed, pushing, refs
from orchestration.worker.lander.lease import Lease

log = structlog.get_logger(__name__)

State = IntegrationCommit.State


class TipMoved(Exception):
    """Others moved the branch: nothing was done."""


def land(lease: Lease, intent: IntegrationCommit, landings: Sequence[Landing]) -> bool:
    """Save the intent, move the integration branch, and end the landings. False: one was withdrawn meanwhile, and nothing was done. Raises Fenced, or TipMoved after
    others' moves."""
    if not _intend(lease, intent, landings):
        return False
    finish(lease, intent)
    return True


def finish(lease: Lease, intent: IntegrationCommit) -> None:
    """Complete an intent from any point. Raises TipMoved for a void one."""
    if not refs.complete(lease, intent):
        _void(lease, intent)
        raise TipMoved(intent.new)
    delivery = refs.follow(lease, intent.new)
    pushing.push(lease.bench, intent.new)
    _complete(lease, intent, delivery)


def recover(lease: Lease) -> None:
    """Complete a killed lander's intents."""
    for intent in IntegrationCommit.objects.filter(workspace_id=lease.workspace_id, state=State.INTENDED):
        log.info("landing.recovered", commit=intent.new)
        try:
            finish(lease, intent)
        except TipMoved:
            log.warning("landing.void", commit=intent.new)
    refs.follow_row(lease)
    checking = Landing.objects.filter(workspace_id=lease.workspace_id, state=Landing.State.CHECKING, intent__isnull=True)
    checking.update(state=Landing.State.QUEUED)


def _intend(lease: Lease, intent: IntegrationCommit, landings: Sequence[Landing]) -> bool:
    ids = [landing.pk for landing in landings]
    together = [landing.entry_id for landing in landings if landing.state == Landing.State.UNPROVEN]
    with transaction.atomic():
        if together:
            Executor.objects.select_for_update().get(pk=lease.workspace_id)
        lease.write()
        intent.save(force_insert=True)
        opened = Landing.objects.filter(pk__in=ids, state__in=(*Landing.OPEN, Landing.State.UNPROVEN), intent__isnull=True)
        if opened.update(intent=intent, state=Landing.State.CHECKING) != len(ids):
            transaction.set_rollback(True)
            return False
        for entry in Entry.objects.select_related("account").filter(pk__in=together):
            entry_state.move(entry, LANDING)  # no longer withdrawable
    return True


def _void(lease: Lease, intent: IntegrationCommit) -> None:
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=lease.workspace_id)
        lease.write()
        IntegrationCommit.objects.filter(pk=intent.pk, state=State.INTENDED).update(state=State.VOID)
        landings = Landing.objects.filter(intent=intent, state=Landing.State.CHECKING)
        again = list(landings.filter(round__is_unproven=True, approval__isnull=True).values_list("pk", flat=True))
        landings.update(state=Landing.State.QUEUED, intent=None)
        for landing in Landing.objects.select_related("entry__account", "round").filter(pk__in=again):
            if landing.entry is not None:
                unproven.wait(landing.entry, landing.commit, landing.round)


def _complete(lease: Lease, intent: IntegrationCommit, delivery: dict[str, str]) -> None:
    """Write the rows, once: landings landed, entries done, locks freed. Raises Fenced."""
    done = landed.proofs(lease.bench.repo, list(Landing.objects.filter(intent=intent)), intent.new)
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=lease.workspace_id)
        if not IntegrationCommit.objects.filter(pk=intent.pk, state=State.INTENDED).update(state=State.DONE, done_at=Now()):
            lease.write(**delivery)
            return
        ended = list(Landing.objects.select_related("entry__account").filter(intent=intent).order_by("pk"))
        is_of_entries = any(landing.entry_id for landing in ended)
        moved = None if is_of_entries else events.IntegrationMoved(subject=intent.subject, commit=intent.new)
        lease.write(moved, tip=intent.new, state=branch.State.GOOD, message="", foreign_tip="", culprit="", **delivery)
        end_landed(ended, commit=intent.new, done=done)
    lease.announce()


def end_contained(lease: Lease, landings: Sequence[Landing], tip: str) -> None:
    """End landings with their work already in the tip."""
    done = landed.proofs(lease.bench.repo, landings, tip)
    with lease.deciding():
        ids = [landing.pk for landing in landings]
        still = list(Landing.objects.select_related("entry__account").filter(pk__in=ids, state__in=Landing.NOT_ENDED))
        end_landed(still, commit=tip, done=done)


def end_landed(landings: Sequence[Landing], *, commit: str, done: Mapping[str, Done]) -> None:
    """End landings on the branch: `landed.end`, with their traces."""
    for landing in landings:
        tracing.landed(landing.pk)
    landed.end(landings, commit=commit, done=done)
