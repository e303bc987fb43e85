"""The problems of a host are named, as its page and the entries that wait show them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.timezone import now

from orchestration.hosts import problems
from orchestration.models import Worker, sql_dialect
from orchestration.repositories import worker_tokens
from orchestration.worker import new_version
from tests.factories import a_worker
from workspaces.machine import hosts, release
from workspaces.replaced_migrations import REPLACED

pytestmark = pytest.mark.django_db
WORKSPACE = "ws_00000000000000000001"


def test_a_host_in_order_has_no_problem() -> None:
    assert problems.find() == ""


def test_a_full_disk_and_a_clock_that_is_off_are_named(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "clock_skew", lambda: -600.0)
    assert problems.find() == "Its clock is 600 s behind the database's: set it"
    settings.DISK_RESERVE_MB = 10**9
    assert problems.find() == problems.DISK


def test_the_control_worker_that_was_seen_last_shows_what_the_database_is_for() -> None:
    for version, hours in (("9.9.9", 2), (release.NUMBER, 1), ("", 0)):
        a_worker(queue="control", version=version)
        Worker.objects.filter(version=version).update(seen_at=now() - timedelta(hours=hours))
    a_worker(version="9.9.9")
    assert problems.find() == ""
    Worker.objects.filter(version=release.NUMBER).delete()
    assert problems.find() == problems.of_version() != ""


@pytest.mark.parametrize(
    ("skew", "sentence"), [(60.0, ""), (61.0, "61 s ahead of"), (-60.0, ""), (-61.0, "61 s behind")], ids=str
)
def test_a_clock_may_be_a_minute_off(skew: float, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "clock_skew", lambda: skew)
    assert problems.that_stops() == (f"Its clock is {sentence} the database's: set it" if sentence else "")


def test_a_clock_is_compared_with_the_databases_in_the_middle_of_a_query_that_may_be_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = {"mine": 1000.0, "theirs": 900.0}

    def database_time() -> float:
        answer = clocks["theirs"] + 40
        for name in clocks:
            clocks[name] += 80
        return answer

    monkeypatch.setattr(problems.time, "time", lambda: clocks["mine"])
    monkeypatch.setattr(sql_dialect, "database_time", database_time)
    assert problems.clock_skew() == 100.0


def test_a_database_of_a_later_version_is_named_and_one_of_an_earlier_version_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("an_app_that_was_removed", "0001_initial")
    assert problems.find() == ""
    assert set(recorder.applied_migrations()) > REPLACED, "workers of the release before look for them"
    recorder.record_applied("orchestration", "9999_later")
    assert problems.find() == problems.OLDER
    recorder.record_unapplied("orchestration", "9999_later")
    recorder.record_unapplied("orchestration", "0033_worker_problem")
    settings.DATA_DIR = tmp_path
    shown: list[tuple[str, int, str]] = []

    def migrate(seconds: float) -> None:
        shown.extend(Worker.objects.values_list("queue", "slots", "problem"))
        assert hosts.alive_file(tmp_path, "sessions").exists(), "a probe would end it"
        recorder.record_applied("orchestration", "0033_worker_problem")

    monkeypatch.setattr(new_version.time, "sleep", migrate)
    new_version.wait("sessions")
    assert shown == [("sessions", 0, problems.NEWER)] and not Worker.objects.exists()


def test_a_workers_token_counts_by_the_clock_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    token = worker_tokens.header(WORKSPACE).removeprefix("Authorization: ")
    assert worker_tokens.scope_of(token, WORKSPACE) and worker_tokens.scope_of(token, WORKSPACE[:-1] + "2") is None
    late = sql_dialect.database_time() + worker_tokens.VALID_S
    monkeypatch.setattr(sql_dialect, "database_time", lambda: late)
    assert worker_tokens.scope_of(token, WORKSPACE) is None
    assert worker_tokens.scope_of("Bearer nonsense", WORKSPACE) is None
