"""Workspaces that this host cannot work for: what its workers say, when it tries again, and what it shares and tidies meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils.timezone import now

from orchestration.git.command import GitError
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Integration, Landing, Worker
from orchestration.repositories import claims, here
from orchestration.repositories.authority import Unreachable
from orchestration.worker import reach, sharing
from tests.factories import CLOSED, a_worker, a_workspace, an_entry
from workspaces import hosts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    reach._next.clear()
    yield
    reach._next.clear()


def shown() -> dict[str, dict[str, str]]:
    return {f"{worker.queue} {worker.host}": worker.unreachable for worker in Worker.objects.all() if worker.unreachable}


def test_what_is_lost_is_shown_by_the_session_workers_of_this_host_alone_and_kept_next_to_others() -> None:
    first, second = a_workspace(), a_workspace(name="Second")
    a_worker(host=hosts.host_id())
    a_worker(host=hosts.host_id(), queue="control")
    a_worker(host="other", unreachable={first.pk: "theirs"})
    assert not reach.is_lost(first.pk) and reach.lost_here() == set()
    reach.lost(first.pk, "no route")
    reach.lost(second.pk, "x" * 600)
    mine = f"sessions {hosts.host_id()}"
    assert shown() == {mine: {first.pk: "no route", second.pk: "x" * 500}, "sessions other": {first.pk: "theirs"}}
    assert reach.is_lost(first.pk) and reach.lost_here() == {first.pk, second.pk}
    reach._write(second.pk, "")
    assert shown()[mine] == {first.pk: "no route"}
    reach._next.clear()
    assert not reach.is_lost(first.pk) and reach.lost_here() == {first.pk}, "another process of this host lost it"


def test_it_is_tried_again_ever_more_seldom_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    at, woken = [1000.0], list[str]()
    monkeypatch.setattr(reach.time, "monotonic", lambda: at[0])
    monkeypatch.setattr(wake_ups, "enqueue_cycle", woken.append)
    shop, _ = a_workspace(), a_workspace(name="Other")
    worker = a_worker(host=hosts.host_id())
    problems: list[Exception] = [Unreachable("fetch", f"try {n}") for n in range(6)]

    def attempt(_: Workspace) -> None:
        if problems:
            raise problems.pop(0)

    monkeypatch.setattr(reach, "_try", attempt)
    reach.lost(shop.pk, "no route")
    waits = []
    for _ in range(6):
        wait = reach._next[shop.pk][0] - at[0]
        waits.append(wait)
        at[0] += wait - 0.1
        before = len(problems)
        assert reach.look_again() == [] and len(problems) == before, "not before its time"
        at[0] += 0.1
        assert reach.look_again() == []
    assert waits == [5, 10, 20, 40, 60, 60]
    worker.refresh_from_db()
    assert "try 5" in worker.unreachable[shop.pk] and not woken
    at[0] += 60
    assert reach.look_again() == [shop.pk] and woken == [shop.pk]
    worker.refresh_from_db()
    assert worker.unreachable == {} and not reach.is_lost(shop.pk) and reach.look_again() == []


class Shared:
    """A repository that several hosts share."""

    def __init__(self) -> None:
        self.repo = self
        self.discarded: list[dict[str, str]] = []

    def under(self, prefix: str) -> dict[str, str]:
        return {f"{prefix}{entry.pk}": COMMIT for entry in Entry.objects.all()}

    def discard(self, refs: dict[str, str]) -> None:
        self.discarded.append(refs)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Shared:
    authority = Shared()
    monkeypatch.setattr(here, "authority_of", lambda _: authority)
    return authority


def test_only_refs_of_what_is_done_or_long_deleted_are_removed(shared: Shared, settings: Any) -> None:
    settings.KEEP_DAYS = 14
    shop, other = a_workspace(), a_workspace(name="Other")
    done, open_, long_deleted, deleted, deleted_done, theirs = (an_entry(each) for each in (shop, shop, shop, shop, shop, other))
    Entry.objects.filter(pk__in=[done.pk, deleted_done.pk, theirs.pk]).update(**CLOSED)
    Entry.objects.filter(pk=long_deleted.pk).update(deleted_at=now() - timedelta(days=15))
    Entry.objects.filter(pk__in=[deleted.pk, deleted_done.pk]).update(deleted_at=now() - timedelta(days=13))
    sharing.tidy(shop)
    assert shared.discarded == [{claims.ref_of(each.pk): COMMIT for each in (done, long_deleted)}] and open_.pk
    settings.KEEP_DAYS = 12
    sharing.tidy(shop)
    assert shared.discarded[1].keys() == {claims.ref_of(each.pk) for each in (done, long_deleted, deleted, deleted_done)}


def test_shared_workspaces_are_tidied_except_lost_deleted_and_stopped_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    tidied: list[str] = []
    names = ("fine", "fails", "lost", "deleted", "stopped", "alone", "last")
    shops = {name: a_workspace(name=name) for name in names}
    Workspace.objects.exclude(name="alone").update(host_id="home")
    Workspace.objects.filter(name="deleted").update(deleted_at=now())
    Executor.objects.filter(pk=shops["stopped"].pk).update(state="stopped")

    def tidy(workspace: Workspace) -> None:
        tidied.append(workspace.name)
        if workspace.name == "fails":
            raise GitError("push", "no route")

    monkeypatch.setattr(sharing, "tidy", tidy)
    sharing.tidy_all(but={shops["lost"].pk})
    assert sorted(tidied) == ["fails", "fine", "last"]


@pytest.mark.parametrize(
    ("entry", "landing", "is_shared"),
    [
        ({}, {}, True),
        ({"is_shared": True}, {}, False),
        ({"host_id": "other"}, {}, False),
        ({}, {"not_before": None}, False),
        ({}, {"state": "withdrawn"}, False),
        ({}, {"commit": "f" * 40}, False),
    ],
)
def test_this_host_shares_what_landings_wait_for_and_it_alone_has(
    shared: Shared, entry: dict[str, Any], landing: dict[str, Any], is_shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here, "has", lambda _, commit: commit == COMMIT)
    published: list[str] = []
    monkeypatch.setattr(claims, "publish", lambda _, entry_id, __: published.append(entry_id))
    shop = a_workspace()
    row = an_entry(shop)
    alone = {"is_shared": False, "host_id": hosts.host_id(), "host_away_at": now(), **entry}
    Entry.objects.filter(pk=row.pk).update(**alone)
    waiting = Landing.objects.create(
        workspace=shop, entry=row, **{"commit": COMMIT, "not_before": now(), "message": "x", **landing}
    )
    branch.ensure(shop.pk)
    Integration.objects.update(due=False)
    for but in ({shop.pk}, set[str]()):
        sharing.share_asked(but=but)
        assert published == ([row.pk] if is_shared and not but else [])
    waiting.refresh_from_db()
    row.refresh_from_db()
    assert (waiting.message == "") is is_shared and Integration.objects.get().due is is_shared
    assert not is_shared or (row.is_shared, row.host_away_at, waiting.not_before) == (True, None, None)


def test_a_stopped_executor_and_work_that_cannot_be_shared_leave_the_request(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise GitError("push", "no route")

    monkeypatch.setattr(here, "has", lambda *_: True)
    monkeypatch.setattr(claims, "publish", refused)
    shop = a_workspace()
    row = an_entry(shop)
    Entry.objects.filter(pk=row.pk).update(is_shared=False, host_id=hosts.host_id())
    Landing.objects.create(workspace=shop, entry=row, commit=COMMIT, not_before=Now())
    sharing.share_asked(but=())
    Executor.objects.update(state="stopped")
    monkeypatch.setattr(claims, "publish", lambda *_: pytest.fail("it was shared"))
    sharing.share_asked(but=())
    row.refresh_from_db()
    assert not row.is_shared and Landing.objects.get().not_before is not None
