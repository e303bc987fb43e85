"""The form of a trigger: what it makes, what it refuses beside its field, and what an edit keeps."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from dashboard.triggers import form
from orchestration.models import Trigger
from orchestration.triggers import changes
from tests.factories import ANA, a_trigger
from workspaces.models import Workspace

VALUES = {
    "name": "Dependencies",
    "schedule": "0 3 * * 1",
    "time_zone": "Europe/Berlin",
    "firing_budget": "2",
    "month_budget": "6.50",
    "overlap": "queue",
    "catch_up": "one",
    "content": "Update the dependencies\n\nAll of them.",
    "modifies": "pyproject.toml",
    "priority": "low",
    "rounds": "3",
}


def sent(client: Client, workspace: Workspace, trigger: Trigger | None = None, **changed: str) -> Any:
    name, args = ("trigger-edit", [workspace.pk, trigger.pk]) if trigger else ("trigger-new", [workspace.pk])
    return client.post(reverse(name, args=args), VALUES | changed)


def test_a_form_makes_a_trigger_and_leads_to_it(ana: Client, workspace: Workspace) -> None:
    response = sent(ana, workspace)
    row = Trigger.objects.get()
    assert (response.status_code, response["Location"]) == (303, reverse("trigger", args=[workspace.pk, row.pk]))
    assert (row.firing_budget, row.month_budget, row.overlap, row.catch_up) == (usd(2), usd("6.5"), "queue", "one")
    assert row.template["content"].startswith("Update the dependencies") and row.template["budget_rounds"] == 3
    assert row.template["spec"] == {"files_to_modify": ["pyproject.toml"]} and row.next_due


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", " ", "Name the trigger"),
        ("name", "x" * 101, "at most 100"),
        ("schedule", "0 3 * *", "five fields"),
        ("schedule", "0 3 30 2 *", "cannot be read"),
        ("schedule", "", "five fields of cron"),
        ("time_zone", "Mars", "no time zone"),
        ("firing_budget", "much", "Write an amount"),
        ("firing_budget", "0", "more than nothing"),
        ("firing_budget", "-1", "amount"),
        ("month_budget", "1", "less than that of one entry"),
        ("month_budget", "1e99", "amount"),
        ("overlap", "other", "not one of the available choices"),
        ("content", " ", "Describe the task"),
        ("modifies", "../out", "out"),
        ("rounds", "many", "whole number"),
        ("agent", "unknown", "no agent"),
        ("route", "unknown 2", "unknown"),
    ],
)
def test_a_wrong_value_is_named_at_its_field(ana: Client, workspace: Workspace, field: str, value: str, words: str) -> None:
    response = sent(ana, workspace, **{field: value})
    assert response.status_code == 422 and not Trigger.objects.exists()
    assert list(response.context["wrong"]) == [field] and words in response.context["wrong"][field]
    page = response.content.decode()
    assert f'href="#f-{field}"' in page
    assert 'class="wrong"' in page or f'id="f-{field}"' not in page  # agents and routes have a field where there are several


def test_all_wrong_values_are_named_at_once_each_at_its_field(ana: Client, workspace: Workspace) -> None:
    response = sent(ana, workspace, schedule="0 3", firing_budget="0", content="")
    assert set(response.context["wrong"]) == {"schedule", "firing_budget", "content"}
    page = response.content.decode()
    assert 'id="e-schedule">A schedule has five fields' in page and page.count("A schedule has five fields") == 2


def test_an_issue_trigger_is_made_and_changed_in_the_form(ana: Client, workspace: Workspace) -> None:
    response = sent(ana, workspace, kind="issue", label="muster", ignored_accounts="robot, agent-1 ,", schedule="ignored")
    row = Trigger.objects.get()
    assert response.status_code == 303 and (row.kind, row.label, row.schedule) == ("issue", "muster", "")
    assert row.ignored_accounts == ["robot", "agent-1"] and row.next_due
    page = ana.get(reverse("trigger-edit", args=[workspace.pk, row.pk])).content.decode()
    assert 'value="robot, agent-1"' in page and 'name="schedule"' not in page
    assert sent(ana, workspace, row, kind="webhook", label="do it").status_code == 303, "an edit never changes the kind"
    row.refresh_from_db()
    assert (row.kind, row.label, row.ignored_accounts) == ("issue", "do it", [])


@pytest.mark.parametrize(("field", "value"), [("label", ""), ("label", "a,b"), ("ignored_accounts", "x" * 101)])
def test_a_wrong_value_of_an_issue_trigger_is_named_at_its_field(
    ana: Client, workspace: Workspace, field: str, value: str
) -> None:
    response = sent(ana, workspace, kind="issue", **({"label": "muster"} | {field: value}))
    assert response.status_code == 422 and list(response.context["wrong"]) == [field]
    assert f'id="e-{field}"' in response.content.decode()


def test_a_webhook_gets_its_secret_on_a_page_of_its_own_once(ana: Client, otto: Client, workspace: Workspace) -> None:
    sent(ana, workspace, kind="webhook")
    row = Trigger.objects.get()
    address = reverse("trigger-secret", args=[workspace.pk, row.pk])
    assert "it refuses all calls" in ana.get(reverse("trigger", args=[workspace.pk, row.pk])).content.decode()
    assert otto.post(address).status_code == 403 and ana.get(address).status_code == 405
    page = ana.post(address).content.decode()
    [secret] = re.findall(r'id="secret-text">([^<]+)<', page)
    headers = {"Authorization": f"Bearer {secret}", "webhook-id": "1"}
    called = otto.post(
        f"/api/v1/workspaces/{workspace.pk}/orchestration/triggers/{row.pk}/hook", "{}", "application/json", headers=headers
    )
    assert called.status_code == 200 and called.json()["entry_id"]
    assert secret not in ana.get(reverse("trigger", args=[workspace.pk, row.pk])).content.decode()


def test_a_secret_in_use_is_replaced_after_a_question(ana: Client, workspace: Workspace) -> None:
    sent(ana, workspace, kind="webhook")
    row = Trigger.objects.get()
    address = reverse("trigger-secret", args=[workspace.pk, row.pk])
    assert ana.post(address).status_code == 200
    before = bytes(Trigger.objects.get().sealed)
    question = ana.post(address, {"next": reverse("trigger", args=[workspace.pk, row.pk])})
    assert question.status_code == 409 and "stops working at once" in question.content.decode()
    assert bytes(Trigger.objects.get().sealed) == before and question.context["confirmation"]["back"].endswith(f"{row.pk}/")
    fields = question.context["confirmation"]["fields"]
    assert 'id="secret-text"' in ana.post(address, fields).content.decode() and bytes(Trigger.objects.get().sealed) != before
    assert ana.post(address, fields).status_code == 409, "sent again, it asks about the secret that is in use now"


@pytest.mark.parametrize("kind", ["schedule", "issue", "webhook", "nonsense"])
def test_the_form_of_each_kind_has_its_own_fields(ana: Client, workspace: Workspace, kind: str) -> None:
    page = ana.get(reverse("trigger-new", args=[workspace.pk]), {"kind": kind}).content.decode()
    fields = {name for name in ("schedule", "catch_up", "label", "ignored_accounts") if f'name="{name}"' in page}
    assert fields == set(form.OF_KIND.get(kind, form.OF_KIND["schedule"]))


def test_what_was_typed_stays_in_a_refused_form(ana: Client, workspace: Workspace) -> None:
    page = sent(ana, workspace, schedule="x").content.decode()
    assert 'value="Dependencies"' in page and "All of them." in page and 'value="queue" selected' in page


def test_an_edit_shows_all_values_and_changes_nothing_by_itself(ana: Client, workspace: Workspace) -> None:
    sent(ana, workspace, agent="", alone="1", group="db", labels="gpu, eu", heading="Chores")
    before = Trigger.objects.get()
    typed = ana.get(reverse("trigger-edit", args=[workspace.pk, before.pk])).context["form_data"]
    ana.post(reverse("trigger-edit", args=[workspace.pk, before.pk]), typed)
    after = Trigger.objects.get()
    names = ("name", "schedule", "time_zone", "template", "firing_budget", "month_budget", "overlap", "catch_up", "next_due")
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]


def test_an_edit_keeps_what_the_form_does_not_have(ana: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace, template={"content": "Old", "spec": {"patterns": "Like a.py", "tests": ["test_a"]}})
    assert sent(ana, workspace, trigger, tests="test_b", modifies="").status_code == 303
    trigger.refresh_from_db()
    assert trigger.template["spec"] == {"patterns": "Like a.py", "tests": ["test_b"]}


def test_an_edit_offers_the_usual_agent_where_the_config_has_its_own_no_more(ana: Client, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    Trigger.objects.update(template={"content": "Do it", "agent": "gone"})
    typed = ana.get(reverse("trigger-edit", args=[workspace.pk, trigger.pk])).context["form_data"]
    assert typed["agent"] == "" and sent(ana, workspace, trigger, **typed).status_code == 303


def test_an_edit_of_a_trigger_that_is_off_leaves_it_off(ana: Client, workspace: Workspace) -> None:
    trigger = changes.change(a_trigger(workspace), {"is_enabled": False}, by=ANA)
    sent(ana, workspace, trigger)
    trigger.refresh_from_db()
    assert (trigger.name, trigger.is_enabled, trigger.next_due) == ("Dependencies", False, None)


def test_a_typed_schedule_is_a_sentence_with_its_next_times(ana: Client, workspace: Workspace) -> None:
    def preview(**typed: str) -> str:
        return ana.get(reverse("trigger-new", args=[workspace.pk]), {"fragment": "times", **typed}).content.decode()

    page = preview(schedule="0 3 * * *", time_zone="Asia/Tokyo")
    assert "At 03:00 every day (Asia/Tokyo)" in page and page.count("03:00 JST") == 5
    assert "five fields" in preview(schedule="0 3", time_zone="Asia/Tokyo")
    assert "no time zone" in preview(schedule="0 3 * * *", time_zone="Mars")
    assert "<li>" not in preview(schedule="", time_zone="")


def test_the_fiftieth_trigger_is_the_last(ana: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST", 1)
    sent(ana, workspace)
    response = sent(ana, workspace)
    assert response.status_code == 422 and "at most 1 trigger" in response.context["wrong"]["name"]
