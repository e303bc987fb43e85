"""New commits of the base branch go to the head of the landing queue, as a merge with the usual checks."""

import time

import structlog

from orchestration.git import branches, history
from orchestration.git.command import GitError
from orchestration.landing import queue
from orchestration.models import Landing
from orchestration.repositories import problems
from orchestration.worker.lander.lease import Lease
from orchestration.worker.preparing.workbench import LanderBench
from workspaces.values.git_urls import without_password

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 300.0
PAUSE_FACTOR = 10  # times a failed try's duration: the lander's thread is shared
AWAY = "New commits of"
_next_fetch: dict[str, tuple[float, float]] = {}
"""The back-off by workspace, within this process: the time of the next fetch, and the pause after the next failure."""


def follow(lease: Lease) -> None:
    """Queue the base branch's tip if it moved."""
    if not lease.bench.config.follow_base or lease.bench.base_branch == lease.bench.branch:
        return
    tip = _tip(lease)
    row = lease.row
    if tip is None or tip == row.base_tip:
        return
    if not row.tip:
        return
    queue.replace_branch(lease.workspace_id, row.base_tip)
    if not history.contains(lease.bench.repo, row.tip, tip):
        queue.enqueue_branch(lease.workspace_id, Landing.Kind.BASE, tip)
    lease.write(base_tip=tip, base_problem="")


def _tip(lease: Lease) -> str | None:
    """The base branch's commit. Of clones, and with pull requests, it is the remote's, fetched after a move."""
    bench, remote = lease.bench, _remote(lease.bench)
    due, pause = _next_fetch.get(lease.workspace_id, (0.0, FIRST_PAUSE_S))
    if remote and (began := time.monotonic()) >= due:
        try:
            branches.follow(bench.repo, remote, bench.base_branch, is_ours=bool(bench.origin))
            _show(lease, "")
            _next_fetch[lease.workspace_id] = (time.monotonic() + FIRST_PAUSE_S, FIRST_PAUSE_S)
        except GitError as problem:
            log.info("base.not_fetched", workspace=lease.workspace_id, error=str(problem)[-200:])
            if pause > FIRST_PAUSE_S:  # not at the first failure
                what = without_password(bench.origin) or bench.base_branch
                why = problems.sentence(str(problem))
                _show(lease, f"{AWAY} {what} could not be fetched. {why}. Work lands on this host meanwhile")
            ended = time.monotonic()
            _next_fetch[lease.workspace_id] = (ended + max(pause, (ended - began) * PAUSE_FACTOR), min(pause * 2, MAX_PAUSE_S))
    return branches.tip(bench.repo, bench.base_branch, remote=remote)


def _remote(bench: LanderBench) -> str:
    if bench.config.land_by == "pull_request" and bench.config.forge is not None and bench.is_home:
        return bench.config.forge.remote
    return "origin" if bench.origin else ""


def _show(lease: Lease, problem: str) -> None:
    """Show a problem with the remote, or clear it with "". Another problem of the base branch stays."""
    shown = lease.row.base_problem
    is_ours = shown.startswith(AWAY)
    if (problem and not shown) or (is_ours and not problem):
        lease.write(base_problem=problem)
