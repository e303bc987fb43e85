"""One workspace's provider: the entry waits first, then all of them, and a session that is answered ends that."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration import sessions
from orchestration.configuration import circuit_breaker
from orchestration.configuration.provider_trouble import Trouble
from orchestration.models import Entry, Executor, Session
from tests.factories import ANA, a_session, a_workspace, an_entry
from workspaces.models import Event, Workspace

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


@pytest.mark.parametrize(("times", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (8, 300), (10**6, 300)])
def test_each_refusal_in_a_row_doubles_the_wait_up_to_five_minutes(times: int, seconds: float) -> None:
    assert circuit_breaker.wait_s(times) == seconds


def is_after(seconds: float, moment: Any, *, began: Any) -> bool:
    """True if the moment was so many seconds away at some time between `began` and now, to a tenth of a second of the database's clock."""
    least, most = (moment - now()).total_seconds(), (moment - began).total_seconds()
    return bool(least <= seconds + 0.1 and most >= seconds - 0.1)


def test_an_entry_waits_for_its_own_refusals_and_the_workspace_from_the_third_on(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, entry = a_workspace(), None
    other = a_workspace(name="Other")
    trouble = Trouble("overloaded", "m" * 600, "provider")
    entry, apart = an_entry(shop), an_entry(shop)
    for waits, workspace_waits in ((10, None), (20, None), (40, 5), (80, 10)):
        Entry.objects.filter(pk=entry.pk).update(provider_waits={10: 1, 20: 2, 40: 3, 80: 4}[waits])
        entry.refresh_from_db()
        began = now()
        circuit_breaker.provider_unavailable(state(shop), entry, trouble)
        entry.refresh_from_db()
        assert is_after(waits, entry.not_before, began=began)
        until = state(shop).trouble_until
        assert until is None if workspace_waits is None else is_after(workspace_waits, until, began=began)
    assert state(shop).trouble_message == "m" * 500 and state(other).trouble_count == 0
    assert Entry.objects.get(pk=apart.pk).not_before is None
    assert Event.objects.filter(workspace=shop, verb="agent.unavailable").count() == 1


def test_the_trouble_begins_with_its_first_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = a_workspace()
    long_ago = now() - timedelta(hours=1)
    circuit_breaker.provider_unavailable(state(shop), an_entry(shop), Trouble("auth", "No", "setup"))
    Executor.objects.filter(pk=shop.pk).update(trouble_since=long_ago)
    began = now()
    circuit_breaker.provider_unavailable(state(shop), an_entry(shop), Trouble("auth", "No", "setup"))
    assert state(shop).trouble_since == long_ago and state(shop).trouble_count == 2
    assert is_after(10, state(shop).trouble_until, began=began)


def troubled(shop: Workspace) -> Entry:
    until = now() + timedelta(hours=1)
    Executor.objects.filter(pk=shop.pk).update(trouble_code="auth", trouble_message="No", trouble_count=3, trouble_until=until)
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(not_before=until)
    return entry


@pytest.mark.parametrize("how", ["recovered", "try again", "responded"])
def test_what_ends_a_trouble_ends_it_in_its_workspace_alone(how: str) -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    entry, theirs, began = troubled(shop), troubled(other), now()
    there = state(other).trouble_until
    if how == "recovered":
        circuit_breaker.recovered(shop.pk)
        assert state(shop).trouble_code == "auth" and is_after(0, state(shop).trouble_until, began=began)
    elif how == "try again":
        circuit_breaker.try_again(shop.pk, by=ANA)
        assert Event.objects.get(verb="agent.retry").data["code"] == "auth"
    else:
        circuit_breaker.provider_responded(shop.pk)
        assert Event.objects.get(verb="agent.available").workspace == shop
    if how != "recovered":
        assert (state(shop).trouble_code, state(shop).trouble_message, state(shop).trouble_count) == ("", "", 0)
    entry.refresh_from_db()
    theirs.refresh_from_db()
    assert (entry.not_before is None) is (how != "responded")
    assert theirs.not_before is not None and state(other).trouble_code == "auth"
    assert state(other).trouble_until == there


def test_a_provider_that_answers_ends_a_count_without_an_event() -> None:
    shop = a_workspace()
    Executor.objects.filter(pk=shop.pk).update(trouble_count=1)
    circuit_breaker.provider_responded(shop.pk)
    assert state(shop).trouble_count == 0 and not Event.objects.filter(verb="agent.available").exists()
