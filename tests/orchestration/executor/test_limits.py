"""Limits in the plan: no session starts past one, and waiting entries name the limit and when they can start."""

from datetime import timedelta

import pytest
from django.db.models import F

from budget.amounts import usd
from budget.models import DaySpend, Hold, Limit
from orchestration.executor import dispatch, explain
from orchestration.models import Entry
from tests.factories import a_charge, a_worker, a_workspace, an_entry, ended, project, sessions_of
from tests.factories import a_session as a_running_session
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def a_limit(workspace: Workspace, category: str, period: str, amount: str) -> None:
    Limit.objects.create(project=project(workspace), category=category, period=period, amount=usd(amount))


def why(workspace: Workspace, entry: Entry) -> tuple[str, str]:
    check = explain.reasons(workspace.pk, [entry.pk])[entry.pk].why
    return (check.code, check.message) if check else ("", "")


@pytest.mark.parametrize(
    ("category", "period", "sentence"),
    [
        ("total", "day", "Today's limit of $2.00 is used up: continues at 00:00 UTC, or raise it"),
        ("entry", "day", "Today's limit of $2.00 for entries is used up: continues at 00:00 UTC, or raise it"),
        ("entry", "all", "The limit of $2.00 for entries is used up: raise it"),
    ],
)
def test_an_entry_that_waits_for_a_limit_names_it(category: str, period: str, sentence: str) -> None:
    a_worker()
    workspace = a_workspace()
    a_limit(workspace, category, period, "2")
    entry = an_entry(workspace, budget="9")
    a_charge(entry, "2")
    assert dispatch.cycle(workspace.pk).started == []
    assert why(workspace, entry) == ("project_budget_exceeded", sentence)


def test_a_session_reserves_what_is_left_of_the_day() -> None:
    a_worker()
    workspace = a_workspace()
    a_limit(workspace, "total", "day", "3")
    first, second = an_entry(workspace, budget="2"), an_entry(workspace, budget="9")
    dispatch.cycle(workspace.pk)
    assert {h.account_id: h.amount for h in Hold.objects.all()} == {first.pk: usd("1.5"), second.pk: usd("1.5")}
    third = an_entry(workspace, budget="9")
    assert why(workspace, third) == ("money_reserved", "Waiting for $3.00 reserved by sessions at work")


def test_dispatch_continues_at_midnight() -> None:
    a_worker()
    workspace = a_workspace()
    a_limit(workspace, "total", "day", "2")
    entry = an_entry(workspace, budget="9")
    a_charge(entry, "2")
    dispatch.cycle(workspace.pk)
    DaySpend.objects.update(day=F("day") - timedelta(days=1))
    assert len(dispatch.cycle(workspace.pk).started) == 1


def test_a_sessions_last_charge_may_pass_the_days_limit_and_the_next_session_waits() -> None:
    workspace = a_workspace(round_ceiling_usd=1)
    a_limit(workspace, "total", "day", "1")
    entry = an_entry(workspace, budget="9")
    session = a_running_session(entry)
    a_charge(entry, "1.2")
    ended(session)
    assert dispatch.cycle(workspace.pk).started == [] and sessions_of(workspace) == []


def test_a_session_starts_with_the_initial_reservation() -> None:
    a_worker()
    workspace = a_workspace(hold_slice_usd=0.5, min_round_usd=0.05, agent={"kind": "codex"})
    an_entry(workspace, budget="9")
    dispatch.cycle(workspace.pk)
    assert Hold.objects.get().amount == usd("0.5")


def test_a_command_agent_reserves_the_whole_ceiling() -> None:
    a_worker()
    workspace = a_workspace(hold_slice_usd=0.5)
    an_entry(workspace, budget="9")
    dispatch.cycle(workspace.pk)
    assert Hold.objects.get().amount == usd(5)
