"""`./muster workspace check ID`: what the page *Landing* says of a workspace before the first cent is spent, with progress."""

import time
from collections.abc import Callable, Iterator

from django.conf import settings

from orchestration import configuration
from orchestration.configuration import agent_checks, workspace_setup
from orchestration.hosts import online
from orchestration.landing import branch, reads
from orchestration.models import AgentCheck, Executor, Integration, TreeVerdict
from orchestration.pull_requests import connecting
from orchestration.sessions import sandbox
from orchestration.verdicts import scopes, store
from workspaces.models import Workspace

POLL_S = 0.5
MAX_NAMES = 20


def run(workspace_id: str, *, again: bool, timeout_s: float, write_line: Callable[[str], object]) -> int:
    """Returns the exit code: 0 when work can start, 1 when something is missing, 2 for an unknown workspace."""
    workspace = Workspace.objects.filter(pk=workspace_id, deleted_at__isnull=True).first()
    if workspace is None:
        write_line(f"There is no workspace {workspace_id}: ./muster workspace list shows them")
        return 2
    config = configuration.load(Executor.objects.get(pk=workspace.pk).config)
    if not _is_worker_online():
        write_line("No session worker is online: start Muster with ./muster up, or a worker with ./muster worker")
        return 1
    agent = _agent_check(workspace, timeout_s=timeout_s)
    write_line(f"Agent: {agent.message}" if agent else f"Agent: no session worker has looked within {timeout_s:g} s")
    is_ready = bool(agent and agent.ok)
    offer = sandbox.offer(config.sandbox, works=workspace_setup.has_private_networks())
    write_line(f"Sandbox: {sandbox.in_force(config.sandbox, online.sandboxes())[1]} {offer}".rstrip())
    if config.land_by == "pull_request":
        problem = connecting.trial(workspace.pk, workspace.base_branch)
        write_line(f"Forge: {problem or 'pull requests can be read'}")
        is_ready = is_ready and not problem
    if not config.verify:
        write_line("No verify command is configured: every result of the agent will pass.")
        return 0 if is_ready else 1
    verdict = _verdict(workspace, again=again, timeout_s=timeout_s, write_line=write_line)
    if verdict is None:
        return 1
    for line in _described(workspace, config, verdict):
        write_line(line)
    return 0 if is_ready else 1


def _agent_check(workspace: Workspace, *, timeout_s: float) -> AgentCheck | None:
    """A session worker's check of the agents' programs and keys. None: it takes too long."""
    agent_checks.request(workspace.pk)
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        row = agent_checks.current(workspace.pk)
        if row is not None and not row.due:
            return row
        time.sleep(POLL_S)
    return None


def _verdict(workspace: Workspace, *, again: bool, timeout_s: float, write_line: Callable[[str], object]) -> TreeVerdict | None:
    """The verdict on the tip, as soon as a lander has it. None: it cannot be had, and the reason was written."""
    branch.ensure(workspace.pk)
    before = TreeVerdict.objects.filter(workspace=workspace).order_by("-pk").values_list("pk", flat=True).first() or 0
    if again:
        Integration.objects.filter(pk=workspace.pk).update(recheck=True)
    branch.wake(workspace.pk)
    give_up_at, shown = time.monotonic() + timeout_s, ""
    while time.monotonic() < give_up_at:
        row = reads.integration(workspace.pk)
        if row.state in branch.STOPS_DISPATCH:
            write_line(row.message)
            return None
        verdict = reads.verdict_of(workspace, row.tip)
        if verdict is not None and (not again or verdict.pk > before):
            return verdict
        if not _is_worker_online():
            write_line("The session worker is gone: start Muster again")
            return None
        if row.phase and row.phase != shown:
            shown = row.phase
            write_line(f"  {shown}")
        time.sleep(POLL_S)
    write_line(f"No result within {timeout_s:g} s")
    return None


def _described(workspace: Workspace, config: configuration.Config, verdict: TreeVerdict) -> Iterator[str]:
    summary = reads.summary(verdict)
    yield f"Checks on {verdict.commit[:12]} ({config.integration_branch}): {summary.seconds:.1f} s"
    apart = scopes.entry_scoped(workspace.pk, config)
    for check in summary.checks:
        state = "passes" if check["raw_passed"] else "fails"
        cases = check.get("cases")
        counted = f", {cases['passing']} of {cases['passing'] + store.failing_in(check)} cases pass" if cases else ""
        scope = ", looks at its entry: never compared with a base" if check["name"] in apart else ""
        yield f"  {check['name']}: {state}{counted}{scope}"
        if not check["raw_passed"] and not cases:
            yield "    An exit code cannot tell one failure from another: it must become 0. Let the check write JUnit for more."
        if check.get("note"):
            yield f"    {check['note']}"
    if summary.names:
        yield f"{summary.failing} {_cases(summary.failing)} before any entry. Work is not refused for them; name those that are the goal as tests of an entry:"
        yield from (f"  {name}" for name in summary.names[:MAX_NAMES])
        if summary.failing > MAX_NAMES:
            yield f"  and {summary.failing - MAX_NAMES} more"


def _is_worker_online() -> bool:
    return online.able(within_s=settings.LEASE_S).exists()


def _cases(count: int) -> str:
    return "case fails" if count == 1 else "cases fail"
