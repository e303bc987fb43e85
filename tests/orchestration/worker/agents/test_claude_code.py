"""Claude Code: its command line, its output, its failures."""

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.worker.agents import claude_code
from orchestration.worker.agents.claude_code.reader import Reader
from orchestration.worker.agents.shared.events import Failure, Finished, Started, Text, Waiting
from orchestration.worker.agents.shared.interface import Thread
from tests.orchestration.worker.agents.claude_rows import read_all, read_row, result, stdout_of
from tests.orchestration.worker.agents.recorded import a_task, lines, objects, of_kind
from tests.sampling import examples

# Failures.


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"api_error_status": 400, "result": "API Error: 400 stub says the request is invalid"}, "bad_request"),
        ({"api_error_status": 400, "result": "Credit balance is too low"}, "quota"),
        ({"api_error_status": 400, "result": "Prompt is too long · the request is ~210000 tokens"}, "context_full"),
        ({"api_error_status": 401, "result": "Invalid API key"}, "auth"),
        ({"api_error_status": 404, "result": "There's an issue with the selected model (x)."}, "unknown_model"),
        ({"api_error_status": 429, "result": "API Error: Request rejected (429)"}, "rate_limited"),
        ({"api_error_status": 529, "result": "Overloaded"}, "overloaded"),
        ({"api_error_status": None, "result": "Not logged in · Please run /login"}, "auth"),
        ({"subtype": "error_max_turns", "errors": ["Reached maximum number of turns (3)"], "result": None}, "turns_exhausted"),
        ({"subtype": "error_during_execution", "errors": ["No conversation found with session ID: x"], "result": None}, "thread_lost"),
        ({"subtype": "error_during_execution", "errors": ["what?"], "result": None}, "crashed"),
    ],
)  # fmt: skip
def test_failures_have_names(more: dict[str, Any], code: str) -> None:
    events = read_all([result(is_error=True, **more)], exit_code=1)
    assert [failure.code for failure in of_kind(Failure, events)] == [code]
    assert [finished.ok for finished in of_kind(Finished, events)] == [False]


def test_a_refused_key_fails_at_the_first_retry_and_not_after_ten() -> None:
    reader = Reader(None, "/repo")
    first = next(line for line in lines("claude-error-401-retrying") if "api_retry" in line)
    assert [event.code for event in of_kind(Failure, reader.read(first))] == ["auth"]
    assert of_kind(Failure, reader.end(1)) == [], "it is said once"


