"""Reports of the CLIs on the windows of a subscription."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.configuration.windows import DAY, Reading
from orchestration.worker.agents import claude_code, codex
from orchestration.worker.agents.shared.events import Failure, Limits
from tests.orchestration.worker.agents.recorded import a_task

RESET = 1_790_000_000
SHARES = {
    "five_hour": {"status": "allowed", "utilization": 0.42, "resetsAt": RESET},
    "seven_day": {"status": "allowed", "utilization": 1, "resetsAt": RESET + 500_000},
}


def of_claude(folder: Path, *messages: dict[str, Any]) -> list[Any]:
    reader = claude_code.reader(a_task(folder))
    return [event for message in messages for event in reader.read(json.dumps(message))]


@pytest.mark.parametrize(
    ("info", "readings"),
    [
        ({"unifiedWindows": SHARES}, [Reading(300, 42.0, RESET), Reading(7 * DAY, 100.0, RESET + 500_000)]),
        ({"status": "rejected", "rateLimitType": "five_hour", "resetsAt": RESET}, [Reading(300, 100.0, RESET)]),
        ({"status": "allowed", "rateLimitType": "seven_day", "resetsAt": RESET}, [Reading(7 * DAY, None, RESET)]),
        (
            {"status": "allowed_warning", "rateLimitType": "five_hour", "utilization": 0.81, "resetsAt": RESET},
            [Reading(300, 81.0, RESET)],
        ),
        ({"status": "allowed", "rateLimitType": "seven_day_opus", "resetsAt": RESET}, []),
        ({"unifiedWindows": {"five_hour": "?"}, "rateLimitType": 7}, []),
        (None, []),
        ([], []),
    ],
)
def test_claude_code_reports_them_in_a_line_of_its_own(tmp_path: Path, info: Any, readings: list[Reading]) -> None:
    reported = of_claude(tmp_path, {"type": "rate_limit_event", "rate_limit_info": info})
    assert [reading for event in reported for reading in event.readings] == readings
    assert all(isinstance(event, Limits) for event in reported)


def test_a_refusal_of_claude_code_ends_at_the_reset_of_its_own_line(tmp_path: Path) -> None:
    refused = {
        "type": "rate_limit_event",
        "rate_limit_info": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": RESET},
    }
    result = {
        "type": "result",
        "subtype": "success",
        "is_error": True,
        "api_error_status": 429,
        "result": "You've hit your limit",
    }
    [failure] = [event for event in of_claude(tmp_path, refused, result) if isinstance(event, Failure)]
    assert (failure.code, failure.retry_at) == ("rate_limited", RESET)
    [failure] = [event for event in of_claude(tmp_path, result) if isinstance(event, Failure)]
    assert failure.retry_at is None


def a_count(at: float, **limits: Any) -> str:
    stamp = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    payload = {"type": "token_count", "info": None, "rate_limits": limits or None}
    return json.dumps({"timestamp": stamp, "type": "event_msg", "payload": payload}) + "\n"


def test_codex_reports_them_in_its_rollout_by_duration_and_not_by_place(tmp_path: Path) -> None:
    """A plan may have its week in the first place. The report to an earlier session is out of date."""
    task = a_task(tmp_path, kind="codex")
    folder = task.home / ".codex/sessions/2026/11/30"
    folder.mkdir(parents=True)
    rollout = folder / f"rollout-2026-11-30T10-00-00-{'a' * 36}.jsonl"
    began, week = time.time(), {"used_percent": 93.5, "window_minutes": 10_080, "resets_at": RESET}
    rollout.write_text(a_count(began - 3600, primary={"used_percent": 1.0, "window_minutes": 300, "resets_at": RESET}))
    reader = codex.reader(task)
    assert list(reader.poll()) == []
    with rollout.open("a") as file:
        file.write(a_count(began + 1, primary=week, secondary=None))
        file.write(a_count(began + 2, primary={"used_percent": 7, "window_minutes": 300, "resets_in_seconds": 60}))
        file.write(a_count(began + 3))
    [limits] = list(reader.poll())
    assert isinstance(limits, Limits)
    assert limits.readings[0] == Reading(10_080, 93.5, RESET)
    assert limits.readings[1][:2] == (300, 7.0) and 50 < limits.readings[1].resets_at - began < 100
    assert list(reader.poll()) == []
