"""The caller: an admin of all workspaces, on a workspace with a running executor."""

import pytest

from orchestration.executor import stopping
from tests.contract.api import Api
from tests.factories import a_token
from workspaces.models import Workspace


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs here, so that no session that is asked to stop would end."""
    monkeypatch.setattr(stopping, "WAIT_S", 0)


@pytest.fixture
def shop(workspace: Workspace) -> Api:
    return Api(workspace, a_token())
