"""Verified work without an agent: an entry whose session has passed with a commit that adds one file, and waits for its landing."""

from typing import Any

from orchestration import sessions
from orchestration.git import branches
from orchestration.git import command as git
from orchestration.landing import branch
from orchestration.models import Entry, Session
from orchestration.sessions import Ending, rounds
from orchestration.sessions.ending import Verdict
from tests.factories import an_entry
from tests.orchestration.worker.sessions.shop import BRANCH, Shop


def verified(work: Shop, name: str, **draft: Any) -> Entry:
    """An entry that creates this file."""
    entry = an_entry(work.workspace, budget="1", content=f"write {name}", files=[name], **draft)
    claimed = work.claim(entry)
    session = sessions.take(claimed.pk, attempt=claimed.attempt, worker=work.heartbeat.worker)
    assert session is not None
    start = branch.start_point(work.workspace, BRANCH)
    opened = rounds.begin(session, base_commit=start)
    opened.commit = commit(work, start, name)
    opened.save(update_fields=["commit"])
    work.git("update-ref", f"refs/heads/{entry.branch}", opened.commit, branches.NO_REF)
    verdict = Verdict(passed=True, score=1.0)
    rounds.close(opened, verdict)
    sessions.conclude(session, Ending(Session.Outcome.PASSED, verdict=verdict, lands=opened.commit))
    entry.refresh_from_db()
    return entry


def commit(work: Shop, start: str, name: str) -> str:
    """A commit on top of `start` that adds a file, without a working copy."""
    blob = work.git("rev-parse", f"{start}:README")
    listed = [*work.git("ls-tree", start).split("\n"), f"100644 blob {blob}\t{name}"]
    tree = git.run(work.repo, "mktree", text="\n".join(sorted(listed, key=lambda line: line.split("\t")[1])) + "\n")
    return work.git("commit-tree", tree, "-p", start, "-m", f"add {name}")
