"""An entry is split on its page, and shown with its children."""

import re

from django.db.models.functions import Now
from django.test import Client

from budget import amounts
from budget.models import Account
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.backlog.tree import reads
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Executor, Session
from tests.dashboard.overview.test_page import in_line
from tests.factories import ANA
from workspaces.models import Workspace

PLAN = "- [ ] Parse dates (ref: parse; files: app/dates.py)\r\n- [ ] Use them (after: parse)\r\n"


def entry(workspace: Workspace, seq: int = 10) -> Entry:
    return Entry.objects.select_related("account").get(workspace=workspace, seq=seq)


def address(row: Entry, tail: str = "") -> str:
    return f"/w/{row.workspace_id}/backlog/{row.pk}/{tail}"


def halves(row: Entry) -> list[Entry]:
    return splitting.split(row, [Draft("First half"), Draft("Second half")], by=ANA)


def test_an_entry_is_split_by_a_checklist(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    assert "Split…" in otto.get(address(row, "?tab=children")).content.decode()
    response = otto.post(address(row, "split/"), {"plan": PLAN, "reason": "too large"})
    assert (response.status_code, response.url) == (303, address(row, "?tab=children"))  # type: ignore[attr-defined]
    first, second = Entry.objects.filter(parent=row).order_by("seq")
    assert (first.title, first.paths, first.priority) == ("Parse dates", ["app/dates.py"], row.priority)
    assert list(second.dependencies.values_list("depends_on", flat=True)) == [first.pk]
    page = otto.get(address(row, "?tab=children")).content.decode()
    assert "0 of 2</strong> done" in page and "Undo the split" in page and "Parse dates" in page
    assert f'part of <a href="{address(row, "?tab=children")}"' in in_line(otto.get(address(first)).content.decode())


def test_a_plan_that_cannot_be_split_comes_back_with_its_problems(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    for text, sentence in (
        ("hello", "The entry was not split"),
        ("- [ ] Only one", "Split it into 2 to 50 entries"),
        ("", "The entry was not split"),
    ):
        response = otto.post(address(row, "split/"), {"plan": text})
        assert response.status_code == 422
        assert sentence in response.content.decode() and text in response.content.decode()
    assert not Entry.objects.filter(parent=row).exists()


def test_a_split_is_undone_by_its_button(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    before = row.account.budget
    halves(row)
    otto.post(address(row, "rejoin/"))
    assert not entry(workspace).is_container
    assert entry(workspace).account.budget == before or not row.account.own_budget


def test_lists_show_progress_and_find_the_children(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    _first, _ = halves(row)
    page = otto.get(f"/w/{workspace.pk}/backlog/?q=parent:%23{row.seq}").content.decode()
    assert "First half" in page and "Second half" in page and f"#{row.seq}</a>" in page
    assert "0 of 2 children done" in otto.get(f"/w/{workspace.pk}/backlog/?q=%23{row.seq}").content.decode()
    assert otto.get(f"/w/{workspace.pk}/backlog/?reason=children_unfinished").content.decode().count("children done") == 1


def test_a_viewer_may_not_split(vera: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    assert "Split…" not in vera.get(address(row, "?tab=children")).content.decode()
    assert vera.post(address(row, "split/"), {"plan": PLAN}).status_code == 403


def test_the_question_before_deleting_counts_its_children(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    halves(row)
    assert "and 2 below it" in otto.post(address(row, "delete/")).content.decode()


def test_the_share_that_children_had_is_not_the_parents_after_an_undo(workspace: Workspace) -> None:
    row = entry(workspace)
    assert not row.account.own_budget
    before = reads.budgets([row.pk])[row.pk]
    splitting.split(row, [Draft("First half", budget=9_000_000), Draft("Second half")], by=ANA)
    splitting.undo(row, by=ANA)
    assert reads.budgets([row.pk])[row.pk] == before


def test_the_splitting_agent_is_named_with_what_it_may_spend(otto: Client, workspace: Workspace) -> None:
    executor = Executor.objects.get(pk=workspace.pk)
    expander = {"agent": {"command": "true"}, "run_usd": 0.1}
    Executor.objects.filter(pk=workspace.pk).update(config={**executor.config, "expander": expander})
    seen = in_line(otto.get(address(entry(workspace), "?tab=children")).content.decode())
    assert "An agent (your command) proposes; you decide. It spends at most $0.10." in seen


def test_prose_is_answered_with_how_to_write_a_child(otto: Client, workspace: Workspace) -> None:
    response = otto.post(address(entry(workspace), "split/"), {"plan": "First parse, then print."})
    assert "write each as a line that begins with `- [ ]`" in response.content.decode()


def test_an_entry_that_no_longer_improves_offers_to_split_it(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    Entry.objects.filter(pk=row.pk).update(status=Entry.Status.BLOCKED, reason_code=Reason.NO_IMPROVEMENT, reason_at=Now())
    assert 'id="act-split"' in otto.get(address(row)).content.decode()
    Entry.objects.filter(pk=row.pk).update(reason_code=Reason.HUMAN_HOLD)
    assert 'id="act-split"' not in otto.get(address(row)).content.decode()


def test_the_list_shows_children_below_their_entry_with_the_money_of_all(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    first, _ = halves(row)
    Account.objects.filter(pk=first.pk).update(budget=5_000_000)
    given = reads.budgets([row.pk])[row.pk]
    seen = in_line(otto.get(f"/w/{workspace.pk}/backlog/").content.decode())
    rows = re.findall(r'<tr id="row-([^"]+)"(?: class="(child-1)")?>', seen)
    place = rows.index((row.pk, ""))
    assert rows[place + 1] == (first.pk, "child-1") and rows[place + 2][1] == "child-1"
    assert f"of {amounts.format_usd(given)}" in seen.split(f'id="row-{row.pk}"')[1].split("</tr>")[0]
    assert "child-1" not in otto.get(f"/w/{workspace.pk}/backlog/?sort=-spent").content.decode()


def test_the_sessions_of_all_children_are_stopped_by_one_button(otto: Client, vera: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    running = Session.objects.filter(workspace=workspace, status=Session.Status.RUNNING, stop_wanted_at=None)
    for session, half in zip(running[:2], halves(row), strict=True):
        Session.objects.filter(pk=session.pk).update(entry=half)
    seen = otto.get(address(row, "?tab=children")).content.decode()
    token = re.search(r'id="stop-children-form".*?name="confirm" value="([^"]+)"', seen, re.S)
    assert token and "Stop 2 sessions" in seen and "stop-children" not in vera.get(address(row, "?tab=children")).content.decode()
    otto.post(address(row, "stop-children/"))
    assert not Session.objects.filter(entry__parent=row, stop_wanted_at__isnull=False).exists()
    otto.post(address(row, "stop-children/"), {"confirm": token[1]})
    assert Session.objects.filter(entry__parent=row, stop_wanted_at__isnull=False).count() == 2


def test_where_no_child_works_there_is_nothing_to_stop(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    halves(row)
    assert "stop-children" not in otto.get(address(row, "?tab=children")).content.decode()
    assert "there is nothing to stop" in otto.post(address(row, "stop-children/"), follow=True).content.decode()


def test_a_budget_of_its_own_and_one_that_is_locked_are_divided(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace)
    for own, locked in ((True, False), (False, True), (False, False)):
        Account.objects.filter(pk=row.pk).update(own_budget=own, human_locked=locked)
        assert bool(otto.get(address(row, "split/")).context["divides"]) is (own or locked)


def test_all_problems_of_a_plan_come_back(otto: Client, workspace: Workspace) -> None:
    text = "- [ ] A (after: #97)\n- [ ] B (after: #98)\n"
    problems = otto.post(address(entry(workspace), "split/"), {"plan": text}).context["problems"]
    assert [problem.line for problem in problems] == [1, 2] and "#98" in problems[1].message
