"""The pages show what needs attention and how the work goes."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from budget.limits import caps
from budget.models import GatewayAccess, GatewayRequest, Project
from dashboard.overview import attention
from orchestration.backlog import entries, entry_actions
from orchestration.models import AgentCheck, Entry, Executor, Integration, Session, TreeVerdict, Worker
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds import gateway
from tests.factories import a_charge, a_worker, an_entry, blocked_event
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.models import Workspace

BLOCKS = (
    "section|nav|div|p|ul|ol|li|dl|dt|dd|t(?:able|head|body|foot|r|h|d)|form|fieldset|details|summary|option|select|button|h[1-6]"
)


def text_of(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200, response.content[:500]
    return in_line(response.content.decode())


def in_line(html: str) -> str:
    """HTML without the line breaks and indentation of its template, where they do not show: around blocks and between attributes."""
    html = re.sub(r"\s+", " ", html)
    return re.sub(rf" ?(</?(?:{BLOCKS})\b[^>]*>) ?", r"\1", html).replace(" >", ">")


def statements(client: Client, address: str, **query: str) -> int:
    """The number of statements without savepoints, of which each region has one."""
    with CaptureQueriesContext(connection) as seen:
        text_of(client, address, **query)
    return sum("SAVEPOINT" not in statement["sql"] for statement in seen)


def test_the_overview_lists_what_needs_attention_and_how_it_goes(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/")
    for fact in ("Raise budget", "Raise rounds", "Implementing", "Left under the cap", " on hold"):
        assert fact in seen, fact


def test_sessions_that_need_attention_come_first(ana: Client, workspace: Workspace) -> None:
    last = Session.objects.filter(workspace=workspace, status="running").order_by("claimed_at", "id").last()
    assert last is not None
    Session.objects.filter(pk=last.pk).update(last_output_at=now() - timedelta(minutes=11))
    assert ana.get(f"/w/{workspace.pk}/").context["workers"][0]["session"].pk == last.pk


def test_todays_spend_is_shown_next_to_the_daily_limit(ana: Client, workspace: Workspace) -> None:
    assert '<dt>Spent today (UTC)</dt><dd class="n">$4.39</dd>' in text_of(ana, f"/w/{workspace.pk}/", fragment="budget")
    caps.set_limit(Project.objects.get(pk=workspace.pk), "total", "day", 60_000_000, by=seed.ANA)
    assert "$4.39 of $60.00</dd>" in text_of(ana, f"/w/{workspace.pk}/", fragment="budget")


def test_people_and_automation_differ_by_more_than_colour(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/", fragment="activity")
    assert '#person"' in seen and '<span class="sr">person </span><strong>ana<' in seen
    assert '#gear"' in seen and '<span class="sr">automation </span><strong>muster<' in seen


def test_an_executor_that_was_never_started_is_not_called_paused(ana: Client) -> None:
    workspace = seed.empty()
    an_entry(workspace)
    seen = text_of(ana, f"/w/{workspace.pk}/", fragment="now")
    assert "The executor is not started: nothing runs" in seen and "paused" not in seen


def test_an_overview_without_entries_leads_to_the_first_one(ana: Client) -> None:
    seen = text_of(ana, f"/w/{seed.empty().pk}/")
    assert "Nothing needs you" in seen and "paste a plan" in seen and "There is no verify command yet" in seen


def test_titles_and_output_are_text_never_markup(ana: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(log__isnull=False).first()
    assert session is not None
    for address in (f"/w/{workspace.pk}/", f"/w/{workspace.pk}/sessions/{session.pk}/"):
        seen = text_of(ana, address)
        assert "<script>alert" not in seen and "<img src=x" not in seen and "\x1b" not in seen


@pytest.mark.parametrize(
    "fragment", ["nav", "header", "stopping", "banner", "attention", "now", "workers", "budget", "last-day", "activity"]
)
def test_a_region_fetches_itself_alone(ana: Client, workspace: Workspace, fragment: str) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/", fragment=fragment)
    assert f'id="{fragment}"' in seen and "<html" not in seen


def test_requests_that_wait_for_money_are_one_line(ana: Client, workspace: Workspace) -> None:
    address = f"/w/{workspace.pk}/"
    assert "for money" not in text_of(ana, address, fragment="workers")
    before = statements(ana, address)
    session = max(
        Session.objects.filter(workspace=workspace, status="running").select_related("hold"), key=lambda row: row.hold.free
    )
    gateway.one_of_each(session)
    shown = text_of(ana, address, fragment="workers")
    link = f'<a href="/w/{workspace.pk}/sessions/{session.pk}/?tab=requests">that of #{session.entry.seq}</a>'
    assert f"2 requests wait for money, first {link}, for" in shown
    assert statements(ana, address) == before
    for credential, words in (("team", "the limit of credential team"), ("other", "the limits of their providers")):
        gateway.paced(GatewayAccess.objects.get(session_ref=session.pk), credential)
        assert f" for {words}, first {link}, for" in text_of(ana, address, fragment="workers")
    GatewayRequest.objects.filter(reason=GatewayRequest.FOR_PROVIDER).delete()
    GatewayRequest.objects.filter(state="waiting").update(session_ref="permit_1")
    assert "2 requests wait for money, for" in text_of(ana, address, fragment="workers")


def test_an_unknown_fragment_is_the_whole_page(ana: Client, workspace: Workspace) -> None:
    assert "<html" in text_of(ana, f"/w/{workspace.pk}/", fragment="secrets")


def test_odd_filters_are_left_out_not_refused(ana: Client, workspace: Workspace) -> None:
    odd = {"status": "dancing", "reason": "'; drop", "after": "abc", "q": "a\x00b"}
    assert "Entries" in text_of(ana, f"/w/{workspace.pk}/", **odd)


@pytest.mark.parametrize("fragment", ["", "now"])
def test_ten_entries_and_five_hundred_take_the_same_queries(ana: Client, fragment: str) -> None:
    few, many = (seed.empty(name, cap="9000", budget="9000") for name in ("Few", "Many"))  # enough for all: none is blocked
    seed.plenty(few, 10)
    seed.plenty(many, 500)
    assert statements(ana, f"/w/{few.pk}/", fragment=fragment) == statements(ana, f"/w/{many.pk}/", fragment=fragment)


def test_a_reached_cap_is_reported(ana: Client, workspace: Workspace) -> None:
    Project.objects.filter(pk=workspace.pk).update(max_project_spend=4_000_000)
    assert "The cap is reached" in text_of(ana, f"/w/{workspace.pk}/", fragment="budget")


def test_money_that_is_only_reserved_is_no_reached_cap(ana: Client, workspace: Workspace) -> None:
    project = Project.objects.get(pk=workspace.pk)
    Project.objects.filter(pk=workspace.pk).update(max_project_spend=project.total_spent + project.held)
    assert project.held and "is reached" not in text_of(ana, f"/w/{workspace.pk}/")


def test_the_entry_page_shows_rounds_checks_and_what_is_asked(ana: Client, workspace: Workspace) -> None:
    entry = Entry.objects.get(workspace=workspace, seq=1)
    seen = text_of(ana, f"/w/{workspace.pk}/backlog/{entry.pk}/")
    for fact in ("+0.60", "$0.29", "expected 7500", "Reopen", "of round 2"):
        assert fact in seen, fact
    brief = text_of(ana, f"/w/{workspace.pk}/backlog/{entry.pk}/", tab="brief")
    assert "2h 5m" in brief and "All tests pass" in brief
    failed = Entry.objects.get(workspace=workspace, seq=3)
    assert "Project cap" in text_of(ana, f"/w/{workspace.pk}/backlog/{failed.pk}/", fragment="preflight")


def test_pages_need_a_login_and_regions_answer_401(client: Client, workspace: Workspace) -> None:
    address = f"/w/{workspace.pk}/"
    assert client.get(address).url == f"/login/?next={address}"  # type: ignore[attr-defined]
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 401


def test_what_is_not_ones_own_does_not_exist(nils: Client, ana: Client, workspace: Workspace) -> None:
    entry = Entry.objects.filter(workspace=workspace).first()
    other = seed.empty("Other")
    assert entry is not None
    assert nils.get(f"/w/{workspace.pk}/").status_code == 404
    assert nils.post(f"/w/{workspace.pk}/settings/executor/pause/").status_code == 404
    assert ana.get(f"/w/{other.pk}/backlog/{entry.pk}/").status_code == 404
    assert ana.get("/w/%00/").status_code == 404


def test_the_docs_list_every_operation_of_the_document(client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    seen = text_of(client, "/api/v1/docs")
    for operations in document["paths"].values():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in seen
    assert "orchestration/events" in seen and "curl -X POST" in seen


def test_no_page_has_inline_script_or_style(ana: Client, workspace: Workspace) -> None:
    session, entry = Session.objects.first(), Entry.objects.first()
    assert session and entry
    for tail in ("", f"backlog/{entry.pk}/", f"sessions/{session.pk}/", "settings/executor/stop/"):
        seen = text_of(ana, f"/w/{workspace.pk}/{tail}")
        assert "<style" not in seen and " style=" not in seen and " onclick=" not in seen and "hx-on" not in seen
        assert seen.count("<script") == seen.count("<script src=")


def test_a_session_that_burns_fast_is_flagged_with_the_sentence(ana: Client, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").first()
    assert session is not None
    Session.objects.filter(pk=session.pk).update(
        anomaly="Spends $2.00 a minute, 9 times what is usual for this workspace's sessions"
    )
    assert text_of(ana, f"/w/{workspace.pk}/", fragment="workers").count('unusual<span class="sr"> spend: Spends $2.00') == 1
    assert "9 times what is usual" in text_of(ana, f"/w/{workspace.pk}/sessions/{session.pk}/")


def test_budget_events_are_readable_in_the_activity(ana: Client, workspace: Workspace) -> None:
    project = Project.objects.get(pk=workspace.pk)
    caps.set_limit(project, "total", "day", 0, by=seed.ANA)
    seen = text_of(ana, f"/w/{workspace.pk}/", fragment="activity")
    assert "set a limit (limit.total.day) from — to $0.00" in seen and "reported a limit as reached: total, today" in seen


def test_an_entry_without_money_needs_attention_and_links_to_its_budget(ana: Client, workspace: Workspace) -> None:
    target = Entry.objects.filter(workspace=workspace, reason_code="budget_exceeded").first()
    assert target is not None
    assert f'/backlog/{target.pk}/?tab=budget">Raise budget' in text_of(ana, f"/w/{workspace.pk}/", fragment="attention")


def test_entries_without_money_in_the_plan_need_attention(ana: Client) -> None:
    workspace = seed.empty(cap="1", budget="1")
    a_charge(None, "1", category="orchestrator", in_=workspace)
    entries.add(workspace.pk, [entries.Draft(content=f"Late {n}") for n in range(2)], by=seed.ANA)
    seen = text_of(ana, f"/w/{workspace.pk}/", fragment="attention")
    listed = f'href="/w/{workspace.pk}/backlog/?reason=project_budget_exceeded"'
    assert f"{listed}>2 entries have</a> no money: nothing is left under the cap or in the total budget" in seen
    assert "/money/#caps-h" in seen and "Nothing needs you" not in seen


def test_the_setup_names_a_remote_that_cannot_be_used_and_one_that_accepts_branches_alone(
    vera: Client, workspace: Workspace
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(origin="https://ana:geheim@git.example.org/shop.git")
    Integration.objects.update_or_create(workspace=workspace, defaults={"only_branches": True})
    sentence = "https://git.example.org/shop.git could not be used: no route. Look at the network of this host"
    Worker.objects.filter(queue="sessions").update(unreachable={workspace.pk: sentence}, host="build-1", seen_at=now())
    text = text_of(vera, f"/w/{workspace.pk}/")
    assert f"<strong>Host build-1</strong>: {sentence}." in text
    assert "<code>https://git.example.org/shop.git</code> accepts only branches" in text
    assert "geheim" not in text + text_of(vera, "/") + text_of(vera, f"/w/{workspace.pk}/settings/")


def test_the_setup_names_a_check_without_its_program_and_leads_to_the_settings(ana: Client) -> None:
    workspace = seed.empty()
    Executor.objects.filter(pk=workspace.pk).update(config={"verify": [{"name": "unit", "run": "nosuch"}]})
    Integration.objects.update_or_create(workspace=workspace, defaults={"tip": "1" * 40})
    check = {"name": "unit", "raw_passed": False, "passed": True, "note": "a program of its command was not found"}
    TreeVerdict.objects.create(
        workspace=workspace, commit="1" * 40, tree="1" * 40, checks_hash="x", passed=True, kind="tip", checks=[check]
    )
    text = text_of(ana, f"/w/{workspace.pk}/", fragment="setup")
    assert "<code>unit</code>: a program of its command was not found." in text
    assert f'href="/w/{workspace.pk}/settings/"' in text


def test_an_agent_that_cannot_start_needs_a_person_and_is_named_once(ana: Client) -> None:
    workspace = seed.empty()
    an_entry(workspace)
    Executor.objects.filter(pk=workspace.pk).update(state="running")
    sentence = "The agent's command begins with nosuch, which the session workers do not find."
    AgentCheck.objects.update_or_create(workspace=workspace, defaults={"ok": False, "message": sentence, "at": now()})
    a_worker()
    Worker.objects.filter(queue="sessions").update(unreachable={workspace.pk: sentence}, host="build-1", seen_at=now())
    text = html.unescape(text_of(ana, f"/w/{workspace.pk}/"))
    assert f"The agent cannot start. {sentence}" in text and "Host build-1" not in text
    assert "Nothing can start: the agent cannot start." in text


def test_what_the_attention_list_has_no_room_for_is_on_lists_with_the_same_numbers(
    ana: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "MAX_ITEMS", 1)
    for number in range(6):
        an_entry(workspace, content=f"Broken {number}")
    Entry.objects.filter(content__startswith="Broken").update(status="failed", reason_code="rounds_exhausted", reason_at=now())
    Entry.objects.filter(content="Broken 0").update(status="pending", reason_code="waiting_for_approval")
    context = ana.get(f"/w/{workspace.pk}/").context
    assert context["more_needs"] and [words.partition(" ")[2] for words, _ in context["all_needs"]] == [
        "blocked or failed",
        "in review",
    ]
    for words, link in context["all_needs"]:
        assert ana.get(link).context["matching_shown"] == words.partition(" ")[0]
        assert f'href="{link}">{words}</a>' in text_of(ana, f"/w/{workspace.pk}/", fragment="attention")


def test_entries_in_progress_and_workers_have_names_of_their_own(ana: Client, workspace: Workspace) -> None:
    landing = Entry.objects.filter(workspace=workspace, status="pending").order_by("seq")[0]
    Entry.objects.filter(pk=landing.pk).update(status="in_progress")  # verified, and without a session until it has landed
    seen = text_of(ana, f"/w/{workspace.pk}/", fragment="now")
    assert "<strong>4</strong> in progress" in seen and "at work" not in seen
    assert 'At work <span class="count">3</span>' in text_of(ana, f"/w/{workspace.pk}/", fragment="workers")


def test_an_executor_with_nothing_open_is_idle_not_running(ana: Client) -> None:
    workspace = seed.empty()
    Executor.objects.filter(pk=workspace.pk).update(state="running")
    a_worker(queue="control")
    Worker.objects.update(ticked_at=now())
    assert "Backlog idle" in text_of(ana, f"/w/{workspace.pk}/", fragment="header")
    seed.plenty(workspace, 1)
    seen = text_of(ana, f"/w/{workspace.pk}/", fragment="header")
    assert "Backlog idle" not in seen and "Running" in seen


def test_what_people_did_stays_among_musters_own_moves(ana: Client, workspace: Workspace) -> None:
    entry = Entry.objects.filter(workspace=workspace, status="pending").order_by("seq")[0]
    entry_actions.put_on_hold(entry, by=seed.ANA, reason="wait for the release")
    for _ in range(30):
        activity.record(workspace.pk, blocked_event(), by=MUSTER, object_id=entry.pk)
    events = ana.get(f"/w/{workspace.pk}/").context["events"]
    kinds = [row["event"].actor_kind for row in events]
    assert len(events) == 10 and kinds.count("human") == 5 and kinds[:5] == ["automation"] * 5
    assert "wait for the release" in text_of(ana, f"/w/{workspace.pk}/", fragment="activity")
