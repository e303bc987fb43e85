"""aider: `aider --message`, its analytics log. What it does in truth: docs/reference/agents.md."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration.worker.agents.aider.reader import Reader
from orchestration.worker.agents.shared.interface import Launch, Task, Traits
from orchestration.worker.agents.shared.reading import argument, dig, parsed
from orchestration.worker.agents.shared.spending import model_name

TRAITS = Traits(
    binary="aider",
    install="pip install aider-chat",
    cost="reported",
    live=True,
    resumes=False,
    keys=("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY"),
)

TAGS = ".aider.tags.cache.v4"  # where it keeps its map of the repository, in the worktree and nowhere else
QUIET = (
    *("--yes-always", "--no-pretty", "--no-stream", "--no-fancy-input", "--no-notifications", "--no-detect-urls"),
    *("--no-check-update", "--no-show-release-notes", "--no-show-model-warnings", "--no-analytics"),
    *("--no-gitignore", "--no-auto-commits", "--no-dirty-commits", "--no-suggest-shell-commands"),
)
NEVER_SUMMED_UP = "1000000000"  # it would have another model sum up a long chat, and tell nobody what that costs


def start(task: Task) -> Launch:
    """It commits nothing: the round does, and then no other model is paid to write a message. Raises ValueError without a model."""
    if not task.agent.model:
        raise ValueError("agent.model is not set: aider would ask which one to use")
    _log(task).unlink(missing_ok=True)
    (task.home / ".aider.conf.yml").write_text(json.dumps(task.agent.settings))  # YAML takes JSON
    _hide_tags(task.cwd)
    argv = ["aider", *QUIET, "--model", task.agent.model, "--max-chat-history-tokens", NEVER_SUMMED_UP]
    for option, name in (("analytics-log", _log(task).name), ("chat-history-file", "chat.md"), ("input-history-file", "input")):
        argv += [f"--{option}", str(task.home / name)]
    for path in _files(task):
        argv += ["--file", path]
    return Launch(
        [*argv, *task.agent.args, "--message", argument(task)], {"COLUMNS": "1000", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    )


def resume(task: Task) -> Launch:
    """Each round is a new chat, with the earlier findings in the prompt."""
    return start(task)


def reader(task: Task) -> Reader:
    return Reader(_log(task), model=model_name(task.agent.model))


def _log(task: Task) -> Path:
    return task.home / "analytics.jsonl"


def _hide_tags(cwd: Path) -> None:
    """A folder that ignores itself is in no commit."""
    if cwd.is_dir():
        (cwd / TAGS).mkdir(exist_ok=True)
        (cwd / TAGS / ".gitignore").write_text("*\n")


def _files(task: Task) -> Iterator[str]:
    """The files of the entry's spec: it edits only what it was told of, or asks for. One that is to be modified has to exist."""
    spec = dig(_spec(task), "spec")
    for key in ("files_to_create", "files_to_modify"):
        listed = dig(spec, key)
        for path in listed if isinstance(listed, list) else ():
            if not isinstance(path, str) or path.startswith("/") or ".." in path.split("/") or "*" in path:
                continue
            if key == "files_to_create" or (task.cwd / path).is_file():
                yield path


def _spec(task: Task) -> dict[str, Any] | None:
    try:
        return parsed(Path(task.env.get("MUSTER_SPEC_FILE", "")).read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError):
        return None
