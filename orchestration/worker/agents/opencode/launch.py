"""opencode: `opencode run --format json`, its config. Observed behaviour: docs/reference/agents.md."""

import json
from pathlib import Path
from typing import Any

from orchestration.processes.kill_sequence import Step
from orchestration.sessions.folders import own_files
from orchestration.worker.agents.opencode.database import Database
from orchestration.worker.agents.opencode.reader import Reader
from orchestration.worker.agents.shared import conversation_ids
from orchestration.worker.agents.shared.interface import Launch, Task, Traits
from orchestration.worker.agents.shared.json_values import nested, number, prompt_argument, text
from orchestration.worker.agents.shared.token_counts import merged_settings, model_name

DATA_FOLDER = ".local/share"
LOGIN = f"{DATA_FOLDER}/opencode/auth.json"

TRAITS = Traits(
    binary="opencode",
    install="npm install -g opencode-ai",
    cost="reported",
    live=True,
    resumes=True,
    logins=((LOGIN, LOGIN),),
    # Some seconds after its start it ignores TERM and INT, and continues. Its usage is in its database by then.
    kill_sequence=(Step("TERM", "all", 0.0), Step("KILL", "all", 0.1)),
)


def start(task: Task) -> Launch:
    """Start a conversation with a title: opencode would ask a model for one, at a cost that it does not report."""
    return _launch(task, ["--title", text(task.env.get("MUSTER_ENTRY_ID")) or task.session_id])


def resume(task: Task) -> Launch:
    """In another directory, or without its database, opencode would wait for ever."""
    thread = conversation_ids.resumable_thread(task)
    if thread is None or not _database(task.home).exists():
        return start(task)
    return _launch(task, ["-s", thread.id])


def reader(task: Task) -> Reader:
    thread = conversation_ids.resumable_thread(task)
    database = Database(_database(task.home), after=nested(thread.totals, "row") if thread else None)
    return Reader(database, str(task.cwd), thread, model=_model(task), is_free=_is_free(task))


def _launch(task: Task, options: list[str]) -> Launch:
    """With its error log on stderr: the only sign that it waits for a provider."""
    config = own_files.write(task.home, "opencode.json", json.dumps(_settings(task)))
    argv = ["opencode", "run", "--format", "json", "--print-logs", "--log-level", "ERROR", *options]
    if task.agent.model:
        argv += ["-m", task.agent.model]
    if task.agent.effort:
        argv += ["--variant", task.agent.effort]
    folders = {"XDG_DATA_HOME": DATA_FOLDER, "XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state"}
    env = {name: str(task.home / folder) for name, folder in folders.items()}
    return Launch([*argv, *task.agent.args, "--", prompt_argument(task)], {**env, "OPENCODE_CONFIG": str(config)})


def _settings(task: Task) -> dict[str, Any]:
    """All permissions are allowed: opencode refuses what its config would ask a person for."""
    ours = {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "permission": {"*": "allow", "external_directory": "allow"},
    }
    return merged_settings(ours, task.agent.settings)


def _database(home: Path) -> Path:
    return home / DATA_FOLDER / "opencode/opencode.db"


def _route(task: Task) -> str:
    return task.agent.model or text(task.agent.settings.get("model"))


def _model(task: Task) -> str:
    return model_name(_route(task))


def _is_free(task: Task) -> bool:
    """True if the workspace's config sets a price of 0 for the model. Any other cost of 0 may mean an unknown price."""
    provider, _, model = _route(task).partition("/")
    prices = nested(task.agent.settings, "provider", provider, "models", model, "cost")
    return isinstance(prices, dict) and "input" in prices and not any(number(price) for price in prices.values())
