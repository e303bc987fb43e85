"""The rail: its numbers, which link is chosen, and where each leads, with reasons in more than one state and another workspace beside."""

from typing import Any

import pytest

from dashboard.entries import filters, rail
from dashboard.shared import counts
from orchestration.models import Entry, Question, Session
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, CLOSED, a_workspace, an_entry
from workspaces.models import Workspace
from workspaces.people import saved_views

STUCK = {"reason_code": "rounds_exhausted", "reason_message": "x"}


@pytest.fixture
def shop(db: None) -> Workspace:
    """#1 and #2 are ready; #3 blocked and #4 failed for one reason, #5 on hold, #6 done; #7 waits for its provider."""
    shop, other = a_workspace(), a_workspace(name="Other")
    for where in (shop, other):
        for _ in range(7):
            an_entry(where)
        rows = Entry.objects.filter(workspace=where)
        rows.filter(seq=3).update(status="blocked", **STUCK)
        rows.filter(seq=4).update(status="failed", **STUCK)
        rows.filter(seq=5).update(status="blocked", reason_code="human_hold", reason_message="x")
        rows.filter(seq=6).update(**CLOSED)
        rows.filter(seq=7).update(not_before="2999-01-01T00:00:00Z")
    return shop


def counted(shop: Workspace, **query: str) -> rail.Counts:
    return rail.count(page_request(shop, **query), filters.read(page_request(shop, **query)))


def ask(shop: Workspace, seq: int) -> None:
    entry = Entry.objects.get(workspace=shop, seq=seq)
    session = Session.objects.create(entry=entry, workspace=shop, attempt=9, status="ended", outcome="asked")
    Question.objects.create(workspace=shop, entry=entry, session=session, name="1", text="Which?")


def test_each_state_and_reason_is_counted_once(shop: Workspace) -> None:
    known = counted(shop)
    kinds = {"ready": 2, "running": 0, "review": 0, "waiting": 1, "blocked": 2, "failed": 1, "done": 1}
    assert known.by_kind == kinds and known.total == 7
    reasons = {("waiting", "agent_unavailable"): 1, ("blocked", "rounds_exhausted"): 1, ("blocked", "human_hold"): 1,
               ("failed", "rounds_exhausted"): 1}  # fmt: skip
    assert known.by_reason == reasons
    for status, reason, number in (
        ("", "", 7), ("open", "", 6), ("stuck", "", 3), ("blocked", "", 2), ("blocked", "rounds_exhausted", 1),
        ("", "rounds_exhausted", 2), ("stuck", "rounds_exhausted", 2), ("failed", "human_hold", 0),
        ("landed", "", None), ("ready", "executor_paused", None),
    ):  # fmt: skip
        assert known.matching(status, reason) == number, (status, reason)


def test_those_that_ask_move_from_every_state_of_theirs_to_review(shop: Workspace) -> None:
    for seq in (1, 7):
        ask(shop, seq)
    known = counted(shop)
    assert known.by_kind == {"ready": 1, "running": 0, "review": 2, "waiting": 0, "blocked": 2, "failed": 1, "done": 1}
    assert known.by_reason["review", "waiting_for_answer"] == 2 and known.by_reason["waiting", "agent_unavailable"] == 0


def test_a_group_that_is_too_large_to_be_counted_stays_so(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(shop, 1)
    monkeypatch.setattr(counts, "COUNTED_TO", 1)
    known = counted(shop)
    assert (known.by_kind["ready"], counts.text(known.by_kind["ready"]), known.by_kind["review"]) == (2, "1+", 1)


def chosen(shop: Workspace, **query: str) -> list[str]:
    request = page_request(shop, **query)
    items = rail.build(request, filters.read(request), counted(shop, **query))
    return [link["word"] for item in items for link in (item, *item.get("under", [])) if link["chosen"]]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, ["All"]),
        ({"status": "blocked"}, ["Blocked"]),
        ({"reason": "human_hold"}, []),
        ({"status": "blocked", "reason": "human_hold"}, ["On hold"]),
        ({"status": "blocked", "reason": "merge_conflict"}, ["Merge conflict"]),
        ({"status": "stuck"}, []),
    ],
)
def test_one_link_at_most_is_chosen(shop: Workspace, query: dict[str, str], words: list[str]) -> None:
    assert chosen(shop, **query) == words


def test_a_chosen_reason_that_nothing_has_stays_in_the_rail_unless_it_is_not_stored(shop: Workspace) -> None:
    for reason, shown in (("merge_conflict", True), ("executor_paused", False), ("no_such_reason", False)):
        request = page_request(shop, status="blocked", reason=reason)
        items = rail.build(request, filters.read(request), counted(shop, status="blocked", reason=reason))
        under = {link["word"]: link["n"] for item in items for link in item.get("under", [])}
        assert ("0" in under.values()) is shown, reason


def listed(shop: Workspace, **query: str) -> list[dict[str, Any]]:
    request = page_request(shop, **query)
    return rail.groups(request, filters.read(request))


def test_groups_are_those_of_the_other_filters_in_the_order_of_the_backlog(shop: Workspace) -> None:
    rows = Entry.objects.filter(workspace=shop)
    rows.filter(seq__in=[2, 5]).update(group="Zoo")
    rows.filter(seq__in=[3, 6]).update(group="Art")
    rows.filter(seq=3).update(priority=0)
    Entry.objects.exclude(workspace=shop).update(group="Theirs")
    assert [(each["word"], each["n"], each["chosen"], each["query"]) for each in listed(shop)] == [
        ("Zoo", "2", False, "group=Zoo"), ("Art", "2", False, "group=Art")]  # fmt: skip
    assert [(each["word"], each["n"], each["chosen"], each["query"]) for each in listed(shop, group="Art", status="blocked")] == [
        ("Art", "1", True, "status=blocked"), ("Zoo", "1", False, "status=blocked&group=Zoo")]  # fmt: skip


def test_the_saved_views_of_the_workspace_are_read_by_name_with_the_groups(shop: Workspace) -> None:
    other = Workspace.objects.exclude(pk=shop.pk).get()
    for where, name in ((shop, "Stuck"), (shop, "Mine"), (other, "Theirs")):
        saved_views.save(where, name, f"q={name}", by=ANA)
    request = page_request(shop)
    rail.groups(request, filters.read(request))
    assert [(view.name, view.query) for view in request.memo["views"]] == [("Mine", "q=Mine"), ("Stuck", "q=Stuck")]
