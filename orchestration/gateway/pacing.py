"""One queue per credential: while its provider takes no more, requests wait here in the plan's order, and do not meet a refusal each.

A provider's headers say what it permits. Where it has none, a refusal teaches a time: when that is over, one request goes, then twice as many as were
taken, as in TCP's slow start. Only a second refusal, soon after requests were taken again, teaches a rate. Until something is known, each request is
sent a little after the one before: providers refuse at once, so that hardly another has been sent by then.
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

MINUTE = 60.0
STEP_S = 0.1
"""Between two requests, while nothing is known: by then a refusal of the first has come. Sooner where status lines come sooner, or SLOW requests were not refused
in a minute: a tenth more at a time."""
SLOW, MANY_TAKEN = 10, 100
"""After MANY_TAKEN in a minute steps would only make requests wait for each other."""
SOON_S = 0.25
"""A request whose step comes so soon needs no row that says why it waits. Those with a row go as soon as status lines come."""
ARRIVES_WITHIN_S = 0.5
"""A request reaches its provider at most so long after it was sent; the provider's minute begins there."""
MANY = 5
"""Requests taken in a minute, from which on a limit of the minute may be the reason of a refusal."""
PASSED_S = 2.0
"""A request that is not refused by then is taken: providers refuse at once, and answer later."""
RAISE_S, SURE_RAISE_S, MOST_RAISE_S = 10.0, 300.0, 1200.0
"""A tenth more, or one request a minute more, than the learned rate is tried so soon after the refusal; SURE where two refusals came at the same count.
Twice as long after each one that is refused. With 50 sessions on a key of ten a minute, 10 s alone gave 5 % refusals, these 2 %."""
SHORT_S = 2.0
"""Pauses up to this end after a minute without a refusal."""
LOOK_EVERY_S = 1.0
RESERVE, RESERVE_S = 1.1, 5.0
"""A request is taken to wait so much longer than what is known of its provider says."""
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?")
_LIMITS = tuple(
    tuple(name.format(part) for part in ("limit", "remaining", "reset"))
    for name in ("anthropic-ratelimit-requests-{}", "x-ratelimit-{}-requests")
)


STATED = ("x-stainless-timeout", "x-stainless-read-timeout", "x-server-timeout")
"""Headers in which the vendors' SDKs state their patience in seconds."""
LEAST_S = 5.0


