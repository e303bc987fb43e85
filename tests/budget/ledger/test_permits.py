"""Permits of no entry, drawn by charges that name one: what the entry holds is its own."""

import pytest

from budget.amounts import usd
from budget.ledger import charges, permits, rebuild
from budget.ledger.prices import Tokens
from budget.models import Account, Category, Hold
from tests.factories import ANA, a_workspace, an_entry, project
from workspaces import ids
from workspaces.errors import Invalid

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
