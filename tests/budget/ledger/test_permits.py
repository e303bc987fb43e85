"""Permits: what they reserve, what draws them, how they end, and what refuses one."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from budget.amounts import usd
from budget.ledger import charges, permits, rebuild
from budget.ledger.prices import Tokens
from budget.limits import caps
from budget.models import Account, Category, Hold
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.models import Event
from workspaces.values import ids

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("category", [Category.INTERCEPTOR, Category.ORCHESTRATOR, Category.EXPANSION])
def test_a_charge_for_an_entry_draws_the_permit_and_not_the_entrys_reservation(category: Category) -> None:
    workspace = a_workspace()
    entry = an_entry(workspace, budget="2")
    Hold.objects.create(project=project(workspace), account=entry.account, session_ref=ids.session(), amount=usd(2))
    permit = permits.open_permit(project(workspace), None, category=category, amount=usd(1), by=ANA)
    report = charges.Report(category, usd("0.4"), Tokens(""))
    charges.book(project(workspace), entry.account, report, actor="gateway", key=None, permit=permit)
    assert Account.objects.get(pk=entry.pk).held == usd(2) and project(workspace).held == usd("2.6")
    assert rebuild.find(workspace.pk) == []


def test_it_is_booked_without_a_reservation_of_the_entry() -> None:
    workspace = a_workspace()
    entry = an_entry(workspace)
    permit = permits.open_permit(project(workspace), None, category=Category.INTERCEPTOR, amount=usd(1), by=ANA)
    report = charges.Report(Category.INTERCEPTOR, usd("0.4"), Tokens(""))
    charges.book(project(workspace), entry.account, report, actor="gateway", key=None, permit=permit)
    assert rebuild.find(workspace.pk) == []


def test_an_ended_permit_is_not_returned_again_as_a_reservation() -> None:
    workspace = a_workspace()
    asked = {"category": Category.EXPANSION, "amount": usd(1), "by": ANA, "key": "k"}
    permit = permits.open_permit(project(workspace), None, **asked)  # type: ignore[arg-type]
    assert permits.open_permit(project(workspace), None, **asked) == permit  # type: ignore[arg-type]
    permits.close(permit, by=ANA)
    with pytest.raises(Invalid, match="has ended"):
        permits.open_permit(project(workspace), None, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(("category", "named"), [(Category.ENTRY, False), (Category.EXPANSION, True)])
def test_a_permit_of_entries_names_its_entry_and_no_other_does(category: Category, named: bool) -> None:
    workspace = a_workspace()
    account = an_entry(workspace).account if named else None
    with pytest.raises(Invalid, match="names its entry"):
        permits.open_permit(project(workspace), account, category=category, amount=1, by=ANA)


def test_a_permit_of_an_entry_is_on_record_and_ends_in_its_time() -> None:
    entry = an_entry(a_workspace(), budget="2")
    where = project(entry.workspace)
    permit = permits.open_permit(where, entry.account, category=Category.ENTRY, amount=usd("0.5"), minutes=20, by=ANA)
    assert (permit.account_id, permit.category, permit.amount, permit.state) == (entry.pk, "entry", usd("0.5"), "open")
    assert permit.expires_at is not None and permit.expires_at - permit.opened_at == timedelta(minutes=20)
    again = {"category": Category.ENTRY, "amount": usd("0.5"), "by": ANA, "key": "k"}
    assert len({permits.open_permit(where, entry.account, **again).pk for _ in range(2)}) == 1  # type: ignore[arg-type]
    assert Account.objects.get(pk=entry.pk).held == usd(1)
    event = Event.objects.filter(verb="permit.opened").earliest("id")
    assert (event.object_id, event.actor) == (permit.session_ref, "ana")
    assert event.data == {"category": "entry", "amount_usd": 0.5, "minutes": 20}


def test_an_ended_permit_frees_its_remainder_once_and_shows_why(django_capture_on_commit_callbacks: Any) -> None:
    entry = an_entry(a_workspace(), budget="2")
    where, received = project(entry.workspace), []
    permit, other = (
        permits.open_permit(where, entry.account, category=Category.ENTRY, amount=usd("0.5"), by=ANA) for _ in range(2)
    )
    report = charges.Report(Category.ENTRY, usd("0.1"), Tokens(""))
    charges.book(where, entry.account, report, actor="gateway", key=None, permit=permit)
    receiver = lambda **message: received.append(message["entry_id"])  # noqa: E731
    caps.changed.connect(receiver, weak=False)
    with django_capture_on_commit_callbacks(execute=True):
        assert permits.close(permit, by=ANA, reason="not needed") == usd("0.4") and permits.close(permit, by=ANA) == 0
    caps.changed.disconnect(receiver)
    [event] = Event.objects.filter(verb="permit.closed")
    assert (event.object_id, event.actor, event.reason) == (permit.session_ref, "ana", "not needed")
    assert event.data == {"category": "entry", "freed_usd": 0.4} and received == [entry.pk]
    other.refresh_from_db()
    assert other.state == "open" and Account.objects.get(pk=entry.pk).held == usd("0.5")


def test_a_permit_that_was_overdrawn_frees_nothing() -> None:
    workspace = a_workspace()
    permit = permits.open_permit(project(workspace), None, category=Category.EXPANSION, amount=usd("0.5"), by=ANA)
    report = charges.Report(Category.EXPANSION, usd(1), Tokens(""))
    charges.book(project(workspace), None, report, actor="gateway", key=None, permit=permit)
    assert permits.close(permit, by=ANA) == 0 and project(workspace).held == 0


def test_only_permits_whose_time_is_over_end_by_themselves() -> None:
    workspace = a_workspace()
    over, later = (
        permits.open_permit(project(workspace), None, category=Category.EXPANSION, amount=n, by=ANA) for n in (usd(1), usd(2))
    )
    Hold.objects.filter(pk=over.pk).update(expires_at=Now() - timedelta(seconds=1))
    a_session_of = an_entry(workspace, budget="3").account  # a reservation of a session has no end
    Hold.objects.create(project=project(workspace), account=a_session_of, session_ref=ids.session(), amount=usd(3))
    assert permits.expire() == 1 and project(workspace).held == usd(5)
    [event] = Event.objects.filter(verb="permit.closed")
    assert (event.object_id, event.actor, event.reason) == (over.session_ref, "muster", "its time was over")
    later.refresh_from_db()
    assert later.state == "open"


def test_a_permit_is_found_in_its_own_workspace_alone_and_a_session_is_none() -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    permit = permits.open_permit(project(workspace), None, category=Category.EXPANSION, amount=1, by=ANA)
    session = Hold.objects.create(
        project=project(workspace), account=an_entry(workspace).account, session_ref=ids.session(), amount=1
    )
    assert permits.find(workspace.pk, permit.session_ref) == permit
    for where, name in ((other, permit.session_ref), (workspace, session.session_ref), (workspace, "no id\x00")):
        with pytest.raises(NotFound):
            permits.find(where.pk, name)


@pytest.mark.parametrize("change", [{"amount": usd(2)}, {"category": Category.ORCHESTRATOR}])
def test_a_key_of_a_permit_is_refused_with_another_wish(change: dict[str, Any]) -> None:
    workspace = a_workspace()
    asked = {"category": Category.EXPANSION, "amount": usd(1), "by": ANA, "key": "k"}
    permits.open_permit(project(workspace), None, **asked)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="another permit"):
        permits.open_permit(project(workspace), None, **asked | change)  # type: ignore[arg-type]


def test_a_key_of_a_permit_is_of_its_caller_in_its_workspace_for_one_entry() -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    first, second = an_entry(workspace), an_entry(workspace)
    asked = {"category": Category.ENTRY, "amount": usd("0.5"), "by": ANA, "key": "k"}
    permit = permits.open_permit(project(workspace), first.account, **asked)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="another permit"):
        permits.open_permit(project(workspace), second.account, **asked)  # type: ignore[arg-type]
    by_bea = permits.open_permit(project(workspace), second.account, **asked | {"by": Caller("bea")})  # type: ignore[arg-type]
    elsewhere = permits.open_permit(project(other), an_entry(other).account, **asked)  # type: ignore[arg-type]
    assert len({permit.pk, by_bea.pk, elsewhere.pk}) == 3


def test_what_refused_a_permit_is_named_with_what_is_left_and_never_below_zero() -> None:
    workspace = a_workspace(cap="10")
    account, cap = an_entry(workspace, budget="2").account, "left under the project cap, the permit asks for $20.00"
    sentence = lambda where, what: permits.refusal_sentence(workspace.pk, where, "entry", usd(20), what)  # noqa: E731
    assert sentence(account, "entry budget reached") == "$2.00 is left of the entry's budget, the permit asks for $20.00"
    assert sentence(None, "project cap reached") == f"$10.00 is {cap}"
    assert sentence(None, "limit reached") == "A limit refused it: try again"
    a_charge(account.entry, "12")
    assert sentence(account, "entry budget reached").startswith("$0.00 is") and sentence(None, "project cap") == f"$0.00 is {cap}"
    caps.set_limit(project(workspace), "entry", "all", usd(1), by=ANA)
    caps.set_limit(project(workspace), "expansion", "all", 0, by=ANA)
    assert sentence(None, "limit reached") == "$0.00 is left of the limit of $1.00 for entry, the permit asks for $20.00"
