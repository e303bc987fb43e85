import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.processes import agent_process, leftovers

FAKE_AGENT = Path(__file__).with_name("fake_agent.py")


@pytest.fixture
def marker() -> Iterator[str]:
    """A session's marker; nothing that carries it survives the test."""
    name = f"test-{uuid.uuid4()}"
    yield name
    assert leftovers.end_marked(name) == 0


@pytest.fixture
def a_spec(tmp_path: Path, marker: str) -> Callable[..., agent_process.Spec]:
    """A spec for the fake agent with these plans, and good defaults."""

    def make(*plans: str, **changes: Any) -> agent_process.Spec:
        given: dict[str, Any] = {
            "argv": [sys.executable, "-S", str(FAKE_AGENT), *plans],
            "cwd": str(tmp_path),
            "env": {"PATH": "/usr/bin:/bin"},
            "marker": marker,
            "status_path": str(tmp_path / "status.json"),
            "journal_path": str(tmp_path / "journal"),
            "wall_s": 50,
            "grace_s": 5,
            "cgroup_parent": "none",  # what /proc and the subreaper do must suffice; test_cgroups.py and test_survivors.py ask for more
        }
        return agent_process.Spec(**{**given, **changes})

    return make
