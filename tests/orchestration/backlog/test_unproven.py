"""What becomes of work around unproven work, in the tables alone (lander/test_chains.py has the commits)."""

import pytest
from django.db import transaction

from orchestration.backlog import entry_state, unproven
from orchestration.backlog.transitions import LANDING
from orchestration.landing import queue
from orchestration.models import Entry, Landing
from tests.factories import a_workspace, an_entry

pytestmark = pytest.mark.django_db


def test_work_that_contains_what_waits_no_longer_is_verified_again_by_a_round_of_its_own() -> None:
    entry = an_entry(a_workspace())
    rounds = entry.budget_rounds
    with transaction.atomic():
        queue.enqueue(entry, "c" * 40, round_=None)
        entry_state.move(entry_state.lock(entry), LANDING)
    with transaction.atomic():
        unproven.go_back(Entry.objects.select_related("account").get(pk=entry.pk))
    entry.refresh_from_db()
    assert (entry.status, entry.next_work, entry.budget_rounds) == ("pending", "verify", rounds + 1)
    assert Landing.objects.get().state == "withdrawn"
