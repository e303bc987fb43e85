"""`./muster worker`: one worker process, and what its host takes."""

import sys
from typing import Any

import pytest

from config import prepared, work
from orchestration.messaging import wake_ups
from orchestration.models import Worker
from tests.factories import a_worker, a_workspace
from workspaces.machine import hosts

pytestmark = pytest.mark.django_db


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The steps of the command before and beside its own work, in order."""
    steps: list[Any] = []
    monkeypatch.setattr(work.streams, "install", lambda: steps.append("streams"))
    monkeypatch.setattr(work.env, "exit_if_bad", lambda: steps.append("settings"))
    monkeypatch.setattr(work.env, "warn_of_unknown", lambda: steps.append("unknown settings"))
    monkeypatch.setattr(work.django, "setup", lambda: steps.append("setup"))
    monkeypatch.setattr(prepared, "wait", lambda: steps.append(["waits", *drained()]))
    monkeypatch.setattr(work.os, "execv", lambda program, words: steps.append((program, words)))
    return steps


def drained() -> list[str]:
    return sorted(f"{worker.host} {worker.drain_by}" for worker in Worker.objects.exclude(drain_by=""))


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | None:
    """The exit code; None: it went on as the worker."""
    monkeypatch.setattr(sys, "argv", ["./muster worker", *words])
    try:
        work.main()
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code
    return None


def test_a_host_is_drained_and_takes_sessions_again_once_the_database_is_prepared(
    steps: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake_ups, "enqueue_cycle", woken.append)
    shop, here = a_workspace(), hosts.host_id()
    for host in (here, "other"):
        a_worker(host=host, drain_by="ana" if host == "other" else "")
    before = ["settings", "unknown settings", "setup"]
    assert run(monkeypatch, "drain") == 0 and drained() == sorted([f"{here} command line", "other ana"])
    assert steps == [*before, ["waits", "other ana"]] and not woken
    assert capsys.readouterr() == ("This host takes no new sessions.\n", "")
    assert run(monkeypatch, "resume") == 0 and drained() == ["other ana"]
    assert steps[4:] == [*before, ["waits", *sorted([f"{here} command line", "other ana"])]] and woken == [shop.pk]
    assert capsys.readouterr() == ("This host takes sessions again.\n", "")


@pytest.mark.parametrize("action", ["drain", "resume"])
def test_without_a_session_worker_of_this_host_nothing_is_changed_and_the_command_fails(
    steps: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    a_worker(host="other", drain_by="ana")
    a_worker(host=hosts.host_id(), queue="control")
    assert run(monkeypatch, action) == 1 and drained() == ["other ana"]
    assert capsys.readouterr() == ("", "No session worker of this host is online: nothing was changed\n")


@pytest.mark.parametrize(
    ("words", "queue", "slots"),
    [([], "sessions", "7"), (["--queue", "sessions"], "sessions", "7"), (["--queue", "control"], "control", "2")],
)
def test_a_worker_becomes_celery_with_the_slots_of_its_queue(
    steps: list[Any], monkeypatch: pytest.MonkeyPatch, words: list[str], queue: str, slots: str
) -> None:
    monkeypatch.setenv("MUSTER_SESSION_SLOTS", "7")
    assert run(monkeypatch, *words) is None
    *before, (program, command) = steps
    assert before == ["streams", "settings", "unknown settings"] and program == command[0] == sys.executable
    assert command[1:] == ["-m", "celery", *work.worker_args(queue, int(slots))]


@pytest.mark.parametrize("words", [["pause"], ["--queue", "mail"], ["drain", "resume"]])
def test_another_action_or_queue_is_refused_before_anything(
    steps: list[Any], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    assert run(monkeypatch, *words) == 2 and steps == []
