"""Gemini CLI: chat files and result report the same cost, which counts once; its failures have codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.worker.agents import gemini
from orchestration.worker.agents.gemini.reader import Reader
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Thread
from tests.orchestration.worker.agents.recorded import TRANSCRIPTS, a_task, cost, lines, of_kind

ID = "11111111-2222-4333-8444-555555555556"
ROUND_TWO = "== round two"


def a_reader(folder: Path, thread: Thread | None = None) -> Reader:
    return gemini.reader(a_task(folder, kind="gemini", thread=thread))


def chat(folder: Path, *, rounds: int) -> None:
    """Write the recorded chat file, as it is after this many rounds."""
    recorded = lines("gemini-chat")
    end = recorded.index(ROUND_TWO)
    path = folder / f"home/.gemini/tmp/work/chats/session-2026-11-24T19-41-{ID[:8]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in (recorded[:end] if rounds == 1 else recorded) if line != ROUND_TWO))


def events_of(reader: Reader, name: str, exit_code: int | None = 0) -> list[Event]:
    printed = [event for line in lines(name) for event in reader.read(line)]
    return [*printed, *reader.poll(), *reader.end(exit_code)]


# Money.


def test_a_resumed_chat_counts_each_round_once(tmp_path: Path) -> None:
    first = a_reader(tmp_path)
    chat(tmp_path, rounds=1)
    assert cost(events_of(first, "gemini-round-one")) == 4_500 and first.thread
    chat(tmp_path, rounds=2)
    second = a_reader(tmp_path, Thread(first.thread.id, {**first.thread.totals, "cwd": str(tmp_path / "work")}))
    events = events_of(second, "gemini-round-two")
    assert cost(events) == 11_500 and len(of_kind(Usage, events)) == 2


def test_requests_of_a_dead_process_do_not_count_for_the_next(tmp_path: Path) -> None:
    """Without a kept offset all is read again; the ledger recognises the ids."""
    chat(tmp_path, rounds=2)
    events = events_of(a_reader(tmp_path), "gemini-round-two")
    assert cost(events) == 16_000 and all(used.of_thread for used in of_kind(Usage, events))
    assert of_kind(Discrepancy, events) == [], "its result is of this process alone"


def test_processes_that_are_read_again_after_their_worker_died_cost_no_more(tmp_path: Path) -> None:
    """The worker had read all of both and kept how far; their results must not count once more."""
    thread: Thread | None = None
    booked = []
    for rounds, name in enumerate(("gemini-round-one", "gemini-round-two"), start=1):
        chat(tmp_path, rounds=rounds)
        worker = a_reader(tmp_path, thread)
        booked.append({used.id for used in of_kind(Usage, events_of(worker, name))})
        assert worker.thread
        thread = Thread(worker.thread.id, {**worker.thread.totals, "cwd": str(tmp_path / "work")})
    for ids, name in zip(booked, ("gemini-round-one", "gemini-round-two"), strict=True):
        events = events_of(a_reader(tmp_path, thread), name, None)
        assert {used.id for used in of_kind(Usage, events)} == ids
        assert of_kind(Discrepancy, events) == [] and all(used.of_thread for used in of_kind(Usage, events))


def test_without_a_chat_the_result_has_all_usage(tmp_path: Path) -> None:
    used = of_kind(Usage, events_of(a_reader(tmp_path), "gemini"))
    assert [(each.input_tokens, each.cache_read_tokens, each.output_tokens) for each in used] == [(13_200, 20_300, 200)]


def test_helper_usage_comes_from_the_result(tmp_path: Path) -> None:
    chat(tmp_path, rounds=1)
    reader = a_reader(tmp_path)
    result = json.loads(lines("gemini-round-one")[-1])
    result["stats"]["models"]["gemini-2.5-pro"].update(total_tokens=2200 + 550, input_tokens=2000 + 500, cached=100)
    result["stats"]["models"]["gemini-2.5-flash"] = {"total_tokens": 110, "input_tokens": 100, "output_tokens": 5, "cached": 0}
    events = [event for line in [*lines("gemini-round-one")[:-1], json.dumps(result)] for event in reader.read(line)]
    helper_usage = of_kind(Usage, [*events, *reader.poll(), *reader.end(0)])[2:]
    assert [(used.model, used.input_tokens, used.cache_read_tokens, used.output_tokens) for used in helper_usage] == [
        ("gemini-2.5-pro", 400, 100, 50),
        ("gemini-2.5-flash", 100, 0, 10),  # thoughts are in the total and nowhere else
    ]
    began = "2026-11-24T19:41:24.131Z"
    assert [used.id for used in helper_usage] == [f"rest:{began}:gemini-2.5-pro", f"rest:{began}:gemini-2.5-flash"]


# Progress and failures.


def test_it_reports_its_conversation_and_its_last_answer(tmp_path: Path) -> None:
    events = events_of(a_reader(tmp_path), "gemini-round-one")
    assert of_kind(Started, events) == [Started(ID, "gemini-2.5-pro")]
    assert of_kind(Finished, events) == [Finished(True, "Round one done.")]


def test_a_refused_key_has_a_name(tmp_path: Path) -> None:
    events = events_of(a_reader(tmp_path), "gemini-error-401", 145)
    assert [failure.code for failure in of_kind(Failure, events)] == ["auth"]
    assert [finished.ok for finished in of_kind(Finished, events)] == [False]


def printed(reader: Reader, *messages: dict[str, Any]) -> list[Event]:
    return [event for message in messages for event in reader.read(json.dumps(message))]


def answered(content: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": content}


def test_its_answer_is_its_text_after_its_last_tool(tmp_path: Path) -> None:
    """The end of it, where it is long."""
    tool = {"type": "tool_use", "tool_name": "write_file", "parameters": {"prompt": "p", "command": "c", "file_path": "one.txt"}}
    end = "y" * 20_000
    events = printed(
        a_reader(tmp_path),
        answered("I will "),
        answered("write."),
        tool,
        tool,
        answered("x" * 9),
        answered(end),
        {"type": "result", "status": "success"},
    )
    assert events == [Text("I will write."), Text("write_file one.txt"), Text("write_file one.txt"), Finished(True, end)]


def test_a_success_after_too_many_turns_is_none(tmp_path: Path) -> None:
    message = "Reached max Session Turns for this session"
    events = printed(
        a_reader(tmp_path), {"type": "error", "message": message}, answered("Done"), {"type": "result", "status": "success"}
    )
    assert events == [Failure("turns_exhausted", message), Finished(False, "Done")]


def test_an_end_without_a_result_is_a_failure_whatever_its_code(tmp_path: Path) -> None:
    for messages, code in (([{"type": "init", "session_id": "s", "timestamp": "t"}], "crashed"), ([], "cli_refused")):
        reader = a_reader(tmp_path)
        printed(reader, *messages)
        assert list(reader.end(0)) == [Failure(code, "it ended with 0 and without a result")]


def test_the_start_that_was_kept_is_kept_until_the_process_has_its_own(tmp_path: Path) -> None:
    kept = {"cwd": str(tmp_path / "work"), "offsets": {"a": 7}, "started": "2026-11-24T19:41:24.131Z"}
    reader = a_reader(tmp_path, Thread(ID, kept))
    assert reader.thread == Thread(ID, kept)
    printed(reader, {"type": "init", "session_id": ID, "timestamp": "2026-11-25"})
    assert reader.thread == Thread(ID, {**kept, "started": "2026-11-25"})


def test_its_attempts_are_waits(tmp_path: Path) -> None:
    reader = a_reader(tmp_path)
    words = (TRANSCRIPTS / "gemini-error-429-stderr.txt").read_text().splitlines()
    waits = of_kind(Waiting, [event for line in words for event in reader.read(line, is_error=True)])
    assert waits and {wait.code for wait in waits} == {"rate_limited"}


@pytest.mark.parametrize(
    ("exit_code", "words", "code"),
    [
        (41, "When using Gemini API, you must specify the GEMINI_API_KEY environment variable.", "auth"),
        (41, "TypeError: fetch failed", "auth"),
        (42, 'Error resuming session: Invalid session identifier "x".', "thread_lost"),
        (42, "Unknown argument: --x", "cli_refused"),
        (53, "Reached max session turns for this session.", "turns_exhausted"),
        (1, "Error: connect ECONNREFUSED", "network"),
        (1, "SyntaxError", "cli_refused"),
    ],
)
def test_an_end_without_a_result_has_a_name(tmp_path: Path, exit_code: int, words: str, code: str) -> None:
    reader = a_reader(tmp_path)
    list(reader.read(words, is_error=True))
    assert [failure.code for failure in of_kind(Failure, reader.end(exit_code))] == [code]
    assert list(reader.end(None)) == []


# Starting.


def test_its_settings_select_a_login_type(tmp_path: Path) -> None:
    task = a_task(
        tmp_path, kind="gemini", settings={"model": {"maxSessionTurns": 9}, "security": {"auth": {"useExternal": True}}}
    )
    launch = gemini.start(task)
    assert launch.thread and launch.thread.id in launch.argv and launch.env == {"GEMINI_CLI_NO_RELAUNCH": "true"}
    settings = json.loads((task.home / ".gemini/settings.json").read_text())
    assert settings["security"]["auth"] == {"selectedType": "gemini-api-key", "useExternal": True}
    assert settings["model"] == {"maxSessionTurns": 9}
    (task.home / gemini.LOGIN).write_text("{}")
    gemini.start(task)
    assert "oauth-personal" in (task.home / ".gemini/settings.json").read_text()


def test_it_resumes_an_existing_chat_or_starts_a_new_one(tmp_path: Path) -> None:
    thread = Thread(ID, {"cwd": str(tmp_path / "work")})
    task = a_task(tmp_path, kind="gemini", thread=thread)
    assert "--session-id" in gemini.resume(task).argv
    chat(tmp_path, rounds=1)
    assert "--resume" in gemini.resume(task).argv
    elsewhere = a_task(tmp_path, kind="gemini", thread=Thread(ID, {"cwd": "/elsewhere"}))
    assert ID not in gemini.resume(elsewhere).argv


def test_a_long_prompt_is_read_from_its_file(tmp_path: Path) -> None:
    launch = gemini.start(a_task(tmp_path, kind="gemini", prompt="é" * 100_000))
    assert str(tmp_path / "prompt.md") in launch.argv[-1]
    assert launch.argv[launch.argv.index("--include-directories") + 1] == str(tmp_path)
