from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestration.worker.sessions.shop import Shop


@pytest.fixture
def shop(db: None, tmp_path: Path, settings: Any) -> Callable[..., Shop]:
    """Makes a workspace whose sessions run in this process, with a data directory of its own."""
    settings.DATA_DIR = tmp_path / "data"
    settings.STOP_GRACE_S = 1
    settings.LEASE_S = 600  # nothing renews a lease here, and a busy machine is slow

    def make(agent: str | dict[str, Any] = "echo yes > ok", **config: Any) -> Shop:
        folder = tmp_path / f"shop-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Shop(folder, agent, **config)

    return make
