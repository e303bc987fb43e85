"""The lander's thread: when it works on a workspace, when it leaves it alone for a while, and what it says."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.configuration import Config
from orchestration.facts import events, waits
from orchestration.git.command import GitError
from orchestration.landing import branch
from orchestration.models import Executor, Integration, PullRequest
from orchestration.models import Landing as Row
from orchestration.repositories.authority import Unreachable
from orchestration.sessions.sandbox import HostFault
from orchestration.worker import availability, host_faults
from orchestration.worker.lander import batches, service
from orchestration.worker.lander import lease as lease_module
from orchestration.worker.lander.lease import Halted, Lease
from orchestration.worker.lander.service import Service
from orchestration.worker.preparing import workbench
from tests.factories import a_worker, a_workspace, an_entry
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40


@pytest.fixture
def shop() -> Workspace:
    workspace = a_workspace()
    branch.wake(workspace.pk)
    return workspace


@pytest.fixture
def lander() -> Service:
    created = Service(a_worker(host="here"))
    created._look_at = time.monotonic() + 3600
    return created


def works(monkeypatch: pytest.MonkeyPatch, work: Callable[[Lease], object]) -> None:
    monkeypatch.setattr(batches, "work", work)


def fails(problem: Exception) -> Callable[[Lease], object]:
    def work(_: Lease) -> None:
        raise problem

    return work


def row() -> Integration:
    return Integration.objects.get()


def test_it_works_on_what_is_due_and_gives_the_lease_back(
    shop: Workspace, lander: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    works(monkeypatch, lambda lease: seen.append((lease.workspace_id, lease.fence)))
    assert lander.run_due() == 1 and seen == [(shop.pk, 1)]
    assert (row().lease_until, row().worker, row().due) == (None, None, False) and lander.run_due() == 0


@pytest.mark.parametrize("problem", [GitError("merge", "no such commit"), RuntimeError("broken")])
def test_a_workspace_that_fails_is_due_again_after_a_pause_that_grows(
    shop: Workspace, lander: Service, problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    works(monkeypatch, fails(problem))
    at = time.monotonic()
    monkeypatch.setattr(service.time, "monotonic", lambda: at)
    pauses = []
    for _ in range(9):
        lander._retry_at.clear()
        assert lander.run_due() == 1 and row().due and row().lease_until is None
        pauses.append(lander._pauses[shop.pk])
        assert lander.run_due() == 0, "it is left alone for a while"
    assert pauses[:3] == [1, 2, 4] and pauses[-1] == waits.MOST_LANDING_PAUSE_S
    assert ("no such commit" in row().undelivered) is isinstance(problem, GitError)
    works(monkeypatch, lambda _: None)
    lander._retry_at.clear()
    assert lander.run_due() == 1 and not lander._pauses and not row().due


def test_one_workspace_that_fails_keeps_no_other_waiting(
    shop: Workspace, lander: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, seen = a_workspace(name="Other"), list[str]()
    branch.wake(other.pk)

    def work(lease: Lease) -> None:
        seen.append(lease.workspace_id)
        if lease.workspace_id == shop.pk:
            raise RuntimeError("broken")

    works(monkeypatch, work)
    assert lander.run_due() == 2 and sorted(seen) == sorted([shop.pk, other.pk])


def test_a_workspace_whose_repository_is_away_keeps_no_other_waiting(
    shop: Workspace, lander: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch.wake(a_workspace(name="Other").pk)
    in_line, seen = branch.due(lander.worker), list[str]()
    monkeypatch.setattr(availability, "is_lost", lambda workspace_id: workspace_id == in_line[0])
    works(monkeypatch, lambda lease: seen.append(lease.workspace_id))
    assert lander.run_due() == 1 and seen == in_line[1:]
    assert Integration.objects.get(pk=in_line[0]).due, "it is looked at again once its repository is back"


def test_after_a_stop_of_all_it_is_no_failure_and_at_a_shutdown_another_process_goes_on(
    shop: Workspace, lander: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    works(monkeypatch, fails(Halted("everything was stopped")))
    assert lander.run_due() == 1 and not row().due and not lander._pauses
    branch.wake(shop.pk)
    works(monkeypatch, lambda _: (lander.stop(), fails(Halted("the worker shuts down"))(_))[1])
    assert lander.run_due() == 1 and row().due and not lander._pauses
    assert lander.run_due() == 0, "it shuts down"


def test_a_lander_that_lost_its_lease_frees_nothing_of_its_successor(
    shop: Workspace, lander: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = a_worker(host="other")

    def work(lease: Lease) -> None:
        Integration.objects.update(fence=lease.fence + 1, worker=other)
        raise branch.Fenced(lease.workspace_id)

    works(monkeypatch, work)
    lander.run_due()
    assert row().worker == other and row().lease_until is not None and not row().due


@pytest.mark.parametrize(
    ("problem", "by_host", "sentence"),
    [
        (Unreachable("fetch", "no route"), "", "no route"),
        (HostFault("no sandbox here"), "The sandbox could not be made", "The sandbox could not be made"),
        (HostFault("a moment"), "", None),
    ],
)
def test_a_host_that_cannot_work_for_a_workspace_leaves_it_to_others(
    shop: Workspace, lander: Service, problem: Exception, by_host: str, sentence: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: dict[str, str] = {}
    monkeypatch.setattr(availability, "lost", lambda workspace_id, why: lost.update({workspace_id: why}))
    monkeypatch.setattr(host_faults, "problem", lambda _: by_host)
    works(monkeypatch, fails(problem))
    lander.run_due()
    assert row().due and (sentence is None) == (lost == {})
    assert sentence is None or sentence in lost[shop.pk]


def test_a_workspace_that_this_host_cannot_reach_is_not_worked_on(
    shop: Workspace, lander: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    works(monkeypatch, lambda _: pytest.fail("it worked"))
    monkeypatch.setattr(availability, "is_lost", lambda workspace_id: workspace_id == shop.pk)
    assert lander.run_due() == 0 and row().due


def test_a_lease_that_another_took_is_left_alone(shop: Workspace, lander: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    works(monkeypatch, lambda _: pytest.fail("it worked"))
    Integration.objects.update(worker=a_worker(host="other"), lease_until=now().replace(year=2100))
    assert not lander.run(shop.pk)


def test_a_lander_on_another_host_of_the_same_name_keeps_its_lease(shop: Workspace, lander: Service) -> None:
    """Its process is not here, which says nothing about it there."""
    for holder, is_dead in ((a_worker(host="here"), True), (a_worker(host_id=""), True), (a_worker(host_id="other"), False)):
        Integration.objects.update(worker=holder, lease_until=now().replace(year=2100))
        assert service._is_dead(Integration.objects.get(), lander.worker) is is_dead
    assert not lander.run(shop.pk) and Integration.objects.get().worker == holder


def test_checks_that_cannot_run_are_tried_again_ever_more_seldom_and_forgotten_once_they_can(
    shop: Workspace, lander: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [1000.0]
    monkeypatch.setattr(service.time, "monotonic", lambda: at[0])
    a_workspace(name="Good")
    Integration.objects.update(due=False, state="unusable")
    waits = []
    for _ in range(8):
        lander._wake_unusable()
        assert not row().due
        wait = lander._check_at[shop.pk] - at[0]
        waits.append(wait)
        at[0] += wait - 0.1
        lander._wake_unusable()
        assert not row().due
        at[0] += 0.1
        lander._wake_unusable()
        assert row().due
        Integration.objects.update(due=False)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    Integration.objects.update(state="good")
    lander._wake_unusable()
    assert not lander._check_at and not lander._check_pauses and not row().due


def a_lease(shop: Workspace, **more: Any) -> Lease:
    fence = branch.lease(row(), a_worker(host="lease"))
    assert fence
    return Lease(workbench.of_lander(shop, Config()), fence, more.get("is_stopping", lambda: False))


@pytest.mark.parametrize(("state", "halts"), [("paused", True), ("running", False)])
def test_nothing_begins_or_goes_on_after_a_stop_of_all_until_the_executor_runs(shop: Workspace, state: str, halts: bool) -> None:
    lease = a_lease(shop)
    Executor.objects.update(state=state)
    assert Lease.read(shop.pk, 1, lambda: False).bench.workspace == shop
    lease.check_not_stopped()
    Executor.objects.update(stop_all_at=now())
    for act in (lambda: Lease.read(shop.pk, 1, lambda: False), lease.check_not_stopped):
        if halts:
            with pytest.raises(Halted, match="everything was stopped"):
                act()
        else:
            act()


def test_a_config_of_a_newer_release_is_a_fault_of_this_host(shop: Workspace) -> None:
    Executor.objects.update(config={"from_the_future": True})
    with pytest.raises(HostFault, match="from_the_future"):
        Lease.read(shop.pk, 1, lambda: False)


def test_a_lease_is_renewed_while_something_runs_but_not_all_the_time(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, writes = a_lease(shop), list[int]()
    monkeypatch.setattr(lease_module, "RENEW_S", 3600)
    monkeypatch.setattr(branch, "write", lambda *_, **__: writes.append(1))
    lease.keep()
    assert not writes
    lease._renewed -= 3601
    lease.keep()
    lease.keep()
    assert len(writes) == 1
    lease._renewed -= 3601
    Executor.objects.update(stop_all_at=now(), state="paused")
    with pytest.raises(Halted):
        lease.keep()
    stopping = Lease(workbench.of_lander(shop, Config()), 1, lambda: True)
    with pytest.raises(Halted, match="shuts down"):
        stopping.keep()


def test_what_a_lander_writes_it_reads_and_what_others_wrote_after_a_look(shop: Workspace) -> None:
    lease = a_lease(shop)
    assert (lease.row.phase, lease.has_waiting, lease.has_pull_requests) == ("", False, False)
    lease.write(message="mine")
    Integration.objects.update(culprit="theirs")
    assert (lease.row.message, lease.row.culprit, row().message) == ("mine", "", "mine")
    entry = an_entry(shop)
    Row.objects.create(workspace=shop, entry=entry, commit=COMMIT, state="waiting")
    pull = PullRequest.objects.create(
        workspace=shop,
        entry=entry,
        branch="b",
        base="main",
        head=COMMIT,
        number=1,
        forge_id="1",
        state="merged",
        merge_commit="m",
    )
    other = an_entry(a_workspace(name="Other"))
    assert not lease.has_waiting
    lease.enter("p" * 300, tree="tree")
    lease.look()  # as once something has run
    assert (row().phase, row().judging_tree, lease.row.culprit) == (
        "p" * 200,
        "tree",
        "theirs",
    ) and row().phase_since is not None
    assert lease.has_waiting and lease.has_pull_requests
    PullRequest.objects.filter(pk=pull.pk).update(ended_at=now())
    Row.objects.update(state="landed", workspace=other.workspace)
    lease.look()
    assert not lease.has_waiting and not lease.has_pull_requests


def test_a_change_and_its_line_of_the_activity_log_are_written_together(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = a_lease(shop)
    lease.write(events.IntegrationGood(), "it is", message="written")
    assert Event.objects.get(verb="integration.good").reason == "it is"
    monkeypatch.setattr(Event, "save", fails(InterruptedError()))
    with pytest.raises(InterruptedError):
        lease.write(events.IntegrationGood(), message="half")
    assert (row().message, lease.row.message) == ("written", "written")
