"""The refs of an integration branch: Muster's own, which is where landings happen, and the named branch, which follows it.

Each moves by compare-and-set after the fence, so that a lander that lost its lease undoes nothing.
"""

from orchestration.git import branches, history, places, recovery
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.landing import branch
from orchestration.repositories.authority import Moved, Unreachable
from orchestration.repositories.remote import Remote
from orchestration.worker.lander import shared
from orchestration.worker.lander.lease import Lease


def value_of(lease: Lease, ref: str) -> str:
    if (known := places.ref(lease.repo, ref)) is not None:
        return known
    code, sha, _ = git.attempt(lease.repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return sha.strip() if code == 0 else ""


def follow_row(lease: Lease) -> None:
    """Put Muster's own ref where the row's tip is, while no intent is open. A lander that was killed between the two left it elsewhere."""
    before, tip = value_of(lease, branch.ref_of(lease.workspace_id)), lease.row().tip
    if tip and before != tip:
        move_own(lease, tip, before, "muster: follow")


def move_own(lease: Lease, new: str, before: str, message: str) -> None:
    """Move Muster's own ref. Raises Fenced or GitError; then a lock that a git left in a power failure is gone for the next try."""
    own_ref = branch.ref_of(lease.workspace_id)
    if problem := _move(lease, own_ref, new, before, message):
        recovery.release_old_lock(lease.repo, own_ref, after_s=git.TIMEOUT_S)
        raise GitError("update-ref", problem)


def deliver(lease: Lease, commit: str, *, here: str = "") -> None:
    """Let the named branch follow, unless it is checked out somewhere: the next call catches up. `here`: the branch's commit, if it is
    known."""
    row, seen = lease.row(), follow(lease, commit, here=here)
    if any(getattr(row, field) != value for field, value in seen.items()):
        lease.write(**seen)


def follow(lease: Lease, commit: str, *, here: str = "") -> dict[str, str]:
    """Let the named branch follow, as `deliver` does. Returns the fields to write to the row."""
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
        errors = _move(lease, f"refs/heads/{name}", commit, here, "muster: land")
        problem = f"not delivered: {errors}" if errors else ""
    return {"undelivered": problem[:300], "delivered": delivered if problem else commit}


def is_between(lease: Lease, delivered: str, here: str, tip: str) -> bool:
    """True if the branch extends what was delivered and all of it has landed: moving it on to `tip` drops nothing."""
    if not here or here in (delivered, tip):
        return bool(here)
    return bool(delivered) and contains(lease, here, delivered) and contains(lease, tip, here)


def contains(lease: Lease, tip: str, commit: str) -> bool:
    try:
        return history.contains(lease.repo, tip, commit)
    except GitError:  # one of them is not there
        return False


def _move(lease: Lease, ref: str, new: str, before: str, message: str) -> str:
    """Compare-and-set of a ref whose value `before` was read earlier. Returns git's error, empty if it moved. Raises Fenced.

    The fence is checked after that read: a lander that takes the lease from then on moves the ref first, and this one sees another value.
    """
    lease.write()
    if isinstance(lease.authority, Remote):
        return _move_shared(lease, ref, new)
    code, _, errors = git.attempt(lease.repo, "update-ref", "-m", message, ref, new, before)
    return "" if code == 0 else errors.strip()[-200:] or "git gave no reason"


def _move_shared(lease: Lease, ref: str, new: str) -> str:
    """The same at the repository that several hosts share, and then here."""
    try:
        shared.move(lease, ref, new)
    except Moved:
        return "it was moved there by somebody else"
    except Unreachable as problem:
        return str(problem)
    return ""
