"""A dry run of a command agent in its sandbox, before the first cent is spent: it names missing files and programs.

MUSTER_TRIAL=1 announces it. An agent without support for that may try to work: it has no network, secret, token or money, the host is read-only, its working
copy is temporary, and it ends after TRIAL_S.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from orchestration.configuration import Agent, credentials, secrets
from orchestration.git.clones import working_copies
from orchestration.git.command import GitError
from orchestration.landing import branch
from orchestration.processes.programs import Finder
from orchestration.repositories import local_repository
from orchestration.sessions import supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.sandbox import Sandboxes
from orchestration.sessions.sandbox.missing import Missing
from orchestration.worker import host_faults
from orchestration.worker.agents.acp import launch
from workspaces.models import Workspace

TRIAL_S = 10.0
MAX_NAMES = 5
PROMPT, SPEC = "muster-trial.md", "muster-trial.json"
NOTHING_TO_DO = "This is a trial run (MUSTER_TRIAL=1): there is nothing to do, and no request may be made.\n"
_IMPORTS = re.compile(r"No module named '([\w.]+)'|Cannot find module '(?:\./)?([\w./@-]+)'|cannot load such file -- ([\w./-]+)")
_SKIPPED = ("__pycache__", ".git", ".venv", "node_modules")


def of(agent: Agent, sandboxes: Sandboxes, workspace: Workspace) -> tuple[bool, str]:
    """Run the agent for a trial. Returns False if something is missing, and sentences, or ""."""
    if not sandboxes.decision.confined or agent.command is None:
        return True, ""
    strict = _strict(sandboxes)
    with _folder(workspace, sandboxes) as folder:
        variables = _variables(agent, workspace, folder, strict.cwd(folder))
        command = [*supervise.argv_of(agent.command), *agent.args]
        if agent.kind == "acp":
            command = launch.trial(agent, strict.cwd(folder))
        code, output = host_faults.run_inside(strict, command, variables, folder=folder, timeout_s=TRIAL_S)
    return _judged(agent, sandboxes, code, output)


def _strict(sandboxes: Sandboxes) -> Sandboxes:
    """The same sandboxes without a network, and with nothing of the host writable."""
    places = sandboxes.config.sandbox
    shown = places.model_copy(update={"network": "none", "read": [*places.read, *places.write], "write": []})
    config = sandboxes.config.model_copy(update={"sandbox": shown})
    return replace(sandboxes, config=config, decision=replace(sandboxes.decision, network="none"))


def _judged(agent: Agent, sandboxes: Sandboxes, code: int | None, output: str) -> tuple[bool, str]:
    missing = sandboxes.missing()
    for line in output.split("\n"):
        missing.read(line)
    neighbours = _next_to_scripts(agent, missing)
    imported = {name.split(".")[0].split("/")[0] for names in _IMPORTS.findall(output) for name in names if name}
    needed = [path for path in neighbours if path.stem in imported]
    sentences = [*missing.sentences()]
    sentences += [f"The sandbox does not show {path}: let it read this? Add it to sandbox.read in the config." for path in needed]
    if sentences:
        return False, " ".join(["A trial run shows what its agent needs and does not see.", *dict.fromkeys(sentences)])
    notes = []
    if code:
        words = output.strip().splitlines()[-1:] or ["no output"]
        notes.append(f"A trial run without a network ended with exit code {code}: {words[0][:200]}.")
    if neighbours:
        names = ", ".join(path.name for path in neighbours[:MAX_NAMES])
        notes.append(
            f"The sandbox does not show what else lies in {neighbours[0].parent} ({names}): add it to sandbox.read if needed."
        )
    return True, " ".join(notes)


def _next_to_scripts(agent: Agent, missing: Missing) -> list[Path]:
    """The hidden files and folders beside the command's scripts."""
    finder = Finder(os.environ.get("HOME", ""), os.environ.get("PATH", ""))
    scripts = [path for path in finder.named(agent.command or "") | finder.named(agent.args) if path.is_file()]
    neighbours: list[Path] = []
    for script in sorted(scripts):
        try:
            entries = sorted(script.parent.iterdir())
        except OSError:
            continue
        neighbours += [path for path in entries if path.name not in _SKIPPED and missing.is_missing(str(path))]
    return neighbours


@contextmanager
def _folder(workspace: Workspace, sandboxes: Sandboxes) -> Iterator[Path]:
    """A temporary working copy at the tip, or an empty folder before there is one."""
    try:
        commit = branch.start_point(workspace, sandboxes.config.integration_branch)
        store = session_dir.store(workspace.pk, local_repository.path(workspace))
        with working_copies.checkout(store, session_dir.worktrees(), f"trial-{workspace.pk}", commit) as folder:
            yield folder
            return
    except (GitError, OSError):
        pass
    with tempfile.TemporaryDirectory(prefix="muster-trial-") as empty:
        yield Path(empty)


def _variables(agent: Agent, workspace: Workspace, folder: Path, folder_in_sandbox: Path) -> dict[str, str]:
    """Write the prompt and the entry. Returns the variables of a round, without secrets' values, a token or money."""
    (folder / PROMPT).write_text(NOTHING_TO_DO)
    (folder / SPEC).write_text(json.dumps({"id": "trial", "content": NOTHING_TO_DO, "spec": {}}))
    return {
        **agent.env,
        **dict.fromkeys([*secrets.names(workspace.pk), *credentials.key_variables(workspace.pk, agent)], "trial"),
        "MUSTER_TRIAL": "1",
        "MUSTER_WORKSPACE_ID": workspace.pk,
        "MUSTER_PHASE": "implementation",
        "MUSTER_ROUND": "1",
        "MUSTER_BUDGET_USD": "0.000000",
        "MUSTER_PROMPT_FILE": str(folder_in_sandbox / PROMPT),
        "MUSTER_SPEC_FILE": str(folder_in_sandbox / SPEC),
    }
