"""The tick finds lost work again, and returns the money of expired permits."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from budget.amounts import usd
from budget.ledger import permits
from budget.models import Category, Hold
from orchestration.executor import dispatch, reconcile
from orchestration.messaging import wake_ups
from orchestration.models import Entry, FileLock, Session, Worker
from orchestration.sessions.doubts import anomalies
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, project, sessions_of
from workspaces.models import Event

pytestmark = pytest.mark.django_db


def test_an_expired_permits_money_starts_a_session_with_the_same_tick() -> None:
    a_worker()
    workspace = a_workspace(cap="1", min_round_usd=0.5)
    an_entry(workspace, budget="1")
    permits.open_permit(project(workspace), None, category=Category.EXPANSION, amount=usd("0.8"), by=ANA)
    reconcile.run()
    assert sessions_of(workspace) == []
    Hold.objects.update(expires_at=Now() - timedelta(seconds=1))
    reconcile.run()
    assert len(sessions_of(workspace)) == 1


def test_a_tick_starts_what_was_blocked_without_money_once_there_is_some() -> None:
    a_worker()
    running, paused = a_workspace(), a_workspace(name="Paused", state="paused")
    for workspace in (running, paused):
        entry = an_entry(workspace)
        Entry.objects.filter(pk=entry.pk).update(status="blocked", reason_code="budget_exceeded", reason_message="Poor")
    reconcile.run()
    states = Entry.objects.order_by("workspace__name").values_list("workspace__name", "status", "reason_code")
    assert list(states) == [("Paused", "blocked", "budget_exceeded"), ("Shop", "in_progress", "")]


def test_a_failing_flag_does_not_keep_sessions_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker()
    workspace = a_workspace()
    an_entry(workspace)

    def breaks() -> int:
        raise RuntimeError("broken")

    monkeypatch.setattr(anomalies, "flag", breaks)
    with pytest.raises(RuntimeError):
        reconcile.run()
    assert len(sessions_of(workspace)) == 1


def test_a_claim_whose_host_went_away_is_given_back_and_the_entry_starts_on_another() -> None:
    workers = {host: a_worker(slots=1) for host in ("host_1", "host_2")}
    for host, worker in workers.items():
        Worker.objects.filter(pk=worker.pk).update(host_id=host, host=host)
    workspace = a_workspace()
    entry = an_entry(workspace, budget="9")
    dispatch.cycle(workspace.pk)
    [session] = sessions_of(workspace)
    Session.objects.update(enqueued_at=Now() - timedelta(seconds=11))
    assert reconcile.give_back() == 0, "its host is online"
    Worker.objects.filter(host_id=session.host_id).update(seen_at=Now() - timedelta(hours=1))
    assert (reconcile.give_back(), reconcile.give_back()) == (1, 0)
    entry.refresh_from_db()
    assert (entry.status, entry.crashes, entry.account.held) == ("pending", 0, 0)
    dispatch.cycle(workspace.pk)
    assert {s.host_id for s in sessions_of(workspace) if s.status == "claimed"} == {"host_1", "host_2"} - {session.host_id}


@pytest.mark.parametrize(("seconds", "count"), [(9, 0), (11, 1)])
def test_a_claim_that_no_worker_took_within_ten_seconds_is_sent_again(
    seconds: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, int]] = []
    a_worker()
    workspace = a_workspace()
    an_entry(workspace)
    dispatch.cycle(workspace.pk)
    [session] = sessions_of(workspace)
    Session.objects.update(enqueued_at=Now() - timedelta(seconds=seconds))
    monkeypatch.setattr(wake_ups, "enqueue_sessions", sent.extend)
    assert reconcile.enqueue_again() == count
    assert sent == [(session.pk, 1, "")] * count
    assert reconcile.enqueue_again() == 0, "not twice within ten seconds"


def test_a_session_that_was_taken_is_not_sent_again() -> None:
    a_session(an_entry(a_workspace()))
    Session.objects.update(enqueued_at=Now() - timedelta(hours=1))
    assert reconcile.enqueue_again() == 0


@pytest.mark.parametrize("locked", [True, False])
def test_an_entry_stays_parked_only_behind_one_that_holds_a_file(locked: bool) -> None:
    workspace = a_workspace()
    first, second = an_entry(workspace), an_entry(workspace)
    if locked:
        FileLock.objects.create(workspace=workspace, path="a.py", entry=first)
    Entry.objects.filter(pk=second.pk).update(parked_behind=first)
    reconcile.release_orphans()
    assert Entry.objects.get(pk=second.pk).parked_behind_id == (first.pk if locked else None)


def test_locks_of_idle_entries_are_released_and_recorded_and_those_of_others_stay() -> None:
    workspace = a_workspace(max_workers=1)
    at_work, idle, begun = (an_entry(workspace) for _ in range(3))
    session = a_session(at_work)
    for path, entry in (("a.py", idle), ("b.py", idle), ("c.py", begun), ("d.py", at_work)):
        FileLock.objects.create(workspace=workspace, path=path, entry=entry)
    stuck = {"status": "blocked", "reason_code": "human_hold", "reason_message": "x"}
    Entry.objects.filter(pk__in=[idle.pk, session.entry_id]).update(**stuck)
    Entry.objects.filter(pk=begun.pk).update(has_rounds=True)
    assert reconcile.release_orphans() == 2 and reconcile.release_orphans() == 0
    assert set(FileLock.objects.values_list("path", flat=True)) == {"c.py", "d.py"}
    event = Event.objects.get(verb="locks.released")
    assert (event.object_id, event.actor, event.data["count"], event.reason) == (idle.pk, "muster", 2, "orphan")


def test_a_tick_gives_back_what_a_host_that_is_gone_had_claimed_before_it_starts_anything() -> None:
    a_worker(host="one", slots=1)
    workspace = a_workspace(max_workers=1)
    entry = an_entry(workspace)
    dispatch.cycle(workspace.pk)
    Session.objects.update(enqueued_at=Now() - timedelta(seconds=11))
    Worker.objects.update(seen_at=Now() - timedelta(hours=1))
    a_worker(host="two", slots=1)
    reconcile.run()
    claims = Session.objects.filter(entry=entry).order_by("attempt").values_list("host_id", "status", "outcome")
    assert list(claims) == [("one", "ended", "interrupted"), ("two", "claimed", "")]


def test_a_reservation_whose_session_has_ended_is_released_and_recorded_once() -> None:
    workspace = a_workspace()
    stranded, at_work = a_session(an_entry(workspace)), a_session(an_entry(workspace))
    Session.objects.filter(pk=stranded.pk).update(status="ended", outcome="stopped", ended_by_version="0.2.0")
    for _ in range(2):
        reconcile.release_orphans()
    states = [Hold.objects.get(pk=session.hold_id).state for session in (stranded, at_work)]
    times = [Hold.objects.get(pk=session.hold_id).settled_at is not None for session in (stranded, at_work)]
    assert states == ["settled", "open"] and times == [True, False] and project(workspace).held == usd(1)
    event = Event.objects.get(verb="hold.settled")
    assert (event.object_id, event.reason) == (stranded.pk, "its session had ended")


@pytest.mark.parametrize(
    ("claim", "count"),
    [
        ({}, 1),
        ({"enqueued_at": Now() + timedelta(hours=1)}, 0),
        ({"host_id": ""}, 0),
        ({"host_id": "online"}, 0),
        ({"host_id": "full"}, 1),
        ({"status": "running"}, 0),
    ],
)
def test_a_claim_is_given_back_if_its_host_cannot_take_it(claim: dict[str, Any], count: int) -> None:
    a_worker(host="online")
    a_worker(host="full", slots=0)
    workspace = a_workspace()
    entry = an_entry(workspace)
    dispatch.cycle(workspace.pk)
    Session.objects.update(**{"enqueued_at": Now() - timedelta(seconds=11), "host_id": "gone", **claim})
    assert reconcile.give_back() == count
    [session] = Session.objects.all()
    entry.refresh_from_db()
    expected = ("interrupted", "Its host went away before it began", "pending") if count else ("", "", "in_progress")
    assert (session.outcome, session.outcome_message, entry.status) == expected
