"""Reservations of running sessions grow in steps, and return what their round can no longer need."""

import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from budget import ledger
from budget.amounts import usd
from budget.models import Account, Category, Hold, Limit
from orchestration import configuration, sessions
from orchestration.models import Session
from orchestration.sessions import metering, reservations
from orchestration.sessions.reservations import Growth
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import agents
from orchestration.worker.agent_run.usage_listener import UsageListener
from orchestration.worker.agents.shared.events import Finished, Usage
from tests.factories import a_session, a_workspace, an_entry, ended, project, some_entries

pytestmark = pytest.mark.django_db

STEPS = Growth(ceiling=usd(5), step=usd(1))
METERED = configuration.Config.model_validate({"agent": {"kind": "codex"}})


def at_once(*, first: int | None = None, usual: int | None = None) -> Growth:
    """The growth of a session without steps in its config."""
    growth = reservations.growth(METERED, first=first, usual=usual)
    assert growth is not None
    return growth


@pytest.mark.parametrize(
    ("amount", "drawn", "expected"),
    [("1", "0.5", "0"), ("1", "0.6", "1"), ("4.5", "4.1", "0.5"), ("5", "4.9", "0"), ("6", "6", "0")],
)
def test_another_step_is_requested_when_less_than_half_a_step_is_left(amount: str, drawn: str, expected: str) -> None:
    assert STEPS.next_step(amount=usd(amount), drawn=usd(drawn)) == usd(expected)


@pytest.mark.parametrize(
    ("growth", "amount", "drawn", "low", "urgent", "wants"),
    [
        (STEPS, "1", "0.5", False, False, "0"),
        (STEPS, "1", "0.51", True, False, "1"),
        (STEPS, "1", "0.75", True, False, "1"),
        (STEPS, "1", "0.76", True, True, "1"),
        (Growth(usd(5), usd(1), is_short=True), "1", "0.5", False, True, "0.5"),
        (Growth(usd(5), usd(1), is_short=True), "1", "0.2", False, True, "0"),
        (Growth(usd(5), usd(1), is_short=True), "2", "1.8", True, True, "3"),
        (Growth(usd(5), usd(1), is_short=True, usual=usd(2)), "1", "0.9", True, True, "1"),
        (Growth(usd(5), usd(1), is_short=True, usual=usd(2)), "3", "2.4", False, True, "0"),
        (Growth(usd(5), usd(1), is_short=True, usual=usd(2)), "3", "2.6", True, True, "0.125"),
        (Growth(usd(5), usd(1), is_short=True, usual=usd(2), is_fixed=True), "3", "2", False, True, "0"),
        (Growth(usd(5), usd(1), is_short=True, usual=usd(2), is_fixed=True), "3", "2.4", True, True, "0.6"),
    ],
)
def test_what_a_session_asks_for_next_is_known_before_it_asks(
    growth: Growth, amount: str, drawn: str, low: bool, urgent: bool, wants: str
) -> None:
    spent = {"amount": usd(amount), "drawn": usd(drawn)}
    assert (growth.is_low(**spent), growth.is_urgent(**spent), growth.wants(**spent)) == (low, urgent, usd(wants))


@pytest.mark.parametrize(
    ("config", "first", "expected"),
    [
        ({}, None, Growth(usd(5), usd(5), least=usd("0.05"))),
        ({}, "2", Growth(usd(5), usd(2), is_short=True, least=usd("0.05"))),
        ({}, "9", Growth(usd(5), usd(5), least=usd("0.05"))),
        ({}, "0.01", Growth(usd(5), usd("0.05"), is_short=True, least=usd("0.05"))),
        ({"hold_slice_usd": 1}, None, Growth(usd(5), usd(1), least=usd("0.05"))),
        ({"hold_slice_usd": 1}, "0.5", Growth(usd(5), usd("0.5"), is_short=True, least=usd("0.05"))),
        ({"hold_slice_usd": 9}, None, Growth(usd(5), usd(5), least=usd("0.05"))),
        ({"min_round_usd": 0}, None, Growth(usd(5), usd(5), least=1)),
    ],
)
def test_a_session_grows_by_steps_or_by_need(config: dict[str, Any], first: str | None, expected: Growth) -> None:
    loaded = configuration.Config.model_validate({"agent": {"kind": "codex"}, "min_round_usd": Decimal("0.05"), **config})
    assert reservations.growth(loaded, first=usd(first) if first else None) == expected


