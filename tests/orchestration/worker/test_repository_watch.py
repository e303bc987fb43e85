"""A session worker looks at the repositories of its workspaces, and their circuit breakers hear of what fails."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.configuration import repository_breaker
from orchestration.git.health import Trouble
from orchestration.models import Entry, Executor
from orchestration.worker import repository_watch
from tests.factories import CLOSED, a_workspace, an_entry
from workspaces.machine import hosts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
AWAY = Trouble("missing", "It is not there.")


@pytest.fixture(autouse=True)
def _from_the_first() -> Iterator[None]:
    repository_watch._looked_at = ""
    yield
    repository_watch._looked_at = ""


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The workspaces that were looked at, by name: all are in order."""
    names: list[str] = []

    def look(executor: Executor) -> None:
        names.append(executor.workspace.name)

    monkeypatch.setattr(repository_watch, "_look", look)
    return names


def with_work(name: str, **executor: Any) -> Workspace:
    workspace = a_workspace(name=name)
    an_entry(workspace)
    Executor.objects.filter(pk=workspace.pk).update(**executor)
    return workspace


def test_the_repositories_of_workspaces_at_work_on_this_host_are_looked_at_and_those_in_trouble(looked: list[str]) -> None:
    with_work("at work")
    with_work("paused", state="paused")
    with_work("paused in trouble", state="paused", repository_code="missing", repository_message="x")
    mine, theirs, deleted = with_work("mine"), with_work("theirs"), with_work("deleted")
    Workspace.objects.filter(pk=mine.pk).update(host_id=hosts.host_id())
    Workspace.objects.filter(pk=theirs.pk).update(host_id="other")
    Workspace.objects.filter(pk=deleted.pk).update(deleted_at=now())
    repository_watch.look_at_all()
    assert sorted(looked) == ["at work", "mine", "paused in trouble"]


def test_of_those_without_work_a_few_are_looked_at_each_time_all_in_turn(
    looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_watch, "IDLE_AT_ONCE", 2)
    workspaces = [a_workspace(name=f"idle {n}") for n in range(5)]
    Entry.objects.filter(pk=an_entry(workspaces[0]).pk).update(**CLOSED)
    in_turn = [workspace.name for workspace in sorted(workspaces, key=lambda workspace: workspace.pk)]
    for _ in range(4):
        repository_watch.look_at_all()
    assert looked == [*in_turn, *in_turn[:2]]


def test_a_breaker_is_opened_once_for_each_trouble_and_closed_once_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, troubles, opened = with_work("shop"), list[Trouble | None](), list[str]()
    open_breaker = repository_breaker.opened

    def open_and_note(workspace_id: str, trouble: Trouble) -> None:
        opened.append(trouble.message)
        open_breaker(workspace_id, trouble)

    monkeypatch.setattr(repository_breaker, "opened", open_and_note)
    monkeypatch.setattr(repository_watch, "_look", lambda _: troubles[-1])
    for trouble, back in (
        (None, []),
        (AWAY, []),
        (AWAY, []),
        (Trouble("missing", "Still."), []),
        (None, [workspace.pk]),
        (None, []),
    ):
        troubles.append(trouble)
        assert repository_watch.look_at_all() == back
        assert bool(Executor.objects.get(pk=workspace.pk).repository_code) is (trouble is not None)
    assert opened == ["It is not there.", "Still."]
