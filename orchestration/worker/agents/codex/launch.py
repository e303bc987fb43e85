"""Codex: `codex exec --json`, with a home of its own. Observed behaviour: docs/reference/agents.md."""

from typing import Any

from orchestration.sessions.folders import own_files
from orchestration.worker.agents.codex.reader import Reader
from orchestration.worker.agents.shared import toml
from orchestration.worker.agents.shared.interface import Launch, Task, Traits
from orchestration.worker.agents.shared.json_values import prompt_argument

TRAITS = Traits(
    binary="codex",
    install="npm install -g @openai/codex",
    cost="computed",
    live=True,
    resumes=True,
    logins=((".codex/auth.json", ".codex/auth.json"),),
    status=("codex", "login", "status"),
)


def start(task: Task) -> Launch:
    return _launch(task)


def resume(task: Task) -> Launch:
    """Works from any folder. Starts a new thread if Codex never saved the old one."""
    known = task.thread is not None and any((task.home / ".codex" / "sessions").rglob(f"rollout-*{task.thread.id}.jsonl"))
    return _launch(task, "resume", task.thread.id) if known and task.thread else _launch(task)


def reader(task: Task) -> Reader:
    return Reader(task.thread, task.home / ".codex" / "sessions", task.agent.model or "")


def _launch(task: Task, *arguments: str) -> Launch:
    """The command without Codex's own sandbox, which would block the caches and servers of tests."""
    home = task.home / ".codex"
    own_files.write(task.home, ".codex/config.toml", toml.to_toml(_config(task)))
    argv = ["codex", "exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    argv += ["-C", str(task.cwd), *task.agent.args, *arguments, "--", prompt_argument(task)]
    return Launch(argv, {"CODEX_HOME": str(home), **_key(task)})


def _key(task: Task) -> dict[str, str]:
    """Codex's own provider reads only CODEX_API_KEY; people usually have OPENAI_API_KEY."""
    key = task.env.get("CODEX_API_KEY") or task.env.get("OPENAI_API_KEY")
    return {"CODEX_API_KEY": key} if key else {}


def _config(task: Task) -> dict[str, Any]:
    """The workspace's settings, the model, and a provider for OPENAI_BASE_URL, which Codex ignores by itself. Its web search has no bound."""
    config = {**({"web_search": "disabled"} if task.is_by_gateway else {}), **task.agent.settings}
    if task.agent.model:
        config["model"] = task.agent.model
    if task.agent.effort:
        config["model_reasoning_effort"] = task.agent.effort
    base_url = task.env.get("OPENAI_BASE_URL")
    if base_url and "model_provider" not in config and "openai_base_url" not in config:
        provider = {"name": "OPENAI_BASE_URL", "base_url": base_url, "wire_api": "responses"}
        if _key(task):
            provider["env_key"] = "CODEX_API_KEY"
        own_providers = config.get("model_providers")
        config["model_provider"] = "muster"
        config["model_providers"] = {**(own_providers if isinstance(own_providers, dict) else {}), "muster": provider}
    return config
