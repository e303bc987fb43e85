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


def test_other_thresholds_are_on_record_with_who_and_why_and_of_this_workspace_alone() -> None:
    workspace, other = a_workspace(cap="10"), a_workspace(cap="10", name="Other")
    for where in (workspace, other):
        a_charge(an_entry(where), "6")
    shown = thresholds.replace(workspace.pk, [50, 80, 80, 1000], by=ANA, reason="fewer")
    assert [(t.percent, t.amount, t.spent_then, t.fired_at is None) for t in shown] == [
        (50, usd(5), usd(6), False),
        (80, usd(8), None, True),
        (1000, usd(100), None, True),
    ]
    [event] = Event.objects.filter(verb="budget.thresholds")
    assert (event.workspace_id, event.object_id, event.actor, event.reason) == (workspace.pk, workspace.pk, "ana", "fewer")
    assert event.data == {"before": [50, 75, 90, 100], "after": [50, 80, 1000]}
    thresholds.replace(workspace.pk, [1000, 80, 50], by=ANA)
    assert Event.objects.filter(verb="budget.thresholds").count() == 1
    assert [t.percent for t in thresholds.for_project(other.pk)] == [50, 75, 90, 100]


def test_a_threshold_that_was_armed_again_shows_no_older_crossing() -> None:
    entry = an_entry(a_workspace(cap="10"))
    a_charge(entry, "5")
    caps.set_project(project(entry.workspace), "max_project_spend", usd(20), by=ANA)
    assert [t.fired_at for t in thresholds.for_project(entry.workspace_id)] == [None] * 4
    a_charge(entry, "7")
    assert [t.spent_then for t in thresholds.for_project(entry.workspace_id)] == [usd(12), None, None, None]
    other = an_entry(a_workspace(cap="100", name="Other"))
    a_charge(other, "1")
    assert [t.fired_at for t in thresholds.for_project(other.workspace_id, project=project(other.workspace))] == [None] * 4
