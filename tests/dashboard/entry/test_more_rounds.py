"""One round more for every entry that is out of rounds, and the way back."""

import re
from typing import Any

import pytest
from django.test import Client

from orchestration.backlog import entry_edits
from orchestration.models import Entry
from tests.dashboard.conftest import client_of
from tests.factories import ANA, a_workspace, an_entry
from workspaces.models import Event, Workspace

HTMX = {"HX-Request": "true"}
OUT = {"status": "failed", "reason_code": "rounds_exhausted", "rounds_completed": 5, "budget_rounds": 5, "has_rounds": True}


@pytest.fixture
def workspace(db: None) -> Workspace:
    return a_workspace(max_workers=9)


@pytest.fixture
def spent(workspace: Workspace) -> list[Entry]:
    entries = [an_entry(workspace) for _ in range(3)]
    Entry.objects.filter(pk__in=[entry.pk for entry in entries]).update(**OUT)
    return entries


def state(entry: Entry) -> tuple[str, str, int]:
    entry.refresh_from_db()
    return entry.status, entry.reason_code, entry.budget_rounds


def raise_all(client: Client, workspace: Workspace, **fields: str) -> str:
    answer = client.post(f"/w/{workspace.pk}/backlog/more-rounds/", fields, headers=HTMX)
    return re.sub(r"\s+", " ", answer.content.decode())


def picked(answer: str) -> str:
    match = re.search(r'name="pick" value="([^"]+)"', answer)
    assert match, answer
    return match[1]


def test_all_that_are_out_of_rounds_go_on_with_one_more(otto: Client, workspace: Workspace, spent: list[Entry]) -> None:
    untouched = an_entry(workspace)
    answer = raise_all(otto, workspace)
    assert "3 entries may make one round more" in answer
    assert {state(entry) for entry in spent} == {("pending", "", 6)}
    assert state(untouched)[2] != 6
    assert Event.objects.filter(workspace=workspace, verb="entry.rounds").count() == 3


def test_it_is_undone_for_those_that_have_not_begun(otto: Client, workspace: Workspace, spent: list[Entry]) -> None:
    pick = picked(raise_all(otto, workspace))
    Entry.objects.filter(pk=spent[0].pk).update(status="in_progress")
    answer = raise_all(otto, workspace, pick=pick)
    assert "2 entries are out of rounds again; 1 entry had begun or changed, and keeps the round" in answer
    assert state(spent[0])[2] == 6
    assert {state(entry) for entry in spent[1:]} == {("failed", "rounds_exhausted", 5)}
    assert spent[1].reason_message == "All 5 rounds are used up: raise its rounds to continue"


@pytest.mark.parametrize(
    "since",
    [
        {"rounds_completed": 6, "reason_code": "waiting_for_approval"},
        {"rounds_completed": 6, "budget_rounds": 7},  # it was sent back
        {"budget_rounds": 9},
        {"status": "blocked", "reason_code": "human_hold"},
    ],
)
def test_what_went_on_or_was_changed_since_is_not_undone(
    otto: Client, workspace: Workspace, spent: list[Entry], since: dict[str, Any]
) -> None:
    pick = picked(raise_all(otto, workspace))
    Entry.objects.filter(pk__in=[entry.pk for entry in spent]).update(**since)
    before = [state(entry) for entry in spent]
    assert "They have begun since, or were changed" in raise_all(otto, workspace, pick=pick)
    assert [state(entry) for entry in spent] == before


@pytest.mark.parametrize("pick", ["x", "entry_1:", "entry_1:2;", "entry_1:-1", "nobody:6"])
def test_an_undo_of_nothing_is_refused(otto: Client, workspace: Workspace, spent: list[Entry], pick: str) -> None:
    answer = otto.post(f"/w/{workspace.pk}/backlog/more-rounds/", {"pick": pick}, headers=HTMX)
    assert 400 <= answer.status_code < 500 and {state(entry)[2] for entry in spent} == {5}


def test_nothing_is_raised_or_undone_twice(otto: Client, workspace: Workspace, spent: list[Entry]) -> None:
    pick = picked(raise_all(otto, workspace))
    assert "No entry is out of rounds any more" in raise_all(otto, workspace)
    raise_all(otto, workspace, pick=pick)
    assert "They have begun since" in raise_all(otto, workspace, pick=pick)
    assert {state(entry)[2] for entry in spent} == {5}


def test_who_may_not_operate_raises_nothing(workspace: Workspace, spent: list[Entry]) -> None:
    vera = client_of("vera", "viewer", workspace)
    assert vera.post(f"/w/{workspace.pk}/backlog/more-rounds/", headers=HTMX).status_code == 403
    assert {state(entry)[2] for entry in spent} == {5}


def test_an_entry_that_is_not_out_of_rounds_gets_none(workspace: Workspace) -> None:
    assert entry_edits.give_rounds([an_entry(workspace)], 1, by=ANA) == []
