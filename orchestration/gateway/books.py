"""The books of a request, and what follows from them: the month of its credential, and the pages that show its workspace."""

from django.db import transaction

from budget.ledger import requests
from budget.ledger.requests import Counted
from orchestration.configuration.windows import months
from orchestration.messaging import wake_ups


def settle(workspace_id: str, credential: str, request_id: int, counted: Counted) -> bool:
    """Book what a request cost, once. False: it was settled before, and nothing changed."""
    with transaction.atomic():
        is_fresh = requests.settle(request_id, counted)
        if is_fresh and counted.amount and months.are_counted(workspace_id):
            months.spent(workspace_id, credential, counted.amount)
    if is_fresh:
        wake_ups.publish_change(workspace_id, "budget", "workers")
    return is_fresh
