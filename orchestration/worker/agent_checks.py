"""Checks of a workspace's agents on this host, before the first cent is spent: the program, and a key or a login.

A check is free: no provider gets a request. A present key may still be refused.
"""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import structlog
from django.db.models import QuerySet
from django.db.models.functions import Now

from orchestration import configuration
from orchestration.configuration import Agent, secrets
from orchestration.configuration.config import agent_kinds
from orchestration.configuration.credentials import ResolvedAgent
from orchestration.messaging import wake_ups
from orchestration.models import AgentCheck, Executor, Worker
from orchestration.sessions import sandbox
from orchestration.sessions.folders import session_dir
from orchestration.sessions.sandbox import HostFault, Sandboxes
from orchestration.worker import agents, host_faults, trial_run
from orchestration.worker.agents.shared import cli_versions
from orchestration.worker.agents.shared.interface import Traits
from workspaces.models import Workspace
from workspaces.secrets import masking
from workspaces.secrets.sealing import Sealed
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)


def _due() -> QuerySet[AgentCheck]:
    return AgentCheck.objects.filter(due=True, workspace__deleted_at__isnull=True)


_any_due = StandingQuery(_due)


def run_due(worker: Worker) -> int:
    """Check every due workspace. Returns their number. Two workers may check the same one: both write their own host's answer."""
    rows = list(_due()) if _any_due.any() else []
    for row in rows:
        try:
            ok, message = _masked_check(row.workspace_id)
        except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as problem:  # such as ~nobody/agent, or a NUL
            ok, message = False, f"The agent could not be checked: {problem}."
        same = AgentCheck.objects.filter(pk=row.pk, requests=row.requests)
        same.update(due=False, ok=ok, message=message[:1000], host=worker.host, at=Now())
        wake_ups.publish_change(row.workspace_id, "executor", "landing")
    return len(rows)


def _masked_check(workspace_id: str) -> tuple[bool, str]:
    """Run `check`, and mask its message: the output of a CLI may contain its key."""
    config = configuration.load(Executor.objects.get(pk=workspace_id).config)
    with masking.hiding(secrets.mask_for(workspace_id, configuration.envs(config))):
        ok, message = check(workspace_id)
        return ok, masking.foreign(message)


def check(workspace_id: str) -> tuple[bool, str]:
    """Check the agents on this host. Returns True if they can work, and sentences."""
    config = configuration.load(Executor.objects.get(pk=workspace_id).config)
    workspace = Workspace.objects.get(pk=workspace_id)
    try:
        sandboxes = sandbox.for_workspace(config, workspace, place="check", programs=agents.binaries(config))
        resolved = [secrets.resolve(workspace_id, agent) for agent in config.every_agent]
        results = [_checked(each, sandboxes, workspace) for each in resolved]
    except (Sealed, HostFault) as problem:
        return False, f"{problem}."
    bad = [message for ok, message in results if not ok]
    return not bad, " ".join(dict.fromkeys([*(bad or [message for _, message in results]), sandboxes.decision.sentence]))


def _checked(resolved: ResolvedAgent, sandboxes: Sandboxes, workspace: Workspace) -> tuple[bool, str]:
    agent, variables, own_key = resolved
    traits, title = agents.for_kind(agent.kind).TRAITS, agent_kinds.title(agent.kind)
    if not traits.binary:
        ok, message = _checked_command(agent, variables, sandboxes)
        if not ok:
            return ok, message
        ok, trial = trial_run.of(agent, sandboxes, workspace)
        return ok, f"{message} {trial}".strip() if ok else trial
    version, problem = _version(traits, variables, sandboxes)
    if not version:
        return False, host_faults.not_on_path(agent)
    if problem:
        return False, f"{title} {version} is installed, but does not start in the sandbox: {problem}"
    installed = f"{title} {version} is installed"
    if key := own_key or next((name for name in agent_kinds.KEYS[agent.kind] if variables.get(name)), ""):
        return True, f"{installed}, and {key} is set."
    if agent.use_login and (logins := [path for path, _ in traits.logins if (Path.home() / path).is_file()]):
        problem = _login_problem(traits.status)
        return (
            not problem,
            f"{installed}. {problem}" if problem else f"{installed}, and logged in on the worker's host (~/{logins[0]}).",
        )
    log_in = ", or log in to it on the worker's host" if traits.logins else ""
    return (
        False,
        f"{installed}, but has no key: save {_either(agent_kinds.KEYS[agent.kind])} as a secret of the workspace{log_in}.",
    )


def _version(traits: Traits, variables: Mapping[str, str], sandboxes: Sandboxes) -> tuple[str, str]:
    """The version of an installed CLI, and its error in the sandbox, each or "". A working CLI is started once: some take a second of a core to print their version."""
    code, output = host_faults.run_inside(sandboxes, [traits.binary, *traits.version], variables)
    if code == 0:
        return cli_versions.found_in(output), ""
    return cli_versions.version(traits), _problem(sandboxes, code, output)


def _checked_command(agent: Agent, variables: Mapping[str, str], sandboxes: Sandboxes) -> tuple[bool, str]:
    """Check the command's first word. A program in the repository counts as present: it runs in a working copy."""
    program = host_faults.program_of(agent.command or "")
    if not program or ("/" in program and not program.startswith(("/", "~"))):
        return True, "The command runs in the entry's working copy."
    if not host_faults.is_known(program, variables):
        return False, f"The agent's command begins with {program}, which the session workers do not find."
    code, output = host_faults.run_inside(
        sandboxes, ["/bin/sh", "-c", 'command -v -- "$1"', "sh", str(Path(program).expanduser())], variables
    )
    if _problem(sandboxes, code, output):
        return False, f"The agent's command begins with {program}, which the sandbox does not show: let it with sandbox.read."
    return True, f"The agent's command begins with {program}, which is there."


def _problem(sandboxes: Sandboxes, code: int | None, output: str) -> str:
    """The problem of a program in the sandbox, or "": it runs, or is slow, which proves nothing."""
    return sandboxes.explained(output)[-400:] or f"exit code {code}" if code else ""


def _login_problem(status: tuple[str, ...]) -> str:
    """The login problem by the CLI's status command, or ""."""
    if not status:
        return ""
    try:
        ended = subprocess.run(
            status,
            env=session_dir.inherited(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=host_faults.STATUS_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (
        "" if ended.returncode == 0 else f"Its login does not work: {shlex.join(status)} ends with exit code {ended.returncode}."
    )


def _either(keys: tuple[str, ...]) -> str:
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} or {keys[-1]}"
