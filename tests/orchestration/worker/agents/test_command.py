"""The command agent's lines: each is read and counts once, and none breaks the session."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.worker.agents import command
from orchestration.worker.agents.shared.events import Finished, Text, Usage
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


def test_a_planner_that_prints_no_result_has_answered_with_its_other_output(tmp_path: Path) -> None:
    reader = command.reader(replace(a_task(tmp_path), role="plan"))
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
