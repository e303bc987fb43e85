"""With JSON logs, every line of every process is JSON: banners, warnings, tracebacks and errors before anything is configured."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.harness import ROOT, Client, Running, until

NOT_OURS = "valkey"
"""Its own program writes its log."""


def lines_of(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line.strip()]


def assert_json(lines: list[str], where: object) -> None:
    for line in lines:
        assert isinstance(json.loads(line), dict), (where, line)
        assert {"timestamp", "level", "message"} <= json.loads(line).keys(), (where, line)


@pytest.mark.timeout(400)
def test_every_line_of_every_process_is_json(tmp_path: Path) -> None:
    up = Running(tmp_path / "first" / "data", MUSTER_LOG_FORMAT="json", MUSTER_REPO_ROOTS=str(tmp_path), MUSTER_TICK_S="1")
    try:
        until(up.is_ready, 180)
        client = Client(up)
        repo = {"name": "x", "repo": str(tmp_path / "none"), "total_budget_usd": 1, "max_project_spend_usd": 1}
        with pytest.raises(AssertionError, match="400"):
            client.call("POST", "/workspaces", repo)
        until(lambda: all((up.data / f"alive.{queue}").exists() for queue in ("control", "sessions")), 60)
        for queue in ("control", "sessions"):
            probe = [sys.executable, "-m", "config.alive", "--queue", queue]
            assert subprocess.run(probe, cwd=ROOT, env=up.env, capture_output=True).returncode == 0
        time.sleep(2)  # a tick and a look of each thread
    finally:
        up.process.terminate()
        up.process.wait(60)
    assert_json(lines_of(up.log), "up")
    logs = [log for log in (up.data / "logs").glob("*.log") if log.stem not in (NOT_OURS, "bootstrap")]
    assert {log.stem for log in logs} == {"web", "control", "sessions"}
    for log in logs:
        assert_json(lines_of(log), log.stem)
    assert any(lines_of(log) for log in logs)


@pytest.mark.parametrize("module", ["config.web", "config.work", "config.up"])
def test_a_bad_setting_is_a_line_of_json_too(module: str, tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "MUSTER_DATA_DIR": str(tmp_path), "MUSTER_LOG_FORMAT": "json", "MUSTER_TICK_S": "no"}
    done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 2 and "MUSTER_TICK_S" in done.stderr
    assert_json(done.stderr.splitlines() + done.stdout.splitlines(), module)


def test_a_traceback_is_one_line_and_a_print_another(tmp_path: Path) -> None:
    program = """
from config.system import streams
streams.install()
import warnings, threading
print("a banner\\nof two lines", end="")
print(" and more")
warnings.warn("old")
thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()
raise ValueError("the end")
"""
    env = {"PATH": "/usr/bin:/bin", "MUSTER_DATA_DIR": str(tmp_path), "MUSTER_LOG_FORMAT": "json"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True)
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == ["a banner", "of two lines and more"]
    errors = [json.loads(line) for line in done.stderr.splitlines()]
    assert [error["message"] for error in errors if "exception" in error] == [
        "ZeroDivisionError: division by zero",
        "ValueError: the end",
    ]
    assert "Traceback" in errors[-1]["exception"] and any("old" in error["message"] for error in errors)
