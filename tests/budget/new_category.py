"""A category that the recipe of CONTRIBUTING.md added to a copy of the repository: it is counted, limited and shown like the others."""

import pytest
from django.test import Client

from budget.models import DaySpend, Limit, Project, Review
from tests.contract.api import Api
from tests.dashboard.seeds.entries import user
from tests.factories import a_token, a_workspace
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db
CHARGE = {"category": "rehearsal", "amount_usd": 1.5, "reason": "a survey"}


@pytest.fixture
def shop() -> Workspace:
    workspace = a_workspace()
    assert Api(workspace, a_token(workspace, "admin")).post("/budget/charges", CHARGE).status == 201
    return workspace


def test_every_counter_has_its_spend(shop: Workspace) -> None:
    project = Project.objects.get(pk=shop.pk)
    assert project.spent_on("rehearsal") == project.total_spent == project.steering_spent == 1_500_000
    assert DaySpend.objects.get().category == "rehearsal"


def test_a_limit_of_it_stops_permits(shop: Workspace) -> None:
    api = Api(shop, a_token(shop, "admin"))
    limit = {"category": "rehearsal", "period": "all", "limit_usd": 1}
    assert api.call("PUT", "/budget/limits", {"limits": [limit], "reason": ""}).status == 200
    assert Limit.objects.get().reached_on is not None
    refused = api.post("/budget/permits", {"category": "rehearsal", "amount_usd": 1, "minutes": 5})
    assert refused.status == 400 and "rehearsal" in refused.text


def test_answers_pages_and_reviews_show_it(shop: Workspace, client: Client) -> None:
    api = Api(shop, a_token(shop, "admin"))
    assert api.get("/budget").json["global"]["rehearsal_spent_usd"] == 1.5
    client.force_login(user("ana", role=Role.ADMIN, workspace=shop))
    assert b"Rehearsal" in client.get(f"/w/{shop.pk}/money/").content
    review = {"title": "May", "period_from": "2026-05-01", "period_to": "2026-05-31"}
    assert api.post("/budget/reviews", review).json["snapshot"]["rehearsal_spent_usd"] == 1.5
    assert ("Rehearsal", 1_500_000) in Review.objects.get().by_category
