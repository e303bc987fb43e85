"""The page of one entry: its tabs, what changes it, and what the executor would ask before it starts it."""

import re

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from dashboard.entry.preflight import NAMES
from orchestration import queries
from orchestration.backlog import entries
from orchestration.executor import control, explain
from orchestration.models import Entry, FileLock, Round, Session
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.shared.test_forms import HTMX, entry
from workspaces.models import Event, Workspace

TABS = ["", "brief", "deps", "locks", "budget", "history"]


def at(one: Entry, tail: str = "") -> str:
    return f"/w/{one.workspace_id}/entries/{one.pk}/{tail}"


def startable(workspace: Workspace) -> Entry:
    """#4 starts in the next cycle: nobody is at work, and its files are free."""
    for session in Session.objects.filter(workspace=workspace, status__in=Session.OPEN):
        Session.objects.filter(pk=session.pk).update(status="ended", outcome="stopped")
        Entry.objects.filter(pk=session.entry_id).update(status="pending")
    FileLock.objects.all().delete()
    Entry.objects.filter(workspace=workspace).update(parked_behind=None)
    return entry(workspace, 5)


def test_the_head_says_where_it_stands_why_and_since_when(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, at(entry(workspace, 5)), fragment="standing")
    holder = entry(workspace, 4)
    assert "Waiting for app/export" in seen and f"/entries/{holder.pk}/" in seen
    assert re.search(r"for <time [^>]*data-since=[^>]*>\d+s<", seen) and "since <" not in seen
    assert "Each +0.01 of score" in seen and "1 more in the way" in seen


def test_what_it_changed_is_offered_once_something_is_committed(ana: Client, workspace: Workspace) -> None:
    one = entry(workspace, 1)
    assert "What it changed" not in text_of(ana, at(one)) and "What it changed" not in text_of(ana, at(entry(workspace, 11)))
    Round.objects.filter(entry=one, number=1).update(commit="a" * 40)
    assert f'href="{at(one, "diff/")}">What it changed' in text_of(ana, at(one), fragment="standing")


def test_a_reason_says_that_it_may_be_left_out_and_where_it_is_kept(otto: Client, workspace: Workspace) -> None:
    assert 'for="act-reason">Reason <span class="muted">(optional, kept in its history)' in text_of(
        otto, at(entry(workspace, 11))
    )


def test_crumbs_lead_back_from_the_entry_and_from_what_is_below_it(ana: Client, workspace: Workspace) -> None:
    one, up = entry(workspace, 1), f'href="/w/{workspace.pk}/entries/">Entries<'
    for tail in ("", "diff/", "rounds/1/", "preflight/"):
        crumbs = text_of(ana, at(one, tail)).partition('aria-label="Breadcrumb"')[2].partition("</nav>")[0]
        assert up in crumbs and (not tail or f'href="{at(one)}">#1<' in crumbs), tail


def test_the_dearest_round_is_named_and_led_to(ana: Client, workspace: Workspace) -> None:
    one = entry(workspace, 1)
    seen = text_of(ana, at(one), fragment="rounds")
    assert "Round 1 cost the most: $0.31" in seen and f"{at(one)}rounds/1/#diff" in seen
    assert seen.count("most expensive") == 1 and "better" in seen


