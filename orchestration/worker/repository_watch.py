"""Health checks of repositories, by session workers: of running workspaces, and after a session's failure."""

from collections.abc import Collection

import structlog
from django.db.models import Exists, OuterRef, Q, QuerySet

from orchestration import configuration
from orchestration.configuration import repository_breaker
from orchestration.git import command as git
from orchestration.git import health, recovery
from orchestration.git.health import Trouble
from orchestration.models import Entry, Executor, Session
from orchestration.repositories import local_repository
from orchestration.sessions.folders import session_dir
from workspaces.machine import hosts
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

IDLE_AT_ONCE = 10
_looked_at = ""

OWN = "muster/"
"""Muster's own branches. Their stale locks are a killed git's; other locks may be a person's."""


def look_at_all() -> Collection[str]:
    """Open and close the circuit breakers of repositories. Idle workspaces take turns, a few each time. Returns the recovered workspaces."""
    if not _any_at_work.any():
        return []
    executors = Executor.objects.filter(workspace__deleted_at__isnull=True, workspace__host_id__in=("", hosts.host_id()))
    entries = Entry.objects.filter(workspace_id=OuterRef("pk"), deleted_at__isnull=True)
    has_work = Exists(entries.exclude(status__in=[Entry.Status.DONE, Entry.Status.FAILED]))
    running = executors.filter(state=Executor.State.RUNNING, repository_code="")
    at_work = executors.filter(Q(repository_code__gt="") | (Q(state=Executor.State.RUNNING) & has_work))
    back = []
    for executor in [*at_work.select_related("workspace"), *_next_idle(running.exclude(has_work))]:
        trouble = _look(executor)
        if trouble is not None and (trouble.code, trouble.message) != (executor.repository_code, executor.repository_message):
            log.warning("repository.breaker_opened", workspace=executor.pk, code=trouble.code)
            repository_breaker.opened(executor.pk, trouble)
        elif trouble is None and executor.repository_code and repository_breaker.closed(executor.pk):
            log.info("repository.breaker_closed", workspace=executor.pk)
            back.append(executor.pk)
    return back


_any_at_work = StandingQuery(lambda: Executor.objects.filter(Q(repository_code__gt="") | Q(state=Executor.State.RUNNING)))


def _next_idle(idle: QuerySet[Executor]) -> list[Executor]:
    """The next few by id, round-robin."""
    global _looked_at
    rows = list(idle.filter(pk__gt=_looked_at).select_related("workspace").order_by("pk")[:IDLE_AT_ONCE])
    _looked_at = rows[-1].pk if len(rows) == IDLE_AT_ONCE else ""
    return rows


def trouble_behind(session: Session, *, by_git: bool) -> tuple[str, bool]:
    """Check the repository after a session's failure, and open its breaker if needed. Returns the present trouble, or "", and True if there was any during the
    session. After a failure of git each file and a fresh lock count too."""
    executor = Executor.objects.select_related("workspace").get(pk=session.workspace_id)
    trouble = _look(executor, after_failure=by_git) if local_repository.is_home(executor.workspace) else None
    if trouble is None and by_git and not session.is_run:
        trouble = health.checked_out(local_repository.path(executor.workspace), session.branch, own=session_dir.worktrees())
    if trouble is not None:
        repository_breaker.opened(executor.pk, trouble)
        return trouble.message, True
    return "", repository_breaker.was_open_since(executor.pk, session.started_at)


def _look(executor: Executor, *, after_failure: bool = False) -> Trouble | None:
    """Check a repository. An open breaker gets the thorough check of its opening."""
    repo = local_repository.path(executor.workspace)
    branch = configuration.load(executor.config).integration_branch
    is_close = after_failure or bool(executor.repository_code)
    trouble = health.find(
        repo,
        branch,
        lock_age_s=0 if is_close else health.OLD_LOCK_S,
        all_objects=after_failure or executor.repository_code == "bad_object",
    )
    if trouble is not None and trouble.code == "locked" and branch.startswith(OWN):
        recovery.release_old_lock(repo, f"refs/heads/{branch}", after_s=git.TIMEOUT_S)  # for the next check
    if trouble is None and executor.repository_branch:
        return health.checked_out(repo, executor.repository_branch, own=session_dir.worktrees())
    return trouble
