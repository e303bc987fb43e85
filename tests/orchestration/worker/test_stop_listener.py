"""A stop arrives at once, and also while the message broker is down."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from config.system.sockets import listen as listen_on
from orchestration import sessions
from orchestration.executor import control
from orchestration.messaging import publishing, wake_ups
from orchestration.models import Session
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import stop_listener
from orchestration.worker.heartbeat import Heartbeat
from tests.factories import ANA, a_session, a_workspace, an_entry
from tests.orchestration.processes.test_agent_process import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
HOURS = 10_000.0


class Agent:
    """A process that only records the request to stop."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def stop(self) -> None:
        self.stopped.set()

    def kill(self) -> None:
        raise AssertionError("a stop is not a kill")

    def renew(self, at: float) -> None:
        pass


@contextmanager
def supervised(*sessions_running: Session) -> Iterator[list[tuple[StopFlags, Agent]]]:
    """A worker process's heartbeat that supervises these sessions, each with an agent."""
    before = set(threading.enumerate())
    heartbeat = Heartbeat("sessions", 4)
    heartbeat.start()
    supervised_agents = []
    for session in sessions_running:
        flags, agent = StopFlags(session.pk, session.attempt), Agent()
        flags.attach(agent)
        heartbeat.supervised[session.pk] = flags
        supervised_agents.append((flags, agent))
    heartbeat.check_soon()  # as `Heartbeat.supervising` does: a loop that began without a session sleeps long
    try:
        yield supervised_agents
    finally:
        heartbeat.supervised.clear()
        heartbeat.end()
        heartbeat.check_soon()
        for thread in set(threading.enumerate()) - before:
            if thread.name == "heartbeat_beat_loop":
                thread.join(10)


class CheckCounter:
    """Counts the check requests."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def wait_for_request(checks: CheckCounter, seconds: float = 10) -> None:
    """Send a check request and wait until it arrives."""
    before = checks.count
    wake_ups.request_check()
    wait_until(lambda: checks.count > before, seconds)


def counting_listener() -> CheckCounter:
    checks = CheckCounter()
    stop_listener.start_listening(checks)
    wait_until(lambda: checks.count > 0)
    return checks


def test_a_stop_arrives_long_before_the_poll(monkeypatch):
    monkeypatch.setattr(settings, "POLL_S", HOURS)
    session = a_session(an_entry(a_workspace()))
    with supervised(session) as [(flags, agent)]:
        time.sleep(0.2)
        sessions.stop(session.workspace_id, session.pk, by=ANA)
        assert agent.stopped.wait(10)
        assert flags.reason == "stopped"


def test_stop_all_reaches_every_session(monkeypatch):
    monkeypatch.setattr(settings, "POLL_S", HOURS)
    workspace = a_workspace()
    entries = [an_entry(workspace, files=[f"{n}.py"]) for n in range(3)]
    sessions_running = [a_session(entry) for entry in entries]
    with supervised(*sessions_running) as supervised_agents:
        time.sleep(0.2)
        assert control.stop_all(workspace.pk, by=ANA) == 3
        assert all(agent.stopped.wait(10) for _, agent in supervised_agents)


def test_a_stop_works_with_the_listener_dead(monkeypatch):
    monkeypatch.setattr(stop_listener, "start_listening", lambda on_request: None)
    monkeypatch.setattr(settings, "POLL_S", 0.1)
    session = a_session(an_entry(a_workspace()))
    with supervised(session) as [(flags, agent)]:
        sessions.stop(session.workspace_id, session.pk, by=ANA)
        assert agent.stopped.wait(10)
        assert flags.reason == "stopped"


def test_a_stop_works_with_valkey_gone(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(settings, "REDIS_URL", f"unix://{tmp_path}/no-server")
    monkeypatch.setattr(settings, "POLL_S", 0.1)
    publishing.reset()
    session = a_session(an_entry(a_workspace()))
    try:
        with supervised(session) as [(_, agent)]:
            sessions.stop(session.workspace_id, session.pk, by=ANA)
            assert agent.stopped.wait(10)
    finally:
        publishing.reset()


def test_it_reconnects_after_its_connection_was_cut():
    checks = counting_listener()
    before = checks.count
    publishing.client().execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    wait_until(lambda: checks.count > before)  # it calls back by itself: a request may have been missed
    wait_for_request(checks)


def test_it_connects_to_a_valkey_that_starts_late(monkeypatch, tmp_path: Path):
    real = settings.REDIS_URL
    monkeypatch.setattr(stop_listener, "MAX_WAIT_S", 0.2)
    monkeypatch.setattr(settings, "REDIS_URL", f"unix://{tmp_path}/no-server")
    checks = CheckCounter()
    stop_listener.start_listening(checks)
    time.sleep(0.5)
    assert checks.count == 0
    monkeypatch.setattr(settings, "REDIS_URL", real)
    wait_until(lambda: checks.count > 0)
    wait_for_request(checks)


def test_it_listens_over_tcp_and_notices_a_silent_connection(monkeypatch):
    """A vanished host sends no end of file: only an unanswered ping shows it."""
    monkeypatch.setattr(stop_listener, "QUIET_S", 0.3)
    monkeypatch.setattr(stop_listener, "MAX_WAIT_S", 0.2)
    with Line(settings.REDIS_URL.removeprefix("unix://")) as line:
        monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{line.port}/0")
        checks = counting_listener()
        wait_for_request(checks)
        line.dead = True
        time.sleep(1.0)
        before = checks.count
        line.dead = False
        wait_until(lambda: checks.count > before)
        wait_for_request(checks)


def test_no_error_ends_the_listener(monkeypatch):
    monkeypatch.setattr(stop_listener, "MAX_WAIT_S", 0.1)
    broken = iter([RuntimeError("out of memory"), OSError("no file left")])
    checks = CheckCounter()

    def callback() -> None:
        for trouble in broken:
            raise trouble
        checks()

    thread = stop_listener.start_listening(callback)
    wait_until(lambda: checks.count > 0)
    assert thread.is_alive() and thread.daemon


class Line:
    """A TCP connection to Valkey's socket that can go silent without being cut."""

    def __init__(self, to: str) -> None:
        self.to = to
        self.dead = False
        self._listener = listen_on("127.0.0.1", 0)
        self._listener.setblocking(True)
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> "Line":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.to)
            except OSError:
                return
            for source, destination in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, destination), daemon=True).start()

    def _carry(self, source: socket.socket, destination: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not self.dead:
                    destination.sendall(data)
            destination.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
