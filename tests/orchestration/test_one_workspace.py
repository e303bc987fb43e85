"""Rows of one workspace count in no other: queues, money, hosts and webhooks of several share their tables."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.ledger import reconciliation
from budget.ledger.usage_files import ReportedUsage
from budget.models import Category, LedgerEntry
from orchestration.forges.shared.webhooks import Delivery
from orchestration.landing import queue
from orchestration.maintenance.backup import commits
from orchestration.models import Integration, IntegrationCommit, Landing, PullRequest, Round, Session
from orchestration.pull_requests import sync
from orchestration.sessions import preemption
from orchestration.sessions.absent_hosts import estimates
from orchestration.worker.lander import refusals, swap, tip_watch
from orchestration.worker.lander.lease import Lease
from tests.factories import a_charge, a_session, a_workspace, an_entry, ended, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
State = Landing.State
COMMIT = "c" * 40


@pytest.fixture
def mine() -> Workspace:
    return a_workspace(name="Mine")


@pytest.fixture
def theirs() -> Workspace:
    return a_workspace(name="Theirs")


def a_landing(workspace: Workspace, state: State = State.QUEUED, **more: Any) -> Landing:
    return Landing.objects.create(workspace=workspace, entry=an_entry(workspace), commit=COMMIT, state=state, **more)


def a_lease(workspace: Workspace) -> Lease:
    return cast(Lease, SimpleNamespace(workspace_id=workspace.pk, workspace=workspace))


def test_a_queue_has_its_own_landings(mine: Workspace, theirs: Workspace) -> None:
    own, waits = a_landing(mine), a_landing(mine, State.WAITING)
    away = a_landing(mine, not_before=now())
    for state in State:
        a_landing(theirs, state, not_before=now(), ended_at=now())
    assert set(queue.in_order(mine.pk)) == {own, away}
    assert list(queue.to_try(mine.pk, "tip")) == [waits] and list(queue.away(mine.pk)) == [away]
    Landing.objects.filter(workspace=mine).delete()
    assert not queue.is_waiting(mine.pk) and queue.is_waiting(theirs.pk)


def test_what_was_refused_elsewhere_keeps_no_batch_small_and_is_no_partner(mine: Workspace, theirs: Workspace) -> None:
    a_landing(theirs, State.REFUSED, ended_at=now())
    a_landing(theirs, State.LANDED, ended_at=now())
    landing = a_landing(mine)
    assert queue.batch_limit(mine.pk, 8) == 8 and queue.batch_limit(theirs.pk, 8) == 1
    assert refusals._partners(landing, []) == []


def test_a_lander_recovers_what_landers_of_its_workspace_left(
    mine: Workspace, theirs: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[IntegrationCommit] = []
    monkeypatch.setattr(swap, "finish", lambda _, intent: finished.append(intent))
    monkeypatch.setattr(swap.refs, "follow_row", lambda _: None)
    intents = [
        IntegrationCommit.objects.create(workspace=each, old=COMMIT, new=COMMIT, tree=COMMIT, subject="x")
        for each in (mine, theirs)
    ]
    checking = [a_landing(each, State.CHECKING) for each in (mine, theirs)]
    swap.recover(a_lease(mine))
    assert finished == intents[:1]
    assert [Landing.objects.get(pk=each.pk).state for each in checking] == ["queued", "checking"]


def test_an_agent_of_another_workspace_has_not_written_on_the_branch(mine: Workspace, theirs: Workspace) -> None:
    a_session(an_entry(theirs))
    assert not tip_watch._is_at_work(a_lease(mine), COMMIT) and tip_watch._is_at_work(a_lease(theirs), COMMIT)


def test_a_session_makes_no_room_in_another_workspace(mine: Workspace, theirs: Workspace) -> None:
    sessions = [a_session(an_entry(each, budget="5", priority=priority)) for each, priority in ((mine, 0), (theirs, 3))]
    for session in sessions:
        a_charge(session.entry, "1")
    assert preemption.make_room(sessions[0]) == 0
    assert not Session.objects.filter(stop_wanted_at__isnull=False).exists()
    assert [session.pk for session in preemption._at_work(sessions[0])] == [sessions[0].pk]


def test_prices_of_requests_in_another_workspace_do_not_count(mine: Workspace, theirs: Workspace) -> None:
    other = a_session(an_entry(theirs))
    item = ledger.Charge("k", usd("0.50"), LedgerEntry.PriceSource.REPORTED, reported=usd("0.50"))
    ledger.charge(project(theirs), item, account=other.entry.account, reservation=other.hold, session_ref=other.pk, actor="agent")
    ended(other)
    Session.objects.filter(pk=other.pk).update(started_at=now() - timedelta(minutes=1))
    here, there = (a_session(an_entry(each)) for each in (mine, theirs))
    assert estimates.pace(here) is None and estimates.pace(there) is not None


def test_a_webhook_is_about_pull_requests_of_its_workspace(mine: Workspace, theirs: Workspace) -> None:
    fields = {"number": 2, "state": "open", "due": False, "head": COMMIT, "pushed": COMMIT, "branch": "b", "base": "main"}
    rows = [PullRequest.objects.create(workspace=each, entry=an_entry(each), forge_id="2", **fields) for each in (mine, theirs)]
    Integration.objects.create(workspace=theirs, due=False)
    assert sync.received(
        mine.pk, Delivery("k", "push", numbers=frozenset({2}), commits=frozenset({COMMIT}), branches=frozenset({"b", "main"}))
    )
    assert [PullRequest.objects.get(pk=row.pk).due for row in rows] == [True, False]
    assert not Integration.objects.get(pk=theirs.pk).due


def test_a_providers_count_is_compared_with_the_workspaces_own_ledger(mine: Workspace, theirs: Workspace) -> None:
    for each, amount in ((mine, "1"), (theirs, "7")):
        item = ledger.Charge(
            f"k-{amount}", usd(amount), LedgerEntry.PriceSource.REPORTED, category=Category.ORCHESTRATOR, model="m"
        )
        ledger.charge(project(each), item, actor="agent")
    today = now().date()
    [line] = reconciliation.compare(mine.pk, [ReportedUsage(today, "m", None, 5)])
    assert line.ledger == usd(1)


def test_a_backup_of_a_workspace_names_its_own_commits(mine: Workspace, theirs: Workspace) -> None:
    a_landing(theirs)
    session = a_session(an_entry(theirs))
    Round.objects.filter(session=session).update(commit="d" * 40)
    Integration.objects.update_or_create(pk=theirs.pk, defaults={"tip": "e" * 40})
    assert commits.of(mine) == {} and set(commits.of(theirs)) == {COMMIT, "d" * 40, "e" * 40}
