"""A lander looks where something is due, one at a time, and writes nothing once it lost its lease."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils.timezone import now

from orchestration.landing import branch
from orchestration.models import Executor, Integration, Landing, PullRequest, Worker
from orchestration.repositories import local_repository
from tests.factories import a_worker, a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40
FORGE = {"kind": "github", "repository": "ana/shop"}
FUTURE, PAST = timedelta(minutes=5), timedelta(minutes=-5)


@pytest.fixture
def shop() -> Workspace:
    """Nothing is due in it."""
    workspace = a_workspace(state="paused")
    Integration.objects.create(workspace=workspace, due=False, tip="tip")
    return workspace


def is_due(shop: Workspace) -> bool:
    return Integration.objects.get(pk=shop.pk).due


def woken(shop: Workspace) -> bool:
    Integration.objects.filter(pk=shop.pk).update(due=False)
    branch.wake_due()
    return is_due(shop)


def a_landing(shop: Workspace, state: str, **more: Any) -> Landing:
    return Landing.objects.create(workspace=shop, entry=an_entry(shop), commit=COMMIT, state=state, **more)


def test_a_lander_looks_where_something_is_due_and_the_repository_can_be_used() -> None:
    worker, workspace = a_worker(), a_workspace()
    Integration.objects.create(workspace=workspace, due=False)
    assert branch.due(worker) == []
    branch.wake(workspace.pk)
    assert branch.due(worker) == [workspace.pk]
    Executor.objects.update(repository_code="repository_unusable")
    assert branch.due(worker) == []
    Executor.objects.update(repository_code="")
    type(workspace).objects.update(deleted_at=now())
    assert branch.due(worker) == []


@pytest.mark.parametrize(
    ("host", "lease", "due", "looks"),
    [
        ("other", FUTURE, True, False),
        ("other", PAST, False, True),
        ("other", FUTURE, False, False),
        ("here", FUTURE, False, True),
        (None, FUTURE, False, True),
        (None, None, False, False),
    ],
)
def test_a_lander_looks_where_another_was_killed_or_is_of_this_host(
    shop: Workspace, host: str | None, lease: timedelta | None, due: bool, looks: bool
) -> None:
    holder = a_worker(host=host) if host else None
    Integration.objects.update(due=due, worker=holder, lease_until=now() + lease if lease else None)
    assert (branch.due(a_worker(host="here")) == [shop.pk]) is looks


def test_a_long_queue_gives_way_only_to_another_workspace_that_no_lander_works_on(shop: Workspace) -> None:
    other = a_workspace(name="Other")
    Integration.objects.update(due=True)
    assert not branch.others_wait(shop.pk)
    row = Integration.objects.create(workspace=other, due=True)
    assert branch.others_wait(shop.pk)
    for changed, waits in (
        ({"lease_until": now() + FUTURE}, False),
        ({"lease_until": now() + PAST}, True),
        ({"due": False}, False),
    ):
        Integration.objects.filter(pk=row.pk).update(**changed)
        assert branch.others_wait(shop.pk) is waits
    Integration.objects.filter(pk=row.pk).update(due=True)
    Workspace.objects.filter(pk=other.pk).update(deleted_at=now())
    assert not branch.others_wait(shop.pk)


def test_a_lease_is_had_by_one_and_only_the_newest_fence_writes(shop: Workspace, settings: Any) -> None:
    first, second = a_worker(host="one"), a_worker(host="two")
    row = Integration.objects.get()
    Integration.objects.update(due=True)
    assert branch.lease(row, first) == 1 and branch.lease(row, second) is None
    row.refresh_from_db()
    assert (row.worker, row.due) == (first, False) and row.lease_until is not None
    assert 0 < (row.lease_until - now()).total_seconds() <= settings.LEASE_S
    assert branch.lease(row, second) is None
    assert branch.lease(row, second, is_dead=True) == 2
    with pytest.raises(branch.Fenced):
        branch.write(shop.pk, 1, phase="late")
    branch.release(shop.pk, 1)
    row.refresh_from_db()
    assert row.worker == second and row.phase == ""
    branch.write(shop.pk, 2, phase="judging", judging_tree="tree", phase_since=now())
    branch.release(shop.pk, 2)
    row.refresh_from_db()
    assert (row.worker, row.lease_until, row.phase, row.phase_since, row.judging_tree) == (None, None, "", None, "")
    Integration.objects.update(lease_until=Now() - timedelta(seconds=1))
    row.refresh_from_db()
    assert branch.lease(row, first) == 3


def test_a_lander_that_read_the_row_before_another_had_the_lease_never_gets_the_same_fence(shop: Workspace) -> None:
    first, second = a_worker(host="one"), a_worker(host="two")
    stale = Integration.objects.get()
    assert branch.lease(stale, first) == 1
    branch.release(shop.pk, 1)
    assert branch.lease(stale, second) is None and branch.lease(stale, second, is_dead=True) is None
    assert branch.lease(Integration.objects.get(), second) == 2


@pytest.mark.parametrize(
    ("landing", "wakes"),
    [
        ({"state": "queued"}, True),
        ({"state": "checking"}, True),
        ({"state": "landed"}, False),
        ({"state": "waiting", "tried_tip": "older"}, True),
        ({"state": "waiting", "tried_tip": "tip"}, False),
        ({"state": "queued", "not_before": now() + timedelta(days=1)}, False),
        ({"state": "queued", "not_before": now() - timedelta(days=1)}, True),
        ({"state": "unproven", "tried_tip": "older", "not_before": now() + timedelta(days=1)}, False),
    ],
)
def test_a_tick_wakes_a_lander_for_what_no_one_looks_at(shop: Workspace, landing: dict[str, Any], wakes: bool) -> None:
    other = a_workspace(name="Other", state="paused")
    Integration.objects.create(workspace=other, due=False)
    a_landing(shop, **landing)
    assert woken(shop) is wakes and not is_due(other)


@pytest.mark.parametrize(
    ("pull", "wakes"),
    [
        ({"state": "open", "head": "a", "pushed": "a"}, False),
        ({"state": "open", "head": "b", "pushed": "a"}, True),
        ({"state": "open", "head": "a", "pushed": "a", "foreign_head": "x"}, True),
        ({"state": "merged", "head": "a", "pushed": "a", "merge_commit": "m"}, True),
        ({"state": "merged", "head": "b", "pushed": "a", "merge_commit": "m", "ended_at": now()}, False),
        ({"state": "closed", "head": "b", "pushed": "a"}, False),
    ],
)
def test_a_tick_wakes_a_lander_for_a_pull_request_that_is_not_settled(shop: Workspace, pull: dict[str, Any], wakes: bool) -> None:
    PullRequest.objects.create(workspace=shop, entry=an_entry(shop), branch="b", base="main", number=1, forge_id="1", **pull)
    assert woken(shop) is wakes


@pytest.mark.parametrize(
    ("row", "wakes"),
    [
        ({"undelivered": "checked out"}, True), ({"state": "red"}, True), ({"state": "waiting"}, True), ({"state": "good"}, False),
        ({"state": "unusable"}, False), ({"state": "red", "lease_until": now() + FUTURE}, False),
    ],
)  # fmt: skip
def test_a_tick_looks_at_a_branch_that_a_person_may_have_put_right(shop: Workspace, row: dict[str, Any], wakes: bool) -> None:
    Integration.objects.update(**row)
    assert woken(shop) is wakes
    Executor.objects.update(stop_all_at=now())
    assert not woken(shop), "everything was stopped"
    Executor.objects.update(stop_all_at=None)
    Workspace.objects.update(deleted_at=now())
    assert not woken(shop)


@pytest.mark.parametrize(
    ("executor", "origin", "wakes"),
    [
        ({"state": "running"}, "https://git.example.com/a.git", True),
        ({"state": "paused"}, "https://git.example.com/a.git", False),
        ({"state": "running", "config": {"land_by": "pull_request"}}, "", True),
        ({"state": "running", "config": {"land_by": "merge"}}, "", False),
    ],
)
def test_a_tick_looks_at_a_remote_whose_base_may_have_moved_while_executors_run(
    shop: Workspace, executor: dict[str, Any], origin: str, wakes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branch, "follow_local", lambda row: None)
    Executor.objects.update(**executor)
    Workspace.objects.update(origin=origin)
    assert woken(shop) is wakes


def test_a_tick_follows_a_branch_here_by_itself_and_asks_the_host_that_has_it_elsewhere(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    Executor.objects.update(state="running")
    monkeypatch.setattr(local_repository, "is_authority", lambda _: False)
    assert woken(shop)
    monkeypatch.setattr(local_repository, "is_authority", lambda _: True)
    for moved in ((False, False), (True, False), (False, True)):
        monkeypatch.setattr(branch, "_moved", lambda *_, moved=moved: moved)
        assert woken(shop) is any(moved)
    monkeypatch.setattr(branch, "_moved", lambda *_: pytest.fail("it read the repository"))
    for unread in ({"tip": ""}, {"tip": "tip", "lease_until": now() + FUTURE}):
        Integration.objects.update(**unread)
        assert not woken(shop)


@pytest.mark.parametrize(
    ("heads", "row", "config", "moved"),
    [
        ({"muster/integration": "tip", "main": "base"}, {}, {}, (False, False)),
        ({"muster/integration": "theirs", "main": "base"}, {}, {}, (True, False)),
        ({"muster/integration": "theirs", "main": "base"}, {"foreign_tip": "theirs"}, {}, (False, False)),
        ({"muster/integration": "older", "main": "base"}, {"delivered": "older"}, {}, (False, False)),
        ({"muster/integration": "tip", "main": "newer"}, {}, {}, (False, True)),
        ({"muster/integration": "tip", "main": "newer"}, {}, {"follow_base": False}, (False, False)),
        ({"muster/integration": "tip", "main": "newer"}, {}, {"land_by": "pull_request", "forge": FORGE}, (False, False)),
    ],
)
def test_what_has_moved_is_read_from_the_branches(
    shop: Workspace, heads: dict[str, str], row: dict[str, str], config: dict[str, Any], moved: tuple[bool, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    Integration.objects.update(base_tip="base", **row)
    Executor.objects.update(config=config, state="running")
    an_entry(shop)
    monkeypatch.setattr(branch.branches, "heads", lambda *_: heads)
    monkeypatch.setattr(local_repository, "is_authority", lambda _: True)
    integration = Integration.objects.select_related("workspace__executor").get()
    assert branch._moved(integration, branch.configuration.load(config)) == moved
    sentence = branch.observe(shop.pk)
    assert sentence == ("New commits on muster/integration are being checked" if moved[0] else "") and is_due(shop) is any(moved)


def test_the_branches_are_read_only_where_an_entry_could_start(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_repository, "is_authority", lambda _: True)
    reads: list[int] = []
    monkeypatch.setattr(branch, "_moved", lambda *_: (reads.append(1), (False, False))[1])
    entry = an_entry(shop)
    for executor, entry_fields, row, expected in (
        ({"state": "paused"}, {}, {}, 0),
        ({"state": "running"}, {}, {"tip": ""}, 0),
        ({"state": "running"}, {"deleted_at": now()}, {"tip": "tip"}, 0),
        ({"state": "running"}, {"deleted_at": None, "status": "in_progress"}, {}, 0),
        ({"state": "running"}, {"status": "pending"}, {}, 1),
    ):
        Executor.objects.filter(pk=shop.pk).update(**executor)
        type(entry).objects.filter(pk=entry.pk).update(**entry_fields) if entry_fields else None
        Integration.objects.filter(pk=shop.pk).update(**row) if row else None
        branch.observe(shop.pk)
        assert len(reads) == expected
    monkeypatch.setattr(local_repository, "is_authority", lambda _: False)
    assert branch.observe(shop.pk) == "" and len(reads) == 1 and not Worker.objects.exists()
