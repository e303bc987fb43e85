"""The branch of a pull request: pushed to its forge's repository, and taken in from there with what others pushed. By git alone: no forge is asked."""

from dataclasses import dataclass
from pathlib import Path

from orchestration.backlog import newest_work
from orchestration.git import branches, conflicts
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.landing import candidates
from orchestration.models import Entry, PullRequest
from orchestration.repositories import problems
from orchestration.sessions.folders import session_dir

PUSH_TIMEOUT_S, LIST_TIMEOUT_S = 120, 60.0
STALE = "stale info"  # git's own words


@dataclass(frozen=True)
class Taken:
    """`theirs`: the commit there. `head`: the same, merged with work that was not pushed yet, if there was some. `is_forced`: Muster's work is
    no part of it."""

    theirs: str
    head: str
    is_forced: bool


def push(repo: Path, row: PullRequest, remote: str) -> str:
    """Push the branch. Returns the reason why that failed, as `STALE` where it is not as Muster left it; empty: it is there."""
    ref = f"refs/heads/{row.branch}"
    command = ("push", "--porcelain", "--no-verify", f"--force-with-lease={ref}:{row.pushed}", remote, f"{row.head}:{ref}")
    try:
        code, output, errors = git.attempt(repo, *command, timeout_s=PUSH_TIMEOUT_S)
    except GitError as error:
        code, output, errors = 1, "", str(error)
    if code == 0:
        return ""
    if STALE in output:
        return STALE
    return f"{row.branch} could not be pushed to {remote}. {problems.sentence(errors, output)}"


def is_there(repo: Path, row: PullRequest, remote: str) -> bool:
    """Raises GitError."""
    return bool(git.run(repo, "ls-remote", remote, f"refs/heads/{row.branch}", timeout_s=LIST_TIMEOUT_S))


def take_in(repo: Path, row: PullRequest, remote: str) -> Taken:
    """Have the commits of others here, on the entry's branch, from which its next round starts. Where there is nothing new, the branch stays.
    Raises GitError."""
    theirs = branches.fetch(repo, remote, row.branch, f"refs/muster/pulls/{row.entry_id}")
    if theirs == row.head:
        return Taken(theirs, theirs, is_forced=False)
    head = theirs if row.pushed == row.head else _joined(repo, row, theirs)
    is_forced = not newest_work.is_on(repo, head, row.head)
    _move_branch(repo, row.entry, head)
    return Taken(theirs, head, is_forced)


def _joined(repo: Path, row: PullRequest, theirs: str) -> str:
    """Their commits and the newest round's in one. Raises GitError where they conflict."""
    if newest_work.is_on(repo, row.head, theirs):
        return row.head
    merge = conflicts.merge_trees(repo, row.head, theirs)
    if merge.files:
        named = ", ".join(merge.files[:5])
        raise GitError(
            "merge", f"They conflict with the newest round in {named}: merge {row.entry.branch} there, or take them back"
        )
    message = f"Merge what others pushed to {row.branch}\n\nMuster-Entry: {row.entry_id}\n"
    return candidates.write(repo, merge.sha, [row.head, theirs], message)


def _move_branch(repo: Path, entry: Entry, head: str) -> None:
    """The branch's former work is kept under a ref of Muster's own. Raises GitError."""
    before = branches.tip(repo, entry.branch)
    if before == head:
        return
    branches.refuse_if_checked_out(repo, entry.branch)
    session_dir.working_copy(entry).discard()
    branches.replace(repo, entry.branch, head, before=before, keep_as=f"refs/muster/pulls/{entry.pk}-before")
