"""Shared by the tests of the budget pages: a day of spend, Bea with the budget role, Vera the viewer."""

import pytest
from django.test import Client

from orchestration.models import Entry
from tests.dashboard.conftest import client_of
from tests.dashboard.seeds import money as seed_money
from tests.factories import keep_alive
from tests.plugins import stages
from workspaces.models import Workspace

HTMX = {"HX-Request": "true"}
PAGES = ("", "entries/", "rounds/", "ledger/", "changes/", "reallocate/")


@pytest.fixture
def day(db: None) -> Workspace:
    workspace = stages.row(seed_money.a_day)
    keep_alive()
    return workspace


@pytest.fixture
def bea(day: Workspace) -> Client:
    return client_of("bea", "budget", day)


@pytest.fixture
def vera(day: Workspace) -> Client:
    return client_of("vera", "viewer", day)


def at(workspace: Workspace, tail: str = "") -> str:
    return f"/w/{workspace.pk}/money/{tail}"


def entry(workspace: Workspace, seq: int) -> Entry:
    return Entry.objects.select_related("account").get(workspace=workspace, seq=seq)
