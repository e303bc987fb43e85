"""A stop gets harder by the agent's own ladder, and never later than the grace."""

import signal
import time
from collections.abc import Callable

import pytest

from orchestration.processes import agent_process, procfs
from orchestration.processes.agent_process import Process, Spec
from orchestration.processes.kill_sequence import Step
from orchestration.processes.tree_kill import ASK_ALL, KillStep, TreeKill

ASpec = Callable[..., Spec]
LEADER, CHILD, LATE = (procfs.Seen(pid, parent=1, group=pid, session=pid, started=pid) for pid in (101, 102, 103))


class Tree:
    """A tree on paper: who lives, and who was sent what. KILL works on all but the undead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *alive: procfs.Seen, undead: bool = False) -> None:
        self.alive = list(alive)
        self.undead = undead
        self.sent: list[tuple[int, str]] = []
        monkeypatch.setattr(procfs, "send", self._send)

    def ending(self, *ladder: KillStep, grace_s: float = 5) -> TreeKill:
        return TreeKill(self.find, grace_s=grace_s, now=0.0, leader=LEADER, ladder=ladder or [ASK_ALL])

    def find(self) -> tuple[set[int], dict[int, procfs.Seen]]:
        return {each.pid for each in self.alive}, {each.pid: each for each in self.alive}

    def _send(self, process: procfs.Seen, signum: int) -> bool:
        if process not in self.alive:
            return False
        self.sent.append((process.pid, signal.Signals(signum).name[3:]))
        if signum == signal.SIGKILL and not self.undead:
            self.alive.remove(process)
        return True


def at(ending: TreeKill, *moments: float) -> None:
    """At each moment as many passes as it takes: after the leader was signalled, the others' turn is in the next."""
    for now in moments:
        ending.step(now)
        ending.step(now)


def test_without_a_ladder_all_are_asked_once_and_killed_at_the_grace(monkeypatch):
    tree = Tree(monkeypatch, LEADER, CHILD)
    ending = tree.ending()
    at(ending, 0.0, 0.1, 4.9)
    assert tree.sent == [(101, "TERM"), (102, "TERM")]
    at(ending, 5.0)
    assert tree.sent[2:] == [(101, "KILL"), (102, "KILL")]


def test_it_climbs_from_the_leader_to_all(monkeypatch):
    tree = Tree(monkeypatch, LEADER, CHILD)
    ending = tree.ending(KillStep("INT", "leader", 0), KillStep("TERM", "all", 0.3))
    at(ending, 0.0)
    at(ending, 0.2)
    assert tree.sent == [(101, "INT")]
    at(ending, 0.3)
    assert tree.sent[1:] == [(101, "TERM"), (102, "TERM")]


def test_elders_are_asked_before_what_they_started(monkeypatch):
    """A wrapper, its agent, the agent's tool: an agent that sees its tool die first would ask the model what to do next."""
    tree = Tree(monkeypatch, LATE, CHILD, LEADER)
    at(tree.ending(), 0.0)
    assert tree.sent == [(101, "TERM"), (102, "TERM"), (103, "TERM")]


def test_a_process_that_appears_later_gets_the_rung_of_the_moment(monkeypatch):
    tree = Tree(monkeypatch, LEADER)
    ending = tree.ending(KillStep("INT", "all", 0), KillStep("TERM", "all", 1))
    at(ending, 0.0)
    tree.alive.append(CHILD)
    at(ending, 0.5)
    at(ending, 1.0)
    tree.alive.append(LATE)
    at(ending, 1.1)
    assert tree.sent == [(101, "INT"), (102, "INT"), (101, "TERM"), (102, "TERM"), (103, "TERM")]


@pytest.mark.parametrize("ladder", [[KillStep("INT", "leader", 0), KillStep("TERM", "all", 3)], [KillStep("INT", "leader", 0)]])
def test_what_the_leader_left_behind_need_not_wait_and_is_asked_once(monkeypatch, ladder: list[KillStep]):
    tree = Tree(monkeypatch, LEADER, CHILD)
    ending = tree.ending(*ladder)
    at(ending, 0.0)
    tree.alive.remove(LEADER)
    at(ending, 0.1, 3.0, 3.1)
    assert tree.sent == [(101, "INT"), (102, "TERM")]


