"""Sessions start as far as live workers have slots, over all workspaces."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestration.executor import dispatch
from orchestration.models import Worker
from tests.factories import a_session, a_worker, a_workspace, an_entry, sessions_of, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def seen(seconds_ago: float) -> None:
    Worker.objects.update(seen_at=Now() - timedelta(seconds=seconds_ago))


def a_busy_workspace(name: str = "Shop") -> Workspace:
    shop = a_workspace(name=name)
    some_entries(shop, "one", "two", "three")
    return shop


@pytest.mark.parametrize(("seconds_ago", "count"), [(3600, 0), (21, 0), (19, 2)])
def test_the_slots_of_a_worker_that_is_no_longer_seen_are_not_free(settings: Any, seconds_ago: float, count: int) -> None:
    settings.LEASE_S = 40
    shop = a_busy_workspace()
    a_worker(slots=2)
    seen(seconds_ago)
    dispatch.cycle(shop.pk)
    assert len(sessions_of(shop)) == count


def test_slots_that_another_workspace_uses_are_not_free() -> None:
    a_worker(slots=2)
    first, second = a_busy_workspace("First"), a_busy_workspace("Second")
    dispatch.cycle(first.pk)
    dispatch.cycle(second.pk)
    assert (len(sessions_of(first)), len(sessions_of(second))) == (2, 0)


def test_slots_of_the_control_worker_run_no_session() -> None:
    shop = a_busy_workspace()
    a_worker(slots=9, queue="control")
    dispatch.cycle(shop.pk)
    assert sessions_of(shop) == []


def test_a_workspace_starts_no_more_than_its_own_limit() -> None:
    a_worker(slots=9)
    shop = a_workspace(max_workers=2)
    a_session(an_entry(shop))
    some_entries(shop, "one", "two", "three")
    dispatch.cycle(shop.pk)
    assert len(sessions_of(shop)) == 2