@pytest.mark.parametrize(
    ("fields", "by", "budget"),
    [
        ({}, "3", "3"),
        ({}, "0.5", "1"),
        ({}, "500", "100"),
        ({"own_budget": True}, "3", "1"),
        ({"human_locked": True}, "3", "1"),
    ],
)
def test_a_share_is_raised_so_far_that_the_reservation_fits_and_a_persons_budget_is_not(
    fields: dict[str, Any], by: str, budget: str
) -> None:
    entry = some_entries(a_workspace(), "one")[0]
    Account.objects.filter(pk=entry.account_id).update(budget=usd(1), own_budget=False)
    Account.objects.filter(pk=entry.account_id).update(**fields)
    reservations.cover(entry.account_id, usd(by))
    assert Account.objects.get(pk=entry.account_id).budget == usd(budget)


def test_without_steps_only_a_reservation_that_started_short_grows() -> None:
    assert at_once().next_step(amount=usd(5), drawn=usd(4)) == 0
    short = at_once(first=usd(2))
    assert short.next_step(amount=usd(2), drawn=usd(1)) == 0
    assert short.next_step(amount=usd(2), drawn=usd("1.5")) == usd(1)
    known = at_once(first=usd(2), usual=usd(1))
    assert known.next_step(amount=usd(2), drawn=usd("1.75")) == 0, "nobody expects it to need more"
    assert known.next_step(amount=usd(2), drawn=usd("1.9")) == usd("0.25")
    assert known.next_step(amount=usd("0.5"), drawn=usd("0.2")) == usd("0.5"), "the rest of a usual round"


def test_an_agent_that_keeps_the_limit_of_its_start_does_not_grow() -> None:
    assert reservations.growth(configuration.Config(), first=usd(2)) is None


class Task:
    role = record = "implement"
    limit = 0


def a_listener(session: Session, growth: Growth | None) -> UsageListener:
    reader: Any = None
    task: Any = Task()
    return UsageListener(session, StopFlags(session.pk, session.attempt), reader, task, Category.ENTRY, growth=growth)


def spend(listener: UsageListener, number: int, amount: str) -> None:
    listener._handle(Usage(str(number), usd(amount)))


def a_growing_session(*, cap: str = "100") -> Session:
    """It reserves $1 and may grow to $5."""
    workspace = a_workspace(cap=cap, hold_slice_usd=1, agent={"kind": "codex"})
    return a_session(an_entry(workspace, budget="9"))


def amount(session: Session) -> int:
    return Hold.objects.get(session_ref=session.pk).amount


def test_a_running_session_grows_its_reservation_step_by_step_up_to_the_ceiling() -> None:
    session = a_growing_session()
    listener, seen = a_listener(session, STEPS), [amount(session)]
    for n in range(12):
        spend(listener, n, "0.4")
        seen.append(amount(session))
    assert seen[0] == usd(1) and max(seen) == usd(5) == seen[-1] and listener.reason == ""
    assert all(after - before in (0, usd(1)) for before, after in pairwise(seen))
    spend(listener, 99, "0.3")
    assert listener.reason == "out_of_money"


def test_a_session_takes_the_last_money_and_is_stopped_at_the_cap() -> None:
    session = a_growing_session(cap="1.5")
    listener = a_listener(session, STEPS)
    spend(listener, 1, "0.9")
    assert amount(session) == usd("1.5") and listener.reason == ""
    spend(listener, 2, "0.61")
    row = project(session.workspace)
    assert listener.reason == "out_of_money" and row.held == 0


def test_a_days_limit_stops_the_growth_too() -> None:
    session = a_growing_session()
    Limit.objects.create(project=project(session.workspace), category="total", period="day", amount=usd("1.2"))
    listener = a_listener(session, STEPS)
    spend(listener, 1, "0.9")
    assert amount(session) == usd("1.2")


def test_a_reservation_that_started_short_grows_with_new_money() -> None:
    workspace = a_workspace(cap="2", agent={"kind": "codex"})
    session = a_session(an_entry(workspace, budget="9"))
    listener = a_listener(session, at_once(first=usd(2)))
    spend(listener, 1, "1.2")
    assert amount(session) == usd(2)
    type(project(workspace)).objects.update(max_project_spend=usd(50))
    listener.meter._growth_retry_s = 0.0  # some seconds later
    spend(listener, 2, "0.3")
    assert amount(session) == usd(3)


