"""The hosts that are online, as a workspace sees them, and where a run goes."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestration.hosts import draining, online
from orchestration.hosts.placing import Host, Need
from orchestration.messaging import wake_ups
from orchestration.models import Session, Worker
from tests.factories import a_session, a_worker, a_workspace, an_entry, ended
from workspaces.machine import hosts, release
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
CODEX = Need(agents=frozenset({"codex"}))


def silent_for(host: str, seconds: float) -> None:
    Worker.objects.filter(host_id=host).update(seen_at=Now() - timedelta(seconds=seconds))


def a_busy_host(workspace: Workspace, host: str, *, slots: int, busy: int = 0, **more: Any) -> None:
    a_worker(slots=slots, host=host, **more)
    for _ in range(busy):
        session = a_session(an_entry(workspace))
        Session.objects.filter(pk=session.pk).update(host_id=host)
        Worker.objects.filter(host="here").delete()


def test_a_run_goes_to_the_host_that_fits_and_has_the_most_free_slots() -> None:
    shop = a_workspace()
    a_busy_host(shop, "one", slots=3, busy=2, agents={"codex": "1"})
    a_busy_host(shop, "two", slots=2, agents={"codex": "1"})
    a_busy_host(shop, "three", slots=9)
    assert online.place(shop, CODEX) == "two"
    assert online.place(shop, Need()) == "three"
    for session in Session.objects.all():
        ended(session)
    assert online.place(shop, CODEX) == "one", "ended sessions take no slot"


def test_a_run_at_work_takes_a_slot_of_its_host() -> None:
    shop = a_workspace()
    a_busy_host(shop, "one", slots=3, agents={"codex": "1"})
    a_busy_host(shop, "two", slots=2, agents={"codex": "1"})
    assert online.place(shop, CODEX) == "one"
    for n in range(2):
        Session.of_any_role.create(id=f"run_{n}", workspace=shop, role="plan", attempt=1, status="running", host_id="one")
    assert online.place(shop, CODEX) == "two"


def test_a_run_waits_for_the_only_host_that_could_take_it_and_else_for_the_first_that_is_free() -> None:
    shop = a_workspace()
    a_busy_host(shop, "one", slots=1, busy=1, agents={"codex": "1"}, labels=["gpu"])
    assert online.place(shop, CODEX) == "one" and online.place(shop, Need(agents=frozenset({"gemini"}))) == "one"
    assert online.place(shop, Need(labels=frozenset({"eu"}))) == ""
    a_busy_host(shop, "two", slots=1, busy=1, agents={"codex": "1"})
    assert online.place(shop, CODEX) == ""
    assert online.place(shop, Need(agents=frozenset({"gemini"}))) == ""
    assert online.place(shop, Need(labels=frozenset({"gpu"}))) == "one"


def test_a_host_has_what_any_of_its_workers_has_and_its_problem_where_none_has_slots() -> None:
    shop = a_workspace()
    a_busy_host(shop, "one", slots=2, busy=1, agents={"codex": "1"}, labels=["gpu"])
    a_worker(slots=0, host="one", agents={"gemini": "2"}, labels=["eu"], problem="Its disk is nearly full")
    a_worker(slots=4, host="one", agents={"aider": "2"}, labels=["old"], version="0.1.9")
    a_worker(slots=0, host="two", problem="Its disk is nearly full", unreachable={"another": "no route"})
    single, two = online.hosts_of(online._rows(), shop.pk)
    kinds = frozenset({"command", "acp", "codex", "gemini"})
    assert single == Host("one", "one", free=1, slots=2, busy=1, agents=kinds, labels=frozenset({"gpu", "eu"}))
    assert (two.problem, two.takes) == ("Its disk is nearly full", False)


def test_a_host_that_cannot_use_a_workspaces_repository_takes_the_others() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    a_worker(slots=2, host="one", unreachable={shop.pk: "no route"})
    a_worker(slots=2, host="two", unreachable={other.pk: "no such host"})
    assert [host.takes for host in online.hosts_of(online._rows(), shop.pk)] == [False, True]
    assert online.unreachable(shop.pk) == {"one": "no route"} and online.unreachable(other.pk) == {"two": "no such host"}
    a_worker(slots=2, host="three")
    assert set(online.with_problems().values_list("host", flat=True)) == {"one", "two"}
    silent_for("one", 3600)
    assert online.unreachable(shop.pk) == {}


def test_a_host_that_is_silent_for_half_a_lease_is_not_online(settings: Any) -> None:
    settings.LEASE_S = 40
    shop = a_workspace()
    a_worker(slots=2, host="one")
    for seconds, is_online in ((10, True), (30, False)):
        silent_for("one", seconds)
        assert bool(online.hosts_of(online._rows(), shop.pk)) is is_online


def test_able_are_session_workers_seen_lately_of_a_release_that_fits() -> None:
    fits = a_worker(host="one")
    old = a_worker(host="two", version="0.1.9")
    a_worker(host="three", queue="control")
    assert set(online.seen(within_s=60)) == {fits, old} and set(online.able(within_s=60)) == {fits}
    silent_for("one", 61)
    assert not online.able(within_s=60).exists() and online.able(within_s=90).get().version == release.NUMBER


def test_a_host_is_drained_and_resumed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake_ups, "enqueue_cycle", woken.append)
    running = a_workspace()
    a_workspace(name="Paused", state="paused")
    mine, other = a_worker(host=hosts.host_id()), a_worker(host="other")
    a_worker(host=hosts.host_id(), queue="control")
    assert draining.drained_by() == "" and draining.drain("ana", host_id="other") == 1 and draining.drained_by() == ""
    assert draining.drain("ben") == 1 and draining.drained_by() == "ben" and not woken
    assert {worker.pk: worker.drain_by for worker in Worker.objects.all() if worker.drain_by} == {mine.pk: "ben", other.pk: "ana"}
    assert draining.resume() == 1 and draining.drained_by() == "" and woken == [running.pk]
    assert draining.resume(host_id="other") == 1 and not Worker.objects.exclude(drain_by="").exists()
