"""The figures of each step of a route, and where it would be cheaper to begin."""

import pytest
from django.utils.timezone import now

from budget.amounts import usd
from dashboard.insight import advice
from dashboard.insight.advice import Beginning, best
from dashboard.insight.figures import BY_NAME, Figures
from dashboard.shared.lists import span
from orchestration.models import Entry, Session
from tests.dashboard.insight.test_figures import rows, worked
from workspaces.models import Workspace


def a_round(
    shop: Workspace, agent: str, cost: str, outcome: str = "failed", *, entry: Entry | None = None, group: str = "db"
) -> Entry:
    session = worked(shop, "m", cost, outcome, entry=entry)
    Session.objects.filter(pk=session.pk).update(agent_name=agent.partition(" ")[0], effort=agent.partition(" ")[2])
    Entry.objects.filter(pk=session.entry_id).update(
        group=group, status="done" if outcome == "passed" else "pending", **LANDED[outcome]
    )
    return Entry.objects.get(pk=session.entry_id)


LANDED: dict[str, dict[str, str]] = {"passed": {"done_way": "closed", "done_by": "ana"}, "failed": {}}


def test_a_step_has_its_share_of_passed_rounds_and_the_price_of_what_it_gained(shop: Workspace) -> None:
    a_round(shop, "cheap", "0.10")
    a_round(shop, "cheap", "0.30", "passed")
    a_round(shop, "cheap high", "1")
    a_round(shop, "", "2")
    shown, _ = rows(shop, "step")
    assert set(shown) == {"cheap", "cheap high", "default"}
    cheap = shown["cheap"]
    assert (cheap.now.rounds, cheap.now.passed, BY_NAME["passed"].value(cheap)) == (2, 1, 0.5)
    assert BY_NAME["point"].value(cheap) == cheap.now.cost * 100 // cheap.now.gained
    assert BY_NAME["point"].of(Figures(cost=5), cheap.waits) is None


def test_an_entry_that_begins_later_saves_what_the_first_step_costs_less_what_that_lands() -> None:
    """The first costs $0.50 each and lands 5 of 20, which would have cost $1.20 each later."""
    beginning = Beginning("db", "cheap", "strong", 20, 5, 15, usd("10"), usd("18"))
    assert (beginning.cost, beginning.saving) == (usd("0.5"), usd("0.2"))
    pays = Beginning("web", "cheap", "strong", 20, 15, 5, usd("10"), usd("6"))
    few = Beginning("few", "cheap", "strong", 19, 0, 19, usd("19"), usd("19"))
    never = Beginning("never", "cheap", "strong", 30, 30, 0, usd("3"), 0)
    assert pays.saving < 0 and never.saving == 0
    assert best([pays, few, never, beginning]) == beginning and best([pays, few, never]) is None and best([]) is None


def test_the_advice_is_of_rounds_that_ended_in_the_range(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "LEAST", 3)
    a_round(shop, "cheap", "0.5", "passed")
    for _ in range(2):
        entry = a_round(shop, "cheap", "0.5")
        a_round(shop, "", "0.6", "passed", entry=entry)
    a_round(shop, "", "9", "passed", group="docs")
    day = span.read({"range": "24h"}, now())
    assert advice.read(shop.pk, day) == Beginning("db", "cheap", "default", 3, 1, 2, usd("1.5"), usd("1.2"))
    Session.objects.update(ended_at=now().replace(year=2020))
    assert advice.read(shop.pk, day) is None
