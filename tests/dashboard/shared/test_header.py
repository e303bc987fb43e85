"""Locks, executor and activity: what they say, how they are filtered, and what stays small."""

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from budget.amounts import usd
from budget.events import ReviewOpened
from budget.limits import caps
from budget.models import Account, BudgetChange, LedgerEntry, Project
from orchestration import sessions
from orchestration.backlog import entries
from orchestration.backlog.files import orphans
from orchestration.executor import control, dispatch
from orchestration.executor import stats as executor_stats
from orchestration.facts.events import SessionStopRequested
from orchestration.models import Entry, Executor, FileLock, Round, Session, Worker
from tests import admin_site
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.shared.test_forms import confirmed
from workspaces import activity
from workspaces.access import Caller
from workspaces.models import Event, Membership, Workspace


def orphan(workspace: Workspace) -> FileLock:
    done = Entry.objects.get(workspace=workspace, seq=1)
    return FileLock.objects.create(workspace=workspace, path="old/left.py", entry=done)


def test_locks_are_shown_with_holder_and_who_waits(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/backlog/locks/")
    holder, waiter = (Entry.objects.get(workspace=workspace, seq=seq) for seq in (4, 5))
    assert f"/backlog/{holder.pk}/" in seen and f'/backlog/{waiter.pk}/" title="Sort invoices' in seen
    assert "entries wait" in seen and "In use: stop its session first" in seen


def test_an_orphan_is_named_and_released_with_a_reason(otto: Client, workspace: Workspace) -> None:
    lock = orphan(workspace)
    assert "orphan" in text_of(otto, f"/w/{workspace.pk}/backlog/locks/", state="orphan")
    address = f"/w/{workspace.pk}/backlog/locks/{lock.entry_id}/release/"
    assert (
        otto.post(address).status_code == 303 and FileLock.objects.filter(pk=lock.pk).exists()
    )  # no reason: refused, nothing done
    assert confirmed(otto, address, reason="left by an import").status_code == 303
    assert not FileLock.objects.filter(pk=lock.pk).exists()
    assert Event.objects.get(verb="locks.released").reason == "left by an import"


def test_the_longest_wait_begins_when_it_was_parked_whatever_is_edited_since(ana: Client, workspace: Workspace) -> None:
    parked = Entry.objects.filter(workspace=workspace, parked_behind__isnull=False).order_by("seq")
    first, second = parked[0], parked[1]
    Entry.objects.filter(pk=second.pk).update(reason_at=now() - timedelta(minutes=22))
    Entry.objects.filter(pk=first.pk).update(updated_at=now() - timedelta(hours=1))
    seen = text_of(ana, f"/w/{workspace.pk}/backlog/locks/", fragment="locks")
    assert re.search(rf"Longest wait <time [^>]*>22m 0\ds</time>: <a [^>]*>#{second.seq}<", seen)


def test_the_line_above_the_locks_counts_the_same_whatever_is_filtered(ana: Client, workspace: Workspace) -> None:
    orphan(workspace)
    for state, shown in (("", True), ("held", False), ("waiting", False), ("orphan", True)):
        seen = text_of(ana, f"/w/{workspace.pk}/backlog/locks/", state=state, fragment="locks")
        assert "<strong>1</strong> orphan" in seen and "locked path" in seen, state
        assert ("old/left.py" in seen) == shown, state


def test_an_orphan_is_found_behind_more_locks_than_are_shown(ana: Client, workspace: Workspace) -> None:
    holder, lock = Entry.objects.get(workspace=workspace, seq=4), orphan(workspace)
    FileLock.objects.bulk_create(FileLock(workspace=workspace, entry=holder, path=f"a/{n:04}.py") for n in range(501))
    assert lock.path not in text_of(ana, f"/w/{workspace.pk}/backlog/locks/", fragment="locks")
    assert lock.path in text_of(ana, f"/w/{workspace.pk}/backlog/locks/", state="orphan", fragment="locks")


def test_orphans_are_the_same_for_the_list_and_for_the_release(workspace: Workspace) -> None:
    orphan(workspace)
    others = Entry.objects.filter(workspace=workspace, seq__in=(6, 7, 12))
    FileLock.objects.bulk_create(FileLock(workspace=workspace, entry=entry, path=f"b/{entry.seq}.py") for entry in others)
    others.filter(seq=6).update(has_rounds=True)
    others.filter(seq=7).update(attempts=1)
    for lock in FileLock.objects.filter(workspace=workspace).select_related("entry"):
        is_open = bool(orphans.with_open_session([lock.entry_id]))
        listed = orphans.filter_orphans(FileLock.objects.filter(pk=lock.pk)).exists()
        assert listed == (not orphans.reason_kept(lock.entry, is_open=is_open)), lock.path


def test_every_page_counts_the_orphans_that_the_list_has(ana: Client, workspace: Workspace) -> None:
    never_begun = Entry.objects.get(workspace=workspace, seq=7)
    FileLock.objects.create(workspace=workspace, path="old/left.py", entry=never_begun)
    page_request = ana.get(f"/w/{workspace.pk}/settings/activity/").context["page_request"]
    assert page_request.counted("orphans") == orphans.filter_orphans(FileLock.objects.filter(workspace=workspace)).count() == 1


def test_a_session_stopped_in_its_first_round_keeps_its_paths_without_an_alert(ana: Client, workspace: Workspace) -> None:
    control.stop_all(workspace.pk, by=seed.ANA)
    for session in Session.objects.filter(workspace=workspace, status__in=Session.OPEN):
        assert sessions.conclude(session, sessions.Ending(Session.Outcome.STOPPED), expected=Session.Status(session.status))
    kept = FileLock.objects.filter(workspace=workspace, entry__status="pending")
    assert kept.filter(entry__has_rounds=False).exists() and not orphans.filter_orphans(kept).exists()
    assert ana.get(f"/w/{workspace.pk}/settings/activity/").context["page_request"].counted("orphans") == 0
    seen = text_of(ana, f"/w/{workspace.pk}/")
    assert "locked by entries at rest" not in seen and "is locked by an entry at rest" not in seen


def test_a_lock_of_a_silent_session_has_an_unknown_owner(ana: Client, workspace: Workspace) -> None:
    Session.objects.filter(workspace=workspace, status="running").update(lease_until=now() - timedelta(minutes=5))
    assert "Owner unknown" in text_of(ana, f"/w/{workspace.pk}/backlog/locks/", fragment="locks")


def test_an_entry_that_holds_nothing_has_nothing_to_release(otto: Client, workspace: Workspace) -> None:
    entry = Entry.objects.get(workspace=workspace, seq=10)
    response = otto.post(f"/w/{workspace.pk}/backlog/locks/{entry.pk}/release/", {"reason": "r"}, headers={"HX-Request": "true"})
    assert response.status_code == 422 and "nothing to release" in in_line(response.content.decode())


def test_a_live_lock_is_not_released(otto: Client, workspace: Workspace) -> None:
    holder = Entry.objects.get(workspace=workspace, seq=4)
    otto.post(f"/w/{workspace.pk}/backlog/locks/{holder.pk}/release/", {"reason": "now"})
    assert holder.locks.exists()


@pytest.mark.parametrize(
    "query", [{"state": "what"}, {"entry": "x"}, {"path": "\x00"}, {"nonsense": "1"}, {"entry": "#" + "9" * 15}]
)
def test_odd_filters_of_locks_are_ignored_and_named(ana: Client, workspace: Workspace, query: dict[str, str]) -> None:
    text_of(ana, f"/w/{workspace.pk}/backlog/locks/", **query)


def test_the_reason_of_every_wait_comes_from_the_scheduler(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/settings/executor/", fragment="waiting")
    assert "waiting for locked files" in seen and "Waiting for app/export" in seen and "checks pass" in seen
    assert '<strong class="num">1</strong> on hold' in seen and "entries held" not in seen


def test_cycles_are_listed_with_their_decisions(ana: Client, workspace: Workspace) -> None:
    dispatch.cycle(workspace.pk)
    seen = text_of(ana, f"/w/{workspace.pk}/settings/executor/", fragment="ticks")
    assert "no free slot" in seen and "all ready entries were started" in seen
    Executor.objects.filter(pk=workspace.pk).update(state="paused")
    dispatch.cycle(workspace.pk)
    assert "the executor is paused" in text_of(ana, f"/w/{workspace.pk}/settings/executor/", fragment="ticks")
    assert len(executor_stats.cycles(workspace.pk) or []) <= executor_stats.KEPT


def test_a_worker_that_the_plan_counts_no_more_is_counted_nowhere(ana: Client, workspace: Workspace, settings: Any) -> None:
    Worker.objects.filter(queue="sessions").update(seen_at=now() - timedelta(seconds=settings.LEASE_S * 0.75))
    seen = text_of(ana, f"/w/{workspace.pk}/settings/executor/")
    assert "0 slots online" in seen and "Nothing can start. Start one" in seen and "waiting for a session worker" in seen


def test_an_admin_sets_how_many_may_work(ana: Client, otto: Client, workspace: Workspace) -> None:
    address = f"/w/{workspace.pk}/settings/executor/workers/"
    assert otto.post(address, {"workers": "9"}).status_code == 403
    ana.post(address, {"workers": "7"})
    assert Executor.objects.get(pk=workspace.pk).config["max_workers"] == 7
    ana.post(address, {"workers": "0"})
    assert Executor.objects.get(pk=workspace.pk).config["max_workers"] == 7


def test_activity_is_filtered_by_who_what_and_which(ana: Client, workspace: Workspace) -> None:
    base = f"/w/{workspace.pk}/settings/activity/"
    seen = text_of(ana, base, verb="entry", kind="human")
    assert "the migration is not agreed yet" in seen and "started a session" not in seen
    assert "set the budget of" in text_of(ana, base, object="#11")
    assert "No activity matches" in text_of(ana, base, actor="nobody")
    assert "Ignored in the address: verb" in text_of(ana, base, verb="DROP TABLE")


def test_the_csv_of_activity_has_every_row_of_the_filter(ana: Client, workspace: Workspace) -> None:
    response = ana.get(f"/w/{workspace.pk}/settings/activity/", {"format": "csv", "verb": "entry"})
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))  # type: ignore[attr-defined]
    assert len(rows) == Event.objects.filter(workspace=workspace, verb__regex=r"^(entry|entries|backlog)\.").count()
    assert all(row["at"].endswith("+00:00") for row in rows)


