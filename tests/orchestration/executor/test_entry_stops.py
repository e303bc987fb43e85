"""An entry is stopped: its session ends, or those of all its children, and nothing of it starts again by itself."""

import pytest

from orchestration import sessions
from orchestration.backlog import entry_actions, splitting
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch, stopping
from orchestration.models import Entry, Session
from orchestration.sessions import Ending
from tests.factories import ANA, a_session, a_worker, an_entry, sessions_of
from workspaces.errors import Conflict
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.shop(max_workers=2)]


def fresh(entry: Entry) -> Entry:
    return Entry.objects.get(pk=entry.pk)


def stopped(session: Session) -> None:
    assert sessions.conclude(session, Ending(Session.Outcome.STOPPED, "Stopped by ana"))


def test_all_children_at_work_are_asked_to_stop_and_the_others_wait_for_a_person(shop: Workspace) -> None:
    entry, other = an_entry(shop, budget="3"), an_entry(shop)
    first, second, third = splitting.split(entry, [Draft("One"), Draft("Two"), Draft("Three")], by=ANA)
    entry_actions.put_on_hold(other, by=ANA)
    running, claimed = a_session(first), Session.objects.get(entry=second)
    assert set(sessions.stop_entry(fresh(entry), by=ANA)) == {running.pk, claimed.pk}
    running.refresh_from_db()
    assert (running.stop_wanted_by, running.stop_for_good) == ("ana", True)
    stopped(running)
    assert [fresh(row).reason_code for row in (first, second, third)] == ["human_hold"] * 3
    dispatch.cycle(shop.pk)
    assert sessions_of(shop) == [] and fresh(entry).status == "blocked"
    entry_actions.resume(fresh(entry), by=ANA)
    assert [fresh(row).status for row in (first, second, third)] == ["pending"] * 3


def test_of_an_entry_that_is_not_split_its_session_is_asked_to_stop(shop: Workspace) -> None:
    entry = an_entry(shop)
    session = a_session(entry)
    assert sessions.stop_entry(entry, by=ANA) == [session.pk]
    stopped(session)
    assert fresh(entry).on_hold


def test_what_has_nothing_to_stop_is_refused(shop: Workspace) -> None:
    entry = an_entry(shop)
    with pytest.raises(Conflict, match="there is nothing to stop"):
        sessions.stop_entry(entry, by=ANA)
    assert fresh(entry).status == "pending"


def test_a_second_stop_asks_again_and_waits_for_these_sessions_alone(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker()
    entry, other = an_entry(shop), an_entry(shop)
    session, unrelated = a_session(entry), a_session(other)
    sessions.stop_entry(entry, by=ANA)
    sessions.stop_entry(other, by=ANA)
    assert sessions.stop_entry(entry, by=ANA) == [session.pk]
    monkeypatch.setattr(stopping, "WAIT_S", 0)
    assert stopping.wait_for_ends(shop.pk, among=[session.pk]) == [session.pk]
    stopped(session)
    assert stopping.wait_for_ends(shop.pk, among=[session.pk]) == []
    assert stopping.wait_for_ends(shop.pk) == [unrelated.pk]