def test_usage_without_a_price_reserves_the_whole_ceiling() -> None:
    session = a_growing_session()
    listener = a_listener(session, STEPS)
    listener._handle(Usage("1", None, "no-such-model-9", 10, 10))
    assert amount(session) == usd(5)


def test_after_the_work_only_the_reviewers_money_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(reservations.wake_ups, "enqueue_cycle", woken.append)
    workspace = a_workspace(agent={"kind": "codex"})
    session = a_session(an_entry(workspace, budget="9"))
    metering.record(session, metering.Usage(id="1", cost=usd("0.7")))
    reviewer = {"agent": {"command": "true"}}
    both = {"verifier": {**reviewer, "round_usd": Decimal("0.4")}, "interceptor": {**reviewer, "round_usd": Decimal("0.3")}}
    woken.clear()
    reservations.shrink(session, configuration.Config.model_validate(both), cost_known=True)
    assert amount(session) == usd("1.4") and project(workspace).held == usd("0.7")
    assert woken == [workspace.pk], "others may start on what comes back"
    assert session.hold is not None and session.hold.amount == usd("1.4")
    reservations.shrink(session, configuration.Config.model_validate(both), cost_known=True)
    assert woken == [workspace.pk], "nothing came back"
    both.pop("interceptor")
    reservations.shrink(session, configuration.Config.model_validate(both), cost_known=True)
    assert amount(session) == usd("1.1") and project(workspace).held == usd("0.4")


def test_a_session_with_unknown_cost_returns_no_money() -> None:
    session, other = (a_session(an_entry(a_workspace(name=name), budget="9")) for name in ("Shop", "Other"))
    sessions.write(session, unpriced_model="unknown")
    reservations.shrink(session, configuration.Config(), cost_known=True)
    reservations.shrink(other, configuration.Config(), cost_known=False)
    assert amount(session) == amount(other) == usd(5) and other.unpriced_model == "unknown"


def test_a_settled_reservation_neither_grows_nor_shrinks() -> None:
    session = a_session(an_entry(a_workspace(), budget="9"))
    reservation = Hold.objects.get(session_ref=session.pk)
    ledger.settle(reservation.pk)
    assert ledger.extend(reservation.pk, usd(1)) == 0 and not ledger.shrink(reservation.pk, keep=0)


def test_without_money_left_requests_become_rarer(django_assert_max_num_queries: Any) -> None:
    session = a_session(an_entry(a_workspace(agent={"kind": "codex"}), budget="1"))
    listener = a_listener(session, at_once(first=usd(1)))
    spend(listener, 1, "0.6")
    with django_assert_max_num_queries(0):
        for _ in range(20):
            listener.meter.check()
    assert amount(session) == usd(1) and listener.reason == ""


def test_an_agent_that_has_finished_is_not_stopped_for_its_last_request() -> None:
    session = a_growing_session(cap="1")
    listener = a_listener(session, None)
    listener._handle(Finished(True, "Done."))
    spend(listener, 1, "1.1")
    assert listener.reason == ""
    listener._finished_at = time.monotonic() - 60
    listener.meter.check()
    assert listener.reason == "out_of_money", "it should have ended"


def test_the_first_ended_round_is_the_usual_one_for_sessions_at_work() -> None:
    workspace = a_workspace(cap="9", agent={"kind": "codex"})
    done, session = (a_session(an_entry(workspace, budget="4")) for _ in range(2))
    steps = at_once(first=usd(2))
    assert reservations.with_usual(steps, workspace.pk).usual is None
    metering.record(done, metering.Usage(id="1", cost=usd(1)))
    ended(done)
    assert reservations.with_usual(steps, session.workspace_id).usual == usd(1)


def test_the_agents_that_get_their_limit_at_the_start_are_known() -> None:
    keeps_it = {kind for kind, module in agents.KINDS.items() if "budget" in module.TRAITS.honours}
    kinds = {
        kind
        for kind in agents.KINDS
        if METERED.model_copy(update={"agent": METERED.agent.model_copy(update={"kind": kind})}).gets_limit_at_start
    }
    assert kinds == keeps_it | {"command"}
