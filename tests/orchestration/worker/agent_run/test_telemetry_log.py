"""Telemetry is kept for the reaper: whole records, within a bound, and a full disk ends no session."""

import json
from pathlib import Path

import pytest

from orchestration.worker.agent_run import telemetry_log
from orchestration.worker.agent_run.telemetry_log import TelemetryLog


def test_records_are_read_as_they_came_without_torn_and_odd_lines(tmp_path: Path) -> None:
    path = tmp_path / "telemetry"
    log = TelemetryLog(path)
    log.append("a", {"n": 1})
    with path.open("ab") as file:
        file.write(b'["torn", {"n"\n["odd", 5]\n{"name": 1}\n[5, {}]\n')
    log.append("b", {"n": 2})
    assert list(telemetry_log.read(path)) == [("a", {"n": 1}), ("b", {"n": 2})]
    assert list(telemetry_log.read(tmp_path / "none")) == []


def test_the_file_has_a_bound_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "telemetry"
    line = len(json.dumps(["a", {"n": 1}])) + 1
    monkeypatch.setattr(telemetry_log, "MAX_BYTES", 2 * line)
    log = TelemetryLog(path)
    for n in (1, 2, 3):
        log.append("a", {"n": n})
    assert [attributes["n"] for _, attributes in telemetry_log.read(path)] == [1, 2]


def test_a_disk_that_takes_nothing_ends_the_log_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder/telemetry"
    log = TelemetryLog(path)
    log.append("a", {})
    path.parent.mkdir()
    log.append("b", {})
    assert not path.exists(), "a gap would hide what is missing"
