"""The books of a request, with its credential's month and the workspace's pages."""

from django.db import transaction

from budget.ledger import requests
from budget.ledger.requests import Counted
from budget.models import GatewayRequest
from orchestration.configuration.windows import months
from orchestration.messaging import wake_ups
from orchestration.models import Session


def settle(workspace_id: str, credential: str, request_id: int, counted: Counted) -> bool:
    """Book a request's cost once. False: it was settled before."""
    with transaction.atomic():
        is_fresh = requests.settle(request_id, counted)
        if is_fresh and counted.amount and months.are_counted(workspace_id):
            months.spent(workspace_id, credential, min(counted.amount, counted.most or counted.amount))
    if is_fresh:
        wake_ups.publish_change(workspace_id, "budget", "workers")
    return is_fresh


def note_overrun(request_id: int) -> None:
    """Report on the session's page that the provider exceeded the output limit."""
    row = GatewayRequest.objects.get(pk=request_id)
    if row.overrun:
        sentence = f"Request {row.pk} to {row.model}: {row.reason}. From now on the most that the model makes is reserved"
        Session.of_any_role.filter(pk=row.session_ref).update(cost_note=sentence[:500])


def note_echo(session_ref: str, credential: str) -> None:
    """Report on the session's page that the provider echoed the key."""
    sentence = f"The provider of {credential} sent the key back in an answer, where Muster masked it: use another key there"
    Session.of_any_role.filter(pk=session_ref, cost_note="").update(cost_note=sentence[:500])
