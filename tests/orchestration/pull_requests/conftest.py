from collections.abc import Callable
from typing import Any

import pytest

from orchestration.pull_requests import connecting
from tests.orchestration.forges.conftest import recorded
from tests.orchestration.pull_requests.fake import FakeForge
from tests.orchestration.pull_requests.team import Team
from tests.orchestration.worker.sessions.conftest import shop
from tests.orchestration.worker.sessions.shop import Shop

__all__ = ["recorded", "shop"]


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> FakeForge:
    fake = FakeForge()
    monkeypatch.setattr(connecting, "forge_of", lambda *_: fake)
    return fake


@pytest.fixture
def team(shop: Callable[..., Shop], forge: FakeForge) -> Callable[..., Team]:
    """Makes a workspace whose work lands by pull request."""

    def make(**config: Any) -> Team:
        rules = {"kind": "github", "repository": "team/shop", **config.pop("forge", {})}
        work = shop(Team.AGENT, verify=[{"name": "ok", "run": "true"}], land_by="pull_request", forge=rules, **config)
        return Team(work, forge)

    return make
