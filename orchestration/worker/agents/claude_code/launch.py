"""Claude Code: `claude -p`, its settings, its telemetry, its hook. What it does in truth: docs/agents.md."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from budget import amounts
from orchestration.processes.kill_sequence import Step
from orchestration.worker.agents.claude_code.costs import is_own
from orchestration.worker.agents.claude_code.reader import Reader
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits
from orchestration.worker.agents.shared.reading import argument

TRAITS = Traits(
    binary="claude",
    install="npm install -g @anthropic-ai/claude-code",
    cost="reported",
    live=True,
    resumes=True,
    honours=frozenset({"budget", "edits"}),
    keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    logins=((".claude/.credentials.json", ".claude/.credentials.json"),),
    kill_sequence=(Step("INT", "leader", 0.0), Step("TERM", "all", 0.4)),
    noise=('{"type":"stream_event"',),
)

HOOK_TIMEOUT_S = 30
ALIASES = ("default", "sonnet", "opus", "haiku", "opusplan")
OWN_MODES = ("--permission-mode", "--dangerously-skip-permissions", "--allow-dangerously-skip-permissions")


def start(task: Task) -> Launch:
    """With an id of our choice, so that it can be resumed whenever it is killed."""
    thread = Thread(str(uuid.uuid4()), {"cwd": str(task.cwd)})
    return _launch(task, thread, "--session-id")


def resume(task: Task) -> Launch:
    """Only where it was begun: it looks for a conversation under the name of the working directory."""
    thread = task.thread
    if thread is None or thread.totals.get("cwd") != str(task.cwd):
        return start(task)
    was_begun = any((task.home / ".claude" / "projects").glob(f"*/{thread.id}.jsonl"))
    return _launch(task, thread, "--resume" if was_begun else "--session-id")


def reader(task: Task) -> Reader:
    return Reader(task.thread, str(task.cwd))


def _launch(task: Task, thread: Thread, how: str) -> Launch:
    """Nobody can be asked, so nothing is asked: the worktree is the agent's own, and what leaves it is checked before it is merged.

    The weaker `acceptEdits` would leave it without its shell, and so without its tests. IS_SANDBOX allows this to root as well.
    """
    settings = task.home / "muster-settings.json"
    settings.write_text(json.dumps(_settings(task)))
    argv = ["claude", "-p", how, thread.id, "--output-format", "stream-json", "--verbose", "--include-partial-messages"]
    if task.agent.model:
        argv += ["--model", task.agent.model]
    if task.limit and _knows_its_prices(task):
        argv += ["--max-budget-usd", f"{task.limit / amounts.MICRO:.6f}"]
    if not any(each.split("=")[0] in OWN_MODES for each in task.agent.args):
        argv.append("--dangerously-skip-permissions")
    argv += ["--settings", str(settings), *task.agent.args, "--", argument(task)]
    return Launch(argv, _environment(task), thread)


def _knows_its_prices(task: Task) -> bool:
    """Its own limit goes by its own prices. With another's model, which it takes for a dear one, it would stop too early."""
    named = [value for name, value in task.env.items() if name.startswith("ANTHROPIC_") and name.endswith("_MODEL")]
    models = [task.agent.model, *named]
    return all(is_own(model) or model.split("[")[0] in ALIASES for model in models if model)


def _settings(task: Task) -> dict[str, Any]:
    """The workspace's own, with Muster's hook behind its hooks. Without an answer the edit is made: the diff check finds it then."""
    settings = dict(task.agent.settings)
    if not task.endpoint:
        return settings
    hook = {"type": "http", "url": f"{task.endpoint}/hooks/pre-tool-use", "timeout": HOOK_TIMEOUT_S}
    hooks = settings.get("hooks")
    theirs = dict(hooks) if isinstance(hooks, Mapping) else {}
    before = theirs.get("PreToolUse")
    ours = {"matcher": "Edit|Write|MultiEdit|NotebookEdit", "hooks": [hook]}
    return {**settings, "hooks": {**theirs, "PreToolUse": [*(before if isinstance(before, list) else []), ours]}}


def _environment(task: Task) -> dict[str, str]:
    """Telemetry in a hurry: a request is known a fifth of a second after its answer, also if the process is killed then."""
    common = {
        "CLAUDE_CONFIG_DIR": str(task.home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }
    if not task.endpoint:
        return common
    return common | {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": task.endpoint,
        "OTEL_LOGS_EXPORT_INTERVAL": "200",
        "OTEL_RESOURCE_ATTRIBUTES": f"muster.session_id={task.session_id},muster.round={task.env.get('MUSTER_ROUND', '')}",
    }
