"""A host comes back while its time ends and a person gives it up: whoever is first, the ledger has what the host counted, once."""

from pathlib import Path
from typing import Any

import pytest

from budget.amounts import usd
from budget.models import LedgerEntry
from orchestration.sessions.absent_hosts import settling
from orchestration.worker import reaper
from tests.factories import ANA
from tests.orchestration.worker.absent import a_lost_session, is_here, its_time_is_over, journal, money
from tests.races.crowd import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_request_counts_once_whoever_settles_first(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    session = a_lost_session()
    journal(session, *((str(number), "0.05") for number in range(1, 9)), ended=True)
    is_here(session)
    its_time_is_over(session)

    def give_up() -> None:
        settling.give_up_host("host_3", by=ANA)

    at_once([reaper.reap, settling.give_up_overdue, reaper.reap, give_up, settling.give_up_overdue, reaper.reap])
    reaper.reap()
    assert money(session) == (usd("0.4"), 0)
    assert LedgerEntry.objects.filter(event_key__regex=":[0-9]+$").count() == 8
