"""Pushes of the integration branch to the workspace's remote, if any. A failed push is shown, and repeated with the next merge."""

import time

import structlog

from orchestration.facts import events
from orchestration.git import command as git
from orchestration.messaging import wake_ups
from orchestration.models import Executor
from orchestration.repositories import problems
from orchestration.worker.preparing.workbench import LanderBench
from workspaces import activity
from workspaces.access import MUSTER

log = structlog.get_logger(__name__)

TIMEOUT_S = 120
PAUSE_FACTOR, MAX_PAUSE_S = 10, 300.0  # times a failed push's duration: workspaces share the thread
_paused_until: dict[str, float] = {}
ELSEWHERE = "Landed by a host that has no remote of this repository: a session worker on the host that has it pushes with its next landing"


def push(bench: LanderBench, commit: str, *, is_asked: bool = False) -> None:
    """Push a judged commit; the branch itself may be behind it, or have unjudged commits.

    Never forced: a diverged remote gives an error. Raises nothing: the work is safe in the local branch. A person's request ignores the back-off of a slow
    remote.
    """
    config, workspace_id = bench.config, bench.workspace_id
    if config.push is None or (time.monotonic() < _paused_until.get(workspace_id, 0) and not is_asked):
        return
    if not bench.is_home and not bench.origin:
        _record_result(workspace_id, error=ELSEWHERE)
        return
    refspec = f"{commit}:refs/heads/{config.push.branch or config.integration_branch}"
    began = time.monotonic()
    try:
        git.run(
            bench.repo,
            "push",
            "--porcelain",
            "--no-verify",
            config.push.remote,
            refspec,
            timeout_s=TIMEOUT_S,
        )
    except git.GitError as error:
        advice = problems.advice(str(error))
        _record_result(workspace_id, error=f"{str(error)[-380:]} {advice}".strip())
        _paused_until[workspace_id] = time.monotonic() + min((time.monotonic() - began) * PAUSE_FACTOR, MAX_PAUSE_S)
        log.warning("push.failed", error=str(error)[-300:])
        return
    _paused_until.pop(workspace_id, None)
    _record_result(workspace_id, commit=commit)


def _record_result(workspace_id: str, *, error: str = "", commit: str = "") -> None:
    before = Executor.objects.values_list("push_error", flat=True).get(pk=workspace_id)
    fields = {"push_error": error} | ({"pushed_commit": commit} if commit else {})
    Executor.objects.filter(pk=workspace_id).update(**fields)
    if bool(error) != bool(before):
        event = events.IntegrationPushFailed() if error else events.IntegrationPushed()
        activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id, reason=error)
    wake_ups.publish_change(workspace_id, "executor")
