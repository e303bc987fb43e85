"""Qwen Code: `qwen -p`, its settings. Observed behaviour: docs/reference/agents.md."""

from orchestration.worker.agents.qwen.reader import CHATS, Reader
from orchestration.worker.agents.shared import conversation_ids, gemini_cli
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits, patience_ms

LOGIN = ".qwen/oauth_creds.json"
# Chat recording is on: it contains the tokens of each request.
SETTINGS = {
    "general": {"enableAutoUpdate": False, "disableAutoUpdate": True, "chatRecording": True},
    "privacy": {"usageStatisticsEnabled": False},
}

TRAITS = Traits(
    binary="qwen",
    install="npm install -g @qwen-code/qwen-code",
    cost="computed",
    live=True,
    resumes=True,
    logins=((LOGIN, LOGIN),),
    kill_sequence=gemini_cli.KILL_SEQUENCE,
)


def start(task: Task) -> Launch:
    return _launch(task, gemini_cli.new(task))


def resume(task: Task) -> Launch:
    return _launch(task, gemini_cli.known(task, f"{CHATS}/{{id}}.jsonl"))


def reader(task: Task) -> Reader:
    return Reader(
        task.home,
        str(task.cwd),
        conversation_ids.resumable_thread(task),
        model=task.agent.model or task.env.get("OPENAI_MODEL", ""),
    )


def _launch(task: Task, conversation: tuple[Thread, str]) -> Launch:
    has_key = "--auth-type" not in gemini_cli.given(task) and task.env.get("OPENAI_API_KEY")
    options = ["--auth-type", "openai"] if has_key else []
    patience = {"model": {"generationConfig": {"timeout": patience_ms(task)}}} if task.is_by_gateway else {}
    return gemini_cli.launch(task, "qwen", conversation, options, SETTINGS | patience, "QWEN_CODE_NO_RELAUNCH")
