"""The windows of a plan: read by their duration, believed within reason, and what they stop."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget.amounts import usd
from budget.models import LedgerEntry
from orchestration import sessions
from orchestration.configuration import agent_states, windows
from orchestration.configuration.windows import DAY, HOUR, Reading
from orchestration.executor import dispatch, explain
from orchestration.models import Credential, Entry, Executor, Session
from orchestration.sessions import metering
from tests.factories import a_worker, a_workspace, some_entries
from workspaces.models import Event

AT = 1_000_000.0
LATER = AT + 3600


def read(*readings: Reading, known: dict[str, Any] | None = None, at: float = AT) -> dict[str, Any]:
    return windows.merged(known or {}, readings, now=at)


@pytest.mark.parametrize(
    ("minutes", "name"), [(300, "pct_5h"), (7 * DAY, "pct_7d"), (30 * DAY, "pct_30d"), (61, "pct_1h"), (1, "pct_1h")]
)
def test_a_window_is_named_after_its_duration(minutes: int, name: str) -> None:
    assert windows.name(minutes) == name
    assert windows.title("pct_5h") == "5-hour window" and windows.title("pct_7d") == "7-day window"


@pytest.mark.parametrize(
    ("reading", "is_believed"),
    [
        (Reading(5 * HOUR, 40.0, LATER), True),
        (Reading(5 * HOUR, 40.0, AT), False),
        (Reading(5 * HOUR, 40.0, AT - 1), False),
        (Reading(5 * HOUR, 40.0, AT + (5 + 24) * 3600), True),
        (Reading(5 * HOUR, 40.0, AT + (5 + 24) * 3600 + 1), False),
        (Reading(7 * DAY, 40.0, AT + 8 * 86_400), True),
        (Reading(0, 40.0, LATER), False),
        (Reading(32 * DAY, 40.0, LATER), False),
    ],
)
def test_a_reset_that_has_passed_or_is_too_far_away_is_no_reset(reading: Reading, is_believed: bool) -> None:
    assert bool(read(reading)) is is_believed


def test_a_newer_reading_replaces_the_older_and_a_drifting_reset_is_followed() -> None:
    first = read(Reading(5 * HOUR, 40.0, LATER), Reading(7 * DAY, 10.0, LATER))
    second = read(Reading(5 * HOUR, 55.0, LATER + 90), known=first, at=AT + 60)
    assert second == {
        "pct_5h": {"used": 55.0, "resets_at": LATER + 90, "read_at": AT + 60},
        "pct_7d": {"used": 10.0, "resets_at": LATER, "read_at": AT},
    }
    assert read(known=second, at=LATER + 1).keys() == {"pct_5h"}, "a window that has been reset is not known any more"
    assert read(Reading(5 * HOUR, None, LATER + 90), known=second, at=AT + 70)["pct_5h"]["used"] == 55.0
    assert read(Reading(5 * HOUR, 130.0, LATER))["pct_5h"]["used"] == 100.0


@pytest.mark.parametrize(
    ("used", "stop_at", "stops"),
    [
        (79.9, {"pct_5h": 80}, False),
        (80.0, {"pct_5h": 80}, True),
        (99.9, {}, False),
        (100.0, {}, True),
        (None, {"pct_5h": 1}, False),
        (90.0, {"pct_7d": 80}, False),
    ],
)
def test_a_window_stops_its_agents_from_its_stop_on(used: float | None, stop_at: dict[str, Any], stops: bool) -> None:
    known = read(Reading(5 * HOUR, used, LATER))
    assert bool(windows.stop(known, stop_at, at=AT)) is stops
    assert windows.stop(known, stop_at, at=LATER) is None, "its reset resumes them"


def test_the_window_with_the_latest_reset_counts() -> None:
    known = read(Reading(5 * HOUR, 90.0, LATER), Reading(7 * DAY, 85.0, LATER + 50_000))
    stop = windows.stop(known, {"pct_5h": 80, "pct_7d": 80}, at=AT)
    assert stop and (stop.window, stop.sentence) == ("pct_7d", "85 % of its 7-day window is used, and it stops at 80 %.")


@pytest.mark.django_db
def test_dispatch_stops_at_the_stop_and_resumes_by_itself_at_the_reset() -> None:
    a_worker()
    shop = a_workspace(agent={"command": "true"})
    [entry] = some_entries(shop, "One")
    credential, reset = "command default", now() + timedelta(hours=2)
    Credential.objects.create(workspace=shop, name=credential, stop_at={"pct_5h": 80})
    windows.record(shop.pk, credential, [Reading(5 * HOUR, 79.0, reset.timestamp())])
    assert not Event.objects.filter(verb="agent.window_reached").exists()
    for _ in range(2):
        windows.record(shop.pk, credential, [Reading(5 * HOUR, 81.0, reset.timestamp())])
    assert Event.objects.get(verb="agent.window_reached").data["used"] == 81
    assert dispatch.cycle(shop.pk).started == []
    why = explain.reasons(shop.pk, [entry.pk])[entry.pk].why
    assert why and why.message == "81 % of its 5-hour window is used, and it stops at 80 %. Tried again in 2 h." and why.common
    standstill = agent_states.of_executor(Executor.objects.get(pk=shop.pk)).standstill
    assert standstill and (standstill.code, standstill.until) == ("window", reset)
    row = Credential.objects.get()
    row.windows["pct_5h"]["resets_at"] = now().timestamp() - 1
    row.save()
    assert len(dispatch.cycle(shop.pk).started) == 1


@pytest.mark.django_db
def test_a_reading_of_a_credential_without_a_row_makes_one_and_one_without_a_name_makes_none() -> None:
    shop = a_workspace()
    windows.record(shop.pk, "", [Reading(300, 10.0, now().timestamp() + 60)])
    windows.record(shop.pk, "login of Codex", [Reading(300, 10.0, now().timestamp() + 60)])
    row = Credential.objects.get()
    assert (row.name, row.billing, row.windows["pct_5h"]["used"]) == ("login of Codex", "paid", 10.0)


@pytest.mark.django_db
def test_what_a_plan_pays_is_kept_with_its_price_and_books_nothing() -> None:
    a_worker()
    shop = a_workspace(agent={"command": "true"})
    Credential.objects.create(workspace=shop, name="command default", billing="plan")
    [entry] = some_entries(shop, "One")
    dispatch.cycle(shop.pk)
    session = Session.objects.get(entry=entry)
    assert session.is_plan
    worker = a_worker()
    taken = sessions.take(session.pk, attempt=session.attempt, worker=worker)
    assert taken is not None
    Session.objects.filter(pk=taken.pk).update(round_number=1)
    taken.refresh_from_db()
    assert metering.record(taken, metering.Usage("1", usd("0.25"), "gpt-5", 1000, 100))
    assert not metering.record(taken, metering.Usage("1", usd("0.25"), "gpt-5", 1000, 100)), "once"
    assert metering.record(taken, metering.Usage("2", None, "a model without a price", 1000, 100))
    rows = list(LedgerEntry.objects.order_by("pk").values_list("amount", "reported", "computed"))
    assert rows[0][:2] == (0, usd("0.25")) and rows[0][2] and rows[1] == (0, None, None)
    sessions.conclude(taken, sessions.Ending(Session.Outcome.CRASHED, "It broke", cost_unknown=True))
    account = Entry.objects.select_related("account").get(pk=entry.pk).account
    assert (account.spent, account.held, LedgerEntry.objects.count()) == (0, 0, 2)
