"""The refs of an integration branch: Muster's own, which is where landings happen, and the named branch, which follows it; and both at the
repository that several hosts share, with the commits that are to land.

Each moves by compare-and-set after the fence, so that a lander that lost its lease undoes nothing.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog

from orchestration.backlog import lost_work
from orchestration.git import branches, history, places, recovery
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.landing import queue
from orchestration.models import IntegrationCommit, Landing
from orchestration.repositories import claims, local_repository
from orchestration.repositories.authority import ABSENT, Moved, Unreachable, bring
from orchestration.repositories.remote import Remote
from orchestration.worker.lander.lease import Lease
from orchestration.worker.preparing import sharing

log = structlog.get_logger(__name__)


def follow_row(lease: Lease) -> None:
    """Put Muster's own ref where the row's tip is, while no intent is open. A lander that was killed between the two left it elsewhere."""
    before, tip = own_value(lease), lease.row.tip
    if tip and before != tip:
        move_own(lease, tip, before, "muster: follow")


def complete(lease: Lease, intent: IntegrationCommit) -> bool:
    """Have Muster's own ref where an intent moves it, whatever was done of it. False: others moved it elsewhere. Raises Fenced or GitError."""
    before = own_value(lease)
    at = before or intent.old
    if at == intent.old:
        move_own(lease, intent.new, before, f"muster: {intent.subject[:80]}")
    return at in (intent.old, intent.new) or contains(lease.bench.repo, at, intent.new)


def own_value(lease: Lease) -> str:
    return places.value_of(lease.bench.repo, lease.bench.own_ref)


def move_own(lease: Lease, new: str, before: str, message: str) -> None:
    """Move Muster's own ref. Raises Fenced or GitError; then a lock that a git left in a power failure is gone for the next try."""
    own_ref = lease.bench.own_ref
    if problem := _move(lease, own_ref, new, before, message):
        recovery.release_old_lock(lease.bench.repo, own_ref, after_s=git.TIMEOUT_S)
        raise GitError("update-ref", problem)


def deliver(lease: Lease, commit: str, *, here: str = "") -> None:
    """Let the named branch follow, unless it is checked out somewhere: the next call catches up. `here`: the branch's commit, if it is
    known."""
    row, seen = lease.row, follow(lease, commit, here=here)
    if any(getattr(row, field) != value for field, value in seen.items()):
        lease.write(**seen)


def follow(lease: Lease, commit: str, *, here: str = "") -> dict[str, str]:
    """Let the named branch follow, as `deliver` does. Returns the fields to write to the row."""
    name, row = lease.bench.branch, lease.row
    here = here or branches.tip(lease.bench.repo, name) or ""
    delivered = here if is_between(lease.bench.repo, row.delivered, here, commit) else row.delivered
    if here == commit:
        problem = ""
    elif (where := branches.checked_out_in(lease.bench.repo, name)) is not None:
        problem = f"not delivered: {name} is checked out in {where}"
    elif here and here != delivered:
        problem = f"not delivered: {name} was moved by somebody else"
    else:
        errors = _move(lease, f"refs/heads/{name}", commit, here, "muster: land")
        problem = f"not delivered: {errors}" if errors else ""
    return {"undelivered": problem[:300], "delivered": delivered if problem else commit}


def is_between(repo: Path, delivered: str, here: str, tip: str) -> bool:
    """True if the branch extends what was delivered and all of it has landed: moving it on to `tip` drops nothing."""
    if not here or here in (delivered, tip):
        return bool(here)
    return bool(delivered) and contains(repo, here, delivered) and contains(repo, tip, here)


def contains(repo: Path, tip: str, commit: str) -> bool:
    try:
        return history.contains(repo, tip, commit)
    except GitError:  # one of them is not there
        return False


