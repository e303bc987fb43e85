"""Reallocation and forecast over the API."""

import pytest

from budget.amounts import usd
from budget.models import Account
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch
from tests.contract.api import Api
from tests.factories import a_token, a_worker, a_workspace, some_entries
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db


def test_a_dry_run_reports_the_changes_that_the_real_run_makes(workspace: Workspace) -> None:
    shop = a_workspace(cap="6", budget="6", name="Small")
    entry, locked = some_entries(shop, Draft("a", budget=0), Draft("b", budget=0))
    api = Api(shop, a_token(shop, Role.BUDGET))
    api.post(f"/budget/entries/{locked.pk}/lock")
    response = api.post("/budget/reallocate", {"dry_run": True}).json
    reason = "Raised from $0.00 to $6.00: it has no rounds yet, so it first gets enough for one"
    assert response == {
        "dry_run": True,
        "pool_usd": 6,
        "unallocated_usd": 0,
        "changes": [{"entryID": entry.pk, "before_usd": 0, "after_usd": 6, "reason": reason}],
        "skipped": [{"entryID": locked.pk, "reason": "Locked at $0.00 by a person"}],
    }
    assert Account.objects.get(pk=entry.pk).budget == 0
    done = api.post("/budget/reallocate", {}).json
    assert done == response | {"dry_run": False} and Account.objects.get(pk=entry.pk).budget == usd(6)
    [change, *_] = api.get("/budget/changes").json["changes"]
    assert (change["source"], change["after"], change["reason"]) == ("allocation", 6, reason)


@pytest.mark.parametrize("body", [{"dry_run": "yes"}, {"dry": True}, {"dry_run": 1}, None])
def test_a_bad_body_is_a_400(shop: Api, body: object) -> None:
    assert shop.post("/budget/reallocate", body).status == 400


def test_a_forecast_without_data_explains_why(shop: Api) -> None:
    response = shop.get("/budget/forecast").json
    assert (response["enough"], response["why_not"]) == (False, "Not enough data yet (0 of 10 rounds)")
    assert response["rate_usd"] is response["cap_at"] is response["end_spend_usd"] is None


def test_auto_reallocate_is_a_key_of_the_config(shop: Api) -> None:
    assert shop.get("/config").json["auto_reallocate"] is False
    assert shop.patch("/config", {"auto_reallocate": True}).json["auto_reallocate"] is True
    assert shop.patch("/config", {"auto_reallocate": 1}).status == 400


def test_an_entry_that_the_plan_cannot_pay_is_blocked_with_its_reason(workspace: Workspace) -> None:
    shop = a_workspace(cap="5", budget="0", name="Small")
    api = Api(shop, a_token(shop))
    created = api.post("/todo/entries", {"entries": [{"content": "a"}, {"content": "b"}]}).json["entries"]
    assert [entry["budget_usd"] for entry in created] == [5, 0]
    assert [entry["status"] for entry in created] == ["pending", "pending"], "nothing is spent yet"
    api.post("/budget/charges", {"category": "orchestrator", "amount_usd": 5})
    [late] = api.post("/todo/entries", {"entries": [{"content": "c"}]}).json["entries"]
    assert (late["status"], late["reasons"][0]["code"]) == ("blocked", "project_budget_exceeded")
    assert late["reasons"][0]["message"].startswith("The plan has no money left for it: raise the total budget or the cap")


def test_an_entry_waits_for_money_that_is_only_reserved() -> None:
    shop = a_workspace(cap="5", budget="5", name="Small")
    a_worker()
    api = Api(shop, a_token(shop))
    own = api.post("/todo/entries", {"entries": [{"content": "a", "budget_usd": 9}]}).json["entries"][0]
    [late] = api.post("/todo/entries", {"entries": [{"content": "b"}]}).json["entries"]
    dispatch.cycle(shop.pk)
    late = api.get(f"/todo/entries/{late['id']}").json
    assert (late["status"], late["reasons"][0]["code"]) == ("pending", "money_reserved")
    assert late["reasons"][0]["message"] == "Waiting for $5.00 reserved by sessions at work"
    assert api.get(f"/todo/entries/{own['id']}").json["status"] == "in_progress"


def test_shares_leave_the_own_budgets_of_other_entries() -> None:
    shop = a_workspace(cap="20", budget="20", name="Shared")
    drafts = [{"content": "a", "budget_usd": 18}, {"content": "b"}, {"content": "c"}]
    created = Api(shop, a_token(shop)).post("/todo/entries", {"entries": drafts}).json["entries"]
    assert [entry["budget_usd"] for entry in created] == [18, 2, 0]
