"""`muster triggers`: listed, shown with what came of them, and fired by hand."""

from django.utils.timezone import now

from orchestration.models import Entry, Trigger
from orchestration.triggers import firing
from tests.cli.terminal import Terminal
from tests.factories import a_trigger
from workspaces.models import Workspace


def test_triggers_are_listed_with_their_next_time_and_their_month(muster: Terminal, workspace: Workspace) -> None:
    assert muster("triggers").out == "No triggers.\n"
    a_trigger(workspace, month_budget=5_000_000)
    line = muster("triggers").out.splitlines()[1]
    assert "$0.00 of $5.00" in line and line.endswith("Nightly  At 03:00 every day (Europe/Berlin)") and ":00 UTC" in line
    assert [row["name"] for row in muster.json("triggers")["triggers"]] == ["Nightly"]


def test_a_trigger_is_fired_and_shown_by_its_id_and_by_its_name(muster: Terminal, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    outcome = muster("triggers", "fire", "Nightly")
    entry = Entry.objects.get()
    assert (outcome.code, outcome.out) == (0, f"Added {entry.pk}.\n")
    for name in (trigger.pk, "Nightly"):
        text = muster("triggers", name).out
        assert text.count("Next ") == 5 and entry.pk in text and "$1.00 this month" in text
    shown = muster.json("triggers", trigger.pk)
    assert [row["entry_id"] for row in shown["firings"]] == [entry.pk]


def test_a_trigger_whose_issues_are_not_looked_at_names_the_reason(muster: Terminal, workspace: Workspace) -> None:
    a_trigger(workspace)
    a_trigger(workspace, name="Bugs", kind="issue", schedule="", label="bug")
    lines = muster("triggers").out.splitlines()
    assert len(lines) == 4 and lines[3].startswith("Bugs: The config names no forge")
    assert "Problem: The config names no forge" in muster("triggers", "Bugs").out


def test_a_firing_without_an_entry_fails_with_its_reason(muster: Terminal, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, month_budget=0)
    outcome = muster("triggers", "fire", trigger.pk)
    assert outcome.code == 1 and "No entry is added: Its entries of this month" in outcome.err
    assert muster.json("triggers", "fire", trigger.pk)["skipped"] == "month_budget"


def test_a_wrong_name_is_refused_in_a_sentence(muster: Terminal, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    assert "No trigger is named Weekly" in muster("triggers", "Weekly").err
    assert muster("triggers", "fire").code == muster("triggers", "Nightly", "fire").code == 2
    assert muster("triggers", "trig_00000000000000000000").code == 1
    a_trigger(workspace)
    assert "2 triggers are named Nightly: use its id" in muster("triggers", "fire", "Nightly").err
    assert Trigger.objects.count() == 2 and not trigger.firings.exists()


def test_an_entry_names_the_trigger_that_added_it(muster: Terminal, workspace: Workspace) -> None:
    firing.fire(a_trigger(workspace), "k", now=now())
    for command in ("entries", "why"):
        assert "The trigger Nightly added it" in muster(command, "1").out
