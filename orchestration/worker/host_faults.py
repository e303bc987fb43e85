"""Faults of this host for a workspace: its sandbox cannot be built, or an agent's program is missing. No entry pays for them. Other hosts continue, and this one
retries (`availability`)."""

import os
import select
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestration import configuration
from orchestration.configuration import Agent, Config
from orchestration.configuration.config import agent_kinds
from orchestration.models import Executor
from orchestration.sessions import sandbox
from orchestration.sessions.folders import session_dir
from orchestration.sessions.sandbox import HostFault, Sandboxes
from orchestration.worker import agents
from orchestration.worker.agents.shared import cli_versions
from workspaces.machine import release
from workspaces.models import Workspace

STATUS_TIMEOUT_S = 8.0
INSIDE_TIMEOUT_S = 20.0
MAX_OUTPUT = 1_000_000


def problem(workspace: Workspace) -> str:
    """The sentence about this host's fault for a workspace, or ""."""
    stored = Executor.objects.get(pk=workspace.pk).config
    if sentence := of_config(stored):
        return sentence
    config = configuration.load(stored)
    try:
        sandboxes = sandbox.for_workspace(config, workspace, place="check", programs=agents.binaries(config))
        code, output = run_inside(sandboxes, ["/bin/sh", "-c", ":"], config.check_env)
    except HostFault as fault:
        return str(fault)
    if code:
        return f"The sandbox could not be made: {output.strip()[-300:] or f'exit code {code}'}"
    return _program_missing(config)


def _program_missing(config: Config) -> str:
    """The sentence about a missing required program. With several agents for entries, one program is enough: placement keeps sessions of the others away, or they
    fail by themselves."""
    _, *judges = config.session_agents
    chosen = [_not_installed(agent) for agent in config.by_name.values()]
    return next(filter(None, map(_not_installed, judges)), chosen[0] if all(chosen) else "")


def of_config(stored: dict[str, Any]) -> str:
    """The sentence about a newer release's unknown config keys, or "": this release cannot honour them."""
    if not (unknown := configuration.unknown(stored)):
        return ""
    names = ", ".join(unknown[:5])
    return f"Its Muster {release.NUMBER} does not know {names} in the config: update it, and restart its session worker"


def _not_installed(agent: Agent) -> str:
    traits = agents.for_kind(agent.kind).TRAITS
    if traits.binary:
        return "" if cli_versions.version(traits) else not_on_path(agent)
    program = program_of(agent.command or "")
    if not program or ("/" in program and not program.startswith(("/", "~"))) or is_known(program, agent.env):
        return ""
    return f"The agent's command begins with {program}, which the session workers do not find."


def not_on_path(agent: Agent) -> str:
    install = agents.for_kind(agent.kind).TRAITS.install
    return f"{agent_kinds.title(agent.kind)} is not on the PATH of the session workers. Install it there: {install}."


def is_known(program: str, variables: Mapping[str, str]) -> bool:
    """True if a shell on this host finds the program or built-in."""
    known = subprocess.run(
        ["/bin/sh", "-c", 'command -v -- "$1"', "sh", str(Path(program).expanduser())],
        env={**session_dir.inherited(), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=STATUS_TIMEOUT_S,
        check=False,
    )
    return known.returncode == 0


def run_inside(
    sandboxes: Sandboxes,
    command: list[str],
    variables: Mapping[str, str],
    *,
    folder: Path | None = None,
    timeout_s: float = INSIDE_TIMEOUT_S,
) -> tuple[int | None, str]:
    """Run a program in the sandbox, in this folder or an empty one. Returns the exit code and the start of its output. No exit code: no sandbox, a timeout, or too
    much output. Raises HostFault."""
    if not sandboxes.decision.confined:
        return None, ""
    with tempfile.TemporaryDirectory(prefix="muster-check-") as scratch:
        place = Path(scratch)
        work = folder or place / "work"
        work.mkdir(exist_ok=True)
        started = sandboxes.start(work, {**session_dir.inherited(), **variables}, scratch=place)
        with sandbox.popen(
            started, command, work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            output = _read(process, timeout_s)
            is_over = process.poll() is not None
            process.kill()
    return process.returncode if is_over else None, output.decode(errors="replace")


def _read(process: "subprocess.Popen[bytes]", timeout_s: float) -> bytes:
    """The output of a process until its end, the timeout, or the limit."""
    assert process.stdout
    output, until = b"", time.monotonic() + timeout_s
    while len(output) < MAX_OUTPUT and (left := until - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        if not (chunk := os.read(process.stdout.fileno(), 65_536)):
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(until - time.monotonic(), 0))
            break
        output += chunk
    return output


def program_of(command: str | list[str]) -> str:
    """The program of a command, behind assignments and redirections."""
    try:
        words = command if isinstance(command, list) else shlex.split(command)
    except ValueError:
        return ""
    return next((word for word in words if "=" not in word.split("/")[0]), "") if words and words[0][:1] not in "<>(" else ""
