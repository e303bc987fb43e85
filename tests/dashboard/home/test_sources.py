"""Each source of the queue names its items, by workspace, person and urgency; the cards have exact figures."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from budget.amounts import usd
from budget.limits import caps
from budget.models import ForecastRecord
from dashboard.home import cards, queue, scope, sources
from dashboard.home.scope import Scope
from dashboard.home.sources import Item, Urgency
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Executor, Integration, Landing, Question, Session
from tests.dashboard.seeds import entries as seed
from tests.factories import (
    ANA,
    CLOSED,
    a_charge,
    a_session,
    a_worker,
    a_workspace,
    an_entry,
    an_open_breaker,
    project,
    some_entries,
)
from tests.orchestration.proposals.made import PLANNER, a_run
from workspaces import access
from workspaces.models import QueueMark, Workspace

pytestmark = pytest.mark.django_db

ENDED = {"outcome": "passed", "ended_at": "2026-08-04T00:00Z"}


def seen_by(name: str, role: str = "", *where: Workspace) -> Scope:
    person = seed.user(name, role=role)
    for workspace in where:
        seed.user(name, role=role, workspace=workspace)
    return scope.of(access.of_user(person))


@pytest.fixture
def shop() -> Workspace:
    """Beside another one of which an operator sees nothing."""
    other = a_workspace(name="Other")
    stuck(an_entry(other), "failed", Reason.ROUNDS_EXHAUSTED)
    return a_workspace(name="Shop", cap="10")


@pytest.fixture
def otto(shop: Workspace) -> Scope:
    return seen_by("otto", "operator", shop)


def again(seen: Scope) -> Scope:
    return scope.of(seen.caller)


def stuck(entry: Entry, status: str, reason: str, **more: Any) -> None:
    Entry.objects.filter(pk=entry.pk).update(status=status, reason_code=reason, reason_message="Why.", **more)


def names(items: Any) -> list[tuple[Urgency, str]]:
    return [(item.urgency, item.key.split(":")[0]) for item in items]


# Sources


def test_what_lets_nothing_start_is_named_with_its_cause_and_its_page(shop: Workspace, otto: Scope) -> None:
    at = now()
    missing = {"repository_code": "gone", "repository_message": "No repository.", "repository_since": at}
    assert list(sources.standstill(otto)) == []
    Executor.objects.filter(pk=shop.pk).update(**missing)
    an_open_breaker(shop, since=at)
    Integration.objects.update_or_create(workspace=shop, defaults={"state": "red", "message": "It is red."})
    red, repository, agent = sources.standstill(again(otto))
    assert [item.sentence for item in (red, repository, agent)] == [
        "Nothing can start. It is red.", "Nothing can start. No repository.", "Nothing can start. No key."]  # fmt: skip
    assert [item.button for item in (red, repository, agent)] == ["View landing", "View executor", "View agents"]
    assert [item.remedy for item in (red, repository, agent)] == [
        reverse(name, args=[shop.pk]) for name in ("landing", "executor-page", "agent")]  # fmt: skip
    assert (agent.key, agent.at) == (f"agent:{shop.pk}:auth:{at.timestamp():.0f}", at)
    assert {item.urgency for item in (red, repository, agent)} == {Urgency.STANDSTILL}
    Integration.objects.update(state="good")
    assert names(sources.standstill(again(otto))) == [(Urgency.STANDSTILL, "repository"), (Urgency.STANDSTILL, "agent")]


def test_a_cap_that_is_reached_comes_before_entries_without_money(shop: Workspace, otto: Scope) -> None:
    single, two, own, gone, other = (an_entry(shop) for _ in range(5))
    assert list(sources.money(again(otto))) == []
    stuck(single, "blocked", Reason.PROJECT_BUDGET_EXCEEDED)
    stuck(own, "blocked", Reason.BUDGET_EXCEEDED)
    stuck(gone, "blocked", Reason.PROJECT_BUDGET_EXCEEDED, deleted_at=now())
    [item] = sources.money(again(otto))
    assert (item.subject, item.urgency, item.button) == ("1 entry has no money", Urgency.MONEY, "View budget")
    assert item.link.endswith("?reason=project_budget_exceeded") and item.remedy.endswith("#caps-h")
    stuck(two, "blocked", Reason.PROJECT_BUDGET_EXCEEDED)
    assert [item.subject for item in sources.money(again(otto))] == ["2 entries have no money"]
    a_charge(other, "9.999999")
    assert names(sources.money(again(otto))) == [(Urgency.MONEY, "unfunded")]
    a_charge(other, "0.000001")
    [item] = sources.money(again(otto))
    assert (item.key, item.sentence) == (f"cap:{shop.pk}:{usd(10)}", "The hard cap of $10.00 is reached: no session starts")


def test_entries_that_only_a_person_can_move_are_named_the_newest_first(shop: Workspace, otto: Scope) -> None:
    created = [an_entry(shop, content=f"do {n}") for n in range(7)]
    failed, held, conflict, waits, gone, pending, old = created
    at = now()
    stuck(failed, "failed", Reason.ROUNDS_EXHAUSTED, reason_at=at - timedelta(hours=2))
    stuck(held, "blocked", Reason.HUMAN_HOLD, reason_at=at - timedelta(hours=1))
    stuck(conflict, "blocked", Reason.MERGE_CONFLICT, reason_at=at - timedelta(hours=3))
    stuck(waits, "blocked", Reason.PROJECT_BUDGET_EXCEEDED, reason_at=at)
    stuck(gone, "failed", Reason.ROUNDS_EXHAUSTED, reason_at=at, deleted_at=at)
    stuck(pending, "pending", Reason.WAITING_FOR_APPROVAL, reason_at=at)
    Entry.objects.filter(pk=old.pk).update(status="failed", reason_code="of_old", reason_message="")
    items = list(sources.stuck(otto))
    shown = {item.link.split("/")[-2]: item for item in items}
    assert [key for key in shown if key != held.pk] == [failed.pk, conflict.pk, old.pk]
    assert [shown[entry.pk].urgency for entry in (failed, conflict, old)] == [Urgency.FAILED, Urgency.CONFLICT, Urgency.FAILED]
    assert (shown[failed.pk].subject, shown[failed.pk].sentence) == (f"#{failed.seq} do 0", "Why.")
    assert (shown[old.pk].sentence, shown[old.pk].button, shown[old.pk].at) == ("It failed", "View entry", None)
    assert shown[failed.pk].key == f"entry:{failed.pk}:rounds_exhausted:{(at - timedelta(hours=2)).timestamp():.0f}"
    [approval] = sources.approvals(otto)
    assert (approval.urgency, approval.link.split("/")[-2]) == (Urgency.WAITS, pending.pk)
    assert "?tab=review" in approval.remedy


def test_approvals_come_in_the_order_in_which_they_began_to_wait(shop: Workspace, otto: Scope) -> None:
    later, first, done, gone = (an_entry(shop) for _ in range(4))
    at = now()
    for entry, hours in ((later, 1), (first, 2), (gone, 3)):
        stuck(entry, "pending", Reason.WAITING_FOR_APPROVAL, reason_at=at - timedelta(hours=hours))
    Entry.objects.filter(pk=gone.pk).update(deleted_at=at)
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    assert [item.link.split("/")[-2] for item in sources.approvals(otto)] == [first.pk, later.pk]
    assert list(sources.approvals(seen_by("vera", "viewer", shop))) == []


def test_a_remote_that_cannot_be_followed_or_pushed_and_work_on_one_host_can_wait(shop: Workspace, otto: Scope) -> None:
    assert list(sources.remotes(otto)) == []
    Integration.objects.update_or_create(workspace=shop, defaults={"base_problem": "It is gone.\nfatal: no"})
    Executor.objects.filter(pk=shop.pk).update(push_error="fatal: refused")
    for n, message in enumerate(("Its host is away.", "Another's.")):
        entry = an_entry(shop)
        session = Session.objects.create(id=f"ses_{n}{'0' * 16}", workspace=shop, entry=entry, attempt=1, status="ended", **ENDED)
        round_ = entry.rounds.create(session=session, number=1)
        Landing.objects.create(
            workspace=shop, entry=entry, round=round_, commit="1" * 40, state="queued", not_before=now(), message=message
        )
    items = list(sources.remotes(again(otto)))
    assert [item.sentence for item in items] == [
        "It is gone.", "The integration branch could not be pushed; the next landing pushes again", "Its host is away."]  # fmt: skip
    assert names(items) == [(Urgency.LATER, "base"), (Urgency.LATER, "push"), (Urgency.LATER, "away")]
    Landing.objects.update(state="refused", ended_at=now())
    assert [item.key for item in sources.remotes(again(otto))] == [f"base:{shop.pk}", f"push:{shop.pk}"]


def test_proposals_are_counted_for_those_who_may_decide(shop: Workspace, otto: Scope) -> None:
    Executor.objects.filter(pk=shop.pk).update(config={"planner": PLANNER, "max_workers": 20})
    run = a_run(shop, {"content": "One"}, {"content": "Two"})
    [item] = sources.proposals(otto)
    first = run.proposals.order_by("pk")[0]
    assert (item.sentence, item.key) == ("2 proposals of agents wait for a decision", f"proposals:{shop.pk}:{first.pk}")
    run.proposals.exclude(pk=first.pk).update(state="rejected", decided_by="ana", decided_at=now())
    assert [item.sentence for item in sources.proposals(otto)] == ["A proposal of an agent waits for a decision"]
    assert list(sources.proposals(seen_by("vera", "viewer", shop))) == []


def test_a_question_is_named_with_its_entry_and_the_place_of_its_answer(shop: Workspace, otto: Scope) -> None:
    session = a_session(an_entry(shop, content="Do it"))
    asked = Question.objects.create(workspace=shop, entry=session.entry, session=session, name="1", text="y" * 400)
    [item] = sources.questions(otto)
    assert (item.key, item.subject, item.sentence) == (f"question:{asked.pk}", "#1 Do it", f"Asks: {'y' * 300}")
    assert (item.urgency, item.remedy) == (Urgency.WAITS, f"{item.link}?tab=talk")
    Entry.objects.filter(pk=session.entry_id).update(deleted_at=now())
    assert list(sources.questions(otto)) == []


# The queue


def test_the_most_urgent_comes_first_and_what_has_no_time_last(
    shop: Workspace, otto: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = now()

    def item(key: str, urgency: Urgency, hours: int | None) -> Item:
        return Item(key, shop, urgency, "", "", "", None if hours is None else at - timedelta(hours=hours), "", "")

    created = [
        item("d", Urgency.FAILED, None),
        item("c", Urgency.FAILED, 5),
        item("e", Urgency.LATER, 0),
        item("b", Urgency.FAILED, 1),
        item("a", Urgency.MONEY, None),
    ]
    monkeypatch.setattr(queue, "SOURCES", (lambda seen: created[:2], lambda seen: created[2:]))
    assert [each.key for each in queue.items(otto)] == ["a", "b", "c", "d", "e"]
    tones = {each.urgency: each.symbol for each in created}
    assert tones == {Urgency.MONEY: ("bad", "failed"), Urgency.FAILED: ("bad", "failed"), Urgency.LATER: ("warn", "warn")}
    assert item("f", Urgency.STUCK, None).symbol == item("f", Urgency.CONFLICT, None).symbol == ("block", "blocked")
    assert item("f", Urgency.STANDSTILL, None).symbol[0] == "bad" and item("f", Urgency.WAITS, None).symbol[0] == "warn"


def test_eight_are_shown_or_fifty_and_the_rest_is_counted(shop: Workspace, otto: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    created = [Item(f"k{n:02}", shop, Urgency.FAILED, "", "", "", None, "", "") for n in range(53)]
    monkeypatch.setattr(queue, "SOURCES", (lambda seen: created,))
    QueueMark.objects.create(user=otto.caller.user, key="k00", aside_until=otto.at)
    QueueMark.objects.create(user=otto.caller.user, key="k01", aside_until=otto.at + timedelta(seconds=1))
    QueueMark.objects.create(user=seed.user("bea", role="budget"), key="k02", aside_until=otto.at + timedelta(hours=1))
    short, long = queue.region(otto), queue.region(Scope(otto.caller, otto.at, whole_queue=True))
    assert (len(short["rows"]), short["left_out"], short["waiting"], short["aside"], short["unread"]) == (8, 44, 52, 1, 51)
    assert (len(long["rows"]), long["left_out"], long["whole"]) == (50, 2, True)
    assert [(row.item.key, row.unread) for row in short["rows"][:2]] == [("k00", False), ("k02", True)]
    monkeypatch.setattr(queue, "SOURCES", (lambda seen: created[:3],))
    assert queue.region(otto)["left_out"] == 0


# What is put aside


@pytest.mark.parametrize(
    ("do", "least", "most", "words"),
    [
        ("hour", timedelta(minutes=59), timedelta(minutes=61), "Snoozed until "),
        ("tomorrow", timedelta(hours=7), timedelta(hours=33), "Snoozed until "),
        ("done", timedelta(days=3649), timedelta(days=3651), "Done: it comes back if it changes"),
    ],
)
def test_an_item_is_put_aside_for_its_time(
    shop: Workspace, do: str, least: timedelta, most: timedelta, words: str, client: Client
) -> None:
    seed.user("otto", role="operator", workspace=shop)
    client.force_login(seed.user("otto", role="operator"))
    stuck(an_entry(shop), "failed", Reason.ROUNDS_EXHAUSTED)
    [item] = queue.items(seen_by("otto", "operator", shop))
    before = now()
    answer = client.post("/queue/", {"key": item.key, "do": do}, headers={"HX-Request": "true"})
    assert words in answer.content.decode()
    until = QueueMark.objects.get().aside_until
    assert until is not None and least < until - before < most
    if do == "tomorrow":
        assert (until.hour, until.minute, until.second, until.microsecond) == (8, 0, 0, 0)
    back = client.post("/queue/", {"key": item.key, "do": "back"}, headers={"HX-Request": "true"})
    assert "It is in the queue again" in back.content.decode() and "Undo" not in back.content.decode()


# Cards


def test_a_card_counts_its_own_entries_money_and_sessions(shop: Workspace, otto: Scope) -> None:
    a_worker(queue="control", ticked_at=now())
    created = some_entries(shop, *(f"do {n}" for n in range(7)))
    Entry.objects.filter(pk__in=[entry.pk for entry in created[:2]]).update(**CLOSED)
    stuck(created[2], "failed", Reason.ROUNDS_EXHAUSTED)
    stuck(created[3], "blocked", Reason.HUMAN_HOLD)
    Entry.objects.filter(pk=created[4].pk).update(deleted_at=now())
    a_charge(created[0], "2")
    a_charge(None, "0.5", category="orchestrator", in_=shop)
    caps.set_limit(project(shop), "total", "day", usd(6), by=ANA)
    caps.set_limit(project(shop), "total", "day", usd(7), by=ANA)
    caps.set_limit(project(shop), "entry", "day", usd(9), by=ANA)
    a_session(an_entry(shop, budget="1"))
    shown = cards.region(again(otto))
    [card] = shown["cards"]
    assert (card["workspace"].pk, card["landed"], card["total"]) == (shop.pk, 2, 7)
    at_work = Session.objects.filter(workspace=shop, status__in=Session.OPEN).count()
    waiting = dict(card["counts"]) and [words for _, words in card["counts"]][1:-2]
    assert (
        card["counts"] == [(at_work, "in progress"), *card["counts"][1:-2], (1, "blocked"), (1, "failed")] and len(waiting) <= 1
    )
    workspace = card["workspace"]
    assert (workspace.at_work, workspace.today, workspace.day_limit) == (at_work, usd("2.5"), usd(7))
    assert shown["totals"] == {"at_work": at_work, "landed_today": 0, "today": usd("2.5")} and shown["more"] is False
    assert (card["max_workers"], card["shown_state"], card["finish"]) == (4, "running", None)


def test_the_totals_are_of_all_workspaces_and_older_spend_is_not_of_today(shop: Workspace) -> None:
    other = Workspace.objects.exclude(pk=shop.pk).get()
    for where, amount in ((shop, "2"), (other, "1")):
        a_charge(None, amount, category="expansion", in_=where)
        a_charge(None, "4", category="expansion", in_=where, at=now() - timedelta(days=1, seconds=1))
    shown = cards.region(seen_by("ana"))
    assert shown["totals"]["today"] == usd(3) and [card["workspace"].pk for card in shown["cards"]] == [shop.pk, other.pk]


def test_a_workspace_is_idle_while_it_runs_and_nothing_is_open(shop: Workspace, otto: Scope) -> None:
    def state() -> str:
        return cards.region(again(otto))["cards"][0]["shown_state"]

    assert state() == "unknown", "as the pages of its workspace say without a tick"
    a_worker(queue="control", ticked_at=now())
    assert state() == "idle"
    Executor.objects.filter(pk=shop.pk).update(state="paused")
    assert state() == "paused"
    Executor.objects.filter(pk=shop.pk).update(state="running")
    stuck(an_entry(shop), "failed", Reason.ROUNDS_EXHAUSTED)
    assert state() == "running"


def test_the_end_of_a_backlog_is_shown_while_it_runs(shop: Workspace, otto: Scope) -> None:
    an_entry(shop)
    ForecastRecord.objects.create(
        project_id=shop.pk,
        computed_at=now(),
        version=0,
        event=0,
        enough=True,
        why_not="",
        rate=usd(1),
        end_at=(end := now() + timedelta(hours=2)),
    )
    assert cards.region(again(otto))["cards"][0]["finish"] == end
    Executor.objects.filter(pk=shop.pk).update(state="paused")
    assert cards.region(again(otto))["cards"][0]["finish"] is None


def test_so_many_workspaces_are_shown_and_that_there_are_more_is_shown(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_WORKSPACES", 2)
    assert not seen_by("ana").has_more
    a_workspace(name="Third")
    seen = seen_by("ana")
    assert (seen.has_more, len(seen.workspaces), list(seen.by_id)) == (True, 2, [row.pk for row in seen.workspaces])


def test_rights_are_those_of_each_role_in_each_workspace(shop: Workspace) -> None:
    other = Workspace.objects.exclude(pk=shop.pk).get()
    seed.user("mix", role="operator", workspace=shop)
    seen = seen_by("mix", "budget", other)
    assert seen.where_one_may(access.Need.OPERATE) == [shop.pk] and seen.where_one_may(access.Need.BUDGET) == [other.pk]
    assert (
        set(seen.where_one_may(access.Need.VIEW)) == {shop.pk, other.pk} == set(seen_by("ana").where_one_may(access.Need.ADMIN))
    )
