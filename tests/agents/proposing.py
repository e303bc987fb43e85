"""Real CLIs in the roles that propose, several at once in one Muster: the runs of a step end by one kill."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from budget.categories import ANSWER_KEYS
from tests import sampling
from tests.agents.harness import MICRO, Bench, command_turn, text_turn
from tests.agents.llm import ScriptedLLM
from tests.agents.test_claude_code import claude
from tests.agents.test_codex import codex
from tests.agents.test_gemini import gemini
from tests.agents.test_opencode import opencode
from tests.faults.harness import Client, Running
from tests.patience import PATIENCE

AGENTS: dict[str, Callable[[ScriptedLLM, str], dict[str, Any]]] = {
    "claude": claude,
    "codex": codex,
    "opencode": lambda provider, scenario: opencode(provider.url(scenario)),
    "gemini": lambda provider, scenario: gemini(provider.url(scenario)),
}
USAGE = {"input": 2000, "output": 100, "cache_read": 4000}
LOOK = command_turn("ls", usage=USAGE)
PROSE = text_turn("I would rather write about it.", usage=USAGE)
SETTLE_S = 120 * PATIENCE  # until the CLIs of a step reach it on two busy cores


@dataclass(frozen=True)
class Role:
    """`key`: of the config. `path`: where it is asked, with the backlog's only entry. `kind`: of what its answer proposes."""

    key: str
    category: str
    path: str
    body: dict[str, str]
    answer: dict[str, Any]
    kind: str

    @property
    def turn(self) -> dict[str, Any]:
        """The turn in which the model answers as it was asked to."""
        return text_turn(json.dumps(self.answer), usage=USAGE)


ROLES = {
    "plan": Role(
        "planner",
        "orchestrator",
        "/plan-runs",
        {"goal": "There must be a file ok"},
        {"entries": [{"content": "Write ok", "spec": {"files_to_create": ["ok"]}}]},
        "add",
    ),
    "expand": Role(
        "expander",
        "expansion",
        "/todo/entries/{entry}/expand-runs",
        {},
        {"entries": [{"content": "First half"}, {"content": "Second half"}]},
        "split",
    ),
    "orchestrate": Role(
        "orchestrator",
        "orchestrator",
        "/orchestrator-runs",
        {},
        {"changes": [{"kind": "change", "entry": "#1", "priority": "high", "reason": "It is the only one"}]},
        "change",
    ),
}


@dataclass(frozen=True)
class Step:
    """The point that the runs reach. `turns`: what the model does in each turn of the run, given the turn that answers as asked. `arrived`:
    the model requests, or `plan`: the call (tests/faults/crashing), at which `act` ends them. `paid`: how many requests were answered."""

    name: str
    turns: Callable[[dict[str, Any]], list[list[dict[str, Any]]]]
    ends: str
    paid: int
    arrived: int = 0
    plan: str = ""
    act: str = "kill"

    def __str__(self) -> str:
        return self.name


START, KEEP = "orchestration.sessions.supervise run", "orchestration.proposals.making keep_answer"
EVERY_STEP = [
    Step("killed before its first request", lambda good: [[LOOK, good]], "lost", 0, plan=f"{START} 1"),
    Step("killed in the middle of a request", lambda good: [[LOOK, {**good, "hang": "before"}]], "lost", 1, arrived=2),
    Step("killed between answer and proposals", lambda good: [[LOOK, good]], "lost", 2, plan=f"{KEEP} 1"),
    Step("killed between answer and repair", lambda good: [[LOOK, PROSE], [good]], "lost", 2, plan=f"{START} 2"),
    Step("killed in the middle of the repair", lambda good: [[PROSE], [{**good, "hang": "before"}]], "lost", 1, arrived=2),
    Step(
        "killed between its proposals and its end",
        lambda good: [[PROSE], [good]],
        "passed",
        2,
        plan="orchestration.sessions.lifecycle conclude 1",
    ),
    Step("stopped", lambda good: [[LOOK, {**good, "hang": "before"}]], "stopped", 1, arrived=2, act="stop"),
    Step("repaired", lambda good: [[LOOK, PROSE], [LOOK, good]], "passed", 4, act=""),
]
STEPS = sampling.part(EVERY_STEP, 4)


Name = tuple[str, str]
NAMES: list[Name] = [(cli, role) for cli in AGENTS for role in ROLES]


