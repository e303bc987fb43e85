"""Home: all workspaces, and the queue of what needs a person."""

import html
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils.timezone import now

from budget.models import Decision, GatewayAccess, Project
from budget.reviews import deciding, drafting
from orchestration.models import Entry, Executor, Integration, Landing, Question, Session
from tests.dashboard.entries.test_board import land
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds import gateway
from tests.factories import a_review, an_open_breaker
from workspaces import access
from workspaces.models import QueueMark, Workspace


def keys(client: Client) -> list[str]:
    """The items of the queue in their order."""
    return [html.unescape(key) for key in re.findall(r'data-need="([^"]+)"', text_of(client, "/"))]


def act(client: Client, key: str, do: str) -> int:
    return client.post("/queue/", {"key": key, "do": do}).status_code


def ask(workspace: Workspace, count: int) -> None:
    """An agent asks so many questions."""
    session = Session.objects.filter(workspace=workspace, status="running").select_related("entry")[0]
    Question.objects.bulk_create(
        Question(workspace=workspace, entry=session.entry, session=session, name=str(n), text="Which one?") for n in range(count)
    )


def test_the_list_shows_each_workspace_with_its_state_and_money(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, "/")
    assert "Invoices" in seen and "Running" in seen and "of 3 agents" in seen
    assert "$4.39" in seen and "$20.00" in seen


def test_an_empty_list_explains_how_to_add_a_workspace(ana: Client) -> None:
    assert "./muster workspace add PATH" in text_of(ana, "/")


def test_the_list_is_only_of_workspaces_one_may_see(nils: Client, workspace: Workspace) -> None:
    assert "Invoices" not in text_of(nils, "/")


def test_a_card_shows_how_far_its_workspace_is_and_what_today_costs(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, "/")
    alive = Entry.objects.filter(workspace=workspace, deleted_at__isnull=True)
    done = alive.filter(status="done").count()
    assert f"<strong>{done}</strong> of {alive.count()} done" in seen and "today" in seen


def test_what_landed_today_is_shown_for_each_workspace_and_for_all(ana: Client, workspace: Workspace) -> None:
    land(workspace, 1, ago=timedelta())
    land(workspace, 2, ago=timedelta(days=2))
    land(workspace, 3, ago=timedelta())  # and is blocked again since
    seen = text_of(ana, "/")
    assert " 1 landed today for $" in seen and f'href="/w/{workspace.pk}/backlog/?status=landed">1 landed today</a>' in seen


def test_the_queue_has_the_most_urgent_first_each_with_its_remedy(ana: Client, workspace: Workspace) -> None:
    an_open_breaker(workspace)
    Project.objects.filter(pk=workspace.pk).update(max_project_spend=4_000_000)
    kinds = [key.split(":")[0] for key in keys(ana)]
    assert kinds[:2] == ["agent", "cap"] and set(kinds[2:]) == {"entry"}
    seen = text_of(ana, "/")
    for button in ("View agents", "Review cap", "Raise budget"):
        assert button in seen, button


def test_a_red_integration_branch_is_the_first(ana: Client, workspace: Workspace) -> None:
    Integration.objects.update_or_create(workspace=workspace, defaults={"state": "red", "message": "The tip is red."})
    assert keys(ana)[0].startswith("integration:")


def test_what_is_snoozed_is_away_and_comes_back_in_time(ana: Client, workspace: Workspace) -> None:
    first = keys(ana)[0]
    assert act(ana, first, "hour") == 303
    assert first not in keys(ana) and "1 put aside" in text_of(ana, "/")
    QueueMark.objects.update(aside_until=now() - timedelta(seconds=1))
    assert first in keys(ana)


def test_what_is_done_comes_back_when_it_changes(ana: Client, workspace: Workspace) -> None:
    first = next(key for key in keys(ana) if key.startswith("entry:"))
    act(ana, first, "done")
    assert first not in keys(ana)
    Entry.objects.filter(pk=first.split(":")[1]).update(reason_at=now() + timedelta(minutes=1))
    assert any(key.startswith(first.rpartition(":")[0]) for key in keys(ana))


