"""The heartbeat renews its own sessions' leases alone, sees what people want, and fences what it could not renew."""

import os
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now
from django.utils.timezone import now

from budget.models import Hold
from orchestration.executor import explain
from orchestration.models import Session, Worker
from orchestration.processes.stage_probe import StageProbe
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import heartbeat as module
from orchestration.worker.heartbeat import Heartbeat
from tests.factories import a_session, a_worker, a_workspace, an_entry
from workspaces.machine import hosts, release

pytestmark = pytest.mark.django_db


@pytest.fixture
def heartbeat() -> Heartbeat:
    return Heartbeat("sessions", slots=2)


@pytest.fixture
def session() -> Session:
    return a_session(an_entry(a_workspace(), budget="2"))


@pytest.fixture
def flags(heartbeat: Heartbeat, session: Session) -> Iterator[StopFlags]:
    Session.objects.filter(pk=session.pk).update(worker=heartbeat.worker)
    with heartbeat.supervising(session) as flags:
        yield flags


def change(session: Session, **fields: Any) -> None:
    Session.objects.filter(pk=session.pk).update(**fields)


def lease(session: Session) -> float:
    """Seconds until it is over."""
    until = Session.objects.values_list("lease_until", flat=True).get(pk=session.pk)
    assert until is not None
    return (until - now()).total_seconds()


def test_a_renewal_moves_the_lease_and_remembers_when(
    heartbeat: Heartbeat, session: Session, flags: StopFlags, settings: Any
) -> None:
    settings.LEASE_S = 40
    change(session, lease_until=Now() + timedelta(seconds=5))
    flags.renewed_at = 0
    heartbeat._renew()
    assert 30 < lease(session) < 41 and flags.renewed_at > 0


def test_a_lease_counts_from_before_the_statement_that_renews_it(
    heartbeat: Heartbeat, flags: StopFlags, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 130.0])

    def end_after_a_slow_statement() -> Any:
        next(times)
        return Now()

    flags.clock = lambda: next(times)
    monkeypatch.setattr(module.sessions, "lease_end", end_after_a_slow_statement)
    heartbeat._renew()
    assert flags.renewed_at == 100.0


def test_a_host_with_a_full_disk_offers_no_slots_until_there_is_space(
    heartbeat: Heartbeat, session: Session, settings: Any
) -> None:
    workspace = session.workspace
    entry = an_entry(workspace, budget="2")
    Worker.objects.exclude(pk=heartbeat.worker.pk).delete()
    settings.DISK_RESERVE_MB = 100_000_000
    heartbeat._renew()
    why = explain.reasons(workspace.pk, [entry.pk])[entry.pk].why
    assert why is not None and "Its disk is" in why.message and "free some space" in why.message
    settings.DISK_RESERVE_MB = 0
    heartbeat._renew()
    assert explain.reasons(workspace.pk, [entry.pk])[entry.pk].why is None


@pytest.mark.parametrize("lost", [{"worker": None}, {"status": "ended", "ended_by_version": "0.2.0", "outcome": "lost"}])
def test_the_lease_of_a_session_that_is_not_its_own_is_not_renewed(
    heartbeat: Heartbeat, session: Session, flags: StopFlags, lost: dict[str, Any]
) -> None:
    other = Worker.objects.exclude(pk=heartbeat.worker.pk)[0]
    change(session, lease_until=Now() + timedelta(seconds=5), **{**lost, **({"worker": other} if "worker" in lost else {})})
    heartbeat._renew()
    assert lease(session) < 6


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"stop_wanted_at": Now()}, "stopped"),
        ({"attempt": 2}, "superseded"),
        ({"status": "ended", "ended_by_version": "0.2.0", "outcome": "lost"}, "superseded"),
        ({"attempt": 2, "stop_wanted_at": Now()}, "superseded"),
    ],
)
def test_a_look_finds_what_a_session_must_end_for(
    heartbeat: Heartbeat, session: Session, flags: StopFlags, fields: dict[str, Any], reason: str
) -> None:
    ended: list[str] = []
    flags.attach(SimpleNamespace(stop=lambda: ended.append("stop"), kill=lambda: ended.append("kill"), renew=lambda at: None))  # type: ignore[arg-type]
    Hold.objects.filter(pk=session.hold_id).update(drawn=500_000)
    if fields:
        change(session, **fields)
    for _ in range(2):
        heartbeat._read_requests()
        assert (flags.reason, flags.money_left) == (reason, 1_500_000)
    assert ended == {"": [], "stopped": ["stop"], "superseded": ["kill"]}[reason], "once"


