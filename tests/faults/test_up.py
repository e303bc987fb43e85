"""`up` under faults: a killed child is restarted, and no process is left behind."""

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.system import sockets
from tests.faults.harness import GRACE, ROOT, Client, Running, is_running, until
from tests.plugins.database import put_migrated

SERVICES = ["control", "sessions", "valkey", "web"]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests after which it goes on."""
    data = tmp_path_factory.mktemp("up") / "data"
    put_migrated(data)
    running = Running(data)
    until(running.is_ready, 30)
    yield running
    running.process.terminate()
    running.process.wait(20)


def test_the_second_start_prepares_nothing(start: Callable[..., Running], data: Path) -> None:
    """`python -m bench starts` measures how long it takes."""
    first = start()
    first.process.terminate()
    first.process.wait(GRACE + 2)
    (data / "logs" / "bootstrap.log").unlink()
    again = start()
    assert again.get("/healthz") == 200
    assert "First start" not in again.output
    assert "Applying" not in (data / "logs" / "bootstrap.log").read_text()


def test_the_api_answers_at_once_although_it_is_loaded_last(start: Callable[..., Running]) -> None:
    up = start()
    assert up.get("/api/v1/openapi.json") == 200
    assert up.get("/api/v1/docs") == 200


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_everything_within_the_grace(start: Callable[..., Running], sig: int) -> None:
    up = start()
    assert sorted(up.children()) == SERVICES
    up.process.send_signal(sig)
    assert up.process.wait(GRACE + 2) == 0
    assert up.leftovers() == []


def test_it_ends_in_time_although_the_workers_hang(start: Callable[..., Running]) -> None:
    up = start()
    for name in ("control", "sessions", "web"):
        os.kill(up.children()[name], signal.SIGSTOP)
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(GRACE + 2) == 0
    assert up.leftovers() == []


def test_a_second_ctrl_c_kills_at_once(start: Callable[..., Running]) -> None:
    up = start()
    os.kill(up.children()["sessions"], signal.SIGSTOP)
    up.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(1) == 0
    assert up.leftovers() == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_killed_child_is_back_within_a_second(up: Running, name: str) -> None:
    before = up.children()[name]
    os.kill(before, signal.SIGKILL)
    until(lambda: up.children().get(name, before) != before, 1)
    assert up.get("/healthz") == 200  # also while the web server itself restarts: the socket is kept open
    assert f"{name} ended (killed by SIGKILL)" in up.output


def test_a_child_that_keeps_crashing_is_reported_with_its_log(start: Callable[..., Running]) -> None:
    up = start()
    for _ in range(5):
        pid = up.children()["control"]
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: up.children().get("control", pid) != pid or "keeps crashing" in up.output, 10)
    assert "control keeps crashing (5 times in a row)" in up.output
    assert str(up.data / "logs" / "control.log") in up.output


def test_a_child_that_ends_after_an_update_starts_with_the_code_on_disk(data: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    for folder in ("config", "workspaces", "budget", "orchestration", "dashboard", "templates", "static"):
        shutil.copytree(ROOT / folder, code / folder)
    for file in ("manage.py", "VERSION"):
        shutil.copy(ROOT / file, code)
    put_migrated(data)
    up = Running(data, code=code)
    try:
        until(up.is_ready, 60)
        web = up.children()["web"]
        assert Path(f"/proc/{web}/comm").read_text() == "muster-web\n"
        os.kill(web, signal.SIGKILL)
        until(lambda: up.children().get("web", web) != web, 10)
        assert "restart `./muster up`" not in up.output
        web = up.children()["web"]
        (code / "config/alive.py").touch()
        os.kill(web, signal.SIGKILL)
        until(lambda: up.children().get("web", web) != web, 10)
        assert "restart `./muster up`" in up.output
        assert up.get("/healthz", within_s=60) == 200
        assert b"config.web" in Path(f"/proc/{up.children()['web']}/cmdline").read_bytes()
    finally:
        up.process.terminate()
        up.process.wait(20)


def test_a_killed_up_ends_its_children_and_the_next_one_starts(start: Callable[..., Running]) -> None:
    up = start()
    up.process.kill()
    up.process.wait()
    until(lambda: up.leftovers() == [], GRACE + 5)
    assert start().get("/healthz") == 200


def test_the_next_up_ends_what_a_killed_one_left(start: Callable[..., Running]) -> None:
    up = start()
    left = up.children()
    os.kill(left["sessions"], signal.SIGSTOP)  # so that it cannot follow its parent
    up.process.kill()
    up.process.wait()
    again = start()
    assert "Ending processes of an earlier run: " in again.output
    assert not is_running(left["sessions"])
    assert again.get("/healthz") == 200


def test_a_reused_pid_is_left_alone(start: Callable[..., Running], data: Path) -> None:
    """A record with another boot id or start time means another process."""
    data.mkdir()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    rows = [{"name": "web", "pid": os.getpid(), "started": "1", "boot": boot}]
    (data / "children.json").write_text(json.dumps(rows))
    assert "Ending" not in start().output


def test_a_second_up_on_the_same_data_is_refused(start: Callable[..., Running]) -> None:
    start()
    second = start(ready=False)
    assert second.process.wait(5) == 1
    assert "already runs" in second.output


def test_a_taken_port_is_reported_with_a_remedy(start: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = start("--port", str(port), ready=False)
        assert up.process.wait(5) == 1
    assert f"--port {port + 1}" in up.output
    assert up.leftovers() == []


def test_it_refuses_another_address_while_no_user_has_a_password(start: Callable[..., Running]) -> None:
    up = start("--host", "0.0.0.0", ready=False)
    assert up.process.wait(20) == 1
    assert "manage changepassword owner" in up.output
    assert up.leftovers() == []


def test_a_data_directory_too_deep_for_a_socket(tmp_path: Path) -> None:
    data = tmp_path / ("deep" * 25) / ("deeper" * 10)
    put_migrated(data)
    up = Running(data)
    try:
        until(up.is_ready, 30)
        assert up.get("/healthz") == 200
    finally:
        up.process.terminate()
        up.process.wait(20)
    assert up.leftovers() == []


def test_queued_messages_survive_a_killed_valkey(up: Running) -> None:
    assert _valkey(up, "SET kept 1") == b"+OK\r\n"
    time.sleep(1.2)  # the append-only file is written every second
    before = up.children()["valkey"]
    os.kill(before, signal.SIGKILL)
    until(lambda: up.children().get("valkey", before) != before, 2)
    until(lambda: _valkey(up, "GET kept") == b"$1\r\n1\r\n", 2)


def test_the_valkey_has_a_password_that_no_command_line_or_environment_shows(up: Running) -> None:
    password = sockets.valkey_password_file(up.data).read_text().split()[1]
    assert sockets.valkey_password_file(up.data).stat().st_mode & 0o777 == 0o600
    assert not any(password in command for command in up.leftovers())
    assert not any(password in Path(f"/proc/{pid}/environ").read_text() for pid in up.children().values())


def test_a_key_of_a_wrong_type_costs_a_restart_of_the_worker_and_no_more(up: Running) -> None:
    before = up.children()["sessions"]
    _valkey(up, "DEL sessions")
    _valkey(up, "SET sessions poison")
    os.kill(before, signal.SIGKILL)
    until(lambda: up.children().get("sessions", before) != before, 5)
    until(lambda: _valkey(up, "TYPE sessions") in (b"+none\r\n", b"+list\r\n"), 20)
    back = up.children()["sessions"]
    until(lambda: "sessions@" in (up.data / "logs/sessions.log").read_text().rpartition("broker.keys_deleted")[2], 20)
    assert up.children()["sessions"] == back


@pytest.mark.alone
def test_a_valkey_that_hangs_delays_no_request(start: Callable[..., Running]) -> None:
    up = start()
    up.muster("demo")
    client = Client(up)
    workspace = client.call("GET", "/workspaces")["workspaces"][0]["id"]
    body = {"entries": [{"content": f"entry {n}"} for n in range(20)]}
    valkey_pid = up.children()["valkey"]
    os.kill(valkey_pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        client.call("POST", f"/workspaces/{workspace}/orchestration/todo/entries", body)
        seconds = time.monotonic() - began
    finally:
        os.kill(valkey_pid, signal.SIGCONT)
    print(f"20 entries were added in {seconds:.2f} s while Valkey was stopped")
    assert seconds < 5


def _valkey(up: Running, command: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(up.data / "valkey.sock"))
        except OSError:
            return b""
        login = sockets.valkey_password_file(up.data).read_text().replace("requirepass", "AUTH").strip()
        link.sendall(f"{login}\r\n{command}\r\n".encode())
        with link.makefile("rb") as lines:
            assert lines.readline() == b"+OK\r\n"
            answer = lines.readline()
            return answer + lines.readline() if answer.startswith(b"$") and answer != b"$-1\r\n" else answer
