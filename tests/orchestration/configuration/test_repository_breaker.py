"""While a repository cannot be used its workspace waits, and no other one; each trouble is recorded once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.configuration import repository_breaker
from orchestration.git.health import Trouble
from orchestration.models import Executor, Integration
from tests.factories import a_workspace
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
GONE, BROKEN = Trouble("repository_gone", "It is gone", ""), Trouble("repository_broken", "It is broken" * 60, "main")


@pytest.fixture
def shop() -> Workspace:
    others = a_workspace(name="Others")
    Executor.objects.filter(pk=others.pk).update(repository_code="theirs", repository_message="Theirs")
    return a_workspace()


def fields(workspace: Workspace) -> dict[str, Any]:
    names = ("code", "message", "branch", "since", "seen_at")
    row = Executor.objects.get(pk=workspace.pk)
    return {name: getattr(row, f"repository_{name}") for name in names}


def verbs(workspace: Workspace) -> list[str]:
    rows = Event.objects.filter(workspace=workspace, verb__startswith="repository").order_by("id")
    return list(rows.values_list("verb", flat=True))


def test_a_trouble_begins_once_and_shows_its_newest_cause(shop: Workspace) -> None:
    repository_breaker.opened(shop.pk, GONE)
    first = fields(shop)
    assert (first["code"], first["message"], first["branch"]) == ("repository_gone", "It is gone", "")
    long_ago = now() - timedelta(hours=1)
    Executor.objects.filter(pk=shop.pk).update(repository_since=long_ago, repository_seen_at=long_ago)
    repository_breaker.opened(shop.pk, BROKEN)
    second = fields(shop)
    assert (second["code"], second["branch"], second["since"]) == ("repository_broken", "main", long_ago)
    assert len(second["message"]) == 500 and second["seen_at"] > long_ago and len(verbs(shop)) == 1


def test_its_end_makes_landings_due_and_is_recorded_once(shop: Workspace) -> None:
    others = Workspace.objects.get(name="Others")
    for workspace in (shop, others):
        Integration.objects.update_or_create(workspace=workspace, defaults={"due": False})
    assert not repository_breaker.closed(shop.pk) and not Integration.objects.filter(due=True).exists()
    repository_breaker.opened(shop.pk, GONE)
    assert repository_breaker.closed(shop.pk) and not repository_breaker.closed(shop.pk)
    ended = fields(shop)
    assert (ended["code"], ended["message"], ended["branch"], ended["since"]) == ("", "", "", None)
    assert list(Integration.objects.filter(due=True)) == [Integration.objects.get(workspace=shop)] and len(verbs(shop)) == 2
    assert fields(others)["code"] == "theirs" and verbs(others) == []
    repository_breaker.opened(shop.pk, GONE)
    assert len(verbs(shop)) == 3, "it is another trouble"


def test_what_failed_since_then_may_have_failed_for_that(shop: Workspace) -> None:
    moment = now()
    assert not repository_breaker.was_open_since(shop.pk, moment)
    Executor.objects.filter(workspace__name="Others").update(repository_seen_at=moment + timedelta(hours=1))
    assert not repository_breaker.was_open_since(shop.pk, moment)
    Executor.objects.filter(pk=shop.pk).update(repository_seen_at=moment)
    assert repository_breaker.was_open_since(shop.pk, moment)
    assert not repository_breaker.was_open_since(shop.pk, moment + timedelta(microseconds=1))
    assert not repository_breaker.was_open_since(shop.pk, None)
