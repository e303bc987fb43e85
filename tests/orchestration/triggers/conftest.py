from collections.abc import Callable

import pytest

from orchestration.forges import KINDS
from orchestration.forges.shared import transport
from orchestration.triggers.issues import looking
from tests.orchestration.triggers.issue_forge import IssueForge


@pytest.fixture
def forge_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], IssueForge]:
    """Makes a forge of this kind the one that is asked, by a process that knows nothing yet."""

    def make(kind: str) -> IssueForge:
        forge = IssueForge(kind)
        monkeypatch.setattr(transport, "_exchange", forge.exchange)
        monkeypatch.setattr(transport, "_cache", transport.OrderedDict())
        monkeypatch.setattr(looking, "_seen", looking.OrderedDict())
        return forge

    return make


@pytest.fixture(params=KINDS)
def forge(request: pytest.FixtureRequest, forge_of: Callable[[str], IssueForge]) -> IssueForge:
    return forge_of(request.param)
