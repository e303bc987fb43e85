"""A rate limiter per credential: its requests queue here in the plan's order, so that not each of them meets a 429.

A provider's rate-limit headers state the limit. Without them a 429 teaches a time. Then one request goes, then twice as many as were taken: TCP's slow
start. A second 429 soon afterwards teaches a rate. With nothing known, requests go a step apart: a 429 comes at once, before many others are sent.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from orchestration.facts import waits
from orchestration.gateway.admission import Order
from orchestration.protocols import PROTOCOLS

MINUTE = 60.0
STEP_S = 0.1
"""The longest step: with shorter ones for every key, 50 sessions on a key of ten a minute met 6 refusals in 150 requests, and 8 were served too late.
Shorter where status lines come sooner: 40 streams that began at once had waited 3.5 to 5.3 s for each other."""
SLOW_COUNT, UNSTEPPED_COUNT = 10, 100
"""Requests not refused in a minute, from which steps become shorter, and from which they end: they would only make requests wait for each other."""
SOON_S = 0.25
"""The longest wait for a step without a row with its reason."""
ARRIVES_WITHIN_S = 0.5
"""The longest way of a request to its provider, whose minute begins there."""
MINUTE_LIMIT_COUNT = 5
"""Requests taken in a minute, from which on a limit of the minute may be the reason of a 429."""
TAKEN_AFTER_S = 2.0
"""A request without a 429 by then is taken: providers refuse at once, and answer later."""
RAISE_S, SURE_RAISE_S, MAX_RAISE_S = 10.0, 300.0, 1200.0
"""The time from a 429 to a try at a tenth more, or one a minute more; SURE after two at the same count; doubled after each 429.
With 50 sessions on a key of ten a minute, 10 s alone gave 5 % refusals, these 2 %."""
SHORT_PAUSE_S = 2.0
"""Pauses up to this end after a minute without a 429."""
LOOK_EVERY_S = 1.0
MARGIN, MARGIN_S = 1.1, 5.0
"""The factor and the seconds by which a wait may be longer than the known limit says."""
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?")
_LIMITS = tuple(
    tuple(name.format(part) for part in ("limit", "remaining", "reset"))
    for name in dict.fromkeys(protocol.api.rate_limit for protocol in PROTOCOLS.values())
    if name
)


STATED = ("x-stainless-timeout", "x-stainless-read-timeout", "x-server-timeout")
"""The vendors' SDKs state their timeout in these headers, in seconds."""
MIN_STATED_S = 5.0


