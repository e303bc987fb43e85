"""Money that never stands still: backlogs worked on in one process, by the cycle, the ledger and the reservations of production."""

import pytest

from budget.amounts import usd
from budget.limits import allocated, caps
from budget.models import Account, BudgetChange
from orchestration import funding, sessions
from orchestration.backlog import entry_actions
from orchestration.executor import dispatch, explain
from orchestration.models import Entry, Session
from tests.factories import ANA, a_charge, a_session, a_worker, a_workspace, ended, project, some_entries
from tests.orchestration.funding.crew import Crew
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def ten_tasks(*, cap: str, ceiling: float, kind: str = "codex", slots: int = 10) -> Workspace:
    agent = {"kind": kind} | ({"command": "true"} if kind == "command" else {})
    shop = a_workspace(cap=cap, budget=cap, max_workers=slots, round_ceiling_usd=ceiling, agent=agent)
    some_entries(shop, *(f"task {n}" for n in range(10)))
    return shop


def costing(amount: str) -> dict[int, str]:
    return dict.fromkeys(range(1, 11), amount)


@pytest.mark.parametrize(("kind", "ticks"), [("command", 8), ("codex", 20)])
def test_ten_tasks_with_a_ceiling_of_4_run_side_by_side_under_a_plan_of_4_50(kind: str, ticks: int) -> None:
    """One after another they would take 80 ticks. A command agent keeps its first $0.45; a metered one asks for more before it needs it."""
    crew = Crew(ten_tasks(cap="4.50", ceiling=4, kind=kind), costing("0.40")).work()
    assert crew.done == list(range(1, 11)) and crew.worst_overrun == 0
    assert crew.at_work[0] == 10 and crew.first_reservations[:10] == [usd("0.45")] * 10
    assert crew.ticks <= ticks and crew.parallelism >= 4


def test_ten_tasks_of_a_dollar_and_money_for_six_and_a_half_are_six_done() -> None:
    shop = ten_tasks(cap="6.5", ceiling=1)
    crew = Crew(shop, costing("1.00")).work()
    assert crew.done == [1, 2, 3, 4, 5, 6] and crew.worst_overrun == 0
    assert project(shop).total_spent == usd("6.5")


def test_where_a_round_is_known_to_cost_a_dollar_only_those_start_that_can_have_it() -> None:
    shop = a_workspace(cap="7.5", budget="7.5", max_workers=10, round_ceiling_usd=4, agent={"kind": "codex"})
    some_entries(shop, "first")
    crew = Crew(shop, costing("1.00")).work()
    some_entries(shop, *(f"task {n}" for n in range(9)))
    crew.tick()
    assert len(crew.first_reservations) == 7 and min(crew.first_reservations) >= usd(1), "one, then six"
    assert crew.work().done == [1, 2, 3, 4, 5, 6, 7] and crew.worst_overrun == 0


def test_with_an_unknown_cost_others_end_so_that_the_first_in_line_can_finish() -> None:
    """In step with each other, which no agents are: until all have spent nearly everything, each could be about to finish."""
    shop = ten_tasks(cap="6.5", ceiling=4)
    crew = Crew(shop, costing("1.00")).work()
    assert crew.done[:1] == [1] and crew.worst_overrun == 0
    assert project(shop).total_spent == usd("6.5"), "no money stands still"
    assert Session.objects.filter(workspace=shop, stop_wanted_by="muster").exists()


def test_an_entry_that_waits_for_reserved_money_is_pending() -> None:
    shop = ten_tasks(cap="4", ceiling=4, slots=20)
    a_worker()
    Entry.objects.filter(workspace=shop, seq__gt=1).update(deleted_at="2020-01-01T00:00Z")
    dispatch.cycle(shop.pk)
    [late] = some_entries(shop, "late")
    assert dispatch.cycle(shop.pk).started == [] and Entry.objects.get(pk=late.pk).status == "pending"
    why = explain.reasons(shop.pk, [late.pk])[late.pk].why
    assert why and (why.code, why.message) == ("money_reserved", "Waiting for $4.00 reserved by sessions at work")


def test_two_hundred_and_two_entries_under_200_dollars_are_never_over_allocated() -> None:
    shop = a_workspace(cap="200", budget="200", max_workers=50, agent={"kind": "codex"})
    some_entries(shop, *(f"do {n}" for n in range(202)))
    crew = Crew(shop, dict.fromkeys(range(1, 203), "0.90"), step="0.45")
    for _ in range(4):
        assert crew.tick() and allocated.allocated(shop.pk) <= usd(200)
        assert not Entry.objects.filter(workspace=shop, status="blocked").exists()
    assert len(crew.first_reservations) >= 70 and crew.worst_overrun <= 0
    assert BudgetChange.objects.filter(project_id=shop.pk, source="allocation").exists()


@pytest.mark.parametrize("score", [0.0, None])
def test_a_plateau_and_a_hold_give_their_share_back_at_once_and_get_one_again(score: float | None) -> None:
    shop = a_workspace(cap="20", budget="20", plateau={"rounds": 1})
    [stuck] = some_entries(shop, "stuck")
    session = a_session(stuck)
    a_charge(stuck, "1")
    if score is None:
        sessions.stop(shop.pk, session.pk, by=ANA)
        assert sessions.conclude(session, sessions.Ending(Session.Outcome.STOPPED))
    else:
        ended(session, score=score)
    stuck.refresh_from_db()
    assert stuck.reason_code == ("human_hold" if score is None else "no_improvement")
    assert Account.objects.get(pk=stuck.pk).budget == usd(1) and funding.spare(shop.pk) == usd(19)
    entry_actions.resume(stuck, by=ANA)
    funding.share_out(shop.pk)
    assert Account.objects.get(pk=stuck.pk).headroom >= usd(5)


def test_what_is_shared_out_is_one_line_of_activity_however_many_entries() -> None:
    shop = a_workspace(cap="4", budget="4")
    some_entries(shop, *(f"do {n}" for n in range(50)))
    caps.set_project(project(shop), "max_project_spend", usd(100), by=ANA)
    caps.set_project(project(shop), "total_budget", usd(100), by=ANA)
    funding.share_out(shop.pk)
    verbs = list(Event.objects.filter(verb__in=("budget.funded", "budget.made_room")).values_list("verb", flat=True))
    assert verbs == ["budget.funded"]
