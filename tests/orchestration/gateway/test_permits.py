"""Requests with the token of a permit: sent with the workspace's key, and booked on the permit."""

import pytest

from budget.amounts import usd
from budget.ledger import permit_gateway, permits
from budget.models import Category, Hold, LedgerEntry
from orchestration.configuration import secrets
from tests.factories import ANA, a_workspace, project
from tests.orchestration.gateway.stage import COST, KEY, Stage, play


@pytest.mark.django_db(transaction=True)
def test_a_permits_token_sends_a_request_that_is_booked_on_the_permit(settings: object) -> None:
    settings.GATEWAY_URL = "http://gateway"  # type: ignore[attr-defined]
    workspace = a_workspace()
    secrets.put(workspace.pk, "ANTHROPIC_API_KEY", KEY, by=ANA)
    permit = permits.open_permit(project(workspace), None, category=Category.ORCHESTRATOR, amount=usd(1), by=ANA)
    granted = permit_gateway.open_for(permit, None)
    assert not isinstance(granted, str)

    async def ask(stage: Stage) -> None:
        assert (await stage.ask(granted.token))[0] == 200
        assert stage.provider.seen[0].headers["x-api-key"] == KEY

    play(ask)
    row = LedgerEntry.objects.get()
    assert (row.amount, row.category, row.session_ref, row.account_id) == (COST, "orchestrator", permit.session_ref, None)
    assert (Hold.objects.get().drawn, project(workspace).orchestrator_spent) == (COST, COST)
