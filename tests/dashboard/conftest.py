"""A small cast: Ana may do all, Vera only looks, Otto operates, Bea has the money, Nils belongs nowhere."""

import pytest
from django.test import Client

from tests.dashboard.committed import transactional_db
from tests.dashboard.seeds import entries as seed
from workspaces.models import Workspace

__all__ = ["transactional_db"]


@pytest.fixture
def workspace(db: None) -> Workspace:
    return seed.busy()


@pytest.fixture
def ana(db: None, client: Client) -> Client:
    client.force_login(seed.user("ana"))
    return client


def client_of(name: str, role: str, workspace: Workspace) -> Client:
    client = Client()
    client.force_login(seed.user(name, role=role, workspace=workspace))
    return client


@pytest.fixture
def vera(workspace: Workspace) -> Client:
    return client_of("vera", "viewer", workspace)


@pytest.fixture
def otto(workspace: Workspace) -> Client:
    return client_of("otto", "operator", workspace)


@pytest.fixture
def bea(workspace: Workspace) -> Client:
    return client_of("bea", "budget", workspace)


@pytest.fixture
def nils(db: None) -> Client:
    client = Client()
    user = seed.user("nils", role="viewer")
    client.force_login(user)
    return client
