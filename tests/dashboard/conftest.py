"""A small cast: Ana may do all, Vera only looks, Otto operates, Bea has the money, Nils belongs nowhere."""

import pytest
from django.test import Client

from tests.dashboard.committed import transactional_db
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds import money
from tests.factories import keep_alive
from tests.plugins import stages
from workspaces.models import Workspace

__all__ = ["transactional_db"]

STAGES: dict[str, stages.Make] = {"workspace": seed.busy, "day": money.a_day}
"""By the fixture that returns the stage's workspace."""


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> stages.Make | None:
    if "transactional_db" in request.fixturenames:
        return None
    return next((make for name, make in STAGES.items() if name in request.fixturenames), None)


@pytest.fixture
def workspace(db: None) -> Workspace:
    workspace = stages.row(seed.busy)
    keep_alive()
    return workspace


@pytest.fixture
def ana(db: None, client: Client) -> Client:
    client.force_login(seed.user("ana"))
    return client


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Workspace:
    """The workspace that the test asks for: `shop`, if that is one, else `workspace`."""
    shop = request.getfixturevalue("shop") if "shop" in request.fixturenames else None
    return shop if isinstance(shop, Workspace) else request.getfixturevalue("workspace")


def client_of(name: str, role: str, workspace: Workspace) -> Client:
    client = Client()
    client.force_login(seed.user(name, role=role, workspace=workspace))
    return client


@pytest.fixture
def vera(own: Workspace) -> Client:
    return client_of("vera", "viewer", own)


@pytest.fixture
def otto(own: Workspace) -> Client:
    return client_of("otto", "operator", own)


@pytest.fixture
def bea(own: Workspace) -> Client:
    return client_of("bea", "budget", own)


@pytest.fixture
def nils(db: None) -> Client:
    client = Client()
    user = seed.user("nils", role="viewer")
    client.force_login(user)
    return client
