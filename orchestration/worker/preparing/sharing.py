"""Sharing of a session's work with other hosts: claimed before the preparation, pushed after each commit, removed after its landing. Without several hosts
nothing happens."""

import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from orchestration.backlog import newest_work
from orchestration.git import history
from orchestration.git.command import GitError
from orchestration.landing import branch, queue
from orchestration.models import Entry, Executor, Landing, Session
from orchestration.repositories import claims, local_repository
from orchestration.repositories.authority import ABSENT, Authority, Moved
from orchestration.repositories.remote import Remote
from orchestration.sessions import Superseded
from workspaces.machine import hosts
from workspaces.models import Workspace
from workspaces.values.standing_query import StandingQuery

MAX_ASKED = 20  # at a time: sessions and landings share the connection

log = structlog.get_logger(__name__)


def claim(session: Session, start: str) -> None:
    """Claim the entry's work for this attempt, and fetch the newest. Raises Superseded for a newer attempt's claim, and GitError."""
    if (authority := local_repository.authority_of(session.workspace)) is None or session.entry is None:
        return
    local_repository.ensure(session.workspace)
    if session.candidate:  # the chosen one alone will have work for the others
        newest = newest_work.of(session.entry.pk)
        if newest is not None and newest.has_diff:
            local_repository.bring(session.workspace, newest.round.commit, claims.ref_of(session.entry.pk))
        return
    try:
        entry = session.entry
        claims.claim(authority, entry.pk, entry.branch, attempt=session.attempt, start=start, is_shared=entry.is_shared)
    except Moved:
        raise Superseded(session.pk) from None


def publish(session: Session) -> None:
    """Push the work so far for other hosts. After a failed push the next session runs on this host. Raises Superseded for a newer attempt's claim. Candidates' work
    is pushed once chosen."""
    if session.entry is not None and not session.candidate:
        publish_entry(session.workspace, session.entry)


def publish_entry(workspace: Workspace, entry: Entry) -> None:
    """Push the entry's branch for other hosts. Raises Superseded for a newer attempt's claim."""
    if (authority := local_repository.authority_of(workspace)) is None:
        return
    is_shared = _publish(authority, entry)
    if entry.is_shared != is_shared:
        Entry.objects.filter(pk=entry.pk).update(is_shared=is_shared)
        entry.is_shared = is_shared


def share_asked(*, but: Collection[str]) -> None:
    """Push requested work of landings, on this host alone."""
    here = (hosts.host_id(), socket.gethostname())
    if not _any_asked.any(here):
        return
    asked = _asked(here).exclude(workspace__in=but).exclude(workspace__executor__state=Executor.State.STOPPED)
    for landing in asked.select_related("entry", "workspace", "round")[:MAX_ASKED]:
        authority, entry = local_repository.authority_of(landing.workspace), landing.entry
        if authority is None or entry is None or not history.has(authority.repo, landing.commit):
            continue
        with suppress(Superseded, GitError):
            if landing.round is not None and landing.round.candidate:  # its commit may not be on the branch yet
                claims.follow(authority.repo, entry.pk, entry.branch, landing.commit)
            if _share(authority, entry, landing.commit):
                Entry.objects.filter(pk=entry.pk).update(is_shared=True, host_away_at=None)
                queue.has_come([landing])
                branch.wake(landing.workspace_id)


def _asked(here: tuple[str, str]) -> QuerySet[Landing]:
    mine = Q(entry__host_id__in=here)
    return Landing.objects.filter(mine, state__in=Landing.NOT_ENDED, not_before__isnull=False)


_any_asked = StandingQuery(_asked)


def tidy_all(*, but: Collection[str]) -> None:
    """Tidy every workspace but these, after landers' failures and people's deletions."""
    stopped = Executor.objects.filter(state=Executor.State.STOPPED).values(
        "pk"
    )  # of a restored copy, it may be another Muster's work
    shared = Workspace.objects.filter(deleted_at__isnull=True).exclude(host_id="")
    for workspace in shared.exclude(pk__in=but).exclude(pk__in=stopped):
        try:
            tidy(workspace)
            _ask_again(workspace)
        except GitError as problem:
            log.warning("refs.not_removed", workspace=workspace.pk, error=str(problem)[-300:])


def tidy(workspace: Workspace) -> None:
    """Remove the shared refs of done entries, and of deleted ones after MUSTER_KEEP_DAYS: a deletion may be undone. Raises Unreachable."""
    authority = local_repository.authority_of(workspace)
    refs = authority.under(claims.PREFIX) if authority is not None else {}
    if authority is None or not refs:
        return
    done = Q(status=Entry.Status.DONE, deleted_at=None) | Q(deleted_at__lt=Now() - timedelta(days=settings.KEEP_DAYS))
    by_id = {ref.removeprefix(claims.PREFIX): ref for ref in refs}
    over = Entry.objects.filter(done, workspace=workspace, pk__in=by_id).values_list("pk", flat=True)
    authority.discard({by_id[id_]: refs[by_id[id_]] for id_ in over})


def _ask_again(workspace: Workspace) -> None:
    """Probe again a remote for branches alone."""
    authority, base = local_repository.authority_of(workspace), f"refs/heads/{workspace.base_branch}"
    if isinstance(authority, Remote) and authority.only_branches:
        at = authority.refs(base).get(base, ABSENT)
        if at and history.has(authority.repo, at):
            authority.ask_again(f"refs/muster/hosts/{hosts.host_id()}", at)


def _publish(authority: Authority, entry: Entry) -> bool:
    with _logged(entry):
        claims.publish(authority, entry.pk, entry.branch)
        return True
    return False


def _share(authority: Authority, entry: Entry, commit: str) -> bool:
    with _logged(entry):
        return claims.share(authority, entry.pk, entry.branch, commit)
    return False


@contextmanager
def _logged(entry: Entry) -> Iterator[None]:
    """Log a failed push in this block. Raises Superseded for a newer attempt's claim."""
    try:
        yield
    except Moved:
        raise Superseded(entry.pk) from None
    except GitError as problem:
        log.warning("work.not_shared", entry=entry.pk, error=str(problem)[-300:])
