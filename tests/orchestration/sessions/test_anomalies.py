"""A session that spends several times the usual rate is flagged once, while it runs, and continues."""

from datetime import timedelta

import pytest
from django.utils import timezone

from budget.amounts import usd
from orchestration.models import Session
from orchestration.sessions import metering
from orchestration.sessions.doubts import anomalies
from orchestration.sessions.doubts.anomalies import Pace, judge, usual_rate
from tests.factories import a_session, a_workspace, an_entry, ended
from workspaces.models import Event, Workspace


def test_the_usual_rate_is_that_of_the_entrys_own_rounds() -> None:
    own = [Pace(usd(1), 60), Pace(usd(3), 180)]
    assert usual_rate(own, [Pace(usd(50), 60)] * 9) == usd(1)


def test_without_own_rounds_the_usual_rate_is_the_workspaces_median() -> None:
    others = [Pace(usd(1), 60), Pace(usd(2), 60), Pace(usd(90), 60)]
    assert usual_rate([], others) == usd(2) and usual_rate([], others[:2]) is None


@pytest.mark.parametrize(
    ("now", "flagged"),
    [
        (Pace(usd(4), 60), True),
        (Pace(usd("3.9"), 60), False),
        (Pace(usd("2"), 29), False),  # too soon
        (Pace(usd("0.09"), 31), False),  # too little
    ],
)
def test_four_times_the_usual_rate_is_too_fast(now: Pace, flagged: bool) -> None:
    assert bool(judge(now, float(usd(1)), from_own_rounds=True)) is flagged


def test_without_a_usual_rate_no_session_is_flagged() -> None:
    assert judge(Pace(usd(99), 60), None, from_own_rounds=False) == ""


def test_ten_cents_and_half_a_minute_are_enough_to_be_judged() -> None:
    rate = float(usd("0.01"))
    spent, seconds = anomalies.MIN_SPENT, anomalies.MIN_RUNTIME_S
    judged = [
        bool(judge(pace, rate, from_own_rounds=True))
        for pace in (Pace(spent, seconds), Pace(spent - 1, seconds), Pace(spent, 29.9))
    ]
    assert judged == [True, False, False]


def an_expensive_session(workspace: Workspace, *, spent: str, minutes: float) -> Session:
    """A session that has run `minutes` and spent `spent`, after an earlier round at $0.10 a minute."""
    entry = an_entry(workspace, budget="50")
    first = a_session(entry)
    metering.record(first, metering.Usage(id="1", cost=usd("0.1")))
    Session.objects.filter(pk=first.pk).update(started_at=timezone.now() - timedelta(minutes=1))
    ended(first)
    session = a_session(entry)
    metering.record(session, metering.Usage(id="1", cost=usd(spent)))
    Session.objects.filter(pk=session.pk).update(started_at=timezone.now() - timedelta(minutes=minutes))
    return session


@pytest.mark.django_db
def test_a_session_is_flagged_once_and_continues() -> None:
    session = an_expensive_session(a_workspace(), spent="2", minutes=2)
    assert (anomalies.flag(), anomalies.flag()) == (1, 0)
    session.refresh_from_db()
    assert "10 times what is usual for its entry's earlier rounds" in session.anomaly
    assert session.status == "running" and session.stop_wanted_at is None
    event = Event.objects.get(verb="session.anomaly")
    assert event.object_id == session.pk and set(event.data) == {"entry", "rate", "usual"}


@pytest.mark.django_db
def test_a_first_round_is_compared_with_the_rounds_of_its_own_workspace() -> None:
    here, elsewhere = a_workspace(), a_workspace(name="Elsewhere")
    for _ in range(anomalies.MIN_SESSIONS):
        Session.objects.filter(pk=an_expensive_session(here, spent="0.01", minutes=2).pk).update(anomaly="known")
    new = []
    for workspace in (here, elsewhere):
        session = a_session(an_entry(workspace, budget="50"))
        metering.record(session, metering.Usage(id="1", cost=usd(2)))
        Session.objects.filter(pk=session.pk).update(started_at=timezone.now() - timedelta(minutes=2))
        new.append(session)
    assert anomalies.flag() == 1
    assert "what is usual for this workspace's sessions" in Session.objects.get(pk=new[0].pk).anomaly
    assert Session.objects.get(pk=new[1].pk).anomaly == ""


@pytest.mark.django_db
def test_an_entrys_own_rounds_are_not_crowded_out_by_newer_ones_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[tuple[str, ...]] = []
    session = an_expensive_session(a_workspace(), spent="2", minutes=2)
    for shop in (session.workspace, a_workspace(name="Other")):
        newer = an_expensive_session(shop, spent="0.01", minutes=2)
        Session.objects.filter(pk=newer.pk).update(anomaly="known")
    monkeypatch.setattr(anomalies, "MAX_HISTORY", 1)
    monkeypatch.setattr(anomalies.wake_ups, "publish_change", lambda *words: published.append(words))
    assert anomalies.flag() == 1
    assert "its entry's earlier rounds" in Session.objects.get(pk=session.pk).anomaly
    assert published == [(session.workspace_id, "workers", "executor")]


@pytest.mark.django_db
def test_the_sessions_of_a_workspace_are_not_crowded_out_by_newer_ones_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    for workspace in (a_workspace(), a_workspace(name="Busy")):
        for _ in range(anomalies.MIN_SESSIONS):
            an_expensive_session(workspace, spent="0.01", minutes=2)
        session = a_session(an_entry(workspace, budget="50"))
        metering.record(session, metering.Usage(id="1", cost=usd(2)))
        Session.objects.filter(pk=session.pk).update(started_at=timezone.now() - timedelta(minutes=2))
    monkeypatch.setattr(anomalies, "MAX_HISTORY", anomalies.MIN_SESSIONS)
    assert anomalies.flag() == 2


@pytest.mark.django_db
def test_many_running_sessions_take_as_many_queries_as_few(django_assert_num_queries: object) -> None:
    workspace = a_workspace(max_workers=20)
    for _ in range(6):
        an_expensive_session(workspace, spent="0.3", minutes=2)
    with django_assert_num_queries(4):  # type: ignore[operator]
        assert anomalies.flag() == 0
