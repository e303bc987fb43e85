"""One workspace's provider: the entry waits first, then all of them, and a session that is answered ends that."""

import time

import pytest

from orchestration import sessions
from orchestration.configuration import circuit_breaker
from orchestration.configuration.circuit_breaker import Trouble
from orchestration.models import Entry, Executor, Session
from tests.factories import a_session, a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def refused(shop: Workspace, cause: str = "provider") -> Entry:
    """A session of an entry of its own that its provider refused."""
    session = a_session(an_entry(shop))
    trouble = Trouble("rate_limited", "Too many requests", cause)  # type: ignore[arg-type]
    sessions.conclude(session, sessions.Ending(Session.Outcome.UNAVAILABLE, "Too many requests", trouble=trouble))
    return Entry.objects.get(pk=session.entry_id)


def state(shop: Workspace) -> Executor:
    return Executor.objects.get(pk=shop.pk)


def test_two_refusals_make_their_entries_wait_and_the_third_the_whole_workspace() -> None:
    shop = a_workspace()
    for count in (1, 2):
        entry = refused(shop)
        assert (entry.status, entry.not_before is None, state(shop).trouble_code, state(shop).trouble_count) == (
            "pending",
            False,
            "",
            count,
        )
    refused(shop)
    assert (state(shop).trouble_code, state(shop).trouble_count) == ("rate_limited", 3)
    assert state(shop).trouble_until is not None


def test_a_fault_of_the_setup_stops_the_workspace_at_once() -> None:
    shop = a_workspace()
    assert refused(shop, "setup").not_before is None
    assert state(shop).trouble_code == "rate_limited"


def test_an_answer_closes_it_and_the_count_starts_again() -> None:
    shop = a_workspace()
    for _ in range(3):
        refused(shop)
        Executor.objects.update(trouble_until=None, trouble_code="")
    circuit_breaker.provider_responded(shop.pk)
    assert (state(shop).trouble_code, state(shop).trouble_count, state(shop).trouble_until) == ("", 0, None)
    refused(shop)
    assert state(shop).trouble_code == ""


@pytest.mark.parametrize(("asked", "least", "most"), [(None, 4, 6), (2.0, 4, 6), (100.0, 95, 101), (10**6, 21_000, 21_601)])
def test_the_providers_own_wish_is_kept_up_to_six_hours(asked: float | None, least: float, most: float) -> None:
    trouble = Trouble("rate_limited", "Wait", "provider", None if asked is None else time.time() + asked)
    assert least < circuit_breaker._pause(trouble, 1).total_seconds() < most
