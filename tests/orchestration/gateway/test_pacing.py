"""The queue of a credential: what its provider permits is learned, and who waits is served in the plan's order."""

import asyncio
import itertools
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.gateway import pacing
from orchestration.gateway.pacing import RateLimiter, retry_after, seconds_until

FIRST, SECOND = (1, False, 0, 1), (1, False, 0, 2)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    yield Clock()


def send(limiter: RateLimiter, status: int = 200, **headers: str) -> None:
    at = limiter.sending()
    limiter.answered(at, status, {name.replace("_", "-"): value for name, value in headers.items()})


def test_while_nothing_is_known_requests_go_one_after_the_other(clock: Clock) -> None:
    """The refusal of one comes before the next is sent."""
    limiter = RateLimiter(clock)
    for _ in range(20):
        assert limiter.may_send()
        limiter.sending()
        assert not limiter.may_send()
        clock.now += pacing.STEP_S


def test_the_more_a_provider_takes_the_shorter_are_the_steps(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    for _ in range(240):
        send(limiter)
        clock.now += pacing.STEP_S
    limiter.sending()
    clock.now += pacing.STEP_S / 4
    assert limiter.may_send()


def test_requests_that_come_at_once_have_steps_of_their_own(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    limiter.sending()
    steps = [limiter.claim() for _ in range(4)]
    assert steps[:2] == pytest.approx([pacing.STEP_S, 2 * pacing.STEP_S])
    assert steps[-1] is None, "who would wait long has a row that says so"


@pytest.mark.parametrize(("latency", "seconds"), [(0.02, 1.0), (2.0, 3.0)])
def test_forty_requests_to_a_provider_without_limits_go_as_soon_as_none_is_refused(
    clock: Clock, latency: float, seconds: float
) -> None:
    limiter, began, sent = RateLimiter(clock), clock.now, 0
    while sent < 40:
        clock.now += 0.005
        for at in [at for at in limiter.pending if at + latency <= clock.now]:
            limiter.answered(at, 200, {})
        if limiter.may_send():
            limiter.sending()
            sent += 1
    assert clock.now - began < seconds


def test_a_request_that_its_providers_limit_keeps_has_no_step(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter)
    send(limiter, 429, retry_after="7")
    assert limiter.claim() is None
    assert limited(clock, 3).claim() is None, "its limit is known"


def test_a_refusal_closes_the_queue_for_the_time_that_it_names(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter, 429, retry_after="7")
    assert not limiter.may_send()
    clock.now += 7
    assert limiter.may_send()


def test_a_later_refusal_with_a_shorter_time_opens_the_queue_no_sooner(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    first, second = limiter.sending(), limiter.sending()
    limiter.answered(first, 429, {"retry-after": "60"})
    limiter.answered(second, 429, {"retry-after": "2"})
    assert limiter.closed_for() == 60


def test_after_a_second_refusal_no_more_go_in_a_minute_than_were_taken(clock: Clock) -> None:
    limiter = limited(clock, 10)
    for _ in range(10):
        clock.now += pacing.STEP_S
        assert limiter.may_send()
        send(limiter)
    clock.now += 1
    assert not limiter.may_send()


@pytest.mark.parametrize(
    ("count", "headers", "seconds"), [(2, {"retry_after": "90"}, 90), (30, {"retry_after": "5"}, 5), (3, {}, 10)]
)
@pytest.mark.parametrize("latency", [0.05, 3.0])
def test_a_refusal_teaches_a_time_after_which_the_full_rate_is_back_within_ten_seconds(
    clock: Clock, count: int, headers: dict[str, str], seconds: int, latency: float
) -> None:
    limiter = RateLimiter(clock)
    for _ in range(count):
        send(limiter)
    clock.now += 0.2
    send(limiter, 429, **headers)
    clock.now += seconds - 0.1
    assert not limiter.may_send()
    reset, sent, answers = clock.now + 0.1, 0, list[tuple[float, float]]()
    while clock.now < reset + 20:
        clock.now += 0.05
        while answers and answers[0][0] <= clock.now:
            limiter.answered(answers.pop(0)[1], 200, {})
        if limiter.may_send():
            at = limiter.sending()
            answers.append((at + latency, at))
            sent += clock.now > reset + 10
    assert sent > 0.9 * 10 / (pacing.STEP_S + 0.05), "one each step, as before the refusal"


def test_a_provider_that_names_no_time_is_asked_six_times_a_minute_at_most_while_it_refuses(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    for _ in range(3):
        send(limiter)
    asked = 0
    for _ in range(3000):
        clock.now += 0.1
        if limiter.may_send():
            asked += 1
            send(limiter, 429)
    assert 25 <= asked <= 30


def test_a_rate_that_was_learned_too_low_is_raised_soon(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    for _ in range(10):
        send(limiter)
    send(limiter, 429, retry_after="1")
    clock.now += 61
    for _ in range(2):
        send(limiter)
    clock.now += 0.1
    send(limiter, 429, retry_after="1")
    clock.now += 2
    for _ in range(1200):
        clock.now += 0.1
        if limiter.may_send():
            send(limiter)
    assert limiter.per_minute is None or limiter.per_minute > 5


def test_a_refusal_names_the_reset_of_the_limit_that_is_used_up() -> None:
    headers = {
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "40s",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "2h",
    }
    assert pacing.wait_s(headers) == 40
    assert pacing.wait_s({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}) == 360
    assert pacing.wait_s({"retry-after": "7", **headers}) == 7
    assert pacing.wait_s({}) is None


def test_the_rest_in_its_headers_counts(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter, x_ratelimit_remaining_requests="2", x_ratelimit_reset_requests="30s", x_ratelimit_limit_requests="4")
    for _ in range(2):
        assert limiter.may_send()
        limiter.sending()
    assert not limiter.may_send()
    clock.now += 30
    assert limiter.may_send()
    limiter.sending()
    assert not limiter.may_send(), "no minute has more than its limit"


def test_a_refusal_that_passes_at_once_holds_up_little(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    for _ in range(5):
        send(limiter)
    clock.now += 5
    send(limiter, 429, retry_after="1")
    for _ in range(20):
        clock.now += 1.1
        assert limiter.may_send()
        send(limiter)


def waiting(limiter: RateLimiter, *orders: pacing.Order, patience: float = 1000) -> list[pacing.Waiter]:
    limiter.waiters += [pacing.Waiter(order, limiter.clock() + patience) for order in orders]
    return list(limiter.waiters)


def test_who_waits_is_served_in_the_plans_order(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter)
    send(limiter, 429)
    second, first = waiting(limiter, SECOND, FIRST)
    limiter.release()
    assert not first.go.is_set()
    clock.now += 61
    limiter.release()
    assert first.go.is_set() and not second.go.is_set()


def test_a_request_with_little_patience_left_goes_first(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter)
    send(limiter, 429)
    (last,) = waiting(limiter, SECOND, patience=70)
    clock.now += 61
    waiting(limiter, FIRST)
    limiter.release()
    assert last.go.is_set()


def limited(clock: Clock, per_minute: int) -> RateLimiter:
    """Its provider has taken so many a minute and refused the next, twice: the last time a minute ago."""
    limiter = RateLimiter(clock)
    for _ in range(2):
        for _ in range(per_minute):
            send(limiter)
        clock.now += 0.1
        send(limiter, 429)
        clock.now += 61
    return limiter


def test_the_plans_order_holds_as_long_as_all_are_served_in_time(clock: Clock) -> None:
    limiter = limited(clock, 1)
    (second,) = waiting(limiter, SECOND, patience=100)
    (_, first) = waiting(limiter, FIRST, patience=1000)
    limiter.release()
    assert first.go.is_set() and not second.go.is_set()


def test_many_that_wait_are_served_in_time_one_after_the_other(clock: Clock) -> None:
    """However long each of them could wait behind one of a higher priority, together they could not."""
    limiter = limited(clock, 1)
    last = waiting(limiter, *[SECOND] * 5, patience=370)
    waiting(limiter, FIRST)
    for _ in range(6):
        limiter.release()
        send_answers(limiter)
        clock.now += 60.1
    assert all(each.go.is_set() and each.sent_at <= each.until for each in last)


def test_a_request_that_left_late_counts_from_then(clock: Clock) -> None:
    """Its money is reserved between its turn and its way."""
    limiter = limited(clock, 1)
    slot = pacing.Slot(limiter)
    assert slot.take()
    clock.now += 5
    slot.departs()
    clock.now += 3
    slot.give_back(200)
    clock.now += 57
    assert not limiter.may_send()
    clock.now += 1
    assert limiter.may_send()


def test_a_refusal_for_a_moment_lowers_no_known_limit_but_the_next_one_does(clock: Clock) -> None:
    limiter = limited(clock, 3)
    for _ in range(2):
        send(limiter)
    send(limiter, 429, retry_after="1")
    assert limiter.per_minute == 3 and not limiter.may_send()
    clock.now += 2
    send(limiter, 429, retry_after="1")
    assert limiter.per_minute == 2


def test_those_that_cannot_wait_longer_keep_the_plans_order_among_them(clock: Clock) -> None:
    limiter = limited(clock, 1)
    *_, third = waiting(limiter, *[(1, False, 3, n) for n in (3, 2, 1)], patience=150)
    waiting(limiter, FIRST)
    limiter.release()
    assert third.go.is_set()


def test_a_request_that_no_turn_would_serve_in_time_takes_none_from_the_plan(clock: Clock) -> None:
    limiter = limited(clock, 1)
    limiter.release()
    send(limiter)
    late, first = waiting(limiter, SECOND, patience=30)[0], waiting(limiter, FIRST)[1]
    clock.now += 61
    limiter.release()
    assert first.go.is_set() and not late.go.is_set()


def send_answers(limiter: RateLimiter) -> None:
    for at in list(limiter.pending):
        limiter.answered(at, 200, {})


def test_requests_at_work_count_as_taken_when_a_later_one_is_refused(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    sent = []
    for _ in range(11):
        sent.append(limiter.sending())
        clock.now += pacing.STEP_S
    for at in sent[:7]:
        limiter.answered(at, 200, {})
    limiter.answered(sent[10], 429, {"retry-after": "59"})
    assert limiter.refused_count == 10
    for at in sent[7:9]:
        limiter.answered(at, 200, {})
    limiter.answered(sent[9], 429, {"retry-after": "59"})
    assert limiter.refused_count == 9, "it was sent before, and refused, too"


def test_who_waits_without_a_change_looks_again(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter, 429, retry_after="60")

    async def steps() -> float | None:
        turn = asyncio.create_task(pacing.wait_for_turn(limiter, FIRST, until=clock.now + 100, is_connected=lambda: True))
        await asyncio.sleep(0)
        clock.now += 61
        return await turn

    assert asyncio.run(steps()) == clock.now


def test_a_client_that_leaves_waits_no_longer(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter, 429, retry_after="100")
    turn = pacing.wait_for_turn(limiter, FIRST, until=clock.now + 1000, is_connected=lambda: False)
    assert asyncio.run(turn) is None
    assert not limiter.waiters


def test_a_turn_that_came_too_late_is_given_back(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter, 429, retry_after="60")

    async def steps() -> None:
        turn = asyncio.create_task(pacing.wait_for_turn(limiter, FIRST, until=clock.now + 100, is_connected=lambda: True))
        await asyncio.sleep(0)
        clock.now += 61
        limiter.release()
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)

    asyncio.run(steps())
    assert not limiter.pending and not limiter.waiters


def test_a_place_that_is_given_back_takes_nothing_of_the_limit(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    send(limiter, x_ratelimit_remaining_requests="1", x_ratelimit_reset_requests="60s")
    for _ in range(5):
        slot = pacing.Slot(limiter)
        assert slot.take()
        slot.give_back()
    assert limiter.may_send() and limiter.remaining == 1


def test_a_request_that_had_its_turn_goes_before_those_that_wait(clock: Clock) -> None:
    limiter = RateLimiter(clock)
    slot = pacing.Slot(limiter)
    assert slot.take()
    slot.give_back()  # to wait for money
    waiting(limiter, FIRST)
    assert not pacing.Slot(limiter).take()
    assert slot.take()


class Limited:
    """A provider with a limit a minute. `kind`: of its minute. `latency`: seconds until the status line of an answer; a refusal waits for no model."""

    def __init__(self, kind: str, limit: int, headers: str, latency: float) -> None:
        self.kind, self.limit, self.headers, self.latency = kind, limit, headers, latency
        self.taken: list[float] = []
        self.refused = 0

    def answer(self, now: float) -> tuple[int, dict[str, str]]:
        free_at = self._free_at(now)
        if free_at <= now:
            self.taken.append(now)
            return 200, self._counts(now)
        self.refused += 1
        seconds = 1 if self.headers == "always 1" else math.ceil(free_at - now)
        return 429, {"retry-after": str(seconds)} if self.headers else {}

    def seconds_to(self, status: int) -> float:
        return self.latency if status == 200 else min(self.latency, 0.5)

    def _free_at(self, now: float) -> float:
        if self.kind == "spaced":
            return self.taken[-1] + 60 / self.limit if self.taken else now
        if self.kind == "bucket":
            recent = [at for at in self.taken if at > now - 600]
            level = float(self.limit)
            for before, at in itertools.pairwise([*recent, now]):
                level = min(level - 1 + (at - before) * self.limit / 60, self.limit)
            return now if not recent or level >= 1 else now + (1 - level) * 60 / self.limit
        since = now - 60 if self.kind == "sliding" else now - now % 60
        recent = [at for at in self.taken if at > since]
        if len(recent) < self.limit:
            return now
        return recent[0] + 60 if self.kind == "sliding" else since + 60

    def _counts(self, now: float) -> dict[str, str]:
        if self.headers != "counts":
            return {}
        recent = [at for at in self.taken if at > now - 60]
        name = "x-ratelimit-{}-requests"
        return {
            name.format("limit"): str(self.limit),
            name.format("remaining"): str(self.limit - len(recent)),
            name.format("reset"): f"{math.ceil(60 - (now - recent[-1]))}s",
        }


@pytest.mark.parametrize("latency", [0.05, 3.0])
@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("sliding", "counts"),
        ("sliding", "retry-after"),
        ("sliding", ""),
        ("fixed", "retry-after"),
        ("fixed", ""),
        ("spaced", "retry-after"),
    ],
)
def test_fifty_sessions_on_a_key_of_ten_a_minute_meet_hardly_a_refusal(
    clock: Clock, kind: str, headers: str, latency: float
) -> None:
    provider, limiter, served = Limited(kind, 10, headers, latency), RateLimiter(clock), list[int]()
    events = [(clock.now, n, "ask", 0.0) for n in range(50)]
    sent: dict[pacing.Waiter, int] = {}
    answers: dict[tuple[int, float], tuple[int, dict[str, str]]] = {}
    began, requests, late = clock.now, 300, 0
    ticks = itertools.count()
    while len(served) < requests and clock.now < began + 3_600:
        events.sort()
        moment, session, event, at = events.pop(0) if events else (clock.now + 1, next(ticks), "look", 0.0)
        clock.now = max(clock.now, min(moment, clock.now + 1) if event == "look" else moment)
        if event == "ask":
            waiter = pacing.Waiter((1, False, 2, session), clock.now + 400)
            sent[waiter] = session
            limiter.waiters.append(waiter)
        elif event == "answer":
            status, replied = answers.pop((session, at))
            limiter.answered(at, status, replied)
            if status == 200:
                served.append(session)
            events.append((clock.now + (1 if status == 200 else 0), session, "ask", 0.0))
        limiter.release()
        for gone in [each for each in sent if each.go.is_set()]:
            session = sent.pop(gone)
            late += gone.sent_at > gone.until
            answers[session, gone.sent_at] = provider.answer(gone.sent_at + 0.01)
            events.append(
                (gone.sent_at + provider.seconds_to(answers[session, gone.sent_at][0]), session, "answer", gone.sent_at)
            )
        if not any(each[2] != "look" for each in events):
            events.append((clock.now + 1, 0, "look", 0.0))
    assert len(served) == requests
    assert provider.refused <= 0.02 * requests
    assert clock.now - began <= 60 * requests / 10 * 1.25
    assert set(served) == set(range(50))
    assert not late, "each is served before its client would ask again"


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


@pytest.mark.parametrize(
    ("agent", "headers", "seconds"),
    [
        ("gemini", {}, 40),
        ("", {}, 400),
        ("", {"x-stainless-timeout": "60"}, 40),
        ("claude_code", {"x-stainless-timeout": "600"}, 400),
        ("qwen", {"x-stainless-timeout": "600"}, 400),
        ("codex", {"x-stainless-read-timeout": "soon", "x-server-timeout": "0"}, 400),
    ],
)
def test_a_request_waits_a_third_less_than_its_program_would(agent: str, headers: dict[str, str], seconds: int) -> None:
    assert pacing.patience_of(agent, headers) == seconds
