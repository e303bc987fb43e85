"""A worker process does all its steps though one fails, and its tasks ignore an id that is none."""

import socket
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.sql.compiler import SQLCompiler
from django.db.utils import ConnectionHandler
from django.utils.timezone import now

from orchestration.edge import tasks, worker_process
from orchestration.models import Executor, Worker
from orchestration.worker.lander.service import Service
from tests.factories import a_worker, a_workspace
from workspaces.machine import hosts
from workspaces.values import ids


@pytest.mark.django_db
def test_sessions_wait_longer_than_requests_for_the_one_writer_of_sqlite() -> None:
    handler = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "OPTIONS": {"timeout": 20}}}
    )
    connection = handler["default"]
    worker_process._be_patient(connection)
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (worker_process.PATIENCE_MS,)
    connection.close()


def failing(error: Exception) -> Any:
    def step() -> None:
        raise error

    return step


def test_no_error_in_a_step_stops_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(worker_process, "close_old_connections", lambda: ran.append("connections"))
    closed = SimpleNamespace(close=lambda: ran.append("closed"))
    monkeypatch.setattr(worker_process, "connection", closed)
    steps = [failing(OperationalError("away\nmore")), lambda: ran.append("second"), failing(ValueError("odd"))]
    worker_process._run(*steps, lambda: ran.append("last"))
    assert ran == ["connections", "closed", "second", "last"]


STEPS = ("reaper.reap", "reconcile.run", "forecasts.refresh_due", "digests.send_due")
STEPS += ("housekeeping.run_hourly", "retention.run_hourly", "heartbeat.record_tick")


def test_a_tick_does_all_its_steps_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    for name in STEPS:
        holder, _, function = name.partition(".")
        monkeypatch.setattr(getattr(worker_process, holder), function, lambda name=name: ran.append(name))
    monkeypatch.setattr(worker_process, "close_old_connections", lambda: None)
    worker_process.tick()
    assert ran == list(STEPS)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "looks_after_itself"),
    [
        ({}, False),
        ({"queue": "sessions"}, True),
        ({"host": "elsewhere"}, True),
        ({"host_id": "another"}, True),
        ({"seen_at": now() - timedelta(days=1)}, True),
    ],
)
def test_a_host_without_a_control_worker_that_lives_ends_its_dead_workers_itself(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], looks_after_itself: bool
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(worker_process.reaper, "reap", lambda: ran.append("reap"))
    monkeypatch.setattr(worker_process.housekeeping, "run_hourly", lambda: ran.append("tidy"))
    worker = a_worker(queue="control")
    here = {"host": socket.gethostname(), "host_id": hosts.host_id()}
    Worker.objects.filter(pk=worker.pk).update(**{**here, **fields})
    worker_process._look_after_this_host()
    assert ran == (["reap", "tidy"] if looks_after_itself else [])


def test_a_task_with_an_id_that_is_none_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    monkeypatch.setattr(tasks.dispatch, "cycle", ran.append)
    monkeypatch.setattr(tasks.funding, "share_out", ran.append)
    monkeypatch.setattr(tasks.heartbeat, "current", lambda: "heartbeat")
    monkeypatch.setattr(tasks.session_run, "run", lambda *values: ran.append(values))
    workspace, session = ids.workspace(), ids.session()
    for id_ in ("", "nonsense\0", workspace):
        tasks.cycle(id_)
        tasks.share_out(id_)
    for id_, attempt in (("", 1), (session, "1"), (session, 2)):
        tasks.run_session(id_, attempt)
    assert ran == [workspace, workspace, (session, 2, "heartbeat")]


@pytest.mark.django_db
def test_a_tick_and_a_lander_without_work_build_next_to_no_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    a_workspace()
    Executor.objects.update(state=Executor.State.STOPPED)
    lander = Service(a_worker())
    built: list[str] = []
    as_sql = SQLCompiler.as_sql

    def note(compiler: SQLCompiler, *arguments: Any, **options: Any) -> Any:
        built.append(compiler.query.model.__name__)
        return as_sql(compiler, *arguments, **options)

    monkeypatch.setattr(worker_process, "close_old_connections", lambda: None)
    monkeypatch.setattr(SQLCompiler, "as_sql", note)
    for _ in range(2):  # the second time, what is asked each time is there
        built.clear()
        worker_process.tick()
        lander._look_at = 0
        lander.run_due()
    assert len(built) <= 6, built
