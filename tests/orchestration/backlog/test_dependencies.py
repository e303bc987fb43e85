"""A person changes dependencies: the counter stays right, cycles are named, and each change is recorded."""

import pytest
from django.db import transaction

from orchestration.backlog import dependencies, entry_actions, entry_state
from orchestration.backlog.rules.transitions import Next
from orchestration.executor import dispatch
from orchestration.models import Entry, FileLock
from tests.factories import ANA, a_worker, a_workspace, an_entry, some_entries
from workspaces.errors import Invalid, NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(workspace: Workspace) -> list[Entry]:
    return some_entries(workspace, "first", "second", "third")


def again(entry: Entry) -> Entry:
    return Entry.objects.get(pk=entry.pk)


def test_a_dependency_is_added_and_removed(three: list[Entry]) -> None:
    first, second, _ = three
    dependencies.depend(second, first, by=ANA, reason="it needs the parser")
    assert again(second).unmet_dependencies == 1
    event = Event.objects.filter(verb="entry.depends").latest("id")
    assert (event.data, event.reason) == ({"before": "nothing", "after": "#1"}, "it needs the parser")
    dependencies.undepend(second, first, by=ANA)
    assert again(second).unmet_dependencies == 0


def test_a_done_dependency_is_not_counted(three: list[Entry]) -> None:
    first, second, third = three
    entry_actions.mark_done(first, by=ANA)
    dependencies.depend(second, first, by=ANA)
    assert again(second).unmet_dependencies == 0
    dependencies.depend(second, third, by=ANA)
    entry_actions.mark_done(third, by=ANA)
    assert again(second).unmet_dependencies == 0
    dependencies.undepend(second, first, by=ANA)
    assert again(second).unmet_dependencies == 0


def test_a_cycle_is_refused_and_named(three: list[Entry]) -> None:
    first, second, third = three
    dependencies.depend(second, first, by=ANA)
    dependencies.depend(third, second, by=ANA)
    with pytest.raises(Invalid, match="#1 → #3 → #2 → #1"):
        dependencies.depend(first, third, by=ANA)
    with pytest.raises(Invalid, match="cannot wait for itself"):
        dependencies.depend(first, first, by=ANA)
    assert again(first).unmet_dependencies == 0


def test_a_repeated_dependency_is_refused(three: list[Entry]) -> None:
    first, second, _ = three
    dependencies.depend(second, first, by=ANA)
    with pytest.raises(Invalid, match="waits for #1 already"):
        dependencies.depend(second, first, by=ANA)
    dependencies.undepend(second, first, by=ANA)
    with pytest.raises(Invalid, match="does not wait for #1"):
        dependencies.undepend(second, first, by=ANA)


def test_dependencies_of_running_and_done_entries_do_not_change(workspace: Workspace, three: list[Entry]) -> None:
    first, second, third = three
    entry_actions.mark_done(third, by=ANA)
    with pytest.raises(Invalid, match="no longer waits"):
        dependencies.depend(third, first, by=ANA)
    a_worker()
    dispatch.cycle(workspace.pk)
    for act in (dependencies.depend, dependencies.undepend):
        with pytest.raises(Invalid, match="in progress"):
            act(first, second, by=ANA)


def test_a_failed_dependency_blocks_at_once_and_unblocks_when_removed(three: list[Entry]) -> None:
    first, second, _ = three
    Entry.objects.filter(pk=first.pk).update(status="failed", reason_code="rounds_exhausted")
    dependencies.depend(second, first, by=ANA)
    assert (again(second).status, again(second).reason_code) == ("blocked", "dependency_failed")
    dependencies.undepend(second, first, by=ANA)
    assert (again(second).status, again(second).unmet_dependencies) == ("pending", 0)


def test_what_is_blocked_for_another_reason_stays_so_when_a_dependency_is_removed(three: list[Entry]) -> None:
    first, second, _ = three
    dependencies.depend(second, first, by=ANA)
    Entry.objects.filter(pk=second.pk).update(status="blocked", reason_code="rounds_exhausted")
    dependencies.undepend(second, first, by=ANA)
    assert (again(second).status, again(second).reason_code) == ("blocked", "rounds_exhausted")


def test_locks_kept_between_rounds_are_released_to_avoid_a_deadlock(workspace: Workspace) -> None:
    first = an_entry(workspace, files=["a.py"])
    second = an_entry(workspace, files=["a.py"])
    FileLock.objects.create(workspace=workspace, path="a.py", entry=first)
    Entry.objects.filter(pk=second.pk).update(parked_behind=first)
    dependencies.depend(first, second, by=ANA)
    assert not FileLock.objects.filter(entry=first).exists() and again(second).parked_behind_id is None


def test_entries_of_another_workspace_do_not_exist(three: list[Entry]) -> None:
    with pytest.raises(NotFound):
        dependencies.depend(three[0], an_entry(a_workspace(name="Other")), by=ANA)


def failed(entry: Entry) -> None:
    with transaction.atomic():
        entry_state.move(entry_state.lock(entry), Next("failed", "rounds_exhausted", "All rounds are used up"))


def reopened(entry: Entry) -> None:
    with transaction.atomic():
        entry_state.move(entry_state.lock(entry), Next("pending"))


def test_an_entry_with_two_failed_dependencies_continues_only_once_both_are_reopened(three: list[Entry]) -> None:
    first, second, third = three
    for other in (first, second):
        dependencies.depend(third, other, by=ANA)
    failed(first)
    failed(second)
    reopened(first)
    assert (again(third).status, again(third).reason_code) == ("blocked", "dependency_failed")
    reopened(second)
    assert (again(third).status, again(third).unmet_dependencies) == ("pending", 2)
