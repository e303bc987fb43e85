"""Usage is booked once for each request, whichever of the session's agents reports it."""

from dataclasses import replace

import pytest

from budget.amounts import usd
from budget.models import Account, Category, Hold, LedgerEntry
from orchestration.models import Session
from orchestration.sessions import metering
from orchestration.sessions.metering import Usage
from tests.factories import a_session, a_workspace, an_entry, ended

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


def test_a_request_is_booked_with_all_that_was_reported(session: Session) -> None:
    usage = Usage(
        "1", cost=usd("0.3"), model="claude-opus-4-1", input_tokens=100, output_tokens=20, cache_read_tokens=30,
        cache_write_tokens=40, cache_write_1h_tokens=15,
    )  # fmt: skip
    session.agent, session.round_number = "codex", 2
    assert metering.record(session, usage, Category.ENTRY)
    row = LedgerEntry.objects.get()
    computed = metering.price(usage)
    assert (row.amount, row.reported, row.computed, row.price_source) == (usd("0.3"), usd("0.3"), computed, "reported")
    assert computed and computed != row.amount and row.price_version
    tokens = (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens, row.cache_write_1h_tokens)
    assert tokens == (100, 20, 30, 40, 15) and row.model == "claude-opus-4-1"
    assert (row.actor, row.round, row.session_ref, row.hold_id, row.category) == (
        "codex",
        2,
        session.pk,
        session.hold_id,
        "entry",
    )
    assert metering.left(session) == Hold.objects.get(pk=session.hold_id).amount - usd("0.3")
    session.hold_id = None
    assert metering.left(session) == 0


def test_a_request_without_a_cost_is_priced_by_its_tokens_of_each_kind(session: Session) -> None:
    base = Usage("1", model="claude-opus-4-1", input_tokens=1000)
    prices = [
        metering.price(replace(base, **{name: 100_000}))
        for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    ]
    hour = metering.price(replace(base, cache_write_tokens=100_000, cache_write_1h_tokens=100_000))
    assert len({metering.price(base), *prices, hour}) == 6 and metering.price(replace(base, model="")) is None
    assert metering.record(session, base) and not metering.record(session, base)
    row = LedgerEntry.objects.get()
    assert (row.amount, row.reported, row.price_source) == (metering.price(base), None, "computed")
    assert metering.is_priced(base) and not metering.is_priced(replace(base, model="nobody-knows-it"))


def test_a_conversation_that_a_later_session_reads_again_is_booked_once(session: Session) -> None:
    assert metering.record(session, Usage("1", 10_000, of_thread=True))
    ended(session)
    later, other = a_session(session.entry), a_session(an_entry(session.workspace))
    assert not metering.record(later, Usage("1", 10_000, of_thread=True))
    assert metering.record(later, Usage("1", 10_000)) and metering.record(other, Usage("1", 10_000, of_thread=True))
    assert Account.objects.get(pk=session.entry_id).spent == 20_000


def test_a_request_that_its_agent_calls_free_is_free(session: Session) -> None:
    assert metering.record(session, Usage("1", cost=0, model="claude-opus-4-1", input_tokens=100_000))
    row = LedgerEntry.objects.get()
    assert (row.amount, row.reported, row.price_source) == (0, 0, "reported") and row.computed


def test_what_is_left_of_a_reservation_that_was_passed_is_less_than_nothing(session: Session) -> None:
    metering.record(session, Usage("1", cost=usd(2) + 7))
    assert metering.left(session) == -7