def test_what_was_added_and_what_came_to_rest_is_about_entries(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/settings/activity/", verb="entry")
    assert "added 12 entries" in seen and ("completed the backlog" in seen or "left the backlog idle" in seen)


def test_one_verb_in_the_address_stands_in_the_choice(ana: Client, workspace: Workspace) -> None:
    seen = text_of(ana, f"/w/{workspace.pk}/settings/activity/", verb="entry.held")
    assert '<option value="entry.held" selected>' in seen and "added 12 entries" not in seen


def test_activity_leads_to_the_session_the_review_and_the_rest_of_its_request(ana: Client, workspace: Workspace) -> None:
    who = Caller("bea", user=object())
    activity.record(workspace.pk, ReviewOpened(number=3, title="Q3"), by=who, object_id="rev_" + "a" * 20)
    session = Session.objects.filter(workspace=workspace).order_by("id")[0]
    activity.record(workspace.pk, SessionStopRequested(entry=session.entry_id), by=who, object_id=session.pk)
    ana.post(f"/w/{workspace.pk}/settings/executor/workers/", {"workers": "7"})
    base = f"/w/{workspace.pk}/settings/activity/"
    seen = text_of(ana, base)
    assert f'<a href="/w/{workspace.pk}/money/reviews/rev_{"a" * 20}/">review #3</a>' in seen
    assert f'href="/w/{workspace.pk}/sessions/{session.pk}/">session</a>' in seen
    request = Event.objects.get(verb="workspace.configured").request_id
    assert f'href="?request={request}"' in seen
    alone = text_of(ana, base, request=request, fragment="events")
    assert "changed the config" in alone and "requested a stop" not in alone


def test_an_entry_that_was_taken_off_has_a_number_and_no_link(ana: Client, workspace: Workspace) -> None:
    gone = Entry.objects.get(workspace=workspace, seq=12)
    entries.delete(gone, by=seed.ANA)
    seen = text_of(ana, f"/w/{workspace.pk}/settings/activity/")
    assert "deleted #12 from the backlog" in seen and f"/backlog/{gone.pk}/" not in seen


ALL_IN_ADMIN = {"settings/activity/": Event, "backlog/locks/": FileLock, "money/changes/": BudgetChange}


@pytest.mark.parametrize("page", ALL_IN_ADMIN)
def test_a_list_leads_an_admin_of_the_server_to_its_rows_in_the_admin_site(
    ana: Client, otto: Client, workspace: Workspace, page: str
) -> None:
    caps.edit(Account.objects.filter(project=workspace.pk)[0], usd("1.5"), by=seed.ANA, reason="r")
    match = re.search(r'href="(/admin/[^"]*)">All in admin', text_of(ana, f"/w/{workspace.pk}/{page}"))
    assert match is not None
    listed = ana.get(html.unescape(match[1]))
    rows = ALL_IN_ADMIN[page].objects.all()
    assert listed.status_code == 200 and listed.context["cl"].result_count == rows.count()
    assert "/admin/" not in text_of(otto, f"/w/{workspace.pk}/{page}")


def test_each_page_of_an_object_leads_to_it_in_the_admin_site(ana: Client, otto: Client, workspace: Workspace) -> None:
    entry, session = Entry.objects.get(workspace=workspace, seq=1), Session.objects.filter(workspace=workspace)[0]
    round_ = Round.objects.filter(entry=entry)[0]
    pages = {
        f"backlog/{entry.pk}/": [entry],
        f"backlog/{entry.pk}/?tab=budget": [entry.account],
        f"backlog/{entry.pk}/rounds/{round_.number}/": [round_],
        f"sessions/{session.pk}/": [session],
        "settings/executor/": [Executor.objects.get(pk=workspace.pk)],
        "money/": [Project.objects.get(pk=workspace.pk)],
        "money/ledger/": list(LedgerEntry.objects.filter(project=workspace.pk)),
        "settings/": [workspace],
        "settings/members/": list(Membership.objects.filter(workspace=workspace)),
    }
    for page, objects in pages.items():
        seen, others = (text_of(client, f"/w/{workspace.pk}/{page}") for client in (ana, otto))
        for item in objects:
            assert f'href="{admin_site.url(type(item), "change", item.pk)}"' in seen, (page, item)
        assert "/admin/" not in others, page


@pytest.mark.parametrize("page", ["", "backlog/locks/", "settings/executor/", "settings/activity/"])
def test_a_page_takes_the_same_few_queries_for_any_backlog(ana: Client, page: str) -> None:
    few, many = (seed.empty(name, cap="9000", budget="9000") for name in ("Few", "Many"))
    seed.plenty(few, 10)
    seed.plenty(many, 500)
    assert connection.features.supports_json_field  # SQLite is asked that once in a process, whichever page is first
    counts = [statements(ana, f"/w/{workspace.pk}/{page}") for workspace in (few, many)]
    assert counts[0] == counts[1] <= 13, (page, counts)
