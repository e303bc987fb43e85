"""A stop is heard at once, and heard all the same when the messenger is dead."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from config.sockets import listen as listen_on
from orchestration import sessions
from orchestration.executor import control
from orchestration.messaging import wake_ups
from orchestration.models import Session
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import stop_listener
from orchestration.worker.heartbeat import Heartbeat
from tests.factories import ANA, a_session, a_workspace, an_entry
from tests.orchestration.processes.test_agent_process import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
HOURS = 10_000.0


class Agent:
    """A process that only notes that it was told to stop."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def stop(self) -> None:
        self.stopped.set()

    def kill(self) -> None:
        raise AssertionError("a stop is not a kill")


@contextmanager
def supervised(*at_work: Session) -> Iterator[list[tuple[StopFlags, Agent]]]:
    """A worker process's heartbeat that watches these sessions, each with an agent."""
    before = set(threading.enumerate())
    heartbeat = Heartbeat("sessions", 4)
    heartbeat.start()
    found = []
    for session in at_work:
        watch, agent = StopFlags(session.pk, session.attempt), Agent()
        watch.attach(agent)
        heartbeat.watches[session.pk] = watch
        found.append((watch, agent))
    try:
        yield found
    finally:
        heartbeat.watches.clear()
        heartbeat.end()
        heartbeat.ring()
        for thread in set(threading.enumerate()) - before:
            if thread.name == "heartbeat_beat":
                thread.join(10)


class Rings:
    """Counts how often it was rung."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def rung_by(rings: Rings, seconds: float = 10) -> None:
    """A summons that somebody hears."""
    before = rings.count
    wake_ups.request_check()
    wait_until(lambda: rings.count > before, seconds)


def listening() -> Rings:
    rings = Rings()
    stop_listener.listen(rings)
    wait_until(lambda: rings.count > 0)
    return rings


def test_a_stop_is_heard_long_before_the_poll(monkeypatch):
    monkeypatch.setattr(settings, "POLL_S", HOURS)
    session = a_session(an_entry(a_workspace()))
    with supervised(session) as [(watch, agent)]:
        time.sleep(0.2)
        sessions.stop(session.workspace_id, session.pk, by=ANA)
        assert agent.stopped.wait(10)
        assert watch.reason == "stopped"


def test_stop_all_is_heard_by_every_session(monkeypatch):
    monkeypatch.setattr(settings, "POLL_S", HOURS)
    workspace = a_workspace()
    entries = [an_entry(workspace, files=[f"{n}.py"]) for n in range(3)]
    at_work = [a_session(entry) for entry in entries]
    with supervised(*at_work) as found:
        time.sleep(0.2)
        assert control.stop_all(workspace.pk, by=ANA) == 3
        assert all(agent.stopped.wait(10) for _, agent in found)


def test_a_stop_works_with_the_listener_dead(monkeypatch):
    monkeypatch.setattr(stop_listener, "listen", lambda ring: None)
    monkeypatch.setattr(settings, "POLL_S", 0.1)
    session = a_session(an_entry(a_workspace()))
    with supervised(session) as [(watch, agent)]:
        sessions.stop(session.workspace_id, session.pk, by=ANA)
        assert agent.stopped.wait(10)
        assert watch.reason == "stopped"


def test_a_stop_works_with_valkey_gone(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(settings, "REDIS_URL", f"unix://{tmp_path}/nobody")
    monkeypatch.setattr(settings, "POLL_S", 0.1)
    wake_ups.client.cache_clear()
    session = a_session(an_entry(a_workspace()))
    try:
        with supervised(session) as [(_, agent)]:
            sessions.stop(session.workspace_id, session.pk, by=ANA)
            assert agent.stopped.wait(10)
    finally:
        wake_ups.client.cache_clear()


def test_it_listens_again_after_its_connection_was_cut():
    rings = listening()
    before = rings.count
    wake_ups.client().execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    wait_until(lambda: rings.count > before)  # it rings by itself: something may have been missed
    rung_by(rings)


def test_it_finds_a_valkey_that_comes_late(monkeypatch, tmp_path: Path):
    real = settings.REDIS_URL
    monkeypatch.setattr(stop_listener, "LONGEST_WAIT_S", 0.2)
    monkeypatch.setattr(settings, "REDIS_URL", f"unix://{tmp_path}/nobody")
    rings = Rings()
    stop_listener.listen(rings)
    time.sleep(0.5)
    assert rings.count == 0
    monkeypatch.setattr(settings, "REDIS_URL", real)
    wait_until(lambda: rings.count > 0)
    rung_by(rings)


def test_it_listens_over_tcp_and_notices_a_line_that_went_silent(monkeypatch):
    """No end of file tells of a host that vanished: only the question that nobody answers."""
    monkeypatch.setattr(stop_listener, "QUIET_S", 0.3)
    monkeypatch.setattr(stop_listener, "LONGEST_WAIT_S", 0.2)
    with Line(settings.REDIS_URL.removeprefix("unix://")) as line:
        monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{line.port}/0")
        rings = listening()
        rung_by(rings)
        line.dead = True
        time.sleep(1.0)
        before = rings.count
        line.dead = False
        wait_until(lambda: rings.count > before)
        rung_by(rings)


def test_whatever_goes_wrong_the_listener_does_not_die(monkeypatch):
    monkeypatch.setattr(stop_listener, "LONGEST_WAIT_S", 0.1)
    broken = iter([RuntimeError("out of memory"), OSError("no file left")])
    rings = Rings()

    def ring() -> None:
        for trouble in broken:
            raise trouble
        rings()

    thread = stop_listener.listen(ring)
    wait_until(lambda: rings.count > 0)
    assert thread.is_alive() and thread.daemon


class Line:
    """A TCP line to Valkey's socket that can go silent without being cut."""

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
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if not self.dead:
                    other.sendall(data)
            other.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