def test_a_kill_ends_what_runs_at_once(heartbeat: Heartbeat, session: Session, flags: StopFlags) -> None:
    calls: list[str] = []
    process = SimpleNamespace(stop=lambda: calls.append("stop"), kill=lambda: calls.append("kill"), renew=lambda at: None)
    flags.attach(process)  # type: ignore[arg-type]
    change(session, stop_wanted_at=Now(), kill_wanted_at=Now())
    heartbeat._read_requests()
    assert calls == ["stop", "kill"]


@pytest.mark.parametrize(("seconds", "reason"), [(29, ""), (31, "fenced")])
def test_a_session_whose_lease_was_not_renewed_in_time_is_fenced(
    heartbeat: Heartbeat, flags: StopFlags, settings: Any, monkeypatch: pytest.MonkeyPatch, seconds: int, reason: str
) -> None:
    settings.LEASE_S = 40

    class Enough(Exception):
        pass

    def sleep(_: float) -> None:
        sleeps.append(_)
        if len(sleeps) == 2:
            raise Enough

    sleeps: list[float] = []
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep))
    flags.clock = lambda: flags.renewed_at + seconds
    beats: list[str] = []
    monkeypatch.setattr(module.hosts, "beat", beats.append)
    with pytest.raises(Enough):
        heartbeat._fence_loop()
    assert flags.reason == reason and max(sleeps) <= 1, "it looks at least once a second"
    assert beats == ["sessions"]


def test_leases_are_renewed_until_the_last_session_has_ended_also_once_the_worker_ends(
    heartbeat: Heartbeat, session: Session, flags: StopFlags, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE_S, settings.POLL_S = 0, 0.001
    renewals: list[bool] = []

    def renew() -> None:
        renewals.append(heartbeat._stopping.is_set())
        if len(renewals) == 3:
            heartbeat.supervised.clear()

    monkeypatch.setattr(heartbeat, "_renew", renew)
    monkeypatch.setattr(module, "close_old_connections", lambda: None)
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None, cursor=connection.cursor))
    heartbeat._stopping.set()
    heartbeat._beat_loop()
    assert renewals == [True] * 3


def test_a_worker_whose_row_was_deleted_is_seen_again(heartbeat: Heartbeat) -> None:
    Worker.objects.filter(pk=heartbeat.worker.pk).delete()
    heartbeat._renew()
    assert Worker.objects.filter(pk=heartbeat.worker.pk).exists()


def test_a_worker_whose_row_was_deleted_comes_back_as_its_host_is_now(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day's sleep of its host deletes the row: with several hosts, one without agents gets no session."""
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(module.cli_versions, "installed", lambda: {"codex": "1.2"})
    monkeypatch.setattr(module, "_of_host", lambda: {"memory": "kernel"})
    heartbeat._report_agents()
    heartbeat.worker.seen_at = now() - timedelta(days=2)
    monkeypatch.setattr(module.draining, "drained_by", lambda: "ana")
    heartbeat._draining.set()
    Worker.objects.filter(pk=heartbeat.worker.pk).delete()
    heartbeat._renew()
    row = Worker.objects.get(pk=heartbeat.worker.pk)
    assert row.agents == {"codex": "1.2", "memory": "kernel"}
    assert (now() - row.seen_at).total_seconds() < 60
    assert (row.slots, row.drain_by) == (0, "ana")


def test_a_worker_that_shuts_down_interrupts_what_it_supervises_and_what_begins_then(
    heartbeat: Heartbeat, session: Session, flags: StopFlags
) -> None:
    heartbeat.end()
    assert flags.reason == "interrupted"
    with heartbeat.supervising(a_session(an_entry(session.workspace))) as late:
        assert late.reason == "interrupted" and list(heartbeat.supervised.values()) == [flags, late]
    assert list(heartbeat.supervised.values()) == [flags]


def test_a_worker_that_gets_sigterm_offers_no_slots_and_lets_its_sessions_go_on_for_a_while(
    heartbeat: Heartbeat, flags: StopFlags, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None))  # the test's transaction stays open
    until = time.monotonic() + 0.5
    heartbeat.drain(0.5)
    assert time.monotonic() >= until and flags.reason == "interrupted"
    assert Worker.objects.get(pk=heartbeat.worker.pk).slots == heartbeat._open_slots() == 0