def cases_of(step: Step) -> list[Name]:
    """Every CLI in every role where that is asked for: it takes too long for CI. Else every CLI in one role, another one at each step."""
    if sampling.ASKED:
        return NAMES
    roles = list(ROLES)
    return [(cli, roles[(n + EVERY_STEP.index(step)) % len(roles)]) for n, cli in enumerate(AGENTS)]


@dataclass
class Case:
    """One CLI in one role: a workspace with one entry, and its runs so far, by step."""

    cli: str
    role: Role
    work: Bench
    provider: ScriptedLLM
    scenarios: dict[str, str]
    entry: str = ""
    runs: dict[str, str] = field(default_factory=dict)

    def begin(self, step: Step) -> None:
        agent = AGENTS[self.cli](self.provider, self.scenarios[step.name])
        self.work.call("PATCH", "/config", {self.role.key: {"agent": agent, "run_usd": 0.5}})
        self.runs[step.name] = str(self.work.call("POST", self.role.path.format(entry=self.entry), self.role.body)["id"])

    def stop(self, step: Step) -> None:
        self.work.call("POST", f"/runs/{self.runs[step.name]}/stop")

    def run(self, step: Step) -> dict[str, Any]:
        run: dict[str, Any] = self.work.call("GET", f"/runs/{self.runs[step.name]}")
        return run

    def log(self, step: Step) -> str:
        """The output of the run's agent."""
        return self.work.client.text("GET", f"{self.work.path}/runs/{self.runs[step.name]}/log")

    def rows(self, step: Step | None = None) -> list[dict[str, Any]]:
        """The ledger, or what the step's run has in it."""
        rows = self.work.call("GET", "/budget/ledger?limit=500")["entries"]
        return [row for row in rows if step is None or row["session_id"] == self.runs[step.name]]

    def spent(self) -> dict[str, int]:
        """Micro-USD of each category."""
        shown = self.work.call("GET", "/budget")["global"]
        return {name: round(shown[key] * MICRO) for name, key in ANSWER_KEYS.items()}


class Sweep:
    """Twelve cases in one Muster."""

    def __init__(self, up: Running, client: Client, provider: ScriptedLLM, folder: Path, plans: Path) -> None:
        self.up, self.provider, self.plans = up, provider, plans
        self._troubles: dict[str, str] = {}
        folder.mkdir()
        own = {name: {step.name: f"{'-'.join(name)}-{n}" for n, step in enumerate(STEPS)} for name in NAMES}
        scenarios = {own[cli, role][step.name]: {"rounds": step.turns(ROLES[role].turn)} for cli, role in NAMES for step in STEPS}
        provider.begin(scenarios)
        self.cases = {}
        for cli, role in NAMES:
            place = folder / f"{cli}-{role}"
            place.mkdir()
            work = Bench(up, client, place)
            work.call("POST", "/executor/pause")
            self.cases[cli, role] = Case(cli, ROLES[role], work, self.provider, own[cli, role], work.add("Write ok"))

    def played(self, step: Step) -> None:
        """Play a step when it is first asked for. Raises AssertionError each time if its runs did not get there."""
        if step.name not in self._troubles:
            self._troubles[step.name] = f"{step} was cut off"
            self._play(step)
            self._troubles[step.name] = ""
        assert not self._troubles[step.name], self._troubles[step.name]

    def _play(self, step: Step) -> None:
        """The runs of this step, until they have ended."""
        (self.plans / "runs").write_text(step.plan)
        for name in cases_of(step):
            self.cases[name].begin(step)
        if step.act:
            self._wait(lambda: self._elsewhere(step))
        if step.act == "kill":
            os.kill(self.up.children()["sessions"], signal.SIGKILL)
        for name in cases_of(step) if step.act == "stop" else ():
            self.cases[name].stop(step)
        (self.plans / "runs").unlink()
        self._wait(lambda: [name for name in cases_of(step) if not self.cases[name].run(step)["ended_at"]])

    def _elsewhere(self, step: Step) -> list[Name]:
        """The cases whose runs have not reached this step."""
        if step.plan:
            return [name for name in cases_of(step) if not (self.plans / self.cases[name].runs[step.name]).exists()]
        arrived = Counter(request["scenario"] for request in self.provider.log() if not request["side"])
        return [name for name in cases_of(step) if arrived[self.cases[name].scenarios[step.name]] < step.arrived]

    def _wait(self, late: Callable[[], list[Name]]) -> None:
        over = time.monotonic() + SETTLE_S
        while names := late():
            assert time.monotonic() < over, f"not within {SETTLE_S} s: {names}"
            time.sleep(0.2)
