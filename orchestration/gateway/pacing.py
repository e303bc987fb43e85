"""One queue per credential: while its provider takes no more, requests wait here in the plan's order, and do not meet a refusal each.

What a provider permits is learned: from its headers, where it has them; else from its first refusal. Until something is known, the number of requests at once
grows with each answer.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from orchestration.gateway.admission import Order

MINUTE = 60.0
FIRST_AT_ONCE = 8
WAIT_S = 5.0
"""After a refusal that does not say for how long."""
RAISE_EVERY_S = 600.0
"""So often one request a minute more is tried than was permitted last."""
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?")


@dataclass
class Pace:
    """The requests that one credential may send. Times are of the monotonic clock."""

    clock: Callable[[], float] = time.monotonic
    sent: deque[float] = field(default_factory=deque)
    at_work: int = 0
    answers: int = 0
    per_minute: int | None = None
    raised_at: float = 0.0
    remaining: int | None = None
    reset_at: float = 0.0
    closed_until: float = 0.0
    orders: dict[int, Order] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def may_send(self) -> bool:
        now = self.clock()
        while self.sent and self.sent[0] <= now - MINUTE:
            self.sent.popleft()
        if now < self.closed_until:
            return False
        if self.remaining is not None and now < self.reset_at:
            return self.remaining > 0
        if self.per_minute is not None:
            return len(self.sent) < self.per_minute
        return self.remaining is not None or self.at_work < FIRST_AT_ONCE + 2 * self.answers

    def sending(self) -> None:
        self.sent.append(self.clock())
        self.at_work += 1
        if self.remaining is not None:
            self.remaining -= 1

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """A status line has come, or the connection has ended with none (status 0)."""
        now = self.clock()
        self.at_work -= 1
        self._read_limits(headers)
        if status == 429:
            self.sent.pop() if self.sent else None
            self.closed_until = max(self.closed_until, now + retry_after(headers, WAIT_S))
            self.per_minute, self.raised_at = max(len(self.sent), 1), now
        elif status:
            self.answers += 1
            if self.per_minute is not None and now - self.raised_at > RAISE_EVERY_S:
                self.per_minute, self.raised_at = self.per_minute + 1, now
        self.changed.set()

    def _read_limits(self, headers: Mapping[str, str]) -> None:
        for remaining, reset in (
            ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
            ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ):
            count, seconds = headers.get(remaining, ""), seconds_until(headers.get(reset, ""))
            if count.isdecimal() and seconds is not None:
                self.remaining = max(int(count) - self.at_work, 0)
                self.reset_at = self.clock() + seconds

    def is_first(self, number: int) -> bool:
        return all(self.orders[number] <= other for other in self.orders.values())


_paces: dict[tuple[str, ...], Pace] = {}
_numbers = iter(range(1, 2**62))


def pace_of(*credential: str) -> Pace:
    """The queue of a credential: its workspace, its name, and where it is used."""
    return _paces.setdefault(credential, Pace())


async def turn(pace: Pace, order: Callable[[], Order], *, until: float, is_wanted: Callable[[], bool]) -> bool:
    """Wait until a request may be sent, and count it as sent. False: not before `until`, or its client has left."""
    if not pace.orders and pace.may_send():
        pace.sending()
        return True
    number = next(_numbers)
    pace.orders[number] = order()
    try:
        while not (pace.is_first(number) and pace.may_send()):
            if pace.clock() > until or not is_wanted():
                return False
            pace.changed.clear()
            try:
                await asyncio.wait_for(pace.changed.wait(), 0.2)
            except TimeoutError:
                pass
        pace.sending()
        return True
    finally:
        del pace.orders[number]
        pace.changed.set()


def retry_after(headers: Mapping[str, str], default: float) -> float:
    """Seconds, as the provider asks for them."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < 10**7:
            return seconds
    return default


def seconds_until(moment: str) -> float | None:
    """From now until a reset, which providers write as a moment or as a span, such as `6m0s`."""
    if not moment:
        return None
    if (span := _SPAN.fullmatch(moment)) and any(span.groups()):
        hours, minutes, seconds, milliseconds = (float(part or 0) for part in span.groups())
        return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time(), 0.0)
