"""Values that are kept for a while: read anew in the background, and at once where they are too old or wrong."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.gateway import database
from orchestration.gateway.database import RefreshingCache

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(database, "time", clock)
    return clock


class Source:
    """The values that the database has, one after the other; an exception is raised."""

    def __init__(self, *values: Any) -> None:
        self.values, self.reads = list(values), 0

    def __call__(self, key: str) -> Any:
        self.reads += 1
        value = self.values.pop(0)
        if isinstance(value, Exception):
            raise value
        return value


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_an_old_value_is_read_again_without_a_wait(clock: Clock) -> None:
    source = Source("first", "second")
    values = RefreshingCache[str, str](source, fresh_s=2, stale_s=6)

    async def steps() -> None:
        assert await values.get("a") == await values.get("a") == "first"
        clock.now += 3
        assert await values.get("a") == await values.get("a") == "first", "one of them reads it, and none waits"
        await until(lambda: source.reads == 2 and not values._reading)
        assert await values.get("a") == "second"

    asyncio.run(steps())


def test_a_value_that_is_too_old_is_waited_for(clock: Clock) -> None:
    values = RefreshingCache[str, str](Source("first", "second", "third"), fresh_s=2, stale_s=6)

    async def steps() -> None:
        assert await values.get("a") == "first"
        clock.now += 7
        assert await values.get("a") == "second"
        assert await values.get("a", now=True) == "third"

    asyncio.run(steps())


def test_what_cannot_be_read_again_is_not_kept(clock: Clock) -> None:
    source = Source("first", ValueError("gone"), ValueError("gone"))
    values = RefreshingCache[str, str](source, fresh_s=2, stale_s=6)

    async def steps() -> None:
        await values.get("a")
        clock.now += 3
        assert await values.get("a") == "first"
        await until(lambda: source.reads == 2 and not values._reading)
        with pytest.raises(ValueError, match="gone"):
            await values.get("a")

    asyncio.run(steps())