@pytest.mark.parametrize("name", ["{folder}/notify", "@muster-{pid}"])
def test_a_worker_that_gets_sigterm_asks_systemd_for_the_time_of_its_drain(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None))
    address = name.format(folder=tmp_path, pid=os.getpid())
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        systemd.setblocking(False)
        heartbeat.drain(600)
        assert systemd.recv(100) == b"EXTEND_TIMEOUT_USEC=630000000"
        heartbeat.drain(600)
        assert systemd.recv(100) == b"EXTEND_TIMEOUT_USEC=30000000", "a second SIGTERM leaves the time to interrupt"


def test_a_worker_that_gets_sigterm_ends_without_a_service_manager(heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None))
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    heartbeat.drain(600)
    assert heartbeat._stopping.is_set()


@pytest.mark.parametrize("error", [DatabaseError("gone"), InterfaceError("closed")])
def test_a_worker_that_gets_sigterm_ends_without_a_database(
    heartbeat: Heartbeat, flags: StopFlags, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    closed: list[bool] = []

    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: closed.append(True)))
    monkeypatch.setattr(module, "Worker", SimpleNamespace(objects=SimpleNamespace(filter=fails)))
    heartbeat.drain(0)
    assert flags.reason == "interrupted" and closed == [True]


def test_a_worker_that_gets_sigterm_twice_waits_no_longer(heartbeat: Heartbeat, flags: StopFlags) -> None:
    heartbeat._draining.set()
    heartbeat.drain(600)
    assert flags.reason == "interrupted"


def test_a_request_wakes_whoever_asked_for_it_and_sigterm_ends_them_before_the_drain(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None))
    calls: list[tuple[str, bool]] = []

    def note(call: str) -> None:
        calls.append((call, heartbeat._stopping.is_set()))

    for name in ("first", "second"):
        heartbeat.on_check(partial(note, f"wake {name}"), partial(note, f"end {name}"))
    heartbeat.check_soon()
    assert heartbeat._check_requested.is_set()
    heartbeat.drain(0)
    assert calls == [(call, False) for call in ("wake first", "wake second", "end first", "end second")]


def test_a_tick_and_an_orderly_end_are_of_this_process_alone(heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch) -> None:
    other = a_worker(host=socket.gethostname())
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(module, "_heartbeat", None)
    module.record_tick()
    module.unregister()
    assert not Worker.objects.filter(ticked_at__isnull=False).exists() and Worker.objects.count() == 2
    with pytest.raises(RuntimeError):
        module.current()
    monkeypatch.setattr(module, "_heartbeat", heartbeat)
    module.record_tick()
    assert module.current() is heartbeat
    assert list(Worker.objects.filter(ticked_at__isnull=False)) == [heartbeat.worker]
    module.unregister()
    assert list(Worker.objects.all()) == [other]


