"""The row that every page reads, the header and the banner: each count next to rows of another state, another workspace and another person."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.http import QueryDict
from django.utils.timezone import now

from budget.models import Project, Review
from dashboard.shared import header, page_request, stop_progress
from dashboard.shared.lists import filters, paging
from orchestration.executor import stats as executor_stats
from orchestration.models import Entry, Executor, FileLock, Integration, Landing, Session, Worker
from tests.dashboard.page_requests import page_request as a_request
from tests.factories import CLOSED, a_review, a_session, a_worker, a_workspace, an_entry
from workspaces.access import Caller
from workspaces.models import Role, Workspace


@pytest.fixture
def shop(db: None) -> Workspace:
    shop, other = a_workspace(max_workers=9), a_workspace(name="Other", max_workers=9)
    for where in (shop, other):
        a_session(an_entry(where))
    Worker.objects.all().delete()
    return shop


def counted(shop: Workspace, name: str, who: str = "ana") -> int:
    return a_request(shop, name=who).counted(name)


def test_open_entries_and_locks_are_those_of_the_workspace(shop: Workspace) -> None:
    for fields in (CLOSED, {"deleted_at": now()}, {"status": "failed", "reason_code": "rounds_exhausted"},
                   {"status": "blocked", "reason_code": "human_hold"}, {}):  # fmt: skip
        Entry.objects.filter(pk=an_entry(shop).pk).update(**fields)
    assert counted(shop, "open_entries") == 4
    FileLock.objects.create(workspace=shop, entry=Entry.objects.filter(workspace=shop)[0], path="a.py")
    for name in ("a.py", "b.py"):
        other = Entry.objects.exclude(workspace=shop)[0]
        FileLock.objects.create(workspace=other.workspace, entry=other, path=name)
    assert counted(shop, "locked_paths") == 1
    shown = [link for place in header.nav(a_request(shop))["places"] for link in place.links or [place.first]]
    assert {link.page.name: link.count for link in shown if link.count} == {"Entries": "4", "Locks": "1", "At work": "1"}


def test_landings_that_wait_for_muster_are_queued(shop: Workspace) -> None:
    for where, states in (
        (shop, ("queued", "checking", "waiting", "proposed", "withdrawn")),
        (Workspace.objects.exclude(pk=shop.pk)[0], ("queued",)),
    ):
        for state in states:
            over = {"ended_at": now()} if state == "withdrawn" else {}
            Landing.objects.create(workspace=where, entry=an_entry(where), commit="1" * 40, state=state, **over)
    assert counted(shop, "queued_landings") == 2


def test_open_runs_are_sessions_of_other_roles_and_no_work(shop: Workspace) -> None:
    for status, role, where in (
        ("running", "plan", shop), ("claimed", "expand", shop), ("ended", "plan", shop), ("running", "plan", Workspace.objects.exclude(pk=shop.pk)[0]),
    ):  # fmt: skip
        over = {"outcome": "passed", "ended_at": now()} if status == "ended" else {}
        Session.objects.create(workspace=where, role=role, attempt=1, status=status, **over)
    assert (counted(shop, "open_runs"), a_request(shop).at_work) == (2, 1)


def test_reviews_wait_for_those_who_have_not_decided_on_this_version(shop: Workspace) -> None:
    reviews = [a_review(shop, by=Caller(author)) for author in ("ana", "bea", "bea", "bea")]
    theirs = a_review(Workspace.objects.exclude(pk=shop.pk)[0], by=Caller("bea"))
    Review.objects.filter(pk__in=[review.pk for review in (*reviews[:3], theirs)]).update(state="open")
    assert (counted(shop, "reviews_waiting"), counted(shop, "reviews_waiting", "bea")) == (2, 1)
    reviews[1].decisions.create(version=reviews[1].version, reviewer="ana", verdict="approve", note="x")
    reviews[2].decisions.create(version=reviews[2].version, reviewer="carl", verdict="approve", note="x")
    assert counted(shop, "reviews_waiting") == 1
    Review.objects.filter(pk=reviews[1].pk).update(version=reviews[1].version + 1)
    assert counted(shop, "reviews_waiting") == 2


def test_the_newest_tick_of_a_control_worker_counts(shop: Workspace) -> None:
    assert a_request(shop).ticked_at is None
    newest = now()
    for ago in (9, 0, 5):
        a_worker(queue="control", ticked_at=newest - timedelta(seconds=ago))
    a_worker(queue="sessions", ticked_at=newest + timedelta(seconds=9))
    assert a_request(shop).ticked_at == newest


# The header


def ticked(ago: float) -> None:
    a_worker(queue="control", ticked_at=now() - timedelta(seconds=ago))


@pytest.mark.parametrize(
    ("state", "stopping", "at_work", "open_entries", "late", "shown"),
    [
        ("stopped", False, True, True, True, "stopped"),
        ("paused", False, False, True, True, "paused"),
        ("paused", False, True, True, False, "pausing"),
        ("paused", True, True, True, False, "stopping"),
        ("paused", True, False, True, False, "paused"),
        ("running", False, True, True, False, "running"),
        ("running", False, False, True, False, "running"),
        ("running", False, False, False, False, "idle"),
        ("running", False, True, True, True, "unknown"),
    ],
)
def test_the_state_is_the_observed_one(
    shop: Workspace, state: str, stopping: bool, at_work: bool, open_entries: bool, late: bool, shown: str
) -> None:
    ticked(executor_stats.late_after_s() + 1 if late else 0)
    Executor.objects.filter(pk=shop.pk).update(state=state, stop_all_at=now() if stopping else None)
    if not at_work:
        over = {"status": "ended", "outcome": "failed", "ended_at": now(), "ended_by_version": "0.2.0"}
        Session.objects.filter(workspace=shop).update(**over)
    if not open_entries:
        Entry.objects.filter(workspace=shop).update(**CLOSED)
    assert header.shown_state(a_request(shop)) == shown


def test_the_header_has_the_limits_and_the_rest_of_this_workspace(shop: Workspace) -> None:
    Project.objects.filter(pk=shop.pk).update(max_project_spend=9_000_000, entry_spent=2_000_000, held=500_000)
    Executor.objects.filter(pk=shop.pk).update(config={"max_workers": 7})
    Session.objects.create(workspace=shop, role="plan", attempt=1, status="running")
    seen = header.build(a_request(shop))
    assert (seen["project"].headroom, seen["max_workers"], seen["at_work"]) == (6_500_000, 7, 1)
    assert seen["stop_all"] == ("Stop 2 workers now", "Ends 2 running ($0.50 reserved) and turns dispatch off; commits are kept.")
    assert header.stop_all(1, 0) == ("Stop 1 worker now", "Ends 1 running and turns dispatch off; commits are kept.")
    assert header.stop_all(0, 900) == ("Turn dispatch off now", "No session is running; dispatch turns off.")


def sentences(shop: Workspace, role: Role = Role.ADMIN) -> list[tuple[str, str]]:
    return [(alert.tone, alert.sentence) for alert in header.alerts_of(a_request(shop, role=role))]


def test_alerts_are_in_the_order_of_their_urgency_and_each_only_where_it_applies(shop: Workspace) -> None:
    ticked(0)
    other = Workspace.objects.exclude(pk=shop.pk)[0]
    assert sentences(shop) == [("odd", "No session worker is online: no session starts until one is (./muster worker)")]
    a_worker()
    assert sentences(shop) == []
    Integration.objects.update_or_create(
        workspace=shop, defaults={"state": "red", "message": "It is red", "base_problem": "No merge\nlong"}
    )
    Executor.objects.filter(pk=shop.pk).update(push_error="rejected")
    Landing.objects.create(workspace=shop, entry=an_entry(shop), commit="1" * 40, not_before=now(), message="Host a is away")
    Project.objects.filter(pk=shop.pk).update(max_project_spend=2, entry_spent=2)
    for _ in range(2):
        Review.objects.filter(pk=a_review(shop, by=Caller("bea")).pk).update(state="open")
    Worker.objects.all().delete()
    expected = [
        ("bad", "The hard cap of <$0.0001 is reached: no session starts"),
        ("bad", "It is red"),
        ("warn", "No merge"),
        ("warn", "The integration branch could not be pushed: landings go on, and the next one pushes again"),
        ("warn", "Host a is away"),
        ("odd", "No tick from the executor: no session starts until its control worker is back"),
        ("warn", "2 reviews wait for your decision"),
    ]
    assert sentences(shop) == expected and sentences(shop, Role.OPERATOR) == expected[:-1]
    assert sentences(other) == [expected[-2]]
    banner = header.banner(a_request(shop))
    assert (banner["alert"].sentence, banner["more_alerts"]) == (expected[0][1], 6)
    Integration.objects.filter(workspace=shop).update(state="good")
    Executor.objects.filter(pk=shop.pk).update(state="paused")
    assert sentences(shop) == [each for each in expected if each[1] != "It is red" and each[0] != "odd"]


def test_a_session_that_does_not_stop_comes_first(shop: Workspace) -> None:
    a_session(an_entry(shop))
    ticked(0)
    long_ago = now() - timedelta(seconds=settings.STOP_GRACE_S + stop_progress.SLOW.total_seconds() + 1)
    Executor.objects.filter(pk=shop.pk).update(state="paused", stop_all_at=long_ago, stop_all_by="bea")
    Session.objects.filter(workspace=shop, entry__seq=1).update(stop_wanted_at=long_ago)
    assert sentences(shop)[0] == ("bad", "1 of 2 sessions has not confirmed the stop")
    Session.objects.update(stop_wanted_at=long_ago)
    assert sentences(shop)[0] == ("bad", "2 of 2 sessions have not confirmed the stop")


# Addresses


def test_a_page_is_asked_for_by_its_address_without_the_parts(shop: Workspace) -> None:
    request = a_request(shop, q="a b", fragment="nav", live="header:1,nav:2", log_after="3", log_level="x", log_count="1")
    assert page_request.common_context(request)["page_url"] == f"/w/{shop.pk}/?q=a+b"
    assert page_request.common_context(a_request(shop))["page_url"] == f"/w/{shop.pk}/"
    assert [request.asks_for(name) for name in ("nav", "header", "other")] == [True, True, False]
    rights = page_request.common_context(a_request(shop, role=Role.BUDGET))
    assert (rights["may_operate"], rights["may_budget"], rights["may_admin"]) == (False, True, False)


def test_links_keep_the_filters_and_begin_at_the_first_page(shop: Workspace) -> None:
    request = a_request(
        shop, q="a", status="blocked", after="1_2", before="3", fragment="x", next="/x", edit="1", empty="", format="csv"
    )
    assert filters.query(request) == "q=a&status=blocked"
    assert (
        filters.query(request, "q", status="") == ""
        and filters.query(request, status="done", sort="-x") == "q=a&status=done&sort=-x"
    )
    assert QueryDict(filters.query(request, "nothing")) == QueryDict("q=a&status=blocked")


# Pages of a list


def numbers(page: paging.Page) -> list[int]:
    return [row.seq for row in page.rows]


def test_pages_go_forth_and_back_with_equal_keys(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    for _ in range(4):
        an_entry(shop)
    Entry.objects.filter(workspace=shop).update(priority=2)
    Entry.objects.filter(workspace=shop, seq=5).update(priority=1)
    rows = Entry.objects.filter(workspace=shop)

    def page(**options: Any) -> paging.Page:
        return paging.paginate(rows, "priority", "seq", **options)

    first = page()
    assert (numbers(first), first.before) == ([5, 1], "")
    second = page(after=first.after)
    third = page(after=second.after)
    assert (numbers(second), numbers(third), third.after) == ([2, 3], [4], "")
    assert numbers(page(before=third.before)) == [2, 3] and numbers(page(before=second.before)) == [5, 1]
    assert page(before=second.before).before == "" and page(before=second.before).after == first.after
    down = page(descending=True)
    assert numbers(down) == [4, 3] and numbers(page(descending=True, after=down.after)) == [2, 1]
    assert numbers(page(descending=True, before=page(descending=True, after=down.after).before)) == [4, 3]
    for forged in ("x", "1", "1_2_3", f"{2**63}_1", "1_x"):
        assert page(after=forged) == first
    assert paging.paginate(rows.none(), "priority", "seq") == paging.Page([])
