"""What is to be expected, and what is said when there is too little to go by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from budget import forecast
from budget.amounts import usd
from budget.forecast import Facts, Forecast, Worked, finish
from budget.forecast import inputs as forecast_inputs
from budget.forecast.remaining_cost import Life
from budget.models import Hold
from orchestration.backlog.entries import Draft
from tests.factories import a_charge, a_session, a_workspace, an_entry, ended, some_entries

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rounds(*costs: str, minutes: float = 20) -> tuple[Worked, ...]:
    """One after the other."""
    step = minutes * 60
    return tuple(Worked(usd(cost), n * step, (n + 1) * step, held=usd(1)) for n, cost in enumerate(costs))


def facts(*worked: Worked, cap: str = "10", spent: str = "1", **more: object) -> Facts:
    return Facts(at=NOW, spent=usd(spent), cap=usd(cap), worked=worked, **more)  # type: ignore[arg-type]


def test_thin_data_names_what_is_missing() -> None:
    assert forecast.predict(facts(*rounds("1", "1"))).why_not == "Not enough data yet (2 of 3 rounds)"
    brief = forecast.predict(facts(*rounds("1", "1", "1", minutes=4)))
    missing = "Not enough data yet (3 of 10 rounds, 12 of 30 active minutes: either is enough)"
    assert (brief.enough, brief.why_not, brief.cap_at) == (False, missing, None)


def test_ten_rounds_are_enough_however_fast_they_were() -> None:
    assert not forecast.predict(facts(*rounds(*["0.1"] * 9, minutes=2))).enough
    prediction = forecast.predict(facts(*rounds(*["0.1"] * 10, minutes=2)))
    assert prediction.enough and prediction.rate == usd(3) and prediction.cap_at is not None


def test_the_shorter_the_pace_was_seen_the_wider_is_the_range() -> None:
    def width(minutes: float) -> float:
        prediction = forecast.predict(facts(*rounds(*["0.1"] * 12, minutes=minutes), cap="100"))
        assert prediction.cap_from and prediction.cap_until and prediction.cap_at
        return (prediction.cap_until - prediction.cap_from) / (prediction.cap_at - NOW)

    assert width(0.5) > 1.5 * width(2.5)


def test_even_rounds_give_their_rate_and_the_day_of_the_cap() -> None:
    prediction = forecast.predict(facts(*rounds("1", "1", "1", "1"), cap="10", spent="4"))
    assert prediction.enough and prediction.rate == prediction.low_rate == prediction.high_rate == usd(3)
    assert prediction.cap_at is not None and abs(prediction.cap_at - (NOW + timedelta(hours=2))) < timedelta(minutes=5)
    assert prediction.cap_from < prediction.cap_at < prediction.cap_until  # type: ignore[operator]


def test_uneven_rounds_give_a_range() -> None:
    prediction = forecast.predict(facts(*rounds("0.2", "3", "0.1", "1", "0.3", "2")))
    assert prediction.low_rate < prediction.rate < prediction.high_rate


def test_only_time_with_a_session_at_work_counts_and_only_the_last_two_hours_of_it() -> None:
    old = tuple(replace(session, began=session.began - 90_000, ended=session.ended - 90_000) for session in rounds(*["9"] * 9))
    assert forecast.predict(facts(*old, *rounds(*["1"] * 6))).rate == usd(3)
    parallel = [replace(session, began=session.began, ended=session.ended) for session in rounds("1", "1", "1")]
    assert forecast.active_seconds([*parallel, *rounds("2", "2", "2")]) == 3600


def test_paused_gives_no_date_and_the_same_facts_give_the_same_forecast() -> None:
    seen = facts(*rounds("0.5", "1", "2"), paused=True)
    assert (
        forecast.predict(seen).cap_at is None
        and forecast.predict(seen).paused
        and forecast.predict(seen) == forecast.predict(seen)
    )


def test_without_spend_the_cap_is_not_reached() -> None:
    prediction = forecast.predict(facts(*rounds("0", "0", "0")))
    assert prediction.enough and (prediction.rate, prediction.cap_at, prediction.cap_until) == (0, None, None)


def test_spend_outside_sessions_is_in_the_rate() -> None:
    assert forecast.predict(facts(*rounds("1", "1", "1"), overhead=1.5)).rate == usd("4.5")


def test_the_end_is_what_is_spent_and_what_entries_here_usually_cost() -> None:
    lives = (*(Life(2, usd(2), 0, over=True) for _ in range(12)), *(Life(0, 0, 5, over=False) for _ in range(10)))
    prediction = forecast.predict(facts(*rounds("1", "1", "1"), spent="24", lives=lives))
    assert prediction.end_low < prediction.end_spend < prediction.end_high  # type: ignore[operator]
    assert prediction.end_spend == pytest.approx(usd(44), rel=0.1)


def test_an_end_without_any_round_is_not_known() -> None:
    assert forecast.predict(facts(*rounds("1", "1", "1"), lives=(Life(0, 0, 5, over=False),))).end_spend is None


@pytest.mark.django_db
@pytest.mark.parametrize("number", [1, 15])
def test_it_reads_six_times_whatever_the_backlog(number: int) -> None:
    shop = a_workspace(cap="1000")
    for entry in some_entries(shop, *(Draft(f"do {n}", budget=usd(1)) for n in range(number))):
        a_charge(entry, "0.1")
    with CaptureQueriesContext(connection) as context:
        forecast_inputs.forecast(shop.pk)
    assert len(context.captured_queries) == 6


@pytest.mark.django_db
def test_it_is_read_from_the_sessions_that_are_over() -> None:
    shop = a_workspace()
    for n in range(3):
        entry = an_entry(shop, content=f"do {n}")
        session = a_session(entry)
        a_charge(entry, "0.5")
        Hold.objects.filter(session_ref=session.pk).update(drawn=usd("0.5"))
        ended(session, outcome="passed")
    Hold.objects.update(opened_at=F("settled_at") - timedelta(minutes=40))
    assert forecast_inputs.forecast(shop.pk).why_not == "Nothing is open: all that was added has ended"
    an_entry(shop, content="still open")
    prediction = forecast_inputs.forecast(shop.pk)
    assert prediction.enough and prediction.rate == pytest.approx(usd("2.25"), rel=0.02)
    assert prediction.end_low is not None and prediction.end_low > usd("1.5")


@pytest.mark.django_db
def test_a_paused_executor_is_known() -> None:
    assert (
        forecast_inputs.forecast(a_workspace(state="paused").pk).paused and not forecast_inputs.forecast(a_workspace().pk).paused
    )


def test_the_backlog_is_done_when_its_cost_is_spent_at_the_present_rate() -> None:
    at = datetime(2026, 11, 25, 12, tzinfo=UTC)
    seen = Forecast(True, "", rate=usd(4), end_spend=usd(20))
    assert finish(seen, spent=usd(10), at=at) == at + timedelta(hours=2.5)
    assert finish(seen, spent=usd(21), at=at) == at


@pytest.mark.parametrize("change", [{"paused": True}, {"enough": False}, {"end_spend": None}, {"rate": 0}, {"rate": 1}])
def test_without_a_rate_or_an_end_there_is_no_finish(change: dict[str, Any]) -> None:
    seen = replace(Forecast(True, "", rate=usd(4), end_spend=usd(20)), **change)
    assert finish(seen, spent=0, at=datetime(2026, 11, 25, 12, tzinfo=UTC)) is None
