"""The ref of an entry's work at the authority: an attempt claims it, and each round moves it on.

The claim is a commit on top of the newest work, of no branch. A host that lost the entry meanwhile pushes against what it last wrote there: that is
refused, whatever it believes.
"""

from pathlib import Path

from orchestration.git import branches, changes, history, places
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.repositories.authority import ABSENT, Authority, Moved

TRIES = 5
TRAILER = "Muster-Claim"
PREFIX = "refs/muster/entries/"


def ref_of(entry_id: str) -> str:
    return PREFIX + entry_id


def claim(authority: Authority, entry_id: str, branch: str, *, attempt: int, start: str, is_shared: bool = True) -> None:
    """Claim the entry's work for this attempt; the entry's branch on this host gets the newest of it. `start`: the commit on which an entry begins
    that has none, and one that is reopened after its work landed. `is_shared`: no host has work of it alone. Raises Moved, Unreachable, or
    GitError."""
    ref, repo = ref_of(entry_id), authority.repo
    for _ in range(TRIES):
        at = authority.refs(ref).get(ref, ABSENT)
        if at:
            authority.fetch([ref])
        if not at and is_shared and places.value_of(repo, ref):  # it was shared, and is no longer: it landed
            _begin_anew(repo, entry_id, branch, start)
        newest = follow(repo, entry_id, branch, work_of(repo, at) if at else ABSENT)
        new = _commit(repo, newest or start, f"Claim {entry_id}\n\n{TRAILER}: {attempt}\n")
        try:
            authority.move(ref, new, before=at)
        except Moved:
            continue
        return
    raise Moved(ref)


def publish(authority: Authority, entry_id: str, branch: str) -> None:
    """Let the other hosts have what is on the entry's branch. Raises Moved where another attempt claimed the work; or Unreachable."""
    ref, repo = ref_of(entry_id), authority.repo
    tip, before = branches.tip(repo, branch), places.value_of(repo, ref)
    if not tip or tip in (before, work_of(repo, before) if before else ""):
        return
    try:
        authority.move(ref, tip, before=before)
    except Moved:
        at = authority.refs(ref).get(ref, ABSENT)
        if at == before or not _has(repo, tip, at):
            raise
        authority.move(
            ref, tip, before=at
        )  # an earlier push had come, though its answer was lost: no claim is in a branch's history


def share(authority: Authority, entry_id: str, branch: str, commit: str) -> bool:
    """Let the other hosts have this commit of the entry's branch, whatever this host believes that they have. Returns True if they can have it
    now. Raises Moved where another attempt claimed the work; or Unreachable."""
    ref, repo = ref_of(entry_id), authority.repo
    at, tip = authority.refs(ref).get(ref, ABSENT), branches.tip(repo, branch) or commit
    if _has(repo, at, commit):
        return True
    if at and at != places.value_of(repo, ref) and not _has(repo, tip, at):
        raise Moved(ref)
    authority.move(ref, tip, before=at)
    return _has(repo, tip, commit)


def _has(repo: Path, tip: str, commit: str) -> bool:
    """True if the tip is here and contains the commit."""
    return bool(tip and commit) and history.has(repo, tip) and history.has(repo, commit) and history.contains(repo, tip, commit)


def work_of(repo: Path, commit: str) -> str:
    """The work that a commit of such a ref stands for: itself, or what it claims."""
    parent, _, message = git.run(repo, "log", "-1", "--format=%P%x00%B", commit).partition("\0")
    return parent if f"\n{TRAILER}: " in message else commit


def follow(repo: Path, entry_id: str, branch: str, work: str) -> str:
    """Put the entry's branch on this host where the shared work is, unless it is ahead of it. What only this host had stays on a ref, and in the
    entry's clone, which merges it. Returns where the branch is now. Raises GitError."""
    here = branches.tip(repo, branch) or ABSENT
    if not work or here == work or (here and history.contains(repo, here, work)):
        return here
    _put(repo, entry_id, branch, work, here)
    return work


def _begin_anew(repo: Path, entry_id: str, branch: str, start: str) -> None:
    here = branches.tip(repo, branch)
    if here and not history.contains(repo, start, here):
        _put(repo, entry_id, branch, start, here)


def _put(repo: Path, entry_id: str, branch: str, work: str, here: str) -> None:
    """Move the entry's branch on this host from `here`, which stays on a ref where it is not part of the work."""
    if here and not history.contains(repo, work, here):
        git.run(repo, "update-ref", f"refs/muster/strayed/{entry_id}/{here[:12]}", here)
    branches.refuse_if_checked_out(repo, branch)
    code, _, errors = git.attempt(repo, "update-ref", "-m", "muster: claim", f"refs/heads/{branch}", work, here)
    if code:
        raise GitError("update-ref", errors)


def _commit(repo: Path, parent: str, message: str) -> str:
    return git.run(repo, "commit-tree", changes.tree_of(repo, parent), "-p", parent, "-F", "-", text=message)
