"""Gemini CLI: `gemini -p`, its settings. Observed behaviour: docs/reference/agents.md."""

from collections.abc import Mapping
from typing import Any

from orchestration.worker.agents.gemini.reader import CHATS, Reader
from orchestration.worker.agents.shared import conversation_ids, gemini_cli
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits

LOGIN = ".gemini/oauth_creds.json"

TRAITS = Traits(
    binary="gemini",
    install="npm install -g @google/gemini-cli",
    cost="computed",
    live=True,
    resumes=True,
    logins=((LOGIN, LOGIN), (".gemini/google_accounts.json", ".gemini/google_accounts.json")),
    kill_sequence=gemini_cli.KILL_SEQUENCE,
)


def start(task: Task) -> Launch:
    return _launch(task, gemini_cli.new(task))


def resume(task: Task) -> Launch:
    return _launch(task, gemini_cli.known(task, f"{CHATS}/session-*-{{short}}.jsonl"))


def reader(task: Task) -> Reader:
    return Reader(task.home, str(task.cwd), conversation_ids.resumable_thread(task))


def _launch(task: Task, conversation: tuple[Thread, str]) -> Launch:
    return gemini_cli.launch(task, "gemini", conversation, ["--skip-trust"], _settings(task), "GEMINI_CLI_NO_RELAUNCH")


def _settings(task: Task) -> dict[str, Any]:
    """Without a selected login type Gemini CLI exits at once, even with a key. Google accepts a company's login only, since June 2026."""
    return {
        "security": {"auth": {"selectedType": _login(task.env, has_login=(task.home / LOGIN).exists())}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
    }


def _login(env: Mapping[str, str], *, has_login: bool) -> str:
    if env.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("true", "1"):
        return "vertex-ai"
    return "oauth-personal" if has_login and not env.get("GEMINI_API_KEY") else "gemini-api-key"
