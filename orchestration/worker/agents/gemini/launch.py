"""Gemini CLI: `gemini -p`, its settings. What it does in truth: docs/reference/agents.md."""

import json
from collections.abc import Mapping
from typing import Any

from orchestration.processes.kill_sequence import Step
from orchestration.worker.agents.gemini.reader import CHATS, Reader
from orchestration.worker.agents.shared import threads
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits
from orchestration.worker.agents.shared.reading import argument
from orchestration.worker.agents.shared.spending import merged

LOGIN = ".gemini/oauth_creds.json"
OWN_MODES = ("--approval-mode", "--yolo", "-y")

TRAITS = Traits(
    binary="gemini",
    install="npm install -g @google/gemini-cli",
    cost="computed",
    live=True,
    resumes=True,
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
    logins=((LOGIN, LOGIN), (".gemini/google_accounts.json", ".gemini/google_accounts.json")),
    kill_sequence=(
        Step("TERM", "all", 0.0),
        Step("KILL", "all", 0.3),
    ),  # it tells nothing more after TERM; its chat is written by then
)


def start(task: Task) -> Launch:
    return _launch(task, threads.begun(task), "--session-id")


def resume(task: Task) -> Launch:
    thread = threads.of(task)
    if thread is None:
        return start(task)
    was_begun = any(task.home.glob(f"{CHATS}/session-*-{thread.id[:8]}.jsonl"))
    return _launch(task, thread, "--resume" if was_begun else "--session-id")


def reader(task: Task) -> Reader:
    return Reader(task.home, str(task.cwd), threads.of(task))


def _launch(task: Task, thread: Thread, how: str) -> Launch:
    """Without its relaunch the process that we signal is the one that works."""
    settings = task.home / ".gemini/settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps(_settings(task)))
    argv = ["gemini", "--output-format", "stream-json", "--skip-trust", how, thread.id]
    if not any(each.split("=")[0] in OWN_MODES for each in task.agent.args):
        argv += ["--approval-mode", "yolo"]
    if task.agent.model:
        argv += ["-m", task.agent.model]
    if (prompt := argument(task)) != task.prompt:
        argv += ["--include-directories", str(task.prompt_file.parent)]  # it reads nowhere else
    argv += [*task.agent.args, "-p", prompt]
    return Launch(argv, {"GEMINI_CLI_NO_RELAUNCH": "true"}, thread)


def _settings(task: Task) -> dict[str, Any]:
    """Without a chosen way to log in it ends at once, with any key."""
    ours = {
        "security": {"auth": {"selectedType": _login(task.env, has_login=(task.home / LOGIN).exists())}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
    }
    return merged(ours, task.agent.settings)


def _login(env: Mapping[str, str], *, has_login: bool) -> str:
    if env.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("true", "1"):
        return "vertex-ai"
    return "oauth-personal" if has_login and not env.get("GEMINI_API_KEY") else "gemini-api-key"
