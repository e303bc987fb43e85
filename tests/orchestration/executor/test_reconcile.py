"""The tick finds lost work again, and returns the money of expired permits."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from budget.amounts import usd
from budget.ledger import permits
from budget.models import Category, Hold
from orchestration.executor import dispatch, reconcile
from orchestration.messaging import wake_ups
from orchestration.models import Entry, FileLock, Session, Worker
from orchestration.sessions import anomalies
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, project, sessions_of

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
