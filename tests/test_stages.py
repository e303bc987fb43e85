"""The stage that tests begin on (tests/plugins/stages.py)."""

import pytest
from django.db import connection

from tests.factories import a_workspace
from tests.plugins import database, stages
from workspaces.models import Workspace


def a_shop() -> Workspace:
    return a_workspace()


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> stages.Make | None:
    return a_shop if "shop" in request.fixturenames else None


@pytest.fixture
def shop(db: None) -> Workspace:
    return stages.row(a_shop)


@pytest.mark.parametrize("name", ["Till", "Store"])
def test_a_change_to_the_stage_ends_with_its_test(shop: Workspace, name: str) -> None:
    assert Workspace.objects.get().name == "Shop"
    Workspace.objects.update(name=name)
    a_workspace(name="Other")


@pytest.mark.django_db
def test_a_test_without_a_stage_begins_with_nothing() -> None:
    assert connection.settings_dict["NAME"] == database.name and not Workspace.objects.exists()


def test_rows_are_stale_after_their_time(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "FRESH_S", 0)
    assert not stages._stages[a_shop].is_fresh
