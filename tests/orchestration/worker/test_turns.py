"""Sessions that were dispatched together are prepared in turns, and none waits for long."""

import threading

import pytest

from orchestration.worker.preparing import turns as module
from orchestration.worker.preparing.turns import Turns


def in_a_thread(act: object) -> threading.Thread:
    thread = threading.Thread(target=act)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_the_next_one_prepares_when_the_first_agent_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 60)
    turns, order = Turns(at_once=1), []
    turns.take()

    def second() -> None:
        turns.take()
        order.append("second")
        turns.give_back()

    waiting = in_a_thread(second)
    order.append("first")
    turns.give_back()
    turns.give_back()  # the end of a session gives back what its agent's start has
    waiting.join(30)
    assert order == ["first", "second"]
    turns.take()
    assert not turns._free.acquire(blocking=False), "no turn was given back twice"


def test_a_session_waits_neither_for_a_slow_one_for_long_nor_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, gone_on = Turns(at_once=1), threading.Event()
    turns.take()

    def other() -> None:
        monkeypatch.setattr(module, "PATIENCE_S", 60)
        turns.take(is_over=lambda: True)
        monkeypatch.setattr(module, "PATIENCE_S", 0)
        turns.take()
        turns.give_back()  # of a turn that it does not have
        gone_on.set()

    in_a_thread(other)
    assert gone_on.wait(30) and not turns._free.acquire(blocking=False)
