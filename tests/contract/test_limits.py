"""Caps of categories and days, permits, corrections and reconciliation over the API."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from budget.amounts import usd
from budget.ledger import permits, rebuild
from budget.models import BudgetChange, Hold, LedgerEntry
from orchestration.backlog import deletion
from tests.contract.api import Api, Response, names_of
from tests.factories import ANA, a_charge, an_entry, project
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db

PLAN = {"category": "orchestrator", "amount_usd": 1}


def refused(response: Response) -> list[str]:
    """A 400, and which properties it names."""
    assert response.status == 400
    return names_of(response)


def set_limit(shop: Api, category: str, period: str, amount: float | None) -> dict[str, object]:
    body = {"limits": [{"category": category, "period": period, "limit_usd": amount}], "reason": "a quiet week"}
    return shop.put("/budget/limits", body).json


def limit_in(response: dict[str, object], category: str, period: str) -> dict[str, object]:
    [limit_] = [limit for limit in response["limits"] if (limit["category"], limit["period"]) == (category, period)]  # type: ignore[attr-defined]
    return limit_


def test_limits_are_merged_and_each_change_is_on_record(workspace: Workspace, shop: Api) -> None:
    set_limit(shop, "total", "day", 60)
    response = set_limit(shop, "expansion", "all", 5)
    assert limit_in(response, "total", "day")["limit_usd"] == 60 and limit_in(response, "expansion", "all")["left_usd"] == 5
    assert limit_in(set_limit(shop, "total", "day", None), "total", "day")["limit_usd"] is None
    changes = shop.get("/budget/changes").json["changes"]
    assert [(c["field"], c["before"], c["after"]) for c in changes] == [
        ("limit.total.day_usd", 60, None),
        ("limit.expansion.all_usd", None, 5),
        ("limit.total.day_usd", None, 60),
    ]
    assert changes[0]["reason"] == "a quiet week" and Event.objects.filter(verb="budget.limit_set").count() == 3


def test_the_cap_cannot_be_set_as_a_limit(workspace: Workspace, shop: Api) -> None:
    both = [{"category": c, "period": p, "limit_usd": 1} for c, p in (("entry", "day"), ("total", "all"))]
    assert refused(shop.put("/budget/limits", {"limits": both})) == ["limits"]
    assert not BudgetChange.objects.exists()


def test_thresholds_can_be_a_projects_own(workspace: Workspace, shop: Api) -> None:
    response = shop.put("/budget/limits", {"thresholds": [80, 20]}).json
    assert [limit["percent"] for limit in response["thresholds"]] == [20, 80]
    assert response["thresholds"][0]["amount_usd"] == 20 and response["thresholds"][0]["fired_at"] is None


def test_a_charge_past_its_limit_is_booked_and_reported(workspace: Workspace, shop: Api) -> None:
    assert shop.post("/budget/charges", PLAN).json["limit"] is None
    set_limit(shop, "orchestrator", "day", 1.5)
    limit = shop.post("/budget/charges", PLAN).json["limit"]
    assert (limit["spent_usd"], limit["left_usd"], limit["reached"]) == (2, -0.5, True)
    assert "Permits are refused" in limit["stops"] and project(workspace).orchestrator_spent == usd(2)


def test_a_permit_reserves_money_and_a_charge_draws_it_down(workspace: Workspace, shop: Api) -> None:
    permit = shop.post("/budget/permits", PLAN).json["permit_id"]
    assert project(workspace).held == usd(1)
    shop.post("/budget/charges", {"category": "orchestrator", "amount_usd": 0.4, "permit_id": permit})
    assert (project(workspace).held, project(workspace).total_spent) == (usd("0.6"), usd("0.4"))
    [shown] = shop.get("/budget/holds").json["holds"]
    assert (shown["session_id"], shown["permit_id"], shown["drawn_usd"]) == (None, permit, 0.4)
    assert shop.delete(f"/budget/permits/{permit}").json == {"permit_id": permit, "freed_usd": 0.6}
    assert shop.delete(f"/budget/permits/{permit}").json["freed_usd"] == 0
    assert project(workspace).held == 0 and rebuild.find(workspace.pk) == []


@pytest.mark.parametrize(
    ("category", "period", "sentence"),
    [
        ("orchestrator", "day", "today's limit of $1.50 for orchestrator"),
        ("orchestrator", "all", "the limit of $1.50 for orchestrator"),
        ("total", "day", "today's limit of $1.50"),
    ],
)
def test_a_permit_past_a_limit_is_refused_with_the_sentence(
    workspace: Workspace, shop: Api, category: str, period: str, sentence: str
) -> None:
    set_limit(shop, category, period, 1.5)
    shop.post("/budget/permits", PLAN)
    response = shop.post("/budget/permits", PLAN)
    assert refused(response) == ["amount_usd"] and sentence in response.text and "$0.50 is left" in response.text
    assert project(workspace).held == usd(1)


def test_a_permit_past_the_cap_or_the_entrys_budget_is_refused(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace, budget="2")
    assert "project cap" in shop.post("/budget/permits", PLAN | {"amount_usd": 101}).text
    mine = {"category": "entry", "entry_id": entry.pk, "amount_usd": 3}
    assert "entry's budget" in shop.post("/budget/permits", mine).text
    assert shop.post("/budget/permits", mine | {"amount_usd": 2}).status == 201
    assert refused(shop.post("/budget/permits", PLAN | {"entry_id": entry.pk})) == ["entry_id"]


def test_a_permit_requested_twice_reserves_once(workspace: Workspace, shop: Api) -> None:
    ids = {shop.post("/budget/permits", PLAN, Idempotency_Key="k").json["permit_id"] for _ in range(3)}
    assert len(ids) == 1 and project(workspace).held == usd(1)
    other = shop.post("/budget/permits", PLAN | {"amount_usd": 2}, Idempotency_Key="k")
    assert refused(other) == ["Idempotency-Key"]


def test_a_permit_ends_by_itself(workspace: Workspace, shop: Api) -> None:
    shop.post("/budget/permits", PLAN)
    assert permits.expire() == 0
    Hold.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert permits.expire() == 1 and permits.expire() == 0
    assert project(workspace).held == 0


def test_a_charge_after_its_permit_ended_is_still_booked(workspace: Workspace, shop: Api) -> None:
    permit = shop.post("/budget/permits", PLAN).json["permit_id"]
    shop.delete(f"/budget/permits/{permit}")
    assert shop.post("/budget/charges", PLAN | {"permit_id": permit}).status == 201
    assert (project(workspace).held, project(workspace).total_spent) == (0, usd(1)) and rebuild.find(workspace.pk) == []


def test_a_permits_charges_are_booked_also_after_its_entry_was_deleted(workspace: Workspace, shop: Api) -> None:
    entry, other = an_entry(workspace, budget="5"), an_entry(workspace, budget="5")
    permit = shop.post("/budget/permits", {"category": "entry", "entry_id": entry.pk, "amount_usd": 1}).json["permit_id"]
    deletion.delete_all([entry, other], by=ANA)
    spent = {"category": "entry", "entry_id": entry.pk, "amount_usd": 0.4}
    assert shop.post("/budget/charges", spent | {"permit_id": permit}).status == 201
    assert (project(workspace).entry_spent, project(workspace).held) == (usd("0.4"), usd("0.6"))
    assert shop.post("/budget/charges", spent).status == 404
    assert shop.post("/budget/charges", spent | {"entry_id": other.pk, "permit_id": permit}).status == 404


def test_a_permit_of_another_category_or_an_unknown_one_is_refused(workspace: Workspace, shop: Api) -> None:
    permit = shop.post("/budget/permits", PLAN).json["permit_id"]
    other = {"category": "expansion", "amount_usd": 1, "permit_id": permit}
    assert refused(shop.post("/budget/charges", other)) == ["permit_id"]
    assert shop.post("/budget/charges", other | {"permit_id": "permit_00000000000000000000"}).status == 404


def test_the_ledger_is_filtered_by_category_entry_and_day(workspace: Workspace, shop: Api) -> None:
    limit, two = an_entry(workspace), an_entry(workspace)
    a_charge(limit, "1")
    a_charge(two, "2")
    a_charge(None, "3", category="expansion", in_=workspace)
    amounts = lambda query: [row["amount_usd"] for row in shop.get(f"/budget/ledger?{query}").json["entries"]]  # noqa: E731
    assert amounts("category=entry") == [2, 1] and amounts(f"entry_id={limit.pk}") == [1]
    assert amounts("from=2001-01-01&to=2001-01-31") == [] and len(amounts("from=2001-01-01")) == 3
    assert len(shop.get("/budget/ledger?format=csv&category=expansion").text.strip().split("\n")) == 2
    assert refused(shop.get("/budget/ledger?from=yesterday")) == ["from"]


def test_a_refund_over_the_api_counts_once_per_key(workspace: Workspace, shop: Api) -> None:
    a_charge(an_entry(workspace), "1")
    row, body = LedgerEntry.objects.get(), {"amount_usd": -0.25, "reason": "booked twice"}
    ids = {shop.post(f"/budget/ledger/{row.pk}/adjustments", body, Idempotency_Key="k").json["id"] for _ in range(3)}
    assert len(ids) == 1 and project(workspace).total_spent == usd("0.75")
    other = shop.post(f"/budget/ledger/{row.pk}/adjustments", body | {"amount_usd": -0.5}, Idempotency_Key="k")
    assert refused(other) == ["Idempotency-Key"]
    assert refused(shop.post(f"/budget/ledger/{row.pk}/adjustments", body | {"amount_usd": -5})) == ["amount_usd"]
    assert refused(shop.post(f"/budget/ledger/{row.pk}/adjustments", body | {"reason": " "})) == ["reason"]


def test_a_reconciliation_over_the_api_shows_first_and_books_once(workspace: Workspace, shop: Api) -> None:
    body = {"provider": "generic", "csv": "d,m,c\n2026-08-04,gpt-5,2\n", "columns": {"date": "d", "model": "m", "cost": "c"}}
    [line] = shop.post("/budget/reconciliations", body).json["lines"]
    assert (line["provider_usd"], line["ledger_usd"], line["difference_usd"]) == (2, 0, 2)
    assert project(workspace).total_spent == 0
    booked = [shop.post("/budget/reconciliations", body | {"apply": True}).json["booked"] for _ in range(2)]
    assert booked == [1, 0] and project(workspace).total_spent == usd(2)
    assert refused(shop.post("/budget/reconciliations", body | {"csv": "d,m,c\nsoon,gpt-5,2\n"})) == ["csv"]
