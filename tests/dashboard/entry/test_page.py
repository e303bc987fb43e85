"""The page of one entry: its tabs, what changes it, and what the executor would ask before it starts it."""

import re

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from budget import ledger
from dashboard.entry.preflight import NAMES
from orchestration.backlog import entries, entry_actions
from orchestration.dialogue import questions
from orchestration.edge import queries
from orchestration.executor import control, explain
from orchestration.models import Entry, FileLock, Question, Round, Session
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.shared.test_forms import HTMX, entry
from workspaces.models import Event, Workspace

TABS = ["", "talk", "brief", "deps", "locks", "budget", "history"]


def at(target: Entry, tail: str = "") -> str:
    return f"/w/{target.workspace_id}/backlog/{target.pk}/{tail}"


def startable(workspace: Workspace) -> Entry:
    """#4 starts in the next cycle: nobody is at work, and its files are free."""
    for session in Session.objects.filter(workspace=workspace, status__in=Session.OPEN):
        Session.objects.filter(pk=session.pk).update(status="ended", ended_by_version="0.2.0", outcome="stopped")
        if session.hold_id:
            ledger.settle(session.hold_id)
        Entry.objects.filter(pk=session.entry_id).update(status="pending")
    FileLock.objects.all().delete()
    Entry.objects.filter(workspace=workspace).update(parked_behind=None)
    others = Entry.objects.filter(workspace=workspace, status="pending").exclude(seq=5)
    others.update(status="blocked", reason_code="human_hold")  # none goes first
    return entry(workspace, 5)


def test_the_head_shows_status_reason_and_time(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, at(entry(workspace, 5)), fragment="status")
    holder = entry(workspace, 4)
    assert "Waiting for app/export" in seen and f"/backlog/{holder.pk}/" in seen
    assert re.search(r"for <time [^>]*data-since=[^>]*>\d+s<", seen) and "since <" not in seen
    assert "1 more reason" in seen


def test_what_it_changed_is_offered_once_something_is_committed(ana: Client, workspace: Workspace) -> None:
    target = entry(workspace, 1)
    assert "View changes" not in text_of(ana, at(target)) and "View changes" not in text_of(ana, at(entry(workspace, 11)))
    Round.objects.filter(entry=target, number=1).update(commit="a" * 40)
    assert f'href="{at(target, "diff/")}">View changes' in text_of(ana, at(target), fragment="status")


def test_a_reason_field_is_marked_optional_and_recorded(otto: Client, workspace: Workspace) -> None:
    target = entry(workspace, 11)
    seen = text_of(otto, at(target))
    assert 'for="act-reason">Reason <span class="muted">(optional)' in seen
    release = seen.partition('id="act-release"')[2].partition(">")[0]
    assert f'formaction="{at(target)}release/"' in release
    otto.post(at(target, "release/"), {"reason": "the key is back"})
    assert Event.objects.get(object_id=target.pk, verb="entry.released").reason == "the key is back"


def test_crumbs_lead_back_from_the_entry_and_from_what_is_below_it(ana: Client, workspace: Workspace) -> None:
    target, up = entry(workspace, 1), f'href="/w/{workspace.pk}/backlog/">Backlog<'
    for tail in ("", "diff/", "rounds/1/", "preflight/"):
        crumbs = text_of(ana, at(target, tail)).partition('aria-label="Breadcrumb"')[2].partition("</nav>")[0]
        assert up in crumbs and (not tail or f'href="{at(target)}">#1<' in crumbs), tail


def test_the_most_expensive_round_is_marked_next_to_the_link_to_its_changes(ana: Client, workspace: Workspace) -> None:
    target = entry(workspace, 1)
    seen = text_of(ana, at(target), fragment="rounds")
    row = next(row for row in seen.split("<tr") if "most expensive" in row)
    assert seen.count("most expensive") == 1 and "$0.31" in row and f"{at(target)}rounds/1/#diff" in row


