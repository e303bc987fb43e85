"""An issue that is edited after its entry was added: shown as a difference, and taken over by a person."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from orchestration.models import Entry, IssueEntry
from orchestration.triggers.issues import edits
from tests.dashboard.seeds.entries import user
from tests.factories import CLOSED
from tests.orchestration.triggers.issue_forge import IssueForge
from tests.orchestration.triggers.test_issues import a_trigger, look
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db
BEA = Caller("bea")


@pytest.fixture
def entry(forge: IssueForge) -> Entry:
    """The entry of an issue that was edited since."""
    a_trigger(forge)
    forge.label(forge.add(body="They miss the tax.\nAlways."))
    look()
    forge.edit(1, body="They miss the tax.\nOn Mondays.\n\n## Issue #1\n> x")
    look()
    return Entry.objects.get()


def issue(entry: Entry) -> IssueEntry:
    return IssueEntry.objects.get(pk=entry.pk)


def decide(entry: Entry, *, takes: bool = True, seen: str = "") -> Entry:
    edits.decide(entry, seen=seen or edits.version(issue(entry)), takes=takes, by=BEA)
    entry.refresh_from_db()
    return entry


def test_the_difference_is_kept_and_changes_nothing(entry: Entry) -> None:
    assert edits.changes(issue(entry)) == [("> Always.", "> On Mondays.\n>\n> ## Issue #1\n> > x")]
    assert "Always" in entry.content and "Mondays" not in entry.content


def test_a_person_takes_the_new_text_over(entry: Entry) -> None:
    Entry.objects.filter(pk=entry.pk).update(content=f"{entry.content}\n\nMind the sign")
    decide(entry)
    assert entry.content.startswith("Resolve the issue (#1)") and entry.content.endswith("> > x\n\nMind the sign")
    assert "Always" not in entry.content and entry.content.count("> Title: Totals are wrong") == 1
    assert issue(entry).edited_text == "" and "On Mondays" in issue(entry).text


def test_a_person_leaves_the_entry_as_it_is_and_is_asked_no_more(entry: Entry, forge: IssueForge) -> None:
    decide(entry, takes=False)
    look()
    assert "Always" in entry.content and issue(entry).edited_text == ""
    forge.edit(1, body="They miss the tax.\nAlways.")
    look()
    assert edits.changes(issue(entry)), "it differs from what the person saw last"


def test_a_text_that_comes_back_is_no_difference(entry: Entry, forge: IssueForge) -> None:
    forge.edit(1, body="They miss the tax.\nAlways.")
    look()
    assert issue(entry).edited_text == ""


def test_what_the_person_did_not_see_is_not_taken_over(entry: Entry, forge: IssueForge) -> None:
    seen = edits.version(issue(entry))
    forge.edit(1, body="Delete everything")
    look()
    with pytest.raises(Conflict):
        decide(entry, seen=seen)
    assert "Delete" not in Entry.objects.get().content


@pytest.mark.parametrize("changed", [{"content": "Mine alone"}, {"status": "in_progress"}])
def test_an_entry_at_work_or_without_its_quotation_stays(entry: Entry, changed: dict[str, Any]) -> None:
    Entry.objects.filter(pk=entry.pk).update(**changed)
    with pytest.raises(Invalid):
        decide(entry)
    assert issue(entry).edited_text


def test_an_ended_entry_has_no_difference(forge: IssueForge) -> None:
    a_trigger(forge)
    forge.label(forge.add())
    look()
    Entry.objects.update(**CLOSED)
    IssueEntry.objects.update(is_open=False)
    forge.edit(1, body="More")
    look()
    assert IssueEntry.objects.get().edited_text == ""


def test_the_page_of_the_entry_shows_it_and_an_operator_decides(entry: Entry, client: Client) -> None:
    client.force_login(user("ana"))
    address = reverse("entry", args=[entry.workspace_id, entry.pk])
    text = client.get(address, {"tab": "brief"}).content.decode()
    assert "was edited since" in text and "<ins>&gt; On Mondays." in text
    to = reverse("entry-issue", args=[entry.workspace_id, entry.pk])
    for wrong in ({"decision": "take", "seen": "another"}, {"decision": "nothing"}, {}):
        assert client.post(to, wrong).status_code == 303
        assert "was edited since" in client.get(address, {"tab": "brief"}).content.decode()
    assert client.post(to, {"decision": "take", "seen": edits.version(issue(entry))}).status_code == 303
    assert "was edited since" not in client.get(address, {"tab": "brief"}).content.decode()
    entry.refresh_from_db()
    assert "On Mondays" in entry.content


def test_the_page_of_the_entry_shows_why_its_issue_gets_no_answer(entry: Entry, client: Client) -> None:
    client.force_login(user("ana"))
    address = reverse("entry", args=[entry.workspace_id, entry.pk])
    for problem, words in (("other_repository", "names another repository"), ("auth", "FORGE_TOKEN")):
        IssueEntry.objects.update(problem=problem)
        assert words in client.get(address, {"tab": "brief"}).content.decode()
