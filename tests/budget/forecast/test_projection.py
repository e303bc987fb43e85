"""A forecast follows from the facts, and names what is missing when there is too little to go by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from budget import forecast
from budget.allocation import policy, reallocation
from budget.amounts import usd
from budget.forecast import Facts, Worked, projection
from budget.forecast import inputs as forecast_inputs
from budget.forecast.remaining_cost import Life
from budget.models import Hold, RoundSpend
from orchestration.backlog.entries import Draft
from orchestration.models import Entry
from tests.factories import CLOSED, a_charge, a_session, a_workspace, an_entry, ended, project, some_entries
from workspaces.models import Workspace

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rounds(*costs: str, minutes: float = 20) -> tuple[Worked, ...]:
    """One after the other."""
    step = minutes * 60
    return tuple(Worked(usd(cost), n * step, (n + 1) * step, held=usd(1)) for n, cost in enumerate(costs))


def facts(*worked: Worked, cap: str = "10", spent: str = "1", **more: object) -> Facts:
    return Facts(at=NOW, spent=usd(spent), cap=usd(cap), worked=worked, **more)  # type: ignore[arg-type]


def test_thin_data_names_what_is_missing() -> None:
    assert forecast.predict(facts(*rounds("1", "1"))).why_not == "Not enough data yet (2 of 10 rounds)"
    nine = forecast.predict(facts(*rounds(*["1"] * 9, minutes=400)))
    assert (nine.enough, nine.why_not, nine.cap_at) == (False, "Not enough data yet (9 of 10 rounds)", None)


def test_ten_rounds_are_enough_however_fast_they_were() -> None:
    assert not forecast.predict(facts(*rounds(*["0.1"] * 9, minutes=2))).enough
    prediction = forecast.predict(facts(*rounds(*["0.1"] * 10, minutes=2)))
    assert prediction.enough and prediction.rate == usd(3) and prediction.cap_at is not None
    assert forecast.predict(facts(*rounds(*["1"] * 10, minutes=400))).enough, "also where two hours have not ten of them"


def test_the_shorter_the_pace_was_seen_the_wider_is_the_range() -> None:
    def width(minutes: float) -> float:
        prediction = forecast.predict(facts(*rounds(*["0.1"] * 12, minutes=minutes), cap="100"))
        assert prediction.cap_from and prediction.cap_until and prediction.cap_at
        return (prediction.cap_until - prediction.cap_from) / (prediction.cap_at - NOW)

    assert width(0.5) > 1.5 * width(2.5)


def test_even_rounds_give_their_rate_and_the_day_of_the_cap() -> None:
    prediction = forecast.predict(facts(*rounds(*["1"] * 10), cap="10", spent="4"))
    assert prediction.enough and prediction.rate == prediction.low_rate == prediction.high_rate == usd(3)
    assert prediction.cap_at is not None and abs(prediction.cap_at - (NOW + timedelta(hours=2))) < timedelta(minutes=5)
    assert prediction.cap_from < prediction.cap_at < prediction.cap_until  # type: ignore[operator]


def test_uneven_rounds_give_a_range() -> None:
    prediction = forecast.predict(facts(*rounds(*["0.2", "3", "0.1", "1", "0.3", "2"] * 2)))
    assert prediction.low_rate < prediction.rate < prediction.high_rate


def test_only_time_with_a_session_at_work_counts_and_only_the_last_two_hours_of_it() -> None:
    old = tuple(replace(session, began=session.began - 90_000, ended=session.ended - 90_000) for session in rounds(*["9"] * 9))
    assert forecast.predict(facts(*old, *rounds(*["1"] * 6))).rate == usd(3)
    parallel = [replace(session, began=session.began, ended=session.ended) for session in rounds("1", "1", "1")]
    assert forecast.active_seconds([*parallel, *rounds("2", "2", "2")]) == 3600


def test_paused_gives_no_date_and_the_same_facts_give_the_same_forecast() -> None:
    seen = facts(*rounds(*["0.5", "1", "2"] * 4), paused=True)
    assert (
        forecast.predict(seen).cap_at is None
        and forecast.predict(seen).paused
        and forecast.predict(seen) == forecast.predict(seen)
    )


def test_without_spend_the_cap_is_not_reached() -> None:
    prediction = forecast.predict(facts(*rounds(*["0"] * 10)))
    assert prediction.enough and (prediction.rate, prediction.cap_at, prediction.cap_until) == (0, None, None)


def test_spend_outside_sessions_is_in_the_rate() -> None:
    assert forecast.predict(facts(*rounds(*["1"] * 10), overhead=1.5)).rate == usd("4.5")


def test_the_end_is_what_is_spent_and_what_entries_here_usually_cost() -> None:
    lives = (*(Life(2, usd(2), 0, over=True) for _ in range(12)), *(Life(0, 0, 5, over=False) for _ in range(10)))
    prediction = forecast.predict(facts(*rounds(*["1"] * 10), spent="24", lives=lives))
    assert prediction.end_low < prediction.end_spend < prediction.end_high  # type: ignore[operator]
    assert prediction.end_spend == pytest.approx(usd(44), rel=0.1)


def test_an_end_without_any_round_is_not_known() -> None:
    assert forecast.predict(facts(*rounds(*["1"] * 10), lives=(Life(0, 0, 5, over=False),))).end_spend is None


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
    for n in range(10):
        entry = an_entry(shop, content=f"do {n}")
        session = a_session(entry)
        a_charge(entry, "0.5")
        Hold.objects.filter(session_ref=session.pk).update(drawn=usd("0.5"))
        ended(session, outcome="passed")
    Hold.objects.update(opened_at=F("settled_at") - timedelta(minutes=40))
    assert forecast_inputs.forecast(shop.pk).why_not == "Nothing is open: all that was added has ended"
    an_entry(shop, content="still open")
    prediction = forecast_inputs.forecast(shop.pk)
    assert prediction.enough and prediction.rate == pytest.approx(usd("7.5"), rel=0.02)
    assert prediction.end_low is not None and prediction.end_low > usd(5)


@pytest.mark.django_db
def test_a_paused_executor_is_known() -> None:
    assert (
        forecast_inputs.forecast(a_workspace(state="paused").pk).paused and not forecast_inputs.forecast(a_workspace().pk).paused
    )


@pytest.mark.parametrize(
    ("end", "rate", "hours"),
    [
        (usd(20), usd(4), 2.5),
        (usd(9), usd(4), 0),
        (usd(20), 0, None),
        (usd(10) + 365 * 24, 1, None),
        (usd(10) + 365 * 24 - 1, 1, 365 * 24 - 1),
    ],
)
def test_the_backlog_is_done_when_its_cost_is_spent_at_the_present_rate_within_a_year(
    end: int, rate: int, hours: float | None
) -> None:
    expected = NOW + timedelta(hours=hours) if hours is not None else None
    assert projection._end_at(facts(spent="10"), end, rate) == expected


def test_the_newest_sessions_of_two_active_hours_are_taken_oldest_first() -> None:
    seen = rounds(*["1"] * 8)
    assert projection.window([*reversed(seen)]) == list(seen[2:])
    late = replace(seen[7], began=seen[7].began + 86_400, ended=seen[7].ended + 86_400)
    assert projection.window([late, *seen[:7]]) == [*seen[2:7], late]  # a night without a session counts for nothing
    assert projection.window(seen[:3]) == list(seen[:3])


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [([], 0), ([(0, 10), (20, 30)], 20), ([(5, 15), (0, 10)], 15), ([(0, 30), (5, 10)], 30), ([(0, 30), (5, 10), (20, 40)], 40)],
)
def test_active_time_is_the_union_of_spans(spans: list[tuple[float, float]], seconds: float) -> None:
    assert forecast.active_seconds([Worked(1, began, ended) for began, ended in spans]) == seconds


@pytest.mark.parametrize(
    ("lives", "open_ones"),
    [
        (None, True),
        ((), True),
        ((Life(1, 5, 0, over=True),), False),
        ((Life(1, 5, 0, over=False),), False),
        ((Life(1, 5, 2, over=True), Life(1, 5, 2, over=False)), True),
    ],
)
def test_where_nothing_is_open_there_is_nothing_to_forecast(lives: tuple[Life, ...] | None, open_ones: bool) -> None:
    prediction = forecast.predict(facts(*rounds(*["1"] * 10), lives=lives, paused=True))
    assert prediction.enough is open_ones and prediction.paused
    assert prediction.why_not == ("" if open_ones else "Nothing is open: all that was added has ended")


def test_the_cap_is_reached_later_where_reserved_money_starts_no_others_near_the_end() -> None:
    """Four at once, with $1 reserved for each: the last $3 are spent by fewer and fewer."""
    at_once = [replace(session, held=usd(1)) for session in rounds(*["1"] * 5) for _ in range(4)]
    alone = [replace(session, held=0) for session in at_once]
    near, far = (forecast.predict(facts(*seen, cap="12", spent="0")) for seen in (alone, at_once))
    assert near.rate == far.rate == usd(12) and near.cap_at and far.cap_at
    assert near.cap_at - NOW == pytest.approx(timedelta(hours=1), rel=0.03)
    assert far.cap_at - NOW == pytest.approx(timedelta(hours=0.75 + 1.3863 / 3), rel=0.03)  # 3/4, and log(4) / 3 hours


def test_the_farther_away_the_cap_the_wider_the_range_and_after_ten_years_there_is_no_date() -> None:
    even = rounds(*["1"] * 10)

    def width(cap: str) -> timedelta:
        prediction = forecast.predict(facts(*even, cap=cap, spent="0"))
        assert prediction.cap_from and prediction.cap_until
        return prediction.cap_until - prediction.cap_from

    assert width("60") == pytest.approx(10 * width("6"), rel=0.15)
    assert forecast.predict(facts(*even, cap="200000", spent="0")).cap_at is not None
    assert forecast.predict(facts(*even, cap="400000", spent="0")).cap_at is None


def test_a_cap_that_is_spent_is_reached_now() -> None:
    prediction = forecast.predict(facts(*rounds(*["1"] * 10), cap="2", spent="3"))
    assert prediction.cap_from == prediction.cap_at == prediction.cap_until == NOW


def test_the_fewer_rounds_the_cap_pays_the_wider_is_its_range() -> None:
    uneven, even = rounds(*["0.2", "1.8"] * 5), rounds(*["1"] * 10)

    def width(seen: tuple[Worked, ...], cap: str) -> float:
        prediction = forecast.predict(facts(*seen, cap=cap, spent="0"))
        assert prediction.cap_from and prediction.cap_until and prediction.cap_at
        return (prediction.cap_until - prediction.cap_from) / (prediction.cap_at - NOW)

    assert width(uneven, "2") > 1.5 * width(even, "2") and width(uneven, "2") > 1.3 * width(uneven, "200")


def test_the_end_scales_with_what_an_entry_stands_for_and_what_is_spent_next_to_rounds() -> None:
    lives = (*(Life(2, usd(2), 0, over=True) for _ in range(12)), *(Life(0, 0, 5, over=False) for _ in range(10)))
    single = forecast.predict(facts(*rounds(*["1"] * 10), spent="24", lives=lives))
    more = forecast.predict(facts(*rounds(*["1"] * 10), spent="24", lives=lives, each=3.0, round_overhead=1.5))
    for name in ("end_low", "end_spend", "end_high"):
        assert getattr(more, name) - usd(24) == pytest.approx(4.5 * (getattr(single, name) - usd(24)), abs=2)
    assert forecast.predict(facts(*rounds(*["1"] * 10))).end_low is None


def test_a_range_is_a_tenth_the_median_and_nine_tenths() -> None:
    assert projection._range([float(n) for n in range(101)]) == (10, 50, 90)
    assert projection._range([*(float(n) for n in range(10)), float("inf")]) == (1, 5, 9)
    assert projection._range([1.0, *[float("inf")] * 9])[1:] == (float("inf"), float("inf"))


# From the database


def settled(shop: Workspace, name: str, *, drawn: str = "1", minutes: int = 20, state: str = "settled") -> None:
    entry = an_entry(shop, content=name)
    hold = Hold.objects.create(project=project(shop), account=entry.account, session_ref=entry.pk, amount=0)
    began = NOW - timedelta(minutes=minutes)
    Hold.objects.filter(pk=hold.pk).update(amount=usd(2), drawn=usd(drawn), opened_at=began, settled_at=NOW, state=state)


@pytest.mark.django_db
def test_only_sessions_of_this_workspace_that_cost_something_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Facts] = []
    monkeypatch.setattr(forecast_inputs.projection, "predict", seen.append)
    shop, other = a_workspace(cap="50"), a_workspace(name="Other")
    settled(other, "theirs")
    settled(shop, "first", minutes=30)
    settled(shop, "free", drawn="0")
    settled(shop, "second", drawn="0.5")
    settled(shop, "open", state="open")
    for amount, category in (("4", "entry"), ("1", "interceptor"), ("5", "orchestrator")):
        a_charge(an_entry(shop), amount, category=category)
    forecast_inputs.forecast(shop.pk, at=NOW, with_backlog=False)
    stamp = NOW.timestamp()
    assert seen == [
        Facts(NOW, usd(10), usd(50), (Worked(usd("0.5"), stamp - 1200, stamp, usd(2)), Worked(usd(1), stamp - 1800, stamp, usd(2))),
              overhead=2.0, round_overhead=2.5, running=(Worked(usd(1), stamp - 1200, stamp, usd(2)),))
    ]  # fmt: skip
    monkeypatch.setattr(forecast_inputs, "MAX_SESSIONS", 2)  # with the one at work
    forecast_inputs.forecast(shop.pk, paused=True)
    assert [worked.cost for worked in seen[1].worked] == [usd("0.5")] and seen[1].paused and seen[1].lives is not None
    forecast_inputs.forecast(other.pk, paused=False)
    assert (seen[2].overhead, seen[2].round_overhead, seen[2].paused, seen[2].each) == (1.0, 1.0, False, 1.0)


@pytest.mark.django_db
def test_the_lives_of_a_backlog_are_its_open_entries_and_the_newest_that_ended() -> None:
    shop = a_workspace(plateau={"rounds": 1, "epsilon": 0.05})
    done, fresh, stuck, last, under_way, sent_on = (an_entry(shop, budget="9", budget_rounds=4) for _ in range(6))
    Hold.objects.create(project=project(shop), account=done.account, session_ref=done.pk, amount=0)
    for entry, costs, gain in (
        (done, "12", 0.5),
        (stuck, "1", 0.01),
        (last, "11", 0.3),
        (under_way, "3", 0.3),
        (sent_on, "2", 0.01),
    ):
        for number, cost in enumerate(costs, start=1):
            a_charge(entry, cost, round=number)
        RoundSpend.objects.filter(account_id=entry.pk).update(improvement_score=gain)
        Entry.objects.filter(pk=entry.pk).update(rounds_completed=len(costs))
    Entry.objects.filter(pk=last.pk).update(rounds_completed=4)
    Entry.objects.filter(pk=sent_on.pk).update(rounds_completed=0)  # a person sent it on: its rounds count anew
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    seen = reallocation.snapshot(project(shop), policy.load(shop.pk))
    shown = {(life.rounds, life.cost, life.left, life.over) for life in forecast_inputs.lives(seen)}
    assert shown == {
        (2, usd(3), 0, True),
        (0, 0, 4, False),
        (1, usd(1), 3, True),
        (2, usd(2), 0, True),
        (1, usd(3), 3, False),
        (1, usd(2), 4, False),
    }
    costs = forecast_inputs.final_costs(project(shop))
    assert costs.keys() == {fresh.pk, stuck.pk, last.pk, under_way.pk, sent_on.pk} and costs[sent_on.pk] > usd(2)
    assert (costs[stuck.pk], costs[last.pk]) == (usd(1), usd(2))
    assert usd(3) < costs[under_way.pk] <= usd(3) + 3 * usd(3) and costs[fresh.pk] > 0


@pytest.mark.django_db
def test_without_any_round_no_final_cost_is_known() -> None:
    shop = a_workspace()
    an_entry(shop)
    assert forecast_inputs.final_costs(project(shop)) == {}


def test_sessions_at_work_count_with_what_they_drew_so_far() -> None:
    """Ten cheap ones have ended; four have drawn ten times as much and go on."""
    lives = (*[Life(1, usd("0.1"), 7, True)] * 10, *[Life(0, 0, 8, False)] * 4)
    cheap = tuple(Worked(usd("0.1"), 60.0 * n, 60.0 * n + 60) for n in range(10))
    facts = Facts(NOW, usd(5), usd(100), cheap, lives=lives)
    going = tuple(Worked(usd(1), 0.0, 600.0) for _ in range(4))
    blind, seen = projection.predict(facts), projection.predict(replace(facts, running=going))
    assert seen.end_high > 1.1 * blind.end_high and seen.rate > 2 * blind.rate
    assert seen.end_low >= facts.spent, "never below what is spent"
