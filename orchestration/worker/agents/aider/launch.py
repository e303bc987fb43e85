"""aider: `aider --message`, its analytics log. Observed behaviour: docs/reference/agents.md."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration.sessions.folders import own_files
from orchestration.worker.agents.aider.reader import Reader
from orchestration.worker.agents.shared.interface import Launch, Task, Traits
from orchestration.worker.agents.shared.json_values import nested, parse_object, prompt_argument
from orchestration.worker.agents.shared.token_counts import model_name

TRAITS = Traits(
    binary="aider",
    install="pip install aider-chat",
    cost="reported",
    live=True,
    resumes=False,
)

TAGS = ".aider.tags.cache.v4"  # aider's map of the repository; it is always in the clone
OPTIONS = (
    *("--yes-always", "--no-pretty", "--no-stream", "--no-fancy-input", "--no-notifications", "--no-detect-urls"),
    *("--no-check-update", "--no-show-release-notes", "--no-show-model-warnings", "--no-analytics"),
    *("--no-gitignore", "--no-auto-commits", "--no-dirty-commits", "--no-suggest-shell-commands"),
)
NO_SUMMARY_TOKENS = "1000000000"  # or another model would summarise a long chat, at a cost that aider does not report


def start(task: Task) -> Launch:
    """aider must not commit: the round does, and no other model is paid for a commit message. Raises ValueError without a model."""
    if not task.agent.model:
        raise ValueError("agent.model is not set: aider would ask which one to use")
    _log(task).unlink(missing_ok=True)
    own_files.write(task.home, ".aider.conf.yml", json.dumps(task.agent.settings))  # YAML takes JSON
    _hide_tags(task.working_copy)
    argv = ["aider", *OPTIONS, "--model", task.agent.model, "--max-chat-history-tokens", NO_SUMMARY_TOKENS]
    if task.agent.effort:
        argv += ["--reasoning-effort", task.agent.effort]
    for option, name in (("analytics-log", _log(task).name), ("chat-history-file", "chat.md"), ("input-history-file", "input")):
        argv += [f"--{option}", str(task.home / name)]
    for path in _files(task):
        argv += ["--file", path]
    return Launch(
        [*argv, *task.agent.args, "--message", prompt_argument(task)], {"COLUMNS": "1000", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    )


def resume(task: Task) -> Launch:
    """Each round is a new chat; the prompt contains the earlier findings."""
    return start(task)


def reader(task: Task) -> Reader:
    return Reader(_log(task), model=model_name(task.agent.model))


def _log(task: Task) -> Path:
    return task.home / "analytics.jsonl"


def _hide_tags(cwd: Path) -> None:
    """A folder with a .gitignore of its own is never committed."""
    if cwd.is_dir():
        own_files.write(cwd, f"{TAGS}/.gitignore", "*\n")


def _files(task: Task) -> Iterator[str]:
    """The files of the entry's spec: aider edits only files that it is given. A file to modify must exist."""
    spec = nested(_spec(task), "spec")
    for key in ("files_to_create", "files_to_modify"):
        paths = nested(spec, key)
        for path in paths if isinstance(paths, list) else ():
            if not isinstance(path, str) or path.startswith("/") or ".." in path.split("/") or "*" in path:
                continue
            if key == "files_to_create" or (task.working_copy / path).is_file():
                yield path


def _spec(task: Task) -> dict[str, Any] | None:
    try:
        return parse_object(Path(task.env.get("MUSTER_SPEC_FILE", "")).read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError):
        return None
