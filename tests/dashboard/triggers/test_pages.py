"""The pages of triggers: what they show, who may do what, and a fixed number of queries."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from budget.amounts import usd
from dashboard.triggers import rows
from orchestration.models import Entry, Executor, Firing, Trigger
from orchestration.triggers import changes, firing, reads
from tests.dashboard.overview.test_page import in_line
from tests.factories import ANA, a_trigger
from workspaces.models import Event, Workspace


def address(name: str, *args: str) -> str:
    return reverse(name, args=args)


def page_text(response: Any) -> str:
    """Its words in one line, buttons too."""
    markup = re.sub(r"<(svg|script|style)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return in_line(html.unescape(re.sub(r"<[^>]*>", "", markup)))


def seen(client: Client, name: str, *args: str) -> str:
    response = client.get(address(name, *args))
    assert response.status_code == 200
    return page_text(response)


def a_firing(trigger: Trigger, key: str = "k", **more: Any) -> Firing:
    return firing.fire(trigger, key, now=timezone.now(), **more)


def test_an_empty_list_explains_what_a_trigger_is_and_who_makes_one(ana: Client, vera: Client, workspace: Workspace) -> None:
    text = seen(ana, "triggers", workspace.pk)
    assert "A trigger adds an entry each time its schedule comes" in text and "Make the first trigger" in text
    assert "Make the first trigger" not in seen(vera, "triggers", workspace.pk)


def test_the_list_shows_when_each_fires_its_month_and_its_last_firing(vera: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, month_budget=usd(5))
    a_firing(trigger)
    a_firing(trigger, "again")
    text = seen(vera, "triggers", workspace.pk)
    for words in (
        "Nightly",
        "At 03:00 every day (Europe/Berlin)",
        "$1.00 of $5.00",
        "03:00 CE",
        "No entry: Its last entry was open",
    ):
        assert words in text, words


def test_a_trigger_shows_its_next_times_and_what_came_of_each_firing(vera: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    entry = a_firing(trigger, by=ANA).entry
    a_firing(trigger, "again")
    text = seen(vera, "trigger", workspace.pk, trigger.pk)
    assert entry is not None
    for words in (f"#{entry.seq} Update all", f"Its entry #{entry.seq} is not finished", "03:00 CE", ANA.name):
        assert words in text, words
    assert text.count("03:00 CE") == 5
    assert "Fire now" not in text and "Switch off" not in text


def test_a_trigger_shows_what_is_left_of_the_month(vera: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, month_budget=usd(2.5), overlap="queue")
    a_firing(trigger)
    text = seen(vera, "trigger", workspace.pk, trigger.pk)
    assert "$1.00 of $2.50, $1.50 left" in text and "Too little" not in text
    a_firing(trigger, "again")
    assert "$2.00 of $2.50, $0.50 left" in (text := seen(vera, "trigger", workspace.pk, trigger.pk))
    assert "Too little is left for another entry" in text
    assert " left" not in seen(vera, "trigger", workspace.pk, a_trigger(workspace).pk)


def test_an_entry_that_was_deleted_has_no_link(vera: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    entry = a_firing(trigger).entry
    Entry.objects.filter(pk=entry and entry.pk).update(deleted_at=timezone.now())
    assert "deleted" in seen(vera, "trigger", workspace.pk, trigger.pk)


def test_firings_come_in_pages(vera: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    Firing.objects.bulk_create(Firing(trigger=trigger, key=str(n), month="2026-12", skipped="overlap") for n in range(60))
    response = vera.get(address("trigger", workspace.pk, trigger.pk))
    assert page_text(response).count("No entry:") == 50
    following = vera.get(address("trigger", workspace.pk, trigger.pk), {"after": response.context["cut"].after})
    assert page_text(following).count("No entry:") == 10


def test_a_reason_that_pages_do_not_know_is_shown_by_its_name() -> None:
    assert rows.FiringRow(Firing(skipped="lost_feather"), None).reason == "Lost feather"


def test_a_trigger_without_a_schedule_has_its_pages(ana: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, kind="issue", schedule="", label="muster")
    assert "When a person adds the label muster to an issue" in seen(ana, "triggers", workspace.pk)
    assert "Next times" not in seen(ana, "trigger", workspace.pk, trigger.pk)


def test_a_trigger_by_issues_names_from_the_start_why_they_are_not_looked_at(vera: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, kind="issue", schedule="", label="muster")
    Executor.objects.filter(pk=workspace.pk).update(state="stopped")
    for name, *more in (("triggers",), ("trigger", trigger.pk)):
        text = seen(vera, name, workspace.pk, *more)
        assert "The config names no forge: name its kind" in text and "The workspace is stopped: start it" in text
        assert "names no forge" not in seen(vera, "trigger", workspace.pk, a_trigger(workspace).pk)


def test_a_stored_schedule_that_cannot_be_read_breaks_no_page(ana: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    Trigger.objects.update(schedule="broken")
    for name, *more in (("triggers",), ("trigger", trigger.pk), ("trigger-edit", trigger.pk)):
        seen(ana, name, workspace.pk, *more)


def test_an_operator_fires_by_hand_and_a_form_sent_twice_fires_once(otto: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, overlap="queue")
    key = otto.get(address("trigger", workspace.pk, trigger.pk)).context["key"]
    for _ in range(2):
        otto.post(address("trigger-fire", workspace.pk, trigger.pk), {"key": key})
    fired = trigger.firings.get()
    assert fired.entry and fired.fired_by == "otto"


def test_a_firing_that_adds_nothing_gives_its_reason(otto: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, month_budget=0)
    there = address("trigger", workspace.pk, trigger.pk)
    text = page_text(otto.post(address("trigger-fire", workspace.pk, trigger.pk), {"next": there}, follow=True))
    assert "No entry is added: its entries of this month may cost all of the month's budget" in text


def test_an_admin_switches_a_trigger_off_and_on(ana: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    for verb, is_enabled in (("off", False), ("on", True)):
        ana.post(address("trigger-switch", workspace.pk, trigger.pk, verb))
        trigger.refresh_from_db()
        assert trigger.is_enabled == is_enabled and (trigger.next_due is not None) == is_enabled


def test_deleting_asks_first(ana: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    there = address("trigger-delete", workspace.pk, trigger.pk)
    question = ana.post(there)
    assert question.status_code == 409 and "Those that it added stay" in page_text(question)
    ana.post(there, question.context["confirmation"]["fields"])
    assert ana.get(address("trigger", workspace.pk, trigger.pk)).status_code == 404
    assert "Nightly" not in seen(ana, "triggers", workspace.pk).replace("Nightly is deleted", "")


def test_only_admins_make_and_change_triggers_and_viewers_fire_none(otto: Client, vera: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    before = Event.objects.count()
    for name, *more in (
        ("trigger-new",),
        ("trigger-edit", trigger.pk),
        ("trigger-delete", trigger.pk),
        ("trigger-switch", trigger.pk, "off"),
    ):
        assert otto.post(address(name, workspace.pk, *more)).status_code == 403
    assert vera.post(address("trigger-fire", workspace.pk, trigger.pk)).status_code == 403
    assert Event.objects.count() == before


def queries(client: Client, where: str) -> int:
    client.get(where)
    with CaptureQueriesContext(connection) as captured:
        client.get(where)
    return len(captured)


def test_the_list_and_a_trigger_take_a_fixed_number_of_queries(vera: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, overlap="queue")
    a_firing(trigger)
    pages = address("triggers", workspace.pk), address("trigger", workspace.pk, trigger.pk)
    before = [queries(vera, where) for where in pages]
    for n in range(5):
        a_firing(trigger, f"more {n}")
        a_firing(a_trigger(workspace, time_zone=["UTC", "Asia/Tokyo"][n % 2]))
    assert [queries(vera, where) for where in pages] == before


def test_the_month_of_many_triggers_is_what_each_has_by_itself(workspace: Workspace) -> None:
    now = datetime(2026, 11, 30, 20, tzinfo=UTC)
    triggers = [
        a_trigger(workspace, time_zone=zone, overlap="queue", firing_budget=usd(n + 1))
        for n, zone in enumerate(["UTC", "Asia/Tokyo", "UTC"])
    ]
    for row in triggers:
        for key, at in (("a", now), ("b", now + timedelta(hours=5))):
            firing.fire(row, key, now=at)
    amounts = reads.committed(triggers, now)
    assert [amounts[row.pk] for row in triggers] == [usd(1), usd(4), usd(3)]
    assert amounts[triggers[1].pk] == firing.committed(triggers[1], "2026-12")


def test_an_entry_and_the_activity_link_to_their_trigger_while_it_is_there(ana: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    entry = a_firing(trigger, by=ANA).entry
    assert entry is not None
    there = address("trigger", workspace.pk, trigger.pk)
    pages = [f"{address('entry', workspace.pk, entry.pk)}?tab=brief", address("activity", workspace.pk)]
    assert all(f'href="{there}"' in ana.get(page).content.decode() for page in pages)
    assert "by the trigger Nightly, fired by ana" in page_text(ana.get(pages[0]))
    assert f"added #{entry.seq} by the trigger Nightly" in page_text(ana.get(pages[1]))
    changes.delete(trigger, by=ANA)
    assert not any(f'href="{there}"' in ana.get(page).content.decode() for page in pages)
    assert "by the trigger Nightly" in page_text(ana.get(pages[0]))
