"""Claude Code: `claude -p`, its settings, its telemetry, its hook. Observed behaviour: docs/reference/agents.md."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from budget import amounts
from orchestration.processes.kill_sequence import Step
from orchestration.sessions.folders import own_files
from orchestration.worker.agents.claude_code import sums
from orchestration.worker.agents.claude_code.reader import Reader
from orchestration.worker.agents.shared.interface import Launch, Task, Thread, Traits, patience_ms
from orchestration.worker.agents.shared.json_values import prompt_argument

TRAITS = Traits(
    binary="claude",
    install="npm install -g @anthropic-ai/claude-code",
    cost="reported",
    live=True,
    resumes=True,
    receives=True,
    sums=True,
    honours=frozenset({"budget", "edits"}),
    logins=((".claude/.credentials.json", ".claude/.credentials.json"),),
    status=("claude", "auth", "status"),
    kill_sequence=(Step("INT", "leader", 0.0), Step("TERM", "all", 0.4)),
    ignored_prefixes=('{"type":"stream_event"',),
)

MANY_TOKENS = 32_000
HOOK_TIMEOUT_S = 30
HOOKS = (
    ("PreToolUse", "Edit|Write|MultiEdit|NotebookEdit", "pre-tool-use"),
    ("PostToolUse", "*", "post-tool-use"),
    ("PostToolUseFailure", "*", "post-tool-use"),
)
"""Event, tools, and the endpoint's path: whether a file may be changed, and what people say meanwhile."""
ALIASES = ("default", "sonnet", "opus", "haiku", "opusplan")
OWN_MODES = ("--permission-mode", "--dangerously-skip-permissions", "--allow-dangerously-skip-permissions")


def start(task: Task) -> Launch:
    """Start a conversation under an id that Muster chooses, so that it can be resumed after a kill at any time."""
    thread = Thread(str(uuid.uuid4()), {"cwd": str(task.cwd)})
    return _launch(task, thread, "--session-id")


def resume(task: Task) -> Launch:
    """Resume the conversation, or start another one in another directory: Claude Code stores conversations by directory."""
    thread = task.thread
    if thread is None or thread.totals.get("cwd") != str(task.cwd):
        return start(task)
    exists = any((task.home / ".claude" / "projects").glob(f"*/{thread.id}.jsonl"))
    return _launch(task, thread, "--resume" if exists else "--session-id")


def reader(task: Task) -> Reader:
    return Reader(task.thread, str(task.cwd))


def _launch(task: Task, thread: Thread, option: str) -> Launch:
    """No permission prompts, since no person could answer: the clone is the agent's own, and its work is checked before a merge.

    The weaker `acceptEdits` would deny the shell, and so the tests. IS_SANDBOX allows this mode for root as well.
    """
    settings = own_files.write(task.home, "muster-settings.json", json.dumps(_settings(task)))
    argv = ["claude", "-p", option, thread.id, "--output-format", "stream-json", "--verbose", "--include-partial-messages"]
    if task.agent.model:
        argv += ["--model", task.agent.model]
    if task.agent.effort:
        argv += ["--effort", task.agent.effort]
    if task.limit and not task.is_by_gateway and _knows_its_prices(task):
        argv += ["--max-budget-usd", f"{task.limit / amounts.MICRO:.6f}"]
    if not any(arg.split("=")[0] in OWN_MODES for arg in task.agent.args):
        argv.append("--dangerously-skip-permissions")
    argv += ["--settings", str(settings), *task.agent.args, "--", prompt_argument(task)]
    saved = sums.find_saved(task.home, thread.id) if option == "--resume" else sums.NOTHING
    return Launch(argv, _environment(task), thread, (sums.as_record(thread.id, saved),))


def _knows_its_prices(task: Task) -> bool:
    """Claude Code's limit uses its own prices. For another provider's model it assumes a high price and would stop too early."""
    configured = [value for name, value in task.env.items() if name.startswith("ANTHROPIC_") and name.endswith("_MODEL")]
    models = [task.agent.model, *configured]
    return all(sums.is_own(model) or model.split("[")[0] in ALIASES for model in models if model)


def _settings(task: Task) -> dict[str, Any]:
    """The workspace's settings, with Muster's hooks after its own. If a hook does not answer, the edit is made, and the diff check finds it; a
    message waits for the next tool."""
    settings = dict(task.agent.settings)
    if not task.endpoint:
        return settings
    hooks = settings.get("hooks")
    own_hooks = dict(hooks) if isinstance(hooks, Mapping) else {}
    for event, matcher, path in HOOKS:
        hook = {"type": "http", "url": f"{task.endpoint}/hooks/{path}", "timeout": HOOK_TIMEOUT_S}
        before = own_hooks.get(event)
        own_hooks[event] = [*(before if isinstance(before, list) else []), {"matcher": matcher, "hooks": [hook]}]
    return {**settings, "hooks": own_hooks}


def _behind_the_gateway(task: Task) -> dict[str, str]:
    """It waits in silence while its request waits for money or for its provider: without the second variable for 300 s at most. In the gateway each of its requests reserves its output limit, which it sets to up to 128,000 tokens. It thinks with as many; where money is short, with
    half of them, so that the limit can still be lowered."""
    if not task.is_by_gateway:
        return {}
    thinking = {} if task.output_tokens >= MANY_TOKENS else {"MAX_THINKING_TOKENS": str(task.output_tokens // 2)}
    patience = {name: str(patience_ms(task)) for name in ("API_TIMEOUT_MS", "CLAUDE_STREAM_IDLE_TIMEOUT_MS")}
    return {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(task.output_tokens), **thinking, **patience}


def _environment(task: Task) -> dict[str, str]:
    """Telemetry every 200 ms: a request is known a fifth of a second after its answer, even if the process is killed then."""
    common = {
        "CLAUDE_CONFIG_DIR": str(task.home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }
    common |= {name: value for name, value in _behind_the_gateway(task).items() if name not in task.env}
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
