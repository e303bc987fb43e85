"""Gemini CLI: `gemini -p`, its settings. Observed behaviour: docs/reference/agents.md."""

import json
from collections.abc import Mapping
from typing import Any

from orchestration.processes.kill_sequence import Step
from orchestration.sessions.folders import own_files
from orchestration.worker.agents.gemini.reader import CHATS, Reader
from orchestration.worker.agents.shared import conversation_ids
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits
from orchestration.worker.agents.shared.json_values import prompt_argument
from orchestration.worker.agents.shared.token_counts import merged_settings

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
    ),  # it prints nothing after TERM; its chat is written by then
)


def start(task: Task) -> Launch:
    return _launch(task, conversation_ids.new_thread(task), "--session-id")


def resume(task: Task) -> Launch:
    thread = conversation_ids.resumable_thread(task)
    if thread is None:
        return start(task)
    exists = any(task.home.glob(f"{CHATS}/session-*-{thread.id[:8]}.jsonl"))
    return _launch(task, thread, "--resume" if exists else "--session-id")


def reader(task: Task) -> Reader:
    return Reader(task.home, str(task.cwd), conversation_ids.resumable_thread(task))


def _launch(task: Task, thread: Thread, option: str) -> Launch:
    """Without a relaunch, the signalled process is the one that works."""
    own_files.write(task.home, ".gemini/settings.json", json.dumps(_settings(task)))
    argv = ["gemini", "--output-format", "stream-json", "--skip-trust", option, thread.id]
    if not any(arg.split("=")[0] in OWN_MODES for arg in task.agent.args):
        argv += ["--approval-mode", "yolo"]
    if task.agent.model:
        argv += ["-m", task.agent.model]
    if (prompt := prompt_argument(task)) != task.prompt:
        argv += ["--include-directories", str(task.prompt_file.parent)]  # it reads no other folder
    argv += [*task.agent.args, "-p", prompt]
    return Launch(argv, {"GEMINI_CLI_NO_RELAUNCH": "true"}, thread)


def _settings(task: Task) -> dict[str, Any]:
    """Without a selected login type Gemini CLI exits at once, even with a key. Google accepts a company's login only, since June 2026."""
    ours = {
        "security": {"auth": {"selectedType": _login(task.env, has_login=(task.home / LOGIN).exists())}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
    }
    return merged_settings(ours, task.agent.settings)


def _login(env: Mapping[str, str], *, has_login: bool) -> str:
    if env.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("true", "1"):
        return "vertex-ai"
    return "oauth-personal" if has_login and not env.get("GEMINI_API_KEY") else "gemini-api-key"
