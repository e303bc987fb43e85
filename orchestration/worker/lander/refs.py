"""The refs of an integration branch: Muster's own, for landings, and the named branch behind it. Several hosts share both, and the commits to land.

Each moves by compare-and-set after the fence check: a lander without its lease undoes nothing.
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
from orchestration.worker.lander.lease import Lease
from orchestration.worker.preparing import sharing

log = structlog.get_logger(__name__)


def follow_row(lease: Lease) -> None:
    """Move Muster's own ref to the row's tip, without an open intent. A lander killed between the two left it behind."""
    before, tip = own_value(lease), lease.row.tip
    if tip and before != tip:
        move_own(lease, tip, before, "muster: follow")


def complete(lease: Lease, intent: IntegrationCommit) -> bool:
    """Complete an intent's move of Muster's own ref. False: others moved it elsewhere. Raises Fenced or GitError."""
    before = own_value(lease)
    at = before or intent.old
    if at == intent.old:
        move_own(lease, intent.new, before, f"muster: {intent.subject[:80]}")
    return at in (intent.old, intent.new) or contains(lease.bench.repo, at, intent.new)


def own_value(lease: Lease) -> str:
    return places.value_of(lease.bench.repo, lease.bench.own_ref)


def move_own(lease: Lease, new: str, before: str, message: str) -> None:
    """Move Muster's own ref. Raises Fenced or GitError. A stale lock, as after a power failure, is then removed for the next try."""
    own_ref = lease.bench.own_ref
    if problem := _move(lease, own_ref, new, before, message):
        recovery.release_old_lock(lease.bench.repo, own_ref, after_s=git.TIMEOUT_S)
        raise GitError("update-ref", problem)


def deliver(lease: Lease, commit: str, *, here: str = "") -> None:
    """Move the named branch to the commit, unless it is checked out: the next call catches up. A known value of it (`here`) saves a read."""
    row, seen = lease.row, follow(lease, commit, here=here)
    if any(getattr(row, field) != value for field, value in seen.items()):
        lease.write(**seen)


def follow(lease: Lease, commit: str, *, here: str = "") -> dict[str, str]:
    """Move the named branch like `deliver`. Returns the fields for the row."""
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
    """True if the branch extends the delivered commit and is part of the tip: a move to the tip drops nothing."""
    if not here or here in (delivered, tip):
        return bool(here)
    return bool(delivered) and contains(repo, here, delivered) and contains(repo, tip, here)


def contains(repo: Path, tip: str, commit: str) -> bool:
    try:
        return history.contains(repo, tip, commit)
    except GitError:  # one of them is missing
        return False


def _move(lease: Lease, ref: str, new: str, before: str, message: str) -> str:
    """Compare-and-set of a ref whose value `before` was read earlier. Returns git's error, empty if it moved. Raises Fenced.

    The fence is checked after that read: a lander that takes the lease from then on moves the ref first, and this one sees another value.
    """
    lease.write()
    if lease.bench.shared is not None:
        return lease.bench.shared.move(ref, new)
    code, _, errors = git.attempt(lease.bench.repo, "update-ref", "-m", message, ref, new, before)
    return "" if code == 0 else errors.strip()[-200:] or "git gave no reason"


def fetch(lease: Lease) -> None:
    """Fetch the shared branches. Raises Unreachable, or GitError."""
    if lease.bench.shared is not None:
        lease.bench.shared.fetch(lease.row.tip)


def tidy(lease: Lease) -> None:
    """Remove the refs of landed work. A failure does not undo the landing, and is retried within the hour."""
    if not lease.bench.is_shared:
        return
    try:
        sharing.tidy(lease.bench.workspace)
    except GitError as problem:
        log.warning("refs.not_removed", workspace=lease.workspace_id, error=str(problem)[-300:])


def present(lease: Lease, landings: Sequence[Landing]) -> list[Landing]:
    """The landings with a commit in this repository, after a fetch. Others wait for the host with their commit; if it is lost, the entry begins again. Nothing else
    reads a landing's commit. Raises Unreachable."""
    missing = _missing(lease, landings)
    if missing and lease.bench.shared is not None:
        lease.bench.shared.fetch_work(landing.entry_id for landing in missing if landing.entry_id)
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
