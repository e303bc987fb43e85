"""The harder reason to stop wins, and without a renewal a supervisor may act for three quarters of its lease."""

from typing import Any

import pytest

from orchestration.sessions.stop_flags import StopFlags


class Process:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def stop(self) -> None:
        self.calls.append("stop")

    def kill(self) -> None:
        self.calls.append("kill")

    def renew(self, at: float) -> None:
        self.renewed_at = at


def running() -> tuple[StopFlags, Process]:
    flags, process = StopFlags("sess_1", 1), Process()
    flags.attach(process)
    return flags, process


@pytest.mark.parametrize(("seconds", "may_act"), [(0, True), (29.9, True), (30.0, False), (40.0, False)])
def test_a_worker_without_a_renewal_may_act_for_three_quarters_of_its_lease(settings: Any, seconds: float, may_act: bool) -> None:
    settings.LEASE_S = 40
    now = [1000.0]
    flags = StopFlags("sess_1", 1, clock=lambda: now[0])
    now[0] += seconds
    assert flags.may_act is may_act
    flags.renewed_at = now[0]
    assert flags.may_act


@pytest.mark.parametrize(
    ("reason", "call"), [("stopped", "stop"), ("interrupted", "stop"), ("superseded", "kill"), ("fenced", "kill")]
)
def test_each_reason_ends_the_process_as_it_should(reason: str, call: str) -> None:
    flags, process = running()
    flags.request_end(reason)
    assert (flags.reason, process.calls) == (reason, [call])


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("stopped", "interrupted", "stopped"),
        ("interrupted", "stopped", "interrupted"),
        ("stopped", "fenced", "fenced"),
        ("interrupted", "superseded", "superseded"),
        ("fenced", "stopped", "fenced"),
    ],
)
def test_the_first_reason_stays_unless_the_session_is_lost(first: str, second: str, reason: str) -> None:
    flags, _ = running()
    flags.request_end(first)
    flags.request_end(second)
    assert flags.reason == reason


def test_a_process_that_starts_after_the_stop_is_stopped_and_after_a_kill_killed() -> None:
    for kills, call in ((False, "stop"), (True, "kill")):
        flags, process = StopFlags("sess_1", 1), Process()
        flags.request_end("stopped")
        if kills:
            flags.hurry()
        flags.attach(process)
        assert process.calls == [call]


def test_a_kill_is_sent_once() -> None:
    flags, process = running()
    flags.request_end("stopped")
    flags.hurry()
    flags.hurry()
    assert process.calls == ["stop", "kill"]


def test_a_process_that_is_used_up_is_stopped_and_its_session_goes_on() -> None:
    flags, process = running()
    flags.stop_process()
    assert (process.calls, flags.reason) == (["stop"], "")


def test_a_renewal_reaches_the_process_also_one_that_was_started_meanwhile() -> None:
    flags, process = running()
    flags.renew(5.0)
    assert flags.renewed_at == process.renewed_at == 5.0
    later = Process()
    flags.attach(later)
    assert later.renewed_at == 5.0
