"""Candidates' own working copies, branches and homes, from the entry's newest work. The chosen commit becomes the entry's branch. The others stay at refs for a
week."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import structlog
from django.conf import settings

from orchestration.git import branches
from orchestration.git import command as git
from orchestration.git.clones import working_copies
from orchestration.git.clones.working_copies import WorkingCopy
from orchestration.git.command import GitError
from orchestration.models import Entry, Round, Session
from orchestration.repositories import claims
from orchestration.sessions import Superseded, candidates, conversations, sandbox
from orchestration.sessions.folders import session_dir
from orchestration.worker.preparing import sharing

log = structlog.get_logger(__name__)

KEPT = "refs/muster/candidates/"
KEPT_S = 7 * 86_400


def begin(session: Session) -> None:
    """Start a candidate at its entry's newest work, or at its own after an interrupted round. Raises GitError."""
    if not session.candidate or _goes_on(session):
        return
    copy = session_dir.of_session(session)
    put_away(copy)
    sandbox.remove_scratch(settings.DATA_DIR / "homes" / session.work_id)
    conversations.forget(session.work_id)
    if tip := branches.tip(copy.repo, session.entry.branch):
        git.run(copy.repo, "update-ref", "-m", "muster: candidate", f"refs/heads/{session.branch}", tip, "")


def _goes_on(session: Session) -> bool:
    """True if no candidate of the last round has work: a candidate then continues with its own."""
    earlier = Round.of_any_candidate.filter(entry=session.entry, candidate=session.candidate)
    begun = earlier.select_related("session").order_by("-session__attempt").first()
    if begun is None:
        return False
    last = begun.session
    counted = Round.objects.filter(session__in=candidates.together(last)).first()
    later = Round.objects.filter(entry=session.entry, session__attempt__gt=last.first_attempt)
    if later.exclude(session__in=candidates.together(last)).exists():
        return False
    return counted is None or (counted.verdict == Round.Verdict.UNVERIFIED and not counted.agent_done)


def replace(session: Session, commit: str) -> None:
    """Replace a candidate with failed verification by another one's commit. Raises GitError."""
    assert session.entry is not None
    copy = session_dir.working_copy(session.entry)
    if copy.exists():
        copy.commit("What the candidate before left")
        copy.discard()
    claims.follow(copy.repo, session.entry.pk, session.entry.branch, commit)


def adopt(session: Session) -> None:
    """Move the entry's branch to the chosen candidate's commit, and share it. A host dead before that shares it later: its landing requests it."""
    if not session.candidate or session.entry is None:
        return
    passed = Round.objects.filter(session=session, session__outcome=Session.Outcome.PASSED).exclude(commit="").first()
    if passed is None:
        return
    session.entry.is_shared = False  # as its choice has left it
    try:
        claims.follow(session_dir.of_session(session).repo, session.entry.pk, session.entry.branch, passed.commit)
        sharing.publish_entry(session.workspace, session.entry)
    except (GitError, Superseded) as problem:
        log.warning("candidate.not_adopted", session=session.pk, error=str(problem)[-200:])


def put_away(copy: WorkingCopy) -> None:
    """Remove a candidate's working copy and branch. Its work stays at a ref. Raises GitError."""
    if copy.exists():
        copy.commit("What this candidate left")
        if not copy.discard():
            raise GitError("discard", f"{copy.path} has work that is nowhere else")
    if tip := branches.tip(copy.repo, copy.branch):
        git.run(copy.repo, "update-ref", f"{KEPT}{copy.name}/{int(time.time())}-{tip[:12]}", tip)
        git.run(copy.repo, "update-ref", "-d", f"refs/heads/{copy.branch}", tip)


def tidy(entry: Entry) -> None:
    """Put away the idle candidates of a done entry."""
    names = working_copies.names_in(session_dir.worktrees(), f"{entry.pk}-*")
    if not names:
        return
    at_work = set(Session.objects.filter(entry=entry, status__in=Session.OPEN).values_list("candidate", flat=True))
    for copy in _copies(entry, names):
        if int(copy.name.rpartition("-")[2]) not in at_work:
            try:
                put_away(copy)
            except GitError as problem:
                log.warning("candidate.not_removed", entry=entry.pk, error=str(problem)[-200:])


def forget_old(repo: Path) -> None:
    """Remove the refs of unchosen candidates after a week."""
    for ref in git.run(repo, "for-each-ref", "--format=%(refname)", KEPT).split():
        at = ref.rpartition("/")[2].partition("-")[0]
        if at.isdigit() and int(at) < time.time() - KEPT_S:
            git.attempt(repo, "update-ref", "-d", ref)


def _copies(entry: Entry, names: Iterable[str]) -> Iterator[WorkingCopy]:
    own = session_dir.working_copy(entry)
    for name in names:
        yield WorkingCopy(own.store, own.root, name, f"{entry.branch}.candidate-{name.rpartition('-')[2]}", own.wrap)
