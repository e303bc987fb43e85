"""The page of estimates: what an agent expected, what happened, and whether money is shared out by it."""

import pytest
from django.test import Client

from tests.dashboard.conftest import client_of
from tests.dashboard.overview.test_page import in_line, text_of
from tests.dashboard.seeds.money_cast import at, bea, day
from tests.factories import a_workspace
from tests.orchestration.funding.test_expectations import HOPELESS, SURE, added, happened
from tests.orchestration.proposals.made import PLANNER
from workspaces.models import Workspace

__all__ = ["bea", "day"]


@pytest.fixture
def estimated(db: None) -> Workspace:
    return a_workspace(planner=PLANNER, max_workers=20, round_ceiling_usd=0.5)


def test_without_estimates_the_page_is_empty(bea: Client, day: Workspace) -> None:
    assert "No entry has an estimate yet." in text_of(bea, at(day, "estimates/"))


def test_estimates_are_shown_with_what_happened(estimated: Workspace) -> None:
    una = client_of("una", "budget", estimated)
    rows = added(estimated, *[SURE, HOPELESS] * 3)
    assert "Brier" not in text_of(una, at(estimated, "estimates/"))
    for row in rows[::2]:
        happened(row, "passed", cost=100_000)
    happened(rows[1], "failed", "failed", "failed", cost=300_000)
    seen = in_line(text_of(una, at(estimated, "estimates/")))
    assert "Not used yet: 4 of 5 outcomes that it takes to tell." in seen and "(medians" not in seen
    assert "100 % · 100 % · 100 %" in seen and "after round 1" in seen and "not in 3" in seen
    for row in rows[3::2]:
        happened(row, "failed", "failed", "failed", cost=300_000)
    seen = in_line(text_of(una, at(estimated, "estimates/")))
    assert "Used when money is shared out" in seen and "(medians" in seen