def _move(lease: Lease, ref: str, new: str, before: str, message: str) -> str:
    """Compare-and-set of a ref whose value `before` was read earlier. Returns git's error, empty if it moved. Raises Fenced.

    The fence is checked after that read: a lander that takes the lease from then on moves the ref first, and this one sees another value.
    """
    lease.write()
    if isinstance(lease.bench.authority, Remote):
        return _move_shared(lease, ref, new)
    code, _, errors = git.attempt(lease.bench.repo, "update-ref", "-m", message, ref, new, before)
    return "" if code == 0 else errors.strip()[-200:] or "git gave no reason"


def _move_shared(lease: Lease, ref: str, new: str) -> str:
    """The same at the repository that several hosts share, and then here."""
    try:
        _move_from_seen(lease, ref, new)
    except Moved:
        return "it was moved there by somebody else"
    except Unreachable as problem:
        return str(problem)
    return ""


def fetch(lease: Lease) -> None:
    """Have the shared branches here, and there what landed while this host was alone. Raises Unreachable, or GitError."""
    authority = lease.bench.authority
    if not isinstance(authority, Remote):
        return
    local_repository.ensure(lease.bench.workspace)
    own, named = lease.bench.own_ref, f"refs/heads/{lease.bench.branch}"
    lease.shared = bring(authority, own, named, f"refs/heads/{lease.bench.base_branch}")
    tip = lease.row.tip
    if named not in lease.shared:
        _begin(lease, named)
    if not tip:
        return
    if not history.has(lease.bench.repo, tip):
        raise GitError("fetch", f"The landed commit {tip[:12]} is on another host only: its session worker must be online")
    at = lease.shared.get(own, ABSENT)
    if at != tip and (not at or history.contains(lease.bench.repo, tip, at)):
        _move_from_seen(lease, own, tip)


def _begin(lease: Lease, named: str) -> None:
    """The integration branch is not there yet: it begins where it is known to be, else where the base branch is. Raises Unreachable, or
    GitError."""
    known = lease.row.tip or branches.tip(lease.bench.repo, lease.bench.branch)
    start = known or branches.tip_or_raise(lease.bench.repo, lease.bench.base_branch)
    try:
        if history.has(lease.bench.repo, start):
            _move_from_seen(lease, named, start)
    except Moved:
        log.info("branch.began_elsewhere", workspace=lease.workspace_id)  # the next look sees it


def _move_from_seen(lease: Lease, ref: str, new: str) -> None:
    """Move a shared ref from where it was last seen. Raises Moved, or Unreachable."""
    assert lease.bench.authority is not None
    lease.bench.authority.move(ref, new, before=lease.shared.get(ref, ABSENT))
    lease.shared[ref] = new


def tidy(lease: Lease) -> None:
    """Remove the refs of what has landed. A failure does not undo the landing: it is tried again within the hour."""
    if lease.bench.authority is None:
        return
    try:
        sharing.tidy(lease.bench.workspace)
    except GitError as problem:
        log.warning("refs.not_removed", workspace=lease.workspace_id, error=str(problem)[-300:])


def present(lease: Lease, landings: Sequence[Landing]) -> list[Landing]:
    """Those of these landings whose commits are here, once what other hosts shared is fetched: nothing else reads a landing's commit. The others
    wait for the host that has theirs, which is asked for it; where there is none, their entries begin again. Raises Unreachable."""
    missing = _missing(lease, landings)
    if missing and isinstance(lease.bench.authority, Remote):
        bring(lease.bench.authority, *(claims.ref_of(landing.entry_id) for landing in missing if landing.entry_id))
    gone = _missing(lease, missing)
    if gone and not history.has(lease.bench.repo, lease.row.tip):
        raise GitError("cat-file", "The landed commit cannot be read: the repository itself is in trouble")
    present_now = [landing for landing in landings if landing not in gone]
    queue.has_come(present_now)
    for landing in gone:
        lost_work.look_for(landing)
    return present_now


def _missing(lease: Lease, landings: Sequence[Landing]) -> list[Landing]:
    return [landing for landing in landings if not history.has(lease.bench.repo, landing.commit)]
