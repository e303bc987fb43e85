"""The queue of a credential: what its provider permits is learned, and who waits is served in the plan's order."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.gateway import pacing
from orchestration.gateway.pacing import Pace, retry_after, seconds_until

FIRST, SECOND = (1, False, 0, 1), (1, False, 0, 2)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    yield Clock()


def send(pace: Pace, status: int = 200, **headers: str) -> None:
    pace.sending()
    pace.answered(status, {name.replace("_", "-"): value for name, value in headers.items()})


def test_more_requests_go_at_once_as_answers_come(clock: Clock) -> None:
    pace = Pace(clock)
    for _ in range(pacing.FIRST_AT_ONCE):
        assert pace.may_send()
        pace.sending()
    assert not pace.may_send()
    pace.answered(200, {})
    assert pace.may_send()


def test_a_refusal_closes_the_queue_for_the_time_that_it_names(clock: Clock) -> None:
    pace = Pace(clock)
    send(pace, 429, retry_after="7")
    assert not pace.may_send()
    clock.now += 7
    assert pace.may_send()


def test_after_a_refusal_no_more_go_in_a_minute_than_were_taken(clock: Clock) -> None:
    pace = Pace(clock)
    for _ in range(10):
        send(pace)
    send(pace, 429, retry_after="0")
    assert not pace.may_send()
    clock.now += 60.1
    for _ in range(10):
        assert pace.may_send()
        send(pace)
    assert not pace.may_send()


def test_the_rest_in_its_headers_counts(clock: Clock) -> None:
    pace = Pace(clock)
    send(pace, x_ratelimit_remaining_requests="2", x_ratelimit_reset_requests="30s")
    for _ in range(2):
        assert pace.may_send()
        pace.sending()
    assert not pace.may_send()
    clock.now += 30
    assert pace.may_send()


def test_who_waits_is_served_in_the_plans_order(clock: Clock) -> None:
    pace = Pace(clock)
    send(pace, 429, retry_after="1")
    served: list[str] = []

    async def wait(name: str, order: pacing.Order) -> None:
        if await pacing.turn(pace, lambda: order, until=clock.now + 100, is_wanted=lambda: True):
            served.append(name)

    async def steps() -> None:
        waiting = [asyncio.create_task(wait("second", SECOND)), asyncio.create_task(wait("first", FIRST))]
        await asyncio.sleep(0)
        clock.now += 61
        pace.changed.set()
        await waiting[1]
        assert served == ["first"]
        clock.now += 61
        await waiting[0]

    asyncio.run(steps())
    assert served == ["first", "second"]


def test_a_client_that_leaves_waits_no_longer(clock: Clock) -> None:
    pace = Pace(clock)
    send(pace, 429, retry_after="100")
    turn = pacing.turn(pace, lambda: FIRST, until=clock.now + 1000, is_wanted=lambda: False)
    assert asyncio.run(turn) is False
    assert not pace.orders


@pytest.mark.parametrize(
    ("text", "seconds"), [("6m0s", 360), ("1s", 1), ("20ms", 0.02), ("1h", 3600), ("", None), ("soon", None)]
)
def test_spans_are_read(text: str, seconds: float | None) -> None:
    assert seconds_until(text) == seconds


def test_moments_are_read() -> None:
    moment = (datetime.now(UTC) + timedelta(seconds=90)).isoformat()
    left = seconds_until(moment)
    assert left is not None and 80 < left <= 90
    assert time.time() > 0


def test_a_wait_that_makes_no_sense_is_not_kept() -> None:
    assert [retry_after({"retry-after": text}, 5) for text in ("3", "-1", "soon", "1e99")] == [3, 5, 5, 5]
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}, 5) == 1.5
