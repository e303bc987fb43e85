"""Workspaces that this host cannot work for: what its workers say, and when it tries again."""

from collections.abc import Iterator

import pytest

from orchestration.messaging import wake_ups
from orchestration.models import Worker
from orchestration.repositories.authority import Unreachable
from orchestration.worker import availability
from tests.factories import a_worker, a_workspace
from workspaces.machine import hosts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    availability._next.clear()
    yield
    availability._next.clear()


def shown() -> dict[str, dict[str, str]]:
    return {f"{worker.queue} {worker.host}": worker.unreachable for worker in Worker.objects.all() if worker.unreachable}


def test_what_is_lost_is_shown_by_the_session_workers_of_this_host_alone_and_kept_next_to_others() -> None:
    first, second = a_workspace(), a_workspace(name="Second")
    a_worker(host=hosts.host_id())
    a_worker(host=hosts.host_id(), queue="control")
    a_worker(host="other", unreachable={first.pk: "theirs"})
    assert not availability.is_lost(first.pk) and availability.lost_here() == set()
    availability.lost(first.pk, "no route")
    availability.lost(second.pk, "x" * 600)
    mine = f"sessions {hosts.host_id()}"
    assert shown() == {mine: {first.pk: "no route", second.pk: "x" * 500}, "sessions other": {first.pk: "theirs"}}
    assert availability.is_lost(first.pk) and availability.lost_here() == {first.pk, second.pk}
    availability._write(second.pk, "")
    assert shown()[mine] == {first.pk: "no route"}
    availability._next.clear()
    assert not availability.is_lost(first.pk) and availability.lost_here() == {first.pk}, "another process of this host lost it"


def test_it_is_tried_again_ever_more_seldom_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    at, woken = [1000.0], list[str]()
    monkeypatch.setattr(availability.time, "monotonic", lambda: at[0])
    monkeypatch.setattr(wake_ups, "enqueue_cycle", woken.append)
    shop, _ = a_workspace(), a_workspace(name="Other")
    worker = a_worker(host=hosts.host_id())
    problems: list[Exception] = [Unreachable("fetch", f"try {n}") for n in range(6)]

    def attempt(_: Workspace) -> None:
        if problems:
            raise problems.pop(0)

    monkeypatch.setattr(availability, "_try", attempt)
    availability.lost(shop.pk, "no route")
    waits = []
    for _ in range(6):
        wait = availability._next[shop.pk][0] - at[0]
        waits.append(wait)
        at[0] += wait - 0.1
        before = len(problems)
        assert availability.look_again() == [] and len(problems) == before, "not before its time"
        at[0] += 0.1
        assert availability.look_again() == []
    assert waits == [5, 10, 20, 40, 60, 60]
    worker.refresh_from_db()
    assert "try 5" in worker.unreachable[shop.pk] and not woken
    at[0] += 60
    assert availability.look_again() == [shop.pk] and woken == [shop.pk]
    worker.refresh_from_db()
    assert worker.unreachable == {} and not availability.is_lost(shop.pk) and availability.look_again() == []