@pytest.mark.parametrize(("queue", "agents"), [("sessions", {"codex": "1.2", "memory": "kernel"}), ("control", {})])
def test_a_session_worker_records_once_what_its_host_has(
    queue: str, agents: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(module.cli_versions, "installed", lambda: {"codex": "1.2"})
    monkeypatch.setattr(module, "_of_host", lambda: {"memory": "kernel"})
    mine, other = Heartbeat(queue, slots=2), a_worker(host=socket.gethostname())
    mine._report_agents()
    assert dict(Worker.objects.values_list("pk", "agents")) == {mine.worker.pk: agents, other.pk: {}}


def test_a_control_worker_of_this_host_looks_after_it_while_it_is_online(settings: Any) -> None:
    assert not module.has_control_worker()
    mine = a_worker(queue="control", host=socket.gethostname())
    for changed, looks in (
        ({"host_id": hosts.host_id()}, True),
        ({"queue": "sessions"}, False),
        ({"queue": "control", "host": "other"}, False),
        ({"host": socket.gethostname(), "seen_at": Now() - timedelta(seconds=settings.LEASE_S + 1)}, False),
        ({"seen_at": Now(), "host_id": "other"}, False),
    ):
        Worker.objects.filter(pk=mine.pk).update(**changed)
        assert module.has_control_worker() is looks


def test_a_worker_registers_what_dispatch_asks_of_its_host(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LABELS = ["gpu", "eu"]
    monkeypatch.setattr(module.draining, "drained_by", lambda: "ana")
    monkeypatch.setattr(module.problems, "find", lambda: "no git")
    monkeypatch.setattr(module.problems, "that_stops", lambda: "")
    monkeypatch.setattr(module.disk, "free_mb_known", lambda: 77)
    row = Heartbeat("sessions", slots=3).worker
    row.refresh_from_db()
    assert (row.queue, row.host, row.host_id, row.version) == ("sessions", socket.gethostname(), hosts.host_id(), release.NUMBER)
    assert (row.labels, row.drain_by, row.problem, row.free_mb, row.slots, row.pid) == (
        ["gpu", "eu"],
        "ana",
        "no git",
        77,
        3,
        os.getpid(),
    )
    monkeypatch.setattr(module.problems, "that_stops", lambda: "no git")
    assert Heartbeat("sessions", slots=3).worker.slots == 0


def test_a_stop_of_the_process_is_a_drain_of_the_seconds_that_are_set(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DRAIN_S, drains = 7, list[float]()
    for running in (None, SimpleNamespace(drain=drains.append)):
        monkeypatch.setattr(module, "_heartbeat", running)
        module.stop()
    assert drains == [7]


@pytest.mark.parametrize(("kept", "memory"), [(True, "kernel"), (False, "each second")])
def test_a_host_names_who_limits_memory(kept: bool, memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.cgroups, "keeps_memory", lambda _: kept)
    monkeypatch.setattr(module.sandbox_probe, "probe", lambda: "works")
    monkeypatch.setattr(module.stage_probe, "probe", lambda: StageProbe(problem=", but"))
    monkeypatch.setattr(module.sandbox, "on_host", lambda setting, probed, not_private: f"{setting} {probed}{not_private}")
    assert module._of_host() == {"sandbox": f"{module.settings.SANDBOX} works, but", "memory": memory}


def test_a_worker_that_comes_online_wakes_the_executors_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(module.wake_ups, "enqueue_cycle", woken.append)
    running = a_workspace()
    a_workspace(name="Paused", state="paused")
    module._enqueue_all_cycles()
    assert woken == [running.pk]


def test_the_loop_polls_for_its_sessions_alone_and_a_new_one_wakes_it(
    heartbeat: Heartbeat, session: Session, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            heartbeat.supervised[session.pk] = StopFlags(session.pk, session.attempt)
        if len(waits) == 3:
            heartbeat.supervised.clear()
            heartbeat.end()

    with heartbeat.supervising(session):
        assert heartbeat._check_requested.is_set(), "the loop slept until the next renewal"
    monkeypatch.setattr(heartbeat._check_requested, "wait", wait)
    monkeypatch.setattr(heartbeat, "_read_requests", lambda: None)
    monkeypatch.setattr(module, "connection", SimpleNamespace(close=lambda: None))
    heartbeat._beat_loop()
    assert waits == [min(settings.LEASE_S / 4, 10), settings.POLL_S, settings.POLL_S]
