"""Qwen Code: `qwen -p`, its settings. What it does in truth: docs/reference/agents.md."""

import json
from typing import Any

from orchestration.processes.kill_sequence import Step
from orchestration.worker.agents.qwen.reader import CHATS, Reader
from orchestration.worker.agents.shared import threads
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits
from orchestration.worker.agents.shared.reading import argument
from orchestration.worker.agents.shared.spending import merged

LOGIN = ".qwen/oauth_creds.json"
OWN_MODES = ("--approval-mode", "--yolo", "-y")

TRAITS = Traits(
    binary="qwen",
    install="npm install -g @qwen-code/qwen-code",
    cost="computed",
    live=True,
    resumes=True,
    keys=("OPENAI_API_KEY", "DASHSCOPE_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"),
    logins=((LOGIN, LOGIN),),
    kill_sequence=(Step("TERM", "all", 0.0), Step("KILL", "all", 0.3)),
)


def start(task: Task) -> Launch:
    return _launch(task, threads.begun(task), "--session-id")


def resume(task: Task) -> Launch:
    thread = threads.of(task)
    if thread is None:
        return start(task)
    was_begun = any(task.home.glob(f"{CHATS}/{thread.id}.jsonl"))
    return _launch(task, thread, "--resume" if was_begun else "--session-id")


def reader(task: Task) -> Reader:
    return Reader(task.home, str(task.cwd), threads.of(task), model=task.agent.model or task.env.get("OPENAI_MODEL", ""))


def _launch(task: Task, thread: Thread, how: str) -> Launch:
    settings = task.home / ".qwen/settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps(_settings(task)))
    given = {each.split("=")[0] for each in task.agent.args}
    argv = ["qwen", "--output-format", "stream-json", how, thread.id]
    if not given & set(OWN_MODES):
        argv += ["--approval-mode", "yolo"]
    if "--auth-type" not in given and task.env.get("OPENAI_API_KEY"):
        argv += ["--auth-type", "openai"]
    if task.agent.model:
        argv += ["-m", task.agent.model]
    if (prompt := argument(task)) != task.prompt:
        argv += ["--include-directories", str(task.prompt_file.parent)]  # it reads nowhere else
    argv += [*task.agent.args, "-p", prompt]
    return Launch(argv, {"QWEN_CODE_NO_RELAUNCH": "true"}, thread)


def _settings(task: Task) -> dict[str, Any]:
    """Its recording of chats is where each request's tokens are."""
    ours = {
        "general": {"enableAutoUpdate": False, "disableAutoUpdate": True, "chatRecording": True},
        "privacy": {"usageStatisticsEnabled": False},
    }
    return merged(ours, task.agent.settings)
