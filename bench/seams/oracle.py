"""What a case means: its entries, its config, its arithmetic, and what must be so at each moment. It knows the case's script alone, and none of the product's code."""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.seams import provider
from bench.seams.agent import MAX_TOKENS
from bench.seams.provider import Key

ENTRIES, REQUESTS, THINK_S = 4, 3, 0.2
MICRO = 10**6
INPUT, INPUT_BOUND = 360, 1_600
"""Tokens of a request, at most; and by its bytes, as long as nobody has counted them."""
PLENTY = 50.0
MAIN, SPARE = "key-of-main-0123456789", "key-of-spare-0123456789"
MODELS = {"claude_code": "claude-haiku-4-5", "qwen": "gpt-5"}
REFUSALS = ("429 with a reset", "429 without", "no credit", "401", "529")
FOR_GOOD = ("no credit", "401")
OF_MONEY = {"money_reserved", "project_budget_exceeded", "budget_exceeded"}
SLOW_CHECK_S = 3.0
RECOVERY_S = {
    "429 with a reset": provider.RESET_S + 10,
    "429 without": provider.SILENT_S + 25,
    "529": provider.SILENT_S + 25,
    "no credit": 25,
    "401": 25,
    "cuts": 75,
    "makes more": 5,
    "session worker": 20,
    "control worker": 15,
    "gateway": 15,
    "pause and resume": 8,
    "stop one": 8,
    "message": 5,
    "raised": 15,
    "a day's limit": 15,
    "approval": 10,
    "moves": 5,
    "flaky": 15,
    "fallback": 10,
    "two": 5,
    "lost and back": 30,
    "shared, unnamed": 15,
    "pull request": 20,
    "own budgets": 20,
    "tight": 15,
    "shares": 5,
}
"""What each value may add to the time of the work, in seconds: the provider's own time, and what the docs state of waits."""
RED = """exec > red.xml
echo '<testsuite>'
for n in 0 1 2 3 never; do
  [ -e work-$n.txt ] && echo "<testcase name='w$n'/>" || echo "<testcase name='w$n'><failure message='not there'/></testcase>"
done
echo '</testsuite>'
exit 1
"""
"""Tests of a red base: each entry makes one pass, and one never does."""
BASE_S, START_S = 10.0, 1.5


@dataclass(frozen=True)
class Task:
    """An entry of the script. `writes`: its files; `named`: those that its spec names; `after`: indexes; `bad_rounds`: so many fail first."""

    n: int
    writes: tuple[str, ...]
    named: tuple[str, ...]
    after: tuple[int, ...] = ()
    bad_rounds: int = 0

    def body(self, budget_usd: float | None, criteria: bool) -> dict[str, Any]:
        plan = {
            "requests": REQUESTS,
            "think_s": THINK_S,
            "files": self.writes,
            "line": f"line of {self.n}",
            "bad": self.bad_rounds,
        }
        spec = {"files_to_modify": list(self.named), **({"acceptance_criteria": ["its file is there"]} if criteria else {})}
        more = {} if budget_usd is None else {"budget_usd": budget_usd}
        after = {"depends_on": [str(n) for n in self.after]} if self.after else {}
        return {"content": f"SEAMS {json.dumps(plan)}", "spec": spec, "ref": str(self.n), "budget_rounds": 12, **after, **more}


