"""The command agent's lines: each is read and counts once, and none breaks the session."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from budget import amounts
from orchestration.worker.agents import command
from orchestration.worker.agents.shared.events import Asked, Event, Failure, Finished, Text, Usage, Waiting
from tests.orchestration.worker.agents.recorded import a_task, of_kind


def read(tmp_path: Path, *lines: str) -> list[Any]:
    reader = command.reader(a_task(tmp_path))
    return [event for line in lines for event in reader.read(line)]


def test_usage_without_an_id_counts_each_time(tmp_path: Path) -> None:
    line = json.dumps({"type": "usage", "cost_usd": 0.1})
    ids = [usage.id for usage in of_kind(Usage, read(tmp_path, line, line))]
    assert len(set(ids)) == 2
    assert ids == [usage.id for usage in of_kind(Usage, read(tmp_path, line, line))], "a journal is read the same way"


def test_usage_has_what_a_cache_keeps_for_an_hour_and_how_it_was_served(tmp_path: Path) -> None:
    line = {
        "type": "usage",
        "model": "gpt-5",
        "cache_write_tokens": 5,
        "cache_write_1h_tokens": 3,
        "service_tier": "flex",
        "speed": 1,
    }
    [usage] = of_kind(Usage, read(tmp_path, json.dumps(line)))
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens, usage.context) == (5, 3, (("service_tier", "flex"),))
    [whole] = of_kind(Usage, read(tmp_path, json.dumps(line | {"cache_write_1h_tokens": 5})))
    assert (whole.cache_write_tokens, whole.cache_write_1h_tokens) == (5, 5)
    [unclear] = of_kind(Usage, read(tmp_path, json.dumps(line | {"cache_write_1h_tokens": 6})))
    assert unclear.model == "unreadable usage line", "a part is never more than the whole"


def test_long_ids_with_a_common_start_are_distinct(tmp_path: Path) -> None:
    lines = [json.dumps({"type": "usage", "id": "x" * 200 + end, "cost_usd": 0.1}) for end in "ab"]
    assert len({usage.id for usage in of_kind(Usage, read(tmp_path, *lines))}) == 2


def test_text_can_be_stored_whatever_it_holds(tmp_path: Path) -> None:
    (event,) = of_kind(Text, read(tmp_path, r'{"type": "text", "text": "odd \ud800\u0000"}'))
    assert event.text == "odd \\ud800"


@pytest.mark.parametrize(
    "line", ['{"a": ' + "[" * 100_000, '{"a": ' + "[" * 900 + "]" * 900 + "}", '{"type": "failure", "code": []}']
)
def test_unknown_lines_are_log_text(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, line) == []


@pytest.mark.parametrize("role", ["plan", "expand", "orchestrate"])
def test_a_planner_that_prints_no_result_has_answered_with_its_other_output(tmp_path: Path, role: Any) -> None:
    reader = command.reader(replace(a_task(tmp_path), role=role))
    lines = ["{", '  "entries": []', "}", json.dumps({"type": "usage", "cost_usd": 0.1}), json.dumps({"type": "task"})]
    events = [event for line in lines for event in reader.read(line)]
    assert list(reader.read("a warning", is_error=True)) == []
    assert of_kind(Finished, events) == []
    assert list(reader.end(0)) == [Finished(ok=True, summary='{\n  "entries": []\n}\n{"type": "task"}')]
    assert list(reader.end(1)) == []


def test_a_result_counts_before_other_output(tmp_path: Path) -> None:
    reader = command.reader(replace(a_task(tmp_path), role="plan"))
    read_lines = [list(reader.read(line)) for line in ("thinking", json.dumps({"type": "result", "summary": "plan"}))]
    assert read_lines == [[], [Finished(ok=True, summary="plan")]]
    assert list(reader.end(0)) == []


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "text", "text": "x" * 600}, Text("x" * 500)),
        ({"type": "question", "text": "Which?"}, Asked("line-1", "Which?")),
        ({"type": "waiting", "message": "m" * 400, "until": 1_800_000_000}, Waiting("m" * 300, 1_800_000_000.0)),
        ({"type": "waiting"}, Waiting("It waits for its provider")),
        ({"type": "failure", "code": "auth", "message": "m" * 600, "retry_at": 5}, Failure("auth", "m" * 500, 5.0)),
        ({"type": "verdict", "passed": True}, Finished(True, '{"type": "verdict", "passed": true}')),
        ({"type": "result"}, Finished(True, "")),
        ({"type": "result", "ok": False, "summary": "No"}, Finished(False, "No")),
        ({"type": "result", "ok": None, "summary": "s" * 1_000_001}, Finished(True, "s" * 1_000_000)),
    ],
)
def test_each_line_of_the_protocol_is_one_event(tmp_path: Path, message: dict[str, Any], event: Event) -> None:
    assert read(tmp_path, json.dumps(message)) == [event]


@pytest.mark.parametrize(
    ("until", "moment"), [(0, 0.0), (1.5, 1.5), (10**11 - 1, 10.0**11 - 1), (10**11, None), (-1, None), (True, None), ("5", None)]
)
def test_a_moment_is_in_seconds_since_the_epoch(tmp_path: Path, until: Any, moment: float | None) -> None:
    [event] = read(tmp_path, json.dumps({"type": "waiting", "until": until}))
    assert event.until == moment


def test_questions_are_numbered_and_the_last_verdicts_are_kept(tmp_path: Path) -> None:
    questions = read(tmp_path, *[json.dumps({"type": "question", "text": "?"})] * 2)
    assert [asked.id for asked in questions] == ["line-1", "line-2"]
    lines = [json.dumps({"type": "verdict", "n": n}) for n in range(command.launch.MAX_VERDICTS + 1)]
    assert read(tmp_path, *lines)[-1].summary.splitlines() == lines[1:]


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"cost_usd": 0}, 0),
        ({"cost_usd": 0.1}, 100_000),
        ({"cost_usd": 0.0000001}, 1),
        ({}, None),
        ({"cost_usd": None}, None),
    ],
)
def test_an_amount_is_rounded_up_to_micro_dollars(tmp_path: Path, fields: dict[str, Any], cost: int | None) -> None:
    [usage] = of_kind(
        Usage, read(tmp_path, json.dumps({"type": "usage", "id": 7, "model": "m" * 300, "input_tokens": 3, **fields}))
    )
    assert (usage.id, usage.cost, usage.model, usage.input_tokens) == ("7", cost, "m" * 200, 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"cost_usd": -0.1},
        {"cost_usd": True},
        {"cost_usd": "1"},
        {"cost_usd": int(amounts.MAX_USD) + 1},
        {"input_tokens": -1},
        {"output_tokens": 1.5},
        {"cache_read_tokens": True},
        {"input_tokens": 10**12 + 1},
    ],
)
def test_an_invalid_amount_or_count_is_an_unknown_cost_and_never_nothing(tmp_path: Path, fields: dict[str, Any]) -> None:
    [usage] = of_kind(Usage, read(tmp_path, json.dumps({"type": "usage", "id": "a", "model": "gpt-5", **fields})))
    assert usage == Usage(id="a", model="unreadable usage line")


def test_how_it_was_served_is_a_short_word(tmp_path: Path) -> None:
    line = {"type": "usage", "speed": "s" * 50, "service_tier": "t"}
    [usage] = of_kind(Usage, read(tmp_path, json.dumps(line)))
    assert usage.context == (("speed", "s" * 40), ("service_tier", "t"))


@pytest.mark.parametrize("role", ["implement", "review", "verify"])
def test_the_other_output_of_a_sessions_agent_is_no_answer(tmp_path: Path, role: Any) -> None:
    reader = command.reader(replace(a_task(tmp_path), role=role))
    assert [*reader.read("text"), *reader.end(0)] == []


def test_a_command_is_run_as_it_is_written(tmp_path: Path) -> None:
    for written, argv in (("a | b", ["sh", "-c", "a | b", "-x"]), (["a", "b"], ["a", "b", "-x"])):
        task = a_task(tmp_path, kind="command", command=written, args=["-x"])
        assert command.start(task).argv == command.resume(task).argv == argv
    with pytest.raises(ValueError, match=r"agent\.command is not set"):
        command.start(a_task(tmp_path))
