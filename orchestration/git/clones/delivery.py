"""The entry's branch in the user's repository: the only ref that an entry's work moves there."""

import re
from collections.abc import Sequence
from pathlib import Path

from orchestration.git import branches, recovery
from orchestration.git import command as git
from orchestration.git.clones.store import joining, stores
from orchestration.git.clones.store.stores import Store
from orchestration.git.command import GitError

TRIES = 3
_UNFIT = re.compile(r"object [0-9a-f]+: (\w+: .*)")


def move_branch(store: Store, path: Path, branch: str, tip: str, *, before: str, base: str) -> str:
    """Move the branch from where it was last put to `tip`, with a compare on the old value; empty: it is new. What somebody else put there
    meanwhile is joined. `path`: of the entry's working copy. Returns where the branch is now. Raises GitError."""
    if tip == before:
        return tip
    branches.refuse_if_checked_out(store.repo, branch, except_in=path)
    for _ in range(TRIES):
        stores.deliver(store, tip, kept=[base, before] if before else [base])
        recovery.release_branch_lock(store.repo, branch)
        code, _, errors = git.attempt(store.repo, "update-ref", "-m", "muster: work", f"refs/heads/{branch}", tip, before)
        if code == 0:
            return tip
        now = branches.tip(store.repo, branch) or branches.NO_REF
        if now == tip:
            return tip
        if now == before:
            stores.forget(store)  # what both had may be gone from the user's repository
        else:
            before = now
            if now:
                stores.bring(store, now)
                tip = joining.joined(store, now, tip)
    raise GitError("update-ref", f"the branch {branch!r} could not be moved: {errors}")


def refusal(store: Store, tip: str, *, kept: Sequence[str]) -> str:
    """Deliver the commit to the user's repository. Returns the defect by which git's strict check refused it, since it could harm other
    gits. Empty: the repository has the commit now. Raises GitError."""
    try:
        stores.deliver(store, tip, kept=[commit for commit in kept if commit])
    except GitError as problem:
        if match := _UNFIT.search(str(problem)):
            return match[1]
        raise
    return ""


def keep(store: Store, path: Path, commit: str) -> None:
    """A commit that an agent took off its branch: no work is lost."""
    stores.deliver(store, commit, kept=[])
    git.run(store.repo, "update-ref", f"refs/muster/strayed/{path.name}/{commit[:12]}", commit)
