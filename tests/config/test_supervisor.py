"""`up` restarts and reports children that end, and stops them in order. No server runs here."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.system import env
from config.system.worker_arguments import worker_args
from config.up import copies, supervisor
from config.up.children import Child
from config.up.messages import Failed, cause_of_end, muster_command, welcome
from config.up.supervisor import Stop, Supervisor


class Ended:
    """The part of a process that `up` looks at."""

    def __init__(self, returncode: int | None) -> None:
        self.returncode, self.pid, self.signals = returncode, 1, list[int]()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self) -> int:
        return self.returncode or 0

    def send_signal(self, sig: int) -> None:
        self.signals.append(sig)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(supervisor, "report", lines.append)
    return lines


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "valkey").mkdir()
    return Supervisor()


@pytest.fixture
def child(up: Supervisor) -> Callable[..., Child]:
    """Makes a child of `up` that has ended with a code, or lives (None)."""

    def make(name: str, code: int | None, **fields: Any) -> Child:
        row = Child(name, ["true"], {}, up.log_of(name), started_at=time.monotonic(), read_to=0, **fields)
        row.process = Ended(code)  # type: ignore[assignment]
        row.log.write_text("its last words\n")
        up.children.append(row)
        return row

    return make


def test_a_child_that_ends_starts_again_after_its_wait_and_not_before(
    up: Supervisor, child: Callable[..., Child], reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spawned: list[Child] = []
    monkeypatch.setattr(up, "spawn", spawned.append)
    web, living = child("web", 3), child("control", None)
    up._restart_ended()
    assert reported == ["web ended (exit code 3); starting it again in 0.2 s."] and spawned == []
    up._restart_ended()
    assert spawned == [] and len(reported) == 1, "its wait is not over"
    assert up._next_due() == web.restart_at
    web.started_at, web.restart_at = web.started_at - 9, web.started_at - 8
    up._restart_ended()
    assert spawned == [web] and living not in spawned


def test_a_child_that_keeps_crashing_is_reported_with_the_end_of_its_log(
    up: Supervisor, child: Callable[..., Child], reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "is_outdated", lambda: True)
    child("sessions", -9, quick_crashes=supervisor.LOUD_AFTER - 2, of_module=True)
    last = child("control", 1, quick_crashes=supervisor.LOUD_AFTER - 1)
    up._restart_ended()
    quiet, loud = reported
    assert quiet.startswith(
        "sessions ended (killed by SIGKILL); starting it again in 1.6 s. It starts with the code that is on disk"
    )
    assert (
        loud
        == f"control keeps crashing (5 times in a row). control ended (exit code 1); starting it again in 3.2 s.\nLast lines of {last.log}:\n  its last words"
    )


def test_errors_in_the_logs_of_living_children_are_reported_with_their_number(
    up: Supervisor, child: Callable[..., Child], reported: list[str]
) -> None:
    web, control = child("web", None), child("control", None)
    web.log.write_text("level='error' event='first'\nlevel='error' event='" + "x" * 400 + "'\n")
    control.log.write_text("level='error' event='alone'\n")
    up._restart_ended()
    up._restart_ended()
    assert reported == [
        f"web logged an error (2 in all): {web.log.read_text().splitlines()[1][:300]}\n  see {web.log}",
        f"control logged an error: level='error' event='alone'\n  see {control.log}",
    ]


@pytest.mark.parametrize(
    ("code", "has_file", "is_moved"),
    [(1, True, True), (1, False, False), (0, True, False), (-9, True, False), (None, True, False)],
)
def test_the_file_of_valkey_is_set_aside_only_where_valkey_itself_refused_it(
    up: Supervisor, child: Callable[..., Child], reported: list[str], code: int | None, has_file: bool, is_moved: bool
) -> None:
    if has_file:
        (up.data / "valkey/appendonly").write_text("bad")
    assert up.set_aside_bad_file(child("valkey", code)) is is_moved
    aside = [folder for folder in up.data.glob("valkey.bad-*") if (folder / "appendonly").exists()]
    assert len(aside) == len(reported) == is_moved
    assert (up.data / "valkey").is_dir() and any((up.data / "valkey").iterdir()) is (has_file and not is_moved)


def test_what_is_needed_at_the_start_must_live(up: Supervisor, child: Callable[..., Child]) -> None:
    child("valkey", None), child("bootstrap", 0)
    up.require("valkey", "web")
    web = child("web", 2)
    with pytest.raises(Failed, match=r"^web ended while starting \(exit code 2\)\.") as failed:
        up.require("valkey", "web")
    assert str(failed.value).endswith(f"Last lines of {web.log}:\n  its last words")


@pytest.mark.parametrize(
    ("sig", "stopping_for", "ends"),
    [
        (signal.SIGINT, None, True),
        (signal.SIGTERM, None, True),
        (signal.SIGHUP, None, True),
        (signal.SIGCHLD, None, False),
        (signal.SIGINT, 0.1, False),
        (signal.SIGINT, 5.0, True),
        (signal.SIGTERM, 5.0, False),
    ],
)
def test_a_second_ctrl_c_ends_the_wait_for_children_and_a_repeated_signal_does_not(
    up: Supervisor, monkeypatch: pytest.MonkeyPatch, sig: int, stopping_for: float | None, ends: bool
) -> None:
    up.stopping, up.stopping_since = stopping_for is not None, time.monotonic() - (stopping_for or 0)
    monkeypatch.setattr(signal, "sigtimedwait", lambda *_: type("Got", (), {"si_signo": sig})())
    if ends:
        with pytest.raises(Stop):
            up.wait(1)
    else:
        up.wait(1)


def test_at_the_end_workers_go_first_then_the_web_server_then_valkey(
    up: Supervisor, child: Callable[..., Child], reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[tuple[str, int]] = []
    rows = [child(name, None) for name in ("valkey", "web", "control", "sessions", "bootstrap")]

    def ends(row: Child) -> Callable[[int], None]:
        def signal_(sig: int) -> None:
            if row.alive:
                order.append((row.name, sig))
                row.process.returncode = 0  # type: ignore[union-attr]

        return signal_

    for row in rows:
        monkeypatch.setattr(row, "signal", ends(row))
    up.stop()
    assert order == [(name, signal.SIGTERM) for name in ("control", "sessions", "bootstrap", "web", "valkey")]
    assert reported == ["Stopping (Ctrl-C again kills at once)."]


def test_the_record_of_children_goes_with_the_last_of_them(up: Supervisor) -> None:
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    up.children.append(Child("web", [], {}, up.log_of("web"), process=process))
    up.record.write(up.children)
    assert up.record.path.exists()
    up.stop()
    assert process.returncode == -signal.SIGTERM and not up.record.path.exists()


def test_a_worker_reads_the_queues_of_its_kind(up: Supervisor) -> None:
    queues = {queue: args[args.index("-Q") + 1] for queue in ("control", "sessions") for args in [worker_args(queue, 3)]}
    own = (up.data / "host_id").read_text()
    assert queues == {"control": "control", "sessions": f"sessions,claims,claims.{own}"}
    worker = up.worker("sessions", slots=3)
    assert worker.of_module and worker.argv[worker.argv.index("-c") + 1] == "3" and worker.argv[1:3] == ["-m", "celery"]


def test_the_welcome_names_the_way_in_and_the_command_for_this_data(tmp_path: Path) -> None:
    text = welcome("http://127.0.0.1:8765", "/login/link/x/", tmp_path)
    assert "Log in once with      http://127.0.0.1:8765/login/link/x/\n" in text
    assert f"another: ./muster --data-dir {tmp_path} manage login_link" in text and f"Data and logs in      {tmp_path}\n" in text
    assert "Log in" not in welcome("http://127.0.0.1:8765", "", tmp_path)
    default = Path(env.VARIABLES["MUSTER_DATA_DIR"].default).expanduser().resolve()
    assert muster_command(default) == "./muster"


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-15, "killed by SIGTERM")])
def test_the_cause_of_an_end_is_a_code_or_a_signal(child: Callable[..., Child], code: int, words: str) -> None:
    assert cause_of_end(child("web", code)) == words


def test_its_workers_end_rounds_at_once_whatever_the_environment_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSTER_DRAIN_S", "600")
    assert Supervisor().environ["MUSTER_DRAIN_S"] == "0"
