"""An agent that leaves ten thousand files that its entry did not declare: everybody else is answered meanwhile."""

import time
from collections.abc import Callable

import pytest

from tests.faults.shop import Shop

pytestmark = pytest.mark.alone  # its bounds are seconds

MOST_S = 1.0


@pytest.mark.parametrize("files", [10_000, 10_001])
def test_writes_of_others_are_answered_while_a_session_with_many_files_ends(shop: Callable[..., Shop], files: int) -> None:
    work = shop(verify=[{"name": "ok", "run": "test -f ok"}])
    id_ = work.add(
        f"do mkdir out; seq -f out/%g.o 1 {files} |xargs touch",
        "write ok yes",
        budget_rounds=1,
        spec={"files_to_create": ["ok"]},
    )
    waits: list[float] = []
    while (status := work.entry(id_)["status"]) in ("pending", "in_progress"):
        began = time.monotonic()
        work.call("PATCH", "/config", {"max_workers": 2 + len(waits) % 2})
        waits.append(time.monotonic() - began)
    print(f"{files:,} undeclared files: {status}; {len(waits)} writes of others meanwhile, the slowest took {max(waits):.3f} s")
    assert status == ("done" if files <= 10_000 else "failed")
    assert max(waits) < MOST_S
    if status == "failed":
        [finding] = work.rounds(id_)[0]["findings"]
        assert finding == "files_locked: 10,001 files changed: is something missing in .gitignore?"