@dataclass(slots=True, eq=False)
class Waiter:
    """A request that waits. Times are of the monotonic clock. `at`: when it was sent."""

    order: Order
    until: float
    at: float = 0.0
    go: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Pace:
    """The requests that one credential may send. Times are of the monotonic clock. `taken`: when each request of the last minute was taken; `asked`: when
    each request without an answer yet was sent; `most`: the most that were taken in any minute; `answers_in_s`: the longest time to a status line of late; `claimed_until`: when the next step begins; `pause`: seconds
    between two requests, as a refusal has them; `is_trial`: the first one after it was set; `refusal_at`: of the newest refusal; `refused_at`: when the request was sent whose refusal set
    `refused_count`. `reopened_at`: when the time of the last refusal is over; `passed`: answers since; `is_starting`: requests begin slowly there;
    `refused_count`: the requests of the minute in which it refused; `in_a_row`: refusals without an answer between; `raises`: since the rate was set."""

    clock: Callable[[], float] = time.monotonic
    taken: deque[float] = field(default_factory=deque)
    asked: list[float] = field(default_factory=list)
    most: int = 0
    answers_in_s: float = STEP_S
    claimed_until: float = 0.0
    pause: float = 0.0
    is_trial: bool = False
    sent_at: float = 0.0
    reopened_at: float = 0.0
    passed: int = 0
    is_starting: bool = False
    refused_count: int | None = None
    in_a_row: int = 0
    per_minute: int | None = None
    raise_s: float = RAISE_S
    raises: int = 0
    raised_at: float = 0.0
    refusal_at: float = 0.0
    refused_at: float = 0.0
    limit: int | None = None
    remaining: int | None = None
    reset_at: float = 0.0
    closed_until: float = 0.0
    waiters: list[Waiter] = field(default_factory=list)
    retried_at: datetime | None = None

    def may_send(self) -> bool:
        now = self.clock()
        if now < self.closed_until or now < self.sent_at + self.pause:
            return False
        used = self._taken(now) + len(self.asked)
        if self.is_starting and not self._may_start(now, used):
            return False
        if self.remaining is not None and now < self.reset_at:
            return self.remaining > 0 and used < (self.per_minute or self.remaining + used)
        if permitted := self._permitted():
            return used < min(permitted)
        return bool(self.pause) or now >= self.sent_at + 0.8 * self._step()

    def _may_start(self, now: float, used: int) -> bool:
        """Twice as many as have passed; and one at a time beyond the count at which it refused before."""
        since = [at for at in self.asked if at >= self.reopened_at]
        young = sum(now - at < PASSED_S for at in since)
        if self.refused_count is not None and self.refused_count <= used < self.refused_count + 2:
            return young == 0
        return young < 1 + self.passed + len(since) - young and now >= self.sent_at + 0.8 * self._step()

    def _permitted(self) -> list[int]:
        """The requests of a minute, as a refusal and as the headers say."""
        return [limit for limit in (self.per_minute, self.limit) if limit is not None]

    def _step(self) -> float:
        now = self.clock()
        count = max(self.most, self._taken(now) + sum(now - at >= STEP_S for at in self.asked))
        return min(STEP_S, self.answers_in_s) * min(SLOW / max(count, 1), 1) if count < MANY_TAKEN else 0.0

    def claim(self) -> float | None:
        """Seconds until the step of a request that has just come. None: it is not the step that it waits for, or steps of others come first."""
        now = self.clock()
        is_known = self.pause or self.remaining is not None or self.per_minute is not None or self.limit is not None
        at = max(now, self.claimed_until, self.sent_at + self._step())
        if is_known or self.waiters or now < self.closed_until or at > now + SOON_S:
            return None
        self.claimed_until = at + self._step()
        return at - now

    def opens_in(self) -> float:
        """Seconds after which it is worth to look again, without an answer."""
        seconds = self.sent_at + self._step() - self.clock()
        return seconds if seconds > 0 else LOOK_EVERY_S

    def _taken(self, now: float) -> int:
        """The number of requests that were taken in the last minute."""
        while self.taken and self.taken[0] <= now - MINUTE:
            self.taken.popleft()
        return len(self.taken)

    def sending(self) -> float:
        """Count a request as sent. Returns when, which `answered` is given."""
        at = self.sent_at = self.clock()
        self.asked.append(at)
        if self.remaining is not None:
            self.remaining -= 1
        return at

    def answered(self, at: float, status: int, headers: Mapping[str, str], *, left: float = 0.0) -> None:
        """A status line has come for the request that was sent then, or its connection has ended with none (status 0). `left`: when it was on its way, its
        money reserved; its provider's minute begins then."""
        now = self.clock()
        self.asked.remove(at)
        if not status:
            self._was_not_sent()
        self._read_limits(headers)
        if status == 429:
            self._refused(at, now, headers)
        elif status:
            self.answers_in_s = max(now - max(at, left), 0.8 * self.answers_in_s)
            self.taken.append(min(now, max(at, left) + ARRIVES_WITHIN_S))
            self.most = max(self.most, self._taken(now))
            self.is_trial = False
            if at >= self.reopened_at:
                self.passed, self.in_a_row = self.passed + 1, 0
                is_below = self.per_minute is None and self._taken(now) <= (self.refused_count or 0)
                self.is_starting = self.is_starting and is_below
            self._raise(now)
        self.release()

    def _was_not_sent(self) -> None:
        """It takes nothing of what the provider permits."""
        if self.remaining is not None:
            self.remaining += 1
        self.sent_at = max([*self.asked, *list(self.taken)[-1:]], default=0.0)

    def _raise(self, now: float) -> None:
        """Try a little more than was permitted last; sooner where it was much less than before."""
        since = now - self.raised_at
        if self.pause and since > (MOST_RAISE_S / 2 if self.pause > SHORT_S else MINUTE):
            self.pause, self.raised_at = 0.9 * self.pause if self.pause > SHORT_S else 0.0, now
        if self.per_minute is None or since <= self.raise_s or self._taken(now) + len(self.asked) < self.per_minute:
            return
        self.per_minute, self.raised_at, self.raises = self.per_minute + max(self.per_minute // 10, 1), now, self.raises + 1
        if self.raises >= 3:
            self.raise_s = RAISE_S

    def _refused(self, at: float, now: float, headers: Mapping[str, str]) -> None:
        """Take no more in a minute than was taken now; or one at a time, where the provider takes the next one sooner than a minute would allow. Requests that
        were sent before this one and wait for their answer are at work: a refusal comes at once."""
        seconds = wait_s(headers)
        if seconds is None:
            seconds = waits.NO_RESET_S
            if self._taken(now) >= MANY:
                seconds = min(seconds * 2 ** min(self.in_a_row, 9), waits.MOST_NO_RESET_S)
        self.closed_until = max(self.closed_until, now + seconds)
        if at <= self.refusal_at:  # it was sent before the last refusal came
            if at < self.refused_at and self.refused_count:  # and was counted as taken
                self.refused_count -= 1
                self.per_minute = self.per_minute and max(self.per_minute - 1, 1)
            self.reopened_at = self.closed_until
            return
        is_first, self.raised_at, self.refusal_at = now - self.refusal_at > MINUTE, now, now
        is_again = bool(self.passed) and at - self.reopened_at <= MINUTE
        known = self._taken(now) or "retry-after" in headers
        before = [*self.taken, *(each for each in self.asked if each < at and known)]
        last_count, since_then = self.refused_count, self.passed + sum(self.reopened_at <= each < at for each in self.asked)
        self.reopened_at, self.passed, self.is_starting, self.in_a_row = self.closed_until, 0, True, self.in_a_row + 1
        if not before:
            return  # others use this key: nothing is known of what it permits
        self.refused_count, self.refused_at = len(before), at
        if self.per_minute is None and not self.pause and not is_again:
            return  # it teaches a time
        if self.per_minute and is_first and not self.raises and seconds <= SHORT_S and len(before) >= self.per_minute - 1:
            return  # it came a moment too early
        if self.per_minute is None and not self.is_trial and "retry-after" in headers and seconds <= MINUTE / len(before):
            since = max(at - max(before), 0.0)
            self.pause, self.is_trial = max(self.pause / 0.9, 1.05 * (since + seconds)), True
        else:
            rate = max(since_then, min(len(before), last_count or len(before)))
            if self.per_minute is not None:
                rate = min(len(before), self.per_minute - (self.raises > 0))
            least = SURE_RAISE_S if last_count is not None and abs(last_count - rate) <= 1 else RAISE_S
            self.raise_s = min(max(2 * self.raise_s if self.raises else self.raise_s, least), MOST_RAISE_S)
            self.per_minute, self.pause, self.is_trial, self.raises = max(rate, 1), 0.0, False, 0

    def _read_limits(self, headers: Mapping[str, str]) -> None:
        for limit, remaining, reset in _LIMITS:
            count, seconds = headers.get(remaining, ""), seconds_until(headers.get(reset, ""))
            if count.isdecimal() and seconds is not None:
                self.limit = int(headers[limit]) if headers.get(limit, "").isdecimal() else None
                self.remaining = int(count) - len(self.asked)
                self.reset_at = self.clock() + seconds

    def reopen(self) -> None:
        """Forget what its provider refused: a person wants one request tried."""
        self.closed_until = self.reopened_at = self.clock()
        self.passed, self.is_starting, self.in_a_row = 0, True, 0
        self.per_minute, self.pause, self.remaining = None, 0.0, None
        self.release()

    def closed_for(self) -> float:
        """Seconds for which its provider takes nothing."""
        return max(self.closed_until - self.clock(), 0.0)

    def release(self) -> None:
        """Let those go that may."""
        while self.waiters and self.may_send():
            first = self._first()
            self.waiters.remove(first)
            first.at = self.sending()
            first.go.set()

    def _first(self) -> Waiter:
        """The plan's first of those after whom every one is served in time that can be: whose patience ends would only ask again."""
        now, slots = self.clock(), self._slots(len(self.waiters) + 1)
        one_later = [now + RESERVE * (slot - now) + RESERVE_S for slot in slots[1:]]
        in_time: list[Waiter] = []
        for each in sorted(self.waiters, key=lambda each: each.until):
            if each.until >= slots[len(in_time)]:
                in_time.append(each)
        cannot_wait = (n for n, (each, slot) in enumerate(zip(in_time, one_later, strict=False)) if each.until < slot)
        last = next(cannot_wait, None)
        return min(self.waiters if last is None else in_time[: last + 1], key=lambda each: each.order)

    def _slots(self, count: int) -> list[float]:
        """The moments when so many more requests may be sent, as far as it is known."""
        guess = 0 if self.pause else self.refused_count or 0
        start, permitted = max(self.clock(), self.closed_until), min(self._permitted(), default=guess)
        permitted -= bool(self.raises and permitted > 1)  # one more is tried: nobody's last chance may be that one
        if permitted:
            free = [max(at + MINUTE, start) for at in sorted([*self.taken, *self.asked])[-permitted:]]
            free = [start] * (permitted - len(free)) + free
            return [free[n % permitted] + MINUTE * (n // permitted) for n in range(count)]
        return [start + n * self.pause for n in range(count)]


_paces: dict[tuple[str, ...], Pace] = {}


def pace_of(*credential: str) -> Pace:
    """The queue of a credential, as `Upstream.paced_with` names it."""
    return _paces.setdefault(credential, Pace())


@dataclass
class Place:
    """The place of one request among those that its provider is sent. `had_turn`: it gave its place back, such as to wait for money, and goes before those that
    wait for their first."""

    pace: Pace
    at: float | None = None
    had_turn: bool = False
    left: float = 0.0

    def take(self, *, by_force: bool = False) -> bool:
        """False: the provider takes no more now, or others wait for it."""
        if self.at is None and (by_force or ((self.had_turn or not self.pace.waiters) and self.pace.may_send())):
            self.at, self.had_turn = self.pace.sending(), True
        return self.at is not None

    async def take_soon(self) -> bool:
        """Take it now, or at its step. False as `take` has it."""
        while not self.take():
            if (seconds := self.pace.claim()) is None:
                return False
            await asyncio.sleep(seconds)
        return True

    async def wait(self, order: Order, *, until: float, is_wanted: Callable[[], bool]) -> bool:
        """False: the provider took no more before `until`, or the client has left."""
        self.at = await turn(self.pace, order, until=until, is_wanted=is_wanted)
        self.had_turn = self.at is not None
        return self.had_turn

    def leaves(self) -> None:
        """It is on its way now."""
        self.left = self.pace.clock()

    def give_back(self, status: int = 0, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        """Its status line has come, or it was not sent (status 0)."""
        if self.at is not None:
            at, self.at = self.at, None
            self.pace.answered(at, status, headers, left=self.left)


async def turn(pace: Pace, order: Order, *, until: float, is_wanted: Callable[[], bool]) -> float | None:
    """Wait until a request may be sent, and count it as sent. Returns when, which `answered` is given. None: not before `until`, or its client has left."""
    waiter = Waiter(order, until)
    pace.waiters.append(waiter)
    is_passed_on = False
    try:
        while True:
            pace.release()
            if waiter.go.is_set():
                is_passed_on = True
                return waiter.at
            if pace.clock() > until or not is_wanted():
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(pace.opens_in()):
                    await waiter.go.wait()
    finally:
        if waiter in pace.waiters:
            pace.waiters.remove(waiter)
        elif not is_passed_on:
            pace.answered(waiter.at, 0, {})


def patience_of(agent: str, headers: Mapping[str, str]) -> float:
    """Seconds that a request of this program may wait in silence: a third less than the program would. `headers`: its own, with names in lower case."""
    known = [waits.PROGRAM_S.get(agent, waits.UNKNOWN_PROGRAM_S)]
    for name in STATED:
        stated = headers.get(name, "")
        if stated.isdecimal() and len(stated) < 8 and int(stated) >= LEAST_S:
            known.append(float(stated))
    return min(known) * waits.PART_OF_PROGRAM


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


def wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until the provider takes requests again, as a refusal says: its own time, or the reset of a limit that is used up. None: it does not."""
    if (seconds := retry_after(headers, -1)) >= 0:
        return seconds
    resets = [
        seconds_until(headers.get(name.replace("remaining", "reset"), ""))
        for name, count in headers.items()
        if count == "0" and "ratelimit" in name and "remaining" in name
    ]
    return max((seconds for seconds in resets if seconds is not None), default=None)


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
