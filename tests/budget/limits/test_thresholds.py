"""Each warning once, in the transaction that crossed it, and again only after the cap was raised above it."""

import pytest

from budget.amounts import usd
from budget.ledger import rebuild
from budget.limits import caps, thresholds
from budget.models import ThresholdCrossing
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def events(workspace: Workspace) -> list[int]:
    return [event.data["percent"] for event in Event.objects.filter(verb="budget.threshold", workspace=workspace).order_by("id")]


def test_each_threshold_fires_once_and_lands_in_the_activity() -> None:
    entry = an_entry(a_workspace(cap="10"))
    a_charge(entry, "4.999999")
    assert events(entry.workspace) == []
    a_charge(entry, "0.000001")
    a_charge(entry, "1")
    assert events(entry.workspace) == [50]
    event = Event.objects.get(verb="budget.threshold")
    assert (event.actor, event.data) == ("muster", {"percent": 50, "spent_usd": 5, "cap_usd": 10})


def test_one_charge_can_cross_several() -> None:
    entry = an_entry(a_workspace(cap="10"))
    a_charge(entry, "12")
    assert events(entry.workspace) == [50, 75, 90, 100]


def test_a_raised_cap_arms_what_is_above_the_spend_again() -> None:
    entry = an_entry(a_workspace(cap="10"))
    a_charge(entry, "8")
    caps.set_project(project(entry.workspace), "max_project_spend", usd(14), by=ANA)
    assert [t.percent for t in thresholds.for_project(entry.workspace_id) if t.fired_at] == [50]
    a_charge(entry, "3")
    assert events(entry.workspace) == [50, 75, 75]


def test_a_cap_lowered_below_the_spend_fires() -> None:
    entry = an_entry(a_workspace(cap="10"))
    a_charge(entry, "4")
    caps.set_project(project(entry.workspace), "max_project_spend", usd(4), by=ANA)
    assert events(entry.workspace) == [50, 75, 90, 100]


def test_a_refund_and_the_same_spend_again_do_not_fire_twice() -> None:
    entry = an_entry(a_workspace(cap="10"))
    a_charge(entry, "5")
    ThresholdCrossing.objects.get(percent=50)
    assert rebuild.find(entry.workspace_id) == []
    a_charge(entry, "1")
    assert events(entry.workspace) == [50]


def test_a_project_has_thresholds_of_its_own() -> None:
    entry = an_entry(a_workspace(cap="10"))
    a_charge(entry, "3")
    shown = thresholds.replace(entry.workspace_id, [80, 25], by=ANA)
    assert [(t.percent, t.amount, t.spent_then) for t in shown] == [(25, usd("2.5"), usd(3)), (80, usd(8), None)]
    assert events(entry.workspace) == [25]
