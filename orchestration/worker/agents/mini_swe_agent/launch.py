"""mini-swe-agent: `mini`, its trajectory file. Observed behaviour: docs/reference/agents.md."""

import json
from pathlib import Path

from budget import amounts
from orchestration.processes.kill_sequence import Step
from orchestration.sessions.folders import own_files
from orchestration.worker.agents.mini_swe_agent.reader import Reader
from orchestration.worker.agents.shared.interface import Launch, Task, Traits
from orchestration.worker.agents.shared.json_values import prompt_argument
from orchestration.worker.agents.shared.token_counts import model_name

TRAITS = Traits(
    binary="mini",
    install="pip install mini-swe-agent",
    cost="reported",
    live=True,
    resumes=False,
    honours=frozenset({"budget"}),
    kill_sequence=(Step("INT", "leader", 0.0), Step("TERM", "all", 2.0)),
    version=("--help",),  # it has no version option
)


def start(task: Task) -> Launch:
    """Raises ValueError without a model: mini would prompt for one."""
    if not task.agent.model:
        raise ValueError("agent.model is not set: mini would ask which one to use")
    _trajectory(task).unlink(missing_ok=True)
    argv = ["mini", "-m", task.agent.model, "-y", "--exit-immediately", "-o", str(_trajectory(task))]
    argv += ["-l", f"{task.limit / amounts.MICRO:.6f}"]
    if task.agent.settings:
        config = own_files.write(task.home, "settings.yaml", json.dumps(task.agent.settings))  # YAML takes JSON
        argv += ["-c", "mini.yaml", "-c", str(config)]
    env = {
        "COLUMNS": "1000",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "MSWEA_CONFIGURED": "true",
        "MSWEA_SILENT_STARTUP": "1",
        "MSWEA_COST_TRACKING": "ignore_errors",  # Muster may have a price for a model that mini does not know
    }
    return Launch([*argv, *task.agent.args, "-t", prompt_argument(task)], env)


def resume(task: Task) -> Launch:
    """Each round is a new start; the prompt contains the earlier findings."""
    return start(task)


def reader(task: Task) -> Reader:
    return Reader(_trajectory(task), model=model_name(task.agent.model))


def _trajectory(task: Task) -> Path:
    return task.home / "trajectory.json"
