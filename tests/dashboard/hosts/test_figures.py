"""The page of hosts shows of each its state, its slots, what it does, and what it has not reported yet."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget.models import Hold
from dashboard.hosts.views import Host, _hosts
from orchestration.models import Executor, Session, Worker
from tests.dashboard.page_requests import page_request
from tests.dashboard.seeds import entries as seed
from tests.factories import a_session, a_worker, a_workspace, an_entry
from tests.orchestration.proposals.made import PLANNER, a_running_run
from tests.orchestration.worker.absent import a_lost_session
from workspaces.machine import release
from workspaces.models import Workspace


def a_host(*workers: dict[str, Any], **more: Any) -> Host:
    usual = {"seen_at": now(), "slots": 4, "version": release.NUMBER, "agents": {}, "labels": []}
    return Host("host_1", "east", [Worker(**usual | worker) for worker in workers], **more)


AWAY = {"seen_at": now() - timedelta(hours=1)}


@pytest.mark.parametrize(
    ("workers", "more", "state"),
    [
        ([{}], {}, "online"),
        ([AWAY], {}, "gone"),
        ([{}, AWAY], {}, "online"),
        ([{"drain_by": "ana"}], {}, "draining"),
        ([AWAY | {"drain_by": "ana"}], {}, "gone"),
        ([{"slots": 0}], {"unreachable": "no route"}, "stopped"),
        ([{}], {"unreachable": "no route"}, "online"),
        ([{"slots": 0}], {}, "online"),
        ([{"version": "0.0.1"}], {"unreachable": "no route"}, "stopped"),
    ],
)
def test_the_state_of_a_host(workers: list[dict[str, Any]], more: dict[str, Any], state: str) -> None:
    assert a_host(*workers, **more).state == state


def test_slots_versions_and_problems_are_of_its_workers_that_are_online() -> None:
    host = a_host({}, AWAY | {"slots": 9, "version": "0.0.1", "problem": "old"}, {"slots": 2, "problem": "its clock is wrong"})
    assert (host.slots, host.versions, host.problem) == (6, [release.NUMBER], "its clock is wrong")
    assert a_host({}, {"slots": 2, "version": "0.0.1"}).slots == 4  # of an earlier release: it gets nothing
    gone = a_host(AWAY | {"slots": 3, "problem": "its clock is wrong"}, unreachable="no route")
    assert (gone.slots, gone.problem) == (3, "its clock is wrong")
    assert a_host({}, unreachable="no route").problem == "no route" and a_host({"version": ""}).versions == ["none"]


def test_what_it_has_is_of_all_its_workers() -> None:
    programs = {"codex": "0.9", "sandbox": "bubblewrap 0.12"}
    host = a_host(
        {"agents": programs, "labels": ["gpu", "eu"], "free_mb": 2048}, {"labels": ["arm"], "free_mb": 1024}, {"free_mb": None}
    )
    assert ([version for _, version in host.agents], host.sandbox) == (["0.9"], "bubblewrap 0.12")
    assert (host.labels, host.free_gib) == (["arm", "eu", "gpu"], 1.0)
    assert (a_host({}).free_gib, a_host({}).sandbox, a_host({}).drained_by) == (None, "", "")
    assert a_host({"seen_at": now()}, AWAY).seen_at > now() - timedelta(minutes=1)


def test_what_it_has_not_shown_yet_adds_up_and_lasts_until_the_latest() -> None:
    host, at = a_host({}), now()
    for amount, drawn, until in ((10, 4, at), (5, 9, at + timedelta(hours=1)), (3, 0, None)):
        host.expect(Hold(amount=amount, drawn=drawn, awaits_until=until))
    assert (host.awaited, host.unread, host.awaits_until) == (9, 3, at + timedelta(hours=1))


def test_what_a_host_has_not_shown_yet_is_of_this_workspace_alone(shop: Workspace, settings: Any, tmp_path: Any) -> None:
    settings.DATA_DIR = tmp_path
    other = a_workspace(name="Other")
    a_lost_session(entry=an_entry(other, budget="2"))
    assert [[host.unread for host in _hosts(page_request(viewed))["hosts"]] for viewed in (other, shop)] == [[1], [0]]


def test_sessions_are_at_work_where_they_run_and_others_are_counted(shop: Workspace) -> None:
    other = a_workspace(name="Other")
    mine, theirs = a_session(an_entry(shop)), a_session(an_entry(other))
    Worker.objects.all().update(queue="control")
    for name in ("west", "east"):
        a_worker(host=name, unreachable={shop.pk: "no route"} if name == "east" else {other.pk: "no route"})
    a_worker(host="east")
    a_worker(host="landers", queue="landings")
    old = a_worker(host="old")
    Worker.objects.filter(pk=old.pk).update(seen_at=now() - timedelta(days=1, seconds=1))
    Session.objects.filter(pk__in=[mine.pk, theirs.pk]).update(host_id="east")
    shown = _hosts(page_request(shop))
    assert [(host.name, len(host.workers), host.unreachable, host.others) for host in shown["hosts"]] == [
        ("east", 2, "no route", 1), ("west", 1, "", 0)]  # fmt: skip
    east = shown["hosts"][0]
    assert ([session.pk for session in east.at_work], east.busy, shown["may_drain"]) == ([mine.pk], 2, True)
    Session.objects.filter(pk=mine.pk).update(host_id="elsewhere")
    assert [host.busy for host in _hosts(page_request(shop))["hosts"]] == [1, 0]


def test_what_one_of_its_workers_cannot_reach_is_shown_whichever_comes_first(shop: Workspace) -> None:
    for worker in [a_worker(host="east") for _ in range(3)]:
        Worker.objects.update(unreachable={})
        Worker.objects.filter(pk=worker.pk).update(unreachable={shop.pk: "no route"})
        assert [host.unreachable for host in _hosts(page_request(shop))["hosts"]] == ["no route"]


def test_runs_at_work_take_slots_and_what_is_only_reserved_is_not_awaited(shop: Workspace, settings: Any, tmp_path: Any) -> None:
    settings.DATA_DIR = tmp_path
    session = a_lost_session(entry=an_entry(shop, budget="2"))
    [host] = _hosts(page_request(shop))["hosts"]
    assert (host.unread, host.awaits_until is not None) == (1, True)
    Hold.objects.filter(pk=session.hold_id).update(state="settled", settled_at=now())
    [host] = _hosts(page_request(shop))["hosts"]
    assert (host.unread, host.awaited, host.awaits_until) == (0, 0, None)
    Executor.objects.filter(pk=shop.pk).update(config={"planner": PLANNER})
    run = a_running_run(shop)
    Session.of_any_role.filter(pk=run.pk).update(host_id="host_3")
    assert [host.busy for host in _hosts(page_request(shop))["hosts"] if host.id == "host_3"] == [1]


def test_only_an_admin_of_the_server_is_offered_to_drain(shop: Workspace) -> None:
    seed.user("adam", role="admin", workspace=shop)
    assert [_hosts(page_request(shop, name=name))["may_drain"] for name in ("ana", "adam")] == [True, False]


def test_a_host_is_drained_as_one_of_its_workers_is_and_its_free_space_may_be_zero() -> None:
    host = a_host({"drain_by": "ana", "free_mb": 0}, {"drain_by": "", "free_mb": 512})
    assert (host.drained_by, host.state, host.free_gib) == ("ana", "draining", 0.0)