def test_putting_aside_can_be_undone_in_place(ana: Client, workspace: Workspace) -> None:
    first = keys(ana)[0]
    answer = ana.post("/queue/", {"key": first, "do": "done"}, headers={"HX-Request": "true"})
    assert "Undo" in answer.content.decode() and answer.headers["HX-Trigger-After-Swap"] == "muster:changed"
    act(ana, first, "back")
    assert first in keys(ana)


def test_an_item_is_new_until_it_is_read_by_this_person(ana: Client, otto: Client, workspace: Workspace) -> None:
    for do, key in (("read", keys(ana)[0]), ("read-all", "")):
        before = text_of(ana, "/").count("rows unread")
        act(ana, key, do)
        assert text_of(ana, "/").count("rows unread") == (before - 1 if do == "read" else 0)
    assert text_of(otto, "/").count("rows unread") == len(keys(otto))


@pytest.mark.parametrize(("key", "do", "status"), [("entry:none", "done", 404), ("", "read", 404), ("\x00", "hour", 404)])
def test_an_unknown_item_is_refused(ana: Client, workspace: Workspace, key: str, do: str, status: int) -> None:
    assert act(ana, key, do) == status
    assert not QueueMark.objects.exists()


def test_an_unknown_choice_changes_nothing(ana: Client, workspace: Workspace) -> None:
    assert act(ana, keys(ana)[0], "dance") == 303
    assert not QueueMark.objects.exists()


def test_the_queue_is_only_of_workspaces_one_may_see(nils: Client, ana: Client, workspace: Workspace) -> None:
    assert keys(nils) == []
    assert act(nils, keys(ana)[0], "done") == 404


def test_one_workspace_and_six_take_the_same_queries(ana: Client, workspace: Workspace) -> None:
    before = statements(ana, "/")
    for name in ("A", "B", "C", "D", "E"):
        seed.plenty(seed.empty(name), 3)
    Entry.objects.filter(status="pending").update(status="blocked", reason_code="no_improvement", reason_at=now())
    assert statements(ana, "/") == before <= 13


def test_requests_that_wait_for_money_are_named_on_the_card_of_their_workspace(ana: Client, workspace: Workspace) -> None:
    before = statements(ana, "/")
    assert "wait for money" not in text_of(ana, "/")
    session = max(
        Session.objects.filter(workspace=workspace, status="running").select_related("hold"), key=lambda row: row.hold.free
    )
    gateway.one_of_each(session)
    assert f'<a href="/w/{workspace.pk}/#requests-waiting">2 requests wait for money</a>' in text_of(ana, "/")
    gateway.paced(GatewayAccess.objects.get(session_ref=session.pk))
    assert "2 requests wait for money, 1 for the limit of credential team</a>" in text_of(ana, "/")
    assert statements(ana, "/") == before


def test_a_page_that_stays_open_gets_only_what_changed(ana: Client, workspace: Workspace) -> None:
    regions = ana.get("/", {"live": "queue,workspaces", "build": settings.BUILD}).json()["regions"]
    assert set(regions) == {"queue", "workspaces"}
    known = ",".join(f"{name}:{region['version']}" for name, region in regions.items())
    assert ana.get("/", {"live": known, "build": settings.BUILD}).json() == {"regions": {}, "failed": []}
    Project.objects.filter(pk=workspace.pk).update(max_project_spend=4_000_000)
    assert set(ana.get("/", {"live": known, "build": settings.BUILD}).json()["regions"]) == {"queue", "workspaces"}


def test_a_long_queue_shows_its_first_eight_until_a_person_wants_all(ana: Client, workspace: Workspace) -> None:
    ask(workspace, 20)
    first = keys(ana)
    every = re.findall(r'data-need="([^"]+)"', text_of(ana, "/", queue="all"))
    assert len(first) == 8 and len(every) > 20 and every[:8] == first
    assert "?queue=all" in text_of(ana, "/") and "Show fewer" in text_of(ana, "/", queue="all")


def out_of_rounds(workspace: Workspace) -> list[Entry]:
    """All its entries that are not at work or done."""
    entries = Entry.objects.filter(workspace=workspace).exclude(status__in=["in_progress", "done"])
    entries.update(status="failed", reason_code="rounds_exhausted", reason_at=now(), has_rounds=True)
    return list(entries)


