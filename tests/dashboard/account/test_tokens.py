"""A person's own tokens: which still work and why the others do not, where one may make them, and for how long."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from dashboard.account import tokens as token_page
from tests.dashboard.seeds import entries as seed
from tests.factories import a_workspace
from workspaces.models import ApiToken, Event, Workspace
from workspaces.people import tokens

pytestmark = pytest.mark.django_db
PASSWORD, ANOTHER = "a long enough one", "another long one"


@pytest.fixture
def shop() -> Workspace:
    """Beside a workspace in which another person is an admin."""
    other = a_workspace(name="Other")
    seed.user("eve", role="admin", workspace=other)
    shop = a_workspace(name="Shop")
    seed.user("eve", role="admin", workspace=shop)
    return shop


def a_token(name: str, owner: str, workspace: Workspace | None, role: str = "viewer", **more: Any) -> ApiToken:
    secret = tokens.create(name, role=role, workspace=workspace, owner=seed.user(owner))
    token = ApiToken.objects.get(digest=tokens._digest(secret))
    ApiToken.objects.filter(pk=token.pk).update(**more)
    return token


def rows(client: Client) -> dict[str, tuple[str, bool]]:
    """By name: why it does not work, and whether it can be revoked."""
    return {row["token"].name: (row["over"], row["live"]) for row in client.get("/account/tokens/").context["rows"]}


def test_each_token_shows_why_it_does_not_work(shop: Workspace, otto: Client) -> None:
    gone, left = a_workspace(name="Gone"), a_workspace(name="Left")
    seed.user("otto", role="admin", workspace=gone)
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    a_token("works", "otto", shop, "operator")
    a_token("until tomorrow", "otto", shop, expires_at=now() + timedelta(days=1))
    a_token("over", "otto", shop, expires_at=now() - timedelta(seconds=1))
    a_token("revoked and over", "otto", shop, expires_at=now() - timedelta(days=1), revoked_at=now())
    a_token("of a deleted one", "otto", gone)
    a_token("of one left", "otto", left)
    a_token("too much", "otto", shop, "budget")
    a_token("of all", "otto", None)
    a_token("of eve", "eve", shop)
    uncovered = "your role there no longer covers it"
    assert rows(otto) == {
        "works": ("", True), "until tomorrow": ("", True), "over": ("expired", True), "revoked and over": ("revoked", False),
        "of a deleted one": ("its workspace is deleted", True), "of one left": (uncovered, True), "too much": (uncovered, True),
        "of all": (uncovered, True),
    }  # fmt: skip
    a_token("of the boss", "ana", None, "admin")
    a_token("of the boss here", "ana", shop, "budget")
    boss = Client()
    boss.force_login(seed.user("ana"))
    assert rows(boss) == {"of the boss": ("", True), "of the boss here": ("", True)}


def test_places_are_those_of_the_person_with_their_own_role(shop: Workspace, otto: Client) -> None:
    def places(client: Client) -> list[tuple[str, str]]:
        return [(workspace.name, role) for workspace, role in client.get("/account/tokens/").context["places"]]

    boss = Client()
    boss.force_login(seed.user("ana"))
    seed.user("ana", role="viewer", workspace=shop)
    assert places(otto) == [("Shop", "operator")] and places(boss) == [("Shop", "viewer"), ("Other", "admin")]


def test_a_token_is_made_where_its_person_belongs_and_lasts_for_days(shop: Workspace, otto: Client) -> None:
    other = Workspace.objects.get(name="Other")
    form = {"name": "ci", "role": "operator", "workspace": shop.pk, "expires": "7"}
    assert otto.post("/account/tokens/", form | {"workspace": other.pk}).context["problems"] == {
        "workspace": "Workspace not found"
    }
    assert otto.post("/account/tokens/", form | {"workspace": ""}).status_code == 400 and not ApiToken.objects.exists()
    shown = otto.post("/account/tokens/", form)
    token = ApiToken.objects.get()
    assert shown["Cache-Control"] == "no-store" and shown.context["secret"].startswith(token.prefix)
    assert token.expires_at is not None and abs(token.expires_at - now() - timedelta(days=7)) < timedelta(minutes=1)
    assert (token.owner, token.workspace, token.role) == (seed.user("otto"), shop, "operator")
    assert otto.post("/account/tokens/", form | {"expires": ""}).status_code == 200
    assert ApiToken.objects.latest("id").expires_at is None
    assert list(Event.objects.filter(verb="token.created").values_list("workspace", flat=True)) == [shop.pk] * 2


def test_a_person_revokes_their_own_alone_and_once_they_confirm(shop: Workspace, otto: Client) -> None:
    mine, theirs = a_token("mine", "otto", shop), a_token("theirs", "eve", shop)
    assert otto.post(f"/account/tokens/{theirs.pk}/revoke/", {"confirm": "revoke"}).status_code == 404
    assert otto.post(f"/account/tokens/{mine.pk}/revoke/").status_code == 409
    assert not ApiToken.objects.exclude(revoked_at=None).exists()
    otto.post(f"/account/tokens/{mine.pk}/revoke/", {"confirm": "revoke"})
    assert list(ApiToken.objects.exclude(revoked_at=None)) == [mine]


def test_older_tokens_are_on_the_next_page(shop: Workspace, otto: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_page, "MAX_TOKENS", 2)
    for name in ("one", "two", "three"):
        a_token(name, "otto", shop)
    page = otto.get("/account/tokens/")
    assert "The newest 2 of 3." in page.content.decode()
    older = otto.get("/account/tokens/", {"before": page.context["before"]})
    assert [row["token"].name for row in older.context["rows"]] == ["one"] and not older.context["before"]
