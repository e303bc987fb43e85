"""Looks at the repositories of the workspaces at work, and at the one that a session failed with. Session workers do, since they use them."""

from collections.abc import Collection
from dataclasses import replace

import structlog
from django.db.models import Q

from orchestration import configuration
from orchestration.configuration import repository_breaker
from orchestration.git import command as git
from orchestration.git import health, recovery
from orchestration.git.health import Trouble
from orchestration.models import Executor, Session
from orchestration.repositories import here
from orchestration.sessions import Ending, rounds, session_dir
from workspaces import hosts

log = structlog.get_logger(__name__)

OWN = "muster/"
"""The branches of Muster's own. A git that was killed left their locks behind; those of others may be a person's."""
READ_ONLY = "Read-only file system"
INTERRUPTED = "The repository could not be used: the work is kept, and goes on when it is back."


def look_at_all() -> Collection[str]:
    """Open and close the circuit breakers of repositories. Returns the workspaces whose repository is back."""
    executors = Executor.objects.filter(
        Q(state=Executor.State.RUNNING) | Q(repository_code__gt=""),
        workspace__deleted_at__isnull=True,
        workspace__host_id__in=("", hosts.host_id()),
    )
    back = []
    for executor in executors.select_related("workspace"):
        trouble = _look(executor)
        if trouble is not None and (trouble.code, trouble.message) != (executor.repository_code, executor.repository_message):
            log.warning("repository.breaker_opened", workspace=executor.pk, code=trouble.code)
            repository_breaker.opened(executor.pk, trouble)
        elif trouble is None and executor.repository_code and repository_breaker.closed(executor.pk):
            log.info("repository.breaker_closed", workspace=executor.pk)
            back.append(executor.pk)
    return back


def ending_for(session: Session, ending: Ending, *, by_git: bool) -> Ending:
    """The ending of a session that failed: `interrupted`, if its repository cannot be used now or could not meanwhile. Then it was no failure
    of the entry. `by_git`: git itself reported it, so that each file and a fresh lock count too.
    """
    executor = Executor.objects.select_related("workspace").get(pk=session.workspace_id)
    trouble = _look(executor, after_failure=by_git) if here.is_home(executor.workspace) else None
    if trouble is None and by_git and not session.is_run:
        trouble = health.checked_out(here.path(executor.workspace), session.entry.branch, own=session_dir.worktrees())
    if trouble is not None:
        repository_breaker.opened(executor.pk, trouble)
    elif not (by_git and READ_ONLY in ending.message) and not repository_breaker.was_open_since(executor.pk, session.started_at):
        return ending
    message = f"{INTERRUPTED} {trouble.message if trouble else ending.message}"[:500]
    return replace(
        ending,
        outcome=Session.Outcome.INTERRUPTED,
        message=message,
        findings=(message,),
        verify_next=rounds.is_work_done(session),
    )


def _look(executor: Executor, *, after_failure: bool = False) -> Trouble | None:
    """An open breaker is looked at as closely as when it was opened."""
    repo = here.path(executor.workspace)
    branch = configuration.load(executor.config).integration_branch
    is_close = after_failure or bool(executor.repository_code)
    trouble = health.find(
        repo,
        branch,
        lock_age_s=0 if is_close else health.OLD_LOCK_S,
        all_objects=after_failure or executor.repository_code == "bad_object",
    )
    if trouble is not None and trouble.code == "locked" and branch.startswith(OWN):
        recovery.release_old_lock(repo, f"refs/heads/{branch}", after_s=git.TIMEOUT_S)  # the next look sees it gone
    if trouble is None and executor.repository_branch:
        return health.checked_out(repo, executor.repository_branch, own=session_dir.worktrees())
    return trouble
