from typing import Any

import pytest
from django.test import Client

from tests.factories import a_workspace
from tests.workspaces.oauth import program
from workspaces.models import Workspace
from workspaces.oauth import clients


@pytest.fixture(autouse=True)
def documents(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The documents of programs, by their addresses; tests change them."""
    known = {program.ID: program.document()}
    monkeypatch.setattr(clients, "_fetched", lambda address: known.get(address, "Its server answered 404"))
    clients.forget()
    return known


@pytest.fixture
def shop(db: None) -> Workspace:
    return a_workspace(name="shop")


@pytest.fixture
def bea(shop: Workspace) -> Client:
    return program.member("bea", shop)
