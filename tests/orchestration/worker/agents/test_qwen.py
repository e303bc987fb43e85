"""Qwen Code: chat files have the tokens of each request, results are running totals, and API errors are reported as success."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.worker.agents import qwen
from orchestration.worker.agents.qwen.reader import Reader
from orchestration.worker.agents.shared.events import Event, Failure, Finished, Started, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Thread
from tests.orchestration.worker.agents.recorded import a_task, cost, lines, of_kind

ID = "11111111-2222-4333-8444-555555555556"
ROUND_TWO = "== round two"


def a_reader(folder: Path, thread: Thread | None = None) -> Reader:
    return qwen.reader(a_task(folder, kind="qwen", model="gpt-5", thread=thread))


def chat(folder: Path, name: str = "qwen-chat", *, rounds: int = 1) -> None:
    recorded = lines(name)
    end = recorded.index(ROUND_TWO) if rounds == 1 and ROUND_TWO in recorded else len(recorded)
    path = folder / f"home/.qwen/projects/-repo/chats/{ID}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in recorded[:end] if line != ROUND_TWO))


def events_of(reader: Reader, name: str, exit_code: int | None = 0) -> list[Event]:
    printed = [event for line in lines(name) for event in reader.read(line)]
    return [*printed, *reader.poll(), *reader.end(exit_code)]


def resumed_reader(folder: Path, reader: Reader) -> Reader:
    assert reader.thread
    return a_reader(folder, reader.thread)


# Money.


def test_only_the_growth_of_the_total_counts(tmp_path: Path) -> None:
    first = a_reader(tmp_path)
    chat(tmp_path)
    assert cost(events_of(first, "qwen-round-one")) == 4_500
    chat(tmp_path, rounds=2)
    events = events_of(resumed_reader(tmp_path, first), "qwen-round-two")
    assert cost(events) == 11_500 and len(of_kind(Usage, events)) == 2


def test_without_chats_a_round_is_the_difference_of_two_results(tmp_path: Path) -> None:
    first = a_reader(tmp_path)
    assert cost(events_of(first, "qwen-round-one")) == 4_500
    second = resumed_reader(tmp_path, first)
    events = events_of(second, "qwen-round-two")
    assert cost(events) == 11_500
    uuids = [json.loads(lines(name)[-1])["uuid"] for name in ("qwen-round-one", "qwen-round-two")]
    assert [used.id for used in of_kind(Usage, events)] == [f"rest:{uuids[1]}"] and uuids[0] != uuids[1]
    assert second.thread and second.thread.totals["counted"] == {"input": 8000, "cached": 0, "total": 8600}


def test_the_requests_of_a_dead_process_are_in_the_next_total(tmp_path: Path) -> None:
    """Without a kept offset round one is read again; the ledger recognises its ids."""
    chat(tmp_path, rounds=2)
    events = events_of(a_reader(tmp_path), "qwen-round-two")
    assert cost(events) == 16_000 and all(used.of_thread for used in of_kind(Usage, events))


def test_the_cached_part_is_inside_of_the_input(tmp_path: Path) -> None:
    used = of_kind(Usage, events_of(a_reader(tmp_path), "qwen"))
    assert [(each.input_tokens, each.cache_read_tokens, each.output_tokens) for each in used] == [(13_200, 20_300, 200)]


def test_each_response_counts_once_at_the_price_of_its_own_model(tmp_path: Path) -> None:
    def row(uuid: str, **event: object) -> str:
        event = {"event.name": "qwen-code.api_response", "input_token_count": 10, "output_token_count": 5, **event}
        return json.dumps({"uuid": uuid, "systemPayload": {"uiEvent": event}})

    path = tmp_path / f"home/.qwen/projects/-repo/chats/{ID}.jsonl"
    path.parent.mkdir(parents=True)
    rows = [row("u1", response_id="r1", model="helper-1"), row("u2", response_id="r1"), row("u3"), row("u4")]
    path.write_text("".join(f"{each}\n" for each in rows))
    used = of_kind(Usage, a_reader(tmp_path).poll())
    assert [(usage.id, usage.model) for usage in used] == [("r1", "helper-1"), ("u3", "gpt-5"), ("u4", "gpt-5")]


@pytest.mark.parametrize(("named", "expected"), [("qwen3-coder", "qwen3-coder"), ("", "of-env")])
def test_its_model_is_the_one_that_it_names_or_that_it_was_given(tmp_path: Path, named: str, expected: str) -> None:
    task = replace(a_task(tmp_path, kind="qwen"), env={"OPENAI_MODEL": "of-env"})
    init = {"type": "system", "subtype": "init", "session_id": ID, "model": named}
    assert list(qwen.reader(task).read(json.dumps(init))) == [Started(ID, expected)]


# Progress and failures.


def test_it_reports_its_conversation_and_its_last_answer(tmp_path: Path) -> None:
    events = events_of(a_reader(tmp_path), "qwen-round-one")
    assert of_kind(Started, events) == [Started(ID, "gpt-5")]
    assert of_kind(Finished, events) == [Finished(True, "Round one done.")]


def test_an_api_error_reported_as_success_is_a_failure(tmp_path: Path) -> None:
    events = events_of(a_reader(tmp_path), "qwen-error-401")
    assert [finished.ok for finished in of_kind(Finished, events)] == [False]
    assert [failure.code for failure in of_kind(Failure, events)] == ["auth"]


def test_its_silent_attempts_are_waits(tmp_path: Path) -> None:
    chat(tmp_path, "qwen-chat-429")
    reader = a_reader(tmp_path)
    list(reader.read(lines("qwen-round-one")[0]))
    assert {wait.code for wait in of_kind(Waiting, reader.poll())} == {"rate_limited"}


def test_the_attempts_of_an_earlier_process_are_not_its_own(tmp_path: Path) -> None:
    chat(tmp_path, "qwen-chat-429")
    assert list(a_reader(tmp_path).poll()) == []


@pytest.mark.parametrize(
    ("exit_code", "words", "code"),
    [
        (1, "No saved session found with ID 1. Run `qwen --resume` without an ID to choose", "thread_lost"),
        (53, "Reached max session turns for this session.", "turns_exhausted"),
        (53, "429 {} Too many requests", "turns_exhausted"),
        (1, "Missing API key for OpenAI. Set credentials", "auth"),
        (1, "Unknown argument: x", "cli_refused"),
        (0, "", "cli_refused"),
    ],
)
def test_an_end_without_a_result_has_a_name(tmp_path: Path, exit_code: int, words: str, code: str) -> None:
    reader = a_reader(tmp_path)
    list(reader.read(words, is_error=True))
    assert [failure.code for failure in of_kind(Failure, reader.end(exit_code))] == [code]


def test_refused_tools_are_named_if_no_file_changed(tmp_path: Path) -> None:
    result = {"type": "result", "subtype": "success", "result": "Done", "permission_denials": [{"tool_name": "write_file"}]}
    assert [each.code for each in of_kind(Failure, a_reader(tmp_path).read(json.dumps(result)))] == ["permission_denied"]
    for name, codes in (("read_file", ["permission_denied"]), ("edit", [])):
        reader = a_reader(tmp_path)
        use = {"type": "tool_use", "name": name, "input": {"prompt": "p", "path": "a", "file_path": ""}}
        message = {"type": "assistant", "message": {"content": [use]}}
        assert list(reader.read(json.dumps(message))) == [Text(f"{name} a")]
        assert [each.code for each in of_kind(Failure, reader.read(json.dumps(result)))] == codes


def test_an_answer_may_quote_an_api_error(tmp_path: Path) -> None:
    words = 'The log has "[API Error: 500 no]" in it' + "x" * 30_000
    result = {"type": "result", "subtype": "success", "result": words}
    assert list(a_reader(tmp_path).read(json.dumps(result))) == [Finished(True, words)]


# Starting.


def test_it_resumes_an_existing_chat_or_starts_a_new_one(tmp_path: Path) -> None:
    thread = Thread(ID, {"cwd": str(tmp_path / "work")})
    task = a_task(tmp_path, kind="qwen", thread=thread)
    assert "--session-id" in qwen.resume(task).argv
    chat(tmp_path)
    assert "--resume" in qwen.resume(task).argv


def test_the_workspaces_approval_mode_wins(tmp_path: Path) -> None:
    assert "yolo" in qwen.start(a_task(tmp_path, kind="qwen")).argv
    assert "yolo" not in qwen.start(a_task(tmp_path, kind="qwen", args=["--approval-mode=auto-edit"])).argv
