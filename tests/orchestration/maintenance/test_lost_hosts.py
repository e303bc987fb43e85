"""A host that does not come back: its entries go on without it, and what only it had is begun again."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from orchestration.landing import queue
from orchestration.maintenance import lost_hosts
from orchestration.models import Entry, Landing, Session, Worker
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry
from workspaces.errors import Conflict
from workspaces.models import Event

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