def test_a_number_that_is_not_the_leader_any_more_does_not_hold_up_the_others(monkeypatch):
    tree = Tree(monkeypatch, LEADER._replace(started=999), CHILD)
    at(tree.ending(KillStep("INT", "leader", 0)), 0.0)
    assert sorted(tree.sent) == [(101, "TERM"), (102, "TERM")]


def test_steps_beyond_the_grace_never_come(monkeypatch):
    tree = Tree(monkeypatch, LEADER)
    ending = tree.ending(KillStep("INT", "leader", 0), KillStep("TERM", "all", 7), grace_s=2)
    pause = ending.step(1.99)
    assert pause <= 0.011, "the KILL is not slept over"
    at(ending, 2.0)
    assert tree.sent == [(101, "INT"), (101, "KILL")]


def test_a_ladder_may_kill_before_the_grace(monkeypatch):
    tree = Tree(monkeypatch, LEADER)
    ending = tree.ending(KillStep("TERM", "all", 0), KillStep("KILL", "all", 0.5))
    at(ending, 0.0)
    at(ending, 0.5)
    assert tree.sent == [(101, "TERM"), (101, "KILL")]


def test_hurry_brings_the_kill_forward_past_all_steps(monkeypatch):
    tree = Tree(monkeypatch, LEADER)
    ending = tree.ending(KillStep("INT", "leader", 0), KillStep("TERM", "all", 1))
    at(ending, 0.0)
    ending.hurry(0.1)
    at(ending, 0.1)
    assert tree.sent == [(101, "INT"), (101, "KILL")]


def test_it_gives_up_on_what_no_signal_reaches_and_says_how_many(monkeypatch):
    tree = Tree(monkeypatch, LEADER, CHILD, undead=True)
    ending = tree.ending(grace_s=0)
    at(ending, 0.0)
    at(ending, 5.0)
    assert (ending.over, ending.survivors) == (True, 2)


def test_two_looks_in_a_row_must_find_nobody(monkeypatch):
    tree = Tree(monkeypatch)
    ending = tree.ending()
    ending.step(0.0)
    tree.alive.append(CHILD)
    at(ending, 0.1)
    tree.alive.remove(CHILD)
    ending.stirred()
    for over in (False, False, True):  # the first of them saw a death before it
        ending.step(0.2)
        assert ending.over is over


@pytest.mark.parametrize("times", [(0.3, 0), (0, 0), (-1,)])
def test_steps_come_strictly_one_after_the_other(a_spec: ASpec, times: tuple[float, ...]):
    with pytest.raises(ValueError, match="one after the other"):
        a_spec("sleep", ladder=tuple(Step("TERM", "all", after) for after in times))


def test_a_real_agent_is_interrupted_first(a_spec: ASpec):
    with agent_process.start(a_spec("sleep", ladder=(Step("INT", "leader", 0), Step("TERM", "all", 2)))) as process:
        wait_for(process, "sleeping")
        process.stop()
        assert (process.ended.cause, process.ended.signal) == ("stopped", signal.SIGINT)
        assert process.ended.kill_seconds < 1.5


def test_a_real_agent_that_ignores_the_first_step_gets_the_second(a_spec: ASpec):
    with agent_process.start(
        a_spec("ignore_int", "sleep", ladder=(Step("INT", "leader", 0), Step("TERM", "all", 0.2)))
    ) as process:
        wait_for(process, "sleeping")
        asked = time.monotonic()
        process.stop()
        assert (process.ended.cause, process.ended.signal) == ("stopped", signal.SIGTERM)
        assert time.monotonic() - asked >= 0.2


def wait_for(process: Process, text: str) -> str:
    return next(line.text for line in process.lines() if line and text in line.text)
