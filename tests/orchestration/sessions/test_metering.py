"""Usage is booked once for each request, whichever of the session's agents reports it."""

import pytest

from budget.models import Account, LedgerEntry
from orchestration.models import Session
from orchestration.sessions import metering
from orchestration.sessions.metering import Usage
from tests.factories import a_session, a_workspace, an_entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> Session:
    return a_session(an_entry(a_workspace(), budget="2"))


def test_a_request_reported_twice_is_booked_once(session: Session) -> None:
    assert [metering.record(session, Usage("1", 10_000)) for _ in range(2)] == [True, False]
    assert Account.objects.get(pk=session.entry_id).spent == 10_000


def test_agents_in_different_roles_may_use_the_same_ids(session: Session) -> None:
    for role in ("implement", "review", "verify"):
        assert metering.record(session, Usage("1", 10_000), role=role)
    assert LedgerEntry.objects.count() == 3


def test_an_id_of_a_conversation_is_booked_once_and_one_of_a_session_once_an_attempt(session: Session) -> None:
    booked = []
    for attempt in (1, 2):
        Session.objects.filter(pk=session.pk).update(attempt=attempt)
        session.refresh_from_db()
        booked.append([metering.record(session, Usage("1", 10_000, of_thread=of_thread)) for of_thread in (True, False)])
    assert booked == [[True, True], [False, True]]


def test_a_model_without_a_price_books_nothing_and_marks_the_session(session: Session) -> None:
    assert not metering.record(session, Usage("1", model="no-such-model-9", input_tokens=5))
    assert Session.objects.get(pk=session.pk).unpriced_model == "no-such-model-9"
    assert LedgerEntry.objects.count() == 0