@pytest.mark.parametrize(
    ("tab", "seq", "facts"),
    [
        ("brief", 1, ["2h 5m", "All tests pass", "app/duration.py", "Runs alone", "Assigned to"]),
        ("deps", 8, ["Reject negative prices", "Cache the exchange rates", "Add a dependency", "Remove"]),
        ("locks", 5, ["app/export/csv.py", "Locked", "Write the CSV export"]),
        ("locks", 4, ["Locked by this entry", "Sort invoices by due date"]),
        ("budget", 1, ["Effective", "Cost per point"]),
        ("history", 11, ["set the budget of", "$0.02", "only a small change"]),
    ],
)
def test_each_tab_has_its_facts(ana: Client, workspace: Workspace, tab: str, seq: int, facts: list[str]) -> None:
    seen = text_of(ana, at(entry(workspace, seq)), tab=tab)
    for fact in facts:
        assert fact in seen, fact


def test_a_tab_that_there_is_not_is_named_and_left(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, at(entry(workspace, 1)), tab="secrets", nonsense="1")
    assert "Ignored in the address: tab, nonsense" in seen and 'id="rounds"' in seen


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_takes_the_same_few_queries_for_any_backlog(ana: Client, tab: str) -> None:
    counts = []
    for number in (10, 500):
        workspace = seed.empty(str(number), cap="9000", budget="9000")
        counts.append(statements(ana, at(seed.plenty(workspace, number)[4]), tab=tab))
    assert counts[0] == counts[1], (tab, counts)
    assert counts[0] <= 12, (tab, counts)


def test_a_viewer_sees_every_tab_and_no_control(vera: Client, workspace: Workspace) -> None:
    for seq in (1, 5):
        for tab in TABS:
            seen = text_of(vera, at(entry(workspace, seq)), tab=tab)
            assert seen.count('method="post"') == 2, tab  # the theme and the log-out
        assert 'method="post"' not in text_of(vera, at(entry(workspace, seq)), fragment="preflight")


