"""A worker stops trusting its shim by its own clock, which counts only the time in which it looked."""

import pytest

from orchestration.processes import shim_watch
from orchestration.processes.shim_watch import ShimWatch


class Looking:
    """A worker that looks every tenth of a second."""

    def __init__(self, **bounds: float) -> None:
        self.now = 1000.0
        self.watch = ShimWatch(**{"wall_s": 500, "idle_s": 0, "grace_s": 5, **bounds}, now=self.now)

    def look(self, seconds: float, *, beats: bool, output: bool = False) -> str:
        """The cause of the end, after so many seconds with or without a frame each second; empty: none."""
        for tenth in range(round(seconds * 10)):
            self.now += 0.1
            self.watch.look(self.now)
            if beats and tenth % 10 == 0:
                self.watch.receive(output=output)
        overdue = self.watch.overdue()
        return overdue.cause if overdue else ""


def test_a_shim_that_beats_is_trusted_for_as_long_as_the_agent_may_run() -> None:
    looking = Looking(wall_s=500)
    assert looking.look(500, beats=True) == ""
    assert looking.look(7.5, beats=True) == "", "the shim has the grace and a margin"
    assert looking.look(1, beats=True) == "wall_timeout"


def test_ten_seconds_of_silence_end_the_trust() -> None:
    looking = Looking()
    assert looking.look(9.5, beats=False) == ""
    assert looking.look(1, beats=False) == "killed"
    looking.watch.receive(output=False)
    assert looking.look(9.5, beats=False) == ""


def test_a_stop_has_the_grace_and_three_seconds_whatever_the_shim_sends() -> None:
    looking = Looking(grace_s=5)
    looking.look(60, beats=True)
    looking.watch.request = "stopped"
    assert looking.look(7.5, beats=True) == ""
    assert looking.look(1, beats=True) == "stopped"


def test_a_kill_has_three_seconds_and_does_not_wait_for_the_grace_of_a_stop() -> None:
    looking = Looking(grace_s=60)
    looking.watch.request = "stopped"
    looking.look(10, beats=True)
    looking.watch.request = "killed"
    assert looking.look(2.5, beats=True) == ""
    assert looking.look(1, beats=True) == "killed"


def test_an_agent_is_idle_when_the_shim_reports_no_output() -> None:
    looking = Looking(idle_s=4, grace_s=1)
    assert looking.look(60, beats=True, output=True) == ""
    assert looking.look(6.5, beats=True) == "", "idle, the grace and a margin"
    assert looking.look(2, beats=True) == "idle_timeout"


@pytest.mark.parametrize("request_", ["", "stopped"])
def test_a_worker_that_did_not_look_does_not_take_its_own_pause_for_the_shims(request_: shim_watch.Request) -> None:
    """It was frozen itself, or a database kept it waiting."""
    looking = Looking(wall_s=50, idle_s=20)
    looking.look(1, beats=True)
    looking.watch.request = request_
    for _ in range(5):
        looking.now += 3600
        looking.watch.look(looking.now)
    assert looking.watch.overdue() is None
    assert looking.watch.silent_s <= 5 * shim_watch.MAX_LOOK_S + 1