def test_entries_with_the_same_reason_are_one_row_that_is_put_aside_and_taken_back_as_one(
    otto: Client, workspace: Workspace
) -> None:
    count = len(out_of_rounds(workspace))
    seen = text_of(otto, "/")
    assert f'?reason=rounds_exhausted">{count} entries</a> are out of rounds' in seen and "1 thing needs you." in seen
    alike = re.findall(r'name="key" value="([^"]+)"', seen)
    answer = otto.post("/queue/", {"key": alike, "do": "hour"}, headers={"HX-Request": "true"}).content.decode()
    assert len(alike) == count == answer.count('name="key"') and keys(otto) == []
    assert otto.post("/queue/", {"key": alike, "do": "back"}).status_code == 303
    assert len(keys(otto)) == 1 and "rows unread" not in text_of(otto, "/")


def test_who_may_operate_raises_all_of_them_from_the_queue_and_others_see_no_form(
    otto: Client, vera: Client, workspace: Workspace
) -> None:
    entries, form = out_of_rounds(workspace), f'action="/w/{workspace.pk}/backlog/more-rounds/"'
    assert form in text_of(otto, "/") and "Raise all by 1" in text_of(otto, "/")
    assert f"{len(entries)} entries</a> are out of rounds" in text_of(vera, "/") and form not in text_of(vera, "/")


def test_questions_are_only_in_the_queue_of_those_who_may_answer(otto: Client, vera: Client, workspace: Workspace) -> None:
    ask(workspace, 1)
    assert any(key.startswith("question:") for key in keys(otto))
    assert not any(key.startswith("question:") for key in keys(vera))


def test_an_entry_that_landed_twice_today_is_one(ana: Client, workspace: Workspace) -> None:
    land(workspace, 1, ago=timedelta())
    landing = Landing.objects.get(entry__seq=1, entry__workspace=workspace)
    landing.pk = None
    landing.save()
    assert " 1 landed today for $" in text_of(ana, "/")


def test_a_workspace_with_nothing_open_is_idle_and_not_running(ana: Client, workspace: Workspace) -> None:
    assert "Backlog idle" not in text_of(ana, "/")
    quiet = seed.empty("Quiet")
    Executor.objects.filter(pk=quiet.pk).update(state="running")
    assert "Backlog idle" in text_of(ana, "/")


def test_a_review_is_in_the_queue_of_who_may_decide_and_not_of_its_author(ana: Client, bea: Client, workspace: Workspace) -> None:
    author, other = (access.of_user(seed.user(name)) for name in ("ana", "bea"))
    review = drafting.request(a_review(workspace, by=author, required_approvals=2), by=author)
    asked = [[key for key in keys(client) if key.startswith("review:")] for client in (ana, bea)]
    assert asked == [[], [f"review:{review.pk}:{review.version}"]]
    deciding.decide(review, Decision.Verdict.APPROVE, "agreed", version=review.version, by=other)
    assert not any(key.startswith("review:") for key in keys(bea))


def test_what_is_put_aside_before_it_was_read_is_not_new(ana: Client, workspace: Workspace) -> None:
    def unread() -> str:
        return re.findall(r'data-unread="(\d+)"', text_of(ana, "/"))[0]

    before = int(unread())
    act(ana, keys(ana)[0], "hour")
    assert int(unread()) == before - 1


def test_approvals_are_only_in_the_queue_of_those_who_may_decide(otto: Client, vera: Client, workspace: Workspace) -> None:
    waits = Entry.objects.filter(workspace=workspace, status="pending", deleted_at__isnull=True)[0]
    Entry.objects.filter(pk=waits.pk).update(reason_code="waiting_for_approval", reason_message="It waits.", reason_at=now())
    assert [any(key.startswith(f"entry:{waits.pk}") for key in keys(client)) for client in (otto, vera)] == [True, False]


def test_entries_that_share_a_row_are_not_counted_as_left_out(otto: Client, workspace: Workspace) -> None:
    assert len(out_of_rounds(workspace)) > 1
    ask(workspace, 7)
    seen = otto.get("/").context
    assert (len(seen["rows"]), seen["waiting"], seen["left_out"]) == (8, 8, 0)