@pytest.mark.parametrize(("status", "code"), [(429, "rate_limited"), (529, "overloaded"), (None, "network")])
def test_a_busy_provider_is_waited_for(status: int | None, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    retry = {
        "type": "system",
        "subtype": "api_retry",
        "attempt": 2,
        "retry_delay_ms": 2000.5,
        "error_status": status,
        "error": "x",
    }
    monkeypatch.setattr("time.time", lambda: 1000.0)
    events = list(Reader(None, "/repo").read(json.dumps(retry)))
    assert [event.code for event in of_kind(Waiting, events)] == [code]
    assert [event.until for event in of_kind(Waiting, events)] == [1002.0005]


def test_a_subscription_limit_reports_its_end() -> None:
    events = read_all([result(is_error=True, api_error_status=429, result="Claude AI usage limit reached|1795550000")], 1)
    assert of_kind(Failure, events)[0].retry_at == 1_795_550_000


def test_reaching_its_own_budget_limit_is_no_failure() -> None:
    events = stdout_of("claude-max-budget", 1)
    assert of_kind(Failure, events) == []
    assert [(finished.ok, finished.out_of_money) for finished in of_kind(Finished, events)] == [(False, True)]


def test_an_answer_that_reaches_the_limit_and_ends_the_turn_is_its_last_one() -> None:
    """The whole of it: a planner's is the plan."""
    plan = "Done. " + "x" * 30_000
    answers = [
        {"type": "assistant", "message": {"id": "m1", "content": [{"type": "text", "text": text}]}}
        for text in ("I see.", plan, " ")
    ]
    over = result(subtype="error_max_budget_usd", is_error=True, stop_reason="end_turn", errors=["Reached maximum budget ($0.4)"])
    events = read_all([*({"stdout": answer} for answer in answers), over], 1)
    assert of_kind(Finished, events) == [Finished(True, plan, exit_code=1)]
    assert of_kind(Text, events) == [Text("I see."), Text(plan[:500])]
    over["stdout"] |= {"stop_reason": "tool_use", "result": None}
    cut = read_all([*({"stdout": answer} for answer in answers), over], 1)
    assert of_kind(Finished, cut) == [Finished(False, "Reached maximum budget ($0.4)", out_of_money=True)]


def refusal(content: str) -> list[dict[str, Any]]:
    use = {"type": "tool_use", "id": "t1", "name": "Write", "input": {"file_path": "/repo/a"}}
    tool_result = {"type": "tool_result", "tool_use_id": "t1", "content": content, "is_error": True}
    rows = [{"type": "assistant", "message": {"content": [use]}}, {"type": "user", "message": {"content": [tool_result]}}]
    denied = [{"tool_name": "Write", "tool_use_id": "t1"}]
    return [*({"stdout": row} for row in rows), result(permission_denials=denied)]


def test_an_agent_that_may_not_write_has_not_succeeded() -> None:
    events = read_all(refusal("Claude requested permissions to write to /repo/a, but you haven't granted it yet."))
    assert [failure.code for failure in of_kind(Failure, events)] == ["permission_denied"]


def test_refusals_by_musters_hook_are_no_permission_failure() -> None:
    assert of_kind(Failure, read_all(refusal("files_locked: a belongs to #3 (Muster)"))) == []


def used(name: str, content: str = "ok", *, is_error: bool = False) -> list[dict[str, Any]]:
    """A tool that the agent used, and its result."""
    use = {"type": "tool_use", "id": name, "name": name, "input": {}}
    answer = {"type": "tool_result", "tool_use_id": name, "content": content, "is_error": is_error}
    return [
        {"stdout": {"type": "assistant", "message": {"content": [use]}}},
        {"stdout": {"type": "user", "message": {"content": [answer]}}},
    ]


def test_refused_tools_are_named_where_it_changed_nothing() -> None:
    """A tool that only reads changes nothing, nor does one that failed; words that only quote Muster are the CLI's own."""
    denied = [{"tool_name": name, "tool_use_id": name} for name in ("Write", "Bash", "Write")]
    rows = [
        *used("Write", "It was not (Muster) that refused it", is_error=True),
        *used("Read"),
        *used("Edit", "gone", is_error=True),
    ]
    events = read_all([*rows, result(permission_denials=denied)])
    assert of_kind(Failure, events) == [
        Failure("permission_denied", "it changed nothing and was not allowed to use Bash, Write")
    ] and of_kind(Finished, events) == [Finished(True, "Done")]
    assert of_kind(Failure, read_all([*rows, *used("NotebookEdit"), result(permission_denials=denied)])) == []


def test_the_conversation_is_the_one_that_the_process_names() -> None:
    """It may have begun a new one though it was to resume another."""
    reader = Reader(Thread("old", {"cwd": "/elsewhere"}), "/repo")
    assert reader.thread == Thread("old", {"cwd": "/elsewhere"})
    init = {"type": "system", "subtype": "init", "session_id": "new", "model": "claude-sonnet-4-5"}
    assert list(reader.read(json.dumps(init))) == [Started("new", "claude-sonnet-4-5")]
    assert reader.thread == Thread("new", {"cwd": "/repo"})


def test_a_wait_is_at_most_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    retry = {"type": "system", "subtype": "api_retry", "attempt": 2, "retry_delay_ms": 10**9, "error_status": 529}
    assert list(Reader(None, "/repo").read(json.dumps(retry))) == [
        Waiting("error (529), attempt 2", 1000.0 + 86_400, "overloaded")
    ]


def test_a_refused_command_line_is_reported_from_stderr() -> None:
    reader = Reader(None, "/repo")
    assert list(reader.read("error: unknown option '--no-such-flag'", is_error=True)) == []
    assert list(reader.end(1)) == [Failure("cli_refused", "error: unknown option '--no-such-flag'")]


def test_an_end_without_a_result_is_a_crash_unless_it_was_killed() -> None:
    init_row = {"stdout": {"type": "system", "subtype": "init", "session_id": "s"}}
    assert [failure.code for failure in of_kind(Failure, read_all([init_row], 0))] == ["crashed"]
    assert of_kind(Failure, read_all([init_row], None)) == []


def test_a_run_that_a_signal_ended_names_no_failure() -> None:
    ended = result(
        subtype="error_during_execution", is_error=True, terminal_reason="aborted_tools", errors=["[ede_diagnostic] x"]
    )
    assert of_kind(Failure, read_all([ended], 0)) == []
    ended["stdout"] |= {"terminal_reason": "model_error", "result": None}
    assert of_kind(Failure, read_all([ended], 0)) == [Failure("crashed", "[ede_diagnostic] x")]


@given(
    st.lists(
        st.text(max_size=40)
        | st.sampled_from(lines("claude-partial")).flatmap(lambda line: st.integers(0, len(line)).map(lambda n: line[:n]))
    ),
    st.data(),
)
@settings(max_examples=examples(100))
def test_no_output_breaks_the_reader(printed: list[str], data: st.DataObject) -> None:
    reader = Reader(None, "/repo")
    for line in printed:
        list(reader.read(line, is_error=data.draw(st.booleans())))
    list(reader.end(data.draw(st.sampled_from([None, 0, 1]))))


@given(st.sampled_from(objects("claude-live")), st.data())
@settings(max_examples=examples(200))
def test_values_of_other_types_do_not_break_the_reader(row: dict[str, Any], data: st.DataObject) -> None:
    """Replaces any value in a line."""
    nonsense = st.sampled_from([None, True, -1, 10**30, "x", [], {}, [1], float("nan")])

    def mangled(value: Any) -> Any:
        if data.draw(st.integers(0, 9)) == 0:
            return data.draw(nonsense)
        if isinstance(value, dict):
            return {key: mangled(each) for key, each in value.items()}
        return [mangled(each) for each in value] if isinstance(value, list) else value

    reader = Reader(None, "/repo")
    for each in (
        row,
        {key: mangled(value) for key, value in row.items() if key != "otlp"} | {k: row[k] for k in ("otlp",) if k in row},
    ):
        if isinstance(each.get("attributes", {}), dict):
            list(read_row(reader, each))
    list(reader.poll())
    list(reader.end(0))


# Starting.


def test_progress_and_the_thread_are_reported() -> None:
    events = stdout_of("claude")
    assert of_kind(Started, events)[0].model == "claude-sonnet-4-5"
    assert [event.text for event in of_kind(Text, events)][:2] == ["I will create the file.", "Write hello.txt"]
    assert of_kind(Finished, events) == [Finished(True, "Created hello.txt and checked it.")]


def test_it_starts_with_an_id_for_resuming(tmp_path: Path) -> None:
    launch = claude_code.start(a_task(tmp_path, model="claude-sonnet-4-5", prompt="-x"))
    assert launch.thread is not None and str(uuid.UUID(launch.thread.id)) == launch.thread.id
    argv = launch.argv
    assert argv[argv.index("--session-id") + 1] == launch.thread.id
    assert argv[argv.index("--max-budget-usd") + 1] == "0.250000"
    assert argv[-2:] == ["--", "-x"] and "--dangerously-skip-permissions" in argv


def test_a_conversation_is_resumed_in_its_own_directory(tmp_path: Path) -> None:
    thread = Thread("0b1f", {"cwd": str(tmp_path / "work")})
    task = a_task(tmp_path, thread=thread)
    assert "--session-id" in claude_code.resume(task).argv, "it was killed before it wrote anything"
    kept = task.home / ".claude/projects/-work"
    kept.mkdir(parents=True)
    (kept / "0b1f.jsonl").touch()
    assert claude_code.resume(task).argv[2:4] == ["--resume", "0b1f"]
    elsewhere = claude_code.resume(a_task(tmp_path, thread=Thread("0b1f", {"cwd": "/elsewhere"})))
    assert elsewhere.thread is not None and elsewhere.thread.id != "0b1f"


def test_a_long_prompt_is_read_from_its_file(tmp_path: Path) -> None:
    assert claude_code.start(a_task(tmp_path, prompt="x" * 100_000)).argv[-1] == "x" * 100_000
    long = claude_code.start(a_task(tmp_path, prompt="x" * 200_000)).argv[-1]
    assert str(tmp_path / "prompt.md") in long and len(long) < 1000


def test_musters_hook_follows_the_workspaces_own_hooks(tmp_path: Path) -> None:
    theirs = {"matcher": "Bash", "hooks": [{"type": "command", "command": "true"}]}
    task = a_task(tmp_path, settings={"includeCoAuthoredBy": False, "hooks": {"PreToolUse": [theirs], "Stop": []}})
    argv = claude_code.start(task).argv
    written = json.loads(Path(argv[argv.index("--settings") + 1]).read_text())
    assert written["includeCoAuthoredBy"] is False and written["hooks"]["Stop"] == []
    assert written["hooks"]["PreToolUse"][0] == theirs
    assert written["hooks"]["PreToolUse"][1]["hooks"][0]["url"] == "http://127.0.0.1:1/secret/hooks/pre-tool-use"


def test_the_workspaces_permission_mode_wins(tmp_path: Path) -> None:
    argv = claude_code.start(a_task(tmp_path, args=["--permission-mode", "acceptEdits"])).argv
    assert "--dangerously-skip-permissions" not in argv


@pytest.mark.parametrize(
    ("model", "env", "kept"),
    [
        (None, {}, True),
        ("opus[1m]", {}, True),
        ("us.anthropic.claude-sonnet-4-5-v1:0", {}, True),
        ("glm-9", {}, False),
        ("sonnet", {"ANTHROPIC_DEFAULT_SONNET_MODEL": "glm-9"}, False),
        ("sonnet", {"MY_MODEL": "glm-9", "ANTHROPIC_BASE_URL": "http://x", "ANTHROPIC_SMALL_FAST_MODEL": ""}, True),
    ],
)
def test_its_own_limit_is_only_used_with_models_whose_price_it_knows(
    tmp_path: Path, model: str | None, env: dict[str, str], kept: bool
) -> None:
    task = replace(a_task(tmp_path, model=model), env=env)
    assert ("--max-budget-usd" in claude_code.start(task).argv) is kept
