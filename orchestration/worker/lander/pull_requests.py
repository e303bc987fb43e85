"""Landing by pull request: the lander judges merges, pushes branches, verifies others' pushes, and ends merged work. It calls no forge: `pull_requests/sync`
does, in the control worker."""

import time

import structlog
from django.db.models import F
from django.db.models.functions import Now

from orchestration.backlog.rules import ways
from orchestration.configuration import Config
from orchestration.facts.reasons import Reason
from orchestration.git import history
from orchestration.git.command import GitError
from orchestration.landing import queue
from orchestration.landing.candidates import Chain
from orchestration.models import Entry, Landing, PullRequest, Round
from orchestration.pull_requests import heads, requests
from orchestration.repositories import problems
from orchestration.worker.lander import judging, landed, refs, swap
from orchestration.worker.lander.lease import Lease
from workspaces.errors import Conflict
from workspaces.secrets.masking import foreign

log = structlog.get_logger(__name__)

PAUSE_FACTOR, MAX_PAUSE_S = 10, 300.0  # times a failed push's duration: workspaces share the thread
_paused_until: dict[str, float] = {}
"""The back-off by workspace, within this process."""
ELSEWHERE = "This host has no remote of the repository: a session worker on the host that has it pushes the branch"


def is_for(config: Config, landing: Landing) -> bool:
    """True if the work lands by pull request. An open one counts even after a change of the config."""
    return landing.entry_id is not None and (config.land_by == "pull_request" or landing.state == Landing.State.PROPOSED)


def propose(lease: Lease, chain: Chain, judged: judging.Judged) -> None:
    """Propose green work: the entry waits for its pull request. The row exists before the push: a killed lander's push is completed."""
    [step] = chain.steps
    with lease.deciding():
        stack = lease.bench.config.forge is not None and lease.bench.config.forge.stack
        requests.propose(
            step.landing, base=lease.bench.base_branch, tip=chain.tip, commit=step.commit, verdict=judged.verdict, stack=stack
        )
    push_due(lease)


def settle(lease: Lease) -> None:
    """End merged work, queue others' pushes, and push the rest."""
    if not lease.has_pull_requests:
        return
    rows = PullRequest.objects.filter(workspace_id=lease.workspace_id).select_related("entry")
    for row in rows.filter(state=PullRequest.State.MERGED, ended_at__isnull=True):
        if refs.contains(lease.bench.repo, lease.row.tip, row.merge_commit):
            _end(lease, row)
        elif problem := lease.row.base_problem:
            _show(row, f"Merged there. {problem}")
    for row in rows.filter(state=PullRequest.State.OPEN).exclude(foreign_head=""):
        _adopt(lease, row)
    push_due(lease)


def push_due(lease: Lease) -> None:
    """Push each branch with a newer head in its row. This completes a lander killed before its push, or before its record."""
    if time.monotonic() < _paused_until.get(lease.workspace_id, 0):
        return
    rows = PullRequest.objects.filter(workspace_id=lease.workspace_id, state__in=PullRequest.UNDECIDED, foreign_head="")
    waiting = Landing.objects.filter(workspace_id=lease.workspace_id, state=Landing.State.PROPOSED)
    for row in rows.exclude(pushed=F("head")).filter(entry__in=waiting.values("entry")):
        if not history.has(lease.bench.repo, row.head):
            _show(row, f"{row.head[:12]}, which is to be pushed, is not on this host: it is looked for again")
            continue
        began = time.monotonic()
        if not _push(lease, row):
            _paused_until[lease.workspace_id] = time.monotonic() + min((time.monotonic() - began) * PAUSE_FACTOR, MAX_PAUSE_S)
            return
    _paused_until.pop(lease.workspace_id, None)


def _push(lease: Lease, row: PullRequest) -> bool:
    """Push the work, never over others' commits. False: the push failed; the entry shows it, and it is retried."""
    if lease.bench.config.forge is None:
        problem = "The config names no forge any more: name one, or put the entry on hold"
    elif not lease.bench.is_home and not lease.bench.origin:
        problem = ELSEWHERE
    else:
        problem = heads.push(lease.bench.repo, row, lease.bench.config.forge.remote)
    if problem == heads.STALE:
        _after_others(lease, row)
        return True
    fields = {"message": problem[:500]} if problem else {"pushed": row.head, "pushed_at": Now(), "message": "", "due": True}
    PullRequest.objects.filter(pk=row.pk, head=row.head).update(**fields)
    if problem:
        _show(row, problem)
    return not problem


def _show(row: PullRequest, problem: str) -> None:
    """Show a problem on the waiting entry."""
    waits = Entry.objects.filter(pk=row.entry_id, status=Entry.Status.PENDING, reason_code=Reason.WAITING_FOR_MERGE)
    problem = foreign(problem)
    waits.update(reason_message=problem[:500])
    log.warning("pull_request.not_pushed", entry=row.entry_id, error=problem[-300:])


def _after_others(lease: Lease, row: PullRequest) -> None:
    """Handle a moved branch: push a deleted one anew, or adopt others' commits."""
    assert lease.bench.config.forge is not None
    try:
        is_there = heads.is_there(lease.bench.repo, row, lease.bench.config.forge.remote)
    except GitError as error:
        _show(row, problems.summary(str(error)))
        return
    if is_there:
        _adopt(lease, row)
    else:
        PullRequest.objects.filter(pk=row.pk).update(pushed="")
        lease.write(due=True)


def _end(lease: Lease, row: PullRequest) -> None:
    """End merged work in the integration branch. Newer work continues, with a pull request of its own."""
    with lease.deciding():
        if not PullRequest.objects.filter(pk=row.pk, ended_at__isnull=True).update(ended_at=Now(), message=""):
            return
        entry, done = Entry.objects.select_related("account").get(pk=row.entry_id), ways.merged(row.pk)
        proposed = list(Landing.objects.select_related("entry__account").filter(entry=entry, state=Landing.State.PROPOSED))
        if proposed:
            swap.end_landed(proposed, commit=row.merge_commit, done={entry.pk: done})
        elif entry.deleted_at is None and entry.status in (Entry.Status.PENDING, Entry.Status.BLOCKED, Entry.Status.FAILED):
            try:  # a person merged refused or stopped work
                queue.withdraw([entry], "its pull request was merged")
            except Conflict:
                return  # its landing's transaction ends it
            landed.end_entry(entry, row.merge_commit, done)


def _adopt(lease: Lease, row: PullRequest) -> None:
    """Fetch others' commits to the entry's branch, and queue them."""
    if lease.bench.config.forge is None:
        return
    try:
        taken = heads.take_in(lease.bench.repo, row, lease.bench.config.forge.remote)
    except GitError as error:
        _show(row, f"Others pushed to {row.branch}. {problems.summary(str(error))}")
        return
    if taken.theirs == row.head:  # the forge's API lags behind its git
        PullRequest.objects.filter(pk=row.pk).update(pushed=row.head, pushed_at=Now(), foreign_head="", due=True)
        return
    with lease.deciding():
        if taken.is_forced:  # the landing is theirs alone
            Round.objects.filter(entry_id=row.entry_id).exclude(commit="").update(given_up=True)
        requests.replace_by(row, taken.head, pushed=taken.theirs)
