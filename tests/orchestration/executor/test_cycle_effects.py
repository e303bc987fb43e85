"""A cycle leaves messages, records, and the state of what its entries belong to, beside its claims."""

from typing import Any

import pytest
from django.db.models.functions import Now

from budget.amounts import usd
from budget.models import Project
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch, snapshot
from orchestration.executor import stats as executor_stats
from orchestration.executor.plan import CycleInput, Waiting
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Integration
from tests.factories import ANA, a_worker, a_workspace, an_entry, project, sessions_of, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    messages: list[tuple[Any, ...]] = []
    for name in ("enqueue_cycle", "enqueue_sessions", "enqueue_deliveries", "enqueue_share_out", "publish_change"):
        monkeypatch.setattr(wake_ups, name, lambda *args, name=name: messages.append((name, *args)))
    return messages


def a_crowd() -> tuple[Workspace, list[Entry]]:
    """One entry that starts for the third time, one without money, two that wait for its file, and one that runs alone."""
    a_worker(host="one")
    shop = a_workspace(max_workers=3)
    starts, poor = an_entry(shop, files=["a.py"]), an_entry(shop, budget="0.01", content="Poor")
    waits = [an_entry(shop, files=["a.py"]) for _ in range(2)]
    alone = an_entry(shop, parallelizable=False)
    Entry.objects.filter(pk=starts.pk).update(attempts=2)
    return shop, [starts, poor, *waits, alone]


def test_a_cycle_wakes_the_workers_pages_and_notices_that_it_concerns(sent: list[tuple[Any, ...]]) -> None:
    shop, _ = a_crowd()
    sent.clear()
    dispatch.cycle(shop.pk)
    [session] = sessions_of(shop)
    assert sorted(sent) == [
        ("enqueue_deliveries",),
        ("enqueue_sessions", [(session.pk, 3, "one")]),
        ("publish_change", shop.pk, "executor", "workers", "entries", "locks", "budget"),
    ]
    sent.clear()
    Entry.objects.update(deleted_at=Now())
    dispatch.cycle(shop.pk)
    assert sent == [], "nothing was decided"


def test_the_record_of_a_cycle_counts_what_it_looked_at_started_and_left_waiting() -> None:
    shop, _ = a_crowd()
    other = a_workspace(name="Other")
    dispatch.cycle(shop.pk)
    [record] = executor_stats.cycles(shop.pk) or []
    assert record.pop("at") > 0 and record.pop("ms") >= 0
    # The second pass reads on past what was parked and blocked, and finds the exclusive entry again.
    waits = {"files_locked": 2, "budget_exceeded": 1, "concurrency_limit": 2}
    assert record == {"state": "running", "free": 3, "looked": 6, "started": 1, "waits": waits}
    assert executor_stats.cycles(other.pk) == []


def test_a_cycle_reads_on_only_as_long_as_a_pass_made_the_line_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, _ = a_crowd()
    limits, line = [], snapshot.line

    def read(workspace_id: str, cycle_input: CycleInput, limit: int) -> list[Waiting]:
        limits.append(limit)
        return line(workspace_id, cycle_input, limit)

    monkeypatch.setattr(snapshot, "line", read)
    dispatch.cycle(shop.pk)
    assert limits == [3 + snapshot.MARGIN, 2 + 4 * snapshot.MARGIN]


def test_a_branch_that_was_moved_keeps_a_reason_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker()
    shop = a_workspace()
    an_entry(shop)
    monkeypatch.setattr(branch, "observe", lambda _: "It was moved")
    assert dispatch.cycle(shop.pk).cycle_input.integration == "It was moved"
    Integration.objects.create(workspace=shop, state="red", message="It is red")
    assert dispatch.cycle(shop.pk).cycle_input.integration == "It is red"
    assert sessions_of(shop) == []


def test_a_split_entry_is_stuck_once_the_cycle_blocks_its_children() -> None:
    a_worker()
    shop = a_workspace()
    parents = [an_entry(shop, budget=budget) for budget in ("0.02", "2")]
    for parent, amount in zip(parents, ("0.01", "1"), strict=True):
        splitting.split(parent, [Draft("First", budget=usd(amount)), Draft("Second", budget=usd(amount))], by=ANA)
    dispatch.cycle(shop.pk)
    assert [Entry.objects.get(pk=parent.pk).status for parent in parents] == ["blocked", "in_progress"]


def test_an_entry_that_the_plan_cannot_pay_has_the_money_shared_out_again() -> None:
    a_worker()
    shop, other = a_workspace(), a_workspace(name="Other")
    some_entries(shop, Draft("Poor", budget=usd("0.01")), "Share")
    Project.objects.update(allocation_due=None)
    Project.objects.filter(pk=shop.pk).update(total_budget=usd("0.001"))
    dispatch.cycle(shop.pk)
    codes = Entry.objects.order_by("seq").values_list("reason_code", flat=True)
    assert list(codes) == ["budget_exceeded", "project_budget_exceeded"]
    assert project(shop).allocation_due is not None and project(other).allocation_due is None


def test_the_end_of_the_line_is_recorded_when_a_cycle_blocks_the_last_entry() -> None:
    a_worker()
    shop = a_workspace()
    some_entries(shop, Draft("Poor", budget=usd("0.01")), Draft("Poor too", budget=usd("0.01")))
    dispatch.cycle(shop.pk)
    dispatch.cycle(shop.pk)
    event = Event.objects.get(verb="backlog.finished")
    assert (event.workspace_id, event.data["state"], event.data["blocked"]) == (shop.pk, "stuck", 2)
