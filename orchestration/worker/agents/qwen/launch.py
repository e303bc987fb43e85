"""Qwen Code: `qwen -p`, its settings. Observed behaviour: docs/reference/agents.md."""

import json
from typing import Any

from orchestration.processes.kill_sequence import Step
from orchestration.sessions.folders import own_files
from orchestration.worker.agents.qwen.reader import CHATS, Reader
from orchestration.worker.agents.shared import conversation_ids
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits
from orchestration.worker.agents.shared.json_values import prompt_argument
from orchestration.worker.agents.shared.token_counts import merged_settings

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
    return _launch(task, conversation_ids.new_thread(task), "--session-id")


def resume(task: Task) -> Launch:
    thread = conversation_ids.resumable_thread(task)
    if thread is None:
        return start(task)
    exists = any(task.home.glob(f"{CHATS}/{thread.id}.jsonl"))
    return _launch(task, thread, "--resume" if exists else "--session-id")


def reader(task: Task) -> Reader:
    return Reader(
        task.home,
        str(task.cwd),
        conversation_ids.resumable_thread(task),
        model=task.agent.model or task.env.get("OPENAI_MODEL", ""),
    )


def _launch(task: Task, thread: Thread, option: str) -> Launch:
    own_files.write(task.home, ".qwen/settings.json", json.dumps(_settings(task)))
    given = {arg.split("=")[0] for arg in task.agent.args}
    argv = ["qwen", "--output-format", "stream-json", option, thread.id]
    if not given & set(OWN_MODES):
        argv += ["--approval-mode", "yolo"]
    if "--auth-type" not in given and task.env.get("OPENAI_API_KEY"):
        argv += ["--auth-type", "openai"]
    if task.agent.model:
        argv += ["-m", task.agent.model]
    if (prompt := prompt_argument(task)) != task.prompt:
        argv += ["--include-directories", str(task.prompt_file.parent)]  # it reads no other folder
    argv += [*task.agent.args, "-p", prompt]
    return Launch(argv, {"QWEN_CODE_NO_RELAUNCH": "true"}, thread)


def _settings(task: Task) -> dict[str, Any]:
    """Chat recording is on: it contains the tokens of each request."""
    ours = {
        "general": {"enableAutoUpdate": False, "disableAutoUpdate": True, "chatRecording": True},
        "privacy": {"usageStatisticsEnabled": False},
    }
    return merged_settings(ours, task.agent.settings)
