"""A config that a newer release stored: it is read, and a worker of this release starts nothing with it."""

import time
from typing import Any

import pytest
from pydantic import ValidationError

from orchestration import configuration
from orchestration.executor import dispatch, explain
from orchestration.models import Executor, Integration, Session, Worker
from orchestration.worker import availability, heartbeat, session_run
from orchestration.worker.lander.service import Service
from tests.factories import a_worker, a_workspace, an_entry, sessions_of
from workspaces.machine import hosts

NEWER = {
    "max_workers": 3,
    "colour": "red",
    "agent": {"kind": "codex", "mood": 1},
    "verify": [{"name": "ok", "run": "true", "on": "x"}],
}


def test_what_this_release_knows_of_it_is_read_and_the_rest_is_named() -> None:
    config = configuration.load(NEWER)
    assert (config.max_workers, config.agent.kind, config.verify[0].name) == (3, "codex", "ok")
    assert sorted(configuration.unknown(NEWER)) == ["agent.mood", "colour", "verify.0.on"]
    assert configuration.unknown({"max_workers": 3}) == []


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ({"pass_policy": "by_vote"}, ["pass_policy"]),
        ({"agent": {"kind": "a new one"}}, ["agent.kind"]),
        ({"verify": [{"run": "true"}, {"name": "ok", "run": "true"}]}, ["verify.0"]),
        ({"planner": {"agent": {"kind": "codex"}, "round_usd": "much"}}, ["planner.round_usd"]),
        ({"max_workers": 10**9, "plateau": 7}, ["max_workers", "plateau"]),
    ],
)
def test_values_that_only_a_newer_release_knows_are_left_out_too(stored: dict[str, Any], names: list[str]) -> None:
    configuration.load(stored)
    assert sorted(configuration.unknown(stored)) == names


def test_a_config_that_contradicts_itself_stays_an_error() -> None:
    with pytest.raises(ValidationError, match="needs a forge"):
        configuration.load({"land_by": "pull_request"})


@pytest.fixture
def worker(db: None, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(availability, "_next", {})
    return heartbeat.Heartbeat("sessions", 4).worker


def test_a_worker_that_does_not_know_its_keys_gives_a_session_back_and_its_host_is_named(worker: Worker) -> None:
    workspace = a_workspace()
    entry = an_entry(workspace)
    dispatch.cycle(workspace.pk)
    [claim] = sessions_of(workspace)
    Executor.objects.update(config=NEWER)
    beating = type("Beating", (), {"worker": worker})()
    session_run.run(claim.pk, claim.attempt, beating)
    claim.refresh_from_db()
    entry.refresh_from_db()
    assert (claim.status, claim.outcome, entry.status, entry.crashes, entry.account.held) == (
        "ended",
        "interrupted",
        "pending",
        0,
        0,
    )
    dispatch.cycle(workspace.pk)
    assert not sessions_of(workspace), "it is not placed there again"
    [waiting] = explain.explain(workspace.pk)[1]
    assert waiting.why is not None and "does not know agent.mood, colour" in waiting.why.message
    dispatch.cycle((other := an_entry(a_workspace(name="Other"))).workspace_id)
    assert Session.objects.filter(entry=other, status="claimed", host_id=hosts.host_id()).exists()


def test_its_host_is_used_again_once_the_keys_are_gone(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = a_workspace(**NEWER)
    availability.lost(workspace.pk, "It does not know colour")
    monkeypatch.setattr(time, "monotonic", lambda: 10.0**9)
    assert not availability.look_again()
    Executor.objects.update(config={})
    monkeypatch.setattr(time, "monotonic", lambda: 10.0**10)
    assert availability.look_again() == [workspace.pk]
    worker.refresh_from_db()
    assert worker.unreachable == {}


def test_a_lander_lands_nothing_by_a_config_that_it_does_not_know(worker: Worker) -> None:
    workspace = a_workspace(**NEWER)
    Integration.objects.update_or_create(pk=workspace.pk, defaults={"due": True})
    service = Service(a_worker())
    assert service.run(workspace.pk) and availability.is_lost(workspace.pk)
    assert Integration.objects.get(pk=workspace.pk).due, "another host's lander goes on"
