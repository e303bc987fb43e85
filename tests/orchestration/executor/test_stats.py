"""The statistics of ticks and cycles: the newest first, a bounded number, for a week, and no message but that of a tick."""

import pytest

from orchestration.executor import stats
from orchestration.messaging import publishing


@pytest.fixture(autouse=True)
def _none_kept() -> None:
    publishing.client().delete(stats.TICKS, "muster:cycles:ws_1", "muster:cycles:ws_2")


def test_the_newest_are_kept_apart_by_workspace_and_for_a_week(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "KEPT", 3)
    for number in range(5):
        stats.record_cycle("ws_1", {"started": number})
    stats.record_cycle("ws_2", {"started": 9})
    stats.record_tick(0.01234)
    assert stats.cycles("ws_1") == [{"started": 4}, {"started": 3}, {"started": 2}] and stats.cycles("ws_2") == [{"started": 9}]
    [tick] = stats.ticks() or []
    assert tick["ms"] == 12.3 and set(tick) == {"at", "ms"}
    assert publishing.client().llen("muster:cycles:ws_1") == 3
    for key in (stats.TICKS, "muster:cycles:ws_1", "muster:cycles:ws_2"):
        assert stats.KEPT_FOR_S - 60 < publishing.client().ttl(key) <= stats.KEPT_FOR_S


def test_a_tick_is_announced_and_a_cycle_is_not() -> None:
    with publishing.client().pubsub() as pubsub:
        pubsub.subscribe(stats.TICK)
        assert (pubsub.get_message(timeout=5) or {})["type"] == "subscribe"
        stats.record_cycle("ws_1", {})
        stats.record_tick(0.5)
        publishing.client().publish(stats.TICK, "last")
        assert [(pubsub.get_message(timeout=5) or {}).get("data") for _ in range(2)] == [b"", b"last"]
