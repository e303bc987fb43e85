"""The gate decides whether work lands without a person by the facts of all that lands with it."""

from pathlib import Path

import pytest
from django.utils.timezone import now

from orchestration.approval import gate
from orchestration.configuration import Approve
from orchestration.models import Approval, Landing
from tests.factories import a_charge, a_workspace, an_entry
from tests.orchestration.git.repositories import a_repository, git
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
DEAR = Approve.model_validate({"mode": "when", "cost_usd": 2})


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    return a_workspace(repo=str(a_repository(tmp_path / "repo")))


def a_landing(shop: Workspace, *, cost: str, commit: str = "") -> Landing:
    entry = an_entry(shop, budget="5")
    a_charge(entry, cost)
    return Landing.objects.create(workspace=shop, entry=entry, commit=commit or tip(shop))


def tip(shop: Workspace) -> str:
    return git(Path(shop.repo), "rev-parse", "main")


def why(landing: Landing, *under: Landing) -> str:
    shop = landing.workspace
    fresh = [Landing.objects.select_related("entry__account").get(pk=each.pk) for each in (landing, *under)]
    return gate.missing(DEAR, fresh[0], Path(shop.repo), tip(shop), under=fresh[1:])


def test_work_that_lands_with_the_head_of_a_chain_is_asked_about_too(shop: Workspace) -> None:
    cheap, dear = a_landing(shop, cost="0.10"), a_landing(shop, cost="2")
    assert why(cheap) == "" and why(cheap, dear).startswith("It has cost $2") and why(dear, cheap) == why(dear) != ""


def test_an_approval_is_for_one_commit_of_one_entry(shop: Workspace) -> None:
    dear, other = a_landing(shop, cost="2"), a_landing(shop, cost="2")
    Approval.objects.create(entry=dear.entry, commit="a" * 40, by="ana")
    Approval.objects.create(entry=other.entry, commit=dear.commit, by="ana")
    assert why(dear) != "" and why(other) == ""
    needed = why(dear)
    Approval.objects.create(entry=dear.entry, commit=dear.commit, by="ana", void_at=now())
    assert why(dear) == needed
    Approval.objects.update(void_at=None)
    assert why(dear) == ""
    kept = Landing.objects.get(pk=dear.pk)
    assert kept.approval is not None and kept.approval_needed == needed
