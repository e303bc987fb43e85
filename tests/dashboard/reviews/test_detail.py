"""A review's page: which lines it shows, and what each person may do with it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budget.amounts import usd
from budget.models import Proposal, Review
from budget.reviews import comments, drafting
from budget.reviews.drafting import Wish
from dashboard.reviews import views
from tests.dashboard.conftest import client_of
from tests.dashboard.seeds import entries as seed
from tests.factories import a_charge, a_review, a_workspace, an_entry
from workspaces import access
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    shop = a_workspace()
    for n in range(4):
        an_entry(shop, budget="2" if n == 1 else "20", content=f"Task {n}")
    a_charge(shop.entries.get(seq=2), "2.50")
    return shop


@pytest.fixture
def review(shop: Workspace, bea: Client) -> Review:
    wish = Wish(Proposal.Field.BUDGET, usd("7.5"), "harder", shop.entries.get(seq=3).pk)
    return a_review(shop, wish, by=access.of_user(seed.user("bea")))


def context(client: Client, review: Review, **query: str) -> Any:
    return client.get(reverse("review", args=[review.project_id, review.pk]), query).context


def titles(client: Client, review: Review, **query: str) -> list[str]:
    return [row["line"].title.partition(" ")[2] for row in context(client, review, **query)["rows"]]


def test_lines_are_narrowed_to_those_over_their_budget_or_with_a_proposal(bea: Client, review: Review) -> None:
    assert sorted(titles(bea, review)) == ["Task 0", "Task 1", "Task 2", "Task 3"]
    assert titles(bea, review, only="over") == ["Task 1"] and titles(bea, review, only="proposed") == ["Task 2"]
    assert len(titles(bea, review, only="nonsense")) == 4


def test_so_many_lines_are_shown_and_the_others_on_request(bea: Client, review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_ROWS", 3)
    assert (len(titles(bea, review)), context(bea, review)["hidden"]) == (3, 1)
    for query in ({"all": "1"}, {"print": "1"}):
        assert (len(titles(bea, review, **query)), context(bea, review, **query)["hidden"]) == (4, 0)


def test_a_line_has_its_own_comments_and_proposal(bea: Client, review: Review, shop: Workspace) -> None:
    by = access.of_user(seed.user("bea"))
    for entry_id in (shop.entries.get(seq=1).pk, shop.entries.get(seq=1).pk, None):
        comments.add(review, "Sure?", by=by, entry_id=entry_id)
    rows = {row["line"].title.partition(" ")[2]: row for row in context(bea, review)["rows"]}
    assert [rows[f"Task {n}"]["comments"] for n in range(4)] == [2, 0, 0, 0]
    assert [rows[f"Task {n}"]["proposal"] is not None for n in range(4)] == [False, False, True, False]


def test_an_author_edits_and_others_decide_and_paper_takes_no_forms(bea: Client, review: Review, shop: Workspace) -> None:
    ada, vera = client_of("ada", "budget", shop), client_of("vera", "viewer", shop)
    assert [context(client, review)["may_edit"] for client in (bea, ada, vera)] == [True, False, False]
    assert [context(client, review)["may_comment"] for client in (bea, ada, vera)] == [True, True, False]
    assert not any(context(client, review)["may_decide"] for client in (bea, ada, vera))
    drafting.request(review, by=access.of_user(seed.user("bea")))
    assert [context(client, review)["may_decide"] for client in (bea, ada, vera)] == [False, True, False]
    for name in ("may_edit", "may_comment", "may_decide"):
        assert not any(context(client, review, print="1")[name] for client in (bea, ada, vera))


def test_reviews_are_listed_in_pages(bea: Client, shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "PER_PAGE", 2)
    created = [a_review(shop) for _ in range(3)]
    a_review(a_workspace(name="Other"))
    address = reverse("reviews", args=[shop.pk])
    first = bea.get(address).context
    assert [row["review"].pk for row in first["reviews"]] == [created[2].pk, created[1].pk]
    second = bea.get(address, {"before": first["following"]}).context
    assert [row["review"].pk for row in second["reviews"]] == [created[0].pk] and not second["following"]
    assert len(bea.get(address, {"before": "x"}).context["reviews"]) == 2