@dataclass
class Case:
    """`values`: by dimension; what its table does not have is plain. `port`: for checks that listen; `bin`: a folder with the agents' programs."""

    table: str
    number: int
    values: Mapping[str, str]
    bin: str = ""
    port: int = 0
    tasks: list[Task] = field(init=False)

    def __post_init__(self) -> None:
        self.tasks = [self._task(n) for n in range(ENTRIES)]

    def __str__(self) -> str:
        return f"{self.table}-{self.number}"

    def has(self, *values: str) -> bool:
        return any(value in values for value in self.values.values())

    def _task(self, n: int) -> Task:
        files = self.values.get("files", "apart")
        own, shared = (f"work-{n}.txt",), ("shared.txt",) if files.startswith("shared") else ()
        after = {"chain": [(), (0,), (1,), (2,)], "diamond": [(), (0,), (0,), (1, 2)]}.get(files, [()] * ENTRIES)[n]
        named = own + (shared if files == "shared, named" else ())
        return Task(n, own + shared, named, tuple(after), 1 if self.has("ladder") and n % 2 == 0 else 0)

    # The config.

    @property
    def workers(self) -> int:
        return 4 if self.has("best of two") else 2

    def keys(self) -> dict[str, Key]:
        return {MAIN: Key(self.values.get("provider", "well")), SPARE: Key()}

    def agent(self, url: str, key: str, kind: str) -> dict[str, Any]:
        if kind == "qwen":
            return {"kind": kind, "model": MODELS[kind], "env": {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key}}
        env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key}
        if kind == "command":
            return {"kind": kind, "command": [f"{self.bin}/command"], "env": env}
        return {"kind": kind, "model": MODELS[kind], "env": env}

    def config(self, url: str) -> dict[str, Any]:
        kind = self.values["agent"]
        others = {"claude_code": "qwen", "qwen": "claude_code", "command": "command"}
        agents = {"spare": self.agent(url, SPARE, others[kind]), "judge": self.agent(url, SPARE, kind)}
        main = {
            **self.agent(url, MAIN, kind),
            "provider_patience_s": 5,
            **({"fallback": ["spare"]} if self.has("fallback") else {}),
        }
        routes = {
            "ladder": [{"agent": "spare", "rounds": 1}, {"agent": "default"}],
            "best of two": [{"agent": "default", "candidates": 2}],
        }
        route = routes.get(self.values.get("route", ""))
        roles = {role: {"agent": "judge"} for role in ("verifier", "interceptor") if self.has(role)}
        return {
            "agent": main,
            "agents": agents,
            "max_workers": self.workers,
            "prices": {MODELS["qwen"]: provider.PRICES},
            "round_ceiling_usd": 2,
            "min_round_usd": 0.02,
            "verify": self.checks(),
            "landing": {"refusals": 6},
            "sandbox": self._sandbox(url),
            **({"route": route} if route else {}),
            **({"approve": {"mode": "always"}} if self.has("approval") else {}),
            **roles,
        }

    def _sandbox(self, url: str) -> dict[str, Any]:
        """A command's provider, on the host's loopback, is named to the proxy and to private networks."""
        chosen = self.values.get("sandbox", "private")
        if chosen == "none":
            return {"mode": "none", "network": "open"}
        return {"network": chosen, "allow": [url.removeprefix("http://")]}

    def checks(self) -> list[dict[str, Any]]:
        good = "ls work-*.txt && ! grep -l bad work-*.txt"
        listens = f"python3 -c \"import socket, time; s = socket.socket(); s.bind(('127.0.0.1', {self.port})); s.listen(); time.sleep(1.5)\""
        junit = 'echo "<testsuite tests=\\"1\\"><testcase name=\\"work\\"/></testsuite>" > report.xml'
        runs = {"slow": f"sleep {SLOW_CHECK_S:g}; {good}", "a port": f"{listens} && {good}", "named files": "sh check.sh"}
        first = {"name": "work", "run": runs.get(self.values.get("checks", ""), good)}
        if self.has("JUnit"):
            first |= {"run": f"{good} && {junit}", "junit": "report.xml"}
        old = {"name": "old", "run": "sh red.sh", "junit": "red.xml"}
        flaky = {"name": "flaky", "run": "test $(( 1$(date +%N) % 5 )) != 3"}
        return [first, *([old] if self.has("red") else []), *([flaky] if self.has("flaky") else [])]

    def in_repository(self) -> dict[str, str]:
        """Files of the base."""
        return {"check.sh": "ls work-*.txt && ! grep -l bad work-*.txt\n", "work-base.txt": "a base\n", "red.sh": RED}

    def may_use(self, key: str) -> bool:
        """Its implementing agents are served by this key."""
        return key == MAIN or self.has("fallback")

    # The arithmetic, in micro-USD.

    @property
    def goes_past(self) -> bool:
        return self.values["agent"] == "command"

    @property
    def is_exact(self) -> bool:
        """No answer breaks off, so that at the end nothing is unknown."""
        return self.has_no_fault and not self.has("cuts", "best of two", "stop one")

    @property
    def costs(self) -> int:
        """An answer's."""
        output = MAX_TOKENS * provider.OVERRUN if self.has("makes more") else min(provider.OUTPUT, MAX_TOKENS)
        return int(INPUT * provider.PRICES["input"] + output * provider.PRICES["output"])

    @property
    def bound(self) -> int:
        """A request's."""
        return max(int(INPUT_BOUND * provider.PRICES["input"] + MAX_TOKENS * provider.PRICES["output"]), self.costs)

    @property
    def rounds(self) -> int:
        return sum(1 + task.bad_rounds for task in self.tasks)

    @property
    def requests(self) -> int:
        """Answers that the work needs, without a fault."""
        judged = sum(self.has(role) for role in ("verifier", "interceptor"))
        return self.rounds * (REQUESTS + judged) * (2 if self.has("best of two") else 1)

    @property
    def most_requests(self) -> int:
        """With one repetition for each fault, of what was at work then."""
        again = REQUESTS + 1 if self.goes_past else 1
        extra = self.workers * again * ((not self.has_plain("fault")) + self.has("lost and back"))
        extra += (REQUESTS + 1) * self.has("stop one", "message", "edit") + self.workers * again * self.has(*REFUSALS, "cuts")
        extra += (REQUESTS + 1) * ENTRIES * (self.has("shared, unnamed") + self.has("flaky"))
        return self.requests + extra

    @property
    def repeats(self) -> int:
        """So often a program repeats a refused request while SILENT_S last: what the gateway does not hold back."""
        return 3 if self.goes_past or self.has("529") else 1

    @property
    def has_no_fault(self) -> bool:
        return self.has_plain("fault") and not self.has("lost and back")

    def has_plain(self, name: str) -> bool:
        return self.values.get(name, "none") == "none"

    @property
    def need(self) -> int:
        """With the bounds of answers that are not known: these stay reserved."""
        broken = provider.CUTS * (self.bound + self.costs) if self.has("cuts") else 0
        repeated = (self.most_requests - self.requests) * self.costs
        lost = self.bound * (self.workers * (not self.has_plain("fault")) + self.has("stop one"))
        return self.requests * self.costs + broken + repeated + lost

    @property
    def cap(self) -> float:
        """USD. What just suffices has room for the bound of the last request."""
        times = {"tight": 1.1, "own budgets": 0.6, "shares": 1.5, "raised": 0.5}.get(self.values.get("money", ""), 0)
        return round((self.need * times + self.bound * (times > 1)) / MICRO, 4) or PLENTY

    @property
    def plan(self) -> float:
        """USD of the plan, which entries share: as much as the cap, where they do."""
        return self.cap if self.has("tight", "shares") else PLENTY

    @property
    def day_limit(self) -> float | None:
        return round(self.need * 0.5 / MICRO, 4) if self.has("a day's limit") else None

    def bodies(self) -> list[dict[str, Any]]:
        budget = 5.0 if self.has("own budgets") else None
        return [task.body(budget, self.has("verifier")) for task in self.tasks]

    # The time.

    @property
    def floor_s(self) -> float:
        """The longest line of work, on a machine of one's own."""
        answer = provider.SLOW_S if self.has("slow") else 0.15
        check = {"slow": SLOW_CHECK_S, "a port": 1.5 * ENTRIES}.get(self.values.get("checks", ""), 0.1)
        round_s = (
            START_S + REQUESTS * (answer + THINK_S) + check + sum(self.has(role) * answer for role in ("verifier", "interceptor"))
        )
        lines = {"chain": 4, "diamond": 3, "shared, named": 4, "shared, unnamed": 4}.get(self.values.get("files", ""), 0)
        rounds = max(lines, math.ceil(self.rounds * (2 if self.has("best of two") else 1) / self.workers))
        return rounds * round_s + 2 * check + START_S

    @property
    def recovery_s(self) -> float:
        return BASE_S + sum(RECOVERY_S.get(value, 0.0) for value in self.values.values())

    @property
    def vain_starts(self) -> int:
        """Of an entry: two, its faults, people's acts, and each refusal for each agent."""
        agents = 2 if self.has("fallback") else 1
        people = 1 if self.values.get("people", "nobody") != "nobody" else 0
        return (
            2
            + (not self.has_plain("fault"))
            + self.has("lost and back")
            + people
            + 2 * agents * self.has(*REFUSALS)
            + provider.CUTS * self.has("cuts")
        )

    # A moment.

    def true_reasons(self, task: Task, now: "Moment") -> set[str]:
        """Reasons that this entry may have. Empty: nothing stands in its way."""
        reasons = set(now.of_people.get(task.n, ()))
        if any(now.status[n] != "done" for n in task.after):
            reasons.add("dependencies_pending")
        if any(n != task.n and n in now.begun and set(other.writes) & set(task.writes) for n, other in enumerate(self.tasks)):
            reasons.add("files_locked")
        if self.has("pull request") and task.n in now.begun:
            reasons.add("waiting_for_merge")
        if now.free_slots < (2 if self.has("best of two") else 1):
            reasons.add("concurrency_limit")
        if not now.is_open:
            reasons.add("agent_unavailable")
        if now.free_money < REQUESTS * self.bound * 1.5:
            reasons |= OF_MONEY
        return reasons


@dataclass(frozen=True)
class Moment:
    """What the script, the provider and the open sessions say. `begun`: entries with work that has not landed. `of_people`: reasons that people gave."""

    status: Mapping[int, str]
    begun: Collection[int]
    free_slots: int
    free_money: float
    is_open: bool
    of_people: Mapping[int, Collection[str]] = field(default_factory=dict)
