"""A stop follows the agent's kill sequence, and kills at the grace at the latest."""

import signal
import time
from collections.abc import Callable

import pytest

from orchestration.processes import agent_process
from orchestration.processes.agent_process import Process, Spec
from orchestration.processes.kill_sequence import Step
from orchestration.processes.shim import procfs, tree_kill
from orchestration.processes.shim.tree_kill import TERM_ALL, KillStep, TreeKill

ASpec = Callable[..., Spec]
LEADER, CHILD, LATE = (procfs.ProcessInfo(pid, parent=1, group=pid, session=pid, started=pid) for pid in (101, 102, 103))


class Tree:
    """A simulated tree: living processes and the signals sent. KILL works unless the tree is undead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *alive: procfs.ProcessInfo, undead: bool = False) -> None:
        self.alive = list(alive)
        self.undead = undead
        self.sent: list[tuple[int, str]] = []
        monkeypatch.setattr(procfs, "send_signal", self._send)

    def tree_kill(self, *steps: KillStep, grace_s: float = 5) -> TreeKill:
        return TreeKill(self.find, grace_s=grace_s, now=0.0, leader=LEADER, kill_sequence=steps or [TERM_ALL])

    def find(self, whole: bool = False) -> tuple[set[int], dict[int, procfs.ProcessInfo]]:
        return {process.pid for process in self.alive}, {process.pid: process for process in self.alive}

    def _send(self, process: procfs.ProcessInfo, signum: int) -> bool:
        if process not in self.alive:
            return False
        self.sent.append((process.pid, signal.Signals(signum).name[3:]))
        if signum == signal.SIGKILL and not self.undead:
            self.alive.remove(process)
        return True


def at(tree_kill: TreeKill, *moments: float) -> None:
    """Two passes at each moment: after the leader's signal, the others get theirs in the next pass."""
    for now in moments:
        tree_kill.step(now)
        tree_kill.step(now)


def test_without_a_sequence_all_get_term_once_and_kill_at_the_grace(monkeypatch):
    tree = Tree(monkeypatch, LEADER, CHILD)
    tree_kill = tree.tree_kill()
    at(tree_kill, 0.0, 0.1, 4.9)
    assert tree.sent == [(101, "TERM"), (102, "TERM")]
    at(tree_kill, 5.0)
    assert tree.sent[2:] == [(101, "KILL"), (102, "KILL")]


def test_it_escalates_from_the_leader_to_all(monkeypatch):
    tree = Tree(monkeypatch, LEADER, CHILD)
    tree_kill = tree.tree_kill(KillStep("INT", "leader", 0), KillStep("TERM", "all", 0.3))
    at(tree_kill, 0.0)
    at(tree_kill, 0.2)
    assert tree.sent == [(101, "INT")]
    at(tree_kill, 0.3)
    assert tree.sent[1:] == [(101, "TERM"), (102, "TERM")]


def test_parents_are_signalled_before_their_children(monkeypatch):
    """A wrapper, its agent, the agent's tool: an agent whose tool dies first would ask the model what to do next."""
    tree = Tree(monkeypatch, LATE, CHILD, LEADER)
    at(tree.tree_kill(), 0.0)
    assert tree.sent == [(101, "TERM"), (102, "TERM"), (103, "TERM")]


def test_a_process_that_appears_later_gets_the_current_step(monkeypatch):
    tree = Tree(monkeypatch, LEADER)
    tree_kill = tree.tree_kill(KillStep("INT", "all", 0), KillStep("TERM", "all", 1))
    at(tree_kill, 0.0)
    tree.alive.append(CHILD)
    at(tree_kill, 0.5)
    at(tree_kill, 1.0)
    tree.alive.append(LATE)
    at(tree_kill, 1.1)
    assert tree.sent == [(101, "INT"), (102, "INT"), (101, "TERM"), (102, "TERM"), (103, "TERM")]


@pytest.mark.parametrize("steps", [[KillStep("INT", "leader", 0), KillStep("TERM", "all", 3)], [KillStep("INT", "leader", 0)]])
def test_children_of_a_gone_leader_get_the_next_step_at_once_and_only_once(monkeypatch, steps: list[KillStep]):
    tree = Tree(monkeypatch, LEADER, CHILD)
    tree_kill = tree.tree_kill(*steps)
    at(tree_kill, 0.0)
    tree.alive.remove(LEADER)
    at(tree_kill, 0.1, 3.0, 3.1)
    assert tree.sent == [(101, "INT"), (102, "TERM")]


