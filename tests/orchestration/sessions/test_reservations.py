"""Holds of sessions at work: they grow in slices, and give back what their round can no longer need."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from budget import ledger
from budget.amounts import usd
from budget.models import Category, Hold, Limit
from orchestration import configuration, sessions
from orchestration.models import Session
from orchestration.sessions import metering, reservations
from orchestration.sessions.reservations import Growth
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run.usage_listener import UsageListener
from orchestration.worker.agents.shared.events import Usage
from tests.factories import a_session, a_workspace, an_entry, project

pytestmark = pytest.mark.django_db

SLICES = Growth(ceiling=usd(5), step=usd(1))


@pytest.mark.parametrize(
    ("amount", "drawn", "wanted"),
    [("1", "0.5", "0"), ("1", "0.6", "1"), ("4.5", "4.1", "0.5"), ("5", "4.9", "0"), ("6", "6", "0")],
)
def test_another_slice_is_asked_for_when_less_than_half_a_slice_is_left(amount: str, drawn: str, wanted: str) -> None:
    assert SLICES.next_step(amount=usd(amount), drawn=usd(drawn)) == usd(wanted)


def test_without_slices_only_a_hold_that_began_short_grows() -> None:
    whole = reservations.growth(configuration.Config())
    assert whole.next_step(amount=usd(5), drawn=usd(4)) == 0
    assert whole.next_step(amount=usd(2), drawn=0) == usd(3)


class Task:
    role = "implement"
    limit = 0


def a_meter(session: Session, growth: Growth | None) -> UsageListener:
    reader: Any = None
    task: Any = Task()
    return UsageListener(session, StopFlags(session.pk, session.attempt), reader, task, Category.ENTRY, growth=growth)


def spend(meter: UsageListener, number: int, amount: str) -> None:
    meter._handle(Usage(str(number), usd(amount)))


def a_sliced_session(*, cap: str = "100") -> Session:
    """It holds $1, and may come to hold $5."""
    workspace = a_workspace(cap=cap, hold_slice_usd=1, agent={"kind": "codex"})
    return a_session(an_entry(workspace, budget="9"))


def amount(session: Session) -> int:
    return Hold.objects.get(session_ref=session.pk).amount


def test_a_session_at_work_grows_its_hold_slice_by_slice_up_to_the_ceiling() -> None:
    session = a_sliced_session()
    meter, seen = a_meter(session, SLICES), [amount(session)]
    for n in range(12):
        spend(meter, n, "0.4")
        seen.append(amount(session))
    assert seen[0] == usd(1) and max(seen) == usd(5) == seen[-1] and meter.reason == ""
    assert all(after - before in (0, usd(1)) for before, after in pairwise(seen))
    spend(meter, 99, "0.3")
    assert meter.reason == "out_of_money"


def test_where_no_money_is_left_it_takes_what_there_is_and_is_stopped_at_the_cap() -> None:
    session = a_sliced_session(cap="1.5")
    meter = a_meter(session, SLICES)
    spend(meter, 1, "0.9")
    assert amount(session) == usd("1.5") and meter.reason == ""
    spend(meter, 2, "0.61")
    row = project(session.workspace)
    assert meter.reason == "out_of_money" and row.held == 0


def test_a_days_limit_stops_the_growth_too() -> None:
    session = a_sliced_session()
    Limit.objects.create(project=project(session.workspace), category="total", period="day", amount=usd("1.2"))
    meter = a_meter(session, SLICES)
    spend(meter, 1, "0.9")
    assert amount(session) == usd("1.2")


def test_a_hold_that_began_short_grows_when_money_came() -> None:
    workspace = a_workspace(cap="2", agent={"kind": "codex"})
    session = a_session(an_entry(workspace, budget="9"))
    meter = a_meter(session, reservations.growth(configuration.Config()))
    spend(meter, 1, "0.1")
    assert amount(session) == usd(2)
    type(project(workspace)).objects.update(max_project_spend=usd(50))
    meter._growth_retry_s = 0.0  # some seconds later
    spend(meter, 2, "0.1")
    assert amount(session) == usd(5)


def test_what_has_no_price_holds_all_that_it_may_have_spent() -> None:
    session = a_sliced_session()
    meter = a_meter(session, SLICES)
    meter._handle(Usage("1", None, "no-such-model-9", 10, 10))
    assert amount(session) == usd(5)


def test_after_the_work_only_the_reviewers_money_is_kept() -> None:
    workspace = a_workspace(agent={"kind": "codex"})
    session = a_session(an_entry(workspace, budget="9"))
    metering.record(session, metering.Usage(id="1", cost=usd("0.7")))
    config = configuration.Config.model_validate({"verifier": {"agent": {"command": "true"}, "round_usd": Decimal("0.4")}})
    reservations.shrink(session, config)
    assert amount(session) == usd("1.1") and project(workspace).held == usd("0.4")


def test_what_is_not_known_is_not_given_back() -> None:
    session = a_session(an_entry(a_workspace(), budget="9"))
    sessions.write(session, unpriced_model="unknown")
    reservations.shrink(session, configuration.Config())
    assert amount(session) == usd(5)


def test_a_settled_hold_neither_grows_nor_shrinks() -> None:
    session = a_session(an_entry(a_workspace(), budget="9"))
    hold = Hold.objects.get(session_ref=session.pk)
    ledger.settle(hold.pk)
    assert ledger.extend(hold.pk, usd(1)) == 0 and not ledger.shrink(hold.pk, keep=0)


def test_where_there_is_no_more_it_asks_ever_more_seldom(django_assert_max_num_queries: Any) -> None:
    session = a_session(an_entry(a_workspace(agent={"kind": "codex"}), budget="1"))
    meter = a_meter(session, reservations.growth(configuration.Config()))
    spend(meter, 1, "0.1")
    with django_assert_max_num_queries(0):
        for _ in range(20):
            meter._check_money()
    assert amount(session) == usd(1) and meter.reason == ""
