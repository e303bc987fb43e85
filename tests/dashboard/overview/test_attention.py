"""The attention list, item by item: its words, its tone, its one thing to do, whom it is for, and what comes before what."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from dashboard.overview import views
from dashboard.overview.attention import Item
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Executor, FileLock, Question, Session
from tests.dashboard.overview.test_regions import quiet, shop, stuck
from tests.dashboard.page_requests import page_request
from tests.factories import a_session, an_entry, an_open_breaker, some_entries
from tests.orchestration.proposals.made import PLANNER, a_run
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db
__all__ = ["shop"]


def items(workspace: Workspace, role: Role = Role.ADMIN) -> list[Item]:
    return list(views.needs(page_request(workspace, role=role, name="bea"))["needs"])


def words(item: Item) -> str:
    return "".join(text for text, _ in item.pieces)


def at(workspace: Workspace, page: str, *more: Any) -> str:
    return reverse(page, args=[workspace.pk, *more])


def asks(workspace: Workspace, number: int) -> list[Question]:
    Executor.objects.filter(pk=workspace.pk).update(config={"max_workers": 50})
    created = []
    for n in range(number):
        session = a_session(an_entry(workspace, content=f"do {n}"))
        created.append(
            Question.objects.create(workspace=workspace, entry=session.entry, session=session, name=str(n), text="y" * 300)
        )
    return created


def test_what_agents_ask_comes_oldest_first_with_the_place_of_its_answer(shop: Workspace) -> None:
    quiet(shop)
    first, second = asks(shop, 2)
    shown = [item for item in items(shop) if " asks: " in words(item)]
    assert [words(item) for item in shown] == [
        f"#{question.entry.seq} do {question.name} asks: {'y' * 200}" for question in (first, second)
    ]
    assert [item.link for item in shown] == [
        f"{at(shop, 'entry', question.entry_id)}?tab=talk#question-{question.pk}" for question in (first, second)
    ]
    assert {(item.tone, item.symbol, item.action) for item in shown} == {("warn", "warn", "Answer")}


def test_proposals_are_for_who_may_decide_and_lead_to_their_run_or_to_the_list(shop: Workspace) -> None:
    quiet(shop)
    Executor.objects.filter(pk=shop.pk).update(config={"planner": PLANNER, "max_workers": 20})
    run = a_run(shop, "One")
    [item] = items(shop)
    assert (words(item), item.link) == ("A proposal of an agent waits for your decision", at(shop, "run", run.pk))
    a_run(shop, "Two", "Three")
    [item] = items(shop, Role.OPERATOR)
    assert (words(item), item.link) == ("3 proposals of agents wait for your decision", f"{at(shop, 'goal')}#runs-h")
    assert items(shop, Role.VIEWER) == [] == items(shop, Role.BUDGET)


def test_an_entry_that_is_stuck_has_its_tone_and_leads_to_its_remedy_or_if_it_failed_to_itself(shop: Workspace) -> None:
    quiet(shop)
    failed, blocked, waits, old = some_entries(shop, *"abcd")
    moment = now()
    stuck(failed, "failed", Reason.ROUNDS_EXHAUSTED, reason_at=moment)
    stuck(blocked, "blocked", Reason.BUDGET_EXCEEDED, reason_at=moment - timedelta(hours=1))
    stuck(waits, "pending", Reason.WAITING_FOR_APPROVAL, reason_at=moment - timedelta(hours=2))
    Entry.objects.filter(pk=old.pk).update(
        status="failed", reason_code="of_old", reason_message="", reason_at=moment - timedelta(hours=3)
    )
    shown = items(shop)
    assert [words(item) for item in shown] == [
        f"#{failed.seq} a · Why.", f"#{old.seq} d · It failed", f"#{blocked.seq} b · Why.", f"#{waits.seq} c · Why."]  # fmt: skip
    assert [(item.tone, item.symbol) for item in shown] == [
        ("bad", "failed"), ("bad", "failed"), ("block", "blocked"), ("warn", "warn")]  # fmt: skip
    here = [at(shop, "entry", entry.pk) for entry in (failed, old, blocked, waits)]
    assert [item.pieces[0][1] for item in shown] == here and (shown[0].link, shown[1].link) == (here[0], here[1])
    assert shown[2].link != here[2] and shown[3].link != here[3] and "?tab=review" in shown[3].link
    assert [item.at for item in shown] == [moment - timedelta(hours=n) for n in (0, 3, 1, 2)]
    assert (shown[1].action, shown[2].action) == ("View entry", "Raise budget")


def test_entries_with_the_same_reason_are_one_item_that_leads_to_as_many(ana: Client, shop: Workspace) -> None:
    quiet(shop)
    created = some_entries(shop, *"abcdefgh")
    states = (
        ("failed", Reason.ROUNDS_EXHAUSTED),
        ("blocked", Reason.ROUNDS_EXHAUSTED),
        ("pending", Reason.WAITING_FOR_APPROVAL),
        ("blocked", Reason.NO_CHANGE),
    )
    for n, entry in enumerate(created):
        stuck(entry, *states[n // 2], reason_at=now() - timedelta(hours=n // 2))
    shown = items(shop)
    assert len(shown) == 4 and [item.pieces[0][0] for item in shown] == ["2 entries"] * 4
    assert [ana.get(item.link).context["matching_shown"] for item in shown] == ["2"] * 4
    assert [item.action for item in shown[1:]] == ["Raise all by 1", "Decide", "Decide"] and shown[0].posts_to
    assert [item.action for item in items(shop, Role.VIEWER)] == ["Decide"] * 4


def test_each_quiet_session_and_the_locks_of_idle_entries_are_named_after_what_waits(shop: Workspace) -> None:
    quiet(shop)
    Executor.objects.filter(pk=shop.pk).update(config={"max_workers": 50})
    sessions = [a_session(an_entry(shop, content=f"do {n}")) for n in range(3)]
    long_ago = now() - timedelta(minutes=10, seconds=1)
    Session.objects.filter(pk__in=[session.pk for session in sessions[:2]]).update(last_output_at=long_ago)
    Session.objects.filter(pk=sessions[2].pk).update(last_output_at=now() - timedelta(minutes=9))
    idle = an_entry(shop, content="idle")
    FileLock.objects.create(workspace=shop, entry=idle, path="src/a.py")
    stuck(idle, "blocked", Reason.PROJECT_BUDGET_EXCEEDED)
    Entry.objects.filter(pk=idle.pk).update(deleted_at=now())
    shown = items(shop)
    assert {words(item) for item in shown if "quiet" in words(item)} == {
        f"The session on #{session.entry.seq} {session.entry.title} is quiet" for session in sessions[:2]
    }
    assert {item.link for item in shown if "quiet" in words(item)} == {at(shop, "session", each.pk) for each in sessions[:2]}
    assert {item.at for item in shown if "quiet" in words(item)} == {long_ago}
    [locks] = [item for item in shown if "locked" in words(item)]
    assert (locks.link, locks.action) == (f"{at(shop, 'locks')}?state=orphan", "Release") and shown[-1] == locks


def test_an_executor_that_can_start_nothing_leads_to_where_that_is_seen(shop: Workspace) -> None:
    quiet(shop)
    moment = now()
    causes = {"repository_code": "gone", "repository_message": "None.", "repository_since": moment - timedelta(hours=1)}
    Executor.objects.filter(pk=shop.pk).update(**causes)
    assert [(words(item), item.link, item.at) for item in items(shop)] == [
        ("Nothing can start. None.", at(shop, "executor-page"), moment - timedelta(hours=1))]  # fmt: skip
    an_open_breaker(shop, since=moment)
    assert [(words(item), item.link, item.action) for item in items(shop)] == [
        ("Nothing can start. None.", at(shop, "executor-page"), "View executor"),
        ("Agents cannot run. No key.", at(shop, "agent"), "View agents")]  # fmt: skip
