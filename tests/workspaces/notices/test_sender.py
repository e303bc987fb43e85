"""The sender's thread: it goes on after whatever happens, lets connections go, and prunes its log once an hour."""

from types import SimpleNamespace
from typing import Any

import pytest

from workspaces.notices import sending


class Stopped(BaseException):
    """The thread of a test ends, unlike one of a server."""


def run(monkeypatch: pytest.MonkeyPatch, turns: list[tuple[float, Exception | None]]) -> list[str]:
    """The steps of the thread in turns at these seconds, each with the error that it meets."""
    done: list[str] = []
    moments, errors = iter([at for at, _ in turns]), iter([error for _, error in turns])
    clock = SimpleNamespace(now=0.0)

    def wait(tick_s: float) -> bool:
        assert tick_s == 7
        clock.now = next(moments, None)
        if clock.now is None:
            raise Stopped
        done.append("woke")
        return True

    def drain() -> None:
        done.append("drained")
        if (error := next(errors)) is not None:
            raise error

    monkeypatch.setattr(sending, "wake_up", SimpleNamespace(wait=wait, clear=lambda: done.append("cleared")))
    monkeypatch.setattr(sending, "close_old_connections", lambda: None)
    monkeypatch.setattr(sending, "connections", SimpleNamespace(close_all=lambda: done.append("closed")))
    monkeypatch.setattr(sending.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(sending, "drain", drain)
    monkeypatch.setattr(sending.deliveries, "prune", lambda: done.append("pruned"))
    with pytest.raises(Stopped):
        sending.run_forever(7)
    return done


TURN = ["woke", "cleared", "drained"]


def test_an_error_of_one_turn_lets_its_connections_go_and_ends_no_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [(1.0, None), (2.0, OSError("gone")), (3.0, ZeroDivisionError()), (4.0, None)]
    assert run(monkeypatch, turns) == [*TURN, *TURN, "closed", *TURN, "closed", *TURN]


def test_the_log_is_pruned_an_hour_after_the_last_time(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[tuple[float, Any]] = [(3600.0, None), (3601.0, None), (3602.0, None), (7201.0, None), (7202.0, None)]
    assert run(monkeypatch, turns) == [*TURN, *TURN, "pruned", *TURN, *TURN, *TURN, "pruned"]


def test_a_turn_that_meets_an_error_lets_its_connections_go(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    def fail(_: int) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(sending, "attempt", fail)
    monkeypatch.setattr(sending, "connections", SimpleNamespace(close_all=lambda: closed.append(True)))
    assert sending._send_queue([1, 2]) == 0 and closed == [True]