@pytest.mark.parametrize(
    ("tab", "seq", "facts"),
    [
        ("brief", 1, ["2h 5m", "All tests pass", "app/duration.py", "Runs alone", "Assigned to"]),
        ("deps", 8, ["Reject negative prices", "Cache the exchange rates", "Wait for another entry", "Remove"]),
        ("locks", 5, ["app/export/csv.py", "In its way", "Write the CSV export"]),
        ("locks", 4, ["Held by this entry", "Sort invoices by due date"]),
        ("budget", 1, ["Effective", "Each +0.01 of score"]),
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
    asked = []
    for number in (10, 500):
        workspace = seed.empty(str(number), cap="9000", budget="9000")
        asked.append(statements(ana, at(seed.plenty(workspace, number)[4]), tab=tab))
    assert asked[0] == asked[1], (tab, asked)
    assert asked[0] <= 12, (tab, asked)


def test_a_viewer_sees_every_tab_and_no_control(vera: Client, workspace: Workspace) -> None:
    for seq in (1, 5):
        for tab in TABS:
            seen = text_of(vera, at(entry(workspace, seq)), tab=tab)
            assert seen.count('method="post"') == 2, tab  # the theme and the log-out
        assert 'method="post"' not in text_of(vera, at(entry(workspace, seq)), fragment="preflight")


def test_posts_are_refused_to_a_viewer(vera: Client, workspace: Workspace) -> None:
    one = entry(workspace, 5)
    for tail in ("dispatch/", "depend/", "undepend/", "set/priority/", "set/assign/", "set/beside/"):
        assert vera.post(at(one, tail), {"reason": "x", "depends_on": "2", "priority": "low"}).status_code == 403, tail
    assert entry(workspace, 5).priority == one.priority


def test_priority_assignment_and_company_are_plain_forms(otto: Client, workspace: Workspace) -> None:
    one = entry(workspace, 5)
    otto.post(at(one, "set/priority/"), {"priority": "critical"})
    otto.post(at(one, "set/assign/"), {"assigned_to": "Bea"})
    otto.post(at(one, "set/beside/"), {"alone": "on", "parallel_group": "db"})
    one = entry(workspace, 5)
    assert (one.priority, one.assigned_to, one.parallelizable, one.parallel_group) == (0, "Bea", False, "db")
    assert otto.post(at(one, "set/priority/"), {"priority": "9"}, headers=HTMX).status_code == 422
    assert otto.post(at(one, "set/owner/"), {}).status_code == 404


def test_a_dependency_is_added_by_number_or_as_the_list_offers_it(otto: Client, workspace: Workspace) -> None:
    one = entry(workspace, 5)
    assert otto.post(at(one, "depend/"), {"depends_on": "#2"}).status_code == 303
    otto.post(at(one, "depend/"), {"depends_on": "#6 Send a reminder three days before"})
    assert sorted(one.dependencies.values_list("depends_on__seq", flat=True)) == [2, 6]
    otto.post(at(one, "undepend/"), {"depends_on": "2"})
    assert list(one.dependencies.values_list("depends_on__seq", flat=True)) == [6]


@pytest.mark.parametrize("said", ["", "x", "#", "9" * 16, "-1", "\x00", "#999", "#1.5"])
def test_what_is_no_entry_is_no_dependency(otto: Client, workspace: Workspace, said: str) -> None:
    answer = otto.post(at(entry(workspace, 5), "depend/"), {"depends_on": said}, headers=HTMX)
    assert answer.status_code in (404, 422) and not entry(workspace, 5).dependencies.exists()


def test_a_cycle_is_named_where_it_was_asked_for(otto: Client, workspace: Workspace) -> None:
    answer = otto.post(at(entry(workspace, 2), "depend/"), {"depends_on": "8"}, headers=HTMX)
    assert answer.status_code == 422 and "in progress" in in_line(answer.content.decode())
    five, twelve = entry(workspace, 5), entry(workspace, 12)
    otto.post(at(five, "depend/"), {"depends_on": "12"})
    answer = otto.post(at(twelve, "depend/"), {"depends_on": "5"}, headers=HTMX)
    assert answer.status_code == 422 and "#12 → #5 → #12" in in_line(answer.content.decode())


def rows_of(seen: str) -> list[tuple[str, bool]]:
    parts = seen.split('data-check="')[1:]
    return [(part.split('"')[0], "Pass<" in part.split("</tr>")[0]) for part in parts]


@pytest.mark.parametrize("seq", [3, 5, 8, 10, 11, 12])
def test_the_preflight_is_the_executors_own_result(ana: Client, workspace: Workspace, seq: int) -> None:
    """Acceptance point 10: the same ids, in the same order, as the scheduler and the API have them."""
    one = entry(workspace, seq)
    shown = rows_of(text_of(ana, at(one, "preflight/")))
    asked = explain.reasons(workspace.pk, [one.pk])[one.pk].checks
    assert shown == [(check.code, check.passed) for check in asked] and len(shown) == len(NAMES)
    [told] = queries.shown_entries(workspace.pk, [one])
    assert [code for code, passed in shown if not passed] == [reason["code"] for reason in told["reasons"]]


@pytest.mark.parametrize("seq", [3, 5, 8, 10, 11, 12])
def test_a_check_that_fails_leads_to_its_fix_and_nothing_passes_by_it(ana: Client, workspace: Workspace, seq: int) -> None:
    one = entry(workspace, seq)
    seen = text_of(ana, at(one), fragment="preflight")
    assert "dispatch-entry" not in seen and "ypass" not in seen
    for part in seen.split('data-check="')[1:]:
        row = part.split("</tr>")[0]
        assert ("<a href=" in row.split("To mend it")[1]) == ("Fail<" in row)
    before = Session.objects.count()
    answer = ana.post(at(one, "dispatch/"), {"reason": "now"}, headers=HTMX)
    assert answer.status_code == 409 and "Nothing was overridden" in in_line(answer.content.decode())
    assert Session.objects.count() == before and not Event.objects.filter(verb="entry.dispatch").exists()


def test_dispatch_now_starts_it_and_says_as_what(otto: Client, workspace: Workspace) -> None:
    one = startable(workspace)
    assert 'id="dispatch-entry"' in text_of(otto, at(one), fragment="preflight")
    assert otto.post(at(one, "dispatch/"), {"reason": " "}, headers=HTMX).status_code == 422
    answer = otto.post(at(one, "dispatch/"), {"reason": "the customer waits"}, headers=HTMX).content.decode()
    told = Event.objects.get(verb="entry.dispatch")
    assert (told.actor, told.reason, told.object_id) == ("otto", "the customer waits", one.pk)
    session = Session.objects.filter(entry=one, status="claimed").first()
    if session is None:  # others were before it in line, and took the room
        assert "was not started:" in answer and "The same cycle started" in answer
        return
    assert f'<a href="{reverse("session", args=[workspace.pk, session.pk])}">' in answer and "as round 1" in answer


def test_a_paused_executor_dispatches_nothing(otto: Client, workspace: Workspace) -> None:
    one = startable(workspace)
    control.pause(workspace.pk, by=seed.ANA)
    answer = otto.post(at(one, "dispatch/"), {"reason": "now"}, headers=HTMX)
    assert answer.status_code == 409 and "The executor is paused" in in_line(answer.content.decode())


def test_what_is_at_work_or_done_has_nothing_to_dispatch(otto: Client, workspace: Workspace) -> None:
    for seq, words in ((1, "reopen it first"), (2, "at work already")):
        assert words in text_of(otto, at(entry(workspace, seq), "preflight/"))
        assert otto.post(at(entry(workspace, seq), "dispatch/"), {"reason": "x"}, headers=HTMX).status_code == 409


def test_superusers_find_the_way_to_the_admin_site(ana: Client, otto: Client, workspace: Workspace) -> None:
    one = entry(workspace, 5)
    edit = reverse("admin:orchestration_entry_change", args=[quote(one.pk)])
    assert edit in text_of(ana, at(one)) and edit not in text_of(otto, at(one))


def test_another_workspaces_entry_is_no_page(ana: Client, nils: Client, workspace: Workspace) -> None:
    one, other = entry(workspace, 1), seed.empty("Other")
    for tail in ("", "rounds/1/", "rounds/1/patch/", "diff/", "diff/patch/", "preflight/"):
        assert nils.get(at(one, tail)).status_code == 404
        assert ana.get(f"/w/{other.pk}/entries/{one.pk}/{tail}").status_code == 404


def test_a_deleted_entry_is_gone(ana: Client, workspace: Workspace) -> None:
    one = entry(workspace, 10)
    entries.delete(one, by=seed.ANA)
    assert ana.get(at(one)).status_code == 404 and ana.get(at(one, "diff/")).status_code == 404


def out_of_money(workspace: Workspace) -> Entry:
    return Entry.objects.filter(workspace=workspace, status="blocked", reason_code="budget_exceeded")[0]


def test_out_of_money_it_leads_to_its_budget_those_who_may_raise_it(ana: Client, otto: Client, workspace: Workspace) -> None:
    one = out_of_money(workspace)
    button = f'href="{at(one)}?tab=budget">Raise its budget'
    assert button in text_of(ana, at(one), fragment="standing")
    assert button not in text_of(otto, at(one), fragment="standing")


def test_released_without_money_it_says_that_it_will_be_blocked_again(otto: Client, workspace: Workspace) -> None:
    answer = in_line(otto.post(at(out_of_money(workspace), "release/"), headers=HTMX).content.decode())
    assert "will be blocked again" in answer and "a round needs" in answer
