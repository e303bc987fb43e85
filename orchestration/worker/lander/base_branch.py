"""New commits of the base branch go to the head of the landing queue, as a merge that is judged like any other."""

import time

import structlog

from orchestration.git import branches, history
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.landing import queue
from orchestration.models import Landing
from orchestration.repositories import problems
from orchestration.worker.lander.lease import Lease
from orchestration.worker.preparing.workbench import LanderBench
from workspaces.values.git_urls import without_password

log = structlog.get_logger(__name__)

LIST_TIMEOUT_S, FETCH_TIMEOUT_S = 20.0, 60.0
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 300.0
PAUSE_FACTOR = 10  # times the time that a failed try took: others use the lander's thread as well
AWAY = "New commits of"
_next_fetch: dict[str, tuple[float, float]] = {}
"""By workspace: when its remote may be asked again, and the pause after the next failure. Of this process; another one asks by itself."""


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
    """The base branch's commit; of a clone, and where pull requests are merged, the remote's, fetched when it moved."""
    if not (remote := _remote(lease.bench)):
        return branches.tip(lease.bench.repo, lease.bench.base_branch)
    remote_ref = f"refs/remotes/{remote}/{lease.bench.base_branch}"
    due, pause = _next_fetch.get(lease.workspace_id, (0.0, FIRST_PAUSE_S))
    if (began := time.monotonic()) >= due:
        try:
            _fetch(lease.bench, remote, remote_ref)
            if lease.row.base_problem.startswith(AWAY):
                lease.write(base_problem="")
            _next_fetch[lease.workspace_id] = (time.monotonic() + FIRST_PAUSE_S, FIRST_PAUSE_S)
        except GitError as problem:
            log.info("base.not_fetched", workspace=lease.workspace_id, error=str(problem)[-200:])
            if pause > FIRST_PAUSE_S:  # not for one failure
                _show(lease, problem)
            ended = time.monotonic()
            _next_fetch[lease.workspace_id] = (ended + max(pause, (ended - began) * PAUSE_FACTOR), min(pause * 2, MAX_PAUSE_S))
    code, sha, _ = git.attempt(lease.bench.repo, "rev-parse", "--verify", "--quiet", f"{remote_ref}^{{commit}}")
    return sha.strip() if code == 0 else branches.tip(lease.bench.repo, lease.bench.base_branch)


def _remote(bench: LanderBench) -> str:
    if bench.config.land_by == "pull_request" and bench.config.forge is not None and bench.is_home:
        return bench.config.forge.remote
    return "origin" if bench.origin else ""


def _show(lease: Lease, problem: GitError) -> None:
    advice = problems.advice(str(problem)) or problems.summary(str(problem))[-300:]
    message = f"{AWAY} {without_password(lease.bench.origin) or lease.bench.base_branch} could not be fetched. {advice}. Work lands on this host meanwhile"
    if not lease.row.base_problem:
        lease.write(base_problem=message)


def _fetch(bench: LanderBench, remote: str, remote_ref: str) -> None:
    """Ask the remote, and fetch if its branch moved. Raises GitError."""
    named = f"refs/heads/{bench.base_branch}"
    line = git.run(bench.repo, "ls-remote", "--exit-code", remote, named, timeout_s=LIST_TIMEOUT_S)
    theirs = line.split()[0] if line else ""
    code, ours, _ = git.attempt(bench.repo, "rev-parse", "--verify", "--quiet", remote_ref)
    if code or ours.strip() != theirs:
        refspec = f"+refs/heads/{bench.base_branch}:{remote_ref}"
        git.run(bench.repo, "fetch", "--quiet", "--no-tags", remote, refspec, timeout_s=FETCH_TIMEOUT_S)
        if bench.origin:  # the clone is ours
            git.attempt(bench.repo, "update-ref", "-m", "muster: follow", f"refs/heads/{bench.base_branch}", theirs)
