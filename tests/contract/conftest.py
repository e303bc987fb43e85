"""The caller: an admin of all workspaces, on a workspace with a running executor."""

import pytest

from tests.contract.api import Api
from tests.factories import a_token, a_workspace
from workspaces.models import Workspace


@pytest.fixture
def workspace(db: None) -> Workspace:
    return a_workspace()


@pytest.fixture
def shop(workspace: Workspace) -> Api:
    return Api(workspace, a_token())
