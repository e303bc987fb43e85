"""A long queue: what lands together, in which order, and that one red entry holds nothing up."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils.timezone import now

from orchestration.backlog import dependencies
from orchestration.landing import queue
from orchestration.models import Entry, IntegrationCommit, Landing, TreeVerdict
from tests.factories import ANA, a_workspace, an_entry
from tests.orchestration.worker.lander.verified import verified
from tests.orchestration.worker.sessions.shop import BRANCH, Shop

Make = Callable[..., Shop]


def test_thirty_landings_land_in_a_few_batches_in_order_and_the_red_one_is_refused(shop: Make) -> None:
    work = shop(verify=[{"name": "whole", "run": "test ! -e broken"}], max_workers=40)
    work.land()
    urgent = {29: Entry.Priority.HIGH, 30: Entry.Priority.CRITICAL}
    names = [f"f{n}" if n != 10 else "broken" for n in range(1, 31)]
    entries = [verified(work, name, priority=urgent.get(n, Entry.Priority.MEDIUM)) for n, name in enumerate(names, 1)]
    waiting = an_entry(work.workspace, content="later")
    dependencies.depend(waiting, entries[4], by=ANA)
    before = TreeVerdict.objects.count()
    work.land()
    subjects = work.git("log", "--first-parent", "--reverse", "--format=%s", f"main..{BRANCH}").split("\n")
    assert subjects == [
        "Land #30, #29, #1, #2, #3, #4",
        "#5 write f5",
        "Land #6, #7, #8, #9",
        "#11 write f11",  # after a refusal few are judged together, and as many more as have landed since
        "#12 write f12",
        "Land #13, #14",
        "Land #15, #16, #17, #18",
        "Land #19, #20, #21, #22, #23, #24, #25, #26",
        "Land #27, #28",
    ]
    assert TreeVerdict.objects.count() - before == 9 + 3  # each commit's tree, and three to find the red one
    assert sorted(Entry.objects.exclude(status="done").values_list("seq", "status")) == [(10, "pending"), (31, "pending")]
    assert Landing.objects.filter(state="landed").count() == 29 and Landing.objects.get(state="refused").entry.seq == 10
    assert set(work.git("ls-tree", "--name-only", BRANCH).split()) == {"README", *names} - {"broken"}
    for tree in IntegrationCommit.objects.values_list("tree", flat=True):
        assert TreeVerdict.objects.filter(tree=tree, passed=True).exists()


@pytest.mark.django_db
def test_merges_and_reverts_come_first_then_entries_by_priority_and_number() -> None:
    workspace = a_workspace()
    entries = [an_entry(workspace, priority=priority) for priority in (2, 0, 2)]
    for entry in reversed(entries):
        Landing.objects.create(workspace=workspace, entry=entry, commit="c" * 40)
    for kind in (Landing.Kind.REVERT, Landing.Kind.BASE):
        queue.enqueue_branch(workspace.pk, kind, "c" * 40)
    order = [(landing.kind, landing.entry and landing.entry.seq) for landing in queue.in_order(workspace.pk)]
    assert order == [("revert", None), ("base", None), ("entry", 2), ("entry", 1), ("entry", 3)]


@pytest.mark.django_db
def test_newer_work_of_an_entry_takes_the_place_of_older() -> None:
    """Work that waits for approval is replaced too; what is being written stays."""
    entry, other = (an_entry(workspace) for workspace in [a_workspace()] * 2)
    states = Landing.State.QUEUED, Landing.State.WAITING, Landing.State.QUEUED
    first, second, third = (queue.enqueue(entry, f"{n}" * 40, round_=None, state=state) for n, state in enumerate(states))
    kept = queue.enqueue(other, "9" * 40, round_=None)
    now = {landing.pk: landing.state for landing in Landing.objects.all()}
    assert [now[each.pk] for each in (first, second, third, kept)] == ["withdrawn", "withdrawn", "queued", "queued"]


@pytest.mark.django_db
def test_what_waits_for_a_host_is_looked_for_again_in_its_time_and_not_before() -> None:
    workspace = a_workspace()
    landing = queue.enqueue(an_entry(workspace), "c" * 40, round_=None)
    assert list(queue.to_land(workspace.pk)) == [landing] and queue.is_waiting(workspace.pk)
    queue.wait_for_host(landing, "Its commit is on east alone")
    assert list(queue.to_land(workspace.pk)) == [] and not queue.is_waiting(workspace.pk)
    assert list(queue.in_order(workspace.pk)) == [landing]
    Landing.objects.update(not_before=now() - timedelta(seconds=1))
    assert list(queue.to_land(workspace.pk)) == [landing] and queue.is_waiting(workspace.pk)


@pytest.mark.django_db
def test_refusals_are_counted_since_the_entrys_last_landing() -> None:
    entry, other = (an_entry(workspace) for workspace in [a_workspace()] * 2)
    for each, state in ((entry, "refused"), (entry, "landed"), (other, "landed"), (entry, "refused"), (entry, "withdrawn")):
        Landing.objects.create(workspace=each.workspace, entry=each, commit="c" * 40, state=state, ended_at=now())
    assert (queue.refusals(entry.pk), queue.refusals(other.pk)) == (1, 0)