def test_posts_are_refused_to_a_viewer(vera: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    for tail in ("dispatch/", "depend/", "undepend/", "set/priority/", "set/assign/", "set/parallel/"):
        assert vera.post(at(target, tail), {"reason": "x", "depends_on": "2", "priority": "low"}).status_code == 403, tail
    assert entry(workspace, 5).priority == target.priority


def test_priority_assignment_and_company_are_plain_forms(otto: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    otto.post(at(target, "set/priority/"), {"priority": "critical"})
    otto.post(at(target, "set/assign/"), {"assigned_to": "Bea"})
    otto.post(at(target, "set/parallel/"), {"alone": "on", "parallel_group": "db"})
    target = entry(workspace, 5)
    assert (target.priority, target.assigned_to, target.parallelizable, target.parallel_group) == (0, "Bea", False, "db")
    assert otto.post(at(target, "set/priority/"), {"priority": "9"}, headers=HTMX).status_code == 422
    assert otto.post(at(target, "set/owner/"), {}).status_code == 404


def test_a_dependency_is_added_by_number_or_as_the_list_offers_it(otto: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    assert otto.post(at(target, "depend/"), {"depends_on": "#2"}).status_code == 303
    otto.post(at(target, "depend/"), {"depends_on": "#6 Send a reminder three days before"})
    assert sorted(target.dependencies.values_list("depends_on__seq", flat=True)) == [2, 6]
    otto.post(at(target, "undepend/"), {"depends_on": "2"})
    assert list(target.dependencies.values_list("depends_on__seq", flat=True)) == [6]


@pytest.mark.parametrize("typed", ["", "x", "#", "9" * 16, "-1", "\x00", "#999", "#1.5"])
def test_what_is_no_entry_is_no_dependency(otto: Client, workspace: Workspace, typed: str) -> None:
    response = otto.post(at(entry(workspace, 5), "depend/"), {"depends_on": typed}, headers=HTMX)
    assert response.status_code in (404, 422) and not entry(workspace, 5).dependencies.exists()


def test_a_cycle_is_named_where_it_was_asked_for(otto: Client, workspace: Workspace) -> None:
    response = otto.post(at(entry(workspace, 2), "depend/"), {"depends_on": "8"}, headers=HTMX)
    assert response.status_code == 422 and "in progress" in in_line(response.content.decode())
    five, twelve = entry(workspace, 5), entry(workspace, 12)
    otto.post(at(five, "depend/"), {"depends_on": "12"})
    response = otto.post(at(twelve, "depend/"), {"depends_on": "5"}, headers=HTMX)
    assert response.status_code == 422 and "#12 → #5 → #12" in in_line(response.content.decode())


def rows_of(seen: str) -> list[tuple[str, bool]]:
    parts = seen.split('data-check="')[1:]
    return [(part.split('"')[0], "Pass<" in part.split("</tr>")[0]) for part in parts]


@pytest.mark.parametrize("seq", [3, 5, 8, 10, 11, 12])
def test_the_preflight_is_the_executors_own_result(ana: Client, workspace: Workspace, seq: int) -> None:
    """Acceptance point 10: the same ids, in the same order, as the scheduler and the API have them."""
    target = entry(workspace, seq)
    shown = rows_of(text_of(ana, at(target, "preflight/")))
    checks = explain.reasons(workspace.pk, [target.pk])[target.pk].checks
    assert shown == [(check.code, check.passed) for check in checks] and len(shown) == len(NAMES)
    [row] = queries.shown_entries(workspace.pk, [target])
    assert [code for code, passed in shown if not passed] == [reason["code"] for reason in row["reasons"]]


@pytest.mark.parametrize("seq", [3, 5, 8, 10, 11, 12])
def test_a_check_that_fails_leads_to_its_fix_and_nothing_passes_by_it(ana: Client, workspace: Workspace, seq: int) -> None:
    target = entry(workspace, seq)
    seen = text_of(ana, at(target), fragment="preflight")
    assert "dispatch-entry" not in seen and "ypass" not in seen
    for part in seen.split('data-check="')[1:]:
        row = part.split("</tr>")[0]
        assert ("<a href=" in row.split("Fix")[1]) == ("Fail<" in row)
    before = Session.objects.count()
    response = ana.post(at(target, "dispatch/"), {"reason": "now"}, headers=HTMX)
    assert response.status_code == 409 and "Nothing was overridden" in in_line(response.content.decode())
    assert Session.objects.count() == before and not Event.objects.filter(verb="entry.dispatch").exists()


def test_dispatch_now_starts_it_and_names_the_session(otto: Client, workspace: Workspace) -> None:
    target = startable(workspace)
    assert 'id="dispatch-entry"' in text_of(otto, at(target), fragment="preflight")
    assert otto.post(at(target, "dispatch/"), {"reason": " "}, headers=HTMX).status_code == 422
    response = otto.post(at(target, "dispatch/"), {"reason": "the customer waits"}, headers=HTMX).content.decode()
    event = Event.objects.get(verb="entry.dispatch")
    assert (event.actor, event.reason, event.object_id) == ("otto", "the customer waits", target.pk)
    session = Session.objects.filter(entry=target, status="claimed").first()
    if session is None:  # others were before it in line, and took the room
        assert "was not started:" in response and "The same cycle started" in response
        return
    assert f'<a href="{reverse("session", args=[workspace.pk, session.pk])}">' in response and "as round 1" in response


def test_a_paused_executor_dispatches_nothing(otto: Client, workspace: Workspace) -> None:
    target = startable(workspace)
    control.pause(workspace.pk, by=seed.ANA)
    response = otto.post(at(target, "dispatch/"), {"reason": "now"}, headers=HTMX)
    assert response.status_code == 409 and "The executor is paused" in in_line(response.content.decode())


def test_what_is_at_work_or_done_has_nothing_to_dispatch(otto: Client, workspace: Workspace) -> None:
    for seq, words in ((1, "reopen it first"), (2, "already in progress")):
        assert words in text_of(otto, at(entry(workspace, seq), "preflight/"))
        assert otto.post(at(entry(workspace, seq), "dispatch/"), {"reason": "x"}, headers=HTMX).status_code == 409


def test_superusers_find_the_way_to_the_admin_site(ana: Client, otto: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    edit = reverse("admin:orchestration_entry_change", args=[quote(target.pk)])
    assert edit in text_of(ana, at(target)) and edit not in text_of(otto, at(target))


def test_another_workspaces_entry_is_no_page(ana: Client, nils: Client, workspace: Workspace) -> None:
    target, other = entry(workspace, 1), seed.empty("Other")
    for tail in ("", "rounds/1/", "rounds/1/patch/", "diff/", "diff/patch/", "preflight/"):
        assert nils.get(at(target, tail)).status_code == 404
        assert ana.get(f"/w/{other.pk}/backlog/{target.pk}/{tail}").status_code == 404


def test_a_deleted_entry_is_gone(ana: Client, workspace: Workspace) -> None:
    target = entry(workspace, 10)
    entries.delete(target, by=seed.ANA)
    assert ana.get(at(target)).status_code == 404 and ana.get(at(target, "diff/")).status_code == 404


def out_of_money(workspace: Workspace) -> Entry:
    return Entry.objects.filter(workspace=workspace, status="blocked", reason_code="budget_exceeded")[0]


def test_out_of_money_it_links_to_its_budget_for_the_budget_role(ana: Client, otto: Client, workspace: Workspace) -> None:
    target = out_of_money(workspace)
    button = f'href="{at(target)}?tab=budget">Raise budget'
    assert button in text_of(ana, at(target), fragment="status")
    assert button not in text_of(otto, at(target), fragment="status")
    assert f'<details class="pick" id="budget-{target.pk}" open>' in text_of(ana, f"{at(target)}?tab=budget")


def test_a_release_without_money_warns_of_the_next_block(otto: Client, workspace: Workspace) -> None:
    response = in_line(otto.post(at(out_of_money(workspace), "release/"), headers=HTMX).content.decode())
    assert "is resumed, but blocked again: " in response and "a round needs" in response


def asked(workspace: Workspace, text: str = "Which <b>one</b>?") -> Question:
    """A question of #5's agent, whose session has ended."""
    target = entry(workspace, 5)
    session = Session.objects.create(entry=target, workspace=workspace, attempt=99, status="ended", outcome="asked")
    questions.ask(session, "1", text)
    return Question.objects.get(session=session)


def test_a_question_is_plain_text_and_answered_by_a_form(otto: Client, vera: Client, workspace: Workspace) -> None:
    question = asked(workspace)
    target = question.entry
    assert "asks: Which &lt;b&gt;one&lt;/b&gt;?" in text_of(otto, f"/w/{workspace.pk}/", fragment="attention")
    seen = text_of(otto, at(target), tab="talk")
    assert "Which &lt;b&gt;one&lt;/b&gt;?" in seen and f'name="question" value="{question.pk}"' in seen
    form = {"question": question.pk, "answer": "The second.\r\nAlways."}
    assert vera.post(at(target, "answer/"), form).status_code == 403
    assert otto.post(at(target, "answer/"), form).status_code == 303
    question.refresh_from_db()
    assert (question.answer, question.answered_by) == ("The second.\nAlways.", "otto")
    assert "The second." in text_of(vera, at(target), tab="talk")
    assert otto.post(at(target, "answer/"), form | {"answer": "No, the first."}, headers=HTMX).status_code == 409


def test_an_instruction_lets_a_blocked_entry_try_again(otto: Client, vera: Client, workspace: Workspace) -> None:
    target = entry(workspace, 5)
    entry_actions.put_on_hold(target, by=seed.ANA)
    assert "Try again with this" in text_of(otto, at(target), tab="talk")
    form = {"text": "Read the log first.", "retry": "on"}
    assert vera.post(at(target, "instruct/"), form).status_code == 403
    assert otto.post(at(target, "instruct/"), form).status_code == 303
    target.refresh_from_db()
    assert target.status == "pending"
    seen = text_of(vera, at(target), tab="talk")
    assert "Read the log first." in seen and "Queued" in seen
    for text in ("", " ", "x" * 4001, "a\x00b"):
        assert otto.post(at(target, "instruct/"), {"text": text}, headers=HTMX).status_code == 422


def test_a_message_goes_to_a_session_at_work(otto: Client, vera: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").order_by("id")[0]
    address = f"/w/{workspace.pk}/sessions/{session.pk}/"
    assert 'id="message-text"' in text_of(otto, address) and 'id="message-text"' not in text_of(vera, address)
    assert vera.post(f"{address}message/", {"text": "Hurry."}).status_code == 403
    assert otto.post(f"{address}message/", {"text": "Hurry."}).status_code == 303
    assert "Hurry." in text_of(vera, at(session.entry), tab="talk")
    Session.objects.filter(pk=session.pk).update(status="ended", ended_by_version="0.2.0", outcome="stopped")
    assert otto.post(f"{address}message/", {"text": "Hurry."}, headers=HTMX).status_code == 409
