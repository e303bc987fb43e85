"""Entries, locks and sessions on the admin site: changed by their verbs, fixed after a dry run."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from budget.models import Account
from orchestration.backlog import entries, entry_actions
from orchestration.backlog.files import orphans
from orchestration.maintenance import rebuild
from orchestration.models import Entry, Executor, FileLock, Session
from tests import admin_site
from tests.admin_site import BOSS, a_superuser, dry_run, message_of, seed, url
from tests.factories import ANA, a_workspace, an_entry, some_entries
from workspaces.errors import Invalid
from workspaces.models import Event

pytestmark = pytest.mark.django_db

UNCHANGED = {"priority": "2", "initial-priority": "2", "budget_rounds": "5", "initial-budget_rounds": "5", "parallelizable": "on",
             "initial-parallelizable": "True", "parallel_group": "", "initial-parallel_group": "", "assigned_to": "",
             "initial-assigned_to": "", "reason": "asked for"}  # fmt: skip


@pytest.fixture
def client() -> Client:
    return a_superuser()


def stuck(entry: Entry, status: str = "failed", code: str = "rounds_exhausted") -> Entry:
    rounds = 5 if code == "rounds_exhausted" else 0
    Entry.objects.filter(pk=entry.pk).update(status=status, reason_code=code, rounds_completed=rounds)
    entry.refresh_from_db()
    return entry


def recorded(verb: str) -> list[tuple[str, str, str]]:
    return list(Event.objects.filter(verb=verb).order_by("id").values_list("object_id", "actor", "reason"))


def test_an_entry_changes_by_its_verbs_only_where_the_form_did(client: Client) -> None:
    entry = an_entry(a_workspace())
    form = UNCHANGED | {"priority": "0", "budget_rounds": "9", "assigned_to": "bob", "parallel_group": "db"}
    assert client.post(url(Entry, "change", entry.pk), form).status_code == 302
    entry.refresh_from_db()
    assert (entry.priority, entry.budget_rounds, entry.assigned_to, entry.parallel_group) == (0, 9, "bob", "db")
    assert entry.parallelizable
    for verb in ("priority", "rounds", "assigned", "parallel"):
        assert recorded(f"entry.{verb}") == [(entry.pk, BOSS, "asked for")]


def test_more_rounds_make_an_exhausted_entry_pending(client: Client) -> None:
    entry = stuck(an_entry(a_workspace()))
    client.post(url(Entry, "change", entry.pk), UNCHANGED | {"budget_rounds": "6"})
    entry.refresh_from_db()
    assert (entry.status, entry.reason_code) == ("pending", "")


def test_state_posted_with_a_form_is_ignored(client: Client) -> None:
    entry = an_entry(a_workspace())
    client.post(url(Entry, "change", entry.pk), UNCHANGED | {"status": "done", "attempts": "7", "workspace": "x", "score": "1"})
    entry.refresh_from_db()
    assert (entry.status, entry.attempts, entry.score) == ("pending", 0, None)


def test_a_deleted_entry_is_read_only(client: Client) -> None:
    entry = an_entry(a_workspace())
    entries.delete(entry, by=ANA)
    assert client.get(url(Entry, "change", entry.pk)).status_code == 200
    assert client.post(url(Entry, "change", entry.pk), UNCHANGED).status_code == 403


def test_links_lead_to_ids_that_look_like_an_escape_of_the_admin(client: Client) -> None:
    waiting = an_entry(a_workspace())
    account = Account.objects.create(id="entry_26b5f3a0123456789abc", project_id=waiting.workspace_id, budget=0)
    holder = Entry.objects.create(id=account.pk, workspace_id=waiting.workspace_id, account=account, seq=99, content="Odd id")
    Entry.objects.filter(pk=waiting.pk).update(parked_behind=holder)
    address = url(Entry, "change", holder.pk)
    assert address in client.get(url(Entry)).content.decode()
    assert "Odd id" in client.get(address).content.decode()


def test_a_running_entry_is_marked_as_in_use(client: Client) -> None:
    seed(1)
    entry = Entry.objects.get()
    assert "is open (" in client.get(url(Entry, "change", entry.pk)).content.decode()


def test_requeue_has_a_dry_run_and_records_actor_and_reason(client: Client) -> None:
    workspace = a_workspace()
    failed, blocked, waiting = some_entries(workspace, "one", "two", "three")
    stuck(failed)
    stuck(blocked, "blocked", "human_hold")
    chosen = [failed.pk, blocked.pk, waiting.pk]
    shown = dry_run(client, Entry, "requeue", *chosen)
    assert b"Would change: 2" in shown.content and b"in line already" in shown.content
    assert Entry.objects.filter(status="pending").count() == 1
    admin_site.apply(client, Entry, "requeue", *chosen, shown=shown, reason="fixed the machine")
    assert Entry.objects.filter(status="pending").count() == 3
    assert recorded("entry.reopened") == [(failed.pk, BOSS, "fixed the machine")]
    assert recorded("entry.released") == [(blocked.pk, BOSS, "fixed the machine")]


def test_an_entry_and_what_its_failure_blocked_are_requeued_together(client: Client) -> None:
    first, second = some_entries(a_workspace(), entries.Draft("one", ref="a"), entries.Draft("two", depends_on=("a",)))
    stuck(first)
    stuck(second, "blocked", "dependency_failed")
    assert b"requeue that one" in dry_run(client, Entry, "requeue", second.pk).content
    shown = dry_run(client, Entry, "requeue", first.pk, second.pk)
    assert "Requeued entries: 2" in message_of(
        admin_site.apply(client, Entry, "requeue", first.pk, second.pk, shown=shown, reason="r")
    )
    assert set(Entry.objects.values_list("status", "unmet_dependencies")) == {("pending", 0), ("pending", 1)}


def test_entries_that_the_dry_run_keeps_stay(client: Client) -> None:
    first, second, third = some_entries(
        a_workspace(), entries.Draft("one", ref="a"), entries.Draft("two", depends_on=("a",)), entries.Draft("three")
    )
    stuck(first)
    stuck(second, "blocked", "dependency_failed")
    stuck(third)
    shown = dry_run(client, Entry, "requeue", second.pk, third.pk)
    assert b"Would change: 1" in shown.content
    assert "Requeued entries: 1" in message_of(
        admin_site.apply(client, Entry, "requeue", second.pk, third.pk, shown=shown, reason="r")
    )
    assert [object_id for verb in ("released", "reopened") for object_id, _, _ in recorded(f"entry.{verb}")] == [third.pk]


def test_entries_of_two_workspaces_with_the_same_name_are_distinguishable(client: Client) -> None:
    for workspace in (a_workspace(name="Shop"), a_workspace(name="Till")):
        some_entries(workspace, entries.Draft("one", ref="a"), entries.Draft("two", depends_on=("a",)))
    needed, alone = Entry.objects.filter(content="one").order_by("workspace__name")
    entries.delete(Entry.objects.get(content="two", workspace=alone.workspace), by=ANA)
    shown = dry_run(client, Entry, "take_off", needed.pk, alone.pk)
    assert "#1 one in Till" in shown.content.decode() and b"Would change: 1" in shown.content
    admin_site.apply(client, Entry, "take_off", needed.pk, alone.pk, shown=shown, reason="r")
    assert [object_id for object_id, _, _ in recorded("entry.deleted")][-1] == alone.pk
    needed.refresh_from_db()
    assert needed.deleted_at is None


def test_a_failed_entry_blocks_its_dependents_until_it_is_requeued(client: Client) -> None:
    first, second = some_entries(a_workspace(), entries.Draft("one", ref="a"), entries.Draft("two", depends_on=("a",)))
    shown = dry_run(client, Entry, "mark_failed", first.pk)
    assert "failed; blocked by that: 1" in shown.content.decode()
    admin_site.apply(client, Entry, "mark_failed", first.pk, shown=shown, reason="the vendor is gone")
    assert recorded("entry.marked_failed") == [(first.pk, BOSS, "the vendor is gone")]
    states = dict(Entry.objects.values_list("pk", "status"))
    assert states == {first.pk: "failed", second.pk: "blocked"}
    assert b"It has failed already" in dry_run(client, Entry, "mark_failed", first.pk).content
    shown = dry_run(client, Entry, "requeue", first.pk)
    admin_site.apply(client, Entry, "requeue", first.pk, shown=shown, reason="back again")
    assert set(Entry.objects.values_list("status", flat=True)) == {"pending"}


def test_a_running_entry_is_neither_failed_nor_deleted(client: Client) -> None:
    seed(1)
    entry = Entry.objects.get()
    for action in ("mark_failed", "take_off"):
        assert b"stop its session first" in dry_run(client, Entry, action, entry.pk).content


def test_a_running_entry_is_not_requeued(client: Client) -> None:
    seed(1)
    assert b"stop its session first" in dry_run(client, Entry, "requeue", Entry.objects.get().pk).content


def test_a_change_since_the_dry_run_stops_the_whole_fix(client: Client) -> None:
    first, second = (stuck(entry) for entry in some_entries(a_workspace(), "one", "two"))
    shown = dry_run(client, Entry, "requeue", first.pk, second.pk)
    entry_actions.resume(first, by=ANA)
    response = admin_site.apply(client, Entry, "requeue", first.pk, second.pk, shown=shown, reason="r")
    assert b"The data changed" in response.content and b"Would change: 1" in response.content
    second.refresh_from_db()
    assert second.status == "failed"


def test_deleting_refuses_entries_with_dependents(client: Client) -> None:
    first, second = some_entries(a_workspace(), entries.Draft("one", ref="a"), entries.Draft("two", depends_on=("a",)))
    shown = dry_run(client, Entry, "take_off", first.pk, second.pk)
    assert b"Other entries depend on it" in shown.content
    admin_site.apply(client, Entry, "take_off", first.pk, second.pk, shown=shown, reason="not wanted")
    assert recorded("entry.deleted") == [(second.pk, BOSS, "not wanted")]
    assert Entry.objects.get(deleted_at__isnull=True).pk == first.pk


def a_lock(entry: Entry, path: str = "src/a.py") -> FileLock:
    return FileLock.objects.create(workspace=entry.workspace, entry=entry, path=path)


def test_an_orphan_lock_is_released_and_the_parked_entry_returns_to_the_line(client: Client) -> None:
    holder, waiter = some_entries(a_workspace(), "one", "two")
    lock = a_lock(stuck(holder, "blocked", "human_hold"))
    a_lock(holder, "src/b.py")
    Entry.objects.filter(pk=waiter.pk).update(parked_behind=holder)
    assert "orphan" in client.get(url(FileLock)).content.decode()
    shown = dry_run(client, FileLock, "release_locks", lock.pk)
    assert b"Would change: 2" in shown.content and b"waiting for it: 1" in shown.content and FileLock.objects.count() == 2
    admin_site.apply(client, FileLock, "release_locks", lock.pk, shown=shown, reason="left over")
    waiter.refresh_from_db()
    assert FileLock.objects.count() == 0 and waiter.parked_behind is None
    assert recorded("locks.released") == [(holder.pk, BOSS, "left over")]


def test_a_lock_in_use_or_between_rounds_is_kept(client: Client) -> None:
    seed(1)
    resting = an_entry(a_workspace())
    Entry.objects.filter(pk=resting.pk).update(has_rounds=True)
    a_lock(resting)
    shown = dry_run(client, FileLock, "release_locks", *FileLock.objects.values_list("pk", flat=True))
    assert b"stop its session first" in shown.content and b"put the entry on hold first" in shown.content
    assert b"Release locks (" not in shown.content
    for entry in Entry.objects.all():
        with pytest.raises(Invalid):
            orphans.release(entry.pk, by=ANA, reason="r")
    assert FileLock.objects.count() == 2


def test_a_lock_taken_into_use_since_the_dry_run_is_kept(client: Client) -> None:
    entry = stuck(an_entry(a_workspace()))
    lock = a_lock(entry)
    shown = dry_run(client, FileLock, "release_locks", lock.pk)
    Session.objects.create(workspace=entry.workspace, entry=entry, attempt=1, status="running")
    response = admin_site.apply(client, FileLock, "release_locks", lock.pk, shown=shown, reason="r")
    assert b"The data changed" in response.content and FileLock.objects.exists()


def test_the_counters_do_not_drift_by_themselves() -> None:
    workspace = a_workspace()
    some_entries(workspace, entries.Draft("one", ref="a"), entries.Draft("two", depends_on=("a",)))
    assert rebuild.find(workspace.pk) == []


def test_drift_is_found_and_corrected_with_actor_and_reason() -> None:
    workspace = a_workspace()
    first, second, third = some_entries(
        workspace, entries.Draft("one", ref="a"), entries.Draft("two", depends_on=("a",)), entries.Draft("three")
    )
    a_lock(first, "src/")
    Entry.objects.filter(pk=second.pk).update(unmet_dependencies=4, parked_behind=first)
    Entry.objects.filter(pk=third.pk).update(parked_behind=first, paths=["src/a.py"])
    wrong = rebuild.correct(workspace.pk, by=ANA, reason="a bad script")
    assert [(d.id, d.field, d.stored, d.expected) for d in wrong] == [
        (second.pk, "unmet_dependencies", 4, 1),
        (second.pk, "parked_behind", first.pk, None),
    ]
    third.refresh_from_db()
    assert third.parked_behind_id == first.pk and rebuild.find(workspace.pk) == []
    assert recorded("entries.rebuilt") == [(workspace.pk, "ana", "a bad script")]


def test_rebuilding_the_backlog_has_a_dry_run(client: Client) -> None:
    entry = an_entry(a_workspace())
    assert b"There is nothing to change" in dry_run(client, Executor, "rebuild_backlog", entry.workspace_id).content
    Entry.objects.update(unmet_dependencies=3)
    shown = dry_run(client, Executor, "rebuild_backlog", entry.workspace_id)
    assert Entry.objects.get().unmet_dependencies == 3
    admin_site.apply(client, Executor, "rebuild_backlog", entry.workspace_id, shown=shown, reason="drift")
    assert Entry.objects.get().unmet_dependencies == 0
    assert recorded("entries.rebuilt") == [(entry.workspace_id, BOSS, "drift")]


def test_a_session_with_a_dead_worker_is_ended_now(client: Client) -> None:
    seed(1)
    session = Session.objects.get()
    assert b"Its worker is alive, or only another machine" in dry_run(client, Session, "reap", session.pk).content
    Session.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    shown = dry_run(client, Session, "reap", session.pk)
    assert Session.objects.get().status == "running"
    admin_site.apply(client, Session, "reap", session.pk, shown=shown, reason="the machine burnt down")
    assert (Session.objects.get().status, Session.objects.get().outcome) == ("ended", "lost")
    assert recorded("session.reap") == [(session.pk, BOSS, "the machine burnt down")]


def test_two_hands_that_press_apply_at_once_requeue_once(transactional_db: None) -> None:
    client = a_superuser()
    entry = stuck(an_entry(a_workspace()))
    shown = dry_run(client, Entry, "requeue", entry.pk)

    def press(_: int) -> int:
        try:
            hand = Client()
            hand.cookies = client.cookies
            return admin_site.apply(hand, Entry, "requeue", entry.pk, shown=shown, reason="r").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as hands:
        assert sorted(hands.map(press, range(4))) == [200, 200, 200, 302]
    assert len(recorded("entry.reopened")) == 1
