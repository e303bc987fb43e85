"""The queue keeps each entry's newest work, in the tables alone (lander/test_queue.py lands it)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from orchestration.facts import waits
from orchestration.landing import queue
from orchestration.models import Entry, Integration, IntegrationCommit, Landing
from tests.factories import a_workspace, an_entry, some_entries
from workspaces.errors import Conflict
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40
State = Landing.State


@pytest.fixture
def shop() -> Workspace:
    return a_workspace()


def a_landing(entry: Entry, state: State = State.QUEUED, **more: Any) -> Landing:
    return Landing.objects.create(workspace=entry.workspace, entry=entry, commit=COMMIT, state=state, **more)


def an_intent(shop: Workspace) -> IntegrationCommit:
    return IntegrationCommit.objects.create(workspace=shop, old=COMMIT, new="d" * 40, tree=COMMIT, subject="x")


def states() -> list[str]:
    return list(Landing.objects.order_by("pk").values_list("state", flat=True))


def test_queued_work_replaces_older_work_of_its_entry_and_wakes_a_lander(shop: Workspace) -> None:
    entry, other = some_entries(shop, "one", "two")
    Integration.objects.create(workspace=shop, due=False)
    for state in (State.QUEUED, State.LANDED, State.REFUSED):
        a_landing(entry, state)
    a_landing(other)
    landing = queue.enqueue(entry, "e" * 40, round_=None, by="ana", state=State.PROPOSED)
    assert (landing.workspace, landing.entry, landing.commit, landing.by, landing.state) == (
        shop,
        entry,
        "e" * 40,
        "ana",
        "proposed",
    )
    assert states() == ["withdrawn", "landed", "refused", "queued", "proposed"] and Integration.objects.get().due
    replaced = Landing.objects.order_by("pk").first()
    assert replaced is not None and (replaced.message, replaced.ended_at is not None) == ("replaced by newer work", True)


def test_what_is_being_written_is_replaced_by_nothing(shop: Workspace) -> None:
    entry = an_entry(shop)
    a_landing(entry, State.UNPROVEN, intent=an_intent(shop))
    queue.enqueue(entry, COMMIT, round_=None)
    assert states() == ["unproven", "queued"]


def test_a_merge_or_a_revert_of_one_commit_is_queued_once(shop: Workspace) -> None:
    other = a_workspace(name="Other")
    first = queue.enqueue_branch(shop.pk, Landing.Kind.BASE, COMMIT, by="ana")
    assert queue.enqueue_branch(shop.pk, Landing.Kind.BASE, COMMIT) == first and first.by == "ana"
    others = [
        queue.enqueue_branch(shop.pk, Landing.Kind.REVERT, COMMIT),
        queue.enqueue_branch(shop.pk, Landing.Kind.BASE, "d" * 40),
        queue.enqueue_branch(other.pk, Landing.Kind.BASE, COMMIT),
    ]
    Landing.objects.filter(pk=first.pk).update(state=State.LANDED)
    again = queue.enqueue_branch(shop.pk, Landing.Kind.BASE, COMMIT)
    assert len({first.pk, again.pk, *(each.pk for each in others)}) == 5
    assert Integration.objects.get(pk=shop.pk).due


def test_withdrawn_work_leaves_the_queue_and_is_named(shop: Workspace) -> None:
    queued, checking, waiting, other, none = some_entries(shop, *"abcde")
    for entry, state in ((queued, State.QUEUED), (checking, State.CHECKING), (waiting, State.WAITING), (other, State.QUEUED)):
        a_landing(entry, state)
    assert queue.waiting([queued.pk, checking.pk, waiting.pk, none.pk]) == {queued.pk, checking.pk}
    assert queue.withdraw([queued, checking, waiting, none], "on hold") == {queued.pk, checking.pk}
    assert states() == ["withdrawn", "withdrawn", "waiting", "queued"]
    landing = Landing.objects.get(entry=queued)
    assert landing.message == "on hold" and landing.ended_at is not None
    assert queue.was_withdrawn(queued.pk) and not queue.was_withdrawn(other.pk) and not queue.was_withdrawn(none.pk)
    a_landing(queued, State.LANDED)
    assert not queue.was_withdrawn(queued.pk), "its newest landing is another"


def test_of_several_none_is_withdrawn_while_one_is_being_written(shop: Workspace) -> None:
    queued, written = some_entries(shop, "a", "b")
    a_landing(queued)
    a_landing(written, State.CHECKING, intent=an_intent(shop))
    with pytest.raises(Conflict, match="#2 is landing now"), transaction.atomic():
        queue.withdraw([queued, written], "on hold")
    assert states() == ["queued", "checking"]


def test_no_one_is_asked_about_work_that_waits_no_longer(shop: Workspace) -> None:
    entries = some_entries(shop, *"abcde")
    for entry, state in zip(entries, (State.WAITING, State.PROPOSED, State.UNPROVEN, State.QUEUED, State.WAITING), strict=True):
        a_landing(entry, state)
    queue.stop_waiting([entry.pk for entry in entries[:4]])
    assert states() == ["withdrawn", "withdrawn", "withdrawn", "queued", "waiting"]
    first = Landing.objects.order_by("pk")[0]
    assert first.message == "its entry waits for a person no longer" and first.ended_at is not None


def test_work_is_tried_on_each_tip_once_and_not_while_it_waits_for_a_host(shop: Workspace) -> None:
    late = now() - timedelta(seconds=1)
    entries = some_entries(shop, *"abcdef")
    tried = {"tried_tip": "tip"}
    rows = [
        a_landing(entries[0], State.WAITING),
        a_landing(entries[1], State.UNPROVEN, tried_tip="older"),
        a_landing(entries[2], State.PROPOSED, not_before=late),
    ]
    a_landing(entries[3], State.WAITING, **tried)
    a_landing(entries[4], State.WAITING, not_before=now() + timedelta(seconds=60))
    a_landing(entries[5], State.QUEUED)
    assert list(queue.to_try(shop.pk, "tip")) == rows


def test_why_work_waits_for_a_host_is_known_until_its_commit_has_come(shop: Workspace) -> None:
    first, second, third = some_entries(shop, *"abc")
    away, ended, written = (
        a_landing(first),
        a_landing(second, State.LANDED),
        a_landing(third, State.CHECKING, intent=an_intent(shop)),
    )
    for landing in (away, ended, written):
        queue.wait_for_host(landing, "m" * 2000)
    Landing.objects.filter(pk=ended.pk).update(not_before=now(), message="it had waited")
    away.refresh_from_db()
    assert away.not_before is not None and away.not_before - away.queued_at >= timedelta(seconds=waits.LANDING_LOOK_S)
    assert queue.waiting_for_host([first.pk, second.pk, third.pk]) == {first.pk: "m" * 1000}
    assert list(queue.away(shop.pk)) == [away] and queue.waiting_for_host([second.pk]) == {}
    queue.has_come([written])
    assert queue.waiting_for_host([first.pk]) != {}
    queue.has_come([away])
    away.refresh_from_db()
    assert (away.not_before, away.message, queue.waiting_for_host([first.pk])) == (None, "", {})


@pytest.mark.parametrize("state", Landing.UNDECIDED)
def test_work_that_a_person_or_a_pull_request_decides_may_wait_for_a_host_too(shop: Workspace, state: State) -> None:
    (entry,) = some_entries(shop, "a")
    landing = a_landing(entry, state, not_before=now() + timedelta(seconds=60), message="build-7 is away")
    assert list(queue.away(shop.pk)) == [landing] and queue.waiting_for_host([entry.pk]) == {entry.pk: "build-7 is away"}


@pytest.mark.parametrize(
    ("ended", "limit"),
    [
        ([], 8), ([State.LANDED] * 3, 8), ([State.REFUSED], 1), ([State.REFUSED, State.LANDED], 1),
        ([State.REFUSED] + [State.LANDED] * 3, 3), ([State.REFUSED] + [State.LANDED] * 9, 8),
        ([State.REFUSED, State.LANDED, State.LANDED, State.REFUSED], 1), ([State.LANDED] * 3 + [State.REFUSED], 1),
        ([State.REFUSED] + [State.WITHDRAWN] * 4, 1),
    ],
)  # fmt: skip
def test_after_a_refusal_as_many_are_judged_together_as_have_landed_since(
    shop: Workspace, ended: list[State], limit: int
) -> None:
    entry = an_entry(shop)
    for n, state in enumerate(ended):
        a_landing(entry, state, ended_at=now() + timedelta(seconds=n))
    assert queue.batch_limit(shop.pk, 8) == limit


def test_a_refused_merge_of_the_base_keeps_no_batch_small(shop: Workspace) -> None:
    Landing.objects.create(workspace=shop, kind=Landing.Kind.BASE, commit=COMMIT, state=State.REFUSED, ended_at=now())
    assert queue.batch_limit(shop.pk, 8) == 8
