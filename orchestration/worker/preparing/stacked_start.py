"""The start commit of an entry: the integration branch, with its dependencies in pull requests or unproven."""

from pathlib import Path

from orchestration.backlog import lost_work
from orchestration.git import changes, conflicts, history
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.models import Entry, Round, Session
from orchestration.pull_requests import stacking
from orchestration.repositories import claims, local_repository
from orchestration.worker.endings import Facts, SessionOver

ELSEWHERE = "The work of #{seq}, from which this entry starts, is on {host} alone: it starts there"


def start_for(session: Session, repo: Path, tip: str) -> str:
    """The start commit of a stacked entry, on the integration tip. Raises GitError for conflicting or missing work, and SessionOver for work on another host alone:
    the entry starts there."""
    assert session.entry is not None
    start = tip
    for below in stacking.begin(session.entry.pk):
        if not local_repository.bring(session.workspace, below.open_head, claims.ref_of(below.pk), f"refs/heads/{below.branch}"):
            _start_elsewhere(session, below)
        start = _with(repo, start, below)
    return start


def _start_elsewhere(session: Session, below: Entry) -> None:
    round_ = Round.objects.filter(entry=below, commit=below.open_head).select_related("session__workspace").last()
    if round_ is None or (host := lost_work.elsewhere(round_)) is None:
        raise GitError("fetch", f"{below.branch} of #{below.seq}, from which this entry starts, is not on this host yet")
    lost_work.wait_for(session.owner_id, host.id)
    sentence = ELSEWHERE.format(seq=below.seq, host=host.name)
    raise SessionOver(Facts("not_begun", "host", (sentence,)))


def _with(repo: Path, start: str, below: Entry) -> str:
    """A deterministic merge commit: a later round merges nothing anew."""
    head = below.open_head
    if history.contains(repo, start, head) or history.contains(repo, head, start):
        return start if history.contains(repo, start, head) else head
    merge = conflicts.merge_trees(repo, start, head)
    if merge.files:
        named = ", ".join(merge.files[:5])
        raise GitError(
            "merge",
            f"The work of #{below.seq} conflicts in {named} with what else this entry starts from: land it first",
        )
    date = git.run(repo, "log", "-1", "--format=%cI", head)
    message = f"Start from #{below.seq} {below.title}"[:200] + f"\n\nMuster-Entry: {below.pk}\n"
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    commit = git.run(repo, "commit-tree", merge.sha, "-p", start, "-p", head, "-F", "-", text=message, env=dates)
    changes.remember_tree(commit, merge.sha)
    return commit
