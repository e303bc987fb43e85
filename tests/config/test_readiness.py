"""Probes: whether a server can serve pages, and whether a worker of this host works."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, RequestFactory
from django.utils.timezone import now

from config import alive
from config.http import errors, health
from orchestration.models import Worker
from tests.factories import a_worker
from workspaces.machine import hosts


@pytest.fixture(autouse=True)
def _a_broker_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.stats, "ticks", list)


def ready(client: Client) -> tuple[int, list[str]]:
    response = client.get("/readyz")
    return response.status_code, response.content.decode().splitlines()


@pytest.mark.django_db
def test_a_server_whose_control_worker_ticks_is_ready_without_a_note(client: Client, settings: Any) -> None:
    worker = a_worker(queue="control")
    limit = health.LATE_TICKS * settings.TICK_S + settings.LEASE_S
    for ago, notes in ((limit - 5, []), (limit + 5, ["no control worker has ticked for a while: nothing new starts"])):
        Worker.objects.filter(pk=worker.pk).update(ticked_at=now() - timedelta(seconds=ago))
        assert ready(client) == (200, ["ok", *notes])


@pytest.mark.django_db
def test_a_broker_that_is_away_only_delays_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker(queue="control", ticked_at=now())
    monkeypatch.setattr(health.stats, "ticks", lambda: None)
    assert ready(client) == (200, ["ok", "the message broker does not answer: work goes on with each tick"])


@pytest.mark.django_db
def test_a_database_that_lacks_a_migration_is_not_ready(client: Client) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="workspaces", name="0024_without_like_indexes").delete()
    assert ready(client) == (503, ["the database has not this version's tables: run ./muster manage migrate"])


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_database_that_does_not_answer_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def fail() -> None:
        raise DatabaseError("of no interest to a probe")

    monkeypatch.setattr(health.connection, "cursor", fail)
    response = client.get(path)
    assert (response.status_code, response.content) == (503, b"the database does not answer\n")
    assert response["Content-Security-Policy"] == "default-src 'none'" and response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("problem", "after", "words"), [("server closed", "2", "not available"), ("disk is full", "30", "The disk is full")]
)
def test_a_database_that_is_away_or_full_is_reported_in_the_form_that_the_caller_reads(
    problem: str, after: str, words: str
) -> None:
    ask = RequestFactory()
    for request, kind in (
        (ask.get("/api/v1/workspaces"), "application/json"),
        (ask.post("/w/x/", headers={"HX-Request": "true"}), "text/plain"),
        (ask.get("/w/x/"), "text/html"),
    ):
        response = errors.unavailable(request, OperationalError(problem))
        assert (response.status_code, response["Retry-After"]) == (503, after)
        assert response["Content-Type"].startswith(kind) and words in response.content.decode()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Path:
    monkeypatch.setattr(alive.env, "data_dir", lambda: tmp_path)
    settings.DATA_DIR = tmp_path
    return tmp_path


def probe(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["alive", *words])
    return alive.main()


def test_a_worker_is_alive_while_its_own_queue_beats(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe(monkeypatch) == 1 and "No sessions worker has begun" in capsys.readouterr().err
    hosts.beat("control")
    assert probe(monkeypatch) == 1 and probe(monkeypatch, "--queue", "control") == 0
    hosts.beat("sessions")
    assert probe(monkeypatch) == 0


@pytest.mark.parametrize(("lease_s", "limit"), [("60", 120), ("3", 10)])
def test_a_heartbeat_may_be_two_leases_old_and_ten_seconds_in_any_case(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lease_s: str, limit: int
) -> None:
    monkeypatch.setenv("MUSTER_LEASE_S", lease_s)
    hosts.beat("sessions")
    for age, code in ((limit - 4, 0), (limit + 4, 1)):
        at = time.time() - age
        os.utime(hosts.alive_file(data, "sessions"), (at, at))
        assert probe(monkeypatch) == code
    assert "The last heartbeat of a sessions worker was" in capsys.readouterr().err
