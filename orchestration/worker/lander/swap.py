"""Put a judged commit on the integration branch: an intent, the refs, the rows. Killed at any point, the next lander completes it.

The intent names old and new tip. A lander that finds it open looks at Muster's own ref: new, or a descendant, means that only the rows are missing;
old means that the refs are moved again; anything else is void, and its landings are queued again.
"""

from collections.abc import Sequence

import structlog
from django.db import transaction
from django.db.models.functions import Now

from orchestration import events
from orchestration.backlog import entry_state
from orchestration.backlog.transitions import Next
from orchestration.git import branches, worktrees
from orchestration.git import command as git
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Integration, IntegrationCommit, Landing, TreeVerdict
from orchestration.worker.lander import pushing
from orchestration.worker.lander.lease import Lease
from workspaces import activity
from workspaces.access import MUSTER

log = structlog.get_logger(__name__)

State = IntegrationCommit.State


class TipMoved(Exception):
    """The branch is not where it was: nothing was moved."""


def land(
    lease: Lease,
    *,
    old: str,
    new: str,
    kind: IntegrationCommit.Kind,
    subject: str,
    landings: Sequence[Landing] = (),
    verdict: TreeVerdict | None = None,
    reused: bool = False,
    tree: str = "",
) -> bool:
    """Move the integration branch from `old` to `new` and end the landings. False: one of them was withdrawn meanwhile; nothing was done.

    Raises Fenced, or TipMoved when others moved the branch.
    """
    tree = tree or worktrees.tree_of(lease.repo, new)
    intent = _intend(
        lease, old=old, new=new, tree=tree, kind=kind, subject=subject, landings=landings, verdict=verdict, reused=reused
    )
    if intent is None:
        return False
    finish(lease, intent)
    return True


def finish(lease: Lease, intent: IntegrationCommit) -> None:
    """Complete an intent, whatever was done of it. Raises TipMoved when it is void."""
    own_ref = branch.ref_of(lease.workspace_id)
    at = ref_value(lease, own_ref) or intent.old
    if at == intent.old:
        git.run(lease.repo, "update-ref", "-m", f"muster: {intent.subject[:80]}", own_ref, intent.new)
    elif at != intent.new and not _contains(lease, at, intent.new):
        _void(intent)
        raise TipMoved(at)
    deliver(lease, intent.new)
    pushing.push(lease.workspace_id, lease.repo)
    _complete(lease, intent)


def recover(lease: Lease) -> None:
    """Complete what a lander left open when it was killed."""
    for intent in IntegrationCommit.objects.filter(workspace_id=lease.workspace_id, state=State.INTENDED):
        log.info("landing.recovered", commit=intent.new)
        try:
            finish(lease, intent)
        except TipMoved:
            log.warning("landing.void", commit=intent.new)
    checking = Landing.objects.filter(workspace_id=lease.workspace_id, state=Landing.State.CHECKING, intent__isnull=True)
    checking.update(state=Landing.State.QUEUED)


def deliver(lease: Lease, commit: str, *, here: str | None = None) -> bool:
    """Let the named branch follow, unless it is checked out somewhere. False: not now; the next call catches up. `here`: the branch's
    commit, if it is known."""
    name, row = lease.branch_name, lease.row()
    here = here or branches.tip(lease.repo, name) or ""
    delivered = here if is_between(lease, row.delivered, here, commit) else row.delivered
    if here == commit:
        problem = ""
    elif (where := branches.checked_out_in(lease.repo, name)) is not None:
        problem = f"not delivered: {name} is checked out in {where}"
    elif here and here != delivered:
        problem = f"not delivered: {name} was moved by somebody else"
    else:
        command = ("update-ref", "-m", "muster: land", f"refs/heads/{name}", commit, here)
        code, _, errors = git.attempt(lease.repo, *command)
        problem = "" if code == 0 else f"not delivered: {errors.strip()[-200:]}"
    seen = {"undelivered": problem[:300], "delivered": delivered if problem else commit}
    if any(getattr(row, name) != value for name, value in seen.items()):
        lease.write(**seen)
    return not problem


def is_between(lease: Lease, delivered: str, here: str, tip: str) -> bool:
    """Whether the branch extends what was delivered and all of it has landed: moving it on to `tip` drops nothing."""
    if not here or here in (delivered, tip):
        return bool(here)
    return bool(delivered) and _contains(lease, here, delivered) and _contains(lease, tip, here)


def ref_value(lease: Lease, ref: str) -> str:
    code, sha, _ = git.attempt(lease.repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return sha.strip() if code == 0 else ""


def _contains(lease: Lease, tip: str, commit: str) -> bool:
    return git.attempt(lease.repo, "merge-base", "--is-ancestor", commit, tip)[0] == 0


def _intend(
    lease: Lease,
    *,
    old: str,
    new: str,
    tree: str,
    kind: IntegrationCommit.Kind,
    subject: str,
    landings: Sequence[Landing],
    verdict: TreeVerdict | None,
    reused: bool,
) -> IntegrationCommit | None:
    ids = [landing.pk for landing in landings]
    with transaction.atomic():
        lease.write()
        intent = IntegrationCommit.objects.create(
            workspace_id=lease.workspace_id,
            kind=kind,
            old=old,
            new=new,
            tree=tree,
            subject=subject[:300],
            verdict=verdict,
            reused=reused,
            fence=lease.fence,
        )
        opened = Landing.objects.filter(pk__in=ids, state__in=Landing.OPEN, intent__isnull=True)
        if opened.update(intent=intent, state=Landing.State.CHECKING) != len(ids):
            transaction.set_rollback(True)
            return None
    return intent


def _void(intent: IntegrationCommit) -> None:
    with transaction.atomic():
        IntegrationCommit.objects.filter(pk=intent.pk, state=State.INTENDED).update(state=State.VOID)
        Landing.objects.filter(intent=intent, state=Landing.State.CHECKING).update(state=Landing.State.QUEUED, intent=None)


def _complete(lease: Lease, intent: IntegrationCommit) -> None:
    """The rows: landings landed, entries done, locks freed. Once."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=lease.workspace_id)
        if not IntegrationCommit.objects.filter(pk=intent.pk, state=State.INTENDED).update(state=State.DONE, done_at=Now()):
            return
        landed = list(Landing.objects.select_related("entry__account").filter(intent=intent).order_by("pk"))
        end_landed(landed, commit=intent.new)
        Integration.objects.filter(pk=lease.workspace_id).update(
            tip=intent.new, state=branch.State.GOOD, message="", foreign_tip="", culprit=""
        )
        if not any(landing.entry_id for landing in landed):
            event = events.IntegrationMoved(subject=intent.subject, commit=intent.new)
            activity.record(lease.workspace_id, event, by=MUSTER, object_id=lease.workspace_id)
    announce(lease.workspace_id)


def end_landed(landings: Sequence[Landing], *, commit: str) -> None:
    """The work of these landings is on the branch. The caller's transaction holds the executor's row."""
    Landing.objects.filter(pk__in=[landing.pk for landing in landings]).update(state=Landing.State.LANDED, ended_at=Now())
    for landing in landings:
        entry = landing.entry
        if entry is None:
            continue
        fresh = Entry.objects.select_related("account").get(pk=entry.pk)
        if fresh.status == Entry.Status.IN_PROGRESS and fresh.deleted_at is None:
            entry_state.move(fresh, Next("done"))
        event = events.EntryLanded(commit=commit, entry=entry.pk)
        activity.record(landing.workspace_id, event, by=MUSTER, object_id=entry.pk)


def announce(workspace_id: str) -> None:
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "executor", "entries", "locks", "landing", "budget")
