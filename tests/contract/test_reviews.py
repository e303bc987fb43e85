"""Reviews over the API, by people with a browser's session and by tokens."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from budget.models import Account, Review
from tests.contract.api import Api, names_of, not_found
from tests.factories import a_charge, a_review, a_token, a_workspace, an_entry
from workspaces import access
from workspaces.models import Role, Workspace
from workspaces.people import members

pytestmark = pytest.mark.django_db
NOVEMBER: dict[str, Any] = {"title": "November", "period_from": "2026-11-01", "period_to": "2026-11-30"}


def person(name: str, workspace: Workspace, role: Role = Role.BUDGET) -> Api:
    user = get_user_model().objects.create_user(name)
    members.add(workspace, user, role, by=access.MUSTER)
    client = Client()
    client.force_login(user)
    return Api(workspace, client=client)


def test_a_review_from_draft_to_applied(workspace: Workspace) -> None:
    entry = an_entry(workspace, budget="1")
    ana, bea = person("ana", workspace), person("bea", workspace)
    wish = {"entry_id": entry.pk, "after_usd": 4, "reason": "It is harder"}
    created = ana.post("/budget/reviews", NOVEMBER | {"proposals": [wish], "due": "2026-12-01"})
    id_ = created.json["id"]
    assert (created.status, created.json["state"], created.json["snapshot"]["total_budget_usd"]) == (201, "draft", 100)
    assert created.json["proposals"] == [
        {"entry_id": entry.pk, "field": "budget", "before_usd": 1, "after_usd": 4, "lock": True, "reason": "It is harder"}
    ]
    assert bea.post(f"/budget/reviews/{id_}/comments", {"text": "Sure?", "entry_id": entry.pk}).status == 201
    assert ana.patch(f"/budget/reviews/{id_}", {"due": None, "title": "Late"}).json["due"] is None
    opened = ana.post(f"/budget/reviews/{id_}/open").json
    assert (opened["state"], opened["version"], opened["approvals"]) == ("open", 1, 0)
    decision = {"decision": "approve", "note": "Fine", "version": 1}
    assert ana.post(f"/budget/reviews/{id_}/decision", decision).status == 403
    after = bea.post(f"/budget/reviews/{id_}/decision", decision).json
    assert (after["state"], after["approvals"], after["snapshot"]["moved_since"]) == ("approved", 1, False)
    assert Account.objects.get(pk=entry.pk).budget == 4_000_000
    assert bea.get("/budget/changes").json["changes"][0]["source"] == "review"
    listed = bea.get("/budget/reviews").json["reviews"][0]
    assert (listed["id"], listed["state"], listed["approvals"]) == (id_, "approved", 1)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"period_to": "2026-10-01"}, "period_to"),
        ({"period_from": "yesterday"}, "period_from"),
        ({"period_from": 0}, "period_from"),
        ({"due": "2026-02-30"}, "due"),
        ({"required_approvals": 3}, "required_approvals"),
        ({"required_approvals": True}, "required_approvals"),
        ({"title": ""}, "title"),
        ({"proposals": [{"after_usd": -1, "reason": "x", "field": "max_project_spend"}]}, "proposals.0.after_usd"),
        ({"proposals": [{"after_usd": 1, "reason": "", "field": "max_project_spend"}]}, "proposals.0.reason"),
        ({"proposals": [{"after_usd": 1, "reason": "x", "field": "held"}]}, "proposals.0.field"),
        ({"state": "approved"}, "state"),
    ],
)
def test_an_invalid_review_is_refused_by_name(shop: Api, change: dict[str, Any], name: str) -> None:
    assert name in names_of(shop.post("/budget/reviews", NOVEMBER | change))
    assert not Review.objects.exists()


def test_an_unknown_entry_is_not_found(shop: Api, workspace: Workspace) -> None:
    wish = {"entry_id": an_entry(a_workspace(name="Other")).pk, "after_usd": 4, "reason": "x"}
    assert tuple(shop.post("/budget/reviews", NOVEMBER | {"proposals": [wish]})) == not_found("Entry")
    review = a_review(workspace)
    assert tuple(shop.post(f"/budget/reviews/{review.pk}/comments", {"text": "x", "entry_id": wish["entry_id"]})) == not_found(
        "Entry"
    )


def test_anothers_review_does_not_exist(shop: Api) -> None:
    theirs = a_review(a_workspace(name="Other"))
    assert tuple(shop.get(f"/budget/reviews/{theirs.pk}")) == not_found("Review")


def test_a_token_never_decides(shop: Api, workspace: Workspace) -> None:
    review = a_review(workspace)
    response = shop.post(f"/budget/reviews/{review.pk}/decision", {"decision": "approve", "note": "ok", "version": 0})
    assert response.status == 403 and "log in" in response.text


def test_a_viewer_reads_and_cannot_comment(workspace: Workspace) -> None:
    review = a_review(workspace)
    viewer = Api(workspace, a_token(workspace, Role.VIEWER))
    assert viewer.get(f"/budget/reviews/{review.pk}").status == 200
    assert viewer.post(f"/budget/reviews/{review.pk}/comments", {"text": "x"}).status == 403


def test_the_lines_as_csv_run_no_formula(shop: Api, workspace: Workspace) -> None:
    entry = an_entry(workspace, budget="2", content="=HYPERLINK(1)")
    a_charge(entry, "1.5")
    response = shop.get(f"/budget/reviews/{a_review(workspace).pk}/lines?format=csv")
    head, row = response.text.splitlines()
    assert response.headers["Content-Type"].startswith("text/csv") and head.startswith("entry_id,title,status,budget_usd")
    assert row.startswith(f"{entry.pk},#1 =HYPERLINK(1),pending,2,False,1.5")  # the number before it makes it text


def test_the_list_is_read_in_pages(shop: Api, workspace: Workspace) -> None:
    for _ in range(3):
        a_review(workspace)
    first = shop.get("/budget/reviews?limit=2").json
    remaining = shop.get(f"/budget/reviews?limit=2&cursor={first['next_cursor']}").json
    assert [review_["number"] for review_ in (*first["reviews"], *remaining["reviews"])] == [3, 2, 1] and remaining[
        "next_cursor"
    ] is None
