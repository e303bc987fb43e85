"""opencode: `opencode run --format json`, its config. What it does in truth: docs/reference/agents.md."""

import json
from pathlib import Path
from typing import Any

from orchestration.processes.kill_sequence import Step
from orchestration.worker.agents.opencode.reader import Reader
from orchestration.worker.agents.opencode.store import Store
from orchestration.worker.agents.shared import threads
from orchestration.worker.agents.shared.interface import Launch, Task, Traits
from orchestration.worker.agents.shared.reading import argument, dig, number, text
from orchestration.worker.agents.shared.spending import merged, model_name

DATA = ".local/share"
LOGIN = f"{DATA}/opencode/auth.json"

TRAITS = Traits(
    binary="opencode",
    install="npm install -g opencode-ai",
    cost="reported",
    live=True,
    resumes=True,
    keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "OPENCODE_API_KEY"),
    logins=((LOGIN, LOGIN),),
    # Some seconds after its start it is deaf to TERM and INT, and works on. What it knows is in its database by then.
    kill_sequence=(Step("TERM", "all", 0.0), Step("KILL", "all", 0.1)),
)


def start(task: Task) -> Launch:
    """With a title of ours: for a conversation without one it asks a model for it, and tells nobody what that costs."""
    return _launch(task, ["--title", text(task.env.get("MUSTER_ENTRY_ID")) or task.session_id])


def resume(task: Task) -> Launch:
    """Elsewhere, or without its database, it would wait for ever."""
    thread = threads.of(task)
    if thread is None or not _database(task.home).exists():
        return start(task)
    return _launch(task, ["-s", thread.id])


def reader(task: Task) -> Reader:
    thread = threads.of(task)
    store = Store(_database(task.home), after=dig(thread.totals, "row") if thread else None)
    return Reader(store, str(task.cwd), thread, model=_model(task), is_free=_is_free(task))


def _launch(task: Task, how: list[str]) -> Launch:
    """Its log of errors comes with its stderr: that it waits for a provider is told nowhere else."""
    config = task.home / "opencode.json"
    config.write_text(json.dumps(_settings(task)))
    argv = ["opencode", "run", "--format", "json", "--print-logs", "--log-level", "ERROR", *how]
    if task.agent.model:
        argv += ["-m", task.agent.model]
    folders = {"XDG_DATA_HOME": DATA, "XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state"}
    env = {name: str(task.home / folder) for name, folder in folders.items()}
    return Launch([*argv, *task.agent.args, "--", argument(task)], {**env, "OPENCODE_CONFIG": str(config)})


def _settings(task: Task) -> dict[str, Any]:
    """Nobody can be asked: what its config would ask for, it refuses."""
    ours = {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "permission": {"*": "allow", "external_directory": "allow"},
    }
    return merged(ours, task.agent.settings)


def _database(home: Path) -> Path:
    return home / DATA / "opencode/opencode.db"


def _route(task: Task) -> str:
    return task.agent.model or text(task.agent.settings.get("model"))


def _model(task: Task) -> str:
    return model_name(_route(task))


def _is_free(task: Task) -> bool:
    """The workspace's own config says that the model costs nothing. Of any other 0 it is not known what it means."""
    provider, _, model = _route(task).partition("/")
    prices = dig(task.agent.settings, "provider", provider, "models", model, "cost")
    return isinstance(prices, dict) and "input" in prices and not any(number(price) for price in prices.values())
