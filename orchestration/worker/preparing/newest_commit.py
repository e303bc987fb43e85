"""The newest work of an entry, on its branch before a session begins. Without it the session ends: it would verify something else."""

from pathlib import Path

from orchestration.backlog import lost_work, newest_work
from orchestration.backlog.newest_work import Newest
from orchestration.git import branches, history
from orchestration.git.command import GitError
from orchestration.models import Conversation, Entry, Round, Session
from orchestration.repositories import claims
from orchestration.sessions import Ending
from orchestration.worker import endings
from orchestration.worker.endings import Facts
from orchestration.worker.preparing import candidate_places

ELSEWHERE = "{host} has its newest work, and has not shared it: it goes on there"
GONE = "The work of round {number} is not in the repository any more: the entry begins again from what is there"
NOTHING = "What was to be verified is gone: the entry begins again from what is there"


def have(session: Session, repo: Path, start: str) -> Ending | None:
    """Bring the newest work to the entry's branch, on the integration tip `start`. Returns an ending if another host has it, or if lost work was only to be verified.
    Raises GitError."""
    entry = session.entry
    newest = newest_work.of(entry.pk)
    if newest is None:
        given_up = Round.objects.filter(entry=entry, given_up=True).exists()
        return _begin_again(session, NOTHING) if given_up else None
    if not newest.has_diff:
        return None
    commit = newest.round.commit
    if not history.has(repo, commit):
        if not history.has(repo, start):
            raise GitError("cat-file", f"{start[:12]} cannot be read: the repository itself is in trouble")
        return _missing(session, newest)
    tip = branches.tip(repo, entry.branch)
    if newest.round.candidate and tip and not newest_work.is_on(repo, tip, commit) and not newest_work.is_on(repo, commit, tip):
        candidate_places.replace(session, commit)
        return None
    if not newest_work.is_on(repo, start, commit) and (not tip or newest_work.is_on(repo, commit, tip)):
        claims.follow(repo, entry.pk, entry.branch, commit)  # the branch was deleted, or moved back
    return None


def _missing(session: Session, newest: Newest) -> Ending | None:
    """The ending without the newest work: on another host, or lost."""
    host = lost_work.elsewhere(newest.round)
    if host is None:
        lost_work.give_up(session.entry, newest.round)
        Conversation.objects.filter(entry=session.entry).delete()
        return _begin_again(session, GONE.format(number=newest.round.number))
    lost_work.wait_for(session.owner_id, host.id)
    return endings.after(Facts("not_begun", "host", (ELSEWHERE.format(host=host.name),)))


def _begin_again(session: Session, message: str) -> Ending | None:
    """End a session for verification alone. An implementing one has money to begin again."""
    if session.work == Entry.Work.IMPLEMENT:
        return None
    Entry.objects.filter(pk=session.entry_id).update(next_work=Entry.Work.IMPLEMENT)
    return endings.after(Facts("not_begun", "work", (message,)))
