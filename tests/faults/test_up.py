"""`up` under fire: whatever is killed comes back, and nothing stays behind."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
GRACE = 2
SERVICES = ["control", "sessions", "valkey", "web"]


class Running:
    """One `muster up` on a data directory, and what can be known of it from outside."""

    def __init__(self, data: Path, *args: str) -> None:
        data.parent.mkdir(exist_ok=True)
        self.data = data
        env = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
        env |= {"MUSTER_DATA_DIR": str(data), "MUSTER_STOP_GRACE_S": str(GRACE)}
        command = [sys.executable, "-m", "config.up", "--no-demo", "--port", "0", *args]
        self.log = data.parent / "up.out"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def port(self) -> int:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.output)
        assert found, self.output
        return int(found[1])

    def children(self) -> dict[str, int]:
        try:
            return {row["name"]: row["pid"] for row in json.loads((self.data / "children.json").read_text())}
        except FileNotFoundError:
            return {}

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.output
        return "Muster is running" in self.output

    def get(self, path: str) -> int:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        link.request("GET", path)
        return link.getresponse().status

    def leftovers(self) -> list[str]:
        """Every process of this machine that carries our data directory in its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("MUSTER_DATA_DIR") == str(self.data) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # whoever adopted it may not have looked yet
    except psutil.NoSuchProcess:
        return False


def until(happens: Callable[[], object], seconds: float) -> float:
    began = time.monotonic()
    while not happens():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Running]]:
    started = []

    def _start(*args: str, ready: bool = True) -> Running:
        running = Running(data, *args)
        started.append(running)
        if ready:
            until(running.is_ready, 30)
        return running

    yield _start
    for running in started:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(20)


def test_the_second_start_answers_within_three_seconds(start: Callable[..., Running]) -> None:
    first = start()
    first.process.terminate()
    first.process.wait(GRACE + 2)
    began = time.monotonic()
    again = start()
    assert again.get("/healthz") == 200
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_everything_within_the_grace(start: Callable[..., Running], sig: int) -> None:
    up = start()
    assert sorted(up.children()) == SERVICES
    up.process.send_signal(sig)
    assert up.process.wait(GRACE + 2) == 0
    assert up.leftovers() == []


def test_it_ends_in_time_although_the_workers_do_not_react(start: Callable[..., Running]) -> None:
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
def test_a_killed_child_is_back_within_a_second(start: Callable[..., Running], name: str) -> None:
    up = start()
    before = up.children()[name]
    os.kill(before, signal.SIGKILL)
    until(lambda: up.children().get(name, before) != before, 1)
    assert up.get("/healthz") == 200  # also while the web server itself restarts: the socket is kept open
    assert f"{name} ended (killed by SIGKILL)" in up.output


def test_a_child_that_keeps_crashing_is_said_so_with_its_log(start: Callable[..., Running]) -> None:
    up = start()
    for _ in range(5):
        pid = up.children()["control"]
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: up.children().get("control", pid) != pid or "keeps crashing" in up.output, 10)
    assert "control keeps crashing (5 times in a row)" in up.output
    assert str(up.data / "logs" / "control.log") in up.output


def test_a_killed_up_takes_its_children_along_and_the_next_one_starts(start: Callable[..., Running]) -> None:
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
    assert "Ending what an earlier run left: " in again.output
    assert not is_running(left["sessions"])
    assert again.get("/healthz") == 200


def test_a_reused_pid_is_left_alone(start: Callable[..., Running], data: Path) -> None:
    """A record of another boot or start time is about somebody else's process."""
    data.mkdir()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    rows = [{"name": "web", "pid": os.getpid(), "started": "1", "boot": boot}]
    (data / "children.json").write_text(json.dumps(rows))
    assert "Ending" not in start().output


def test_a_second_up_on_the_same_data_says_so(start: Callable[..., Running]) -> None:
    start()
    second = start(ready=False)
    assert second.process.wait(5) == 1
    assert "already runs" in second.output


def test_a_taken_port_is_said_with_the_way_out(start: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = start("--port", str(port), ready=False)
        assert up.process.wait(5) == 1
    assert f"--port {port + 1}" in up.output
    assert up.leftovers() == []


def test_it_refuses_another_address_while_nobody_has_a_password(start: Callable[..., Running]) -> None:
    up = start("--host", "0.0.0.0", ready=False)
    assert up.process.wait(20) == 1
    assert "manage changepassword owner" in up.output
    assert up.leftovers() == []


def test_a_data_directory_too_deep_for_a_socket(tmp_path: Path) -> None:
    up = Running(tmp_path / ("deep" * 25) / ("deeper" * 10))
    try:
        until(up.is_ready, 30)
        assert up.get("/healthz") == 200
    finally:
        up.process.terminate()
        up.process.wait(20)
    assert up.leftovers() == []


def test_the_doorbells_survive_a_killed_valkey(start: Callable[..., Running]) -> None:
    up = start()
    assert _valkey(up, "SET kept 1") == b"+OK\r\n"
    time.sleep(1.2)  # the append-only file is written every second
    before = up.children()["valkey"]
    os.kill(before, signal.SIGKILL)
    until(lambda: up.children().get("valkey", before) != before, 2)
    until(lambda: _valkey(up, "GET kept") == b"$1\r\n1\r\n", 2)


def _valkey(up: Running, command: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(up.data / "valkey.sock"))
        except OSError:
            return b""
        link.sendall(f"{command}\r\n".encode())
        return link.recv(100)
