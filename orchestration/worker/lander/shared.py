"""A lander's view of the repository that several hosts share: its branches at the start of each batch, and the work that is to land."""

from collections.abc import Sequence

import structlog

from orchestration.backlog import lost_work
from orchestration.git import branches, history
from orchestration.git.command import GitError
from orchestration.landing import branch, queue
from orchestration.messaging import wake_ups
from orchestration.models import Landing
from orchestration.repositories import claims, local_repository
from orchestration.repositories.authority import ABSENT, Moved
from orchestration.repositories.remote import Remote
from orchestration.worker import sharing
from orchestration.worker.lander.lease import Lease

log = structlog.get_logger(__name__)


def follow(lease: Lease) -> None:
    """Have the shared branches here, and there what landed while this host was alone. Raises Unreachable, or GitError."""
    authority = lease.authority
    if not isinstance(authority, Remote):
        return
    local_repository.ensure(lease.workspace)
    own, named = branch.ref_of(lease.workspace_id), f"refs/heads/{lease.branch_name}"
    lease.shared = authority.refs(own, named, f"refs/heads/{lease.base_branch}")
    authority.fetch([ref for ref, sha in lease.shared.items() if claims.value_of(lease.repo, ref) != sha])
    tip = lease.row().tip
    if named not in lease.shared:
        _begin(lease, named)
    if not tip:
        return
    if not local_repository.has(lease.repo, tip):
        raise GitError("fetch", f"The landed commit {tip[:12]} is on another host only: its session worker must be online")
    at = lease.shared.get(own, ABSENT)
    if at != tip and (not at or history.contains(lease.repo, tip, at)):
        move(lease, own, tip)


def _begin(lease: Lease, named: str) -> None:
    """The integration branch is not there yet: it begins where it is known to be, else where the base branch is. Raises Unreachable, or
    GitError."""
    known = lease.row().tip or branches.tip(lease.repo, lease.branch_name)
    start = known or branches.tip_or_raise(lease.repo, lease.base_branch)
    try:
        if local_repository.has(lease.repo, start):
            move(lease, named, start)
    except Moved:
        log.info("branch.began_elsewhere", workspace=lease.workspace_id)  # the next look sees it


def move(lease: Lease, ref: str, new: str) -> None:
    """Move a shared ref from where it was last seen. Raises Moved, or Unreachable."""
    assert lease.authority is not None
    lease.authority.move(ref, new, before=lease.shared.get(ref, ABSENT))
    lease.shared[ref] = new


def tidy(lease: Lease) -> None:
    """Remove the refs of what has landed. A failure does not undo the landing: it is tried again within the hour."""
    if lease.authority is None:
        return
    try:
        sharing.tidy(lease.workspace)
    except GitError as problem:
        log.warning("refs.not_removed", workspace=lease.workspace_id, error=str(problem)[-300:])


def present(lease: Lease, landings: Sequence[Landing]) -> list[Landing]:
    """Those of these landings whose commits are here, once what other hosts shared is fetched: nothing else reads a landing's commit. The others
    wait for the host that has theirs, which is asked for it; where there is none, their entries begin again. Raises Unreachable."""
    missing = [landing for landing in landings if not local_repository.has(lease.repo, landing.commit)]
    if missing and isinstance(lease.authority, Remote):
        refs = [claims.ref_of(landing.entry_id) for landing in missing if landing.entry_id]
        lease.authority.fetch(list(lease.authority.refs(*refs)))
    gone = [landing for landing in missing if not local_repository.has(lease.repo, landing.commit)]
    if gone and not local_repository.has(lease.repo, lease.row().tip):
        raise GitError("cat-file", "The landed commit cannot be read: the repository itself is in trouble")
    present_now = [landing for landing in landings if landing not in gone]
    queue.has_come(present_now)
    for landing in gone:
        _wait(lease, landing)
    return present_now


def _wait(lease: Lease, landing: Landing) -> None:
    what = f"The commit {landing.commit[:12]}" + (f" of #{landing.entry.seq}" if landing.entry else "")
    host = lost_work.elsewhere(landing.round) if landing.round is not None else None
    log.warning("landing.commit_missing", entry=landing.entry_id, commit=landing.commit, host=host.name if host else "")
    if landing.entry is not None and landing.round is not None and host is None:
        lost_work.begin_again_at_once(landing.entry)
        return
    if landing.entry is not None and host is not None:
        lost_work.wait_for(landing.entry.pk, host.id)
    where = f"is on {host.name} alone, which is asked for it" if host else "is not on this host"
    queue.wait_for_host(landing, f"{what} {where}: it lands once it is shared, and others land meanwhile")
    wake_ups.publish_change(lease.workspace_id, "landing", "entries")
