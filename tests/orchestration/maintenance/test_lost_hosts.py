"""A host that does not come back: its entries go on without it, and what only it had is begun again."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.landing import queue
from orchestration.maintenance import lost_hosts
from orchestration.models import Entry, Landing, Session, Worker
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry
from workspaces.errors import Conflict
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def gone(host_id: str = "host_1") -> Worker:
    worker = a_worker()
    Worker.objects.filter(pk=worker.pk).update(host_id=host_id, host="build-1", seen_at=now() - timedelta(hours=1))
    return worker


def bound(entry: Entry, *, is_shared: bool = False, **more: object) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(host_id="host_1", is_shared=is_shared, has_rounds=True, **more)
    return entry


def test_work_that_only_it_had_is_begun_again_and_shared_work_goes_on() -> None:
    workspace = a_workspace()
    gone()
    lost = bound(an_entry(workspace), next_work="verify")
    shared = bound(an_entry(workspace), is_shared=True, next_work="verify")
    elsewhere = an_entry(workspace)
    Entry.objects.filter(pk=elsewhere.pk).update(host_id="host_2", is_shared=False)
    assert lost_hosts.forget("host_1", by=ANA) == 1
    states = {entry.pk: (entry.host_id, entry.is_shared, entry.next_work) for entry in Entry.objects.all()}
    assert states == {
        lost.pk: ("", True, "implement"),
        shared.pk: ("", True, "verify"),
        elsewhere.pk: ("host_2", False, "implement"),
    }
    assert not Worker.objects.filter(host_id="host_1").exists()
    assert Event.objects.get(verb="host.forgotten").data["lost"] == [lost.seq]


def test_work_that_waited_to_land_leaves_the_queue() -> None:
    workspace = a_workspace()
    gone()
    entry = bound(an_entry(workspace), status="in_progress")
    queue.enqueue(entry, "a" * 40, round_=None)
    lost_hosts.forget("host_1", by=ANA)
    assert Entry.objects.get(pk=entry.pk).status == "pending"
    assert Landing.objects.get().state == Landing.State.WITHDRAWN


def test_a_host_at_work_is_not_forgotten() -> None:
    worker = gone()
    Worker.objects.filter(pk=worker.pk).update(seen_at=now())
    with pytest.raises(Conflict, match="at work"):
        lost_hosts.forget("host_1", by=ANA)


def test_a_host_is_forgotten_only_after_its_sessions_have_ended() -> None:
    gone()
    session = a_session(an_entry(a_workspace()))
    Session.objects.filter(pk=session.pk).update(host_id="host_1")
    with pytest.raises(Conflict, match="have not ended"):
        lost_hosts.forget("host_1", by=ANA)


def test_another_host_keeps_its_workers_and_does_not_keep_one_from_being_forgotten() -> None:
    gone()
    other = a_worker(host="host_2")
    session = a_session(an_entry(a_workspace()))
    Session.objects.filter(pk=session.pk).update(host_id="host_2")
    assert lost_hosts.forget("host_1", by=ANA) == 0
    assert other in Worker.objects.all() and not Worker.objects.filter(host_id="host_1").exists()


def test_a_host_that_was_seen_a_lease_ago_is_gone(settings: Any) -> None:
    worker = gone()
    for ago, is_gone in ((settings.LEASE_S - 5, False), (settings.LEASE_S + 1, True)):
        Worker.objects.filter(pk=worker.pk).update(seen_at=now() - timedelta(seconds=ago))
        if is_gone:
            lost_hosts.forget("host_1", by=ANA)
        else:
            with pytest.raises(Conflict):
                lost_hosts.forget("host_1", by=ANA)


def test_each_workspace_that_used_it_records_its_own_losses() -> None:
    gone()
    first, second, unused, deleted = (a_workspace(name=name) for name in ("First", "Second", "Unused", "Deleted"))
    lost = [bound(an_entry(first)) for _ in range(2)]
    bound(an_entry(second), is_shared=True)
    in_deleted = bound(an_entry(deleted))
    Workspace.objects.filter(pk=deleted.pk).update(deleted_at=now())
    removed = bound(an_entry(unused))
    Entry.objects.filter(pk=removed.pk).update(deleted_at=now())
    assert lost_hosts.only_there("host_1") == 3
    assert lost_hosts.forget("host_1", by=ANA) == 2
    recorded = {event.workspace_id: event.data for event in Event.objects.filter(verb="host.forgotten")}
    assert {pk: data["lost"] for pk, data in recorded.items()} == {first.pk: [entry.seq for entry in lost], second.pk: []}
    assert {data["name"] for data in recorded.values()} == {"build-1"}
    assert not Entry.objects.exclude(host_id="").exclude(pk__in=[in_deleted.pk, removed.pk]).exists()


def test_a_host_without_a_worker_is_known_by_its_id() -> None:
    bound(an_entry(a_workspace()))
    assert lost_hosts.forget("host_1", by=ANA) == 1
    event = Event.objects.get(verb="host.forgotten")
    assert (event.data["name"], event.actor) == ("host_1", ANA.name)


def test_the_executor_looks_at_once_where_an_entry_begins_again(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(lost_hosts.wake_ups, "enqueue_cycle", woken.append)
    gone()
    loses, keeps = a_workspace(), a_workspace(name="Second")
    bound(an_entry(loses))
    bound(an_entry(keeps), is_shared=True)
    woken.clear()
    with django_capture_on_commit_callbacks(execute=True):
        lost_hosts.forget("host_1", by=ANA)
    assert woken == [loses.pk]
