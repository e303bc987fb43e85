"""The gateway among liars and kills: no bill is more than what is booked, and no cap is passed."""

import os
from pathlib import Path

import pytest

from tests.faults import gateway_trial

RUNS, SEED, KILL_EVERY_S, AT_ONCE = os.environ.get("MUSTER_TEST_GATEWAY", "10 1 3 8").split()  # more: python -m bench gateway


@pytest.mark.timeout(120 + 10 * int(RUNS))
@pytest.mark.django_db(transaction=True)
def test_no_bill_passes_the_books_and_no_books_pass_the_cap(tmp_path: Path) -> None:
    figures = gateway_trial.trial(
        tmp_path, runs=int(RUNS), seed=int(SEED), at_once=int(AT_ONCE), kill_every_s=float(KILL_EVERY_S)
    )
    print(f"\n{figures}")
    assert not figures.broken
    assert figures.starved <= figures.runs * 0.05
    assert not figures.used or min(figures.used) >= 0.95
