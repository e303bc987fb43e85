"""The forms of the page of landings ask first; all that a person sent counts once they confirm, and nothing before."""

import re
from typing import Any

import pytest
from django.test import Client

from orchestration.landing import decisions
from tests.factories import a_workspace
from workspaces.models import Workspace

TIP, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Each decision about a commit, with its workspace and whose it is."""
    decided: list[tuple[str, str, str, dict[str, Any]]] = []

    def note(name: str) -> None:
        def decide(workspace: Workspace, commit: str, *, by: Any, **more: Any) -> None:
            decided.append((name, workspace.pk, commit, {"by": by.name, **more}))

        monkeypatch.setattr(decisions, name, decide)

    for name in ("accept", "put_back", "revert", "merge_into_base"):
        note(name)
    return decided


@pytest.mark.parametrize(
    ("address", "form", "name", "more"),
    [
        ("accept", {"tip": TIP}, "accept", {"from_now_on": False}),
        ("accept", {"tip": TIP, "from_now_on": "1"}, "accept", {"from_now_on": True}),
        ("put-back", {"tip": TIP}, "put_back", {}),
        ("merge", {"tip": TIP}, "merge_into_base", {}),
        ("revert", {"commit": TIP}, "revert", {}),
    ],
)
def test_what_a_person_sent_counts_once_they_confirm_it(
    ana: Client, decided: list[Any], address: str, form: dict[str, str], name: str, more: dict[str, Any]
) -> None:
    a_workspace(name="Other")
    shop = a_workspace()
    asked = ana.post(f"/w/{shop.pk}/landing/{address}/", form)
    assert asked.status_code == 409 and decided == []
    to = re.search(rf'action="(/w/{shop.pk}/landing/[^"]*)"', asked.content.decode())
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', asked.content.decode()))
    assert to is not None
    assert ana.post(to[1], {**fields, **{key: OTHER for key in form if key != "from_now_on"}}).status_code == 409
    assert decided == [], "it was asked about another commit"
    assert ana.post(to[1], fields).status_code == 303
    assert decided == [(name, shop.pk, TIP, {"by": "ana", **more})]


@pytest.mark.parametrize("address", ["accept", "put-back", "merge", "revert"])
@pytest.mark.parametrize("commit", ["", "main", "a" * 6, "A" * 40, "a" * 65])
def test_what_is_no_commit_is_refused(ana: Client, decided: list[Any], address: str, commit: str) -> None:
    shop = a_workspace()
    answer = ana.post(f"/w/{shop.pk}/landing/{address}/", {"tip": commit, "commit": commit, "confirm": "1"}, follow=True)
    assert "Name a commit" in answer.content.decode() and decided == []
