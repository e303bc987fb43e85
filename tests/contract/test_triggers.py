"""Triggers over the API: made, read, changed, fired; and what is refused."""

from typing import Any

import pytest

from orchestration.models import Entry, Trigger
from tests.contract.api import Api
from tests.factories import a_token, a_trigger
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

BODY: dict[str, Any] = {
    "name": "Nightly",
    "schedule": "0 3 * * *",
    "time_zone": "Europe/Berlin",
    "entry": {"content": "Update all", "spec": {"files_to_modify": ["a.py"]}, "route": [{"agent": "default", "rounds": 2}]},
    "firing_budget_usd": 0.5,
    "month_budget_usd": 1,
}


def test_a_trigger_is_answered_as_a_sentence_with_its_next_five_times(shop: Api) -> None:
    created = shop.post("/triggers", BODY)
    assert created.status == 201 and created.json["sentence"] == "At 03:00 every day (Europe/Berlin)"
    assert len(created.json["next_times"]) == 5 and created.json["next_times"] == sorted(created.json["next_times"])
    assert (created.json["firing_budget_usd"], created.json["month_budget_usd"], created.json["month_committed_usd"]) == (
        0.5,
        1,
        0,
    )
    assert shop.get("/triggers").json["triggers"] == [shop.get(f"/triggers/{created.json['id']}").json]


def test_a_firing_by_hand_adds_the_entry_once_for_a_key(shop: Api) -> None:
    path = f"/triggers/{shop.post('/triggers', BODY).json['id']}"
    first, again = (shop.call("POST", f"{path}/fire", None, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json == again.json and first.json["entry_id"] == Entry.objects.get().pk
    assert Entry.objects.get().paths == ["a.py"]
    assert shop.post(f"{path}/fire", None).json["skipped"] == "overlap"
    assert [row["skipped"] for row in shop.get(f"{path}/firings").json["firings"]] == ["overlap", None]
    assert shop.get(path).json["month_committed_usd"] == 0.5


def test_a_change_keeps_what_it_does_not_name(shop: Api) -> None:
    before = shop.post("/triggers", BODY).json
    path = f"/triggers/{before['id']}"
    assert shop.patch(path, {"name": None, "month_budget_usd": None}).json == before | {"month_budget_usd": None}
    off = shop.patch(path, {"enabled": False}).json
    assert off["next_times"] == [] and Trigger.objects.get().next_due is None
    assert shop.patch(path, {"enabled": True, "schedule": "0 4 * * *"}).json["sentence"].startswith("At 04:00")
    assert Trigger.objects.get().next_due is not None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"schedule": "every day"}, "schedule"),
        ({"schedule": "0 0 30 2 *"}, "schedule"),
        ({"schedule": "9" * 101}, "schedule"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"firing_budget_usd": 0}, "firing_budget_usd"),
        ({"firing_budget_usd": -1}, "firing_budget_usd"),
        ({"month_budget_usd": -1}, "month_budget_usd"),
        ({"overlap": "stop"}, "overlap"),
        ({"entry": {"content": "Do it", "agent": "nowhere"}}, "agent"),
        ({"entry": {"content": "Do it", "spec": {"files_to_modify": ["../a"]}}}, "files_to_modify"),
        ({"entry": {"content": "Do it", "budget_usd": 9}}, "entry.budget_usd"),
        ({"kind": "mail"}, "kind"),
        ({"kind": "webhook"}, "schedule"),
        ({"kind": "issue"}, "schedule"),
        ({"kind": "issue", "schedule": None}, "label"),
        ({"label": "muster"}, "label"),
        ({"schedule": None}, "schedule"),
        ({"kind": "issue", "schedule": None, "label": "a,b"}, "label"),
        ({"kind": "issue", "schedule": None, "label": " "}, "label"),
        ({"kind": "webhook", "schedule": None, "label": "a"}, "label"),
        ({"ignored_accounts": ["bot"]}, "ignored_accounts"),
        ({"kind": "issue", "schedule": None, "label": "a", "ignored_accounts": [""]}, "ignored_accounts.0"),
    ],
)
def test_bad_values_are_refused_by_name(shop: Api, change: dict[str, Any], name: str) -> None:
    refused = shop.post("/triggers", BODY | change)
    assert refused.status == 400 and refused.json["errors"][0]["propertyNames"] == [name]
    assert not Trigger.objects.exists()


def test_a_workspace_has_at_most_fifty(shop: Api, workspace: Workspace) -> None:
    for _ in range(50):
        a_trigger(workspace)
    assert shop.post("/triggers", BODY).status == 400


def test_a_deleted_trigger_and_anothers_do_not_exist(shop: Api, workspace: Workspace) -> None:
    trigger = a_trigger(workspace)
    path = f"/triggers/{trigger.pk}"
    assert shop.delete(path).json == {"deleted": True}
    assert {shop.get(path).status, shop.post(f"{path}/fire", None).status, shop.delete(path).status} == {404}
    assert shop.get("/triggers/nothing").status == 404
    viewer = Api(workspace, a_token(workspace, "viewer"))
    assert viewer.get("/triggers").json == {"triggers": []}


def test_a_trigger_by_issues_is_shown_and_changed(shop: Api) -> None:
    body = BODY | {"kind": "issue", "schedule": None, "label": "muster", "ignored_accounts": ["bot"]}
    created = shop.post("/triggers", body)
    assert created.status == 201 and created.json["sentence"] == "When a person adds the label muster to an issue"
    assert (created.json["overlap"], created.json["next_times"], created.json["secret"]) == ("queue", [], None)
    path = f"/triggers/{created.json['id']}"
    messages = {created.json["message"], shop.get(path).json["message"], shop.get("/triggers").json["triggers"][0]["message"]}
    assert "The config names no forge" in "".join(messages) and len(messages) == 1
    changed = shop.patch(path, {"label": "agents", "ignored_accounts": []}).json
    assert (changed["label"], changed["ignored_accounts"]) == ("agents", [])
    assert shop.patch(path, {"schedule": "0 3 * * *"}).status == shop.patch(path, {"new_secret": True}).status == 400
    shop.patch(path, {"enabled": False})
    assert Trigger.objects.get().next_due is None


def test_a_webhooks_secret_is_shown_once(shop: Api) -> None:
    created = shop.post("/triggers", BODY | {"kind": "webhook", "schedule": None}).json
    path = f"/triggers/{created['id']}"
    assert created["secret"].startswith("whsec_") and created["url"].endswith(f"{path}/hook")
    assert shop.get(path).json == created | {"secret": None}
    assert shop.patch(path, {"new_secret": True}).json["secret"] not in (None, created["secret"])
    assert shop.patch(path, {"name": "Alerts"}).json["secret"] is None