def test_a_reused_pid_of_the_leader_does_not_delay_the_others(monkeypatch):
    tree = Tree(monkeypatch, LEADER._replace(started=999), CHILD)
    at(tree.tree_kill(KillStep("INT", "leader", 0)), 0.0)
    assert sorted(tree.sent) == [(101, "TERM"), (102, "TERM")]


def test_steps_beyond_the_grace_never_come(monkeypatch):
    tree = Tree(monkeypatch, LEADER)
    tree_kill = tree.tree_kill(KillStep("INT", "leader", 0), KillStep("TERM", "all", 7), grace_s=2)
    pause = tree_kill.step(1.99)
    assert pause <= 0.011, "the pause ends before the KILL is due"
    at(tree_kill, 2.0)
    assert tree.sent == [(101, "INT"), (101, "KILL")]


def test_a_sequence_may_kill_before_the_grace(monkeypatch):
    tree = Tree(monkeypatch, LEADER)
    tree_kill = tree.tree_kill(KillStep("TERM", "all", 0), KillStep("KILL", "all", 0.5))
    at(tree_kill, 0.0)
    at(tree_kill, 0.5)
    assert tree.sent == [(101, "TERM"), (101, "KILL")]


def test_hurry_brings_the_kill_forward_past_all_steps(monkeypatch):
    tree = Tree(monkeypatch, LEADER)
    tree_kill = tree.tree_kill(KillStep("INT", "leader", 0), KillStep("TERM", "all", 1))
    at(tree_kill, 0.0)
    tree_kill.hurry(0.1)
    at(tree_kill, 0.1)
    assert tree.sent == [(101, "INT"), (101, "KILL")]


def test_it_gives_up_on_unkillable_processes_and_counts_them(monkeypatch):
    tree = Tree(monkeypatch, LEADER, CHILD, undead=True)
    tree_kill = tree.tree_kill(grace_s=0)
    at(tree_kill, 0.0)
    at(tree_kill, 5.0)
    assert (tree_kill.over, tree_kill.survivors) == (True, 2)


def test_two_passes_in_a_row_must_find_no_process(monkeypatch):
    tree = Tree(monkeypatch)
    tree_kill = tree.tree_kill()
    tree_kill.step(0.0)
    tree.alive.append(CHILD)
    at(tree_kill, 0.1)
    tree.alive.remove(CHILD)
    tree_kill.note_death()
    for over in (False, False, True):  # the first of them saw a death before it
        tree_kill.step(0.2)
        assert tree_kill.over is over


@pytest.mark.parametrize("times", [(0.3, 0), (0, 0), (-1,)])
def test_steps_come_strictly_one_after_the_other(a_spec: ASpec, times: tuple[float, ...]):
    with pytest.raises(ValueError, match="one after the other"):
        a_spec("sleep", kill_sequence=tuple(Step("TERM", "all", after) for after in times))


def test_a_real_agent_is_interrupted_first(a_spec: ASpec):
    with agent_process.start(a_spec("sleep", kill_sequence=(Step("INT", "leader", 0), Step("TERM", "all", 2)))) as process:
        wait_for(process, "sleeping")
        process.stop()
        assert (process.ended.cause, process.ended.signal) == ("stopped", signal.SIGINT)
        assert process.ended.kill_seconds < 1.5


def test_a_real_agent_that_ignores_the_first_step_gets_the_second(a_spec: ASpec):
    with agent_process.start(
        a_spec("ignore_int", "sleep", kill_sequence=(Step("INT", "leader", 0), Step("TERM", "all", 0.2)))
    ) as process:
        wait_for(process, "sleeping")
        stopped_at = time.monotonic()
        process.stop()
        assert (process.ended.cause, process.ended.signal) == ("stopped", signal.SIGTERM)
        assert time.monotonic() - stopped_at >= 0.2


def wait_for(process: Process, text: str) -> str:
    return next(line.text for line in process.lines() if line and text in line.text)


def test_a_group_that_strangers_are_in_is_not_killed_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs, alone = (
        procfs.ProcessInfo(pid, 1, group, 1, 5) for pid, group in ((900001, 900010), (900002, 900010), (900003, 900011))
    )
    groups: list[int] = []
    killed: list[int] = []
    monkeypatch.setattr(tree_kill.os, "killpg", lambda group, _: groups.append(group))
    monkeypatch.setattr(tree_kill.procfs, "send_signal", lambda process, _: killed.append(process.pid))
    everything = {process.pid: process for process in (ours, theirs, alone)}
    TreeKill(lambda _: (set(), {}), grace_s=5, now=0.0)._kill({ours.pid, alone.pid}, everything)
    assert groups == [900011] and sorted(killed) == [ours.pid, alone.pid]
