"""Pushing the integration branch to a remote, where the workspace wants it. A push that fails is shown and tried with the next merge."""

from pathlib import Path

import structlog

from orchestration import configuration, events
from orchestration.git import branches
from orchestration.git import command as git
from orchestration.messaging import wake_ups
from orchestration.models import Executor
from workspaces import activity
from workspaces.access import MUSTER

log = structlog.get_logger(__name__)

TIMEOUT_S = 120


def push(workspace_id: str, repo: Path) -> None:
    """Never forced: a remote that went its own way says so. The work itself is safe in the local branch whatever happens here."""
    config = configuration.load(Executor.objects.values_list("config", flat=True).get(pk=workspace_id))
    if config.push is None:
        return
    branch = config.integration_branch
    what = f"refs/heads/{branch}:refs/heads/{config.push.branch or branch}"
    sha = branches.tip(repo, branch) or ""
    try:
        git.run(repo, "push", "--porcelain", "--no-verify", config.push.remote, what, timeout_s=TIMEOUT_S)
    except git.GitError as error:
        _note(workspace_id, error=str(error)[-500:])
        log.warning("push.failed", error=str(error)[-300:])
        return
    _note(workspace_id, commit=sha)


def _note(workspace_id: str, *, error: str = "", commit: str = "") -> None:
    before = Executor.objects.values_list("push_error", flat=True).get(pk=workspace_id)
    fields = {"push_error": error} | ({"pushed_commit": commit} if commit else {})
    Executor.objects.filter(pk=workspace_id).update(**fields)
    if bool(error) != bool(before):
        event = events.IntegrationPushFailed() if error else events.IntegrationPushed()
        activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id, reason=error)
    wake_ups.publish_change(workspace_id, "executor")