@dataclass(slots=True, eq=False)
class Waiter:
    """A queued request. Times are of the monotonic clock."""

    order: Order
    until: float
    sent_at: float = 0.0
    go: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class RateLimiter:
    """The rate limit of one credential, as far as it is known. Times are of the monotonic clock."""

    clock: Callable[[], float] = time.monotonic
    taken: deque[float] = field(default_factory=deque)  # the times of the last minute's requests
    pending: list[float] = field(default_factory=list)  # the times of requests without a status line yet
    max_taken: int = 0  # in any minute
    latency_s: float = STEP_S  # to a status line: the longest of late
    claimed_until: float = 0.0  # the next step begins there
    pause_s: float = 0.0  # between two requests, from a 429's Retry-After
    is_trial: bool = False  # no request was taken since the pause was set
    sent_at: float = 0.0
    reopened_at: float = 0.0  # the time of the last 429 is over
    passed: int = 0  # answers since then
    is_starting: bool = False  # slow start
    refused_count: int | None = None  # requests of the minute of a 429
    in_a_row: int = 0  # 429s without an answer between
    per_minute: int | None = None
    raise_s: float = RAISE_S
    raises: int = 0  # since the rate was set
    raised_at: float = 0.0
    refusal_at: float = 0.0
    refused_at: float = 0.0  # the time of the request whose 429 set refused_count
    limit: int | None = None
    remaining: int | None = None
    reset_at: float = 0.0
    closed_until: float = 0.0
    waiters: list[Waiter] = field(default_factory=list)
    retried_at: datetime | None = None

    def may_send(self) -> bool:
        now = self.clock()
        if now < self.closed_until or now < self.sent_at + self.pause_s:
            return False
        used = self._taken(now) + len(self.pending)
        if self.is_starting and not self._may_start(now, used):
            return False
        if self.remaining is not None and now < self.reset_at:
            return self.remaining > 0 and used < (self.per_minute or self.remaining + used)
        if permitted := self._permitted():
            return used < min(permitted)
        return bool(self.pause_s) or now >= self.sent_at + 0.8 * self._step()

    def _may_start(self, now: float, used: int) -> bool:
        """Slow start: twice as many as have passed, and one at a time around the count of the last 429."""
        since = [at for at in self.pending if at >= self.reopened_at]
        young = sum(now - at < TAKEN_AFTER_S for at in since)
        if self.refused_count is not None and self.refused_count <= used < self.refused_count + 2:
            return young == 0
        return young < 1 + self.passed + len(since) - young and now >= self.sent_at + 0.8 * self._step()

    def _permitted(self) -> list[int]:
        """The limits of a minute: the learned one, and the one in the headers."""
        return [limit for limit in (self.per_minute, self.limit) if limit is not None]

    def _step(self) -> float:
        now = self.clock()
        count = max(self.max_taken, self._taken(now) + sum(now - at >= STEP_S for at in self.pending))
        return min(STEP_S, self.latency_s) * min(SLOW_COUNT / max(count, 1), 1) if count < UNSTEPPED_COUNT else 0.0

    def claim(self) -> float | None:
        """Seconds until the step of a new request. None: it waits for more than its step."""
        now = self.clock()
        is_known = self.pause_s or self.remaining is not None or self.per_minute is not None or self.limit is not None
        at = max(now, self.claimed_until, self.sent_at + self._step())
        if is_known or self.waiters or now < self.closed_until or at > now + SOON_S:
            return None
        self.claimed_until = at + self._step()
        return at - now

    def opens_in(self) -> float:
        """Seconds until a look is due, without an answer."""
        seconds = self.sent_at + self._step() - self.clock()
        return seconds if seconds > 0 else LOOK_EVERY_S

    def _taken(self, now: float) -> int:
        """The requests taken in the last minute."""
        while self.taken and self.taken[0] <= now - MINUTE:
            self.taken.popleft()
        return len(self.taken)

    def sending(self) -> float:
        """Count a request as sent. Returns its time, the first argument of `answered`."""
        at = self.sent_at = self.clock()
        self.pending.append(at)
        if self.remaining is not None:
            self.remaining -= 1
        return at

    def answered(self, at: float, status: int, headers: Mapping[str, str], *, departed_at: float = 0.0) -> None:
        """Count the status line of the request of that time. Status 0: its connection ended without one."""
        now = self.clock()
        self.pending.remove(at)
        start = max(at, departed_at)  # the provider's minute begins when the bytes leave, not with the slot: money comes between
        if not status:
            self._refund()
        self._read_limits(headers)
        if status == 429:
            self._refused(at, now, headers)
        elif status:
            self.latency_s = max(now - start, 0.8 * self.latency_s)
            self.taken.append(min(now, start + ARRIVES_WITHIN_S))
            self.max_taken = max(self.max_taken, self._taken(now))
            self.is_trial = False
            if at >= self.reopened_at:
                self.passed, self.in_a_row = self.passed + 1, 0
                is_below = self.per_minute is None and self._taken(now) <= (self.refused_count or 0)
                self.is_starting = self.is_starting and is_below
            self._raise(now)
        self.release()

    def _refund(self) -> None:
        """Give the slot back: nothing was sent."""
        if self.remaining is not None:
            self.remaining += 1
        self.sent_at = max([*self.pending, *list(self.taken)[-1:]], default=0.0)

    def _raise(self, now: float) -> None:
        """Additive increase: a little more than the learned rate."""
        since = now - self.raised_at
        if self.pause_s and since > (MAX_RAISE_S / 2 if self.pause_s > SHORT_PAUSE_S else MINUTE):
            self.pause_s, self.raised_at = 0.9 * self.pause_s if self.pause_s > SHORT_PAUSE_S else 0.0, now
        if self.per_minute is None or since <= self.raise_s or self._taken(now) + len(self.pending) < self.per_minute:
            return
        self.per_minute, self.raised_at, self.raises = self.per_minute + max(self.per_minute // 10, 1), now, self.raises + 1
        if self.raises >= 3:
            self.raise_s = RAISE_S

    def _refused(self, at: float, now: float, headers: Mapping[str, str]) -> None:
        """Close the key for what the 429 asks, or a guess. A second 429 also teaches a rate: the count of the last minute, or a pause between two
        requests. Older pending requests count as taken, since a 429 comes at once."""
        seconds = wait_s(headers)
        if seconds is None:
            seconds = waits.NO_RESET_S
            if self._taken(now) >= MINUTE_LIMIT_COUNT:
                seconds = min(seconds * 2 ** min(self.in_a_row, 9), waits.MOST_NO_RESET_S)
        self.closed_until = max(self.closed_until, now + seconds)
        if at <= self.refusal_at:  # sent before the last 429 came
            if at < self.refused_at and self.refused_count:  # and counted as taken
                self.refused_count -= 1
                self.per_minute = self.per_minute and max(self.per_minute - 1, 1)
            self.reopened_at = self.closed_until
            return
        is_first, self.raised_at, self.refusal_at = now - self.refusal_at > MINUTE, now, now
        is_again = bool(self.passed) and at - self.reopened_at <= MINUTE
        known = self._taken(now) or "retry-after" in headers
        before = [*self.taken, *(each for each in self.pending if each < at and known)]
        last_count, since_then = self.refused_count, self.passed + sum(self.reopened_at <= each < at for each in self.pending)
        self.reopened_at, self.passed, self.is_starting, self.in_a_row = self.closed_until, 0, True, self.in_a_row + 1
        if not before:
            return  # another client of this key used it up: one 429 teaches nothing of its rate
        self.refused_count, self.refused_at = len(before), at
        if self.per_minute is None and not self.pause_s and not is_again:
            return  # a time alone: one 429 with Retry-After: 90 had left a key at two requests a minute
        if self.per_minute and is_first and not self.raises and seconds <= SHORT_PAUSE_S and len(before) >= self.per_minute - 1:
            return  # a moment too early
        if self.per_minute is None and not self.is_trial and "retry-after" in headers and seconds <= MINUTE / len(before):
            since = max(at - max(before), 0.0)
            self.pause_s, self.is_trial = max(self.pause_s / 0.9, 1.05 * (since + seconds)), True
        else:
            rate = max(since_then, min(len(before), last_count or len(before)))
            if self.per_minute is not None:
                rate = min(len(before), self.per_minute - (self.raises > 0))
            least = SURE_RAISE_S if last_count is not None and abs(last_count - rate) <= 1 else RAISE_S
            self.raise_s = min(max(2 * self.raise_s if self.raises else self.raise_s, least), MAX_RAISE_S)
            self.per_minute, self.pause_s, self.is_trial, self.raises = max(rate, 1), 0.0, False, 0

    def _read_limits(self, headers: Mapping[str, str]) -> None:
        for limit, remaining, reset in _LIMITS:
            count, seconds = headers.get(remaining, ""), seconds_until(headers.get(reset, ""))
            if count.isdecimal() and seconds is not None:
                self.limit = int(headers[limit]) if headers.get(limit, "").isdecimal() else None
                self.remaining = int(count) - len(self.pending)
                self.reset_at = self.clock() + seconds

    def reopen(self) -> None:
        """Forget the 429s: a person wants one request tried."""
        self.closed_until = self.reopened_at = self.clock()
        self.passed, self.is_starting, self.in_a_row = 0, True, 0
        self.per_minute, self.pause_s, self.remaining = None, 0.0, None
        self.release()

    def closed_for(self) -> float:
        """Seconds of the back-off that are left."""
        return max(self.closed_until - self.clock(), 0.0)

    def release(self) -> None:
        """Wake the requests that may be sent."""
        while self.waiters and self.may_send():
            first = self._next()
            self.waiters.remove(first)
            first.sent_at = self.sending()
            first.go.set()

    def _next(self) -> Waiter:
        """The first waiter in plan order that can go without making another miss its deadline: one that misses it only asks again."""
        now, times = self.clock(), self._send_times(len(self.waiters) + 1)
        one_later = [now + MARGIN * (at - now) + MARGIN_S for at in times[1:]]
        in_time: list[Waiter] = []
        for each in sorted(self.waiters, key=lambda each: each.until):
            if each.until >= times[len(in_time)]:
                in_time.append(each)
        cannot_wait = (n for n, (each, at) in enumerate(zip(in_time, one_later, strict=False)) if each.until < at)
        last = next(cannot_wait, None)
        return min(self.waiters if last is None else in_time[: last + 1], key=lambda each: each.order)

    def _send_times(self, count: int) -> list[float]:
        """The times of so many more requests, by the known limit."""
        guess = 0 if self.pause_s else self.refused_count or 0
        start, permitted = max(self.clock(), self.closed_until), min(self._permitted(), default=guess)
        permitted -= bool(self.raises and permitted > 1)  # the raised one may be refused: no waiter's last chance
        if permitted:
            free = [max(at + MINUTE, start) for at in sorted([*self.taken, *self.pending])[-permitted:]]
            free = [start] * (permitted - len(free)) + free
            return [free[n % permitted] + MINUTE * (n // permitted) for n in range(count)]
        return [start + n * self.pause_s for n in range(count)]


_limiters: dict[tuple[str, ...], RateLimiter] = {}


def limiter_of(*credential: str) -> RateLimiter:
    """The rate limiter of an `Upstream.rate_limit_key`."""
    return _limiters.setdefault(credential, RateLimiter())


@dataclass
class Slot:
    """A request's slot under a rate limit."""

    limiter: RateLimiter
    at: float | None = None
    had_slot: bool = False  # gave it back, such as to wait for money: goes before those without a first one
    departed_at: float = 0.0

    def take(self, *, force: bool = False) -> bool:
        """False: the limit is reached, or others wait."""
        if self.at is None and (force or ((self.had_slot or not self.limiter.waiters) and self.limiter.may_send())):
            self.at, self.had_slot = self.limiter.sending(), True
        return self.at is not None

    async def take_soon(self) -> bool:
        """Take it now, or at its step. False: it has to queue."""
        while not self.take():
            if (seconds := self.limiter.claim()) is None:
                return False
            await asyncio.sleep(seconds)
        return True

    async def wait(self, order: Order, *, until: float, is_connected: Callable[[], bool]) -> bool:
        """False: no slot came before `until`, or the client has left."""
        self.at = await wait_for_turn(self.limiter, order, until=until, is_connected=is_connected)
        self.had_slot = self.at is not None
        return self.had_slot

    def departs(self) -> None:
        """The request is on its way now."""
        self.departed_at = self.limiter.clock()

    def give_back(self, status: int = 0, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        """Give the slot back with the status line, or with 0: nothing was sent."""
        if self.at is not None:
            at, self.at = self.at, None
            self.limiter.answered(at, status, headers, departed_at=self.departed_at)


async def wait_for_turn(limiter: RateLimiter, order: Order, *, until: float, is_connected: Callable[[], bool]) -> float | None:
    """Queue for a slot. Returns its time, the first argument of `answered`. None: none came before `until`, or the client has left."""
    waiter = Waiter(order, until)
    limiter.waiters.append(waiter)
    is_passed_on = False
    try:
        while True:
            limiter.release()
            if waiter.go.is_set():
                is_passed_on = True
                return waiter.sent_at
            if limiter.clock() > until or not is_connected():
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(limiter.opens_in()):
                    await waiter.go.wait()
    finally:
        if waiter in limiter.waiters:
            limiter.waiters.remove(waiter)
        elif not is_passed_on:  # cancelled between its wake-up and its turn: the slot would be lost
            limiter.answered(waiter.sent_at, 0, {})


def patience_of(agent: str, headers: Mapping[str, str]) -> float:
    """Seconds for which a request of this program may wait in silence. Names of headers are in lower case."""
    known = [waits.PROGRAM_S.get(agent, waits.UNKNOWN_PROGRAM_S)]
    for name in STATED:
        stated = headers.get(name, "")
        if stated.isdecimal() and len(stated) < 8 and int(stated) >= MIN_STATED_S:
            known.append(float(stated))
    return min(known) * waits.PART_OF_PROGRAM


def retry_after(headers: Mapping[str, str], default: float) -> float:
    """The seconds of Retry-After, or of retry-after-ms."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < 10**7:
            return seconds
    return default


def wait_s(headers: Mapping[str, str]) -> float | None:
    """The back-off that a 429 states, in seconds: Retry-After, else the reset of a used-up limit; None: neither."""
    if (seconds := retry_after(headers, -1)) >= 0:
        return seconds
    resets = [
        seconds_until(headers.get(name.replace("remaining", "reset"), ""))
        for name, count in headers.items()
        if count == "0" and "ratelimit" in name and "remaining" in name
    ]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def seconds_until(moment: str) -> float | None:
    """Seconds until a reset: an ISO time, or a span such as `6m0s`."""
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
